/*
 * examine.c -- elements one after the other, as they lie: x/8x T[2, 5].
 *
 * What stands behind T in brackets is where it begins; from there on elements follow in C order, as
 * bytes do behind an address.
 */
#include "../debug_impl.h"

#include "torchless/expression.h"

struct examined {
	struct array *array;
	int64_t next; /* element, in C order */
	struct print_format format;
};

struct examined *examined_new(void)
{
	return mem_calloc(1, sizeof(struct examined));
}

void examined_free(struct examined *x)
{
	if (!x)
		return;
	array_release(x->array);
	free(x);
}

/* ---- where it begins ----------------------------------------------------------------------- */

/* The bracket that closes the text, NULL: none does. */
static const char *last_bracket(const char *text)
{
	size_t n = strlen(text);
	int depth = 0;

	if (n == 0 || text[n - 1] != ']')
		return NULL;
	while (n-- > 0) {
		depth += text[n] == ']' ? 1 : text[n] == '[' ? -1 : 0;
		if (depth == 0)
			return n > 0 ? text + n : NULL;
	}
	return NULL;
}

/* The first element of the part, counted in C order. */
static int64_t first_of(const struct array *a, const struct array_part *p)
{
	int64_t at = 0;

	for (int i = 0; i < a->n_dims; i++)
		at = at * a->shape[i] + p->start[i];
	return at;
}

/* T of "T[2, 5]" and where in it; 0 when it is not of that kind, and nothing was said. */
static int begin_at(struct debugger *d, const char *text, struct examined *x)
{
	const char *bracket = last_bracket(text);
	struct expression *e = NULL;
	struct array_value v = { 0 };
	struct array_part part;
	struct err ignored = { 0 };
	size_t at;
	char *base;
	int r = 0;

	if (!bracket)
		return 0;
	base = mem_memdup(text, (size_t)(bracket - text));
	e = expression_parse(base, debugger_names(d), &ignored);
	if (e && evaluate_parsed(d, e, &v, &at, &ignored) == 0 && v.kind == ARRAY_TENSOR &&
	    array_find_part(v.array, bracket, &part, &ignored) == 1) {
		array_release(x->array);
		x->array = array_ref(v.array);
		x->next = first_of(v.array, &part);
		r = 1;
	}
	array_value_release(&v);
	expression_free(e);
	free(base);
	return r;
}

static int begin(struct debugger *d, const char *text, struct examined *x, struct err *err)
{
	struct array_value v, copy;
	int r = begin_at(d, text, x);

	if (r)
		return 0;
	if (evaluate(d, text, &v, err))
		return err->code;
	if (v.kind != ARRAY_TENSOR) {
		struct array *a = v.kind == ARRAY_WHOLE || v.kind == ARRAY_REAL
					  ? array_new(0, (const int64_t[]){ 0 }, err)
					  : NULL;

		if (!a && v.kind != ARRAY_WHOLE && v.kind != ARRAY_REAL)
			err_set(err, ERR_USAGE, "'%.80s' has no elements", text);
		if (a)
			a->data[0] = (float)(v.kind == ARRAY_WHOLE ? (double)v.whole : v.real);
		array_value_release(&v);
		if (!a)
			return err->code;
		v = (struct array_value){ .kind = ARRAY_TENSOR, .array = a };
	}
	r = value_copy(&v, &copy, err);
	array_value_release(&v);
	if (r)
		return r;
	array_release(x->array);
	x->array = copy.array;
	x->next = 0;
	return 0;
}

/* ---- showing ------------------------------------------------------------------------------- */

/* How many of them stand on a line. */
static int per_line(const struct examined *x)
{
	switch (x->format.letter) {
	case 'b':
		return 2;
	case 'c':
		return 1;
	case 'x':
		return 8;
	default:
		return 4;
	}
}

static void say_elements(struct debugger *d, struct examined *x)
{
	const struct array *a = x->array;
	int64_t n = x->format.count ? x->format.count : 1;
	int on_line = per_line(x);
	char index[96];

	for (int64_t i = 0; i < n && x->next < a->numel; i++, x->next++) {
		struct text t = { 0 };

		if (i % on_line == 0)
			say(d, "%s[%s]:", i ? "\n" : "",
			    array_index(a, x->next, index, sizeof(index)));
		show_number(d, (double)a->data[x->next], a->dtype, x->format.letter, &t);
		say(d, on_line > 1 && x->format.letter != 'x' ? "  %14s" : "  %s", t.data);
		text_release(&t);
	}
	say(d, "\n");
}

int examine(struct debugger *d, const char *text, const struct print_format *f, struct err *err)
{
	struct examined *x = d->examined;

	if (*text && begin(d, text, x, err))
		return err->code;
	if (!x->array)
		return err_set(err, ERR_USAGE, "x wants a tensor: x/8f in[0]");
	if (*text || f->letter)
		x->format.letter = f->letter;
	x->format.count = f->count ? f->count : *text ? 1 : x->format.count;
	if (x->format.letter && strchr("shk", x->format.letter))
		return err_set(err, ERR_USAGE, "x shows elements: print/%c shows all of them",
			       x->format.letter);
	if (x->next >= x->array->numel)
		return err_set(err, ERR_USAGE, "that was the last element: there are %lld",
			       (long long)x->array->numel);
	say_elements(d, x);
	return 0;
}

int64_t examined_last(const struct debugger *d, double *value)
{
	const struct examined *x = d->examined;

	if (x->array && x->next > 0)
		*value = (double)x->array->data[x->next - 1];
	return x->array ? x->next - 1 : -1;
}
