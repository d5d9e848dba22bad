/*
 * variants.c -- making a copy of the teaching model, and finding it again.
 *
 * A copy is a folder of the cache that is named by what makes it: the rule, the keys of config.json
 * that are changed, the weights it was made of.  `sum` in it tells whether its weights are whole.
 */
#include "changes.h"
#include "weights.h"

#include "../cache/cache.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

#define RULES      "1" /* another when a rule of changes.c changes */
#define MAX_SUMMED ((size_t)64 << 20)

const struct variant variant_table[] = {
#define VARIANT(name, type, first, then, is_large, says)                                           \
	{ #name, first, then, says, VARIANT_##type, is_large },
#include "variants.def"
#undef VARIANT
};
const int variant_table_len = sizeof(variant_table) / sizeof(*variant_table);

static const struct variant plain = { .name = "config", .type = VARIANT_KEEP };

const struct variant *variant_find(const char *name)
{
	for (int i = 0; i < variant_table_len; i++)
		if (!strcmp(variant_table[i].name, name))
			return &variant_table[i];
	return NULL;
}

static void copy_release(struct copy *c)
{
	checkpoint_close(&c->from);
	cJSON_Delete(c->config);
	text_release(&c->key);
	text_release(&c->name);
}

/* ---- config.json ---------------------------------------------------------------------------- */

static void set_key(struct copy *c, const char *key, const char *value)
{
	struct err ignored = { 0 };
	cJSON *json = json_parse(value, strlen(value), key, &ignored);

	if (!json)
		json = cJSON_CreateString(value);
	cJSON_DeleteItemFromObjectCaseSensitive(c->config, key);
	cJSON_AddItemToObject(c->config, key, json);
	text_addf(&c->key, "%s=%s\n", key, value);
}

static void set_keys(struct copy *c, const struct course_section *s)
{
	const char *window = section_value(s, "window");
	const struct course_entry *e;
	int at = 0;

	if (window)
		set_key(c, "sliding_window", window);
	while ((e = section_next(s, "config.", &at)))
		set_key(c, e->key + strlen("config."), e->value);
}

/* 59 million parameters: a layer is as wide as it can be without being slow to write. */
static void set_large(struct copy *c)
{
	static const struct {
		const char *key, *value;
	} keys[] = {
		{ "hidden_size", "1024" },      { "intermediate_size", "2816" },
		{ "num_hidden_layers", "5" },   { "num_attention_heads", "16" },
		{ "num_key_value_heads", "4" }, { "head_dim", "64" },
	};

	for (size_t i = 0; i < sizeof(keys) / sizeof(*keys); i++)
		set_key(c, keys[i].key, keys[i].value);
}

static void set_type(struct copy *c)
{
	static const char *const names[] = {
		[VARIANT_F32] = "float32", [VARIANT_F16] = "float16", [VARIANT_BF16] = "bfloat16"
	};

	if (c->variant->type != VARIANT_KEEP)
		set_key(c, "torch_dtype", names[c->variant->type]);
}

/* ---- what is asked for ---------------------------------------------------------------------- */

static int open_copy(struct copy *c, const struct course_section *s, struct err *err)
{
	uint8_t hash[16];

	if (checkpoint_open(&c->from, c->room->model, CHECKPOINT_CONFIG | CHECKPOINT_WEIGHTS,
			    err) ||
	    checkpoint_hash(&c->from, c->room->pool, hash, err))
		return err->code;
	c->config =
		json_parse(c->from.config_json, strlen(c->from.config_json), "config.json", err);
	if (!c->config)
		return err->code;
	text_addf(&c->key, RULES "\n%s\n", c->variant->name);
	text_add(&c->key, hash, sizeof(hash));
	if (c->variant->is_large)
		set_large(c);
	set_type(c);
	if (s)
		set_keys(c, s);
	/* A recording says where its model lies, and a patient's may not say what it suffers from.
	 */
	text_addf(&c->name, "%s.%016llx", s ? "model" : c->variant->name,
		  (unsigned long long)XXH3_64bits(c->key.data, c->key.len));
	return 0;
}

/* ---- whether it is whole -------------------------------------------------------------------- */

/* Set *sum to what `sum` says of the weights in the folder; false: they cannot be read. */
static bool sum_of(const char *folder, struct text *sum)
{
	struct text path = { 0 }, bytes = { 0 };
	struct err ignored = { 0 };
	struct stat st;
	bool ok;

	text_addf(&path, "%s/model.safetensors", folder);
	ok = stat(path.data, &st) == 0;
	if (ok && (size_t)st.st_size <= MAX_SUMMED)
		ok = text_read_regular(&bytes, path.data, MAX_SUMMED, &ignored) == 0;
	if (ok)
		text_addf(sum, "%lld %016llx\n", (long long)st.st_size,
			  (unsigned long long)XXH3_64bits(bytes.data ? bytes.data : "", bytes.len));
	text_release(&path);
	text_release(&bytes);
	return ok;
}

static bool is_whole(const char *folder)
{
	struct text path = { 0 }, said = { 0 }, sum = { 0 };
	struct err ignored = { 0 };
	bool ok;

	text_addf(&path, "%s/sum", folder);
	ok = text_read_regular(&said, path.data, 200, &ignored) == 0 && sum_of(folder, &sum) &&
	     said.len == sum.len && !memcmp(said.data, sum.data, sum.len);
	text_release(&path);
	text_release(&said);
	text_release(&sum);
	return ok;
}

/* ---- making it ------------------------------------------------------------------------------ */

static int write_text(const char *folder, const char *name, const char *data, size_t len,
		      struct err *err)
{
	struct text path = { 0 };
	int result;

	text_addf(&path, "%s/%s", folder, name);
	result = text_write_file(path.data, data, len, err);
	text_release(&path);
	return result;
}

/* The files beside the weights that a model may have. */
static int copy_files(const struct copy *c, const char *folder, struct err *err)
{
	static const char *const names[] = { "tokenizer.json", "tokenizer_config.json",
					     "generation_config.json" };
	int result = 0;

	for (size_t i = 0; i < sizeof(names) / sizeof(*names) && result == 0; i++) {
		struct text path = { 0 }, data = { 0 };

		text_addf(&path, "%s/%s", c->from.path, names[i]);
		if (access(path.data, F_OK) == 0)
			result = text_read_regular(&data, path.data, (size_t)64 << 20, err);
		if (result == 0 && data.data)
			result = write_text(folder, names[i], data.data, data.len, err);
		text_release(&path);
		text_release(&data);
	}
	return result;
}

static int write_weights(struct copy *c, const char *folder, struct err *err)
{
	struct weights_plan plan = { 0 };
	struct text path = { 0 };
	int result;

	if (c->variant->is_large)
		weights_plan_random(c->variant, c->from.config.n_vocab, &plan);
	else
		weights_plan_copy(c, &plan);
	text_addf(&path, "%s/model.safetensors", folder);
	result = weights_write(&plan, path.data, err);
	text_release(&path);
	weights_plan_release(&plan);
	return result;
}

static int write_copy(struct copy *c, const char *folder, struct err *err)
{
	char *config = cJSON_Print(c->config);
	struct text sum = { 0 };
	int result;

	if (mkdir(folder, 0777))
		result = err_set(err, err_of_errno(errno), "cannot make %s: %s", folder,
				 strerror(errno));
	else
		result = write_weights(c, folder, err);
	if (result == 0)
		result = copy_files(c, folder, err);
	if (result == 0)
		result = write_text(folder, "config.json", config, strlen(config), err);
	if (result == 0 && sum_of(folder, &sum))
		result = write_text(folder, "sum", sum.data, sum.len, err);
	text_release(&sum);
	cJSON_free(config);
	return result;
}

/* Give it its name; where another process was faster, what is there is as good. */
static int name_copy(const char *aside, const char *path, struct err *err)
{
	if (rename(aside, path) == 0)
		return 0;
	if (is_whole(path)) {
		cache_remove(aside);
		return 0;
	}
	cache_remove(path);
	if (rename(aside, path) == 0)
		return 0;
	return err_set(err, err_of_errno(errno), "cannot put a copy of the model at %s: %s", path,
		       strerror(errno));
}

static int make(struct copy *c, const char *folder, const char *path, struct err *err)
{
	struct text aside = { 0 };
	int result;

	cache_aside(folder, c->name.data, &aside);
	cache_remove(aside.data);
	result = write_copy(c, aside.data, err);
	if (result == 0)
		result = name_copy(aside.data, path, err);
	if (result)
		cache_remove(aside.data);
	text_release(&aside);
	return result;
}

/* The copy of a variant with the keys of a section (NULL: none); `makes` false: only if it is
 * there. */
static int find(const struct classroom *room, const struct variant *v,
		const struct course_section *s, bool makes, struct text *path, struct err *err)
{
	struct copy c = { .room = room, .variant = v };
	struct text folder = { 0 };
	int result = open_copy(&c, s, err);

	if (result == 0)
		result = cache_folder(room, "models", &folder, err);
	if (result == 0) {
		text_clear(path);
		text_addf(path, "%s/%s", folder.data, c.name.data);
		if (is_whole(path->data)) {
			cache_use(path->data);
		} else {
			cache_sweep(folder.data, CACHE_LARGE);
			result = makes ? make(&c, folder.data, path->data, err)
				       : err_set(err, ERR_NO, "%s is not there", path->data);
		}
	}
	text_release(&folder);
	copy_release(&c);
	return result;
}

/* ---- by name -------------------------------------------------------------------------------- */

static int no_variant(const char *name, struct err *err)
{
	struct text_near near = { .name = name };
	char names[600];

	for (int i = 0; i < variant_table_len; i++)
		text_near_offer(&near, variant_table[i].name, -1);
	return err_set(err, ERR_USAGE, "the teaching model has no variant '%s'; nearest: %s", name,
		       text_near_format(&near, names, sizeof(names)));
}

int lesson_variant(const struct classroom *room, const char *name, struct text *path,
		   struct err *err)
{
	const struct variant *v = variant_find(name);

	return v ? find(room, v, NULL, true, path, err) : no_variant(name, err);
}

bool lesson_variant_is_there(const struct classroom *room, const char *name, struct text *path)
{
	const struct variant *v = variant_find(name);
	struct err ignored = { 0 };

	return v && find(room, v, NULL, false, path, &ignored) == 0;
}

int variant_of_section(const struct classroom *room, const struct course_section *s,
		       struct text *path, struct err *err)
{
	const char *name = section_value(s, "variant");
	const struct variant *v = name ? variant_find(name) : &plain;
	int at = 0;

	if (!v)
		return no_variant(name, err);
	if (!name && !section_value(s, "window") && !section_next(s, "config.", &at)) {
		text_clear(path);
		text_adds(path, room->model);
		return 0;
	}
	if (v->is_large)
		return err_set(err, ERR_FORMAT,
			       "checks.conf: [%s]: %s is too large for a recording", s->name, name);
	return find(room, v, s, true, path, err);
}
