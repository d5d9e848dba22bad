/*
 * files.c -- what lies in a lesson's folder: nothing that nobody reads, and wrong answers that say
 * what they are.
 */
#include "../comment.h"
#include "text_impl.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>

#define WRONG_OF_A_KERNEL 2

/* A file of wrong/ or equivalent/. */
static void check_answer(struct linted *l, const struct course_file *f, bool wrong)
{
	static const char *const keys[] = { "exercise", "says", "seen" };
	char *name = comment_value(f, keys[0]);
	const struct exercise *e = name ? course_exercise(l->course, name) : NULL;

	for (int i = 0; i < (wrong ? 3 : 1); i++) {
		char *value = comment_value(f, keys[i]);

		if (!value)
			finding(l->findings, f->path, 1,
				"the comment it begins with has no `%s: …`", keys[i]);
		free(value);
	}
	if (name && (!e || e->lesson != l->lesson || e->kind != EXERCISE_KERNEL))
		finding(l->findings, f->path, 1, "this lesson has no kernel exercise %s", name);
	free(name);
}

/* Whether it is the file of an exercise. */
static bool is_solution(const struct linted *l, const char *name)
{
	for (int i = 0; i < l->lesson->n_exercises; i++) {
		const struct exercise *e = &l->lesson->exercises[i];

		if (e->kind == EXERCISE_KERNEL && e->file && !strcmp(e->file, name))
			return true;
	}
	return false;
}

static bool is_picture(const struct linted *l, const char *name)
{
	for (int i = 0; i < l->text->n_runs; i++)
		if ((l->text->runs[i].style & RUN_IMAGE) && !strcmp(l->text->runs[i].target, name))
			return true;
	return false;
}

static void check_carried(struct linted *l, const struct course_file *f)
{
	const char *name = f->path + strlen(l->lesson->dir) + 1;

	if (!strncmp(name, "wrong/", 6) && text_ends_with(name, ".c"))
		check_answer(l, f, true);
	else if (!strncmp(name, "equivalent/", 11) && text_ends_with(name, ".c"))
		check_answer(l, f, false);
	else if (strcmp(name, "lesson.md") != 0 && strcmp(name, "hints.md") != 0 &&
		 strcmp(name, "checks.conf") != 0 && !is_solution(l, name))
		finding(l->findings, f->path, 0, "nothing in the lesson needs this file");
}

/* Pictures are not carried: they are looked for in the folder. */
static void check_pictures(struct linted *l)
{
	struct text path = { 0 };
	struct dirent *entry;
	DIR *dir;

	text_addf(&path, "%s/%s", l->dir, l->lesson->dir);
	dir = opendir(path.data);
	text_release(&path);
	while (dir && (entry = readdir(dir)))
		if ((text_ends_with(entry->d_name, ".svg") ||
		     text_ends_with(entry->d_name, ".png")) &&
		    !is_picture(l, entry->d_name)) {
			text_clear(&path);
			text_addf(&path, "%s/%s", l->lesson->dir, entry->d_name);
			finding(l->findings, path.data, 0, "lesson.md does not show this picture");
		}
	if (dir)
		closedir(dir);
	text_release(&path);
}

static void check_wrong(struct linted *l)
{
	struct text prefix = { 0 };

	text_addf(&prefix, "%s/wrong/", l->lesson->dir);
	for (int i = 0; i < l->lesson->n_exercises; i++) {
		const struct exercise *e = &l->lesson->exercises[i];
		int n = 0;

		for (size_t k = 0; k < l->course->n_files && e->kind == EXERCISE_KERNEL; k++) {
			const struct course_file *f = &l->course->files[k];
			char *name;

			if (strncmp(f->path, prefix.data, prefix.len) != 0)
				continue;
			name = comment_value(f, "exercise");
			n += name && !strcmp(name, e->id);
			free(name);
		}
		if (e->kind == EXERCISE_KERNEL && n < WRONG_OF_A_KERNEL)
			finding(l->findings, prefix.data, 0,
				"the kernel %s has %d known wrong answers, and %d are asked for",
				e->id, n, WRONG_OF_A_KERNEL);
	}
	text_release(&prefix);
}

void lint_files(struct linted *l)
{
	size_t n = strlen(l->lesson->dir);

	for (size_t i = 0; i < l->course->n_files; i++)
		if (!strncmp(l->course->files[i].path, l->lesson->dir, n) &&
		    l->course->files[i].path[n] == '/')
			check_carried(l, &l->course->files[i]);
	check_wrong(l);
	if (l->dir)
		check_pictures(l);
}
