/*
 * mapping.h -- a whole file mapped read-only.
 */
#ifndef MODEL_MAPPING_H
#define MODEL_MAPPING_H

#include "torchless/safetensors.h"

/* Map the regular file at `path`: st->path, id, map and map_bytes.  See safetensors_open(). */
int mapping_open(struct safetensors *st, const char *path, struct err *err);
void mapping_close(struct safetensors *st);

#endif
