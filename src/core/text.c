/*
 * text.c -- growable bytes, and the small comparisons of names.
 *
 * Everything here takes any bytes: what is no UTF-8 is replaced, escaped or counted, never an
 * error and never passed on to a terminal.
 */
#include "torchless/text.h"
#include "torchless/called.h"
#include "torchless/mem.h"
#include "torchless/out_file.h"
#include "torchless/utf8.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

void text_release(struct text *t)
{
	free(t->data);
	*t = (struct text){ 0 };
}

void text_clear(struct text *t)
{
	t->len = 0;
	if (t->data)
		t->data[0] = '\0';
}

/* Room for `more` bytes and a NUL. */
static void reserve(struct text *t, size_t more)
{
	size_t need;

	if (__builtin_add_overflow(t->len + 1, more, &need))
		need = SIZE_MAX;
	if (need <= t->cap)
		return;
	size_t cap = t->cap > SIZE_MAX / 2 ? need : t->cap * 2;
	cap = cap < 64 ? 64 : cap;
	cap = cap < need ? need : cap;
	t->data = mem_realloc(t->data, cap, 1);
	t->cap = cap;
}

void text_add(struct text *t, const void *data, size_t len)
{
	reserve(t, len);
	if (len)
		memcpy(t->data + t->len, data, len);
	t->len += len;
	t->data[t->len] = '\0';
}

void text_adds(struct text *t, const char *s)
{
	text_add(t, s, strlen(s));
}

void text_addc(struct text *t, char c)
{
	text_add(t, &c, 1);
}

void text_addvf(struct text *t, const char *fmt, va_list args)
{
	va_list again;

	va_copy(again, args);
	int len = vsnprintf(NULL, 0, fmt, again);
	va_end(again);
	if (len < 0)
		return;
	reserve(t, (size_t)len);
	vsnprintf(t->data + t->len, (size_t)len + 1, fmt, args);
	t->len += (size_t)len;
}

void text_addf(struct text *t, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	text_addvf(t, fmt, args);
	va_end(args);
}

/* One character of a JSON string; len 0: a byte that is no UTF-8. */
static void add_json_character(struct text *t, const char *s, int len, uint32_t cp)
{
	static const char short_escapes[32] = {
		['\b'] = 'b', ['\f'] = 'f', ['\n'] = 'n', ['\r'] = 'r', ['\t'] = 't'
	};

	if (len == 0)
		text_adds(t, "\xef\xbf\xbd");
	else if (cp == '"' || cp == '\\')
		text_addf(t, "\\%c", (char)cp);
	else if (cp < 0x20 && short_escapes[cp])
		text_addf(t, "\\%c", short_escapes[cp]);
	else if (utf8_is_control(cp) || utf8_is_directing(cp))
		text_addf(t, "\\u%04x", (unsigned)cp);
	else
		text_add(t, s, (size_t)len);
}

void text_add_json(struct text *t, const void *data, size_t len)
{
	const char *s = data;

	text_addc(t, '"');
	for (size_t i = 0; i < len;) {
		uint32_t cp = 0;
		int n = utf8_decode(s + i, len - i, &cp);

		add_json_character(t, s + i, n, cp);
		i += n ? (size_t)n : 1;
	}
	text_addc(t, '"');
}

double printed(double x)
{
	return isnan(x) ? fabs(x) : x;
}

const char *plural(int64_t n, const char *one, const char *many)
{
	return n == 1 ? one : many;
}

/* The fewest digits that mean the same double. */
static void add_finite(struct text *t, double x)
{
	char buf[40];

	for (int digits = 15; digits <= 17; digits++) {
		snprintf(buf, sizeof(buf), "%.*g", digits, x);
		if (strtod(buf, NULL) == x)
			break;
	}
	text_adds(t, buf);
}

void text_add_json_number(struct text *t, double x)
{
	if (isfinite(x))
		add_finite(t, x);
	else
		text_adds(t, "null");
}

void text_add_real(struct text *t, double x)
{
	if (isfinite(x))
		add_finite(t, x);
	else
		text_adds(t, isnan(x) ? "nan" : x > 0 ? "inf" : "-inf");
}

