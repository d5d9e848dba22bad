/*
 * diff_side.c -- one of the two runs that trace_diff compares.
 *
 * What stands in the rows of its values is read at once; what they hold is read when a row is
 * judged.
 */
#include "diff.h"

#include "torchless/mem.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

void diff_side_release(struct diff_side *s)
{
	for (size_t i = 0; i < s->n_points; i++) {
		free(s->points[i].fqn);
		free(s->points[i].role);
	}
	free(s->points);
	free(s->values);
	free(s->tokens);
	if (s->other) {
		inspect_unref(s->in);
		diff_close_other(s);
	}
	*s = (struct diff_side){ 0 };
}

static int by_id(const void *a, const void *b)
{
	const struct diff_point *x = a, *y = b;

	return (x->id > y->id) - (x->id < y->id);
}

static int read_points(struct diff_side *s, struct err *err)
{
	sqlite3_stmt *q = NULL;
	int64_t kept = 0;
	int ret;

	if (inspect_prepare(s->in, "SELECT id, fqn, role, layer FROM point ORDER BY id", &q, err))
		return err->code;
	while ((ret = inspect_step(s->in, q, err)) > 0) {
		const char *fqn = (const char *)sqlite3_column_text(q, 1);
		const char *role = (const char *)sqlite3_column_text(q, 2);
		int64_t text = (int64_t)sqlite3_column_bytes(q, 1) + sqlite3_column_bytes(q, 2);

		ret = inspect_keep(&kept, (int64_t)sizeof(*s->points) + text, err);
		if (ret)
			break;
		s->points = mem_grow(s->points, s->n_points, &s->cap_points, sizeof(*s->points));
		s->points[s->n_points++] = (struct diff_point){
			.id = sqlite3_column_int64(q, 0),
			.fqn = mem_strdup(fqn ? fqn : ""),
			.role = mem_strdup(role ? role : ""),
			.layer = sqlite3_column_type(q, 3) == SQLITE_NULL
					 ? -1
					 : sqlite3_column_int64(q, 3),
		};
	}
	sqlite3_finalize(q);
	return ret;
}

enum {
	READ_ID,
	READ_PASS,
	READ_POINT,
	READ_HASH,
	READ_L2,
	READ_MEAN,
	READ_TENSOR,
	READ_POS0,
	READ_N_TOK,
	READ_DIMS
};

static struct diff_value value_of_row(const struct diff_side *s, sqlite3_stmt *q)
{
	struct diff_point key = { .id = sqlite3_column_int64(q, READ_POINT) };
	/* A recording may hold values and no points. */
	const struct diff_point *point =
		s->n_points ? bsearch(&key, s->points, s->n_points, sizeof(key), by_id) : NULL;
	struct diff_value v = {
		.id = sqlite3_column_int64(q, READ_ID),
		.pass = sqlite3_column_type(q, READ_PASS) == SQLITE_NULL
				? -1
				: sqlite3_column_int64(q, READ_PASS),
		.point = point ? point - s->points : -1,
		.hash = sqlite3_column_int64(q, READ_HASH),
		.has_hash = sqlite3_column_type(q, READ_HASH) != SQLITE_NULL,
		.l2 = sqlite3_column_double(q, READ_L2),
		.has_l2 = sqlite3_column_type(q, READ_L2) != SQLITE_NULL,
		.mean = sqlite3_column_double(q, READ_MEAN),
		.has_mean = sqlite3_column_type(q, READ_MEAN) != SQLITE_NULL,
		.is_dumped = sqlite3_column_type(q, READ_TENSOR) != SQLITE_NULL,
		.pos0 = sqlite3_column_int64(q, READ_POS0),
		.n_tok = sqlite3_column_int64(q, READ_N_TOK),
	};

	for (int i = 0; i < TENSOR_MAX_DIMS; i++)
		v.dims[i] = sqlite3_column_type(q, READ_DIMS + i) == SQLITE_NULL
				    ? -1
				    : sqlite3_column_int64(q, READ_DIMS + i);
	return v;
}

static int read_values(struct diff_side *s, struct err *err)
{
	sqlite3_stmt *q = NULL;
	int64_t kept = 0;
	int ret;

	if (inspect_prepare(
		    s->in,
		    "SELECT v.id, p.idx, v.point_id, v.hash, v.l2, v.mean, v.tensor_id, "
		    "p.pos0, p.n_tok, v.d0, v.d1, v.d2, v.d3 FROM pass p CROSS JOIN value v ON v.pass_id = p.id "
		    "WHERE p.run_id = ?1 ORDER BY v.id",
		    &q, err))
		return err->code;
	sqlite3_bind_int64(q, 1, s->run);
	while ((ret = inspect_step(s->in, q, err)) > 0) {
		struct diff_value v = value_of_row(s, q);

		if (v.point < 0)
			continue;
		ret = inspect_keep(&kept, sizeof(v), err);
		if (ret)
			break;
		s->values = mem_grow(s->values, s->n_values, &s->cap_values, sizeof(v));
		s->values[s->n_values++] = v;
	}
	sqlite3_finalize(q);
	return ret;
}

