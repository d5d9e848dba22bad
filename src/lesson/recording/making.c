/*
 * making.c -- the recording that a section asks for is made: its prompts as `trace --prompts` reads
 * them, its bug planted, its edits in force.
 */
#include "wanted.h"

#include "torchless/json.h"
#include "torchless/mem.h"
#include "torchless/record_runs.h"

#include <stdlib.h>
#include <string.h>

#define MAX_WORDS 64

/* ---- the prompts, as a file of JSON lines --------------------------------------------------- */

static void add_ids(const char *ids, struct text *json)
{
	text_addc(json, '[');
	for (const char *at = ids + strspn(ids, " \n"); *at; at += strspn(at, " \n")) {
		size_t n = strcspn(at, " \n");

		text_adds(json, json->data[json->len - 1] == '[' ? "" : ", ");
		text_add(json, at, n);
		at += n;
	}
	text_addc(json, ']');
}

/* Zero what is added to the stream from layer `from` on. */
static void add_silence(const struct config *c, int64_t from, struct text *json)
{
	text_adds(json, ", \"zero\": [");
	for (int64_t l = from; l < c->n_layers; l++)
		text_addf(
			json,
			"%s\"model.layers.%lld.self_attn.o_proj:out\", \"model.layers.%lld.mlp.down_proj:out\"",
			l > from ? ", " : "", (long long)l, (long long)l);
	text_addc(json, ']');
}

/* One prompt is a line; of a lens a line for every state of the stream. */
static void add_lines(const struct wanted *w, const struct model *m, const char *prompt,
		      struct text *json)
{
	int64_t n = wanted_says_yes(w, "lens") ? m->config->n_layers : 0;

	for (int64_t l = 0; l <= n; l++) {
		text_adds(json, prompt);
		if (n)
			add_silence(m->config, l, json);
		text_adds(json, "}\n");
	}
}

static int add_prompt(const struct wanted *w, const struct model *m, const char *text,
		      struct text *json, struct err *err)
{
	struct text line = { 0 };
	int result = 0;

	if (w->bug && w->bug->kind == BUG_TOKENIZER) {
		text_adds(&line, "{\"ids\": ");
		result = bug_tokenize(m, w->bug, text, &line, err);
	} else {
		text_adds(&line, "{\"prompt\": ");
		text_add_json(&line, text, strlen(text));
	}
	if (result == 0)
		add_lines(w, m, line.data, json);
	text_release(&line);
	return result;
}

static int add_prompts(const struct wanted *w, const struct model *m, struct text *json,
		       struct err *err)
{
	const char *ids = wanted_value(w, "ids", NULL);
	const char *texts = wanted_value(w, "prompts", wanted_value(w, "prompt", NULL));
	int result = 0;

	if (ids) {
		struct text t = { 0 };

		text_adds(&t, "{\"ids\": ");
		add_ids(ids, &t);
		add_lines(w, m, t.data, json);
		text_release(&t);
		return 0;
	}
	if (!texts)
		return err_set(err, ERR_FORMAT, "checks.conf: [%s] has no prompt", w->conf->name);
	if (!section_value(w->conf, "prompts"))
		return add_prompt(w, m, texts, json, err);
	for (const char *at = texts; *at && result == 0; at += *at == '\n') {
		size_t n = strcspn(at, "\n");
		char *line = mem_memdup(at, n);

		/* A line of a file of prompts stands as it is. */
		if (*line == '{')
			text_addf(json, "%s\n", line);
		else if (n)
			result = add_prompt(w, m, line, json, err);
		free(line);
		at += n;
	}
	return result;
}

/* ---- recording ------------------------------------------------------------------------------ */

struct making {
	const struct wanted *wanted;
	struct model model;
	struct planted planted;
	struct recorder recorder;
	struct record_runs runs;
	struct prompt_list prompts;
	const char *capture[MAX_WORDS], *zero[MAX_WORDS];
	const char *path;
};

static void tell_progress(void *ctx, const struct record_progress *p)
{
	const struct classroom *room = ctx;

	if (room->progress && p->work > 0)
		room->progress(room->progress_ctx, "making a recording",
			       (double)p->work_done / (double)p->work);
}

/* The words of a list, MAX_WORDS at the most; free_words() frees them. */
static int split(const char *list, const char **words)
{
	char *copy = mem_strdup(list), *rest = copy, *word;
	int n = 0;

	while (n < MAX_WORDS && (word = strtok_r(rest, " \n", &rest)))
		words[n++] = mem_strdup(word);
	free(copy);
	return n;
}

