/*
 * attention.c -- one layer's attention of a recording, rows of queries at a time.
 *
 * The relation of T queries and T keys is never kept.  From q_rot and k_rot, which are O(T), rows
 * are computed when somebody looks at them, by the same kernels that attention itself uses, so
 * they are the numbers of the run.  A recording that has the relation itself but not q and k is
 * read as it is.
 */
#include "inspect_impl.h"

#include "torchless/mem.h"
#include "torchless/numbers.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define KEPT_BYTES ((int64_t)256 << 20) /* of layers kept for the next call */
#define MAX_SIZE   ((int64_t)1 << 20)   /* of heads and their sizes: far beyond any model */

/* ---- the layers that are kept --------------------------------------------------------------- */

static int64_t bytes_of(const struct attn_layer *l)
{
	return (int64_t)sizeof(*l) +
	       (l->q.n * l->q.row + l->k.n * l->k.row) * (int64_t)sizeof(float);
}

void attn_layer_release(struct attn_layer *l)
{
	if (!l || --l->refs > 0)
		return;
	positions_release(&l->q);
	positions_release(&l->k);
	free(l->passes);
	free(l);
}

/* Forget layers from the oldest on until the rest fits. */
static void trim(struct inspect *in, int64_t budget)
{
	struct attn_layer **at = &in->layers;
	int64_t kept = 0;

	while (*at) {
		struct attn_layer *l = *at;

		kept += bytes_of(l);
		if (kept <= budget) {
			at = &l->next;
			continue;
		}
		*at = l->next;
		attn_layer_release(l);
	}
}

void attn_forget(struct inspect *in)
{
	trim(in, -1);
}

static struct attn_layer *find(struct inspect *in, int64_t run, int64_t layer, int64_t state)
{
	for (struct attn_layer **at = &in->layers; *at; at = &(*at)->next) {
		struct attn_layer *l = *at;

		if (l->run != run || l->layer != layer || l->state != state)
			continue;
		*at = l->next;
		l->next = in->layers;
		in->layers = l;
		l->refs++;
		return l;
	}
	return NULL;
}

/* ---- reading a layer ------------------------------------------------------------------------ */

static int check_sizes(const struct run_model *m, struct err *err)
{
	if (m->n_kv_heads > 0 && m->n_heads > 0 && m->head_dim > 0 && m->n_heads < MAX_SIZE &&
	    m->head_dim < MAX_SIZE && m->n_heads % m->n_kv_heads == 0 && m->window >= 0)
		return 0;
	return err_set(
		err, ERR_FORMAT,
		"the recording is damaged: a model of %lld heads, %lld key/value heads of %lld and a window of %lld",
		(long long)m->n_heads, (long long)m->n_kv_heads, (long long)m->head_dim,
		(long long)m->window);
}

/* Which steps between q, k and the pattern were edited in the run. */
struct edited {
	bool cache, relation;
};

static int read_edits(struct inspect *in, const struct attn_layer *l, struct edited *e,
		      struct err *err)
{
	sqlite3_stmt *s = NULL;
	int ret;

	*e = (struct edited){ 0 };
	if (inspect_prepare(
		    in,
		    "SELECT pt.role = 'k_cache' FROM edit e JOIN point pt "
		    "ON pt.id = e.point_id WHERE e.run_id = ?1 AND pt.layer = ?2 AND pt.role "
		    "IN ('k_cache', 'scores', 'scores_masked', 'pattern')",
		    &s, err))
		return err->code;
	sqlite3_bind_int64(s, 1, l->run);
	sqlite3_bind_int64(s, 2, l->layer);
	while ((ret = inspect_step(in, s, err)) > 0) {
		if (sqlite3_column_int(s, 0))
			e->cache = true;
		else
			e->relation = true;
	}
	sqlite3_finalize(s);
	return ret;
}

/* What a pass appended to the cache are its rotated keys, unless somebody edited them. */
static int read_keys(struct inspect *in, struct attn_layer *l, const struct edited *e,
		     struct err *err)
{
	const struct run_model *m = &l->m;

	if (positions_read(in, m, "k_cache", l->layer, m->n_kv_heads, m->head_dim, &l->k, err))
		return err->code;
	if (l->k.n || e->cache)
		return 0;
	if (positions_read(in, m, "k_rot", l->layer, m->n_kv_heads, m->head_dim, &l->k, err))
		return err->code;
	for (int64_t i = 0; m->has_half_cache && i < l->k.n * l->k.row; i++)
		l->k.data[i] = f16_to_f32(f32_to_f16(l->k.data[i]));
	return 0;
}

