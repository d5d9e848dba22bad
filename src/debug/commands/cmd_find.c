/*
 * cmd_find.c -- where a value comes from: the op that wrote it (last), and what that read (origin).
 *
 * Of numbers the larger term of a sum is followed, of a NaN whichever input has one.
 */
#include "../look/look.h"

#include <math.h>

/* ---- what is meant -------------------------------------------------------------------------- */

/*
 * A value and the part of it: "L3.resid_post[pos=5]"; the brackets of "in[0]" are a name's. Without
 * a text it is what ran last.
 */
struct meant {
	value_id value;
	struct text part; /* "[pos=5]", "" */
};

static int resolve(struct debugger *d, const char *text, struct meant *m, struct err *err)
{
	struct text name = { 0 };
	struct err second;
	char *bracket;
	int ret;

	text_adds(&m->part, "");
	if (!*text) {
		m->value = name_output(d);
		return m->value >= 0 ? 0
				     : err_set(err, ERR_USAGE,
					       "no op of this pass has run yet: name a value");
	}
	ret = name_resolve(d, text, &m->value, err);
	if (!ret || text[strlen(text) - 1] != ']')
		return ret;
	text_adds(&name, text);
	bracket = strrchr(name.data, '[');
	if (bracket && bracket > name.data) {
		text_adds(&m->part, bracket);
		*bracket = '\0';
		if (!name_resolve(d, name.data, &m->value, &second))
			ret = 0;
	}
	text_release(&name);
	return ret;
}

/* ---- last ----------------------------------------------------------------------------------- */

static int refuse_unwritten(const struct value *v, struct err *err)
{
	if (v->storage == STORAGE_WEIGHT)
		return err_set(err, ERR_USAGE, "%s is a weight: no op writes it", v->name);
	return err_set(err, ERR_USAGE, "%s is an input: no op writes it", v->name);
}

/* An edit changed the value behind its op. */
static void say_edit(struct debugger *d, value_id v)
{
	const struct edit *e;

	if (!target_is_live(d->target))
		return;
	e = executor_edit_in_force(&live_recorder(d->target)->generation.session.executor, v);
	if (e)
		say(d, "Edit %d (%s) changes what this op makes.\n", e->id,
		    edit_kind_names[e->kind]);
}

static int go_to_writer(struct debugger *d, value_id v, struct err *err)
{
	const struct value *value = &d->program->values[v];
	struct moment to = { d->target->now.pass, value->op, 0, 0 };
	struct pass_info info;

	if (value->op < 0)
		return refuse_unwritten(value, err);
	if (look_pass(d, &info, err))
		return err->code;
	if (value->op >= d->target->now.op && --to.pass < 0)
		return err_set(err, ERR_USAGE, "%s is not computed yet: op %d will write it",
			       value->name, value->op);
	to.depth = op_depth_max(d->program, to.op);
	say_edit(d, v);
	return travel_to(d, &to, err);
}

int cmd_last(struct debugger *d, const char *args, struct err *err)
{
	struct meant m = { 0 };
	int ret = resolve(d, args, &m, err);

	text_release(&m.part);
	return ret ? ret : go_to_writer(d, m.value, err);
}

/* ---- origin --------------------------------------------------------------------------------- */

/* So many ops are shown; then one is told how to go on. */
#define MAX_STEPS 24

struct origin {
	struct debugger *d;
	value_id value;
	struct text part; /* of the value, as far as it can be followed */
	bool is_bad;      /* not all of it is finite: what is not is followed */
};

struct term {
	double norm, share, cosine;
};

static double dot(const struct array *a, const struct array *b)
{
	double sum = 0;

	for (int64_t i = 0; i < a->numel; i++)
		sum += (double)a->data[i] * (double)b->data[i];
	return sum;
}

/* What a term of a sum is of it: shares are projections, which add up to 1. */
static int measure_term(struct origin *o, value_id v, const struct array *sum, struct term *t,
			struct err *err)
{
	struct array *a = look_read(o->d, v, o->part.data, err);
	double all = dot(sum, sum), along;

	*t = (struct term){ NAN, NAN, NAN };
	if (!a)
		return err->code;
	if (a->numel == sum->numel) {
		along = dot(a, sum);
		t->norm = sqrt(dot(a, a));
		t->share = along / all;
		t->cosine = along / (t->norm * sqrt(all));
	}
	array_release(a);
	return 0;
}

static void add_term(struct origin *o, value_id v, const struct term *t, bool followed,
		     struct text *out)
{
	char name[192], norm[32], share[16], cosine[32];

