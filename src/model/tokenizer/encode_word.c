/*
 * encode_word.c -- pieces to tokens.
 *
 * A byte that is no UTF-8 is a character of its own: the token of its byte, else unknown.
 *
 * Source: tokenizers' models/bpe/model.rs.
 */
#include "encoder.h"

#include "torchless/mem.h"
#include "torchless/utf8.h"

#include <string.h>

void token_add(struct encoder *e, int32_t id, size_t start, size_t end)
{
	struct encoding *enc = e->enc;

	if ((size_t)enc->n == enc->cap)
		enc->tokens =
			mem_grow(enc->tokens, (size_t)enc->n, &enc->cap, sizeof(*enc->tokens));
	enc->tokens[enc->n++] = (struct token){ id, (int64_t)start, (int64_t)end };
}

/* Characters without a token that wait to become one `unk` (with fuse_unk) or their own. */
struct unknown {
	bool pending;
	uint32_t at, end;
};

static void flush_unknown(struct encoder *e, struct unknown *u)
{
	if (u->pending)
		bpe_add(&e->bpe, e->tok->unk, u->at, u->end - u->at);
	u->pending = false;
}

/* The character as tokens of its bytes, if all of them have one. */
static bool fall_back(struct encoder *e, const char *s, size_t n, uint32_t at, uint32_t len)
{
	for (size_t i = 0; i < n; i++)
		if (!e->tok->byte_fallback || e->tok->byte_ids[(uint8_t)s[i]] < 0)
			return false;
	for (size_t i = 0; i < n; i++) {
		int32_t id = e->tok->byte_ids[(uint8_t)s[i]];
		/* A spelled byte is longer than what it stands for: then all offsets are its own.
		 */
		bool own = n == len;

		bpe_add(&e->bpe, id, own ? at + (uint32_t)i : at, own ? 1 : len);
		step_add(e, "byte_fallback", (struct bytes){ s + i, 1 },
			 tokenizer_piece(e->tok, id), view_origin(&e->view, own ? at + i : at), id);
	}
	return true;
}

static void add_unknown(struct encoder *e, struct unknown *u, const char *s, size_t n, uint32_t at,
			uint32_t len)
{
	step_add(e, "unknown", (struct bytes){ s, n }, tokenizer_piece(e->tok, e->tok->unk),
		 view_origin(&e->view, at), e->tok->unk);
	if (!e->tok->fuse_unk)
		flush_unknown(e, u);
	if (!u->pending)
		u->at = at;
	u->pending = true;
	u->end = at + len;
}

static int drop_or_refuse(struct encoder *e, const char *s, size_t n, uint32_t at, struct err *err)
{
	size_t origin = view_origin(&e->view, at);

	if (!e->tok->byte_level)
		return err_set(err, ERR_FORMAT,
			       "the tokenizer has no token for '%.*s' at byte %zu of the text: its "
			       "vocabulary has neither byte tokens nor an unknown token",
			       (int)n, s, origin);
	step_add(e, "dropped", (struct bytes){ e->view.s + at, 1 }, (struct bytes){ s, n }, origin,
		 -1);
	if (!e->enc->n_dropped++)
		e->enc->first_dropped_at = (int64_t)origin;
	return 0;
}

/*
 * One character of a piece (byte-level: the symbol of one byte), spelled s[0..n), at `at` and of
 * `len` bytes.  That an unknown character waits while byte tokens pass it is the library's way.
 */
static int add_unit(struct encoder *e, struct unknown *u, int32_t id, const char *s, size_t n,
		    uint32_t at, uint32_t len, struct err *err)
{
	if (id >= 0) {
		flush_unknown(e, u);
		bpe_add(&e->bpe, id, at, len);
		return 0;
	}
	if (fall_back(e, s, n, at, len))
		return 0;
	if (e->tok->unk < 0)
		return drop_or_refuse(e, s, n, at, err);
	add_unknown(e, u, s, n, at, len);
	return 0;
}

static int add_byte(struct encoder *e, struct unknown *u, uint32_t at, struct err *err)
{
	uint8_t byte = (uint8_t)e->view.s[at];
	int32_t id = e->tok->unit_ids[byte];
	char symbol[4];
	int n = id >= 0 ? 0 : utf8_encode(byte_symbol(byte), symbol);

	return add_unit(e, u, id, symbol, (size_t)n, at, 1, err);
}

static int add_character(struct encoder *e, struct unknown *u, uint32_t at, uint32_t n,
			 bool well_formed, struct err *err)
{
	const char *s = e->view.s + at;
	int32_t id = -1;

	if (n == 1 && well_formed)
		id = e->tok->unit_ids[(uint8_t)*s];
	else if (well_formed)
		id = tokenizer_model_find(e->tok, s, n);
	return add_unit(e, u, id, s, n, at, n, err);
}

int check_interrupted(const struct encoder *e, struct err *err)
{
	return e->enc->interrupted && *e->enc->interrupted
		       ? err_set(err, ERR_INTERRUPTED, "interrupted")
		       : 0;
}

int encode_symbols(struct encoder *e, const struct piece *p, struct err *err)
{
	const struct view *v = &e->view;

	bpe_merge(&e->bpe, &e->tok->merges, e->steps ? step_add_merge : NULL, e);
	if (check_interrupted(e, err))
		return err->code;
	for (int32_t i = e->bpe.n ? 0 : -1; i >= 0; i = e->bpe.symbols[i].next) {
		const struct symbol *s = &e->bpe.symbols[i];
		uint32_t to = s->at + s->len;

		token_add(e, s->id, view_origin(v, s->at),
			  to == p->to ? p->end : view_origin(v, to));
	}
	return 0;
}

