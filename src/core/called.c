/*
 * called.c -- how the program was called: see called.h.
 *
 * Nothing of core is used here: err_set() stands on it, and everything else on that.
 */
#include "torchless/called.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PLAIN   "torchless"
#define SCRIPTS "scripts/"
#define OF_TREE " of torchless's source tree"

#define TRACE     PLAIN " trace "
#define PROMPT    " PROMPT"
#define MAX_WORDS 600 /* bytes in place of it: a sentence has 1024 */

static char name[2 * PATH_MAX] = PLAIN;
static bool is_plain;                                /* what is said is kept */
static bool (*recorded)(struct called_words *words); /* NULL: no recording is open */

void called_as(const char *word)
{
	size_t len = strlen(word);

	if (len > 0 && len < sizeof(name))
		memcpy(name, word, len + 1);
}

const char *called_name(void)
{
	return name;
}

void called_recorded(bool (*words)(struct called_words *words))
{
	recorded = words;
}

bool called_plainly(bool on)
{
	bool was = is_plain;

	is_plain = on;
	return was;
}

bool called_directory(const char *argv0, char *path, size_t size)
{
	ssize_t n = readlink("/proc/self/exe", path, size - 1);
	char *whole = NULL, *slash;

	if (n > 0) {
		path[n] = '\0';
	} else {
		whole = strchr(argv0, '/') ? realpath(argv0, NULL) : NULL;
		if (!whole || strlen(whole) >= size) {
			free(whole);
			return false;
		}
		memcpy(path, whole, strlen(whole) + 1);
		free(whole);
	}
	slash = strrchr(path, '/');
	if (slash)
		*slash = '\0';
	return slash != NULL;
}

/* ---- what is written ----------------------------------------------------------------------- */

struct output {
	char *to;
	size_t size, len;
};

static void add(struct output *o, const char *s, size_t len)
{
	for (size_t i = 0; i < len; i++, o->len++)
		if (o->len + 1 < o->size)
			o->to[o->len] = s[i];
}

static void adds(struct output *o, const char *s)
{
	add(o, s, strlen(s));
}

static size_t end(struct output *o)
{
	if (o->size > 0)
		o->to[o->len < o->size ? o->len : o->size - 1] = '\0';
	return o->len;
}

/* ---- scripts ------------------------------------------------------------------------------- */

static bool is_here(const char *directory)
{
	struct stat here, there;

	return stat(".", &here) == 0 && stat(directory, &there) == 0 &&
	       here.st_dev == there.st_dev && here.st_ino == there.st_ino;
}

/* The source tree that has the script, "" when it is the directory where one is; or false. */
static bool find_tree(const char *script, size_t len, char *tree, size_t size)
{
	if (!called_directory("", tree, size))
		return false;
	/* ./torchless, and build/release/torchless. */
	for (int up = 0; up <= 2; up++) {
		size_t n = strlen(tree);
		bool found;

		if (n == 0 || n + len + 2 > size)
			return false;
		tree[n] = '/';
		memcpy(tree + n + 1, script, len);
		tree[n + 1 + len] = '\0';
		found = access(tree, F_OK) == 0;
		tree[n] = '\0';
		if (found && is_here(tree))
			*tree = '\0';
		if (found)
			return true;
		*strrchr(tree, '/') = '\0';
	}
	return false;
}

/* The script's name as it is found from here; whether it is. */
static bool add_script(struct output *o, const char *script, size_t len)
{
	static const char unsafe[] = " \t\n\"'\\$&;()<>|*?[]{}~#!`";
	char tree[PATH_MAX];
	bool found = find_tree(script, len, tree, sizeof(tree));
	const char *quote = "";

	if (found && *tree) {
		quote = !strpbrk(tree, unsafe) ? "" : strchr(tree, '\'') ? "\"" : "'";
		adds(o, quote);
		adds(o, tree);
		adds(o, "/");
	}
	add(o, script, len);
	adds(o, quote);
	return found;
}

/* ---- lines and sentences ------------------------------------------------------------------- */

/* Whether a command begins at line[i]: there, or behind what joins two. */
static bool begins_command(const char *line, size_t i)
{
	static const char *const joints[] = { "| ", "(", "&& ", "; " };

	for (size_t j = 0; j < sizeof(joints) / sizeof(joints[0]); j++) {
		size_t n = strlen(joints[j]);

		if (i >= n && !memcmp(line + i - n, joints[j], n))
			return true;
	}
	return i == 0;
}

static bool is_word(const char *line, size_t len, size_t i, const char *word)
{
	size_t n = strlen(word);

	return i + n <= len && !memcmp(line + i, word, n);
}

