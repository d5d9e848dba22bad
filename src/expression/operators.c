/*
 * operators.c -- the arithmetic between values: numbers, tensors element by element, products of
 * matrices.
 *
 * Elements are f32 and are computed in f64, which for + - * / gives the same bits as f32 would.
 * A number that meets a tensor becomes an f32 first, as in numpy: x == 0.1 means the f32 nearest
 * to it.
 */
#include "expression_impl.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define LOOK_EVERY 65536 /* elements between two questions whether somebody waits */

/* ---- one element --------------------------------------------------------------------------- */

/* With the sign of b, as in Python. */
static double modulo(double a, double b)
{
	double rest = fmod(a, b);

	if (rest != 0 && (rest < 0) != (b < 0))
		return rest + b;
	return rest != 0 ? rest : copysign(rest, b);
}

static double compute(enum operator_id op, double a, double b)
{
	switch (op) {
	case OP_OR:
		return a != 0 || b != 0;
	case OP_AND:
		return a != 0 && b != 0;
	case OP_EQ:
		return a == b;
	case OP_NE:
		return a != b;
	case OP_LT:
		return a < b;
	case OP_LE:
		return a <= b;
	case OP_GT:
		return a > b;
	case OP_GE:
		return a >= b;
	case OP_ADD:
		return a + b;
	case OP_SUB:
		return a - b;
	case OP_MUL:
		return a * b;
	case OP_DIV:
		return a / b;
	case OP_MOD:
		return modulo(a, b);
	case OP_NEGATE:
		return -a;
	case OP_NOT:
		return a == 0;
	case OP_MATMUL:
		break;
	}
	return NAN;
}

static bool is_truth(enum operator_id op)
{
	return op <= OP_GE || op == OP_NOT;
}

static int result_number(struct array_value *result, double x)
{
	*result = (struct array_value){ .kind = ARRAY_REAL, .real = x };
	return 0;
}

static int result_whole(struct array_value *result, int64_t n)
{
	*result = (struct array_value){ .kind = ARRAY_WHOLE, .whole = n };
	return 0;
}

/* ---- numbers ------------------------------------------------------------------------------- */

static bool compare_wholes(enum operator_id op, int64_t a, int64_t b)
{
	switch (op) {
	case OP_EQ:
		return a == b;
	case OP_NE:
		return a != b;
	case OP_LT:
		return a < b;
	case OP_LE:
		return a <= b;
	case OP_GT:
		return a > b;
	default:
		return a >= b;
	}
}

static int64_t modulo_wholes(int64_t a, int64_t b)
{
	int64_t rest = b == -1 ? 0 : a % b; /* INT64_MIN % -1 overflows */

	return rest != 0 && (rest < 0) != (b < 0) ? rest + b : rest;
}

/* Whole numbers stay whole where they can; what is too large becomes an f64. */
static int operate_wholes(enum operator_id op, int64_t a, int64_t b, struct array_value *result,
			  struct err *err)
{
	int64_t n = 0;
	bool over = true;

	if ((op == OP_DIV || op == OP_MOD) && b == 0)
		return err_set(err, ERR_USAGE, "division by zero");
	if (op >= OP_EQ && op <= OP_GE)
		return result_whole(result, compare_wholes(op, a, b));
	if (op == OP_MOD)
		return result_whole(result, modulo_wholes(a, b));
	if (op == OP_ADD)
		over = __builtin_add_overflow(a, b, &n);
	else if (op == OP_SUB)
		over = __builtin_sub_overflow(a, b, &n);
	else if (op == OP_MUL)
		over = __builtin_mul_overflow(a, b, &n);
	if (!over)
		return result_whole(result, n);
	return result_number(result, compute(op, (double)a, (double)b));
}

static int operate_numbers(enum operator_id op, const struct array_value *a,
			   const struct array_value *b, struct array_value *result, struct err *err)
{
	double x;

	if (a->kind == ARRAY_WHOLE && b->kind == ARRAY_WHOLE && op > OP_AND)
		return operate_wholes(op, a->whole, b->whole, result, err);
	x = compute(op, value_number(a), value_number(b));
	return is_truth(op) ? result_whole(result, x != 0) : result_number(result, x);
}

