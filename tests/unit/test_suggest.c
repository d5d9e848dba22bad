/*
 * test_suggest.c -- every name of every namespace, mistyped in every place.
 *
 * A letter that is missing, and two that are swapped: what is suggested is that name, or another
 * that is as near; never something farther, never twice the same, and nothing for what is near to
 * nothing.
 */
#include "cli/query/shell.h"
#include "support/stopped.h"
#include "torchless/cli.h"
#include "torchless/point.h"
#include "torchless/saved_query.h"

#include <criterion/criterion.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

TestSuite(suggest, .timeout = 300);

extern const char schema_sql[], schema_doc_sql[], saved_queries_sql[], indexes_sql[];

/* ---- what is asked --------------------------------------------------------------------------- */

/* The sentence about `typed`, into *err; whether it is refused. */
typedef bool ask_fn(void *ctx, const char *typed, struct err *err);

static int n_asked;

/* What stands behind "did you mean" or "the nearest is", without quotes, dashes and dots. */
static void suggestion(const char *message, char *out, size_t size)
{
	static const char *const before[] = { "did you mean ", "the nearest is ",
					      "the nearest are " };
	const char *s = NULL;

	out[0] = '\0';
	for (size_t i = 0; i < sizeof(before) / sizeof(before[0]) && !s; i++)
		if ((s = strstr(message, before[i])))
			s += strlen(before[i]);
	if (!s)
		return;
	s += strspn(s, "'\"`-");
	if (!strncmp(s, "query ", 6))
		s += 6;
	if (*s == '.' && s[1] != '.')
		s++;
	snprintf(out, size, "%.*s", (int)strcspn(s, "'\"`?, "), s);
}

static bool has_a_point(const char *s)
{
	return strpbrk(s, ".:") != NULL;
}

/* The suggestion for a slip of `name` is as near to what was typed as the name is. */
static void check_slip(ask_fn *ask, void *ctx, const char *name, const char *typed)
{
	struct err err = { 0 };
	char meant[160];
	int far;

	if (!*typed || !strcmp(typed, name) || !ask(ctx, typed, &err))
		return; /* it is another name, or a beginning of one */
	n_asked++;
	suggestion(err.message, meant, sizeof(meant));
	far = text_unlike(typed, name);
	/* Of two or three letters nobody can tell, and of a slip at the end the beginning counts.
	 */
	if (strlen(name) >= 4)
		cr_expect(*meant, "%s, for %s: %s", typed, name, err.message);
	if (*meant && !has_a_point(name))
		cr_expect(text_unlike(typed, meant) <= far ||
				  text_distance(typed, meant) <= text_distance(typed, name),
			  "%s, for %s: %s", typed, name, err.message);
	cr_expect(strcmp(meant, typed) != 0, "%s is suggested for itself", typed);
}

static void check_name(ask_fn *ask, void *ctx, const char *name)
{
	size_t len = strlen(name);
	char typed[160];

	for (size_t i = 0; i < len && len < sizeof(typed); i++) {
		snprintf(typed, sizeof(typed), "%.*s%s", (int)i, name, name + i + 1);
		check_slip(ask, ctx, name, typed);
		snprintf(typed, sizeof(typed), "%s", name);
		if (i + 1 < len) {
			typed[i] = name[i + 1];
			typed[i + 1] = name[i];
			check_slip(ask, ctx, name, typed);
		}
	}
}

static void check_nothing(ask_fn *ask, void *ctx)
{
	static const char *const words[] = { "xyzzyq", "qqqqqqqqqqqq", "zzxzzxzzxzzxzzxzzxzzx" };
	struct err err;
	char meant[160];

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		cr_assert(ask(ctx, words[i], &err), "%s", words[i]);
		suggestion(err.message, meant, sizeof(meant));
		cr_expect(!*meant, "%s: %s", words[i], err.message);
	}
}

/* ---- the command line ------------------------------------------------------------------------ */

static bool parses(char **argv, int argc, struct err *err)
{
	struct invocation in;
	bool refused = invocation_parse(&in, argc, argv, err) != 0;

	invocation_release(&in);
	return refused;
}

