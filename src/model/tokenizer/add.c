/*
 * add.c -- adding tokens to a vocabulary.
 *
 * A text that the vocabulary has keeps its id; a new one gets the next id, which is the number of
 * the model's pieces or, above that, one more than the largest id that was added.  A token that is
 * added again has the flags of the last time, but what was looked for in the text stays so, and
 * what was special stays special.
 *
 * Source: tokenizers' AddedVocabulary::add_tokens and refresh_added_tokens.
 */
#include "impl.h"

#include "torchless/mem.h"

#include <string.h>

int token_flags_read(struct token_flags *flags, const cJSON *j, const char *what, struct err *err)
{
	const struct {
		const char *key;
		bool *flag;
	} all[] = {
		{ "single_word", &flags->single_word }, { "lstrip", &flags->lstrip },
		{ "rstrip", &flags->rstrip },           { "normalized", &flags->normalized },
		{ "special", &flags->special },
	};

	for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++)
		if (json_get_bool(j, all[i].key, all[i].flag, what, err) < 0)
			return err->code;
	return 0;
}

bool token_flags_equal(const struct token_flags *a, const struct token_flags *b)
{
	return a->single_word == b->single_word && a->lstrip == b->lstrip &&
	       a->rstrip == b->rstrip && a->normalized == b->normalized && a->special == b->special;
}

int32_t added_id(const struct tokenizer *tok, const char *content)
{
	int32_t id = tokenizer_find(tok, content, strlen(content));

	return id < 0 && tok->next_id <= TOKENIZER_MAX_ID ? (int32_t)tok->next_id : id;
}

static struct added_token *token_of(const struct tokenizer *tok, int32_t id)
{
	int32_t added = id >= 0 && id < tok->vocab.size ? tok->added_by_id[id] : 0;

	return added ? &tok->added[added - 1] : NULL;
}

const struct added_token *added_find(const struct tokenizer *tok, const char *content)
{
	return token_of(tok, tokenizer_find(tok, content, strlen(content)));
}

/* Special tokens come before others, and what was added first before what came later. */
static void look_for(struct tokenizer *tok, struct trie *trie, const char *s, size_t len,
		     const struct added_token *a)
{
	int32_t *found = trie_add(trie, s, len);

	if (*found < 0 || (a->is_special && !tok->added[*found].is_special))
		*found = (int32_t)(a - tok->added);
}

/* Let text be searched for the token; a normalized one as the normalizer leaves its content. */
static int make_findable(struct tokenizer *tok, const struct added_token *a,
			 const struct token_flags *flags, const char *content, struct err *err)
{
	struct text normalized = { 0 };

	if (!flags->normalized) {
		look_for(tok, &tok->raw, content, strlen(content), a);
		return 0;
	}
	if (tokenizer_normalize(tok, content, strlen(content), &normalized, err)) {
		text_release(&normalized);
		return err->code;
	}
	if (normalized.len)
		look_for(tok, &tok->normalized, normalized.data, normalized.len, a);
	text_release(&normalized);
	return 0;
}

/* An entry for a text that was not added yet; its id may be one of the model's. */
static struct added_token *entry_new(struct tokenizer *tok, const char *content, const char *what,
				     struct err *err)
{
	int32_t id = added_id(tok, content);
	bool in_model = tokenizer_find(tok, content, strlen(content)) >= 0;

	if (id < 0) {
		err_set(err, ERR_FORMAT, "%s: '%.60s' would have an id above %d", what, content,
			TOKENIZER_MAX_ID);
		return NULL;
	}
	vocab_reserve(&tok->vocab, id);
	if (!in_model && !vocab_add(&tok->vocab, content, strlen(content), id)) {
		err_set(err, ERR_FORMAT,
			"%s: '%.60s' would be added with the id %d, which '%.60s' has", what,
			content, id, vocab_piece(&tok->vocab, id).data);
		return NULL;
	}
	for (size_t n = tok->cap_by_id; n < (size_t)tok->vocab.size; n = tok->cap_by_id) {
		tok->added_by_id =
			mem_grow(tok->added_by_id, n, &tok->cap_by_id, sizeof(*tok->added_by_id));
		memset(tok->added_by_id + n, 0, (tok->cap_by_id - n) * sizeof(*tok->added_by_id));
	}
	tok->added = mem_grow(tok->added, tok->n_added, &tok->cap_added, sizeof(*tok->added));
	tok->added[tok->n_added] = (struct added_token){ .id = id, .in_model = in_model };
	tok->added_by_id[id] = (int32_t)++tok->n_added;
	tok->next_id = id >= tok->next_id ? id + 1 : tok->next_id;
	return &tok->added[tok->n_added - 1];
}

int added_put(struct tokenizer *tok, const char *content, const struct token_flags *flags,
	      const char *what, struct err *err)
{
	struct added_token *a;
	bool same, becomes_special;

	if (!*content)
		return 0;
	a = token_of(tok, tokenizer_find(tok, content, strlen(content)));
	same = a && token_flags_equal(&a->flags, flags);
	if (!a)
		a = entry_new(tok, content, what, err);
	if (!a)
		return err->code;
	becomes_special = flags->special && !a->is_special;
	a->is_special = a->is_special || flags->special;
	if (same)
		return 0;
	a->flags = *flags;
	if (becomes_special || !a->is_special)
		return make_findable(tok, a, flags, content, err);
	return 0;
}
