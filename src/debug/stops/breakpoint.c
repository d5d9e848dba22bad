/*
 * breakpoint.c -- the list of breakpoints, watchpoints and catchpoints, and what is hit.
 *
 * Whether one is hit at a moment is a fact about the moment, whichever way one comes to it.  So are
 * the numbers: hits are moments in a sorted list, "already hit 3 times" are those that lie before
 * now, and the next 5 that are ignored are the first 5 behind the moment at which that was said.
 * The stops on the way back are therefore those on the way forward, in reverse.
 */
#include "break_impl.h"

#include <limits.h>

/* Beyond so many hits of one breakpoint, later ones are not counted any more. */
#define MAX_HITS (1 << 20)

int site_compare(const struct moment *a, const struct moment *b)
{
	struct moment x = *a, y = *b;

	x.depth = y.depth = 0;
	return moment_compare(&x, &y);
}

/* ---- life ------------------------------------------------------------------------------------ */

struct breakpoints *breakpoints_new(void)
{
	struct breakpoints *bs = mem_calloc(1, sizeof(*bs));

	bs->left_module = -1;
	return bs;
}

static void breakpoint_free(struct breakpoint *b)
{
	if (b->class->release)
		b->class->release(b);
	location_release(&b->location);
	condition_free(b->condition);
	free(b->questions);
	free(b->first_question);
	free(b->hits);
	text_release(&b->commands);
	free(b);
}

void breakpoints_free(struct breakpoints *bs)
{
	if (!bs)
		return;
	for (int i = 0; i < bs->n; i++)
		breakpoint_free(bs->list[i]);
	free(bs->list);
	text_release(&bs->commands);
	free(bs);
}

struct breakpoint *breakpoint_add(struct debugger *d, const struct break_class *class)
{
	struct breakpoints *bs = d->breakpoints;
	struct breakpoint *b = mem_calloc(1, sizeof(*b));

	b->class = class;
	b->number = ++bs->last_number;
	b->enabled = true;
	b->ignore_from = b->known_to = d->target->now;
	bs->list = mem_grow(bs->list, (size_t)bs->n, &bs->cap, sizeof(void *));
	bs->list[bs->n++] = b;
	return b;
}

struct breakpoint *breakpoint_find(const struct debugger *d, int number)
{
	for (int i = 0; i < d->breakpoints->n; i++)
		if (d->breakpoints->list[i]->number == number)
			return d->breakpoints->list[i];
	return NULL;
}

void breakpoint_delete(struct debugger *d, struct breakpoint *b)
{
	struct breakpoints *bs = d->breakpoints;
	int at = 0;

	while (bs->list[at] != b)
		at++;
	for (bs->n--; at < bs->n; at++)
		bs->list[at] = bs->list[at + 1];
	breakpoint_free(b);
}

int breakpoints_last(const struct debugger *d)
{
	return d->breakpoints->last_number;
}

/* ---- questions ------------------------------------------------------------------------------- */

void breakpoint_set_questions(struct debugger *d, struct breakpoint *b, struct question *q, int n)
{
	int n_ops = d->program->n_ops, at = 0;

	free(b->questions);
	free(b->first_question);
	b->questions = q;
	b->n_questions = n;
	b->first_question = mem_calloc((size_t)n_ops + 3, sizeof(int));
	for (int op = -1; op <= n_ops; op++) {
		while (at < n && q[at].op < op)
			at++;
		b->first_question[op + 1] = at;
	}
	b->first_question[n_ops + 2] = n;
	b->n_hits = 0;
}

int breakpoint_questions(const struct breakpoint *b, const struct moment *at, int *first)
{
	int i = at->pass < 0 ? 0 : at->op + 1;

	if (!b->first_question)
		return 0;
	*first = b->first_question[i];
	return b->first_question[i + 1] - *first;
}

/* ---- hits ------------------------------------------------------------------------------------ */

