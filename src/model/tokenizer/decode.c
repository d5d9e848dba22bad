/*
 * decode.c -- ids to bytes, as a stream.
 *
 * The decoder of the file works on the pieces of single tokens up to Fuse and on the text behind
 * it; both can be done token by token, with a little held back: the beginning of a character
 * whose other bytes are still to come, and spaces that a Strip may yet take off the end.
 *
 * Where bytes are no UTF-8 the library puts U+FFFD; here they stay what they are.
 *
 * Source: tokenizers' decoders/, pre_tokenizers/byte_level.rs and metaspace.rs.
 */
#include "impl.h"

#include "torchless/utf8.h"

#include <stdlib.h>
#include <string.h>

/* GPT-2's symbols back to bytes; a piece with any other character stays as it is. */
static void unspell(struct text *piece)
{
	struct text out = { 0 };

	for (size_t at = 0; at < piece->len;) {
		uint32_t cp;
		int n = utf8_decode(piece->data + at, piece->len - at, &cp);
		int byte = n ? symbol_byte(cp) : -1;

		if (byte < 0) {
			text_release(&out);
			return;
		}
		text_addc(&out, (char)byte);
		at += (size_t)n;
	}
	text_clear(piece);
	text_add(piece, out.data, out.len);
	text_release(&out);
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = (char)(c | 0x20);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* "<0x0A>" to its byte. */
static void byte_of_piece(struct text *piece)
{
	int high, low;

	if (piece->len != 6 || memcmp(piece->data, "<0x", 3) != 0 || piece->data[5] != '>')
		return;
	high = hex_digit(piece->data[3]);
	low = hex_digit(piece->data[4]);
	if (high < 0 || low < 0)
		return;
	text_clear(piece);
	text_addc(piece, (char)(high << 4 | low));
}

/* Replacements that make more of one piece than this are a trap; the rest stays as it is. */
#define MAX_PIECE_BYTES (1u << 24)

static void replace(struct text *piece, const struct pattern *p, const struct text *content)
{
	struct text out = { 0 };
	struct matcher m = { 0 };
	struct finder f = { .p = p, .m = &m, .s = piece->data, .len = piece->len };
	struct err err;
	size_t done = 0, from, to;

	if (!piece->len)
		return;
	/* An expression that gives up on a single piece leaves the rest of it unchanged. */
	while (out.len < MAX_PIECE_BYTES && finder_next(&f, &from, &to, &err) > 0) {
		text_add(&out, piece->data + done, from - done);
		text_add(&out, content->data, content->len);
		done = to;
	}
	if (done < piece->len)
		text_add(&out, piece->data + done, piece->len - done);
	text_clear(piece);
	text_add(piece, out.data, out.len);
	text_release(&out);
	matcher_release(&m);
}

/* How many characters `c` s[0..len) begins (or ends) with, at most `max`, in bytes. */
static size_t strip_width(const char *s, size_t len, const struct text *c, int64_t max, bool end)
{
	size_t n = 0;

	for (; max > 0 && len - n >= c->len; max--) {
		if (memcmp(end ? s + len - n - c->len : s + n, c->data, c->len) != 0)
			break;
		n += c->len;
	}
	return n;
}

static void strip(struct text *piece, const struct decode_op *op)
{
	size_t n;

	if (!piece->len)
		return;
	n = strip_width(piece->data, piece->len, &op->content, op->strip_start, false);

	memmove(piece->data, piece->data + n, piece->len - n);
	piece->len -= n;
	piece->len -= strip_width(piece->data, piece->len, &op->content, op->strip_stop, true);
	piece->data[piece->len] = '\0';
}

/* The piece of a token through the stages before Fuse; returns the first stage behind it. */
static size_t decode_piece(const struct tokenizer *tok, int32_t id, bool first, struct text *piece)
{
	struct bytes spelled = tokenizer_piece(tok, id);
	static char space[] = " ";
	const struct text blank = { space, 1, 0 }, nothing = { space, 0, 0 };

	text_add(piece, spelled.data, spelled.len);
	for (size_t i = 0; i < tok->n_decoders; i++) {
		const struct decode_op *op = &tok->decoders[i];

		switch (op->kind) {
		case DECODE_REPLACE:
			replace(piece, &op->pattern, &op->content);
			break;
		case DECODE_METASPACE:
			replace(piece, &op->pattern, first && op->drop_first ? &nothing : &blank);
			break;
		case DECODE_BYTE_LEVEL:
			unspell(piece);
			return i + 1;
		case DECODE_BYTE_FALLBACK:
			byte_of_piece(piece);
			break;
		case DECODE_FUSE:
			return i + 1;
		case DECODE_STRIP:
			strip(piece, op);
			break;
		}
	}
	return tok->n_decoders;
}

void tokenizer_token_bytes(const struct tokenizer *tok, int32_t id, struct text *out)
{
	struct text piece = { 0 };

	decode_piece(tok, id, false, &piece);
	text_add(out, piece.data, piece.len);
	text_release(&piece);
}

void decode_init(struct decode_stream *d, const struct tokenizer *tok, bool skip_special)
{
	*d = (struct decode_stream){ .tok = tok, .skip_special = skip_special };
}

/* Take what the text-wide Strip stages still may off the beginning of `pending`. */
static void strip_start(struct decode_stream *d, size_t stage)
{
	for (size_t i = stage; i < d->tok->n_decoders && !d->text_started; i++) {
		const struct decode_op *op = &d->tok->decoders[i];
		size_t n;

		if (op->kind != DECODE_STRIP || !d->pending.len)
			continue;
		n = strip_width(d->pending.data, d->pending.len, &op->content,
				op->strip_start - d->n_stripped, false);
		memmove(d->pending.data, d->pending.data + n, d->pending.len - n);
		d->pending.len -= n;
		d->n_stripped += (int64_t)(n / op->content.len);
	}
	d->text_started = d->text_started || d->pending.len > 0;
}

/* How many bytes at the end of `pending` the Strip stages would take off if nothing followed. */
static size_t strip_stop(const struct decode_stream *d, size_t stage)
{
	size_t n = 0;

	for (size_t i = stage; i < d->tok->n_decoders; i++) {
		const struct decode_op *op = &d->tok->decoders[i];

		if (op->kind == DECODE_STRIP)
			n += strip_width(d->pending.data, d->pending.len - n, &op->content,
					 op->strip_stop, true);
	}
	return n;
}

static void emit(struct decode_stream *d, size_t n, struct text *out)
{
	if (!n)
		return;
	text_add(out, d->pending.data, n);
	memmove(d->pending.data, d->pending.data + n, d->pending.len - n);
	d->pending.len -= n;
}

void decode_push(struct decode_stream *d, int32_t id, struct text *out)
{
	struct text piece = { 0 };
	size_t ready;

	if (d->skip_special && tokenizer_is_special(d->tok, id))
		return;
	if (!tokenizer_piece(d->tok, id).len)
		return;
	if (d->started && !d->tok->has_decoder)
		text_addc(&d->pending, ' ');
	d->fused = decode_piece(d->tok, id, !d->started, &piece);
	d->started = true;
	text_add(&d->pending, piece.data, piece.len);
	text_release(&piece);
	strip_start(d, d->fused);
	ready = d->pending.len - strip_stop(d, d->fused);
	emit(d, utf8_complete(d->pending.data, ready), out);
}

void decode_finish(struct decode_stream *d, struct text *out)
{
	if (d->pending.len)
		d->pending.len -= strip_stop(d, d->fused);
	emit(d, d->pending.len, out);
}

void decode_release(struct decode_stream *d)
{
	text_release(&d->pending);
}
