/*
 * kinds.c -- how each kind of node looks, and of which kind an op is.
 *
 * Colours can be told apart by those who see fewer; what they say is said by shape, dash or words
 * too, for who prints in grey.
 */
#include "graph_impl.h"

const struct kind_look kind_looks[GRAPH_KINDS] = {
	[GRAPH_INPUT] = { "input", "input", "#e8eef7", "#4a6fa5", "box", "rounded,filled" },
	[GRAPH_EMBEDDING] = { "embedding", "embedding", "#dbe9f6", "#2f6db3", "box", "filled" },
	[GRAPH_NORM] = { "norm", "norm", "#f3efd9", "#9a8732", "box", "filled" },
	[GRAPH_LINEAR] = { "linear", "linear", "#e3e8ee", "#5b6b7d", "box", "filled" },
	[GRAPH_ROTARY] = { "rotary", "rotary", "#ece4f5", "#7a55a8", "box", "rounded,filled" },
	[GRAPH_ATTENTION] = { "attention", "attention", "#fbe3d2", "#c2652a", "box",
			      "rounded,filled" },
	[GRAPH_CACHE] = { "cache", "KV cache", "#d9efe9", "#2b8a74", "cylinder", "filled" },
	[GRAPH_ACTIVATION] = { "activation", "activation", "#fbe9ee", "#b8476f", "box",
			       "rounded,filled" },
	[GRAPH_RESIDUAL] = { "residual", "residual stream", "#ffffff", "#222222", "circle",
			     "filled" },
	[GRAPH_OUTPUT] = { "output", "output", "#e8eef7", "#4a6fa5", "box", "rounded,filled" },
	[GRAPH_WEIGHT] = { "weight", "weight", "#f7f7f7", "#888888", "folder", "filled" },
	[GRAPH_LAYERS] = { "layers", "as one box", "#eef1f5", "#44546a", "box3d", "filled" },
	[GRAPH_HUB] = { "hub", "shared by layers", "#ffffff", "#7a55a8", "box", "rounded,dashed" },
	[GRAPH_STUB] = { "stub", "outside", "#ffffff", "#888888", "box", "rounded,dashed" },
};

const struct op_look op_looks[OP_COUNT] = {
	[OP_EMBEDDING] = { GRAPH_EMBEDDING, NULL },
	[OP_ROTARY] = { GRAPH_ROTARY, NULL },
	[OP_RMSNORM] = { GRAPH_NORM, NULL },
	[OP_LINEAR] = { GRAPH_LINEAR, NULL },
	[OP_ROPE] = { GRAPH_ROTARY, "rotary" },
	[OP_APPEND] = { GRAPH_CACHE, NULL },
	[OP_SCORES] = { GRAPH_ATTENTION, "attention" },
	[OP_MASK] = { GRAPH_ATTENTION, "attention" },
	[OP_SOFTMAX] = { GRAPH_ATTENTION, "attention" },
	[OP_MIX] = { GRAPH_ATTENTION, "attention" },
	[OP_SILU] = { GRAPH_ACTIVATION, NULL },
	[OP_MUL] = { GRAPH_ACTIVATION, NULL },
	[OP_ADD] = { GRAPH_RESIDUAL, NULL },
	[OP_TAIL] = { GRAPH_OUTPUT, NULL },
};

const char *const level_names[] = { "model", "module", "op" };

const char *verdict_word(const struct graph *g, enum graph_verdict v)
{
	static const char *const words[] = { NULL, "equal", "close", "differs", "only here" };

	return g->is_pair && v == GRAPH_CLOSE ? "other shapes" : words[v];
}
