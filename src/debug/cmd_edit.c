/*
 * cmd_edit.c -- changing: set, zero, scale, add, mean, patch, hook, revert; forced and banned tokens.
 */
#include "change.h"

#include "torchless/expression.h"

#include <ctype.h>
#include <math.h>

/* ---- texts --------------------------------------------------------------------------------- */

/* The `=` of an assignment: outside of brackets and strings, and no comparison; NULL: none. */
static const char *find_assignment(const char *s)
{
	int depth = 0;
	char quote = 0;

	for (; *s; s++) {
		if (quote) {
			quote = *s == quote ? 0 : quote;
			continue;
		}
		if (*s == '"' || *s == '\'')
			quote = *s;
		depth += *s == '[' || *s == '(';
		depth -= *s == ']' || *s == ')';
		if (*s == '=' && depth == 0 && s[1] != '=')
			return s;
		if (strchr("=!<>", *s) && s[1] == '=')
			s++;
	}
	return NULL;
}

/* The last word of args, which begins behind a space outside of brackets; NULL: there is none. */
static const char *last_word(const char *args)
{
	const char *s = args + strlen(args);
	int depth = 0;

	while (s > args) {
		s--;
		depth += *s == ']' || *s == ')';
		depth -= *s == '[' || *s == '(';
		if (depth == 0 && isspace((unsigned char)*s))
			return s + 1;
	}
	return NULL;
}

static int pass_of(const struct debugger *d, value_id v)
{
	return d->program->values[v].storage == STORAGE_WEIGHT || d->target->now.pass < 0 ?
		       0 :
		       d->target->now.pass;
}

/* A change of this pass alone; of a weight, of all of them. */
static struct edit edit_now(const struct debugger *d, const struct part *part)
{
	bool is_weight = d->program->values[part->value].storage == STORAGE_WEIGHT;
	int pass = pass_of(d, part->value);

	return (struct edit){ .value = part->value, .sel = part->sel, .pass_from = pass,
			      .pass_to = is_weight ? -1 : pass };
}

static int add_edit(struct debugger *d, struct edit *e, const char *how, struct err *err)
{
	struct text source = { 0 };
	int r;

	text_adds(&source, how);
	e->source = source.data;
	r = change_add(d, e, err);
	text_release(&source);
	return r < 0 ? r : 0;
}

/* ---- set ----------------------------------------------------------------------------------- */

static bool is_number(const struct array_value *v, double *x)
{
	if (v->kind == ARRAY_WHOLE)
		*x = (double)v->whole;
	else if (v->kind == ARRAY_REAL)
		*x = v->real;
	else if (v->kind == ARRAY_TENSOR && v->array->numel == 1 && v->array->data)
		*x = v->array->data[0];
	else
		return false;
	return true;
}

/* "[6, 64]" */
static void add_sizes(struct text *t, const int64_t *n, int n_dims)
{
	text_addc(t, '[');
	for (int i = 0; i < n_dims; i++)
		text_addf(t, "%s%lld", i ? ", " : "", (long long)n[i]);
	text_addc(t, ']');
}

static int no_fit(const struct debugger *d, const struct part *part, const int64_t *n,
		  const struct array *a, struct err *err)
{
	int n_dims = d->program->values[part->value].t.n_dims;
	struct text left = { 0 }, right = { 0 };

	add_sizes(&left, n, n_dims);
	add_sizes(&right, a->shape, a->n_dims);
	err_set(err, ERR_SHAPE, "%s%s is %s, what it is set to is %s: they do not fit together",
		part->sel.n_axes ? "that part of " : "", d->program->values[part->value].name,
		left.data, right.data);
	text_release(&left);
	text_release(&right);
	return err->code;
}

/* Whether `a` is, but for dimensions of one, the last dimensions of n: it is repeated over the rest. */
static bool fits(const int64_t *n, int n_dims, const struct array *a)
{
	int i = n_dims - 1;

	for (int k = a->n_dims - 1; k >= 0; k--) {
		if (a->shape[k] == 1)
			continue;
		while (i >= 0 && n[i] == 1)
			i--;
		if (i < 0 || n[i--] != a->shape[k])
			return false;
	}
	return true;
}

static int set_tensor(struct debugger *d, const struct part *part, const struct array *a,
		      const char *how, struct err *err)
{
	struct edit e = edit_now(d, part);
	int64_t n[TENSOR_MAX_DIMS], numel;
	float *data;
	int r;

	if (part_shape(d, part, n, &numel, err))
		return err->code;
	if (!fits(n, d->program->values[part->value].t.n_dims, a) || a->numel == 0)
		return no_fit(d, part, n, a, err);
	data = array_numbers(numel, err);
	if (!data)
		return err->code;
	for (int64_t i = 0; i < numel; i++)
		data[i] = a->data[i % a->numel];
	e.kind = EDIT_REPLACE;
	e.data = data;
	e.n_data = numel;
	r = add_edit(d, &e, how, err);
	free(data);
	return r;
}

