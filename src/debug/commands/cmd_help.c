/*
 * cmd_help.c -- help, apropos, source, echo, complete, and leaving.
 *
 * All that help says stands in commands.def.
 */
#include "../debug_impl.h"

#include "torchless/utf8.h"

#include <ctype.h>
#include <errno.h>
#include <strings.h>

#define MAX_SOURCE  (16 << 20) /* bytes of a file of commands */
#define MAX_NESTING 16         /* files that source files */

static const struct {
	const char *name, *doc;
} class_table[] = {
	[CLASS_RUNNING] = { "running", "Going through the generation, forward and back." },
	[CLASS_STOPS] = { "stops", "Breakpoints, watchpoints, catchpoints: where it stops." },
	[CLASS_DATA] = { "data", "Looking at what is there." },
	[CLASS_CHANGES] = { "changes", "Changing what is there, and taking it back." },
	[CLASS_FINDING] = { "finding", "Where something comes from, and where else it was." },
	[CLASS_STATUS] = { "status", "Where one stands, and what the program is." },
	[CLASS_FILES] = { "files", "Commands, breakpoints and recordings in files." },
	[CLASS_SUPPORT] = { "support", "Help, settings, leaving." },
};
#define N_CLASSES ((int)(sizeof(class_table) / sizeof(class_table[0])))

/* ---- help ---------------------------------------------------------------------------------- */

/* The first sentence of a command's doc. */
static void first_sentence(const char *doc, struct text *out)
{
	const char *end = strstr(doc, ". ");

	text_add(out, doc, end ? (size_t)(end + 1 - doc) : strlen(doc));
}

static void say_command(struct debugger *d, const struct debug_command *c)
{
	struct text name = { 0 }, first = { 0 }, doc = { 0 };

	text_adds(&name, c->name);
	for (const char *s = c->aliases; *s;) {
		size_t n = strcspn(s, " ");

		text_addf(&name, ", %.*s", (int)n, s);
		s += n + (s[n] == ' ');
	}
	first_sentence(c->doc, &first);
	text_add_called(&doc, first.data);
	say_entry(d, name.data, doc.data);
	text_release(&name);
	text_release(&first);
	text_release(&doc);
}

static void help_overview(struct debugger *d)
{
	say_wrapped(d,
		    "Commands, by what they are for. A command may be cut short as long as it is "
		    "clear which one is meant; an empty line repeats the last one.\n",
		    0, 0);
	for (int i = 0; i < N_CLASSES; i++)
		say_entry(d, class_table[i].name, class_table[i].doc);
	say(d, "\n");
	say_entry(d, "help CLASS", "lists the commands of one");
	say_entry(d, "help COMMAND", "explains a command");
	say_entry(d, "help all", "lists every command");
	say_entry(
		d, "help functions",
		"lists what expressions can call; `help expressions` and `help locations` explain what stands behind commands");
	say_entry(d, "apropos WORD", "searches what is said of them");
}

static int find_class(const char *name)
{
	for (int i = 0; i < N_CLASSES; i++)
		if (!strcasecmp(class_table[i].name, name))
			return i;
	return -1;
}

static void help_class(struct debugger *d, int class)
{
	say_wrapped(d, class_table[class].doc, 0, 0);
	say(d, "\n");
	for (int i = 0; i < debug_commands_len; i++)
		if ((int)debug_commands[i].class == class)
			say_command(d, &debug_commands[i]);
}

/* "reverse-step, rs [N]", its doc, the example. */
static void help_command(struct debugger *d, const struct debug_command *c)
{
	struct text aliases = { 0 }, doc = { 0 };

	say_styled(d, UI_BOLD, "%s", c->name);
	say(d, "%s%s\n", *c->args ? " " : "", c->args);
	text_add_called(&doc, c->doc);
	say_wrapped(d, doc.data, 0, 0);
	text_release(&doc);
	for (const char *s = c->aliases; *s;) {
		size_t n = strcspn(s, " ");

		text_addf(&aliases, "%s%.*s", aliases.len ? ", " : "", (int)n, s);
		s += n + (s[n] == ' ');
	}
	if (aliases.len)
		say(d, "Also: %s\n", aliases.data);
	text_release(&aliases);
	if (!*c->example)
		return;
	say(d, "Example:\n");
	for (const char *s = c->example; *s;) {
		size_t n = strcspn(s, "\n");

		say(d, "  %.*s\n", (int)n, s);
		s += n + (s[n] == '\n');
	}
}

/* What a word stands before: the commands whose names have more words. */
static bool help_subcommands(struct debugger *d, const char *stem, size_t len)
{
	bool any = false;

	for (int i = 0; i < debug_commands_len; i++) {
		const char *name = debug_commands[i].name;

		if (strncmp(name, stem, len) != 0 || name[len] != ' ')
			continue;
		if (!any)
			say(d, "\n");
		any = true;
		say_command(d, &debug_commands[i]);
	}
	return any;
}

