/*
 * about.c -- what is said of the answer of a saved query beside its rows: what was asked about,
 * what its times are, how many rows there would be, and why two runs tell nothing of each other.
 *
 * Each is a question to the recording; one that fails or takes long says nothing.
 */
#include "query.h"
#include "torchless/mem.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#define COUNT_NS 250000000ll  /* how long the rows that there would be are counted */
#define PAIR_NS  2000000000ll /* how long two runs are looked at beside what differs */
#define ALL_ROWS 1000000

/* ---- asking --------------------------------------------------------------------------------- */

static int take_cell(void *ctx, const struct rows *rows, const struct cell *cells)
{
	struct text *t = ctx;

	(void)rows;
	text_clear(t);
	if (cells[0].type == CELL_INT)
		text_addf(t, "%lld", (long long)cells[0].i);
	else if (cells[0].s.data)
		text_add(t, cells[0].s.data, cells[0].s.len);
	return 1;
}

/* Whether the SQL has the parameter of KEY=VALUE. */
static bool has_param(const char *sql, const char *param)
{
	size_t len = strcspn(param, "=");

	for (const char *at = strchr(sql, ':'); at; at = strchr(at + 1, ':'))
		if (!strncmp(at + 1, param, len) && at[1 + len] != '_' &&
		    !isalnum((unsigned char)at[1 + len]))
			return true;
	return false;
}

/* The first cell of the first row, in *answer; "" where there is none, or it took too long. */
static void ask(struct recording *rec, const char *sql, const struct query_params *p,
		int64_t max_ns, struct text *answer)
{
	const char **params = mem_calloc((size_t)p->n + 1, sizeof(*params));
	struct query q = { .row = take_cell, .ctx = answer, .params = params };
	struct err ignored;

	q.interrupted = &interrupted;
	q.max_ns = max_ns;
	for (int i = 0; i < p->n; i++)
		if (has_param(sql, p->list[i]))
			params[q.n_params++] = p->list[i];
	text_clear(answer);
	if (recording_query(rec, sql, &q, &ignored))
		text_clear(answer);
	free((void *)params);
}

/* The runs that a and b mean, where neither is a file. */
#define PAIR                                                                                       \
	"WITH newest AS (SELECT iif(:b, :b, (SELECT max(id) FROM run)) b), pair AS (SELECT "       \
	"iif(:a, :a, (SELECT max(id) FROM run WHERE id < b)) a, b FROM newest) "

/* ---- what was asked about ------------------------------------------------------------------- */

static const struct {
	const char *key, *word, *sql; /* NULL: as it was given */
} subjects[] = {
	{ "layer", "layer", NULL },
	{ "head", "head", NULL },
	{ "pos", "position",
	  "SELECT iif(:pos < 0, n_prompt + :pos, :pos) || coalesce(', ''' || (SELECT CAST(piece AS TEXT) FROM token t "
	  "WHERE t.run_id = r.run_id AND pos = iif(:pos < 0, r.n_prompt + :pos, :pos)) || '''', '') "
	  "FROM v_run r WHERE r.run_id = iif(:run, :run, (SELECT max(id) FROM run))" },
	{ "phase", "phase", "SELECT :phase WHERE :phase <> 'all'" },
	{ "b", "runs", PAIR "SELECT a || ' (a) and ' || b || ' (b)' FROM pair WHERE a NOT NULL" },
	{ "run", "run",
	  "SELECT iif(:run, :run, max(id)) || ' of ' || count(*) FROM run HAVING count(*) > 1" },
};

static bool is_file(const struct query_params *p, const char *key)
{
	const char *param = query_params_find(p, key);

	return param && query_param_is_file(param);
}

/* "2 (a) and other.db (b)"; beside a file, 0 is the newest run. */
static void add_files(struct text *out, struct recording *rec, const struct query_params *p)
{
	static const char *const keys[] = { "a", "b" };
	struct text newest = { 0 };

	ask(rec, "SELECT max(id) FROM run", p, COUNT_NS, &newest);
	for (int i = 0; i < 2; i++) {
		const char *param = query_params_find(p, keys[i]);
		const char *value = param ? strchr(param, '=') + 1 : "0";

		if (!strcmp(value, "0") && newest.len)
			value = newest.data;
		text_addf(out, "%s%s (%s)", i ? " and " : "", value, keys[i]);
	}
	text_release(&newest);
}

