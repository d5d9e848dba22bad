/*
 * table.c -- the table of commands, and which of them a word is.
 *
 * It names no function that runs one, so that help and completion stand above it and below
 * command.c, which does.
 *
 * A word is a command by its name, an alias, or a beginning that only one has; a second word is
 * looked for only where the first has subcommands.
 */
#include "debug_impl.h"

#include <ctype.h>
#include <limits.h>

const struct debug_command debug_commands[] = {
#define DEBUG_COMMAND(name, aliases, class, flags, args, complete, function, doc, example)         \
	{ name, aliases, class, flags, args, complete, doc, example },
#include "commands.def"
#undef DEBUG_COMMAND
};
const int debug_commands_len = (int)(sizeof(debug_commands) / sizeof(debug_commands[0]));

#define MAX_SHOWN 60 /* bytes of a word that is none */

/* ---- which command ------------------------------------------------------------------------- */

/* The word at s, up to a space, and in a command's name up to what can only be its arguments. */
static size_t word_length(const char *s)
{
	size_t n = 0;

	while (isalnum((unsigned char)s[n]) || s[n] == '-' || s[n] == '_')
		n++;
	return n;
}

static bool is_word(const char *list, const char *word, size_t len)
{
	while (*list) {
		size_t n = strcspn(list, " ");

		if (n == len && !strncmp(list, word, len))
			return true;
		list += n + (list[n] == ' ');
	}
	return false;
}

/* The word'th word of a command's name, "" when it has fewer. */
static const char *name_word(const struct debug_command *c, int word, size_t *len)
{
	const char *s = c->name;

	for (; word > 0 && *s; word--) {
		s += strcspn(s, " ");
		s += *s == ' ';
	}
	*len = strcspn(s, " ");
	return s;
}

/* What a word can mean as the word'th of a name whose words before are those of `of`. */
struct meaning {
	const struct debug_command *command; /* the first that has this word */
	int n;                               /* different words that it begins */
	struct text names;
};

static bool has_stem(const struct debug_command *c, const struct debug_command *of, int word)
{
	size_t a, b;

	for (int i = 0; i < word; i++) {
		const char *x = name_word(c, i, &a), *y = name_word(of, i, &b);

		if (a != b || strncmp(x, y, a) != 0)
			return false;
	}
	return true;
}

static void find_word(const struct debug_command *of, int word, const char *s, size_t len,
		      struct meaning *found)
{
	const char *last = "";
	size_t last_len = 0;

	for (int i = 0; i < debug_commands_len; i++) {
		const struct debug_command *c = &debug_commands[i];
		size_t n, next_len;
		const char *name = name_word(c, word, &n);
		bool is_last = !*name_word(c, word + 1, &next_len);

		if (!n || (of && !has_stem(c, of, word)))
			continue;
		if ((n == len && !strncmp(name, s, n)) ||
		    (is_last && is_word(c->aliases, s, len))) {
			found->command = c;
			found->n = 1;
			return;
		}
		if (n < len || strncmp(name, s, len) != 0 ||
		    (n == last_len && !strncmp(name, last, n)))
			continue;
		if (found->n++ == 0)
			found->command = c;
		text_addf(&found->names, "%s%.*s", found->n > 1 ? ", " : "", (int)n, name);
		last = name;
		last_len = n;
	}
}

/* Of what is no word at all; not in the middle of a character. */
static int first_length(const char *s)
{
	size_t n = strcspn(s, " \t");

	n = n < MAX_SHOWN ? n : MAX_SHOWN;
	while (n > 1 && (s[n] & 0xc0) == 0x80)
		n--;
	return (int)n;
}

static const char *nearest(const struct debug_command *of, int word, const char *s, size_t len)
{
	char *copy = mem_memdup(s, len);
	struct text_nearest best = { .name = copy, .distance = text_too_far(copy) };

	for (int i = 0; i < debug_commands_len; i++) {
		size_t n;
		const char *name = name_word(&debug_commands[i], word, &n);

		if (n && (!of || has_stem(&debug_commands[i], of, word)))
			text_nearest_offer(&best, name);
	}
	free(copy);
	return best.best;
}

/* What users of gdb type: "info", the word without its dot; the dot is behind what must be typed.
 */
