/*
 * cmd_tokens.c -- what the model has read: the tokens, and what it remembers of them (kv).
 */
#include "../look/look.h"

#include "torchless/numbers.h"

#include <math.h>

/* ---- tokens -------------------------------------------------------------------------------- */

static const char *origin_of(const struct debugger *d, int64_t pos, int64_t n_prompt)
{
	const struct session *s;

	if (pos < n_prompt)
		return "prompt";
	if (!target_is_live(d->target))
		return "generated";
	s = &live_recorder(d->target)->generation.session;
	for (int i = 0; i < s->n_forced; i++)
		if (s->forced[i].pos == pos)
			return "forced";
	return "generated";
}

static void add_token_line(const struct debugger *d, int64_t pos, int32_t id, int64_t n_prompt,
			   struct text *t)
{
	struct pass_info info;
	struct err ignored;
	bool is_here =
		!look_pass(d, &info, &ignored) && pos >= info.pos0 && pos < info.pos0 + info.T;

	text_addf(t, "%s %6lld %7d  ", is_here ? look_sign(d, "▸", ">") : " ", (long long)pos,
		  (int)id);
	look_add_token(d, id, look_width(d) - 30, t);
	text_addf(t, "  %s\n", origin_of(d, pos, n_prompt));
}

/* "3", "3:9", ":9", "-5:"; what is beyond the ends is cut. */
static int read_part(const char *s, int64_t n, int64_t *from, int64_t *to, struct err *err)
{
	const char *colon = strchr(s, ':');
	struct text first = { 0 };
	int ret = 0;

	text_add(&first, s, colon ? (size_t)(colon - s) : strlen(s));
	*from = 0;
	*to = n;
	if (first.len)
		ret = look_number(first.data, "position", -n, INT32_MAX, from, err);
	if (!ret && colon && colon[1])
		ret = look_number(colon + 1, "position", -n, INT32_MAX, to, err);
	text_release(&first);
	if (ret)
		return ret;
	*from += *from < 0 ? n : 0;
	*to = colon ? *to + (*to < 0 ? n : 0) : *from + 1;
	*to = int64_min(*to, n);
	if (*from < *to)
		return 0;
	return err_set(err, ERR_USAGE, "there are no tokens %.40s: there are %lld", s,
		       (long long)n);
}

/* Without a part those around where one stands: the last ones up to this pass. */
static void choose_part(const struct debugger *d, int64_t n, int64_t *from, int64_t *to)
{
	struct pass_info info;
	struct err ignored;

	*from = 0;
	*to = int64_min(n, LOOK_LINES);
	if (look_pass(d, &info, &ignored) || info.pos0 + info.T <= *to)
		return;
	*to = int64_min(n, info.pos0 + info.T + 1);
	*from = int64_max(0, *to - LOOK_LINES);
}

int cmd_tokens(struct debugger *d, const char *args, struct err *err)
{
	const int32_t *ids;
	int64_t n_prompt, from, to, n = d->target->class->tokens(d->target, &ids, &n_prompt);
	struct text t = { 0 };

	if (n == 0)
		return err_set(err, ERR_USAGE, "there are no tokens yet");
	if (!*args)
		choose_part(d, n, &from, &to);
	else if (read_part(args, n, &from, &to, err))
		return err->code;
	say_styled(d, UI_DIM, "     pos      id  token");
	say(d, "\n");
	for (int64_t i = from; i < to; i++) {
		if (look_interrupted(d, err)) {
			text_release(&t);
			return err->code;
		}
		add_token_line(d, i, ids[i], n_prompt, &t);
	}
	if (!*args && from > 0)
		text_addf(&t, "%s %lld before: `tokens 0:%lld`\n", look_sign(d, "…", "..."),
			  (long long)from, (long long)from);
	if (!*args && to < n)
		text_addf(&t, "%s %lld more: `tokens %lld:%lld`\n", look_sign(d, "…", "..."),
			  (long long)(n - to), (long long)to, (long long)n);
	look_say(d, &t);
	return 0;
}

/* ---- kv ------------------------------------------------------------------------------------ */

static value_id find_cache(const struct program *p, int layer, const char *role)
{
	for (value_id v = 0; v < p->n_values; v++)
		if (p->values[v].layer == layer && p->values[v].point &&
		    !strcmp(p->values[v].point->role, role))
			return v;
	return -1;
}

static double norm_of(const float *x, int64_t n)
{
	double sum = 0;

	for (int64_t i = 0; i < n; i++)
		sum += (double)x[i] * (double)x[i];
	return sqrt(sum);
}

/* The norm of a key or value of all heads. */
static double norm_at(const struct kv_view *kv, int64_t pos)
{
	int64_t width = kv->n_kv_heads * kv->head_dim, at = pos % kv->capacity * width;
	const uint16_t *half = (const uint16_t *)kv->rows + at;
	double sum = 0;

	if (kv->dtype == DTYPE_F32)
		return norm_of((const float *)kv->rows + at, width);
	for (int64_t i = 0; i < width; i++)
		sum += (double)f16_to_f32(half[i]) * (double)f16_to_f32(half[i]);
	return sqrt(sum);
}

/* Of keys and values. */
static int64_t bytes_of_position(const struct kv_view *k)
{
	return 2 * dtype_row_bytes(k->dtype, k->n_kv_heads * k->head_dim);
}

