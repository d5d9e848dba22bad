/*
 * record.c -- a run of a recording, read and checked.
 *
 * The file is somebody else's: it is asked within limits (recording_ask()), what it calls by a
 * number is looked up in its dictionaries, and those by the names of the program, so that nothing
 * but finite numbers comes in from it.  What the program has not is left out.
 */
#include "measure_impl.h"

#include "torchless/mem.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#define MAX_POSITION ((int64_t)1 << 40)

/* ---- asking --------------------------------------------------------------------------------- */

/* Rows on their way into a run. */
struct loader {
	struct graph_record *r;
	struct name_list *names;
	struct own *own; /* [n_modules] */
	bool is_child;   /* rows are of children, to be taken away */
	struct record_value *values;
	struct err *err;
};

/* What a module's calls that ended were, without their children. */
struct own {
	double ns, bytes, calls;
};

typedef int row_fn(void *ctx, const struct rows *rows, const struct cell *cells);

static int ask(struct loader *l, row_fn *row, const char *sql)
{
	struct query q = { .row = row, .ctx = l };

	return recording_ask(l->r->rec, sql, &q, l->err);
}

/* The passes that were asked for, as a condition on `p`. */
static void add_condition(struct text *sql, const struct graph_record *r)
{
	text_addf(sql, "p.run_id = %lld AND p.idx IS NOT NULL", (long long)r->run.id);
	if (r->pass >= 0)
		text_addf(sql, " AND p.idx = %d", r->pass);
}

static bool is_in(const struct cell *c, int64_t min, int64_t max)
{
	return c->type == CELL_INT && c->i >= min && c->i <= max;
}

/* A number, NaN for what is none. */
static double real_of(const struct cell *c)
{
	double x = c->type == CELL_REAL ? c->d : c->type == CELL_INT ? (double)c->i : NAN;

	return isfinite(x) ? x : NAN;
}

/* A number that cannot be negative. */
static double size_of(const struct cell *c)
{
	double x = real_of(c);

	return x >= 0 ? x : NAN;
}

static int64_t count_of(const struct cell *c)
{
	return is_in(c, 0, INT64_MAX) ? c->i : 0;
}

/* ---- names ---------------------------------------------------------------------------------- */

/* What the program calls its values, or modules. */
struct name_list {
	struct name_entry {
		const char *name;
		int index;
	} * sorted;
	int n;
	struct record_name **found;
	size_t *n_found, *cap_found;
};

static int compare_entries(const void *a, const void *b)
{
	return strcmp(((const struct name_entry *)a)->name, ((const struct name_entry *)b)->name);
}

static int compare_ids(const void *a, const void *b)
{
	const struct record_name *x = a, *y = b;

	return (x->id > y->id) - (x->id < y->id);
}

static int find_name(const struct record_name *names, size_t n, const struct cell *id)
{
	const struct record_name key = { .id = id->i };
	const struct record_name *found =
		id->type == CELL_INT && n ? bsearch(&key, names, n, sizeof(key), compare_ids)
					  : NULL;

	return found ? found->index : -1;
}

static int take_name(void *ctx, const struct rows *rows, const struct cell *cells)
{
	struct name_list *l = ((struct loader *)ctx)->names;
	struct name_entry key = { 0 };
	const struct name_entry *entry;
	char *name;

	(void)rows;
	if (cells[0].type != CELL_INT || cells[1].type != CELL_TEXT)
		return 0;
	name = mem_memdup(cells[1].s.data ? cells[1].s.data : "", cells[1].s.len);
	key.name = name;
	entry = bsearch(&key, l->sorted, (size_t)l->n, sizeof(key), compare_entries);
	free(name);
	if (!entry)
		return 0;
	*l->found = mem_grow(*l->found, *l->n_found, l->cap_found, sizeof(**l->found));
	(*l->found)[(*l->n_found)++] = (struct record_name){ cells[0].i, entry->index };
	return 0;
}

