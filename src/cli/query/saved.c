/*
 * saved.c -- run a saved query by its name, and say what its answer is about and how to read it.
 */
#include "query.h"
#include "torchless/mem.h"

#include <stdlib.h>
#include <string.h>

/* ---- how to read an answer ------------------------------------------------------------------ */

/* The note of a row, escaped, into the text ctx. It is running text: a line end in it is a space.
 */
static int add_note(void *ctx, const struct rows *rows, const struct cell *cells)
{
	const char *s = cells[0].s.data ? cells[0].s.data : "", *end = s + cells[0].s.len, *line;

	(void)rows;
	while (s < end) {
		line = memchr(s, '\n', (size_t)(end - s));
		text_add_visible(ctx, s, (size_t)((line ? line : end) - s));
		if (line)
			text_addc(ctx, ' ');
		s = line ? line + 1 : end;
	}
	return 0;
}

/* Print what the answer is about, then how to read it, as the query's row in the recording says. */
static int print_note(struct invocation *in, struct recording *rec, const char *name,
		      const struct text *about, struct err *err)
{
	struct text param = { 0 }, shown = { 0 }, called = { 0 }, line = { 0 }, wrapped = { 0 };
	struct query q = { .row = add_note, .ctx = &shown, .interrupted = &interrupted };
	int r;

	text_addf(&param, "name=%s", name);
	q.params = (const char *[]){ param.data };
	q.n_params = 1;
	text_add_visible(&shown, about->data ? about->data : "", about->len);
	r = recording_ask(rec, "SELECT coalesce(note, '') FROM saved_query WHERE name = :name", &q,
			  err);
	while (shown.len && shown.data[shown.len - 1] == ' ')
		shown.len--;
	if (r == 0 && shown.len) {
		text_add_called(&called, shown.data);
		ui_add_styled(&line, &in->out, UI_DIM, called.data, called.len);
		text_addc(&line, '\n');
		ui_add_wrapped(&wrapped, line.data, line.len, in->out.width, 0, 0);
		r = write_shown(wrapped.data, wrapped.len, err);
	}
	text_release(&param);
	text_release(&shown);
	text_release(&called);
	text_release(&line);
	text_release(&wrapped);
	return r;
}

/* Beside the rows for people; why two runs tell nothing is said in any case. */
static int say_about(struct invocation *in, struct recording *rec, const struct query_settings *set,
		     const char *name, const char *sql, const struct query_params *params,
		     struct err *err)
{
	struct text about = { 0 }, pair = { 0 };
	int r = 0;

	/* A program sees that there are no rows. */
	if (query_add_pair(&pair, rec, name, params) && set->form != QUERY_BOX &&
	    set->form != QUERY_RECORDS)
		text_clear(&pair);
	if (pair.len && !set->footer && !option_on(in, OPT_QUIET))
		warn("%s: %s", name, pair.data);
	if (set->footer) {
		query_add_about(&about, rec, name, sql, params, &pair);
		r = print_note(in, rec, name, &about, err);
	}
	text_release(&about);
	text_release(&pair);
	return r;
}

/* ---- what a reference cannot say ------------------------------------------------------------ */

/* Questions about what scripts/record_hf.py has nobody to ask for, and why so. */
static const struct {
	const char *name, *why;
} untold[] = {
	{ "merges", "does not say what its tokenizer did: `torchless tokenize --steps TEXT` does" },
	{ "cost",
	  "does not count operations and bytes: a recording of `torchless trace PROMPT` does" },
	{ "roofline",
	  "does not count operations and bytes: a recording of `torchless trace PROMPT` does" },
};

static int add_text(void *ctx, const struct rows *rows, const struct cell *cells)
{
	(void)rows;
	text_add(ctx, cells[0].s.data ? cells[0].s.data : "", cells[0].s.len);
	return 1;
}

/* ERR_USAGE when the run that is asked about is one of another engine, which tells nothing of it.
 */
static int check_told(struct recording *rec, const char *name, const struct query_params *params,
		      struct err *err)
{
	static const char sql[] =
		"SELECT engine FROM run WHERE id = iif(:run, :run, (SELECT max(id) FROM run)) "
		"AND role = 'reference'";
	const char *run = query_params_find(params, "run");
	struct text engine = { 0 };
	struct query q = { .row = add_text, .ctx = &engine, .params = &run, .n_params = 1 };
	const char *why = NULL;
	int r = 0;

