/*
 * layout.c -- see layout.h.  The picture is collected in memory and looked at before anybody gets
 * it: one that ends in the middle is a failure, whatever dot's exit status is.
 *
 * Files of this folder from the ground up: layout.c (Graphviz); palette.c and sixel.c (pixels as
 * sixels), screen.c (sending a picture), ask.c (what a terminal can show).
 */
#include "torchless/layout.h"

#include "torchless/child.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/wait.h>

#define SECONDS   20
#define MAX_BYTES ((size_t)256 << 20)
#define DPI       96   /* of dot's PNG */
#define MAX_SAID  4096 /* bytes of stderr that are looked at */
#define MAX_LINES 8
#define MAX_LINE  200 /* bytes */

/* How a whole picture begins and ends, white space aside. */
static const struct format {
	const char *name, *suffix;
	const char *head, *tail; /* NULL: nothing that dot makes */
} formats[] = {
	{ "dot", ".dot", NULL, NULL },
	{ "svg", ".svg", "<?xml", "</svg>" },
	{ "png", ".png", "\x89PNG\r\n\x1a\n", "IEND\xae\x42\x60\x82" },
	{ "pdf", ".pdf", "%PDF-", "%%EOF" },
};
#define N_FORMATS (sizeof(formats) / sizeof(formats[0]))

const char *layout_format(const char *path)
{
	size_t len = strlen(path);

	for (size_t i = 0; i < N_FORMATS; i++) {
		size_t n = strlen(formats[i].suffix);

		if (len > n && path[len - n - 1] != '/' &&
		    !strcasecmp(path + len - n, formats[i].suffix))
			return formats[i].name;
	}
	return NULL;
}

static const struct format *format_of(const char *name)
{
	for (size_t i = 0; i < N_FORMATS; i++)
		if (!strcmp(formats[i].name, name) && formats[i].head)
			return &formats[i];
	assert(!"a format that dot does not make");
	return NULL;
}

static bool is_whole(const struct text *picture, const struct format *f)
{
	size_t len = picture->len, head = strlen(f->head), tail = strlen(f->tail);

	while (len > 0 && strchr(" \t\r\n", picture->data[len - 1]))
		len--;
	return len >= head + tail && !memcmp(picture->data, f->head, head) &&
	       !memcmp(picture->data + len - tail, f->tail, tail);
}

/* ---- what dot says -------------------------------------------------------------------------- */

/* A line of a stranger's, of a readable length. */
static void add_line(struct text *t, const char *s, size_t len)
{
	size_t n = len < MAX_LINE ? len : MAX_LINE;

	if (n < len) /* no half character */
		while (n > 0 && (s[n] & 0xc0) == 0x80)
			n--;
	text_add_visible(t, s, n);
	if (n < len)
		text_adds(t, "...");
}

/* At most MAX_LINES lines; each but the first after a line feed. */
static void add_lines(struct text *t, const struct child *c)
{
	const char *s = c->said.data, *end = s ? s + c->said.len : s;
	int lines = 0;

	while (s < end && lines < MAX_LINES) {
		const char *stop = memchr(s, '\n', (size_t)(end - s));
		size_t len = (size_t)((stop ? stop : end) - s);

		while (len > 0 && s[len - 1] == '\r')
			len--;
		if (len > 0) {
			text_adds(t, lines++ ? "\n" : "");
			add_line(t, s, len);
		}
		s = stop ? stop + 1 : end;
	}
	if (s < end || c->said_more)
		text_adds(t, "\nand more");
}

/* ": what it said first", for the end of a sentence; nothing where it said nothing. */
static void add_first_line(struct text *t, const struct text *said)
{
	size_t len = said->len ? strcspn(said->data, "\n") : 0;

	while (len > 0 && strchr(". ", said->data[len - 1]))
		len--;
	if (len > 0)
		text_addf(t, ": %.*s", (int)len, said->data);
}

/* ---- sentences ------------------------------------------------------------------------------ */

struct job {
	struct layout_options o; /* none of its numbers 0 */
	const char *program;
	bool is_named; /* by TORCHLESS_DOT */
	const struct format *format;
};

/* That there is no room for a process says nothing of the program. */
static bool is_of_system(int error)
{
	return error == ENOMEM || error == EAGAIN || error == EMFILE || error == ENFILE ||
	       error == EIO;
}

static int not_started(const struct job *j, int error, struct err *err)
{
	if (j->is_named && !is_of_system(error))
		return err_set(err, ERR_TOOL, "TORCHLESS_DOT names %s, which cannot be run: %s",
			       j->program, strerror(error));
	if (error == ENOENT)
		return err_set(err, ERR_TOOL,
			       "there is no dot: install Graphviz (apt-get install graphviz, "
			       "dnf install graphviz, pacman -S graphviz, brew install graphviz)");
	return err_set(err, error == EACCES ? ERR_TOOL : err_of_errno(error), "cannot run dot: %s",
		       strerror(error));
}

