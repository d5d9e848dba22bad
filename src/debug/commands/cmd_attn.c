/*
 * cmd_attn.c -- what the heads of a layer look at.
 */
#include "../look/look.h"

#include "torchless/numbers.h"

#include <math.h>

/* More elements are not read at once: the heads are drawn one after the other. */
#define AT_ONCE   ((int64_t)1 << 24)
#define MAX_HEADS 16

struct looking {
	int layer;
	int64_t head; /* -1: all */
	bool has_query;
	int64_t query;
	bool keys; /* a table */
};

/* ---- which layer --------------------------------------------------------------------------- */

static value_id find_pattern(const struct program *p, int layer)
{
	for (value_id v = 0; v < p->n_values; v++)
		if (p->values[v].layer == layer && p->values[v].point &&
		    !strcmp(p->values[v].point->role, "pattern"))
			return v;
	return -1;
}

/* The layer one stands in, else the last one whose pattern there is. */
static int layer_here(const struct debugger *d)
{
	int layer = d->program->modules[debugger_here(d)].layer;

	if (layer >= 0)
		return layer;
	for (layer = d->program->n_layers - 1; layer > 0; layer--)
		if (d->target->has(d->target, find_pattern(d->program, layer)))
			break;
	return layer;
}

/* "3", "3.2", "L3.H2". */
static int read_head(const struct debugger *d, const char *word, struct looking *l, struct err *err)
{
	value_id v;
	char layer[32];
	const char *dot = strchr(word, '.');
	size_t len = dot ? (size_t)(dot - word) : strlen(word);
	int64_t n;

	snprintf(layer, sizeof(layer), "%.*s", (int)int64_min((int64_t)len, 20), word);
	if (look_number(layer + (*layer == 'L'), "layer", 0, d->program->n_layers - 1, &n, err))
		return err->code;
	l->layer = (int)n;
	v = find_pattern(d->program, l->layer);
	if (!dot || v < 0)
		return 0;
	dot++;
	return look_number(dot + (*dot == 'H'), "head", 0, d->program->values[v].t.shape[0] - 1,
			   &l->head, err);
}

static int read_arguments(struct debugger *d, const char *s, struct looking *l, struct err *err)
{
	struct text word = { 0 };
	int n = 0, ret = 0;

	l->layer = layer_here(d);
	l->head = -1;
	while (!ret && look_word(&s, &word)) {
		if (n++ == 0) {
			ret = read_head(d, word.data, l, err);
		} else if (n == 2) {
			ret = look_position(d, word.data, &l->query, err);
			l->has_query = true;
		} else {
			ret = err_set(err, ERR_USAGE,
				      "'%.40s' is one word too many: attn [L[.H]] [QUERY] [--keys]",
				      word.data);
		}
	}
	text_release(&word);
	return ret;
}

/* ---- numbers: the keys that queries take most from ------------------------------------------ */

static void add_key(struct debugger *d, int64_t pos, double p, struct text *t)
{
	int32_t id = look_token_at(d, pos);
	char percent[16];

	text_addf(t, "%s %lld ", look_percent(p, percent, sizeof(percent)), (long long)pos);
	if (id >= 0)
		look_add_token(d, id, 10, t);
}

/* A query a line, of one head. */
static void say_queries(struct debugger *d, const struct array *a)
{
	int64_t Q = a->shape[0], S = a->shape[1], at[8];
	int most = (look_width(d) - 18) / 21, shown = (int)int64_min(Q, LOOK_LINES);
	struct text t = { 0 };

	most = most > 8 ? 8 : most < 1 ? 1 : most;
	for (int64_t q = Q - shown; q < Q; q++) {
		int n = largest(a->data + q * S, S, most, at);
		int32_t id = look_token_at(d, a->base[0] + q);

		text_addf(&t, "%6lld ", (long long)a->base[0] + (long long)q);
		if (id >= 0)
			look_add_token(d, id, 10, &t);
		for (int i = 0; i < n && a->data[q * S + at[i]] > 0; i++) {
			text_adds(&t, "  ");
			add_key(d, a->base[1] + at[i], (double)a->data[q * S + at[i]], &t);
		}
		text_addc(&t, '\n');
	}
	if (shown < Q)
		text_addf(&t, "%s %lld queries before: `attn L.H QUERY` shows one\n",
			  look_sign(d, "…", "..."), (long long)(Q - shown));
	look_say(d, &t);
}

