/*
 * writer.h -- the state of a recording that is being written; shared by the writer's files.
 *
 * Rows of spans and values are kept in memory until their pass ends, so that the forward pass
 * meets no SQL; payloads go out as they come.  Row ids are given in the order of execution, on
 * entry for spans (a subtree is a range of ids).
 *
 * Its files, each standing on those above it only:
 *
 *	transaction.c  the transaction, the clocks, events, and marks to resume by
 *	dictionary.c   model, module, point, point_alias
 *	cost.c         operations and bytes of one op
 *	payload.c      a dumped tensor, in chunks, stored once
 *	measure.c      statistics, hash and dump of one value
 *	rows.c         spans and values of a pass: in memory, then stored
 *	spans.c        the hook: passes, stages, module calls
 *	tokens.c       tokens and candidates
 *	edits.c        edits
 *	budget.c       what of the dumps is kept when not all of them fit
 *	writer.c       the file and its runs
 *	resume.c       continuing a file that was left in the middle of its runs
 */
#ifndef TORCHLESS_TRACE_WRITER_H
#define TORCHLESS_TRACE_WRITER_H

#include "db.h"
#include "policy.h"

#include "torchless/stats.h"
#include "torchless/trace.h"

#include <xxhash.h>

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "payloads are little-endian: swap bytes in payload.c and measure.c for this machine"
#endif

/* ---- rows ---------------------------------------------------------------------------------- */

struct cost {
	int64_t flops, bytes_w, bytes_kv, bytes_act;
};

struct span {
	int64_t id, last_id, pass_id, parent_id, module_id, depth, ts, dur;
	struct cost cost; /* its own, and of its children that ended */
	int module;
	bool stored, changed; /* in the file; and as it is here */
};

struct value_row {
	int64_t id, pass_id, span_id, point_id, dtype, d[TENSOR_MAX_DIMS], numel;
	struct stats stats;
	int64_t hash, tensor_id, dump_from, edit_id;
	struct bytes pos_stats;
	float *positions; /* what pos_stats shows */
};

/* ---- payloads ------------------------------------------------------------------------------ */

#define PAYLOAD_CHUNK_BYTES (4 << 20)

/* A tensor on its way into tensor and tensor_chunk. */
struct payload {
	int64_t id;
	enum dtype dtype;
	int64_t chunk_bytes, chunk_rows, n_chunks, total_bytes, used;
	char *buffer; /* PAYLOAD_CHUNK_BYTES, made for the first payload */
	XXH3_state_t *hash;
	char shape[96];
};

/* Payloads that are stored already, by hash: open addressing, id 0 is an empty slot. */
struct payload_index {
	struct payload_key {
		int64_t hash, bytes, id;
	} * slots;
	size_t n, cap;
};

/* ---- the writer ---------------------------------------------------------------------------- */

struct trace_writer {
	struct db db;
	int lock_fd; /* -1: none */
	const struct program *program;
	struct trace_model model; /* only piece() is called later */
	struct trace_options opt;
	struct capture *captures; /* per value */
	int64_t *point_ids;       /* per value: its row in `point`, 0 for none */
	int64_t *edit_ids;        /* per value: the edit in force, -1 for none */
	struct hook hook;

	/* The run. */
	int64_t run_id;
	bool in_run, redact, saw_bad;
	int64_t n_tokens, n_prompt, n_tok_steps;
	int64_t started_ns;   /* CLOCK_MONOTONIC */
	int64_t recording_ns; /* spent in here since then; not part of any ts or dur */

	/* The pass. */
	int64_t next_pass, pass_id, kv_len;
	int64_t pass_ts, last_ts; /* when it began, and when its latest op ended */
	int stage;                /* enum stage being recorded, -1 for none */
	bool in_pass;
	int64_t next_span, next_value, next_tensor;
	struct span *spans; /* of this pass, by id */
	size_t n_spans, cap_spans;
	size_t *open; /* indices of the spans that have not ended */
	size_t n_open, cap_open;
	struct value_row *values; /* not in the file yet */
	size_t n_values, cap_values;

	/* Scratch of measure.c. */
	XXH3_state_t *hash;
	struct stats_sum *row_sums, *pos_sums;
	size_t cap_row_sums, cap_pos_sums;
	float *head; /* one head of a lazy value */
	int64_t cap_head;

