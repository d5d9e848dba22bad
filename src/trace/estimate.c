/*
 * estimate.c -- rows and bytes of a recording that is not made yet.
 *
 * What the file holds before its first run is measured: it is made in memory.  The rest is counted
 * as SQLite will lay it out: rows of a table fill pages one after the other, a row larger than a
 * page continues on pages of its own.  Sizes of rows are averages of real recordings.
 */
#include "load.h"
#include "writer.h"

#include "torchless/mem.h"
#include "torchless/part.h"
#include "torchless/point.h"

#include <stdlib.h>
#include <string.h>

extern const char schema_sql[], schema_doc_sql[], saved_queries_sql[], indexes_sql[];

#define PAGE    8192
#define USABLE  (PAGE - 8)  /* of a leaf: its header is 8 bytes */
#define ON_PAGE (PAGE - 35) /* the largest row that stays on one */

/* Bytes of a row of n, without what its index entries take. */
enum row_bytes {
	ROW_SPAN = 57,
	ROW_VALUE = 104,
	ROW_TOKEN = 34,
	ROW_CANDIDATE = 35,
	ROW_TOK_STEP = 31,
	ROW_PASS = 26,
	ROW_EVENT = 62,
	ROW_TENSOR = 40,
	ROW_CHUNK = 12,
	ROW_COUNTER = 40,
	ROW_TIMING = 21,
	ROW_RUN = 260,
	ROW_INDEX = 12
};

/* ---- pages --------------------------------------------------------------------------------- */

/* Bytes of the file that n rows of `bytes` take. */
static double table_bytes(double n, int64_t bytes)
{
	int64_t on_page = bytes, overflow = 0, least = (PAGE - 12) * 32 / 255 - 23;
	int64_t rows_of_a_page;

	if (bytes > ON_PAGE) {
		on_page = least + (bytes - least) % (PAGE - 4);
		if (on_page > ON_PAGE)
			on_page = least;
		overflow = (bytes - on_page + PAGE - 5) / (PAGE - 4);
	}
	rows_of_a_page = USABLE / (on_page + 2);
	return n * ((double)overflow * PAGE + (double)PAGE / (double)rows_of_a_page);
}

/* A table and its indexes. */
static double indexed_bytes(double n, int64_t bytes, int n_indexes)
{
	return table_bytes(n, bytes) + n_indexes * table_bytes(n, ROW_INDEX);
}

/* ---- one run ------------------------------------------------------------------------------- */

struct sums {
	const struct program *p;
	const struct capture *captures;
	int64_t pattern_keys;
	struct trace_estimate *out;
	double bytes;
	int n_modules;    /* that a pass calls */
	bool is_repeated; /* the run: its dumps are there already */
	int64_t n_chunks, n_tensors;
};

static int64_t numel_of(const struct value *v, const struct value_load *load,
			const struct pass_shape *pass)
{
	int64_t n = load->n_pos;
	int i;

	for (i = 0; i < v->t.n_dims; i++) {
		if (i == (v->storage == STORAGE_LAZY))
			continue;
		n *= v->t.shape[i] >= 0 ? v->t.shape[i] : v->t.shape[i] == DIM_S ? pass->S : 1;
	}
	return n;
}

static void add_dump(struct sums *s, value_id v, int64_t bytes, const struct pass_shape *pass)
{
	int64_t chunks = (bytes + PAYLOAD_CHUNK_BYTES - 1) / PAYLOAD_CHUNK_BYTES;
	value_id repeated = repeats_value(s->p, s->captures, v);
	double times = (double)pass->times;

	s->out->n_dumps += pass->times;
	if (repeated >= 0 || s->is_repeated)
		return;
	s->out->dump_bytes += bytes * pass->times;
	s->n_tensors += pass->times;
	s->n_chunks += chunks * pass->times;
	s->bytes += indexed_bytes(times, ROW_TENSOR, 1);
	s->bytes += indexed_bytes(times * (double)chunks, ROW_CHUNK + bytes / chunks, 1);
}

