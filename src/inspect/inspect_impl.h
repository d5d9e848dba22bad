/*
 * inspect_impl.h -- what the files of src/inspect share.
 *
 *	state.c       the ground: a connection's statements and threads
 *	cache.c       the few arrays that are kept
 *	names.c       points of a recording by any of their names
 *	payload.c     what is stored of a value, as an array
 *	stored.c      the values of a recording by name: a source of arrays
 *	checkpoint.c  the weights that a recording was made with
 *	weight.c      tensors of the checkpoint by name
 *	argument.c    an SQL argument as an array
 *	scalar.c      functions over arrays as SQL functions
 *	positions.c   a point over all positions of a run, put together from its passes
 *	words.c       the text of tokens
 *	attention.c   a layer's attention, from stored q and k or from stored patterns
 *	relation.c    the same over all queries of a run, as a source of arrays
 *	lens_rows.c   the logits of a layer at a position, and their ranks
 *	life.c        the state made, brought up to date, forgotten
 *	table.c       what every table function needs of SQLite's virtual tables
 *	each.c        tensor_each, pos_stats
 *	diff.h        trace_diff, in files of its own
 *	attn.c        attn, a query and a key a row
 *	lens.c        lens, from stored residual streams
 *	register.c    the roof: the table of functions, and SQLite told of them
 *	extension.c   the entry point of the loadable extension   recording.c  of the program
 *	outline.c     the program that a recording was made of    pass_source.c  values by its names
 *	functions.def the one table: what users read, next to what runs
 *
 * A file calls those above it in this list and none below.
 *
 * SQLite is called through sqlite3ext.h, so that the same sources serve the program (SQLITE_CORE)
 * and the extension, where every call goes through the host's table of functions.
 *
 * A recording is somebody else's file: shapes, sizes and counts are checked against the bytes that
 * are there before anything is read.
 */
#ifndef TORCHLESS_INSPECT_IMPL_H
#define TORCHLESS_INSPECT_IMPL_H

#include "torchless/array.h"
#include "torchless/err.h"
#include "torchless/inspect.h"
#include "torchless/model.h"
#include "torchless/sampler.h"
#include "torchless/tensor.h"
#include "torchless/text.h"

#include <sqlite3ext.h>
SQLITE_EXTENSION_INIT3

/* ---- the state of a connection ------------------------------------------------------------ */

/* A point under one of its names. */
struct point_name {
	char *name;
	int64_t point_id;
	char *axes; /* "pos,head,d_head" */
};

#define INSPECT_RESOLVED 16

/* Who has the connection: the program, with its limits.  NULL: nothing is known, as elsewhere. */
struct inspect_host {
	void *ctx;
	bool (*is_over)(void *ctx);               /* whether what runs is to end */
	void (*share)(void *ctx, sqlite3 *other); /* another file has the same limits */
	const char *path; /* the recording's own: SQLite may read a copy; NULL: what SQLite says */
};

struct inspect {
	sqlite3 *db;
	struct inspect_host host;
	int refs; /* registrations that hold it */
	struct inspect_options opt;

	struct point_name *names;
	size_t n_names, cap_names;

	struct kept_array {
		char *key; /* "value 12", "weight lm_head.weight" */
		struct array *array;
		struct kept_array *next;
	} * kept;              /* newest first */
	unsigned data_version; /* of the file when these were read */

	/* The latest names that were asked for: a query asks for one a million times. */
	struct resolved_name {
		char *text;
		int64_t value_id;
		struct text sel;
	} resolved[INSPECT_RESOLVED];
	unsigned n_resolved; /* in all, modulo the places */

	struct model model; /* opened by inspect_model() */
	bool has_model;
	int64_t model_id; /* the row of `model` it was checked against */

	bool may_open; /* weight() was called, which no view in somebody's file can do */

	struct threads *own_pool;  /* when the options have none */
	struct attn_layer *layers; /* newest first */
	struct lens_row *lenses;   /* newest first */
	struct words *words;
};

