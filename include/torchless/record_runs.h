/*
 * record_runs.h -- many prompts in one recording, a run each.
 *
 * One session serves every run: it begins anew with each prompt, so memory is allocated once and a
 * run has the bits of its prompt recorded alone.  All prompts are tokenized and checked before the
 * first is run.
 */
#ifndef TORCHLESS_RECORD_RUNS_H
#define TORCHLESS_RECORD_RUNS_H

#include "torchless/record.h"

#include <signal.h>

/* ---- the prompts -------------------------------------------------------------------------- */

struct prompt_list {
	char *file; /* as errors name it */
	struct record_prompt *items;
	int64_t n;
	size_t cap;
	uint8_t hash[16]; /* XXH3-128 of the bytes */
};

/*
 * Read one JSON object a line: {"prompt": TEXT} or {"ids": [INT, ...]}, and optionally "id" (text
 * or number), "n" and "zero" (a point or a list of them).  Other keys are ignored, empty lines too.
 * `file` names the bytes in errors: ERR_FORMAT naming file and line, ERR_IO; ERR_INTERRUPTED when
 * *interrupted (NULL: nothing does) is not 0 after a line.  Release it whatever happens.
 */
int prompts_parse(struct prompt_list *list, const char *file, struct bytes json,
		  const volatile sig_atomic_t *interrupted, struct err *err);
int prompts_read(struct prompt_list *list, const char *path,
		 const volatile sig_atomic_t *interrupted, struct err *err);
void prompts_release(struct prompt_list *list);

/* ---- the runs ----------------------------------------------------------------------------- */

#define RECORD_SETTINGS 15

struct record_runs {
	struct recorder *recorder;
	const struct prompt_list *prompts;
	int64_t n_done, n_found; /* runs that are in the recording; and were before */

	/* Of the runs recorded now. */
	int64_t n_recorded, n_prompt, n_generated, prefill_ns, decode_ns, elapsed_ns;

	/* The rest is its own. */
	int64_t *work;                   /* of each prompt: tokens that pass through the model */
	int64_t work_ended, work_of_run; /* of the runs that ended, of the one that goes on */
	struct hook hook;                /* counts it */
	struct trace_setting settings[RECORD_SETTINGS];
	int n_settings;
};

/*
 * Check every prompt with a recorder that is open, and expect it: ERR_* with file and line; a
 * warning for the first that is doubtful and the number of the others.  Both must outlive the runs.
 * Release it whatever happens.
 */
int record_runs_check(struct record_runs *runs, struct recorder *r, const struct prompt_list *list,
		      struct err *err);

/*
 * Let the recorder listen and create its file; with `resume` go on with the one that is there, if
 * there is one (then n_found may be all: nothing is left to do).
 */
int record_runs_open(struct record_runs *runs, bool resume, struct err *err);

/* Record what is not there yet.  An error says at which prompt, and how many are not done. */
int record_runs_run(struct record_runs *runs, struct err *err);

/* recorder_close(), when all is done or nothing more can be. */
int record_runs_close(struct record_runs *runs, int result, struct err *err);
void record_runs_release(struct record_runs *runs);

#endif
