/*
 * print.c -- rows of a query as a box, tabs, CSV, JSON or records.
 *
 * Rows that are not a box are printed as they come, so a result may be of any size.  A blob that is
 * a tensor is shown by its statistics in every form; one that is text as text.
 */
#include "query.h"
#include "torchless/cells.h"
#include "torchless/mem.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define MAX_HEX_BLOB  64          /* a longer one is not shown in hexadecimal */
#define DEFAULT_WAIT  60          /* seconds without a row */
#define MAX_BOX_BYTES (256 << 20) /* of the rows that a box keeps until it knows its widths */
#define CELL_BYTES    64          /* of that, what a cell takes beside its text */

struct printer {
	struct invocation *in;
	const struct query_settings *set;
	struct err *err;
	struct ui_table table; /* the box of the statement being run */
	int64_t table_bytes;
	struct text line;
	int failed; /* ERR_IO from writing, ERR_MEMORY for a box */
};

/* ---- cells -------------------------------------------------------------------------------- */

static void add_hex(struct text *t, struct bytes b)
{
	for (size_t i = 0; i < b.len; i++)
		text_addf(t, "%02x", (unsigned char)b.data[i]);
}

static void add_tensor(struct text *t, const struct printer *p, const struct cell_tensor *q)
{
	if (q->chunk >= 0)
		text_addf(t, "chunk %lld, rows of %lld: ", (long long)q->chunk,
			  (long long)q->whole_rows);
	ui_add_tensor(t, &p->in->out, &q->tensor);
}

/* What a box and tab-separated rows show, before it is escaped. */
static void add_plain(struct text *t, const struct printer *p, const struct rows *rows,
		      const struct cell *cells, int i)
{
	bool for_people = p->set->form == QUERY_BOX || p->set->form == QUERY_RECORDS;
	const struct cell *c = &cells[i];
	struct cell_tensor q;
	char number[40];

	if (cell_tensor(rows, cells, i, &q))
		add_tensor(t, p, &q);
	else if (cell_is_text(c))
		text_add(t, c->s.data ? c->s.data : "", c->s.len);
	else if (c->type == CELL_INT)
		text_addf(t, "%lld", (long long)c->i);
	else if (c->type == CELL_REAL && for_people)
		text_adds(t, ui_format_number(c->d, number, sizeof(number)));
	else if (c->type == CELL_REAL)
		text_add_real(t, c->d);
	else if (c->type == CELL_BLOB)
		text_addf(t, "<blob %zu bytes>", c->s.len);
}

/* RFC 4180: quoted when it holds a comma, a quote or a line end; a quote is doubled. */
static void add_quoted(struct text *t, const char *s, size_t len)
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

/* Exact for programs; on a terminal a cell is escaped as it is in a box. */
static void add_csv(struct text *t, const struct printer *p, const char *s, size_t len)
{
	struct text visible = { 0 };

	if (!p->in->out.is_terminal) {
		add_quoted(t, s, len);
		return;
	}
	text_add_visible(&visible, s, len);
	add_quoted(t, visible.data ? visible.data : "", visible.len);
	text_release(&visible);
}

static void add_csv_cell(struct text *t, const struct printer *p, const struct rows *rows,
			 const struct cell *cells, int i)
{
	const struct cell *c = &cells[i];
	struct text plain = { 0 };
	struct cell_tensor q;

	if (c->type == CELL_BLOB && c->s.len <= MAX_HEX_BLOB && !cell_is_text(c) &&
	    !cell_tensor(rows, cells, i, &q)) {
		text_adds(t, "X'");
		add_hex(t, c->s);
		text_addc(t, '\'');
		return;
	}
	add_plain(&plain, p, rows, cells, i);
	if (c->type == CELL_TEXT || c->type == CELL_BLOB)
		add_csv(t, p, plain.data ? plain.data : "", plain.len);
	else
		text_add(t, plain.data ? plain.data : "", plain.len);
	text_release(&plain);
}

