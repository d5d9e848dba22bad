/*
 * cmd_break.c -- the commands of breakpoints: setting them, changing them, listing and keeping
 * them.
 */
#include "../stops/break_impl.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <unistd.h>

/* ---- what stands behind a command ------------------------------------------------------------ */

/* Whether `if` stands alone at s. */
static bool is_if(const char *s)
{
	return !strncmp(s, "if", 2) && (!s[2] || strchr(" \t(", s[2]));
}

/*
 * The end of a location: before ` if `, or before a comma where those end it.  A regular expression
 * ends with the first slash that is not escaped, and a space, a comma or nothing behind it.
 */
static size_t location_length(const char *s, bool to_comma)
{
	size_t i = 0;

	if (*s == '/')
		for (i = 1; s[i]; i++)
			if (s[i] == '/' && s[i - 1] != '\\' &&
			    (!s[i + 1] || strchr(" \t,", s[i + 1])))
				break;
	for (; s[i]; i++) {
		if (to_comma && s[i] == ',')
			break;
		if ((i == 0 || strchr(" \t", s[i - 1])) && is_if(s + i))
			break;
	}
	return i;
}

/* Take "LOC if COND" apart; *condition is NULL, or within args.  ERR_USAGE. */
static int split(const char *args, char **location, const char **condition, struct err *err)
{
	size_t len = location_length(args, false), end = len;

	*condition = NULL;
	if (args[len]) {
		*condition = args + len + 2;
		*condition += strspn(*condition, " \t");
		if (!**condition)
			return err_set(err, ERR_USAGE, "`if` wants a condition behind it");
	}
	while (end > 0 && strchr(" \t", args[end - 1]))
		end--;
	*location = mem_memdup(args, end);
	return 0;
}

/* A number of a breakpoint at *s, which moves behind it; "$bpnum" is the newest.  -1: none. */
static int read_number(const struct debugger *d, const char **s)
{
	char *end;
	long n;

	if (!strncmp(*s, "$bpnum", 6)) {
		*s += 6;
		return breakpoints_last(d);
	}
	if (!isdigit((unsigned char)**s))
		return -1;
	errno = 0;
	n = strtol(*s, &end, 10);
	*s = end;
	return errno || n > INT_MAX ? INT_MAX : (int)n;
}

static int no_such(const struct debugger *d, int number, struct err *err)
{
	if (d->breakpoints->last_number == 0)
		return err_set(err, ERR_USAGE, "there is no breakpoint %d: none is set", number);
	return err_set(err, ERR_USAGE, "there is no breakpoint %d: `info breakpoints` lists them",
		       number);
}

/* The breakpoint whose number args begins with; *args moves behind it. */
static struct breakpoint *read_breakpoint(const struct debugger *d, const char **args,
					  struct err *err)
{
	const char *s = *args;
	int n = read_number(d, &s);
	struct breakpoint *b = n < 0 ? NULL : breakpoint_find(d, n);

	if (n < 0 || (*s && !strchr(" \t", *s)))
		err_set(err, ERR_USAGE, "'%.60s' is no number of a breakpoint", *args);
	else if (!b)
		no_such(d, n, err);
	else
		*args = s + strspn(s, " \t");
	return n < 0 || (*s && !strchr(" \t", *s)) ? NULL : b;
}

/*
 * "1 3-5, 7", "breakpoints" before it left out: wanted[i] of the list; all of them where there is
 * nothing.
 */
int breakpoints_read_list(const struct debugger *d, const char *s, bool *wanted, struct err *err)
{
	const struct breakpoints *bs = d->breakpoints;

	if (!*s) {
		memset(wanted, true, (size_t)bs->n);
		return 0;
	}
	while (*s) {
		const char *from = s;
		int first = read_number(d, &s), last = first, n = 0;

		if (*s == '-') {
			s++;
			last = read_number(d, &s);
		}
		if (first < 0 || last < first || (*s && !strchr(" \t,", *s)))
			return err_set(err, ERR_USAGE, "'%.60s' is no list of numbers, as in 1 3-5",
				       from);
		for (int i = 0; i < bs->n; i++)
			if (bs->list[i]->number >= first && bs->list[i]->number <= last) {
				wanted[i] = true;
				n++;
			}
		if (n == 0)
			return no_such(d, first, err);
		s += strspn(s, " \t,");
	}
	return 0;
}

/* ---- setting them ---------------------------------------------------------------------------- */

