/*
 * table.c -- the kernels, from kernels.def.
 */
#include "kernel.h"
#include "reference.h"

#include <string.h>

const struct kernel kernel_table[KERNEL_COUNT] = {
#define KERNEL(name_, tolerance_, floor_, swap_, long_, declaration_)                              \
	[KERNEL_##name_] = { .id = KERNEL_##name_,                                                 \
			     .name = #name_,                                                       \
			     .symbol = "tl_" #name_,                                               \
			     .declaration = (declaration_),                                        \
			     .tolerance = (tolerance_),                                            \
			     .floor = (floor_),                                                    \
			     .swap = (swap_),                                                      \
			     .long_prompt = (long_),                                               \
			     .call = call_##name_,                                                 \
			     .reference = (sandbox_fn *)reference_##name_,                         \
			     .fill = fill_##name_ },
#include "kernels.def"
#undef KERNEL
};

const struct kernel *kernel_find(const char *symbol)
{
	for (int i = 0; i < KERNEL_COUNT; i++)
		if (strcmp(kernel_table[i].symbol, symbol) == 0)
			return &kernel_table[i];
	return NULL;
}
