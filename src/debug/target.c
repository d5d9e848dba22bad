/* target.c -- what a session and a recording have in common as targets. */
#include "debug_impl.h"

bool target_is_live(const struct target *t)
{
	return !strcmp(t->class->name, "live");
}

bool target_back_pass(const struct target *t, struct moment *m)
{
	int n;

	if (m->pass < 0)
		return false;
	n = t->class->n_steps(t, m->pass == 0 ? STAGE_TOKENIZER : STAGE_SAMPLER, m->pass - 1);
	if (m->pass == 0 && n == 0)
		return false;
	*m = (struct moment){ m->pass - 1, m->pass == 0 ? 0 : t->program->n_ops, n > 0 ? n - 1 : 0,
			      0 };
	return true;
}
