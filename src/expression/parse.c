/*
 * parse.c -- text to instructions.
 *
 *	expression := unary { OPERATOR unary }           by the levels of sign.c
 *	unary      := { "-" | "!" } primary { "[" index { "," index } "]" }
 *	index      := [NAME "="] ( expression | range ) | "..."
 *	range      := [expression] ":" [expression] [":" [expression]]
 *	primary    := NUMBER | TEXT | "$"... | NAME "(" [argument { "," argument }] ")"
 *	            | PATH | "(" expression ")"
 *	argument   := [NAME "="] expression
 *
 * Instructions are written as their operands end, so what stands in the list is the order of
 * evaluation.  Each nesting counts against a limit: no text is deeper than the stack.
 */
#include "expression_impl.h"

#include "torchless/mem.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What is known of a value before it is there. */
enum known { KNOWN_NUMBER, KNOWN_TEXT, KNOWN_TENSOR, KNOWN_NOTHING };

struct parser {
	struct expression *e;
	const struct expression_names *names;
	struct scan *s;
	struct err *err;
};

static int parse_expression(struct parser *p, int level, enum known *known);

static int deeper(struct parser *p)
{
	if (p->s->depth >= EXPRESSION_MAX_DEPTH)
		return err_set(p->err, ERR_USAGE, "nested deeper than %d levels",
			       EXPRESSION_MAX_DEPTH);
	p->s->depth++;
	return 0;
}

/* A sentence about what stands at `at`. */
static int fail_at(struct parser *p, size_t at)
{
	p->s->at = at;
	return p->err->code;
}

static size_t emit(struct parser *p, struct step *step, int effect)
{
	step->end = p->s->at;
	return code_step(p->e, step, effect);
}

/* ---- operators ----------------------------------------------------------------------------- */

static int check_texts(struct parser *p, const struct sign *b, enum known left, enum known right,
		       size_t at)
{
	bool text = left == KNOWN_TEXT || right == KNOWN_TEXT;
	bool other = (left != KNOWN_TEXT && left != KNOWN_NOTHING) ||
		     (right != KNOWN_TEXT && right != KNOWN_NOTHING);

	if (!text || (!other && (b->op == OP_EQ || b->op == OP_NE)))
		return 0;
	err_set(p->err, ERR_USAGE, "%s means nothing with a text%s", b->sign,
		b->op == OP_EQ || b->op == OP_NE ? " and what is none" : "");
	return fail_at(p, at);
}

/* The right side of an operator, and the operator. */
static int parse_right(struct parser *p, const struct sign *b, size_t start, enum known *left)
{
	bool decides = b->op == OP_AND || b->op == OP_OR;
	enum known right = KNOWN_NOTHING;
	size_t sign = p->s->at - strlen(b->sign), decide = 0, side;

	if (decides)
		decide = code_operator(p->e, STEP_DECIDE, b->op, start, sign, p->s->at);
	scan_space(p->s);
	side = p->s->at;
	if (parse_expression(p, b->level + 1, &right) || check_texts(p, b, *left, right, sign))
		return p->err->code;
	code_operator(p->e, STEP_BINARY, b->op, start, side, p->s->at);
	if (decides)
		p->e->steps[decide].n = (int)p->e->n_steps;
	if (*left != KNOWN_NUMBER || right != KNOWN_NUMBER)
		*left = *left == KNOWN_TENSOR || right == KNOWN_TENSOR ? KNOWN_TENSOR
								       : KNOWN_NOTHING;
	if (*left == KNOWN_TENSOR && decides)
		*left = KNOWN_NOTHING;
	return 0;
}

/* ---- indices ------------------------------------------------------------------------------- */

static bool at_end_of_bound(struct parser *p)
{
	scan_space(p->s);
	return p->s->text[p->s->at] && strchr(":,]", p->s->text[p->s->at]);
}

static int parse_bound(struct parser *p)
{
	enum known known = KNOWN_NOTHING;
	size_t at = p->s->at;

	if (parse_expression(p, 1, &known))
		return p->err->code;
	if (known != KNOWN_TEXT)
		return 0;
	err_set(p->err, ERR_USAGE, "an index is a whole number, not a text");
	return fail_at(p, at);
}

