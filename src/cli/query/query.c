/*
 * query.c -- `torchless query`: SQL over a recording, or a saved query by its name.
 *
 * Output is print.c, parameters are params.c, what comes without SQL shell.c.
 */
#include "query.h"
#include "sql_lex.h"
#include "torchless/inspect.h"

#include <string.h>
#include <unistd.h>

static int run_given(struct invocation *in, struct recording *rec, const struct query_settings *set,
		     struct err *err)
{
	struct bytes sql;

	if (invocation_text(in, 0, &sql, err))
		return err->code;
	if (strlen(sql.data) != sql.len)
		return err_set(err, ERR_USAGE, "the SQL holds a NUL byte at offset %zu",
			       strlen(sql.data));
	return query_print(in, rec, set, sql.data, in->args + 1, in->n_args - 1, err);
}

static int open_recording(struct invocation *in, struct recording **rec,
			  const struct query_settings *set, struct err *err)
{
	const struct recording_limits limits = { set->max_ns, &interrupted, warn_sentence };
	const struct inspect_options functions = { .model = option_text(in, OPT_MODEL, NULL) };
	const char *path = option_text(in, OPT_TRACE, "trace.db");

	if (access(path, F_OK) && !option_on(in, OPT_TRACE))
		return err_set(
			err, ERR_IO,
			"%s: there is no recording here; `torchless trace PROMPT` makes one, -t FILE reads another",
			path);
	*rec = recording_open_within(path, &limits, err);
	return *rec ? recording_add_functions(*rec, &functions, err) : err->code;
}

/* They are the program's: no recording is needed. */
static int list_functions(struct invocation *in, const struct query_settings *set, struct err *err)
{
	if (in->n_args > 1)
		return err_set(err, ERR_USAGE,
			       "--functions takes the name of one function at most");
	return query_functions(in, set, in->n_args ? in->args[0] : NULL, err);
}

int cmd_query(struct invocation *in, struct err *err)
{
	struct query_settings set = query_settings_of(in);
	struct recording *rec = NULL;
	struct query_watch *watch = NULL;
	int r;

	if (options_exclusive(in, err, OPT_CSV, OPT_JSON, OPT_BOX) ||
	    options_exclusive(in, err, OPT_LIST, OPT_FUNCTIONS))
		return err->code;
	if (option_on(in, OPT_FUNCTIONS))
		return list_functions(in, &set, err);
	if (query_params_check(in->args + 1, in->n_args - 1, err) ||
	    open_recording(in, &rec, &set, err)) {
		recording_close(rec);
		return err->code;
	}
	if (in->n_args || option_on(in, OPT_LIST) || !isatty(STDIN_FILENO))
		watch = query_watch_new(rec);
	if (option_on(in, OPT_LIST))
		r = query_list(in, rec, &set, err);
	else if (in->n_args == 0)
		r = query_shell(in, rec, option_text(in, OPT_TRACE, "trace.db"), err);
	else if (query_is_name(in->args[0]) && strcmp(in->args[0], "-") != 0 &&
		 !sql_begins(in->args[0]))
		r = query_saved(in, rec, &set, in->args[0], in->args + 1, in->n_args - 1, err);
	else
		r = run_given(in, rec, &set, err);
	query_watch_free(watch);
	recording_close(rec);
	return r;
}
