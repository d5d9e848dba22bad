/*
 * named.c -- recordings by the names that a lesson gives them.
 */
#include "recordings.h"

#include "torchless/mem.h"

#include <stdlib.h>
#include <string.h>

static const struct course_trace *trace_of(const struct lesson *l, const char *name,
					   struct err *err)
{
	const struct course_trace *t = lesson_trace(l, name);

	if (!t)
		err_set(err, ERR_FORMAT, "lesson %s has no recording '%s'", l->number, name);
	return t;
}

int lesson_recording(const struct classroom *room, const struct lesson *l, const char *name,
		     struct text *path, struct err *err)
{
	const struct course_trace *t = trace_of(l, name, err);

	return t ? recording_of_section(room, t->conf, false, path, err) : err->code;
}

int lesson_twin(const struct classroom *room, const struct lesson *l, const char *name,
		struct text *path, struct err *err)
{
	const struct course_trace *t = trace_of(l, name, err);

	return t ? recording_of_section(room, t->conf, true, path, err) : err->code;
}

/* The length of "{NAME}" at s, where NAME is a recording of the lesson, which is copied; else 0. */
static size_t braced(const struct lesson *l, const char *s, char **name)
{
	size_t n = strcspn(s + 1, "}");

	*name = NULL;
	if (!s[n + 1])
		return 0;
	*name = mem_memdup(s + 1, n);
	if (lesson_trace(l, *name))
		return n + 2;
	free(*name);
	*name = NULL;
	return 0;
}

int lesson_put_paths(const struct classroom *room, const struct lesson *l, const char *from,
		     void (*add_quoted)(struct text *t, const char *path), struct text *out,
		     struct err *err)
{
	int result = 0;

	while (*from && result == 0) {
		size_t plain = strcspn(from, "{"), n;
		struct text path = { 0 };
		char *name;

		text_add(out, from, plain);
		from += plain;
		if (!*from)
			break;
		n = braced(l, from, &name);
		if (name)
			result = lesson_recording(room, l, name, &path, err);
		if (name && result == 0)
			add_quoted(out, path.data);
		if (!name)
			text_addc(out, '{');
		from += n ? n : 1;
		text_release(&path);
		free(name);
	}
	return result;
}
