/*
 * hook.c -- the hook: tells the rest of the writer what happens, and counts the time that takes.
 */
#include "writer.h"

#include "torchless/clock.h"

/* What a callback returns; the time since `entered` was ours. */
static int leave(struct trace_writer *w, int64_t entered, int ret)
{
	w->recording_ns += clock_ns() - entered;
	return ret;
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

	if (at->kind == SITE_STAGE)
		ret = stage_step(w, at->step, err);
	else if (w->in_pass)
		ret = pass_op(w, ex, at->op_index, err);
	return leave(w, entered, ret);
}

static int hook_pass_begin(void *ctx, struct executor *ex, struct err *err)
{
	struct trace_writer *w = ctx;
	int64_t entered = clock_ns();

	return w->in_run ? leave(w, entered, pass_begin(w, ex, err)) : HOOK_CONTINUE;
}

static int hook_pass_end(void *ctx, struct executor *ex, struct err *err)
{
	struct trace_writer *w = ctx;
	int64_t entered = clock_ns();

	(void)ex;
	return w->in_pass ? leave(w, entered, pass_end(w, err)) : HOOK_CONTINUE;
}

static int hook_rewound(void *ctx, struct executor *ex, int pass, int op, struct err *err)
{
	struct trace_writer *w = ctx;
	int64_t entered = clock_ns();

	return w->in_run ? leave(w, entered, writer_rewind(w, ex, pass, op, err)) : HOOK_CONTINUE;
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
