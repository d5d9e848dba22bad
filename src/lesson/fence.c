/*
 * fence.c -- the lines that begin and end a fenced block of Markdown, as CommonMark has them.
 */
#include "fence.h"

#include <ctype.h>
#include <string.h>

int fence_begins(const char *s, size_t len, int *indent)
{
	size_t i = 0, n = 0;

	while (i < len && s[i] == ' ')
		i++;
	*indent = (int)i;
	while (i + n < len && s[i + n] == s[i] && (s[i] == '`' || s[i] == '~'))
		n++;
	if (n < 3 || (s[i] == '`' && memchr(s + i + n, '`', len - i - n)))
		return 0;
	return (int)n;
}

bool fence_ends(const char *s, size_t len, char sign, int fence)
{
	int indent, n = fence_begins(s, len, &indent);

	while (len > 0 && isspace((unsigned char)s[len - 1]))
		len--;
	return n >= fence && s[indent] == sign && len == (size_t)indent + (size_t)n;
}
