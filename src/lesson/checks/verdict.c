/*
 * verdict.c -- what a check found, a line a step.
 */
#include "torchless/lesson.h"
#include "torchless/mem.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

void verdict_release(struct verdict *v)
{
	for (int i = 0; i < v->n_lines; i++) {
		free(v->lines[i].what);
		free(v->lines[i].detail);
	}
	free(v->lines);
	free(v->key);
	free(v->file);
	text_release(&v->says);
	*v = (struct verdict){ 0 };
}

/* A compiler and SQLite repeat what they were given, and it goes to a terminal. */
static void add_visible_lines(struct text *out, const struct text *said)
{
	size_t len;

	text_adds(out, "");
	for (const char *at = said->data; *at; at += len) {
		len = strcspn(at, "\n\t");
		text_add_visible(out, at, len);
		if (at[len])
			text_addc(out, at[len++]);
	}
}

/* It passes when something was checked and nothing failed. */
static bool is_passed(const struct verdict *v)
{
	bool any = false;

	for (int i = 0; i < v->n_lines; i++) {
		if (v->lines[i].mark == CHECK_FAILED)
			return false;
		any |= v->lines[i].mark == CHECK_PASSED;
	}
	return any;
}

void verdict_line(struct verdict *v, enum check_mark mark, const char *what, const char *detail,
		  ...)
{
	struct check_line *line;
	va_list args;

	v->lines = mem_grow(v->lines, (size_t)v->n_lines, &v->cap_lines, sizeof(*v->lines));
	line = &v->lines[v->n_lines++];
	*line = (struct check_line){ .mark = mark, .what = mem_strdup(what) };
	if (detail) {
		struct text said = { 0 }, visible = { 0 };

		text_adds(&said, "");
		va_start(args, detail);
		text_addvf(&said, detail, args);
		va_end(args);
		add_visible_lines(&visible, &said);
		text_release(&said);
		line->detail = visible.data;
	}
	v->passed = is_passed(v);
}
