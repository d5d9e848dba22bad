/*
 * tui_screen.c -- the terminal, by curses.
 *
 * curses knows the terminal, decodes its keys and sends no more than what has changed.  It has no
 * more colours than the terminal's description, which says 256 where the terminal shows 16 million
 * ($COLORTERM): there curses draws the nearest ones, and what was painted finer is painted over.
 *
 * The terminal is as it was before whatever ends the program: handlers send bytes that were made
 * ready, by calls that a handler may use.
 */
#include "tui.h"

#include "torchless/mem.h"
#include "torchless/utf8.h"

#include <curses.h>
#include <errno.h>
#include <locale.h>
#include <poll.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <term.h>
#include <termios.h>
#include <unistd.h>
#include <wchar.h>

#define PEEKED   16
#define PASTE_MS 5 /* between characters that nobody typed, on a machine that has much to do */

static struct {
	SCREEN *screen;
	FILE *out;
	bool has_color, is_direct, paints_over;
	int cursor_y, cursor_x;

	/* The cells of this frame and of the one that the terminal shows, for what is painted over.
	 */
	struct ui_cell *cells, *shown;
	int high, wide;
	bool shown_is_known;
	struct text bytes;
} screen;

/* ---- signals ------------------------------------------------------------------------------ */

static volatile sig_atomic_t has_resized, has_interrupted, command_runs;
static struct termios terminal_before, terminal_within;
static char leave_bytes[256], enter_bytes[256];
static size_t n_leave_bytes, n_enter_bytes;

static const int fatal_signals[] = { SIGTERM, SIGHUP, SIGQUIT, SIGABRT, SIGSEGV, SIGBUS, SIGFPE };
static const int other_signals[] = { SIGINT, SIGWINCH, SIGTSTP };
#define N_FATAL (sizeof(fatal_signals) / sizeof(fatal_signals[0]))
#define N_OTHER (sizeof(other_signals) / sizeof(other_signals[0]))
static struct sigaction actions_before[N_FATAL + N_OTHER];

static void send_bytes(const char *bytes, size_t n)
{
	while (n > 0) {
		ssize_t sent = write(STDOUT_FILENO, bytes, n);

		if (sent < 0 && errno != EINTR)
			return;
		bytes += sent > 0 ? sent : 0;
		n -= sent > 0 ? (size_t)sent : 0;
	}
}

static void give_back(void)
{
	send_bytes(leave_bytes, n_leave_bytes);
	tcsetattr(STDIN_FILENO, TCSANOW, &terminal_before);
}

static void on_fatal(int number)
{
	give_back();
	signal(number, SIG_DFL);
	raise(number);
}

static void on_interrupt(int number)
{
	if (command_runs && interrupted)
		on_fatal(number);
	else if (command_runs)
		interrupted = 1;
	else
		has_interrupted = 1;
}

static void on_resize(int number)
{
	(void)number;
	has_resized = 1;
}

/* Ctrl-Z: the shell has its terminal, until one comes back. */
static void on_stop(int number)
{
	int saved = errno;
	struct sigaction action = { .sa_handler = SIG_DFL }, mine;

	give_back();
	sigaction(number, &action, &mine);
	raise(number);
	sigaction(number, &mine, NULL);
	tcsetattr(STDIN_FILENO, TCSANOW, &terminal_within);
	send_bytes(enter_bytes, n_enter_bytes);
	has_resized = 1;
	errno = saved;
}

static void take_signals(void)
{
	void (*const handlers[N_OTHER])(int) = { on_interrupt, on_resize, on_stop };

	for (size_t i = 0; i < N_FATAL; i++) {
		struct sigaction action = { .sa_handler = on_fatal };

		sigaction(fatal_signals[i], &action, &actions_before[i]);
		/* What nohup ignores stays ignored. */
		if (actions_before[i].sa_handler == SIG_IGN)
			sigaction(fatal_signals[i], &actions_before[i], NULL);
	}
	for (size_t i = 0; i < N_OTHER; i++) {
		/* What is being drawn goes on; keys are waited for in poll(). */
		struct sigaction action = { .sa_handler = handlers[i], .sa_flags = SA_RESTART };

		/* Raised in its own handler. */
		if (other_signals[i] == SIGTSTP)
			action.sa_flags |= (int)SA_NODEFER;
		sigaction(other_signals[i], &action, &actions_before[N_FATAL + i]);
	}
}

static void give_signals_back(void)
{
	for (size_t i = 0; i < N_FATAL; i++)
		sigaction(fatal_signals[i], &actions_before[i], NULL);
	for (size_t i = 0; i < N_OTHER; i++)
		sigaction(other_signals[i], &actions_before[N_FATAL + i], NULL);
}

