/*
 * gguf_tokenizer.c -- the tokenizer.json that a GGUF file's tokenizer would have.
 *
 * The keys become a text, which the tokenizer then reads as it reads every other: there is one
 * implementation of each stage, and a recording keeps the hash of the same kind of text.  What the
 * keys leave open is what the converters of both sides do: Llama 2's stages for SentencePiece, the
 * split that tokenizer.ggml.pre names for byte-level BPE.
 */
#include "gguf_header.h"
#include "gguf_merges.h"
#include "torchless/gguf.h"
#include "torchless/mem.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define PREFIX "tokenizer.ggml."

/* tokenizer.ggml.token_type: the only ones that matter. */
enum { TOKEN_NORMAL = 1, TOKEN_UNKNOWN = 2, TOKEN_CONTROL = 3, TOKEN_USER_DEFINED = 4 };

struct build {
	const struct gguf_header *h;
	struct pieces pieces;
	const struct gguf_value *types; /* NULL: all are normal */
	int64_t bos, eos, unk, pad;     /* -1: none */
	bool adds_bos, adds_eos;
	struct text *out, *config;
	struct err *err;
};

/* ---- the splits ---------------------------------------------------------------------------- */

#define WORDS   "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\\\r\\\\n\\\\p{L}\\\\p{N}]?\\\\p{L}+|"
#define SPACES  "\\\\s*[\\\\r\\\\n]+|\\\\s+(?!\\\\S)|\\\\s+"
#define SYMBOLS " ?[^\\\\s\\\\p{L}\\\\p{N}]+[\\\\r\\\\n]*|"
#define UPPER   "[\\\\p{Lu}\\\\p{Lt}\\\\p{Lm}\\\\p{Lo}\\\\p{M}]"
#define LOWER   "[\\\\p{Ll}\\\\p{Lm}\\\\p{Lo}\\\\p{M}]"
#define LEADING "[^\\\\r\\\\n\\\\p{L}\\\\p{N}]?"
#define BYTE_LEVEL(use_regex)                                                                               \
	"{\"type\":\"ByteLevel\",\"add_prefix_space\":false,\"trim_offsets\":true,\"use_regex\":" use_regex \
	"}"
#define SPLIT(regex)                                                                                    \
	"{\"type\":\"Sequence\",\"pretokenizers\":[{\"type\":\"Split\",\"pattern\":{\"Regex\":\"" regex \
	"\"},\"behavior\":\"Isolated\",\"invert\":false}," BYTE_LEVEL("false") "]}"

/* As the models have them from which the names are. */
#define SPLIT_GPT2 BYTE_LEVEL("true")
#define SPLIT_DIGITS_GPT2                                                                                         \
	"{\"type\":\"Sequence\",\"pretokenizers\":[{\"type\":\"Digits\",\"individual_digits\":true}," BYTE_LEVEL( \
		"true") "]}"
#define SPLIT_LLAMA3 SPLIT(WORDS "\\\\p{N}{1,3}|" SYMBOLS SPACES)
#define SPLIT_TEKKEN                                                                               \
	SPLIT(LEADING UPPER "*" LOWER "+|" LEADING UPPER "+" LOWER                                 \
			    "*|\\\\p{N}| ?[^\\\\s\\\\p{L}\\\\p{N}]+[\\\\r\\\\n/]*|" SPACES)

struct pre {
	const char *name, *split;
	bool ignore_merges, bos;
};

static const struct pre pres[] = {
#define GGUF_PRE(name, split, ignore_merges, bos) { name, split, ignore_merges, bos },
#include "torchless/gguf.def"
};

static bool is_text(struct bytes text, const char *s)
{
	return text.len == strlen(s) && !memcmp(text.data, s, text.len);
}

static void refuse_pre(const struct build *b, struct bytes name)
{
	struct text known = { 0 };

	for (size_t i = 0; i < sizeof(pres) / sizeof(*pres); i++)
		text_addf(&known, "%s%s", i ? ", " : "", pres[i].name);
	err_set(b->err, ERR_FORMAT,
		"%s: " PREFIX "pre is %.*s, which is not supported: supported are %s", b->h->path,
		(int)(name.len < 60 ? name.len : 60), name.data, known.data);
	text_release(&known);
}