/* Ask for the dictionary that `sql` reads, whose entries are to be names of the list. */
static int load_names(struct loader *l, struct name_list *list, const char *sql)
{
	struct text text = { 0 };
	int ret;

	qsort(list->sorted, (size_t)list->n, sizeof(*list->sorted), compare_entries);
	l->names = list;
	text_addf(&text, sql, (long long)l->r->run.model_id);
	ret = ask(l, take_name, text.data);
	text_release(&text);
	if (*list->n_found)
		qsort(*list->found, *list->n_found, sizeof(**list->found), compare_ids);
	free(list->sorted);
	return ret;
}

static int load_points(struct loader *l)
{
	struct graph_record *r = l->r;
	const struct program *p = r->program;
	struct name_list list = { .found = &r->points,
				  .n_found = &r->n_points,
				  .cap_found = &r->cap_points };

	list.sorted = mem_calloc((size_t)p->n_values + 1, sizeof(*list.sorted));
	for (int v = 0; v < p->n_values; v++)
		if (p->values[v].point)
			list.sorted[list.n++] = (struct name_entry){ p->values[v].name, v };
	return load_names(l, &list,
			  "SELECT p.id, p.fqn FROM point p JOIN module m ON m.id = p.module_id "
			  "WHERE m.model_id = %lld");
}

static int load_modules(struct loader *l)
{
	struct graph_record *r = l->r;
	const struct program *p = r->program;
	struct name_list list = { .found = &r->modules,
				  .n_found = &r->n_modules,
				  .cap_found = &r->cap_modules };

	list.sorted = mem_calloc((size_t)p->n_modules + 1, sizeof(*list.sorted));
	for (int m = 0; m < p->n_modules; m++)
		list.sorted[list.n++] = (struct name_entry){ p->modules[m].path, m };
	return load_names(l, &list, "SELECT id, path FROM module WHERE model_id = %lld");
}

/* ---- passes --------------------------------------------------------------------------------- */

static int take_pass(void *ctx, const struct rows *rows, const struct cell *cells)
{
	struct loader *l = ctx;
	struct graph_record *r = l->r;

	(void)rows;
	if (r->n_passes == INT_MAX || !is_in(&cells[0], (int)r->n_passes, (int)r->n_passes) ||
	    !is_in(&cells[1], 1, INT64_MAX) || !is_in(&cells[2], 0, MAX_POSITION) ||
	    !is_in(&cells[3], 1, MAX_POSITION))
		return err_set(l->err, ERR_FORMAT, "%s is damaged: pass %zu of run %lld is none",
			       r->path, r->n_passes, (long long)r->run.id);
	r->passes = mem_grow(r->passes, r->n_passes, &r->cap_passes, sizeof(*r->passes));
	r->passes[r->n_passes++] = (struct record_pass){ .id = cells[1].i,
							 .pos0 = cells[2].i,
							 .T = cells[3].i,
							 .has_ended = cells[4].type != CELL_NULL };
	return 0;
}

static int load_passes(struct loader *l)
{
	struct graph_record *r = l->r;
	struct text sql = { 0 };
	int ret;

	text_addf(&sql,
		  "SELECT idx, id, pos0, n_tok, dur FROM pass WHERE run_id = %lld "
		  "AND idx IS NOT NULL ORDER BY idx",
		  (long long)r->run.id);
	ret = ask(l, take_pass, sql.data);
	text_release(&sql);
	if (ret)
		return ret;
	if (!r->n_passes)
		return err_set(l->err, ERR_USAGE,
			       "run %lld of %s has no pass: nothing was measured",
			       (long long)r->run.id, r->path);
	if (r->pass >= 0 && (size_t)r->pass >= r->n_passes)
		return err_set(l->err, ERR_USAGE, "run %lld of %s has no pass %d: the last is %zu",
			       (long long)r->run.id, r->path, r->pass, r->n_passes - 1);
	return 0;
}

/* ---- values --------------------------------------------------------------------------------- */