/* The tokens of v[p->from..p->to), which merges do not cross: of some models the whole text. */
static int encode_word(struct encoder *e, const struct piece *p, struct err *err)
{
	const struct view *v = &e->view;
	struct unknown u = { 0 };

	e->bpe.n = 0;
	for (uint32_t at = p->from; at < p->to;) {
		int n = 1;
		bool ok = true;

		if (!e->tok->byte_level && (signed char)v->s[at] < 0) {
			n = utf8_decode(v->s + at, p->to - at, NULL);
			ok = n > 0;
			n = ok ? n : 1;
		}
		if (e->tok->byte_level ? add_byte(e, &u, at, err)
				       : add_character(e, &u, at, (uint32_t)n, ok, err))
			return err->code;
		if (check_interrupted(e, err))
			return err->code;
		at += (uint32_t)n;
	}
	flush_unknown(e, &u);
	return encode_symbols(e, p, err);
}

/* Where the next word begins: a METASPACE behind something else, if merges never cross that. */
static uint32_t word_end(const struct encoder *e, const struct piece *p)
{
	const uint32_t n = sizeof(METASPACE) - 1;
	bool seen_other = false;

	if (e->tok->byte_level || !e->tok->merges.cut_at_metaspace)
		return p->to;
	for (uint32_t at = p->from; at < p->to;) {
		bool space = p->to - at >= n && memcmp(e->view.s + at, METASPACE, n) == 0;

		if (space && seen_other)
			return at;
		seen_other = seen_other || !space;
		at += space ? n : 1;
	}
	return p->to;
}

/* The piece as the vocabulary spells it. */
static struct bytes spell(struct encoder *e, const struct piece *p)
{
	const char *s = e->view.s + p->from;

	if (!e->tok->byte_level)
		return (struct bytes){ s, p->to - p->from };
	text_clear(&e->spelled);
	for (uint32_t i = 0; i < p->to - p->from; i++) {
		char symbol[4];

		text_add(&e->spelled, symbol,
			 (size_t)utf8_encode(byte_symbol((uint8_t)s[i]), symbol));
	}
	return (struct bytes){ e->spelled.data, e->spelled.len };
}

/* ---- known words ---- */

void add_cached(struct encoder *e, const struct cached_word *w, size_t from, size_t end)
{
	size_t start = view_origin(&e->view, from);

	for (int i = 0; i < w->n; i++) {
		size_t to = i == w->n - 1 ? end : view_origin(&e->view, from + w->ends[i]);

		token_add(e, w->ids[i], start, to);
		start = to;
	}
}

/*
 * Whether the symbols that are left follow one another from `from` to `to`, and are few.  They do
 * not where a piece was several words, of which e->bpe has the last, or where a byte that is
 * spelled longer became several tokens.
 */
static bool is_plain(const struct bpe *b, uint32_t from, uint32_t to)
{
	int n = 0;

	for (int32_t i = b->n ? 0 : -1; i >= 0; i = b->symbols[i].next) {
		if (b->symbols[i].at != from || ++n > WORD_IDS)
			return false;
		from += b->symbols[i].len;
	}
	return n && from == to;
}

void keep_word(struct encoder *e, const struct word_key *key, uint32_t from)
{
	const struct bpe *b = &e->bpe;
	struct cached_word *w;

	if (!is_plain(b, from, from + key->len))
		return;
	w = word_cache_keep(&e->words, key);
	w->n = 0;
	for (int32_t i = 0; i >= 0; i = b->symbols[i].next) {
		const struct symbol *s = &b->symbols[i];

		w->ids[w->n] = s->id;
		w->ends[w->n++] = (uint8_t)(s->at + s->len - from);
	}
}

/* ---- pieces ---- */

/* If the piece is one of the vocabulary's, that token, though merges may not lead to it. */
static bool encode_whole(struct encoder *e, const struct piece *p)
{
	struct bytes whole = spell(e, p);
	int32_t id = tokenizer_model_find(e->tok, whole.data, whole.len);

	if (id < 0)
		return false;
	e->bpe.n = 0;
	bpe_add(&e->bpe, id, p->from, p->to - p->from);
	e->bpe.symbols[0].next = -1;
	token_add(e, id, view_origin(&e->view, p->from), p->end);
	return true;
}

static int encode_new(struct encoder *e, const struct piece *p, struct err *err)
{
	struct piece rest = *p;

	if (e->steps && (e->tok->n_splits || e->tok->byte_level))
		step_add(e, "split", (struct bytes){ e->view.s + p->from, p->to - p->from },
			 spell(e, p), view_origin(&e->view, p->from), -1);
	if (e->tok->ignore_merges && encode_whole(e, p))
		return 0;
	while (rest.from < p->to) {
		struct piece word = { rest.from, word_end(e, &rest), p->end };

		if (word.to < p->to)
			word.end = view_origin(&e->view, word.to);
		if (encode_word(e, &word, err))
			return err->code;
		rest.from = word.to;
	}
	return 0;
}

int encode_piece(struct encoder *e, const struct piece *p, struct err *err)
{
	bool may_keep = !e->steps && p->to - p->from <= WORD_BYTES;
	int64_t n_dropped = e->enc->n_dropped;
	const struct cached_word *known;
	struct word_key key;

	if (check_interrupted(e, err))
		return err->code;
	if (may_keep) {
		key = word_key(e->view.s + p->from, p->to - p->from, e->view.len - p->from);
		known = word_cache_find(&e->words, &key);
		if (known) {
			add_cached(e, known, p->from, p->end);
			return 0;
		}
	}
	if (encode_new(e, p, err))
		return err->code;
	if (may_keep && e->enc->n_dropped == n_dropped)
		keep_word(e, &key, p->from);
	return 0;
}
