/* test_chat_source.c -- which of a model's chat templates counts, as transformers chooses it. */
#include "torchless/model.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define TOKENIZER "{\"model\":{\"vocab\":{\"a\":0},\"merges\":[]}}"

static char dir[64];

static void put(const char *name, const char *text)
{
	char path[160];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	f = fopen(path, "wb");
	cr_assert_not_null(f, "%s", path);
	cr_assert_eq(fwrite(text, 1, strlen(text), f), strlen(text));
	fclose(f);
}

static void make_dir(void)
{
	char folder[96];

	strcpy(dir, "/tmp/torchless-chat-XXXXXX");
	cr_assert_not_null(mkdtemp(dir));
	snprintf(folder, sizeof(folder), "%s/additional_chat_templates", dir);
	cr_assert_eq(mkdir(folder, 0700), 0);
	put("tokenizer.json", TOKENIZER);
}

static void drop_dir(void)
{
	char command[128];

	snprintf(command, sizeof(command), "rm -rf '%s'", dir);
	cr_assert_eq(system(command), 0);
}

/* The model of the directory, or of the packed file `name` in it. */
static void open_it(struct model *m, const char *name)
{
	struct err err = { 0 };
	char path[160];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	cr_assert_eq(model_open(m, path, CHECKPOINT_TOKENIZER, &err), 0, "%s", err.message);
}

static void expect_template(const char *name, const char *template, const char *source)
{
	struct model m;
	struct err err = { 0 };
	const char *from;

	open_it(&m, name);
	cr_assert_eq(tokenizer_need_chat_template(m.tokenizer, &err), 0, "%s", err.message);
	cr_expect_str_eq(tokenizer_chat_template(m.tokenizer), template);
	from = tokenizer_chat_template_source(m.tokenizer);
	cr_expect(strlen(from) > strlen(source) &&
			  !strcmp(from + strlen(from) - strlen(source), source),
		  "%s is not %s", from, source);
	cr_expect_eq(strncmp(from, dir, strlen(dir)), 0, "%s", from);
	model_close(&m);
}

static void expect_none(const char *name, const char *a, const char *b)
{
	struct model m;
	struct err err = { 0 };

	open_it(&m, name);
	cr_assert_null(tokenizer_chat_template(m.tokenizer));
	cr_assert_null(tokenizer_chat_template_source(m.tokenizer));
	cr_assert_eq(tokenizer_need_chat_template(m.tokenizer, &err), ERR_USAGE);
	cr_expect_not_null(strstr(err.message, a), "%s lacks %s", err.message, a);
	cr_expect_not_null(strstr(err.message, b), "%s lacks %s", err.message, b);
	model_close(&m);
}

Test(chat_source, a_file_goes_before_the_config, .init = make_dir, .fini = drop_dir)
{
	expect_none("", "no chat template", "");
	put("tokenizer_config.json", "{\"chat_template\":\"C\"}");
	expect_template("", "C", "/tokenizer_config.json");
	put("chat_template.json", "{\"chat_template\":\"P\"}");
	put("additional_chat_templates/readme.md", "R");
	expect_template("", "C", "/tokenizer_config.json");
	put("chat_template.jinja", "F");
	expect_template("", "F", "/chat_template.jinja");
	put("additional_chat_templates/tool_use.jinja", "T");
	expect_template("", "F", "/chat_template.jinja");
	put("additional_chat_templates/default.jinja", "D");
	expect_template("", "D", "/additional_chat_templates/default.jinja");
}

Test(chat_source, files_of_which_none_is_the_default, .init = make_dir, .fini = drop_dir)
{
	put("tokenizer_config.json", "{\"chat_template\":\"C\"}");
	put("additional_chat_templates/tool_use.jinja", "T");
	put("additional_chat_templates/rag.jinja", "R");
	expect_none("", "/additional_chat_templates has chat templates but none called default",
		    "rag.jinja, tool_use.jinja");
}

Test(chat_source, an_empty_file_is_a_template, .init = make_dir, .fini = drop_dir)
{
	put("tokenizer_config.json", "{\"chat_template\":\"C\"}");
	put("chat_template.jinja", "");
	expect_template("", "", "/chat_template.jinja");
}

