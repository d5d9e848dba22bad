/*
 * lesson_text.h -- the text of a lesson: Markdown as blocks of words, and the marks in it.
 *
 * Lessons are written in a subset of Markdown that every Git host shows alike: headings with '#',
 * paragraphs, quotes, nested lists, tables, rules, fenced blocks; in them emphasis, code spans,
 * links, images, `\` before punctuation, and comments, which are dropped.  Nothing fails: what is
 * not of the subset is text and is shown as it is written.
 *
 * A mark is a comment that says what the word or code span directly before it was computed from:
 * `29<!--= SELECT count(*) FROM v_module -->`.
 */
#ifndef TORCHLESS_LESSON_TEXT_H
#define TORCHLESS_LESSON_TEXT_H

#include "torchless/lesson.h"

#include <stdbool.h>
#include <stddef.h>

/* ---- reading ------------------------------------------------------------------------------ */

enum run_style {
	RUN_STRONG = 1,
	RUN_EMPHASIS = 2,
	RUN_CODE = 4,
	RUN_LINK = 8,
	RUN_IMAGE = 16,  /* its text is what is said in place of the picture */
	RUN_BREAK = 32,  /* the line ends here; no text */
	RUN_MARKED = 64, /* a mark stands behind it, of its last word */
};

/* Text of one style within a block, without its signs; a line end is a space. */
struct lesson_run {
	char *text;
	char *target;   /* of links and pictures; NULL */
	unsigned style; /* of enum run_style */
	int line;
};

/* Of lesson_text.runs: `n` from `from` on. */
struct lesson_runs {
	int from, n;
};

enum block_kind {
	BLOCK_HEADING,
	BLOCK_PARAGRAPH,
	BLOCK_CODE,
	BLOCK_TABLE,
	BLOCK_RULE,
	BLOCK_QUOTE, /* holds others */
	BLOCK_ITEM,  /* of a list, holds others */
};

/* Blocks stand in the order of the text, those that are held behind what holds them. */
struct lesson_block {
	enum block_kind kind;
	int parent;              /* the block that holds it; -1: none */
	int line;                /* of the file, from 1 */
	int level;               /* of a heading, 1 to 6 */
	int marker;              /* of an item: its number; -1: none */
	bool tight;              /* no blank line before it: items of a list that stand close */
	struct lesson_runs runs; /* of a heading and a paragraph */
	char *info, *code;       /* of fenced code: "sh step=see", lines */
	int columns, rows;       /* of a table; row 0 is its heading */
	struct lesson_runs *cells;
	char *align; /* a letter a column: 'l', 'r' or 'c' */
};

struct lesson_mark {
	size_t at, len; /* what is marked, in the file's bytes, without backquotes */
	int line;
	bool is_command; /* `<!--$ torchless … -->`: what that prints; else SQL */
	char *trace;     /* the recording that SQL is asked of */
	char *what;
};

struct lesson_text {
	struct lesson_block *blocks;
	struct lesson_run *runs;
	struct lesson_mark *marks;
	int n_blocks, n_runs, n_marks;
	size_t cap_blocks, cap_runs, cap_marks;
};

void lesson_text_read(struct lesson_text *t, const char *data, size_t len);
void lesson_text_release(struct lesson_text *t);

/* Append the words of runs, without styles. */
void lesson_text_words(const struct lesson_text *t, struct lesson_runs runs, struct text *out);

/* Append the anchor of a heading as Git hosts make it: "#see-it-run" without the '#'. */
void lesson_text_anchor(const struct lesson_text *t, const struct lesson_block *b,
			struct text *out);

/*
 * The value of KEY=VALUE in an info string, copied to buf, or the empty string where the key stands
 * alone; NULL where it does not.
 */
const char *lesson_info(const char *info, const char *key, char *buf, size_t size);

/* ---- is it true? -------------------------------------------------------------------------- */

/* What is wrong with a lesson, "00-hello/lesson.md:12: a sentence", a line each. */
struct lesson_findings {
	struct text lines;
	int n;
	int n_marks, n_steps, n_outputs, n_pictures; /* that were looked at */
	int n_left_out;                              /* since SmolLM2 is not there */
	int n_written;                               /* places of the text, and pictures */
};
void lesson_findings_release(struct lesson_findings *f);

/*
 * Compute every mark of a lesson, run its steps in a scratch folder, and look at the pictures that
 * they make; a finding for each that is not as the text says or does not end as it says.  `dir` is
 * the folder of the course; NULL: there is none, and no picture.  With `write` lesson.md and the
 * pictures there become as they have to be, and what could not be written is a finding.  ERR_*: the
 * environment; ERR_INTERRUPTED.
 */
int lesson_compute(const struct classroom *room, const struct lesson *l, const char *dir,
		   bool write, struct lesson_findings *found, struct err *err);

/*
 * What is asked of a lesson's text and files by rule: parts, marks of numbers, links, known wrong
 * answers.  `dir` is the folder of the course, whose pictures and neighbours are looked at; NULL:
 * there is none.
 */
void lesson_lint(const struct course *c, const struct lesson *l, const char *dir,
		 struct lesson_findings *found);

#endif
