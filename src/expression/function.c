/*
 * function.c -- which function a name means: the caller's own before those over arrays.
 */
#include "expression_impl.h"

#include <string.h>

static const struct expression_function *own_function(const struct expression_names *names,
						      const char *name)
{
	const struct expression_function *f = names ? names->functions : NULL;

	while (f && f->name && strcmp(f->name, name) != 0)
		f++;
	return f && f->name ? f : NULL;
}

int function_missing(const struct expression_names *names, const char *name, struct err *err)
{
	const struct expression_function *f = names ? names->functions : NULL;
	struct text_nearest near = { .name = name, .distance = text_too_far(name) };

	for (int i = 0; i < array_functions_len; i++)
		text_nearest_offer(&near, array_functions[i].name);
	for (; f && f->name; f++)
		text_nearest_offer(&near, f->name);
	if (near.best)
		return err_set(err, ERR_USAGE, "there is no function '%s': did you mean %s?", name,
			       near.best);
	return err_set(err, ERR_USAGE, "there is no function '%s'", name);
}

bool function_find(const struct expression_names *names, const char *name, struct function *f)
{
	const struct expression_function *own = own_function(names, name);
	const struct array_function *array = own ? NULL : array_function_find(name);

	if (own)
		*f = (struct function){ .own = own,
					.name = own->name,
					.args = own->args,
					.params = own->params,
					.min_args = own->min_args };
	else if (array)
		*f = (struct function){ .array = array,
					.name = array->name,
					.args = array->args,
					.params = array->params,
					.min_args = array->min_args };
	return own || array;
}

int function_refuse(const struct function *f, struct err *err)
{
	return err_set(err, ERR_USAGE, "%s takes other arguments: %s%s", f->name, f->name, f->args);
}

int function_place(const struct function *f, const char *key)
{
	static const char ends[] = "()[], ";
	int place = 0;

	for (const char *at = f->args + strspn(f->args, ends); *at; at += strspn(at, ends)) {
		size_t len = strcspn(at, ends);

		if (len == strlen(key) && !memcmp(at, key, len))
			return place;
		at += len;
		place++;
	}
	return -1;
}
