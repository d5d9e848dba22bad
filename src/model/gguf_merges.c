/*
 * gguf_merges.c -- the pieces of a vocabulary, and the merges that its scores stand for.
 *
 * Source: generate_merges() in transformers' convert_slow_tokenizer.py; SentencePiece's
 * bpe_model.cc.
 */
#include "gguf_merges.h"

#include "torchless/mem.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

/* Squared bytes of all pieces, which is what finding the ways costs: real ones have a few million.
 */
#define MAX_WORK ((uint64_t)1 << 28)

/* ---- pieces -------------------------------------------------------------------------------- */

static uint32_t *slot_of(const struct pieces *p, const char *piece, size_t len)
{
	uint64_t i = XXH3_64bits(piece, len) & p->mask;

	for (; p->slots[i]; i = (i + 1) & p->mask) {
		const struct bytes *other = &p->a[p->slots[i] - 1];

		if (other->len == len && !memcmp(other->data, piece, len))
			break;
	}
	return &p->slots[i];
}

void pieces_init(struct pieces *p, const struct gguf_value *tokens, int64_t *twice)
{
	const char *at = tokens->data.data;
	uint64_t size = 16;

	/* An array of n texts has 8 n bytes, so n is bounded by the file. */
	*p = (struct pieces){ .n = (int64_t)tokens->n };
	while (size < 2 * tokens->n)
		size *= 2;
	p->a = mem_calloc(tokens->n + 1, sizeof(*p->a));
	p->slots = mem_calloc(size, sizeof(*p->slots));
	p->mask = size - 1;
	*twice = -1;
	for (int64_t id = 0; id < p->n; id++) {
		p->a[id] = gguf_next_text(&at);
		uint32_t *slot = slot_of(p, p->a[id].data, p->a[id].len);

		if (*slot && *twice < 0)
			*twice = id;
		else if (!*slot)
			*slot = (uint32_t)id + 1;
	}
}

void pieces_release(struct pieces *p)
{
	free(p->a);
	free(p->slots);
	*p = (struct pieces){ 0 };
}

int64_t pieces_find(const struct pieces *p, const char *piece, size_t len)
{
	return (int64_t)*slot_of(p, piece, len) - 1;
}

/* ---- merges -------------------------------------------------------------------------------- */

/* A way to cut a piece in two. */
struct way {
	float score;
	uint32_t id;
	uint32_t left_bytes;
	uint32_t left, right; /* characters */
};

struct ways {
	struct way *a;
	size_t n, cap;
};

static int by_preference(const void *a, const void *b)
{
	const struct way *x = a, *y = b;

	if (x->score != y->score)
		return x->score > y->score ? -1 : 1;
	if (x->left != y->left)
		return x->left > y->left ? -1 : 1;
	if (x->right != y->right)
		return x->right > y->right ? -1 : 1;
	return (x->id > y->id) - (x->id < y->id);
}

static bool begins_character(char c)
{
	return ((uint8_t)c & 0xc0) != 0x80;
}

static void add_ways(struct ways *w, const struct pieces *p, uint32_t id, float score)
{
	struct bytes piece = p->a[id];
	uint32_t n = 0, left = 0;

	for (size_t i = 0; i < piece.len; i++)
		n += begins_character(piece.data[i]);
	for (size_t i = 1; i < piece.len; i++) {
		if (!begins_character(piece.data[i]))
			continue;
		left++;
		if (pieces_find(p, piece.data, i) < 0 ||
		    pieces_find(p, piece.data + i, piece.len - i) < 0)
			continue;
		w->a = mem_grow(w->a, w->n, &w->cap, sizeof(*w->a));
		w->a[w->n++] = (struct way){ score, id, (uint32_t)i, left, n - left };
	}
}

static bool is_endless(const struct pieces *p)
{
	uint64_t work = 0;

	for (int64_t id = 0; id < p->n; id++) {
		uint64_t len = p->a[id].len;

		if (len > MAX_WORK || (work += len * len) > MAX_WORK)
			return true;
	}
	return false;
}

/* As "left right", which is read faster; a piece that has a space itself takes a pair. */
static void add_way(struct text *json, struct bytes piece, size_t left)
{
	struct text both = { 0 };

	if (memchr(piece.data, ' ', piece.len)) {
		text_addc(json, '[');
		text_add_json(json, piece.data, left);
		text_addc(json, ',');
		text_add_json(json, piece.data + left, piece.len - left);
		text_addc(json, ']');
		return;
	}
	text_add(&both, piece.data, left);
	text_addc(&both, ' ');
	text_add(&both, piece.data + left, piece.len - left);
	text_add_json(json, both.data, both.len);
	text_release(&both);
}

bool pieces_add_merges(const struct pieces *p, const char *scores, struct text *json)
{
	struct ways ways = { 0 };
	float score = 0;

	if (is_endless(p))
		return false;
	for (int64_t id = 0; id < p->n; id++) {
		memcpy(&score, scores + (size_t)id * sizeof(score), sizeof(score));
		if (isnan(score))
			break;
		add_ways(&ways, p, (uint32_t)id, score);
	}
	if (ways.n > 1)
		qsort(ways.a, ways.n, sizeof(*ways.a), by_preference);
	text_addc(json, '[');
	for (size_t i = 0; i < ways.n; i++) {
		if (i)
			text_addc(json, ',');
		add_way(json, p->a[ways.a[i].id], ways.a[i].left_bytes);
	}
	text_addc(json, ']');
	free(ways.a);
	return !isnan(score);
}
