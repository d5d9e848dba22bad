/*
 * parse_expression.c -- tokens to expressions, with jinja2's grammar.
 *
 * Operators of one precedence become one node with a list, so that a long sum is no deep tree.
 */
#include "impl.h"

#include <string.h>

/* ---- tokens ---- */

bool at_operator(const struct parser *p, const char *op)
{
	return p->token->kind == T_OPERATOR && bytes_are(p->token->text, op);
}

bool at_name(const struct parser *p, const char *name)
{
	return p->token->kind == T_NAME && bytes_are(p->token->text, name);
}

bool skip_operator(struct parser *p, const char *op)
{
	if (!at_operator(p, op))
		return false;
	p->token++;
	return true;
}

bool skip_name(struct parser *p, const char *name)
{
	if (!at_name(p, name))
		return false;
	p->token++;
	return true;
}

const char *token_words(struct parser *p, const struct token *t)
{
	static const char *const words[] = {
		[T_END] = "the end of the template",
		[T_DATA] = "text",
		[T_PRINT_BEGIN] = "'{{'",
		[T_PRINT_END] = "'}}'",
		[T_BLOCK_BEGIN] = "'{%'",
		[T_BLOCK_END] = "'%}'",
		[T_STRING] = "a string",
	};
	struct buffer b = { 0 };

	if (t->kind < sizeof(words) / sizeof(*words) && words[t->kind])
		return words[t->kind];
	buffer_addc(p->j, &b, '\'');
	buffer_adds(p->j, &b, short_name(p->j, t->text));
	buffer_add(p->j, &b, "'", 2);
	return b.data;
}

void expect_operator(struct parser *p, const char *op)
{
	if (!skip_operator(p, op))
		jinja_fail_at(p->j, p->token->at, "expected '%s', not %s", op,
			      token_words(p, p->token));
}

struct bytes expect_name(struct parser *p)
{
	if (p->token->kind != T_NAME)
		jinja_fail_at(p->j, p->token->at, "expected a name, not %s",
			      token_words(p, p->token));
	return (p->token++)->text;
}

/* ---- nodes ---- */

struct node *node_new(struct parser *p, enum node_kind kind, uint32_t at)
{
	struct node *n = jinja_alloc(p->j, 1, sizeof(*n));

	n->kind = kind;
	n->at = at;
	return n;
}

void nodes_add(struct jinja *j, struct nodes *list, struct node *n)
{
	list->at = jinja_grow(j, list->at, list->n, &list->cap, sizeof(struct node *));
	list->at[list->n++] = n;
}

void node_add_named(struct jinja *j, struct node *n, struct node_pair pair)
{
	n->named = jinja_grow(j, n->named, n->n_named, &n->cap_named, sizeof(*n->named));
	n->named[n->n_named++] = pair;
}

static struct node *constant(struct parser *p, struct value v)
{
	struct node *n = node_new(p, N_CONST, p->token->at);

	n->value = v;
	return n;
}

void parse_enter(struct parser *p)
{
	if (++p->j->nesting > JINJA_MAX_NESTING)
		jinja_fail_at(p->j, p->token->at,
			      "blocks and expressions are nested deeper than %d levels",
			      JINJA_MAX_NESTING);
}

void parse_leave(struct parser *p)
{
	p->j->nesting--;
}

/* ---- literals ---- */

static struct node *parse_list(struct parser *p)
{
	struct node *n = node_new(p, N_LIST, p->token->at);

	expect_operator(p, "[");
	while (!at_operator(p, "]")) {
		if (n->list.n)
			expect_operator(p, ",");
		if (at_operator(p, "]"))
			break;
		nodes_add(p->j, &n->list, parse_expression(p, true));
	}
	expect_operator(p, "]");
	return n;
}

static struct node *parse_dict(struct parser *p)
{
	struct node *n = node_new(p, N_DICT, p->token->at);

	expect_operator(p, "{");
	while (!at_operator(p, "}")) {
		if (n->list.n)
			expect_operator(p, ",");
		if (at_operator(p, "}"))
			break;
		nodes_add(p->j, &n->list, parse_expression(p, true));
		expect_operator(p, ":");
		nodes_add(p->j, &n->list, parse_expression(p, true));
	}
	expect_operator(p, "}");
	return n;
}

