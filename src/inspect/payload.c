/*
 * payload.c -- an SQL argument as a tensor, and the few that are kept for the next call.
 *
 * A query calls t_at('L3.attn.pattern', ...) once a row: what was read is kept while its bytes fit
 * the budget, newest first.  Arguments that are blobs are read where they stand.
 */
#include "inspect_impl.h"

#include "torchless/mem.h"
#include "torchless/point.h"
#include "torchless/text.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CACHE_BYTES   ((int64_t)512 << 20)
#define CACHE_TENSORS 256                /* looked through one by one */
#define TENSOR_BYTES  ((int64_t)4 << 30) /* as f32; no dump of one point is near it */

/* ---- making and freeing --------------------------------------------------------------------- */

int shape_numel(int n_dims, const int64_t *shape, int64_t *numel, struct err *err)
{
	int64_t extent = 1;

	*numel = 1;
	for (int i = 0; i < n_dims; i++) {
		/* Products of some of the sizes stay small, too, where another is 0. */
		if (!mem_mul(extent, shape[i] ? shape[i] : 1, &extent) ||
		    extent > TENSOR_BYTES / (int64_t)sizeof(float))
			return err_set(err, ERR_FORMAT, "a shape of %lld and more is too large",
				       (long long)extent);
		*numel *= shape[i];
	}
	return 0;
}

float *numbers_new(int64_t n, struct err *err)
{
	float *numbers = mem_try_aligned(((size_t)n + 1) * sizeof(*numbers));

	if (!numbers)
		err_set(err, ERR_MEMORY, "no memory for %lld numbers", (long long)n);
	return numbers;
}

struct sql_tensor *tensor_new(int n_dims, const int64_t *shape, struct err *err)
{
	struct sql_tensor *t;
	int64_t numel;
	float *data;

	if (shape_numel(n_dims, shape, &numel, err))
		return NULL;
	data = numbers_new(numel, err);
	if (!data)
		return NULL;
	t = mem_calloc(1, sizeof(*t));
	t->refs = 1;
	t->dtype = DTYPE_F32;
	t->dump_from = -1;
	t->n_dims = n_dims;
	t->numel = numel;
	memcpy(t->shape, shape, (size_t)n_dims * sizeof(*shape));
	t->data = data;
	return t;
}

void tensor_release(struct inspect *in, struct sql_tensor *t)
{
	if (!t || --t->refs > 0)
		return;
	free(t->key);
	if (!t->whole && !t->borrowed)
		free(t->data);
	tensor_release(in, t->whole);
	free(t);
}

static int64_t bytes_of(const struct sql_tensor *t)
{
	return t->numel * (int64_t)sizeof(float);
}

/* Forget the oldest until the rest fits. */
static void trim(struct inspect *in, int64_t budget)
{
	struct sql_tensor **at = &in->cached;
	int64_t kept = 0;
	int n = 0;

	while (*at) {
		struct sql_tensor *t = *at;

		if (kept + bytes_of(t) <= budget && n++ < CACHE_TENSORS) {
			kept += bytes_of(t);
			at = &t->next;
			continue;
		}
		*at = t->next;
		tensor_release(in, t);
	}
	in->cached_bytes = kept;
}

void tensors_forget(struct inspect *in)
{
	trim(in, -1);
}

/* The cached tensor, moved to the front and referenced once more. */
static struct sql_tensor *cache_find(struct inspect *in, const char *key)
{
	for (struct sql_tensor **at = &in->cached; *at; at = &(*at)->next) {
		struct sql_tensor *t = *at;

		if (strcmp(t->key, key) != 0)
			continue;
		*at = t->next;
		t->next = in->cached;
		in->cached = t;
		t->refs++;
		return t;
	}
	return NULL;
}

static struct sql_tensor *cache_add(struct inspect *in, struct sql_tensor *t, const char *key)
{
	if (bytes_of(t) > CACHE_BYTES)
		return t;
	t->key = mem_strdup(key);
	t->refs++;
	t->next = in->cached;
	in->cached = t;
	trim(in, CACHE_BYTES);
	return t;
}

/* ---- shapes --------------------------------------------------------------------------------- */

int parse_shape(const char *text, int64_t shape[TENSOR_MAX_DIMS], int *n_dims, int64_t *numel,
		struct err *err)
{
	const char *at = text ? text : "?";
	char *end;

