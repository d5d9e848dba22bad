/*
 * regex.h -- names by a regular expression that a person typed: breakpoints, lists.
 *
 * In Perl's spelling (PCRE2), anywhere in the name.  What it costs is bounded.
 */
#ifndef DEBUG_REGEX_H
#define DEBUG_REGEX_H

#include "torchless/err.h"

#include <stddef.h>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

struct regex {
	pcre2_code *code;
	pcre2_match_data *data;
	pcre2_match_context *context;
};

/* ERR_USAGE with the column; release it in any case. */
int regex_open(struct regex *r, const char *s, size_t len, struct err *err);
void regex_release(struct regex *r);

/* 1, 0, or ERR_USAGE when it takes too many steps. */
int regex_has(const struct regex *r, const char *name, struct err *err);

#endif
