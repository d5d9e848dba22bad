/* types.c -- which types of weights kernels read. */
#include "torchless/kernels.h"

#include <assert.h>
#include <stdlib.h>

bool kernels_read(enum dtype dtype)
{
	switch (dtype) {
	case DTYPE_F32:
	case DTYPE_F16:
	case DTYPE_BF16:
	DTYPE_BLOCK_CASES:
		return true;
	case DTYPE_F64:
	case DTYPE_I32:
	case DTYPE_U8:
	case DTYPE_I64:
	case DTYPE_COUNT:
		return false;
	}
	return false;
}

/* Not only an assert: whatever else came out would look like numbers. */
void kernels_refuse(void)
{
	assert(!"no kernel reads weights of this type");
	abort();
}
