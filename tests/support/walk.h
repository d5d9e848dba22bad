/*
 * walk.h -- random walks through time: whatever way leads to a moment, it is the same moment.
 *
 * A walk is a list of moves of a recorded session: on, back over ops, back over tokens, to
 * anywhere, edits made and taken back, tokens forced, another prompt.  Where it ends is compared
 * with a session that goes there straight: one that has the edits and the forced tokens from the
 * beginning, runs forward only, and is stopped by a hook, so that none of the code under test
 * brings it there.  All values and the KV cache must have the same bits, the recordings the same
 * rows, ids and hashes.
 *
 * Moves hold plain numbers that are read against the state they meet, so a list from which some
 * were taken is a walk as well: one that fails is shortened until nothing can be left out.
 */
#ifndef TESTS_WALK_H
#define TESTS_WALK_H

#include "program/executor_impl.h"
#include "support/tiny.h"
#include "torchless/record.h"

#include <sqlite3.h>
#include <stdarg.h>

/* ---- what is walked through ------------------------------------------------------------------ */

struct walk_setup {
	struct model *model;
	const char *const *prompts; /* texts; NULL: ids from the walk's seed */
	int n_prompts;
	const char *folder; /* for recordings */
	struct threads *pool;
	/* A fault to plant after each move: the walks must find it. */
	void (*plant)(struct session *s, struct trace_writer *w);
};

#define WALK_MOVES 14

enum move_kind {
	MOVE_ADVANCE,
	MOVE_OPS,
	MOVE_BACK_OPS,
	MOVE_BACK_PASSES,
	MOVE_GOTO,
	MOVE_EDIT,
	MOVE_EDIT_WEIGHT,
	MOVE_REVERT,
	MOVE_FORCE,
	MOVE_BAN,
	MOVE_FLUSH,
	MOVE_TOKENIZER,
	MOVE_PROMPT,
	MOVE_FAIL,
	MOVE_KINDS
};

struct move {
	enum move_kind kind;
	uint32_t a, b, c;
};

struct walk {
	uint64_t seed;
	bool records;
	struct session_options session;
	uint32_t first_prompt;
	struct move moves[WALK_MOVES];
	int n_moves;
};

/* splitmix64 */
static inline uint32_t walk_random(uint64_t *state)
{
	uint64_t z = (*state += 0x9e3779b97f4a7c15u);

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return (uint32_t)((z ^ (z >> 31)) >> 32);
}

/* How often each kind of move is made. */
static const int walk_weights[MOVE_KINDS] = {
	[MOVE_ADVANCE] = 6,   [MOVE_OPS] = 4,  [MOVE_BACK_OPS] = 4, [MOVE_BACK_PASSES] = 4,
	[MOVE_GOTO] = 5,      [MOVE_EDIT] = 4, [MOVE_REVERT] = 2,   [MOVE_EDIT_WEIGHT] = 1,
	[MOVE_FORCE] = 3,     [MOVE_BAN] = 1,  [MOVE_FLUSH] = 1,    [MOVE_PROMPT] = 1,
	[MOVE_TOKENIZER] = 1, [MOVE_FAIL] = 2,
};

static inline enum move_kind walk_kind(uint32_t x)
{
	int sum = 0, k = 0;

	for (int i = 0; i < MOVE_KINDS; i++)
		sum += walk_weights[i];
	x %= (uint32_t)sum;
	while (x >= (uint32_t)walk_weights[k])
		x -= (uint32_t)walk_weights[k++];
	return (enum move_kind)k;
}

/* Walks whose seeds differ in the last digit only share their options, and so a recording. */
#define WALK_BLOCK 10

static inline void walk_make_options(struct walk *w, uint64_t block, const struct walk_setup *setup)
{
	static const int64_t chunks[] = { 3, 4, 512 };
	uint64_t state = ~block;

	w->records = walk_random(&state) % 4 > 0;
	w->session = (struct session_options){
		.executor = { .kernels = kernels_select(NULL),
			      .pool = setup->pool,
			      .plan = walk_random(&state) % 3 ? PLAN_DEBUG : PLAN_RUN,
			      .chunk = chunks[walk_random(&state) % 3] },
		.sampler = { .temp = walk_random(&state) % 4 ? 0.9 : 0,
			     .top_k = 20,
			     .top_p = .95,
			     .min_p = .001,
			     .seed = walk_random(&state) },
		.n = 2 + walk_random(&state) % 4,
		.all_logits = walk_random(&state) % 2,
		.ignore_eos = walk_random(&state) % 2,
	};
	/* A ring keeps less than a recording shows, so it is walked without one. */
	w->session.executor.ring = !w->records && walk_random(&state) % 2;
	w->session.executor.fast = walk_random(&state) % 4 == 0;
}

