/*
 * methods.c -- what lists, dicts, loops and cyclers can be asked, and finding any method.
 *
 * The tables name everything that Python's types have, so that a name that torchless does not know
 * is never taken for one that is not there.
 */
#include "impl.h"

#include <string.h>

/* ---- lists ---- */

static struct value seq_index(struct jinja *j, struct value self, const struct value *arg,
			      const struct args *args)
{
	(void)args;
	for (size_t i = 0; i < self.seq->n; i++)
		if (values_equal(j, self.seq->at[i], arg[0]))
			return v_int((int64_t)i);
	jinja_fail(j, "the value is not in the %s", type_name(self));
}

static struct value seq_count(struct jinja *j, struct value self, const struct value *arg,
			      const struct args *args)
{
	int64_t n = 0;

	(void)args;
	for (size_t i = 0; i < self.seq->n; i++)
		n += values_equal(j, self.seq->at[i], arg[0]);
	return v_int(n);
}

static struct value seq_copy(struct jinja *j, struct value self, const struct value *arg,
			     const struct args *args)
{
	(void)j, (void)arg, (void)args;
	return self;
}

/* The sandbox lets nothing be changed: see method_find(). */
static struct value unsafe(struct jinja *j, struct value self, const struct value *arg,
			   const struct args *args)
{
	(void)j, (void)arg, (void)args;
	return self;
}

static const struct method list_methods[] = {
	{ "append", unsafe, NULL, 0 }, { "clear", unsafe, NULL, 0 },
	{ "copy", seq_copy, "", 0 },   { "count", seq_count, "/value", 1 },
	{ "extend", unsafe, NULL, 0 }, { "index", seq_index, "/value", 1 },
	{ "insert", unsafe, NULL, 0 }, { "pop", unsafe, NULL, 0 },
	{ "remove", unsafe, NULL, 0 }, { "reverse", unsafe, NULL, 0 },
	{ "sort", unsafe, NULL, 0 },   { NULL, NULL, NULL, 0 },
};

static const struct method tuple_methods[] = {
	{ "count", seq_count, "/value", 1 },
	{ "index", seq_index, "/value", 1 },
	{ NULL, NULL, NULL, 0 },
};

static const struct method range_methods[] = {
	{ "count", seq_count, "/value", 1 }, { "index", seq_index, "/value", 1 },
	{ "start", NULL, NULL, 0 },          { "stop", NULL, NULL, 0 },
	{ "step", NULL, NULL, 0 },           { NULL, NULL, NULL, 0 },
};

/* ---- dicts ---- */

static struct value dict_get(struct jinja *j, struct value self, const struct value *arg,
			     const struct args *args)
{
	const struct value *found;

	(void)args;
	if (!is_hashable(arg[0]))
		jinja_fail(j, "unhashable type: '%s'", type_name(arg[0]));
	found = dict_find(j, self.dict, arg[0]);
	if (found)
		return *found;
	return arg[1].kind == V_MISSING ? v_none() : arg[1];
}

static struct value view(struct seq *s, const char *type)
{
	s->type = type;
	return v_seq(V_VIEW, s);
}

static struct value dict_keys(struct jinja *j, struct value self, const struct value *arg,
			      const struct args *args)
{
	(void)arg, (void)args;
	return view(value_items(j, self), "dict_keys");
}

static struct value dict_values(struct jinja *j, struct value self, const struct value *arg,
				const struct args *args)
{
	struct seq *s = seq_new(j, self.dict->n);

	(void)arg, (void)args;
	for (size_t i = 0; i < self.dict->n; i++)
		seq_add(j, s, self.dict->at[i].value);
	return view(s, "dict_values");
}

static struct value dict_items(struct jinja *j, struct value self, const struct value *arg,
			       const struct args *args)
{
	struct seq *s = seq_new(j, self.dict->n);

	(void)arg, (void)args;
	for (size_t i = 0; i < self.dict->n; i++)
		seq_add(j, s, v_pair(j, self.dict->at[i].key, self.dict->at[i].value));
	return view(s, "dict_items");
}

static const struct method dict_methods[] = {
	{ "clear", unsafe, NULL, 0 },      { "copy", seq_copy, "", 0 },
	{ "fromkeys", NULL, NULL, 0 },     { "get", dict_get, "/key,/default", 1 },
	{ "items", dict_items, "", 0 },    { "keys", dict_keys, "", 0 },
	{ "pop", unsafe, NULL, 0 },        { "popitem", unsafe, NULL, 0 },
	{ "setdefault", unsafe, NULL, 0 }, { "update", unsafe, NULL, 0 },
	{ "values", dict_values, "", 0 },  { NULL, NULL, NULL, 0 },
};

/* ---- what else has names, none of which is of use in a prompt ---- */

static const struct method int_methods[] = {
	{ "as_integer_ratio", NULL, NULL, 0 },
	{ "bit_count", NULL, NULL, 0 },
	{ "bit_length", NULL, NULL, 0 },
	{ "conjugate", NULL, NULL, 0 },
	{ "denominator", NULL, NULL, 0 },
	{ "from_bytes", NULL, NULL, 0 },
	{ "imag", NULL, NULL, 0 },
	{ "numerator", NULL, NULL, 0 },
	{ "real", NULL, NULL, 0 },
	{ "to_bytes", NULL, NULL, 0 },
	{ NULL, NULL, NULL, 0 },
};

