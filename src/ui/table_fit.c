/*
 * table_fit.c -- a table on a terminal: what is left out, what wraps, what is cut.
 *
 * A row stays a line for as long as it can.  What costs a reader least goes first: columns in which
 * nothing stands, then those that the maker of the table named, then the middle of names; text goes
 * on in the next line of its cell.
 */
#include "table_fit.h"
#include "torchless/mem.h"
#include "torchless/utf8.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#define MIN_CLIPPED  12                  /* a column of a box is not clipped below this */
#define MIN_LINES    8                   /* nor one of lines below this */
#define MIN_KEPT     26                  /* nor below this for a column that could be left out */
#define MIN_TEXT     18                  /* the same of text in a box, which wraps */
#define MAX_COMPARED 2000                /* rows whose cut names are compared */
#define HASH_START   0xcbf29ce484222325u /* of FNV-1a */
#define ANY_LINES    120                 /* lines of a table in which no text is cut */

/* A number that is cut is another one. */
static bool is_cut(const struct ui_column *c)
{
	return !c->fixed && !c->right && !c->set_width;
}

/* What borders or gaps take of a line. */
static int between_columns(const struct ui_table *t, bool box)
{
	int n = 0;

	for (int c = 0; c < t->n_columns; c++)
		n += !t->columns[c].left_out;
	return box ? 3 * n + 1 : 2 * (n - 1);
}

/* ---- what is left out --------------------------------------------------------------------- */

/* The columns of a line whose cells are cut down to `least`, but for those that could go. */
static int64_t needed(const struct ui_table *t, bool box, int least, bool may_drop)
{
	int64_t total = between_columns(t, box);

	for (int c = 0; c < t->n_columns; c++) {
		const struct ui_column *column = &t->columns[c];
		bool cut = is_cut(column) && !(may_drop && column->drops);
		int kept = box && column->text && least > MIN_TEXT ? MIN_TEXT : least;

		if (!column->left_out)
			total += cut && column->full > kept ? kept : column->full;
	}
	return total;
}

/* Leave out the columns in which nothing stands, unless nothing stands in any. */
static bool leave_out_empty(struct ui_table *t)
{
	bool any = false, filled = false;

	for (int c = 0; c < t->n_columns; c++)
		filled = filled || !t->columns[c].empty;
	for (int c = 0; c < t->n_columns && filled; c++) {
		struct ui_column *column = &t->columns[c];

		if (column->empty && !column->set_width && !column->left_out)
			column->left_out = any = true;
	}
	return any;
}

/* Leave out what costs least; false when nothing is left that may go. */
static bool leave_out(struct ui_table *t, bool box)
{
	struct ui_column *next = NULL;

	if (box && leave_out_empty(t))
		return true;
	for (int c = 0; c < t->n_columns; c++) {
		struct ui_column *column = &t->columns[c];

		if (column->drops && !column->left_out && (!next || column->drops < next->drops))
			next = column;
	}
	if (next)
		next->left_out = true;
	return next != NULL;
}

/* The columns that may be cut, by their widths. */
struct widest {
	struct ui_column *first; /* of the widest ones; NULL when no column may be cut */
	int n, next;             /* how many are so wide, and the width below theirs */
	int64_t total;           /* of all columns that are shown */
};

static struct widest find_widest(struct ui_table *t)
{
	struct widest w = { 0 };

	for (int c = 0; c < t->n_columns; c++) {
		struct ui_column *column = &t->columns[c];

		if (column->left_out)
			continue;
		w.total += column->width;
		if (!is_cut(column))
			continue;
		if (!w.first || column->width > w.first->width) {
			w.next = w.first ? w.first->width : 0;
			w.first = column;
			w.n = 1;
		} else if (column->width == w.first->width) {
			w.n++;
		} else if (column->width > w.next) {
			w.next = column->width;
		}
	}
	return w;
}

/* Take columns off the widest until the table fits, or nothing is wide any more. */
static void shrink_to(struct ui_table *t, int available, int least)
{
	for (int c = 0; c < t->n_columns; c++)
		t->columns[c].width = t->columns[c].full;
	for (;;) {
		struct widest w = find_widest(t);
		int width, next = w.next > least ? w.next : least;
		int64_t off;

		if (w.total <= available || !w.first || w.first->width <= least)
			return;
		/* As many at a time as all that are so wide can give. */
		width = w.first->width;
		off = (w.total - available) / w.n;
		off = off > width - next ? width - next : off;
		if (off == 0)
			w.first->width--;
		for (int c = 0; c < t->n_columns && off > 0; c++) {
			struct ui_column *column = &t->columns[c];

			if (!column->left_out && is_cut(column) && column->width == width)
				column->width -= (int)off;
		}
	}
}

