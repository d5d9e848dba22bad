/*
 * change.h -- what the files that change things share.
 *
 *	change.c    parts of values, edits, and where one stands after them
 *	branch.c    what was before: baselines and branches
 *	cmd_edit.c  the commands
 */
#ifndef DEBUG_CHANGE_H
#define DEBUG_CHANGE_H

#include "debug_impl.h"

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

/* Add or remove an edit, say so, and stand where one stood or before what had read the value. */
int change_add(struct debugger *d, const struct edit *e, struct err *err);
int change_remove(struct debugger *d, int id, struct err *err);

#endif
