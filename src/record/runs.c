/*
 * trace_runs.c -- `torchless trace --prompts`: a run a line of a file, in one recording.
 *
 * One session serves every run: it begins anew with each prompt, so memory is allocated once and a
 * run has the bits of its prompt traced alone.  All lines are tokenized and checked before the
 * first is run.
 */
#include "torchless/record.h"
#include "torchless/clock.h"
#include "torchless/mem.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* What --resume compares, as names and values. */
struct settings {
	struct trace_setting items[24];
	int n;
};

struct runs {
	struct recorder *r;
	struct prompt_list list;
	int64_t n_done, n_found; /* runs that are in the recording; and were before this command */
	struct settings settings;

	int64_t *line_work;

	/* Tokens that pass through the model: what there will be, and what was since started_ns. */
	int64_t work, work_done, run_work;
	int64_t started_ns, shown_ns;
	struct hook hook; /* counts them */
	const struct ui *bar;

	int64_t n_recorded, n_prompt, n_generated, prefill_ns, decode_ns, elapsed_ns;
};

/* ---- progress ----------------------------------------------------------------------------- */

static void draw(struct runs *runs)
{
	int64_t now = clock_ns(), done = runs->work_done + runs->run_work, spent;
	char shown[32], all[32], left[32];
	struct text t = { 0 };

	if (!runs->bar || now - runs->shown_ns < 100000000)
		return;
	runs->shown_ns = now;
	spent = now - runs->started_ns;
	text_adds(&t, "\rruns       ");
	ui_add_bar(&t, runs->bar, runs->work > 0 ? (double)done / (double)runs->work : 0, 31);
	text_addf(&t, " %s/%s", ui_format_count(runs->n_done, shown, sizeof(shown)),
		  ui_format_count(runs->list.n, all, sizeof(all)));
	if (done > 0 && spent > 500000000)
		text_addf(&t, "   %s left",
			  ui_format_time((int64_t)((double)spent / (double)done *
						   (double)(runs->work - done)),
					 left, sizeof(left)));
	text_adds(&t, "\033[K");
	fwrite(t.data, 1, t.len, runs->bar->out);
	fflush(runs->bar->out);
	text_release(&t);
}

static void clear_bar(const struct runs *runs)
{
	if (runs->bar && runs->shown_ns > 0)
		fputs("\r\033[K", runs->bar->out);
}

static bool wants_no_site(void *ctx, const struct site *at)
{
	(void)ctx, (void)at;
	return false;
}

static int count_pass(void *ctx, struct executor *ex, struct err *err)
{
	struct runs *runs = ctx;

	(void)err;
	runs->run_work += ex->T;
	draw(runs);
	return 0;
}

/* ---- before the first run ----------------------------------------------------------------- */

/* The last token that is generated does not pass through the model. */
static int64_t work_of(const struct session *s)
{
	return s->n_prompt + (s->opt.n > 1 ? s->opt.n - 1 : 0);
}

static int check_line(struct runs *runs, const struct prompt *p, int64_t *n_doubtful,
		      struct err *err)
{
	struct generation *g = &runs->r->g;
	struct text where = { 0 };
	int result;

	if (!p->text.data && option_on(runs->r->in, OPT_CHAT))
		result = err_set(err, ERR_USAGE, "--chat wraps text, and this line has ids");
	else
		result = generation_set_prompt(g, p, err);
	if (result)
		return err_wrap(err, "%s:%lld", runs->list.file, (long long)p->line);
	runs->line_work[p - runs->list.items] = work_of(&g->session);
	recorder_expect(runs->r);
	if (!generation_is_doubtful(g) || (*n_doubtful)++ > 0)
		return 0;
	text_addf(&where, "%s:%lld: ", runs->list.file, (long long)p->line);
	g->where = where.data;
	generation_warn(g);
	g->where = "";
	text_release(&where);
	return 0;
}

