/*
 * checkpoint_gguf.h -- the parts of a model that is GGUF.
 */
#ifndef TORCHLESS_CHECKPOINT_GGUF_H
#define TORCHLESS_CHECKPOINT_GGUF_H

#include "torchless/checkpoint.h"
#include "torchless/text.h"

/*
 * Open the file ck->path, or, where it is a part of a model (NAME-00002-of-00003.gguf), all of
 * them, into ck->files in their order.  ERR_FORMAT naming what is missing or does not fit; what was
 * opened is left to checkpoint_close().
 */
int checkpoint_gguf_open(struct checkpoint *ck, struct err *err);

/*
 * The one GGUF model in the directory `dir`, its first part where it has several: 1, and its path
 * appended to *path; 0 where there is none, or weights as safetensors, which go before; ERR_USAGE
 * with the choices.
 */
int checkpoint_gguf_in(const char *dir, struct text *path, struct err *err);

#endif
