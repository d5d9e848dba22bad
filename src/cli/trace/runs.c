/*
 * runs.c -- `torchless trace --prompts`: a run a line of a file, and what is said of them all.
 */
#include "torchless/record_runs.h"
#include "trace.h"

#include <string.h>

static double per_second(int64_t n, int64_t ns)
{
	return ns > 0 ? 1e9 * (double)n / (double)ns : 0;
}

static void add_runs(struct text *t, const struct record_runs *runs, const struct ui *ui)
{
	char n[32], elapsed[32], prompt[32], generated[32];
	int64_t computing = 0;

	for (int i = 0; i < PART_COUNT; i++) /* without what the recorder took */
		computing += runs->recorder->profile.ns[i];

	summary_add_label(t, ui, "runs");
	text_addf(t, "%s of ", ui_format_count(runs->n_recorded, n, sizeof(n)));
	ui_add_clipped(t, ui, runs->prompts->file, strlen(runs->prompts->file), 40);
	text_addf(t, " in %s, %.1f a second",
		  ui_format_time(runs->elapsed_ns, elapsed, sizeof(elapsed)),
		  per_second(runs->n_recorded, runs->elapsed_ns));
	if (runs->n_found > 0)
		text_addf(t, "; %s %s there", ui_format_count(runs->n_found, n, sizeof(n)),
			  plural(runs->n_found, "was", "were"));
	text_addc(t, '\n');
	summary_add_label(t, ui, "tokens");
	text_addf(t, "%s of prompts, %s generated; %.0f a second of computing\n",
		  ui_format_count(runs->n_prompt, prompt, sizeof(prompt)),
		  ui_format_count(runs->n_generated, generated, sizeof(generated)),
		  per_second(runs->n_prompt + runs->n_generated, computing));
}

/* Lines with edits of their own. */
static int64_t count_zeroed(const struct prompt_list *list)
{
	int64_t n = 0;

	for (int64_t i = 0; i < list->n; i++)
		n += list->items[i].n_zero > 0;
	return n;
}

/* What every run was edited by, and how many edited more. */
static void add_edits(struct text *t, const struct trace_command *c, int64_t n_zeroed,
		      const struct prompt_list *list, const struct ui *ui)
{
	summary_add_edits(t, c, ui);
	if (n_zeroed == 0)
		return;
	summary_add_label(t, ui, "zeroed");
	text_addf(t, "what %lld of %lld %s\n", (long long)n_zeroed, (long long)list->n,
		  plural(list->n, "line says", "lines say"));
}

static void add_summary(struct text *t, const struct trace_command *c,
			const struct record_runs *runs, const struct ui *ui)
{
	struct next_command commands[] = {
		{ "torchless query", " runs", true },
		{ "torchless query", " residual run=1", true },
		{ "sqlite3 ", " \"SELECT run_id, line, id, completion FROM v_run\"", false },
	};
	int64_t n_zeroed = count_zeroed(runs->prompts);

	if (runs->n_found == runs->prompts->n) {
		text_adds(t, "nothing to do: ");
		ui_add_visible(t, ui, c->recorder.opt.path, strlen(c->recorder.opt.path));
		text_adds(t, " holds every run of ");
		ui_add_visible(t, ui, runs->prompts->file, strlen(runs->prompts->file));
		text_addc(t, '\n');
		summary_wrap(t, ui);
		return;
	}
	summary_add_model(t, c, ui);
	add_runs(t, runs, ui);
	add_edits(t, c, n_zeroed, runs->prompts, ui);
	if (n_zeroed > 0)
		commands[1].after = " differ a=1 b=2";
	summary_add_time(t, c, ui);
	summary_add_file(t, c, ui);
	summary_wrap(t, ui);
	summary_add_next(t, c, ui, commands, (int)(sizeof(commands) / sizeof(commands[0])));
}

static void add_json(struct text *t, const struct trace_command *c, const struct record_runs *runs)
{
	const char *model = summary_model_name(c);

	text_adds(t, "{\"file\": ");
	text_add_json(t, c->recorder.opt.path, strlen(c->recorder.opt.path));
	text_adds(t, ", \"model\": ");
	text_add_json(t, model, strlen(model));
	text_adds(t, ", \"prompts\": ");
	text_add_json(t, runs->prompts->file, strlen(runs->prompts->file));
	text_addf(t,
		  ", \"runs\": %lld, \"recorded\": %lld, \"prompt_tokens\": %lld, "
		  "\"generated_tokens\": %lld, \"elapsed_ns\": %lld, ",
		  (long long)runs->prompts->n, (long long)runs->n_recorded,
		  (long long)runs->n_prompt, (long long)runs->n_generated,
		  (long long)runs->elapsed_ns);
	summary_add_json_totals(t, c, runs->prefill_ns, runs->decode_ns);
}

static int print_summary(const struct trace_command *c, const struct record_runs *runs,
			 struct err *err)
{
	const struct invocation *in = c->in;
	const struct ui *ui = in->out.is_terminal ? &in->out : &in->err;
	struct ui people = *ui; /* as in summary.c */
	struct text t = { 0 };
	int result = 0;

	summary_warn_of_old(c);
	if (option_on(in, OPT_JSON)) {
		add_json(&t, c, runs);
		result = write_out(t.data, t.len, err);
	} else if (!option_on(in, OPT_QUIET)) {
		people.is_terminal = true;
		add_summary(&t, c, runs, &people);
		ui_write(&people, t.data, t.len);
	}
	text_release(&t);
	return result;
}

/* ---- the command -------------------------------------------------------------------------- */

static int read_prompts(struct prompt_list *list, struct invocation *in, struct err *err)
{
	const char *path = option_text(in, OPT_PROMPTS, NULL);
	struct bytes json;

	if (strcmp(path, "-") != 0)
		return prompts_read(list, path, &interrupted, err);
	if (invocation_stdin(in, &json, err))
		return err->code;
	return prompts_parse(list, "standard input", json, &interrupted, err);
}

static bool has_text(const struct prompt_list *list)
{
	for (int64_t i = 0; i < list->n; i++)
		if (list->items[i].prompt.text.data)
			return true;
	return false;
}

/* The steps of the tokenizer are a part of an estimate, so they are listened to while checking. */
static int estimate(struct trace_command *c, struct record_runs *runs,
		    const struct prompt_list *list, struct err *err)
{
	recorder_listen(&c->recorder);
	if (record_runs_check(runs, &c->recorder, list, err))
		return err->code;
	return estimate_print(c, err);
}

static int record(struct trace_command *c, struct record_runs *runs, const struct prompt_list *list,
		  struct err *err)
{
	int result;

	if (record_runs_check(runs, &c->recorder, list, err) ||
	    record_runs_open(runs, option_on(c->in, OPT_RESUME), err))
		return err->code;
	result = record_runs_run(runs, err);
	bar_clear(&c->bar);
	result = record_runs_close(runs, result, err);
	return result ? result : print_summary(c, runs, err);
}

int trace_runs(struct trace_command *c, struct err *err)
{
	struct prompt_list list = { 0 };
	struct record_runs runs = { 0 };
	int result = read_prompts(&list, c->in, err);

	if (result == 0)
		result = trace_open(c, has_text(&list), bar_draw_runs, err);
	if (result == 0)
		result = option_on(c->in, OPT_ESTIMATE) ? estimate(c, &runs, &list, err)
							: record(c, &runs, &list, err);
	record_runs_release(&runs);
	prompts_release(&list);
	return result;
}