/* The columns of a value, v, of a pass, p. */
#define VALUE_COLUMNS                                                                              \
	"v.point_id, v.id, p.idx, v.d0, v.d1, v.d2, v.d3, v.l2, v.absmax, v.mean, v.numel, "       \
	"v.n_nan, v.n_pinf, v.n_ninf, v.hash, v.tensor_id"

enum {
	VALUE_POINT,
	VALUE_ID,
	VALUE_PASS,
	VALUE_DIMS,
	VALUE_L2 = VALUE_DIMS + TENSOR_MAX_DIMS,
	VALUE_ABSMAX,
	VALUE_MEAN,
	VALUE_NUMEL,
	VALUE_NAN,
	VALUE_PINF,
	VALUE_NINF,
	VALUE_HASH,
	VALUE_TENSOR
};

static int take_value(void *ctx, const struct rows *rows, const struct cell *c)
{
	struct loader *l = ctx;
	int v = find_name(l->r->points, l->r->n_points, &c[VALUE_POINT]);
	int64_t n_inf = 0;
	struct record_value *value;

	(void)rows;
	if (v < 0 || !is_in(&c[VALUE_ID], 1, INT64_MAX) || l->values[v].id >= c[VALUE_ID].i ||
	    !is_in(&c[VALUE_PASS], 0, (int64_t)l->r->n_passes - 1))
		return 0;
	if (!mem_add(count_of(&c[VALUE_PINF]), count_of(&c[VALUE_NINF]), &n_inf))
		n_inf = INT64_MAX;
	value = &l->values[v];
	*value = (struct record_value){
		.id = c[VALUE_ID].i,
		.pass = (int)c[VALUE_PASS].i,
		.l2 = size_of(&c[VALUE_L2]),
		.absmax = size_of(&c[VALUE_ABSMAX]),
		.mean = real_of(&c[VALUE_MEAN]),
		.numel = count_of(&c[VALUE_NUMEL]),
		.n_nan = count_of(&c[VALUE_NAN]),
		.n_inf = n_inf,
		.hash = c[VALUE_HASH].i,
		.has_hash = c[VALUE_HASH].type == CELL_INT,
		.has_dump = c[VALUE_TENSOR].type == CELL_INT,
	};
	for (int i = 0; i < TENSOR_MAX_DIMS; i++)
		value->dims[i] = is_in(&c[VALUE_DIMS + i], 0, INT64_MAX) ? c[VALUE_DIMS + i].i : -1;
	return 0;
}

/* The newest value of every point.  SQLite gives the columns of the row that max() is of. */
static int load_values(struct loader *l)
{
	struct text sql = { 0 };
	int ret;

	l->values = l->r->values;
	text_adds(&sql, "SELECT " VALUE_COLUMNS ", max(v.id) FROM pass p CROSS JOIN value v "
			"ON v.pass_id = p.id WHERE ");
	add_condition(&sql, l->r);
	text_adds(&sql, " GROUP BY v.point_id");
	ret = ask(l, take_value, sql.data);
	text_release(&sql);
	return ret;
}

int record_values(const struct graph_record *r, int pass, struct record_value *values,
		  struct err *err)
{
	struct loader l = { .r = (struct graph_record *)r, .values = values, .err = err };
	struct text sql = { 0 };
	int ret;

	memset(values, 0, (size_t)r->program->n_values * sizeof(*values));
	text_addf(&sql,
		  "SELECT " VALUE_COLUMNS " FROM pass p CROSS JOIN value v ON v.pass_id = p.id "
		  "WHERE p.id = %lld",
		  (long long)r->passes[pass].id);
	ret = ask(&l, take_value, sql.data);
	text_release(&sql);
	return ret;
}

/* ---- bad values ----------------------------------------------------------------------------- */

static void take_bad_of(struct loader *l, int v, const struct cell *id, const struct cell *pass,
			bool is_nan)
{
	struct record_bad *bad = &l->r->bad[v];

	if (is_in(id, 1, INT64_MAX) && is_in(pass, 0, INT_MAX) && (!bad->id || id->i < bad->id))
		*bad = (struct record_bad){ id->i, (int)pass->i, is_nan };
}

