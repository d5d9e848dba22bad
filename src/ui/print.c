/*
 * print.c -- the elements of a tensor as numbers.
 *
 * What is shown is chosen first (all, or the first and the last of rows and columns), then
 * measured, since a column is as wide as the widest number, then written.  At most as many numbers
 * are looked at as the options allow, however large the tensor is.
 */
#include "frame.h"

#include "torchless/numbers.h"
#include "torchless/utf8.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define USUAL_ELEMENTS  1000
#define USUAL_ROWS      64
#define USUAL_PRECISION 4
#define MAX_PRECISION   17
#define MAX_ELEMENTS    1000000
#define MAX_ROWS        100000
#define MAX_BLOCKS      8  /* matrices of the leading axes, when there are too many rows */
#define MAX_LABEL       16 /* columns */
#define NUMBER          96 /* the longest in any format */

/* The first and the last of n: 0..head, n - tail..n; all of them when that is as many. */
struct span {
	int64_t n, head, tail;
};

static struct span first_and_last(int64_t n, int64_t shown)
{
	if (n <= shown)
		return (struct span){ n, n, 0 };
	return (struct span){ n, shown - shown / 2, shown / 2 };
}

static int64_t span_len(const struct span *s)
{
	return s->head + s->tail;
}

static int64_t span_at(const struct span *s, int64_t i)
{
	return i < s->head ? i : s->n - span_len(s) + i;
}

/* Whether something was left out just before the i-th that is shown. */
static bool gap_before(const struct span *s, int64_t i)
{
	return i == s->head && span_len(s) < s->n;
}

struct print {
	const struct ui *ui;
	const struct array *a;
	const struct ui_labels *labels;
	char format;
	int precision, width; /* of the screen */
	int cell, label;      /* columns of a number, of a row's label */
	int n_leading, row_axis, column_axis;
	bool all; /* no abbreviation for the number of elements */
	struct span blocks, rows, columns;
};

/* ---- a number ----------------------------------------------------------------------------- */

/* The bits as they lie where the array came from; returns how many there are. */
static int bits_of(const struct print *p, float x, uint32_t *bits, int *exponent)
{
	*exponent = p->a->dtype == DTYPE_F16 ? 5 : 8;
	if (p->a->dtype == DTYPE_F16)
		*bits = f32_to_f16(x);
	else if (p->a->dtype == DTYPE_BF16)
		*bits = f32_to_bf16(x);
	else
		memcpy(bits, &x, sizeof(x));
	return p->a->dtype == DTYPE_F16 || p->a->dtype == DTYPE_BF16 ? 16 : 32;
}

static void format_bits(const struct print *p, float x, char *buf, size_t size)
{
	uint32_t bits;
	int exponent, n = bits_of(p, x, &bits, &exponent);
	size_t used = 0;

	if (p->format == 'x') {
		snprintf(buf, size, "0x%0*x", n / 4, bits);
		return;
	}
	for (int i = n - 1; i >= 0; i--) {
		buf[used++] = bits >> i & 1 ? '1' : '0';
		if (i == n - 1 || i == n - 1 - exponent)
			buf[used++] = '_';
	}
	buf[used] = '\0';
}

static const char *format_number(const struct print *p, float x, char buf[NUMBER])
{
	double value = (double)x;

	if (p->format == 'x' || p->format == 'b')
		format_bits(p, x, buf, NUMBER);
	else if (isnan(x))
		snprintf(buf, NUMBER, "nan");
	else if (isinf(x))
		snprintf(buf, NUMBER, x > 0 ? "inf" : "-inf");
	else if (p->format == 'e')
		snprintf(buf, NUMBER, "%.*e", p->precision, value);
	else if (p->format == 'f')
		snprintf(buf, NUMBER, "%.*f", p->precision, value);
	else if (p->format == 'd')
		snprintf(buf, NUMBER, "%.0f", value);
	else
		snprintf(buf, NUMBER, "%.*g", p->precision, value);
	return buf;
}

static float element(const struct print *p, int64_t block, int64_t row, int64_t column)
{
	return p->a->data[(block * p->rows.n + row) * p->columns.n + column];
}

/* ---- what is shown ------------------------------------------------------------------------ */

/* The columns that the widest of the shown numbers takes. */
static int widest_number(const struct print *p)
{
	char buf[NUMBER];
	int widest = 1;

	for (int64_t b = 0; b < span_len(&p->blocks); b++)
		for (int64_t r = 0; r < span_len(&p->rows); r++)
			for (int64_t c = 0; c < span_len(&p->columns); c++) {
				float x = element(p, span_at(&p->blocks, b), span_at(&p->rows, r),
						  span_at(&p->columns, c));
				int len = (int)strlen(format_number(p, x, buf));

				widest = len > widest ? len : widest;
			}
	return widest;
}