static bool ask_command(void *ctx, const char *typed, struct err *err)
{
	(void)ctx;
	if (!parses((char *[]){ "torchless", (char *)typed, NULL }, 2, err))
		return false;
	return strstr(err->message, "there is no command") != NULL;
}

Test(suggest, commands)
{
	for (int i = 0; i < command_table_len; i++)
		check_name(ask_command, NULL, command_table[i].name);
	check_nothing(ask_command, NULL);
	cr_assert_gt(n_asked, 50);
}

static bool ask_option(void *ctx, const char *typed, struct err *err)
{
	char option[200];

	snprintf(option, sizeof(option), "--%s", typed);
	if (!parses((char *[]){ "torchless", ctx, option, "x", NULL }, 4, err))
		return false;
	return strstr(err->message, "there is no option") != NULL;
}

Test(suggest, options)
{
	for (int i = 0; i < command_table_len; i++) {
		const struct command *c = &command_table[i];

		for (int id = 0; id < OPT_COUNT; id++)
			if (option_table[id].name && !option_table[id].single_dash &&
			    command_has(c, (enum option_id)id))
				check_name(ask_option, (void *)c->name, option_table[id].name);
		check_nothing(ask_option, (void *)c->name);
	}
	cr_assert_gt(n_asked, 1000);
}

/* What the scripts for bash, zsh and fish are made of. */
Test(suggest, every_value_has_a_kind_for_the_shells)
{
	for (int id = 0; id < OPT_COUNT; id++) {
		const struct option *o = &option_table[id];
		const char *name = o->name ? o->name : "a letter";

		cr_expect((o->kind == OPTION_FLAG) == (o->complete == COMPLETE_NONE), "%s", name);
		cr_expect((o->kind == OPTION_CHOICE) == (o->complete == COMPLETE_CHOICE), "%s",
			  name);
		/* A number is nobody's to offer; what is called a file is one. */
		if (o->kind == OPTION_INT || o->kind == OPTION_REAL || o->kind == OPTION_SIZE)
			cr_expect(o->complete == COMPLETE_TEXT, "%s", name);
		if (o->arg && (strstr(o->arg, "FILE") || strstr(o->arg, "OUT")))
			cr_expect(o->complete >= COMPLETE_FILE, "%s", name);
	}
}

/* A value of the option `ctx`, for the command that has it first. */
static bool ask_choice(void *ctx, const char *typed, struct err *err)
{
	const struct option *o = ctx;
	char option[200];

	snprintf(option, sizeof(option), "--%s=%s", o->name, typed);
	for (int i = 0; i < command_table_len; i++)
		if (command_has(&command_table[i], (enum option_id)(o - option_table)))
			return parses((char *[]){ "torchless", (char *)command_table[i].name,
						  option, "x", NULL },
				      4, err) &&
			       strstr(err->message, "wants one of");
	return false;
}

Test(suggest, words_of_options)
{
	char choices[128], *rest = NULL;

	for (int id = 0; id < OPT_COUNT; id++) {
		if (option_table[id].kind != OPTION_CHOICE)
			continue;
		snprintf(choices, sizeof(choices), "%s", option_table[id].choices);
		for (char *c = strtok_r(choices, "|", &rest); c; c = strtok_r(NULL, "|", &rest))
			check_name(ask_choice, (void *)&option_table[id], c);
		check_nothing(ask_choice, (void *)&option_table[id]);
	}
}

static bool ask_dot(void *ctx, const char *typed, struct err *err)
{
	(void)ctx;
	return !dot_find(typed, err) && strstr(err->message, "there is no command");
}

Test(suggest, dot_commands)
{
	struct err err = { 0 };

	for (int i = 0; i < dot_commands_len; i++)
		check_name(ask_dot, NULL, dot_commands[i].name);
	check_nothing(ask_dot, NULL);
	cr_assert(ask_dot(NULL, "dump", &err));
	cr_assert(strstr(err.message, ".mode csv"), "%s", err.message);
	cr_assert(ask_dot(NULL, "du", &err) && strstr(err.message, ".mode csv"), "%s", err.message);
	cr_assert(ask_dot(NULL, "dumpling", &err) && !strstr(err.message, ".mode csv"));
}

