/*
 * expression.c -- walking the tree of an expression.
 */
#include "impl.h"

#include <string.h>

/* ---- names ---- */

struct scope *frame_new(struct jinja *j, struct scope *parent)
{
	struct scope *s = jinja_alloc(j, 1, sizeof(*s));

	s->parent = parent;
	return s;
}

static struct read *find_read(const struct scope *s, struct bytes name)
{
	for (size_t i = 0; i < s->n_read; i++)
		if (bytes_equal(s->read[i].name, name))
			return &s->read[i];
	return NULL;
}

/* The name was read in `s` and found in what the template was given. */
static void note_read(struct jinja *j, struct scope *s, struct bytes name)
{
	for (bool own = true; s && s != j->root; s = s->parent, own = false) {
		if (find_read(s, name))
			continue;
		s->read = jinja_grow(j, s->read, s->n_read, &s->cap_read, sizeof(*s->read));
		s->read[s->n_read++] = (struct read){ name, own };
	}
}

void frame_set(struct jinja *j, struct scope *s, struct bytes name, struct value v)
{
	const struct read *read;

	for (size_t i = 0; i < s->n; i++) {
		if (bytes_equal(s->at[i].name, name)) {
			s->at[i].value = v;
			return;
		}
	}
	read = find_read(s, name);
	if (read && !read->own)
		jinja_fail(j,
			   "'%s' is set after a block inside has read it, which is not supported",
			   short_name(j, name));
	s->at = jinja_grow(j, s->at, s->n, &s->cap, sizeof(*s->at));
	s->at[s->n++] = (struct named){ name, v };
}

struct value frame_find(struct jinja *j, struct scope *from, struct bytes name)
{
	struct value found;

	for (const struct scope *s = from; s; s = s->parent) {
		jinja_work(j, s->n / 8);
		for (size_t i = 0; i < s->n; i++) {
			if (!bytes_equal(s->at[i].name, name))
				continue;
			if (s == j->root)
				note_read(j, from, name);
			return s->at[i].value;
		}
	}
	found = global_find(j, name);
	if (found.kind != V_MISSING) {
		note_read(j, from, name);
		return found;
	}
	return v_undefined(j, "'%s' is undefined", short_name(j, name));
}

/* ---- literals ---- */

static struct value eval_constant(struct jinja *j, struct scope *s, const struct node *n)
{
	(void)j, (void)s;
	return n->value;
}

static struct value eval_name(struct jinja *j, struct scope *s, const struct node *n)
{
	j->at = n->at;
	return frame_find(j, s, n->name);
}

static struct value eval_list(struct jinja *j, struct scope *s, const struct node *n)
{
	struct seq *items = seq_new(j, n->list.n);

	for (size_t i = 0; i < n->list.n; i++)
		seq_add(j, items, eval_node(j, s, n->list.at[i]));
	return v_seq(n->kind == N_LIST ? V_LIST : V_TUPLE, items);
}

static struct value eval_dict(struct jinja *j, struct scope *s, const struct node *n)
{
	struct dict *d = dict_new(j);

	for (size_t i = 0; i + 1 < n->list.n; i += 2) {
		struct value key = eval_node(j, s, n->list.at[i]);
		struct value value = eval_node(j, s, n->list.at[i + 1]);

		j->at = n->at;
		dict_put(j, d, key, value);
	}
	return v_dict(d);
}

/* ---- operators ---- */

static struct value eval_not(struct jinja *j, struct scope *s, const struct node *n)
{
	return v_bool(!value_truth(eval_node(j, s, n->a)));
}

static struct value eval_sign(struct jinja *j, struct scope *s, const struct node *n)
{
	struct value v = eval_node(j, s, n->a);

	j->at = n->at;
	if (v.kind == V_UNDEFINED)
		jinja_fail(j, "%s", short_name(j, v.s));
	if (!is_number(v))
		jinja_fail(j, "bad operand type for unary %c: '%s'",
			   n->kind == N_NEGATE ? '-' : '+', type_name(v));
	if (n->kind == N_NEGATE)
		return negate(j, v);
	return v.kind == V_FLOAT ? v : v_int(integer_of(v));
}

