/*
 * value.c -- an answer in words: a number, a text, ids, a set.
 *
 * It is compared with what the recording says now.  A wrong one is compared with the queries that
 * say what people get who believe something else.
 */
#include "words.h"

#include "torchless/mem.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool words_have(const char *list, const char *word)
{
	size_t n = strlen(word);

	for (const char *at = list; n && (at = strstr(at, word)); at += n) {
		bool begins = at == list || at[-1] == ' ' || at[-1] == '\n';

		if (begins && (!at[n] || at[n] == ' ' || at[n] == '\n'))
			return true;
	}
	return false;
}

/* ---- what is known to be wrong -------------------------------------------------------------- */

const struct course_entry *words_next_wrong(const struct course_section *s, int *at)
{
	const struct course_entry *e;

	while ((e = section_next(s, "wrong.", at)))
		if (!strchr(e->key + strlen("wrong."), '.'))
			return e;
	return NULL;
}

void words_diagnose(struct verdict *v, const struct course_section *s, const char *name)
{
	const char *says;
	char key[200];

	snprintf(key, sizeof(key), "wrong.%s.says", name);
	says = section_value(s, key);
	free(v->key);
	v->key = mem_strdup(name);
	text_clear(&v->says);
	text_adds(&v->says, says ? says : "");
}

static int try_wrong(const struct check *c, struct desk *d, const struct form_of *f,
		     const struct said *want, const struct said *got, struct verdict *v,
		     struct err *err)
{
	const struct course_section *s = c->exercise->conf;
	const struct course_entry *e;
	int at = 0, result = 0;

	while (result == 0 && !v->key && (e = words_next_wrong(s, &at))) {
		struct said wrong;

		result = expected_read(c, d, e->key, f, &wrong, err);
		if (result == 0 && !form_is(f, want, &wrong) && form_is(f, &wrong, got))
			words_diagnose(v, s, e->key + strlen("wrong."));
		said_release(&wrong);
	}
	return result;
}

/* ---- in what it is wrong -------------------------------------------------------------------- */

static int count_lines(const struct text *t)
{
	int n = 0;

	for (size_t i = 0; i < t->len; i++)
		n += t->data[i] == '\n';
	return n;
}

/* How many words of a are in b. */
static int count_common(const struct text *a, const struct text *b)
{
	char *copy = mem_strdup(a->data ? a->data : ""), *rest = copy, *word;
	int n = 0;

	while ((word = strtok_r(rest, "\n", &rest)))
		n += b->data && words_have(b->data, word);
	free(copy);
	return n;
}

static void add_far(const struct said *want, const struct said *got, struct text *t)
{
	double ratio = got->value / want->value;

	if (isnan(want->value) || want->value == 0 || ratio <= 0 || !isfinite(ratio))
		text_adds(t, "another number");
	else if (ratio > 0.95 && ratio < 1.05)
		text_adds(t, "near, and not near enough");
	else
		text_adds(t, fabs(got->value) > fabs(want->value) ? "too large" : "too small");
}

static void add_distance(const struct form_of *f, const struct said *want, const struct said *got,
			 struct text *t)
{
	int n = count_lines(&got->words), common = count_common(&got->words, &want->words);

	if (f->form == FORM_NUMBER)
		add_far(want, got, t);
	else if (f->form == FORM_SET && n - common)
		text_addf(t, "%d of %d %s not in it", n - common, n,
			  plural(n - common, "is", "are"));
	else if (f->form == FORM_SET)
		text_addf(t, "all of these are in it, and there are more");
	else if (f->form == FORM_IDS)
		text_addf(t, "%d of your %d ids occur in it, and it has %s", common, n,
			  count_lines(&want->words) == n  ? "as many"
			  : count_lines(&want->words) > n ? "more of them"
							  : "fewer of them");
	else
		text_adds(t, f->form == FORM_ORDER ? "another order" : "another text");
}

/* A prediction is over when it is judged, so what is right may be said; a value is tried again. */
static void say_wrong(const struct check *c, const struct form_of *f, const char *what,
		      const struct said *want, const struct said *got, struct verdict *v)
{
	struct text typed = { 0 }, more = { 0 };

	form_add(f, got, &typed);
	if (c->exercise->kind == EXERCISE_PREDICT)
		form_add(f, want, &more);
	else
		add_distance(f, want, got, &more);
	verdict_line(v, CHECK_FAILED, what,
		     c->exercise->kind == EXERCISE_PREDICT ? "you said %s, and it is %s" : "%s: %s",
		     typed.data, more.data);
	text_release(&typed);
	text_release(&more);
}

int words_check(const struct check *c, const char *what, struct verdict *v, struct err *err)
{
	struct desk d = { 0 };
	struct form_of f;
	struct said want = { 0 }, got = { 0 };
	struct text typed = { 0 };
	int result = expected_form(c, &f, err);

	if (result == 0)
		result = form_read(&f, c->answer->text, &got, err);
	if (result == 0)
		result = expected_read(c, &d, "answer", &f, &want, err);
	if (result == 0)
		result = form_fits(&f, &want, &got, c->answer->text, err);
	if (result == 0) {
		form_add(&f, &got, &typed);
		if (form_is(&f, &want, &got)) {
			verdict_line(v, CHECK_PASSED, what, "%s is what the recording says",
				     typed.data);
		} else {
			say_wrong(c, &f, what, &want, &got, v);
			result = try_wrong(c, &d, &f, &want, &got, v, err);
		}
	}
	said_release(&want);
	said_release(&got);
	text_release(&typed);
	desk_close(&d);
	return result;
}

int check_value(const struct check *c, struct verdict *v, struct err *err)
{
	return words_check(c, "the value", v, err);
}

int solution_words(const struct check *c, struct text *out, struct err *err)
{
	struct desk d = { 0 };
	struct form_of f;
	struct said want = { 0 };
	int result = expected_form(c, &f, err);

	if (section_value(c->exercise->conf, "choices"))
		f.form = FORM_TEXT;
	if (result == 0)
		result = expected_read(c, &d, "answer", &f, &want, err);
	if (result == 0)
		form_add(&f, &want, out);
	said_release(&want);
	desk_close(&d);
	return result;
}

/* Where there are choices, what is wrong is told without asking. */
int prepare_words(const struct check *c, struct err *err)
{
	const struct course_section *s = c->exercise->conf;
	bool has_choices = section_value(s, "choices") != NULL;
	const struct course_entry *e;
	struct desk d = { 0 };
	struct form_of f;
	struct said said = { 0 };
	struct text table = { 0 };
	int at = 0, result = expected_form(c, &f, err);

	if (has_choices)
		f.form = FORM_TEXT;
	if (result == 0)
		result = expected_read(c, &d, "answer", &f, &said, err);
	said_release(&said);
	while (result == 0 && !has_choices && (e = words_next_wrong(s, &at))) {
		result = expected_read(c, &d, e->key, &f, &said, err);
		said_release(&said);
	}
	if (result == 0)
		result = expected_table(c, &d, "reveal", &table, err);
	text_release(&table);
	desk_close(&d);
	return result;
}
