/* Unit tests of checkpoints: directories, shards, packed files, their hash and their NaNs. */
#include "torchless/checkpoint.h"
#include "torchless/threads.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- a directory to build checkpoints in ---------------------------------------------------- */

static char dir[64], model[96];

static void make_dir(void)
{
	char cache[96];

	strcpy(dir, "/tmp/torchless-ck-XXXXXX");
	cr_assert_not_null(mkdtemp(dir));
	snprintf(model, sizeof(model), "%s/tiny", dir);
	mkdir(model, 0700);
	snprintf(cache, sizeof(cache), "%s/cache", dir);
	mkdir(cache, 0700);
	setenv("XDG_CACHE_HOME", cache, 1);
}

static void drop_dir(void)
{
	char command[128];

	snprintf(command, sizeof(command), "rm -rf '%s'", dir);
	cr_assert_eq(system(command), 0);
}

static const char *path_of(const char *name)
{
	static char path[4][256];
	static int turn;
	char *p = path[turn++ % 4];

	snprintf(p, sizeof(path[0]), "%s/%s", model, name);
	return p;
}

static void put_bytes(const char *name, const void *data, size_t len)
{
	FILE *f = fopen(path_of(name), "wb");

	cr_assert_not_null(f);
	cr_assert_eq(fwrite(data, 1, len, f), len);
	fclose(f);
}

static void put(const char *name, const char *text)
{
	put_bytes(name, text, strlen(text));
}

/* A tensor to write: `n` 16-bit words. */
struct words {
	const char *name, *dtype;
	int n;
	const uint16_t *data;
};

/* Write tensors (the last one has no name) one after the other, with this metadata. */
static void put_tensors(const char *name, const char *metadata, const struct words *w)
{
	struct text header = { 0 }, file = { 0 };
	size_t at = 0, bytes = 0;

	text_addf(&header, "{\"__metadata__\":%s", metadata);
	for (int i = 0; w[i].name; i++, at += bytes) {
		bytes = 2 * (size_t)w[i].n;
		int elements = (int)bytes / (w[i].dtype[0] == 'F' && w[i].dtype[1] == '3' ? 4 : 2);
		text_addf(&header,
			  ",\"%s\":{\"dtype\":\"%s\",\"shape\":[%d],\"data_offsets\":[%zu,%zu]}",
			  w[i].name, w[i].dtype, elements, at, at + bytes);
	}
	text_addc(&header, '}');
	for (int i = 0; i < 8; i++)
		text_addc(&file, (char)(header.len >> 8 * i));
	text_add(&file, header.data, header.len);
	for (int i = 0; w[i].name; i++)
		text_add(&file, w[i].data, 2 * (size_t)w[i].n);
	put_bytes(name, file.data, file.len);
	text_release(&header);
	text_release(&file);
}

#define CONFIG                                                                                     \
	"{\"model_type\":\"mistral\",\"hidden_size\":8,\"num_attention_heads\":2,"                 \
	"\"num_key_value_heads\":1,\"eos_token_id\":2}"
#define TIED                                                                                       \
	"{\"model_type\":\"mistral\",\"hidden_size\":8,\"num_attention_heads\":2,"                 \
	"\"num_key_value_heads\":1,\"tie_word_embeddings\":true}"

static const uint16_t numbers[] = { 1, 2, 3, 4, 5, 6, 7, 8 };
#define W_A                                                                                        \
	{                                                                                          \
		"a.weight", "F16", 2, numbers                                                      \
	}
#define W_B                                                                                        \
	{                                                                                          \
		"b.weight", "BF16", 4, numbers + 2                                                 \
	}
#define END                                                                                        \
	{                                                                                          \
		NULL, NULL, 0, NULL                                                                \
	}

static void put_plain_model(void)
{
	put("config.json", CONFIG);
	put_tensors("model.safetensors", "null", (struct words[]){ W_A, W_B, END });
}

