/*
 * dot.c -- the table of the dot commands of `torchless query` (dot.def lists them), and what those
 * do that tell of the recording.
 *
 * What a command lists is printed as the rows of a query are, so .mode holds for it too.
 */
#include "shell.h"
#include "torchless/mem.h"
#include "torchless/point.h"

#include <stdlib.h>
#include <string.h>

/* Lists are shown whole. */
static struct query_settings list_settings(const struct shell *s)
{
	struct query_settings set = shell_settings(s);

	set.is_own = true;
	set.max_rows = 0;
	set.footer = false;
	return set;
}

static int print_sql(struct shell *s, const char *sql, const char *param, struct err *err)
{
	const struct query_settings set = list_settings(s);

	return query_print(s->in, s->rec, &set, sql, &param, param != NULL, err);
}

static int is_none(const char *what, const char *name, const struct name_list *const *lists,
		   struct err *err)
{
	const char *near = name_nearest(name, lists);

	return err_set(err, ERR_USAGE, "there is no %s \"%s\"%s%s%s", what, name,
		       near ? "; did you mean \"" : "", near ? near : "", near ? "\"?" : "");
}

/* ---- .help, .quit ---------------------------------------------------------------------- */

static int dot_help(struct shell *s, const struct words *w, const char *rest, struct err *err)
{
	const struct dot_command *only = NULL;
	struct ui_pager pager;
	struct ui_table t;

	(void)rest;
	if (w->list.n == 1) {
		only = dot_find(w->list.list[0] + (w->list.list[0][0] == '.'), err);
		if (!only)
			return err->code;
	}
	ui_table_init(&t, "command,doc");
	t.columns[0].fixed = t.columns[1].wraps = true;
	if (!only) {
		ui_table_cellf(&t, "SQL;");
		ui_table_cellf(&t, "run it; it may take several lines");
		ui_table_cellf(&t, "NAME [KEY=VALUE]...");
		ui_table_cellf(&t, "run a saved query");
	}
	for (int i = 0; i < dot_commands_len; i++) {
		const struct dot_command *c = &dot_commands[i];

		if (only && c != only)
			continue;
		ui_table_cellf(&t, ".%s%s%s", c->name, *c->args ? " " : "", c->args);
		ui_table_cell(&t, c->doc, strlen(c->doc));
	}
	ui_pager_open(&pager, &s->in->out);
	ui_table_print(&t, &pager.ui, ui_table_style_for(&pager.ui));
	ui_pager_close(&pager);
	ui_table_release(&t);
	return 0;
}

static int dot_quit(struct shell *s, const struct words *w, const char *rest, struct err *err)
{
	(void)w;
	(void)rest;
	(void)err;
	s->quit = true;
	return 0;
}

/* ---- .schema --------------------------------------------------------------------------- */

static const char schema_sql[] =
	"SELECT name, kind, doc FROM ("
	"SELECT s.name, s.type kind, coalesce(d.doc, '') doc, s.type = 'table' o, s.rowid i "
	"FROM sqlite_schema s LEFT JOIN schema_doc d ON d.obj = s.name AND d.col = '' "
	"WHERE s.type IN ('view', 'table') AND s.name NOT GLOB 'sqlite_*' UNION ALL "
	"SELECT rtrim(obj, '()'), 'function', doc, 0.5, 0 FROM schema_doc "
	"WHERE obj GLOB '*()' AND col = '') ORDER BY o, i, name";

static const char columns_sql[] =
	"SELECT p.name, p.type, d.unit, d.doc FROM pragma_table_xinfo(:name) p LEFT JOIN "
	"schema_doc d ON d.obj IN (:name, :name || '()') AND d.col = p.name ORDER BY p.cid";

static const char about_sql[] =
	"SELECT doc FROM schema_doc WHERE obj IN (:name, :name || '()') AND col = ''";

