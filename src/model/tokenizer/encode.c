/*
 * encode.c -- bytes to ids: the pipeline, offsets and steps.
 *
 * The text is cut at added tokens; each segment between them is normalized, cut at normalized
 * added tokens, split into pieces and merged, before the next segment is looked at.
 *
 * A byte that is no UTF-8 is a character of its own: the token of its byte, else unknown.
 *
 * Source: tokenizers' TokenizerImpl and models/bpe/model.rs.
 */
#include "impl.h"

#include "torchless/mem.h"
#include "torchless/utf8.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

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
};

/* ---- steps ---- */

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

static void step_add(struct encoder *e, const char *rule, struct bytes left, struct bytes merged,
		     size_t at, int64_t id)
{
	struct encoding *enc = e->enc;

	if (!e->steps)
		return;
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

static void observe_merge(void *ctx, const struct symbol *left, const struct symbol *right,
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

/* ---- merging ---- */

static void token_add(struct encoder *e, int32_t id, size_t start, size_t end)
{
	struct encoding *enc = e->enc;

	enc->tokens = mem_grow(enc->tokens, (size_t)enc->n, &enc->cap, sizeof(*enc->tokens));
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

static int check_interrupted(const struct encoder *e, struct err *err)
{
	return e->enc->interrupted && *e->enc->interrupted
		       ? err_set(err, ERR_INTERRUPTED, "interrupted")
		       : 0;
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
	bpe_merge(&e->bpe, &e->tok->merges, e->steps ? observe_merge : NULL, e);
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

static int encode_piece(struct encoder *e, const struct piece *p, struct err *err)
{
	struct piece rest = *p;

	if (check_interrupted(e, err))
		return err->code;
	if (e->steps && (e->tok->n_splits || e->tok->byte_level))
		step_add(e, "split", (struct bytes){ e->view.s + p->from, p->to - p->from },
			 spell(e, p), view_origin(&e->view, p->from), -1);
	if (e->tok->ignore_merges) {
		struct bytes whole = spell(e, p);
		int32_t id = tokenizer_model_find(e->tok, whole.data, whole.len);

		if (id >= 0) {
			token_add(e, id, view_origin(&e->view, p->from), p->end);
			return 0;
		}
	}
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

static void encoder_release(struct encoder *e)
{
	splitter_release(&e->splitter);
	free(e->raw_segments.at);
	free(e->norm_segments.at);
	bpe_release(&e->bpe);
	text_release(&e->spelled);
}

int tokenizer_encode(const struct tokenizer *tok, const char *text, size_t len, unsigned flags,
		     struct encoding *enc, struct err *err)
{
	struct encoder e = { .tok = tok, .text = text, .len = len, .enc = enc };
	int rc;

	if (len > TOKENIZER_MAX_TEXT)
		return err_set(err, ERR_FORMAT,
			       "the text has %zu bytes; at most %d can be tokenized at once", len,
			       TOKENIZER_MAX_TEXT);
	e.steps = flags & ENCODE_STEPS;
	enc->first_dropped_at = -1;
	if (e.steps)
		enc->arena = mem_calloc(1, sizeof(*enc->arena));
	splitter_init(&e.splitter, tok, text, len);
	e.splitter.matcher.interrupted = e.bpe.interrupted = enc->interrupted;
	rc = encode(&e, flags & ENCODE_SPECIAL, err);
	encoder_release(&e);
	if (rc)
		encoding_release(enc);
	return rc;
}

void encoding_release(struct encoding *enc)
{
	while (enc->arena && enc->arena->head) {
		struct step_block *next = enc->arena->head->next;

		free(enc->arena->head);
		enc->arena->head = next;
	}
	free(enc->arena);
	free(enc->steps);
	free(enc->tokens);
	memset(enc, 0, sizeof(*enc));
}
