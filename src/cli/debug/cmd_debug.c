/*
 * cmd_debug.c -- `torchless debug`: options, the debugger, and lines for it.
 */
#include "../generate.h"
#include "torchless/debugger.h"

#include <string.h>

struct front_end {
	struct invocation *in;
	struct debugger *debugger;
	struct err failed; /* writing */
};

static void write_said(void *ctx, const char *data, size_t len)
{
	struct front_end *f = ctx;

	if (!f->failed.code)
		write_out(data, len, &f->failed);
}

static int open_debugger(struct front_end *f, struct err *err)
{
	struct invocation *in = f->in;
	struct debugger_options o = {
		.ui = &in->out, .write = write_said, .ctx = f, .interrupted = &interrupted
	};

	if (generate_open(in, true, err))
		return err->code;
	o.record.generation = generate_options(in, 16);
	o.record.path = "trace.db";
	o.record.generation.session.all_logits = true;
	if (in->n_args > 0 && generate_prompt(in, &o.prompt, err))
		return err->code;
	f->debugger = debugger_new(&in->model, &o, err);
	return f->debugger ? 0 : err->code;
}

static int run_lines(struct front_end *f, const struct option_value *lines, struct err *err)
{
	int r = 0;

	for (int i = 0; i < lines->n && r == 0; i++)
		r = debugger_line(f->debugger, lines->list[i], LINE_SCRIPT, err);
	return r < 0 ? r : f->failed.code ? f->failed.code : 0;
}

int cmd_debug(struct invocation *in, struct err *err)
{
	struct front_end f = { .in = in };
	int r = open_debugger(&f, err);

	if (r == 0)
		r = run_lines(&f, &in->option[OPT_EXECUTE], err);
	debugger_free(f.debugger);
	return r;
}
