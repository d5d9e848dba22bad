/*
 * stages.c -- normalizer, pre_tokenizer, post_processor and decoder of tokenizer.json.
 *
 * Each becomes a flat list of operations in the order in which the library runs them; a Sequence
 * is its members.  A kind or a field that would change ids and is not known here is refused by
 * its name, with what is supported.
 *
 * Source: tokenizers' normalizers/, pre_tokenizers/, processors/ and decoders/.
 */
#include "impl.h"

#include "torchless/mem.h"
#include "torchless/utf8.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* GPT-2's split, which ByteLevel carries in itself. */
static const char gpt2_regex[] =
	"'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+";

/* Real files have a handful of stages and a Sequence at most; more is a trap. */
#define MAX_NESTING 8
#define MAX_STAGES  256

/* A kind of stage by the name in its "type"; a decoder without fields has only its operation. */
struct stage_kind {
	const char *name;
	int (*parse)(struct tokenizer *tok, const cJSON *j, const char *what, struct err *err);
	int decode_kind;
};

static struct decode_op *decode_new(struct tokenizer *tok, int kind)
{
	struct decode_op *op;

	tok->decoders = mem_grow(tok->decoders, tok->n_decoders, &tok->cap_decoders,
				 sizeof(*tok->decoders));
	op = &tok->decoders[tok->n_decoders++];
	memset(op, 0, sizeof(*op));
	op->kind = kind;
	return op;
}

/* One of the four keys: its kinds, and the key of a Sequence's members. */
struct stage_table {
	const char *key, *members;
	const struct stage_kind *kinds; /* ends with a NULL name */
};

static int parse_known(const struct stage_kind *k, struct tokenizer *tok, const cJSON *j,
		       const char *what, struct err *err)
{
	if (k->parse)
		return k->parse(tok, j, what, err);
	decode_new(tok, k->decode_kind);
	return 0;
}

static int parse_kind(const struct stage_table *table, struct tokenizer *tok, const cJSON *j,
		      const char *what, struct err *err)
{
	struct text known = { 0 };
	const char *type = "";

	if (tok->n_norms + tok->n_splits + tok->n_decoders >= MAX_STAGES)
		return err_set(err, ERR_FORMAT, "%s: %s: more than %d stages are not supported",
			       what, table->key, MAX_STAGES);
	if (json_get_string(j, "type", &type, what, err) < 0)
		return err->code;
	for (const struct stage_kind *k = table->kinds; k->name; k++) {
		if (strcmp(k->name, type) == 0)
			return parse_known(k, tok, j, what, err);
	}
	for (const struct stage_kind *k = table->kinds; k->name; k++)
		text_addf(&known, "%s, ", k->name);
	err_set(err, ERR_FORMAT, "%s: %s is of the type '%.60s'; supported are %sSequence and null",
		what, table->key, type, known.data);
	text_release(&known);
	return err->code;
}

static int parse_stage(const struct stage_table *table, struct tokenizer *tok, const cJSON *j,
		       int depth, const char *what, struct err *err)
{
	const cJSON *members = json_get(j, table->members), *item;
	const cJSON *type = json_get(j, "type");

	if (!j || cJSON_IsNull(j))
		return 0;
	if (!cJSON_IsString(type) || strcmp(type->valuestring, "Sequence") != 0)
		return parse_kind(table, tok, j, what, err);
	if (!cJSON_IsArray(members) || depth == MAX_NESTING)
		return err_set(err, ERR_FORMAT,
			       "%s: %s: a Sequence without the array '%s', or too deep in others",
			       what, table->key, table->members);
	cJSON_ArrayForEach(item, members)
	{
		if (parse_stage(table, tok, item, depth + 1, what, err))
			return err->code;
	}
	return 0;
}

/* {"String": "x"} or {"Regex": "x"} at j.pattern. */
static int parse_pattern(struct pattern *p, const cJSON *j, const char *what, const char *key,
			 struct err *err)
{
	const cJSON *pattern = json_get(j, "pattern");
	const char *s = NULL;

