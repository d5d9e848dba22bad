/*
 * encode.c -- bytes to ids: the pipeline, offsets, and encoders that are kept.
 *
 * The text is cut at added tokens; each segment between them is normalized, cut at normalized
 * added tokens, split into pieces and merged, before the next segment is looked at.
 *
 * Source: tokenizers' TokenizerImpl.
 */
#include "encoder.h"

#include "torchless/mem.h"
#include "torchless/utf8.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

/* ---- the pipeline ---- */

static void encode_added(struct encoder *e, int32_t token, const char *s, size_t len, size_t start,
			 size_t end)
{
	int32_t id = e->tok->added[token].id;

	step_add(e, "added", (struct bytes){ s, len }, tokenizer_piece(e->tok, id), start, id);
	token_add(e, id, start, end);
}

static int encode_pieces(struct encoder *e, const struct view *v, size_t from, size_t to,
			 struct err *err)
{
	e->view = *v;
	if (splitter_split(&e->splitter, &e->view, from, to, err))
		return err->code;
	for (size_t i = 0; i < e->splitter.pieces.n; i++)
		if (encode_piece(e, &e->splitter.pieces.at[i], err))
			return err->code;
	return 0;
}

/* text[from..to), which holds no added token that is looked for before normalizing. */
static int encode_segment(struct encoder *e, size_t from, size_t to, struct err *err)
{
	struct view v = { e->text + from, to - from, NULL, from, to };
	struct segments *segments = &e->norm_segments;

	if (e->tok->metaspace && !e->steps)
		return metaspace_encode(e, from, to, err);
	if (splitter_normalize(&e->splitter, &v, err))
		return err->code;
	if (e->tok->n_norms)
		step_add(e, "normalize", (struct bytes){ e->text + from, to - from },
			 (struct bytes){ v.s, v.len }, from, -1);
	if (added_cut(e->tok, &e->tok->normalized, &e->splitter.matcher, v.s, v.len, segments, err))
		return err->code;
	for (size_t i = 0; i < segments->n; i++) {
		const struct segment *c = &segments->at[i];

		if (c->token >= 0)
			encode_added(e, c->token, v.s + c->from, c->to - c->from,
				     view_origin(&v, c->from), view_origin(&v, c->to));
		else if (encode_pieces(e, &v, c->from, c->to, err))
			return err->code;
	}
	return 0;
}

static int encode_text(struct encoder *e, struct err *err)
{
	struct segments *segments = &e->raw_segments;

	if (added_cut(e->tok, &e->tok->raw, &e->splitter.matcher, e->text, e->len, segments, err))
		return err->code;
	for (size_t i = 0; i < segments->n; i++) {
		const struct segment *c = &segments->at[i];

		if (c->token >= 0)
			encode_added(e, c->token, e->text + c->from, c->to - c->from, c->from,
				     c->to);
		else if (encode_segment(e, c->from, c->to, err))
			return err->code;
	}
	return 0;
}

static void add_template(struct encoder *e, const struct id_list *list)
{
	for (size_t i = 0; i < list->n; i++)
		token_add(e, list->ids[i], 0, 0);
}

static void add_template_steps(struct encoder *e, const struct id_list *list)
{
	for (size_t i = 0; i < list->n; i++) {
		step_add(e, "template", (struct bytes){ "", 0 },
			 tokenizer_piece(e->tok, list->ids[i]), 0, list->ids[i]);
		if (e->steps)
			e->enc->steps[e->enc->n_steps - 1].at_byte = -1;
	}
}

/* How many characters at one end of a piece are white space or stand for it. */
static size_t count_spaces(struct bytes piece, bool from_end)
{
	size_t n = 0;

	while (piece.len) {
		uint32_t cp;
		int len = 0;

		for (int back = 1; from_end && back <= 4 && (size_t)back <= piece.len && !len;
		     back++)
			if (utf8_decode(piece.data + piece.len - back, (size_t)back, &cp) == back)
				len = back;
		if (!from_end)
			len = utf8_decode(piece.data, piece.len, &cp);
		if (!len || (!is_white_space(cp) && cp != byte_symbol(' ')))
			break;
		n++;
		piece.len -= (size_t)len;
		piece.data += from_end ? 0 : len;
	}
	return n;
}

