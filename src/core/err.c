/*
 * err.c -- failures as values: a code and one sentence.
 *
 * Messages quote file names, tensor names and keys that an attacker may have chosen, and end up
 * on a terminal.  They are therefore made harmless here, in the one place every message passes.
 */
#include "torchless/err.h"
#include "torchless/called.h"
#include "torchless/utf8.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static void make_harmless(char *s)
{
	size_t n = strlen(s);

	for (size_t i = 0; i < n;) {
		uint32_t cp;
		int len = utf8_decode(s + i, n - i, &cp);

		if (len == 0 || utf8_is_control(cp) || utf8_is_directing(cp)) {
			len = len ? len : 1;
			memset(s + i, '?', (size_t)len);
		}
		i += (size_t)len;
	}
}

/* End a message that did not fit with "..." instead of in the middle of a character. */
static void mark_truncated(char *s, size_t size)
{
	size_t n = utf8_complete(s, size - 4);

	memcpy(s + n, "...", 4);
}

int err_set(struct err *err, int code, const char *fmt, ...)
{
	/* Formatted beside the old message, which the arguments may point to. */
	char plain[sizeof(err->message)], message[sizeof(err->message)];
	va_list ap;

	va_start(ap, fmt);
	int len = vsnprintf(plain, sizeof(plain), fmt, ap);
	va_end(ap);

	if (called_expand(plain, message, sizeof(message)) >= sizeof(message) ||
	    len >= (int)sizeof(plain))
		mark_truncated(message, sizeof(message));
	make_harmless(message);
	memcpy(err->message, message, sizeof(message));
	err->code = code;
	return code;
}

int err_wrap(struct err *err, const char *fmt, ...)
{
	char context[sizeof(err->message)];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(context, sizeof(context), fmt, ap);
	va_end(ap);
	return err_set(err, err->code, "%s: %s", context, err->message);
}

int err_of_errno(int errnum)
{
	return errnum == ENOMEM ? ERR_MEMORY : ERR_IO;
}

int err_exit_status(int code)
{
	switch (code) {
	case 0:
		return 0;
	case ERR_NO:
		return 1;
	case ERR_USAGE:
	case ERR_FORMAT:
	case ERR_SHAPE:
		return 2;
	case ERR_INTERRUPTED:
		return 130;
	default:
		return 3;
	}
}
