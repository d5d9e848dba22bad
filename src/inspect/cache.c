/*
 * cache.c -- the few arrays that are kept for the next call.
 *
 * A query calls t_at('L3.attn.pattern', ...) once a row: what was read is kept while its bytes fit
 * the budget, newest first.
 */
#include "inspect_impl.h"

#include "torchless/mem.h"

#include <stdlib.h>
#include <string.h>

#define CACHE_BYTES  ((int64_t)512 << 20)
#define CACHE_ARRAYS 256 /* looked through one by one */

static int64_t bytes_of(const struct kept_array *k)
{
	return k->array->numel * (int64_t)sizeof(float);
}

/* Forget the oldest until the rest fits. */
static void trim(struct inspect *in, int64_t budget)
{
	struct kept_array **at = &in->kept;
	int64_t bytes = 0;
	int n = 0;

	while (*at) {
		struct kept_array *k = *at;

		if (bytes + bytes_of(k) <= budget && n++ < CACHE_ARRAYS) {
			bytes += bytes_of(k);
			at = &k->next;
			continue;
		}
		*at = k->next;
		array_release(k->array);
		free(k->key);
		free(k);
	}
}

void cache_forget(struct inspect *in)
{
	trim(in, -1);
}

struct array *cache_find(struct inspect *in, const char *key)
{
	for (struct kept_array **at = &in->kept; *at; at = &(*at)->next) {
		struct kept_array *k = *at;

		if (strcmp(k->key, key) != 0)
			continue;
		*at = k->next;
		k->next = in->kept;
		in->kept = k;
		return array_ref(k->array);
	}
	return NULL;
}

struct array *cache_add(struct inspect *in, struct array *a, const char *key)
{
	struct kept_array *k;

	if (a->numel * (int64_t)sizeof(float) > CACHE_BYTES)
		return a;
	k = mem_calloc(1, sizeof(*k));
	*k = (struct kept_array){ mem_strdup(key), array_ref(a), in->kept };
	in->kept = k;
	trim(in, CACHE_BYTES);
	return a;
}
