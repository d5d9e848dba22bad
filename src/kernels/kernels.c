/*
 * kernels.c -- the sets of kernels in this binary, and the choice among them.
 */
#include "torchless/kernels.h"

#include <string.h>

const struct kernels *const kernels_all[] = {
#ifdef __x86_64__
	&kernels_avx512,
	&kernels_avx2,
#endif
	&kernels_ref,
	NULL,
};

const struct kernels *kernels_select(const char *isa)
{
	for (int i = 0; kernels_all[i]; i++) {
		const struct kernels *k = kernels_all[i];

		if (k->supported() && (!isa || strcmp(isa, k->isa) == 0))
			return k;
	}
	return NULL;
}