/* {"tensor": "f32[20,64] mean …"} or, of other bytes, {"hex": "…"} and {"bytes": N}. */
static void add_json_blob(struct text *t, const struct printer *p, const struct rows *rows,
			  const struct cell *cells, int i)
{
	const struct cell *c = &cells[i];
	struct text summary = { 0 };
	struct cell_tensor q;

	if (cell_tensor(rows, cells, i, &q)) {
		add_tensor(&summary, p, &q);
		text_adds(t, "{\"tensor\": ");
		text_add_json(t, summary.data, summary.len);
		text_addc(t, '}');
		text_release(&summary);
	} else if (c->s.len <= MAX_HEX_BLOB) {
		text_adds(t, "{\"hex\": \"");
		add_hex(t, c->s);
		text_adds(t, "\"}");
	} else {
		text_addf(t, "{\"bytes\": %zu}", c->s.len);
	}
}

/* 9e999 reads as infinity everywhere and is valid JSON, as in the sqlite3 shell. */
static void add_json_cell(struct text *t, const struct printer *p, const struct rows *rows,
			  const struct cell *cells, int i)
{
	const struct cell *c = &cells[i];
	struct cell_tensor q;

	if (cell_is_text(c) && !cell_tensor(rows, cells, i, &q))
		text_add_json(t, c->s.data ? c->s.data : "", c->s.len);
	else if (c->type == CELL_INT)
		text_addf(t, "%lld", (long long)c->i);
	else if (c->type == CELL_REAL && isinf(c->d))
		text_adds(t, c->d > 0 ? "9e999" : "-9e999");
	else if (c->type == CELL_REAL)
		text_add_json_number(t, c->d);
	else if (c->type == CELL_BLOB)
		add_json_blob(t, p, rows, cells, i);
	else
		text_adds(t, "null");
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
		add_plain(&plain, p, rows, cells, i);
		text_adds(&p->line, i ? "\t" : "");
		text_add_escaped(&p->line, plain.data ? plain.data : "", plain.len);
	}
	text_release(&plain);
	return write_line(p);
}

static int tabs_begin(void *ctx, const struct rows *rows)
{
	struct printer *p = ctx;

	if (p->set->headers != HEADERS_ON)
		return 0;
	text_clear(&p->line);
	for (int i = 0; i < rows->n_columns; i++) {
		text_adds(&p->line, i ? "\t" : "");
		text_add_escaped(&p->line, rows->columns[i], strlen(rows->columns[i]));
	}
	return write_line(p);
}

static int csv_begin(void *ctx, const struct rows *rows)
{
	struct printer *p = ctx;

	if (p->set->headers == HEADERS_OFF)
		return 0;
	text_clear(&p->line);
	for (int i = 0; i < rows->n_columns; i++) {
		text_adds(&p->line, i ? "," : "");
		add_csv(&p->line, p, rows->columns[i], strlen(rows->columns[i]));
	}
	return write_line(p);
}

static int csv_row(void *ctx, const struct rows *rows, const struct cell *cells)
{
	struct printer *p = ctx;

	text_clear(&p->line);
	for (int i = 0; i < rows->n_columns; i++) {
		text_adds(&p->line, i ? "," : "");
		add_csv_cell(&p->line, p, rows, cells, i);
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
		add_json_cell(&p->line, p, rows, cells, i);
	}
	text_addc(&p->line, '}');
	return write_line(p);
}

