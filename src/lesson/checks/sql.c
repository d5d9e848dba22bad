/*
 * sql.c -- a learner's query, by the rows it gives on a recording that is seen and one that is not.
 *
 * The recordings are opened read-only behind the authorizer of `query`, with limits of time and
 * rows.  What is compared are rows: there is no right way to write a query.
 */
#include "rows.h"
#include "words.h"

#include "torchless/mem.h"

#include <stdlib.h>
#include <string.h>

#define MAX_SQL 100000 /* bytes */

/* A recording, what the learner's query gives there, and what is right. */
struct sides {
	struct desk desk;
	struct sheet got, want;
};

static void sides_close(struct sides *s)
{
	sheet_release(&s->got);
	sheet_release(&s->want);
	desk_close(&s->desk);
}

static struct rows_like how_of(const struct check *c)
{
	const char *ordered = section_value(c->exercise->conf, "ordered");
	const char *tolerance = section_value(c->exercise->conf, "tolerance");

	return (struct rows_like){ ordered && !strcmp(ordered, "yes"),
				   tolerance ? atof(tolerance) : 1e-4 };
}

/* ---- what was handed in --------------------------------------------------------------------- */

/* Whether there is anything but comments and spaces. */
static bool holds_query(const char *s)
{
	while (*s) {
		if (!strncmp(s, "--", 2)) {
			s += strcspn(s, "\n");
		} else if (!strncmp(s, "/*", 2)) {
			const char *end = strstr(s + 2, "*/");

			s = end ? end + 2 : s + strlen(s);
		} else if (strchr(" \t\r\n;", *s)) {
			s++;
		} else {
			return true;
		}
	}
	return false;
}

static bool is_readable(const struct check *c, struct verdict *v)
{
	const struct answer *a = c->answer;

	if (memchr(a->text, '\0', a->len))
		verdict_line(v, CHECK_FAILED, "is a query",
			     "the file holds bytes that are no text");
	else if (a->len > MAX_SQL)
		verdict_line(v, CHECK_FAILED, "is a query", "%zu bytes are too many for one",
			     a->len);
	else if (!holds_query(a->text))
		verdict_line(v, CHECK_FAILED, "is a query",
			     "there is none yet: write a SELECT below the comment");
	else
		return true;
	return false;
}

/* ---- what it gives -------------------------------------------------------------------------- */

/* Whether an error is the query's and not the system's. */
static bool is_of_query(int code)
{
	return code == ERR_USAGE || code == ERR_FORMAT || code == ERR_SHAPE || code == ERR_NO;
}

/* 1 when there are rows to compare, 0 when the verdict says why not. */
static int run_query(const struct check *c, struct sides *s, struct verdict *v, struct err *err)
{
	struct err why = { 0 };
	int result = sheet_ask(s->desk.rec, c->answer->text, &s->got, &why);

	if (result && !is_of_query(why.code)) {
		*err = why;
		return result;
	}
	if (result)
		verdict_line(v, CHECK_FAILED, "runs", "%s", why.message);
	else if (s->got.n_statements == 0)
		verdict_line(v, CHECK_FAILED, "gives rows", "nothing here is a SELECT");
	else if (s->got.n_statements > 1)
		verdict_line(v, CHECK_FAILED, "is one query",
			     "there are %d; leave the one that answers", s->got.n_statements);
	else if (s->got.more)
		verdict_line(v, CHECK_FAILED, "gives rows", "more than %d of them", SHEET_ROWS);
	else
		return 1;
	return 0;
}

static int open_sides(const struct check *c, const char *trace, struct sides *s, struct err *err)
{
	const char *sql = section_value(c->exercise->conf, "answer");

	if (!sql)
		return err_set(err, ERR_FORMAT, "checks.conf: [%s] has no answer", c->exercise->id);
	if (desk_open(&s->desk, c, trace, err))
		return err->code;
	return desk_ask(&s->desk, "answer", sql, &s->want, err);
}

/* ---- in what it is wrong -------------------------------------------------------------------- */

static void add_row(struct text *t, const struct sheet *s, int64_t row)
{
	text_addc(t, '(');
	for (int i = 0; i < s->n_columns; i++) {
		text_adds(t, i ? ", " : "");
		sheet_add_cell(t, sheet_cell(s, row, i));
	}
	text_addc(t, ')');
}

static bool compare_columns(const struct check *c, const struct sides *s, struct verdict *v)
{
	const char *names = section_value(c->exercise->conf, "columns");
	int n = s->want.n_columns;

	if (s->got.n_columns == n)
		return true;
	verdict_line(v, CHECK_FAILED, "columns", "wanted %d%s%s%s, got %d", n, names ? " (" : "",
		     names ? names : "", names ? ")" : "", s->got.n_columns);
	return false;
}

/* What is wrong is told of the learner's rows; the right ones are for the learner to find. */
static void tell_rows(const struct sides *s, const struct rows_like *how, int64_t odd,
		      struct verdict *v)
{
	long long want = (long long)s->want.n_rows, got = (long long)s->got.n_rows;
	struct text t = { 0 };

