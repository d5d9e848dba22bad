/*
 * kernels.c -- the sets of kernels in this binary, and the choice among them.
 */
#include "torchless/kernels.h"
#include "torchless/text.h"

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

void kernels_add_names(struct text *t, const char *between)
{
	size_t before = t->len;

	for (int i = 0; kernels_all[i]; i++)
		if (kernels_all[i]->supported())
			text_addf(t, "%s%s", t->len > before ? between : "", kernels_all[i]->isa);
}
