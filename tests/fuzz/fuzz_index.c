/*
 * fuzz_index.c -- libFuzzer over a checkpoint in shards: model.safetensors.index.json and the
 * headers.
 *
 * Form feeds separate the index, the header of a.safetensors and that of b.safetensors; 64 bytes of
 * data follow each.  What is accepted opens no file outside of its folder, and every tensor is
 * found in the one shard that has it.
 */
#include "fuzz.h"
#include "torchless/checkpoint.h"

#define DATA_BYTES 64

static void put_shard(const char *name, const char *header, size_t len)
{
	static const char data[DATA_BYTES] = "data";
	struct text file = { 0 };

	for (int i = 0; i < 8; i++)
		text_addc(&file, (char)(len >> 8 * i));
	text_add(&file, header, len);
	text_add(&file, data, sizeof(data));
	fuzz_put(name, file.data, file.len);
	text_release(&file);
}

static void check_files(const struct checkpoint *ck)
{
	size_t folder = strlen(fuzz_folder);

	require(ck->n_files == 1 || ck->n_files == 2, "the shards that there are");
	for (int f = 0; f < ck->n_files; f++) {
		const struct tensor_file *st = &ck->files[f], *found;

		require(!strncmp(st->path, fuzz_folder, folder) && st->path[folder] == '/' &&
				!strchr(st->path + folder + 1, '/'),
			"a shard lies in the folder");
		for (int i = 0; i < st->n_tensors; i++) {
			const struct file_tensor *t = &st->tensors[i];

			require(checkpoint_find(ck, t->name, &found) == t && found == st,
				"a name finds its tensor and its file");
			(void)checkpoint_is_weight(ck, t);
		}
	}
}

static void check_checkpoint(void)
{
	struct checkpoint ck;
	struct err err = { 0 };
	uint8_t hash[16];

	if (!succeeded(checkpoint_open(&ck, fuzz_folder, CHECKPOINT_WEIGHTS, &err), &err))
		return;
	check_files(&ck);
	require(ck.n_params >= 0 && ck.weight_bytes >= 0 &&
			ck.weight_bytes <= (int64_t)DATA_BYTES * ck.n_files,
		"weights are not larger than their files");
	(void)checkpoint_first_bad_weight(&ck, NULL);
	succeeded(checkpoint_hash(&ck, NULL, hash, &err), &err);
	checkpoint_close(&ck);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const names[] = { "model.safetensors.index.json", "a.safetensors",
					     "b.safetensors" };
	struct input in = { data, size };

	if (!fuzz_folder[0])
		fuzz_make_folder();
	for (int i = 0; i < 3; i++) {
		size_t len;
		char *part = input_until(&in, '\f', &len);

		if (i == 0)
			fuzz_put(names[i], part, len);
		else
			put_shard(names[i], part, len);
		free(part);
	}
	check_checkpoint();
	return 0;
}
