/*
 * predict.c -- what a learner expects before anything is run.
 *
 * The answer may be wrong without harm: what is right is computed and shown afterwards.
 */
#include "words.h"

#include "torchless/mem.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The letter or word of "b", "B)", "(b)". */
static void read_choice(const char *text, char *out, size_t size)
{
	size_t n = 0;

	for (; *text && n + 1 < size; text++)
		if (isalnum((unsigned char)*text) || strchr("_-.", *text))
			out[n++] = (char)tolower((unsigned char)*text);
	while (n && out[n - 1] == '.')
		n--;
	out[n] = '\0';
}

static void add_choices(struct text *t, const char *choices)
{
	char *copy = mem_strdup(choices), *rest = copy, *word;

	for (int n = 0; (word = strtok_r(rest, " \n", &rest)); n++)
		text_addf(t, "%s%s", n ? ", " : "", word);
	free(copy);
}

static int no_choice(const struct check *c, const char *choices, struct err *err)
{
	struct text list = { 0 };

	add_choices(&list, choices);
	err_set(err, ERR_USAGE, "%s asks for one of %s, not '%.60s'", c->exercise->id, list.data,
		c->answer->text);
	text_release(&list);
	return err->code;
}

static void diagnose(const struct check *c, const char *said, struct verdict *v)
{
	const char *means;
	char key[100];

	snprintf(key, sizeof(key), "wrong.%s", said);
	means = section_value(c->exercise->conf, key);
	v->key = mem_strdup(said);
	text_adds(&v->says, means ? means : "");
}

static int check_choice(const struct check *c, struct desk *d, const char *choices,
			struct verdict *v, struct err *err)
{
	const struct form_of f = { .form = FORM_TEXT };
	struct said want = { 0 };
	char said[80], right[80] = "";
	int result;

	read_choice(c->answer->text, said, sizeof(said));
	if (!words_have(choices, said))
		return no_choice(c, choices, err);
	result = expected_read(c, d, "answer", &f, &want, err);
	if (result == 0)
		read_choice(want.words.data, right, sizeof(right));
	said_release(&want);
	if (result)
		return result;
	if (!words_have(choices, right))
		return err_set(err, ERR_FORMAT, "checks.conf: answer of [%s] is '%s', no choice",
			       c->exercise->id, right);
	if (!strcmp(said, right)) {
		verdict_line(v, CHECK_PASSED, "your prediction", "%s is what happens", said);
		return 0;
	}
	verdict_line(v, CHECK_FAILED, "your prediction", "you said %s, and it is %s", said, right);
	diagnose(c, said, v);
	return 0;
}

int check_predict(const struct check *c, struct verdict *v, struct err *err)
{
	const char *choices = section_value(c->exercise->conf, "choices");
	struct desk d = { 0 };
	struct text table = { 0 };
	int result = choices ? check_choice(c, &d, choices, v, err)
			     : words_check(c, "your prediction", v, err);

	if (result == 0)
		result = expected_table(c, &d, "reveal", &table, err);
	if (result == 0 && table.len)
		verdict_line(v, CHECK_NOTE, "what there is to see", "%s", table.data);
	text_release(&table);
	desk_close(&d);
	return result;
}
