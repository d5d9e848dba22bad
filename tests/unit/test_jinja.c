/*
 * test_jinja.c -- templates, what jinja2 prints for them, and what is refused with which sentence.
 *
 * The table is tests/data/jinja.json; tests/py/test_jinja.py holds it against jinja2 itself.
 */
#include "torchless/jinja.h"

#include "torchless/json.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static struct jinja_value *value_of(struct jinja *j, const cJSON *json)
{
	struct jinja_value *v;
	const cJSON *item;

	if (cJSON_IsNull(json))
		return jinja_none(j);
	if (cJSON_IsBool(json))
		return jinja_bool(j, cJSON_IsTrue(json));
	if (cJSON_IsString(json))
		return jinja_string(j, json->valuestring, strlen(json->valuestring));
	if (cJSON_IsNumber(json))
		return json->valuedouble == (double)json->valueint
			       ? jinja_int(j, json->valueint)
			       : jinja_float(j, json->valuedouble);
	v = cJSON_IsArray(json) ? jinja_list(j) : jinja_dict(j);
	cJSON_ArrayForEach(item, json)
	{
		if (cJSON_IsArray(json))
			jinja_append(j, v, value_of(j, item));
		else
			jinja_put(j, v, item->string, value_of(j, item));
	}
	return v;
}

static int render(const char *template, size_t len, const cJSON *variables, struct text *out,
		  struct err *err)
{
	struct jinja *j = jinja_new();
	const cJSON *item;
	int r;

	cJSON_ArrayForEach(item, variables)
	{
		jinja_set(j, item->string, value_of(j, item));
	}
	r = jinja_render(j, template, len, "t", out, err);
	jinja_free(j);
	return r;
}

static cJSON *open_table(void)
{
	struct err err = { 0 };
	cJSON *table = json_parse_file("tests/data/jinja.json", 1 << 20, &err);

	cr_assert_not_null(table, "%s", err.message);
	return table;
}

Test(jinja, prints_what_jinja2_prints)
{
	cJSON *table = open_table();
	const cJSON *row;

	cJSON_ArrayForEach(row, json_get(table, "prints"))
	{
		const char *template = cJSON_GetArrayItem(row, 0)->valuestring;
		struct text out = { 0 };
		struct err err = { 0 };

		cr_expect_eq(render(template, strlen(template), json_get(table, "variables"), &out,
				    &err),
			     0, "%s: %s", template, err.message);
		cr_expect_str_eq(out.data ? out.data : "", cJSON_GetArrayItem(row, 1)->valuestring,
				 "%s", template);
		text_release(&out);
	}
	cJSON_Delete(table);
}

Test(jinja, refuses_with_the_place)
{
	cJSON *table = open_table();
	const cJSON *row;

	cJSON_ArrayForEach(row, json_get(table, "refused"))
	{
		const char *template = cJSON_GetArrayItem(row, 0)->valuestring;
		const char *sentence = cJSON_GetArrayItem(row, 1)->valuestring;
		struct text out = { 0 };
		struct err err = { 0 };

		cr_expect_eq(render(template, strlen(template), json_get(table, "variables"), &out,
				    &err),
			     ERR_FORMAT, "%s", template);
		cr_expect(strncmp(err.message, "t, ", 3) == 0 &&
				  strcmp(err.message + 3, sentence) == 0,
			  "%s: %s\nnot: %s", template, err.message, sentence);
		cr_expect_eq(out.len, 0);
		text_release(&out);
	}
	cJSON_Delete(table);
}

/* ---- bytes ---- */

static void expect_bytes(const char *template, const char *message, size_t len,
			 const char *expected, size_t expected_len)
{
	struct jinja *j = jinja_new();
	struct text out = { 0 };
	struct err err = { 0 };

	jinja_set(j, "m", jinja_string(j, message, len));
	cr_assert_eq(jinja_render(j, template, strlen(template), "t", &out, &err), 0, "%s",
		     err.message);
	cr_assert_eq(out.len, expected_len, "%s: %zu", template, out.len);
	cr_expect_arr_eq(out.data, expected, expected_len, "%s", template);
	text_release(&out);
	jinja_free(j);
}

