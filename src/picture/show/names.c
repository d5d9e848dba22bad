/*
 * names.c -- what a name means to `show`: a value of the recording's program, or a weight.
 *
 * Names are those of the debugger, said outside of every module; run= and pass= in the brackets
 * say whose.  What was read last is remembered, since a title says so.
 */
#include "show_impl.h"

#include "torchless/point.h"
#include "torchless/scope.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define WEIGHT "weight:"

/* ---- weights -------------------------------------------------------------------------------- */

/* A weight of the model that was given, without its elements where `head_only`. */
static struct array *model_weight(const struct show_source *s, const char *name, bool head_only,
				  struct err *err)
{
	const struct kernels *k = s->opt.kernels ? s->opt.kernels : kernels_select(NULL);
	const struct file_tensor *w = inspect_find_weight(&s->opt.weights->checkpoint, name, err);
	struct array head = { 0 }, *a;

	if (!w)
		return NULL;
	head.n_dims = w->t.n_dims;
	memcpy(head.shape, w->t.shape, sizeof(head.shape));
	head.dtype = w->t.dtype;
	head.numel = w->numel;
	snprintf(head.axes, sizeof(head.axes), "%s",
		 w->t.n_dims == 2   ? "row,col"
		 : w->t.n_dims == 1 ? "col"
				    : "");
	snprintf(head.name, sizeof(head.name), "the weight %.120s", w->name);
	if (head_only)
		return array_borrow(&head, NULL);
	a = array_new(head.n_dims, head.shape, err);
	if (!a)
		return NULL;
	head.refs = 1;
	head.data = a->data;
	*a = head;
	if (kernels_read(w->t.dtype))
		k->convert(a->data, w->t.data, w->t.dtype, a->numel);
	for (int64_t i = 0; i < a->numel && !kernels_read(w->t.dtype); i++)
		a->data[i] = (float)tensor_get(&w->t, i);
	return a;
}

/* The recording's checkpoint names no axes; "row,col" as everywhere else. */
static void name_axes(struct array *a)
{
	if (!a->axes[0] && a->n_dims > 0 && a->n_dims < 3)
		snprintf(a->axes, sizeof(a->axes), "%s", a->n_dims == 2 ? "row,col" : "col");
}

static int find_weight_head(struct show_source *s, const char *name, struct array *head,
			    struct err *err)
{
	struct array_source source;
	struct text text = { 0 };
	struct array *a;
	int r;

	if (s->opt.weights) {
		a = model_weight(s, name, true, err);
		if (a)
			*head = *a;
		head->refs = 0;
		array_release(a);
		return a ? 0 : err->code;
	}
	if (source_open(s, err))
		return err->code;
	source = recording_tensors_source(s->tensors);
	text_addf(&text, WEIGHT "%s", name);
	r = source.find(source.ctx, text.data, head, err);
	text_release(&text);
	if (!r)
		name_axes(head);
	return r;
}

/* The whole weight, with its axes. */
static struct array *read_whole_weight(struct show_source *s, const char *name, struct err *err)
{
	struct array_source source;
	struct text text = { 0 };
	struct array *a, *named;

	if (s->opt.weights)
		return model_weight(s, name, false, err);
	if (source_open(s, err))
		return NULL;
	source = recording_tensors_source(s->tensors);
	text_addf(&text, WEIGHT "%s", name);
	a = source.read(source.ctx, text.data, err);
	text_release(&text);
	if (!a)
		return NULL;
	/* What the source keeps stays as it is. */
	named = array_borrow(a, a->data);
	named->whole = a;
	name_axes(named);
	return named;
}

static struct array *read_weight(struct show_source *s, const char *name, const char *selection,
				 struct err *err)
{
	struct array *whole = read_whole_weight(s, name, err), *part;

	snprintf(s->name, sizeof(s->name), "%s", name);
	if (!whole || !*selection)
		return whole;
	part = array_select(whole, selection, err);
	array_release(whole);
	return part;
}

/* ---- values --------------------------------------------------------------------------------- */

