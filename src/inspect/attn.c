/*
 * attn.c -- attn(run, layer): attention as a table, a query and a key it sees a row.
 *
 * Rows come in the order of layer, head, q and k.  What a query asks of these columns decides what
 * is computed: one head's row of one query, or tiles of queries one after the other, so that the
 * memory of a whole matrix is never needed.
 */
#include "inspect_impl.h"

#include "torchless/mem.h"
#include "torchless/numbers.h"

#include <math.h>
#include <stdlib.h>

enum { ATTN_HEAD, ATTN_Q, ATTN_K, ATTN_SCORE, ATTN_P, ATTN_RUN, ATTN_LAYER };

#define BLOCK       ((int64_t)36)      /* queries of one tile of the kernels */
#define BLOCK_BYTES ((int64_t)8 << 20) /* of the scores of a block */

struct attn {
	struct table_cursor base;
	struct run_model m;
	int64_t *layers;
	int64_t n_layers, at; /* which layer of the list */
	struct attn_layer *layer;
	struct attn_rows rows;
	bool has_rows;
	int64_t head, q, k;
};

/* The range of a column, cut to [0, n). */
static int64_t low(const struct attn *a, int column)
{
	return int64_max(a->base.low[column], 0);
}

static int64_t end(const struct attn *a, int column, int64_t n)
{
	return int64_min(a->base.high[column], n - 1) + 1;
}

static void attn_reset(struct table_cursor *c)
{
	struct attn *a = (struct attn *)c;

	attn_layer_release(a->layer);
	attn_rows_release(&a->rows);
	free(a->layers);
	a->layers = NULL;
	a->layer = NULL;
	a->n_layers = a->at = 0;
	a->has_rows = false;
}

/* ---- which layers --------------------------------------------------------------------------- */

/* The layers of the model that attend, in range. */
static int list_layers(struct attn *a, struct err *err)
{
	sqlite3_stmt *s = NULL;
	int64_t kept = 0;
	size_t cap = 0;
	int ret;

	if (inspect_prepare(
		    a->base.in,
		    "SELECT DISTINCT pt.layer FROM point pt JOIN module m ON "
		    "m.id = pt.module_id WHERE m.model_id = ?1 AND pt.layer BETWEEN ?2 AND ?3 "
		    "AND pt.role IN ('q_rot', 'scores', 'scores_masked', 'pattern') ORDER BY pt.layer",
		    &s, err))
		return err->code;
	sqlite3_bind_int64(s, 1, a->m.model_id);
	sqlite3_bind_int64(s, 2, a->base.low[ATTN_LAYER]);
	sqlite3_bind_int64(s, 3, a->base.high[ATTN_LAYER]);
	while ((ret = inspect_step(a->base.in, s, err)) > 0 &&
	       !(ret = inspect_keep(&kept, sizeof(*a->layers), err))) {
		a->layers = mem_grow(a->layers, (size_t)a->n_layers, &cap, sizeof(*a->layers));
		a->layers[a->n_layers++] = sqlite3_column_int64(s, 0);
	}
	sqlite3_finalize(s);
	return ret;
}

static int no_layer(const struct attn *a, int64_t layer, struct err *err)
{
	return err_set(err, ERR_USAGE, "there is no layer %lld: the model has layers 0 to %lld",
		       (long long)layer, (long long)a->m.n_layers - 1);
}

static int no_query(const struct attn *a, int64_t q, struct err *err)
{
	return err_set(
		err, ERR_USAGE,
		"the query at position %lld of layer %lld was not recorded: record with "
		"`torchless trace --capture 'L%lld.attn.q_rot' --capture 'L%lld.attn.k_rot' PROMPT`",
		(long long)q, (long long)a->layer->layer, (long long)a->layer->layer,
		(long long)a->layer->layer);
}

static int none_recorded(const struct attn *a, struct err *err)
{
	return err_set(err, ERR_USAGE,
		       "attention was not recorded in run %lld: record with `torchless trace "
		       "--capture attention PROMPT`",
		       (long long)a->m.run);
}

/*
 * The next layer of the list that was recorded.  That the one that was asked for by its number was
 * not, or none at all, is an error; so is it of a position that was read.
 */
static int open_layer(struct attn *a, bool first, struct err *err)
{
	bool one = a->base.args[ATTN_LAYER] != NULL;
	struct err why = { 0 };

	attn_layer_release(a->layer);
	a->layer = NULL;
	for (; a->at < a->n_layers && !a->layer; a->at++) {
		a->layer = attn_layer_open(a->base.in, &a->m, a->layers[a->at], &why);
		if (!a->layer && (one || why.code != ERR_USAGE))
			break;
	}
	if (!a->layer && why.code == ERR_USAGE && !one && first)
		return none_recorded(a, err);
	if (!a->layer && why.code && (one || why.code != ERR_USAGE)) {
		*err = why;
		return err->code;
	}
	a->base.eof = !a->layer;
	a->head = low(a, ATTN_HEAD);
	a->q = low(a, ATTN_Q);
	if (a->layer && a->base.args[ATTN_Q] && a->q < end(a, ATTN_Q, a->m.n_pos) &&
	    attn_next_query(a->layer, a->q) != a->q)
		return no_query(a, a->q, err);
	return 0;
}

/* ---- walking -------------------------------------------------------------------------------- */

