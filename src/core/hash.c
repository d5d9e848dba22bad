/*
 * hash.c -- XXH3 with the widest instructions that the CPU has.
 */
#include "torchless/hash.h"

#include "torchless/mem.h"

/*
 * Of xxh_x86dispatch.h, which renames the plain functions and cannot be included beside them. Weak:
 * NULL where the library has none.
 */
__attribute__((weak)) XXH64_hash_t XXH3_64bits_dispatch(const void *data, size_t bytes);
__attribute__((weak)) XXH_errorcode XXH3_64bits_update_dispatch(XXH3_state_t *state,
								const void *data, size_t bytes);

XXH3_state_t *hash_new(void)
{
	XXH3_state_t *state = mem_or_die(XXH3_createState(), MEM_XXH_STATE);

	/* What is long is what it chooses its instructions for, once; not behind a lock. */
	if (XXH3_64bits_dispatch) {
		static const char nothing[512];

		XXH3_64bits_dispatch(nothing, sizeof(nothing));
	}
	XXH3_64bits_reset(state);
	return state;
}

void hash_update(XXH3_state_t *state, const void *data, size_t bytes)
{
	if (XXH3_64bits_update_dispatch)
		XXH3_64bits_update_dispatch(state, data, bytes);
	else
		XXH3_64bits_update(state, data, bytes);
}
