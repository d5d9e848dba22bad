/*
 * blocks.c -- the lines of a file as blocks.
 *
 * What holds other blocks, a quote or an item of a list, hands the lines that it holds, without its
 * own signs, to the same function again.
 */
#include "text_impl.h"

#include "torchless/mem.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#define MAX_DEPTH 16 /* of blocks in blocks; what is deeper is text */

struct line {
	const char *s;
	size_t len;
	int number;
};

/* The lines that one block holds. */
struct lines {
	struct line *line;
	int n;
	size_t cap;
};

struct reading {
	struct lesson_text *t;
	int depth;
};

static void add_line(struct lines *l, const char *s, size_t len, int number)
{
	l->line = mem_grow(l->line, (size_t)l->n, &l->cap, sizeof(*l->line));
	l->line[l->n++] = (struct line){ s, len, number };
}

static bool is_blank(const struct line *l)
{
	for (size_t i = 0; i < l->len; i++)
		if (!isspace((unsigned char)l->s[i]) && !text_is_blank(l->s[i]))
			return false;
	return true;
}

static size_t indent_of(const struct line *l)
{
	size_t n = 0;

	while (n < l->len && l->s[n] == ' ')
		n++;
	return n;
}

static struct lesson_block *add_block(struct lesson_text *t, enum block_kind kind, int parent,
				      const struct line *l, bool tight)
{
	t->blocks = mem_grow(t->blocks, (size_t)t->n_blocks, &t->cap_blocks, sizeof(*t->blocks));
	t->blocks[t->n_blocks] = (struct lesson_block){
		.kind = kind, .parent = parent, .line = l->number, .marker = -1, .tight = tight
	};
	return &t->blocks[t->n_blocks++];
}

/* ---- what a line begins --------------------------------------------------------------------- */

/* The level of a heading, 0: it is none. */
static int heading_level(const struct line *l)
{
	size_t i = indent_of(l), n = 0;

	while (i + n < l->len && l->s[i + n] == '#')
		n++;
	return i < 4 && n > 0 && n < 7 && (i + n == l->len || l->s[i + n] == ' ') ? (int)n : 0;
}

static bool is_rule(const struct line *l)
{
	size_t from = indent_of(l);
	int n = 0;

	if (from > 3 || from == l->len || !strchr("-*_", l->s[from]))
		return false;
	for (size_t i = from; i < l->len; i++) {
		if (l->s[i] != l->s[from] && !isspace((unsigned char)l->s[i]))
			return false;
		n += l->s[i] == l->s[from];
	}
	return n >= 3;
}

static bool is_quote(const struct line *l)
{
	size_t i = indent_of(l);

	return i < 4 && i < l->len && l->s[i] == '>';
}

/* The bytes before what an item holds, and its number (-1: none); 0: the line begins no item. */
static size_t item_len(const struct line *l, int *number)
{
	size_t i = indent_of(l), n = i, spaces = 0;

	*number = -1;
	if (i > 3 || i == l->len || is_rule(l))
		return 0;
	if (strchr("-*+", l->s[i])) {
		n = i + 1;
	} else {
		while (n < l->len && n < i + 9 && isdigit((unsigned char)l->s[n]))
			n++;
		if (n == i || n == l->len || (l->s[n] != '.' && l->s[n] != ')'))
			return 0;
		*number = atoi(l->s + i);
		n++;
	}
	while (n + spaces < l->len && l->s[n + spaces] == ' ')
		spaces++;
	if (spaces == 0)
		return n == l->len ? n + 1 : 0;
	return n + (spaces > 4 || n + spaces == l->len ? 1 : spaces);
}

