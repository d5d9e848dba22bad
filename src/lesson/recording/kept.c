/*
 * kept.c -- see kept.h.
 *
 * A recording of the cache is called by a hash of what made it, the model among it, and a hash of
 * its bytes, which whoever found it has just compared.  So the names of the recordings, the query
 * and the program are all that an answer depends on.  A file of answers holds the hash of these,
 * the rows, and a sum of all that; numbers are as they lie in memory, for no other machine reads
 * it.
 */
#include "kept.h"

#include "../cache/cache.h"
#include "torchless/mem.h"
#include "wanted.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <xxhash.h>

#define RULES       "answers 1"       /* another when the file is written otherwise */
#define MAX_BYTES   ((size_t)1 << 20) /* of an answer that is kept */
#define MAX_COLUMNS 2000              /* more than SQLite gives */

/* ---- its name ------------------------------------------------------------------------------- */

static XXH128_hash_t key_of(const struct classroom *room, const char *path, const char *sql)
{
	const char *slash = strrchr(path, '/');
	struct text key = { 0 };
	XXH128_hash_t hash;

	text_addf(&key, RULES "\n%s\n", slash ? slash + 1 : path);
	wanted_add_program(room, &key);
	text_adds(&key, sql);
	hash = XXH3_128bits(key.data, key.len);
	text_release(&key);
	return hash;
}

/* ---- written -------------------------------------------------------------------------------- */

static void put(struct text *t, const void *data, size_t len)
{
	text_add(t, data, len);
}

static void put_int(struct text *t, int64_t n)
{
	put(t, &n, sizeof(n));
}

static void put_bytes(struct text *t, const char *s, size_t len)
{
	put_int(t, (int64_t)len);
	put(t, s ? s : "", len);
}

static void put_cell(struct text *t, const struct sheet_cell *c)
{
	put_int(t, c->type);
	put_int(t, c->i);
	put(t, &c->d, sizeof(c->d));
	put_bytes(t, c->s, c->len);
}

static void write_answer(const struct sheet *s, XXH128_hash_t key, struct text *t)
{
	uint64_t sum;

	put(t, &key, sizeof(key));
	put_int(t, s->n_columns);
	put_int(t, s->n_rows);
	put_int(t, s->n_statements);
	for (int i = 0; i < s->n_columns; i++)
		put_bytes(t, s->columns[i], strlen(s->columns[i]));
	for (int64_t i = 0; i < s->n_rows * s->n_columns && t->len < MAX_BYTES; i++)
		put_cell(t, &s->cells[i]);
	sum = XXH3_64bits(t->data, t->len);
	put(t, &sum, sizeof(sum));
}

/* ---- read ----------------------------------------------------------------------------------- */

/* Bytes that are taken from the front; `bad` once there were too few. */
struct reading {
	const char *at;
	size_t left;
	bool bad;
};

static void take(struct reading *r, void *data, size_t len)
{
	r->bad |= len > r->left;
	if (r->bad) {
		memset(data, 0, len);
		return;
	}
	memcpy(data, r->at, len);
	r->at += len;
	r->left -= len;
}

/* A number from 0 to `most`. */
static int64_t take_count(struct reading *r, int64_t most)
{
	int64_t n;

	take(r, &n, sizeof(n));
	r->bad |= n < 0 || n > most;
	return r->bad ? 0 : n;
}

/* NULL where there are none. */
static char *take_bytes(struct reading *r, size_t *len)
{
	char *s;

	*len = (size_t)take_count(r, (int64_t)r->left);
	if (r->bad)
		return NULL;
	s = mem_memdup(r->at, *len);
	r->at += *len;
	r->left -= *len;
	return s;
}

static void take_cell(struct reading *r, struct sheet_cell *c)
{
	c->type = (enum cell_type)take_count(r, CELL_BLOB);
	take(r, &c->i, sizeof(c->i));
	take(r, &c->d, sizeof(c->d));
	c->s = take_bytes(r, &c->len);
}

static void read_rows(struct reading *r, struct sheet *s)
{
	size_t ignored;

	s->n_columns = (int)take_count(r, MAX_COLUMNS);
	s->n_rows = take_count(r, SHEET_ROWS);
	s->n_statements = (int)take_count(r, 1);
	/* No more memory than there are bytes. */
	r->bad |= s->n_rows * s->n_columns > (int64_t)r->left;
	if (r->bad)
		s->n_columns = 0;
	if (r->bad)
		s->n_rows = 0;
	s->columns = mem_calloc((size_t)s->n_columns + 1, sizeof(*s->columns));
	s->cells = mem_calloc((size_t)(s->n_rows * s->n_columns) + 1, sizeof(*s->cells));
	for (int i = 0; i < s->n_columns; i++)
		s->columns[i] = take_bytes(r, &ignored);
	for (int64_t i = 0; i < s->n_rows * s->n_columns; i++)
		take_cell(r, &s->cells[i]);
}

/* Whether it is what was kept under that name, to the last byte. */
static bool read_answer(const struct text *file, XXH128_hash_t key, struct sheet *s)
{
	struct reading r = { file->data, file->len, file->len < sizeof(key) + sizeof(uint64_t) };
	XXH128_hash_t said;
	uint64_t sum;

	if (r.bad)
		return false;
	r.left -= sizeof(sum);
	memcpy(&sum, file->data + r.left, sizeof(sum));
	if (XXH3_64bits(file->data, r.left) != sum)
		return false;
	take(&r, &said, sizeof(said));
	if (!XXH128_isEqual(said, key))
		return false;
	read_rows(&r, s);
	if (!r.bad && !r.left)
		return true;
	sheet_release(s);
	return false;
}

/* ---- both ----------------------------------------------------------------------------------- */

static bool find(const char *path, XXH128_hash_t key, struct sheet *s)
{
	struct text file = { 0 };
	struct err ignored = { 0 };
	bool found = text_read_regular(&file, path, 2 * MAX_BYTES, &ignored) == 0 &&
		     read_answer(&file, key, s);

	if (found)
		cache_use(path);
	else if (file.len)
		unlink(path);
	text_release(&file);
	return found;
}

/* What cannot be kept is asked again. */
static void keep(const char *folder, const char *name, XXH128_hash_t key, const struct sheet *s)
{
	struct text file = { 0 };

	write_answer(s, key, &file);
	if (file.len <= MAX_BYTES && !s->more && s->n_statements <= 1) {
		cache_sweep(folder, CACHE_SMALL);
		cache_put(folder, name, file.data, file.len);
	}
	text_release(&file);
}

int sheet_ask_kept(const struct classroom *room, struct recording *rec, const char *path,
		   const char *sql, struct sheet *s, struct err *err)
{
	XXH128_hash_t key = key_of(room, path, sql);
	struct text folder = { 0 }, file = { 0 };
	struct err ignored = { 0 };
	char name[40];
	bool has_folder = cache_folder(room, "answers", &folder, &ignored) == 0;
	int result = 0;

	sheet_release(s);
	snprintf(name, sizeof(name), "%016llx%016llx", (unsigned long long)key.high64,
		 (unsigned long long)key.low64);
	text_addf(&file, "%s/%s", folder.data, name);
	if (!has_folder || !find(file.data, key, s)) {
		result = sheet_ask(rec, sql, s, err);
		if (result == 0 && has_folder)
			keep(folder.data, name, key, s);
	}
	text_release(&folder);
	text_release(&file);
	return result;
}
