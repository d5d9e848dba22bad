/*
 * timeline.c -- all of a recording as a timeline.
 *
 * Beside the spans stand what happened at a moment: tokens, the sampler's steps, the first bad
 * value.  What the recorder itself did has no moment: its clock stands still meanwhile, and the
 * recording has the sum, which is drawn behind the last pass.
 */
#include "timeline_impl.h"
#include "torchless/database.h"
#include "torchless/mem.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define PIECE_BYTES 80
#define FQN_BYTES   300

static const struct sink_format *const formats[] = {
	[TIMELINE_PERFETTO] = &sink_perfetto,
	[TIMELINE_CHROME] = &sink_chrome,
};

/* A pass by where it stands: found by run and position. */
struct place {
	int64_t pos0;
	size_t pass;
	int run;
};

struct timeline {
	struct loaded loaded;
	struct sink sink;
	struct timeline_counts *counts;
	struct place *samples, *programs;
	size_t n_samples, n_programs;
	struct err *err;
};

/* ---- when a token was picked -------------------------------------------------------------- */

static int by_place(const void *a, const void *b)
{
	const struct place *x = a, *y = b;

	if (x->run != y->run)
		return x->run < y->run ? -1 : 1;
	if (x->pos0 != y->pos0)
		return x->pos0 < y->pos0 ? -1 : 1;
	return x->pass < y->pass ? -1 : x->pass > y->pass;
}

static void index_passes(struct timeline *t)
{
	size_t n = t->loaded.n_passes;

	t->samples = mem_calloc(n + 1, sizeof(*t->samples));
	t->programs = mem_calloc(n + 1, sizeof(*t->programs));
	for (size_t i = 0; i < n; i++) {
		const struct pass *p = &t->loaded.passes[i];
		struct place place = { p->pos0, i, p->run };

		if (p->track == TRACK_SAMPLER)
			t->samples[t->n_samples++] = place;
		else if (pass_is_program(p))
			t->programs[t->n_programs++] = place;
	}
	qsort(t->samples, t->n_samples, sizeof(*t->samples), by_place);
	qsort(t->programs, t->n_programs, sizeof(*t->programs), by_place);
}

