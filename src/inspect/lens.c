/*
 * lens.c -- lens(run, pos): the vocabulary by what each layer's residual stream says of it.
 *
 * The final norm and the LM head, read from the program of the checkpoint, are applied to the
 * stored residual streams of one position.  The layers go through the head together, which reads
 * its weights once.  Kernels add in another order for few rows than for many: all layers but the
 * last go as many, so that a layer's numbers do not depend on who is asked for beside it; the last
 * goes as the run's own rows did, so that its logits are the recorded ones bit for bit.
 */
#include "inspect_impl.h"

#include "torchless/database.h"
#include "torchless/mem.h"
#include "torchless/numbers.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
	LENS_LAYER,
	LENS_RANK,
	LENS_TOKEN,
	LENS_LOGPROB,
	LENS_LOGIT,
	LENS_TOKEN_ID,
	LENS_PIECE,
	LENS_DRAWN,
	LENS_RUN,
	LENS_POS
};

#define EMBEDDING (-1) /* the layer of what enters layer 0 */
#define BATCH     32   /* layers that go through the head together */
#define MANY      8    /* rows that every kernel takes for many */

/* ---- residual streams ----------------------------------------------------------------------- */

/* A layer of the answer, and where its residual stream is stored. */
struct stream {
	struct lens_row *row;
	int64_t value, at_row;
};

struct lens {
	struct table_cursor base;
	struct run_model m;
	int64_t pos, state;
	struct stream *streams; /* by layer */
	size_t n_streams, cap_streams;
	struct words *words; /* opened when a text is read */
	int64_t *ids;        /* of the token asked for; NULL: all, by rank */
	size_t n_ids;
	size_t at;    /* where we are: a stream, */
	int64_t rank; /* by rank, */
	size_t id;    /* or by id */
};

static void lens_reset(struct table_cursor *c)
{
	struct lens *l = (struct lens *)c;

	for (size_t i = 0; i < l->n_streams; i++)
		lens_row_release(l->streams[i].row);
	free(l->streams);
	free(l->ids);
	words_release(l->words);
	l->streams = NULL;
	l->ids = NULL;
	l->words = NULL;
	l->n_streams = l->cap_streams = l->n_ids = l->at = l->id = 0;
}

static void add_layer(struct lens *l, int64_t layer, int64_t value, int64_t at_row)
{
	struct lens_row *row, like = {
		.run = l->m.run, .pos = l->pos, .layer = layer, .state = l->state, .refs = 1
	};

	row = lens_row_find(l->base.in, &like);
	if (!row) {
		row = mem_calloc(1, sizeof(*row));
		*row = like;
	}
	/* A pass that was run again: the later one counts. */
	if (l->n_streams && l->streams[l->n_streams - 1].row->layer == layer)
		lens_row_release(l->streams[--l->n_streams].row);
	l->streams = mem_grow(l->streams, l->n_streams, &l->cap_streams, sizeof(*l->streams));
	l->streams[l->n_streams++] = (struct stream){ row, value, at_row };
}

static int find_layers(struct lens *l, struct err *err)
{
	int64_t shape[TENSOR_MAX_DIMS], numel, first;
	sqlite3_stmt *s = NULL;
	int n_dims, row = 0, ret = 0;

	if (inspect_prepare(l->base.in,
			    "SELECT v.id, coalesce(pt.layer, -1), coalesce(v.dump_from, p.pos0), "
			    "t.shape FROM pass p CROSS JOIN point pt JOIN module md "
			    "ON md.id = pt.module_id AND md.model_id = ?3 CROSS JOIN value v "
			    "JOIN tensor t ON t.id = v.tensor_id WHERE p.run_id = ?1 "
			    "AND p.idx IS NOT NULL AND p.pos0 <= ?2 AND ?2 - p.pos0 < p.n_tok "
			    "AND pt.role IN ('embed', 'resid_post') "
			    "AND coalesce(pt.layer, -1) BETWEEN ?4 AND ?5 "
			    "AND v.point_id = pt.id AND v.pass_id = p.id ORDER BY 2, 1",
			    &s, err))
		return err->code;
	sqlite3_bind_int64(s, 1, l->m.run);
	sqlite3_bind_int64(s, 2, l->pos);
	sqlite3_bind_int64(s, 3, l->m.model_id);
	sqlite3_bind_int64(s, 4, l->base.low[LENS_LAYER]);
	sqlite3_bind_int64(s, 5, l->base.high[LENS_LAYER]);
	while (!ret && (row = inspect_step(l->base.in, s, err)) > 0) {
		ret = parse_shape((const char *)sqlite3_column_text(s, 3), shape, &n_dims, &numel,
				  err);
		first = sqlite3_column_int64(s, 2);
		if (!ret && (n_dims != 2 || shape[1] != l->m.d_model))
			ret = err_set(err, ERR_FORMAT,
				      "the recording is damaged: the residual stream of layer %lld "
				      "is %s, of a model of width %lld",
				      (long long)sqlite3_column_int64(s, 1),
				      (const char *)sqlite3_column_text(s, 3),
				      (long long)l->m.d_model);
		else if (!ret && first >= 0 && l->pos >= first && l->pos - first < shape[0])
			add_layer(l, sqlite3_column_int64(s, 1), sqlite3_column_int64(s, 0),
				  l->pos - first);
	}
	sqlite3_finalize(s);
	return row < 0 ? row : ret;
}

