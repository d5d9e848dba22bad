/*
 * load.c -- what is small of a recording: runs, modules and passes, each sorted by its id.
 *
 * Cells are what a stranger wrote: of another type, negative, huge.  What is no number is as if it
 * were not there, and what is too large is the largest.
 */
#include "timeline_impl.h"
#include "torchless/mem.h"

#include <stdlib.h>
#include <string.h>

#define ROW_NS     60000000000ll /* between two rows: a recording without indexes is read through */
#define NAME_BYTES 200
#define TEXT_BYTES 60

int64_t cell_count(const struct cell *c, int64_t most, int64_t otherwise)
{
	if (c->type == CELL_REAL && c->d >= 0)
		return c->d < (double)most ? (int64_t)c->d : most;
	if (c->type != CELL_INT || c->i < 0)
		return otherwise;
	return c->i < most ? c->i : most;
}

int load_rows(struct recording *rec, const char *sql,
	      int (*row)(void *ctx, const struct rows *rows, const struct cell *cells), void *ctx,
	      struct err *err)
{
	const struct query q = { .row = row, .ctx = ctx, .max_wait_ns = ROW_NS };

	return recording_query(rec, sql, &q, err);
}

/* ---- sorted by id: the first member of each ------------------------------------------------- */

static int64_t place_of(const void *array, size_t n, size_t size, int64_t id)
{
	size_t lo = 0, hi = n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		int64_t there;

		memcpy(&there, (const char *)array + mid * size, sizeof(there));
		if (there == id)
			return (int64_t)mid;
		if (there < id)
			lo = mid + 1;
		else
			hi = mid;
	}
	return -1;
}

int64_t run_at(const struct loaded *l, int64_t id)
{
	return place_of(l->runs, l->n_runs, sizeof(*l->runs), id);
}

int64_t module_at(const struct loaded *l, int64_t id)
{
	return place_of(l->modules, l->n_modules, sizeof(*l->modules), id);
}

int64_t pass_at(const struct loaded *l, int64_t id)
{
	return place_of(l->passes, l->n_passes, sizeof(*l->passes), id);
}

/* Whether the id of a row comes after the last one that was taken. */
static bool is_next(const struct cell *c, size_t n, int64_t last)
{
	return c->type == CELL_INT && (n == 0 || c->i > last);
}

/* ---- runs --------------------------------------------------------------------------------- */

static char *clean(const struct cell *c, size_t most)
{
	struct text t = { 0 };

	text_adds(&t, "");
	name_add(&t, c->s.data, c->s.len, most);
	return t.data;
}

static char *run_name(const struct run *r, const struct cell *model)
{
	struct text t = { 0 };

	text_addf(&t, "run %lld", (long long)r->id);
	if (model->s.len) {
		text_adds(&t, " \xc2\xb7 ");
		name_add(&t, model->s.data, model->s.len, TEXT_BYTES);
	}
	if (r->prompt)
		text_addf(&t, " \xc2\xb7 \"%s\"", r->prompt);
	return t.data;
}

static int take_run(void *ctx, const struct rows *rows, const struct cell *c)
{
	struct loaded *l = ctx;
	struct run *r;

	(void)rows;
	if (!is_next(&c[0], l->n_runs, l->n_runs ? l->runs[l->n_runs - 1].id : 0))
		return 0;
	l->runs = mem_grow(l->runs, l->n_runs, &l->cap, sizeof(*l->runs));
	r = &l->runs[l->n_runs++];
	*r = (struct run){ .id = c[0].i, .started_ns = cell_count(&c[1], TIME_MAX, 0) };
	r->status = clean(&c[2], TEXT_BYTES);
	r->prompt = c[3].type == CELL_TEXT ? clean(&c[3], TEXT_BYTES) : NULL;
	r->name = run_name(r, &c[4]);
	r->recorder_ns = cell_count(&c[5], TIME_MAX, -1);
	r->stopped = cell_count(&c[6], TIME_MAX, 0);
	r->last_pass = NO_PASS;
	r->n_merges = r->n_splits = -1;
	return 0;
}

static int take_steps(void *ctx, const struct rows *rows, const struct cell *c)
{
	struct loaded *l = ctx;
	int64_t at = c[0].type == CELL_INT ? run_at(l, c[0].i) : -1;

	(void)rows;
	if (at < 0)
		return 0;
	l->runs[at].n_splits = cell_count(&c[1], INT64_MAX, -1);
	l->runs[at].n_merges = cell_count(&c[2], INT64_MAX, -1);
	return 0;
}

/* Runs lie as far apart as they began. */
static void place_runs(struct loaded *l)
{
	int64_t first = TIME_MAX;

	for (size_t i = 0; i < l->n_runs; i++)
		if (l->runs[i].started_ns && l->runs[i].started_ns < first)
			first = l->runs[i].started_ns;
	l->started_ns = first < TIME_MAX ? first : 0;
	for (size_t i = 0; i < l->n_runs; i++) {
		struct run *r = &l->runs[i];

		r->offset = r->started_ns > first ? r->started_ns - first : 0;
		r->end = r->offset;
		for (int t = 0; t < TRACK_COUNT; t++)
			r->cursor[t] = r->offset;
	}
}