Test(chat_source, named_templates_of_the_config, .init = make_dir, .fini = drop_dir)
{
	static const struct {
		const char *value, *template, *problem;
	} cases[] = {
		{ "[{\"name\":\"rag\",\"template\":\"R\"},{\"name\":\"default\",\"template\":\"D\"}]",
		  "D", NULL },
		{ "[{\"name\":\"default\",\"template\":\"A\"},{\"name\":\"default\",\"template\":\"B\"}]",
		  "B", NULL },
		{ "{\"default\":\"D\",\"rag\":\"R\"}", "D", NULL },
		{ "\"\"", "", NULL },
		{ "[{\"name\":\"rag\",\"template\":\"R\"},{\"name\":\"tool_use\",\"template\":\"T\"}]",
		  NULL, "rag, tool_use" },
		{ "{\"rag\":\"R\"}", NULL, "none called default: rag" },
		{ "[]", NULL, "empty" },
		{ "null", NULL, "no chat template" },
		{ "7", NULL, "no text" },
		{ "[{\"name\":\"default\",\"template\":[]}]", NULL, "no text" },
		{ "\"a\\u0000b\"", NULL, "U+0000" },
		{ "\"a\\\\u0000b\"", "a\\u0000b", NULL },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		char config[256];

		snprintf(config, sizeof(config), "{\"chat_template\":%s}", cases[i].value);
		put("tokenizer_config.json", config);
		if (cases[i].template)
			expect_template("", cases[i].template, "/tokenizer_config.json");
		else
			expect_none("", cases[i].problem, "");
	}
}

/* Whoever does not chat never hears of it. */
Test(chat_source, a_file_that_is_no_text, .init = make_dir, .fini = drop_dir)
{
	put("chat_template.jinja", "ab\xff");
	expect_none("", "/chat_template.jinja: the chat template holds what is no UTF-8", "byte 2");
}

Test(chat_source, a_file_that_cannot_be_read, .init = make_dir, .fini = drop_dir)
{
	struct model m;
	struct err err = { 0 };
	char path[96];

	snprintf(path, sizeof(path), "%s/chat_template.jinja", dir);
	cr_assert_eq(mkfifo(path, 0600), 0);
	cr_assert_eq(model_open(&m, dir, CHECKPOINT_TOKENIZER, &err), ERR_FORMAT);
	cr_expect_not_null(strstr(err.message, "chat_template.jinja is no regular file"));
}

/* A safetensors file without tensors, which carries these texts. */
static void pack(const char *more)
{
	char header[512];
	char path[96];
	size_t n;
	FILE *f;

	snprintf(header, sizeof(header),
		 "{\"__metadata__\":{\"torchless.format\":\"1\",\"tokenizer.json\":"
		 "\"{\\\"model\\\":{\\\"vocab\\\":{\\\"a\\\":0},\\\"merges\\\":[]}}\"%s}}",
		 more);
	n = strlen(header);
	snprintf(path, sizeof(path), "%s/p.safetensors", dir);
	f = fopen(path, "wb");
	cr_assert_not_null(f);
	for (int i = 0; i < 8; i++)
		fputc((int)(n >> 8 * i & 0xff), f);
	fputs(header, f);
	fclose(f);
}

#define CONFIG ",\"tokenizer_config.json\":\"{\\\"chat_template\\\":\\\"C\\\"}\""

Test(chat_source, the_packed_file_carries_it, .init = make_dir, .fini = drop_dir)
{
	pack("");
	expect_none("p.safetensors", "no chat template", "");
	pack(CONFIG);
	expect_template("p.safetensors", "C", "p.safetensors: tokenizer_config.json");
	pack(CONFIG ",\"chat_template.jinja\":\"F\"");
	expect_template("p.safetensors", "F", "p.safetensors: chat_template.jinja");
	pack(",\"chat_template.jinja\":\"F\",\"additional_chat_templates/default.jinja\":\"D\"");
	expect_template("p.safetensors", "D",
			"p.safetensors: additional_chat_templates/default.jinja");
	pack(CONFIG ",\"additional_chat_templates/rag.jinja\":\"R\"");
	expect_none("p.safetensors", "p.safetensors: additional_chat_templates has", "rag.jinja");
}
