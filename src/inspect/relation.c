/*
 * relation.c -- attention over all queries of a run, as a source of arrays.
 *
 * A pass holds the rows of its own queries.  Whoever looks at a head wants all of them, so what the
 * passes tell is put together, and only the heads and queries that a selection asks for.
 */
#include "inspect_impl.h"

#include "torchless/numbers.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define MAX_ELEMENTS ((int64_t)1 << 26)
#define BLOCK        ((int64_t)36) /* queries at a time: a tile of the kernels */

/* What a text means: which layer's relation, of which queries. */
struct relation {
	struct array_name name;
	struct run_model m;
	struct attn_layer *layer;
	int64_t layer_number, first, end; /* queries [first, end) */
	bool scores;
	struct array head;
};

static void relation_release(struct relation *r)
{
	attn_layer_release(r->layer);
	text_release(&r->name.sel);
}

/* ---- what is meant -------------------------------------------------------------------------- */

static int read_point(struct inspect *in, struct relation *r, struct text *fqn, struct err *err)
{
	const struct point_name *point = inspect_point(in, r->name.point, err);
	sqlite3_stmt *s = NULL;
	const char *role, *name;
	bool is_relation = false;
	int ret;

	if (!point ||
	    inspect_prepare(in, "SELECT role, layer, fqn FROM point WHERE id = ?1", &s, err))
		return err->code;
	sqlite3_bind_int64(s, 1, point->point_id);
	ret = inspect_step(in, s, err);
	if (ret > 0) {
		role = (const char *)sqlite3_column_text(s, 0);
		name = (const char *)sqlite3_column_text(s, 2);
		r->layer_number = sqlite3_column_int64(s, 1);
		r->scores = role && !strcmp(role, "scores_masked");
		is_relation = r->scores || (role && !strcmp(role, "pattern"));
		text_addf(fqn, "%s", name ? name : "");
	}
	sqlite3_finalize(s);
	if (ret < 0 || is_relation)
		return ret < 0 ? ret : 0;
	return err_set(err, ERR_USAGE, "%s is not of queries and keys", r->name.point);
}

/* The positions of the pass that was asked for, or all. */
static int read_range(struct inspect *in, struct relation *r, int64_t *from, int64_t *to,
		      struct err *err)
{
	sqlite3_stmt *s = NULL;
	int ret;

	*from = 0;
	*to = r->m.n_pos;
	if (r->name.pass < 0)
		return 0;
	if (inspect_prepare(in,
			    "SELECT pos0, pos0 + n_tok FROM pass WHERE run_id = ?1 AND idx = ?2",
			    &s, err))
		return err->code;
	sqlite3_bind_int64(s, 1, r->m.run);
	sqlite3_bind_int64(s, 2, r->name.pass);
	ret = inspect_step(in, s, err);
	if (ret > 0) {
		*from = int64_max(0, sqlite3_column_int64(s, 0));
		*to = int64_min(*to, sqlite3_column_int64(s, 1));
	}
	sqlite3_finalize(s);
	if (ret)
		return ret < 0 ? ret : 0;
	return err_set(err, ERR_USAGE, "run %lld has no pass %lld", (long long)r->m.run,
		       (long long)r->name.pass);
}

/* The last queries that follow one another. */
static int find_queries(struct inspect *in, struct relation *r, struct err *err)
{
	int64_t from, to, q;

	if (read_range(in, r, &from, &to, err))
		return err->code;
	r->first = r->end = -1;
	for (q = attn_next_query(r->layer, from); q < to; q = attn_next_query(r->layer, q + 1)) {
		if (q != r->end)
			r->first = q;
		r->end = q + 1;
	}
	if (r->end >= 0)
		return 0;
	return err_set(err, ERR_USAGE,
		       "the queries of layer %lld were not recorded there: record with `torchless "
		       "trace --capture attention PROMPT`",
		       (long long)r->layer_number);
}

static int describe(struct relation *r, const char *fqn, struct err *err)
{
	struct array *h = &r->head;

	*h = (struct array){ .n_dims = 3, .dtype = DTYPE_F32 };
	h->shape[0] = r->m.n_heads;
	h->shape[1] = r->end - r->first;
	h->shape[2] = r->end;
	h->base[1] = r->first;
	snprintf(h->axes, sizeof(h->axes), "head,q,k");
	if (r->name.pass >= 0)
		snprintf(h->name, sizeof(h->name), "%.120s in pass %lld", fqn,
			 (long long)r->name.pass);
	else
		snprintf(h->name, sizeof(h->name), "%.120s of positions %lld to %lld", fqn,
			 (long long)r->first, (long long)r->end - 1);
	return array_numel(h->n_dims, h->shape, &h->numel, err);
}

