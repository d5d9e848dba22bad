/*
 * lesson.h -- checking: an exercise, what a learner answered, and what is to be said of it.
 *
 * Every expected value is computed when it is asked for, from a recording or by the engine; nothing
 * is looked up.  A wrong answer that is known is told by what it means: the wrong answers of a
 * lesson are run beside the learner's, and the one that gives the same names the misconception.
 */
#ifndef TORCHLESS_LESSON_H
#define TORCHLESS_LESSON_H

#include "torchless/course.h"
#include "torchless/kernels.h"
#include "torchless/threads.h"

#include <signal.h>

/* Where a course is taken: what all checks need.  Everything is borrowed. */
struct classroom {
	const struct course *course;
	const char *home;    /* the learner's files: home/05-rope/kernel.c */
	const char *cache;   /* recordings and compiled kernels, may be deleted at any time */
	const char *program; /* torchless itself, for what is run as a command */
	const char *model;   /* the teaching model */
	const char *smollm2; /* where it was fetched to; NULL: nowhere */
	const struct kernels *kernels;
	struct threads *pool;
	uint64_t seed; /* of the inputs that are drawn; printed, so that a check can be repeated */
	bool makes_large; /* models of some hundred MB too, for steps that are checked */
	const volatile sig_atomic_t *interrupted;
	/* How far something is that may take long, a share of 1; NULL: nobody listens. */
	void (*progress)(void *ctx, const char *what, double share);
	void *progress_ctx;
};

enum check_mark { CHECK_PASSED, CHECK_FAILED, CHECK_NOTE };

/* A step of a check that was carried out, "stays inside its buffers". */
struct check_line {
	enum check_mark mark;
	char *what;
	char *detail; /* NULL: nothing more */
};

struct verdict {
	bool passed;
	struct check_line *lines;
	int n_lines;
	size_t cap_lines;
	char *key;        /* of the known wrong answer that this is; NULL: none */
	struct text says; /* what that means; when it passed, why it matters */
	char *file;       /* what was checked; NULL: an answer in words */
	uint64_t file_hash;
};

void verdict_release(struct verdict *v);

/* A line more; a failed one makes the verdict fail.  `what` and the formatted detail are copied. */
void verdict_line(struct verdict *v, enum check_mark mark, const char *what, const char *detail,
		  ...) __attribute__((format(printf, 4, 5)));

/* What a learner answers: words for predict, value and locate; else the text of the file of the
 * exercise. */
struct answer {
	const char *text;
	size_t len;
	const char *path; /* where it was read; NULL: typed */
};

/*
 * Check an answer.  0 and a verdict, which fails when nothing was checked; ERR_USAGE for an answer
 * of another form than the exercise asks for, with what it asks for; else the environment: no
 * compiler, a model that is not the course's, no space.
 */
int exercise_check(const struct classroom *room, const struct exercise *e, const struct answer *a,
		   struct verdict *v, struct err *err);

/* The right answer in words, or the solution's file: what `solution` shows. */
int exercise_solution(const struct classroom *room, const struct exercise *e, struct text *out,
		      struct err *err);

/*
 * Have what a check of it will ask of recordings in the cache, the recordings among it: what is
 * right, and what is known to be wrong.  Who answers then does not wait for it.  Errors as of
 * exercise_check().
 */
int exercise_prepare(const struct classroom *room, const struct exercise *e, struct err *err);

/*
 * Append what the compiler of kernels says of its version.  ERR_TOOL: there is none, or it makes
 * nothing of a kernel, as where the headers of C are missing.
 */
int lesson_compiler(struct text *version, struct err *err);

/* The line to type that installs one on this machine; NULL: nobody knows. */
const char *lesson_install_line(void);

/* The path of a recording of a lesson, made in the cache when it is not there yet. */
int lesson_recording(const struct classroom *room, const struct lesson *l, const char *name,
		     struct text *path, struct err *err);

/*
 * For a step's commands: make each variant of the model that they name as $VARIANT_NAME, and tell
 * `set` the variable and the path.  ERR_USAGE for one that there is not; what set returns, if not
 * 0, ends it.
 */
int lesson_step_variants(const struct classroom *room, const char *commands,
			 int (*set)(void *ctx, const char *variable, const char *path), void *ctx,
			 struct err *err);

/*
 * Plant each bug of bugs.def in the course's model and hold its recordings against healthy ones: a
 * line a bug in *report.  ERR_NO with what is wrong: a bug that is not caught and is not known to
 * be harmless, one that is caught in another place than bugs.def says, a harmless one that is
 * caught.  Else the environment.
 */
int dev_check_bugs(const struct classroom *room, struct text *report, struct err *err);

/*
 * Record the prompt of a kernel exercise's lesson with the learner's function and without: mine.db
 * and reference.db in the learner's folder of the lesson, whose paths are appended.  ERR_NO when
 * the file does not compile or its code does not come to an end, with why; ERR_USAGE for another
 * kind.
 */
int lesson_diff(const struct classroom *room, const struct exercise *e, struct text *mine,
		struct text *reference, struct err *err);

#endif
