/*
 * ui.c -- what a stream can show, the gate before it, numbers with units, sparklines.
 *
 * The locale is asked through its environment variables instead of setlocale(): numbers must keep
 * their decimal point wherever the program runs.
 */
#include "torchless/ui.h"
#include "sgr.h"
#include "torchless/utf8.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/ioctl.h>
#include <unistd.h>

static bool locale_is_utf8(void)
{
	static const char *const names[] = { "LC_ALL", "LC_CTYPE", "LANG" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		const char *value = getenv(names[i]);
		const char *dot = value ? strchr(value, '.') : NULL;

		if (!value || !*value)
			continue;
		return dot && (!strncasecmp(dot, ".utf-8", 6) || !strncasecmp(dot, ".utf8", 5));
	}
	return false;
}

static int terminal_width(int fd)
{
	const char *columns = getenv("COLUMNS");
	struct winsize size;

	if (!ioctl(fd, TIOCGWINSZ, &size) && size.ws_col > 0)
		return size.ws_col;
	return columns && atoi(columns) > 0 ? atoi(columns) : 80;
}

void ui_resize(struct ui *ui)
{
	if (ui->is_terminal)
		ui->width = terminal_width(fileno(ui->out));
}

static bool contains_one_of(const char *s, const char *const *words)
{
	for (; s && *words; words++)
		if (strstr(s, *words))
			return true;
	return false;
}

static enum ui_depth depth_of_environment(void)
{
	static const char *const told[] = { "truecolor", "24bit", NULL };
	static const char *const known[] = { "truecolor", "-direct", "kitty",   "alacritty",
					     "foot",      "wezterm", "ghostty", NULL };
	static const char *const has_256[] = { "256color", NULL };
	const char *term = getenv("TERM");

	if (contains_one_of(getenv("COLORTERM"), told) || contains_one_of(term, known))
		return UI_DEPTH_24BIT;
	return contains_one_of(term, has_256) ? UI_DEPTH_256 : UI_DEPTH_16;
}

void ui_init(struct ui *ui, FILE *out, enum ui_color color)
{
	const char *no_color = getenv("NO_COLOR"), *term = getenv("TERM");

	*ui = (struct ui){ .out = out, .is_terminal = isatty(fileno(out)) };
	ui->utf8 = locale_is_utf8();
	ui_resize(ui);
	ui->color = color == UI_COLOR_ALWAYS ||
		    (color == UI_COLOR_AUTO && ui->is_terminal && !(no_color && *no_color) &&
		     term && strcmp(term, "dumb") != 0);
	ui->depth = ui->color ? depth_of_environment() : UI_DEPTH_NONE;
}

/* What this room itself sends to a terminal besides text. */
static const char *const style_codes[UI_STYLE_COUNT] = {
	[UI_BOLD] = "\033[1m",  [UI_DIM] = "\033[2m",    [UI_GOOD] = "\033[32m",
	[UI_WARN] = "\033[33m", [UI_ITALIC] = "\033[3m", [UI_CODE] = "\033[36m",
};
static const char style_end[] = "\033[0m";

void ui_add_styled(struct text *t, const struct ui *ui, enum ui_style style, const char *s,
		   size_t len)
{
	bool on = ui->color && style_codes[style];

	if (on)
		text_adds(t, style_codes[style]);
	text_add(t, s, len);
	if (on)
		text_adds(t, style_end);
}

/* ---- the gate ----------------------------------------------------------------------------- */

size_t ui_sequence(const char *s, size_t len)
{
	for (int i = 0; i <= UI_STYLE_COUNT; i++) {
		const char *code = i < UI_STYLE_COUNT ? style_codes[i] : style_end;
		size_t n = code ? strlen(code) : 0;

		if (n && n <= len && !memcmp(s, code, n))
			return n;
	}
	return sgr_length(s, len);
}

int ui_columns(const char *s, size_t len)
{
	int columns = 0;

	for (size_t i = 0, n; i < len; i += n) {
		n = s[i] == '\033' ? ui_sequence(s + i, len - i) : 0;
		if (n)
			continue;
		n = (size_t)utf8_decode(s + i, len - i, NULL);
		columns += utf8_width(s + i, n);
		n += n == 0;
	}
	return columns;
}

/* How many bytes at s[0..len) may go to a terminal as they are. */
static size_t harmless_bytes(const char *s, size_t len)
{
	size_t i = 0;

	while (i < len) {
		uint32_t cp = 0;
		size_t n = (size_t)utf8_decode(s + i, len - i, &cp);

		if (s[i] == '\033')
			n = ui_sequence(s + i, len - i);
		else if (s[i] != '\n' && s[i] != '\t' &&
			 (utf8_is_control(cp) || utf8_is_directing(cp)))
			n = 0;
		if (n == 0)
			break;
		i += n;
	}
	return i;
}

