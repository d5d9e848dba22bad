/*
 * fuzz_sql.c -- libFuzzer over a user's SQL, with every function, on a real recording.
 *
 * Form feeds separate the SQL and the KEY=VALUE parameters.  Whatever it is, it ends in time with
 * rows or a sentence, and the recording has the bytes that it had.  How long and how large may be
 * is less than a person may ask, so that much is tried.
 */
#include "recording.h"

#define MAX_PARAMS 4
#define REOPEN     1024 /* executions between two openings, which take longer than most SQL */

/* As a shell has it: open for many statements. */
static struct recording *recording_for_now(void)
{
	static struct recording *rec;
	static unsigned n;

	if (n++ % REOPEN)
		return rec;
	recording_close(rec);
	rec = open_recorded();
	require(rec != NULL, "the recording opens");
	return rec;
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc, (void)argv;
	make_recorded();
	return 0;
}

static void require_unchanged(void)
{
	static unsigned n;
	struct text now = { 0 };

	if (n++ % REOPEN)
		return;
	read_back(&now, "");
	require(now.len == recorded.closed.len && !memcmp(now.data, recorded.closed.data, now.len),
		"a query changes nothing");
	text_release(&now);
}

/* Where a statement ends is found as SQLite finds it, whatever stands behind. */
static void check_complete(const char *sql)
{
	struct text more = { 0 };

	text_addf(&more, "%s\n;", sql);
	if (sql_is_complete(sql))
		require(sql_is_complete(more.data), "a semicolon more ends it too");
	text_release(&more);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = { data, size };
	char *sql = input_string(&in, '\f'), *params[MAX_PARAMS];
	int n = 0;

	while (in.left && n < MAX_PARAMS)
		params[n++] = input_string(&in, '\f');
	ask_recorded(recording_for_now(), sql, (const char *const *)params, n);
	check_complete(sql);
	require_unchanged();
	while (n)
		free(params[--n]);
	free(sql);
	return 0;
}
