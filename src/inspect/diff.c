/*
 * diff.c -- trace_diff: two runs value by value, in the order they were computed.
 *
 * Values meet by pass and name.  Whether they are equal is told by the hash of all elements, which
 * is there without a dump; how far apart they are, and whether that is within the tolerance, needs
 * dumps that have a part in common.  What only one run has is there, too: those of a in their
 * places, those of b at the end.  From the token on that is another the column `gate` says that no
 * difference means anything; `models` says in what two models differ.
 */
#include "inspect_impl.h"

#include "torchless/database.h"
#include "torchless/mem.h"
#include "torchless/open_files.h"
#include "torchless/side_files.h"

#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* ---- a run ---------------------------------------------------------------------------------- */

struct diff_point {
	int64_t id;
	char *fqn, *role;
	int64_t layer; /* -1: none */
};

struct diff_value {
	int64_t id, pass; /* pass -1: it has no number */
	int64_t point;    /* place in `points` */
	int64_t dims[TENSOR_MAX_DIMS];
	int64_t hash;
	int64_t pos0, n_tok; /* of its pass */
	double l2, mean;
	bool has_hash, has_l2, has_mean, is_dumped, is_met;
};

struct side {
	struct inspect *in; /* the connection's own, or of `other` */
	sqlite3 *other;
	struct open_file *other_file;
	int64_t run;
	struct diff_point *points; /* by id */
	size_t n_points, cap_points;
	struct diff_value *values; /* by id */
	size_t n_values, cap_values;
	struct diff_token {
		int64_t pos, id;
	} * tokens; /* by position */
	size_t n_tokens, cap_tokens;
};

static void close_other(struct side *s)
{
	sqlite3_close(s->other);
	open_files_leave(s->other_file);
	s->other = NULL;
	s->other_file = NULL;
}

static void side_release(struct side *s)
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
		close_other(s);
	}
	*s = (struct side){ 0 };
}

static int by_id(const void *a, const void *b)
{
	const struct diff_point *x = a, *y = b;

	return (x->id > y->id) - (x->id < y->id);
}

static int read_points(struct side *s, struct err *err)
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

static struct diff_value value_of_row(const struct side *s, sqlite3_stmt *q)
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

static int read_values(struct side *s, struct err *err)
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
static int read_tokens(struct side *s, struct err *err)
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

/* ---- another recording ---------------------------------------------------------------------- */

#define OTHER_MAX_BYTES (512 << 20) /* of one text or blob in it, as in the program */

/* Whether its tables are tables: a view of that name could take for ever. */
static bool has_tables(sqlite3 *db)
{
	sqlite3_stmt *q = NULL;
	bool has = false;

	if (sqlite3_prepare_v2(
		    db,
		    "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name IN "
		    "('run', 'model', 'pass', 'value', 'point', 'tensor', 'tensor_chunk', "
		    "'token')",
		    -1, &q, NULL) == SQLITE_OK)
		has = sqlite3_step(q) == SQLITE_ROW && sqlite3_column_int(q, 0) == 8;
	sqlite3_finalize(q);
	return has;
}

/* That the system refused does not make it another kind of file. */
static int not_opened(sqlite3 *other, const char *path, struct err *err)
{
	int code = other ? sqlite3_errcode(other) & 0xff : SQLITE_NOMEM;
	int system = other ? sqlite3_system_errno(other) : 0;

	if (database_is_replaced(other))
		return err_set(err, ERR_IO, "%.200s was replaced while it was read", path);
	if (code == SQLITE_NOMEM)
		return err_set(err, ERR_MEMORY, "%.200s: out of memory", path);
	if (code == SQLITE_CORRUPT)
		system = database_system_error(other);
	if (system || code == SQLITE_CANTOPEN || code == SQLITE_IOERR || code == SQLITE_BUSY)
		return err_set(err, ERR_IO, "%.200s: %s", path,
			       system ? strerror(system) : sqlite3_errmsg(other));
	return err_set(err, ERR_FORMAT, "%.200s is no recording", path);
}

/* Under the limits of the program that asks, or under this one when it has none.  SQLite's answer.
 */