static const struct {
	const char *command, *sentence;
} gdb_words[] = {
#define GDB_WORD(command, sentence) { command, sentence },
#include "gdb_words.def"
#undef GDB_WORD
};

static const char *gdb_sentence(const struct debug_command *of, const char *s, size_t len)
{
	for (size_t i = 0; i < sizeof(gdb_words) / sizeof(gdb_words[0]); i++) {
		const char *command = gdb_words[i].command;
		bool is_info = !strncmp(command, "info ", 5);

		if (is_info != (of != NULL) || (of && strncmp(of->name, "info", 4) != 0))
			continue;
		if (text_is_short_for(s, len, command + (is_info ? 5 : 0)))
			return gdb_words[i].sentence;
	}
	return NULL;
}

static int refuse(const struct debug_command *of, int word, const char *s, size_t len,
		  const struct meaning *m, struct err *err)
{
	const char *near = NULL;
	size_t n;

	if (len > MAX_SHOWN)
		return err_set(err, ERR_USAGE, "Undefined command: \"%.*s...\".  Try \"help\"",
			       MAX_SHOWN, s);
	if (m->n > 1)
		return err_set(err, ERR_USAGE, "Ambiguous command \"%.*s\": %s", (int)len, s,
			       m->names.data);
	if (*s == '!' && !of)
		return err_set(
			err, ERR_USAGE,
			"the debugger runs no other programs: use another terminal, or Ctrl-Z");
	if (gdb_sentence(of, s, len))
		return err_set(err, ERR_USAGE, "%s", gdb_sentence(of, s, len));
	if (len == 0 && !of)
		return err_set(err, ERR_USAGE, "Undefined command: \"%.*s\".  Try \"help\"",
			       first_length(s), s);
	near = nearest(of, word, s, len);
	if (near && !strchr(near, ' '))
		return err_set(err, ERR_USAGE, "Undefined command: \"%.*s\"; did you mean \"%s\"?",
			       (int)len, s, near);
	name_word(of ? of : &debug_commands[0], 0, &n);
	return err_set(err, ERR_USAGE, "Undefined command: \"%.*s\".  Try \"help%s%.*s\"", (int)len,
		       s, of ? " " : "", of ? (int)n : 0, of ? of->name : "");
}

/* The command whose name is the first `words` words of `of`; NULL when there is none. */
static const struct debug_command *whole_name(const struct debug_command *of, int words)
{
	size_t len;

	for (int i = 0; i < debug_commands_len; i++)
		if (has_stem(&debug_commands[i], of, words) &&
		    !*name_word(&debug_commands[i], words, &len))
			return &debug_commands[i];
	return NULL;
}

const struct debug_command *command_lookup(const char **line, struct err *err)
{
	const struct debug_command *stem = NULL, *whole = NULL;
	const char *s = *line;

	for (int word = 0;; word++) {
		size_t len = word_length(s);
		struct meaning m = { 0 };

		if (len > 0)
			find_word(stem, word, s, len, &m);
		if (m.n != 1) {
			if (whole && (whole->flags & ALONE) && len > 0)
				whole = NULL;
			if (!whole && len == 0 && stem)
				err_set(err, ERR_USAGE,
					"\"%.60s\" is one of several: try \"help %.*s\"", *line,
					(int)strcspn(stem->name, " "), stem->name);
			else if (!whole)
				refuse(stem, word, s, len, &m, err);
			text_release(&m.names);
			return whole;
		}
		text_release(&m.names);
		stem = m.command;
		s += len;
		s += strspn(s, " \t");
		if (whole_name(stem, word + 1)) {
			whole = whole_name(stem, word + 1);
			*line = s;
		}
	}
}

const char *command_stem(const char *word, size_t *len)
{
	const char *found = NULL;

	for (int i = 0; i < debug_commands_len; i++) {
		const char *name = debug_commands[i].name;
		size_t n = strcspn(name, " ");

		if (!name[n] || strncmp(name, word, strlen(word)) != 0)
			continue;
		if (found && (n != *len || strncmp(found, name, n) != 0))
			return NULL;
		found = name;
		*len = n;
	}
	return found;
}

const char *debugger_command(int i, const char **doc)
{
	if (i < 0 || i >= debug_commands_len)
		return NULL;
	*doc = debug_commands[i].doc;
	return debug_commands[i].name;
}
