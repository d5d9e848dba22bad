/*
 * runs.c -- a run a prompt, in one recording; see record_runs.h.
 */
#include "record_impl.h"
#include "torchless/clock.h"
#include "torchless/mem.h"
#include "torchless/record_runs.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <xxhash.h>

/* ---- progress ----------------------------------------------------------------------------- */

static void tell(const struct record_runs *runs)
{
	struct record_progress *p = &runs->recorder->progress;

	p->n_runs_done = runs->n_done;
	p->work_done = runs->work_ended + runs->work_of_run;
	progress_tell(p);
}

static bool wants_no_site(void *ctx, const struct site *at)
{
	(void)ctx, (void)at;
	return false;
}

static int count_pass(void *ctx, struct executor *ex, struct err *err)
{
	struct record_runs *runs = ctx;

	(void)err;
	runs->work_of_run += ex->T;
	tell(runs);
	return 0;
}

/* ---- before the first run ----------------------------------------------------------------- */

/* The last token that is generated does not pass through the model. */
static int64_t work_of(const struct session *s)
{
	return s->n_prompt + (s->opt.n > 1 ? s->opt.n - 1 : 0);
}

/* Set the prompt of a line, which says where it stands when it cannot be. */
static int set_prompt(struct record_runs *runs, int64_t i, struct err *err)
{
	struct generation *g = &runs->recorder->generation;
	const struct record_prompt *p = &runs->prompts->items[i];
	int result;

	if (!p->prompt.text.data && g->opt.chat)
		result = err_set(err, ERR_USAGE, "--chat wraps text, and this line has ids");
	else if (p->prompt.system.data && !g->opt.chat)
		result = err_set(err, ERR_USAGE, "\"system\" needs --chat");
	else
		result = recorder_set_line(runs->recorder, p, err);
	if (result && err->code != ERR_INTERRUPTED)
		err_wrap(err, "%s:%lld", runs->prompts->file, (long long)p->line);
	return result;
}

/* Which prompts deserve a warning. */
struct doubts {
	int64_t n, first;
};

static int check_prompt(struct record_runs *runs, int64_t i, struct doubts *doubts, struct err *err)
{
	struct recorder *r = runs->recorder;

	if (set_prompt(runs, i, err))
		return err->code;
	runs->work[i] = work_of(&r->generation.session);
	recorder_expect(r);
	if (generation_is_doubtful(&r->generation) && doubts->n++ == 0)
		doubts->first = i;
	if (caller_interrupted(&r->opt.generation.caller))
		return err_set(err, ERR_INTERRUPTED, "interrupted");
	return 0;
}

/* Of the first of them, and how many others there are. */
static void warn_of_doubts(struct record_runs *runs, const struct doubts *doubts)
{
	struct generation *g = &runs->recorder->generation;
	const struct prompt_list *list = runs->prompts;
	struct text where = { 0 };
	struct err ignored = { 0 };

	if (doubts->n == 0 || set_prompt(runs, doubts->first, &ignored))
		return;
	text_addf(&where, "%s:%lld: ", list->file, (long long)list->items[doubts->first].line);
	g->where = where.data;
	generation_warn(g);
	g->where = "";
	text_release(&where);
	if (doubts->n > 1)
		caller_warn(&g->opt.caller, WARNING_DOUBT, "%s: %lld more %s such a warning",
			    list->file, (long long)doubts->n - 1,
			    plural(doubts->n - 1, "prompt deserves", "prompts deserve"));
}

/* Whoever draws progress hears of the end whatever happens, and clears the line. */
static int check_prompts(struct record_runs *runs, struct doubts *doubts, struct err *err)
{
	struct record_progress *p = &runs->recorder->progress;
	int result = 0;

	p->checking = true;
	p->n_runs = runs->prompts->n;
	for (int64_t i = 0; i < p->n_runs && result == 0; i++) {
		result = check_prompt(runs, i, doubts, err);
		p->n_runs_done = i;
		progress_tell(p);
	}
	p->n_runs_done = p->n_runs;
	progress_tell(p);
	p->checking = false;
	p->n_runs_done = 0;
	return result;
}

