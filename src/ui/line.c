/*
 * line.c -- see line.h.  The editor is libedit; without a terminal, or on a dumb one, lines are
 * read as they come.
 * */
#include "torchless/line.h"
#include "history.h"
#include "torchless/mem.h"
#include "torchless/utf8.h"

#include <errno.h>
#include <fcntl.h>
#include <histedit.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/select.h>
#include <unistd.h>
#include <wchar.h>

#define MAX_ENTRY     (64 << 10) /* of the history; a longer one is not kept */
#define MAX_SHOWN     60         /* candidates */
#define MAX_KEPT      2000
#define MAX_CANDIDATE 1024 /* bytes */

struct line_reader {
	struct line_options o;
	const char *prompt;
	EditLine *el; /* NULL: no editing */
	History *history;
	char *history_path; /* NULL: none */
	struct text input;  /* without editing: what was read and not yet returned */
	size_t used;
	bool cancelled, at_end;
	int keys; /* what lines are read from: standard input, opened anew when a terminal */
	struct sigaction before[3];
};

/* ---- candidates ------------------------------------------------------------------------ */

/* How many bytes two texts begin with alike: never half a character. */
static size_t alike(const char *a, const char *b, size_t most)
{
	size_t n = 0;

	while (n < most && a[n] == b[n])
		n++;
	while (n > 0 && (a[n] & 0xc0) == 0x80)
		n--;
	return n;
}

/*
 * A file may hold any number of names: a line is compared with a few thousand at most.  Nor can
 * what would move the cursor be typed.
 */
void candidates_add(struct candidates *c, const char *text)
{
	if (strlen(text) > MAX_CANDIDATE || !utf8_is_printable(text))
		return;
	c->common = c->n ? alike(c->list[0], text, c->common) : strlen(text);
	for (int i = 0; i < c->n; i++)
		if (!strcmp(c->list[i], text))
			return;
	if (c->n == MAX_KEPT) {
		c->n_more++;
		return;
	}
	c->list = mem_grow(c->list, (size_t)c->n, &c->cap, sizeof(*c->list));
	c->list[c->n++] = mem_strdup(text);
}

void candidates_release(struct candidates *c)
{
	for (int i = 0; i < c->n; i++)
		free(c->list[i]);
	free(c->list);
	*c = (struct candidates){ 0 };
}

/* Columns from top to bottom, as ls does. */
static void show(const struct line_reader *r, const struct candidates *c)
{
	int n = c->n < MAX_SHOWN ? c->n : MAX_SHOWN, width = 0, columns, rows;
	int screen = r->o.ui->width > 0 ? r->o.ui->width : 80;
	struct text line = { 0 };

	for (int i = 0; i < n; i++) {
		int w = utf8_width(c->list[i], strlen(c->list[i])) + 2;

		width = w > width ? w : width;
	}
	columns = width > 0 && screen / width > 1 ? screen / width : 1;
	rows = (n + columns - 1) / columns;
	text_addc(&line, '\n');
	for (int y = 0; y < rows; y++) {
		for (int i = y; i < n; i += rows) {
			size_t from = line.len;

			ui_add_clipped(&line, r->o.ui, c->list[i], strlen(c->list[i]), screen - 1);
			for (int w = utf8_width(line.data + from, line.len - from);
			     w < width && i + rows < n; w++)
				text_addc(&line, ' ');
		}
		text_addc(&line, '\n');
	}
	if (c->n + c->n_more > n)
		text_addf(&line, "and %d more\n", c->n + c->n_more - n);
	ui_write(r->o.ui, line.data, line.len);
	fflush(stdout);
	text_release(&line);
}

/* What libedit counts: characters, which in a locale without UTF-8 are bytes. */
static int characters(const struct line_reader *r, const char *s, size_t len)
{
	int n = 0;

	for (size_t i = 0; i < len; i++)
		n += !r->o.ui->utf8 || (s[i] & 0xc0) != 0x80;
	return n;
}

