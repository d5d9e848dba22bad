/*
 * checkpoint_names.h -- the names under which weights are known, whatever files call them.
 */
#ifndef TORCHLESS_CHECKPOINT_NAMES_H
#define TORCHLESS_CHECKPOINT_NAMES_H

#include "torchless/checkpoint.h"

/*
 * Give the tensors of all open files the names that ...ForCausalLM has for them
 * (weight_names.def), and make what one tensor stands for under another name too a tensor of its
 * own, with the same data: what a file's __metadata__ says, as safetensors.torch.save_model writes
 * it, and the head of a tied model that was saved instead of its embeddings.  Tensors that are no
 * part of the model keep their names.  ERR_FORMAT with the names of two tensors that are named in
 * different ways: which would count could only be guessed.
 */
int checkpoint_resolve_names(struct checkpoint *ck, struct err *err);

#endif
