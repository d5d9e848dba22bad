/*
 * dev_proofs.h -- part of `torchless lesson dev check`: see dev_proofs.c.
 */
#ifndef CLI_DEV_PROOFS_H
#define CLI_DEV_PROOFS_H

#include "torchless/lesson.h"

/*
 * Hold every exercise of a lesson (NULL: of all) against its solution, its starter, wrong and
 * equivalent answers and answers that do nothing; a line each on stdout.  *n_found grows by what is
 * not as it has to be.  ERR_*: the environment.
 */
int dev_check_proofs(const struct classroom *room, const struct lesson *only, int *n_found,
		     struct err *err);

#endif