static void say_set(struct debugger *d, const struct breakpoint *b)
{
	const struct location *l = &b->location;
	struct text what = { 0 };

	text_adds(&what, "");
	b->class->what(d, b, &what);
	if (!l->text.len)
		say(d, "%s %d: %s\n", b->class->title, b->number, what.data);
	else if (l->n_spots == 1)
		say(d, "%s %d at op %d: %s.\n",
		    b->disposition == DELETE_WHEN_HIT ? "Temporary breakpoint" : b->class->title,
		    b->number, l->spots[0].op, what.data);
	else
		say(d, "%s %d at %s.\n",
		    b->disposition == DELETE_WHEN_HIT ? "Temporary breakpoint" : b->class->title,
		    b->number, what.data);
	text_release(&what);
}

static int set(struct debugger *d, const char *args, enum disposition disposition, struct err *err)
{
	const char *condition;
	struct location l;
	struct breakpoint *b;
	char *where = NULL;
	int r = split(args, &where, &condition, err);

	if (r)
		return r;
	r = location_parse(d, where, &l, err);
	free(where);
	if (r)
		return r;
	if (l.note.len)
		say(d, "%s\n", l.note.data);
	b = break_at(d, &l, condition, err);
	if (!b)
		return err->code;
	b->disposition = disposition;
	say_set(d, b);
	return 0;
}

int cmd_breakpoint(struct debugger *d, const char *args, struct err *err)
{
	return set(d, args, KEEP, err);
}

int cmd_tbreak(struct debugger *d, const char *args, struct err *err)
{
	return set(d, args, DELETE_WHEN_HIT, err);
}

/* "EXPR if COND": the last ` if ` that is in no text. */
static char *split_expression(const char *args, const char **condition)
{
	size_t len = strlen(args);
	char quote = 0;

	*condition = NULL;
	for (size_t i = 0; args[i]; i++) {
		if (quote) {
			quote = args[i] == quote ? 0 : quote;
		} else if (strchr("\"'", args[i])) {
			quote = args[i];
		} else if (i > 0 && strchr(" \t", args[i - 1]) && is_if(args + i)) {
			*condition = args + i + 2 + strspn(args + i + 2, " \t");
			len = i;
		}
	}
	while (len > 0 && strchr(" \t", args[len - 1]))
		len--;
	return mem_memdup(args, len);
}

static int watch(struct debugger *d, const char *args, enum watch_kind kind, struct err *err)
{
	bool first = !strncmp(args, "-i", 2) && (!args[2] || strchr(" \t", args[2]));
	const char *condition;
	struct breakpoint *b;
	char *text;

	args += first ? 2 + strspn(args + 2, " \t") : 0;
	if (!*args)
		return err_set(err, ERR_USAGE, "watch wants an expression");
	text = split_expression(args, &condition);
	b = break_watch(d, text, condition, kind, first, err);
	free(text);
	if (!b)
		return err->code;
	say_set(d, b);
	return 0;
}

int cmd_watch(struct debugger *d, const char *args, struct err *err)
{
	return watch(d, args, WATCH_WRITES, err);
}

int cmd_rwatch(struct debugger *d, const char *args, struct err *err)
{
	return watch(d, args, WATCH_READS, err);
}

int cmd_awatch(struct debugger *d, const char *args, struct err *err)
{
	return watch(d, args, WATCH_BOTH, err);
}

int cmd_catch(struct debugger *d, const char *args, struct err *err)
{
	const char *condition;
	char *text = split_expression(args, &condition);
	struct breakpoint *b = break_catch(d, text, condition, err);

	free(text);
	if (!b)
		return err->code;
	say_set(d, b);
	return 0;
}

int cmd_rbreak(struct debugger *d, const char *args, struct err *err)
{
	size_t len = location_length(args, false), end = len;
	struct text t = { 0 };
	int r;

	while (end > 0 && strchr(" \t", args[end - 1]))
		end--;
	if (end == 0)
		return err_set(err, ERR_USAGE, "rbreak wants a regular expression");
	if (args[0] == '/' && end > 1)
		text_add(&t, args, end);
	else
		text_addf(&t, "/%.*s/", (int)end, args);
	text_addf(&t, " %s", args + len);
	r = set(d, t.data, KEEP, err);
	text_release(&t);
	return r;
}

static int tell_past(void *ctx, const struct answer *a, struct err *err)
{
	struct debugger *d = ctx;
	struct breakpoint *b = d->breakpoints->list[d->breakpoints->n - 1];

	(void)err;
	b->class->say(d, b, &a->at);
	return 0;
}

/* What it would have printed up to now. */
static int say_past(struct debugger *d, struct breakpoint *b, struct err *err)
{
	const struct moment now = d->target->now;

	if (!d->target->has_begun || now.pass < 0)
		return 0;
	return survey(d, b, NULL, &now, tell_past, d, err);
}

