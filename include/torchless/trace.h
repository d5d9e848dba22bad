/*
 * trace.h -- writing and reading recordings.  The schema is src/trace/schema.sql, its meaning
 * docs/recording-reference.md.
 *
 * The writer is a hook: it asks for every site the policy wants, reads values after their op ran,
 * and never touches them.  One transaction a pass; after each, everything before is readable even
 * when the process is killed.  When time goes back the recording follows: one row a value a pass,
 * whatever way led there.  After a failure (a full
 * disk, a lock that was not given back) nothing more is recorded and every call says it again, but
 * for ending the run and closing.  trace does not know model: what it must say of one comes in
 * struct trace_model.
 */
#ifndef TORCHLESS_TRACE_H
#define TORCHLESS_TRACE_H

#include "torchless/executor.h"
#include "torchless/hook.h"
#include "torchless/text.h"

/* ---- what to record ---------------------------------------------------------------------- */

enum capture_kind { CAPTURE_STATS, CAPTURE_DUMP, CAPTURE_HASH };

/*
 * One --capture PATTERN[@SEL][=f32|f16|bf16|stats|hash]; the last match wins.  SEL picks positions
 * as Python's slices do: @3, @3:7 (3 to 6), @-2:, @last; negative ones count from each pass's end.
 */
struct capture_rule {
	char *pattern;
	enum capture_kind kind;
	enum dtype dtype;    /* CAPTURE_DUMP; DTYPE_COUNT: as computed (f32) */
	int64_t first, last; /* positions, both inclusive, negative from the end; all: 0, -1 */
	bool whole;
};

struct capture_policy {
	struct capture_rule *rules;
	int n_rules;
	size_t cap;
	bool no_defaults; /* "none" was one of them */
};

/*
 * Parse one --capture and append it; "none" is no rule but turns off what is dumped without one.
 * ERR_USAGE naming the part that is wrong.
 */
int capture_policy_add(struct capture_policy *c, const char *text, struct err *err);
void capture_policy_release(struct capture_policy *c);

/*
 * Append what the rules mean for a program as JSON, names canonical:
 * [{"points": ["model.layers.[0-3].self_attn:q_rot"], "positions": "@last", "keep": "f32"}].
 * ERR_USAGE with the nearest names when a pattern names nothing.
 */
int capture_policy_describe(const struct capture_policy *c, const struct program *p,
			    struct text *json, struct err *err);

/*
 * What is dumped without a rule: the last position's resid_post of each layer, which the logit lens
 * reads; and rotated queries and keys, whole, which every attention pattern is computed from, when
 * they take at most this many bytes in all runs together and, with a budget, all fits that is
 * dumped.  A file that is continued has its own answer.
 */
#define CAPTURE_ATTENTION_BYTES 8000000

/* Words that PATTERN may be, and the patterns they stand for. */
#define CAPTURE_SET_MAX 7
struct capture_set {
	const char *name, *patterns[CAPTURE_SET_MAX], *doc;
};
extern const struct capture_set capture_sets[];
extern const int capture_sets_len;

/* ---- what is recorded --------------------------------------------------------------------- */

struct trace_model {
	const char *name, *arch, *file;
	int64_t file_bytes;
	const uint8_t *weights_hash, *tokenizer_hash; /* 16 bytes each, or NULL */
	int64_t n_layers, d_model, n_heads, n_kv_heads, head_dim, d_ff, n_vocab, window;
	double rope_theta;
	enum dtype weight_dtype;
	const char *config_json;
	/*
	 * The bytes a token stands for (" Paris"), valid until the next call; NULL without a
	 * tokenizer.
	 */
	struct bytes (*piece)(void *ctx, int32_t id);
	void *ctx;
};

struct trace_run {
	const char *engine, *commit, *build; /* "torchless 0.1.0", git commit, compiler and tier */
	const char *compute;                 /* the name of a row of dtype; NULL: f32 */
	enum dtype kv_dtype;                 /* of the cache */
	int n_threads;
	int64_t seed;
	const char *sampler_json, *opts_json;
	int64_t line;        /* of the file of prompts; 0: there is none */
	const char *line_id; /* what that line calls itself, as JSON; or NULL */
	const char *prompt;  /* NULL: none or redacted */
	size_t prompt_len;
	bool redact;

	/* Of a branch: the run that it goes on from, before op fork_op of pass fork_pass; 0: none.
	 */
	int64_t parent;
	int fork_pass, fork_op;
};

enum token_source { TOKEN_BOS, TOKEN_PROMPT, TOKEN_GENERATED, TOKEN_FORCED };

