/*
 * array.h -- tensors by value and the arithmetic over them.
 *
 * A struct tensor is a view of somebody's memory in whatever type lies there.  A struct array is
 * what a person computes with: f32 in C order, with the names of its axes, the positions that its
 * indices count, and a name for sentences.  Selecting, reducing, comparing and showing know neither
 * where it came from nor who asks: SQL functions and the expressions of a debugger bind the same
 * table, array_functions, so that t_absmax(x) and absmax(x) cannot differ.
 */
#ifndef TORCHLESS_ARRAY_H
#define TORCHLESS_ARRAY_H

#include "torchless/err.h"
#include "torchless/selection.h"
#include "torchless/tensor.h"
#include "torchless/text.h"

/* ---- arrays -------------------------------------------------------------------------------- */

/*
 * Counted references.  Indices on the axes that count positions (pos, q, k, kv_pos) are absolute:
 * base[i] is the first index that is there along axis i, in the pass of a decoded token, in a dump
 * of some positions, in a part.  A head is an array without elements: data is NULL.
 */
struct array {
	int refs;
	enum dtype dtype; /* as it lies where it came from; data is f32 all the same */
	int n_dims;
	int64_t shape[TENSOR_MAX_DIMS], numel;
	int64_t base[TENSOR_MAX_DIMS]; /* 0 on other axes */
	char axes[64];                 /* "head,q,k"; "" where they have no names */
	char name[192];                /* "model.layers.0:out in pass 0 (value 28)" */
	float *data;
	struct array *whole; /* whose elements these are, referenced */
	bool borrowed;       /* they are somebody else's, who keeps them */
};

/* An array of uninitialised f32 with no names; ERR_MEMORY, ERR_FORMAT as array_numel(). */
struct array *array_new(int n_dims, const int64_t *shape, struct err *err);

/* An array described as `head` is, whose elements are at `data` and stay the caller's. */
struct array *array_borrow(const struct array *head, float *data);

/* As `a` is described, with uninitialised elements; the second without one of its axes. */
struct array *array_like(const struct array *a, struct err *err);
struct array *array_without_axis(const struct array *a, int axis, struct err *err);

struct array *array_ref(struct array *a);
void array_release(struct array *a); /* NULL is nothing to release */

/* The number of elements; ERR_FORMAT when they, or the sizes other than 0, make too many. */
int array_numel(int n_dims, const int64_t *shape, int64_t *numel, struct err *err);

/* Read "20,64": 0 to TENSOR_MAX_DIMS sizes >= 0 whose product is no overflow; false otherwise. */
bool array_parse_shape(const char *text, int64_t shape[TENSOR_MAX_DIMS], int *n_dims,
		       int64_t *numel);

/* Room for n numbers, maybe none, from free(); NULL and ERR_MEMORY when there is none. */
float *array_numbers(int64_t n, struct err *err);

/* "head,q,k", or "i0,i1" for what has no names. */
const char *array_axes(const struct array *a);

/* The indices of element `at`, "0,3,17", positions absolute; "" for none (at < 0).  Returns buf. */
const char *array_index(const struct array *a, int64_t at, char *buf, size_t size);

/* The row along axis i that an index means, negative ones from the end; false: it is not there. */
bool array_row(const struct array *a, int i, int64_t index, int64_t *row);

/* ---- parts --------------------------------------------------------------------------------- */

/* Rows of each axis, counted from 0 whatever the base, and which axes a single index drops. */
struct array_part {
	int64_t start[TENSOR_MAX_DIMS], stop[TENSOR_MAX_DIMS];
	bool drop[TENSOR_MAX_DIMS];
};

/*
 * The rows of `a`, which may be a head, that a selection means: 1; 0 when they are not there;
 * ERR_USAGE when the text is no selection.
 */
int array_find_part(const struct array *a, const char *text, struct array_part *p, struct err *err);

/* ERR_USAGE: the selection is not there, and what is. */
int array_no_part(const struct array *a, const char *text, struct err *err);

/* Describe the part: everything of a head but its elements, which stay NULL. */
void array_describe_part(const struct array *a, const struct array_part *p, struct array *head);

/* The part of `a`: its elements are shared where they are one run, and copied where not. */
struct array *array_take_part(struct array *a, const struct array_part *p, struct err *err);

/* All of the above: the part "[head=2, 0:4]" of `a`; NULL and ERR_USAGE when it is not there. */
struct array *array_select(struct array *a, const char *text, struct err *err);

/* ---- names --------------------------------------------------------------------------------- */

/*
 * "L3.attn.pattern[run=1, pass=0, head=2]" taken apart: whose run and pass, where said, and the
 * selection that is left.  Begins as ARRAY_NAME; text_release(&n.sel) in the end.
 */
struct array_name {
	char point[160];
	int64_t run, pass; /* -1: not said */
	struct text sel;   /* "[head=2]" or nothing */
};
#define ARRAY_NAME                                                                                 \
	(struct array_name)                                                                        \
	{                                                                                          \
		.run = -1, .pass = -1                                                              \
	}

/* ERR_USAGE when the text is no name, or run= and pass= are no numbers. */
int array_name_parse(const char *text, struct array_name *n, struct err *err);

/*
 * Where tensors are found by name: the values of a recording, or of an executor at a stop.  `text`
 * is a name with an optional selection, as above; both functions take the same ones.  ERR_USAGE
 * means "not here", and the next source is asked; any other error ends the search.
 */
