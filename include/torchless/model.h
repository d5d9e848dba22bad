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
 * How many tensors of the checkpoint the program does not read, and the first in name order; 0 of a
 * model without weights.  Those that no model of this kind reads (checkpoint_is_weight) are not
 * counted: transformers is silent about them too.
 */
int64_t model_unused_tensors(const struct model *m, const char **first);

/* Append that as a sentence; nothing when all are read. */
void model_add_unused(const struct model *m, struct text *sentence);

/*
 * The program of a model that is not there, from its config.json alone: weights without data, no
 * tokenizer.  It cannot run; who reads a recording gets the names, shapes and source lines that the
 * model had.  `what` names the text in errors.  ERR_FORMAT as config_parse(), and for more layers
 * than MODEL_OUTLINE_LAYERS.
 */
#define MODEL_OUTLINE_LAYERS 1024
int model_outline(struct model *m, const char *config_json, const char *what, struct err *err);

/* The same with weights of this type: those of model_outline() are bf16. */
int model_outline_as(struct model *m, const char *config_json, enum dtype weights, const char *what,
		     struct err *err);

/*
 * The logit lens: logits f32[n, n_vocab] of residual streams x f32[n, d_model], of any layer, by
 * the model's final norm and LM head.  Kernels add in another order for few rows than for many.
 * ERR_FORMAT when the program ends in something else; ERR_MEMORY.
 */
struct kernels;
struct threads;
int model_lens(const struct model *m, const struct kernels *k, struct threads *pool, const float *x,
	       int64_t n, float *logits, struct err *err);

/*
 * Append the forward pass of Mistral (or Llama) to the empty program `p`: transformers'
 * modeling_mistral.py.  inv_freq is f32[head_dim/2], kept by the caller.  ERR_FORMAT for an absent
 * tensor, ERR_SHAPE for one that does not fit, naming file, tensor, found and expected.
 */
int mistral_build(struct program *p, const struct checkpoint *ck, const float *inv_freq,
		  struct err *err);

#endif
