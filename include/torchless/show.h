/*
 * show.h -- `torchless show`: a tensor of a recording, of a .npy or of a checkpoint, to look at.
 *
 * What a text means is found by a source; what it found is drawn as text for a stream, written as
 * data, or painted.  Nothing here prints: everything is appended.
 */
#ifndef TORCHLESS_SHOW_H
#define TORCHLESS_SHOW_H

#include "torchless/array.h"
#include "torchless/inspect.h"
#include "torchless/ui_tensor.h"

/* Where tensors are looked for: a recording, and what its runs say of tokens and heads. */
struct show_source;

struct show_source_options {
	const char *recording; /* NULL: none; files and weights only */
	const char *model;     /* where its checkpoint is; NULL: where it says */
	/* Whose weights are meant; NULL: those that the recording was made with. */
	const struct model *weights;
	const struct kernels *kernels; /* NULL: the fastest */
	struct threads *pool;          /* NULL: the caller's thread */
	const volatile sig_atomic_t *interrupted;
	void (*warn)(const char *sentence); /* of a recording, see trace.h; may be NULL */
};

/* Nothing is opened until something is looked for.  The options' strings must outlive it. */
struct show_source *show_source_new(const struct show_source_options *o);
void show_source_free(struct show_source *s); /* NULL is fine */

/* A tensor to be shown, with what is known of its axes; borrowed from the source but `array`. */
struct shown {
	struct array *array; /* NULL: a text */
	struct text text;
	struct ui_token_labels *tokens;
	struct ui_labels labels; /* tokens for positions and the vocabulary */
	bool is_pattern;         /* [q,k] or [head,q,k] of probabilities */
	bool is_relation;        /* the same axes, whatever the numbers */
	int64_t window;          /* keys that a query sees; 0: all before it */
	char *title;             /* "model.layers.3.self_attn:pattern in pass 0" */
};

/*
 * What `text` says: a point with a selection, an expression over points (expression.h; run= and
 * pass= belong to a point), weight(NAME), or a file X.npy with a selection.  Without pass= it is of
 * the last pass that has it, and attention of all queries of the run.  ERR_USAGE with the nearest
 * name, the part that is not there, or the --capture that would have kept it; ERR_FORMAT of a
 * damaged file; ERR_IO where there is no recording.  On failure nothing is there to release.
 */
int show_find(struct show_source *s, const char *text, struct shown *out, struct err *err);
void shown_release(struct shown *s);

/*
 * The same beside another: `vs` is a point or an expression; or the name of a file that exists, a
 * .npy, or another recording, in which `text` is looked for.  `other` is a source that becomes the
 * owner of that recording, begun by show_source_new() with `recording` NULL.
 */
int show_find_beside(struct show_source *s, struct show_source *other, const char *text,
		     const char *vs, struct shown *out, struct err *err);

/* ---- looking -------------------------------------------------------------------------------- */

enum show_how { SHOW_AUTO, SHOW_HEAT, SHOW_HIST, SHOW_TOPK, SHOW_PRINT, SHOW_SPARK };

struct show_options {
	enum show_how how;
	int k;                                    /* of TOPK; 0: 10 */
	const volatile sig_atomic_t *interrupted; /* of painting; NULL: nothing ends it */
};

/*
 * Append it as text for what `ui` can show.  AUTO is a heat map of a matrix, the largest of what is
 * of the vocabulary, numbers of a few.  A stream that is no terminal gets numbers unless a picture
 * is asked for: all of them, a row of the last axis a line, behind the indices and tokens of the
 * others, separated by tabs.
 */
int show_add(struct text *t, const struct ui *ui, const struct shown *s,
	     const struct show_options *o, struct err *err);

/*
 * Both and their difference, b - a, side by side where there is room; ERR_SHAPE where they cannot
 * be compared, with both shapes.  A stream that is no terminal gets a line an element: indices, a,
 * b, b - a.
 */
int show_add_pair(struct text *t, const struct ui *ui, const struct shown *a, const struct shown *b,
		  const struct show_options *o, struct err *err);

/* ---- as data; `b` may be NULL --------------------------------------------------------------- */

/*
 * One document: name, shape, dtype, axes, base, stats, labels, values (nested; NaN is null,
 * infinity 9e999; null where there are more than 4 million); with `b` the same of it under "vs",
 * and "difference".
 */
int show_add_json(struct text *t, const struct shown *a, const struct shown *b, struct err *err);

/* The f32s as a .npy, with `b` their difference. */
int show_add_npy(struct text *t, const struct shown *a, const struct shown *b, struct err *err);

/*
 * A line an element: an index an axis, as positions are counted, the value, with `b` its value and
 * the difference; then the tokens of axes that have them.  A heading names the columns.
 */
int show_add_csv(struct text *t, const struct shown *a, const struct shown *b, struct err *err);

/* As a PNG, by paint_png_apart(). */
int show_add_png(struct text *t, const struct shown *a, const struct shown *b,
		 const struct show_options *o, struct err *err);

#endif
