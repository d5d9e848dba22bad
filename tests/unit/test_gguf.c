/*
 * test_gguf.c -- GGUF files: a small good one that is written here, and what it must not be.
 *
 * Every way in which bytes can lie is a patch of the good file: what to look for, where behind it,
 * and what to put there.  test_gguf.py holds whole models and vocabularies against others' files.
 */
#include "model/gguf_header.h"
#include "torchless/checkpoint.h"
#include "torchless/gguf.h"
#include "torchless/mem.h"
#include "torchless/model.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char dir[] = "/tmp/torchless-gguf-XXXXXX";
static char path[64];

static void make_dir(void)
{
	cr_assert(mkdtemp(dir) != NULL);
	snprintf(path, sizeof(path), "%s/m.gguf", dir);
}

static void drop_dir(void)
{
	char command[96];

	snprintf(command, sizeof(command), "rm -rf %s", dir);
	cr_assert_eq(system(command), 0);
}

/* ---- a good file --------------------------------------------------------------------------- */

enum { U32 = 4, F32 = 6, BOOL = 7, STRING = 8, ARRAY = 9 };

static void number(struct text *t, uint64_t x, int bytes)
{
	text_add(t, &x, (size_t)bytes);
}

static void string(struct text *t, const char *s)
{
	number(t, strlen(s), 8);
	text_adds(t, s);
}

static void key(struct text *t, const char *name, uint64_t type)
{
	string(t, name);
	number(t, type, 4);
}

static void key_u32(struct text *t, const char *name, uint64_t x)
{
	key(t, name, U32);
	number(t, x, 4);
}

static void key_f32(struct text *t, const char *name, float x)
{
	key(t, name, F32);
	text_add(t, &x, 4);
}

static void key_text(struct text *t, const char *name, const char *s)
{
	key(t, name, STRING);
	string(t, s);
}

static void key_texts(struct text *t, const char *name, const char *const *a, size_t n)
{
	key(t, name, ARRAY);
	number(t, STRING, 4);
	number(t, n, 8);
	for (size_t i = 0; i < n; i++)
		string(t, a[i]);
}

#define N_TOKENS 6
#define D        8 /* of the model; two heads of four */

static int put_keys(struct text *t)
{
	static const char *const tokens[N_TOKENS] = { "<s>", "</s>", "a", "b", "ab", "c" };
	static const char *const merges[] = { "a b" };
	static const int32_t types[N_TOKENS] = { 3, 3, 1, 1, 1, 4 };

	key_text(t, "general.architecture", "llama");
	key_u32(t, "general.alignment", 32);
	key_u32(t, "llama.block_count", 1);
	key_u32(t, "llama.context_length", 16);
	key_u32(t, "llama.embedding_length", D);
	key_u32(t, "llama.feed_forward_length", D);
	key_u32(t, "llama.attention.head_count", 2);
	key_u32(t, "llama.attention.key_length", 4);
	key_u32(t, "llama.expert_count", 0);
	key_f32(t, "llama.attention.layer_norm_rms_epsilon", 1e-5f);
	key_f32(t, "llama.rope.freq_base", 10000.0f);
	key_text(t, "llama.rope.scaling.type", "none");
	key_text(t, "tokenizer.ggml.model", "gpt2");
	key_text(t, "tokenizer.ggml.pre", "smollm");
	key_texts(t, "tokenizer.ggml.tokens", tokens, N_TOKENS);
	key_texts(t, "tokenizer.ggml.merges", merges, 1);
	key(t, "tokenizer.ggml.token_type", ARRAY);
	number(t, 5, 4);
	number(t, N_TOKENS, 8);
	text_add(t, types, sizeof(types));
	key_u32(t, "tokenizer.ggml.bos_token_id", 0);
	key_u32(t, "tokenizer.ggml.eos_token_id", 1);
	key(t, "tokenizer.ggml.add_bos_token", BOOL);
	number(t, 1, 1);
	return 20;
}

