/*
 * target.h -- moments, what is looked at, and where one has been: the folder target.
 */
#ifndef DEBUG_TARGET_H
#define DEBUG_TARGET_H

#include "torchless/debugger.h"
#include "torchless/executor_source.h"
#include "torchless/stats.h"

/* ---- moments ------------------------------------------------------------------------------- */

/* Negative, 0 or positive as a comes before, is, or comes after b. */
int moment_compare(const struct moment *a, const struct moment *b);

/* The depths at which one can stand before op: outermost call, and inside of all but a lone op. */
int op_depth_min(const struct program *p, int op);
int op_depth_max(const struct program *p, int op);

/* Whether a module is one op and no more: it is stepped over as the op it is. */
bool module_is_op(const struct program *p, int module);

/* The module one stands in; 0, the root, at the end of a pass and outside of passes. */
int moment_module(const struct program *p, const struct moment *m);

/* The module that is called next, where one stands before a call; -1 where an op is next. */
int moment_call(const struct program *p, const struct moment *m);

/*
 * Where forward commands stop at the latest, if nothing else stops them: the first moment that is
 * not before it.
 */
struct moment moment_step(const struct program *p, const struct moment *m);
struct moment moment_next(const struct program *p, const struct moment *m);
struct moment moment_stepi(const struct program *p, const struct moment *m);
struct moment moment_finish(const struct program *p, const struct moment *m, int module);

/*
 * Back within the pass: true and where; false at its beginning (or among steps of a stage, where
 * `step` counts down).
 */
bool moment_back_step(const struct program *p, struct moment *m);
bool moment_back_next(const struct program *p, struct moment *m);
bool moment_back_stepi(const struct program *p, struct moment *m);

/* "0.131", "tokenizer.3", "0.346+1"; returns buf. */
const char *moment_format(const struct moment *m, char *buf, size_t size);

/* Read that back, all of `text`; false when it is something else.  depth is the innermost. */
bool moment_parse(const struct program *p, const char *text, struct moment *m);

/* ---- targets ------------------------------------------------------------------------------- */

/*
 * Who is asked where time may stop.  `ops` says at which ops, the end of the pass (n_ops) included;
 * the stages are asked at each of their steps but where the end of the pass was asked already.
 */
struct stopper {
	unsigned char *ops; /* [n_ops + 1]: not 0 */
	bool tokenizer, sampler;
	/* 1: stop here, with the depth set; 0: go on; ERR_* */
	int (*ask)(void *ctx, struct moment *at, struct err *err);
	void *ctx;
};

/* How running on came to its end. */
enum { TARGET_ENDED = 0, TARGET_STOPPED = 1, TARGET_INTERRUPTED = 2 };

struct pass_info {
	int64_t pos0, T; /* its tokens */
	bool is_prefill;
	bool picks; /* a token is picked at its end */
};

struct target;
struct target_class {
	const char *name; /* "live", "recorded" */
	/* Before everything: the prompt is there, nothing has happened. */
	int (*restart)(struct target *t, struct err *err);
	/* On from `now` until asked says stop, or the end. */
	int (*run)(struct target *t, const struct stopper *s, struct err *err);
	/* To a moment (its depth is not looked at), back or forward, asking nobody. */
	int (*go)(struct target *t, const struct moment *to, struct err *err);
	/* Whether Ctrl-C passes by, while one goes back to where one stood; NULL: it always does.
	 */
	void (*deafen)(struct target *t, bool is_deaf);
	/* How many passes going there runs again. */
	int (*cost)(const struct target *t, const struct moment *to);
	/* The pass, false when it has not begun. */
	bool (*pass)(const struct target *t, int pass, struct pass_info *info);
	/* Steps of a stage (of the sampler: behind `pass`) that there are, and one of them. */
	int (*n_steps)(const struct target *t, enum stage stage, int pass);
	bool (*step)(const struct target *t, enum stage stage, int pass, int i,
		     struct stage_step *step);
	/* Tokens that exist now, borrowed; and those of the prompt. */
	int64_t (*tokens)(const struct target *t, const int32_t **ids, int64_t *n_prompt);
	/* Append the bytes of a token, as they are. */
	void (*piece)(const struct target *t, int32_t id, struct text *out);
	/* The token of exactly these bytes, or what they tokenize to alone; -1: none. */
	int32_t (*token_id)(const struct target *t, const char *bytes, size_t len);
	/*
	 * What is known of a value that was computed by now and whose elements may not be there;
	 * NULL where the elements of every such value are.
	 */
	bool (*stats)(const struct target *t, value_id v, struct stats *stats);
	void (*free)(struct target *t);
};

