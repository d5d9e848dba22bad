/*
 * battery.c -- a list of calls of a kernel, and their arrays; fills.c says which.
 */
#include "kernel.h"

#include "torchless/mem.h"

#include <stdlib.h>

struct kernel_call *battery_add(struct battery *b, const char *group)
{
	b->calls = mem_grow(b->calls, (size_t)b->n, &b->cap, sizeof(*b->calls));
	b->calls[b->n] = (struct kernel_call){ .group = group, .position = -1, .loose = 1 };
	return &b->calls[b->n++];
}

void *call_array(struct kernel_call *c, const char *name, size_t size, enum sandbox_access access,
		 int n_dims, const int64_t *dims, const char *const *axes)
{
	struct kernel_array *a = &c->arrays[c->n_arrays++];

	*a = (struct kernel_array){
		.name = name, .size = size, .access = access, .n_dims = n_dims, .n = 1
	};
	for (int d = 0; d < n_dims; d++) {
		a->dims[d] = dims[d];
		a->axes[d] = axes[d];
		a->n *= dims[d];
	}
	a->data = mem_calloc((size_t)a->n, size);
	return a->data;
}

void battery_make(struct battery *b, const struct kernel *k, uint64_t seed)
{
	uint64_t random = seed * 1000003 + (uint64_t)k->id;

	*b = (struct battery){ .kernel = k };
	k->fill(b, &random);
}

void battery_release(struct battery *b)
{
	for (int i = 0; i < b->n; i++)
		for (int a = 0; a < b->calls[i].n_arrays; a++)
			free(b->calls[i].arrays[a].data);
	free(b->calls);
	*b = (struct battery){ 0 };
}
