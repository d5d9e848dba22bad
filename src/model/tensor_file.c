/*
 * tensor_file.c -- tensors of a mapped file by their names.
 */
#include "torchless/tensor_file.h"
#include "gguf_header.h"
#include "mapping.h"
#include "torchless/mem.h"

#include <stdlib.h>
#include <string.h>

struct name_index {
	const char *name;
	int index;
};

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct name_index *)a)->name, ((const struct name_index *)b)->name);
}

void tensor_file_index(struct tensor_file *st)
{
	struct name_index *names = mem_calloc((size_t)st->n_tensors, sizeof(*names));

	for (int i = 0; i < st->n_tensors; i++)
		names[i] = (struct name_index){ st->tensors[i].name, i };
	qsort(names, (size_t)st->n_tensors, sizeof(*names), by_name);
	free(st->by_name);
	st->by_name = mem_calloc((size_t)st->n_tensors, sizeof(*st->by_name));
	for (int i = 0; i < st->n_tensors; i++)
		st->by_name[i] = names[i].index;
	free(names);
}

void tensor_file_close(struct tensor_file *st)
{
	for (int i = 0; i < st->n_tensors; i++)
		free(st->tensors[i].name);
	free(st->tensors);
	free(st->by_name);
	cJSON_Delete(st->metadata);
	if (st->gguf)
		gguf_header_release(st->gguf);
	free(st->gguf);
	free(st->rows);
	mapping_close(st);
	*st = (struct tensor_file){ 0 };
}

void tensor_file_rename(struct tensor_file *st, int i, const char *name)
{
	char *copy = mem_strdup(name);

	free(st->tensors[i].name);
	st->tensors[i].name = copy;
}

void tensor_file_add_alias(struct tensor_file *st, const char *name, int of)
{
	st->tensors = mem_realloc(st->tensors, (size_t)st->n_tensors + 1, sizeof(*st->tensors));
	st->tensors[st->n_tensors] = st->tensors[of];
	st->tensors[st->n_tensors++].name = mem_strdup(name);
}

const struct file_tensor *tensor_file_find(const struct tensor_file *st, const char *name)
{
	int lo = 0, hi = st->n_tensors;

	while (lo < hi) {
		int mid = lo + (hi - lo) / 2;
		const struct file_tensor *t = &st->tensors[st->by_name[mid]];
		int order = strcmp(name, t->name);

		if (order == 0)
			return t;
		if (order < 0)
			hi = mid;
		else
			lo = mid + 1;
	}
	return NULL;
}

int tensor_file_usable(const struct tensor_file *st, const struct file_tensor *t, struct err *err)
{
	if (!t->unsupported)
		return 0;
	if (t->rank > TENSOR_MAX_DIMS)
		return err_set(err, ERR_FORMAT,
			       "%s: %.200s has %d dimensions but at most %d are supported",
			       st->path, t->name, t->rank, TENSOR_MAX_DIMS);
	return err_set(err, ERR_FORMAT,
		       "%s: %.200s has dtype %s but a weight must be F32, F16 or BF16", st->path,
		       t->name, t->dtype);
}
