/*
 * watch.c -- stops where a value becomes another, or is read.
 *
 * An op writes a value once in a pass, so what is watched has one value a pass, which is there when
 * the last op that it depends on has run.  That is the one moment of a pass at which it can change,
 * and whether it did is a comparison with the pass before: a fact that the way one comes does not
 * matter to.  Of each pass a hash of the bits is kept, and a line for people.
 */
#include "break_impl.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

/* Passes that are run again at once, when a way back comes to where the watch was not yet set. */
#define LEARNED_PASSES 16

struct seen {
	int pass;
	XXH128_hash_t hash;
	char *line;
};

struct watch {
	bool writes, reads; /* what stops */
	bool first;         /* the first value of all is a change */
	struct condition *e;
	int op;            /* before it, the value is there */
	struct seen *seen; /* by pass */
	int n_seen;
	size_t cap_seen;
};

/* ---- what was seen --------------------------------------------------------------------------- */

static struct seen *find_seen(const struct watch *w, int pass)
{
	for (int i = w->n_seen - 1; i >= 0 && w->seen[i].pass >= pass; i--)
		if (w->seen[i].pass == pass)
			return &w->seen[i];
	return NULL;
}

static void drop_seen(struct watch *w, int from)
{
	int kept = 0;

	for (int i = 0; i < w->n_seen; i++) {
		if (w->seen[i].pass >= from)
			free(w->seen[i].line);
		else
			w->seen[kept++] = w->seen[i];
	}
	w->n_seen = kept;
}

static struct seen *add_seen(struct watch *w, int pass)
{
	int i = w->n_seen;

	w->seen = mem_grow(w->seen, (size_t)w->n_seen, &w->cap_seen, sizeof(*w->seen));
	while (i > 0 && w->seen[i - 1].pass > pass)
		i--;
	memmove(w->seen + i + 1, w->seen + i, (size_t)(w->n_seen - i) * sizeof(*w->seen));
	w->seen[i] = (struct seen){ .pass = pass };
	w->n_seen++;
	return &w->seen[i];
}

/* The bits of a value: every NaN equals itself, and a shape is part of it. */
static XXH128_hash_t hash_value(const struct array_value *v)
{
	XXH3_state_t state;

	XXH3_128bits_reset(&state);
	XXH3_128bits_update(&state, &v->kind, sizeof(v->kind));
	if (v->kind == ARRAY_WHOLE)
		XXH3_128bits_update(&state, &v->whole, sizeof(v->whole));
	else if (v->kind == ARRAY_REAL)
		XXH3_128bits_update(&state, &v->real, sizeof(v->real));
	else if (v->kind == ARRAY_TEXT)
		XXH3_128bits_update(&state, array_value_text(v), v->text.len);
	else if (v->kind == ARRAY_TENSOR) {
		const struct array *a = v->array;

		XXH3_128bits_update(&state, a->shape, (size_t)a->n_dims * sizeof(a->shape[0]));
		XXH3_128bits_update(&state, a->data, (size_t)a->numel * sizeof(float));
	}
	return XXH3_128bits_digest(&state);
}

/* Look at the value of a pass, where the target stands behind it. */
static int look(struct debugger *d, struct breakpoint *b, const struct moment *at,
		struct seen **out, struct err *err)
{
	struct watch *w = b->own;
	struct array_value v = { 0 };
	struct text line = { 0 };
	struct seen *s;
	int r = condition_evaluate(d, w->e, &b->questions[0], 0, at, &v, err);

	if (r) {
		array_value_release(&v);
		return r;
	}
	s = find_seen(w, at->pass);
	if (!s)
		s = add_seen(w, at->pass);
	free(s->line);
	value_add_line(&v, &line);
	s->hash = hash_value(&v);
	s->line = line.data;
	*out = s;
	array_value_release(&v);
	return 0;
}

/* ---- asking ---------------------------------------------------------------------------------- */

/* See to it that the value of a pass is known, which may be one that has to be run again. */
static int learn(struct debugger *d, struct breakpoint *b, int pass, struct err *err)
{
	const struct watch *w = b->own;
	int first = pass - LEARNED_PASSES + 1;
	struct moment from = { first > 0 ? first : 0, 0, 0, 0 };
	struct moment to = { pass, w->op, 0, 0 };

	if (pass < 0 || find_seen(w, pass))
		return 0;
	say_styled(d, UI_DIM, "Running pass %d to %d again for watchpoint %d.\n", from.pass, pass,
		   b->number);
	return survey(d, b, &from, &to, NULL, NULL, err);
}

