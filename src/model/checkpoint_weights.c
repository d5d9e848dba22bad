/*
 * checkpoint_weights.c -- what takes a look at every weight: their hash, and whether all are
 * finite.
 *
 * Weights are read in slices of a fixed size, in parallel; a result never depends on who read
 * which.  Reading 14.5 GB takes seconds, so both answers are remembered by what identifies the
 * state of every file.
 */
#define XXH_INLINE_ALL
#include <xxhash.h>

#include "torchless/checkpoint.h"
#include "torchless/mem.h"
#include "torchless/remembered.h"
#include "torchless/threads.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#define SLICE_BYTES ((int64_t)4 << 20)

/* ---- the cache ----------------------------------------------------------------------------- */

/*
 * A file that was written a moment ago may be written again within the same tick of its clock,
 * which its time would not show.
 */
static bool is_settled(const struct checkpoint *ck)
{
	time_t now = time(NULL);

	for (int f = 0; f < ck->n_files; f++) {
		if (ck->files[f].id.mtime_s >= (int64_t)now - 2)
			return false;
	}
	return true;
}

/* The name of the answer called `kind`; false when it may not be kept. */
static bool name_answer(const struct checkpoint *ck, const char *kind, struct text *name)
{
	struct text key = { 0 };

	if (!is_settled(ck))
		return false;
	text_addf(&key, "1 %d\n", ck->config.tied_embeddings);
	for (int f = 0; f < ck->n_files; f++) {
		const struct file_id *id = &ck->files[f].id;
		text_addf(&key, "%" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRId64 ".%09" PRId64 "\n",
			  id->device, id->inode, id->bytes, id->mtime_s, id->mtime_ns);
	}
	XXH128_hash_t h = XXH3_128bits(key.data, key.len);
	text_addf(name, "%016" PRIx64 "%016" PRIx64 ".%s", h.high64, h.low64, kind);
	text_release(&key);
	return true;
}

/* Append the remembered answer to *answer; false when there is none. */
static bool cache_get(const struct checkpoint *ck, const char *kind, struct text *answer)
{
	struct text name = { 0 };
	bool found = name_answer(ck, kind, &name) && remembered_get(name.data, answer);

	text_release(&name);
	return found;
}

static void cache_put(const struct checkpoint *ck, const char *kind, const char *answer)
{
	struct text name = { 0 };

	if (name_answer(ck, kind, &name))
		remembered_put(name.data, answer);
	text_release(&name);
}

/* What was read is what the files' ids stand for only if nobody wrote to them meanwhile. */
static int check_unchanged(const struct checkpoint *ck, struct err *err)
{
	for (int f = 0; f < ck->n_files; f++) {
		const struct file_id *id = &ck->files[f].id;
		struct stat sb;

		/* A file that was replaced is no problem: the mapping holds the old one. */
		if (stat(ck->files[f].path, &sb) || (uint64_t)sb.st_ino != id->inode ||
		    (uint64_t)sb.st_dev != id->device)
			continue;
		if ((uint64_t)sb.st_size != id->bytes || sb.st_mtim.tv_sec != id->mtime_s ||
		    sb.st_mtim.tv_nsec != id->mtime_ns)
			return err_set(err, ERR_IO, "%s was changed while it was being read",
				       ck->files[f].path);
	}
	return 0;
}

/* ---- slices -------------------------------------------------------------------------------- */

/* A part of one tensor. */
struct slice {
	const struct file_tensor *t;
	const char *data;
	int64_t bytes;
};

struct slices {
	struct slice *a;
	int64_t n;
};

static int64_t n_slices_of(const struct file_tensor *t)
{
	return (t->bytes + SLICE_BYTES - 1) / SLICE_BYTES;
}

static void add_slices(struct slices *s, const struct file_tensor *t)
{
	for (int64_t at = 0; at < t->bytes; at += SLICE_BYTES) {
		int64_t rest = t->bytes - at;
		s->a[s->n++] = (struct slice){ t, (const char *)t->t.data + at,
					       rest < SLICE_BYTES ? rest : SLICE_BYTES };
	}
}

