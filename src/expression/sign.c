/*
 * sign.c -- operators as they are written, and what is written like one but is none.
 */
#include "expression_impl.h"

#include <string.h>

static const struct sign signs[] = {
	{ "||", OP_OR, 1 }, { "&&", OP_AND, 2 },   { "==", OP_EQ, 3 }, { "!=", OP_NE, 3 },
	{ "<=", OP_LE, 3 }, { ">=", OP_GE, 3 },    { "<", OP_LT, 3 },  { ">", OP_GT, 3 },
	{ "+", OP_ADD, 4 }, { "-", OP_SUB, 4 },    { "*", OP_MUL, 5 }, { "/", OP_DIV, 5 },
	{ "%", OP_MOD, 5 }, { "@", OP_MATMUL, 5 },
};

/* Whether the sign before stands here again. */
static bool is_twice(const struct scan *s)
{
	return s->text[s->at] == s->text[s->at - 1];
}

const struct sign *sign_take(struct scan *s, int level)
{
	size_t before = s->at;

	for (size_t i = 0; i < sizeof(signs) / sizeof(*signs); i++) {
		if (!scan_take(s, signs[i].sign))
			continue;
		/* ** and // are none of ours. */
		if (signs[i].level >= level && (signs[i].level < 5 || !is_twice(s)))
			return &signs[i];
		break;
	}
	s->at = before;
	return NULL;
}

int sign_refuse(struct scan *s, struct err *err)
{
	static const struct {
		const char *sign, *sentence;
	} wrong[] = {
		{ "=", "= assigns, which an expression does not: == compares" },
		{ "&", "& is no operator: && means and" },
		{ "|", "| is no operator: || means or" },
		{ "**", "** is no operator: x * x, sqrt(x) and exp(x) are there" },
		{ "^", "^ is no operator: x * x, sqrt(x) and exp(x) are there" },
		{ "//", "// is no operator: / divides" },
	};

	scan_space(s);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
		size_t len = strlen(wrong[i].sign);
		const char *text = s->text + s->at;

		if (!strncmp(text, wrong[i].sign, len) &&
		    (len > 1 || !text[1] || text[1] != text[0]) && strncmp(text, "==", 2) != 0)
			return err_set(err, ERR_USAGE, "%s", wrong[i].sentence);
	}
	return 0;
}