void screen_runs(bool runs)
{
	command_runs = runs;
}

/* ---- bytes of the terminal ---------------------------------------------------------------- */

static int put_byte(int c)
{
	text_addc(&screen.bytes, (char)c);
	return c;
}

/* A capability without what it may hold of padding; nothing where the terminal has none. */
static void add_capability(const char *capability)
{
	if (capability && (intptr_t)capability != -1)
		tputs(capability, 1, put_byte);
}

static size_t keep_bytes(char *into, size_t size)
{
	size_t n = screen.bytes.len < size ? screen.bytes.len : 0;

	memcpy(into, screen.bytes.data, n);
	text_clear(&screen.bytes);
	return n;
}

static void prepare_bytes(void)
{
	text_adds(&screen.bytes, "");
	add_capability(exit_attribute_mode);
	add_capability(keypad_local);
	add_capability(cursor_normal);
	add_capability(exit_ca_mode);
	n_leave_bytes = keep_bytes(leave_bytes, sizeof(leave_bytes));
	add_capability(enter_ca_mode);
	add_capability(keypad_xmit);
	n_enter_bytes = keep_bytes(enter_bytes, sizeof(enter_bytes));
}

/* ---- life --------------------------------------------------------------------------------- */

int screen_check(struct err *err)
{
	const char *term = getenv("TERM");
	bool moves;
	int found = 0;

	if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO))
		return err_set(
			err, ERR_TOOL,
			"the full-screen view needs a terminal for its input and its output");
	if (!term || !*term || setupterm(term, STDOUT_FILENO, &found) != OK || found != 1)
		return err_set(err, ERR_TOOL,
			       "the full-screen view does not know the terminal '%.60s' (TERM)",
			       term ? term : "");
	moves = cursor_address && clear_screen;
	del_curterm(cur_term);
	if (!moves)
		return err_set(err, ERR_TOOL,
			       "the full-screen view needs a terminal that can move its cursor, "
			       "which '%.60s' (TERM) cannot",
			       term);
	return 0;
}

/* What there is in colour, at most what `ui` has. */
static void open_colors(struct ui *ui)
{
	screen.has_color = ui->color && has_colors() && start_color() == OK;
	if (!screen.has_color) {
		ui->color = false;
		ui->depth = UI_DEPTH_NONE;
		return;
	}
	use_default_colors();
	screen.is_direct = tigetflag("RGB") == 1 || tigetnum("RGB") > 0;
	if (COLORS < 256 && ui->depth > UI_DEPTH_16)
		ui->depth = UI_DEPTH_16;
	screen.paints_over =
		ui->depth == UI_DEPTH_24BIT && !screen.is_direct && save_cursor && restore_cursor;
	if (ui->depth == UI_DEPTH_24BIT && !screen.is_direct && !screen.paints_over)
		ui->depth = UI_DEPTH_256;
}

int screen_open(struct ui *ui, struct err *err)
{
	int fd;

	if (screen_check(err))
		return err->code;
	/* Characters only: numbers keep their decimal point. */
	if (ui->utf8 && !setlocale(LC_CTYPE, ""))
		setlocale(LC_CTYPE, "C.UTF-8");
	tcgetattr(STDIN_FILENO, &terminal_before);
	fd = dup(STDOUT_FILENO);
	screen.out = fd >= 0 ? fdopen(fd, "w") : NULL;
	screen.screen = screen.out ? newterm(NULL, screen.out, stdin) : NULL;
	if (!screen.screen)
		return err_set(err, ERR_TOOL, "the full-screen view cannot use this terminal");
	cbreak();
	noecho();
	nonl();
	keypad(stdscr, TRUE);
	nodelay(stdscr, TRUE);
	set_escdelay(25);
	open_colors(ui);
	prepare_bytes();
	tcgetattr(STDIN_FILENO, &terminal_within);
	take_signals();
	has_resized = 1;
	return 0;
}

void screen_close(void)
{
	if (!screen.screen)
		return;
	endwin();
	give_signals_back();
	delscreen(screen.screen);
	fclose(screen.out);
	free(screen.cells);
	free(screen.shown);
	text_release(&screen.bytes);
	memset(&screen, 0, sizeof(screen));
}

/* ---- size --------------------------------------------------------------------------------- */

static void take_size(void)
{
	struct winsize size;

	if (!ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) && size.ws_row > 0 && size.ws_col > 0)
		resizeterm(size.ws_row, size.ws_col);
	screen_refresh_all();
}

