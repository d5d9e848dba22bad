/*
 * regex.c -- regular expressions, from Oniguruma's dialect to PCRE2's.
 *
 * The tokenizers library runs the expressions of tokenizer.json with Oniguruma (Ruby's syntax).
 * Most of what real files use means the same in PCRE2; what does not is rewritten, and whatever is
 * not known to mean the same is refused, because a wrong split is a wrong id:
 *
 *	\s \S          Unicode's White_Space (PCRE2 adds U+180E), written out as ranges
 *	\w             letters, marks, decimal numbers, connectors (PCRE2 10.42 leaves marks out)
 *	\p{Han}        the script itself, not its extensions
 *	[a&&b] [a[b]]  sets of sets: refused
 *	\h \K \X (?<n> ...  refused
 *
 * Matching is bounded: an expression that backtracks without end is an error, not a hang.
 */
#include "impl.h"

#include "torchless/mem.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

/* Steps of backtracking that a match may take: some per byte, since one match can be long. */
#define MATCH_STEPS_BASE     1000000u
#define MATCH_STEPS_PER_BYTE 64u
#define MATCH_HEAP_KIB       (256u * 1024)
#define JIT_STACK_START      ((size_t)32 << 10)
#define JIT_STACK_BYTES      ((size_t)64 << 20)

#define SPACES                                                                                     \
	"\\t-\\r \\x{85}\\x{a0}\\x{1680}\\x{2000}-\\x{200a}\\x{2028}\\x{2029}\\x{202f}\\x{205f}"   \
	"\\x{3000}"
#define NO_SPACES                                                                                  \
	"\\x{0}-\\x{8}\\x{e}-\\x{1f}!-\\x{84}\\x{86}-\\x{9f}\\x{a1}-\\x{167f}\\x{1681}-\\x{1fff}"  \
	"\\x{200b}-\\x{2027}\\x{202a}-\\x{202e}\\x{2030}-\\x{205e}\\x{2060}-\\x{2fff}"             \
	"\\x{3001}-\\x{10ffff}"
#define WORD "\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}"

/* The escapes that are rewritten: what stands for them outside a set and inside one. */
static const struct {
	char escape;
	const char *outside, *inside;
} rewritten[] = {
	{ 's', "[" SPACES "]", SPACES }, { 'S', "[^" SPACES "]", NO_SPACES },
	{ 'w', "[" WORD "]", WORD },     { 'W', "[^" WORD "]", NULL },
	{ 'v', "\\x{b}", "\\x{b}" },
};

/* Escapes and groups that mean the same in both. */
static const char same_escapes[] = "dDrntfeaAzZ";
static const char *const same_groups[] = { "(?:", "(?i:", "(?=", "(?!", "(?<=", "(?<!", "(?>" };

/* The expression while it is rewritten. */
struct rewrite {
	const char *s;
	size_t at, len;
	int depth;        /* inside a set */
	size_t range_end; /* behind the last {n,m} */
	struct text out;
};

/* \p{L}, \P{Lu}, \p{^N}: a general category as it is, anything longer as a script. */
static bool rewrite_property(struct rewrite *r)
{
	const char *name = r->s + r->at + 3, *close;
	size_t caret, n;

	if (r->at + 3 > r->len || r->s[r->at + 2] != '{' ||
	    !(close = memchr(name, '}', r->len - r->at - 3)))
		return false;
	caret = *name == '^';
	n = (size_t)(close - name) - caret;
	for (size_t i = 0; i < n; i++)
		if (!isalpha((unsigned char)name[caret + i]) && name[caret + i] != '_')
			return false;
	if (!n)
		return false;
	text_addf(&r->out, "\\%c{%s%s%.*s}", r->s[r->at + 1], caret ? "^" : "", n > 2 ? "sc:" : "",
		  (int)n, name + caret);
	r->at += 4 + caret + n;
	return true;
}

