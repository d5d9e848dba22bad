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

#define FEW       64  /* elements that are shown as numbers: of one axis */
#define FEW_CELLS 24  /* of several */
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

static bool is_integer(const struct array *a)
{
	return a->dtype == DTYPE_I32 || a->dtype == DTYPE_I64 || a->dtype == DTYPE_U8;
}

/* The axis along which all elements lie, -1 where there are several. */
static int only_axis(const struct array *a)
{
	int axis = -1;

	for (int i = 0; i < a->n_dims; i++) {
		if (a->shape[i] != 1 && axis >= 0)
			return -1;
		if (a->shape[i] != 1)
			axis = i;
	}
	return axis < 0 ? a->n_dims - 1 : axis;
}

static enum show_how choose(const struct shown *s, const struct show_options *o)
{
	const struct array *a = s->array;
	int axis = only_axis(a);
	char name[32];

	if (o->how != SHOW_AUTO)
		return o->how;
	if (axis >= 0 && a->numel > FEW && axis_name(a->axes, axis, name, sizeof(name)) &&
	    !strcmp(name, "vocab"))
		return SHOW_TOPK;
	if (is_integer(a) || a->numel <= (a->n_dims < 2 ? FEW : s->is_relation ? 1 : FEW_CELLS))
		return SHOW_PRINT;
	return SHOW_HEAT;
}

/* What a picture of it is drawn with, for one of a pair the scale of both. */
struct look {
	const struct shown *s;
	const struct array *a;
	enum show_how how;
	int k;
	double lo, hi;
	bool is_difference;
};

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
		ui_add_array(t, ui, l->a,
			     &(struct ui_print_options){ .labels = &l->s->labels,
							 .max_rows = ALL_ROWS,
							 .format = is_integer(l->a) ? 'd' : 'g' });
		return;
	default:
		draw_heat(t, ui, l);
	}
}

/* ---- one
 * ------------------------------------------------------------------------------------------ */

static void add_heading(struct text *t, const struct ui *ui, const char *prefix,
			const struct shown *s)
{
	struct text line = { 0 };
	int width = ui->width > 0 ? ui->width : 0;

	text_adds(&line, prefix);
	text_adds(&line, s->title);
	/* The title is escaped; it is clipped where it is too long for the line. */
	if (width && ui_columns(line.data, line.len) > width) {
		struct text clipped = { 0 };

		ui_add_clipped(&clipped, ui, line.data, line.len, width);
		text_release(&line);
		line = clipped;
	}
	ui_add_styled(t, ui, UI_BOLD, line.data, line.len);
	text_addc(t, '\n');
	text_release(&line);
}

static void add_statistics(struct text *t, const struct ui *ui, const struct array *a)
{
	/* Of ids they say nothing. */
	if (is_integer(a))
		add_shape(t, a);
	else
		ui_add_array_line(t, ui, a);
	text_addc(t, '\n');
}

/* Whether the line of statistics has all elements already. */
static bool line_is_all(const struct array *a)
{
	return a->numel <= 4 && a->n_dims < 2 && !is_integer(a);
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
		return add_rows(t, s, err);
	add_heading(t, ui, "", s);
	add_statistics(t, ui, s->array);
	how.how = choose(s, o);
	if (s->array->numel > 0 && !(o->how == SHOW_AUTO && line_is_all(s->array)))
		draw(t, ui, &how);
	return 0;
}

/* ---- two
 * ------------------------------------------------------------------------------------------- */

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

/* The least and the greatest of both, so that colours mean the same. */
static void share_scale(struct look *a, struct look *b)
{
	struct stats x = stats_of(a->a->data, a->a->numel), y = stats_of(b->a->data, b->a->numel);
	double lo = fmin(x.min, y.min), hi = fmax(x.max, y.max);

	a->lo = b->lo = isfinite(lo) ? lo : 0;
	a->hi = b->hi = isfinite(hi) ? hi : 0;
}

static void add_difference(struct text *t, const struct pair *p)
{
	char number[32], index[128];

	if (p->sums.max_abs == 0) {
		text_adds(t, "difference b - a: none, all elements are equal\n");
		return;
	}
	text_addf(t, "difference b - a: largest %s",
		  ui_format_number(p->sums.max_abs, number, sizeof(number)));
	if (p->sums.max_at >= 0)
		text_addf(t, " at [%s]",
			  array_index(p->difference, p->sums.max_at, index, sizeof(index)));
	text_addf(t, ", nmse %s", ui_format_number(pair_nmse(&p->sums), number, sizeof(number)));
	text_addf(t, ", cosine %.6f\n", pair_cosine(&p->sums));
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
	struct shown of_difference = *a, other = *b;
	struct look looks[3];

	/* What has no tokens of its own is called as the other. */
	if (!b->tokens->ctx)
		other.labels = a->labels;
	other.is_relation = a->is_relation;
	other.is_pattern = a->is_pattern && b->is_pattern;
	other.window = a->window;
	looks[0] = (struct look){ .s = a, .a = a->array, .how = choose(a, o), .k = o->k };
	looks[1] = looks[2] = looks[0];
	looks[1].s = &other;
	looks[1].a = b->array;
	looks[2].s = &of_difference;
	looks[2].a = p->difference;
	looks[2].is_difference = true;
	share_scale(&looks[0], &looks[1]);
	add_heading(t, ui, "a: ", a);
	add_statistics(t, ui, a->array);
	add_heading(t, ui, "b: ", b);
	add_statistics(t, ui, b->array);
	add_difference(t, p);
	if (a->array->numel > 0)
		draw_pair(t, ui, looks);
}

int show_add_pair(struct text *t, const struct ui *ui, const struct shown *a, const struct shown *b,
		  const struct show_options *o, struct err *err)
{
	struct pair p;
	int r = pair_make(&p, a, b, err);

	if (!r && wants_data(ui, o))
		r = add_pair_rows(t, a, b, &p, err);
	else if (!r)
		add_pair(t, ui, a, b, &p, o);
	pair_release(&p);
	return r;
}
