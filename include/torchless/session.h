/*
 * session.h -- one generation: tokenize, prefill, then pick and decode, resumable at every site.
 *
 * The session is a state machine around the executor.  session_advance() returns whenever a hook
 * pauses, a token was picked, or all is done; call it again to go on.  run, trace, debug and
 * lessons all drive this.
 */
#ifndef TORCHLESS_SESSION_H
#define TORCHLESS_SESSION_H

#include "torchless/executor.h"
#include "torchless/model.h"
#include "torchless/sampler.h"

enum session_status {
	SESSION_DONE,   /* n tokens, or an end-of-sequence token */
	SESSION_TOKEN,  /* tokens[n_tokens - 1] was just picked */
	SESSION_PAUSED, /* a hook stopped at a site */
};

struct session_options {
	struct executor_options executor;
	struct sampler_options sampler;
	int64_t n;       /* tokens to generate, >= 0 */
	bool all_logits; /* logits at every prompt position, not the last only */
	bool ignore_eos;
};

struct session {
	struct model *model;
	struct session_options opt;
	struct executor executor;
	struct sampler sampler;
	struct hook *hooks; /* shared with the executor; add with session_add_hook() */

	int32_t *tokens; /* prompt, then generated */
	int64_t n_tokens, n_prompt;
	size_t cap_tokens;
	struct encoding encoding; /* of the prompt, with steps when a hook wants them */

	enum session_phase {
		PHASE_TOKENIZE,
		PHASE_PREFILL,
		PHASE_SAMPLE,
		PHASE_DECODE,
		PHASE_END
	} phase;
	bool stopped_at_eos;
	int64_t n_generated;
	int64_t picked; /* index into sampler.candidates of the last pick */
	struct stage_run stage;
	bool in_pick; /* a token is picked, its steps are not all announced yet */
	struct stage_step sampler_steps[8];
	int64_t prefill_ns, decode_ns; /* time spent computing */
};

/* The model must outlive the session.  Nothing is computed yet. */
int session_init(struct session *s, struct model *m, const struct session_options *o,
		 struct err *err);
void session_release(struct session *s);
void session_add_hook(struct session *s, struct hook *hook);

/*
 * Begin another generation of n tokens: the prompt and its tokens are forgotten, the KV cache is
 * empty, the sampler begins at its seed.  Hooks, edits and memory stay, so the next prompt gives
 * the bits that it gives in a new session.
 */
void session_restart(struct session *s, int64_t n);

/*
 * Set the prompt: bytes to tokenize, or ids.  ERR_USAGE for an empty prompt without BOS, an id
 * outside the vocabulary; ERR_MEMORY when prompt + n positions will not fit, with the numbers.
 */
int session_set_text(struct session *s, const char *text, size_t len, bool special,
		     struct err *err);
int session_set_ids(struct session *s, const int32_t *ids, int64_t n, struct err *err);

/* Go on until something happens: enum session_status or a negative ERR_*. */
int session_advance(struct session *s, struct err *err);

/*
 * Wrap one user message in the model's chat template: ChatML, Mistral [INST] and Llama 3 are
 * recognised; ERR_USAGE names any other.  The result includes BOS text where the template does, so
 * encode it with *special as returned.
 */
int chat_format(const struct tokenizer *tok, const char *message, size_t len, struct text *out,
		bool *special, struct err *err);

#endif
