/*
 * links.c -- where links and pictures point to is there.
 *
 * What is elsewhere in the world is not looked for: a test that needs a network is none.
 */
#include "text_impl.h"

#include <string.h>
#include <unistd.h>

/* Whether a text has a heading of that anchor. */
static bool has_anchor(const struct lesson_text *t, const char *anchor)
{
	bool found = false;

	for (int i = 0; i < t->n_blocks && !found; i++) {
		struct text a = { 0 };

		if (t->blocks[i].kind != BLOCK_HEADING)
			continue;
		lesson_text_anchor(t, &t->blocks[i], &a);
		found = a.data && !strcmp(a.data, anchor);
		text_release(&a);
	}
	return found;
}

static bool file_has_anchor(const char *path, const char *anchor)
{
	struct text bytes = { 0 };
	struct lesson_text t = { 0 };
	struct err ignored;
	bool found = false;

	if (!text_read_file(&bytes, path, 16u << 20, &ignored)) {
		lesson_text_read(&t, bytes.data ? bytes.data : "", bytes.len);
		found = has_anchor(&t, anchor);
		lesson_text_release(&t);
	}
	text_release(&bytes);
	return found;
}

/* A link to a file of the tree, as it lies beside lesson.md. */
static void check_file(struct linted *l, const char *file, const struct lesson_run *r)
{
	const char *hash = strchr(r->target, '#');
	struct text path = { 0 };

	text_addf(&path, "%s/%s/%.*s", l->dir, l->lesson->dir,
		  (int)(hash ? hash - r->target : (long)strlen(r->target)), r->target);
	if (access(path.data, R_OK) != 0)
		finding(l->findings, file, r->line, "there is no %s", r->target);
	else if (hash && !file_has_anchor(path.data, hash + 1))
		finding(l->findings, file, r->line, "%s has no heading for #%s", path.data,
			hash + 1);
	text_release(&path);
}

static void check_link(struct linted *l, const char *file, const struct lesson_text *t,
		       const struct lesson_run *r)
{
	bool image = r->style & RUN_IMAGE;

	if (image && !r->text[0])
		finding(l->findings, file, r->line,
			"the picture %s has no words for who does not see it", r->target);
	if (!r->target[0])
		finding(l->findings, file, r->line, "the link \"%s\" leads nowhere", r->text);
	else if (r->target[0] == '#' && !has_anchor(t, r->target + 1))
		finding(l->findings, file, r->line, "there is no heading for %s", r->target);
	else if (!strncmp(r->target, "http:", 5) || (strchr(r->target, ':') && image))
		finding(l->findings, file, r->line,
			image ? "the picture %s is not of this folder" : "%s is not https:",
			r->target);
	else if (r->target[0] != '#' && !strchr(r->target, ':') && l->dir)
		check_file(l, file, r);
}

static void check_text(struct linted *l, const char *file, const struct lesson_text *t)
{
	const char *last = NULL;

	for (int i = 0; i < t->n_runs; i++) {
		const struct lesson_run *r = &t->runs[i];

		/* A link of several styles is one. */
		if (r->target && !(last && !strcmp(last, r->target)))
			check_link(l, file, t, r);
		last = r->target;
	}
}

void lint_links(struct linted *l)
{
	const struct course_file *hints;
	struct text path = { 0 };
	struct lesson_text t;

	check_text(l, l->lesson->text->path, l->text);
	text_addf(&path, "%s/hints.md", l->lesson->dir);
	hints = course_file(l->course, path.data);
	if (hints) {
		lesson_text_read(&t, hints->data, hints->size);
		check_text(l, hints->path, &t);
		lesson_text_release(&t);
	}
	text_release(&path);
}
