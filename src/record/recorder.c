/*
 * recorder.c -- a session with the trace writer listening: opening the recording, and its runs.
 */
#include "record_impl.h"
#include "torchless/mem.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

/* Statistics of O(T^2) points are recorded up to this many keys. */
#define PATTERN_KEYS 1024

/* ---- opening the recording ---------------------------------------------------------------- */

static struct bytes piece_of(void *ctx, int32_t id)
{
	struct recorder *r = ctx;

	text_clear(&r->piece);
	tokenizer_token_bytes(r->generation.session.model->tokenizer, id, &r->piece);
	return (struct bytes){ r->piece.data, r->piece.len };
}

struct trace_options recorder_trace_options(struct recorder *r)
{
	struct trace_options o = {
		.target = r->opt.target,
		.capture = &r->capture,
		.pattern_keys = PATTERN_KEYS,
		.budget = r->opt.budget,
		.shapes = r->shapes,
		.n_shapes = r->n_shapes,
		.n_repeats = r->opt.repeat,
		.settings = r->settings,
		.n_settings = r->n_settings,
	};

	r->keeps_attention = o.keeps_attention = trace_attention_fits(
		&r->generation.session.model->program, &o, &r->attention_bytes);
	return o;
}

void recorder_describe_model(struct recorder *r, struct trace_model *m)
{
	const struct model *model = r->generation.session.model;
	const struct checkpoint *ck = &model->checkpoint;
	const struct config *c = &ck->config;

	/* So that it is found from every folder. */
	if (!r->model_file)
		r->model_file = realpath(ck->path, NULL);
	*m = (struct trace_model){
		.name = c->name,
		.arch = c->arch,
		.file = r->model_file ? r->model_file : ck->path,
		.file_bytes = ck->weight_bytes,
		.weights_hash = r->weights_hash,
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
	if (model->tokenizer) {
		checkpoint_tokenizer_hash(ck, r->tokenizer_hash);
		m->tokenizer_hash = r->tokenizer_hash;
		m->piece = piece_of;
	}
}

/* The hashes are where m points to. */
static int describe_model(struct recorder *r, struct trace_model *m, struct err *err)
{
	const struct session *s = &r->generation.session;

	recorder_describe_model(r, m);
	return checkpoint_hash(&s->model->checkpoint, s->opt.executor.pool, r->weights_hash, err);
}

void recorder_expect(struct recorder *r)
{
	const struct session *s = &r->generation.session;
	const struct sampler_options *o = &s->opt.sampler;
	int64_t n_kept = o->temp > 0 ? o->top_k > 0 ? o->top_k : s->model->config->n_vocab : 0;
	struct trace_shape shape = {
		.n_prompt = s->n_prompt,
		.n_generate = s->opt.n,
		.chunk = s->opt.executor.chunk,
		.all_logits = s->opt.all_logits,
		.n_tok_steps = s->encoding.n_steps,
		.n_top = RECORD_TOP,
		.n_candidates =
			n_kept + RECORD_TOP < RECORD_PICKED ? n_kept + RECORD_TOP : RECORD_PICKED,
		.n_sampler_steps =
			1 + (o->temp > 0) * (1 + (o->top_k > 0) + (o->top_p < 1) + (o->min_p > 0)),
		.text_bytes = (int64_t)r->generation.prompt.len + 200,
	};

	/* Every run begins at the same seed. */
	shape.same = XXH3_64bits_withSeed(s->tokens, (size_t)s->n_prompt * sizeof(*s->tokens),
					  (XXH64_hash_t)s->opt.n);

	r->shapes = mem_grow(r->shapes, (size_t)r->n_shapes, &r->cap_shapes, sizeof(*r->shapes));
	r->shapes[r->n_shapes++] = shape;
}

/* "model.layers.[0-4].self_attn:pattern, lm_head:out and 7 more". */
static void add_patterns(struct text *t, const char *patterns)
{
	int n = 0, n_left = 0;

	while (*patterns) {
		size_t len = strcspn(patterns, "\n");

		if (n < 3)
			text_addf(t, "%s%.*s", n ? ", " : "", (int)len, patterns);
		else
			n_left++;
		n++;
		patterns += len + (patterns[len] == '\n');
	}
	if (n_left)
		text_addf(t, " and %d more", n_left);
}

static void warn_of_budget(const struct recorder *r, const struct trace_dropped *d)
{
	const char *budget = r->opt.budget_text;
	struct text t = { 0 };
	char bytes[32], limit[32];

	if (!d->n_dumps)
		return;
	if (d->n_points)
		add_patterns(&t, d->patterns.data);
	caller_warn(&r->opt.generation.caller, WARNING_LEFT_OUT,
		    "--budget %s leaves out %lld %s of %s%s%s: statistics are kept",
		    budget ? budget : mem_format_bytes(r->opt.budget, limit, sizeof(limit)),
		    (long long)d->n_dumps, plural(d->n_dumps, "dump", "dumps"),
		    mem_format_bytes(d->bytes, bytes, sizeof(bytes)), t.data ? ", " : "",
		    t.data ? t.data : "");
	text_release(&t);
}

static void listen_writer(struct recorder *r)
{
	r->scores.writer = r->writer;
	if (r->writer)
		session_add_hook(&r->generation.session, trace_writer_hook(r->writer));
}

/* Where a ring wraps, keys and values of a pass do not lie in one piece to be read. */
static int check_ring(const struct recorder *r, struct err *err)
{
	if (!r->opt.generation.session.executor.ring)
		return 0;
	return err_set(
		err, ERR_USAGE,
		"%s: a recording holds every key and value, so it cannot be made of a ring of them",
		r->opt.path);
}

int recorder_create(struct recorder *r, struct err *err)
{
	const struct trace_options o = recorder_trace_options(r);
	struct trace_model model;

	if (check_ring(r, err) || describe_model(r, &model, err))
		return err->code;
	r->dropped_old = trace_target_drops_old(r->opt.path);
	r->writer = trace_writer_new(r->opt.path, &r->generation.session.model->program, &model, &o,
				     err);
	listen_writer(r);
	if (!r->writer)
		return err->code;
	warn_of_budget(r, trace_writer_dropped(r->writer));
	return 0;
}

int recorder_resume(struct recorder *r, int64_t n_runs, int64_t *n_done, struct err *err)
{
	const struct trace_options o = recorder_trace_options(r);
	struct trace_model model;
	int result = check_ring(r, err) ? err->code : describe_model(r, &model, err);

	if (result == 0)
		result = trace_writer_resume(r->opt.path, &r->generation.session.model->program,
					     &model, &o, n_runs, n_done, &r->writer, err);
	if (r->writer)
		r->keeps_attention = trace_writer_keeps_attention(r->writer);
	listen_writer(r);
	return result;
}

/* ---- a run -------------------------------------------------------------------------------- */

/* What it was asked for, as JSON. */
static void add_options(struct text *t, const struct recorder *r)
{
	const struct record_options *o = &r->opt;
	const struct session_options *s = &r->generation.session.opt;

	text_adds(t, "{\"argv\": [");
	for (int i = 0; i < o->argc; i++) {
		text_adds(t, i ? ", " : "");
		text_add_json(t, o->argv[i], strlen(o->argv[i]));
	}
	text_addf(
		t,
		"], \"n\": %lld, \"chunk\": %lld, \"logits\": \"%s\", \"chat\": %s, \"capture\": %s",
		(long long)s->n, (long long)s->executor.chunk, s->all_logits ? "all" : "last",
		o->generation.chat ? "true" : "false", r->capture_json.data);
	if (s->executor.fast) {
		text_adds(t, ", \"fast\": ");
		program_add_fast_json(t, &r->generation.session.model->program,
				      r->generation.session.executor.opt.kernels);
	}
	if (o->budget > 0)
		text_addf(t, ", \"budget\": %lld", (long long)o->budget);
	if (r->parent)
		text_addf(t, ", \"fork\": {\"run\": %lld, \"pass\": %d, \"op\": %d}",
			  (long long)r->parent, r->fork_pass, r->fork_op);
	text_addc(t, '}');
}

/* What most weights are multiplied with. */
static const char *computes_in(const struct session *s)
{
	if (!s->opt.executor.fast)
		return dtype_table[DTYPE_F32].name;
	return s->executor.opt.kernels->linear_fast_dtype(s->model->checkpoint.weight_dtype);
}

static int begin_run(struct recorder *r, const struct record_prompt *p, struct err *err)
{
	const struct session *s = &r->generation.session;
	const struct sampler_options *o = &s->opt.sampler;
	struct text build = { 0 }, options = { 0 }, sampler = { 0 };
	struct trace_run run;
	int result;

	text_addf(&build, "%s%s%s", r->opt.compiler ? r->opt.compiler : "",
		  r->opt.compiler ? ", " : "", s->executor.opt.kernels->isa);
	add_options(&options, r);
	text_addf(&sampler, "{\"temp\": %g, \"top_k\": %lld, \"top_p\": %g, \"min_p\": %g}",
		  o->temp, (long long)o->top_k, o->top_p, o->min_p);
	run = (struct trace_run){
		.engine = r->opt.engine ? r->opt.engine : "torchless",
		.commit = r->opt.commit,
		.build = build.data,
		.compute = computes_in(s),
		.kv_dtype = s->opt.executor.fast ? DTYPE_F16 : DTYPE_F32,
		.n_threads = threads_count(s->opt.executor.pool),
		.seed = (int64_t)o->seed,
		.sampler_json = sampler.data,
		.opts_json = options.data,
		.line = p->line,
		.line_id = p->id,
		.prompt = p->prompt.text.data,
		.prompt_len = p->prompt.text.len,
		.redact = r->opt.redact,
		.parent = r->parent,
		.fork_pass = r->fork_pass,
		.fork_op = r->fork_op,
	};
	result = trace_writer_begin_run(r->writer, &run, err);
	text_release(&build);
	text_release(&options);
	text_release(&sampler);
	return result;
}

static const char *run_status(int result)
{
	if (result == 0)
		return "ok";
	return result == ERR_NO || result == ERR_INTERRUPTED ? "stopped" : "error";
}

static int start_run(struct recorder *r, const struct record_prompt *p, struct err *err)
{
	if (begin_run(r, p, err))
		return err->code;
	profile_restart(&r->profile);
	r->stop.value = -1;
	if (scores_record_prompt(&r->scores, err))
		return recorder_end_run(r, err->code, err);
	return 0;
}

int recorder_begin_run(struct recorder *r, const struct record_prompt *p, struct err *err)
{
	r->parent = 0;
	return start_run(r, p, err);
}

int recorder_begin_branch(struct recorder *r, const struct record_prompt *p, int pass, int op,
			  struct err *err)
{
	r->parent = trace_writer_run(r->writer);
	r->fork_pass = pass;
	r->fork_op = op;
	return start_run(r, p, err);
}

static int end_run(struct recorder *r, const char *status, struct err *err)
{
	struct err ignored = { 0 };

	/* What was edited since the last pass; a recording that failed says so when it is ended. */
	trace_writer_edits(r->writer, &r->generation.session.executor, &ignored);
	return trace_writer_end_run(r->writer, status, err);
}

int recorder_end_run(struct recorder *r, int result, struct err *err)
{
	struct err late = { 0 };

	if (end_run(r, run_status(result), &late) == 0 || result)
		return result;
	*err = late;
	return late.code;
}

int recorder_stop_run(struct recorder *r, struct err *err)
{
	return end_run(r, run_status(ERR_INTERRUPTED), err);
}

/* The only hook that pauses is the one that stops at a value. */
static int stop_error(const struct recorder *r, struct err *err)
{
	const char *what = r->opt.stop_on_nan ? "NaN" : "infinity";
	value_id v = r->stop.value;

	if (v < 0)
		return err_set(err, ERR_USAGE,
			       "another hook stopped the run, which is to be driven by hand then");
	if (r->opt.stop_on_nan && r->opt.stop_on_inf)
		what = "NaN or infinity";
	if (trace_writer_stopped(r->writer, v, err))
		return err->code;
	return err_set(err, ERR_NO, "stopped: %s of pass %d holds %s; %s has everything up to it",
		       r->generation.session.model->program.values[v].name, r->stop.pass, what,
		       r->opt.path);
}

int recorder_run(struct recorder *r, const struct record_prompt *p, struct err *err)
{
	int status;

	if (recorder_begin_run(r, p, err))
		return err->code;
	while ((status = generation_advance(&r->generation, err)) == SESSION_TOKEN)
		;
	if (status == SESSION_PAUSED)
		status = stop_error(r, err);
	if (status == SESSION_DONE)
		generation_finish(&r->generation);
	if (status == SESSION_DONE && recorder_repeat(r, err))
		status = err->code;
	return recorder_end_run(r, status < 0 ? status : 0, err);
}

/* ---- closing ------------------------------------------------------------------------------ */

/* A log that a full disk has no room to fold in belongs to the file. */
static void name_log(const struct recorder *r, struct err *err)
{
	struct err why = *err;
	struct text log = { 0 };

	text_addf(&log, "%s-wal", r->opt.path);
	if (access(log.data, F_OK) == 0)
		err_set(err, why.code, "%s; keep %s with it", why.message, log.data);
	text_release(&log);
}

int recorder_close(struct recorder *r, int result, struct err *err)
{
	struct err late = { 0 };
	struct stat st;
	bool has_file = r->writer != NULL;
	int closed = 0;

	if (has_file) {
		r->totals = trace_writer_totals(r->writer);
		warn_of_budget(r, trace_writer_cut(r->writer));
		session_remove_hook(&r->generation.session, trace_writer_hook(r->writer));
		closed = trace_writer_close(r->writer, &late);
		r->writer = r->scores.writer = NULL;
	}
	if (result == 0 && stat(r->opt.path, &st) == 0)
		r->totals.file_bytes = (int64_t)st.st_size;
	if (result == 0 && closed)
		*err = late;
	if (has_file && err->code == ERR_IO)
		name_log(r, err);
	return result ? result : closed;
}

/* ---- before anything is written ----------------------------------------------------------- */

int recorder_open(struct recorder *r, struct model *m, const struct record_options *o,
		  struct err *err)
{
	*r = (struct recorder){ .opt = *o };
	r->progress = (struct record_progress){ .tell = o->progress, .ctx = o->progress_ctx };
	for (int i = 0; i < o->n_capture; i++)
		if (capture_policy_add(&r->capture, o->capture[i], err))
			return err->code;
	if (generation_init(&r->generation, m, &o->generation, err) ||
	    capture_policy_describe(&r->capture, &m->program, &r->capture_json, err) ||
	    recorder_add_edits(r, err))
		return err->code;
	r->n_standing_edits = r->generation.session.executor.n_edits;
	profile_init(&r->profile, &r->generation.session, &r->progress);
	r->profile.caller = &r->opt.generation.caller;
	scores_init(&r->scores, &r->generation.session);
	value_stop_init(&r->stop, o->stop_on_nan, o->stop_on_inf, PATTERN_KEYS);
	return 0;
}

void recorder_listen(struct recorder *r)
{
	session_add_hook(&r->generation.session, &r->profile.hook);
	session_add_hook(&r->generation.session, &r->scores.hook);
	if (r->opt.stop_on_nan || r->opt.stop_on_inf)
		session_add_hook(&r->generation.session, &r->stop.hook);
}

void recorder_unlisten(struct recorder *r)
{
	session_remove_hook(&r->generation.session, &r->profile.hook);
	session_remove_hook(&r->generation.session, &r->scores.hook);
	session_remove_hook(&r->generation.session, &r->stop.hook);
}

int recorder_capture(struct recorder *r, const char *text, struct err *err)
{
	const struct program *p = &r->generation.session.model->program;
	struct text json = { 0 }, options = { 0 };
	int result = capture_policy_add(&r->capture, text, err);

	if (result)
		return result;
	result = capture_policy_describe(&r->capture, p, &json, err);
	if (!result) {
		struct text before = r->capture_json;

		r->capture_json = json;
		json = before;
		add_options(&options, r);
		if (r->writer)
			result = trace_writer_capture(r->writer, &r->capture, options.data, err);
	} else {
		free(r->capture.rules[--r->capture.n_rules].pattern);
	}
	text_release(&json);
	text_release(&options);
	return result;
}

void recorder_release(struct recorder *r)
{
	struct err ignored = { 0 };

	trace_writer_close(r->writer, &ignored);
	generation_release(&r->generation);
	recipes_release(&r->recipes);
	profile_release(&r->profile);
	free(r->repeats.ns);
	capture_policy_release(&r->capture);
	text_release(&r->capture_json);
	free(r->shapes);
	text_release(&r->piece);
	free(r->model_file);
	*r = (struct recorder){ 0 };
}
