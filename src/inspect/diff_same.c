/*
 * diff_same.c -- whether two runs are of the same thing.
 *
 * A difference of numbers says something of two engines only where they had the same model and
 * read the same tokens in passes of the same positions.
 */
#include "diff.h"

#include "torchless/database.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

/* What must be equal before a number says anything, as scripts/lib/compare.py has it. */
static const char *const model_facts[] = { "n_layers",     "d_model",      "n_heads",
					   "n_kv_heads",   "d_head",       "d_ff",
					   "n_vocab",      "rope_theta",   "sliding_window",
					   "weights_xxh3", "rms_norm_eps", "tie_word_embeddings",
					   "hidden_act" };
#define N_FACTS ((int)(sizeof(model_facts) / sizeof(*model_facts)))

static int prepare_facts(struct diff_side *s, sqlite3_stmt **q, struct err *err)
{
	static const char sql[] =
		"SELECT m.n_layers, m.d_model, m.n_heads, m.n_kv_heads, m.d_head, m.d_ff, "
		"m.n_vocab, m.rope_theta, coalesce(m.sliding_window, 'none'), "
		"lower(hex(m.weights_xxh3)), json_extract(c.json, '$.rms_norm_eps'), "
		"json_extract(c.json, '$.tie_word_embeddings'), "
		"json_extract(c.json, '$.hidden_act') FROM run r JOIN model m ON m.id = "
		"r.model_id, (SELECT id, iif(" SQL_JSON_VALID(
			"config") ", config, '{}') json FROM model) c "
				  "WHERE c.id = m.id AND r.id = ?1";

	if (inspect_prepare(s->in, sql, q, err))
		return err->code;
	sqlite3_bind_int64(*q, 1, s->run);
	return inspect_step(s->in, *q, err);
}

/* What --fast rounded to, as JSON; "" without it. */
static int read_fast(struct diff_side *s, struct text *out, struct err *err)
{
	static const char sql[] = "SELECT json_extract(iif(" SQL_JSON_VALID(
		"opts") ", opts, '{}'), '$.fast') FROM run WHERE id = ?1";
	sqlite3_stmt *q = NULL;
	const char *text = NULL;
	int ret = inspect_prepare(s->in, sql, &q, err);

	if (!ret) {
		sqlite3_bind_int64(q, 1, s->run);
		ret = inspect_step(s->in, q, err);
	}
	if (ret > 0)
		text = (const char *)sqlite3_column_text(q, 0);
	text_adds(out, text ? text : "");
	sqlite3_finalize(q);
	return ret < 0 ? ret : 0;
}

/* Two results of one engine that are not to be equal. */
static int compare_fast(struct diff *d, struct err *err)
{
	struct text a = { 0 }, b = { 0 };
	int ret = read_fast(&d->a, &a, err);

	if (!ret)
		ret = read_fast(&d->b, &b, err);
	if (!ret && (a.len > 0) != (b.len > 0))
		text_addf(&d->models, "%s was made with --fast, %s without it", a.len ? "a" : "b",
			  a.len ? "b" : "a");
	else if (!ret && a.len && strcmp(a.data, b.data) != 0)
		text_addf(&d->models, "--fast is %.80s in a, %.80s in b", a.data, b.data);
	text_release(&a);
	text_release(&b);
	return ret;
}

int diff_compare_models(struct diff *d, struct err *err)
{
	sqlite3_stmt *a = NULL, *b = NULL;
	int has_a = prepare_facts(&d->a, &a, err), has_b = 0;

	if (has_a > 0)
		has_b = prepare_facts(&d->b, &b, err);
	for (int i = 0; i < N_FACTS && has_b > 0 && !d->models.len; i++) {
		const char *x = (const char *)sqlite3_column_text(a, i);
		const char *y = (const char *)sqlite3_column_text(b, i);

		if (x && y && *x && *y && strcmp(x, y) != 0)
			text_addf(&d->models, "%s is %.60s in a, %.60s in b", model_facts[i], x, y);
	}
	sqlite3_finalize(a);
	sqlite3_finalize(b);
	if (has_a < 0 || has_b < 0)
		return has_a < 0 ? has_a : has_b;
	return d->models.len ? 0 : compare_fast(d, err);
}

void diff_compare_tokens(struct diff *d)
{
	size_t i = 0, k = 0;

	d->parted = INT64_MAX;
	while (i < d->a.n_tokens && k < d->b.n_tokens) {
		const struct diff_token *x = &d->a.tokens[i], *y = &d->b.tokens[k];

		if (x->pos == y->pos && x->id != y->id) {
			d->parted = x->pos;
			d->token_a = x->id;
			d->token_b = y->id;
			return;
		}
		i += x->pos <= y->pos;
		k += y->pos <= x->pos;
	}
}

const char *diff_gate(const struct diff *d, char *buf, size_t size)
{
	const struct diff_value *x = d->row.x, *y = d->row.y;

	if (!x || !y)
		return NULL;
	if (x->pos0 + x->n_tok > d->parted) {
		snprintf(buf, size, "the token at position %lld is %lld in a, %lld in b",
			 (long long)d->parted, (long long)d->token_a, (long long)d->token_b);
		return buf;
	}
	if (x->pos0 == y->pos0 && x->n_tok == y->n_tok)
		return NULL;
	snprintf(buf, size,
		 "the pass reads %lld positions from %lld on in a, %lld from %lld on in b",
		 (long long)x->n_tok, (long long)x->pos0, (long long)y->n_tok, (long long)y->pos0);
	return buf;
}
