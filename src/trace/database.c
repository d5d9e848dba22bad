/*
 * database.c -- see database.h.
 *
 * SQLite is called through sqlite3ext.h, as in src/inspect: the extension has these functions too.
 */
#include "torchless/database.h"

#include <sqlite3ext.h>
#include <stddef.h>
#include <string.h>
#include <sys/stat.h>

SQLITE_EXTENSION_INIT3

void database_uri(struct text *uri, const char *path, const char *options)
{
	const char *c;

	text_adds(uri, "file:");
	/* "//" at the start would be read as an authority, ":memory:" as no file. */
	if (path[0] == '/' && path[1] == '/')
		text_adds(uri, "///");
	else if (path[0] != '/')
		text_adds(uri, "./");
	for (c = path; *c; c++) {
		if (strchr("?#%", *c))
			text_addf(uri, "%%%02X", (unsigned)*c);
		else
			text_addc(uri, *c);
	}
	if (options)
		text_addf(uri, "?%s", options);
}

/*
 * A name that is nobody's for the moment has no log of somebody else yet: who takes it writes one
 * afterwards.
 */
bool database_is_replaced(struct sqlite3 *db)
{
	const char *name;
	struct stat st;
	int moved = 0;

	if (!db || sqlite3_file_control(db, "main", SQLITE_FCNTL_HAS_MOVED, &moved) || !moved)
		return false;
	name = sqlite3_db_filename(db, "main");
	return name && *name && !lstat(name, &st);
}

static int last_errno(sqlite3_file *f)
{
	int code = 0;

	if (f && f->pMethods && f->pMethods->xFileControl(f, SQLITE_FCNTL_LAST_ERRNO, &code))
		return 0;
	return code;
}

int database_system_error(struct sqlite3 *db)
{
	sqlite3_file *file = NULL, *log = NULL;
	int code;

	if (!db || sqlite3_file_control(db, "main", SQLITE_FCNTL_FILE_POINTER, &file) ||
	    sqlite3_file_control(db, "main", SQLITE_FCNTL_JOURNAL_POINTER, &log))
		return 0;
	code = last_errno(file);
	return code ? code : last_errno(log);
}
