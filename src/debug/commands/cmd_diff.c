/*
 * cmd_diff.c -- this pass against the same pass of a reference: where do they part?
 *
 * Points are compared in the order in which they are computed, elements where the reference has
 * them and statistics where not.  The first that differs is where to look; what follows from it
 * differs too.
 */
#include "../debug_impl.h"

#include <float.h>
#include <math.h>

#define TOLERANCE 1e-5 /* of the squared error, as a share of the reference's square */
#define BEFORE    3
#define BEHIND    4

/* ---- what the reference has of the pass ------------------------------------------------------ */

struct ref_value {
	bool is_there, has_dump;
	int64_t numel;
	double l2, absmax, mean;
};

struct comparison {
	struct debugger *d;
	const char *path;
	double tolerance;
	struct ref_value *ref; /* [n_values] */
	int64_t pos0, T;       /* of the reference's pass; T 0: there is none */
	const int32_t *ids;    /* here */
	int64_t n_ids;
	int64_t differs_at; /* the first position whose token is another; -1: none */
	int32_t other;      /* the reference's token there */
	struct diff_row {
		value_id v;
		bool by_elements, is_whole, is_other;
		double nmse, max_abs;
		char note[40]; /* in place of the numbers */
	} * rows;
	int n_rows, n_elements, n_missing, first;
	struct err *err;
};

static double real_of(const struct cell *c)
{
	return c->type == CELL_REAL ? c->d : c->type == CELL_INT ? (double)c->i : NAN;
}

static int take_pass(void *ctx, const struct rows *rows, const struct cell *cells)
{
	struct comparison *c = ctx;

	(void)rows;
	if (cells[0].type == CELL_INT && cells[1].type == CELL_INT) {
		c->pos0 = cells[0].i;
		c->T = cells[1].i;
	}
	return 1;
}

static int take_token(void *ctx, const struct rows *rows, const struct cell *cells)
{
	struct comparison *c = ctx;
	int64_t pos = cells[0].type == CELL_INT ? cells[0].i : -1;

	(void)rows;
	if (pos < 0 || pos >= c->n_ids || c->differs_at >= 0)
		return 0;
	if (cells[1].type != CELL_INT || cells[1].i != c->ids[pos]) {
		c->differs_at = pos;
		c->other = cells[1].type == CELL_INT && cells[1].i >= 0 && cells[1].i <= INT32_MAX
				   ? (int32_t)cells[1].i
				   : -1;
	}
	return 0;
}

static int take_value(void *ctx, const struct rows *rows, const struct cell *cells)
{
	struct comparison *c = ctx;
	char name[256];
	value_id v;

	(void)rows;
	if (cells[0].type != CELL_TEXT || cells[0].s.len >= sizeof(name))
		return 0;
	memcpy(name, cells[0].s.data, cells[0].s.len);
	name[cells[0].s.len] = '\0';
	v = program_find(c->d->program, name);
	if (v >= 0)
		c->ref[v] = (struct ref_value){ true,
						cells[1].type == CELL_INT,
						cells[5].type == CELL_INT ? cells[5].i : -1,
						real_of(&cells[2]),
						real_of(&cells[3]),
						real_of(&cells[4]) };
	return 0;
}

static int ask(struct comparison *c, struct recording *rec,
	       int (*row)(void *ctx, const struct rows *rows, const struct cell *cells),
	       const char *sql)
{
	struct query q = { .row = row, .ctx = c, .interrupted = c->d->opt.interrupted };
	struct text text = { 0 };
	int r;

	text_addf(&text, sql, c->d->target->now.pass);
	r = recording_ask(rec, text.data, &q, c->err);
	text_release(&text);
	return r;
}