/* A sentence for people above what follows. */
static void say(const struct shell *s, const char *name, const char *sentence)
{
	struct text line = { 0 }, called = { 0 };
	const struct ui *ui = &s->in->out;

	if (s->set.form != QUERY_BOX && s->set.form != QUERY_RECORDS)
		return;
	ui_add_visible(&line, ui, name, strlen(name));
	text_adds(&line, ": ");
	text_add_called(&called, sentence);
	ui_add_visible(&line, ui, called.data, called.len);
	text_addc(&line, '\n');
	ui_write_lines(ui, line.data, line.len);
	text_release(&line);
	text_release(&called);
}

static int add_doc(void *ctx, const struct rows *rows, const struct cell *cells)
{
	(void)rows;
	text_add(ctx, cells[0].s.data, cells[0].s.len);
	return 0;
}

static int schema_of_table(struct shell *s, const char *name, struct err *err)
{
	struct text param = { 0 }, doc = { 0 };
	const char *params[1];
	struct query q = { .row = add_doc, .ctx = &doc, .params = params, .n_params = 1 };
	int r;

	text_addf(&param, "name=%s", name);
	params[0] = param.data;
	r = recording_ask(s->rec, about_sql, &q, err);
	if (!r && doc.len)
		say(s, name, doc.data);
	if (!r)
		r = print_sql(s, columns_sql, param.data, err);
	text_release(&param);
	text_release(&doc);
	return r;
}

/* The question, the parameters and the SQL, to read and to change. */
static int schema_of_saved(struct shell *s, int i, struct err *err)
{
	static const char *const columns[] = { "name", "doc", "params", "sql" };
	struct query_settings set = list_settings(s);
	struct text sql = { 0 }, params = { 0 };
	int r = recording_saved_query(s->rec, s->names.saved.list[i], &sql, &params, err);

	if (r == 0 && (set.form == QUERY_BOX || set.form == QUERY_RECORDS)) {
		say(s, s->names.saved.list[i], s->names.saved_doc.list[i]);
		if (*s->names.saved_params.list[i])
			say(s, "parameters", s->names.saved_params.list[i]);
		text_clear(&params);
		ui_add_running(&params, sql.data, sql.len);
		text_addc(&params, '\n');
		r = write_shown(params.data, params.len, err);
	} else if (r == 0) {
		const char *cells[] = { s->names.saved.list[i], s->names.saved_doc.list[i],
					s->names.saved_params.list[i], sql.data };

		r = query_print_texts(s->in, &set, columns, 4, cells, 1, err);
	}
	text_release(&sql);
	text_release(&params);
	return r;
}

static int dot_schema(struct shell *s, const struct words *w, const char *rest, struct err *err)
{
	const struct sql_names *n = &s->names;
	const char *name;
	int i;

	(void)rest;
	if (w->list.n == 0)
		return print_sql(s, schema_sql, NULL, err);
	if (sql_names_read(&s->names, s->rec, err))
		return err->code;
	name = w->list.list[0];
	i = name_list_find(&n->tables, name);
	if (i >= 0)
		return schema_of_table(s, n->tables.list[i], err);
	i = name_list_find(&n->saved, name);
	if (i >= 0)
		return schema_of_saved(s, i, err);
	if (name_list_find(&n->functions, name) >= 0) {
		const struct query_settings set = list_settings(s);

		return query_functions(s->in, &set, name, err);
	}
	return is_none("view, table, function or saved query", name,
		       (const struct name_list *[]){ &n->tables, &n->functions, &n->saved, NULL },
		       err);
}

/* ---- .saved, .functions ---------------------------------------------------------------- */

static int dot_saved(struct shell *s, const struct words *w, const char *rest, struct err *err)
{
	const struct query_settings set = shell_settings(s);
	const char *const *given;

	(void)rest;
	if (w->list.n == 0)
		return query_list(s->in, s->rec, &set, err);
	given = (const char *const *)w->list.list + 1;
	if (query_params_check(given, w->list.n - 1, err))
		return err->code;
	return query_saved(s->in, s->rec, &set, w->list.list[0], given, w->list.n - 1, err);
}

