/*
 * execute.c -- walking the statements of a template: what they print and what they set.
 *
 * A loop, a macro, `with` and a block that is captured have names of their own, which end with
 * them; `if` has none.
 */
#include "impl.h"

/* ---- assignment ---- */

static void assign_namespace(struct jinja *j, struct scope *s, const struct node *target,
			     struct value v)
{
	struct value ns = frame_find(j, s, target->name);

	j->at = target->at;
	if (ns.kind != V_NAMESPACE)
		jinja_fail(j, "cannot assign attribute on non-namespace object");
	dict_put(j, ns.dict, v_bytes(target->attribute), v);
}

static void assign(struct jinja *j, struct scope *s, const struct node *target, struct value v)
{
	const struct seq *items;

	if (target->kind == N_NAME) {
		frame_set(j, s, target->name, v);
		return;
	}
	if (target->kind == N_NAMESPACE) {
		assign_namespace(j, s, target, v);
		return;
	}
	j->at = target->at;
	items = value_items(j, v);
	if (items->n != target->list.n)
		jinja_fail(j, "%s values to unpack (expected %zu, got %zu)",
			   items->n > target->list.n ? "too many" : "not enough", target->list.n,
			   items->n);
	for (size_t i = 0; i < items->n; i++)
		assign(j, s, target->list.at[i], items->at[i]);
}

/* ---- what is printed is kept ---- */

static struct value captured(struct jinja *j, struct scope *s, const struct nodes *body)
{
	struct buffer *outer = j->out, b = { 0 };

	j->out = &b;
	exec_body(j, s, body);
	j->out = outer;
	return v_buffer(&b);
}

static enum flow exec_output(struct jinja *j, struct scope *s, const struct node *n)
{
	for (size_t i = 0; i < n->list.n; i++) {
		struct value v = eval_node(j, s, n->list.at[i]);

		j->at = n->list.at[i]->at;
		add_str(j, j->out, v);
	}
	return FLOW_ON;
}

static enum flow exec_set(struct jinja *j, struct scope *s, const struct node *n)
{
	assign(j, s, n->a, eval_node(j, s, n->b));
	return FLOW_ON;
}

static enum flow exec_set_block(struct jinja *j, struct scope *s, const struct node *n)
{
	struct scope *inner = frame_new(j, s);
	struct value v = captured(j, inner, &n->list);

	assign(j, s, n->a, n->b ? eval_filter_over(j, inner, n->b, v) : v);
	return FLOW_ON;
}

static enum flow exec_filter_block(struct jinja *j, struct scope *s, const struct node *n)
{
	struct scope *inner = frame_new(j, s);
	struct value v = captured(j, inner, &n->list);

	v = eval_filter_over(j, inner, n->b, v);
	if (!is_string(v))
		jinja_fail(j, "a filter block must make a string, not %s", type_name(v));
	add_str(j, j->out, v);
	return FLOW_ON;
}

/* All values are made before the names are there. */
static enum flow exec_with(struct jinja *j, struct scope *s, const struct node *n)
{
	struct scope *inner = frame_new(j, s);
	struct seq *values = seq_new(j, n->n_named);

	for (size_t i = 0; i < n->n_named; i++)
		seq_add(j, values, eval_node(j, s, n->named[i].value));
	for (size_t i = 0; i < n->n_named; i++)
		assign(j, inner, n->named[i].target, values->at[i]);
	return exec_body(j, inner, &n->list);
}

static enum flow exec_scope(struct jinja *j, struct scope *s, const struct node *n)
{
	return exec_body(j, frame_new(j, s), &n->list);
}

/* ---- if and for ---- */

static enum flow exec_if(struct jinja *j, struct scope *s, const struct node *n)
{
	for (size_t i = 0; i < n->n_branches; i++) {
		const struct branch *b = &n->branches[i];

		if (!b->test || value_truth(eval_node(j, s, b->test)))
			return exec_body(j, s, &b->body);
	}
	return FLOW_ON;
}

