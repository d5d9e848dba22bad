/*
 * lens.c -- lens(run, pos): the vocabulary by what each layer's residual stream says of it.
 *
 * The final norm and the LM head, read from the program of the checkpoint, are applied to the
 * stored residual streams of one position.  The layers go through the head together, which reads
 * its weights once.  Kernels add in another order for few rows than for many: all layers but the
 * last go as many, so that a layer's numbers do not depend on who is asked for beside it; the last
 * goes as the run's own rows did, so that its logits are the recorded ones bit for bit.
 *
 * Nothing is sorted that nobody reads: the best few are selected, all of a layer's tokens are
 * sorted only when a query walks beyond them, and a token asked for by its text or id is ranked by
 * counting.
 */
#include "inspect_impl.h"

#include "torchless/mem.h"

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
	LENS_RUN,
	LENS_POS
};

#define EMBEDDING  (-1) /* the layer of what enters layer 0 */
#define BATCH      32   /* layers that go through the head together */
#define MANY       8    /* rows that every kernel takes for many */
#define FEW        64   /* ranks selected before all are sorted ... */
#define MORE       4096 /* ... or as many as a query asks for */
#define KEPT_BYTES ((int64_t)128 << 20)

struct ranked {
	float logit;
	int32_t id;
};

/* One layer at one position. */
struct lens_row {
	int64_t run, pos, layer, state;
	int refs;
	struct lens_row *next;
	int64_t n; /* of the vocabulary */
	float *logits;
	struct ranked *best; /* the first n_best ranks */
	int64_t n_best;
	double log_sum; /* of exp(logits) */
	bool has_log_sum;
};

/* ---- rows that are kept --------------------------------------------------------------------- */

static void release_row(struct lens_row *r)
{
	if (!r || --r->refs > 0)
		return;
	free(r->logits);
	free(r->best);
	free(r);
}

static int64_t bytes_of(const struct lens_row *r)
{
	return r->n * (int64_t)sizeof(float) + r->n_best * (int64_t)sizeof(*r->best);
}

static void trim(struct inspect *in, int64_t budget)
{
	struct lens_row **at = &in->lenses;
	int64_t kept = 0;

	while (*at) {
		struct lens_row *r = *at;

		kept += bytes_of(r);
		if (kept <= budget) {
			at = &r->next;
			continue;
		}
		*at = r->next;
		release_row(r);
	}
}

void lens_forget(struct inspect *in)
{
	trim(in, -1);
}

static struct lens_row *find_row(struct inspect *in, const struct lens_row *like)
{
	for (struct lens_row *r = in->lenses; r; r = r->next)
		if (r->run == like->run && r->pos == like->pos && r->layer == like->layer &&
		    r->state == like->state) {
			r->refs++;
			return r;
		}
	return NULL;
}

/* ---- the head ------------------------------------------------------------------------------- */

/* What turns a residual stream into logits. */
struct head {
	const struct tensor *norm, *weight;
	float eps;
};

static const struct op *producer(const struct program *p, value_id v)
{
	return v >= 0 && p->values[v].op >= 0 ? &p->ops[p->values[v].op] : NULL;
}

/* From the logits backwards: linear, the last rows, norm. */
static int find_head(const struct model *m, struct head *h, struct err *err)
{
	const struct program *p = &m->program;
	const struct op *linear = producer(p, p->logits), *op;

	op = linear ? producer(p, linear->in[0]) : NULL;
	if (op && op->code == OP_TAIL)
		op = producer(p, op->in[0]);
	if (!linear || linear->code != OP_LINEAR || !op || op->code != OP_RMSNORM)
		return err_set(err, ERR_FORMAT,
			       "%s does not end in a norm and a linear layer, which the lens needs",
			       m->checkpoint.path);
	*h = (struct head){ .norm = &p->values[op->in[1]].t,
			    .weight = &p->values[linear->in[1]].t,
			    .eps = op->eps };
	return 0;
}