static const struct method float_methods[] = {
	{ "as_integer_ratio", NULL, NULL, 0 },
	{ "conjugate", NULL, NULL, 0 },
	{ "fromhex", NULL, NULL, 0 },
	{ "hex", NULL, NULL, 0 },
	{ "imag", NULL, NULL, 0 },
	{ "is_integer", NULL, NULL, 0 },
	{ "real", NULL, NULL, 0 },
	{ NULL, NULL, NULL, 0 },
};

static const struct method view_methods[] = {
	{ "isdisjoint", NULL, NULL, 0 },
	{ "mapping", NULL, NULL, 0 },
	{ NULL, NULL, NULL, 0 },
};

static const struct method stream_methods[] = {
	{ "close", NULL, NULL, 0 },
	{ "send", NULL, NULL, 0 },
	{ "throw", NULL, NULL, 0 },
	{ NULL, NULL, NULL, 0 },
};

static const struct method callable_methods[] = {
	{ "name", NULL, NULL, 0 },
	{ "arguments", NULL, NULL, 0 },
	{ "caller", NULL, NULL, 0 },
	{ "catch_kwargs", NULL, NULL, 0 },
	{ "catch_varargs", NULL, NULL, 0 },
	{ "explicit_caller", NULL, NULL, 0 },
	{ NULL, NULL, NULL, 0 },
};

/* ---- loops and cyclers ---- */

static struct value loop_cycle(struct jinja *j, struct value self, const struct value *arg,
			       const struct args *args)
{
	(void)arg;
	if (!args->n || args->n_named)
		jinja_fail(j, "no items for cycling given");
	return args->at[self.loop->index0 % args->n];
}

static struct value loop_changed(struct jinja *j, struct value self, const struct value *arg,
				 const struct args *args)
{
	struct seq *s = seq_new(j, args->n);
	struct value now = v_seq(V_TUPLE, s);

	(void)arg;
	for (size_t i = 0; i < args->n; i++)
		seq_add(j, s, args->at[i]);
	if (self.loop->changed.kind != V_MISSING && values_equal(j, self.loop->changed, now))
		return v_bool(false);
	self.loop->changed = now;
	return v_bool(true);
}

static const struct method loop_methods[] = {
	{ "changed", loop_changed, NULL, 0 },
	{ "cycle", loop_cycle, NULL, 0 },
	{ NULL, NULL, NULL, 0 },
};

static struct value cycler_next(struct jinja *j, struct value self, const struct value *arg,
				const struct args *args)
{
	struct cycler *c = self.cycler;
	struct value v = c->items->at[c->pos];

	(void)j, (void)arg, (void)args;
	c->pos = (c->pos + 1) % c->items->n;
	return v;
}

static struct value cycler_reset(struct jinja *j, struct value self, const struct value *arg,
				 const struct args *args)
{
	(void)j, (void)arg, (void)args;
	self.cycler->pos = 0;
	return v_none();
}

static const struct method cycler_methods[] = {
	{ "items", NULL, NULL, 0 },       { "next", cycler_next, "", 0 }, { "pos", NULL, NULL, 0 },
	{ "reset", cycler_reset, "", 0 }, { NULL, NULL, NULL, 0 },
};

static const struct method joiner_methods[] = {
	{ "sep", NULL, NULL, 0 },
	{ "used", NULL, NULL, 0 },
	{ NULL, NULL, NULL, 0 },
};

/* ---- finding ---- */

static const struct method *table_of(struct value v)
{
	switch (v.kind) {
	case V_STRING:
		return text_methods;
	case V_LIST:
		return list_methods;
	case V_TUPLE:
		return tuple_methods;
	case V_RANGE:
		return range_methods;
	case V_DICT:
		return dict_methods;
	case V_BOOL:
	case V_INT:
		return int_methods;
	case V_FLOAT:
		return float_methods;
	case V_VIEW:
		return view_methods;
	case V_STREAM:
		return stream_methods;
	case V_CALLABLE:
		return callable_methods;
	case V_LOOP:
		return loop_methods;
	case V_CYCLER:
		return v.cycler->joins ? joiner_methods : cycler_methods;
	default:
		return NULL;
	}
}

static struct value call_method(struct jinja *j, const struct callable *c, const struct args *args)
{
	const struct method *m = c->data;
	struct value bound[JINJA_MAX_PARAMS];

	if (m->params)
		args_bind(j, m->name, m->params, m->required, args, bound);
	return m->call(j, c->self, bound, args);
}

static struct value found_method(struct jinja *j, struct value self, const struct method *m)
{
	struct callable *c;

	if (m->call == unsafe)
		return v_undefined(j, "access to attribute '%s' of '%s' object is unsafe", m->name,
				   type_name(self));
	if (!m->call)
		jinja_fail(j, "'%s' of a %s is not supported", m->name, type_name(self));
	if (self.kind == V_STRING && self.markup)
		jinja_fail(
			j,
			"'%s' of a string that was marked by 'escape' or 'safe' is not supported",
			m->name);
	c = jinja_alloc(j, 1, sizeof(*c));
	*c = (struct callable){ .name = m->name, .call = call_method, .self = self, .data = m };
	return (struct value){ .kind = V_CALLABLE, .callable = c };
}

struct value method_find(struct jinja *j, struct value self, struct bytes name)
{
	const struct method *m = table_of(self);

	for (; m && m->name; m++)
		if (bytes_are(name, m->name))
			return found_method(j, self, m);
	return (struct value){ .kind = V_MISSING };
}
