/*
 * scope.h -- what a name means where one stands in a program.
 *
 * Beside all the names of point.h there are those that are said inside of a module: "pattern",
 * "mlp.act_fn", ".z" (here), "..mlp" (a module around), "self_attn.out", "mlp.in", "layers.3". What
 * does not tell a single value is refused with those it could be.
 */
#ifndef TORCHLESS_SCOPE_H
#define TORCHLESS_SCOPE_H

#include "torchless/program.h"

#define SCOPE_NAME_SIZE 256

/* What goes into a module from outside: how many, at most n of them in out[]; and what it makes. */
int module_inputs(const struct program *p, int module, value_id *out, int n);
value_id module_output(const struct program *p, int module);

/* "layers[3].mlp" as "layers.3.mlp"; false when it is longer than any name. */
bool scope_spell(const char *path, char *out, size_t size);

/*
 * The value that a name, spelled as above, means in a module (0: the root): -1 when nothing is
 * called so, ERR_USAGE, which is less, when several are.
 */
int scope_find(const struct program *p, int module, const char *path, struct err *err);

/* ERR_USAGE: nothing is called so, with the nearest name, or how many layers there are. */
int scope_unknown(const struct program *p, const char *path, struct err *err);

/* "in", "in.2": the number in *k, -1 where there is none; false when it is something else. */
bool scope_is_input(const char *word, int *k);

/* Number k of n inputs, the only one where k is -1; ERR_USAGE with those that there are. */
int scope_input(const struct program *p, const value_id *in, int n, int k, struct err *err);

#endif