int record_runs_check(struct record_runs *runs, struct recorder *r, const struct prompt_list *list,
		      struct err *err)
{
	struct doubts doubts = { 0 };
	int result;

	*runs = (struct record_runs){ .recorder = r, .prompts = list };
	runs->work = mem_calloc((size_t)list->n, sizeof(*runs->work));
	result = check_prompts(runs, &doubts, err);
	if (result != ERR_INTERRUPTED)
		warn_of_doubts(runs, &doubts);
	return result;
}

/* ---- what resuming compares ---------------------------------------------------------------- */

/* Takes over the text. */
static void add_setting(struct record_runs *runs, const char *name, struct text *value)
{
	assert(runs->n_settings < RECORD_SETTINGS);
	runs->settings[runs->n_settings++] = (struct trace_setting){ name, value->data };
}

static void add_number(struct record_runs *runs, const char *name, double x)
{
	struct text t = { 0 };

	text_add_json_number(&t, x);
	add_setting(runs, name, &t);
}

static void add_list(struct text *t, const char *const *words, int n)
{
	text_addc(t, '[');
	for (int i = 0; i < n; i++) {
		text_adds(t, i ? ", " : "");
		text_add_json(t, words[i], strlen(words[i]));
	}
	text_addc(t, ']');
}

static void add_words(struct record_runs *runs, const char *name, const char *const *words, int n)
{
	struct text t = { 0 };

	add_list(&t, words, n);
	add_setting(runs, name, &t);
}

/* What is zeroed; behind it, where there are files of edits, what they say. */
static void add_edits(struct record_runs *runs)
{
	const struct recorder *r = runs->recorder;
	struct text t = { 0 };

	add_list(&t, r->opt.zero, r->opt.n_zero);
	for (int i = 0; i < r->recipes.n; i++)
		text_addf(&t, " --edits of hash %016llx",
			  (unsigned long long)r->recipes.items[i].hash);
	add_setting(runs, "--zero", &t);
}

static void add_word(struct record_runs *runs, const char *name, const char *word)
{
	struct text t = { 0 };

	text_adds(&t, word);
	add_setting(runs, name, &t);
}

static void add_prompts(struct record_runs *runs)
{
	const struct prompt_list *list = runs->prompts;
	struct text t = { 0 };

	text_addf(&t, "%lld lines of hash ", (long long)list->n);
	for (size_t i = 0; i < sizeof(list->hash); i++)
		text_addf(&t, "%02x", list->hash[i]);
	add_setting(runs, "--prompts", &t);
}

/* The system message by its hash: a recording may be one that keeps no text. */
static void add_chat(struct record_runs *runs, const struct generation_options *o)
{
	struct text t = { 0 };

	text_adds(&t, o->chat ? "on" : "off");
	if (o->system)
		text_addf(&t, ", --system %016llx",
			  (unsigned long long)XXH3_64bits(o->system, strlen(o->system)));
	add_setting(runs, "--chat", &t);
}

/* What decides about bits.  Recordings of before --fast say no less of what they were made with. */
static void add_kernels(struct record_runs *runs, const struct executor_options *o)
{
	struct text t = { 0 };

	text_addf(&t, "%s%s", o->kernels->bits, o->fast ? " --fast" : "");
	add_setting(runs, "kernels", &t);
}

