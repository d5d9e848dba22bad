/*
 * encoder.h -- what the files share that make ids of text.
 *
 *	word_cache.c  words that were encoded lately, and their ids
 *	encode_steps.c the steps of an encoding, for those who look
 *	encode_word.c pieces to tokens: single characters, merges
 *	metaspace.c   the short way of models that put ▁ for a space
 *	encode.c      the pipeline, offsets, and encoders that are kept
 *
 * An encoder lives from one text to the next: a tokenizer keeps some, each thread takes one.  Who
 * asks for steps sees every one of them: then nothing is taken from memory.
 */
#ifndef TORCHLESS_TOKENIZER_ENCODER_H
#define TORCHLESS_TOKENIZER_ENCODER_H

#include "impl.h"

/* ---- word_cache.c ---- */

/* Longer words, and those of more tokens, are rare: they are encoded each time. */
#define WORD_BYTES 24
#define WORD_IDS   7

/* A word by its bytes, zeros behind them, and what else decides its ids. */
struct word_key {
	uint64_t part[WORD_BYTES / 8];
	uint8_t len;   /* 1 to WORD_BYTES */
	bool prefixed; /* a ▁ without width stands before it */
};

/* One line of a cache. */
struct cached_word {
	uint64_t part[WORD_BYTES / 8];
	int32_t ids[WORD_IDS];
	uint8_t ends[WORD_IDS]; /* of each token, in bytes of the word */
	uint8_t mark;           /* the length, and whether it is prefixed; 0: there is no word */
	uint8_t n;
};

/*
 * A table of bounded size in which a new word takes the place of an older one: texts made to fill
 * it cost what encoding costs anyway.
 */
struct word_cache {
	struct cached_word *slots;
	size_t n_slots, n;
};

void word_cache_release(struct word_cache *w);
/* The key of s[0..len), 1 to WORD_BYTES; s[0..room) can be read. */
struct word_key word_key(const char *s, size_t len, size_t room);
/* NULL when it is not there; valid until the next word_cache_keep(). */
const struct cached_word *word_cache_find(const struct word_cache *w, const struct word_key *key);
/* A place for the word, which is not there yet: fill in n, ids and ends. */
struct cached_word *word_cache_keep(struct word_cache *w, const struct word_key *key);

/* ---- encode_steps.c ---- */

struct encoder {
	const struct tokenizer *tok;
	const char *text;
	size_t len;
	struct encoding *enc;
	bool steps;
	struct splitter splitter;
	struct segments raw_segments, norm_segments;
	struct bpe bpe;
	struct text spelled;
	struct view view; /* of the pieces that are being merged */
	struct word_cache words;
};

/* A step, if steps are asked for; what it points to is copied. */
void step_add(struct encoder *e, const char *rule, struct bytes left, struct bytes merged,
	      size_t at, int64_t id);
/* A bpe_observer, of an encoder. */
void step_add_merge(void *ctx, const struct symbol *left, const struct symbol *right,
		    const struct merge *merge);
void steps_release(struct encoding *enc);

/* ---- encode_word.c ---- */

void token_add(struct encoder *e, int32_t id, size_t start, size_t end);
int check_interrupted(const struct encoder *e, struct err *err);
/* The tokens of a piece of e->view. */
int encode_piece(struct encoder *e, const struct piece *p, struct err *err);
/* Merge e->bpe's symbols, which are those of the piece, and add the tokens. */
int encode_symbols(struct encoder *e, const struct piece *p, struct err *err);
/* The tokens of a known word that is e->view's from `from` on and ends at `end` in the text. */
void add_cached(struct encoder *e, const struct cached_word *w, size_t from, size_t end);
/* Keep what e->bpe has just made of the word, if it is of a kind that is kept. */
void keep_word(struct encoder *e, const struct word_key *key, uint32_t from);

/* ---- metaspace.c ---- */

/* The tokens of e->text[from..to), not empty, of a tokenizer that has tok->metaspace. */
int metaspace_encode(struct encoder *e, size_t from, size_t to, struct err *err);

#endif
