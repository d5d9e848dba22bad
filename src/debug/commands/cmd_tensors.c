/*
 * cmd_tensors.c -- all values there are now, as a list: filtered, sorted, measured.
 *
 * Statistics cost a read of the value, so they are taken of those that are shown; of all only
 * where a filter or a key asks.
 */
#include "../look/look.h"
#include "../stops/regex.h"

#include "torchless/expression.h"
#include "torchless/numbers.h"
#include "torchless/stats.h"

#include <math.h>

/* ---- the list ------------------------------------------------------------------------------ */

struct entry {
	value_id value;
	int64_t bytes;
	bool measured;
	struct stats stats;
};

enum sort_key { SORT_OP, SORT_NAME, SORT_BYTES, SORT_MEAN, SORT_STD, SORT_ABSMAX, SORT_NAN };

struct listing {
	struct debugger *d;
	struct entry *entries;
	size_t n, cap, n_lost; /* lost: computed, and no numbers were kept */
	struct regex name;
	bool has_name;
	const char *filter; /* NULL: none */
	struct expression *condition;
	struct expression_names names; /* of the condition: x, and whatever else there is */
	struct array *x;               /* the value that is asked about */
	enum sort_key sort;
	bool reverse;
};

static const struct {
	const char *name;
	enum sort_key key;
	bool needs_stats;
} sort_keys[] = {
	{ "op", SORT_OP, false },    { "name", SORT_NAME, false }, { "bytes", SORT_BYTES, false },
	{ "mean", SORT_MEAN, true }, { "std", SORT_STD, true },    { "absmax", SORT_ABSMAX, true },
	{ "nan", SORT_NAN, true },
};
#define N_SORT_KEYS (sizeof(sort_keys) / sizeof(sort_keys[0]))

static void add_value(struct listing *l, value_id v)
{
	const struct array_source *source = &l->d->target->source;
	struct array head;
	struct err ignored;

	if (source->find(source->ctx, l->d->program->values[v].name, &head, &ignored))
		return;
	l->entries = mem_grow(l->entries, l->n, &l->cap, sizeof(*l->entries));
	l->entries[l->n++] =
		(struct entry){ .value = v, .bytes = head.numel * (int64_t)sizeof(float) };
}

/* Whether a value is called so, in short or in full: 1, 0 or ERR_*. */
static int is_called(const struct listing *l, const struct value *v, struct err *err)
{
	char name[192];
	int has;

	if (!l->has_name)
		return 1;
	has = regex_has(&l->name, point_short_name(v, name, sizeof(name)), err);
	return has ? has : regex_has(&l->name, v->name, err);
}

static int find_values(struct listing *l, struct err *err)
{
	const struct program *p = l->d->program;

	for (value_id v = 0; v < p->n_values; v++) {
		int has;

		if (p->values[v].op < 0 || !look_is_computed(l->d, v))
			continue;
		has = is_called(l, &p->values[v], err);
		if (has < 0)
			return has;
		if (has && l->d->target->has(l->d->target, v))
			add_value(l, v);
		else
			l->n_lost += has != 0;
	}
	return 0;
}

/* ---- filters ------------------------------------------------------------------------------- */

static int find_x(void *ctx, const char *path, struct array *head, struct err *err)
{
	struct listing *l = ctx;
	const struct expression_names *outer = debugger_names(l->d);

	if (strcmp(path, "x") != 0)
		return outer->find(outer->ctx, path, head, err);
	if (!l->x)
		return err_set(err, ERR_USAGE, "no value is looked at");
	*head = *l->x;
	head->data = NULL;
	head->whole = NULL;
	return 0;
}

static struct array *read_x(void *ctx, const char *path, const char *selection, struct err *err)
{
	struct listing *l = ctx;
	const struct expression_names *outer = debugger_names(l->d);

	if (strcmp(path, "x") != 0)
		return outer->read(outer->ctx, path, selection, err);
	return *selection ? array_select(l->x, selection, err) : array_ref(l->x);
}

static int parse_filter(struct listing *l, const char *filter, struct err *err)
{
	int64_t one = 1;

	l->filter = filter;
	if (!strcmp(filter, "nan") || !strcmp(filter, "inf") || !strcmp(filter, "zero"))
		return 0;
	l->names = *debugger_names(l->d);
	l->names.find = find_x;
	l->names.read = read_x;
	l->names.variable = NULL;
	l->names.functions = NULL; /* they have a ctx of their own */
	l->names.ctx = l;
	l->x = array_new(1, &one, err);
	if (l->x)
		l->condition = expression_parse(filter, &l->names, err);
	array_release(l->x);
	l->x = NULL;
	return l->condition ? 0 : err->code;
}