	text_adds(out, "         ");
	look_add_column(o->d, point_short_name(&o->d->program->values[v], name, sizeof(name)), 24,
			out);
	snprintf(share, sizeof(share), "%.1f%%", 100 * t->share);
	text_addf(out, "  norm %-9s share %7s  cos %-7s%s\n",
		  ui_format_number(t->norm, norm, sizeof(norm)), isnan(t->share) ? "NaN" : share,
		  isnan(t->cosine) ? "NaN"
				   : (snprintf(cosine, sizeof(cosine), "%.3f", t->cosine), cosine),
		  followed ? look_sign(o->d, " ←", " <-") : "");
}

/* A sum: its terms by what they are of it; the larger one is followed. */
static int say_sum(struct origin *o, const struct op *op, struct text *out, struct err *err)
{
	struct array *sum = look_read(o->d, o->value, o->part.data, err);
	struct term a, b;
	bool second;
	int ret;

	if (!sum)
		return err->code;
	ret = measure_term(o, op->in[0], sum, &a, err);
	if (!ret)
		ret = measure_term(o, op->in[1], sum, &b, err);
	array_release(sum);
	if (ret)
		return ret;
	second = fabs(b.share) > fabs(a.share) || (isnan(b.norm) && !isnan(a.norm));
	add_term(o, op->in[0], &a, !second, out);
	add_term(o, op->in[1], &b, second, out);
	o->value = op->in[second];
	return 0;
}

/* Which input is followed through an op of several: of a mix the values, not how they are mixed. */
static value_id followed(const struct op *op)
{
	return op->in[op->code == OP_MIX];
}

/*
 * The part stays whole through ops that keep their elements, its position through those that keep
 * rows; attention mixes positions.
 */
static void follow_part(struct origin *o, const struct op *op)
{
	const char *axes = value_axes(&o->d->program->values[o->value]);
	struct selection sel;
	struct text kept = { 0 };
	struct err ignored;

	if (op->code == OP_ADD || op->code == OP_MUL || op->code == OP_SILU || op->code == OP_TAIL)
		return;
	text_adds(&kept, "");
	if (op->code != OP_MIX && op->code != OP_APPEND && o->part.len &&
	    !selection_parse(&sel, o->part.data, axes, &ignored) &&
	    axis_counts_positions(axes, 0) && !sel.axis[0].whole) {
		if (sel.axis[0].single)
			text_addf(&kept, "[%lld]", (long long)sel.axis[0].start);
		else
			text_addf(&kept, "[%lld:%lld]", (long long)sel.axis[0].start,
				  (long long)sel.axis[0].stop);
	}
	text_release(&o->part);
	o->part = kept;
}

static void add_step(struct origin *o, const struct op *op, struct text *out)
{
	const struct program *p = o->d->program;
	struct text line = { 0 };
	char name[192], at[48];
	struct moment m = { o->d->target->now.pass, p->values[o->value].op, 0, 0 };
	int others = 0;

	text_addf(&line, "%-8s ", moment_format(&m, at, sizeof(at)));
	text_addf(&line, "%s%s = %s", point_short_name(&p->values[o->value], name, sizeof(name)),
		  o->part.data, op_table[op->code].name);
	for (int k = 0; k < op->n_in && op->code != OP_ADD; k++) {
		const struct value *in = &p->values[op->in[k]];

		text_addf(&line, "%s%s", others++ ? ", " : " of ",
			  point_short_name(in, name, sizeof(name)));
	}
	ui_add_clipped(out, o->d->opt.ui, line.data, line.len, look_width(o->d));
	text_addc(out, '\n');
	text_release(&line);
}

/* ---- origin of what is not finite -------------------------------------------------------------
 */

struct badness {
	int64_t n_nan, n_inf, numel, at; /* the first that is bad, counted in C order */
	bool is_known;
};

/* What of the value is not finite; of the positions of its own, where it has the part's. */
static struct badness badness_of(const struct origin *o, value_id v, const char *part)
{
	struct badness b = { .at = -1 };
	struct err ignored = { 0 };
	struct array *a = look_read(o->d, v, part, &ignored);

	for (int64_t i = 0; a && i < a->numel; i++) {
		bool bad = !isfinite(a->data[i]);

		b.n_nan += isnan(a->data[i]) != 0;
		b.n_inf += bad && !isnan(a->data[i]);
		b.at = bad && b.at < 0 ? i : b.at;
	}
	b.is_known = a != NULL;
	b.numel = a ? a->numel : 0;
	array_release(a);
	return b;
}

/* "[17,40]" of an element counted in C order; nothing where the shape depends on the pass. */
static void add_index(const struct value *v, int64_t at, struct text *out)
{
	int64_t index[TENSOR_MAX_DIMS];

	for (int i = v->t.n_dims - 1; i >= 0; i--) {
		if (v->t.shape[i] <= 0 && i > 0)
			return;
		index[i] = i > 0 ? at % v->t.shape[i] : at;
		at = i > 0 ? at / v->t.shape[i] : 0;
	}
	for (int i = 0; i < v->t.n_dims; i++)
		text_addf(out, "%s%lld", i ? "," : "[", (long long)index[i]);
	text_addc(out, ']');
}

