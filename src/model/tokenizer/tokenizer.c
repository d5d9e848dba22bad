/*
 * tokenizer.c -- what one can ask of a tokenizer, and the table of GPT-2's symbols.
 */
#include "impl.h"

#include "torchless/mem.h"

#include <stdarg.h>
#include <stdio.h>

/* GPT-2's bytes_to_unicode: printable Latin-1 stands for itself, the rest from U+0100 on. */
static bool is_own_symbol(unsigned byte)
{
	return (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) || byte >= 0xae;
}

uint32_t byte_symbol(uint8_t byte)
{
	uint32_t n = 0;

	if (is_own_symbol(byte))
		return byte;
	for (unsigned b = 0; b < byte; b++)
		n += !is_own_symbol(b);
	return 0x100 + n;
}

int symbol_byte(uint32_t symbol)
{
	if (symbol < 0x100)
		return is_own_symbol(symbol) ? (int)symbol : -1;
	for (unsigned b = 0, n = 0x100; b < 0x100; b++) {
		if (is_own_symbol(b))
			continue;
		if (n++ == symbol)
			return (int)b;
	}
	return -1;
}

/* ---- asking ---- */

void tokenizer_add_note(struct tokenizer *tok, bool is_warning, const char *fmt, ...)
{
	struct err message;
	char text[sizeof(message.message)];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	err_set(&message, ERR_FORMAT, "%s", text); /* turns control bytes into '?' */
	tok->notes = mem_grow(tok->notes, tok->n_notes, &tok->cap_notes, sizeof(*tok->notes));
	tok->notes[tok->n_notes++] = (struct note){ mem_strdup(message.message), is_warning };
}

const char *tokenizer_note(const struct tokenizer *tok, size_t i, bool *is_warning)
{
	if (i >= tok->n_notes)
		return NULL;
	*is_warning = tok->notes[i].is_warning;
	return tok->notes[i].text;
}

int64_t tokenizer_vocab_size(const struct tokenizer *tok)
{
	return tok->vocab.size;
}

struct bytes tokenizer_piece(const struct tokenizer *tok, int32_t id)
{
	return vocab_piece(&tok->vocab, id);
}

int32_t tokenizer_find(const struct tokenizer *tok, const char *piece, size_t len)
{
	return vocab_find(&tok->vocab, piece, len);
}

int32_t tokenizer_model_find(const struct tokenizer *tok, const char *piece, size_t len)
{
	int32_t id = vocab_find(&tok->vocab, piece, len);
	int32_t added = id >= 0 ? tok->added_by_id[id] : 0;

	return added && !tok->added[added - 1].in_model ? -1 : id;
}

bool tokenizer_is_special(const struct tokenizer *tok, int32_t id)
{
	int32_t added = id >= 0 && id < tok->vocab.size ? tok->added_by_id[id] : 0;

	return added && tok->added[added - 1].is_special;
}

int32_t tokenizer_bos(const struct tokenizer *tok)
{
	return tok->before.n ? tok->before.ids[0] : -1;
}

int32_t tokenizer_unk(const struct tokenizer *tok)
{
	return tok->unk;
}
