/*
 * evaluate.c -- instructions to a value: one loop over a list, one stack of values.
 *
 * Tensors are asked for when their turn comes, and only the part of them that an index behind their
 * path leaves.
 */
#include "expression_impl.h"

#include "torchless/mem.h"
#include "torchless/utf8.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct machine {
	const struct expression *e;
	const struct expression_names *names;
	struct budget budget;
	struct array_value *stack;
	int height;
	size_t at; /* what is wrong */
	struct err *err;
};

static struct array_value *push(struct machine *m, struct array_value v)
{
	m->stack[m->height] = v;
	return &m->stack[m->height++];
}

/* Drop the n values on top, then push. */
static void replace(struct machine *m, int n, struct array_value v)
{
	while (n-- > 0)
		array_value_release(&m->stack[--m->height]);
	push(m, v);
}

/* Whether a text may be shown as it is. */
static bool is_plain(const char *s, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if ((unsigned char)s[i] < 0x20 || (unsigned char)s[i] >= 0x7f)
			return false;
	return true;
}

static void set_name(struct array *a, const char *s, size_t len)
{
	if (len < sizeof(a->name)) {
		snprintf(a->name, sizeof(a->name), "%.*s", (int)len, s);
		return;
	}
	len = utf8_complete(s, sizeof(a->name) - 4);
	snprintf(a->name, sizeof(a->name), "%.*s...", (int)len, s);
}

/* A new tensor is called after the text that made it, which somebody may have typed anyhow. */
static void name_result(struct machine *m, const struct step *s, struct array_value *v)
{
	const char *text = m->e->text + s->start;
	size_t len = s->end - s->start;
	struct text shown = { 0 };

	if (v->kind != ARRAY_TENSOR || v->array->refs > 1)
		return;
	if (is_plain(text, len)) {
		set_name(v->array, text, len);
		return;
	}
	for (size_t i = 0, n; i < len; i += n) {
		n = strcspn(text + i, "\t\r\n");
		n = n < len - i ? n : len - i;
		text_add_visible(&shown, text + i, n);
		if (n == 0 && ++n)
			text_addc(&shown, ' ');
	}
	set_name(v->array, shown.data, shown.len);
	text_release(&shown);
}

/* ---- tensors by name ------------------------------------------------------------------------- */

static int find_head(struct machine *m, const char *path, struct array *head)
{
	if (!m->names || !m->names->find)
		return err_set(m->err, ERR_USAGE, "there is no '%.80s' here", path);
	if (m->names->find(m->names->ctx, path, head, m->err) < 0)
		return m->err->code;
	for (int i = 0; i < head->n_dims; i++)
		if (head->shape[i] < 0)
			return err_set(m->err, ERR_USAGE, "%s is not there yet", head->name);
	return 0;
}

/* What was read must be what its head said. */
static int check_read(struct machine *m, const struct array *a, const struct array *head)
{
	if (a->numel == head->numel && a->n_dims == head->n_dims &&
	    !memcmp(a->shape, head->shape, (size_t)head->n_dims * sizeof(*a->shape)))
		return 0;
	return err_set(m->err, ERR_SHAPE, "%s is not what it was found to be", head->name);
}

static struct array *read_checked(struct machine *m, const char *path, const char *selection,
				  const struct array *head)
{
	struct array *a;

	if (budget_take(&m->budget, head->numel, m->err))
		return NULL;
	a = m->names->read(m->names->ctx, path, selection, m->err);
	if (a && check_read(m, a, head)) {
		array_release(a);
		return NULL;
	}
	return a;
}

/* Read the smallest part that has no steps, then take the steps. */
static struct array *read_part(struct machine *m, const char *path, const struct array *whole,
			       const struct part *p)
{
	struct text selection = { 0 };
	struct array_part covered;
	struct array *a, *stepped, head;
	struct part rest;

	part_selection(whole, p, &selection, &rest);
	part_cover(p, whole->n_dims, &covered);
	array_describe_part(whole, &covered, &head);
	a = read_checked(m, path, selection.data, &head);
	text_release(&selection);
	if (!a || !part_has_steps(&rest, head.n_dims))
		return a;
	stepped = budget_take(&m->budget, rest.numel, m->err) ? NULL : part_take(a, &rest, m->err);
	array_release(a);
	return stepped;
}

static struct array *describe_part(struct array *head, const struct part *p, struct err *err)
{
	struct array *whole = array_borrow(head, NULL), *part = part_take(whole, p, err);

	array_release(whole);
	return part;
}

static int do_read(struct machine *m, const struct step *s)
{
	const struct item *items = m->e->items + s->first;
	const char *path = m->e->words[s->word].text;
	int n = part_n_operands(items, s->n);
	struct array_value v = { .kind = ARRAY_TENSOR };
	struct array head = { 0 };
	struct part p;

	if (find_head(m, path, &head) ||
	    part_find(&head, items, s->n, m->stack + m->height - n, &p, &m->at, m->err))
		return m->err->code;
	m->at = s->at;
	if (s->head_only)
		v.array = describe_part(&head, &p, m->err);
	else if (s->n)
		v.array = read_part(m, path, &head, &p);
	else
		v.array = read_checked(m, path, "", &head);
	if (!v.array)
		return m->err->code;
	value_settle(&v);
	replace(m, n, v);
	return 0;
}

