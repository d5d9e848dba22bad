/*
 * insert.c -- many rows of a table by one statement: INSERT ... SELECT from an array of structs.
 *
 * A pass has a thousand rows.  Bound and stepped one by one each costs the beginning and the end of
 * a statement, more than what it holds.  So the array is a virtual table of this connection, which
 * one statement takes over.
 */
#include "insert.h"

#include "torchless/mem.h"

#include <stdlib.h>

/* ---- the array as a table -------------------------------------------------------------------- */

struct rows_table {
	sqlite3_vtab base;
	const struct insert *in;
};

struct rows_cursor {
	sqlite3_vtab_cursor base;
	size_t i;
};

static const struct insert *insert_of(sqlite3_vtab *table)
{
	return ((const struct rows_table *)table)->in;
}

static void add_names(struct text *sql, const struct insert *in)
{
	for (int i = 0; i < in->n_columns; i++)
		text_addf(sql, "%s%s", i ? "," : "", in->columns[i].name);
}

static int rows_connect(sqlite3 *handle, void *aux, int argc, const char *const *argv,
			sqlite3_vtab **out, char **message)
{
	struct text sql = { 0 };
	struct rows_table *table;
	int code;

	(void)argc, (void)argv, (void)message;
	text_adds(&sql, "CREATE TABLE rows(");
	add_names(&sql, aux);
	text_adds(&sql, ")");
	code = sqlite3_declare_vtab(handle, sql.data);
	text_release(&sql);
	if (code != SQLITE_OK)
		return code;
	table = mem_calloc(1, sizeof(*table));
	table->in = aux;
	*out = &table->base;
	return sqlite3_vtab_config(handle, SQLITE_VTAB_DIRECTONLY);
}

static int rows_disconnect(sqlite3_vtab *table)
{
	free(table);
	return SQLITE_OK;
}

static int rows_best_index(sqlite3_vtab *table, sqlite3_index_info *info)
{
	(void)table;
	info->estimatedCost = 1000;
	return SQLITE_OK;
}

static int rows_open(sqlite3_vtab *table, sqlite3_vtab_cursor **out)
{
	struct rows_cursor *cursor = mem_calloc(1, sizeof(*cursor));

	(void)table;
	*out = &cursor->base;
	return SQLITE_OK;
}

static int rows_close(sqlite3_vtab_cursor *cursor)
{
	free(cursor);
	return SQLITE_OK;
}

static int rows_filter(sqlite3_vtab_cursor *cursor, int plan, const char *bounds, int argc,
		       sqlite3_value **argv)
{
	(void)plan, (void)bounds, (void)argc, (void)argv;
	((struct rows_cursor *)cursor)->i = 0;
	return SQLITE_OK;
}

static int rows_next(sqlite3_vtab_cursor *cursor)
{
	((struct rows_cursor *)cursor)->i++;
	return SQLITE_OK;
}

static int rows_eof(sqlite3_vtab_cursor *cursor)
{
	return ((struct rows_cursor *)cursor)->i >= insert_of(cursor->pVtab)->n_rows;
}

static int rows_rowid(sqlite3_vtab_cursor *cursor, sqlite3_int64 *out)
{
	*out = (sqlite3_int64)((struct rows_cursor *)cursor)->i;
	return SQLITE_OK;
}

/* A blob of no bytes is not NULL, whatever its pointer. */
static void give_blob(sqlite3_context *ctx, const struct bytes *b)
{
	if (!b->data)
		sqlite3_result_null(ctx);
	else if (!b->len)
		sqlite3_result_zeroblob(ctx, 0);
	else
		sqlite3_result_blob64(ctx, b->data, b->len, SQLITE_STATIC);
}

static int rows_column(sqlite3_vtab_cursor *cursor, sqlite3_context *ctx, int i)
{
	const struct insert *in = insert_of(cursor->pVtab);
	const struct column *c = &in->columns[i];
	const char *row = in->rows + ((struct rows_cursor *)cursor)->i * in->row_bytes;
	const void *field = row + c->offset;

	switch (c->type) {
	case COLUMN_ORDINAL:
		if (*(const int64_t *)field >= 0)
			sqlite3_result_int64(ctx, *(const int64_t *)field);
		break;
	case COLUMN_INT:
		sqlite3_result_int64(ctx, *(const int64_t *)field);
		break;
	case COLUMN_REAL:
		sqlite3_result_double(ctx, *(const double *)field);
		break;
	case COLUMN_BLOB:
		give_blob(ctx, field);
		break;
	}
	return SQLITE_OK;
}

static const sqlite3_module rows_module = {
	.xConnect = rows_connect,
	.xBestIndex = rows_best_index,
	.xDisconnect = rows_disconnect,
	.xOpen = rows_open,
	.xClose = rows_close,
	.xFilter = rows_filter,
	.xNext = rows_next,
	.xEof = rows_eof,
	.xColumn = rows_column,
	.xRowid = rows_rowid,
};

/* ---- the statement --------------------------------------------------------------------------- */

static int make_statement(struct db *db, struct insert *in, struct err *err)
{
	struct text name = { 0 }, sql = { 0 };
	int ret = 0;

	text_addf(&name, "rows_of_%s", in->table);
	if (sqlite3_create_module(db->handle, name.data, &rows_module, in) != SQLITE_OK)
		ret = db_fail(db, name.data, err);
	text_addf(&sql, "INSERT INTO %s(", in->table);
	add_names(&sql, in);
	text_addf(&sql, ") SELECT * FROM %s", name.data);
	if (!ret)
		ret = stmt_ready(db, &in->stmt, sql.data, err);
	text_release(&name);
	text_release(&sql);
	return ret;
}

int insert_rows(struct db *db, struct insert *in, const void *rows, size_t n, struct err *err)
{
	int ret = in->stmt.handle ? 0 : make_statement(db, in, err);

	in->rows = rows;
	in->n_rows = n;
	if (!ret)
		ret = stmt_run(db, &in->stmt, err);
	in->rows = NULL;
	in->n_rows = 0;
	return ret;
}