/* The pool of the options, or one that is made now; NULL when there can be none. */
struct threads *inspect_pool(struct inspect *in);

/*
 * Prepare internal SQL on the connection; ERR_FORMAT quoting it when the tables are not there,
 * ERR_MEMORY, ERR_IO.
 */
int inspect_prepare(struct inspect *in, const char *sql, sqlite3_stmt **s, struct err *err);

/*
 * The next row of internal SQL: 1, 0 when there is none; ERR_INTERRUPTED at a limit of the host's,
 * ERR_MEMORY, ERR_IO, ERR_FORMAT when the recording is damaged.
 */
int inspect_step(struct inspect *in, sqlite3_stmt *s, struct err *err);

/* Count `bytes` more that are kept of a recording's rows: ERR_MEMORY when they are too many. */
int inspect_keep(int64_t *kept, int64_t bytes, struct err *err);

/* Whether what runs is to end: for what takes long without asking the recording. */
bool inspect_is_over(const struct inspect *in);

/* The newest run into *run, 0 when there is none.  ERR_MEMORY, ERR_IO, ERR_FORMAT. */
int inspect_newest_run(struct inspect *in, int64_t *run, struct err *err);

/* A number that grows whenever a recording that is being written grows. */
int64_t inspect_state(struct inspect *in);

/* Whether the live source of the options has that name: 1 or 0, or an error other than ERR_USAGE.
 */
int inspect_is_live(struct inspect *in, const char *text, struct err *err);

/* What the main database of a connection is. */
enum database_kind { DATABASE_RECORDING, DATABASE_OTHER_VERSION, DATABASE_OTHER };
enum database_kind inspect_database_kind(sqlite3 *db);

/* The state of a connection, to be given back; `o` is copied. */
struct inspect *inspect_new(sqlite3 *db, const struct inspect_options *o);
void inspect_unref(struct inspect *in);

/* Forget what was read of the file when somebody has written to it since. */
void inspect_refresh(struct inspect *in);

/* ---- arrays that are kept ------------------------------------------------------------------ */

/* The array kept under that name, referenced once more; NULL when there is none. */
struct array *cache_find(struct inspect *in, const char *key);

/* Keep it for the next call where it is not too large; returns it. */
struct array *cache_add(struct inspect *in, struct array *a, const char *key);
void cache_forget(struct inspect *in);

/* ---- where arrays come from ---------------------------------------------------------------- */

/* What is stored of value.id: shape, axes, base and name; nothing is read, data stays NULL. */
int inspect_head(struct inspect *in, int64_t value_id, struct array *head, struct err *err);

/* The stored payload of value.id, referenced for the caller. */
struct array *inspect_value(struct inspect *in, int64_t value_id, struct err *err);

/* Read "20,64" of a tensor into shape; ERR_FORMAT as array_parse_shape() refuses it. */
int parse_shape(const char *text, int64_t shape[TENSOR_MAX_DIMS], int *n_dims, int64_t *numel,
		struct err *err);

/*
 * The values of the recording by name.  A point is its first stored value in the newest run: pass
 * 0, the prompt, where that was dumped.  Positions are absolute and find the pass that has them,
 * run= and pass= say one: 'L3.attn.pattern[head=2, q=7]', 'lm_head[run=1, pos=-1]',
 * 'L3.mlp[pass=2]'.  ERR_USAGE when there is none, with the --capture that would have kept it;
 * ERR_FORMAT when the recording contradicts itself.
 */
struct array_source inspect_stored(struct inspect *in);
void resolved_forget(struct inspect *in);

/*
 * The value that a text means, dumped or not; *part tells whether brackets pick some of it, which
 * then is dumped.
 */
int inspect_find(struct inspect *in, const char *text, int64_t *id, bool *part, struct err *err);

/* The weight called `name`, or `name`.weight, as f32, and its head alone; ERR_USAGE with the
 * nearest name. */
