/*
 * split.c -- normalizers and pre-tokenizers: a segment of text to pieces.
 *
 * A stage that changes text writes it to a buffer together with the origin of every byte, its
 * offset in the text that was given; text that no stage has changed has none (it is its own
 * origin), so byte-level tokenizers, which leave text as it is, pay nothing.
 *
 * Bytes that are no UTF-8: for a regular expression, text ends where they begin, and each run of
 * them is a piece of its own; for everything else they are characters like others.
 *
 * Source: tokenizers' NormalizedString and pre_tokenizers/.
 */
#include "impl.h"

#include "torchless/mem.h"
#include "torchless/utf8.h"

#include <stdlib.h>
#include <string.h>

/* A byte of text may become so many: a space as three is usual, a thousand as many is a trap. */
#define MAX_GROWTH 1024

size_t view_origin(const struct view *v, size_t i)
{
	if (i == v->len)
		return v->end;
	return v->origin ? v->origin[i] : v->base + i;
}

/* ---- buffers ---- */

static void buffer_reserve(struct buffer *b, size_t n)
{
	if (b->n + n <= b->cap)
		return;
	b->cap = b->n + n > 2 * b->cap ? b->n + n : 2 * b->cap;
	b->origin = mem_realloc(b->origin, b->cap, sizeof(*b->origin));
}

/* Append bytes that all come from the offset `origin`. */
static void buffer_insert(struct buffer *b, const struct text *t, size_t origin)
{
	buffer_reserve(b, t->len);
	text_add(&b->bytes, t->data, t->len);
	for (size_t i = 0; i < t->len; i++)
		b->origin[b->n++] = (uint32_t)origin;
}

static void buffer_copy(struct buffer *b, const struct view *v, size_t from, size_t to)
{
	buffer_reserve(b, to - from);
	text_add(&b->bytes, v->s + from, to - from);
	for (size_t i = from; i < to; i++)
		b->origin[b->n++] = (uint32_t)view_origin(v, i);
}

static void buffer_clear(struct buffer *b)
{
	text_clear(&b->bytes);
	b->n = 0;
}

static void buffer_release(struct buffer *b)
{
	text_release(&b->bytes);
	free(b->origin);
}

/* Look at the buffer in place of what it was made from. */
static void buffer_view(const struct buffer *b, struct view *v)
{
	v->s = b->n ? b->bytes.data : "";
	v->len = b->n;
	v->origin = b->origin;
}

/* ---- patterns over text that may not be well-formed ---- */

static void match_add(struct matches *m, size_t from, size_t to, bool hit)
{
	m->at = mem_grow(m->at, m->n, &m->cap, sizeof(*m->at));
	m->at[m->n++] = (struct match){ from, to, hit };
}

/* Matches in s[from..to), and what lies between. */
static int match_run(struct splitter *sp, const struct pattern *p, const char *s, size_t from,
		     size_t to, struct err *err)
{
	struct finder f = { .p = p, .m = &sp->matcher, .s = s + from, .len = to - from };
	size_t done = 0, hit, end;
	int rc;

	while ((rc = finder_next(&f, &hit, &end, err)) > 0) {
		if (done < hit)
			match_add(&sp->matches, from + done, from + hit, false);
		match_add(&sp->matches, from + hit, from + end, true);
		done = end;
	}
	if (rc == 0 && from + done < to)
		match_add(&sp->matches, from + done, to, false);
	return rc;
}

/* Where the run of well-formed (or of other) bytes at `at` ends. */
static size_t run_end(const char *s, size_t len, size_t at, bool well_formed)
{
	while (at < len) {
		int n = (signed char)s[at] >= 0 ? 1 : utf8_decode(s + at, len - at, NULL);

		if ((n > 0) != well_formed)
			break;
		at += n ? (size_t)n : 1;
	}
	return at;
}

/* Fill sp->matches with what covers s[0..len). */
static int match_all(struct splitter *sp, const struct pattern *p, const char *s, size_t len,
		     struct err *err)
{
	sp->matches.n = 0;
	if (pattern_is_literal(p) || sp->well_formed)
		return match_run(sp, p, s, 0, len, err);
	for (size_t at = 0; at < len;) {
		size_t end = run_end(s, len, at, true);

		if (at < end && match_run(sp, p, s, at, end, err))
			return err->code;
		at = run_end(s, len, end, false);
		if (end < at)
			match_add(&sp->matches, end, at, false);
	}
	return 0;
}

/* ---- normalizing ---- */