/* logits [n, V] of n residual streams x [rows, D], of which rows >= n are there. */
static int apply_head(struct inspect *in, const struct head *h, float *x, int64_t n, int64_t rows,
		      struct lens_row **out, struct err *err)
{
	const struct kernels *k = in->opt.kernels;
	int64_t V = h->weight->shape[0];
	float *y = mem_try_aligned((size_t)(rows * V) * sizeof(*y));

	if (!y)
		return err_set(err, ERR_MEMORY, "no memory for %lld rows of %lld logits",
			       (long long)rows, (long long)V);
	k->rmsnorm(inspect_pool(in), NULL, NULL, x, x, h->norm, h->eps, rows);
	k->linear(inspect_pool(in), y, x, h->weight, rows);
	for (int64_t i = 0; i < n; i++) {
		out[i]->logits = mem_try_aligned((size_t)V * sizeof(*y));
		if (!out[i]->logits) {
			free(y);
			return err_set(err, ERR_MEMORY, "no memory for %lld logits", (long long)V);
		}
		out[i]->n = V;
		memcpy(out[i]->logits, y + i * V, (size_t)V * sizeof(*y));
	}
	free(y);
	return 0;
}

/* ---- ranks ---------------------------------------------------------------------------------- */

/* Likelier first, NaN last, then the lower id: a total order. */
static bool before(struct ranked a, struct ranked b)
{
	if (isnan(a.logit) || isnan(b.logit))
		return isnan(a.logit) && isnan(b.logit) ? a.id < b.id : isnan(b.logit);
	return a.logit != b.logit ? a.logit > b.logit : a.id < b.id;
}

static int compare(const void *x, const void *y)
{
	const struct ranked *a = x, *b = y;

	return before(*a, *b) ? -1 : before(*b, *a);
}

/* Let the root of a heap whose root is the worst sink. */
static void sink(struct ranked *heap, int64_t n, int64_t i)
{
	for (;;) {
		int64_t worst = i;

		for (int64_t c = 2 * i + 1; c <= 2 * i + 2 && c < n; c++)
			if (before(heap[worst], heap[c]))
				worst = c;
		if (worst == i)
			return;
		struct ranked t = heap[i];
		heap[i] = heap[worst];
		heap[worst] = t;
		i = worst;
	}
}

/* The first k ranks, k < n: the logits go past a heap of the best ones so far. */
static void select_best(struct lens_row *r, int64_t k)
{
	for (int64_t i = 0; i < k; i++)
		r->best[i] = (struct ranked){ r->logits[i], (int32_t)i };
	for (int64_t i = k / 2; i-- > 0;)
		sink(r->best, k, i);
	for (int64_t i = k; i < r->n; i++) {
		struct ranked one = { r->logits[i], (int32_t)i };

		if (before(one, r->best[0])) {
			r->best[0] = one;
			sink(r->best, k, 0);
		}
	}
}

/* Have rank `rank` in r->best; `likely` is the last one that will be asked for. */
static int have_rank(struct lens_row *r, int64_t rank, int64_t likely, struct err *err)
{
	int64_t k = likely < FEW ? FEW : likely + 1;
	struct ranked *best;

	if (rank < r->n_best)
		return 0;
	if (k > MORE || rank >= k)
		k = r->n;
	if (k > r->n)
		k = r->n;
	best = realloc(r->best, (size_t)k * sizeof(*best));
	if (!best)
		return err_set(err, ERR_MEMORY, "no memory to rank %lld tokens", (long long)k);
	r->best = best;
	r->n_best = k;
	if (k < r->n)
		select_best(r, k);
	else
		for (int64_t i = 0; i < k; i++)
			best[i] = (struct ranked){ r->logits[i], (int32_t)i };
	qsort(best, (size_t)k, sizeof(*best), compare);
	return 0;
}

static int64_t rank_of(const struct lens_row *r, int64_t id)
{
	struct ranked one = { r->logits[id], (int32_t)id };
	int64_t rank = 0;

	for (int64_t i = 0; i < r->n; i++)
		rank += before((struct ranked){ r->logits[i], (int32_t)i }, one);
	return rank;
}

