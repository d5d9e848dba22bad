/*
 * command.h -- what a command is; commands.def has a line for each.
 */
#ifndef DEBUG_COMMAND_H
#define DEBUG_COMMAND_H

#include "torchless/debugger.h"

enum debug_class {
	CLASS_RUNNING,
	CLASS_STOPS,
	CLASS_DATA,
	CLASS_CHANGES,
	CLASS_FINDING,
	CLASS_STATUS,
	CLASS_FILES,
	CLASS_SUPPORT
};

enum {
	NEEDS_PROGRAM = 1, /* begins it where it has not begun */
	NO_REPEAT = 2,     /* an empty line does not repeat it */
	LIVE_ONLY = 4,     /* wants a model, not a recording */
	ALONE = 8,         /* what stands behind it must be a subcommand */
};

/* What may stand behind a command. */
enum debug_complete {
	DEBUG_NOTHING,
	DEBUG_LOCATION,
	DEBUG_EXPRESSION,
	DEBUG_BREAKPOINT,
	DEBUG_FILE,
	DEBUG_COMMAND_NAME,
	DEBUG_BOOKMARK,
	DEBUG_POINT,
	DEBUG_SQL,
};

/* args is what stands behind the name, without spaces around it. */
typedef int debug_fn(struct debugger *d, const char *args, struct err *err);

struct debug_command {
	const char *name;    /* "reverse-step", "info breakpoints" */
	const char *aliases; /* separated by spaces: of the last word of the name */
	enum debug_class class;
	unsigned flags;
	const char *args;
	enum debug_complete complete;
	const char *doc;     /* a sentence, then more of them */
	const char *example; /* lines that a test runs */
};
extern const struct debug_command debug_commands[];
extern const int debug_commands_len;

#define DEBUG_COMMAND(name, aliases, class, flags, args, complete, function, doc, example)         \
	debug_fn function;
#include "commands.def"
#undef DEBUG_COMMAND

/*
 * The command that *line begins with, which then stands behind it and the spaces that follow; NULL
 * with a sentence.
 */
const struct debug_command *command_lookup(const char **line, struct err *err);

/* The first word of commands of several, by its beginning: "info"; NULL: none, or more than one. */
const char *command_stem(const char *word, size_t *len);

/* A count of at least 1 as the whole of args, 1 where there is none; ERR_USAGE. */
int parse_count(const char *args, int64_t *n, struct err *err);

/* Say what help has to say of "functions", "expressions", "locations"; false for other words. */
bool say_topic(struct debugger *d, const char *name);

#endif