/* The items for which the condition behind `if` holds. */
static struct seq *chosen(struct jinja *j, struct scope *s, const struct node *n,
			  const struct seq *items)
{
	struct seq *out = seq_new(j, 0);

	for (size_t i = 0; i < items->n; i++) {
		struct scope *inner = frame_new(j, s);

		assign(j, inner, n->a, items->at[i]);
		if (value_truth(eval_node(j, inner, n->c)))
			seq_add(j, out, items->at[i]);
	}
	return out;
}

static struct value again(struct jinja *j, const struct loop *loop, struct value items);

/*
 * A loop over `v`.  `else` is for one of which no round came to its end: none began, or each was
 * left by `break` or `continue`.
 */
static enum flow run_loop(struct jinja *j, struct scope *s, const struct node *n, struct value v,
			  int depth0)
{
	struct loop *loop = jinja_alloc(j, 1, sizeof(*loop));
	struct seq *items = value_items(j, v);
	bool ended = false;

	if (n->c)
		items = chosen(j, s, n, items);
	*loop = (struct loop){ .items = items, .depth0 = depth0, .node = n, .scope = s };
	loop->again = n->recursive ? again : NULL;
	for (size_t i = 0; i < items->n; i++) {
		struct scope *inner = frame_new(j, s);

		loop->index0 = i;
		frame_set(j, inner, bytes_of("loop"),
			  (struct value){ .kind = V_LOOP, .loop = loop });
		assign(j, inner, n->a, items->at[i]);
		switch (exec_body(j, inner, &n->list)) {
		case FLOW_ON:
			ended = true;
			break;
		case FLOW_BREAK:
			i = items->n - 1;
			break;
		case FLOW_CONTINUE:
			break;
		}
	}
	return ended ? FLOW_ON : exec_body(j, frame_new(j, s), &n->other);
}

static struct value again(struct jinja *j, const struct loop *loop, struct value items)
{
	struct buffer *outer = j->out, b = { 0 };

	j->out = &b;
	run_loop(j, loop->scope, loop->node, items, loop->depth0 + 1);
	j->out = outer;
	return v_buffer(&b);
}

static enum flow exec_for(struct jinja *j, struct scope *s, const struct node *n)
{
	struct value v = eval_node(j, s, n->b);

	j->at = n->at;
	return run_loop(j, s, n, v, 0);
}

static enum flow exec_break(struct jinja *j, struct scope *s, const struct node *n)
{
	(void)j, (void)s, (void)n;
	return FLOW_BREAK;
}

static enum flow exec_continue(struct jinja *j, struct scope *s, const struct node *n)
{
	(void)j, (void)s, (void)n;
	return FLOW_CONTINUE;
}

/* ---- macros ---- */

static bool is_parameter(const struct node *macro, struct bytes name)
{
	for (size_t i = 0; i < macro->n_named; i++)
		if (bytes_equal(macro->named[i].name, name))
			return true;
	return false;
}

/* What no parameter takes: varargs, kwargs and caller, where the body asks for them. */
static void bind_rest(struct jinja *j, struct scope *s, const struct node *macro, const char *name,
		      const struct args *args)
{
	struct seq *varargs = seq_new(j, 0);
	struct dict *kwargs = dict_new(j);
	const struct value *caller = args_named(args, "caller");

	for (size_t i = macro->n_named; i < args->n; i++)
		seq_add(j, varargs, args->at[i]);
	for (size_t i = 0; i < args->n_named; i++)
		if (!is_parameter(macro, args->named[i].name) &&
		    !(macro->uses_caller && bytes_are(args->named[i].name, "caller")))
			dict_put(j, kwargs, v_bytes(args->named[i].name), args->named[i].value);
	if (varargs->n && !macro->uses_varargs)
		jinja_fail(j, "macro '%s' takes not more than %zu argument(s)", name,
			   macro->n_named);
	if (kwargs->n && !macro->uses_kwargs)
		jinja_fail(j, "macro '%s' takes no keyword argument '%s'", name,
			   short_name(j, kwargs->at[0].key.s));
	if (macro->uses_varargs)
		frame_set(j, s, bytes_of("varargs"), v_seq(V_TUPLE, varargs));
	if (macro->uses_kwargs)
		frame_set(j, s, bytes_of("kwargs"), v_dict(kwargs));
	if (macro->uses_caller)
		frame_set(j, s, bytes_of("caller"),
			  caller ? *caller : v_undefined(j, "No caller defined"));
}

