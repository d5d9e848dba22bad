/*
 * fold.c -- which layers are alike, exactly.
 *
 * Two layers that follow each other are drawn as one when no reader of the picture could tell them
 * apart: the same modules and ops in the same order with the same parameters, values and weights
 * of the same shapes and types, and wires that go the same way.  What a layer reads from outside
 * must be the same value, a weight of its own, or what the layer before it computes where the layer
 * before that one's stood.
 */
#include "graph_impl.h"

#include "torchless/mem.h"

#include <stdlib.h>
#include <string.h>

/* A layer as it is compared. */
struct layer {
	int module, op_first, op_end;
};

struct folding {
	const struct program *p;
	const int *box_of;
	struct layer *layers;
	int n_layers;
	bool *ends_run; /* what it computes is read elsewhere than in the next layer */
};

static bool is_layer(const struct program *p, int m)
{
	const struct module *module = &p->modules[m];

	return module->layer >= 0 && module->parent >= 0 &&
	       p->modules[module->parent].layer != module->layer;
}

static void find_layers(struct folding *f, int n_ops)
{
	const struct program *p = f->p;

	f->layers = mem_calloc((size_t)p->n_modules, sizeof(*f->layers));
	for (int m = 0; m < p->n_modules; m++) {
		struct layer l = { m, p->modules[m].op_first, p->modules[m].op_end };

		l.op_end = l.op_end < n_ops ? l.op_end : n_ops;
		if (is_layer(p, m) && l.op_first < l.op_end)
			f->layers[f->n_layers++] = l;
	}
	f->ends_run = mem_calloc((size_t)f->n_layers + 1, sizeof(*f->ends_run));
}

static void find_ends(struct folding *f, int n_ops)
{
	int *layer_of = mem_calloc((size_t)n_ops + 1, sizeof(*layer_of));

	for (int i = 0; i < n_ops; i++)
		layer_of[i] = -1;
	for (int i = 0; i < f->n_layers; i++)
		for (int o = f->layers[i].op_first; o < f->layers[i].op_end; o++)
			layer_of[o] = i;
	for (int o = 0; o < n_ops; o++)
		for (int k = 0; k < f->p->ops[o].n_in; k++) {
			int writer = f->p->values[f->p->ops[o].in[k]].op;
			int from = writer >= 0 ? layer_of[writer] : -1;

			if (from >= 0 && layer_of[o] != from && layer_of[o] != from + 1)
				f->ends_run[from] = true;
		}
	free(layer_of);
}

/* The part of a name that is the same in layers that are alike. */
static const char *behind(const struct program *p, const struct layer *l, const char *name)
{
	const char *path = p->modules[l->module].path;
	size_t len = strlen(path);

	return strncmp(name, path, len) == 0 ? name + len : name;
}

static bool same_tensor(const struct tensor *a, const struct tensor *b)
{
	return a->dtype == b->dtype && a->n_dims == b->n_dims &&
	       !memcmp(a->shape, b->shape, (size_t)a->n_dims * sizeof(a->shape[0]));
}

static bool within(const struct layer *l, const struct value *v)
{
	return v->op >= l->op_first && v->op < l->op_end;
}

/* The place of an output among those of its op. */
static int place(const struct program *p, value_id v)
{
	return v - p->ops[p->values[v].op].out[0];
}

/* `first`: a is the first of its run, and may read from anywhere what b reads from a. */
static bool same_input(const struct folding *f, const struct layer *a, const struct layer *b,
		       value_id x, value_id y, bool first)
{
	const struct program *p = f->p;
	const struct value *vx = &p->values[x], *vy = &p->values[y];
	int stride = b->op_first - a->op_first;

	if (!same_tensor(&vx->t, &vy->t))
		return false;
	if (within(a, vx) || within(b, vy))
		return within(a, vx) && within(b, vy) && vy->op - vx->op == stride &&
		       place(p, x) == place(p, y);
	if (vx->storage == STORAGE_WEIGHT || vy->storage == STORAGE_WEIGHT)
		return vx->storage == vy->storage && vx->tied_to < 0 && vy->tied_to < 0 &&
		       !strcmp(behind(p, a, vx->name), behind(p, b, vy->name));
	if (x == y)
		return true;
	if (!within(a, vy))
		return false;
	return first || (vx->op == vy->op - stride && place(p, x) == place(p, y));
}

/* Where the first of a run reads from must tell apart what the others tell apart. */
static bool same_wires(const struct program *p, const struct layer *a, const struct layer *b)
{
	int n = a->op_end - a->op_first;

	for (int i = 0; i < n * OP_MAX_INPUTS; i++) {
		const struct op *oi = &p->ops[a->op_first + i / OP_MAX_INPUTS];
		int ki = i % OP_MAX_INPUTS;

		if (ki >= oi->n_in || within(a, &p->values[oi->in[ki]]) ||
		    p->values[oi->in[ki]].storage == STORAGE_WEIGHT)
			continue;
		for (int j = 0; j < i; j++) {
			const struct op *oj = &p->ops[a->op_first + j / OP_MAX_INPUTS];
			int kj = j % OP_MAX_INPUTS, stride = b->op_first - a->op_first;

			if (kj >= oj->n_in || within(a, &p->values[oj->in[kj]]))
				continue;
			if ((oi->in[ki] == oj->in[kj]) != (oi[stride].in[ki] == oj[stride].in[kj]))
				return false;
		}
	}
	return true;
}

