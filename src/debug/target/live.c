/*
 * live.c -- a session as a target.
 *
 * One hook of its own asks the stopper: before an op, behind the last one, before a step of a
 * stage.  What the session calls (pass, op) is a moment; between the last op of a pass and the
 * first of the next stand the steps of the sampler, which the session walks by its cursor.
 */
#include "writing.h"

#include <assert.h>

struct live {
	struct target target;
	struct debugger_options opt;
	bool is_deaf; /* Ctrl-C is not heard: what was begun is to be put back */
	struct recorder recorder;
	struct writing writing;
	struct hook hook;
	const struct stopper *stopper; /* NULL: nobody is asked */
	const struct moment *until;    /* a step of a stage to pause before, whoever is asked */
	struct moment at;              /* where the hook paused */
	int result;                    /* of the stopper that paused */
	bool has_prompt;               /* the session was given it */
	struct text prompt, next; /* of the run that is there and the one to come, when set here */
};

static struct live *live_of(const struct target *t)
{
	return (struct live *)t;
}

static struct session *session_of(const struct target *t)
{
	return &live_of(t)->recorder.generation.session;
}

struct recorder *live_recorder(struct target *t)
{
	assert(target_is_live(t));
	return &live_of(t)->recorder;
}

static bool is_interrupted(const struct live *l)
{
	return !l->is_deaf && l->opt.interrupted && *l->opt.interrupted;
}

static void live_deafen(struct target *t, bool is_deaf)
{
	struct live *l = live_of(t);

	l->is_deaf = is_deaf;
	session_of(t)->executor.opt.interrupted = is_deaf ? NULL : l->opt.interrupted;
}

/* ---- the hook ------------------------------------------------------------------------------ */

static struct moment moment_of_site(const struct live *l, const struct executor *ex,
				    const struct site *at)
{
	const struct session *s = &l->recorder.generation.session;

	if (at->kind == SITE_OP)
		return (struct moment){ ex->bound_pass, at->op_index, 0,
					op_depth_min(l->target.program, at->op_index) };
	if (at->step->stage == STAGE_TOKENIZER)
		return (struct moment){ -1, 0, s->stage.at, 0 };
	return (struct moment){ s->executor.bound_pass, l->target.program->n_ops, s->stage.at, 0 };
}

static int pause_at(struct live *l, struct moment at, int result)
{
	l->at = at;
	l->result = result;
	return HOOK_PAUSE;
}

static int ask(struct live *l, struct moment at, struct err *err)
{
	int r;

	if (is_interrupted(l))
		return pause_at(l, at, TARGET_INTERRUPTED);
	if (l->until && moment_compare(&at, l->until) >= 0)
		return pause_at(l, at, TARGET_STOPPED);
	if (!l->stopper)
		return HOOK_CONTINUE;
	r = l->stopper->ask(l->stopper->ctx, &at, err);
	return r > 0 ? pause_at(l, at, TARGET_STOPPED) : r;
}

static bool wants(void *ctx, const struct site *at)
{
	const struct live *l = ctx;
	const struct stopper *s = l->stopper;

	if (is_interrupted(l))
		return true;
	if (at->kind == SITE_OP)
		return s &&
		       (s->ops[at->op_index] || (at->op_index == l->target.program->n_ops - 1 &&
						 s->ops[l->target.program->n_ops]));
	return l->until || (s && (at->step->stage == STAGE_TOKENIZER ? s->tokenizer : s->sampler));
}

static int before(void *ctx, struct executor *ex, const struct site *at, struct err *err)
{
	struct live *l = ctx;
	struct moment m = moment_of_site(l, ex, at);

	if (at->kind == SITE_OP && l->stopper && !l->stopper->ops[at->op_index] &&
	    !is_interrupted(l))
		return HOOK_CONTINUE;
	/* The end of the pass was asked when its last op had run. */
	if (at->kind == SITE_STAGE && m.pass >= 0 && m.step == 0)
		return HOOK_CONTINUE;
	return ask(l, m, err);
}

static int after(void *ctx, struct executor *ex, const struct site *at, struct err *err)
{
	struct live *l = ctx;
	int n_ops = l->target.program->n_ops;

	if (at->kind != SITE_OP || at->op_index != n_ops - 1 || !l->stopper ||
	    !l->stopper->ops[n_ops])
		return HOOK_CONTINUE;
	return ask(l, (struct moment){ ex->bound_pass, n_ops, 0, 0 }, err);
}

