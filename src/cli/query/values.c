/*
 * values.c -- what a recording tells of the values that a parameter may have, for completion.
 *
 * A parameter means the same in every saved query.
 */
#include "query.h"

#include <string.h>

#define RUNS "SELECT CAST(id AS TEXT), prompt FROM run ORDER BY id DESC LIMIT 100"
#define UP_TO(count)                                                                               \
	"WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n LIMIT (SELECT max(" count  \
	") FROM model)) SELECT CAST(i AS TEXT), NULL FROM n"

static const struct {
	const char *key, *sql;
} values[] = {
	{ "run", RUNS },
	{ "a", RUNS },
	{ "b", RUNS },
	{ "layer", UP_TO("n_layers") },
	{ "head", UP_TO("n_heads") },
	{ "phase", "SELECT column1, column2 FROM (VALUES ('prefill', 'the prompt'), "
		   "('decode', 'what was generated'), ('all', NULL))" },
	{ "by", "SELECT column1, NULL FROM (VALUES ('top_k'), ('top_p'), ('min_p'))" },
};

const char *query_values_sql(const char *key)
{
	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++)
		if (!strcmp(values[i].key, key))
			return values[i].sql;
	return NULL;
}
