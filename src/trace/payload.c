/*
 * payload.c -- dumped tensors: chunks of at most 4 MiB, equal payloads stored once.
 *
 * SQLite's blobs end at 1e9 bytes and are written as one piece, so a tensor goes out in chunks of
 * whole rows of axis 0 (parts of a row where one is larger than a chunk).  Joined, the chunks are
 * the array: numpy.frombuffer reads it.  Whether it is there already is known only at its end, when
 * its hash is: then the chunks just written are compared with the old ones and dropped.
 */
#include "writer.h"

#include "torchless/clock.h"
#include "torchless/mem.h"
#include "torchless/numbers.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/*
 * Dumps of this many bytes are committed inside their pass: what a transaction has written beyond
 * the memory for pages is in the log already, and is read again and rewritten there when it ends.
 */
#define TRANSACTION_BYTES ((int64_t)8 << 20)

static void format_shape(char *buf, size_t size, const int64_t *shape, int n_dims)
{
	size_t used = 0;
	int i;

	buf[0] = '\0';
	for (i = 0; i < n_dims; i++)
		used += (size_t)snprintf(buf + used, size - used, "%s%lld", i ? "," : "",
					 (long long)shape[i]);
}

/* The pages of a transaction, which the first dump makes larger than rows are. */
static int make_room(struct trace_writer *w, struct err *err)
{
	struct payload *p = &w->payload;

	if (p->buffer)
		return 0;
	p->buffer = mem_try_aligned(PAYLOAD_CHUNK_BYTES);
	if (!p->buffer)
		return err_set(err, ERR_MEMORY,
			       "out of memory: the chunks of a dump take %d bytes more",
			       PAYLOAD_CHUNK_BYTES);
	return db_exec(&w->db, "PRAGMA cache_size = -16384", err);
}

int payload_begin(struct trace_writer *w, enum dtype dtype, const int64_t *shape, int n_dims,
		  struct err *err)
{
	struct payload *p = &w->payload;
	int64_t row_bytes = dtype_table[dtype].block_bytes;
	int i;

	if (make_room(w, err))
		return err->code;
	for (i = 1; i < n_dims; i++)
		row_bytes *= shape[i];
	p->id = w->next_tensor++;
	p->dtype = dtype;
	p->chunk_rows = row_bytes > 0 ? PAYLOAD_CHUNK_BYTES / row_bytes : 1;
	p->chunk_bytes = p->chunk_rows ? p->chunk_rows * row_bytes : PAYLOAD_CHUNK_BYTES;
	p->n_chunks = p->total_bytes = p->used = 0;
	p->left_bytes = n_dims > 0 ? row_bytes * shape[0] : row_bytes;
	format_shape(p->shape, sizeof(p->shape), shape, n_dims);
	if (!p->hash)
		p->hash = hash_new();
	XXH3_64bits_reset(p->hash);
	return writer_begin(w, err);
}

static int write_chunk(struct trace_writer *w, const char *data, int64_t bytes, struct err *err)
{
	struct payload *p = &w->payload;
	int64_t started = clock_thread_ns();
	int ret;

	if (stmt_ready(&w->db, &w->sql.chunk,
		       "INSERT INTO tensor_chunk(tensor_id, chunk, data) "
		       "VALUES(:tensor, :chunk, :data)",
		       err))
		return err->code;
	hash_update(p->hash, data, (size_t)bytes);
	stmt_int(&w->sql.chunk, ":tensor", p->id);
	stmt_int(&w->sql.chunk, ":chunk", p->n_chunks++);
	stmt_blob(&w->sql.chunk, ":data", data, (size_t)bytes);
	p->total_bytes += bytes;
	p->left_bytes -= bytes;
	ret = stmt_run(&w->db, &w->sql.chunk, err);
	w->totals.writing_ns += clock_thread_ns() - started;
	return ret;
}

