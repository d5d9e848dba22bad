/*
 * listing.c -- rows that are a table for people and JSON for programs.
 *
 * A command adds each cell once; which form it takes is decided here.
 */
#include "torchless/cli.h"

#include <math.h>
#include <string.h>

static void init(struct listing *l, struct invocation *in)
{
	*l = (struct listing){ .in = in, .is_json = option_on(in, OPT_JSON) };
	l->for_people = in->out.is_terminal && !option_on(in, OPT_TSV);
}

void listing_init(struct listing *l, struct invocation *in, const char *titles)
{
	init(l, in);
	ui_table_init(&l->table, titles);
}

void listing_init_record(struct listing *l, struct invocation *in)
{
	init(l, in);
	l->is_record = true;
	ui_table_init(&l->table, "what,value");
	if (l->is_json)
		text_addc(&l->json, '{');
}

void listing_key(struct listing *l, const char *key)
{
	if (!l->is_json) {
		ui_table_cell(&l->table, key, strlen(key));
		return;
	}
	text_adds(&l->json, l->json.len > 1 ? ", " : "");
	text_add_json(&l->json, key, strlen(key));
	text_adds(&l->json, ": ");
}

/* What stands before a cell in JSON. */
static void open_cell(struct listing *l)
{
	const char *title;

	if (l->is_record)
		return;
	title = l->table.columns[l->column].title;
	text_adds(&l->json, l->column ? ", " : "{");
	text_add_json(&l->json, title, strlen(title));
	text_adds(&l->json, ": ");
}

static void close_cell(struct listing *l)
{
	if (l->is_record)
		return;
	l->column = (l->column + 1) % l->table.n_columns;
	if (l->column == 0)
		text_adds(&l->json, "}\n");
}

/* A cell whose JSON is already JSON. */
static void add(struct listing *l, const char *json, const char *shown)
{
	if (!l->is_json) {
		ui_table_cell(&l->table, shown, strlen(shown));
		return;
	}
	open_cell(l);
	text_adds(&l->json, json);
	close_cell(l);
}

void listing_int(struct listing *l, int64_t x)
{
	char buf[32];

	snprintf(buf, sizeof(buf), "%lld", (long long)x);
	add(l, buf, buf);
}

void listing_shown(struct listing *l, int64_t x, const char *shown)
{
	char buf[32];

	snprintf(buf, sizeof(buf), "%lld", (long long)x);
	add(l, buf, l->for_people ? shown : buf);
}

void listing_real(struct listing *l, double x)
{
	struct text exact = { 0 };
	char shown[40];

	text_add_json_number(&exact, x);
	ui_format_number(x, shown, sizeof(shown));
	add(l, exact.data, l->for_people || !isfinite(x) ? shown : exact.data);
	text_release(&exact);
}

void listing_text(struct listing *l, const char *data, size_t len)
{
	if (!l->is_json) {
		ui_table_cell(&l->table, data, len);
		return;
	}
	open_cell(l);
	text_add_json(&l->json, data, len);
	close_cell(l);
}

void listing_string(struct listing *l, const char *s)
{
	if (s)
		listing_text(l, s, strlen(s));
	else
		add(l, "null", "");
}

void listing_bool(struct listing *l, bool x)
{
	add(l, x ? "true" : "false", x ? "yes" : "no");
}

void listing_drops(struct listing *l, const char *titles)
{
	ui_table_drops(&l->table, titles);
}

static void print_table(struct listing *l)
{
	struct ui_pager pager;

	if (!l->for_people) {
		ui_table_print(&l->table, &l->in->out, UI_TABLE_TABS);
		return;
	}
	ui_pager_open(&pager, &l->in->out);
	ui_table_print(&l->table, &pager.ui, UI_TABLE_LINES);
	ui_pager_close(&pager);
}

int listing_print(struct listing *l, struct err *err)
{
	int r = 0;

	if (l->is_json && l->is_record)
		text_adds(&l->json, "}\n");
	if (l->is_json && l->json.len)
		r = write_out(l->json.data, l->json.len, err);
	else if (!l->is_json)
		print_table(l);
	ui_table_release(&l->table);
	text_release(&l->json);
	return r;
}
