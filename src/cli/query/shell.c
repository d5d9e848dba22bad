/*
 * shell.c -- `torchless query` without SQL: a person at a terminal, or a file of statements.
 *
 * A line is a dot command, a saved query by its name, or a piece of SQL, which runs at its
 * semicolon.  A person is told what went wrong and goes on; a file ends at the first error, whose
 * exit status is the program's.
 */
#include "shell.h"
#include "sql_lex.h"
#include "torchless/clock.h"
#include "torchless/utf8.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#define MAX_PROMPT 24 /* columns of the recording's name */

/* ---- what a line is -------------------------------------------------------------------- */

static void trim(char *line)
{
	size_t len = strlen(line), from = strspn(line, " \t\r");

	while (len > from && strchr(" \t\r", line[len - 1]))
		len--;
	memmove(line, line + from, len - from);
	line[len - from] = '\0';
}

/*
 * Whether a line that begins a statement is the name of a saved query, as it stands in *w, perhaps
 * with parameters.  One word that is no SQL counts as a name, so that a misspelt one is told.
 */
static bool is_name(struct shell *s, const char *line, struct words *w)
{
	struct err ignored;
	char *first;
	size_t len;

	*w = words_split(line);
	if (w->list.n == 0)
		return false;
	first = w->list.list[w->list.n - 1];
	len = strlen(first);
	if (len > 1 && first[len - 1] == ';')
		first[len - 1] = '\0';
	first = w->list.list[0];
	if (!isalpha((unsigned char)*first) || !query_is_name(first))
		return false;
	if (!sql_names_read(&s->names, s->rec, &ignored) &&
	    name_list_find(&s->names.saved, first) >= 0)
		return !sql_begins(first) || w->list.n == 1;
	for (int i = 1; i < w->list.n; i++)
		if (!strchr(w->list.list[i], '='))
			return false;
	return !sql_begins(first);
}

static int run_name(struct shell *s, const struct words *w, struct err *err)
{
	const struct query_settings set = shell_settings(s);
	const char *name = w->list.list[0];
	const char *const *given = (const char *const *)(w->list.list + 1);
	struct err ignored;

	/* What other shells leave and explain themselves by. */
	if (w->list.n == 1 && name_list_find(&s->names.saved, name) < 0 &&
	    dot_find(name, &ignored) &&
	    (!strcmp(name, "quit") || !strcmp(name, "exit") || !strcmp(name, "help")))
		return dot_find(name, &ignored)->run(s, &(struct words){ 0 }, "", err);
	if (query_params_check(given, w->list.n - 1, err))
		return err->code;
	return query_saved(s->in, s->rec, &set, name, given, w->list.n - 1, err);
}

/* ---- statements ------------------------------------------------------------------------ */

/* On one line, as the history keeps it: a comment to the end of its line would hide the rest. */
static void flatten(const char *sql, struct text *out)
{
	bool gap = false;

	for (struct sql_token t = sql_lex(sql); t.type != SQL_END; t = sql_lex(t.s + t.len)) {
		bool hidden = t.type == SQL_SPACE || (t.type == SQL_COMMENT && t.s[0] == '-');

		if (!hidden && gap && out->len)
			text_addc(out, ' ');
		gap = hidden;
		if (!hidden)
			text_add(out, t.s, t.len);
	}
}

static bool is_blank(const char *sql)
{
	struct sql_token t = sql_lex(sql);

	while ((t.type == SQL_SPACE || t.type == SQL_COMMENT) && !t.is_open)
		t = sql_lex(t.s + t.len);
	return t.type == SQL_END;
}

/* A line that somebody typed, and not a file. */
static void remember(const struct shell *s, const char *line)
{
	if (s->depth == 0)
		line_remember(s->reader, line);
}

static int run_statement(struct shell *s, struct err *err)
{
	const struct query_settings set = shell_settings(s);
	struct query_params params = shell_params(s, s->statement.data);
	struct text line = { 0 };
	int r;

	flatten(s->statement.data, &line);
	if (line.len)
		remember(s, line.data);
	text_release(&line);
	r = query_print(s->in, s->rec, &set, s->statement.data, (const char *const *)params.list,
			params.n, err);
	query_params_release(&params);
	text_clear(&s->statement);
	return r;
}

/* ---- around a result --------------------------------------------------------------------- */

static double seconds(struct timeval t)
{
	return (double)t.tv_sec + (double)t.tv_usec / 1e6;
}

/* What a person's patience, and the processors, were asked for. */
static void say_time(const struct shell *s, int64_t began_ns, const struct rusage *before)
{
	char real[32], user[32], system[32];
	struct text line = { 0 };
	struct rusage now;

	getrusage(RUSAGE_SELF, &now);
	text_addf(
		&line, "time: real %s, user %s, system %s\n",
		ui_format_time(clock_ns() - began_ns, real, sizeof(real)),
		ui_format_time((int64_t)(1e9 * (seconds(now.ru_utime) - seconds(before->ru_utime))),
			       user, sizeof(user)),
		ui_format_time((int64_t)(1e9 * (seconds(now.ru_stime) - seconds(before->ru_stime))),
			       system, sizeof(system)));
	fflush(stdout);
	ui_write_lines(&s->in->err, line.data, line.len);
	text_release(&line);
}

