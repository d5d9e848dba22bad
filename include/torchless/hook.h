/*
 * hook.h -- how anything watches a forward pass.
 *
 * The trace writer, breakpoints, the NaN guard, progress and lessons are each a hook.  A site is
 * an op of the program or a step of a stage (tokenizer, sampler).  `wants` is asked first and must
 * be cheap: a site nobody wants is not timed, copied or announced.
 *
 * Callbacks return HOOK_CONTINUE, HOOK_PAUSE (the executor returns to its caller and goes on from
 * there when called again, without asking again) or a negative ERR_* with a sentence in `err`,
 * which ends the run.  Any callback may be NULL.
 *
 * Time may go back: to another op of the pass, or over tokens.  Whoever remembers what happened is
 * told by `rewound` and forgets what has not happened any more.
 */
#ifndef TORCHLESS_HOOK_H
#define TORCHLESS_HOOK_H

#include "torchless/err.h"
#include "torchless/program.h"
#include "torchless/text.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct executor;

enum hook_action { HOOK_CONTINUE = 0, HOOK_PAUSE = 1 };

enum stage { STAGE_TOKENIZER, STAGE_SAMPLER };

/* The stages a hook names in its mask. */
#define STAGE_BIT(stage) (1u << (stage))
#define STAGES_ALL       (STAGE_BIT(STAGE_TOKENIZER) | STAGE_BIT(STAGE_SAMPLER))

/*
 * One step of a stage.  Tokenizer rules: "normalize", "added", "split", "byte_fallback", "unknown",
 * "dropped", "merge", "template"; left + right -> merged for merges, left -> merged otherwise.
 * Sampler rules: "temp", "top_k", "top_p", "min_p", "pick", "force"; rank is how many candidates
 * are left (for pick and force, the rank of the token that follows, -1 when it is no candidate).
 */
struct stage_step {
	enum stage stage;
	const char *rule;
	struct bytes left, right, merged;
	int64_t rank;     /* merge: position in `merges`; -1 where it has no meaning */
	int64_t at_byte;  /* offset in the text the step works on, -1 if unknown */
	int64_t token_id; /* the id a step yields, -1 where it has no meaning */
	/* Of a pick that was drawn: the number in [0, 1), and drawn_from.mass; mass 0: none was. */
	double draw, mass;
};

enum site_kind { SITE_OP, SITE_STAGE };

struct site {
	enum site_kind kind;
	int op_index;                  /* SITE_OP */
	const struct op *op;           /* SITE_OP */
	const struct stage_step *step; /* SITE_STAGE */
};

struct hook {
	/* Asked for every op, and for the steps of the stages in `stages`; NULL: all of them. */
	bool (*wants)(void *ctx, const struct site *at);
	/* Before an op or step runs; ex is NULL in a stage. */
	int (*before)(void *ctx, struct executor *ex, const struct site *at, struct err *err);
	/* After it ran; may overwrite its outputs (executor_tensor). */
	int (*after)(void *ctx, struct executor *ex, const struct site *at, struct err *err);
	/* Around one run of the whole program. */
	int (*pass_begin)(void *ctx, struct executor *ex, struct err *err);
	int (*pass_end)(void *ctx, struct executor *ex, struct err *err);
	/*
	 * Time went back to before op `op` of pass `pass`: nothing from there on has happened.  In
	 * [0, n_ops) the pass goes on from that op, without another pass_begin.  n_ops: the pass is
	 * done, and what was picked from its logits is taken back.  -1: the pass has not begun.
	 * Pass -1: not even the steps of the tokenizer have been announced.
	 */
	int (*rewound)(void *ctx, struct executor *ex, int pass, int op, struct err *err);
	/*
	 * STAGE_BIT() of each stage whose steps it wants to hear of.  Making steps costs time and
	 * memory, so they are made for the stages that somebody names.
	 */
	unsigned stages;
	void *ctx;
	struct hook *next;
};

/* Append to a list of hooks; they are called in the order they were added. */
void hook_add(struct hook **list, struct hook *hook);

/* Take a hook out of the list, where it may not be.  A hook may remove itself while it is called.
 */
void hook_remove(struct hook **list, const struct hook *hook);

/* Whether a hook of the list names the stage. */
bool hook_wants_stage(const struct hook *list, enum stage stage);

/*
 * Ask or tell every hook that wants the site.  HOOK_PAUSE when any said so (all are called all the
 * same), or the first error: before a site it ends the asking, for the site does not run; what has
 * happened all are told.
 */
int hook_announce(struct hook *list, struct executor *ex, const struct site *at, bool before,
		  struct err *err);

/* Tell every hook that time went back, as `rewound` says; all are told, the first error is
 * returned. */
int hook_rewind(struct hook *list, struct executor *ex, int pass, int op, struct err *err);

/*
 * A stage as a list of steps with a cursor, so that it can stop anywhere: announces steps[at..n)
 * to the hooks.  Returns HOOK_CONTINUE when all are done, HOOK_PAUSE before the step at `at`
 * (call again to go on), or a negative ERR_*.
 */
struct stage_run {
	const struct stage_step *steps;
	int n, at;
	bool resumed;
};
int stage_run(struct stage_run *run, struct hook *const *hooks, struct err *err);

#endif
