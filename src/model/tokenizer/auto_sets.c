/*
 * auto_sets.c -- sets of tokens by their texts.
 *
 * transformers asks of every token whether it is in a list, and lists come from strangers: here
 * they are sorted once.
 */
#include "auto.h"

#include "torchless/mem.h"

#include <stdlib.h>
#include <string.h>

static int by_content(const void *a, const void *b)
{
	return strcmp(((const struct known *)a)->content, ((const struct known *)b)->content);
}

static uint32_t combination(struct token_flags f)
{
	return 1u << (f.single_word | f.lstrip << 1 | f.rstrip << 2 | f.normalized << 3 |
		      f.special << 4);
}

void known_add(struct known_set *s, const char *content, uint32_t combinations, bool is_text)
{
	s->at = mem_grow(s->at, s->n, &s->cap, sizeof(*s->at));
	s->at[s->n++] = (struct known){ content, combinations, is_text };
}

void known_add_token(struct known_set *s, const struct config_token *t)
{
	known_add(s, t->content, t->is_text ? 0 : combination(config_token_flags(t, false)),
		  t->is_text);
}

/* Once all are added, each text once. */
void known_sort(struct known_set *s)
{
	size_t n = 0;

	if (s->n > 1)
		qsort(s->at, s->n, sizeof(*s->at), by_content);
	for (size_t i = 0; i < s->n; i++) {
		if (n && strcmp(s->at[n - 1].content, s->at[i].content) == 0) {
			s->at[n - 1].combinations |= s->at[i].combinations;
			s->at[n - 1].is_text |= s->at[i].is_text;
		} else {
			s->at[n++] = s->at[i];
		}
	}
	s->n = n;
}

const struct known *known_find(const struct known_set *s, const char *content)
{
	const struct known key = { content, 0, false };

	return s->n ? bsearch(&key, s->at, s->n, sizeof(*s->at), by_content) : NULL;
}

bool known_has(const struct known_set *s, const struct config_token *t)
{
	const struct known *found = known_find(s, t->content);

	if (!found)
		return false;
	return t->is_text ? found->is_text
			  : found->combinations & combination(config_token_flags(t, false));
}