static int check_lines(struct runs *runs, struct err *err)
{
	int64_t n_doubtful = 0;

	for (int64_t i = 0; i < runs->list.n; i++) {
		if (check_line(runs, &runs->list.items[i], &n_doubtful, err))
			return err->code;
		if (interrupted)
			return err_set(err, ERR_INTERRUPTED, "interrupted");
	}
	if (n_doubtful > 1)
		warn("%s: %lld more prompts deserve such a warning", runs->list.file,
		     (long long)n_doubtful - 1);
	return 0;
}

static int open_runs(struct runs *runs, struct err *err)
{
	struct recorder *r = runs->r;
	bool has_bar = r->in->err.is_terminal && !option_on(r->in, OPT_QUIET);
	bool has_text = false;

	if (prompts_read(&runs->list, r->in, option_text(r->in, OPT_PROMPTS, NULL), err))
		return err->code;
	for (int64_t i = 0; i < runs->list.n; i++)
		has_text = has_text || runs->list.items[i].text.data;
	runs->line_work = mem_calloc((size_t)runs->list.n, sizeof(*runs->line_work));
	if (recorder_open(r, has_text, err))
		return err->code;
	if (option_on(r->in, OPT_ESTIMATE)) /* the steps of the tokenizer are to be counted */
		recorder_listen(r, NULL);
	if (check_lines(runs, err))
		return err->code;
	if (option_on(r->in, OPT_ESTIMATE))
		return 0;
	recorder_listen(r, NULL);
	runs->bar = has_bar ? &r->in->err : NULL;
	runs->hook = (struct hook){ .wants = wants_no_site, .pass_end = count_pass, .ctx = runs };
	session_add_hook(&r->g.session, &runs->hook);
	return 0;
}

/* ---- what --resume compares --------------------------------------------------------------- */

static void settings_release(struct settings *s)
{
	for (int i = 0; i < s->n; i++)
		free((char *)s->items[i].value);
	s->n = 0;
}

/* Takes over the text. */
static void add_setting(struct settings *s, const char *name, struct text *value)
{
	assert(s->n < (int)(sizeof(s->items) / sizeof(s->items[0])));
	s->items[s->n++] = (struct trace_setting){ name, value->data };
}

static void add_number(struct settings *s, const char *name, double x)
{
	struct text t = { 0 };

	add_json_number(&t, x);
	add_setting(s, name, &t);
}

static void add_words(struct settings *s, const char *name, const struct option_value *list)
{
	struct text t = { 0 };

	text_addc(&t, '[');
	for (int i = 0; i < list->n; i++) {
		text_adds(&t, i ? ", " : "");
		text_add_json(&t, list->list[i], strlen(list->list[i]));
	}
	text_addc(&t, ']');
	add_setting(s, name, &t);
}

static void add_word(struct settings *s, const char *name, const char *word)
{
	struct text t = { 0 };

	text_adds(&t, word);
	add_setting(s, name, &t);
}

static void add_prompts(struct settings *s, const struct prompt_list *list)
{
	struct text t = { 0 };

	text_addf(&t, "%lld lines of hash ", (long long)list->n);
	for (size_t i = 0; i < sizeof(list->hash); i++)
		text_addf(&t, "%02x", list->hash[i]);
	add_setting(s, "--prompts", &t);
}

