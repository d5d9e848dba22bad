/*
 * hooked.c -- an edit by an expression: asked whenever its value is computed.
 */
#include "change.h"

#include "torchless/expression.h"

#include <assert.h>

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

/*
 * An expression that is asked whenever the value is computed, wherever one stands then: what its
 * paths mean was settled when it was typed.
 */
struct hooked {
	int refs;
	bool is_disabled; /* it failed */
	struct debugger *d;
	value_id value;
	struct text part; /* the selection that is edited, "" for all: what `out` is */
	struct expression *expression;
	struct expression_names names;
	struct meant {
		char *path;
		value_id value;
	} * meant;
	size_t n, cap;
};

static void release_hooked(void *ctx)
{
	struct hooked *h = ctx;

	if (--h->refs > 0)
		return;
	expression_free(h->expression);
	for (size_t i = 0; i < h->n; i++)
		free(h->meant[i].path);
	free(h->meant);
	text_release(&h->part);
	free(h);
}

static const struct meant *find_meant(const struct hooked *h, const char *path)
{
	for (size_t i = 0; i < h->n; i++)
		if (!strcmp(h->meant[i].path, path))
			return &h->meant[i];
	return NULL;
}

/* `out` is the part that is edited, as it was computed; `in[k]` what that was computed from. */
static bool names_own(const struct hooked *h, const char *path, value_id *v)
{
	const struct program *p = h->d->program;
	int k = 0, end = 0;

	if (!strcmp(path, "out")) {
		*v = h->value;
		return true;
	}
	if (strcmp(path, "in") != 0 && (sscanf(path, "in.%d%n", &k, &end) != 1 || path[end]) &&
	    (sscanf(path, "in[%d]%n", &k, &end) != 1 || path[end]))
		return false;
	if (k < 0 || k >= p->ops[p->values[h->value].op].n_in)
		return false;
	*v = p->ops[p->values[h->value].op].in[k];
	return true;
}

/* While it is parsed: a value need not be there yet. */
static int find_first(void *ctx, const char *path, struct array *head, struct err *err)
{
	struct debugger *d = ctx;
	struct hooked *h = d->hook_asked;
	const struct expression_names *ahead = debugger_names_ahead(d);
	value_id v;

	if (!names_own(h, path, &v) && name_resolve(d, path, &v, err))
		return err->code;
	if (ahead->find(ahead->ctx, d->program->values[v].name, head, err))
		return err->code;
	if (!find_meant(h, path)) {
		h->meant = mem_grow(h->meant, h->n, &h->cap, sizeof(*h->meant));
		h->meant[h->n++] = (struct meant){ mem_strdup(path), v };
	}
	return 0;
}

/* While it is evaluated. */
static const char *name_of(const struct hooked *h, const char *path, struct err *err)
{
	const struct meant *m = find_meant(h, path);

	if (m)
		return h->d->program->values[m->value].name;
	err_set(err, ERR_USAGE, "'%.80s' was no value when the hook was typed", path);
	return NULL;
}

/* What is edited of the value that `out` is; of everything else, all. */
static const char *part_of(const struct hooked *h, const char *path)
{
	return strcmp(path, "out") == 0 ? h->part.data : "";
}

static int find_meant_head(void *ctx, const char *path, struct array *head, struct err *err)
{
	struct debugger *d = ctx;
	const char *name = name_of(d->hook_asked, path, err);
	struct text whole = { 0 };
	int r;

	if (!name)
		return err->code;
	text_addf(&whole, "%s%s", name, part_of(d->hook_asked, path));
	r = d->target->source.find(d->target->source.ctx, whole.data, head, err);
	text_release(&whole);
	return r;
}

static struct array *read_meant(void *ctx, const char *path, const char *selection, struct err *err)
{
	struct debugger *d = ctx;
	const char *name = name_of(d->hook_asked, path, err);
	const char *part = name ? part_of(d->hook_asked, path) : "";
	struct array *a, *taken;

	if (!name || !*part)
		return name ? target_read(d->target, name, selection, err) : NULL;
	a = target_read(d->target, name, part, err);
	if (!a || !*selection)
		return a;
	taken = array_select(a, selection, err);
	array_release(a);
	return taken;
}

/* Make the part what the expression is. */
static int assign(const struct hooked *h, const struct edit_part *part, float *x, int64_t n,
		  struct err *err)
{
	struct array_value v = { 0 };
	int64_t sizes[TENSOR_MAX_DIMS] = { 0 };
	double number;
	int r = expression_evaluate(h->expression, &h->names, NULL, &v, err);

	assert(part->n_dims <= TENSOR_MAX_DIMS);
	for (int i = 0; i < part->n_dims; i++)
		sizes[i] = part->stop[i] - part->start[i];
	if (r == 0 && number_of_value(&v, &number))
		for (int64_t i = 0; i < n; i++)
			x[i] = (float)number;
	else if (r == 0 && v.kind == ARRAY_TENSOR && v.array->numel > 0 &&
		 array_fits(sizes, part->n_dims, v.array))
		for (int64_t i = 0; i < n; i++)
			x[i] = v.array->data[i % v.array->numel];
	else if (r == 0)
		r = err_set(err, ERR_SHAPE, "what it is set to does not fit");
	array_value_release(&v);
	return r;
}

/* One that fails is told once, and does nothing from then on. */
static int compute_hooked(void *ctx, struct executor *ex, const struct edit *e,
			  const struct edit_part *part, float *x, int64_t n, struct err *err)
{
	struct hooked *h = ctx;
	struct target *t = h->d->target;
	const struct moment stands = t->now;
	int r;

	if (h->is_disabled)
		return 0;
	/* pass, op and pos are those of the op that runs, not of where one stands. */
	t->now = (struct moment){ ex->bound_pass, t->program->values[e->value].op, 0, 0 };
	h->d->hook_asked = h;
	r = assign(h, part, x, n, err);
	t->now = stands;
	if (r == 0)
		return 0;
	h->is_disabled = true;
	return err_wrap(err, "edit %d, %s, failed in pass %d and is disabled", e->id, e->source,
			ex->bound_pass);
}

bool hooked_is_disabled(const struct edit *e)
{
	return e->release == release_hooked && ((const struct hooked *)e->ctx)->is_disabled;
}

/* What it is made of must be there when it is made. */
static int check_order(const struct hooked *h, struct err *err)
{
	const struct value *values = h->d->program->values, *own = &values[h->value];

	for (size_t i = 0; i < h->n; i++) {
		const struct value *v = &values[h->meant[i].value];

		if (v->op > own->op)
			return err_set(err, ERR_USAGE,
				       "%s is computed by op %d, behind op %d, which computes %s",
				       v->name, v->op, own->op, own->name);
	}
	return 0;
}

int hooked_edit(struct debugger *d, const char *text, struct edit *e, struct err *err)
{
	struct hooked *h = mem_calloc(1, sizeof(*h));

	h->refs = 1;
	h->d = d;
	h->value = e->value;
	text_adds(&h->part, "");
	selection_format(&e->sel, value_axes(&d->program->values[e->value]), &h->part);
	h->names = *debugger_names_ahead(d);
	h->names.find = find_first;
	d->hook_asked = h;
	h->expression = expression_parse(text + strspn(text, " \t"), &h->names, err);
	if (!h->expression) {
		release_hooked(h);
		return err->code;
	}
	if (check_order(h, err)) {
		release_hooked(h);
		return err->code;
	}
	h->names.find = find_meant_head;
	h->names.read = read_meant;
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
