/*
 * travel.c -- time: forward and back until something stops it.
 *
 * Forward, the target asks at every op that is marked.  Back, nothing runs within a pass: all
 * values are kept, so the way is walked by moving the counter down, and what is marked is looked at
 * in the reverse of the order in which it was computed.  An earlier pass is run again up to the
 * last place that is marked.
 */
#include "debug_impl.h"

#include <limits.h>

static bool is_interrupted(const struct debugger *d)
{
	return d->opt.interrupted && *d->opt.interrupted;
}

/* Say why it stopped, if that is not said yet, and where; from here on this is where one is. */
static int stand(struct debugger *d, int left_module, struct err *err)
{
	bool is_silent = breakpoints_are_silent(d);
	int r = 0;

	d->left_module = left_module;
	d->frames_up = 0;
	if (left_module >= 0 && !is_silent)
		r = place_say_output(d, left_module, err);
	if (!is_silent)
		place_say(d);
	trail_add(d->trail, &d->target->now);
	return r || is_silent ? r : displays_show(d, err);
}

/* The same where a breakpoint may have stopped it, whose commands come next whatever is shown. */
static int stand_and_end(struct debugger *d, int left_module, struct err *err)
{
	struct err shown = { 0 };
	int r;

	stand(d, left_module, &shown);
	r = breakpoints_end(d, err);
	if (r == 0 && shown.code) {
		*err = shown;
		r = shown.code;
	}
	return r;
}

int travel_stand(struct debugger *d, struct err *err)
{
	return stand(d, -1, err);
}

/* ---- forward ------------------------------------------------------------------------------- */

struct journey {
	struct debugger *d;
	const struct destination *to;
	struct moment from;
	bool has_departed; /* nothing had begun: the first site is an arrival too */
	bool arrived;
};

static bool same_site(const struct moment *a, const struct moment *b)
{
	return a->pass == b->pass && a->op == b->op && a->step == b->step;
}

/* The depth of a goal at the site where one arrived, which may be behind it. */
static int depth_at(const struct program *p, const struct moment *at, int depth)
{
	int least, most;

	if (at->pass < 0 || at->op >= p->n_ops)
		return 0;
	least = op_depth_min(p, at->op);
	most = op_depth_max(p, at->op);
	return depth < least ? least : depth > most ? most : depth;
}

/* Whether one has come as far as the goal; then one stands where it says. */
static bool reaches_goal(const struct journey *j, struct moment *at)
{
	struct moment innermost = { at->pass, at->op, at->step, INT_MAX };

	if (!j->to->has_goal || moment_compare(&innermost, &j->to->goal) < 0)
		return false;
	at->depth = depth_at(j->d->program, at, j->to->goal.depth);
	return true;
}

static int arrive(void *ctx, struct moment *at, struct err *err)
{
	struct journey *j = ctx;
	int r;

	if (j->has_departed && same_site(at, &j->from))
		return 0;
	j->arrived =
		(j->to->location && location_has(j->d, j->to->location, at)) || reaches_goal(j, at);
	r = breakpoints_ask(j->d, at, j->arrived, err);
	return r < 0 ? r : r > 0 || j->arrived;
}

static void mark_location(const struct debugger *d, const struct location *l, struct stopper *s)
{
	int n_ops = d->program->n_ops;

	switch (l->kind) {
	case LOCATION_OPS:
		for (int i = 0; i < n_ops; i++)
			s->ops[i] |= l->depth[i] >= 0;
		return;
	case LOCATION_TOKEN:
		s->ops[0] = 1;
		return;
	case LOCATION_TOKENIZER:
		s->tokenizer = true;
		return;
	case LOCATION_SAMPLER:
		s->sampler = true;
		s->ops[n_ops] = 1;
		return;
	case LOCATION_MOMENT:
		s->ops[l->moment.op] = 1;
		s->tokenizer = s->sampler = true;
		return;
	}
}

static void mark_destination(const struct debugger *d, const struct destination *to,
			     struct stopper *s)
{
	if (to->location)
		mark_location(d, to->location, s);
	if (!to->has_goal)
		return;
	s->tokenizer = s->sampler = true;
	s->ops[0] = s->ops[d->program->n_ops] = 1;
	s->ops[to->goal.op] = 1;
}

static int run(struct journey *j, struct err *err)
{
	struct debugger *d = j->d;
	struct stopper s = { .ask = arrive, .ctx = j };
	int r;

	s.ops = mem_calloc((size_t)d->program->n_ops + 1, 1);
	breakpoints_mark(d, &s);
	mark_destination(d, j->to, &s);
	r = d->target->class->run(d->target, &s, err);
	free(s.ops);
	return r;
}

/* A goal at the op where one is, one module further in: nothing needs to run. */
static bool is_deeper_here(const struct debugger *d, const struct destination *to)
{
	const struct moment *now = &d->target->now;

	return to->has_goal && d->target->has_begun && same_site(&to->goal, now) &&
	       to->goal.depth > now->depth;
}