/* Put in what all candidates begin with, or show them when that is typed already. */
static unsigned char offer(const struct line_reader *r, const struct candidates *c,
			   const char *before)
{
	size_t typed = strlen(before) - c->start, len = c->common;
	const char *word = before + c->start;
	char *text;

	if ((c->n > 1 || c->has_range) && len <= typed) {
		show(r, c);
		return CC_REDISPLAY;
	}
	text = mem_memdup(c->list[0], len);
	el_deletestr(r->el, characters(r, word, typed));
	el_insertstr(r->el, text);
	free(text);
	return CC_REFRESH;
}

/* SQL that is pasted may be indented with tabs: there, more is already waiting to be read. */
static bool is_indentation(const char *before)
{
	size_t len = strlen(before);
	int waiting = 0;

	if (len > 0 && before[len - 1] != ' ')
		return false;
	return !ioctl(STDIN_FILENO, FIONREAD, &waiting) && waiting > 0;
}

static unsigned char on_tab(EditLine *el, int key)
{
	struct candidates c = { 0 };
	struct line_reader *r;
	const LineInfo *li = el_line(el);
	char *before, *after;
	unsigned char result = CC_ERROR;

	(void)key;
	el_get(el, EL_CLIENTDATA, &r);
	before = mem_memdup(li->buffer, (size_t)(li->cursor - li->buffer));
	after = mem_memdup(li->cursor, (size_t)(li->lastchar - li->cursor));
	if (is_indentation(before)) {
		el_insertstr(el, " ");
		result = CC_REFRESH;
	} else {
		r->o.complete(r->o.ctx, before, after, &c);
		if (c.n > 0)
			result = offer(r, &c, before);
	}
	candidates_release(&c);
	free(before);
	free(after);
	return result;
}

/* ---- signals --------------------------------------------------------------------------- */

static volatile sig_atomic_t window_changed, continued;
static volatile sig_atomic_t *interrupted; /* the one of the reader that takes the signals */

static void on_signal(int number)
{
	if (number == SIGINT)
		*interrupted = 1;
	else if (number == SIGWINCH)
		window_changed = 1;
	else
		continued = 1;
}

static const int signals[3] = { SIGINT, SIGWINCH, SIGCONT };

/*
 * Ctrl-C never ends the reader.  What is being written goes on after a signal: libedit takes a
 * write that it cut short for a terminal that is gone, and stdout stays marked as failed.  Reading
 * stops for each of them, because it waits in pselect(), which is never gone on with.
 */
static void take_signals(struct line_reader *r)
{
	struct sigaction action = { .sa_handler = on_signal, .sa_flags = SA_RESTART };

	interrupted = r->o.interrupted;
	for (int i = 0; i < 3; i++)
		sigaction(signals[i], &action, &r->before[i]);
}

/* ---- the editor's input ---------------------------------------------------------------- */

/*
 * libedit keeps the cursor's place through a change of size, in a buffer that may now be smaller,
 * and writes there: the line is drawn anew at once, from where the cursor is.
 */
static void resize(struct line_reader *r)
{
	window_changed = 0;
	ui_resize(r->o.ui);
	el_resize(r->el);
	fputs("\r\033[J", stdout);
	fflush(stdout);
	el_set(r->el, EL_REFRESH);
}

/*
 * Wait until there is something to read; false when a signal came first.  Signals are let in only
 * while this waits: one that came after the look at the flags would be seen at the next key.
 */
static bool await_input(const struct line_reader *r)
{
	sigset_t ours, before;
	fd_set input;
	int n = -1, why = EINTR;

	FD_ZERO(&input);
	FD_SET(r->keys, &input);
	sigemptyset(&ours);
	for (int i = 0; i < 3; i++)
		sigaddset(&ours, signals[i]);
	pthread_sigmask(SIG_BLOCK, &ours, &before);
	if (!*r->o.interrupted && !window_changed && !continued) {
		n = pselect(r->keys + 1, &input, NULL, NULL, NULL, &before);
		why = errno;
	}
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return n >= 0 || why != EINTR;
}

/*
 * Ctrl-C empties the terminal's queue, so what was there to be read may be gone: a terminal is read
 * without waiting, through a description of its own, for the flag is not for who shares this one.
 */
static int open_keys(void)
{
	char name[256];
	int fd = -1;

	if (!ttyname_r(STDIN_FILENO, name, sizeof(name)))
		fd = open(name, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fd >= FD_SETSIZE) {
		close(fd);
		fd = -1;
	}
	return fd < 0 ? STDIN_FILENO : fd;
}

