/*
 * impl.h -- what the files of the tokenizer share; nothing outside src/model includes it.
 *
 * tokenizer.json is compiled once into flat lists of small operations, and encoding runs them:
 *
 *	text --raw trie--> segments --norms--> --normalized trie--> --splits--> pieces --bpe--> ids
 *
 *	tokenizer.c what one can ask of a tokenizer
 *	open.c      tokenizer.json to a tokenizer
 *	auto*.c     what transformers' AutoTokenizer adds to tokenizer.json (auto.h)
 *	special.c   special tokens by name, and how configs spell tokens
 *	add.c       adding tokens to a vocabulary
 *	vocab.c     pieces, ids and merges in hash tables
 *	stages.c    normalizer, pre_tokenizer, post_processor, decoder: JSON to operations
 *	regex.c     looking for expressions and literals, and by which engine
 *	regex_same.c  the expressions that PCRE2 has in common with Oniguruma
 *	dfa*.c        those of them that an automaton can do, many times as fast again (dfa.h)
 *	regex_jit.c   those, by PCRE2's JIT; regex_onig.c all others, by Oniguruma
 *	added.c     finding added tokens in text
 *	split.c     normalizing and splitting, with the origin of every byte
 *	encode*.c   the pipeline, pieces to tokens, steps, words that are known (encoder.h)
 *	metaspace.c the short way of models that put ▁ for a space
 *	bpe.c       merging with a heap
 *	decode.c    ids to bytes, as a stream
 *	chat_template.c the template, where it comes from, or why there is none
 */
#ifndef TORCHLESS_TOKENIZER_IMPL_H
#define TORCHLESS_TOKENIZER_IMPL_H

#include "torchless/err.h"
#include "torchless/json.h"
#include "torchless/text.h"
#include "torchless/tokenizer.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Ids above this are taken for a damaged file: the table of pieces has a place for every id. */
#define TOKENIZER_MAX_ID ((1 << 24) - 1)

/* U+2581, which SentencePiece puts in place of a space. */
#define METASPACE "\xe2\x96\x81"

/* ---- vocab.c ---- */

/* A piece in vocab.blob, from blob.data[end - len]; all zero for an id that no piece has. */
struct piece_ref {
	uint32_t end, len;
};

struct vocab {
	struct text blob;
	struct piece_ref *pieces; /* by id */
	int64_t size;             /* one more than the largest id */
	int64_t n;                /* pieces */
	size_t cap;               /* of `pieces` */
	uint64_t *slots;          /* open addressing: upper half of the hash, id + 1; 0 is empty */
	uint64_t mask;
};

struct merge {
	uint64_t pair; /* left << 32 | right; MERGE_NONE: an empty slot */
	uint32_t rank;
	int32_t id;
};
#define MERGE_NONE UINT64_MAX

struct merges {
	struct merge *slots;
	uint64_t mask;
	/* No merge joins something to a METASPACE on its right, so text may be cut there. */
	bool cut_at_metaspace;
};

/* Make room for `n` pieces with ids below `size`. */
void vocab_init(struct vocab *v, int64_t n, int64_t size);
/* Make room for one more piece, with an id of at most TOKENIZER_MAX_ID. */
void vocab_reserve(struct vocab *v, int32_t id);
void vocab_release(struct vocab *v);
/* False when the piece or the id is there already. */
bool vocab_add(struct vocab *v, const char *piece, size_t len, int32_t id);
int32_t vocab_find(const struct vocab *v, const char *piece, size_t len);
struct bytes vocab_piece(const struct vocab *v, int32_t id);

/* model.vocab and the added tokens' ids (so that the tables need not grow), model.merges. */
int vocab_parse(struct vocab *v, const cJSON *model, const cJSON *added, const char *what,
		struct err *err);
int merges_parse(struct merges *m, const struct vocab *v, const cJSON *model, const char *what,
		 struct err *err);
void merges_release(struct merges *m);
/* NULL when the two are never joined. */
const struct merge *merges_find(const struct merges *m, int32_t left, int32_t right);

/* ---- regex.c ---- */

