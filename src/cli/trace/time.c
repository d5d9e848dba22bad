/*
 * time.c -- where the time went, as the summary of `trace` says it: a part and its share, and how
 * sure that is.  What a part is, parts.def says; what a share is, recorder_time_share().
 */
#include "trace.h"

#include <math.h>
#include <string.h>

#define TELLING 0.05 /* a share of noise that is worth a word */

/* Words that go on in the next line where there is no room: never in the middle of one. */
struct cells {
	struct text *t;
	const struct ui *ui;
	int column;
};

static void add_cell(struct cells *c, const struct text *cell)
{
	int width = c->ui->width > 0 ? c->ui->width : 100;
	int columns = ui_columns(cell->data, cell->len);

	if (c->column > SUMMARY_LABEL && c->column + 3 + columns > width) {
		text_addc(c->t, '\n');
		summary_add_label(c->t, c->ui, "");
		c->column = SUMMARY_LABEL;
	} else if (c->column > SUMMARY_LABEL) {
		text_adds(c->t, "   ");
		c->column += 3;
	}
	text_add(c->t, cell->data, cell->len);
	c->column += columns;
}

/* Digits behind the point that a number with this spread has. */
static int decimals_of(double spread)
{
	int n = spread > 0 ? (int)-floor(log10(spread)) : 2;

	return n < 0 ? 0 : n > 4 ? 4 : n;
}

/* "attention 38 ± 2 %", "embed ~0.9 %", "lm_head 18 %"; of one timing a note says what it is worth.
 */
static void format_share(struct text *t, const struct ui *ui, const char *name,
			 const struct time_share *s)
{
	double percent = 100 * s->share.took, spread = 100 * s->share.spread;

	text_clear(t);
	text_addf(t, "%s ", name);
	if (s->is_noise && (s->share.took < TELLING || !isnan(spread)))
		text_addf(t, "~%.2g %%", percent);
	else if (isnan(spread))
		text_addf(t, percent < 10 ? "%.2g %%" : "%.0f %%", percent);
	else
		text_addf(t, "%.*f %s %.*f %%", decimals_of(spread), percent, ui->utf8 ? "±" : "+-",
			  decimals_of(spread), spread);
}

/* "computing 1.08 ms", "computing 612 µs ± 3 %": what the other times of the summary are with, this
 * is without. */
static void format_whole(struct text *t, const struct ui *ui, const struct time_share *all)
{
	double spread = 100 * all->ns.spread / all->ns.took;
	char time[32];

	text_addf(t, "computing %s", ui_format_time((int64_t)all->ns.took, time, sizeof(time)));
	if (isfinite(spread))
		text_addf(t, spread < 10 ? " %s %.2g %%" : " %s %.0f %%", ui->utf8 ? "±" : "+-",
			  spread);
}

/* What was done, or could be done, so that the numbers mean something. */
static void add_note(struct text *t, const struct trace_command *c, const struct ui *ui,
		     bool tells_noise)
{
	struct text note = { 0 };

	if (c->recorder.repeats.n > 1)
		text_addf(&note, "median of %d, %s half of what lies between the quartiles%s",
			  c->recorder.repeats.n, ui->utf8 ? "±" : "+-",
			  tells_noise ? "; ~ is noise" : "");
	else if (tells_noise)
		text_adds(&note, "one timing of parts under a millisecond is mostly chance: "
				 "--repeat 20 tells");
	if (note.len) {
		summary_add_label(t, ui, "");
		ui_add_styled(t, ui, UI_DIM, note.data, note.len);
		text_addc(t, '\n');
	}
	text_release(&note);
}

void summary_add_time(struct text *t, const struct trace_command *c, const struct ui *ui)
{
	const struct time_share all = recorder_time_share(&c->recorder, PART_COUNT);
	struct cells cells = { .t = t, .ui = ui, .column = SUMMARY_LABEL };
	struct text cell = { 0 };
	bool is_noisy = false, tells_noise = false;

	summary_add_label(t, ui, "time");
	format_whole(&cell, ui, &all);
	add_cell(&cells, &cell);
	for (int i = 0; i < PART_COUNT; i++) {
		const struct time_share s = recorder_time_share(&c->recorder, i);

		format_share(&cell, ui, model_parts[i].name, &s);
		add_cell(&cells, &cell);
		is_noisy = is_noisy || s.is_noise;
		tells_noise = tells_noise || (s.is_noise && s.share.took >= TELLING);
	}
	text_addc(t, '\n');
	add_note(t, c, ui, c->recorder.repeats.n > 1 ? is_noisy : tells_noise);
	text_addc(t, '\n');
	text_release(&cell);
}

/* ---- for programs ------------------------------------------------------------------------- */

static void add_json_middle(struct text *t, const char *name, const struct middle *m, double unit)
{
	text_addf(t, "\"%s\": ", name);
	text_add_json_number(t, unit * m->took);
	text_addf(t, ", \"%s_spread\": ", name);
	text_add_json_number(t, unit * m->spread); /* null: one timing has none */
}

void summary_add_json_time(struct text *t, const struct trace_command *c)
{
	const struct time_share all = recorder_time_share(&c->recorder, PART_COUNT);

	text_addf(t, "\"time\": {\"repeats\": %d, ", c->recorder.repeats.n);
	add_json_middle(t, "ns", &all.ns, 1);
	text_adds(t, ", \"parts\": {");
	for (int i = 0; i < PART_COUNT; i++) {
		const struct time_share s = recorder_time_share(&c->recorder, i);

		text_addf(t, "%s\"%s\": {", i ? ", " : "", model_parts[i].name);
		add_json_middle(t, "ns", &s.ns, 1);
		text_adds(t, ", ");
		add_json_middle(t, "percent", &s.share, 100);
		text_addf(t, ", \"is_noise\": %s}", s.is_noise ? "true" : "false");
	}
	text_adds(t, "}}, ");
}
