/*
 * cmd_query.c -- `torchless query`: SQL over a recording, as a box, tabs, CSV or JSON.
 *
 * Rows that are not a box are printed as they come, so a result may be of any size.
 */
#include "torchless/cli.h"
#include "torchless/mem.h"
#include "torchless/trace.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MAX_TEXT_BLOB 4096 /* a blob longer than this is never shown as text */

struct printer {
	struct invocation *in;
	struct err *err;
	struct ui_table table; /* the box of the statement being run */
	struct text line;
	int failed; /* ERR_IO from writing */
};

/* ---- cells -------------------------------------------------------------------------------- */

/* Pieces of tokens are blobs because they may be no UTF-8; most are plain text all the same. */
static bool blob_is_text(struct bytes b)
{
	if (b.len > MAX_TEXT_BLOB)
		return false;
	for (size_t i = 0; i < b.len;) {
		int n = utf8_decode(b.data + i, b.len - i, NULL);
		unsigned char c = (unsigned char)b.data[i];

		if (n == 0 || (c < 0x20 && !strchr("\n\t\r", c)) || c == 0 || c == 0x7f)
			return false;
		i += (size_t)n;
	}
	return true;
}

static void add_hex(struct text *t, struct bytes b)
{
	for (size_t i = 0; i < b.len; i++)
		text_addf(t, "%02x", (unsigned char)b.data[i]);
}

static bool is_text(const struct cell *c)
{
	return c->type == CELL_TEXT || (c->type == CELL_BLOB && blob_is_text(c->s));
}

/* A double so that reading it gives the same one; `inf` and `-inf` are what they are. */
static void add_real(struct text *t, double x)
{
	if (isfinite(x))
		add_json_number(t, x);
	else
		text_adds(t, isnan(x) ? "nan" : x > 0 ? "inf" : "-inf");
}

/* What a box and tab-separated rows show, before it is escaped. */
static void add_plain(struct text *t, const struct cell *c, bool for_people)
{
	char number[40];

	if (is_text(c))
		text_add(t, c->s.data ? c->s.data : "", c->s.len);
	else if (c->type == CELL_INT)
		text_addf(t, "%lld", (long long)c->i);
	else if (c->type == CELL_REAL && for_people)
		text_adds(t, ui_format_number(c->d, number, sizeof(number)));
	else if (c->type == CELL_REAL)
		add_real(t, c->d);
	else if (c->type == CELL_BLOB)
		text_addf(t, "<blob %zu bytes>", c->s.len);
}

/* RFC 4180: quoted when it holds a comma, a quote or a line end; a quote is doubled. */
static void add_csv(struct text *t, const char *s, size_t len)
{
	bool quoted = len == 0;

	for (size_t i = 0; i < len && !quoted; i++)
		quoted = s[i] && strchr(",\"\n\r", s[i]);
	if (!quoted) {
		text_add(t, s, len);
		return;
	}
	text_addc(t, '"');
	for (size_t i = 0; i < len; i++) {
		if (s[i] == '"')
			text_addc(t, '"');
		text_addc(t, s[i]);
	}
	text_addc(t, '"');
}

static void add_csv_cell(struct text *t, const struct cell *c)
{
	if (is_text(c)) {
		add_csv(t, c->s.data ? c->s.data : "", c->s.len);
	} else if (c->type == CELL_BLOB) {
		text_adds(t, "X'");
		add_hex(t, c->s);
		text_addc(t, '\'');
	} else {
		add_plain(t, c, false);
	}
}

/* 9e999 reads as infinity everywhere and is valid JSON, as in the sqlite3 shell. */
static void add_json_cell(struct text *t, const struct cell *c)
{
	if (is_text(c)) {
		text_add_json(t, c->s.data ? c->s.data : "", c->s.len);
	} else if (c->type == CELL_INT) {
		text_addf(t, "%lld", (long long)c->i);
	} else if (c->type == CELL_REAL && isinf(c->d)) {
		text_adds(t, c->d > 0 ? "9e999" : "-9e999");
	} else if (c->type == CELL_REAL) {
		add_json_number(t, c->d);
	} else if (c->type == CELL_BLOB) {
		text_adds(t, "{\"hex\": \"");
		add_hex(t, c->s);
		text_adds(t, "\"}");
	} else {
		text_adds(t, "null");
	}
}

/* ---- printers: each a pair of functions for recording_query() ------------------------------- */

static int write_line(struct printer *p)
{
	text_addc(&p->line, '\n');
	p->failed = write_out(p->line.data, p->line.len, p->err);
	return p->failed;
}

