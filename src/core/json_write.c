/*
 * json_write.c -- JSON written member by member.
 */
#include "torchless/json.h"

#include <string.h>

void json_add_key(struct text *out, const char *key)
{
	if (out->len && !strchr("{[:", out->data[out->len - 1]))
		text_addc(out, ',');
	if (!key)
		return;
	text_add_json(out, key, strlen(key));
	text_addc(out, ':');
}

void json_add_string(struct text *out, const char *key, const char *value)
{
	json_add_key(out, key);
	if (value)
		text_add_json(out, value, strlen(value));
	else
		text_adds(out, "null");
}

void json_add_int(struct text *out, const char *key, int64_t x)
{
	json_add_key(out, key);
	text_addf(out, "%lld", (long long)x);
}

void json_add_real(struct text *out, const char *key, double x)
{
	json_add_key(out, key);
	text_add_json_number(out, x);
}

void json_add_bool(struct text *out, const char *key, bool x)
{
	json_add_key(out, key);
	text_adds(out, x ? "true" : "false");
}