struct target {
	const struct target_class *class;
	const struct program *program;
	struct moment now;
	bool has_begun, has_ended;
	struct array_source source;                      /* values by canonical name, as of now */
	bool (*has)(const struct target *t, value_id v); /* computed by now, and kept */
	int n_passes;                                    /* that have begun once, now or later */
};

/*
 * From the first moment of a pass to the last one of what came before it: the sampler's last step,
 * the end of a pass, or the tokenizer's last step.  False at the beginning.
 */
bool target_back_pass(const struct target *t, struct moment *m);

/* The token of exactly these bytes, else the one that they are tokenized to alone; -1: none. */
int32_t target_token_id(const struct target *t, const char *bytes, size_t len);

/* While what was begun is put back, Ctrl-C is not heard: else it would end halfway. */
void target_deafen(struct target *t, bool is_deaf);

/* A part of a value by its canonical name, as of now; referenced for the caller. */
struct array *target_read(const struct target *t, const char *name, const char *selection,
			  struct err *err);

/* A session of the model; NULL on failure. */
struct target *live_new(struct model *m, const struct debugger_options *o, struct err *err);
/* Of a live target. */
struct recorder *live_recorder(struct target *t);
bool target_is_live(const struct target *t);

/*
 * Of a live target: write a recording from its beginning on, for which what happened is run again
 * and one comes back to where one stands; close it; capture `text` too ("POINT[@SEL][=KIND]", what
 * happened is run again where it is written); have the file hold all until now, whatever was taken
 * back not.
 */
int live_record(struct target *t, const char *path, struct err *err);
int live_record_off(struct target *t, struct err *err);
bool live_is_recording(const struct target *t);
int live_capture(struct target *t, const char *text, struct err *err);
int live_flush(struct target *t, struct err *err);

/*
 * Keep what the recording holds as a branch of its own, and go to `at` in another one, which has
 * the way there, its parent and where it forked (run.parent_run_id, fork_value_id, opts.fork).
 * Edits are each branch's own (`edit`).  Without a recording it goes there.
 */
int live_branch(struct target *t, const struct moment *at, struct err *err);
/* The prompt of the next run, of a live target: borrowed; another one, which is copied. */
const struct prompt *live_prompt(const struct target *t);
void live_set_prompt(struct target *t, const char *text, size_t len);

/*
 * The newest run of the recording at o->recording, without its model; NULL on failure.  Names, ops
 * and source lines are those of the model that made it; a value is there (`has`) when it was
 * captured.
 */
struct target *recorded_new(const struct debugger_options *o, struct err *err);
/* Of a recorded target: its recording, the run that is stepped through, and another one instead. */
struct recording *recorded_recording(struct target *t);
int64_t recorded_run_id(const struct target *t);
int recorded_use_run(struct target *t, int64_t run, struct err *err);

/* ---- where one has been: trail.c ------------------------------------------------------------ */

struct trail *trail_new(void);
void trail_free(struct trail *t); /* NULL is fine */
/* One stands here now.  Going back and forward over the trail adds nothing to it. */
void trail_add(struct trail *t, const struct moment *m);
/* The stop before or behind (by = -1, 1) the one where one is; false when there is none. */
bool trail_move(struct trail *t, int by, struct moment *m);
/* A name for a moment; NULL forgets it.  The moment of a name, NULL when there is none. */
void trail_mark(struct trail *t, const char *name, const struct moment *m);
const struct moment *trail_find(const struct trail *t, const char *name);
/* The i-th name and its moment, NULL past the last. */
const char *trail_name(const struct trail *t, int i, const struct moment **m);

#endif