static void put_sharded_model(const char *weight_map)
{
	struct text index = { 0 };

	put("config.json", CONFIG);
	put_tensors("s1.safetensors", "null", (struct words[]){ W_A, END });
	put_tensors("s2.safetensors", "null", (struct words[]){ W_B, END });
	text_addf(&index, "{\"metadata\":{\"total_size\":12},\"weight_map\":%s}", weight_map);
	put("model.safetensors.index.json", index.data);
	text_release(&index);
}

#define GOOD_MAP "{\"a.weight\":\"s1.safetensors\",\"b.weight\":\"s2.safetensors\"}"
#define MODEL    (CHECKPOINT_CONFIG | CHECKPOINT_WEIGHTS)

static void assert_refused(const char *path, unsigned parts, int code, const char *a, const char *b)
{
	struct checkpoint ck;
	struct err err = { 0 };

	cr_assert_eq(checkpoint_open(&ck, path, parts, &err), code, "%s", err.message);
	cr_expect_not_null(strstr(err.message, a), "%s lacks %s", err.message, a);
	cr_expect_not_null(strstr(err.message, b), "%s lacks %s", err.message, b);
	cr_expect_null(ck.files);
	cr_expect_null(ck.path);
}

static void open_model(struct checkpoint *ck, const char *path)
{
	struct err err = { 0 };

	cr_assert_eq(checkpoint_open(ck, path, MODEL, &err), 0, "%s", err.message);
}

/* ---- directories ---------------------------------------------------------------------------- */

Test(checkpoint, one_file, .init = make_dir, .fini = drop_dir)
{
	struct checkpoint ck;
	const struct tensor_file *file = NULL;

	put_plain_model();
	open_model(&ck, model);
	cr_assert_eq(ck.n_files, 1);
	cr_assert_eq(ck.n_params, 6);
	cr_assert_eq(ck.weight_bytes, 12);
	cr_assert_eq(ck.weight_dtype, DTYPE_BF16);
	cr_assert_eq(ck.config.d_model, 8);
	cr_assert_str_eq(ck.config.name, "tiny");
	cr_assert_str_eq(ck.config_json, CONFIG);
	cr_assert_null(ck.tokenizer_json);
	cr_assert_not(ck.is_packed);
	cr_assert_eq(tensor_get(&checkpoint_find(&ck, "a.weight", &file)->t, 0), 0x1p-24);
	cr_assert_eq(file, &ck.files[0]);
	cr_assert_null(checkpoint_find(&ck, "c.weight", NULL));
	checkpoint_close(&ck);
	cr_assert_null(ck.path);
}

Test(checkpoint, a_tokenizer_needs_nothing_else, .init = make_dir, .fini = drop_dir)
{
	struct checkpoint ck;
	struct err err = { 0 };

	assert_refused(model, CHECKPOINT_TOKENIZER, ERR_FORMAT, model, "tokenizer.json");
	put("tokenizer.model", "x");
	assert_refused(model, CHECKPOINT_TOKENIZER, ERR_FORMAT, "tokenizer.model",
		       "save_pretrained");
	put_bytes("tokenizer.json", "{\0}", 3);
	cr_assert_eq(checkpoint_open(&ck, model, CHECKPOINT_TOKENIZER, &err), 0);
	cr_assert_eq(ck.tokenizer_json_len, 3);
	cr_assert_arr_eq(ck.tokenizer_json, "{\0}", 4);
	cr_assert_null(ck.tokenizer_config_json);
	checkpoint_close(&ck);
	put("tokenizer_config.json", "{}");
	cr_assert_eq(checkpoint_open(&ck, model, CHECKPOINT_TOKENIZER, &err), 0);
	cr_assert_str_eq(ck.tokenizer_config_json, "{}");
	checkpoint_close(&ck);
}

Test(checkpoint, generation_config_adds_end_tokens, .init = make_dir, .fini = drop_dir)
{
	struct checkpoint ck;

	put_plain_model();
	put("generation_config.json", "{\"eos_token_id\":[2,7]}");
	open_model(&ck, model);
	cr_assert(ck.config.n_eos == 2 && config_is_eos(&ck.config, 7));
	checkpoint_close(&ck);
	put("generation_config.json", "{");
	assert_refused(model, MODEL, ERR_FORMAT, "generation_config.json", "not valid JSON");
}