static void free_words(const char **words)
{
	for (int i = 0; i < MAX_WORDS && words[i]; i++)
		free((char *)words[i]);
}

static struct session_options session_options(const struct making *m)
{
	const struct wanted *w = m->wanted;

	return (struct session_options){
		.executor = { .kernels = &m->planted.kernels,
			      .pool = w->room->pool,
			      .plan = PLAN_RUN,
			      .chunk = atoll(wanted_value(w, "chunk", "512")) },
		.sampler = { .temp = (float)atof(wanted_value(w, "temp", "0")),
			     .top_p = (float)atof(wanted_value(w, "top_p", "1")),
			     .seed = (uint64_t)atoll(wanted_value(w, "seed", "1")) },
		.n = atoll(wanted_value(w, "n", "0")),
		.all_logits = !strcmp(wanted_value(w, "logits", "last"), "all") ||
			      wanted_says_yes(w, "lens"),
	};
}

static struct record_options record_options(struct making *m)
{
	const struct wanted *w = m->wanted;
	struct record_options o = {
		.generation = { .session = session_options(m),
				.caller = { .interrupted = w->room->interrupted } },
		.path = m->path,
		.capture = m->capture,
		.zero = m->zero,
		.engine = "torchless",
		.progress = tell_progress,
		.progress_ctx = (void *)w->room,
	};

	o.n_capture = split(wanted_capture(w), m->capture);
	o.n_zero = split(wanted_value(w, "zero", ""), m->zero);
	return o;
}

/* A lens that divides by the rms of the last layer has to have seen it. */
static int learn_rms(struct making *m, struct err *err)
{
	struct planted *p = &m->planted;
	struct generation *g = &m->recorder.generation;
	int status;

	if (!p->bug || strcmp(p->bug->name, "lens_cached_norm") != 0)
		return 0;
	if (recorder_set_line(&m->recorder, &m->prompts.items[m->prompts.n - 1], err))
		return err->code;
	p->n_rms = g->session.n_prompt + g->session.opt.n;
	p->rms = mem_calloc((size_t)p->n_rms, sizeof(*p->rms));
	p->learns = true;
	while ((status = generation_advance(g, err)) == SESSION_TOKEN)
		;
	p->learns = false;
	return status < 0 ? status : 0;
}

static int read_prompts(struct making *m, struct err *err)
{
	struct text json = { 0 };
	int result = add_prompts(m->wanted, &m->model, &json, err);

	if (result == 0)
		result = prompts_parse(&m->prompts, m->wanted->conf->name,
				       (struct bytes){ json.data, json.len }, NULL, err);
	text_release(&json);
	return result;
}

/* The edits of a bug stand in every run. */
static int plant(struct making *m, struct err *err)
{
	struct session *s = &m->recorder.generation.session;
	int n = s->executor.n_edits, result = bug_plant_session(&m->planted, s, err);

	m->recorder.n_standing_edits += s->executor.n_edits - n;
	return result;
}

static int record(struct making *m, struct err *err)
{
	const struct wanted *w = m->wanted;
	const char *isa = wanted_value(w, "kernels", NULL);
	const struct kernels *kernels = isa ? kernels_select(isa) : w->room->kernels;
	struct record_options o;
	int result;

	if (!kernels)
		return err_set(err, ERR_TOOL, "this processor has no kernels '%s'", isa);
	if (model_open(&m->model, w->model.data, CHECKPOINT_ALL, err))
		return err->code;
	bug_plant(&m->planted, w->bug, &m->model, kernels);
	o = record_options(m);
	if (recorder_open(&m->recorder, &m->model, &o, err) || plant(m, err) ||
	    read_prompts(m, err) || learn_rms(m, err) ||
	    record_runs_check(&m->runs, &m->recorder, &m->prompts, err) ||
	    record_runs_open(&m->runs, false, err))
		return err->code;
	result = record_runs_run(&m->runs, err);
	return record_runs_close(&m->runs, result, err);
}

static void making_release(struct making *m)
{
	record_runs_release(&m->runs);
	recorder_release(&m->recorder);
	prompts_release(&m->prompts);
	planted_release(&m->planted);
	model_close(&m->model);
	free_words(m->capture);
	free_words(m->zero);
}

int wanted_record(const struct wanted *w, const char *path, struct err *err)
{
	struct making m = { .wanted = w, .path = path };
	int result = record(&m, err);

	making_release(&m);
	return result;
}