struct array *inspect_weight(struct inspect *in, const char *name, struct err *err);
int inspect_weight_head(struct inspect *in, const char *name, struct array *head, struct err *err);

/*
 * The array that an SQL argument stands for: an integer is value.id; a text is a name, of the live
 * source of the options where that has it and of the recording where not, or weight:NAME; a blob
 * is a .npy, or f32 in one dimension.  Release it before the function returns, when a blob ends.
 */
struct array *inspect_array(struct inspect *in, sqlite3_value *arg, struct err *err);

/* Its head: what is stored is not read. */
int inspect_array_head(struct inspect *in, sqlite3_value *arg, struct array *head, struct err *err);

/* ---- names -------------------------------------------------------------------------------- */

/* The point called `name`; ERR_USAGE with the nearest names.  Reads the dictionary once. */
const struct point_name *inspect_point(struct inspect *in, const char *name, struct err *err);
void names_release(struct inspect *in);

/* What the recording says of the model of a run (0: the newest); ERR_USAGE when there is none. */
struct run_model {
	int64_t run, model_id, n_layers, d_model, n_heads, n_kv_heads, head_dim, n_vocab, window;
	bool has_half_cache; /* keys and values were kept in f16 (--fast) */
	int64_t n_pos;       /* positions that were read: [0, n_pos) */
	int64_t n_prompt;    /* those of the prompt among them, if the recording has its tokens */
};
int inspect_run(struct inspect *in, int64_t run, struct run_model *m, struct err *err);

/* ---- positions ---------------------------------------------------------------------------- */

#define POSITIONS_MAX_BYTES ((int64_t)1 << 30)

/* A point of axes pos,a,b at positions [first, first + n) of a run, where there[i] is set. */
struct positions {
	int64_t first, n, row; /* row = a * b */
	float *data;           /* [n, row]; zeros where nothing is there */
	unsigned char *there;  /* [n] */
};

/*
 * The dumps of the point of a role and layer over all passes of a run, rows a x b.  When nothing
 * of it was dumped n is 0.  ERR_FORMAT when a shape contradicts the model or its pass.
 */
int positions_read(struct inspect *in, const struct run_model *m, const char *role, int64_t layer,
		   int64_t a, int64_t b, struct positions *out, struct err *err);
void positions_release(struct positions *p);

/* The first position from `at` on that is there; INT64_MAX when there is none. */
int64_t positions_next(const struct positions *p, int64_t at);

/* Whether all of [from, to) are there. */
bool positions_have(const struct positions *p, int64_t from, int64_t to);

/* ---- attention ------------------------------------------------------------------------------ */

/*
 * Attention of one layer of a run.  From stored q_rot and k_rot (or k_cache) by the kernels that
 * the executor uses; where those were not recorded, from stored pattern and scores.
 */
struct attn_layer {
	int64_t run, layer, state; /* state: of the recording when it was read */
	int refs;
	struct attn_layer *next;
	struct run_model m;
	struct positions q, k; /* [H, E] and [G, E]; q.n is 0 when they were not recorded */
	struct stored_pass *passes;
	size_t n_passes, cap_passes;
};

/* What is stored of the relation in one pass: f32[H, n, n_keys]. */
struct stored_pass {
	int64_t first, n, n_keys;
	int64_t pattern, scores, masked; /* value ids, 0: not recorded */
};

/* Rows of queries [q0, q0 + n) of one head; column 0 is key k0. */
struct attn_rows {
	int64_t q0, n, k0, n_keys;
	float *score, *p; /* [n, n_keys]; NULL when not known */
	size_t cap;       /* floats of each */
	float *score_buffer, *p_buffer;
};

/*
 * The layer, referenced; give it back with attn_layer_release().  ERR_USAGE with the --capture
 * that would have kept it when nothing of it was recorded.
 */
struct attn_layer *attn_layer_open(struct inspect *in, const struct run_model *m, int64_t layer,
				   struct err *err);
void attn_layer_release(struct attn_layer *l);
void attn_forget(struct inspect *in);

