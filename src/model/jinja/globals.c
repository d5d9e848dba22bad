/*
 * globals.c -- the functions that a template finds: jinja2's, and those that transformers adds.
 */
#include "impl.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#define MAX_RANGE 100000 /* of jinja2's sandbox */

struct value v_range(struct jinja *j, int64_t from, int64_t to, int64_t step)
{
	struct seq *s = seq_new(j, 0);
	struct buffer shown = { 0 };
	char text[96];

	snprintf(text, sizeof(text), step == 1 ? "range(%lld, %lld)" : "range(%lld, %lld, %lld)",
		 (long long)from, (long long)to, (long long)step);
	buffer_add(j, &shown, text, strlen(text) + 1);
	s->type = shown.data;
	for (int64_t i = from; step > 0 ? i < to : i > to;) {
		if (s->n == MAX_RANGE)
			jinja_fail(j,
				   "Range too big. The sandbox blocks ranges larger than "
				   "MAX_RANGE (%d)",
				   MAX_RANGE);
		seq_add(j, s, v_int(i));
		if (__builtin_add_overflow(i, step, &i))
			break;
	}
	return v_seq(V_RANGE, s);
}

static struct value range(struct jinja *j, const struct value *arg, const struct args *args)
{
	int64_t from = 0, to, step = arg_int(j, "range()", arg[2], 1);

	(void)args;
	to = arg_int(j, "range()", arg[0], 0);
	if (arg[1].kind != V_MISSING) {
		from = to;
		to = arg_int(j, "range()", arg[1], 0);
	}
	if (step == 0)
		jinja_fail(j, "range() arg 3 must not be zero");
	return v_range(j, from, to, step);
}

/* dict(a=1), dict({...}), dict([(key, value) ...]). */
static struct dict *make_dict(struct jinja *j, const struct args *args)
{
	struct dict *d = dict_new(j);

	if (args->n > 1)
		jinja_fail(j, "dict expected at most 1 argument, got %zu", args->n);
	if (args->n && args->at[0].kind == V_UNDEFINED)
		jinja_fail(j, "%s", short_name(j, args->at[0].s));
	if (args->n && args->at[0].kind == V_DICT) {
		for (size_t i = 0; i < args->at[0].dict->n; i++)
			dict_put(j, d, args->at[0].dict->at[i].key, args->at[0].dict->at[i].value);
	} else if (args->n) {
		struct seq *pairs = value_items(j, args->at[0]);

		for (size_t i = 0; i < pairs->n; i++) {
			struct seq *pair = value_items(j, pairs->at[i]);

			if (pair->n != 2)
				jinja_fail(j, "dict() wants pairs: element %zu has length %zu", i,
					   pair->n);
			dict_put(j, d, pair->at[0], pair->at[1]);
		}
	}
	for (size_t i = 0; i < args->n_named; i++)
		dict_put(j, d, v_bytes(args->named[i].name), args->named[i].value);
	return d;
}

static struct value dict(struct jinja *j, const struct value *arg, const struct args *args)
{
	(void)arg;
	return v_dict(make_dict(j, args));
}

static struct value namespace(struct jinja *j, const struct value *arg, const struct args *args)
{
	(void)arg;
	return (struct value){ .kind = V_NAMESPACE, .dict = make_dict(j, args) };
}

static struct value raise_exception(struct jinja *j, const struct value *arg,
				    const struct args *args)
{
	(void)args;
	jinja_fail(j, "the template says: %.*s", (int)to_str(j, arg[0]).len,
		   to_str(j, arg[0]).data);
}

/* The time has no zone, so that %z and %Z are empty to Python. */
static void add_time_format(struct jinja *j, struct buffer *b, struct bytes format)
{
	for (size_t i = 0; i < format.len; i++) {
		char next = format.data[i] == '%' && i + 1 < format.len ? format.data[i + 1] : 0;

		if (next == 'f')
			jinja_fail(j, "strftime_now() of microseconds is not supported");
		if (next != 'z' && next != 'Z')
			buffer_add(j, b, format.data + i, next ? 2 : 1);
		i += next != 0;
	}
}

static struct value strftime_now(struct jinja *j, const struct value *arg, const struct args *args)
{
	struct bytes format = arg_text(j, "strftime_now()", arg[0]);
	time_t now = time(NULL);
	struct buffer b = { 0 };
	struct tm day;
	char text[512];
	size_t n;

	(void)args;
	add_time_format(j, &b, format);
	/* A blank, so that nothing is told from too much. */
	buffer_add(j, &b, " ", 2);
	if (format.len && memchr(format.data, '\0', format.len))
		jinja_fail(j, "strftime_now() of a NUL is not supported");
	if (!localtime_r(&now, &day))
		jinja_fail(j, "the time is not known");
	n = strftime(text, sizeof(text), b.data, &day);
	if (!n)
		jinja_fail(j, "strftime_now() of so long a format is not supported");
	b = (struct buffer){ 0 };
	buffer_add(j, &b, text, n - 1);
	return v_buffer(&b);
}

static struct value cycler(struct jinja *j, const struct value *arg, const struct args *args)
{
	struct cycler *c = jinja_alloc(j, 1, sizeof(*c));
	struct seq *items = seq_new(j, args->n);

	(void)arg;
	if (!args->n || args->n_named)
		jinja_fail(j, "at least one item has to be provided");
	for (size_t i = 0; i < args->n; i++)
		seq_add(j, items, args->at[i]);
	c->items = items;
	return (struct value){ .kind = V_CYCLER, .cycler = c };
}

static struct value joiner(struct jinja *j, const struct value *arg, const struct args *args)
{
	struct cycler *c = jinja_alloc(j, 1, sizeof(*c));
	struct seq *items = seq_new(j, 1);

	(void)args;
	seq_add(j, items, arg[0].kind == V_MISSING ? v_text(", ") : arg[0]);
	*c = (struct cycler){ .items = items, .joins = true };
	return (struct value){ .kind = V_CYCLER, .cycler = c };
}

static const struct global {
	const char *name;
	struct value (*call)(struct jinja *j, const struct value *arg, const struct args *args);
	const char *params;
	int required;
} globals[] = {
	{ "cycler", cycler, NULL, 0 },
	{ "dict", dict, NULL, 0 },
	{ "joiner", joiner, "sep", 0 },
	{ "lipsum", NULL, NULL, 0 },
	{ "namespace", namespace, NULL, 0 },
	{ "raise_exception", raise_exception, "message", 1 },
	{ "range", range, "/start,/stop,/step", 1 },
	{ "strftime_now", strftime_now, "format", 1 },
};

static struct value call_global(struct jinja *j, const struct callable *c, const struct args *args)
{
	const struct global *g = c->data;
	struct value bound[JINJA_MAX_PARAMS];

	if (g->params)
		args_bind(j, g->name, g->params, g->required, args, bound);
	return g->call(j, bound, args);
}

struct value global_find(struct jinja *j, struct bytes name)
{
	struct callable *c;

	if (bytes_are(name, "self"))
		return (struct value){ .kind = V_SELF };
	for (size_t i = 0; i < sizeof(globals) / sizeof(*globals); i++) {
		if (!bytes_are(name, globals[i].name))
			continue;
		if (!globals[i].call)
			jinja_fail(j, "'%s' is not supported", globals[i].name);
		c = jinja_alloc(j, 1, sizeof(*c));
		*c = (struct callable){ .name = globals[i].name,
					.call = call_global,
					.data = &globals[i] };
		return (struct value){ .kind = V_CALLABLE, .callable = c };
	}
	return (struct value){ .kind = V_MISSING };
}