/* "2", "0:4", ":", "::2" into the item. */
static int parse_range(struct parser *p, struct item *item)
{
	for (int i = 0;; i++) {
		if (!at_end_of_bound(p)) {
			if (parse_bound(p))
				return p->err->code;
			item->has[i] = true;
		}
		if (i == 2 || !scan_take(p->s, ":")) {
			item->single = i == 0 && item->has[0];
			item->has[0] = item->has[0] && !item->single;
			if (i == 0 && !item->single)
				return scan_unexpected(p->s, "an index", p->err);
			return 0;
		}
	}
}

static int parse_item(struct parser *p, struct item *item)
{
	scan_space(p->s);
	item->at = p->s->at;
	if (scan_take(p->s, "...")) {
		item->all = true;
		return 0;
	}
	if (scan_take(p->s, "*"))
		return err_set(p->err, ERR_USAGE, "all of an axis is :");
	scan_key(p->s, item->axis, sizeof(item->axis));
	return parse_range(p, item);
}

/* Item i of those from `first` on; it moves when another is made. */
static struct item *item_at(struct parser *p, int first, int i)
{
	return &p->e->items[first + i];
}

/* The next item of an index, with its number n. */
static int parse_next_item(struct parser *p, int first, int n)
{
	struct item item = { 0 };

	if (n > TENSOR_MAX_DIMS)
		return err_set(p->err, ERR_USAGE, "a tensor has at most %d axes", TENSOR_MAX_DIMS);
	if (parse_item(p, &item))
		return p->err->code;
	for (int i = 0; item.all && i < n; i++) {
		if (!item_at(p, first, i)->all)
			continue;
		err_set(p->err, ERR_USAGE, "... may stand once");
		return fail_at(p, item.at);
	}
	*item_at(p, first, n) = item;
	return 0;
}

/* Behind "[": the items, then "]".  Those that belong to a path are its own. */
static int parse_items(struct parser *p, int first, bool of_path, int *n)
{
	bool was = p->s->in_index;
	size_t from;

	p->s->in_index = true;
	*n = 0;
	do {
		if (of_path && path_take_key(p->s, p->names, &from))
			continue;
		if (parse_next_item(p, first, *n))
			return p->err->code;
		++*n;
	} while (scan_take(p->s, ","));
	p->s->in_index = was;
	if (scan_take(p->s, "]"))
		return 0;
	return sign_refuse(p->s, p->err) ? p->err->code
					 : scan_unexpected(p->s, "']' or ','", p->err);
}

/* The index at "[", behind what `step` pushes or reads; axes are looked up where they are known. */
static int parse_index(struct parser *p, struct step *step, const struct array *head)
{
	int axes[TENSOR_MAX_DIMS];
	size_t at = 0;

	if (deeper(p))
		return p->err->code;
	p->s->at++;
	step->first = code_items(p->e, TENSOR_MAX_DIMS + 1);
	if (parse_items(p, step->first, head != NULL, &step->n))
		return p->err->code;
	p->s->depth--;
	if (head && head->n_dims >= 0 &&
	    part_axes(head, item_at(p, step->first, 0), step->n, axes, &at, p->err))
		return fail_at(p, at);
	return 0;
}

static bool at_bracket(struct parser *p)
{
	scan_space(p->s);
	return p->s->text[p->s->at] == '[';
}

/* ---- functions ----------------------------------------------------------------------------- */

/* "axis=": the argument must be the next. */
static int parse_key(struct parser *p, const struct function *f, int i)
{
	size_t at = p->s->at;
	char key[32];

	if (!scan_key(p->s, key, sizeof(key)) || function_place(f, key) == i)
		return 0;
	if (function_place(f, key) >= 0)
		err_set(p->err, ERR_USAGE, "%s stands elsewhere: %s%s", key, f->name, f->args);
	else
		err_set(p->err, ERR_USAGE, "%s has no %s: %s%s", f->name, key, f->name, f->args);
	return fail_at(p, at);
}

static void push_text(struct parser *p, const char *text, size_t len, size_t start)
{
	code_push(p->e, STEP_TEXT, code_word(p->e, STEP_TEXT, text, len), start, p->s->at);
}