	if (json_get_string(pattern, "String", &s, what, err) < 0)
		return err->code;
	if (s && *s) {
		pattern_literal(p, s, strlen(s));
		return 0;
	}
	/* An empty one is between any two characters, as tokenizers has it: so is the empty regex.
	 */
	if (!s && json_get_string(pattern, "Regex", &s, what, err) < 0)
		return err->code;
	if (s)
		return pattern_regex(p, s, what, key, err);
	return err_set(err, ERR_FORMAT, "%s: %s has no pattern {\"String\": …} or {\"Regex\": …}",
		       what, key);
}

/* A string that must be there (it may be empty), appended to `out`. */
static int parse_string(struct text *out, const cJSON *j, const char *key, const char *what,
			struct err *err)
{
	const char *s;
	int rc = json_get_string(j, key, &s, what, err);

	if (rc == 0)
		return err_set(err, ERR_FORMAT, "%s: a stage lacks its '%s'", what, key);
	if (rc > 0)
		text_add(out, s, strlen(s));
	return rc < 0 ? rc : 0;
}

/* ---- normalizer ---- */

static struct norm_op *norm_new(struct tokenizer *tok, int kind)
{
	struct norm_op *op;

	tok->norms = mem_grow(tok->norms, tok->n_norms, &tok->cap_norms, sizeof(*tok->norms));
	op = &tok->norms[tok->n_norms++];
	memset(op, 0, sizeof(*op));
	op->kind = kind;
	return op;
}

static int norm_prepend(struct tokenizer *tok, const cJSON *j, const char *what, struct err *err)
{
	return parse_string(&norm_new(tok, NORM_PREPEND)->content, j, "prepend", what, err);
}

static int norm_replace(struct tokenizer *tok, const cJSON *j, const char *what, struct err *err)
{
	struct norm_op *op = norm_new(tok, NORM_REPLACE);

	if (parse_pattern(&op->pattern, j, what, "normalizer Replace", err))
		return err->code;
	return parse_string(&op->content, j, "content", what, err);
}

int stages_parse_normalizer(struct tokenizer *tok, const cJSON *n, const char *what,
			    struct err *err)
{
	static const struct stage_kind kinds[] = {
		{ "Prepend", norm_prepend, 0 },
		{ "Replace", norm_replace, 0 },
		{ NULL, NULL, 0 },
	};
	static const struct stage_table table = { "normalizer", "normalizers", kinds };

	return parse_stage(&table, tok, n, 0, what, err);
}

/* ---- pre_tokenizer ---- */

static struct split_op *split_new(struct tokenizer *tok, int kind)
{
	struct split_op *op;

	tok->splits = mem_grow(tok->splits, tok->n_splits, &tok->cap_splits, sizeof(*tok->splits));
	op = &tok->splits[tok->n_splits++];
	memset(op, 0, sizeof(*op));
	op->kind = kind;
	return op;
}

static int after_byte_level(const struct tokenizer *tok, const char *what, struct err *err)
{
	if (!tok->byte_level)
		return 0;
	return err_set(
		err, ERR_FORMAT,
		"%s: pre_tokenizer has a stage after ByteLevel, which is supported last only",
		what);
}

static int parse_behavior(struct split_op *op, const cJSON *j, const char *what, struct err *err)
{
	static const char *const names[] = { "Isolated", "Removed", "MergedWithPrevious",
					     "MergedWithNext", "Contiguous" };
	const char *name = "";

	if (json_get_string(j, "behavior", &name, what, err) < 0)
		return err->code;
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		if (strcmp(names[i], name) == 0) {
			op->behavior = (enum split_behavior)i;
			return 0;
		}
	}
	return err_set(err, ERR_FORMAT,
		       "%s: pre_tokenizer Split has the behavior '%.60s'; supported are Isolated, "
		       "Removed, MergedWithPrevious, MergedWithNext and Contiguous",
		       what, name);
}

