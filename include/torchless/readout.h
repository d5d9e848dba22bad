/*
 * readout.h -- what the end of a model makes of a residual stream, and what a logit is made of.
 *
 * Both read weights and values by name from a source of tensors, so that they see what is there:
 * the pass an executor is in with its edited weights, or a recording.  The program says how the
 * model ends and what is added to its stream; nothing here knows a layer by its name.
 *
 * The lens puts any residual stream through the final norm and the LM head.  Source:
 * nostalgebraist, "interpreting GPT: the logit lens" (2020).  A fitted lens puts it through a
 * matrix of its layer first.  Source: Belrose et al., "Eliciting Latent Predictions from
 * Transformers with the Tuned Lens" (2023).
 *
 * Attribution splits a logit over what was added to the stream: the end of the model is linear but
 * for the division by the rms, which is taken as it was.  Source: Elhage et al., "A Mathematical
 * Framework for Transformer Circuits" (2021); Wang et al., "Interpretability in the Wild" (2022).
 */
#ifndef TORCHLESS_READOUT_H
#define TORCHLESS_READOUT_H

#include "torchless/array.h"
#include "torchless/kernels.h"
#include "torchless/program.h"
#include "torchless/safetensors.h"

/* Where to read, and what to compute with. */
struct readout {
	const struct program *program;
	struct array_source source; /* of values by canonical name, and of weights */
	const struct kernels *kernels;
	struct threads *pool;            /* NULL: one thread */
	const struct array_watch *watch; /* NULL: nobody ends it */
};

/* ---- the lens ------------------------------------------------------------------------------ */

/*
 * The states of the residual stream, the embedding first and what the final norm reads last: their
 * number, at most n of them in out[].  ERR_FORMAT when the program does not end in a norm and a
 * linear layer.
 */
int readout_streams(const struct program *p, value_id *out, int n, struct err *err);

/*
 * Logits [n, V] of residual streams x [n, D], of any layer.  Kernels add in another order for few
 * rows than for many, so the last bits depend on n.  The weights are read a few MB at a time.
 * ERR_FORMAT, ERR_SHAPE, ERR_MEMORY, ERR_INTERRUPTED, or what the source says.
 */
struct array *readout_logits(const struct readout *r, const struct array *x, struct err *err);

/* Fitted matrices, an affine map of a stream each, borrowed from a file. */
struct readout_lens;

/*
 * The matrices [D, D] and biases [D] in a safetensors file.  Named after a point with `.weight` and
 * `.bias` behind it ("L3.resid_post.weight") they make M x + b of it; named after a number
 * ("3.weight"), as the tuned lens's library writes them, x + M x + b of what layer 3 reads.  NULL
 * on failure: ERR_USAGE where a name is no stream of this program, ERR_SHAPE, or as
 * safetensors_open().
 */
struct readout_lens *readout_lens_open(const struct program *p, const char *path, struct err *err);
void readout_lens_close(struct readout_lens *l); /* NULL is fine */

/* Whether there is a matrix for the stream. */
bool readout_lens_has(const struct readout_lens *l, value_id stream);

/* Make of x[D], in that state of the stream, what its matrix makes; without one it stays. */
void readout_lens_apply(const struct readout_lens *l, value_id stream, float *x);

/* ---- attribution --------------------------------------------------------------------------- */

enum attribution_kind {
	ATTRIBUTION_EMBEDDING,
	ATTRIBUTION_HEAD,
	ATTRIBUTION_MODULE, /* what else adds to the stream: an MLP */
	ATTRIBUTION_EDIT    /* what the value is beside what it was made of: somebody changed it */
};

struct attribution_part {
	enum attribution_kind kind;
	int layer;      /* -1: the embedding */
	int head;       /* of a head, else -1 */
	value_id value; /* what was added; of a head the output of its attention */
	double logit;   /* its share */
};

/* The parts and the rest add up to the logit. */
struct attribution {
	double logit; /* as the pass computed it; the sum where its logits are not there */
	bool has_logit;
	double rms;  /* what the final norm divided by */
	double rest; /* rounding; an edit of the final norm or of the logits */
	struct attribution_part *parts;
	int n_parts;
};

/*
 * Split the logit of token a at position pos, or what it is above that of token b (-1: none).
 * release() what it gave.  ERR_USAGE for a token outside the vocabulary; ERR_FORMAT, ERR_SHAPE,
 * ERR_INTERRUPTED, or what the source says of what is not there.
 */
int readout_attribute(const struct readout *r, int32_t a, int32_t b, int64_t pos,
		      struct attribution *out, struct err *err);
void attribution_release(struct attribution *a);

#endif