static void convert(char *dst, enum dtype dtype, const float *x, int64_t n)
{
	uint16_t half;
	int64_t i;

	if (dtype == DTYPE_F32) {
		memcpy(dst, x, (size_t)n * sizeof(*x));
		return;
	}
	for (i = 0; i < n; i++) {
		half = dtype == DTYPE_F16 ? f32_to_f16(x[i]) : f32_to_bf16(x[i]);
		memcpy(dst + 2 * i, &half, sizeof(half));
	}
}

/* Bytes of the chunk that is being filled: the last one is what is left. */
static int64_t chunk_size(const struct payload *p)
{
	return int64_min(p->chunk_bytes, p->left_bytes);
}

/* Up to the end of the chunk, through the buffer; how many of n were taken. */
static int64_t fill_chunk(struct payload *p, const float *x, int64_t n)
{
	int64_t element = dtype_table[p->dtype].block_bytes;
	int64_t take = int64_min(n, (chunk_size(p) - p->used) / element);

	convert(p->buffer + p->used, p->dtype, x, take);
	p->used += take * element;
	return take;
}

int payload_add(struct trace_writer *w, const float *x, int64_t n, struct err *err)
{
	struct payload *p = &w->payload;
	int64_t take;

	for (; n > 0; x += take, n -= take) {
		int64_t size = chunk_size(p);

		/* A chunk that lies there as it is stored needs no copy. */
		if (!p->used && p->dtype == DTYPE_F32 && n * (int64_t)sizeof(*x) >= size) {
			take = size / (int64_t)sizeof(*x);
			if (write_chunk(w, (const char *)x, size, err))
				return err->code;
			continue;
		}
		take = fill_chunk(p, x, n);
		if (p->used < size)
			continue;
		p->used = 0;
		if (write_chunk(w, p->buffer, size, err))
			return err->code;
	}
	return 0;
}

/* ---- stored once --------------------------------------------------------------------------- */

static struct payload_key *find_slot(const struct payload_index *x, int64_t hash, int64_t bytes)
{
	size_t i = (size_t)hash & (x->cap - 1);

	while (x->slots[i].id && (x->slots[i].hash != hash || x->slots[i].bytes != bytes))
		i = (i + 1) & (x->cap - 1);
	return &x->slots[i];
}

static void grow_index(struct payload_index *x)
{
	struct payload_index old = *x;
	size_t i;

	x->cap = old.cap ? old.cap * 2 : 256;
	x->slots = mem_calloc(x->cap, sizeof(*x->slots));
	for (i = 0; i < old.cap; i++) {
		if (old.slots[i].id)
			*find_slot(x, old.slots[i].hash, old.slots[i].bytes) = old.slots[i];
	}
	free(old.slots);
}

void payload_known(struct trace_writer *w, int64_t key, int64_t bytes, int64_t id)
{
	struct payload_key *slot;

	if (w->stored.n * 2 >= w->stored.cap)
		grow_index(&w->stored);
	slot = find_slot(&w->stored, key, bytes);
	if (slot->id)
		return;
	*slot = (struct payload_key){ key, bytes, id };
	w->stored.n++;
}

void payload_forget(struct trace_writer *w, int64_t id)
{
	struct payload_index old = w->stored;
	size_t i;

	w->stored = (struct payload_index){ 0 };
	for (i = 0; i < old.cap; i++)
		if (old.slots[i].id && old.slots[i].id < id)
			payload_known(w, old.slots[i].hash, old.slots[i].bytes, old.slots[i].id);
	free(old.slots);
}

