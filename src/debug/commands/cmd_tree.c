/*
 * cmd_tree.c -- who makes a value and who reads it, as a tree: inputs, outputs.
 */
#include "../look/look.h"

struct tree {
	struct debugger *d;
	bool recursive, up; /* up: who makes it; else who reads it */
	bool *seen;
	int lines, left_out;
	bool cut; /* some branches are deeper than there is room */
	struct text t, indent;
};

/* What stands behind a node: more of it, which is not shown here, or that it was shown above. */
enum node_end { NODE_WHOLE, NODE_ABOVE, NODE_DEEPER };

static void add_node(struct tree *g, value_id v, bool last, int depth, enum node_end end)
{
	const struct program *p = g->d->program;
	const struct value *value = &p->values[v];
	struct text line = { 0 };
	char name[192];

	text_add(&line, g->indent.data ? g->indent.data : "", g->indent.len);
	if (depth > 0)
		text_adds(&line,
			  last ? look_sign(g->d, "└─ ", "`- ") : look_sign(g->d, "├─ ", "|- "));
	text_addf(&line, "%s ", point_short_name(value, name, sizeof(name)));
	place_add_shape(g->d, v, &line);
	if (value->op >= 0)
		text_addf(&line, "  %d %s", value->op, op_table[p->ops[value->op].code].name);
	else
		text_adds(&line, value->storage == STORAGE_WEIGHT ? "  weight" : "  input");
	if (end == NODE_ABOVE)
		text_adds(&line, "  (above)");
	else if (end == NODE_DEEPER)
		text_adds(&line, look_sign(g->d, " …", " ..."));
	ui_add_clipped(&g->t, g->d->opt.ui, line.data, line.len, look_width(g->d));
	text_addc(&g->t, '\n');
	text_release(&line);
	g->lines++;
	g->cut = g->cut || end == NODE_DEEPER;
}

/* The values next to v, for free(): what its op reads, or what the ops that read it make. */
static value_id *neighbours(const struct tree *g, value_id v, int *n)
{
	const struct program *p = g->d->program;
	value_id *out = mem_calloc((size_t)p->n_ops + OP_MAX_INPUTS, sizeof(*out));

	*n = 0;
	if (g->up && p->values[v].op >= 0)
		for (int k = 0; k < p->ops[p->values[v].op].n_in; k++)
			out[(*n)++] = p->ops[p->values[v].op].in[k];
	for (int i = 0; i < p->n_ops && !g->up; i++)
		for (int k = 0; k < p->ops[i].n_in; k++)
			if (p->ops[i].in[k] == v) {
				out[(*n)++] = p->ops[i].out[p->ops[i].n_out - 1];
				break;
			}
	return out;
}

static void walk(struct tree *g, value_id v, bool last, int depth)
{
	int n, deepest = g->recursive ? (look_width(g->d) - 44) / 3 : 1;
	value_id *next = neighbours(g, v, &n);
	size_t indent = g->indent.len;
	enum node_end end = NODE_WHOLE;

	if (g->lines >= 4 * LOOK_LINES) {
		g->left_out++;
		free(next);
		return;
	}
	if (n > 0 && depth > 0 && g->seen[v])
		end = NODE_ABOVE;
	else if (n > 0 && depth >= deepest)
		end = g->recursive ? NODE_DEEPER : NODE_WHOLE;
	add_node(g, v, last, depth, end);
	if (depth > 0)
		text_adds(&g->indent, last ? "   " : look_sign(g->d, "│  ", "|  "));
	for (int i = 0; i < n && end == NODE_WHOLE && depth < deepest; i++) {
		g->seen[v] = true;
		walk(g, next[i], i == n - 1, depth + 1);
	}
	g->indent.len = indent;
	if (g->indent.data)
		g->indent.data[indent] = '\0';
	free(next);
}

/* What a tree begins at: a name, or what comes next, or what just ran. */
static int choose_root(struct debugger *d, const char *name, value_id *v, struct err *err)
{
	int op = d->target->now.op;

	if (*name)
		return name_resolve(d, name, v, err);
	if (op >= d->program->n_ops || op < 0)
		op = d->program->n_ops - 1;
	*v = d->program->ops[op].out[d->program->ops[op].n_out - 1];
	return 0;
}

static int draw_tree(struct debugger *d, const char *args, bool up, struct err *err)
{
	struct look_option options[] = { { .name = "-r" }, { 0 } };
	struct tree g = { .d = d, .up = up };
	struct text rest = { 0 };
	value_id v;
	int ret = look_options(args, options, &rest, err);

	g.recursive = options[0].given;
	if (!ret)
		ret = choose_root(d, rest.data, &v, err);
	text_release(&rest);
	if (ret)
		return ret;
	g.seen = mem_calloc((size_t)d->program->n_values, sizeof(*g.seen));
	walk(&g, v, true, 0);
	if (g.left_out)
		text_addf(&g.t, "%s %d more %s\n", look_sign(d, "…", "..."), g.left_out,
			  plural(g.left_out, "branch", "branches"));
	if (g.left_out || g.cut)
		text_addf(&g.t, "what goes on: `%s -r NAME` of a value above\n",
			  up ? "inputs" : "outputs");
	look_say(d, &g.t);
	text_release(&g.indent);
	free(g.seen);
	return 0;
}

int cmd_inputs(struct debugger *d, const char *args, struct err *err)
{
	return draw_tree(d, args, true, err);
}

int cmd_outputs(struct debugger *d, const char *args, struct err *err)
{
	return draw_tree(d, args, false, err);
}
