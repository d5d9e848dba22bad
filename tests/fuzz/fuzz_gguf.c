/*
 * fuzz_gguf.c -- libFuzzer over GGUF files: header, keys, the config and the tokenizer made of
 * them.
 *
 * The first byte of an input is how many blocks of 64 bytes of data follow the rest, so that
 * mutations of a header need not bring the data that it promises.  Whatever is accepted must keep
 * its promises: tensors inside the mapping and none over another, rows in another order inside of
 * their copy, a tokenizer whose ids lie in its vocabulary.
 */
#include "fuzz.h"
#include "torchless/gguf.h"
#include "torchless/model.h"

static void check_tensor(const struct tensor_file *st, const struct file_tensor *t)
{
	struct err err = { 0 };

	require(t->offset >= 0 && t->bytes >= 0, "a place in the file");
	require((size_t)t->offset + (size_t)t->bytes <= st->map_bytes, "data ends in it");
	require(!strcmp(tensor_file_find(st, t->name)->name, t->name), "a name finds its tensor");
	if (succeeded(tensor_file_usable(st, t, &err), &err))
		require(tensor_bytes(&t->t) == t->bytes && tensor_numel(&t->t) == t->numel,
			"sizes agree");
}

static void check_file(const char *path)
{
	struct tensor_file st;
	struct gguf_part part;
	struct err err = { 0 };

	if (!succeeded(gguf_open(&st, path, &err), &err))
		return;
	for (int i = 0; i < st.n_tensors; i++) {
		const struct file_tensor *t = &st.tensors[i];

		check_tensor(&st, t);
		require((const char *)t->t.data == (const char *)st.map + t->offset, "in place");
		require(!i || t[-1].offset + t[-1].bytes <= t->offset, "no tensor over another");
	}
	if (succeeded(gguf_part(&st, &part, &err), &err))
		require(part.no >= 0 && part.no < part.count, "a part is one of its parts");
	tensor_file_close(&st);
}

static volatile unsigned sink;

static void check_rows(const struct tensor_file *st)
{
	for (int i = 0; i < st->n_tensors; i++) {
		const struct file_tensor *t = &st->tensors[i];
		const char *at = t->t.data, *map = st->map;
		bool in_place = at == map + t->offset;

		require(in_place || (at >= st->rows && at + t->bytes <= st->rows + st->rows_bytes),
			"data lies in the file or among the rows");
		for (int64_t k = 0; k < t->bytes && !in_place; k += 7)
			sink += (uint8_t)at[k]; /* the sanitizer sees what is not there */
	}
}

static void check_tokenizer(const struct tokenizer *tok)
{
	static const char text[] = "ab <s>c\n\xff 1";
	struct encoding enc = { 0 };
	struct err err = { 0 };

	if (succeeded(tokenizer_encode(tok, text, sizeof(text) - 1, ENCODE_SPECIAL, &enc, &err),
		      &err))
		for (int64_t i = 0; i < enc.n; i++)
			require(enc.tokens[i].id >= 0 &&
					enc.tokens[i].id < tokenizer_vocab_size(tok),
				"ids lie in the vocabulary");
	encoding_release(&enc);
}

static void check_model(const char *path, unsigned parts)
{
	struct model m;
	struct err err = { 0 };

	if (!succeeded(model_open(&m, path, parts, &err), &err))
		return;
	require(m.checkpoint.is_gguf && m.checkpoint.n_files > 0, "it is GGUF");
	if (parts & CHECKPOINT_WEIGHTS)
		for (int f = 0; f < m.checkpoint.n_files; f++)
			check_rows(&m.checkpoint.files[f]);
	if (parts & CHECKPOINT_CONFIG)
		require(m.config->head_dim > 0 && m.config->n_heads % m.config->n_kv_heads == 0,
			"heads share keys");
	if (m.tokenizer)
		check_tokenizer(m.tokenizer);
	model_close(&m);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct text file = { 0 };
	char path[128];

	if (size == 0)
		return 0;
	if (!fuzz_folder[0])
		fuzz_make_folder();
	snprintf(path, sizeof(path), "%s/m.gguf", fuzz_folder);
	text_add(&file, data + 1, size - 1);
	for (int i = 0; i < 64 * data[0]; i++)
		text_addc(&file, (char)i);
	fuzz_put("m.gguf", file.data ? file.data : "", file.len);
	text_release(&file);
	check_file(path);
	if (!gguf_is(path))
		return 0;
	check_model(path, CHECKPOINT_ALL);
	check_model(path, CHECKPOINT_CONFIG);
	check_model(path, CHECKPOINT_TOKENIZER | CHECKPOINT_RAW);
	return 0;
}
