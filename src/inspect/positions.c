/*
 * positions.c -- a point over all positions of a run, put together from the dumps of its passes.
 *
 * A long prompt takes several passes, every decoded token one more, and a dump by @SEL holds some
 * positions only.  Whoever wants to look across passes gets one array and which rows of it exist.
 */
#include "inspect_impl.h"

#include "torchless/mem.h"

#include <stdlib.h>
#include <string.h>

/* No size of a model is beyond: products of two and sums of any stay far from 2^63. */
#define MAX_SIZE ((int64_t)1 << 31)

static int check_run(const struct run_model *m, struct err *err)
{
	const int64_t sizes[] = { m->n_layers, m->d_model, m->n_heads, m->n_kv_heads,
				  m->head_dim, m->n_vocab, m->window };

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
		if (sizes[i] < 0 || sizes[i] > MAX_SIZE)
			return err_set(err, ERR_FORMAT,
				       "the recording is damaged: %lld is no size of a model",
				       (long long)sizes[i]);
	if (m->n_pos < 0)
		return err_set(err, ERR_FORMAT,
			       "the recording is damaged: run %lld has %lld positions",
			       (long long)m->run, (long long)m->n_pos);
	return 0;
}

int inspect_run(struct inspect *in, int64_t run, struct run_model *m, struct err *err)
{
	sqlite3_stmt *s = NULL;
	int found, ret = run ? 0 : inspect_newest_run(in, &run, err);

	if (ret ||
	    inspect_prepare(in,
			    "SELECT r.id, m.id, m.n_layers, m.d_model, m.n_heads, m.n_kv_heads, "
			    "m.d_head, m.n_vocab, coalesce(m.sliding_window, 0), "
			    "(SELECT coalesce(max(pos0 + n_tok), 0) FROM pass p "
			    "WHERE p.run_id = r.id AND p.idx IS NOT NULL), "
			    "(SELECT n_prompt FROM v_run v WHERE v.run_id = r.id), r.dtype_kv "
			    "FROM run r JOIN model m ON m.id = r.model_id WHERE r.id = ?1",
			    &s, err))
		return err->code;
	sqlite3_bind_int64(s, 1, run);
	found = inspect_step(in, s, err);
	if (found > 0)
		*m = (struct run_model){
			.run = sqlite3_column_int64(s, 0),
			.model_id = sqlite3_column_int64(s, 1),
			.n_layers = sqlite3_column_int64(s, 2),
			.d_model = sqlite3_column_int64(s, 3),
			.n_heads = sqlite3_column_int64(s, 4),
			.n_kv_heads = sqlite3_column_int64(s, 5),
			.head_dim = sqlite3_column_int64(s, 6),
			.n_vocab = sqlite3_column_int64(s, 7),
			.window = sqlite3_column_int64(s, 8),
			.n_pos = sqlite3_column_int64(s, 9),
			.n_prompt = sqlite3_column_int64(s, 10),
			.has_half_cache = sqlite3_column_type(s, 11) == SQLITE_INTEGER &&
					  sqlite3_column_int64(s, 11) == DTYPE_F16,
		};
	sqlite3_finalize(s);
	if (found)
		return found < 0 ? found : check_run(m, err);
	if (!run)
		return err_set(err, ERR_USAGE, "the recording has no run");
	return err_set(err, ERR_USAGE, "the recording has no run %lld", (long long)run);
}

void positions_release(struct positions *p)
{
	free(p->data);
	free(p->there);
	*p = (struct positions){ 0 };
}

bool positions_have(const struct positions *p, int64_t from, int64_t to)
{
	if (from >= to)
		return true;
	if (from < p->first || to > p->first + p->n)
		return false;
	return !memchr(p->there + (from - p->first), 0, (size_t)(to - from));
}

int64_t positions_next(const struct positions *p, int64_t at)
{
	int64_t i = at > p->first ? at - p->first : 0;
	const unsigned char *found;

	if (i >= p->n)
		return INT64_MAX;
	found = memchr(p->there + i, 1, (size_t)(p->n - i));
	return found ? p->first + (found - p->there) : INT64_MAX;
}

/* One dump of the point: where it lies. */
struct dump {
	int64_t value_id, first, n;
};

struct dumps {
	struct dump *a;
	size_t n, cap;
	int64_t first, end;
};

static void add_dump(struct dumps *d, struct dump one)
{
	d->a = mem_grow(d->a, d->n, &d->cap, sizeof(*d->a));
	if (!d->n || one.first < d->first)
		d->first = one.first;
	if (!d->n || one.first + one.n > d->end)
		d->end = one.first + one.n;
	d->a[d->n++] = one;
}

/* A dump's rows are a x b and lie inside its pass, or the recording is damaged. */
static int check_dump(sqlite3_stmt *s, const char *role, int64_t a, int64_t b, struct dump *out,
		      struct err *err)
{
	int64_t pos0 = sqlite3_column_int64(s, 1), n_tok = sqlite3_column_int64(s, 2), end;
	const char *text = (const char *)sqlite3_column_text(s, 4);
	int64_t shape[TENSOR_MAX_DIMS], numel;
	int n_dims;