static bool is_ascii(const char *s, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if ((unsigned char)s[i] >= 0x80)
			return false;
	return true;
}

/*
 * Whoever makes a line escapes the names in it, since only he knows what is his and what a
 * stranger's, and how wide it will be.  This is the net below: a caller that forgets, or is yet to
 * be written, can make a line ugly, and at worst coloured.
 */
bool ui_write(const struct ui *ui, const void *data, size_t len)
{
	const char *s = data;
	struct text safe = { 0 }, ascii = { 0 }, *shown = &safe;
	size_t n = ui->is_terminal ? harmless_bytes(s, len) : len;
	bool written, is_plain = ui->utf8 || is_ascii(s, len);

	if (n == len && is_plain)
		return fwrite(s, 1, len, ui->out) == len;
	for (size_t i = 0; i < len; i += n) {
		n = ui->is_terminal ? harmless_bytes(s + i, len - i) : len;
		text_add(&safe, s + i, n);
		if (i + n == len)
			break;
		i += n;
		n = (size_t)utf8_decode(s + i, len - i, NULL);
		n = n ? n : 1;
		text_add_visible(&safe, s + i, n);
	}
	if (!is_plain) {
		ui_add_ascii(&ascii, safe.data, safe.len);
		shown = &ascii;
	}
	written = fwrite(shown->data, 1, shown->len, ui->out) == shown->len;
	text_release(&safe);
	text_release(&ascii);
	return written;
}

bool ui_write_exact(const struct ui *ui, const void *data, size_t len)
{
	return ui->is_terminal ? ui_write(ui, data, len) : fwrite(data, 1, len, ui->out) == len;
}

/* ---- numbers ------------------------------------------------------------------------------ */

/* Three significant digits at most: 4.83, 48.3, 483. */
static int digits_after_point(double x)
{
	return x < 9.995 ? 2 : x < 99.95 ? 1 : 0;
}

const char *ui_format_time(int64_t ns, char *buf, size_t size)
{
	static const struct {
		double ns;
		const char *unit;
	} units[] = { { 1e9, "s" }, { 1e6, "ms" }, { 1e3, "µs" } };

	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		double x = (double)ns / units[i].ns;

		if (x < 1)
			continue;
		snprintf(buf, size, "%.*f %s", digits_after_point(x), x, units[i].unit);
		return buf;
	}
	snprintf(buf, size, "%lld ns", (long long)ns);
	return buf;
}

const char *ui_format_count(int64_t n, char *buf, size_t size)
{
	char digits[32];
	size_t len, used = 0;

	snprintf(digits, sizeof(digits), "%lld", (long long)n);
	len = strlen(digits);
	for (size_t i = 0; i < len && used + 2 < size; i++) {
		buf[used++] = digits[i];
		if (isdigit((unsigned char)digits[i]) && i + 1 < len && (len - i - 1) % 3 == 0)
			buf[used++] = ',';
	}
	buf[used] = '\0';
	return buf;
}

const char *ui_format_params(int64_t n, char *buf, size_t size)
{
	double x = (double)n;

	if (n >= 1000000000)
		snprintf(buf, size, "%.2f B", x / 1e9);
	else if (n >= 1000000)
		snprintf(buf, size, "%.1f M", x / 1e6);
	else if (n >= 1000)
		snprintf(buf, size, "%.1f k", x / 1e3);
	else
		snprintf(buf, size, "%lld", (long long)n);
	return buf;
}

const char *ui_format_percent(double share, char *buf, size_t size)
{
	snprintf(buf, size, "%.4g %%", printed(100 * share));
	return buf;
}

const char *ui_format_number(double x, char *buf, size_t size)
{
	snprintf(buf, size, "%.4g", printed(x));
	return buf;
}

/* ---- pictures ----------------------------------------------------------------------------- */

static const char *const levels_utf8[] = { "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█" };
static const char *const levels_ascii[] = { " ", ".", ":", "-", "=", "+", "*", "#" };

void ui_add_spark(struct text *t, const struct ui *ui, const double *x, int n)
{
	const char *const *levels = ui->utf8 ? levels_utf8 : levels_ascii;
	double max = 0;

	for (int i = 0; i < n; i++)
		if (isfinite(x[i]) && x[i] > max)
			max = x[i];
	for (int i = 0; i < n; i++) {
		double share = max > 0 ? x[i] / max : 0;

		if (isfinite(x[i]))
			text_adds(t, levels[share <= 0 ? 0 : (int)fmin(7, share * 8)]);
		else
			text_addc(t, '!');
	}
}

void ui_add_bar(struct text *t, const struct ui *ui, double share, int width)
{
	int filled = (int)lround(fmin(1, fmax(0, share)) * width);

	for (int i = 0; i < width; i++)
		text_adds(t, i < filled ? (ui->utf8 ? "█" : "#") : ui->utf8 ? "░" : ".");
}
