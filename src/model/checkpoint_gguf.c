/*
 * checkpoint_gguf.c -- the parts of a model that is GGUF.
 *
 * Tools split large models into NAME-00001-of-00003.gguf and so on.  Each part has its own header
 * and data; keys but those of the split are in the first.  Any part may be given.
 */
#include "checkpoint_gguf.h"
#include "gguf_header.h"
#include "torchless/gguf.h"
#include "torchless/mem.h"

#include <dirent.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MAX_PARTS 4096
#define MAX_NAMED 6

/* ---- parts --------------------------------------------------------------------------------- */

/* What the name of part `no` of `count` ends in. */
static void add_ending(struct text *t, int64_t no, int64_t count)
{
	text_addf(t, "-%05" PRId64 "-of-%05" PRId64 ".gguf", no + 1, count);
}

/* The path of all parts without their endings; ERR_FORMAT when this one's name is another. */
static int find_stem(struct text *stem, const char *path, const struct gguf_part *part,
		     struct err *err)
{
	struct text ending = { 0 };

	add_ending(&ending, part->no, part->count);
	if (text_ends_with(path, ending.data))
		text_add(stem, path, strlen(path) - ending.len);
	else
		err_set(err, ERR_FORMAT,
			"%s is part %" PRId64 " of %" PRId64
			" of a model: its name has to end in %s, "
			"so that the others are found beside it",
			path, part->no + 1, part->count, ending.data);
	text_release(&ending);
	return stem->data ? 0 : err->code;
}

static int open_part(struct checkpoint *ck, const char *path, int64_t no, int64_t count,
		     struct err *err)
{
	struct tensor_file *file = &ck->files[ck->n_files];
	struct gguf_part part;

	if (access(path, F_OK) != 0)
		return err_set(err, ERR_FORMAT,
			       "%s is in %" PRId64 " parts, of which %s, part %" PRId64
			       ", is missing",
			       ck->path, count, path, no + 1);
	if (gguf_open(file, path, err))
		return err->code;
	ck->n_files++;
	if (gguf_part(file, &part, err))
		return err->code;
	if (part.no == no && part.count == count)
		return 0;
	return err_set(err, ERR_FORMAT,
		       "%s says that it is part %" PRId64 " of %" PRId64
		       ", but by its name it is part "
		       "%" PRId64 " of %" PRId64,
		       path, part.no + 1, part.count, no + 1, count);
}

static int open_parts(struct checkpoint *ck, const struct gguf_part *first, struct err *err)
{
	struct text stem = { 0 }, path = { 0 };
	int rc = find_stem(&stem, ck->path, first, err);

	for (int64_t i = 0; i < first->count && !rc; i++) {
		text_clear(&path);
		text_adds(&path, stem.data);
		add_ending(&path, i, first->count);
		rc = open_part(ck, path.data, i, first->count, err);
	}
	text_release(&stem);
	text_release(&path);
	return rc;
}

static int order_of(struct bytes a, struct bytes b)
{
	int order = memcmp(a.data, b.data, a.len < b.len ? a.len : b.len);

	return order ? order : (a.len > b.len) - (a.len < b.len);
}

/* Keys that are one for each part. */
static bool is_of_part(struct bytes key)
{
	static const char *const keys[] = { "split.no", "general.alignment" };

	for (size_t i = 0; i < sizeof(keys) / sizeof(*keys); i++)
		if (strlen(keys[i]) == key.len && !memcmp(keys[i], key.data, key.len))
			return true;
	return false;
}

/* What a later part says again is what the first says, or it is a part of another model. */
static int check_keys(const struct tensor_file *first, const struct tensor_file *later,
		      struct err *err)
{
	const struct gguf_header *a = first->gguf, *b = later->gguf;

	for (size_t i = 0, k = 0; i < a->n_values && k < b->n_values;) {
		const struct gguf_value *x = &a->values[i], *y = &b->values[k];
		int order = order_of(x->key, y->key);

		i += order <= 0;
		k += order >= 0;
		if (order || is_of_part(x->key) ||
		    (x->type == y->type && x->element == y->element && x->n == y->n &&
		     !order_of(x->data, y->data)))
			continue;
		return err_set(err, ERR_FORMAT,
			       "%s has another %.*s than %s: it is part of another model",
			       later->path, (int)(x->key.len < 120 ? x->key.len : 120), x->key.data,
			       first->path);
	}
	return 0;
}

