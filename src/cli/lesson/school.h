/*
 * school.h -- what the subcommands of `torchless lesson` share.
 *
 * From the ground up: school.c opens the course, the learner and the classroom; say.c writes to
 * people, where one is and what to type next; try.c checks and verdict.c shows what came of it;
 * then a file a group of subcommands, and cmd_lesson.c, which has the table of them.
 */
#ifndef CLI_LESSON_SCHOOL_H
#define CLI_LESSON_SCHOOL_H

#include "torchless/cli.h"
#include "torchless/learner.h"

struct school {
	struct invocation *in;
	const char *course_dir; /* NULL: what the program carries */
	struct course course;
	struct learner_places places;
	struct learner learner;
	struct classroom room; /* its engine is open behind school_open_engine() */
	struct text program, model, smollm2;
	struct text out; /* what is written to people */
	bool has_engine;
	bool is_watching; /* keys say what comes next, and no command is to be typed */
};

/* ---- school.c -------------------------------------------------------------------------------- */

/* The course, the learner, and where things lie; close it whatever happens. */
int school_open(struct school *d, struct invocation *in, struct err *err);
void school_close(struct school *d);

/* Kernels and threads, and that the model is the course's: ERR_IO names both hashes. */
int school_open_engine(struct school *d, struct err *err);

/* By name, or with NULL the one that one is at; ERR_USAGE names the nearest. */
int school_lesson(const struct school *d, const char *name, const struct lesson **l,
		  struct err *err);
int school_exercise(const struct school *d, const char *name, const struct exercise **e,
		    struct err *err);

/* The id that is spelled nearly so; NULL: none. */
const char *school_nearest(const struct school *d, const char *name);

/* Make what is missing of the lesson's files, and say what was made again. */
int school_make_files(struct school *d, const struct lesson *l, bool is_new, struct err *err);

/* Note an event; when it cannot be kept, that is the error. */
int school_note(struct school *d, enum learner_event event, const struct lesson *l,
		const struct exercise *e, bool passed, const char *text, struct err *err);

/* ---- ahead.c -------------------------------------------------------------------------------- */

/*
 * The files of a lesson that is begun.  At a terminal its recordings are left to a process of their
 * own, which school_look_ahead() starts: who reads does not wait for them.
 */
int school_begin_files(struct school *d, const struct lesson *l, bool is_new, struct err *err);

/*
 * At a terminal: have a process make the recordings of the lesson and what its checks ask of them,
 * unless one does or has.  Where none can be started, what the folder lacks is made here.
 */
int school_look_ahead(struct school *d, const struct lesson *l, struct err *err);

/* ---- say.c ---------------------------------------------------------------------------------- */

/* Append to d->out: a sentence with its commands in backquotes, `indent` columns in, wrapped. */
void school_say(struct school *d, int indent, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* A line as it is, of a style. */
void school_styled(struct school *d, enum ui_style style, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* "next  torchless lesson WORDS": the one thing to type. */
void school_next(struct school *d, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* The same for an exercise as it stands: to answer, to check, to go on. */
void school_what_next(struct school *d, const struct exercise *e);

/* What stands for an answer where one is told to type it: "NUMBER", "'a|b|c'", "PLACE 'KEY|KEY'".
 */
void school_add_form(const struct exercise *e, struct text *out);

/* Of recordings that are to be looked at: where they lie, unless one is there. */
void school_say_folder(struct school *d, const struct exercise *e);

/* "lesson 05 RoPE · exercise rope (2 of 4) · 05-rope/rope.c    [####------] 18/58". */
void school_place(struct school *d, const struct exercise *e);

/* "[####------] 18/58" */
void school_add_bar(int done, int all, int width, struct text *out);

/* Append Markdown, `indent` columns in. */
void school_markdown(struct school *d, const struct lesson *l, const char *markdown, int indent);

/* "05-rope/rope.c" of an exercise that has a file. */
void school_add_file(const struct exercise *e, struct text *out);

/* Write d->out and empty it: ERR_IO. */
int school_flush(struct school *d, struct err *err);

/* ---- verdict.c ------------------------------------------------------------------------------ */

/* Append what was found: where, how many checks, the first that failed, and what that means. */
void school_verdict(struct school *d, const struct exercise *e, const struct verdict *v);

/* One JSON object, without a line end. */
void school_add_json(const struct school *d, const struct exercise *e, const struct verdict *v,
		     struct text *out);

/* ---- try.c ---------------------------------------------------------------------------------- */

/* What one has to say: the words, or with NULL the exercise's file or what was answered last. */
struct attempt {
	struct text text, path;
	struct answer answer;
	bool is_missing; /* nothing was answered yet */
};
int attempt_read(struct school *d, const struct exercise *e, const char *words, struct attempt *a,
		 struct err *err);
void attempt_release(struct attempt *a);

/* Check it; a prediction is locked first. `is_kept`: the log hears of it. */
int school_check(struct school *d, const struct exercise *e, const struct attempt *a, bool is_kept,
		 struct verdict *v, struct err *err);

/* Check it and show what came of it; *passed is set. */
int school_try(struct school *d, const struct exercise *e, const char *words, bool is_kept,
	       bool *passed, struct err *err);

/* ---- run.c ---------------------------------------------------------------------------------- */

/* Run a program on our streams to its end; *status is its exit status.  ERR_TOOL, ERR_INTERRUPTED.
 */
int school_spawn(char *const *argv, int *status, struct err *err);

/* ---- the subcommands ------------------------------------------------------------------------ */

#define SUBCOMMAND(function)                                                                       \
	int function(struct school *d, int n, const char *const *args, struct err *err)
SUBCOMMAND(lesson_where); /* without a word */
SUBCOMMAND(lesson_list);
SUBCOMMAND(lesson_start);
SUBCOMMAND(lesson_next);
SUBCOMMAND(lesson_prev);
SUBCOMMAND(lesson_show_text);
SUBCOMMAND(lesson_run);
SUBCOMMAND(lesson_answer);
SUBCOMMAND(lesson_check);
SUBCOMMAND(lesson_hint);
SUBCOMMAND(lesson_solution);
SUBCOMMAND(lesson_why);
SUBCOMMAND(lesson_watch);
SUBCOMMAND(lesson_diff_kernel);
SUBCOMMAND(lesson_reset);
SUBCOMMAND(lesson_skip);
SUBCOMMAND(lesson_progress);
SUBCOMMAND(lesson_doctor);
SUBCOMMAND(lesson_grade);
SUBCOMMAND(lesson_dev);
SUBCOMMAND(lesson_dev_new);
SUBCOMMAND(lesson_dev_render);
SUBCOMMAND(lesson_dev_prepare);
SUBCOMMAND(lesson_dev_check);

#endif
