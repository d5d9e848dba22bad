/*
 * draw.c -- what is shown, as text: what it is called, its statistics, a picture or numbers.
 *
 * The pictures are those of ui_tensor.h, which the debugger draws with; here is chosen which, and
 * two of them with their difference are put beside one another.
 */
#include "show_impl.h"

#include "torchless/mem.h"
#include "torchless/numbers.h"
#include "torchless/stats.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define GAP       2   /* between pictures */
#define MIN_PANEL 24  /* columns of one of three */
#define ALL_ROWS  100 /* of numbers on a terminal */

/* ---- which picture ------------------------------------------------------------------------------
 */

/* Numbers for whoever reads no pictures. */
static bool wants_data(const struct ui *ui, const struct show_options *o)
{
	return !ui->is_terminal && !ui->color && (o->how == SHOW_AUTO || o->how == SHOW_PRINT);
}

static void draw_heat(struct text *t, const struct ui *ui, const struct look *l)
{
	const struct ui_heat_options o = { .labels = &l->s->labels,
					   .lo = l->lo,
					   .hi = l->hi,
					   .map = l->is_difference ? UI_MAP_DIVERGING : UI_MAP_AUTO,
					   .causal = l->s->is_relation,
					   .window = l->s->window };

	if (l->s->is_pattern && !l->is_difference)
		ui_add_pattern(t, ui, l->a, &l->s->labels, l->s->window);
	else
		ui_add_heat(t, ui, l->a, &o);
}

static void draw(struct text *t, const struct ui *ui, const struct look *l)
{
	switch (l->how) {
	case SHOW_HIST:
		ui_add_hist(t, ui, l->a, NULL);
		return;
	case SHOW_TOPK:
		ui_add_topk(t, ui, l->a,
			    &(struct ui_topk_options){ .labels = &l->s->labels,
						       .k = l->k,
						       .magnitude = l->is_difference });
		return;
	case SHOW_SPARK:
		ui_add_sparks(t, ui, l->a, &l->s->labels, 0);
		return;
	case SHOW_PRINT:
		ui_add_array(
			t, ui, l->a,
			&(struct ui_print_options){ .labels = &l->s->labels,
						    .max_rows = ALL_ROWS,
						    .format = show_is_integer(l->a) ? 'd' : 'g' });
		return;
	default:
		draw_heat(t, ui, l);
	}
}

/* ---- one ------------------------------------------------------------------------------------ */

#define BELOW 2 /* columns: where a line above a picture goes on */

static void add_heading(struct text *t, const struct ui *ui, const char *prefix,
			const struct shown *s)
{
	struct text line = { 0 }, styled = { 0 };

	text_adds(&line, prefix);
	text_adds(&line, s->title);
	ui_add_styled(&styled, ui, UI_BOLD, line.data, line.len);
	text_addc(&styled, '\n');
	ui_add_wrapped(t, styled.data, styled.len, ui->width, BELOW, 0);
	text_release(&line);
	text_release(&styled);
}

static void add_statistics(struct text *t, const struct ui *ui, const struct array *a)
{
	struct text line = { 0 };

	/* Of ids they say nothing. */
	if (show_is_integer(a) || a->numel == 0) {
		shown_add_shape(&line, a);
		text_adds(&line, a->numel ? "" : ": no elements");
	} else {
		ui_add_array_line(&line, ui, a);
	}
	text_addc(&line, '\n');
	ui_add_wrapped(t, line.data, line.len, ui->width, BELOW, 0);
	text_release(&line);
}

/* Whether the line of statistics has all elements already. */
static bool line_is_all(const struct array *a)
{
	return a->numel <= 4 && a->n_dims < 2 && !show_is_integer(a);
}

static int add_text(struct text *t, const struct ui *ui, const struct shown *s)
{
	if (ui->is_terminal)
		text_add_visible(t, s->text.data, s->text.len);
	else
		text_add(t, s->text.data, s->text.len);
	text_addc(t, '\n');
	return 0;
}

int show_add(struct text *t, const struct ui *ui, const struct shown *s,
	     const struct show_options *o, struct err *err)
{
	const struct look l = { .s = s, .a = s->array, .k = o->k };
	struct look how = l;

	if (!s->array)
		return add_text(t, ui, s);
	if (wants_data(ui, o))
		return shown_add_rows(t, s, err);
	add_heading(t, ui, "", s);
	add_statistics(t, ui, s->array);
	how.how = show_choose(s, o);
	if (s->array->numel > 0 && !(o->how == SHOW_AUTO && line_is_all(s->array)))
		draw(t, ui, &how);
	return 0;
}