static int do_part(struct machine *m, const struct step *s)
{
	const struct item *items = m->e->items + s->first;
	int n = part_n_operands(items, s->n);
	struct array_value *whole = &m->stack[m->height - n - 1], v = { .kind = ARRAY_TENSOR };
	struct part p;

	if (whole->kind != ARRAY_TENSOR)
		return err_set(m->err, ERR_USAGE, "%s has no axes", value_kind(whole));
	if (part_find(whole->array, items, s->n, m->stack + m->height - n, &p, &m->at, m->err))
		return m->err->code;
	m->at = s->at;
	if (budget_take(&m->budget, p.numel, m->err))
		return m->err->code;
	v.array = part_take(whole->array, &p, m->err);
	if (!v.array)
		return m->err->code;
	name_result(m, s, &v);
	value_settle(&v);
	replace(m, n + 1, v);
	return 0;
}

/* ---- the other instructions ------------------------------------------------------------------ */

static int do_number(struct machine *m, const struct step *s)
{
	push(m, (struct array_value){ .kind = s->number, .whole = s->whole, .real = s->real });
	return 0;
}

static int do_text(struct machine *m, const struct step *s)
{
	struct array_value *v = push(m, (struct array_value){ .kind = ARRAY_TEXT });

	text_adds(&v->text, m->e->words[s->word].text);
	return 0;
}

static int do_variable(struct machine *m, const struct step *s)
{
	const char *name = m->e->words[s->word].text;
	struct array_value v = { 0 };
	int ret = 0;

	if (m->names && m->names->variable)
		ret = m->names->variable(m->names->ctx, name, &v, m->err);
	if (ret <= 0)
		return ret < 0 ? ret
			       : err_set(m->err, ERR_USAGE, "there is no variable %s here", name);
	value_settle(&v);
	push(m, v);
	return 0;
}

static int do_call(struct machine *m, const struct step *s)
{
	struct array_value v = { 0 };

	if (call_function(s, m->e->items + s->first, m->names ? m->names->ctx : NULL,
			  m->stack + m->height - s->n, &m->budget, &v, &m->at, m->err) < 0) {
		array_value_release(&v);
		return m->err->code;
	}
	replace(m, s->n, v);
	name_result(m, s, &m->stack[m->height - 1]);
	return 0;
}

static int do_unary(struct machine *m, const struct step *s)
{
	struct array_value v = { 0 };

	if (operate_unary(s->op, &m->stack[m->height - 1], &m->budget, &v, m->err))
		return m->err->code;
	name_result(m, s, &v);
	replace(m, 1, v);
	return 0;
}

static int do_binary(struct machine *m, const struct step *s)
{
	struct array_value v = { 0 }, *sides = &m->stack[m->height - 2];

	if (operate_binary(s->op, &sides[0], &sides[1], &m->budget, &v, m->err))
		return m->err->code;
	name_result(m, s, &v);
	value_settle(&v);
	replace(m, 2, v);
	return 0;
}

/* Whether the number on top decides: then it is the answer. */
static bool decides(struct machine *m, const struct step *s)
{
	struct array_value *v = &m->stack[m->height - 1];
	bool truth = value_is_number(v) && value_number(v) != 0;

	if (!value_is_number(v) || truth != (s->op == OP_OR))
		return false;
	*v = (struct array_value){ .kind = ARRAY_WHOLE, .whole = truth };
	return true;
}

static int run(struct machine *m)
{
	typedef int step_fn(struct machine * m, const struct step *s);
	static step_fn *const table[] = {
		[STEP_NUMBER] = do_number, [STEP_TEXT] = do_text,     [STEP_VARIABLE] = do_variable,
		[STEP_READ] = do_read,     [STEP_PART] = do_part,     [STEP_CALL] = do_call,
		[STEP_UNARY] = do_unary,   [STEP_BINARY] = do_binary,
	};

	for (size_t i = 0; i < m->e->n_steps; i++) {
		const struct step *s = &m->e->steps[i];

		m->at = s->at;
		if (budget_look(&m->budget, m->err))
			return m->err->code;
		if (s->kind == STEP_DECIDE)
			i = decides(m, s) ? (size_t)s->n - 1 : i;
		else if (table[s->kind](m, s))
			return m->err->code;
	}
	return 0;
}

int code_run(const struct expression *e, const struct expression_names *names,
	     const struct array_watch *watch, struct array_value *result, size_t *at,
	     struct err *err)
{
	struct machine m = { .e = e, .names = names, .err = err };
	int ret;

	m.budget = (struct budget){ EXPRESSION_MAX_ELEMENTS, watch };
	m.stack = mem_calloc((size_t)e->max_height, sizeof(*m.stack));
	ret = run(&m);
	if (!ret)
		*result = m.stack[--m.height];
	while (m.height > 0)
		array_value_release(&m.stack[--m.height]);
	free(m.stack);
	*at = m.at;
	return ret;
}
