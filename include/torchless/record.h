/*
 * record.h -- a session that is recorded, told by plain options.
 *
 * A recorder is a generation with hooks: the profile (times, the residual stream), the scores (what
 * the model thought of each token) and the trace writer.  It prints nothing and knows no command
 * line: warnings go to the caller of the generation, progress to a callback, results stay in its
 * structs, to be read.  Sentences name an option as the command line spells it.
 *
 * The life of a recording: open, listen, set the prompt of the generation, expect, create, run; set
 * the next prompt, run it; close.  What can be refused is refused before create touches a file.
 * Many prompts have a loop of their own, record_runs.h.
 */
#ifndef TORCHLESS_RECORD_H
#define TORCHLESS_RECORD_H

#include "torchless/generation.h"
#include "torchless/part.h"
#include "torchless/recipe.h"
#include "torchless/trace.h"

#define RECORD_TOP    20  /* candidates recorded at a position of the prompt */
#define RECORD_PICKED 256 /* and, at most, where a token was sampled */

/* ---- options ------------------------------------------------------------------------------ */

/* How far it is; told when a layer begins, and of many runs when a pass or a run ends. */
struct record_progress {
	void (*tell)(void *ctx, const struct record_progress *p); /* NULL: nobody listens */
	void *ctx;

	/* The run that is going on: the prompt first, then a token at a time. */
	bool in_prompt;
	int layer, n_layers; /* the layer that is being computed; -1: none yet */
	int64_t n_generated, n_generate;
	double share; /* of the prompt, or of the tokens to generate */

	/*
	 * All runs, when there are many: work is tokens that pass through the model.  Before the
	 * first they are all checked, and n_runs_done counts those that were.
	 */
	bool checking;
	int64_t n_runs, n_runs_done;
	int64_t work, work_done; /* since started_ns, of clock_ns() */
	int64_t started_ns;
};

/* Everything but numbers is borrowed and must outlive the recorder. */
struct record_options {
	struct generation_options generation; /* without a ring of keys and values */
	const char *path;                     /* the recording; a file there is kept as PATH.old */
	struct trace_target target;           /* what was there before the model was opened */
	const char *const *capture;           /* PATTERN[@SEL][=KIND], see trace.h */
	int n_capture;
	const char *const *zero; /* NAME[SELECTION]: values that become 0 in every run */
	int n_zero;
	const char *const *edits; /* files of edits, see recipe.h: in force in every run */
	int n_edits;
	const struct recipe_expressions *expressions; /* of those files; NULL: none is known */
	int64_t budget;                               /* the most bytes of dumps; 0: no limit */
	const char *budget_text;                      /* how warnings call it; NULL: by its size */
	bool stop_on_nan, stop_on_inf;
	int repeat;  /* how often the passes of a run are timed again when it is recorded */
	bool redact; /* keep no text and no pieces; then argv must not hold the prompt */

	/* Who records, kept with each run: "torchless 0.1.0", a git commit, "gcc 12.2.0", words. */
	const char *engine, *commit, *compiler;
	const char *const *argv;
	int argc;

	/* Where progress goes; NULL: nowhere. */
	void (*progress)(void *ctx, const struct record_progress *p);
	void *progress_ctx;
};

/* ---- what is known of a run besides its recording ------------------------------------------ */

/* A hook that times ops, measures the residual stream and tells the progress. */
struct profile {
	struct hook hook;
	const struct session *session;
	struct record_progress *progress;
	enum model_part *part_of; /* of each module */
	int64_t entered_ns;
	const struct caller
		*caller;        /* hears when the steps of the tokenizer take long; may be NULL */
	int64_t steps_ns;       /* when the first of them came */
	int64_t ns[PART_COUNT]; /* of all runs together, without what other hooks took */
	/* The residual stream of the prompt's last position after each layer, and its l2. */
	float *stream; /* [n_layers, d_model] */
	double *residual;
	int64_t d_model;
};

/*
 * What the parts took when the passes were run again: in the same order of runs, all of them
 * together in each repeat.
 */
struct repeats {
	int64_t *ns;             /* [n][PART_COUNT] */
	double took[PART_COUNT]; /* sums of the medians of each part of each layer in each pass */
	int n;                   /* 0: nothing was repeated */
};

/* A hook that pauses at the first value that holds NaN, or infinity. */
struct value_stop {
	struct hook hook;
	bool on_nan, on_inf;
	int64_t max_keys; /* O(T^2) values with more are not looked at */
	value_id value;   /* where it was met, -1: nowhere */
	int pass;
};

/* A hook that reads the logits when a pass over the prompt ends, and each token that is picked. */
struct scores {
	struct hook hook;
	const struct session *session;
	struct trace_writer *writer; /* NULL: there is no recording yet, or no more */
	struct candidate next[RECORD_TOP];
	int64_t n_next;          /* what the model predicts after the prompt, likeliest first */
	struct drawn_from drawn; /* what the first token was drawn from */
};

/* ---- the recorder ------------------------------------------------------------------------- */

/* A prompt, and where it is from. */
struct record_prompt {
	struct prompt prompt;
	int64_t line; /* of a file of prompts, from 1; 0: there is none */
	char *id;     /* what that line calls itself, as JSON; NULL: nothing */
	char **zero;  /* NAME[SELECTION]: values that become 0 in this run, beside those of opt.zero
		       */
	int n_zero;
};

