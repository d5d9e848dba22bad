/*
 * tokenizers.c -- tokenizers that are wrong, over a model's own vocabulary and merges.
 *
 * A BPE of Metaspace with byte fallback in its plainest form: characters, and pairs that become one
 * until none does.  What is wrong is which pair is taken, or what the characters are.  Without a
 * bug it gives what the engine gives, which is tested.
 */
#include "bugs.h"

#include "torchless/json.h"
#include "torchless/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SPACE "\xe2\x96\x81" /* the sign that stands for a space */

struct merge {
	char *left, *right;
};

/* A text that is being tokenized: bounds[i] is where symbol i begins, bounds[n] the end. */
struct symbols {
	const struct tokenizer *tok;
	struct text text;
	size_t *bounds;
	size_t n;
	struct merge *merges;
	int n_merges;
};

/* ---- the merges of a file ------------------------------------------------------------------- */

/* "a b", or ["a", "b"]. */
static bool read_merge(const cJSON *item, struct merge *m)
{
	const cJSON *left = cJSON_GetArrayItem(item, 0), *right = cJSON_GetArrayItem(item, 1);
	const char *space;

	if (cJSON_IsString(left) && cJSON_IsString(right)) {
		m->left = mem_strdup(left->valuestring);
		m->right = mem_strdup(right->valuestring);
		return true;
	}
	space = cJSON_IsString(item) ? strchr(item->valuestring, ' ') : NULL;
	if (!space)
		return false;
	m->left = mem_memdup(item->valuestring, (size_t)(space - item->valuestring));
	m->right = mem_strdup(space + 1);
	return true;
}

static int read_merges(struct symbols *s, const struct model *m, struct err *err)
{
	const struct checkpoint *ck = &m->checkpoint;
	cJSON *json = json_parse(ck->tokenizer_json, ck->tokenizer_json_len, "tokenizer.json", err);
	const cJSON *list = json_get(json_get(json, "model"), "merges"), *item;
	int n = cJSON_GetArraySize(list);

	if (!json)
		return err->code;
	s->merges = mem_calloc((size_t)n + 1, sizeof(*s->merges));
	cJSON_ArrayForEach(item, list)
	{
		if (read_merge(item, &s->merges[s->n_merges]))
			s->n_merges++;
	}
	cJSON_Delete(json);
	if (s->n_merges)
		return 0;
	return err_set(err, ERR_FORMAT, "tokenizer.json of %s has no merges", ck->path);
}

/* ---- symbols -------------------------------------------------------------------------------- */

static void begin(struct symbols *s, const char *text, bool has_prefix)
{
	size_t i = 0;

	text_adds(&s->text, has_prefix ? SPACE : "");
	for (; *text; text++) {
		if (*text == ' ')
			text_adds(&s->text, SPACE);
		else
			text_addc(&s->text, *text);
	}
	s->bounds = mem_calloc(s->text.len + 2, sizeof(*s->bounds));
	while (i < s->text.len) {
		s->bounds[s->n++] = i++;
		while (i < s->text.len && ((unsigned char)s->text.data[i] & 0xc0) == 0x80)
			i++;
	}
	s->bounds[s->n] = s->text.len;
}

static bool is_piece(const struct symbols *s, size_t from, size_t to)
{
	return tokenizer_find(s->tok, s->text.data + s->bounds[from],
			      s->bounds[to] - s->bounds[from]) >= 0;
}

static bool is_symbol(const struct symbols *s, size_t i, const char *text)
{
	size_t n = s->bounds[i + 1] - s->bounds[i];

	return strlen(text) == n && !memcmp(s->text.data + s->bounds[i], text, n);
}

/* The rank of the pair that begins at symbol i, -1: it does not merge. */
static int rank_of(const struct symbols *s, size_t i)
{
	for (int r = 0; r < s->n_merges; r++)
		if (is_symbol(s, i, s->merges[r].left) && is_symbol(s, i + 1, s->merges[r].right))
			return r;
	return -1;
}

/* Symbols [i, i + n) become one. */
static void join(struct symbols *s, size_t i, size_t n)
{
	memmove(s->bounds + i + 1, s->bounds + i + n, (s->n - i - n + 1) * sizeof(*s->bounds));
	s->n -= n - 1;
}

/* Merge pairs: the one of the lowest rank first, or the leftmost. */
static void merge_pairs(struct symbols *s, bool leftmost)
{
	for (;;) {
		size_t best = s->n;
		int rank = -1;

		for (size_t i = 0; i + 1 < s->n && !(leftmost && rank >= 0); i++) {
			int r = rank_of(s, i);

			if (r >= 0 && (rank < 0 || r < rank)) {
				rank = r;
				best = i;
			}
		}
		if (rank < 0)
			return;
		join(s, best, 2);
	}
}

static void take_longest(struct symbols *s)
{
	for (size_t i = 0; i < s->n; i++) {
		size_t end = s->n;

		while (end > i + 1 && !is_piece(s, i, end))
			end--;
		join(s, i, end - i);
	}
}

/* ---- ids ------------------------------------------------------------------------------------ */

/* A symbol that the vocabulary lacks is its bytes. */
static void add_bytes(const struct symbols *s, size_t i, struct text *json)
{
	for (size_t at = s->bounds[i]; at < s->bounds[i + 1]; at++) {
		char piece[8];
		int32_t id;

		snprintf(piece, sizeof(piece), "<0x%02X>", (unsigned char)s->text.data[at]);
		id = tokenizer_find(s->tok, piece, strlen(piece));
		text_addf(json, "%s%d", json->len > 1 ? ", " : "",
			  id < 0 ? tokenizer_unk(s->tok) : id);
	}
}

static void add_ids(const struct symbols *s, struct text *json)
{
	int32_t bos = tokenizer_bos(s->tok);

	text_adds(json, "[");
	if (bos >= 0)
		text_addf(json, "%d", bos);
	for (size_t i = 0; i < s->n; i++) {
		int32_t id = tokenizer_find(s->tok, s->text.data + s->bounds[i],
					    s->bounds[i + 1] - s->bounds[i]);

		if (id < 0)
			add_bytes(s, i, json);
		else
			text_addf(json, "%s%d", json->data[json->len - 1] == '[' ? "" : ", ", id);
	}
	text_addc(json, ']');
}

static bool is(const struct bug *bug, const char *name)
{
	return bug && !strcmp(bug->name, name);
}

int bug_tokenize(const struct model *m, const struct bug *bug, const char *text, struct text *json,
		 struct err *err)
{
	struct symbols s = { .tok = m->tokenizer };
	struct text list = { 0 };
	int result = read_merges(&s, m, err);

	if (result == 0) {
		begin(&s, text, !is(bug, "tok_no_prefix"));
		if (is(bug, "tok_longest"))
			take_longest(&s);
		else
			merge_pairs(&s, is(bug, "tok_leftmost"));
		add_ids(&s, &list);
		text_adds(json, list.data);
	}
	for (int i = 0; i < s.n_merges; i++) {
		free(s.merges[i].left);
		free(s.merges[i].right);
	}
	free(s.merges);
	free(s.bounds);
	text_release(&s.text);
	text_release(&list);
	return result;
}