	*n_dims = 0;
	*numel = 1;
	while (*at) {
		errno = 0;
		if (*n_dims == TENSOR_MAX_DIMS || *at < '0' || *at > '9')
			goto bad;
		shape[*n_dims] = strtoll(at, &end, 10);
		if (errno || (*end && *end != ',') || !mem_mul(*numel, shape[*n_dims], numel))
			goto bad;
		++*n_dims;
		if (*end == ',' && !end[1])
			goto bad;
		at = *end ? end + 1 : end;
	}
	return 0;
bad:
	return err_set(err, ERR_FORMAT,
		       "the recording is damaged: \"%.60s\" is no shape of a tensor",
		       text ? text : "");
}

/* ---- stored payloads ------------------------------------------------------------------------ */

/* What the recording says of a value's dump. */
struct stored {
	int64_t id, tensor_id, raw_bytes, dump_from, pass, pos0, n_tok;
	struct sql_tensor head; /* dtype and shape */
	char fqn[128], axes[64];
};

/* The value exists but its numbers were not kept: say what would have kept them. */
static int not_captured(const struct stored *s, struct err *err)
{
	static const char said[] = "were not recorded, only its statistics: record with --capture";

	for (int i = 0; i < capture_sets_len; i++)
		for (int k = 0; k < CAPTURE_SET_MAX; k++)
			if (capture_sets[i].patterns[k] &&
			    text_glob(capture_sets[i].patterns[k], s->fqn))
				return err_set(err, ERR_USAGE, "the numbers of %s %s %s", s->fqn,
					       said, capture_sets[i].name);
	return err_set(err, ERR_USAGE, "the numbers of %s %s '%s'", s->fqn, said, s->fqn);
}

/* No recording has positions beyond: sums of these cannot overflow. */
#define MAX_POSITION ((int64_t)1 << 40)

static bool is_position(int64_t n)
{
	return n >= 0 && n <= MAX_POSITION;
}

static int read_stored_row(sqlite3_stmt *q, struct stored *s, struct err *err)
{
	int64_t dtype = sqlite3_column_int64(q, 2);
	const char *fqn = (const char *)sqlite3_column_text(q, 5);
	const char *axes = (const char *)sqlite3_column_text(q, 6);

	snprintf(s->fqn, sizeof(s->fqn), "%s", fqn ? fqn : "?");
	snprintf(s->axes, sizeof(s->axes), "%s", axes ? axes : "");
	if (sqlite3_column_type(q, 0) == SQLITE_NULL)
		return not_captured(s, err);
	s->tensor_id = sqlite3_column_int64(q, 0);
	s->raw_bytes = sqlite3_column_int64(q, 1);
	s->dump_from = sqlite3_column_type(q, 4) == SQLITE_NULL ? -1 : sqlite3_column_int64(q, 4);
	if (sqlite3_column_type(q, 3) == SQLITE_NULL || dtype < 0 || dtype > DTYPE_BF16)
		return err_set(err, ERR_FORMAT, "the recording is damaged: the dump of %s %s",
			       s->fqn,
			       sqlite3_column_type(q, 3) == SQLITE_NULL ? "is missing"
									: "has an unknown type");
	s->pass = sqlite3_column_int64(q, 7);
	s->pos0 = sqlite3_column_int64(q, 8);
	s->n_tok = sqlite3_column_int64(q, 9);
	if (!is_position(s->pos0) || !is_position(s->n_tok) || s->dump_from > MAX_POSITION)
		return err_set(
			err, ERR_FORMAT,
			"the recording is damaged: %s in pass %lld has %lld positions from %lld, dumped from %lld",
			s->fqn, (long long)s->pass, (long long)s->n_tok, (long long)s->pos0,
			(long long)s->dump_from);
	s->head.dtype = (enum dtype)dtype;
	if (parse_shape((const char *)sqlite3_column_text(q, 3), s->head.shape, &s->head.n_dims,
			&s->head.numel, err))
		return err->code;
	if (shape_numel(s->head.n_dims, s->head.shape, &s->head.numel, err))
		return err_wrap(err, "the recording is damaged: the dump of %s", s->fqn);
	if (s->head.numel * dtype_table[dtype].block_bytes != s->raw_bytes)
		return err_set(
			err, ERR_FORMAT,
			"the recording is damaged: the dump of %s has %lld bytes, its shape %s needs another number",
			s->fqn, (long long)s->raw_bytes, (const char *)sqlite3_column_text(q, 3));
	return 0;
}