static inline struct walk walk_make(uint64_t seed, const struct walk_setup *setup)
{
	uint64_t state = seed;
	struct walk w = { .seed = seed, .first_prompt = walk_random(&state) };

	walk_make_options(&w, seed / WALK_BLOCK, setup);
	w.n_moves = 3 + (int)(walk_random(&state) % (WALK_MOVES - 2));
	for (int i = 0; i < w.n_moves; i++) {
		w.moves[i].kind = walk_kind(walk_random(&state));
		w.moves[i].a = walk_random(&state);
		w.moves[i].b = walk_random(&state);
		w.moves[i].c = walk_random(&state);
	}
	return w;
}

/* ---- saying it ------------------------------------------------------------------------------- */

static const char *const walk_names[MOVE_KINDS] = { "advance", "ops",  "back ops",    "back passes",
						    "goto",    "edit", "edit weight", "revert",
						    "force",   "ban",  "flush",       "tokenizer",
						    "prompt",  "fail" };

static inline void walk_describe(const struct walk *w, struct text *t)
{
	text_addf(t, "seed %llu, %s, chunk %lld, n %lld, temp %g%s%s%s%s:",
		  (unsigned long long)w->seed,
		  w->session.executor.plan == PLAN_DEBUG ? "debug plan" : "run plan",
		  (long long)w->session.executor.chunk, (long long)w->session.n,
		  w->session.sampler.temp, w->session.executor.ring ? ", ring" : "",
		  w->session.executor.fast ? ", fast" : "",
		  w->session.all_logits ? ", all logits" : "", w->records ? ", recorded" : "");
	for (int i = 0; i < w->n_moves; i++)
		text_addf(t, "%s %s(%u,%u,%u)", i ? "," : "", walk_names[w->moves[i].kind],
			  w->moves[i].a, w->moves[i].b, w->moves[i].c);
}

/* ---- moving ---------------------------------------------------------------------------------- */

/* A prompt of the walk: where its run ended, and what was true of it. */
struct walk_run {
	uint32_t prompt;
	struct session_time end;
	enum executor_state state;
	bool is_picked;    /* a token was picked after the end of the pass */
	bool is_untouched; /* not even the tokenizer's steps were announced */
	struct edit edits[WALK_MOVES];
	float numbers[WALK_MOVES]; /* what an edit's data points to, and its source */
	char sources[WALK_MOVES][32];
	int n_edits;
	struct session_forced forced[WALK_MOVES];
	int n_forced;
};

/* A hook before all others that fails once. */
struct walk_failure {
	struct hook hook;
	int left; /* calls until it does, -1: it does not */
};

struct walker {
	struct walk_failure failure;
	const struct walk_setup *setup;
	const struct walk *walk;
	struct recorder r; /* without a recording only its generation is used */
	struct session *s;
	char path[128];
	bool has_file;
	struct walk_run runs[WALK_MOVES + 1];
	int n_runs;
	struct err err;
};

