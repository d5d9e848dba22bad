/*
 * saved.c -- run a saved query by its name, and say how to read its answer.
 */
#include "query.h"

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

/* Print how to read the answer of the saved query `name`, as its row in the recording has it. */
static int print_note(struct invocation *in, struct recording *rec, const char *name,
		      struct err *err)
{
	struct text param = { 0 }, shown = { 0 }, called = { 0 }, line = { 0 }, wrapped = { 0 };
	struct query q = { .row = add_note, .ctx = &shown, .interrupted = &interrupted };
	int r;

	text_addf(&param, "name=%s", name);
	q.params = (const char *[]){ param.data };
	q.n_params = 1;
	r = recording_ask(rec, "SELECT coalesce(note, '') FROM saved_query WHERE name = :name", &q,
			  err);
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

/* ---- what a reference cannot say ------------------------------------------------------------ */

/* Questions about what scripts/record_hf.py has nobody to ask for, and why so. */
static const struct {
	const char *name, *why;
} untold[] = {
	{ "merges", "does not say what its tokenizer did: `torchless tokenize --steps TEXT` does" },
	{ "cost", "does not count operations and bytes: a recording of `torchless trace` does" },
	{ "roofline",
	  "does not count operations and bytes: a recording of `torchless trace` does" },
};

static int add_engine(void *ctx, const struct rows *rows, const struct cell *cells)
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
	struct query q = { .row = add_engine, .ctx = &engine, .params = &run, .n_params = 1 };
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

int query_saved(struct invocation *in, struct recording *rec, const struct query_settings *set,
		const char *name, const char *const *given, int n_given, struct err *err)
{
	struct text sql = { 0 }, defaults = { 0 };
	struct query_params params = { 0 };
	struct query_settings narrow = *set;
	int r = recording_saved_query(rec, name, &sql, &defaults, err);

	narrow.drops = query_drops(name);
	if (r == ERR_USAGE)
		r = query_meant(rec, name, in->n_args == 0, err);
	if (r == 0)
		r = query_params_read(&params, name, defaults.data ? defaults.data : "{}", given,
				      n_given, err);
	if (r == 0)
		query_params_adapt(&params, name, defaults.data ? defaults.data : "{}", &sql);
	if (r == 0)
		r = query_params_refuse(&params, rec, given, n_given, err);
	if (r == 0)
		r = check_told(rec, name, &params, err);
	if (r == 0)
		r = query_print(in, rec, &narrow, sql.data, (const char *const *)params.list,
				params.n, err);
	if (r == 0 && set->footer)
		r = print_note(in, rec, name, err);
	query_params_release(&params);
	text_release(&sql);
	text_release(&defaults);
	return r;
}
