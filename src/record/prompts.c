/*
 * prompts.c -- reading a file of prompts.
 *
 * Whatever can be seen without a model is refused here, before one is opened.
 */
#include "torchless/json.h"
#include "torchless/mem.h"
#include "torchless/record_runs.h"

#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#define MAX_FILE_BYTES ((size_t)1 << 30)
#define MAX_TOKENS     1000000000 /* as -n */

static int bad_line(const char *what, const cJSON *item, const char *expected, struct err *err)
{
	char *found = cJSON_PrintUnformatted(item);

	err_set(err, ERR_FORMAT, "%s: %s is expected, not %.60s", what, expected,
		found ? found : "this");
	cJSON_free(found);
	return err->code;
}

/* ---- the keys of a line ------------------------------------------------------------------- */

/*
 * cJSON ends a string at \u0000 and so would a prompt.  `json` is valid: what looks like that
 * escape is one, unless its backslash is itself escaped.
 */
static bool holds_nul(struct bytes json)
{
	for (size_t i = 0; i + 6 <= json.len; i++) {
		if (json.data[i] != '\\')
			continue;
		if (!memcmp(json.data + i, "\\u0000", 6))
			return true;
		i++;
	}
	return false;
}

static int read_text(struct record_prompt *p, const cJSON *item, struct bytes json,
		     const char *what, struct err *err)
{
	if (!cJSON_IsString(item))
		return bad_line(what, item, "text as \"prompt\"", err);
	if (holds_nul(json))
		return err_set(err, ERR_FORMAT,
			       "%s: a line with \\u0000 cannot be read; give \"ids\" instead",
			       what);
	p->prompt.text.len = strlen(item->valuestring);
	p->prompt.text.data = mem_memdup(item->valuestring, p->prompt.text.len);
	return 0;
}

/* What a chat template is given before the prompt. */
static int read_system(struct record_prompt *p, const cJSON *item, struct bytes json,
		       const char *what, struct err *err)
{
	if (!cJSON_IsString(item))
		return bad_line(what, item, "text as \"system\"", err);
	if (!p->prompt.text.data)
		return err_set(err, ERR_FORMAT,
			       "%s: \"system\" goes with \"prompt\", not with \"ids\"", what);
	if (holds_nul(json))
		return err_set(err, ERR_FORMAT, "%s: a line with \\u0000 cannot be read", what);
	p->prompt.system.len = strlen(item->valuestring);
	p->prompt.system.data = mem_memdup(item->valuestring, p->prompt.system.len);
	return 0;
}

static bool is_id(const cJSON *item)
{
	double d = item->valuedouble;

	return cJSON_IsNumber(item) && d == floor(d) && d >= 0 && d <= INT32_MAX;
}

static int read_ids(struct record_prompt *p, const cJSON *item, const char *what, struct err *err)
{
	const cJSON *id;
	int32_t *ids;

	if (!cJSON_IsArray(item))
		return bad_line(what, item, "a list of token ids as \"ids\"", err);
	p->prompt.ids = ids = mem_calloc((size_t)cJSON_GetArraySize(item) + 1, sizeof(*ids));
	cJSON_ArrayForEach(id, item)
	{
		if (!is_id(id))
			return bad_line(what, id, "a token id in \"ids\"", err);
		ids[p->prompt.n_ids++] = (int32_t)id->valuedouble;
	}
	return 0;
}

static int read_name(struct record_prompt *p, const cJSON *item, const char *what, struct err *err)
{
	char *json;

	if (!cJSON_IsString(item) && !cJSON_IsNumber(item))
		return bad_line(what, item, "text or a number as \"id\"", err);
	json = cJSON_PrintUnformatted(item);
	p->id = mem_strdup(json ? json : "null");
	cJSON_free(json);
	return 0;
}

/* A name, or a list of them. */
static int read_zero(struct record_prompt *p, const cJSON *item, const char *what, struct err *err)
{
	int n = cJSON_IsArray(item) ? cJSON_GetArraySize(item) : 1;
	const cJSON *at = cJSON_IsArray(item) ? item->child : item;

	p->zero = mem_calloc((size_t)n + 1, sizeof(*p->zero));
	for (; at && p->n_zero < n; at = at->next) {
		if (!cJSON_IsString(at))
			return bad_line(what, item,
					"a point as \"L0.attn.z[head=1]\", or a list of them, as "
					"\"zero\"",
					err);
		p->zero[p->n_zero++] = mem_strdup(at->valuestring);
	}
	return 0;
}

