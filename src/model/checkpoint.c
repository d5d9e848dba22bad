/*
 * checkpoint.c -- open a model on disk: a Hugging Face directory, one packed file, or GGUF.
 *
 * All end as the same structure: texts, a config, mapped files of tensors.  What is not a
 * checkpoint is answered with what it seems to be and the script that makes one of it.
 */
#include "torchless/checkpoint.h"
#include "checkpoint_chat.h"
#include "checkpoint_gguf.h"
#include "checkpoint_names.h"
#include "torchless/gguf.h"
#include "torchless/mem.h"
#include "torchless/safetensors.h"
#include "torchless/utf8.h"
#include "torchless/what_is.h"
#include "what_path.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* The largest real ones: 4 kB, 35 MB, 1 MB of index for 1 TB of weights. */
#define MAX_CONFIG_BYTES    ((size_t)16 << 20)
#define MAX_TOKENIZER_BYTES ((size_t)256 << 20)
#define MAX_SHARDS          4096

/* ---- the texts ----------------------------------------------------------------------------- */

/* The texts of a checkpoint, by the names they have in a directory and in __metadata__. */
struct texts {
	struct text config, generation, tokenizer, tokenizer_config, special_tokens_map,
		added_tokens;
};

struct text_slot {
	const char *name;
	size_t offset;
	unsigned part;     /* read when one of these parts is asked for */
	unsigned required; /* by these parts */
	size_t max_bytes;
};

static const struct text_slot text_slots[] = {
	{ "config.json", offsetof(struct texts, config), CHECKPOINT_CONFIG | CHECKPOINT_TOKENIZER,
	  CHECKPOINT_CONFIG, MAX_CONFIG_BYTES },
	{ "generation_config.json", offsetof(struct texts, generation), CHECKPOINT_CONFIG, 0,
	  MAX_CONFIG_BYTES },
	{ "tokenizer.json", offsetof(struct texts, tokenizer), CHECKPOINT_TOKENIZER,
	  CHECKPOINT_TOKENIZER, MAX_TOKENIZER_BYTES },
	{ "tokenizer_config.json", offsetof(struct texts, tokenizer_config), CHECKPOINT_TOKENIZER,
	  0, MAX_TOKENIZER_BYTES },
	{ "special_tokens_map.json", offsetof(struct texts, special_tokens_map),
	  CHECKPOINT_TOKENIZER, 0, MAX_CONFIG_BYTES },
	{ "added_tokens.json", offsetof(struct texts, added_tokens), CHECKPOINT_TOKENIZER, 0,
	  MAX_CONFIG_BYTES },
};
#define N_TEXTS (sizeof(text_slots) / sizeof(*text_slots))

/* Of tokenizer.json alone nothing else is read, not even to refuse it. */
static bool is_read(const struct text_slot *slot, unsigned parts)
{
	return parts & (parts & CHECKPOINT_RAW ? slot->required : slot->part);
}

static bool reads_chat(unsigned parts)
{
	return parts & CHECKPOINT_TOKENIZER && !(parts & CHECKPOINT_RAW);
}

static struct text *slot_text(struct texts *t, const struct text_slot *slot)
{
	return (struct text *)((char *)t + slot->offset);
}

static void texts_release(struct texts *t)
{
	for (size_t i = 0; i < N_TEXTS; i++)
		text_release(slot_text(t, &text_slots[i]));
}

/* "dir/name"; free() it. */
static char *join(const char *dir, const char *name)
{
	struct text path = { 0 };
	size_t len = strlen(dir);

	text_adds(&path, dir);
	if (len && dir[len - 1] != '/')
		text_addc(&path, '/');
	text_adds(&path, name);
	return path.data;
}

/* A file that cannot be looked at is there: reading it says why it cannot be read. */
static bool is_missing(const char *path)
{
	return access(path, F_OK) != 0 && (errno == ENOENT || errno == ENOTDIR);
}

static bool exists(const char *dir, const char *name)
{
	char *path = join(dir, name);
	bool there = !is_missing(path);

	free(path);
	return there;
}

