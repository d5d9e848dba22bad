/*
 * values.c -- values that are kept: what was printed, $1, $2, ..., and what has a name, $x.
 *
 * They are copies, so that they stay what they were when time goes on.  The history is bounded: the
 * oldest make room, and who asks for one of them is told so.
 */
#include "../debug_impl.h"

#include "torchless/array.h"

#include <ctype.h>
#include <errno.h>

#define MAX_VALUES 10000
#define MAX_BYTES  ((int64_t)256 << 20)

struct kept {
	struct array_value value;
	char *name; /* of the history NULL */
};

struct values {
	struct kept *history; /* the last is number `last` */
	int n, last;
	size_t cap;
	struct kept *named;
	int n_named;
	size_t cap_named;
	int64_t history_bytes, named_bytes;
};

struct values *values_new(void)
{
	return mem_calloc(1, sizeof(struct values));
}

static void release(struct kept *k)
{
	array_value_release(&k->value);
	free(k->name);
}

void values_free(struct values *v)
{
	if (!v)
		return;
	for (int i = 0; i < v->n; i++)
		release(&v->history[i]);
	for (int i = 0; i < v->n_named; i++)
		release(&v->named[i]);
	free(v->history);
	free(v->named);
	free(v);
}

/* ---- copies -------------------------------------------------------------------------------- */

static int64_t bytes_of(const struct array_value *v)
{
	int64_t tensor = v->array ? v->array->numel * (int64_t)sizeof(float) : 0;

	return tensor + (int64_t)v->text.len + (int64_t)sizeof(struct kept);
}

/* Elements of its own, since those that it shares may be somebody's who goes on. */
static struct array *own(struct array *a, struct err *err)
{
	struct array *copy;

	if (!a->whole && !a->borrowed)
		return array_ref(a);
	copy = array_like(a, err);
	if (copy && a->numel > 0)
		memcpy(copy->data, a->data, (size_t)a->numel * sizeof(*a->data));
	return copy;
}

int value_copy(const struct array_value *from, struct array_value *to, struct err *err)
{
	*to = (struct array_value){ .kind = from->kind, .whole = from->whole, .real = from->real };
	if (from->kind == ARRAY_TEXT)
		text_add(&to->text, from->text.data ? from->text.data : "", from->text.len);
	if (from->kind == ARRAY_TENSOR)
		to->array = own(from->array, err);
	return from->kind == ARRAY_TENSOR && !to->array ? err->code : 0;
}

/* ---- the history --------------------------------------------------------------------------- */

static void drop_oldest(struct values *v)
{
	int n = 0;

	while (n < v->n - 1 && (v->n - n > MAX_VALUES || v->history_bytes > MAX_BYTES)) {
		v->history_bytes -= bytes_of(&v->history[n].value);
		release(&v->history[n++]);
	}
	memmove(v->history, v->history + n, (size_t)(v->n - n) * sizeof(*v->history));
	v->n -= n;
}

int values_keep(struct values *v, const struct array_value *value, struct err *err)
{
	struct kept k = { 0 };

	if (value_copy(value, &k.value, err))
		return err->code;
	v->history = mem_grow(v->history, (size_t)v->n, &v->cap, sizeof(*v->history));
	v->history[v->n++] = k;
	v->history_bytes += bytes_of(&k.value);
	drop_oldest(v);
	return ++v->last;
}

int values_first(const struct values *v)
{
	return v->last - v->n + 1;
}

int values_last(const struct values *v)
{
	return v->last;
}

const struct array_value *values_at(const struct values *v, int number)
{
	return number >= values_first(v) && number <= v->last && v->n > 0
		       ? &v->history[number - values_first(v)].value
		       : NULL;
}

static int find_number(const struct values *v, int64_t number, struct array_value *value,
		       struct err *err)
{
	if (v->n == 0)
		return err_set(err, ERR_USAGE, "nothing was printed yet, so there is no $");
	if (number < 1 || number > v->last)
		return err_set(err, ERR_USAGE, "there is no value $%lld: the last is $%d",
			       (long long)number, v->last);
	if (number < values_first(v))
		return err_set(err, ERR_USAGE,
			       "$%lld was dropped: the history keeps %d values of 256 MB in all, "
			       "and begins with $%d",
			       (long long)number, MAX_VALUES, values_first(v));
	return value_copy(values_at(v, (int)number), value, err) ? err->code : 1;
}

/* ---- names --------------------------------------------------------------------------------- */

static struct kept *find_named(const struct values *v, const char *name)
{
	for (int i = 0; i < v->n_named; i++)
		if (!strcmp(v->named[i].name, name))
			return &v->named[i];
	return NULL;
}

int values_set(struct values *v, const char *name, const struct array_value *value, struct err *err)
{
	struct kept *there = find_named(v, name), k = { 0 };
	int64_t bytes = bytes_of(value) - (there ? bytes_of(&there->value) : 0);

	if (v->named_bytes + bytes > MAX_BYTES || (!there && v->n_named >= MAX_VALUES))
		return err_set(err, ERR_MEMORY,
			       "$%.60s does not fit: variables hold %d values of 256 MB in all",
			       name, MAX_VALUES);
	if (value_copy(value, &k.value, err))
		return err->code;
	k.name = mem_strdup(name);
	v->named_bytes += bytes;
	if (there) {
		release(there);
		*there = k;
		return 0;
	}
	v->named = mem_grow(v->named, (size_t)v->n_named, &v->cap_named, sizeof(*v->named));
	v->named[v->n_named++] = k;
	return 0;
}

void values_set_number(struct values *v, const char *name, int64_t number)
{
	struct array_value value = { .kind = ARRAY_WHOLE, .whole = number };
	struct err ignored = { 0 };

	values_set(v, name, &value, &ignored);
}

const char *values_name(const struct values *v, int i, const struct array_value **value)
{
	if (i >= v->n_named)
		return NULL;
	*value = &v->named[i].value;
	return v->named[i].name;
}

/* ---- either -------------------------------------------------------------------------------- */

int values_find(const struct values *v, const char *name, struct array_value *value,
		struct err *err)
{
	const char *rest = name + 1;
	const struct kept *k;
	bool back = *rest == '$';
	int64_t n;
	char *end;

	if (*name != '$')
		return 0;
	rest += back;
	if (!*rest)
		return find_number(v, v->last - back, value, err);
	errno = 0;
	n = strtoll(rest, &end, 10);
	if (isdigit((unsigned char)*rest) && !*end && !errno)
		return find_number(v, back ? v->last - n : n, value, err);
	k = find_named(v, rest);
	if (!k)
		return err_set(err, ERR_USAGE,
			       "%.60s has no value: `set %.60s = EXPRESSION` gives one", name,
			       name);
	return value_copy(&k->value, value, err) ? err->code : 1;
}
