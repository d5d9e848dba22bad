/*
 * proof_words.c -- what an exercise in words or SQL promises, for who writes lessons.
 *
 * Everything goes through exercise_check(), as a learner's answer does: the solution passes, each
 * wrong answer fails and is told by its own name, equivalent queries pass, and what gives the right
 * rows without asking for them fails on the recording that is not seen.
 */
#include "../cut.h"
#include "proof.h"
#include "words.h"

#include "torchless/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SEEDS     3 /* of what a seed draws: patients */
#define ILLNESSES 2 /* that are none of a patient's, each seed */

/* The first check that failed, in words. */
static const char *failure(const struct verdict *v)
{
	for (int i = 0; i < v->n_lines; i++)
		if (v->lines[i].mark == CHECK_FAILED)
			return v->lines[i].detail ? v->lines[i].detail : v->lines[i].what;
	return "nothing was checked";
}

/* An answer, checked; an answer of another form is a flaw and not an error.  1: there is a verdict.
 */
static int try_answer(struct proof *p, const char *what, const char *text, struct verdict *v,
		      struct err *err)
{
	const struct answer a = { .text = text, .len = strlen(text) };
	int rc = exercise_check(p->room, p->exercise, &a, v, err);

	p->n_checks++;
	if (rc != ERR_USAGE && rc != ERR_FORMAT)
		return rc ? rc : 1;
	proof_flaw(p, what, "%s", err->message);
	*err = (struct err){ 0 };
	return 0;
}

static int passes(struct proof *p, const char *what, const char *text, struct err *err)
{
	struct verdict v = { 0 };
	int rc = try_answer(p, what, text, &v, err);

	if (rc == 1 && !v.passed)
		proof_flaw(p, what, "it should pass, and fails: %s", failure(&v));
	verdict_release(&v);
	return rc < 0 ? rc : 0;
}

/* `key`: what it has to be told as, with words; NULL: that it fails is enough. */
static int fails(struct proof *p, const char *what, const char *text, const char *key,
		 struct err *err)
{
	struct verdict v = { 0 };
	int rc = try_answer(p, what, text, &v, err);

	if (rc == 1 && v.passed)
		proof_flaw(p, what, "it passes, and should fail");
	else if (rc == 1 && key && !v.key)
		proof_flaw(p, what, "it fails, and is not told by what it means");
	else if (rc == 1 && key && strcmp(v.key, key) != 0)
		proof_flaw(p, what, "it is told as '%s'", v.key);
	else if (rc == 1 && key && !v.says.len)
		proof_flaw(p, what, "nothing says what it means");
	verdict_release(&v);
	return rc < 0 ? rc : 0;
}

/* ---- choices and values --------------------------------------------------------------------- */

/* Each choice but the right one is known to be wrong. */
static int prove_choices(struct proof *p, const char *right, struct err *err)
{
	char *copy = mem_strdup(section_value(p->exercise->conf, "choices")), *rest = copy, *word;
	int rc = 0;

	while (rc == 0 && (word = strtok_r(rest, " \n", &rest))) {
		if (!strcmp(word, right))
			continue;
		p->n_wrong++;
		rc = fails(p, word, word, word, err);
	}
	free(copy);
	return rc;
}

/* What who believes something else answers, as it would be typed. */
static int wrong_value(struct proof *p, const struct check *c, const char *key, struct text *out,
		       struct err *err)
{
	struct desk d = { 0 };
	struct form_of f;
	struct said said = { 0 };
	int rc = expected_form(c, &f, err);

	if (rc == 0)
		rc = expected_read(c, &d, key, &f, &said, err);
	if (rc == 0)
		form_add(&f, &said, out);
	said_release(&said);
	desk_close(&d);
	if (rc != ERR_FORMAT)
		return rc;
	proof_flaw(p, key, "%s", err->message);
	*err = (struct err){ 0 };
	return 0;
}

static int prove_wrong(struct proof *p, const struct check *c, struct err *err)
{
	const struct course_entry *e;
	int at = 0, rc = 0;

	while (rc == 0 && (e = words_next_wrong(p->exercise->conf, &at))) {
		struct text typed = { 0 };

		p->n_wrong++;
		if (p->exercise->kind == EXERCISE_SQL)
			text_adds(&typed, e->value);
		else
			rc = wrong_value(p, c, e->key, &typed, err);
		if (rc == 0 && typed.len)
			rc = fails(p, e->key, typed.data, e->key + strlen("wrong."), err);
		text_release(&typed);
	}
	return rc;
}

/* ---- queries -------------------------------------------------------------------------------- */

static int prove_equivalent(struct proof *p, struct err *err)
{
	const struct course_entry *e;
	int at = 0, rc = 0;

	while (rc == 0 && (e = section_next(p->exercise->conf, "equivalent.", &at))) {
		p->n_equivalent++;
		rc = passes(p, e->key, e->value, err);
	}
	return rc;
}

static void add_literal(struct text *t, const struct sheet_cell *c)
{
	switch (c->type) {
	case CELL_INT:
		text_addf(t, "%lld", (long long)c->i);
		break;
	case CELL_REAL:
		text_addf(t, "%.17g", c->d);
		break;
	case CELL_NULL:
		text_adds(t, "NULL");
		break;
	default:
		text_adds(t, c->type == CELL_TEXT ? "CAST(x'" : "x'");
		for (size_t i = 0; i < c->len; i++)
			text_addf(t, "%02x", (unsigned char)c->s[i]);
		text_adds(t, c->type == CELL_TEXT ? "' AS TEXT)" : "'");
	}
}

