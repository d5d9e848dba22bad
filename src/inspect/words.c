/*
 * words.c -- the text of tokens.
 *
 * The vocabulary is that of the checkpoint, read once.  Where the checkpoint is not at hand the
 * recording knows the pieces of the tokens that it holds: the prompt's and the candidates'.
 */
#include "inspect_impl.h"

#include "torchless/mem.h"
#include "torchless/text.h"
#include "torchless/utf8.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_WORDS ((int64_t)1 << 24) /* no vocabulary is near it */

struct words {
	int refs;
	int64_t model_id, n;
	struct text bytes;
	size_t *start; /* [n + 1] of a whole vocabulary */
	struct bytes *some;
	bool whole;
	struct err why; /* not whole: the tokenizer cannot be had */
};

void words_release(struct words *w)
{
	if (!w || --w->refs > 0)
		return;
	text_release(&w->bytes);
	for (int64_t i = 0; w->some && i < w->n; i++)
		free((char *)w->some[i].data);
	free(w->some);
	free(w->start);
	free(w);
}

void words_forget(struct inspect *in)
{
	words_release(in->words);
	in->words = NULL;
}

/* ---- reading -------------------------------------------------------------------------------- */

static void read_vocabulary(struct words *w, const struct tokenizer *tok)
{
	w->n = tokenizer_vocab_size(tok);
	w->start = mem_calloc((size_t)w->n + 1, sizeof(*w->start));
	for (int64_t i = 0; i < w->n; i++) {
		w->start[i] = w->bytes.len;
		tokenizer_token_bytes(tok, (int32_t)i, &w->bytes);
	}
	w->start[w->n] = w->bytes.len;
	w->whole = true;
}

static void add_piece(struct words *w, size_t *cap, int64_t id, const char *piece, size_t len)
{
	if (id < 0 || id >= MAX_WORDS || !piece)
		return;
	while (w->n <= id) {
		w->some = mem_grow(w->some, (size_t)w->n, cap, sizeof(*w->some));
		w->some[w->n++] = (struct bytes){ 0 };
	}
	if (!w->some[id].data)
		w->some[id] = (struct bytes){ mem_memdup(piece, len), len };
}

static int read_pieces(struct inspect *in, struct words *w, struct err *err)
{
	sqlite3_stmt *s = NULL;
	int64_t kept = 0;
	size_t cap = 0;
	int ret;

	if (inspect_prepare(in,
			    "SELECT DISTINCT token_id, piece FROM token WHERE run_id IN "
			    "(SELECT id FROM run WHERE model_id = ?1) UNION "
			    "SELECT token_id, piece FROM cand WHERE run_id IN "
			    "(SELECT id FROM run WHERE model_id = ?1)",
			    &s, err))
		return err->code;
	sqlite3_bind_int64(s, 1, w->model_id);
	while ((ret = inspect_step(in, s, err)) > 0) {
		const char *piece = sqlite3_column_blob(s, 1);
		size_t len = (size_t)sqlite3_column_bytes(s, 1);

		ret = inspect_keep(&kept, (int64_t)len, err);
		if (ret)
			break;

		/* A blob of no bytes has no address. */
		if (!piece && sqlite3_column_type(s, 1) == SQLITE_BLOB)
			piece = "";
		add_piece(w, &cap, sqlite3_column_int64(s, 0), piece, len);
	}
	sqlite3_finalize(s);
	return ret;
}

struct words *inspect_words(struct inspect *in, int64_t run, struct err *err)
{
	struct run_model m;
	struct model files;
	struct words *w;
	bool failed;

	if (inspect_run(in, run, &m, err))
		return NULL;
	if (in->words && in->words->model_id == m.model_id) {
		in->words->refs++;
		return in->words;
	}
	words_forget(in);
	w = in->words = mem_calloc(1, sizeof(*w));
	w->refs = 2;
	w->model_id = m.model_id;
	if (!inspect_tokenizer(in, m.run, &files, &w->why)) {
		read_vocabulary(w, files.tokenizer);
		model_close(&files);
		return w;
	}
	/* A checkpoint that the system failed to read is at hand all the same. */
	failed = w->why.code == ERR_MEMORY || w->why.code == ERR_IO ||
		 w->why.code == ERR_INTERRUPTED;
	if (failed)
		*err = w->why;
	if (failed || read_pieces(in, w, err)) {
		words_forget(in);
		words_release(w);
		return NULL;
	}
	return w;
}

bool words_whole(const struct words *w)
{
	return w->whole;
}

bool words_get(const struct words *w, int64_t id, struct bytes *out)
{
	if (id < 0 || id >= w->n)
		return false;
	*out = w->whole ? (struct bytes){ w->bytes.data + w->start[id],
					  w->start[id + 1] - w->start[id] }
			: w->some[id];
	return out->data != NULL;
}

int64_t words_find(const struct words *w, const void *text, size_t len, int64_t from)
{
	struct bytes b;

	for (int64_t id = from; id < w->n; id++)
		if (words_get(w, id, &b) && b.len == len && !memcmp(b.data, text, len))
			return id;
	return -1;
}

bool is_utf8(struct bytes b)
{
	for (size_t at = 0; at < b.len;) {
		int n = utf8_decode(b.data + at, b.len - at, NULL);

		if (n <= 0)
			return false;
		at += (size_t)n;
	}
	return true;
}

int words_unknown(const struct words *w, const char *what, struct err *err)
{
	if (!w->whole) {
		*err = w->why;
		return err->code;
	}
	return err_set(err, ERR_USAGE, "%s; the vocabulary has tokens 0 to %lld", what,
		       (long long)w->n - 1);
}

/* ---- functions ------------------------------------------------------------------------------ */

static int no_token(const struct words *w, int64_t id, struct err *err)
{
	char what[64];

	snprintf(what, sizeof(what), "there is no token %lld", (long long)id);
	return words_unknown(w, what, err);
}

/* Text where the bytes are UTF-8, else a blob. */
static void result_word(sqlite3_context *ctx, struct bytes b)
{
	if (is_utf8(b))
		sqlite3_result_text64(ctx, b.data, b.len, SQLITE_TRANSIENT, SQLITE_UTF8);
	else
		sqlite3_result_blob64(ctx, b.data, b.len, SQLITE_TRANSIENT);
}

int scalar_tok(struct inspect *in, sqlite3_context *ctx, int n, sqlite3_value **args,
	       struct err *err)
{
	int64_t id = sqlite3_value_int64(args[0]);
	struct words *w;
	struct bytes b;
	int ret = 0;

	(void)n;
	if (sqlite3_value_numeric_type(args[0]) != SQLITE_INTEGER)
		return err_set(err, ERR_USAGE, "the id of a token is a whole number");
	w = inspect_words(in, 0, err);
	if (!w)
		return err->code;
	if (words_get(w, id, &b))
		result_word(ctx, b);
	else
		ret = no_token(w, id, err);
	words_release(w);
	return ret;
}

/* The first token that stands for these bytes; NULL when a text takes several. */
int scalar_tok_id(struct inspect *in, sqlite3_context *ctx, int n, sqlite3_value **args,
		  struct err *err)
{
	struct words *w = inspect_words(in, 0, err);
	const char *text = sqlite3_value_blob(args[0]);
	size_t len = (size_t)sqlite3_value_bytes(args[0]);
	int64_t id;
	int ret = 0;

	(void)n;
	if (!w)
		return err->code;
	id = words_find(w, text ? text : "", len, 0);
	if (id >= 0)
		sqlite3_result_int64(ctx, id);
	else if (!w->whole)
		ret = words_unknown(w, "", err);
	words_release(w);
	return ret;
}