/* \x41, \x{2581}, \u2581: a code point. */
static bool rewrite_code_point(struct rewrite *r)
{
	const char *s = r->s + r->at + 2;
	size_t left = r->len - r->at - 2, skip = 0, n = 0, max = r->s[r->at + 1] == 'u' ? 4 : 2;

	if (max == 2 && left && *s == '{') {
		skip = 1;
		max = 6;
	}
	while (n < max && skip + n < left && isxdigit((unsigned char)s[skip + n]))
		n++;
	if (!n || (max == 4 && n != 4) || (skip && (skip + n >= left || s[skip + n] != '}')))
		return false;
	text_addf(&r->out, "\\x{%.*s}", (int)n, s + skip);
	r->at += 2 + n + 2 * skip;
	return true;
}

static bool rewrite_escape(struct rewrite *r)
{
	char c = r->at + 1 < r->len ? r->s[r->at + 1] : '\0';

	if (c == 'p' || c == 'P')
		return rewrite_property(r);
	if (c == 'x' || c == 'u')
		return rewrite_code_point(r);
	for (size_t i = 0; i < sizeof(rewritten) / sizeof(*rewritten); i++) {
		const char *to = r->depth ? rewritten[i].inside : rewritten[i].outside;

		if (rewritten[i].escape != c)
			continue;
		if (to)
			text_adds(&r->out, to);
		r->at += 2;
		return to != NULL;
	}
	if (!c || (isalnum((unsigned char)c) && !strchr(same_escapes, c)) ||
	    (r->depth && strchr("AzZ", c)) || (unsigned char)c >= 0x80)
		return false;
	text_addc(&r->out, '\\');
	text_addc(&r->out, c);
	r->at += 2;
	return true;
}

static bool rewrite_group(struct rewrite *r)
{
	if (r->at + 1 < r->len && r->s[r->at + 1] != '?' && r->s[r->at + 1] != '*') {
		text_addc(&r->out, r->s[r->at++]);
		return true;
	}
	for (size_t i = 0; i < sizeof(same_groups) / sizeof(*same_groups); i++) {
		size_t n = strlen(same_groups[i]);

		if (r->len - r->at >= n && memcmp(r->s + r->at, same_groups[i], n) == 0) {
			text_adds(&r->out, same_groups[i]);
			r->at += n;
			return true;
		}
	}
	return false;
}

/* "[", perhaps with "^" and a literal "]" behind it. */
static bool open_set(struct rewrite *r)
{
	if (r->depth)
		return false;
	r->depth++;
	text_addc(&r->out, r->s[r->at++]);
	if (r->at < r->len && r->s[r->at] == '^')
		text_addc(&r->out, r->s[r->at++]);
	return r->at < r->len && r->s[r->at] != ']';
}

/* One item of the expression; false when its meaning is not known to be the same. */
static bool rewrite_next(struct rewrite *r)
{
	char c = r->s[r->at];

	if (c == '\\')
		return rewrite_escape(r);
	if (c == '[')
		return open_set(r);
	if (c == '(' && !r->depth)
		return rewrite_group(r);
	if (r->depth && c == '&' && r->at + 1 < r->len && r->s[r->at + 1] == '&')
		return false;
	/* {n,m}+ is greedy twice in Oniguruma and possessive in PCRE2. */
	if (!r->depth && c == '+' && r->range_end == r->at)
		return false;
	if (c == ']' && r->depth)
		r->depth--;
	text_addc(&r->out, c);
	r->at++;
	if (!r->depth && c == '}')
		r->range_end = r->at;
	return true;
}

static int rewrite_all(struct rewrite *r, const char *what, const char *key, struct err *err)
{
	while (r->at < r->len) {
		size_t at = r->at;

		if (!rewrite_next(r))
			return err_set(
				err, ERR_FORMAT,
				"%s: %s: the regular expression '%.300s' has '%.20s' at byte %zu, which is not supported",
				what, key, r->s, r->s + at, at);
	}
	return 0;
}

int pattern_regex(struct pattern *p, const char *regex, const char *what, const char *key,
		  struct err *err)
{
	struct rewrite r = { .s = regex, .len = strlen(regex) };
	pcre2_compile_context *context;
	int code;
	PCRE2_SIZE at;
	PCRE2_UCHAR message[128];

