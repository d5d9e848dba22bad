/*
 * words.c -- what a node says of itself: in its box, and in the sentence that hovers over it.
 */
#include "graph_impl.h"

#include "torchless/mem.h"
#include "torchless/ui.h"

#include <string.h>

const char *words_leaf(const char *name)
{
	const char *colon = strrchr(name, ':'), *dot = strrchr(name, '.');

	return colon ? colon + 1 : dot ? dot + 1 : name;
}

static const struct op *only_op(const struct graph_node *n, const struct plan *plan)
{
	return n->n_ops == 1 ? &plan->p->ops[n->ops[0]] : NULL;
}

static int box_of(const struct graph_node *n, const struct plan *plan)
{
	return plan->box_of[plan->p->ops[n->ops[n->n_ops - 1]].module];
}

static const char *group_of(const struct graph_node *n, const struct plan *plan)
{
	return n->n_ops > 1 ? op_looks[plan->p->ops[n->ops[0]].code].group : NULL;
}

void words_add_value(struct text *out, const struct value *v)
{
	char bytes[32];

	if (v->storage == STORAGE_WEIGHT)
		text_addf(out, "\n%s", mem_format_bytes(tensor_bytes(&v->t), bytes, sizeof(bytes)));
	if (v->point)
		text_addf(out, "\n%s", v->point->doc);
}

char *words_shape(const struct value *v)
{
	char shape[96];

	return mem_strdup(program_format_shape(v, shape, sizeof(shape)));
}

static const char *without_model(const char *name)
{
	return strncmp(name, "model.", 6) == 0 ? name + 6 : name;
}

char *words_name_value(const struct plan *plan, value_id v, enum graph_kind kind)
{
	const struct value *value = &plan->p->values[v];
	const struct op *op = plan->is_hub[v] && value->op >= 0 ? &plan->p->ops[value->op] : NULL;
	struct text t = { 0 };

	if (kind == GRAPH_OUTPUT && value->point)
		return mem_strdup(value->point->role);
	if (!op)
		return name_clean(kind == GRAPH_STUB ? without_model(value->name)
						     : words_leaf(value->name));
	for (int k = 0; k < op->n_out; k++) {
		text_adds(&t, k ? ", " : "");
		name_add_clean(&t, words_leaf(plan->p->values[op->out[k]].name));
	}
	return t.data;
}

/* "layers 0–29", "layer 3", "self_attn". */
void words_add_module(struct text *out, const struct plan *plan, int m,
		      const struct graph_layers *layers)
{
	const struct module *module = &plan->p->modules[m];
	bool is_layer = module->layer >= 0 && module->parent >= 0 &&
			plan->p->modules[module->parent].layer != module->layer;

	if (!is_layer)
		name_add_clean(out, words_leaf(module->path));
	else if (layers->first < layers->last)
		text_addf(out, "layers %d–%d", layers->first, layers->last);
	else
		text_addf(out, "layer %d", module->layer);
}

static void add_name(struct text *out, const struct graph_node *n, const struct plan *plan)
{
	const struct op *last = &plan->p->ops[n->ops[n->n_ops - 1]];
	const struct value *v = &plan->p->values[n->value];
	const char *group = group_of(n, plan);

	if (box_of(n, plan) >= 0)
		words_add_module(out, plan, box_of(n, plan), &n->layers);
	else if (plan->is_leaf[last->module])
		name_add_clean(out, words_leaf(plan->p->modules[last->module].path));
	else if (group)
		text_adds(out, group);
	else
		name_add_clean(out, last->code == OP_ADD && v->point ? v->point->role
								     : words_leaf(v->name));
}

static void add_type(struct text *out, const struct graph_node *n, const struct plan *plan)
{
	const struct op *last = &plan->p->ops[n->ops[n->n_ops - 1]];

	if (box_of(n, plan) >= 0)
		name_add_clean(out, plan->p->modules[box_of(n, plan)].type);
	else if (plan->is_leaf[last->module] && plan->inside != GRAPH_OP)
		name_add_clean(out, plan->p->modules[last->module].type);
	else if (group_of(n, plan))
		for (int i = 0; i < n->n_ops; i++) {
			const char *name = op_table[plan->p->ops[n->ops[i]].code].name;

			if (i && plan->p->ops[n->ops[i]].code == plan->p->ops[n->ops[i - 1]].code)
				continue;
			text_addf(out, "%s%s", i ? ", " : "", name);
		}
	else
		text_adds(out, op_table[last->code].name);
}

