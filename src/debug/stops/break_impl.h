/*
 * break_impl.h -- what the files of breakpoints share.
 *
 *	question.c     where a location is asked about: before what it names, or behind it
 *	condition.c    an expression that is asked at ops: parsed and resolved once
 *	breakpoint.c   the list of them: who is asked where, hits, ignore counts
 *	break_at.c     those that lie at a location: break, tbreak, dprintf
 *	survey.c       what would have stopped, over passes that are run again
 *	watch.c        those that see a value change, or be read
 *	catch.c        those that look at every value, or at every token
 *	break_words.c  as tables, and as lines that set them again
 *	cmd_break.c, cmd_hits.c  the commands
 *
 * A file calls those above it and none below.
 */
#ifndef BREAK_IMPL_H
#define BREAK_IMPL_H

#include "../debug_impl.h"
#include "torchless/expression.h"

/* ---- questions and conditions -------------------------------------------------------------- */

/* Where something is asked: before `op` (-1: in the tokenizer), standing so deep. */
struct question {
	int op, depth;
	int left_module;         /* what `.` means there, when it was just left; else -1 */
	const struct spot *spot; /* NULL: none */
	bool is_here;            /* names mean what they mean where the debugger stands */
};

/*
 * The questions of a location, in the order of ops, for free(): behind what it names when `out` is
 * asked for.  The location must outlive them.
 */
struct question *location_questions(const struct debugger *d, const struct location *l, bool behind,
				    int *n);

/* An expression that is asked at questions; their number is their place in the list. */
struct condition {
	char *text;
	struct expression *e; /* NULL: text is SQL */
	int n_paths, n_questions;
	value_id *values; /* [n_questions][n_paths]; -1: not to be seen there */
};

/* Whether the text speaks of `out`: then it is asked behind what makes it. */
bool condition_uses_out(const char *text);

/*
 * Parse and check against the heads of what its names mean at the questions, whose list need not
 * outlive the call.  ERR_USAGE with a caret under what is wrong, or when no question can see what
 * it asks for.
 */
int condition_new(struct debugger *d, const char *text, const struct question *q, int n,
		  struct condition **out, struct err *err);
void condition_free(struct condition *c); /* NULL is fine */

/* Whether what it asks for is there at question i. */
bool condition_sees(const struct condition *c, int i);

/* Its value at question i, where the target stands; `result` is to be released. */
int condition_evaluate(struct debugger *d, const struct condition *c, const struct question *q,
		       int i, const struct moment *at, struct array_value *result, struct err *err);

/* Whether it holds there; false where it cannot see. */
int condition_holds(struct debugger *d, const struct condition *c, const struct question *q, int i,
		    const struct moment *at, bool *holds, struct err *err);

/* Append a value in a line: a number, or a tensor's shape and its first elements. */
void value_add_line(const struct array_value *v, struct text *out);

/* Say a line, cut to the width of the front end. */
void say_clipped(struct debugger *d, const struct text *line);

/* ---- breakpoints --------------------------------------------------------------------------- */

struct breakpoint;

/* What is found where a breakpoint is asked. */
struct answer {
	bool hit;
	int depth, left_module;
	struct moment at; /* a watch on the way back: maybe later than where one stands */
};

struct break_class {
	const char *type;  /* as `info breakpoints` has it */
	const char *title; /* "Breakpoint": as a stop says it */
	bool is_silent;    /* going forward it acts; nothing stops */
	void (*mark)(struct debugger *d, const struct breakpoint *b, struct stopper *s);
	int (*ask)(struct debugger *d, struct breakpoint *b, const struct moment *at, bool is_back,
		   struct answer *a, struct err *err);
	/* Find out what it must know before a way; NULL: nothing. */
	int (*ready)(struct debugger *d, struct breakpoint *b, struct err *err);
	/* The generation has ended; NULL: it does not matter. */
	void (*at_end)(struct debugger *d, struct breakpoint *b);
	/* More about a stop, behind its title; or what it does instead of stopping. */
	void (*say)(struct debugger *d, struct breakpoint *b, const struct moment *at);
	/* What it is, for a table. */
	void (*what)(const struct debugger *d, const struct breakpoint *b, struct text *out);
	/* The line that sets it. */
	void (*line)(const struct breakpoint *b, struct text *out);
	void (*forget)(struct breakpoint *b, const struct moment *at);
	void (*release)(struct breakpoint *b);
};

enum disposition { KEEP, DELETE_WHEN_HIT, DISABLE_WHEN_HIT };

struct breakpoint {
	const struct break_class *class;
	int number;
	bool enabled;
	enum disposition disposition;

	/* Where it is asked, in the order of ops, and the first question of each op (-1 .. n_ops).
	 */
	struct question *questions;
	int n_questions;
	int *first_question;         /* [n_ops + 3]: of op i at i + 1 */
	struct condition *condition; /* NULL: none */
	struct location location;    /* of those that lie at one */