/* What to look for: a regular expression by either engine, or a literal. */
struct pattern {
	struct dfa *dfa;                /* an automaton that is tried before PCRE2, or NULL */
	pcre2_code *code;               /* PCRE2's, or NULL */
	struct re_pattern_buffer *onig; /* Oniguruma's, or NULL */
	struct text source;             /* the literal, or the expression as the file has it */
};

/* Where matching keeps its state; one for all the patterns of an encoding. */
struct matcher {
	pcre2_match_data *data;
	pcre2_match_context *context;
	pcre2_jit_stack *stack;
	struct re_registers *region;
	struct OnigMatchParamStruct *limits;
	const volatile sig_atomic_t *interrupted; /* ends splitting; NULL: nothing does */
};

void matcher_init(struct matcher *m);
void matcher_release(struct matcher *m);
/* The bytes that it holds, if they are many. */
size_t matcher_held(const struct matcher *m);

/* `key` names the place in errors. */
int pattern_regex(struct pattern *p, const char *regex, const char *what, const char *key,
		  struct err *err);
void pattern_literal(struct pattern *p, const char *literal, size_t len);
bool pattern_is_literal(const struct pattern *p);
void pattern_release(struct pattern *p);

/*
 * The first match in s[0..len) at or after `at`, as *from and *to.  1, 0 for none, or ERR_FORMAT
 * when the expression gives up.  A regular expression needs s to be well-formed UTF-8.
 */
int pattern_next(const struct pattern *p, struct matcher *m, const char *s, size_t len, size_t at,
		 size_t *from, size_t *to, struct err *err);

/*
 * Matches in s[0..len) one after another, as Rust's onig iterates: no empty match right behind
 * another match.  Begin with p, m, s and len, the rest zero.
 */
struct finder {
	const struct pattern *p;
	struct matcher *m;
	const char *s;
	size_t len, at, done;
	bool any;
};
/* As pattern_next; ERR_INTERRUPTED too. */
int finder_next(struct finder *f, size_t *from, size_t *to, struct err *err);

/* ---- regex_same.c ---- */

/*
 * Append to `out`, in PCRE2's dialect, an expression that means the same to Oniguruma; false when
 * that is not known of `regex`, and `out` is of no use.  *of_unicode: if both have the same
 * Unicode.
 */
bool regex_same(const char *regex, struct text *out, bool *of_unicode);

/* ---- dfa.c: what PCRE2 would find, by an automaton (dfa.h) ---- */

/* NULL when none can be made of the expression, in PCRE2's dialect. */
struct dfa *dfa_compile(const char *dialect, size_t len);
void dfa_free(struct dfa *d);
/* As pattern_next; DFA_GIVES_UP: ask PCRE2.  Threads may share *d. */
#define DFA_GIVES_UP (-1)
int dfa_next(struct dfa *d, const char *s, size_t len, size_t at, size_t *from, size_t *to);

/* ---- regex_jit.c, regex_onig.c: the engines ---- */

struct found {
	size_t from, to;
	char why[128]; /* of ERR_FORMAT */
};

/* 0, ERR_FORMAT when PCRE2 refuses, or ERR_MEMORY. */
int regex_jit_compile(struct pattern *p, const char *dialect, size_t len);
/* As pattern_next, without a sentence: ERR_FORMAT with found->why, ERR_MEMORY. */
int regex_jit_next(const struct pattern *p, struct matcher *m, const char *s, size_t len, size_t at,
		   struct found *found);
void regex_jit_release(struct matcher *m);
size_t regex_jit_held(const struct matcher *m);

/* 0, ERR_FORMAT with Oniguruma's reason, or ERR_MEMORY. */
int regex_onig_compile(struct pattern *p, const char *regex, const char *what, const char *key,
		       struct err *err);
/* As regex_jit_next, and ERR_INTERRUPTED. */
int regex_onig_next(const struct pattern *p, struct matcher *m, const char *s, size_t len,
		    size_t at, struct found *found);
void regex_onig_free(struct pattern *p);
void regex_onig_release(struct matcher *m);

/* ---- stages.c ---- */