static const struct pre *find_pre(const struct build *b)
{
	struct bytes name = { 0 };
	int rc = gguf_get_text(b->h, PREFIX "pre", &name, b->err);

	if (rc == 0)
		err_set(b->err, ERR_FORMAT,
			"%s: " PREFIX
			"pre is missing, so how a text is split is not known: the file is from "
			"before May 2024, convert the model again",
			b->h->path);
	if (rc <= 0)
		return NULL;
	for (size_t i = 0; i < sizeof(pres) / sizeof(*pres); i++)
		if (is_text(name, pres[i].name))
			return &pres[i];
	refuse_pre(b, name);
	return NULL;
}

/* ---- the vocabulary ------------------------------------------------------------------------ */

static int wrong_length(const struct build *b, const char *key, const struct gguf_value *v)
{
	return err_set(b->err, ERR_FORMAT, "%s: %s has %" PRIu64 " entries for %" PRId64 " tokens",
		       b->h->path, key, v->n, b->pieces.n);
}

static int read_pieces(struct build *b)
{
	const struct gguf_value *tokens = NULL;
	int64_t twice = -1;
	int rc = gguf_get_array(b->h, PREFIX "tokens", GGUF_STRING, &tokens, b->err);

	if (rc < 0)
		return rc;
	if (rc == 0 || !tokens->n)
		return err_set(b->err, ERR_FORMAT, "%s has no tokenizer: " PREFIX "tokens is %s",
			       b->h->path, rc ? "empty" : "missing");
	if (tokens->n > INT32_MAX / 2)
		return err_set(b->err, ERR_FORMAT,
			       "%s: " PREFIX "tokens has %" PRIu64
			       " entries, at most %d are supported",
			       b->h->path, tokens->n, INT32_MAX / 2);
	pieces_init(&b->pieces, tokens, &twice);
	if (twice >= 0)
		return err_set(
			b->err, ERR_FORMAT,
			"%s: " PREFIX "tokens has %.*s twice, as %" PRId64 " and as %" PRId64,
			b->h->path,
			(int)(b->pieces.a[twice].len < 60 ? b->pieces.a[twice].len : 60),
			b->pieces.a[twice].data,
			pieces_find(&b->pieces, b->pieces.a[twice].data, b->pieces.a[twice].len),
			twice);
	if (gguf_get_array(b->h, PREFIX "token_type", GGUF_I32, &b->types, b->err) < 0)
		return b->err->code;
	return b->types && b->types->n != tokens->n ? wrong_length(b, PREFIX "token_type", b->types)
						    : 0;
}

static int64_t type_of(const struct build *b, int64_t id)
{
	if (!b->types)
		return TOKEN_NORMAL;
	return gguf_load_int(b->types->element,
			     b->types->data.data + (size_t)id * gguf_width(b->types->element));
}

static int read_id(const struct build *b, const char *key, int64_t *id)
{
	int64_t x = -1;

	/* 2^32 - 1 is how some converters write that there is none. */
	if (gguf_get_int(b->h, key, -1, UINT32_MAX, &x, b->err) < 0)
		return b->err->code;
	*id = x == UINT32_MAX ? -1 : x;
	if (*id < b->pieces.n)
		return 0;
	return err_set(b->err, ERR_FORMAT,
		       "%s: %s is %" PRId64 ", but there are %" PRId64 " tokens", b->h->path, key,
		       x, b->pieces.n);
}

static int read_specials(struct build *b)
{
	if (read_id(b, PREFIX "bos_token_id", &b->bos) ||
	    read_id(b, PREFIX "eos_token_id", &b->eos) ||
	    read_id(b, PREFIX "unknown_token_id", &b->unk) ||
	    read_id(b, PREFIX "padding_token_id", &b->pad))
		return b->err->code;
	for (int64_t id = 0; id < b->pieces.n && b->unk < 0; id++)
		if (type_of(b, id) == TOKEN_UNKNOWN)
			b->unk = id;
	return 0;
}

