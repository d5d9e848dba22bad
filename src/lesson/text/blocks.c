/*
 * blocks.c -- the lines of a file as blocks.
 *
 * What holds other blocks, a quote or an item of a list, hands the lines that it holds, without its
 * own signs, to the same function again.
 */
#include "lines.h"

#include "../fence.h"
#include "torchless/mem.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#define MAX_DEPTH 16 /* of blocks in blocks; what is deeper is text */

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

static struct lesson_block *add_block(struct lesson_text *t, enum block_kind kind, int parent,
				      const struct line *l, bool tight)
{
	t->blocks = mem_grow(t->blocks, (size_t)t->n_blocks, &t->cap_blocks, sizeof(*t->blocks));
	t->blocks[t->n_blocks] = (struct lesson_block){
		.kind = kind, .parent = parent, .line = l->number, .marker = -1, .tight = tight
	};
	return &t->blocks[t->n_blocks++];
}

/* ---- blocks --------------------------------------------------------------------------------- */

static int read_heading(struct lesson_text *t, const struct line *l, int parent, bool tight)
{
	int level = line_heading_level(l);
	size_t from = line_indent(l) + (size_t)level, end = l->len;
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

static int read_code(struct lesson_text *t, const struct line *l, int left, int parent, bool tight)
{
	int indent, fence = fence_begins(l->s, l->len, &indent), n = 1;
	const char *sign = l->s + indent, *info = sign + fence;
	size_t info_len = l->len - (size_t)indent - (size_t)fence;
	struct lesson_block *b = add_block(t, BLOCK_CODE, parent, l, tight);
	struct text code = { 0 };

	while (info_len && isspace((unsigned char)*info))
		info++, info_len--;
	while (info_len && isspace((unsigned char)info[info_len - 1]))
		info_len--;
	b->info = mem_memdup(info, info_len);
	for (; n < left && !fence_ends(l[n].s, l[n].len, *sign, fence); n++) {
		size_t skip = line_indent(&l[n]);

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
	size_t at = line_indent(l);

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
	int columns = line_cells(l, false), rows = 1, n = 2, block = t->n_blocks;
	struct lesson_runs *cells;

	while (n < left && !line_interrupts(&l[n]) && line_cells(&l[n], false) > 0)
		n++;
	rows = n - 1;
	add_block(t, BLOCK_TABLE, parent, l, tight);
	cells = mem_calloc((size_t)rows * (size_t)columns, sizeof(*cells));
	for (int row = 0; row < rows; row++) {
		const struct line *of = &l[row ? row + 1 : 0];
		size_t at = line_indent(of);

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
		size_t from = line_indent(&l[n]);

		if (n)
			text_addc(&words, '\n');
		text_add(&words, l[n].s + from, l[n].len - from);
	} while (++n < left && !line_interrupts(&l[n]));
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
		size_t from = line_indent(&l[n]);

		if (line_is_quote(&l[n]))
			from++;
		else if (n == 0 || line_is_blank(&inner.line[n - 1]) || line_interrupts(&l[n]) ||
			 line_item_len(&l[n], &number))
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

	if (line_is_blank(&l[n])) {
		while (n < left && line_is_blank(&l[n]))
			n++;
		return n < left && line_indent(&l[n]) >= offset;
	}
	if (line_indent(&l[n]) >= offset)
		return true;
	return !in_code && !line_is_blank(last) && !line_interrupts(&l[n]) &&
	       !line_item_len(&l[n], &number);
}

static int read_item(struct reading *r, const struct line *l, int left, int parent, bool tight)
{
	struct lines inner = { 0 };
	int n = 1, number, block = r->t->n_blocks, fence = 0, indent;
	size_t offset = line_item_len(l, &number), skip = offset < l->len ? offset : l->len;
	char sign = 0;

	add_block(r->t, BLOCK_ITEM, parent, l, tight)->marker = number;
	add_line(&inner, l->s + skip, l->len - skip, l->number);
	for (;; n++) {
		const struct line *last = &inner.line[inner.n - 1];

		if (!fence) {
			fence = fence_begins(last->s, last->len, &indent);
			sign = fence ? last->s[indent] : 0;
		} else if (fence_ends(last->s, last->len, sign, fence)) {
			fence = 0;
		}
		if (n == left || !goes_on(l, n, left, offset, last, fence > 0))
			break;
		skip = line_indent(&l[n]);
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

	if (fence_begins(l->s, l->len, &indent) && indent < 4)
		return read_code(r->t, l, left, parent, tight);
	if (line_heading_level(l))
		return read_heading(r->t, l, parent, tight);
	if (line_is_rule(l)) {
		add_block(r->t, BLOCK_RULE, parent, l, tight);
		return 1;
	}
	if (line_is_quote(l) && r->depth < MAX_DEPTH)
		return read_quote(r, l, left, parent, tight);
	if (line_item_len(l, &number) && r->depth < MAX_DEPTH)
		return read_item(r, l, left, parent, tight);
	if (line_is_table(l, left))
		return read_table(r->t, l, left, parent, tight);
	return read_paragraph(r->t, l, left, parent, tight);
}

static void read_lines(struct reading *r, const struct line *l, int n, int parent)
{
	bool tight = false;

	r->depth++;
	for (int i = 0; i < n;) {
		if (line_is_blank(&l[i])) {
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