/* The stored residual stream into x [D]. */
static int read_stream(struct lens *l, const struct stream *from, float *x, struct err *err)
{
	struct array *t = inspect_value(l->base.in, from->value, err);
	int64_t D = l->m.d_model;
	int ret = 0;

	if (!t)
		return err->code;
	if (t->n_dims != 2 || t->shape[1] != D || from->at_row >= t->shape[0])
		ret = err_set(err, ERR_FORMAT, "the recording changed while it was read");
	if (!ret)
		memcpy(x, t->data + from->at_row * D, (size_t)D * sizeof(*x));
	array_release(t);
	return ret;
}

/* Logits of n streams, which go through the head as at least `at_least` rows. */
static int compute(struct lens *l, const struct model *m, struct stream **todo, int64_t n,
		   int64_t at_least, struct err *err)
{
	int64_t rows = int64_max(n, at_least), D = l->m.d_model;
	float *x = mem_calloc((size_t)rows, (size_t)D * sizeof(*x));
	struct lens_row *out[BATCH];
	int ret = 0;

	for (int64_t i = 0; i < n && !ret; i++) {
		out[i] = todo[i]->row;
		ret = read_stream(l, todo[i], x + i * D, err);
	}
	if (!ret)
		ret = lens_rows_compute(l->base.in, m, x, n, rows, out, err);
	for (int64_t i = 0; i < n && !ret; i++)
		lens_row_keep(l->base.in, out[i]);
	free(x);
	return ret;
}

/* How many rows of logits the pass of this position computed together: 1 when it does not say. */
static int rows_of_run(const struct lens *l, int64_t *rows, struct err *err)
{
	sqlite3_stmt *s = NULL;
	int64_t n = 1;
	int ret;

	if (inspect_prepare(
		    l->base.in,
		    "SELECT v.d0 FROM pass p JOIN value v ON v.pass_id = p.id JOIN point pt "
		    "ON pt.id = v.point_id WHERE p.run_id = ?1 AND p.idx IS NOT NULL "
		    "AND p.pos0 <= ?2 AND ?2 - p.pos0 < p.n_tok AND pt.role = 'logits' ORDER BY v.id DESC",
		    &s, err))
		return err->code;
	sqlite3_bind_int64(s, 1, l->m.run);
	sqlite3_bind_int64(s, 2, l->pos);
	ret = inspect_step(l->base.in, s, err);
	if (ret > 0)
		n = sqlite3_column_int64(s, 0);
	sqlite3_finalize(s);
	*rows = n < 1 ? 1 : n > MANY ? MANY : n;
	return ret < 0 ? ret : 0;
}

static int compute_all(struct lens *l, const struct model *m, struct err *err)
{
	struct stream *todo[BATCH];
	int64_t n = 0, rows = 1;

	for (size_t i = 0; i < l->n_streams; i++) {
		struct stream *s = &l->streams[i];
		bool last = s->row->layer == l->m.n_layers - 1;

		if (s->row->logits)
			continue;
		if (last && (rows_of_run(l, &rows, err) || compute(l, m, &s, 1, rows, err)))
			return err->code;
		if (!last)
			todo[n++] = s;
		if (n == BATCH && compute(l, m, todo, n, MANY, err))
			return err->code;
		if (n == BATCH)
			n = 0;
	}
	if (n && compute(l, m, todo, n, MANY, err))
		return err->code;
	return 0;
}

static int read_layers(struct lens *l, struct err *err)
{
	struct model *m;

	if (inspect_model(l->base.in, l->m.run, &m, err))
		return err->code;
	if (m->config->d_model != l->m.d_model)
		return err_set(
			err, ERR_SHAPE, "%s is a model of width %lld, the recording's has %lld",
			m->checkpoint.path, (long long)m->config->d_model, (long long)l->m.d_model);
	return compute_all(l, m, err);
}

/* ---- the table ------------------------------------------------------------------------------ */

