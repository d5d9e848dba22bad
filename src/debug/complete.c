/*
 * complete.c -- what may stand at the cursor.
 *
 * Paths are completed a component at a time.  Layers are shown as a range, which is never put in.
 */
#include "debug_impl.h"
#include "stops/break_impl.h"

#include "torchless/array.h"
#include "torchless/expression.h"

#include <ctype.h>

static bool begins(const char *s, const char *with, size_t len)
{
	return !strncmp(s, with, len);
}

/* ---- paths --------------------------------------------------------------------------------- */

/* What is typed of a path: up to the last dot as it stands, and the beginning of a component. */
struct typed {
	struct text head;   /* as it is typed, with its dot */
	struct text prefix; /* what a full name begins with */
	const char *tail;
	size_t tail_len;
	int least, most, n_numbers; /* components that are numbers, when none is typed yet */
	const char *stem;           /* before them: "L" or "" */
	struct candidates *out;
};

/* "layers[3].mlp" means layers.3.mlp. */
static void add_plain(struct text *out, const char *s, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (s[i] == '[' || s[i] == ':')
			text_addc(out, '.');
		else if (s[i] != ']')
			text_addc(out, s[i]);
}

static void add_component(struct typed *t, const char *component, size_t len, bool goes_on)
{
	struct text name = { 0 };

	text_add(&name, t->head.data, t->head.len);
	text_add(&name, component, len);
	if (goes_on && len == t->tail_len)
		text_addc(&name, '.');
	candidates_add(t->out, name.data);
	text_release(&name);
}

/* A full name: its next component, when it begins as what is typed. */
static void offer_name(struct typed *t, const char *name)
{
	struct text plain = { 0 };
	const char *rest;
	size_t len;

	add_plain(&plain, name, strlen(name));
	rest = plain.len ? plain.data : "";
	if (begins(rest, t->prefix.data, t->prefix.len)) {
		rest += t->prefix.len;
		len = strcspn(rest, ".");
		if (len > 0 && len + (rest[len] == '.') > t->tail_len &&
		    begins(rest, t->tail, t->tail_len)) {
			if (isdigit((unsigned char)*rest) && t->tail_len == 0) {
				int n = atoi(rest);

				t->least = t->n_numbers == 0 || n < t->least ? n : t->least;
				t->most = t->n_numbers++ == 0 || n > t->most ? n : t->most;
			} else {
				add_component(t, rest, len, rest[len] == '.');
			}
		}
	}
	text_release(&plain);
}

static void offer_range(struct typed *t)
{
	struct text name = { 0 };

	if (t->n_numbers == 0)
		return;
	if (t->least == t->most) {
		text_addf(&name, "%d", t->least);
		add_component(t, name.data, name.len, false);
	} else {
		text_add(&name, t->head.data, t->head.len);
		text_addf(&name, "{%d..%d}", t->least, t->most);
		candidates_add(t->out, name.data);
		t->out->has_range = true;
		if (t->out->common > t->head.len)
			t->out->common = t->head.len;
	}
	text_release(&name);
}

/* Of every module and point; their names may begin behind "model.", too. */
static void offer_names(struct typed *t, const struct debugger *d)
{
	const struct program *p = d->program;
	bool is_short = t->head.len ? t->head.data[0] == 'L' : t->tail_len && *t->tail == 'L';
	char name[256];

	for (int i = 0; i < p->n_modules; i++) {
		offer_name(t, p->modules[i].path);
		if (begins(p->modules[i].path, "model.", 6))
			offer_name(t, p->modules[i].path + 6);
	}
	for (int i = 0; i < p->n_values; i++) {
		if (!p->values[i].point)
			continue;
		offer_name(t, p->values[i].name);
		if (begins(p->values[i].name, "model.", 6))
			offer_name(t, p->values[i].name + 6);
		if (is_short)
			offer_name(t, point_short_name(&p->values[i], name, sizeof(name)));
	}
}

static void complete_path(struct debugger *d, const char *word, struct candidates *c)
{
	size_t len = strlen(word), head = len;
	struct typed t = { .out = c };

	while (head > 0 && word[head - 1] != '.' && word[head - 1] != ':')
		head--;
	text_add(&t.head, word, head);
	text_adds(&t.prefix, "");
	t.tail = word + head;
	t.tail_len = len - head;
	if (*word == '.' && d->target->has_begun) {
		const char *here = d->program->modules[debugger_here(d)].path;

		text_adds(&t.prefix, here);
		if (!*here)
			head--, word++;
	}
	add_plain(&t.prefix, word, head);
	offer_names(&t, d);
	offer_range(&t);
	text_release(&t.head);
	text_release(&t.prefix);
}

/* ---- other words --------------------------------------------------------------------------- */

static void offer_words(const char *list, const char *word, char separator, struct candidates *c)
{
	char stops[2] = { separator, '\0' };

	while (*list) {
		size_t n = strcspn(list, stops);
		char *copy = mem_memdup(list, n);

		/* "N" stands for something, "on" for itself. */
		if (islower((unsigned char)*copy) && begins(copy, word, strlen(word)))
			candidates_add(c, copy);
		free(copy);
		list += n + (list[n] == separator);
	}
}

