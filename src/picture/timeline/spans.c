/*
 * spans.c -- passes and the spans in them, in the order in which they ran.
 *
 * A recording may hold more spans than memory: they are read some thousand at a time, a pass as a
 * whole unless it is a giant, given times that nest, and written.  The values of the same passes
 * are read beside them, for shapes: the last value that is computed inside of a call is what the
 * module gave back.
 */
#include "timeline_impl.h"
#include "torchless/mem.h"

#include <math.h>
#include <stdlib.h>

#define CHUNK_LEAST 4096  /* then it ends with its pass */
#define CHUNK_MOST  65536 /* then it ends */

struct reader {
	struct recording *rec;
	struct loaded *loaded;
	struct sink *sink;
	struct timeline_counts *counts;
	struct nest nest;
	struct span *spans;
	size_t n_spans, cap;
	int64_t next_span, next_value; /* ids to go on from */
	int64_t last_span, progress_at;
	int64_t kept_value; /* where the values of the last pass begin; -1: none seen */
	bool is_cut, has_more;

	/* Of what is being written. */
	size_t next_pass;
	int n_open;
	int64_t ends[DEPTH_MAX];
};

/* ---- reading ------------------------------------------------------------------------------ */

/* The pass of a row, of the program and not before the last one's; -1. */
static int64_t pass_of(const struct reader *r, const struct cell *id)
{
	const struct loaded *l = r->loaded;
	size_t last = r->n_spans ? r->spans[r->n_spans - 1].pass : 0;
	int64_t at;

	if (id->type != CELL_INT)
		return -1;
	if (r->n_spans && l->passes[last].id == id->i)
		return (int64_t)last;
	at = pass_at(l, id->i);
	if (at < 0 || !pass_is_program(&l->passes[at]) || at < (int64_t)last)
		return -1;
	/* Those that were written are over, but for one that was cut. */
	return at < (int64_t)r->next_pass - (r->n_open > 0) ? -1 : at;
}

static int take_span(void *ctx, const struct rows *rows, const struct cell *c)
{
	struct reader *r = ctx;
	int64_t pass = pass_of(r, &c[2]);

	(void)rows;
	if (c[0].type != CELL_INT || c[0].i < r->next_span)
		return 0;
	if (r->n_spans >= CHUNK_LEAST && pass != (int64_t)r->spans[r->n_spans - 1].pass) {
		r->has_more = true;
		return 1;
	}
	if (r->n_spans == CHUNK_MOST) {
		r->has_more = r->is_cut = true;
		return 1;
	}
	r->next_span = c[0].i < INT64_MAX ? c[0].i + 1 : INT64_MAX;
	if (pass < 0) {
		r->counts->n_left++;
		return 0;
	}
	r->spans = mem_grow(r->spans, r->n_spans, &r->cap, sizeof(*r->spans));
	r->spans[r->n_spans++] = (struct span){
		.id = c[0].i,
		.parent_id = cell_count(&c[1], INT64_MAX, -1),
		.pass = (size_t)pass,
		.module_id = c[3].type == CELL_INT ? c[3].i : -1,
		.ts = cell_count(&c[4], TIME_MAX, 0),
		.dur = cell_count(&c[5], TIME_MAX, -1),
		.flops = cell_count(&c[6], INT64_MAX, -1),
		.bytes_w = cell_count(&c[7], INT64_MAX, -1),
		.bytes_kv = cell_count(&c[8], INT64_MAX, -1),
		.bytes_act = cell_count(&c[9], INT64_MAX, -1),
		.status = (int)cell_count(&c[10], INT32_MAX, 0),
	};
	return 0;
}

static struct span *span_of(struct reader *r, int64_t id)
{
	size_t lo = 0, hi = r->n_spans;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (r->spans[mid].id == id)
			return &r->spans[mid];
		if (r->spans[mid].id < id)
			lo = mid + 1;
		else
			hi = mid;
	}
	return NULL;
}

/* A later value takes the place of an earlier one, in the span and in those around it. */
static int take_value(void *ctx, const struct rows *rows, const struct cell *c)
{
	struct reader *r = ctx;
	const struct pass *last = &r->loaded->passes[r->spans[r->n_spans - 1].pass];
	struct span *s;
	int n = 0;

	(void)rows;
	if (c[0].type != CELL_INT || c[1].type != CELL_INT || c[2].type != CELL_INT)
		return 0;
	r->next_value = c[0].i;
	if (c[1].i > last->id)
		return 1;
	if (c[1].i == last->id && r->kept_value < 0)
		r->kept_value = c[0].i;
	while (n < SHAPE_MAX && c[3 + n].type == CELL_INT && c[3 + n].i >= 0)
		n++;
	for (s = span_of(r, c[2].i); s; s = s->parent == NO_SPAN ? NULL : &r->spans[s->parent]) {
		s->n_dims = n;
		for (int i = 0; i < n; i++)
			s->shape[i] = c[3 + i].i;
	}
	return 0;
}

