/*
 * limits.c -- see limits.h.
 *
 * SQLite asks back while it runs a statement, and the authorizer while one is compiled.  It does
 * not while it is inside of one function, so those that are slow are our own (slow.c) and texts are
 * as long as the time allows; docs/decisions/0017-limits-from-the-first-statement.md has the
 * numbers.
 */
#include "limits.h"

#include "torchless/clock.h"
#include "torchless/database.h"

#include <stddef.h>
#include <string.h>
#include <time.h>

#define MEMORY_LIMIT (1ll << 30) /* of everything SQLite allocates in a scope */
#define POLL_OPS     16          /* steps of SQLite's machine between two looks */

/* Of a text or blob: 64 MB a second that a query may take, and never less than half of that. */
#define LENGTH_MAX        (512 << 20)
#define LENGTH_MIN        (32 << 20)
#define LENGTH_PER_SECOND (64 << 20)

/* ---- looking ------------------------------------------------------------------------------- */

/* A few milliseconds late, and cheap: it is asked for every few steps. */
static int64_t coarse_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC_COARSE, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

bool limits_reached(struct limits *l)
{
	int64_t now = coarse_ns();

	if (l->interrupted && *l->interrupted)
		l->stop = LIMIT_INTERRUPT;
	for (int i = LIMIT_ALL; i < LIMIT_COUNT && !l->stop; i++)
		if (l->due[i] && now > l->due[i])
			l->stop = (enum limit)i;
	return l->stop != LIMIT_NONE;
}

static int poll_limits(void *ctx)
{
	return limits_reached(ctx);
}

/* ---- a connection -------------------------------------------------------------------------- */

static const struct {
	int id, max;
} limits[] = {
	{ SQLITE_LIMIT_LENGTH, LENGTH_MAX },
	{ SQLITE_LIMIT_SQL_LENGTH, 1 << 20 },
	{ SQLITE_LIMIT_COLUMN, 1000 },
	{ SQLITE_LIMIT_EXPR_DEPTH, 500 },
	{ SQLITE_LIMIT_COMPOUND_SELECT, 200 },
	{ SQLITE_LIMIT_VDBE_OP, 10 << 20 },
	{ SQLITE_LIMIT_LIKE_PATTERN_LENGTH, 1000 },
	{ SQLITE_LIMIT_VARIABLE_NUMBER, 10000 },
	{ SQLITE_LIMIT_ATTACHED, 0 },
	{ SQLITE_LIMIT_TRIGGER_DEPTH, 1 },
};

/* Virtual tables of these modules only: others run SQL of their own, and no recording has one. */
static const char *const modules[] = { "json_each", "json_tree",   "dbstat", "sqlite_stmt",
				       "bytecode",  "tables_used", NULL };

void limits_share(struct limits *l, sqlite3 *handle)
{
	for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++)
		sqlite3_limit(handle, limits[i].id, limits[i].max);
	if (l->length)
		sqlite3_limit(handle, SQLITE_LIMIT_LENGTH, l->length);
	sqlite3_db_config(handle, SQLITE_DBCONFIG_DEFENSIVE, 1, (int *)NULL);
	sqlite3_db_config(handle, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, (int *)NULL);
	sqlite3_drop_modules(handle, (const char **)modules);
	sqlite3_progress_handler(handle, POLL_OPS, poll_limits, l);
}

void limits_install(struct limits *l, sqlite3 *handle)
{
	l->handle = handle;
	limits_share(l, handle);
}

/* ---- scopes -------------------------------------------------------------------------------- */

void limits_begin(struct limits *l, enum limit kind, int64_t ns)
{
	l->ns[kind] = ns;
	l->due[kind] = ns ? clock_ns() + ns : 0;
}

/* What one call over a text of that length takes is little beside the time that there is. */
static int length_for(const struct limits *l)
{
	int64_t ns = l->ns[LIMIT_ALL], length;

	if (!ns || (l->ns[LIMIT_STATEMENTS] && l->ns[LIMIT_STATEMENTS] < ns))
		ns = l->ns[LIMIT_STATEMENTS];
	if (!ns || ns / 1000000000 >= LENGTH_MAX / LENGTH_PER_SECOND)
		return LENGTH_MAX;
	length = ns / 1000 * LENGTH_PER_SECOND / 1000000;
	return length < LENGTH_MIN ? LENGTH_MIN : (int)length;
}

/* The connection may not be there yet, or no longer. */
static void set_length(struct limits *l, int length)
{
	l->length = length;
	if (l->handle)
		sqlite3_limit(l->handle, SQLITE_LIMIT_LENGTH, length ? length : LENGTH_MAX);
}