/* What a path means: a weight by that name; or a point, in a run and a pass where these are said.
 */
struct meaning {
	struct array_name as; /* with the selection that stands in the path */
	char name[SCOPE_NAME_SIZE];
	bool is_weight, is_relation;
};

static const struct program *program_of(const struct show_source *s)
{
	return s->has_outline   ? &s->outline.program
	       : s->opt.weights ? &s->opt.weights->program
				: NULL;
}

static int mean_value(struct show_source *s, const struct program *p, value_id v, struct meaning *m,
		      struct err *err)
{
	const struct value *value = &p->values[v];
	const char *role = value->point ? value->point->role : "";

	snprintf(m->name, sizeof(m->name), "%s", value->name);
	m->is_weight = value->storage == STORAGE_WEIGHT;
	if (m->is_weight)
		return 0;
	if (source_open(s, err))
		return err->code;
	if (value->storage == STORAGE_INPUT)
		return err_set(err, ERR_USAGE,
			       "%s is an input, which recordings do not keep: `tokens` are the ids",
			       value->name);
	m->is_relation = !strcmp(role, "pattern") || !strcmp(role, "scores_masked");
	if (m->is_relation || !strcmp(role, "scores"))
		s->window = value_window(p, v);
	return 0;
}

/* Of short names the nearest is a short one. */
static int no_such_name(const struct program *p, const char *name, struct err *err)
{
	if (scope_unknown(p, name, err) && !strstr(err->message, "did you mean") &&
	    !strstr(err->message, "layer that"))
		points_find(p, name, err);
	return err->code;
}

/* A weight of the model that was given, which need not be the recording's. */
static bool is_weight_of_model(const struct show_source *s, const char *name, struct meaning *m)
{
	const struct program *p = s->opt.weights ? &s->opt.weights->program : NULL;
	struct err ignored = { 0 };
	int v = p && *name ? scope_find(p, 0, name, &ignored) : -1;

	m->is_weight = v >= 0 && p->values[v].storage == STORAGE_WEIGHT;
	if (m->is_weight)
		snprintf(m->name, sizeof(m->name), "%s", p->values[v].name);
	return m->is_weight;
}

/* A name that the program does not have may be one that the recording has. */
static int mean_name(struct show_source *s, struct meaning *m, struct err *err)
{
	const struct program *p;
	char name[SCOPE_NAME_SIZE] = "";
	struct err why = { 0 };
	struct array head;
	struct array_source source;
	int v = -1, r;

	if (s->path && source_open(s, err))
		return err->code;
	p = program_of(s);
	if (p && scope_spell(m->as.point, name, sizeof(name)))
		v = scope_find(p, 0, name, &why);
	if (v >= 0)
		return mean_value(s, p, v, m, err);
	if (is_weight_of_model(s, name, m))
		return 0;
	if (source_open(s, err))
		return err->code;
	source = recording_tensors_source(s->tensors);
	snprintf(m->name, sizeof(m->name), "%s", m->as.point);
	r = source.find(source.ctx, m->name, &head, err);
	if (r != ERR_USAGE)
		return r;
	if (v == ERR_USAGE && why.code) {
		*err = why;
		return err->code;
	}
	return p && *name ? no_such_name(p, name, err) : err->code;
}

static int mean(struct show_source *s, const char *path, struct meaning *m, struct err *err)
{
	*m = (struct meaning){ .as = ARRAY_NAME };
	if (!strncmp(path, WEIGHT, sizeof(WEIGHT) - 1)) {
		m->is_weight = true;
		snprintf(m->name, sizeof(m->name), "%s", path + sizeof(WEIGHT) - 1);
		return 0;
	}
	if (array_name_parse(path, &m->as, err))
		return err->code;
	return mean_name(s, m, err);
}

static void meaning_release(struct meaning *m)
{
	text_release(&m->as.sel);
}

