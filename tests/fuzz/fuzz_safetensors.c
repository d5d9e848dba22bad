/*
 * fuzz_safetensors.c -- libFuzzer over safetensors files and the configs inside them.
 *
 * The first byte of an input says how to read the rest: as a whole file (0xff), or as a header
 * that is followed by that many bytes of data, so that mutations need not guess its length.
 * Whatever is accepted must keep its promises: tensors inside the mapping, found by their names.
 */
#include "fuzz.h"
#include "torchless/checkpoint.h"
#include "torchless/safetensors.h"

#define WHOLE_FILE 0xff

static void make_file(struct text *file, const uint8_t *data, size_t size)
{
	size_t header = size - 1;

	if (data[0] == WHOLE_FILE) {
		text_add(file, data + 1, header);
		return;
	}
	for (int i = 0; i < 8; i++)
		text_addc(file, (char)(header >> 8 * i));
	text_add(file, data + 1, header);
	for (int i = 0; i < data[0]; i++)
		text_addc(file, (char)i);
}

static void check_tensor(const struct tensor_file *st, const struct file_tensor *t)
{
	const char *begin = st->map, *at = t->t.data;
	struct err err = { 0 };

	require(at >= begin && t->bytes >= 0, "data begins in the mapping");
	require((size_t)(at - begin) + (size_t)t->bytes <= st->map_bytes, "data ends in it");
	require(!strcmp(tensor_file_find(st, t->name)->name, t->name), "a name finds its tensor");
	if (succeeded(tensor_file_usable(st, t, &err), &err))
		require(tensor_bytes(&t->t) == t->bytes && tensor_numel(&t->t) == t->numel,
			"sizes agree");
	if (!t->unsupported && t->numel)
		(void)(tensor_get(&t->t, 0) + tensor_get(&t->t, t->numel - 1));
}

static void check_file(const char *path)
{
	struct tensor_file st;
	struct err err = { 0 };

	if (!succeeded(safetensors_open(&st, path, &err), &err))
		return;
	for (int i = 0; i < st.n_tensors; i++)
		check_tensor(&st, &st.tensors[i]);
	tensor_file_close(&st);
}

static void check_checkpoint(const char *path)
{
	struct checkpoint ck;
	struct err err = { 0 };

	if (!succeeded(checkpoint_open(&ck, path, CHECKPOINT_ALL, &err), &err))
		return;
	require(ck.is_packed && ck.n_files == 1, "a file is a packed checkpoint");
	require(ck.tokenizer_json && ck.config_json, "what was asked for is there");
	require(strlen(ck.tokenizer_json) == ck.tokenizer_json_len, "its length is known");
	checkpoint_close(&ck);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct text file = { 0 };
	char path[128];

	if (size == 0)
		return 0;
	if (!fuzz_folder[0])
		fuzz_make_folder();
	snprintf(path, sizeof(path), "%s/m.safetensors", fuzz_folder);
	make_file(&file, data, size);
	fuzz_put("m.safetensors", file.data ? file.data : "", file.len);
	text_release(&file);
	check_file(path);
	check_checkpoint(path);
	return 0;
}
