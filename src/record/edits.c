/*
 * edits.c -- what a recording edits: values set to zero, from their texts, and files of edits.
 *
 * They are read once, when the model is there.  The executor's log holds them from then on, and the
 * recording follows the log.
 */
#include "record_impl.h"
#include "torchless/mem.h"

#include <stdlib.h>

static int add_values(struct recorder *r, const bool *wanted, const char *text,
		      const char *selection, struct err *err)
{
	const struct program *p = &r->generation.session.model->program;

	for (int v = 0; v < p->n_values; v++) {
		struct edit e = { .value = v, .kind = EDIT_ZERO, .pass_to = -1, .source = text };

		if (!wanted[v])
			continue;
		if (selection_parse(&e.sel, selection, p->values[v].point->axes, err) ||
		    executor_add_edit(&r->generation.session.executor, &e, err) < 0)
			return err->code;
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
		result = add_values(r, wanted, text, selection, err);
	free(wanted);
	return result < 0 ? err_wrap(err, "--zero %s", text) : 0;
}

int recorder_add_edits(struct recorder *r, struct err *err)
{
	for (int i = 0; i < r->opt.n_zero; i++)
		if (read_zero(r, r->opt.zero[i], err))
			return err->code;
	return recipes_open(&r->recipes, &r->generation.session, r->opt.edits, r->opt.n_edits,
			    r->opt.expressions, err);
}

int recorder_set_prompt(struct recorder *r, const struct prompt *p, struct err *err)
{
	if (generation_set_prompt(&r->generation, p, err))
		return err->code;
	return recipes_force(&r->recipes, &r->generation.session, err);
}
