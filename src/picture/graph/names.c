/*
 * names.c -- ids and names: of several layers as one, and without what no picture can hold.
 *
 * Names may come from a stranger's checkpoint.  They are made harmless once, where they enter the
 * graph, so that dot and JSON have the same ids; what a language of labels would read in them is
 * escaped by whoever writes it (escape.c).
 */
#include "graph_impl.h"

#include "torchless/mem.h"
#include "torchless/utf8.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

/* U+FFFE and U+FFFF are characters of UTF-8 and none of XML. */
static bool is_no_character(const char *s)
{
	return s[0] == '\xEF' && s[1] == '\xBF' && (s[2] == '\xBE' || s[2] == '\xBF');
}

void name_add_clean(struct text *out, const char *s)
{
	const char *from = s;

	for (; *s; s++)
		if (is_no_character(s)) {
			text_add_visible(out, from, (size_t)(s - from));
			text_addf(out, "\\uFFF%c", s[2] == '\xBE' ? 'E' : 'F');
			s += 2;
			from = s + 1;
		}
	text_add_visible(out, from, (size_t)(s - from));
	text_add(out, "", 0);
}

char *name_clean(const char *s)
{
	struct text t = { 0 };

	name_add_clean(&t, s);
	return t.data;
}

char *name_take(struct text *t)
{
	char *s = t->len ? t->data : NULL;

	if (!s)
		text_release(t);
	*t = (struct text){ 0 };
	return s;
}

void name_add_folded(struct text *out, const char *name, const struct graph_layers *layers)
{
	const char *at = layers->first < layers->last ? strstr(name, "layers.") : NULL;
	struct text folded = { 0 };

	text_add(&folded, "", 0);
	if (at) {
		at += strlen("layers.");
		text_add(&folded, name, (size_t)(at - name));
		text_addf(&folded, "[%d-%d]", layers->first, layers->last);
		while (isdigit((unsigned char)*at))
			at++;
		name = at;
	}
	text_adds(&folded, name);
	name_add_clean(out, folded.data);
	text_release(&folded);
}

/* The bytes of at most `columns` characters at the start of s, or at its end. */
static size_t head_bytes(const char *s, int columns)
{
	size_t n = 0, len = strlen(s);

	for (; columns > 0 && n < len; columns--) {
		int step = utf8_decode(s + n, len - n, NULL);

		n += step ? (size_t)step : 1;
	}
	return n;
}

static int count_characters(const char *s)
{
	int n = 0;

	for (; *s; s++)
		n += (*s & 0xC0) != 0x80;
	return n;
}

void name_add_cut(struct text *out, const char *s, int columns)
{
	int n = count_characters(s), tail = (columns - 1) / 2;

	text_add(out, "", 0);
	if (n <= columns) {
		text_adds(out, s);
		return;
	}
	text_add(out, s, head_bytes(s, columns - 1 - tail));
	text_adds(out, "…");
	text_adds(out, s + head_bytes(s, n - tail));
}
