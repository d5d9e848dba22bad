/*
 * cmd_sql.c -- SQL at a stop, shown as `torchless query` shows it: a box on a terminal, tabs
 * elsewhere.
 */
#include "../debug_impl.h"

#include "torchless/cells.h"
#include "torchless/saved_query.h"

#include <ctype.h>
#include <strings.h>

#define WAIT_NS       60000000000ll /* without a row */
#define MAX_BOX_BYTES (64 << 20)
#define FLUSH_BYTES   (64 << 10)
#define MAX_WORDS     64

/* ---- rows ---------------------------------------------------------------------------------- */

struct printer {
	struct debugger *d;
	bool as_box;
	const char *drops; /* query_drops() */
	struct ui_table table;
	int64_t bytes; /* of the box */
	int64_t n_rows;
	struct text cell;
	struct err *err;
};

static void add_tensor(struct text *t, const struct ui *ui, const struct cell_tensor *c)
{
	if (c->chunk >= 0)
		text_addf(t, "chunk %lld, rows of %lld: ", (long long)c->chunk,
			  (long long)c->whole_rows);
	ui_add_tensor(t, ui, &c->tensor);
}

static void add_cell(struct printer *p, const struct rows *rows, const struct cell *cells, int i)
{
	const struct cell *c = &cells[i];
	struct cell_tensor tensor;
	char number[40];

	text_clear(&p->cell);
	if (cell_tensor(rows, cells, i, &tensor))
		add_tensor(&p->cell, p->d->opt.ui, &tensor);
	else if (cell_is_text(c))
		text_add(&p->cell, c->s.data ? c->s.data : "", c->s.len);
	else if (c->type == CELL_INT)
		text_addf(&p->cell, "%lld", (long long)c->i);
	else if (c->type == CELL_REAL && p->as_box)
		text_adds(&p->cell, ui_format_number(c->d, number, sizeof(number)));
	else if (c->type == CELL_REAL)
		text_add_real(&p->cell, c->d);
	else if (c->type == CELL_BLOB)
		text_addf(&p->cell, "<blob %zu bytes>", c->s.len);
}

static const char *text_of(const struct text *t)
{
	return t->data ? t->data : "";
}

static int tabs_row(void *ctx, const struct rows *rows, const struct cell *cells)
{
	struct printer *p = ctx;

	for (int i = 0; i < rows->n_columns; i++) {
		add_cell(p, rows, cells, i);
		text_adds(&p->d->out, i ? "\t" : "");
		text_add_escaped(&p->d->out, text_of(&p->cell), p->cell.len);
	}
	text_addc(&p->d->out, '\n');
	if (p->d->out.len > FLUSH_BYTES)
		say_flush(p->d);
	p->n_rows++;
	return 0;
}

static int box_begin(void *ctx, const struct rows *rows)
{
	struct printer *p = ctx;

	ui_table_release(&p->table);
	p->bytes = 0;
	for (int i = 0; i < rows->n_columns; i++) {
		ui_table_add_column(&p->table, rows->columns[i], false);
		p->table.columns[i].wraps =
			!strcmp(rows->columns[i], "doc") || !strcmp(rows->columns[i], "sql");
	}
	ui_table_drops(&p->table, p->drops ? p->drops : "");
	return 0;
}

static int box_row(void *ctx, const struct rows *rows, const struct cell *cells)
{
	struct printer *p = ctx;

	for (int i = 0; i < rows->n_columns; i++) {
		add_cell(p, rows, cells, i);
		ui_table_cell(&p->table, text_of(&p->cell), p->cell.len);
		p->bytes += (int64_t)p->cell.len + 64;
		if (cells[i].type == CELL_INT || cells[i].type == CELL_REAL)
			p->table.columns[i].right = true;
	}
	p->n_rows++;
	if (p->bytes <= MAX_BOX_BYTES)
		return 0;
	return err_set(p->err, ERR_MEMORY, "a box of more than %d MB is not kept",
		       MAX_BOX_BYTES >> 20);
}

/* "100 of 1,234 rows · 3 ms · sql -a shows all". */
static void say_footer(struct debugger *d, const struct rows_found *found, int64_t shown)
{
	const char *dot = d->opt.ui->utf8 ? "·" : "-";
	char a[32], b[32], time[32];

	ui_format_time(found->ns, time, sizeof(time));
	if (found->more)
		say_styled(d, UI_DIM, "%s of %s%s rows %s %s %s sql -a shows all",
			   ui_format_count(shown, a, sizeof(a)),
			   found->complete ? "" : "more than ",
			   ui_format_count(found->found, b, sizeof(b)), dot, time, dot);
	else
		say_styled(d, UI_DIM, "%s %s %s %s", ui_format_count(found->found, a, sizeof(a)),
			   plural(found->found, "row", "rows"), dot, time);
	if (!found->found && !questions_are_recorded(d))
		say_styled(d, UI_DIM, " %s nothing is recorded: `record on` keeps what happens",
			   dot);
	say(d, "\n");
}

static int box_end(void *ctx, const struct rows_found *found)
{
	struct printer *p = ctx;
	struct ui ui = *p->d->opt.ui;
	char *data = NULL;
	size_t len = 0;
	int64_t width = p->table.n_columns > 0 ? p->table.n_columns : 1;

	ui.out = open_memstream(&data, &len);
	if (!ui.out)
		return err_set(p->err, ERR_MEMORY, "out of memory");
	p->table.interrupted = p->d->opt.interrupted;
	ui_table_print(&p->table, &ui, UI_TABLE_BOX);
	fclose(ui.out);
	text_add(&p->d->out, data, len);
	free(data);
	say_footer(p->d, found, (int64_t)p->table.n_cells / width);
	ui_table_release(&p->table);
	return 0;
}

