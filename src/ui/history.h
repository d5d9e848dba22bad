/*
 * history.h -- the file of a line editor's history: a line an entry, for its owner only.
 */
#ifndef TORCHLESS_HISTORY_H
#define TORCHLESS_HISTORY_H

#include "torchless/text.h"

#define HISTORY_ENTRIES 1000

/*
 * $XDG_STATE_HOME/torchless/<name>, else below ~/.local/state; the caller frees it.  NULL when the
 * environment names no home.
 */
char *history_file_path(const char *name);

/*
 * Append the newest HISTORY_ENTRIES lines, each with its end, to `out`; nothing when there is no
 * such file.  One that has become long is made shorter; false when that could not be written.
 */
bool history_file_read(const char *path, struct text *out);

/* Append a line, with its end; false when it cannot be kept. */
bool history_file_append(const char *path, const char *line, size_t len);

#endif
