/*
 * session_time.c -- time that goes back, and the facts that make it: edits, forced and banned
 * tokens.
 *
 * The one idea: of a pass that is gone nothing is kept but where it began.  Whatever happened since
 * is a function of that, of the edits and of the forced tokens, so it is run again, pass by pass,
 * as it ran.  Inside a pass whose values are all kept the executor only moves its counter.
 */
#include "session_impl.h"

#include "torchless/mem.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

struct session_time session_now(const struct session *s)
{
	const struct executor *ex = &s->executor;

	if (s->phase == PHASE_TOKENIZE)
		return (struct session_time){ -1, s->stage.at };
	switch (ex->state) {
	case EX_IN_PASS:
	case EX_DONE:
		return (struct session_time){ ex->bound_pass, ex->pc };
	case EX_EMPTY:
		break;
	}
	return (struct session_time){ ex->pass, 0 };
}

int session_time_compare(struct session_time a, struct session_time b)
{
	if (a.pass != b.pass)
		return a.pass < b.pass ? -1 : 1;
	return (a.op > b.op) - (a.op < b.op);
}

/* ---- going back ---------------------------------------------------------------------------- */

/* Everything but the executor, as it was when the pass of the mark began. */
static void restore(struct session *s, const struct session_mark *mark)
{
	s->phase = mark->phase;
	s->n_tokens = mark->n_tokens;
	s->n_generated = mark->n_tokens - s->n_prompt;
	memcpy(s->sampler.rng, mark->rng, sizeof(mark->rng));
	s->sampler.n_candidates = s->sampler.n_kept = 0;
	s->picked = -1;
	s->stopped_at_eos = s->in_pick = false;
	s->is_forced = session_forced_at(s, s->n_tokens - 1) >= 0;
	s->stage = (struct stage_run){ 0 };
}

static int rewind_to_mark(struct session *s, int pass, struct err *err)
{
	int64_t pos0 = s->marks[pass].pos0;

	restore(s, &s->marks[pass]);
	s->n_marks = pass;
	return executor_truncate(&s->executor, pos0, pass, err);
}

static int rewind_to_tokenizer(struct session *s, struct err *err)
{
	if (s->n_marks > 0 && rewind_to_mark(s, 0, err))
		return err->code;
	session_begin_tokenizer(s);
	return hook_rewind(s->hooks, &s->executor, -1, -1, err);
}

static int ended(const struct session *s, struct err *err)
{
	return err_set(err, ERR_USAGE, "the generation ends with pass %d", s->executor.pass - 1);
}

/* Run passes again until `pass` is the one that begins next. */
static int replay(struct session *s, int pass, struct err *err)
{
	int r = 0;

	while (r >= 0 && (s->executor.pass < pass || s->phase == PHASE_SAMPLE)) {
		if (s->phase == PHASE_END)
			return ended(s, err);
		r = session_step(s, err);
	}
	return r < 0 ? r : 0;
}

int session_rewind(struct session *s, int pass, struct err *err)
{
	int from = pass;

	if (pass < -1 || pass >= s->n_marks)
		return err_set(err, ERR_USAGE, "pass %d has not begun yet", pass);
	if (pass == -1)
		return rewind_to_tokenizer(s, err);
	while (!executor_keeps(&s->executor, s->marks[from].pos0))
		from--;
	return rewind_to_mark(s, from, err) ? err->code : replay(s, pass, err);
}

/* Back inside the pass that has begun or ended, or to its end. */
static int go_back_in_pass(struct session *s, int op, struct err *err)
{
	struct executor *ex = &s->executor;

	restore(s, &s->marks[ex->bound_pass]);
	if (op < ex->program->n_ops)
		return executor_seek(ex, op, err);
	session_end_pass(s);
	return hook_rewind(s->hooks, ex, ex->bound_pass, op, err);
}

/* ---- going forward ------------------------------------------------------------------------- */

/* From inside pass to.pass to its op, or to its end. */
static int run_to_op(struct session *s, int op, struct err *err)
{
	struct executor *ex = &s->executor;
	int r = EXECUTOR_PAUSED;

	while (r >= 0 && ex->pc < op)
		r = executor_step(ex, err);
	if (r >= 0 && op == ex->program->n_ops) {
		r = executor_run(ex, err);
		if (ex->state == EX_DONE)
			session_end_pass(s);
	}
	return r < 0 ? r : 0;
}

