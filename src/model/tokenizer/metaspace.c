/*
 * metaspace.c -- the short way of models that put ▁ for a space and take no text apart.
 *
 * They merge a whole text at once, which is slow and leaves nothing to remember.  But a merge joins
 * a piece that ends with one character to one that begins with another; where no merge has such
 * two characters, none ever crosses, and the text may be cut with the same result.  So it is cut
 * into words, as it was given: a space is read as ▁, and the ▁ before the text is one of no width.
 *
 * The argument needs that every symbol spells what it stands for, or is never merged: a character
 * without a piece becomes the tokens of its bytes, of which no merge may know.  What a model has
 * beyond that goes the long way.
 */
#include "encoder.h"

#include "torchless/mem.h"
#include "torchless/utf8.h"

#include <stdlib.h>
#include <string.h>

/* Characters as far as they are told apart: ASCII by itself, ▁ (and the space), all others. */
enum { SPACE_CLASS = 128, OTHER_CLASS, N_CLASSES };

struct metaspace {
	enum { PREFIX_NEVER, PREFIX_LACKING, PREFIX_FIRST_LACKING, PREFIX_ALWAYS } prefix;
	int32_t space;                                     /* the id of ▁ */
	uint64_t joined[N_CLASSES][(N_CLASSES + 63) / 64]; /* by merges: left class, right class */
};

static bool starts_with_space(const char *s, size_t len)
{
	const size_t n = sizeof(METASPACE) - 1;

	return len >= n && memcmp(s, METASPACE, n) == 0;
}

/* ---- is it such a model? ---- */

static bool text_is(const struct text *t, const char *s)
{
	return t->len == strlen(s) && memcmp(t->data, s, t->len) == 0;
}

static bool literal_is(const struct pattern *p, const char *s)
{
	return pattern_is_literal(p) && text_is(&p->source, s);
}

/* Normalizers that put one ▁ before the text, or none, and one for each space. */
static bool is_normalizer(const struct tokenizer *tok, struct metaspace *m)
{
	int n_prepended = 0, n_replaced = 0;

	for (size_t i = 0; i < tok->n_norms; i++) {
		const struct norm_op *op = &tok->norms[i];

		if (!text_is(&op->content, METASPACE) ||
		    (op->kind == NORM_REPLACE && !literal_is(&op->pattern, " ")))
			return false;
		n_prepended += op->kind == NORM_PREPEND;
		n_replaced += op->kind == NORM_REPLACE;
	}
	m->prefix = n_prepended ? PREFIX_ALWAYS : PREFIX_NEVER;
	return n_prepended <= 1 && n_replaced == 1 && !tok->n_splits;
}

/* A pre-tokenizer that does the same, and may cut before each ▁. */
static bool is_pre_tokenizer(const struct tokenizer *tok, struct metaspace *m)
{
	const struct split_op *op = tok->splits;

	if (tok->n_norms || !tok->n_splits || tok->n_splits > 2 || op->kind != SPLIT_METASPACE ||
	    !text_is(&op->replacement, METASPACE))
		return false;
	m->prefix = op->scheme == PREPEND_ALWAYS  ? PREFIX_LACKING
		    : op->scheme == PREPEND_FIRST ? PREFIX_FIRST_LACKING
						  : PREFIX_NEVER;
	return tok->n_splits == 1 ||
	       (op[1].kind == SPLIT_PATTERN && op[1].behavior == SPLIT_MERGED_WITH_NEXT &&
		!op[1].invert && literal_is(&op[1].pattern, METASPACE));
}

/* Whether nothing is unknown, and no merge has the token of a byte. */
static bool falls_back(const struct tokenizer *tok)
{
	const struct merges *m = &tok->merges;

	for (int b = 0; b < 256; b++)
		if (tok->byte_ids[b] < 0)
			return false;
	for (uint64_t i = 0; i <= m->mask; i++) {
		int32_t left = (int32_t)(m->slots[i].pair >> 32);
		int32_t right = (int32_t)(uint32_t)m->slots[i].pair;

		for (int b = 0; m->slots[i].pair != MERGE_NONE && b < 256; b++)
			if (left == tok->byte_ids[b] || right == tok->byte_ids[b])
				return false;
	}
	return tok->byte_fallback;
}

static int class_at(const char *s, size_t len)
{
	if ((signed char)*s >= 0)
		return *s;
	return starts_with_space(s, len) ? SPACE_CLASS : OTHER_CLASS;
}

static int last_class(struct bytes piece)
{
	size_t at = piece.len - 1;

	while (at && ((unsigned char)piece.data[at] & 0xc0) == 0x80)
		at--;
	return class_at(piece.data + at, piece.len - at);
}

static void join_classes(struct metaspace *m, const struct tokenizer *tok)
{
	for (uint64_t i = 0; i <= tok->merges.mask; i++) {
		uint64_t pair = tok->merges.slots[i].pair;
		struct bytes left, right;
		int class;

		if (pair == MERGE_NONE)
			continue;
		left = tokenizer_piece(tok, (int32_t)(pair >> 32));
		right = tokenizer_piece(tok, (int32_t)(uint32_t)pair);
		class = class_at(right.data, right.len);
		m->joined[last_class(left)][class / 64] |= UINT64_C(1) << class % 64;
	}
}

