/*
 * recorder.c -- a session with the trace writer listening: opening the recording, its runs, edits.
 */
#include "torchless/record.h"
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

struct trace_options recorder_trace_options(const struct recorder *r)
{
	return (struct trace_options){
		.capture = &r->capture,
		.pattern_keys = PATTERN_KEYS,
		.budget = option_int(r->in, OPT_BUDGET, 0),
		.shapes = r->shapes,
		.n_shapes = r->n_shapes,
		.settings = r->settings,
		.n_settings = r->n_settings,
	};
}

void recorder_describe_model(struct recorder *r, struct trace_model *m)
{
	const struct checkpoint *ck = &r->in->model.checkpoint;
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
	if (r->in->model.tokenizer) {
		hash_tokenizer(ck, r->tokenizer_hash);
		m->tokenizer_hash = r->tokenizer_hash;
		m->piece = piece_of;
	}
}

/* The hashes are where m points to. */
static int describe_model(struct recorder *r, struct trace_model *m, struct err *err)
{
	recorder_describe_model(r, m);
	return checkpoint_hash(&r->in->model.checkpoint, r->in->pool, r->weights_hash, err);
}

void recorder_expect(struct recorder *r)
{
	const struct session *s = &r->g.session;
	const struct sampler_options *o = &s->opt.sampler;
	int64_t n_kept = o->temp > 0 ? o->top_k > 0 ? o->top_k : s->model->config->n_vocab : 0;
	struct trace_shape shape = {
		.n_prompt = s->n_prompt,
		.n_generate = s->opt.n,
		.chunk = s->opt.executor.chunk,
		.all_logits = s->opt.all_logits,
		.n_tok_steps = s->encoding.n_steps,
		.n_top = TOP,
		.n_candidates = n_kept + TOP < MAX_RECORDED ? n_kept + TOP : MAX_RECORDED,
		.n_sampler_steps =
			1 + (o->temp > 0) * (1 + (o->top_k > 0) + (o->top_p < 1) + (o->min_p > 0)),
		.text_bytes = (int64_t)r->g.prompt.len + 200,
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

static void say_dropped(const struct recorder *r, const struct trace_dropped *d)
{
	struct text t = { 0 };
	char bytes[32];

	if (!d->n_dumps || option_on(r->in, OPT_QUIET))
		return;
	if (d->n_points)
		add_patterns(&t, d->patterns.data);
	warn("--budget %s leaves out %lld dumps of %s%s%s: statistics are kept",
	     option_text(r->in, OPT_BUDGET, ""), (long long)d->n_dumps,
	     mem_format_bytes(d->bytes, bytes, sizeof(bytes)), t.data ? ", " : "",
	     t.data ? t.data : "");
	text_release(&t);
}

static void listen_writer(struct recorder *r)
{
	if (r->writer)
		session_add_hook(&r->g.session, trace_writer_hook(r->writer));
}

int recorder_create(struct recorder *r, struct err *err)
{
	const struct trace_options o = recorder_trace_options(r);
	struct trace_model model;

	if (describe_model(r, &model, err))
		return err->code;
	r->writer = trace_writer_new(r->path, &r->in->model.program, &model, &o, err);
	listen_writer(r);
	if (!r->writer)
		return err->code;
	say_dropped(r, trace_writer_dropped(r->writer));
	return 0;
}

int recorder_resume(struct recorder *r, int64_t n_runs, int64_t *n_done, struct err *err)
{
	const struct trace_options o = recorder_trace_options(r);
	struct trace_model model;
	int result = describe_model(r, &model, err);

	if (result == 0)
		result = trace_writer_resume(r->path, &r->in->model.program, &model, &o, n_runs,
					     n_done, &r->writer, err);
	listen_writer(r);
	return result;
}

/* The command line as JSON, without the prompt when it must not be kept. */
static void add_command_line(struct text *t, const struct recorder *r)
{
	const struct invocation *in = r->in;
	bool first = true;

	text_adds(t, "{\"argv\": [");
	for (int i = 0; i < in->argc; i++) {
		if (option_on(in, OPT_REDACT) && in->n_args > 0 && in->argv[i] == in->args[0])
			continue;
		text_adds(t, first ? "" : ", ");
		text_add_json(t, in->argv[i], strlen(in->argv[i]));
		first = false;
	}
	text_addf(
		t,
		"], \"n\": %lld, \"chunk\": %lld, \"logits\": \"%s\", \"chat\": %s, \"capture\": %s",
		(long long)r->g.session.opt.n, (long long)r->g.session.opt.executor.chunk,
		r->g.session.opt.all_logits ? "all" : "last",
		option_on(in, OPT_CHAT) ? "true" : "false", r->capture_json.data);
	if (option_on(in, OPT_BUDGET))
		text_addf(t, ", \"budget\": %lld", (long long)option_int(in, OPT_BUDGET, 0));
	text_addc(t, '}');
}

static int begin_run(struct recorder *r, const struct prompt *p, struct err *err)
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
		.line = p->line,
		.line_id = p->id,
		.prompt = p->text.data,
		.prompt_len = p->text.len,
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

static int zero_values(struct recorder *r, const bool *wanted, const char *text, const char *part,
		       struct err *err)
{
	const struct program *p = &r->in->model.program;

	for (int v = 0; v < p->n_values; v++) {
		struct edit edit = { .value = v, .kind = EDIT_ZERO, .pass_to = -1, .source = text };

		if (!wanted[v])
			continue;
		if (selection_parse(&edit.sel, part, p->values[v].point->axes, err) ||
		    executor_add_edit(&r->g.session.executor, &edit, err) < 0)
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
		result = zero_values(r, wanted, text, part, err);
	free(wanted);
	return result < 0 ? err_wrap(err, "--zero %s", text) : 0;
}

int recorder_add_edits(struct recorder *r, struct err *err)
{
	const struct option_value *zero = &r->in->option[OPT_ZERO];

	for (int i = 0; i < zero->n; i++)
		if (add_zero(r, zero->list[i], err))
			return err->code;
	return 0;
}

/* ---- running ------------------------------------------------------------------------------ */

/* The only hook that pauses is the one of --stop-on. */
static int stop_error(struct recorder *r, struct err *err)
{
	if (trace_writer_stopped(r->writer, r->stop.value, err))
		return err->code;
	return err_set(err, ERR_NO, "stopped: %s of pass %d holds %s; %s has everything up to it",
		       r->in->model.program.values[r->stop.value].name, r->stop.pass,
		       r->stop.on_nan ? "NaN" : "infinity", r->path);
}

static int record_passes(struct recorder *r, struct err *err)
{
	int status;

	while ((status = generation_advance(&r->g, err)) == SESSION_TOKEN)
		;
	if (status == SESSION_PAUSED)
		return stop_error(r, err);
	if (status == SESSION_DONE)
		generation_finish(&r->g);
	return status < 0 ? status : 0;
}

static const char *run_status(int result)
{
	if (result == 0)
		return "ok";
	return result == ERR_NO || result == ERR_INTERRUPTED ? "stopped" : "error";
}

int recorder_run(struct recorder *r, const struct prompt *p, struct err *err)
{
	struct err late = { 0 };
	int result = begin_run(r, p, err);

	if (result)
		return result;
	profile_restart(&r->profile);
	r->stop.value = -1;
	result = scores_record_prompt(r, err);
	if (result == 0)
		result = record_passes(r, err);
	profile_clear_bar(&r->profile);
	if (trace_writer_end_run(r->writer, run_status(result), &late) == 0 || result)
		return result;
	*err = late;
	return late.code;
}

/* A log that a full disk has no room to fold in belongs to the file. */
static void name_log(const struct recorder *r, struct err *err)
{
	struct err why = *err;
	struct text log = { 0 };

	text_addf(&log, "%s-wal", r->path);
	if (access(log.data, F_OK) == 0)
		err_set(err, why.code, "%s; keep %s with it", why.message, log.data);
	text_release(&log);
}

int recorder_close(struct recorder *r, int result, struct err *err)
{
	struct err late = { 0 };
	struct stat st;
	int closed = 0;

	if (r->writer) {
		r->totals = trace_writer_totals(r->writer);
		say_dropped(r, trace_writer_cut(r->writer));
		closed = trace_writer_close(r->writer, &late);
		r->writer = NULL;
	}
	if (result == 0 && stat(r->path, &st) == 0)
		r->totals.file_bytes = (int64_t)st.st_size;
	if (result == 0 && closed)
		*err = late;
	if (err->code == ERR_IO)
		name_log(r, err);
	return result ? result : closed;
}

/* ---- before anything is written ----------------------------------------------------------- */

int recorder_open(struct recorder *r, bool needs_tokenizer, struct err *err)
{
	const struct option_value *capture = &r->in->option[OPT_CAPTURE];
	const struct generation_options o = {
		.n = 1,
		.all_logits = option_int(r->in, OPT_LOGITS, 0) == 0,
		.needs_tokenizer = needs_tokenizer,
	};

	for (int i = 0; i < capture->n; i++)
		if (capture_policy_add(&r->capture, capture->list[i], err))
			return err->code;
	if (generation_open(&r->g, r->in, &o, err) ||
	    capture_policy_describe(&r->capture, &r->in->model.program, &r->capture_json, err))
		return err->code;
	if (capture->n > 0)
		note(r->in, "capture %s", r->capture_json.data);
	return recorder_add_edits(r, err);
}

void recorder_listen(struct recorder *r, const struct ui *bar)
{
	profile_init(&r->profile, &r->g.session, bar);
	scores_init(r);
	session_add_hook(&r->g.session, &r->profile.hook);
	session_add_hook(&r->g.session, &r->scores);
	stop_init(&r->stop, option_int(r->in, OPT_STOP_ON, 0) == 0, PATTERN_KEYS);
	if (option_on(r->in, OPT_STOP_ON))
		session_add_hook(&r->g.session, &r->stop.hook);
}

void recorder_release(struct recorder *r)
{
	generation_release(&r->g);
	profile_release(&r->profile);
	capture_policy_release(&r->capture);
	text_release(&r->capture_json);
	free(r->shapes);
	text_release(&r->piece);
	free(r->model_file);
}
