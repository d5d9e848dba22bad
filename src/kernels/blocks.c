/* blocks.c -- the packed types decoded by portable code, for ref.c and for whoever has no better.
 */
#include "blocks.h"

void blocks_decode(float *dst, const void *row, enum dtype dtype, int64_t from, int64_t n)
{
	decode_range(dst, row, dtype, from, n);
}