	if (parse_shape(text, shape, &n_dims, &numel, err))
		return err->code;
	*out = (struct dump){
		.value_id = sqlite3_column_int64(s, 0),
		.first = sqlite3_column_type(s, 3) == SQLITE_NULL ? pos0
								  : sqlite3_column_int64(s, 3),
		.n = n_dims > 0 ? shape[0] : 0,
	};
	if (!(n_dims == 3 && shape[1] == a && shape[2] == b) &&
	    !(n_dims == 2 && a == 1 && shape[1] == b))
		out->n = -1;
	if (out->n < 0 || pos0 < 0 || n_tok < 0 || !mem_add(pos0, n_tok, &end) ||
	    out->first < pos0 || out->first > end || out->n > end - out->first)
		return err_set(err, ERR_FORMAT,
			       "the recording is damaged: a dump of %s at position %lld is %s, "
			       "which its pass and its model contradict",
			       role, (long long)out->first, text ? text : "?");
	return 0;
}

static int find_dumps(struct inspect *in, const struct run_model *m, const char *role,
		      int64_t layer, int64_t a, int64_t b, struct dumps *out, struct err *err)
{
	sqlite3_stmt *s = NULL;
	struct dump one = { 0 };
	int64_t kept = 0;
	int ret;

	if (inspect_prepare(
		    in,
		    "SELECT v.id, p.pos0, p.n_tok, v.dump_from, t.shape FROM point pt "
		    "JOIN module md ON md.id = pt.module_id AND md.model_id = ?4 "
		    "CROSS JOIN pass p CROSS JOIN value v JOIN tensor t ON t.id = v.tensor_id "
		    "WHERE pt.role = ?1 AND pt.layer = ?2 AND p.run_id = ?3 "
		    "AND p.idx IS NOT NULL AND v.point_id = pt.id AND v.pass_id = p.id ORDER BY v.id",
		    &s, err))
		return err->code;
	sqlite3_bind_text(s, 1, role, -1, SQLITE_STATIC);
	sqlite3_bind_int64(s, 2, layer);
	sqlite3_bind_int64(s, 3, m->run);
	sqlite3_bind_int64(s, 4, m->model_id);
	while ((ret = inspect_step(in, s, err)) > 0) {
		ret = check_dump(s, role, a, b, &one, err);
		if (ret || (ret = inspect_keep(&kept, sizeof(one), err)))
			break;
		add_dump(out, one);
	}
	sqlite3_finalize(s);
	return ret;
}

static int copy_dump(struct inspect *in, const struct dump *d, struct positions *p, struct err *err)
{
	struct array *t = inspect_value(in, d->value_id, err);
	int ret = 0;

	if (!t)
		return err->code;
	if (t->numel != d->n * p->row)
		ret = err_set(err, ERR_FORMAT, "the recording changed while it was read");
	if (!ret && d->n) {
		memcpy(p->data + (d->first - p->first) * p->row, t->data,
		       (size_t)t->numel * sizeof(float));
		memset(p->there + (d->first - p->first), 1, (size_t)d->n);
	}
	array_release(t);
	return ret;
}

static int allocate(struct positions *p, struct err *err)
{
	int64_t numbers, bytes;

	if (!mem_mul(p->n, p->row, &numbers) || !mem_mul(numbers, (int64_t)sizeof(float), &bytes) ||
	    bytes > POSITIONS_MAX_BYTES)
		return err_set(err, ERR_MEMORY,
			       "%lld positions of %lld numbers are too many to look at together",
			       (long long)p->n, (long long)p->row);
	/* Rows that are not there are zeros, and cost nothing until somebody reads them. */
	p->data = calloc((size_t)bytes, 1);
	p->there = calloc((size_t)p->n, 1);
	if (p->data && p->there)
		return 0;
	return err_set(err, ERR_MEMORY, "out of memory: %lld positions of %lld numbers take more",
		       (long long)p->n, (long long)p->row);
}

int positions_read(struct inspect *in, const struct run_model *m, const char *role, int64_t layer,
		   int64_t a, int64_t b, struct positions *out, struct err *err)
{
	struct dumps dumps = { 0 };
	int ret = find_dumps(in, m, role, layer, a, b, &dumps, err);

	*out = (struct positions){ .first = dumps.first, .n = dumps.end - dumps.first };
	if (!ret && !mem_mul(a, b, &out->row))
		ret = err_set(err, ERR_FORMAT, "the recording is damaged: the sizes of its model");
	if (!ret && out->n > 0)
		ret = allocate(out, err);
	for (size_t i = 0; !ret && out->n > 0 && i < dumps.n; i++)
		ret = copy_dump(in, &dumps.a[i], out, err);
	free(dumps.a);
	if (ret)
		positions_release(out);
	return ret;
}
