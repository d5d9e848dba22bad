/*
 * compare.c -- two runs of one program, value by value and pass by pass.
 *
 * A hash of all elements is stored with every value, so that "equal" needs no dump.  How far apart
 * two values are is told by what both dumped, held to the tolerance between two
 * implementations in f32; and, as dumps may be of some positions only, by the statistics of all
 * elements: whichever finds more.  One pass of both is in memory at a time.
 */
#include "measure_impl.h"

#include "torchless/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_UNREAD   64     /* dumps; then a recording is not asked for more of them */
#define MAX_RELATIVE 1.5e-5 /* of l2, absmax and mean: floors reach 2e-6, bugs begin at 1.2e-4 */

struct comparing {
	struct graph_comparison *c;
	const struct graph_record *a, *b;
	struct recording_tensors *tensors_a, *tensors_b;
	struct record_value *values_a, *values_b; /* [n_values], of this pass */
	int pass;
	int n_unread; /* dumps that could not be read */
	struct err *err;
};

/* ---- one value ------------------------------------------------------------------------------ */

static void judge(struct comparing *x, value_id v, enum graph_verdict verdict, struct text *why)
{
	struct graph_comparison *c = x->c;
	struct judged *j = &c->values[v];

	if (verdict < j->verdict || (verdict == j->verdict && (verdict || j->why))) {
		text_release(why);
		return;
	}
	free(j->why);
	*j = (struct judged){ verdict, x->pass, why->data };
	if (verdict == GRAPH_DIFFERS && c->first < 0)
		c->first = v;
}

static void add_dims(struct text *t, const struct record_value *v)
{
	for (int i = 0; i < TENSOR_MAX_DIMS && v->dims[i] >= 0; i++)
		text_addf(t, "%s%lld", i ? "," : "", (long long)v->dims[i]);
}

static double relative(double a, double b, double scale)
{
	double d = fabs(a - b);

	return d > 0 ? d / scale : 0;
}

/* "l2 28.37 and 24.15": with as many digits as tell them apart. */
static void add_two(struct text *t, const char *name, double a, double b)
{
	char x[32], y[32];

	for (int digits = 4; digits <= 17; digits++) {
		snprintf(x, sizeof(x), "%.*g", digits, printed(a));
		snprintf(y, sizeof(y), "%.*g", digits, printed(b));
		if (strcmp(x, y) != 0 || a == b)
			break;
	}
	text_addf(t, "%s%s %s and %s", t->len ? "\n" : "", name, x, y);
}

/* By the statistics of all elements.  Numbers that are not there tell nothing. */
static enum graph_verdict by_statistics(const struct record_value *a, const struct record_value *b,
					struct text *why)
{
	double rms = a->l2 / sqrt((double)a->numel), l2, absmax, mean, worst;

	if (a->n_nan != b->n_nan || a->n_inf != b->n_inf) {
		text_addf(why, "%lld NaN, %lld infinities\nand %lld, %lld", (long long)a->n_nan,
			  (long long)a->n_inf, (long long)b->n_nan, (long long)b->n_inf);
		return GRAPH_DIFFERS;
	}
	l2 = relative(a->l2, b->l2, fmax(a->l2, b->l2));
	absmax = relative(a->absmax, b->absmax, fmax(a->absmax, b->absmax));
	mean = relative(a->mean, b->mean, rms);
	worst = fmax(fmax(l2, absmax), mean);
	if (a->n_nan && isnan(a->l2) && isnan(b->l2)) {
		text_addf(why, "both hold %lld NaN", (long long)a->n_nan);
		return GRAPH_UNCOMPARED;
	}
	if (isnan(a->l2) || isnan(b->l2)) {
		text_adds(why, "the hashes differ, and no statistics say how far");
		return a->has_hash && b->has_hash ? GRAPH_DIFFERS : GRAPH_UNCOMPARED;
	}
	if (l2 >= worst)
		add_two(why, "l2", a->l2, b->l2);
	else if (absmax >= worst)
		add_two(why, "absmax", a->absmax, b->absmax);
	else
		add_two(why, "mean", a->mean, b->mean);
	return worst > MAX_RELATIVE ? GRAPH_DIFFERS : GRAPH_CLOSE;
}

/* What is wrong with a dump is one that tells nothing; what is wrong around it ends it all. */
static int read_dump(const struct comparing *x, const struct graph_record *r,
		     struct recording_tensors *tensors, value_id v, struct array **dump)
{
	struct array_source source = recording_tensors_source(tensors);
	struct text name = { 0 };
	struct err why = { 0 };