	text_addf(&t, "wanted %lld %s, got %lld", want, plural(want, "row", "rows"), got);
	if (odd >= 0) {
		text_adds(&t, "; ");
		add_row(&t, &s->got, odd);
		text_adds(&t, how->ordered ? " should not be in its place" : " is none of them");
	} else if (want > got && got > 0) {
		text_adds(&t, "; those there are right");
	}
	verdict_line(v, CHECK_FAILED, "rows", "%s", t.data);
	text_release(&t);
}

/* The first known wrong query that gives these rows, by that likeness. */
static int try_wrong_like(const struct check *c, struct sides *s, const struct rows_like *like,
			  struct verdict *v, struct err *err)
{
	const struct course_section *conf = c->exercise->conf;
	const struct rows_like how = how_of(c);
	const struct course_entry *e;
	int at = 0, result = 0;

	while (result == 0 && !v->key && (e = words_next_wrong(conf, &at))) {
		struct sheet wrong = { 0 };
		int64_t odd;

		result = desk_ask(&s->desk, e->key, e->value, &wrong, err);
		if (result == 0 && !rows_are_same(&s->want, &wrong, &how, &odd) &&
		    rows_are_same(&wrong, &s->got, like, &odd))
			words_diagnose(v, conf, e->key + strlen("wrong."));
		sheet_release(&wrong);
	}
	return result;
}

/*
 * Durations that have nothing to do with each other may lie within a tolerance of each other: whose
 * very numbers these are comes before whoever is near.
 */
static int try_wrong(const struct check *c, struct sides *s, const struct rows_like *how,
		     struct verdict *v, struct err *err)
{
	const struct rows_like exactly = { .ordered = how->ordered };
	int result = try_wrong_like(c, s, &exactly, v, err);

	return result || v->key ? result : try_wrong_like(c, s, how, v, err);
}

static int check_seen(const struct check *c, struct sides *s, struct verdict *v, struct err *err)
{
	const struct rows_like how = how_of(c);
	int result = run_query(c, s, v, err);
	int64_t odd;

	if (result <= 0)
		return result;
	verdict_line(v, CHECK_PASSED, "runs", NULL);
	if (!compare_columns(c, s, v))
		return try_wrong(c, s, &how, v, err);
	if (rows_are_same(&s->want, &s->got, &how, &odd)) {
		verdict_line(v, CHECK_PASSED, "rows of the recording you see", NULL);
		return 1;
	}
	tell_rows(s, &how, odd, v);
	return try_wrong(c, s, &how, v, err);
}

/* A query that gives the same on another recording did not ask. */
static int check_hidden(const struct check *c, struct sides *seen, struct sides *s,
			struct verdict *v, struct err *err)
{
	static const char what[] = "rows of a recording you do not see";
	const struct rows_like how = how_of(c);
	int64_t odd;
	int result = run_query(c, s, v, err);

	if (result <= 0)
		return result;
	if (rows_are_same(&s->want, &s->got, &how, &odd)) {
		verdict_line(v, CHECK_PASSED, what, NULL);
		return 0;
	}
	if (rows_are_same(&seen->got, &s->got, &how, &odd))
		verdict_line(v, CHECK_FAILED, what,
			     "your query gives the same rows there, where others are right: an "
			     "answer that is written down is no question");
	else
		verdict_line(v, CHECK_FAILED, what,
			     "wanted %lld rows there, got %lld, not all of them right: the query "
			     "leans on something that is so in this recording only",
			     (long long)s->want.n_rows, (long long)s->got.n_rows);
	return try_wrong(c, s, &how, v, err);
}

int check_sql(const struct check *c, struct verdict *v, struct err *err)
{
	const struct course_section *conf = c->exercise->conf;
	const char *trace = section_value(conf, "trace"), *other = section_value(conf, "hidden");
	struct sides seen = { 0 }, hidden = { 0 };
	int result;

	if (!is_readable(c, v))
		return 0;
	result = open_sides(c, trace ? trace : "main", &seen, err);
	if (result == 0)
		result = check_seen(c, &seen, v, err);
	if (result == 1) {
		result = open_sides(c, other ? other : "hidden", &hidden, err);
		if (result == 0)
			result = check_hidden(c, &seen, &hidden, v, err);
	}
	sides_close(&seen);
	sides_close(&hidden);
	return result < 0 ? result : 0;
}

int solution_sql(const struct check *c, struct text *out, struct err *err)
{
	const char *sql = section_value(c->exercise->conf, "answer");

	if (!sql)
		return err_set(err, ERR_FORMAT, "checks.conf: [%s] has no answer", c->exercise->id);
	text_adds(out, sql);
	text_adds(out, *sql && sql[strlen(sql) - 1] == ';' ? "\n" : ";\n");
	return 0;
}

static int prepare_side(const struct check *c, const char *trace, struct err *err)
{
	const struct course_entry *e;
	struct sides s = { 0 };
	int at = 0, result = open_sides(c, trace, &s, err);

	while (result == 0 && (e = words_next_wrong(c->exercise->conf, &at)))
		result = desk_ask(&s.desk, e->key, e->value, &s.got, err);
	sides_close(&s);
	return result;
}

int prepare_sql(const struct check *c, struct err *err)
{
	const struct course_section *conf = c->exercise->conf;
	const char *trace = section_value(conf, "trace"), *other = section_value(conf, "hidden");
	int result = prepare_side(c, trace ? trace : "main", err);

	return result ? result : prepare_side(c, other ? other : "hidden", err);
}