static int replace_all(struct splitter *sp, const struct pattern *p, const struct text *content,
		       const struct view *v, struct buffer *out, struct err *err)
{
	if (match_all(sp, p, v->s, v->len, err))
		return err->code;
	for (size_t i = 0; i < sp->matches.n; i++) {
		const struct match *m = &sp->matches.at[i];

		if (out->n > sp->max_bytes)
			return err_set(
				err, ERR_FORMAT,
				"the tokenizer's replacements make more than %zu bytes of the text, which is not supported",
				sp->max_bytes);
		if (m->hit)
			buffer_insert(out, content, view_origin(v, m->from));
		else
			buffer_copy(out, v, m->from, m->to);
	}
	return 0;
}

int splitter_normalize(struct splitter *sp, struct view *v, struct err *err)
{
	const struct tokenizer *tok = sp->tok;

	for (size_t i = 0; i < tok->n_norms && v->len; i++) {
		const struct norm_op *op = &tok->norms[i];
		struct buffer *out = &sp->norm_buffers[i % 2];

		buffer_clear(out);
		if (op->kind == NORM_PREPEND) {
			buffer_insert(out, &op->content, view_origin(v, 0));
			buffer_copy(out, v, 0, v->len);
		} else if (replace_all(sp, &op->pattern, &op->content, v, out, err)) {
			return err->code;
		}
		buffer_view(out, v);
	}
	return 0;
}

/* ---- splitting ---- */

static void piece_add(struct pieces *p, size_t from, size_t to, size_t end)
{
	if (from == to)
		return;
	p->at = mem_grow(p->at, p->n, &p->cap, sizeof(*p->at));
	p->at[p->n++] = (struct piece){ (uint32_t)from, (uint32_t)to, end };
}

static void drop_hits(struct matches *m)
{
	size_t n = 0;

	for (size_t i = 0; i < m->n; i++)
		if (!m->at[i].hit)
			m->at[n++] = m->at[i];
	m->n = n;
}

/*
 * Give matches to their neighbours.  Contiguous joins runs of the same kind; MergedWithPrevious
 * gives a hit to what is before it, unless that is a hit itself.
 */
static void merge_forward(struct matches *m, bool contiguous)
{
	bool previous = false;
	size_t n = 0;

	for (size_t i = 0; i < m->n; i++) {
		struct match now = m->at[i];
		bool joins = contiguous ? now.hit == previous : now.hit && !previous;

		previous = now.hit;
		if (joins && n)
			m->at[n - 1].to = now.to;
		else
			m->at[n++] = now;
	}
	m->n = n;
}

/* MergedWithNext: the same from the end. */
static void merge_backward(struct matches *m)
{
	bool previous = false;
	size_t n = m->n;

	for (size_t i = m->n; i-- > 0;) {
		struct match now = m->at[i];
		bool joins = now.hit && !previous;

		previous = now.hit;
		if (joins && n < m->n)
			m->at[n].from = now.from;
		else
			m->at[--n] = now;
	}
	memmove(m->at, m->at + n, (m->n - n) * sizeof(*m->at));
	m->n -= n;
}

static void apply_behavior(struct matches *m, const struct split_op *op)
{
	for (size_t i = 0; op->invert && i < m->n; i++)
		m->at[i].hit = !m->at[i].hit;
	switch (op->behavior) {
	case SPLIT_ISOLATED:
		break;
	case SPLIT_REMOVED:
		drop_hits(m);
		break;
	case SPLIT_MERGED_WITH_PREVIOUS:
		merge_forward(m, false);
		break;
	case SPLIT_MERGED_WITH_NEXT:
		merge_backward(m);
		break;
	case SPLIT_CONTIGUOUS:
		merge_forward(m, true);
		break;
	}
}

static int split_piece(struct splitter *sp, const struct split_op *op, const struct view *v,
		       const struct piece *p, struct err *err)
{
	if (match_all(sp, &op->pattern, v->s + p->from, p->to - p->from, err))
		return err->code;
	apply_behavior(&sp->matches, op);
	for (size_t i = 0; i < sp->matches.n; i++) {
		size_t from = p->from + sp->matches.at[i].from, to = p->from + sp->matches.at[i].to;

		piece_add(&sp->spare, from, to, to == p->to ? p->end : view_origin(v, to));
	}
	return 0;
}