/* A pre-tokenizer that cuts does so whatever merges would join. */
static void cut_before_spaces(struct metaspace *m)
{
	for (int left = 0; left < N_CLASSES; left++)
		m->joined[left][SPACE_CLASS / 64] &= ~(UINT64_C(1) << SPACE_CLASS % 64);
}

void metaspace_prepare(struct tokenizer *tok)
{
	struct metaspace m = { .space = tokenizer_model_find(tok, METASPACE, 3) };

	if (tok->byte_level || tok->ignore_merges || tok->normalized.n || m.space < 0 ||
	    !(is_normalizer(tok, &m) || is_pre_tokenizer(tok, &m)) || !falls_back(tok))
		return;
	join_classes(&m, tok);
	if (tok->n_splits == 2)
		cut_before_spaces(&m);
	tok->metaspace = mem_realloc(NULL, 1, sizeof(m));
	*tok->metaspace = m;
}

/* ---- encoding ---- */

/* Where the word that begins at s[at] ends: before two characters that no merge joins. */
static size_t word_end(const struct metaspace *m, const char *s, size_t at, size_t len)
{
	int left = -1;

	while (at < len) {
		int right = s[at] == ' ' ? SPACE_CLASS : class_at(s + at, len - at);
		int n = 1;

		if (left >= 0 && !(m->joined[left][right / 64] >> right % 64 & 1))
			break;
		if (right >= SPACE_CLASS && s[at] != ' ')
			n = utf8_decode(s + at, len - at, NULL);
		at += n ? (size_t)n : 1;
		left = right;
	}
	return at;
}

/* The symbol or, without one, the bytes of s[at..at + n), a character or a byte that is none. */
static void add_symbols(struct encoder *e, const char *s, uint32_t at, int n)
{
	const struct tokenizer *tok = e->tok;
	int32_t id = -1;

	if (s[at] == ' ')
		id = tok->metaspace->space;
	else if ((signed char)s[at] >= 0)
		id = tok->unit_ids[(uint8_t)s[at]];
	else if (n)
		id = tokenizer_model_find(tok, s + at, (size_t)n);
	if (id >= 0) {
		bpe_add(&e->bpe, id, at, n ? (uint32_t)n : 1);
		return;
	}
	for (int i = 0; i < (n ? n : 1); i++)
		bpe_add(&e->bpe, tok->byte_ids[(uint8_t)s[at + (uint32_t)i]], at + (uint32_t)i, 1);
}

/* The tokens of e->view's bytes from..to, a word that is not known. */
static int encode_new(struct encoder *e, bool prefixed, size_t from, size_t to, struct err *err)
{
	const char *s = e->view.s;

	e->bpe.n = 0;
	if (prefixed)
		bpe_add(&e->bpe, e->tok->metaspace->space, (uint32_t)from, 0);
	for (size_t at = from; at < to;) {
		int n = (signed char)s[at] >= 0 ? 1 : utf8_decode(s + at, to - at, NULL);

		add_symbols(e, s, (uint32_t)at, n);
		if (check_interrupted(e, err))
			return err->code;
		at += n ? (size_t)n : 1;
	}
	return encode_symbols(
		e, &(struct piece){ (uint32_t)from, (uint32_t)to, view_origin(&e->view, to) }, err);
}

static int encode_word(struct encoder *e, bool prefixed, size_t from, size_t to, struct err *err)
{
	const struct cached_word *known;
	struct word_key key;

	if (to - from > WORD_BYTES)
		return encode_new(e, prefixed, from, to, err);
	key = word_key(e->view.s + from, to - from, e->view.len - from);
	key.prefixed = prefixed;
	known = word_cache_find(&e->words, &key);
	if (known) {
		add_cached(e, known, from, view_origin(&e->view, to));
		return 0;
	}
	if (encode_new(e, prefixed, from, to, err))
		return err->code;
	keep_word(e, &key, (uint32_t)from);
	return 0;
}

static bool wants_prefix(const struct metaspace *m, const struct view *v)
{
	if (m->prefix == PREFIX_NEVER || m->prefix == PREFIX_ALWAYS)
		return m->prefix == PREFIX_ALWAYS;
	return *v->s != ' ' && !starts_with_space(v->s, v->len) &&
	       (m->prefix == PREFIX_LACKING || v->base == 0);
}

int metaspace_encode(struct encoder *e, size_t from, size_t to, struct err *err)
{
	const struct metaspace *m = e->tok->metaspace;
	bool prefixed;

	e->view = (struct view){ e->text + from, to - from, NULL, from, to };
	prefixed = wants_prefix(m, &e->view);
	for (size_t at = 0, end; at < e->view.len; at = end, prefixed = false) {
		end = word_end(m, e->view.s, at, e->view.len);
		if (check_interrupted(e, err) || encode_word(e, prefixed, at, end, err))
			return err->code;
	}
	return 0;
}
