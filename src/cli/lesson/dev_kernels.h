/*
 * dev_kernels.h -- part of `torchless lesson dev check`: see dev_kernels.c.
 */
#ifndef CLI_DEV_KERNELS_H
#define CLI_DEV_KERNELS_H

#include "torchless/lesson.h"

/*
 * Hold every kernel exercise of the course against its starter, solution, wrong and equivalent
 * answers and against answers that do nothing; a line each on stdout.  `only` is the id of one
 * exercise, NULL: all.  0, ERR_NO when something is not as it has to be, or the environment.
 */
int dev_check_kernels(const struct classroom *room, const char *only, struct err *err);

#endif