static int read_qk(struct inspect *in, struct attn_layer *l, const struct edited *e,
		   struct err *err)
{
	const struct run_model *m = &l->m;

	if (e->relation)
		return 0;
	if (positions_read(in, m, "q_rot", l->layer, m->n_heads, m->head_dim, &l->q, err) ||
	    read_keys(in, l, e, err))
		return err->code;
	if (!l->q.n || !l->k.n) {
		positions_release(&l->q);
		positions_release(&l->k);
	}
	return 0;
}

/* The pass of a stored relation, which its first query names. */
static struct stored_pass *pass_at(struct attn_layer *l, const struct stored_pass *p)
{
	for (size_t i = 0; i < l->n_passes; i++)
		if (l->passes[i].first == p->first && l->passes[i].n == p->n)
			return &l->passes[i];
	l->passes = mem_grow(l->passes, l->n_passes, &l->cap_passes, sizeof(*l->passes));
	l->passes[l->n_passes] = *p;
	return &l->passes[l->n_passes++];
}

static int add_stored(struct attn_layer *l, sqlite3_stmt *s, struct err *err)
{
	const char *role = (const char *)sqlite3_column_text(s, 1);
	int64_t pos0 = sqlite3_column_int64(s, 2), n_tok = sqlite3_column_int64(s, 3);
	int64_t shape[TENSOR_MAX_DIMS], numel, end;
	struct stored_pass one = { .first = pos0 };
	int n_dims;

	if (parse_shape((const char *)sqlite3_column_text(s, 5), shape, &n_dims, &numel, err))
		return err->code;
	if (sqlite3_column_type(s, 4) != SQLITE_NULL)
		one.first = sqlite3_column_int64(s, 4);
	if (n_dims != 3 || shape[0] != l->m.n_heads || pos0 < 0 || n_tok < 0 ||
	    !mem_add(pos0, n_tok, &end) || one.first < pos0 || one.first > end ||
	    shape[1] > end - one.first || shape[2] < one.first + shape[1])
		return err_set(err, ERR_FORMAT,
			       "the recording is damaged: a dump of %s at position %lld of layer "
			       "%lld is %s, which its pass and its model contradict",
			       role, (long long)one.first, (long long)l->layer,
			       (const char *)sqlite3_column_text(s, 5));
	one.n = shape[1];
	one.n_keys = shape[2];
	if (!one.n)
		return 0;
	struct stored_pass *p = pass_at(l, &one);
	if (p->n_keys != one.n_keys)
		return err_set(err, ERR_FORMAT,
			       "the recording is damaged: pattern and scores of "
			       "a pass have different numbers of keys");
	if (!strcmp(role, "pattern"))
		p->pattern = sqlite3_column_int64(s, 0);
	else if (!strcmp(role, "scores"))
		p->scores = sqlite3_column_int64(s, 0);
	else
		p->masked = sqlite3_column_int64(s, 0);
	return 0;
}

static int read_stored(struct inspect *in, struct attn_layer *l, struct err *err)
{
	sqlite3_stmt *s = NULL;
	int64_t kept = 0;
	int ret;

	if (inspect_prepare(
		    in,
		    "SELECT v.id, pt.role, p.pos0, p.n_tok, v.dump_from, t.shape FROM point pt "
		    "JOIN module md ON md.id = pt.module_id AND md.model_id = ?3 "
		    "CROSS JOIN pass p CROSS JOIN value v JOIN tensor t ON t.id = v.tensor_id "
		    "WHERE pt.role IN ('pattern', 'scores', 'scores_masked') AND pt.layer = ?1 "
		    "AND p.run_id = ?2 AND p.idx IS NOT NULL AND v.point_id = pt.id "
		    "AND v.pass_id = p.id ORDER BY v.id",
		    &s, err))
		return err->code;
	sqlite3_bind_int64(s, 1, l->layer);
	sqlite3_bind_int64(s, 2, l->run);
	sqlite3_bind_int64(s, 3, l->m.model_id);
	while ((ret = inspect_step(in, s, err)) > 0)
		if (add_stored(l, s, err) || inspect_keep(&kept, sizeof(*l->passes), err)) {
			ret = err->code;
			break;
		}
	sqlite3_finalize(s);
	return ret;
}