/* The first that decides, itself and not whether it is true. */
static struct value eval_and_or(struct jinja *j, struct scope *s, const struct node *n)
{
	struct value v = eval_node(j, s, n->list.at[0]);

	for (size_t i = 1; i < n->list.n && value_truth(v) == (n->kind == N_AND); i++)
		v = eval_node(j, s, n->list.at[i]);
	return v;
}

static struct value eval_chain(struct jinja *j, struct scope *s, const struct node *n)
{
	struct value v = eval_node(j, s, n->list.at[0]);

	for (size_t i = 1; i < n->list.n; i++) {
		struct value right = eval_node(j, s, n->list.at[i]);

		j->at = n->at;
		v = operate(j, n->ops[i - 1], v, right);
	}
	return v;
}

static struct value eval_concat(struct jinja *j, struct scope *s, const struct node *n)
{
	struct buffer b = { 0 };

	for (size_t i = 0; i < n->list.n; i++) {
		struct value v = eval_node(j, s, n->list.at[i]);

		j->at = n->at;
		add_str(j, &b, v);
	}
	return v_buffer(&b);
}

static bool compare(struct jinja *j, const char *op, struct value a, struct value b)
{
	if (strcmp(op, "in") == 0)
		return value_contains(j, b, a);
	if (strcmp(op, "not in") == 0)
		return !value_contains(j, b, a);
	if (op[1] == '=' && (op[0] == '=' || op[0] == '!'))
		return values_equal(j, a, b) == (op[0] == '=');
	return values_ordered(j, op, a, b);
}

/* a < b < c is a < b and b < c. */
static struct value eval_compare(struct jinja *j, struct scope *s, const struct node *n)
{
	struct value left = eval_node(j, s, n->list.at[0]);

	for (size_t i = 1; i < n->list.n; i++) {
		struct value right = eval_node(j, s, n->list.at[i]);

		j->at = n->at;
		if (!compare(j, n->ops[i - 1], left, right))
			return v_bool(false);
		left = right;
	}
	return v_bool(true);
}

static struct value eval_if_else(struct jinja *j, struct scope *s, const struct node *n)
{
	if (value_truth(eval_node(j, s, n->a)))
		return eval_node(j, s, n->b);
	if (n->c)
		return eval_node(j, s, n->c);
	return v_undefined(j, "the inline if-expression evaluated to false and no else section was "
			      "defined");
}

/* ---- parts ---- */

static struct value eval_attribute(struct jinja *j, struct scope *s, const struct node *n)
{
	struct value v = eval_node(j, s, n->a);

	j->at = n->at;
	return get_attribute(j, v, n->name);
}

static struct value eval_item(struct jinja *j, struct scope *s, const struct node *n)
{
	struct value v = eval_node(j, s, n->a);
	struct value key = eval_node(j, s, n->b);

	j->at = n->at;
	return get_item(j, v, key);
}

static struct value eval_slice(struct jinja *j, struct scope *s, const struct node *n)
{
	struct value v = eval_node(j, s, n->a), part[3];

	for (int i = 0; i < 3; i++)
		part[i] = n->list.at[i] ? eval_node(j, s, n->list.at[i]) : v_none();
	j->at = n->at;
	return get_slice(j, v, part[0], part[1], part[2]);
}

/* ---- calls ---- */

static void eval_arguments(struct jinja *j, struct scope *s, const struct node *n,
			   struct args *args)
{
	for (size_t i = 0; i < n->list.n; i++)
		args_add(j, args, eval_node(j, s, n->list.at[i]));
	for (size_t i = 0; i < n->n_named; i++)
		args_add_named(j, args, n->named[i].name, eval_node(j, s, n->named[i].value));
	if (n->rest) {
		const struct seq *rest = value_items(j, eval_node(j, s, n->rest));

		for (size_t i = 0; i < rest->n; i++)
			args_add(j, args, rest->at[i]);
	}
	if (n->mapping) {
		struct value v = eval_node(j, s, n->mapping);

		j->at = n->at;
		if (v.kind != V_DICT)
			jinja_fail(j, "what stands behind ** must be a mapping, not %s",
				   type_name(v));
		for (size_t i = 0; i < v.dict->n; i++)
			args_add_named(j, args, arg_text(j, "a keyword", v.dict->at[i].key),
				       v.dict->at[i].value);
	}
}

