/*
 * recipe_expression.c -- edits whose numbers an expression gives, where no debugger stands.
 *
 * Names mean what they mean at the op that computes the value: `out` is the part that the edit
 * covers as it is so far, in[k] what the op reads, a name is looked for in the op's module and
 * outward, and a whole name is itself.  That a name means something is asked when the edit is made;
 * whether it is there, each time.
 */
#include "record_impl.h"
#include "torchless/executor_source.h"
#include "torchless/expression.h"
#include "torchless/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* An expression at work; the part is there while it is asked. */
struct bound {
	struct expression *expression;
	struct executor *ex;
	value_id value;
	struct array *part;
};

/* ---- names --------------------------------------------------------------------------------- */

#define NAME_SIZE 256

/* The value of that name, or with a ':' for its last '.', or of a module; -1: none. */
static value_id find_whole(const struct program *p, const char *name)
{
	char other[NAME_SIZE + 8];
	value_id v = program_find(p, name);
	char *dot;

	if (v >= 0 || strlen(name) >= NAME_SIZE)
		return v;
	snprintf(other, sizeof(other), "%s", name);
	dot = strrchr(other, '.');
	if (dot) {
		*dot = ':';
		v = program_find(p, other);
		*dot = '.';
	}
	if (v < 0) { /* a module is what it puts out */
		snprintf(other, sizeof(other), "%s:out", name);
		v = program_find(p, other);
	}
	return v;
}

/* In module m and outward. */
static value_id find_around(const struct program *p, int m, const char *name)
{
	value_id v = -1;

	for (; m >= 0 && v < 0; m = p->modules[m].parent) {
		const char *path = p->modules[m].path;
		struct text whole = { 0 };

		text_addf(&whole, "%s%s%s", path, *path ? "." : "", name);
		v = find_whole(p, whole.data);
		text_release(&whole);
	}
	return v;
}

/* in, in[k], in.k: what the op reads besides weights; -1: it is another name. */
static value_id find_input(const struct program *p, const struct op *op, const char *name)
{
	int k = 0;
	char end;

	if (strcmp(name, "in") != 0 && sscanf(name, "in[%d%c", &k, &end) != 2 &&
	    sscanf(name, "in.%d%c", &k, &end) != 1)
		return -1;
	for (int i = 0; i < op->n_in; i++)
		if (p->values[op->in[i]].storage != STORAGE_WEIGHT && k-- == 0)
			return op->in[i];
	return -1;
}

static int find_any(const struct program *p, const char *name, value_id *v, struct err *err)
{
	bool *wanted = mem_calloc((size_t)p->n_values, sizeof(*wanted));
	int n = points_match(p, name, wanted, err);

	for (*v = 0; n > 0 && !wanted[*v];)
		++*v;
	free(wanted);
	if (n > 1)
		return err_set(err, ERR_USAGE, "'%.80s' names %d points: a tensor is one of them",
			       name, n);
	return n < 0 ? n : 0;
}

static int find_value(const struct bound *b, const char *path, value_id *v, struct err *err)
{
	const struct program *p = b->ex->program;
	const struct op *op = &p->ops[p->values[b->value].op];

	*v = find_input(p, op, path);
	if (*v < 0)
		*v = find_around(p, op->module, path + (path[0] == '.' || path[0] == ':'));
	return *v < 0 ? find_any(p, path, v, err) : 0;
}

static int find(void *ctx, const char *path, struct array *head, struct err *err)
{
	const struct bound *b = ctx;
	struct array_source source = executor_source(b->ex);
	value_id v;

	if (strcmp(path, "out") == 0) {
		*head = *b->part;
		head->data = NULL;
		return 0;
	}
	if (strcmp(path, "pass") == 0) {
		*head = (struct array){ .numel = 1, .name = "pass" };
		return 0;
	}
	if (find_value(b, path, &v, err))
		return err->code;
	return source.find(source.ctx, b->ex->program->values[v].name, head, err);
}

/* A tensor of no dimensions is a number. */
static struct array *number_of_pass(const struct bound *b, struct err *err)
{
	struct array *a = array_new(0, (int64_t[]){ 0 }, err);

	if (a)
		a->data[0] = (float)b->ex->bound_pass;
	return a;
}

static struct array *read(void *ctx, const char *path, const char *selection, struct err *err)
{
	const struct bound *b = ctx;
	struct array_source source = executor_source(b->ex);
	struct text name = { 0 };
	struct array *a = NULL;
	value_id v;

	if (strcmp(path, "out") == 0)
		return *selection ? array_select(b->part, selection, err) : array_ref(b->part);
	if (strcmp(path, "pass") == 0)
		return number_of_pass(b, err);
	if (find_value(b, path, &v, err))
		return NULL;
	text_addf(&name, "%s%s", b->ex->program->values[v].name, selection);
	a = source.read(source.ctx, name.data, err);
	text_release(&name);
	return a;
}

static struct expression_names names_of(struct bound *b)
{
	return (struct expression_names){ .find = find, .read = read, .ctx = b };
}

/* ---- what it says -------------------------------------------------------------------------- */

