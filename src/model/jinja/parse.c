/*
 * parse.c -- tokens to statements: what stands between {% and %}, and the text around it.
 */
#include "impl.h"

#include <string.h>

static struct nodes parse_body(struct parser *p, const char *const *ends, const char *open);

static void expect_block_end(struct parser *p)
{
	if (p->token->kind != T_BLOCK_END)
		jinja_fail_at(p->j, p->token->at, "expected the end of the block, not %s",
			      token_words(p, p->token));
	p->token++;
}

/* The body of a block whose `%}` comes now; the word that ends it is the next token. */
static struct nodes parse_block(struct parser *p, const char *const *ends, const char *open)
{
	skip_operator(p, ":");
	expect_block_end(p);
	return parse_body(p, ends, open);
}

/* The same, where only one word ends it, which is skipped. */
static struct nodes parse_whole_block(struct parser *p, const char *end, const char *open)
{
	const char *const ends[] = { end, NULL };
	struct nodes body = parse_block(p, ends, open);

	p->token++;
	return body;
}

/* ---- statements ---- */

static void check_no_loop(struct parser *p, const struct node *target)
{
	if (target->kind == N_NAME && bytes_are(target->name, "loop"))
		jinja_fail_at(p->j, target->at, "'loop' cannot be assigned to in a loop");
	for (size_t i = 0; i < target->list.n; i++)
		check_no_loop(p, target->list.at[i]);
}

static struct node *parse_for(struct parser *p, uint32_t at)
{
	static const char *const ends[] = { "endfor", "else", NULL };
	struct node *n = node_new(p, N_FOR, at);
	int soft = p->soft;

	n->a = parse_target(p, false, "in");
	check_no_loop(p, n->a);
	if (!skip_name(p, "in"))
		jinja_fail_at(p->j, p->token->at, "expected 'in', not %s",
			      token_words(p, p->token));
	n->b = parse_tuple(p, false, "recursive", false);
	if (skip_name(p, "if"))
		n->c = parse_expression(p, true);
	n->recursive = skip_name(p, "recursive");
	p->soft = 0;
	p->inside_for++;
	p->loops++;
	n->list = parse_block(p, ends, "for");
	p->loops--;
	if (!skip_name(p, "endfor")) {
		p->token++;
		n->other = parse_whole_block(p, "endfor", "for");
	}
	p->inside_for--;
	p->soft = soft;
	return n;
}

static void add_branch(struct parser *p, struct node *n, struct node *test, struct nodes body)
{
	n->branches = jinja_grow(p->j, n->branches, n->n_branches, &n->cap_branches,
				 sizeof(*n->branches));
	n->branches[n->n_branches++] = (struct branch){ test, body };
}

static struct node *parse_if(struct parser *p, uint32_t at)
{
	static const char *const ends[] = { "elif", "else", "endif", NULL };
	struct node *n = node_new(p, N_IF, at);

	p->soft++;
	for (;;) {
		struct node *test = parse_tuple(p, false, NULL, false);
		struct nodes body = parse_block(p, ends, "if");

		add_branch(p, n, test, body);
		if (skip_name(p, "elif"))
			continue;
		if (!skip_name(p, "endif")) {
			p->token++;
			body = parse_whole_block(p, "endif", "if");
			add_branch(p, n, NULL, body);
		}
		break;
	}
	p->soft--;
	return n;
}

/* What is printed in a block that is captured cannot be left by `break`. */
static struct nodes parse_captured(struct parser *p, const char *end, const char *open)
{
	int loops = p->loops;
	struct nodes body;

	p->loops = 0;
	body = parse_whole_block(p, end, open);
	p->loops = loops;
	return body;
}

static struct node *parse_set(struct parser *p, uint32_t at)
{
	struct node *n = node_new(p, N_SET, at);

	n->a = parse_target(p, true, NULL);
	if (p->inside_for)
		check_no_loop(p, n->a);
	if (skip_operator(p, "=")) {
		n->b = parse_tuple(p, true, NULL, false);
		return n;
	}
	n->kind = N_SET_BLOCK;
	if (at_operator(p, "|"))
		n->b = parse_filters(p, NULL, false);
	n->list = parse_captured(p, "endset", "set");
	return n;
}

static void refuse_second(struct parser *p, const struct node *n, struct bytes name)
{
	jinja_work(p->j, n->n_named);
	for (size_t i = 0; i < n->n_named; i++)
		if (bytes_equal(n->named[i].name, name))
			jinja_fail_at(p->j, p->token->at, "there are two parameters '%s'",
				      short_name(p->j, name));
}

