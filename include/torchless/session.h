/*
 * session.h -- one generation: tokenize, prefill, then pick and decode, resumable at every site.
 *
 * The session is a state machine around the executor.  session_advance() returns whenever a hook
 * pauses, a token was picked, or all is done; call it again to go on.  run, trace, debug and
 * lessons all drive this.
 *
 * A time is (pass, op): the stop before op `op` of pass `pass`; op n_ops is the end of the pass,
 * before anything is picked from its logits.  Time goes back without a limit: a small mark is kept
 * of the beginning of every pass, and a pass is run again as it ran, so with the same bits.  Edits
 * and forced tokens are facts about the generation, not moments of it: they stay when time goes
 * back, and adding or removing one takes back what had happened without it.
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
	const volatile sig_atomic_t *interrupted; /* ends tokenizing; NULL: nothing does */
};

struct session_time {
	int pass, op;
};

enum session_phase { PHASE_TOKENIZE, PHASE_PREFILL, PHASE_SAMPLE, PHASE_DECODE, PHASE_END };

/* Where a pass began: all that is needed to begin it again. */
struct session_mark {
	int64_t pos0, T; /* its tokens: tokens[pos0, pos0 + T) */
	int64_t n_tokens;
	enum session_phase phase;
	uint64_t rng[4]; /* of the sampler */
};

/* The token that follows position pos - 1, whatever the sampler picks. */
struct session_forced {
	int64_t pos;
	int32_t id;
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

	enum session_phase phase;
	bool stopped_at_eos;
	int64_t n_generated;
	int64_t picked; /* index into sampler.candidates of the token that follows, -1: it is none
			 */
	bool is_forced; /* the token picked last was forced */
	struct stage_run stage;
	bool in_pick; /* a token is picked, its steps are not all announced yet */
	struct stage_step sampler_steps[8];
	int64_t prefill_ns, decode_ns; /* time spent computing */

	/* So many positions were found to fit, when, and what they leave of the memory. */
	int64_t fitting, fitted_ns, spare_bytes;

	struct session_mark *marks; /* of pass 0, 1, … of this generation */
	int n_marks;
	size_t cap_marks;
	struct session_forced *forced;
	int n_forced;
	size_t cap_forced;
};

/*
 * The model must outlive the session.  Nothing is computed yet.  executor_step() and executor_run()
 * may be called on its executor; what moves time goes through the session.
 */
int session_init(struct session *s, struct model *m, const struct session_options *o,
		 struct err *err);
void session_release(struct session *s);
void session_add_hook(struct session *s, struct hook *hook);
void session_remove_hook(struct session *s, const struct hook *hook);

/*
 * Begin another generation of n tokens: the prompt and its tokens are forgotten, the KV cache is
 * empty, the sampler begins at its seed, nothing is forced.  Hooks, edits and memory stay, so the
 * next prompt gives the bits that it gives in a new session.
 */
void session_restart(struct session *s, int64_t n);

/*
 * Set the prompt: bytes to tokenize, or ids.  ERR_USAGE for an empty prompt without BOS, an id
 * outside the vocabulary; ERR_MEMORY when prompt + n positions will not fit, with the numbers.
 */
int session_set_text(struct session *s, const char *text, size_t len, bool special,
		     struct err *err);
int session_set_ids(struct session *s, const int32_t *ids, int64_t n, struct err *err);

/*
 * Whether so many positions are known to fit and to leave `bytes` of memory: a question about a
 * million prompts is not put to the system a million times.
 */
bool session_is_roomy(const struct session *s, int64_t positions, int64_t bytes);

/* ERR_INTERRUPTED once *opt.interrupted is not 0: what is done for every token of a prompt asks. */
int session_interrupted(const struct session *s, struct err *err);

/* Go on until something happens: enum session_status or a negative ERR_*. */
int session_advance(struct session *s, struct err *err);

/* ---- time ------------------------------------------------------------------------------------ */

