/*
 * dfa.c -- which class a character is of, and matching by a table of states.
 *
 * PCRE2 itself says which characters a set has.  At compile time it is asked about some blocks of
 * Unicode that hold characters of every category, and sets of the same characters make a class;
 * about another block it is asked when a text has a character of it.  One that is unlike all that
 * were seen leaves the match to PCRE2.
 */
#include "dfa.h"

#include "torchless/mem.h"
#include "torchless/utf8.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#define BLOCK    256
#define N_BLOCKS (0x110000 / BLOCK)

/* Steps of one search that finds nothing for long: beyond, PCRE2 has bounds and sentences. */
#define STEPS_BASE     1000000u
#define STEPS_PER_BYTE 16u

struct dfa {
	uint16_t *table;
	int n_classes, n_sets;
	uint32_t masks[DFA_CLASSES];
	struct pattern sets[DFA_SETS]; /* runs of characters of each */
	uint8_t ascii[128];
	bool may_start[256]; /* bytes with which a match may begin, as far as one byte says */
	_Atomic(uint8_t *) blocks[N_BLOCKS];
};

/* Latin, accents, Arabic, Devanagari, Ogham, Mongolian; punctuation, numbers, symbols; kana, Han,
 * Hangul, private use, forms; emoji. */
static const uint16_t seen_blocks[] = { 0x00, 0x01, 0x02, 0x03, 0x04, 0x06, 0x09, 0x0e, 0x16, 0x18,
					0x20, 0x21, 0x24, 0x30, 0x4e, 0xac, 0xe0, 0xff, 0x1f6 };

/* ---- classes ---- */

/* All characters of a block, and where each begins; surrogates are none. */
static void spell_block(int block, struct text *t, uint32_t at[BLOCK + 1])
{
	for (int i = 0; i < BLOCK; i++) {
		uint32_t cp = (uint32_t)(block * BLOCK + i);
		char utf8[4];

		at[i] = (uint32_t)t->len;
		if (cp < 0xd800 || cp > 0xdfff)
			text_add(t, utf8, (size_t)utf8_encode(cp, utf8));
	}
	at[BLOCK] = (uint32_t)t->len;
}

/* Put the bit of a set on the characters of a block that it has. */
static bool mark_set(const struct pattern *set, int bit, const struct text *t,
		     const uint32_t at[BLOCK + 1], uint32_t masks[BLOCK])
{
	struct matcher m = { 0 };
	struct found found = { 0 };
	int rc = 0;

	for (int i = 0; found.to < t->len &&
			(rc = regex_jit_next(set, &m, t->data, t->len, found.to, &found)) > 0;)
		for (; i < BLOCK && at[i] < found.to; i++)
			if (at[i] >= found.from && at[i] < at[i + 1])
				masks[i] |= UINT32_C(1) << bit;
	regex_jit_release(&m);
	return rc >= 0;
}

/* Which sets each character of a block is in; false when PCRE2 does not say. */
static bool mark_block(const struct dfa *d, int block, uint32_t masks[BLOCK])
{
	struct text t = { 0 };
	uint32_t at[BLOCK + 1];
	bool ok = true;

	memset(masks, 0, BLOCK * sizeof(*masks));
	spell_block(block, &t, at);
	for (int set = 0; ok && t.len && set < d->n_sets; set++)
		ok = mark_set(&d->sets[set], set, &t, at, masks);
	text_release(&t);
	return ok;
}

/* The class of a mask, DFA_UNSURE when there is none. */
static uint8_t class_of(const struct dfa *d, uint32_t mask)
{
	for (int i = DFA_END + 1; i < d->n_classes; i++)
		if (d->masks[i] == mask)
			return (uint8_t)i;
	return DFA_UNSURE;
}

/* The classes of a block's characters, which are asked for once. */
static const uint8_t *block_classes(struct dfa *d, int block)
{
	uint8_t *classes = atomic_load_explicit(&d->blocks[block], memory_order_acquire), *none;
	uint32_t masks[BLOCK];
	bool ok;

	if (classes)
		return classes;
	classes = mem_calloc(BLOCK, 1);
	ok = mark_block(d, block, masks);
	for (int i = 0; i < BLOCK; i++)
		classes[i] = ok ? class_of(d, masks[i]) : DFA_UNSURE;
	none = NULL;
	if (atomic_compare_exchange_strong(&d->blocks[block], &none, classes))
		return classes;
	free(classes); /* another thread was faster */
	return none;
}

