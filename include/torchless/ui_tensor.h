/*
 * ui_tensor.h -- how tensors look: heat maps, histograms, the largest elements, numbers.
 *
 * Each function appends whole lines to `t` for what `ui` can show: 24-bit colour, 256 colours, 16,
 * shades, ASCII.  Each says in words what the picture says in colours (the scale, the least and the
 * greatest, what is not finite), and what was left out or pooled.  What is written is bounded by
 * the options, never by the size of the tensor; elements are read once or twice.  Indices are
 * absolute where an axis counts positions (array.h).  Names and labels may be a stranger's bytes:
 * they are escaped, and clipped by the columns that they take.  Print with ui_write().
 *
 * A stream without a width (a pipe) is taken to be 80 columns wide.  Every `o` may be NULL, and an
 * option that is 0 is the default.
 */
#ifndef TORCHLESS_UI_TENSOR_H
#define TORCHLESS_UI_TENSOR_H

#include "torchless/array.h"
#include "torchless/stats.h"
#include "torchless/ui.h"

/*
 * What stands beside an axis instead of indices: tokens, names of heads.  `index` is absolute; the
 * text is borrowed until the next call; NULL: the index.
 */
struct ui_labels {
	const char *(*label)(void *ctx, int axis, int64_t index);
	void *ctx;
};

/*
 * Tokens beside what counts positions (k among them) and beside the vocabulary; the index beside
 * anything else, and where nobody knows the token.  Lives as long as its labels.
 */
struct ui_token_labels {
	const struct array *array;
	int64_t (*token)(void *ctx, int64_t pos);               /* its id, -1: none is there */
	void (*piece)(void *ctx, int64_t id, struct text *out); /* append its bytes, if known */
	void *ctx;
	bool quoted; /* those of the vocabulary: ' Paris' */
	struct text text;
};
struct ui_labels ui_token_labels(struct ui_token_labels *l);
void ui_token_labels_release(struct ui_token_labels *l);

/* Whether the last two axes are queries and keys: what a query does not see is no zero. */
bool ui_is_relation(const struct array *a);

/* ---- heat maps ---------------------------------------------------------------------------- */

enum ui_map {
	UI_MAP_AUTO,       /* diverging where there are negative values, else sequential */
	UI_MAP_SEQUENTIAL, /* viridis, from the least to the greatest */
	UI_MAP_DIVERGING,  /* blue, dark at 0, orange; as far on both sides */
};

struct ui_heat_options {
	const struct ui_labels *labels; /* NULL: indices */
	double lo, hi;                  /* the scale; equal: what the values need */
	int64_t window;                 /* with `causal`: so many keys are seen; 0: all */
	enum ui_map map;
	int max_lines;   /* of text a picture; default 32, 16 where there are several */
	int max_columns; /* of the screen; default its width */
	int max_blocks;  /* pictures of the leading axes; default 16 */
	bool numbers;    /* in the cells, where there is room for all of them */
	bool causal;     /* the last two axes are q and k: what a query does not see is blank */
};

/*
 * The last two axes are the picture, rows and columns; each index of the leading ones is a picture
 * of its own with a title, as many beside one another as fit.  More rows or columns than there is
 * room for are pooled: a cell is its element of the largest |x|, with its sign (NaN before +inf
 * before numbers before -inf).  '!' is NaN, '^' +inf, 'v' -inf, in colours of their own.
 */
void ui_add_heat(struct text *t, const struct ui *ui, const struct array *a,
		 const struct ui_heat_options *o);

/*
 * Attention: [q,k] or [head,q,k], a triangle from 0 to 1 with tokens on both sides, and with its
 * numbers where they fit.  `window` as above.
 */
void ui_add_pattern(struct text *t, const struct ui *ui, const struct array *a,
		    const struct ui_labels *tokens, int64_t window);

/* ---- histograms --------------------------------------------------------------------------- */

struct ui_hist_options {
	double lo, hi; /* the edges; equal: the least and the greatest */
	int bins;      /* default 20, at most 1000 */
	bool log;      /* lengths are log(1 + count) */
};

/* A bar a bin with its edges and count: [a, b), the last [a, b]; what lies outside is counted. */
void ui_add_hist(struct text *t, const struct ui *ui, const struct array *a,
		 const struct ui_hist_options *o);

/* The same as numbers; one bin where all values are one, and none counted where none is finite. */
struct ui_histogram {
	double lo, hi; /* NaN: nothing is finite */
	int n_bins;
	int64_t *counts, below, above, most; /* what lies outside; the highest count */
	struct stats stats;
};
void ui_histogram_count(struct ui_histogram *h, const struct array *a,
			const struct ui_hist_options *o);
void ui_histogram_release(struct ui_histogram *h);

/* The lower edge of bin i, the upper one of the last for n_bins. */
double ui_histogram_edge(const struct ui_histogram *h, int i);

/* ---- sparklines --------------------------------------------------------------------------- */

/*
 * A line for each row of the last axis: what it is called, a sparkline of |x| pooled by the largest
 * and scaled to the row's own, and that number.  At most max_rows of them (0: 64).
 */
void ui_add_sparks(struct text *t, const struct ui *ui, const struct array *a,
		   const struct ui_labels *labels, int max_rows);

/* ---- the largest -------------------------------------------------------------------------- */

struct ui_topk_options {
	const struct ui_labels *labels;
	int k;          /* default 10, at most 1000 */
	bool magnitude; /* by |x| */
	bool smallest;
};

/*
 * The k largest elements, the first of equals first, with indices, labels and bars; NaN are left
 * out and counted.
 */
void ui_add_topk(struct text *t, const struct ui *ui, const struct array *a,
		 const struct ui_topk_options *o);

/* An element of those that are kept: by `key` they are in order. */
struct ui_top {
	float key, value;
	int64_t at; /* in C order */
};

/* The first o->k (> 0) in order, into top[k]; returns how many there are, and adds up the NaN. */
int ui_top_select(const struct array *a, const struct ui_topk_options *o, struct ui_top *top,
		  int64_t *n_nan);

/* ---- numbers ------------------------------------------------------------------------------ */

struct ui_print_options {
	const struct ui_labels *labels; /* of rows, and of columns where they fit; NULL: indices */
	int64_t max_elements;           /* more are abbreviated; default 1000 */
	int max_rows;                   /* in all; default 64 */
	int precision;                  /* digits, 1 to 17; default 4 */
	/*
	 * g e f as printf; x the bits as they lie (of bf16 and f16 by a->dtype, else of f32), b in
	 * binary as sign_exponent_mantissa; d whole numbers.  Anything else: g.
	 */
	char format;
};

/*
 * The elements in aligned columns.  One element is a line; one dimension without labels is numpy's
 * [1 2 3], or lines that begin with an index; else rows under the indices or labels of their
 * columns, in as many groups of columns as the width needs.  Beyond the limits the first and the
 * last are shown, with `…` between them, and how many more there are.
 */
void ui_add_array(struct text *t, const struct ui *ui, const struct array *a,
		  const struct ui_print_options *o);

/*
 * One line, without its end: "f32[6,128] mean 0.003 std 0.41 absmax 6.2 at [0,211], 2 NaN
 * ▁▂▅█▃▁▁▁"; the elements themselves when they are few.
 */
void ui_add_array_line(struct text *t, const struct ui *ui, const struct array *a);

#endif