static int open_file(struct side *s, struct inspect *in, const char *path)
{
	struct text uri = { 0 };
	int answer;

	database_uri(&uri, path, "mode=ro");
	answer = sqlite3_open_v2(uri.data, &s->other, SQLITE_OPEN_READONLY | SQLITE_OPEN_URI, NULL);
	text_release(&uri);
	if ((answer & 0xff) != SQLITE_OK)
		return answer;
	s->other_file = open_files_enter(path);
	sqlite3_limit(s->other, SQLITE_LIMIT_LENGTH, OTHER_MAX_BYTES);
	sqlite3_db_config(s->other, SQLITE_DBCONFIG_DEFENSIVE, 1, (int *)NULL);
	sqlite3_db_config(s->other, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, (int *)NULL);
	if (in->host.share)
		in->host.share(in->host.ctx, s->other);
	return 0;
}

static int open_other(struct side *s, struct inspect *in, const char *path, struct err *err)
{
	enum side_journal journal;
	struct stat st;

	if (stat(path, &st) != 0 || !S_ISREG(st.st_mode))
		return err_set(err, ERR_USAGE, "'%.200s' is no run of this recording, and no file",
			       path);
	if (side_files_check(path, &journal, err))
		return err->code;
	if (open_file(s, in, path) || inspect_database_kind(s->other) != DATABASE_RECORDING ||
	    !has_tables(s->other)) {
		not_opened(s->other, path, err);
		close_other(s);
		if (journal == JOURNAL_HOT)
			return err_set(err, ERR_IO,
				       "%.200s was not closed: query it once, which rolls back its "
				       "journal",
				       path);
		return err->code;
	}
	s->in = inspect_new(s->other, &in->opt);
	s->in->host = in->host;
	s->in->host.path = NULL;
	return 0;
}

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
static int side_open(struct side *s, struct inspect *in, sqlite3_value *arg, struct err *err)
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
	if (open_other(s, in, path, err))
		return err->code;
	return s->run ? 0 : inspect_newest_run(s->in, &s->run, err);
}