static int not_recorded(const struct lens *l, bool one, int64_t layer, struct err *err)
{
	if (one && layer == EMBEDDING)
		return err_set(err, ERR_USAGE,
			       "the embedding at position %lld was not recorded in run %lld: "
			       "record with `torchless trace --capture model.embed_tokens PROMPT`",
			       (long long)l->pos, (long long)l->m.run);
	if (one)
		return err_set(
			err, ERR_USAGE,
			"the residual stream of layer %lld at position %lld was not recorded "
			"in run %lld: record with `torchless trace --capture L%lld.resid_post PROMPT`",
			(long long)layer, (long long)l->pos, (long long)l->m.run, (long long)layer);
	return err_set(
		err, ERR_USAGE,
		"the residual stream at position %lld was not recorded in run %lld: record with `torchless trace "
		"--capture residual PROMPT`",
		(long long)l->pos, (long long)l->m.run);
}

static void add_id(struct lens *l, size_t *cap, int64_t id)
{
	l->ids = mem_grow(l->ids, l->n_ids, cap, sizeof(*l->ids));
	l->ids[l->n_ids++] = id;
}

static int open_words(struct lens *l, struct err *err)
{
	if (!l->words)
		l->words = inspect_words(l->base.in, l->m.run, err);
	return l->words ? 0 : err->code;
}

/* The tokens asked for by id or text.  A text is looked up in all of the vocabulary or not at all.
 */
static int find_ids(struct lens *l, sqlite3_value *id, sqlite3_value *token, struct err *err)
{
	int64_t at = -1;
	size_t cap = 0, len;
	const char *text;

	if (id && sqlite3_value_type(id) == SQLITE_INTEGER) {
		add_id(l, &cap, sqlite3_value_int64(id));
		return 0;
	}
	if (!token || sqlite3_value_type(token) != SQLITE_TEXT)
		return 0;
	if (open_words(l, err))
		return err->code;
	if (!words_whole(l->words))
		return words_unknown(l->words, "", err);
	text = (const char *)sqlite3_value_text(token);
	len = (size_t)sqlite3_value_bytes(token);
	while ((at = words_find(l->words, text ? text : "", len, at + 1)) >= 0)
		add_id(l, &cap, at);
	l->base.eof = !l->n_ids;
	return 0;
}

/* From (layer, rank or id) on to the first that is in range. */
static int find_next(struct lens *l, struct err *err)
{
	int64_t low = l->base.low[LENS_RANK] > 0 ? l->base.low[LENS_RANK] : 0;
	int64_t high = l->base.high[LENS_RANK];

	for (; l->at < l->n_streams; l->at++, l->rank = low, l->id = 0) {
		struct lens_row *r = l->streams[l->at].row;

		for (; l->ids && l->id < l->n_ids; l->id++)
			if (l->ids[l->id] >= 0 && l->ids[l->id] < r->n) {
				l->rank = lens_row_rank(r, l->ids[l->id]);
				return 0;
			}
		if (!l->ids && l->rank < r->n && l->rank <= high)
			return lens_row_have(r, l->rank, high < r->n ? high : 0, err);
	}
	l->base.eof = true;
	return 0;
}

static int lens_filter(struct table_cursor *c, sqlite3_value **args, struct err *err)
{
	struct lens *l = (struct lens *)c;
	int64_t run = 0, layer = 0;
	bool one = args[LENS_LAYER] != NULL;

	if (table_whole(c, LENS_RUN, "run", &run, err) ||
	    table_whole(c, LENS_LAYER, "layer", &layer, err) || inspect_run(c->in, run, &l->m, err))
		return err->code;
	/* The last of the prompt, as saved queries have it. */
	l->pos = l->m.n_pos - 1;
	if (l->m.n_prompt > 0 && l->m.n_prompt < l->m.n_pos)
		l->pos = l->m.n_prompt - 1;
	if (table_whole(c, LENS_POS, "pos", &l->pos, err))
		return err->code;
	if (one && (layer < EMBEDDING || layer >= l->m.n_layers))
		return err_set(
			err, ERR_USAGE,
			"there is no layer %lld: the model has layers 0 to %lld, and -1 for the embedding",
			(long long)layer, (long long)l->m.n_layers - 1);
	c->eof = l->pos < 0 || l->pos >= l->m.n_pos;
	if (c->eof)
		return 0;
	l->state = inspect_state(c->in);
	if (find_layers(l, err))
		return err->code;
	if (!l->n_streams)
		return not_recorded(l, one, layer, err);
	if (find_ids(l, args[LENS_TOKEN_ID], args[LENS_TOKEN], err) || c->eof)
		return c->eof ? 0 : err->code;
	if (read_layers(l, err))
		return err->code;
	l->rank = c->low[LENS_RANK] > 0 ? c->low[LENS_RANK] : 0;
	return find_next(l, err);
}