struct trace_candidate {
	int32_t id;
	float logit, logprob;
	const char *cut_by; /* NULL: kept */
};

struct trace_writer;

/* A run as far as it is known before it begins; n_generate is the most it can become. */
struct trace_shape {
	int64_t n_prompt, n_generate, chunk;
	bool all_logits;
	/* What trace_estimate() adds up beside the passes. */
	int64_t n_tok_steps, n_top; /* candidates of a position of the prompt that is scored */
	int64_t n_candidates, n_sampler_steps; /* of a token that is picked */
	int64_t text_bytes;                    /* of prompt and options */
	uint64_t same; /* equal for runs that will compute the same numbers; 0: like no other */
};

/* What a recording can be resumed with only when it was made with the same: "--temp", "0.8". */
struct trace_setting {
	const char *name, *value;
};

/* What a name means before there is anything to record: what trace_writer_new() may replace. */
struct trace_target {
	bool is_known; /* false: whatever is there when the recording is created */
	bool exists;
	bool is_busy; /* a process writes it */
	uint64_t device, inode;
};

/* Look, which changes and locks nothing. */
struct trace_target trace_target_look(const char *path);

/* Whether writing to `path` keeps what is there as PATH.old, and so ends another PATH.old. */
bool trace_target_drops_old(const char *path);

struct trace_options {
	struct trace_target target;
	const struct capture_policy *capture;
	int64_t pattern_keys; /* statistics of O(T^2) points up to this many keys: 1024 */

	/*
	 * The most bytes of dumps to write, 0: no limit.  With shapes, every run that will be
	 * recorded, what is kept is chosen beforehand; without, dumps end when the budget does.
	 */
	int64_t budget;
	const struct trace_shape *shapes;
	int n_shapes;
	int n_repeats; /* how often the passes of each are timed again; for an estimate */

	/* Of what is dumped without a rule, also the attention: as trace_attention_fits() said. */
	bool keeps_attention;

	/* Of many runs: what makes them go together, kept in the file; none: no resuming. */
	const struct trace_setting *settings;
	int n_settings;
};

/*
 * Create the recording at `path` (a file there is kept as `path`.old once this one can be
 * written) for the program and the model.  Whoever else takes the name meanwhile wins: ERR_IO.
 * ERR_IO, ERR_FORMAT (what stands beside it), ERR_USAGE (a pattern that matches nothing).
 */
struct trace_writer *trace_writer_new(const char *path, const struct program *p,
				      const struct trace_model *model,
				      const struct trace_options *opt, struct err *err);

/*
 * Continue a recording of `n_runs` runs that was interrupted or killed: the runs that are finished
 * stay, in *n_done; what there is of the next one is removed.  *w is NULL when nothing is left to
 * do.  ERR_FORMAT when the file is no such recording; ERR_USAGE when another model or other
 * settings made it; ERR_IO, also when another process is writing it.  A file that is refused is as
 * it was.
 */
int trace_writer_resume(const char *path, const struct program *p, const struct trace_model *model,
			const struct trace_options *opt, int64_t n_runs, int64_t *n_done,
			struct trace_writer **w, struct err *err);

/*
 * Begin a run; the hook is then to be added to the session.  Record the prompt's tokens before the
 * first pass: a pass that begins inside the prompt is prefill.
 */
int trace_writer_begin_run(struct trace_writer *w, const struct trace_run *run, struct err *err);
struct hook *trace_writer_hook(struct trace_writer *w);

/* The row in `run` of the one that began last: the parent of a branch. */
int64_t trace_writer_run(const struct trace_writer *w);

/*
 * Capture by these rules from now on, and have the run's options say so.  What was recorded stays
 * as it is: who wants it whole goes back and runs again.  ERR_USAGE when a pattern names nothing,
 * and nothing has changed; the policy must outlive the writer.
 */
int trace_writer_capture(struct trace_writer *w, const struct capture_policy *policy,
			 const char *opts_json, struct err *err);

/* Record a token at a position, and what the model thought of it (NAN, -1 when unknown). */
int trace_writer_token(struct trace_writer *w, int64_t pos, int32_t id, int64_t start, int64_t end,
		       enum token_source source, struct err *err);
int trace_writer_token_scored(struct trace_writer *w, int64_t pos, double logprob, int64_t rank,
			      double entropy, struct err *err);

/* The candidates for position pos + 1, given logits read at pos, likeliest first. */
int trace_writer_candidates(struct trace_writer *w, int64_t pos, const struct trace_candidate *c,
			    int64_t n, struct err *err);

