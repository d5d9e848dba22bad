/*
 * selection.h -- parts of a tensor as one writes them: "[head=2, q=-1]", "[2, 0:4, :]".
 *
 * As in numpy, but that axes have names and that indices on the axes that count positions are
 * absolute: "pos=7" is the eighth token of the text, whichever pass read it.
 */
#ifndef TORCHLESS_SELECTION_H
#define TORCHLESS_SELECTION_H

#include "torchless/err.h"
#include "torchless/tensor.h"
#include "torchless/text.h"

/* Part of a tensor: per axis [start, stop); negative numbers count from the end. */
struct selection {
	int n_axes;
	struct axis_range {
		bool whole;
		bool single;         /* one index, not a range of one */
		int64_t start, stop; /* stop == INT64_MAX: to the end */
	} axis[TENSOR_MAX_DIMS];
};

/*
 * Whether n can be an index, from the beginning or from the end: no axis is longer than 2^31 - 1,
 * so a number beyond is a mistake, and sums of indices and sizes stay far from the ends of int64_t.
 */
bool selection_is_index(int64_t n);

/*
 * Parse "[head=2, q=-1]", "[2, 0:4, :]", "[pos=3:7]" against comma-separated axes; "" or NULL is
 * everything.  Indices on the axes pos, q, k and kv_pos are absolute positions.  ERR_USAGE names
 * the axis or the text that is wrong, a number that is no index among them.
 */
int selection_parse(struct selection *sel, const char *text, const char *axes, struct err *err);

/* Append what selection_parse() reads as the same part: "[head=2, q=-1]"; nothing for all of it. */
void selection_format(const struct selection *sel, const char *axes, struct text *out);

/*
 * Split "L0.attn.z[head=0]" into the name (copied to name[size]) and a pointer to the '[' or to
 * the end.  A bracket after `.` or `L` is a range of layers and belongs to the name.  ERR_USAGE
 * when the name is too long or the bracket is not closed.
 */
int selection_split(const char *text, char *name, size_t size, const char **rest, struct err *err);

/* The i-th name of "pos,head,d_head" into name[size]; false past the last. */
bool axis_name(const char *axes, int i, char *name, size_t size);

/* Whether indices on axis i of "head,q,k" count from the first position: pos, q and kv_pos. */
bool axis_counts_positions(const char *axes, int i);

/*
 * Turn `sel` into index ranges of a tensor of this pass: `shape` are its dimensions, `pos0` is the
 * absolute position of index 0 on the axes pos, q and kv_pos (axis k starts at 0).  Returns false
 * when nothing of it lies in this tensor.
 */
bool selection_resolve(const struct selection *sel, const char *axes, const int64_t *shape,
		       int n_dims, int64_t pos0, int64_t start[TENSOR_MAX_DIMS],
		       int64_t stop[TENSOR_MAX_DIMS]);

#endif
