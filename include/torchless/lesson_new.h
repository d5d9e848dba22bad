/*
 * lesson_new.h -- the files that a new lesson begins with: for who writes lessons.
 */
#ifndef TORCHLESS_LESSON_NEW_H
#define TORCHLESS_LESSON_NEW_H

#include "torchless/course.h"

/*
 * Make the folder `name`, "17-cache", in `dir`, the folder of the course: all its files, and with
 * `kernel` ("tl_softmax"; NULL: none) those of a function in C; and put it into the order of
 * course.conf.  The course opens with it, and `lesson dev check` names what is left to write.
 * ERR_USAGE: another name, a number or a kernel that there is not, a folder that is there already;
 * ERR_IO.
 */
int lesson_new(const struct course *c, const char *dir, const char *name, const char *kernel,
	       struct err *err);

#endif