struct array_source {
	/* What the text means, as a head: shape, axes, base, dtype, name.  Nothing is read. */
	int (*find)(void *ctx, const char *text, struct array *head, struct err *err);
	/* Its elements: an array, referenced for the caller.  It is not written to. */
	struct array *(*read)(void *ctx, const char *text, struct err *err);
	void *ctx;
};

/* Ask n sources one after the other; the sentence of the last one stands when none has it. */
int array_sources_find(const struct array_source *sources, int n, const char *text,
		       struct array *head, struct err *err);
struct array *array_sources_read(const struct array_source *sources, int n, const char *text,
				 struct err *err);

/* ---- functions ----------------------------------------------------------------------------- */

enum array_kind { ARRAY_NULL, ARRAY_WHOLE, ARRAY_REAL, ARRAY_TEXT, ARRAY_TENSOR };

/* Whether whoever called a function still waits for it: a deadline, Ctrl-C. */
struct array_watch {
	bool (*is_over)(void *ctx);
	void *ctx;
};

/* An argument or a result.  Texts and arrays are the value's own. */
struct array_value {
	const struct array_watch *watch; /* of a result that is not there yet; NULL: none */
	enum array_kind kind;
	int64_t whole;
	double real;
	struct text text;
	struct array *array;
};
void array_value_release(struct array_value *v);

/* The text of a value, "" for what has none. */
const char *array_value_text(const struct array_value *v);

/*
 * Computes `result`, which begins as ARRAY_NULL (perhaps with a watch), from n arguments of the
 * kinds that its table promises.  On failure nothing is there to release.
 */
typedef int array_fn(struct array_value *args, int n, struct array_value *result, struct err *err);

/*
 * A line of array_functions.def.  A letter of `params` is an argument, what its caller turns it
 * into, and the kind in which the function gets it:
 *
 *	t  a tensor; h  one of which only the head is looked at (data may be NULL)
 *	e  a tensor, whose elements are looked at one by one, or a number as it is
 *	i  a number cut to a whole one; r  a number
 *	n  an index: a whole number, or the text of what is none, for the sentence
 *	x  an axis: a whole number, or a name
 *	s  text; w  a name, which expressions take without quotes as well
 */
#define ARRAY_MAX_ARGS 5
struct array_function {
	const char *name;   /* "topk": t_topk in SQL */
	const char *args;   /* "(t[, k])" */
	int min_args;       /* of strlen(params) */
	const char *params; /* "ti" */
	array_fn *call;
	const char *doc;     /* one sentence */
	const char *example; /* in SQL */
};
extern const struct array_function array_functions[];
extern const int array_functions_len;

/* The places of the functions in the table: ARRAY_FUNCTION_topk. */
enum {
#define ARRAY(name, args, min, params, doc, example) ARRAY_FUNCTION_##name,
#include "torchless/array_functions.def"
#undef ARRAY
};

/* The function of that name, NULL when there is none. */
const struct array_function *array_function_find(const char *name);

/* ---- two tensors --------------------------------------------------------------------------- */

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

/* ---- two implementations ------------------------------------------------------------------- */

/* By how much they may differ: TOLERANCE_NMSE and so on. */
enum tolerance {
#define TOLERANCE(name, value, doc) TOLERANCE_##name,
#include "torchless/tolerance.def"
};
extern const double tolerances[];

/* What is held to more than the numbers themselves, or less. */
enum judged_as {
	JUDGED_PLAIN,
	JUDGED_SCORES, /* masked or not: only where both have numbers, not -inf */
	JUDGED_LOGITS, /* their distributions too */
};

struct judgement {
	double nmse;    /* of the worst position; infinite where one has no number */
	int64_t pos;    /* that position */
	double max_abs; /* infinite where one has no number */
	int64_t max_at; /* flat index, 0 where nothing differs */
	double absmax;  /* of a */
	double logprob; /* JUDGED_LOGITS: the largest difference of two, and the largest KL */
	double kl;      /* in nats; both 0 for anything else */
	bool is_within;
	char problem[96]; /* "NMSE 0.26 > 1e-09 at pos=1"; empty when it is within */
};

/*
 * Hold b to a, the reference, of the same shape: within the tolerance, or `times` as far as
 * amplitudes go (its square for NMSE and KL).  NaN in both is equal, in one it is as far apart as
 * can be.
 */
void array_judge(const struct array *a, const struct array *b, enum judged_as kind, double times,
		 struct judgement *j);

/* The indices of element `at` by the names of its axes: "pos=0, head=3, d_head=17".  Returns buf.
 */
const char *array_place(const struct array *a, int64_t at, char *buf, size_t size);

/* ---- blobs --------------------------------------------------------------------------------- */

/* Whether the bytes begin as numpy's .npy does. */
bool npy_is(const void *blob, size_t len);

/*
 * The tensor in a .npy of f2, f4, f8, i4, i8 or u1 in C order, a view of the blob whose elements
 * may lie at any address (tensor_get).  Source: numpy.lib.format.  ERR_FORMAT, ERR_SHAPE.
 */
int npy_view(const void *blob, size_t len, struct tensor *t, struct err *err);

/* Append what stands before the f32s of such a shape in a .npy. */
void npy_header(struct text *out, int n_dims, const int64_t *shape);

/*
 * The array in a .npy, or of f32s without a header in one dimension.  Elements that lie straight
 * are not copied: the blob must outlive the array.  ERR_FORMAT.
 */
struct array *array_of_blob(const void *blob, size_t len, struct err *err);

/* The array in the .npy at `path`, at most 1 GB, called by it.  ERR_IO, ERR_FORMAT. */
struct array *array_of_npy(const char *path, struct err *err);

#endif