/* The offsets without the spaces around each token: tokenizers' byte_level process_offsets. */
static void trim_offsets(struct encoder *e, int64_t first)
{
	for (int64_t i = first; i < e->enc->n; i++) {
		struct token *t = &e->enc->tokens[i];
		struct bytes piece = tokenizer_piece(e->tok, t->id);
		int64_t lead = (int64_t)count_spaces(piece, false);
		int64_t trail = (int64_t)count_spaces(piece, true);

		if (lead > 0 && e->tok->trim_keeps_prefix && (i == first || t->start == 0))
			lead--;
		t->start = t->start + lead < t->end ? t->start + lead : t->end;
		if (trail <= t->end)
			t->end = t->end - trail > t->start ? t->end - trail : t->start;
	}
}

static int encode(struct encoder *e, bool special, struct err *err)
{
	int64_t first;

	if (special)
		add_template(e, &e->tok->before);
	first = e->enc->n;
	if (encode_text(e, err))
		return err->code;
	if (e->tok->trim_offsets)
		trim_offsets(e, first);
	if (special) {
		add_template(e, &e->tok->after);
		add_template_steps(e, &e->tok->before);
		add_template_steps(e, &e->tok->after);
	}
	return 0;
}

/* ---- encoders that are kept ---- */

#define MOST_IDLE 4
#define MOST_HELD ((size_t)1 << 20) /* bytes of scratch; known words have a bound of their own */

struct encoder_pool {
	_Atomic(struct encoder *) idle[MOST_IDLE];
};

static void release_scratch(struct encoder *e)
{
	splitter_release(&e->splitter);
	free(e->raw_segments.at);
	free(e->norm_segments.at);
	bpe_release(&e->bpe);
	text_release(&e->spelled);
	e->raw_segments = e->norm_segments = (struct segments){ 0 };
	e->bpe = (struct bpe){ 0 };
}

static void encoder_free(struct encoder *e)
{
	release_scratch(e);
	word_cache_release(&e->words);
	free(e);
}

struct encoder_pool *encoder_pool_new(void)
{
	return mem_calloc(1, sizeof(struct encoder_pool));
}

void encoder_pool_free(struct encoder_pool *pool)
{
	for (int i = 0; pool && i < MOST_IDLE; i++) {
		struct encoder *e = atomic_load(&pool->idle[i]);

		if (e)
			encoder_free(e);
	}
	free(pool);
}

/* An encoder that no other thread has. */
static struct encoder *encoder_take(struct encoder_pool *pool)
{
	for (int i = 0; i < MOST_IDLE; i++) {
		struct encoder *e = atomic_exchange(&pool->idle[i], NULL);

		if (e)
			return e;
	}
	return mem_calloc(1, sizeof(struct encoder));
}

static size_t scratch_held(const struct encoder *e)
{
	return splitter_held(&e->splitter) + e->spelled.cap +
	       (e->raw_segments.cap + e->norm_segments.cap) * sizeof(struct segment) +
	       e->bpe.cap_symbols * sizeof(*e->bpe.symbols) +
	       e->bpe.cap_heap * sizeof(*e->bpe.heap);
}

static void encoder_give_back(struct encoder_pool *pool, struct encoder *e)
{
	if (scratch_held(e) > MOST_HELD)
		release_scratch(e);
	for (int i = 0; i < MOST_IDLE; i++) {
		struct encoder *none = NULL;

		if (atomic_compare_exchange_strong(&pool->idle[i], &none, e))
			return;
	}
	encoder_free(e);
}

static void encoder_begin(struct encoder *e, const struct tokenizer *tok, const char *text,
			  size_t len, struct encoding *enc, bool steps)
{
	e->tok = tok;
	e->text = text;
	e->len = len;
	e->enc = enc;
	e->steps = steps;
	splitter_begin(&e->splitter, tok, text, len);
	e->splitter.matcher.interrupted = e->bpe.interrupted = enc->interrupted;
}

int tokenizer_encode(const struct tokenizer *tok, const char *text, size_t len, unsigned flags,
		     struct encoding *enc, struct err *err)
{
	struct encoder *e;
	int rc;

	if (len > TOKENIZER_MAX_TEXT)
		return err_set(err, ERR_FORMAT,
			       "the text has %zu bytes; at most %d can be tokenized at once", len,
			       TOKENIZER_MAX_TEXT);
	enc->first_dropped_at = -1;
	e = encoder_take(tok->pool);
	encoder_begin(e, tok, text, len, enc, flags & ENCODE_STEPS);
	rc = encode(e, flags & ENCODE_SPECIAL, err);
	encoder_give_back(tok->pool, e);
	if (rc)
		encoding_release(enc);
	return rc;
}

void encoding_release(struct encoding *enc)
{
	steps_release(enc);
	free(enc->tokens);
	memset(enc, 0, sizeof(*enc));
}
