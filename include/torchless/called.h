/*
 * called.h -- how the program was called, so that what it tells one to type works when pasted.
 *
 * Sentences and help are written with the plain name, `torchless query`, and with the scripts of
 * the source tree as `scripts/NAME`, in backquotes.  What stands so becomes what works here: the
 * word that the program was called by, and where the script lies.  Errors pass through err_set(),
 * which does it; a line that is typed, as an example of help, has no backquotes.
 */
#ifndef TORCHLESS_CALLED_H
#define TORCHLESS_CALLED_H

#include <stdbool.h>
#include <stddef.h>

/*
 * The program was called by this word, quoted for a shell (copied).  For main(), before there are
 * threads; who never says so, as the extension of SQLite, is called torchless.
 */
void called_as(const char *word);
const char *called_name(void);

/*
 * A recording is open, and `words` says, when it is asked, what stands behind `torchless trace` to
 * make it again, where a sentence says `torchless trace --capture report PROMPT`: its options stand
 * before those of the sentence, which win, and what it read in place of PROMPT.  It returns false
 * when nobody knows; words too long for a sentence are not used.
 */
struct called_words {
	const char *options, *prompt; /* "" for none */
};
void called_recorded(bool (*words)(struct called_words *words));

/*
 * Until it is turned off: what is said is kept or sent, as a page is, and stays as it is written.
 * Returns whether it was so.
 */
bool called_plainly(bool on);

/*
 * The directory of the executable without links, as the system says it, or, where there is no
 * /proc, as `argv0` says by a path; false when neither tells.
 */
bool called_directory(const char *argv0, char *path, size_t size);

/* As snprintf(): writes what fits, with a NUL, and returns how long all of it is. */
size_t called_expand(const char *sentence, char *out, size_t size);
size_t called_expand_line(const char *line, size_t len, char *out, size_t size);

#endif