static int go_forward(struct session *s, struct session_time to, struct err *err)
{
	struct executor *ex = &s->executor;
	int r = 0;

	while (r >= 0) {
		bool reads = s->phase == PHASE_PREFILL || s->phase == PHASE_DECODE;

		if (ex->state == EX_IN_PASS && ex->bound_pass == to.pass)
			return run_to_op(s, to.op, err);
		reads = reads && executor_positions(ex) < session_end_of_phase(s);
		if (reads && ex->state != EX_IN_PASS && ex->pass == to.pass)
			r = session_begin_pass(s, err);
		else if (s->phase == PHASE_END)
			return ended(s, err);
		else
			r = session_step(s, err);
	}
	return r;
}

/* Whether something happened after the end of the pass that is there. */
static bool is_past_end(const struct session *s)
{
	return s->in_pick || s->n_tokens > s->marks[s->executor.bound_pass].n_tokens;
}

int session_goto(struct session *s, struct session_time to, struct err *err)
{
	const struct executor *ex = &s->executor;
	int n_ops = ex->program->n_ops, order = session_time_compare(to, session_now(s));
	bool is_here = ex->state != EX_EMPTY && ex->bound_pass == to.pass;

	if (s->n_prompt == 0)
		return err_set(err, ERR_USAGE, "there is no prompt, so there is no pass %d",
			       to.pass);

	if (to.pass < 0 || to.op < 0 || to.op > n_ops)
		return err_set(err, ERR_USAGE,
			       "there is no op %d in pass %d: passes count from 0, ops to %d",
			       to.op, to.pass, n_ops);
	if (order == 0 && ex->state == EX_DONE)
		return is_past_end(s) ? go_back_in_pass(s, to.op, err) : 0;
	if (order < 0 && is_here && ex->opt.plan == PLAN_DEBUG)
		return go_back_in_pass(s, to.op, err);
	if (order < 0 && session_rewind(s, to.pass, err))
		return err->code;
	return go_forward(s, to, err);
}

/* ---- forced tokens ------------------------------------------------------------------------- */

static void keep_forced(struct session *s, int64_t pos, int32_t id)
{
	int n = 0;

	for (int i = 0; i < s->n_forced; i++)
		if (s->forced[i].pos != pos)
			s->forced[n++] = s->forced[i];
	s->n_forced = n;
	if (id < 0)
		return;
	s->forced = mem_grow(s->forced, (size_t)n, &s->cap_forced, sizeof(*s->forced));
	s->forced[s->n_forced++] = (struct session_forced){ pos, id };
}

/* The end of the pass whose logits the token at `pos` is picked from. */
static int go_to_pick(struct session *s, int64_t pos, struct err *err)
{
	int pass = s->n_marks - 1;

	while (pass > 0 && s->marks[pass].pos0 + s->marks[pass].T > pos)
		pass--;
	return session_goto(s, (struct session_time){ pass, s->executor.program->n_ops }, err);
}

int session_force_at(struct session *s, int64_t pos, int32_t id, struct err *err)
{
	int64_t n_vocab = s->model->config->n_vocab;
	bool is_picked = pos < s->n_tokens || (pos == s->n_tokens && s->in_pick);

	if (id < -1 || id >= n_vocab)
		return err_set(err, ERR_USAGE, "token id %d is outside the vocabulary of %lld",
			       (int)id, (long long)n_vocab);
	if (pos < s->n_prompt || s->n_prompt == 0)
		return err_set(err, ERR_USAGE,
			       "position %lld lies in the prompt: only what follows can be forced",
			       (long long)pos);
	if (session_forced_at(s, pos) == id)
		return 0;
	keep_forced(s, pos, id);
	return is_picked ? go_to_pick(s, pos, err) : 0;
}

int session_force(struct session *s, int32_t id, struct err *err)
{
	bool has_picked = s->n_generated > 0 && !s->in_pick && s->executor.state != EX_IN_PASS &&
			  (s->phase == PHASE_DECODE || s->phase == PHASE_END);

	return session_force_at(s, has_picked ? s->n_tokens - 1 : s->n_tokens, id, err);
}

/* ---- edits --------------------------------------------------------------------------------- */

/* Back to the first op that runs otherwise with this edit than without it, when it was run. */
static int go_to_edit(struct session *s, const struct edit *e, struct err *err)
{
	const struct value *v = &s->model->program.values[e->value];
	struct session_time first = { e->pass_from > 0 ? e->pass_from : 0, v->op };

	if (first.pass >= s->n_marks || (e->pass_to >= 0 && first.pass > e->pass_to))
		return 0;
	if (v->storage == STORAGE_WEIGHT)
		return session_rewind(s, 0, err);
	return session_time_compare(session_now(s), first) > 0 ? session_goto(s, first, err) : 0;
}