static void plan_axes(struct print *p)
{
	const struct array *a = p->a;

	p->column_axis = a->n_dims - 1;
	p->row_axis = a->n_dims > 1 ? a->n_dims - 2 : -1;
	p->n_leading = a->n_dims > 2 ? a->n_dims - 2 : 0;
	p->columns.n = a->n_dims > 0 ? a->shape[p->column_axis] : 1;
	p->rows.n = a->n_dims > 1 ? a->shape[p->row_axis] : 1;
	p->blocks.n = a->numel / p->columns.n / p->rows.n;
}

static void plan_rows(struct print *p, int64_t max_rows)
{
	int64_t blocks = p->blocks.n, rows = p->rows.n;

	if (rows > max_rows / blocks) {
		blocks = int64_min(blocks, int64_min(MAX_BLOCKS, int64_max(1, max_rows / 2)));
		rows = int64_max(int64_min(2, max_rows), max_rows / blocks);
	}
	p->blocks = first_and_last(p->blocks.n, blocks);
	p->rows = first_and_last(p->rows.n, rows);
}

static int index_width(const struct print *p)
{
	char buf[32];
	int64_t last = p->column_axis < 0 ? 0 : p->a->base[p->column_axis] + p->columns.n - 1;

	return (int)strlen(ui_format_count(last, buf, sizeof(buf)));
}

static bool has_column_labels(const struct print *p)
{
	return p->labels && p->labels->label && p->column_axis >= 0 &&
	       p->labels->label(p->labels->ctx, p->column_axis, p->a->base[p->column_axis]);
}

/* How many numbers stand on a line. */
static int per_line(const struct print *p)
{
	int n = (p->width - p->label) / (p->cell + 1);

	return n > 1 ? n : 1;
}

static int widest_row_label(const struct print *p)
{
	struct text label = { 0 };
	int widest = 0;

	for (int64_t r = 0; p->row_axis >= 0 && r < span_len(&p->rows); r++) {
		int width;

		text_clear(&label);
		frame_add_label(&label, p->ui, p->a, p->labels, p->row_axis, span_at(&p->rows, r),
				MAX_LABEL);
		width = utf8_width(label.data, label.len);
		widest = width > widest ? width : widest;
	}
	text_release(&label);
	return widest;
}

static void plan_cell(struct print *p)
{
	p->cell = widest_number(p);
	if (p->column_axis >= 0 && p->n_leading + (p->row_axis >= 0) > 0)
		p->cell = p->cell > index_width(p) ? p->cell : index_width(p);
	if (has_column_labels(p) && p->cell < 6)
		p->cell = 6;
}

/*
 * Columns are measured before they are chosen, no more than a line can hold, and those that are
 * chosen once more.
 */
static void plan_columns(struct print *p)
{
	p->label = widest_row_label(p);
	p->columns = first_and_last(p->columns.n, p->all ? p->columns.n : 1 + p->width / 2);
	plan_cell(p);
	if (!p->all && p->columns.n > per_line(p)) {
		int gap = 1 + utf8_width(frame_dots(p->ui), strlen(frame_dots(p->ui)));
		int n = (p->width - p->label - gap) / (p->cell + 1);

		p->columns = first_and_last(p->columns.n, n > 1 ? n : 1);
		plan_cell(p);
	}
}

/* ---- writing ------------------------------------------------------------------------------ */

static void add_right(const struct print *p, struct text *t, const char *s)
{
	frame_pad(t, p->cell + 1 - utf8_width(s, strlen(s)));
	text_adds(t, s);
}

/* A line may end with the dots of what was left out: one space, and the dots. */
static void add_gap(const struct print *p, struct text *t)
{
	text_addf(t, " %s", frame_dots(p->ui));
}

static void add_heading(const struct print *p, struct text *t, int64_t from, int64_t to)
{
	struct text label = { 0 };

	frame_pad(t, p->label);
	for (int64_t c = from; c < to; c++) {
		if (gap_before(&p->columns, c))
			add_gap(p, t);
		text_clear(&label);
		frame_add_label(&label, p->ui, p->a, p->labels, p->column_axis,
				span_at(&p->columns, c), p->cell);
		add_right(p, t, label.data ? label.data : "");
	}
	text_addc(t, '\n');
	text_release(&label);
}