/* "Asked: layer 0, head 0, position 4, ' time'." */
static void add_subject(struct text *out, struct recording *rec, const struct query_params *p)
{
	struct text answer = { 0 };
	bool any = false;

	for (size_t i = 0; i < sizeof(subjects) / sizeof(*subjects); i++) {
		const char *key = subjects[i].key, *param = query_params_find(p, key);

		text_clear(&answer);
		if (!strcmp(key, "b") && param && (is_file(p, "a") || is_file(p, "b")))
			add_files(&answer, rec, p);
		else if (param && query_param_is_file(param))
			continue;
		else if (param && subjects[i].sql)
			ask(rec, subjects[i].sql, p, COUNT_NS, &answer);
		else if (param)
			text_adds(&answer, strchr(param, '=') + 1);
		if (!answer.len)
			continue;
		text_addf(out, "%s%s ", any ? "; " : "Asked: ", subjects[i].word);
		text_add(out, answer.data, answer.len);
		any = true;
	}
	if (any)
		text_adds(out, ". ");
	text_release(&answer);
}

/* How many rows there are with n=N; 0 when that takes long. */
static long long count_rows(struct recording *rec, const char *sql, const struct query_params *p,
			    const char *n, long long value)
{
	struct query_params some = { .list = mem_calloc((size_t)p->n, sizeof(*some.list)) };
	struct text counted = { 0 }, answer = { 0 };
	char param[32];
	long long rows;

	snprintf(param, sizeof(param), "n=%lld", value);
	for (; some.n < p->n; some.n++)
		some.list[some.n] = p->list[some.n] == n ? param : p->list[some.n];
	text_addf(&counted, "SELECT count(*) FROM (%s)", sql);
	ask(rec, counted.data, &some, COUNT_NS, &answer);
	rows = answer.len ? strtoll(answer.data, NULL, 10) : 0;
	free(some.list);
	text_release(&counted);
	text_release(&answer);
	return rows;
}

/* "10 of 20 rows: n=20 shows all."  Of some answers n bounds a part of the rows. */
static void add_cut(struct text *out, struct recording *rec, const char *sql,
		    const struct query_params *p)
{
	static const char last[] = " LIMIT :n";
	const char *param = query_params_find(p, "n"), *end = sql + strlen(sql);
	long long n = param ? strtoll(param + 2, NULL, 10) : 0, shown = n, all;

	if (!param)
		return;
	all = count_rows(rec, sql, p, param, ALL_ROWS);
	while (end > sql && isspace((unsigned char)end[-1]))
		end--;
	if ((size_t)(end - sql) < sizeof(last) - 1 ||
	    memcmp(end - (sizeof(last) - 1), last, sizeof(last) - 1) != 0)
		shown = all > n ? count_rows(rec, sql, p, param, n) : n;
	if (shown > 0 && all > shown)
		text_addf(out, "%lld of %lld rows: n=%lld shows all. ", shown, all,
			  n + all - shown);
}

/* ---- what it could not see ------------------------------------------------------------------- */

/* A phase that the run has not. */
static void add_phase(struct text *out, struct recording *rec, const struct query_params *p)
{
	struct text answer = { 0 };

	if (query_params_find(p, "phase"))
		ask(rec,
		    "SELECT 1 WHERE :phase <> 'all' AND NOT EXISTS (SELECT 1 FROM pass WHERE phase = :phase "
		    "AND run_id = iif(:run, :run, (SELECT max(id) FROM run)))",
		    p, COUNT_NS, &answer);
	if (answer.len)
		text_adds(out, "The run has no such pass. ");
	text_release(&answer);
}

/* What NaN leaves empty in answers about numbers. */
static void add_bad(struct text *out, struct recording *rec, const char *name,
		    const struct query_params *p)
{
	struct text param = { 0 }, answer = { 0 };
	struct query_params by_name = { .n = 1 };

	text_addf(&param, "name=%s", name);
	by_name.list = &param.data;
	ask(rec,
	    "SELECT 1 FROM saved_query WHERE name = :name "
	    "AND topic IN ('Prediction', 'Layers', 'Attention', 'Units of the MLPs')",
	    &by_name, COUNT_NS, &answer);
	if (answer.len)
		ask(rec,
		    "SELECT iif(n_nan, 'NaN', 'Infinity') || ' begins at ' || fqn || ' in pass ' || pass FROM v_bad "
		    "WHERE run_id = iif(:run, :run, (SELECT max(id) FROM run)) ORDER BY +id LIMIT 1",
		    p, COUNT_NS, &answer);
	if (answer.len)
		text_addf(out, "%s, see first-bad. ", answer.data);
	text_release(&param);
	text_release(&answer);
}

/* ---- what its times are --------------------------------------------------------------------- */

static bool is_of_time(const char *name)
{
	static const char *const names[] = { "time", "roofline", "slow", "slow-layers", "passes" };

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (!strcmp(names[i], name))
			return true;
	return false;
}

