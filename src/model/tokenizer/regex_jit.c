/*
 * regex_jit.c -- regular expressions in PCRE2's dialect, compiled to machine code.
 *
 * Matching is bounded: an expression that backtracks without end is an error, not a hang.
 */
#include "impl.h"

#include "torchless/mem.h"

/* Steps of backtracking that a match may take: some per byte, since one match can be long. */
#define MATCH_STEPS_BASE     1000000u
#define MATCH_STEPS_PER_BYTE 64u
#define MATCH_HEAP_KIB       (256u * 1024)
#define JIT_STACK_START      ((size_t)32 << 10)
#define JIT_STACK_BYTES      ((size_t)64 << 20)

/* Automatic possession takes \P{N}+ and \P{L} for disjoint (10.42), and gains nothing here. */
#define OPTIONS                                                                                    \
	(PCRE2_UTF | PCRE2_UCP | PCRE2_MULTILINE | PCRE2_NEVER_BACKSLASH_C | PCRE2_NO_AUTO_POSSESS)

int regex_jit_compile(struct pattern *p, const char *dialect, size_t len)
{
	pcre2_compile_context *context = pcre2_compile_context_create(NULL);
	int code;
	PCRE2_SIZE at;

	if (!context)
		return ERR_MEMORY;
	pcre2_set_newline(context, PCRE2_NEWLINE_LF);
	p->code = pcre2_compile((PCRE2_SPTR)dialect, len, OPTIONS, &code, &at, context);
	pcre2_compile_context_free(context);
	if (!p->code)
		return code == PCRE2_ERROR_HEAP_FAILED ? ERR_MEMORY : ERR_FORMAT;
	/* Where the system forbids executable memory this fails, and matching interprets. */
	pcre2_jit_compile(p->code, PCRE2_JIT_COMPLETE);
	return 0;
}

void regex_jit_release(struct matcher *m)
{
	pcre2_match_data_free(m->data);
	pcre2_match_context_free(m->context);
	pcre2_jit_stack_free(m->stack);
}

size_t regex_jit_held(const struct matcher *m)
{
	return m->stack ? JIT_STACK_BYTES : 0;
}

static void prepare(struct matcher *m, size_t len)
{
	uint64_t steps = MATCH_STEPS_BASE + (uint64_t)MATCH_STEPS_PER_BYTE * len;

	if (!m->data) {
		m->data = pcre2_match_data_create(1, NULL);
		m->context = pcre2_match_context_create(NULL);
		if (!m->data || !m->context)
			mem_out_of_memory(sizeof(*m));
		pcre2_set_heap_limit(m->context, MATCH_HEAP_KIB);
	}
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

int regex_jit_next(const struct pattern *p, struct matcher *m, const char *s, size_t len, size_t at,
		   struct found *found)
{
	const PCRE2_SIZE *span;
	int rc;

	prepare(m, len);
	do
		rc = pcre2_match(p->code, (PCRE2_SPTR)s, len, at, PCRE2_NO_UTF_CHECK, m->data,
				 m->context);
	while (rc == PCRE2_ERROR_JIT_STACKLIMIT && grow_stack(m));
	if (rc == PCRE2_ERROR_JIT_STACKLIMIT)
		rc = pcre2_match(p->code, (PCRE2_SPTR)s, len, at, PCRE2_NO_UTF_CHECK | PCRE2_NO_JIT,
				 m->data, m->context);
	if (rc == PCRE2_ERROR_NOMATCH)
		return 0;
	if (rc < 0) {
		pcre2_get_error_message(rc, (PCRE2_UCHAR *)found->why, sizeof(found->why));
		return rc == PCRE2_ERROR_NOMEMORY ? ERR_MEMORY : ERR_FORMAT;
	}
	span = pcre2_get_ovector_pointer(m->data);
	found->from = span[0];
	found->to = span[1];
	return 1;
}