static int check_count(const struct checkpoint *ck, struct err *err)
{
	struct gguf_part part;
	int64_t n = 0;

	if (gguf_part(&ck->files[0], &part, err))
		return err->code;
	for (int i = 0; i < ck->n_files; i++)
		n += ck->files[i].n_tensors;
	if (part.n_tensors < 0 || part.n_tensors == n)
		return 0;
	return err_set(err, ERR_FORMAT,
		       "%s: split.tensors.count is %" PRId64 ", but its %d parts have %" PRId64
		       " tensors",
		       ck->files[0].path, part.n_tensors, ck->n_files, n);
}

int checkpoint_gguf_open(struct checkpoint *ck, struct err *err)
{
	struct tensor_file one;
	struct gguf_part part;

	if (gguf_open(&one, ck->path, err))
		return err->code;
	if (gguf_part(&one, &part, err)) {
		tensor_file_close(&one);
		return err->code;
	}
	if (part.count > MAX_PARTS) {
		tensor_file_close(&one);
		return err_set(err, ERR_FORMAT,
			       "%s: split.count is %" PRId64 ", at most %d are supported", ck->path,
			       part.count, MAX_PARTS);
	}
	ck->files = mem_calloc((size_t)part.count, sizeof(*ck->files));
	if (part.count > 1) {
		tensor_file_close(&one);
		if (open_parts(ck, &part, err))
			return err->code;
		for (int i = 1; i < ck->n_files; i++)
			if (check_keys(&ck->files[0], &ck->files[i], err))
				return err->code;
		return check_count(ck, err);
	}
	ck->files[ck->n_files++] = one;
	return check_count(ck, err);
}

/* ---- in a directory ------------------------------------------------------------------------ */

/* Whether the name is that of a part behind the first. */
static bool is_later_part(const char *name)
{
	return text_glob("*-[0-9][0-9][0-9][0-9][0-9]-of-[0-9][0-9][0-9][0-9][0-9].gguf", name) &&
	       !text_glob("*-00001-of-?????.gguf", name);
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static int ask_which(const char *dir, char **names, size_t n, struct err *err)
{
	struct text list = { 0 };

	for (size_t i = 0; i < n && i < MAX_NAMED; i++)
		text_addf(&list, "%s%s/%s", i ? ", " : "", dir, names[i]);
	if (n > MAX_NAMED)
		text_addf(&list, " and %zu more", n - MAX_NAMED);
	err_set(err, ERR_USAGE, "%s holds several GGUF files: give one of them, %s", dir,
		list.data);
	text_release(&list);
	return err->code;
}

static bool has(const char *dir, const char *name)
{
	struct text path = { 0 };

	text_addf(&path, "%s/%s", dir, name);
	bool there = access(path.data, F_OK) == 0;
	text_release(&path);
	return there;
}

int checkpoint_gguf_in(const char *dir, struct text *path, struct err *err)
{
	const struct dirent *entry;
	char **names = NULL;
	size_t n = 0, cap = 0;
	DIR *d;
	int rc;

	if (has(dir, "model.safetensors") || has(dir, "model.safetensors.index.json"))
		return 0;
	d = opendir(dir);
	while (d && (entry = readdir(d))) {
		if (entry->d_name[0] == '.' || !text_ends_with(entry->d_name, ".gguf") ||
		    is_later_part(entry->d_name))
			continue;
		names = mem_grow(names, n, &cap, sizeof(*names));
		names[n++] = mem_strdup(entry->d_name);
	}
	if (d)
		closedir(d);
	if (n > 1)
		qsort(names, n, sizeof(*names), by_text);
	rc = n > 1 ? ask_which(dir, names, n, err) : (int)n;
	if (rc == 1)
		text_addf(path, "%s%s%s", dir, text_ends_with(dir, "/") ? "" : "/", names[0]);
	for (size_t i = 0; i < n; i++)
		free(names[i]);
	free(names);
	return rc;
}
