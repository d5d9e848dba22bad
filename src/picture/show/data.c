/*
 * data.c -- what is shown, for programs: rows, CSV, JSON, .npy.
 *
 * Every f32 is written so that reading it gives the same one.
 */
#include "show_impl.h"

#include "torchless/json.h"
#include "torchless/mem.h"
#include "torchless/stats.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define MAX_LINES  ((int64_t)1 << 24) /* elements that become text */
#define MAX_VALUES ((int64_t)1 << 22) /* in JSON */

static void add_number(struct text *t, double x)
{
	if (isnan(x))
		text_adds(t, "nan");
	else if (isinf(x))
		text_adds(t, x > 0 ? "inf" : "-inf");
	else
		text_addf(t, "%.9g", x);
}

static void add_json_number(struct text *t, double x)
{
	if (isinf(x))
		text_adds(t, x > 0 ? "9e999" : "-9e999");
	else if (isnan(x))
		text_adds(t, "null");
	else
		text_addf(t, "%.9g", x);
}

static int check_size(const struct array *a, const char *what, struct err *err)
{
	if (a->numel <= MAX_LINES)
		return 0;
	return err_set(err, ERR_USAGE,
		       "%lld elements are too many for %s: take a part of them, or write --npy",
		       (long long)a->numel, what);
}

/* ---- indices ------------------------------------------------------------------------------------
 */

/* Where one is in the elements, as the axes count. */
struct walk {
	const struct array *a;
	int64_t index[TENSOR_MAX_DIMS];
};

static void walk_on(struct walk *w, int axis)
{
	for (int i = axis; i >= 0; i--) {
		if (++w->index[i] < w->a->shape[i])
			return;
		w->index[i] = 0;
	}
}

/* The names of an axis's indices, escaped; NULL where it has none. */
struct names {
	char **text[TENSOR_MAX_DIMS];
};

static bool has_names(const struct shown *s, int axis)
{
	char name[32];

	if (!s->labels.label || s->array->shape[axis] == 0 ||
	    !axis_name(s->array->axes, axis, name, sizeof(name)))
		return false;
	if (strcmp(name, "vocab") != 0 && strcmp(name, "k") != 0 &&
	    !axis_counts_positions(s->array->axes, axis))
		return false;
	return s->labels.label(s->labels.ctx, axis, s->array->base[axis]) != NULL;
}

/* What a row of an axis is called, escaped; "" where nobody knows. */
static char *name_of(const struct shown *s, int axis, int64_t row)
{
	const char *label = s->labels.label(s->labels.ctx, axis, s->array->base[axis] + row);
	struct text t = { 0 };

	text_adds(&t, "");
	text_add_visible(&t, label ? label : "", label ? strlen(label) : 0);
	return t.data;
}

static void names_read_all(struct names *n, const struct shown *s)
{
	bool quoted = s->tokens && s->tokens->quoted;

	*n = (struct names){ 0 };
	if (s->tokens)
		s->tokens->quoted = false;
	for (int i = 0; i < s->array->n_dims; i++) {
		if (!has_names(s, i))
			continue;
		n->text[i] = mem_calloc((size_t)s->array->shape[i], sizeof(*n->text[i]));
		for (int64_t k = 0; k < s->array->shape[i]; k++)
			n->text[i][k] = name_of(s, i, k);
	}
	if (s->tokens)
		s->tokens->quoted = quoted;
}

static void names_free_all(struct names *n, const struct array *a)
{
	for (int i = 0; i < a->n_dims; i++) {
		for (int64_t k = 0; n->text[i] && k < a->shape[i]; k++)
			free(n->text[i][k]);
		free(n->text[i]);
	}
}

/* ---- rows ----------------------------------------------------------------------------------- */

int shown_add_rows(struct text *t, const struct shown *s, struct err *err)
{
	const struct array *a = s->array;
	struct walk w = { .a = a };
	struct names names;
	int last = a->n_dims - 1;
	int64_t row = a->n_dims ? a->shape[last] : 1;

	if (check_size(a, "lines of text", err))
		return err->code;
	names_read_all(&names, s);
	for (int64_t at = 0; at < a->numel; at += row, walk_on(&w, last - 1)) {
		for (int i = 0; i < last; i++) {
			int64_t index = a->base[i] + w.index[i];

			text_addf(t, "%lld\t", (long long)index);
			if (names.text[i])
				text_addf(t, "%s\t", names.text[i][w.index[i]]);
		}
		for (int64_t i = 0; i < row; i++) {
			text_adds(t, i ? "\t" : "");
			add_number(t, (double)a->data[at + i]);
		}
		text_addc(t, '\n');
	}
	names_free_all(&names, a);
	return 0;
}