/* The keys of one query, a line each. */
static void say_keys(struct debugger *d, const struct array *a)
{
	int64_t at[10], S = a->numel;
	int n = largest(a->data, S, 10, at);
	double rest = 1;
	struct text t = { 0 };
	char percent[16];

	for (int i = 0; i < n && a->data[at[i]] > 0; i++) {
		int64_t pos = a->base[a->n_dims - 1] + at[i];

		text_addf(&t, "%6lld  ", (long long)pos);
		look_add_token(d, look_token_at(d, pos), 18, &t);
		text_addf(&t, "%7s  ",
			  look_percent((double)a->data[at[i]], percent, sizeof(percent)));
		ui_add_bar(&t, d->opt.ui, (double)a->data[at[i]], 30);
		text_addc(&t, '\n');
		rest -= (double)a->data[at[i]];
	}
	if (S > n)
		text_addf(&t, "%s %lld other keys share %s\n", look_sign(d, "…", "..."),
			  (long long)(S - n),
			  look_percent(fmax(rest, 0), percent, sizeof(percent)));
	look_say(d, &t);
}

/* ---- pictures ------------------------------------------------------------------------------- */

static void draw(struct debugger *d, const struct array *a, int64_t window)
{
	struct look_labels labels;
	struct text t = { 0 };

	look_labels_init(&labels, d, a);
	ui_add_pattern(&t, d->opt.ui, a, &labels.labels, window);
	look_say(d, &t);
	look_labels_release(&labels);
}

/* A head in numbers or as a picture; with a query that row of it. */
static int say_head(struct debugger *d, value_id v, const struct looking *l, int64_t head,
		    struct err *err)
{
	char part[80];
	struct array *a;

	if (l->has_query)
		snprintf(part, sizeof(part), "[head=%lld, q=%lld]", (long long)head,
			 (long long)l->query);
	else
		snprintf(part, sizeof(part), "[head=%lld]", (long long)head);
	a = look_read(d, v, part, err);
	if (!a)
		return err->code;
	say(d, "layer %d, head %lld", l->layer, (long long)head);
	if (l->has_query) {
		say(d, ", query %lld ", (long long)l->query);
		place_add_token(d, look_token_at(d, l->query), &d->out);
		say(d, "\n");
		say_keys(d, a);
	} else if (l->keys) {
		say(d, ": a query a line, and the keys that it takes most from\n");
		say_queries(d, a);
	} else {
		say(d, "\n");
		draw(d, a, value_window(d->program, v));
	}
	array_release(a);
	return 0;
}

/* All heads small; one after the other where they are too large to be read together. */
static int say_heads(struct debugger *d, value_id v, const struct looking *l, struct err *err)
{
	struct array head, *a;
	const struct array_source *source = &d->target->source;
	int ret = source->find(source->ctx, d->program->values[v].name, &head, err);

	if (ret)
		return ret;
	if (!l->has_query && !l->keys && head.numel <= AT_ONCE) {
		a = look_read(d, v, "", err);
		if (!a)
			return err->code;
		say(d, "layer %d\n", l->layer);
		draw(d, a, value_window(d->program, v));
		array_release(a);
		return 0;
	}
	for (int64_t h = 0; h < head.shape[0] && h < MAX_HEADS && !ret; h++) {
		ret = say_head(d, v, l, h, err);
		if (!ret)
			ret = look_interrupted(d, err);
	}
	if (!ret && head.shape[0] > MAX_HEADS)
		say(d, "%s %lld more %s: `attn %d.%d` shows one\n", look_sign(d, "…", "..."),
		    (long long)(head.shape[0] - MAX_HEADS),
		    plural(head.shape[0] - MAX_HEADS, "head", "heads"), l->layer, MAX_HEADS);
	return ret;
}

int cmd_attn(struct debugger *d, const char *args, struct err *err)
{
	struct look_option options[] = { { .name = "--keys" }, { 0 } };
	struct looking l = { 0 };
	struct text rest = { 0 };
	value_id v;
	int ret = look_options(args, options, &rest, err);

	if (!ret)
		ret = read_arguments(d, rest.data, &l, err);
	text_release(&rest);
	if (ret)
		return ret;
	l.keys = options[0].given;
	v = find_pattern(d->program, l.layer);
	if (v < 0)
		return err_set(err, ERR_USAGE, "layer %d has no attention", l.layer);
	return l.head >= 0 ? say_head(d, v, &l, l.head, err) : say_heads(d, v, &l, err);
}