static void add_escaped(struct text *t, const char *s, size_t len, bool shows_direction)
{
	for (size_t i = 0; i < len;) {
		uint32_t cp = 0;
		int n = utf8_decode(s + i, len - i, &cp);
		bool stays =
			n && !utf8_is_control(cp) && !(shows_direction && utf8_is_directing(cp));

		n = n ? n : 1;
		if (stays)
			text_add(t, s + i, (size_t)n);
		else if (s[i] == '\n' || s[i] == '\t')
			text_adds(t, s[i] == '\n' ? "\\n" : "\\t");
		else
			for (int j = 0; j < n; j++)
				text_addf(t, "\\x%02X", (unsigned char)s[i + (size_t)j]);
		i += (size_t)n;
	}
}

void text_add_escaped(struct text *t, const void *data, size_t len)
{
	add_escaped(t, data, len, false);
}

void text_add_visible(struct text *t, const void *data, size_t len)
{
	add_escaped(t, data, len, true);
}

static int read_all(struct text *t, int fd, const char *path, size_t max_bytes, struct err *err)
{
	size_t start = t->len;

	for (;;) {
		reserve(t, 65536);
		ssize_t n = read(fd, t->data + t->len, 65536);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_set(err, ERR_IO, "cannot read %s: %s", path, strerror(errno));
		t->len += (size_t)n;
		t->data[t->len] = '\0';
		if (n == 0)
			return 0;
		if (t->len - start > max_bytes)
			return err_set(err, ERR_FORMAT, "%s is larger than the %zu bytes allowed",
				       path, max_bytes);
	}
}

static const char *what_is(mode_t mode)
{
	return S_ISDIR(mode)    ? "a directory"
	       : S_ISFIFO(mode) ? "a pipe"
	       : S_ISSOCK(mode) ? "a socket"
				: "a device";
}

static int read_file(struct text *t, const char *path, bool regular, size_t max_bytes,
		     struct err *err)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | (regular ? O_NONBLOCK : 0));
	struct stat sb;

	if (fd < 0)
		return err_set(err, err_of_errno(errno), "cannot open %s: %s", path,
			       strerror(errno));
	if (regular && fstat(fd, &sb) == 0 && !S_ISREG(sb.st_mode)) {
		close(fd);
		return err_set(err, ERR_IO, "%s is %s, and has to be a file", path,
			       what_is(sb.st_mode));
	}
	if (fstat(fd, &sb) == 0 && S_ISREG(sb.st_mode) && sb.st_size > 0) {
		if ((uint64_t)sb.st_size > max_bytes) {
			close(fd);
			return err_set(err, ERR_FORMAT,
				       "%s is %lld bytes long, larger than the %zu allowed", path,
				       (long long)sb.st_size, max_bytes);
		}
		reserve(t, (size_t)sb.st_size + 65536);
	}
	int rc = read_all(t, fd, path, max_bytes, err);
	close(fd);
	return rc;
}

int text_read_file(struct text *t, const char *path, size_t max_bytes, struct err *err)
{
	return read_file(t, path, false, max_bytes, err);
}

int text_read_regular(struct text *t, const char *path, size_t max_bytes, struct err *err)
{
	return read_file(t, path, true, max_bytes, err);
}

int text_write_file(const char *path, const void *data, size_t len, struct err *err)
{
	struct out_file file;

	if (out_file_open(&file, path, err))
		return err->code;
	if (out_file_write(&file, data, len, err)) {
		out_file_drop(&file);
		return err->code;
	}
	return out_file_keep(&file, err);
}

void text_add_shell_word(struct text *t, const char *word)
{
	if (*word &&
	    strspn(word,
		   "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./-+,:@") ==
		    strlen(word)) {
		text_adds(t, word);
		return;
	}
	text_addc(t, '\'');
	for (size_t n; *word; word += n) {
		n = *word == '\'' ? 1 : strcspn(word, "'");
		text_add_visible(t, *word == '\'' ? "'\\''" : word, *word == '\'' ? 4 : n);
	}
	text_addc(t, '\'');
}

void text_add_sql_string(struct text *t, const char *s)
{
	text_addc(t, '\'');
	for (; *s; s++)
		text_adds(t, *s == '\'' ? "''" : (const char[]){ *s, '\0' });
	text_addc(t, '\'');
}