static void add_indices(struct text *t, const struct walk *w, char between)
{
	for (int i = 0; i < w->a->n_dims; i++) {
		int64_t index = w->a->base[i] + w->index[i];

		text_addf(t, "%lld%c", (long long)index, between);
	}
}

int pair_add_rows(struct text *t, const struct shown *a, const struct shown *b,
		  const struct pair *p, struct err *err)
{
	struct walk w = { .a = a->array };

	if (check_size(a->array, "lines of text", err))
		return err->code;
	for (int64_t i = 0; i < a->array->numel; i++, walk_on(&w, a->array->n_dims - 1)) {
		add_indices(t, &w, '\t');
		add_number(t, (double)a->array->data[i]);
		text_addc(t, '\t');
		add_number(t, (double)b->array->data[i]);
		text_addc(t, '\t');
		add_number(t, (double)p->difference->data[i]);
		text_addc(t, '\n');
	}
	return 0;
}

/* ---- CSV ------------------------------------------------------------------------------------ */

static void add_field(struct text *t, const char *s)
{
	if (!s[strcspn(s, ",\"\r\n")] && *s != ' ' && (!*s || s[strlen(s) - 1] != ' ')) {
		text_adds(t, s);
		return;
	}
	text_addc(t, '"');
	for (; *s; s++) {
		if (*s == '"')
			text_addc(t, '"');
		text_addc(t, *s);
	}
	text_addc(t, '"');
}

/* The name of an axis, as array_axes() has it. */
static void axis_of(const struct array *a, int axis, char *name, size_t size)
{
	if (!axis_name(array_axes(a), axis, name, size))
		snprintf(name, size, "i%d", axis);
}

static void add_heading(struct text *t, const struct array *a, const struct names *names,
			bool is_pair)
{
	char name[32];

	for (int i = 0; i < a->n_dims; i++) {
		axis_of(a, i, name, sizeof(name));
		add_field(t, name);
		text_addc(t, ',');
	}
	text_adds(t, is_pair ? "value,other,difference" : "value");
	for (int i = 0; i < a->n_dims; i++)
		if (names->text[i]) {
			axis_of(a, i, name, sizeof(name));
			text_addf(t, ",%s_token", name);
		}
	text_addc(t, '\n');
}

static void add_lines(struct text *t, const struct array *a, const struct array *b,
		      const struct pair *p, const struct names *names)
{
	struct walk w = { .a = a };

	for (int64_t at = 0; at < a->numel; at++, walk_on(&w, a->n_dims - 1)) {
		add_indices(t, &w, ',');
		add_number(t, (double)a->data[at]);
		if (b) {
			text_addc(t, ',');
			add_number(t, (double)b->data[at]);
			text_addc(t, ',');
			add_number(t, (double)p->difference->data[at]);
		}
		for (int i = 0; i < a->n_dims; i++)
			if (names->text[i]) {
				text_addc(t, ',');
				add_field(t, names->text[i][w.index[i]]);
			}
		text_addc(t, '\n');
	}
}

int show_add_csv(struct text *t, const struct shown *a, const struct shown *b, struct err *err)
{
	struct pair p = { 0 };
	struct names names;

	if (shown_numbers(a, err) || check_size(a->array, "CSV", err) ||
	    (b && pair_make(&p, a, b, err)))
		return err->code;
	names_read_all(&names, a);
	add_heading(t, a->array, &names, b != NULL);
	add_lines(t, a->array, b ? b->array : NULL, &p, &names);
	names_free_all(&names, a->array);
	pair_release(&p);
	return 0;
}

/* ---- .npy ----------------------------------------------------------------------------------- */

int show_add_npy(struct text *t, const struct shown *a, const struct shown *b, struct err *err)
{
	struct pair p = { 0 };
	const struct array *x = a->array;

	if (shown_numbers(a, err) || (b && pair_make(&p, a, b, err)))
		return err->code;
	x = b ? p.difference : x;
	npy_header(t, x->n_dims, x->shape);
	text_add(t, x->data, (size_t)x->numel * sizeof(*x->data));
	pair_release(&p);
	return 0;
}

/* ---- JSON ----------------------------------------------------------------------------------- */

static const float *add_nested(struct text *t, const struct array *a, int dim, const float *at)
{
	if (dim == a->n_dims || dim == TENSOR_MAX_DIMS) {
		add_json_number(t, (double)*at);
		return at + 1;
	}
	text_addc(t, '[');
	for (int64_t i = 0; i < a->shape[dim]; i++) {
		text_adds(t, i ? "," : "");
		at = add_nested(t, a, dim + 1, at);
	}
	text_addc(t, ']');
	return at;
}

