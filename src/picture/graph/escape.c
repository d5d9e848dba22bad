/*
 * escape.c -- a text inside of dot: a name in quotes, what hovers, an HTML-like label, a URL.
 *
 * Nothing in a name may end the string that it stands in, or mean something to Graphviz, to which a
 * backslash begins "\N" (the name of the node) and "&" an entity of HTML; that it copies to the SVG
 * as it is, whether XML knows it or not.  How often a backslash is read is Graphviz's secret: once
 * in an id and in a label, twice in a tooltip, from 2.42 to now.
 */
#include "graph_impl.h"

#include "torchless/mem.h"

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

static void add_quoted(struct text *out, const char *s, const char *backslash)
{
	struct text clean = { 0 };

	name_add_clean(&clean, s);
	for (const char *c = clean.data; *c; c++)
		if (*c == '&')
			add_entity(out, '&');
		else if (*c == '"')
			text_adds(out, "\\\"");
		else if (*c == '\\')
			text_adds(out, backslash);
		else
			text_addc(out, *c);
	text_release(&clean);
}

void escape_string(struct text *out, const char *s)
{
	text_addc(out, '"');
	add_quoted(out, s, "\\\\");
	text_addc(out, '"');
}

void escape_tooltip(struct text *out, const char *s)
{
	text_addc(out, '"');
	while (*s) {
		size_t n = strcspn(s, "\n");
		char *line = mem_memdup(s, n);

		add_quoted(out, line, "\\\\\\\\");
		free(line);
		s += n;
		if (*s == '\n') {
			text_adds(out, "\\n");
			s++;
		}
	}
	text_addc(out, '"');
}

void escape_html(struct text *out, const char *s)
{
	struct text clean = { 0 };
	bool blank = true;

	name_add_clean(&clean, s);
	for (const char *c = clean.data; *c; c++) {
		if (*c == '&' || *c == '<' || *c == '>' || *c == '"' || *c == '\'')
			add_entity(out, (unsigned char)*c);
		else if (*c == '\\')
			text_adds(out, "\\\\");
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