/*
 * Make the recorded edits of the run those of the executor's log.  The hook does it whenever a pass
 * is recorded; call it before the run ends for those that were added since.
 */
int trace_writer_edits(struct trace_writer *w, const struct executor *ex, struct err *err);

/* Write what is in memory and commit: every stop of a debugger leaves a readable recording. */
int trace_writer_flush(struct trace_writer *w, struct err *err);

/*
 * Record what passes of the run took when they ran once more, repeat number `repeat` from 0 on, the
 * passes that are recorded as they are: nanoseconds of a layer (-1: outside of them) and part.
 */
struct trace_timing {
	int pass, layer, part; /* enum model_part */
	int64_t ns;
};
int trace_writer_timings(struct trace_writer *w, int repeat, const struct trace_timing *rows,
			 int64_t n, struct err *err);

/*
 * status: "ok", "stopped", "error".  A pass that has begun and not ended keeps what it has; its
 * executor must still be there.
 */
int trace_writer_end_run(struct trace_writer *w, const char *status, struct err *err);

/*
 * Make indexes, checkpoint the WAL, leave one portable file.  Frees the writer whatever happens.
 * NULL is fine.
 */
int trace_writer_close(struct trace_writer *w, struct err *err);

/*
 * Record that the run stops after the op of value v in the pass that has begun, with all that the
 * pass has so far.
 */
int trace_writer_stopped(struct trace_writer *w, value_id v, struct err *err);

struct trace_totals {
	int64_t n_calls, n_values, n_dumps, dump_bytes, file_bytes;
	bool saw_bad; /* a value of a run that was recorded now holds NaN or infinity: v_bad */
	int64_t writing_ns; /* processor time spent in SQLite for passes and dumps */
};
struct trace_totals trace_writer_totals(const struct trace_writer *w);

/* What a budget left out: its points keep their statistics. */
struct trace_dropped {
	int n_points;
	int64_t n_dumps, bytes;
	struct text patterns; /* canonical, a line each */
};

/* Whether rotated queries and keys are dumped without a rule: of a file that is continued, its own.
 */
bool trace_writer_keeps_attention(const struct trace_writer *w);

/* What was left out by plan, and (n_points 0) because a run became larger than its shape. */
const struct trace_dropped *trace_writer_dropped(const struct trace_writer *w);
const struct trace_dropped *trace_writer_cut(const struct trace_writer *w);

/* ---- before anything runs ------------------------------------------------------------------ */

/*
 * Whether rotated queries and keys of opt->shapes are dumped without a rule: *bytes is what they
 * would take.  Without shapes nobody knows: false.
 */
bool trace_attention_fits(const struct program *p, const struct trace_options *opt, int64_t *bytes);

/* What recording opt->shapes would write: a row a kind of point and rule, and all together. */
struct trace_estimate_row {
	struct text points;    /* canonical patterns, separated by spaces */
	const char *keep;      /* "f32", "f16", "bf16", "stats", "hash" */
	struct text positions; /* of dumps: "@last"; empty: every one */
	int n_points;
	int64_t n_values, n_dumps, dump_bytes; /* dump_bytes: 0 for what is stored once already */
	bool is_dropped;                       /* by the budget: it would have been so many bytes */
};

struct trace_estimate {
	struct trace_estimate_row *rows;
	int n_rows;
	int64_t n_passes, n_calls, n_values, n_dumps;
	int64_t n_all_rows; /* of every table that grows with the runs */
	int64_t dump_bytes, file_bytes;
	int64_t read_bytes; /* what is read for statistics and hashes */
};

/* ERR_USAGE when a pattern names nothing.  Release it whatever happens. */
int trace_estimate(const struct program *p, const struct trace_model *model,
		   const struct trace_options *opt, struct trace_estimate *out, struct err *err);
void trace_estimate_release(struct trace_estimate *e);

/* ---- reading ------------------------------------------------------------------------------- */

struct recording;

/* What a recording has as application_id and, in ten thousands, user_version: as in schema.sql. */
#define RECORDING_APPLICATION_ID 0x544c5452 /* 'TLTR' */
#define RECORDING_SCHEMA_MAJOR   1

/*
 * Open a recording read-only.  One sentence each for: no file, no recording, a newer major
 * version, one that is empty.
 */
struct recording *recording_open(const char *path, struct err *err);
void recording_close(struct recording *r);

