/*
 * generation.h -- a session and the text that grows from it: prompts, chat, stop strings.
 *
 * Everything comes by plain options, so that a command line, a debugger, a lesson or an editor's
 * JSON can open the same thing.  What must be said before memory is used or time is spent is said
 * to the caller: too little memory, NaN in the weights, a prompt longer than the model's context.
 */
#ifndef TORCHLESS_GENERATION_H
#define TORCHLESS_GENERATION_H

#include "torchless/session.h"

#include <signal.h>

/* ---- who asked for it --------------------------------------------------------------------- */

enum warning {
	WARNING_DOUBT,    /* the answer, or the time it takes, may not be what one expects */
	WARNING_LEFT_OUT, /* a part of what was given or asked for is not there */
	WARNING_TIME,     /* how long it will take */
	WARNING_ODD,      /* what was given is done, but hardly meant */
};

/* How work that takes long speaks with who asked for it; any member may be NULL. */
struct caller {
	/* A sentence without a final full stop, valid during the call. */
	void (*warn)(void *ctx, enum warning kind, const char *sentence);
	void *ctx;
	const volatile sig_atomic_t *interrupted; /* not 0: end with ERR_INTERRUPTED */
};
void caller_warn(const struct caller *c, enum warning kind, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
bool caller_interrupted(const struct caller *c);

/* ---- stop strings ------------------------------------------------------------------------- */

/*
 * Text as it grows, ended before the first stop string.  A stop string may lie across tokens, so
 * what may turn out to be the beginning of one is held back.  It may hold special tokens, which
 * the text does not show: they are pushed as hidden.
 */
struct stop_filter {
	const char *const *strings;
	int n;
	struct text held, hidden; /* a byte of `hidden` is 1 where one of `held` is not shown */
	bool met;
};
void stop_filter_push(struct stop_filter *f, const char *data, size_t len, struct text *out);
/* The text of a special token; nothing happens unless a stop string has it in it. */
void stop_filter_push_hidden(struct stop_filter *f, const char *data, size_t len, struct text *out);
void stop_filter_release(struct stop_filter *f);
void stop_filter_finish(struct stop_filter *f, struct text *out);

/* ---- a generation ------------------------------------------------------------------------- */

struct generation_options {
	/* executor.chunk 0: 512; n: the tokens to generate when a prompt does not say. */
	struct session_options session;
	int64_t memory_limit; /* bytes of activations and KV cache: the chunk is halved until they
				 fit, and a prompt that cannot is refused; 0: none */
	const char *const *stop; /* the text ends before the first of them; borrowed */
	int n_stop;
	bool chat; /* a prompt of text is a message, to be wrapped in the model's template */
	const char *system; /* with chat: the system message before it; NULL: none; borrowed */
	struct caller caller;
};

/* One of text and ids is there; both are borrowed. */
struct prompt {
	struct bytes text; /* data is NULL when the prompt is ids */
	const int32_t *ids;
	int64_t n_ids;
	int64_t n;           /* tokens to generate; -1: what the options say */
	struct bytes system; /* with chat: before `text`; data NULL: what the options say */
};

struct generation {
	struct generation_options opt;
	struct session session;
	struct hook hook; /* ends the run when it is interrupted, tells how long a prompt takes */
	struct bytes prompt; /* as given; data is NULL when it was ids */
	struct decode_stream decode;
	struct stop_filter stop;
	struct text text; /* the completion so far */
	int64_t n_read;   /* tokens it has read; and the session went back since */
	bool went_back;
	bool no_logits;    /* the text ended because no token could be picked */
	bool warned;       /* that it did */
	const char *where; /* what warnings of the prompt begin with: "" or "prompts.jsonl:3: " */
	int64_t began_ns;  /* the first pass of the prompt */
	int64_t chunk;     /* positions a pass, as asked for or as was last said */
};

/*
 * Start a session of a model with weights; nothing is computed.  The model, kernels, pool and
 * lists of the options must outlive the generation, which must not move.  Release it whatever
 * happens.
 */
int generation_init(struct generation *g, struct model *m, const struct generation_options *o,
		    struct err *err);
void generation_release(struct generation *g);

/*
 * Begin with a prompt, whatever went before; it generates p->n or opt.session.n tokens.  Hooks of
 * the tokenizer must be there already.  Errors are those of session_set_text() and chat_format().
 */
int generation_set_prompt(struct generation *g, const struct prompt *p, struct err *err);

/* Whether the prompt drops bytes, exceeds the context or the memory; and say so. */
bool generation_is_doubtful(const struct generation *g);
void generation_warn(const struct generation *g);

/*
 * session_advance(); a token that was picked appends to g->text the bytes by which the decoded
 * text grew, up to a stop string.  SESSION_DONE at a stop string too, and, with a warning, when
 * the logits are NaN.
 */
int generation_advance(struct generation *g, struct err *err);

/* What is still held back, once generation_advance() has returned SESSION_DONE. */
void generation_finish(struct generation *g);

/*
 * Make text, decoder and stop strings what they are when session.tokens[n_prompt..n_tokens) have
 * just been generated and nothing is finished.  generation_advance() does it when time went back,
 * or the session went on without it; call it to read g->text before.
 */
void generation_rebuild_text(struct generation *g);

/* After the text: warn when it began within the model's context and went beyond. */
void generation_warn_of_growth(const struct generation *g);

/* "eos", "stop", "length" or "nan". */
const char *generation_stop_reason(const struct generation *g);

/*
 * Append the sentence that bytes of `text` vanished, the vocabulary having no token for them, as
 * they do elsewhere; it names the first.  Nothing when none did.
 */
void encoding_add_dropped(struct text *t, const struct encoding *enc, struct bytes text);

#endif
