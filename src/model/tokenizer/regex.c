/*
 * regex.c -- what to look for in text, and by which engine.
 *
 * The tokenizers library runs the expressions of tokenizer.json with Oniguruma.  Those of which
 * regex_same.c knows that they mean the same to PCRE2 are run by an automaton or, what that cannot
 * do, by PCRE2's JIT, many times as fast; all others by Oniguruma itself.  See docs/decisions/0026.
 */
#include "impl.h"

#include "torchless/mem.h"
#include "torchless/utf8.h"

#include <pthread.h>
#include <string.h>

/* ---- which engine ---- */

/* One code point that came with each Unicode since 12, and what has not come yet. */
static const char newcomers[] = "\xe0\xb1\xb7"  /* U+0C77, 12 */
				"\xe0\xa2\xbe"  /* U+08BE, 13 */
				"\xe0\xa1\xb0"  /* U+0870, 14 */
				"\xe0\xb3\xb3"  /* U+0CF3, 15 */
				"\xe2\xbf\xbc"  /* U+2FFC, 15.1 */
				"\xe1\xb2\x89"  /* U+1C89, 16 */
				"\xe2\x83\x81"; /* U+20C1, 17 */

static pthread_once_t unicode_once = PTHREAD_ONCE_INIT;
static bool unicode_is_same;

/* Whether both libraries know the same characters: an update brings one of them alone. */
static void compare_unicode(void)
{
	static const char unassigned[] = "\\p{Cn}";
	struct pattern jit = { 0 }, onig = { 0 };
	struct matcher m;
	struct err err;

	matcher_init(&m);
	unicode_is_same = regex_jit_compile(&jit, unassigned, strlen(unassigned)) == 0 &&
			  regex_onig_compile(&onig, unassigned, "", "", &err) == 0;
	for (size_t at = 0; unicode_is_same && at < strlen(newcomers); at += 3) {
		struct found found;

		unicode_is_same = regex_jit_next(&jit, &m, newcomers + at, 3, 0, &found) ==
				  regex_onig_next(&onig, &m, newcomers + at, 3, 0, &found);
	}
	matcher_release(&m);
	pattern_release(&jit);
	pattern_release(&onig);
}

/* By PCRE2, and by an automaton if it can be. */
static int compile_same(struct pattern *p, const struct text *dialect)
{
	const char *s = dialect->len ? dialect->data : "";
	int rc = regex_jit_compile(p, s, dialect->len);

	if (!rc)
		p->dfa = dfa_compile(s, dialect->len);
	return rc;
}

int pattern_regex(struct pattern *p, const char *regex, const char *what, const char *key,
		  struct err *err)
{
	struct text dialect = { 0 };
	bool of_unicode = false;
	int rc = ERR_FORMAT;

	pthread_once(&unicode_once, compare_unicode);
	if (regex_same(regex, &dialect, &of_unicode) && (unicode_is_same || !of_unicode))
		rc = compile_same(p, &dialect);
	text_release(&dialect);
	if (rc == ERR_MEMORY)
		return err_set(err, ERR_MEMORY,
			       "out of memory: %s: %s: the regular expression takes more", what,
			       key);
	/* An expression that is too large for PCRE2 need not be so for Oniguruma. */
	if (rc && regex_onig_compile(p, regex, what, key, err))
		return err->code;
	text_adds(&p->source, regex);
	return 0;
}

void pattern_literal(struct pattern *p, const char *literal, size_t len)
{
	text_add(&p->source, literal, len);
}

bool pattern_is_literal(const struct pattern *p)
{
	return !p->code && !p->onig;
}

void pattern_release(struct pattern *p)
{
	dfa_free(p->dfa);
	pcre2_code_free(p->code);
	regex_onig_free(p);
	text_release(&p->source);
}

/* ---- matching ---- */

void matcher_init(struct matcher *m)
{
	*m = (struct matcher){ 0 };
}

void matcher_release(struct matcher *m)
{
	regex_jit_release(m);
	regex_onig_release(m);
}

size_t matcher_held(const struct matcher *m)
{
	return regex_jit_held(m);
}

static int literal_next(const struct text *literal, const char *s, size_t len, size_t at,
			size_t *from, size_t *to)
{
	for (; len - at >= literal->len; at++) {
		const char *hit = memchr(s + at, literal->data[0], len - at - literal->len + 1);

		if (!hit)
			return 0;
		at = (size_t)(hit - s);
		if (memcmp(hit, literal->data, literal->len) == 0) {
			*from = at;
			*to = at + literal->len;
			return 1;
		}
	}
	return 0;
}

static int explain(const struct pattern *p, size_t len, size_t at, int code, const char *why,
		   struct err *err)
{
	if (code == ERR_INTERRUPTED)
		return err_set(err, ERR_INTERRUPTED, "interrupted");
	if (code == ERR_MEMORY)
		return err_set(err, ERR_MEMORY,
			       "out of memory: splitting a text of %zu bytes takes more", len);
	return err_set(
		err, ERR_FORMAT,
		"the regular expression '%.300s' cannot split a text of %zu bytes: %s at byte %zu",
		p->source.data, len, why, at);
}

int pattern_next(const struct pattern *p, struct matcher *m, const char *s, size_t len, size_t at,
		 size_t *from, size_t *to, struct err *err)
{
	struct found found;
	int rc;

	if (pattern_is_literal(p))
		return literal_next(&p->source, s, len, at, from, to);
	rc = p->dfa ? dfa_next(p->dfa, s, len, at, from, to) : DFA_GIVES_UP;
	if (rc != DFA_GIVES_UP)
		return rc;
	rc = p->code ? regex_jit_next(p, m, s, len, at, &found)
		     : regex_onig_next(p, m, s, len, at, &found);
	if (rc < 0)
		return explain(p, len, at, rc, found.why, err);
	if (!rc)
		return 0;
	*from = found.from;
	*to = found.to;
	return 1;
}

int finder_next(struct finder *f, size_t *from, size_t *to, struct err *err)
{
	while (f->at <= f->len) {
		int rc, n;

		if (f->m->interrupted && *f->m->interrupted)
			return err_set(err, ERR_INTERRUPTED, "interrupted");
		rc = pattern_next(f->p, f->m, f->s, f->len, f->at, from, to, err);
		if (rc <= 0)
			return rc;
		if (*from < *to || *to != f->done || !f->any) {
			f->any = true;
			f->done = f->at = *to;
			return 1;
		}
		n = f->at < f->len ? utf8_decode(f->s + f->at, f->len - f->at, NULL) : 1;
		f->at += n > 0 ? (size_t)n : 1;
	}
	return 0;
}
