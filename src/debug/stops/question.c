/*
 * question.c -- where a location is asked about.
 *
 * A condition that speaks of `out` is asked when that is there: behind the op, or behind the last
 * op of the module, and that is where it stops.
 */
#include "break_impl.h"

static struct question question_before(const struct spot *s)
{
	return (struct question){ s->op, s->depth, -1, s, false };
}

static struct question question_behind(const struct program *p, const struct spot *s)
{
	int module = s->module >= 0 ? s->module : p->ops[s->op].module;
	bool is_left = s->module >= 0 || module_is_op(p, module);
	int op = s->module >= 0 ? p->modules[module].op_end : s->op + 1;

	return (struct question){ op, op_depth_min(p, op), is_left ? module : -1, s, false };
}

static int compare_questions(const void *a, const void *b)
{
	const struct question *x = a, *y = b;

	if (x->op != y->op)
		return x->op - y->op;
	return y->depth != x->depth ? y->depth - x->depth : x->left_module - y->left_module;
}

/* Two that are asked at one op about one output are one. */
static int merge(struct question *q, int n)
{
	int kept = 0;

	for (int i = 0; i < n; i++) {
		bool known = false;

		for (int k = kept - 1; k >= 0 && q[k].op == q[i].op; k--)
			known |= q[k].left_module == q[i].left_module ||
				 q[k].spot->out == q[i].spot->out;
		if (!known)
			q[kept++] = q[i];
	}
	return kept;
}

/* The op at which a location that is no list of spots is asked. */
static int lone_op(const struct debugger *d, const struct location *l)
{
	switch (l->kind) {
	case LOCATION_TOKENIZER:
		return -1;
	case LOCATION_SAMPLER:
		return d->program->n_ops;
	case LOCATION_MOMENT:
		return l->moment.pass < 0 ? -1 : l->moment.op;
	case LOCATION_OPS: /* the end of passes */
		return d->program->n_ops;
	default:
		return 0;
	}
}

struct question *location_questions(const struct debugger *d, const struct location *l, bool behind,
				    int *n)
{
	const struct program *p = d->program;
	struct question *q = mem_calloc((size_t)l->n_spots + 1, sizeof(*q));

	if (l->n_spots == 0) {
		int op = lone_op(d, l);

		q[0] = (struct question){ op, op < 0 ? 0 : op_depth_max(p, op), -1, NULL, false };
		*n = 1;
		return q;
	}
	for (int i = 0; i < l->n_spots; i++)
		q[i] = behind ? question_behind(p, &l->spots[i]) : question_before(&l->spots[i]);
	qsort(q, (size_t)l->n_spots, sizeof(*q), compare_questions);
	*n = behind ? merge(q, l->n_spots) : l->n_spots;
	return q;
}