static struct node *parse_strings(struct parser *p)
{
	struct node *n = constant(p, v_bytes(p->token->text));
	struct buffer b = { 0 };

	if (p->token[1].kind != T_STRING) {
		p->token++;
		return n;
	}
	for (; p->token->kind == T_STRING; p->token++)
		buffer_add(p->j, &b, p->token->text.data, p->token->text.len);
	n->value = v_buffer(&b);
	return n;
}

/* What the body of a macro calls decides what it can be called with. */
static void note_name(struct parser *p, struct bytes name)
{
	if (!p->macro)
		return;
	if (bytes_are(name, "caller"))
		p->macro->uses_caller = true;
	else if (bytes_are(name, "varargs"))
		p->macro->uses_varargs = true;
	else if (bytes_are(name, "kwargs"))
		p->macro->uses_kwargs = true;
}

static struct node *parse_name(struct parser *p, bool with_namespace)
{
	static const struct {
		const char *name;
		struct value value;
	} constants[] = {
		{ "true", { .kind = V_BOOL, .b = true } },
		{ "True", { .kind = V_BOOL, .b = true } },
		{ "false", { .kind = V_BOOL } },
		{ "False", { .kind = V_BOOL } },
		{ "none", { .kind = V_NONE } },
		{ "None", { .kind = V_NONE } },
	};
	const struct token *t = p->token;
	struct node *n;

	for (size_t i = 0; i < sizeof(constants) / sizeof(*constants); i++) {
		if (bytes_are(t->text, constants[i].name)) {
			n = constant(p, constants[i].value);
			p->token++;
			return n;
		}
	}
	n = node_new(p, N_NAME, t->at);
	n->name = t->text;
	p->token++;
	note_name(p, n->name);
	if (with_namespace && skip_operator(p, ".")) {
		n->kind = N_NAMESPACE;
		n->attribute = expect_name(p);
	}
	return n;
}

static struct node *parse_primary(struct parser *p, bool with_namespace)
{
	const struct token *t = p->token;
	struct node *n;

	if (t->kind == T_NAME)
		return parse_name(p, with_namespace);
	if (t->kind == T_STRING)
		return parse_strings(p);
	if (t->kind == T_INT || t->kind == T_FLOAT) {
		n = constant(p, t->kind == T_INT ? v_int(t->i) : v_float(t->d));
		p->token++;
		return n;
	}
	if (skip_operator(p, "(")) {
		n = parse_tuple(p, true, NULL, true);
		expect_operator(p, ")");
		return n;
	}
	if (at_operator(p, "["))
		return parse_list(p);
	if (at_operator(p, "{"))
		return parse_dict(p);
	jinja_fail_at(p->j, t->at, "expected an expression, not %s", token_words(p, t));
}

/* ---- what follows a value: .name [i] (args) |filter is test ---- */

static void parse_argument(struct parser *p, struct node *call)
{
	const struct token *t = p->token;

	if (skip_operator(p, "*")) {
		if (call->rest || call->mapping)
			jinja_fail_at(p->j, t->at, "'*' stands at a wrong place");
		call->rest = parse_expression(p, true);
	} else if (skip_operator(p, "**")) {
		if (call->mapping)
			jinja_fail_at(p->j, t->at, "'**' stands at a wrong place");
		call->mapping = parse_expression(p, true);
	} else if (t->kind == T_NAME && t[1].kind == T_OPERATOR && bytes_are(t[1].text, "=")) {
		if (call->mapping)
			jinja_fail_at(p->j, t->at, "an argument stands behind '**'");
		p->token += 2;
		node_add_named(
			p->j, call,
			(struct node_pair){ .name = t->text, .value = parse_expression(p, true) });
	} else {
		if (call->rest || call->mapping || call->n_named)
			jinja_fail_at(p->j, t->at,
				      "an argument without a name stands behind one "
				      "with a name");
		nodes_add(p->j, &call->list, parse_expression(p, true));
	}
}

