/*
 * commands.c -- what is known of each command but how it runs.
 *
 * It names no function of a command, so that help, completion and the parser can read it without
 * standing above everything that they explain (docs/howto/add-a-command.md).
 */
#include "torchless/cli.h"

#include <string.h>

#define BIT(id) (1ull << (id))

#define OPTIONS_COMPUTE                                                                            \
	(BIT(OPT_MODEL) | BIT(OPT_THREADS) | BIT(OPT_CHUNK) | BIT(OPT_MEM) | BIT(OPT_N) |          \
	 BIT(OPT_TEMP) | BIT(OPT_TOP_K) | BIT(OPT_TOP_P) | BIT(OPT_MIN_P) | BIT(OPT_SEED) |        \
	 BIT(OPT_CHAT) | BIT(OPT_JSON))

static const struct inner_command query_shell_commands[] = {
#define DOT(name, args, argument, min, max, run, doc) { "." name, args, doc },
#include "dot.def"
	{ NULL, NULL, NULL },
};

#define COMMAND(name, ...) extern const struct command_help help_##name;
#include "torchless/commands.def"

const struct command command_table[] = {
#define COMMAND(name, min, max, complete, shell, options)                                          \
	{ #name, &help_##name, shell, options, min, max, complete },
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

bool command_has(const struct command *c, enum option_id id)
{
	return ((c->options | OPTIONS_EVERYWHERE) >> id & 1) != 0;
}

const char *nearest_command(const char *word)
{
	/* Farther than three edits, or all of the word, is no suggestion. */
	struct text_nearest near = { .name = word, .distance = 4 };

	if ((int)strlen(word) < near.distance)
		near.distance = (int)strlen(word);
	for (int i = 0; i < command_table_len; i++)
		text_nearest_offer(&near, command_table[i].name);
	return near.best;
}
