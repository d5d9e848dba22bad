/*
 * edits.c -- the values that a recording sets to zero, from their texts.
 *
 * They are read once, when the model is there.  The executor holds them from then on; a recording
 * is told of them in each run.
 */
#include "record_impl.h"
#include "torchless/mem.h"

#include <stdlib.h>

static int add_values(struct recorder *r, const bool *wanted, const char *selection,
		      struct err *err)
{
	const struct program *p = &r->generation.session.model->program;

	for (int v = 0; v < p->n_values; v++) {
		struct record_edit e = { .edit = { .value = v, .kind = EDIT_ZERO, .pass_to = -1 },
					 .selection = selection };

		if (!wanted[v])
			continue;
		if (selection_parse(&e.edit.sel, selection, p->values[v].point->axes, err) ||
		    selection_check(&e.edit.sel, &p->values[v], err))
			return err->code;
		r->edits = mem_grow(r->edits, (size_t)r->n_edits, &r->cap_edits, sizeof(*r->edits));
		r->edits[r->n_edits++] = e;
	}
	return 0;
}

static int read_zero(struct recorder *r, const char *text, struct err *err)
{
	const struct program *p = &r->generation.session.model->program;
	bool *wanted = mem_calloc((size_t)p->n_values, sizeof(*wanted));
	const char *selection;
	char name[256];
	int result = selection_split(text, name, sizeof(name), &selection, err);

	if (result == 0 && (result = points_match(p, name, wanted, err)) > 0)
		result = add_values(r, wanted, selection, err);
	free(wanted);
	return result < 0 ? err_wrap(err, "--zero %s", text) : 0;
}

int recorder_read_edits(struct recorder *r, struct err *err)
{
	for (int i = 0; i < r->opt.n_zero; i++)
		if (read_zero(r, r->opt.zero[i], err))
			return err->code;
	return 0;
}

int recorder_apply_edits(struct recorder *r, struct err *err)
{
	for (int i = 0; i < r->n_edits; i++)
		if (executor_add_edit(&r->generation.session.executor, &r->edits[i].edit, err) < 0)
			return err->code;
	return 0;
}

int recorder_tell_edits(const struct recorder *r, struct err *err)
{
	for (int i = 0; i < r->n_edits; i++)
		if (trace_writer_edit(r->writer, r->edits[i].edit.value, r->edits[i].selection,
				      "zero", err))
			return err->code;
	return 0;
}