/* Whatever it is, it is computed now, and stays that. */
static int set_part(struct debugger *d, const struct part *part, const char *expression,
		    const char *how, struct err *err)
{
	struct array_value v = { 0 };
	struct edit e = edit_now(d, part);
	int64_t n[TENSOR_MAX_DIMS], numel;
	double x;
	int r = part_shape(d, part, n, &numel, err);

	if (r == 0)
		r = evaluate(d, expression, &v, err);
	if (r)
		return r;
	if (is_number(&v, &x)) {
		e.kind = EDIT_SET;
		e.arg = (float)x;
		r = add_edit(d, &e, how, err);
	} else if (v.kind == ARRAY_TENSOR) {
		r = set_tensor(d, part, v.array, how, err);
	} else {
		r = err_set(err, ERR_USAGE, "%.80s is no number and no tensor", expression);
	}
	array_value_release(&v);
	return r;
}

int cmd_set(struct debugger *d, const char *args, struct err *err)
{
	const char *eq = find_assignment(args);
	struct part part;

	if (*args == '$')
		return values_set(d, args, err);
	if (!eq)
		return err_set(err, ERR_USAGE,
			       "set wants an assignment: set layers[0].mlp.act_fn[0:8] = 0");
	if (part_parse(d, args, (size_t)(eq - args), &part, err))
		return err->code;
	return set_part(d, &part, eq + 1, args, err);
}

/* ---- kinds --------------------------------------------------------------------------------- */

/* "zero .z[head=2]": the command's name is the edit's. */
static int add_kind(struct debugger *d, enum edit_kind kind, const char *args, struct err *err)
{
	struct text how = { 0 };
	struct part part;
	struct edit e;
	int64_t n[TENSOR_MAX_DIMS], numel;
	int r = part_parse(d, args, strlen(args), &part, err);

	if (r == 0)
		r = part_shape(d, &part, n, &numel, err);
	if (r)
		return r;
	e = edit_now(d, &part);
	e.kind = kind;
	text_addf(&how, "%s %s", edit_kind_names[kind], args);
	r = add_edit(d, &e, how.data, err);
	text_release(&how);
	return r;
}

int cmd_zero(struct debugger *d, const char *args, struct err *err)
{
	return add_kind(d, EDIT_ZERO, args, err);
}

int cmd_mean(struct debugger *d, const char *args, struct err *err)
{
	return add_kind(d, EDIT_MEAN, args, err);
}

/* "scale .z[head=2] 0.5" */
static int add_kind_by(struct debugger *d, enum edit_kind kind, const char *args, struct err *err)
{
	const char *by = last_word(args);
	struct array_value v = { 0 };
	struct text how = { 0 };
	struct part part;
	struct edit e;
	double x;
	int r;

	if (!by)
		return err_set(err, ERR_USAGE, "%s wants a part and a number: %s .z[head=2] 0.5",
			       edit_kind_names[kind], edit_kind_names[kind]);
	r = part_parse(d, args, (size_t)(by - args), &part, err);
	if (r == 0)
		r = evaluate(d, by, &v, err);
	if (r == 0 && !is_number(&v, &x))
		r = err_set(err, ERR_USAGE, "'%.60s' is no number", by);
	if (r == 0) {
		e = edit_now(d, &part);
		e.kind = kind;
		e.arg = (float)x;
		text_addf(&how, "%s %s", edit_kind_names[kind], args);
		r = add_edit(d, &e, how.data, err);
	}
	text_release(&how);
	array_value_release(&v);
	return r;
}

int cmd_scale(struct debugger *d, const char *args, struct err *err)
{
	return add_kind_by(d, EDIT_SCALE, args, err);
}

int cmd_add(struct debugger *d, const char *args, struct err *err)
{
	return add_kind_by(d, EDIT_ADD, args, err);
}

/* "patch .resid_mid[pos=5] from .resid_mid[pos=2]" */
int cmd_patch(struct debugger *d, const char *args, struct err *err)
{
	const char *from = strstr(args, " from ");
	struct text how = { 0 };
	struct part part;
	int r;

	if (!from)
		return err_set(err, ERR_USAGE,
			       "patch wants a part and where from: patch .z[pos=5] from .z[pos=2]");
	if (part_parse(d, args, (size_t)(from - args), &part, err))
		return err->code;
	text_addf(&how, "patch %s", args);
	r = set_part(d, &part, from + strlen(" from "), how.data, err);
	text_release(&how);
	return r;
}
