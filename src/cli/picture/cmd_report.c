/*
 * cmd_report.c -- `torchless report`: one recording, or two and what differs, as a page.
 */
#include "torchless/called.h"
#include "torchless/cli.h"
#include "torchless/clock.h"
#include "torchless/mem.h"
#include "torchless/report.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define REDRAW_NS 100000000
#define COLUMNS   31
#define MAX_FILES 2

struct report_command {
	struct invocation *in;
	struct inspect_options inspect[MAX_FILES];
	struct report_recording recordings[MAX_FILES];
	int n;
	bool shows; /* how far it is */
	bool is_shown;
	int64_t shown_ns;
};

/* ---- how far it is ------------------------------------------------------------------------- */

static void draw(void *ctx, const char *what, double share)
{
	struct report_command *c = ctx;
	struct text t = { 0 };
	int64_t now = clock_ns();

	if (!c->shows || (c->is_shown && now - c->shown_ns < REDRAW_NS))
		return;
	c->is_shown = true;
	c->shown_ns = now;
	text_addf(&t, "\r%-11s", what);
	ui_add_bar(&t, &c->in->err, share, COLUMNS);
	text_addf(&t, " %3d %%\033[K", (int)(share * 100));
	fwrite(t.data, 1, t.len, stderr);
	fflush(stderr);
	text_release(&t);
}

static void clear(struct report_command *c)
{
	if (c->is_shown)
		fputs("\r\033[K", stderr);
	c->is_shown = false;
}

/* ---- recordings ---------------------------------------------------------------------------- */

static int open_recording(struct report_command *c, const char *path, struct err *err)
{
	const struct recording_limits limits = { 0, &interrupted, warn_sentence };
	struct invocation *in = c->in;
	struct report_recording *r = &c->recordings[c->n];
	struct inspect_options *o = &c->inspect[c->n];

	if (access(path, F_OK) && !option_on(in, OPT_TRACE))
		return err_set(
			err, ERR_IO,
			"%s: there is no recording here; `torchless trace --capture report PROMPT` "
			"makes one, -t FILE reads another",
			path);
	*o = (struct inspect_options){ .model = option_text(in, OPT_MODEL, NULL),
				       .pool = in->pool,
				       .kernels = in->kernels };
	*r = (struct report_recording){ .path = path,
					.run = option_int(in, OPT_RUN, 0),
					.inspect = o };
	recorded_tell(in, path, option_int(in, OPT_RUN, 0));
	r->rec = recording_open_within(path, &limits, err);
	if (!r->rec)
		return err->code;
	c->n++;
	return recording_add_functions(r->rec, o, err);
}

static int open_recordings(struct report_command *c, struct err *err)
{
	const struct option_value *given = &c->in->option[OPT_TRACE];
	int r = 0;

	if (given->n > MAX_FILES)
		return err_set(err, ERR_USAGE,
			       "a report is of one recording or of two: -t was given %d times",
			       given->n);
	if (!given->n)
		return open_recording(c, "trace.db", err);
	for (int i = 0; i < given->n && !r; i++)
		r = open_recording(c, given->list[i], err);
	return r;
}

/* ---- what is written ----------------------------------------------------------------------- */

static void say_written(const struct report_command *c, const char *path, size_t size,
			const struct report_missing *missing)
{
	char bytes[32];
	struct text t = { 0 };

	text_addf(&t, "%s  %s", path, mem_format_bytes((int64_t)size, bytes, sizeof(bytes)));
	if (!missing->is_captured)
		text_add_called(
			&t, "; `torchless trace --capture report PROMPT` records what it lacks");
	if (missing->needs_model)
		text_adds(&t, "; the lens and the answer need the model: name it with -m PATH");
	if (*missing->graph)
		text_addf(&t, "; no graph: %s", missing->graph);
	if (missing->n_left_out)
		text_addf(&t, "; %d %s left out, which the page names", missing->n_left_out,
			  plural(missing->n_left_out, "part was", "parts were"));
	text_addc(&t, '\n');
	ui_write_lines(&c->in->err, t.data, t.len);
	text_release(&t);
}

static int write_page(const struct report_command *c, const struct text *json,
		      const struct report_missing *missing, struct err *err)
{
	const char *path = option_text(c->in, OPT_OUTPUT, "report.html");
	struct text html = { 0 }, title = { 0 };
	int r;

	for (int i = 0; i < c->n; i++) {
		const char *slash = strrchr(c->recordings[i].path, '/');

		text_addf(&title, "%s%s", i ? " and " : "",
			  slash ? slash + 1 : c->recordings[i].path);
	}
	text_adds(&title, " · torchless");
	report_add_page(&html, title.data, json);
	text_release(&title);
	if (!strcmp(path, "-"))
		r = write_out(html.data, html.len, err);
	else
		r = text_write_file(path, html.data, html.len, err);
	if (!r && strcmp(path, "-") != 0 && !option_on(c->in, OPT_QUIET))
		say_written(c, path, html.len, missing);
	text_release(&html);
	return r;
}

static int make(struct report_command *c, struct err *err)
{
	struct report_options o = { .interrupted = &interrupted, .progress = draw, .ctx = c };
	struct report_missing missing;
	struct text json = { 0 };
	char program[64];
	int r;

	snprintf(program, sizeof(program), "torchless %s", version_number);
	o.program = program;
	called_plainly(true); /* in the page, which is sent to others */
	r = report_add_data(&json, c->recordings, c->n, &o, &missing, err);
	called_plainly(false);
	clear(c);
	if (!r && option_on(c->in, OPT_JSON))
		r = write_out(json.data, json.len, err);
	else if (!r)
		r = write_page(c, &json, &missing, err);
	text_release(&json);
	return r;
}

int cmd_report(struct invocation *in, struct err *err)
{
	struct report_command c = { .in = in };
	int r = 0;

	if (option_on(in, OPT_JSON) && option_on(in, OPT_OUTPUT))
		return err_set(err, ERR_USAGE, "--json writes to standard output: leave -o out");
	if (check_target(option_text(in, OPT_OUTPUT, "report.html"), err))
		return err->code;
	c.shows = in->err.is_terminal && !option_on(in, OPT_QUIET);
	r = invocation_open_kernels(in, err);
	if (!r)
		r = open_recordings(&c, err);
	if (!r)
		r = make(&c, err);
	for (int i = 0; i < c.n; i++)
		recording_close(c.recordings[i].rec);
	return r;
}