/* Whether a piece gets the replacement (or, for ByteLevel, a space) put before it. */
static bool wants_prefix(const struct split_op *op, const struct view *v, const struct piece *p)
{
	const char *s = v->s + p->from;
	const struct text *r = &op->replacement;

	if (*s == ' ')
		return false;
	if (op->kind == SPLIT_PREFIX_SPACE)
		return true;
	if (p->to - p->from >= r->len && memcmp(s, r->data, r->len) == 0)
		return false;
	return op->scheme == PREPEND_ALWAYS ||
	       (op->scheme == PREPEND_FIRST && view_origin(v, p->from) == 0);
}

/* Metaspace and ByteLevel's prefix: write the piece anew, changed. */
static int rewrite_piece(struct splitter *sp, const struct split_op *op, const struct view *v,
			 const struct piece *p, struct buffer *out, struct err *err)
{
	static char space[] = " ";
	const struct text prefix = { space, 1, 0 };
	struct view part = { v->s + p->from, p->to - p->from,
			     v->origin ? v->origin + p->from : NULL, v->base + p->from, p->end };
	size_t from = out->n;

	if (wants_prefix(op, v, p))
		buffer_insert(out, op->kind == SPLIT_METASPACE ? &op->replacement : &prefix,
			      view_origin(&part, 0));
	if (op->kind == SPLIT_PREFIX_SPACE)
		buffer_copy(out, &part, 0, part.len);
	else if (replace_all(sp, &op->pattern, &op->replacement, &part, out, err))
		return err->code;
	piece_add(&sp->spare, from, out->n, p->end);
	return 0;
}

/* Run the pre-tokenizers over v[from..to); the pieces are in sp->pieces, of *v. */
int splitter_split(struct splitter *sp, struct view *v, size_t from, size_t to, struct err *err)
{
	const struct tokenizer *tok = sp->tok;
	int n_written = 0;

	sp->pieces.n = 0;
	piece_add(&sp->pieces, from, to, view_origin(v, to));
	for (size_t i = 0; i < tok->n_splits; i++) {
		const struct split_op *op = &tok->splits[i];
		struct buffer *out = &sp->split_buffers[n_written % 2];
		struct pieces done;

		sp->spare.n = 0;
		buffer_clear(out);
		for (size_t k = 0; k < sp->pieces.n; k++) {
			const struct piece *p = &sp->pieces.at[k];

			if (op->kind == SPLIT_PATTERN ? split_piece(sp, op, v, p, err)
						      : rewrite_piece(sp, op, v, p, out, err))
				return err->code;
		}
		if (op->kind != SPLIT_PATTERN) {
			buffer_view(out, v);
			n_written++;
		}
		done = sp->pieces;
		sp->pieces = sp->spare;
		sp->spare = done;
	}
	return 0;
}

/* ---- */

void splitter_begin(struct splitter *sp, const struct tokenizer *tok, const char *text, size_t len)
{
	sp->tok = tok;
	sp->max_bytes = len < (TOKENIZER_MAX_TEXT - MAX_GROWTH) / MAX_GROWTH
				? (len + 1) * MAX_GROWTH
				: TOKENIZER_MAX_TEXT;
	sp->well_formed = run_end(text, len, 0, true) == len;
}

static size_t buffer_held(const struct buffer *b)
{
	return b->bytes.cap + b->cap * sizeof(*b->origin);
}

size_t splitter_held(const struct splitter *sp)
{
	size_t n = (sp->pieces.cap + sp->spare.cap) * sizeof(*sp->pieces.at) +
		   sp->matches.cap * sizeof(*sp->matches.at) + matcher_held(&sp->matcher);

	for (int i = 0; i < 2; i++)
		n += buffer_held(&sp->norm_buffers[i]) + buffer_held(&sp->split_buffers[i]);
	return n;
}

void splitter_release(struct splitter *sp)
{
	matcher_release(&sp->matcher);
	for (int i = 0; i < 2; i++) {
		buffer_release(&sp->norm_buffers[i]);
		buffer_release(&sp->split_buffers[i]);
	}
	free(sp->pieces.at);
	free(sp->spare.at);
	free(sp->matches.at);
	memset(sp, 0, sizeof(*sp));
}

int tokenizer_normalize(const struct tokenizer *tok, const char *s, size_t len, struct text *out,
			struct err *err)
{
	struct view v = { s, len, NULL, 0, len };
	struct splitter sp = { 0 };
	int rc;

	splitter_begin(&sp, tok, s, len);
	rc = splitter_normalize(&sp, &v, err);
	if (!rc)
		text_add(out, v.s, v.len);
	splitter_release(&sp);
	return rc;
}
