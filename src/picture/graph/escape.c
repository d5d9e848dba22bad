/*
 * escape.c -- a text inside of dot: as a string in quotes, in an HTML-like label, in a URL.
 *
 * Nothing in a name may end the string that it stands in, or mean something to Graphviz: in a
 * string a backslash begins "\N" (the node's name) and "&" an entity of HTML, which it copies to
 * the SVG as it is, whether XML knows it or not.
 */
#include "graph_impl.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

static void add_entity(struct text *out, unsigned char c)
{
	switch (c) {
	case '&':
		text_adds(out, "&amp;");
		break;
	case '<':
		text_adds(out, "&lt;");
		break;
	case '>':
		text_adds(out, "&gt;");
		break;
	default:
		text_addf(out, "&#%d;", c);
	}
}

/* Lines are lines: what else a name holds is seen, and harmless. */
void escape_string(struct text *out, const char *s)
{
	struct text clean = { 0 };

	text_addc(out, '"');
	while (*s) {
		size_t n = strcspn(s, "\n");
		char *line = strndup(s, n);

		text_clear(&clean);
		name_add_clean(&clean, line);
		free(line);
		for (const char *c = clean.data; *c; c++)
			if (*c == '&')
				add_entity(out, '&');
			else if (*c == '"' || *c == '\\')
				text_addf(out, "\\%c", *c);
			else
				text_addc(out, *c);
		s += n;
		if (*s == '\n') {
			text_adds(out, "\\n");
			s++;
		}
	}
	text_addc(out, '"');
	text_release(&clean);
}

void escape_html(struct text *out, const char *s)
{
	struct text clean = { 0 };
	bool blank = true;

	name_add_clean(&clean, s);
	for (const char *c = clean.data; *c; c++) {
		if (*c == '&' || *c == '<' || *c == '>' || *c == '"' || *c == '\'' || *c == '\\')
			add_entity(out, (unsigned char)*c);
		else
			text_addc(out, *c);
		blank &= *c == ' ';
	}
	if (blank)
		text_adds(out, "&#160;"); /* an element without text is an error to Graphviz */
	text_release(&clean);
}

void escape_url(struct text *out, const char *s)
{
	for (; *s; s++)
		if (isalnum((unsigned char)*s) || strchr("-._~:@", *s))
			text_addc(out, *s);
		else
			text_addf(out, "%%%02X", (unsigned char)*s);
}
