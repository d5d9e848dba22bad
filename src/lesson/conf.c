/*
 * conf.c -- files of `key = "value"` lines: what a course is described in.
 *
 * One way to write each thing, and every other is an error with its line: `# comment`, `[section]`,
 * `key = "value"`, and a value's further lines, which are indented and in quotes of their own.  In
 * quotes \" \\ and \n are the only escapes.  There are no other types, so nothing can be taken for
 * one.
 */
#include "conf.h"
#include "torchless/mem.h"

#include <stdlib.h>
#include <string.h>

struct parser {
	const char *path;
	const char *at, *end; /* of the line */
	int line;
	struct course_section *sections;
	size_t n, cap;
	size_t cap_entries;        /* of the last section */
	struct course_entry *open; /* that a further line may go on with; NULL: none */
	struct err *err;
};

static int fail(const struct parser *p, const char *what)
{
	return err_set(p->err, ERR_FORMAT, "%s:%d: %s", p->path, p->line, what);
}

static bool is_name(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       (c && strchr("_-.", c));
}

static size_t name_len(const char *s, const char *end)
{
	size_t n = 0;

	while (s + n < end && is_name(s[n]))
		n++;
	return n;
}

static const char *skip_spaces(const char *s, const char *end)
{
	while (s < end && (*s == ' ' || *s == '\t'))
		s++;
	return s;
}

static void add_section(struct parser *p, const char *name, size_t len)
{
	p->sections = mem_grow(p->sections, p->n, &p->cap, sizeof(*p->sections));
	p->sections[p->n++] =
		(struct course_section){ .name = mem_memdup(name, len), .line = p->line };
	p->cap_entries = 0;
}

/* "[name]", where a name may be two words. */
static int read_section(struct parser *p)
{
	const char *name = p->at + 1, *s = name;

	s += name_len(s, p->end);
	if (s > name && s + 1 < p->end && *s == ' ' && is_name(s[1]))
		s += 1 + name_len(s + 1, p->end);
	if (s == name || s >= p->end || *s != ']' || skip_spaces(s + 1, p->end) != p->end)
		return fail(p, "a section is written [name] or [trace name]");
	add_section(p, name, (size_t)(s - name));
	for (size_t i = 0; i + 1 < p->n; i++)
		if (!strcmp(p->sections[i].name, p->sections[p->n - 1].name))
			return err_set(p->err, ERR_FORMAT, "%s:%d: [%s] begins in line %d already",
				       p->path, p->line, p->sections[i].name, p->sections[i].line);
	return 0;
}

/* What stands in the quotes that begin at s, to which the line must belong to its end. */
static int read_quoted(struct parser *p, const char *s, struct text *value)
{
	if (s >= p->end || *s != '"')
		return fail(p, "a value stands in quotes");
	for (s++; s < p->end && *s != '"'; s++) {
		if (*s != '\\') {
			text_addc(value, *s);
			continue;
		}
		s++;
		if (s >= p->end || !strchr("\"\\n", *s))
			return fail(
				p, "a backslash stands before another, before n or before a quote");
		text_addc(value, *s == 'n' ? '\n' : *s);
	}
	if (s >= p->end)
		return fail(p, "the quote is not closed");
	if (skip_spaces(s + 1, p->end) != p->end)
		return fail(p, "something stands behind the value");
	return 0;
}

static int read_entry(struct parser *p)
{
	struct course_section *section = &p->sections[p->n - 1];
	size_t len = name_len(p->at, p->end);
	const char *s = skip_spaces(p->at + len, p->end);
	struct text value = { 0 };
	struct course_entry *entry;

	if (len == 0 || s >= p->end || *s != '=')
		return fail(p, "expected key = \"value\", [section] or # comment");
	section->entries = mem_grow(section->entries, (size_t)section->n, &p->cap_entries,
				    sizeof(*section->entries));
	entry = &section->entries[section->n++];
	*entry = (struct course_entry){ .key = mem_memdup(p->at, len), .line = p->line };
	text_add(&value, "", 0);
	if (read_quoted(p, skip_spaces(s + 1, p->end), &value)) {
		entry->value = value.data;
		return p->err->code;
	}
	entry->value = value.data;
	for (int i = 0; i + 1 < section->n; i++)
		if (!strcmp(section->entries[i].key, entry->key))
			return err_set(p->err, ERR_FORMAT, "%s:%d: %s stands in line %d already",
				       p->path, p->line, entry->key, section->entries[i].line);
	p->open = entry;
	return 0;
}