static inline bool walk_fail(struct text *why, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
static inline bool walk_fail(struct text *why, const char *fmt, ...)
{
	char line[1024];
	va_list args;

	va_start(args, fmt);
	vsnprintf(line, sizeof(line), fmt, args);
	va_end(args);
	text_adds(why, line);
	return false;
}

static inline int walk_fails(struct walk_failure *f, struct err *err)
{
	return f->left >= 0 && f->left-- == 0 ? err_set(err, ERR_TOOL, "a walk's hook fails") : 0;
}

static inline int walk_fail_site(void *ctx, struct executor *ex, const struct site *at,
				 struct err *err)
{
	(void)ex, (void)at;
	return walk_fails(ctx, err);
}

static inline int walk_fail_pass(void *ctx, struct executor *ex, struct err *err)
{
	(void)ex;
	return walk_fails(ctx, err);
}

static inline int walk_fail_rewound(void *ctx, struct executor *ex, int pass, int op,
				    struct err *err)
{
	(void)ex, (void)pass, (void)op;
	return walk_fails(ctx, err);
}

/* From now on the `left`-th call of one kind fails. */
static inline void walk_plan_failure(struct walk_failure *f, uint32_t kind, uint32_t left)
{
	struct hook *next = f->hook.next;

	f->left = (int)left;
	f->hook = (struct hook){ .stages = STAGES_ALL, .ctx = f, .next = next };
	if (kind == 0)
		f->hook.before = walk_fail_site;
	else if (kind == 1)
		f->hook.after = walk_fail_site;
	else if (kind == 2)
		f->hook.pass_begin = walk_fail_pass;
	else if (kind == 3)
		f->hook.pass_end = walk_fail_pass;
	else
		f->hook.rewound = walk_fail_rewound;
}

/* What a move may be refused: nothing has changed then, or time stands where the run ended. */
static inline bool walk_went(int r)
{
	return r >= 0 || r == ERR_USAGE || r == ERR_FORMAT || r == ERR_TOOL;
}

static inline int walk_set_prompt(struct walker *w, uint32_t number)
{
	const struct walk_setup *setup = w->setup;
	struct record_prompt p = { .prompt = { .n = w->walk->session.n } };
	uint64_t state = number;
	int32_t ids[9];
	int r;

	if (setup->prompts) {
		const char *text = setup->prompts[number % (uint32_t)setup->n_prompts];

		p.prompt.text = (struct bytes){ text, strlen(text) };
	} else {
		p.prompt.ids = ids;
		p.prompt.n_ids = 1 + walk_random(&state) % 9;
		for (int64_t i = 0; i < p.prompt.n_ids; i++)
			ids[i] = (int32_t)(walk_random(&state) %
					   (uint32_t)setup->model->config->n_vocab);
	}
	r = generation_set_prompt(&w->r.generation, &p.prompt, &w->err);
	if (r == 0 && w->walk->records && !w->has_file) {
		r = recorder_create(&w->r, &w->err);
		w->has_file = true;
	}
	if (r == 0 && w->walk->records)
		r = recorder_begin_run(&w->r, &p, &w->err);
	w->runs[w->n_runs++] = (struct walk_run){ .prompt = number };
	return r;
}

static inline int walk_open(struct walker *w, const struct walk_setup *setup,
			    const struct walk *walk, const char *name)
{
	static const char *const capture[] = { "*:resid*=f32", "L1.attn.pattern@last=f16" };
	struct record_options o = { .generation.session = walk->session,
				    .path = w->path,
				    .capture = capture,
				    .n_capture = 2,
				    .engine = "walk" };

	*w = (struct walker){ .setup = setup, .walk = walk };
	snprintf(w->path, sizeof(w->path), "%s/%s.db", setup->folder, name);
	if (recorder_open(&w->r, setup->model, &o, &w->err))
		return w->err.code;
	w->s = &w->r.generation.session;
	w->failure.left = -1;
	session_add_hook(w->s, &w->failure.hook);
	if (walk->records)
		recorder_listen(&w->r);
	return 0;
}

/* The tokenizer's steps, before the first pass begins. */
static inline int walk_straight_steps(struct walker *w)
{
	struct stage_run *stage = &w->s->stage;
	int r = stage_run(stage, &w->s->hooks, &w->err);

	w->s->phase = PHASE_PREFILL;
	return r;
}

/* A failure may have left it in the middle of a stage, where no straight way stops. */
static inline void walk_finish_stage(struct walker *w)
{
	w->failure.left = -1;
	if (w->s->in_pick)
		session_advance(w->s, &w->err);
	else if (w->s->phase == PHASE_TOKENIZE && w->s->stage.at > 0)
		walk_straight_steps(w);
}

static const char walk_source[] = "a walk";

/* Facts outlive the session. */
static inline void walk_keep_facts(struct walker *w)
{
	struct walk_run *run = &w->runs[w->n_runs - 1];
	const struct executor *ex = &w->s->executor;

	walk_finish_stage(w);
	run->end = session_now(w->s);
	run->state = ex->state;
	run->is_untouched = w->s->phase == PHASE_TOKENIZE;
	run->is_picked = ex->state == EX_DONE && w->s->n_marks > 0 &&
			 w->s->n_tokens > w->s->marks[ex->bound_pass].n_tokens;
	run->n_edits = ex->n_edits;
	for (int i = 0; i < run->n_edits; i++) { /* what the log points to goes with the edit */
		run->edits[i] = ex->edits[i];
		snprintf(run->sources[i], sizeof(run->sources[i]), "%s", ex->edits[i].source);
		run->edits[i].source = run->sources[i];
		if (run->edits[i].data)
			run->numbers[i] = run->edits[i].data[0];
		run->edits[i].data = &run->numbers[i];
	}
	run->n_forced = w->s->n_forced;
	for (int i = 0; i < run->n_forced; i++)
		run->forced[i] = w->s->forced[i];
}

static inline int walk_end_run(struct walker *w)
{
	return w->walk->records ? recorder_end_run(&w->r, 0, &w->err) : 0;
}

/* What a computed edit makes of a part. */
static inline int walk_compute(void *ctx, struct executor *ex, const struct edit *e,
			       const struct edit_part *part, float *x, int64_t n, struct err *err)
{
	(void)ctx, (void)ex, (void)e, (void)err;
	for (int64_t i = 0; i < n; i++)
		x[i] = 0.75f * x[n - 1 - i] + 0.1f * (float)((part->pos0 + i) % 3);
	return 0;
}

/* The second of something becomes the first, where a pass always has two: not of positions. */
static inline void walk_choose_copy(const struct program *p, struct edit *e)
{
	int i = e->sel.n_axes - 1;

	while (i >= 0 && p->values[e->value].t.shape[i] < 2)
		i--;
	for (int k = 0; k < e->sel.n_axes; k++)
		e->sel.axis[k] = (struct axis_range){ .whole = true, .stop = INT64_MAX };
	e->from = e->sel;
	if (i < 0)
		return;
	e->sel.axis[i] = (struct axis_range){ .single = true, .start = 0, .stop = 1 };
	e->from.axis[i] = (struct axis_range){ .single = true, .start = 1, .stop = 2 };
}

/* An edit of some value or weight, by numbers. */
static inline struct edit walk_edit(const struct session *s, const struct move *m)
{
	const struct program *p = &s->model->program;
	bool wants_weight = m->kind == MOVE_EDIT_WEIGHT;
	static const float number = 2.5f;
	struct edit e = { .kind = (enum edit_kind)(m->b % EDIT_KINDS),
			  .arg = 0.5f + (float)(m->b % 7) / 4,
			  .pass_to = -1,
			  .source = walk_source,
			  .data = &number,
			  .n_data = 1,
			  .compute = walk_compute };
	value_id v = (value_id)(m->a % (uint32_t)p->n_values);

	while (wants_weight ? p->values[v].storage != STORAGE_WEIGHT : !p->values[v].point)
		v = (v + 1) % p->n_values;
	e.value = v;
	for (int i = 0; i < TENSOR_MAX_DIMS; i++)
		e.sel.axis[i] = (struct axis_range){ .whole = true, .stop = INT64_MAX };
	e.sel.n_axes = p->values[v].t.n_dims;
	/* Of numbers that replace others there is one; else the first of something, or all. */
	for (int i = 0; i < e.sel.n_axes; i++)
		if (e.kind == EDIT_REPLACE ||
		    (m->c % 3 == 0 && i == (int)(m->c % (uint32_t)e.sel.n_axes)))
			e.sel.axis[i] =
				(struct axis_range){ .single = true, .start = 0, .stop = 1 };
	if (e.kind == EDIT_COPY)
		walk_choose_copy(p, &e);
	if (wants_weight)
		return e;
	e.pass_from = (int)(m->c / 3 % (uint32_t)(s->n_marks + 2));
	if (m->c % 5 == 0)
		e.pass_to = e.pass_from + (int)(m->c / 7 % 2);
	return e;
}

static inline int walk_goto(struct walker *w, int64_t pass, int64_t op)
{
	int n_ops = w->setup->model->program.n_ops;

	/* Over the ends of passes: op n_ops + 2 of a pass is op 1 of the next. */
	while (op < 0 && pass > 0) {
		op += n_ops + 1;
		pass--;
	}
	while (op > n_ops) {
		op -= n_ops + 1;
		pass++;
	}
	if (pass < 0 || op < 0)
		pass = op = 0;
	return session_goto(w->s, (struct session_time){ (int)pass, (int)op }, &w->err);
}

/* A token of the vocabulary: the one that was generated last, where there is one, or any. */
static inline int32_t walk_token(const struct walker *w, uint32_t x)
{
	if (x % 2 && w->s->n_tokens > w->s->n_prompt)
		return w->s->tokens[w->s->n_tokens - 1];
	return (int32_t)(x / 2 % (uint32_t)w->setup->model->config->n_vocab);
}

static inline int walk_move(struct walker *w, const struct move *m)
{
	struct session_time now = session_now(w->s);
	struct executor *ex = &w->s->executor;
	int n_ops = ex->program->n_ops;
	struct edit e;

	switch (m->kind) {
	case MOVE_ADVANCE:
		return session_advance(w->s, &w->err);
	case MOVE_OPS:
		return walk_goto(w, now.pass, (int64_t)now.op + m->a % (uint32_t)(n_ops / 2));
	case MOVE_BACK_OPS:
		return walk_goto(w, now.pass, (int64_t)now.op - m->a % (uint32_t)(n_ops / 2));
	case MOVE_BACK_PASSES:
		return session_rewind(w->s, now.pass - (int)(m->a % 3), &w->err);
	case MOVE_GOTO:
		return walk_goto(w, m->a % (uint32_t)(w->s->n_marks + 2),
				 m->b % (uint32_t)(n_ops + 1));
	case MOVE_EDIT:
	case MOVE_EDIT_WEIGHT:
		e = walk_edit(w->s, m);
		return session_add_edit(w->s, &e, &w->err);
	case MOVE_REVERT:
		if (ex->n_edits == 0)
			return 0;
		return session_remove_edit(w->s, ex->edits[m->a % (uint32_t)ex->n_edits].id,
					   &w->err);
	case MOVE_FORCE:
		return session_force_at(w->s, w->s->n_prompt + m->a % 4,
					m->b % 4 ? walk_token(w, m->c) : -1, &w->err);
	case MOVE_BAN:
		if (m->a % 2)
			return session_ban(w->s, walk_token(w, m->c), m->b % 4 > 0, &w->err);
		return session_ban_at(w->s, w->s->n_prompt + m->a / 2 % 4, walk_token(w, m->c),
				      m->b % 4 > 0, &w->err);
	case MOVE_FLUSH:
		return w->r.writer ? trace_writer_flush(w->r.writer, &w->err) : 0;
	case MOVE_TOKENIZER:
		return session_rewind(w->s, -1, &w->err);
	case MOVE_PROMPT:
		walk_keep_facts(w);
		if (walk_end_run(w))
			return w->err.code;
		return walk_set_prompt(w, m->a);
	case MOVE_FAIL:
		if (w->setup->plant) /* one fault at a time */
			return 0;
		walk_plan_failure(&w->failure, m->a % 5, m->b % (m->a % 5 < 2 ? 60 : 3));
		return 0;
	case MOVE_KINDS:
		break;
	}
	return 0;
}

/* Walk; the session stands where the walk ended and the recording is closed. */
static inline bool walk_run(struct walker *w, struct text *why)
{
	int r = walk_set_prompt(w, w->walk->first_prompt);

	for (int i = 0; i < w->walk->n_moves && r >= 0; i++) {
		r = walk_move(w, &w->walk->moves[i]);
		r = walk_went(r) ? 0 : r;
		if (w->setup->plant)
			w->setup->plant(w->s, w->r.writer);
	}
	if (r < 0)
		return walk_fail(why, "the walk failed: %s\n", w->err.message);
	walk_keep_facts(w);
	r = walk_end_run(w);
	return r == 0 || walk_fail(why, "its run did not end: %s\n", w->err.message);
}

/* ---- straight -------------------------------------------------------------------------------- */

struct walk_stop {
	struct hook hook;
	struct session_time at;
};

static inline int walk_pause(void *ctx, struct executor *ex, const struct site *at, struct err *err)
{
	const struct walk_stop *stop = ctx;

	(void)err;
	return ex->pass == stop->at.pass && at->op_index == stop->at.op ? HOOK_PAUSE
									: HOOK_CONTINUE;
}

/* Forward until the hook pauses before the op, or the run ends. */
static inline int walk_forward(struct walker *w, struct session_time to)
{
	struct walk_stop stop = { .hook = { .before = walk_pause }, .at = to };
	int r;

	stop.hook.ctx = &stop;
	session_add_hook(w->s, &stop.hook);
	while ((r = session_advance(w->s, &w->err)) == SESSION_TOKEN)
		;
	session_remove_hook(w->s, &stop.hook);
	return r;
}

/* All ops of a pass, which has not ended. */
static inline int walk_straight_through(struct walker *w, int pass)
{
	int r = walk_forward(w, (struct session_time){ pass, w->setup->model->program.n_ops - 1 });

	return r == SESSION_PAUSED ? executor_step(&w->s->executor, &w->err) : r;
}

/* The end of a pass: behind it nothing was picked, or a token was. */
static inline int walk_straight_to_end(struct walker *w, int pass, bool is_picked)
{
	struct executor *ex = &w->s->executor;
	int r = walk_forward(w, (struct session_time){ pass, w->setup->model->program.n_ops - 1 });

	if (r != SESSION_PAUSED)
		return r;
	if (is_picked && ex->pos0 + ex->T >= w->s->n_prompt)
		return session_advance(w->s, &w->err);
	return executor_run(ex, &w->err); /* without the session, which would go on to the pick */
}

/* To where a run of the walk ended, with its edits and forced tokens from the beginning. */
static inline int walk_straight_to(struct walker *w, const struct walk_run *run)
{
	const struct session_time *end = &run->end;

	if (run->is_untouched)
		return 0;
	if (run->state == EX_EMPTY) /* before a pass begins: behind the end of the one before it */
		return end->pass > 0 ? walk_straight_to_end(w, end->pass - 1, true)
				     : walk_straight_steps(w);
	if (end->op == w->setup->model->program.n_ops && run->state == EX_DONE)
		return walk_straight_to_end(w, end->pass, run->is_picked);
	if (end->op == w->setup->model->program.n_ops)
		return walk_straight_through(w, end->pass);
	return walk_forward(w, *end);
}

static inline int walk_straight_run(struct walker *w, const struct walk_run *run)
{
	struct executor *ex = &w->s->executor;
	int r;

	executor_clear_edits(ex);
	for (int i = 0; i < run->n_edits; i++)
		if (executor_add_edit(ex, &run->edits[i], &w->err) < 0)
			return w->err.code;
	r = walk_set_prompt(w, run->prompt);
	for (int i = 0; i < run->n_forced && r == 0; i++)
		r = session_force_at(w->s, run->forced[i].pos, run->forced[i].id, &w->err);
	if (r == 0)
		r = walk_straight_to(w, run);
	return r < 0 && r != ERR_FORMAT ? r : walk_end_run(w);
}

static inline bool walk_straight(struct walker *straight, const struct walker *walker,
				 struct text *why)
{
	for (int i = 0; i < walker->n_runs; i++)
		if (walk_straight_run(straight, &walker->runs[i]))
			return walk_fail(why, "the straight way failed: %s\n",
					 straight->err.message);
	return true;
}

/* ---- comparing sessions ---------------------------------------------------------------------- */

static inline bool walk_same_value(struct walker *a, struct walker *b, value_id v, struct text *why)
{
	const struct value *value = &a->setup->model->program.values[v];
	struct executor *x = &a->s->executor, *y = &b->s->executor;
	struct tensor t = executor_tensor(x, v);
	size_t bytes = (size_t)tensor_numel(&t) * sizeof(float);
	float *p, *q;
	bool same;

	if (executor_has(x, v) != executor_has(y, v))
		return walk_fail(why, "%s is there one way and not the other\n", value->name);
	if (!executor_has(x, v) || value->storage == STORAGE_WEIGHT)
		return true;
	p = mem_calloc(1, bytes + 1);
	q = mem_calloc(1, bytes + 1);
	same = executor_fetch(x, v, 0, t.shape[0], p, &a->err) == 0 &&
	       executor_fetch(y, v, 0, t.shape[0], q, &b->err) == 0 && !memcmp(p, q, bytes);
	free(p);
	free(q);
	return same || walk_fail(why, "%s has other bits\n", value->name);
}

/* Keys and values before the pass; those of the pass are values. */
static inline bool walk_same_cache(const struct executor *x, const struct executor *y, int i)
{
	const struct tensor *t = &x->program->values[x->caches[i].value].t;
	int64_t n = x->state == EX_EMPTY ? x->n_positions : x->pos0;

	return x->opt.ring || n == 0 ||
	       !memcmp(x->caches[i].rows, y->caches[i].rows,
		       (size_t)dtype_row_bytes(x->caches[i].dtype, n * t->shape[1] * t->shape[2]));
}

static inline bool walk_same_session(struct walker *a, struct walker *b, struct text *why)
{
	const struct session *x = a->s, *y = b->s;
	const struct executor *ex = &x->executor;

	if (x->n_tokens != y->n_tokens ||
	    (x->n_tokens > 0 &&
	     memcmp(x->tokens, y->tokens, (size_t)x->n_tokens * sizeof(*x->tokens)) != 0))
		return walk_fail(why, "other tokens: %lld and %lld\n", (long long)x->n_tokens,
				 (long long)y->n_tokens);
	if (memcmp(x->sampler.rng, y->sampler.rng, sizeof(x->sampler.rng)) != 0)
		return walk_fail(why, "another random state\n");
	for (int i = 0; i < ex->n_caches; i++)
		if (!walk_same_cache(ex, &y->executor, i))
			return walk_fail(why, "the KV cache %d has other bits\n", i);
	for (int v = 0; v < ex->program->n_values && ex->state != EX_EMPTY; v++)
		if (!walk_same_value(a, b, v, why))
			return false;
	return true;
}

/* ---- comparing recordings -------------------------------------------------------------------- */

/* Columns that tell when and where, not what. */
static const char walk_columns[] =
	"SELECT group_concat('\"' || name || '\"') FROM pragma_table_xinfo(?1) WHERE name NOT IN ("
	"'ts', 'dur', 'ns', 'uuid', 'started_ns', 'ended_ns', 'gflops', 'gbps', 'host', 'ms', "
	"'value') OR (name = 'value' AND ?1 NOT IN ('counter', 'meta'))";

static inline sqlite3_stmt *walk_rows(sqlite3 *db, const char *table)
{
	sqlite3_stmt *q = NULL;
	struct text sql = { 0 };

	sqlite3_prepare_v2(db, walk_columns, -1, &q, NULL);
	sqlite3_bind_text(q, 1, table, -1, SQLITE_STATIC);
	if (sqlite3_step(q) == SQLITE_ROW)
		text_addf(&sql, "SELECT %s FROM \"%s\"", (const char *)sqlite3_column_text(q, 0),
			  table);
	sqlite3_finalize(q);
	q = NULL;
	sqlite3_prepare_v2(db, sql.data, -1, &q, NULL);
	text_release(&sql);
	return q;
}

static inline bool walk_same_cell(sqlite3_stmt *a, sqlite3_stmt *b, int i)
{
	int n = sqlite3_column_bytes(a, i);

	return sqlite3_column_type(a, i) == sqlite3_column_type(b, i) &&
	       sqlite3_column_bytes(b, i) == n &&
	       (n == 0 || !memcmp(sqlite3_column_blob(a, i), sqlite3_column_blob(b, i), (size_t)n));
}

static inline bool walk_same_rows(const char *table, sqlite3_stmt *a, sqlite3_stmt *b,
				  struct text *why)
{
	for (int row = 0;; row++) {
		int x = sqlite3_step(a), y = sqlite3_step(b);

		if (x != y)
			return walk_fail(why, "%s: one has %s row %d\n", table,
					 x == SQLITE_ROW || y == SQLITE_ROW ? "no" : "a damaged",
					 row);
		if (x != SQLITE_ROW)
			return x == SQLITE_DONE || walk_fail(why, "%s cannot be read\n", table);
		for (int i = 0; i < sqlite3_column_count(a); i++)
			if (!walk_same_cell(a, b, i))
				return walk_fail(why, "%s: row %d differs in %s: %.80s and %.80s\n",
						 table, row, sqlite3_column_name(a, i),
						 (const char *)sqlite3_column_text(a, i),
						 (const char *)sqlite3_column_text(b, i));
	}
}

static inline bool walk_same_table(sqlite3 *a, sqlite3 *b, const char *table, struct text *why)
{
	sqlite3_stmt *x = walk_rows(a, table), *y = walk_rows(b, table);
	bool same = x && y ? walk_same_rows(table, x, y, why)
			   : walk_fail(why, "%s: %s\n", table, sqlite3_errmsg(a));

	sqlite3_finalize(x);
	sqlite3_finalize(y);
	return same;
}

/* All tables; and all views but the one that spells out every position, which takes seconds. */
static inline bool walk_same_recording(const char *path_a, const char *path_b, bool views,
				       struct text *why)
{
	sqlite3 *a = NULL, *b = NULL;
	sqlite3_stmt *q = NULL;
	bool same = true;

	sqlite3_open_v2(path_a, &a, SQLITE_OPEN_READONLY, NULL);
	sqlite3_open_v2(path_b, &b, SQLITE_OPEN_READONLY, NULL);
	sqlite3_prepare_v2(
		a,
		"SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT GLOB 'sqlite_*' "
		"AND name NOT IN ('schema_doc', 'saved_query', 'saved_param') OR "
		"?1 AND type = 'view' AND name NOT IN ('v_position', 'v_pos') ORDER BY type, name",
		-1, &q, NULL);
	sqlite3_bind_int(q, 1, views);
	while (same && sqlite3_step(q) == SQLITE_ROW)
		same = walk_same_table(a, b, (const char *)sqlite3_column_text(q, 0), why);
	sqlite3_finalize(q);
	sqlite3_close(a);
	sqlite3_close(b);
	return same;
}

/* ---- one walk, and the shortest
 * ------------------------------------------------------------------ */

/* Two sessions with the same options: one that walks, one that goes straight. */
struct walk_pair {
	struct walker walks, straight;
};

static inline bool walk_pair_open(struct walk_pair *p, const struct walk_setup *setup,
				  const struct walk *walk, struct text *why)
{
	bool good = walk_open(&p->walks, setup, walk, "walk") == 0;

	good = walk_open(&p->straight, setup, walk, "straight") == 0 && good;
	return good || walk_fail(why, "%s%s\n", p->walks.err.message, p->straight.err.message);
}

/* Whether the walk ends where the straight way ends; else why not. */
static inline bool walk_pair_walk(struct walk_pair *p, const struct walk *walk, struct text *why)
{
	p->walks.walk = p->straight.walk = walk;
	p->walks.n_runs = p->straight.n_runs = 0;
	executor_clear_edits(&p->walks.s->executor);
	return walk_run(&p->walks, why) && walk_straight(&p->straight, &p->walks, why) &&
	       walk_same_session(&p->walks, &p->straight, why);
}

/* Close both, and whether their recordings are the same. */
static inline bool walk_pair_close(struct walk_pair *p, bool views, struct text *why)
{
	struct walker *a = &p->walks, *b = &p->straight;
	bool good = true;

	if (a->has_file)
		good = (recorder_close(&a->r, 0, &a->err) == 0 &&
			recorder_close(&b->r, 0, &b->err) == 0) ||
		       walk_fail(why, "closing: %s%s\n", a->err.message, b->err.message);
	good = good && (!a->has_file || walk_same_recording(a->path, b->path, views, why));
	for (int i = 0; i < 2; i++) {
		recorder_release(i ? &b->r : &a->r);
		unlink(i ? b->path : a->path);
	}
	return good;
}

static inline bool walk_holds(const struct walk_setup *setup, const struct walk *walk,
			      struct text *why)
{
	struct text ignored = { 0 };
	struct walk_pair pair;
	bool good = walk_pair_open(&pair, setup, walk, why) && walk_pair_walk(&pair, walk, why);

	good = walk_pair_close(&pair, true, good ? why : &ignored) && good;
	text_release(&ignored);
	return good;
}

/* Leave out what can be left out, last moves first, until every move that is left is needed. */
static inline void walk_shrink(const struct walk_setup *setup, struct walk *walk)
{
	bool shorter = true;

	while (shorter) {
		shorter = false;
		for (int i = walk->n_moves - 1; i >= 0; i--) {
			struct walk less = *walk;
			struct text ignored = { 0 };

			memmove(&less.moves[i], &less.moves[i + 1],
				(size_t)(less.n_moves - i - 1) * sizeof(less.moves[0]));
			less.n_moves--;
			if (!walk_holds(setup, &less, &ignored)) {
				*walk = less;
				shorter = true;
			}
			text_release(&ignored);
		}
	}
}

/* Say of a walk that fails alone which moves are enough. */
static inline bool walk_report(const struct walk_setup *setup, struct walk *walk, struct text *why)
{
	struct text reason = { 0 };
	bool fails = !walk_holds(setup, walk, &reason);

	if (fails) {
		text_adds(why, "a walk fails: ");
		walk_describe(walk, why);
		walk_shrink(setup, walk);
		text_clear(&reason);
		walk_holds(setup, walk, &reason);
		text_addf(why, "\n%d moves are enough: ", walk->n_moves);
		walk_describe(walk, why);
		text_addf(why, "\n%s", reason.data ? reason.data : "");
	}
	text_release(&reason);
	return fails;
}

/* Walks [first, first + n) of one block, in one recording. */
static inline bool walk_block_holds(const struct walk_setup *setup, uint64_t first, int n,
				    struct text *why)
{
	struct walk walk = walk_make(first, setup);
	struct text ignored = { 0 };
	struct walk_pair pair;
	bool good = walk_pair_open(&pair, setup, &walk, why);

	for (int i = 0; i < n && good; i++) {
		walk = walk_make(first + (uint64_t)i, setup);
		good = walk_pair_walk(&pair, &walk, why);
	}
	good = walk_pair_close(&pair, first / WALK_BLOCK % 4 == 0, good ? why : &ignored) && good;
	text_release(&ignored);
	return good;
}

/*
 * Walks from seed `first` on; true when all of them hold.  Of the first that does not *failed is
 * the shortest that fails as well, and why says both.
 */
static inline bool walks_hold(const struct walk_setup *setup, uint64_t first, int n,
			      struct walk *failed, struct text *why)
{
	uint64_t end = first + (uint64_t)n, next;

	for (uint64_t at = first; at < end; at = next) {
		struct text reason = { 0 };
		bool good;

		next = (at / WALK_BLOCK + 1) * WALK_BLOCK;
		next = next < end ? next : end;
		good = walk_block_holds(setup, at, (int)(next - at), &reason);
		for (uint64_t seed = at; seed < next && !good; seed++) {
			*failed = walk_make(seed, setup);
			if (walk_report(setup, failed, why)) {
				text_release(&reason);
				return false;
			}
		}
		if (!good)
			text_addf(why, "walks %llu to %llu fail together and not alone: %s",
				  (unsigned long long)at, (unsigned long long)next - 1,
				  reason.data ? reason.data : "");
		text_release(&reason);
		if (!good)
			return false;
	}
	return true;
}

#endif
