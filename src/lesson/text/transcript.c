/*
 * transcript.c -- what a step prints, as a text shows it: lines, and "…" for those left out.
 */
#include "text_impl.h"

#include <string.h>

/* The line at s; the next begins at s + *used. */
static size_t line_len(const char *s, size_t *used)
{
	size_t n = strcspn(s, "\n");

	*used = n + (s[n] == '\n');
	return n;
}

const char *transcript_line(const char *s, int i, size_t *len)
{
	size_t used;

	*len = line_len(s, &used);
	while (i-- > 0 && *s) {
		s += used;
		*len = line_len(s, &used);
	}
	return s;
}

static bool is_gap(const char *s, size_t len)
{
	while (len && (*s == ' ' || *s == '\t'))
		s++, len--;
	while (len && (s[len - 1] == ' ' || s[len - 1] == '\t'))
		len--;
	return len == 3 && !memcmp(s, "…", 3);
}

static int count_lines(const char *s)
{
	size_t used;
	int n = 0;

	for (; *s; s += used, n++)
		line_len(s, &used);
	return n;
}

/* The lines of `shown` from i up to the next gap or its end. */
static int part_lines(const char *shown, int i, int n)
{
	size_t len;
	int k = i;

	while (k < n) {
		const char *s = transcript_line(shown, k, &len);

		if (is_gap(s, len))
			break;
		k++;
	}
	return k - i;
}

/* How many of the lines from i on are those printed from `at` on, of n. */
static int lines_alike(const char *shown, int i, const char *printed, int at, int n)
{
	size_t a_len, b_len;
	int k = 0;

	while (k < n) {
		const char *a = transcript_line(shown, i + k, &a_len);
		const char *b = transcript_line(printed, at + k, &b_len);

		if (!*b || !said_alike(a, a_len, b, b_len))
			break;
		k++;
	}
	return k;
}

int transcript_differs(const char *shown, const char *printed)
{
	int n = count_lines(shown), m = count_lines(printed), at = 0;
	bool after_gap = false;

	for (int i = 0; i < n;) {
		int part = part_lines(shown, i, n), alike = 0, best = 0;
		bool last = i + part == n;

		/* What stands last stands at the end; else the first place that fits is the one. */
		if (after_gap && last && m - part >= at)
			at = m - part;
		for (;; at++) {
			alike = lines_alike(shown, i, printed, at, part);
			best = alike > best ? alike : best;
			if (alike == part || !after_gap || last || at + part > m)
				break;
		}
		if (alike < part)
			return i + best;
		at += part;
		i += part + !last;
		after_gap = !last;
	}
	return at < m && !after_gap ? n > 0 ? n - 1 : 0 : -1;
}

bool transcript_renew(const char *shown, const char *printed, struct text *out)
{
	int n = count_lines(shown), m = count_lines(printed), first = part_lines(shown, 0, n), last;
	size_t len;
	const char *s;

	if (first == n) {
		text_adds(out, printed);
		return true;
	}
	last = n - first - 1;
	if (part_lines(shown, first + 1, n) != last || first + last > m)
		return false;
	for (int i = 0; i < first; i++) {
		s = transcript_line(printed, i, &len);
		text_addf(out, "%.*s\n", (int)len, s);
	}
	text_adds(out, "…\n");
	for (int i = m - last; i < m; i++) {
		s = transcript_line(printed, i, &len);
		text_addf(out, "%.*s\n", (int)len, s);
	}
	return true;
}
