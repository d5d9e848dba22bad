/*
 * edits.c -- what a recording edits: values set to zero, from their texts, and files of edits.
 *
 * They are read once, when the model is there, and those of a line of a file of prompts when it is
 * its turn.  The executor's log holds them from then on, and the recording follows the log.
 */
#include "record_impl.h"
#include "torchless/mem.h"

#include <stdlib.h>

static int zero_values(struct session *s, const bool *wanted, const char *text,
		       const char *selection, struct err *err)
{
	const struct program *p = &s->model->program;

	for (int v = 0; v < p->n_values; v++) {
		struct edit e = { .value = v, .kind = EDIT_ZERO, .pass_to = -1, .source = text };

		if (!wanted[v])
			continue;
		if (selection_parse(&e.sel, selection, p->values[v].point->axes, err) ||
		    session_add_edit(s, &e, err) < 0)
			return err->code;
	}
	return 0;
}

static int zero(struct session *s, const char *text, struct err *err)
{
	const struct program *p = &s->model->program;
	bool *wanted = mem_calloc((size_t)p->n_values, sizeof(*wanted));
	const char *selection;
	char name[256];
	int result = selection_split(text, name, sizeof(name), &selection, err);

	if (result == 0 && (result = points_match(p, name, wanted, err)) > 0)
		result = zero_values(s, wanted, text, selection, err);
	free(wanted);
	return result < 0 ? result : 0;
}

int edits_zero(struct session *s, const char *what, const char *const *texts, int n,
	       struct err *err)
{
	for (int i = 0; i < n; i++)
		if (zero(s, texts[i], err))
			return err_wrap(err, "%s %s", what, texts[i]);
	return 0;
}

int recorder_add_edits(struct recorder *r, struct err *err)
{
	if (edits_zero(&r->generation.session, "--zero", r->opt.zero, r->opt.n_zero, err))
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

int recorder_set_line(struct recorder *r, const struct record_prompt *p, struct err *err)
{
	struct session *s = &r->generation.session;

	/* Those of the line before are the newest ones. */
	while (s->executor.n_edits > r->n_standing_edits)
		if (session_remove_edit(s, s->executor.edits[s->executor.n_edits - 1].id, err))
			return err->code;
	if (recorder_set_prompt(r, &p->prompt, err))
		return err->code;
	return edits_zero(s, "\"zero\"", (const char *const *)p->zero, p->n_zero, err);
}
