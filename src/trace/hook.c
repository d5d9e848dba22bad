/*
 * hook.c -- the hook: tells the rest of the writer what happens, and counts the time that takes.
 */
#include "writer.h"

#include "torchless/clock.h"

/* What a callback returns; the time since `entered` was ours. */
static int leave(struct trace_writer *w, int64_t entered, int ret, struct err *err)
{
	w->recording_ns += clock_ns() - entered;
	return writer_result(w, ret, err);
}

static bool hook_wants(void *ctx, const struct site *at)
{
	const struct trace_writer *w = ctx;

	(void)at;
	return w->in_run;
}

static int hook_before(void *ctx, struct executor *ex, const struct site *at, struct err *err)
{
	struct trace_writer *w = ctx;

	(void)err;
	if (at->kind == SITE_OP && w->in_pass)
		w->times[at->op_index].begin = ex->model_ns;
	return HOOK_CONTINUE;
}

static int hook_after(void *ctx, struct executor *ex, const struct site *at, struct err *err)
{
	struct trace_writer *w = ctx;
	int64_t entered = clock_ns();
	int ret = HOOK_CONTINUE;

	if (writer_has_failed(w, err))
		return err->code;
	if (at->kind == SITE_STAGE)
		ret = stage_step(w, at->step, err);
	else if (w->in_pass)
		ret = pass_op(w, ex, at->op_index, err);
	return leave(w, entered, ret, err);
}

static int hook_pass_begin(void *ctx, struct executor *ex, struct err *err)
{
	struct trace_writer *w = ctx;
	int64_t entered = clock_ns();

	if (!w->in_run)
		return HOOK_CONTINUE;
	return writer_has_failed(w, err) ? err->code
					 : leave(w, entered, pass_begin(w, ex, err), err);
}

static int hook_pass_end(void *ctx, struct executor *ex, struct err *err)
{
	struct trace_writer *w = ctx;
	int64_t entered = clock_ns();

	(void)ex;
	if (!w->in_pass)
		return HOOK_CONTINUE;
	return writer_has_failed(w, err) ? err->code : leave(w, entered, pass_end(w, err), err);
}

static int hook_rewound(void *ctx, struct executor *ex, int pass, int op, struct err *err)
{
	struct trace_writer *w = ctx;
	int64_t entered = clock_ns();

	if (!w->in_run)
		return HOOK_CONTINUE;
	return writer_has_failed(w, err)
		       ? err->code
		       : leave(w, entered, writer_rewind(w, ex, pass, op, err), err);
}

void writer_hook_init(struct trace_writer *w)
{
	w->hook = (struct hook){
		.wants = hook_wants,
		.before = hook_before,
		.after = hook_after,
		.pass_begin = hook_pass_begin,
		.pass_end = hook_pass_end,
		.rewound = hook_rewound,
		.stages = STAGES_ALL,
		.ctx = w,
	};
}
