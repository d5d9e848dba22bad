/*
 * course.h -- a course as it is written: lessons, their text, steps, recordings and exercises.
 *
 * A course is a set of files, which the program carries, or a folder of them for who writes
 * lessons. It is read once and does not change; docs/howto/add-a-lesson.md describes every file.
 */
#ifndef TORCHLESS_COURSE_H
#define TORCHLESS_COURSE_H

#include "torchless/err.h"
#include "torchless/text.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct course_file {
	const char *path; /* "05-rope/kernel.c", with '/' and without ".." */
	const char *data; /* size bytes and a NUL */
	size_t size;
};

/* What the program carries, in the order of their paths. */
extern const struct course_file course_carried[];
extern const size_t course_n_carried;

/* A line `key = "value"` of a section; what stands before the first section has the name "". */
struct course_entry {
	char *key, *value;
	int line;
};

struct course_section {
	char *name;
	struct course_entry *entries;
	int n, line;
};

/* A recording that a lesson speaks of: [trace NAME] of checks.conf. */
struct course_trace {
	const char *name;
	const struct course_section *conf;
	bool is_given; /* the learner gets it as NAME.db */
};

enum exercise_kind {
	EXERCISE_PREDICT,
	EXERCISE_VALUE,
	EXERCISE_SQL,
	EXERCISE_KERNEL,
	EXERCISE_LOCATE,
	EXERCISE_BENCH,
	EXERCISE_MILESTONE,
	EXERCISE_KINDS
};

/* "predict": as checks.conf and help call it. */
const char *exercise_kind_name(enum exercise_kind kind);

struct exercise {
	const struct lesson *lesson;
	const char *id; /* unique in the course */
	const char *title;
	enum exercise_kind kind;
	const struct course_section *conf;
	char *heading;  /* its title in lesson.md */
	char *question; /* Markdown: what stands below its heading in lesson.md */
	char *hints[3]; /* Markdown */
	const char
		*file; /* what the learner edits in the lesson's folder; NULL: answered in words */
	uint64_t hash; /* of all that decides the check */
	bool is_hardest;  /* passing it passes the lesson: `test-out` */
	bool is_blocking; /* false: the lesson is done without it (bench) */
};

/* A fenced block ```sh step=NAME: commands of a shell, in the lesson's folder. */
struct lesson_step {
	char *name;
	char *commands; /* a line each */
	bool needs_smollm2;
};

struct lesson {
	char *dir;    /* "05-rope" */
	char *number; /* "05" */
	char *id;     /* "rope" */
	const char *title;
	int minutes;
	const struct course_file *text;  /* lesson.md */
	struct course_section *sections; /* of checks.conf */
	int n_sections;
	struct course_trace *traces;
	int n_traces;
	struct exercise *exercises; /* in the order of the text */
	int n_exercises;
	struct lesson_step *steps;
	int n_steps;
};

struct course {
	const struct course_file *files; /* in the order of their paths */
	size_t n_files;
	struct course_section *sections; /* of course.conf */
	int n_sections;
	struct lesson *lessons; /* in the order of course.conf */
	int n_lessons;
	void *owned; /* what a folder was read into; NULL: carried */
};

/*
 * Read the course of a folder, or with NULL the one that the program carries: ERR_FORMAT names file
 * and line of what is not as it has to be.  Close it whatever happens.
 */
int course_open(struct course *c, const char *dir, struct err *err);
void course_close(struct course *c);

/* A file by its path; NULL: there is none. */
const struct course_file *course_file(const struct course *c, const char *path);

/* A lesson by "05", "5", "rope" or "05-rope"; an exercise by its id.  NULL: there is none. */
const struct lesson *course_lesson(const struct course *c, const char *name);
const struct exercise *course_exercise(const struct course *c, const char *id);
const struct lesson_step *lesson_step(const struct lesson *l, const char *name);
const struct course_trace *lesson_trace(const struct lesson *l, const char *name);

/* The value of a key, NULL: there is none; the next key from *at on that begins with `prefix`,
 * NULL: no more. */
const char *section_value(const struct course_section *s, const char *key);
const struct course_entry *section_next(const struct course_section *s, const char *prefix,
					int *at);
const struct course_section *section_find(const struct course_section *s, int n, const char *name);

int course_n_exercises(const struct course *c);

#endif