/* 1 when the chunks of tensors a and b are the same bytes. */
static int same_chunks(struct trace_writer *w, int64_t a, int64_t b, struct err *err)
{
	int ret =
		stmt_ready(&w->db, &w->sql.same,
			   "SELECT NOT EXISTS(SELECT 1 FROM tensor_chunk x LEFT JOIN tensor_chunk y"
			   " ON y.tensor_id = :b AND y.chunk = x.chunk"
			   " WHERE x.tensor_id = :a AND x.data IS NOT y.data)",
			   err);

	if (ret)
		return ret;
	stmt_int(&w->sql.same, ":a", a);
	stmt_int(&w->sql.same, ":b", b);
	ret = stmt_step(&w->db, &w->sql.same, err);
	if (ret > 0)
		ret = sqlite3_column_int(w->sql.same.handle, 0);
	sqlite3_reset(w->sql.same.handle);
	return ret;
}

static int drop_chunks(struct trace_writer *w, int64_t id, struct err *err)
{
	if (stmt_ready(&w->db, &w->sql.chunk_drop, "DELETE FROM tensor_chunk WHERE tensor_id = :id",
		       err))
		return err->code;
	stmt_int(&w->sql.chunk_drop, ":id", id);
	w->next_tensor = id;
	return stmt_run(&w->db, &w->sql.chunk_drop, err);
}

static int insert_tensor(struct trace_writer *w, int64_t hash, struct err *err)
{
	struct payload *p = &w->payload;
	struct stmt *s = &w->sql.tensor;

	if (stmt_ready(&w->db, s,
		       "INSERT INTO tensor(id, hash, dtype, shape, raw_bytes, chunk_rows) "
		       "VALUES(:id, :hash, :dtype, :shape, :bytes, :rows)",
		       err))
		return err->code;
	stmt_int(s, ":id", p->id);
	stmt_int(s, ":hash", hash);
	stmt_int(s, ":dtype", p->dtype);
	stmt_text(s, ":shape", p->shape);
	stmt_int(s, ":bytes", p->total_bytes);
	stmt_int(s, ":rows", p->chunk_rows);
	w->totals.dump_bytes += p->total_bytes;
	w->transaction_bytes += p->total_bytes;
	return stmt_run(&w->db, s, err);
}

int64_t payload_key(const char *shape, enum dtype dtype, int64_t hash)
{
	uint64_t key = XXH3_64bits_withSeed(shape, strlen(shape), (XXH64_hash_t)hash);

	return (int64_t)(key + (uint64_t)dtype);
}

int payload_end(struct trace_writer *w, int64_t *tensor_id, struct err *err)
{
	struct payload *p = &w->payload;
	struct payload_key *slot;
	int64_t hash, key;
	int same = 0;

	assert(!p->left_bytes && "the rows that were announced are those that came");
	hash = (int64_t)XXH3_64bits_digest(p->hash);
	key = payload_key(p->shape, p->dtype, hash);
	if (w->stored.n * 2 >= w->stored.cap)
		grow_index(&w->stored);
	slot = find_slot(&w->stored, key, p->total_bytes);
	if (slot->id)
		same = same_chunks(w, slot->id, p->id, err);
	w->totals.n_dumps++;
	if (same < 0)
		return same;
	if (same) {
		*tensor_id = slot->id;
		return drop_chunks(w, p->id, err);
	}
	payload_known(w, key, p->total_bytes, p->id);
	*tensor_id = p->id;
	if (insert_tensor(w, hash, err))
		return err->code;
	return w->transaction_bytes > TRANSACTION_BYTES ? writer_commit(w, err) : 0;
}

void payload_abandon(struct trace_writer *w)
{
	struct err ignored = { 0 };
	long long id = w->payload.id;
	char sql[112];

	snprintf(
		sql, sizeof(sql),
		"DELETE FROM tensor_chunk WHERE tensor_id = %lld; DELETE FROM tensor WHERE id = %lld",
		id, id);
	db_exec(&w->db, sql, &ignored);
	payload_forget(w, id);
	w->next_tensor = id;
}

void payload_release(struct trace_writer *w)
{
	free(w->payload.buffer);
	XXH3_freeState(w->payload.hash);
	free(w->stored.slots);
}
