/*
 * hooked.c -- an edit by an expression: asked whenever its value is computed.
 */
#include "change.h"

#include "torchless/expression.h"

bool number_of_value(const struct array_value *v, double *x)
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

/* Whether `a` is, but for dimensions of one, the last dimensions of n: it is repeated over the
 * rest. */
bool array_fits(const int64_t *n, int n_dims, const struct array *a)
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

/* An expression that is asked whenever the value is computed. */
struct hooked {
	int refs;
	struct debugger *d;
	struct expression *expression;
};

static void release_hooked(void *ctx)
{
	struct hooked *h = ctx;

	if (--h->refs > 0)
		return;
	expression_free(h->expression);
	free(h);
}

static int compute_hooked(void *ctx, struct executor *ex, const struct edit *e,
			  const struct edit_part *part, float *x, int64_t n, struct err *err)
{
	struct hooked *h = ctx;
	struct array_value v = { 0 };
	double number;
	int64_t sizes[TENSOR_MAX_DIMS];
	int r = expression_evaluate(h->expression, debugger_names(h->d), NULL, &v, err);

	(void)ex;
	if (r)
		return err_wrap(err, "hook %s", e->source);
	for (int i = 0; i < part->n_dims; i++)
		sizes[i] = part->stop[i] - part->start[i];
	if (number_of_value(&v, &number))
		for (int64_t i = 0; i < n; i++)
			x[i] = (float)number;
	else if (v.kind == ARRAY_TENSOR && v.array->numel > 0 &&
		 array_fits(sizes, part->n_dims, v.array))
		for (int64_t i = 0; i < n; i++)
			x[i] = v.array->data[i % v.array->numel];
	else
		r = err_set(err, ERR_SHAPE, "hook %s: what it is set to does not fit in pass %d",
			    e->source, h->d->target->now.pass);
	array_value_release(&v);
	return r;
}

int hooked_edit(struct debugger *d, const char *text, struct edit *e, struct err *err)
{
	struct hooked *h = mem_calloc(1, sizeof(*h));

	h->refs = 1;
	h->d = d;
	h->expression = expression_parse(text + strspn(text, " \t"), debugger_names(d), err);
	if (!h->expression) {
		release_hooked(h);
		return err->code;
	}
	e->kind = EDIT_COMPUTE;
	e->compute = compute_hooked;
	e->ctx = h;
	e->release = release_hooked;
	return 0;
}

void hooked_ref(const struct edit *e)
{
	if (e->release == release_hooked)
		((struct hooked *)e->ctx)->refs++;
}