static void add_row(const struct print *p, struct text *t, int64_t block, int64_t row, int64_t from,
		    int64_t to)
{
	struct text label = { 0 };
	char buf[NUMBER];

	frame_add_label(&label, p->ui, p->a, p->labels, p->row_axis, row, MAX_LABEL);
	if (label.len) {
		frame_pad(t, p->label - utf8_width(label.data, label.len));
		text_add(t, label.data, label.len);
	}
	for (int64_t c = from; c < to; c++) {
		if (gap_before(&p->columns, c))
			add_gap(p, t);
		add_right(p, t,
			  format_number(p, element(p, block, row, span_at(&p->columns, c)), buf));
	}
	text_addc(t, '\n');
	text_release(&label);
}

/* One matrix, group after group of its columns. */
static void add_matrix(const struct print *p, struct text *t, int64_t block)
{
	int64_t n = span_len(&p->columns),
		step = span_len(&p->columns) < p->columns.n ? n : /* it fits with its dots */
			       per_line(p);

	for (int64_t from = 0; from < n; from += step) {
		int64_t to = int64_min(n, from + step);

		add_heading(p, t, from, to);
		for (int64_t r = 0; r < span_len(&p->rows); r++) {
			if (gap_before(&p->rows, r)) {
				frame_pad(t, p->label - 1);
				text_addf(t, "%s\n", frame_dots(p->ui));
			}
			add_row(p, t, block, span_at(&p->rows, r), from, to);
		}
	}
}

/* One dimension without labels: [1 2 3] where it fits a line, else lines that begin with an index.
 */
static void add_vector(const struct print *p, struct text *t)
{
	struct text line = { 0 };
	char buf[NUMBER];
	int64_t n = span_len(&p->columns);
	int lead = index_width(p), step;
	const int64_t base = p->a->base[0];

	for (int64_t c = 0; c < n; c++) {
		if (gap_before(&p->columns, c))
			text_addf(&line, " %s", frame_dots(p->ui));
		text_addf(&line, "%s%s", c ? " " : "[",
			  format_number(p, element(p, 0, 0, span_at(&p->columns, c)), buf));
	}
	text_addc(&line, ']');
	if (utf8_width(line.data, line.len) <= p->width) {
		text_addf(t, "%s\n", line.data);
		text_release(&line);
		return;
	}
	text_release(&line);
	step = (p->width - lead - 1) / (p->cell + 1);
	step = step > 1 ? step : 1;
	for (int64_t from = 0; from < n; from += step) {
		text_addf(t, "%*lld:", lead, (long long)base + span_at(&p->columns, from));
		for (int64_t c = from; c < int64_min(n, from + step); c++) {
			if (gap_before(&p->columns, c))
				add_gap(p, t);
			add_right(p, t,
				  format_number(p, element(p, 0, 0, span_at(&p->columns, c)), buf));
		}
		text_addc(t, '\n');
	}
}

static void add_blocks(const struct print *p, struct text *t)
{
	for (int64_t b = 0; b < span_len(&p->blocks); b++) {
		if (gap_before(&p->blocks, b))
			text_addf(t, "%s\n", frame_dots(p->ui));
		if (p->n_leading > 0) {
			frame_add_block(t, p->ui, p->a, p->labels, p->n_leading,
					span_at(&p->blocks, b));
			text_adds(t, ":\n");
		}
		add_matrix(p, t, span_at(&p->blocks, b));
	}
}

static void add_more(const struct print *p, struct text *t)
{
	int64_t shown = span_len(&p->blocks) * span_len(&p->rows) * span_len(&p->columns);
	char number[32];

	if (shown == p->a->numel)
		return;
	text_addf(t, "%s more of ", ui_format_count(p->a->numel - shown, number, sizeof(number)));
	frame_add_shape(t, p->a);
	text_addc(t, '\n');
}

static int64_t limit(int64_t wanted, int64_t usual, int64_t most)
{
	return wanted > 0 ? int64_min(wanted, most) : usual;
}

void ui_add_array(struct text *t, const struct ui *ui, const struct array *a,
		  const struct ui_print_options *o)
{
	static const struct ui_print_options usual = { 0 };
	struct print p = { .ui = ui, .a = a, .width = frame_width(ui) };
	char number[NUMBER];

	if (!frame_has_elements(t, a))
		return;
	o = o ? o : &usual;
	p.labels = o->labels;
	p.format = o->format;
	p.precision = (int)limit(o->precision, USUAL_PRECISION, MAX_PRECISION);
	if (a->numel == 1) {
		text_addf(t, "%s\n", format_number(&p, a->data[0], number));
		return;
	}
	p.all = a->numel <= limit(o->max_elements, USUAL_ELEMENTS, MAX_ELEMENTS);
	plan_axes(&p);
	plan_rows(&p, limit(o->max_rows, USUAL_ROWS, MAX_ROWS));
	plan_columns(&p);
	if (a->n_dims == 1 && !has_column_labels(&p))
		add_vector(&p, t);
	else
		add_blocks(&p, t);
	add_more(&p, t);
}