int cmd_dprintf(struct debugger *d, const char *args, struct err *err)
{
	size_t len = location_length(args, true), end = len;
	const char *rest = args + len;
	struct location l;
	struct breakpoint *b;
	char *where;
	int r;

	if (*rest != ',')
		return err_set(
			err, ERR_USAGE,
			"dprintf LOCATION,\"FORMAT\",EXPRESSION...: a comma is due behind the "
			"location");
	while (end > 0 && strchr(" \t", args[end - 1]))
		end--;
	where = mem_memdup(args, end);
	r = location_parse(d, where, &l, err);
	free(where);
	if (r)
		return r;
	rest++;
	b = break_printf_at(d, &l, rest + strspn(rest, " \t"), err);
	if (!b)
		return err->code;
	say_set(d, b);
	return say_past(d, b, err);
}

/* ---- changing them --------------------------------------------------------------------------- */

int cmd_condition(struct debugger *d, const char *args, struct err *err)
{
	struct breakpoint *b = read_breakpoint(d, &args, err);

	if (!b)
		return err->code;
	if (is_if(args)) {
		args += 2;
		args += strspn(args, " \t");
	}
	if (breakpoint_set_condition(d, b, *args ? args : NULL, err))
		return err->code;
	if (!*args)
		say(d, "Breakpoint %d now unconditional.\n", b->number);
	return 0;
}

int cmd_ignore(struct debugger *d, const char *args, struct err *err)
{
	struct breakpoint *b = read_breakpoint(d, &args, err);
	char *end;
	long long n;

	if (!b)
		return err->code;
	errno = 0;
	n = strtoll(args, &end, 10);
	if (end == args || *end || errno || n < 0)
		return err_set(err, ERR_USAGE, "'%.60s' is no count: 0 or more", args);
	breakpoint_set_ignore(d, b, n);
	if (n == 0)
		say(d, "Will stop next time breakpoint %d is reached.\n", b->number);
	else
		say(d, "Will ignore next %lld %s of breakpoint %d.\n", n,
		    plural(n, "crossing", "crossings"), b->number);
	return 0;
}

/* Do something to those of a list; with nothing behind the command, to all. */
typedef void each_fn(struct debugger *d, struct breakpoint *b);

static int each(struct debugger *d, const char *args, each_fn *fn, struct err *err)
{
	bool *wanted = mem_calloc((size_t)d->breakpoints->n + 1, sizeof(*wanted));
	int r = breakpoints_read_list(d, args, wanted, err);

	for (int i = d->breakpoints->n - 1; r == 0 && i >= 0; i--)
		if (wanted[i])
			fn(d, d->breakpoints->list[i]);
	free(wanted);
	return r;
}

static void enable(struct debugger *d, struct breakpoint *b)
{
	(void)d;
	b->enabled = true;
}

static void enable_once(struct debugger *d, struct breakpoint *b)
{
	(void)d;
	b->enabled = true;
	b->disposition = DISABLE_WHEN_HIT;
}

static void enable_delete(struct debugger *d, struct breakpoint *b)
{
	(void)d;
	b->enabled = true;
	b->disposition = DELETE_WHEN_HIT;
}

static void disable(struct debugger *d, struct breakpoint *b)
{
	(void)d;
	b->enabled = false;
}

/* "breakpoints 1" is "1". */
static const char *without_word(const char *args)
{
	size_t n = strcspn(args, " \t");

	if (n < 1 || !isalpha((unsigned char)*args) || strncmp("breakpoints", args, n) != 0)
		return args;
	return args + n + strspn(args + n, " \t");
}

int cmd_enable(struct debugger *d, const char *args, struct err *err)
{
	return each(d, without_word(args), enable, err);
}

int cmd_enable_once(struct debugger *d, const char *args, struct err *err)
{
	return each(d, args, enable_once, err);
}

int cmd_enable_delete(struct debugger *d, const char *args, struct err *err)
{
	return each(d, args, enable_delete, err);
}

int cmd_disable(struct debugger *d, const char *args, struct err *err)
{
	return each(d, without_word(args), disable, err);
}

/* Those that somebody set. */
int breakpoints_count(const struct breakpoints *bs)
{
	return bs->n > 0 && bs->list[0]->number == 0 ? bs->n - 1 : bs->n;
}

int cmd_delete(struct debugger *d, const char *args, struct err *err)
{
	struct breakpoints *bs = d->breakpoints;
	bool *wanted = mem_calloc((size_t)bs->n + 1, sizeof(*wanted));
	int r, n = 0;

	args = without_word(args);
	r = breakpoints_read_list(d, args, wanted, err);
	if (r == 0 && !*args)
		wanted[0] &= bs->n > 0 && bs->list[0]->number > 0;
	if (r == 0 && !*args && breakpoints_count(bs) > 0 && !say_ask(d, "Delete all breakpoints?"))
		memset(wanted, false, (size_t)bs->n);
	for (int i = 0; r == 0 && i < bs->n; i++)
		if (wanted[i])
			say(d, "%s%d", n++ ? ", " : "Deleted breakpoint ", bs->list[i]->number);
	if (n > 0)
		say(d, ".\n");
	for (int i = bs->n - 1; r == 0 && i >= 0; i--)
		if (wanted[i])
			breakpoint_delete(d, bs->list[i]);
	free(wanted);
	return r;
}