static int ask_condition(struct listing *l, bool *holds, struct err *err)
{
	struct array_value v = { 0 };
	int ret = expression_evaluate(l->condition, &l->names, NULL, &v, err);

	if (!ret)
		ret = expression_truth(&v, holds, err);
	array_value_release(&v);
	return ret;
}

/* A mask holds -inf on purpose. */
static int64_t count_inf(const struct program *p, const struct entry *e)
{
	bool is_relation = strstr(value_axes(&p->values[e->value]), "q,k") != NULL;

	return e->stats.n_pinf + (is_relation ? 0 : e->stats.n_ninf);
}

static int measure(struct listing *l, struct entry *e, bool *holds, struct err *err)
{
	int ret = 0;

	*holds = true;
	if (look_interrupted(l->d, err))
		return err->code;
	l->x = look_read(l->d, e->value, "", err);
	if (!l->x)
		return err->code;
	e->stats = stats_of(l->x->data, l->x->numel);
	e->measured = true;
	if (l->condition)
		ret = ask_condition(l, holds, err);
	else if (l->filter && !strcmp(l->filter, "nan"))
		*holds = e->stats.n_nan > 0;
	else if (l->filter && !strcmp(l->filter, "inf"))
		*holds = count_inf(l->d->program, e) > 0;
	else if (l->filter)
		*holds = e->stats.n_zero == e->stats.numel;
	array_release(l->x);
	l->x = NULL;
	return ret;
}

static int filter(struct listing *l, struct err *err)
{
	size_t n = 0;

	for (size_t i = 0; i < l->n; i++) {
		bool holds;

		if (measure(l, &l->entries[i], &holds, err))
			return err->code;
		if (holds)
			l->entries[n++] = l->entries[i];
	}
	l->n = n;
	return 0;
}

/* ---- order --------------------------------------------------------------------------------- */

static double key_of(const struct entry *e, enum sort_key key)
{
	switch (key) {
	case SORT_BYTES:
		return (double)e->bytes;
	case SORT_MEAN:
		return e->stats.mean;
	case SORT_STD:
		return e->stats.std;
	case SORT_ABSMAX:
		return e->stats.absmax;
	case SORT_NAN:
		return (double)e->stats.n_nan;
	case SORT_OP:
	case SORT_NAME:
		break;
	}
	return 0;
}

/* The largest first; what is no number comes last, equals in the order of ops. */
static bool comes_before(const struct listing *l, const struct entry *a, const struct entry *b)
{
	const struct value *values = l->d->program->values;
	double x = key_of(a, l->sort), y = key_of(b, l->sort);

	if (l->sort == SORT_NAME && strcmp(values[a->value].name, values[b->value].name) != 0)
		return strcmp(values[a->value].name, values[b->value].name) < 0;
	if (isnan(x) != isnan(y))
		return isnan(y);
	if (x != y && !isnan(x))
		return x > y;
	return values[a->value].op != values[b->value].op
		       ? values[a->value].op < values[b->value].op
		       : a->value < b->value;
}

/* By insertion: qsort() hands no context to its comparison. */
static void sort(struct listing *l)
{
	for (size_t i = 1; i < l->n; i++) {
		struct entry e = l->entries[i];
		size_t j = i;

		for (; j > 0 && comes_before(l, &e, &l->entries[j - 1]); j--)
			l->entries[j] = l->entries[j - 1];
		l->entries[j] = e;
	}
	for (size_t i = 0; i < l->n / 2 && l->reverse; i++) {
		struct entry e = l->entries[i];

		l->entries[i] = l->entries[l->n - 1 - i];
		l->entries[l->n - 1 - i] = e;
	}
}

/* ---- showing ------------------------------------------------------------------------------- */

#define NAME_COLUMNS 24

static void add_entry(struct debugger *d, const struct entry *e, struct text *t)
{
	const struct value *v = &d->program->values[e->value];
	struct text shape = { 0 };
	char name[192], a[32], b[32], c[32];

	text_addf(t, "%5d  ", v->op);
	look_add_column(d, point_short_name(v, name, sizeof(name)), NAME_COLUMNS, t);
	text_addc(t, ' ');
	place_add_shape(d, e->value, &shape);
	look_add_column(d, shape.data + strcspn(shape.data, "["), 16, t);
	text_release(&shape);
	text_addf(t, " %9s %9s %9s", ui_format_number(e->stats.mean, a, sizeof(a)),
		  ui_format_number(e->stats.std, b, sizeof(b)),
		  ui_format_number(e->stats.absmax, c, sizeof(c)));
	if (look_width(d) >= 100) {
		text_addf(t, " %9s  ", mem_format_bytes(e->bytes, a, sizeof(a)));
		text_adds(t, op_table[d->program->ops[v->op].code].name);
	}
	if (e->stats.n_nan)
		text_addf(t, " %s NaN", ui_format_count(e->stats.n_nan, a, sizeof(a)));
	else if (count_inf(d->program, e))
		text_adds(t, " inf");
	text_addc(t, '\n');
}

