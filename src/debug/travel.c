/*
 * travel.c -- time: forward and back until something stops it.
 *
 * Forward, the target asks at every op that is marked.  Back, nothing runs: within a pass all
 * values are kept, so the way is walked by moving the counter down.
 */
#include "debug_impl.h"

#include <limits.h>

/* ---- forward ------------------------------------------------------------------------------- */

struct journey {
	struct debugger *d;
	struct moment from;
	const struct moment *goal; /* NULL: none */
	bool at_goal;
};

/* Whether one has come as far as the goal; then one stands where it says. */
static bool reaches(const struct journey *j, struct moment *at)
{
	struct moment latest = *at;

	if (!j->goal)
		return false;
	latest.depth = INT_MAX;
	if (moment_compare(&latest, j->goal) < 0)
		return false;
	if (at->pass == j->goal->pass && at->op == j->goal->op && at->step == j->goal->step)
		at->depth = j->goal->depth;
	return true;
}

/* Where one set out from is no arrival. */
static bool is_departure(const struct journey *j, const struct moment *at)
{
	return at->pass == j->from.pass && at->op == j->from.op && at->step == j->from.step &&
	       j->d->target->has_begun;
}

static int arrive(void *ctx, struct moment *at, struct err *err)
{
	struct journey *j = ctx;
	int r;

	if (is_departure(j, at))
		return 0;
	j->at_goal = reaches(j, at);
	r = breakpoints_ask(j->d, at, j->at_goal, err);
	return r < 0 ? r : r > 0 || j->at_goal;
}

static void mark_goal(const struct journey *j, struct stopper *s)
{
	if (!j->goal)
		return;
	s->tokenizer = s->sampler = true;
	s->ops[0] = s->ops[j->d->program->n_ops] = 1;
	if (j->goal->op < j->d->program->n_ops)
		s->ops[j->goal->op] = 1;
}

static int run(struct journey *j, struct err *err)
{
	struct debugger *d = j->d;
	struct stopper s = { .ask = arrive, .ctx = j };
	int r;

	s.ops = mem_calloc((size_t)d->program->n_ops + 1, 1);
	breakpoints_mark(d, &s);
	mark_goal(j, &s);
	r = d->target->class->run(d->target, &s, err);
	free(s.ops);
	return r;
}

static void stand(struct debugger *d, int left_module)
{
	d->left_module = left_module;
	d->frames_up = 0;
	place_say(d);
}

/* A goal at the op where one is, one module further in: nothing needs to run. */
static bool is_deeper_here(const struct debugger *d, const struct moment *goal)
{
	const struct moment *now = &d->target->now;

	return goal && d->target->has_begun && goal->pass == now->pass && goal->op == now->op &&
	       goal->step == now->step && goal->depth > now->depth;
}

int travel_forward(struct debugger *d, const struct moment *goal, int left_module, struct err *err)
{
	struct journey j = { .d = d, .from = d->target->now, .goal = goal };
	int r;

	d->has_stopped = false;
	if (d->target->has_ended) {
		say(d, "The generation has ended; one can go back.\n");
		place_say(d);
		return 0;
	}
	if (is_deeper_here(d, goal)) {
		d->target->now = *goal;
		stand(d, -1);
		return 0;
	}
	r = run(&j, err);
	if (r < 0)
		return r;
	if (r == TARGET_INTERRUPTED)
		say(d, "Interrupted.\n");
	d->has_stopped = r == TARGET_INTERRUPTED || (r == TARGET_STOPPED && !j.at_goal);
	stand(d, j.at_goal ? left_module : -1);
	return 0;
}

/* ---- to a moment, and back ----------------------------------------------------------------- */

int travel_to(struct debugger *d, const struct moment *to, struct err *err)
{
	int r = d->target->class->go(d->target, to, err);

	if (r < 0)
		return r;
	stand(d, -1);
	return 0;
}

int travel_back(struct debugger *d, const struct moment *goal, struct err *err)
{
	return travel_to(d, goal, err);
}