static int dot_functions(struct shell *s, const struct words *w, const char *rest, struct err *err)
{
	const struct query_settings set = list_settings(s);

	(void)rest;
	return query_functions(s->in, &set, w->list.n ? w->list.list[0] : NULL, err);
}

/* ---- .points --------------------------------------------------------------------------- */

/* Mark the points, by their place in fqns, that have a name which matches; how many there are. */
static int match_points(const struct sql_names *n, const char *pattern,
			const struct name_list *fqns, bool *wanted)
{
	int found = 0;

	for (int i = 0; i < n->points.n && !interrupted; i++) {
		int at;

		if (!text_glob(pattern, n->points.list[i]))
			continue;
		at = name_list_find(fqns, n->point_of.list[i]);
		if (at >= 0 && !wanted[at])
			wanted[at] = true, found++;
	}
	return found;
}

static const char points_sql[] =
	"SELECT fqn, axes, role, CASE WHEN n_dumps THEN 'dump' WHEN n THEN 'statistics' END kept "
	"FROM (SELECT p.id, p.fqn, p.axes, p.role, count(v.id) n, "
	"count(v.tensor_id) n_dumps FROM point p LEFT JOIN value v ON v.point_id = p.id GROUP BY p.id) ORDER BY id";

static int print_points(struct shell *s, struct name_list cells[4], const bool *wanted,
			struct err *err)
{
	static const char *const columns[] = { "point", "axes", "role", "kept", "fqn" };
	struct query_settings set = list_settings(s);
	const char **rows = mem_calloc((size_t)cells[0].n * 5 + 1, sizeof(*rows));
	struct name_list brief = { 0 };
	char buf[160];
	int n = 0, r;

	for (int i = 0; i < cells[0].n; i++) {
		point_shorten(cells[0].list[i], buf, sizeof(buf));
		name_list_add(&brief, buf, strlen(buf));
	}
	for (int i = 0; i < cells[0].n; i++) {
		const char *row[] = { brief.list[i], cells[1].list[i], cells[2].list[i],
				      cells[3].list[i], cells[0].list[i] };

		if (wanted[i])
			memcpy(rows + (ptrdiff_t)n++ * 5, row, sizeof(row));
	}
	set.drops = "fqn,role,axes"; /* the short name says it */
	r = query_print_texts(s->in, &set, columns, 5, rows, n, err);
	name_list_release(&brief);
	free((void *)rows);
	return r;
}

static int dot_points(struct shell *s, const struct words *w, const char *rest, struct err *err)
{
	const char *pattern = w->list.n ? w->list.list[0] : "*";
	struct name_list cells[4] = { 0 };
	struct text part = { 0 };
	bool *wanted = NULL;
	int n, r = sql_names_read(&s->names, s->rec, err);

	(void)rest;
	if (!r)
		r = name_lists_read(
			s->rec, points_sql,
			(struct name_list *[]){ &cells[0], &cells[1], &cells[2], &cells[3] }, err);
	if (!r) {
		wanted = mem_calloc((size_t)cells[0].n + 1, sizeof(*wanted));
		text_addf(&part, "*%s*", pattern);
		n = match_points(&s->names, pattern, &cells[0], wanted);
		/* A piece of a name does as well. */
		if (!n)
			n = match_points(&s->names, part.data, &cells[0], wanted);
		r = n ? print_points(s, cells, wanted, err)
		      : is_none("point", pattern,
				(const struct name_list *[]){ &s->names.points, NULL }, err);
	}
	for (int i = 0; i < 4; i++)
		name_list_release(&cells[i]);
	text_release(&part);
	free(wanted);
	return r;
}

/* ---- .set -------------------------------------------------------------------------------- */