/* read(); -1 with EAGAIN when there is nothing after all. */
static ssize_t read_input(const struct line_reader *r, void *to, size_t n)
{
	ssize_t got = read(r->keys, to, n);

	if (got < 0 && (errno == EINTR || errno == EWOULDBLOCK))
		errno = EAGAIN;
	return got;
}

/* One byte; 1, 0 at the end, -1 when Ctrl-C came first. */
static int read_byte(struct line_reader *r, unsigned char *byte)
{
	for (;;) {
		bool is_there = await_input(r);

		if (*r->o.interrupted) {
			r->cancelled = true;
			return -1;
		}
		if (is_there) {
			int n = (int)read_input(r, byte, 1);

			if (n >= 0 || errno != EAGAIN)
				return n;
		}
		if (window_changed)
			resize(r);
		if (continued) {
			continued = 0;
			el_set(r->el, EL_PREP_TERM, 1);
			el_set(r->el, EL_REFRESH);
		}
	}
}

static int read_character(EditLine *el, wchar_t *out)
{
	struct line_reader *r;
	char bytes[4];
	uint32_t cp;
	int n = 0, got;

	el_get(el, EL_CLIENTDATA, &r);
	do {
		got = read_byte(r, (unsigned char *)&bytes[n]);
		if (got <= 0)
			return got;
		n++;
		if (!r->o.ui->utf8) {
			*out = (wchar_t)(unsigned char)bytes[0];
			return 1;
		}
		if (utf8_decode(bytes, (size_t)n, &cp) > 0) {
			*out = (wchar_t)cp;
			return 1;
		}
	} while (n < 4 && utf8_complete(bytes, (size_t)n) == 0);
	*out = L'?';
	return 1;
}

static char *show_prompt(EditLine *el)
{
	struct line_reader *r;

	el_get(el, EL_CLIENTDATA, &r);
	return (char *)r->prompt;
}

static void open_editor(struct line_reader *r)
{
	HistEvent event;

	/* Characters only: numbers keep their decimal point. */
	if (r->o.ui->utf8 && !setlocale(LC_CTYPE, ""))
		setlocale(LC_CTYPE, "C.UTF-8");
	r->el = el_init("torchless", stdin, stdout, stderr);
	if (!r->el)
		return;
	r->history = history_init();
	history(r->history, &event, H_SETSIZE, HISTORY_ENTRIES);
	history(r->history, &event, H_SETUNIQUE, 1);
	el_set(r->el, EL_CLIENTDATA, r);
	el_set(r->el, EL_EDITOR, "emacs");
	el_set(r->el, EL_PROMPT, show_prompt);
	el_set(r->el, EL_HIST, history, r->history);
	el_set(r->el, EL_GETCFN, read_character);
	/* As wide strings: of narrow ones libedit makes copies that it never frees. */
	el_wset(r->el, EL_ADDFN, L"complete", L"complete the word", on_tab);
	/* `bind -v` of an ~/.editrc takes every binding back that was there before. */
	el_source(r->el, NULL);
	el_set(r->el, EL_BIND, "^I", "complete", NULL);
	el_set(r->el, EL_BIND, "^R", "em-inc-search-prev", NULL);
}

/* ---- history --------------------------------------------------------------------------- */

/* A history that cannot be kept is no reason to stop. */
static void say_not_kept(const struct line_reader *r)
{
	struct text line = { 0 };

	if (!r->o.verbose)
		return;
	text_add_visible(&line, r->history_path, strlen(r->history_path));
	fprintf(stderr, "%s: the history is not kept\n", line.data);
	text_release(&line);
}

static void load_history(struct line_reader *r)
{
	struct text t = { 0 };
	HistEvent event;

	if (!history_file_read(r->history_path, &t))
		say_not_kept(r);
	for (char *line = t.data, *end; line && (end = strchr(line, '\n')); line = end + 1) {
		*end = '\0';
		if (*line && utf8_is_printable(line))
			history(r->history, &event, H_ENTER, line);
	}
	text_release(&t);
}

