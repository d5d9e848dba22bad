/*
 * inspect_impl.h -- what the files of src/inspect share.
 *
 *	register.c    the state of a connection, registration
 *	functions.def the one table: what users read, next to what runs
 *	names.c       points of a recording by any of their names
 *	payload.c     stored payloads and weights as tensors, and the few that are kept
 *	stored.c      an SQL argument as a tensor: its name, its part   npy.c   tensors as blobs
 *	table.c       what every table function needs of SQLite's virtual tables
 *	reduce.c      numbers of one tensor        slice.c    parts of one
 *	compare.c     numbers of two               render.c   text and JSON of one
 *	each.c        tensor_each, pos_stats       diff.c     trace_diff
 *	checkpoint.c  the weights that a recording was made with
 *	words.c       the text of tokens, weights by name
 *	positions.c   a point over all positions of a run, put together from its passes
 *	attention.c   a layer's attention, from stored q and k or from stored patterns
 *	attn.c        attn, a query and a key a row
 *	lens.c        lens, from stored residual streams
 *	lens_rows.c   the logits of a layer at a position, and their ranks
 *	extension.c   the entry point of the loadable extension
 *
 * SQLite is called through sqlite3ext.h, so that the same sources serve the program (SQLITE_CORE)
 * and the extension, where every call goes through the host's table of functions.
 *
 * A recording is somebody else's file: shapes, sizes and counts are checked against the bytes that
 * are there before anything is read.
 */
#ifndef TORCHLESS_INSPECT_IMPL_H
#define TORCHLESS_INSPECT_IMPL_H

#include "torchless/err.h"
#include "torchless/inspect.h"
#include "torchless/model.h"
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

struct inspect {
	sqlite3 *db;
	int refs; /* registrations that hold it */
	struct inspect_options opt;

	struct point_name *names;
	size_t n_names, cap_names;

	struct sql_tensor *cached; /* newest first */
	int64_t cached_bytes;
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

/* Forget what was read of the file when somebody has written to it since. */
void inspect_refresh(struct inspect *in);
void resolved_forget(struct inspect *in);

/* Prepare internal SQL on the connection; ERR_FORMAT quoting it when the tables are not there. */
int inspect_prepare(struct inspect *in, const char *sql, sqlite3_stmt **s, struct err *err);

/* ---- tensors ------------------------------------------------------------------------------ */

#define NPY_MAGIC "\x93NUMPY"

/*
 * A tensor as f32 in C order.  Counted references; a few are kept for the next call.
 *
 * Indices on the axes pos, q, k and kv_pos of a value are absolute positions: index base[i] is the
 * first that is stored along axis i, in a decoded pass, in a dump of some positions, in a part.
 */
struct sql_tensor {
	char *key; /* "value 12", "weight lm_head.weight"; NULL: a blob, never cached */
	int refs;
	enum dtype dtype; /* as stored */
	int n_dims;
	int64_t shape[TENSOR_MAX_DIMS], numel;
	float *data;
	int64_t dump_from; /* the position of row 0 of a dump by @SEL; -1: whole */
	struct sql_tensor *next;