static int read_values(struct reader *r, struct err *err)
{
	struct text sql = { 0 };
	int ret;

	text_addf(&sql,
		  "SELECT id, pass_id, span_id, d0, d1, d2, d3 FROM value WHERE id >= %lld "
		  "ORDER BY id",
		  (long long)r->next_value);
	r->kept_value = -1;
	ret = load_rows(r->rec, sql.data, take_value, r, err);
	text_release(&sql);
	if (r->is_cut && r->kept_value >= 0)
		r->next_value = r->kept_value;
	return ret;
}

static int read_chunk(struct reader *r, struct err *err)
{
	struct text sql = { 0 };
	int ret;

	r->n_spans = 0;
	r->is_cut = r->has_more = false;
	text_addf(&sql,
		  "SELECT id, parent_id, pass_id, module_id, ts, dur, flops, bytes_w, bytes_kv, "
		  "bytes_act, status FROM span WHERE id >= %lld ORDER BY id",
		  (long long)r->next_span);
	ret = load_rows(r->rec, sql.data, take_span, r, err);
	text_release(&sql);
	if (ret || !r->n_spans)
		return ret;
	nest_spans(&r->nest, r->spans, r->n_spans, r->is_cut);
	return read_values(r, err);
}

/* ---- writing ------------------------------------------------------------------------------ */

static void close_spans(struct reader *r, int depth)
{
	const struct pass *p = &r->loaded->passes[r->next_pass - 1];

	while (r->n_open > depth)
		r->sink->format->end(r->sink, p->run, p->track, r->ends[--r->n_open]);
}

static void write_tokenizer(struct reader *r, const struct pass *p)
{
	const struct run *run = &r->loaded->runs[p->run];
	struct event e = { .run = p->run,
			   .track = TRACK_TOKENIZER,
			   .category = CATEGORY_EVENT,
			   .name = "tokenize",
			   .begin = p->begin,
			   .end = p->begin };

	if (p->n_tok >= 0)
		event_int(&e, ARG_TOKENS, p->n_tok);
	if (run->n_splits >= 0)
		event_int(&e, ARG_SPLITS, run->n_splits);
	if (run->n_merges >= 0)
		event_int(&e, ARG_MERGES, run->n_merges);
	if (run->prompt)
		event_text(&e, ARG_PROMPT, run->prompt);
	r->sink->format->instant(r->sink, &e);
}

/* Of bytes: GB/s. */
static double per_ns(int64_t n, int64_t ns)
{
	return n < 0 || ns <= 0 ? NAN : (double)n / (double)ns;
}

static void write_program(struct reader *r, const struct pass *p)
{
	double speed = 1e9 * per_ns(p->n_tok, p->dur < 0 ? 0 : p->end - p->begin);
	struct event e = { .run = p->run,
			   .track = p->track,
			   .category = CATEGORY_PASS,
			   .name_id = (int64_t)r->loaded->n_modules + 1 + p->track,
			   .name = track_name[p->track],
			   .begin = p->begin,
			   .end = p->end };

	event_int(&e, ARG_PASS, p->idx);
	event_int(&e, ARG_POS, p->pos0);
	event_int(&e, ARG_TOKENS, p->n_tok);
	event_int(&e, ARG_KV_LEN, p->kv_len);
	event_real(&e, ARG_TOKENS_PER_S, speed);
	if (p->dur < 0)
		event_bool(&e, ARG_UNFINISHED, true);
	r->sink->format->begin(r->sink, &e);
	r->ends[r->n_open++] = p->end;
	if (p->kv_len >= 0)
		r->sink->format->count(r->sink, p->run, COUNTER_KV_LEN, p->end, (double)p->kv_len);
	if (isfinite(speed))
		r->sink->format->count(r->sink, p->run, COUNTER_SPEED, p->begin, speed);
	r->counts->n_passes++;
}

/* Every pass up to this one, which stays open. */
static int go_to_pass(struct reader *r, size_t at, struct err *err)
{
	while (r->next_pass <= at) {
		const struct pass *p = &r->loaded->passes[r->next_pass];

		if (r->next_pass)
			close_spans(r, 0);
		r->next_pass++;
		if (p->track == TRACK_TOKENIZER)
			write_tokenizer(r, p);
		else if (pass_is_program(p))
			write_program(r, p);
		if (sink_flush(r->sink, false, err))
			return err->code;
	}
	return 0;
}

static int64_t sum(int64_t a, int64_t b)
{
	int64_t c;

	return a < 0 || b < 0 || __builtin_add_overflow(a, b, &c) ? -1 : c;
}