static void add_weight(struct text *out, const struct value *v, const char *owner)
{
	char shape[96];
	bool own = strncmp(v->name, owner, strlen(owner)) == 0;

	text_adds(out, out->len ? "\n" : "");
	name_add_clean(out, own ? words_leaf(v->name) : without_model(v->name));
	text_adds(out, own || v->storage != STORAGE_WEIGHT ? " " : ", tied\n");
	text_adds(out, program_format_shape(v, shape, sizeof(shape)));
}

bool words_is_constant(const struct value *v)
{
	if (v->storage != STORAGE_INPUT)
		return false;
	for (int i = 0; i < v->t.n_dims; i++)
		if (v->t.shape[i] < 0)
			return false;
	return true;
}

/* What a box holds, of one of its layers. */
static void add_parameters(struct text *out, const struct graph_node *n, const struct plan *plan)
{
	int box = box_of(n, plan);
	int64_t params = 0, bytes = 0;
	char a[32], b[32];

	for (int m = box; m < plan->p->n_modules; m++)
		if (program_module_inside(plan->p, m, box)) {
			params += plan->p->modules[m].n_params;
			bytes += plan->p->modules[m].weight_bytes;
		}
	if (params > 0)
		text_addf(out, "%s %s, %s%s", ui_format_params(params, a, sizeof(a)),
			  plural(params, "parameter", "parameters"),
			  mem_format_bytes(bytes, b, sizeof(b)),
			  n->layers.first < n->layers.last ? " a layer" : "");
}

static void add_weights(struct text *out, const struct graph_node *n, const struct plan *plan)
{
	const struct program *p = plan->p;

	if (box_of(n, plan) >= 0) {
		add_parameters(out, n, plan);
		return;
	}
	if (plan->inside == GRAPH_OP)
		return;
	for (int i = 0; i < n->n_ops; i++) {
		const struct op *op = &p->ops[n->ops[i]];

		for (int k = 0; k < op->n_in; k++) {
			const struct value *v = &p->values[op->in[k]];

			if (v->storage == STORAGE_WEIGHT || words_is_constant(v))
				add_weight(out, v, p->modules[op->module].path);
		}
	}
}

void words_add_times(struct text *out, const struct graph_layers *layers)
{
	if (layers->first < layers->last)
		text_addf(out, "×%d · same shape, own weights", layers->last - layers->first + 1);
}

/* Numbers that an op was given. */
static void add_settings(struct text *out, const struct op *op)
{
	const char *before = out->len ? ", " : "";

	if (op->code == OP_MASK && op->window)
		text_addf(out, "%swindow %lld", before, (long long)op->window);
	else if (op->code == OP_RMSNORM)
		text_addf(out, "%seps %g", before, (double)op->eps);
	else if (op->code == OP_SCORES)
		text_addf(out, "%sscale %.4g", before, (double)op->scale);
	else if (op->code == OP_ROTARY && op->factor != 1.0f)
		text_addf(out, "%sfactor %g", before, (double)op->factor);
}

/* What makes boxes of layers differ as a rule, and none of the shapes tells. */
static void add_window(struct text *out, const struct graph_node *n, const struct plan *plan)
{
	for (int i = 0; i < n->n_ops && n->layers.first >= 0; i++) {
		const struct op *op = &plan->p->ops[n->ops[i]];

		if (op->code != OP_MASK || !op->window)
			continue;
		text_adds(out, out->len ? "\n" : "");
		text_addf(out, "window %lld", (long long)op->window);
		return;
	}
}

