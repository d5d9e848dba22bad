/*
 * added.c -- finding added tokens ("<s>", "<|im_start|>") in text.
 *
 * Source: tokenizers' AddedVocabulary::find_matches, an Aho-Corasick search for the leftmost and
 * there the longest token.  A trie walked from every byte that can begin a token finds the same;
 * it costs text times the longest token at worst, and tokens are short.
 *
 * Well-formed UTF-8 never matches inside another character, so bytes that are no UTF-8 do no harm.
 */
#include "impl.h"

#include "torchless/mem.h"
#include "torchless/utf8.h"

#include <stdlib.h>

static uint32_t node_new(struct trie *t, uint8_t byte)
{
	t->nodes = mem_grow(t->nodes, t->n, &t->cap, sizeof(*t->nodes));
	t->nodes[t->n] = (struct trie_node){ 0, 0, -1, byte };
	return (uint32_t)t->n++;
}

static uint32_t child_of(const struct trie *t, uint32_t node, uint8_t byte)
{
	uint32_t child = t->nodes[node].child;

	while (child && t->nodes[child].byte != byte)
		child = t->nodes[child].sibling;
	return child;
}

int32_t *trie_add(struct trie *t, const char *s, size_t len)
{
	uint32_t at = 0;

	if (!t->n)
		node_new(t, 0);
	t->first[(uint8_t)s[0]] = true;
	for (size_t i = 0; i < len; i++) {
		uint32_t next = child_of(t, at, (uint8_t)s[i]);

		if (!next) {
			next = node_new(t, (uint8_t)s[i]);
			t->nodes[next].sibling = t->nodes[at].child;
			t->nodes[at].child = next;
		}
		at = next;
	}
	return &t->nodes[at].token;
}

void trie_release(struct trie *t)
{
	free(t->nodes);
}

/* The longest token that s begins with, and its length; -1 for none. */
static int32_t longest_at(const struct trie *t, const char *s, size_t len, size_t *token_len)
{
	int32_t found = -1;
	uint32_t at = 0;

	for (size_t i = 0; i < len; i++) {
		at = child_of(t, at, (uint8_t)s[i]);
		if (!at)
			break;
		if (t->nodes[at].token >= 0) {
			found = t->nodes[at].token;
			*token_len = i + 1;
		}
	}
	return found;
}

bool is_white_space(uint32_t cp)
{
	if (cp < 0x80)
		return cp == ' ' || (cp >= 9 && cp <= 13);
	return cp == 0x85 || cp == 0xa0 || cp == 0x1680 || (cp >= 0x2000 && cp <= 0x200a) ||
	       cp == 0x2028 || cp == 0x2029 || cp == 0x202f || cp == 0x205f || cp == 0x3000;
}

/* The length of the character that ends at s[end), 0 if there is no well-formed one. */
static size_t char_before(const char *s, size_t end)
{
	for (size_t n = 1; n <= 4 && n <= end; n++)
		if ((size_t)utf8_decode(s + end - n, n, NULL) == n)
			return n;
	return 0;
}

static size_t skip_spaces_back(const char *s, size_t end)
{
	size_t n;
	uint32_t cp;

	while ((n = char_before(s, end)) && utf8_decode(s + end - n, n, &cp) && is_white_space(cp))
		end -= n;
	return end;
}

static size_t skip_spaces(const char *s, size_t at, size_t len)
{
	uint32_t cp;
	int n;

	while ((n = utf8_decode(s + at, len - at, &cp)) && is_white_space(cp))
		at += (size_t)n;
	return at;
}

/* Whether s[0..n), one character or nothing, is part of a word; a negative ERR_* on failure. */
static int is_word(const struct tokenizer *tok, struct matcher *m, const char *s, size_t n,
		   struct err *err)
{
	size_t from, to;

	return n ? pattern_next(&tok->word, m, s, n, 0, &from, &to, err) : 0;
}

/* Whether s[from..to) touches a word on either side. */
static int touches_word(const struct tokenizer *tok, struct matcher *m, const char *s, size_t len,
			size_t from, size_t to, struct err *err)
{
	size_t before = char_before(s, from);
	int rc = is_word(tok, m, s + from - before, before, err);

	if (rc)
		return rc;
	return is_word(tok, m, s + to, (size_t)utf8_decode(s + to, len - to, NULL), err);
}

static void segment_add(struct segments *c, size_t from, size_t to, int32_t token)
{
	c->at = mem_grow(c->at, c->n, &c->cap, sizeof(*c->at));
	c->at[c->n++] = (struct segment){ from, to, token };
}

int added_cut(const struct tokenizer *tok, const struct trie *trie, struct matcher *m,
	      const char *s, size_t len, struct segments *segments, struct err *err)
{
	size_t done = 0, token_len = 0;

	segments->n = 0;
	for (size_t i = 0; trie->n && i < len;) {
		int32_t token = -1;
		size_t from = i, to;
		const struct added_token *a;

		if (trie->first[(uint8_t)s[i]])
			token = longest_at(trie, s + i, len - i, &token_len);
		if (token < 0) {
			i++;
			continue;
		}
		a = &tok->added[token];
		i = to = i + token_len;
		if (tok->splits_special && a->is_special)
			continue;
		if (a->flags.single_word) {
			int rc = touches_word(tok, m, s, len, from, to, err);

			if (rc < 0)
				return rc;
			if (rc)
				continue;
		}
		if (a->flags.lstrip) {
			from = skip_spaces_back(s, from);
			from = from > done ? from : done;
		}
		if (a->flags.rstrip)
			to = skip_spaces(s, to, len);
		if (done < from)
			segment_add(segments, done, from, -1);
		segment_add(segments, from, to, token);
		done = to;
	}
	if (done < len)
		segment_add(segments, done, len, -1);
	return 0;
}