/* (a, b=1): the parameters of a macro. */
static void parse_signature(struct parser *p, struct node *n)
{
	expect_operator(p, "(");
	while (!at_operator(p, ")")) {
		struct node_pair pair = { 0 };

		if (n->n_named)
			expect_operator(p, ",");
		pair.name = expect_name(p);
		refuse_second(p, n, pair.name);
		if (skip_operator(p, "="))
			pair.value = parse_expression(p, true);
		else if (n->n_named && n->named[n->n_named - 1].value)
			jinja_fail_at(
				p->j, p->token->at,
				"a parameter without a default stands behind one with a default");
		node_add_named(p->j, n, pair);
	}
	expect_operator(p, ")");
}

/* A body that sees nothing of the loops and conditions around it. */
static void parse_macro_body(struct parser *p, struct node *n, const char *end, const char *open)
{
	struct node *outer = p->macro;
	int soft = p->soft;

	p->macro = n;
	p->soft = 0;
	n->list = parse_captured(p, end, open);
	p->macro = outer;
	p->soft = soft;
	if (outer) {
		outer->uses_caller |= n->uses_caller;
		outer->uses_varargs |= n->uses_varargs;
		outer->uses_kwargs |= n->uses_kwargs;
	}
}

static struct node *parse_macro(struct parser *p, uint32_t at)
{
	struct node *n = node_new(p, N_MACRO, at);

	n->name = expect_name(p);
	parse_signature(p, n);
	parse_macro_body(p, n, "endmacro", "macro");
	for (size_t i = 0; i < n->n_named; i++) {
		if (!bytes_are(n->named[i].name, "caller") || !n->uses_caller)
			continue;
		if (!n->named[i].value)
			jinja_fail_at(p->j, at, "a parameter named 'caller' needs a default");
		n->uses_caller = false;
	}
	return n;
}

static struct node *parse_call_block(struct parser *p, uint32_t at)
{
	struct node *n = node_new(p, N_CALL_BLOCK, at);

	if (at_operator(p, "("))
		parse_signature(p, n);
	n->a = parse_expression(p, true);
	if (n->a->kind != N_CALL)
		jinja_fail_at(p->j, n->a->at, "a call is expected here");
	parse_macro_body(p, n, "endcall", "call");
	return n;
}

static struct node *parse_filter_block(struct parser *p, uint32_t at)
{
	struct node *n = node_new(p, N_FILTER_BLOCK, at);

	n->b = parse_filters(p, NULL, true);
	n->list = parse_captured(p, "endfilter", "filter");
	return n;
}

static struct node *parse_with(struct parser *p, uint32_t at)
{
	struct node *n = node_new(p, N_WITH, at);

	while (p->token->kind != T_BLOCK_END) {
		struct node_pair pair = { 0 };

		if (n->n_named)
			expect_operator(p, ",");
		pair.target = parse_target(p, false, NULL);
		expect_operator(p, "=");
		pair.value = parse_expression(p, true);
		node_add_named(p->j, n, pair);
	}
	n->list = parse_whole_block(p, "endwith", "with");
	return n;
}

/* What transformers marks the assistant's part with; it prints its body. */
static struct node *parse_generation(struct parser *p, uint32_t at)
{
	struct node *n = node_new(p, N_SCOPE, at);

	n->list = parse_captured(p, "endgeneration", "generation");
	return n;
}

/* Off is what it is anyway. */
static struct node *parse_autoescape(struct parser *p, uint32_t at)
{
	struct node *n = node_new(p, N_SCOPE, at), *on = parse_expression(p, true);

	if (on->kind != N_CONST || value_truth(on->value))
		jinja_fail_at(p->j, at, "the statement 'autoescape' is not supported");
	n->list = parse_whole_block(p, "endautoescape", "autoescape");
	return n;
}

/* ---- blocks, and what would need another template ---- */

static void add_block(struct parser *p, struct node *n)
{
	jinja_work(p->j, p->blocks.n);
	for (size_t i = 0; i < p->blocks.n; i++)
		if (bytes_equal(p->blocks.at[i]->name, n->name))
			jinja_fail_at(p->j, n->at, "there are two blocks '%s'",
				      short_name(p->j, n->name));
	nodes_add(p->j, &p->blocks, n);
}

/* Nothing extends a template, so a block is printed where it stands. */
static struct node *parse_named_block(struct parser *p, uint32_t at)
{
	struct node *n = node_new(p, N_BLOCK, at), *macro = p->macro;
	int soft = p->soft;

	n->name = expect_name(p);
	n->scoped = skip_name(p, "scoped");
	if (at_name(p, "required"))
		jinja_fail_at(p->j, p->token->at, "a required block is not supported");
	add_block(p, n);
	p->macro = NULL;
	p->soft = 0;
	n->list = parse_captured(p, "endblock", "block");
	p->macro = macro;
	p->soft = soft;
	if (p->token->kind == T_NAME && bytes_equal(p->token->text, n->name))
		p->token++;
	return n;
}