static void add_note(struct text *out, const struct graph_node *n, const struct plan *plan)
{
	int box = box_of(n, plan);

	if (box >= 0) {
		words_add_times(out, &n->layers);
		add_window(out, n, plan);
		return;
	}
	for (int i = 0; i < n->n_ops; i++)
		if (plan->inside == GRAPH_OP || plan->p->ops[n->ops[i]].code == OP_MASK)
			add_settings(out, &plan->p->ops[n->ops[i]]);
}

/* ---- what hovers ---------------------------------------------------------------------------- */

static void tell_op(struct text *out, const struct program *p, const struct op *op)
{
	struct text settings = { 0 };
	char shape[96];

	text_addf(out, "\n%s: %s", op_table[op->code].name, op_table[op->code].formula);
	add_settings(&settings, op);
	if (settings.len)
		text_addf(out, " (%s)", settings.data);
	text_release(&settings);
	for (int k = 0; k < op->n_out; k++) {
		const struct value *v = &p->values[op->out[k]];

		text_adds(out, "\n  ");
		name_add_clean(out, words_leaf(v->name));
		text_addf(out, " %s", program_format_shape(v, shape, sizeof(shape)));
		if (v->point)
			text_addf(out, ": %s", v->point->doc);
	}
	for (int k = 0; k < op->n_in; k++) {
		const struct value *v = &p->values[op->in[k]];
		char bytes[32];

		if (v->storage != STORAGE_WEIGHT)
			continue;
		text_adds(out, "\n  ");
		name_add_clean(out, v->name);
		text_addf(out, " %s, %s", program_format_shape(v, shape, sizeof(shape)),
			  mem_format_bytes(tensor_bytes(&v->t), bytes, sizeof(bytes)));
	}
}

static void add_tooltip(struct text *out, const struct graph_node *n, const struct plan *plan)
{
	const struct program *p = plan->p;
	const struct op *last = &p->ops[n->ops[n->n_ops - 1]];
	int box = box_of(n, plan), m = box >= 0 ? box : last->module;

	name_add_folded(out, *p->modules[m].path ? p->modules[m].path : n->id, &n->layers);
	text_addf(out, " (");
	name_add_clean(out, p->modules[m].type);
	text_adds(out, ")");
	if (n->layers.first < n->layers.last) {
		text_adds(out, "\n");
		words_add_times(out, &n->layers);
	}
	if (box >= 0) {
		text_addf(out, "\n%d %s\n", n->n_ops, plural(n->n_ops, "op", "ops"));
		add_parameters(out, n, plan);
		return;
	}
	for (int i = 0; i < n->n_ops; i++)
		tell_op(out, p, &p->ops[n->ops[i]]);
}

/* Of its value; of each, where ops of one kind are one node: queries and keys that are rotated. */
static void add_shape(struct text *out, const struct graph_node *n, const struct plan *plan)
{
	const struct program *p = plan->p;
	bool is_group = group_of(n, plan) && box_of(n, plan) < 0;
	char shape[96];

	for (int i = 0; i + 1 < n->n_ops && is_group; i++)
		is_group = p->ops[n->ops[i]].code == p->ops[n->ops[i + 1]].code;
	for (int i = 0; i < n->n_ops && is_group; i++)
		text_addf(out, "%s%s", i ? ", " : "",
			  program_format_shape(&p->values[p->ops[n->ops[i]].out[0]], shape,
					       sizeof(shape)));
	if (!is_group)
		text_adds(out, program_format_shape(&p->values[n->value], shape, sizeof(shape)));
}

void words_of_node(struct graph_node *n, const struct plan *plan)
{
	const struct op *only = only_op(n, plan);
	struct text t = { 0 };

	add_name(&t, n, plan);
	n->name = t.data ? t.data : mem_strdup("");
	t = (struct text){ 0 };
	add_type(&t, n, plan);
	n->type = name_take(&t);
	if (only && box_of(n, plan) < 0)
		n->formula = mem_strdup(op_table[only->code].formula);
	add_shape(&t, n, plan);
	n->shape = name_take(&t);
	add_weights(&t, n, plan);
	n->weight = name_take(&t);
	add_note(&t, n, plan);
	n->note = name_take(&t);
	add_tooltip(&t, n, plan);
	n->tooltip = name_take(&t);
}