static int read_layer(struct inspect *in, struct attn_layer *l, struct err *err)
{
	struct edited e;

	if (check_sizes(&l->m, err) || read_edits(in, l, &e, err) || read_qk(in, l, &e, err))
		return err->code;
	if (!l->q.n && read_stored(in, l, err))
		return err->code;
	if (l->q.n || l->n_passes)
		return 0;
	if (e.relation)
		return err_set(err, ERR_USAGE,
			       "attention of layer %lld was edited in run %lld, so its queries and "
			       "keys do not tell it: record with `torchless trace "
			       "--capture 'L%lld.attn.pattern' PROMPT`",
			       (long long)l->layer, (long long)l->run, (long long)l->layer);
	return err_set(
		err, ERR_USAGE,
		"attention of layer %lld was not recorded in run %lld: record with `torchless trace "
		"--capture attention PROMPT`",
		(long long)l->layer, (long long)l->run);
}

struct attn_layer *attn_layer_open(struct inspect *in, const struct run_model *m, int64_t layer,
				   struct err *err)
{
	int64_t state = inspect_state(in);
	struct attn_layer *l = find(in, m->run, layer, state);

	if (l)
		return l;
	l = mem_calloc(1, sizeof(*l));
	l->refs = 1;
	l->run = m->run;
	l->layer = layer;
	l->state = state;
	l->m = *m;
	if (read_layer(in, l, err)) {
		attn_layer_release(l);
		return NULL;
	}
	trim(in, KEPT_BYTES - bytes_of(l));
	l->next = in->layers;
	in->layers = l;
	l->refs++;
	return l;
}

/* ---- rows ----------------------------------------------------------------------------------- */

int64_t attn_first_key(const struct attn_layer *l, int64_t q)
{
	return l->m.window > 0 && q >= l->m.window ? q - l->m.window + 1 : 0;
}

static const struct stored_pass *pass_of(const struct attn_layer *l, int64_t q)
{
	for (size_t i = l->n_passes; i-- > 0;)
		if (q >= l->passes[i].first && q < l->passes[i].first + l->passes[i].n)
			return &l->passes[i];
	return NULL;
}

int64_t attn_next_query(const struct attn_layer *l, int64_t q)
{
	int64_t next = INT64_MAX;

	if (l->q.n)
		return positions_next(&l->q, q);
	if (pass_of(l, q))
		return q;
	for (size_t i = 0; i < l->n_passes; i++)
		if (l->passes[i].first > q && l->passes[i].first < next)
			next = l->passes[i].first;
	return next;
}

int64_t attn_next_key(const struct attn_layer *l, int64_t k)
{
	return l->q.n ? positions_next(&l->k, k) : k;
}

static int reserve(struct attn_rows *r, struct err *err)
{
	int64_t floats, bytes;

	if (!mem_mul(r->n, r->n_keys, &floats) ||
	    !mem_mul(floats, (int64_t)sizeof(float), &bytes) || bytes > POSITIONS_MAX_BYTES)
		return err_set(err, ERR_MEMORY, "%lld queries of %lld keys are too many",
			       (long long)r->n, (long long)r->n_keys);
	if ((size_t)floats <= r->cap)
		return 0;
	attn_rows_release(r);
	r->score_buffer = mem_try_aligned((size_t)bytes);
	r->p_buffer = mem_try_aligned((size_t)bytes);
	if (!r->score_buffer || !r->p_buffer)
		return err_set(err, ERR_MEMORY,
			       "out of memory: %lld queries of %lld keys take more",
			       (long long)r->n, (long long)r->n_keys);
	r->cap = (size_t)floats;
	return 0;
}

void attn_rows_release(struct attn_rows *r)
{
	free(r->score_buffer);
	free(r->p_buffer);
	r->score_buffer = r->p_buffer = r->score = r->p = NULL;
	r->cap = 0;
}

static void softmax_rows(struct inspect *in, struct attn_rows *r)
{
	memcpy(r->p_buffer, r->score, (size_t)(r->n * r->n_keys) * sizeof(float));
	attention_softmax_rows(in->opt.kernels, inspect_pool(in), r->p_buffer, r->n, r->n_keys);
	r->p = r->p_buffer;
}

