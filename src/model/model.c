/*
 * model.c -- a checkpoint with its tokenizer and its program.
 */
#include "torchless/model.h"
#include "torchless/mem.h"

#include <stdlib.h>
#include <string.h>

/* A file of its own goes before what tokenizer_config.json says. */
static void take_chat_file(struct tokenizer *tok, const struct checkpoint *ck)
{
	const struct chat_file *chat = &ck->chat;
	struct text source = { 0 };

	if (!chat->name)
		return;
	text_addf(&source, ck->is_packed ? "%s: %s" : "%s/%s", ck->path, chat->name);
	if (chat->text)
		tokenizer_set_chat_template(tok, chat->text, chat->len, source.data);
	else
		tokenizer_lack_chat_template(tok, source.data, chat->others);
	text_release(&source);
}

static int build_tokenizer(struct model *m, bool raw, struct err *err)
{
	const struct checkpoint *ck = &m->checkpoint;
	const struct tokenizer_texts texts = {
		.tokenizer = { ck->tokenizer_json, ck->tokenizer_json_len },
		.config = ck->tokenizer_config_json,
		.special_tokens_map = ck->special_tokens_map_json,
		.added_tokens = ck->added_tokens_json,
		.model_config = ck->config_json,
		.raw = raw,
	};
	struct text what = { 0 };

	text_addf(&what,
		  ck->is_gguf     ? "%s: tokenizer.ggml"
		  : ck->is_packed ? "%s: tokenizer.json"
				  : "%s/tokenizer.json",
		  ck->path);
	m->tokenizer = tokenizer_open(&texts, what.data, err);
	text_release(&what);
	if (!m->tokenizer)
		return err->code;
	take_chat_file(m->tokenizer, ck);
	return 0;
}

static int build_program(struct model *m, struct err *err)
{
	m->inv_freq = mem_calloc((size_t)m->config->head_dim / 2, sizeof(*m->inv_freq));
	config_rope_frequencies(m->config, m->inv_freq);
	return mistral_build(&m->program, &m->checkpoint, m->inv_freq, err);
}

int model_open(struct model *m, const char *path, unsigned parts, struct err *err)
{
	int rc;

	*m = (struct model){ 0 };
	/* The program's shapes come from the config. */
	if (parts & CHECKPOINT_WEIGHTS)
		parts |= CHECKPOINT_CONFIG;
	rc = checkpoint_open(&m->checkpoint, path, parts, err);
	if (rc)
		return rc;
	m->config = &m->checkpoint.config;
	if (parts & CHECKPOINT_TOKENIZER)
		rc = build_tokenizer(m, parts & CHECKPOINT_RAW, err);
	if (!rc && parts & CHECKPOINT_WEIGHTS)
		rc = build_program(m, err);
	if (rc)
		model_close(m);
	return rc;
}

static int by_address(const void *a, const void *b)
{
	const char *const *x = a, *const *y = b;

	return (*x > *y) - (*x < *y);
}

/* The data of every weight that the program reads, in order; free() it. */
static const char **read_data(const struct program *p, size_t *n)
{
	const char **data = mem_calloc((size_t)p->n_values, sizeof(*data));

	*n = 0;
	for (int i = 0; i < p->n_values; i++)
		if (p->values[i].storage == STORAGE_WEIGHT && p->values[i].t.data)
			data[(*n)++] = p->values[i].t.data;
	if (*n > 1)
		qsort(data, *n, sizeof(*data), by_address);
	return data;
}

int64_t model_unused_tensors(const struct model *m, const char **first)
{
	const struct checkpoint *ck = &m->checkpoint;
	int64_t n_unused = 0;
	size_t n;
	const char **data = read_data(&m->program, &n);

	*first = NULL;
	for (int f = 0; f < ck->n_files && n; f++) {
		const struct tensor_file *st = &ck->files[f];
		for (int i = 0; i < st->n_tensors; i++) {
			const struct file_tensor *t = &st->tensors[st->by_name[i]];
			if (!checkpoint_is_weight(ck, t) ||
			    bsearch(&t->t.data, data, n, sizeof(*data), by_address))
				continue;
			if (!*first || strcmp(t->name, *first) < 0)
				*first = t->name;
			n_unused++;
		}
	}
	free(data);
	return n_unused;
}

void model_add_unused(const struct model *m, struct text *sentence)
{
	const char *first;
	int64_t n = model_unused_tensors(m, &first);

	if (n == 1)
		text_addf(sentence, "%s: the tensor %.200s is not used: a %s has no place for it",
			  m->checkpoint.path, first, m->config->arch);
	else if (n)
		text_addf(
			sentence,
			"%s: %lld tensors are not used, the first is %.200s: a %s has no place for "
			"them",
			m->checkpoint.path, (long long)n, first, m->config->arch);
}

static int read_config(struct model *m, const char *config_json, const char *what, struct err *err)
{
	cJSON *json = json_parse_python(config_json, strlen(config_json), what, err);
	int rc;

	if (!json)
		return err->code;
	rc = config_parse(&m->checkpoint.config, json, NULL, what, err);
	cJSON_Delete(json);
	if (rc)
		return rc;
	if (m->checkpoint.config.n_layers > MODEL_OUTLINE_LAYERS)
		return err_set(err, ERR_FORMAT, "%s: %lld layers are more than the %d of a model",
			       what, (long long)m->checkpoint.config.n_layers,
			       MODEL_OUTLINE_LAYERS);
	return 0;
}

int model_outline_as(struct model *m, const char *config_json, enum dtype weights, const char *what,
		     struct err *err)
{
	int rc;

	*m = (struct model){ 0 };
	m->checkpoint.path = mem_strdup(what);
	m->config = &m->checkpoint.config;
	m->checkpoint.weight_dtype = weights;
	rc = read_config(m, config_json, what, err);
	if (!rc)
		rc = build_program(m, err);
	if (rc)
		model_close(m);
	return rc;
}

int model_outline(struct model *m, const char *config_json, const char *what, struct err *err)
{
	return model_outline_as(m, config_json, DTYPE_BF16, what, err);
}

void model_close(struct model *m)
{
	program_release(&m->program);
	tokenizer_free(m->tokenizer);
	free(m->inv_freq);
	checkpoint_close(&m->checkpoint);
	*m = (struct model){ 0 };
}
