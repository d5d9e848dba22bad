/*
 * text.h -- growable bytes that are usually text.
 *
 * `data` is never NULL after the first add and always followed by a NUL that `len` does not
 * count; the bytes themselves may hold NULs.  Zero-initialise to start (struct text t = { 0 }).
 */
#ifndef TORCHLESS_TEXT_H
#define TORCHLESS_TEXT_H

#include "torchless/err.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Bytes that somebody else keeps. */
struct bytes {
	const char *data;
	size_t len;
};

struct text {
	char *data;
	size_t len;
	size_t cap;
};

void text_release(struct text *t);

/* Forget the contents, keep the memory. */
void text_clear(struct text *t);

void text_add(struct text *t, const void *data, size_t len);
void text_adds(struct text *t, const char *s);
void text_addc(struct text *t, char c);
void text_addf(struct text *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void text_addvf(struct text *t, const char *fmt, va_list args)
	__attribute__((format(printf, 2, 0)));

/*
 * Append `data` as a JSON string with its quotes; bytes that are no UTF-8 become U+FFFD.  What a
 * terminal would obey is \u00XX, the characters of utf8_is_directing() \u20XX: a document can be
 * shown as it is, and means the same.
 */
void text_add_json(struct text *t, const void *data, size_t len);

/* Append x so that reading it gives the same double; "null" when it is not finite. */
void text_add_json_number(struct text *t, double x);

/* The same for people and CSV: what is not finite is "nan", "inf" or "-inf". */
void text_add_real(struct text *t, double x);

/*
 * Append `data` safe to show on a terminal: control bytes and bytes that are no UTF-8 become
 * \n, \t, \xNN; everything else stays.
 */
void text_add_escaped(struct text *t, const void *data, size_t len);

/* The same, and the characters of utf8_is_directing() are escaped too: for people, not programs. */
void text_add_visible(struct text *t, const void *data, size_t len);

/* x as a number is printed: NaN without its sign, which means nothing and differs by machine. */
double printed(double x);

/* The noun of a count, "%lld %s": plural(n, "pass", "passes"). */
const char *plural(int64_t n, const char *one, const char *many);

/* Append a word as a POSIX shell reads it back: in single quotes where it needs them. */
void text_add_shell_word(struct text *t, const char *word);

/* The same for SQL: a string literal, "it's" as 'it''s'. */
void text_add_sql_string(struct text *t, const char *s);

/* Append a sentence, or a line that is typed, with the names that work here: called.h. */
void text_add_called(struct text *t, const char *sentence);
void text_add_called_line(struct text *t, const char *line, size_t len);

/* The whole file; ERR_IO when it cannot be read, ERR_FORMAT when it is larger than max_bytes. */
int text_read_file(struct text *t, const char *path, size_t max_bytes, struct err *err);

/* The same of what has to be a file: a pipe is told (ERR_IO) and not waited for. */
int text_read_regular(struct text *t, const char *path, size_t max_bytes, struct err *err);

/* Make `path` a file of these bytes, whole or as it was before: ERR_IO. */
int text_write_file(const char *path, const void *data, size_t len, struct err *err);

/*
 * How many letters are wrong, missing, too many, or two of them swapped; 64 bytes of each are
 * compared.
 */
int text_distance(const char *a, const char *b);

/*
 * Whether typed[0..len) is a command of another program, shortened as there: "lay.out" is "lay",
 * "layo" and so on, "tty." itself alone.
 */
bool text_is_short_for(const char *typed, size_t len, const char *command);

/*
 * How unlike what was typed a name is, for every "did you mean": 0 when the name begins so, 1 when
 * a part of it does (parts end with '.', ':', '-', '_' or a space), else the distance to it or,
 * where nothing but a part was typed, to its nearest part between dots and colons.  Capitals make
 * no difference.
 */
int text_unlike(const char *typed, const char *name);

/* The distance at which something else is meant: a third of a name may be mistyped. */
int text_too_far(const char *name);

/*
 * The least unlike of the names that are offered, of equals the one with the least distance, then
 * the first; NULL while none is less unlike than `distance`, which begins as the limit (INT_MAX:
 * there is none).  Names are borrowed.
 */
struct text_nearest {
	const char *name, *best;
	int distance, whole; /* of the best: how unlike, and its distance */
};

/* Whether the candidate is now the best. */
bool text_nearest_offer(struct text_nearest *n, const char *candidate);

/*
 * The three least unlike `name`, in their order, never one twice; of those of one kind (from 0 on,
 * -1: of its own) one.  Names are copied.
 */
#define TEXT_NEAR 3
struct text_near {
	const char *name;
	int n;
	struct {
		int unlike, whole, kind;
		char name[160];
	} best[TEXT_NEAR];
};
void text_near_offer(struct text_near *n, const char *candidate, int kind);

/* The same by another measure of how unlike it is. */
void text_near_offer_at(struct text_near *n, const char *candidate, int kind, int unlike);

/*
 * Leave out what nobody can have meant: all where the least unlike is text_too_far(), else those
 * that have nothing to do with the name.
 */
void text_near_drop_far(struct text_near *n);

/* "a, b and c"; returns buf. */
const char *text_near_format(const struct text_near *n, char *buf, size_t size);

/* Whether s ends with `end`, which may be all of it. */
bool text_ends_with(const char *s, const char *end);

/* glob match with '*' (any run), '?' and [..] classes over the whole of s. */
bool text_glob(const char *pattern, const char *s);

#endif