static int read_reference(struct comparison *c)
{
	struct recording *rec = reference_recording(c->d, c->path, c->err);
	int r;

	if (!rec)
		return c->err->code;
	r = ask(c, rec, take_pass,
		"SELECT pos0, n_tok FROM pass WHERE run_id = (SELECT max(id) FROM run) "
		"AND idx = %d");
	if (!r)
		r = ask(c, rec, take_token,
			"SELECT pos, token_id, %d FROM token WHERE run_id = (SELECT max(id) FROM "
			"run) ORDER BY pos");
	if (!r)
		r = ask(c, rec, take_value,
			"SELECT pt.fqn, v.tensor_id, v.l2, v.absmax, v.mean, v.numel FROM pass p "
			"JOIN value v ON v.pass_id = p.id JOIN point pt ON pt.id = v.point_id "
			"WHERE p.run_id = (SELECT max(id) FROM run) AND p.idx = %d");
	return r;
}

/* "' box' there, ' bag' here". */
static void add_tokens(const struct comparison *c, struct text *out)
{
	if (c->other >= 0)
		place_add_token(c->d, c->other, out);
	else
		text_adds(out, "no token");
	text_adds(out, " there, ");
	place_add_token(c->d, c->ids[c->differs_at], out);
	text_adds(out, " here");
}

/* The texts part before what this pass computes: it is said which pass picked the other token. */
static int refuse_text(const struct comparison *c)
{
	const struct target *t = c->d->target;
	struct text tokens = { 0 };
	struct pass_info info;
	int picked = -1;

	for (int i = 0; i < t->n_passes; i++)
		if (t->class->pass(t, i, &info) && info.pos0 + info.T == c->differs_at)
			picked = i;
	add_tokens(c, &tokens);
	if (picked >= 0)
		text_addf(&tokens, "; pass %d picked it: `goto %d.%d`", picked, picked,
			  t->program->n_ops);
	err_set(c->err, ERR_USAGE,
		"the text of %s is another: the tokens differ first at position %lld, %s", c->path,
		(long long)c->differs_at, tokens.data);
	text_release(&tokens);
	return c->err->code;
}

/* Numbers of other tokens, or of another part of the text, are other numbers. */
static int check_pass(const struct comparison *c)
{
	struct pass_info info;
	int pass = c->d->target->now.pass;

	if (!c->d->target->class->pass(c->d->target, pass, &info))
		return err_set(c->err, ERR_USAGE, "no pass has begun: there is nothing to compare");
	if (c->differs_at >= 0 && c->differs_at < info.pos0 + info.T)
		return refuse_text(c);
	if (!c->T)
		return err_set(c->err, ERR_USAGE, "%s has no pass %d", c->path, pass);
	if (info.pos0 != c->pos0 || info.T != c->T)
		return err_set(c->err, ERR_USAGE,
			       "pass %d of %s reads %lld %s from position %lld on, here %lld "
			       "from %lld on",
			       pass, c->path, (long long)c->T, plural(c->T, "token", "tokens"),
			       (long long)c->pos0, (long long)info.T, (long long)info.pos0);
	return 0;
}

/* ---- comparing ------------------------------------------------------------------------------- */

/* The part of this moment's value that the reference kept: its positions. */
static struct array *same_part(struct comparison *c, value_id v, const struct array *ref)
{
	struct array_source *source = &c->d->target->source;
	struct text name = { 0 }, sel = { 0 };
	struct err ignored = { 0 };
	struct array *a;
	const char *axis = ref->axes;

	for (int i = 0; i < ref->n_dims && *axis; i++) {
		size_t len = strcspn(axis, ",");
		long long first = ref->base[i], n = ref->shape[i];

		if (axis_counts_positions(ref->axes, i))
			text_addf(&sel, "%s%.*s=%lld:%lld", sel.len ? ", " : "", (int)len, axis,
				  first, first + n);
		axis += len + (axis[len] == ',');
	}
	text_adds(&name, c->d->program->values[v].name);
	if (sel.len)
		text_addf(&name, "[%s]", sel.data);
	a = source->read(source->ctx, name.data, &ignored);
	text_release(&name);
	text_release(&sel);
	return a;
}

static bool is_same_shape(const struct array *a, const struct array *b)
{
	bool same = a->n_dims == b->n_dims;

	for (int i = 0; same && i < a->n_dims; i++)
		same = a->shape[i] == b->shape[i];
	return same;
}

