/*
 * cmd_export.c -- `torchless export`: a recording as files of other tools.
 */
#include "torchless/cli.h"
#include "torchless/clock.h"
#include "torchless/mem.h"
#include "torchless/out_file.h"
#include "torchless/timeline.h"

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PATIENCE_NS 500000000 /* before somebody at a terminal is told how far it is */
#define REDRAW_NS   100000000
#define BAR_COLUMNS 31

static const struct format {
	enum option_id option;
	enum timeline_format format;
	bool is_text;
	const char *opens;
} formats[] = {
	{ OPT_PERFETTO, TIMELINE_PERFETTO, false, "open it in https://ui.perfetto.dev" },
	{ OPT_CHROME, TIMELINE_CHROME, true,
	  "open it in https://ui.perfetto.dev or chrome://tracing" },
};
#define N_FORMATS ((int)(sizeof(formats) / sizeof(formats[0])))

/* One file, or standard output, being written. */
struct output {
	struct out_file file;
	const struct ui *ui; /* a terminal that is shown progress; NULL: none */
	int64_t begun_ns, shown_ns, n_bytes;
	bool to_stdout, is_shown;
};

static int write_piece(void *ctx, const void *data, size_t len, struct err *err)
{
	struct output *e = ctx;

	if (interrupted)
		return err_set(err, ERR_INTERRUPTED, "interrupted");
	e->n_bytes += (int64_t)len;
	return e->to_stdout ? write_out(data, len, err) : out_file_write(&e->file, data, len, err);
}

static void show(struct output *e, const char *bar)
{
	fprintf(e->ui->out, "\r%s\033[K", bar);
	fflush(e->ui->out);
}

static void draw(void *ctx, double share)
{
	struct output *e = ctx;
	int64_t now = clock_ns();
	struct text t = { 0 };
	char size[32];

	if (!e->ui || now - e->begun_ns < PATIENCE_NS || now - e->shown_ns < REDRAW_NS)
		return;
	e->shown_ns = now;
	e->is_shown = true;
	text_adds(&t, "export      ");
	ui_add_bar(&t, e->ui, share, BAR_COLUMNS);
	text_addf(&t, " %3.0f %%   %s", 100 * share,
		  mem_format_bytes(e->n_bytes, size, sizeof(size)));
	show(e, t.data);
	text_release(&t);
}

/* "out.pftrace  120 kB · 284 spans · 4 passes · open it in …" */
static void tell(const struct invocation *in, const struct format *f, const char *path,
		 const struct output *e, const struct timeline_counts *n)
{
	const char *dot = in->err.utf8 ? "\xc2\xb7" : "-";
	struct text t = { 0 };
	char size[32], spans[32], passes[32];

	if (option_on(in, OPT_QUIET))
		return;
	if (!e->to_stdout) {
		text_add_visible(&t, path, strlen(path));
		text_adds(&t, "  ");
	}
	text_addf(&t, "%s %s %s %s %s %s %s %s %s\n",
		  mem_format_bytes(e->n_bytes, size, sizeof(size)), dot,
		  ui_format_count(n->n_spans, spans, sizeof(spans)),
		  plural(n->n_spans, "span", "spans"), dot,
		  ui_format_count(n->n_passes, passes, sizeof(passes)),
		  plural(n->n_passes, "pass", "passes"), dot, f->opens);
	ui_write_lines(&in->err, t.data, t.len); /* who cannot be told has the file all the same */
	text_release(&t);
	if (n->n_moved)
		warn("%lld %s in the span around, and %s cut to what does", (long long)n->n_moved,
		     plural(n->n_moved, "span does not lie", "spans do not lie"),
		     plural(n->n_moved, "was", "were"));
	if (n->n_left)
		warn("%lld %s in no pass of the program and %s left out", (long long)n->n_left,
		     plural(n->n_left, "span is", "spans are"), plural(n->n_left, "was", "were"));
}

static int write_one(struct invocation *in, struct recording *rec, const char *name,
		     const struct format *f, const char *path, struct err *err)
{
	struct output e = { .ui = in->err.is_terminal && !option_on(in, OPT_QUIET) ? &in->err
										   : NULL,
			    .begun_ns = clock_ns(),
			    .to_stdout = !strcmp(path, "-") };
	const struct timeline_target to = { write_piece, draw, &e };
	struct timeline_counts counts;
	int r;

	if (!e.to_stdout && out_file_open(&e.file, path, err))
		return err->code;
	r = timeline_write(rec, name, f->format, &to, &counts, err);
	/* A stranger's views fail in words of SQL, which know no file. */
	if ((r == ERR_USAGE || r == ERR_FORMAT) && !strstr(err->message, name))
		err_wrap(err, "%s", name);
	if (e.is_shown)
		show(&e, "");
	if (e.to_stdout)
		r = r ? r : flush_out(err);
	else if (r)
		out_file_drop(&e.file);
	else
		r = out_file_keep(&e.file, err);
	if (!r)
		tell(in, f, path, &e, &counts);
	return r;
}

/* Whether two names mean one file that is there. */
static bool is_same_file(const char *a, const char *b)
{
	struct stat x, y;

	return !stat(a, &x) && !stat(b, &y) && S_ISREG(x.st_mode) && x.st_dev == y.st_dev &&
	       x.st_ino == y.st_ino;
}

static int check_path(const struct invocation *in, const struct format *f, const char *path,
		      const char *recording, struct err *err)
{
	if (!strcmp(path, "-"))
		return f->is_text || !in->out.is_terminal
			       ? 0
			       : err_set(err, ERR_USAGE,
					 "--perfetto - writes bytes that no terminal can show: "
					 "send them to a file or a pipe");
	if (is_same_file(path, recording))
		return err_set(err, ERR_USAGE, "%s is the recording itself", path);
	return check_target(path, err);
}

static int check_targets(const struct invocation *in, const char *recording, struct err *err)
{
	const char *paths[N_FORMATS];
	int n = 0;

	for (int i = 0; i < N_FORMATS; i++) {
		const char *path = option_text(in, formats[i].option, NULL);

		if (path && check_path(in, &formats[i], path, recording, err))
			return err->code;
		if (path)
			paths[n++] = path;
	}
	if (n == 0)
		return err_set(err, ERR_USAGE,
			       "say what to write: --perfetto FILE or --chrome FILE");
	if (n == 2 && (!strcmp(paths[0], paths[1]) || is_same_file(paths[0], paths[1])))
		return err_set(err, ERR_USAGE, "--perfetto and --chrome would both write %s",
			       !strcmp(paths[0], "-") ? "standard output" : paths[0]);
	return 0;
}

int cmd_export(struct invocation *in, struct err *err)
{
	const struct recording_limits limits = { 0, &interrupted, warn_sentence };
	const char *path = option_text(in, OPT_TRACE, "trace.db");
	struct recording *rec;
	int r = 0;

	if (check_targets(in, path, err))
		return err->code;
	if (access(path, F_OK) && !option_on(in, OPT_TRACE))
		return err_set(
			err, ERR_IO,
			"%s: there is no recording here; `torchless trace PROMPT` makes one, -t FILE reads another",
			path);
	rec = recording_open_within(path, &limits, err);
	if (!rec)
		return err->code;
	for (int i = 0; i < N_FORMATS && !r; i++) {
		const char *target = option_text(in, formats[i].option, NULL);

		if (target)
			r = write_one(in, rec, path, &formats[i], target, err);
	}
	recording_close(rec);
	return r;
}
