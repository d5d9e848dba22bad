/*
 * table.c -- what every table function needs of SQLite's virtual tables.
 *
 * A table function is an eponymous module: FROM name(a, b) puts equalities on its hidden columns.
 * The plan is the bits of the columns whose equality is used, and in idxStr the bounds (<, <=, >,
 * >=) of columns that are walked in order; filter() gets both by column.  An equality that is used
 * is still checked by SQLite where the column is not hidden, and so is every bound: a table may
 * ignore what it cannot use and give rows too many.  What is compared with NULL has no rows.
 */
#include "inspect_impl.h"

#include "torchless/mem.h"
#include "torchless/sql_error.h"

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
	int risk = r->definition->opens ? SQLITE_VTAB_DIRECTONLY : SQLITE_VTAB_INNOCUOUS;
	int code = sqlite3_declare_vtab(db, r->definition->declaration);

	(void)argc, (void)argv, (void)message;
	if (code == SQLITE_OK)
		code = sqlite3_vtab_config(db, risk);
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

/* Whether equal means the same bytes: tables know no collation. */
static bool is_exact(sqlite3_index_info *info, int i)
{
	return !sqlite3_stricmp(sqlite3_vtab_collation(info, i), "BINARY");
}

static bool is_bound(const struct sql_table *d, const struct sqlite3_index_constraint *c)
{
	bool below = c->op == SQLITE_INDEX_CONSTRAINT_LT || c->op == SQLITE_INDEX_CONSTRAINT_LE;
	bool above = c->op == SQLITE_INDEX_CONSTRAINT_GT || c->op == SQLITE_INDEX_CONSTRAINT_GE;

	return (below || above) && c->usable && c->iColumn >= 0 && d->ranged >> c->iColumn & 1;
}

/* The bounds as text, two characters each: '<' or '>' and 'a' + column, in the order of argv. */
static int add_bounds(const struct sql_table *d, sqlite3_index_info *info, int n)
{
	char plan[2 * TABLE_MAX_BOUNDS + 1];
	int at = 0;

	for (int i = 0; i < info->nConstraint && at < 2 * TABLE_MAX_BOUNDS; i++) {
		const struct sqlite3_index_constraint *c = &info->aConstraint[i];

		if (!is_bound(d, c))
			continue;
		plan[at++] =
			c->op == SQLITE_INDEX_CONSTRAINT_LT || c->op == SQLITE_INDEX_CONSTRAINT_LE
				? '<'
				: '>';
		plan[at++] = (char)('a' + c->iColumn);
		info->aConstraintUsage[i].argvIndex = ++n;
		info->estimatedCost /= 2;
	}
	plan[at] = '\0';
	if (!at)
		return SQLITE_OK;
	info->idxStr = sqlite3_mprintf("%s", plan);
	info->needToFreeIdxStr = 1;
	return info->idxStr ? SQLITE_OK : SQLITE_NOMEM;
}

/*
 * Every usable equality narrows the result; an argument that is not usable yet forbids the plan,
 * unless leaving it out means all.
 */
static int best_index(sqlite3_vtab *base, sqlite3_index_info *info)
{
	const struct sql_table *d = ((struct table *)base)->definition;
	int of_column[TABLE_MAX_COLUMNS], n = 0;

	for (int c = 0; c < d->n_columns; c++)
		of_column[c] = -1;
	for (int i = 0; i < info->nConstraint; i++) {
		int column = info->aConstraint[i].iColumn;

		if (info->aConstraint[i].op != SQLITE_INDEX_CONSTRAINT_EQ ||
		    !is_argument(d, column) || !is_exact(info, i))
			continue;
		if (info->aConstraint[i].usable)
			of_column[column] = i;
		else if (column >= d->n_columns - d->n_hidden && !(d->optional >> column & 1))
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
	if (add_bounds(d, info, n))
		return SQLITE_NOMEM;
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
	return sql_error_of(err->code);
}

/*
 * Narrow the range of a column, by no more than is certain: a number is cut to a whole one towards
 * zero, which never leaves out what the comparison lets in, and text compares with no number here.
 */
static void set_bound(struct table_cursor *c, char op, int column, sqlite3_value *value)
{
	int type = sqlite3_value_type(value);
	int64_t bound = sqlite3_value_int64(value);

	if (type == SQLITE_NULL)
		c->eof = true;
	if (type != SQLITE_INTEGER && type != SQLITE_FLOAT)
		return;
	if (op == '<' && bound < c->high[column])
		c->high[column] = bound;
	if (op == '>' && bound > c->low[column])
		c->low[column] = bound;
}

static int filter(sqlite3_vtab_cursor *base, int plan, const char *bounds, int argc,
		  sqlite3_value **argv)
{
	struct table_cursor *c = (struct table_cursor *)base;
	struct err err = { 0 };
	int n = 0;

	clear(c);
	c->rowid = 0;
	c->eof = false;
	for (int i = 0; i < c->table->n_columns; i++) {
		c->low[i] = INT64_MIN;
		c->high[i] = INT64_MAX;
		if (!(plan >> i & 1) || n >= argc)
			continue;
		c->eof = c->eof || sqlite3_value_type(argv[n]) == SQLITE_NULL;
		if (c->table->ranged >> i & 1) {
			set_bound(c, '<', i, argv[n]);
			set_bound(c, '>', i, argv[n]);
		}
		c->args[i] = sqlite3_value_dup(argv[n++]);
	}
	for (; bounds && *bounds && n < argc; bounds += 2)
		set_bound(c, bounds[0], bounds[1] - 'a', argv[n++]);
	if (c->eof)
		return SQLITE_OK;
	inspect_refresh(c->in);
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

	if (i >= c->table->n_columns - c->table->n_hidden && c->args[i]) {
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

int table_whole(const struct table_cursor *c, int column, const char *name, int64_t *out,
		struct err *err)
{
	sqlite3_value *v = c->args[column];
	int type = v ? sqlite3_value_numeric_type(v) : SQLITE_NULL;

	if (!v)
		return 0;
	if (type == SQLITE_INTEGER ||
	    (type == SQLITE_FLOAT && sqlite3_value_double(v) == (double)sqlite3_value_int64(v))) {
		*out = sqlite3_value_int64(v);
		return 0;
	}
	return err_set(err, ERR_USAGE, "%s is a whole number", name);
}
