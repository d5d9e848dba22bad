/* recording.c -- the functions on a recording that the program opened, under its limits. */
#include "inspect_impl.h"

static bool is_over(void *ctx)
{
	return recording_is_over(ctx);
}

static void share(void *ctx, sqlite3 *other)
{
	recording_share_limits(ctx, other);
}

int recording_add_functions(struct recording *rec, const struct inspect_options *o, struct err *err)
{
	const struct inspect_host host = { rec, is_over, share };

	return inspect_register(recording_handle(rec), o, &host, err);
}