/* A further line of the value before. */
static int read_more(struct parser *p)
{
	struct course_entry *entry = p->open;
	struct text value = { 0 };
	size_t len;
	int r;

	if (!entry)
		return fail(p, "an indented line goes on with a value, and none stands before it");
	text_addc(&value, '\n');
	r = read_quoted(p, skip_spaces(p->at, p->end), &value);
	len = strlen(entry->value);
	entry->value = mem_realloc(entry->value, len + value.len + 1, 1);
	memcpy(entry->value + len, value.data, value.len + 1);
	text_release(&value);
	return r;
}

static int read_line(struct parser *p)
{
	const char *s = skip_spaces(p->at, p->end);

	if (s > p->at && s < p->end)
		return read_more(p);
	p->open = NULL;
	if (s == p->end || *s == '#')
		return 0;
	return *s == '[' ? read_section(p) : read_entry(p);
}

int conf_parse(const char *path, const char *data, size_t len, struct course_section **sections,
	       int *n, struct err *err)
{
	struct parser p = { .path = path, .err = err };
	const char *end = data + len, *next;
	int r = 0;

	add_section(&p, "", 0);
	for (const char *s = data; s < end && r == 0; s = next + 1) {
		next = memchr(s, '\n', (size_t)(end - s));
		next = next ? next : end;
		p.line++;
		p.at = s;
		p.end = next;
		if (memchr(s, '\0', (size_t)(next - s)) || memchr(s, '\r', (size_t)(next - s)))
			r = fail(&p, "a byte that is no text");
		else
			r = read_line(&p);
	}
	*sections = p.sections;
	*n = (int)p.n;
	return r;
}

void conf_release(struct course_section *sections, int n)
{
	for (int i = 0; i < n; i++) {
		for (int k = 0; k < sections[i].n; k++) {
			free(sections[i].entries[k].key);
			free(sections[i].entries[k].value);
		}
		free(sections[i].entries);
		free(sections[i].name);
	}
	free(sections);
}

const char *section_value(const struct course_section *s, const char *key)
{
	for (int i = 0; i < s->n; i++)
		if (!strcmp(s->entries[i].key, key))
			return s->entries[i].value;
	return NULL;
}

const struct course_entry *section_next(const struct course_section *s, const char *prefix, int *at)
{
	size_t len = strlen(prefix);

	while (*at < s->n) {
		const struct course_entry *entry = &s->entries[(*at)++];

		if (!strncmp(entry->key, prefix, len))
			return entry;
	}
	return NULL;
}

const struct course_section *section_find(const struct course_section *s, int n, const char *name)
{
	for (int i = 0; i < n; i++)
		if (!strcmp(s[i].name, name))
			return &s[i];
	return NULL;
}

int conf_line(const struct course_section *s, const char *key)
{
	for (int i = 0; i < s->n; i++)
		if (!strcmp(s->entries[i].key, key))
			return s->entries[i].line;
	return s->line > 0 ? s->line : 1;
}

char *conf_word(const char *value, size_t *at)
{
	size_t len;

	*at += strspn(value + *at, " \n");
	len = strcspn(value + *at, " \n");
	*at += len;
	return len ? mem_memdup(value + *at - len, len) : NULL;
}

int conf_count(const char *value, int max)
{
	char *end;
	long n;

	if (!value || *value < '0' || *value > '9')
		return -1;
	n = strtol(value, &end, 10);
	return *end || n > max ? -1 : (int)n;
}