static void offer_function(const char *name, const char *word, struct candidates *c)
{
	char call[64];

	snprintf(call, sizeof(call), "%s(", name);
	if (begins(call, word, strlen(word)))
		candidates_add(c, call);
}

static void complete_functions(struct debugger *d, const char *word, struct candidates *c)
{
	const struct expression_function *own = debugger_names(d)->functions;

	for (; own && own->name; own++)
		offer_function(own->name, word, c);
	for (int i = 0; i < array_functions_len; i++)
		offer_function(array_functions[i].name, word, c);
}

static void complete_breakpoint(const struct debugger *d, const char *word, struct candidates *c)
{
	for (int i = 0; i < d->breakpoints->n; i++) {
		char number[16];

		snprintf(number, sizeof(number), "%d", d->breakpoints->list[i]->number);
		if (d->breakpoints->list[i]->number > 0 && begins(number, word, strlen(word)))
			candidates_add(c, number);
	}
}

static void complete_bookmark(const struct debugger *d, const char *word, struct candidates *c)
{
	const struct moment *m;
	const char *name;

	for (int i = 0; (name = trail_name(d->trail, i, &m)); i++)
		if (begins(name, word, strlen(word)))
			candidates_add(c, name);
}

/* ---- commands ------------------------------------------------------------------------------ */

/* The word'th words of the commands whose names have `stem` (of `len` bytes) before it. */
static void complete_command(const char *stem, size_t len, const char *word, struct candidates *c)
{
	for (int i = 0; i < debug_commands_len; i++) {
		const char *name = debug_commands[i].name;
		struct text next = { 0 };

		if (len > 0 && (!begins(name, stem, len) || name[len] != ' '))
			continue;
		name += len + (len > 0);
		text_add(&next, name, strcspn(name, " "));
		if (begins(next.data, word, strlen(word)))
			candidates_add(c, next.data);
		text_release(&next);
	}
}

static void complete_argument(struct debugger *d, const struct debug_command *command,
			      const char *word, struct candidates *c)
{
	switch (command->complete) {
	case DEBUG_EXPRESSION:
		complete_functions(d, word, c);
		complete_path(d, word, c);
		break;
	case DEBUG_LOCATION:
		offer_words("tokenizer sampler", word, ' ', c);
		complete_path(d, word, c);
		break;
	case DEBUG_POINT:
		complete_path(d, word, c);
		break;
	case DEBUG_BREAKPOINT:
		complete_breakpoint(d, word, c);
		break;
	case DEBUG_FILE:
		candidates_add_files(c, word, "");
		break;
	case DEBUG_BOOKMARK:
		complete_bookmark(d, word, c);
		break;
	case DEBUG_COMMAND_NAME:
		complete_command("", 0, word, c);
		offer_words("running stops data changes finding status files support", word, ' ',
			    c);
		break;
	case DEBUG_NOTHING:
		if (strchr(command->args, '|'))
			offer_words(command->args, word, '|', c);
		break;
	case DEBUG_SQL:
		break;
	}
}

/* Where the word at the end of a line begins. */
static size_t word_start(const char *line, enum debug_complete kind)
{
	static const char in_path[] = ".:_[]$-";
	size_t at = strlen(line);
	bool is_file = kind == DEBUG_FILE;

	while (at > 0 && (isalnum((unsigned char)line[at - 1]) ||
			  (is_file ? line[at - 1] != ' ' : strchr(in_path, line[at - 1]) != NULL)))
		at--;
	return at;
}

/* "model.x[head=2" is completed behind the bracket: nothing is known of what stands there. */
static bool is_in_brackets(const char *word)
{
	const char *open = strrchr(word, '[');

	return open && !strchr(open, ']');
}

/* The second word of "info breakpoints", of commands that begin with the first. */
static void complete_second(const char *first, size_t len, const char *word, struct candidates *c)
{
	struct text stem = { 0 };
	const struct debug_command *command;
	struct err ignored = { 0 };
	const char *rest, *name;
	size_t n;

	text_add(&stem, first, len);
	rest = stem.data;
	command = command_lookup(&rest, &ignored);
	name = command ? command->name : command_stem(stem.data, &n);
	if (name)
		complete_command(name, strcspn(name, " "), word, c);
	text_release(&stem);
}

void debugger_complete(struct debugger *d, const char *before, const char *after,
		       struct candidates *c)
{
	const char *first = before + strspn(before, " \t"), *rest = first, *second;
	size_t len = strcspn(first, " \t"), start;
	const struct debug_command *command;
	struct err ignored = { 0 };

	(void)after;
	c->start = (size_t)(first - before);
	if (!first[len]) {
		complete_command("", 0, first, c);
		return;
	}
	second = first + len + strspn(first + len, " \t");
	if (!second[strcspn(second, " \t")]) {
		c->start = (size_t)(second - before);
		complete_second(first, len, second, c);
	}
	command = command_lookup(&rest, &ignored);
	if (!command || rest == first || !strchr(" \t", rest[-1]))
		return;
	start = word_start(before, command->complete);
	if (start < (size_t)(rest - before) || is_in_brackets(before + start))
		return;
	/* What is offered already would be put in at another place. */
	if (c->n > 0 && c->start != start)
		return;
	c->start = start;
	complete_argument(d, command, before + start, c);
}