Test(checkpoint, shards, .init = make_dir, .fini = drop_dir)
{
	struct checkpoint ck;
	const struct tensor_file *file = NULL;

	put_sharded_model(GOOD_MAP);
	open_model(&ck, model);
	cr_assert_eq(ck.n_files, 2);
	cr_assert_eq(ck.n_params, 6);
	cr_assert_not_null(checkpoint_find(&ck, "b.weight", &file));
	cr_assert_str_eq(file->path, path_of("s2.safetensors"));
	checkpoint_close(&ck);

	/* transformers looks for the one file first */
	put_tensors("model.safetensors", "null", (struct words[]){ W_A, END });
	open_model(&ck, model);
	cr_assert_eq(ck.n_files, 1);
	cr_assert_null(checkpoint_find(&ck, "b.weight", NULL));
	checkpoint_close(&ck);
}

Test(checkpoint, a_shard_may_be_a_link, .init = make_dir, .fini = drop_dir)
{
	struct checkpoint ck;
	char elsewhere[128];

	put_sharded_model(GOOD_MAP);
	snprintf(elsewhere, sizeof(elsewhere), "%s/blob", dir);
	cr_assert_eq(rename(path_of("s1.safetensors"), elsewhere), 0);
	cr_assert_eq(symlink(elsewhere, path_of("s1.safetensors")), 0);
	open_model(&ck, model);
	checkpoint_close(&ck);
}

