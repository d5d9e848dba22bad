/*
 * scores.c -- what the model thought: the tokens of a run, how likely they were, what else was.
 *
 * A hook before the trace writer reads the logits when a pass over the prompt ends, and the
 * candidates when a token was picked: whoever drives the session, and whatever way it goes.
 */
#include "record_impl.h"
#include "torchless/mem.h"

#include <stdlib.h>
#include <string.h>

static int record_candidates(const struct scores *scores, int64_t pos, const struct candidate *c,
			     int64_t n, struct err *err)
{
	struct trace_candidate *rows = mem_calloc((size_t)n + 1, sizeof(*rows));
	int result;

	for (int64_t i = 0; i < n; i++)
		rows[i] = (struct trace_candidate){ c[i].id, c[i].logit, c[i].logprob,
						    cut_names[c[i].cut_by] };
	result = trace_writer_candidates(scores->writer, pos, rows, n, err);
	free(rows);
	return result;
}

/* Rows of logits that are looked at in parallel. */
struct score_job {
	const struct session *session;
	int64_t row0, pos0; /* the first row looked at, and its position */
	struct score {
		struct candidate top[RECORD_TOP];
		int64_t n_top;
		struct logit_view view;
	} * scores;
};

static void score_row(void *ctx, int64_t i, int worker)
{
	struct score_job *job = ctx;
	const struct session *s = job->session;
	int64_t pos = job->pos0 + i;
	int64_t target = pos + 1 < s->n_prompt ? s->tokens[pos + 1] : -1;
	struct score *score = &job->scores[i];

	(void)worker;
	score->n_top =
		sampler_top(executor_logits(&s->executor, job->row0 + i), s->model->config->n_vocab,
			    score->top, RECORD_TOP, target, &score->view);
}

static int record_score(struct scores *scores, int64_t pos, const struct score *score,
			struct err *err)
{
	const struct session *s = scores->session;
	bool is_last = pos + 1 == s->n_prompt;

	if (is_last) {
		memcpy(scores->next, score->top, sizeof(scores->next));
		scores->n_next = score->n_top;
	}
	if (!scores->writer || (is_last && s->opt.n > 0))
		return 0; /* the sampler's own candidates follow */
	if (!is_last &&
	    trace_writer_token_scored(scores->writer, pos + 1, score->view.target_logprob,
				      score->view.target_rank, score->view.entropy, err))
		return err->code;
	return record_candidates(scores, pos, score->top, score->n_top, err);
}

/* When a pass over the prompt ends: every row with --logits all, else the prompt's last one. */
static int scores_pass_end(void *ctx, struct executor *ex, struct err *err)
{
	struct scores *scores = ctx;
	const struct session *s = scores->session;
	int64_t end = ex->pos0 + ex->T, n = s->opt.all_logits ? ex->R : 1;
	struct score_job job = { .session = s, .row0 = ex->R - n, .pos0 = end - n };
	int result = 0;

	if (end > s->n_prompt || (!s->opt.all_logits && end != s->n_prompt))
		return 0;
	job.scores = mem_calloc((size_t)n, sizeof(*job.scores));
	threads_for(s->opt.executor.pool, n, score_row, &job);
	for (int64_t i = 0; i < n && result == 0; i++)
		result = record_score(scores, job.pos0 + i, &job.scores[i], err);
	free(job.scores);
	return result;
}

/* How likely the token that follows is.  One that was forced may be no candidate of the sampler. */
static void view_pick(const struct session *s, int32_t id, double *logprob, int64_t *rank)
{
	struct logit_view view;

	if (s->picked >= 0) {
		*logprob = s->sampler.candidates[s->picked].logprob;
		*rank = s->picked;
		return;
	}
	sampler_top(executor_logits(&s->executor, s->executor.R - 1), s->model->config->n_vocab,
		    NULL, 0, id, &view);
	*logprob = view.target_logprob;
	*rank = view.target_rank;
}

/* The sampler's last step yields the token, before the session appends it. */
static bool wants_last_step(void *ctx, const struct site *at)
{
	const struct scores *scores = ctx;
	const struct session *s = scores->session;

	return at->kind == SITE_STAGE && at->step == &s->sampler_steps[s->stage.n - 1];
}

static int scores_after(void *ctx, struct executor *ex, const struct site *at, struct err *err)
{
	struct scores *scores = ctx;
	const struct session *s = scores->session;
	const struct sampler *p = &s->sampler;
	enum token_source source = s->is_forced ? TOKEN_FORCED : TOKEN_GENERATED;
	int64_t n = p->n_candidates < RECORD_PICKED ? p->n_candidates : RECORD_PICKED;
	int64_t pos = s->n_tokens, rank;
	int32_t id = (int32_t)at->step->token_id;
	double logprob;

	(void)ex;
	if (!scores->writer)
		return HOOK_CONTINUE;
	if (pos == s->n_prompt)
		scores->drawn = sampler_drawn_from(p);
	view_pick(s, id, &logprob, &rank);
	if (trace_writer_token(scores->writer, pos, id, -1, -1, source, err) ||
	    trace_writer_token_scored(scores->writer, pos, logprob, rank, p->entropy, err))
		return err->code;
	return record_candidates(scores, pos - 1, p->candidates, n, err);
}

int scores_record_prompt(const struct scores *scores, struct err *err)
{
	const struct session *s = scores->session;
	const struct tokenizer *tok = s->model->tokenizer;

	for (int64_t i = 0; i < s->n_prompt; i++) {
		bool has_text = i < s->encoding.n;
		int64_t start = has_text ? s->encoding.tokens[i].start : -1;
		int64_t end = has_text ? s->encoding.tokens[i].end : -1;
		bool is_bos =
			has_text && i == 0 && start == end && s->tokens[0] == tokenizer_bos(tok);

		if (trace_writer_token(scores->writer, i, s->tokens[i], start, end,
				       is_bos ? TOKEN_BOS : TOKEN_PROMPT, err))
			return err->code;
		/* A prompt that people write is there whole, whenever they interrupt. */
		if (i % 4096 == 4095 && session_interrupted(s, err))
			return err->code;
	}
	return 0;
}

void scores_init(struct scores *scores, const struct session *session)
{
	*scores = (struct scores){ .session = session };
	scores->hook = (struct hook){ .wants = wants_last_step,
				      .after = scores_after,
				      .pass_end = scores_pass_end,
				      .stages = STAGE_BIT(STAGE_SAMPLER),
				      .ctx = scores };
}
