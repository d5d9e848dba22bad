/*
 * query_print.c -- rows of a query as a box, tabs, CSV or JSON.
 *
 * Rows that are not a box are printed as they come, so a result may be of any size.
 */
#include "query.h"

#include <math.h>
#include <string.h>

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

/* ---- running ------------------------------------------------------------------------------- */

static const struct {
	int (*begin)(void *ctx, const struct rows *rows);
	int (*row)(void *ctx, const struct rows *rows, const struct cell *cells);
} forms[] = {
	[QUERY_TABS] = { NULL, tabs_row },
	[QUERY_BOX] = { box_begin, box_row },
	[QUERY_CSV] = { csv_begin, csv_row },
	[QUERY_JSON] = { NULL, json_row },
};

enum query_form query_form_of(const struct invocation *in)
{
	if (option_on(in, OPT_CSV))
		return QUERY_CSV;
	if (option_on(in, OPT_JSON))
		return QUERY_JSON;
	return option_on(in, OPT_BOX) || in->out.is_terminal ? QUERY_BOX : QUERY_TABS;
}

int query_print(struct invocation *in, struct recording *rec, enum query_form form, const char *sql,
		const char *const *params, int n_params, struct err *err)
{
	struct printer p = { .in = in, .err = err };
	struct query q = { .begin = forms[form].begin,
			   .row = forms[form].row,
			   .ctx = &p,
			   .params = params,
			   .n_params = n_params,
			   .interrupted = &interrupted };
	int r;

	note(in, "%s", sql);
	r = recording_query(rec, sql, &q, err);
	if (r == 0)
		box_finish(&p);
	ui_table_release(&p.table);
	text_release(&p.line);
	return p.failed ? p.failed : r;
}
