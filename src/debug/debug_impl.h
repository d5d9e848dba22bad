/*
 * debug_impl.h -- what the files of src/debug share.  From the ground up:
 *
 *	target/        what is looked at, and its time
 *	  moment.c       the order of moments: what comes next, what came before, in which module
 *	  writing.c      the recording that a session writes as it goes
 *	  live.c         a session as a target
 *	  recorded_load.c, recorded_source.c, recorded.c
 *	                 a recording as one: read and checked, its values by name, its time
 *	  reference.c    tensors of other recordings and of .npy files
 *	  target.c       what all targets have in common       trail.c  where one has been
 *	say.c          what a command says, on its way to the front end
 *	source.c       the modeling code, as text
 *	place.c        words for where one stands and what is there
 *	names/         what a name means at a stop
 *	  names.c        of a value                  values.c     kept: $1, $2, ..., $x
 *	  functions.c    that know the model         evaluate.c   expressions
 *	look/          how things look
 *	  show.c, describe.c, examine.c, display.c   values, what they are, elements, at every stop
 *	  look.c, predictions.c                      what the looking commands share: look.h
 *	questions.c    SQL at a stop: which recording is asked; conditions that are SQL
 *	lines.c        lines that wait to be run, and who takes them instead
 *	stops/         where and whether one stops: break_impl.h
 *	  paths.c, regex.c, location.c               "layers.*.mlp", "token 5", "mistral.c:104"
 *	  condition.c, breakpoint.c, break_*.c, watch.c, catch.c, survey.c
 *	travel.c       time: forward and back until something stops it
 *	change/        edits, what was before them, and where one stands after: change.h
 *	table.c        the table of commands, commands.def, and which of them a word is
 *	gdb_words.def  what gdb calls otherwise, for table.c
 *	complete.c     what may stand at the cursor
 *	commands/      what the commands do, a subject a file
 *	view/          what stands where, for a screen: view.h
 *	command.c      the roof: a line on its way to its command
 *	debugger.c     life
 *
 * A file or folder calls those above it in this list and none below.
 */
#ifndef DEBUG_IMPL_H
#define DEBUG_IMPL_H

#include "command.h"
#include "target.h"
#include "torchless/mem.h"
#include "torchless/scope.h"
#include "torchless/ui_tensor.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- the debugger -------------------------------------------------------------------------- */

/* The front end's ui is followed, but for what `set width` and `set color` say. */
struct settings_kept {
	const struct ui *front; /* as given */
	struct ui ui;           /* what opt.ui points to */
	int width;              /* -1: the front end's */
	enum ui_color color;
};

/* `list` goes on from where it was, unless one stands elsewhere by now. */
struct list_at {
	struct moment moment;
	int frames_up;
	bool is_ops;  /* it lists ops, not source */
	int from, to; /* the lines or ops shown, to exclusive; to 0: none yet */
};

struct debugger {
	struct debugger_options opt;
	struct target *target;
	const struct program *program;
	struct text out; /* said and not yet written */

	int left_module;   /* what `.` means after finish: the module just left; else -1 */
	int frames_up;     /* `up` and `down`: frames above the one where it stopped */
	bool has_stopped;  /* the last way ended at a breakpoint, a watch, a catch, or Ctrl-C */
	bool stopped_once; /* one did */
	bool quit;
	int exit_status;
	bool is_script; /* the command that runs was not typed: nobody is asked */
	bool is_repeat; /* an empty line runs it again: what goes on, goes on from where it was */

	struct debugger_settings settings;
	struct settings_kept kept; /* what the front end said, before the settings */
	int list_size;             /* lines that `list` shows; 0: all */
	struct list_at list;       /* what it showed last */

	struct breakpoints *breakpoints; /* breakpoint.c */
	struct trail *trail;             /* cmd_time.c: where one has been, bookmarks */
	struct names *names;             /* names.c: names that were resolved */
	struct binding *binding;         /* evaluate.c */
	struct values *values;           /* values.c: $1, $2, …, $x */
	struct changes *changes;         /* cmd_branch.c: branches, baselines */
	struct references *references;   /* reference.c: other recordings that were asked */
	struct hooked *hook_asked;       /* hooked.c: whose names are asked for */
	struct displays *displays;       /* display.c */
	struct examined *examined;       /* examine.c: what x shows */
	struct questions *questions;     /* questions.c: the recording that SQL is asked of */

	struct line_queue *queue; /* lines.c */
	struct text last_typed;   /* what an empty line repeats; "": nothing */

	/* Whether a question in SQL is answered by a number that is not 0; NULL: nobody answers. */
	int (*sql_truth)(struct debugger *d, const char *sql, bool *truth, struct err *err);
};