Test(checkpoint, bad_indexes, .init = make_dir, .fini = drop_dir)
{
	static const struct {
		const char *map, *a, *b;
	} cases[] = {
		{ "{\"a.weight\":\"../s1.safetensors\"}", "../s1.safetensors", "plain file name" },
		{ "{\"a.weight\":\"/etc/passwd\"}", "/etc/passwd", "plain file name" },
		{ "{\"a.weight\":\"x/../../s1.safetensors\"}", "a.weight", "plain file name" },
		{ "{\"a.weight\":\"..\"}", "\"..\"", "plain file name" },
		{ "{\"a.weight\":\"\"}", "a.weight", "plain file name" },
		{ "{\"a.weight\":7}", "a.weight", "plain file name" },
		{ "{\"a.weight\":\"s3.safetensors\"}", "s3.safetensors", "missing" },
		{ "{\"b.weight\":\"s1.safetensors\"}", "s1.safetensors has no b.weight", "index" },
		{ "{\"a.weight\":\"config.json\"}", "config.json", "no safetensors file" },
		{ "{}", "weight_map", "index.json" },
		{ "null", "weight_map", "index.json" },
		{ "[]", "weight_map", "index.json" },
		{ "{", "index.json", "not valid JSON" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		put_sharded_model(cases[i].map);
		assert_refused(model, MODEL, ERR_FORMAT, cases[i].a, cases[i].b);
	}
}

Test(checkpoint, no_tensor_in_two_shards, .init = make_dir, .fini = drop_dir)
{
	put_sharded_model(GOOD_MAP);
	put_tensors("s2.safetensors", "null", (struct words[]){ W_A, W_B, END });
	assert_refused(model, MODEL, ERR_FORMAT, "a.weight is both in", "s2.safetensors");
}

Test(checkpoint, directories_that_are_something_else, .init = make_dir, .fini = drop_dir)
{
	/* As any file that is missing: exit status 3. */
	assert_refused(path_of("absent"), MODEL, ERR_IO, "absent", "No such file");
	assert_refused(model, MODEL, ERR_FORMAT, "config.json", "no Hugging Face");
	/* A directory whose weights are GGUF is that file, whatever else it holds. */
	put("model-q4.gguf", "GGUF");
	assert_refused(model, MODEL, ERR_FORMAT, "model-q4.gguf", "too short for a GGUF file");
	put("params.json", "{}");
	put("config.json", CONFIG);
	assert_refused(model, MODEL, ERR_FORMAT, "model-q4.gguf", "too short for a GGUF file");
	put("model-q8.gguf", "GGUF");
	assert_refused(model, MODEL, ERR_USAGE, "holds several GGUF files", "model-q4.gguf, ");
	unlink(path_of("model-q8.gguf"));
	unlink(path_of("model-q4.gguf"));
	unlink(path_of("config.json"));
	assert_refused(model, MODEL, ERR_FORMAT, "params.json", "Hugging Face");
	put("config.json", CONFIG);
	put("pytorch_model-00001-of-00002.bin", "x");
	assert_refused(model, MODEL, ERR_FORMAT, "pytorch_model", "scripts/export_mistral.py");
	unlink(path_of("pytorch_model-00001-of-00002.bin"));
	put("consolidated.safetensors", "x");
	assert_refused(model, MODEL, ERR_FORMAT, "consolidated", "Hugging Face files");
	unlink(path_of("consolidated.safetensors"));
	assert_refused(model, MODEL, ERR_FORMAT, "neither model.safetensors", "index.json");
	put("config.json", "{\"model_type\":\"gpt2\"}");
	assert_refused(model, MODEL, ERR_FORMAT, path_of("config.json"), "gpt2");
}

Test(checkpoint, a_fifo_is_not_waited_for, .init = make_dir, .fini = drop_dir, .timeout = 60)
{
	cr_assert_eq(mkfifo(path_of("config.json"), 0600), 0);
	assert_refused(model, MODEL, ERR_FORMAT, "config.json", "no regular file");
}

/* ---- packed files --------------------------------------------------------------------------- */

#define QUOTED_CONFIG                                                                              \
	"\"{\\\"model_type\\\":\\\"mistral\\\",\\\"hidden_size\\\":8,"                             \
	"\\\"num_attention_heads\\\":2,\\\"num_key_value_heads\\\":1,\\\"eos_token_id\\\":2}\""
#define PACKED                                                                                     \
	"{\"torchless.format\":\"1\",\"config.json\":" QUOTED_CONFIG ",\"tokenizer.json\":\"{}\"}"

Test(checkpoint, a_packed_file, .init = make_dir, .fini = drop_dir)
{
	struct checkpoint ck;
	struct err err = { 0 };
	const char *path = path_of("p.safetensors");

	put_tensors("p.safetensors", PACKED, (struct words[]){ W_A, W_B, END });
	cr_assert_eq(checkpoint_open(&ck, path, CHECKPOINT_ALL, &err), 0, "%s", err.message);
	cr_assert(ck.is_packed);
	cr_assert_eq(ck.n_params, 6);
	cr_assert_eq(ck.config.n_kv_heads, 1);
	cr_assert_str_eq(ck.config_json, CONFIG);
	cr_assert_str_eq(ck.tokenizer_json, "{}");
	cr_assert_str_eq(ck.config.name, "p.safetensors");
	checkpoint_close(&ck);
}

Test(checkpoint, files_that_are_something_else, .init = make_dir, .fini = drop_dir)
{
	static const struct {
		const char *metadata, *a, *b;
	} cases[] = {
		{ "null", "no config", "scripts/export_mistral.py" },
		{ "{\"torchless.format\":\"2\"}", "torchless.format 2", "format 1" },
		{ "{\"torchless.format\":\"1\"}", "no config.json", "__metadata__" },
		{ "{\"torchless.format\":\"1\",\"config.json\":\"{\",\"tokenizer.json\":\"\"}",
		  "config.json", "not valid JSON" },
		{ "{\"torchless.format\":\"1\",\"config.json\":" QUOTED_CONFIG "}",
		  "no tokenizer.json", "__metadata__" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		put_tensors("p", cases[i].metadata, (struct words[]){ W_A, END });
		assert_refused(path_of("p"), CHECKPOINT_ALL, ERR_FORMAT, cases[i].a, cases[i].b);
	}
	put_bytes("p", "GGUF\3\0\0\0\0\0\0\0", 12);
	assert_refused(path_of("p"), CHECKPOINT_ALL, ERR_FORMAT, "a GGUF file of 12 bytes",
		       "truncated");
	put_bytes("p", "PK\3\4\0\0\0\0\0\0\0\0", 12);
	assert_refused(path_of("p"), CHECKPOINT_ALL, ERR_FORMAT, "PyTorch", "export_mistral.py");
	put("p", "");
	assert_refused(path_of("p"), CHECKPOINT_ALL, ERR_FORMAT, "0 bytes", "too short");
	assert_refused("/dev/null", CHECKPOINT_ALL, ERR_USAGE, "/dev/null", "no regular file");
}

/* ---- the hash and the search for NaN --------------------------------------------------------- */

/* Put every file's time into the past, as that of a model that nobody is writing. */
static void settle(void)
{
	static const char *const names[] = { "model.safetensors", "s1.safetensors",
					     "s2.safetensors", "p.safetensors" };
	const struct timespec past[2] = { { 1000000000, 0 }, { 1000000000, 0 } };

	for (int i = 0; i < 4; i++)
		utimensat(AT_FDCWD, path_of(names[i]), past, 0);
}

static void hash_of(const char *path, uint8_t hash[16])
{
	struct checkpoint ck;
	struct err err = { 0 };
	struct threads *pool = threads_new(2, &err);

	open_model(&ck, path);
	cr_assert_eq(checkpoint_hash(&ck, pool, hash, &err), 0, "%s", err.message);
	checkpoint_close(&ck);
	threads_free(pool);
}

static int n_cached(void)
{
	char command[160];
	int n = -1;

	snprintf(command, sizeof(command), "ls '%s/cache/torchless' 2>/dev/null | wc -l", dir);
	FILE *f = popen(command, "r");
	cr_assert_eq(fscanf(f, "%d", &n), 1);
	pclose(f);
	return n;
}

Test(checkpoint, the_hash_does_not_depend_on_packing, .init = make_dir, .fini = drop_dir)
{
	uint8_t plain[16], packed[16], sharded[16], reversed[16], again[16];

	put_plain_model();
	put_tensors("p.safetensors", PACKED, (struct words[]){ W_A, W_B, END });
	settle();
	hash_of(model, plain);
	hash_of(path_of("p.safetensors"), packed);
	put_tensors("model.safetensors", "null", (struct words[]){ W_B, W_A, END });
	hash_of(model, reversed);
	unlink(path_of("model.safetensors"));
	put_sharded_model(GOOD_MAP);
	settle();
	hash_of(model, sharded);
	cr_assert_arr_eq(plain, packed, 16);
	cr_assert_arr_eq(plain, reversed, 16);
	cr_assert_arr_eq(plain, sharded, 16);
	cr_assert_eq(n_cached(), 3); /* the reversed one was written a moment ago */
	hash_of(model, again);
	cr_assert_arr_eq(plain, again, 16);
	cr_assert_eq(n_cached(), 3);
}

Test(checkpoint, the_hash_depends_on_all_else, .init = make_dir, .fini = drop_dir)
{
	static const struct words variants[][3] = {
		{ W_A, W_B, END },
		{ { "a.weight", "F16", 2, numbers + 1 }, W_B, END },
		{ { "a.weight", "BF16", 2, numbers }, W_B, END },
		{ { "a.weighs", "F16", 2, numbers }, W_B, END },
		{ { "a.weight", "F16", 3, numbers }, { "b.weight", "BF16", 3, numbers + 3 }, END },
		{ { "a.weight", "F16", 6, numbers }, END, END },
	};
	enum { N = sizeof(variants) / sizeof(*variants) };
	uint8_t hashes[N][16];

	put("config.json", CONFIG);
	for (int i = 0; i < N; i++) {
		put_tensors("model.safetensors", "null", variants[i]);
		hash_of(model, hashes[i]);
		for (int j = 0; j < i; j++)
			cr_assert_arr_neq(hashes[i], hashes[j], 16, "%d %d", i, j);
	}
}

Test(checkpoint, what_is_remembered_is_forgotten_when_the_file_changes, .init = make_dir,
     .fini = drop_dir)
{
	uint8_t before[16], after[16];
	const struct timespec later[2] = { { 1000000001, 0 }, { 1000000001, 0 } };

	put_plain_model();
	settle();
	hash_of(model, before);
	put_tensors("model.safetensors", "null",
		    (struct words[]){ { "a.weight", "F16", 2, numbers + 3 }, W_B, END });
	utimensat(AT_FDCWD, path_of("model.safetensors"), later, 0);
	hash_of(model, after);
	cr_assert_arr_neq(before, after, 16);
	cr_assert_eq(n_cached(), 2);
}

Test(checkpoint, tied_and_derived_tensors_are_no_weights, .init = make_dir, .fini = drop_dir)
{
	uint8_t with[16], without[16];
	struct checkpoint ck;

	put("config.json", TIED);
	put_tensors("model.safetensors", "null",
		    (struct words[]){
			    W_A, { "model.embed_tokens.weight", "BF16", 4, numbers + 2 }, END });
	hash_of(model, without);
	put_tensors("model.safetensors", "null",
		    (struct words[]){
			    W_A,
			    { "model.embed_tokens.weight", "BF16", 4, numbers + 2 },
			    { "lm_head.weight", "F16", 2, numbers },
			    { "model.layers.0.self_attn.rotary_emb.inv_freq", "F32", 2, numbers },
			    END });
	hash_of(model, with);
	cr_assert_arr_eq(with, without, 16);
	open_model(&ck, model);
	cr_assert_eq(ck.n_params, 6);
	checkpoint_close(&ck);
}

static void assert_bad(const char *expected)
{
	struct checkpoint ck;
	struct err err = { 0 };
	struct threads *pool = threads_new(2, &err);

	open_model(&ck, model);
	const char *bad = checkpoint_first_bad_weight(&ck, pool);
	if (expected)
		cr_expect_str_eq(bad ? bad : "none", expected);
	else
		cr_expect_null(bad, "%s", bad);
	checkpoint_close(&ck);
	threads_free(pool);
}

Test(checkpoint, weights_that_are_not_finite_are_found, .init = make_dir, .fini = drop_dir)
{
	static const struct {
		const char *dtype;
		uint16_t low, high; /* two words, little-endian */
		bool bad;
	} cases[] = {
		{ "F16", 0x7c00, 0, true },        { "F16", 0, 0xfc00, true },
		{ "F16", 0x7e01, 0, true },        { "F16", 0x7bff, 0xfbff, false },
		{ "BF16", 0x7f80, 0, true },       { "BF16", 0, 0xffff, true },
		{ "BF16", 0x7f7f, 0x7c00, false }, { "F32", 0, 0x7f80, true },
		{ "F32", 1, 0xff80, true },        { "F32", 0xffff, 0x7f7f, false },
		{ "F32", 0x7f80, 0, false },       { "I16", 0x7fff, 0x7fff, false },
	};
	uint16_t data[1000] = { 0 };

	put("config.json", CONFIG);
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		for (int at = 0; at < 1000; at += 498) {
			memset(data, 0, sizeof(data));
			data[at] = cases[i].low;
			data[at + 1] = cases[i].high;
			put_tensors("model.safetensors", "null",
				    (struct words[]){
					    W_A, { "b.weight", cases[i].dtype, 1000, data }, END });
			assert_bad(cases[i].bad ? "b.weight" : NULL);
		}
	}
}

Test(checkpoint, the_verdict_is_remembered, .init = make_dir, .fini = drop_dir)
{
	static const uint16_t nan16[] = { 0x7e00, 0 };
	static const char name[] = "model.safetensors";

	put("config.json", CONFIG);
	put_tensors(name, "null", (struct words[]){ W_A, { "b.weight", "F16", 2, nan16 }, END });
	settle();
	assert_bad("b.weight");
	cr_assert_eq(n_cached(), 1);

	/* The same size and time, other contents: the answer can only come from the cache. */
	FILE *f = fopen(path_of(name), "r+b");
	fseek(f, -4, SEEK_END);
	cr_assert_eq(fwrite("\0\0\0\0", 1, 4, f), 4);
	fclose(f);
	settle();
	assert_bad("b.weight");
	const struct timespec later[2] = { { 1000000001, 0 }, { 1000000001, 0 } };
	utimensat(AT_FDCWD, path_of(name), later, 0);
	assert_bad(NULL);
}

Test(checkpoint, a_cache_that_cannot_be_used_is_no_failure, .init = make_dir, .fini = drop_dir)
{
	uint8_t a[16], b[16];

	put_plain_model();
	settle();
	hash_of(model, a);
	setenv("XDG_CACHE_HOME", "/proc/nothing/here", 1);
	hash_of(model, b);
	cr_assert_arr_eq(a, b, 16);
	setenv("XDG_CACHE_HOME", "relative", 1);
	setenv("HOME", "", 1);
	hash_of(model, b);
	cr_assert_arr_eq(a, b, 16);
	cr_assert_neq(access("relative", F_OK), 0);
}

/* ---- names ---------------------------------------------------------------------------------- */

/* Tensors of which nothing is asked but their names. */
static void put_named(const char *file, const char *metadata, const char *const *names)
{
	struct words w[8] = { { 0 } };

	for (int i = 0; names[i]; i++)
		w[i] = (struct words){ names[i], "F16", 2, numbers + i };
	put_tensors(file, metadata, w);
}

Test(checkpoint, weights_are_known_by_one_name, .init = make_dir, .fini = drop_dir)
{
	static const char *const sets[][4] = {
		{ "model.norm.weight", "model.layers.1.mlp.up_proj.weight", "lm_head.weight" },
		{ "norm.weight", "layers.1.mlp.up_proj.weight" },
		{ "model.language_model.norm.weight",
		  "model.language_model.layers.1.mlp.up_proj.weight", "lm_head.weight" },
		{ "language_model.model.norm.weight",
		  "language_model.model.layers.1.mlp.up_proj.weight",
		  "language_model.lm_head.weight" },
		{ "_orig_mod.model.norm.weight", "_orig_mod.model.layers.1.mlp.up_proj.weight",
		  "_orig_mod.lm_head.weight" },
		{ "module.model.norm.weight", "module.model.layers.1.mlp.up_proj.weight",
		  "module.lm_head.weight" },
	};
	uint8_t first[16], hash[16];
	struct checkpoint ck;

	put("config.json", CONFIG);
	for (size_t i = 0; i < sizeof(sets) / sizeof(*sets); i++) {
		put_named("model.safetensors", "null", sets[i]);
		open_model(&ck, model);
		for (int k = 0; sets[i][k]; k++)
			cr_assert_not_null(checkpoint_find(&ck, sets[0][k], NULL), "%s",
					   sets[i][k]);
		cr_assert_eq(checkpoint_find(&ck, sets[0][1], NULL)->t.data,
			     (const char *)ck.files[0].map + ck.files[0].map_bytes -
				     (sets[i][2] ? 8 : 4));
		checkpoint_close(&ck);
		hash_of(model, i ? hash : first);
		if (i > 1)
			cr_assert_arr_eq(hash, first, 16, "%s", sets[i][0]);
	}
}

Test(checkpoint, names_of_two_ways_are_refused, .init = make_dir, .fini = drop_dir)
{
	static const char *const sets[][4] = {
		{ "model.norm.weight", "layers.1.mlp.up_proj.weight" },
		{ "model.norm.weight", "norm.weight" },
		{ "embed_tokens.weight", "lm_head.weight" },
		{ "model.norm.weight", "language_model.model.norm.weight" },
		{ "_orig_mod.model.norm.weight", "lm_head.weight" },
	};

	put("config.json", TIED);
	for (size_t i = 0; i < sizeof(sets) / sizeof(*sets); i++) {
		put_named("model.safetensors", "null", sets[i]);
		assert_refused(model, MODEL, ERR_FORMAT, sets[i][0], sets[i][1]);
	}
	put_named("s1.safetensors", "null", (const char *[]){ "norm.weight", NULL });
	put_named("s2.safetensors", "null", (const char *[]){ "model.x", "model.norm.y", NULL });
	unlink(path_of("model.safetensors"));
	put("model.safetensors.index.json",
	    "{\"weight_map\":{\"norm.weight\":\"s1.safetensors\",\"model.norm.y\":\"s2.safetensors\"}}");
	assert_refused(model, MODEL, ERR_FORMAT, "s2.safetensors: ", "as norm.weight");
}

/* What a file says another tensor is too. */
Test(checkpoint, one_tensor_of_two_names, .init = make_dir, .fini = drop_dir)
{
	static const struct {
		const char *config, *metadata, *names[3], *name, *target;
	} cases[] = {
		{ TIED,
		  "{\"model.embed_tokens.weight\":\"lm_head.weight\"}",
		  { "lm_head.weight" },
		  "model.embed_tokens.weight",
		  "lm_head.weight" },
		{ TIED,
		  "{\"format\":\"pt\"}",
		  { "lm_head.weight" },
		  "model.embed_tokens.weight",
		  "lm_head.weight" },
		{ CONFIG,
		  "{\"lm_head.weight\":\"model.embed_tokens.weight\"}",
		  { "model.embed_tokens.weight" },
		  "lm_head.weight",
		  "model.embed_tokens.weight" },
		{ CONFIG,
		  "{\"layers.1.a\":\"layers.0.a\"}",
		  { "layers.0.a" },
		  "model.layers.1.a",
		  "model.layers.0.a" },
		/* Its own data counts, a target that is none does not, and nothing goes in rings.
		 */
		{ CONFIG, "{\"x\":\"y\"}", { "x", "y" }, "x", NULL },
		{ CONFIG,
		  "{\"x\":\"y\",\"y\":\"x\",\"z\":\"z\",\"w\":\"x\"}",
		  { "a" },
		  NULL,
		  NULL },
	};
	struct checkpoint ck;

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		put("config.json", cases[i].config);
		put_named("model.safetensors", cases[i].metadata, cases[i].names);
		open_model(&ck, model);
		const struct file_tensor *t =
			cases[i].name ? checkpoint_find(&ck, cases[i].name, NULL) : NULL;
		if (cases[i].target)
			cr_assert_eq(t->t.data,
				     checkpoint_find(&ck, cases[i].target, NULL)->t.data);
		else if (t)
			cr_assert_neq(t->t.data, checkpoint_find(&ck, "y", NULL)->t.data);
		else
			cr_assert_eq(ck.files[0].n_tensors, 1);
		checkpoint_close(&ck);
	}
}

