/*
 * decode_blocks.c -- decode_blocks TIER TYPE < blocks > f32: what a tier's convert() makes of them.
 *
 * A program, so that tests/py/test_blocks.py can hold it against the Python package `gguf`.
 */
#include "torchless/kernels.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static enum dtype type_of(const char *name)
{
	int d = 0;

	while (d < DTYPE_COUNT && strcmp(dtype_table[d].name, name) != 0)
		d++;
	return (enum dtype)d;
}

int main(int argc, char **argv)
{
	const struct kernels *k = argc == 3 ? kernels_select(argv[1]) : NULL;
	enum dtype dtype = argc == 3 ? type_of(argv[2]) : DTYPE_COUNT;
	unsigned char block[256];
	float x[256];
	size_t bytes;

	if (argc == 2 && !strcmp(argv[1], "tiers")) {
		for (int i = 0; kernels_all[i]; i++)
			if (kernels_all[i]->supported())
				puts(kernels_all[i]->isa);
		return 0;
	}
	if (!k || dtype == DTYPE_COUNT || !dtype_is_block(dtype)) {
		fputs("usage: decode_blocks tiers | TIER TYPE < blocks > f32\n", stderr);
		return 2;
	}
	bytes = (size_t)dtype_table[dtype].block_bytes;
	while (fread(block, 1, bytes, stdin) == bytes) {
		int n = dtype_table[dtype].block_elements;

		k->convert(x, block, dtype, n);
		if (fwrite(x, sizeof(*x), (size_t)n, stdout) != (size_t)n)
			return 1;
	}
	return 0;
}
