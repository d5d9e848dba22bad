/*
 * learner.h -- a learner: where the files lie, what was done so far, and what is cut for a lesson.
 *
 * What was done is a log of events, to which lines are added and nothing else; everything that is
 * said of progress is derived from it and from the files when it is asked for.
 */
#ifndef TORCHLESS_LEARNER_H
#define TORCHLESS_LEARNER_H

#include "torchless/lesson.h"

/* ---- where ---------------------------------------------------------------------------------- */

/*
 * The folder of the learner's files, the log, and what may be deleted at any time.  By default
 * ~/torchless-lessons, and of state and cache what XDG says; a folder that is named, or
 * $TORCHLESS_LESSON_HOME, holds all of it.
 */
struct learner_places {
	char *home, *log, *cache;
	bool is_named; /* by the command line, so that what is typed next has to name it too */
};

/* `named` is NULL or the folder.  ERR_IO: there is no HOME.  Release it whatever happens. */
int learner_places(struct learner_places *p, const char *named, struct err *err);
void learner_places_release(struct learner_places *p);

/* ---- what was done -------------------------------------------------------------------------- */

enum learner_event {
	EVENT_START,    /* a lesson was begun */
	EVENT_AT,       /* this is the exercise that one is at */
	EVENT_LOCK,     /* text is the prediction; what came first counts */
	EVENT_VOID,     /* the prediction before was none that could be right */
	EVENT_CHECK,    /* passed or not; text is what was answered in words */
	EVENT_HINT,     /* one more was shown */
	EVENT_GIVE_UP,  /* the solution was shown before it was found */
	EVENT_RESET,    /* the file was cut again */
	EVENT_SEED,     /* the number that everything of this learner is drawn by */
	EVENT_TEST_OUT, /* passing the hardest exercise passes the lesson */
	EVENT_COUNT
};

/* Of an exercise, derived. */
struct exercise_state {
	bool passed, gave_up;
	bool changed; /* it is not the exercise any more that was passed */
	bool last_passed;
	int attempts, hints;
	char *predicted; /* what was locked first; NULL: nothing */
	bool was_right;  /* and whether it was that */
	bool is_judged;  /* whether it is known */
	char *last;      /* what was answered last in words; NULL: nothing */
};

struct lesson_state {
	bool started, tests_out;
};

struct learner {
	const struct course *course;
	char *log;
	struct exercise_state *exercises; /* of all lessons, in their order */
	struct lesson_state *lessons;
	const struct exercise *at; /* NULL: nothing was begun */
	bool is_new;               /* the log is not there yet */
	bool has_seed;
	uint64_t seed;       /* the first that was drawn */
	int n_ignored;       /* lines that are no events, or were damaged */
	struct bytes *lines; /* of the log, in the order of time */
	size_t n_lines;
	struct text text; /* what they point to */
};

/* Read the log, which need not be there.  ERR_IO.  Close it whatever happens. */
int learner_open(struct learner *l, const struct course *c, const char *log, struct err *err);
void learner_close(struct learner *l);

/*
 * Add an event to the log, on the disk when this returns, and to the state.  `e` or `lesson` may be
 * NULL; `passed` is of EVENT_CHECK, text (NULL: none) of what is answered.  ERR_IO: nothing
 * happened.
 */
int learner_note(struct learner *l, enum learner_event event, const struct lesson *lesson,
		 const struct exercise *e, bool passed, const char *text, struct err *err);

/* All events in the order of time, one a line: what learner_merge() reads. */
void learner_export(const struct learner *l, struct text *out);

/*
 * Add the events of another log that are not there yet, and count them; the state is as if both had
 * been one.  ERR_FORMAT: it is no log, named by `from`; ERR_IO.
 */
int learner_merge(struct learner *l, const char *from, const char *data, size_t len, int *n_new,
		  struct err *err);

/* The state of an exercise, or of a lesson. */
struct exercise_state *learner_exercise(const struct learner *l, const struct exercise *e);
struct lesson_state *learner_lesson(const struct learner *l, const struct lesson *lesson);

/* Nothing of it is left to do: passed or given up, or not asked for any more. */
bool exercise_is_done(const struct learner *l, const struct exercise *e);
bool lesson_is_done(const struct learner *l, const struct lesson *lesson);

/* Passed, or predicted, or of a lesson whose hardest exercise was passed instead. */
bool exercise_counts(const struct learner *l, const struct exercise *e);
int learner_n_done(const struct learner *l, const struct lesson *lesson); /* NULL: of the course */

/* The first exercise behind `e` that is not done, then from the beginning on; NULL: all are done.
 */
const struct exercise *learner_next(const struct learner *l, const struct exercise *e);

/* The exercises of the course in its order; NULL: there is none there. */
const struct exercise *course_exercise_at(const struct course *c, int i);
int course_index(const struct course *c, const struct exercise *e);

/* ---- files ---------------------------------------------------------------------------------- */

/* What was done to the files of a lesson: names below home, a line each, for people. */
struct folder_report {
	struct text cut;   /* that were not there before */
	struct text again; /* that a lesson which was begun before had lost */
};

/*
 * Make what is missing of a lesson's files: starters, and recordings that are given; what is there
 * stays as it is.  `again`: it was begun before, so that what is missing was lost.  ERR_IO.
 */
int folder_make(const struct classroom *room, const struct lesson *l, bool again,
		struct folder_report *report, struct err *err);
void folder_report_release(struct folder_report *report);

/* The same without the recordings, which take a while. */
int folder_make_starters(const struct classroom *room, const struct lesson *l, bool again,
			 struct folder_report *report, struct err *err);

/* Append the names of the recordings that are given and not there, a line each. */
void folder_add_missing(const struct classroom *room, const struct lesson *l, struct text *names);

/* Remove what a command that was killed has left of a file that it was making. */
void folder_sweep(const struct classroom *room);

/* Put the file of an exercise aside as NAME.~N~, whose name is appended, and cut it again. */
int folder_reset(const struct classroom *room, const struct exercise *e, struct text *kept,
		 struct err *err);

/* Whether the text of an exercise's file is as it was given out.  ERR_FORMAT: as of a starter. */
int folder_is_untouched(const struct classroom *room, const struct exercise *e, const char *text,
			size_t len, bool *is_untouched, struct err *err);

/* Append "05-rope/rope.c" below home, or a file of the lesson's folder. */
void folder_path(const struct classroom *room, const struct lesson *l, const char *name,
		 struct text *out);

#endif