struct recorder {
	struct record_options opt;
	struct generation generation;
	struct record_progress progress;
	struct profile profile;
	struct repeats repeats;
	struct scores scores;
	struct value_stop stop;
	struct capture_policy capture;
	struct text capture_json;    /* its meaning for the model */
	struct recipes recipes;      /* opt.edits */
	int n_standing_edits;        /* those of opt.zero and opt.edits, in force in every run */
	struct trace_writer *writer; /* NULL before the file is created and after it is closed */
	struct trace_totals totals;  /* once it is closed */
	bool dropped_old;            /* there was a PATH.old, and creating PATH replaced it */
	bool keeps_attention;        /* without being asked to: see CAPTURE_ATTENTION_BYTES */
	int64_t attention_bytes;     /* that take, or would take, queries and keys by default */

	/* The rest is the recorder's own. */
	int64_t parent; /* of the branch that begins; 0: it is none */
	int fork_pass, fork_op;
	char *model_file;  /* the absolute path of the model, NULL: not asked for yet */
	struct text piece; /* the one asked for last */
	uint8_t weights_hash[16], tokenizer_hash[16];
	struct trace_shape *shapes; /* the runs that will be recorded */
	int n_shapes;
	size_t cap_shapes;
	const struct trace_setting *settings; /* what resuming compares; of many prompts only */
	int n_settings;
};

/*
 * Start a generation of a model with weights and read what is to be captured and zeroed:
 * ERR_USAGE says which pattern, name or selection is wrong.  No file is touched.  The recorder
 * must not move.  Release it whatever happens: a file that is still open is closed, its run an
 * error.
 */
int recorder_open(struct recorder *r, struct model *m, const struct record_options *o,
		  struct err *err);
void recorder_release(struct recorder *r);

/* generation_set_prompt(), and the tokens forced that opt.edits force. */
int recorder_set_prompt(struct recorder *r, const struct prompt *p, struct err *err);

/* The same for a line of a file of prompts: with its edits, and without those of the line before.
 */
int recorder_set_line(struct recorder *r, const struct record_prompt *p, struct err *err);

/* Add the hooks: before the prompt is set, so that the steps of the tokenizer are made. */
void recorder_listen(struct recorder *r);
void recorder_unlisten(struct recorder *r); /* once the file is closed */

/*
 * Capture also what `text` says: PATTERN[@SEL][=KIND].  Before the file is created, or while it is
 * written, from then on; ERR_USAGE and nothing has changed.
 */
int recorder_capture(struct recorder *r, const char *text, struct err *err);

/* Note the shape of the run that r->generation is set to: before create, for each there will be. */
void recorder_expect(struct recorder *r);

/* Create the file and let the writer listen; warns of what the budget leaves out. */
int recorder_create(struct recorder *r, struct err *err);

/* Or continue the file of n_runs runs: *n_done are in it.  Without r->writer nothing is left. */
int recorder_resume(struct recorder *r, int64_t n_runs, int64_t *n_done, struct err *err);

/*
 * Record a run of the prompt that r->generation was given.  Whatever happens, what it holds is
 * ended and readable: ERR_NO when stop_on_nan or stop_on_inf was met, ERR_INTERRUPTED, ERR_USAGE
 * when a hook of somebody else's pauses.
 */
int recorder_run(struct recorder *r, const struct record_prompt *p, struct err *err);

/*
 * The same by hand, for whoever stops on the way: begin, drive the generation or its session on and
 * back as one likes, end with how that went (0 or ERR_*).  end returns `result`, or its own error
 * when that was 0.
 */
int recorder_begin_run(struct recorder *r, const struct record_prompt *p, struct err *err);
int recorder_end_run(struct recorder *r, int result, struct err *err);

/* End it where it stands, which is no failure: its own error. */
int recorder_stop_run(struct recorder *r, struct err *err);

/*
 * Begin a run that is a branch of the one that ended last, from before op `op` of its pass `pass`.
 * Between the two the session was rewound to before its first pass, so that the branch is recorded
 * whole.
 */
int recorder_begin_branch(struct recorder *r, const struct record_prompt *p, int pass, int op,
			  struct err *err);

/* Close the file and fill r->totals; `result` and err of the runs are kept when they failed. */
int recorder_close(struct recorder *r, int result, struct err *err);

/* ---- before: what it would take ------------------------------------------------------------ */

struct record_estimate {
	struct trace_estimate trace;
	bool keeps_attention; /* as in struct recorder */
	int64_t attention_bytes;
	double min_seconds, max_seconds; /* all of it, opening the model included */
};

/*
 * What recording the runs that are expected would hold and take, without making a file; some 55 ms
 * are spent on measuring.  began_ns: when opening the model began.  Release it whatever happens.
 */
int recorder_estimate(struct recorder *r, int64_t began_ns, struct record_estimate *e,
		      struct err *err);
void record_estimate_release(struct record_estimate *e);

/* ---- after: where the time went ------------------------------------------------------------- */

/* A part that took less may as well have been interrupted once: one timing does not tell. */
#define RECORD_SHORT_NS 1000000

/* What answers say, and half of what lies between the quartiles of the repeats. */
struct middle {
	double took, spread;
};

/* Of all runs that were recorded now.  Without repeats: the recorded passes, the spread is NaN. */
struct time_share {
	struct middle ns, share; /* share: of the whole, 0 to 1; they add up to 1 */
	bool is_noise; /* the spread is half of the share or more; or one timing of a short part */
};

/* PART_COUNT: of all parts together. */
struct time_share recorder_time_share(const struct recorder *r, int part);

/* ---- after: where the answer settled ------------------------------------------------------- */

/* What leads after each layer at the prompt's last position, by the logit lens. */
struct settling {
	int32_t *leads;   /* [n_layers]; NULL: not known */
	int layer;        /* from here on the last layer's choice leads */
	bool is_too_long; /* it was not looked for: it would have taken too long */
};

/* A head a layer: much for a large vocabulary and a short prompt, unless the cost is no matter. */
void settling_find(struct settling *s, const struct recorder *r, bool at_any_cost);
void settling_release(struct settling *s);

#endif
