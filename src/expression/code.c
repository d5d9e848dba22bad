/*
 * code.c -- the list of instructions as it grows.
 */
#include "expression_impl.h"

#include "torchless/mem.h"

#include <stdlib.h>
#include <string.h>

struct expression *code_new(const char *text)
{
	struct expression *e = mem_calloc(1, sizeof(*e));

	e->text = mem_strdup(text);
	/* There is always a place to point to, where nothing has items too. */
	e->items = mem_grow(NULL, 0, &e->cap_items, sizeof(*e->items));
	return e;
}

void code_free(struct expression *e)
{
	if (!e)
		return;
	for (size_t i = 0; i < e->n_words; i++)
		free(e->words[i].text);
	free(e->words);
	free(e->items);
	free(e->steps);
	free(e->text);
	free(e);
}

int code_word(struct expression *e, enum step_kind kind, const char *text, size_t len)
{
	for (size_t i = 0; i < e->n_words; i++)
		if (e->words[i].kind == kind && strlen(e->words[i].text) == len &&
		    !memcmp(e->words[i].text, text, len))
			return (int)i;
	e->words = mem_grow(e->words, e->n_words, &e->cap_words, sizeof(*e->words));
	e->words[e->n_words] = (struct word){ mem_memdup(text, len), kind };
	return (int)e->n_words++;
}

int code_items(struct expression *e, int n)
{
	int first = (int)e->n_items;

	while (n-- > 0) {
		e->items = mem_grow(e->items, e->n_items, &e->cap_items, sizeof(*e->items));
		e->items[e->n_items++] = (struct item){ 0 };
	}
	return first;
}

size_t code_step(struct expression *e, const struct step *step, int effect)
{
	e->steps = mem_grow(e->steps, e->n_steps, &e->cap_steps, sizeof(*e->steps));
	e->steps[e->n_steps] = *step;
	e->height += effect;
	if (e->height > e->max_height)
		e->max_height = e->height;
	return e->n_steps++;
}

size_t code_operator(struct expression *e, enum step_kind kind, enum operator_id op, size_t start,
		     size_t at, size_t end)
{
	struct step step = { .kind = kind, .op = op, .start = start, .at = at, .end = end };

	return code_step(e, &step, kind == STEP_BINARY ? -1 : 0);
}

void code_push(struct expression *e, enum step_kind kind, int word, size_t start, size_t end)
{
	struct step step = { .kind = kind, .word = word, .start = start, .at = start, .end = end };

	code_step(e, &step, 1);
}

void code_number(struct expression *e, const struct array_value *v, size_t start, size_t end)
{
	struct step step = { .kind = STEP_NUMBER, .start = start, .at = start, .end = end };

	step.number = v->kind;
	step.whole = v->whole;
	step.real = v->real;
	code_step(e, &step, 1);
}
