/*
 * names.c -- the names that a shell asks for while somebody presses Tab: see completion.h.
 *
 * Shells expand, quote and show words in many ways, so what could mean something to one of them, or
 * move a cursor, is not told at all; and nobody waits for a file: a timer ends the program,
 * wherever it is then (opening a pipe that nobody writes, or in a view without an end).
 */
#include "../lesson/about.h"
#include "../query/query.h"
#include "completion.h"
#include "torchless/course.h"
#include "torchless/debugger.h"
#include "torchless/inspect.h"
#include "torchless/mem.h"
#include "torchless/point.h"
#include "torchless/trace.h"

#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

#define MAX_US    500000 /* of all that it takes */
#define MAX_NAME  128    /* bytes */
#define MAX_DOC   160    /* bytes */
#define MAX_NAMES 1000

struct names {
	const char *besides; /* characters that a name may have besides letters, digits, "_.-" */
	struct text lines;
	int n;
};

/* ---- the end of waiting -------------------------------------------------------------------- */

static void on_time_up(int number)
{
	(void)number;
	_exit(3);
}

static void on_no_memory(size_t bytes)
{
	(void)bytes;
	_exit(3);
}

/* From now on nothing takes longer, and nothing is said. */
static void begin_timer(void)
{
	const struct itimerval limit = { .it_value.tv_usec = MAX_US };
	struct sigaction action = { .sa_handler = on_time_up };
	sigset_t set;

	mem_out_of_memory = on_no_memory;
	sigaction(SIGALRM, &action, NULL);
	sigemptyset(&set);
	sigaddset(&set, SIGALRM);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
	setitimer(ITIMER_REAL, &limit, NULL);
}

/* ---- lines --------------------------------------------------------------------------------- */

