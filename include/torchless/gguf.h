/*
 * gguf.h -- a GGUF file, what llama.cpp runs, as a tensor_file.
 *
 *	[header: keys and values, tensors][padding][data ...]
 *
 * Tensors get the names that Hugging Face has for them (gguf.def) and are used where they lie in
 * the mapping, quantized ones too.  Two things are put right, so that everything above is the same
 * for both formats: llama.cpp keeps the rows of q and k in an order of its own (gguf_order_rows()),
 * and configuration and tokenizer are keys of the file, of which the texts are made that a Hugging
 * Face directory has (gguf_config(), gguf_tokenizer()).
 */
#ifndef TORCHLESS_GGUF_H
#define TORCHLESS_GGUF_H

#include "torchless/config.h"
#include "torchless/tensor_file.h"

/* Whether the regular file at `path` begins as GGUF. */
bool gguf_is(const char *path);

/*
 * Map and check the file: versions 2 and 3; every tensor inside of the data and none over another,
 * of the size that type and shape say.  Its keys stay at st->gguf.  ERR_FORMAT with path, key or
 * tensor, found and expected; ERR_IO, ERR_USAGE as safetensors_open().  On failure nothing is left
 * to close.
 */
int gguf_open(struct tensor_file *st, const char *path, struct err *err);

/*
 * Give q and k the order of rows that Hugging Face has.  llama.cpp turns neighbours, (0, 1), (2, 3)
 * and so on, where Hugging Face turns i with i + head_dim / 2: row 2i + j of a head becomes row
 * i + j head_dim / 2.  Rows are whole blocks, so they are copied as they are, whatever their type,
 * into st->rows (st->rows_bytes of memory).  ERR_MEMORY, with numbers, where that is too little.
 */
int gguf_order_rows(struct tensor_file *st, const struct config *c, struct err *err);

/* A model in parts: which this is, from 0, of how many, and the tensors of all (-1: not said). */
struct gguf_part {
	int64_t no, count, n_tensors;
};
int gguf_part(const struct tensor_file *st, struct gguf_part *part, struct err *err);

/*
 * The config.json and generation_config.json that the model would have, of the keys of its first
 * part and the tensors of all.  What would change the numbers and is not supported is ERR_FORMAT
 * with its key.
 */
int gguf_config(const struct tensor_file *files, int n_files, struct text *config,
		struct text *generation, struct err *err);

/*
 * The tokenizer.json and tokenizer_config.json: byte-level BPE of tokenizer.ggml.merges (gpt2), or
 * SentencePiece's of tokenizer.ggml.scores (llama).  ERR_FORMAT with the key.
 */
int gguf_tokenizer(const struct tensor_file *first, struct text *tokenizer, struct text *config,
		   struct err *err);

/* Append GGUF's name of the tensor with this name; nothing where it has none. */
void gguf_add_name(struct text *t, const char *hugging_face);

#endif