struct norm_op {
	enum { NORM_PREPEND, NORM_REPLACE } kind;
	struct pattern pattern; /* NORM_REPLACE */
	struct text content;
};

enum split_behavior {
	SPLIT_ISOLATED,
	SPLIT_REMOVED,
	SPLIT_MERGED_WITH_PREVIOUS,
	SPLIT_MERGED_WITH_NEXT,
	SPLIT_CONTIGUOUS,
};

enum prepend_scheme { PREPEND_ALWAYS, PREPEND_FIRST, PREPEND_NEVER };

struct split_op {
	enum { SPLIT_PATTERN, SPLIT_METASPACE, SPLIT_PREFIX_SPACE } kind;
	struct pattern pattern; /* SPLIT_PATTERN; SPLIT_METASPACE: a space */
	enum split_behavior behavior;
	bool invert;
	struct text replacement; /* SPLIT_METASPACE */
	enum prepend_scheme scheme;
};

/* In this order; DECODE_FUSE turns tokens into text, what comes after sees the text. */
struct decode_op {
	enum {
		DECODE_REPLACE,
		DECODE_METASPACE,
		DECODE_BYTE_LEVEL,
		DECODE_BYTE_FALLBACK,
		DECODE_FUSE,
		DECODE_STRIP,
	} kind;
	struct pattern pattern; /* DECODE_REPLACE */
	struct text content;    /* of DECODE_REPLACE, DECODE_STRIP; DECODE_METASPACE: to a space */
	bool drop_first;        /* DECODE_METASPACE: the first token loses its replacements */
	int64_t strip_start, strip_stop;
};

/* ---- added.c ---- */

struct token_flags {
	bool single_word, lstrip, rstrip, normalized, special;
};

struct added_token {
	int32_t id;
	struct token_flags flags; /* as it was added last */
	bool is_special;          /* once special, always so */
	bool in_model;            /* model.vocab has it as well */
};

/* A trie of bytes: first child and next sibling, node 0 is the root. */
struct trie_node {
	uint32_t child, sibling;
	int32_t token; /* index into tokenizer.added, -1 */
	uint8_t byte;
};
struct trie {
	struct trie_node *nodes;
	size_t n, cap;
	bool first[256]; /* bytes that some token begins with */
};

/* A stretch of text: an added token, or what lies between (token -1). */
struct segment {
	size_t from, to;
	int32_t token; /* index into tokenizer.added */
};
struct segments {
	struct segment *at;
	size_t n, cap;
};

/* Where the token of that text stands, -1 until it is set. */
int32_t *trie_add(struct trie *t, const char *s, size_t len);
void trie_release(struct trie *t);
/* Unicode's White_Space, which is what the library's \s and is_whitespace mean. */
bool is_white_space(uint32_t cp);
/* Cut s[0..len) as tokenizers' AddedVocabulary does: leftmost, longest. */
int added_cut(const struct tokenizer *tok, const struct trie *trie, struct matcher *m,
	      const char *s, size_t len, struct segments *segments, struct err *err);

/* ---- special.c ---- */

/* What stands for \u0000 in the texts beside tokenizer.json, and in no text. */
#define MARKED_NUL "\xc0\x80"

/* A token as a config spells it: a string, or an object with flags (AddedToken). */
struct config_token {
	char *content; /* NULL: none */
	bool is_text;
	bool says_normalized; /* else it is normalized unless it is special */
	struct token_flags flags;
};

enum {
	SPECIAL_BOS,
	SPECIAL_EOS,
	SPECIAL_UNK,
	SPECIAL_SEP,
	SPECIAL_PAD,
	SPECIAL_CLS,
	SPECIAL_MASK,
	SPECIAL_ONES
};

/* Special tokens by name, and those without one of their own. */
struct specials {
	struct config_token one[SPECIAL_ONES];
	struct config_token *more;
	size_t n_more, cap_more;
	const char **more_texts;
};

/* The name of a special token that there is one of: "bos_token". */
const char *special_name(int i);
/* *t becomes what `value` says; null is none.  `key` names the place in errors. */
int config_token_read(struct config_token *t, const cJSON *value, const char *key, const char *what,
		      struct err *err);