/*
 * Where the session stands.  After a pass its end, also when a token was picked since; before the
 * first one, pass -1 while the tokenizer's steps are announced, then (0, 0).
 */
struct session_time session_now(const struct session *s);

/* Negative, 0 or positive as a comes before, is, or comes after b. */
int session_time_compare(struct session_time a, struct session_time b);

/*
 * Go back to before pass `pass` begins, with the tokens, the phase and the random state that it
 * began with; session_advance() begins it.  Pass -1: to before the tokenizer's first step.  Where a
 * ring has dropped the keys that the pass needs, all passes before it are run again.  Hooks are
 * told.  ERR_USAGE when the pass has not begun yet.
 */
int session_rewind(struct session *s, int pass, struct err *err);

/*
 * Go to a time, back or forward.  Going back inside a pass whose values are all kept (PLAN_DEBUG)
 * moves the counter; else the pass is run again up to there.  Hooks are told, asked and called as
 * ever, but their pauses pass by.  ERR_USAGE when the generation ends before it or there is no such
 * op; then it stands where it ended.
 */
int session_goto(struct session *s, struct session_time to, struct err *err);

/*
 * Force the token that is picked next; when one was just picked, that one, which is taken back. The
 * sampler picks all the same, so what is drawn later does not move.  id -1 forces nothing any more.
 * ERR_USAGE for an id outside the vocabulary.
 */
int session_force(struct session *s, int32_t id, struct err *err);

/* The same for the token at position `pos` >= n_prompt, past (which goes back) or to come. */
int session_force_at(struct session *s, int64_t pos, int32_t id, struct err *err);

/* The token that is forced at a position, -1: none. */
int32_t session_forced_at(const struct session *s, int64_t pos);

/*
 * executor_add_edit() and executor_remove_edit(), and go back to the first op that runs otherwise
 * with the log as it is now, when it was run: to the op that computes the value in the first pass
 * of the edit, for a weight to before pass 0.  The id, or a negative ERR_*: an edit that could not
 * be added is not in the log, one that was to be removed is not either, and time stands where a
 * hook failed on the way.
 */
int session_add_edit(struct session *s, const struct edit *e, struct err *err);
int session_remove_edit(struct session *s, int id, struct err *err);

/*
 * Ban a token, or allow it again.  A ban is an edit: the token's logit is -inf in the row that a
 * token is picked from, so a greedy pick, the sampler's candidates and whoever reads the logits all
 * know it, and so does a recording.  It goes back to where it matters.  A forced token follows all
 * the same.  The id of the edit, 0 for one that was taken out, or ERR_USAGE for an id outside the
 * vocabulary.
 */
int session_ban(struct session *s, int32_t id, bool on, struct err *err);

/* The same for the token at position `pos` >= n_prompt only. */
int session_ban_at(struct session *s, int64_t pos, int32_t id, bool on, struct err *err);

/*
 * The edit that bans a token at `pos`, -1 for wherever one is picked, 0: none; and whether an edit
 * is such a one.
 */
int session_banned_at(const struct session *s, int64_t pos, int32_t id);
bool session_edit_is_ban(const struct session *s, const struct edit *e, int64_t *pos, int32_t *id);

/* From here on keep every value of a pass (PLAN_DEBUG); when a pass was run already, no change. */
void session_keep_values(struct session *s);

/* model_lens() with the weights as this session's edits have them. */
int session_lens(const struct session *s, const float *x, int64_t n, float *logits,
		 struct err *err);

/* What a chat template is given: the user's message, and a system message before it. */
struct chat_request {
	struct bytes message;
	struct bytes system;
	bool has_system;
};

/*
 * Append to `out` what the model's chat template makes of the messages, an answer to follow: the
 * text of transformers' apply_chat_template(add_generation_prompt=True).  It has the special tokens
 * that it needs, so it is encoded without adding any.  Errors: ERR_USAGE when there is no template,
 * else those of jinja_render().
 */
int chat_format(const struct tokenizer *tok, const struct chat_request *chat, struct text *out,
		struct err *err);

#endif
