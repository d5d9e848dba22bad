/*
 * words.c -- what is asked of a text that has been read: its words, anchors, info strings.
 */
#include "torchless/lesson_text.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

void lesson_text_words(const struct lesson_text *t, struct lesson_runs runs, struct text *out)
{
	for (int i = 0; i < runs.n; i++) {
		const struct lesson_run *r = &t->runs[runs.from + i];

		text_adds(out, r->style & RUN_BREAK ? " " : r->text);
	}
}

/* Letters and digits stay, small; spaces become '-'; other signs but '-' and '_' go. */
void lesson_text_anchor(const struct lesson_text *t, const struct lesson_block *b, struct text *out)
{
	struct text words = { 0 };

	lesson_text_words(t, b->runs, &words);
	for (size_t i = 0; i < words.len; i++) {
		unsigned char c = (unsigned char)words.data[i];

		if (c == ' ')
			text_addc(out, '-');
		else if (isalnum(c) || c == '-' || c == '_' || c >= 0x80)
			text_addc(out, (char)tolower(c));
	}
	text_release(&words);
}

const char *lesson_info(const char *info, const char *key, char *buf, size_t size)
{
	size_t key_len = strlen(key), n;

	for (const char *s = info; s && *s; s += n) {
		s += strspn(s, " \t");
		n = strcspn(s, " \t");
		if (n < key_len || memcmp(s, key, key_len) != 0 ||
		    (n > key_len && s[key_len] != '='))
			continue;
		if (n == key_len)
			snprintf(buf, size, "%s", "");
		else
			snprintf(buf, size, "%.*s", (int)(n - key_len - 1), s + key_len + 1);
		return buf;
	}
	return NULL;
}
