/*
 * cells.h -- a recording whose cells are changed, for the fuzzers of what reads and what continues
 * one.
 *
 * An edit is eight bytes: which column of the whole schema, which row, what it becomes.  Bytes
 * would mostly break the file; this keeps the database whole and gives its readers sizes, ids,
 * positions, types, names and JSON that no writer would.
 */
#ifndef TESTS_FUZZ_CELLS_H
#define TESTS_FUZZ_CELLS_H

#include "recording.h"

#include <sqlite3.h>

#define EDIT_BYTES 8
#define MAX_EDITS  16

/* ---- every column that there is ------------------------------------------------------------ */

/*
 * The recording that edits begin from, and a connection to a copy in memory, which is edited and
 * then made what it was: its schema and its statements stay.
 */
static struct text unedited;
static sqlite3 *db;
static unsigned char *copy;
static sqlite3_stmt **updates; /* a column each, with a value and a row to bind */
static int n_updates;

static inline void must_sql(const char *sql)
{
	if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK) {
		fprintf(stderr, "%s: %s\n", sql, sqlite3_errmsg(db));
		exit(1);
	}
}

static inline void must_open(const char *path)
{
	if (sqlite3_open(path, &db) != SQLITE_OK)
		exit(1);
	must_sql("PRAGMA foreign_keys = OFF; PRAGMA ignore_check_constraints = ON");
}

/* Take STRICT out of the schema, and the log out of the file. */
static inline void make_lax(void)
{
	must_open(recorded.path);
	sqlite3_db_config(db, SQLITE_DBCONFIG_DEFENSIVE, 0, NULL);
	must_sql("PRAGMA journal_mode = DELETE; PRAGMA writable_schema = ON;"
		 "UPDATE sqlite_schema SET sql = replace(replace(sql, "
		 "') STRICT, WITHOUT', ') WITHOUT'), ') STRICT', ')')");
	sqlite3_close(db);
}

static inline void open_copy(void)
{
	sqlite3_int64 room = (sqlite3_int64)unedited.len * 2;

	copy = sqlite3_malloc64((sqlite3_uint64)room);
	must_open(":memory:");
	if (!copy)
		exit(1);
	memcpy(copy, unedited.data, unedited.len);
	if (sqlite3_deserialize(db, "main", copy, (sqlite3_int64)unedited.len, room, 0))
		exit(1);
}

/* Each updates the row that the second parameter counts, in the order of the table's key. */
static const char columns_sql[] =
	"SELECT format('UPDATE OR REPLACE \"%w\" SET \"%w\" = ?1 WHERE (%s) = (SELECT %s FROM \"%w\" "
	"LIMIT 1 OFFSET ?2 %% max(1, (SELECT count(*) FROM \"%w\")))', t.name, c.name, k, k, t.name, "
	"t.name) FROM (SELECT name, iif(wr, (SELECT group_concat('\"' || name || '\"') FROM "
	"pragma_table_info(l.name) WHERE pk), 'rowid') k FROM pragma_table_list l WHERE type = 'table' "
	"AND schema = 'main' AND name NOT GLOB 'sqlite_*') t, pragma_table_info(t.name) c ORDER BY 1";

static inline void find_columns(void)
{
	sqlite3_stmt *s;

	if (sqlite3_prepare_v2(db, columns_sql, -1, &s, NULL) != SQLITE_OK)
		exit(1);
	while (sqlite3_step(s) == SQLITE_ROW) {
		updates = mem_realloc(updates, (size_t)n_updates + 1, sizeof(sqlite3_stmt *));
		if (sqlite3_prepare_v2(db, (const char *)sqlite3_column_text(s, 0), -1,
				       &updates[n_updates++], NULL))
			exit(1);
	}
	sqlite3_finalize(s);
	require(n_updates > 100, "there are columns");
}

/* Begin with the file at recorded.path; is_lax: columns take every type, as a stranger's may. */
static inline void cells_begin(bool is_lax)
{
	if (is_lax)
		make_lax();
	read_back(&unedited, "");
	open_copy();
	find_columns();
}

/* ---- what a cell becomes ------------------------------------------------------------------- */