static bool same_output(const struct folding *f, const struct layer *a, const struct layer *b,
			value_id x, value_id y)
{
	const struct value *vx = &f->p->values[x], *vy = &f->p->values[y];

	return same_tensor(&vx->t, &vy->t) && vx->storage == vy->storage &&
	       vx->point == vy->point &&
	       !strcmp(behind(f->p, a, vx->name), behind(f->p, b, vy->name));
}

/* Modules at the same place below their layers, drawn as boxes alike. */
static bool same_module(const struct folding *f, const struct layer *a, const struct layer *b,
			int m, int n)
{
	const struct module *modules = f->p->modules;
	int x = f->box_of[m], y = f->box_of[n];

	if (strcmp(behind(f->p, a, modules[m].path), behind(f->p, b, modules[n].path)) != 0 ||
	    strcmp(modules[m].type, modules[n].type) != 0 || (x < 0) != (y < 0))
		return false;
	return x < 0 || !strcmp(behind(f->p, a, modules[x].path), behind(f->p, b, modules[y].path));
}

static bool same_op(const struct folding *f, const struct layer *a, const struct layer *b, int i,
		    bool first)
{
	const struct op *x = &f->p->ops[a->op_first + i], *y = &f->p->ops[b->op_first + i];

	if (x->code != y->code || x->n_in != y->n_in || x->n_out != y->n_out ||
	    x->window != y->window || x->eps != y->eps || x->scale != y->scale ||
	    x->factor != y->factor || !same_module(f, a, b, x->module, y->module))
		return false;
	for (int k = 0; k < x->n_out; k++)
		if (!same_output(f, a, b, x->out[k], y->out[k]))
			return false;
	for (int k = 0; k < x->n_in; k++)
		if (!same_input(f, a, b, x->in[k], y->in[k], first))
			return false;
	return true;
}

static bool alike(const struct folding *f, const struct layer *a, const struct layer *b, bool first)
{
	const struct module *x = &f->p->modules[a->module], *y = &f->p->modules[b->module];

	if (x->parent != y->parent || x->layer + 1 != y->layer || a->op_end != b->op_first ||
	    a->op_end - a->op_first != b->op_end - b->op_first || strcmp(x->type, y->type) != 0)
		return false;
	for (int i = 0; i < a->op_end - a->op_first; i++)
		if (!same_op(f, a, b, i, first))
			return false;
	return !first || same_wires(f->p, a, b);
}

static void add_run(struct fold *out, const struct folding *f, int i, int n)
{
	const struct layer *l = &f->layers[i], *last = &f->layers[i + n - 1];
	struct run *r = &out->runs[out->n_runs];

	*r = (struct run){
		.module = l->module,
		.op_first = l->op_first,
		.op_end = l->op_end,
		.all_end = last->op_end,
		.layers = { f->p->modules[l->module].layer, f->p->modules[last->module].layer,
			    l->op_end - l->op_first },
	};
	for (int o = r->op_first; o < r->all_end; o++)
		out->run_of_op[o] = out->n_runs;
	out->n_runs++;
}

void fold_layers(struct fold *out, const struct program *p, int n_ops, const bool *apart,
		 const int *box_of)
{
	struct folding f = { .p = p, .box_of = box_of };

	find_layers(&f, n_ops);
	find_ends(&f, n_ops);
	out->runs = mem_calloc((size_t)f.n_layers + 1, sizeof(*out->runs));
	out->run_of_op = mem_calloc((size_t)n_ops + 1, sizeof(*out->run_of_op));
	for (int i = 0; i < n_ops; i++)
		out->run_of_op[i] = -1;
	for (int i = 0, n; i < f.n_layers; i += n) {
		for (n = 1; i + n < f.n_layers; n++)
			if (f.ends_run[i + n - 1] || apart[p->modules[f.layers[i].module].layer] ||
			    apart[p->modules[f.layers[i + n].module].layer] ||
			    !alike(&f, &f.layers[i + n - 1], &f.layers[i + n], n == 1))
				break;
		add_run(out, &f, i, n);
	}
	free(f.layers);
	free(f.ends_run);
}

void fold_release(struct fold *f)
{
	free(f->runs);
	free(f->run_of_op);
	*f = (struct fold){ 0 };
}

int fold_op(const struct fold *f, int op)
{
	const struct run *r;

	if (f->run_of_op[op] < 0)
		return op;
	r = &f->runs[f->run_of_op[op]];
	return r->op_first + (op - r->op_first) % r->layers.stride;
}

struct graph_layers fold_layers_of(const struct fold *f, int op)
{
	if (f->run_of_op[op] < 0)
		return (struct graph_layers){ -1, -1, 0 };
	return f->runs[f->run_of_op[op]].layers;
}