void text_add_called(struct text *t, const char *sentence)
{
	size_t len = called_expand(sentence, NULL, 0);

	reserve(t, len);
	called_expand(sentence, t->data + t->len, len + 1);
	t->len += len;
}

void text_add_called_line(struct text *t, const char *line, size_t len)
{
	size_t whole = called_expand_line(line, len, NULL, 0);

	reserve(t, whole);
	called_expand_line(line, len, t->data + t->len, whole + 1);
	t->len += whole;
}

/* ---- what was meant ------------------------------------------------------------------------ */

#define MAX_COMPARED 64 /* bytes of a name */

static int least(int a, int b)
{
	return a < b ? a : b;
}

/* Of a[0..n) and b[0..m), with swapped neighbours as one edit (optimal string alignment). */
static int distance(const char *a, size_t n, const char *b, size_t m, bool folds)
{
	int rows[3][MAX_COMPARED + 1]; /* of the a seen so far, and one and two letters less */
	int *before = rows[0], *last = rows[1], *row = rows[2];

	n = n < MAX_COMPARED ? n : MAX_COMPARED;
	m = m < MAX_COMPARED ? m : MAX_COMPARED;
	for (size_t j = 0; j <= m; j++)
		row[j] = (int)j;
	for (size_t i = 1; i <= n; i++) {
		int *oldest = before, x = (unsigned char)a[i - 1];

		before = last, last = row, row = oldest;
		row[0] = (int)i;
		for (size_t j = 1; j <= m; j++) {
			int y = (unsigned char)b[j - 1];
			bool same = folds ? tolower(x) == tolower(y) : x == y;

			row[j] = least(last[j - 1] + !same, least(last[j], row[j - 1]) + 1);
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
				row[j] = least(row[j], before[j - 2] + 1);
		}
	}
	return row[m];
}

int text_distance(const char *a, const char *b)
{
	return distance(a, strlen(a), b, strlen(b), false);
}

bool text_is_short_for(const char *typed, size_t len, const char *command)
{
	size_t least_len = strcspn(command, ".");
	const char *rest = command + least_len + (command[least_len] == '.');

	return len >= least_len && len <= least_len + strlen(rest) &&
	       !strncmp(typed, command, least_len) &&
	       !strncmp(typed + least_len, rest, len - least_len);
}

int text_unlike(const char *typed, const char *name)
{
	size_t n = strlen(typed);
	int d = distance(typed, n, name, strlen(name), true);
	bool is_part = !strpbrk(typed, ".:");

	/* One letter begins too many names to say anything. */
	if (n >= 2 && !strncasecmp(typed, name, n))
		return 0;
	for (const char *part = strpbrk(name, ".:-_ "); part && d > 1;
	     part = strpbrk(part, ".:-_ ")) {
		part++;
		if (n >= 3 && !strncasecmp(typed, part, n))
			d = 1;
	}
	for (const char *part = name; part && is_part && d > 1;) {
		d = least(d, distance(typed, n, part, strcspn(part, ".:"), true));
		part = strpbrk(part, ".:");
		part = part ? part + 1 : NULL;
	}
	return d;
}

int text_too_far(const char *name)
{
	return ((int)strlen(name) + 2) / 3 + 1;
}

bool text_nearest_offer(struct text_nearest *n, const char *candidate)
{
	int d = text_unlike(n->name, candidate), whole;

	if (d > n->distance || (!n->best && d == n->distance))
		return false;
	whole = text_distance(n->name, candidate);
	if (d == n->distance && whole >= n->whole)
		return false;
	n->distance = d;
	n->whole = whole;
	n->best = candidate;
	return true;
}

static void drop_near(struct text_near *n, int i)
{
	for (n->n--; i < n->n; i++)
		n->best[i] = n->best[i + 1];
}

/* The place of a name that is there already, or of one of its kind; -1: there is none. */
static int find_near(const struct text_near *n, const char *candidate, int kind)
{
	for (int i = 0; i < n->n; i++)
		if (!strcmp(n->best[i].name, candidate) || (kind >= 0 && n->best[i].kind == kind))
			return i;
	return -1;
}