/* Read a regular file: a FIFO in a model directory would make us wait for ever. */
static int read_regular(struct text *t, const char *path, size_t max_bytes, struct err *err)
{
	struct stat sb;

	if (stat(path, &sb) == 0 && !S_ISREG(sb.st_mode))
		return err_set(err, ERR_FORMAT, "%s is no regular file", path);
	if (text_read_file(t, path, max_bytes, err))
		return err->code;
	return what_is_refuse_bytes(path, t->data ? t->data : "", t->len < 512 ? t->len : 512,
				    WHAT_JSON, err);
}

static int read_texts_of_directory(struct texts *t, const char *dir, unsigned parts,
				   struct err *err)
{
	for (size_t i = 0; i < N_TEXTS; i++) {
		const struct text_slot *slot = &text_slots[i];
		char *path = join(dir, slot->name);
		int rc = 0;

		if (is_read(slot, parts) && !is_missing(path))
			rc = read_regular(slot_text(t, slot), path, slot->max_bytes, err);
		else if (parts & slot->required)
			rc = what_lacks_text(dir, slot->name, err);
		else if (is_read(slot, parts))
			rc = what_dangles(dir, slot->name, err);
		free(path);
		if (rc)
			return rc;
	}
	return 0;
}

static int has_no_config(const char *path, struct err *err)
{
	struct text remedy = { 0 };

	what_is_add_remedy(&remedy,
			   "give the directory it lies in, or a file made by "
			   "`scripts/export_mistral.py FOLDER -o packed.safetensors`",
			   path);
	err_set(err, ERR_FORMAT, "%s holds tensors but no config: %s", path, remedy.data);
	text_release(&remedy);
	return err->code;
}

static int read_texts_of_file(struct texts *t, const struct tensor_file *st, unsigned parts,
			      struct err *err)
{
	const char *format = cJSON_GetStringValue(json_get(st->metadata, "torchless.format"));

	if (!format)
		return has_no_config(st->path, err);
	if (strcmp(format, "1") != 0)
		return err_set(err, ERR_FORMAT,
			       "%s has torchless.format %.20s but this program reads format 1",
			       st->path, format);
	for (size_t i = 0; i < N_TEXTS; i++) {
		const struct text_slot *slot = &text_slots[i];
		const char *text = cJSON_GetStringValue(json_get(st->metadata, slot->name));

		if (is_read(slot, parts) && text)
			text_adds(slot_text(t, slot), text);
		else if (parts & slot->required)
			return err_set(err, ERR_FORMAT, "%s carries no %s in its __metadata__",
				       st->path, slot->name);
	}
	return 0;
}

/* Take what is read out of `t`: a NUL-terminated text, NULL when there was none. */
static char *detach(struct text *t, size_t *len)
{
	char *data = t->data;

	if (len)
		*len = t->len;
	*t = (struct text){ 0 };
	return data;
}

/* Without a name of its own a model is called as its directory or file. */
static void name_after_path(struct config *c, const char *path)
{
	char *whole = realpath(path, NULL);
	struct text shown = { 0 }, id = { 0 };
	/* In the hub's cache the directory is called by a commit. */
	const char *name = whole && hub_cache_model(whole, &id) ? id.data : whole ? whole : path;

	name = strrchr(name, '/') && name != path ? strrchr(name, '/') + 1 : name;
	text_add_escaped(&shown, name, strlen(name));
	text_release(&id);
	if (shown.len >= sizeof(c->name))
		shown.len = utf8_complete(shown.data, sizeof(c->name) - 1);
	memcpy(c->name, shown.data ? shown.data : "", shown.len);
	c->name[shown.len] = '\0';
	text_release(&shown);
	free(whole);
}

static int parse_config(struct checkpoint *ck, struct texts *t, const char *what, struct err *err)
{
	cJSON *config = json_parse_python(t->config.data, t->config.len, what, err),
	      *generation = NULL;
	struct text where = { 0 };
	int rc = config ? 0 : err->code;

	text_addf(&where, "%s%s", ck->path, ck->is_packed ? ": " : "/");
	text_adds(&where, "generation_config.json");
	if (!rc && t->generation.len) {
		generation =
			json_parse_python(t->generation.data, t->generation.len, where.data, err);
		rc = generation ? 0 : err->code;
	}
	if (!rc)
		rc = config_parse(&ck->config, config, generation, what, err);
	if (!rc && !ck->config.name[0])
		name_after_path(&ck->config, ck->path);
	cJSON_Delete(config);
	cJSON_Delete(generation);
	text_release(&where);
	return rc;
}