/* "L0.attn.z" where a tensor is due. */
static int parse_quoted_path(struct parser *p, size_t at)
{
	struct text text = { 0 };
	int ret = scan_text(p->s, &text, p->err);

	if (!ret && path_check(p->names, text.data, p->err) < 0)
		ret = fail_at(p, at);
	if (!ret)
		code_push(p->e, STEP_READ, code_word(p->e, STEP_READ, text.data, strlen(text.data)),
			  at, p->s->at);
	text_release(&text);
	return ret;
}

static int check_argument(struct parser *p, char letter, enum known known, size_t at)
{
	const char *expected = NULL;

	if (known == KNOWN_TEXT && strchr("there", letter))
		expected = letter == 'r' ? "a number" : "a tensor";
	else if (known == KNOWN_TEXT && strchr("in", letter))
		expected = "a number";
	else if (known == KNOWN_NUMBER && strchr("sw", letter))
		expected = "a text";
	if (!expected)
		return 0;
	err_set(p->err, ERR_USAGE, "%s is expected here, not %s", expected,
		known == KNOWN_TEXT ? "a text" : "a number");
	return fail_at(p, at);
}

/* A name with its points, as it stands: not asked for, so that it may be one that only a function
 * knows. */
static bool take_bare_name(struct parser *p)
{
	const char *text = p->s->text + p->s->at;
	size_t len = 0, end;

	while (scan_is_letter(text[len]) || scan_is_digit(text[len]) ||
	       (len && (text[len] == '.' || text[len] == ':')))
		len++;
	end = len + strspn(text + len, " \t");
	if (len == 0 || scan_is_digit(text[0]) || !text[end] || !strchr(",)", text[end]))
		return false;
	p->s->at += len;
	push_text(p, text, len, p->s->at - len);
	return true;
}

/* An argument of that letter; its head is enough for some. */
static int parse_argument(struct parser *p, char letter)
{
	enum known known = KNOWN_NOTHING;
	size_t len = 0, at, before = p->e->n_steps;

	scan_space(p->s);
	at = p->s->at;
	if (letter == 'x' &&
	    (scan_word_before(p->s, ",)", &len) || (len && !p->s->text[at + len]))) {
		p->s->at += len;
		push_text(p, p->s->text + at, len, at);
		return 0;
	}
	if (letter == 'w' && take_bare_name(p))
		return 0;
	if (strchr("the", letter) && scan_is_text_before(p->s, ",)")) {
		if (parse_quoted_path(p, at))
			return p->err->code;
	} else if (parse_expression(p, 1, &known) || check_argument(p, letter, known, at)) {
		return p->err->code;
	}
	if (letter == 'h' && p->e->n_steps > before &&
	    p->e->steps[p->e->n_steps - 1].kind == STEP_READ)
		p->e->steps[p->e->n_steps - 1].head_only = true;
	return 0;
}

static int parse_arguments(struct parser *p, const struct function *f, struct step *step)
{
	int max = (int)strlen(f->params);

	if (scan_take(p->s, ")"))
		return 0;
	for (;;) {
		scan_space(p->s);
		if (step->n == max)
			return function_refuse(f, p->err);
		item_at(p, step->first, step->n)->at = p->s->at;
		if (parse_key(p, f, step->n) || parse_argument(p, f->params[step->n]))
			return p->err->code;
		step->n++;
		if (scan_take(p->s, ")"))
			return 0;
		if (!scan_take(p->s, ","))
			return sign_refuse(p->s, p->err)
				       ? p->err->code
				       : scan_unexpected(p->s, "',' or ')'", p->err);
	}
}

/* At the name of a function, which is `len` bytes long and has "(" behind it. */
static int parse_call(struct parser *p, size_t len)
{
	struct step step = { .kind = STEP_CALL, .start = p->s->at, .at = p->s->at };
	bool was = p->s->in_index;
	struct function f;
	char name[48];

	snprintf(name, sizeof(name), "%.*s", (int)len, p->s->text + p->s->at);
	if (!function_find(p->names, name, &f))
		return function_missing(p->names, name, p->err);
	if (deeper(p))
		return p->err->code;
	p->s->at += len;
	scan_take(p->s, "(");
	p->s->in_index = false;
	step.own = f.own;
	step.array = f.array;
	step.first = code_items(p->e, ARRAY_MAX_ARGS);
	if (parse_arguments(p, &f, &step))
		return p->err->code;
	p->s->in_index = was;
	p->s->depth--;
	if (step.n < f.min_args) {
		function_refuse(&f, p->err);
		return fail_at(p, step.at);
	}
	emit(p, &step, 1 - step.n);
	return 0;
}