/* ---- going --------------------------------------------------------------------------------- */

/* Where the session stands when nobody paused it: behind everything. */
static struct moment moment_of_end(const struct live *l)
{
	const struct session *s = &l->recorder.generation.session;
	int n_steps = s->n_generated > 0 ? s->stage.n : 0;

	return (struct moment){ s->executor.pass - 1, l->target.program->n_ops, n_steps, 0 };
}

static void note_passes(struct live *l)
{
	int n = l->recorder.generation.session.n_marks;

	if (n > l->target.n_passes)
		l->target.n_passes = n;
}

const struct prompt *live_prompt(const struct target *t)
{
	return &live_of(t)->opt.prompt;
}

void live_set_prompt(struct target *t, const char *text, size_t len)
{
	struct live *l = live_of(t);

	text_clear(&l->next);
	text_add(&l->next, text, len);
	l->opt.prompt = (struct prompt){ .text = { l->next.data, len }, .n = -1 };
}

static int live_restart(struct target *t, struct err *err)
{
	struct live *l = live_of(t);
	int r;

	if (!l->opt.prompt.text.data && !l->opt.prompt.ids)
		return err_set(err, ERR_USAGE, "there is no prompt yet: \"run PROMPT\" gives one");
	if (writing_restart(&l->writing, !l->next.data, t->has_ended, err))
		return err->code;
	t->now = (struct moment){ -1, 0, 0, 0 };
	t->has_begun = t->has_ended = false;
	t->n_passes = 0;
	l->has_prompt = false;
	r = generation_set_prompt(&l->recorder.generation, &l->opt.prompt, err);
	/* The session borrows its prompt: the one before is let go now that it has another. */
	if (l->next.data) {
		text_release(&l->prompt);
		l->prompt = l->next;
		l->next = (struct text){ 0 };
	}
	l->has_prompt = r == 0;
	return r ? r : writing_restarted(&l->writing, err);
}

/* Whoever goes anywhere begins with the prompt. */
static int begin(struct live *l, struct err *err)
{
	return l->has_prompt ? 0 : live_restart(&l->target, err);
}

/* Ctrl-C came while an op ran, or it failed: one stands before it. */
static struct moment moment_of_failure(const struct live *l)
{
	struct session_time at = session_now(&l->recorder.generation.session);
	const struct program *p = l->target.program;

	if (at.pass < 0)
		return (struct moment){ -1, 0, at.op, 0 };
	return (struct moment){ at.pass, at.op, 0, op_depth_max(p, at.op) };
}

/* Behind its last op a pass is over, however one came there. */
static int end_pass(struct live *l, struct err *err)
{
	struct session *s = &l->recorder.generation.session;
	struct session_time end = { l->at.pass, l->target.program->n_ops };

	if (l->at.pass < 0 || l->at.op < end.op || s->executor.state != EX_IN_PASS)
		return 0;
	return session_goto(s, end, err);
}

static int live_run(struct target *t, const struct stopper *s, struct err *err)
{
	struct live *l = live_of(t);
	int r;

	if (begin(l, err))
		return err->code;
	l->stopper = s;
	t->has_begun = true;
	while ((r = generation_advance(&l->recorder.generation, err)) == SESSION_TOKEN)
		;
	l->stopper = NULL;
	note_passes(l);
	t->has_ended = r == SESSION_DONE;
	if (r == SESSION_PAUSED)
		t->now = l->at;
	if (r == SESSION_PAUSED && end_pass(l, err))
		r = err->code;
	if (r == SESSION_DONE)
		t->now = moment_of_end(l);
	if (r < 0)
		t->now = moment_of_failure(l);
	if (r == ERR_INTERRUPTED)
		return TARGET_INTERRUPTED;
	if (r < 0)
		return r;
	return r == SESSION_PAUSED ? l->result : TARGET_ENDED;
}

/* To a step of the stage that the session stands before, or is in. */
static int run_to_step(struct live *l, const struct moment *to, struct err *err)
{
	int r;

	l->until = to;
	while ((r = generation_advance(&l->recorder.generation, err)) == SESSION_TOKEN &&
	       to->pass < 0)
		;
	l->until = NULL;
	l->target.has_ended =
		r == SESSION_DONE || l->recorder.generation.session.phase == PHASE_END;
	return r < 0 ? r : 0;
}