Test(jinja, bytes_that_are_no_utf8_are_characters)
{
	expect_bytes("{{ m }}", "a\0\xff\xc3", 4, "a\0\xff\xc3", 4);
	expect_bytes("{{ m|length }}", "a\0\xff\xc3", 4, "4", 1);
	expect_bytes("{{ m[::-1] }}", "a\0\xff\xc3", 4, "\xc3\xff\0a", 4);
	expect_bytes("{{ m.strip() }}", " \xe2\x82 ", 4, "\xe2\x82", 2);
	expect_bytes("{{ m|upper }}", "a\xff", 2, "A\xff", 2);
	expect_bytes("{{ m.split(',')[1] }}", "a,\xff\xfe", 4, "\xff\xfe", 2);
	expect_bytes("{{ m|replace('b', m) }}", "b\0", 2, "b\0\0", 3);
}

static void today(char *to, size_t size)
{
	time_t now = time(NULL);
	struct tm day;

	cr_assert_not_null(localtime_r(&now, &day));
	strftime(to, size, "%d %b %Y", &day);
}

Test(jinja, the_time_of_day)
{
	const char *template = "{{ strftime_now('%d %b %Y') }}";
	char before[64], after[64];
	struct text out = { 0 };
	struct err err = { 0 };

	today(before, sizeof(before));
	cr_assert_geq(render(template, strlen(template), NULL, &out, &err), 0, "%s", err.message);
	today(after, sizeof(after)); /* midnight may come meanwhile */
	cr_assert(!strcmp(out.data, before) || !strcmp(out.data, after), "%s: %s", before,
		  out.data);
	text_release(&out);
	expect_bytes("{{ strftime_now('') }}|", "", 0, "|", 1);
}

/* ---- bounds ---- */

static void expect_bounded(const char *template, size_t len, const char *part)
{
	struct text out = { 0 };
	struct err err = { 0 };

	cr_expect_lt(render(template, len, NULL, &out, &err), 0, "%.60s", template);
	cr_expect_not_null(strstr(err.message, part), "%s", err.message);
	text_release(&out);
}

static void repeat(struct text *t, const char *s, int n)
{
	for (int i = 0; i < n; i++)
		text_adds(t, s);
}

static void expect_deep(const char *before, const char *each, const char *after, const char *part)
{
	struct text t = { 0 };

	text_adds(&t, before);
	repeat(&t, each, 100000);
	text_adds(&t, after);
	expect_bounded(t.data, t.len, part);
	text_release(&t);
}

static void *check_depths(void *unused)
{
	(void)unused;
	expect_deep("{{ ", "(", "1", "nested too deeply");
	expect_deep("{{ ", "[", "1", "nested too deeply");
	expect_deep("{{ ", "-", "1 }}", "nested deeper than 40");
	expect_deep("{{ ", "1 if 0 else ", "1 }}", "nested deeper than 40");
	expect_deep("{{ 1", "|abs", " }}", "too deeply");
	expect_deep("{{ x", ".x", " }}", "too deeply");
	expect_deep("", "{% if 1 %}", "", "nested deeper than 40");
	expect_deep("{% set ns = namespace(l=[]) %}{% for i in range(99) %}", "",
		    "{% set ns.l = [ns.l] %}{% endfor %}", "a value is nested deeper than 40");
	expect_deep("{% macro f(x) %}{% for i in [x] %}{{ [f([x])] }}{% endfor %}{% endmacro %}"
		    "{{ f(1) }}",
		    "", "", "too deeply");
	expect_deep("{{ [[1]]|map('map', 'map'", "", ", 'list')|list }}", "");
	return NULL;
}

