/*
 * cmd_hits.c -- all hits of a location as a table, with values: what happened there so far, or what
 * will.
 */
#include "../stops/break_impl.h"

#include <ctype.h>

#define MAX_ROWS  1000
#define MAX_EXPRS 16

struct hit_rows {
	struct debugger *d;
	struct breakpoint *b;
	char *text[MAX_EXPRS];
	struct condition *e[MAX_EXPRS];
	int n;
	struct ui_table table;
	int64_t n_rows;
};

static void add_module(const struct hit_rows *r, const struct question *q, struct ui_table *t)
{
	const struct program *p = r->d->program;

	if (!q->spot)
		ui_table_cellf(t, "%s", r->b->location.text.data);
	else if (q->spot->module >= 0)
		ui_table_cellf(t, "%s", p->modules[q->spot->module].path);
	else
		ui_table_cellf(t, "%s", p->values[q->spot->out].name);
}

static int add_value(struct hit_rows *r, int i, int q, const struct moment *at, struct err *err)
{
	struct array_value v = { 0 };
	struct text line = { 0 };
	int ret = 0;

	text_adds(&line, "");
	if (condition_sees(r->e[i], q))
		ret = condition_evaluate(r->d, r->e[i], &r->b->questions[q], q, at, &v, err);
	if (ret == 0 && condition_sees(r->e[i], q))
		value_add_line(&v, &line);
	if (ret == ERR_USAGE || ret == ERR_SHAPE) { /* it has none here */
		text_adds(&line, "-");
		ret = 0;
	}
	ui_table_cell(&r->table, line.data, line.len);
	text_release(&line);
	array_value_release(&v);
	return ret;
}

static int tell(void *ctx, const struct answer *a, struct err *err)
{
	struct hit_rows *r = ctx;
	int first = 0, n = breakpoint_questions(r->b, &a->at, &first);
	char buf[48];
	int ret = 0;

	if (r->n_rows++ >= MAX_ROWS)
		return 0;
	for (int i = first; i < first + n - 1 && r->b->questions[first].depth != a->depth; i++)
		first++;
	ui_table_cellf(&r->table, "%s", moment_format(&a->at, buf, sizeof(buf)));
	add_module(r, &r->b->questions[first], &r->table);
	for (int i = 0; i < r->n && ret == 0; i++)
		ret = add_value(r, i, first, &a->at, err);
	return ret;
}

/* ---- reading the line ------------------------------------------------------------------------ */

/* The end of "LOC": of "token 5" and "op 131" behind the number, of "/re/" behind the slash. */
static size_t location_end(const char *s)
{
	size_t n = strcspn(s, " \t");

	if ((n == 5 && !strncmp(s, "token", 5)) || (n == 2 && !strncmp(s, "op", 2))) {
		n += strspn(s + n, " \t");
		n += strcspn(s + n, " \t");
	}
	if (*s == '/')
		for (n = 1; s[n]; n++)
			if (s[n] == '/' && s[n - 1] != '\\')
				return n + 1;
	return n;
}

static int read_expressions(struct hit_rows *r, const char *s, struct err *err)
{
	while (*(s += strspn(s, " \t"))) {
		size_t len = argument_length(s);

		if (r->n == MAX_EXPRS)
			return err_set(err, ERR_USAGE, "hits takes at most %d expressions",
				       MAX_EXPRS);
		r->text[r->n++] = mem_memdup(s, len);
		s += len + (s[len] == ',');
	}
	return 0;
}

static int prepare(struct hit_rows *r, struct err *err)
{
	struct debugger *d = r->d;
	struct question *q;
	bool behind = false;
	int n;

	for (int i = 0; i < r->n; i++)
		behind |= condition_uses_out(r->text[i]);
	q = location_questions(d, &r->b->location, behind, &n);
	breakpoint_set_questions(d, r->b, q, n);
	ui_table_init(&r->table, "AT,WHERE");
	for (int i = 0; i < r->n; i++) {
		if (condition_new(d, r->text[i], q, n, &r->e[i], err))
			return err->code;
		ui_table_add_column(&r->table, r->text[i], true);
	}
	return 0;
}

/* ---- the command ----------------------------------------------------------------------------- */

static int show(struct hit_rows *r, bool all, struct err *err)
{
	struct debugger *d = r->d;
	const struct moment now = d->target->now;
	int ret = survey(d, r->b, NULL, all ? NULL : &now, tell, r, err);

	if (ret)
		return ret;
	if (r->n_rows == 0) {
		say(d, all ? "No hit.\n" : "No hit so far: `hits -a` looks ahead, too.\n");
		return 0;
	}
	say_table(d, &r->table);
	if (r->n_rows > MAX_ROWS)
		say(d, "... %lld more\n", (long long)(r->n_rows - MAX_ROWS));
	return 0;
}

int cmd_hits(struct debugger *d, const char *args, struct err *err)
{
	struct hit_rows r = { .d = d };
	bool all = !strncmp(args, "-a", 2) && (!args[2] || strchr(" \t", args[2]));
	struct location l;
	int ret, number = d->breakpoints->last_number;
	char *where;
	size_t len;

	args += all ? 2 + strspn(args + 2, " \t") : 0;
	len = location_end(args);
	where = mem_memdup(args, len);
	ret = location_parse(d, where, &l, err);
	free(where);
	if (ret)
		return ret;
	r.b = break_at(d, &l, NULL, err);
	if (!r.b)
		return err->code;
	r.b->enabled = false;
	ret = read_expressions(&r, args + len, err);
	if (ret == 0)
		ret = prepare(&r, err);
	if (ret == 0)
		ret = show(&r, all, err);
	ui_table_release(&r.table);
	for (int i = 0; i < r.n; i++) {
		condition_free(r.e[i]);
		free(r.text[i]);
	}
	breakpoint_delete(d, r.b);
	d->breakpoints->last_number = number;
	return ret;
}
