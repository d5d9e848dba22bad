/*
 * cmd_trace.c -- `torchless trace`: a generation with the recorder listening.
 *
 * Two hooks stand before the trace writer: `scores` reads the logits when a pass ends and records
 * what the model thought of every token; `profile` (profile.c) collects what the summary shows.
 * The file is created last, when everything that can be wrong with the command is known.
 */
#include "recorder.h"
#include "torchless/mem.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <xxhash.h>

#define MAX_RECORDED 256 /* candidates, at most, where a token was sampled */

/* ---- what the model thought --------------------------------------------------------------- */

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

static bool wants_no_site(void *ctx, const struct site *at)
{
	(void)ctx, (void)at;
	return false;
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

/* The token just picked, and what it was picked from. */
static int record_pick(struct recorder *r, struct err *err)
{
	const struct session *s = &r->g.session;
	const struct sampler *p = &s->sampler;
	int64_t pos = s->n_tokens - 1;
	int64_t n = p->n_candidates < MAX_RECORDED ? p->n_candidates : MAX_RECORDED;

	if (trace_writer_token(r->writer, pos, s->tokens[pos], -1, -1, TOKEN_GENERATED, err) ||
	    trace_writer_token_scored(r->writer, pos, p->candidates[s->picked].logprob, s->picked,
				      p->entropy, err))
		return err->code;
	return record_candidates(r, pos - 1, p->candidates, n, err);
}

static int record_prompt(struct recorder *r, struct err *err)
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

/* ---- opening the recording ---------------------------------------------------------------- */

static struct bytes piece_of(void *ctx, int32_t id)
{
	struct recorder *r = ctx;

	text_clear(&r->piece);
	tokenizer_token_bytes(r->in->model.tokenizer, id, &r->piece);
	return (struct bytes){ r->piece.data, r->piece.len };
}

static void hash_tokenizer(const struct checkpoint *ck, uint8_t hash[16])
{
	XXH128_canonical_t canonical;

	XXH128_canonicalFromHash(&canonical,
				 XXH3_128bits(ck->tokenizer_json, ck->tokenizer_json_len));
	memcpy(hash, canonical.digest, 16);
}

static int open_writer(struct recorder *r, const struct trace_options *o, struct err *err)
{
	const struct checkpoint *ck = &r->in->model.checkpoint;
	const struct config *c = &ck->config;
	uint8_t weights_hash[16], tokenizer_hash[16];
	struct trace_model model = {
		.name = c->name,
		.arch = c->arch,
		.file = ck->path,
		.file_bytes = ck->weight_bytes,
		.weights_hash = weights_hash,
		.n_layers = c->n_layers,
		.d_model = c->d_model,
		.n_heads = c->n_heads,
		.n_kv_heads = c->n_kv_heads,
		.head_dim = c->head_dim,
		.d_ff = c->d_ff,
		.n_vocab = c->n_vocab,
		.window = c->window,
		.rope_theta = c->rope_theta,
		.weight_dtype = ck->weight_dtype,
		.config_json = ck->config_json,
		.ctx = r,
	};

	if (checkpoint_hash(ck, r->in->pool, weights_hash, err))
		return err->code;
	if (r->in->model.tokenizer) {
		hash_tokenizer(ck, tokenizer_hash);
		model.tokenizer_hash = tokenizer_hash;
		model.piece = piece_of;
	}
	r->writer = trace_writer_new(r->path, &r->in->model.program, &model, o, err);
	return r->writer ? 0 : err->code;
}

/* The command line as JSON, without the prompt when it must not be kept. */
static void add_command_line(struct text *t, const struct recorder *r)
{
	const struct invocation *in = r->in;
	bool first = true;

	text_adds(t, "{\"argv\": [");
	for (int i = 0; i < in->argc; i++) {
		if (option_on(in, OPT_REDACT) && in->argv[i] == in->args[0])
			continue;
		text_adds(t, first ? "" : ", ");
		text_add_json(t, in->argv[i], strlen(in->argv[i]));
		first = false;
	}
	text_addf(t, "], \"n\": %lld, \"chunk\": %lld, \"logits\": \"%s\", \"chat\": %s}",
		  (long long)r->g.session.opt.n, (long long)r->g.session.opt.executor.chunk,
		  r->g.session.opt.all_logits ? "all" : "last",
		  option_on(in, OPT_CHAT) ? "true" : "false");
}

static int begin_run(struct recorder *r, struct err *err)
{
	const struct sampler_options *o = &r->g.session.opt.sampler;
	struct text engine = { 0 }, build = { 0 }, options = { 0 }, sampler = { 0 };
	struct trace_run run;
	int result;

	text_addf(&engine, "torchless %s", version_number);
	text_addf(&build, "%s, %s", version_compiler, r->in->kernels->isa);
	add_command_line(&options, r);
	text_addf(&sampler, "{\"temp\": %g, \"top_k\": %lld, \"top_p\": %g, \"min_p\": %g}",
		  o->temp, (long long)o->top_k, o->top_p, o->min_p);
	run = (struct trace_run){
		.engine = engine.data,
		.commit = version_commit,
		.build = build.data,
		.n_threads = threads_count(r->in->pool),
		.seed = (int64_t)o->seed,
		.sampler_json = sampler.data,
		.opts_json = options.data,
		.prompt = r->g.prompt.data,
		.prompt_len = r->g.prompt.len,
		.redact = option_on(r->in, OPT_REDACT),
	};
	result = trace_writer_begin_run(r->writer, &run, err);
	text_release(&engine);
	text_release(&build);
	text_release(&options);
	text_release(&sampler);
	return result;
}

/* ---- edits -------------------------------------------------------------------------------- */

/* Before there is a writer the executor is told of the edits, then the recording is. */
static int zero_values(struct recorder *r, const bool *wanted, const char *part, struct err *err)
{
	const struct program *p = &r->in->model.program;

	for (int v = 0; v < p->n_values; v++) {
		struct edit edit = { .value = v, .kind = EDIT_ZERO, .pass_to = -1 };

		if (!wanted[v])
			continue;
		if (selection_parse(&edit.sel, part, p->values[v].point->axes, err) ||
		    selection_check(&edit.sel, &p->values[v], err))
			return err->code;
		if (!r->writer)
			executor_add_edit(&r->g.session.executor, &edit);
		else if (trace_writer_edit(r->writer, v, part, "zero", err))
			return err->code;
	}
	return 0;
}

static int add_zero(struct recorder *r, const char *text, struct err *err)
{
	const struct program *p = &r->in->model.program;
	bool *wanted = mem_calloc((size_t)p->n_values, sizeof(*wanted));
	const char *part;
	char name[256];
	int result = selection_split(text, name, sizeof(name), &part, err);

	if (result == 0 && (result = points_match(p, name, wanted, err)) > 0)
		result = zero_values(r, wanted, part, err);
	free(wanted);
	return result < 0 ? err_wrap(err, "--zero %s", text) : 0;
}

static int add_zeros(struct recorder *r, struct err *err)
{
	const struct option_value *zero = &r->in->option[OPT_ZERO];

	for (int i = 0; i < zero->n; i++)
		if (add_zero(r, zero->list[i], err))
			return err->code;
	return 0;
}

/* ---- running ------------------------------------------------------------------------------ */

/* The only hook that pauses is the writer's, when --stop-on is met. */
static int stop_error(const struct recorder *r, struct err *err)
{
	const char *fqn = "a value";
	int pass = 0;

	trace_writer_stopped(r->writer, &fqn, &pass);
	return err_set(err, ERR_NO, "stopped: %s of pass %d holds %s; %s has everything up to it",
		       fqn, pass, option_int(r->in, OPT_STOP_ON, 0) == 0 ? "NaN" : "infinity",
		       r->path);
}

static int record_passes(struct recorder *r, struct err *err)
{
	int status;

	while ((status = generation_advance(&r->g, err)) == SESSION_TOKEN)
		if (record_pick(r, err))
			return err->code;
	if (status == SESSION_PAUSED)
		return stop_error(r, err);
	if (status == SESSION_DONE)
		generation_finish(&r->g);
	return status < 0 ? status : 0;
}

/* Close the recording whatever happened, so that it is readable; the first failure is kept. */
static int finish(struct recorder *r, int result, struct err *err)
{
	bool stopped = !result || result == ERR_NO || result == ERR_INTERRUPTED;
	const char *status = !result ? "ok" : stopped ? "stopped" : "error";
	struct err late = { 0 }, later = { 0 };
	struct stat st;
	int ended = trace_writer_end_run(r->writer, status, &late);
	int closed;

	r->totals = trace_writer_totals(r->writer);
	closed = trace_writer_close(r->writer, ended ? &later : &late);
	r->writer = NULL;
	if (stat(r->path, &st) == 0)
		r->totals.file_bytes = (int64_t)st.st_size;
	if (result || (!ended && !closed))
		return result;
	*err = late;
	return late.code;
}

/* Everything that can be refused, before a file is touched. */
static int prepare(struct recorder *r, struct err *err)
{
	struct invocation *in = r->in;
	const struct option_value *capture = &in->option[OPT_CAPTURE];
	const struct generation_options o = {
		.n = 1,
		.all_logits = option_int(in, OPT_LOGITS, 0) == 0,
		.needs_tokenizer = !option_on(in, OPT_PROMPT_IDS),
	};
	bool bar = in->err.is_terminal && !option_on(in, OPT_QUIET);

	for (int i = 0; i < capture->n; i++)
		if (capture_policy_add(&r->capture, capture->list[i], err))
			return err->code;
	if (generation_open(&r->g, in, &o, err))
		return err->code;
	profile_init(&r->profile, &r->g.session, bar ? &in->err : NULL);
	r->scores = (struct hook){ .wants = wants_no_site, .pass_end = scores_pass_end, .ctx = r };
	session_add_hook(&r->g.session, &r->profile.hook);
	session_add_hook(&r->g.session, &r->scores);
	if (add_zeros(r, err))
		return err->code;
	return generation_set_prompt(&r->g, err);
}

static int record(struct recorder *r, struct err *err)
{
	const struct trace_options o = {
		.capture = &r->capture,
		.stop_on_nan =
			option_on(r->in, OPT_STOP_ON) && option_int(r->in, OPT_STOP_ON, 0) == 0,
		.stop_on_inf =
			option_on(r->in, OPT_STOP_ON) && option_int(r->in, OPT_STOP_ON, 0) == 1,
		.pattern_keys = 1024,
	};
	int result;

	if (open_writer(r, &o, err))
		return err->code;
	session_add_hook(&r->g.session, trace_writer_hook(r->writer));
	result = begin_run(r, err) || add_zeros(r, err) || record_prompt(r, err)
			 ? err->code
			 : record_passes(r, err);
	profile_clear_bar(&r->profile);
	return finish(r, result, err);
}

int cmd_trace(struct invocation *in, struct err *err)
{
	struct recorder r = { .in = in, .path = option_text(in, OPT_OUTPUT, "trace.db") };
	int result = options_exclusive(in, 1ull << OPT_CHAT | 1ull << OPT_PROMPT_IDS, err);

	if (result == 0)
		result = prepare(&r, err);
	if (result == 0)
		result = record(&r, err);
	if (result == 0)
		result = summary_print(&r, err);
	generation_release(&r.g);
	profile_release(&r.profile);
	capture_policy_release(&r.capture);
	text_release(&r.piece);
	return result;
}