int say_query(struct debugger *d, struct recording *rec, const char *sql, const char *const *params,
	      int n_params, bool all, const char *drops, struct err *err)
{
	struct printer p = { .d = d, .as_box = d->opt.ui->is_terminal, .drops = drops, .err = err };
	struct query q = { .begin = p.as_box ? box_begin : NULL,
			   .row = p.as_box ? box_row : tabs_row,
			   .end = p.as_box ? box_end : NULL,
			   .ctx = &p,
			   .params = params,
			   .n_params = n_params,
			   .interrupted = d->opt.interrupted,
			   .max_rows = p.as_box && !all ? UI_TABLE_ROWS : 0,
			   .max_wait_ns = WAIT_NS };
	int r = recording_query(rec, sql, &q, err);

	ui_table_release(&p.table);
	text_release(&p.cell);
	return r;
}

/* ---- saved queries ------------------------------------------------------------------------- */

/* The words of a line, in place; at most MAX_WORDS, -1: there are more. */
static int split_words(char *s, const char **words)
{
	int n = 0;

	for (; *s; n++) {
		char quote = 0, *out = s;

		if (n == MAX_WORDS)
			return -1;
		words[n] = s;
		for (; *s && (quote || !isspace((unsigned char)*s)); s++) {
			if (*s == quote)
				quote = 0;
			else if (!quote && (*s == '\'' || *s == '"'))
				quote = *s;
			else
				*out++ = *s;
		}
		s += strspn(s, " \t");
		*out = '\0';
	}
	return n;
}

static int run_saved(struct debugger *d, struct recording *rec, const char *const *words, int n,
		     bool all, struct err *err)
{
	struct text sql = { 0 }, defaults = { 0 };
	struct query_params params = { 0 };
	int r = query_params_check(words + 1, n - 1, err);

	if (!r)
		r = recording_saved_query(rec, words[0], &sql, &defaults, err);
	if (!r)
		r = query_params_read(&params, words[0], defaults.data ? defaults.data : "{}",
				      words + 1, n - 1, err);
	if (!r)
		query_params_adapt(&params, words[0], defaults.data ? defaults.data : "{}", &sql);
	if (!r)
		r = query_params_refuse(&params, rec, words + 1, n - 1, err);
	if (!r)
		r = say_query(d, rec, sql.data, (const char *const *)params.list, params.n, all,
			      query_drops(words[0]), err);
	query_params_release(&params);
	text_release(&sql);
	text_release(&defaults);
	return r;
}

static bool begins_sql(const char *word)
{
	static const char *const words[] = { "select", "with", "explain", "values", "pragma" };

	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
		if (!strcasecmp(words[i], word))
			return true;
	return false;
}

static bool is_saved(const char *args)
{
	char word[64];
	size_t len = strcspn(args, " \t");

	if (!len || len >= sizeof(word))
		return false;
	memcpy(word, args, len);
	word[len] = '\0';
	args += len + strspn(args + len, " \t");
	return query_is_name(word) && (!*args || strchr(args, '=')) && !begins_sql(word);
}

static int run_words(struct debugger *d, struct recording *rec, const char *args, bool all,
		     struct err *err)
{
	char *copy = mem_strdup(args);
	const char *words[MAX_WORDS];
	int n = split_words(copy, words);
	int r = n < 0 ? err_set(err, ERR_USAGE, "%s has no so many parameters", words[0])
		      : run_saved(d, rec, words, n, all, err);

	free(copy);
	return r;
}

/* ---- the command --------------------------------------------------------------------------- */

int cmd_sql(struct debugger *d, const char *args, struct err *err)
{
	struct recording *rec = questions_recording(d, err);
	bool all = !strncmp(args, "-a", 2) && (!args[2] || args[2] == ' ');

	if (!rec)
		return err->code;
	recording_names_saved(rec, "sql");
	if (all)
		args += 2 + strspn(args + 2, " \t");
	if (!*args)
		return say_query(d, rec, "SELECT name, doc FROM saved_query ORDER BY name", NULL, 0,
				 true, NULL, err);
	if (is_saved(args))
		return run_words(d, rec, args, all, err);
	return say_query(d, rec, args, NULL, 0, all, NULL, err);
}

/* ---- runs ---------------------------------------------------------------------------------- */

static const char runs_sql[] =
	"SELECT r.id run, r.status, r.engine, (SELECT count(*) FROM token t WHERE t.run_id = r.id) "
	"tokens, (SELECT count(*) FROM pass p WHERE p.run_id = r.id AND p.idx IS NOT NULL) passes, "
	"r.parent_run_id parent, r.prompt FROM run r ORDER BY r.id";

int cmd_runs(struct debugger *d, const char *args, struct err *err)
{
	struct recording *rec = questions_recording(d, err);
	int64_t run;

	if (!rec)
		return err->code;
	if (!*args && !questions_are_recorded(d)) {
		say(d, "Nothing is recorded: `record on` begins.\n");
		return 0;
	}
	if (!*args)
		return say_query(d, rec, runs_sql, NULL, 0, false, NULL, err);
	if (target_is_live(d->target))
		return err_set(err, ERR_USAGE,
			       "the session is at its own run; `torchless debug -t FILE` steps "
			       "through others");
	if (parse_count(args, &run, err) || recorded_use_run(d->target, run, err))
		return err->code;
	say(d, "Run %lld; nothing of it has happened yet.\n", (long long)run);
	return 0;
}