/* ---- names that are cut ------------------------------------------------------------------- */

static int compare_hashes(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

static uint64_t hash_bytes(uint64_t hash, const char *s, size_t len)
{
	for (size_t i = 0; i < len; i++)
		hash = (hash ^ (unsigned char)s[i]) * 0x100000001b3u;
	return hash;
}

/* A cell of a column whose names are cut. */
struct name {
	const char *s;
	size_t len;
	uint64_t whole; /* the hash of all of it */
	bool is_cut;
};

/* Those of column c, one a row. */
static struct name *names_of(const struct ui_table *t, int c)
{
	size_t rows = t->n_cells / (size_t)t->n_columns;
	size_t width = (size_t)t->columns[c].width;
	struct name *names = mem_calloc(rows, sizeof(*names));

	for (size_t i = 0; i < rows; i++) {
		const char *s = t->cells[i * (size_t)t->n_columns + (size_t)c];
		size_t len = strlen(s);

		names[i] = (struct name){ s, len, hash_bytes(HASH_START, s, len),
					  len > width && ui_is_name(s, len) };
	}
	return names;
}

static size_t count_hashes(uint64_t *hashes, size_t n)
{
	size_t distinct = 0;

	qsort(hashes, n, sizeof(*hashes), compare_hashes);
	for (size_t i = 0; i < n; i++)
		distinct += i == 0 || hashes[i] != hashes[i - 1];
	return distinct;
}

/* How many differ when their first `head` columns stay; hashes: a place a row. */
static size_t count_distinct(const struct name *names, size_t rows, int width, int head,
			     uint64_t *hashes)
{
	size_t from = (size_t)head, to = (size_t)(width - 1 - head);

	for (size_t i = 0; i < rows; i++) {
		const struct name *n = &names[i];

		hashes[i] = n->whole;
		if (n->is_cut)
			hashes[i] = hash_bytes(hash_bytes(HASH_START, n->s, from),
					       n->s + n->len - to, to);
	}
	return count_hashes(hashes, rows);
}

/* How many of them differ uncut. */
static size_t count_whole(const struct name *names, size_t rows, uint64_t *hashes)
{
	for (size_t i = 0; i < rows; i++)
		hashes[i] = names[i].whole;
	return count_hashes(hashes, rows);
}

#define MIN_PART 5 /* columns of a name's first word, and of its last: which of its kind it is */

/* In how many of the names no digit is cut away: a number of a layer says more than a word. */
static size_t count_numbered(const struct name *names, size_t rows, int width, int head)
{
	size_t numbered = 0;

	if (head < MIN_PART || width - 1 - head < MIN_PART)
		return 0;
	for (size_t i = 0; i < rows; i++) {
		const struct name *n = &names[i];
		size_t at = (size_t)head, to = n->is_cut ? n->len - (size_t)(width - 1 - head) : at;

		while (at < to && !(n->s[at] >= '0' && n->s[at] <= '9'))
			at++;
		numbered += at >= to;
	}
	return numbered;
}

/*
 * Where the names of a column are cut, so that as many as can be still differ, then so that they
 * keep their numbers: near the middle.  False when some that differ look alike then.
 */
static bool choose_head(struct ui_table *t, int c)
{
	size_t rows = t->n_cells / (size_t)t->n_columns, best = 0;
	bool differ;
	int width = t->columns[c].width, middle = (width - 1) / 2;
	struct name *names;
	uint64_t *hashes;

	t->columns[c].head = middle;
	if (width < 3 || width >= t->columns[c].full || rows < 1 || rows > MAX_COMPARED)
		return true;
	names = names_of(t, c);
	hashes = mem_calloc(rows, sizeof(*hashes));
	for (int away = 0; away <= middle; away++)
		for (int side = -1; side <= 1; side += 2) {
			int head = middle + side * away;
			size_t score;

			if (head <= 0 || head >= width - 1)
				continue;
			score = count_distinct(names, rows, width, head, hashes) * (rows + 1) +
				count_numbered(names, rows, width, head);
			if (score > best)
				best = score, t->columns[c].head = head;
		}
	differ = best / (rows + 1) >= count_whole(names, rows, hashes);
	free(hashes);
	free(names);
	return differ;
}

/* ---- text that wraps ---------------------------------------------------------------------- */

#define WORD_SIGN     "\xe2\x96\x81" /* U+2581: a space in the vocabularies of SentencePiece */
#define WORD_SIGN_LEN 3

size_t table_fold(const char *s, int width)
{
	size_t i = 0, end = 0;
	int used = 0;

	while (s[i] && s[i] != '\n') {
		int n = utf8_decode(s + i, strnlen(s + i, 4), NULL), w;

		n = n > 0 ? n : 1;
		w = utf8_width(s + i, (size_t)n);
		if (s[i] == ' ' || !strncmp(s + i, WORD_SIGN, WORD_SIGN_LEN))
			end = i;
		if (used + w > width)
			return end ? end : i ? i : (size_t)n;
		used += w;
		i += (size_t)n;
	}
	return i;
}

bool table_is_cut(const struct ui_column *column, const char *cell)
{
	return !column->wraps || (column->max_lines && ui_is_name(cell, strlen(cell)));
}

static int count_lines(const struct ui_column *column, const char *s)
{
	int n = 1;

	if (table_is_cut(column, s))
		return 1;
	for (s += table_fold(s, column->width); *s; n++) {
		s += *s == '\n' ? 1 : strspn(s, " ");
		s += table_fold(s, column->width);
	}
	return n;
}

/* Lines of the whole table when text takes at most max_lines of them. */
static size_t count_all_lines(const int *lines, size_t rows, int max_lines)
{
	size_t total = 0;

	for (size_t i = 0; i < rows; i++)
		total += (size_t)(lines[i] < max_lines ? lines[i] : max_lines);
	return total;
}

/* How many lines a cell may take, so that a long list does not get much longer by its texts. */
static int choose_max_lines(const struct ui_table *t)
{
	static const int choices[] = { 40, 20, 10, 5, 3, 2 };
	size_t rows = t->n_cells / (size_t)t->n_columns, i = 0;
	size_t most = 2 * rows > ANY_LINES ? 2 * rows : ANY_LINES;
	int *lines = mem_calloc(rows + 1, sizeof(*lines));

	for (size_t k = 0; k < t->n_cells; k++) {
		const struct ui_column *column = &t->columns[k % (size_t)t->n_columns];
		int *row = &lines[k / (size_t)t->n_columns], n;

		if (column->left_out)
			continue;
		n = count_lines(column, t->cells[k]);
		*row = n > *row ? n : *row;
	}
	while (i + 1 < sizeof(choices) / sizeof(*choices) &&
	       count_all_lines(lines, rows, choices[i]) > most)
		i++;
	free(lines);
	return choices[i];
}

/* Columns whose text has no room go on in further lines. */
static void wrap(struct ui_table *t)
{
	bool any = false;
	int max_lines;

	for (int c = 0; c < t->n_columns; c++) {
		struct ui_column *column = &t->columns[c];
		bool wraps = is_cut(column) && !column->wraps && column->width < column->full;

		column->wraps = column->wraps || wraps;
		column->max_lines = wraps ? INT_MAX : 0;
		any = any || wraps;
	}
	max_lines = any ? choose_max_lines(t) : 0;
	for (int c = 0; c < t->n_columns; c++)
		if (t->columns[c].max_lines)
			t->columns[c].max_lines = max_lines;
}

/* ---- all of it ---------------------------------------------------------------------------- */

/* The widths for what is shown; false when two names became one. */
static bool place(struct ui_table *t, const struct ui *ui, bool box)
{
	bool differ = true;

	shrink_to(t, ui->width - between_columns(t, box), box ? MIN_CLIPPED : MIN_LINES);
	for (int c = 0; c < t->n_columns; c++)
		if (!t->columns[c].left_out && !t->columns[c].wraps)
			differ = choose_head(t, c) && differ;
	return differ;
}

bool table_fit(struct ui_table *t, const struct ui *ui, bool box)
{
	for (int c = 0; c < t->n_columns; c++)
		t->columns[c].left_out = false;
	if (ui->width <= 0)
		return true;
	while (needed(t, box, MIN_KEPT, true) > ui->width && leave_out(t, box))
		;
	/* A row that cannot be told from another says less than one without a column. */
	while (!place(t, ui, box) && box)
		if (!leave_out(t, box))
			return false;
	if (box && needed(t, box, MIN_CLIPPED, false) > ui->width)
		return false;
	if (box)
		wrap(t);
	return true;
}