/* The module `.` means. */
int debugger_here(const struct debugger *d);

/* The module of the frame that `up` and `down` selected. */
int debugger_frame(const struct debugger *d);

/* Begin at the first op when nothing has begun: for commands that look at something. */
int debugger_begin(struct debugger *d, struct err *err);

/* The prompt of the next run, as somebody types it: perhaps in quotes. */
int debugger_set_prompt(struct debugger *d, const char *args, struct err *err);

/* ---- saying -------------------------------------------------------------------------------- */

void say(struct debugger *d, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void say_styled(struct debugger *d, enum ui_style style, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* A table with aligned columns, as wide as the front end is. */
void say_table(struct debugger *d, struct ui_table *t);
/* Columns of a line: those of the front end, 80 where it has no end. */
int say_width(const struct debugger *d);
/*
 * Text in lines that begin `indent` columns in and are broken at spaces; `at` columns of the first
 * are there already.
 */
void say_wrapped(struct debugger *d, const char *text, int indent, int at);
/* A name, and in a column beside it, or in the lines below, what it is. */
void say_entry(struct debugger *d, const char *name, const char *doc);
/* Hand what was said to the front end now. */
void say_flush(struct debugger *d);
/* Ask the person; yes where nobody can be asked. */
bool say_ask(struct debugger *d, const char *question);

/* ---- lines --------------------------------------------------------------------------------- */

/*
 * Run lines before the next one is asked for: `source`, the commands of a breakpoint.  `origin` is
 * the file that they are from, whose name and line errors begin with; NULL: nobody asks.  The
 * first that fails forgets the others.  Both are copied.
 */
void queue_lines(struct debugger *d, const char *lines, const char *origin);

/*
 * Hand the lines that follow, whoever they are from, to `take` instead of running them, until it
 * returns 1 (that was the last) or ERR_*; the prompt is ">" meanwhile.  line NULL: there will be no
 * more, what was begun is given up.
 */
typedef int take_fn(struct debugger *d, void *ctx, const char *line, struct err *err);
void take_lines(struct debugger *d, take_fn *take, void *ctx);

/*
 * For command.c: how deep files are nested; whether somebody takes lines; the next line, borrowed
 * until the next call, NULL: none or (some are left) too deep; and no more lines.
 */
struct line_queue *lines_new(void);
void lines_free(struct line_queue *q); /* NULL is fine */
int lines_depth(const struct line_queue *q);
bool lines_taken(const struct line_queue *q);
int lines_take(struct debugger *d, const char *line, struct err *err);
const char *lines_next(struct line_queue *q);
bool lines_left(const struct line_queue *q);
void lines_forget(struct debugger *d);
/* Put "FILE:LINE: " before the sentence of what the line got last failed with. */
void lines_wrap(const struct line_queue *q, struct err *err);

/* ---- places -------------------------------------------------------------------------------- */

/* The line for where one stands, which depends on the moment alone. */
void place_say(struct debugger *d);
/* Append "f32[6, 9, 64]" of a value, bound to the pass that is there. */
void place_add_shape(const struct debugger *d, value_id v, struct text *out);
/* Append a token as people read it: ' Paris', escaped. */
void place_add_token(const struct debugger *d, int32_t id, struct text *out);
/* Tokens beside the axes of `a`; those of the vocabulary in quotes or not. */
struct ui_token_labels place_labels(const struct debugger *d, const struct array *a, bool quoted);
/* Append a value by all its elements, or by what is known of them; false and err where nothing is.
 */
bool place_add_value(struct debugger *d, value_id v, struct text *out, struct err *err);
/* Append "mean 0.12 std 1.3 absmax 5.2, 3 NaN": of a value whose elements are not there. */
void place_add_stats(const struct stats *s, struct text *out);
/* "model.layers.3.self_attn → f32[6, 576] mean …": what a module that was left has made. */
int place_say_output(struct debugger *d, int module, struct err *err);

/* ---- source -------------------------------------------------------------------------------- */

/* The text of a file of modeling code by its path or name; NULL when it is not carried along. */
const char *source_text(const char *file);
const char *source_name(const char *file); /* "mistral.c" */
/* Its line n, from 1, without the end; NULL past the last. */
const char *source_line(const char *text, int n, size_t *len);
int source_n_lines(const char *text);
/* The line where a function is defined, 0: nowhere. */
int source_function(const char *text, const char *name);

/* ---- names and expressions: names.c -------------------------------------------------------- */

/*
 * What a path means where one stands: ".pattern" in the module of `.`, a bare leaf there and then
 * outward, "in[0]", "out", a module for its output, any name of point.h.  The value, or ERR_USAGE
 * with the candidates.
 */
int name_resolve(struct debugger *d, const char *path, value_id *v, struct err *err);

/* Whether a path could mean something somewhere: a condition is read before one is there. */
bool name_exists(struct debugger *d, const char *path, struct err *err);

/*
 * What `in` and `out` mean: the inputs of the module just left or selected, of the one at whose
 * entry one stands, of the module or op that comes next (of an op the weights last); into out[n],
 * how many.  The output of the module just left, or of the op that ran last; -1: none in this pass.
 * Both go by target->now, left_module and frames_up.
 */
int name_inputs(const struct debugger *d, value_id *out, int n);
value_id name_output(const struct debugger *d);

/* ERR_USAGE: the value was not computed yet, and how one gets behind the op that does. */
int name_missing(const struct debugger *d, value_id v, struct err *err);

struct names *names_new(void);
void names_free(struct names *n); /* NULL is fine */

/* ---- values that are kept: values.c -------------------------------------------------------- */

struct array_value;
struct values *values_new(void);
void values_free(struct values *v); /* NULL is fine */

/* A value with elements of its own; release it. */
int value_copy(const struct array_value *from, struct array_value *to, struct err *err);

/* Keep a copy as the next $N: its number, or ERR_MEMORY. */
int values_keep(struct values *v, const struct array_value *value, struct err *err);
/* The numbers of the first and the last that are there; one of them, NULL when it is not. */
int values_first(const struct values *v);
int values_last(const struct values *v);
const struct array_value *values_at(const struct values *v, int number);

/* Keep a copy as $name ("bpnum", without the $); ERR_MEMORY. */
int values_set(struct values *v, const char *name, const struct array_value *value,
	       struct err *err);
void values_set_number(struct values *v, const char *name, int64_t number);
/* The i-th name and its value, NULL past the last. */
const char *values_name(const struct values *v, int i, const struct array_value **value);

/* What "$", "$$", "$3", "$$2", "$name" mean: 1 and a copy, 0: no such word, ERR_USAGE: no value. */
int values_find(const struct values *v, const char *name, struct array_value *value,
		struct err *err);

/* Set $name by "$name = EXPRESSION". */
int set_variable(struct debugger *d, const char *args, struct err *err);

/* ---- expressions: functions.c, evaluate.c --------------------------------------------------- */

/* Functions beyond those of array_functions.def; ends with a name NULL. */
struct expression_function;
const struct expression_function *debugger_functions(void);

/*
 * Evaluate an expression as of now.  An error is told with the line and a caret below the place.
 * Release the result.
 */
int evaluate(struct debugger *d, const char *text, struct array_value *result, struct err *err);
/* The same where only a tensor will do; referenced for the caller. */
struct array *evaluate_tensor(struct debugger *d, const char *text, struct err *err);

/*
 * The names of expressions here, for whoever parses once and evaluates often: conditions.  What
 * they mean goes by target->now, left_module and frames_up.  Those ahead are for parsing only: a
 * name need mean nothing yet where one stands, and a value need not be there.
 */
struct expression_names;
const struct expression_names *debugger_names(struct debugger *d);
const struct expression_names *debugger_names_ahead(struct debugger *d);

/* Evaluate what was parsed, until Ctrl-C; *at: the byte that is wrong, where something is. */
struct expression;
int evaluate_parsed(struct debugger *d, const struct expression *e, struct array_value *result,
		    size_t *at, struct err *err);
/* Whether the last that failed did because a name means nothing here, or a value is not there. */
bool evaluate_saw_nothing(const struct debugger *d);

struct binding *binding_new(struct debugger *d);
void binding_free(struct binding *b); /* NULL is fine */

/* ---- other tensors: reference.c, cmd_diff.c ---------------------------------------------------
 */

struct array_value;
void references_free(struct references *r); /* NULL is fine */
/* A recording by its file, which stays open; borrowed until others are asked for.  NULL and err. */
struct recording *reference_recording(struct debugger *d, const char *path, struct err *err);
/*
 * A point of its newest run, with an optional selection; of pass `pass`, or -1: where it was stored
 * first.  Referenced for the caller; NULL and err.
 */
struct array *reference_tensor(struct debugger *d, const char *path, const char *point,
			       int64_t pass, struct err *err);
/* The same as functions of expressions: recording(file, point[, pass]) "ssi", npy(file) "s". */
int fn_recording(void *ctx, struct array_value *args, int n, struct array_value *result,
		 struct err *err);
int fn_npy(void *ctx, struct array_value *args, int n, struct array_value *result, struct err *err);
/*
 * Compare what this pass has computed with the same pass of a recording's newest run, and say the
 * first point that differs by more than `tolerance` (nmse; 0: 1e-5).
 */
int diff_reference(struct debugger *d, const char *path, double tolerance, struct err *err);

/* ---- how values look: show.c, describe.c, examine.c, display.c ------------------------------ */

/* Of "/20k": 0 where nothing is said. */
struct print_format {
	int64_t count;
	char letter; /* g f e d x b c of elements, s statistics, h heat map, k the largest */
};

/*
 * Read "/FMT" at *args, which then stands behind it and the spaces that follow; with_units: gdb's
 * sizes b h w g may stand there, and say nothing.  ERR_USAGE.
 */
int print_format_parse(const char **args, bool with_units, struct print_format *f, struct err *err);

/*
 * Append a value with a line feed; a text that says so (whole is not 0) in quotes.  Tensors are a
 * line of statistics and their elements, axes of positions and of the vocabulary with tokens.
 */
void show_value(const struct debugger *d, const struct array_value *v, const struct print_format *f,
		struct text *out);
/* Append one element of that type. */
void show_number(const struct debugger *d, double x, enum dtype dtype, char letter,
		 struct text *out);

/* Say what an expression or a value is, in full with where it comes from. */
int say_what_is(struct debugger *d, const char *text, bool in_full, struct err *err);
void say_what_value_is(struct debugger *d, value_id v, bool in_full);

/* Say elements from the one on that the text names; "": from the one on behind the last. */
struct examined *examined_new(void);
void examined_free(struct examined *x); /* NULL is fine */
int examine(struct debugger *d, const char *text, const struct print_format *f, struct err *err);
/* The element shown last, counted in C order, -1: none; and what it is. */
int64_t examined_last(const struct debugger *d, double *value);

/* Displays have the numbers 1, 2, ... */
struct displays *displays_new(void);
void displays_free(struct displays *s); /* NULL is fine */
int displays_add(struct debugger *d, const char *text, const struct print_format *f,
		 struct err *err);
enum display_change { DISPLAY_DELETE, DISPLAY_ENABLE, DISPLAY_DISABLE };
int displays_change(struct debugger *d, int number, enum display_change what, struct err *err);
int displays_number(const struct displays *s, int i); /* 0 past the last */
void displays_list(struct debugger *d);

/*
 * Say all that are enabled, at a stop.  One that fails is disabled, which is the error; one whose
 * value is not there where one stands says that and waits.
 */
int displays_show(struct debugger *d, struct err *err);
int displays_show_one(struct debugger *d, int number, struct err *err);

/* ---- SQL: questions.c, cmd_sql.c ------------------------------------------------------------- */

/*
 * What SQL is asked of here, by the functions of `torchless query` with values as of now: the
 * recording that is stepped through, or that the session writes (with all that happened by now), or
 * one that is empty.  Borrowed until questions_close(), which whoever ends or begins a recording
 * calls.  NULL and err.
 */
struct recording *questions_recording(struct debugger *d, struct err *err);
void questions_close(struct debugger *d);
void questions_free(struct debugger *d);
/* Whether the one that was asked last holds anything. */
bool questions_are_recorded(const struct debugger *d);

/*
 * A condition in SQL: whether the first column of its first row is true, without a row it is not;
 * within five seconds.  check only compiles it.
 */
int question_truth(struct debugger *d, const char *sql, bool *truth, struct err *err);
int question_check(struct debugger *d, const char *sql, struct err *err);

/*
 * Run SQL and say its rows as `query` prints them; all: not only the first of a box; drops: what a
 * narrow screen does without, NULL: nothing.
 */
int say_query(struct debugger *d, struct recording *rec, const char *sql, const char *const *params,
	      int n_params, bool all, const char *drops, struct err *err);

/* ---- locations: location.c ----------------------------------------------------------------- */

/* A place in a pass that a path names. */
struct spot {
	int op;       /* the first op of the module, or the op that computes the point */
	int module;   /* which is entered; -1: an op or a point */
	int depth;    /* where one stands before the op */
	value_id out; /* what it makes */
};

struct location {
	enum {
		LOCATION_OPS,
		LOCATION_TOKENIZER, /* before its first step */
		LOCATION_SAMPLER, /* the same: the end of every pass that a token is picked from */
		LOCATION_TOKEN,
		LOCATION_MOMENT
	} kind;
	int *depth; /* LOCATION_OPS: [n_ops + 1], where one stands before the op, -1: not before
		       this one */
	struct spot *spots; /* LOCATION_OPS: the same by what was named, in the order of ops */
	int n_spots;
	size_t cap_spots;
	int64_t token;        /* LOCATION_TOKEN: the first op of the pass that holds the position */
	struct moment moment; /* LOCATION_MOMENT */
	struct text text;     /* as it is shown, which reads back as the same wherever one stands */
	struct text note; /* what else is to be said of it: "line 96 has no op: ..."; or nothing */
};

/* Of paths.c: add what a path means, or a module, or an op. */
int paths_find(struct debugger *d, const char *path, struct location *l, struct err *err);
void location_add_module(struct location *l, const struct program *p, int module);
void location_add_op(struct location *l, const struct program *p, int op);

/*
 * Read "layers.*.mlp", "/re/", "L3.attn.pattern", "mistral.c:104", "tokenizer", "sampler",
 * "token 5", "op 131", "0.131"; "" is where one stands.  ERR_USAGE with the nearest names.
 */
int location_parse(struct debugger *d, const char *text, struct location *l, struct err *err);
void location_release(struct location *l);
/* Whether a moment lies there; then with the depth at which one stands. */
bool location_has(const struct debugger *d, const struct location *l, struct moment *at);

/* "-t FILE [NMSE]": the first value by now that differs from a recording; cmd_diff.c. */
int diff_recording(struct debugger *d, const char *args, struct err *err);

/* ---- branches: cmd_branch.c ----------------------------------------------------------------- */

void changes_free(struct changes *c); /* NULL is fine */

/* ---- breakpoints --------------------------------------------------------------------------- */

struct breakpoints;
struct breakpoints *breakpoints_new(void);
void breakpoints_free(struct breakpoints *b); /* NULL is fine */

/* Set the one that is there by itself, number 0: a NaN stops. */
void breakpoints_guard(struct debugger *d);

/* Mark where a breakpoint, a watchpoint or a catchpoint wants to be asked. */
void breakpoints_mark(struct debugger *d, struct stopper *s);

/*
 * Around a way forward: it begins, and one stands again.  One that is on its way asks at every
 * moment that was marked: 1 when something stops here (its depth is set, and why was said), 0, or
 * ERR_*.  at_goal: one stops here anyway, so conditions are not asked.
 */
void breakpoints_depart(struct debugger *d);
int breakpoints_ask(struct debugger *d, struct moment *at, bool at_goal, struct err *err);
void breakpoints_arrive(struct debugger *d);
/* The generation has ended: what they have to say of that. */
void breakpoints_say_end(struct debugger *d);

/*
 * The same on a way back, in which nothing runs.  turn: it begins, at target->now.  ask_back: the
 * target was moved to `at`; all ops of a pass are asked, the latest first, beginning with the end
 * of the pass.  1: stop at *at, which may then be a later moment than where one stands (a watch
 * sees that a value is another before the op that one came from).  Nothing is printed but why.
 */
void breakpoints_turn(struct debugger *d);
int breakpoints_ask_back(struct debugger *d, struct moment *at, struct err *err);

/*
 * Of the stop on the way just made: the module it is behind of, which `.` means (-1), and whether
 * its commands begin with `silent`, so that nothing is said.  Then, when all was said: queue its
 * commands, and tell of a condition that failed, which in a script is a failure.
 */
int breakpoints_left_module(const struct debugger *d);
bool breakpoints_are_silent(const struct debugger *d);
int breakpoints_end(struct debugger *d, struct err *err);

/*
 * Before a way forward or back: what is not known of the hits that ignore counts count, because
 * one went straight to where one stands, is found out.
 */
int breakpoints_ready(struct debugger *d, struct err *err);

/* An edit changed what happens from `at` on: forget what is remembered of it. */
void breakpoints_forget(struct debugger *d, const struct moment *at);

/* The number that was given last, $bpnum; 0: none. */
int breakpoints_last(const struct debugger *d);

/* ---- time ---------------------------------------------------------------------------------- */

/* Where a command wants to come to; a breakpoint may stop it before. */
struct destination {
	bool has_goal;
	struct moment goal;              /* the first moment that is not before it */
	const struct location *location; /* or that lies here; NULL: none */
	bool leaves;                     /* arriving there is leaving left_module */
	int left_module;
};

/* On until there, a breakpoint or the end; tells why and where. */
int travel_forward(struct debugger *d, const struct destination *to, struct err *err);
/* Back to the goal, or to the beginning, or to the latest stop behind it. */
int travel_back(struct debugger *d, const struct destination *to, struct err *err);
/* One stands where the target is now: say so. */
int travel_stand(struct debugger *d, struct err *err);
/* Straight to a moment, asking no breakpoint. */
int travel_to(struct debugger *d, const struct moment *to, struct err *err);

#endif
