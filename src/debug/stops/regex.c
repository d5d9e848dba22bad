/* regex.c -- names by a regular expression that a person typed. */
#include "regex.h"

#include "torchless/mem.h"

#include <string.h>

/* An expression that backtracks without end is an error and no hang. */
#define REGEX_STEPS  100000u
#define REGEX_LENGTH 1024

void regex_release(struct regex *r)
{
	pcre2_code_free(r->code);
	pcre2_match_data_free(r->data);
	pcre2_match_context_free(r->context);
}

int regex_open(struct regex *r, const char *s, size_t len, struct err *err)
{
	PCRE2_UCHAR message[128];
	PCRE2_SIZE at;
	int code;

	*r = (struct regex){ 0 };
	if (len == 0 || len > REGEX_LENGTH)
		return err_set(err, ERR_USAGE,
			       "a regular expression has 1 to %d bytes, and this one %zu",
			       REGEX_LENGTH, len);
	r->code = pcre2_compile((PCRE2_SPTR)s, len, PCRE2_UTF | PCRE2_NEVER_BACKSLASH_C, &code, &at,
				NULL);
	if (!r->code) {
		pcre2_get_error_message(code, message, sizeof(message));
		return err_set(err, ERR_USAGE, "'%.*s' is no regular expression: %s at column %zu",
			       (int)(len < 80 ? len : 80), s, (const char *)message, at + 1);
	}
	r->data = pcre2_match_data_create(1, NULL);
	r->context = pcre2_match_context_create(NULL);
	if (!r->data || !r->context)
		mem_out_of_memory(sizeof(*r));
	pcre2_set_match_limit(r->context, REGEX_STEPS);
	return 0;
}

int regex_has(const struct regex *r, const char *name, struct err *err)
{
	int rc = pcre2_match(r->code, (PCRE2_SPTR)name, strlen(name), 0, PCRE2_NO_UTF_CHECK,
			     r->data, r->context);

	if (rc >= 0)
		return 1;
	return rc == PCRE2_ERROR_NOMATCH
		       ? 0
		       : err_set(err, ERR_USAGE,
				 "the regular expression takes too long on '%s': it backtracks",
				 name);
}