static struct value call_macro(struct jinja *j, const struct callable *c, const struct args *args)
{
	const struct node *macro = c->data;
	struct scope *s = frame_new(j, c->scope);

	for (size_t i = 0; i < macro->n_named; i++) {
		const struct node_pair *p = &macro->named[i];
		const char *name = short_name(j, p->name);
		const struct value *named = args_named(args, name);
		struct value v;

		if (i < args->n && named)
			jinja_fail(j, "macro '%s' is given '%s' twice", c->name, name);
		if (i < args->n)
			v = args->at[i];
		else if (named)
			v = *named;
		else if (p->value)
			v = eval_node(j, s, p->value);
		else
			v = v_undefined(j, "parameter '%s' was not provided", name);
		frame_set(j, s, p->name, v);
	}
	bind_rest(j, s, macro, c->name, args);
	return captured(j, s, &macro->list);
}

static struct value make_macro(struct jinja *j, struct scope *s, const struct node *n,
			       const char *name)
{
	struct callable *c = jinja_alloc(j, 1, sizeof(*c));

	*c = (struct callable){ .name = name, .call = call_macro, .data = n, .scope = s };
	return (struct value){ .kind = V_CALLABLE, .callable = c };
}

static enum flow exec_macro(struct jinja *j, struct scope *s, const struct node *n)
{
	frame_set(j, s, n->name, make_macro(j, s, n, short_name(j, n->name)));
	return FLOW_ON;
}

static enum flow exec_call_block(struct jinja *j, struct scope *s, const struct node *n)
{
	struct value caller = make_macro(j, s, n, "caller");
	struct value v = eval_call_with(j, s, n->a, &caller);

	add_str(j, j->out, v);
	return FLOW_ON;
}

/* ---- blocks ---- */

/* What the template has set at its top is there; what stands around a block, where it is scoped. */
static enum flow exec_block(struct jinja *j, struct scope *s, const struct node *n)
{
	struct scope *outer = j->context;

	if (n->scoped)
		j->context = s;
	exec_body(j, frame_new(j, j->context), &n->list);
	j->context = outer;
	return FLOW_ON;
}

struct value call_block(struct jinja *j, const struct callable *c, const struct args *args)
{
	const struct node *n = c->data;
	struct scope *inner = frame_new(j, j->context);

	if (args->n || args->n_named)
		jinja_fail(j, "the block '%s' takes no arguments", c->name);
	return captured(j, inner, &n->list);
}

static enum flow exec_absent(struct jinja *j, struct scope *s, const struct node *n)
{
	(void)s;
	jinja_fail(j, "'%s' needs another template, and there is none", short_name(j, n->name));
}

/* ---- all of them ---- */

static enum flow exec_one(struct jinja *j, struct scope *s, const struct node *n)
{
	static enum flow (*const table[])(struct jinja *, struct scope *, const struct node *) = {
		[N_OUTPUT] = exec_output,
		[N_FOR] = exec_for,
		[N_IF] = exec_if,
		[N_SET] = exec_set,
		[N_SET_BLOCK] = exec_set_block,
		[N_MACRO] = exec_macro,
		[N_CALL_BLOCK] = exec_call_block,
		[N_FILTER_BLOCK] = exec_filter_block,
		[N_WITH] = exec_with,
		[N_SCOPE] = exec_scope,
		[N_BREAK] = exec_break,
		[N_CONTINUE] = exec_continue,
		[N_BLOCK] = exec_block,
		[N_ABSENT] = exec_absent,
	};

	j->at = n->at;
	return table[n->kind](j, s, n);
}

enum flow exec_body(struct jinja *j, struct scope *s, const struct nodes *body)
{
	enum flow flow = FLOW_ON;

	jinja_enter(j);
	for (size_t i = 0; i < body->n && flow == FLOW_ON; i++)
		flow = exec_one(j, s, body->at[i]);
	jinja_leave(j);
	return flow;
}
