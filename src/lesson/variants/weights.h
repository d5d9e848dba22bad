/*
 * weights.h -- the weights of a copy; private to this folder.
 */
#ifndef LESSON_WEIGHTS_H
#define LESSON_WEIGHTS_H

#include "variants.h"
#include "write.h"

#include "torchless/checkpoint.h"
#include "torchless/json.h"

/* A copy that is asked for. */
struct copy {
	const struct classroom *room;
	const struct variant *variant;
	struct checkpoint from;
	cJSON *config;
	struct text key;  /* what makes it, to be hashed */
	struct text name; /* of its folder */
};

/* Those of the model that it is made of, changed as its variant says; the copy has to outlive p. */
void weights_plan_copy(struct copy *c, struct weights_plan *p);

/* Random ones, for a large variant. */
void weights_plan_random(const struct variant *v, int64_t vocab, struct weights_plan *p);

#endif