int travel_forward(struct debugger *d, const struct destination *to, struct err *err)
{
	struct journey j = { .d = d, .to = to, .from = d->target->now };
	int r;

	d->has_stopped = false;
	if (d->target->has_ended) {
		say(d, "The generation has ended; one can go back.\n");
		place_say(d);
		return 0;
	}
	if (is_deeper_here(d, to)) {
		d->target->now = to->goal;
		return stand(d, -1, err);
	}
	j.has_departed = d->target->has_begun;
	if (breakpoints_ready(d, err))
		return err->code;
	breakpoints_depart(d);
	r = run(&j, err);
	if (r < 0)
		return r;
	breakpoints_arrive(d);
	if (r == TARGET_ENDED)
		breakpoints_say_end(d);
	if (r == TARGET_INTERRUPTED)
		say(d, "Interrupted.\n");
	d->has_stopped = r == TARGET_INTERRUPTED || (r == TARGET_STOPPED && !j.arrived);
	return stand_and_end(
		d, j.arrived && to->leaves ? to->left_module : breakpoints_left_module(d), err);
}

/* ---- to a moment --------------------------------------------------------------------------- */

/* Say what is run again where that takes time, then go. */
static int go(struct debugger *d, const struct moment *to, struct err *err)
{
	struct pass_info info;

	if (d->target->class->cost(d->target, to) > 0 &&
	    d->target->class->pass(d->target, to->pass, &info)) {
		say_styled(d, UI_DIM, "Running pass %d again, %lld %s.\n", to->pass,
			   (long long)info.T, plural(info.T, "token", "tokens"));
		say_flush(d);
	}
	return d->target->class->go(d->target, to, err);
}

int travel_to(struct debugger *d, const struct moment *to, struct err *err)
{
	int r;

	d->has_stopped = false;
	breakpoints_depart(d);
	r = go(d, to, err);
	if (r < 0)
		return r;
	return stand(d, -1, err);
}

/* ---- back ---------------------------------------------------------------------------------- */

/* The moment before m, op by op and step by step; false at the beginning of time. */
static bool back_one(const struct debugger *d, struct moment *m)
{
	if (m->step > 0) {
		m->step--;
		return true;
	}
	if (m->pass >= 0 && m->op > 0) {
		m->op--;
		m->depth = op_depth_max(d->program, m->op);
		return true;
	}
	return target_back_pass(d->target, m);
}

/* Whether something wants to be asked at m. */
static bool is_marked(const struct debugger *d, const struct stopper *s, const struct moment *m)
{
	if (m->pass < 0)
		return s->tokenizer;
	if (m->op < d->program->n_ops)
		return s->ops[m->op];
	return s->sampler || (m->step == 0 && s->ops[m->op]);
}

/*
 * Look at what is marked before `now`, the latest first, as far as the goal: 1 and where something
 * stops, 0 when nothing does, and ERR_*.
 */
static int look_back(struct debugger *d, const struct stopper *s, const struct destination *to,
		     struct moment *stop, struct err *err)
{
	const struct moment now = d->target->now;
	struct moment m = now;

	m.depth = INT_MAX; /* the op where one is may have stops further out */
	for (bool more = true; more; more = back_one(d, &m)) {
		struct moment at = m;
		int r;

		if (to->has_goal && moment_compare(&m, &to->goal) <= 0 && !same_site(&m, &to->goal))
			return 0;
		if (is_interrupted(d))
			return TARGET_INTERRUPTED;
		if (!is_marked(d, s, &m))
			continue;
		if (m.depth == INT_MAX)
			at.depth = now.depth;
		if (!same_site(&m, &now) && go(d, &at, err))
			return err->code;
		r = breakpoints_ask_back(d, &at, err);
		if (r < 0)
			return r;
		if (r > 0 && moment_compare(&at, &now) < 0 &&
		    (!to->has_goal || moment_compare(&at, &to->goal) >= 0)) {
			*stop = at;
			return TARGET_STOPPED;
		}
	}
	return 0;
}

static struct moment beginning(const struct debugger *d)
{
	bool has_steps = d->target->class->n_steps(d->target, STAGE_TOKENIZER, -1) > 0;

	return (struct moment){ has_steps ? -1 : 0, 0, 0, 0 };
}

static int arrive_back(struct debugger *d, int why, struct moment *stop,
		       const struct destination *to, struct err *err)
{
	struct moment start = beginning(d);

	if (why == TARGET_INTERRUPTED) {
		say(d, "Interrupted.\n");
		*stop = d->target->now;
	} else if (why == 0 && to->has_goal) {
		*stop = to->goal;
	} else if (why == 0) {
		say(d, "No more reverse-execution history.\n");
		*stop = start;
	}
	d->has_stopped = why != 0;
	if (moment_compare(stop, &d->target->now) != 0 && go(d, stop, err))
		return err->code;
	return stand_and_end(d, breakpoints_left_module(d), err);
}

int travel_back(struct debugger *d, const struct destination *to, struct err *err)
{
	struct stopper s = { 0 };
	struct moment stop;
	int r;

	if (breakpoints_ready(d, err))
		return err->code;
	s.ops = mem_calloc((size_t)d->program->n_ops + 1, 1);
	breakpoints_mark(d, &s);
	breakpoints_turn(d);
	r = look_back(d, &s, to, &stop, err);
	free(s.ops);
	return r < 0 ? r : arrive_back(d, r, &stop, to, err);
}