static int split_split(struct tokenizer *tok, const cJSON *j, const char *what, struct err *err)
{
	struct split_op *op;

	if (after_byte_level(tok, what, err))
		return err->code;
	op = split_new(tok, SPLIT_PATTERN);
	if (parse_pattern(&op->pattern, j, what, "pre_tokenizer Split", err) ||
	    json_get_bool(j, "invert", &op->invert, what, err) < 0)
		return err->code;
	return parse_behavior(op, j, what, err);
}

static int split_digits(struct tokenizer *tok, const cJSON *j, const char *what, struct err *err)
{
	struct split_op *op;
	bool individual = false;

	if (after_byte_level(tok, what, err) ||
	    json_get_bool(j, "individual_digits", &individual, what, err) < 0)
		return err->code;
	op = split_new(tok, SPLIT_PATTERN);
	op->behavior = individual ? SPLIT_ISOLATED : SPLIT_CONTIGUOUS;
	return pattern_regex(&op->pattern, "\\p{N}", what, "pre_tokenizer Digits", err);
}

static int split_byte_level(struct tokenizer *tok, const cJSON *j, const char *what,
			    struct err *err)
{
	bool prefix = true, use_regex = true;

	if (after_byte_level(tok, what, err) ||
	    json_get_bool(j, "add_prefix_space", &prefix, what, err) < 0 ||
	    json_get_bool(j, "use_regex", &use_regex, what, err) < 0)
		return err->code;
	tok->byte_level = true;
	if (prefix)
		split_new(tok, SPLIT_PREFIX_SPACE);
	if (!use_regex)
		return 0;
	return pattern_regex(&split_new(tok, SPLIT_PATTERN)->pattern, gpt2_regex, what,
			     "pre_tokenizer ByteLevel", err);
}

/* The one character that Metaspace puts in place of a space. */
static int parse_replacement(struct text *out, const cJSON *j, const char *what, struct err *err)
{
	if (parse_string(out, j, "replacement", what, err))
		return err->code;
	if (out->len == 0 || (size_t)utf8_decode(out->data, out->len, NULL) != out->len)
		return err_set(err, ERR_FORMAT,
			       "%s: the replacement of Metaspace is not one character", what);
	return 0;
}

/* prepend_scheme, or add_prefix_space of older files; both must say the same. */
static int parse_scheme(enum prepend_scheme *scheme, const cJSON *j, const char *what,
			struct err *err)
{
	static const char *const names[] = { "always", "first", "never" };
	const char *name = NULL;
	bool prefix = true;
	size_t i = 0;

	if (json_get_bool(j, "add_prefix_space", &prefix, what, err) < 0 ||
	    json_get_string(j, "prepend_scheme", &name, what, err) < 0)
		return err->code;
	if (!name)
		name = prefix ? "always" : "never";
	while (i < 3 && strcmp(names[i], name) != 0)
		i++;
	if (i == 3 || (!prefix && i != PREPEND_NEVER))
		return err_set(
			err, ERR_FORMAT,
			"%s: Metaspace has prepend_scheme '%.60s'%s; supported are always, first and never",
			what, name, prefix ? "" : " and add_prefix_space false");
	*scheme = (enum prepend_scheme)i;
	return 0;
}

static int split_metaspace(struct tokenizer *tok, const cJSON *j, const char *what, struct err *err)
{
	struct split_op *op;
	bool split = true;

	if (after_byte_level(tok, what, err))
		return err->code;
	op = split_new(tok, SPLIT_METASPACE);
	pattern_literal(&op->pattern, " ", 1);
	if (parse_replacement(&op->replacement, j, what, err) ||
	    parse_scheme(&op->scheme, j, what, err) ||
	    json_get_bool(j, "split", &split, what, err) < 0)
		return err->code;
	if (split) {
		struct split_op *cut = split_new(tok, SPLIT_PATTERN);

		op = cut - 1; /* the list may have moved */
		pattern_literal(&cut->pattern, op->replacement.data, op->replacement.len);
		cut->behavior = SPLIT_MERGED_WITH_NEXT;
	}
	return 0;
}