/* ---- primaries ----------------------------------------------------------------------------- */

static int parse_number(struct parser *p)
{
	size_t start = p->s->at;
	struct array_value v;

	if (scan_number(p->s, &v, p->err))
		return p->err->code;
	code_number(p->e, &v, start, p->s->at);
	return 0;
}

static int parse_text(struct parser *p)
{
	struct text text = { 0 };
	size_t start = p->s->at;
	int ret = scan_text(p->s, &text, p->err);

	if (!ret)
		push_text(p, text.data, strlen(text.data), start);
	text_release(&text);
	return ret;
}

static int parse_parentheses(struct parser *p, enum known *known)
{
	size_t open = p->s->at;
	bool was = p->s->in_index;

	if (deeper(p))
		return p->err->code;
	p->s->at++;
	p->s->in_index = false;
	if (parse_expression(p, 1, known))
		return p->err->code;
	p->s->in_index = was;
	p->s->depth--;
	if (scan_take(p->s, ")"))
		return 0;
	if (sign_refuse(p->s, p->err))
		return p->err->code;
	scan_space(p->s);
	if (p->s->text[p->s->at])
		return scan_unexpected(p->s, "')'", p->err);
	err_set(p->err, ERR_USAGE, "this parenthesis is not closed");
	return fail_at(p, open);
}

static void push_variable(struct parser *p, const char *name, size_t len, size_t start)
{
	int word = code_word(p->e, STEP_VARIABLE, name, len);

	code_push(p->e, STEP_VARIABLE, word, start, p->s->at);
}

/* "$", "$3", "$$", "$$2", "$name". */
static int parse_dollar(struct parser *p)
{
	const char *text = p->s->text + p->s->at;
	size_t len = 1 + (text[1] == '$'), start = p->s->at;

	if (scan_is_letter(text[len]) && len == 1)
		len += scan_word(p->s, start + 1);
	else
		len += strspn(text + len, "0123456789");
	p->s->at += len;
	push_variable(p, text, len, start);
	return 0;
}

static bool is_constant(struct parser *p, size_t len, struct array_value *v)
{
	const char *text = p->s->text + p->s->at;

	*v = (struct array_value){ .kind = ARRAY_REAL };
	if (len != 3 || (strncmp(text, "nan", 3) != 0 && strncmp(text, "inf", 3) != 0))
		return false;
	if (text[3] && strchr(".:[", text[3]))
		return false;
	v->real = strncmp(text, "nan", 3) ? (double)INFINITY : (double)NAN;
	return true;
}

static int parse_found(struct parser *p, struct step *step, const struct path *path,
		       enum known *known)
{
	if (path->is_variable) {
		push_variable(p, path->text, strlen(path->text), step->start);
		return 0;
	}
	*known = KNOWN_TENSOR;
	step->word = code_word(p->e, STEP_READ, path->text, strlen(path->text));
	if (at_bracket(p) && parse_index(p, step, &path->head))
		return p->err->code;
	emit(p, step, 1 - part_n_operands(p->e->items + step->first, step->n));
	return 0;
}

static int parse_path(struct parser *p, enum known *known)
{
	struct step step = { .kind = STEP_READ, .start = p->s->at, .at = p->s->at };
	struct path *path = mem_calloc(1, sizeof(*path)); /* too large for what calls itself */
	int ret = path_scan(p->s, p->names, path, p->err);

	if (ret >= 0)
		ret = parse_found(p, &step, path, known);
	free(path);
	return ret;
}

static int parse_word(struct parser *p, enum known *known)
{
	size_t start = p->s->at, len = 0;
	struct array_value constant;

	if (scan_word_before(p->s, "(", &len))
		return parse_call(p, len);
	if (!is_constant(p, len, &constant))
		return parse_path(p, known);
	*known = KNOWN_NUMBER;
	p->s->at += len;
	code_number(p->e, &constant, start, p->s->at);
	return 0;
}

