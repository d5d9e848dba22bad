/*
 * tokens.c -- tokens from bytes to pick: merges, what was expected, what each cut removed.
 */
#include "report_impl.h"
#include "torchless/database.h"

/* ---- tokens -------------------------------------------------------------------------------- */

static int take_token(void *ctx, const struct rows *rows, const struct cell *cells)
{
	struct report_writer *w = ctx;
	const struct cell *source = &cells[3];

	(void)rows;
	if (!cell_in(&cells[0], 0, INT64_MAX) || cells[1].type != CELL_INT)
		return 0;
	if (w->n_tokens == REPORT_TOKENS)
		return 1;
	w->tokens = mem_grow(w->tokens, w->n_tokens, &w->cap_tokens, sizeof(*w->tokens));
	w->tokens[w->n_tokens++] =
		(struct report_token){ cells[0].i, cells[1].i,
				       cell_is(source, "prompt") || cell_is(source, "bos") };
	report_add_object(w, "pos:i id:i piece:b source:s logprob:r rank:i entropy:r start:i end:i",
			  cells);
	return 0;
}

int report_add_tokens(struct report_writer *w, struct err *err)
{
	int r;

	text_addc(w->out, '[');
	r = report_ask(w,
		       "SELECT pos, token_id, piece, source, logprob, rank, entropy, byte_start, "
		       "byte_end FROM v_token WHERE run_id = %lld ORDER BY pos LIMIT 8193",
		       take_token, w, err);
	text_addc(w->out, ']');
	if (!r && w->n_tokens == REPORT_TOKENS)
		report_leave_out(w, "only the first %d tokens are here", REPORT_TOKENS);
	return r;
}

int report_add_merges(struct report_writer *w, struct err *err)
{
	return report_add_list(w,
			       "SELECT seq, rule, left_piece, right_piece, merged, rank, at_byte "
			       "FROM v_tok_step WHERE run_id = %lld ORDER BY seq LIMIT 20001",
			       "seq:i rule:s left:b right:b merged:b rank:i at:i", REPORT_LIST,
			       "steps of the tokenizer", err);
}

/* ---- lists by position --------------------------------------------------------------------- */

/* Rows in the order of a position, which is their first cell, as {"pos": [row, ...]}. */
struct by_position {
	struct report_writer *w;
	const char *columns;
	int64_t pos, n, max;
};

static int take_by_position(void *ctx, const struct rows *rows, const struct cell *cells)
{
	struct by_position *b = ctx;
	char key[32];

	(void)rows;
	if (!cell_in(&cells[0], 0, INT64_MAX))
		return 0;
	if (cells[0].i != b->pos) {
		/* Half a list would look like a whole one. */
		if (b->n >= b->max)
			return 1;
		text_adds(b->w->out, b->pos < 0 ? "" : "]");
		b->pos = cells[0].i;
		snprintf(key, sizeof(key), "%lld", (long long)b->pos);
		json_add_key(b->w->out, key);
		text_addc(b->w->out, '[');
	}
	b->n++;
	report_add_object(b->w, b->columns, cells + 1);
	return 0;
}

static int add_by_position(struct report_writer *w, const char *sql, const char *columns,
			   int64_t max, const char *what, struct err *err)
{
	struct by_position b = { w, columns, -1, 0, max };
	int r;

	text_addc(w->out, '{');
	r = report_ask(w, sql, take_by_position, &b, err);
	text_adds(w->out, b.pos < 0 ? "}" : "]}");
	if (!r && b.n >= max)
		report_leave_out(w, "%s are here up to position %lld", what, (long long)b.pos);
	return r;
}

int report_add_candidates(struct report_writer *w, struct err *err)
{
	return add_by_position(w,
			       "SELECT pos, rank, token_id, piece, logit, logprob, kept, cut_by "
			       "FROM v_cand WHERE run_id = %lld ORDER BY pos, rank LIMIT 60000",
			       "rank:i id:i piece:b logit:r logprob:r kept:i cut_by:s",
			       REPORT_CANDIDATES, "candidates", err);
}

int report_add_sampler(struct report_writer *w, struct err *err)
{
	return add_by_position(
		w,
		"SELECT json_extract(d, '$.pos'), json_extract(d, '$.rule'), "
		"json_extract(d, '$.rank'), json_extract(d, '$.token_id') FROM "
		"(SELECT id, CASE WHEN " SQL_JSON_VALID(
			"data") " THEN data END d FROM event "
				"WHERE run_id = %lld AND kind = 'sampler') ORDER BY 1, id LIMIT 30000",
		"rule:s rank:i token_id:i", REPORT_LIST, "steps of the sampler", err);
}

/* ---- pieces -------------------------------------------------------------------------------- */

int report_add_pieces(struct report_writer *w, struct err *err)
{
	(void)err;
	text_addc(w->out, '{');
	text_add(w->out, w->piece_list.data ? w->piece_list.data : "", w->piece_list.len);
	text_addc(w->out, '}');
	return 0;
}