int stages_parse_pre_tokenizer(struct tokenizer *tok, const cJSON *p, const char *what,
			       struct err *err)
{
	static const struct stage_kind kinds[] = {
		{ "ByteLevel", split_byte_level, 0 },
		{ "Digits", split_digits, 0 },
		{ "Metaspace", split_metaspace, 0 },
		{ "Split", split_split, 0 },
		{ NULL, NULL, 0 },
	};
	static const struct stage_table table = { "pre_tokenizer", "pretokenizers", kinds };

	return parse_stage(&table, tok, p, 0, what, err);
}

/* ---- post_processor ---- */

static int post_byte_level(struct tokenizer *tok, const cJSON *j, const char *what, struct err *err)
{
	bool trim = true, prefix = true;

	if (json_get_bool(j, "trim_offsets", &trim, what, err) < 0 ||
	    json_get_bool(j, "add_prefix_space", &prefix, what, err) < 0)
		return err->code;
	tok->trim_offsets = tok->trim_offsets || trim;
	tok->trim_keeps_prefix = prefix;
	return 0;
}

/* special_tokens[name].ids, appended to `list`. */
static int template_special(struct tokenizer *tok, const cJSON *specials, const char *name,
			    struct id_list *list, const char *what, struct err *err)
{
	const cJSON *ids = json_get(json_get(specials, name), "ids"), *item;

	if (!cJSON_IsArray(ids))
		return err_set(
			err, ERR_FORMAT,
			"%s: post_processor adds '%.60s', for which special_tokens has no ids",
			what, name);
	cJSON_ArrayForEach(item, ids)
	{
		double d = cJSON_IsNumber(item) ? item->valuedouble : -1;

		if (!(d >= 0 && d < (double)tok->vocab.size && d == (double)(int32_t)d))
			return err_set(err, ERR_FORMAT,
				       "%s: post_processor adds '%.60s' as an id outside the "
				       "vocabulary of %" PRId64,
				       what, name, tok->vocab.size);
		list->ids = mem_grow(list->ids, list->n, &list->cap, sizeof(*list->ids));
		list->ids[list->n++] = (int32_t)d;
	}
	return 0;
}

static int post_template(struct tokenizer *tok, const cJSON *j, const char *what, struct err *err)
{
	const cJSON *single = json_get(j, "single"), *item;
	bool seen_text = false;

	if (tok->before.n || tok->after.n)
		return err_set(err, ERR_FORMAT,
			       "%s: post_processor has two TemplateProcessing that add tokens",
			       what);
	cJSON_ArrayForEach(item, single)
	{
		const cJSON *special = json_get(item, "SpecialToken");
		const cJSON *sequence = json_get(item, "Sequence");
		const char *id = "";

		if (json_get_string(special ? special : sequence, "id", &id, what, err) < 0)
			return err->code;
		if (special) {
			if (template_special(tok, json_get(j, "special_tokens"), id,
					     seen_text ? &tok->after : &tok->before, what, err))
				return err->code;
		} else if (strcmp(id, "A") != 0 || seen_text) {
			break;
		} else {
			seen_text = true;
		}
	}
	if (item || !seen_text)
		return err_set(
			err, ERR_FORMAT,
			"%s: post_processor.single is not the sequence A once among special tokens",
			what);
	return 0;
}

int stages_parse_post_processor(struct tokenizer *tok, const cJSON *p, const char *what,
				struct err *err)
{
	static const struct stage_kind kinds[] = {
		{ "ByteLevel", post_byte_level, 0 },
		{ "TemplateProcessing", post_template, 0 },
		{ NULL, NULL, 0 },
	};
	static const struct stage_table table = { "post_processor", "processors", kinds };

	return parse_stage(&table, tok, p, 0, what, err);
}

/* ---- decoder ---- */

