/*
 * scores.c -- what the model thought: the tokens of a run, how likely they were, what else was.
 *
 * A hook before the trace writer reads the logits when a pass over the prompt ends, and the
 * candidates when a token was picked: whoever drives the session, and whatever way it goes.
 */
#include "torchless/record.h"
#include "torchless/mem.h"

#include <stdlib.h>
#include <string.h>

static int record_candidates(struct recorder *r, int64_t pos, const struct candidate *c, int64_t n,
			     struct err *err)
{
	struct trace_candidate *rows = mem_calloc((size_t)n + 1, sizeof(*rows));
	int result;

	for (int64_t i = 0; i < n; i++)
		rows[i] = (struct trace_candidate){ c[i].id, c[i].logit, c[i].logprob,
						    cut_names[c[i].cut_by] };
	result = trace_writer_candidates(r->writer, pos, rows, n, err);
	free(rows);
	return result;
}

/* Rows of logits that are looked at in parallel. */
struct score_job {
	const struct recorder *r;
	int64_t row0, pos0; /* the first row looked at, and its position */
	struct score {
		struct candidate top[TOP];
		int64_t n_top;
		struct logit_view view;
	} * scores;
};

static void score_row(void *ctx, int64_t i, int worker)
{
	struct score_job *job = ctx;
	const struct session *s = &job->r->g.session;
	int64_t pos = job->pos0 + i;
	int64_t target = pos + 1 < s->n_prompt ? s->tokens[pos + 1] : -1;
	struct score *score = &job->scores[i];

	(void)worker;
	score->n_top =
		sampler_top(executor_logits(&s->executor, job->row0 + i), s->model->config->n_vocab,
			    score->top, TOP, target, &score->view);
}

static int record_score(struct recorder *r, int64_t pos, const struct score *score, struct err *err)
{
	const struct session *s = &r->g.session;
	bool is_last = pos + 1 == s->n_prompt;

	if (is_last) {
		memcpy(r->next, score->top, sizeof(r->next));
		r->n_next = score->n_top;
	}
	if (is_last && s->opt.n > 0)
		return 0; /* the sampler's own candidates follow */
	if (!is_last &&
	    trace_writer_token_scored(r->writer, pos + 1, score->view.target_logprob,
				      score->view.target_rank, score->view.entropy, err))
		return err->code;
	return record_candidates(r, pos, score->top, score->n_top, err);
}

/* When a pass over the prompt ends: every row with --logits all, else the prompt's last one. */
static int scores_pass_end(void *ctx, struct executor *ex, struct err *err)
{
	struct recorder *r = ctx;
	const struct session *s = &r->g.session;
	int64_t end = ex->pos0 + ex->T, n = s->opt.all_logits ? ex->R : 1;
	struct score_job job = { .r = r, .row0 = ex->R - n, .pos0 = end - n };
	int result = 0;

	if (end > s->n_prompt || (!s->opt.all_logits && end != s->n_prompt))
		return 0;
	job.scores = mem_calloc((size_t)n, sizeof(*job.scores));
	threads_for(r->in->pool, n, score_row, &job);
	for (int64_t i = 0; i < n && result == 0; i++)
		result = record_score(r, job.pos0 + i, &job.scores[i], err);
	free(job.scores);
	return result;
}

/* What the model thought of the token that was picked or forced. */
static struct logit_view view_of(const struct session *s, int32_t id)
{
	const struct sampler *p = &s->sampler;
	struct logit_view view = { .entropy = p->entropy, .target_rank = s->picked };
	const struct executor *ex = &s->executor;
	struct candidate unused;

	if (s->picked >= 0)
		view.target_logprob = p->candidates[s->picked].logprob;
	else
		sampler_top(executor_logits(ex, ex->R - 1), s->model->config->n_vocab, &unused, 1,
			    id, &view);
	return view;
}

/* The token that will follow, and what it was picked from. */
static int record_pick(struct recorder *r, int32_t id, struct err *err)
{
	const struct session *s = &r->g.session;
	const struct sampler *p = &s->sampler;
	struct logit_view view = view_of(s, id);
	int64_t n = p->n_candidates < MAX_RECORDED ? p->n_candidates : MAX_RECORDED;
	enum token_source source = s->is_forced ? TOKEN_FORCED : TOKEN_GENERATED;

	if (trace_writer_token(r->writer, s->n_tokens, id, -1, -1, source, err) ||
	    trace_writer_token_scored(r->writer, s->n_tokens, view.target_logprob, view.target_rank,
				      view.entropy, err))
		return err->code;
	return record_candidates(r, s->n_tokens - 1, p->candidates, n, err);
}

/* The sampler's last step yields the token, before the session appends it. */
static bool wants_last_step(void *ctx, const struct site *at)
{
	const struct recorder *r = ctx;
	const struct session *s = &r->g.session;

	return at->kind == SITE_STAGE && r->writer && at->step == &s->sampler_steps[s->stage.n - 1];
}

static int scores_after(void *ctx, struct executor *ex, const struct site *at, struct err *err)
{
	(void)ex;
	return record_pick(ctx, (int32_t)at->step->token_id, err);
}

int scores_record_prompt(struct recorder *r, struct err *err)
{
	const struct session *s = &r->g.session;
	const struct tokenizer *tok = r->in->model.tokenizer;

	for (int64_t i = 0; i < s->n_prompt; i++) {
		bool has_text = i < s->encoding.n;
		int64_t start = has_text ? s->encoding.tokens[i].start : -1;
		int64_t end = has_text ? s->encoding.tokens[i].end : -1;
		bool is_bos =
			has_text && i == 0 && start == end && s->tokens[0] == tokenizer_bos(tok);

		if (trace_writer_token(r->writer, i, s->tokens[i], start, end,
				       is_bos ? TOKEN_BOS : TOKEN_PROMPT, err))
			return err->code;
	}
	return 0;
}

void scores_init(struct recorder *r)
{
	r->scores = (struct hook){ .wants = wants_last_step,
				   .after = scores_after,
				   .pass_end = scores_pass_end,
				   .stages = STAGE_BIT(STAGE_SAMPLER),
				   .ctx = r };
}
