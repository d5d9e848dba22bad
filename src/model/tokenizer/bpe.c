/*
 * bpe.c -- byte pair encoding of one piece.
 *
 * Sennrich et al. 2016, applied by rank: of all neighbours that a merge joins, the pair with the
 * lowest rank is joined first, the leftmost of them on ties.
 *
 * Searching every pair after every merge would be quadratic.  The symbols form a doubly linked
 * list and the candidate pairs a binary heap; an entry whose pair is gone by the time it comes up
 * is skipped.  Each merge adds at most two entries, so n symbols cost n log n.  Words are short:
 * for those a search of every rank is the faster way to the same merges.
 */
#include "impl.h"

#include "torchless/mem.h"

#include <stdlib.h>

void bpe_release(struct bpe *b)
{
	free(b->symbols);
	free(b->heap);
}

void bpe_add(struct bpe *b, int32_t id, uint32_t at, uint32_t len)
{
	b->symbols = mem_grow(b->symbols, b->n, &b->cap_symbols, sizeof(*b->symbols));
	b->symbols[b->n] = (struct symbol){ id, (int32_t)b->n - 1, (int32_t)b->n + 1, at, len };
	b->n++;
}

static void sift_down(uint64_t *heap, size_t n, size_t i)
{
	uint64_t moving = heap[i];

	for (;;) {
		size_t child = 2 * i + 1;

		if (child >= n)
			break;
		if (child + 1 < n && heap[child + 1] < heap[child])
			child++;
		if (moving <= heap[child])
			break;
		heap[i] = heap[child];
		i = child;
	}
	heap[i] = moving;
}

static uint64_t heap_pop(struct bpe *b)
{
	uint64_t least = b->heap[0];

	b->heap[0] = b->heap[--b->n_heap];
	if (b->n_heap)
		sift_down(b->heap, b->n_heap, 0);
	return least;
}

static void heap_append(struct bpe *b, uint64_t entry)
{
	b->heap = mem_grow(b->heap, b->n_heap, &b->cap_heap, sizeof(*b->heap));
	b->heap[b->n_heap++] = entry;
}

static void heap_push(struct bpe *b, uint64_t entry)
{
	size_t i = b->n_heap;

	heap_append(b, entry);
	for (; i && entry < b->heap[(i - 1) / 2]; i = (i - 1) / 2)
		b->heap[i] = b->heap[(i - 1) / 2];
	b->heap[i] = entry;
}

/* The merge of a symbol with the one after it, NULL if there is none. */
static const struct merge *merge_at(const struct bpe *b, const struct merges *m, int32_t at)
{
	const struct symbol *s = &b->symbols[at];

	if (s->id < 0 || s->next < 0)
		return NULL;
	return merges_find(m, s->id, b->symbols[s->next].id);
}

static uint64_t entry_of(const struct merge *merge, int32_t at)
{
	return (uint64_t)merge->rank << 32 | (uint32_t)at;
}

static void consider(struct bpe *b, const struct merges *m, int32_t at)
{
	const struct merge *merge = at >= 0 ? merge_at(b, m, at) : NULL;

	if (merge)
		heap_push(b, entry_of(merge, at));
}

static void join(struct bpe *b, int32_t at, int32_t id)
{
	struct symbol *left = &b->symbols[at], *right = &b->symbols[left->next];

	left->id = id;
	left->len = right->at + right->len - left->at;
	left->next = right->next;
	if (right->next >= 0)
		b->symbols[right->next].prev = at;
	right->id = -1;
}

#define FEW_SYMBOLS 32
#define NO_RANK     UINT32_MAX

/* The merges of the symbols with their right neighbours. */
struct few {
	uint32_t rank[FEW_SYMBOLS]; /* NO_RANK: there is none */
	int32_t id[FEW_SYMBOLS];
};

static void look_up(struct few *f, const struct bpe *b, const struct merges *m, int32_t at)
{
	const struct merge *merge = merge_at(b, m, at);

	f->rank[at] = merge ? merge->rank : NO_RANK;
	f->id[at] = merge ? merge->id : -1;
}

/* The leftmost of the lowest ranks; -1 when there is none. */
static int32_t lowest(const struct few *f, const struct bpe *b)
{
	uint32_t rank = NO_RANK;
	int32_t found = -1;

	for (int32_t i = 0; i >= 0; i = b->symbols[i].next) {
		if (f->rank[i] < rank) {
			rank = f->rank[i];
			found = i;
		}
	}
	return found;
}

static void merge_few(struct bpe *b, const struct merges *m, bpe_observer *observe, void *ctx)
{
	struct few f;
	int32_t at;

	for (int32_t i = 0; i < (int32_t)b->n; i++)
		look_up(&f, b, m, i);
	while ((at = lowest(&f, b)) >= 0) {
		struct symbol *left = &b->symbols[at];

		if (observe)
			observe(ctx, left, &b->symbols[left->next],
				merges_find(m, left->id, b->symbols[left->next].id));
		join(b, at, f.id[at]);
		look_up(&f, b, m, at);
		if (left->prev >= 0)
			look_up(&f, b, m, left->prev);
	}
}

static void merge_many(struct bpe *b, const struct merges *m, bpe_observer *observe, void *ctx)
{
	b->n_heap = 0;
	for (int32_t i = 0; i + 1 < (int32_t)b->n; i++) {
		const struct merge *merge = merge_at(b, m, i);

		if (merge)
			heap_append(b, entry_of(merge, i));
	}
	for (size_t i = b->n_heap / 2; i-- > 0;)
		sift_down(b->heap, b->n_heap, i);
	while (b->n_heap && !(b->interrupted && *b->interrupted)) {
		uint64_t entry = heap_pop(b);
		int32_t at = (int32_t)(uint32_t)entry;
		const struct merge *merge = merge_at(b, m, at);

		if (!merge || merge->rank != entry >> 32)
			continue;
		if (observe)
			observe(ctx, &b->symbols[at], &b->symbols[b->symbols[at].next], merge);
		join(b, at, merge->id);
		consider(b, m, b->symbols[at].prev);
		consider(b, m, at);
	}
}

void bpe_merge(struct bpe *b, const struct merges *m, bpe_observer *observe, void *ctx)
{
	if (!b->n)
		return;
	b->symbols[b->n - 1].next = -1;
	if (b->n <= FEW_SYMBOLS)
		merge_few(b, m, observe, ctx);
	else
		merge_many(b, m, observe, ctx);
}
