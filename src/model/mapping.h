/*
 * mapping.h -- a whole file mapped read-only.
 */
#ifndef MODEL_MAPPING_H
#define MODEL_MAPPING_H

#include "torchless/tensor_file.h"

/*
 * Map the regular file at `path`, which is to be a `what` ("safetensors file"): st->path, id, map
 * and map_bytes, of at least 8 bytes.  See safetensors_open().
 */
int mapping_open(struct tensor_file *st, const char *path, const char *what, struct err *err);
void mapping_close(struct tensor_file *st);

#endif