static int ask_written(struct debugger *d, struct breakpoint *b, const struct moment *at,
		       bool is_back, struct answer *a, struct err *err)
{
	struct watch *w = b->own;
	const struct seen *before;
	XXH128_hash_t hash;
	struct seen *s;

	if (look(d, b, at, &s, err))
		return err->code;
	hash = s->hash;
	if (is_back && learn(d, b, at->pass - 1, err))
		return err->code;
	before = find_seen(w, at->pass - 1);
	if (at->pass == 0)
		a->hit = w->first;
	else
		a->hit = before && !XXH128_isEqual(before->hash, hash);
	return 0;
}

static bool op_reads(const struct program *p, const struct condition *e, int op)
{
	for (int k = 0; op < p->n_ops && k < e->n_paths; k++)
		for (int i = 0; i < p->ops[op].n_in; i++)
			if (p->ops[op].in[i] == e->values[k])
				return true;
	return false;
}

static int ask(struct debugger *d, struct breakpoint *b, const struct moment *at, bool is_back,
	       struct answer *a, struct err *err)
{
	const struct watch *w = b->own;
	int first = 0, n = breakpoint_questions(b, at, &first);
	bool holds = true;
	struct seen *s;

	if (n == 0 || at->pass < 0 || at->step != 0)
		return 0;
	if (w->writes && at->op == w->op && ask_written(d, b, at, is_back, a, err))
		return err->code;
	if (!a->hit && w->reads && op_reads(d->program, w->e, at->op)) {
		if (look(d, b, at, &s, err))
			return err->code;
		a->hit = true;
	}
	if (a->hit && b->condition &&
	    condition_holds(d, b->condition, &b->questions[first], first, at, &holds, err))
		return err->code;
	a->hit &= holds;
	a->depth = b->questions[first].depth;
	return 0;
}

static void mark(struct debugger *d, const struct breakpoint *b, struct stopper *s)
{
	(void)d;
	for (int i = 0; i < b->n_questions; i++)
		s->ops[b->questions[i].op] = 1;
}

/*
 * Before a way forward: the value that the next one is compared with, when the watch was set or
 * enabled too late to see it, or one went by without looking.
 */
static int ready(struct debugger *d, struct breakpoint *b, struct err *err)
{
	const struct watch *w = b->own;
	const struct moment *now = &d->target->now;
	bool is_there = now->pass >= 0 && now->op >= w->op;

	if (!w->writes || now->pass < 0)
		return 0;
	return learn(d, b, is_there ? now->pass : now->pass - 1, err);
}

/* ---- saying ---------------------------------------------------------------------------------- */

static const char *title(const struct watch *w)
{
	return !w->reads ? "Watchpoint" : w->writes ? "Access watchpoint" : "Read watchpoint";
}

static void say_watch(struct debugger *d, struct breakpoint *b, const struct moment *at)
{
	const struct watch *w = b->own;
	const struct seen *now = find_seen(w, at->pass), *before = find_seen(w, at->pass - 1);
	bool is_write = w->writes && at->op == w->op;

	say(d, "%s %d: %s\n", title(w), b->number, w->e->text);
	if (!is_write) {
		say(d, "Value = %s\n", now ? now->line : "?");
		return;
	}
	say(d, "Old value = %s\n", before ? before->line : "not computed yet");
	say(d, "New value = %s\n", now ? now->line : "?");
}

static void what(const struct debugger *d, const struct breakpoint *b, struct text *out)
{
	const struct watch *w = b->own;

	(void)d;
	text_add_visible(out, w->e->text, strlen(w->e->text));
}

static void line(const struct breakpoint *b, struct text *out)
{
	const struct watch *w = b->own;

	text_addf(out, "%s %s%s",
		  !w->reads   ? "watch"
		  : w->writes ? "awatch"
			      : "rwatch",
		  w->first ? "-i " : "", w->e->text);
	if (b->condition)
		text_addf(out, " if %s", b->condition->text);
}

