/*
 * kept.h -- what a recording answered, kept for the next time the course asks it the same.
 */
#ifndef LESSON_KEPT_H
#define LESSON_KEPT_H

#include "sheet.h"

/*
 * sheet_ask() of a recording of the cache, at `path`: the answer of the last time where the cache
 * has it, else asked, and kept.  For queries of the course, whose recordings are named in `sql` by
 * their paths in the cache: what is kept belongs to the bytes of all of them, to the words of the
 * query and to this program, and a file that is not exactly what was kept is as good as absent.
 */
int sheet_ask_kept(const struct classroom *room, struct recording *rec, const char *path,
		   const char *sql, struct sheet *s, struct err *err);

#endif
