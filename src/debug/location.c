/* location.c -- where a breakpoint lies. */
#include "debug_impl.h"

int location_parse(struct debugger *d, const char *text, struct location *l, struct err *err)
{
	int m;

	*l = (struct location){ 0 };
	if (moment_parse(d->program, text, &l->moment)) {
		l->kind = LOCATION_MOMENT;
		text_adds(&l->text, text);
		return 0;
	}
	m = program_find_module(d->program, text);
	if (m < 0)
		return err_set(err, ERR_USAGE, "there is no place '%.80s'", text);
	l->kind = LOCATION_OPS;
	l->depth = mem_calloc((size_t)d->program->n_ops, sizeof(*l->depth));
	for (int i = 0; i < d->program->n_ops; i++)
		l->depth[i] =
			i == d->program->modules[m].op_first ? d->program->modules[m].depth : -1;
	text_adds(&l->text, text);
	return 0;
}

void location_release(struct location *l)
{
	free(l->depth);
	text_release(&l->text);
}

bool location_has(const struct debugger *d, const struct location *l, struct moment *at)
{
	if (l->kind == LOCATION_MOMENT)
		return moment_compare(at, &l->moment) == 0;
	if (l->kind != LOCATION_OPS || at->pass < 0 || at->op >= d->program->n_ops ||
	    l->depth[at->op] < 0)
		return false;
	at->depth = l->depth[at->op];
	return true;
}
