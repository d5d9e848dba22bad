/*
 * damage.h -- a recording that is damaged, again and again: bytes of its file, cells of its tables.
 *
 * damage_begin() keeps what the recording is; each damage starts from that.  One of `damage_every`
 * is tried, $DAMAGE_EVERY says how many: 1 is all, and takes minutes.
 */
#ifndef TESTS_DAMAGE_H
#define TESTS_DAMAGE_H

#include "recorded.h"
#include "torchless/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static size_t damage_every = 5;
static char *damage_original;
static size_t damage_bytes;

static inline void damage_begin(const char *path)
{
	const char *set = getenv("DAMAGE_EVERY");
	FILE *f = fopen(path, "rb");

	damage_every = set && atoi(set) > 0 ? (size_t)atoi(set) : damage_every;
	cr_assert(f && fseek(f, 0, SEEK_END) == 0);
	damage_bytes = (size_t)ftell(f);
	damage_original = mem_calloc(damage_bytes, 1);
	rewind(f);
	cr_assert(fread(damage_original, 1, damage_bytes, f) == damage_bytes);
	fclose(f);
}

static inline void damage_end(void)
{
	free(damage_original);
}

static inline void damage_write(const char *path, const char *bytes)
{
	FILE *f = fopen(path, "wb");

	cr_assert(f && fwrite(bytes, 1, damage_bytes, f) == damage_bytes);
	cr_assert(fclose(f) == 0);
}

/* Bytes spread over the file, each with some of its bits turned; `look` is told which. */
static inline void damage_each_byte(const char *path, int n, uint64_t seed,
				    void (*look)(const char *what))
{
	char *damaged = mem_calloc(damage_bytes, 1);

	for (int i = 0; i < n / (int)damage_every; i++) {
		char what[60];
		size_t at;
		int bits;

		seed = seed * 6364136223846793005U + 1442695040888963407U;
		at = (size_t)((double)(seed >> 40) / (1 << 24) * (double)damage_bytes);
		bits = (int)(seed >> 8 & 255);
		memcpy(damaged, damage_original, damage_bytes);
		damaged[at] = (char)(damaged[at] ^ (bits ? bits : 1));
		damage_write(path, damaged);
		snprintf(what, sizeof(what), "byte %zu ^ %d", at, bits);
		look(what);
	}
	free(damaged);
}

/* Whether every row of "table.column" took the contents, an SQL literal, against its checks. */
static inline bool damage_column(const char *path, const char *column, const char *contents,
				 char *sql, size_t size)
{
	const char *dot = strchr(column, '.');
	sqlite3 *db;
	int code;

	damage_write(path, damage_original);
	snprintf(sql, size,
		 "PRAGMA foreign_keys = OFF; PRAGMA ignore_check_constraints = ON; "
		 "UPDATE OR IGNORE %.*s SET %s = %s",
		 (int)(dot - column), column, dot + 1, contents);
	cr_assert(sqlite3_open(path, &db) == SQLITE_OK);
	code = sqlite3_exec(db, sql, NULL, NULL, NULL);
	cr_assert(code != SQLITE_ERROR, "%s: %s", sql, sqlite3_errmsg(db));
	sqlite3_close(db);
	return code == SQLITE_OK; /* else of another type than the column */
}

/* Every column with what it cannot be; both lists are ended by NULL. */
static inline void damage_each_column(const char *path, const char *const *columns,
				      const char *const *contents, void (*look)(const char *what))
{
	size_t n = 0;

	while (contents[n])
		n++;
	for (size_t i = 0; columns[i]; i++)
		for (size_t k = i % damage_every; k < n; k += damage_every) {
			char sql[300];

			if (damage_column(path, columns[i], contents[k], sql, sizeof(sql)))
				look(sql);
		}
}

#endif