static int box_begin(void *ctx, const struct rows *rows)
{
	struct printer *p = ctx;

	ui_table_release(&p->table);
	p->table_bytes = 0;
	for (int i = 0; i < rows->n_columns; i++) {
		ui_table_add_column(&p->table, rows->columns[i], false);
		/* Sentences are there to be read. */
		p->table.columns[i].wraps =
			!strcmp(rows->columns[i], "doc") || !strcmp(rows->columns[i], "example") ||
			!strcmp(rows->columns[i], "note") || !strcmp(rows->columns[i], "sql");
		if (i < p->set->n_widths)
			p->table.columns[i].set_width = p->set->widths[i];
	}
	p->table.no_titles = p->set->headers == HEADERS_OFF;
	p->table.interrupted = &interrupted;
	if (p->set->drops)
		ui_table_drops(&p->table, p->set->drops);
	return 0;
}

/* A sentence of the recording names the program as it was called here. */
static void add_cell(struct ui_table *table, int column, const struct text *line)
{
	struct text called = { 0 };

	if (table->columns[column].wraps && line->len && !memchr(line->data, '\0', line->len)) {
		text_add_called(&called, line->data);
		line = &called;
	}
	ui_table_cell(table, line->data ? line->data : "", line->len);
	text_release(&called);
}

static int box_row(void *ctx, const struct rows *rows, const struct cell *cells)
{
	struct printer *p = ctx;

	for (int i = 0; i < rows->n_columns; i++) {
		text_clear(&p->line);
		add_plain(&p->line, p, rows, cells, i);
		add_cell(&p->table, i, &p->line);
		p->table_bytes += (int64_t)p->line.len + CELL_BYTES;
		if (cells[i].type == CELL_INT || cells[i].type == CELL_REAL)
			p->table.columns[i].right = true;
	}
	if (p->table_bytes > MAX_BOX_BYTES)
		p->failed = err_set(p->err, ERR_MEMORY,
				    "a box of more than %d MB is not kept: --csv or --json prints "
				    "rows as they come",
				    MAX_BOX_BYTES >> 20);
	return p->failed;
}

/* "1,000 of 12,345 rows · 3 ms · --limit 0 shows all" */
static void add_footer(struct text *t, const struct printer *p, const struct rows_found *found,
		       int64_t shown)
{
	const char *dot = p->in->out.utf8 ? "·" : "-";
	char a[32], b[32], time[32];
	bool more = found->more || shown < found->found;

	if (more)
		text_addf(t, "%s of %s%s rows", ui_format_count(shown, a, sizeof(a)),
			  found->complete ? "" : "more than ",
			  ui_format_count(found->found, b, sizeof(b)));
	else
		text_addf(t, "%s %s", ui_format_count(found->found, a, sizeof(a)),
			  plural(found->found, "row", "rows"));
	text_addf(t, " %s %s", dot, ui_format_time(found->ns, time, sizeof(time)));
	if (more)
		text_addf(t, " %s %s shows all", dot, p->set->more);
}

/* The box, with its footer below it. */
static void print_box(struct printer *p, const struct ui *ui, const struct rows_found *found,
		      int64_t shown)
{
	struct text footer = { 0 }, line = { 0 };

	ui_table_print(&p->table, ui,
		       p->set->form == QUERY_RECORDS ? UI_TABLE_RECORDS : UI_TABLE_BOX);
	if (p->set->footer) {
		add_footer(&footer, p, found, shown);
		ui_add_styled(&line, ui, UI_DIM, footer.data, footer.len);
		text_addc(&line, '\n');
		ui_write(ui, line.data, line.len);
	}
	text_release(&footer);
	text_release(&line);
}

static int box_end(void *ctx, const struct rows_found *found)
{
	struct printer *p = ctx;
	size_t width = (size_t)(p->table.n_columns > 0 ? p->table.n_columns : 1);
	struct ui_pager pager;

	ui_pager_open(&pager, &p->in->out);
	print_box(p, &pager.ui, found, (int64_t)(p->table.n_cells / width));
	ui_pager_close(&pager);
	ui_table_release(&p->table);
	return 0;
}

/* ---- running ------------------------------------------------------------------------------- */