static void add_value(struct sums *s, value_id v, const struct pass_shape *pass)
{
	struct value_load load = value_load(s->p, s->captures, s->pattern_keys, v, pass);
	const struct capture *c = &s->captures[v];

	if (!load.is_recorded)
		return;
	s->out->n_values += pass->times;
	s->out->read_bytes += numel_of(&s->p->values[v], &load, pass) * 4 * pass->times;
	s->bytes += indexed_bytes((double)pass->times,
				  ROW_VALUE + (c->stats ? 16 * load.n_pos : -48), 2);
	if (load.dump_bytes > 0)
		add_dump(s, v, load.dump_bytes, pass);
}

static void add_pass(void *ctx, const struct pass_shape *pass)
{
	struct sums *s = ctx;
	value_id v;

	s->out->n_passes += pass->times;
	s->out->n_calls += s->n_modules * pass->times;
	s->bytes += table_bytes((double)pass->times, ROW_PASS);
	s->bytes += indexed_bytes((double)(pass->times * s->n_modules), ROW_SPAN, 2);
	for (v = 0; v < s->p->n_values; v++)
		add_value(s, v, pass);
}

static void add_passes(struct sums *s, const struct trace_options *opt)
{
	int n;
	struct run_kind *kinds = run_kinds(opt, &n);

	for (int i = 0; i < n; i++) {
		s->is_repeated = kinds[i].is_repeated;
		each_pass(&kinds[i], add_pass, s);
	}
	free(kinds);
}

/* Rows beside the passes'. */
static void add_run(struct sums *s, const struct trace_shape *r)
{
	int64_t n_picked = r->n_generate, n_tokens = r->n_prompt + n_picked;
	int64_t n_scored = (r->all_logits ? r->n_prompt : 1) - (n_picked > 0);
	int64_t n_top = n_scored * r->n_top + n_picked * r->n_candidates;
	int64_t n_stages = n_picked + (r->n_tok_steps > 0);
	int64_t n_events = n_picked * r->n_sampler_steps;

	s->bytes += table_bytes((double)n_tokens, ROW_TOKEN);
	s->bytes += table_bytes((double)n_top, ROW_CANDIDATE);
	s->bytes += table_bytes((double)r->n_tok_steps, ROW_TOK_STEP);
	s->bytes += table_bytes((double)n_stages, ROW_PASS);
	s->bytes += table_bytes((double)n_events, ROW_EVENT);
	s->bytes += table_bytes(1, ROW_COUNTER) + table_bytes(1, ROW_RUN + r->text_bytes);
	s->out->n_all_rows += n_tokens + n_top + r->n_tok_steps + n_stages + n_events + 2;
}

/* Layers, and what lies outside of them, with each part that has an op there. */
static int64_t count_timed(const struct program *p)
{
	bool *is_there = mem_calloc((size_t)(p->n_layers + 1) * PART_COUNT, sizeof(*is_there));
	int64_t n = 0;

	for (int i = 0; i < p->n_ops; i++) {
		const struct module *m = &p->modules[p->ops[i].module];
		int row = m->layer < 0 ? 0 : m->layer + 1;
		bool *is_counted = &is_there[row * PART_COUNT + (int)model_part_of(m->path)];

		n += !*is_counted;
		*is_counted = true;
	}
	free(is_there);
	return n;
}

/* --repeat: the same of each pass, so many times. */
static void add_timings(struct sums *s, int n_repeats)
{
	int64_t n = n_repeats > 0 ? s->out->n_passes * n_repeats * count_timed(s->p) : 0;

	s->bytes += table_bytes((double)n, ROW_TIMING);
	s->out->n_all_rows += n;
}

static int count_modules(const struct program *p)
{
	int i, n = 0;

	for (i = 0; i < p->n_modules; i++)
		n += p->modules[i].op_end > p->modules[i].op_first;
	return n;
}

/* ---- the file without a run ---------------------------------------------------------------- */

