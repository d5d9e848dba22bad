/*
 * edit.h -- a line that is being typed, and those that were typed before.
 *
 * line.h reads lines where the cursor is at the end of everything; this is for a front end that has
 * a line among other things on the screen, reads its keys itself and draws it itself.  The keys are
 * those of emacs, as there; the history is the same file.
 */
#ifndef TORCHLESS_EDIT_H
#define TORCHLESS_EDIT_H

#include "torchless/line.h"

struct edit_line {
	struct text text;
	size_t cursor; /* bytes before it */
	char **history;
	int n_history;
	size_t cap_history;
	int at;            /* the entry that is shown; n_history: what is being typed */
	struct text draft; /* which is kept here meanwhile */
	char *path;        /* of the history; NULL: memory only */
};

/* `history`: a file's name in $XDG_STATE_HOME/torchless, see line.h; NULL: memory only. */
void edit_open(struct edit_line *e, const char *history);
void edit_close(struct edit_line *e);

enum edit_key {
	EDIT_LEFT,
	EDIT_RIGHT,
	EDIT_WORD_LEFT,
	EDIT_WORD_RIGHT,
	EDIT_HOME,
	EDIT_END,
	EDIT_BACKSPACE,
	EDIT_DELETE,
	EDIT_CUT_WORD, /* back to the beginning of the word */
	EDIT_CUT_BEFORE,
	EDIT_CUT_BEHIND,
	EDIT_OLDER,
	EDIT_NEWER,
};

/* False when there was nothing to do. */
bool edit_key(struct edit_line *e, enum edit_key key);

/* Put a character in at the cursor; what a terminal would obey, or a line too long, is refused. */
bool edit_insert(struct edit_line *e, uint32_t cp);

/* Another text, with the cursor behind it. */
void edit_set(struct edit_line *e, const char *text);

/*
 * The newest entry that contains `text`, older than the one shown last; then it is the text. False:
 * there is none.
 */
bool edit_search(struct edit_line *e, const char *text);

/*
 * Put in what all candidates begin with.  False when that is typed already: they are to be shown.
 */
bool edit_complete(struct edit_line *e, const struct candidates *c);

/* Keep what was typed as an entry, unless it begins with a space, and begin an empty line. */
void edit_remember(struct edit_line *e, const char *entry);

#endif