static int tabs_row(void *ctx, const struct rows *rows, const struct cell *cells)
{
	struct printer *p = ctx;
	struct text plain = { 0 };

	text_clear(&p->line);
	for (int i = 0; i < rows->n_columns; i++) {
		text_clear(&plain);
		add_plain(&plain, &cells[i], false);
		text_adds(&p->line, i ? "\t" : "");
		text_add_escaped(&p->line, plain.data ? plain.data : "", plain.len);
	}
	text_release(&plain);
	return write_line(p);
}

static int csv_begin(void *ctx, const struct rows *rows)
{
	struct printer *p = ctx;

	text_clear(&p->line);
	for (int i = 0; i < rows->n_columns; i++) {
		text_adds(&p->line, i ? "," : "");
		add_csv(&p->line, rows->columns[i], strlen(rows->columns[i]));
	}
	return write_line(p);
}

static int csv_row(void *ctx, const struct rows *rows, const struct cell *cells)
{
	struct printer *p = ctx;

	text_clear(&p->line);
	for (int i = 0; i < rows->n_columns; i++) {
		text_adds(&p->line, i ? "," : "");
		add_csv_cell(&p->line, &cells[i]);
	}
	return write_line(p);
}

static int json_row(void *ctx, const struct rows *rows, const struct cell *cells)
{
	struct printer *p = ctx;

	text_clear(&p->line);
	for (int i = 0; i < rows->n_columns; i++) {
		text_adds(&p->line, i ? ", " : "{");
		text_add_json(&p->line, rows->columns[i], strlen(rows->columns[i]));
		text_adds(&p->line, ": ");
		add_json_cell(&p->line, &cells[i]);
	}
	text_addc(&p->line, '}');
	return write_line(p);
}

static void box_finish(struct printer *p)
{
	ui_table_print(&p->table, &p->in->out, UI_TABLE_BOX);
	ui_table_release(&p->table);
}

static int box_begin(void *ctx, const struct rows *rows)
{
	struct printer *p = ctx;

	box_finish(p);
	for (int i = 0; i < rows->n_columns; i++)
		ui_table_add_column(&p->table, rows->columns[i], false);
	return 0;
}

static int box_row(void *ctx, const struct rows *rows, const struct cell *cells)
{
	struct printer *p = ctx;

	for (int i = 0; i < rows->n_columns; i++) {
		text_clear(&p->line);
		add_plain(&p->line, &cells[i], true);
		ui_table_cell(&p->table, p->line.data ? p->line.data : "", p->line.len);
		if (cells[i].type == CELL_INT || cells[i].type == CELL_REAL)
			p->table.columns[i].right = true;
	}
	return 0;
}

static int run_sql(struct invocation *in, struct recording *rec, const char *sql,
		   const char *const *params, int n_params, struct err *err)
{
	struct printer p = { .in = in, .err = err };
	struct query q = { .row = tabs_row,
			   .ctx = &p,
			   .params = params,
			   .n_params = n_params,
			   .interrupted = &interrupted };
	int r;

	if (option_on(in, OPT_CSV)) {
		q.begin = csv_begin;
		q.row = csv_row;
	} else if (option_on(in, OPT_JSON)) {
		q.row = json_row;
	} else if (option_on(in, OPT_BOX) || in->out.is_terminal) {
		q.begin = box_begin;
		q.row = box_row;
	}
	note(in, "%s", sql);
	r = recording_query(rec, sql, &q, err);
	if (r == 0 && q.row == box_row)
		box_finish(&p);
	ui_table_release(&p.table);
	text_release(&p.line);
	return p.failed ? p.failed : r;
}

/* ---- parameters --------------------------------------------------------------------------- */

/* KEY=VALUE strings: what the saved query says by default, then what was given. */
struct params {
	char **list;
	int n;
};

static void params_add(struct params *p, char *text)
{
	p->list = mem_realloc(p->list, (size_t)p->n + 1, sizeof(*p->list));
	p->list[p->n++] = text;
}

static void params_release(struct params *p)
{
	for (int i = 0; i < p->n; i++)
		free(p->list[i]);
	free(p->list);
}

static bool key_is(const char *param, const char *key, size_t len)
{
	return !strncmp(param, key, len) && param[len] == '=';
}

/* Replace the value of a parameter; false when the query has none of that name. */
static bool params_replace(struct params *p, const char *param)
{
	size_t len = strcspn(param, "=");

	for (int i = 0; i < p->n; i++) {
		if (!key_is(p->list[i], param, len))
			continue;
		free(p->list[i]);
		p->list[i] = mem_strdup(param);
		return true;
	}
	return false;
}