static int show(struct listing *l, int64_t most, struct err *err)
{
	size_t n = (size_t)int64_min((int64_t)l->n, most);
	int64_t bytes = 0;
	struct text t = { 0 };
	char buf[32];

	for (size_t i = 0; i < l->n; i++)
		bytes += l->entries[i].bytes;
	if (l->n)
		say(l->d, "%zu %s of this pass, %s", l->n, plural((int64_t)l->n, "value", "values"),
		    mem_format_bytes(bytes, buf, sizeof(buf)));
	else
		say(l->d, "No value of this pass is one of those");
	if (l->n_lost)
		say(l->d, "; the numbers of %zu more were not kept", l->n_lost);
	say(l->d, "\n");
	if (n > 0)
		say_styled(l->d, UI_DIM, "   op  %-*s %-16s %9s %9s %9s", NAME_COLUMNS, "value",
			   "shape", "mean", "std", "absmax");
	if (n > 0 && look_width(l->d) >= 100)
		say_styled(l->d, UI_DIM, " %9s  op", "bytes");
	if (n > 0)
		say(l->d, "\n");
	for (size_t i = 0; i < n && l->entries; i++) {
		bool holds;

		if (!l->entries[i].measured) {
			const char *condition = l->filter;
			int ret;

			l->filter = NULL;
			ret = measure(l, &l->entries[i], &holds, err);
			l->filter = condition;
			if (ret) {
				text_release(&t);
				return ret;
			}
		}
		add_entry(l->d, &l->entries[i], &t);
	}
	if (n < l->n)
		text_addf(&t, "%s %zu more: `-k %zu` shows them, `-n RE` and `-f FILTER` choose\n",
			  look_sign(l->d, "…", "..."), l->n - n, l->n);
	look_say(l->d, &t);
	return 0;
}

/* ---- tensors ------------------------------------------------------------------------------- */

static int read_key(struct listing *l, const char *name, bool *needs_stats, struct err *err)
{
	for (size_t i = 0; i < N_SORT_KEYS; i++)
		if (!strcmp(name, sort_keys[i].name)) {
			l->sort = sort_keys[i].key;
			*needs_stats = sort_keys[i].needs_stats;
			return 0;
		}
	return err_set(err, ERR_USAGE,
		       "'%.40s' is no key: op, name, bytes, mean, std, absmax or nan", name);
}

static int list(struct listing *l, const struct look_option *options, const char *rest,
		struct err *err)
{
	bool needs_stats = false;
	int64_t most = LOOK_LINES;
	struct pass_info info;

	if (*rest)
		return err_set(err, ERR_USAGE,
			       "'%.60s' is one word too many: quote a filter that holds spaces",
			       rest);
	if (look_pass(l->d, &info, err) ||
	    (options[0].given &&
	     regex_open(&l->name, options[0].word.data, options[0].word.len, err)) ||
	    (options[1].given && parse_filter(l, options[1].word.data, err)) ||
	    (options[2].given && read_key(l, options[2].word.data, &needs_stats, err)) ||
	    (options[4].given &&
	     look_number(options[4].word.data, "count", 1, INT32_MAX, &most, err)))
		return err->code;
	l->has_name = options[0].given;
	l->reverse = options[3].given;
	if (find_values(l, err))
		return err->code;
	if ((l->filter || needs_stats) && filter(l, err))
		return err->code;
	sort(l);
	return show(l, most, err);
}

/* Without the quotes around it. */
static void unquote(struct text *t)
{
	if (t->len >= 2 && (t->data[0] == '"' || t->data[0] == '\'') &&
	    t->data[t->len - 1] == t->data[0]) {
		memmove(t->data, t->data + 1, t->len - 2);
		t->len -= 2;
		t->data[t->len] = '\0';
	}
}

int cmd_tensors(struct debugger *d, const char *args, struct err *err)
{
	struct look_option options[] = { { .name = "-n", .takes = "a regular expression" },
					 { .name = "-f",
					   .takes = "nan, inf, zero or a condition on x" },
					 { .name = "-s", .takes = "a key" },
					 { .name = "-r" },
					 { .name = "-k", .takes = "a count" },
					 { 0 } };
	struct listing l = { .d = d };
	struct text rest = { 0 };
	int ret = look_options(args, options, &rest, err);

	unquote(&options[0].word);
	unquote(&options[1].word);
	if (!ret)
		ret = list(&l, options, rest.data, err);
	regex_release(&l.name);
	expression_free(l.condition);
	array_release(l.x);
	free(l.entries);
	text_release(&rest);
	look_options_release(options);
	return ret;
}