/* The first key query q sees; it sees [first, q]. */
int64_t attn_first_key(const struct attn_layer *l, int64_t q);

/* The first query from q on, key from k on, that is there; INT64_MAX when there is none. */
int64_t attn_next_query(const struct attn_layer *l, int64_t q);
int64_t attn_next_key(const struct attn_layer *l, int64_t k);

/*
 * Rows of at most `max` queries from q0 on that are there one after the other, r->n of them (at
 * least one: attn_next_query).  Columns of keys that are not there mean nothing.
 */
int attn_rows(struct inspect *in, struct attn_layer *l, int64_t head, int64_t q0, int64_t max,
	      struct attn_rows *r, struct err *err);
void attn_rows_release(struct attn_rows *r);

/* Whether p of query q is known: all keys that it sees are there. */
bool attn_knows_p(const struct attn_layer *l, const struct attn_rows *r, int64_t q);

/* Attention over all queries of a run, by name: recording_attention_source(). */
struct array_source inspect_relations(struct inspect *in);

/* ---- the checkpoint ----------------------------------------------------------------------- */

/*
 * The checkpoint that the recording of run `run` (0: the newest) was made with: opened once, where
 * -m or the recording says, and only when the hash of its weights is the recorded one.  It has no
 * tokenizer.  ERR_USAGE where there is none, ERR_TOOL where one may not look, ERR_FORMAT, ERR_IO.
 */
int inspect_model(struct inspect *in, int64_t run, struct model **model, struct err *err);

/* Open its tokenizer, under the same conditions; the caller closes m. */
int inspect_tokenizer(struct inspect *in, int64_t run, struct model *m, struct err *err);

#define WEIGHT_PREFIX "weight:" /* of the text that weight(name) gives */

/* ---- the text of tokens --------------------------------------------------------------------- */

/*
 * The vocabulary of a run's model: the checkpoint's, or the pieces that the recording knows.
 * Referenced; give it back with words_release().
 */
struct words;
struct words *inspect_words(struct inspect *in, int64_t run, struct err *err);
void words_release(struct words *w);
void words_forget(struct inspect *in);

/* The bytes that a token stands for; false when they are not known. */
bool words_get(const struct words *w, int64_t id, struct bytes *out);

/* The first token from id `from` on that stands for these bytes, -1 when there is none. */
int64_t words_find(const struct words *w, const void *text, size_t len, int64_t from);

/* ERR_USAGE: why a token is not known: "<what>; the vocabulary has ...", or the tokenizer is not.
 */
int words_unknown(const struct words *w, const char *what, struct err *err);
bool words_whole(const struct words *w);
bool is_utf8(struct bytes b);

/* ---- the lens ------------------------------------------------------------------------------- */

struct ranked {
	float logit;
	int32_t id;
};

/* One layer at one position.  Counted references; the newest are kept for the next call. */
struct lens_row {
	int64_t run, pos, layer, state;
	int refs;
	struct lens_row *next;
	int64_t n;     /* of the vocabulary */
	float *logits; /* [n]; NULL: not computed yet */
	struct ranked
		*best; /* the first n_best ranks: likelier first, NaN last, then the lower id */
	int64_t n_best;
	double log_sum; /* of exp(logits) */
	bool has_log_sum, has_drawn;
	struct drawn_from drawn; /* by the run's sampler */
};

/* The kept row of the same run, pos, layer and state, referenced; NULL when there is none. */
struct lens_row *lens_row_find(struct inspect *in, const struct lens_row *like);
void lens_row_keep(struct inspect *in, struct lens_row *r);
void lens_row_release(struct lens_row *r);
void lens_forget(struct inspect *in);

/*
 * Logits of n residual streams in x [rows, D], rows >= n, into out[0..n).  ERR_FORMAT when the
 * model ends otherwise, ERR_MEMORY.
 */
int lens_rows_compute(struct inspect *in, const struct model *m, const float *x, int64_t n,
		      int64_t rows, struct lens_row **out, struct err *err);