void limits_enter(struct limits *l, enum limit kind, int64_t ns, int length,
		  struct limits_scope *outer)
{
	sqlite3_int64 used, most;

	memcpy(outer->ns, l->ns, sizeof(l->ns));
	memcpy(outer->due, l->due, sizeof(l->due));
	outer->stop = l->stop;
	outer->heap = sqlite3_hard_heap_limit64(MEMORY_LIMIT);
	l->stop = LIMIT_NONE;
	limits_begin(l, kind, ns);
	outer->length = l->length;
	set_length(l, length ? length : length_for(l));
	if (l->depth++)
		return;
	sqlite3_status64(SQLITE_STATUS_MEMORY_USED, &used, &most, 1);
	sqlite3_status64(SQLITE_STATUS_MALLOC_SIZE, &used, &most, 1);
}

void limits_leave(struct limits *l, const struct limits_scope *outer)
{
	memcpy(l->ns, outer->ns, sizeof(l->ns));
	memcpy(l->due, outer->due, sizeof(l->due));
	l->stop = outer->stop;
	l->depth--;
	set_length(l, outer->length);
	sqlite3_hard_heap_limit64(outer->heap);
}

/* ---- stepping ------------------------------------------------------------------------------ */

void limits_watch(struct limits *l)
{
	enum limit first = LIMIT_NONE;
	int64_t due = INT64_MAX;

	for (int i = LIMIT_ALL; i < LIMIT_COUNT; i++) {
		if (i != LIMIT_REST && l->due[i] && l->due[i] < due) {
			due = l->due[i];
			first = (enum limit)i;
		}
	}
	atomic_store(&l->watched_limit, first);
	atomic_store(&l->watched_due, due);
}

void limits_unwatch(struct limits *l)
{
	atomic_store(&l->watched_due, 0);
}

int limits_step(struct limits *l, sqlite3_stmt *s)
{
	sqlite3 *db = sqlite3_db_handle(s);
	bool begins = !sqlite3_stmt_busy(s) && sqlite3_txn_state(db, "main") == SQLITE_TXN_NONE;
	int code;

	limits_watch(l);
	code = sqlite3_step(s);
	limits_unwatch(l);
	if (begins && code != SQLITE_INTERRUPT && database_is_replaced(db))
		l->stop = LIMIT_REPLACED;
	/* What a function could not finish is neither a row nor the end of them. */
	if ((code == SQLITE_ROW || code == SQLITE_DONE) && l->stop && l->stop != LIMIT_REST)
		return SQLITE_INTERRUPT;
	return code;
}

enum limit limits_overdue(struct limits *l, int64_t ns)
{
	int64_t due = atomic_load(&l->watched_due), now = clock_ns();

	if (!due || !l->interrupted || !*l->interrupted)
		l->interrupt_seen = 0;
	else if (!l->interrupt_seen)
		l->interrupt_seen = now;
	else if (now > l->interrupt_seen + ns)
		return LIMIT_INTERRUPT;
	if (!due || due > INT64_MAX - ns || now < due + ns)
		return LIMIT_NONE;
	return (enum limit)atomic_load(&l->watched_limit);
}

/* ---- sentences ----------------------------------------------------------------------------- */

int limits_fail(const struct limits *l, enum limit which, struct err *err)
{
	double seconds = (double)l->ns[which] / 1e9;

	switch (which) {
	case LIMIT_ALL:
	case LIMIT_STATEMENTS:
		return err_set(err, ERR_USAGE, "stopped after %.6g s, the time limit", seconds);
	case LIMIT_ROW:
		return err_set(err, ERR_USAGE, "stopped: it computed for %.6g s without a row",
			       seconds);
	case LIMIT_REPLACED:
		return err_set(err, ERR_IO,
			       "the recording was replaced while it was read: open it again");
	case LIMIT_LOOKUP:
		return err_set(err, ERR_FORMAT,
			       "the recording's own tables do not answer within %.6g s", seconds);
	default:
		return err_set(err, ERR_INTERRUPTED, "interrupted");
	}
}

/* All that was in use at once, and the largest piece asked for: less than the limit was not it. */
int limits_fail_memory(struct err *err)
{
	sqlite3_int64 now, used = 0, piece = 0;

	sqlite3_status64(SQLITE_STATUS_MEMORY_USED, &now, &used, 0);
	sqlite3_status64(SQLITE_STATUS_MALLOC_SIZE, &now, &piece, 0);
	if (used + piece < MEMORY_LIMIT)
		return err_set(err, ERR_MEMORY, "out of memory");
	return err_set(err, ERR_MEMORY,
		       "the query needs more than the %lld MB of memory that one may have",
		       (long long)MEMORY_LIMIT >> 20);
}
