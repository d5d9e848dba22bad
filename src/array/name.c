/*
 * name.c -- "L3.attn.pattern[run=1, pass=0, head=2]" taken apart, and who is asked for it.
 */
#include "torchless/array.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

/* "run=3" gives 3; -1 when the item is about something else, -2 when it is no number. */
static int64_t item_number(const char *item, size_t len, const char *key)
{
	size_t n = strlen(key);
	int64_t number;
	char *end;

	if (len <= n || memcmp(item, key, n) != 0 || item[n] != '=')
		return -1;
	number = strtoll(item + n + 1, &end, 10);
	return end == item + len && len > n + 1 && number >= 0 ? number : -2;
}

static int add_item(struct array_name *out, const char *item, size_t len, const char *text,
		    struct err *err)
{
	int64_t run = item_number(item, len, "run"), pass = item_number(item, len, "pass");

	if (run == -2 || pass == -2)
		return err_set(err, ERR_USAGE, "'%.*s' in '%.80s' is no number of a %s", (int)len,
			       item, text, run == -2 ? "run" : "pass");
	if (run >= 0)
		out->run = run;
	else if (pass >= 0)
		out->pass = pass;
	else
		text_addf(&out->sel, "%s%.*s", out->sel.len ? "," : "[", (int)len, item);
	return 0;
}

static int read_brackets(struct array_name *out, const char *rest, const char *text,
			 struct err *err)
{
	const char *at = rest + 1;

	while (*at && *at != ']') {
		size_t whole, len;

		at += strspn(at, " ");
		whole = len = strcspn(at, ",]");
		while (len > 0 && isspace((unsigned char)at[len - 1]))
			len--;
		if (add_item(out, at, len, text, err))
			return err->code;
		at += whole + (at[whole] == ',');
	}
	if (out->sel.len)
		text_addc(&out->sel, ']');
	return 0;
}

int array_name_parse(const char *text, struct array_name *n, struct err *err)
{
	const char *rest;
	int ret = selection_split(text, n->point, sizeof(n->point), &rest, err);

	return !ret && *rest ? read_brackets(n, rest, text, err) : ret;
}

int array_sources_find(const struct array_source *sources, int n, const char *text,
		       struct array *head, struct err *err)
{
	int ret = ERR_USAGE;

	for (int i = 0; i < n && ret == ERR_USAGE; i++)
		ret = sources[i].find(sources[i].ctx, text, head, err);
	return ret;
}

struct array *array_sources_read(const struct array_source *sources, int n, const char *text,
				 struct err *err)
{
	struct array *a = NULL;

	for (int i = 0; i < n && !a; i++) {
		a = sources[i].read(sources[i].ctx, text, err);
		if (!a && err->code != ERR_USAGE)
			return NULL;
	}
	return a;
}
