/*
 * session_impl.h -- what the files of a session share; private to src/model.
 *
 *	session.c       the state machine: phases, passes, picks
 *	session_time.c  going back and forward, forced tokens, edits: drives it
 */
#ifndef SESSION_IMPL_H
#define SESSION_IMPL_H

#include "torchless/session.h"

/* What session_step() did. */
enum { STEP_MOVED = 100 };

/*
 * One bounded move: the tokenizer's steps, the rest of a pass (beginning it when none has begun),
 * or a pick.  SESSION_TOKEN, SESSION_PAUSED, SESSION_DONE, STEP_MOVED when there is more, or ERR_*.
 */
int session_step(struct session *s, struct err *err);

/* Before the first of the tokenizer's steps. */
void session_begin_tokenizer(struct session *s);

/* Where the tokens end that the phase PREFILL or DECODE reads. */
int64_t session_end_of_phase(const struct session *s);

/* Begin the next pass of the phase PREFILL or DECODE, which has tokens to read; keep its mark. */
int session_begin_pass(struct session *s, struct err *err);

/* The pass that has begun is done: the phase that follows. */
void session_end_pass(struct session *s);

#endif
