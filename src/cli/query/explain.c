/*
 * explain.c -- .explain: how SQLite would run a statement, as a tree.
 */
#include "shell.h"
#include "torchless/mem.h"

#include <stdlib.h>
#include <string.h>

#define MAX_STEPS 10000 /* more nobody reads, and drawing takes their square */

/* The rows of EXPLAIN QUERY PLAN: each names its parent, which came before it. */
struct plan_steps {
	int64_t *id, *parent;
	size_t cap_id, cap_parent;
	struct name_list detail;
};

static int add_step(void *ctx, const struct rows *rows, const struct cell *cells)
{
	struct plan_steps *p = ctx;
	size_t n = (size_t)p->detail.n;

	(void)rows;
	p->id = mem_grow(p->id, n, &p->cap_id, sizeof(*p->id));
	p->parent = mem_grow(p->parent, n, &p->cap_parent, sizeof(*p->parent));
	p->id[n] = cells[0].i;
	p->parent[n] = cells[1].i;
	name_list_add(&p->detail, cells[3].s.data, cells[3].s.len);
	return n + 1 == MAX_STEPS;
}

static int next_child(const struct plan_steps *p, int64_t parent, int after)
{
	for (int i = after + 1; i < p->detail.n; i++)
		if (p->parent[i] == parent)
			return i;
	return -1;
}

#define MAX_DEPTH 40

/* Depth first without recursion: path[d] is the step shown at depth d. */
static void draw_plan(const struct plan_steps *p, const struct ui *ui, struct text *out)
{
	static const char *const branch[2][4] = { { "|  ", "   ", "|- ", "`- " },
						  { "│  ", "   ", "├─ ", "└─ " } };
	int path[MAX_DEPTH], depth = 0, n = 0;

	path[0] = next_child(p, 0, -1);
	while (depth >= 0 && n < p->detail.n) {
		int at = path[depth];

		if (at < 0) {
			if (--depth >= 0)
				path[depth] = next_child(p, p->parent[path[depth]], path[depth]);
			continue;
		}
		for (int d = 0; d <= depth; d++) {
			bool last = next_child(p, p->parent[path[d]], path[d]) < 0;

			text_adds(out, branch[ui->utf8][(d == depth ? 2 : 0) + last]);
		}
		text_add_visible(out, p->detail.list[at], strlen(p->detail.list[at]));
		text_addc(out, '\n');
		n++;
		if (depth + 1 < MAX_DEPTH)
			path[++depth] = next_child(p, p->id[at], at);
		else
			path[depth] = next_child(p, p->parent[at], at);
	}
}

static int explain(struct shell *s, const char *sql, const struct query_params *params,
		   struct err *err)
{
	struct plan_steps p = { 0 };
	struct text t = { 0 };
	struct query q = { .row = add_step, .ctx = &p, .interrupted = &interrupted };
	int r;

	q.params = (const char *const *)params->list;
	q.n_params = params->n;
	text_addf(&t, "EXPLAIN QUERY PLAN %s", sql);
	r = recording_ask(s->rec, t.data, &q, err);
	text_clear(&t);
	if (!r && p.detail.n == MAX_STEPS)
		r = err_set(err, ERR_USAGE, "the plan has %d steps or more: too many to draw",
			    MAX_STEPS);
	if (!r && p.detail.n == 0)
		text_adds(&t, "Nothing is read.\n");
	else if (!r)
		draw_plan(&p, &s->in->out, &t);
	if (!r)
		r = write_shown(t.data, t.len, err);
	free(p.id);
	free(p.parent);
	name_list_release(&p.detail);
	text_release(&t);
	return r;
}

static int explain_saved(struct shell *s, const struct words *w, struct err *err)
{
	struct text sql = { 0 }, defaults = { 0 };
	struct query_params params = { 0 };
	const char *const *given = (const char *const *)w->list.list + 1;
	int r = query_params_check(given, w->list.n - 1, err);

	if (r == 0)
		r = recording_saved_query(s->rec, w->list.list[0], &sql, &defaults, err);
	if (r == 0)
		r = query_params_read(&params, w->list.list[0], defaults.data, given, w->list.n - 1,
				      err);
	if (r == 0)
		query_params_adapt(&params, w->list.list[0], defaults.data, &sql);
	if (r == 0)
		r = explain(s, sql.data, &params, err);
	query_params_release(&params);
	text_release(&sql);
	text_release(&defaults);
	return r;
}

int dot_explain(struct shell *s, const struct words *w, const char *rest, struct err *err)
{
	/* A name: it may be misspelt, but the words behind it are parameters. */
	bool is_saved = query_is_name(w->list.list[0]);
	struct query_params params;
	int r;

	for (int i = 1; i < w->list.n; i++)
		is_saved = is_saved && strchr(w->list.list[i], '=');
	if (is_saved)
		return explain_saved(s, w, err);
	params = shell_params(s, rest);
	r = explain(s, rest, &params, err);
	query_params_release(&params);
	return r;
}
