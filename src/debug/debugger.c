/* debugger.c -- life. */
#include "debug_impl.h"

struct debugger *debugger_new(struct model *m, const struct debugger_options *o, struct err *err)
{
	struct debugger *d = mem_calloc(1, sizeof(*d));

	d->opt = *o;
	d->left_module = -1;
	d->target = live_new(m, &d->opt, err);
	d->breakpoints = breakpoints_new();
	d->trail = trail_new();
	if (!d->target) {
		debugger_free(d);
		return NULL;
	}
	d->program = d->target->program;
	return d;
}

void debugger_free(struct debugger *d)
{
	if (!d)
		return;
	breakpoints_free(d->breakpoints);
	trail_free(d->trail);
	if (d->target)
		d->target->class->free(d->target);
	text_release(&d->out);
	text_release(&d->last_typed);
	free(d);
}

const char *debugger_prompt(const struct debugger *d, char *buf, size_t size)
{
	char at[48];

	if (!d->target->has_begun)
		snprintf(buf, size, "(tl) ");
	else
		snprintf(buf, size, "(tl %s) ", moment_format(&d->target->now, at, sizeof(at)));
	return buf;
}

int debugger_exit_status(const struct debugger *d)
{
	return d->exit_status;
}

bool debugger_has_stopped(const struct debugger *d)
{
	return d->has_stopped;
}