struct shape {
	const char *name;
	int rank, rows;
};

static const struct shape shapes[] = {
	{ "token_embd.weight", 2, N_TOKENS }, { "output_norm.weight", 1, 1 },
	{ "output.weight", 2, N_TOKENS },     { "blk.0.attn_norm.weight", 1, 1 },
	{ "blk.0.attn_q.weight", 2, D },      { "blk.0.attn_k.weight", 2, D },
	{ "blk.0.attn_v.weight", 2, D },      { "blk.0.attn_output.weight", 2, D },
	{ "blk.0.ffn_norm.weight", 1, 1 },    { "blk.0.ffn_gate.weight", 2, D },
	{ "blk.0.ffn_up.weight", 2, D },      { "blk.0.ffn_down.weight", 2, D },
};
#define N_TENSORS (sizeof(shapes) / sizeof(*shapes))

static void pad(struct text *t, size_t alignment)
{
	while (t->len % alignment)
		text_addc(t, '\0');
}

/* The number of element i of tensor k: each is another. */
static float element(size_t k, int i)
{
	return (float)(k * 1000 + (size_t)i) / 1024;
}

static void put_good(struct text *t)
{
	struct text keys = { 0 };
	int n_keys = put_keys(&keys);
	uint64_t offset = 0;

	text_adds(t, "GGUF");
	number(t, 3, 4);
	number(t, N_TENSORS, 8);
	number(t, (uint64_t)n_keys, 8);
	text_add(t, keys.data, keys.len);
	text_release(&keys);
	for (size_t k = 0; k < N_TENSORS; k++) {
		string(t, shapes[k].name);
		number(t, (uint64_t)shapes[k].rank, 4);
		number(t, D, 8);
		if (shapes[k].rank == 2)
			number(t, (uint64_t)shapes[k].rows, 8);
		number(t, 0, 4);
		number(t, offset, 8);
		offset += (uint64_t)shapes[k].rows * D * 4;
	}
	pad(t, 32);
	for (size_t k = 0; k < N_TENSORS; k++)
		for (int i = 0; i < shapes[k].rows * D; i++) {
			float x = element(k, i);
			text_add(t, &x, 4);
		}
}

static void put(const char *data, size_t len)
{
	FILE *f;

	/* A file that is cut to nothing and written again is waited for by ext4. */
	unlink(path);
	f = fopen(path, "wb");
	cr_assert(f && fwrite(data, 1, len, f) == len && !fclose(f));
}

static void assert_refused(const char *a, const char *b)
{
	struct checkpoint ck;
	struct model m;
	struct err err = { 0 };
	int rc = checkpoint_open(&ck, path, CHECKPOINT_ALL, &err);

	if (!rc) { /* what only the program or the tokenizer needs */
		checkpoint_close(&ck);
		rc = model_open(&m, path, CHECKPOINT_ALL, &err);
		if (!rc)
			model_close(&m);
	}
	cr_expect(rc < 0, "%s, %s: not refused", a, b);
	cr_expect(strstr(err.message, a) && strstr(err.message, b), "%s\n\tlacks %s or %s",
		  err.message, a, b);
	cr_expect(strstr(err.message, "m.gguf"), "%s\n\tdoes not name the file", err.message);
}

/* ---- the good file ------------------------------------------------------------------------- */

