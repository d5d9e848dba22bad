/*
 * command.c -- the roof: a line on its way to its command, and the lines that wait behind it.
 */
#include "debug_impl.h"

#include <ctype.h>
#include <limits.h>

/* By the place in debug_commands[]. */
static debug_fn *const runs[] = {
#define DEBUG_COMMAND(name, aliases, class, flags, args, complete, function, doc, example) function,
#include "commands.def"
#undef DEBUG_COMMAND
};

/* ---- running it ---------------------------------------------------------------------------- */

static int run_command(struct debugger *d, const struct debug_command *c, const char *args,
		       struct err *err)
{
	if ((c->flags & LIVE_ONLY) && !target_is_live(d->target))
		return err_set(err, ERR_USAGE, "%s wants a model: this is a recording", c->name);
	if ((c->flags & NEEDS_PROGRAM) && debugger_begin(d, err))
		return err->code;
	return runs[c - debug_commands](d, args, err);
}

/*
 * An empty line repeats what was typed last; of what is typed now, whether it can be repeated is
 * known before it runs.
 */
static int run_line(struct debugger *d, const char *line, bool is_typed, struct err *err)
{
	const struct debug_command *c;
	struct text copy = { 0 };
	const char *s;
	int r = 0;

	text_adds(&copy, line);
	while (copy.len && strchr(" \t\r\n", copy.data[copy.len - 1]))
		copy.data[--copy.len] = '\0';
	s = copy.data + strspn(copy.data, " \t");
	if (!*s && is_typed && d->last_typed.len) {
		d->is_repeat = true;
		text_adds(&copy, d->last_typed.data);
		s = copy.data + strspn(copy.data, " \t");
	}
	if (*s && *s != '#') {
		char *whole = mem_strdup(s);

		c = command_lookup(&s, err);
		if (is_typed)
			text_clear(&d->last_typed);
		if (is_typed && c && !(c->flags & NO_REPEAT))
			text_adds(&d->last_typed, whole);
		free(whole);
		r = c ? run_command(d, c, s, err) : err->code;
	}
	d->is_repeat = false;
	d->stopped_once |= d->has_stopped;
	text_release(&copy);
	return r < 0 ? r : 0;
}

/* The lines that a line asked for.  The first that fails forgets the rest. */
static int run_queue(struct debugger *d, struct err *err)
{
	bool any = false;
	const char *line;
	int r = 0;

	while (!r && !d->quit && (line = lines_next(d->queue))) {
		any = d->is_script = true;
		r = lines_taken(d->queue) ? lines_take(d, line, err)
					  : run_line(d, line, false, err);
		if (!r && d->opt.interrupted && *d->opt.interrupted)
			r = err_set(err, ERR_INTERRUPTED, "interrupted");
		if (r)
			lines_wrap(d->queue, err);
	}
	if (!r && !d->quit && lines_left(d->queue))
		r = err_set(err, ERR_USAGE, "commands run commands that run commands, too deep");
	if (!r && any && lines_taken(d->queue))
		r = debugger_end_lines(d, err);
	return r;
}

/* The front end's ui as it is now, but for what was set here. */
static void follow_ui(struct debugger *d)
{
	struct settings_kept *k = &d->kept;

	if (!k->front)
		return;
	k->ui = *k->front;
	if (k->width >= 0)
		k->ui.width = k->width;
	if (k->color != UI_COLOR_AUTO)
		k->ui.color = k->color == UI_COLOR_ALWAYS;
}

/* A line and what it asked for: ERR_*, or 0, whatever is in err then. */
static int run_whole(struct debugger *d, const char *line, enum line_origin origin, struct err *err)
{
	int r;

	follow_ui(d);
	d->is_script = origin == LINE_SCRIPT;
	if (lines_taken(d->queue))
		r = lines_take(d, line, err);
	else
		r = run_line(d, line, origin == LINE_TYPED, err);
	if (!r)
		r = run_queue(d, err);
	if (r || d->quit)
		lines_forget(d);
	if (!r && target_is_live(d->target))
		r = live_flush(d->target, err);
	say_flush(d);
	return r;
}

int debugger_line(struct debugger *d, const char *line, enum line_origin origin, struct err *err)
{
	/* What a display was told, and said, is no failure of the line. */
	struct err failed = { 0 };

	if (run_whole(d, line, origin, &failed) < 0) {
		*err = failed;
		return err->code;
	}
	return d->quit ? DEBUGGER_QUIT : DEBUGGER_READY;
}

int debugger_end_lines(struct debugger *d, struct err *err)
{
	bool wanted = lines_taken(d->queue);

	lines_forget(d);
	return wanted ? err_set(err, ERR_USAGE, "the list of commands has no \"end\"") : 0;
}