/* By elements: false when one of both does not have them. */
static bool compare_elements(struct comparison *c, struct diff_row *row)
{
	const char *name = c->d->program->values[row->v].name;
	struct err ignored = { 0 };
	struct array *ref = reference_tensor(c->d, c->path, name, c->d->target->now.pass, &ignored);
	struct array *here = ref ? same_part(c, row->v, ref) : NULL;
	struct pair_sums sums = { .max_at = -1 };
	bool can = here && is_same_shape(ref, here);

	if (can) {
		pair_add(&sums, ref->data, here->data, ref->numel, 0);
		row->by_elements = true;
		row->is_whole = ref->numel == c->ref[row->v].numel;
		row->nmse = pair_nmse(&sums);
		row->max_abs = sums.max_abs;
		row->is_other = !(row->nmse <= c->tolerance);
	} else if (here) {
		snprintf(row->note, sizeof(row->note), "another shape");
		row->is_other = true;
	}
	array_release(here);
	array_release(ref);
	return can || row->is_other;
}

static bool stats_here(struct comparison *c, value_id v, struct stats *s)
{
	const struct target *t = c->d->target;
	struct err ignored = { 0 };
	struct array *a;

	if (t->class->stats && t->class->stats(t, v, s))
		return true;
	a = t->source.read(t->source.ctx, c->d->program->values[v].name, &ignored);
	if (!a)
		return false;
	*s = stats_of(a->data, a->numel);
	array_release(a);
	return true;
}

/* How far apart two numbers are, as a share of the scale they lie on. */
static double apart(double a, double b, double scale)
{
	if (a == b || (isnan(a) && isnan(b)))
		return 0;
	return fabs(a - b) / fmax(fabs(scale), DBL_MIN);
}

static bool compare_stats(struct comparison *c, struct diff_row *row)
{
	const struct ref_value *ref = &c->ref[row->v];
	struct stats s;
	double most;

	if (!stats_here(c, row->v, &s))
		return false;
	most = fmax(apart(ref->l2, s.l2, ref->l2), fmax(apart(ref->absmax, s.absmax, ref->absmax),
							apart(ref->mean, s.mean, ref->absmax)));
	row->nmse = most * most;
	row->max_abs = NAN;
	row->is_other = !(row->nmse <= c->tolerance);
	return true;
}

/* By elements where the reference has all of them, else by its statistics too. */
static bool compare_value(struct comparison *c, struct diff_row *row)
{
	const struct ref_value *ref = &c->ref[row->v];
	struct diff_row by_stats = { .v = row->v };
	bool has_elements;

	if (!ref->is_there)
		return false;
	has_elements = ref->has_dump && compare_elements(c, row);
	if (has_elements && (row->is_other || row->is_whole))
		return true;
	if (!compare_stats(c, &by_stats))
		return has_elements;
	if (!has_elements || by_stats.is_other)
		*row = by_stats;
	return true;
}

static int compare_all(struct comparison *c)
{
	const struct program *p = c->d->program;
	int now = c->d->target->now.op;

	c->first = -1;
	for (int op = 0; op < now && op < p->n_ops; op++) {
		if (c->d->opt.interrupted && *c->d->opt.interrupted)
			return err_set(c->err, ERR_INTERRUPTED, "interrupted");
		for (int i = 0; i < p->ops[op].n_out; i++) {
			value_id v = p->ops[op].out[i];
			struct diff_row *row = &c->rows[c->n_rows];

			if (!p->values[v].point)
				continue;
			*row = (struct diff_row){ .v = v };
			if (!compare_value(c, row)) {
				c->n_missing++;
				continue;
			}
			c->n_elements += row->by_elements;
			if (row->is_other && c->first < 0)
				c->first = c->n_rows;
			c->n_rows++;
		}
	}
	return 0;
}

/* ---- saying ---------------------------------------------------------------------------------- */

