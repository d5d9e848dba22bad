/*
 * cmd_run.c -- going forward and back: run, start, continue, step, next, stepi, finish, and the
 * same backward.
 */
#include "../debug_impl.h"

#include <errno.h>
#include <limits.h>

int parse_count(const char *args, int64_t *n, struct err *err)
{
	char *end;

	*n = 1;
	if (!*args)
		return 0;
	errno = 0;
	*n = strtoll(args, &end, 10);
	if (errno || end == args || *end || *n < 1 || *n > INT_MAX)
		return err_set(err, ERR_USAGE, "'%.60s' is no count: a number from 1 on", args);
	return 0;
}

/* ---- beginning ----------------------------------------------------------------------------- */

static int restart(struct debugger *d, struct err *err)
{
	if (d->target->has_begun &&
	    !say_ask(d, "The program being debugged has been started already.\n"
			"Start it from the beginning?"))
		return err_set(err, ERR_USAGE, "Program not restarted.");
	return d->target->class->restart(d->target, err);
}

int cmd_run_program(struct debugger *d, const char *args, struct err *err)
{
	const struct destination nowhere = { 0 };

	if (*args && debugger_set_prompt(d, args, err))
		return err->code;
	return restart(d, err) ? err->code : travel_forward(d, &nowhere, err);
}

static struct moment first_op(const struct debugger *d)
{
	return (struct moment){ 0, 0, 0, op_depth_max(d->program, 0) };
}

int cmd_start(struct debugger *d, const char *args, struct err *err)
{
	struct moment to = first_op(d);

	if (*args && debugger_set_prompt(d, args, err))
		return err->code;
	return restart(d, err) ? err->code : travel_to(d, &to, err);
}

int debugger_begin(struct debugger *d, struct err *err)
{
	struct moment to = first_op(d);
	int r;

	if (d->target->has_begun)
		return 0;
	r = d->target->class->restart(d->target, err);
	return r ? r : travel_to(d, &to, err);
}

/* ---- forward ------------------------------------------------------------------------------- */

typedef struct moment move_fn(const struct program *p, const struct moment *m);

/* Whether a stop on the way is the last of `n`. */
static bool is_over(const struct debugger *d)
{
	return d->has_stopped || d->target->has_ended;
}

static int move(struct debugger *d, const char *args, move_fn *to, struct err *err)
{
	int64_t n;
	int r = parse_count(args, &n, err);

	for (int64_t i = 0; i < n && r == 0; i++) {
		struct destination there = { .has_goal = true };

		there.goal = to(d->program, &d->target->now);
		r = travel_forward(d, &there, err);
		if (is_over(d))
			break;
	}
	return r;
}

int cmd_step(struct debugger *d, const char *args, struct err *err)
{
	return move(d, args, moment_step, err);
}

int cmd_next(struct debugger *d, const char *args, struct err *err)
{
	return move(d, args, moment_next, err);
}

int cmd_stepi(struct debugger *d, const char *args, struct err *err)
{
	return move(d, args, moment_stepi, err);
}

int cmd_finish(struct debugger *d, const char *args, struct err *err)
{
	struct destination to = { .has_goal = true, .leaves = true };

	if (*args)
		return err_set(err, ERR_USAGE, "finish takes nothing behind it");
	to.left_module = debugger_frame(d);
	to.goal = moment_finish(d->program, &d->target->now, to.left_module);
	return travel_forward(d, &to, err);
}

int cmd_continue(struct debugger *d, const char *args, struct err *err)
{
	const struct destination nowhere = { 0 };
	int64_t n;
	int r = parse_count(args, &n, err);

	for (int64_t i = 0; i < n && r == 0; i++) {
		r = travel_forward(d, &nowhere, err);
		if (d->target->has_ended)
			break;
	}
	return r;
}