void line_remember(struct line_reader *r, const char *entry)
{
	struct text line = { 0 };
	HistEvent event;

	if (!r->el || !*entry || *entry == ' ' || strlen(entry) > MAX_ENTRY)
		return;
	text_adds(&line, entry);
	for (size_t i = 0; i < line.len; i++)
		if ((unsigned char)line.data[i] < 0x20)
			line.data[i] = ' ';
	history(r->history, &event, H_ENTER, line.data);
	text_addc(&line, '\n');
	if (r->history_path && !history_file_append(r->history_path, line.data, line.len))
		say_not_kept(r);
	text_release(&line);
}

/* ---- plain lines ----------------------------------------------------------------------- */

/* Move one line out of what was read; false when there is no whole one. */
static bool take_line(struct line_reader *r, struct text *line)
{
	char *from = r->input.data ? r->input.data + r->used : NULL, *end;
	size_t left = from ? r->input.len - r->used : 0;

	end = from ? memchr(from, '\n', left) : NULL;
	if (!end && !(r->at_end && left))
		return false;
	left = end ? (size_t)(end - from) : left;
	text_add(line, from, left);
	r->used += left + (end != NULL);
	return true;
}

static int read_plain(struct line_reader *r, const char *prompt, struct text *line, struct err *err)
{
	char buf[4096];

	/* Of a terminal's two streams, the one that shows it and does not carry results. */
	if (isatty(STDIN_FILENO)) {
		fflush(stdout);
		fputs(prompt, stderr);
	}
	while (!take_line(r, line)) {
		bool is_there = r->at_end || await_input(r);
		ssize_t n;

		if (*r->o.interrupted)
			return LINE_CANCELLED;
		window_changed = continued = 0; /* nothing is drawn here */
		if (!is_there)
			continue;
		n = r->at_end ? 0 : read_input(r, buf, sizeof(buf));
		if (n == 0 && (r->at_end || r->used == r->input.len))
			return LINE_END;
		if (n == 0)
			r->at_end = true;
		else if (n > 0)
			text_add(&r->input, buf, (size_t)n);
		else if (errno != EAGAIN)
			return err_set(err, ERR_IO, "cannot read standard input: %s",
				       strerror(errno));
	}
	return LINE_READ;
}

/* ---- the reader ------------------------------------------------------------------------ */

struct line_reader *line_reader_new(const struct line_options *o)
{
	struct line_reader *r = mem_calloc(1, sizeof(*r));
	const char *term = getenv("TERM");

	r->o = *o;
	r->keys = STDIN_FILENO;
	if (!isatty(STDIN_FILENO))
		return r;
	r->keys = open_keys();
	take_signals(r);
	if (!o->ui->is_terminal || !term || !*term || !strcmp(term, "dumb"))
		return r;
	open_editor(r);
	if (!r->el)
		return r;
	if (o->history)
		r->history_path = history_file_path(o->history);
	if (r->history_path)
		load_history(r);
	return r;
}

void line_reader_free(struct line_reader *r)
{
	if (!r)
		return;
	if (r->el)
		el_end(r->el);
	if (r->history)
		history_end(r->history);
	if (isatty(STDIN_FILENO))
		for (int i = 0; i < 3; i++)
			sigaction(signals[i], &r->before[i], NULL);
	if (r->keys != STDIN_FILENO)
		close(r->keys);
	free(r->history_path);
	text_release(&r->input);
	free(r);
}

int line_read(struct line_reader *r, const char *prompt, struct text *line, struct err *err)
{
	const char *s;
	int n = 0, result = LINE_READ;

	text_clear(line);
	text_adds(line, "");
	if (!r->el) {
		result = read_plain(r, prompt, line, err);
		*r->o.interrupted = isatty(STDIN_FILENO) ? 0 : *r->o.interrupted;
		return result;
	}
	r->prompt = prompt;
	r->cancelled = false;
	if (window_changed) {
		window_changed = 0;
		el_resize(r->el);
	}
	fflush(stdout);
	s = el_gets(r->el, &n);
	if (r->cancelled)
		result = LINE_CANCELLED;
	else if (!s || n <= 0)
		result = LINE_END;
	else
		text_add(line, s, strcspn(s, "\n"));
	*r->o.interrupted = 0;
	return result;
}
