/*
 * plan.c -- what of a program is drawn, and what of that as one box.
 *
 * Everything that the drawing depends on is decided here, a flag a module or a value, before there
 * is a node: build.c then goes through the ops once.
 */
#include "graph_impl.h"

#include "torchless/mem.h"
#include "torchless/point.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- modules by their names ----------------------------------------------------------------- */

#define MAX_PATH_BYTES 512

/* Write the pattern "layers.[4-7].mlp" for the one layer of these that `layer` is: "layers.5.mlp".
 */
static bool unfold(const char *pattern, int layer, char *buf, size_t size)
{
	const char *at = strchr(pattern, '[');
	int first, last, n = 0;

	if (!at || sscanf(at, "[%9d-%9d]%n", &first, &last, &n) != 2 || !n)
		return false;
	if (layer < first || layer > last)
		return false;
	snprintf(buf, size, "%.*s%d%s", (int)(at - pattern), pattern, layer, at + n);
	return true;
}

static bool is_spelled(const char *pattern, const char *path)
{
	char brief[MAX_PATH_BYTES];

	if (text_glob(pattern, path))
		return true;
	if (!strncmp(path, "model.", 6) && text_glob(pattern, path + 6))
		return true;
	return text_glob(pattern, point_shorten(path, brief, sizeof(brief)));
}

static bool names_module(const struct program *p, int m, const char *pattern)
{
	char unfolded[MAX_PATH_BYTES];

	if (!*p->modules[m].path || strlen(pattern) >= MAX_PATH_BYTES)
		return false;
	if (unfold(pattern, p->modules[m].layer, unfolded, sizeof(unfolded)))
		return is_spelled(unfolded, p->modules[m].path);
	return is_spelled(pattern, p->modules[m].path);
}

static int no_module(const struct program *p, const char *name, struct err *err)
{
	struct text_nearest near = { .name = name, .distance = INT_MAX };
	const char *tail = strrchr(name, '.');

	/* Of a glob the last part tells which is meant. */
	if (strpbrk(name, "*?["))
		near.name = tail ? tail + 1 : name;
	for (int m = 1; m < p->n_modules; m++)
		text_nearest_offer(&near, p->modules[m].path);
	if (!near.best)
		return err_set(err, ERR_USAGE, "no module is called '%.200s'", name);
	return err_set(err, ERR_USAGE, "no module is called '%.200s'; the nearest is %.200s", name,
		       near.best);
}

/* The module called so, by its path or a shorter spelling. */
static int find_scope(struct plan *plan, const char *name, struct err *err)
{
	const struct program *p = plan->p;

	if (!name)
		return 0;
	plan->scope = *name ? program_find_module(p, name) : -1;
	for (int m = 1; m < p->n_modules && plan->scope < 0; m++)
		if (names_module(p, m, name))
			plan->scope = m;
	if (plan->scope < 0)
		return no_module(p, name, err);
	if (p->modules[plan->scope].op_first >= plan->n_ops)
		return err_set(err, ERR_USAGE, "%s did not run", p->modules[plan->scope].path);
	return 0;
}

/* ---- boxes ---------------------------------------------------------------------------------- */

static int mark_collapsed(struct plan *plan, const char *glob, struct err *err)
{
	bool any = false;

	for (int m = 1; m < plan->p->n_modules; m++) {
		if (!names_module(plan->p, m, glob))
			continue;
		any = true;
		if (!program_module_inside(plan->p, plan->scope, m))
			plan->box_of[m] = m;
	}
	return any ? 0 : no_module(plan->p, glob, err);
}

/* A box in a box is not seen; parents stand before their children. */
static void spread_boxes(struct plan *plan)
{
	for (int m = 1; m < plan->p->n_modules; m++) {
		int above = plan->box_of[plan->p->modules[m].parent];

		if (above >= 0)
			plan->box_of[m] = above;
	}
}

/* Layers that were asked for, that hold what is asked for, or that are inside of a box. */
static bool *find_apart(const struct plan *plan, const struct graph_options *o)
{
	const struct program *p = plan->p;
	bool *apart = mem_calloc((size_t)p->n_layers + 1, sizeof(*apart));

	for (int i = 0; i < o->n_expand; i++)
		for (int l = o->expand[i].first; l <= o->expand[i].last && l < p->n_layers; l++)
			if (l >= 0)
				apart[l] = true;
	if (plan->scope && p->modules[plan->scope].layer >= 0)
		apart[p->modules[plan->scope].layer] = true;
	for (int m = 1; m < p->n_modules; m++) {
		int box = plan->box_of[m], layer = p->modules[m].layer;

		if (box >= 0 && p->modules[box].layer < 0 && layer >= 0 && layer < p->n_layers)
			apart[layer] = true;
	}
	return apart;
}

static void box_runs(struct plan *plan, const struct graph_options *o, const bool *apart)
{
	const struct program *p = plan->p;

	for (int i = 0; i < plan->fold.n_runs; i++) {
		struct run *r = &plan->fold.runs[i];

		r->is_box = (o->level == GRAPH_MODEL || o->n_expand) && !apart[r->layers.first];
		if (r->is_box && plan->box_of[r->module] < 0)
			plan->box_of[r->module] = r->module;
	}
	spread_boxes(plan);
	(void)p;
}

