/*
 * cmd_look.c -- one tensor, in numbers and pictures: stats, hist, heat, topk.
 */
#include "../look/look.h"

#include "torchless/stats.h"

#include <math.h>

/* Options out of args, the rest as the expression: `.` where there is none. */
static int take_options(const char *args, struct look_option *options, struct text *expression,
			struct err *err)
{
	int ret = look_options(args, options, expression, err);

	if (!ret && !expression->len)
		text_adds(expression, ".");
	return ret;
}

/* ---- stats --------------------------------------------------------------------------------- */

static void add_number(struct text *t, const char *name, double x)
{
	char buf[32];

	text_addf(t, "%s%s %s", t->len && t->data[t->len - 1] != '\n' ? "   " : "  ", name,
		  ui_format_number(x, buf, sizeof(buf)));
}

static void add_counts(struct text *t, const struct stats *s)
{
	const struct {
		const char *name;
		int64_t n;
	} counts[] = { { "NaN", s->n_nan },
		       { "+inf", s->n_pinf },
		       { "-inf", s->n_ninf },
		       { "zero", s->n_zero },
		       { "subnormal", s->n_sub } };
	char buf[32];

	text_addf(t, "  %s %s", ui_format_count(s->numel, buf, sizeof(buf)),
		  plural(s->numel, "element", "elements"));
	for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++)
		if (counts[i].n)
			text_addf(t, ", %s %s", ui_format_count(counts[i].n, buf, sizeof(buf)),
				  counts[i].name);
	if (!s->n_nan && !s->n_pinf && !s->n_ninf)
		text_adds(t, ", all finite");
	text_addc(t, '\n');
}

int cmd_stats(struct debugger *d, const char *args, struct err *err)
{
	struct look_option options[] = { { 0 } };
	struct text expression = { 0 }, t = { 0 };
	struct array *a = NULL;
	struct stats s;
	char at[96];

	if (!take_options(args, options, &expression, err))
		a = evaluate_tensor(d, expression.data, err);
	text_release(&expression);
	if (!a)
		return err->code;
	s = stats_of(a->data, a->numel);
	ui_add_array_line(&t, d->opt.ui, a);
	text_addc(&t, '\n');
	add_number(&t, "min", s.min);
	add_number(&t, "max", s.max);
	add_number(&t, "mean", s.mean);
	add_number(&t, "std", s.std);
	text_addc(&t, '\n');
	add_number(&t, "l2", s.l2);
	add_number(&t, "absmax", s.absmax);
	if (s.absmax_at >= 0 && a->n_dims > 0)
		text_addf(&t, " at [%s]", array_index(a, s.absmax_at, at, sizeof(at)));
	text_addc(&t, '\n');
	add_counts(&t, &s);
	look_say(d, &t);
	array_release(a);
	return 0;
}

/* ---- hist ---------------------------------------------------------------------------------- */

int cmd_hist(struct debugger *d, const char *args, struct err *err)
{
	struct look_option options[] = { { .name = "--log" }, { 0 } };
	struct ui_hist_options o = { 0 };
	struct text expression = { 0 }, t = { 0 };
	struct array *a = NULL;
	int64_t bins = 0;
	int ret = take_options(args, options, &expression, err);

	if (!ret) {
		look_cut_range(&expression, &o.lo, &o.hi);
		if (look_cut_number(&expression, &bins) && (bins < 1 || bins > 1000))
			ret = err_set(err, ERR_USAGE, "a histogram has 1 to 1000 bins, not %lld",
				      (long long)bins);
	}
	if (!ret)
		a = evaluate_tensor(d, expression.data, err);
	text_release(&expression);
	if (!a)
		return err->code;
	o.bins = (int)bins;
	o.log = options[0].given;
	ui_add_hist(&t, d->opt.ui, a, &o);
	look_say(d, &t);
	array_release(a);
	return 0;
}

/* ---- heat ---------------------------------------------------------------------------------- */

static int read_map(const struct look_option *option, enum ui_map *map, struct err *err)
{
	static const struct {
		const char *name;
		enum ui_map map;
	} maps[] = { { "div", UI_MAP_DIVERGING },
		     { "seq", UI_MAP_SEQUENTIAL },
		     { "auto", UI_MAP_AUTO } };

	if (!option->given)
		return 0;
	for (size_t i = 0; i < sizeof(maps) / sizeof(maps[0]); i++)
		if (!strcmp(option->word.data, maps[i].name)) {
			*map = maps[i].map;
			return 0;
		}
	return err_set(err, ERR_USAGE, "'%.40s' is no map: div, seq or auto", option->word.data);
}

int cmd_heat(struct debugger *d, const char *args, struct err *err)
{
	struct look_option options[] = { { .name = "--range", .takes = "lo:hi" },
					 { .name = "--map", .takes = "div, seq or auto" },
					 { .name = "--numbers" },
					 { 0 } };
	struct ui_heat_options o = { 0 };
	struct text expression = { 0 }, t = { 0 };
	struct look_labels labels;
	struct array *a = NULL;
	int ret = take_options(args, options, &expression, err);

	if (!ret && options[0].given)
		ret = look_range(options[0].word.data, &o.lo, &o.hi, err);
	if (!ret)
		ret = read_map(&options[1], &o.map, err);
	if (!ret)
		a = evaluate_tensor(d, expression.data, err);
	if (a) {
		look_labels_init(&labels, d, a);
		o.labels = &labels.labels;
		o.numbers = options[2].given;
		o.causal = ui_is_relation(a);
		ui_add_heat(&t, d->opt.ui, a, &o);
		look_say(d, &t);
		look_labels_release(&labels);
		array_release(a);
	}
	look_options_release(options);
	text_release(&expression);
	return a ? 0 : err->code;
}

/* ---- topk ---------------------------------------------------------------------------------- */

/* "5 .logits": a number before what can begin an expression. */
static bool take_count(struct text *t, int64_t *k)
{
	const char *s = t->data;
	char *end;

	*k = strtoll(s, &end, 10);
	if (end == s || *end != ' ' || *s == '-' || *s == '+')
		return false;
	end += strspn(end, " ");
	if (!*end || strchr("+*/%@<>=!&|)],", *end) || (*end == '-' && end[1] == ' '))
		return false;
	memmove(t->data, end, strlen(end) + 1);
	t->len = strlen(t->data);
	return true;
}

int cmd_topk(struct debugger *d, const char *args, struct err *err)
{
	struct look_option options[] = { { .name = "--abs" }, { .name = "--smallest" }, { 0 } };
	struct ui_topk_options o = { 0 };
	struct text expression = { 0 }, t = { 0 };
	struct look_labels labels;
	struct array *a = NULL;
	int64_t k = 0;
	int ret = take_options(args, options, &expression, err);

	if (!ret && take_count(&expression, &k) && (k < 1 || k > 1000))
		ret = err_set(err, ERR_USAGE, "topk shows 1 to 1000 elements, not %lld",
			      (long long)k);
	if (!ret)
		a = evaluate_tensor(d, expression.data, err);
	text_release(&expression);
	if (!a)
		return err->code;
	look_labels_init(&labels, d, a);
	o = (struct ui_topk_options){ .labels = &labels.labels,
				      .k = (int)k,
				      .magnitude = options[0].given,
				      .smallest = options[1].given };
	ui_add_topk(&t, d->opt.ui, a, &o);
	look_say(d, &t);
	look_labels_release(&labels);
	array_release(a);
	return 0;
}
