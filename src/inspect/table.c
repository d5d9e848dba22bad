/*
 * table.c -- what every table function needs of SQLite's virtual tables.
 *
 * A table function is an eponymous module: FROM name(a, b) puts equalities on its hidden columns.
 * The plan is one number, the bits of the columns whose equality is used; filter() gets their
 * values by column.  An equality that is used is still checked by SQLite where the column is not
 * hidden, so a table may ignore what it cannot use.
 */
#include "inspect_impl.h"

#include "torchless/mem.h"

#include <stdlib.h>
#include <string.h>

struct table {
	sqlite3_vtab base;
	struct inspect *in;
	const struct sql_table *definition;
};

/* What a module is registered with. */
struct registered {
	struct inspect *in;
	const struct sql_table *definition;
	void (*drop)(void *);
};

static int connect(sqlite3 *db, void *aux, int argc, const char *const *argv, sqlite3_vtab **out,
		   char **message)
{
	const struct registered *r = aux;
	struct table *t;
	int code = sqlite3_declare_vtab(db, r->definition->declaration);

	(void)argc, (void)argv, (void)message;
	if (code != SQLITE_OK)
		return code;
	t = mem_calloc(1, sizeof(*t));
	t->in = r->in;
	t->definition = r->definition;
	*out = &t->base;
	return SQLITE_OK;
}

static int disconnect(sqlite3_vtab *base)
{
	free(base);
	return SQLITE_OK;
}

static bool is_argument(const struct sql_table *d, int column)
{
	return column >= d->n_columns - d->n_hidden || (column >= 0 && d->pushed >> column & 1);
}

/* Every usable equality narrows the result; an argument that is not usable yet forbids the plan. */
static int best_index(sqlite3_vtab *base, sqlite3_index_info *info)
{
	const struct sql_table *d = ((struct table *)base)->definition;
	int of_column[TABLE_MAX_COLUMNS], n = 0;

	for (int c = 0; c < d->n_columns; c++)
		of_column[c] = -1;
	for (int i = 0; i < info->nConstraint; i++) {
		int column = info->aConstraint[i].iColumn;

		if (info->aConstraint[i].op != SQLITE_INDEX_CONSTRAINT_EQ ||
		    !is_argument(d, column))
			continue;
		if (info->aConstraint[i].usable)
			of_column[column] = i;
		else if (column >= d->n_columns - d->n_hidden)
			return SQLITE_CONSTRAINT;
	}
	info->idxNum = 0;
	info->estimatedCost = d->rows;
	for (int c = 0; c < d->n_columns; c++) {
		if (of_column[c] < 0)
			continue;
		info->aConstraintUsage[of_column[c]].argvIndex = ++n;
		info->aConstraintUsage[of_column[c]].omit = c >= d->n_columns - d->n_hidden;
		info->idxNum |= 1 << c;
		info->estimatedCost /= 8;
	}
	info->estimatedRows = info->estimatedCost < 1 ? 1 : (sqlite3_int64)info->estimatedCost;
	return SQLITE_OK;
}

static int open_cursor(sqlite3_vtab *base, sqlite3_vtab_cursor **out)
{
	struct table *t = (struct table *)base;
	struct table_cursor *c = mem_calloc(1, t->definition->cursor_bytes);

	c->table = t->definition;
	c->in = t->in;
	*out = &c->base;
	return SQLITE_OK;
}

static void clear(struct table_cursor *c)
{
	c->table->reset(c);
	for (int i = 0; i < c->table->n_columns; i++) {
		sqlite3_value_free(c->args[i]);
		c->args[i] = NULL;
	}
}

static int close_cursor(sqlite3_vtab_cursor *base)
{
	clear((struct table_cursor *)base);
	free(base);
	return SQLITE_OK;
}

static int fail(struct table_cursor *c, const struct err *err)
{
	sqlite3_free(c->base.pVtab->zErrMsg);
	c->base.pVtab->zErrMsg = sqlite3_mprintf("%s", err->message);
	return err->code == ERR_MEMORY ? SQLITE_NOMEM : SQLITE_ERROR;
}

static int filter(sqlite3_vtab_cursor *base, int plan, const char *unused, int argc,
		  sqlite3_value **argv)
{
	struct table_cursor *c = (struct table_cursor *)base;
	struct err err = { 0 };
	int n = 0;

	(void)unused;
	clear(c);
	for (int i = 0; i < c->table->n_columns && n < argc; i++)
		if (plan >> i & 1)
			c->args[i] = sqlite3_value_dup(argv[n++]);
	c->rowid = 0;
	c->eof = false;
	return c->table->filter(c, c->args, &err) ? fail(c, &err) : SQLITE_OK;
}

static int next(sqlite3_vtab_cursor *base)
{
	struct table_cursor *c = (struct table_cursor *)base;
	struct err err = { 0 };

	c->rowid++;
	return c->table->next(c, &err) ? fail(c, &err) : SQLITE_OK;
}

static int eof(sqlite3_vtab_cursor *base)
{
	return ((struct table_cursor *)base)->eof;
}

static int column(sqlite3_vtab_cursor *base, sqlite3_context *ctx, int i)
{
	struct table_cursor *c = (struct table_cursor *)base;
	struct err err = { 0 };

	if (i >= c->table->n_columns - c->table->n_hidden) {
		if (c->args[i])
			sqlite3_result_value(ctx, c->args[i]);
		return SQLITE_OK;
	}
	return c->table->column(c, ctx, i, &err) ? fail(c, &err) : SQLITE_OK;
}

static int rowid(sqlite3_vtab_cursor *base, sqlite3_int64 *out)
{
	*out = ((struct table_cursor *)base)->rowid;
	return SQLITE_OK;
}

static const sqlite3_module table_module = {
	.xConnect = connect,
	.xBestIndex = best_index,
	.xDisconnect = disconnect,
	.xOpen = open_cursor,
	.xClose = close_cursor,
	.xFilter = filter,
	.xNext = next,
	.xEof = eof,
	.xColumn = column,
	.xRowid = rowid,
};

static void forget(void *p)
{
	struct registered *r = p;

	r->drop(r->in);
	free(r);
}

int table_register(struct inspect *in, const char *name, const struct sql_table *table,
		   void (*drop)(void *))
{
	struct registered *r = mem_calloc(1, sizeof(*r));

	*r = (struct registered){ in, table, drop };
	return sqlite3_create_module_v2(in->db, name, &table_module, r, forget);
}

int64_t table_int(sqlite3_value **args, int column, int64_t otherwise)
{
	if (!args[column] || sqlite3_value_type(args[column]) == SQLITE_NULL)
		return otherwise;
	return sqlite3_value_int64(args[column]);
}
