/*
 * gguf_merges.h -- the pieces of a vocabulary, and the merges that its scores stand for.
 */
#ifndef MODEL_GGUF_MERGES_H
#define MODEL_GGUF_MERGES_H

#include "gguf_header.h"

struct pieces {
	struct bytes *a; /* by id, where they lie in the file */
	int64_t n;
	uint32_t *slots; /* ids + 1 by hash, 0: empty */
	uint64_t mask;
};

/* The texts of an array; *twice is an id whose piece has another id already, -1: there is none. */
void pieces_init(struct pieces *p, const struct gguf_value *tokens, int64_t *twice);
void pieces_release(struct pieces *p);

/* The id of a piece, -1 when there is none. */
int64_t pieces_find(const struct pieces *p, const char *piece, size_t len);

/*
 * Append the merges of a SentencePiece BPE as an array in JSON, of scores f32[p->n] (which
 * may be unaligned).  SentencePiece joins the neighbours whose union has the best score; a list of
 * merges says the same when it has every way to cut a piece in two, best score first.  Of ways with
 * one score the longer left half is first, then the longer right half, then the lower id, as in
 * Hugging Face's converter.  False when pieces are so long that this has no end, or a score is NaN.
 */
bool pieces_add_merges(const struct pieces *p, const char *scores, struct text *json);

#endif