static void add_clock(struct text *out, struct recording *rec, const char *name, const char *sql,
		      const struct query_params *p)
{
	struct text answer = { 0 };
	long long n;

	if (!is_of_time(name))
		return;
	ask(rec,
	    "SELECT count(DISTINCT repeat) FROM timing "
	    "WHERE run_id = iif(:run, :run, (SELECT max(id) FROM run))",
	    p, COUNT_NS, &answer);
	n = answer.len ? strtoll(answer.data, NULL, 10) : 0;
	/* A recording of before keeps its own SQL. */
	if (n > 0 && (strstr(sql, "v_timing") || strstr(sql, "v_took")))
		text_addf(out, "Times are medians of %lld %s. ", n, plural(n, "repeat", "repeats"));
	else if (n > 0)
		text_adds(out, "Times are those of the recorded pass, not of its repeats. ");
	else
		text_adds(out, "Times are those of the recorded pass, once. ");
	text_release(&answer);
}

/* ---- two runs -------------------------------------------------------------------------------- */

/* Of the prompts, and of what was generated as far as both read it on. */
static const char parted_sql[] = PAIR
	"SELECT 'the token at position ' || pos || ' is ' || coalesce(x, 'none') || ' in a, ' || coalesce(y, 'none') || ' in b' "
	"FROM (SELECT t.pos, max(t.token_id) FILTER (WHERE t.run_id = a) x, max(t.token_id) FILTER (WHERE t.run_id = b) y, "
	"max(t.source IN ('bos', 'prompt')) is_prompt, (SELECT min(n) FROM (SELECT max(pos0 + n_tok) n FROM pass "
	"WHERE run_id IN (a, b) AND idx NOT NULL GROUP BY run_id)) n_read "
	"FROM pair JOIN token t ON t.run_id IN (a, b) WHERE a NOT NULL GROUP BY t.pos) "
	"WHERE x IS NOT y AND (is_prompt OR (x NOT NULL AND y NOT NULL AND pos < n_read)) ORDER BY pos LIMIT 1";

/* Of files: as trace_diff has it. */
static const char parted_files_sql[] =
	"SELECT d.gate FROM (SELECT iif(:a = 0, n, :a) a, iif(:b = 0, n, :b) b FROM "
	"(SELECT max(id) n FROM run)) p JOIN trace_diff d ON d.a = p.a AND d.b = p.b "
	"WHERE d.gate NOT NULL ORDER BY d.ord LIMIT 1";

/* Two results of one model that are not meant to be equal. */
static const char fast_sql[] =
	"SELECT d.models FROM (SELECT iif(:a = 0, n - 1, :a) a, iif(:b = 0, n, :b) b FROM "
	"(SELECT max(id) n FROM run)) p JOIN trace_diff d ON d.a = p.a AND d.b = p.b "
	"WHERE d.models GLOB '*--fast*' LIMIT 1";

static void add_fast(struct text *out, struct recording *rec, const struct query_params *p)
{
	struct text answer = { 0 };

	ask(rec, fast_sql, p, PAIR_NS, &answer);
	if (answer.len)
		text_addf(out, "%s%s", out->len ? ". And " : "", answer.data);
	text_release(&answer);
}

bool query_add_pair(struct text *out, struct recording *rec, const char *name,
		    const struct query_params *p)
{
	bool of_files = is_file(p, "a") || is_file(p, "b");
	struct text answer = { 0 };
	bool is_alone;

	if (strcmp(name, "differ") != 0 && strcmp(name, "same") != 0)
		return false;
	if (!of_files)
		ask(rec, PAIR "SELECT b FROM pair WHERE a IS NULL AND b NOT NULL", p, PAIR_NS,
		    &answer);
	is_alone = answer.len > 0;
	if (is_alone) {
		text_addf(out,
			  "there is no run before run %s to compare it with: "
			  "b=FILE names another recording, and `torchless trace --prompts FILE` "
			  "records several runs in one",
			  answer.data);
	} else {
		ask(rec, of_files ? parted_files_sql : parted_sql, p, PAIR_NS, &answer);
		if (answer.len)
			text_addf(
				out,
				"the two runs read different tokens, so that what differs from there "
				"on says nothing of the models: %s",
				answer.data);
		add_fast(out, rec, p);
	}
	text_release(&answer);
	return is_alone;
}

/* ---- all of it ------------------------------------------------------------------------------- */

void query_add_about(struct text *out, struct recording *rec, const char *name, const char *sql,
		     const struct query_params *p, const struct text *pair)
{
	add_subject(out, rec, p);
	if (pair->len)
		text_addf(out, "%c%s. ", toupper((unsigned char)pair->data[0]), pair->data + 1);
	add_phase(out, rec, p);
	add_bad(out, rec, name, p);
	add_clock(out, rec, name, sql, p);
	add_cut(out, rec, sql, p);
}
