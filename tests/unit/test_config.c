/* Unit tests of config.json: defaults, refusals, rotary frequencies. */
#include "torchless/config.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int parse2(struct config *c, const char *config, const char *generation, struct err *err)
{
	cJSON *a = json_parse(config, strlen(config), "config.json", err);
	cJSON *b = generation ? json_parse(generation, strlen(generation), "generation_config.json",
					   err)
			      : NULL;

	cr_assert_not_null(a, "%s", config);
	int rc = config_parse(c, a, b, "config.json", err);
	cJSON_Delete(a);
	cJSON_Delete(b);
	return rc;
}

static struct config parse(const char *json)
{
	struct config c;
	struct err err = { 0 };

	cr_assert_eq(parse2(&c, json, NULL, &err), 0, "%s: %s", json, err.message);
	return c;
}

#define MISTRAL "\"model_type\":\"mistral\""
#define LLAMA   "\"architectures\":[\"LlamaForCausalLM\"],\"model_type\":\"llama\""

/* Values of MistralConfig() and LlamaConfig() in transformers 4.44.2. */
Test(config, absent_fields_have_the_defaults_of_transformers)
{
	struct config c = parse("{" MISTRAL "}");

	cr_assert_str_eq(c.arch, "MistralForCausalLM");
	cr_assert_eq(c.n_vocab, 32000);
	cr_assert_eq(c.d_model, 4096);
	cr_assert_eq(c.d_ff, 14336);
	cr_assert_eq(c.n_layers, 32);
	cr_assert_eq(c.n_heads, 32);
	cr_assert_eq(c.n_kv_heads, 8);
	cr_assert_eq(c.head_dim, 128);
	cr_assert_eq(c.max_positions, 131072);
	cr_assert_eq(c.window, 4096);
	cr_assert_eq(c.rms_norm_eps, 1e-6);
	cr_assert_eq(c.rope_theta, 10000);
	cr_assert_eq(c.rope_scaling, ROPE_NONE);
	cr_assert_not(c.tied_embeddings);
	cr_assert_eq(c.bos_id, 1);
	cr_assert(c.n_eos == 1 && c.eos_ids[0] == 2);

	c = parse("{" LLAMA "}");
	cr_assert_str_eq(c.arch, "LlamaForCausalLM");
	cr_assert_eq(c.d_ff, 11008);
	cr_assert_eq(c.n_kv_heads, 32);
	cr_assert_eq(c.max_positions, 2048);
	cr_assert_eq(c.window, 0);
}

/* AutoModelForCausalLM takes the class from model_type, whatever was saved. */
Test(config, an_architecture_has_several_names)
{
	static const char *const names[][2] = {
		{ "LLaMAForCausalLM", "llama" },
		{ "LlamaModel", "llama" },
		{ "LLaMAModel", "llama" },
		{ "MistralModel", "mistral" },
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		char json[128];
		snprintf(json, sizeof(json), "{\"architectures\":[\"%s\"],\"model_type\":\"%s\"}",
			 names[i][0], names[i][1]);
		struct config c = parse(json);
		cr_assert_str_eq(c.arch, i == 3 ? "MistralForCausalLM" : "LlamaForCausalLM");
	}
}

Test(config, null_is_not_absent)
{
	struct config c = parse("{" MISTRAL ",\"sliding_window\":null,\"num_key_value_heads\":null,"
				"\"head_dim\":null,\"bos_token_id\":null,\"eos_token_id\":null}");

	cr_assert_eq(c.window, 0);
	cr_assert_eq(c.n_kv_heads, 32);
	cr_assert_eq(c.head_dim, 128);
	cr_assert_eq(c.bos_id, -1);
	cr_assert_eq(c.n_eos, 0);
}

