/*
 * measure.c -- numbers and colours of the nodes of a graph.
 *
 * Of a folded node each layer is measured alone: times and bytes add up, of l2 and absmax the
 * largest stands for all, and the series keeps every one.
 */
#include "measure_impl.h"

#include "torchless/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LOG_RATIO 100.0 /* from here on a scale counts decades */

/* What a colour is of. */
static const struct color {
	const char *name, *unit, *word;
} colors[] = {
	[GRAPH_BY_KIND] = { "l2", "", NULL }, /* of the series alone */
	[GRAPH_BY_TIME] = { "share of the recorded time", "%", "time" },
	[GRAPH_BY_L2] = { "l2", "", "l2" },
	[GRAPH_BY_ABSMAX] = { "largest magnitude", "", "absmax" },
	[GRAPH_BY_BYTES] = { "bytes moved a pass", "B", "bytes" },
};

static double measured(const struct graph_measures *m, enum graph_color by)
{
	switch (by) {
	case GRAPH_BY_TIME:
		return m->share;
	case GRAPH_BY_ABSMAX:
		return m->absmax;
	case GRAPH_BY_BYTES:
		return m->bytes;
	default:
		return m->l2;
	}
}

/* ---- a layer of a node ---------------------------------------------------------------------- */

static double add(double a, double b)
{
	return isnan(a) ? b : a + b;
}

static double largest(double a, double b)
{
	return isnan(a) || b > a ? b : a;
}

static void format_shape(const struct record_value *v, char *buf, size_t size)
{
	size_t at = 0;

	*buf = '\0';
	for (int i = 0; i < TENSOR_MAX_DIMS && v->dims[i] >= 0 && at < size; i++)
		at += (size_t)snprintf(buf + at, size - at, "%s%lld", i ? "," : "",
				       (long long)v->dims[i]);
}

static struct graph_measures nothing(void)
{
	return (struct graph_measures){ .share = NAN,
					.l2 = NAN,
					.absmax = NAN,
					.bytes = NAN,
					.lo = NAN,
					.hi = NAN,
					.heat = NAN,
					.worst = -1,
					.pass = -1 };
}

static void measure_value(struct graph_measures *m, const struct record_value *v,
			  const struct value *value)
{
	if (!v->id)
		return;
	m->is_known = true;
	m->pass = v->pass;
	m->l2 = v->l2;
	m->absmax = v->absmax;
	m->n_nan = v->n_nan;
	m->n_inf = is_masked(value) ? 0 : v->n_inf;
	format_shape(v, m->shape, sizeof(m->shape));
}

static struct graph_measures measure_layer(const struct graph_node *n, const struct program *p,
					   const struct graph_record *r, int k)
{
	struct graph_measures m = nothing();
	value_id v = node_value(n, p, k);

	for (int i = 0; i < n->n_ops; i++) {
		int op = node_op(n, p, i, k);

		if (op < 0 || !r->ops[op].is_known)
			continue;
		m.is_known = true;
		m.bytes = add(m.bytes, r->ops[op].bytes);
		if (r->ns > 0)
			m.share = add(m.share, r->ops[op].ns / r->ns);
	}
	if (v >= 0)
		measure_value(&m, &r->values[v], &p->values[v]);
	return m;
}

/* ---- a node --------------------------------------------------------------------------------- */

static void add_layer(struct graph_measures *all, const struct graph_measures *m)
{
	if (!m->is_known)
		return;
	all->is_known = true;
	all->share = add(all->share, m->share);
	all->bytes = add(all->bytes, m->bytes);
	all->l2 = largest(all->l2, m->l2);
	all->absmax = largest(all->absmax, m->absmax);
	if (!mem_add(all->n_nan, m->n_nan, &all->n_nan))
		all->n_nan = INT64_MAX;
	if (!mem_add(all->n_inf, m->n_inf, &all->n_inf))
		all->n_inf = INT64_MAX;
	if (m->pass > all->pass) {
		all->pass = m->pass;
		memcpy(all->shape, m->shape, sizeof(all->shape));
	}
}

/* Whether the node has only some of what a module computes itself. */
static bool is_estimate(const struct graph_node *n, const struct program *p, bool *in_node)
{
	bool is_part = false;

	for (int i = 0; i < n->n_ops; i++)
		in_node[n->ops[i]] = true;
	for (int i = 0; i < n->n_ops && !is_part; i++) {
		int module = p->ops[n->ops[i]].module;

		for (int op = p->modules[module].op_first; op < p->modules[module].op_end; op++)
			is_part |= p->ops[op].module == module && !in_node[op];
	}
	for (int i = 0; i < n->n_ops; i++)
		in_node[n->ops[i]] = false;
	return is_part;
}