static void add_row(struct ui_table *t, const struct comparison *c, int i)
{
	const struct diff_row *row = &c->rows[i];
	const char *name = c->d->program->values[row->v].name;
	char a[32], b[32];

	ui_table_cellf(t, "%s", i == c->first ? "-->" : "");
	ui_table_cell(t, name, strlen(name));
	ui_table_cellf(t, "%s", *row->note ? row->note : ui_format_number(row->nmse, a, sizeof(a)));
	ui_table_cellf(t, "%s",
		       isnan(row->max_abs) && !row->by_elements
			       ? ""
			       : ui_format_number(row->max_abs, b, sizeof(b)));
	ui_table_cellf(t, "%s", row->by_elements ? "elements" : "statistics");
}

static void say_rows(struct comparison *c)
{
	struct ui_table t = { 0 };
	int first = c->first > BEFORE ? c->first - BEFORE : 0;

	ui_table_init(&t, ",point,>nmse,>max abs,by");
	for (int i = first; i < c->n_rows && i <= c->first + BEHIND; i++)
		add_row(&t, c, i);
	say_table(c->d, &t);
	ui_table_release(&t);
	if (c->first + BEHIND + 1 < c->n_rows)
		say(c->d, "… %d more of this pass\n", c->n_rows - c->first - BEHIND - 1);
}

/* The token behind this pass is another: it need not be the fault of a point. */
static void say_picked(struct comparison *c)
{
	struct text tokens = { 0 };

	if (c->differs_at != c->pos0 + c->T)
		return;
	add_tokens(c, &tokens);
	say(c->d, "The token that this pass picks is another: %s.\n", tokens.data);
	text_release(&tokens);
}

static void say_result(struct comparison *c)
{
	char tolerance[32];

	say_picked(c);
	ui_format_number(c->tolerance, tolerance, sizeof(tolerance));
	if (c->first >= 0) {
		const struct value *v = &c->d->program->values[c->rows[c->first].v];

		say(c->d, "%s is the first that differs, op %d; %d before it agree.\n", v->name,
		    v->op, c->first);
		say_rows(c);
		return;
	}
	say(c->d, "All %d points of pass %d so far agree within nmse %s, %d by their elements.\n",
	    c->n_rows, c->d->target->now.pass, tolerance, c->n_elements);
	if (c->n_missing)
		say(c->d, "%d %s not in %s.\n", c->n_missing, plural(c->n_missing, "is", "are"),
		    c->path);
}

/* ---- the command ----------------------------------------------------------------------------- */

int diff_reference(struct debugger *d, const char *path, double tolerance, struct err *err)
{
	struct comparison c = { .d = d,
				.path = path,
				.tolerance = tolerance > 0 ? tolerance : TOLERANCE,
				.differs_at = -1,
				.err = err };
	size_t n = (size_t)d->program->n_values + 1;
	int64_t n_prompt;
	int r;

	if (d->target->now.pass < 0)
		return err_set(err, ERR_USAGE, "no pass has begun: there is nothing to compare");
	c.n_ids = d->target->class->tokens(d->target, &c.ids, &n_prompt);
	c.ref = mem_calloc(n, sizeof(*c.ref));
	c.rows = mem_calloc(n, sizeof(*c.rows));
	r = read_reference(&c);
	if (!r)
		r = check_pass(&c);
	if (!r)
		r = compare_all(&c);
	if (!r)
		say_result(&c);
	free(c.ref);
	free(c.rows);
	return r;
}

int diff_recording(struct debugger *d, const char *args, struct err *err)
{
	char *path, *end;
	size_t len;
	double tolerance = 0;
	int r = 0;

	if (strncmp(args, "-t ", 3) != 0)
		return err_set(err, ERR_USAGE, "diff takes -t FILE, a recording to compare with");
	args += 3 + strspn(args + 3, " \t");
	len = strcspn(args, " \t");
	path = mem_memdup(args, len);
	args += len + strspn(args + len, " \t");
	if (*args) {
		tolerance = strtod(args, &end);
		if (*end || !(tolerance > 0))
			r = err_set(err, ERR_USAGE, "'%.40s' is no tolerance: a number above 0",
				    args);
	}
	if (!r)
		r = diff_reference(d, path, tolerance, err);
	free(path);
	return r;
}
