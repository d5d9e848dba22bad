/*
 * lint.c -- what is asked of a lesson by rule, one kind after the other.
 */
#include "text_impl.h"

void lesson_lint(const struct course *c, const struct lesson *l, const char *dir,
		 struct lesson_findings *found)
{
	struct lesson_text t;
	struct linted linted = {
		.course = c, .lesson = l, .text = &t, .dir = dir, .findings = found
	};

	lesson_text_read(&t, l->text->data, l->text->size);
	lint_sections(&linted);
	lint_numerals(&linted);
	lint_links(&linted);
	lint_files(&linted);
	lesson_text_release(&t);
}
