/*
 * base64.h -- bytes as text: RFC 4648, section 4, with padding and without line breaks.
 */
#ifndef TORCHLESS_BASE64_H
#define TORCHLESS_BASE64_H

#include "torchless/text.h"

#include <stdbool.h>

/* Append `len` bytes as text. */
void base64_encode(struct text *out, const void *data, size_t len);

/*
 * Append the bytes that the text stands for; false when it is none: another character, no whole
 * groups of four, bits that padding should have left 0.  Then what was appended means nothing.
 */
bool base64_decode(struct text *out, const char *s, size_t len);

#endif