	int64_t base[TENSOR_MAX_DIMS]; /* 0 on other axes */
	char axes[64];                 /* "head,q,k"; "" for a blob and a weight */
	char name[192];           /* "model.layers.0:out in pass 0 (value 28)", for sentences */
	struct sql_tensor *whole; /* whose elements these are, referenced */
	bool borrowed;            /* they are the SQL argument's */
};

/*
 * The tensor that an SQL argument stands for: an integer is value.id; a text is a point by any of
 * its names or weight:NAME; a blob is a .npy, or f32 in one dimension.  Give it back with
 * tensor_release(), before the function returns when it is of an argument.
 *
 * A point is its first stored value in the newest run: pass 0, the prompt, where that was dumped.
 * Brackets pick a part, by axes in their order or by name; a number drops its axis, a range keeps
 * it, as in numpy.  Positions are absolute and find the pass that has them, run= and pass= say one:
 * 'L3.attn.pattern[head=2, q=7]', 'lm_head[run=1, pos=-1]', 'L3.mlp[pass=2]'.
 *
 * ERR_USAGE when there is none, with the --capture that would have kept it; ERR_FORMAT when the
 * recording contradicts itself.
 */
struct sql_tensor *inspect_tensor(struct inspect *in, sqlite3_value *arg, struct err *err);

/* What is stored of value.id: shape, axes, base and name; nothing is read, data stays NULL. */
int inspect_head(struct inspect *in, int64_t value_id, struct sql_tensor *head, struct err *err);

/* The stored payload of value.id. */
struct sql_tensor *inspect_value(struct inspect *in, int64_t value_id, struct err *err);

/*
 * The value that a text means, dumped or not; *part tells whether brackets pick some of it, which
 * then is dumped.
 */
int inspect_find(struct inspect *in, const char *text, int64_t *id, bool *part, struct err *err);

/* The point in a text that may have [SEL] and is no weight, as above. */
struct sql_tensor *inspect_named(struct inspect *in, const char *text, struct err *err);

/* A part "[head=2, 0:4]" of t, which is given back. */
struct sql_tensor *tensor_select(struct inspect *in, struct sql_tensor *t, const char *text,
				 struct err *err);

/* "head,q,k", or "i0,i1" for what has no names. */
const char *tensor_axes(const struct sql_tensor *t);

/* The indices of element `at`, "0,3,17", positions absolute; "" for none (at < 0).  Returns buf. */
const char *tensor_index(const struct sql_tensor *t, int64_t at, char *buf, size_t size);

/* An axis by its number, negative from the last, or by its name ("head"). */
int axis_argument(const struct sql_tensor *t, sqlite3_value *arg, int *axis, struct err *err);

/* The tensor of a blob, .npy of f2, f4, f8, i4, i8 or u1 in C order, or f32s without a header. */
struct sql_tensor *blob_tensor(sqlite3_value *arg, struct err *err);

/* The weight called `name`, converted to f32. */
struct sql_tensor *inspect_weight(struct inspect *in, const char *name, struct err *err);

/* Its shape only, nothing is read: for t_shape and t_dtype.  data stays NULL. */
int inspect_shape(struct inspect *in, sqlite3_value *arg, struct sql_tensor *out, struct err *err);

/* The number of elements; ERR_FORMAT when they, or the sizes other than 0, make too many. */
int shape_numel(int n_dims, const int64_t *shape, int64_t *numel, struct err *err);

/* Room for n numbers, maybe none, from free(); NULL and ERR_MEMORY when there is none. */
float *numbers_new(int64_t n, struct err *err);

/* A tensor of uninitialised f32; ERR_MEMORY.  Free with tensor_release(). */
struct sql_tensor *tensor_new(int n_dims, const int64_t *shape, struct err *err);
void tensor_release(struct inspect *in, struct sql_tensor *t);
void tensors_forget(struct inspect *in);

/* The result of a function: a .npy blob of f32, or a number when it has no dimensions. */
void result_tensor(sqlite3_context *ctx, const float *x, int n_dims, const int64_t *shape);

/* Read "20,64" into shape; ERR_FORMAT unless it has 0 to TENSOR_MAX_DIMS sizes >= 0. */
int parse_shape(const char *text, int64_t shape[TENSOR_MAX_DIMS], int *n_dims, int64_t *numel,
		struct err *err);

/* ---- names -------------------------------------------------------------------------------- */

/* The point called `name`; ERR_USAGE with the nearest names.  Reads the dictionary once. */
const struct point_name *inspect_point(struct inspect *in, const char *name, struct err *err);
void names_release(struct inspect *in);

/* The newest run, 0 when there is none. */
int64_t inspect_newest_run(struct inspect *in);

/* What the recording says of the model of a run (0: the newest); ERR_USAGE when there is none. */
struct run_model {
	int64_t run, model_id, n_layers, d_model, n_heads, n_kv_heads, head_dim, n_vocab, window;
	int64_t n_pos; /* positions that were read: [0, n_pos) */
};
int inspect_run(struct inspect *in, int64_t run, struct run_model *m, struct err *err);

/* A number that grows whenever a recording that is being written grows. */
int64_t inspect_state(struct inspect *in);

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

/* ---- the checkpoint ----------------------------------------------------------------------- */

/*
 * The checkpoint that the recording of run `run` (0: the newest) was made with: opened once, where
 * -m or the recording says, and only when the hash of its weights is the recorded one.  It has no
 * tokenizer.  ERR_USAGE or ERR_FORMAT.
 */
int inspect_model(struct inspect *in, int64_t run, struct model **model, struct err *err);

/* Open its tokenizer, under the same conditions; the caller closes m. */
int inspect_tokenizer(struct inspect *in, int64_t run, struct model *m, struct err *err);

#define WEIGHT_PREFIX "weight:" /* of the text that weight(name) gives */

/* The tensor of the checkpoint called `name`, or `name`.weight; ERR_USAGE with the nearest. */
const struct safetensor *find_weight(struct inspect *in, const char *name, struct err *err);

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
	bool has_log_sum;
};

