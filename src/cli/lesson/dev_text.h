/*
 * dev_text.h -- for who writes lessons: is what the text says true, and is all of it there.
 */
#ifndef CLI_LESSON_DEV_TEXT_H
#define CLI_LESSON_DEV_TEXT_H

#include "torchless/cli.h"
#include "torchless/lesson.h"

/*
 * Print what the rules find in the text and the files of a lesson (NULL: of all), and where marks,
 * transcripts, steps and pictures are not as they are computed now: a line each, on stdout.
 * Returns how many there are, or ERR_*; *n_left_out grows by what was not looked at because its
 * model is not here.  `dir` is the folder of the course; NULL: it is carried.
 */
int dev_check_text(const struct classroom *room, const char *dir, const struct lesson *only,
		   int *n_left_out, struct err *err);

/*
 * Compute a lesson (NULL: all) and print the differences; with `write` lesson.md and the pictures
 * beside it become as they have to be.  in->exit_status is 1 when something differs and was not
 * written.
 */
int dev_render(struct invocation *in, const struct classroom *room, const char *dir,
	       const struct lesson *only, bool write, struct err *err);

#endif