/* Which tokens stand before and behind every text, where the file says it or, for BOS, does not. */
static int read_template(struct build *b, bool bos)
{
	bool eos = false;

	if (gguf_get_bool(b->h, PREFIX "add_bos_token", &bos, b->err) < 0 ||
	    gguf_get_bool(b->h, PREFIX "add_eos_token", &eos, b->err) < 0)
		return b->err->code;
	b->adds_bos = bos && b->bos >= 0;
	b->adds_eos = eos && b->eos >= 0;
	return 0;
}

/* ---- parts of tokenizer.json --------------------------------------------------------------- */

static void add_piece(const struct build *b, int64_t id)
{
	text_add_json(b->out, b->pieces.a[id].data, b->pieces.a[id].len);
}

static bool is_added(int64_t type)
{
	return type == TOKEN_UNKNOWN || type == TOKEN_CONTROL || type == TOKEN_USER_DEFINED;
}

/* Found in the raw text before anything else. */
static void add_added(const struct build *b)
{
	bool any = false;

	text_adds(b->out, "\"added_tokens\":[");
	for (int64_t id = 0; id < b->pieces.n; id++) {
		int64_t type = type_of(b, id);

		if (!is_added(type) || !b->pieces.a[id].len)
			continue;
		text_addf(b->out, "%s{\"id\":%" PRId64 ",\"content\":", any ? "," : "", id);
		add_piece(b, id);
		text_addf(b->out,
			  ",\"single_word\":false,\"lstrip\":false,\"rstrip\":false,"
			  "\"normalized\":false,\"special\":%s}",
			  type == TOKEN_USER_DEFINED ? "false" : "true");
		any = true;
	}
	text_adds(b->out, "],");
}

static void add_special(const struct build *b, int64_t id)
{
	text_adds(b->out, "{\"SpecialToken\":{\"id\":");
	add_piece(b, id);
	text_adds(b->out, ",\"type_id\":0}}");
}

static void add_special_ids(const struct build *b, int64_t id)
{
	add_piece(b, id);
	text_adds(b->out, ":{\"id\":");
	add_piece(b, id);
	text_addf(b->out, ",\"ids\":[%" PRId64 "],\"tokens\":[", id);
	add_piece(b, id);
	text_adds(b->out, "]}");
}

static void add_template(const struct build *b)
{
	bool both = b->adds_bos && b->adds_eos && b->bos != b->eos;

	text_adds(b->out, "\"post_processor\":");
	if (!b->adds_bos && !b->adds_eos) {
		text_adds(b->out, "null,");
		return;
	}
	text_adds(b->out, "{\"type\":\"TemplateProcessing\",\"single\":[");
	if (b->adds_bos) {
		add_special(b, b->bos);
		text_addc(b->out, ',');
	}
	text_adds(b->out, "{\"Sequence\":{\"id\":\"A\",\"type_id\":0}}");
	if (b->adds_eos) {
		text_addc(b->out, ',');
		add_special(b, b->eos);
	}
	text_adds(b->out, "],\"pair\":[],\"special_tokens\":{");
	if (b->adds_bos)
		add_special_ids(b, b->bos);
	if (both)
		text_addc(b->out, ',');
	if (b->adds_eos && (both || !b->adds_bos))
		add_special_ids(b, b->eos);
	text_adds(b->out, "}},");
}

static void add_vocabulary(const struct build *b)
{
	text_adds(b->out, "\"vocab\":{");
	for (int64_t id = 0; id < b->pieces.n; id++) {
		if (id)
			text_addc(b->out, ',');
		add_piece(b, id);
		text_addf(b->out, ":%" PRId64, id);
	}
	text_adds(b->out, "},");
}

/* ---- byte-level BPE ------------------------------------------------------------------------ */