static void add_default(struct params *p, const cJSON *item)
{
	struct text t = { 0 };

	text_addf(&t, "%s=", item->string);
	if (cJSON_IsString(item))
		text_adds(&t, item->valuestring);
	else if (cJSON_IsNumber(item))
		add_json_number(&t, item->valuedouble);
	params_add(p, t.data);
}

static int unknown_parameter(const struct params *p, const char *name, const char *param,
			     struct err *err)
{
	struct text names = { 0 };
	int r;

	for (int i = 0; i < p->n; i++)
		text_addf(&names, "%s%.*s", i ? ", " : "", (int)strcspn(p->list[i], "="),
			  p->list[i]);
	r = err_set(err, ERR_USAGE, "%s has no parameter '%.*s'; it has %s", name,
		    (int)strcspn(param, "="), param, names.len ? names.data : "none");
	text_release(&names);
	return r;
}

static int read_params(const struct invocation *in, const char *name, const char *defaults,
		       struct params *p, struct err *err)
{
	cJSON *json = json_parse(defaults, strlen(defaults), name, err);
	const cJSON *item;

	if (!json)
		return err->code;
	cJSON_ArrayForEach(item, json) add_default(p, item);
	cJSON_Delete(json);
	for (int i = 1; i < in->n_args; i++)
		if (!params_replace(p, in->args[i]))
			return unknown_parameter(p, name, in->args[i], err);
	return 0;
}

/* ---- the command -------------------------------------------------------------------------- */

static const char list_sql[] = "SELECT name, doc, "
			       "(SELECT group_concat(key || '=' || coalesce(value, ''), ' ') "
			       "FROM json_each(params)) params FROM saved_query ORDER BY name";

/* A saved query is one word; SQL never is. */
static bool is_name(const char *s)
{
	for (; *s; s++)
		if (!isalnum((unsigned char)*s) && *s != '-' && *s != '_')
			return false;
	return true;
}

static int run_saved(struct invocation *in, struct recording *rec, struct err *err)
{
	struct text sql = { 0 }, defaults = { 0 };
	struct params params = { 0 };
	int r = recording_saved_query(rec, in->args[0], &sql, &defaults, err);

	if (r == 0)
		r = read_params(in, in->args[0], defaults.data ? defaults.data : "{}", &params,
				err);
	if (r == 0)
		r = run_sql(in, rec, sql.data, (const char *const *)params.list, params.n, err);
	params_release(&params);
	text_release(&sql);
	text_release(&defaults);
	return r;
}

static int run_given(struct invocation *in, struct recording *rec, struct err *err)
{
	struct bytes sql;

	if (invocation_text(in, 0, &sql, err))
		return err->code;
	if (strlen(sql.data) != sql.len)
		return err_set(err, ERR_USAGE, "the SQL holds a NUL byte at offset %zu",
			       strlen(sql.data));
	return run_sql(in, rec, sql.data, in->args + 1, in->n_args - 1, err);
}

static int check_params(const struct invocation *in, struct err *err)
{
	for (int i = 1; i < in->n_args; i++)
		if (in->args[i][0] == '=' || !strchr(in->args[i], '='))
			return err_set(err, ERR_USAGE,
				       "'%s' is no KEY=VALUE; SQL that holds spaces goes in quotes",
				       in->args[i]);
	return 0;
}

static int open_recording(struct invocation *in, struct recording **rec, struct err *err)
{
	const char *path = option_text(in, OPT_TRACE, "trace.db");

	if (access(path, F_OK) && !option_on(in, OPT_TRACE))
		return err_set(
			err, ERR_IO,
			"%s: there is no recording here; `torchless trace PROMPT` makes one, "
			"-t FILE reads another",
			path);
	*rec = recording_open(path, err);
	return *rec ? 0 : err->code;
}

int cmd_query(struct invocation *in, struct err *err)
{
	const uint64_t formats = 1ull << OPT_CSV | 1ull << OPT_JSON | 1ull << OPT_BOX;
	struct recording *rec = NULL;
	int r;

	if (options_exclusive(in, formats, err) || check_params(in, err) ||
	    open_recording(in, &rec, err))
		return err->code;
	if (in->n_args == 0 || option_on(in, OPT_LIST))
		r = run_sql(in, rec, list_sql, NULL, 0, err);
	else if (strcmp(in->args[0], "-") != 0 && is_name(in->args[0]))
		r = run_saved(in, rec, err);
	else
		r = run_given(in, rec, err);
	recording_close(rec);
	return r;
}
