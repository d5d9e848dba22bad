/*
 * commands.c -- what is known of each command but how it runs.
 *
 * It names no function of a command, so that help, completion and the parser can read it without
 * standing above everything that they explain (docs/howto/add-a-command.md).
 */
#include "torchless/cli.h"
#include "torchless/inspect.h"
#include "torchless/saved_query.h"

#include <stdio.h>
#include <string.h>

#define OPTIONS_COMPUTE                                                                            \
	OPT_MODEL, OPT_THREADS, OPT_CHUNK, OPT_MEM, OPT_FAST, OPT_N, OPT_TEMP, OPT_TOP_K,          \
		OPT_TOP_P, OPT_MIN_P, OPT_SEED, OPT_CHAT, OPT_SYSTEM, OPT_JSON

static const struct inner_command query_shell_commands[] = {
#define DOT(name, args, argument, min, max, run, doc) { "." name, args, doc },
#include "dot.def"
	{ NULL, NULL, NULL },
};

static const struct inner_command lesson_commands[] = {
#define SUB(name, function, args, min, max, about, doc) { name, args, doc },
#include "lesson.def"
	{ NULL, NULL, NULL },
};

#define COMMAND(name, ...) extern const struct command_help help_##name;
#include "torchless/commands.def"

/* A list ends with OPT_COUNT, so that there is one for a command that adds none. */
#define COMMAND(name, min, max, complete, shell, ...)                                              \
	static const enum option_id options_##name[] = { __VA_ARGS__ OPT_COUNT };
#include "torchless/commands.def"

const struct command command_table[] = {
#define COMMAND(name, min, max, complete, shell, ...)                                              \
	{ #name, &help_##name, shell, options_##name, min, max, complete },
#include "torchless/commands.def"
};

const int command_table_len = (int)(sizeof(command_table) / sizeof(command_table[0]));

const struct command *command_find(const char *name)
{
	for (int i = 0; i < command_table_len; i++)
		if (!strcmp(command_table[i].name, name))
			return &command_table[i];
	return NULL;
}

static bool is_in(const enum option_id *set, enum option_id id)
{
	for (; *set != OPT_COUNT; set++)
		if (*set == id)
			return true;
	return false;
}

bool option_is_everywhere(enum option_id id)
{
	static const enum option_id everywhere[] = { OPT_COLOR, OPT_QUIET,   OPT_VERBOSE,
						     OPT_HELP,  OPT_VERSION, OPT_COUNT };

	return is_in(everywhere, id);
}

bool command_adds(const struct command *c, enum option_id id)
{
	return is_in(c->options, id);
}

bool command_has(const struct command *c, enum option_id id)
{
	return option_is_everywhere(id) || command_adds(c, id);
}

/* ---- what was meant ------------------------------------------------------------------------ */

/* What others call it, or will be called so. */
static const struct {
	const char *word, *command;
} elsewhere[] = {
	{ "diff", "query differ" },
	{ "compare", "query differ" },
	{ "generate", "run" },
	{ "complete", "run" },
	{ "chat", "run --chat" },
	{ "record", "trace" },
	{ "capture", "trace --capture" },
	{ "sql", "query" },
	{ "shell", "query" },
	{ "ask", "query" },
	{ "step", "debug" },
	{ "gdb", "debug" },
	{ "break", "debug" },
	{ "tui", "debug --tui" },
	{ "draw", "graph" },
	{ "plot", "graph" },
	{ "dot", "graph" },
	{ "view", "show" },
	{ "html", "report" },
	{ "perfetto", "export --perfetto FILE" },
	{ "chrome", "export --chrome FILE" },
	{ "encode", "tokenize" },
	{ "decode", "tokenize --decode" },
	{ "tokenizer", "tokenize" },
	{ "list", "query --list" },
	{ "tables", "query" },
	{ "schema", "query" },
	{ "inspect", "info" },
	{ "describe", "info" },
	{ "stats", "info --tensors --stats" },
	{ "man", "help" },
	{ "usage", "help" },
	{ "version", "--version" },
	{ "points", "info --points" },
	{ "tensors", "info --tensors" },
	{ "weights", "info --tensors" },
	{ "program", "info --program" },
	{ "ops", "info --program" },
	{ "functions", "query --functions" },
	{ "estimate", "trace --estimate" },
};

static bool is_sql_function(const char *word)
{
	for (int i = 0; i < sql_function_table_len; i++)
		if (!strcmp(sql_function_table[i].name, word))
			return true;
	return false;
}

/* What the whole word is the name of elsewhere. */
static const char *named_elsewhere(const char *word, char *buf, size_t size)
{
	for (size_t i = 0; i < sizeof(elsewhere) / sizeof(elsewhere[0]); i++)
		if (!strcmp(elsewhere[i].word, word))
			return elsewhere[i].command;
	if (saved_query_is_known(word)) {
		snprintf(buf, size, "query %s", word);
		return buf;
	}
	if (is_sql_function(word)) {
		snprintf(buf, size, "query --functions %s", word);
		return buf;
	}
	return NULL;
}

const char *nearest_command(const char *word)
{
	static char buf[128];
	const char *named = named_elsewhere(word, buf, sizeof(buf));
	struct text_nearest near = { .name = word, .distance = text_too_far(word) };
	const char *command;
	char saved[64];
	int distance;

	if (named)
		return named;
	/* Farther than three edits, or all of the word, is no suggestion. */
	if (near.distance > 4)
		near.distance = 4;
	if ((int)strlen(word) < near.distance)
		near.distance = (int)strlen(word);
	for (int i = 0; i < command_table_len; i++)
		text_nearest_offer(&near, command_table[i].name);
	command = near.best;
	for (size_t i = 0; i < sizeof(elsewhere) / sizeof(elsewhere[0]); i++)
		if (text_nearest_offer(&near, elsewhere[i].word))
			command = elsewhere[i].command;
	/* One slip away from a command that is meant: "tace" is not "cache". */
	if (command && near.distance <= 1)
		return command;
	distance = near.distance;
	if (!saved_query_nearest(word, &distance, saved, sizeof(saved)) ||
	    (command && distance == near.distance))
		return command;
	snprintf(buf, sizeof(buf), "query %s", saved);
	return buf;
}
