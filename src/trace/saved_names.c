/*
 * saved_names.c -- which saved query is meant by a word that is the name of none.
 *
 * Its own synonyms come first, then the name that is nearest, then the questions that have the word
 * in them.
 */
#include "recording.h"

#include "torchless/saved_query.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

extern const char saved_queries_sql[];

#define MIN_ASKED 4 /* letters of a word that is looked for in questions */

/* ---- what else they are called -------------------------------------------------------------- */

static const struct {
	const char *word, *name;
} saved_words[] = {
#define SAVED_WORD(word, name) { word, name },
#include "saved_words.def"
#undef SAVED_WORD
};

static const char *synonym(const char *word)
{
	for (size_t i = 0; i < sizeof(saved_words) / sizeof(saved_words[0]); i++)
		if (!strcasecmp(saved_words[i].word, word))
			return saved_words[i].name;
	return NULL;
}

/* ---- of a recording -------------------------------------------------------------------------- */

static const char exact_sql[] = "SELECT name FROM saved_query WHERE name = :name COLLATE NOCASE";
static const char names_sql[] = "SELECT name FROM saved_query ORDER BY name";
static const char asked_sql[] =
	"SELECT name FROM saved_query WHERE ' ' || lower(doc) GLOB '*[^a-z]' || lower(:name) || '*' "
	"ORDER BY rowid LIMIT 1";

static bool is_plain_word(const char *word)
{
	for (const char *s = word; *s; s++)
		if (!isalpha((unsigned char)*s))
			return false;
	return strlen(word) >= MIN_ASKED;
}

void recording_saved_meant(struct recording *r, const char *word, char *best, size_t size)
{
	const char *other = synonym(word);
	int distance = text_too_far(word);
	char other_name[64];

	best[0] = '\0';
	if (other)
		recording_first(r, exact_sql, other, best, size);
	if (!best[0])
		recording_nearest(r, names_sql, word, best, size);
	if (!best[0] && saved_query_nearest(word, &distance, other_name, sizeof(other_name)))
		recording_first(r, exact_sql, other_name, best, size);
	if (!best[0] && is_plain_word(word))
		recording_first(r, asked_sql, word, best, size);
}

/* ---- of every recording ---------------------------------------------------------------------- */

/*
 * The next name behind s in the text that makes the queries: "('Topic', 'name', " begins a line.
 * NULL at the end.
 */
static const char *next_name(const char *s, char *name, size_t size)
{
	static const char between[] = "', '";

	while ((s = strstr(s, "\n('"))) {
		const char *topic = s + 3, *end = topic + strcspn(topic, "'\n");

		s = end;
		if (strncmp(end, between, strlen(between)) != 0)
			continue;
		s = end + strlen(between);
		end = s + strcspn(s, "'\n");
		if (strncmp(end, between, strlen(between)) != 0 || (size_t)(end - s) >= size)
			continue;
		memcpy(name, s, (size_t)(end - s));
		name[end - s] = '\0';
		return end;
	}
	return NULL;
}

bool saved_query_is_known(const char *name)
{
	char found[64];

	for (const char *s = saved_queries_sql; (s = next_name(s, found, sizeof(found)));)
		if (!strcmp(found, name))
			return true;
	return false;
}

bool saved_query_nearest(const char *word, int *distance, char *best, size_t size)
{
	struct text_nearest near = { .name = word, .distance = *distance };
	const char *other = synonym(word);
	char found[64];

	best[0] = '\0';
	if (other) {
		snprintf(best, size, "%s", other);
		*distance = 0;
		return true;
	}
	for (const char *s = saved_queries_sql; (s = next_name(s, found, sizeof(found)));)
		if (text_nearest_offer(&near, found))
			snprintf(best, size, "%s", found);
	/* Short words are near to too much. */
	for (size_t i = 0; i < sizeof(saved_words) / sizeof(saved_words[0]); i++)
		if (strlen(saved_words[i].word) > 4 &&
		    text_nearest_offer(&near, saved_words[i].word))
			snprintf(best, size, "%s", saved_words[i].name);
	*distance = near.distance;
	return best[0] != '\0';
}