void text_near_offer_at(struct text_near *n, const char *candidate, int kind, int unlike)
{
	int i, there, whole;

	if (strlen(candidate) >= sizeof(n->best->name) ||
	    (n->n == TEXT_NEAR && unlike > n->best[TEXT_NEAR - 1].unlike))
		return;
	whole = text_distance(n->name, candidate);
	/* What is one name of two kinds is offered for both, and kept once. */
	while ((there = find_near(n, candidate, kind)) >= 0) {
		if (n->best[there].unlike < unlike ||
		    (n->best[there].unlike == unlike && n->best[there].whole <= whole))
			return;
		drop_near(n, there);
	}
	for (i = n->n;
	     i > 0 && (n->best[i - 1].unlike > unlike ||
		       (n->best[i - 1].unlike == unlike && n->best[i - 1].whole > whole));)
		i--;
	if (i == TEXT_NEAR)
		return;
	n->n = n->n < TEXT_NEAR ? n->n + 1 : n->n;
	for (int k = n->n - 1; k > i; k--)
		n->best[k] = n->best[k - 1];
	n->best[i].unlike = unlike;
	n->best[i].whole = whole;
	n->best[i].kind = kind;
	memcpy(n->best[i].name, candidate, strlen(candidate) + 1);
}

void text_near_offer(struct text_near *n, const char *candidate, int kind)
{
	text_near_offer_at(n, candidate, kind, text_unlike(n->name, candidate));
}

void text_near_drop_far(struct text_near *n)
{
	int limit = text_too_far(n->name);

	if (n->n > 0 && n->best[0].unlike >= limit)
		n->n = 0;
	/* Of a path most may be another one's; of a word that would be another word. */
	if (strpbrk(n->name, ".:-"))
		limit = (int)strlen(n->name) * 2 / 3 + 1;
	else if (n->n > 0)
		limit = least(limit, n->best[0].unlike + 2);
	while (n->n > 1 && n->best[n->n - 1].unlike >= limit)
		n->n--;
}

const char *text_near_format(const struct text_near *n, char *buf, size_t size)
{
	size_t at = 0;

	buf[0] = '\0';
	for (int i = 0; i < n->n && at < size; i++)
		at += (size_t)snprintf(buf + at, size - at, "%s%s",
				       i == 0          ? ""
				       : i == n->n - 1 ? " and "
						       : ", ",
				       n->best[i].name);
	return buf;
}

/* ---- globs --------------------------------------------------------------------------------- */

/* The end of the class that begins at p ("[...]"), NULL when it has none. */
static const char *class_end(const char *p)
{
	p += p[1] == '!' || p[1] == '^' ? 2 : 1;
	return *p ? strchr(p + 1, ']') : NULL; /* a first ']' is a member */
}

static bool class_has(const char *p, const char *end, unsigned char c)
{
	bool negate = p[1] == '!' || p[1] == '^';
	bool found = false;

	for (p += negate ? 2 : 1; p < end; p++) {
		unsigned char lo = (unsigned char)p[0], hi = lo;
		if (p[1] == '-' && p + 2 < end) {
			hi = (unsigned char)p[2];
			p += 2;
		}
		found |= lo <= c && c <= hi;
	}
	return found != negate;
}

/* Whether the one-character pattern at p matches c; *next is the pattern after it. */
static bool matches_one(const char *p, char c, const char **next)
{
	const char *end = *p == '[' ? class_end(p) : NULL;

	*next = end ? end + 1 : p + 1;
	if (end)
		return class_has(p, end, (unsigned char)c);
	return *p == '?' || *p == c;
}

bool text_ends_with(const char *s, const char *end)
{
	size_t n = strlen(s), m = strlen(end);

	return n >= m && !strcmp(s + n - m, end);
}

bool text_glob(const char *pattern, const char *s)
{
	const char *star = NULL, *star_s = NULL, *next;

	/* Only the last '*' can need another try: what an earlier one took could not help. */
	while (*s) {
		if (*pattern == '*') {
			star = ++pattern;
			star_s = s;
		} else if (*pattern && matches_one(pattern, *s, &next)) {
			pattern = next;
			s++;
		} else if (star) {
			pattern = star;
			s = ++star_s;
		} else {
			return false;
		}
	}
	while (*pattern == '*')
		pattern++;
	return *pattern == '\0';
}
