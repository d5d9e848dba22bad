/*
 * expected.c -- computing what is right: nothing is stored.
 */
#include "expected.h"

#include "../recording/kept.h"
#include "../recording/recordings.h"
#include "torchless/child.h"
#include "torchless/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#define MAX_NS      20000000000 /* of all that is asked of a recording by one check */
#define MAX_SECONDS 60          /* of a command */
#define MAX_OUTPUT  ((size_t)1 << 20)

/* ---- recordings ----------------------------------------------------------------------------- */

int desk_open(struct desk *d, const struct check *c, const char *trace, struct err *err)
{
	const struct lesson *l = c->exercise->lesson;
	const struct course_trace *t = lesson_trace(l, trace);

	*d = (struct desk){ .check = c };
	if (!t)
		return err_set(err, ERR_FORMAT, "%s: lesson %s has no recording '%s'",
			       c->exercise->id, l->number, trace);
	if (lesson_recording(c->room, l, trace, &d->path, err) ||
	    model_of_section(c->room, t->conf, &d->model, err))
		return err->code;
	d->rec = recording_to_ask(c->room, d->path.data, d->model.data, MAX_NS, err);
	return d->rec ? 0 : err->code;
}

void desk_close(struct desk *d)
{
	if (d->rec)
		recording_close(d->rec);
	text_release(&d->path);
	text_release(&d->model);
	d->rec = NULL;
}

/* ---- queries --------------------------------------------------------------------------------- */

int desk_ask(struct desk *d, const char *key, const char *sql, struct sheet *s, struct err *err)
{
	struct text whole = { 0 };
	int result = lesson_put_paths(d->check->room, d->check->exercise->lesson, sql,
				      text_add_sql_string, &whole, err);

	if (result == 0 &&
	    sheet_ask_kept(d->check->room, d->rec, d->path.data, whole.data, s, err)) {
		struct err why = *err;

		result = why.code == ERR_USAGE
				 ? err_set(err, ERR_FORMAT, "checks.conf: %s of [%s]: %s", key,
					   d->check->exercise->id, why.message)
				 : why.code;
	}
	text_release(&whole);
	return result;
}

/* ---- commands ------------------------------------------------------------------------------- */

static void trim(struct text *t)
{
	while (t->len && strchr(" \t\r\n", t->data[t->len - 1]))
		t->data[--t->len] = '\0';
}

/* What torchless prints with these arguments, in the cache's folder, of the teaching model. */
static int run_command(const struct check *c, const char *key, const char *args, struct text *out,
		       struct err *err)
{
	struct text script = { 0 };
	char *argv[] = {
		(char *)"sh",           (char *)"-c",           NULL, (char *)c->room->program,
		(char *)c->room->cache, (char *)c->room->model, NULL
	};
	struct child child = { .argv = argv,
			       .seconds = MAX_SECONDS,
			       .max_bytes = MAX_OUTPUT,
			       .max_said = 400,
			       .interrupted = c->room->interrupted };
	int result;

	text_adds(&script, "cd \"$1\" && TORCHLESS_MODEL=\"$2\" exec \"$0\" ");
	result = lesson_put_paths(c->room, c->exercise->lesson, args, text_add_shell_word, &script,
				  err);
	argv[2] = script.data;
	if (result == 0) {
		enum child_end end = child_run(&child);

		if (end == CHILD_INTERRUPTED)
			result = err_set(err, ERR_INTERRUPTED, "interrupted");
		else if (end != CHILD_DONE || child.status)
			result = err_set(err, ERR_FORMAT,
					 "checks.conf: %s of [%s]: `torchless %s` failed: %.200s",
					 key, c->exercise->id, args,
					 child.said.data ? child.said.data : "it did not end");
		else
			text_adds(out, child.output.data ? child.output.data : "");
	}
	trim(out);
	child_release(&child);
	text_release(&script);
	return result;
}

/* ---- what a key says ------------------------------------------------------------------------ */

static int need_desk(const struct check *c, struct desk *d, struct err *err)
{
	const char *trace = section_value(c->exercise->conf, "trace");

	return d->rec ? 0 : desk_open(d, c, trace ? trace : "main", err);
}