	for (size_t i = 0; i < sizeof(untold) / sizeof(*untold); i++)
		if (!strcmp(untold[i].name, name))
			why = untold[i].why;
	if (why && run)
		r = recording_ask(rec, sql, &q, err);
	if (!r && engine.len)
		r = err_set(err, ERR_USAGE, "%s: the run was recorded with %.80s, which %s", name,
			    engine.data, why);
	text_release(&engine);
	return r;
}

/* ---- running -------------------------------------------------------------------------------- */

/* Whether any saved query of the recording takes KEY=VALUE. */
static bool is_parameter(struct recording *rec, const char *param)
{
	struct text key = { 0 }, found = { 0 };
	const char *name[1];
	struct query q = { .row = add_text, .ctx = &found, .params = name, .n_params = 1 };
	struct err ignored;
	bool is;

	text_addf(&key, "name=%.*s", (int)strcspn(param, "="), param);
	name[0] = key.data;
	if (recording_ask(rec, "SELECT name FROM saved_param WHERE name = :name", &q, &ignored))
		text_clear(&found);
	is = found.len > 0;
	text_release(&key);
	text_release(&found);
	return is;
}

static bool has_key(const char *const *list, int n, const char *param)
{
	size_t len = strcspn(param, "=") + 1;

	for (int i = 0; i < n; i++)
		if (!strncmp(list[i], param, len))
			return true;
	return false;
}

/*
 * What the query is given: in list[], of set->n_standing + n_given places, what stands and is not
 * given otherwise, then what was given.  Of what stands the query may have none, which is said.
 */
static int gather(struct invocation *in, struct recording *rec, const struct query_settings *set,
		  const char *name, const struct query_params *defaults, const char *const *given,
		  int n_given, const char **list)
{
	int n = 0;

	for (int i = 0; i < set->n_standing; i++) {
		const char *param = set->standing[i];
		int key = (int)strcspn(param, "=");

		if (has_key(given, n_given, param))
			continue;
		if (has_key((const char *const *)defaults->list, defaults->n, param))
			list[n++] = param;
		else if (is_parameter(rec, param) && !option_on(in, OPT_QUIET))
			warn("%s has no parameter %.*s: %.80s, which is set, does not count", name,
			     key, param, param);
	}
	for (int i = 0; i < n_given; i++)
		list[n++] = given[i];
	return n;
}

/* Its parameters, checked, and the SQL that asks with them. */
static int prepare(struct recording *rec, const char *name, const char *defaults,
		   const char *const *list, int n, struct query_params *params, struct text *sql,
		   struct err *err)
{
	int r = query_params_read(params, name, defaults, list, n, err);

	if (r == 0)
		query_params_adapt(params, name, defaults, sql);
	if (r == 0)
		r = query_params_refuse(params, rec, list, n, err);
	return r ? r : check_told(rec, name, params, err);
}

int query_saved(struct invocation *in, struct recording *rec, const struct query_settings *set,
		const char *name, const char *const *given, int n_given, struct err *err)
{
	struct text sql = { 0 }, defaults = { 0 };
	struct query_params own = { 0 }, params = { 0 };
	struct query_settings shown = *set;
	const char **list = mem_calloc((size_t)(set->n_standing + n_given) + 1, sizeof(*list));
	const char *json = "{}";
	int n = 0, r = recording_saved_query(rec, name, &sql, &defaults, err);

	shown.drops = query_drops(name);
	if (r == ERR_USAGE)
		r = query_meant(rec, name, in->n_args == 0, err);
	if (r == 0 && defaults.data)
		json = defaults.data;
	if (r == 0)
		r = query_params_read(&own, name, json, NULL, 0, err);
	if (r == 0)
		n = gather(in, rec, set, name, &own, given, n_given, list);
	if (r == 0)
		r = prepare(rec, name, json, list, n, &params, &sql, err);
	if (r == 0)
		r = query_print(in, rec, &shown, sql.data, (const char *const *)params.list,
				params.n, err);
	if (r == 0)
		r = say_about(in, rec, set, name, sql.data, &params, err);
	query_params_release(&own);
	query_params_release(&params);
	text_release(&sql);
	text_release(&defaults);
	free((void *)list);
	return r;
}