/* The hash is that of the model, so of the embeddings, wherever they lie. */
Test(checkpoint, a_tied_model_has_one_hash, .init = make_dir, .fini = drop_dir)
{
	uint8_t a[16], b[16];
	struct checkpoint ck;

	put("config.json", TIED);
	put_named("model.safetensors", "null",
		  (const char *[]){ "model.embed_tokens.weight", NULL });
	hash_of(model, a);
	put_named("model.safetensors", "null", (const char *[]){ "lm_head.weight", NULL });
	hash_of(model, b);
	cr_assert_arr_eq(a, b, 16);
	open_model(&ck, model);
	cr_assert_eq(ck.n_params, 2);
	checkpoint_close(&ck);
}

Test(checkpoint, there_is_an_end_to_aliases, .init = make_dir, .fini = drop_dir)
{
	struct text metadata = { 0 };

	text_addc(&metadata, '{');
	for (int i = 0; i < 5000; i++)
		text_addf(&metadata, "%s\"%d\":\"a.weight\"", i ? "," : "", i);
	text_addc(&metadata, '}');
	put("config.json", CONFIG);
	put_tensors("model.safetensors", metadata.data, (struct words[]){ W_A, END });
	assert_refused(model, MODEL, ERR_FORMAT, "__metadata__", "more than 4096");
	text_release(&metadata);
}
