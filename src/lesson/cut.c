/*
 * cut.c -- the starter and the shown solution, both from the file of the solution.
 *
 * There is one file, so that the two cannot drift apart.  What the learner writes stands between
 * markers, each alone in its line: in C the comments BEGIN SOLUTION: what to do, STARTER: code that
 * stands there until then, and END SOLUTION; in SQL the same behind two dashes.
 */
#include "cut.h"
#include "torchless/mem.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

struct style {
	const char *open, *close; /* of a comment */
};

static const struct style of_c = { "/* ", " */" }, of_sql = { "-- ", "" };

enum marker { NO_MARKER, BEGIN_SOLUTION, END_SOLUTION, STARTER };

static const struct {
	const char *word;
	bool has_words; /* behind a colon */
} markers[] = {
	[BEGIN_SOLUTION] = { "BEGIN SOLUTION", true },
	[END_SOLUTION] = { "END SOLUTION", false },
	[STARTER] = { "STARTER", true },
};

struct line {
	const char *s;
	size_t len, indent;
	const char *words; /* of a marker */
	size_t n_words;
};

/* Which marker the line is, and its words. */
static enum marker read_marker(struct line *l, const struct style *style)
{
	const char *s = l->s + l->indent, *end = l->s + l->len;
	size_t open = strlen(style->open), close = strlen(style->close);

	while (end > s && (end[-1] == ' ' || end[-1] == '\t'))
		end--;
	if ((size_t)(end - s) < open + close || memcmp(s, style->open, open) != 0 ||
	    memcmp(end - close, style->close, close) != 0)
		return NO_MARKER;
	s += open;
	end -= close;
	for (int i = BEGIN_SOLUTION; i <= STARTER; i++) {
		size_t n = strlen(markers[i].word);

		if ((size_t)(end - s) < n || memcmp(s, markers[i].word, n) != 0)
			continue;
		s += n;
		if (markers[i].has_words && end - s > 2 && s[0] == ':' && s[1] == ' ') {
			l->words = s + 2;
			l->n_words = (size_t)(end - l->words);
			return (enum marker)i;
		}
		return !markers[i].has_words && s == end ? (enum marker)i : NO_MARKER;
	}
	return NO_MARKER;
}

static const char *next_line(const char *at, const char *end, struct line *l)
{
	const char *newline = memchr(at, '\n', (size_t)(end - at));

	*l = (struct line){ .s = at, .len = (size_t)((newline ? newline : end) - at) };
	while (l->indent < l->len && (at[l->indent] == ' ' || at[l->indent] == '\t'))
		l->indent++;
	return newline ? newline + 1 : end;
}

static void add_line(struct text *out, const struct line *l)
{
	text_add(out, l->s, l->len);
	text_addc(out, '\n');
}

/* A marker's words in the starter. */
static void add_words(struct text *out, const struct line *l, const struct style *style,
		      enum marker marker)
{
	text_add(out, l->s, l->indent);
	if (marker == BEGIN_SOLUTION)
		text_addf(out, "%sTODO: ", style->open);
	text_add(out, l->words, l->n_words);
	text_addf(out, "%s\n", marker == BEGIN_SOLUTION ? style->close : "");
}

static int misplaced(const struct course_file *f, int line, const char *what, struct err *err)
{
	return err_set(err, ERR_FORMAT, "%s:%d: %s", f->path, line, what);
}

/* The file without its solution, or without its markers. */
static int cut(const struct course_file *f, const struct style *style, bool is_starter,
	       struct text *out, struct err *err)
{
	const char *end = f->data + f->size;
	struct line l;
	int number = 1, n_blocks = 0, begun = 0;

	for (const char *at = f->data; at < end; number++) {
		enum marker marker;

		at = next_line(at, end, &l);
		marker = read_marker(&l, style);
		if (marker == BEGIN_SOLUTION && begun)
			return misplaced(f, number, "a solution begins within a solution", err);
		if (marker != NO_MARKER && marker != BEGIN_SOLUTION && !begun)
			return misplaced(f, number, "no solution has begun here", err);
		if (marker == NO_MARKER && (!begun || !is_starter))
			add_line(out, &l);
		if (is_starter && l.words)
			add_words(out, &l, style, marker);
		n_blocks += marker == BEGIN_SOLUTION;
		begun = marker == BEGIN_SOLUTION ? number : marker == END_SOLUTION ? 0 : begun;
	}
	if (begun)
		return misplaced(f, begun, "the solution has no end", err);
	return n_blocks ? 0 : misplaced(f, 1, "there is no BEGIN SOLUTION", err);
}

static const struct course_file *file_of(const struct course *c, const struct exercise *e)
{
	struct text path = { 0 };
	const struct course_file *f;

	text_addf(&path, "%s/%s", e->lesson->dir, e->file);
	f = course_file(c, path.data);
	text_release(&path);
	return f;
}

static const struct style *style_of(const struct exercise *e)
{
	return e->kind == EXERCISE_SQL ? &of_sql : &of_c;
}

static void add_comment(struct text *out, const char *before, const char *s)
{
	text_addf(out, "-- %s", before);
	for (; *s; s++)
		text_adds(out, *s == '\n' ? " " : (const char[]){ *s, '\0' });
	text_addc(out, '\n');
}

/* A query whose file the course does not have. */
static void start_query(const struct exercise *e, struct text *out)
{
	const char *columns = section_value(e->conf, "columns");

	add_comment(out, "", e->title);
	if (columns)
		add_comment(out, "Columns: ", columns);
	if (section_value(e->conf, "ordered"))
		add_comment(out, "", "The order of the rows counts.");
	add_comment(out, "TODO: ", "one SELECT, of the recording of this lesson.");
	text_addc(out, '\n');
}

int exercise_starter(const struct course *c, const struct exercise *e, struct text *out,
		     struct err *err)
{
	const struct course_file *f = file_of(c, e);

	assert(e->file);
	if (f)
		return cut(f, style_of(e), true, out, err);
	start_query(e, out);
	return 0;
}

int exercise_shown_solution(const struct course *c, const struct exercise *e, struct text *out,
			    struct err *err)
{
	const struct course_file *f = file_of(c, e);
	const char *answer = section_value(e->conf, "answer");

	assert(e->file);
	if (f)
		return cut(f, style_of(e), false, out, err);
	text_addf(out, "%s\n", answer ? answer : "");
	return 0;
}
