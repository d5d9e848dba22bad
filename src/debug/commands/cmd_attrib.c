/*
 * cmd_attrib.c -- what a logit is made of: bars of what each part of the model adds to it.
 */
#include "../look/look.h"

#include <math.h>

struct asked {
	int32_t a, b; /* b -1: a alone */
	struct text pos;
	bool has_a;
};

static int read_arguments(struct debugger *d, const char *s, struct asked *q, struct err *err)
{
	struct text word = { 0 };
	int ret = 0;

	q->b = -1;
	while (!ret && look_word(&s, &word)) {
		bool is_vs = !strcmp(word.data, "vs"), is_pos = !strcmp(word.data, "pos");

		if ((is_vs || is_pos) && !look_word(&s, &word))
			ret = err_set(err, ERR_USAGE, "%s behind it",
				      is_vs ? "vs takes a token" : "pos takes a position");
		else if (is_pos)
			text_adds(&q->pos, word.data);
		else if (is_vs)
			ret = look_token(d, word.data, &q->b, err);
		else if (!q->has_a)
			ret = look_token(d, word.data, &q->a, err);
		else
			ret = err_set(err, ERR_USAGE,
				      "'%.40s' is one word too many: attrib TOKEN [vs TOKEN] "
				      "[pos P]; quotes keep a space",
				      word.data);
		q->has_a = q->has_a || (!is_vs && !is_pos);
	}
	text_release(&word);
	return ret;
}

/* ---- parts --------------------------------------------------------------------------------- */

static void add_name(const struct debugger *d, const struct attribution_part *part, struct text *t)
{
	const struct value *v = &d->program->values[part->value];
	const char *module =
		v->op >= 0 ? d->program->modules[d->program->ops[v->op].module].path : "";
	char name[96];

	switch (part->kind) {
	case ATTRIBUTION_EMBEDDING:
		text_adds(t, "embedding");
		break;
	case ATTRIBUTION_HEAD:
		text_addf(t, part->head < 0 ? "L%d attention" : "L%d head %d", part->layer,
			  part->head);
		break;
	case ATTRIBUTION_MODULE:
		if (strstr(module, ".mlp"))
			text_addf(t, "L%d MLP", part->layer);
		else
			text_adds(t, point_short_name(v, name, sizeof(name)));
		break;
	case ATTRIBUTION_EDIT:
		text_addf(t, "edited: %s", point_short_name(v, name, sizeof(name)));
		break;
	}
}

/* One part a layer for its heads; returns how many parts there are then. */
static int merge_heads(struct attribution *a)
{
	int n = 0;

	for (int i = 0; i < a->n_parts; i++) {
		struct attribution_part *part = &a->parts[i];
		struct attribution_part *last = n ? &a->parts[n - 1] : NULL;

		if (last && part->kind == ATTRIBUTION_HEAD && last->kind == ATTRIBUTION_HEAD &&
		    last->value == part->value) {
			last->logit += part->logit;
			continue;
		}
		a->parts[n] = *part;
		if (part->kind == ATTRIBUTION_HEAD)
			a->parts[n].head = -1;
		n++;
	}
	return n;
}

static int larger_first(const void *x, const void *y)
{
	const struct attribution_part *a = x, *b = y;
	double u = fabs(a->logit), v = fabs(b->logit);

	if (u != v && !isnan(u) && !isnan(v))
		return u < v ? 1 : -1;
	if (a->value != b->value)
		return a->value < b->value ? -1 : 1;
	return a->head < b->head ? -1 : a->head > b->head;
}

/* ---- bars ---------------------------------------------------------------------------------- */

/* What lowers the logit goes to the left, what raises it to the right. */
static void add_bar(const struct debugger *d, double x, double most, int half, struct text *t)
{
	int n = most > 0 && isfinite(x) ? (int)lround(fabs(x) / most * half) : 0;
	const char *block = look_sign(d, "█", "#");

	text_addf(t, "%*s", half - (x < 0 ? n : 0), "");
	for (int i = 0; i < n && x < 0; i++)
		text_adds(t, block);
	text_adds(t, look_sign(d, "│", "|"));
	for (int i = 0; i < n && x >= 0; i++)
		text_adds(t, block);
	text_addc(t, '\n');
}