static int find_stored(struct inspect *in, int64_t id, struct stored *s, struct err *err)
{
	sqlite3_stmt *q = NULL;
	int ret;

	*s = (struct stored){ .id = id };
	if (inspect_prepare(
		    in,
		    "SELECT v.tensor_id, t.raw_bytes, t.dtype, t.shape, v.dump_from, p.fqn, "
		    "p.axes, a.idx, a.pos0, a.n_tok "
		    "FROM value v JOIN point p ON p.id = v.point_id "
		    "JOIN pass a ON a.id = v.pass_id "
		    "LEFT JOIN tensor t ON t.id = v.tensor_id WHERE v.id = ?1",
		    &q, err))
		return err->code;
	sqlite3_bind_int64(q, 1, id);
	if (sqlite3_step(q) == SQLITE_ROW)
		ret = read_stored_row(q, s, err);
	else
		ret = err_set(err, ERR_USAGE, "the recording has no value %lld", (long long)id);
	sqlite3_finalize(q);
	return ret;
}

/* Convert len bytes of the payload to f32 behind the *done elements that are there. */
static bool append_chunk(struct sql_tensor *t, int64_t *done, const void *bytes, int64_t len,
			 const struct kernels *k)
{
	int64_t size = dtype_table[t->dtype].block_bytes, n = len / size;

	if (len % size || n > t->numel - *done)
		return false;
	k->convert(t->data + *done, bytes, t->dtype, n);
	*done += n;
	return true;
}

static int read_chunks(struct inspect *in, const struct stored *s, struct sql_tensor *t,
		       struct err *err)
{
	sqlite3_stmt *q = NULL;
	int64_t done = 0, expected = 0;
	bool ok = true;

	if (inspect_prepare(
		    in, "SELECT chunk, data FROM tensor_chunk WHERE tensor_id = ?1 ORDER BY chunk",
		    &q, err))
		return err->code;
	sqlite3_bind_int64(q, 1, s->tensor_id);
	while (ok && sqlite3_step(q) == SQLITE_ROW)
		ok = sqlite3_column_int64(q, 0) == expected++ &&
		     append_chunk(t, &done, sqlite3_column_blob(q, 1), sqlite3_column_bytes(q, 1),
				  in->opt.kernels);
	sqlite3_finalize(q);
	if (ok && done == t->numel)
		return 0;
	return err_set(err, ERR_FORMAT,
		       "the recording is damaged: the chunks of %s do not make %lld elements",
		       s->fqn, (long long)t->numel);
}

/* What the tensor is called, and what its indices count. */
static int describe(struct sql_tensor *t, const struct stored *s, struct err *err)
{
	int64_t end = s->pos0 + s->n_tok;

	t->dtype = s->head.dtype;
	t->dump_from = s->dump_from;
	snprintf(t->name, sizeof(t->name), "%s in pass %lld (value %lld)", s->fqn,
		 (long long)s->pass, (long long)s->id);
	snprintf(t->axes, sizeof(t->axes), "%s", s->axes);
	for (int i = 0; i < t->n_dims; i++) {
		if (!axis_counts_positions(t->axes, i))
			continue;
		/* Without a dump_from the last row is the last position of the pass. */
		t->base[i] = s->dump_from >= 0 ? s->dump_from : end - t->shape[i];
		if (t->base[i] < 0)
			return err_set(
				err, ERR_FORMAT,
				"the recording is damaged: the dump of %s has %lld positions, its pass ends before %lld",
				t->name, (long long)t->shape[i], (long long)end);
	}
	return 0;
}

int inspect_head(struct inspect *in, int64_t id, struct sql_tensor *head, struct err *err)
{
	struct stored s;

	if (find_stored(in, id, &s, err))
		return err->code;
	*head = s.head;
	return describe(head, &s, err);
}

struct sql_tensor *inspect_value(struct inspect *in, int64_t id, struct err *err)
{
	struct stored s;
	struct sql_tensor *t;
	char key[40];

