/*
 * list.c -- `torchless query --list`: the questions that a recording answers.
 */
#include "query.h"

#include "torchless/called.h"
#include "torchless/json.h"
#include "torchless/utf8.h"

#include <string.h>

/* In the order of the file; a view that stands for an old table has no rowid to order by. */
const char query_list_sql[] = "SELECT name, doc, "
			      "(SELECT group_concat(key || '=' || coalesce(value, ''), ' ') "
			      "FROM json_each(params)) params FROM saved_query";

static const char programs_sql[] =
	"SELECT name, doc, (SELECT group_concat(key || '=' || coalesce(value, ''), ' ') "
	"FROM json_each(params)) params, topic FROM saved_query";

static const char json_sql[] = "SELECT name, topic, doc, note, params FROM saved_query";

/* Parameters without `run`, which the last lines tell of once. */
static const char people_sql[] =
	"SELECT coalesce(topic, 'Others'), name, coalesce(doc, ''), coalesce((SELECT "
	"group_concat(key || '=' || coalesce(value, ''), ' ') FROM json_each(params) "
	"WHERE key <> 'run'), ''), (SELECT max(length(name)) FROM saved_query) "
	"FROM saved_query";

static const char params_sql[] =
	"SELECT name, doc, (SELECT max(length(name)) FROM saved_query) FROM saved_param "
	"WHERE name IN (SELECT key FROM saved_query, json_each(params)) ORDER BY rowid";

struct list {
	struct invocation *in;
	struct text text, topic, line;
	int n_topics;
};

static const char *text_of(const struct cell *c)
{
	return c->s.data ? c->s.data : "";
}

/* The parameters are JSON already, if whoever made the recording wrote any. */
static int add_json(void *ctx, const struct rows *rows, const struct cell *cells)
{
	struct list *l = ctx;

	for (int i = 0; i < rows->n_columns; i++) {
		bool is_object = i == rows->n_columns - 1;

		text_adds(&l->text, i ? ", " : "{");
		text_add_json(&l->text, rows->columns[i], strlen(rows->columns[i]));
		text_adds(&l->text, ": ");
		if (is_object)
			json_add_value(&l->text, text_of(&cells[i]), cells[i].s.len);
		else if (cells[i].type == CELL_NULL)
			text_adds(&l->text, "null");
		else
			text_add_json(&l->text, text_of(&cells[i]), cells[i].s.len);
	}
	text_adds(&l->text, "}\n");
	return 0;
}

#define MAX_NAME 24 /* columns of a name, which what it asks stands behind */

/* Where what stands behind names begins. */
static int column_of(int64_t width)
{
	return 4 + (int)(width < MAX_NAME ? width : MAX_NAME);
}

/* Begin a line with a name. */
static void add_name(struct list *l, const struct cell *name, int64_t width)
{
	text_clear(&l->line);
	text_adds(&l->line, "  ");
	ui_add_visible(&l->line, &l->in->out, text_of(name), name->s.len);
	for (int i = utf8_width(l->line.data, l->line.len); i < column_of(width); i++)
		text_addc(&l->line, ' ');
}

/* What goes on in another line begins below what it is about. */
static void end_line(struct list *l, int64_t width)
{
	int screen = l->in->out.width, column = column_of(width);

	text_addc(&l->line, '\n');
	ui_add_wrapped(&l->text, l->line.data, l->line.len, screen,
		       screen < column + 20 ? 4 : column, 0);
}

static void add_heading(struct list *l, const char *heading, size_t len)
{
	const struct ui *ui = &l->in->out;
	struct text shown = { 0 };

	ui_add_visible(&shown, ui, heading, len);
	text_adds(&l->text, l->n_topics++ ? "\n" : "");
	text_clear(&l->line);
	ui_add_styled(&l->line, ui, UI_BOLD, shown.data, shown.len);
	text_addc(&l->line, '\n');
	ui_add_wrapped(&l->text, l->line.data, l->line.len, ui->width, 0, 0);
	text_release(&shown);
}

/* A file may hold blobs, which no NUL ends. */
static bool is_topic(const struct list *l, const struct cell *c)
{
	return l->topic.len == c->s.len && !memcmp(l->topic.data, text_of(c), c->s.len);
}

static int add_question(void *ctx, const struct rows *rows, const struct cell *cells)
{
	struct list *l = ctx;
	struct text params = { 0 };

	(void)rows;
	if (!l->n_topics || !is_topic(l, &cells[0])) {
		text_clear(&l->topic);
		text_add(&l->topic, text_of(&cells[0]), cells[0].s.len);
		add_heading(l, text_of(&cells[0]), cells[0].s.len);
	}
	add_name(l, &cells[1], cells[4].i);
	ui_add_visible(&l->line, &l->in->out, text_of(&cells[2]), cells[2].s.len);
	if (cells[3].s.len) {
		text_adds(&l->line, "  ");
		ui_add_visible(&params, &l->in->out, text_of(&cells[3]), cells[3].s.len);
		ui_add_styled(&l->line, &l->in->out, UI_DIM, params.data, params.len);
		text_release(&params);
	}
	end_line(l, cells[4].i);
	return 0;
}

static int add_param(void *ctx, const struct rows *rows, const struct cell *cells)
{
	struct list *l = ctx;

	(void)rows;
	add_name(l, &cells[0], cells[2].i);
	ui_add_visible(&l->line, &l->in->out, text_of(&cells[1]), cells[1].s.len);
	end_line(l, cells[2].i);
	return 0;
}

static int list_for_people(struct list *l, struct recording *rec, struct err *err)
{
	struct query questions = { .row = add_question, .ctx = l };
	struct query params = { .row = add_param, .ctx = l };
	struct text ask = { 0 };

	if (recording_ask(rec, people_sql, &questions, err))
		return err->code;
	text_addf(&ask, "%s query NAME KEY=VALUE... asks; what the parameters are", called_name());
	add_heading(l, ask.data, ask.len);
	text_release(&ask);
	return recording_ask(rec, params_sql, &params, err);
}

int query_list(struct invocation *in, struct recording *rec, const struct query_settings *set,
	       struct err *err)
{
	struct list l = { .in = in };
	struct query_settings own = *set;
	struct ui_pager pager;
	int r;

	own.is_own = true;
	if (set->form == QUERY_TABS || set->form == QUERY_CSV)
		return query_print(in, rec, &own, programs_sql, NULL, 0, err);
	if (set->form == QUERY_JSON) {
		struct query q = { .row = add_json, .ctx = &l };

		r = recording_ask(rec, json_sql, &q, err);
	} else {
		r = list_for_people(&l, rec, err);
	}
	if (r == 0 && l.text.len && set->form != QUERY_JSON) {
		ui_pager_open(&pager, &in->out);
		ui_write(&pager.ui, l.text.data, l.text.len);
		ui_pager_close(&pager);
	} else if (r == 0 && l.text.len) {
		r = write_out(l.text.data, l.text.len, err);
	}
	text_release(&l.text);
	text_release(&l.topic);
	text_release(&l.line);
	return r;
}
