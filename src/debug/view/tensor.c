/*
 * tensor.c -- a tensor as a picture of so many lines, and what is likeliest next.
 */
#include "view.h"

#include "torchless/numbers.h"

#include <math.h>

/* ---- which tensor ------------------------------------------------------------------------- */

static value_id chosen(const struct debugger_view *v, int row)
{
	value_id out = row >= 0 && row < v->n_rows ? view_output(v, row) : -1;

	return row < 0 ? name_output(v->d) : out;
}

/* The axis of which one index is shown: the heads, wherever they stand, else the first. */
static int block_axis(const struct array *a)
{
	const char *name = a->axes;

	for (int i = 0; i < a->n_dims && *name; i++) {
		size_t n = strcspn(name, ",");

		if ((n == 4 && !strncmp(name, "head", n)) ||
		    (n == 7 && !strncmp(name, "kv_head", n)))
			return i;
		name += n + (name[n] == ',');
	}
	return 0;
}

/* One of several matrices, whose selection becomes part of the name: "[:,2]". */
static struct array *take_block(struct array *a, const struct debugger_look *look,
				struct debugger_seen *seen, struct err *err)
{
	int axis = block_axis(a);
	struct text sel = { 0 };
	struct array *part;
	int64_t index;

	seen->n_blocks = 1;
	if (a->n_dims < 3 || a->shape[axis] < 1)
		return array_ref(a);
	seen->n_blocks = a->shape[axis];
	seen->block = (look->block % seen->n_blocks + seen->n_blocks) % seen->n_blocks;
	text_addc(&sel, '[');
	for (int i = 0; i < axis; i++)
		text_adds(&sel, ":,");
	index = seen->block + a->base[axis];
	text_addf(&sel, "%lld]", (long long)index);
	text_adds(&seen->name, sel.data);
	part = array_select(a, sel.data, err);
	text_release(&sel);
	return part;
}

/* ---- the picture -------------------------------------------------------------------------- */

static bool is_causal(const struct array *a)
{
	return a->n_dims == 2 && !strcmp(a->axes, "q,k");
}

/* A scale that is narrower than the values need: what is beyond has the last colour. */
static void set_scale(const struct array *a, const struct debugger_look *look,
		      struct ui_heat_options *o)
{
	struct stats s;

	if (look->zoom <= 0 || look->zoom == 1)
		return;
	s = stats_of(a->data, a->numel);
	if (!(s.absmax > 0) || !isfinite(s.absmax))
		return;
	o->lo = s.min < 0 ? -s.absmax / look->zoom : s.min;
	o->hi = s.min < 0 ? s.absmax / look->zoom : s.min + (s.max - s.min) / look->zoom;
}

static int count_lines(const struct text *t)
{
	int n = 0;

	for (size_t i = 0; i < t->len; i++)
		n += t->data[i] == '\n';
	return n;
}

/* A legend and labels come with a picture: it is made smaller until all fits. */
static void add_heat(const struct array *a, const struct debugger_look *look,
		     const struct ui_labels *labels, struct text *out)
{
	struct ui_heat_options o = {
		.labels = labels, .max_lines = look->lines, .max_blocks = 1, .causal = is_causal(a)
	};

	set_scale(a, look, &o);
	for (int i = 0; i < 3; i++) {
		int over;

		text_clear(out);
		ui_add_heat(out, look->ui, a, &o);
		over = count_lines(out) - look->lines;
		if (over <= 0 || o.max_lines <= 2)
			break;
		o.max_lines = o.max_lines - over < 2 ? 2 : o.max_lines - over;
	}
}

static void add_hist(const struct array *a, const struct debugger_look *look, int lines,
		     struct text *out)
{
	struct ui_hist_options o = { .bins = lines > 24 ? 20 : lines > 5 ? lines - 4 : 1 };

	ui_add_hist(out, look->ui, a, &o);
}