static int take_bad(void *ctx, const struct rows *rows, const struct cell *cells)
{
	struct loader *l = ctx;
	int v = find_name(l->r->points, l->r->n_points, &cells[0]);

	(void)rows;
	if (v < 0)
		return 0;
	if (cells[3].type == CELL_INT && cells[3].i)
		take_bad_of(l, v, &cells[1], &cells[2], true);
	else if (!is_masked(&l->r->program->values[v]))
		take_bad_of(l, v, &cells[1], &cells[2], false);
	return 0;
}

/* The first value of every point that holds a NaN, and the first that holds an infinity. */
static int load_bad(struct loader *l)
{
	struct graph_record *r = l->r;
	struct text sql = { 0 };
	int ret;

	text_adds(&sql, "SELECT v.point_id, min(v.id), p.idx, v.n_nan > 0 FROM pass p "
			"CROSS JOIN value v ON v.pass_id = p.id "
			"WHERE v.n_nan + v.n_pinf + v.n_ninf > 0 AND ");
	add_condition(&sql, r);
	text_adds(&sql, " GROUP BY v.point_id, v.n_nan > 0");
	ret = ask(l, take_bad, sql.data);
	text_release(&sql);
	for (int v = 0; !ret && v < r->program->n_values; v++)
		if (r->bad[v].id && (r->first_bad < 0 || r->bad[v].id < r->bad[r->first_bad].id))
			r->first_bad = v;
	return ret;
}

/* ---- time ----------------------------------------------------------------------------------- */

static int take_span(void *ctx, const struct rows *rows, const struct cell *cells)
{
	struct loader *l = ctx;
	int m = find_name(l->r->modules, l->r->n_modules, &cells[0]);
	double ns = size_of(&cells[1]), bytes = size_of(&cells[2]);
	double sign = l->is_child ? -1 : 1;

	(void)rows;
	if (m < 0)
		return 0;
	if (!l->is_child)
		l->own[m].calls += (double)count_of(&cells[3]);
	l->own[m].ns += isnan(ns) ? 0 : sign * ns;
	l->own[m].bytes += isnan(bytes) ? 0 : sign * bytes;
	return 0;
}

#define SPAN_SUMS(s)                                                                               \
	"total(" s ".dur), total(" s ".bytes_w) + total(" s ".bytes_kv) + total(" s                \
	".bytes_act), count(*) "

/* What calls that ended took, and what their children took of that. */
static int ask_spans(struct loader *l)
{
	struct text all = { 0 }, children = { 0 };
	int ret;

	text_adds(&all, "SELECT s.module_id, " SPAN_SUMS(
				"s") "FROM pass p CROSS JOIN span s "
				     "ON s.pass_id = p.id WHERE s.dur IS NOT NULL AND ");
	text_adds(&children,
		  "SELECT s.module_id, " SPAN_SUMS("c") "FROM pass p "
							"CROSS JOIN span c ON c.pass_id = p.id "
							"CROSS JOIN span s ON s.id = c.parent_id "
							"WHERE s.dur IS NOT NULL AND ");
	add_condition(&all, l->r);
	add_condition(&children, l->r);
	text_adds(&all, " GROUP BY s.module_id");
	text_adds(&children, " GROUP BY s.module_id");
	ret = ask(l, take_span, all.data);
	l->is_child = true;
	if (!ret)
		ret = ask(l, take_span, children.data);
	text_release(&all);
	text_release(&children);
	return ret;
}

