/*
 * completion.h -- what the files of `torchless completion` share.
 *
 *	completion.c    writes the scripts: templates (bash.in, zsh.in, fish.in) and cli.h's tables
 *	names.c         answers the scripts, which ask for names that only a file knows
 */
#ifndef TORCHLESS_COMPLETION_H
#define TORCHLESS_COMPLETION_H

#include "torchless/cli.h"

/*
 * `torchless completion WHAT -- ARGUMENT...`, for the scripts alone, so no help names it.  True
 *when in->args[0] is one of these words and its names were printed:
 *
 *	queries FILE            the saved queries of a recording
 *	parameters FILE [NAME]  the parameters of one, or of all
 *	values FILE NAME KEY    what one of them may be, as far as the recording tells
 *	points [MODEL]          what --zero takes, of that model or the default one
 *	captures [MODEL]        what --capture takes: these, and the words that stand for several
 *	modules [MODEL]         what --module and --collapse take
 *	layers [MODEL]          what --expand takes
 *	debugger                the commands of the debugger that are one word
 *	functions               what torchless adds to SQL
 *
 * A line is a name, and, where there is one, a tab and a sentence that tells what it is.  Files are
 * strangers: a name is of [A-Za-z0-9_.-] (a point's also of ':') or is left out, a sentence holds
 * no control character, there are at most 1,000 lines, and half a second after the call the
 * program ends, silently, with status 3.  What cannot be read has no names: nothing is said on
 * stderr.
 */
bool completion_names(struct invocation *in);

#endif