/* All weights in name order, *n of them; free() the array. */
static int by_name(const void *a, const void *b)
{
	const struct file_tensor *const *x = a, *const *y = b;

	return strcmp((*x)->name, (*y)->name);
}

static const struct file_tensor **sorted_weights(const struct checkpoint *ck, int64_t *n)
{
	const struct file_tensor **all = NULL;
	size_t cap = 0;

	*n = 0;
	for (int f = 0; f < ck->n_files; f++) {
		for (int i = 0; i < ck->files[f].n_tensors; i++) {
			const struct file_tensor *t = &ck->files[f].tensors[i];
			if (!checkpoint_is_weight(ck, t))
				continue;
			all = mem_grow(all, (size_t)*n, &cap, sizeof(struct file_tensor *));
			all[(*n)++] = t;
		}
	}
	if (*n > 1)
		qsort(all, (size_t)*n, sizeof(struct file_tensor *), by_name);
	return all;
}

static struct slices slice_all(const struct file_tensor **weights, int64_t n)
{
	struct slices s = { 0 };
	int64_t total = 0;

	for (int64_t i = 0; i < n; i++)
		total += n_slices_of(weights[i]);
	s.a = mem_calloc((size_t)total, sizeof(*s.a));
	for (int64_t i = 0; i < n; i++)
		add_slices(&s, weights[i]);
	return s;
}

/* ---- the hash ------------------------------------------------------------------------------ */

struct hash_job {
	const struct slice *slices;
	XXH128_canonical_t *digests;
};

static void hash_slice(void *ctx, int64_t i, int worker)
{
	const struct hash_job *job = ctx;

	(void)worker;
	XXH128_canonicalFromHash(&job->digests[i],
				 XXH3_128bits(job->slices[i].data, (size_t)job->slices[i].bytes));
}

/* Name, dtype and shape as bytes that no other tensor has: lengths are part of them. */
static void describe(struct text *out, const struct file_tensor *t)
{
	text_addf(out, "%zu %s %s %d", strlen(t->name), t->name, t->dtype, t->rank);
	for (int d = 0; d < t->t.n_dims; d++)
		text_addf(out, " %" PRId64, t->t.shape[d]);
	text_addf(out, " %" PRId64 "\n", t->bytes);
}

/* The hash of descriptions and slice digests, tensor by tensor in name order. */
static void hash_weights(const struct checkpoint *ck, struct threads *pool, uint8_t hash[16])
{
	int64_t n, at = 0;
	const struct file_tensor **weights = sorted_weights(ck, &n);
	struct slices s = slice_all(weights, n);
	struct hash_job job = { s.a, mem_calloc((size_t)s.n, sizeof(*job.digests)) };
	struct text all = { 0 };
	XXH128_canonical_t digest;

	threads_for(pool, s.n, hash_slice, &job);
	for (int64_t i = 0; i < n; i++) {
		int64_t k = n_slices_of(weights[i]);
		describe(&all, weights[i]);
		text_add(&all, job.digests + at, (size_t)k * sizeof(*job.digests));
		at += k;
	}
	XXH128_canonicalFromHash(&digest, XXH3_128bits(all.data, all.len));
	memcpy(hash, digest.digest, 16);
	text_release(&all);
	free(job.digests);
	free(s.a);
	free(weights);
}

static bool parse_hash(const struct text *hex, uint8_t hash[16])
{
	if (hex->len != 32)
		return false;
	for (size_t i = 0; i < 16; i++) {
		unsigned byte;
		if (sscanf(hex->data + 2 * i, "%2x", &byte) != 1)
			return false;
		hash[i] = (uint8_t)byte;
	}
	return true;
}

int checkpoint_hash(const struct checkpoint *ck, struct threads *pool, uint8_t hash[16],
		    struct err *err)
{
	struct text hex = { 0 };
	bool known = cache_get(ck, "hash", &hex) && parse_hash(&hex, hash);
	int rc = 0;