/* Long sums are no deep ones. */
static void *check_lengths(void *unused)
{
	struct text t = { 0 }, out = { 0 };
	struct err err = { 0 };

	(void)unused;
	text_adds(&t, "{{ not not 0");
	repeat(&t, " + 1", 5000);
	repeat(&t, " and 1", 5000);
	text_adds(&t, " }}");
	repeat(&t, "{% if 0 %}{% elif 0 %}{% else %}a{% endif %}", 5000);
	cr_expect_eq(render(t.data, t.len, NULL, &out, &err), 0, "%s", err.message);
	cr_expect_eq(out.len, 5001, "%zu", out.len);
	text_release(&out);
	text_release(&t);
	return NULL;
}

static void on_a_small_stack(void *work(void *))
{
	pthread_attr_t attr;
	pthread_t thread;

	cr_assert_eq(pthread_attr_init(&attr), 0);
	cr_assert_eq(pthread_attr_setstacksize(&attr, 128 << 10), 0);
#ifdef __SANITIZE_ADDRESS__ /* its frames are larger */
	cr_assert_eq(pthread_attr_setstacksize(&attr, 1 << 20), 0);
#endif
	cr_assert_eq(pthread_create(&thread, &attr, work, NULL), 0);
	cr_assert_eq(pthread_join(thread, NULL), 0);
	pthread_attr_destroy(&attr);
}

Test(jinja, depth_is_bounded)
{
	on_a_small_stack(check_depths);
	on_a_small_stack(check_lengths);
}

Test(jinja, size_steps_and_memory_are_bounded)
{
	char *large = malloc((size_t)5 << 20);

	cr_assert_not_null(large);
	memset(large, 'x', (size_t)5 << 20);
	expect_bounded(large, (size_t)5 << 20, "a template of 5242880 bytes is not supported");
	free(large);
	expect_bounded("{{ 'a' * 1000000000000 }}", 25, "of memory");
	expect_bounded("{% for i in range(99999) %}{% for k in range(99999) %}{% endfor %}"
		       "{% endfor %}",
		       76, "");
}

/* Each of its words was asked for as if it were the whole text. */
Test(jinja, wrapping_takes_the_time_of_the_text, .timeout = 120)
{
	expect_bytes("{{ ('a' * 1000000)|wordwrap(1)|length }}", "", 0, "1999999", 7);
	expect_bytes("{{ ('-' * 1000000)|wordwrap(3)|length }}", "", 0, "1333333", 7);
	expect_bytes("{{ ('ab-' * 200000)|wordwrap(3)|length }}", "", 0, "799999", 6);
	expect_bytes("{{ ('ab ' * 200000)|wordwrap(2)|length }}", "", 0, "599999", 6);
	expect_bounded("{{ '\xff'|wordwrap(3) }}", 21, "no UTF-8");
}

Test(jinja, a_range_of_a_range_stays_in_numbers)
{
	expect_bounded("{{ range(0, 9223372036854775807, 4611686018427387904)[:] }}", 59,
		       "a range of such numbers");
	expect_bounded("{{ range(0, 9223372036854775807, 4611686018427387904)[::4] }}", 61,
		       "a range of such numbers");
}

/* A long message is no reason: the bounds follow what is given. */
Test(jinja, a_long_message_passes)
{
	size_t len = (size_t)30 << 20;
	char *message = malloc(len);

	cr_assert_not_null(message);
	memset(message, 'x', len);
	expect_bytes("{% set c = m|trim %}{{ ('[INST] ' + c + ' [/INST]')|length }}", message, len,
		     "31457295", 8);
	free(message);
}

/* Rendered again, it begins anew. */
Test(jinja, one_can_render_twice)
{
	struct jinja *j = jinja_new();
	struct text out = { 0 };
	struct err err = { 0 };

	jinja_set(j, "x", jinja_int(j, 1));
	cr_expect_eq(jinja_render(j, "{{ x }}{% set x = 2 %}{{ x }}", 29, "t", &out, &err), 0);
	cr_expect_eq(jinja_render(j, "{{ y.z }}", 9, "t", &out, &err), ERR_FORMAT);
	jinja_set(j, "x", jinja_int(j, 3));
	cr_expect_eq(jinja_render(j, "{{ x }}", 7, "t", &out, &err), 0);
	cr_expect_str_eq(out.data, "123");
	text_release(&out);
	jinja_free(j);
}
