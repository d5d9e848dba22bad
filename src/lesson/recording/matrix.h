/*
 * matrix.h -- every planted bug on every kind of prompt: which are caught, and where.
 */
#ifndef LESSON_MATRIX_H
#define LESSON_MATRIX_H

#include "torchless/lesson.h"

/*
 * Plant each bug of bugs.def in the course's model and hold its recordings against healthy ones: a
 * line a bug in *report.  ERR_NO with what is wrong: a bug that is not caught and is not known to
 * be harmless, one that is caught in another place than bugs.def says, a harmless one that is
 * caught.  Else the environment.
 */
int dev_check_bugs(const struct classroom *room, struct text *report, struct err *err);

#endif
