/*
 * nest.c -- spans to intervals that nest.
 *
 * The formats know no parents: what lies inside of what is told by times, and a child that sticks
 * out tears the picture.  So each span is put into the innermost open one that it names as its
 * parent (the pass, when it names none that is open), behind whatever ended there before, and cut
 * where that ends.  The spans of a sound recording stay as they are.
 */
#include "timeline_impl.h"

#define FOREVER (2 * TIME_MAX)

static int64_t between(int64_t x, int64_t lo, int64_t hi)
{
	return x < lo ? lo : x > hi ? hi : x;
}

static struct frame *top(struct nest *n)
{
	return &n->frames[n->n_frames - 1];
}

/* Where a frame ends: as it says, or where the last in it did. */
static int64_t end_of(const struct frame *f)
{
	return f->is_open_ended ? f->cursor : f->limit;
}

static void close_frame(struct nest *n, struct span *spans)
{
	struct frame *f = top(n);
	int64_t end = end_of(f);

	if (spans && f->at != NO_SPAN)
		spans[f->at].end = end;
	n->n_frames--;
	top(n)->cursor = end;
}

static void end_pass(struct nest *n, struct span *spans)
{
	struct pass *p = &n->loaded->passes[n->next_pass - 1];
	struct run *r = &n->loaded->runs[p->run];

	/* What a stop left open was open until then. */
	while (n->n_frames > 1 && !top(n)->is_open_ended)
		close_frame(n, spans);
	if (top(n)->is_open_ended && top(n)->cursor < n->stopped && n->stopped <= top(n)->limit)
		top(n)->cursor = n->stopped;
	while (n->n_frames > 1)
		close_frame(n, spans);
	p->end = end_of(top(n));
	r->cursor[p->track] = p->end;
	if (p->end > r->end)
		r->end = p->end;
	n->n_frames = 0;
}

/* Passes of a track follow each other. */
static void begin_pass(struct nest *n)
{
	struct pass *p = &n->loaded->passes[n->next_pass++];
	struct run *r = &n->loaded->runs[p->run];
	bool is_program = pass_is_program(p);
	int64_t ts = r->offset + p->ts;

	p->begin = between(ts, r->cursor[p->track], FOREVER);
	p->end = p->dur < 0 || !is_program ? p->begin : between(ts + p->dur, p->begin, FOREVER);
	n->stopped = n->next_pass - 1 == r->last_pass ? r->offset + r->stopped : 0;
	n->n_frames = 1;
	n->frames[0] = (struct frame){
		.id = -1,
		.at = NO_SPAN,
		.begin = p->begin,
		.cursor = p->begin,
		.limit = p->dur < 0 && is_program ? FOREVER : p->end,
		.is_open_ended = p->dur < 0 && is_program,
	};
}

/* Until pass number `at` is the one that is open. */
static void go_to_pass(struct nest *n, struct span *spans, size_t at)
{
	while (n->next_pass <= at) {
		if (n->n_frames)
			end_pass(n, spans);
		begin_pass(n);
	}
}

/* Close what the span does not stand in; whether its parent is what it says. */
static bool close_to_parent(struct nest *n, struct span *spans, const struct span *s)
{
	bool is_found;
	int i = n->n_frames - 1;

	while (i > 0 && n->frames[i].id != s->parent_id)
		i--;
	is_found = i > 0 || s->parent_id < 0;
	if (i > DEPTH_MAX - 2) {
		i = DEPTH_MAX - 2;
		is_found = false;
	}
	while (n->n_frames > i + 1)
		close_frame(n, spans);
	return is_found;
}

static void place(struct nest *n, struct span *spans, size_t at)
{
	struct span *s = &spans[at];
	bool fits = close_to_parent(n, spans, s);
	const struct frame *f = top(n);
	int64_t ts = n->loaded->runs[n->loaded->passes[s->pass].run].offset + s->ts;
	bool is_open_ended = s->dur < 0;

	s->depth = n->n_frames;
	s->parent = f->at;
	s->begin = between(ts, f->cursor, f->limit);
	s->end = is_open_ended ? s->begin : between(ts + s->dur, s->begin, f->limit);
	if (!fits || s->begin != ts || (!is_open_ended && s->end != ts + s->dur))
		n->n_moved++;
	n->frames[n->n_frames] = (struct frame){
		.id = s->id,
		.at = at,
		.begin = s->begin,
		.cursor = s->begin,
		.limit = is_open_ended ? f->limit : s->end,
		.is_open_ended = is_open_ended,
	};
	n->n_frames++;
}

/* The spans go; what is open stays, and ends where it says or where it is by now. */
static void hand_over(struct nest *n, struct span *spans)
{
	for (int i = n->n_frames - 1; i >= 0; i--) {
		struct frame *f = &n->frames[i];

		f->limit = end_of(f);
		f->is_open_ended = false;
		if (f->at != NO_SPAN)
			spans[f->at].end = f->limit;
		f->at = NO_SPAN;
		if (i > 0 && n->frames[i - 1].cursor < f->limit)
			n->frames[i - 1].cursor = f->limit;
	}
	n->loaded->passes[n->next_pass - 1].end = n->frames[0].limit;
}

void nest_spans(struct nest *n, struct span *spans, size_t n_spans, bool is_cut)
{
	for (size_t i = 0; i < n_spans; i++) {
		go_to_pass(n, spans, spans[i].pass);
		place(n, spans, i);
	}
	if (is_cut)
		hand_over(n, spans);
	else if (n->n_frames)
		end_pass(n, spans);
}

void nest_finish(struct nest *n)
{
	if (n->n_frames)
		end_pass(n, NULL);
	if (n->loaded->n_passes)
		go_to_pass(n, NULL, n->loaded->n_passes - 1);
	if (n->n_frames)
		end_pass(n, NULL);
}
