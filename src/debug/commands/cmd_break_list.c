/*
 * cmd_break_list.c -- breakpoints listed, and kept in a file.
 */
#include "../stops/break_impl.h"

/* ---- lists ----------------------------------------------------------------------------------- */

typedef bool is_listed_fn(const struct breakpoint *b);

/* The one that is there by itself is shown when there is something to tell. */
static bool is_any(const struct breakpoint *b)
{
	return b->number > 0 || b->n_hits > 0 || !b->enabled || b->condition || b->commands.len;
}

static int list(struct debugger *d, const char *args, is_listed_fn *is_listed, const char *none,
		struct err *err)
{
	bool *wanted = mem_calloc((size_t)d->breakpoints->n + 1, sizeof(*wanted));
	int n = 0, r = breakpoints_read_list(d, args, wanted, err);

	for (int i = 0; r == 0 && i < d->breakpoints->n; i++) {
		const struct breakpoint *b = d->breakpoints->list[i];

		if (!wanted[i] || !is_listed(b))
			continue;
		if (n++ == 0)
			breakpoint_say_heading(d);
		breakpoint_say(d, b);
	}
	if (r == 0 && n == 0)
		say(d, "%s\n", none);
	free(wanted);
	return r;
}

int cmd_info_breakpoints(struct debugger *d, const char *args, struct err *err)
{
	return list(d, args, is_any, "No breakpoints or watchpoints; a NaN stops by itself.", err);
}

int cmd_info_watch(struct debugger *d, const char *args, struct err *err)
{
	return list(d, args, breakpoint_is_watch, "No watchpoints.", err);
}

/* ---- keeping them ---------------------------------------------------------------------------- */

int cmd_save_breakpoints(struct debugger *d, const char *args, struct err *err)
{
	struct text t = { 0 };
	int r;

	if (!*args)
		return err_set(err, ERR_USAGE, "save breakpoints wants the name of a file");
	if (breakpoints_count(d->breakpoints) == 0) {
		say(d, "Nothing to save.\n");
		return 0;
	}
	for (int i = 0; i < d->breakpoints->n; i++)
		if (d->breakpoints->list[i]->number > 0)
			breakpoint_add_lines(d->breakpoints->list[i], &t);
	r = text_write_file(args, t.data ? t.data : "", t.len, err);
	if (r == 0)
		say(d, "Saved to file '%s'.\n", args);
	text_release(&t);
	return r;
}
