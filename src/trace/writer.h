/*
 * writer.h -- the state of a recording that is being written; shared by the writer's files.
 *
 * Rows of spans and values are kept in memory until their pass ends, so that the forward pass
 * meets no SQL; payloads go out as they come.  Row ids are given in the order of execution, on
 * entry for spans (a subtree is a range of ids).
 *
 * Time may go back, and the recording is then that of the way that was gone in the end, to the ids.
 * Inside a pass there is nothing to take back: where every value is kept (PLAN_DEBUG) they are read
 * when the pass ends, and spans are made then of when each op ran last.  Over a pass, a mark of
 * where its rows begin and end says what to delete.
 *
 * Its files, each standing on those above it only:
 *
 *	transaction.c  the transaction, the clocks, events, and marks to resume by
 *	dictionary.c   model, module, point, point_alias
 *	cost.c         operations and bytes of one op
 *	payload.c      a dumped tensor, in chunks, stored once
 *	measure.c      statistics, hash and dump of one value
 *	insert.c       many rows of a table by one statement
 *	rows.c         spans and values of a pass: in memory, then stored
 *	calls.c        the module calls of a pass, made of when its ops ran
 *	tokens.c       tokens and candidates
 *	edits.c        edits, as the executor's log has them
 *	timing.c       passes that were timed again
 *	rewind.c       taking back what has not happened any more
 *	pass.c         passes and stages: begun, read, stored
 *	hook.c         the hook: tells pass.c and rewind.c what happens
 *	budget.c       what of the dumps is kept when not all of them fit
 *	writer.c       the file and its runs
 *	resume.c       continuing a file that was left in the middle of its runs
 */
#ifndef TORCHLESS_TRACE_WRITER_H
#define TORCHLESS_TRACE_WRITER_H

#include "db.h"
#include "insert.h"
#include "policy.h"

#include "torchless/hash.h"
#include "torchless/stats.h"
#include "torchless/trace.h"

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "payloads are little-endian: swap bytes in payload.c and measure.c for this machine"
#endif

/* ---- rows ---------------------------------------------------------------------------------- */

struct cost {
	int64_t flops, bytes_w, bytes_kv, bytes_act;
};

struct span {
	int64_t id, last_id, pass_id, parent_id, module_id, depth, ts, dur;
	int64_t model_ns; /* of its own ops, and of its children that ended */
	struct cost cost; /* alike */
	int module;
};

struct value_row {
	int op; /* that computed it */
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
	int64_t chunk_bytes, chunk_rows, n_chunks, total_bytes, left_bytes, used;
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

/* ---- time ---------------------------------------------------------------------------------- */

/* What is written from here on comes after it. */
struct trace_mark {
	int64_t next_pass, next_span, next_value, next_tensor, last_event;
	int64_t n_calls, n_values, n_dumps, dump_bytes, n_cut, cut_bytes;
	int64_t n_tok_steps;
	bool saw_bad;
};

/* A pass of the run: where its rows begin, and where they ended. */
struct pass_mark {
	int pass;
	int64_t pos0, n_tok, kv_len, ts;
	bool has_ended;
	struct trace_mark begin, end;
};

/* When an op ran last, on the model's clock. */
struct op_time {
	int64_t begin, end;
	int64_t span_id; /* the module call it belongs to, once those are made */
};

/* An edit of the executor's log and its row. */
struct edit_row {
	int edit_id;
	int64_t row_id;
};

/* A row whose numbers come when attention has run: a value that is seen while it is computed. */
struct watched_row {
	size_t row; /* of w->values */
	value_id value;
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
	struct hook hook;

	/* The run. */
	int64_t run_id;
	bool in_run, redact, saw_bad;
	int64_t n_prompt, n_tok_steps;
	int64_t started_ns;      /* CLOCK_MONOTONIC */
	int64_t recording_ns;    /* spent in here since then; not part of any ts or dur */
	int64_t model_ns;        /* the model's clock when it was heard of last: what ts is */
	int64_t last_event;      /* the newest row of event */
	struct trace_mark begin; /* of the run's rows, after the run's own events */
	struct pass_mark *marks; /* of its passes, in their order */
	int n_marks;
	size_t cap_marks;
	struct edit_row *edits; /* in the order of the log */
	int n_edits, last_edit_id;
	size_t cap_edits;
	int64_t next_edit; /* the row of the first */