/* The rows of a sheet, written down. */
static void add_values(struct text *t, const struct sheet *s)
{
	text_adds(t, "SELECT * FROM (VALUES ");
	for (int64_t row = 0; row < s->n_rows; row++) {
		text_adds(t, row ? ", (" : "(");
		for (int i = 0; i < s->n_columns; i++) {
			text_adds(t, i ? ", " : "");
			add_literal(t, sheet_cell(s, row, i));
		}
		text_addc(t, ')');
	}
	text_addc(t, ')');
}

/* Who writes down what the recording that is seen says has not asked. */
static int prove_hidden(struct proof *p, const struct check *c, struct err *err)
{
	const struct course_section *conf = p->exercise->conf;
	const char *trace = section_value(conf, "trace");
	struct desk d = { 0 };
	struct sheet rows = { 0 };
	struct text literal = { 0 };
	int rc = desk_open(&d, c, trace ? trace : "main", err);

	if (rc == 0)
		rc = desk_ask(&d, "answer", section_value(conf, "answer"), &rows, err);
	if (rc == 0 && rows.n_rows == 0)
		proof_flaw(p, "answer", "it has no rows in the recording that is seen");
	if (rc == 0 && rows.n_rows > 0) {
		add_values(&literal, &rows);
		rc = fails(p, "the right rows written down", literal.data, NULL, err);
	}
	text_release(&literal);
	sheet_release(&rows);
	desk_close(&d);
	return rc;
}

static int prove_query(struct proof *p, const struct check *c, struct err *err)
{
	struct text starter = { 0 };
	int rc = exercise_starter(p->room->course, p->exercise, &starter, err);

	if (rc == 0)
		rc = fails(p, "the starter", starter.data, NULL, err);
	if (rc == 0)
		rc = prove_hidden(p, c, err);
	if (rc == 0)
		rc = prove_equivalent(p, err);
	text_release(&starter);
	return rc;
}

/* ---- patients ------------------------------------------------------------------------------- */

/* The right place with other illnesses. */
static int prove_illnesses(struct proof *p, const char *right, struct err *err)
{
	const char *choices = section_value(p->exercise->conf, "choices");
	const char *space = strrchr(right, ' '), *key = space ? space + 1 : right;
	char *copy = mem_strdup(choices ? choices : ""), *rest = copy, *word;
	int rc = 0, n = 0;

	while (rc == 0 && n < ILLNESSES && !strchr(right, '=') &&
	       (word = strtok_r(rest, " \n", &rest))) {
		char answer[300];

		if (!strcmp(word, key) || !strcmp(key, "noise") || !strcmp(word, "noise"))
			continue;
		snprintf(answer, sizeof(answer), "%.*s%s", (int)(key - right), right, word);
		p->n_wrong++;
		n++;
		rc = fails(p, answer, answer, NULL, err);
	}
	free(copy);
	return rc;
}

/* ---- all of it ------------------------------------------------------------------------------ */

/* A query without a table or a function says what is right, and asks nothing. */
static void prove_asked(struct proof *p)
{
	const char *sql = section_value(p->exercise->conf, "answer");

	if (sql && !strchr(sql, '(') && !strstr(sql, "FROM") && !strstr(sql, "from"))
		proof_flaw(p, "answer", "it is written down: ask a recording for it");
}

/* What `solution` says, without what stands below it. */
static int right_answer(struct proof *p, struct text *out, struct err *err)
{
	const char *sql = section_value(p->exercise->conf, "answer");
	int rc = 0;

	if (p->exercise->kind == EXERCISE_SQL)
		text_adds(out, sql ? sql : "");
	else
		rc = exercise_solution(p->room, p->exercise, out, err);
	if (p->exercise->kind == EXERCISE_LOCATE && out->data)
		out->data[strcspn(out->data, "\n")] = '\0';
	if (rc == ERR_FORMAT) {
		proof_flaw(p, "solution", "%s", err->message);
		*err = (struct err){ 0 };
		return 0;
	}
	if (rc == 0 && !out->len)
		proof_flaw(p, "solution", "there is none");
	return rc;
}

static int prove_kind(struct proof *p, const char *right, struct err *err)
{
	const struct check c = { p->room, p->exercise, NULL };
	bool has_choices = section_value(p->exercise->conf, "choices") != NULL;
	int rc;

	if (p->exercise->kind == EXERCISE_LOCATE)
		return prove_illnesses(p, right, err);
	if (has_choices)
		return prove_choices(p, right, err);
	rc = prove_wrong(p, &c, err);
	if (rc == 0 && p->exercise->kind == EXERCISE_SQL)
		rc = prove_query(p, &c, err);
	return rc;
}

bool proof_is_of_words(const struct exercise *e)
{
	return e->kind == EXERCISE_PREDICT || e->kind == EXERCISE_VALUE ||
	       e->kind == EXERCISE_SQL || e->kind == EXERCISE_LOCATE;
}

int proof_run_words(struct proof *p, const struct classroom *room, const struct exercise *e,
		    struct err *err)
{
	int n = e->kind == EXERCISE_LOCATE ? SEEDS : 1, rc = 0;

	*p = (struct proof){ .room = room, .exercise = e };
	prove_asked(p);
	for (int i = 0; i < n && rc == 0 && (i == 0 || !p->n_flaws); i++) {
		struct classroom drawn = *room;
		struct text right = { 0 };

		drawn.seed = room->seed + (uint64_t)i;
		p->room = &drawn;
		rc = right_answer(p, &right, err);
		if (rc == 0 && right.len)
			rc = passes(p, "the solution", right.data, err);
		if (rc == 0 && right.len)
			rc = prove_kind(p, right.data, err);
		text_release(&right);
		p->room = room;
	}
	return rc;
}
