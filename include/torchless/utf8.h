/*
 * utf8.h -- characters of UTF-8 in bytes that may be anything.
 *
 * Nothing here fails: bytes that are no UTF-8 are an answer (0 bytes), and the caller decides
 * what stands in their place.
 */
#ifndef TORCHLESS_UTF8_H
#define TORCHLESS_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

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

/* Whether a terminal obeys the character instead of showing it: C0, DEL and C1. */
bool utf8_is_control(uint32_t cp);

/*
 * Whether the character changes where others are shown: the marks, embeddings, overrides and
 * isolates of bidirectional text, by which a name can be read as another, and the separators of
 * lines and paragraphs.
 */
bool utf8_is_directing(uint32_t cp);

/*
 * Whether a text is UTF-8 and holds neither such characters nor control characters: a terminal
 * shows it as it is.
 */
bool utf8_is_printable(const char *s);

/* The columns a well-formed string takes on a terminal (wcwidth; escapes must be gone already). */
int utf8_width(const char *s, size_t n);

#endif