Test(gguf, a_good_file_opens, .init = make_dir, .fini = drop_dir)
{
	struct text good = { 0 }, name = { 0 };
	struct model m;
	struct err err = { 0 };
	struct encoding enc = { 0 };

	put_good(&good);
	put(good.data, good.len);
	cr_assert_eq(model_open(&m, path, CHECKPOINT_ALL, &err), 0, "%s", err.message);
	cr_expect(m.checkpoint.is_gguf && m.checkpoint.is_packed);
	cr_expect_str_eq(m.config->arch, "LlamaForCausalLM");
	cr_expect_str_eq(m.config->name, "m.gguf");
	cr_expect_eq(m.config->n_vocab, N_TOKENS);
	cr_expect_not(m.config->tied_embeddings);
	cr_assert_eq(tokenizer_encode(m.tokenizer, "abc", 3, ENCODE_SPECIAL, &enc, &err), 0);
	cr_expect_eq(enc.n, 3);
	cr_expect(enc.tokens[0].id == 0 && enc.tokens[1].id == 4 && enc.tokens[2].id == 5);
	gguf_add_name(&name, "model.layers.12.mlp.up_proj.weight");
	cr_expect_str_eq(name.data, "blk.12.ffn_up.weight");
	encoding_release(&enc);
	text_release(&name);
	text_release(&good);
	model_close(&m);
}

/* Row 2i + j of a head is row i + 2j, of q and of k and of nothing else. */
Test(gguf, rows_of_q_and_k_have_hugging_faces_order, .init = make_dir, .fini = drop_dir)
{
	static const int order[D] = { 0, 2, 1, 3, 4, 6, 5, 7 };
	struct text good = { 0 };
	struct checkpoint ck;
	struct err err = { 0 };

	put_good(&good);
	put(good.data, good.len);
	cr_assert_eq(checkpoint_open(&ck, path, CHECKPOINT_ALL, &err), 0, "%s", err.message);
	for (size_t k = 4; k < 7; k++) {
		static const char *const names[] = { "q", "k", "v" };
		char name[64];
		const struct file_tensor *t;

		snprintf(name, sizeof(name), "model.layers.0.self_attn.%s_proj.weight",
			 names[k - 4]);
		t = checkpoint_find(&ck, name, NULL);
		cr_assert(t != NULL, "%s", name);
		for (int r = 0; r < D; r++)
			for (int c = 0; c < D; c++)
				cr_expect(
					tensor_get(&t->t, r * D + c) ==
						(double)element(k, (k < 6 ? order[r] : r) * D + c),
					"%s, row %d", name, r);
	}
	cr_expect_eq(ck.files[0].rows_bytes, 2 * D * D * 4);
	text_release(&good);
	checkpoint_close(&ck);
}

/* ---- what is refused ----------------------------------------------------------------------- */

/* The `bytes` of `value` go `behind` the end of the first `find`. */
struct patch {
	const char *find;
	int behind;
	uint64_t value;
	int bytes;
	const char *a, *b;
};