static void parse_arguments(struct parser *p, struct node *call)
{
	bool any = false;

	expect_operator(p, "(");
	while (!at_operator(p, ")")) {
		if (any) {
			expect_operator(p, ",");
			if (at_operator(p, ")"))
				break;
		}
		parse_argument(p, call);
		any = true;
	}
	expect_operator(p, ")");
}

static struct node *parse_call(struct parser *p, struct node *a)
{
	struct node *n = node_new(p, N_CALL, p->token->at);

	n->a = a;
	parse_arguments(p, n);
	return n;
}

static bool ends_part(const struct parser *p)
{
	return at_operator(p, ":") || at_operator(p, "]") || at_operator(p, ",");
}

/* [from:to:step], each of which may be absent; or one expression. */
static struct node *parse_subscript(struct parser *p, struct node *a, uint32_t at)
{
	struct node *part[3] = { NULL };
	struct node *n = node_new(p, N_SLICE, at);

	if (!at_operator(p, ":"))
		part[0] = parse_expression(p, true);
	if (!skip_operator(p, ":")) {
		n->kind = N_ITEM;
		n->a = a;
		n->b = part[0];
		return n;
	}
	if (!ends_part(p))
		part[1] = parse_expression(p, true);
	if (skip_operator(p, ":") && !ends_part(p))
		part[2] = parse_expression(p, true);
	n->a = a;
	for (int i = 0; i < 3; i++)
		nodes_add(p->j, &n->list, part[i]);
	return n;
}

/* a[1, 2] is an item by a tuple. */
static struct node *parse_brackets(struct parser *p, struct node *a)
{
	uint32_t at = p->token->at;
	struct node *n, *tuple;

	expect_operator(p, "[");
	if (at_operator(p, "]")) {
		n = node_new(p, N_ITEM, at);
		n->a = a;
		n->b = node_new(p, N_TUPLE, at);
		p->token++;
		return n;
	}
	n = parse_subscript(p, a, at);
	if (at_operator(p, ",")) {
		if (n->kind == N_SLICE)
			jinja_fail_at(p->j, at, "slices of several dimensions are not supported");
		tuple = node_new(p, N_TUPLE, at);
		nodes_add(p->j, &tuple->list, n->b);
		while (skip_operator(p, ",") && !at_operator(p, "]"))
			nodes_add(p->j, &tuple->list, parse_expression(p, true));
		n->b = tuple;
	}
	expect_operator(p, "]");
	return n;
}

static struct node *parse_attribute(struct parser *p, struct node *a)
{
	struct node *n = node_new(p, N_ATTRIBUTE, p->token->at);

	expect_operator(p, ".");
	n->a = a;
	if (p->token->kind == T_INT) {
		n->kind = N_ITEM;
		n->b = constant(p, v_int(p->token->i));
		p->token++;
		return n;
	}
	n->name = expect_name(p);
	return n;
}

static struct node *parse_postfix(struct parser *p, struct node *n)
{
	for (;;) {
		if (at_operator(p, "."))
			n = parse_attribute(p, n);
		else if (at_operator(p, "["))
			n = parse_brackets(p, n);
		else if (at_operator(p, "("))
			n = parse_call(p, n);
		else
			return n;
	}
}

static void check_known(struct parser *p, const struct node *n, enum known known, const char *what)
{
	if (known == UNKNOWN && !p->soft)
		jinja_fail_at(p->j, n->at, "there is no %s '%s'", what, short_name(p->j, n->name));
}

static struct bytes parse_dotted_name(struct parser *p)
{
	struct bytes name = expect_name(p);

	if (at_operator(p, "."))
		jinja_fail_at(p->j, p->token->at, "names with dots are not supported here");
	return name;
}

struct node *parse_filters(struct parser *p, struct node *a, bool first)
{
	while (first || skip_operator(p, "|")) {
		struct node *n = node_new(p, N_FILTER, p->token->at);

		n->a = a;
		n->name = parse_dotted_name(p);
		if (at_operator(p, "("))
			parse_arguments(p, n);
		check_known(p, n, filter_known(n->name), "filter");
		a = n;
		first = false;
	}
	return a;
}