Test(config, every_field_counts)
{
	struct config c =
		parse("{" MISTRAL ",\"vocab_size\":101,\"hidden_size\":40,\"intermediate_size\":77,"
		      "\"num_hidden_layers\":3,\"num_attention_heads\":6,"
		      "\"num_key_value_heads\":2,\"head_dim\":14,\"sliding_window\":5,"
		      "\"max_position_embeddings\":64,\"rms_norm_eps\":1e-5,"
		      "\"rope_theta\":1e6,\"tie_word_embeddings\":true,"
		      "\"hidden_act\":\"swish\",\"attention_bias\":false,"
		      "\"pretraining_tp\":2,\"use_cache\":false,\"bos_token_id\":7,"
		      "\"_name_or_path\":\"org/My-Model/\"}");

	cr_assert_eq(c.n_vocab, 101);
	cr_assert_eq(c.d_model, 40);
	cr_assert_eq(c.d_ff, 77);
	cr_assert_eq(c.n_layers, 3);
	cr_assert_eq(c.n_heads, 6);
	cr_assert_eq(c.n_kv_heads, 2);
	cr_assert_eq(c.head_dim, 14); /* not 40 / 6 */
	cr_assert_eq(c.window, 5);
	cr_assert_eq(c.max_positions, 64);
	cr_assert_eq(c.rms_norm_eps, 1e-5);
	cr_assert_eq(c.rope_theta, 1e6);
	cr_assert(c.tied_embeddings);
	cr_assert_eq(c.bos_id, 7);
	cr_assert_str_eq(c.name, "My-Model");
}

Test(config, a_llama_has_no_window)
{
	cr_assert_eq(parse("{" LLAMA ",\"sliding_window\":16}").window, 0);
}

Test(config, rope_parameters_come_before_the_top_level)
{
	struct config c = parse("{" MISTRAL ",\"rope_theta\":5,\"rope_parameters\":"
				"{\"rope_theta\":1e6,\"rope_type\":\"default\"}}");

	cr_assert_eq(c.rope_theta, 1e6);
	c = parse("{" MISTRAL ",\"rope_theta\":5,\"rope_parameters\":null}");
	cr_assert_eq(c.rope_theta, 5);
	c = parse("{" LLAMA ",\"rope_scaling\":{\"type\":\"linear\",\"factor\":2.0},"
		  "\"rope_parameters\":{\"rope_theta\":7}}");
	cr_assert_eq(c.rope_theta, 10000);
	cr_assert_eq(c.rope_scaling, ROPE_LINEAR);
	cr_assert_eq(c.rope_factor, 2);
	c = parse("{" LLAMA ",\"rope_scaling\":{},\"rope_parameters\":{\"rope_theta\":7}}");
	cr_assert_eq(c.rope_theta, 7);
	c = parse("{" LLAMA ",\"rope_scaling\":{\"type\":\"linear\",\"factor\":2,"
		  "\"rope_type\":\"llama3\",\"low_freq_factor\":1,\"high_freq_factor\":4}}");
	cr_assert_eq(c.rope_scaling, ROPE_LLAMA3);
	cr_assert_eq(c.rope_original_positions, 2048);
}

Test(config, end_tokens_of_both_files)
{
	struct config c;
	struct err err = { 0 };

	cr_assert_eq(
		parse2(&c, "{" LLAMA ",\"eos_token_id\":[5,6]}", "{\"eos_token_id\":[6,7]}", &err),
		0);
	cr_assert_eq(c.n_eos, 3);
	cr_assert(config_is_eos(&c, 5) && config_is_eos(&c, 6) && config_is_eos(&c, 7));
	cr_assert_not(config_is_eos(&c, 2));
	/* As in transformers, -1 is no token: it never ends a text. */
	cr_assert_eq(parse2(&c, "{" LLAMA ",\"eos_token_id\":-1,\"bos_token_id\":-1}",
			    "{\"eos_token_id\":[-1,7],\"pad_token_id\":-1}", &err),
		     0, "%s", err.message);
	cr_assert(c.n_eos == 1 && c.eos_ids[0] == 7 && c.bos_id == -1);
	cr_assert_eq(parse2(&c, "{" LLAMA ",\"eos_token_id\":null}", "{\"eos_token_id\":9}", &err),
		     0);
	cr_assert(c.n_eos == 1 && c.eos_ids[0] == 9);
	cr_assert_eq(parse2(&c, "{" LLAMA "}", "[]", &err), 0);
	cr_assert_eq(c.n_eos, 1);
}