static int run_dot(struct shell *s, const char *line, struct err *err)
{
	return dot_run(s, line, err);
}

static int run_sql(struct shell *s, const char *unused, struct err *err)
{
	(void)unused;
	return run_statement(s, err);
}

static int run_called(struct shell *s, const char *line, struct err *err)
{
	struct words w;
	int r = is_name(s, line, &w) ? run_name(s, &w, err) : 0;

	name_list_release(&w.list);
	return r;
}

/* Run it, say its time if that is asked for, and end what .once began before it. */
static int run_timed(struct shell *s, const char *line,
		     int (*run)(struct shell *s, const char *line, struct err *err),
		     struct err *err)
{
	bool was_once = s->output.once, was_timed = s->is_timed;
	const FILE *file = s->output.file;
	int64_t began_ns = clock_ns();
	struct rusage before;
	struct err failed = { 0 };
	int r;

	getrusage(RUSAGE_SELF, &before);
	r = run(s, line, err);
	if (was_timed && s->is_timed && !s->quit)
		say_time(s, began_ns, &before);
	if (was_once && s->output.file == file && shell_output_end(s, &failed) && !r)
		r = err_set(err, failed.code, "%s", failed.message);
	return r;
}

static int end_statement(struct shell *s, struct err *err)
{
	return run_timed(s, NULL, run_sql, err);
}

static int take_line(struct shell *s, char *line, struct err *err)
{
	struct words w = { 0 };
	int r = 0;

	if (s->statement.len == 0) {
		bool named;

		trim(line);
		if (*line == '.') {
			remember(s, line);
			return run_timed(s, line, run_dot, err);
		}
		named = is_name(s, line, &w);
		name_list_release(&w.list);
		if (named) {
			remember(s, line);
			r = run_timed(s, line, run_called, err);
		}
		if (named)
			return r;
	}
	text_adds(&s->statement, line);
	text_addc(&s->statement, '\n');
	if (is_blank(s->statement.data))
		text_clear(&s->statement);
	else if (sql_is_complete(s->statement.data))
		return end_statement(s, err);
	return 0;
}

/* ---- a person at the terminal ---------------------------------------------------------- */

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash && slash[1] ? slash + 1 : path;
}

/* The one recording that is meant, in few columns; and as wide, that a statement goes on. */
static void make_prompts(const struct shell *s, struct text *first, struct text *more)
{
	const char *name = base_name(s->path);

	text_clear(first);
	text_clear(more);
	ui_add_clipped(first, &s->screen, name, strlen(name), MAX_PROMPT);
	for (int i = utf8_width(first->data, first->len) - 3; i > 0; i--)
		text_addc(more, ' ');
	text_adds(first, "> ");
	text_adds(more, "...> ");
}

/* "trace.db: 5 tokens of "The capital of France is" and 1 generated, through the 5 layers of m" */
static const char greeting_sql[] =
	"SELECT m.name, m.n_layers, (SELECT count(*) FROM run) n_runs, "
	"(SELECT count(*) FROM token t WHERE t.run_id = r.id AND source <> 'generated') n_prompt, "
	"(SELECT count(*) FROM token t WHERE t.run_id = r.id AND source = 'generated') "
	"n_generated, substr(r.prompt, 1, 40) || iif(length(r.prompt) > 40, '...', '') prompt "
	"FROM run r JOIN model m ON m.id = r.model_id ORDER BY r.id DESC LIMIT 1";

static int add_greeting(void *ctx, const struct rows *rows, const struct cell *cells)
{
	struct text *t = ctx;
	long long runs = cells[2].i, prompt = cells[3].i, generated = cells[4].i;

	(void)rows;
	if (runs > 1)
		text_addf(t, "%lld runs", runs);
	else
		text_addf(t, "%lld %s", prompt, plural(prompt, "token", "tokens"));
	if (runs <= 1 && cells[5].type == CELL_TEXT) {
		text_adds(t, " of \"");
		text_add_visible(t, cells[5].s.data, cells[5].s.len);
		text_adds(t, "\"");
	}
	if (runs <= 1 && generated)
		text_addf(t, " and %lld generated", generated);
	text_addf(t, " through the %lld %s of ", (long long)cells[1].i,
		  plural(cells[1].i, "layer", "layers"));
	text_add_visible(t, cells[0].s.data, cells[0].s.len);
	return 0;
}

static void greet(const struct shell *s)
{
	const char *name = base_name(s->path);
	struct text line = { 0 }, what = { 0 };
	struct query q = { .row = add_greeting, .ctx = &what, .interrupted = &interrupted };
	struct err ignored;

	ui_add_clipped(&line, &s->in->err, name, strlen(name), 0);
	if (!recording_ask(s->rec, greeting_sql, &q, &ignored) && what.len)
		text_addf(&line, ": %s", what.data);
	text_addc(&line, '\n');
	if (!s->opened)
		text_adds(
			&line,
			"Type SQL and ;  or try: residual, next n=3, .saved, .help.  Tab completes.\n");
	ui_write_lines(&s->in->err, line.data, line.len);
	text_release(&line);
	text_release(&what);
}