static bool is_plain(const char *name, size_t len, const char *besides)
{
	static const char letters[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-";

	/* What begins with a dash would be an option. */
	if (len == 0 || len > MAX_NAME || name[0] == '-')
		return false;
	for (size_t i = 0; i < len; i++)
		if (!name[i] || (!strchr(letters, name[i]) && !strchr(besides, name[i])))
			return false;
	return true;
}

/* At most MAX_DOC bytes, never half a character. */
static void add_doc(struct text *t, const char *doc, size_t len)
{
	struct text shown = { 0 };

	text_add_escaped(&shown, doc, len < MAX_DOC ? len : MAX_DOC);
	for (len = shown.len < MAX_DOC ? shown.len : MAX_DOC; len && len < shown.len; len--)
		if ((shown.data[len] & 0xc0) != 0x80)
			break;
	text_add(t, shown.data ? shown.data : "", len);
	text_release(&shown);
}

static void add_name(struct names *n, const char *name, size_t len, const char *doc, size_t doc_len)
{
	if (n->n == MAX_NAMES || !is_plain(name, len, n->besides))
		return;
	text_add(&n->lines, name, len);
	if (doc_len) {
		text_addc(&n->lines, '\t');
		add_doc(&n->lines, doc, doc_len);
	}
	text_addc(&n->lines, '\n');
	n->n++;
}

/* ---- of a recording ------------------------------------------------------------------------ */

static int add_row(void *ctx, const struct rows *rows, const struct cell *cells)
{
	struct names *n = ctx;

	(void)rows;
	if (cells[0].type == CELL_TEXT)
		add_name(n, cells[0].s.data, cells[0].s.len, cells[1].s.data,
			 cells[1].type == CELL_TEXT ? cells[1].s.len : 0);
	return n->n == MAX_NAMES;
}

static void ask(struct names *n, const char *path, const char *sql, const char *param)
{
	const struct query q = { .row = add_row,
				 .ctx = n,
				 .params = &param,
				 .n_params = param ? 1 : 0,
				 .interrupted = &interrupted };
	struct err ignored = { 0 };
	struct recording *rec = recording_open(path, &ignored);

	if (rec)
		recording_query(rec, sql, &q, &ignored);
	recording_close(rec);
}

static void queries(struct invocation *in, struct names *n)
{
	ask(n, in->args[1], "SELECT name, doc FROM saved_query", NULL);
}

/* Of a query, or, where none is named, of all. */
static void parameters(struct invocation *in, struct names *n)
{
	static const char all[] =
		"SELECT DISTINCT key, (SELECT doc FROM saved_param WHERE name = key) FROM saved_query "
		"q, json_each(q.params)";
	static const char sql[] =
		"SELECT key, (SELECT doc FROM saved_param WHERE name = key) FROM saved_query q, "
		"json_each(q.params) WHERE q.name = :name";
	struct text name = { 0 };

	if (in->n_args < 3) {
		ask(n, in->args[1], all, NULL);
		return;
	}
	text_addf(&name, "name=%s", in->args[2]);
	ask(n, in->args[1], sql, name.data);
	text_release(&name);
}

/* Of a parameter, whichever query's it is. */
static void values(struct invocation *in, struct names *n)
{
	const char *sql = query_values_sql(in->args[3]);

	if (sql)
		ask(n, in->args[1], sql, NULL);
}

/* ---- of a model ---------------------------------------------------------------------------- */

static bool open_named(struct invocation *in)
{
	struct err ignored = { 0 };

	if (in->n_args > 1) {
		in->option[OPT_MODEL].is_set = true;
		in->option[OPT_MODEL].s = in->args[1];
	}
	return !invocation_open_model(in, CHECKPOINT_CONFIG | CHECKPOINT_WEIGHTS, &ignored);
}

/* The short names, as people type them, then the canonical ones; other names of the same last. */
static void points(struct invocation *in, struct names *n)
{
	const struct program *p = &in->model.program;
	char buf[256];

	n->besides = ":";
	if (!open_named(in))
		return;
	for (int is_long = 0; is_long < 2; is_long++)
		for (int i = 0; i < p->n_values; i++) {
			const struct value *v = &p->values[i];
			const char *name;

			if (!v->point)
				continue;
			name = is_long ? v->name : point_short_name(v, buf, sizeof(buf));
			add_name(n, name, strlen(name), v->point->doc, strlen(v->point->doc));
		}
	for (int is_long = 0; is_long < 2; is_long++)
		for (int i = 0; i < p->n_aliases; i++) {
			const struct alias *a = &p->aliases[i];
			const char *doc =
				p->values[a->value].point ? p->values[a->value].point->doc : NULL;
			const char *name =
				is_long ? a->name : point_shorten(a->name, buf, sizeof(buf));

			if (doc)
				add_name(n, name, strlen(name), doc, strlen(doc));
		}
}

/* The words are the program's: they need no model. */
static void captures(struct invocation *in, struct names *n)
{
	static const char none[] = "the defaults off";

	for (int i = 0; i < capture_sets_len; i++)
		add_name(n, capture_sets[i].name, strlen(capture_sets[i].name), capture_sets[i].doc,
			 strlen(capture_sets[i].doc));
	add_name(n, "none", strlen("none"), none, strlen(none));
	points(in, n);
}

static void modules(struct invocation *in, struct names *n)
{
	const struct program *p = &in->model.program;

	if (!open_named(in))
		return;
	for (int i = 1; i < p->n_modules; i++)
		add_name(n, p->modules[i].path, strlen(p->modules[i].path), p->modules[i].type,
			 p->modules[i].type ? strlen(p->modules[i].type) : 0);
}

static void layers(struct invocation *in, struct names *n)
{
	char layer[16];

	if (!open_named(in))
		return;
	add_name(n, "all", strlen("all"), NULL, 0);
	for (int i = 0; i < in->model.program.n_layers; i++) {
		snprintf(layer, sizeof(layer), "%d", i);
		add_name(n, layer, strlen(layer), NULL, 0);
	}
}

static void debugger(struct invocation *in, struct names *n)
{
	const char *name, *doc;

	(void)in;
	for (int i = 0; (name = debugger_command(i, &doc)); i++)
		add_name(n, name, strlen(name), doc, strlen(doc));
}

/* ---- of the course ------------------------------------------------------------------------- */

static void subcommands(struct names *n)
{
	const struct command *c = command_find("lesson");

	for (const struct inner_command *s = c->shell; s->name; s++)
		add_name(n, s->name, strlen(s->name), s->doc, strlen(s->doc));
}

static void add_lesson(struct names *n, const struct lesson *l, enum lesson_about about)
{
	if (about == ABOUT_LESSON || about == ABOUT_BOTH)
		add_name(n, l->dir, strlen(l->dir), l->title, strlen(l->title));
	for (int i = 0; i < l->n_exercises && (about == ABOUT_EXERCISE || about == ABOUT_BOTH); i++)
		add_name(n, l->exercises[i].id, strlen(l->exercises[i].id), l->exercises[i].title,
			 strlen(l->exercises[i].title));
	for (int i = 0; i < l->n_steps && about == ABOUT_STEP; i++)
		add_name(n, l->steps[i].name, strlen(l->steps[i].name), l->dir, strlen(l->dir));
}

/* What `torchless lesson` does, or what the arguments of one of them name. */
static void lessons(struct invocation *in, struct names *n)
{
	static const struct {
		const char *name;
		enum lesson_about about;
	} abouts[] = {
#define SUB(name, function, args, min, max, about, doc) { name, about },
#include "../lesson.def"
	};
	const char *dir = getenv("TORCHLESS_COURSE");
	struct err ignored = { 0 };
	struct course c;

	if (in->n_args < 2) {
		subcommands(n);
		return;
	}
	if (course_open(&c, dir && *dir ? dir : NULL, &ignored) == 0)
		for (size_t i = 0; i < sizeof(abouts) / sizeof(abouts[0]); i++)
			for (int k = 0; k < c.n_lessons && !strcmp(abouts[i].name, in->args[1]);
			     k++)
				add_lesson(n, &c.lessons[k], abouts[i].about);
	course_close(&c);
}

static void functions(struct invocation *in, struct names *n)
{
	(void)in;
	for (int i = 0; i < sql_function_table_len; i++)
		add_name(n, sql_function_table[i].name, strlen(sql_function_table[i].name),
			 sql_function_table[i].doc, strlen(sql_function_table[i].doc));
}

bool completion_names(struct invocation *in)
{
	static const struct {
		const char *what;
		int min_args, max_args; /* behind it */
		void (*add)(struct invocation *in, struct names *n);
	} kinds[] = { { "queries", 1, 1, queries },     { "parameters", 1, 2, parameters },
		      { "values", 3, 3, values },       { "points", 0, 1, points },
		      { "captures", 0, 1, captures },   { "modules", 0, 1, modules },
		      { "functions", 0, 0, functions }, { "layers", 0, 1, layers },
		      { "debugger", 0, 1, debugger },   { "lesson", 0, 1, lessons } };
	struct names n = { .besides = "" };
	struct err ignored;

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		if (strcmp(kinds[i].what, in->args[0]) != 0 || in->n_args - 1 < kinds[i].min_args ||
		    in->n_args - 1 > kinds[i].max_args)
			continue;
		begin_timer();
		kinds[i].add(in, &n);
		if (n.lines.len &&
		    (write_out(n.lines.data, n.lines.len, &ignored) || flush_out(&ignored)))
			_exit(3);
		text_release(&n.lines);
		return true;
	}
	return false;
}