/* Made in memory, dictionary, indexes and all. */
static int measure_empty(const struct program *p, const struct trace_model *model,
			 const struct trace_options *opt, int64_t *bytes, struct err *err)
{
	struct trace_writer *w = writer_make(p, model, opt, err);
	int64_t pages = 0;
	int ret = w ? db_open(&w->db, "", SQLITE_OPEN_READWRITE | SQLITE_OPEN_MEMORY, err)
		    : err->code;

	if (!ret && !db_exec(&w->db, schema_sql, err) && !db_exec(&w->db, schema_doc_sql, err) &&
	    !db_exec(&w->db, saved_queries_sql, err) && !writer_dictionary(w, model, err) &&
	    !db_exec(&w->db, indexes_sql, err))
		db_int(&w->db, "PRAGMA page_count", &pages, err);
	writer_free(w);
	*bytes = pages * PAGE;
	return pages ? 0 : err->code;
}

/* ---- the answer ---------------------------------------------------------------------------- */

static const char *keep_of(const struct capture *c, const struct capture_group *g)
{
	if (!c->stats)
		return "hash";
	return c->dump || g->is_dropped ? dtype_table[c->dtype].name : "stats";
}

static void add_row(const struct program *p, const struct capture *captures,
		    const struct capture_group *g, const struct capture_policy *policy,
		    struct trace_estimate *out)
{
	bool *wanted = mem_calloc((size_t)p->n_values + 1, sizeof(*wanted));
	struct trace_estimate_row *row = &out->rows[out->n_rows++];
	const struct capture *c = &captures[g->first];
	value_id v;

	*row = (struct trace_estimate_row){ .keep = keep_of(c, g),
					    .n_points = g->n_points,
					    .n_values = g->n_values,
					    .n_dumps = g->n_dumps,
					    .dump_bytes = g->dump_bytes,
					    .is_dropped = g->is_dropped };
	if (g->is_repeated && !g->is_dropped && repeats_value(p, captures, g->first) >= 0)
		row->dump_bytes = 0;
	for (v = 0; v < p->n_values; v++)
		wanted[v] = group_has(p, captures, g, v);
	points_format(p, wanted, " ", &row->points);
	if (c->dump && g->rule < 0 && !c->whole)
		text_adds(&row->positions, "@last");
	else if (c->dump && g->rule >= 0)
		capture_rule_positions(&policy->rules[g->rule], &row->positions);
	free(wanted);
}

int trace_estimate(const struct program *p, const struct trace_model *model,
		   const struct trace_options *opt, struct trace_estimate *out, struct err *err)
{
	struct capture *captures = mem_calloc((size_t)p->n_values + 1, sizeof(*captures));
	struct sums s = { .p = p, .captures = captures, .pattern_keys = opt->pattern_keys };
	struct capture_group *groups = NULL;
	int64_t empty = 0;
	int i, n, ret = capture_policy_apply(opt->capture, opt->keeps_attention, p, captures, err);

	*out = (struct trace_estimate){ 0 };
	s.out = out;
	s.n_modules = count_modules(p);
	if (!ret)
		ret = measure_empty(p, model, opt, &empty, err);
	n = ret ? 0 : capture_groups(p, captures, opt, &groups);
	if (opt->budget)
		budget_apply(p, captures, opt, groups, n);
	out->rows = mem_calloc((size_t)n + 1, sizeof(*out->rows));
	for (i = 0; i < n; i++)
		add_row(p, captures, &groups[i], opt->capture, out);
	if (!ret)
		add_passes(&s, opt);
	add_timings(&s, opt->n_repeats);
	for (i = 0; i < opt->n_shapes && !ret; i++)
		add_run(&s, &opt->shapes[i]);
	out->n_all_rows += out->n_passes + out->n_calls + out->n_values + s.n_tensors + s.n_chunks;
	out->file_bytes = empty + (int64_t)s.bytes;
	free(groups);
	free(captures);
	return ret;
}

void trace_estimate_release(struct trace_estimate *e)
{
	int i;

	for (i = 0; i < e->n_rows; i++) {
		text_release(&e->rows[i].points);
		text_release(&e->rows[i].positions);
	}
	free(e->rows);
	*e = (struct trace_estimate){ 0 };
}
