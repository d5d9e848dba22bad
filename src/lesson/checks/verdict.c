/*
 * verdict.c -- what a check found, a line a step.
 */
#include "torchless/lesson.h"
#include "torchless/mem.h"

#include <stdarg.h>
#include <stdio.h>
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

static char *format(const char *fmt, va_list args)
{
	va_list again;
	struct text visible = { 0 };
	size_t len;
	char *s;
	int n;

	va_copy(again, args);
	n = vsnprintf(NULL, 0, fmt, again);
	va_end(again);
	s = mem_calloc((size_t)(n < 0 ? 0 : n) + 1, 1);
	vsnprintf(s, (size_t)(n < 0 ? 0 : n) + 1, fmt, args);
	/* A compiler and SQLite repeat what they were given, and it goes to a terminal. */
	text_add(&visible, "", 0);
	for (const char *at = s; *at; at += len) {
		len = strcspn(at, "\n\t");
		text_add_visible(&visible, at, len);
		if (at[len])
			text_addc(&visible, at[len++]);
	}
	free(s);
	return visible.data;
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
		va_start(args, detail);
		line->detail = format(detail, args);
		va_end(args);
	}
	v->passed = is_passed(v);
}
