/*
 * auto_tokens.c -- the tokens that the texts beside tokenizer.json have, and their ids.
 *
 * Special tokens are those that the files name, else the class's own.  A token that tokenizer.json
 * lacks gets the next id, so the order in which they are added is what decides.
 *
 * Source: transformers 4.44: tokenization_utils_base.py (_from_pretrained) and
 * tokenization_utils_fast.py (__init__).
 */
#include "auto.h"

#include "torchless/mem.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- special tokens ---- */

/* What the files say of a special token: the old map, else the config; NULL when neither does. */
static const cJSON *said_of(const struct build *b, const char *key, const char **where)
{
	const cJSON *value = json_member(b->map, key);

	*where = value ? b->map_name.data : b->config_name.data;
	return value ? value : json_member(b->config, key);
}

static void set_defaults(struct build *b)
{
	struct config_token *one = b->tok->specials.one;
	const struct {
		int at;
		const char *content;
	} defaults[] = {
		{ SPECIAL_BOS, b->class->bos },
		{ SPECIAL_EOS, b->class->eos },
		{ SPECIAL_UNK, b->class->unk },
		{ SPECIAL_PAD, b->class->pad },
	};
	const cJSON *padding = json_get(b->root, "padding");
	const char *pad = cJSON_GetStringValue(json_get(padding, "pad_token"));

	if (pad)
		config_token_set(&one[SPECIAL_PAD], pad);
	for (size_t i = 0; i < sizeof(defaults) / sizeof(*defaults); i++)
		if (defaults[i].content)
			config_token_set(&one[defaults[i].at], defaults[i].content);
}

/* A text that is listed as an added token, too, is that token with its flags. */
static void use_listed(const struct build *b, struct config_token *t)
{
	const struct config_token *found = NULL;
	const struct added_token *a;

	for (size_t i = 0; i < b->n_listed; i++)
		if (strcmp(b->listed[i].token.content, t->content) == 0)
			found = &b->listed[i].token;
	if (found && !texts_are_legacy(b)) {
		config_token_copy(t, found);
		return;
	}
	a = texts_are_legacy(b) ? added_find(b->tok, t->content) : NULL;
	if (a) {
		t->flags = a->flags;
		t->is_text = false;
		t->says_normalized = true;
	}
}

static int read_ones(struct build *b)
{
	for (int i = 0; i < SPECIAL_ONES; i++) {
		struct config_token *t = &b->tok->specials.one[i];
		const char *where;
		const cJSON *value = said_of(b, special_name(i), &where);

		if (value && config_token_read(t, value, special_name(i), where, b->err))
			return b->err->code;
		if (value && where == b->map_name.data && !t->is_text)
			t->flags.special = true;
		if (value && t->content)
			use_listed(b, t);
		if (t->content && t->is_text && b->class->traits & MAKES_TOKENS &&
		    i <= SPECIAL_PAD && i != SPECIAL_SEP) {
			t->is_text = false;
			t->says_normalized = t->flags.special = true;
		}
	}
	return 0;
}

/* Append the tokens of additional_special_tokens; those that are known are left out. */
static int read_more(struct build *b, const cJSON *json, const char *where,
		     const struct known_set *known)
{
	struct specials *s = &b->tok->specials;
	const cJSON *list = json_get(json, "additional_special_tokens"), *item;

	if (list && !cJSON_IsArray(list))
		return err_set(b->err, ERR_FORMAT, "%s: additional_special_tokens is no list",
			       where);
	cJSON_ArrayForEach(item, list)
	{
		struct config_token *t = specials_more(s);

		if (config_token_read(t, item, "additional_special_tokens", where, b->err))
			return b->err->code;
		if (json == b->map && !t->is_text)
			t->flags.special = true;
		if (!t->content || known_has(known, t)) {
			config_token_release(t);
			s->n_more--;
		}
	}
	return 0;
}

/* The list of the config, and what the old map has besides. */
static int read_lists(struct build *b)
{
	struct specials *s = &b->tok->specials;
	struct known_set known = { 0 };
	int rc = read_more(b, b->config, b->config_name.data, &known);

	for (size_t i = 0; !rc && i < s->n_more; i++)
		known_add_token(&known, &s->more[i]);
	known_sort(&known);
	if (!rc)
		rc = read_more(b, b->map, b->map_name.data, &known);
	free(known.at);
	return rc;
}

static int read_infill(struct build *b)
{
	static const char *const keys[] = { "prefix_token", "middle_token", "suffix_token",
					    "eot_token" };
	static const char *const defaults[] = { METASPACE "<PRE>", METASPACE "<MID>",
						METASPACE "<SUF>", METASPACE "<EOT>" };

	for (size_t i = 0; i < 4 && b->class->traits & INFILLS; i++) {
		const cJSON *value = json_member(b->config, keys[i]);
		struct config_token *t = specials_more(&b->tok->specials);

		config_token_set(t, defaults[i]);
		if (value && config_token_read(t, value, keys[i], b->config_name.data, b->err))
			return b->err->code;
		if (!t->content)
			b->tok->specials.n_more--;
	}
	return 0;
}

