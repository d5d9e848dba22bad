/*
 * point.h -- finding points by any of their names.
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
#include "torchless/selection.h"
#include "torchless/text.h"

/*
 * Mark in wanted[p->n_values] every point that `pattern` names and return how many; ERR_USAGE with
 * the nearest names when there is none; err may be NULL, and finding those takes long.
 */
int points_match(const struct program *p, const char *pattern, bool *wanted, struct err *err);

/* Whether `name`, in the words of whatever tool, is of a layer that the program has not. */
bool points_lack_layer(const struct program *p, const char *name);

/*
 * The one value of that name: a point under any of its names, a weight, an input.  ERR_USAGE with
 * the nearest names when there is none, or how many there are.
 */
value_id points_find(const struct program *p, const char *name, struct err *err);

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

/*
 * Write what transformers calls the point into buf: "hidden_states[4]" is what layer 3 of more puts
 * out, "hidden_states[n]" what follows the final norm, and the last layer's own output is in none.
 * Returns buf, or NULL where transformers has no name for it.
 */
const char *point_hf_source(const struct program *p, const struct value *v, char *buf, size_t size);

/* Write the short name ("L3.attn.pattern") of a canonical name or of a value's into buf; returns
 * buf. */
const char *point_shorten(const char *name, char *buf, size_t size);
const char *point_short_name(const struct value *v, char *buf, size_t size);

/*
 * The names of a value's axes: those of its point, "row,col" or "col" for a weight, "" for what has
 * none.
 */
const char *value_axes(const struct value *v);

/*
 * Whether `sel` can ever name something of the value: an index beyond a constant dimension (head 99
 * of 9) is ERR_USAGE with the axis and its size.
 */
int selection_check(const struct selection *sel, const struct value *v, struct err *err);

#endif