/* "left right"; whether both and their union are tokens is asked when the text is read. */
static int add_merge(const struct build *b, struct bytes merge, uint64_t i)
{
	const char *space = merge.len ? memchr(merge.data, ' ', merge.len) : NULL;
	size_t left = space ? (size_t)(space - merge.data) : 0, right = merge.len - left - 1;

	if (!space || !left || !right || memchr(space + 1, ' ', right))
		return err_set(b->err, ERR_FORMAT,
			       "%s: " PREFIX "merges[%" PRIu64
			       "] is \"%.*s\", no two tokens with a space "
			       "between them",
			       b->h->path, i, (int)(merge.len < 60 ? merge.len : 60), merge.data);
	if (i)
		text_addc(b->out, ',');
	text_add_json(b->out, merge.data, merge.len);
	return 0;
}

static int add_merges(const struct build *b)
{
	const struct gguf_value *merges = NULL;
	const char *at;
	int rc = gguf_get_array(b->h, PREFIX "merges", GGUF_STRING, &merges, b->err);

	if (rc < 0)
		return rc;
	if (!rc)
		return err_set(b->err, ERR_FORMAT, "%s: " PREFIX "merges is missing", b->h->path);
	text_adds(b->out, "\"merges\":[");
	at = merges->data.data;
	for (uint64_t i = 0; i < merges->n; i++)
		if (add_merge(b, gguf_next_text(&at), i))
			return b->err->code;
	text_addc(b->out, ']');
	return 0;
}

static int add_byte_level(struct build *b)
{
	const struct pre *pre = find_pre(b);

	if (!pre || read_template(b, pre->bos))
		return b->err->code;
	add_added(b);
	add_template(b);
	text_addf(b->out,
		  "\"normalizer\":null,\"pre_tokenizer\":%s,\"decoder\":{\"type\":\"ByteLevel\","
		  "\"add_prefix_space\":true,\"trim_offsets\":true,\"use_regex\":true},"
		  "\"model\":{\"type\":\"BPE\",\"unk_token\":null,\"fuse_unk\":false,"
		  "\"byte_fallback\":false,\"ignore_merges\":%s,",
		  pre->split, pre->ignore_merges ? "true" : "false");
	add_vocabulary(b);
	return add_merges(b);
}

/* ---- SentencePiece ------------------------------------------------------------------------- */

/* What would change the text before it is cut into pieces, and is not supported. */
static int check_normalization(const struct build *b)
{
	static const struct {
		const char *key;
		bool supported;
	} flags[] = { { PREFIX "remove_extra_whitespaces", false },
		      { PREFIX "escape_whitespaces", true },
		      { PREFIX "treat_whitespace_as_suffix", false },
		      { PREFIX "add_sep_token", false } };

	for (size_t i = 0; i < sizeof(flags) / sizeof(*flags); i++) {
		bool value = flags[i].supported;

		if (gguf_get_bool(b->h, flags[i].key, &value, b->err) < 0)
			return b->err->code;
		if (value != flags[i].supported)
			return err_set(b->err, ERR_FORMAT, "%s: %s is %s, which is not supported",
				       b->h->path, flags[i].key, value ? "true" : "false");
	}
	if (gguf_find(b->h, PREFIX "precompiled_charsmap"))
		return err_set(b->err, ERR_FORMAT,
			       "%s: " PREFIX
			       "precompiled_charsmap, a normalization of text, is not "
			       "supported",
			       b->h->path);
	return 0;
}

static int add_scored_merges(const struct build *b)
{
	const struct gguf_value *scores = NULL;
	int rc = gguf_get_array(b->h, PREFIX "scores", GGUF_F32, &scores, b->err);

	if (rc < 0)
		return rc;
	if (!rc)
		return err_set(b->err, ERR_FORMAT, "%s: " PREFIX "scores is missing", b->h->path);
	if (scores->n != (uint64_t)b->pieces.n)
		return wrong_length(b, PREFIX "scores", scores);
	text_adds(b->out, "\"merges\":");
	if (pieces_add_merges(&b->pieces, scores->data.data, b->out))
		return 0;
	return err_set(b->err, ERR_FORMAT,
		       "%s: " PREFIX "scores holds NaN, or " PREFIX
		       "tokens pieces that are too long to "
		       "find how they are made of others",
		       b->h->path);
}