	/* The pass. */
	int64_t next_pass, pass_id, kv_len;
	int stage; /* enum stage being recorded, -1 for none */
	bool in_pass;
	struct executor *ex;   /* whose pass it is */
	struct op_time *times; /* [n_ops] */
	int n_done;            /* ops that ran, the first n_done of the program */
	int n_read;            /* of these, how many had their values read */
	bool is_stored; /* rows of this pass are in the file, and written again when it goes on */
	int64_t next_span, next_value, next_tensor;
	struct span *spans; /* of this pass, by id */
	size_t n_spans, cap_spans;
	size_t *open; /* indices of the spans that have not ended */
	size_t n_open, cap_open;
	struct value_row *values; /* of this pass */
	size_t n_values, cap_values;
	struct watched_row *watched; /* the last of them, without their numbers */
	size_t n_watched, cap_watched;

	/* Scratch of measure.c. */
	XXH3_state_t *hash;
	struct stats_sum *row_sums, *pos_sums;
	size_t cap_row_sums, cap_pos_sums;
	float *head; /* one head of a lazy value */
	int64_t cap_head;

	struct payload payload;
	struct payload_index stored;
	int64_t transaction_bytes; /* dumped since the last commit */
	struct err failed;         /* the first failure: nothing is recorded after it */
	bool was_rolled_back;      /* by SQLite, when it failed */
	bool in_transaction;

	struct writer_statements {
		struct insert span, value;
		struct stmt pass, pass_end, token, scored, cand_clear, cand;
		struct stmt tok_step, event, edit, edit_weight, tensor, chunk, chunk_drop, same,
			meta, timing;
	} sql;

