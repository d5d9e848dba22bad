/*
 * fuzz_config.c -- libFuzzer over config.json and generation_config.json.
 *
 * A form feed, which JSON cannot hold, stands between the two.  A config that is accepted describes
 * a model that can be built: sizes within bounds, heads that divide, frequencies that are numbers.
 */
#include "fuzz.h"
#include "torchless/config.h"

#include <math.h>

#define MAX_HEAD_DIM 65536

static void check_config(const struct config *c)
{
	static float inv_freq[MAX_HEAD_DIM / 2];

	require(c->n_layers > 0 && c->d_model > 0 && c->d_ff > 0 && c->n_vocab > 0,
		"sizes are positive");
	require(c->n_heads > 0 && c->n_kv_heads > 0 && c->n_heads % c->n_kv_heads == 0,
		"heads are divisible");
	require(c->head_dim > 0 && c->head_dim <= MAX_HEAD_DIM && c->head_dim % 2 == 0,
		"head_dim is bounded");
	require(c->max_positions > 0 && c->window >= 0, "positions are counted");
	require(isfinite(c->rms_norm_eps) && c->rms_norm_eps >= 0, "eps is a number");
	require(c->n_eos >= 0 && c->n_eos <= CONFIG_MAX_EOS, "there is room for every eos");
	for (int i = 0; i < c->n_eos; i++)
		require(config_is_eos(c, c->eos_ids[i]) && c->eos_ids[i] >= 0, "an eos is one");
	config_rope_frequencies(c, inv_freq);
	for (int64_t i = 0; i < c->head_dim / 2; i++)
		require(!isnan(inv_freq[i]), "frequencies are numbers");
	require_shown(c->name, strlen(c->name));
	require(strlen(config_class(c, "Attention")) > 0, "a class has a name");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = { data, size };
	size_t len, generation_len;
	char *text = input_until(&in, '\f', &len), *more;
	cJSON *config, *generation = NULL;
	struct err err = { 0 };
	struct config c;

	more = input_until(&in, '\f', &generation_len);
	config = json_parse(text, len, "config.json", &err);
	require(!config == (err.code < 0), "what is refused is explained");
	if (config && generation_len)
		generation = json_parse(more, generation_len, "generation_config.json", &err);
	if (err.code)
		require_sentence(&err);
	else if (succeeded(config_parse(&c, config, generation, "config.json", &err), &err))
		check_config(&c);
	cJSON_Delete(config);
	cJSON_Delete(generation);
	free(text);
	free(more);
	return 0;
}