/* ---- of a recording -------------------------------------------------------------------------- */

struct file {
	char path[64];
	struct recording *rec;
	struct name_list names;
};

static void open_file(struct file *f)
{
	const char *const scripts[] = { schema_sql, schema_doc_sql, saved_queries_sql,
					indexes_sql };
	struct err err;
	sqlite3 *db;
	int fd;

	*f = (struct file){ .path = "/tmp/torchless-suggest-XXXXXX" };
	fd = mkstemp(f->path);
	cr_assert(fd >= 0 && sqlite3_open(f->path, &db) == SQLITE_OK);
	close(fd);
	cr_assert(!sqlite3_exec(db, "PRAGMA synchronous = OFF", NULL, NULL, NULL));
	for (size_t i = 0; i < sizeof(scripts) / sizeof(scripts[0]); i++)
		cr_assert(!sqlite3_exec(db, scripts[i], NULL, NULL, NULL), "%s",
			  sqlite3_errmsg(db));
	sqlite3_close(db);
	f->rec = recording_open(f->path, &err);
	cr_assert(f->rec != NULL, "%s", err.message);
}

static void read_list(struct file *f, const char *sql)
{
	struct err err;

	name_list_release(&f->names);
	cr_assert(!name_lists_read(f->rec, sql, (struct name_list *[]){ &f->names }, &err), "%s",
		  err.message);
	cr_assert_gt(f->names.n, 5);
}

static void close_file(struct file *f)
{
	recording_close(f->rec);
	name_list_release(&f->names);
	unlink(f->path);
}

static bool ask_saved(void *ctx, const char *typed, struct err *err)
{
	struct file *f = ctx;
	struct text sql = { 0 }, params = { 0 };
	int r = recording_saved_query(f->rec, typed, &sql, &params, err);

	text_release(&sql);
	text_release(&params);
	return r != 0;
}

Test(suggest, saved_queries)
{
	static const char *const words[][2] = {
#define SAVED_WORD(word, name) { word, name },
#include "trace/saved_words.def"
	};
	struct file f;
	struct err err;
	char meant[160];

	open_file(&f);
	read_list(&f, "SELECT name FROM saved_query");
	for (int i = 0; i < f.names.n; i++) {
		check_name(ask_saved, &f, f.names.list[i]);
		cr_expect(saved_query_is_known(f.names.list[i]), "%s", f.names.list[i]);
	}
	check_nothing(ask_saved, &f);
	cr_expect(!saved_query_is_known("Tokens") && !saved_query_is_known("pos"));
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		cr_expect(name_list_find(&f.names, words[i][1]) >= 0, "%s", words[i][1]);
		if (!ask_saved(&f, words[i][0], &err))
			cr_expect(0, "%s is a saved query itself", words[i][0]);
		suggestion(err.message, meant, sizeof(meant));
		cr_expect_str_eq(meant, words[i][1]);
	}
	/* As a command a saved query is known for what it is; a command goes before it. */
	for (int i = 0; i < f.names.n; i++)
		if (!command_find(f.names.list[i])) {
			snprintf(meant, sizeof(meant), "did you mean 'query %s'", f.names.list[i]);
			cr_expect(ask_command(NULL, f.names.list[i], &err));
			cr_expect(strstr(err.message, meant), "%s", err.message);
		}
	close_file(&f);
}

static bool ask_sql(void *ctx, const char *sql, struct err *err)
{
	struct name_list none = { 0 };
	struct file *f = ctx;
	int r = name_lists_read(f->rec, sql, (struct name_list *[]){ &none }, err);

	name_list_release(&none);
	return r != 0;
}

static bool ask_table(void *ctx, const char *typed, struct err *err)
{
	char sql[256];

	snprintf(sql, sizeof(sql), "SELECT 1 FROM \"%s\" LIMIT 0", typed);
	return ask_sql(ctx, sql, err);
}

