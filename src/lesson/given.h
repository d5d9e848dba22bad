/*
 * given.h -- the header that kernels include, for whoever compiles one.
 */
#ifndef LESSON_GIVEN_H
#define LESSON_GIVEN_H

#include "torchless/err.h"

/* include/torchless/lesson_kernels.h as the program carries it. */
extern const char lesson_kernels_header[];

/* Make it FOLDER/torchless/lesson_kernels.h, unless that is what lies there: ERR_IO. */
int given_header(const char *folder, struct err *err);

#endif
