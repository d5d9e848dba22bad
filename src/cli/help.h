/*
 * help.h -- what the forms of the manual share: help.c is for the terminal, help_markdown.c writes
 * docs/cli.md, help_man.c pages for man(1).
 */
#ifndef TORCHLESS_HELP_H
#define TORCHLESS_HELP_H

#include "torchless/cli.h"

/* Something and what it means; `code` in backquotes is what one types. */
struct help_fact {
	const char *name, *meaning;
};

/* What holds for every command; the lists end with one without a name. */
extern const char help_summary[];
extern const char help_first[];  /* a command to begin with */
extern const char help_output[]; /* where results and errors go, in lines */
extern const struct help_fact help_exits[], help_variables[];

/* What stands above the commands that a command understands itself. */
const char *help_inner_title(const struct inner_command *c);

/* All of the manual. */
void help_markdown(FILE *out);

/* The page of a command, or, NULL, the one of torchless. */
void help_man(FILE *out, const struct command *c);

#endif
