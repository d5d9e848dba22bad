/*
 * extension.c -- the functions in somebody else's SQLite: sqlite3's .load, Python's load_extension.
 *
 * `make extension` compiles src/inspect and what it stands on again, without SQLITE_CORE, so that
 * every call goes through the host's table of routines and no second SQLite is linked.  The entry
 * point is named as SQLite derives it from torchless.so, and is the only symbol that shows.
 */
#include "inspect_impl.h"
SQLITE_EXTENSION_INIT1

#include <stdlib.h>

#define OLDEST_SQLITE 3034000 /* that has sqlite3_txn_state() */

int sqlite3_torchless_init(sqlite3 *db, char **message, const sqlite3_api_routines *api);

/*
 * Add the functions to a connection.  They read its main database whenever they are called, so
 * another one than a recording is refused then, and only a recording of another version now.
 * The checkpoint is where the recording says, or where TORCHLESS_MODEL does.
 */
__attribute__((visibility("default"))) int sqlite3_torchless_init(sqlite3 *db, char **message,
								  const sqlite3_api_routines *api)
{
	const struct inspect_options options = { .model = getenv("TORCHLESS_MODEL") };
	struct err err = { 0 };

	SQLITE_EXTENSION_INIT2(api)
	if (sqlite3_libversion_number() < OLDEST_SQLITE)
		err_set(&err, ERR_USAGE, "this SQLite is %s; torchless needs 3.34 or later",
			sqlite3_libversion());
	else if (inspect_database_kind(db) == DATABASE_OTHER_VERSION)
		err_set(&err, ERR_FORMAT,
			"the recording has another schema version than this torchless reads");
	else
		inspect_register(db, &options, NULL, &err);
	if (!err.code)
		return SQLITE_OK;
	*message = sqlite3_mprintf("%s", err.message);
	return SQLITE_ERROR;
}