/* Refused before time moves: a pass that is to be run again would refuse it then. */
static int check_edit(const struct session *s, const struct edit *e, struct err *err)
{
	for (int pass = e->pass_from > 0 ? e->pass_from : 0; pass < s->n_marks; pass++) {
		const struct session_mark *m = &s->marks[pass];
		bool all_logits = m->phase == PHASE_PREFILL && s->opt.all_logits;

		if (e->pass_to >= 0 && pass > e->pass_to)
			break;
		if (executor_check_edit(&s->executor, e, m->pos0, m->T, all_logits ? m->T : 1, err))
			return err->code;
	}
	return 0;
}

/* Out of the log again; what the edit's function works on stays its caller's. */
static void take_back(struct session *s, int id)
{
	struct err ignored = { 0 };

	for (int i = 0; i < s->executor.n_edits; i++)
		if (s->executor.edits[i].id == id)
			s->executor.edits[i].release = NULL;
	executor_remove_edit(&s->executor, id, &ignored);
}

int session_add_edit(struct session *s, const struct edit *e, struct err *err)
{
	int id = check_edit(s, e, err) ? err->code : executor_add_edit(&s->executor, e, err);

	if (id < 0)
		return id;
	if (go_to_edit(s, e, err)) {
		take_back(s, id);
		return err->code;
	}
	return id;
}

int session_remove_edit(struct session *s, int id, struct err *err)
{
	const struct edit *e = executor_edit(&s->executor, id);
	struct edit removed = { 0 };

	if (e)
		removed = *e;
	if (executor_remove_edit(&s->executor, id, err))
		return err->code;
	return go_to_edit(s, &removed, err);
}

/* ---- banned tokens ------------------------------------------------------------------------- */

/* The last row of a pass is the one that a token is picked from. */
#define LAST_ROW (-1)

/* The logit of `id` in the row at position `pos`: its edit is the ban. */
static struct edit ban_of(const struct session *s, int64_t pos, int32_t id)
{
	struct edit e = {
		.value = s->model->program.logits, .kind = EDIT_SET, .arg = -INFINITY, .pass_to = -1
	};

	e.sel.n_axes = 2;
	e.sel.axis[0] = (struct axis_range){ .single = true,
					     .start = pos,
					     .stop = pos == LAST_ROW ? INT64_MAX : pos + 1 };
	e.sel.axis[1] = (struct axis_range){ .single = true, .start = id, .stop = id + 1 };
	return e;
}

bool session_edit_is_ban(const struct session *s, const struct edit *e, int64_t *pos, int32_t *id)
{
	const struct axis_range *row = &e->sel.axis[0], *token = &e->sel.axis[1];

	if (e->value != s->model->program.logits || e->kind != EDIT_SET || e->arg != -INFINITY ||
	    e->sel.n_axes != 2 || !row->single || !token->single || row->start < LAST_ROW ||
	    token->start < 0 || e->pass_from > 0 || e->pass_to >= 0)
		return false;
	*pos = row->start == LAST_ROW ? -1 : row->start + 1;
	*id = (int32_t)token->start;
	return true;
}

int session_banned_at(const struct session *s, int64_t pos, int32_t id)
{
	for (int i = 0; i < s->executor.n_edits; i++) {
		int64_t at;
		int32_t banned;

		if (session_edit_is_ban(s, &s->executor.edits[i], &at, &banned) && banned == id &&
		    at == pos)
			return s->executor.edits[i].id;
	}
	return 0;
}

/* Ban or allow again; pos -1: wherever a token is picked. */
static int set_ban(struct session *s, int64_t pos, int32_t id, bool on, struct err *err)
{
	int64_t n_vocab = s->model->config->n_vocab;
	int is_banned = session_banned_at(s, pos, id);
	char source[48];
	struct edit e;

	if (id < 0 || id >= n_vocab)
		return err_set(err, ERR_USAGE, "token id %d is outside the vocabulary of %lld",
			       (int)id, (long long)n_vocab);
	if (!on)
		return is_banned ? session_remove_edit(s, is_banned, err) : 0;
	if (is_banned)
		return is_banned;
	e = ban_of(s, pos < 0 ? LAST_ROW : pos - 1, id);
	if (pos < 0)
		snprintf(source, sizeof(source), "ban %d", (int)id);
	else
		snprintf(source, sizeof(source), "ban %d at %lld", (int)id, (long long)pos);
	e.source = source;
	return session_add_edit(s, &e, err);
}

int session_ban(struct session *s, int32_t id, bool on, struct err *err)
{
	return set_ban(s, -1, id, on, err);
}

int session_ban_at(struct session *s, int64_t pos, int32_t id, bool on, struct err *err)
{
	if (pos < s->n_prompt || pos < 1)
		return err_set(err, ERR_USAGE,
			       "position %lld lies in the prompt: only what follows can be banned",
			       (long long)pos);
	return set_ban(s, pos, id, on, err);
}