static bool find_classes(struct dfa *d)
{
	uint32_t masks[BLOCK];

	d->n_classes = 1; /* the end */
	for (size_t b = 0; b < sizeof(seen_blocks) / sizeof(*seen_blocks); b++) {
		if (!mark_block(d, seen_blocks[b], masks))
			return false;
		for (int i = 0; i < BLOCK; i++) {
			if (class_of(d, masks[i]) != DFA_UNSURE)
				continue;
			if (d->n_classes == DFA_CLASSES)
				return false;
			d->masks[d->n_classes++] = masks[i];
		}
	}
	return true;
}

/* ---- compiling ---- */

static bool compile_sets(struct dfa *d, const struct dfa_program *g)
{
	for (; d->n_sets < g->n_sets; d->n_sets++) {
		struct text runs = { 0 };
		int rc;

		text_addf(&runs, "%s+", g->sets[d->n_sets].data);
		rc = regex_jit_compile(&d->sets[d->n_sets], runs.data, runs.len);
		text_release(&runs);
		if (rc)
			return false;
	}
	return true;
}

static void prepare_bytes(struct dfa *d)
{
	const uint16_t *start = d->table + (ptrdiff_t)DFA_START * d->n_classes;

	memcpy(d->ascii, block_classes(d, 0), sizeof(d->ascii));
	for (int byte = 0; byte < 256; byte++)
		d->may_start[byte] = byte < 0x80 ? start[d->ascii[byte]] != DFA_DEAD : byte >= 0xc0;
}

struct dfa *dfa_compile(const char *dialect, size_t len)
{
	struct dfa_program *g = mem_calloc(1, sizeof(*g));
	struct dfa *d = mem_calloc(1, sizeof(*d));

	if (dfa_program_parse(g, dialect, len) && compile_sets(d, g) && find_classes(d))
		d->table = dfa_states_make(g, d->masks, d->n_classes);
	if (d->table)
		prepare_bytes(d);
	dfa_program_release(g);
	free(g);
	if (d->table)
		return d;
	dfa_free(d);
	return NULL;
}

void dfa_free(struct dfa *d)
{
	if (!d)
		return;
	for (int i = 0; i < DFA_SETS; i++)
		pcre2_code_free(d->sets[i].code);
	for (int i = 0; i < N_BLOCKS; i++)
		free(atomic_load(&d->blocks[i]));
	free(d->table);
	free(d);
}

/* ---- matching ---- */

#define NO_MATCH  SIZE_MAX
#define NOT_KNOWN (SIZE_MAX - 1)

/* The class of the character at s[at], and its length. */
static uint8_t class_at(struct dfa *d, const char *s, size_t len, size_t at, int *n)
{
	uint32_t cp;

	*n = utf8_decode(s + at, len - at, &cp);
	return *n ? block_classes(d, (int)(cp / BLOCK))[cp % BLOCK] : DFA_UNSURE;
}

/* The end of the characters of ASCII behind s[at] that lead from a row to itself, as `same` says.
 */
static size_t run_end(const struct dfa *d, const uint16_t *row, uint16_t same, const char *s,
		      size_t at, size_t len)
{
	while (at < len && (signed char)s[at] >= 0 && row[d->ascii[(uint8_t)s[at]]] == same)
		at++;
	return at;
}

/* Where the match that begins at `at` ends; *steps grows by the bytes that were looked at. */
static size_t match_at(struct dfa *d, const char *s, size_t len, size_t at, uint64_t *steps)
{
	const size_t start = at;
	size_t end = NO_MATCH, row = (size_t)(DFA_START * d->n_classes);

	while (row != DFA_DEAD) {
		uint8_t class = DFA_END;
		uint16_t next;
		int n = 1;

		if (at < len)
			class = (signed char)s[at] >= 0 ? d->ascii[(uint8_t)s[at]]
							: class_at(d, s, len, at, &n);
		if (class == DFA_UNSURE)
			return NOT_KNOWN;
		next = d->table[row + class];
		if (next & DFA_MATCH)
			end = at;
		at += (size_t)n;
		if ((next & ~DFA_MATCH) == (int)row) {
			size_t run = run_end(d, d->table + row, next, s, at, len);

			if (next & DFA_MATCH && run > at)
				end = run - 1;
			at = run;
		}
		row = next & ~(unsigned)DFA_MATCH;
	}
	*steps += at - start;
	return end;
}

int dfa_next(struct dfa *d, const char *s, size_t len, size_t at, size_t *from, size_t *to)
{
	const uint64_t most = STEPS_BASE + (uint64_t)STEPS_PER_BYTE * len;
	uint64_t steps = 0;

	for (; at <= len; at++) {
		size_t end;

		while (at < len && !d->may_start[(uint8_t)s[at]])
			at++;
		end = match_at(d, s, len, at, &steps);
		if (end == NOT_KNOWN || steps > most)
			return DFA_GIVES_UP;
		if (end != NO_MATCH) {
			*from = at;
			*to = end;
			return 1;
		}
	}
	return 0;
}