/* Whatever changes what a run records; threads and --stop-on do not. */
static void describe_settings(struct runs *runs)
{
	const struct invocation *in = runs->r->in;
	const struct session_options *o = &runs->r->g.session.opt;
	struct settings *s = &runs->settings;

	add_prompts(s, &runs->list);
	add_number(s, "-n", (double)runs->r->g.n);
	add_number(s, "--temp", o->sampler.temp);
	add_number(s, "--top-k", (double)o->sampler.top_k);
	add_number(s, "--top-p", o->sampler.top_p);
	add_number(s, "--min-p", o->sampler.min_p);
	add_number(s, "--seed", (double)o->sampler.seed);
	add_number(s, "--chunk", (double)o->executor.chunk);
	add_word(s, "--logits", o->all_logits ? "all" : "last");
	add_word(s, "--chat", option_on(in, OPT_CHAT) ? "on" : "off");
	add_word(s, "--redact", option_on(in, OPT_REDACT) ? "on" : "off");
	add_words(s, "--zero", &in->option[OPT_ZERO]);
	add_words(s, "--capture", &in->option[OPT_CAPTURE]);
	add_number(s, "--budget", (double)option_int(in, OPT_BUDGET, 0));
	add_word(s, "kernels", in->kernels->isa);
	runs->r->settings = s->items;
	runs->r->n_settings = s->n;
}

static int open_recording(struct runs *runs, struct err *err)
{
	struct recorder *r = runs->r;

	describe_settings(runs);
	if (!option_on(r->in, OPT_RESUME) || (access(r->path, F_OK) && errno == ENOENT))
		return recorder_create(r, err);
	if (recorder_resume(r, runs->list.n, &runs->n_found, err))
		return err->code;
	runs->n_done = runs->n_found;
	return 0;
}

/* ---- the runs ----------------------------------------------------------------------------- */

/* What was not done, said with the reason. */
static int stopped_at(const struct runs *runs, const struct prompt *p, struct err *err)
{
	struct err why = *err;
	long long left = (long long)(runs->list.n - runs->n_done);

	if (why.code == ERR_INTERRUPTED)
		return err_set(
			err, ERR_INTERRUPTED,
			"interrupted at %s:%lld; %s has the %lld runs before it, and --resume goes on",
			runs->list.file, (long long)p->line, runs->r->path,
			(long long)runs->n_done);
	return err_set(err, why.code, "%s:%lld: %s; of %lld prompts %lld are not done",
		       runs->list.file, (long long)p->line, why.message, (long long)runs->list.n,
		       left);
}

static int record_line(struct runs *runs, const struct prompt *p, struct err *err)
{
	const struct session *s = &runs->r->g.session;
	int result = generation_set_prompt(&runs->r->g, p, err);

	if (result == 0)
		result = recorder_run(runs->r, p, err);
	runs->n_prompt += s->n_prompt;
	runs->n_generated += s->n_generated;
	runs->prefill_ns += s->prefill_ns;
	runs->decode_ns += s->decode_ns;
	if (result)
		return stopped_at(runs, p, err);
	runs->n_done++;
	runs->n_recorded++;
	runs->work_done += runs->line_work[p - runs->list.items];
	runs->run_work = 0;
	draw(runs);
	return 0;
}

static int record_lines(struct runs *runs, struct err *err)
{
	int result = 0;

	runs->started_ns = clock_ns();
	for (int64_t i = runs->n_done; i < runs->list.n; i++)
		runs->work += runs->line_work[i];
	for (int64_t i = runs->n_done; i < runs->list.n && result == 0; i++)
		result = record_line(runs, &runs->list.items[i], err);
	clear_bar(runs);
	result = recorder_close(runs->r, result, err);
	runs->elapsed_ns = clock_ns() - runs->started_ns;
	return result;
}

/* ---- the summary -------------------------------------------------------------------------- */

static double per_second(int64_t n, int64_t ns)
{
	return ns > 0 ? 1e9 * (double)n / (double)ns : 0;
}