static void forget(struct breakpoint *b, const struct moment *at)
{
	const struct watch *w = b->own;

	drop_seen(b->own, at->pass >= 0 && at->op >= w->op ? at->pass + 1 : at->pass);
}

static void release(struct breakpoint *b)
{
	struct watch *w = b->own;

	if (!w)
		return;
	drop_seen(w, -1);
	free(w->seen);
	condition_free(w->e);
	free(w);
}

static const struct break_class watch_class = {
	.type = "watchpoint",
	.title = "Watchpoint",
	.mark = mark,
	.ask = ask,
	.ready = ready,
	.say = say_watch,
	.what = what,
	.line = line,
	.forget = forget,
	.release = release,
};

bool breakpoint_is_watch(const struct breakpoint *b)
{
	return b->class == &watch_class;
}

/* ---- setting one ----------------------------------------------------------------------------- */

/* The op before which all that it reads is there; 0 when nothing of it is computed. */
static int op_behind(const struct program *p, const struct condition *e)
{
	int op = 0;

	for (int k = 0; k < e->n_paths; k++)
		if (p->values[e->values[k]].op + 1 > op)
			op = p->values[e->values[k]].op + 1;
	return op;
}

/* "[5:5]" is nothing, whatever it is a part of. */
static bool has_empty_slice(const char *s)
{
	for (const char *colon = strchr(s, ':'); colon; colon = strchr(colon + 1, ':')) {
		const char *from = colon;
		char *end;
		long start, stop;

		while (from > s && strchr("0123456789-", from[-1]))
			from--;
		start = strtol(from, &end, 10);
		if (from == colon || end != colon)
			continue;
		stop = strtol(colon + 1, &end, 10);
		if (end != colon + 1 && strchr(",] ", *end) && (start < 0) == (stop < 0) &&
		    stop <= start)
			return true;
	}
	return false;
}

static int set_questions(struct debugger *d, struct breakpoint *b, const struct watch *w)
{
	const struct program *p = d->program;
	struct question *q = mem_calloc((size_t)p->n_ops + 1, sizeof(*q));
	int n = 0;

	for (int op = w->op; op <= p->n_ops; op++)
		if ((w->writes && op == w->op) || (w->reads && op_reads(p, w->e, op)))
			q[n++] = (struct question){ op,
						    op == w->op && w->writes ? op_depth_min(p, op)
									     : op_depth_max(p, op),
						    -1, NULL, false };
	if (n == 0)
		free(q);
	else
		breakpoint_set_questions(d, b, q, n);
	return n;
}

static int set_up(struct debugger *d, struct breakpoint *b, const char *text, const char *condition,
		  struct err *err)
{
	struct watch *w = b->own;
	struct question here = { d->program->n_ops, 0, -1, NULL, true };

	if (has_empty_slice(text))
		return err_set(err, ERR_USAGE,
			       "'%.80s' has a slice that is empty: it cannot change", text);
	if (condition_new(d, text, &here, 1, &w->e, err))
		return err->code;
	w->op = op_behind(d->program, w->e);
	if (w->op == 0)
		return err_set(err, ERR_USAGE,
			       "no op computes anything of '%.80s': it cannot change", text);
	if (set_questions(d, b, w) == 0)
		return err_set(err, ERR_USAGE, "no op reads '%.80s'", text);
	return condition ? breakpoint_set_condition(d, b, condition, err) : 0;
}

struct breakpoint *break_watch(struct debugger *d, const char *text, const char *condition,
			       enum watch_kind kind, bool first, struct err *err)
{
	struct breakpoint *b = breakpoint_add(d, &watch_class);
	struct watch *w = b->own = mem_calloc(1, sizeof(*w));
	const struct moment *now = &d->target->now;
	struct seen *s;
	int r;

	w->writes = kind != WATCH_READS;
	w->reads = kind != WATCH_WRITES;
	w->first = first;
	r = set_up(d, b, text, condition, err);
	/* What is there already is looked at, so that what cannot be is refused now. */
	if (r == 0 && now->pass >= 0 && now->op >= w->op)
		r = look(d, b, now, &s, err);
	if (r == 0)
		return b;
	d->breakpoints->last_number--;
	breakpoint_delete(d, b);
	return NULL;
}
