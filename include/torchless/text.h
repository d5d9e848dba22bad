/*
 * text.h -- growable bytes that are usually text.
 *
 * `data` is never NULL after the first add and always followed by a NUL that `len` does not
 * count; the bytes themselves may hold NULs.  Zero-initialise to start (struct text t = { 0 }).
 */
#ifndef TORCHLESS_TEXT_H
#define TORCHLESS_TEXT_H

#include "torchless/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

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

/* Append `data` as a JSON string with its quotes; bytes that are no UTF-8 become U+FFFD. */
void text_add_json(struct text *t, const void *data, size_t len);

/*
 * Append `data` safe to show on a terminal: control bytes and bytes that are no UTF-8 become
 * \n, \t, \xNN; everything else stays.
 */
void text_add_escaped(struct text *t, const void *data, size_t len);

/* The whole file; ERR_IO when it cannot be read, ERR_FORMAT when it is larger than max_bytes. */
int text_read_file(struct text *t, const char *path, size_t max_bytes, struct err *err);

/*
 * The length (1..4) of the well-formed UTF-8 character at s (Unicode 15 table 3-7: no overlong
 * forms, no surrogates, at most U+10FFFF) and its code point in *cp (may be NULL);
 * 0 when s[0..n) does not begin with one.
 */
int utf8_decode(const char *s, size_t n, uint32_t *cp);

/* Write cp as UTF-8 into out[4]; returns the number of bytes. */
int utf8_encode(uint32_t cp, char out[4]);

/*
 * How many bytes at the start of s[0..n) can be printed now: all of them but an incomplete,
 * so far well-formed character at the very end.
 */
size_t utf8_complete(const char *s, size_t n);

/* The columns a well-formed string takes on a terminal (wcwidth; escapes must be gone already). */
int utf8_width(const char *s, size_t n);

/* Levenshtein distance, at most 64 bytes of each are compared: for "did you mean". */
int text_distance(const char *a, const char *b);

/* The distance at which something else is meant: a third of a name may be mistyped. */
int text_too_far(const char *name);

/*
 * The nearest of the names that are offered, the first of equals; NULL while none is nearer to
 * `name` than `distance`, which begins as the limit (INT_MAX: there is none).  Names are borrowed.
 */
struct text_nearest {
	const char *name, *best;
	int distance;
};

/* Whether the candidate is now the best. */
bool text_nearest_offer(struct text_nearest *n, const char *candidate);

/* glob match with '*' (any run), '?' and [..] classes over the whole of s. */
bool text_glob(const char *pattern, const char *s);

#endif