void config_token_set(struct config_token *t, const char *content);
void config_token_copy(struct config_token *t, const struct config_token *from);
void config_token_release(struct config_token *t);
/* The flags with which it is added. */
struct token_flags config_token_flags(const struct config_token *t, bool as_special);
/* Room for one more in additional_special_tokens, without content. */
struct config_token *specials_more(struct specials *s);
void specials_release(struct specials *s);

/* ---- tokenizer.c ---- */

struct id_list {
	int32_t *ids;
	size_t n, cap;
};

struct note {
	char *text;
	bool is_warning;
};

struct tokenizer {
	struct vocab vocab;
	struct merges merges;
	struct added_token *added;
	size_t n_added, cap_added;
	int32_t *added_by_id; /* 1 + index into added, 0 for none; as long as the vocabulary */
	size_t cap_by_id;
	int64_t next_id;     /* of the next token that is added and has no piece yet */
	bool splits_special; /* the text of special tokens is text */
	struct trie raw, normalized;
	struct pattern word; /* one character of a word, for single_word */

	struct norm_op *norms;
	size_t n_norms, cap_norms;
	struct split_op *splits;
	size_t n_splits, cap_splits;
	struct decode_op *decoders;
	size_t n_decoders, cap_decoders;
	bool has_decoder;

	bool byte_level; /* pieces are spelled in GPT-2's symbols, one a byte */
	bool byte_fallback, fuse_unk, ignore_merges;
	int32_t unk;           /* -1: none */
	int32_t unit_ids[256]; /* byte-level: of a byte's symbol; else of an ASCII character; -1 */
	int32_t byte_ids[256]; /* of "<0x0A>", -1 */

	struct metaspace *metaspace; /* of metaspace.c; NULL: the long way */
	struct encoder_pool *pool;   /* of encode.c */

	struct id_list before, after; /* what the template puts around the text */
	bool trim_offsets, trim_keeps_prefix;
	char *chat_template;
	struct specials specials;
	struct note *notes;
	size_t n_notes, cap_notes;
	char *chat_template_source, *chat_template_problem; /* chat_template.c */
};

/* GPT-2's table: the character that stands for a byte in pieces, and back (-1: for none). */
uint32_t byte_symbol(uint8_t byte);
int symbol_byte(uint32_t symbol);

/* The id that the model, without the added tokens, gives a piece; -1. */
int32_t tokenizer_model_find(const struct tokenizer *tok, const char *piece, size_t len);

