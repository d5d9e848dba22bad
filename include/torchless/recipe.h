/*
 * recipe.h -- edits as a file that runs anywhere: what `save edits` writes and `--edits` reads.
 *
 * JSON lines, an edit an object, blank lines between them as one likes:
 *
 *	{"point": "model.layers.3.self_attn:z", "select": "[head=2]", "kind": "zero"}
 *	{"point": "L*.mlp", "kind": "scale", "value": 0.5, "passes": [1, null]}
 *	{"point": "L5.resid_post", "select": "[pos=5]", "kind": "copy", "from": "[pos=2]"}
 *	{"point": "L5.resid_post", "select": "[pos=5]", "kind": "replace",
 *	 "data": {"shape": [576], "f32": "AACAPw…"}}    (on one line)
 *	{"kind": "force", "pos": 7, "id": 42}
 *
 * kind      point       and                             means
 * zero      a point or  select, passes, source          0
 * set       a weight    value                           that number
 * scale                 value                           times that number
 * add                   value                           plus that number
 * mean                                                  the mean over the positions of the pass
 * copy                  from                            another part of it
 * replace               data or npy                     those numbers
 * expr                  expr                            what the expression says, each time
 * force     -           pos, id                         the token at a position
 * ban       -           id, perhaps pos                 never that token
 *
 * `point` is any name of points, globs too, or the name of a weight; `select`, `from` as
 *everywhere; `passes` are the first and the last, null for ever; `value` is a number or "inf",
 *"-inf", "nan"; `npy` a file in the recipe's folder or below; `source` says where it comes from, to
 *people. Numbers are f32, little-endian, in C order, as base64.  Nothing is guessed: a key or a
 *kind that is none, one too many, numbers that do not fit are a sentence with file and line.
 */
#ifndef TORCHLESS_RECIPE_H
#define TORCHLESS_RECIPE_H

#include "torchless/array.h"
#include "torchless/session.h"

/* A fact that a recipe states. */
enum recipe_fact { RECIPE_EDIT, RECIPE_BAN, RECIPE_FORCE };

struct recipe_item {
	enum recipe_fact fact;
	struct edit edit;      /* EDIT; numbers and texts are the recipe's */
	struct array *numbers; /* of one that replaces, else NULL */
	char *expr;            /* of one that is computed, whose source it is as well, else NULL */
	char *source;          /* else NULL */
	int64_t pos;           /* BAN, -1: everywhere; FORCE */
	int32_t id;
	int64_t line;
};

struct recipe {
	const struct program *program;
	char *file;
	struct recipe_item *items; /* a pattern is an item a point, in execution order */
	int n;
	size_t cap;
	uint64_t hash; /* of all that it says, the numbers of .npy files included */
};

/*
 * Read a recipe for the program: ERR_FORMAT, ERR_USAGE, ERR_SHAPE or ERR_IO with FILE:LINE.
 * `file` is what sentences call it, and whose folder .npy files lie in.  Release it whatever
 * happens.
 */
int recipe_parse(struct recipe *r, const struct program *p, const char *file, const char *text,
		 size_t len, struct err *err);
int recipe_read(struct recipe *r, const struct program *p, const char *path, struct err *err);
void recipe_release(struct recipe *r);

/*
 * Makes an edit of kind EDIT_COMPUTE work: sets compute, ctx and release for what the expression
 * says.  ERR_USAGE when it is none.
 */
struct recipe_expressions {
	int (*bind)(void *ctx, struct session *s, const char *expr, struct edit *e,
		    struct err *err);
	void *ctx;
};

/*
 * Where no debugger stands: an expression (expression.h) is evaluated whenever the value is
 * computed and gives a number, or a tensor of the part's shape or of its last sizes.  It sees
 * `out`, the part as it is so far without its single indices, in[k], what the op reads, names from
 * its module outward, whole names, and `pass`.
 */
extern const struct recipe_expressions recipe_plain_expressions;

/*
 * Put its edits in force, going back to where they matter; what was added before one that is
 * refused stays.  `ids` (may be NULL) gets the id of each edit or ban, 0 for a forced token.
 * Without expressions (NULL) one of that kind is ERR_USAGE.
 */
int recipe_apply_edits(const struct recipe *r, struct session *s,
		       const struct recipe_expressions *expressions, int *ids, struct err *err);

/* Force its tokens: once there is a prompt. */
int recipe_apply_forced(const struct recipe *r, struct session *s, struct err *err);

/*
 * Several of them, as a command is given them: open reads each and puts its edits in force.
 * Release them whatever happens.
 */
struct recipes {
	struct recipe *items;
	int n;
};
int recipes_open(struct recipes *r, struct session *s, const char *const *files, int n,
		 const struct recipe_expressions *expressions, struct err *err);
int recipes_force(const struct recipes *r, struct session *s, struct err *err);
void recipes_release(struct recipes *r);

/*
 * The short form of the kind that is wanted most: 0 for what each text names, NAME[SELECTION], in
 * every pass.  The text is the source of its edits.  ERR_USAGE with the text behind `what`, which
 * is how the user calls it; edits of those before it stay.
 */
int edits_zero(struct session *s, const char *what, const char *const *texts, int n,
	       struct err *err);

/*
 * Append what a session's edits and forced tokens are, a line each, to be read by recipe_read().
 * The source of a computed edit is its expression.
 */
void recipe_write(const struct session *s, struct text *out);

/* ---- numbers from elsewhere ----------------------------------------------------------------- */

/*
 * Make the edit one that replaces its part by the numbers, whose elements are borrowed.  Their
 * shape must be that of the part, with its single indices or without: ERR_SHAPE has both.  How many
 * positions there are is known of a pass that is there, else checked when one begins.
 */
int edit_replace_by(struct edit *e, const struct executor *ex, const struct array *numbers,
		    struct err *err);

/*
 * The same from where tensors are found by name, a recording or a live pass: `text` is a name with
 * a selection.  *numbers is the caller's, and outlives the use of the edit.
 */
int edit_replace_from(struct edit *e, const struct executor *ex, const struct array_source *source,
		      const char *text, struct array **numbers, struct err *err);

/* The array in a .npy file, whose elements are its own; NULL and ERR_IO, ERR_FORMAT, ERR_SHAPE. */
struct array *numbers_of_npy(const char *path, struct err *err);

#endif
