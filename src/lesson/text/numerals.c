/*
 * numerals.c -- a number in prose has a mark, so that it is computed and not remembered.
 *
 * Whole numbers up to ten are words; the number of a lesson is a name; what stands in code, in a
 * heading, in a link or among the readings is somebody else's.
 */
#include "text_impl.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#define SMALL 10

static bool is_word_char(char c)
{
	return isalnum((unsigned char)c) || c == '_' || (unsigned char)c >= 0x80;
}

/* The bytes of a number at s[at], 0: what stands there is a part of a word. */
static size_t numeral_len(const char *s, size_t at)
{
	size_t n = 0;

	if (!isdigit((unsigned char)s[at]) || (at > 0 && is_word_char(s[at - 1])))
		return 0;
	/* "Mistral-7B", "v0.2" and "2-D" are words. */
	if (at > 1 && strchr("-./", s[at - 1]) && is_word_char(s[at - 2]))
		return 0;
	while (isdigit((unsigned char)s[at + n]) ||
	       (strchr(".,", s[at + n]) && s[at + n] && isdigit((unsigned char)s[at + n + 1])))
		n++;
	if (is_word_char(s[at + n]) && memcmp(s + at + n, "\xe2", 1) != 0 &&
	    memcmp(s + at + n, "\xc2", 1) != 0)
		return 0;
	return s[at + n] == '-' && isalpha((unsigned char)s[at + n + 1]) ? 0 : n;
}

/* Whether "lesson" stands before s[at], with nothing between but numbers and "and", "or", "to". */
static bool follows_lesson(const char *s, size_t at)
{
	static const char *const words[] = { "lessons", "lesson", "Lessons", "Lesson" };
	static const char *const between[] = { "and", "or", "to" };

	while (at > 0) {
		while (at > 0 && (isspace((unsigned char)s[at - 1]) || s[at - 1] == ','))
			at--;
		for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
			size_t n = strlen(words[i]);

			if (at >= n && !memcmp(s + at - n, words[i], n))
				return true;
		}
		size_t before = at;

		while (at > 0 && isdigit((unsigned char)s[at - 1]))
			at--;
		for (size_t i = 0; before == at && i < sizeof(between) / sizeof(between[0]); i++) {
			size_t n = strlen(between[i]);

			if (at >= n && !memcmp(s + at - n, between[i], n))
				at -= n;
		}
		if (before == at)
			return false;
	}
	return false;
}

static bool is_small(const char *s, size_t len)
{
	return !memchr(s, '.', len) && !memchr(s, ',', len) && len <= 2 &&
	       (s[0] != '0' || len == 1) && atoi(s) <= SMALL;
}

/* Whether what follows is a mark of this number: nothing but signs of words to the end of the run.
 */
static bool is_marked(const struct lesson_run *r, size_t end)
{
	if (!(r->style & RUN_MARKED))
		return false;
	return strcspn(r->text + end, " \t") == strlen(r->text + end);
}

static void check_run(struct linted *l, const struct lesson_run *r)
{
	size_t len = strlen(r->text), n;

	for (size_t at = 0; at < len; at += n ? n : 1) {
		n = numeral_len(r->text, at);
		if (n && !is_small(r->text + at, n) && !is_marked(r, at + n) &&
		    !follows_lesson(r->text, at))
			lint_says(
				l, r->line,
				"%.*s has no mark: nobody can know whether it is true (<!--= SELECT … -->, or `backquotes` where it is a name)",
				(int)n, r->text + at);
	}
}

static void check_runs(struct linted *l, struct lesson_runs runs)
{
	for (int i = runs.from; i < runs.from + runs.n; i++)
		if (!(l->text->runs[i].style & (RUN_CODE | RUN_LINK)))
			check_run(l, &l->text->runs[i]);
}

void lint_numerals(struct linted *l)
{
	char part[64];

	for (int i = 0; i < l->text->n_marks; i++)
		if (strstr(l->text->marks[i].what, "--"))
			lint_says(l, l->text->marks[i].line,
				  "a comment with -- in it is shown by some Git hosts: %s",
				  l->text->marks[i].what);

	for (int i = 0; i < l->text->n_blocks; i++) {
		const struct lesson_block *b = &l->text->blocks[i];

		/* The second block is that of minutes. */
		if (b->kind == BLOCK_HEADING || i == 1 ||
		    !strcmp(lint_part(l->text, i, part, sizeof(part)), "Further reading"))
			continue;
		check_runs(l, b->runs);
		for (int k = 0; k < b->rows * b->columns; k++)
			check_runs(l, b->cells[k]);
	}
}
