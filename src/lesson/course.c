/*
 * course.c -- a course: course.conf, and the lessons in its order.
 */
#include "conf.h"
#include "keys.h"
#include "reading.h"
#include "source.h"
#include "torchless/mem.h"

#include <stdlib.h>
#include <string.h>

#define CONF "course.conf"

static int fail(const struct reading *from, int line, const char *what, const char *name,
		struct err *err)
{
	return err_set(err, ERR_FORMAT, "%s%s:%d: %s \"%s\"", from->where, CONF, line, what, name);
}

/* ---- files --------------------------------------------------------------------------------- */

static bool has_folder(const struct course *c, const char *dir)
{
	size_t n = strlen(dir);

	for (size_t i = 0; i < c->n_files; i++)
		if (!strncmp(c->files[i].path, dir, n) && c->files[i].path[n] == '/')
			return true;
	return false;
}

/* ---- course.conf --------------------------------------------------------------------------- */

static int read_conf(struct course *c, const struct reading *from, struct err *err)
{
	const struct course_file *file = course_file(c, CONF);
	const struct course_section *head;
	const char *format;
	struct text path = { 0 };
	int r;

	if (!file)
		return err_set(err, ERR_USAGE, "%s has no %s, so it is no course",
			       *from->where ? from->where : "torchless", CONF);
	text_addf(&path, "%s%s", from->where, CONF);
	r = conf_parse(path.data, file->data, file->size, &c->sections, &c->n_sections, err);
	text_release(&path);
	if (r)
		return r;
	head = &c->sections[0];
	if (c->n_sections > 1)
		return fail(from, c->sections[1].line, "there is no section", c->sections[1].name,
			    err);
	for (int i = 0; i < head->n; i++)
		if (!key_is_allowed(head->entries[i].key, keys_of_course))
			return fail(from, head->entries[i].line, "nothing here is called",
				    head->entries[i].key, err);
	format = section_value(head, "format");
	if (!format || strcmp(format, "1") != 0)
		return fail(from, conf_line(head, "format"),
			    "this torchless reads courses of the format \"1\", not",
			    format ? format : "", err);
	if (!section_value(head, "title") || !section_value(head, "order"))
		return fail(from, 1, "there is no",
			    section_value(head, "title") ? "order" : "title", err);
	return 0;
}

static bool is_lesson_name(const char *s)
{
	return s[0] >= '0' && s[0] <= '9' && s[1] >= '0' && s[1] <= '9' && s[2] == '-' && s[3];
}

/* ---- lessons ------------------------------------------------------------------------------- */

/* An id that two exercises have would have one state. */
static int check_ids(const struct course *c, const struct reading *from, struct err *err)
{
	const struct lesson *last = &c->lessons[c->n_lessons - 1];

	for (int i = 0; i < last->n_exercises; i++) {
		const struct exercise *e = &last->exercises[i];
		const struct exercise *first = course_exercise(c, e->id);

		if (first != e)
			return err_set(err, ERR_FORMAT,
				       "%s%s/checks.conf:%d: %s has an exercise %s already",
				       from->where, last->dir, e->conf->line, first->lesson->dir,
				       e->id);
	}
	return 0;
}

static int read_lesson(struct course *c, const struct reading *from, const char *dir,
		       struct err *err)
{
	const struct course_section *head = &c->sections[0];
	int line = conf_line(head, "order");

	if (!is_lesson_name(dir))
		return fail(from, line, "a lesson is called as 05-rope is, not", dir, err);
	for (int i = 0; i < c->n_lessons; i++)
		if (!strncmp(c->lessons[i].dir, dir, 2))
			return fail(from, line, "two lessons have the number of", dir, err);
	if (!has_folder(c, dir))
		return fail(from, line, "there is no folder", dir, err);
	if (lesson_read(from, dir, &c->lessons[c->n_lessons++], err))
		return err->code;
	return check_ids(c, from, err);
}

static int read_lessons(struct course *c, const struct reading *from, struct err *err)
{
	const char *order = section_value(&c->sections[0], "order");
	size_t at = 0, n = 0;
	char *dir;
	int r = 0;

	/* Exercises point to their lesson, so the array does not move. */
	while ((dir = conf_word(order, &at)) != NULL) {
		free(dir);
		n++;
	}
	c->lessons = mem_calloc(n ? n : 1, sizeof(*c->lessons));
	at = 0;
	while (r == 0 && (dir = conf_word(order, &at)) != NULL) {
		r = read_lesson(c, from, dir, err);
		free(dir);
	}
	return r;
}

int course_open(struct course *c, const char *dir, struct err *err)
{
	struct text where = { 0 };
	struct reading from = { .course = c, .where = "" };
	int r = 0;

	*c = (struct course){ .files = course_carried, .n_files = course_n_carried };
	if (dir) {
		struct source *s = mem_calloc(1, sizeof(*s));

		c->owned = s;
		r = source_read(s, dir, err);
		c->files = s->files;
		c->n_files = s->n;
		text_addf(&where, "%s%s", dir, *dir && dir[strlen(dir) - 1] == '/' ? "" : "/");
		from.where = where.data;
	}
	if (r == 0)
		r = read_conf(c, &from, err);
	if (r == 0)
		r = read_lessons(c, &from, err);
	text_release(&where);
	return r;
}

void course_close(struct course *c)
{
	for (int i = 0; i < c->n_lessons; i++)
		lesson_release(&c->lessons[i]);
	free(c->lessons);
	conf_release(c->sections, c->n_sections);
	if (c->owned)
		source_release(c->owned);
	free(c->owned);
	*c = (struct course){ 0 };
}

/* ---- by name ------------------------------------------------------------------------------- */

static bool is_called(const struct lesson *l, const char *name)
{
	int number = conf_count(name, 99);

	return !strcmp(l->dir, name) || !strcmp(l->id, name) ||
	       (number >= 0 && strlen(name) <= 2 && number == conf_count(l->number, 99));
}

const struct lesson *course_lesson(const struct course *c, const char *name)
{
	for (int i = 0; i < c->n_lessons; i++)
		if (is_called(&c->lessons[i], name))
			return &c->lessons[i];
	return NULL;
}

const struct exercise *course_exercise(const struct course *c, const char *id)
{
	for (int i = 0; i < c->n_lessons; i++)
		for (int k = 0; k < c->lessons[i].n_exercises; k++)
			if (!strcmp(c->lessons[i].exercises[k].id, id))
				return &c->lessons[i].exercises[k];
	return NULL;
}

int course_n_exercises(const struct course *c)
{
	int n = 0;

	for (int i = 0; i < c->n_lessons; i++)
		n += c->lessons[i].n_exercises;
	return n;
}