	if (rewrite_all(&r, what, key, err)) {
		text_release(&r.out);
		return err->code;
	}
	context = pcre2_compile_context_create(NULL);
	if (context)
		pcre2_set_newline(context, PCRE2_NEWLINE_LF);
	p->code = pcre2_compile((PCRE2_SPTR)(r.out.len ? r.out.data : ""), r.out.len,
				PCRE2_UTF | PCRE2_UCP | PCRE2_MULTILINE | PCRE2_NEVER_BACKSLASH_C,
				&code, &at, context);
	pcre2_compile_context_free(context);
	text_release(&r.out);
	if (!p->code && code == PCRE2_ERROR_HEAP_FAILED)
		return err_set(err, ERR_MEMORY,
			       "out of memory: %s: %s: the regular expression takes more", what,
			       key);
	if (!p->code) {
		pcre2_get_error_message(code, message, sizeof(message));
		return err_set(err, ERR_FORMAT,
			       "%s: %s: PCRE2 refuses the regular expression '%.300s': %s", what,
			       key, regex, (const char *)message);
	}
	/* Where the system forbids executable memory this fails, and matching interprets. */
	pcre2_jit_compile(p->code, PCRE2_JIT_COMPLETE);
	text_adds(&p->source, regex);
	return 0;
}

void pattern_literal(struct pattern *p, const char *literal, size_t len)
{
	text_add(&p->source, literal, len);
}

void pattern_release(struct pattern *p)
{
	pcre2_code_free(p->code);
	text_release(&p->source);
}

void matcher_init(struct matcher *m)
{
	m->data = pcre2_match_data_create(1, NULL);
	m->context = pcre2_match_context_create(NULL);
	m->stack = NULL;
	m->interrupted = NULL;
	if (!m->data || !m->context)
		mem_out_of_memory(sizeof(*m));
	pcre2_set_heap_limit(m->context, MATCH_HEAP_KIB);
}

void matcher_release(struct matcher *m)
{
	pcre2_match_data_free(m->data);
	pcre2_match_context_free(m->context);
	pcre2_jit_stack_free(m->stack);
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

static void set_limit(struct matcher *m, size_t len)
{
	uint64_t steps = MATCH_STEPS_BASE + (uint64_t)MATCH_STEPS_PER_BYTE * len;

	pcre2_set_match_limit(m->context, steps < UINT32_MAX ? (uint32_t)steps : UINT32_MAX);
}

/* Matching begins on 32 kB of the machine's stack.  A larger one is mapped for texts that ask it.
 */
static bool grow_stack(struct matcher *m)
{
	if (m->stack)
		return false;
	m->stack = pcre2_jit_stack_create(JIT_STACK_START, JIT_STACK_BYTES, NULL);
	if (m->stack)
		pcre2_jit_stack_assign(m->context, NULL, m->stack);
	return m->stack != NULL;
}

int pattern_next(const struct pattern *p, struct matcher *m, const char *s, size_t len, size_t at,
		 size_t *from, size_t *to, struct err *err)
{
	const PCRE2_SIZE *span;
	int rc;

	if (!p->code)
		return literal_next(&p->source, s, len, at, from, to);
	set_limit(m, len);
	do
		rc = pcre2_match(p->code, (PCRE2_SPTR)s, len, at, PCRE2_NO_UTF_CHECK, m->data,
				 m->context);
	while (rc == PCRE2_ERROR_JIT_STACKLIMIT && grow_stack(m));
	if (rc == PCRE2_ERROR_JIT_STACKLIMIT)
		rc = pcre2_match(p->code, (PCRE2_SPTR)s, len, at, PCRE2_NO_UTF_CHECK | PCRE2_NO_JIT,
				 m->data, m->context);
	if (rc == PCRE2_ERROR_NOMATCH)
		return 0;
	if (rc == PCRE2_ERROR_NOMEMORY)
		return err_set(err, ERR_MEMORY,
			       "out of memory: splitting a text of %zu bytes takes more", len);
	if (rc < 0) {
		PCRE2_UCHAR message[128];

		pcre2_get_error_message(rc, message, sizeof(message));
		return err_set(
			err, ERR_FORMAT,
			"the regular expression '%.300s' cannot split a text of %zu bytes: %s at byte %zu",
			p->source.data, len, (const char *)message, at);
	}
	span = pcre2_get_ovector_pointer(m->data);
	*from = span[0];
	*to = span[1];
	return 1;
}