static const struct patch patches[] = {
	{ "GGUF", -4, 'X', 1, "m.gguf", "" },
	{ "GGUF", 0, 1, 4, "version 1", "versions 2 and 3" },
	{ "GGUF", 0, 4, 4, "version 4", "versions 2 and 3" },
	{ "GGUF", 0, 0x03000000, 4, "big-endian", "" },
	{ "GGUF", 4, 1ull << 40, 8, "promises 1099511627776 tensors", "truncated" },
	{ "GGUF", 4, UINT64_MAX, 8, "promises", "truncated" },
	{ "GGUF", 12, 1ull << 60, 8, "promises", "keys" },
	{ "GGUF", 12, 40, 8, "a key at byte", "truncated or damaged" },
	{ "GGUF", 12, 19, 8, "m.gguf", "" },
	/* keys */
	{ "general.architecture", 4, 1ull << 62, 8, "general.architecture",
	  "truncated or damaged" },
	{ "general.architecture", 4, UINT64_MAX, 8, "general.architecture",
	  "truncated or damaged" },
	{ "general.architecture", 12, 0xff, 1, "general.architecture", "no UTF-8" },
	{ "general.architecture", 12, 0, 1, "general.architecture", "no UTF-8" },
	{ "general.architecture", 12, 'x', 1, "architecture xlama", "supported are llama" },
	{ "general.architecture", -1, 'x', 1, "general.architecture", "missing" },
	{ "general.architecture", 0, 13, 4, "general.architecture has the type 13", "0 to 12" },
	{ "general.alignment", 4, 3, 4, "general.alignment is 3", "power of two" },
	{ "general.alignment", 4, 0, 4, "general.alignment is 0", "" },
	{ "general.alignment", 4, 1u << 31, 4, "general.alignment", "" },
	{ "llama.block_count", 4, 0, 4, "llama.block_count is 0", "expected" },
	{ "llama.block_count", 4, UINT32_MAX, 4, "llama.block_count", "4294967295" },
	{ "llama.block_count", 4, 2, 4, "blk.1.attn_norm.weight", "" },
	{ "llama.block_count", 0, F32, 4, "llama.block_count", "an integer is expected" },
	{ "llama.block_count", -1, 'x', 1, "llama.block_count", "missing" },
	{ "llama.embedding_length", 4, 16, 4, "hidden_size", "" },
	{ "llama.attention.head_count", 4, 3, 4, "m.gguf", "" },
	{ "llama.attention.key_length", 4, 3, 4, "head_dim", "even" },
	{ "llama.expert_count", 4, 8, 4, "mixture of experts", "llama.expert_count is 8" },
	{ "llama.expert_count", -1, 'x', 1, "llama.expert_counx", "may change the numbers" },
	{ "rms_epsilon", 4, 0x7fc00000, 4, "rms_epsilon", "not finite" },
	{ "llama.rope.freq_base", 4, 0, 4, "llama.rope.freq_base", "no base" },
	{ "llama.rope.scaling.type", 12, 'y', 1, "llama.rope.scaling.type is yone", "linear" },
	{ "tokenizer.ggml.bos_token_id", -12, 'e', 1, "tokenizer.ggml.eos_token_id", "twice" },
	/* the tokenizer */
	{ "tokenizer.ggml.model", 12, 'b', 1, "tokenizer.ggml.model is bpt2",
	  "supported are gpt2" },
	{ "tokenizer.ggml.pre", 12, 'x', 1, "tokenizer.ggml.pre is xmollm", "tekken" },
	{ "tokenizer.ggml.pre", -1, 'x', 1, "tokenizer.ggml.pre is missing", "May 2024" },
	{ "tokenizer.ggml.pre", 0, ARRAY, 4, "tokenizer.ggml.pre", "" },
	{ "tokenizer.ggml.tokens", 4, ARRAY, 4, "tokenizer.ggml.tokens", "" },
	{ "tokenizer.ggml.tokens", 4, 99, 4, "tokenizer.ggml.tokens has the type 99", "" },
	{ "tokenizer.ggml.tokens", 8, 1ull << 61, 8, "tokenizer.ggml.tokens", "truncated" },
	{ "tokenizer.ggml.tokens", 16, 1ull << 63, 8, "tokenizer.ggml.tokens", "truncated" },
	{ "tokenizer.ggml.tokens", -1, 'x', 1, "tokenizer.ggml.tokens", "missing" },
	{ "</s>", 8, 'b', 1, "tokenizer.ggml.tokens has b twice", "as 2 and as 3" },
	{ "tokenizer.ggml.merges", 24, 'x', 1, "merges[0] needs the piece 'x'", "" },
	{ "tokenizer.ggml.merges", 25, 'x', 1, "tokenizer.ggml.merges[0]", "no two tokens" },
	{ "tokenizer.ggml.token_type", 4, F32, 4, "tokenizer.ggml.token_type", "integers" },
	{ "tokenizer.ggml.eos_token_id", 4, 6, 4, "tokenizer.ggml.eos_token_id is 6", "6 tokens" },
	{ "tokenizer.ggml.add_bos_token", 4, 2, 1, "tokenizer.ggml.add_bos_token", "true (1)" },
	/* tensors */
	{ "output_norm.weight", 0, 0, 4, "output_norm.weight has 0 dimensions", "1 to 4" },
	{ "output_norm.weight", 0, 5, 4, "output_norm.weight has 5 dimensions", "1 to 4" },
	{ "output_norm.weight", 4, 0, 8, "output_norm.weight has a dimension of 0", "" },
	{ "output_norm.weight", 4, 1ull << 63, 8, "output_norm.weight has a dimension of", "" },
	{ "output_norm.weight", 4, 1ull << 61, 8, "output_norm.weight", "63 bits" },
	{ "output_norm.weight", 4, 1 << 20, 8, "output_norm.weight", "truncated" },
	{ "output_norm.weight", 4, 16, 8, "output_norm.weight", "overlap" },
	{ "output_norm.weight", 4, 7, 8, "model.norm.weight", "hidden_size" },
	{ "output_norm.weight", 12, 99, 4, "output_norm.weight has the type 99", "not know" },
	{ "output_norm.weight", 12, 4, 4, "output_norm.weight has the type Q4_2",
	  "left the format" },
	{ "output_norm.weight", 12, 2, 4, "output_norm.weight has rows of 8", "block of Q4_0" },
	{ "output_norm.weight", 12, 24, 4, "model.norm.weight has dtype I8", "" },
	{ "output_norm.weight", 16, 8, 8, "output_norm.weight begins at byte 8", "alignment, 32" },
	{ "output_norm.weight", 16, 0, 8, "overlap", "output_norm.weight" },
	{ "output_norm.weight", 16, 1ull << 40, 8, "output_norm.weight", "truncated" },
	{ "output_norm.weight", 16, UINT64_MAX - 31, 8, "output_norm.weight", "truncated" },
	{ "blk.0.attn_q.weight", -8, 'k', 1, "blk.0.attn_k.weight", "twice" },
	{ "blk.0.attn_q.weight", -8, 'x', 1, "blk.0.attn_x.weight has no place", "" },
	{ "blk.0.attn_q.weight", -15, '1', 1, "blk.0.attn_q.weight", "" },
	{ "blk.0.attn_q.weight", -27, 65, 8, "name of a tensor", "1 to 64" },
	{ "blk.0.attn_q.weight", -27, 0, 8, "name of a tensor", "1 to 64" },
};