/* Hand the texts over to the checkpoint and read the config. */
static int take_texts(struct checkpoint *ck, struct texts *t, unsigned parts, struct err *err)
{
	struct text what = { 0 };
	int rc = 0;

	text_addf(&what, ck->is_packed ? "%s: config.json" : "%s/config.json", ck->path);
	if (parts & CHECKPOINT_CONFIG)
		rc = parse_config(ck, t, what.data, err);
	text_release(&what);
	if (rc)
		return rc;
	ck->config_json = detach(&t->config, NULL);
	ck->tokenizer_json = detach(&t->tokenizer, &ck->tokenizer_json_len);
	ck->tokenizer_config_json = detach(&t->tokenizer_config, NULL);
	ck->special_tokens_map_json = detach(&t->special_tokens_map, NULL);
	ck->added_tokens_json = detach(&t->added_tokens, NULL);
	return 0;
}

/* ---- the weights of a directory ------------------------------------------------------------ */

/* Open one more file; `name` is a plain name inside the checkpoint. */
static int add_file(struct checkpoint *ck, const char *name, struct err *err)
{
	char *path = join(ck->path, name);

	ck->files = mem_realloc(ck->files, (size_t)ck->n_files + 1, sizeof(*ck->files));
	int rc = what_is_refuse(path, WHAT_WEIGHTS, err);
	if (!rc)
		rc = safetensors_open(&ck->files[ck->n_files], path, err);
	ck->n_files += rc == 0;
	free(path);
	return rc;
}

struct weight_entry {
	const char *tensor, *file;
};

static int by_file(const void *a, const void *b)
{
	const struct weight_entry *x = a, *y = b;
	int order = strcmp(x->file, y->file);

	return order ? order : strcmp(x->tensor, y->tensor);
}

/* A file name that cannot leave the directory, whatever the system makes of dots. */
static bool is_plain_name(const char *name)
{
	return *name && !strchr(name, '/') && strcmp(name, ".") != 0 && strcmp(name, "..") != 0;
}

/* The entries of weight_map, sorted by file; *n of them.  NULL and err on failure. */
static struct weight_entry *read_weight_map(const cJSON *index, const char *path, size_t *n,
					    struct err *err)
{
	const cJSON *map = json_get(index, "weight_map"), *item;
	struct weight_entry *entries = NULL;
	size_t cap = 0;

	*n = 0;
	if (!cJSON_IsObject(map) || !map->child) {
		err_set(err, ERR_FORMAT, "%s has no weight_map that names tensors", path);
		return NULL;
	}
	cJSON_ArrayForEach(item, map)
	{
		const char *file = cJSON_GetStringValue(item);
		if (!file || !is_plain_name(file)) {
			err_set(err, ERR_FORMAT,
				"%s: weight_map puts %.200s into \"%.200s\", which is no plain "
				"file name inside the directory",
				path, item->string, file ? file : "(no string)");
			free(entries);
			return NULL;
		}
		entries = mem_grow(entries, *n, &cap, sizeof(*entries));
		entries[(*n)++] = (struct weight_entry){ item->string, file };
	}
	qsort(entries, *n, sizeof(*entries), by_file);
	return entries;
}

/* Open every shard once and see that it holds what the index says. */
static int open_shards(struct checkpoint *ck, const struct weight_entry *entries, size_t n,
		       const char *index_path, struct err *err)
{
	for (size_t i = 0; i < n; i++) {
		if (i == 0 || strcmp(entries[i].file, entries[i - 1].file) != 0) {
			if (ck->n_files == MAX_SHARDS)
				return err_set(err, ERR_FORMAT, "%s names more than %d shards",
					       index_path, MAX_SHARDS);
			if (!exists(ck->path, entries[i].file))
				return err_set(err, ERR_FORMAT,
					       "%s names the shard %.200s, which is missing",
					       index_path, entries[i].file);
			if (add_file(ck, entries[i].file, err))
				return err->code;
		}
		const struct tensor_file *shard = &ck->files[ck->n_files - 1];
		if (!tensor_file_find(shard, entries[i].tensor))
			return err_set(err, ERR_FORMAT, "%s has no %.200s, which %s puts there",
				       shard->path, entries[i].tensor, index_path);
	}
	return 0;
}

/*
 * metadata.total_size is not held against the shards: tools that merge or convert models leave it
 * stale, transformers does not read it, and the shards' own headers say all.
 */
