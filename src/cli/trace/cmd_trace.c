/*
 * cmd_trace.c -- `torchless trace`: one prompt, or with --prompts a file of them (runs.c).
 *
 * The file is created last, when everything that can be wrong with the command is known.
 */
#include "../generate.h"
#include "torchless/clock.h"
#include "trace.h"

#include <stdlib.h>

static int check_options(const struct invocation *in, struct err *err)
{
	bool many = option_on(in, OPT_PROMPTS);

	if (options_exclusive(in, err, OPT_CHAT, OPT_PROMPT_IDS) ||
	    options_exclusive(in, err, OPT_PROMPTS, OPT_PROMPT_IDS) ||
	    options_exclusive(in, err, OPT_ESTIMATE, OPT_RESUME))
		return err->code;
	if (many && in->n_args > 0)
		return err_set(err, ERR_USAGE,
			       "--prompts and a PROMPT on the command line exclude each other");
	if (!many && option_on(in, OPT_RESUME))
		return err_set(
			err, ERR_USAGE,
			"--resume goes on with the runs of --prompts FILE, which is missing");
	if (!many && in->n_args == 0)
		return err_set(
			err, ERR_USAGE,
			"trace wants a PROMPT or --prompts FILE; see `torchless trace --help`");
	return 0;
}

/* The prompt is known: record it, or say what that would take. */
static int record_one(struct trace_command *c, const struct record_prompt *prompt, struct err *err)
{
	struct recorder *r = &c->recorder;
	int result;

	generation_warn(&r->generation);
	recorder_expect(r);
	if (option_on(c->in, OPT_ESTIMATE))
		return estimate_print(c, err);
	result = recorder_create(r, err);
	if (result == 0)
		result = recorder_run(r, prompt, err);
	bar_clear(&c->bar);
	result = recorder_close(r, result, err);
	if (result)
		return result;
	generation_warn_of_growth(&r->generation);
	return summary_print(c, err);
}

static int trace_one(struct trace_command *c, struct err *err)
{
	struct recorder *r = &c->recorder;
	struct record_prompt p = { 0 };
	int result = trace_open(c, !option_on(c->in, OPT_PROMPT_IDS), bar_draw_layers, err);

	if (result == 0)
		result = generate_prompt(c->in, &p.prompt, err);
	if (result == 0) {
		recorder_listen(r);
		result = recorder_set_prompt(r, &p.prompt, err);
	}
	if (result == 0)
		result = record_one(c, &p, err);
	free((int32_t *)p.prompt.ids);
	return result;
}

int cmd_trace(struct invocation *in, struct err *err)
{
	struct trace_command c = { .in = in, .began_ns = clock_ns() };
	int result = check_options(in, err);

	if (result == 0)
		result = option_on(in, OPT_PROMPTS) ? trace_runs(&c, err) : trace_one(&c, err);
	recorder_release(&c.recorder);
	free(c.words);
	return result;
}