static int dot_set(struct shell *s, const struct words *w, const char *rest, struct err *err)
{
	const char *const *given = (const char *const *)w->list.list;
	struct text line = { 0 };

	(void)rest;
	if (query_params_check(given, w->list.n, err) || query_tensors_check(given, w->list.n, err))
		return err->code;
	for (int i = 0; i < w->list.n; i++)
		shell_set(s, given[i]);
	for (int i = 0; i < s->values.n && w->list.n == 0; i++) {
		text_add_escaped(&line, s->values.list[i], strlen(s->values.list[i]));
		text_addc(&line, '\n');
	}
	ui_write(&s->in->out, line.data ? line.data : "", line.len);
	text_release(&line);
	return 0;
}

/* ---- the table ------------------------------------------------------------------------- */

const struct dot_command dot_commands[] = {
#define DOT(name, args, argument, min, max, run, doc) { name, args, argument, min, max, run, doc },
#include "../dot.def"
};
const int dot_commands_len = (int)(sizeof(dot_commands) / sizeof(dot_commands[0]));

/* What users of sqlite3 type. */
static const struct {
	const char *command, *sentence;
} sqlite_words[] = {
#define SQLITE_WORD(command, sentence) { command, sentence },
#include "sqlite_words.def"
#undef SQLITE_WORD
};

static void no_command(const char *name, struct err *err)
{
	struct name_list all = { 0 };
	const char *near;

	for (size_t i = 0; i < sizeof(sqlite_words) / sizeof(sqlite_words[0]); i++)
		if (text_is_short_for(name, strlen(name), sqlite_words[i].command)) {
			err_set(err, ERR_USAGE, "there is no command .%s: %s", name,
				sqlite_words[i].sentence);
			return;
		}
	for (int i = 0; i < dot_commands_len; i++)
		name_list_add(&all, dot_commands[i].name, strlen(dot_commands[i].name));
	near = name_nearest(name, (const struct name_list *[]){ &all, NULL });
	if (near)
		err_set(err, ERR_USAGE, "there is no command .%s; did you mean .%s?", name, near);
	else
		err_set(err, ERR_USAGE, "there is no command .%s; .help lists them", name);
	name_list_release(&all);
}

const struct dot_command *dot_find(const char *name, struct err *err)
{
	const struct dot_command *found = NULL;
	struct text all = { 0 };
	int n = 0;

	for (int i = 0; i < dot_commands_len; i++) {
		const struct dot_command *c = &dot_commands[i];

		if (*name && !strncmp(c->name, name, strlen(name))) {
			text_addf(&all, "%s.%s", n ? ", " : "", c->name);
			found = c;
			n++;
		}
		if (!strcmp(c->name, name)) {
			n = 1;
			break;
		}
	}
	if (n > 1)
		err_set(err, ERR_USAGE, ".%s may be any of %s", name, all.data);
	else if (n == 0)
		no_command(name, err);
	text_release(&all);
	return n == 1 ? found : NULL;
}

int dot_run(struct shell *s, const char *line, struct err *err)
{
	size_t len = strcspn(++line, " \t");
	char *name = mem_memdup(line, len), *rest;
	const struct dot_command *c;
	struct words w;
	int r;

	rest = mem_strdup(line + len + strspn(line + len, " \t"));
	/* Whoever ends SQL with a semicolon ends a command with one. */
	if (name[0] && name[len - 1] == ';')
		name[len - 1] = '\0';
	if (*rest && rest[strlen(rest) - 1] == ';')
		rest[strlen(rest) - 1] = '\0';
	w = words_split(rest);
	c = dot_find(name, err);
	if (!c)
		r = err->code;
	else if (w.list.n < c->min_args || (c->max_args >= 0 && w.list.n > c->max_args))
		r = err_set(err, ERR_USAGE, ".%s takes other arguments: .%s%s%s", c->name, c->name,
			    *c->args ? " " : "", c->args);
	else if (w.is_open && c->argument != DOT_SQL)
		r = err_set(err, ERR_USAGE, "a quote is not closed");
	else
		r = c->run(s, &w, rest, err);
	name_list_release(&w.list);
	free(name);
	free(rest);
	return r;
}