static int open_index(struct checkpoint *ck, const char *index_path, struct err *err)
{
	struct text text = { 0 };
	cJSON *index = NULL;
	struct weight_entry *entries = NULL;
	size_t n;
	int rc = read_regular(&text, index_path, MAX_TOKENIZER_BYTES, err);

	if (!rc) {
		index = json_parse(text.data, text.len, index_path, err);
		entries = index ? read_weight_map(index, index_path, &n, err) : NULL;
		rc = entries ? open_shards(ck, entries, n, index_path, err) : err->code;
	}
	free(entries);
	cJSON_Delete(index);
	text_release(&text);
	return rc;
}

struct owned_name {
	const char *name;
	int file;
};

static int by_owned_name(const void *a, const void *b)
{
	return strcmp(((const struct owned_name *)a)->name, ((const struct owned_name *)b)->name);
}

/* No tensor may lie in two shards: which one counts would depend on who reads them. */
static int check_no_tensor_twice(const struct checkpoint *ck, struct err *err)
{
	size_t n = 0, k = 0;
	int rc = 0;

	for (int f = 0; f < ck->n_files; f++)
		n += (size_t)ck->files[f].n_tensors;
	struct owned_name *names = mem_calloc(n, sizeof(*names));
	for (int f = 0; f < ck->n_files; f++) {
		for (int i = 0; i < ck->files[f].n_tensors; i++)
			names[k++] = (struct owned_name){ ck->files[f].tensors[i].name, f };
	}
	if (n > 1)
		qsort(names, n, sizeof(*names), by_owned_name);
	for (size_t i = 1; i < n && !rc; i++) {
		if (names[i].file != names[i - 1].file && !strcmp(names[i].name, names[i - 1].name))
			rc = err_set(err, ERR_FORMAT, "%.200s is both in %s and in %s",
				     names[i].name, ck->files[names[i - 1].file].path,
				     ck->files[names[i].file].path);
	}
	free(names);
	return rc;
}

/* As transformers looks for them: one file first, then shards. */
static int open_weights_of_directory(struct checkpoint *ck, struct err *err)
{
	if (exists(ck->path, "model.safetensors"))
		return add_file(ck, "model.safetensors", err);
	if (!exists(ck->path, "model.safetensors.index.json"))
		return what_lacks_weights(ck->path, err);
	char *index_path = join(ck->path, "model.safetensors.index.json");
	int rc = open_index(ck, index_path, err);
	free(index_path);
	return rc ? rc : check_no_tensor_twice(ck, err);
}

/* ---- opening ------------------------------------------------------------------------------- */

bool checkpoint_is_weight(const struct checkpoint *ck, const struct file_tensor *t)
{
	static const char derived[] = ".rotary_emb.inv_freq";
	size_t len = strlen(t->name), end = sizeof(derived) - 1;

	if (t->derived)
		return false;
	if (ck->config.tied_embeddings && !strcmp(t->name, "lm_head.weight"))
		return false;
	return len < end || strcmp(t->name + len - end, derived) != 0;
}

static void add_size(int64_t *sum, int64_t n)
{
	if (!mem_add(*sum, n, sum))
		*sum = INT64_MAX;
}

static void count_weights(struct checkpoint *ck)
{
	int64_t n[DTYPE_COUNT] = { 0 };

	/* Tensors may share their data, so the sum has no bound. */
	for (int f = 0; f < ck->n_files; f++) {
		for (int i = 0; i < ck->files[f].n_tensors; i++) {
			const struct file_tensor *t = &ck->files[f].tensors[i];
			if (!checkpoint_is_weight(ck, t))
				continue;
			add_size(&ck->n_params, t->numel);
			add_size(&ck->weight_bytes, t->bytes);
			if (!t->unsupported)
				add_size(&n[t->t.dtype], t->numel);
		}
	}
	for (int d = 0; d < DTYPE_COUNT; d++) {
		if (n[d] > n[ck->weight_dtype])
			ck->weight_dtype = (enum dtype)d;
	}
}

static int open_directory(struct checkpoint *ck, struct texts *t, unsigned parts, struct err *err)
{
	if (read_texts_of_directory(t, ck->path, parts, err))
		return err->code;
	if (take_texts(ck, t, parts, err))
		return err->code;
	if (reads_chat(parts) && chat_file_of_directory(&ck->chat, ck->path, err))
		return err->code;
	return parts & CHECKPOINT_WEIGHTS ? open_weights_of_directory(ck, err) : 0;
}