/*
 * What the open recording has for a line that leaves the PROMPT open; false when the line is
 * another, or nobody knows.
 */
static bool find_recorded(const char *line, size_t len, struct called_words *w)
{
	static const size_t n = sizeof(PROMPT) - 1;

	if (is_plain || !recorded || !is_word(line, len, 0, TRACE) || len <= n ||
	    memcmp(line + len - n, PROMPT, n) != 0 || !recorded(w))
		return false;
	/* A sentence within a sentence comes by again, with what it was given the first time. */
	if (*w->options &&
	    is_word(line + sizeof(TRACE) - 1, len - (sizeof(TRACE) - 1), 0, w->options))
		return false;
	/* In backquotes they stand, and one of their own would end them. */
	return strlen(w->options) + strlen(w->prompt) < MAX_WORDS && !strchr(w->options, '`') &&
	       !strchr(w->prompt, '`');
}

static void add_spaced(struct output *o, const char *words)
{
	adds(o, *words ? " " : "");
	adds(o, words);
}

/* Behind a word as text_add_shell_word() has written it: what it quotes is no option. */
static const char *word_end(const char *s)
{
	while (*s && *s != ' ') {
		const char *close = *s == '\'' ? strchr(s + 1, '\'') : NULL;

		s += *s == '\\' && s[1] ? 2 : 1;
		s = close ? close + 1 : s;
	}
	return s;
}

/* The options of the recording, but not what the line says itself: "--capture units". */
static void add_other_options(struct output *o, const char *options, const char *own, size_t len)
{
	const char *at = options;

	while (len && *at && strncmp(at, own, len) != 0) {
		at = word_end(at);
		at += strspn(at, " ");
	}
	if (!len || !*at || (at[len] && at[len] != ' ')) {
		add_spaced(o, options);
		return;
	}
	if (at > options) {
		add(o, " ", 1);
		add(o, options, (size_t)(at - options) - 1);
	}
	adds(o, at + len);
}

/* "torchless trace --capture units PROMPT", of `len` bytes, with what the recording has. */
static void add_recorded(struct output *o, const char *line, size_t len,
			 const struct called_words *words)
{
	static const size_t around = sizeof(TRACE) - 1 + sizeof(PROMPT) - 1;
	const char *own = line + sizeof(TRACE) - 1;
	size_t n = len > around ? len - around : 0;

	adds(o, name);
	adds(o, " trace");
	add_other_options(o, words->options, own, n);
	add(o, " ", n > 0);
	add(o, own, n);
	add_spaced(o, words->prompt);
}

/* The line with the names that work here; false when a script was not found. */
static bool add_line(struct output *o, const char *line, size_t len)
{
	static const size_t n = sizeof(PLAIN) - 1;
	struct called_words words;
	bool found = true;

	if (find_recorded(line, len, &words)) {
		add_recorded(o, line, len, &words);
		return true;
	}
	for (size_t i = 0; i < len;) {
		bool begins = begins_command(line, i);

		if (begins && is_word(line, len, i, PLAIN) &&
		    (i + n == len || line[i + n] == ' ')) {
			adds(o, is_plain ? PLAIN : name);
			i += n;
		} else if (begins && !is_plain && is_word(line, len, i, SCRIPTS)) {
			const char *space = memchr(line + i, ' ', len - i);
			size_t word = space ? (size_t)(space - (line + i)) : len - i;

			found = add_script(o, line + i, word) && found;
			i += word;
		} else {
			add(o, line + i++, 1);
		}
	}
	return found;
}

size_t called_expand_line(const char *line, size_t len, char *out, size_t size)
{
	struct output o = { .to = out, .size = size };
	int kept = errno;

	add_line(&o, line, len);
	errno = kept;
	return end(&o);
}

size_t called_expand(const char *sentence, char *out, size_t size)
{
	struct output o = { .to = out, .size = size };
	int kept = errno;

	while (*sentence) {
		const char *open = strchr(sentence, '`');
		const char *close = open ? strchr(open + 1, '`') : NULL;

		if (!close) {
			adds(&o, sentence);
			break;
		}
		add(&o, sentence, (size_t)(open + 1 - sentence));
		sentence = close + 1;
		if (!add_line(&o, open + 1, (size_t)(close - open - 1)) &&
		    strncmp(sentence, OF_TREE, strlen(OF_TREE)) != 0)
			adds(&o, "`" OF_TREE);
		else
			adds(&o, "`");
	}
	errno = kept;
	return end(&o);
}