static const char *run_of(const struct check *c, const char *key)
{
	char name[200];

	snprintf(name, sizeof(name), "%s.run", key);
	return section_value(c->exercise->conf, name);
}

int expected_read(const struct check *c, struct desk *d, const char *key, const struct form_of *f,
		  struct said *s, struct err *err)
{
	const char *sql = section_value(c->exercise->conf, key), *run = run_of(c, key);
	struct sheet sheet = { 0 };
	struct text printed = { 0 };
	int result;

	*s = (struct said){ 0 };
	if (run) {
		result = run_command(c, key, run, &printed, err);
		if (result == 0)
			result = form_read(f, printed.data ? printed.data : "", s, err);
	} else if (sql) {
		result = need_desk(c, d, err);
		if (result == 0)
			result = desk_ask(d, key, sql, &sheet, err);
		if (result == 0)
			result = form_read_sheet(f, &sheet, s, err);
	} else {
		result = err_set(err, ERR_FORMAT, "checks.conf: [%s] has no %s", c->exercise->id,
				 key);
	}
	sheet_release(&sheet);
	text_release(&printed);
	if (result == ERR_USAGE) {
		err->code = ERR_FORMAT;
		return err_wrap(err, "checks.conf: %s of [%s]", key, c->exercise->id);
	}
	return result;
}

#define SHOWN_ROWS    40
#define SHOWN_COLUMNS 12

static int width_of(const char *s)
{
	int n = 0;

	for (; *s; s++)
		n += ((unsigned char)*s & 0xc0) != 0x80;
	return n;
}

/* A cell, and spaces up to the width of its column; nothing behind the last. */
static void add_padded(struct text *out, const char *cell, int width, bool is_last)
{
	text_adds(out, cell);
	for (int n = width_of(cell); n < width + 2 && !is_last; n++)
		text_addc(out, ' ');
	if (is_last)
		text_addc(out, '\n');
}

static void print_cell(const struct sheet *s, int64_t row, int column, struct text *out)
{
	text_clear(out);
	if (row < 0)
		text_adds(out, s->columns[column]);
	else
		sheet_add_cell(out, sheet_cell(s, row, column));
}

/* The first rows, in columns; row -1 holds their names. */
static void add_sheet(const struct sheet *s, struct text *out)
{
	int64_t n = s->n_rows < SHOWN_ROWS ? s->n_rows : SHOWN_ROWS;
	int widths[SHOWN_COLUMNS] = { 0 };
	int columns = s->n_columns < SHOWN_COLUMNS ? s->n_columns : SHOWN_COLUMNS;
	struct text cell = { 0 };

	for (int64_t r = -1; r < n; r++)
		for (int c = 0; c < columns; c++) {
			print_cell(s, r, c, &cell);
			if (width_of(cell.data) > widths[c])
				widths[c] = width_of(cell.data);
		}
	for (int64_t r = -1; r < n; r++)
		for (int c = 0; c < columns; c++) {
			print_cell(s, r, c, &cell);
			add_padded(out, cell.data, widths[c], c == columns - 1);
		}
	text_release(&cell);
	trim(out);
}

int expected_table(const struct check *c, struct desk *d, const char *key, struct text *out,
		   struct err *err)
{
	const char *sql = section_value(c->exercise->conf, key), *run = run_of(c, key);
	struct sheet sheet = { 0 };
	int result = 0;

	if (run)
		return run_command(c, key, run, out, err);
	if (!sql)
		return 0;
	result = need_desk(c, d, err);
	if (result == 0)
		result = desk_ask(d, key, sql, &sheet, err);
	if (result == 0)
		add_sheet(&sheet, out);
	sheet_release(&sheet);
	return result;
}

int expected_form(const struct check *c, struct form_of *f, struct err *err)
{
	const struct course_section *s = c->exercise->conf;
	const char *tolerance = section_value(s, "tolerance");

	f->unit = section_value(s, "unit");
	f->items = section_value(s, "items");
	f->tolerance = tolerance ? atof(tolerance) : -1;
	return form_find(section_value(s, "form"), &f->form, err);
}
