/*
 * debugger.h -- a forward pass that one stops, looks at, changes and takes back, by gdb's commands.
 *
 * A debugger reads lines and writes text; it owns no terminal.  The shell of `torchless debug`, its
 * full-screen view, batches, lessons and an editor's protocol are front ends of this one.
 *
 * What it looks at is a target: a session of a model that is there (live), or a recording of one.
 * Time is a moment, see struct moment: commands go forward and back over moments, and a command
 * that resumes returns when it stands again.
 */
#ifndef TORCHLESS_DEBUGGER_H
#define TORCHLESS_DEBUGGER_H

#include "torchless/line.h"
#include "torchless/record.h"
#include "torchless/ui.h"

struct debugger;

/*
 * A place in time, which is before something happens.  Moments are ordered by these numbers.
 *
 *	pass -1            before step `step` of the tokenizer
 *	op in [0, n_ops)   before that op, in the module at depth `depth` of those around it: at
 *	                   the first op of a module one may stand before its call, in the module
 *	                   that calls it, or inside
 *	op n_ops           the pass is done; before step `step` of the sampler, or behind the last
 */
struct moment {
	int pass, op, step, depth;
};

/* Who typed a line: only what a person typed is repeated by an empty one. */
enum line_origin { LINE_TYPED, LINE_SCRIPT };

struct debugger_options {
	/* Of a session that is live: its generation, and how it is recorded when it is. */
	struct record_options record;
	struct prompt prompt;        /* borrowed; without text and ids there is none yet */
	const char *recording;       /* or the recording to look at; NULL: live */
	const char *recording_model; /* where its checkpoint is, for weights; NULL: as it says */
	const struct ui *ui; /* what the front end can show; it may change between commands */

	/* Output as it is made, and a question with its answer (NULL: yes, as in a batch). */
	void (*write)(void *ctx, const char *data, size_t len);
	bool (*ask)(void *ctx, const char *question);
	void *ctx;
	const volatile sig_atomic_t
		*interrupted; /* stops at the next op; the front end clears it */
};

/*
 * Open a debugger of a model with weights (NULL with a recording); nothing has happened yet.  The
 * model and all that the options point to must outlive it.  NULL on failure.
 */
struct debugger *debugger_new(struct model *m, const struct debugger_options *o, struct err *err);
void debugger_free(struct debugger *d); /* NULL is fine */

/* End what the session writes, before it is freed: ERR_IO when a recording could not be closed. */
int debugger_close(struct debugger *d, struct err *err);

enum debugger_status { DEBUGGER_READY, DEBUGGER_QUIT };

/*
 * Run a line.  What it says went to `write` when it returns; ERR_* is what the command failed with,
 * and the session stands.  A line may want more lines (`commands`, `source`): those that are
 * queued run before this returns, others are asked for by the prompt.
 */
int debugger_line(struct debugger *d, const char *line, enum line_origin origin, struct err *err);

/* "(tl 0.131) ", "(tl) " before anything began, ">" within a list of commands.  Writes into buf. */
const char *debugger_prompt(const struct debugger *d, char *buf, size_t size);

/* What `quit N` asked for. */
int debugger_exit_status(const struct debugger *d);

/* Whether a breakpoint, a watchpoint or a catchpoint has stopped the program since it was opened.
 */
bool debugger_has_stopped(const struct debugger *d);

/*
 * There are no more lines, or Ctrl-C took back what was being typed: a list of commands without its
 * `end` is given up.  ERR_USAGE when there was one.
 */
int debugger_end_lines(struct debugger *d, struct err *err);

/* What `set` says and the front end follows. */
struct debugger_settings {
	bool confirm;    /* ask before what cannot be taken back */
	bool pagination; /* stop when the screen is full */
	bool history;    /* keep what is typed */
};
const struct debugger_settings *debugger_settings(const struct debugger *d);

/* The candidates for the line at the cursor. */
void debugger_complete(struct debugger *d, const char *before, const char *after,
		       struct candidates *c);

#endif