void screen_size(int *high, int *wide)
{
	*high = LINES;
	*wide = COLS;
	if (screen.high == LINES && screen.wide == COLS && screen.cells)
		return;
	screen.high = LINES;
	screen.wide = COLS;
	free(screen.cells);
	free(screen.shown);
	screen.cells = mem_calloc((size_t)LINES * (size_t)COLS, sizeof(*screen.cells));
	screen.shown = mem_calloc((size_t)LINES * (size_t)COLS, sizeof(*screen.shown));
	screen.shown_is_known = false;
}

void screen_refresh_all(void)
{
	clearok(curscr, TRUE);
	screen.shown_is_known = false;
}

/* ---- cells -------------------------------------------------------------------------------- */

void screen_erase(void)
{
	erase();
	for (int i = 0; i < screen.high * screen.wide; i++)
		screen.cells[i] = (struct ui_cell){ { ' ' }, 1, UI_PEN };
}

static int curses_color(int color)
{
	if (color == UI_CELL_NONE)
		return -1;
	if (screen.is_direct && color >= UI_CELL_RGB)
		return color - UI_CELL_RGB;
	return ui_cell_256(color) % COLORS;
}

static attr_t attributes(const struct ui_pen *pen, enum screen_look look)
{
	return (pen->bold ? A_BOLD : A_NORMAL) | (pen->dim ? A_DIM : A_NORMAL) |
	       (look == LOOK_REVERSE ? A_REVERSE : A_NORMAL);
}

static void put_cell(int y, int x, const struct ui_cell *cell, enum screen_look look)
{
	wchar_t characters[2 + UI_CELL_MARKS] = { 0 };
	cchar_t shown;
	int pair = 0;

	if (screen.has_color)
		pair = alloc_pair(curses_color(cell->pen.fg), curses_color(cell->pen.bg));
	for (int i = 0; i <= UI_CELL_MARKS; i++)
		characters[i] = (wchar_t)cell->ch[i];
	if (setcchar(&shown, characters, attributes(&cell->pen, look), 0,
		     pair > 0 ? &pair : NULL) == OK)
		mvadd_wchnstr(y, x, &shown, 1);
}

void screen_cells(int y, int x, const struct ui_cell *cells, int n, enum screen_look look)
{
	for (int i = 0; i < n && x + i < screen.wide && y < screen.high; i++) {
		if (y < 0 || x + i < 0)
			continue;
		screen.cells[y * screen.wide + x + i] = cells[i];
		/* Reversed cells are curses' alone. */
		if (look == LOOK_REVERSE)
			screen.cells[y * screen.wide + x + i].pen = UI_PEN;
		if (cells[i].width > 0)
			put_cell(y, x + i, &cells[i], look);
	}
}

void screen_cursor(int y, int x)
{
	screen.cursor_y = y;
	screen.cursor_x = x;
}

/* ---- what is painted over ----------------------------------------------------------------- */

static bool is_fine(const struct ui_cell *cell)
{
	return cell->width > 0 && (cell->pen.fg >= UI_CELL_RGB || cell->pen.bg >= UI_CELL_RGB);
}

static void add_ground(int ground, int color)
{
	if (color >= UI_CELL_RGB)
		text_addf(&screen.bytes, "\033[%d8;2;%d;%d;%dm", ground, color >> 16 & 255,
			  color >> 8 & 255, color & 255);
	else if (color == UI_CELL_NONE)
		text_addf(&screen.bytes, "\033[%d9m", ground);
	else
		text_addf(&screen.bytes, "\033[%d8;5;%dm", ground, ui_cell_256(color));
}

/* One run of fine cells from x on; where it ends. */
static int paint_run(int y, int x)
{
	const struct ui_cell *row = screen.cells + (size_t)y * (size_t)screen.wide;
	struct ui_pen pen = UI_PEN;

	add_capability(tiparm(cursor_address, y, x));
	text_adds(&screen.bytes, "\033[0m");
	for (; x < screen.wide && is_fine(&row[x]); x += row[x].width) {
		if (row[x].pen.fg != pen.fg)
			add_ground(3, row[x].pen.fg);
		if (row[x].pen.bg != pen.bg)
			add_ground(4, row[x].pen.bg);
		pen = row[x].pen;
		for (int i = 0; i <= UI_CELL_MARKS && row[x].ch[i]; i++) {
			char utf8[4];
			int n = utf8_encode(row[x].ch[i], utf8);

			text_add(&screen.bytes, utf8, (size_t)n);
		}
	}
	return x;
}

