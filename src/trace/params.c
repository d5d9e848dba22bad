/*
 * params.c -- the parameters of saved queries: defaults and what was given.
 */
#include "torchless/saved_query.h"

#include "torchless/json.h"
#include "torchless/mem.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#define MAX_PARAMS 1000 /* of a saved query */

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
		text_add_json_number(&t, item->valuedouble);
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
	if (!cJSON_IsObject(json) || cJSON_GetArraySize(json) > MAX_PARAMS) {
		bool is_object = cJSON_IsObject(json);

		cJSON_Delete(json);
		return is_object ? err_set(err, ERR_FORMAT, "%s has more than %d parameters", name,
					   MAX_PARAMS)
				 : err_set(err, ERR_FORMAT,
					   "the recording's parameters of %s are no JSON object",
					   name);
	}
	cJSON_ArrayForEach(item, json) add_default(p, item);
	cJSON_Delete(json);
	for (int i = 0; i < n_given; i++)
		if (!params_replace(p, given[i]))
			return unknown_parameter(p, name, given[i], err);
	return 0;
}

/* ---- what a parameter takes ------------------------------------------------------------------ */

/* The first cell of a query's first row; the row is enough. */
static int take_cell(void *ctx, const struct rows *rows, const struct cell *cells)
{
	(void)rows;
	text_add(ctx, cells[0].s.data ? cells[0].s.data : "", cells[0].s.len);
	return 1;
}

static int ask(struct recording *rec, const char *sql, const char *const *params, int n_params,
	       struct text *answer, struct err *err)
{
	const struct query q = {
		.row = take_cell, .ctx = answer, .params = params, .n_params = n_params
	};

	return recording_ask(rec, sql, &q, err);
}

const char *query_params_find(const struct query_params *p, const char *key)
{
	for (int i = 0; i < p->n; i++)
		if (key_is(p->list[i], key, strlen(key)))
			return p->list[i];
	return NULL;
}

static int refuse(const struct query_params *p, struct recording *rec, const char *param,
		  struct err *err)
{
	int key_len = (int)strcspn(param, "="), r;
	struct text sql = { 0 }, key = { 0 }, value = { 0 }, takes = { 0 };
	const char *names[1], *values[2], *run = query_params_find(p, "run");

	text_addf(&key, "name=%.*s", key_len, param);
	text_addf(&value, "value%s", param + key_len);
	names[0] = key.data;
	values[0] = value.data;
	values[1] = run;
	r = ask(rec, "SELECT refuse FROM saved_param WHERE name = :name", names, 1, &sql, err);
	if (r == 0 && sql.len)
		r = ask(rec, sql.data, values, run && strstr(sql.data, ":run") ? 2 : 1, &takes,
			err);
	if (r == 0 && takes.len && query_takes_file(param))
		query_param_no_file(&takes, param);
	if (r == 0 && takes.len)
		r = err_set(err, ERR_USAGE, "%.*s takes %s, not '%s'", key_len, param, takes.data,
			    param + key_len + 1);
	text_release(&sql);
	text_release(&key);
	text_release(&value);
	text_release(&takes);
	return r;
}

int query_params_refuse(const struct query_params *p, struct recording *rec,
			const char *const *given, int n_given, struct err *err)
{
	for (int i = 0; i < n_given; i++)
		if (!(p->takes_files && query_param_is_file(given[i])) &&
		    refuse(p, rec, given[i], err))
			return err->code;
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