/* ---- values --------------------------------------------------------------------------------- */

static void find_spine(struct plan *plan)
{
	const struct program *p = plan->p;

	for (int i = 0; i < plan->n_ops; i++) {
		const struct op *op = &p->ops[i];
		bool on = op->code == OP_EMBEDDING;

		for (int k = 0; op->code == OP_ADD && k < op->n_in; k++)
			on |= plan->is_spine[op->in[k]];
		for (int k = 0; on && k < op->n_out; k++)
			plan->is_spine[op->out[k]] = true;
	}
}

/* What layers read that none of them computes: cos and sin, a mask, a bias of positions. */
static void find_hubs(struct plan *plan)
{
	const struct program *p = plan->p;
	int *reader = mem_calloc((size_t)p->n_values, sizeof(*reader)); /* a layer, and one */

	for (int i = 0; i < plan->n_ops; i++)
		for (int k = 0; k < p->ops[i].n_in; k++) {
			value_id v = p->ops[i].in[k];
			int layer = p->modules[p->ops[i].module].layer + 1;

			if (!layer || p->values[v].storage == STORAGE_WEIGHT ||
			    p->values[v].layer >= 0 || plan->is_spine[v])
				continue;
			plan->is_hub[v] |= reader[v] && reader[v] != layer;
			reader[v] = layer;
		}
	free(reader);
}

static void find_leaves(struct plan *plan)
{
	const struct program *p = plan->p;

	for (int m = 1; m < p->n_modules; m++) {
		const struct module *module = &p->modules[m];

		plan->is_leaf[m] =
			p->modules[module->parent].layer == module->layer || module->layer < 0;
		if (plan->inside == GRAPH_OP)
			plan->is_leaf[m] &= module->op_end - module->op_first == 1;
	}
	for (int m = 1; m < p->n_modules; m++)
		plan->is_leaf[p->modules[m].parent] = false;
	plan->is_leaf[plan->scope] = false;
}

/* ---- the plan ------------------------------------------------------------------------------- */

int plan_make(struct plan *plan, const struct program *p, const struct graph_options *o,
	      struct err *err)
{
	size_t n_modules = (size_t)p->n_modules, n_values = (size_t)p->n_values;
	bool *apart;
	int r;

	*plan = (struct plan){
		.p = p,
		.inside = o->level == GRAPH_OP || o->module ? GRAPH_OP : GRAPH_MODULE,
		.n_ops = o->until > 0 && o->until < p->n_ops ? o->until : p->n_ops,
		.box_of = mem_calloc(n_modules, sizeof(*plan->box_of)),
		.is_leaf = mem_calloc(n_modules, sizeof(*plan->is_leaf)),
		.is_spine = mem_calloc(n_values + 1, sizeof(*plan->is_spine)),
		.is_hub = mem_calloc(n_values + 1, sizeof(*plan->is_hub)),
	};
	for (int m = 0; m < p->n_modules; m++)
		plan->box_of[m] = -1;
	r = find_scope(plan, o->module, err);
	for (int i = 0; i < o->n_collapse && !r; i++)
		r = mark_collapsed(plan, o->collapse[i], err);
	if (r)
		return r;
	spread_boxes(plan);
	apart = find_apart(plan, o);
	fold_layers(&plan->fold, p, plan->n_ops, apart, plan->box_of);
	box_runs(plan, o, apart);
	free(apart);
	find_spine(plan);
	find_hubs(plan);
	find_leaves(plan);
	return 0;
}

void plan_release(struct plan *plan)
{
	free(plan->box_of);
	free(plan->is_leaf);
	free(plan->is_spine);
	free(plan->is_hub);
	fold_release(&plan->fold);
	*plan = (struct plan){ 0 };
}

bool plan_shows(const struct plan *plan, int op)
{
	return op < plan->n_ops && fold_op(&plan->fold, op) == op &&
	       program_module_inside(plan->p, plan->p->ops[op].module, plan->scope);
}

/* ---- layers by their numbers ---------------------------------------------------------------- */

/* The number at the start of *text, which then begins behind it; -1 for none, or a long one. */
static int take_number(const char **text)
{
	size_t n = strspn(*text, "0123456789");
	int x = n > 0 && n < 10 ? atoi(*text) : -1;

	*text += n;
	return x;
}

int graph_layers_parse(const char *text, int n_layers, struct graph_layers *out, struct err *err)
{
	const char *at = text;
	int first, last;

	if (!strcmp(text, "all") && n_layers > 0) {
		*out = (struct graph_layers){ 0, n_layers - 1, 0 };
		return 0;
	}
	first = last = take_number(&at);
	if (*at == '-') {
		at++;
		last = take_number(&at);
	}
	if (*at || first < 0 || last < first)
		return err_set(err, ERR_USAGE, "'%.80s' is no layer: 3, 3-7 or all", text);
	if (last >= n_layers)
		return err_set(err, ERR_USAGE, "there is no layer %d: the model has 0 to %d", last,
			       n_layers - 1);
	*out = (struct graph_layers){ first, last, 0 };
	return 0;
}
