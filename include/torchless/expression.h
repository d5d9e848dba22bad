/*
 * expression.h -- what a person asks of tensors: "absmax(.pattern[head=2, q=-1]) > 0.5".
 *
 * One evaluator for print, conditions, watch, display, set and hover.  An expression is parsed once
 * into a flat list of instructions and evaluated as often as one likes.  It knows the arithmetic
 * and array_functions[]; what a name means is asked of whoever calls, by expression_names, so that
 * it serves a live pass, a recording and a test alike.
 *
 *	numbers    1  1.5e-3  .5  nan  inf              texts      "a\n\"\x41"  'a'
 *	operators  ||  &&  == != < <= > >=  + -  * / % @  unary - !    ( )
 *	variables  $  $3  $$2  $name  token             calls      mean(x, head)  mean(x, axis=head)
 *	paths      layers[3].self_attn.pattern  layers.3.mlp:out  .pattern  :out  in[0]  L3.attn.z .
 *	parts      x[head=2, 0:4]  x[-1, ::2]  x[..., argmax(y)]   of anything that is a tensor
 *
 * Arithmetic is numpy's: shapes broadcast from the right, comparisons and && || ! give 0 or 1 for
 * each element, NaN is not 0, % has the sign of its right side, a number beside a tensor is an f32.
 * Numbers are whole (64 bits) or f64.  A whole number divided by a whole 0 is refused, other
 * divisions by 0 give inf and NaN.  && and || do not look at their right side where a number on
 * the left decides.  Indices along axes that count positions are absolute (array.h); a range is cut
 * to what is there, as in numpy, and refused when nothing is left.  Tensors keep the names of their
 * axes and what they count; a tensor of no dimensions is a number.  Nothing is assigned, read or
 * written, and the cost is bounded: 64 kB of text, 64 levels of nesting, EXPRESSION_MAX_ELEMENTS
 * elements in all the tensors that an evaluation makes or has read.
 */
#ifndef TORCHLESS_EXPRESSION_H
#define TORCHLESS_EXPRESSION_H

#include "torchless/array.h"

#define EXPRESSION_MAX_TEXT     65536
#define EXPRESSION_MAX_DEPTH    64
#define EXPRESSION_MAX_ELEMENTS ((int64_t)1 << 26)

struct expression;

/* A function beyond array_functions[], which it goes before: tok(id), lens(), weight(name). */
struct expression_function {
	const char *name, *args; /* "topk", "(t[, k])" */
	int min_args;            /* of strlen(params), at most ARRAY_MAX_ARGS */
	const char *params;      /* a letter an argument, as array_functions.def has them */
	int (*call)(void *ctx, struct array_value *args, int n, struct array_value *result,
		    struct err *err);
	const char *doc, *example;
};

/*
 * How names get their meaning.  Asked while evaluating, and when parsing for what is a path, what
 * a variable and which axes there are; the answers of then are not remembered.
 */
struct expression_names {
	/*
	 * The head (shape, axes, base, dtype, name; data NULL) of the tensor that a path means. The
	 * path is as written, but that "layers[3].mlp" comes as "layers.3.mlp".  Where a path ends
	 * in a number in brackets it is asked with it ("in[0]", then "in.0"), then without, and
	 * what is left is an index.  A size that nobody knows before a pass begins is -1: that can
	 * be parsed, not evaluated.  ERR_USAGE with candidates when there is no such tensor.
	 */
	int (*find)(void *ctx, const char *path, struct array *head, struct err *err);
	/*
	 * Its elements, referenced for the caller, not written to.  `selection` is "", or has an
	 * item for every axis: "[2, 0:4, :]", plain absolute numbers that lie inside of the head.
	 */
	struct array *(*read)(void *ctx, const char *path, const char *selection, struct err *err);
	/*
	 * "$", "$3", "$$2", "$name", and bare words such as token, op, pass, layer: 1 found, 0 no
	 * variable, negative ERR_*: it is one, but has no value now.  May be NULL.
	 */
	int (*variable)(void *ctx, const char *name, struct array_value *value, struct err *err);
	/* Ends with a name NULL; must outlive the expressions.  May be NULL. */
	const struct expression_function *functions;
	void *ctx;
	/*
	 * Words such as "pass" that may stand with a number in the brackets right behind a path and
	 * belong to it: x[pass=1, head=2] is asked for as "x[pass=1]".  Ends with NULL; NULL: none.
	 */
	const char *const *keys;
};

/*
 * Parse and check: names, functions, numbers of arguments, names of axes, texts where numbers are
 * due.  `names` may be NULL: then nothing is asked, and paths are told by their looks.  The result
 * is the caller's; NULL and ERR_USAGE when it is no expression, or whatever names say.
 *
 * The sentence begins with the position, "column 7: ".  The second form leaves that to the caller:
 * *at is the offset in bytes of what is wrong, for expression_caret().
 */
struct expression *expression_parse(const char *text, const struct expression_names *names,
				    struct err *err);
struct expression *expression_parse_at(const char *text, const struct expression_names *names,
				       size_t *at, struct err *err);

void expression_free(struct expression *e); /* NULL is nothing to free */

/*
 * The value, for array_value_release(); kind ARRAY_NULL where there is none (the argmax of NaNs).
 * A tensor may share the elements that names->read() gave: whoever keeps it longer than those lie
 * still copies it.  `watch` (may be NULL) ends it with ERR_INTERRUPTED; ERR_USAGE, ERR_SHAPE,
 * ERR_MEMORY, or whatever names say.  Positions as above.
 */
int expression_evaluate(const struct expression *e, const struct expression_names *names,
			const struct array_watch *watch, struct array_value *result,
			struct err *err);
int expression_evaluate_at(const struct expression *e, const struct expression_names *names,
			   const struct array_watch *watch, struct array_value *result, size_t *at,
			   struct err *err);

const char *expression_text(const struct expression *e);

/* The paths it reads, each once, in the order of the text; as names->find() was asked for them. */
int expression_n_paths(const struct expression *e);
const char *expression_path(const struct expression *e, int i);

/* Whether a path begins with this word, or a variable is called so: "out", "in", "$bpnum". */
bool expression_uses(const struct expression *e, const char *name);

/*
 * What a condition says: a number, or the one element of a tensor, that is not 0.  ERR_USAGE for
 * anything else; a tensor of more elements needs any(), all() or count().
 */
int expression_truth(const struct array_value *v, bool *truth, struct err *err);

/*
 * Append two lines: the text, made safe to show, and a ^ in the column of the byte `at` (may be the
 * text's length), both behind `indent` spaces.  Of a text wider than `width` columns (0: no limit)
 * the part around `at` is shown, with `...` for what was left out.
 */
void expression_caret(struct text *out, const char *text, size_t at, int indent, int width);

#endif