static int add_metaspace(struct build *b)
{
	bool prefix = true;

	if (check_normalization(b) || read_template(b, true) ||
	    gguf_get_bool(b->h, PREFIX "add_space_prefix", &prefix, b->err) < 0)
		return b->err->code;
	add_added(b);
	add_template(b);
	text_addf(b->out,
		  "\"normalizer\":{\"type\":\"Sequence\",\"normalizers\":[%s{\"type\":\"Replace\","
		  "\"pattern\":{\"String\":\" \"},\"content\":\"▁\"}]},\"pre_tokenizer\":null,"
		  "\"decoder\":{\"type\":\"Sequence\",\"decoders\":[{\"type\":\"Replace\","
		  "\"pattern\":{\"String\":\"▁\"},\"content\":\" \"},{\"type\":\"ByteFallback\"},"
		  "{\"type\":\"Fuse\"}%s]},\"model\":{\"type\":\"BPE\",\"fuse_unk\":true,"
		  "\"byte_fallback\":true,\"ignore_merges\":false,\"unk_token\":",
		  prefix ? "{\"type\":\"Prepend\",\"prepend\":\"▁\"}," : "",
		  prefix ? ",{\"type\":\"Strip\",\"content\":\" \",\"start\":1,\"stop\":0}" : "");
	if (b->unk >= 0)
		add_piece(b, b->unk);
	else
		text_adds(b->out, "null");
	text_addc(b->out, ',');
	add_vocabulary(b);
	return add_scored_merges(b);
}

/* ---- tokenizer_config.json ----------------------------------------------------------------- */

static void add_config_piece(const struct build *b, const char *name, int64_t id)
{
	if (id < 0 || !b->pieces.a[id].len)
		return;
	json_add_key(b->config, name);
	text_add_json(b->config, b->pieces.a[id].data, b->pieces.a[id].len);
}

static int add_config(const struct build *b)
{
	struct bytes template = { 0 };

	text_addc(b->config, '{');
	json_add_string(b->config, "tokenizer_class", "PreTrainedTokenizerFast");
	json_add_bool(b->config, "clean_up_tokenization_spaces", false);
	add_config_piece(b, "bos_token", b->bos);
	add_config_piece(b, "eos_token", b->eos);
	add_config_piece(b, "unk_token", b->unk);
	add_config_piece(b, "pad_token", b->pad);
	if (gguf_get_text(b->h, "tokenizer.chat_template", &template, b->err) < 0)
		return b->err->code;
	if (template.len) {
		json_add_key(b->config, "chat_template");
		text_add_json(b->config, template.data, template.len);
	}
	text_addc(b->config, '}');
	return 0;
}

/* ---- the whole ----------------------------------------------------------------------------- */

static int build(struct build *b)
{
	struct bytes model = { 0 };
	int rc = gguf_get_text(b->h, PREFIX "model", &model, b->err);

	if (rc < 0)
		return rc;
	if (!rc)
		return err_set(b->err, ERR_FORMAT,
			       "%s has no tokenizer: " PREFIX "model is missing", b->h->path);
	if (!is_text(model, "gpt2") && !is_text(model, "llama"))
		return err_set(b->err, ERR_FORMAT,
			       "%s: " PREFIX
			       "model is %.*s, but supported are gpt2 (byte-level BPE) and "
			       "llama (SentencePiece's BPE)",
			       b->h->path, (int)(model.len < 60 ? model.len : 60), model.data);
	if (read_pieces(b) || read_specials(b))
		return b->err->code;
	text_adds(b->out, "{\"version\":\"1.0\",\"truncation\":null,\"padding\":null,");
	if (is_text(model, "gpt2") ? add_byte_level(b) : add_metaspace(b))
		return b->err->code;
	text_adds(b->out, "}}");
	return add_config(b);
}

int gguf_tokenizer(const struct tensor_file *first, struct text *tokenizer, struct text *config,
		   struct err *err)
{
	struct build b = { .h = first->gguf,
			   .bos = -1,
			   .eos = -1,
			   .unk = -1,
			   .pad = -1,
			   .out = tokenizer,
			   .config = config,
			   .err = err };

	int rc = build(&b);

	pieces_release(&b.pieces);
	return rc;
}