/* A recording has the rows that each pass appended; a session all that is there. */
static int say_norms(struct debugger *d, const struct kv_view *k, const struct kv_view *v,
		     int layer)
{
	int64_t from = k->n > LOOK_LINES ? k->first + k->n - LOOK_LINES : k->first;
	struct text t = { 0 };

	say_styled(d, UI_DIM, "   pos  %-18s%10s%10s", "token", "|key|", "|value|");
	say(d, "\n");
	for (int64_t pos = from; pos < k->first + k->n; pos++) {
		int32_t id = look_token_at(d, pos);

		text_addf(&t, "%6lld  ", (long long)pos);
		if (id >= 0)
			look_add_token(d, id, 18, &t);
		else
			text_addf(&t, "%18s", "");
		text_addf(&t, "%10.4g%10.4g\n", printed(norm_at(k, pos)), printed(norm_at(v, pos)));
	}
	if (from > k->first)
		text_addf(&t,
			  "%s %lld %s before: `print l2(L%d.attn.k_cache, -1)` in their "
			  "pass\n",
			  look_sign(d, "…", "..."), (long long)(from - k->first),
			  plural(from - k->first, "position", "positions"), layer);
	look_say(d, &t);
	return 0;
}

static void say_layer_line(struct debugger *d, const struct kv_view *k, int layer, bool ring)
{
	int64_t row = bytes_of_position(k);
	char held[32], room[32];

	say(d, "L%-4d", layer);
	if (k->n > 0)
		say(d, "positions %lld to %lld", (long long)k->first,
		    (long long)(k->first + k->n - 1));
	else
		say(d, "no positions");
	say(d, ", %lld %s of %lld%s, %s; ", (long long)k->n_kv_heads,
	    plural(k->n_kv_heads, "head", "heads"), (long long)k->head_dim,
	    k->dtype == DTYPE_F32 ? "" : " in f16",
	    mem_format_bytes(k->n * row, held, sizeof(held)));
	say(d, "%s %lld, %s\n", ring ? "a ring of" : "room for", (long long)k->capacity,
	    mem_format_bytes(k->capacity * row, room, sizeof(room)));
}

static bool is_ring(const struct executor *ex)
{
	bool has_window = false;

	for (int i = 0; i < ex->program->n_ops; i++)
		has_window = has_window || ex->program->ops[i].window > 0;
	return ex->opt.ring && has_window;
}

static int say_caches(struct debugger *d, const struct executor *ex, int from, int to)
{
	int64_t bytes = 0;
	char buf[32];

	for (int i = from; i < to; i++) {
		value_id k = find_cache(d->program, i, "k_cache");
		struct kv_view view;

		if (k < 0)
			continue;
		view = executor_cache(ex, k);
		bytes += view.n * bytes_of_position(&view);
		say_layer_line(d, &view, i, is_ring(ex));
	}
	if (to - from > 1)
		say(d, "%s are held in all; `kv LAYER` shows the norms of a layer's positions\n",
		    mem_format_bytes(bytes, buf, sizeof(buf)));
	return 0;
}

/* Of a recording: the rows that this pass appended, as views of what is read. */
static int say_recorded(struct debugger *d, int layer, struct err *err)
{
	value_id kv = find_cache(d->program, layer, "k_cache");
	value_id vv = find_cache(d->program, layer, "v_cache");
	struct array *k = kv >= 0 ? look_read(d, kv, "", err) : NULL, *v = NULL;
	struct text t = { 0 };

	if (kv < 0 || vv < 0)
		return err_set(err, ERR_USAGE, "layer %d has no keys and values", layer);
	if (k)
		v = look_read(d, vv, "", err);
	if (!k || !v || k->n_dims != 3 || v->numel != k->numel) {
		array_release(k);
		array_release(v);
		return err->code ? err->code : err_set(err, ERR_SHAPE, "keys without their values");
	}
	say(d, "L%d, the positions of this pass\n", layer);
	for (int64_t i = 0; i < k->shape[0] && i < LOOK_LINES; i++) {
		int64_t width = k->shape[1] * k->shape[2], pos = k->base[0] + i;

		text_addf(&t, "%6lld  ", (long long)pos);
		look_add_token(d, look_token_at(d, pos), 18, &t);
		text_addf(&t, "%10.4g%10.4g\n", printed(norm_of(k->data + i * width, width)),
			  printed(norm_of(v->data + i * width, width)));
	}
	if (k->shape[0] > LOOK_LINES)
		text_addf(&t, "%s %lld %s more\n", look_sign(d, "…", "..."),
			  (long long)(k->shape[0] - LOOK_LINES),
			  plural(k->shape[0] - LOOK_LINES, "position", "positions"));
	look_say(d, &t);
	array_release(k);
	array_release(v);
	return 0;
}

int cmd_kv(struct debugger *d, const char *args, struct err *err)
{
	const struct executor *ex;
	struct kv_view k, v;
	int64_t layer = -1;

	if (*args &&
	    look_number(args + (*args == 'L'), "layer", 0, d->program->n_layers - 1, &layer, err))
		return err->code;
	if (!target_is_live(d->target))
		return say_recorded(d, layer < 0 ? 0 : (int)layer, err);
	ex = &live_recorder(d->target)->generation.session.executor;
	if (layer < 0)
		return say_caches(d, ex, 0, d->program->n_layers);
	if (find_cache(d->program, (int)layer, "k_cache") < 0)
		return err_set(err, ERR_USAGE, "layer %lld has no keys and values",
			       (long long)layer);
	k = executor_cache(ex, find_cache(d->program, (int)layer, "k_cache"));
	v = executor_cache(ex, find_cache(d->program, (int)layer, "v_cache"));
	say_caches(d, ex, (int)layer, (int)layer + 1);
	if (k.n != v.n) /* between the two appends */
		return err_set(err, ERR_USAGE, "the values of this pass are not appended yet");
	return say_norms(d, &k, &v, (int)layer);
}