	text_addf(&name, "%s[run=%lld, pass=%d]", r->program->values[v].name, (long long)r->run.id,
		  x->pass);
	*dump = source.read(source.ctx, name.data, &why);
	text_release(&name);
	if (*dump || why.code == ERR_USAGE || why.code == ERR_FORMAT || why.code == ERR_SHAPE)
		return 0;
	*x->err = why;
	return why.code;
}

static bool is_same_part(const struct array *x, const struct array *y)
{
	size_t n = (size_t)x->n_dims;

	return x->n_dims == y->n_dims && !memcmp(x->shape, y->shape, sizeof(*x->shape) * n) &&
	       !memcmp(x->base, y->base, sizeof(*x->base) * n);
}

/* By what both dumped; a dump that is damaged, or of other positions, tells nothing. */
static int by_dumps(struct comparing *x, value_id v, double absmax, enum graph_verdict *verdict,
		    struct text *why)
{
	struct array *a = NULL, *b = NULL;
	struct pair_sums s = { .max_at = -1 };
	int r = read_dump(x, x->a, x->tensors_a, v, &a);
	double nmse;

	if (!r && a)
		r = read_dump(x, x->b, x->tensors_b, v, &b);
	x->n_unread += !a || !b;
	if (b && is_same_part(a, b))
		pair_add(&s, a->data, b->data, a->numel, 0);
	if (s.n > 0 && !s.has_nan) {
		char at[96];

		nmse = pair_nmse(&s);
		*verdict =
			nmse <= tolerances[TOLERANCE_NMSE] &&
					s.max_abs <=
						tolerances[TOLERANCE_MAX_ABS] *
							fmax(1,
							     absmax / tolerances[TOLERANCE_ABSMAX])
				? GRAPH_CLOSE
				: GRAPH_DIFFERS;
		text_addf(why, "nmse %.3g, max %.3g", printed(nmse), printed(s.max_abs));
		if (s.max_at >= 0)
			text_addf(why, "\nat [%s]", array_index(a, s.max_at, at, sizeof(at)));
	}
	array_release(a);
	array_release(b);
	return r;
}

static int compare_numbers(struct comparing *x, value_id v)
{
	const struct record_value *a = &x->values_a[v], *b = &x->values_b[v];
	struct text dumps = { 0 }, statistics = { 0 };
	enum graph_verdict by_dump = GRAPH_UNCOMPARED, by_all = by_statistics(a, b, &statistics);
	int r = 0;

	if (a->has_dump && b->has_dump && x->n_unread < MAX_UNREAD)
		r = by_dumps(x, v, isnan(a->absmax) ? 0 : a->absmax, &by_dump, &dumps);
	if (by_dump >= by_all) {
		judge(x, v, by_dump, &dumps);
		text_release(&statistics);
	} else {
		judge(x, v, by_all, &statistics);
		text_release(&dumps);
	}
	return r;
}

static int compare_value(struct comparing *x, value_id v)
{
	const struct record_value *a = &x->values_a[v], *b = &x->values_b[v];
	struct text why = { 0 };

	if ((!a->id && !b->id) || x->c->values[v].verdict == GRAPH_DIFFERS)
		return 0;
	if (!a->id || !b->id) {
		text_addf(&why, "only the %s run has it", a->id ? "first" : "second");
		judge(x, v, GRAPH_UNCOMPARED, &why);
	} else if (memcmp(a->dims, b->dims, sizeof(a->dims)) != 0) {
		add_dims(&why, a);
		text_adds(&why, " and ");
		add_dims(&why, b);
		judge(x, v, GRAPH_DIFFERS, &why);
	} else if (a->has_hash && b->has_hash && a->hash == b->hash) {
		judge(x, v, GRAPH_EQUAL, &why);
	} else {
		return compare_numbers(x, v);
	}
	return 0;
}

/* ---- tokens --------------------------------------------------------------------------------- */

struct tokens {
	int32_t *ids;
	size_t n, cap;
};

static int take_token(void *ctx, const struct rows *rows, const struct cell *cells)
{
	struct tokens *t = ctx;

	(void)rows;
	t->ids = mem_grow(t->ids, t->n, &t->cap, sizeof(*t->ids));
	t->ids[t->n++] = cells[0].type == CELL_INT && cells[0].i >= 0 && cells[0].i <= INT32_MAX
				 ? (int32_t)cells[0].i
				 : -1;
	return 0;
}