/* Whether an argument without brackets follows: x is divisibleby 3. */
static bool at_test_argument(const struct parser *p)
{
	switch (p->token->kind) {
	case T_NAME:
		return !at_name(p, "else") && !at_name(p, "or") && !at_name(p, "and");
	case T_STRING:
	case T_INT:
	case T_FLOAT:
		return true;
	default:
		return at_operator(p, "[") || at_operator(p, "{");
	}
}

static struct node *parse_test(struct parser *p, struct node *a)
{
	struct node *n, *not ;
	bool negated;

	p->token++;
	negated = skip_name(p, "not");
	n = node_new(p, N_TEST, p->token->at);
	n->a = a;
	n->name = parse_dotted_name(p);
	if (at_operator(p, "(")) {
		parse_arguments(p, n);
	} else if (at_test_argument(p)) {
		if (at_name(p, "is"))
			jinja_fail_at(p->j, p->token->at, "one 'is' cannot follow another");
		nodes_add(p->j, &n->list, parse_postfix(p, parse_primary(p, false)));
	}
	check_known(p, n, test_known(n->name), "test");
	if (!negated)
		return n;
	not = node_new(p, N_NOT, n->at);
	not ->a = n;
	return not ;
}

static struct node *parse_filter_expression(struct parser *p, struct node *n)
{
	for (;;) {
		if (at_operator(p, "|"))
			n = parse_filters(p, n, false);
		else if (at_name(p, "is"))
			n = parse_test(p, n);
		else if (at_operator(p, "("))
			n = parse_call(p, n);
		else
			return n;
	}
}

/* ---- operators ---- */

static struct node *parse_unary(struct parser *p, bool with_filter)
{
	uint32_t at = p->token->at;
	bool minus = at_operator(p, "-");
	struct node *n;

	if (minus || at_operator(p, "+")) {
		p->token++;
		n = node_new(p, minus ? N_NEGATE : N_PLUS, at);
		parse_enter(p);
		n->a = parse_unary(p, false);
		parse_leave(p);
	} else {
		n = parse_primary(p, false);
	}
	n = parse_postfix(p, n);
	return with_filter ? parse_filter_expression(p, n) : n;
}

/* From what binds tightest; the operators of a level are of equal rank. */
static const struct level {
	const char *const ops[5];
	enum node_kind kind;
} levels[] = {
	{ { "**" }, N_CHAIN },
	{ { "*", "/", "//", "%" }, N_CHAIN },
	{ { "~" }, N_CONCAT },
	{ { "+", "-" }, N_CHAIN },
	{ { "==", "!=", "<", "<=", ">" }, N_COMPARE }, /* and >=, in, not in */
};
#define N_LEVELS ((int)(sizeof(levels) / sizeof(*levels)))

/* The operator of the level that comes now, NULL: none. */
static const char *take_operator(struct parser *p, const struct level *level)
{
	for (size_t i = 0; i < 5 && level->ops[i]; i++)
		if (skip_operator(p, level->ops[i]))
			return level->ops[i];
	if (level->kind != N_COMPARE)
		return NULL;
	if (skip_operator(p, ">="))
		return ">=";
	if (skip_name(p, "in"))
		return "in";
	if (at_name(p, "not") && p->token[1].kind == T_NAME && bytes_are(p->token[1].text, "in")) {
		p->token += 2;
		return "not in";
	}
	return NULL;
}

static struct node *parse_level(struct parser *p, int depth)
{
	struct node *first = depth ? parse_level(p, depth - 1) : parse_unary(p, true), *n = NULL;

	for (;;) {
		uint32_t op_at = p->token->at;
		const char *op = take_operator(p, &levels[depth]);

		if (!op)
			return n ? n : first;
		if (!n) {
			n = node_new(p, levels[depth].kind, op_at);
			nodes_add(p->j, &n->list, first);
		}
		n->ops = jinja_grow(p->j, n->ops, n->list.n - 1, &n->cap_ops, sizeof(*n->ops));
		n->ops[n->list.n - 1] = op;
		nodes_add(p->j, &n->list, depth ? parse_level(p, depth - 1) : parse_unary(p, true));
	}
}

static struct node *parse_not(struct parser *p)
{
	uint32_t at = p->token->at;
	bool negated = false, any = false;
	struct node *n;