/* There are no other templates; that matters where the statement is met. */
static struct node *parse_absent(struct parser *p, uint32_t at)
{
	struct node *n = node_new(p, N_ABSENT, at);

	n->name = p->token[-1].text;
	parse_expression(p, true);
	while (p->token->kind == T_NAME || at_operator(p, ","))
		p->token++;
	return n;
}

static struct node *parse_print(struct parser *p, uint32_t at)
{
	struct node *n = node_new(p, N_OUTPUT, at);

	while (p->token->kind != T_BLOCK_END) {
		if (n->list.n)
			expect_operator(p, ",");
		nodes_add(p->j, &n->list, parse_expression(p, true));
	}
	return n;
}

static struct node *parse_jump(struct parser *p, uint32_t at, enum node_kind kind, const char *name)
{
	if (!p->loops)
		jinja_fail_at(p->j, at, "'%s' stands outside of a loop", name);
	return node_new(p, kind, at);
}

static struct node *parse_break(struct parser *p, uint32_t at)
{
	return parse_jump(p, at, N_BREAK, "break");
}

static struct node *parse_continue(struct parser *p, uint32_t at)
{
	return parse_jump(p, at, N_CONTINUE, "continue");
}

static const struct {
	const char *name;
	struct node *(*parse)(struct parser *p, uint32_t at);
} statements[] = {
	{ "for", parse_for },           { "if", parse_if },
	{ "set", parse_set },           { "macro", parse_macro },
	{ "call", parse_call_block },   { "filter", parse_filter_block },
	{ "with", parse_with },         { "generation", parse_generation },
	{ "block", parse_named_block }, { "autoescape", parse_autoescape },
	{ "include", parse_absent },    { "import", parse_absent },
	{ "from", parse_absent },       { "extends", parse_absent },
	{ "print", parse_print },       { "break", parse_break },
	{ "continue", parse_continue },
};

static struct node *parse_statement(struct parser *p)
{
	const struct token *t = p->token;
	struct bytes name = expect_name(p);

	for (size_t i = 0; i < sizeof(statements) / sizeof(*statements); i++) {
		if (bytes_are(name, statements[i].name)) {
			struct node *n;

			parse_enter(p);
			n = statements[i].parse(p, t->at);
			parse_leave(p);
			return n;
		}
	}
	if ((name.len > 3 && memcmp(name.data, "end", 3) == 0) || bytes_are(name, "else") ||
	    bytes_are(name, "elif"))
		jinja_fail_at(p->j, t->at, "'%s' ends no block that is open here",
			      short_name(p->j, name));
	jinja_fail_at(p->j, t->at, "the statement '%s' is not supported", short_name(p->j, name));
}

/* ---- bodies ---- */

static bool at_any(const struct parser *p, const char *const *names)
{
	for (; *names; names++)
		if (at_name(p, *names))
			return true;
	return false;
}

/* Text and {{ }} that follow each other are printed by one node. */
static struct node *parse_output(struct parser *p)
{
	struct node *n = node_new(p, N_OUTPUT, p->token->at);

	for (;;) {
		if (p->token->kind == T_DATA) {
			struct node *text = node_new(p, N_CONST, p->token->at);

			text->value = v_bytes((p->token++)->text);
			nodes_add(p->j, &n->list, text);
		} else if (p->token->kind == T_PRINT_BEGIN) {
			p->token++;
			nodes_add(p->j, &n->list, parse_tuple(p, true, NULL, false));
			if (p->token->kind != T_PRINT_END)
				jinja_fail_at(p->j, p->token->at, "expected '}}', not %s",
					      token_words(p, p->token));
			p->token++;
		} else {
			return n;
		}
	}
}

/* Up to one of the words, whose block has begun; or, without words, to the end. */
static struct nodes parse_body(struct parser *p, const char *const *ends, const char *open)
{
	const struct token *begin = p->token;
	struct nodes body = { 0 };

	while (p->token->kind != T_END) {
		if (p->token->kind != T_BLOCK_BEGIN) {
			nodes_add(p->j, &body, parse_output(p));
			continue;
		}
		p->token++;
		if (ends && at_any(p, ends))
			return body;
		nodes_add(p->j, &body, parse_statement(p));
		expect_block_end(p);
	}
	if (ends)
		jinja_fail_at(p->j, begin->at, "this '%s' block has no end", open);
	return body;
}

struct nodes parse_template(struct jinja *j)
{
	struct parser p = { .j = j };
	struct nodes body;
	size_t n;

	p.token = lex_template(j, &n);
	body = parse_body(&p, NULL, NULL);
	j->blocks = jinja_alloc(j, 1, sizeof(*j->blocks));
	*j->blocks = p.blocks;
	return body;
}
