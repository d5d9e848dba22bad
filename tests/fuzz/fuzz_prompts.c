/*
 * fuzz_prompts.c -- libFuzzer over the file of `trace --prompts`.
 *
 * Each prompt that is accepted is text or ids, has a line of its own, and an id that is JSON.
 */
#include "fuzz.h"
#include "torchless/json.h"
#include "torchless/record_runs.h"

static void check_prompt(const struct record_prompt *p, int64_t line)
{
	require(p->line > line, "lines follow each other");
	require(!p->prompt.text.data != !p->prompt.ids, "a prompt is text or ids");
	require(p->prompt.n >= -1 && p->prompt.n <= 1000000000, "n is in bounds");
	for (int64_t i = 0; i < p->prompt.n_ids; i++)
		require(p->prompt.ids[i] >= 0, "ids are not negative");
	if (p->prompt.text.data)
		require(strlen(p->prompt.text.data) == p->prompt.text.len,
			"no part of a text is dropped");
	if (p->prompt.system.data)
		require(p->prompt.text.data &&
				strlen(p->prompt.system.data) == p->prompt.system.len,
			"a system message goes with a text, whole");
	for (int i = 0; i < p->n_zero; i++)
		require(p->zero[i] != NULL, "what is zeroed has a name");
	if (p->id) {
		struct err err = { 0 };
		cJSON *id = json_parse(p->id, strlen(p->id), "id", &err);

		require(cJSON_IsString(id) || cJSON_IsNumber(id) || cJSON_IsNull(id),
			"an id is JSON");
		cJSON_Delete(id);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct prompt_list list;
	struct err err = { 0 };
	/* A copy, so that reading behind it is seen. */
	char *bytes = malloc(size ? size : 1);

	if (!bytes)
		abort();
	memcpy(bytes, size ? (const char *)data : "", size);
	if (succeeded(prompts_parse(&list, "p\n.jsonl", (struct bytes){ bytes, size }, NULL, &err),
		      &err)) {
		require(list.n > 0, "a file holds a prompt");
		for (int64_t i = 0; i < list.n; i++)
			check_prompt(&list.items[i], i ? list.items[i - 1].line : 0);
	}
	prompts_release(&list);
	free(bytes);
	return 0;
}
