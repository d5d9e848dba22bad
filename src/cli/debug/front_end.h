/*
 * front_end.h -- what the files of src/cli/debug share: a debugger, where its lines are from, and
 * where what it says goes.
 *
 *	output.c      what is said, a page at a time where somebody reads it; sentences of failures
 *	batch.c       the commands of -x and -ex
 *	tui*.c        the full-screen view: tui.h
 *	shell.c       a person at a terminal, or lines from a pipe
 *	cmd_debug.c   options, and which of them it is
 */
#ifndef DEBUG_FRONT_END_H
#define DEBUG_FRONT_END_H

#include "torchless/cli.h"
#include "torchless/debugger.h"
#include "torchless/line.h"

/* Where a person reads and is asked when it is not line by line. */
struct front_screen {
	void (*write)(void *ctx, const char *data, size_t len);
	bool (*ask)(void *ctx, const char *question);
	void (*report)(void *ctx, const struct err *err);
	void *ctx;
};

struct front_end {
	struct invocation *in;
	struct debugger *debugger;
	char engine[64];                   /* who records */
	struct line_reader *reader;        /* NULL in a batch */
	const struct front_screen *screen; /* NULL: lines on stdout and stderr */
	bool is_person;                    /* who types at a terminal and sees what is printed */
	bool has_prompted;
	bool quit;
	struct err failed; /* writing: the session cannot go on */

	int n_failed; /* commands, and the code of the first of them */
	int first_failure;
};

/* ---- output.c ------------------------------------------------------------------------------ */

/* debugger_options.write and .ask. */
void front_write(void *ctx, const char *data, size_t len);
bool front_ask(void *ctx, const char *question);

/* Tell a person, or a script that goes on, what went wrong. */
void front_report(struct front_end *f, const struct err *err);

/* Run a line: its ERR_*, that of writing, or 0; quit is set when it asked for that. */
int front_line(struct front_end *f, const char *line, enum line_origin origin, struct err *err);

/* ---- batch.c ------------------------------------------------------------------------------- */

/*
 * Run the commands of -x and -ex as they stand on the command line.  In a batch the first failure
 * ends it, with --keep-going it is reported and counted; before a shell it is reported.
 */
int front_scripts(struct front_end *f, struct err *err);

/* Run a file of commands, whose failures are told with its name and the line. */
int front_file(struct front_end *f, const char *path, struct err *err);

/* ---- the full-screen view: tui.c, tui_screen.c ------------------------------------------------
 */

/* ERR_TOOL: this terminal cannot. */
int screen_check(struct err *err);
/* Until one quits, or `tui disable`.  `scripts` run first, within it; NULL: none. */
int front_tui(struct front_end *f, int (*scripts)(struct front_end *f, struct err *err),
	      struct err *err);

/* ---- shell.c ------------------------------------------------------------------------------- */

/* The user's $XDG_CONFIG_HOME/torchless/init, before everything else. */
int front_init(struct front_end *f, struct err *err);

int front_shell(struct front_end *f, struct err *err);

#endif
