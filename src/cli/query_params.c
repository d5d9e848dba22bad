/*
 * query_params.c -- the parameters of saved queries: defaults and what was given.
 */
#include "query.h"
#include "torchless/json.h"
#include "torchless/mem.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

static void params_add(struct query_params *p, char *text)
{
	p->list = mem_realloc(p->list, (size_t)p->n + 1, sizeof(*p->list));
	p->list[p->n++] = text;
}

void query_params_release(struct query_params *p)
{
	for (int i = 0; i < p->n; i++)
		free(p->list[i]);
	free(p->list);
}

static bool key_is(const char *param, const char *key, size_t len)
{
	return !strncmp(param, key, len) && param[len] == '=';
}

/* Replace the value of a parameter; false when the query has none of that name. */
static bool params_replace(struct query_params *p, const char *param)
{
	size_t len = strcspn(param, "=");

	for (int i = 0; i < p->n; i++) {
		if (!key_is(p->list[i], param, len))
			continue;
		free(p->list[i]);
		p->list[i] = mem_strdup(param);
		return true;
	}
	return false;
}

static void add_default(struct query_params *p, const cJSON *item)
{
	struct text t = { 0 };

	text_addf(&t, "%s=", item->string);
	if (cJSON_IsString(item))
		text_adds(&t, item->valuestring);
	else if (cJSON_IsNumber(item))
		add_json_number(&t, item->valuedouble);
	params_add(p, t.data);
}

static int unknown_parameter(const struct query_params *p, const char *name, const char *param,
			     struct err *err)
{
	struct text names = { 0 };
	int r;

	for (int i = 0; i < p->n; i++)
		text_addf(&names, "%s%.*s", i ? ", " : "", (int)strcspn(p->list[i], "="),
			  p->list[i]);
	r = err_set(err, ERR_USAGE, "%s has no parameter '%.*s'; it has %s", name,
		    (int)strcspn(param, "="), param, names.len ? names.data : "none");
	text_release(&names);
	return r;
}

int query_params_read(struct query_params *p, const char *name, const char *defaults,
		      const char *const *given, int n_given, struct err *err)
{
	cJSON *json = json_parse(defaults, strlen(defaults), name, err);
	const cJSON *item;

	if (!json)
		return err->code;
	cJSON_ArrayForEach(item, json) add_default(p, item);
	cJSON_Delete(json);
	for (int i = 0; i < n_given; i++)
		if (!params_replace(p, given[i]))
			return unknown_parameter(p, name, given[i], err);
	return 0;
}

int query_params_check(const char *const *given, int n_given, struct err *err)
{
	for (int i = 0; i < n_given; i++)
		if (given[i][0] == '=' || !strchr(given[i], '='))
			return err_set(err, ERR_USAGE,
				       "'%s' is no KEY=VALUE; SQL that holds spaces goes in quotes",
				       given[i]);
	return 0;
}

bool query_is_name(const char *s)
{
	for (; *s; s++)
		if (!isalnum((unsigned char)*s) && *s != '-' && *s != '_')
			return false;
	return true;
}