/* Whatever changes what a run records; threads and --stop-on do not. */
static void describe_settings(struct record_runs *runs)
{
	const struct record_options *o = &runs->recorder->opt;
	const struct generation *g = &runs->recorder->generation;
	const struct session_options *s = &g->session.opt;

	add_prompts(runs);
	add_number(runs, "-n", (double)g->opt.session.n);
	add_number(runs, "--temp", s->sampler.temp);
	add_number(runs, "--top-k", (double)s->sampler.top_k);
	add_number(runs, "--top-p", s->sampler.top_p);
	add_number(runs, "--min-p", s->sampler.min_p);
	add_number(runs, "--seed", (double)s->sampler.seed);
	add_number(runs, "--chunk", (double)s->executor.chunk);
	add_word(runs, "--logits", s->all_logits ? "all" : "last");
	add_chat(runs, &g->opt);
	add_word(runs, "--redact", o->redact ? "on" : "off");
	add_edits(runs);
	add_words(runs, "--capture", o->capture, o->n_capture);
	add_number(runs, "--budget", (double)o->budget);
	add_kernels(runs, &g->session.executor.opt);
	runs->recorder->settings = runs->settings;
	runs->recorder->n_settings = runs->n_settings;
}

int record_runs_open(struct record_runs *runs, bool resume, struct err *err)
{
	struct recorder *r = runs->recorder;

	recorder_listen(r);
	runs->hook = (struct hook){ .wants = wants_no_site, .pass_end = count_pass, .ctx = runs };
	session_add_hook(&r->generation.session, &runs->hook);
	describe_settings(runs);
	if (!resume || (access(r->opt.path, F_OK) && errno == ENOENT))
		return recorder_create(r, err);
	if (recorder_resume(r, runs->prompts->n, &runs->n_found, err))
		return err->code;
	runs->n_done = runs->n_found;
	return 0;
}

/* ---- the runs ----------------------------------------------------------------------------- */

/* What was not done, said with the reason. */
static int stopped_at(const struct record_runs *runs, const struct record_prompt *p,
		      struct err *err)
{
	const struct prompt_list *list = runs->prompts;
	struct err why = *err;

	if (why.code == ERR_INTERRUPTED)
		return err_set(
			err, ERR_INTERRUPTED,
			"interrupted at %s:%lld; %s has the %lld %s before it, and --resume goes on",
			list->file, (long long)p->line, runs->recorder->opt.path,
			(long long)runs->n_done, plural(runs->n_done, "run", "runs"));
	return err_set(err, why.code, "%s:%lld: %s; of %lld %s %lld %s not done", list->file,
		       (long long)p->line, why.message, (long long)list->n,
		       plural(list->n, "prompt", "prompts"), (long long)(list->n - runs->n_done),
		       plural(list->n - runs->n_done, "is", "are"));
}

static int record_one(struct record_runs *runs, int64_t i, struct err *err)
{
	const struct record_prompt *p = &runs->prompts->items[i];
	struct recorder *r = runs->recorder;
	const struct session *s = &r->generation.session;
	int result = recorder_set_line(r, p, err);

	if (result == 0)
		result = recorder_run(r, p, err);
	runs->n_prompt += s->n_prompt;
	runs->n_generated += s->n_generated;
	runs->prefill_ns += s->prefill_ns;
	runs->decode_ns += s->decode_ns;
	if (result)
		return stopped_at(runs, p, err);
	runs->n_done++;
	runs->n_recorded++;
	runs->work_ended += runs->work[i];
	runs->work_of_run = 0;
	tell(runs);
	return 0;
}

int record_runs_run(struct record_runs *runs, struct err *err)
{
	struct record_progress *p = &runs->recorder->progress;
	int64_t n = runs->prompts->n;
	int result = 0;

	p->started_ns = clock_ns();
	p->n_runs = n;
	for (int64_t i = runs->n_done; i < n; i++)
		p->work += runs->work[i];
	for (int64_t i = runs->n_done; i < n && result == 0; i++)
		result = record_one(runs, i, err);
	return result;
}

int record_runs_close(struct record_runs *runs, int result, struct err *err)
{
	result = recorder_close(runs->recorder, result, err);
	runs->elapsed_ns = clock_ns() - runs->recorder->progress.started_ns;
	return result;
}

void record_runs_release(struct record_runs *runs)
{
	for (int i = 0; i < runs->n_settings; i++)
		free((char *)runs->settings[i].value);
	free(runs->work);
	*runs = (struct record_runs){ 0 };
}