/* ---- element by element -------------------------------------------------------------------- */

/* A side of the arithmetic, with its dimensions moved to the right; a stride of 0 repeats. */
struct side {
	const struct array *array; /* NULL: a number */
	const float *data;
	float number;
	int lead; /* axes that the other side has before its first */
	int64_t stride[TENSOR_MAX_DIMS];
};

static void describe(const struct array_value *v, char *buf, size_t size)
{
	struct tensor t;

	if (v->kind != ARRAY_TENSOR) {
		snprintf(buf, size, "%s", value_kind(v));
		return;
	}
	t = tensor_make(v->array->dtype, v->array->n_dims, v->array->shape, NULL);
	t.dtype = DTYPE_F32;
	tensor_format(&t, buf, size);
	snprintf(buf + strlen(buf), size - strlen(buf), " of [%s]", array_axes(v->array));
}

static int no_fit(const struct array_value *a, const struct array_value *b, struct err *err)
{
	char left[192], right[192];

	describe(a, left, sizeof(left));
	describe(b, right, sizeof(right));
	return err_set(err, ERR_SHAPE, "%s and %s do not fit together", left, right);
}

static int n_dims_of(const struct array_value *v)
{
	return v->kind == ARRAY_TENSOR ? v->array->n_dims : 0;
}

/* The size of axis i of n, 1 where the value has no such axis. */
static int64_t size_of(const struct array_value *v, int i, int n)
{
	i -= n - n_dims_of(v);
	return v->kind != ARRAY_TENSOR || i < 0 ? 1 : v->array->shape[i];
}

static int broadcast(const struct array_value *a, const struct array_value *b, int *n_dims,
		     int64_t shape[TENSOR_MAX_DIMS], struct err *err)
{
	int n = n_dims_of(a) > n_dims_of(b) ? n_dims_of(a) : n_dims_of(b);

	for (int i = 0; i < n; i++) {
		int64_t left = size_of(a, i, n), right = size_of(b, i, n);

		if (left != right && left != 1 && right != 1)
			return no_fit(a, b, err);
		shape[i] = left == 1 ? right : left;
	}
	*n_dims = n;
	return 0;
}

static struct side side_of(const struct array_value *v, int n_dims)
{
	int lead = n_dims - n_dims_of(v);
	struct side s = { .lead = lead };
	int64_t stride = 1;

	if (v->kind != ARRAY_TENSOR) {
		s.number = (float)value_number(v);
		return s;
	}
	s.array = v->array;
	s.data = v->array->data;
	for (int i = n_dims - 1; i >= lead; i--) {
		int64_t size = v->array->shape[i - lead];

		s.stride[i] = size == 1 ? 0 : stride;
		stride *= size;
	}
	return s;
}

/* Where the row begins that is number `row` of all but the last axis. */
static const float *row_of(const struct side *s, const struct array *out, int64_t row)
{
	int64_t at = 0;

	if (!s->array)
		return &s->number;
	for (int i = out->n_dims - 2; i >= 0; i--) {
		at += row % out->shape[i] * s->stride[i];
		row /= out->shape[i];
	}
	return s->data + at;
}

/* ---- what the axes of a result are called ---------------------------------------------------- */

/* The name of axis i of the result where this side says it, and what its indices count. */
static bool side_name(const struct side *s, int i, int64_t size, char name[32], int64_t *base)
{
	int axis = i - s->lead;

	if (!s->array || axis < 0 || s->array->shape[axis] != size || !s->array->axes[0])
		return false;
	*base = s->array->base[axis];
	return axis_name(s->array->axes, axis, name, 32);
}

static bool is_taken(const char *axes, const char *name)
{
	char other[32];

	for (int i = 0; axis_name(axes, i, other, sizeof(other)); i++)
		if (!strcmp(other, name))
			return true;
	return false;
}

