/*
 * tokenizer.h -- BPE from tokenizer.json, equal to the `tokenizers` library id for id.
 *
 * Two families: Metaspace BPE with byte fallback (Mistral v1..v3, Llama 2) and byte-level BPE
 * with regex splitting (SmolLM2, Llama 3, Tekken).  Any bytes go in, invalid UTF-8 included.
 * Every stage can be observed as steps.
 */
#ifndef TORCHLESS_TOKENIZER_H
#define TORCHLESS_TOKENIZER_H

#include "torchless/err.h"
#include "torchless/hook.h"
#include "torchless/text.h"

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct tokenizer;

/*
 * The texts that a tokenizer is made of, by the files they are in; all but the first may be NULL.
 * They are copied as needed.
 */
struct tokenizer_texts {
	struct bytes tokenizer;         /* tokenizer.json */
	const char *config;             /* tokenizer_config.json */
	const char *special_tokens_map; /* special_tokens_map.json and added_tokens.json count */
	const char *added_tokens;       /* where config has no added_tokens_decoder */
	const char *model_config;       /* config.json: the class, where config names none */
	bool raw; /* tokenizer.json alone, as the `tokenizers` library reads it */
};

/*
 * Build what transformers' AutoTokenizer builds of these files: tokenizer.json, and what the other
 * texts add to it.  `what` names tokenizer.json in errors: ERR_FORMAT with the key, found and
 * supported.
 */
struct tokenizer *tokenizer_open(const struct tokenizer_texts *texts, const char *what,
				 struct err *err);
/* The same of tokenizer.json and tokenizer_config.json (may be NULL). */
struct tokenizer *tokenizer_new(const char *json, size_t len, const char *config_json,
				const char *what, struct err *err);
void tokenizer_free(struct tokenizer *tok);

/* What was left out of account or is doubtful, a sentence each, from 0; NULL behind the last. */
const char *tokenizer_note(const struct tokenizer *tok, size_t i, bool *is_warning);

/*
 * The special tokens by the names that transformers has for them (its special_tokens_map, which is
 * what a chat template sees), in its order: bos_token, eos_token, unk_token, sep_token, pad_token,
 * cls_token, mask_token, additional_special_tokens.  Those that are not set are left out.
 */
struct special_token {
	const char *name;
	const char *const *texts;
	size_t n;
	bool is_list; /* additional_special_tokens; else there is one text */
};
/* The i-th, from 0; false behind the last. */
bool tokenizer_special(const struct tokenizer *tok, size_t i, struct special_token *out);
/* The text of a single one, such as "bos_token"; NULL when it is not set. */
const char *tokenizer_special_text(const struct tokenizer *tok, const char *name);

/* One more than the largest id. */
int64_t tokenizer_vocab_size(const struct tokenizer *tok);

struct token {
	int32_t id;
	int64_t start,
		end; /* byte offsets in the text that was given; equal for added tokens (BOS) */
};

struct encoding {
	struct token *tokens;
	int64_t n;
	size_t cap;
	/* The steps taken, in order, when asked for; their bytes live in `arena`. */
	struct stage_step *steps;
	int64_t n_steps;
	size_t cap_steps;
	struct step_arena *arena;
	int64_t n_dropped; /* bytes for which the vocabulary has no token (byte-level only) */
	int64_t first_dropped_at;

	const volatile sig_atomic_t *interrupted; /* set before: not 0 ends with ERR_INTERRUPTED */
};

enum encode_flags {
	ENCODE_SPECIAL = 1, /* apply the template (BOS) */
	ENCODE_STEPS = 2,   /* record steps */
};

/*
 * Encode bytes (zero-initialise *enc first, or encoding_release() it).  ERR_FORMAT only when the
 * vocabulary has neither byte tokens nor `unk` for something in the text; ERR_INTERRUPTED,
 * ERR_MEMORY.
 */
int tokenizer_encode(const struct tokenizer *tok, const char *text, size_t len, unsigned flags,
		     struct encoding *enc, struct err *err);
void encoding_release(struct encoding *enc);

/* The piece of a token as the vocabulary spells it ("▁Hello", "Ġthe", "<0x0A>"); len 0 if none. */
struct bytes tokenizer_piece(const struct tokenizer *tok, int32_t id);

/* The bytes a token stands for inside a text (" Hello", " the", "\n"), without stream context. */
void tokenizer_token_bytes(const struct tokenizer *tok, int32_t id, struct text *out);

/* The id of a piece, -1 if there is none. */
int32_t tokenizer_find(const struct tokenizer *tok, const char *piece, size_t len);

bool tokenizer_is_special(const struct tokenizer *tok, int32_t id);
int32_t tokenizer_bos(const struct tokenizer *tok); /* the id the template adds first, -1: none */
int32_t tokenizer_unk(const struct tokenizer *tok); /* -1: none */

/*
 * The chat template, and the name of the file that it is from; NULL: there is none that could be
 * used.  tokenizer_new() takes it from tokenizer_config.json: a text, or the one of several that
 * is called "default".
 */
const char *tokenizer_chat_template(const struct tokenizer *tok);
const char *tokenizer_chat_template_source(const struct tokenizer *tok);

/* Take it from a file of its own, `source`, instead (both are copied). */
void tokenizer_set_chat_template(struct tokenizer *tok, const char *text, size_t len,
				 const char *source);

/* `source` has templates, but only these, of which none is the default one. */
void tokenizer_lack_chat_template(struct tokenizer *tok, const char *source, const char *names);

/* 0 when there is one, else ERR_USAGE and why not: a model that nobody chats with may lack it. */
int tokenizer_need_chat_template(const struct tokenizer *tok, struct err *err);

/*
 * Decoding as a stream: push ids, take the bytes by which the decoded text grows.  The decoder of
 * the file decides (a Metaspace decoder strips one space at the very start only).
 */
struct decode_stream {
	const struct tokenizer *tok;
	bool skip_special;
	bool started;        /* a token was pushed */
	bool text_started;   /* nothing more is stripped from the beginning */
	int64_t n_stripped;  /* characters taken off the beginning so far */
	size_t fused;        /* the decoder's first stage that sees the text, not a token */
	struct text pending; /* bytes held back */
};
void decode_init(struct decode_stream *d, const struct tokenizer *tok, bool skip_special);
void decode_push(struct decode_stream *d, int32_t id, struct text *out);
/* The bytes still held back. */
void decode_finish(struct decode_stream *d, struct text *out);
void decode_release(struct decode_stream *d);

#endif
