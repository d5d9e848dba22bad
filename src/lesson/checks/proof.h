/*
 * proof.h -- what the proofs of exercises share; private to the checks.
 */
#ifndef LESSON_CHECKS_PROOF_H
#define LESSON_CHECKS_PROOF_H

#include "torchless/lesson_proof.h"

/* Note that something is not as it has to be: `what` is the answer or the file it is about. */
void proof_flaw(struct proof *p, const char *what, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

#endif
