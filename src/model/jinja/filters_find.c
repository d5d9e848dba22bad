/*
 * filters_find.c -- which filters there are, by their names: of jinja2, and of those torchless has.
 */
#include "impl.h"

/* jinja2 has them, torchless not. */
static const char *const elsewhere[] = { "filesizeformat", "pprint", "random",
					 "striptags",      "urlize", "xmlattr" };

static const struct filter *in_table(const struct filter *table, struct bytes name)
{
	for (; table->name; table++)
		if (bytes_are(name, table->name))
			return table;
	return NULL;
}

const struct filter *filter_find(struct bytes name)
{
	const struct filter *f = in_table(text_filters, name);

	return f ? f : in_table(list_filters, name);
}

static const char *const choosing[] = { "select", "reject", "selectattr", "rejectattr" };

int filter_choosing(struct bytes name)
{
	for (int i = 0; i < 4; i++)
		if (bytes_are(name, choosing[i]))
			return i;
	return -1;
}

enum known filter_known(struct bytes name)
{
	if (filter_find(name) || filter_choosing(name) >= 0 || bytes_are(name, "map"))
		return KNOWN;
	for (size_t i = 0; i < sizeof(elsewhere) / sizeof(*elsewhere); i++)
		if (bytes_are(name, elsewhere[i]))
			return KNOWN_ELSEWHERE;
	return UNKNOWN;
}
