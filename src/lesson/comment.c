/*
 * comment.c -- the comment that a wrong or an equivalent answer begins with: `key: value` lines,
 * which may go on in indented lines.
 */
#include "comment.h"

#include <ctype.h>
#include <string.h>

char *comment_value(const struct course_file *f, const char *key)
{
	const char *end = strstr(f->data, "*/"), *at = f->data;
	struct text out = { 0 };
	bool inside = false;

	while (end && at < end) {
		size_t len = strcspn(at, "\n"), skip = strspn(at, " \t*/"), n = strlen(key);
		const char *line = at + skip;
		size_t left = len > skip ? len - skip : 0;

		if (left > n && strncmp(line, key, n) == 0 && line[n] == ':') {
			inside = true;
			line += n + 1;
			left -= n + 1;
		} else if (inside && (left == 0 || skip < 4 || line >= end)) {
			break;
		}
		while (inside && left > 0 && isspace((unsigned char)*line))
			line++, left--;
		if (inside && left > 0 && line < end) {
			if (out.len > 0)
				text_addc(&out, ' ');
			text_add(&out, line, line + left > end ? (size_t)(end - line) : left);
		}
		at += len + (at[len] == '\n');
	}
	while (out.len > 0 && isspace((unsigned char)out.data[out.len - 1]))
		out.data[--out.len] = '\0';
	return out.data;
}