/* The cells between bars; those of a row of dashes only when `rule`. -1: none. */
static int count_cells(const struct line *l, bool rule)
{
	size_t from = indent_of(l), end = l->len;
	int n = 1;

	while (end > from && isspace((unsigned char)l->s[end - 1]))
		end--;
	if (from == end || !memchr(l->s + from, '|', end - from))
		return -1;
	from += l->s[from] == '|';
	if (end > from && l->s[end - 1] == '|' && (end < 2 || l->s[end - 2] != '\\'))
		end--;
	for (size_t i = from; i < end; i++) {
		if (rule && !strchr("|-: ", l->s[i]))
			return -1;
		if (l->s[i] == '\\')
			i++;
		else
			n += l->s[i] == '|';
	}
	return n;
}

static bool is_table(const struct line *l, int left)
{
	int n = count_cells(l, false);

	return left > 1 && n > 0 && memchr(l[1].s, '-', l[1].len) && count_cells(l + 1, true) == n;
}

/* Whether the line ends a paragraph that stands before it. */
static bool interrupts(const struct line *l)
{
	int number, indent;
	size_t n = item_len(l, &number);

	return is_blank(l) || heading_level(l) || is_quote(l) || is_rule(l) ||
	       (text_fence(l->s, l->len, &indent) && indent < 4) ||
	       (n && n < l->len && (number == -1 || number == 1));
}

/* ---- blocks --------------------------------------------------------------------------------- */

static int read_heading(struct lesson_text *t, const struct line *l, int parent, bool tight)
{
	int level = heading_level(l);
	size_t from = indent_of(l) + (size_t)level, end = l->len;
	struct lesson_runs runs;
	struct lesson_block *b;

	while (end > from && isspace((unsigned char)l->s[end - 1]))
		end--;
	while (end > from && l->s[end - 1] == '#')
		end--;
	while (end > from && isspace((unsigned char)l->s[end - 1]))
		end--;
	while (from < end && l->s[from] == ' ')
		from++;
	runs = text_read_runs(t, l->s + from, end - from, l->number);
	b = add_block(t, BLOCK_HEADING, parent, l, tight);
	b->level = level;
	b->runs = runs;
	return 1;
}

/* Whether the line ends a block that a fence of so many signs began. */
static bool closes_fence(const struct line *l, const char *sign, int fence)
{
	int indent, n = text_fence(l->s, l->len, &indent);
	size_t end = l->len;

	while (end > 0 && isspace((unsigned char)l->s[end - 1]))
		end--;
	return n >= fence && l->s[indent] == *sign && end == (size_t)indent + (size_t)n;
}

static int read_code(struct lesson_text *t, const struct line *l, int left, int parent, bool tight)
{
	int indent, fence = text_fence(l->s, l->len, &indent), n = 1;
	const char *sign = l->s + indent, *info = sign + fence;
	size_t info_len = l->len - (size_t)indent - (size_t)fence;
	struct lesson_block *b = add_block(t, BLOCK_CODE, parent, l, tight);
	struct text code = { 0 };

	while (info_len && isspace((unsigned char)*info))
		info++, info_len--;
	while (info_len && isspace((unsigned char)info[info_len - 1]))
		info_len--;
	b->info = mem_memdup(info, info_len);
	for (; n < left && !closes_fence(&l[n], sign, fence); n++) {
		size_t skip = indent_of(&l[n]);

		skip = skip > (size_t)indent ? (size_t)indent : skip;
		text_add(&code, l[n].s + skip, l[n].len - skip);
		text_addc(&code, '\n');
	}
	b->code = code.data ? code.data : mem_strdup("");
	return n + (n < left);
}

/* The cell that begins at s[*at], up to its bar, without its spaces. */
static struct lesson_runs read_cell(struct lesson_text *t, const struct line *l, size_t *at)
{
	struct text cell = { 0 };
	struct lesson_runs runs;
	size_t from = 0;

