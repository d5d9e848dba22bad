/*
 * cmd_record.c -- the session writes a recording as it goes: record on, off, POINT, status.
 */
#include "../debug_impl.h"

/* Whoever is to wait is told why. */
static void say_again(struct debugger *d)
{
	const struct moment *now = &d->target->now;
	char at[48];

	if (!d->target->has_begun || now->pass < 0)
		return;
	say(d, "Running again what happened before %s, which is to be recorded too.\n",
	    moment_format(now, at, sizeof(at)));
	say_flush(d);
}

static const char *path_of(const struct debugger *d)
{
	return live_recorder(d->target)->opt.path;
}

int cmd_record_on(struct debugger *d, const char *args, struct err *err)
{
	const char *path = *args ? args : "trace.db";

	if (live_is_recording(d->target))
		return err_set(err, ERR_USAGE, "%s is being written already: `record off` ends it",
			       path_of(d));
	questions_close(d);
	say_again(d);
	if (live_record(d->target, path, err))
		return err->code;
	say(d, "Recording to %s.\n", path_of(d));
	if (live_recorder(d->target)->dropped_old)
		say(d, "%s.old is what was there before, in place of what it was.\n", path_of(d));
	return 0;
}

int cmd_record_off(struct debugger *d, const char *args, struct err *err)
{
	const struct recorder *r = live_recorder(d->target);
	char bytes[32];

	if (*args)
		return err_set(err, ERR_USAGE, "record off takes nothing behind it");
	if (!live_is_recording(d->target))
		return err_set(err, ERR_USAGE, "nothing is recorded: `record on` begins");
	questions_close(d);
	if (live_record_off(d->target, err))
		return err->code;
	say(d, "%s  %s · %lld %s · %lld %s\n", path_of(d),
	    mem_format_bytes(r->totals.file_bytes, bytes, sizeof(bytes)),
	    (long long)r->totals.n_calls, plural(r->totals.n_calls, "call", "calls"),
	    (long long)r->totals.n_values, plural(r->totals.n_values, "value", "values"));
	return 0;
}

int cmd_record_status(struct debugger *d, const char *args, struct err *err)
{
	const struct recorder *r = live_recorder(d->target);
	struct trace_totals totals;
	char bytes[32];

	(void)args;
	if (live_flush(d->target, err))
		return err->code;
	if (live_is_recording(d->target)) {
		totals = trace_writer_totals(r->writer);
		say(d, "Recording to %s: %s, %lld %s, %lld %s, %lld %s.\n", path_of(d),
		    mem_format_bytes(totals.file_bytes, bytes, sizeof(bytes)),
		    (long long)totals.n_calls, plural(totals.n_calls, "call", "calls"),
		    (long long)totals.n_values, plural(totals.n_values, "value", "values"),
		    (long long)totals.n_dumps, plural(totals.n_dumps, "dump", "dumps"));
	} else {
		say(d, "Nothing is recorded: `record on` begins.\n");
	}
	if (r->capture.n_rules)
		say(d, "Captured: %s\n", r->capture_json.data);
	return 0;
}

int cmd_record(struct debugger *d, const char *args, struct err *err)
{
	if (!*args)
		return cmd_record_status(d, args, err);
	if (live_is_recording(d->target))
		say_again(d);
	if (live_capture(d->target, args, err))
		return err->code;
	if (!live_is_recording(d->target))
		say(d, "Kept from the next `record on` on.\n");
	return 0;
}