static int read_object(struct record_prompt *p, const cJSON *line, struct bytes json,
		       const char *what, struct err *err)
{
	const cJSON *text = json_get(line, "prompt"), *ids = json_get(line, "ids");
	const cJSON *id = json_get(line, "id"), *zero = json_get(line, "zero");
	const cJSON *system = json_get(line, "system");

	if (!cJSON_IsObject(line))
		return bad_line(what, line, "an object such as {\"prompt\": \"Hello\"}", err);
	if (!text == !ids)
		return err_set(err, ERR_FORMAT, "%s: %s \"prompt\" %s \"ids\"", what,
			       text ? "a line has" : "there is neither", text ? "or" : "nor");
	if (json_get_int(line, "n", 0, MAX_TOKENS, &p->prompt.n, what, err) < 0)
		return err->code;
	if ((id && read_name(p, id, what, err)) || (zero && read_zero(p, zero, what, err)))
		return err->code;
	if (text ? read_text(p, text, json, what, err) : read_ids(p, ids, what, err))
		return err->code;
	return system ? read_system(p, system, json, what, err) : 0;
}

/* ---- the file ----------------------------------------------------------------------------- */

static void release_prompt(struct record_prompt *p)
{
	free((char *)p->prompt.text.data);
	free((char *)p->prompt.system.data);
	free((int32_t *)p->prompt.ids);
	free(p->id);
	for (int i = 0; i < p->n_zero; i++)
		free(p->zero[i]);
	free(p->zero);
}

static int add_line(struct prompt_list *list, struct bytes json, int64_t number, struct err *err)
{
	struct record_prompt p = { .prompt.n = -1, .line = number };
	struct text what = { 0 };
	cJSON *line;
	int r;

	text_addf(&what, "%s:%lld", list->file, (long long)number);
	line = json_parse(json.data, json.len, what.data, err);
	r = line ? read_object(&p, line, json, what.data, err) : err->code;
	cJSON_Delete(line);
	text_release(&what);
	if (r) {
		release_prompt(&p);
		return r;
	}
	list->items = mem_grow(list->items, (size_t)list->n, &list->cap, sizeof(*list->items));
	list->items[list->n++] = p;
	return 0;
}

static bool is_blank(struct bytes line)
{
	static const char blanks[] = { ' ', '\t', '\r' };

	for (size_t i = 0; i < line.len; i++)
		if (!memchr(blanks, line.data[i], sizeof(blanks)))
			return false;
	return true;
}

static int add_lines(struct prompt_list *list, struct bytes file,
		     const volatile sig_atomic_t *interrupted, struct err *err)
{
	const char *at = file.data, *end = file.data + file.len;

	for (int64_t number = 1; at < end; number++) {
		const char *feed = memchr(at, '\n', (size_t)(end - at));
		struct bytes line = { at, (size_t)((feed ? feed : end) - at) };

		if (!is_blank(line) && add_line(list, line, number, err))
			return err->code;
		if (interrupted && *interrupted)
			return err_set(err, ERR_INTERRUPTED, "interrupted");
		at = feed ? feed + 1 : end;
	}
	if (list->n == 0)
		return err_set(err, ERR_FORMAT, "%s holds no prompt", list->file);
	return 0;
}

int prompts_parse(struct prompt_list *list, const char *file, struct bytes json,
		  const volatile sig_atomic_t *interrupted, struct err *err)
{
	XXH128_canonical_t canonical;

	*list = (struct prompt_list){ .file = mem_strdup(file) };
	XXH128_canonicalFromHash(&canonical, XXH3_128bits(json.data, json.len));
	memcpy(list->hash, canonical.digest, sizeof(list->hash));
	return add_lines(list, json, interrupted, err);
}

int prompts_read(struct prompt_list *list, const char *path,
		 const volatile sig_atomic_t *interrupted, struct err *err)
{
	struct text t = { 0 };
	int r = text_read_file(&t, path, MAX_FILE_BYTES, err);

	*list = (struct prompt_list){ 0 };
	if (r == 0)
		r = prompts_parse(list, path, (struct bytes){ t.data ? t.data : "", t.len },
				  interrupted, err);
	text_release(&t);
	return r;
}

void prompts_release(struct prompt_list *list)
{
	for (int64_t i = 0; i < list->n; i++)
		release_prompt(&list->items[i]);
	free(list->items);
	free(list->file);
	*list = (struct prompt_list){ 0 };
}
