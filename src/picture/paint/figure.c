/*
 * figure.c -- see figure.h.
 */
#include "figure.h"

#include "torchless/mem.h"
#include "torchless/ui.h"
#include "torchless/utf8.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	MARGIN = 36,
	USUAL_WIDTH = 1600,
	MIN_WIDTH = 400,
	MIN_ROOM = 600, /* of what is written */
	SWATCH_WIDTH = 36,
	SWATCH_HEIGHT = 24,
	TITLE_LINE = 44,
	HEADING_GAP = 14,
};

/* ---- notes -------------------------------------------------------------------------------- */

static struct figure_note *new_note(struct figure *f)
{
	f->notes = mem_grow(f->notes, f->n_notes, &f->cap_notes, sizeof(*f->notes));
	f->notes[f->n_notes] = (struct figure_note){ 0 };
	return &f->notes[f->n_notes++];
}

void figure_notef(struct figure *f, const char *fmt, ...)
{
	struct figure_note *note = new_note(f);
	va_list args;

	va_start(args, fmt);
	vsnprintf(note->text, sizeof(note->text), fmt, args);
	va_end(args);
}

void figure_swatchf(struct figure *f, uint32_t color, char mark, const char *fmt, ...)
{
	struct figure_note *note = new_note(f);
	va_list args;

	note->has_swatch = true;
	note->color = color;
	note->mark = mark;
	va_start(args, fmt);
	vsnprintf(note->text, sizeof(note->text), fmt, args);
	va_end(args);
}

const char *figure_copy(const char *s, char *buf, size_t size)
{
	size_t n = strnlen(s, size);

	n = n < size ? n : utf8_complete(s, size - 1);
	memcpy(buf, s, n);
	buf[n] = '\0';
	return buf;
}

const char *figure_prefix(const struct figure *f, const char *title, char buf[FIGURE_PREFIX])
{
	char shown[FIGURE_PREFIX - 2];

	buf[0] = '\0';
	if (f->p->n_panels < 2 || !title || !*title)
		return buf;
	figure_copy(title, shown, sizeof(shown));
	snprintf(buf, FIGURE_PREFIX, "%s: ", shown);
	return buf;
}

void figure_note_counts(struct figure *f, const struct stats *s, bool has_swatches)
{
	const struct {
		int64_t count;
		const char *what;
		uint32_t color;
		char mark;
	} kinds[] = { { s->n_nan, "NaN", UI_COLOR_NAN, '!' },
		      { s->n_pinf, "+inf", UI_COLOR_PLUS_INF, '^' },
		      { s->n_ninf, "\u2212inf", UI_COLOR_MINUS_INF, 'v' } };
	char number[32];

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		ui_format_count(kinds[i].count, number, sizeof(number));
		if (kinds[i].count && has_swatches)
			figure_swatchf(f, kinds[i].color, kinds[i].mark, "%s %s", number,
				       kinds[i].what);
		else if (kinds[i].count)
			figure_notef(f, "%s %s", number, kinds[i].what);
	}
}

static void draw_swatch(struct canvas *v, const struct figure_note *note, int x, int y)
{
	const struct canvas_cells at = { x, y, 1, 1, SWATCH_WIDTH, SWATCH_HEIGHT };
	char mark[2] = { note->mark, '\0' };

	canvas_cells(v, &at, &note->color);
	canvas_frame(v, CANVAS_FRAME, x, y, SWATCH_WIDTH, SWATCH_HEIGHT);
	canvas_text(v, CANVAS_BOLD, CANVAS_WHITE, x + SWATCH_WIDTH / 2.0, y + SWATCH_HEIGHT / 2.0,
		    CANVAS_MIDDLE, mark);
}