/* As many queries as the kernels take at once, and each thread. */
static int64_t block_size(const struct attn *a)
{
	int64_t rows = BLOCK * threads_count(inspect_pool(a->base.in));
	int64_t most = BLOCK_BYTES / (int64_t)sizeof(float) / (a->q + rows);

	return int64_max(int64_min(rows, most), 1);
}

/* Whether query a->q has a key in range; then a->k is the first of them. */
static bool first_key(struct attn *a)
{
	a->k = attn_next_key(a->layer, int64_max(attn_first_key(a->layer, a->q), low(a, ATTN_K)));
	return a->k < end(a, ATTN_K, a->q + 1);
}

static int load(struct attn *a, struct err *err)
{
	const struct attn_rows *r = &a->rows;
	int64_t last = end(a, ATTN_Q, a->m.n_pos);

	if (a->has_rows && a->q >= r->q0 && a->q < r->q0 + r->n)
		return 0;
	a->has_rows = false;
	if (attn_rows(a->base.in, a->layer, a->head, a->q, int64_min(block_size(a), last - a->q),
		      &a->rows, err))
		return err->code;
	a->has_rows = true;
	return 0;
}

/* From (head, q) on to the first query that has a row, over heads and layers. */
static int find_row(struct attn *a, struct err *err)
{
	while (!a->base.eof) {
		if (a->head >= end(a, ATTN_HEAD, a->m.n_heads)) {
			a->has_rows = false;
			if (open_layer(a, false, err))
				return err->code;
			continue;
		}
		for (;; a->q++) {
			a->q = attn_next_query(a->layer, a->q);
			if (a->q >= end(a, ATTN_Q, a->m.n_pos))
				break;
			if (first_key(a))
				return load(a, err);
		}
		a->head++;
		a->q = low(a, ATTN_Q);
		a->has_rows = false;
	}
	return 0;
}

static int attn_filter(struct table_cursor *c, sqlite3_value **args, struct err *err)
{
	struct attn *a = (struct attn *)c;
	int64_t run = 0, layer = 0, head = 0;

	if (table_whole(c, ATTN_RUN, "run", &run, err) ||
	    table_whole(c, ATTN_LAYER, "layer", &layer, err) ||
	    table_whole(c, ATTN_HEAD, "head", &head, err) || inspect_run(c->in, run, &a->m, err))
		return err->code;
	if (args[ATTN_LAYER] && (layer < 0 || layer >= a->m.n_layers))
		return no_layer(a, layer, err);
	if (list_layers(a, err) || open_layer(a, true, err))
		return err->code;
	return find_row(a, err);
}

static int attn_next(struct table_cursor *c, struct err *err)
{
	struct attn *a = (struct attn *)c;

	a->k = attn_next_key(a->layer, a->k + 1);
	if (a->k < end(a, ATTN_K, a->q + 1))
		return 0;
	a->q++;
	return find_row(a, err);
}

/* p of a query is a share of all it sees. */
static int unknown_p(const struct attn *a, struct err *err)
{
	int64_t first = attn_first_key(a->layer, a->q), layer = a->layer->layer;

	return err_set(err, ERR_USAGE,
		       "p of the query at position %lld of layer %lld needs the keys at %lld to "
		       "%lld, and not all of them were recorded: record with `torchless "
		       "trace --capture 'L%lld.attn.k_rot' PROMPT`",
		       (long long)a->q, (long long)layer, (long long)first, (long long)a->q,
		       (long long)layer);
}

static int attn_column(struct table_cursor *c, sqlite3_context *ctx, int column, struct err *err)
{
	const struct attn *a = (const struct attn *)c;
	const struct attn_rows *r = &a->rows;
	int64_t at = (a->q - r->q0) * r->n_keys + a->k - r->k0;

	switch (column) {
	case ATTN_HEAD:
		sqlite3_result_int64(ctx, a->head);
		return 0;
	case ATTN_Q:
		sqlite3_result_int64(ctx, a->q);
		return 0;
	case ATTN_K:
		sqlite3_result_int64(ctx, a->k);
		return 0;
	case ATTN_SCORE:
		if (r->score)
			sqlite3_result_double(ctx, (double)r->score[at]);
		return 0;
	case ATTN_P:
		if (!attn_knows_p(a->layer, r, a->q))
			return unknown_p(a, err);
		sqlite3_result_double(ctx, (double)r->p[at]);
		return 0;
	case ATTN_RUN:
		sqlite3_result_int64(ctx, a->m.run);
		return 0;
	default:
		sqlite3_result_int64(ctx, a->layer->layer);
		return 0;
	}
}

const struct sql_table attn_table = {
	.declaration =
		"CREATE TABLE x(head INT, q INT, k INT, score REAL, p REAL, run INT HIDDEN, layer INT HIDDEN)",
	.n_columns = 7,
	.n_hidden = 2,
	.pushed = 1 << ATTN_HEAD | 1 << ATTN_Q | 1 << ATTN_K,
	.ranged = 1 << ATTN_HEAD | 1 << ATTN_Q | 1 << ATTN_K | 1 << ATTN_LAYER,
	.optional = 1 << ATTN_LAYER,
	.rows = 1e8,
	.cursor_bytes = sizeof(struct attn),
	.filter = attn_filter,
	.next = attn_next,
	.column = attn_column,
	.reset = attn_reset,
};