/* What the passes read. */
static int read_tokens(const struct graph_record *r, size_t n_passes, struct tokens *t,
		       struct err *err)
{
	struct query q = { .row = take_token, .ctx = t };
	struct text sql = { 0 };
	int64_t n = r->passes[n_passes - 1].pos0 + r->passes[n_passes - 1].T;
	int ret;

	text_addf(&sql,
		  "SELECT token_id FROM token WHERE run_id = %lld AND pos < %lld ORDER BY pos",
		  (long long)r->run.id, (long long)n);
	ret = recording_ask(r->rec, sql.data, &q, err);
	text_release(&sql);
	return ret;
}

/* The ids that went in are a value, too: what everything else comes from. */
static int compare_tokens(struct comparing *x)
{
	struct tokens a = { 0 }, b = { 0 };
	struct text why = { 0 };
	value_id ids = x->a->program->ids;
	size_t n = x->c->n_passes, i = 0;
	int ret = read_tokens(x->a, n, &a, x->err);

	if (!ret)
		ret = read_tokens(x->b, n, &b, x->err);
	while (!ret && i < a.n && i < b.n && a.ids[i] == b.ids[i])
		i++;
	if (ret || !a.n || !b.n) {
		free(a.ids);
		free(b.ids);
		return ret;
	}
	if (i < a.n && i < b.n)
		text_addf(&why, "token %zu: %d and %d", i, (int)a.ids[i], (int)b.ids[i]);
	else if (a.n != b.n)
		text_addf(&why, "%zu and %zu %s", a.n, b.n,
			  plural((int64_t)b.n, "token", "tokens"));
	x->c->values[ids].verdict = why.len ? GRAPH_DIFFERS : GRAPH_EQUAL;
	x->c->values[ids].why = why.data;
	free(a.ids);
	free(b.ids);
	return 0;
}

/* ---- all ------------------------------------------------------------------------------------ */

static int compare_pass(struct comparing *x)
{
	const struct program *p = x->c->program;

	if (record_values(x->a, x->pass, x->values_a, x->err) ||
	    record_values(x->b, x->pass, x->values_b, x->err))
		return x->err->code;
	for (int op = 0; op < p->n_ops; op++)
		for (int i = 0; i < p->ops[op].n_out; i++)
			if (compare_value(x, p->ops[op].out[i]))
				return x->err->code;
	return 0;
}

static int compare_passes(struct comparing *x)
{
	int from = x->a->pass < 0 ? 0 : x->a->pass;
	size_t both = x->a->n_passes < x->b->n_passes ? x->a->n_passes : x->b->n_passes;
	int until = x->a->pass < 0 ? (int)both : x->a->pass + 1;

	x->c->n_passes = (size_t)until;
	if (compare_tokens(x))
		return x->err->code;
	for (x->pass = from; x->pass < until; x->pass++)
		if (compare_pass(x))
			return x->err->code;
	return 0;
}

struct graph_comparison *graph_comparison_new(const struct graph_record *a,
					      const struct graph_record *b, struct err *err)
{
	const struct inspect_options o = { .model = NULL };
	struct graph_comparison *c = mem_calloc(1, sizeof(*c));
	struct comparing x = { .c = c, .a = a, .b = b, .err = err };
	size_t n = (size_t)a->program->n_values + 1;
	int ret;

	*c = (struct graph_comparison){ .program = a->program,
					.values = mem_calloc(n, sizeof(*c->values)),
					.first = -1 };
	x.values_a = mem_calloc(n, sizeof(*x.values_a));
	x.values_b = mem_calloc(n, sizeof(*x.values_b));
	x.tensors_a = recording_tensors_new(a->rec, &o);
	x.tensors_b = recording_tensors_new(b->rec, &o);
	ret = compare_passes(&x);
	recording_tensors_free(x.tensors_a);
	recording_tensors_free(x.tensors_b);
	free(x.values_a);
	free(x.values_b);
	if (!ret)
		return c;
	graph_comparison_free(c);
	return NULL;
}

void graph_comparison_free(struct graph_comparison *c)
{
	for (int v = 0; c && v < c->program->n_values; v++)
		free(c->values[v].why);
	if (c)
		free(c->values);
	free(c);
}

int graph_comparison_layer(const struct graph_comparison *c)
{
	return c->first < 0 ? -1 : c->program->values[c->first].layer;
}
