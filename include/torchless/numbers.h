/*
 * numbers.h -- the arithmetic of whole numbers that C has no name for.
 */
#ifndef TORCHLESS_NUMBERS_H
#define TORCHLESS_NUMBERS_H

#include <stdint.h>

static inline int64_t int64_min(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

static inline int64_t int64_max(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

#endif
