/*
 * regex_onig.c -- regular expressions by Oniguruma, as the tokenizers library has them.
 *
 * The library's crate `onig` takes Oniguruma's own syntax, no options and UTF-8, and so does this.
 *
 * Compiling descends into groups as deep as they are nested, which Oniguruma allows 4,096 times:
 * it happens on a stack of its own.  Matching descends into nothing and is bounded thrice: by how
 * often one match may go back (the library's bound), by how often a search may, and by memory.
 * Oniguruma cannot be interrupted: what waits for the end of one search.
 */
#include "impl.h"

#include <oniguruma.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COMPILE_STACK_BYTES ((size_t)16 << 20)
#define RETRIES_IN_MATCH    10000000ul  /* the library's; beyond, it panics */
#define RETRIES_IN_SEARCH   100000000ul /* about a second; the library has no such bound */
#define RETRIES_PER_BYTE    64ul
#define STACK_ENTRIES       (1u << 22) /* of some 50 bytes */

_Static_assert(sizeof(((struct found *)0)->why) >= ONIG_MAX_ERROR_MESSAGE_LEN,
	       "what Oniguruma says fits");

static pthread_once_t once = PTHREAD_ONCE_INIT;
static int initialized;

static void initialize(void)
{
	OnigEncoding encodings[] = { ONIG_ENCODING_UTF8 };

	initialized = onig_initialize(encodings, 1);
}

/* ---- compiling ---- */

struct compilation {
	const char *regex;
	OnigRegex result;
	OnigErrorInfo info;
	int code;
};

static void *compile(void *ctx)
{
	struct compilation *c = ctx;
	const OnigUChar *s = (const OnigUChar *)c->regex;

	c->code = onig_new(&c->result, s, s + strlen(c->regex), ONIG_OPTION_NONE,
			   ONIG_ENCODING_UTF8, ONIG_SYNTAX_DEFAULT, &c->info);
	return NULL;
}

static int compile_apart(struct compilation *c)
{
	pthread_attr_t attr;
	pthread_t thread;
	int failed;

	if (pthread_attr_init(&attr))
		return ONIGERR_MEMORY;
	failed = pthread_attr_setstacksize(&attr, COMPILE_STACK_BYTES);
	if (!failed)
		failed = pthread_create(&thread, &attr, compile, c);
	pthread_attr_destroy(&attr);
	if (failed)
		return ONIGERR_MEMORY;
	pthread_join(thread, NULL);
	return c->code;
}

int regex_onig_compile(struct pattern *p, const char *regex, const char *what, const char *key,
		       struct err *err)
{
	struct compilation c = { .regex = regex };
	OnigUChar message[ONIG_MAX_ERROR_MESSAGE_LEN];
	int code;

	pthread_once(&once, initialize);
	code = initialized == ONIG_NORMAL ? compile_apart(&c) : initialized;
	if (code == ONIGERR_MEMORY)
		return err_set(err, ERR_MEMORY,
			       "out of memory: %s: %s: the regular expression takes more", what,
			       key);
	if (code != ONIG_NORMAL) {
		onig_error_code_to_str(message, code, &c.info);
		return err_set(err, ERR_FORMAT,
			       "%s: %s: Oniguruma refuses the regular expression '%.300s': %s",
			       what, key, regex, (const char *)message);
	}
	p->onig = c.result;
	return 0;
}

void regex_onig_free(struct pattern *p)
{
	if (p->onig)
		onig_free(p->onig);
}

/* ---- matching ---- */

void regex_onig_release(struct matcher *m)
{
	if (m->limits)
		onig_free_match_param(m->limits);
	if (m->region)
		onig_region_free(m->region, 1);
}

static bool prepare(struct matcher *m)
{
	if (m->region)
		return true;
	m->limits = m->limits ? m->limits : onig_new_match_param();
	m->region = m->limits ? onig_region_new() : NULL;
	if (!m->region)
		return false;
	onig_initialize_match_param(m->limits);
	onig_set_match_stack_limit_size_of_match_param(m->limits, STACK_ENTRIES);
	onig_set_retry_limit_in_match_of_match_param(m->limits, RETRIES_IN_MATCH);
	return true;
}

int regex_onig_next(const struct pattern *p, struct matcher *m, const char *s, size_t len,
		    size_t at, struct found *found)
{
	const OnigUChar *text = (const OnigUChar *)s;
	int rc;

	if (!prepare(m))
		return ERR_MEMORY;
	if (m->interrupted && *m->interrupted)
		return ERR_INTERRUPTED;
	onig_set_retry_limit_in_search_of_match_param(m->limits,
						      RETRIES_IN_SEARCH + RETRIES_PER_BYTE * len);
	rc = onig_search_with_param(p->onig, text, text + len, text + at, text + len, m->region,
				    ONIG_OPTION_NONE, m->limits);
	if (rc == ONIG_MISMATCH)
		return 0;
	if (rc < 0) {
		onig_error_code_to_str((OnigUChar *)found->why, rc);
		return rc == ONIGERR_MEMORY ? ERR_MEMORY : ERR_FORMAT;
	}
	found->from = (size_t)m->region->beg[0];
	found->to = (size_t)m->region->end[0];
	/* \K in a group that looks ahead or behind moves the beginning to anywhere. */
	if (found->from >= at && found->from <= found->to)
		return 1;
	snprintf(found->why, sizeof(found->why), "\\K begins the match outside of it");
	return ERR_FORMAT;
}
