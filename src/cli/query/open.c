/* open.c -- the recording that `torchless query` asks, within the limits of the command. */
#include "query.h"
#include "torchless/inspect.h"

int query_open(struct invocation *in, const char *path, int64_t max_ns, struct recording **rec,
	       struct err *err)
{
	const struct recording_limits limits = { max_ns, &interrupted, warn_sentence };
	const struct inspect_options functions = { .model = option_text(in, OPT_MODEL, NULL) };

	recorded_tell(in, path, 0);
	*rec = recording_open_within(path, &limits, err);
	if (*rec && recording_add_functions(*rec, &functions, err)) {
		recording_close(*rec);
		*rec = NULL;
	}
	return *rec ? 0 : err->code;
}