/* Set the notes in lines of `width`, at (x, y) when `draws`; returns the height. */
static int set_notes(struct figure *f, int x, int y, int width, bool draws)
{
	struct text text = { 0 };
	int at = 0, line = 0;

	for (size_t i = 0; i < f->n_notes; i++) {
		const struct figure_note *note = &f->notes[i];
		int before = note->has_swatch ? SWATCH_WIDTH + 10 : 0, takes;

		canvas_fit(&f->v, CANVAS_TEXT, note->text, strlen(note->text), width - before,
			   &text);
		takes = before + canvas_text_width(&f->v, CANVAS_TEXT, text.data);
		if (at > 0 && at + takes > width) {
			at = 0;
			line++;
		}
		if (draws) {
			int middle = y + line * (CANVAS_LINE + 6) + CANVAS_LINE / 2;

			if (note->has_swatch)
				draw_swatch(&f->v, note, x + at, middle - SWATCH_HEIGHT / 2);
			canvas_text(&f->v, CANVAS_TEXT, CANVAS_GREY, x + at + before, middle,
				    CANVAS_START, text.data);
		}
		at += takes + FIGURE_GAP;
	}
	text_release(&text);
	return f->n_notes ? (line + 1) * (CANVAS_LINE + 6) : 0;
}

/* ---- heading ------------------------------------------------------------------------------ */

static void fit_heading(struct figure *f, const char *s, enum canvas_style style, int width,
			struct text *to)
{
	s = s ? s : "";
	canvas_fit(&f->v, style, s, strnlen(s, 4096), width, to);
}

static int heading_height(const struct figure *f)
{
	bool title = f->p->title && *f->p->title, subtitle = f->p->subtitle && *f->p->subtitle;

	return (title ? TITLE_LINE : 0) + (subtitle ? CANVAS_LINE + 6 : 0) +
	       (title || subtitle ? HEADING_GAP : 0);
}

static void draw_heading(struct figure *f, int x, int y, int width)
{
	struct text line = { 0 };

	fit_heading(f, f->p->title, CANVAS_TITLE, width, &line);
	if (line.len) {
		canvas_text(&f->v, CANVAS_TITLE, CANVAS_BLACK, x, y + TITLE_LINE / 2.0 - 4,
			    CANVAS_START, line.data);
		y += TITLE_LINE;
	}
	fit_heading(f, f->p->subtitle, CANVAS_TEXT, width, &line);
	canvas_text(&f->v, CANVAS_TEXT, CANVAS_GREY, x, y + CANVAS_LINE / 2.0, CANVAS_START,
		    line.data);
	text_release(&line);
}

/* The heading may make a picture wider, not the notes: they have as many lines as they need. */
static int width_of(struct figure *f)
{
	struct text line = { 0 };
	int width = f->body_width, written;

	fit_heading(f, f->p->title, CANVAS_TITLE, f->room, &line);
	written = canvas_text_width(&f->v, CANVAS_TITLE, line.data);
	width = written > width ? written : width;
	fit_heading(f, f->p->subtitle, CANVAS_TEXT, f->room, &line);
	written = canvas_text_width(&f->v, CANVAS_TEXT, line.data);
	width = written > width ? written : width;
	width = width < MIN_ROOM ? MIN_ROOM : width;
	text_release(&line);
	return width > f->room ? f->room : width;
}

/* ---- numbers ------------------------------------------------------------------------------ */

const char *figure_number(double x, int digits, char *buf, size_t size)
{
	char plain[64];
	struct text t = { 0 };

	snprintf(plain, sizeof(plain), "%.*g", digits, printed(x));
	for (const char *s = plain; *s; s++)
		if (*s == '-')
			text_adds(&t, "\u2212");
		else if (*s != '+')
			text_addc(&t, *s);
	snprintf(buf, size, "%s", t.data ? t.data : "");
	text_release(&t);
	return buf;
}

int figure_digits(double lo, double hi, double step)
{
	double largest = fmax(fabs(lo), fabs(hi));

	if (!(step > 0) || !(largest > 0))
		return 4;
	return (int)fmin(17, fmax(4, ceil(log10(largest) - log10(step)) + 1));
}

int figure_ticks(double lo, double hi, int most, double ticks[FIGURE_TICKS])
{
	static const double digits[] = { 1, 2, 2.5, 5, 10 };
	double power, step = 0;
	int n = 0;

	if (!(hi > lo) || !isfinite(hi - lo) || most < 2)
		return 0;
	most = most > FIGURE_TICKS ? FIGURE_TICKS : most;
	power = pow(10, floor(log10((hi - lo) / most)));
	for (int i = 0; i < 5; i++) {
		step = digits[i] * power;
		if (floor(hi / step + 1e-9) - ceil(lo / step - 1e-9) + 1 <= most)
			break;
	}
	for (double i = ceil(lo / step - 1e-9); i <= hi / step + 1e-9 && n < most; i++)
		ticks[n++] = i == 0 ? 0 : i * step; /* no -0 */
	return n;
}