/* From the side that has the axis in full, the left one first; a number where it would be twice. */
static void name_axes(struct array *out, const struct side *a, const struct side *b)
{
	char axes[TENSOR_MAX_DIMS * 33] = "", name[32];
	bool any = false;

	for (int i = 0; i < out->n_dims; i++) {
		int64_t base = 0;
		size_t len = strlen(axes);
		bool named =
			(side_name(a, i, out->shape[i], name, &base) && !is_taken(axes, name)) ||
			(side_name(b, i, out->shape[i], name, &base) && !is_taken(axes, name));

		any |= named;
		if (!named)
			snprintf(name, sizeof(name), "i%d", i);
		out->base[i] = named ? base : 0;
		snprintf(axes + len, sizeof(axes) - len, "%s%s", i ? "," : "", name);
	}
	if (any && strlen(axes) < sizeof(out->axes))
		memcpy(out->axes, axes, strlen(axes) + 1);
}

/* ---- tensors ------------------------------------------------------------------------------- */

static int compute_rows(enum operator_id op, const struct side *a, const struct side *b,
			struct array *out, const struct budget *budget, struct err *err)
{
	int last = out->n_dims - 1;
	int64_t n = out->shape[last], left = a->stride[last], right = b->stride[last], done = 0;
	float *to = out->data;

	for (int64_t row = 0; n && row < out->numel / n; row++, to += n) {
		const float *x = row_of(a, out, row), *y = row_of(b, out, row);

		for (int64_t i = 0; i < n; i++)
			to[i] = (float)compute(op, (double)x[i * left], (double)y[i * right]);
		done += n;
		if (done >= LOOK_EVERY && budget_look(budget, err))
			return err->code;
		done %= LOOK_EVERY;
	}
	return 0;
}

static int operate_tensors(enum operator_id op, const struct array_value *a,
			   const struct array_value *b, struct budget *budget,
			   struct array_value *result, struct err *err)
{
	int64_t shape[TENSOR_MAX_DIMS], numel;
	struct side left, right;
	struct array *out;
	int n_dims = 0;

	if (broadcast(a, b, &n_dims, shape, err) || array_numel(n_dims, shape, &numel, err) ||
	    budget_take(budget, numel, err))
		return err->code;
	out = array_new(n_dims, shape, err);
	if (!out)
		return err->code;
	left = side_of(a, n_dims);
	right = side_of(b, n_dims);
	name_axes(out, &left, &right);
	if (n_dims == 0) /* a scalar that nobody has settled */
		out->data[0] = (float)compute(op, (double)*row_of(&left, out, 0),
					      (double)*row_of(&right, out, 0));
	else if (compute_rows(op, &left, &right, out, budget, err)) {
		array_release(out);
		return err->code;
	}
	*result = (struct array_value){ .kind = ARRAY_TENSOR, .array = out };
	return 0;
}

/* ---- products of matrices -------------------------------------------------------------------- */

/* A matrix, or a vector that is a row on the left and a column on the right. */
struct matrix {
	const struct array *array;
	int64_t rows, columns;
};

static int multiply(const struct matrix *a, const struct matrix *b, struct array *out,
		    const struct budget *budget, struct err *err)
{
	int64_t done = 0;

	for (int64_t i = 0; i < a->rows; i++) {
		for (int64_t k = 0; k < b->columns; k++) {
			const float *x = a->array->data + i * a->columns, *y = b->array->data + k;
			double sum = 0;

			for (int64_t j = 0; j < a->columns; j++)
				sum += (double)x[j] * (double)y[j * b->columns];
			out->data[i * b->columns + k] = (float)sum;
			done += a->columns;
			if (done >= LOOK_EVERY && budget_look(budget, err))
				return err->code;
			done %= LOOK_EVERY;
		}
	}
	return 0;
}

/* The rows of the left side and the columns of the right one, where they have any. */
static struct array *product(const struct matrix *a, const struct matrix *b, struct err *err)
{
	int64_t shape[TENSOR_MAX_DIMS] = { 0 };
	struct side left = { .array = a->array }, right = { .array = b->array };
	struct array *out;
	int n = 0;

	if (a->array->n_dims == 2)
		shape[n++] = a->rows;
	if (b->array->n_dims == 2)
		shape[n++] = b->columns;
	out = array_new(n, shape, err);
	if (!out)
		return NULL;
	/* Only the axis that stays may name one of the result. */
	left.lead = a->array->n_dims == 2 ? 0 : TENSOR_MAX_DIMS;
	right.lead = b->array->n_dims == 2 ? n - 2 : TENSOR_MAX_DIMS;
	if (n == 2) {
		struct array first = *a->array, second = *b->array;

		first.shape[1] = second.shape[0] = -1;
		left.array = &first;
		right.array = &second;
		name_axes(out, &left, &right);
	} else if (n == 1) {
		name_axes(out, &left, &right);
	}
	return out;
}

