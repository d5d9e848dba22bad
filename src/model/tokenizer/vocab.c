/*
 * vocab.c -- pieces, ids and merges in hash tables.
 *
 * Both tables are open addressing with linear probing, at most half full.  Building them is most
 * of what opening a tokenizer costs after JSON, so pieces lie in one blob and slots are small.
 *
 * Everything here comes from an untrusted file: ids are range-checked, doubles are refused.
 */
#include "impl.h"

#include "torchless/mem.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

/* The least power of two with room for n entries, half of it empty. */
static uint64_t table_size(int64_t n)
{
	uint64_t size = 16;

	while (size < 2 * (uint64_t)n)
		size *= 2;
	return size;
}

void vocab_init(struct vocab *v, int64_t n, int64_t size)
{
	uint64_t slots = table_size(n);

	v->pieces = mem_calloc((size_t)size, sizeof(*v->pieces));
	text_addc(&v->blob, '\0'); /* so that no piece ends at 0 */
	v->size = size;
	v->cap = (size_t)size;
	v->slots = mem_calloc(slots, sizeof(*v->slots));
	v->mask = slots - 1;
}

void vocab_release(struct vocab *v)
{
	text_release(&v->blob);
	free(v->pieces);
	free(v->slots);
}

struct bytes vocab_piece(const struct vocab *v, int32_t id)
{
	const struct piece_ref *p = id >= 0 && id < v->size ? &v->pieces[id] : NULL;

	if (!p || !p->end)
		return (struct bytes){ "", 0 };
	return (struct bytes){ v->blob.data + p->end - p->len, p->len };
}

/* The part of a hash that a slot keeps: other pieces are told apart without looking at them. */
#define SLOT_HASH UINT64_C(0xffffffff00000000)

/* The slot that holds the piece, or the empty one where it belongs. */
static uint64_t *vocab_slot(const struct vocab *v, const char *piece, size_t len, uint64_t hash)
{
	uint64_t i = hash & v->mask;

	for (; v->slots[i]; i = (i + 1) & v->mask) {
		const struct piece_ref *p = &v->pieces[(uint32_t)v->slots[i] - 1];

		if (((v->slots[i] ^ hash) & SLOT_HASH) == 0 && p->len == len &&
		    memcmp(v->blob.data + p->end - len, piece, len) == 0)
			break;
	}
	return &v->slots[i];
}

int32_t vocab_find(const struct vocab *v, const char *piece, size_t len)
{
	return (int32_t)(uint32_t)*vocab_slot(v, piece, len, XXH3_64bits(piece, len)) - 1;
}

bool vocab_add(struct vocab *v, const char *piece, size_t len, int32_t id)
{
	uint64_t hash = XXH3_64bits(piece, len);
	uint64_t *slot = vocab_slot(v, piece, len, hash);

	if (*slot || v->pieces[id].end)
		return false;
	text_add(&v->blob, piece, len);
	v->pieces[id] = (struct piece_ref){ (uint32_t)v->blob.len, (uint32_t)len };
	*slot = (hash & SLOT_HASH) | ((uint64_t)id + 1);
	v->n++;
	return true;
}

static void rehash(struct vocab *v, uint64_t n_slots)
{
	free(v->slots);
	v->slots = mem_calloc(n_slots, sizeof(*v->slots));
	v->mask = n_slots - 1;
	for (int64_t id = 0; id < v->size; id++) {
		struct bytes piece = vocab_piece(v, (int32_t)id);
		uint64_t hash = XXH3_64bits(piece.data, piece.len);

		if (v->pieces[id].end)
			*vocab_slot(v, piece.data, piece.len, hash) =
				(hash & SLOT_HASH) | ((uint64_t)id + 1);
	}
}

void vocab_reserve(struct vocab *v, int32_t id)
{
	if ((uint64_t)v->n * 2 >= v->mask)
		rehash(v, 2 * (v->mask + 1));
	while (v->size <= id) {
		v->pieces = mem_grow(v->pieces, (size_t)v->size, &v->cap, sizeof(*v->pieces));
		v->pieces[v->size++] = (struct piece_ref){ 0 };
	}
}

/* A number of the file as an id; -1 when it is none. */
static int32_t id_of(const cJSON *number)
{
	double d = cJSON_IsNumber(number) ? number->valuedouble : -1;

	return d >= 0 && d <= TOKENIZER_MAX_ID && d == (double)(int32_t)d ? (int32_t)d : -1;
}

/* Count the pieces of `list` into *n and make *size one more than the largest id. */
static int measure(const cJSON *list, bool added, int64_t *n, int64_t *size, const char *what,
		   struct err *err)
{
	const cJSON *item;
	int64_t at = 0;

	cJSON_ArrayForEach(item, list)
	{
		int32_t id = id_of(added ? json_get(item, "id") : item);

		if (id < 0 && added)
			return err_set(err, ERR_FORMAT,
				       "%s: added_tokens[%" PRId64 "] has no id from 0 to %d", what,
				       at, TOKENIZER_MAX_ID);
		if (id < 0)
			return err_set(err, ERR_FORMAT,
				       "%s: model.vocab gives '%.60s' no id from 0 to %d", what,
				       item->string, TOKENIZER_MAX_ID);
		*size = id >= *size ? id + 1 : *size;
		at++;
	}
	*n += at;
	return 0;
}

int vocab_parse(struct vocab *v, const cJSON *model, const cJSON *added, const char *what,
		struct err *err)
{
	const cJSON *vocab = json_get(model, "vocab"), *item;
	int64_t n = 0, size = 0;

