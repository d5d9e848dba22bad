/*
 * ascii.c -- what a terminal without UTF-8 is sent: no byte of 0x80 and above.
 *
 * The signs that this program itself writes with have something that stands for them; whatever else
 * there is came from outside, and is shown by its bytes.
 */
#include "torchless/ui.h"
#include "torchless/utf8.h"

#include <stdlib.h>

struct sign {
	uint32_t cp;
	const char *ascii;
};

/* By code point. */
static const struct sign signs[] = {
	{ 0xa0, " " },      { 0xb1, "+-" },      { 0xb2, "^2" },     { 0xb5, "u" },
	{ 0xb7, "-" },      { 0xd7, "x" },       { 0x394, "delta" }, { 0x3a3, "sum" },
	{ 0x3b1, "alpha" }, { 0x3b2, "beta" },   { 0x3b3, "gamma" }, { 0x3b5, "eps" },
	{ 0x3b8, "theta" }, { 0x3bb, "lambda" }, { 0x3bc, "u" },     { 0x3c0, "pi" },
	{ 0x3c3, "sigma" }, { 0x2013, "-" },     { 0x2014, "--" },   { 0x2018, "'" },
	{ 0x2019, "'" },    { 0x201c, "\"" },    { 0x201d, "\"" },   { 0x2026, ".." },
	{ 0x2190, "<-" },   { 0x2192, "->" },    { 0x21e5, "\\t" },  { 0x2208, "in" },
	{ 0x2211, "sum" },  { 0x2212, "-" },     { 0x221a, "sqrt" }, { 0x221e, "inf" },
	{ 0x2248, "~" },    { 0x2260, "!=" },    { 0x2261, "=" },    { 0x2264, "<=" },
	{ 0x2265, ">=" },   { 0x2299, "*" },     { 0x22c5, "*" },    { 0x23ce, "\\n" },
	{ 0x2423, "_" },    { 0x2500, "-" },     { 0x2501, "=" },    { 0x2502, "|" },
	{ 0x250c, "+" },    { 0x2510, "+" },     { 0x2514, "`" },    { 0x2518, "+" },
	{ 0x251c, "|" },    { 0x2524, "|" },     { 0x252c, "+" },    { 0x2534, "+" },
	{ 0x253c, "+" },    { 0x2580, "\"" },    { 0x2581, "_" },    { 0x2582, "." },
	{ 0x2583, ":" },    { 0x2584, "-" },     { 0x2585, "=" },    { 0x2586, "+" },
	{ 0x2587, "*" },    { 0x2588, "#" },     { 0x2589, "#" },    { 0x258a, "#" },
	{ 0x258b, "#" },    { 0x258c, "|" },     { 0x258d, "|" },    { 0x258e, "|" },
	{ 0x258f, "|" },    { 0x2591, "." },     { 0x2592, ":" },    { 0x2593, "#" },
	{ 0x25b6, ">" },    { 0x25b8, ">" },     { 0x25cb, "o" },    { 0x25cf, "*" },
	{ 0x270e, "~" },    { 0x2713, "+" },
};

static int compare(const void *key, const void *sign)
{
	uint32_t a = *(const uint32_t *)key, b = ((const struct sign *)sign)->cp;

	return a < b ? -1 : a > b;
}

void ui_add_ascii(struct text *t, const void *data, size_t len)
{
	const char *s = data;

	for (size_t i = 0; i < len;) {
		uint32_t cp = 0;
		int n = utf8_decode(s + i, len - i, &cp);
		const struct sign *sign = NULL;

		if (n > 1)
			sign = bsearch(&cp, signs, sizeof(signs) / sizeof(signs[0]),
				       sizeof(signs[0]), compare);
		if (n == 1)
			text_addc(t, s[i]);
		else if (sign)
			text_adds(t, sign->ascii);
		else
			for (int j = 0; j < (n ? n : 1); j++)
				text_addf(t, "\\x%02X", (unsigned char)s[i + (size_t)j]);
		i += n ? (size_t)n : 1;
	}
}

const char *ui_sign(const struct ui *ui, const char *utf8, const char *ascii)
{
	return ui->utf8 ? utf8 : ascii;
}
