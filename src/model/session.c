/*
 * session.c -- the state machine around the executor.
 *
 *	TOKENIZE -> PREFILL -> SAMPLE -> DECODE -> SAMPLE -> ... -> END
 *
 * The one idea: everything a session knows is in its struct, so a hook may stop it at any site and
 * session_advance() goes on from there.  Each phase is one function that is called again until it
 * moves the phase on.  The token picked last is never fed back: no pass runs only to show what
 * would come next.
 */
#include "session_impl.h"

#include "torchless/clock.h"
#include "torchless/mem.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int session_init(struct session *s, struct model *m, const struct session_options *o,
		 struct err *err)
{
	*s = (struct session){ .model = m, .opt = *o, .picked = -1 };
	if (sampler_check(&o->sampler, err) ||
	    executor_init(&s->executor, &m->program, &o->executor, err))
		return err->code;
	sampler_init(&s->sampler, &o->sampler);
	return 0;
}

void session_release(struct session *s)
{
	if (!s->model)
		return;
	executor_release(&s->executor);
	sampler_release(&s->sampler);
	encoding_release(&s->encoding);
	free(s->tokens);
	free(s->marks);
	free(s->forced);
	*s = (struct session){ 0 };
}

void session_add_hook(struct session *s, struct hook *hook)
{
	hook_add(&s->hooks, hook);
	s->executor.hooks = s->hooks;
}

void session_remove_hook(struct session *s, const struct hook *hook)
{
	hook_remove(&s->hooks, hook);
	s->executor.hooks = s->hooks;
}

/* Memory is laid out when the first pass begins. */
void session_keep_values(struct session *s)
{
	if (s->executor.planned_T == 0)
		s->opt.executor.plan = s->executor.opt.plan = PLAN_DEBUG;
}

int session_interrupted(const struct session *s, struct err *err)
{
	return s->opt.interrupted && *s->opt.interrupted
		       ? err_set(err, ERR_INTERRUPTED, "interrupted")
		       : 0;
}

void session_restart(struct session *s, int64_t n)
{
	encoding_release(&s->encoding);
	s->encoding = (struct encoding){ 0 };
	sampler_release(&s->sampler);
	sampler_init(&s->sampler, &s->opt.sampler);
	executor_restart(&s->executor);
	s->opt.n = n;
	s->n_tokens = s->n_prompt = s->n_generated = 0;
	s->n_marks = s->n_forced = 0;
	s->prefill_ns = s->decode_ns = 0;
	s->picked = -1;
	s->stopped_at_eos = s->in_pick = s->is_forced = false;
	s->stage = (struct stage_run){ 0 };
	s->phase = PHASE_TOKENIZE;
}

/* ---- the prompt --------------------------------------------------------------------------- */

static void append_token(struct session *s, int32_t id)
{
	s->tokens = mem_grow(s->tokens, (size_t)s->n_tokens, &s->cap_tokens, sizeof(*s->tokens));
	s->tokens[s->n_tokens++] = id;
}

/* How long what was found of the memory is taken to hold. */
#define FRESH_NS 1000000000

bool session_is_roomy(const struct session *s, int64_t positions, int64_t bytes)
{
	return positions <= s->fitting && bytes <= s->spare_bytes &&
	       clock_ns() - s->fitted_ns < FRESH_NS;
}

static void keep_fitting(struct session *s, int64_t positions, int64_t spare)
{
	s->fitting = positions;
	s->fitted_ns = clock_ns();
	s->spare_bytes = spare;
}

/* Whether what this session will compute fits in memory beside everything else. */
static int check_memory(struct session *s, struct err *err)
{
	int64_t available, positions, total;
	char need_text[32], have_text[32];
	struct executor_need need;

	if (!mem_add(s->n_tokens, s->opt.n, &positions))
		positions = INT64_MAX / 2;
	if (session_is_roomy(s, positions, 0))
		return 0;
	available = mem_available_bytes();
	need = executor_estimate(&s->model->program, &s->opt.executor, positions,
				 s->opt.all_logits);
	if (!mem_add(need.scratch_bytes, need.kv_bytes, &total))
		total = INT64_MAX;
	/* What the prompt before this one has allocated is used again. */
	total -= executor_reused_bytes(&s->executor);
	if (available < 0 || total <= available) {
		keep_fitting(s, positions, available < 0 ? INT64_MAX : available - total);
		return 0;
	}
	total += executor_reused_bytes(&s->executor);
	return err_set(err, ERR_MEMORY,
		       "%lld %s %s of memory for activations and the KV cache but %s is available",
		       (long long)positions, plural(positions, "position needs", "positions need"),
		       mem_format_bytes(total, need_text, sizeof(need_text)),
		       mem_format_bytes(available, have_text, sizeof(have_text)));
}