static const int64_t numbers[] = {
	0,         1,          -1,        2,         7,         100,       INT32_MAX,
	INT32_MIN, UINT32_MAX, 1ll << 40, INT64_MAX, INT64_MIN, 1ll << 62, 0x7fffffff00000000,
};
static const char *const texts[] = {
	"",
	"0",
	"4294967296,4294967296",
	"1,2,3,4,5,6,7,8,9",
	"9223372036854775807",
	"-1,2",
	"pos,pos,pos,pos",
	"head,q,k",
	"{\"pos\": -1, \"run\": {}}",
	"{\"n\": 1e300, \"run\": \"x\", \"a b\": null}",
	"[[[[",
	"$(x)\x1b[2J\n\x7f",
	"model.layers.0.self_attn:q_rot",
	"model.layers.-1:out",
	"L99999999999.resid_post",
	"/dev/zero",
	"SELECT 1",
	"SELECT * FROM v_value",
	"WITH RECURSIVE t(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM t) SELECT sum(x) FROM t",
	"\xff\xfe",
};

#define N_NUMBERS (sizeof(numbers) / sizeof(*numbers))
#define N_TEXTS   (sizeof(texts) / sizeof(*texts))

static inline void bind_value(sqlite3_stmt *s, uint8_t kind, uint32_t arg)
{
	static char bytes[1 << 12];
	double real;

	switch (kind % 8) {
	case 0:
		sqlite3_bind_int64(s, 1, numbers[arg % N_NUMBERS]);
		break;
	case 1:
		sqlite3_bind_int64(s, 1, (int32_t)arg);
		break;
	case 2:
		sqlite3_bind_text(s, 1, texts[arg % N_TEXTS], -1, SQLITE_STATIC);
		break;
	case 3:
		sqlite3_bind_null(s, 1);
		break;
	case 4:
		memset(bytes, (int)(arg >> 16), sizeof(bytes));
		sqlite3_bind_blob(s, 1, bytes, (int)(arg % sizeof(bytes)), SQLITE_STATIC);
		break;
	case 5:
		real = arg % 5 == 0 ? 1e308 * 10 : (double)(int32_t)arg * 1e-3;
		sqlite3_bind_double(s, 1, real);
		break;
	case 6: /* a shape, four bytes of sizes */
		snprintf(bytes, sizeof(bytes), "%u,%u,%u,%u", arg & 255, arg >> 8 & 255,
			 arg >> 16 & 255, arg >> 24);
		sqlite3_bind_text(s, 1, bytes, -1, SQLITE_STATIC);
		break;
	default: /* small, around what is there */
		sqlite3_bind_int64(s, 1, (int64_t)(arg % 64) - 16);
		break;
	}
}

static inline void edit_cell(struct input *in)
{
	unsigned column = (unsigned)input_number(in, 1), row = (unsigned)input_number(in, 2);
	uint8_t kind = input_byte(in);
	sqlite3_stmt *s = updates[column % (unsigned)n_updates];

	bind_value(s, kind, (uint32_t)input_number(in, 4));
	sqlite3_bind_int(s, 2, (int)row);
	sqlite3_step(s);
	sqlite3_reset(s);
}

/* Put the recording with the edits of an input; its size. */
static inline sqlite3_int64 put_edited(struct input *in)
{
	sqlite3_int64 size;

	memcpy(copy, unedited.data, unedited.len);
	must_sql("BEGIN");
	for (int i = 0; i < MAX_EDITS && in->left >= EDIT_BYTES; i++)
		edit_cell(in);
	must_sql("COMMIT");
	require(sqlite3_serialize(db, "main", &size, SQLITE_SERIALIZE_NOCOPY) == copy,
		"the copy stays where it is");
	fuzz_put("t.db", copy, (size_t)size);
	return size;
}

/* ---- mutation ------------------------------------------------------------------------------ */

/* Whole edits are added, taken away and changed in one field; sometimes libFuzzer does as it likes.
 */
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed)
{
	size_t n = size > 1 ? (size - 1) / EDIT_BYTES : 0, at;
	unsigned choice = seed % 8;

	if (size == 0 || max_size < 1 + EDIT_BYTES)
		return LLVMFuzzerMutate(data, size, max_size);
	at = n ? 1 + seed / 8 % n * EDIT_BYTES : 1;
	size = 1 + n * EDIT_BYTES;
	if (choice == 0) {
		data[0] = (uint8_t)(seed >> 8);
	} else if ((choice <= 2 || !n) && n < MAX_EDITS && size + EDIT_BYTES <= max_size) {
		memset(data + size, (int)(seed >> 16), EDIT_BYTES);
		LLVMFuzzerMutate(data + size, EDIT_BYTES, EDIT_BYTES);
		size += EDIT_BYTES;
	} else if (choice == 3 && n > 1) {
		memmove(data + at, data + at + EDIT_BYTES, size - at - EDIT_BYTES);
		size -= EDIT_BYTES;
	} else if (n) {
		LLVMFuzzerMutate(data + at, EDIT_BYTES, EDIT_BYTES);
	}
	return size;
}

#endif
