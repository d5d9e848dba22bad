/*
 * diff.h -- what the files of trace_diff share.
 *
 *	diff_other.c  another recording, opened beside the connection's own
 *	diff_side.c   one of the two runs: which it is, and its values read
 *	diff_same.c   whether both are of the same thing: the models, the tokens that were read
 *	diff_judge.c  two values that meet: whether they are equal, and how far apart they are
 *	diff_match.c  which values meet
 *	diff.c        the table function: a row a value, its columns
 *
 * A file calls those above it and none below.
 */
#ifndef TORCHLESS_INSPECT_DIFF_H
#define TORCHLESS_INSPECT_DIFF_H

#include "inspect_impl.h"

#include "torchless/open_files.h"

/* ---- a run ---------------------------------------------------------------------------------- */

struct diff_point {
	int64_t id;
	char *fqn, *role;
	int64_t layer; /* -1: none */
};

struct diff_value {
	int64_t id, pass; /* pass -1: it has no number */
	int64_t point;    /* place in `points` */
	int64_t dims[TENSOR_MAX_DIMS];
	int64_t hash;
	int64_t pos0, n_tok; /* of its pass */
	double l2, mean;
	bool has_hash, has_l2, has_mean, is_dumped, is_met;
};

struct diff_side {
	struct inspect *in; /* the connection's own, or of `other` */
	sqlite3 *other;
	struct open_file *other_file;
	int64_t run;
	struct diff_point *points; /* by id */
	size_t n_points, cap_points;
	struct diff_value *values; /* by id */
	size_t n_values, cap_values;
	struct diff_token {
		int64_t pos, id;
	} * tokens; /* by position */
	size_t n_tokens, cap_tokens;
};

/*
 * Open the recording at `path`, read-only, as s->other and s->in, under the limits of `in`.
 * ERR_USAGE where there is no file, ERR_FORMAT where it is no recording, ERR_IO, ERR_MEMORY.
 */
int diff_open_other(struct diff_side *s, struct inspect *in, const char *path, struct err *err);

/* What diff_open_other() opened, if it did. */
void diff_close_other(struct diff_side *s);

/*
 * Both sides as trace_diff(a, b) has them: the number of a run of this recording, or the path of
 * another, "ref.db[run=2]"; NULL for both: the newest two.  Nothing of them is read yet.
 */
int diff_open_sides(struct diff_side *a, struct diff_side *b, struct inspect *in,
		    sqlite3_value *run_a, sqlite3_value *run_b, struct err *err);

/* The points, values and tokens of the run, which must be there. */
int diff_side_read(struct diff_side *s, struct err *err);
void diff_side_release(struct diff_side *s);

/* ---- both ----------------------------------------------------------------------------------- */

/* The row that the cursor stands on. */
struct diff_row {
	struct diff_value *x, *y; /* of a and of b; NULL: it has none */
	bool is_judged;           /* all that follows is known */
	const char *verdict;      /* equal, differs, shape, missing; NULL: nothing tells */
	bool has_sums;            /* numbers of both were there to compare */
	struct pair_sums sums;
	char max_at[96];
	struct judgement judged;
	char place[160];
	float element_a, element_b; /* there */
};

struct diff {
	struct table_cursor base;
	struct diff_side a, b;
	int64_t *a_in_b; /* of each point of a, its place in b's, -1 */
	struct value_ref {
		struct diff_value *v;
	} * sorted;               /* b's, by pass, point and id */
	size_t at;                /* first a's values, then those of b that were not met */
	double times;             /* the tolerance */
	struct text models;       /* in what the models differ; empty: in nothing */
	int64_t parted;           /* the first position whose token is another; INT64_MAX: none */
	int64_t token_a, token_b; /* there */
	struct diff_row row;
};

/* The first fact of the models that both know and that is another, or that one run was --fast, in
 * words, into d->models.  An
 * error is of the recordings. */
int diff_compare_models(struct diff *d, struct err *err);

/* The first position whose token is another into d->parted. */
void diff_compare_tokens(struct diff *d);

/* Why the row says nothing of the engines, in `buf`; NULL: it does. */
const char *diff_gate(const struct diff *d, char *buf, size_t size);

/* Have everything said of d->row.x and y in the rest of d->row, once; reads what is stored of them.
 */
int diff_judge(struct diff *d, struct err *err);

/* 1 within the tolerance, 0 beyond it, -1: nothing tells. */
int diff_within(const struct diff_row *row);

/* "2,3,8" */
const char *diff_shape_text(const struct diff_value *v, char *buf, size_t size);

/* Why the values are not within the tolerance, or why nothing tells, in `buf` or elsewhere; NULL.
 */
const char *diff_problem(const struct diff_row *row, char *buf, size_t size);

/* Have the points and values of both sides ready to meet, once both are read. */
void diff_match(struct diff *d);

/* The first value of b at the place of x, of a, that has met none; NULL when there is none. */
struct diff_value *diff_partner(const struct diff *d, const struct diff_value *x);

#endif