/* As the recording is asked. */
static void spell(const struct meaning *m, const char *selection, struct text *t)
{
	const char *sel = *selection ? selection : m->as.sel.len ? m->as.sel.data : "";
	const char *open = "[";

	text_addf(t, "%s", m->name);
	if (m->as.run >= 0) {
		text_addf(t, "%srun=%lld", open, (long long)m->as.run);
		open = ", ";
	}
	if (m->as.pass >= 0) {
		text_addf(t, "%spass=%lld", open, (long long)m->as.pass);
		open = ", ";
	}
	if (*sel)
		text_addf(t, "%s%s", open, sel + 1);
	else if (*open == ',')
		text_addc(t, ']');
}

static int64_t queries_of(const struct array *a)
{
	return a->n_dims == 3 ? a->shape[1] : 0;
}

/*
 * Who has a relation of queries and keys: what is stored, or what is put together from it where
 * that has more queries, or nothing is stored.  Of two that do not have it the sentence that stands
 * is the first one's; what fails otherwise ends the search.
 */
static int choose(struct show_source *s, const struct meaning *m, struct array_source *chosen,
		  struct err *err)
{
	struct array_source stored = recording_tensors_source(s->tensors),
			    all = recording_attention_source(s->tensors);
	struct array stored_head, all_head;
	struct err why = { 0 };
	struct text whole = { 0 };
	struct meaning of = *m;
	int r, other;

	*chosen = stored;
	if (!m->is_relation)
		return 0;
	of.as.sel = (struct text){ 0 };
	spell(&of, "", &whole);
	r = stored.find(stored.ctx, whole.data, &stored_head, err);
	other = r && r != ERR_USAGE ? r : all.find(all.ctx, whole.data, &all_head, &why);
	text_release(&whole);
	if (!other && (r || queries_of(&all_head) > queries_of(&stored_head))) {
		*chosen = all;
		return 0;
	}
	if (other && other != ERR_USAGE && other != r) {
		*err = why;
		return other;
	}
	return r;
}

/* "in pass 0" of "a part of model.layers.0:out in pass 0 (value 28)". */
static void see(struct show_source *s, const struct meaning *m, const struct array *head)
{
	static const char *const words[] = { " in pass ", " of positions " };
	int64_t run = m->as.run >= 0 ? m->as.run : s->run.id;
	const char *at = NULL;
	char when[sizeof(s->when)] = "";

	for (size_t i = 0; i < 2 && !at; i++)
		at = strstr(head->name, words[i]);
	if (at) {
		const char *end = strstr(at, " (value");

		snprintf(when, sizeof(when), "%.*s", (int)(end ? end - at : (ptrdiff_t)strlen(at)),
			 at);
	}
	if (s->seen_run >= 0 && (strcmp(when, s->when) != 0 || s->seen_run != run))
		s->is_mixed = true;
	snprintf(s->when, sizeof(s->when), "%s", when);
	snprintf(s->name, sizeof(s->name), "%s", m->name);
	s->seen_run = run;
}

static int find(void *ctx, const char *path, struct array *head, struct err *err)
{
	struct show_source *s = ctx;
	struct array_source source;
	struct text text = { 0 };
	struct meaning m;
	int r = mean(s, path, &m, err);

	if (!r && m.is_weight) {
		r = find_weight_head(s, m.name, head, err);
	} else if (!r && !choose(s, &m, &source, err)) {
		spell(&m, "", &text);
		r = source.find(source.ctx, text.data, head, err);
	} else if (!r) {
		r = err->code;
	}
	text_release(&text);
	meaning_release(&m);
	return r;
}

static struct array *read_value(struct show_source *s, const struct meaning *m,
				const char *selection, struct err *err)
{
	struct array_source source;
	struct text text = { 0 };
	struct array *a = NULL;
	struct array head;

	if (!choose(s, m, &source, err)) {
		spell(m, selection, &text);
		a = source.read(source.ctx, text.data, err);
	}
	if (a && source.find(source.ctx, text.data, &head, err)) {
		array_release(a);
		a = NULL;
	}
	if (a)
		see(s, m, &head);
	text_release(&text);
	return a;
}