static int lens_next(struct table_cursor *c, struct err *err)
{
	struct lens *l = (struct lens *)c;

	if (l->ids)
		l->id++;
	else
		l->rank++;
	return find_next(l, err);
}

static int column_word(struct lens *l, sqlite3_context *ctx, int column, int64_t id,
		       struct err *err)
{
	struct bytes b;

	if (open_words(l, err))
		return err->code;
	if (!words_get(l->words, id, &b))
		return 0;
	if (column == LENS_PIECE)
		sqlite3_result_blob64(ctx, b.data, b.len, SQLITE_TRANSIENT);
	else if (is_utf8(b))
		sqlite3_result_text64(ctx, b.data, b.len, SQLITE_TRANSIENT, SQLITE_UTF8);
	return 0;
}

/* The options of the run's sampler; greedy where it does not say, or not rightly. */
static int read_sampler(struct lens *l, struct sampler_options *o, struct err *err)
{
	struct err bad = { 0 };
	sqlite3_stmt *s = NULL;
	int ret;

	*o = (struct sampler_options){ .top_p = 1 };
	if (inspect_prepare(
		    l->base.in,
		    "SELECT json_extract(sampler, '$.temp'), json_extract(sampler, '$.top_k'), "
		    "coalesce(json_extract(sampler, '$.top_p'), 1), "
		    "json_extract(sampler, '$.min_p') FROM run "
		    "WHERE id = ?1 AND " SQL_JSON_VALID("sampler"),
		    &s, err))
		return err->code;
	sqlite3_bind_int64(s, 1, l->m.run);
	ret = inspect_step(l->base.in, s, err);
	if (ret > 0)
		*o = (struct sampler_options){ .temp = sqlite3_column_double(s, 0),
					       .top_k = sqlite3_column_int64(s, 1),
					       .top_p = sqlite3_column_double(s, 2),
					       .min_p = sqlite3_column_double(s, 3) };
	sqlite3_finalize(s);
	if (sampler_check(o, &bad))
		*o = (struct sampler_options){ .top_p = 1 };
	return ret < 0 ? ret : 0;
}

/* How likely the token would be drawn if the model stopped here; nothing of a greedy run. */
static int column_drawn(struct lens *l, sqlite3_context *ctx, struct lens_row *r, int64_t id,
			struct err *err)
{
	struct sampler_options o;

	if (!r->has_drawn) {
		if (read_sampler(l, &o, err))
			return err->code;
		r->drawn = sampler_would_draw_from(&o, r->logits, r->n);
		r->has_drawn = true;
	}
	sqlite3_result_double(ctx, drawn_probability(&r->drawn, r->logits[id], l->rank));
	return 0;
}

static int lens_column(struct table_cursor *c, sqlite3_context *ctx, int column, struct err *err)
{
	struct lens *l = (struct lens *)c;
	struct lens_row *r = l->streams[l->at].row;
	int64_t id = l->ids ? l->ids[l->id] : r->best[l->rank].id;

	switch (column) {
	case LENS_LAYER:
		sqlite3_result_int64(ctx, r->layer);
		return 0;
	case LENS_RANK:
		sqlite3_result_int64(ctx, l->rank);
		return 0;
	case LENS_LOGPROB:
		sqlite3_result_double(ctx, (double)r->logits[id] - lens_row_log_sum(r));
		return 0;
	case LENS_LOGIT:
		sqlite3_result_double(ctx, (double)r->logits[id]);
		return 0;
	case LENS_TOKEN_ID:
		sqlite3_result_int64(ctx, id);
		return 0;
	case LENS_DRAWN:
		return column_drawn(l, ctx, r, id, err);
	case LENS_RUN:
		sqlite3_result_int64(ctx, l->m.run);
		return 0;
	case LENS_POS:
		sqlite3_result_int64(ctx, l->pos);
		return 0;
	default:
		return column_word(l, ctx, column, id, err);
	}
}

const struct sql_table lens_table = {
	.declaration = "CREATE TABLE x(layer INT, rank INT, token TEXT, logprob REAL, logit REAL, "
		       "token_id INT, piece BLOB, drawn REAL, run INT HIDDEN, pos INT HIDDEN)",
	.n_columns = 10,
	.n_hidden = 2,
	.pushed = 1 << LENS_LAYER | 1 << LENS_RANK | 1 << LENS_TOKEN | 1 << LENS_TOKEN_ID,
	.ranged = 1 << LENS_LAYER | 1 << LENS_RANK,
	.rows = 1e8,
	.opens = true,
	.cursor_bytes = sizeof(struct lens),
	.filter = lens_filter,
	.next = lens_next,
	.column = lens_column,
	.reset = lens_reset,
};
