/*
 * point.h -- finding points by any of their names, and picking parts of them.
 *
 * Accepted: canonical names (model.layers.3.self_attn:pattern; `:out` may be left out), aliases,
 * globs (*.self_attn:pattern), layer ranges (model.layers.[4-7].mlp:out), shorthands
 * (L3.attn.pattern, L3.resid_post, L*.mlp), TransformerLens names (blocks.3.attn.hook_pattern) and
 * ggml names (kq_soft_max-3), each with globs too.  One name is one tensor: a pattern yields
 * canonical values, each once, in execution order.
 */
#ifndef TORCHLESS_POINT_H
#define TORCHLESS_POINT_H

#include "torchless/program.h"
#include "torchless/text.h"

/*
 * Mark in wanted[p->n_values] every point that `pattern` names and return how many; ERR_USAGE with
 * the nearest names when there is none.
 */
int points_match(const struct program *p, const char *pattern, bool *wanted, struct err *err);

/*
 * The other way: append canonical patterns that name exactly the points of wanted[p->n_values], a
 * range of layers each ("model.layers.[4-7].mlp:act_mul"), `separator` between them; "*" for all.
 */
void points_format(const struct program *p, const bool *wanted, const char *separator,
		   struct text *out);

/*
 * Write the name that another tool gives the point into buf ("blocks.3.attn.hook_z"): `fmt` is
 * point->tl_name or ->ggml_name.  Returns NULL when fmt is NULL.
 */
const char *point_format_name(const char *fmt, int layer, char *buf, size_t size);

/* Write the short name ("L3.attn.pattern") of a canonical name or of a value's into buf; returns
 * buf. */
const char *point_shorten(const char *name, char *buf, size_t size);
const char *point_short_name(const struct value *v, char *buf, size_t size);

/*
 * The names of a value's axes: those of its point, "row,col" or "col" for a weight, "" for what has
 * none.
 */
const char *value_axes(const struct value *v);

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
 * Parse "[head=2, q=-1]", "[2, 0:4, :]", "[pos=3:7]" against comma-separated axes; "" or NULL is
 * everything.  Indices on the axes pos, q, k and kv_pos are absolute positions.  ERR_USAGE names
 * the axis or the text that is wrong.
 */
int selection_parse(struct selection *sel, const char *text, const char *axes, struct err *err);

/*
 * Whether `sel` can ever name something of the value: an index beyond a constant dimension (head 99
 * of 9) is ERR_USAGE with the axis and its size.
 */
int selection_check(const struct selection *sel, const struct value *v, struct err *err);

/* Append what selection_parse() reads as the same part: "[head=2, q=-1]"; nothing for all of it. */
void selection_format(const struct selection *sel, const char *axes, struct text *out);

/*
 * Split "L0.attn.z[head=0]" into the name (copied to name[size]) and a pointer to the '[' or to
 * the end.  A bracket after `.` or `L` is a range of layers and belongs to the name.  ERR_USAGE
 * when the name is too long or the bracket is not closed.
 */
int selection_split(const char *text, char *name, size_t size, const char **rest, struct err *err);

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