static int decode_replace(struct tokenizer *tok, const cJSON *j, const char *what, struct err *err)
{
	struct decode_op *op = decode_new(tok, DECODE_REPLACE);

	if (parse_pattern(&op->pattern, j, what, "decoder Replace", err))
		return err->code;
	return parse_string(&op->content, j, "content", what, err);
}

static int decode_metaspace(struct tokenizer *tok, const cJSON *j, const char *what,
			    struct err *err)
{
	struct decode_op *op = decode_new(tok, DECODE_METASPACE);
	enum prepend_scheme scheme;

	if (parse_replacement(&op->pattern.source, j, what, err) ||
	    parse_scheme(&scheme, j, what, err))
		return err->code;
	op->drop_first = scheme != PREPEND_NEVER;
	return 0;
}

static int decode_strip(struct tokenizer *tok, const cJSON *j, const char *what, struct err *err)
{
	struct decode_op *op = decode_new(tok, DECODE_STRIP);

	if (parse_string(&op->content, j, "content", what, err) ||
	    json_get_int(j, "start", 0, 1 << 20, &op->strip_start, what, err) < 0 ||
	    json_get_int(j, "stop", 0, 1 << 20, &op->strip_stop, what, err) < 0)
		return err->code;
	if (op->content.len == 0 ||
	    (size_t)utf8_decode(op->content.data, op->content.len, NULL) != op->content.len)
		return err_set(err, ERR_FORMAT, "%s: decoder Strip: content is not one character",
			       what);
	return 0;
}

/*
 * Decoding is a stream of single tokens, so what looks at more than one of them must come where
 * that is possible: bytes are joined after the pieces are changed, and behind a Fuse (which
 * ByteLevel is, too) the text can only be stripped.
 */
static int check_decoders(const struct tokenizer *tok, const char *what, struct err *err)
{
	bool bytes = false, fused = false;

	for (size_t i = 0; i < tok->n_decoders; i++) {
		int kind = tok->decoders[i].kind;
		bool ok = fused   ? kind == DECODE_FUSE || kind == DECODE_STRIP
			  : bytes ? kind == DECODE_FUSE
				  : true;

		if (!ok)
			return err_set(
				err, ERR_FORMAT,
				"%s: decoder: stage %zu of the Sequence comes too late; supported "
				"is Replace, Metaspace or Strip, then ByteLevel, or ByteFallback and Fuse, then Strip",
				what, i);
		bytes = bytes || kind == DECODE_BYTE_FALLBACK;
		fused = fused || kind == DECODE_FUSE || kind == DECODE_BYTE_LEVEL;
	}
	return 0;
}

int stages_parse_decoder(struct tokenizer *tok, const cJSON *d, const char *what, struct err *err)
{
	static const struct stage_kind kinds[] = {
		{ "ByteFallback", NULL, DECODE_BYTE_FALLBACK },
		{ "ByteLevel", NULL, DECODE_BYTE_LEVEL },
		{ "Fuse", NULL, DECODE_FUSE },
		{ "Metaspace", decode_metaspace, 0 },
		{ "Replace", decode_replace, 0 },
		{ "Strip", decode_strip, 0 },
		{ NULL, NULL, 0 },
	};
	static const struct stage_table table = { "decoder", "decoders", kinds };

	tok->has_decoder = d && !cJSON_IsNull(d);
	if (parse_stage(&table, tok, d, 0, what, err))
		return err->code;
	return check_decoders(tok, what, err);
}

void stages_release(struct tokenizer *tok)
{
	for (size_t i = 0; i < tok->n_norms; i++) {
		pattern_release(&tok->norms[i].pattern);
		text_release(&tok->norms[i].content);
	}
	for (size_t i = 0; i < tok->n_splits; i++) {
		pattern_release(&tok->splits[i].pattern);
		text_release(&tok->splits[i].replacement);
	}
	for (size_t i = 0; i < tok->n_decoders; i++) {
		pattern_release(&tok->decoders[i].pattern);
		text_release(&tok->decoders[i].content);
	}
	free(tok->norms);
	free(tok->splits);
	free(tok->decoders);
}