/* Have rank `rank` in r->best; `likely` is the last one that will be asked for.  ERR_MEMORY. */
int lens_row_have(struct lens_row *r, int64_t rank, int64_t likely, struct err *err);

/* How many tokens are likelier than `id`. */
int64_t lens_row_rank(const struct lens_row *r, int64_t id);
double lens_row_log_sum(struct lens_row *r);

/* ---- table functions ---------------------------------------------------------------------- */

#define TABLE_MAX_COLUMNS 28
#define TABLE_MAX_BOUNDS  16

struct table_cursor;

/*
 * A table function.  Its last n_hidden columns are its arguments.  Equalities on them and on the
 * columns in `pushed` reach filter() as args[column]; the others are NULL there.  Bounds on the
 * columns in `ranged` are in the cursor's low and high, equalities among them.
 */
struct sql_table {
	const char *declaration; /* "CREATE TABLE x(a, b, t HIDDEN)" */
	int n_columns, n_hidden;
	unsigned pushed;     /* bits 1 << column */
	unsigned ranged;     /* bits of whole-numbered columns */
	unsigned optional;   /* bits of arguments that, left out, mean all: column() tells which */
	double rows;         /* a guess of how many without any equality */
	bool opens;          /* the checkpoint or another file: not for a view in somebody's file */
	size_t cursor_bytes; /* of the struct that begins with struct table_cursor */
	/* Begin: set c->eof or stand on the first row. */
	int (*filter)(struct table_cursor *c, sqlite3_value **args, struct err *err);
	int (*next)(struct table_cursor *c, struct err *err);
	int (*column)(struct table_cursor *c, sqlite3_context *ctx, int column, struct err *err);
	/* Free what filter() made; the cursor may be filtered again. */
	void (*reset)(struct table_cursor *c);
};

struct table_cursor {
	sqlite3_vtab_cursor base;
	const struct sql_table *table;
	struct inspect *in;
	int64_t rowid;
	bool eof;
	sqlite3_value *args[TABLE_MAX_COLUMNS];                  /* copies of the arguments given */
	int64_t low[TABLE_MAX_COLUMNS], high[TABLE_MAX_COLUMNS]; /* both inclusive */
};

/* Register `table` as the module `name`; drop(in) is called when SQLite forgets it. */
int table_register(struct inspect *in, const char *name, const struct sql_table *table,
		   void (*drop)(void *));

extern const struct sql_table tensor_each_table, pos_stats_table, trace_diff_table, attn_table,
	lens_table;

/* args[column] as a whole number into *out, which is left alone when it is absent; ERR_USAGE. */
int table_whole(const struct table_cursor *c, int column, const char *name, int64_t *out,
		struct err *err);

/* ---- the table of functions ---------------------------------------------------------------- */

typedef int scalar_fn(struct inspect *in, sqlite3_context *ctx, int n, sqlite3_value **args,
		      struct err *err);

#define SCALAR(name, args, min, max, flags, function, doc, example) scalar_fn function;
#define TABLE(...)
#define ARRAY(...)
#include "functions.def"
#undef ARRAY
#undef TABLE
#undef SCALAR

/* Call a function over arrays with SQL arguments, as many as it takes, and give SQL its result. */
int scalar_call(struct inspect *in, sqlite3_context *ctx, const struct array_function *f, int n,
		sqlite3_value **args, struct err *err);

/* What runs, in the order of sql_function_table: both are made of functions.def. */
struct sql_binding {
	int min_args, max_args;             /* -1: any number */
	int flags;                          /* of SQLite, besides UTF-8 */
	scalar_fn *scalar;                  /* or */
	const struct array_function *array; /* or */
	const struct sql_table *table;
};

/* Register everything on db; `o` and `host` (may be NULL) are copied.  ERR_IO. */
int inspect_register(sqlite3 *db, const struct inspect_options *o, const struct inspect_host *host,
		     struct err *err);

#endif
