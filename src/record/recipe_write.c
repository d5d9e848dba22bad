/* recipe_write.c -- a session's edits and forced tokens as a recipe. */
#include "record_impl.h"
#include "torchless/base64.h"

#include <math.h>
#include <string.h>

static const char *const kind_names[EDIT_KINDS] = {
	[EDIT_ZERO] = "zero",       [EDIT_SET] = "set",      [EDIT_SCALE] = "scale",
	[EDIT_ADD] = "add",         [EDIT_MEAN] = "mean",    [EDIT_COPY] = "copy",
	[EDIT_REPLACE] = "replace", [EDIT_COMPUTE] = "expr",
};

static void add_text(struct text *out, const char *key, const char *s)
{
	text_addf(out, ", \"%s\": ", key);
	text_add_json(out, s, strlen(s));
}

static void add_selection(struct text *out, const char *key, const struct selection *sel,
			  const char *axes, bool always)
{
	struct text t = { 0 };

	selection_format(sel, axes, &t);
	if (t.len || always)
		add_text(out, key, t.data ? t.data : "");
	text_release(&t);
}

static void add_value(struct text *out, float x)
{
	if (isfinite(x))
		text_addf(out, ", \"value\": %.9g", (double)x);
	else
		text_addf(out, ", \"value\": \"%s\"", isnan(x) ? "nan" : x > 0 ? "inf" : "-inf");
}

static void add_numbers(struct text *out, const struct edit *e, const struct session *s)
{
	int64_t shape[TENSOR_MAX_DIMS];
	int n = numbers_shape(e, &s->executor, shape);

	text_adds(out, ", \"data\": {\"shape\": [");
	for (int i = 0; i < n; i++)
		text_addf(out, "%s%lld", i ? ", " : "", (long long)shape[i]);
	text_adds(out, "], \"f32\": \"");
	base64_encode(out, e->data, (size_t)e->n_data * sizeof(*e->data));
	text_adds(out, "\"}");
}

static void add_edit(struct text *out, const struct session *s, const struct edit *e)
{
	const struct value *v = &s->model->program.values[e->value];
	const char *axes = value_axes(v);

	text_adds(out, "{\"point\": ");
	text_add_json(out, v->name, strlen(v->name));
	add_selection(out, "select", &e->sel, axes, false);
	add_text(out, "kind", kind_names[e->kind]);
	if (e->kind == EDIT_SET || e->kind == EDIT_SCALE || e->kind == EDIT_ADD)
		add_value(out, e->arg);
	if (e->kind == EDIT_COPY)
		add_selection(out, "from", &e->from, axes, true);
	if (e->kind == EDIT_REPLACE)
		add_numbers(out, e, s);
	if (e->pass_from > 0 || e->pass_to >= 0) {
		text_addf(out, ", \"passes\": [%d, ", e->pass_from > 0 ? e->pass_from : 0);
		text_addf(out, e->pass_to < 0 ? "null]" : "%d]", e->pass_to);
	}
	if (e->kind == EDIT_COMPUTE)
		add_text(out, "expr", e->source ? e->source : "");
	else if (e->source)
		add_text(out, "source", e->source);
	text_adds(out, "}\n");
}

void recipe_write(const struct session *s, struct text *out)
{
	for (int i = 0; i < s->executor.n_edits; i++) {
		const struct edit *e = &s->executor.edits[i];
		int64_t pos;
		int32_t id;

		if (!session_edit_is_ban(s, e, &pos, &id)) {
			add_edit(out, s, e);
			continue;
		}
		text_addf(out, "{\"kind\": \"ban\", \"id\": %d", (int)id);
		if (pos >= 0)
			text_addf(out, ", \"pos\": %lld", (long long)pos);
		text_adds(out, "}\n");
	}
	for (int i = 0; i < s->n_forced; i++)
		text_addf(out, "{\"kind\": \"force\", \"pos\": %lld, \"id\": %d}\n",
			  (long long)s->forced[i].pos, (int)s->forced[i].id);
}
