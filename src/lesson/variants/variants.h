/*
 * variants.h -- copies of the teaching model, changed by a rule, in the cache.
 *
 * variants.def has the rules.  A copy is a Hugging Face directory as any other: what one sees in it
 * one would see in a checkpoint that somebody had converted so.
 *
 * From the ground up: write.c writes a checkpoint; changes.c has the rules, weights.c applies them;
 * variants.c has the table and makes a copy; step.c knows which a step names.
 */
#ifndef LESSON_VARIANTS_H
#define LESSON_VARIANTS_H

#include "torchless/config.h"
#include "torchless/lesson.h"

enum variant_type { VARIANT_KEEP, VARIANT_F32, VARIANT_F16, VARIANT_BF16 };

/* A change of a weight x[rows, cols]; rows is 1 for a vector. */
typedef void variant_change(const struct config *c, const char *name, float *x, int64_t rows,
			    int64_t cols);

struct variant {
	const char *name;
	variant_change *first, *then;
	const char *says;
	enum variant_type type; /* of the weights in the file */
	bool is_large;          /* random weights, more than a cache of the processor holds */
};

extern const struct variant variant_table[];
extern const int variant_table_len;

/* NULL: there is none of that name. */
const struct variant *variant_find(const char *name);

/*
 * Set *path to the model of that name, made in the cache when it is not there or damaged. ERR_USAGE
 * when there is no such variant, else as model_open(); ERR_IO without space.
 */
int lesson_variant(const struct classroom *room, const char *name, struct text *path,
		   struct err *err);

/* Whether it is there already, and then its path; a large one is made by a step only. */
bool lesson_variant_is_there(const struct classroom *room, const char *name, struct text *path);

/* About how many bytes it takes. */
int64_t variant_bytes(const struct variant *v);

/*
 * The model of a recording: `variant`, `window` and `config.KEY` of its section.  Sets *path to the
 * teaching model where there are none of them.
 */
int variant_of_section(const struct classroom *room, const struct course_section *s,
		       struct text *path, struct err *err);

#endif