static const struct {
	int (*begin)(void *ctx, const struct rows *rows);
	int (*row)(void *ctx, const struct rows *rows, const struct cell *cells);
	int (*end)(void *ctx, const struct rows_found *found);
} forms[] = {
	[QUERY_TABS] = { tabs_begin, tabs_row, NULL },
	[QUERY_BOX] = { box_begin, box_row, box_end },
	[QUERY_CSV] = { csv_begin, csv_row, NULL },
	[QUERY_JSON] = { NULL, json_row, NULL },
	[QUERY_RECORDS] = { box_begin, box_row, box_end },
};

const char *const query_form_names[] = {
	[QUERY_TABS] = "tabs", [QUERY_BOX] = "box",         [QUERY_CSV] = "csv",
	[QUERY_JSON] = "json", [QUERY_RECORDS] = "records", NULL
};

struct query_settings query_settings_of(const struct invocation *in)
{
	bool timed = in->option[OPT_TIMEOUT].is_set, is_shown;
	struct query_settings set = { .form = QUERY_TABS, .more = "--limit 0" };

	if (option_on(in, OPT_CSV))
		set.form = QUERY_CSV;
	else if (option_on(in, OPT_JSON))
		set.form = QUERY_JSON;
	else if (option_on(in, OPT_BOX) || in->out.is_terminal)
		set.form = QUERY_BOX;
	is_shown = set.form == QUERY_BOX && in->out.is_terminal;
	set.footer = is_shown && !option_on(in, OPT_QUIET);
	set.max_rows = option_int(in, OPT_LIMIT, is_shown ? UI_TABLE_ROWS : 0);
	set.max_ns = (int64_t)(option_real(in, OPT_TIMEOUT, 0) * 1e9);
	set.max_wait_ns = timed ? 0 : DEFAULT_WAIT * 1000000000ll;
	return set;
}

int query_print(struct invocation *in, struct recording *rec, const struct query_settings *set,
		const char *sql, const char *const *params, int n_params, struct err *err)
{
	struct printer p = { .in = in, .set = set, .err = err };
	struct query_tensors tensors;
	struct query q = { .begin = forms[set->form].begin,
			   .row = forms[set->form].row,
			   .end = forms[set->form].end,
			   .ctx = &p,
			   .params = params,
			   .n_params = n_params,
			   .interrupted = &interrupted,
			   .max_rows = set->max_rows,
			   .max_ns = set->max_ns,
			   .max_wait_ns = set->max_wait_ns };
	int r = query_tensors_read(&tensors, params, n_params, err);

	note(in, "%s", sql);
	q.blobs = tensors.blobs;
	if (!r)
		r = set->is_own ? recording_ask(rec, sql, &q, err)
				: recording_query(rec, sql, &q, err);
	query_tensors_release(&tensors);
	ui_table_release(&p.table);
	text_release(&p.line);
	return p.failed ? p.failed : r;
}

int query_print_texts(struct invocation *in, const struct query_settings *set,
		      const char *const *columns, int n_columns, const char *const *texts,
		      int n_rows, struct err *err)
{
	struct printer p = { .in = in, .set = set, .err = err };
	struct rows rows = { n_columns, columns };
	struct cell *cells = mem_calloc((size_t)n_columns, sizeof(*cells));
	struct rows_found found = { .found = n_rows, .complete = true };
	int r = forms[set->form].begin ? forms[set->form].begin(&p, &rows) : 0;

	for (int y = 0; y < n_rows && !r; y++) {
		for (int x = 0; x < n_columns; x++) {
			const char *s = texts[y * n_columns + x];

			cells[x] = (struct cell){ .type = s ? CELL_TEXT : CELL_NULL };
			cells[x].s = (struct bytes){ s ? s : "", s ? strlen(s) : 0 };
		}
		r = forms[set->form].row(&p, &rows, cells);
	}
	if (!r && forms[set->form].end)
		r = forms[set->form].end(&p, &found);
	free(cells);
	ui_table_release(&p.table);
	text_release(&p.line);
	return r;
}