	/* The moments at which it was hit, in their order, those that were ignored too. */
	struct moment *hits;
	int n_hits;
	size_t cap_hits;
	int64_t ignore; /* so many of the first hits behind ignore_from are passed by */
	struct moment ignore_from;
	struct moment known_to; /* all hits from ignore_from up to here are in the list */
	bool is_on_known;       /* the way that one is on began there */

	struct text commands; /* lines */
	void *own;            /* of the class */
};

struct breakpoints {
	struct breakpoint **list; /* by number */
	int n;
	size_t cap;
	int last_number;

	struct moment turn; /* where the way back began */
	/* Why one stands: the numbers that were hit, what they say, and what they want to run. */
	struct text commands;
	bool is_silent;
	int left_module;
	struct err failed;
	const struct asking *asking; /* condition.c: while one is evaluated */
	void *collecting;            /* cmd_break.c: commands that are being typed */
};

/* Add one of the class, enabled, without a number yet where `number` < 0. */
struct breakpoint *breakpoint_add(struct debugger *d, const struct break_class *class);
struct breakpoint *breakpoint_find(const struct debugger *d, int number);
void breakpoint_delete(struct debugger *d, struct breakpoint *b);

/* Give it the questions, which it owns from here on, and forget its hits. */
void breakpoint_set_questions(struct debugger *d, struct breakpoint *b, struct question *q, int n);

/* Its questions at a moment: the first, and how many. */
int breakpoint_questions(const struct breakpoint *b, const struct moment *at, int *first);

/* Hits that have happened by now. */
int breakpoint_hits(const struct debugger *d, const struct breakpoint *b);
/* How many of those to come are still ignored, now and at a moment. */
int64_t breakpoint_ignores(const struct debugger *d, const struct breakpoint *b);
int64_t breakpoint_ignores_at(const struct breakpoint *b, const struct moment *at);
void breakpoint_remember(struct breakpoint *b, const struct moment *at);
void breakpoint_set_ignore(struct debugger *d, struct breakpoint *b, int64_t n);

/* Set or take away (NULL) the condition; on failure it has the one it had. */
int breakpoint_set_condition(struct debugger *d, struct breakpoint *b, const char *text,
			     struct err *err);

/* Compare where two moments are, whatever their depth. */
int site_compare(const struct moment *a, const struct moment *b);

/* ---- those at a location: break_at.c ------------------------------------------------------- */

extern const struct break_class break_at_location, break_printf;

/*
 * Set a breakpoint at a location, which it takes over in any case; text NULL: without a condition.
 * NULL on failure.
 */
struct breakpoint *break_at(struct debugger *d, struct location *l, const char *condition,
			    struct err *err);
/* The same, and print a line there: "fmt", then expressions, commas between. */
struct breakpoint *break_printf_at(struct debugger *d, struct location *l, const char *args,
				   struct err *err);

/* The length of an expression: up to the comma that is in no brackets and no text. */
size_t argument_length(const char *s);

/* ---- those that look at values: watch.c, catch.c ------------------------------------------- */

enum watch_kind { WATCH_WRITES, WATCH_READS, WATCH_BOTH };

/* Each NULL on failure; without a condition where it is NULL. */
struct breakpoint *break_watch(struct debugger *d, const char *text, const char *condition,
			       enum watch_kind kind, bool first, struct err *err);
bool breakpoint_is_watch(const struct breakpoint *b);

/* "nan", "inf", "absmax > X", "token \"TEXT\"", then perhaps the values that are looked at. */
struct breakpoint *break_catch(struct debugger *d, const char *text, const char *condition,
			       struct err *err);

/* ---- surveys ------------------------------------------------------------------------------- */

/*
 * Ask one of them from a moment on (NULL: the beginning) up to another (NULL: the end), running
 * what it takes, and come back: `tell` (may be NULL) hears of every hit.  ERR_*, or what `tell`
 * returned when it was negative.
 */
typedef int survey_fn(void *ctx, const struct answer *a, struct err *err);
int survey(struct debugger *d, struct breakpoint *b, const struct moment *from,
	   const struct moment *to, survey_fn *tell, void *ctx, struct err *err);

/* ---- words --------------------------------------------------------------------------------- */

/* The rows of `info breakpoints`; and the lines that set it again. */
void breakpoint_say_heading(struct debugger *d);
void breakpoint_say(struct debugger *d, const struct breakpoint *b);
void breakpoint_add_lines(const struct breakpoint *b, struct text *out);

/* ---- what their commands share: cmd_break.c -------------------------------------------------- */

/* Mark the breakpoints that a list means: "1 3-5 $bpnum"; all of them where it is empty. ERR_USAGE.
 */
int breakpoints_read_list(const struct debugger *d, const char *s, bool *wanted, struct err *err);
/* How many a person has set. */
int breakpoints_count(const struct breakpoints *bs);

#endif