static void add_badness(const struct origin *o, value_id v, const struct badness *b, bool followed,
			struct text *out)
{
	const struct value *value = &o->d->program->values[v];
	char name[192];

	text_adds(out, "         ");
	look_add_column(o->d, point_short_name(value, name, sizeof(name)), 24, out);
	if (!b->is_known)
		text_adds(out, "  not kept");
	else if (!b->n_nan && !b->n_inf)
		text_adds(out, "  all finite");
	else
		text_addf(out, "  %lld of %lld are %s, the first at ",
			  (long long)(b->n_nan ? b->n_nan : b->n_inf), (long long)b->numel,
			  b->n_nan ? "NaN" : "infinite");
	if (b->n_nan || b->n_inf)
		add_index(value, b->at, out);
	text_addf(out, "%s\n", followed ? look_sign(o->d, "  ←", "  <-") : "");
}

/* Through views to what holds the elements. */
static value_id behind_views(const struct program *p, value_id v)
{
	while (p->values[v].op >= 0 &&
	       op_table[p->ops[p->values[v].op].code].storage == STORAGE_VIEW)
		v = p->ops[p->values[v].op].in[0];
	return v;
}

/* On to the input that has a NaN, or else an infinity; where none has, it began here: 1. */
static int follow_bad(struct origin *o, const struct op *op, struct text *out)
{
	const struct program *p = o->d->program;
	struct badness in[OP_MAX_INPUTS];
	int next = -1;

	for (int k = 0; k < op->n_in; k++) {
		in[k] = badness_of(o, op->in[k], "");
		if (in[k].n_nan ? next < 0 || !in[next].n_nan : in[k].n_inf && next < 0)
			next = k;
	}
	for (int k = 0; k < op->n_in; k++)
		add_badness(o, op->in[k], &in[k], k == next, out);
	if (next < 0) {
		text_addf(out, "It began in op %d: what it reads is finite.\n",
			  p->values[o->value].op);
		return 1;
	}
	o->value = behind_views(p, op->in[next]);
	if (p->values[o->value].op < 0) {
		text_addf(out, "It began in %s %s.\n",
			  p->values[o->value].storage == STORAGE_WEIGHT ? "the weight"
									: "the input",
			  p->values[o->value].name);
		return 1;
	}
	text_clear(&o->part);
	return 0;
}

/* ---- origin, op by op -------------------------------------------------------------------------
 */

/* One op back; 1: there is nothing before it. */
static int step_back(struct origin *o, struct text *out, struct err *err)
{
	const struct program *p = o->d->program;
	const struct op *op;

	if (p->values[o->value].op < 0)
		return 1;
	op = &p->ops[p->values[o->value].op];
	if (op_table[op->code].storage == STORAGE_VIEW) {
		o->value = op->in[0];
		return 0;
	}
	if (!look_is_computed(o->d, o->value))
		return err_set(err, ERR_USAGE, "%s is not computed yet: op %d will write it",
			       p->values[o->value].name, p->values[o->value].op);
	add_step(o, op, out);
	if (o->is_bad)
		return follow_bad(o, op, out);
	if (op->code == OP_ADD)
		return say_sum(o, op, out, err);
	if (op->code == OP_EMBEDDING || op->code == OP_ROTARY)
		return 1;
	follow_part(o, op);
	o->value = followed(op);
	return 0;
}

static int walk_back(struct origin *o, struct err *err)
{
	struct text out = { 0 };
	char name[192];
	int ret = 0, steps = 0;

	for (; ret == 0 && steps < MAX_STEPS; steps++) {
		ret = look_interrupted(o->d, err);
		if (!ret)
			ret = step_back(o, &out, err);
	}
	if (ret == 0)
		text_addf(&out, "%s it goes on: `origin %s%s`\n", look_sign(o->d, "…", "..."),
			  point_short_name(&o->d->program->values[o->value], name, sizeof(name)),
			  o->part.data);
	if (ret >= 0)
		look_say(o->d, &out);
	text_release(&out);
	return ret < 0 ? ret : 0;
}

int cmd_origin(struct debugger *d, const char *args, struct err *err)
{
	struct origin o = { .d = d };
	struct meant m = { 0 };
	struct array *a = NULL;
	int ret = resolve(d, args, &m, err);

	if (!ret) {
		a = look_read(d, m.value, m.part.data, err);
		ret = a ? 0 : err->code;
		for (int64_t i = 0; a && !o.is_bad && i < a->numel; i++)
			o.is_bad = isnan(a->data[i]);
	}
	array_release(a);
	if (!ret && d->program->values[m.value].op < 0)
		ret = refuse_unwritten(&d->program->values[m.value], err);
	o.value = m.value;
	o.part = m.part;
	if (!ret)
		ret = walk_back(&o, err);
	text_release(&o.part);
	return ret;
}