static void add_picture(struct debugger_view *v, const struct array *a,
			const struct debugger_look *look, struct text *out)
{
	struct look_labels labels;
	int left;

	look_labels_init(&labels, v->d, a);
	if (look->picture == PICTURE_HEAT) {
		add_heat(a, look, &labels.labels, out);
		/* Where there is much room, how the elements are distributed, too. */
		left = look->lines - count_lines(out) - 1;
		if (left >= 10) {
			text_addc(out, '\n');
			add_hist(a, look, left, out);
		}
	} else if (look->picture == PICTURE_HIST) {
		add_hist(a, look, look->lines, out);
	} else {
		struct ui_print_options o = { .labels = &labels.labels,
					      .max_rows = look->lines,
					      .max_elements = 64 * (int64_t)look->lines };

		ui_add_array(out, look->ui, a, &o);
	}
	look_labels_release(&labels);
}

/* What is known of a tensor whose elements were not kept. */
static int describe_only(struct debugger_view *v, value_id value, struct debugger_seen *seen,
			 struct text *out, const struct err *why)
{
	struct debugger *d = v->d;
	struct stats stats;

	if (!d->target->class->stats || !d->target->class->stats(d->target, value, &stats))
		return why->code;
	place_add_shape(d, value, &seen->line);
	text_addc(&seen->line, ' ');
	place_add_stats(&stats, &seen->line);
	text_addf(out, "%s\n", why->message);
	return 0;
}

int debugger_view_tensor(struct debugger_view *v, const struct debugger_look *look,
			 struct debugger_seen *seen, struct text *out, struct err *err)
{
	struct debugger *d = v->d;
	value_id value = d->target->has_begun ? chosen(v, look->row) : -1;
	struct array *a, *part;

	seen->block = 0;
	seen->n_blocks = 0;
	if (!d->target->has_begun)
		return err_set(err, ERR_USAGE, "nothing has begun yet");
	if (value < 0)
		return err_set(err, ERR_USAGE, "nothing of this pass is computed yet");
	text_adds(&seen->name, d->program->values[value].name);
	if (!d->target->has(d->target, value) && look->row >= 0 &&
	    d->program->values[value].op >= d->target->now.op)
		return err_set(err, ERR_USAGE, "not computed yet");
	a = look_read(d, value, "", err);
	if (!a)
		return describe_only(v, value, seen, out, err);
	part = take_block(a, look, seen, err);
	array_release(a);
	if (!part)
		return err->code;
	ui_add_array_line(&seen->line, look->ui, part);
	add_picture(v, part, look, out);
	array_release(part);
	return 0;
}

/* ---- what is likeliest next --------------------------------------------------------------- */

static void compute_candidates(struct debugger_view *v, int64_t pos)
{
	struct err ignored = { 0 };
	struct array *row = look_latest(v->d, pos, &v->candidates_layer, &ignored);
	int64_t at[VIEW_CANDIDATES], n;
	double *p;

	v->n_candidates = 0;
	if (!row)
		return;
	n = row->numel;
	p = mem_calloc((size_t)n + 1, sizeof(*p));
	softmax_f64(row->data, n, p);
	v->n_candidates = largest(row->data, n, (int)int64_min(VIEW_CANDIDATES, n), at);
	for (int i = 0; i < v->n_candidates; i++)
		v->candidates[i] = (struct debugger_candidate){ (int32_t)at[i], p[at[i]] };
	free(p);
	array_release(row);
}

static void add_from(const struct debugger_view *v, struct text *from)
{
	const struct point_info *point = v->d->program->values[v->candidates_value].point;

	if (v->candidates_layer >= v->d->program->n_layers)
		text_adds(from, "by the logits");
	else if (v->candidates_layer < 0)
		text_adds(from, "by the embedding alone");
	else
		text_addf(from, "by %slayer %d so far",
			  point && !strcmp(point->role, "resid_mid") ? "attention of " : "",
			  v->candidates_layer);
}

int debugger_view_candidates(struct debugger_view *v, int k, struct debugger_candidate *c,
			     struct text *from)
{
	struct pass_info info;
	struct err ignored = { 0 };
	value_id value;
	int n;

	if (look_pass(v->d, &info, &ignored))
		return 0;
	value = look_latest_value(v->d);
	if (value < 0)
		return 0;
	if (v->candidates_pass != v->d->target->now.pass || v->candidates_value != value) {
		compute_candidates(v, info.pos0 + info.T - 1);
		v->candidates_pass = v->d->target->now.pass;
		v->candidates_value = value;
	}
	n = k < v->n_candidates ? k : v->n_candidates;
	memcpy(c, v->candidates, (size_t)n * sizeof(*c));
	if (n > 0)
		add_from(v, from);
	return n;
}