static int operate_matmul(const struct array_value *a, const struct array_value *b,
			  struct budget *budget, struct array_value *result, struct err *err)
{
	struct matrix left = { a->array, 1, 0 }, right = { b->array, 0, 1 };
	struct array *out;

	if (n_dims_of(a) < 1 || n_dims_of(a) > 2 || n_dims_of(b) < 1 || n_dims_of(b) > 2)
		return err_set(err, ERR_SHAPE,
			       "@ multiplies matrices and vectors, not %d dimensions by %d",
			       n_dims_of(a), n_dims_of(b));
	left.rows = a->array->n_dims == 2 ? a->array->shape[0] : 1;
	left.columns = a->array->shape[a->array->n_dims - 1];
	right.rows = b->array->shape[0];
	right.columns = b->array->n_dims == 2 ? b->array->shape[1] : 1;
	if (left.columns != right.rows)
		return no_fit(a, b, err);
	if (budget_take(budget, left.rows * right.columns, err))
		return err->code;
	out = product(&left, &right, err);
	if (!out)
		return err->code;
	if (multiply(&left, &right, out, budget, err)) {
		array_release(out);
		return err->code;
	}
	*result = (struct array_value){ .kind = ARRAY_TENSOR, .array = out };
	return 0;
}

/* ---- any values ---------------------------------------------------------------------------- */

static const char *const signs[] = {
	[OP_OR] = "||", [OP_AND] = "&&",   [OP_EQ] = "==",    [OP_NE] = "!=",
	[OP_LT] = "<",  [OP_LE] = "<=",    [OP_GT] = ">",     [OP_GE] = ">=",
	[OP_ADD] = "+", [OP_SUB] = "-",    [OP_MUL] = "*",    [OP_DIV] = "/",
	[OP_MOD] = "%", [OP_MATMUL] = "@", [OP_NEGATE] = "-", [OP_NOT] = "!",
};

/* Texts are equal or not; everything else with them means nothing. */
static int operate_texts(enum operator_id op, const struct array_value *a,
			 const struct array_value *b, struct array_value *result, struct err *err)
{
	bool same = a->kind == b->kind && a->text.len == b->text.len &&
		    (!a->text.len || !memcmp(a->text.data, b->text.data, a->text.len));

	if (a->kind == b->kind && (op == OP_EQ || op == OP_NE))
		return result_whole(result, same == (op == OP_EQ));
	return err_set(err, ERR_USAGE, "%s means nothing between %s and %s", signs[op],
		       value_kind(a), value_kind(b));
}

int operate_binary(enum operator_id op, const struct array_value *a, const struct array_value *b,
		   struct budget *budget, struct array_value *result, struct err *err)
{
	if (a->kind == ARRAY_TEXT || b->kind == ARRAY_TEXT)
		return operate_texts(op, a, b, result, err);
	if (op == OP_MATMUL)
		return operate_matmul(a, b, budget, result, err);
	if (value_is_number(a) && value_is_number(b))
		return operate_numbers(op, a, b, result, err);
	return operate_tensors(op, a, b, budget, result, err);
}

int operate_unary(enum operator_id op, const struct array_value *a, struct budget *b,
		  struct array_value *result, struct err *err)
{
	const struct array_value none = { .kind = ARRAY_WHOLE };

	if (a->kind == ARRAY_TEXT)
		return err_set(err, ERR_USAGE, "%s means nothing before a text", signs[op]);
	if (a->kind == ARRAY_TENSOR)
		return operate_tensors(op, a, &none, b, result, err);
	if (op == OP_NEGATE && a->kind == ARRAY_WHOLE && a->whole != INT64_MIN)
		return result_whole(result, -a->whole);
	if (op == OP_NOT)
		return result_whole(result, !(value_number(a) != 0));
	return result_number(result, -value_number(a));
}
