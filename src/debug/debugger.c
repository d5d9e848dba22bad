/* debugger.c -- life. */
#include "debug_impl.h"

struct debugger *debugger_new(struct model *m, const struct debugger_options *o, struct err *err)
{
	struct debugger *d = mem_calloc(1, sizeof(*d));

	d->opt = *o;
	d->left_module = -1;
	d->settings =
		(struct debugger_settings){ .confirm = true, .pagination = true, .history = true };
	d->kept.front = o->ui;
	d->kept.width = -1;
	d->list_size = 10;
	if (o->ui) {
		d->kept.ui = *o->ui;
		d->opt.ui = &d->kept.ui;
	}
	d->queue = lines_new();
	text_adds(&d->last_typed, "");
	d->target = o->recording ? recorded_new(&d->opt, err) : live_new(m, &d->opt, err);
	d->sql_truth = question_truth;
	d->breakpoints = breakpoints_new();
	d->trail = trail_new();
	d->names = names_new();
	d->values = values_new();
	d->displays = displays_new();
	d->examined = examined_new();
	d->binding = binding_new(d);
	if (!d->target) {
		debugger_free(d);
		return NULL;
	}
	d->program = d->target->program;
	breakpoints_guard(d);
	return d;
}

int debugger_close(struct debugger *d, struct err *err)
{
	if (!target_is_live(d->target) || !live_is_recording(d->target))
		return 0;
	questions_close(d);
	return live_record_off(d->target, err);
}

void debugger_free(struct debugger *d)
{
	if (!d)
		return;
	questions_free(d);
	references_free(d->references);
	breakpoints_free(d->breakpoints);
	trail_free(d->trail);
	changes_free(d->changes);
	names_free(d->names);
	values_free(d->values);
	displays_free(d->displays);
	examined_free(d->examined);
	binding_free(d->binding);
	if (d->target)
		d->target->class->free(d->target);
	lines_free(d->queue);
	text_release(&d->out);
	text_release(&d->last_typed);
	free(d);
}

const char *debugger_prompt(const struct debugger *d, char *buf, size_t size)
{
	char at[48];

	if (lines_taken(d->queue))
		snprintf(buf, size, ">");
	else if (!d->target->has_begun)
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
	return d->stopped_once;
}

const struct debugger_settings *debugger_settings(const struct debugger *d)
{
	return &d->settings;
}
