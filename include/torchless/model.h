/*
 * model.h -- a checkpoint with its tokenizer and its program: what every command opens.
 */
#ifndef TORCHLESS_MODEL_H
#define TORCHLESS_MODEL_H

#include "torchless/checkpoint.h"
#include "torchless/program.h"
#include "torchless/tokenizer.h"

struct model {
	struct checkpoint checkpoint;
	const struct config *config; /* of the checkpoint */
	struct tokenizer *tokenizer; /* NULL when not asked for */
	struct program program;      /* empty without weights */
	float *inv_freq;             /* the program's one computed input */
};

/* Open the parts (enum checkpoint_parts) of the model at `path` and build the program. */
int model_open(struct model *m, const char *path, unsigned parts, struct err *err);
void model_close(struct model *m);

/*
 * Append the forward pass of Mistral (or Llama) to the empty program `p`: transformers'
 * modeling_mistral.py.  inv_freq is f32[head_dim/2], kept by the caller.  ERR_FORMAT for an absent
 * tensor, ERR_SHAPE for one that does not fit, naming file, tensor, found and expected.
 */
int mistral_build(struct program *p, const struct checkpoint *ck, const float *inv_freq,
		  struct err *err);

#endif
