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
#include "torchless/session.h"
#include "torchless/mem.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

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
	*s = (struct session){ 0 };
}

void session_add_hook(struct session *s, struct hook *hook)
{
	hook_add(&s->hooks, hook);
	s->executor.hooks = s->hooks;
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
	s->prefill_ns = s->decode_ns = 0;
	s->picked = -1;
	s->stopped_at_eos = s->in_pick = false;
	s->stage = (struct stage_run){ 0 };
	s->phase = PHASE_TOKENIZE;
}

/* ---- the prompt --------------------------------------------------------------------------- */

static void append_token(struct session *s, int32_t id)
{
	s->tokens = mem_grow(s->tokens, (size_t)s->n_tokens, &s->cap_tokens, sizeof(*s->tokens));
	s->tokens[s->n_tokens++] = id;
}

/* Whether what this session will compute fits in memory beside everything else. */
static int check_memory(const struct session *s, struct err *err)
{
	int64_t available = mem_available_bytes(), positions, total;
	char need_text[32], have_text[32];
	struct executor_need need;

	if (!mem_add(s->n_tokens, s->opt.n, &positions))
		positions = INT64_MAX / 2;
	need = executor_estimate(&s->model->program, &s->opt.executor, positions,
				 s->opt.all_logits);
	if (!mem_add(need.scratch_bytes, need.kv_bytes, &total))
		total = INT64_MAX;
	if (available < 0 || total <= available)
		return 0;
	return err_set(
		err, ERR_MEMORY,
		"%lld positions need %s of memory for activations and the KV cache but %s is available",
		(long long)positions, mem_format_bytes(total, need_text, sizeof(need_text)),
		mem_format_bytes(available, have_text, sizeof(have_text)));
}

static int check_ids(const struct session *s, struct err *err)
{
	int64_t n_vocab = s->model->config->n_vocab;

	for (int64_t i = 0; i < s->n_tokens; i++)
		if (s->tokens[i] < 0 || s->tokens[i] >= n_vocab)
			return err_set(
				err, ERR_USAGE,
				"token %lld of the prompt has id %d but the vocabulary has ids 0 to %lld",
				(long long)i, (int)s->tokens[i], (long long)(n_vocab - 1));
	return 0;
}

static int begin(struct session *s, struct err *err)
{
	s->n_prompt = s->n_tokens;
	if (s->n_tokens == 0)
		return err_set(err, ERR_USAGE,
			       "the prompt is empty and the tokenizer adds no token of its own");
	if (check_ids(s, err) || check_memory(s, err))
		return err->code;
	s->phase = PHASE_TOKENIZE;
	s->stage = (struct stage_run){ s->encoding.steps, 0, 0, false };
	s->stage.n = s->encoding.n_steps < INT_MAX ? (int)s->encoding.n_steps : INT_MAX;
	return 0;
}

/* Recording steps costs memory and time, so they are made only for who wants to see them. */
static bool wants_stage(const struct hook *hooks, enum stage stage)
{
	struct stage_step step = { .stage = stage, .rule = "", .rank = -1, .token_id = -1 };
	struct site site = { .kind = SITE_STAGE, .op_index = -1, .step = &step };

	for (; hooks; hooks = hooks->next)
		if ((hooks->before || hooks->after) &&
		    (!hooks->wants || hooks->wants(hooks->ctx, &site)))
			return true;
	return false;
}

