/*
 * capture_sets.c -- the words that stand for the patterns of --capture that belong together.
 *
 * `attention` is what attn() computes every pattern of a long prompt from.  A file of its own
 * because the extension for SQLite names them, too.
 */
#include "torchless/trace.h"

const struct capture_set capture_sets[] = {
	{ "residual",
	  { "model.embed_tokens:out", "*:resid_post" },
	  "the residual stream: the embedding and what each layer leaves" },
	{ "attention",
	  { "*:q_rot", "*:k_rot" },
	  "rotated queries and keys: every attention pattern can be computed from them" },
	{ "units", { "*.mlp:act_mul" }, "the activations of the MLPs' units" },
	{ "report",
	  { "model.embed_tokens:out", "*:resid_*", "*:q_rot", "*:k_rot", "*:z", "*.o_proj:out",
	    "*.mlp:out" },
	  "what a report shows: the lens at every position, attention, and what made the answer" },
	{ "logits", { "lm_head:out" }, "a score for each token of the vocabulary" },
};
const int capture_sets_len = (int)(sizeof(capture_sets) / sizeof(capture_sets[0]));