static void apply(struct text *t, const struct patch *p)
{
	size_t len = strlen(p->find), i = 0;
	char *at;

	while (i + len <= t->len && memcmp(t->data + i, p->find, len) != 0)
		i++;
	cr_assert(i + len <= t->len, "%s is not in the good file", p->find);
	at = t->data + i;
	memcpy(at + (int)len + p->behind, &p->value, (size_t)p->bytes);
}

Test(gguf, lies_are_refused_by_name, .init = make_dir, .fini = drop_dir)
{
	for (size_t i = 0; i < sizeof(patches) / sizeof(*patches); i++) {
		struct text bytes = { 0 };

		put_good(&bytes);
		apply(&bytes, &patches[i]);
		put(bytes.data, bytes.len);
		assert_refused(patches[i].a, patches[i].b);
		text_release(&bytes);
	}
}

/* The good file with `value` in the place of value i, and its data where it has to lie then. */
static void put_with(const struct text *good, const struct gguf_header *h, size_t i,
		     const struct text *value)
{
	const char *begin = h->values[i].key.data + h->values[i].key.len;
	const char *behind = h->values[i].data.data + h->values[i].data.len;
	size_t at = (h->end + 31) / 32 * 32;
	struct text t = { 0 };

	text_add(&t, good->data, (size_t)(begin - good->data));
	text_add(&t, value->data, value->len);
	text_add(&t, behind, (size_t)(good->data + h->end - behind));
	pad(&t, 32);
	text_add(&t, good->data + at, good->len - at);
	put(t.data, t.len);
	text_release(&t);
}

/* A value of any type: of an array a text, or an array of one. */
static void add_value(struct text *t, uint32_t type, int depth)
{
	static const size_t widths[] = { 1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8 };

	if (type == STRING) {
		string(t, "x");
	} else if (type == ARRAY) {
		number(t, depth ? ARRAY : STRING, 4);
		number(t, 1, 8);
		add_value(t, depth ? ARRAY : STRING, depth - 1);
	} else {
		number(t, 1, (int)widths[type]);
	}
}

