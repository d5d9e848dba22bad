/*
 * dev.c -- `dev`: what one needs who writes lessons.
 */
#include "school.h"

#include <string.h>

static const struct {
	const char *name, *args, *doc;
	int (*run)(struct school *d, int n, const char *const *args, struct err *err);
} works[] = {
#define DEV(name, function, args, doc) { name, args, doc, function },
#include "dev.def"
	{ NULL, NULL, NULL, NULL },
};

static int list_works(struct school *d, struct err *err)
{
	struct listing list;

	listing_init(&list, d->in, "what,arguments,does");
	for (int i = 0; works[i].name; i++) {
		listing_string(&list, works[i].name);
		listing_string(&list, works[i].args);
		listing_string(&list, works[i].doc);
	}
	return listing_print(&list, err);
}

int lesson_dev(struct school *d, int n, const char *const *args, struct err *err)
{
	struct text_nearest near = { .name = n > 0 ? args[0] : "" };

	if (n == 0)
		return list_works(d, err);
	near.distance = text_too_far(near.name);
	for (int i = 0; works[i].name; i++) {
		if (!strcmp(works[i].name, args[0]))
			return works[i].run(d, n - 1, args + 1, err);
		text_nearest_offer(&near, works[i].name);
	}
	return err_set(err, ERR_USAGE, "there is no `torchless lesson dev %s`%s%s%s", args[0],
		       near.best ? "; did you mean " : "", near.best ? near.best : "",
		       near.best ? "?" : "");
}