	while (*at < l->len && l->s[*at] == ' ')
		++*at;
	for (; *at < l->len && l->s[*at] != '|'; ++*at) {
		if (l->s[*at] == '\\' && *at + 1 < l->len) {
			if (l->s[*at + 1] != '|')
				text_addc(&cell, '\\');
			++*at;
		}
		text_addc(&cell, l->s[*at]);
	}
	*at += *at < l->len;
	while (cell.len && (cell.data[cell.len - 1] == ' ' || cell.data[cell.len - 1] == '\t'))
		cell.len--;
	runs = text_read_runs(t, cell.data ? cell.data + from : "", cell.len, l->number);
	text_release(&cell);
	return runs;
}

static char *read_align(const struct line *l, int columns)
{
	char *align = mem_calloc((size_t)columns + 1, 1);
	size_t at = indent_of(l);

	at += at < l->len && l->s[at] == '|';
	for (int i = 0; i < columns; i++) {
		bool left = false, right = false;

		for (; at < l->len && l->s[at] != '|'; at++) {
			left = left || (l->s[at] == ':' && l->s[at + 1] == '-');
			right = right || (l->s[at] == ':' && at > 0 && l->s[at - 1] == '-');
		}
		at++;
		align[i] = right ? left ? 'c' : 'r' : 'l';
	}
	return align;
}

static int read_table(struct lesson_text *t, const struct line *l, int left, int parent, bool tight)
{
	int columns = count_cells(l, false), rows = 1, n = 2, block = t->n_blocks;
	struct lesson_runs *cells;

	while (n < left && !interrupts(&l[n]) && count_cells(&l[n], false) > 0)
		n++;
	rows = n - 1;
	add_block(t, BLOCK_TABLE, parent, l, tight);
	cells = mem_calloc((size_t)rows * (size_t)columns, sizeof(*cells));
	for (int row = 0; row < rows; row++) {
		const struct line *of = &l[row ? row + 1 : 0];
		size_t at = indent_of(of);

		at += at < of->len && of->s[at] == '|';
		for (int i = 0; i < columns; i++)
			cells[row * columns + i] = read_cell(t, of, &at);
	}
	t->blocks[block].columns = columns;
	t->blocks[block].rows = rows;
	t->blocks[block].cells = cells;
	t->blocks[block].align = read_align(&l[1], columns);
	return n;
}

static int read_paragraph(struct lesson_text *t, const struct line *l, int left, int parent,
			  bool tight)
{
	struct text words = { 0 };
	struct lesson_runs runs;
	int n = 0;

	do {
		size_t from = indent_of(&l[n]);

		if (n)
			text_addc(&words, '\n');
		text_add(&words, l[n].s + from, l[n].len - from);
	} while (++n < left && !interrupts(&l[n]));
	runs = text_read_runs(t, words.data, words.len, l->number);
	text_release(&words);
	add_block(t, BLOCK_PARAGRAPH, parent, l, tight)->runs = runs;
	return n;
}

static void read_lines(struct reading *r, const struct line *l, int n, int parent);

static int read_quote(struct reading *r, const struct line *l, int left, int parent, bool tight)
{
	struct lines inner = { 0 };
	int n = 0, number, block = r->t->n_blocks;

	add_block(r->t, BLOCK_QUOTE, parent, l, tight);
	for (; n < left; n++) {
		size_t from = indent_of(&l[n]);

		if (is_quote(&l[n]))
			from++;
		else if (n == 0 || is_blank(&inner.line[n - 1]) || interrupts(&l[n]) ||
			 item_len(&l[n], &number))
			break;
		from += from < l[n].len && l[n].s[from] == ' ';
		add_line(&inner, l[n].s + from, l[n].len - from, l[n].number);
	}
	read_lines(r, inner.line, inner.n, block);
	free(inner.line);
	return n;
}

/* Whether line n goes on with an item that holds what is `offset` columns in, up to `last`. */
static bool goes_on(const struct line *l, int n, int left, size_t offset, const struct line *last,
		    bool in_code)
{
	int number;

	if (is_blank(&l[n])) {
		while (n < left && is_blank(&l[n]))
			n++;
		return n < left && indent_of(&l[n]) >= offset;
	}
	if (indent_of(&l[n]) >= offset)
		return true;
	return !in_code && !is_blank(last) && !interrupts(&l[n]) && !item_len(&l[n], &number);
}