	struct payload payload;
	struct payload_index stored;
	int64_t transaction_bytes; /* dumped since the last commit */
	bool in_transaction;

	struct writer_statements {
		struct stmt span, span_end, value, pass, pass_end, token, scored, cand_clear, cand;
		struct stmt tok_step, event, edit, tensor, chunk, chunk_drop, same, meta;
	} sql;

	const char *stopped_fqn;
	int stopped_pass;
	struct trace_totals totals;
	struct trace_dropped dropped, cut; /* see trace_writer_dropped() */
	int64_t n_cut_told;
};

/* ---- transaction.c ------------------------------------------------------------------------- */

/* A moment of the run: nanoseconds since it began, without the time that recording took. */
int64_t writer_time(const struct trace_writer *w, int64_t clock);

/* Open a transaction unless one is open; commit it. */
int writer_begin(struct trace_writer *w, struct err *err);
int writer_commit(struct trace_writer *w, struct err *err);

/* Record something that happened, `about` a row of value or -1.  data is JSON or NULL. */
int writer_event(struct trace_writer *w, const char *kind, int severity, int64_t about,
		 const char *data, struct err *err);

/* Keep opt.settings. */
int writer_insert_settings(struct trace_writer *w, struct err *err);

/* Keep where the rows of a run that begins now will begin, if there are settings to resume by. */
int writer_mark(struct trace_writer *w, struct err *err);

/* ---- dictionary.c -------------------------------------------------------------------------- */

/* Write the rows of model, module, point and point_alias, and fill w->point_ids. */
int writer_dictionary(struct trace_writer *w, const struct trace_model *m, struct err *err);

/* Fill w->point_ids for a file that has these rows; ERR_USAGE when another model made them. */
int writer_check_dictionary(struct trace_writer *w, const struct trace_model *m, struct err *err);

/* ---- cost.c -------------------------------------------------------------------------------- */

/* What running `op` in the executor's pass costs. */
struct cost cost_of(const struct executor *ex, const struct op *op);
void cost_add(struct cost *a, const struct cost *b);

/* ---- payload.c ----------------------------------------------------------------------------- */

/*
 * Store a tensor given piece by piece as f32 in C order: its id in `tensor`, that of an equal one
 * when there is one.
 */
int payload_begin(struct trace_writer *w, enum dtype dtype, const int64_t *shape, int n_dims,
		  struct err *err);
int payload_add(struct trace_writer *w, const float *x, int64_t n, struct err *err);
int payload_end(struct trace_writer *w, int64_t *tensor_id, struct err *err);
void payload_release(struct trace_writer *w);

/* The key of a payload: equal bytes of another shape are another tensor. */
int64_t payload_key(const char *shape, enum dtype dtype, int64_t hash);

/* Payloads equal to tensor `id`, which the file holds, are not to be stored again. */
void payload_known(struct trace_writer *w, int64_t key, int64_t bytes, int64_t id);

/* ---- measure.c ----------------------------------------------------------------------------- */

/*
 * Read value `v`, which has just been computed, and append its row under span `span_id`.
 * *stop is set when opt.stop_on_* is met.
 */
int writer_measure(struct trace_writer *w, struct executor *ex, value_id v, int64_t span_id,
		   bool *stop, struct err *err);
void measure_release(struct trace_writer *w);

/* ---- rows.c -------------------------------------------------------------------------------- */

/* Write the rows that are in memory; spans that are open stay so and are completed later. */
int writer_flush(struct trace_writer *w, struct err *err);

/* Forget the rows of the pass. */
void writer_clear_pass(struct trace_writer *w);

/* ---- spans.c ------------------------------------------------------------------------------- */

/* Set up w->hook. */
void writer_hook_init(struct trace_writer *w);

/* ---- writer.c ------------------------------------------------------------------------------ */

/* A writer without a file: captures are known, ids begin at 1.  NULL and err; free it. */
struct trace_writer *writer_make(const struct program *p, const struct trace_model *model,
				 const struct trace_options *opt, struct err *err);
void writer_free(struct trace_writer *w);

/* Lock and open the file; then have SQLite write it as a recording is written. */
int writer_open(struct trace_writer *w, const char *path, struct err *err);
int writer_start(struct trace_writer *w, struct err *err);

#endif
