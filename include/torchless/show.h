/*
 * show.h -- `torchless show`: a tensor of a recording, of a .npy or of a checkpoint, to look at.
 */
#ifndef TORCHLESS_SHOW_H
#define TORCHLESS_SHOW_H

#include "torchless/array.h"
#include "torchless/inspect.h"
#include "torchless/ui_tensor.h"

/* Where tensors are looked for: a recording, and what its run says of tokens and heads. */
struct show_source;

struct show_source_options {
	const char *recording; /* NULL: none; files and weights only */
	const char *model;     /* NULL: where the recording says */
	const struct kernels *kernels;
	struct threads *pool;
	const volatile sig_atomic_t *interrupted;
};
struct show_source *show_source_new(const struct show_source_options *o, struct err *err);
void show_source_free(struct show_source *s); /* NULL is fine */

/* A tensor to be shown, with what is known of its axes. */
struct shown {
	struct array *array;
	struct ui_labels labels; /* tokens for positions; borrowed from the source */
	bool has_labels;
	bool is_pattern; /* [q,k] or [head,q,k] of probabilities */
	bool is_scores;  /* the same shape, not probabilities */
	int64_t window;
	char *title; /* "model.layers.3.self_attn:pattern in pass 0" */
};

/*
 * What `text` says: a point with a selection, an expression over points (the debugger's),
 * weight(NAME), or a file .npy.  Without a pass it is of the last pass that has it; elements that
 * the recording does not hold are named with the --capture that would have kept them.
 */
int show_find(struct show_source *s, const char *text, struct shown *out, struct err *err);
void shown_release(struct shown *s);

enum show_how { SHOW_AUTO, SHOW_HEAT, SHOW_HIST, SHOW_TOPK, SHOW_PRINT, SHOW_SPARK };

struct show_options {
	enum show_how how;
	int k;
};

/* Append it as text for what `ui` can show; AUTO is a heat map of a matrix, numbers of a few. */
int show_add(struct text *t, const struct ui *ui, const struct shown *s,
	     const struct show_options *o, struct err *err);

/* Two side by side, and their difference; ERR_SHAPE where they cannot be compared. */
int show_add_pair(struct text *t, const struct ui *ui, const struct shown *a, const struct shown *b,
		  const struct show_options *o, struct err *err);

/* Append as one JSON document, a .npy, comma-separated lines with the indices; or as a PNG. */
int show_add_json(struct text *t, const struct shown *a, const struct shown *b, struct err *err);
int show_add_npy(struct text *t, const struct shown *s, struct err *err);
int show_add_csv(struct text *t, const struct shown *s, struct err *err);
int show_add_png(struct text *t, const struct shown *a, const struct shown *b,
		 const struct show_options *o, struct err *err);

#endif