static int resolve(struct inspect *in, const char *text, struct relation *r, struct err *err)
{
	struct text fqn = { 0 };
	int ret;

	*r = (struct relation){ .name = ARRAY_NAME };
	ret = array_name_parse(text, &r->name, err);
	if (!ret)
		ret = read_point(in, r, &fqn, err);
	if (!ret)
		ret = inspect_run(in, int64_max(0, r->name.run), &r->m, err);
	if (!ret) {
		r->layer = attn_layer_open(in, &r->m, r->layer_number, err);
		ret = r->layer ? find_queries(in, r, err) : err->code;
	}
	if (!ret)
		ret = describe(r, fqn.data, err);
	text_release(&fqn);
	return ret;
}

static int find_part(const struct relation *r, struct array_part *part, struct err *err)
{
	int has;

	*part = (struct array_part){ 0 };
	memcpy(part->stop, r->head.shape, sizeof(part->stop));
	if (!r->name.sel.len)
		return 0;
	has = array_find_part(&r->head, r->name.sel.data, part, err);
	if (has == 0)
		return array_no_part(&r->head, r->name.sel.data, err);
	return has > 0 ? 0 : has;
}

/* ---- reading -------------------------------------------------------------------------------- */

/* Row `i` of the rows, as far as the query sees; the rest is what a mask makes of it. */
static void copy_row(const struct relation *r, const struct attn_rows *rows, int64_t i, float *out)
{
	int64_t q = rows->q0 + i, first = attn_first_key(r->layer, q);
	const float *from = r->scores ? rows->score : rows->p;
	bool known = from && (r->scores || attn_knows_p(r->layer, rows, q));

	for (int64_t k = 0; k < r->end; k++) {
		bool seen = k >= first && k <= q;

		if (!seen)
			out[k] = r->scores ? -INFINITY : 0;
		else if (!known || k < rows->k0 || k >= rows->k0 + rows->n_keys)
			out[k] = NAN;
		else
			out[k] = from[i * rows->n_keys + k - rows->k0];
	}
}

static int read_head(struct inspect *in, const struct relation *r, int64_t head, int64_t q0,
		     int64_t q1, struct attn_rows *rows, float *out, struct err *err)
{
	while (q0 < q1) {
		if (inspect_is_over(in))
			return err_set(err, ERR_INTERRUPTED, "interrupted");
		if (attn_rows(in, r->layer, head, q0, int64_min(BLOCK, q1 - q0), rows, err))
			return err->code;
		for (int64_t i = 0; i < rows->n && q0 < q1; i++, q0++, out += r->end)
			copy_row(r, rows, i, out);
	}
	return 0;
}

/* The heads and queries of the part, with all keys. */
static struct array *read_rows(struct inspect *in, const struct relation *r,
			       const struct array_part *part, struct err *err)
{
	const int64_t shape[] = { part->stop[0] - part->start[0], part->stop[1] - part->start[1],
				  r->end };
	struct attn_rows rows = { 0 };
	struct array *a;
	int64_t numel;
	int ret = array_numel(3, shape, &numel, err);

	if (!ret && numel > MAX_ELEMENTS)
		ret = err_set(err, ERR_USAGE,
			      "%lld heads of %lld queries and %lld keys are too many to look at "
			      "together: take one, [head=0]",
			      (long long)shape[0], (long long)shape[1], (long long)shape[2]);
	a = ret ? NULL : array_new(3, shape, err);
	if (!a)
		return NULL;
	memcpy(a->axes, r->head.axes, sizeof(a->axes));
	memcpy(a->name, r->head.name, sizeof(a->name));
	a->base[1] = r->head.base[1] + part->start[1];
	for (int64_t h = 0; h < shape[0] && !ret; h++)
		ret = read_head(in, r, part->start[0] + h, a->base[1], a->base[1] + shape[1], &rows,
				a->data + h * shape[1] * shape[2], err);
	attn_rows_release(&rows);
	if (!ret)
		return a;
	array_release(a);
	return NULL;
}

static int find_relation(void *ctx, const char *text, struct array *head, struct err *err)
{
	struct array_part part;
	struct relation r;
	int ret = resolve(ctx, text, &r, err);

	if (!ret)
		ret = find_part(&r, &part, err);
	if (!ret)
		array_describe_part(&r.head, &part, head);
	relation_release(&r);
	return ret;
}

static struct array *read_relation(void *ctx, const char *text, struct err *err)
{
	struct array *rows = NULL, *a = NULL;
	struct array_part part;
	struct relation r;

	if (!resolve(ctx, text, &r, err) && !find_part(&r, &part, err))
		rows = read_rows(ctx, &r, &part, err);
	for (int i = 0; rows && i < 2; i++) {
		part.stop[i] -= part.start[i];
		part.start[i] = 0;
	}
	if (rows)
		a = array_take_part(rows, &part, err);
	array_release(rows);
	relation_release(&r);
	return a;
}

struct array_source inspect_relations(struct inspect *in)
{
	return (struct array_source){ find_relation, read_relation, in };
}