/* How many hits lie before or, when `inclusive`, at a moment. */
static int hits_until(const struct breakpoint *b, const struct moment *at, bool inclusive)
{
	int low = 0, high = b->n_hits;

	while (low < high) {
		int mid = low + (high - low) / 2, order = site_compare(&b->hits[mid], at);

		if (order < 0 || (order == 0 && inclusive))
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

void breakpoint_remember(struct breakpoint *b, const struct moment *at)
{
	int i = hits_until(b, at, false);

	if ((i < b->n_hits && site_compare(&b->hits[i], at) == 0) || b->n_hits >= MAX_HITS)
		return;
	b->hits = mem_grow(b->hits, (size_t)b->n_hits, &b->cap_hits, sizeof(*b->hits));
	memmove(b->hits + i + 1, b->hits + i, (size_t)(b->n_hits - i) * sizeof(*b->hits));
	b->hits[i] = *at;
	b->n_hits++;
}

int breakpoint_hits(const struct debugger *d, const struct breakpoint *b)
{
	return d->target->has_begun ? hits_until(b, &d->target->now, true) : 0;
}

/* Whether the hit at a moment, which is in the list, is passed by. */
static bool is_ignored(const struct breakpoint *b, const struct moment *at)
{
	if (b->ignore == 0 || site_compare(at, &b->ignore_from) <= 0)
		return false;
	return hits_until(b, at, true) - hits_until(b, &b->ignore_from, true) <= b->ignore;
}

int64_t breakpoint_ignores_at(const struct breakpoint *b, const struct moment *at)
{
	int64_t left = b->ignore;

	if (site_compare(at, &b->ignore_from) > 0)
		left -= hits_until(b, at, true) - hits_until(b, &b->ignore_from, true);
	return left > 0 ? left : 0;
}

int64_t breakpoint_ignores(const struct debugger *d, const struct breakpoint *b)
{
	return breakpoint_ignores_at(b, &d->target->now);
}

void breakpoint_set_ignore(struct debugger *d, struct breakpoint *b, int64_t n)
{
	b->ignore = n;
	b->ignore_from = d->target->now;
	if (!d->target->has_begun)
		b->ignore_from = (struct moment){ INT_MIN, 0, 0, 0 };
	b->known_to = b->ignore_from;
}

int breakpoint_set_condition(struct debugger *d, struct breakpoint *b, const char *text,
			     struct err *err)
{
	bool behind = text && condition_uses_out(text);
	struct condition *c = NULL;
	struct question *q = b->questions;
	int n = b->n_questions;

	if (b->location.text.len)
		q = location_questions(d, &b->location, behind, &n);
	if (text && condition_new(d, text, q, n, &c, err)) {
		if (q != b->questions)
			free(q);
		return err->code;
	}
	condition_free(b->condition);
	b->condition = c;
	if (q != b->questions)
		breakpoint_set_questions(d, b, q, n);
	b->n_hits = 0;
	b->known_to = b->ignore_from;
	return 0;
}

void breakpoints_forget(struct debugger *d, const struct moment *at)
{
	for (int i = 0; i < d->breakpoints->n; i++) {
		struct breakpoint *b = d->breakpoints->list[i];

		b->n_hits = hits_until(b, at, true);
		if (site_compare(at, &b->known_to) < 0)
			b->known_to = *at;
		if (b->class->forget)
			b->class->forget(b, at);
	}
}

/* ---- where they are asked -------------------------------------------------------------------- */

void breakpoints_mark(struct debugger *d, struct stopper *s)
{
	for (int i = 0; i < d->breakpoints->n; i++) {
		const struct breakpoint *b = d->breakpoints->list[i];

		if (b->enabled)
			b->class->mark(d, b, s);
	}
}

/* ---- stops ----------------------------------------------------------------------------------- */

/* What is hit at a moment, by the place in the list. */
struct stop {
	int *hit, n;
	size_t cap;
	int depth, left_module;
	struct moment at;
};

/* One that failed when it was asked stops once, says so, and is asked no more. */
static void fail(struct debugger *d, struct breakpoint *b, const struct moment *at, struct err *err)
{
	struct breakpoints *bs = d->breakpoints;
	char buf[48];

	b->enabled = false;
	bs->failed = *err;
	err_wrap(&bs->failed, "%s %d failed at %s and is disabled", b->class->title, b->number,
		 moment_format(at, buf, sizeof(buf)));
}

static void note_stop(struct stop *s, int i, const struct answer *a)
{
	int order = s->n ? site_compare(&a->at, &s->at) : 1;

	if (order < 0)
		return;
	if (order > 0) {
		s->n = 0;
		s->depth = s->left_module = -1;
		s->at = a->at;
	}
	s->hit = mem_grow(s->hit, (size_t)s->n, &s->cap, sizeof(*s->hit));
	s->hit[s->n++] = i;
	if (a->depth > s->depth)
		s->depth = a->depth;
	if (a->left_module >= 0 && s->left_module < 0)
		s->left_module = a->left_module;
}

/* Ask one of them: 1 when it was hit and is not passed by. */
static int ask_one(struct debugger *d, struct breakpoint *b, const struct moment *at, bool is_back,
		   struct answer *a)
{
	struct err err = { 0 };
	int r;

	*a = (struct answer){ .depth = -1, .left_module = -1, .at = *at };
	r = b->class->ask(d, b, at, is_back, a, &err);
	if (r == ERR_INTERRUPTED)
		return 0;
	if (r < 0) {
		fail(d, b, at, &err);
		return r;
	}
	if (!is_back && b->is_on_known && site_compare(at, &b->known_to) > 0)
		b->known_to = *at;
	if (!a->hit)
		return 0;
	breakpoint_remember(b, &a->at);
	return !is_ignored(b, &a->at);
}

/*
 * Ask all; at a goal, those with conditions are not asked.  1 when there is a stop, or one failed.
 */
static int ask_all(struct debugger *d, const struct moment *at, bool is_back, bool at_goal,
		   struct stop *s)
{
	struct breakpoints *bs = d->breakpoints;

	for (int i = 0; i < bs->n; i++) {
		struct breakpoint *b = bs->list[i];
		struct answer a;

		if (!b->enabled)
			continue;
		if (at_goal && b->condition && b->location.text.len && !b->class->is_silent) {
			b->is_on_known = false;
			continue;
		}
		if (is_back && b->class->is_silent)
			continue;
		if (ask_one(d, b, at, is_back, &a) <= 0)
			continue;
		if (b->class->is_silent)
			b->class->say(d, b, at);
		else
			note_stop(s, i, &a);
	}
	return s->n > 0 || bs->failed.code;
}

static bool is_quiet(const struct breakpoint *b)
{
	return !strncmp(b->commands.len ? b->commands.data : "", "silent\n", 7);
}

static void say_title(struct debugger *d, const struct stop *s)
{
	const struct breakpoint *last = NULL;

	for (int i = 0; i < s->n; i++) {
		const struct breakpoint *b = d->breakpoints->list[s->hit[i]];

		if (b->class->say)
			continue;
		if (last)
			say(d, ", %d", b->number);
		else
			say(d, "%s %d",
			    b->disposition == DELETE_WHEN_HIT ? "Temporary breakpoint"
							      : b->class->title,
			    b->number);
		last = b;
	}
	if (last)
		say(d, "\n");
}

static void say_stop(struct debugger *d, const struct stop *s)
{
	bool is_silent = false;

	for (int i = 0; i < s->n; i++)
		is_silent |= is_quiet(d->breakpoints->list[s->hit[i]]);
	d->breakpoints->is_silent = is_silent;
	if (is_silent)
		return;
	say_title(d, s);
	for (int i = 0; i < s->n; i++) {
		struct breakpoint *b = d->breakpoints->list[s->hit[i]];

		if (b->class->say)
			b->class->say(d, b, &s->at);
	}
}

/* What they want to run, and what becomes of those that were for one hit. */
static void leave_hit(struct debugger *d, const struct stop *s)
{
	struct breakpoints *bs = d->breakpoints;

	for (int i = s->n - 1; i >= 0; i--) {
		struct breakpoint *b = bs->list[s->hit[i]];
		struct text commands = { 0 };

		text_adds(&commands,
			  b->commands.len ? b->commands.data + (is_quiet(b) ? 7 : 0) : "");
		text_add(&commands, bs->commands.len ? bs->commands.data : "", bs->commands.len);
		text_release(&bs->commands);
		bs->commands = commands;
		b->enabled &= b->disposition != DISABLE_WHEN_HIT;
		if (b->disposition == DELETE_WHEN_HIT)
			breakpoint_delete(d, b);
	}
}

int breakpoints_ask(struct debugger *d, struct moment *at, bool at_goal, struct err *err)
{
	struct stop s = { .depth = -1, .left_module = -1, .at = *at };
	int r = ask_all(d, at, false, at_goal, &s);

	(void)err;
	if (r > 0) {
		if (s.n > 0 && !at_goal)
			at->depth = s.depth;
		d->breakpoints->left_module = s.left_module;
		say_stop(d, &s);
		leave_hit(d, &s);
	}
	free(s.hit);
	return r;
}

/* ---- ways ------------------------------------------------------------------------------------ */

static void forget_stop(struct breakpoints *bs)
{
	text_clear(&bs->commands);
	bs->failed = (struct err){ 0 };
	bs->is_silent = false;
	bs->left_module = -1;
}

void breakpoints_depart(struct debugger *d)
{
	const struct moment *now = &d->target->now;

	const struct moment nothing = { INT_MIN, 0, 0, 0 };

	forget_stop(d->breakpoints);
	if (!d->target->has_begun)
		breakpoints_forget(d, &nothing);
	for (int i = 0; i < d->breakpoints->n; i++) {
		struct breakpoint *b = d->breakpoints->list[i];

		b->is_on_known = !d->target->has_begun || site_compare(now, &b->known_to) <= 0;
	}
}

void breakpoints_arrive(struct debugger *d)
{
	const struct moment *now = &d->target->now;

	for (int i = 0; i < d->breakpoints->n; i++) {
		struct breakpoint *b = d->breakpoints->list[i];

		if (b->is_on_known && site_compare(now, &b->known_to) > 0)
			b->known_to = *now;
		b->is_on_known = false;
	}
}

void breakpoints_turn(struct debugger *d)
{
	forget_stop(d->breakpoints);
	d->breakpoints->turn = d->target->now;
}

int breakpoints_ask_back(struct debugger *d, struct moment *at, struct err *err)
{
	struct stop s = { .depth = -1, .left_module = -1, .at = *at };
	int r = ask_all(d, at, true, false, &s);

	(void)err;
	if (r > 0 && s.n > 0) {
		struct moment stop = s.at;

		stop.depth = s.depth;
		if (moment_compare(&stop, &d->breakpoints->turn) >= 0) {
			free(s.hit);
			return d->breakpoints->failed.code != 0;
		}
		*at = stop;
		d->breakpoints->left_module = s.left_module;
		say_stop(d, &s);
		leave_hit(d, &s);
	}
	free(s.hit);
	return r;
}

void breakpoints_say_end(struct debugger *d)
{
	for (int i = 0; i < d->breakpoints->n; i++) {
		struct breakpoint *b = d->breakpoints->list[i];

		if (b->enabled && b->class->at_end)
			b->class->at_end(d, b);
	}
}

/* ---- what a stop leaves ---------------------------------------------------------------------- */

int breakpoints_left_module(const struct debugger *d)
{
	return d->breakpoints->left_module;
}

bool breakpoints_are_silent(const struct debugger *d)
{
	return d->breakpoints->is_silent;
}

int breakpoints_end(struct debugger *d, struct err *err)
{
	struct breakpoints *bs = d->breakpoints;

	if (bs->commands.len)
		queue_lines(d, bs->commands.data, NULL);
	text_clear(&bs->commands);
	if (!bs->failed.code)
		return 0;
	if (d->is_script) {
		*err = bs->failed;
		return err->code;
	}
	say(d, "%s.\n", bs->failed.message);
	return 0;
}
