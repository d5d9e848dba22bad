/*
 * generate.h -- what `run` and `trace` share: a session opened from the options, and its text.
 */
#ifndef GENERATE_H
#define GENERATE_H

#include "torchless/record_runs.h"

/*
 * Text as it grows, ended before the first stop string.  A stop string may lie across tokens, so
 * what may turn out to be the beginning of one is held back.
 */
struct stop_filter {
	const char **strings;
	int n;
	struct text held;
	bool met;
};
void stop_filter_push(struct stop_filter *f, const char *data, size_t len, struct text *out);
void stop_filter_finish(struct stop_filter *f, struct text *out);

struct generation {
	struct invocation *in;
	struct session session;
	int64_t n;             /* tokens to generate when the prompt does not say */
	struct hook interrupt; /* ends the run when Ctrl-C was pressed */
	struct bytes prompt;   /* as given; data is NULL when it was ids */
	struct decode_stream decode;
	struct stop_filter stop;
	struct text text;  /* the completion so far */
	bool no_logits;    /* the text ended because no token could be picked */
	bool warned;       /* that it did */
	const char *where; /* what warnings of the prompt begin with: "" or "prompts.jsonl:3: " */
};

struct generation_options {
	int64_t n;       /* tokens to generate without -n */
	bool ring;       /* the KV cache may drop what no query will see */
	bool all_logits; /* logits at every position of the prompt */
	bool needs_tokenizer;
};

/* Open kernels and model and start a session; nothing is computed.  Release it whatever happens. */
int generation_open(struct generation *g, struct invocation *in, const struct generation_options *o,
		    struct err *err);
void generation_release(struct generation *g);

/*
 * Read the command's argument: text, or ids with --prompt-ids.  p->ids belong to the caller, the
 * text to the invocation.
 */
int generation_argument(struct invocation *in, struct prompt *p, struct err *err);

/*
 * Begin with a prompt, whatever went before; what it generates otherwise is p->n or opt.n tokens.
 * Hooks of the tokenizer must be there already.  The prompt must outlive the generation.
 */
int generation_set_prompt(struct generation *g, const struct prompt *p, struct err *err);

/* Whether the prompt drops bytes, exceeds the context or the memory; and say so. */
bool generation_is_doubtful(const struct generation *g);
void generation_warn(const struct generation *g);

/*
 * session_advance(); a token that was picked appends to g->text the bytes by which the decoded
 * text grew, up to a stop string.  SESSION_DONE at a stop string too.
 */
int generation_advance(struct generation *g, struct err *err);

/* What is still held back, once generation_advance() has returned SESSION_DONE. */
void generation_finish(struct generation *g);

/* After the text: warn when it began within the model's context and went beyond. */
void generation_warn_of_growth(const struct generation *g);

/* "eos", "stop", "length" or "nan". */
const char *generation_stop_reason(const struct generation *g);

#endif