static int check_step(const struct target *t, const struct moment *to, struct err *err)
{
	int64_t n = session_of(t)->encoding.n_steps;

	if (to->pass >= 0 || to->step < n)
		return 0;
	if (n == 0)
		return err_set(err, ERR_USAGE,
			       "the prompt is token ids: the tokenizer did nothing");
	return err_set(err, ERR_USAGE, "the tokenizer's steps count from 0 to %lld",
		       (long long)n - 1);
}

static int live_go(struct target *t, const struct moment *to, struct err *err)
{
	struct live *l = live_of(t);
	struct session *s = session_of(t);
	struct session_time at = { to->pass, to->op };
	int r;

	if (begin(l, err) || check_step(t, to, err))
		return err->code;
	t->has_begun = true;
	t->has_ended = false;
	if (to->pass < 0) {
		r = session_rewind(s, -1, err);
		if (r == 0)
			r = run_to_step(l, to, err);
	} else {
		r = session_goto(s, at, err);
		if (r == 0 && to->op == t->program->n_ops && to->step > 0)
			r = run_to_step(l, to, err);
	}
	note_passes(l);
	t->now = *to;
	if (s->phase == PHASE_END) {
		t->has_ended = true;
		t->now = moment_of_end(l);
	} else if (r < 0) {
		t->now = moment_of_failure(l);
	}
	return r < 0 ? r : 0;
}

/* ---- facts --------------------------------------------------------------------------------- */

static bool live_pass(const struct target *t, int pass, struct pass_info *info)
{
	const struct session *s = session_of(t);
	const struct session_mark *m;

	if (pass < 0 || pass >= s->n_marks)
		return false;
	m = &s->marks[pass];
	*info = (struct pass_info){ .pos0 = m->pos0, .T = m->T };
	info->is_prefill = m->phase == PHASE_PREFILL;
	info->picks = s->opt.n > 0 && m->pos0 + m->T >= s->n_prompt;
	return true;
}

static int live_cost(const struct target *t, const struct moment *to)
{
	const struct executor *ex = &session_of(t)->executor;
	bool is_here = ex->state != EX_EMPTY && ex->bound_pass == to->pass;

	if (to->pass < 0 || moment_compare(to, &t->now) >= 0)
		return 0;
	return is_here ? 0 : 1;
}

/* A rule of the sampler that is off is no step. */
static int n_sampler_steps(const struct session *s, int pass)
{
	const struct sampler_options *o = &s->opt.sampler;
	const struct session_mark *m = &s->marks[pass];
	int n = 1;

	for (int i = 0; i < s->n_forced; i++)
		n += s->forced[i].pos == m->pos0 + m->T;
	return o->temp > 0 ? n + 1 + (o->top_k > 0) + (o->top_p < 1) + (o->min_p > 0) : n;
}

static int live_n_steps(const struct target *t, enum stage stage, int pass)
{
	const struct session *s = session_of(t);
	struct pass_info info;

	if (stage == STAGE_TOKENIZER)
		return (int)s->encoding.n_steps;
	return live_pass(t, pass, &info) && info.picks ? n_sampler_steps(s, pass) : 0;
}

/* Whether the steps that are there are those of the pass: before the first nothing is picked. */
static bool has_picked(const struct session *s, int pass)
{
	return s->stage.steps == s->sampler_steps && s->executor.state != EX_EMPTY &&
	       s->executor.bound_pass == pass &&
	       (s->in_pick || s->n_tokens > s->marks[pass].n_tokens);
}

static bool live_step(const struct target *t, enum stage stage, int pass, int i,
		      struct stage_step *step)
{
	const struct session *s = session_of(t);

	if (stage == STAGE_TOKENIZER) {
		if (i < 0 || i >= s->encoding.n_steps)
			return false;
		*step = s->encoding.steps[i];
		return true;
	}
	if (i < 0 || i >= s->stage.n || !has_picked(s, pass))
		return false;
	*step = s->sampler_steps[i];
	return true;
}

static int64_t live_tokens(const struct target *t, const int32_t **ids, int64_t *n_prompt)
{
	const struct session *s = session_of(t);

	*ids = s->tokens;
	*n_prompt = s->n_prompt;
	return s->n_tokens;
}

static void live_piece(const struct target *t, int32_t id, struct text *out)
{
	const struct session *s = session_of(t);

	if (s->model->tokenizer)
		tokenizer_token_bytes(s->model->tokenizer, id, out);
}