/* ---- two ------------------------------------------------------------------------------------ */

/* The next line of *s, without its end; false behind the last. */
static bool next_line(const char **s, const char **line, size_t *len)
{
	const char *end;

	if (!**s)
		return false;
	end = strchr(*s, '\n');
	*line = *s;
	*len = end ? (size_t)(end - *s) : strlen(*s);
	*s += *len + (end != NULL);
	return true;
}

static int widest(const struct text *t)
{
	const char *s = t->data ? t->data : "", *line;
	int width = 0;
	size_t len;

	while (next_line(&s, &line, &len)) {
		int columns = ui_columns(line, len);

		width = columns > width ? columns : width;
	}
	return width;
}

/* Three texts beside one another. */
static void add_beside(struct text *t, const struct text *panels, int n)
{
	const char *at[3], *line;
	int width[3];
	bool any = true;
	size_t len;

	for (int i = 0; i < n; i++) {
		at[i] = panels[i].data ? panels[i].data : "";
		width[i] = widest(&panels[i]);
	}
	while (any) {
		struct text joined = { 0 };
		int pad = 0;

		any = false;
		for (int i = 0; i < n; i++) {
			int used = 0;

			if (next_line(&at[i], &line, &len)) {
				for (; len && pad > 0; pad--)
					text_addc(&joined, ' ');
				text_add(&joined, line, len);
				used = ui_columns(line, len);
				any = true;
			}
			pad += width[i] + GAP - used;
		}
		if (any)
			text_add(t, joined.data ? joined.data : "", joined.len);
		text_adds(t, any ? "\n" : "");
		text_release(&joined);
	}
}

/* One of three with its name above it. */
static void add_panel(struct text *t, const struct ui *ui, const char *name, const struct look *l)
{
	ui_add_styled(t, ui, UI_BOLD, name, strlen(name));
	text_addc(t, '\n');
	draw(t, ui, l);
}

/* Beside one another where all three fit, else one below the other. */
static void draw_pair(struct text *t, const struct ui *ui, const struct look looks[3])
{
	static const char *const names[] = { "a", "b", "b - a" };
	int screen = ui->width > 0 ? ui->width : 80, width = (screen - 2 * GAP) / 3;
	bool fits = width >= MIN_PANEL && looks[0].how != SHOW_PRINT;
	struct text panels[3] = { 0 };
	struct ui narrow = *ui;

	narrow.width = width;
	for (int i = 0; i < 3 && fits; i++) {
		add_panel(&panels[i], &narrow, names[i], &looks[i]);
		fits = widest(&panels[i]) <= width + GAP;
	}
	if (fits)
		add_beside(t, panels, 3);
	for (int i = 0; i < 3; i++) {
		if (!fits)
			add_panel(t, ui, names[i], &looks[i]);
		text_release(&panels[i]);
	}
}

static void add_pair(struct text *t, const struct ui *ui, const struct shown *a,
		     const struct shown *b, const struct pair *p, const struct show_options *o)
{
	struct pair_looks looks;
	struct text line = { 0 };

	looks_of_pair(&looks, a, b, p, o);
	add_heading(t, ui, "a: ", a);
	add_statistics(t, ui, a->array);
	add_heading(t, ui, "b: ", b);
	add_statistics(t, ui, b->array);
	pair_add_difference(&line, p);
	text_addc(&line, '\n');
	ui_add_wrapped(t, line.data, line.len, ui->width, BELOW, 0);
	text_release(&line);
	if (a->array->numel > 0)
		draw_pair(t, ui, looks.of);
}

int show_add_pair(struct text *t, const struct ui *ui, const struct shown *a, const struct shown *b,
		  const struct show_options *o, struct err *err)
{
	struct pair p;
	int r = pair_make(&p, a, b, err);

	if (!r && wants_data(ui, o))
		r = pair_add_rows(t, a, b, &p, err);
	else if (!r)
		add_pair(t, ui, a, b, &p, o);
	pair_release(&p);
	return r;
}