static bool ask_column(void *ctx, const char *typed, struct err *err)
{
	char sql[256];

	snprintf(sql, sizeof(sql), "SELECT v_value.[%s] FROM v_value LIMIT 0", typed);
	/* One of another table is told to be that. */
	return ask_sql(ctx, sql, err) && !strstr(err->message, "it is a column of");
}

static bool ask_keyword(void *ctx, const char *typed, struct err *err)
{
	char sql[256];

	snprintf(sql, sizeof(sql), "%s 1", typed);
	return ask_sql(ctx, sql, err) && strstr(err->message, "near \"");
}

Test(suggest, tables_columns_and_keywords)
{
	struct file f;

	open_file(&f);
	read_list(&f, "SELECT name FROM sqlite_schema WHERE type IN ('view', 'table') AND name NOT "
		      "GLOB 'sqlite*'");
	for (int i = 0; i < f.names.n; i++)
		check_name(ask_table, &f, f.names.list[i]);
	check_nothing(ask_table, &f);
	read_list(&f, "SELECT name FROM pragma_table_info('v_value')");
	for (int i = 0; i < f.names.n; i++)
		check_name(ask_column, &f, f.names.list[i]);
	check_nothing(ask_column, &f);
	check_name(ask_keyword, &f, "SELECT");
	check_nothing(ask_keyword, &f);
	close_file(&f);
}

/* ---- of a model, and of the debugger ------------------------------------------------------- */

static bool ask_point(void *ctx, const char *typed, struct err *err)
{
	const struct program *p = &((struct stopped *)ctx)->model.program;
	bool *wanted = mem_calloc((size_t)p->n_values, sizeof(*wanted));
	int n = points_match(p, typed, wanted, err);

	free(wanted);
	return n < 0;
}

static void check_list_has_nothing_twice(const char *message)
{
	static const char begins[] = "the nearest are ";
	const char *s = strstr(message, begins);
	char list[600], *names[4] = { 0 }, *rest = NULL;
	int n = 0;

	if (!s)
		return;
	snprintf(list, sizeof(list), "%s", s + strlen(begins));
	list[strcspn(list, "(")] = '\0';
	for (char *w = strtok_r(list, ", ", &rest); w && n < 4; w = strtok_r(NULL, ", ", &rest))
		if (strcmp(w, "and") != 0)
			names[n++] = w;
	for (int i = 0; i < n; i++)
		for (int k = 0; k < i; k++)
			cr_expect(strcmp(names[i], names[k]) != 0, "%s", message);
}

Test(suggest, points)
{
	static struct stopped s;
	const struct program *p;
	char name[160];
	struct err err;

	stopped_open(&s);
	p = &s.model.program;
	for (int i = 0; i < p->n_values; i++) {
		if (!p->values[i].point || p->values[i].layer > 0)
			continue;
		check_name(ask_point, &s, p->values[i].name);
		check_name(ask_point, &s, point_short_name(&p->values[i], name, sizeof(name)));
	}
	check_nothing(ask_point, &s);
	for (int i = 0; i < p->n_values; i++) {
		if (!p->values[i].point || p->values[i].layer > 0)
			continue;
		snprintf(name, sizeof(name), "%s", p->values[i].point->name);
		name[strlen(name) / 2] = '_';
		if (ask_point(&s, name, &err))
			check_list_has_nothing_twice(err.message);
	}
	cr_assert(ask_point(&s, "patern", &err));
	cr_expect(strstr(err.message, "the nearest is *.attn.pattern ("), "%s", err.message);
	stopped_close(&s);
}

static bool ask_debugger(void *ctx, const char *typed, struct err *err)
{
	const char *rest = typed;

	(void)ctx;
	return !command_lookup(&rest, err) && strstr(err->message, "Undefined command");
}

Test(suggest, debugger_commands)
{
	for (int i = 0; i < debug_commands_len; i++)
		if (!strchr(debug_commands[i].name, ' '))
			check_name(ask_debugger, NULL, debug_commands[i].name);
	check_nothing(ask_debugger, NULL);
}