static int32_t live_token_id(const struct target *t, const char *bytes, size_t len)
{
	const struct model *m = session_of(t)->model;
	struct encoding e = { 0 };
	struct err ignored = { 0 };
	int32_t id = -1;

	if (!m->tokenizer)
		return -1;
	if (!tokenizer_encode(m->tokenizer, bytes, len, 0, &e, &ignored) && e.n == 1)
		id = e.tokens[0].id;
	encoding_release(&e);
	return id;
}

static bool live_has(const struct target *t, value_id v)
{
	return executor_has(&session_of(t)->executor, v);
}

/* ---- recording ----------------------------------------------------------------------------- */

bool live_is_recording(const struct target *t)
{
	return writing_is_on(&live_of(t)->writing);
}

/* To before everything, where what happens again is recorded from the first step on. */
static int to_beginning(struct target *t, struct err *err)
{
	return live_of(t)->has_prompt ? session_rewind(session_of(t), -1, err) : 0;
}

static int come_back(struct target *t, const struct moment *to, bool had_begun, struct err *err)
{
	struct moment at = *to;
	int r = had_begun ? live_go(t, &at, err) : 0;

	if (r == 0 && had_begun)
		t->now.depth = to->depth;
	return r;
}

int live_record(struct target *t, const char *path, struct err *err)
{
	struct live *l = live_of(t);
	struct moment now = t->now;
	bool had_begun = t->has_begun;

	if (writing_open(&l->writing, path, err))
		return err->code;
	if (!l->has_prompt)
		return 0;
	if (to_beginning(t, err) || writing_begin_run(&l->writing, err))
		return err->code;
	return come_back(t, &now, had_begun, err);
}

int live_record_off(struct target *t, struct err *err)
{
	return writing_close(&live_of(t)->writing, t->has_ended, err);
}

int live_capture(struct target *t, const char *text, struct err *err)
{
	struct live *l = live_of(t);
	struct moment now = t->now;
	bool had_begun = t->has_begun;

	if (recorder_capture(&l->recorder, text, err))
		return err->code;
	if (!l->writing.in_run || !had_begun)
		return 0;
	return to_beginning(t, err) ? err->code : come_back(t, &now, had_begun, err);
}

int live_branch(struct target *t, const struct moment *at, struct err *err)
{
	struct live *l = live_of(t);
	struct moment to = *at;

	if (!l->writing.in_run)
		return live_go(t, &to, err);
	if (writing_end_run(&l->writing, t->has_ended, err) || to_beginning(t, err) ||
	    writing_branch(&l->writing, at, err))
		return err->code;
	return come_back(t, &to, true, err);
}

int live_flush(struct target *t, struct err *err)
{
	return writing_flush(&live_of(t)->writing, &t->now, err);
}

/* ---- life ---------------------------------------------------------------------------------- */

static void live_free(struct target *t)
{
	struct err ignored = { 0 };

	writing_close(&live_of(t)->writing, t->has_ended, &ignored);
	writing_release(&live_of(t)->writing);
	recorder_release(&live_of(t)->recorder);
	text_release(&live_of(t)->prompt);
	text_release(&live_of(t)->next);
	free(t);
}

static const struct target_class live_class = {
	.name = "live",
	.restart = live_restart,
	.run = live_run,
	.go = live_go,
	.deafen = live_deafen,
	.cost = live_cost,
	.pass = live_pass,
	.n_steps = live_n_steps,
	.step = live_step,
	.tokens = live_tokens,
	.piece = live_piece,
	.token_id = live_token_id,
	.free = live_free,
};

struct target *live_new(struct model *m, const struct debugger_options *o, struct err *err)
{
	struct live *l = mem_calloc(1, sizeof(*l));
	struct record_options record = o->record;

	l->opt = *o;
	l->writing = (struct writing){ .recorder = &l->recorder, .prompt = &l->opt.prompt };
	l->target.class = &live_class;
	l->target.program = &m->program;
	l->target.has = live_has;
	record.generation.session.executor.plan = PLAN_DEBUG;
	record.generation.session.executor.interrupted = o->interrupted;
	record.generation.caller.interrupted = NULL; /* Ctrl-C stops the program, not the session */
	l->hook = (struct hook){
		.wants = wants, .before = before, .after = after, .stages = STAGES_ALL, .ctx = l
	};
	if (recorder_open(&l->recorder, m, &record, err)) {
		live_free(&l->target);
		return NULL;
	}
	session_add_hook(&l->recorder.generation.session, &l->hook);
	l->target.source = executor_source(&l->recorder.generation.session.executor);
	l->target.now = (struct moment){ -1, 0, 0, 0 };
	return &l->target;
}