static int refuse_id(const struct session *s, int64_t at, struct err *err)
{
	const struct tokenizer *tok = s->model->tokenizer;
	int64_t n_vocab = s->model->config->n_vocab;
	char more[96] = "";

	if (tok)
		snprintf(more, sizeof(more), "; those of tokenizer.json go to %lld",
			 (long long)tokenizer_vocab_size(tok) - 1);
	return err_set(err, ERR_USAGE,
		       "token %lld of the prompt has id %d but the vocabulary has ids 0 to %lld, "
		       "by the vocab_size of config.json%s",
		       (long long)at, (int)s->tokens[at], (long long)(n_vocab - 1), more);
}

static int check_ids(const struct session *s, struct err *err)
{
	for (int64_t i = 0; i < s->n_tokens; i++)
		if (s->tokens[i] < 0 || s->tokens[i] >= s->model->config->n_vocab)
			return refuse_id(s, i, err);
	return 0;
}

void session_begin_tokenizer(struct session *s)
{
	s->phase = PHASE_TOKENIZE;
	s->stage = (struct stage_run){ s->encoding.steps, 0, 0, false };
	s->stage.n = s->encoding.n_steps < INT_MAX ? (int)s->encoding.n_steps : INT_MAX;
}

static int begin(struct session *s, struct err *err)
{
	s->n_prompt = s->n_tokens;
	if (s->n_tokens == 0)
		return err_set(err, ERR_USAGE,
			       "the prompt is empty and the tokenizer adds no token of its own");
	if (check_ids(s, err) || check_memory(s, err))
		return err->code;
	session_begin_tokenizer(s);
	return 0;
}

int session_set_text(struct session *s, const char *text, size_t len, bool special, struct err *err)
{
	unsigned flags = special ? ENCODE_SPECIAL : 0;

	if (!s->model->tokenizer)
		return err_set(err, ERR_USAGE, "%s: there is no tokenizer; give token ids instead",
			       s->model->checkpoint.path);
	if (hook_wants_stage(s->hooks, STAGE_TOKENIZER))
		flags |= ENCODE_STEPS;
	encoding_release(&s->encoding);
	s->encoding = (struct encoding){ .interrupted = s->opt.interrupted };
	if (tokenizer_encode(s->model->tokenizer, text, len, flags, &s->encoding, err))
		return err->code;
	s->n_tokens = 0;
	for (int64_t i = 0; i < s->encoding.n; i++)
		append_token(s, s->encoding.tokens[i].id);
	return begin(s, err);
}

int session_set_ids(struct session *s, const int32_t *ids, int64_t n, struct err *err)
{
	encoding_release(&s->encoding);
	s->encoding = (struct encoding){ 0 };
	s->n_tokens = 0;
	for (int64_t i = 0; i < n; i++)
		append_token(s, ids[i]);
	return begin(s, err);
}

/* ---- passes ------------------------------------------------------------------------------- */

int64_t session_end_of_phase(const struct session *s)
{
	return s->phase == PHASE_PREFILL ? s->n_prompt : s->n_tokens;
}

static void keep_mark(struct session *s, int64_t pos0, int64_t T)
{
	struct session_mark mark = {
		.pos0 = pos0, .T = T, .n_tokens = s->n_tokens, .phase = s->phase
	};

	memcpy(mark.rng, s->sampler.rng, sizeof(mark.rng));
	s->n_marks = s->executor.pass;
	s->marks = mem_grow(s->marks, (size_t)s->n_marks, &s->cap_marks, sizeof(mark));
	s->marks[s->n_marks++] = mark;
}

int session_begin_pass(struct session *s, struct err *err)
{
	struct executor *ex = &s->executor;
	int64_t at = executor_positions(ex), left = session_end_of_phase(s) - at;
	int64_t n = left < s->opt.executor.chunk ? left : s->opt.executor.chunk;
	bool all_logits = s->phase == PHASE_PREFILL && s->opt.all_logits;

	keep_mark(s, at, n);
	if (executor_begin(ex, s->tokens + at, n, all_logits, err) == 0)
		return 0;
	if (ex->state != EX_IN_PASS)
		s->n_marks--;
	return err->code;
}

void session_end_pass(struct session *s)
{
	if (executor_positions(&s->executor) < session_end_of_phase(s))
		return;
	if (s->phase == PHASE_PREFILL && s->opt.n == 0)
		s->phase = PHASE_END;
	else
		s->phase = PHASE_SAMPLE;
}

/* ---- phases: each returns a status of the session, STEP_MOVED or a negative ERR_* ------------ */

static int step_tokenize(struct session *s, struct err *err)
{
	int r = stage_run(&s->stage, &s->hooks, err);

	if (r < 0)
		return r;
	if (r == HOOK_PAUSE)
		return SESSION_PAUSED;
	s->phase = PHASE_PREFILL;
	return STEP_MOVED;
}

