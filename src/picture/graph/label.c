/*
 * label.c -- what is written into a node, as one of Graphviz's tables.
 */
#include "graph_impl.h"

#include "torchless/mem.h"
#include "torchless/ui.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COLUMNS 40 /* of a line; the middle of a longer one is left out */
#define BESIDE  32 /* bytes that a class and a shape may take on one line */
#define FORMULA 34
#define SPARK   32 /* columns of a sparkline */

struct writing {
	struct text *out;
	const struct look *look;
};

/* The colours of a node, by kind or by what was measured. */
static void add_row(struct writing *w, const char *s, int size, bool bold, const char *extra)
{
	struct text cut = { 0 };

	name_add_cut(&cut, s, COLUMNS);
	text_addf(w->out, "<TR><TD%s%s><FONT POINT-SIZE=\"%d\" COLOR=\"%s\">%s", *extra ? " " : "",
		  extra, size, bold ? w->look->ink : w->look->pale, bold ? "<B>" : "");
	escape_html(w->out, cut.data);
	text_addf(w->out, "%s</FONT></TD></TR>", bold ? "</B>" : "");
	text_release(&cut);
}

static void add_lines(struct writing *w, const char *s, int size, const char *extra)
{
	while (s && *s) {
		size_t n = strcspn(s, "\n");
		char *line = mem_memdup(s, n);

		add_row(w, line, size, false, extra);
		free(line);
		s += n + (s[n] == '\n');
	}
}

/* A formula is read whole: it goes on in the next line. */
static void add_wrapped(struct writing *w, const char *s)
{
	while (*s) {
		size_t n = strlen(s);
		char *line;

		if (n > FORMULA) {
			for (n = FORMULA; n && s[n] != ' ';)
				n--;
			n = n ? n : FORMULA;
		}
		line = mem_memdup(s, n);
		add_row(w, line, 8, false, "");
		free(line);
		s += n + (s[n] == ' ');
	}
}

/* ---- what was measured ---------------------------------------------------------------------- */

/* A share in percent: what is less than the clock's noise is only small. */
static const char *format_share(double share, char *buf, size_t size)
{
	if (share > 0 && share < 1e-4)
		snprintf(buf, size, "<0.01");
	else
		snprintf(buf, size, "%.3g", printed(100 * share));
	return buf;
}

/* A number of a series: shares as percents, bytes with their unit. */
static const char *format_one(const struct graph_measures *m, double x, char *buf, size_t size)
{
	if (m->by == GRAPH_BY_BYTES && x >= 0 && x < 9e18)
		return mem_format_bytes((int64_t)x, buf, size);
	if (m->by == GRAPH_BY_TIME)
		return format_share(x, buf, size);
	return ui_format_number(x, buf, size);
}

static void add_number(struct text *t, const char *between, const char *name, double x)
{
	char buf[32];

	if (!isnan(x))
		text_addf(t, "%s%s %s", t->len ? between : "", name,
			  ui_format_number(x, buf, sizeof(buf)));
}

void label_add_measures(struct text *t, const struct graph_measures *m)
{
	/* What it is coloured by has a line of its own, unless that is the time. */
	const char *between = m->by == GRAPH_BY_L2 || m->by == GRAPH_BY_ABSMAX ? "\n" : " · ";
	char count[32];

	if (!isnan(m->share))
		text_addf(t, "%s%s%s %% of time", t->len ? " · " : "", m->is_estimate ? "≈ " : "",
			  format_share(m->share, count, sizeof(count)));
	if (m->by == GRAPH_BY_BYTES && m->bytes >= 0)
		text_addf(t, "%s%s", t->len ? " · " : "",
			  format_one(m, m->bytes, count, sizeof(count)));
	else if (m->by == GRAPH_BY_ABSMAX)
		add_number(t, between, "absmax", m->absmax);
	else
		add_number(t, between, "l2", m->l2);
	if (m->n_nan > 0)
		text_addf(t, "%s%s NaN", t->len ? "\n" : "",
			  ui_format_count(m->n_nan, count, sizeof(count)));
	if (m->n_inf > 0)
		text_addf(t, "%s%s inf", t->len ? "\n" : "",
			  ui_format_count(m->n_inf, count, sizeof(count)));
}

void label_add_tooltip(struct text *t, const struct graph_node *n)
{
	const struct graph_measures *m = &n->measures;
	struct text more = { 0 };
	char bytes[32];

	label_add_measures(t, m);
	if (m->pass >= 0)
		text_addf(&more, "[%s] in pass %d", m->shape, m->pass);
	if (m->by == GRAPH_BY_ABSMAX || m->by == GRAPH_BY_BYTES)
		add_number(&more, " · ", "l2", m->l2);
	if (m->by != GRAPH_BY_ABSMAX)
		add_number(&more, " · ", "absmax", m->absmax);
	if (m->by != GRAPH_BY_BYTES && m->bytes >= 0 && m->bytes < 9e18)
		text_addf(&more, "%s%s moved a pass", more.len ? " · " : "",
			  mem_format_bytes((int64_t)m->bytes, bytes, sizeof(bytes)));
	if (more.len)
		text_addf(t, "%s%s", t->len ? "\n" : "", more.data);
	if (m->is_estimate && !isnan(m->share))
		text_adds(t, "\ntime and bytes are its part of what the module computes itself, "
			     "by what it computes");
	if (n->difference)
		text_addf(t, "%s%s", t->len ? "\n" : "", n->difference);
	text_release(&more);
}

