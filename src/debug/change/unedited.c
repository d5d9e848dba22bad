/*
 * unedited.c -- what a model that nobody edited makes of the same text.
 *
 * The passes up to here are run again on an executor of its own, each with the tokens that it had,
 * so that without edits the bits are the same.
 */
#include "../look/look.h"

static bool wants(void *ctx, const struct site *at)
{
	const struct debugger *d = ctx;

	(void)at;
	return d->opt.interrupted && *d->opt.interrupted;
}

static int before(void *ctx, struct executor *ex, const struct site *at, struct err *err)
{
	(void)ex;
	(void)at;
	return look_interrupted(ctx, err);
}

/* Pass `pass` of the session and those before it. */
static int run_passes(struct executor *ex, const struct session *s, int pass, struct err *err)
{
	for (int i = 0; i <= pass; i++) {
		const struct session_mark *m = &s->marks[i];
		int r = executor_begin(ex, s->tokens + m->pos0, m->T, s->opt.all_logits, err);

		if (!r)
			r = executor_run(ex, err);
		if (r < 0)
			return r;
	}
	return 0;
}

static struct array *copy_logits(const struct executor *ex, int64_t pos, struct err *err)
{
	int64_t V = ex->program->values[ex->program->logits].t.shape[1];
	int64_t row = pos - executor_pos0(ex, ex->program->logits);
	struct array *a;

	if (row < 0 || row >= ex->R) {
		err_set(err, ERR_USAGE, "this pass makes no logits of position %lld",
			(long long)pos);
		return NULL;
	}
	a = array_new(1, &V, err);
	if (a)
		memcpy(a->data, executor_logits(ex, row), (size_t)V * sizeof(float));
	return a;
}

struct array *logits_before_edits(struct debugger *d, int64_t pos, struct err *err)
{
	struct hook hook = { .wants = wants, .before = before, .ctx = d };
	const struct session *s;
	struct array *a = NULL;
	struct executor ex;

	if (!target_is_live(d->target)) {
		err_set(err, ERR_USAGE, "--diff runs the model again: this is a recording");
		return NULL;
	}
	s = &live_recorder(d->target)->generation.session;
	if (executor_init(&ex, d->program, &s->executor.opt, err))
		return NULL;
	ex.opt.plan = PLAN_RUN;
	ex.hooks = &hook;
	if (!run_passes(&ex, s, d->target->now.pass, err))
		a = copy_logits(&ex, pos, err);
	executor_release(&ex);
	return a;
}
