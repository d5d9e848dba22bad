/*
 * hash.h -- XXH3 of what comes in pieces, with the widest instructions that the CPU has.
 *
 * libxxhash carries such functions besides those that it was compiled for; where a build of it
 * does not, the plain ones do the work.  The hash is the same.
 */
#ifndef TORCHLESS_HASH_H
#define TORCHLESS_HASH_H

#include <xxhash.h>

/*
 * A state that has hashed nothing; free it with XXH3_freeState().  Never NULL.  The first one of a
 * program is made while no other thread makes or updates one.
 */
__attribute__((returns_nonnull)) XXH3_state_t *hash_new(void);

/* XXH3_64bits_update(). */
void hash_update(XXH3_state_t *state, const void *data, size_t bytes);

#endif