/* The part as an array of its own, its single indices dropped. */
static struct array *part_of(const struct bound *b, const struct edit *e,
			     const struct edit_part *part, const float *x, int64_t n,
			     struct err *err)
{
	const struct value *v = &b->ex->program->values[e->value];
	const struct tensor t = executor_tensor(b->ex, e->value);
	struct array whole = { .n_dims = part->n_dims }, head;
	struct array_part p = { .drop = { false } };
	struct array *a;

	snprintf(whole.axes, sizeof(whole.axes), "%s", value_axes(v));
	snprintf(whole.name, sizeof(whole.name), "%s", v->name);
	for (int i = 0; i < part->n_dims; i++) {
		whole.shape[i] = t.shape[i];
		whole.base[i] = axis_counts_positions(whole.axes, i) ? part->pos0 : 0;
		p.start[i] = part->start[i];
		p.stop[i] = part->stop[i];
		p.drop[i] = e->sel.axis[i].single;
	}
	array_describe_part(&whole, &p, &head);
	a = array_like(&head, err);
	if (a)
		memcpy(a->data, x, (size_t)n * sizeof(*x));
	return a;
}

/* Whether the sizes of `a` are the last ones of the part. */
static bool is_tail(const struct array *a, const struct array *part)
{
	if (a->n_dims > part->n_dims || a->numel == 0)
		return false;
	for (int i = 1; i <= a->n_dims; i++)
		if (a->shape[a->n_dims - i] != part->shape[part->n_dims - i])
			return false;
	return true;
}

static void add_shape(struct text *t, const struct array *a)
{
	text_addc(t, '[');
	for (int i = 0; i < a->n_dims; i++)
		text_addf(t, "%s%lld", i ? ", " : "", (long long)a->shape[i]);
	text_addc(t, ']');
}

static int no_fit(const struct array *a, const struct array *part, struct err *err)
{
	struct text t = { 0 };

	text_adds(&t, "it gives ");
	add_shape(&t, a);
	text_adds(&t, ", and the part is ");
	add_shape(&t, part);
	err_set(err, ERR_SHAPE, "%s", t.data);
	text_release(&t);
	return err->code;
}

/* The result over the part: a number for all, or sizes that repeat over the first ones. */
static int put_result(const struct array_value *r, const struct array *part, float *x, int64_t n,
		      struct err *err)
{
	double number = r->kind == ARRAY_WHOLE ? (double)r->whole : r->real;

	if (r->kind != ARRAY_TENSOR && r->kind != ARRAY_WHOLE && r->kind != ARRAY_REAL)
		return err_set(err, ERR_USAGE, "it gives no number and no tensor");
	if (r->kind == ARRAY_TENSOR && r->array->numel != 1 && !is_tail(r->array, part))
		return no_fit(r->array, part, err);
	for (int64_t i = 0; i < n; i++)
		x[i] = r->kind == ARRAY_TENSOR ? r->array->data[i % r->array->numel]
					       : (float)number;
	return 0;
}

static int compute(void *ctx, struct executor *ex, const struct edit *e,
		   const struct edit_part *part, float *x, int64_t n, struct err *err)
{
	struct bound *b = ctx;
	struct expression_names names = names_of(b);
	struct array_value result = { 0 };
	struct array *outer = b->part;
	int r;

	(void)ex;
	b->part = part_of(b, e, part, x, n, err);
	r = b->part ? expression_evaluate(b->expression, &names, NULL, &result, err) : err->code;
	if (r == 0)
		r = put_result(&result, b->part, x, n, err);
	array_value_release(&result);
	array_release(b->part);
	b->part = outer;
	return r < 0 ? err_wrap(err, "%s = %.200s", ex->program->values[e->value].name,
				expression_text(b->expression))
		     : 0;
}

/* ---- binding ------------------------------------------------------------------------------- */

static void release(void *ctx)
{
	struct bound *b = ctx;

	expression_free(b->expression);
	free(b);
}

/* Each means something; and values that are not read by the op itself are to be kept until then. */
static int check_names(const struct bound *b, struct session *s, struct err *err)
{
	for (int i = 0; i < expression_n_paths(b->expression); i++) {
		const char *path = expression_path(b->expression, i);
		value_id v;

		if (strcmp(path, "out") == 0 || strcmp(path, "pass") == 0)
			continue;
		if (find_value(b, path, &v, err))
			return err->code;
		session_keep_values(s);
	}
	return 0;
}

static int bind(void *ctx, struct session *s, const char *expr, struct edit *e, struct err *err)
{
	struct bound *b;

	(void)ctx;
	if (s->model->program.values[e->value].op < 0)
		return err_set(err, ERR_USAGE, "%s is no value that an op computes",
			       s->model->program.values[e->value].name);
	b = mem_calloc(1, sizeof(*b));
	b->ex = &s->executor;
	b->value = e->value;
	b->expression = expression_parse(expr, NULL, err);
	if (!b->expression || check_names(b, s, err)) {
		release(b);
		return err->code;
	}
	e->compute = compute;
	e->ctx = b;
	e->release = release;
	return 0;
}

const struct recipe_expressions recipe_plain_expressions = { .bind = bind };