/* Each key with each type that there is: it is that number after all, or one sentence. */
Test(gguf, a_key_of_another_type_is_one_sentence, .init = make_dir, .fini = drop_dir)
{
	struct text good = { 0 };
	struct gguf_header h;
	struct err err = { 0 };
	int n_refused = 0;

	put_good(&good);
	cr_assert_eq(gguf_header_parse(&h, good.data, good.len, path, &err), 0);
	for (size_t i = 0; i < h.n_values; i++)
		for (uint32_t k = 0; k < 15; k++) {
			uint32_t type = k < 13 ? k : ARRAY;
			struct text value = { 0 };
			struct model m;

			number(&value, type, 4);
			add_value(&value, type, k < 13 ? 0 : (int)k - 12);
			put_with(&good, &h, i, &value);
			text_release(&value);
			err = (struct err){ 0 };
			if (!model_open(&m, path, CHECKPOINT_ALL, &err)) {
				model_close(&m);
				cr_expect(k < 13, "%.*s was read of an array of arrays",
					  (int)h.values[i].key.len, h.values[i].key.data);
				continue;
			}
			n_refused++;
			cr_expect(strstr(err.message, "m.gguf") && !strchr(err.message, '\n'), "%s",
				  err.message);
			cr_expect(k < 13 || !strncmp(strstr(err.message, "m.gguf") + 8,
						     h.values[i].key.data, h.values[i].key.len),
				  "%s\n\tdoes not name %.*s", err.message, (int)h.values[i].key.len,
				  h.values[i].key.data);
		}
	cr_expect_gt(n_refused, 100);
	gguf_header_release(&h);
	text_release(&good);
}

/* Wherever it ends, also in the middle of a number. */
Test(gguf, a_file_that_was_cut_short_is_refused, .init = make_dir, .fini = drop_dir)
{
	struct text good = { 0 };

	put_good(&good);
	for (size_t len = 0; len < good.len; len++) {
		struct tensor_file st;
		struct err err = { 0 };

		put(good.data, len);
		cr_assert(gguf_open(&st, path, &err) < 0, "%zu bytes were accepted", len);
		cr_expect(strstr(err.message, "m.gguf"), "%s", err.message);
	}
	text_release(&good);
}

/* Arrays inside of arrays, deeper than anybody writes them. */
Test(gguf, arrays_have_a_depth, .init = make_dir, .fini = drop_dir)
{
	struct text t = { 0 };

	text_adds(&t, "GGUF");
	number(&t, 3, 4);
	number(&t, 0, 8);
	number(&t, 1, 8);
	key(&t, "deep", ARRAY);
	for (int i = 0; i < 2000; i++) {
		number(&t, ARRAY, 4);
		number(&t, 1, 8);
	}
	number(&t, U32, 4);
	number(&t, 0, 8);
	put(t.data, t.len);
	assert_refused("deep is an array more than 4 deep", "");
	text_release(&t);
}

Test(gguf, what_is_no_file_is_refused, .init = make_dir, .fini = drop_dir)
{
	struct tensor_file st;
	struct err err = { 0 };

	cr_assert_eq(mkdir(path, 0700), 0);
	cr_expect_not(gguf_is(path));
	cr_expect(gguf_open(&st, path, &err) < 0 && strstr(err.message, "a directory"));
	rmdir(path);
	cr_assert_eq(mkfifo(path, 0600), 0);
	cr_expect_not(gguf_is(path));
	cr_expect(gguf_open(&st, path, &err) < 0 && strstr(err.message, "no regular file"));
	assert_refused("no regular file", "");
	unlink(path);
	put("version https://git-lfs.github.com/spec/v1\n", 43);
	assert_refused("a Git LFS pointer", "git lfs pull");
}