static int read_specials(struct build *b)
{
	struct specials *s = &b->tok->specials;

	set_defaults(b);
	if (read_ones(b) || read_lists(b) || read_infill(b))
		return b->err->code;
	s->more_texts = mem_calloc(s->n_more + 1, sizeof(*s->more_texts));
	for (size_t i = 0; i < s->n_more; i++)
		s->more_texts[i] = s->more[i].content;
	return 0;
}

/* ---- listed tokens ---- */

static struct listed *listed_new(struct build *b, int64_t id)
{
	struct listed *l;

	b->listed = mem_grow(b->listed, b->n_listed, &b->cap_listed, sizeof(*b->listed));
	l = &b->listed[b->n_listed];
	*l = (struct listed){ .id = id, .at = b->n_listed++ };
	return l;
}

/* added_tokens_decoder: {"32000": {"content": "<pad>", …}, …} */
static int read_decoder(struct build *b)
{
	const cJSON *list = json_get(b->config, "added_tokens_decoder"), *item;

	if (list && !cJSON_IsObject(list))
		return err_set(b->err, ERR_FORMAT, "%s: added_tokens_decoder is no object",
			       b->config_name.data);
	cJSON_ArrayForEach(item, list)
	{
		char *end;
		long long id;
		struct listed *l;

		errno = 0;
		id = strtoll(item->string, &end, 10);
		if (end == item->string || *end || errno || !cJSON_IsObject(item))
			return err_set(b->err, ERR_FORMAT,
				       "%s: added_tokens_decoder has '%.60s' in it, where an id "
				       "and an object with its token are expected",
				       b->config_name.data, item->string);
		l = listed_new(b, id);
		if (config_token_read(&l->token, item, "added_tokens_decoder", b->config_name.data,
				      b->err))
			return b->err->code;
	}
	return 0;
}

static void add_name(struct known_set *names, const cJSON *value, bool is_map)
{
	const cJSON *text = is_map && cJSON_IsObject(value) ? json_get(value, "content") : value;

	if (cJSON_IsString(text))
		known_add(names, text->valuestring, 0, true);
}

/*
 * The texts of the special tokens, where transformers looks for them: the class's own are not
 * there, nor are objects of tokenizer_config.json, which it has not read as tokens yet.
 */
static void find_names(const struct build *b, struct known_set *names)
{
	const cJSON *const files[] = { b->config, b->map };

	for (int i = 0; i < SPECIAL_ONES; i++) {
		const char *where;
		const cJSON *value = said_of(b, special_name(i), &where);

		add_name(names, value, where == b->map_name.data);
	}
	for (int k = 0; k < 2; k++) {
		const cJSON *item;

		cJSON_ArrayForEach(item, json_get(files[k], "additional_special_tokens"))
			add_name(names, item, files[k] == b->map);
	}
	known_sort(names);
}

static int read_added_token(struct build *b, const cJSON *item, const struct known_set *names)
{
	double id = cJSON_IsNumber(item) ? item->valuedouble : HUGE_VAL;
	struct listed *l;

	if (strstr(item->string, MARKED_NUL))
		return err_set(b->err, ERR_FORMAT,
			       "%s: a token holds the character U+0000, which tokens cannot",
			       b->added_name.data);
	if (!(fabs(id) <= TOKENIZER_MAX_ID && id == (double)(int32_t)id))
		return err_set(b->err, ERR_FORMAT, "%s: '%.60s' has no id up to %d",
			       b->added_name.data, item->string, TOKENIZER_MAX_ID);
	if (id >= 0 && id < (double)b->tok->vocab.size && b->tok->added_by_id[(int32_t)id])
		return 0;
	l = listed_new(b, (int64_t)id);
	config_token_set(&l->token, item->string);
	l->token.is_text = false;
	l->token.flags.special = known_find(names, item->string) != NULL;
	l->token.flags.normalized = !l->token.flags.special;
	l->token.says_normalized = true;
	return 0;
}

/* added_tokens.json: {"<pad>": 32000, …}; ids that tokenizer.json gives are that file's. */
static int read_added(struct build *b)
{
	struct known_set names = { 0 };
	const cJSON *item;
	int rc = 0;

	if (b->added)
		find_names(b, &names);
	cJSON_ArrayForEach(item, b->added)
	{
		rc = rc ? rc : read_added_token(b, item, &names);
	}
	free(names.at);
	return rc;
}

