/*
 * word_cache.c -- words that were encoded lately, and their ids.
 *
 * Text repeats its words: of ten, nine are here.  A word and its ids fill a line of the processor's
 * cache; two neighbouring lines are looked at, so nothing that is stored can make a search long.
 */
#include "encoder.h"

#include "torchless/mem.h"

#include <stdlib.h>
#include <string.h>

#define FIRST_SLOTS ((size_t)2048)
#define MOST_SLOTS  ((size_t)32768) /* 2 MB, about what a core has of fast memory to itself */
#define GROWTH      4

#define PREFIXED 0x80

_Static_assert(sizeof(struct cached_word) == 64, "a word fills a line");

void word_cache_release(struct word_cache *w)
{
	free(w->slots);
	*w = (struct word_cache){ 0 };
}

struct word_key word_key(const char *s, size_t len, size_t room)
{
	static const uint64_t ones[2 * WORD_BYTES / 8] = { UINT64_MAX, UINT64_MAX, UINT64_MAX };
	struct word_key key = { .len = (uint8_t)len };
	uint64_t mask[WORD_BYTES / 8];

	if (room < WORD_BYTES) {
		memcpy(key.part, s, len);
		return key;
	}
	memcpy(key.part, s, WORD_BYTES);
	memcpy(mask, (const char *)ones + WORD_BYTES - len, WORD_BYTES);
	for (size_t i = 0; i < WORD_BYTES / 8; i++)
		key.part[i] &= mask[i];
	return key;
}

static uint8_t mark_of(const struct word_key *key)
{
	return (uint8_t)(key->len | (key->prefixed ? PREFIXED : 0));
}

/* The first of the two places of a word; the other is its neighbour. */
static size_t place_of(const struct word_cache *w, const uint64_t *part, uint8_t mark)
{
	uint64_t h = part[0] * UINT64_C(0x9e3779b97f4a7c15) ^
		     (part[1] + mark) * UINT64_C(0xc2b2ae3d27d4eb4f) ^
		     part[2] * UINT64_C(0x165667b19e3779f9);

	h ^= h >> 32;
	h *= UINT64_C(0x9e3779b97f4a7c15);
	return (size_t)(h >> 40) & (w->n_slots - 1);
}

static bool is_of(const struct cached_word *k, const struct word_key *key, uint8_t mark)
{
	return k->mark == mark && k->part[0] == key->part[0] && k->part[1] == key->part[1] &&
	       k->part[2] == key->part[2];
}

const struct cached_word *word_cache_find(const struct word_cache *w, const struct word_key *key)
{
	uint8_t mark = mark_of(key);
	size_t at;

	if (!w->n_slots)
		return NULL;
	at = place_of(w, key->part, mark);
	if (is_of(&w->slots[at], key, mark))
		return &w->slots[at];
	at ^= 1;
	return is_of(&w->slots[at], key, mark) ? &w->slots[at] : NULL;
}

/* A place for a word that is not there: where nobody is, else that of the older of two. */
static struct cached_word *place_for(struct word_cache *w, const uint64_t *part, uint8_t mark)
{
	struct cached_word *first = &w->slots[place_of(w, part, mark)];
	struct cached_word *other = &w->slots[place_of(w, part, mark) ^ 1];

	if (first->mark) {
		w->n -= other->mark != 0;
		*other = *first;
	}
	w->n++;
	return first;
}

static void resize(struct word_cache *w, size_t n_slots)
{
	struct word_cache old = *w;

	w->slots = mem_or_die(aligned_alloc(sizeof(*w->slots), n_slots * sizeof(*w->slots)),
			      n_slots * sizeof(*w->slots));
	memset(w->slots, 0, n_slots * sizeof(*w->slots));
	w->n_slots = n_slots;
	w->n = 0;
	for (size_t i = 0; i < old.n_slots; i++)
		if (old.slots[i].mark)
			*place_for(w, old.slots[i].part, old.slots[i].mark) = old.slots[i];
	free(old.slots);
}

struct cached_word *word_cache_keep(struct word_cache *w, const struct word_key *key)
{
	struct cached_word *k;

	if (!w->n_slots)
		resize(w, FIRST_SLOTS);
	else if (w->n > w->n_slots / 2 && w->n_slots < MOST_SLOTS)
		resize(w, GROWTH * w->n_slots);
	k = place_for(w, key->part, mark_of(key));
	memcpy(k->part, key->part, sizeof(k->part));
	k->mark = mark_of(key);
	return k;
}