/* Several layers a column where there are more than columns: the largest of them. */
static void add_spark(struct text *t, const struct graph_node *n)
{
	static const struct ui ui = { .utf8 = true };
	int n_layers = n->layers.last - n->layers.first + 1, wide = n_layers;
	double columns[SPARK];

	wide = wide < SPARK ? wide : SPARK;
	for (int i = 0; i < wide; i++) {
		columns[i] = NAN;
		for (int l = i * n_layers / wide; l < (i + 1) * n_layers / wide; l++)
			if (!(n->measures.series[l] <= columns[i]))
				columns[i] = n->measures.series[l];
	}
	ui_add_spark(t, &ui, columns, wide);
}

/* Nothing is to be seen of what is the same in every layer. */
static void add_series(struct writing *w, const struct graph_node *n)
{
	const struct graph_measures *m = &n->measures;
	const char *unit = m->by == GRAPH_BY_TIME ? " %" : "";
	struct text t = { 0 };
	char lo[32], hi[32];

	if (!m->series || isnan(m->lo))
		return;
	format_one(m, m->lo, lo, sizeof(lo));
	format_one(m, m->hi, hi, sizeof(hi));
	if (!strcmp(lo, hi)) {
		text_addf(&t, "%s%s a layer", lo, unit);
	} else {
		add_spark(&t, n);
		add_row(w, t.data, n->layers.last - n->layers.first < 16 ? 8 : 5, false, "");
		text_clear(&t);
		text_addf(&t, "%s … %s%s", lo, hi, unit);
		if (m->worst >= 0)
			text_addf(&t, ", layer %d", m->worst);
	}
	add_row(w, t.data, 8, false, "");
	text_release(&t);
}

static void add_measured(struct writing *w, const struct graph_node *n)
{
	struct text t = { 0 };

	label_add_measures(&t, &n->measures);
	add_lines(w, t.data, 8, "");
	text_release(&t);
	add_series(w, n);
	if (n->verdict != GRAPH_UNCOMPARED && n->difference)
		add_lines(w, n->difference, 8, "");
	if (n->measures.is_first)
		add_row(w, n->verdict ? "the first that differs" : "the first bad value", 8, true,
			"");
}

/* ---- a node --------------------------------------------------------------------------------- */

bool label_is_circle(const struct graph_node *n, enum graph_level level)
{
	return n->kind == GRAPH_RESIDUAL && level != GRAPH_OP && !n->measures.is_known &&
	       !n->measures.is_bad && isnan(n->measures.share) && n->verdict == GRAPH_UNCOMPARED;
}

static void add_words(struct writing *w, const struct graph_node *n, enum graph_level level)
{
	struct text second = { 0 };

	if (n->type && n->kind != GRAPH_RESIDUAL)
		text_adds(&second, n->type);
	if (n->shape)
		text_addf(&second, "%s%s", second.len ? " · " : "", n->shape);
	if (second.len > BESIDE && n->type && n->kind != GRAPH_RESIDUAL) {
		add_row(w, n->type, 8, false, "");
		text_clear(&second);
		text_adds(&second, n->shape ? n->shape : "");
	}
	if (second.len)
		add_row(w, second.data, 8, false, "");
	text_release(&second);
	if (n->formula && level == GRAPH_OP)
		add_wrapped(w, n->formula);
	add_lines(w, n->note, 8, "");
	add_measured(w, n);
}

/* Lines of the weight's colour; a rule above the first. */
static void add_weight(struct writing *w, const char *s)
{
	size_t n = strcspn(s, "\n");
	char *first = mem_memdup(s, n);

	add_row(w, first, 8, false,
		"BORDER=\"1\" SIDES=\"T\" COLOR=\"#888888\" BGCOLOR=\"#f7f7f7\"");
	add_lines(w, s + n + (s[n] == '\n'), 8, "BGCOLOR=\"#f7f7f7\"");
	free(first);
}

void label_add_node(struct text *out, const struct graph_node *n, enum graph_level level,
		    const struct look *look)
{
	struct writing w = { out, look };
	struct text name = { 0 };

	if (is_junction(n) || label_is_circle(n, level)) {
		text_adds(out, is_junction(n) ? "\"\"" : "\"+\"");
		return;
	}
	if (n->kind == GRAPH_RESIDUAL)
		text_adds(&name, "+  ");
	text_adds(&name, n->name);
	if (look->is_table)
		text_addf(
			out,
			"<<TABLE BORDER=\"%d\" CELLBORDER=\"0\" CELLSPACING=\"0\" CELLPADDING=\"2\" COLOR=\"%s\" BGCOLOR=\"%s\">",
			look->width > 1 ? 2 : 1, look->border, look->fill);
	else
		text_adds(
			out,
			"<<TABLE BORDER=\"0\" CELLBORDER=\"0\" CELLSPACING=\"0\" CELLPADDING=\"1\">");
	add_row(&w, name.data, 10, true, "");
	add_words(&w, n, level);
	if (n->weight) {
		struct look plain = *look;

		plain.pale = "#444444";
		w.look = &plain;
		add_weight(&w, n->weight);
	}
	text_adds(out, "</TABLE>>");
	text_release(&name);
}