/* Each is one field that would change the numbers, or that is no size; the key is named. */
Test(config, what_is_not_supported_is_refused_by_name)
{
	static const struct {
		const char *json, *named;
	} cases[] = {
		{ "[]", "no JSON object" },
		{ "{}", "architectures" },
		{ "{\"architectures\":[\"GemmaForCausalLM\"]}", "GemmaForCausalLM" },
		{ "{\"architectures\":[\"MistralModel\"],\"model_type\":\"llama\"}",
		  "MistralModel" },
		{ "{\"architectures\":[\"LlavaForConditionalGeneration\"],\"model_type\":\"llava\","
		  "\"text_config\":{},\"vision_config\":{}}",
		  "LlavaForConditionalGeneration is a model of text and pictures" },
		{ "{\"architectures\":[\"MistralForSequenceClassification\"]," MISTRAL "}",
		  "MistralForSequenceClassification" },
		{ "{\"architectures\":[\"MistralForCausalLM\"],\"model_type\":\"llama\"}",
		  "model_type llama" },
		{ "{\"model_type\":\"mixtral\"}", "mixtral" },
		{ "{" LLAMA ",\"attention_bias\":true}", "attention_bias" },
		{ "{" LLAMA ",\"mlp_bias\":true}", "mlp_bias" },
		{ "{" LLAMA ",\"is_causal\":false}", "is_causal" },
		{ "{" LLAMA ",\"attention_bias\":1}", "attention_bias" },
		{ "{" LLAMA ",\"hidden_act\":\"gelu\"}", "hidden_act is gelu" },
		{ "{" LLAMA ",\"hidden_act\":3}", "hidden_act" },
		{ "{" LLAMA ",\"quantization_config\":{\"bits\":4}}", "quantization_config" },
		{ "{" LLAMA ",\"quantization_config\":{\"bits\":4,\"quant_method\":\"gptq\"}}",
		  "quantized to 4 bits (gptq)" },
		{ "{" LLAMA ",\"quantization_config\":{\"quant_method\":\"fp8\"}}",
		  "quantized (fp8)" },
		{ "{" LLAMA ",\"quantization\":{\"group_size\":64,\"bits\":4}}",
		  "quantized to 4 bits (MLX)" },
		{ "{" LLAMA ",\"partial_rotary_factor\":0.5}", "partial_rotary_factor is 0.5" },
		{ "{" LLAMA ",\"rope_parameters\":{\"partial_rotary_factor\":0.5}}",
		  "partial_rotary_factor is 0.5" },
		{ "{" LLAMA ",\"layer_types\":[\"full_attention\",\"sliding_attention\"]}",
		  "layer_types" },
		{ "{" LLAMA ",\"rope_scaling\":{\"rope_type\":\"yarn\",\"factor\":4}}",
		  "rope_type is yarn" },
		{ "{" LLAMA ",\"rope_scaling\":{\"type\":\"dynamic\",\"factor\":4}}",
		  "rope_type is dynamic" },
		{ "{" LLAMA ",\"rope_parameters\":{\"rope_type\":\"longrope\"}}",
		  "rope_type is longrope" },
		{ "{" LLAMA ",\"rope_parameters\":{\"full_attention\":{\"rope_theta\":1}}}",
		  "rope_parameters" },
		{ "{" LLAMA ",\"rope_scaling\":[1]}", "rope_scaling" },
		{ "{" LLAMA ",\"rope_scaling\":{\"type\":\"linear\"}}", "lacks factor" },
		{ "{" LLAMA ",\"rope_scaling\":{\"type\":\"linear\",\"factor\":0}}",
		  "factor is 0" },
		{ "{" LLAMA ",\"rope_scaling\":{\"type\":\"llama3\",\"factor\":8,"
		  "\"low_freq_factor\":1}}",
		  "lacks high_freq_factor" },
		{ "{" LLAMA ",\"rope_scaling\":{\"type\":\"llama3\",\"factor\":8,"
		  "\"low_freq_factor\":4,\"high_freq_factor\":4}}",
		  "high_freq_factor 4 must exceed" },
		{ "{" LLAMA ",\"rope_theta\":0}", "rope_theta is 0" },
		{ "{" LLAMA ",\"rope_theta\":1e999}", "rope_theta" },
		{ "{" LLAMA ",\"rms_norm_eps\":-1}", "rms_norm_eps is -1" },
		{ "{" LLAMA ",\"rms_norm_eps\":\"small\"}", "rms_norm_eps" },
		{ "{" LLAMA ",\"hidden_size\":0}", "hidden_size is 0" },
		{ "{" LLAMA ",\"hidden_size\":-4}", "hidden_size is -4" },
		{ "{" LLAMA ",\"hidden_size\":1.5}", "hidden_size is 1.5" },
		{ "{" LLAMA ",\"hidden_size\":null}", "hidden_size is null" },
		{ "{" LLAMA ",\"hidden_size\":4294967296}", "hidden_size is 4294967296" },
		{ "{" LLAMA ",\"vocab_size\":1e300}", "vocab_size" },
		{ "{" LLAMA ",\"num_hidden_layers\":100000}", "num_hidden_layers" },
		{ "{" LLAMA ",\"hidden_size\":100,\"num_attention_heads\":7}", "no multiple" },
		{ "{" LLAMA ",\"num_attention_heads\":8,\"num_key_value_heads\":3}",
		  "num_key_value_heads 3" },
		{ "{" LLAMA ",\"num_attention_heads\":4,\"num_key_value_heads\":8}",
		  "num_key_value_heads 8" },
		{ "{" LLAMA ",\"head_dim\":7}", "head_dim is 7" },
		{ "{" LLAMA ",\"hidden_size\":2000000000,\"num_attention_heads\":1}", "head_dim" },
		{ "{" LLAMA ",\"hidden_size\":2,\"num_attention_heads\":4}", "no multiple" },
		{ "{" MISTRAL ",\"sliding_window\":0}", "sliding_window is 0" },
		{ "{" LLAMA ",\"tie_word_embeddings\":\"yes\"}", "tie_word_embeddings" },
		{ "{" LLAMA ",\"eos_token_id\":\"</s>\"}", "eos_token_id" },
		{ "{" LLAMA ",\"eos_token_id\":[1,-2]}", "eos_token_id" },
		{ "{" LLAMA ",\"eos_token_id\":[1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17]}",
		  "more than 16" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct config c;
		struct err err = { 0 };

		cr_expect_eq(parse2(&c, cases[i].json, NULL, &err), ERR_FORMAT, "%s",
			     cases[i].json);
		cr_expect_not_null(strstr(err.message, cases[i].named), "%s: %s", cases[i].json,
				   err.message);
		cr_expect_eq(strncmp(err.message, "config.json", 11), 0, "%s", err.message);
	}
}

Test(config, classes_of_modules)
{
	struct config m = parse("{" MISTRAL "}"), l = parse("{" LLAMA "}");

	cr_assert_str_eq(config_class(&m, "Attention"), "MistralAttention");
	cr_assert_str_eq(config_class(&m, "ForCausalLM"), "MistralForCausalLM");
	cr_assert_str_eq(config_class(&l, "RotaryEmbedding"), "LlamaRotaryEmbedding");
	cr_assert_str_eq(config_class(&l, "Linear"), "Linear");
}

/* Distance in units in the last place of two positive floats. */
static int32_t ulps(float a, uint32_t bits)
{
	int32_t x;

	memcpy(&x, &a, sizeof(x));
	return abs(x - (int32_t)bits);
}

/*
 * Bits of transformers 4.44.2 on PyTorch 1.13 (x86-64):
 * ROPE_INIT_FUNCTIONS[type](LlamaConfig(hidden_size=2 * head_dim, num_attention_heads=2,
 * rope_theta=…, rope_scaling=…), "cpu")[0].  Of the 326 values of these cases one differs, by one
 * unit in the last place: PyTorch's vectorised pow and libm's round differently.
 */
Test(config, rotary_frequencies_are_those_of_transformers)
{
	static const char llama3[] =
		"\"max_position_embeddings\":131072,\"rope_theta\":500000.0,\"rope_scaling\":"
		"{\"rope_type\":\"llama3\",\"low_freq_factor\":1.0,\"high_freq_factor\":4.0,"
		"\"original_max_position_embeddings\":8192,\"factor\":";
	static const struct {
		const char *fields;
		int head_dim, i;
		uint32_t bits;
	} cases[] = {
		{ "\"rope_theta\":10000.0", 64, 0, 0x3f800000 },
		{ "\"rope_theta\":10000.0", 64, 1, 0x3f3ff911 },
		{ "\"rope_theta\":10000.0", 64, 15, 0x3c5a7bf2 },
		{ "\"rope_theta\":10000.0", 64, 31, 0x390bd472 },
		{ "\"rope_theta\":1000000.0", 128, 3, 0x3f05f6ef },
		{ "\"rope_theta\":1000000.0", 128, 48, 0x3804a2b2 },
		{ "\"rope_theta\":1000000.0", 128, 63, 0x35a68e4c },
		{ "\"rope_theta\":100000.0", 64, 2, 0x3ef953cf },
		{ "\"rope_theta\":100000.0", 64, 31, 0x37706b6d },
		{ "\"rope_theta\":10000.0", 14, 6, 0x39c36ee9 },
		{ "\"rope_theta\":10000.0", 6, 1, 0x3d3e1e95 },
		{ "\"rope_scaling\":{\"type\":\"linear\",\"factor\":2.5}", 64, 1, 0x3e99940e },
		{ "\"rope_scaling\":{\"type\":\"linear\",\"factor\":2.5}", 64, 31, 0x385fba50 },
		/* llama3: kept, then the six that are mixed, then divided */
		{ "8.0", 128, 16, 0x3d1a08c8 },
		{ "8.0", 128, 28, 0x3b527720 },
		{ "8.0", 128, 29, 0x3b0dfd06 },
		{ "8.0", 128, 31, 0x3a60979e },
		{ "8.0", 128, 34, 0x393b2dd2 },
		{ "8.0", 128, 35, 0x38c86886 },
		{ "8.0", 128, 63, 0x34a4c2ff },
		{ "32.0", 64, 14, 0x3b527720 },
		{ "32.0", 64, 16, 0x39e13620 },
		{ "32.0", 64, 31, 0x33ca41b0 },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		bool is_factor = cases[i].fields[0] != '"';
		char json[512];
		float freq[64];

		snprintf(json, sizeof(json),
			 "{" LLAMA ",\"hidden_size\":%d,"
			 "\"num_attention_heads\":2,%s%s%s}",
			 2 * cases[i].head_dim, is_factor ? llama3 : "", cases[i].fields,
			 is_factor ? "}" : "");
		struct config c = parse(json);
		config_rope_frequencies(&c, freq);
		cr_expect_leq(ulps(freq[cases[i].i], cases[i].bits), 1, "%s [%d] is %a", json,
			      cases[i].i, (double)freq[cases[i].i]);
	}
}
