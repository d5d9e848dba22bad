/*
 * log.h -- the log of what a learner has done, as a file: see log.c.  Private to the room.
 */
#ifndef LESSON_LOG_H
#define LESSON_LOG_H

#include "torchless/learner.h"

/* A line of it; strings are "-" for nothing, but `text`, which is NULL. */
struct log_event {
	enum learner_event event;
	char *lesson, *exercise, *hash; /* that the exercise had, as 16 digits */
	bool passed;                    /* of EVENT_CHECK */
	int attempts, hints;
	char *text;
};

/* Append the event of now as a line. */
void log_add(struct text *out, const struct log_event *e);

/* Read a line into what log_event_release() frees; false: it means nothing here. */
bool log_read(struct bytes line, struct log_event *e);
void log_event_release(struct log_event *e);

/*
 * The lines of `data` that are events, in the order of time, each once, and how many there are;
 * *n_ignored counts the others.  free(*lines), which point into data.
 */
size_t log_sort(const char *data, size_t len, struct bytes **lines, int *n_ignored);

/* For qsort() and bsearch() over lines. */
int log_by_time(const void *a, const void *b);

/* Put lines behind whatever others have written, by one write, on the disk when this returns:
 * ERR_IO, and nothing of them counts. */
int log_append(const char *path, const struct text *lines, struct err *err);

#endif