	if (!known) {
		hash_weights(ck, pool, hash);
		rc = check_unchanged(ck, err);
	}
	if (!known && !rc) {
		text_clear(&hex);
		for (int i = 0; i < 16; i++)
			text_addf(&hex, "%02x", hash[i]);
		cache_put(ck, "hash", hex.data);
	}
	text_release(&hex);
	return rc;
}

void checkpoint_tokenizer_hash(const struct checkpoint *ck, uint8_t hash[16])
{
	XXH128_canonical_t digest;

	XXH128_canonicalFromHash(&digest, XXH3_128bits(ck->tokenizer_json, ck->tokenizer_json_len));
	memcpy(hash, digest.digest, 16);
}

/* ---- weights that are not finite ----------------------------------------------------------- */

/* Whether any 16-bit word has every bit of `mask` set, which is the exponent of NaN and infinity.
 */
static bool any_masked16(const char *data, int64_t n, uint16_t mask)
{
	unsigned found = 0;

	for (int64_t i = 0; i < n; i++) {
		uint16_t w;
		memcpy(&w, data + 2 * i, 2);
		found |= (uint16_t)(w & mask) == mask;
	}
	return found;
}

static bool any_masked32(const char *data, int64_t n, uint32_t mask)
{
	unsigned found = 0;

	for (int64_t i = 0; i < n; i++) {
		uint32_t w;
		memcpy(&w, data + 4 * i, 4);
		found |= (w & mask) == mask;
	}
	return found;
}

static bool is_bad_slice(const struct slice *s)
{
	if (s->t->unsupported)
		return false;
	switch (s->t->t.dtype) {
	case DTYPE_F16:
		return any_masked16(s->data, s->bytes / 2, 0x7c00);
	case DTYPE_BF16:
		return any_masked16(s->data, s->bytes / 2, 0x7f80);
	case DTYPE_F32:
		return any_masked32(s->data, s->bytes / 4, 0x7f800000);
	case DTYPE_F64: /* no kernel reads them */
	case DTYPE_I32:
	case DTYPE_U8:
	case DTYPE_I64:
	DTYPE_BLOCK_CASES:
	case DTYPE_COUNT:
		break;
	}
	return false;
}

struct finite_job {
	const struct slice *slices;
	bool *bad; /* one a slice */
};

static void check_slice(void *ctx, int64_t i, int worker)
{
	const struct finite_job *job = ctx;

	(void)worker;
	job->bad[i] = is_bad_slice(&job->slices[i]);
}

static const char *find_bad_weight(const struct checkpoint *ck, struct threads *pool)
{
	int64_t n;
	const struct file_tensor **weights = sorted_weights(ck, &n);
	struct slices s = slice_all(weights, n);
	struct finite_job job = { s.a, mem_calloc((size_t)s.n, sizeof(*job.bad)) };
	const char *name = NULL;

	threads_for(pool, s.n, check_slice, &job);
	for (int64_t i = 0; i < s.n && !name; i++)
		name = job.bad[i] ? s.a[i].t->name : NULL;
	free(job.bad);
	free(s.a);
	free(weights);
	return name;
}

const char *checkpoint_first_bad_weight(const struct checkpoint *ck, struct threads *pool)
{
	struct text known = { 0 };
	const struct file_tensor *t = NULL;
	bool is_known = cache_get(ck, "finite", &known);
	const char *name;
	struct err ignored;

	/* An empty answer: all are finite. */
	if (is_known && known.len)
		t = checkpoint_find(ck, known.data, NULL);
	is_known = is_known && (known.len == 0 || t);
	name = is_known ? (t ? t->name : NULL) : find_bad_weight(ck, pool);
	if (!is_known && !check_unchanged(ck, &ignored))
		cache_put(ck, "finite", name ? name : "");
	text_release(&known);
	return name;
}