static int read_item(struct reading *r, const struct line *l, int left, int parent, bool tight)
{
	struct lines inner = { 0 };
	int n = 1, number, block = r->t->n_blocks, fence = 0, indent;
	size_t offset = item_len(l, &number), skip = offset < l->len ? offset : l->len;
	char sign[2] = { 0 };

	add_block(r->t, BLOCK_ITEM, parent, l, tight)->marker = number;
	add_line(&inner, l->s + skip, l->len - skip, l->number);
	for (;; n++) {
		const struct line *last = &inner.line[inner.n - 1];

		if (!fence) {
			fence = text_fence(last->s, last->len, &indent);
			sign[0] = fence ? last->s[indent] : 0;
		} else if (closes_fence(last, sign, fence)) {
			fence = 0;
		}
		if (n == left || !goes_on(l, n, left, offset, last, fence > 0))
			break;
		skip = indent_of(&l[n]);
		skip = skip < offset ? skip : offset;
		add_line(&inner, l[n].s + skip, l[n].len - skip, l[n].number);
	}
	read_lines(r, inner.line, inner.n, block);
	free(inner.line);
	return n;
}

/* The block that begins at l[0]; the lines of it. */
static int read_block(struct reading *r, const struct line *l, int left, int parent, bool tight)
{
	int number, indent;

	if (text_fence(l->s, l->len, &indent) && indent < 4)
		return read_code(r->t, l, left, parent, tight);
	if (heading_level(l))
		return read_heading(r->t, l, parent, tight);
	if (is_rule(l)) {
		add_block(r->t, BLOCK_RULE, parent, l, tight);
		return 1;
	}
	if (is_quote(l) && r->depth < MAX_DEPTH)
		return read_quote(r, l, left, parent, tight);
	if (item_len(l, &number) && r->depth < MAX_DEPTH)
		return read_item(r, l, left, parent, tight);
	if (is_table(l, left))
		return read_table(r->t, l, left, parent, tight);
	return read_paragraph(r->t, l, left, parent, tight);
}

static void read_lines(struct reading *r, const struct line *l, int n, int parent)
{
	bool tight = false;

	r->depth++;
	for (int i = 0; i < n;) {
		if (is_blank(&l[i])) {
			tight = false;
			i++;
			continue;
		}
		i += read_block(r, &l[i], n - i, parent, tight);
		tight = true;
	}
	r->depth--;
}

void lesson_text_read(struct lesson_text *t, const char *data, size_t len)
{
	struct reading r = { .t = t };
	struct lines all = { 0 };
	char *copy;
	int number = 1;

	*t = (struct lesson_text){ 0 };
	copy = text_prepare(t, data, len);
	for (size_t i = 0, n; i < len; i += n + 1) {
		const char *end = memchr(copy + i, '\n', len - i);

		n = end ? (size_t)(end - (copy + i)) : len - i;
		add_line(&all, copy + i, n - (n > 0 && copy[i + n - 1] == '\r'), number++);
		for (size_t k = 0; k < n; k++)
			number += copy[i + k] == TEXT_BLANK_LINE;
	}
	read_lines(&r, all.line, all.n, -1);
	free(all.line);
	free(copy);
}

void lesson_text_release(struct lesson_text *t)
{
	for (int i = 0; i < t->n_blocks; i++) {
		free(t->blocks[i].info);
		free(t->blocks[i].code);
		free(t->blocks[i].cells);
		free(t->blocks[i].align);
	}
	for (int i = 0; i < t->n_runs; i++) {
		free(t->runs[i].text);
		free(t->runs[i].target);
	}
	for (int i = 0; i < t->n_marks; i++) {
		free(t->marks[i].trace);
		free(t->marks[i].what);
	}
	free(t->blocks);
	free(t->runs);
	free(t->marks);
	*t = (struct lesson_text){ 0 };
}