static void add_part(const struct debugger *d, const struct attribution_part *part, double most,
		     struct text *t)
{
	struct text name = { 0 };
	int half = (look_width(d) - 24 - 10 - 3) / 2;

	add_name(d, part, &name);
	text_adds(t, "  ");
	look_add_column(d, name.data, 22, t);
	text_addf(t, "%+9.3f  ", part->logit);
	add_bar(d, part->logit, most, half > 30 ? 30 : half, t);
	text_release(&name);
}

static void say_parts(struct debugger *d, struct attribution *a, int K)
{
	struct text t = { 0 };
	double rest = 0, up = 0, down = 0;
	int n;

	qsort(a->parts, (size_t)a->n_parts, sizeof(*a->parts), larger_first);
	n = a->n_parts < K ? a->n_parts : K;
	for (int i = 0; i < n; i++)
		add_part(d, &a->parts[i], fabs(a->parts[0].logit), &t);
	for (int i = n; i < a->n_parts; i++) {
		rest += a->parts[i].logit;
		*(a->parts[i].logit < 0 ? &down : &up) += a->parts[i].logit;
	}
	if (n < a->n_parts)
		text_addf(&t, "%s %-22s%+9.3f  up %+.3f, down %+.3f\n", look_sign(d, "…", "."),
			  a->n_parts - n == 1 ? "1 more part" : "more parts", rest, up, down);
	text_addf(&t, "  %-22s%+9.3f%s\n", "rounding", fabs(a->rest) < 0.0005 ? 0 : a->rest,
		  fabs(a->rest) > 0.01 * (1 + fabs(a->logit))
			  ? "  the norm or the logits themselves were edited"
			  : "");
	text_addf(&t, "  %-22s%+9.3f  %s; the rms is %.4g\n", "sum", a->logit,
		  a->has_logit ? "the logit of the pass" : "the pass has no logit of it", a->rms);
	look_say(d, &t);
}

static void say_title(struct debugger *d, const struct asked *q, int64_t pos,
		      const struct attribution *a)
{
	say(d, "position %lld", (long long)pos);
	if (look_token_at(d, pos) >= 0) {
		say(d, " ");
		place_add_token(d, look_token_at(d, pos), &d->out);
	}
	say(d, ": the logit of ");
	place_add_token(d, q->a, &d->out);
	if (q->b >= 0) {
		say(d, " above that of ");
		place_add_token(d, q->b, &d->out);
	}
	say(d, ", %.3f, in %d parts\n", a->logit, a->n_parts);
}

/* The likeliest token, where none is named. */
static int choose_token(struct debugger *d, int64_t pos, int32_t *id, struct err *err)
{
	struct array *row = look_logits(d, pos, err);
	int64_t at = -1;

	if (!row)
		return err->code;
	if (largest(row->data, row->numel, 1, &at) == 1)
		*id = (int32_t)at;
	else
		err_set(err, ERR_USAGE, "every logit is NaN: name a token");
	array_release(row);
	return at < 0 ? err->code : 0;
}

static int say_attribution(struct debugger *d, struct asked *q, bool by_layer, int K,
			   struct err *err)
{
	struct look_reader reader;
	struct attribution a;
	int64_t pos;

	look_reader_init(&reader, d);
	if (look_position(d, q->pos.len ? q->pos.data : NULL, &pos, err) ||
	    (!q->has_a && choose_token(d, pos, &q->a, err)) ||
	    readout_attribute(&reader.r, q->a, q->b, pos, &a, err))
		return err->code;
	if (by_layer)
		a.n_parts = merge_heads(&a);
	say_title(d, q, pos, &a);
	say_parts(d, &a, K);
	attribution_release(&a);
	return 0;
}

int cmd_attrib(struct debugger *d, const char *args, struct err *err)
{
	struct look_option options[] = { { .name = "--layers" },
					 { .name = "--top", .takes = "a count" },
					 { 0 } };
	struct asked q = { 0 };
	struct text rest = { 0 };
	int64_t K = 12;
	int ret = look_options(args, options, &rest, err);

	if (!ret && options[1].given)
		ret = look_number(options[1].word.data, "count", 1, 100000, &K, err);
	if (!ret)
		ret = read_arguments(d, rest.data, &q, err);
	if (!ret)
		ret = say_attribution(d, &q, options[0].given, (int)K, err);
	text_release(&rest);
	text_release(&q.pos);
	look_options_release(options);
	return ret;
}