/* ---- commands -------------------------------------------------------------------------------- */

/* Lines that are being typed, for these. */
struct collecting {
	int *numbers, n, depth;
	struct text lines;
};

/* Words, whole or begun, that go on: what stands behind them runs at another place. */
static bool resumes(const char *line)
{
	static const char *const words[] = {
		"run",
		"r",
		"start",
		"continue",
		"c",
		"fg",
		"step",
		"s",
		"next",
		"n",
		"stepi",
		"si",
		"ni",
		"nexti",
		"finish",
		"fin",
		"until",
		"u",
		"advance",
		"adv",
		"token",
		"layer",
		"goto",
		"reverse-step",
		"rs",
		"rn",
		"rsi",
		"rc",
		"rf",
		"reverse-next",
		"reverse-stepi",
		"reverse-continue",
		"reverse-finish",
		"back",
		"forward",
	};
	size_t n = strcspn(line, " \t");

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (strlen(words[i]) == n && !strncmp(words[i], line, n))
			return true;
	return false;
}

static void warn_of_resuming(struct debugger *d, const char *lines)
{
	while (*lines) {
		size_t len = strcspn(lines, "\n");
		const char *next = lines + len + (lines[len] == '\n');

		if (resumes(lines) && *next) {
			say(d, "Warning: '%.*s' goes on; the lines behind it run where it stops.\n",
			    (int)len, lines);
			return;
		}
		lines = next;
	}
}

static void collecting_free(struct collecting *c)
{
	free(c->numbers);
	text_release(&c->lines);
	free(c);
}

static bool is_line(const char *line, size_t len, const char *word)
{
	size_t n = strlen(word);

	return len >= n && !strncmp(line, word, n) && (len == n || strchr(" \t", line[n]));
}

static void keep(struct debugger *d, struct collecting *c)
{
	text_adds(&c->lines, "");
	warn_of_resuming(d, c->lines.data);
	for (int i = 0; i < c->n; i++) {
		struct breakpoint *b = breakpoint_find(d, c->numbers[i]);

		if (!b)
			continue;
		text_clear(&b->commands);
		text_add(&b->commands, c->lines.data, c->lines.len);
	}
}

/* The next line of the list: 1 when it was the last. */
static int take(struct debugger *d, void *ctx, const char *line, struct err *err)
{
	struct collecting *c = ctx;
	size_t len;

	if (!line) {
		collecting_free(c);
		return 1;
	}
	line += strspn(line, " \t");
	len = strlen(line);
	while (len > 0 && strchr(" \t\r\n", line[len - 1]))
		len--;
	if (is_line(line, len, "end") && c->depth-- == 0) {
		keep(d, c);
		collecting_free(c);
		return 1;
	}
	c->depth += is_line(line, len, "commands");
	if (len == 0)
		return 0;
	if (c->lines.len + len > (16 << 20)) {
		collecting_free(c);
		return err_set(err, ERR_USAGE, "a list of commands of more than 16 MB");
	}
	text_add(&c->lines, line, len);
	text_addc(&c->lines, '\n');
	return 0;
}

int cmd_commands(struct debugger *d, const char *args, struct err *err)
{
	struct breakpoints *bs = d->breakpoints;
	struct collecting *c;
	bool *wanted;
	int r = 0;

	if (!*args && breakpoints_count(bs) == 0)
		return err_set(err, ERR_USAGE, "no breakpoint is set that could have commands");
	wanted = mem_calloc((size_t)bs->n, sizeof(*wanted));
	if (*args)
		r = breakpoints_read_list(d, args, wanted, err);
	else
		wanted[bs->n - 1] = true;
	if (r) {
		free(wanted);
		return r;
	}
	c = mem_calloc(1, sizeof(*c));
	c->numbers = mem_calloc((size_t)bs->n, sizeof(int));
	for (int i = 0; i < bs->n; i++)
		if (wanted[i])
			c->numbers[c->n++] = bs->list[i]->number;
	free(wanted);
	if (!d->is_script) {
		say(d, "Type commands for breakpoint%s ", c->n > 1 ? "s" : "");
		for (int i = 0; i < c->n; i++)
			say(d, "%s%d", i ? ", " : "", c->numbers[i]);
		say(d, ", one per line.\nEnd with a line saying just \"end\".\n");
	}
	take_lines(d, take, c);
	return 0;
}
