/* base64.c -- six bits a character. */
#include "torchless/base64.h"

#include <string.h>

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void base64_encode(struct text *out, const void *data, size_t len)
{
	const unsigned char *p = data;

	for (size_t i = 0; i < len; i += 3) {
		size_t n = len - i < 3 ? len - i : 3;
		uint32_t bits = (uint32_t)p[i] << 16;
		char group[4] = { 0, 0, '=', '=' };

		if (n > 1)
			bits |= (uint32_t)p[i + 1] << 8;
		if (n > 2)
			bits |= p[i + 2];
		for (size_t k = 0; k <= n; k++)
			group[k] = digits[bits >> (18 - 6 * k) & 63];
		text_add(out, group, sizeof(group));
	}
}

/* The value of a digit, -1 for what is none. */
static int digit(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	if (c == '+' || c == '/')
		return c == '+' ? 62 : 63;
	return -1;
}

/* Four characters, the last `padding` of which are '='. */
static bool decode_group(struct text *out, const char *s, size_t padding)
{
	uint32_t bits = 0;
	char bytes[3];

	for (size_t k = 0; k < 4; k++) {
		int d = k < 4 - padding ? digit(s[k]) : 0;

		if (d < 0)
			return false;
		bits = bits << 6 | (uint32_t)d;
	}
	for (size_t k = 0; k < 3; k++)
		bytes[k] = (char)(bits >> (16 - 8 * k) & 0xff);
	text_add(out, bytes, 3 - padding);
	return (bits & ((1u << 8 * padding) - 1)) == 0;
}

bool base64_decode(struct text *out, const char *s, size_t len)
{
	if (len % 4)
		return false;
	for (size_t i = 0; i < len; i += 4) {
		bool is_last = i + 4 == len;
		size_t padding = is_last && s[i + 3] == '=' ? 1 + (s[i + 2] == '=') : 0;

		if (!decode_group(out, s + i, padding))
			return false;
	}
	return true;
}
