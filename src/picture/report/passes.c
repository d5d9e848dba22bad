/*
 * passes.c -- passes, and what each computed in the order in which it did.
 */
#include "report_impl.h"

#include "torchless/base64.h"

#include <math.h>

/* ---- passes -------------------------------------------------------------------------------- */

int report_add_passes(struct report_writer *w, struct err *err)
{
	return report_add_list(w,
			       "SELECT idx, phase, pos0, n_tok, kv_len, ts, dur FROM pass "
			       "WHERE run_id = %lld AND idx IS NOT NULL ORDER BY idx LIMIT 20001",
			       "idx:i phase:s pos0:i n_tok:i kv_len:i ts:i dur:i", REPORT_LIST,
			       "passes", err);
}

/*
 * Rows that come pass by pass.  The first pass is kept as far as it goes, a later one whole or not
 * at all: half of one would look like a whole one.
 */
struct by_pass {
	int64_t pass; /* -1: none yet */
	int64_t n, n_in_pass;
	bool is_full;
};

/* 0: the same pass goes on; 1: another one begins; -1: no more. */
static int next_pass(struct by_pass *b, const struct cell *idx)
{
	if (b->n == REPORT_ROWS) {
		b->is_full = true;
		return -1;
	}
	b->n++;
	b->n_in_pass++;
	if (idx->i == b->pass)
		return 0;
	b->n_in_pass = 1;
	return 1;
}

static void say_full(struct report_writer *w, const struct by_pass *b, int64_t kept,
		     const char *what)
{
	if (kept < 0)
		report_leave_out(w, "only the first %d %s of pass %lld are here", REPORT_ROWS, what,
				 (long long)b->pass);
	else
		report_leave_out(w, "%s are here up to pass %lld", what, (long long)kept);
}

/* ---- values -------------------------------------------------------------------------------- */

enum { V_PASS, V_POINT, V_D0, V_L2 = V_D0 + 4, V_AT = V_L2 + 6, V_NAN, V_INF };

/* The columns of a pass, which are written when it ends. */
struct values {
	struct report_writer *w;
	struct by_pass by;
	struct text points, shapes, stats, at, bad;
};

static void values_clear(struct values *v)
{
	struct text *columns[] = { &v->points, &v->shapes, &v->stats, &v->at, &v->bad };

	for (size_t i = 0; i < sizeof(columns) / sizeof(columns[0]); i++)
		text_clear(columns[i]);
}

static void add_column(struct text *out, const char *key, const struct text *values)
{
	json_add_key(out, key);
	text_addc(out, '[');
	text_add(out, values->data ? values->data : "", values->len);
	text_addc(out, ']');
}

static void write_pass(struct values *v)
{
	struct text *out = v->w->out;
	char key[32];

	if (v->by.pass < 0)
		return;
	snprintf(key, sizeof(key), "%lld", (long long)v->by.pass);
	json_add_key(out, key);
	text_addc(out, '{');
	add_column(out, "point", &v->points);
	add_column(out, "shape", &v->shapes);
	json_add_key(out, "stats");
	text_addc(out, '"');
	base64_encode(out, v->stats.data, v->stats.len);
	text_addc(out, '"');
	add_column(out, "absmax_at", &v->at);
	add_column(out, "bad", &v->bad);
	text_addc(out, '}');
}

static int shape_of(struct report_writer *w, const struct cell *d)
{
	struct text shape = { 0 };
	int index;

	text_adds(&shape, "");
	for (int i = 0; i < 4 && d[i].type == CELL_INT; i++)
		text_addf(&shape, "%s%lld", i ? "," : "", (long long)d[i].i);
	index = report_shape(w, &shape);
	text_release(&shape);
	return index;
}

static void add_value(struct values *v, int point, const struct cell *cells)
{
	double stats[6];
	int64_t n_nan = cell_int(&cells[V_NAN], 0), n_inf = cell_int(&cells[V_INF], 0);

	for (int i = 0; i < 6; i++)
		stats[i] = cell_real(&cells[V_L2 + i]);
	text_add(&v->stats, stats, sizeof(stats)); /* both are little-endian */
	json_add_int(&v->points, NULL, point);
	json_add_int(&v->shapes, NULL, shape_of(v->w, cells + V_D0));
	json_add_key(&v->at, NULL);
	if (cells[V_AT].type == CELL_INT)
		text_addf(&v->at, "%lld", (long long)cells[V_AT].i);
	else
		text_adds(&v->at, "null");
	if (!n_nan && !n_inf)
		return;
	json_add_key(&v->bad, NULL);
	text_addf(&v->bad, "[%lld,%lld,%lld]", (long long)v->by.n_in_pass - 1, (long long)n_nan,
		  (long long)n_inf);
}

static int take_value(void *ctx, const struct rows *rows, const struct cell *cells)
{
	struct values *v = ctx;
	int point = report_point_at(v->w, &cells[V_POINT]), next;

	(void)rows;
	if (point < 0 || !cell_in(&cells[V_PASS], 0, INT64_MAX))
		return 0;
	next = next_pass(&v->by, &cells[V_PASS]);
	if (next < 0)
		return 1;
	if (next > 0) {
		write_pass(v);
		values_clear(v);
		v->by.pass = cells[V_PASS].i;
	}
	add_value(v, point, cells);
	return 0;
}

