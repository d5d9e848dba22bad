/*
 * functions.h -- what the functions of array_functions.def share.  Private to src/array.
 */
#ifndef ARRAY_FUNCTIONS_H
#define ARRAY_FUNCTIONS_H

#include "torchless/array.h"

#define ARRAY(name, args, min, params, doc, example) array_fn array_fn_##name;
#include "torchless/array_functions.def"
#undef ARRAY

/* An axis as an argument: its number, negative from the last, or its name ("head"). */
int array_axis(const struct array *a, const struct array_value *arg, int *axis, struct err *err);

/* Make the result an array, which it takes over, or a number. */
int result_array(struct array_value *result, struct array *a);
int result_real(struct array_value *result, double x);

#define LOOK_EVERY 1024 /* elements between two calls of array_go_on() */

/*
 * For what makes a long text, now and then: ERR_INTERRUPTED when nobody waits, ERR_USAGE when it
 * has more bytes than SQL or a person takes.
 */
int array_go_on(const struct array_value *result, const struct text *out, struct err *err);

/* Hand over a text, which is then empty. */
int result_text(struct array_value *result, struct text *t);

/* JSON has no NaN and no infinity: null, and numbers that every reader takes for infinite. */
void json_number(struct text *t, double x);

#endif
