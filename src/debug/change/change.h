/*
 * change.h -- what the files that change things share.
 *
 *	change.c    parts of values, edits, and where one stands after them
 *	hooked.c    an edit by an expression
 *	branch.c    what was before: baselines and branches
 *	cmd_edit.c  the commands
 */
#ifndef DEBUG_CHANGE_H
#define DEBUG_CHANGE_H

#include "../debug_impl.h"

/* A part of a value: "L3.attn.z[head=2]", ".act_fn[0:8]", "model.norm.weight". */
struct part {
	value_id value;
	struct selection sel;
};
int part_parse(struct debugger *d, const char *text, size_t len, struct part *part,
	       struct err *err);
/* Its sizes along each axis in the pass that is there; ERR_USAGE when nothing of it is in it. */
int part_shape(struct debugger *d, const struct part *part, int64_t n[TENSOR_MAX_DIMS],
	       int64_t *numel, struct err *err);
void part_format(const struct debugger *d, value_id v, const struct selection *sel,
		 struct text *out);

/* The number that a value is, or a tensor of one element. */
bool number_of_value(const struct array_value *v, double *x);
/* Whether `a` is, but for dimensions of one, the last of n[n_dims]: it is repeated over the rest.
 */
bool array_fits(const int64_t *n, int n_dims, const struct array *a);

/* Make `e` an edit by an expression, which the log then owns. */
int hooked_edit(struct debugger *d, const char *text, struct edit *e, struct err *err);
/* Whether it failed when it was asked, and is asked no more. */
bool hooked_is_disabled(const struct edit *e);
/* One more who holds e->ctx and will ask e->release; nothing for other edits. */
void hooked_ref(const struct edit *e);

/*
 * Add or remove an edit, say so, and stand where one stood or before what had read the value.  An
 * edit that was not added is released.
 */
int change_add(struct debugger *d, const struct edit *e, struct err *err);
int change_remove(struct debugger *d, int id, struct err *err);

/* ---- what was before: branch.c -------------------------------------------------------------- */

/* Every value of the pass that is there, as it is now. */
struct baseline {
	char *name;
	struct moment at;
	struct array **values; /* [n_values], NULL: not there */
};
int baseline_take(struct debugger *d, const char *name, struct baseline *b, struct err *err);
void baseline_release(struct baseline *b, int n_values);

/* The same moment without any edit and forced token: it is run for, and one stands again here. */
int baseline_without_edits(struct debugger *d, struct baseline *b, struct err *err);

struct branch {
	char *name;
	struct moment at;
	struct edit *edits; /* their data, texts and ctx are the branch's own */
	int n_edits;
	struct session_forced *forced;
	int n_forced;
	int32_t *tokens; /* as they were when one left it */
	int64_t n_tokens, n_prompt;
};
void branch_take(struct debugger *d, const char *name, struct branch *b);
void branch_release(struct branch *b);
/* Make its edits and forced tokens those of the session and stand at `at`. */
int branch_apply(struct debugger *d, const struct branch *b, const struct moment *at,
		 struct err *err);

#endif
