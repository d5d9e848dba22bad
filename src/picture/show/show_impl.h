/*
 * show_impl.h -- what the files of src/picture/show share; private to it.
 *
 * From the ground up: source.c (what is open, tokens), names.c (what a name means), find.c (a text
 * to a tensor), pair.c (two tensors compared), plan.c (which picture), draw.c (as text), data.c
 * (for programs), png.c.
 */
#ifndef SHOW_IMPL_H
#define SHOW_IMPL_H

#include "torchless/expression.h"
#include "torchless/outline.h"
#include "torchless/show.h"

/* ---- what is open: source.c ----------------------------------------------------------------- */

/* The tokens of a run, and their bytes. */
struct run_tokens {
	struct show_source *source;
	int64_t run;
	struct show_token {
		int64_t id; /* -1: the recording does not say */
		struct text bytes;
	} * tokens;
	size_t n, cap;
	struct run_tokens *next;
};

struct show_source {
	struct show_source_options opt;
	char *path; /* of the recording; NULL: none */
	struct recording *rec;
	struct recording_tensors *tensors;
	struct recording_run run; /* the newest */
	int64_t n_runs;
	struct model outline; /* its program, where torchless runs its architecture */
	bool has_outline;
	struct run_tokens *tokens;
	struct array_watch watch;
	struct expression_names names;

	/* What was read for the text at hand. */
	int64_t seen_run; /* -1: nothing of a recording */
	char when[96];    /* "in pass 0", "of positions 0 to 8" */
	bool is_mixed;    /* of several such */
	int64_t window;   /* of the last relation */
	char name[256];   /* of the last value */
};

/* As show_source_new(), without names. */
struct show_source *source_new(const struct show_source_options *o);

/* Open the recording once, with its outline; ERR_IO where there is none. */
int source_open(struct show_source *s, struct err *err);

/* Take another recording from now on. */
void source_take(struct show_source *s, const char *path);

/* The tokens of a run, read once; ERR_* of what could not be read. */
int source_tokens(struct show_source *s, int64_t run, struct run_tokens **tokens, struct err *err);

/* ---- names: names.c ------------------------------------------------------------------------- */

void names_init(struct show_source *s);

/* A value under one of its names, "L3.attn.pattern[run=1, head=2]": read without an expression. */
struct array *names_read(struct show_source *s, const char *text, struct err *err);

/* ---- two of them: pair.c -------------------------------------------------------------------- */

struct pair {
	struct pair_sums sums;
	struct array *difference; /* b - a; equal infinities differ by 0 */
};

/* ERR_SHAPE where they cannot be compared; release what is there. */
int pair_make(struct pair *p, const struct shown *a, const struct shown *b, struct err *err);
void pair_release(struct pair *p);

/* "f32[8,5,5]" */
void shown_add_shape(struct text *t, const struct array *a);

/* ERR_USAGE where what is shown is a text, which has no numbers. */
int shown_numbers(const struct shown *s, struct err *err);

/* Append "difference b - a: largest 0.12 at [0,3,4], nmse 0.01, cosine 0.99". */
void pair_add_difference(struct text *t, const struct pair *p);

/* ---- which picture: plan.c --------------------------------------------------------------------
 */

bool show_is_integer(const struct array *a);

/* What AUTO is. */
enum show_how show_choose(const struct shown *s, const struct show_options *o);

/* What a picture of it is drawn with, for one of a pair the scale of both. */
struct look {
	const struct shown *s;
	const struct array *a;
	enum show_how how;
	int k;
	double lo, hi;
	bool is_difference;
};

/* a, b, b - a; the first two with one scale.  Not moved afterwards. */
struct pair_looks {
	struct look of[3];
	struct shown other;
};
void looks_of_pair(struct pair_looks *l, const struct shown *a, const struct shown *b,
		   const struct pair *p, const struct show_options *o);

/* ---- rows for programs: data.c ----------------------------------------------------------------
 */

int shown_add_rows(struct text *t, const struct shown *s, struct err *err);
int pair_add_rows(struct text *t, const struct shown *a, const struct shown *b,
		  const struct pair *p, struct err *err);

#endif