static void add_runs(struct text *t, const struct runs *runs, const struct ui *ui)
{
	char n[32], elapsed[32], prompt[32], generated[32];
	int64_t computing = 0;

	for (int i = 0; i < PART_COUNT; i++) /* without what the recorder took */
		computing += runs->r->profile.ns[i];

	summary_add_label(t, ui, "runs");
	text_addf(t, "%s of ", ui_format_count(runs->n_recorded, n, sizeof(n)));
	ui_add_clipped(t, ui, runs->list.file, strlen(runs->list.file), 40);
	text_addf(t, " in %s, %.1f a second",
		  ui_format_time(runs->elapsed_ns, elapsed, sizeof(elapsed)),
		  per_second(runs->n_recorded, runs->elapsed_ns));
	if (runs->n_found > 0)
		text_addf(t, "; %s were there", ui_format_count(runs->n_found, n, sizeof(n)));
	text_addc(t, '\n');
	summary_add_label(t, ui, "tokens");
	text_addf(t, "%s of prompts, %s generated; %.0f a second of computing\n",
		  ui_format_count(runs->n_prompt, prompt, sizeof(prompt)),
		  ui_format_count(runs->n_generated, generated, sizeof(generated)),
		  per_second(runs->n_prompt + runs->n_generated, computing));
}

static void add_summary(struct text *t, const struct runs *runs, const struct ui *ui)
{
	static const struct next_command commands[] = {
		{ "torchless query", " runs", true },
		{ "torchless query", " residual run=1", true },
		{ "sqlite3 ", " \"SELECT run_id, line, id, completion FROM v_run\"", false },
	};

	if (runs->n_found == runs->list.n) {
		text_adds(t, "nothing to do: ");
		text_add_escaped(t, runs->r->path, strlen(runs->r->path));
		text_adds(t, " holds every run of ");
		text_add_escaped(t, runs->list.file, strlen(runs->list.file));
		text_addc(t, '\n');
		return;
	}
	summary_add_model(t, runs->r, ui);
	add_runs(t, runs, ui);
	summary_add_time(t, runs->r, ui);
	summary_add_file(t, runs->r, ui);
	summary_add_next(t, runs->r, ui, commands, (int)(sizeof(commands) / sizeof(commands[0])));
}

static void add_json(struct text *t, const struct runs *runs)
{
	const char *model = summary_model_name(runs->r);

	text_adds(t, "{\"file\": ");
	text_add_json(t, runs->r->path, strlen(runs->r->path));
	text_adds(t, ", \"model\": ");
	text_add_json(t, model, strlen(model));
	text_adds(t, ", \"prompts\": ");
	text_add_json(t, runs->list.file, strlen(runs->list.file));
	text_addf(t,
		  ", \"runs\": %lld, \"recorded\": %lld, \"prompt_tokens\": %lld, "
		  "\"generated_tokens\": %lld, \"elapsed_ns\": %lld, ",
		  (long long)runs->list.n, (long long)runs->n_recorded, (long long)runs->n_prompt,
		  (long long)runs->n_generated, (long long)runs->elapsed_ns);
	summary_add_json_totals(t, runs->r, runs->prefill_ns, runs->decode_ns);
}

static int print_summary(const struct runs *runs, struct err *err)
{
	const struct invocation *in = runs->r->in;
	const struct ui *ui = in->out.is_terminal ? &in->out : &in->err;
	struct text t = { 0 };
	int result = 0;

	if (option_on(in, OPT_JSON)) {
		add_json(&t, runs);
		result = write_out(t.data, t.len, err);
	} else if (!option_on(in, OPT_QUIET)) {
		add_summary(&t, runs, ui);
		fwrite(t.data, 1, t.len, ui->out);
	}
	text_release(&t);
	return result;
}

int trace_runs(struct recorder *r, struct err *err)
{
	struct runs runs = { .r = r };
	bool is_estimate = option_on(r->in, OPT_ESTIMATE);
	int result = open_runs(&runs, err);

	if (result == 0)
		result = is_estimate ? recorder_estimate(r, err) : open_recording(&runs, err);
	if (result == 0 && !is_estimate)
		result = record_lines(&runs, err);
	if (result == 0 && !is_estimate)
		result = print_summary(&runs, err);
	prompts_release(&runs.list);
	settings_release(&runs.settings);
	free(runs.line_work);
	return result;
}
