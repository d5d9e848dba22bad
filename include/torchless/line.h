/*
 * line.h -- reading lines from a person: editing, history, completion; or plainly from a pipe.
 *
 * The editor is told by plain options and knows nothing of what is typed.
 */
#ifndef TORCHLESS_LINE_H
#define TORCHLESS_LINE_H

#include "torchless/err.h"
#include "torchless/text.h"
#include "torchless/ui.h"

#include <signal.h>
#include <stdbool.h>

/* What may stand instead of text[start..cursor). */
struct candidates {
	char **list;
	int n, n_more; /* those that are kept, a few thousand, and how many came after them */
	size_t cap;
	size_t start;
	size_t common;  /* bytes that all of them begin with, kept or not */
	bool has_range; /* one of them stands for several, and is shown and never put in */
};
/* Each is kept once; what is no UTF-8, holds control characters or has over 1024 bytes is left out.
 */
void candidates_add(struct candidates *c, const char *text);
/*
 * The files whose names begin with `word`, which may have a directory before it, in their order:
 * directories, with their slash, and those that end with `ending`, or all where nothing fits.
 */
void candidates_add_files(struct candidates *c, const char *word, const char *ending);
void candidates_release(struct candidates *c);

struct line_options {
	struct ui *ui; /* of stdout; it follows the terminal's width */
	/* Ctrl-C sets it while a terminal is read; line_read() clears it. */
	volatile sig_atomic_t *interrupted;
	const char *history; /* a file's name in $XDG_STATE_HOME/torchless; NULL: memory only */
	bool verbose;        /* say on stderr that the history is not kept */
	/* The candidates for the line at the cursor; what was typed behind it is in `after`. */
	void (*complete)(void *ctx, const char *before, const char *after, struct candidates *c);
	void *ctx;
};

enum { LINE_END = 0, LINE_READ = 1, LINE_CANCELLED = 2 };

struct line_reader;

/*
 * Edits on a terminal that can move its cursor; else reads stdin, and prompts on stderr when stdin
 * is a terminal.  There Ctrl-C does not end the program until line_reader_free().  What `o` points
 * to lives as long as the reader.
 */
struct line_reader *line_reader_new(const struct line_options *o);
void line_reader_free(struct line_reader *r);

/* A line without its end, which may hold NULs; LINE_CANCELLED after Ctrl-C, ERR_IO. */
int line_read(struct line_reader *r, const char *prompt, struct text *line, struct err *err);

/*
 * Keep an entry in the history, in memory and in the file, which only its owner can read.  One that
 * begins with a space is not kept, as in bash.
 */
void line_remember(struct line_reader *r, const char *entry);

#endif