static int parse_primary(struct parser *p, enum known *known)
{
	const char *text;

	scan_space(p->s);
	text = p->s->text + p->s->at;
	*known = KNOWN_NOTHING;
	if (scan_is_digit(*text) || (*text == '.' && scan_is_digit(text[1]))) {
		*known = KNOWN_NUMBER;
		return parse_number(p);
	}
	if (*text == '"' || *text == '\'') {
		*known = KNOWN_TEXT;
		return parse_text(p);
	}
	if (*text == '(')
		return parse_parentheses(p, known);
	if (*text == '$')
		return parse_dollar(p);
	if (*text == '*' || !strncmp(text, ".*", 2))
		return err_set(p->err, ERR_USAGE,
			       "an expression names one tensor: * is for breakpoints");
	if (scan_is_letter(*text))
		return parse_word(p, known);
	if ((*text == '.' && text[1] != '.') ||
	    (*text == ':' && !p->s->in_index && scan_is_letter(text[1])))
		return parse_path(p, known);
	return sign_refuse(p->s, p->err) ? p->err->code : scan_unexpected(p->s, "a value", p->err);
}

static int parse_postfix(struct parser *p, enum known *known)
{
	size_t start, open;

	scan_space(p->s);
	start = p->s->at;
	if (parse_primary(p, known))
		return p->err->code;
	while (at_bracket(p)) {
		struct step step = { .kind = STEP_PART, .start = start, .at = start };

		open = p->s->at;
		if (*known == KNOWN_NUMBER || *known == KNOWN_TEXT) {
			err_set(p->err, ERR_USAGE, "%s has no axes",
				*known == KNOWN_TEXT ? "a text" : "a number");
			return fail_at(p, open);
		}
		if (parse_index(p, &step, NULL))
			return p->err->code;
		emit(p, &step, -part_n_operands(p->e->items + step.first, step.n));
	}
	return 0;
}

static int parse_unary(struct parser *p, enum known *known)
{
	enum operator_id op;
	size_t start;

	scan_space(p->s);
	start = p->s->at;
	if (p->s->text[start] == '-')
		op = OP_NEGATE;
	else if (p->s->text[start] == '!' && p->s->text[start + 1] != '=')
		op = OP_NOT;
	else
		return parse_postfix(p, known);
	if (deeper(p))
		return p->err->code;
	p->s->at++;
	if (parse_unary(p, known))
		return p->err->code;
	p->s->depth--;
	if (*known == KNOWN_TEXT) {
		err_set(p->err, ERR_USAGE, "%s means nothing before a text",
			op == OP_NOT ? "!" : "-");
		return fail_at(p, start);
	}
	code_operator(p->e, STEP_UNARY, op, start, start, p->s->at);
	return 0;
}

static int parse_expression(struct parser *p, int level, enum known *known)
{
	const struct sign *b;
	bool compared = false;
	size_t start;

	scan_space(p->s);
	start = p->s->at;
	if (level >= SIGN_HIGHEST)
		return parse_unary(p, known);
	if (parse_unary(p, known))
		return p->err->code;
	/* Operators of higher levels are taken by the right sides of lower ones. */
	for (int lowest = SIGN_HIGHEST; lowest >= level; lowest--) {
		while ((b = sign_take(p->s, lowest)) != NULL) {
			if (b->level == SIGN_COMPARISON && compared) {
				err_set(p->err, ERR_USAGE,
					"comparisons do not chain: write a < b && b < c");
				return fail_at(p, p->s->at - strlen(b->sign));
			}
			compared |= b->level == SIGN_COMPARISON;
			if (parse_right(p, b, start, known))
				return p->err->code;
		}
	}
	return 0;
}

int parse(struct expression *e, const struct expression_names *names, struct scan *s,
	  struct err *err)
{
	struct parser p = { e, names, s, err };
	enum known known = KNOWN_NOTHING;

	scan_space(s);
	if (!s->text[s->at])
		return err_set(err, ERR_USAGE, "an expression is expected");
	if (parse_expression(&p, 1, &known))
		return err->code;
	scan_space(s);
	if (!s->text[s->at])
		return 0;
	return sign_refuse(s, err) ? err->code : scan_unexpected(s, "an operator", err);
}
