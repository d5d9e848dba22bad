/*
 * batch.c -- the commands of -x and -ex, in the order of the command line.
 *
 * A batch is stricter than gdb's, which lets early failures pass: the first ends it, with the exit
 * status of its kind, and its sentence says which command it was.
 */
#include "front_end.h"

#include <string.h>

#define MAX_SCRIPT (16 << 20) /* bytes */

/* A command failed: what that means here.  Not 0: it ends everything. */
static int fail(struct front_end *f, struct err *err)
{
	int code = err->code;

	if (f->failed.code || code == ERR_INTERRUPTED ||
	    (option_on(f->in, OPT_BATCH) && !option_on(f->in, OPT_KEEP_GOING)))
		return code;
	front_report(f, err);
	if (f->n_failed++ == 0)
		f->first_failure = code;
	return f->failed.code;
}

/* Ctrl-C stopped the program: in a batch nobody can go on from there. */
static int run_command(struct front_end *f, const char *line, struct err *err)
{
	int r = front_line(f, line, LINE_SCRIPT, err);

	if (!r && interrupted)
		r = err_set(err, ERR_INTERRUPTED, "interrupted");
	return r;
}

static int run_text(struct front_end *f, const char *path, char *text, size_t len, struct err *err)
{
	int n = 0, r = 0;

	for (char *line = text, *end; !r && !f->quit && line < text + len; line = end + 1) {
		end = memchr(line, '\n', (size_t)(text + len - line));
		end = end ? end : text + len;
		*end = '\0';
		n++;
		if (strlen(line) != (size_t)(end - line))
			r = err_set(err, ERR_USAGE, "the line holds a NUL byte");
		else
			r = run_command(f, line, err);
		if (!r)
			continue;
		err_wrap(err, "%s:%d", path, n);
		r = fail(f, err);
		/* Before a shell the rest of the file is not run, as in gdb. */
		if (!r && !option_on(f->in, OPT_BATCH))
			return 0;
	}
	if (!r && debugger_end_lines(f->debugger, err)) {
		err_wrap(err, "%s:%d", path, n);
		r = fail(f, err);
	}
	return r;
}

int front_file(struct front_end *f, const char *path, struct err *err)
{
	struct text t = { 0 };
	int r;

	if (text_read_file(&t, path, MAX_SCRIPT, err))
		r = fail(f, err);
	else
		r = t.len ? run_text(f, path, t.data, t.len, err) : 0;
	text_release(&t);
	return r;
}

static int run_nth(struct front_end *f, int i, struct err *err)
{
	if (!run_command(f, f->in->option[OPT_EXECUTE].list[i], err))
		return 0;
	if (!f->failed.code)
		err_wrap(err, "-ex %d", i + 1);
	return fail(f, err);
}

int front_scripts(struct front_end *f, struct err *err)
{
	const struct option_value *files = &f->in->option[OPT_EXECUTE_FILE],
				  *commands = &f->in->option[OPT_EXECUTE];
	int i = 0, k = 0, r = 0;

	while (!r && !f->quit && (i < files->n || k < commands->n)) {
		if (k == commands->n || (i < files->n && files->order[i] < commands->order[k]))
			r = front_file(f, files->list[i++], err);
		else
			r = run_nth(f, k++, err);
	}
	if (!r && option_on(f->in, OPT_BATCH) && debugger_end_lines(f->debugger, err))
		r = fail(f, err);
	return r;
}
