/*
 * recorder.h -- the parts of `torchless trace`: recording, scores, profiling, the summary.
 */
#ifndef RECORDER_H
#define RECORDER_H

#include "torchless/generation.h"
#include "torchless/trace.h"

#define TOP          20  /* candidates recorded at a position of the prompt */
#define MAX_RECORDED 256 /* and, at most, where a token was sampled */

/* Where time goes, in the order the summary shows it. */
enum part { PART_EMBED, PART_ATTENTION, PART_MLP, PART_LM_HEAD, PART_COUNT };
extern const char *const part_names[PART_COUNT];

/* A hook that times ops, measures the residual stream and draws the progress bar. */
struct profile {
	struct hook hook;
	const struct session *session;
	const struct ui *bar; /* where the progress bar goes, NULL: nowhere */
	enum part *part_of;   /* of each module */
	enum part part;       /* of the op before */
	int64_t entered_ns, ns[PART_COUNT];
	/* The residual stream of the prompt's last position after each layer, and its l2. */
	float *stream; /* [n_layers, d_model] */
	double *residual;
	int64_t d_model;
	int shown_layer;
};
void profile_init(struct profile *p, const struct session *s, const struct ui *bar);
void profile_restart(struct profile *p); /* before each run: times go on adding up */
void profile_release(struct profile *p);
void profile_clear_bar(struct profile *p);

/* A hook that pauses at the first value that holds NaN, or infinity. */
struct stop {
	struct hook hook;
	bool on_nan;      /* else infinity */
	int64_t max_keys; /* O(T^2) values with more are not looked at */
	value_id value;   /* where it was met, -1: nowhere */
	int pass;
};
void stop_init(struct stop *s, bool on_nan, int64_t max_keys);

struct recorder {
	struct invocation *in;
	int64_t began_ns; /* when the command did, for --estimate */
	struct generation g;
	struct profile profile;
	struct hook scores; /* reads the logits when a pass ends */
	struct stop stop;
	struct capture_policy capture;
	struct text capture_json;    /* its meaning for the model */
	struct trace_writer *writer; /* NULL before the file is created and after it is closed */
	const char *path;
	char *model_file;  /* the absolute path of the model, NULL: not asked for yet */
	struct text piece; /* the one asked for last */
	struct candidate next[TOP];
	int64_t n_next; /* what the model predicts after the prompt */
	struct trace_totals totals;
	uint8_t weights_hash[16], tokenizer_hash[16];
	struct trace_shape *shapes; /* the runs that will be recorded */
	int n_shapes;
	size_t cap_shapes;
	const struct trace_setting *settings; /* what --resume compares; of many prompts only */
	int n_settings;
};

/*
 * The life of a recording: open, listen, set the prompt of r->g, create, run; set the next prompt,
 * run it; close.  What can be refused is refused before create touches a file.
 */

/* Read --capture, open the model and a session, add the edits of --zero to it. */
int recorder_open(struct recorder *r, bool needs_tokenizer, struct err *err);

/* Add the hooks; `bar` is where each run's progress is drawn, NULL for nowhere. */
void recorder_listen(struct recorder *r, const struct ui *bar);

/* Note the shape of the run that r->g is set to: before create, for each run there will be. */
void recorder_expect(struct recorder *r);

/* Print what recording what is expected would take: `trace --estimate`. */
int recorder_estimate(struct recorder *r, struct err *err);

/* What the trace writer is told. */
struct trace_options recorder_trace_options(const struct recorder *r);
void recorder_describe_model(struct recorder *r, struct trace_model *m);

/* Create the file and let the writer listen. */
int recorder_create(struct recorder *r, struct err *err);

/* Or continue the file of n_runs runs: *n_done are in it.  Without r->writer nothing is left. */
int recorder_resume(struct recorder *r, int64_t n_runs, int64_t *n_done, struct err *err);

/*
 * Record a run of the prompt that r->g was given.  Whatever happens, what it holds is ended and
 * readable: ERR_NO when --stop-on was met, ERR_INTERRUPTED.
 */
int recorder_run(struct recorder *r, const struct prompt *p, struct err *err);

/* Close the file and fill r->totals; `result` and err of the runs are kept when they failed. */
int recorder_close(struct recorder *r, int result, struct err *err);
void recorder_release(struct recorder *r);

/* Tell the executor (before create) or the recording (in a run) of each --zero. */
int recorder_add_edits(struct recorder *r, struct err *err);

/* ---- what the model thought ---------------------------------------------------------------- */

/* Set up r->scores. */
void scores_init(struct recorder *r);

/* The tokens of the prompt; the token just picked, and what it was picked from. */
int scores_record_prompt(struct recorder *r, struct err *err);

/* ---- the command --------------------------------------------------------------------------- */

/* `trace --prompts`: a run a line. */
int trace_runs(struct recorder *r, struct err *err);

/* What leads after each layer at the prompt's last position, by the logit lens. */
struct settling {
	int32_t *leads; /* [n_layers]; NULL: not known, it would have cost too much */
	int layer;      /* from here on the last layer's choice leads */
};
void settling_find(struct settling *s, const struct recorder *r);
void settling_release(struct settling *s);

/* For people on a terminal's stdout, else on stderr; with --json one document on stdout. */
int summary_print(const struct recorder *r, struct err *err);

/* Parts of a summary: lines for people, and the members that end a JSON document. */
void summary_add_model(struct text *t, const struct recorder *r, const struct ui *ui);
void summary_add_label(struct text *t, const struct ui *ui, const char *label);
void summary_add_time(struct text *t, const struct recorder *r, const struct ui *ui);
void summary_add_file(struct text *t, const struct recorder *r, const struct ui *ui);
void summary_add_json_totals(struct text *t, const struct recorder *r, int64_t prefill_ns,
			     int64_t decode_ns);

/* A path as a word of a shell command: in single quotes when it holds anything but plain letters.
 */
void summary_add_shell_word(struct text *t, const char *word);

/* Commands to go on with. */
struct next_command {
	const char *before, *after; /* the recording's name */
	bool is_option;             /* which need not be said when it is the default */
};
void summary_add_next(struct text *t, const struct recorder *r, const struct ui *ui,
		      const struct next_command *commands, int n);

/* What the model is called. */
const char *summary_model_name(const struct recorder *r);

#endif