void figure_draw_ticks(struct canvas *v, int x, int y, int width, double lo, double hi)
{
	double ticks[FIGURE_TICKS];
	int n = figure_ticks(lo, hi, width / 80, ticks);
	int digits = figure_digits(lo, hi, n > 1 ? ticks[1] - ticks[0] : 0), last = x - 1000;
	struct text label = { 0 };

	for (int i = 0; i < n; i++) {
		double at = x + ui_map_place(lo, hi, ticks[i]) * (width - 1);
		char number[32];
		int takes;

		figure_number(ticks[i], digits, number, sizeof(number));
		canvas_fit(v, CANVAS_TEXT, number, strlen(number), width, &label);
		takes = canvas_text_width(v, CANVAS_TEXT, label.data);
		canvas_fill(v, CANVAS_FRAME, floor(at), y, 1, 8);
		if (at - takes / 2.0 < last + 12)
			continue;
		canvas_text(v, CANVAS_TEXT, CANVAS_BLACK, at, y + 10 + CANVAS_LINE / 2.0,
			    CANVAS_MIDDLE, label.data);
		last = (int)(at + takes / 2.0);
	}
	text_release(&label);
}

struct ui_scale figure_range(const struct paint *p, int i)
{
	const struct paint_panel *first = &p->panels[i];
	struct stats_sum sum;
	struct stats stats;

	stats_sum_init(&sum);
	for (int k = 0; k < p->n_panels; k++) {
		if (p->panels[k].scale != p->panels[i].scale)
			continue;
		first = k < first - p->panels ? &p->panels[k] : first;
		stats_sum_add(&sum, p->panels[k].a->data, p->panels[k].a->numel, 0);
	}
	stats = stats_finish(&sum);
	return ui_scale_of(UI_MAP_SEQUENTIAL, first->lo, first->hi, stats.min, stats.max);
}

int figure_check_panels(const struct paint *p, int most, struct err *err)
{
	if (p->n_panels < 1 || p->n_panels > most)
		return err_set(err, ERR_USAGE, "a picture has 1 to %d panels, not %d", most,
			       p->n_panels);
	for (int i = 0; i < p->n_panels; i++)
		if (p->panels[i].a->numel < 1 || !p->panels[i].a->data)
			return err_set(err, ERR_USAGE, "there are no elements to paint");
	return 0;
}

/* ---- the whole ---------------------------------------------------------------------------- */

static int draw(const struct figure_kind *kind, struct figure *f, struct text *out, struct err *err)
{
	int width, notes, head, rc;

	f->room = f->p->width > 0 ? f->p->width : USUAL_WIDTH;
	f->room = f->room < MIN_WIDTH ? MIN_WIDTH : f->room;
	f->room = (f->room > FIGURE_MAX_SIDE ? FIGURE_MAX_SIDE : f->room) - 2 * MARGIN;
	if (kind->plan(f, err))
		return err->code;
	width = width_of(f);
	head = heading_height(f);
	notes = set_notes(f, 0, 0, width - f->notes_x, false);
	rc = canvas_begin(&f->v, width + 2 * MARGIN,
			  2 * MARGIN + head + f->body_height + (notes ? 12 + notes : 0), err);
	if (rc)
		return rc;
	draw_heading(f, MARGIN, MARGIN, width);
	kind->draw(f, MARGIN, MARGIN + head);
	set_notes(f, MARGIN + f->notes_x, MARGIN + head + f->body_height + 12, width - f->notes_x,
		  true);
	return canvas_png(&f->v, out, err);
}

int figure_png(const struct figure_kind *kind, const struct paint *p, struct text *out,
	       struct err *err)
{
	struct figure f = { .p = p };
	size_t before = out->len;
	int rc = canvas_open(&f.v, err);

	if (!rc)
		rc = draw(kind, &f, out, err);
	kind->release(&f);
	free(f.notes);
	canvas_close(&f.v);
	if (rc && out->data)
		out->data[out->len = before] = '\0';
	return rc;
}