static void measure_node(struct graph_node *n, const struct program *p,
			 const struct graph_record *r, enum graph_color by)
{
	struct graph_measures *all = &n->measures;
	int layers = node_layers(n);
	bool is_worst_bad = false;

	free(all->series);
	*all = nothing();
	all->by = by;
	if (layers > 1)
		all->series = mem_calloc((size_t)layers, sizeof(*all->series));
	for (int k = 0; k < layers; k++) {
		struct graph_measures m = measure_layer(n, p, r, k);
		double x = measured(&m, by);

		add_layer(all, &m);
		if (!all->series)
			continue;
		all->series[k] = x;
		if (!isnan(x) && (isnan(all->lo) || x < all->lo))
			all->lo = x;
		if (!is_worst_bad && (m.n_nan || m.n_inf || (!isnan(x) && !(x <= all->hi))))
			all->worst = n->layers.first + k;
		is_worst_bad |= m.n_nan || m.n_inf;
		all->hi = largest(all->hi, x);
	}
}

/* ---- the scale ------------------------------------------------------------------------------ */

struct scale {
	double lo, hi;   /* of what is there; NaN */
	double positive; /* the smallest that is more than 0; NaN */
};

static struct scale find_scale(const struct graph *g, enum graph_color by)
{
	struct scale s = { NAN, NAN, NAN };

	for (int i = 0; i < g->n_nodes; i++) {
		double x = measured(&g->nodes[i].measures, by);

		if (!isfinite(x) || is_mark(&g->nodes[i]))
			continue;
		if (isnan(s.lo) || x < s.lo)
			s.lo = x;
		if (x > 0 && (isnan(s.positive) || x < s.positive))
			s.positive = x;
		s.hi = largest(s.hi, x);
	}
	return s;
}

static double heat_of(const struct graph *g, double x)
{
	double heat;

	if (!isfinite(x))
		return NAN;
	if (!(g->heat_hi > g->heat_lo))
		return 0;
	heat = g->heat_is_log ? log(fmax(x, g->heat_lo) / g->heat_lo) / log(g->heat_hi / g->heat_lo)
			      : (x - g->heat_lo) / (g->heat_hi - g->heat_lo);
	return fmin(fmax(heat, 0), 1);
}

/* Shares begin at 0; magnitudes that span decades are told apart by their logarithms. */
static void color(struct graph *g, enum graph_color by)
{
	struct scale s = find_scale(g, by);
	struct text name = { 0 };

	g->heat_lo = by == GRAPH_BY_TIME ? 0 : s.lo;
	g->heat_hi = s.hi;
	g->heat_is_log = by != GRAPH_BY_TIME && s.hi / s.positive >= LOG_RATIO;
	if (g->heat_is_log)
		g->heat_lo = s.positive;
	for (int i = 0; i < g->n_nodes; i++)
		if (!is_mark(&g->nodes[i]))
			g->nodes[i].measures.heat = heat_of(g, measured(&g->nodes[i].measures, by));
	text_addf(&name, "%s%s", colors[by].name, g->heat_is_log ? ", log scale" : "");
	free(g->heat_name);
	free(g->heat_unit);
	g->heat_name = name.data;
	g->heat_unit = mem_strdup(colors[by].unit);
}

/* ---- what is said of it --------------------------------------------------------------------- */

/* The point that the last op that ran computes. */
static const char *last_point(const struct program *p, int n_ran)
{
	for (int op = n_ran - 1; op >= 0; op--)
		for (int i = p->ops[op].n_out - 1; i >= 0; i--)
			if (p->values[p->ops[op].out[i]].point)
				return p->values[p->ops[op].out[i]].name;
	return "nothing";
}

static void say_end(struct text *t, const struct program *p, const struct graph_record *r)
{
	if (r->n_ran < p->n_ops)
		text_addf(t, "\n%s in pass %zu behind %s",
			  !strcmp(r->run.status, "stopped") ? "stopped"
			  : !strcmp(r->run.status, "error") ? "ended by an error"
							    : "broken off",
			  r->n_passes - 1, last_point(p, r->n_ran));
	if (r->first_bad >= 0)
		text_addf(t, "\nfirst %s: %s in pass %d",
			  r->bad[r->first_bad].is_nan ? "NaN" : "infinity",
			  p->values[r->first_bad].name, r->bad[r->first_bad].pass);
}

static void say(struct graph *g, const struct program *p, const struct graph_record *r,
		enum graph_color by)
{
	struct text t = { 0 };

	text_addf(&t, "run %lld", (long long)r->run.id);
	if (r->pass >= 0)
		text_addf(&t, ", pass %d", r->pass);
	else
		text_addf(&t, ", %zu %s", r->n_passes,
			  plural((int64_t)r->n_passes, "pass", "passes"));
	if (colors[by].word)
		text_addf(&t, " · coloured by %s", colors[by].word);
	say_end(&t, p, r);
	free(g->subtitle);
	g->subtitle = t.data;
	free(g->series_name);
	g->series_name = mem_strdup(colors[by].name);
}

void graph_measure(struct graph *g, const struct program *p, const struct graph_record *r,
		   enum graph_color by)
{
	bool *in_node = mem_calloc((size_t)p->n_ops + 1, sizeof(*in_node));

	for (int i = 0; i < g->n_nodes; i++) {
		measure_node(&g->nodes[i], p, r, by);
		g->nodes[i].measures.is_estimate = is_estimate(&g->nodes[i], p, in_node);
	}
	free(in_node);
	g->heat_lo = g->heat_hi = NAN;
	if (by != GRAPH_BY_KIND)
		color(g, by);
	bad_mark(g, p, r);
	say(g, p, r, by);
}
