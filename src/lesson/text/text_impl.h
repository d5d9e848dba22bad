/*
 * text_impl.h -- reading a lesson's text and computing what it says, shared by the files of this
 * folder.
 *
 * From the ground up: prepare.c blanks comments out and finds marks; runs.c reads what stands
 * within a block; lines.c knows what a
 * line begins, blocks.c makes blocks of the lines of a file; words.c what is asked of them. said.c
 * and transcript.c compare and write what a text says, picture.c compares pictures; findings.c
 * collects what is wrong. scratch.c runs the steps of a lesson, ask.c asks its recordings;
 * compute.c holds both against the text. sections.c, numerals.c, links.c and files.c each know one
 * kind of rule, and lint.c calls them.
 */
#ifndef LESSON_TEXT_IMPL_H
#define LESSON_TEXT_IMPL_H

#include "torchless/lesson_text.h"

/* Stand for every byte of a comment, and for a line end in it, so that places stay the same. */
#define TEXT_BLANK      '\x01'
#define TEXT_BLANK_LINE '\x02'
/* The first byte of a comment that is a mark. */
#define TEXT_MARK '\x03'

/*
 * A copy of the file in which comments outside of code are TEXT_BLANK, and its marks.  A line end
 * inside of a comment is TEXT_BLANK_LINE.
 */
char *text_prepare(struct lesson_text *t, const char *data, size_t len);

static inline bool text_is_blank(char c)
{
	return c == TEXT_BLANK || c == TEXT_BLANK_LINE || c == TEXT_MARK;
}

/* The bytes of a code span at s[0..len), its backquotes included; 0: there is none. */
size_t text_code_span(const char *s, size_t len, size_t *ticks);

/* Read s[0..len), what stands in a block, into runs. */
struct lesson_runs text_read_runs(struct lesson_text *t, const char *s, size_t len, int line);

/* ---- said.c --------------------------------------------------------------------------------- */

/*
 * Whether a text that says `shown` says the value: a number to as many decimals as it shows, words
 * to the letter.  Else what it should say is appended to `want`.
 */
bool said_is(const char *shown, const char *value, struct text *want);

/* Whether two lines are alike: numbers within what printing and other machines change, and any
 * number of spaces for spaces. */
bool said_alike(const char *a, size_t a_len, const char *b, size_t b_len);

/* ---- transcript.c --------------------------------------------------------------------------- */

/*
 * Where a transcript, in which a line of "…" stands for any number of lines, is not what was
 * printed: the index of its line, -1: nowhere.
 */
int transcript_differs(const char *shown, const char *printed);

/* The transcript with the same lines left out, as it has to be; false: nobody can know which. */
bool transcript_renew(const char *shown, const char *printed, struct text *out);

/* Line i of a text, without its end. */
const char *transcript_line(const char *s, int i, size_t *len);

/* ---- picture.c ------------------------------------------------------------------------------ */

/* Whether two pictures, not empty, are the same as far as another run can tell. */
bool pictures_alike(const struct text *a, const struct text *b);

/* ---- findings.c ----------------------------------------------------------------------------- */

/* `file` is a path of the course. */
void finding(struct lesson_findings *f, const char *file, int line, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

/* ---- scratch.c, ask.c ----------------------------------------------------------------------- */

/* A learner's folder, in which the steps of a lesson are run one after the other. */
struct scratch {
	struct classroom room; /* whose home is `path` */
	const struct lesson *lesson;
	struct text path;
};

/* With the files that a learner gets.  Close it whatever happens. */
int scratch_open(struct scratch *s, const struct classroom *room, const struct lesson *l,
		 struct err *err);
void scratch_close(struct scratch *s);

/* Whether the models are there that commands name: SmolLM2, variants that are large. */
bool scratch_can_run(const struct classroom *room, const char *commands);

/* What a run of commands gave. */
struct scratch_run {
	struct text out, said; /* its results, its complaints */
	int status;
};

/* Run lines of a shell there, up to the first that fails.  ERR_TOOL: there is no shell, or they did
 * not end; ERR_INTERRUPTED. */
int scratch_run(struct scratch *s, const char *commands, struct scratch_run *r, struct err *err);
void scratch_run_release(struct scratch_run *r);

/* Recordings of a lesson that were asked something, kept open. */
struct asked {
	const struct classroom *room;
	const struct lesson *lesson;
	struct asked_recording *recordings;
	int n;
	size_t cap;
};

/* The one value that SQL gives on a recording of the lesson, as text.  ERR_USAGE with what is wrong
 * with the SQL. */
int ask_value(struct asked *a, const char *trace, const char *sql, struct text *value,
	      struct err *err);
void ask_release(struct asked *a);

/* ---- rules ---------------------------------------------------------------------------------- */

/* What the rules look at. */
struct linted {
	const struct course *course;
	const struct lesson *lesson;
	const struct lesson_text *text;
	const char *dir; /* the folder of the course; NULL: it is the one that is carried */
	struct lesson_findings *findings;
};

/* At the file lesson.md. */
void lint_says(struct linted *l, int line, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* The level-2 heading whose part a block stands in, as words in buf; "" before the first. */
const char *lint_part(const struct lesson_text *t, int block, char *buf, size_t size);

void lint_sections(struct linted *l);
void lint_numerals(struct linted *l);
void lint_links(struct linted *l);
void lint_files(struct linted *l);

#endif
