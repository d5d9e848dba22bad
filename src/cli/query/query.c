/*
 * query.c -- `torchless query`: SQL over a recording, or a saved query by its name.
 *
 * Output is print.c, parameters are params.c, what comes without SQL shell.c.
 */
#include "query.h"
#include "sql_lex.h"
#include "torchless/mem.h"

#include <ctype.h>
#include <string.h>
#include <unistd.h>

/* The values of --param, then those behind the question: of one name the last counts. */
static struct query_params params_given(const struct invocation *in)
{
	const struct option_value *given = &in->option[OPT_PARAM];
	struct query_params p = { 0 };
	int n_args = in->n_args > 1 ? in->n_args - 1 : 0;

	p.list = mem_calloc((size_t)given->n + (size_t)n_args + 1, sizeof(*p.list));
	for (int i = 0; i < given->n; i++)
		p.list[p.n++] = mem_strdup(given->list[i]);
	for (int i = 0; i < n_args; i++)
		p.list[p.n++] = mem_strdup(in->args[1 + i]);
	return p;
}

static int run_given(struct invocation *in, struct recording *rec, const struct query_settings *set,
		     const struct query_params *params, struct err *err)
{
	struct bytes sql;

	if (invocation_text(in, 0, &sql, err))
		return err->code;
	if (strlen(sql.data) != sql.len)
		return err_set(err, ERR_USAGE, "the SQL holds a NUL byte at offset %zu",
			       strlen(sql.data));
	return query_print(in, rec, set, sql.data, (const char *const *)params->list, params->n,
			   err);
}

static int open_recording(struct invocation *in, struct recording **rec,
			  const struct query_settings *set, struct err *err)
{
	const char *path = option_text(in, OPT_TRACE, "trace.db");

	if (access(path, F_OK) && !option_on(in, OPT_TRACE))
		return err_set(
			err, ERR_IO,
			"%s: there is no recording here; `torchless trace PROMPT` makes one, -t FILE reads another",
			path);
	return query_open(in, path, set->max_ns, rec, err);
}

/* They are the program's: no recording is needed. */
static int list_functions(struct invocation *in, const struct query_settings *set, struct err *err)
{
	if (in->n_args > 1)
		return err_set(err, ERR_USAGE,
			       "--functions takes the name of one function at most");
	return query_functions(in, set, in->n_args ? in->args[0] : NULL, err);
}

/* Whether a recording was given where a question stands. */
static bool names_file(const struct invocation *in)
{
	const char *word = in->n_args && !option_on(in, OPT_TRACE) ? in->args[0] : "";

	return strpbrk(word, "./") && access(word, F_OK) == 0;
}

/* A name, of a saved query or of a point that somebody took for one. */
static bool is_word(const char *s)
{
	return query_is_name(s) ||
	       (isalpha((unsigned char)*s) &&
		s[strspn(s,
			 "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.:-")] ==
			'\0');
}

/* What was asked, in whichever form. */
static int answer(struct invocation *in, struct recording *rec, const struct query_settings *set,
		  const struct query_params *params, struct err *err)
{
	const char *const *list = (const char *const *)params->list;

	if (option_on(in, OPT_LIST))
		return query_list(in, rec, set, err);
	if (in->n_args == 0)
		return query_shell(in, rec, option_text(in, OPT_TRACE, "trace.db"), params, true,
				   err);
	if (in->args[0][0] == '.' && isalpha((unsigned char)in->args[0][1]))
		return err_set(
			err, ERR_USAGE,
			"'%s' is typed in the shell that `torchless query` opens, or read from its "
			"stdin",
			in->args[0]);
	if (is_word(in->args[0]) && strcmp(in->args[0], "-") != 0 && !sql_begins(in->args[0]))
		return query_saved(in, rec, set, in->args[0], list, params->n, err);
	return run_given(in, rec, set, params, err);
}

int cmd_query(struct invocation *in, struct err *err)
{
	struct query_settings set = query_settings_of(in);
	struct recording *rec = NULL;
	struct query_watch *watch = NULL;
	struct query_params params;
	int r;

	if (options_exclusive(in, err, OPT_CSV, OPT_JSON, OPT_BOX) ||
	    options_exclusive(in, err, OPT_LIST, OPT_FUNCTIONS))
		return err->code;
	if (option_on(in, OPT_FUNCTIONS))
		return list_functions(in, &set, err);
	if (names_file(in))
		return err_set(err, ERR_USAGE,
			       "'%s' is a file: -t %s asks the recording that it is", in->args[0],
			       in->args[0]);
	params = params_given(in);
	r = query_params_check((const char *const *)params.list, params.n, err);
	if (!r)
		r = open_recording(in, &rec, &set, err);
	if (!r && (in->n_args || option_on(in, OPT_LIST)))
		watch = query_watch_new(rec);
	if (!r)
		r = answer(in, rec, &set, &params, err);
	query_watch_free(watch);
	query_params_release(&params);
	recording_close(rec);
	return r;
}
