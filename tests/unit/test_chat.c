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

static struct chat_request request(const char *message, const char *system)
{
	struct chat_request chat = { .message = { message, strlen(message) } };

	if (system) {
		chat.system = (struct bytes){ system, strlen(system) };
		chat.has_system = true;
	}
	return chat;
}

static void expect_chat_with(const char *template, const char *message, const char *system,
			     const char *expected)
{
	struct tokenizer *tok = with_template(template);
	struct chat_request chat = request(message, system);
	struct text out = { 0 };
	struct err err = { 0 };

	cr_assert_eq(chat_format(tok, &chat, &out, &err), 0, "%s", err.message);
	cr_expect_str_eq(out.data, expected);
	text_release(&out);
	tokenizer_free(tok);
}

static void expect_chat(const char *template, const char *message, const char *expected)
{
	expect_chat_with(template, message, NULL, expected);
}

static void expect_refused(const char *template, int code, const char *expected)
{
	struct tokenizer *tok = with_template(template);
	struct chat_request chat = request("a", NULL);
	struct text out = { 0 };
	struct err err = { 0 };

	cr_expect_eq(chat_format(tok, &chat, &out, &err), code, "%s", template);
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
		"{%- set loop_messages = messages %}{{- bos_token }}\n{%- for message in loop_messages %}\n    {%- if loop.last and "
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
	expect_chat("{{ bos_token }}{#- the date #}\n{%- set date_string = \"26 Jul 2024\" %}"
		    "{{- \"Cutting Knowledge Date: December 2023\n\" }}"
		    "{{- \"Today Date: \" + date_string + \"\n\n\" }}"
		    "{%- for message in messages %}{{- " LLAMA3_USER
		    " }}{%- endfor %}" LLAMA3_PROMPT,
		    "Hi",
		    "<s>Cutting Knowledge Date: December 2023\nToday Date: 26 Jul 2024\n\n"
		    "<|start_header_id|>user<|end_header_id|>\n\nHi<|eot_id|>"
		    "<|start_header_id|>assistant<|end_header_id|>\n\n");
}

/* Each of these was printed otherwise when templates were recognised. */
Test(chat, a_header_without_a_condition)
{
	expect_chat("{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' + "
		    "message['content'] + '<|im_end|>\n' }}{% endfor %}{{ "
		    "'<|im_start|>assistant\n' }}",
		    "Hi", "<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n");
}

#define DEFAULT_IN_A_VARIABLE                                                                      \
	"{{- bos_token }}{%- if messages[0]['role'] == 'system' %}{%- set sm = "                   \
	"messages[0]['content'] %}{%- else %}{%- set sm = 'Be brief.' %}{%- endif %}{{- "          \
	"'[SYSTEM_PROMPT]' + sm + '[/SYSTEM_PROMPT]' }}{% for message in messages %}{% if "        \
	"message['role'] == 'user' %}{{ '[INST] ' + message['content'] + ' [/INST]' }}"            \
	"{% endif %}{% endfor %}"

Test(chat, a_default_system_message_in_a_variable)
{
	expect_chat(DEFAULT_IN_A_VARIABLE, "Hi",
		    "<s>[SYSTEM_PROMPT]Be brief.[/SYSTEM_PROMPT][INST] Hi [/INST]");
	expect_chat_with(DEFAULT_IN_A_VARIABLE, "Hi", "",
			 "<s>[SYSTEM_PROMPT][/SYSTEM_PROMPT][INST] Hi [/INST]");
	expect_chat_with(DEFAULT_IN_A_VARIABLE, "Hi", "Rhyme.",
			 "<s>[SYSTEM_PROMPT]Rhyme.[/SYSTEM_PROMPT][INST] Hi [/INST]");
}

Test(chat, the_end_of_a_turn_in_a_tag_of_its_own)
{
	expect_chat("{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' + "
		    "message['content'] }}{% if add_generation_prompt or not loop.last %}"
		    "{{ '<|im_end|>\n' }}{% endif %}{% endfor %}" CHATML_PROMPT,
		    "Hi", "<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n");
}

Test(chat, text_behind_a_false_condition)
{
	expect_chat("{% if thinking %}{{ '<|im_start|>system\nThink first.<|im_end|>\n' }}"
		    "{% endif %}" CHATML_LOOP CHATML_PROMPT,
		    "Hi", "<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n");
}

Test(chat, text_outside_of_tags)
{
	expect_chat("<|im_start|>" CHATML_LOOP "\n" CHATML_PROMPT " ", "Hi",
		    "<|im_start|><|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n ");
	expect_chat("{% for m in messages %}{{ '<|user|>' + m.content }}{% endfor %}", "Hi",
		    "<|user|>Hi");
}

/* BOS that is null, or not told, is undefined, which prints nothing. */
Test(chat, variables)
{
	expect_chat("{{ messages|length }} {{ tools }} {{ documents }} {{ add_generation_prompt }} "
		    "{{ eos_token }} {{ eos_token is defined }} {{ pad_token is defined }} "
		    "{{ additional_special_tokens is defined }}",
		    "Hi", "1 None None True  False False False");
}

Test(chat, bytes_that_are_no_text_pass)
{
	struct tokenizer *tok = with_template(CHATML_LOOP);
	struct chat_request chat = { .message = { "a\0\xff\xe2\x82", 5 } };
	struct text out = { 0 };
	struct err err = { 0 };

	cr_assert_eq(chat_format(tok, &chat, &out, &err), 0, "%s", err.message);
	cr_expect_eq(out.len, 17 + 5 + 11);
	cr_expect_arr_eq(out.data, "<|im_start|>user\na\0\xff\xe2\x82<|im_end|>\n", out.len);
	text_release(&out);
	tokenizer_free(tok);
}

Test(chat, what_cannot_be_run_is_refused)
{
	expect_refused(NULL, ERR_USAGE, "no chat template");
	expect_refused(
		"{{ '<|im_start|>", ERR_FORMAT,
		"the tokenizer_config.json of test.json, line 1, column 4: this string has no "
		"end");
	expect_refused("a\n {{ '[INST]' | nosuch }}", ERR_FORMAT,
		       "line 2, column 16: there is no filter 'nosuch'");
	expect_refused("{{ raise_exception('Only \"tools\"!') }}", ERR_FORMAT,
		       "line 1, column 19: the template says: Only \"tools\"!");
}
