/*
 * test_chat.c -- chat templates: what is expected was printed by transformers' own Jinja.
 */
#include "torchless/session.h"

#include <criterion/criterion.h>
#include <string.h>

static const char tokenizer_json[] = "{\"model\":{\"vocab\":{\"a\":0},\"merges\":[]}}";

/* A tokenizer with a chat template (NULL: none) and the BOS token <s>. */
static struct tokenizer *with_template(const char *template)
{
	struct text config = { 0 };
	struct err err = { 0 };
	struct tokenizer *tok;

	text_adds(&config, "{\"bos_token\":{\"content\":\"<s>\"},\"chat_template\":");
	if (template)
		text_add_json(&config, template, strlen(template));
	else
		text_adds(&config, "null");
	text_adds(&config, "}");
	tok = tokenizer_new(tokenizer_json, strlen(tokenizer_json), config.data, "test.json", &err);
	cr_assert_not_null(tok, "%s", err.message);
	text_release(&config);
	return tok;
}

static void expect_chat(const char *template, const char *message, const char *expected)
{
	struct tokenizer *tok = with_template(template);
	struct text out = { 0 };
	struct err err = { 0 };
	bool special = true;

	cr_assert_eq(chat_format(tok, message, strlen(message), &out, &special, &err), 0, "%s",
		     err.message);
	cr_expect_str_eq(out.data, expected);
	/* BOS is in the text; the tokenizer's own template must not add another. */
	cr_expect_not(special);
	text_release(&out);
	tokenizer_free(tok);
}

static void expect_refused(const char *template, const char *expected)
{
	struct tokenizer *tok = with_template(template);
	struct text out = { 0 };
	struct err err = { 0 };
	bool special;

	cr_expect_eq(chat_format(tok, "a", 1, &out, &special, &err), ERR_USAGE, "%s", template);
	cr_expect_not_null(strstr(err.message, expected), "%s", err.message);
	cr_expect_eq(out.len, 0);
	text_release(&out);
	tokenizer_free(tok);
}

#define CHATML_LOOP                                                                                \
	"{% for message in messages %}{{'<|im_start|>' + message['role'] + '\\n' + "               \
	"message['content'] + '<|im_end|>' + '\\n'}}{% endfor %}"
#define CHATML_PROMPT "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
#define MISTRAL(before, after)                                                                     \
	"{{ bos_token }}{% for message in messages %}{% if message['role'] == 'user' %}"           \
	"{{ '" before "' + message['content'] + '" after "' }}"                                    \
	"{% elif message['role'] == 'assistant' %}{{ message['content']|trim + eos_token }}"       \
	"{% endif %}{% endfor %}"

Test(chat, chatml)
{
	expect_chat(CHATML_LOOP CHATML_PROMPT, " Hi\n",
		    "<|im_start|>user\n Hi\n<|im_end|>\n<|im_start|>assistant\n");
	expect_chat(CHATML_LOOP, "Hi", "<|im_start|>user\nHi<|im_end|>\n");
}

Test(chat, chatml_with_a_default_system_message)
{
	expect_chat("{% for message in messages %}{% if loop.first and messages[0]['role'] != "
		    "'system' %}{{ '<|im_start|>system\nYou are here.<|im_end|>\n' }}{% endif %}"
		    "{{'<|im_start|>' + message.role + '\n' + message.content + '<|im_end|>' + "
		    "'\n'}}{% endfor %}" CHATML_PROMPT,
		    "Hi",
		    "<|im_start|>system\nYou are here.<|im_end|>\n<|im_start|>user\nHi<|im_end|>\n"
		    "<|im_start|>assistant\n");
}

Test(chat, mistral_with_the_spaces_of_its_version)
{
	expect_chat(MISTRAL("[INST] ", " [/INST]"), " Hi ", "<s>[INST]  Hi  [/INST]");
	expect_chat(MISTRAL("[INST] ", "[/INST]"), "Hi", "<s>[INST] Hi[/INST]");
	expect_chat(MISTRAL("[INST]", "[/INST]"), "Hi", "<s>[INST]Hi[/INST]");
}

Test(chat, mistral_skips_the_branch_with_a_system_message)
{
	expect_chat(
		"{{- bos_token }}\n{%- for message in loop_messages %}\n    {%- if loop.last and "
		"system_message is defined %}\n        {{- \"[INST] \" + system_message + "
		"\"\\n\\n\" + message[\"content\"] + \"[/INST]\" }}\n    {%- else %}\n        "
		"{{- \"[INST] \" + message[\"content\"] + \"[/INST]\" }}\n    {%- endif %}\n"
		"{%- endfor %}\n",
		"Hi", "<s>[INST] Hi[/INST]");
}

Test(chat, llama2_strips_the_message_and_prints_bos_itself)
{
	expect_chat("{% for message in messages %}{% set content = message['content'] %}{% if "
		    "message['role'] == 'user' %}{{ bos_token + '[INST] ' + content.strip() + ' "
		    "[/INST]' }}{% endif %}{% endfor %}",
		    "\xe3\x80\x80 Hi\n", "<s>[INST] Hi [/INST]");
}

#define LLAMA3_USER                                                                                \
	"'<|start_header_id|>' + message['role'] + '<|end_header_id|>\n\n'+ message['content'] | " \
	"trim + '<|eot_id|>'"
#define LLAMA3_PROMPT                                                                              \
	"{% if add_generation_prompt %}"                                                           \
	"{{ '<|start_header_id|>assistant<|end_header_id|>\n\n' }}{% endif %}"

Test(chat, llama3)
{
	expect_chat("{% for message in messages %}{% set content = " LLAMA3_USER " %}{% if "
		    "loop.index0 == 0 %}{% set content = bos_token + content %}{% endif %}"
		    "{{ content }}{% endfor %}" LLAMA3_PROMPT,
		    " Hi ",
		    "<s><|start_header_id|>user<|end_header_id|>\n\nHi<|eot_id|>"
		    "<|start_header_id|>assistant<|end_header_id|>\n\n");
}

Test(chat, llama3_with_a_date)
{
	expect_chat(
		"{{ bos_token }}{#- the date #}\n{%- set date_string = \"26 Jul 2024\" %}"
		"{{- \"Cutting Knowledge Date: December 2023\n\" }}"
		"{{- \"Today Date: \" + date_string + \"\n\n\" }}"
		"{%- for message in messages %}{{- " LLAMA3_USER " }}{%- endfor %}" LLAMA3_PROMPT,
		"Hi",
		"<s><|start_header_id|>system<|end_header_id|>\n\nCutting Knowledge Date: "
		"December 2023\nToday Date: 26 Jul 2024\n\n<|eot_id|><|start_header_id|>user"
		"<|end_header_id|>\n\nHi<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\n");
}

Test(chat, what_is_not_understood_is_refused)
{
	expect_refused(NULL, "no chat template");
	expect_refused("{% for m in messages %}{{ '<|user|>' + m.content }}{% endfor %}",
		       "begins '{% for m in messages");
	/* Text outside of expressions would have to be printed. */
	expect_refused("<|im_start|>" CHATML_LOOP, "not understood");
	expect_refused(CHATML_LOOP "\n" CHATML_PROMPT " ", "not understood");
	expect_refused(CHATML_LOOP " {% if x %}{% endif %}", "not understood");
	/* Damaged, and a filter that is not known. */
	expect_refused("{{ '<|im_start|>", "not understood");
	expect_refused("{{ '[INST]' + message['content'] | upper }}", "not understood");
}