/* What a directory has as files is made of the keys here. */
static int read_texts_of_gguf(struct texts *t, const struct checkpoint *ck, unsigned parts,
			      struct err *err)
{
	if (parts & (CHECKPOINT_CONFIG | CHECKPOINT_WEIGHTS) &&
	    gguf_config(ck->files, ck->n_files, &t->config, &t->generation, err))
		return err->code;
	if (!(parts & CHECKPOINT_TOKENIZER))
		return 0;
	if (gguf_tokenizer(&ck->files[0], &t->tokenizer, &t->tokenizer_config, err))
		return err->code;
	if (parts & CHECKPOINT_RAW)
		text_release(&t->tokenizer_config);
	return 0;
}

static int open_gguf(struct checkpoint *ck, struct texts *t, unsigned parts, struct err *err)
{
	ck->is_packed = ck->is_gguf = true;
	/* The order of rows follows from the config. */
	if (parts & CHECKPOINT_WEIGHTS)
		parts |= CHECKPOINT_CONFIG;
	if (checkpoint_gguf_open(ck, err) || check_no_tensor_twice(ck, err) ||
	    read_texts_of_gguf(t, ck, parts, err) || take_texts(ck, t, parts, err))
		return err->code;
	for (int f = 0; f < ck->n_files && parts & CHECKPOINT_WEIGHTS; f++) {
		if (gguf_order_rows(&ck->files[f], &ck->config, err))
			return err->code;
		ck->copied_bytes += ck->files[f].rows_bytes;
	}
	return 0;
}

static int open_packed(struct checkpoint *ck, struct texts *t, unsigned parts, struct err *err)
{
	ck->is_packed = true;
	if (what_is_refuse(ck->path, WHAT_MODEL, err))
		return err->code;
	if (gguf_is(ck->path))
		return open_gguf(ck, t, parts, err);
	ck->files = mem_calloc(1, sizeof(*ck->files));
	if (safetensors_open(&ck->files[0], ck->path, err))
		return err->code;
	ck->n_files = 1;
	if (read_texts_of_file(t, &ck->files[0], parts, err))
		return err->code;
	if (parts & CHECKPOINT_TOKENIZER)
		chat_file_of_metadata(&ck->chat, ck->files[0].metadata);
	return take_texts(ck, t, parts, err);
}

/* A directory whose weights are one GGUF model is that model. */
static int open_folder(struct checkpoint *ck, struct texts *t, unsigned parts, struct err *err)
{
	struct text gguf = { 0 };
	int found = checkpoint_gguf_in(ck->path, &gguf, err);

	if (found != 1) {
		text_release(&gguf);
		return found ? found : open_directory(ck, t, parts, err);
	}
	free(ck->path);
	ck->path = gguf.data;
	return open_packed(ck, t, parts, err);
}

int checkpoint_open(struct checkpoint *ck, const char *path, unsigned parts, struct err *err)
{
	struct texts texts = { 0 };
	struct text resolved = { 0 };
	struct stat sb;
	int rc;

	*ck = (struct checkpoint){ 0 };
	if (stat(path, &sb))
		return what_missing_path(path, err);
	if (hub_cache_resolve(path, &resolved, err)) {
		text_release(&resolved);
		return err->code;
	}
	ck->path = resolved.data;
	rc = S_ISDIR(sb.st_mode) ? open_folder(ck, &texts, parts, err)
				 : open_packed(ck, &texts, parts, err);
	texts_release(&texts);
	if (!rc)
		rc = checkpoint_resolve_names(ck, err);
	if (rc)
		checkpoint_close(ck);
	else
		count_weights(ck);
	return rc;
}

void checkpoint_close(struct checkpoint *ck)
{
	for (int i = 0; i < ck->n_files; i++)
		tensor_file_close(&ck->files[i]);
	free(ck->files);
	free(ck->path);
	free(ck->config_json);
	free(ck->tokenizer_json);
	free(ck->tokenizer_config_json);
	free(ck->special_tokens_map_json);
	free(ck->added_tokens_json);
	chat_file_release(&ck->chat);
	*ck = (struct checkpoint){ 0 };
}