/*
 * Positions are counted from the first key that is there, so that it lies in row 0 of what the
 * kernels take for a ring that never turns.
 */
static int compute_rows(struct inspect *in, struct attn_layer *l, int64_t head, int64_t max,
			struct attn_rows *r, struct err *err)
{
	const struct run_model *m = &l->m;
	struct attention a = {
		.q = l->q.data + (r->q0 - l->q.first) * l->q.row,
		.k = { .rows = l->k.data,
		       .capacity = l->k.n,
		       .n_kv_heads = m->n_kv_heads,
		       .head_dim = m->head_dim },
		.n_heads = m->n_heads,
		.pos0 = r->q0 - l->k.first,
		.window = m->window,
		.scale = (float)(1.0 / sqrt((double)m->head_dim)),
	};

	for (r->n = 1; r->n < max && attn_next_query(l, r->q0 + r->n) == r->q0 + r->n;)
		r->n++;
	r->k0 = l->k.first;
	r->n_keys = r->q0 + r->n > r->k0 ? r->q0 + r->n - r->k0 : 0;
	a.T = r->n;
	a.k.n = int64_min(r->n_keys, l->k.n);
	if (reserve(r, err))
		return err->code;
	r->score = r->score_buffer;
	if (r->n_keys) {
		attention_scores_head(in->opt.kernels, inspect_pool(in), &a, head, r->score,
				      r->n_keys);
		softmax_rows(in, r);
	}
	return 0;
}

/* Copy what the queries of a head see from a stored relation; `hidden` elsewhere. */
struct copy {
	const struct attn_layer *l;
	const struct stored_pass *pass;
	const struct attn_rows *r;
	int64_t head;
};

static int copy_rows(struct inspect *in, const struct copy *c, int64_t value, float *out,
		     float hidden, struct err *err)
{
	const struct attn_layer *l = c->l;
	const struct stored_pass *pass = c->pass;
	const struct attn_rows *r = c->r;
	struct array *t = inspect_value(in, value, err);

	if (!t)
		return err->code;
	if (t->n_dims != 3 || t->shape[0] != l->m.n_heads || t->shape[1] != pass->n ||
	    t->shape[2] != pass->n_keys) {
		array_release(t);
		return err_set(err, ERR_FORMAT, "the recording changed while it was read");
	}
	for (int64_t i = 0; i < r->n; i++) {
		int64_t q = r->q0 + i, first = attn_first_key(l, q);
		const float *row = t->data + (c->head * pass->n + q - pass->first) * pass->n_keys;

		for (int64_t k = 0; k < r->n_keys; k++)
			out[i * r->n_keys + k] = k >= first && k <= q ? row[k] : hidden;
	}
	array_release(t);
	return 0;
}

static int read_rows(struct inspect *in, struct attn_layer *l, int64_t head, int64_t max,
		     struct attn_rows *r, struct err *err)
{
	const struct stored_pass *pass = pass_of(l, r->q0);
	int64_t scores = pass->masked ? pass->masked : pass->scores;
	const struct copy c = { l, pass, r, head };

	r->n = pass->first + pass->n - r->q0 < max ? pass->first + pass->n - r->q0 : max;
	r->k0 = 0;
	r->n_keys = r->q0 + r->n;
	if (reserve(r, err))
		return err->code;
	if (scores && copy_rows(in, &c, scores, r->score_buffer, -INFINITY, err))
		return err->code;
	if (pass->pattern && copy_rows(in, &c, pass->pattern, r->p_buffer, 0, err))
		return err->code;
	r->score = scores ? r->score_buffer : NULL;
	if (pass->pattern)
		r->p = r->p_buffer;
	else if (r->score)
		softmax_rows(in, r);
	return 0;
}

int attn_rows(struct inspect *in, struct attn_layer *l, int64_t head, int64_t q0, int64_t max,
	      struct attn_rows *r, struct err *err)
{
	assert(attn_next_query(l, q0) == q0 && head >= 0 && head < l->m.n_heads && max > 0);
	r->q0 = q0;
	r->score = r->p = NULL;
	return l->q.n ? compute_rows(in, l, head, max, r, err)
		      : read_rows(in, l, head, max, r, err);
}

bool attn_knows_p(const struct attn_layer *l, const struct attn_rows *r, int64_t q)
{
	return r->p && (!l->q.n || positions_have(&l->k, attn_first_key(l, q), q + 1));
}