static int side_read(struct side *s, struct err *err)
{
	struct run_model m;

	if (inspect_run(s->in, s->run, &m, err))
		return err->code;
	s->run = m.run;
	if (read_points(s, err) || read_tokens(s, err))
		return err->code;
	return read_values(s, err);
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

/* ---- rows ----------------------------------------------------------------------------------- */

enum {
	DIFF_ORD,
	DIFF_PASS,
	DIFF_FQN,
	DIFF_LAYER,
	DIFF_ROLE,
	DIFF_VERDICT,
	DIFF_NMSE,
	DIFF_COSINE,
	DIFF_MAX_ABS,
	DIFF_MAX_AT,
	DIFF_L2_A,
	DIFF_L2_B,
	DIFF_VALUE_A,
	DIFF_VALUE_B,
	DIFF_WITHIN,
	DIFF_PROBLEM,
	DIFF_PLACE,
	DIFF_ELEMENT_A,
	DIFF_ELEMENT_B,
	DIFF_GATE,
	DIFF_MODELS,
	DIFF_SHAPE_A,
	DIFF_SHAPE_B,
	DIFF_MEAN_A,
	DIFF_MEAN_B,
	DIFF_A,
	DIFF_B,
	DIFF_TIMES,
	DIFF_COLUMNS
};

struct value_ref {
	struct diff_value *v;
};

struct diff {
	struct table_cursor base;
	struct side a, b;
	int64_t *a_in_b;          /* of each point of a, its place in b's, -1 */
	struct value_ref *sorted; /* b's, by pass, point and id */
	size_t at;                /* first a's values, then those of b that were not met */
	double times;             /* the tolerance */
	struct text models;       /* in what the models differ; empty: in nothing */
	int64_t parted;           /* the first position whose token is another; INT64_MAX: none */
	int64_t token_a, token_b; /* there */

	/* The row. */
	struct diff_value *x, *y; /* of a and of b; NULL: it has none */
	const char *verdict;
	bool has_sums;
	struct pair_sums sums;
	char max_at[96];
	struct judgement judged;
	char place[160];
	float element_a, element_b; /* there */
};

static void diff_reset(struct table_cursor *c)
{
	struct diff *d = (struct diff *)c;

	side_release(&d->a);
	side_release(&d->b);
	free(d->a_in_b);
	free(d->sorted);
	text_release(&d->models);
	d->a_in_b = NULL;
	d->sorted = NULL;
}

struct point_ref {
	const struct diff_point *p;
};

static int by_name(const void *a, const void *b)
{
	const struct point_ref *x = a, *y = b;

	return strcmp(x->p->fqn, y->p->fqn);
}

static void match_points(struct diff *d)
{
	struct point_ref *named = mem_calloc(d->b.n_points + 1, sizeof(*named));

	d->a_in_b = mem_calloc(d->a.n_points + 1, sizeof(*d->a_in_b));
	for (size_t i = 0; i < d->b.n_points; i++)
		named[i].p = &d->b.points[i];
	qsort(named, d->b.n_points, sizeof(*named), by_name);
	for (size_t i = 0; i < d->a.n_points; i++) {
		struct point_ref key = { &d->a.points[i] };
		const struct point_ref *found =
			bsearch(&key, named, d->b.n_points, sizeof(*named), by_name);

		d->a_in_b[i] = found ? found->p - d->b.points : -1;
	}
	free(named);
}

static int compare_place(const struct diff_value *x, const struct diff_value *y)
{
	if (x->pass != y->pass)
		return x->pass < y->pass ? -1 : 1;
	return (x->point > y->point) - (x->point < y->point);
}

static int by_place(const void *a, const void *b)
{
	const struct value_ref *x = a, *y = b;
	int order = compare_place(x->v, y->v);

	return order ? order : (x->v->id > y->v->id) - (x->v->id < y->v->id);
}

/* The first value of b at the place of x that has met none; NULL when there is none. */
static struct diff_value *partner(struct diff *d, const struct diff_value *x)
{
	struct diff_value key = { .pass = x->pass, .point = d->a_in_b[x->point] };
	size_t lo = 0, hi = d->b.n_values;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (compare_place(d->sorted[mid].v, &key) < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	for (; lo < d->b.n_values && !compare_place(d->sorted[lo].v, &key); lo++)
		if (!d->sorted[lo].v->is_met)
			return d->sorted[lo].v;
	return NULL;
}

/* The part that both have, as the same rows of each: false when there is none. */
static bool find_common(const struct array *x, const struct array *y, struct array_part *px,
			struct array_part *py)
{
	if (x->n_dims != y->n_dims)
		return false;
	*px = *py = (struct array_part){ 0 };
	for (int i = 0; i < x->n_dims; i++) {
		int64_t first = x->base[i] > y->base[i] ? x->base[i] : y->base[i];
		int64_t end_x = x->base[i] + x->shape[i], end_y = y->base[i] + y->shape[i];
		int64_t end = end_x < end_y ? end_x : end_y;

		if (first >= end || (!axis_counts_positions(x->axes, i) && end_x != end_y))
			return false;
		px->start[i] = first - x->base[i];
		px->stop[i] = end - x->base[i];
		py->start[i] = first - y->base[i];
		py->stop[i] = end - y->base[i];
	}
	return true;
}

/* Sums over pairs; of scores where both are numbers: what the mask takes one need not compute. */
static void add_pairs(struct diff *d, const struct array *x, const struct array *y,
		      enum judged_as kind)
{
	int64_t i = 0, first;

	d->sums = (struct pair_sums){ .max_at = -1 };
	if (kind != JUDGED_SCORES) {
		pair_add(&d->sums, x->data, y->data, x->numel, 0);
		return;
	}
	while (i < x->numel) {
		for (first = i; i < x->numel && x->data[i] > -INFINITY && y->data[i] > -INFINITY;)
			i++;
		if (i > first)
			pair_add(&d->sums, x->data + first, y->data + first, i - first, first);
		/* NaN is no -infinity: it differs. */
		else if (isnan(x->data[i]) || isnan(y->data[i]))
			pair_add(&d->sums, x->data + i, y->data + i, 1, i);
		i += i == first;
	}
}

/* Of two arrays of one shape everything that a row says of their elements. */
static void compare_elements(struct diff *d, const struct array *x, const struct array *y,
			     const char *role)
{
	enum judged_as kind = !strcmp(role, "scores")   ? JUDGED_SCORES
			      : !strcmp(role, "logits") ? JUDGED_LOGITS
							: JUDGED_PLAIN;

	add_pairs(d, x, y, kind);
	array_index(x, d->sums.max_at, d->max_at, sizeof(d->max_at));
	array_judge(x, y, kind, d->times, &d->judged);
	d->place[0] = '\0';
	if (!x->numel)
		return;
	array_place(x, d->judged.max_at, d->place, sizeof(d->place));
	d->element_a = x->data[d->judged.max_at];
	d->element_b = y->data[d->judged.max_at];
}

/* Stored elements that both have: 1, 0 when there are none, or an error. */
static int add_elements(struct diff *d, struct err *err)
{
	struct array *x = inspect_value(d->a.in, d->x->id, err), *y = NULL, *part_x, *part_y;
	struct array_part px, py;
	int ret = 0;

	if (!x)
		return err->code;
	y = inspect_value(d->b.in, d->y->id, err);
	if (!y) {
		array_release(x);
		return err->code;
	}
	if (find_common(x, y, &px, &py)) {
		part_x = array_take_part(x, &px, err);
		part_y = part_x ? array_take_part(y, &py, err) : NULL;
		ret = part_y ? 1 : err->code;
		if (part_y) {
			compare_elements(d, part_x, part_y, d->a.points[d->x->point].role);
			if (!d->x->has_hash || !d->y->has_hash)
				d->verdict = memcmp(part_x->data, part_y->data,
						    (size_t)part_x->numel * sizeof(float))
						     ? "differs"
						     : "equal";
		}
		array_release(part_x);
		array_release(part_y);
	}
	array_release(x);
	array_release(y);
	return ret;
}

static int judge(struct diff *d, struct err *err)
{
	int ret = 0;

	d->has_sums = false;
	d->judged = (struct judgement){ 0 };
	d->place[0] = '\0';
	d->verdict = "missing";
	if (!d->x || !d->y)
		return 0;
	d->y->is_met = true;
	d->verdict = "shape";
	if (memcmp(d->x->dims, d->y->dims, sizeof(d->x->dims)) != 0)
		return 0;
	d->verdict = NULL; /* nothing tells */
	if (d->x->has_hash && d->y->has_hash)
		d->verdict = d->x->hash == d->y->hash ? "equal" : "differs";
	if (d->verdict && !strcmp(d->verdict, "equal"))
		return 0;
	if (d->x->is_dumped && d->y->is_dumped)
		ret = add_elements(d, err);
	d->has_sums = ret > 0;
	return ret < 0 ? ret : 0;
}

/* Stand on row `at`, or go on to what only b has. */
static int stand(struct diff *d, struct err *err)
{
	while (d->at >= d->a.n_values && d->at - d->a.n_values < d->b.n_values &&
	       d->b.values[d->at - d->a.n_values].is_met)
		d->at++;
	d->base.eof = d->at >= d->a.n_values + d->b.n_values;
	if (d->base.eof)
		return 0;
	d->x = d->at < d->a.n_values ? &d->a.values[d->at] : NULL;
	d->y = d->x ? partner(d, d->x) : &d->b.values[d->at - d->a.n_values];
	return judge(d, err);
}

static int open_sides(struct diff *d, sqlite3_value **args, struct err *err)
{
	struct inspect *in = d->base.in;

	if (!args[DIFF_A] && !args[DIFF_B]) {
		d->a.in = d->b.in = in;
		return newest_two(in, &d->a.run, &d->b.run, err);
	}
	if (!args[DIFF_A] || !args[DIFF_B])
		return err_set(err, ERR_USAGE, "trace_diff(a, b) takes two runs, or none");
	if (side_open(&d->a, in, args[DIFF_A], err))
		return err->code;
	return side_open(&d->b, in, args[DIFF_B], err);
}

/* ---- whether it is the same thing ----------------------------------------------------------- */

/* What must be equal before a number says anything, as scripts/lib/compare.py has it. */
static const char *const model_facts[] = { "n_layers",     "d_model",      "n_heads",
					   "n_kv_heads",   "d_head",       "d_ff",
					   "n_vocab",      "rope_theta",   "sliding_window",
					   "weights_xxh3", "rms_norm_eps", "tie_word_embeddings",
					   "hidden_act" };
#define N_FACTS ((int)(sizeof(model_facts) / sizeof(*model_facts)))

static int prepare_facts(struct side *s, sqlite3_stmt **q, struct err *err)
{
	static const char sql[] =
		"SELECT m.n_layers, m.d_model, m.n_heads, m.n_kv_heads, m.d_head, m.d_ff, "
		"m.n_vocab, m.rope_theta, coalesce(m.sliding_window, 'none'), "
		"lower(hex(m.weights_xxh3)), json_extract(c.json, '$.rms_norm_eps'), "
		"json_extract(c.json, '$.tie_word_embeddings'), "
		"json_extract(c.json, '$.hidden_act') FROM run r JOIN model m ON m.id = "
		"r.model_id, (SELECT id, iif(json_valid(config), config, '{}') json FROM model) c "
		"WHERE c.id = m.id AND r.id = ?1";

	if (inspect_prepare(s->in, sql, q, err))
		return err->code;
	sqlite3_bind_int64(*q, 1, s->run);
	return inspect_step(s->in, *q, err);
}

/* The first fact that both know and that is another, in words. */
static int compare_models(struct diff *d, struct err *err)
{
	sqlite3_stmt *a = NULL, *b = NULL;
	int has_a = prepare_facts(&d->a, &a, err), has_b = 0;

	if (has_a > 0)
		has_b = prepare_facts(&d->b, &b, err);
	for (int i = 0; i < N_FACTS && has_b > 0 && !d->models.len; i++) {
		const char *x = (const char *)sqlite3_column_text(a, i);
		const char *y = (const char *)sqlite3_column_text(b, i);

		if (x && y && *x && *y && strcmp(x, y) != 0)
			text_addf(&d->models, "%s is %.60s in a, %.60s in b", model_facts[i], x, y);
	}
	sqlite3_finalize(a);
	sqlite3_finalize(b);
	return has_a < 0 ? has_a : has_b < 0 ? has_b : 0;
}

static void compare_tokens(struct diff *d)
{
	size_t i = 0, k = 0;

	d->parted = INT64_MAX;
	while (i < d->a.n_tokens && k < d->b.n_tokens) {
		const struct diff_token *x = &d->a.tokens[i], *y = &d->b.tokens[k];

		if (x->pos == y->pos && x->id != y->id) {
			d->parted = x->pos;
			d->token_a = x->id;
			d->token_b = y->id;
			return;
		}
		i += x->pos <= y->pos;
		k += y->pos <= x->pos;
	}
}

/* Why the row says nothing of the engines; NULL: it does. */
static const char *gate(const struct diff *d, char *buf, size_t size)
{
	const struct diff_value *x = d->x, *y = d->y;

	if (!x || !y)
		return NULL;
	if (x->pos0 + x->n_tok > d->parted) {
		snprintf(buf, size, "the token at position %lld is %lld in a, %lld in b",
			 (long long)d->parted, (long long)d->token_a, (long long)d->token_b);
		return buf;
	}
	if (x->pos0 == y->pos0 && x->n_tok == y->n_tok)
		return NULL;
	snprintf(buf, size,
		 "the pass reads %lld positions from %lld on in a, %lld from %lld on in b",
		 (long long)x->n_tok, (long long)x->pos0, (long long)y->n_tok, (long long)y->pos0);
	return buf;
}

static int diff_filter(struct table_cursor *c, sqlite3_value **args, struct err *err)
{
	struct diff *d = (struct diff *)c;

	d->at = 0;
	d->times = 1;
	if (args[DIFF_TIMES] && sqlite3_value_type(args[DIFF_TIMES]) != SQLITE_NULL)
		d->times = sqlite3_value_double(args[DIFF_TIMES]);
	if (!(d->times > 0))
		return err_set(err, ERR_USAGE,
			       "times is how many times the tolerance passes: a number above 0");
	if (open_sides(d, args, err) || side_read(&d->a, err) || side_read(&d->b, err))
		return err->code;
	if (compare_models(d, err))
		return err->code;
	compare_tokens(d);
	match_points(d);
	d->sorted = mem_calloc(d->b.n_values + 1, sizeof(*d->sorted));
	for (size_t i = 0; i < d->b.n_values; i++)
		d->sorted[i].v = &d->b.values[i];
	qsort(d->sorted, d->b.n_values, sizeof(*d->sorted), by_place);
	return stand(d, err);
}

static int diff_next(struct table_cursor *c, struct err *err)
{
	struct diff *d = (struct diff *)c;

	d->at++;
	return stand(d, err);
}

static void result_name(const struct diff *d, sqlite3_context *ctx, int column)
{
	const struct side *s = d->x ? &d->a : &d->b;
	const struct diff_value *v = d->x ? d->x : d->y;
	const struct diff_point *p = &s->points[v->point];

	if (column == DIFF_PASS && v->pass >= 0)
		sqlite3_result_int64(ctx, v->pass);
	else if (column == DIFF_FQN)
		sqlite3_result_text(ctx, p->fqn, -1, SQLITE_TRANSIENT);
	else if (column == DIFF_ROLE)
		sqlite3_result_text(ctx, p->role, -1, SQLITE_TRANSIENT);
	else if (column == DIFF_LAYER && p->layer >= 0)
		sqlite3_result_int64(ctx, p->layer);
}

static void result_sums(const struct diff *d, sqlite3_context *ctx, int column)
{
	bool equal = d->verdict && !strcmp(d->verdict, "equal");

	if (column == DIFF_MAX_AT) {
		if (d->has_sums && d->sums.max_at >= 0)
			sqlite3_result_text(ctx, d->max_at, -1, SQLITE_TRANSIENT);
	} else if (d->has_sums) {
		sqlite3_result_double(ctx, column == DIFF_NMSE     ? pair_nmse(&d->sums)
					   : column == DIFF_COSINE ? pair_cosine(&d->sums)
								   : d->sums.max_abs);
	} else if (equal) {
		sqlite3_result_double(ctx, column == DIFF_COSINE);
	}
}

static const char *shape_text(const struct diff_value *v, char *buf, size_t size)
{
	size_t len = 0;

	buf[0] = '\0';
	for (int i = 0; i < TENSOR_MAX_DIMS && v->dims[i] >= 0 && len < size; i++)
		len += (size_t)snprintf(buf + len, size - len, "%s%lld", i ? "," : "",
					(long long)v->dims[i]);
	return buf;
}

/* What a value is, without the other: shapes and means. */
static void result_own(const struct diff_value *v, sqlite3_context *ctx, bool is_shape)
{
	char shape[96];

	if (v && is_shape)
		sqlite3_result_text(ctx, shape_text(v, shape, sizeof(shape)), -1, SQLITE_TRANSIENT);
	else if (v && v->has_mean)
		sqlite3_result_double(ctx, v->mean);
}

static void result_value(const struct diff_value *v, sqlite3_context *ctx, bool l2)
{
	if (v && !l2)
		sqlite3_result_int64(ctx, v->id);
	else if (v && v->has_l2)
		sqlite3_result_double(ctx, v->l2);
}

/* 1 within the tolerance, 0 beyond it, -1: nothing tells. */
static int within(const struct diff *d)
{
	if (!d->verdict || !strcmp(d->verdict, "missing"))
		return -1;
	if (!strcmp(d->verdict, "equal"))
		return 1;
	if (!strcmp(d->verdict, "shape"))
		return 0;
	return d->has_sums ? d->judged.is_within : -1;
}

static const char *problem(const struct diff *d, char *buf, size_t size)
{
	char a[96], b[96];

	if (!d->x || !d->y)
		return d->x ? "only a has it" : "only b has it";
	if (d->verdict && !strcmp(d->verdict, "shape")) {
		snprintf(buf, size, "the shape is %s in a, %s in b", shape_text(d->x, a, sizeof(a)),
			 shape_text(d->y, b, sizeof(b)));
		return buf;
	}
	if (within(d) < 0)
		return "the numbers were not kept in both";
	return d->judged.problem[0] ? d->judged.problem : NULL;
}

/* The columns about the tolerance. */
static void result_judged(const struct diff *d, sqlite3_context *ctx, int column)
{
	const char *text = NULL;
	char buf[256];

	if (column == DIFF_WITHIN && within(d) >= 0)
		sqlite3_result_int(ctx, within(d));
	else if (column == DIFF_PROBLEM)
		text = problem(d, buf, sizeof(buf));
	else if (column == DIFF_GATE)
		text = gate(d, buf, sizeof(buf));
	else if (column == DIFF_MODELS && d->models.len)
		text = d->models.data;
	else if (column == DIFF_PLACE && d->judged.max_abs > 0)
		text = d->place;
	else if (column == DIFF_ELEMENT_A && d->judged.max_abs > 0)
		sqlite3_result_double(ctx, d->element_a);
	else if (column == DIFF_ELEMENT_B && d->judged.max_abs > 0)
		sqlite3_result_double(ctx, d->element_b);
	if (text)
		sqlite3_result_text(ctx, text, -1, SQLITE_TRANSIENT);
}

static int diff_column(struct table_cursor *c, sqlite3_context *ctx, int column, struct err *err)
{
	const struct diff *d = (const struct diff *)c;

	(void)err;
	if (column == DIFF_ORD)
		sqlite3_result_int64(ctx, c->rowid);
	else if (column <= DIFF_ROLE)
		result_name(d, ctx, column);
	else if (column == DIFF_VERDICT && d->verdict)
		sqlite3_result_text(ctx, d->verdict, -1, SQLITE_STATIC);
	else if (column >= DIFF_NMSE && column <= DIFF_MAX_AT)
		result_sums(d, ctx, column);
	else if (column == DIFF_L2_A || column == DIFF_VALUE_A)
		result_value(d->x, ctx, column == DIFF_L2_A);
	else if (column == DIFF_L2_B || column == DIFF_VALUE_B)
		result_value(d->y, ctx, column == DIFF_L2_B);
	else if (column == DIFF_SHAPE_A || column == DIFF_MEAN_A)
		result_own(d->x, ctx, column == DIFF_SHAPE_A);
	else if (column == DIFF_SHAPE_B || column == DIFF_MEAN_B)
		result_own(d->y, ctx, column == DIFF_SHAPE_B);
	else if (column == DIFF_A || column == DIFF_B)
		sqlite3_result_int64(ctx, column == DIFF_A ? d->a.run : d->b.run);
	else if (column == DIFF_TIMES)
		sqlite3_result_double(ctx, d->times);
	else
		result_judged(d, ctx, column);
	return 0;
}

const struct sql_table trace_diff_table = {
	.declaration =
		"CREATE TABLE x(ord INT, pass INT, fqn TEXT, layer INT, role TEXT, "
		"verdict TEXT, nmse REAL, cosine REAL, max_abs REAL, max_at TEXT, "
		"l2_a REAL, l2_b REAL, value_a INT, value_b INT, within INT, problem TEXT, "
		"place TEXT, element_a REAL, element_b REAL, gate TEXT, models TEXT, shape_a TEXT, shape_b TEXT, mean_a REAL, mean_b REAL, a HIDDEN, b HIDDEN, "
		"times HIDDEN)",
	.n_columns = DIFF_COLUMNS,
	.n_hidden = 3,
	.opens = true,
	.rows = 1e4,
	.cursor_bytes = sizeof(struct diff),
	.filter = diff_filter,
	.next = diff_next,
	.column = diff_column,
	.reset = diff_reset,
};