/* curses may have drawn any cell of a row that changed, so all fine ones of it are painted. */
static void paint_over(void)
{
	size_t width = (size_t)screen.wide * sizeof(*screen.cells);

	text_clear(&screen.bytes);
	text_adds(&screen.bytes, "");
	add_capability(save_cursor);
	for (int y = 0; y < screen.high; y++) {
		size_t at = (size_t)y * (size_t)screen.wide;

		if (screen.shown_is_known && !memcmp(screen.cells + at, screen.shown + at, width))
			continue;
		for (int x = 0; x < screen.wide;)
			x = is_fine(&screen.cells[at + (size_t)x]) ? paint_run(y, x) : x + 1;
		memcpy(screen.shown + at, screen.cells + at, width);
	}
	add_capability(restore_cursor);
	screen.shown_is_known = true;
	send_bytes(screen.bytes.data, screen.bytes.len);
	text_clear(&screen.bytes);
}

void screen_flush(void)
{
	curs_set(screen.cursor_y >= 0);
	if (screen.cursor_y >= 0)
		move(screen.cursor_y, screen.cursor_x);
	refresh();
	if (screen.paints_over)
		paint_over();
}

/* ---- keys --------------------------------------------------------------------------------- */

static int curses_key(wint_t key)
{
	static const struct {
		int from, to;
	} keys[] = { { KEY_UP, KEY_OF_UP },         { KEY_DOWN, KEY_OF_DOWN },
		     { KEY_LEFT, KEY_OF_LEFT },     { KEY_RIGHT, KEY_OF_RIGHT },
		     { KEY_HOME, KEY_OF_HOME },     { KEY_END, KEY_OF_END_OF_LINE },
		     { KEY_PPAGE, KEY_OF_PAGE_UP }, { KEY_NPAGE, KEY_OF_PAGE_DOWN },
		     { KEY_DC, KEY_OF_DELETE },     { KEY_BACKSPACE, KEY_OF_BACKSPACE },
		     { KEY_BTAB, KEY_OF_BACKTAB },  { KEY_ENTER, '\r' } };

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		if ((wint_t)keys[i].from == key)
			return keys[i].to;
	return KEY_OF_OTHER;
}

/* What is there to be read; KEY_OF_NOTHING. */
static int read_key(void)
{
	wint_t key;
	int r = get_wch(&key);

	if (r == ERR)
		return KEY_OF_NOTHING;
	if (r == KEY_CODE_YES)
		return curses_key(key);
	return key == 127 || key == 8 ? KEY_OF_BACKSPACE : (int)key;
}

static bool await(int milliseconds, bool *is_gone)
{
	struct pollfd fd = { .fd = STDIN_FILENO, .events = POLLIN };
	int n = poll(&fd, 1, milliseconds);

	*is_gone = n > 0 && (fd.revents & (POLLHUP | POLLERR | POLLNVAL)) && !(fd.revents & POLLIN);
	return n > 0 && (fd.revents & POLLIN);
}

bool screen_has_input(void)
{
	bool is_gone;

	return await(0, &is_gone);
}

static int signalled(void)
{
	if (has_interrupted) {
		has_interrupted = 0;
		return KEY_OF_INTERRUPT;
	}
	if (has_resized) {
		has_resized = 0;
		take_size();
		return KEY_OF_SIZE;
	}
	return KEY_OF_NOTHING;
}

/* Alt sends Esc and the character at once. */
static int with_alt(int key)
{
	int next = key == '\033' ? read_key() : KEY_OF_NOTHING;

	if (next == KEY_OF_NOTHING)
		return key;
	return next < KEY_OF_UP ? KEY_WITH_ALT | next : KEY_OF_OTHER;
}

int screen_key(int milliseconds, bool *waited)
{
	int key = signalled();
	bool is_gone = false;

	*waited = false;
	if (key == KEY_OF_NOTHING)
		key = read_key();
	/* A signal that comes just before poll() is seen when this wakes up. */
	for (int left = milliseconds; key == KEY_OF_NOTHING && left != 0;) {
		int slice = left < 0 || left > 250 ? 250 : left;
		bool is_there = await(slice, &is_gone);

		*waited = true;
		left -= left > 0 ? slice : 0;
		key = signalled();
		if (key == KEY_OF_NOTHING)
			key = read_key();
		if (key == KEY_OF_NOTHING && (is_gone || (is_there && !isatty(STDIN_FILENO))))
			return KEY_OF_END;
	}
	return with_alt(key);
}

bool screen_pasted(const char *keys)
{
	wint_t next[PEEKED] = { 0 };
	bool is_gone, is_line = false;
	int n = 0, r = await(PASTE_MS, &is_gone) ? get_wch(&next[0]) : ERR;

	while (r == OK && ++n < PEEKED)
		r = get_wch(&next[n]);
	if (r == KEY_CODE_YES)
		ungetch((int)next[n]);
	while (n-- > 0) {
		is_line = is_line || next[n] > 0x7f || !strchr(keys, (int)next[n]);
		unget_wch((wchar_t)next[n]);
	}
	return is_line;
}
