/*
 * race_llama.c -- llama.cpp as a driver of scripts/race: see race_engine.h.
 *
 *	race_llama MODEL.gguf THREADS POSITIONS FLASH    FLASH: auto, on, off
 *	race_llama --quantize FROM.gguf TO.gguf TYPE     q4_k, q6_k: every matrix of that type
 *
 * Calls llama.cpp's C API.  scripts/race compiles it against the llama.h that it has built; nothing
 * else of the project knows of it.
 */
#define _POSIX_C_SOURCE 199309L
#include "race_engine.h"

#include "llama.h"

struct racer {
	struct llama_model *model;
	struct llama_context *context;
	const char *error;
};

static bool feed(void *ctx, int32_t *ids, int64_t n)
{
	struct racer *r = ctx;

	r->error = "llama_decode() failed";
	if (llama_decode(r->context, llama_batch_get_one(ids, (int32_t)n)))
		return false;
	llama_synchronize(r->context);
	return true;
}

static bool forget(void *ctx, int64_t position)
{
	struct racer *r = ctx;

	r->error = "llama_memory_seq_rm() failed";
	return llama_memory_seq_rm(llama_get_memory(r->context), 0, (llama_pos)position, -1);
}

static const float *logits(void *ctx)
{
	struct racer *r = ctx;

	return llama_get_logits_ith(r->context, -1);
}

static const char *error(void *ctx)
{
	struct racer *r = ctx;

	return r->error;
}

static void silent(enum ggml_log_level level, const char *text, void *data)
{
	(void)data;
	if (level == GGML_LOG_LEVEL_ERROR)
		fputs(text, stderr);
}

static int quantize(char **argv)
{
	struct llama_model_quantize_params p = llama_model_quantize_default_params();

	p.pure = true;
	p.allow_requantize = true;
	if (strcmp(argv[4], "q4_k") == 0)
		p.ftype = LLAMA_FTYPE_MOSTLY_Q4_K_S;
	else if (strcmp(argv[4], "q6_k") == 0)
		p.ftype = LLAMA_FTYPE_MOSTLY_Q6_K;
	else
		return 2;
	return llama_model_quantize(argv[2], argv[3], &p) ? 3 : 0;
}

static enum llama_flash_attn_type flash_of(const char *name)
{
	if (strcmp(name, "on") == 0)
		return LLAMA_FLASH_ATTN_TYPE_ENABLED;
	return strcmp(name, "off") == 0 ? LLAMA_FLASH_ATTN_TYPE_DISABLED
					: LLAMA_FLASH_ATTN_TYPE_AUTO;
}

static int serve(char **argv)
{
	struct llama_model_params mp = llama_model_default_params();
	struct llama_context_params cp = llama_context_default_params();
	struct racer r = { 0 };
	struct race_engine e = {
		.ctx = &r, .feed = feed, .forget = forget, .logits = logits, .error = error
	};

	r.model = llama_model_load_from_file(argv[1], mp);
	cp.n_threads = cp.n_threads_batch = atoi(argv[2]);
	cp.n_ctx = (uint32_t)atoi(argv[3]);
	cp.n_batch = cp.n_ubatch = RACE_CHUNK;
	cp.flash_attn_type = flash_of(argv[4]);
	cp.no_perf = true;
	r.context = r.model ? llama_init_from_model(r.model, cp) : NULL;
	if (!r.context) {
		printf("{\"error\":\"llama.cpp cannot open the model\"}\n");
		return 3;
	}
	e.n_vocab = llama_vocab_n_tokens(llama_model_get_vocab(r.model));
	printf("{\"engine\":\"llama.cpp\",\"version\":\"%s\",\"vocab\":%d,\"system\":\"%s\"}\n",
	       llama_version(), e.n_vocab, llama_print_system_info());
	race_serve(&e);
	llama_free(r.context);
	llama_model_free(r.model);
	return 0;
}

int main(int argc, char **argv)
{
	int ret;

	if (argc != 5) {
		fprintf(stderr, "usage: race_llama MODEL THREADS POSITIONS FLASH\n");
		return 2;
	}
	llama_log_set(silent, NULL);
	llama_backend_init();
	ret = strcmp(argv[1], "--quantize") == 0 ? quantize(argv) : serve(argv);
	llama_backend_free();
	return ret;
}
