/*
 * cut.c -- text that came from outside: shown so that it is harmless, and made as long as there is
 * room.
 *
 * Names of one model agree where they begin and differ where they end, so a name is cut in its
 * middle; running text is cut at its end, between words where there is one.
 */
#include "torchless/ui.h"
#include "torchless/utf8.h"

#include <string.h>

/* What a person is shown of a line end and a tab within one line. */
#define LINE_END "\xe2\x8f\x8e" /* U+23CE */
#define TAB      "\xe2\x87\xa5" /* U+21E5 */

void ui_add_visible(struct text *t, const struct ui *ui, const void *data, size_t len)
{
	const char *s = data, *end = s + len;
	struct text safe = { 0 };

	while (s < end) {
		size_t n = 0;

		while (s + n < end && !(ui->is_terminal && (s[n] == '\n' || s[n] == '\t')))
			n++;
		text_add_visible(&safe, s, n);
		if (s + n < end)
			text_adds(&safe, s[n] == '\n' ? LINE_END : TAB);
		s += n + (s + n < end);
	}
	if (ui->utf8)
		text_add(t, safe.data ? safe.data : "", safe.len);
	else
		ui_add_ascii(t, safe.data ? safe.data : "", safe.len);
	text_release(&safe);
}

/* How many bytes of s[0..len) fit into `width` columns. */
static size_t fitting(const char *s, size_t len, int width)
{
	size_t i = 0;
	int used = 0;

	while (i < len) {
		int n = utf8_decode(s + i, len - i, NULL);
		int w = n > 0 ? utf8_width(s + i, (size_t)n) : 1;

		if (used + w > width)
			break;
		used += w;
		i += (size_t)(n > 0 ? n : 1);
	}
	return i;
}

/* The same from the end: where the last `width` columns begin. */
static size_t fitting_end(const char *s, size_t len, int width)
{
	size_t i = len;

	while (i > 0) {
		size_t from = i - 1;

		while (from > 0 && (s[from] & 0xc0) == 0x80)
			from--;
		if (utf8_width(s + from, len - from) > width)
			break;
		i = from;
	}
	return i;
}

static const char *ellipsis(const struct ui *ui)
{
	return ui_sign(ui, "…", "~");
}

void ui_add_clipped(struct text *t, const struct ui *ui, const void *data, size_t len, int width)
{
	struct text safe = { 0 };
	size_t fit;

	text_adds(&safe, "");
	ui_add_visible(&safe, ui, data, len);
	if (width <= 0 || fitting(safe.data, safe.len, width) == safe.len) {
		text_add(t, safe.data, safe.len);
	} else {
		fit = fitting(safe.data, safe.len, width - 1);
		text_add(t, safe.data, fit);
		text_adds(t, ellipsis(ui));
	}
	text_release(&safe);
}

bool ui_is_name(const char *s, size_t len)
{
	bool parted = false;

	for (size_t i = 0; i < len; i++) {
		if (s[i] <= ' ' || s[i] >= 0x7f)
			return false;
		parted = parted || strchr("._:/", s[i]);
	}
	return parted;
}

void ui_add_cut(struct text *t, const struct ui *ui, const void *data, size_t len, int width,
		int head)
{
	struct text safe = { 0 };
	size_t from, to;

	text_adds(&safe, "");
	ui_add_visible(&safe, ui, data, len);
	if (width <= 0 || utf8_width(safe.data, safe.len) <= width) {
		text_add(t, safe.data, safe.len);
		text_release(&safe);
		return;
	}
	head = head < 0 || head > width - 1 ? (width - 1) / 2 : head;
	from = fitting(safe.data, safe.len, head);
	to = fitting_end(safe.data, safe.len, width - 1 - head);
	text_add(t, safe.data, from);
	text_adds(t, ellipsis(ui));
	text_add(t, safe.data + to, safe.len - to);
	text_release(&safe);
}

void ui_add_running(struct text *t, const void *data, size_t len)
{
	const char *s = data;

	for (size_t i = 0; i < len;) {
		int n = utf8_decode(s + i, len - i, NULL);

		if (n == 0) {
			text_adds(t, "\xef\xbf\xbd");
			n = 1;
		} else if (s[i] == '\n' || s[i] == '\t') {
			text_addc(t, s[i]);
		} else {
			text_add_visible(t, s + i, (size_t)n);
		}
		i += (size_t)n;
	}
}
