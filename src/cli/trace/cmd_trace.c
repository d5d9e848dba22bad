/*
 * cmd_trace.c -- `torchless trace`: one prompt, or with --prompts a file of them (trace_runs.c).
 *
 * The file is created last, when everything that can be wrong with the command is known.
 */
#include "torchless/record.h"

#include "torchless/clock.h"

#include <stdlib.h>

#define BIT(id) (1ull << (id))

static int check_options(const struct invocation *in, struct err *err)
{
	bool many = option_on(in, OPT_PROMPTS);

	if (options_exclusive(in, BIT(OPT_CHAT) | BIT(OPT_PROMPT_IDS), err) ||
	    options_exclusive(in, BIT(OPT_PROMPTS) | BIT(OPT_PROMPT_IDS), err) ||
	    options_exclusive(in, BIT(OPT_ESTIMATE) | BIT(OPT_RESUME), err))
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
static int record_one(struct recorder *r, const struct prompt *prompt, struct err *err)
{
	int result;

	generation_warn(&r->g);
	recorder_expect(r);
	if (option_on(r->in, OPT_ESTIMATE))
		return recorder_estimate(r, err);
	result = recorder_create(r, err);
	if (result == 0)
		result = recorder_run(r, prompt, err);
	result = recorder_close(r, result, err);
	if (result)
		return result;
	generation_warn_of_growth(&r->g);
	return summary_print(r, err);
}

static int trace_one(struct recorder *r, struct err *err)
{
	bool has_bar = r->in->err.is_terminal && !option_on(r->in, OPT_QUIET);
	struct prompt prompt = { 0 };
	int result = recorder_open(r, !option_on(r->in, OPT_PROMPT_IDS), err);

	if (result == 0)
		result = generation_argument(r->in, &prompt, err);
	if (result == 0) {
		recorder_listen(r, has_bar ? &r->in->err : NULL);
		result = generation_set_prompt(&r->g, &prompt, err);
	}
	if (result == 0)
		result = record_one(r, &prompt, err);
	free(prompt.ids);
	return result;
}

int cmd_trace(struct invocation *in, struct err *err)
{
	struct recorder r = { .in = in, .path = option_text(in, OPT_OUTPUT, "trace.db") };
	int result = check_options(in, err);

	r.began_ns = clock_ns();
	if (result == 0)
		result = option_on(in, OPT_PROMPTS) ? trace_runs(&r, err) : trace_one(&r, err);
	recorder_release(&r);
	return result;
}
