/*
 * limits.h -- how long statements over somebody's file may take, and how much memory.
 *
 * A recording may hold views without end, columns that compute 200 MB a row, and tables of any
 * name: the program's own questions stand under the same limits as a user's.  They are installed
 * on a connection before its first statement and stay; a scope says what holds for the moment.
 */
#ifndef TORCHLESS_TRACE_LIMITS_H
#define TORCHLESS_TRACE_LIMITS_H

#include "torchless/err.h"

#include <sqlite3.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* What may stop a statement; in this order when several are due. */
enum limit {
	LIMIT_NONE,
	LIMIT_INTERRUPT,  /* Ctrl-C */
	LIMIT_ALL,        /* all that is done with the recording */
	LIMIT_STATEMENTS, /* the statements of a query */
	LIMIT_LOOKUP,     /* a question of the program's own */
	LIMIT_REST,       /* rows behind the last one shown are only counted */
	LIMIT_ROW,        /* the next row */
	LIMIT_REPLACED,   /* no limit of time: the name of the file means another one */
	LIMIT_COUNT
};

struct limits {
	sqlite3 *handle;
	const volatile int *interrupted;           /* may be NULL */
	int64_t ns[LIMIT_COUNT], due[LIMIT_COUNT]; /* due: of clock_ns(); 0: never */
	enum limit stop;                           /* the one that was reached */
	int depth;                                 /* scopes that are open */
	int length;                                /* of a text or blob; 0: no scope says */
	struct scratch *scratch;                   /* of slow.c */

	/* For the thread that watches: what is due first of what SQLite runs; 0: it runs nothing.
	 */
	_Atomic int64_t watched_due;
	_Atomic int watched_limit;
	int64_t interrupt_seen; /* by that thread */
};

/* What held before a scope. */
struct limits_scope {
	int64_t ns[LIMIT_COUNT], due[LIMIT_COUNT];
	sqlite3_int64 heap;
	enum limit stop;
	int length;
};

#define LIMITS_LOOKUP_NS     10000000000ll /* 0017-limits-from-the-first-statement.md */
#define LIMITS_LOOKUP_LENGTH (4 << 20)     /* of a text that a look-up reads */

/* Put the connection under the limits, which must outlive it. */
void limits_install(struct limits *l, sqlite3 *handle);

/* Put another file's connection under the same ones. */
void limits_share(struct limits *l, sqlite3 *handle);

/* From now on, for ns nanoseconds (0: for ever); the kind's time begins again. */
void limits_begin(struct limits *l, enum limit kind, int64_t ns);

/*
 * A scope in which `kind` is due after ns (0: never) and texts and blobs have at most `length`
 * bytes (0: what suits the time).  What is due outside stays due.
 */
void limits_enter(struct limits *l, enum limit kind, int64_t ns, int length,
		  struct limits_scope *outer);
void limits_leave(struct limits *l, const struct limits_scope *outer);

/* Whether what runs is to stop: looks at the clock. */
bool limits_reached(struct limits *l);

/*
 * sqlite3_step(): the one way by which a statement over somebody's file goes on.  SQLITE_INTERRUPT
 * with a `stop` as well when the file was replaced before the statement could begin.
 */
int limits_step(struct limits *l, sqlite3_stmt *s);

/* SQLite is called for something that may take long, as limits_step() does; and it returned. */
void limits_watch(struct limits *l);
void limits_unwatch(struct limits *l);

/* For one other thread: the limit that what runs has been deaf to for ns, or LIMIT_NONE. */
enum limit limits_overdue(struct limits *l, int64_t ns);

/* The sentence for a limit that was reached, or that another thread says was. */
int limits_fail(const struct limits *l, enum limit which, struct err *err);

/* What SQLite calls out of memory: the limit, or memory that is not there.  ERR_MEMORY. */
int limits_fail_memory(struct err *err);

#endif