/* Share out what module m computed itself among its own ops. */
static void share_out(struct graph_record *r, int m, const struct own *own)
{
	const struct program *p = r->program;
	const struct module *module = &p->modules[m];
	const struct cost_passes passes = { r->pass < 0 ? r->passes : &r->passes[r->pass],
					    r->pass < 0 ? r->n_passes : 1 };
	double work = 0, moved = 0, ns = fmax(own->ns, 0), bytes = fmax(own->bytes, 0);
	int n = 0;

	for (int i = module->op_first; i < module->op_end; i++) {
		if (p->ops[i].module != m)
			continue;
		r->ops[i] = (struct record_op){ .ns = cost_work(p, i, &passes),
						.bytes = cost_bytes(p, i, &passes),
						.is_known = true };
		work += r->ops[i].ns;
		moved += r->ops[i].bytes;
		n++;
	}
	for (int i = module->op_first; i < module->op_end; i++) {
		if (p->ops[i].module != m)
			continue;
		r->ops[i].ns = ns * (work > 0 ? r->ops[i].ns / work : 1.0 / n);
		r->ops[i].bytes =
			bytes / own->calls * (moved > 0 ? r->ops[i].bytes / moved : 1.0 / n);
	}
}

static int load_time(struct loader *l)
{
	struct graph_record *r = l->r;
	const struct program *p = r->program;
	int ret;

	l->own = mem_calloc((size_t)p->n_modules + 1, sizeof(*l->own));
	ret = ask_spans(l);
	for (int m = 0; !ret && m < p->n_modules; m++)
		if (l->own[m].calls > 0)
			share_out(r, m, &l->own[m]);
	for (int i = 0; i < p->n_ops; i++)
		r->ns += r->ops[i].ns;
	free(l->own);
	return ret;
}

/* ---- where it ended ------------------------------------------------------------------------- */

/* Where the last pass broke off: behind the last op that has a value. */
static int find_end(struct graph_record *r, struct err *err)
{
	const struct program *p = r->program;
	struct record_value *values;
	int last = (int)r->n_passes - 1, ret;

	r->n_ran = p->n_ops;
	if (r->run.is_whole || r->passes[last].has_ended || (r->pass >= 0 && r->pass != last))
		return 0;
	values = mem_calloc((size_t)p->n_values + 1, sizeof(*values));
	ret = record_values(r, last, values, err);
	r->n_ran = 0;
	for (int v = 0; v < p->n_values; v++)
		if (values[v].id && p->values[v].op >= r->n_ran)
			r->n_ran = p->values[v].op + 1;
	free(values);
	if (!r->n_ran) /* of a pass that left nothing, the ones before are what there is */
		r->n_ran = p->n_ops;
	return ret;
}

/* ---- in and out ----------------------------------------------------------------------------- */

struct graph_record *graph_record_new(struct recording *rec, const struct program *p,
				      const struct graph_record_options *o, struct err *err)
{
	struct graph_record *r = mem_calloc(1, sizeof(*r));
	struct loader l = { .r = r, .err = err };

	*r = (struct graph_record){ .rec = rec,
				    .program = p,
				    .path = mem_strdup(o->path),
				    .run = *o->run,
				    .pass = o->pass,
				    .first_bad = -1 };
	r->values = mem_calloc((size_t)p->n_values + 1, sizeof(*r->values));
	r->bad = mem_calloc((size_t)p->n_values + 1, sizeof(*r->bad));
	r->ops = mem_calloc((size_t)p->n_ops + 1, sizeof(*r->ops));
	if (!load_points(&l) && !load_modules(&l) && !load_passes(&l) && !load_values(&l) &&
	    !load_bad(&l) && !load_time(&l) && !find_end(r, err))
		return r;
	graph_record_free(r);
	return NULL;
}

void graph_record_free(struct graph_record *r)
{
	if (!r)
		return;
	free(r->path);
	free(r->points);
	free(r->modules);
	free(r->passes);
	free(r->values);
	free(r->bad);
	free(r->ops);
	free(r);
}

int graph_record_ops(const struct graph_record *r)
{
	return r->n_ran;
}

int graph_record_bad_layer(const struct graph_record *r)
{
	return r->first_bad < 0 ? -1 : r->program->values[r->first_bad].layer;
}
