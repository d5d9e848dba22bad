/*
 * args.c -- the arguments of a call to the parameters of what is called, as Python binds them.
 */
#include "impl.h"

#include <string.h>

void args_add(struct jinja *j, struct args *a, struct value v)
{
	a->at = jinja_grow(j, a->at, a->n, &a->cap, sizeof(*a->at));
	a->at[a->n++] = v;
}

void args_add_named(struct jinja *j, struct args *a, struct bytes name, struct value v)
{
	for (size_t i = 0; i < a->n_named; i++)
		if (bytes_equal(a->named[i].name, name))
			jinja_fail(j, "the argument '%s' is given twice", short_name(j, name));
	a->named = jinja_grow(j, a->named, a->n_named, &a->cap_named, sizeof(*a->named));
	a->named[a->n_named++] = (struct named){ name, v };
}

const struct value *args_named(const struct args *a, const char *name)
{
	for (size_t i = 0; i < a->n_named; i++)
		if (bytes_are(a->named[i].name, name))
			return &a->named[i].value;
	return NULL;
}

/* The parameters that a list names. */
static int split_names(const char *names, struct bytes out[JINJA_MAX_PARAMS])
{
	int n = 0;

	while (*names) {
		size_t len = strcspn(names, ",");

		out[n++] = (struct bytes){ names, len };
		names += len + (names[len] == ',');
	}
	return n;
}

static int find_name(const struct bytes *names, int n, struct bytes name)
{
	for (int i = 0; i < n; i++)
		if (bytes_equal(names[i], name))
			return i;
	return -1;
}

void args_bind(struct jinja *j, const char *what, const char *names, int required,
	       const struct args *args, struct value out[JINJA_MAX_PARAMS])
{
	struct bytes name[JINJA_MAX_PARAMS];
	int n = split_names(names, name);

	if (args->n > (size_t)n)
		jinja_fail(j, "%s takes at most %d %s, not %zu", what, n,
			   plural(n, "argument", "arguments"), args->n);
	for (int i = 0; i < JINJA_MAX_PARAMS; i++)
		out[i] = (struct value){ .kind = V_MISSING };
	for (size_t i = 0; i < args->n; i++)
		out[i] = args->at[i];
	for (size_t i = 0; i < args->n_named; i++) {
		int at = find_name(name, n, args->named[i].name);

		if (at < 0)
			jinja_fail(j, "%s takes no argument named '%s'", what,
				   short_name(j, args->named[i].name));
		if (out[at].kind != V_MISSING)
			jinja_fail(j, "%s is given '%s' twice", what,
				   short_name(j, args->named[i].name));
		out[at] = args->named[i].value;
	}
	for (int i = 0; i < required; i++)
		if (out[i].kind == V_MISSING)
			jinja_fail(j, "%s wants the argument '%.*s'", what,
				   (int)(name[i].len - (*name[i].data == '/')),
				   name[i].data + (*name[i].data == '/'));
}

bool arg_bool(struct value v, bool otherwise)
{
	return v.kind == V_MISSING ? otherwise : value_truth(v);
}

int64_t arg_int(struct jinja *j, const char *what, struct value v, int64_t otherwise)
{
	if (v.kind == V_MISSING)
		return otherwise;
	if (!is_integer(v))
		jinja_fail(j, "%s wants an integer, not %s", what, type_name(v));
	return integer_of(v);
}

struct bytes arg_text(struct jinja *j, const char *what, struct value v)
{
	if (!is_string(v))
		jinja_fail(j, "%s wants a string, not %s", what, type_name(v));
	return v.s;
}

struct bytes arg_optional_text(struct jinja *j, const char *what, struct value v)
{
	return v.kind == V_MISSING || v.kind == V_NONE ? NO_BYTES : arg_text(j, what, v);
}