/* The tokens that were read, or would have been next. */
static int read_tokens(struct diff_side *s, struct err *err)
{
	sqlite3_stmt *q = NULL;
	int64_t kept = 0;
	int ret;

	if (inspect_prepare(s->in, "SELECT pos, token_id FROM token WHERE run_id = ?1 ORDER BY pos",
			    &q, err))
		return err->code;
	sqlite3_bind_int64(q, 1, s->run);
	while ((ret = inspect_step(s->in, q, err)) > 0) {
		ret = inspect_keep(&kept, sizeof(*s->tokens), err);
		if (ret)
			break;
		s->tokens = mem_grow(s->tokens, s->n_tokens, &s->cap_tokens, sizeof(*s->tokens));
		s->tokens[s->n_tokens++] = (struct diff_token){ sqlite3_column_int64(q, 0),
								sqlite3_column_int64(q, 1) };
	}
	sqlite3_finalize(q);
	return ret;
}

/* ---- which run ------------------------------------------------------------------------------ */

/* "ref.db[run=2]" gives "ref.db" and 2; without brackets 0. */
static int split_path(const char *text, char *path, size_t size, int64_t *run)
{
	const char *bracket = strrchr(text, '[');
	size_t len = strlen(text);
	char *end;

	*run = 0;
	if (len && text[len - 1] == ']' && bracket && !strncmp(bracket, "[run=", 5)) {
		*run = strtoll(bracket + 5, &end, 10);
		if (end != text + len - 1 || *run < 1)
			return -1;
		len = (size_t)(bracket - text);
	}
	if (len >= size)
		return -1;
	memcpy(path, text, len);
	path[len] = '\0';
	return 0;
}

/* The run that an argument means: a number, or the path of another recording. */
static int side_open(struct diff_side *s, struct inspect *in, sqlite3_value *arg, struct err *err)
{
	char path[PATH_MAX];
	int type = sqlite3_value_type(arg);
	const char *text;

	s->in = in;
	if (sqlite3_value_numeric_type(arg) == SQLITE_INTEGER) {
		s->run = sqlite3_value_int64(arg);
		return 0;
	}
	text = (const char *)sqlite3_value_text(arg);
	if (type != SQLITE_TEXT || !text || split_path(text, path, sizeof(path), &s->run))
		return err_set(err, ERR_USAGE,
			       "'%.80s' is neither a run nor the path of another recording",
			       text ? text : "NULL");
	if (diff_open_other(s, in, path, err))
		return err->code;
	return s->run ? 0 : inspect_newest_run(s->in, &s->run, err);
}

/* The runs of the two newest: the newest is b. */
static int newest_two(struct inspect *in, int64_t *a, int64_t *b, struct err *err)
{
	sqlite3_stmt *q = NULL;
	int ret;

	*a = *b = 0;
	if (inspect_prepare(in, "SELECT id FROM run ORDER BY id DESC LIMIT 2", &q, err))
		return err->code;
	ret = inspect_step(in, q, err);
	if (ret > 0)
		*b = sqlite3_column_int64(q, 0);
	if (ret > 0)
		ret = inspect_step(in, q, err);
	if (ret > 0)
		*a = sqlite3_column_int64(q, 0);
	sqlite3_finalize(q);
	if (ret < 0)
		return ret;
	if (*a)
		return 0;
	return err_set(
		err, ERR_USAGE,
		"the recording has one run: trace_diff(a, b) takes runs, or the paths of other recordings");
}

int diff_open_sides(struct diff_side *a, struct diff_side *b, struct inspect *in,
		    sqlite3_value *run_a, sqlite3_value *run_b, struct err *err)
{
	if (!run_a && !run_b) {
		a->in = b->in = in;
		return newest_two(in, &a->run, &b->run, err);
	}
	if (!run_a || !run_b)
		return err_set(err, ERR_USAGE, "trace_diff(a, b) takes two runs, or none");
	if (side_open(a, in, run_a, err))
		return err->code;
	return side_open(b, in, run_b, err);
}

int diff_side_read(struct diff_side *s, struct err *err)
{
	struct run_model m;

	if (inspect_run(s->in, s->run, &m, err))
		return err->code;
	s->run = m.run;
	if (read_points(s, err) || read_tokens(s, err))
		return err->code;
	return read_values(s, err);
}