/* The kept row of the same run, pos, layer and state, referenced; NULL when there is none. */
struct lens_row *lens_row_find(struct inspect *in, const struct lens_row *like);
void lens_row_keep(struct inspect *in, struct lens_row *r);
void lens_row_release(struct lens_row *r);
void lens_forget(struct inspect *in);

/* What turns a residual stream into logits; ERR_FORMAT when a program ends otherwise. */
struct lens_head {
	const struct tensor *norm, *weight;
	float eps;
};
int lens_head(const struct model *m, struct lens_head *h, struct err *err);

/*
 * Logits of n residual streams in x [rows, D] (which is overwritten), rows >= n, into out[0..n).
 * ERR_MEMORY.
 */
int lens_head_apply(struct inspect *in, const struct lens_head *h, float *x, int64_t n,
		    int64_t rows, struct lens_row **out, struct err *err);

/* Have rank `rank` in r->best; `likely` is the last one that will be asked for.  ERR_MEMORY. */
int lens_row_have(struct lens_row *r, int64_t rank, int64_t likely, struct err *err);

/* How many tokens are likelier than `id`. */
int64_t lens_row_rank(const struct lens_row *r, int64_t id);
double lens_row_log_sum(struct lens_row *r);

/* ---- numbers of two tensors ----------------------------------------------------------------- */

/* Sums over pairs of elements, in f64; start from zero with max_at -1. */
struct pair_sums {
	double dot, aa, bb, dd; /* sums of a*b, a*a, b*b, (a-b)^2 */
	double max_abs;         /* of a-b; NaN when one is */
	int64_t max_at, n;
	bool has_nan;
};

/*
 * Add n pairs, of which the first has flat index `at`.  Equal infinities differ by 0 and are left
 * out of the sums: both sides of a mask do not hide the rest.
 */
void pair_add(struct pair_sums *s, const float *a, const float *b, int64_t n, int64_t at);

/* sum (a-b)^2 / sum a^2, 0 for two tensors of zeros; and the cosine of their angle. */
double pair_nmse(const struct pair_sums *s);
double pair_cosine(const struct pair_sums *s);

/* ERR_SHAPE unless the shapes are equal but for dimensions of one. */
int same_shape(const struct sql_tensor *a, const struct sql_tensor *b, struct err *err);

/* ---- table functions ---------------------------------------------------------------------- */

#define TABLE_MAX_COLUMNS 24
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

/* args[column] as an integer, or `otherwise` when it is absent or NULL. */
int64_t table_int(sqlite3_value **args, int column, int64_t otherwise);

/* ---- the table of functions ---------------------------------------------------------------- */

typedef int scalar_fn(struct inspect *in, sqlite3_context *ctx, int n, sqlite3_value **args,
		      struct err *err);

#define SCALAR(name, args, min, max, flags, function, doc, example) scalar_fn function;
#define TABLE(...)
#include "functions.def"
#undef SCALAR
#undef TABLE

/* What runs, in the order of sql_function_table: both are made of functions.def. */
struct sql_binding {
	int min_args, max_args; /* -1: any number */
	int flags;              /* of SQLite, besides UTF-8 */
	scalar_fn *scalar;      /* or */
	const struct sql_table *table;
};

/* What the main database of a connection is. */
enum database_kind { DATABASE_RECORDING, DATABASE_OTHER_VERSION, DATABASE_OTHER };
enum database_kind inspect_database_kind(sqlite3 *db);

/* The state of a connection, to be given back; `o` is copied. */
struct inspect *inspect_new(sqlite3 *db, const struct inspect_options *o);
void inspect_unref(struct inspect *in);

/* Register everything on db; `o` is copied.  ERR_IO. */
int inspect_register(sqlite3 *db, const struct inspect_options *o, struct err *err);

#endif
