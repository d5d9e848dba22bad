/*
 * fuzz_safetensors.c -- libFuzzer over safetensors files and the configs inside them.
 *
 * The first byte of an input says how to read the rest: as a whole file (0xff), or as a header
 * that is followed by that many bytes of data, so that mutations need not guess its length.
 * Whatever is accepted must keep its promises: tensors inside the mapping, found by their names.
 *
 *	make fuzz FUZZ_SECONDS=300
 */
#define _GNU_SOURCE /* memfd_create */

#include "torchless/checkpoint.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define WHOLE_FILE 0xff

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool condition, const char *what)
{
	if (!condition) {
		fprintf(stderr, "broken promise: %s\n", what);
		abort();
	}
}

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

static void check_tensor(const struct safetensors *st, const struct safetensor *t)
{
	const char *begin = st->map, *at = t->t.data;
	struct err err = { 0 };

	require(at >= begin && t->bytes >= 0, "data begins in the mapping");
	require((size_t)(at - begin) + (size_t)t->bytes <= st->map_bytes, "data ends in it");
	require(!strcmp(safetensors_find(st, t->name)->name, t->name), "a name finds its tensor");
	if (safetensors_usable(st, t, &err))
		require(err.code == ERR_FORMAT && err.message[0], "what is unusable is explained");
	else
		require(tensor_bytes(&t->t) == t->bytes && tensor_numel(&t->t) == t->numel,
			"sizes agree");
	if (!t->unsupported && t->numel)
		(void)(tensor_get(&t->t, 0) + tensor_get(&t->t, t->numel - 1));
}

static void check_file(const char *path)
{
	struct safetensors st;
	struct err err = { 0 };

	if (safetensors_open(&st, path, &err)) {
		require(err.code == ERR_FORMAT && err.message[0], "what is refused is explained");
		return;
	}
	for (int i = 0; i < st.n_tensors; i++)
		check_tensor(&st, &st.tensors[i]);
	safetensors_close(&st);
}

static void check_checkpoint(const char *path)
{
	struct checkpoint ck;
	struct err err = { 0 };
	float inv_freq[65536 / 2];

	if (checkpoint_open(&ck, path, CHECKPOINT_ALL, &err))
		return;
	require(ck.config.head_dim <= 65536 && ck.config.head_dim % 2 == 0, "head_dim is bounded");
	require(ck.config.n_heads % ck.config.n_kv_heads == 0, "heads are divisible");
	config_rope_frequencies(&ck.config, inv_freq);
	checkpoint_close(&ck);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static int fd = -1;
	static char path[64];
	struct text file = { 0 };

	if (size == 0)
		return 0;
	if (fd < 0) {
		fd = memfd_create("fuzz", 0);
		snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	}
	make_file(&file, data, size);
	if (ftruncate(fd, 0) || pwrite(fd, file.data ? file.data : "", file.len, 0) < 0)
		abort();
	text_release(&file);
	check_file(path);
	check_checkpoint(path);
	return 0;
}