	struct trace_totals totals;
	struct trace_dropped dropped, cut; /* see trace_writer_dropped() */
	int64_t n_cut_told;
};

/* ---- transaction.c ------------------------------------------------------------------------- */

/*
 * What came of a call of the writer's: after a failure every later one fails alike, for what is
 * missing or rolled back would make wrong rows of all that follow.  Ending the run still works.
 */
int writer_result(struct trace_writer *w, int ret, struct err *err);
bool writer_has_failed(const struct trace_writer *w, struct err *err);

/* Open a transaction unless one is open; commit it. */
int writer_begin(struct trace_writer *w, struct err *err);
int writer_commit(struct trace_writer *w, struct err *err);

/* Record something that happened, `about` a row of value or -1.  data is JSON or NULL. */
int writer_event(struct trace_writer *w, const char *kind, int severity, int64_t about,
		 const char *data, struct err *err);

/* Keep opt.settings, and what is dumped by default. */
int writer_insert_settings(struct trace_writer *w, struct err *err);

/* Keep where the rows of a run that begins now will begin, if there are settings to resume by. */
int writer_mark(struct trace_writer *w, struct err *err);

/* What is written next comes after this. */
struct trace_mark writer_now(const struct trace_writer *w);

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
/* Take back what was stored of a tensor that came to no end; as far as that can be done. */
void payload_abandon(struct trace_writer *w);
void payload_release(struct trace_writer *w);

/* The key of a payload: equal bytes of another shape are another tensor. */
int64_t payload_key(const char *shape, enum dtype dtype, int64_t hash);

/* Payloads equal to tensor `id`, which the file holds, are not to be stored again. */
void payload_known(struct trace_writer *w, int64_t key, int64_t bytes, int64_t id);

/* Tensors from `id` on are gone from the file. */
void payload_forget(struct trace_writer *w, int64_t id);

/* ---- measure.c ----------------------------------------------------------------------------- */

/*
 * Read value `v` of op number `op`, which the executor has, and append its row.  edit_id is the row
 * of the edit that changed it, or -1.  What attention will compute anyway is watched: its row has
 * no numbers until measure_watched().
 */
int writer_measure(struct trace_writer *w, struct executor *ex, value_id v, int op, int64_t edit_id,
		   struct err *err);

/*
 * Give the rows that were watched their numbers: those that attention has seen, or else by reading
 * the values.  When one cannot be read, the rows from there on are dropped.
 */
int measure_watched(struct trace_writer *w, struct executor *ex, struct err *err);
void measure_release(struct trace_writer *w);

/* ---- rows.c -------------------------------------------------------------------------------- */

/* Which tables the rows of a pass go to. */
void rows_init(struct trace_writer *w);

/* Write the spans and values of the pass, which stay in memory, in place of those that are there.
 */
int rows_store(struct trace_writer *w, struct err *err);

/* Forget the values from number `n` on, or take them back, as if they had not been read; the spans.
 */
void rows_take_back(struct trace_writer *w, size_t n);
void rows_drop_values(struct trace_writer *w, size_t n);
void rows_drop_spans(struct trace_writer *w);

/* ---- calls.c ------------------------------------------------------------------------------- */

/*
 * Make the spans of the ops that ran, and name them in w->times and in the rows of values.  Spans
 * of a pass that has not ended are left open: last_id and dur are -1.
 */
void calls_make(struct trace_writer *w, const struct executor *ex);

/* ---- tokens.c ------------------------------------------------------------------------------ */

/*
 * Delete the tokens that were picked for positions >= pos, the candidates read at positions >=
 * cand, and what was thought of the tokens of the prompt at positions >= scored.
 */
int tokens_take_back(struct trace_writer *w, int64_t pos, int64_t cand, int64_t scored,
		     struct err *err);

/* ---- edits.c ------------------------------------------------------------------------------- */

/* The row of the edit in force of value v in the executor's pass, -1: none. */
int64_t edits_row(const struct trace_writer *w, const struct executor *ex, value_id v);

/* ---- rewind.c ------------------------------------------------------------------------------ */

/* Time went back: see struct hook. */
int writer_rewind(struct trace_writer *w, struct executor *ex, int pass, int op, struct err *err);

/* Delete the rows that were written after the mark, and write on from there. */
int writer_return(struct trace_writer *w, const struct trace_mark *mark, struct err *err);

/* ---- pass.c -------------------------------------------------------------------------------- */

/* A pass of the executor begins, an op of it ran, it ends. */
int pass_begin(struct trace_writer *w, struct executor *ex, struct err *err);
int pass_op(struct trace_writer *w, struct executor *ex, int op, struct err *err);
int pass_end(struct trace_writer *w, struct err *err);

/* The row of pass number idx, again; of a stage, idx -1. */
int pass_insert(struct trace_writer *w, int idx, const char *phase, int64_t pos0, int64_t n_tok,
		int64_t ts, struct err *err);
const char *pass_phase(const struct trace_writer *w, int64_t pos0, int64_t n_tok);

/* Write what the pass that has begun has so far; nothing when none has. */
int pass_store(struct trace_writer *w, struct err *err);

/*
 * The same for a pass that failed, maybe because a value cannot be read: those that can.  Without
 * `may_read`, because it is the writer that failed, those that were.
 */
int pass_keep(struct trace_writer *w, bool may_read, struct err *err);

/* Forget the pass that has begun. */
void pass_clear(struct trace_writer *w);

/* A step of a stage. */
int stage_step(struct trace_writer *w, const struct stage_step *step, struct err *err);

/* ---- hook.c -------------------------------------------------------------------------------- */

/* Set up w->hook. */
void writer_hook_init(struct trace_writer *w);

/* ---- writer.c ------------------------------------------------------------------------------ */

/* A writer without a file: captures are known, ids begin at 1.  NULL and err; free it. */
struct trace_writer *writer_make(const struct program *p, const struct trace_model *model,
				 const struct trace_options *opt, struct err *err);
void writer_free(struct trace_writer *w);

/* Choose what is captured, and what of it fits: of w->captures and w->dropped. */
int writer_plan(struct trace_writer *w, struct err *err);

/* They are the caller's, and not needed once that is chosen. */
void writer_forget_shapes(struct trace_writer *w);

/* Open the file, of which w->lock_fd is; then have SQLite write it as a recording is written. */
int writer_open(struct trace_writer *w, const char *path, struct err *err);
int writer_start(struct trace_writer *w, struct err *err);

#endif