static struct value call_joiner(struct jinja *j, struct cycler *c, const struct args *args)
{
	(void)j;
	if (args->n || args->n_named)
		jinja_fail(j, "a joiner takes no arguments");
	if (c->pos++ == 0)
		return v_text("");
	return c->items->at[0];
}

/* loop(items), of a loop that is marked. */
static struct value call_loop(struct jinja *j, const struct loop *loop, const struct args *args)
{
	struct value bound[JINJA_MAX_PARAMS];

	if (!loop->again)
		jinja_fail(j, "The loop must have the 'recursive' marker to be called.");
	args_bind(j, "loop()", "iterable", 1, args, bound);
	return loop->again(j, loop, bound[0]);
}

struct value eval_call_with(struct jinja *j, struct scope *s, const struct node *n,
			    const struct value *caller)
{
	struct value v = eval_node(j, s, n->a), r;
	struct args args = { 0 };

	eval_arguments(j, s, n, &args);
	if (caller)
		args_add_named(j, &args, bytes_of("caller"), *caller);
	j->at = n->at;
	if (v.kind == V_UNDEFINED)
		jinja_fail(j, "%s", short_name(j, v.s));
	if (v.kind == V_CYCLER && v.cycler->joins)
		return call_joiner(j, v.cycler, &args);
	if (v.kind != V_CALLABLE && v.kind != V_LOOP)
		jinja_fail(j, "'%s' object is not callable", type_name(v));
	jinja_enter(j);
	if (v.kind == V_LOOP) {
		r = call_loop(j, v.loop, &args);
		jinja_leave(j);
		return r;
	}
	r = v.callable->call(j, v.callable, &args);
	jinja_leave(j);
	return r;
}

static struct value eval_call(struct jinja *j, struct scope *s, const struct node *n)
{
	return eval_call_with(j, s, n, NULL);
}

struct value eval_filter_over(struct jinja *j, struct scope *s, const struct node *n,
			      struct value v)
{
	struct args args = { 0 };

	/* A chain over what a block printed begins at its far end. */
	if (n->a)
		v = n->a->kind == N_FILTER ? eval_filter_over(j, s, n->a, v)
					   : eval_node(j, s, n->a);
	eval_arguments(j, s, n, &args);
	j->at = n->at;
	return filter_run(j, n->name, v, &args);
}

static struct value eval_filter(struct jinja *j, struct scope *s, const struct node *n)
{
	struct value v = eval_node(j, s, n->a);
	struct args args = { 0 };

	eval_arguments(j, s, n, &args);
	j->at = n->at;
	return filter_run(j, n->name, v, &args);
}

static struct value eval_test(struct jinja *j, struct scope *s, const struct node *n)
{
	struct value v = eval_node(j, s, n->a);
	struct args args = { 0 };

	eval_arguments(j, s, n, &args);
	j->at = n->at;
	return v_bool(test_run(j, n->name, v, &args));
}

/* By a table and not a switch: each keeps a small frame. */
struct value eval_node(struct jinja *j, struct scope *s, const struct node *n)
{
	static struct value (*const table[])(struct jinja *, struct scope *,
					     const struct node *) = {
		[N_CONST] = eval_constant,      [N_NAME] = eval_name,
		[N_TUPLE] = eval_list,          [N_LIST] = eval_list,
		[N_DICT] = eval_dict,           [N_NOT] = eval_not,
		[N_NEGATE] = eval_sign,         [N_PLUS] = eval_sign,
		[N_AND] = eval_and_or,          [N_OR] = eval_and_or,
		[N_CHAIN] = eval_chain,         [N_CONCAT] = eval_concat,
		[N_COMPARE] = eval_compare,     [N_IF_ELSE] = eval_if_else,
		[N_ATTRIBUTE] = eval_attribute, [N_ITEM] = eval_item,
		[N_SLICE] = eval_slice,         [N_CALL] = eval_call,
		[N_FILTER] = eval_filter,       [N_TEST] = eval_test,
	};
	struct value v;

	jinja_enter(j);
	v = table[n->kind](j, s, n);
	jinja_leave(j);
	return v;
}
