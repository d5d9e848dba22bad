/*
 * safetensors.h -- one .safetensors file, mapped and checked.
 *
 *	[u64 n, little-endian][n bytes of JSON][data ...]
 *
 * Held to what the `safetensors` library accepts: header at most 100 MB, every offset inside the
 * data, tensors without gaps or overlaps, sizes that follow from dtype and shape, of a name that
 * stands twice the last.
 */
#ifndef TORCHLESS_SAFETENSORS_H
#define TORCHLESS_SAFETENSORS_H

#include "torchless/tensor_file.h"

/*
 * Map and check the file.  ERR_IO when it cannot be read, ERR_USAGE when it is none, ERR_FORMAT
 * with path, tensor, found and expected.  On failure nothing is left to close.
 */
int safetensors_open(struct tensor_file *st, const char *path, struct err *err);

#endif