/* Run the program over the next tokens of the phase, at most a chunk. */
static int step_pass(struct session *s, struct err *err)
{
	struct executor *ex = &s->executor;
	int64_t *spent_ns = s->phase == PHASE_PREFILL ? &s->prefill_ns : &s->decode_ns;
	int64_t started = clock_ns();
	int r = 0;

	if (ex->state != EX_IN_PASS && executor_positions(ex) < session_end_of_phase(s))
		r = session_begin_pass(s, err);
	if (r == 0)
		r = executor_run(ex, err);
	*spent_ns += clock_ns() - started;
	if (r == EXECUTOR_PAUSED)
		return SESSION_PAUSED;
	if (ex->state == EX_DONE)
		session_end_pass(s);
	return r < 0 ? r : STEP_MOVED;
}

int32_t session_forced_at(const struct session *s, int64_t pos)
{
	for (int i = 0; i < s->n_forced; i++)
		if (s->forced[i].pos == pos)
			return s->forced[i].id;
	return -1;
}

static void add_step(struct session *s, int *n, const char *rule, int64_t rank, int32_t id)
{
	s->sampler_steps[(*n)++] = (struct stage_step){
		.stage = STAGE_SAMPLER, .rule = rule, .rank = rank, .at_byte = -1, .token_id = id
	};
}

/* What the sampler did, as steps: a rule that is off is no step. */
static int describe_pick(struct session *s, int64_t picked, int32_t forced)
{
	const struct sampler_options *o = &s->opt.sampler;
	const struct sampler *p = &s->sampler;
	int n = 0;

	if (o->temp > 0)
		add_step(s, &n, "temp", p->n_left[0], -1);
	if (o->temp > 0 && o->top_k > 0)
		add_step(s, &n, "top_k", p->n_left[CUT_TOP_K], -1);
	if (o->temp > 0 && o->top_p < 1)
		add_step(s, &n, "top_p", p->n_left[CUT_TOP_P], -1);
	if (o->temp > 0 && o->min_p > 0)
		add_step(s, &n, "min_p", p->n_left[CUT_MIN_P], -1);
	add_step(s, &n, "pick", picked, p->candidates[picked].id);
	if (o->temp > 0) {
		s->sampler_steps[n - 1].draw = p->draw;
		s->sampler_steps[n - 1].mass = sampler_drawn_from(p).mass;
	}
	if (forced >= 0)
		add_step(s, &n, "force", s->picked, forced);
	return n;
}

/* The candidate with this id, -1 when it is none. */
static int64_t find_candidate(const struct sampler *p, int32_t id)
{
	for (int64_t i = 0; i < p->n_candidates; i++)
		if (p->candidates[i].id == id)
			return i;
	return -1;
}

static int start_pick(struct session *s, struct err *err)
{
	const struct executor *ex = &s->executor;
	int32_t forced = session_forced_at(s, s->n_tokens);
	int64_t picked;

	if (ex->state != EX_DONE)
		return err_set(
			err, ERR_USAGE,
			"there are no logits to pick from: the executor was moved without its session");
	picked = sampler_pick(&s->sampler, executor_logits(ex, ex->R - 1),
			      s->model->config->n_vocab, err);
	if (picked < 0)
		return (int)picked;
	s->is_forced = forced >= 0;
	s->picked = s->is_forced ? find_candidate(&s->sampler, forced) : picked;
	s->stage =
		(struct stage_run){ s->sampler_steps, describe_pick(s, picked, forced), 0, false };
	s->in_pick = true;
	return 0;
}

static int step_sample(struct session *s, struct err *err)
{
	int r = s->in_pick ? 0 : start_pick(s, err);
	int32_t id;

	if (r == 0)
		r = stage_run(&s->stage, &s->hooks, err);
	if (r < 0)
		return r;
	if (r == HOOK_PAUSE)
		return SESSION_PAUSED;
	s->in_pick = false;
	id = (int32_t)s->sampler_steps[s->stage.n - 1].token_id;
	append_token(s, id);
	s->n_generated++;
	s->stopped_at_eos = !s->opt.ignore_eos && config_is_eos(s->model->config, id);
	s->phase = s->stopped_at_eos || s->n_generated == s->opt.n ? PHASE_END : PHASE_DECODE;
	return SESSION_TOKEN;
}

int session_step(struct session *s, struct err *err)
{
	switch (s->phase) {
	case PHASE_TOKENIZE:
		return step_tokenize(s, err);
	case PHASE_PREFILL:
	case PHASE_DECODE:
		return step_pass(s, err);
	case PHASE_SAMPLE:
		return step_sample(s, err);
	case PHASE_END:
		break;
	}
	return SESSION_DONE;
}

int session_advance(struct session *s, struct err *err)
{
	int r;

	while ((r = session_step(s, err)) == STEP_MOVED)
		;
	return r;
}