static int load_runs(struct recording *rec, struct loaded *l, struct err *err)
{
	l->cap = 0;
	if (load_rows(
		    rec,
		    "SELECT r.id, r.started_ns, r.status, "
		    "iif(r.prompt_redacted, NULL, substr(r.prompt, 1, 100)), "
		    "substr(m.name, 1, 100), (SELECT c.value FROM counter c WHERE c.run_id = r.id "
		    "AND c.name = 'recording_ns' ORDER BY c.ts DESC LIMIT 1), "
		    "(SELECT max(c.ts) FROM counter c WHERE c.run_id = r.id "
		    "AND c.name = 'recording_ns') "
		    "FROM run r LEFT JOIN model m ON m.id = r.model_id ORDER BY r.id",
		    take_run, l, err))
		return err->code;
	place_runs(l);
	return load_rows(rec,
			 "SELECT run_id, sum(rule = 'split'), sum(rule = 'merge') FROM tok_step "
			 "GROUP BY run_id ORDER BY run_id",
			 take_steps, l, err);
}

/* ---- modules and passes ------------------------------------------------------------------- */

static int take_module(void *ctx, const struct rows *rows, const struct cell *c)
{
	struct loaded *l = ctx;
	bool has_path = c[1].s.len > 0;

	(void)rows;
	if (!is_next(&c[0], l->n_modules, l->n_modules ? l->modules[l->n_modules - 1].id : 0))
		return 0;
	l->modules = mem_grow(l->modules, l->n_modules, &l->cap, sizeof(*l->modules));
	l->modules[l->n_modules++] = (struct module_row){
		.id = c[0].i,
		.name = clean(has_path ? &c[1] : &c[2], NAME_BYTES),
		.type = clean(&c[2], NAME_BYTES),
		.layer = cell_count(&c[3], INT32_MAX, -1),
	};
	return 0;
}

static const struct {
	const char *phase;
	enum track track;
} phases[] = {
	{ "tokenize", TRACK_TOKENIZER },
	{ "prefill", TRACK_PREFILL },
	{ "decode", TRACK_DECODE },
	{ "sample", TRACK_SAMPLER },
};

static int take_pass(void *ctx, const struct rows *rows, const struct cell *c)
{
	struct loaded *l = ctx;
	int64_t run = c[1].type == CELL_INT ? run_at(l, c[1].i) : -1;
	size_t phase = 0, n_phases = sizeof(phases) / sizeof(phases[0]);

	(void)rows;
	while (phase < n_phases && strcmp(c[3].s.data, phases[phase].phase) != 0)
		phase++;
	if (run < 0 || phase == n_phases ||
	    !is_next(&c[0], l->n_passes, l->n_passes ? l->passes[l->n_passes - 1].id : 0))
		return 0;
	if (phases[phase].track == TRACK_PREFILL || phases[phase].track == TRACK_DECODE)
		l->runs[run].last_pass = l->n_passes;
	l->passes = mem_grow(l->passes, l->n_passes, &l->cap, sizeof(*l->passes));
	l->passes[l->n_passes++] = (struct pass){
		.id = c[0].i,
		.run = (int)run,
		.track = phases[phase].track,
		.idx = cell_count(&c[2], INT64_MAX, -1),
		.pos0 = cell_count(&c[4], INT64_MAX, -1),
		.n_tok = cell_count(&c[5], INT64_MAX, -1),
		.kv_len = cell_count(&c[6], INT64_MAX, -1),
		.ts = cell_count(&c[7], TIME_MAX, 0),
		.dur = cell_count(&c[8], TIME_MAX, -1),
	};
	return 0;
}

int load(struct recording *rec, struct loaded *l, struct err *err)
{
	*l = (struct loaded){ 0 };
	if (load_runs(rec, l, err))
		return err->code;
	l->cap = 0;
	if (load_rows(rec,
		      "SELECT id, substr(path, 1, 300), substr(type, 1, 300), layer FROM module "
		      "ORDER BY id",
		      take_module, l, err))
		return err->code;
	l->cap = 0;
	return load_rows(
		rec,
		"SELECT id, run_id, idx, CAST(phase AS TEXT), pos0, n_tok, kv_len, ts, dur "
		"FROM pass ORDER BY id",
		take_pass, l, err);
}

void loaded_release(struct loaded *l)
{
	for (size_t i = 0; i < l->n_runs; i++) {
		free(l->runs[i].name);
		free(l->runs[i].prompt);
		free(l->runs[i].status);
	}
	for (size_t i = 0; i < l->n_modules; i++) {
		free(l->modules[i].name);
		free(l->modules[i].type);
	}
	free(l->runs);
	free(l->modules);
	free(l->passes);
	*l = (struct loaded){ 0 };
}
