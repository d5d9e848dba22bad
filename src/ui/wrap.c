/*
 * wrap.c -- prose in lines that are broken between words.
 *
 * A word is what stands between spaces, or between backquotes: a command that is pasted in two
 * lines is another.  One that is wider than the line stays whole, since a name that is cut is none.
 * A command that is a line of its own is broken as a shell lets it be.
 */
#include "torchless/ui.h"
#include "torchless/utf8.h"

#include <string.h>

/* The bytes of a sequence that styles, 0 where none begins. */
static size_t sequence_len(const char *s, size_t len)
{
	size_t n = 2;

	if (len < 2 || s[0] != '\x1b' || s[1] != '[')
		return 0;
	while (n < len && !(s[n] >= '@' && s[n] <= '~'))
		n++;
	return n < len ? n + 1 : len;
}

/* "12 %" at s. */
static bool is_percent(const char *s, size_t len)
{
	size_t n = 0;

	while (n < len && strchr("0123456789.<e-", s[n]) && s[n])
		n++;
	return n > 0 && n + 1 < len && s[n] == ' ' && s[n + 1] == '%';
}

/* Whether the space at s[n], of a word from s[from] on, is none between words: ' token', a 12 %. */
static bool is_held(const char *s, size_t len, size_t from, size_t n)
{
	bool before_sign = n + 1 < len && s[n + 1] == '%' && (n + 2 == len || s[n + 2] == ' ');

	return before_sign || is_percent(s + n + 1, len - n - 1) ||
	       (n == from + 1 && s[from] == '\'');
}

/* The bytes of a command in backquotes at s, 0 where none begins, or it does not end. */
static size_t command_len(const char *s, size_t len)
{
	const char *end = len > 1 && *s == '`' ? memchr(s + 1, '`', len - 1) : NULL;

	return end ? (size_t)(end - s) + 1 : 0;
}

/* The bytes of a word with the spaces before it, and its columns. */
static size_t word_len(const char *s, size_t len, int *gap, int *columns)
{
	size_t n = 0, run, from;

	*gap = *columns = 0;
	for (; n < len && s[n] == ' '; n++)
		++*gap;
	for (from = n; n < len && (s[n] != ' ' || is_held(s, len, from, n)); n += run) {
		run = sequence_len(s + n, len - n);
		if (run)
			continue;
		run = command_len(s + n, len - n);
		for (run += !run; n + run < len && !strchr(" `\x1b", s[n + run]);)
			run++;
		*columns += utf8_width(s + n, run);
	}
	return n;
}

/* Rows of a picture or a table keep their shape. */
static bool is_drawn(const char *line, size_t len)
{
	return len > 0 &&
	       (*line == '|' || *line == '+' || (len > 2 && !memcmp(line, "\xe2\x94", 2)));
}

/* One line; `at` columns of it are there. */
static void add_line(struct text *out, const char *line, size_t len, int width, int indent, int at)
{
	int gap, columns;
	size_t n;

	for (; len > 0; line += n, len -= n) {
		n = word_len(line, len, &gap, &columns);
		if (columns > 0 && at > indent && at + gap + columns > width) {
			text_addf(out, "\n%*s", indent, "");
			text_add(out, line + gap, n - (size_t)gap);
			at = indent + columns;
		} else {
			text_add(out, line, n);
			at += gap + columns;
		}
	}
}

void ui_add_wrapped(struct text *out, const char *s, size_t len, int width, int indent, int at)
{
	const char *end = s + len;

	while (s < end) {
		const char *feed = memchr(s, '\n', (size_t)(end - s));
		size_t n = (size_t)((feed ? feed : end) - s);

		if (width <= 0 || is_drawn(s, n))
			text_add(out, s, n);
		else
			add_line(out, s, n, width, indent, at);
		if (feed)
			text_addc(out, '\n');
		s += n + (feed != NULL);
		at = 0;
	}
}

bool ui_write_lines(const struct ui *ui, const char *s, size_t len)
{
	struct text wrapped = { 0 };
	bool written;

	ui_add_wrapped(&wrapped, s, len, ui->width, 0, 0);
	written = ui_write(ui, wrapped.data ? wrapped.data : "", wrapped.len);
	text_release(&wrapped);
	return written;
}

/* The bytes of a word of a shell: up to a space that no quote, bracket or backslash holds. */
static size_t shell_word_len(const char *s, size_t len)
{
	char quote = 0;
	size_t n = 0;
	int depth = 0;

	for (; n < len && (quote || depth || s[n] != ' '); n++) {
		if (s[n] == '\\' && quote != '\'' && n + 1 < len)
			n++;
		else if (s[n] == quote)
			quote = 0;
		else if (!quote && (s[n] == '\'' || s[n] == '"'))
			quote = s[n];
		else if (!quote && (s[n] == '(' || s[n] == ')'))
			depth += s[n] == '(' ? 1 : -1;
	}
	return n;
}

char ui_shell_quote(char quote, const char *s, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (s[i] == '\\' && quote != '\'')
			i++;
		else if (s[i] == quote)
			quote = 0;
		else if (!quote && (s[i] == '\'' || s[i] == '"'))
			quote = s[i];
		else if (!quote && s[i] == '#' && (i == 0 || s[i - 1] == ' '))
			break;
	}
	return quote;
}

void ui_add_command(struct text *out, const char *s, size_t len, int width, int indent, int at)
{
	size_t n, gap;
	bool comment = false; /* up to its end: no backslash continues it */

	for (size_t i = 0; i < len; i += gap + n) {
		int columns;

		for (gap = 0; i + gap < len && s[i + gap] == ' ';)
			gap++;
		comment = comment || (i + gap < len && s[i + gap] == '#');
		n = comment ? len - i - gap : shell_word_len(s + i + gap, len - i - gap);
		columns = utf8_width(s + i + gap, n);
		/* Behind all but the last word there is room for the backslash. */
		if (width > 0 && i > 0 && !comment &&
		    at + (int)gap + columns + (i + gap + n < len ? 2 : 0) > width) {
			text_addf(out, " \\\n%*s", indent, "");
			text_add(out, s + i + gap, n);
			at = indent + columns;
		} else {
			text_add(out, s + i, gap + n);
			at += (int)gap + columns;
		}
	}
}