	while (skip_name(p, "not")) {
		negated = !negated;
		any = true;
	}
	n = parse_level(p, N_LEVELS - 1);
	for (int times = negated ? 1 : any ? 2 : 0; times > 0; times--) {
		struct node *not = node_new(p, N_NOT, at);

		not ->a = n;
		n = not ;
	}
	return n;
}

static struct node *parse_and(struct parser *p)
{
	struct node *first = parse_not(p), *n = NULL;

	while (at_name(p, "and")) {
		if (!n) {
			n = node_new(p, N_AND, p->token->at);
			nodes_add(p->j, &n->list, first);
		}
		p->token++;
		nodes_add(p->j, &n->list, parse_not(p));
	}
	return n ? n : first;
}

static struct node *parse_or(struct parser *p)
{
	struct node *first = parse_and(p), *n = NULL;

	while (at_name(p, "or")) {
		if (!n) {
			n = node_new(p, N_OR, p->token->at);
			nodes_add(p->j, &n->list, first);
		}
		p->token++;
		nodes_add(p->j, &n->list, parse_and(p));
	}
	return n ? n : first;
}

/* What stands behind an `if` is compiled with it: jinja2 does not look at filters there. */
static struct node *parse_conditional(struct parser *p, struct node *value)
{
	while (at_name(p, "if")) {
		struct node *n = node_new(p, N_IF_ELSE, p->token->at);

		p->token++;
		n->b = value;
		n->a = parse_or(p);
		if (skip_name(p, "else"))
			n->c = parse_expression(p, true);
		value = n;
	}
	return value;
}

struct node *parse_expression(struct parser *p, bool with_if)
{
	struct node *n;

	parse_enter(p);
	n = parse_or(p);
	if (with_if)
		n = parse_conditional(p, n);
	parse_leave(p);
	return n;
}

/* ---- tuples and targets ---- */

static bool ends_tuple(const struct parser *p, const char *stop)
{
	return p->token->kind == T_PRINT_END || p->token->kind == T_BLOCK_END ||
	       at_operator(p, ")") || (stop && at_name(p, stop));
}

struct node *parse_tuple(struct parser *p, bool with_if, const char *stop, bool parenthesised)
{
	struct node *n = node_new(p, N_TUPLE, p->token->at);
	bool is_tuple = false;

	for (;;) {
		if (n->list.n)
			expect_operator(p, ",");
		if (ends_tuple(p, stop))
			break;
		nodes_add(p->j, &n->list, parse_expression(p, with_if));
		if (!at_operator(p, ","))
			break;
		is_tuple = true;
	}
	if (!is_tuple && n->list.n)
		return n->list.at[0];
	if (!is_tuple && !parenthesised)
		jinja_fail_at(p->j, p->token->at, "expected an expression, not %s",
			      token_words(p, p->token));
	return n;
}

/* A name, ns.name, or several of them. */
static void check_target(struct parser *p, const struct node *n)
{
	static const char *const reserved[] = { "true", "false", "none", "True", "False", "None" };

	if (n->kind == N_TUPLE) {
		for (size_t i = 0; i < n->list.n; i++)
			check_target(p, n->list.at[i]);
		return;
	}
	if (n->kind != N_NAME && n->kind != N_NAMESPACE)
		jinja_fail_at(p->j, n->at, "this cannot be assigned to");
	for (size_t i = 0; i < sizeof(reserved) / sizeof(*reserved); i++)
		if (bytes_are(n->name, reserved[i]))
			jinja_fail_at(p->j, n->at, "'%s' cannot be assigned to", reserved[i]);
}

struct node *parse_target(struct parser *p, bool with_namespace, const char *stop)
{
	struct node *n = node_new(p, N_TUPLE, p->token->at);
	bool is_tuple = false;

	for (;;) {
		if (n->list.n)
			expect_operator(p, ",");
		if (ends_tuple(p, stop))
			break;
		nodes_add(p->j, &n->list, parse_primary(p, with_namespace));
		if (!at_operator(p, ","))
			break;
		is_tuple = true;
	}
	if (!is_tuple && !n->list.n)
		jinja_fail_at(p->j, p->token->at, "expected a name, not %s",
			      token_words(p, p->token));
	if (!is_tuple)
		n = n->list.at[0];
	check_target(p, n);
	return n;
}