	if (!cJSON_IsObject(vocab) || !vocab->child)
		return err_set(err, ERR_FORMAT, "%s: model.vocab is no object of pieces and ids",
			       what);
	if (measure(vocab, false, &n, &size, what, err) ||
	    measure(added, true, &n, &size, what, err))
		return err->code;
	vocab_init(v, n, size);
	cJSON_ArrayForEach(item, vocab)
	{
		int32_t id = id_of(item);

		if (!vocab_add(v, item->string, strlen(item->string), id))
			return err_set(err, ERR_FORMAT,
				       "%s: model.vocab holds the piece '%.60s' or its id %d twice",
				       what, item->string, id);
	}
	return 0;
}

static uint64_t hash_pair(uint64_t pair)
{
	pair *= UINT64_C(0x9e3779b97f4a7c15);
	return pair ^ pair >> 32;
}

static struct merge *merges_slot(const struct merges *m, uint64_t pair)
{
	uint64_t i = hash_pair(pair) & m->mask;

	while (m->slots[i].pair != pair && m->slots[i].pair != MERGE_NONE)
		i = (i + 1) & m->mask;
	return &m->slots[i];
}

const struct merge *merges_find(const struct merges *m, int32_t left, int32_t right)
{
	const struct merge *slot = merges_slot(m, (uint64_t)left << 32 | (uint32_t)right);

	return slot->pair == MERGE_NONE ? NULL : slot;
}

void merges_release(struct merges *m)
{
	free(m->slots);
}

/* The halves of a merge: "a b", or ["a", "b"] as tokenizers 0.20 and later write it. */
static bool halves_of(const cJSON *item, struct bytes half[2])
{
	const char *space;

	if (cJSON_IsArray(item)) {
		const cJSON *a = item->child, *b = a ? a->next : NULL;

		if (!cJSON_IsString(a) || !b || !cJSON_IsString(b) || b->next)
			return false;
		half[0] = (struct bytes){ a->valuestring, strlen(a->valuestring) };
		half[1] = (struct bytes){ b->valuestring, strlen(b->valuestring) };
		return true;
	}
	if (!cJSON_IsString(item) || !(space = strchr(item->valuestring, ' ')) ||
	    strchr(space + 1, ' '))
		return false;
	half[0] = (struct bytes){ item->valuestring, (size_t)(space - item->valuestring) };
	half[1] = (struct bytes){ space + 1, strlen(space + 1) };
	return true;
}

/* Whether a METASPACE stands behind anything but another one: then text may not be cut there. */
static bool joins_metaspace(const char *s, size_t len)
{
	const size_t n = sizeof(METASPACE) - 1;
	bool seen_other = false;

	for (size_t i = 0; i < len;) {
		if (len - i >= n && memcmp(s + i, METASPACE, n) == 0) {
			if (seen_other)
				return true;
			i += n;
		} else {
			seen_other = true;
			i++;
		}
	}
	return false;
}

static int merge_add(struct merges *m, const struct vocab *v, const cJSON *item, int64_t rank,
		     struct text *joined, const char *what, struct err *err)
{
	struct bytes half[2];
	int32_t id[3];
	struct merge *slot;

	if (!halves_of(item, half))
		return err_set(err, ERR_FORMAT,
			       "%s: model.merges[%" PRId64
			       "] is neither \"left right\" nor [\"left\", \"right\"]",
			       what, rank);
	text_clear(joined);
	text_add(joined, half[0].data, half[0].len);
	text_add(joined, half[1].data, half[1].len);
	id[0] = vocab_find(v, half[0].data, half[0].len);
	id[1] = vocab_find(v, half[1].data, half[1].len);
	id[2] = vocab_find(v, joined->data, joined->len);
	for (int i = 0; i < 3; i++) {
		struct bytes missing =
			i < 2 ? half[i] : (struct bytes){ joined->data, joined->len };

		if (id[i] < 0)
			return err_set(err, ERR_FORMAT,
				       "%s: model.merges[%" PRId64
				       "] needs the piece '%.*s', which model.vocab lacks",
				       what, rank, (int)(missing.len < 60 ? missing.len : 60),
				       missing.data);
	}
	/* A pair that is listed twice has its last rank, as in the library's hash map. */
	slot = merges_slot(m, (uint64_t)id[0] << 32 | (uint32_t)id[1]);
	*slot = (struct merge){ (uint64_t)id[0] << 32 | (uint32_t)id[1], (uint32_t)rank, id[2] };
	if (m->cut_at_metaspace && joins_metaspace(joined->data, joined->len))
		m->cut_at_metaspace = false;
	return 0;
}

int merges_parse(struct merges *m, const struct vocab *v, const cJSON *model, const char *what,
		 struct err *err)
{
	const cJSON *list = json_get(model, "merges"), *item;
	struct text joined = { 0 };
	int64_t rank = 0;
	uint64_t slots;
	int rc = 0;

	if (!cJSON_IsArray(list))
		return err_set(err, ERR_FORMAT, "%s: model.merges is no array", what);
	slots = table_size(cJSON_GetArraySize(list));
	m->slots = mem_calloc(slots, sizeof(*m->slots));
	for (uint64_t i = 0; i < slots; i++)
		m->slots[i].pair = MERGE_NONE;
	m->mask = slots - 1;
	m->cut_at_metaspace = vocab_find(v, METASPACE, sizeof(METASPACE) - 1) >= 0;
	cJSON_ArrayForEach(item, list)
	{
		rc = merge_add(m, v, item, rank++, &joined, what, err);
		if (rc)
			break;
	}
	text_release(&joined);
	return rc;
}