/*
 * The same within limits, which hold from the first statement on for whatever is asked of the
 * recording: a query is stopped when all together took max_ns, or *interrupted is not 0.  What the
 * program asks for itself (recording_ask(), recording_saved_query(), opening) ends after ten
 * seconds in any case.
 */
struct recording_limits {
	int64_t max_ns;                  /* opening included; 0: any time */
	const volatile int *interrupted; /* may be NULL; must outlive the recording */
	/* What the reader should know of the file, while it is opened; may be NULL. */
	void (*warn)(const char *sentence);
};
struct recording *recording_open_within(const char *path, const struct recording_limits *limits,
					struct err *err);

/*
 * One in memory that holds nothing: its tables and views are empty, its saved queries and what is
 * said of columns are there.
 */
struct recording *recording_open_empty(const struct recording_limits *limits, struct err *err);

/* From now on all that is asked takes max_ns at most; 0: any time. */
void recording_allow(struct recording *r, int64_t max_ns);

/*
 * Call `look`, which asks on the recording's connection, with ns nanoseconds for all that it asks.
 * What it returns, with the sentence of the limit where one was reached.
 */
int recording_within(struct recording *r, int64_t ns, int (*look)(void *ctx, struct err *err),
		     void *ctx, struct err *err);

/*
 * From another thread: whether what is asked did not heed its limit for `ns` nanoseconds, as a
 * function may that SQLite cannot stop; then the error that it should have ended with, else 0.
 */
int recording_deaf(struct recording *r, int64_t ns, struct err *err);

/*
 * For src/inspect: the connection to add functions to; the path that was opened, also where a copy
 * of it is read; to put another file under the same limits; whether a function is to end.
 */
struct sqlite3;
struct sqlite3 *recording_handle(struct recording *r);
const char *recording_path(const struct recording *r);
void recording_share_limits(struct recording *r, struct sqlite3 *other);
bool recording_is_over(struct recording *r);

/* What a column of a result holds; text and blobs live until the next row. */
enum cell_type { CELL_NULL, CELL_INT, CELL_REAL, CELL_TEXT, CELL_BLOB };
struct cell {
	enum cell_type type;
	int64_t i;
	double d;
	struct bytes s;
};

struct rows {
	int n_columns;
	const char *const *columns;
};

/*
 * Run one or more SQL statements and hand each row to `row` (a non-zero return stops).
 * `begin` is called once per statement that yields columns, `end` (may be NULL) after its last row.
 * An authorizer allows reading only: ERR_USAGE with a sentence for writes, ATTACH and pragmas that
 * change something, and SQLite's message for SQL that is wrong.  params are KEY=VALUE strings bound
 * to :KEY. *interrupted (may be NULL) is polled: ERR_INTERRUPTED.  Nothing is written, not even a
 * temporary file; a query that needs too much memory is ERR_MEMORY, one that takes too long
 * ERR_USAGE.
 */
struct rows_found {
	int64_t found; /* those handed over, and those counted behind max_rows */
	bool more;     /* there are rows that were not handed over */
	bool complete; /* `found` is all there are */
	int64_t ns;    /* how long the statement took */
};

struct query {
	int (*begin)(void *ctx, const struct rows *rows);
	int (*row)(void *ctx, const struct rows *rows, const struct cell *cells);
	void *ctx;
	const char *const *params;
	int n_params;
	const struct bytes
		*blobs; /* [n_params]: one with data is bound in place of VALUE; or NULL */
	const volatile int *interrupted;
	int (*end)(void *ctx, const struct rows_found *found);
	int64_t max_rows; /* of a statement; the rest is counted as long as that is quick. 0: all */
	int64_t max_ns;   /* of all statements together; 0: any time */
	int64_t max_wait_ns; /* until the next row; 0: any time */
};
int recording_query(struct recording *r, const char *sql, const struct query *q, struct err *err);

/*
 * The same for a question of the program's own: within ten seconds or q->max_ns, texts of 4 MB and
 * 64 MB of rows.  ERR_FORMAT beyond.
 */
int recording_ask(struct recording *r, const char *sql, const struct query *q, struct err *err);

/* Whether `sql` ends with a whole statement, its semicolon included, outside strings and comments.
 */
bool sql_is_complete(const char *sql);

/* What lists the saved queries where one is: ".saved" in the shell; borrowed, for sentences. */
void recording_names_saved(struct recording *r, const char *command);

/* The SQL of a saved query and its description, from the recording. ERR_USAGE with the nearest. */
int recording_saved_query(struct recording *r, const char *name, struct text *sql,
			  struct text *params_json, struct err *err);

#endif
