/*
 * tui_scrollback.c -- lines that were said, the last ones of them.
 */
#include "tui.h"

#include "torchless/mem.h"

#include <stdlib.h>
#include <string.h>

#define MAX_LINES  20000
#define MAX_BYTES  (16u << 20)
#define LINE_BYTES (32u << 10) /* more of a line is left out */

static void drop_first(struct scrollback *s, int n)
{
	for (int i = 0; i < n; i++) {
		s->bytes -= strlen(s->lines[i]);
		free(s->lines[i]);
	}
	memmove(s->lines, s->lines + n, (size_t)(s->n - n) * sizeof(*s->lines));
	s->n -= n;
}

/* A tenth at a time, so that a line more does not move all of them. */
static void keep_small(struct scrollback *s)
{
	while (s->n > 1 && (s->n > MAX_LINES || s->bytes > MAX_BYTES))
		drop_first(s, s->n < 10 ? 1 : s->n / 10);
}

static void add_part(struct scrollback *s, const char *data, size_t len)
{
	char *last = s->is_open ? s->lines[s->n - 1] : NULL;
	size_t had = last ? strlen(last) : 0, room = LINE_BYTES > had ? LINE_BYTES - had : 0;
	size_t n = len < room ? len : room;
	struct text line = { 0 };

	text_add(&line, last ? last : "", had);
	/* A NUL would end what is kept. */
	for (size_t i = 0; i < n; i++)
		text_addc(&line, data[i] ? data[i] : ' ');
	if (n < len && had < LINE_BYTES)
		text_adds(&line, " ...");
	if (!last) {
		s->lines = mem_grow(s->lines, (size_t)s->n, &s->cap, sizeof(*s->lines));
		s->n++;
	}
	free(last);
	s->bytes += line.len - had;
	s->lines[s->n - 1] = line.data;
	s->is_open = true;
}

void scrollback_add(struct scrollback *s, const char *data, size_t len)
{
	while (len > 0) {
		const char *end = memchr(data, '\n', len);
		size_t n = end ? (size_t)(end - data) : len;

		add_part(s, data, n);
		if (end)
			s->is_open = false;
		data += n + (end != NULL);
		len -= n + (end != NULL);
	}
	keep_small(s);
}

void scrollback_say(struct scrollback *s, const struct ui *ui, enum ui_style style,
		    const char *text)
{
	struct text line = { 0 };

	if (s->is_open)
		scrollback_add(s, "\n", 1);
	while (*text) {
		size_t len = strcspn(text, "\n");

		ui_add_styled(&line, ui, style, text, len);
		text_addc(&line, '\n');
		text += len + (text[len] == '\n');
	}
	if (line.len)
		scrollback_add(s, line.data, line.len);
	text_release(&line);
}

void scrollback_release(struct scrollback *s)
{
	for (int i = 0; i < s->n; i++)
		free(s->lines[i]);
	free(s->lines);
	*s = (struct scrollback){ 0 };
}

/* The rows that a line takes, at least one; those from `from` on are drawn at y, at most `most`. */
static int draw_line(const char *line, bool utf8, int y, int x, int columns, int from, int most)
{
	struct ui_cell *cells = mem_calloc((size_t)columns, sizeof(*cells));
	size_t len = strlen(line), used = 0;
	struct ui_pen pen = UI_PEN;
	int row = 0;

	do {
		size_t part;
		int n = ui_cells(line + used, len - used, utf8, &pen, cells, columns, &part);

		if (row >= from && row < from + most)
			screen_cells(y + row - from, x, cells, n, LOOK_PLAIN);
		row++;
		if (part == 0)
			break;
		used += part;
	} while (used < len);
	free(cells);
	return row;
}

int scrollback_draw(const struct scrollback *s, bool utf8, int y, int x, int rows, int columns,
		    int back)
{
	int end = rows + back, hidden = 0;

	for (int i = s->n - 1; i >= 0; i--) {
		int n, top;

		/* Above the window rows are only counted, and far above lines. */
		if (end <= -1000) {
			hidden += i + 1;
			break;
		}
		n = draw_line(s->lines[i], utf8, 0, 0, columns, 0, 0);
		top = end - n;
		if (top < rows && end > 0) {
			int from = top < 0 ? -top : 0, to = end > rows ? rows - top : n;

			draw_line(s->lines[i], utf8, y + top + from, x, columns, from, to - from);
			hidden += from;
		} else if (end <= 0) {
			hidden += n;
		}
		end = top;
	}
	return hidden;
}