/* A recording that keeps no text is not asked about in a file that does. */
static bool keeps_history(const struct shell *s)
{
	struct name_list redacted = { 0 };
	struct err ignored;
	bool keeps = !name_lists_read(s->rec, "SELECT 1 FROM run WHERE prompt_redacted LIMIT 1",
				      (struct name_list *[]){ &redacted }, &ignored) &&
		     redacted.n == 0;

	name_list_release(&redacted);
	return keeps;
}

static void report(const struct err *err)
{
	fflush(stdout);
	clearerr(stdout);
	/* The terminal showed ^C. */
	if (err->code == ERR_INTERRUPTED)
		fputc('\n', stderr);
	report_error(err);
}

/* ---- the loop -------------------------------------------------------------------------- */

/* At the end of its input a file may leave the last semicolon out; what a person typed is dropped.
 */
static int finish(struct shell *s, struct err *err)
{
	if (s->is_person) {
		fputc('\n', stderr);
		return 0;
	}
	return s->statement.len ? end_statement(s, err) : 0;
}

/* Where lines come from, and what is kept of them: as the recording that is asked now allows. */
static void listen(struct shell *s)
{
	struct line_options o = { .ui = &s->screen,
				  .interrupted = &interrupted,
				  .verbose = option_on(s->in, OPT_VERBOSE),
				  .complete = query_complete,
				  .ctx = s };

	o.history = keeps_history(s) ? "query_history" : NULL;
	line_reader_free(s->reader);
	s->reader = line_reader_new(&o);
}

/* Another recording has another name, and may be one whose history is not kept. */
static void meet(struct shell *s, struct text *first, struct text *more)
{
	make_prompts(s, first, more);
	if (!s->is_new)
		return;
	s->is_new = false;
	if (!s->is_person)
		return;
	listen(s);
	if (!option_on(s->in, OPT_QUIET))
		greet(s);
}

static int take_read(struct shell *s, int got, struct text *line, struct err *err)
{
	int r = 0;

	if (got == LINE_CANCELLED && !s->is_person)
		r = err_set(err, ERR_INTERRUPTED, "interrupted");
	else if (got == LINE_CANCELLED)
		text_clear(&s->statement), fputc('\n', stderr);
	else if (strlen(line->data) != line->len)
		r = err_set(err, ERR_USAGE, "the SQL holds a NUL byte");
	else
		r = take_line(s, line->data, err);
	if (r && s->is_person) {
		report(err);
		text_clear(&s->statement);
		r = 0;
	}
	interrupted = s->is_person ? 0 : interrupted;
	return r;
}

static int read_lines(struct shell *s, struct err *err)
{
	struct text first = { 0 }, more = { 0 }, line = { 0 };
	int got = LINE_READ, r = 0;

	while (!r && !s->quit) {
		meet(s, &first, &more);
		got = line_read(s->reader, s->statement.len ? more.data : first.data, &line, err);
		recording_allow(s->rec, s->set.max_ns);
		ui_resize(&s->screen);
		if (!s->output.file)
			s->in->out = s->screen;
		if (got == LINE_END || got < 0) {
			r = got < 0 ? got : finish(s, err);
			break;
		}
		r = take_read(s, got, &line, err);
	}
	text_release(&first);
	text_release(&more);
	text_release(&line);
	return r;
}

int query_shell(struct invocation *in, struct recording *rec, const char *path,
		const struct query_params *params, bool watched, struct err *err)
{
	struct shell s = { .in = in, .rec = rec, .path = path, .limit = -1, .screen = in->out };
	struct err failed = { 0 };
	int r;

	if (query_tensors_check((const char *const *)params->list, params->n, err))
		return err->code;
	for (int i = 0; i < params->n; i++)
		shell_set(&s, params->list[i]);
	s.take_line = take_line;
	s.end_statement = end_statement;
	s.set = query_settings_of(in);
	s.limit = option_int(in, OPT_LIMIT, -1);
	s.is_person = isatty(STDIN_FILENO);
	s.is_watched = watched && !s.is_person;
	s.watch = s.is_watched ? query_watch_new(rec) : NULL;
	recording_names_saved(rec, ".saved");
	listen(&s);
	if (s.is_person && !option_on(in, OPT_QUIET))
		greet(&s);
	r = read_lines(&s, err);
	if (shell_output_end(&s, &failed) && !r)
		r = err_set(err, failed.code, "%s", failed.message);
	query_watch_free(s.watch);
	line_reader_free(s.reader);
	sql_names_release(&s.names);
	name_list_release(&s.values);
	text_release(&s.statement);
	recording_close(s.opened);
	free(s.opened_path);
	return r;
}
