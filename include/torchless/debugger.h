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
#include "torchless/text.h"
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
		*interrupted;               /* stops at the next op; the front end clears it */
	void (*warn)(const char *sentence); /* of a recording, see trace.h; may be NULL */
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

/* The i'th command, as it is typed, and what it does in *doc; NULL behind the last. */
const char *debugger_command(int i, const char **doc);

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
	bool confirm;     /* ask before what cannot be taken back */
	bool pagination;  /* stop when the screen is full */
	bool history;     /* keep what is typed */
	bool full_screen; /* `tui`: show panes where there is a terminal for them */
};
const struct debugger_settings *debugger_settings(const struct debugger *d);

/* The candidates for the line at the cursor. */
void debugger_complete(struct debugger *d, const char *before, const char *after,
		       struct candidates *c);

/* ---- what a screen shows: view.c ------------------------------------------------------------ */

/*
 * What stands where, for a front end that shows it beside what commands say.  Nothing here moves
 * time, changes or says anything; texts are escaped and appended.  It is the same for a session and
 * a recording.  After every line that was run, ask anew.
 */
struct debugger_view;
struct debugger_view *debugger_view_new(struct debugger *d);
void debugger_view_free(struct debugger_view *v); /* NULL is fine */

/* A line was run: what is remembered of what has changed is forgotten. */
void debugger_view_refresh(struct debugger_view *v);

struct debugger_state {
	struct moment now;
	bool has_begun, has_ended, is_live;
	const char *phase; /* "prefill", "decode", "tokenizer", "sampler", "end"; "" before */
	int n_ops, n_layers, layer; /* layer -1: in none of them */
	int64_t pos0, T;            /* the positions of the pass; T 0: there is none */
	int64_t n_tokens, n_prompt; /* that exist by now, and those of the prompt among them */
	int n_breakpoints;          /* that were set and are enabled */
	int n_edits;                /* in force */
	int row;                    /* of the program, where one stands; -1 */
	const char *file; /* the modeling code there, as it is called; NULL: it has no text */
	int line;
};
void debugger_view_state(const struct debugger_view *v, struct debugger_state *s);

/* The name of the model or of the recording. */
void debugger_view_name(const struct debugger_view *v, struct text *out);

enum debugger_row_kind { ROW_TOKENIZER, ROW_MODULE, ROW_OP, ROW_SAMPLER };
/* Not known, or not kept; not computed yet; computed; computed, with NaN or infinite elements. */
enum debugger_mark { MARK_NONE, MARK_AHEAD, MARK_COMPUTED, MARK_FAULT };

/*
 * A row of the program: the tokenizer, then every op below the modules around it that have several,
 * then the sampler.  Begins as { 0 }; the texts are the caller's to release.
 */
struct debugger_row {
	enum debugger_row_kind kind;
	int op;    /* of a module its first; -1: neither */
	int depth; /* to indent by, from 0 */
	bool is_current, is_edited;
	enum debugger_mark mark;
	int breakpoint; /* the number of one that lies here; 0: none */
	bool breakpoint_is_enabled;
	struct text name;     /* "q_proj", "self_attn" */
	struct text what;     /* "linear f32[7, 4, 32]" */
	struct text location; /* what `break` takes */
};
int debugger_view_n_rows(const struct debugger_view *v);
void debugger_view_row(struct debugger_view *v, int i, struct debugger_row *row);
void debugger_row_release(struct debugger_row *row);

/* The modeling code, NULL where there is none, and a line of it, from 1, as a row without texts
 * but its location. */
const char *debugger_view_source(const struct debugger_view *v);
void debugger_view_source_row(struct debugger_view *v, int line, struct debugger_row *row);

/* A token at a position, and a token by its number. */
void debugger_view_token(const struct debugger_view *v, int64_t pos, struct text *out);
void debugger_view_piece(const struct debugger_view *v, int32_t id, struct text *out);

/*
 * The likeliest tokens after the last position of the pass, at most k, by its logits or by what the
 * head makes of the last layer that is there, which `from` names.  How many; 0: nothing is there.
 */
struct debugger_candidate {
	int32_t id;
	double p;
};
int debugger_view_candidates(struct debugger_view *v, int k, struct debugger_candidate *c,
			     struct text *from);

enum debugger_picture { PICTURE_HEAT, PICTURE_HIST, PICTURE_NUMBERS, PICTURE_COUNT };
struct debugger_look {
	int row; /* whose output; -1: what was made last */
	enum debugger_picture picture;
	int64_t block; /* of several matrices (heads), the one that is shown */
	double zoom;   /* of the scale: 1 as the values need, 2 up to half of them */
	int lines;
	const struct ui *ui; /* as wide as there is room */
};
/* What a picture shows. */
struct debugger_seen {
	struct text name;        /* "model.layers.0.self_attn:pattern[head=1]" */
	struct text line;        /* its statistics */
	int64_t block, n_blocks; /* n_blocks 0: no elements are there, what was added is why */
};
/* Append a tensor as lines; ERR_USAGE: it is not there, and why. */
int debugger_view_tensor(struct debugger_view *v, const struct debugger_look *look,
			 struct debugger_seen *seen, struct text *out, struct err *err);

#endif