/* The last of a run at `pos` or before. */
static const struct place *last_before(const struct place *places, size_t n, int run, int64_t pos)
{
	const struct place key = { pos, SIZE_MAX, run };
	size_t lo = 0, hi = n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (by_place(&places[mid], &key) < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo > 0 && places[lo - 1].run == run ? &places[lo - 1] : NULL;
}

/* When the sampler read the logits at `pos`, or the pass ended that computed them. */
static int64_t picked_at(const struct timeline *t, int run, int64_t pos)
{
	const struct place *p = last_before(t->samples, t->n_samples, run, pos);

	if (p && p->pos0 == pos)
		return t->loaded.passes[p->pass].begin;
	p = last_before(t->programs, t->n_programs, run, pos);
	return p ? t->loaded.passes[p->pass].end : t->loaded.runs[run].offset;
}

static int send_instant(struct timeline *t, struct event *e)
{
	e->end = e->begin;
	t->sink.format->instant(&t->sink, e);
	return sink_flush(&t->sink, false, t->err);
}

static void add_real_cell(struct event *e, enum arg_id id, const struct cell *c)
{
	if (c->type == CELL_REAL)
		event_real(e, id, c->d);
	else if (c->type == CELL_INT)
		event_real(e, id, (double)c->i);
}

static int take_token(void *ctx, const struct rows *rows, const struct cell *c)
{
	struct timeline *t = ctx;
	int64_t run = c[0].type == CELL_INT ? run_at(&t->loaded, c[0].i) : -1;
	int64_t pos = cell_count(&c[1], INT64_MAX, 0), id = cell_count(&c[2], INT32_MAX, 0);
	bool has_piece = c[3].type == CELL_BLOB || c[3].type == CELL_TEXT;
	struct text name = { 0 }, source = { 0 };
	struct event e = { .track = TRACK_SAMPLER, .category = CATEGORY_TOKEN };
	int ret;

	(void)rows;
	if (run < 0)
		return 0;
	if (has_piece) {
		text_adds(&name, "\"");
		name_add(&name, c[3].s.data, c[3].s.len, PIECE_BYTES);
		text_adds(&name, "\"");
	} else {
		text_addf(&name, "token %lld", (long long)id);
	}
	text_adds(&source, "");
	name_add(&source, c[4].s.data, c[4].s.len, PIECE_BYTES);
	e.run = (int)run;
	e.name = name.data;
	e.begin = picked_at(t, (int)run, pos > 0 ? pos - 1 : 0);
	event_int(&e, ARG_TOKEN_ID, id);
	event_int(&e, ARG_POS, pos);
	event_text(&e, ARG_SOURCE, source.data);
	add_real_cell(&e, ARG_LOGPROB, &c[5]);
	if (c[6].type == CELL_INT)
		event_int(&e, ARG_RANK, c[6].i);
	add_real_cell(&e, ARG_ENTROPY, &c[7]);
	t->counts->n_tokens++;
	ret = send_instant(t, &e);
	text_release(&name);
	text_release(&source);
	return ret;
}

/* ---- events ------------------------------------------------------------------------------- */

static int64_t moment(const struct run *r, const struct cell *ts)
{
	return r->offset + cell_count(ts, TIME_MAX, 0);
}

/* A cut of the sampler, or whatever else has a moment: run, ts, kind, rule, left, name of a value.
 */
static int take_event(void *ctx, const struct rows *rows, const struct cell *c)
{
	struct timeline *t = ctx;
	int64_t run = c[0].type == CELL_INT ? run_at(&t->loaded, c[0].i) : -1;
	bool is_sampler = !strcmp(c[2].s.data, "sampler");
	const struct cell *called = is_sampler && c[3].type == CELL_TEXT ? &c[3] : &c[2];
	struct text name = { 0 }, value = { 0 };
	struct event e = { .category = CATEGORY_EVENT };
	int ret;

	(void)rows;
	if (run < 0)
		return 0;
	text_adds(&name, "");
	name_add(&name, called->s.data, called->s.len, PIECE_BYTES);
	text_adds(&value, "");
	name_add(&value, c[5].s.data, c[5].s.len, FQN_BYTES);
	e.run = (int)run;
	e.track = is_sampler ? TRACK_SAMPLER : TRACK_WRITER;
	e.name = name.data;
	e.begin = moment(&t->loaded.runs[run], &c[1]);
	if (c[4].type == CELL_INT)
		event_int(&e, ARG_LEFT, c[4].i);
	if (value.len)
		event_text(&e, ARG_VALUE, value.data);
	ret = send_instant(t, &e);
	text_release(&name);
	text_release(&value);
	return ret;
}

/* The last nanosecond of the op, as the event has its end: the next span may begin there. */
static int64_t bad_at(const struct run *r, const struct cell *c)
{
	int64_t begin = moment(r, &c[3]), end = begin + cell_count(&c[4], TIME_MAX, 0);

	if (c[2].type == CELL_INT)
		end = moment(r, &c[2]);
	return end > begin ? end - 1 : begin;
}

/* Run, pass, ts of the event, ts and dur of its span, fqn, counts of NaN, +inf, -inf, span. */
static int take_bad(void *ctx, const struct rows *rows, const struct cell *c)
{
	struct timeline *t = ctx;
	int64_t at = c[1].type == CELL_INT ? pass_at(&t->loaded, c[1].i) : -1;
	const struct pass *p = at < 0 ? NULL : &t->loaded.passes[at];
	struct text value = { 0 }, name = { 0 };
	struct event e = { .category = CATEGORY_EVENT };
	int64_t nan = cell_count(&c[6], INT64_MAX, 0);
	int ret;

	(void)rows;
	if (!p || !pass_is_program(p))
		return 0;
	name_add(&value, c[5].s.data, c[5].s.len, FQN_BYTES);
	text_addf(&name, "first %s: %s", nan > 0 ? "NaN" : "inf", value.len ? value.data : "?");
	e.run = p->run;
	e.track = p->track;
	e.name = name.data;
	e.begin = bad_at(&t->loaded.runs[p->run], c);
	event_text(&e, ARG_VALUE, value.len ? value.data : "?");
	event_int(&e, ARG_NAN, nan);
	event_int(&e, ARG_PLUS_INF, cell_count(&c[7], INT64_MAX, 0));
	event_int(&e, ARG_MINUS_INF, cell_count(&c[8], INT64_MAX, 0));
	if (c[9].type == CELL_INT)
		event_int(&e, ARG_SPAN, c[9].i);
	ret = send_instant(t, &e);
	text_release(&value);
	text_release(&name);
	return ret;
}

static int write_moments(struct timeline *t, struct recording *rec, struct err *err)
{
	if (load_rows(rec,
		      "SELECT run_id, pos, token_id, substr(piece, 1, 100), CAST(source AS TEXT), "
		      "logprob, rank, entropy FROM token WHERE source IN ('generated', 'forced') "
		      "ORDER BY run_id, pos",
		      take_token, t, err))
		return err->code;
	/* Of picks there are the tokens; first_nan and first_inf come with their values below. */
	if (load_rows(
		    rec,
		    "SELECT run_id, ts, CAST(substr(kind, 1, 100) AS TEXT), rule, n_left, "
		    "(SELECT substr(pt.fqn, 1, 300) FROM value v JOIN point pt "
		    "ON pt.id = v.point_id WHERE v.id = value_id) FROM (SELECT *, "
		    "iif(is_small, CAST(json_extract(data, '$.rule') AS TEXT), NULL) rule, "
		    "iif(is_small, json_extract(data, '$.rank'), NULL) n_left FROM (SELECT *, "
		    "iif(length(data) < 1000, " SQL_JSON_VALID(
			    "data") ", 0) is_small FROM event)) "
				    "WHERE kind NOT IN ('first_nan', 'first_inf') AND rule IS NOT 'pick' "
				    "ORDER BY id",
		    take_event, t, err))
		return err->code;
	return load_rows(rec,
			 "SELECT b.run_id, v.pass_id, (SELECT min(e.ts) FROM event e WHERE "
			 "e.run_id = b.run_id AND e.value_id = b.value_id), s.ts, s.dur, "
			 "substr(pt.fqn, 1, 300), v.n_nan, v.n_pinf, v.n_ninf, v.span_id "
			 "FROM v_first_bad b JOIN value v ON v.id = b.value_id "
			 "LEFT JOIN span s ON s.id = v.span_id "
			 "LEFT JOIN point pt ON pt.id = v.point_id",
			 take_bad, t, err);
}

/* ---- runs --------------------------------------------------------------------------------- */

static int write_processes(struct timeline *t, struct err *err)
{
	for (size_t i = 0; i < t->loaded.n_runs; i++) {
		t->sink.format->process(&t->sink, (int)i, t->loaded.runs[i].name);
		if (sink_flush(&t->sink, false, err))
			return err->code;
	}
	return 0;
}

static void write_recorder(struct timeline *t, const struct run *r, int i)
{
	struct event e = { .run = i,
			   .track = TRACK_WRITER,
			   .category = CATEGORY_EVENT,
			   .name = "recording of all passes",
			   .begin = r->end,
			   .end = r->end + r->recorder_ns };

	event_int(&e, ARG_NS, r->recorder_ns);
	event_text(&e, ARG_RUN_STATUS, r->status);
	event_text(&e, ARG_NOTE,
		   "the sum over the run; no other time contains it: the clock of the recording "
		   "stands still while it is written");
	t->sink.format->begin(&t->sink, &e);
	t->sink.format->end(&t->sink, i, TRACK_WRITER, e.end);
}

static int write_ends(struct timeline *t, struct err *err)
{
	for (size_t i = 0; i < t->loaded.n_runs; i++) {
		const struct run *r = &t->loaded.runs[i];
		struct event e = { .run = (int)i,
				   .track = TRACK_WRITER,
				   .category = CATEGORY_EVENT,
				   .name = "the run did not end",
				   .begin = r->end,
				   .end = r->end };

		t->sink.format->count(&t->sink, (int)i, COUNTER_SPEED, r->end, 0);
		if (r->recorder_ns >= 0) {
			write_recorder(t, r, (int)i);
		} else {
			event_text(&e, ARG_RUN_STATUS, r->status);
			t->sink.format->instant(&t->sink, &e);
		}
		if (sink_flush(&t->sink, false, err))
			return err->code;
	}
	return 0;
}

static int write_all(struct timeline *t, struct recording *rec, struct err *err)
{
	t->sink.format->head(&t->sink, t->loaded.started_ns);
	if (write_processes(t, err) || spans_write(rec, &t->loaded, &t->sink, t->counts, err))
		return err->code;
	index_passes(t);
	if (write_moments(t, rec, err) || write_ends(t, err))
		return err->code;
	t->sink.format->tail(&t->sink);
	return sink_flush(&t->sink, true, err);
}

int timeline_write(struct recording *rec, const char *name, enum timeline_format format,
		   const struct timeline_target *to, struct timeline_counts *counts,
		   struct err *err)
{
	struct timeline_counts unasked;
	struct timeline t = { .counts = counts ? counts : &unasked, .err = err };
	int r = load(rec, &t.loaded, err);

	*t.counts = (struct timeline_counts){ .n_runs = (int64_t)t.loaded.n_runs };
	if (!r && !t.loaded.n_runs)
		r = err_set(err, ERR_USAGE, "%s holds no run", name);
	if (!r) {
		/* Modules, one that is unknown, passes by their track. */
		sink_init(&t.sink, formats[format], to,
			  (int64_t)t.loaded.n_modules + 1 + TRACK_COUNT);
		r = write_all(&t, rec, err);
		sink_release(&t.sink);
	}
	free(t.samples);
	free(t.programs);
	loaded_release(&t.loaded);
	return r;
}