static int by_id(const void *a, const void *b)
{
	const struct listed *x = a, *y = b;

	if (x->id != y->id)
		return x->id < y->id ? -1 : 1;
	return x->at < y->at ? -1 : x->at > y->at;
}

/* By their ids; of several with one id the last counts, as in the dict that transformers makes. */
static void sort_listed(struct build *b)
{
	size_t n = 0;

	if (b->n_listed)
		qsort(b->listed, b->n_listed, sizeof(*b->listed), by_id);
	for (size_t i = 0; i < b->n_listed; i++) {
		if (i + 1 < b->n_listed && b->listed[i + 1].id == b->listed[i].id)
			config_token_release(&b->listed[i].token);
		else
			b->listed[n++] = b->listed[i];
	}
	b->n_listed = n;
}

/* ---- adding ---- */

/* The special tokens, each text once; a list is only held against those with a name. */
static size_t list_specials(const struct specials *s, const struct config_token **list)
{
	size_t n = 0, n_ones;

	for (int i = 0; i < SPECIAL_ONES; i++) {
		const struct config_token *t = &s->one[i];
		bool seen = !t->content || (t->is_text && !*t->content);

		for (size_t k = 0; k < n && !seen; k++)
			seen = strcmp(list[k]->content, t->content) == 0;
		if (!seen)
			list[n++] = t;
	}
	n_ones = n;
	for (size_t i = 0; i < s->n_more; i++) {
		bool seen = false;

		for (size_t k = 0; k < n_ones && !seen; k++)
			seen = strcmp(list[k]->content, s->more[i].content) == 0;
		if (!seen)
			list[n++] = &s->more[i];
	}
	return n;
}

static int add(struct build *b, const struct config_token *t, bool is_special)
{
	struct token_flags flags = config_token_flags(t, is_special);

	return added_put(b->tok, t->content, &flags, b->config_name.data, b->err);
}

static void note_other_id(struct build *b, const struct listed *l)
{
	int32_t id = added_id(b->tok, l->token.content);

	if (id != l->id && *l->token.content)
		tokenizer_add_note(b->tok, false,
				   "%s: '%.60s' is listed with the id %" PRId64
				   " but has %d, by tokenizer.json",
				   b->config_name.data, l->token.content, l->id, id);
}

/* What of the listed is new, or has other flags than in tokenizer.json. */
static void find_new(struct build *b, struct known_set *new)
{
	for (size_t i = 0; i < b->n_listed; i++) {
		const struct config_token *t = &b->listed[i].token;
		struct token_flags flags = config_token_flags(t, false);
		const struct added_token *a = added_find(b->tok, t->content);

		b->listed[i].is_new = !a || !token_flags_equal(&a->flags, &flags);
		if (b->listed[i].is_new)
			known_add_token(new, t);
	}
	known_sort(new);
}

static int add_listed(struct build *b, const struct known_set *specials)
{
	for (size_t i = 0; i < b->n_listed; i++) {
		const struct listed *l = &b->listed[i];
		bool special = known_find(specials, l->token.content) != NULL;

		if (!l->is_new)
			continue;
		note_other_id(b, l);
		if (add(b, &l->token, special))
			return b->err->code;
	}
	return 0;
}

static int add_specials(struct build *b, const struct config_token *const *list, size_t n,
			const struct known_set *new)
{
	for (size_t i = 0; i < n; i++) {
		const struct config_token *t = list[i];
		const struct added_token *a = added_find(b->tok, t->content);
		bool of_file = a && (size_t)(a - b->tok->added) < b->n_of_file;

		if (t->is_text ? of_file || known_find(new, t->content) : known_has(new, t))
			continue;
		if (add(b, t, true))
			return b->err->code;
	}
	return 0;
}

/*
 * In this order, since new tokens get the next ids: what the config lists, by id, as far as
 * tokenizer.json has it not, or otherwise; then special tokens that are nowhere yet.
 */
static int add_tokens(struct build *b)
{
	const struct specials *s = &b->tok->specials;
	size_t n, room = SPECIAL_ONES + s->n_more;
	const struct config_token **list = mem_calloc(room, sizeof(void *));
	struct known_set specials = { 0 }, new = { 0 };
	int rc;

	n = list_specials(s, list);
	for (size_t i = 0; i < n; i++)
		known_add(&specials, list[i]->content, 0, true);
	known_sort(&specials);
	sort_listed(b);
	find_new(b, &new);
	rc = add_listed(b, &specials);
	if (!rc)
		rc = add_specials(b, list, n, &new);
	free(new.at);
	free(specials.at);
	free(list);
	return rc;
}

int auto_tokens(struct build *b)
{
	b->n_of_file = b->tok->n_added;
	if (read_decoder(b) || read_specials(b) || read_added(b))
		return b->err->code;
	return add_tokens(b);
}