/* Remember a sentence for tokenizer_note(). */
void tokenizer_add_note(struct tokenizer *tok, bool is_warning, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* ---- metaspace.c ---- */

/* Set tok->metaspace if the tokenizer, which is complete, allows it. */
void metaspace_prepare(struct tokenizer *tok);

/* ---- encode.c ---- */

struct encoder_pool *encoder_pool_new(void);
void encoder_pool_free(struct encoder_pool *pool);

/* ---- add.c ---- */

/* The id that the text of a token gets, or has already. */
int32_t added_id(const struct tokenizer *tok, const char *content);
/* The added token of that text; NULL when there is none. */
const struct added_token *added_find(const struct tokenizer *tok, const char *content);
/* Add a token, or change the one that has this text, as AddedVocabulary::add_tokens does. */
int added_put(struct tokenizer *tok, const char *content, const struct token_flags *flags,
	      const char *what, struct err *err);
/* The flags of a JSON object; those that it does not say stay. */
int token_flags_read(struct token_flags *flags, const cJSON *j, const char *what, struct err *err);
bool token_flags_equal(const struct token_flags *a, const struct token_flags *b);

/* ---- auto.c ---- */

struct build;
/*
 * Read the texts beside tokenizer.json (`root`), and put into `root` what they change of its
 * stages; NULL and err on failure.  What auto_finish() adds goes on top of what `root` says.
 */
struct build *auto_begin(struct tokenizer *tok, const struct tokenizer_texts *texts, cJSON *root,
			 const char *what, struct err *err);
int auto_finish(struct build *b);
void auto_free(struct build *b);

int stages_parse_normalizer(struct tokenizer *tok, const cJSON *n, const char *what,
			    struct err *err);
int stages_parse_pre_tokenizer(struct tokenizer *tok, const cJSON *p, const char *what,
			       struct err *err);
int stages_parse_post_processor(struct tokenizer *tok, const cJSON *p, const char *what,
				struct err *err);
int stages_parse_decoder(struct tokenizer *tok, const cJSON *d, const char *what, struct err *err);
void stages_release(struct tokenizer *tok);

/* ---- chat_template.c ---- */

/* Take the template of tokenizer_config.json, `source`. */
void chat_template_parse(struct tokenizer *tok, const cJSON *config, const char *source);
void chat_template_release(struct tokenizer *tok);

/* ---- split.c ---- */

/* Offsets are 32 bits wide: memory stays at five bytes for a byte of changed text. */
#define TOKENIZER_MAX_TEXT (INT32_MAX / 2)

struct buffer {
	struct text bytes;
	uint32_t *origin;
	size_t n, cap;
};

/* Text in some stage: of a buffer, or of the text as it was given (origin NULL). */
struct view {
	const char *s;
	size_t len;
	const uint32_t *origin;
	size_t base; /* without origins: the offset of s in the text */
	size_t end;  /* the offset in the text where the view ends */
};

/* A stretch of a view, and the offset in the text where it ends. */
struct piece {
	uint32_t from, to;
	size_t end;
};
struct pieces {
	struct piece *at;
	size_t n, cap;
};

/* What a pattern finds, and what lies between. */
struct match {
	size_t from, to;
	bool hit;
};
struct matches {
	struct match *at;
	size_t n, cap;
};

/* Scratch of splitting, kept from segment to segment. */
struct splitter {
	const struct tokenizer *tok;
	bool well_formed; /* the whole text is UTF-8 */
	size_t max_bytes; /* that changed text may have */
	struct matcher matcher;
	struct buffer norm_buffers[2],
		split_buffers[2]; /* a stage reads one and writes the other */
	struct pieces pieces, spare;
	struct matches matches;
};

/* The offset in the text of byte i of a view; i may be its length. */
size_t view_origin(const struct view *v, size_t i);

/* Zero-initialise *sp once; what it holds may serve one text after another. */
void splitter_begin(struct splitter *sp, const struct tokenizer *tok, const char *text, size_t len);
/* The bytes that it holds. */
size_t splitter_held(const struct splitter *sp);
void splitter_release(struct splitter *sp);
/* Run the normalizers; *v becomes what they leave, valid until the next call. */
int splitter_normalize(struct splitter *sp, struct view *v, struct err *err);
/* Run the pre-tokenizers over v[from..to); sp->pieces are then pieces of *v. */
int splitter_split(struct splitter *sp, struct view *v, size_t from, size_t to, struct err *err);

/* Append s[0..len) as the normalizer leaves it. */
int tokenizer_normalize(const struct tokenizer *tok, const char *s, size_t len, struct text *out,
			struct err *err);

/* ---- bpe.c ---- */

/* A token while merging: a stretch of the piece, linked to its neighbours. */
struct symbol {
	int32_t id; /* -1: joined to its left neighbour */
	int32_t prev, next;
	uint32_t at, len;
};

/* Scratch of merging, kept from piece to piece. */
struct bpe {
	struct symbol *symbols;
	size_t n, cap_symbols;
	uint64_t *heap; /* rank << 32 | index of the left symbol: the least is next */
	size_t n_heap, cap_heap;
	const volatile sig_atomic_t *interrupted; /* NULL: nothing ends merging */
};

void bpe_release(struct bpe *b);
void bpe_add(struct bpe *b, int32_t id, uint32_t at, uint32_t len);
/* Called for each merge before it is made. */
typedef void bpe_observer(void *ctx, const struct symbol *left, const struct symbol *right,
			  const struct merge *merge);
/* Join symbols until no pair has a merge, or *interrupted is not 0; walk the result from symbol 0
 * along `next`. */
void bpe_merge(struct bpe *b, const struct merges *m, bpe_observer *observe, void *ctx);

#endif
