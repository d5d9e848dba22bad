/*
 * sql_error.h -- how the code of an error leaves an SQL function, through SQLite.
 *
 * SQLite hands on the sentence of a function that fails, and one of its own codes.  That memory or
 * descriptors ran out is no mistake of whoever asked, and the exit status says which it was: such
 * codes travel as extended codes of SQLITE_ERROR that SQLite does not use, which any other host
 * takes for SQLITE_ERROR.  They are found with sqlite3_extended_errcode().
 */
#ifndef TORCHLESS_SQL_ERROR_H
#define TORCHLESS_SQL_ERROR_H

#include "torchless/err.h"

#include <stdbool.h>

/* SQLITE_ERROR and SQLITE_INTERRUPT; which header of SQLite's knows them depends on who includes.
 */
#define SQL_ERROR       1
#define SQL_INTERRUPTED 9

#define SQL_ERROR_BASE 0x40 /* SQLite counts its extended codes from 1 */

static inline bool sql_error_is_carried(int code)
{
	return code == ERR_IO || code == ERR_MEMORY || code == ERR_TOOL;
}

/* The code with which a function reports ERR_*.  That it was interrupted SQLite knows itself. */
static inline int sql_error_of(int code)
{
	if (code == ERR_INTERRUPTED)
		return SQL_INTERRUPTED;
	return sql_error_is_carried(code) ? SQL_ERROR | (SQL_ERROR_BASE - code) << 8 : SQL_ERROR;
}

/* The ERR_* that an extended code of SQLite's carries; 0 when it carries none. */
static inline int sql_error_carried(int extended)
{
	int code = SQL_ERROR_BASE - (extended >> 8);

	return (extended & 0xff) == SQL_ERROR && sql_error_is_carried(code) ? code : 0;
}

#endif
