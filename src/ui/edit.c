/* edit.c -- see edit.h. */
#include "torchless/edit.h"
#include "history.h"
#include "torchless/mem.h"
#include "torchless/utf8.h"

#include <stdlib.h>
#include <string.h>

#define MAX_LINE  (10 << 20) /* bytes */
#define MAX_ENTRY (64 << 10) /* of the history; a longer one is not kept */

/* ---- the history -------------------------------------------------------------------------- */

static void add_entry(struct edit_line *e, const char *entry)
{
	if (e->n_history > 0 && !strcmp(e->history[e->n_history - 1], entry))
		return;
	if (e->n_history == HISTORY_ENTRIES) {
		free(e->history[0]);
		memmove(e->history, e->history + 1, (HISTORY_ENTRIES - 1) * sizeof(*e->history));
		e->n_history--;
	}
	e->history =
		mem_grow(e->history, (size_t)e->n_history, &e->cap_history, sizeof(*e->history));
	e->history[e->n_history++] = mem_strdup(entry);
}

void edit_open(struct edit_line *e, const char *history)
{
	struct text t = { 0 };

	*e = (struct edit_line){ 0 };
	text_adds(&e->text, "");
	text_adds(&e->draft, "");
	e->path = history ? history_file_path(history) : NULL;
	if (e->path)
		history_file_read(e->path, &t);
	for (char *line = t.data, *end; line && (end = strchr(line, '\n')); line = end + 1) {
		*end = '\0';
		if (*line && utf8_is_printable(line))
			add_entry(e, line);
	}
	text_release(&t);
	e->at = e->n_history;
}

void edit_close(struct edit_line *e)
{
	for (int i = 0; i < e->n_history; i++)
		free(e->history[i]);
	free(e->history);
	free(e->path);
	text_release(&e->text);
	text_release(&e->draft);
	*e = (struct edit_line){ 0 };
}

void edit_remember(struct edit_line *e, const char *entry)
{
	size_t len = strlen(entry);

	if (len > 0 && *entry != ' ' && len <= MAX_ENTRY && utf8_is_printable(entry)) {
		struct text line = { 0 };

		add_entry(e, entry);
		text_addf(&line, "%s\n", entry);
		if (e->path)
			history_file_append(e->path, line.data, line.len);
		text_release(&line);
	}
	e->at = e->n_history;
	text_clear(&e->draft);
	edit_set(e, "");
}

static bool show_entry(struct edit_line *e, int at)
{
	if (at < 0 || at > e->n_history || at == e->at)
		return false;
	if (e->at == e->n_history) {
		text_clear(&e->draft);
		text_add(&e->draft, e->text.data, e->text.len);
	}
	e->at = at;
	edit_set(e, at == e->n_history ? e->draft.data : e->history[at]);
	return true;
}

bool edit_search(struct edit_line *e, const char *text)
{
	for (int i = e->at - 1; i >= 0; i--)
		if (strstr(e->history[i], text))
			return show_entry(e, i);
	return false;
}

/* ---- characters --------------------------------------------------------------------------- */

void edit_set(struct edit_line *e, const char *text)
{
	char *copy = mem_strdup(text);

	text_clear(&e->text);
	text_adds(&e->text, copy);
	e->cursor = e->text.len;
	free(copy);
}

static void replace(struct edit_line *e, size_t from, size_t to, const char *with, size_t len)
{
	struct text t = { 0 };

	text_add(&t, e->text.data, from);
	text_add(&t, with, len);
	text_add(&t, e->text.data + to, e->text.len - to);
	text_release(&e->text);
	e->text = t;
	e->cursor = from + len;
}

bool edit_insert(struct edit_line *e, uint32_t cp)
{
	char bytes[4];

	if (utf8_is_control(cp) || utf8_is_directing(cp) || e->text.len + 4 > MAX_LINE)
		return false;
	if (e->cursor == e->text.len) {
		text_add(&e->text, bytes, (size_t)utf8_encode(cp, bytes));
		e->cursor = e->text.len;
		return true;
	}
	replace(e, e->cursor, e->cursor, bytes, (size_t)utf8_encode(cp, bytes));
	return true;
}

bool edit_complete(struct edit_line *e, const struct candidates *c)
{
	if (c->n == 0 || (c->n > 1 && c->common <= e->cursor - c->start) || c->start > e->cursor)
		return false;
	replace(e, c->start, e->cursor, c->list[0], c->common);
	return true;
}

/* ---- keys --------------------------------------------------------------------------------- */

static size_t before(const struct edit_line *e, size_t at)
{
	while (at > 0 && (e->text.data[--at] & 0xc0) == 0x80)
		;
	return at;
}

static size_t behind(const struct edit_line *e, size_t at)
{
	if (at < e->text.len)
		at++;
	while (at < e->text.len && (e->text.data[at] & 0xc0) == 0x80)
		at++;
	return at;
}

static bool is_of_word(char c)
{
	return c != ' ' && c != '.' && c != '/';
}

static size_t word_before(const struct edit_line *e)
{
	size_t at = e->cursor;

	while (at > 0 && !is_of_word(e->text.data[at - 1]))
		at--;
	while (at > 0 && is_of_word(e->text.data[at - 1]))
		at--;
	return at;
}

static size_t word_behind(const struct edit_line *e)
{
	size_t at = e->cursor;

	while (at < e->text.len && !is_of_word(e->text.data[at]))
		at++;
	while (at < e->text.len && is_of_word(e->text.data[at]))
		at++;
	return at;
}

static bool move(struct edit_line *e, size_t to)
{
	bool moved = to != e->cursor;

	e->cursor = to;
	return moved;
}

static bool cut(struct edit_line *e, size_t from, size_t to)
{
	if (from == to)
		return false;
	replace(e, from, to, "", 0);
	return true;
}

bool edit_key(struct edit_line *e, enum edit_key key)
{
	switch (key) {
	case EDIT_LEFT:
		return move(e, before(e, e->cursor));
	case EDIT_RIGHT:
		return move(e, behind(e, e->cursor));
	case EDIT_WORD_LEFT:
		return move(e, word_before(e));
	case EDIT_WORD_RIGHT:
		return move(e, word_behind(e));
	case EDIT_HOME:
		return move(e, 0);
	case EDIT_END:
		return move(e, e->text.len);
	case EDIT_BACKSPACE:
		return cut(e, before(e, e->cursor), e->cursor);
	case EDIT_DELETE:
		return cut(e, e->cursor, behind(e, e->cursor));
	case EDIT_CUT_WORD:
		return cut(e, word_before(e), e->cursor);
	case EDIT_CUT_BEFORE:
		return cut(e, 0, e->cursor);
	case EDIT_CUT_BEHIND:
		return cut(e, e->cursor, e->text.len);
	case EDIT_OLDER:
		return show_entry(e, e->at - 1);
	case EDIT_NEWER:
		return show_entry(e, e->at + 1);
	}
	return false;
}