int report_add_values(struct report_writer *w, struct err *err)
{
	struct values v = { .w = w, .by = { .pass = -1 } };
	size_t empty;
	int r;

	text_addc(w->out, '{');
	empty = w->out->len;
	r = report_ask(
		w,
		"SELECT p.idx, v.point_id, v.d0, v.d1, v.d2, v.d3, v.l2, v.absmax, v.mean, "
		"v.std, v.vmin, v.vmax, v.absmax_at, v.n_nan, v.n_pinf + v.n_ninf FROM pass p "
		"CROSS JOIN value v ON v.pass_id = p.id WHERE p.run_id = %lld "
		"AND p.idx IS NOT NULL ORDER BY p.idx, v.id LIMIT 60010",
		take_value, &v, err);
	if (!v.by.is_full || w->out->len == empty)
		write_pass(&v);
	if (!r && v.by.is_full)
		say_full(w, &v.by, w->out->len == empty ? -1 : v.by.pass - 1, "values");
	text_addc(w->out, '}');
	text_release(&v.points);
	text_release(&v.shapes);
	text_release(&v.stats);
	text_release(&v.at);
	text_release(&v.bad);
	return r;
}

/* ---- spans --------------------------------------------------------------------------------- */

enum { S_PASS, S_MODULE, S_ID, S_PARENT, S_DEPTH, S_TS, S_DUR, S_BYTES, S_FLOPS };

#define MAX_DEPTH 16

struct spans {
	struct report_writer *w;
	struct by_pass by;
	/* Ids of the rows that the next one can be in, innermost last, and which rows they are. */
	int64_t ids[MAX_DEPTH];
	int64_t rows[MAX_DEPTH];
	int n_open;
	size_t whole; /* where the last whole pass ends */
};

static int64_t parent_of(struct spans *s, const struct cell *cells)
{
	int64_t parent = cell_int(&cells[S_PARENT], -1), row;

	while (s->n_open && s->ids[s->n_open - 1] != parent)
		s->n_open--;
	row = s->n_open ? s->rows[s->n_open - 1] : -1;
	if (s->n_open < MAX_DEPTH && cells[S_ID].type == CELL_INT) {
		s->ids[s->n_open] = cells[S_ID].i;
		s->rows[s->n_open++] = s->by.n_in_pass - 1;
	}
	return row;
}

static void begin_pass(struct spans *s, int64_t pass)
{
	char key[32];

	text_adds(s->w->out, s->by.pass < 0 ? "" : "]");
	s->whole = s->w->out->len;
	s->by.pass = pass;
	s->n_open = 0;
	snprintf(key, sizeof(key), "%lld", (long long)pass);
	json_add_key(s->w->out, key);
	text_addc(s->w->out, '[');
}

static int take_span(void *ctx, const struct rows *rows, const struct cell *cells)
{
	struct spans *s = ctx;
	struct text *out = s->w->out;
	int module = report_module_at(s->w, &cells[S_MODULE]), next;

	(void)rows;
	if (module < 0 || !cell_in(&cells[S_PASS], 0, INT64_MAX))
		return 0;
	next = next_pass(&s->by, &cells[S_PASS]);
	if (next < 0)
		return 1;
	if (next > 0)
		begin_pass(s, cells[S_PASS].i);
	json_add_key(out, NULL);
	text_addf(out, "[%d", module);
	report_add_cell(s->w, NULL, 'i', &cells[S_DEPTH]);
	json_add_int(out, NULL, parent_of(s, cells));
	for (int i = S_TS; i <= S_FLOPS; i++)
		report_add_cell(s->w, NULL, 'i', &cells[i]);
	text_addc(out, ']');
	return 0;
}

int report_add_spans(struct report_writer *w, struct err *err)
{
	struct spans s = { .w = w, .by = { .pass = -1 } };
	size_t empty;
	int r;

	text_addc(w->out, '{');
	empty = w->out->len;
	r = report_ask(w,
		       "SELECT p.idx, s.module_id, s.id, s.parent_id, s.depth, s.ts - p.ts, s.dur, "
		       "s.bytes_w + coalesce(s.bytes_kv, 0) + coalesce(s.bytes_act, 0), s.flops "
		       "FROM pass p CROSS JOIN span s ON s.pass_id = p.id WHERE p.run_id = %lld "
		       "AND p.idx IS NOT NULL ORDER BY p.idx, s.id LIMIT 60010",
		       take_span, &s, err);
	if (!r && s.by.is_full) {
		say_full(w, &s.by, s.whole == empty ? -1 : s.by.pass - 1, "calls of modules");
		if (s.whole > empty)
			w->out->len = s.whole;
	}
	if (s.by.pass >= 0 && (!s.by.is_full || s.whole == empty))
		text_addc(w->out, ']');
	text_addc(w->out, '}');
	return r;
}

/* ---- the first bad value ------------------------------------------------------------------- */

static int take_bad(void *ctx, const struct rows *rows, const struct cell *cells)
{
	(void)rows;
	report_add_object(ctx, "fqn:s pass:i value_id:i n_nan:i n_inf:i", cells);
	return 1;
}

int report_add_bad(struct report_writer *w, struct err *err)
{
	size_t before = w->out->len;
	int r = report_ask(w,
			   "SELECT fqn, pass, id, n_nan, n_inf FROM v_value WHERE id = "
			   "(SELECT value_id FROM v_first_bad WHERE run_id = %lld)",
			   take_bad, w, err);

	if (!r && w->out->len == before)
		text_adds(w->out, "null");
	return r;
}
