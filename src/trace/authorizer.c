/*
 * authorizer.c -- see authorizer.h.
 *
 * SQLite asks about every action of a statement while it compiles it.  The list says what is
 * allowed: an action that a later SQLite adds is refused until somebody has read about it.
 */
#include "authorizer.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

/* Pragmas that only look; `argument` says whether one with an argument still does. */
static const struct {
	const char *name;
	int argument;
} pragmas[] = {
	{ "application_id", 0 },    { "collation_list", 0 },   { "compile_options", 0 },
	{ "data_version", 0 },      { "database_list", 0 },    { "encoding", 0 },
	{ "foreign_key_check", 1 }, { "foreign_key_list", 1 }, { "freelist_count", 0 },
	{ "function_list", 0 },     { "index_info", 1 },       { "index_list", 1 },
	{ "index_xinfo", 1 },       { "integrity_check", 1 },  { "journal_mode", 0 },
	{ "module_list", 0 },       { "page_count", 0 },       { "page_size", 0 },
	{ "pragma_list", 0 },       { "quick_check", 1 },      { "schema_version", 0 },
	{ "table_info", 1 },        { "table_list", 1 },       { "table_xinfo", 1 },
	{ "user_version", 0 },
};

/* Functions that read or write files or load code, where SQLite was built with them. */
static const char *const file_functions[] = { "load_extension", "readfile", "writefile",     "edit",
					      "fsdir",          "lsmode",   "fts3_tokenizer" };

static int allows_pragma(const char *name, const char *argument)
{
	size_t i;

	for (i = 0; i < sizeof(pragmas) / sizeof(pragmas[0]); i++) {
		if (!strcasecmp(pragmas[i].name, name))
			return !argument || pragmas[i].argument;
	}
	return 0;
}

static int allows_function(const char *name)
{
	size_t i;

	for (i = 0; i < sizeof(file_functions) / sizeof(file_functions[0]); i++) {
		if (!strcasecmp(file_functions[i], name))
			return 0;
	}
	return 1;
}

static int allows(int action, const char *first, const char *second)
{
	switch (action) {
	case SQLITE_SELECT:
	case SQLITE_READ:
	case SQLITE_RECURSIVE:
		return 1;
	case SQLITE_FUNCTION:
		return allows_function(second ? second : "");
	case SQLITE_PRAGMA:
		return allows_pragma(first ? first : "", second);
	case SQLITE_UPDATE:
		/*
		 * What declaring the table of a function such as pragma_table_info() looks like.
		 * A user's UPDATE of the schema fails all the same: the connection is defensive.
		 */
		return first && !strcmp(first, "sqlite_master");
	default:
		return 0;
	}
}

static void refuse(struct authorizer *a, const char *verb, const char *object)
{
	snprintf(a->refusal, sizeof(a->refusal),
		 "%.20s%.100s is refused: a recording is only read here", verb,
		 object ? object : "");
}

void authorizer_refuse(struct authorizer *a)
{
	const char *word = a->sql + strspn(a->sql, " \t\r\n;");
	char verb[20];
	size_t n = 0;

	while (n + 1 < sizeof(verb) && isalpha((unsigned char)word[n])) {
		verb[n] = (char)toupper((unsigned char)word[n]);
		n++;
	}
	verb[n] = '\0';
	refuse(a, n ? verb : "this statement", NULL);
}

/* DDL is first asked about as a change of the schema table: then the statement names itself. */
static void refuse_write(struct authorizer *a, const char *verb, const char *table)
{
	if (table && !strncmp(table, "sqlite_", 7))
		authorizer_refuse(a);
	else
		refuse(a, verb, table);
}

static int authorize(void *ctx, int action, const char *first, const char *second,
		     const char *schema, const char *trigger)
{
	struct authorizer *a = ctx;

	(void)schema;
	(void)trigger;
	/* A view of views is compiled for ever; while it is, nobody else looks. */
	if (limits_reached(a->limits))
		return SQLITE_DENY;
	if (a->allows_all || allows(action, first, second))
		return SQLITE_OK;
	if (action == SQLITE_FUNCTION)
		refuse(a, "the SQL function ", second);
	else if (action == SQLITE_PRAGMA)
		refuse(a, second ? "setting PRAGMA " : "PRAGMA ", first);
	else if (action == SQLITE_INSERT)
		refuse_write(a, "INSERT into ", first);
	else if (action == SQLITE_UPDATE)
		refuse_write(a, "UPDATE of ", first);
	else if (action == SQLITE_DELETE)
		refuse_write(a, "DELETE from ", first);
	else
		authorizer_refuse(a);
	return SQLITE_DENY;
}

void authorizer_install(struct authorizer *a, struct limits *l, sqlite3 *handle)
{
	a->sql = "";
	a->limits = l;
	sqlite3_set_authorizer(handle, authorize, a);
}
