/*
 * look.c -- a file that is gone, empty, or as it was given out is told as what it is, and not by
 * what a compiler or a battery make of it.
 */
#include "look.h"

#include "../cut.h"

#include <ctype.h>
#include <string.h>

static bool is_blank(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (!isspace((unsigned char)text[i]))
			return false;
	return true;
}

int look_at_file(const struct classroom *room, const struct exercise *e, const char *text,
		 size_t len, const char **what, struct text *why, struct err *err)
{
	struct text starter = { 0 };
	int rc;

	*what = NULL;
	if (!text) {
		*what = "is there";
		text_addf(why, "%s is not there: `torchless lesson start %s` makes it", e->file,
			  e->lesson->number);
		return 0;
	}
	if (is_blank(text, len)) {
		*what = "has code in it";
		text_addf(why, "%s is empty: `torchless lesson reset %s` begins it again", e->file,
			  e->id);
		return 0;
	}
	rc = exercise_starter(room->course, e, &starter, err);
	if (!rc && starter.len == len && memcmp(starter.data, text, len) == 0) {
		*what = "is edited";
		text_addf(why, "%s is as it was given out: nothing was written yet", e->file);
	}
	text_release(&starter);
	return rc;
}
