/*
 * filters.c -- finding a filter by its name, and the filters that run other filters and tests.
 */
#include "impl.h"

#include <string.h>

#define NOTHING ((struct value){ .kind = V_MISSING })

/* The arguments behind the first `n`. */
static struct args rest_of(const struct args *args, size_t n)
{
	struct args rest = *args;

	if (n > args->n)
		n = args->n;
	if (n)
		rest.at = args->at + n;
	rest.n = args->n - n;
	rest.cap = rest.cap_named = 0;
	return rest;
}

/* ---- map ---- */

static struct value map_attribute(struct jinja *j, struct value v, const struct args *args)
{
	const struct value *path = args_named(args, "attribute");
	const struct value *otherwise = args_named(args, "default");
	const struct seq *items = value_items(j, v);
	struct seq *out = seq_new(j, 0);

	if (args->n_named > 1u + (otherwise != NULL))
		jinja_fail(j, "'map' has an argument too many");
	for (size_t i = 0; i < items->n; i++)
		seq_add(j, out, get_path(j, items->at[i], *path, otherwise ? *otherwise : NOTHING));
	return v_stream(out, "generator");
}

static struct value map(struct jinja *j, struct value v, const struct args *args)
{
	struct args rest = rest_of(args, 1);
	const struct seq *items;
	struct seq *out = seq_new(j, 0);

	if (!value_truth(v))
		return v_stream(out, "generator");
	if (!args->n && args_named(args, "attribute"))
		return map_attribute(j, v, args);
	if (!args->n || !is_string(args->at[0]))
		jinja_fail(j, "map requires a filter argument");
	items = value_items(j, v);
	for (size_t i = 0; i < items->n; i++)
		seq_add(j, out, filter_run(j, args->at[0].s, items->at[i], &rest));
	return v_stream(out, "generator");
}

/* ---- select, reject, and by an attribute ---- */

static struct value choose(struct jinja *j, struct value v, const struct args *args, bool wanted,
			   bool by_attribute)
{
	struct args tested = rest_of(args, by_attribute), rest = rest_of(args, 1 + by_attribute);
	struct seq *out = seq_new(j, 0);
	const struct seq *items;

	if (!value_truth(v))
		return v_stream(out, "generator");
	if (by_attribute && !args->n)
		jinja_fail(j, "Missing parameter for attribute name");
	items = value_items(j, v);
	for (size_t i = 0; i < items->n; i++) {
		struct value x = by_attribute ? get_path(j, items->at[i], args->at[0], NOTHING)
					      : items->at[i];
		bool holds = tested.n ? test_run(j, arg_text(j, "a test", tested.at[0]), x, &rest)
				      : value_truth(x);

		if (holds == wanted)
			seq_add(j, out, items->at[i]);
	}
	return v_stream(out, "generator");
}

/* ---- all of them ---- */

struct value filter_run(struct jinja *j, struct bytes name, struct value v, const struct args *args)
{
	const struct filter *f = filter_find(name);
	struct value bound[JINJA_MAX_PARAMS];
	int which = filter_choosing(name);

	jinja_work(j, 1);
	if (f) {
		if (f->params)
			args_bind(j, f->name, f->params, f->required, args, bound);
		return f->run(j, v, bound, args);
	}
	if (which >= 0)
		return choose(j, v, args, which % 2 == 0, which >= 2);
	if (!bytes_are(name, "map"))
		jinja_fail(j,
			   filter_known(name) == UNKNOWN ? "there is no filter '%s'"
							 : "the filter '%s' is not supported",
			   short_name(j, name));
	/* map('map', ...) of map: the only way that filters nest. */
	jinja_enter(j);
	v = map(j, v, args);
	jinja_leave(j);
	return v;
}