int session_set_text(struct session *s, const char *text, size_t len, bool special, struct err *err)
{
	unsigned flags = special ? ENCODE_SPECIAL : 0;

	if (!s->model->tokenizer)
		return err_set(err, ERR_USAGE, "%s: there is no tokenizer; give token ids instead",
			       s->model->checkpoint.path);
	if (wants_stage(s->hooks, STAGE_TOKENIZER))
		flags |= ENCODE_STEPS;
	encoding_release(&s->encoding);
	s->encoding = (struct encoding){ 0 };
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

/* ---- phases: each returns SESSION_PAUSED, a negative ERR_*, or MOVED when it is done --------- */

enum { MOVED = 100 };

static int64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static int advance_tokenize(struct session *s, struct err *err)
{
	int r = stage_run(&s->stage, s->hooks, err);

	if (r < 0)
		return r;
	if (r == HOOK_PAUSE)
		return SESSION_PAUSED;
	s->phase = PHASE_PREFILL;
	return MOVED;
}

/* Run the program over tokens [executor_positions, end), a chunk a pass. */
static int run_passes(struct session *s, int64_t end, bool all_logits, int64_t *spent_ns,
		      struct err *err)
{
	struct executor *ex = &s->executor;

	while (ex->in_pass || executor_positions(ex) < end) {
		int64_t at = executor_positions(ex), start = now_ns();
		int64_t n = end - at < s->opt.executor.chunk ? end - at : s->opt.executor.chunk;
		int r = ex->in_pass ? 0 : executor_begin(ex, s->tokens + at, n, all_logits, err);

		if (r == 0)
			r = executor_run(ex, err);
		*spent_ns += now_ns() - start;
		if (r < 0)
			return r;
		if (r == EXECUTOR_PAUSED)
			return SESSION_PAUSED;
	}
	return MOVED;
}

static int advance_prefill(struct session *s, struct err *err)
{
	int r = run_passes(s, s->n_prompt, s->opt.all_logits, &s->prefill_ns, err);

	if (r == MOVED)
		s->phase = s->opt.n > 0 ? PHASE_SAMPLE : PHASE_END;
	return r;
}

static int advance_decode(struct session *s, struct err *err)
{
	int r = run_passes(s, s->n_tokens, false, &s->decode_ns, err);

	if (r == MOVED)
		s->phase = PHASE_SAMPLE;
	return r;
}

/* What the sampler did, as steps: a rule that is off is no step. */
static int describe_pick(struct session *s)
{
	const struct sampler_options *o = &s->opt.sampler;
	const struct sampler *p = &s->sampler;
	const struct {
		const char *rule;
		bool is_on;
		int64_t rank;
	} rules[] = {
		{ "temp", o->temp > 0, p->n_left[0] },
		{ "top_k", o->temp > 0 && o->top_k > 0, p->n_left[CUT_TOP_K] },
		{ "top_p", o->temp > 0 && o->top_p < 1, p->n_left[CUT_TOP_P] },
		{ "min_p", o->temp > 0 && o->min_p > 0, p->n_left[CUT_MIN_P] },
		{ "pick", true, s->picked },
	};
	int n = 0;

	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++)
		if (rules[i].is_on)
			s->sampler_steps[n++] = (struct stage_step){ .stage = STAGE_SAMPLER,
								     .rule = rules[i].rule,
								     .rank = rules[i].rank,
								     .at_byte = -1,
								     .token_id = -1 };
	s->sampler_steps[n - 1].token_id = p->candidates[s->picked].id;
	return n;
}

static int start_pick(struct session *s, struct err *err)
{
	int64_t r = sampler_pick(&s->sampler, executor_logits(&s->executor, s->executor.R - 1),
				 s->model->config->n_vocab, err);

	if (r < 0)
		return (int)r;
	s->picked = r;
	s->stage = (struct stage_run){ s->sampler_steps, describe_pick(s), 0, false };
	s->in_pick = true;
	return 0;
}

static int advance_sample(struct session *s, struct err *err)
{
	int r = s->in_pick ? 0 : start_pick(s, err);
	int32_t id;

	if (r == 0)
		r = stage_run(&s->stage, s->hooks, err);
	if (r < 0)
		return r;
	if (r == HOOK_PAUSE)
		return SESSION_PAUSED;
	s->in_pick = false;
	id = s->sampler.candidates[s->picked].id;
	append_token(s, id);
	s->n_generated++;
	s->stopped_at_eos = !s->opt.ignore_eos && config_is_eos(s->model->config, id);
	s->phase = s->stopped_at_eos || s->n_generated == s->opt.n ? PHASE_END : PHASE_DECODE;
	return SESSION_TOKEN;
}

int session_advance(struct session *s, struct err *err)
{
	static int (*const phases[])(struct session *, struct err *) = {
		[PHASE_TOKENIZE] = advance_tokenize,
		[PHASE_PREFILL] = advance_prefill,
		[PHASE_SAMPLE] = advance_sample,
		[PHASE_DECODE] = advance_decode,
	};

	while (s->phase != PHASE_END) {
		int r = phases[s->phase](s, err);

		if (r != MOVED)
			return r;
	}
	return SESSION_DONE;
}