static void add_values(struct text *t, const struct array *a)
{
	json_add_key(t, "values");
	if (a->numel > MAX_VALUES)
		text_adds(t, "null");
	else
		add_nested(t, a, 0, a->data);
}

static void add_statistics(struct text *t, const struct array *a)
{
	struct stats s = stats_of(a->data, a->numel);
	const struct {
		const char *name;
		double x;
	} reals[] = { { "min", s.min }, { "max", s.max }, { "mean", s.mean },
		      { "std", s.std }, { "l2", s.l2 },   { "absmax", s.absmax } };
	const struct {
		const char *name;
		int64_t n;
	} counts[] = { { "numel", s.numel },   { "n_nan", s.n_nan },   { "n_pinf", s.n_pinf },
		       { "n_ninf", s.n_ninf }, { "n_zero", s.n_zero }, { "n_sub", s.n_sub } };

	json_add_key(t, "stats");
	text_addc(t, '{');
	for (size_t i = 0; i < sizeof(reals) / sizeof(*reals); i++)
		json_add_real(t, reals[i].name, reals[i].x);
	for (size_t i = 0; i < sizeof(counts) / sizeof(*counts); i++)
		json_add_int(t, counts[i].name, counts[i].n);
	text_addc(t, '}');
}

/* "shape": [8,5,5], or the first indices. */
static void add_integers(struct text *t, const char *key, const int64_t *n, int len)
{
	json_add_key(t, key);
	text_addc(t, '[');
	for (int i = 0; i < len; i++)
		json_add_int(t, NULL, n[i]);
	text_addc(t, ']');
}

static void add_axes(struct text *t, const struct array *a)
{
	char name[32];

	json_add_key(t, "axes");
	text_addc(t, '[');
	for (int i = 0; i < a->n_dims; i++) {
		axis_of(a, i, name, sizeof(name));
		json_add_string(t, NULL, name);
	}
	text_addc(t, ']');
}

static void add_labels(struct text *t, const struct shown *s)
{
	struct names names;
	char name[32];

	names_read_all(&names, s);
	json_add_key(t, "labels");
	text_addc(t, '{');
	for (int i = 0; i < s->array->n_dims; i++) {
		if (!names.text[i])
			continue;
		axis_of(s->array, i, name, sizeof(name));
		json_add_key(t, name);
		text_addc(t, '[');
		for (int64_t k = 0; k < s->array->shape[i]; k++)
			json_add_string(t, NULL, names.text[i][k]);
		text_addc(t, ']');
	}
	text_addc(t, '}');
	names_free_all(&names, s->array);
}

/* The members of an object, without its braces. */
static void add_members(struct text *t, const struct shown *s)
{
	const struct array *a = s->array;

	json_add_string(t, "name", s->title);
	json_add_string(t, "dtype", dtype_table[a->dtype].name);
	add_integers(t, "shape", a->shape, a->n_dims);
	add_axes(t, a);
	add_integers(t, "base", a->base, a->n_dims);
	add_statistics(t, a);
	add_labels(t, s);
	add_values(t, a);
}

static void add_difference(struct text *t, const struct pair *p)
{
	char index[128];

	json_add_key(t, "difference");
	text_addc(t, '{');
	json_add_real(t, "max_abs", p->sums.max_abs);
	if (p->sums.max_at >= 0) {
		json_add_key(t, "max_at");
		text_addf(t, "[%s]",
			  array_index(p->difference, p->sums.max_at, index, sizeof(index)));
	} else {
		json_add_string(t, "max_at", NULL);
	}
	json_add_real(t, "nmse", pair_nmse(&p->sums));
	json_add_real(t, "cosine", pair_cosine(&p->sums));
	add_values(t, p->difference);
	text_addc(t, '}');
}

int show_add_json(struct text *t, const struct shown *a, const struct shown *b, struct err *err)
{
	struct pair p = { 0 };

	if (!b && !a->array) {
		text_addc(t, '{');
		json_add_string(t, "name", a->title);
		json_add_key(t, "text");
		text_add_json(t, a->text.data, a->text.len);
		text_adds(t, "}\n");
		return 0;
	}
	if (shown_numbers(a, err) || (b && pair_make(&p, a, b, err)))
		return err->code;
	text_addc(t, '{');
	add_members(t, a);
	if (b) {
		json_add_key(t, "vs");
		text_addc(t, '{');
		add_members(t, b);
		text_addc(t, '}');
		add_difference(t, &p);
	}
	text_adds(t, "}\n");
	pair_release(&p);
	return 0;
}