static void add_costs(struct event *e, const struct span *s)
{
	int64_t ns = s->end - s->begin, rest = s->bytes_act < 0 ? 0 : s->bytes_act;
	int64_t bytes = sum(s->bytes_w, sum(s->bytes_kv < 0 ? 0 : s->bytes_kv, rest));
	const struct {
		enum arg_id id;
		int64_t n;
	} counts[] = {
		{ ARG_BYTES, bytes },          { ARG_WEIGHT_BYTES, s->bytes_w },
		{ ARG_KV_BYTES, s->bytes_kv }, { ARG_ACTIVATION_BYTES, s->bytes_act },
		{ ARG_FLOP, s->flops },
	};

	for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++)
		if (counts[i].n >= 0)
			event_int(e, counts[i].id, counts[i].n);
	if (s->dur < 0)
		return;
	event_real(e, ARG_GBPS, per_ns(bytes, ns));
	event_real(e, ARG_GFLOPS, per_ns(s->flops, ns));
}

static void add_shape(struct text *t, const struct span *s)
{
	text_adds(t, "[");
	for (int i = 0; i < s->n_dims; i++)
		text_addf(t, "%s%lld", i ? "," : "", (long long)s->shape[i]);
	text_adds(t, "]");
}

static void write_span(struct reader *r, const struct span *s)
{
	const struct pass *p = &r->loaded->passes[s->pass];
	int64_t at = module_at(r->loaded, s->module_id);
	const struct module_row *m = at < 0 ? NULL : &r->loaded->modules[at];
	struct text shape = { 0 };
	struct event e = { .run = p->run,
			   .track = p->track,
			   .category = CATEGORY_MODULE,
			   .name_id = at + 1,
			   .name = m ? m->name : "unknown module",
			   .begin = s->begin,
			   .end = s->end };

	/* What an unfinished call computed last is not what it would have given back. */
	if (s->n_dims && s->dur >= 0) {
		add_shape(&shape, s);
		event_text(&e, ARG_SHAPE, shape.data);
	}
	add_costs(&e, s);
	if (m)
		event_text(&e, ARG_TYPE, m->type);
	if (m && m->layer >= 0)
		event_int(&e, ARG_LAYER, m->layer);
	event_int(&e, ARG_SPAN, s->id);
	if (s->status)
		event_int(&e, ARG_STATUS, s->status);
	if (s->dur < 0)
		event_bool(&e, ARG_UNFINISHED, true);
	r->sink->format->begin(r->sink, &e);
	r->ends[r->n_open++] = s->end;
	r->counts->n_spans++;
	text_release(&shape);
}

static int write_chunk(struct reader *r, struct err *err)
{
	for (size_t i = 0; i < r->n_spans; i++) {
		const struct span *s = &r->spans[i];

		if (go_to_pass(r, s->pass, err))
			return err->code;
		close_spans(r, s->depth);
		write_span(r, s);
		if (sink_flush(r->sink, false, err))
			return err->code;
	}
	if (!r->is_cut && r->next_pass)
		close_spans(r, 0);
	return 0;
}

/* ---- all of them -------------------------------------------------------------------------- */

static int take_last(void *ctx, const struct rows *rows, const struct cell *c)
{
	(void)rows;
	*(int64_t *)ctx = cell_count(&c[0], INT64_MAX, 0);
	return 0;
}

static void tell(const struct reader *r)
{
	const struct timeline_target *to = r->sink->to;

	if (to->progress && r->last_span > 0 && r->next_span <= r->last_span)
		to->progress(to->ctx, (double)r->next_span / (double)r->last_span);
}

static int write_all(struct reader *r, struct err *err)
{
	if (load_rows(r->rec, "SELECT max(id) FROM span", take_last, &r->last_span, err))
		return err->code;
	do {
		if (read_chunk(r, err) || write_chunk(r, err))
			return err->code;
		tell(r);
	} while (r->has_more);
	nest_finish(&r->nest);
	if (r->loaded->n_passes && go_to_pass(r, r->loaded->n_passes - 1, err))
		return err->code;
	if (r->next_pass)
		close_spans(r, 0);
	return 0;
}

int spans_write(struct recording *rec, struct loaded *l, struct sink *s,
		struct timeline_counts *counts, struct err *err)
{
	struct reader *r = mem_calloc(1, sizeof(*r));
	int ret;

	r->rec = rec;
	r->loaded = l;
	r->sink = s;
	r->counts = counts;
	r->nest.loaded = l;
	r->next_span = r->next_value = INT64_MIN;
	ret = write_all(r, err);
	counts->n_moved = r->nest.n_moved;
	free(r->spans);
	free(r);
	return ret;
}