int cmd_help_on(struct debugger *d, const char *args, struct err *err)
{
	const struct debug_command *c;
	const char *rest = args, *stem;
	size_t len = 0;

	if (!*args) {
		help_overview(d);
		return 0;
	}
	if (!strcmp(args, "all")) {
		for (int i = 0; i < debug_commands_len; i++)
			say_command(d, &debug_commands[i]);
		return 0;
	}
	if (find_class(args) >= 0) {
		help_class(d, find_class(args));
		return 0;
	}
	if (say_topic(d, args))
		return 0;
	c = command_lookup(&rest, err);
	stem = c && (c->flags & ALONE) ? command_stem(c->name, &len)
	       : c                     ? NULL
				       : command_stem(args, &len);
	if (stem) {
		say(d, "%.*s is followed by one of:\n", (int)len, stem);
		help_subcommands(d, stem, len);
		return 0;
	}
	if (!c)
		return err->code;
	if (*rest)
		return err_set(err, ERR_USAGE, "Undefined command: \"%.100s\".  Try \"help %s\"",
			       args, c->name);
	help_command(d, c);
	help_subcommands(d, c->name, strlen(c->name));
	return 0;
}

/* ---- apropos ------------------------------------------------------------------------------- */

static bool contains(const char *text, const char *word)
{
	size_t n = strlen(word);

	for (; *text; text++)
		if (!strncasecmp(text, word, n))
			return true;
	return false;
}

int cmd_apropos(struct debugger *d, const char *args, struct err *err)
{
	int n = 0;

	if (!*args)
		return err_set(err, ERR_USAGE, "apropos wants a word to search for");
	for (int i = 0; i < debug_commands_len; i++) {
		const struct debug_command *c = &debug_commands[i];

		if (!contains(c->name, args) && !contains(c->aliases, args) &&
		    !contains(c->doc, args))
			continue;
		say_command(d, c);
		n++;
	}
	if (n == 0)
		say(d, "No command is about \"%.60s\".\n", args);
	return 0;
}

/* ---- files of commands --------------------------------------------------------------------- */

/* A file of one's own home, as shells write it. */
static void add_path(const char *args, struct text *path)
{
	const char *home = getenv("HOME");

	if (args[0] == '~' && args[1] == '/' && home)
		text_addf(path, "%s%s", home, args + 1);
	else
		text_adds(path, args);
}

int cmd_source(struct debugger *d, const char *args, struct err *err)
{
	struct text path = { 0 }, lines = { 0 };
	int r;

	if (!*args)
		return err_set(err, ERR_USAGE, "source wants a file");
	if (lines_depth(d->queue) >= MAX_NESTING)
		return err_set(err, ERR_USAGE, "files that source files, %d deep", MAX_NESTING);
	add_path(args, &path);
	r = text_read_file(&lines, path.data, MAX_SOURCE, err);
	if (r == 0 && lines.len && strlen(lines.data) != lines.len)
		r = err_set(err, ERR_FORMAT, "%s holds a NUL byte: it is no file of commands",
			    path.data);
	if (r == 0 && lines.len)
		queue_lines(d, lines.data, path.data);
	text_release(&path);
	text_release(&lines);
	return r;
}

/* ---- the rest ------------------------------------------------------------------------------ */

int cmd_echo(struct debugger *d, const char *args, struct err *err)
{
	static const char from[] = "nt\\\"", to[] = "\n\t\\\"";
	struct text t = { 0 };

	(void)err;
	for (; *args; args++) {
		const char *escape = *args == '\\' && args[1] ? strchr(from, args[1]) : NULL;

		/* A backslash at the end keeps the space before it, as in gdb. */
		if (*args == '\\' && !args[1])
			break;
		if (escape)
			args++;
		text_addc(&t, escape ? to[escape - from] : *args);
	}
	say(d, "%s", t.data ? t.data : "");
	text_release(&t);
	return 0;
}

int cmd_shell(struct debugger *d, const char *args, struct err *err)
{
	(void)d;
	(void)args;
	return err_set(err, ERR_USAGE,
		       "the debugger runs no other programs: use another terminal, or Ctrl-Z");
}

int cmd_complete(struct debugger *d, const char *args, struct err *err)
{
	struct candidates c = { 0 };

	(void)err;
	debugger_complete(d, args, "", &c);
	for (int i = 0; i < c.n; i++)
		say(d, "%.*s%s\n", (int)c.start, args, c.list[i]);
	if (c.n_more)
		say(d, "… and %d more\n", c.n_more);
	candidates_release(&c);
	return 0;
}

int cmd_quit(struct debugger *d, const char *args, struct err *err)
{
	char *end;
	long status = 0;

	errno = 0;
	if (*args)
		status = strtol(args, &end, 10);
	if (*args && (errno || *end || status < 0 || status > 255))
		return err_set(err, ERR_USAGE, "'%.60s' is no exit status: 0 to 255", args);
	d->quit = true;
	d->exit_status = (int)status;
	return 0;
}
