/*
 * findings.c -- what is wrong with a lesson, a line each.
 */
#include "text_impl.h"

#include <stdarg.h>
#include <stdio.h>

void finding(struct lesson_findings *f, const char *file, int line, const char *fmt, ...)
{
	char says[2048];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(says, sizeof(says), fmt, ap);
	va_end(ap);
	if (line > 0)
		text_addf(&f->lines, "%s:%d: ", file, line);
	else
		text_addf(&f->lines, "%s: ", file);
	for (const char *s = says; *s; s++)
		text_addc(&f->lines, *s == '\n' ? ' ' : *s);
	text_addc(&f->lines, '\n');
	f->n++;
}

void lint_says(struct linted *l, int line, const char *fmt, ...)
{
	char says[1024];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(says, sizeof(says), fmt, ap);
	va_end(ap);
	finding(l->findings, l->lesson->text->path, line, "%s", says);
}

void lesson_findings_release(struct lesson_findings *f)
{
	text_release(&f->lines);
	*f = (struct lesson_findings){ 0 };
}
