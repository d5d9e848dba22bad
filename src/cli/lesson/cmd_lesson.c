/*
 * cmd_lesson.c -- `torchless lesson`: the table of what it does, and the way there.
 */
#include "school.h"

#include <string.h>

static const struct subcommand {
	const char *name, *args;
	int (*run)(struct school *d, int n, const char *const *args, struct err *err);
	int min, max;
} subcommands[] = {
#define SUB(name, function, args, min, max, about, doc) { name, args, function, min, max },
#include "../lesson.def"
};

static const struct subcommand *find(const char *word, struct err *err)
{
	struct text_nearest near = { .name = word, .distance = text_too_far(word) };

	for (size_t i = 0; i < sizeof(subcommands) / sizeof(subcommands[0]); i++) {
		if (!strcmp(subcommands[i].name, word))
			return &subcommands[i];
		text_nearest_offer(&near, subcommands[i].name);
	}
	err_set(err, ERR_USAGE, "there is no `torchless lesson %s`%s%s%s", word,
		near.best ? "; did you mean " : "; `torchless lesson --help` lists what there is",
		near.best ? near.best : "", near.best ? "?" : "");
	return NULL;
}

static int check_count(const struct subcommand *s, int n, const char *const *args, struct err *err)
{
	if (n < s->min)
		return err_set(err, ERR_USAGE, "lesson %s wants %s; see `torchless lesson --help`",
			       s->name, s->args);
	if (s->max >= 0 && n > s->max)
		return err_set(err, ERR_USAGE, "lesson %s takes %d %s but '%s' is one more",
			       s->name, s->max, plural(s->max, "argument", "arguments"),
			       args[s->max]);
	return 0;
}

int cmd_lesson(struct invocation *in, struct err *err)
{
	const struct subcommand *s = in->n_args > 0 ? find(in->args[0], err) : NULL;
	int n = in->n_args > 0 ? in->n_args - 1 : 0;
	const char *const *args = in->n_args > 0 ? in->args + 1 : NULL;
	struct school d = { 0 };
	int r;

	if (in->n_args > 0 && (!s || check_count(s, n, args, err)))
		return err->code;
	r = school_open(&d, in, err);
	if (r == 0)
		r = s ? s->run(&d, n, args, err) : lesson_where(&d, 0, NULL, err);
	/* What was said before it failed is said. */
	if (r && d.out.len) {
		struct err kept = *err;

		school_flush(&d, err);
		*err = kept;
	}
	school_close(&d);
	return r;
}
