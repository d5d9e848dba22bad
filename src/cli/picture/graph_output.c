/*
 * graph_output.c -- see graph_output.h.
 */
#include "graph_output.h"

#include "torchless/layout.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#define MAX_KEPT 100 /* files of dot text beside each other */

static enum terminal_pictures screen; /* what it can show, asked once */

int graph_output_check(struct invocation *in, struct err *err)
{
	const char *path = option_text(in, OPT_OUTPUT, NULL);

	if (path && !layout_format(path))
		return err_set(
			err, ERR_USAGE,
			"graph writes .svg, .png, .pdf and .dot, and %s ends in none of them",
			*path ? path : "a name that is empty");
	if (!option_on(in, OPT_VIEW))
		return 0;
	screen = terminal_pictures(&in->out);
	if (interrupted)
		return err_set(err, ERR_INTERRUPTED, "interrupted");
	if (screen == TERMINAL_NONE)
		return err_set(
			err, ERR_TOOL,
			"--view needs a terminal that shows pictures, by kitty's protocol "
			"(kitty, Ghostty, WezTerm, Konsole) or by sixels (foot, mlterm, xterm "
			"-ti vt340); -o FILE.png writes one");
	return 0;
}

/* ---- the dot text of a picture that could not be made ------------------------------------------
 */

/* Whether the file holds exactly this text. */
static bool holds(const char *path, const struct text *dot)
{
	struct err ignored;
	struct text there = { 0 };
	bool same = !text_read_file(&there, path, dot->len, &ignored) && there.len == dot->len &&
		    !memcmp(there.data, dot->data, dot->len);

	text_release(&there);
	return same;
}

/* "graph.svg" to "graph.dot", "graph-2.dot", ... */
static void name_beside(struct text *name, const char *path, int i)
{
	size_t len = strlen(path) - strlen(layout_format(path)) - 1;

	text_clear(name);
	text_add(name, path, len);
	if (i > 1)
		text_addf(name, "-%d", i);
	text_adds(name, ".dot");
}

/* Keep it in a file that is new, or holds it already: `name` is which.  ERR_IO. */
static int keep(const char *path, const struct text *dot, struct text *name, struct err *err)
{
	for (int i = 1; i <= MAX_KEPT; i++) {
		struct stat st = { 0 };

		name_beside(name, path, i);
		if (lstat(name->data, &st) && errno == ENOENT)
			return text_write_file(name->data, dot->data, dot->len, err);
		if (S_ISREG(st.st_mode) && holds(name->data, dot))
			return 0;
	}
	return err_set(err, ERR_IO, "%s and those after it exist", name->data);
}

static int keep_and_say(const char *path, const struct text *dot, struct err *err)
{
	struct err why = *err, second = { 0 };
	struct text name = { 0 };

	if (keep(path, dot, &name, &second))
		err_set(err, why.code, "%s: %s; nor can its dot text be kept: %s", path,
			why.message, second.message);
	else
		err_set(err, why.code, "%s: %s; its dot text is in %s", path, why.message,
			name.data);
	text_release(&name);
	return err->code;
}

/* ---- pictures ----------------------------------------------------------------------------- */

/* What dot complained of, and what it was spared. */
static void say(const char *of, const struct layout_result *r)
{
	const char *s = r->said.len ? r->said.data : "";

	if (r->straight)
		warn("%s has straight lines: curves take longer than 20 s", of);
	for (size_t n; *s; s += n + (s[n] == '\n')) {
		n = strcspn(s, "\n");
		if (n > 0)
			warn("dot says: %.*s", (int)n, s);
	}
}

static int make(struct text *picture, const struct text *dot, const struct layout_options *o,
		const char *name, struct err *err)
{
	struct layout_result r = { 0 };
	int rc = layout_run(picture, dot, o, &r, err);

	if (!rc)
		say(name, &r);
	text_release(&r.said);
	return rc;
}

static int write_file(const char *path, const struct text *dot, struct err *err)
{
	const struct layout_options o = { .format = layout_format(path),
					  .interrupted = &interrupted };
	struct text picture = { 0 };
	int rc;

	if (!strcmp(o.format, "dot"))
		return text_write_file(path, dot->data, dot->len, err);
	rc = make(&picture, dot, &o, path, err);
	if (!rc)
		rc = text_write_file(path, picture.data, picture.len, err);
	else if (rc != ERR_INTERRUPTED)
		rc = keep_and_say(path, dot, err);
	text_release(&picture);
	return rc;
}

static int view(const struct invocation *in, const struct text *dot, struct err *err)
{
	struct layout_options o = { .format = "png", .interrupted = &interrupted };
	struct text picture = { 0 };
	int rc;

	terminal_size(&in->out, &o.max_width, &o.max_height);
	rc = make(&picture, dot, &o, "the picture", err);
	if (!rc)
		rc = terminal_show_png(&in->out, screen, picture.data, picture.len, err);
	text_release(&picture);
	return rc;
}

int graph_output_write(struct invocation *in, const struct text *dot, struct err *err)
{
	const char *path = option_text(in, OPT_OUTPUT, NULL);
	int rc = path ? write_file(path, dot, err) : 0;

	if (!rc && option_on(in, OPT_VIEW))
		rc = view(in, dot, err);
	else if (!rc && !path)
		rc = write_out(dot->data, dot->len, err);
	return rc;
}
