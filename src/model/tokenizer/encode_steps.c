/*
 * encode_steps.c -- the steps of an encoding, with the bytes that they show.
 */
#include "encoder.h"

#include "torchless/mem.h"

#include <stdlib.h>
#include <string.h>

#define ARENA_BLOCK 65536

struct step_arena {
	struct step_block {
		struct step_block *next;
		size_t used, size;
		char data[];
	} * head;
};

static struct bytes arena_copy(struct step_arena *a, const char *s, size_t len)
{
	struct step_block *b = a->head;

	if (!b || b->size - b->used < len) {
		size_t size = len > ARENA_BLOCK ? len : ARENA_BLOCK;

		b = mem_realloc(NULL, sizeof(*b) + size, 1);
		b->used = 0;
		b->size = size;
		b->next = a->head;
		a->head = b;
	}
	memcpy(b->data + b->used, s, len);
	b->used += len;
	return (struct bytes){ b->data + b->used - len, len };
}

void step_add(struct encoder *e, const char *rule, struct bytes left, struct bytes merged,
	      size_t at, int64_t id)
{
	struct encoding *enc = e->enc;

	if (!e->steps)
		return;
	if (!enc->arena)
		enc->arena = mem_calloc(1, sizeof(*enc->arena));
	enc->steps =
		mem_grow(enc->steps, (size_t)enc->n_steps, &enc->cap_steps, sizeof(*enc->steps));
	enc->steps[enc->n_steps++] = (struct stage_step){
		.stage = STAGE_TOKENIZER,
		.rule = rule,
		.left = left.len ? arena_copy(enc->arena, left.data, left.len) : left,
		.merged = merged.len ? arena_copy(enc->arena, merged.data, merged.len) : merged,
		.rank = -1,
		.at_byte = (int64_t)at,
		.token_id = id,
	};
}

void step_add_merge(void *ctx, const struct symbol *left, const struct symbol *right,
		    const struct merge *merge)
{
	struct encoder *e = ctx;
	struct stage_step *step;

	step_add(e, "merge", tokenizer_piece(e->tok, left->id), tokenizer_piece(e->tok, merge->id),
		 view_origin(&e->view, left->at), merge->id);
	step = &e->enc->steps[e->enc->n_steps - 1];
	step->right = tokenizer_piece(e->tok, right->id);
	step->right = arena_copy(e->enc->arena, step->right.data, step->right.len);
	step->rank = merge->rank;
}

void steps_release(struct encoding *enc)
{
	while (enc->arena && enc->arena->head) {
		struct step_block *next = enc->arena->head->next;

		free(enc->arena->head);
		enc->arena->head = next;
	}
	free(enc->arena);
	free(enc->steps);
}
