/*
 * expression.c -- the public face of the room: an expression from its text to its value.
 */
#include "torchless/expression.h"

#include "torchless/utf8.h"

#include "expression_impl.h"

#include <string.h>

/* ---- parsing ------------------------------------------------------------------------------- */

static int check_text(const char *text, size_t *at, struct err *err)
{
	size_t len = strlen(text);

	*at = 0;
	if (len > EXPRESSION_MAX_TEXT)
		return err_set(err, ERR_USAGE,
			       "an expression of %zu bytes is longer than the %d allowed", len,
			       EXPRESSION_MAX_TEXT);
	while (*at < len) {
		int n = utf8_decode(text + *at, len - *at, NULL);

		if (n == 0)
			return err_set(err, ERR_USAGE, "byte %02x here is no UTF-8",
				       (unsigned char)text[*at]);
		*at += (size_t)n;
	}
	return 0;
}

struct expression *expression_parse_at(const char *text, const struct expression_names *names,
				       size_t *at, struct err *err)
{
	struct scan s = { .text = text };
	struct expression *e;
	int ret;

	if (check_text(text, at, err))
		return NULL;
	e = code_new(text);
	ret = parse(e, names, &s, err);
	*at = s.at;
	if (!ret)
		return e;
	code_free(e);
	return NULL;
}

/* "column 7: " where the text is one that a person counts columns in. */
static int say_column(const char *text, size_t at, struct err *err)
{
	if (strnlen(text, EXPRESSION_MAX_TEXT + 1) > EXPRESSION_MAX_TEXT)
		return err->code;
	return err_wrap(err, "column %d", caret_column(text, at));
}

struct expression *expression_parse(const char *text, const struct expression_names *names,
				    struct err *err)
{
	size_t at;
	struct expression *e = expression_parse_at(text, names, &at, err);

	if (!e)
		say_column(text, at, err);
	return e;
}

void expression_free(struct expression *e)
{
	code_free(e);
}

/* ---- evaluating ---------------------------------------------------------------------------- */

int expression_evaluate_at(const struct expression *e, const struct expression_names *names,
			   const struct array_watch *watch, struct array_value *result, size_t *at,
			   struct err *err)
{
	*result = (struct array_value){ 0 };
	return code_run(e, names, watch, result, at, err);
}

int expression_evaluate(const struct expression *e, const struct expression_names *names,
			const struct array_watch *watch, struct array_value *result,
			struct err *err)
{
	size_t at;
	int ret = expression_evaluate_at(e, names, watch, result, &at, err);

	return ret && ret != ERR_INTERRUPTED ? say_column(e->text, at, err) : ret;
}

int expression_truth(const struct array_value *v, bool *truth, struct err *err)
{
	if (v->kind == ARRAY_NULL)
		return err_set(err, ERR_USAGE, "a condition is a number, and this is none");
	if (v->kind == ARRAY_TEXT)
		return err_set(err, ERR_USAGE, "a condition is a number, not a text");
	if (v->kind == ARRAY_TENSOR && v->array->numel != 1)
		return err_set(err, ERR_USAGE,
			       "a condition is one number, and this has %lld: any(), all() or "
			       "count() of them",
			       (long long)v->array->numel);
	*truth = v->kind == ARRAY_TENSOR ? v->array->data[0] != 0 : value_number(v) != 0;
	return 0;
}

/* ---- looking at it ------------------------------------------------------------------------- */

const char *expression_text(const struct expression *e)
{
	return e->text;
}

int expression_n_paths(const struct expression *e)
{
	int n = 0;

	for (size_t i = 0; i < e->n_words; i++)
		n += e->words[i].kind == STEP_READ;
	return n;
}

const char *expression_path(const struct expression *e, int i)
{
	for (size_t k = 0; k < e->n_words; k++)
		if (e->words[k].kind == STEP_READ && i-- == 0)
			return e->words[k].text;
	return NULL;
}

bool expression_uses(const struct expression *e, const char *name)
{
	size_t len = strlen(name);

	for (size_t i = 0; i < e->n_words; i++) {
		const struct word *w = &e->words[i];

		if (w->kind == STEP_VARIABLE && !strcmp(w->text, name))
			return true;
		if (w->kind == STEP_READ && !strncmp(w->text, name, len) &&
		    (!w->text[len] || strchr(".:[", w->text[len])))
			return true;
	}
	return false;
}
