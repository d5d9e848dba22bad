/*
 * payload.c -- what is stored of a value, as an array.
 *
 * A dump is the file's word against itself: its shape, its bytes and its pass must agree before
 * anything is read.
 */
#include "inspect_impl.h"

#include "torchless/mem.h"

#include <stdio.h>
#include <string.h>

int parse_shape(const char *text, int64_t shape[TENSOR_MAX_DIMS], int *n_dims, int64_t *numel,
		struct err *err)
{
	if (array_parse_shape(text ? text : "?", shape, n_dims, numel))
		return 0;
	return err_set(err, ERR_FORMAT,
		       "the recording is damaged: \"%.60s\" is no shape of a tensor",
		       text ? text : "");
}

/* What the recording says of a value's dump. */
struct stored {
	int64_t id, tensor_id, raw_bytes, dump_from, pass, pos0, n_tok;
	struct array head; /* dtype and shape */
	char fqn[128], axes[64];
};

/* The value exists but its numbers were not kept: say what would have kept them. */
static int not_captured(const struct stored *s, struct err *err)
{
	static const char said[] = "were not recorded, only its statistics: record with `torchless "
				   "trace --capture";

	/* A set of many kinds of points is no answer to a question about one. */
	for (int i = 0; i < capture_sets_len; i++)
		for (int k = 0; k < CAPTURE_SET_MAX && !capture_sets[i].patterns[2]; k++)
			if (capture_sets[i].patterns[k] &&
			    text_glob(capture_sets[i].patterns[k], s->fqn))
				return err_set(err, ERR_USAGE, "the numbers of %s %s %s PROMPT`",
					       s->fqn, said, capture_sets[i].name);
	return err_set(err, ERR_USAGE, "the numbers of %s %s '%s' PROMPT`", s->fqn, said, s->fqn);
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
	if (sqlite3_column_type(q, 3) == SQLITE_NULL || dtype < 0 || dtype > DTYPE_F64)
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
	if (array_numel(s->head.n_dims, s->head.shape, &s->head.numel, err))
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
	ret = inspect_step(in, q, err);
	if (ret > 0)
		ret = read_stored_row(q, s, err);
	else if (!ret)
		ret = err_set(err, ERR_USAGE, "the recording has no value %lld", (long long)id);
	sqlite3_finalize(q);
	return ret;
}

/* Convert len bytes of the payload to f32 behind the *done elements that are there. */
static bool append_chunk(struct array *t, int64_t *done, const void *bytes, int64_t len,
			 const struct kernels *k)
{
	int64_t size = dtype_table[t->dtype].block_bytes, n = len / size;

	if (len % size || n > t->numel - *done)
		return false;
	if (t->dtype <= DTYPE_BF16) {
		k->convert(t->data + *done, bytes, t->dtype, n);
	} else {
		/* A reference in f64, rounded as whoever computes in f32 has it. */
		const struct tensor x = tensor_make(t->dtype, 1, &n, (void *)bytes);

		for (int64_t i = 0; i < n; i++)
			t->data[*done + i] = (float)tensor_get(&x, i);
	}
	*done += n;
	return true;
}

static int read_chunks(struct inspect *in, const struct stored *s, struct array *t, struct err *err)
{
	sqlite3_stmt *q = NULL;
	int64_t done = 0, expected = 0;
	bool ok = true;
	int ret = 0;

	if (inspect_prepare(
		    in, "SELECT chunk, data FROM tensor_chunk WHERE tensor_id = ?1 ORDER BY chunk",
		    &q, err))
		return err->code;
	sqlite3_bind_int64(q, 1, s->tensor_id);
	while (ok && (ret = inspect_step(in, q, err)) > 0)
		ok = sqlite3_column_int64(q, 0) == expected++ &&
		     append_chunk(t, &done, sqlite3_column_blob(q, 1), sqlite3_column_bytes(q, 1),
				  in->opt.kernels);
	sqlite3_finalize(q);
	if (ret < 0)
		return ret;
	if (ok && done == t->numel)
		return 0;
	return err_set(err, ERR_FORMAT,
		       "the recording is damaged: the chunks of %s do not make %lld elements",
		       s->fqn, (long long)t->numel);
}

/* What the tensor is called, and what its indices count. */
static int describe(struct array *t, const struct stored *s, struct err *err)
{
	int64_t end = s->pos0 + s->n_tok;

	t->dtype = s->head.dtype;
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

#define SMALL_BYTES (16 << 20) /* of a dump that is not held against its file */

/* What a row says of a size is nothing to ask memory for: the bytes lie in the file, or nowhere. */
static int check_size(struct inspect *in, const struct stored *s, struct err *err)
{
	sqlite3_stmt *q = NULL;
	int64_t bytes = 0;
	int ret;

	if (s->raw_bytes <= SMALL_BYTES)
		return 0;
	if (inspect_prepare(
		    in, "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size",
		    &q, err))
		return err->code;
	ret = inspect_step(in, q, err);
	if (ret > 0)
		bytes = sqlite3_column_int64(q, 0);
	sqlite3_finalize(q);
	if (ret < 0 || s->raw_bytes <= bytes)
		return ret < 0 ? ret : 0;
	return err_set(err, ERR_FORMAT,
		       "the recording is damaged: the dump of %s has %lld bytes, its file %lld",
		       s->fqn, (long long)s->raw_bytes, (long long)bytes);
}

int inspect_head(struct inspect *in, int64_t id, struct array *head, struct err *err)
{
	struct stored s;

	if (find_stored(in, id, &s, err))
		return err->code;
	*head = s.head;
	return describe(head, &s, err);
}

struct array *inspect_value(struct inspect *in, int64_t id, struct err *err)
{
	struct stored s;
	struct array *t;
	char key[40];

	snprintf(key, sizeof(key), "value %lld", (long long)id);
	t = cache_find(in, key);
	if (t)
		return t;
	if (find_stored(in, id, &s, err) || check_size(in, &s, err))
		return NULL;
	t = array_new(s.head.n_dims, s.head.shape, err);
	if (!t)
		return NULL;
	if (describe(t, &s, err) || read_chunks(in, &s, t, err)) {
		array_release(t);
		return NULL;
	}
	return cache_add(in, t, key);
}
