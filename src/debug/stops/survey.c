/*
 * survey.c -- what would have stopped, over passes that are run again.
 *
 * Time goes back to where something is not known, runs on with nobody stopping it, and comes back
 * to where one stood.
 */
#include "break_impl.h"

#include <limits.h>

struct survey {
	struct debugger *d;
	struct breakpoint *b;
	const struct moment *to; /* the last moment that is asked about; NULL: the end */
	survey_fn *tell;
	void *ctx;
};

static int ask(void *ctx, struct moment *at, struct err *err)
{
	struct survey *s = ctx;
	struct answer a = { .depth = -1, .left_module = -1, .at = *at };
	int r;

	if (s->to && site_compare(at, s->to) > 0)
		return 1;
	r = s->b->class->ask(s->d, s->b, at, false, &a, err);
	if (r < 0 || !a.hit)
		return r < 0 ? r : 0;
	a.at.depth = a.depth;
	breakpoint_remember(s->b, at);
	return s->tell ? s->tell(s->ctx, &a, err) : 0;
}

/* The stopper is asked at least so often that it sees that `to` has passed. */
static void mark(const struct debugger *d, const struct survey *v, struct stopper *s)
{
	v->b->class->mark(v->d, v->b, s);
	if (!v->to)
		return;
	s->tokenizer = s->sampler = true;
	s->ops[0] = s->ops[d->program->n_ops] = 1;
	if (v->to->pass >= 0 && v->to->op < d->program->n_ops)
		s->ops[v->to->op + 1] = 1;
}

static struct moment beginning(const struct debugger *d)
{
	bool has_steps = d->target->class->n_steps(d->target, STAGE_TOKENIZER, -1) > 0;

	return (struct moment){ has_steps ? -1 : 0, 0, 0, 0 };
}

int survey(struct debugger *d, struct breakpoint *b, const struct moment *from,
	   const struct moment *to, survey_fn *tell, void *ctx, struct err *err)
{
	struct survey s = { d, b, to, tell, ctx };
	struct stopper stopper = { .ask = ask, .ctx = &s };
	struct moment was = d->target->now, start = beginning(d);
	struct err back = { 0 };
	int r;

	if (from && site_compare(from, &start) > 0)
		start = *from;
	stopper.ops = mem_calloc((size_t)d->program->n_ops + 1, 1);
	mark(d, &s, &stopper);
	r = d->target->class->go(d->target, &start, err);
	if (r >= 0)
		r = d->target->class->run(d->target, &stopper, err);
	free(stopper.ops);
	target_deafen(d->target, true);
	if (d->target->class->go(d->target, &was, &back) < 0 && r >= 0) {
		*err = back;
		r = back.code;
	}
	target_deafen(d->target, false);
	if (r == TARGET_INTERRUPTED)
		return err_set(err, ERR_INTERRUPTED, "interrupted");
	return r < 0 ? r : 0;
}

int breakpoints_ready(struct debugger *d, struct err *err)
{
	const struct moment now = d->target->now;

	for (int i = 0; d->target->has_begun && i < d->breakpoints->n; i++) {
		struct breakpoint *b = d->breakpoints->list[i];

		if (b->enabled && b->class->ready && b->class->ready(d, b, err))
			return err->code;
		if (!b->enabled || site_compare(&now, &b->known_to) <= 0 ||
		    breakpoint_ignores_at(b, &b->known_to) == 0)
			continue;
		if (survey(d, b, &b->known_to, &now, NULL, NULL, err))
			return err->code;
		b->known_to = now;
	}
	return 0;
}
