/*
 * attention.c -- every pattern of every head, packed: what attn() gives, in its order.
 */
#include "report_impl.h"

#include "torchless/base64.h"
#include "torchless/clock.h"

#include <math.h>

#define MAX_BYTES   ((int64_t)2 << 20)
#define MAX_NUMBERS 1.6e7         /* of a layer */
#define SLOW_NS     20000000000ll /* for a layer that then is not there */
#define U8_UNKNOWN  255
#define U8_ONE      254

struct patterns {
	struct report_writer *w;
	int64_t first, n_pos, layers, n_rows; /* queries [first, n_pos) of the first layers */
	bool is_u8, is_damaged;
	int64_t a_head; /* numbers of a head: of query q there are q + 1 */
	float *p;       /* [heads][a_head] of the layer that is read */
	struct text packed, kept;
	char why[sizeof(((struct err *)0)->message)];
};

/* ---- how much ------------------------------------------------------------------------------ */

/* Numbers of queries [first, n). */
static double numbers(int64_t first, int64_t n)
{
	return ((double)n * (double)(n + 1) - (double)first * (double)(first + 1)) / 2;
}

/* All of it as f32, or as bytes; else the last queries; else the last one of the first layers. */
static void choose(struct patterns *a)
{
	struct report_writer *w = a->w;
	int64_t max = w->o->max_bytes > 0 ? w->o->max_bytes : MAX_BYTES;
	double heads = (double)(w->n_layers * w->n_heads);

	a->n_pos = w->n_pos;
	a->layers = w->n_layers;
	a->is_u8 = 4 * heads * numbers(0, a->n_pos) > (double)max;
	if (!a->is_u8 || heads <= 0)
		return;
	report_leave_out(w, "attention is rounded to 1/%d", U8_ONE);
	while (a->first < a->n_pos - 1 && heads * numbers(a->first, a->n_pos) > (double)max)
		a->first++;
	if (a->first)
		report_leave_out(w, "attention is here from the query at position %lld on",
				 (long long)a->first);
	while (a->layers > 1 &&
	       (double)(a->layers * w->n_heads) * numbers(a->first, a->n_pos) > (double)max)
		a->layers--;
	if (a->layers < w->n_layers)
		report_leave_out(w, "attention is here of the first %lld layers",
				 (long long)a->layers);
}

/* ---- a layer ------------------------------------------------------------------------------- */

static int take_weight(void *ctx, const struct rows *rows, const struct cell *cells)
{
	struct patterns *a = ctx;
	int64_t q, k;

	(void)rows;
	if (!cell_in(&cells[0], 0, a->w->n_heads - 1) ||
	    !cell_in(&cells[1], a->first, a->n_pos - 1) || !cell_in(&cells[2], 0, cells[1].i))
		return 0;
	q = cells[1].i;
	k = cells[2].i;
	a->p[cells[0].i * a->a_head + (int64_t)numbers(a->first, q) + k] =
		(float)cell_real(&cells[3]);
	a->n_rows++;
	return 0;
}

/* What a query does not see is 0; where it is not there at all everything is NaN. */
static void settle(struct patterns *a)
{
	for (int64_t h = 0; h < a->w->n_heads; h++)
		for (int64_t q = a->first; q < a->n_pos; q++) {
			float *row = a->p + h * a->a_head + (int64_t)numbers(a->first, q);
			bool is_there = false;

			for (int64_t k = 0; k <= q; k++)
				is_there = is_there || !isnan(row[k]);
			for (int64_t k = 0; is_there && k <= q - a->w->window && a->w->window; k++)
				row[k] = isnan(row[k]) ? 0 : row[k];
		}
}

static void pack(struct patterns *a)
{
	int64_t n = a->w->n_heads * a->a_head;

	if (!a->is_u8) {
		text_add(&a->packed, a->p, (size_t)n * sizeof(*a->p));
		return;
	}
	for (int64_t i = 0; i < n; i++)
		text_addc(&a->packed,
			  (char)(a->p[i] >= 0 && a->p[i] <= 1 ? (int)lrintf(a->p[i] * U8_ONE)
							      : U8_UNKNOWN));
}

/* A layer that was not recorded is none of it. */
static int read_layer(struct patterns *a, int64_t layer, struct err *err)
{
	int64_t began = clock_ns();
	struct err why = { 0 };
	char sql[160];
	int r;

	for (int64_t i = 0; i < a->w->n_heads * a->a_head; i++)
		a->p[i] = NAN;
	a->n_rows = 0;
	snprintf(sql, sizeof(sql), "SELECT head, q, k, p FROM attn(%%lld, %lld) WHERE q >= %lld",
		 (long long)layer, (long long)a->first);
	r = report_compute(a->w, sql, take_weight, a, &why);
	if (report_interrupted(a->w, err))
		return err->code;
	if (r && ((r != ERR_USAGE && r != ERR_FORMAT) || clock_ns() - began > SLOW_NS)) {
		*err = why;
		return r;
	}
	if (r && !*a->why)
		memcpy(a->why, why.message, sizeof(a->why));
	a->is_damaged = a->is_damaged || r == ERR_FORMAT;
	if (r || !a->n_rows)
		return 0;
	settle(a);
	pack(a);
	json_add_int(&a->kept, NULL, layer);
	return 0;
}

/* ---- all ----------------------------------------------------------------------------------- */

static const char *why_missing(const struct patterns *a)
{
	if (a->kept.len || a->is_damaged)
		return *a->why ? a->why : NULL;
	return "attention was not recorded: record with --capture report";
}

static void write_patterns(struct patterns *a)
{
	struct text *out = a->w->out;

	text_addc(out, '{');
	json_add_int(out, "heads", a->w->n_heads);
	json_add_key(out, "layers");
	text_addc(out, '[');
	text_add(out, a->kept.data ? a->kept.data : "", a->kept.len);
	text_addc(out, ']');
	json_add_int(out, "positions", a->n_pos);
	json_add_int(out, "first", a->first);
	json_add_int(out, "window", a->w->window);
	json_add_string(out, "encoding", a->is_u8 ? "u8" : "f32");
	json_add_key(out, "data");
	text_addc(out, '"');
	if (a->packed.len)
		base64_encode(out, a->packed.data, a->packed.len);
	text_addc(out, '"');
	json_add_string(out, "missing", why_missing(a));
	text_addc(out, '}');
}

int report_add_attention(struct report_writer *w, struct err *err)
{
	struct patterns a = { .w = w };
	int r = 0;

	choose(&a);
	a.a_head = (int64_t)numbers(a.first, a.n_pos);
	/* The shape of a model that is not there would be asked for memory. */
	if ((double)w->n_heads * (double)a.a_head > MAX_NUMBERS)
		return err_set(err, ERR_FORMAT, "its attention is too large for a page");
	a.p = mem_calloc((size_t)(w->n_heads * a.a_head) + 1, sizeof(*a.p));
	for (int64_t layer = 0; layer < a.layers && !r; layer++) {
		r = read_layer(&a, layer, err);
		report_progress(w, (double)(layer + 1) / (double)a.layers);
	}
	if (!r)
		write_patterns(&a);
	w->is_captured = w->is_captured && a.kept.len && !*a.why;
	free(a.p);
	text_release(&a.packed);
	text_release(&a.kept);
	return r;
}