static int ended(const struct job *j, enum child_end why, int error, struct err *err)
{
	if (why == CHILD_UNHEARD)
		return err_set(err, err_of_errno(error), "cannot hear what dot says: %s",
			       strerror(error));
	if (why == CHILD_INTERRUPTED)
		return err_set(err, ERR_INTERRUPTED, "interrupted");
	if (why == CHILD_TOO_MUCH)
		return err_set(err, ERR_IO, "dot wrote more than %zu bytes of %s", j->o.max_bytes,
			       j->o.format);
	assert(why == CHILD_TIMEOUT);
	return err_set(err, ERR_IO,
		       "dot needs longer than %g s for this graph, with straight lines too",
		       j->o.seconds);
}

static int failed(const struct job *j, int status, const struct text *said, struct err *err)
{
	struct text why = { 0 };

	if (WIFSIGNALED(status))
		text_addf(&why, "dot was ended by signal %d (%s)", WTERMSIG(status),
			  strsignal(WTERMSIG(status)));
	else if (WEXITSTATUS(status))
		text_addf(&why, "dot failed with exit status %d", WEXITSTATUS(status));
	else
		text_addf(&why, "dot ended before the %s was whole", j->o.format);
	add_first_line(&why, said);
	err_set(err, ERR_IO, "%s", why.data);
	text_release(&why);
	return err->code;
}

/* ---- a picture ------------------------------------------------------------------------------ */

/* One try; the picture and what was said are in *c. */
static enum child_end try(const struct job *j, struct child *c, const struct text *dot,
			  bool straight)
{
	char format[16], size[64], lines[] = "-Gsplines=line";
	char *argv[5] = { (char *)j->program, format };
	int n = 2;
	enum child_end end;

	snprintf(format, sizeof(format), "-T%s", j->format->name);
	snprintf(size, sizeof(size), "-Gsize=%.3f,%.3f", (double)j->o.max_width / DPI,
		 (double)j->o.max_height / DPI);
	if (j->o.max_width > 0 && j->o.max_height > 0)
		argv[n++] = size;
	if (straight)
		argv[n++] = lines;
	*c = (struct child){ .argv = argv,
			     .input = dot->data,
			     .input_len = dot->len,
			     .seconds = j->o.seconds,
			     .max_bytes = j->o.max_bytes,
			     .max_said = MAX_SAID,
			     .interrupted = j->o.interrupted };
	end = child_run(c);
	c->argv = NULL;
	return end;
}

/* What came of the last try. */
static int judge(const struct job *j, const struct child *c, enum child_end end,
		 const struct text *said, struct text *out, struct err *err)
{
	if (end == CHILD_MISSING)
		return not_started(j, c->error, err);
	if (end != CHILD_DONE)
		return ended(j, end, c->error, err);
	if (!WIFEXITED(c->status) || WEXITSTATUS(c->status) || !is_whole(&c->output, j->format))
		return failed(j, c->status, said, err);
	text_add(out, c->output.data, c->output.len);
	return 0;
}

static struct job job_of(const struct layout_options *o)
{
	const char *named = getenv("TORCHLESS_DOT");
	struct job j = { .o = *o, .program = "dot", .format = format_of(o->format) };

	j.o.seconds = o->seconds > 0 ? o->seconds : SECONDS;
	j.o.max_bytes = o->max_bytes ? o->max_bytes : MAX_BYTES;
	j.is_named = named && *named;
	if (j.is_named)
		j.program = named;
	return j;
}

int layout_run(struct text *out, const struct text *dot, const struct layout_options *o,
	       struct layout_result *result, struct err *err)
{
	struct job j = job_of(o);
	struct layout_result r = { 0 };
	struct child c;
	enum child_end end = try(&j, &c, dot, false);
	int rc;

	if (end == CHILD_TIMEOUT) {
		child_release(&c);
		r.straight = true;
		end = try(&j, &c, dot, true);
	}
	add_lines(&r.said, &c);
	rc = judge(&j, &c, end, &r.said, out, err);
	r.system_failed = end == CHILD_UNHEARD || (end == CHILD_MISSING && is_of_system(c.error));
	child_release(&c);
	if (result)
		*result = r;
	else
		text_release(&r.said);
	return rc;
}

const char *layout_svg_element(const struct text *svg, size_t *len)
{
	const char *begin = svg->len ? strstr(svg->data, "<svg") : NULL;
	const char *end = begin;

	/* The last one: an element may stand in another. */
	for (const char *next = begin; next && (next = strstr(next, "</svg>")); end = next)
		next += strlen("</svg>");
	*len = begin ? (size_t)(end - begin) : 0;
	return *len ? begin : NULL;
}