	snprintf(key, sizeof(key), "value %lld", (long long)id);
	t = cache_find(in, key);
	if (t)
		return t;
	if (find_stored(in, id, &s, err))
		return NULL;
	t = tensor_new(s.head.n_dims, s.head.shape, err);
	if (!t)
		return NULL;
	if (describe(t, &s, err) || read_chunks(in, &s, t, err)) {
		tensor_release(in, t);
		return NULL;
	}
	return cache_add(in, t, key);
}

/* ---- weights -------------------------------------------------------------------------------- */

struct sql_tensor *inspect_weight(struct inspect *in, const char *name, struct err *err)
{
	const struct safetensor *w;
	struct sql_tensor *t;
	char key[200];

	snprintf(key, sizeof(key), "weight %s", name);
	t = cache_find(in, key);
	if (t)
		return t;
	w = find_weight(in, name, err);
	if (!w)
		return NULL;
	t = tensor_new(w->t.n_dims, w->t.shape, err);
	if (!t)
		return NULL;
	t->dtype = w->t.dtype;
	snprintf(t->name, sizeof(t->name), "the weight %.120s", name);
	for (int64_t i = 0; i < t->numel && w->t.dtype > DTYPE_BF16; i++)
		t->data[i] = (float)tensor_get(&w->t, i);
	if (w->t.dtype <= DTYPE_BF16)
		in->opt.kernels->convert(t->data, w->t.data, w->t.dtype, t->numel);
	return cache_add(in, t, key);
}

/* ---- arguments ------------------------------------------------------------------------------ */

/* What stands behind "weight:"; NULL when the text is something else. */
static const char *weight_name(const char *text)
{
	size_t len = sizeof(WEIGHT_PREFIX) - 1;

	return strncmp(text, WEIGHT_PREFIX, len) ? NULL : text + len;
}

/* The text alone must not open a checkpoint: a view in somebody's file may hold it. */
static int check_weight(const struct inspect *in, const char *name, struct err *err)
{
	if (in->may_open)
		return 0;
	return err_set(err, ERR_USAGE,
		       "'" WEIGHT_PREFIX "%.80s' opens no checkpoint: call weight('%.80s')", name,
		       name);
}

struct sql_tensor *inspect_tensor(struct inspect *in, sqlite3_value *arg, struct err *err)
{
	const char *text;

	switch (sqlite3_value_type(arg)) {
	case SQLITE_INTEGER:
		return inspect_value(in, sqlite3_value_int64(arg), err);
	case SQLITE_TEXT:
		text = (const char *)sqlite3_value_text(arg);
		if (!weight_name(text))
			return inspect_named(in, text, err);
		if (check_weight(in, weight_name(text), err))
			return NULL;
		return inspect_weight(in, weight_name(text), err);
	case SQLITE_BLOB:
		return blob_tensor(arg, err);
	default:
		err_set(err, ERR_USAGE,
			"expected a tensor: an id of v_value, the name of a point, or a blob");
		return NULL;
	}
}

/* The head of a weight. */
static int weight_head(struct inspect *in, const char *name, struct sql_tensor *head,
		       struct err *err)
{
	const struct safetensor *w;

	if (check_weight(in, name, err))
		return err->code;
	w = find_weight(in, name, err);
	if (!w)
		return err->code;
	head->dtype = w->t.dtype;
	head->n_dims = w->t.n_dims;
	memcpy(head->shape, w->t.shape, sizeof(head->shape));
	return 0;
}

int inspect_shape(struct inspect *in, sqlite3_value *arg, struct sql_tensor *out, struct err *err)
{
	int type = sqlite3_value_type(arg);
	const char *text = type == SQLITE_TEXT ? (const char *)sqlite3_value_text(arg) : NULL;
	struct sql_tensor *t;

	*out = (struct sql_tensor){ .dump_from = -1 };
	if (text && weight_name(text))
		return weight_head(in, weight_name(text), out, err);
	if (type == SQLITE_INTEGER)
		return inspect_head(in, sqlite3_value_int64(arg), out, err);
	t = inspect_tensor(in, arg, err);
	if (!t)
		return err->code;
	out->dtype = t->dtype;
	out->n_dims = t->n_dims;
	memcpy(out->shape, t->shape, sizeof(out->shape));
	tensor_release(in, t);
	return 0;
}