static struct array *read(void *ctx, const char *path, const char *selection, struct err *err)
{
	struct show_source *s = ctx;
	struct array *a = NULL;
	struct meaning m;

	if (!mean(s, path, &m, err))
		a = m.is_weight ? read_weight(s, m.name,
					      *selection     ? selection
					      : m.as.sel.len ? m.as.sel.data
							     : "",
					      err)
				: read_value(s, &m, selection, err);
	meaning_release(&m);
	return a;
}

struct array *names_read(struct show_source *s, const char *text, struct err *err)
{
	return read(s, text, "", err);
}

/* ---- variables and functions ---------------------------------------------------------------- */

/* `tokens` are the ids of the newest run. */
static int variable(void *ctx, const char *name, struct array_value *value, struct err *err)
{
	struct show_source *s = ctx;
	struct run_tokens *t;
	struct array *a;
	int64_t n;

	if (strcmp(name, "tokens") != 0)
		return *name == '$' ? err_set(err, ERR_USAGE, "%.60s has no value here", name) : 0;
	if (source_open(s, err) || source_tokens(s, s->run.id, &t, err))
		return err->code;
	n = (int64_t)t->n;
	a = array_new(1, &n, err);
	if (!a)
		return err->code;
	for (int64_t i = 0; i < n; i++)
		a->data[i] = (float)t->tokens[i].id;
	a->dtype = DTYPE_I32;
	snprintf(a->axes, sizeof(a->axes), "pos");
	snprintf(a->name, sizeof(a->name), "tokens");
	s->seen_run = s->run.id;
	*value = (struct array_value){ .kind = ARRAY_TENSOR, .array = a };
	return 1;
}

static int fn_weight(void *ctx, struct array_value *args, int n, struct array_value *result,
		     struct err *err)
{
	struct show_source *s = ctx;
	const char *name = array_value_text(&args[0]);
	struct err ignored = { 0 };
	const struct program *p;
	int v;

	(void)n;
	if (s->path && source_open(s, err))
		return err->code;
	p = program_of(s);
	v = p && *name ? scope_find(p, 0, name, &ignored) : -1;
	if (v >= 0 && p->values[v].storage == STORAGE_WEIGHT)
		name = p->values[v].name;
	result->array = read_weight(s, name, "", err);
	result->kind = result->array ? ARRAY_TENSOR : ARRAY_NULL;
	return result->array ? 0 : err->code;
}

static int fn_npy(void *ctx, struct array_value *args, int n, struct array_value *result,
		  struct err *err)
{
	(void)ctx;
	(void)n;
	result->array = array_of_npy(array_value_text(&args[0]), err);
	result->kind = result->array ? ARRAY_TENSOR : ARRAY_NULL;
	return result->array ? 0 : err->code;
}

static int fn_tok(void *ctx, struct array_value *args, int n, struct array_value *result,
		  struct err *err)
{
	struct show_source *s = ctx;
	int has;

	(void)n;
	if (source_open(s, err))
		return err->code;
	text_adds(&result->text, "");
	has = recording_token(s->tensors, s->run.id, args[0].whole, &result->text, err);
	if (has <= 0) {
		text_release(&result->text);
		return has ? has
			   : err_set(err, ERR_USAGE, "there is no token %lld",
				     (long long)args[0].whole);
	}
	result->kind = ARRAY_TEXT;
	return 0;
}

static const struct expression_function functions[] = {
	{ "weight", "(name)", 1, "w", fn_weight, "A weight by the name of its tensor.",
	  "weight(lm_head.weight)" },
	{ "npy", "(file)", 1, "s", fn_npy, "The array in a .npy.", "npy('x.npy')" },
	{ "tok", "(id)", 1, "i", fn_tok, "The text of a token.", "tok(5)" },
	{ 0 },
};

static const char *const keys[] = { "run", "pass", NULL };

void names_init(struct show_source *s)
{
	s->names = (struct expression_names){ .find = find,
					      .read = read,
					      .variable = variable,
					      .functions = functions,
					      .ctx = s,
					      .keys = keys };
}