static double log_sum(struct lens_row *r)
{
	double max = -INFINITY, sum = 0;

	if (r->has_log_sum)
		return r->log_sum;
	for (int64_t i = 0; i < r->n; i++)
		if ((double)r->logits[i] > max)
			max = (double)r->logits[i];
	for (int64_t i = 0; i < r->n; i++)
		sum += exp((double)r->logits[i] - max);
	r->log_sum = max + log(sum);
	r->has_log_sum = true;
	return r->log_sum;
}

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
		release_row(l->streams[i].row);
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

	row = find_row(l->base.in, &like);
	if (!row) {
		row = mem_calloc(1, sizeof(*row));
		*row = like;
	}
	/* A pass that was run again: the later one counts. */
	if (l->n_streams && l->streams[l->n_streams - 1].row->layer == layer)
		release_row(l->streams[--l->n_streams].row);
	l->streams = mem_grow(l->streams, l->n_streams, &l->cap_streams, sizeof(*l->streams));
	l->streams[l->n_streams++] = (struct stream){ row, value, at_row };
}

static int find_layers(struct lens *l, struct err *err)
{
	int64_t shape[TENSOR_MAX_DIMS], numel, first;
	sqlite3_stmt *s = NULL;
	int n_dims, ret = 0;

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
	while (!ret && sqlite3_step(s) == SQLITE_ROW) {
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
	return ret;
}

/* The stored residual stream into x [D]. */
static int read_stream(struct lens *l, const struct stream *from, float *x, struct err *err)
{
	struct sql_tensor *t = inspect_value(l->base.in, from->value, err);
	int64_t D = l->m.d_model;
	int ret = t ? 0 : err->code;

	if (t && (t->n_dims != 2 || t->shape[1] != D || from->at_row >= t->shape[0]))
		ret = err_set(err, ERR_FORMAT, "the recording changed while it was read");
	if (!ret)
		memcpy(x, t->data + from->at_row * D, (size_t)D * sizeof(*x));
	tensor_release(l->base.in, t);
	return ret;
}

/* Logits of n streams, which go through the head as at least `at_least` rows. */
static int compute(struct lens *l, const struct head *h, struct stream **todo, int64_t n,
		   int64_t at_least, struct err *err)
{
	int64_t rows = n > at_least ? n : at_least, D = l->m.d_model;
	float *x = mem_calloc((size_t)rows, (size_t)D * sizeof(*x));
	struct lens_row *out[BATCH];
	int ret = 0;

	for (int64_t i = 0; i < n && !ret; i++) {
		out[i] = todo[i]->row;
		ret = read_stream(l, todo[i], x + i * D, err);
	}
	if (!ret)
		ret = apply_head(l->base.in, h, x, n, rows, out, err);
	for (int64_t i = 0; i < n && !ret; i++) {
		out[i]->refs++;
		out[i]->next = l->base.in->lenses;
		l->base.in->lenses = out[i];
	}
	free(x);
	return ret;
}

/* How many rows of logits the pass of this position computed together; 1 when it does not say. */
static int64_t rows_of_run(const struct lens *l)
{
	struct err ignored = { 0 };
	sqlite3_stmt *s = NULL;
	int64_t rows = 1;

	if (inspect_prepare(
		    l->base.in,
		    "SELECT v.d0 FROM pass p JOIN value v ON v.pass_id = p.id JOIN point pt "
		    "ON pt.id = v.point_id WHERE p.run_id = ?1 AND p.idx IS NOT NULL "
		    "AND p.pos0 <= ?2 AND ?2 - p.pos0 < p.n_tok AND pt.role = 'logits' "
		    "ORDER BY v.id DESC",
		    &s, &ignored))
		return rows;
	sqlite3_bind_int64(s, 1, l->m.run);
	sqlite3_bind_int64(s, 2, l->pos);
	if (sqlite3_step(s) == SQLITE_ROW)
		rows = sqlite3_column_int64(s, 0);
	sqlite3_finalize(s);
	return rows < 1 ? 1 : rows > MANY ? MANY : rows;
}

static int compute_all(struct lens *l, const struct head *h, struct err *err)
{
	struct stream *todo[BATCH];
	int64_t n = 0;

	for (size_t i = 0; i < l->n_streams; i++) {
		struct stream *s = &l->streams[i];
		bool last = s->row->layer == l->m.n_layers - 1;

		if (s->row->logits)
			continue;
		if (last && compute(l, h, &s, 1, rows_of_run(l), err))
			return err->code;
		if (!last)
			todo[n++] = s;
		if (n == BATCH && compute(l, h, todo, n, MANY, err))
			return err->code;
		if (n == BATCH)
			n = 0;
	}
	if (n && compute(l, h, todo, n, MANY, err))
		return err->code;
	trim(l->base.in, KEPT_BYTES);
	return 0;
}

static int read_layers(struct lens *l, struct err *err)
{
	struct model *m;
	struct head h = { 0 };

	if (inspect_model(l->base.in, l->m.run, &m, err) || find_head(m, &h, err))
		return err->code;
	if (h.weight->shape[1] != l->m.d_model || h.norm->shape[0] != l->m.d_model)
		return err_set(
			err, ERR_SHAPE, "%s is a model of width %lld, the recording's has %lld",
			m->checkpoint.path, (long long)h.weight->shape[1], (long long)l->m.d_model);
	return compute_all(l, &h, err);
}

/* ---- the table ------------------------------------------------------------------------------ */

static int not_recorded(const struct lens *l, bool one, int64_t layer, struct err *err)
{
	if (one && layer == EMBEDDING)
		return err_set(err, ERR_USAGE,
			       "the embedding at position %lld was not recorded in run %lld: "
			       "record with --capture model.embed_tokens",
			       (long long)l->pos, (long long)l->m.run);
	if (one)
		return err_set(
			err, ERR_USAGE,
			"the residual stream of layer %lld at position %lld was not recorded "
			"in run %lld: record with --capture L%lld.resid_post",
			(long long)layer, (long long)l->pos, (long long)l->m.run, (long long)layer);
	return err_set(err, ERR_USAGE,
		       "the residual stream at position %lld was not recorded in run %lld: record "
		       "with --capture residual",
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

		for (; l->id < l->n_ids; l->id++)
			if (l->ids[l->id] >= 0 && l->ids[l->id] < r->n) {
				l->rank = rank_of(r, l->ids[l->id]);
				return 0;
			}
		if (!l->ids && l->rank < r->n && l->rank <= high)
			return have_rank(r, l->rank, high < r->n ? high : 0, err);
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
	l->pos = l->m.n_pos - 1;
	if (table_whole(c, LENS_POS, "pos", &l->pos, err))
		return err->code;
	if (one && (layer < EMBEDDING || layer >= l->m.n_layers))
		return err_set(err, ERR_USAGE,
			       "there is no layer %lld: the model has layers 0 to %lld, and -1 for "
			       "the embedding",
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
		sqlite3_result_double(ctx, (double)r->logits[id] - log_sum(r));
		return 0;
	case LENS_LOGIT:
		sqlite3_result_double(ctx, (double)r->logits[id]);
		return 0;
	case LENS_TOKEN_ID:
		sqlite3_result_int64(ctx, id);
		return 0;
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
		       "token_id INT, piece BLOB, run INT HIDDEN, pos INT HIDDEN)",
	.n_columns = 9,
	.n_hidden = 2,
	.pushed = 1 << LENS_LAYER | 1 << LENS_RANK | 1 << LENS_TOKEN | 1 << LENS_TOKEN_ID,
	.ranged = 1 << LENS_LAYER | 1 << LENS_RANK,
	.rows = 1e8,
	.cursor_bytes = sizeof(struct lens),
	.filter = lens_filter,
	.next = lens_next,
	.column = lens_column,
	.reset = lens_reset,
};
