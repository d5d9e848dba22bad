/*
 * condition.c -- an expression that is asked at ops.
 *
 * What its names mean depends on where it is asked, but not on when: so they are resolved once for
 * every place, when it is set, and asking is evaluating.  Of a session that is live, tensors are
 * read where they lie.  A place that cannot see what a name means, because it is not there, or is
 * computed later, is not asked.
 */
#include "break_impl.h"

#include "torchless/point.h"
#include "torchless/record.h"

/* Who is asked, while the names of an expression are. */
struct asking {
	struct debugger *d;
	const struct condition *c;
	const struct question *q;
	int i, n;         /* the question; how many there are, while it is checked */
	bool is_checked;  /* now: heads, at any of the questions */
	struct err blind; /* why the last could not see */
};

/* ---- standing there -------------------------------------------------------------------------- */

/* Where the debugger stood before it was put somewhere else, to ask what names mean there. */
struct stand {
	struct moment now;
	int left_module, frames_up;
};

static struct stand stand_at(struct debugger *d, const struct question *q, const struct moment *at)
{
	struct stand was = { d->target->now, d->left_module, d->frames_up };

	if (q->is_here)
		return was;
	d->target->now = *at;
	d->target->now.depth = q->depth;
	d->left_module = q->left_module;
	d->frames_up = 0;
	return was;
}

static void stand_back(struct debugger *d, const struct stand *was)
{
	d->target->now = was->now;
	d->left_module = was->left_module;
	d->frames_up = was->frames_up;
}

/* Some moment at which the question could be asked. */
static struct moment moment_of(const struct debugger *d, const struct question *q)
{
	int pass = d->target->now.pass > 0 ? d->target->now.pass : 0;

	if (q->op < 0)
		return (struct moment){ -1, 0, 0, 0 };
	return (struct moment){ pass, q->op, 0, q->depth };
}

/* The value that a path means at a question, if it is there by then. */
static int resolve(struct debugger *d, const struct question *q, const char *path, value_id *v,
		   struct err *err)
{
	struct moment at = moment_of(d, q);
	struct stand was = stand_at(d, q, &at);
	int r;

	*v = -1;
	if (q->spot && q->spot->module < 0 && q->op == q->spot->op + 1 && !strcmp(path, "out")) {
		*v = q->spot->out;
		r = 0;
	} else {
		r = name_resolve(d, path, v, err);
	}
	stand_back(d, &was);
	if (r)
		return r;
	if (d->program->values[*v].op < q->op || d->program->values[*v].op < 0)
		return 0;
	if (q->op < 0)
		return err_set(err, ERR_USAGE, "there are no tensors in the tokenizer");
	return err_set(err, ERR_USAGE, "%s is not computed yet where this is asked, before op %d",
		       d->program->values[*v].name, q->op);
}

/* ---- heads ----------------------------------------------------------------------------------- */

static void describe(const struct debugger *d, value_id v, const struct tensor *t, int64_t pos0,
		     struct array *head)
{
	const struct value *value = &d->program->values[v];

	head->refs = 0;
	head->data = NULL;
	head->whole = NULL;
	head->borrowed = false;
	head->dtype = t->dtype;
	head->n_dims = t->n_dims;
	head->numel = 1;
	snprintf(head->axes, sizeof(head->axes), "%s", value_axes(value));
	snprintf(head->name, sizeof(head->name), "%s", value->name);
	for (int i = 0; i < t->n_dims; i++) {
		head->shape[i] = t->shape[i] < 0 ? 1 : t->shape[i];
		head->numel *= head->shape[i];
		head->base[i] = pos0 > 0 && axis_counts_positions(head->axes, i) ? pos0 : 0;
	}
}

/* What it looks like in some pass: sizes that a pass decides are those of the one that is there. */
static void describe_any(const struct debugger *d, value_id v, struct array *head)
{
	struct tensor t = d->program->values[v].t;
	struct pass_info info = { .T = 1 };

	d->target->class->pass(d->target, d->target->now.pass > 0 ? d->target->now.pass : 0, &info);
	for (int i = 0; i < t.n_dims; i++)
		if (t.shape[i] < 0)
			t.shape[i] = t.shape[i] == DIM_S ? info.pos0 + info.T : info.T;
	describe(d, v, &t, info.pos0, head);
}

static struct executor *executor_of(const struct debugger *d)
{
	return &live_recorder(d->target)->generation.session.executor;
}

/* ---- the names of an expression -------------------------------------------------------------- */

static int check_path(struct asking *a, const char *path, struct array *head, struct err *err)
{
	value_id v;

	for (int i = 0; i < a->n; i++)
		if (resolve(a->d, &a->q[i], path, &v, err) == 0) {
			describe_any(a->d, v, head);
			return 0;
		}
	return a->n ? err->code
		    : err_set(err, ERR_USAGE, "there are no tensors where this is asked");
}

static value_id known_value(const struct asking *a, const char *path)
{
	const struct condition *c = a->c;

	for (int k = 0; k < c->n_paths; k++)
		if (!strcmp(expression_path(c->e, k), path))
			return c->values[(size_t)a->i * (size_t)c->n_paths + (size_t)k];
	return -1;
}

static int find_name(void *ctx, const char *path, struct array *head, struct err *err)
{
	struct debugger *d = ctx;
	struct asking *a = (struct asking *)d->breakpoints->asking;
	value_id v;

	if (a->is_checked)
		return check_path(a, path, head, err);
	v = known_value(a, path);
	if (v < 0)
		return err_set(err, ERR_USAGE, "'%.80s' is not to be seen here", path);
	if (!target_is_live(d->target))
		return d->target->source.find(d->target->source.ctx, d->program->values[v].name,
					      head, err);
	describe(d, v, &executor_of(d)->tensors[v], executor_pos0(executor_of(d), v), head);
	return 0;
}

/* Where it lies, when that is in one run of f32. */
static struct array *borrow(const struct debugger *d, value_id v)
{
	struct executor *ex = executor_of(d);
	struct tensor t = executor_tensor(ex, v);
	struct array head;

	if (!t.data || t.dtype != DTYPE_F32 || !executor_has(ex, v) || !tensor_is_contiguous(&t))
		return NULL;
	describe(d, v, &t, executor_pos0(ex, v), &head);
	return array_borrow(&head, t.data);
}

static struct array *read_name(void *ctx, const char *path, const char *selection, struct err *err)
{
	struct debugger *d = ctx;
	value_id v = known_value(d->breakpoints->asking, path);
	struct array *whole = target_is_live(d->target) ? borrow(d, v) : NULL, *part;

	if (whole && !*selection)
		return whole;
	if (whole) {
		part = array_select(whole, selection, err);
		array_release(whole);
		return part;
	}
	return target_read(d->target, d->program->values[v].name, selection, err);
}

static int find_variable(void *ctx, const char *name, struct array_value *value, struct err *err)
{
	struct debugger *d = ctx;
	const struct expression_names *base = debugger_names(d);

	return base->variable ? base->variable(base->ctx, name, value, err) : 0;
}

static struct expression_names names_of(struct debugger *d)
{
	return (struct expression_names){ .find = find_name,
					  .read = read_name,
					  .variable = find_variable,
					  .functions = debugger_names(d)->functions,
					  .ctx = d };
}

/* ---- making one ------------------------------------------------------------------------------ */

bool condition_uses_out(const char *text)
{
	struct err ignored = { 0 };
	struct expression *e = expression_parse(text, NULL, &ignored);
	bool uses = e && expression_uses(e, "out");

	expression_free(e);
	return uses;
}

static const char *sql_of(const char *text)
{
	return strncmp(text, "sql ", 4) != 0 ? NULL : text + 4;
}

/* What its paths mean at every question; ERR_USAGE when none can see all of them. */
static int resolve_all(struct debugger *d, struct condition *c, const struct question *q, int n,
		       struct err *err)
{
	struct err blind = { 0 };
	bool any = c->n_paths == 0;

	c->values = mem_calloc((size_t)n * (size_t)c->n_paths + 1, sizeof(*c->values));
	for (int i = 0; i < n; i++) {
		value_id *v = c->values + (size_t)i * (size_t)c->n_paths;
		int seen = 0;

		for (int k = 0; k < c->n_paths; k++) {
			bool is_seen =
				resolve(d, &q[i], expression_path(c->e, k), &v[k], &blind) == 0;

			v[k] = is_seen ? v[k] : -1;
			seen += is_seen;
		}
		any |= seen == c->n_paths;
	}
	if (any)
		return 0;
	*err = blind;
	return err->code;
}

int condition_new(struct debugger *d, const char *text, const struct question *q, int n,
		  struct condition **out, struct err *err)
{
	struct condition *c = mem_calloc(1, sizeof(*c));
	struct asking a = { .d = d, .c = c, .q = q, .n = n, .is_checked = true };
	struct expression_names names = names_of(d);
	int r = 0;

	c->text = mem_strdup(text);
	c->n_questions = n;
	if (!sql_of(text)) {
		d->breakpoints->asking = &a;
		c->e = expression_parse(text, &names, err);
		d->breakpoints->asking = NULL;
		c->n_paths = c->e ? expression_n_paths(c->e) : 0;
		r = c->e ? resolve_all(d, c, q, n, err) : err->code;
	} else if (!d->sql_truth) {
		r = err_set(err, ERR_USAGE, "conditions in SQL need a session that is recorded");
	} else {
		r = question_check(d, sql_of(text), err);
	}
	if (r) {
		condition_free(c);
		return r;
	}
	*out = c;
	return 0;
}

void condition_free(struct condition *c)
{
	if (!c)
		return;
	expression_free(c->e);
	free(c->values);
	free(c->text);
	free(c);
}

/* ---- asking ---------------------------------------------------------------------------------- */

bool condition_sees(const struct condition *c, int i)
{
	for (int k = 0; k < c->n_paths; k++)
		if (c->values[(size_t)i * (size_t)c->n_paths + (size_t)k] < 0)
			return false;
	return true;
}

static bool is_over(void *ctx)
{
	const struct debugger *d = ctx;

	return d->opt.interrupted && *d->opt.interrupted;
}

int condition_evaluate(struct debugger *d, const struct condition *c, const struct question *q,
		       int i, const struct moment *at, struct array_value *result, struct err *err)
{
	struct asking a = { .d = d, .c = c, .q = q, .i = i };
	struct array_watch watch = { is_over, d };
	struct expression_names names = names_of(d);
	struct stand was = stand_at(d, q, at);
	int r;

	d->breakpoints->asking = &a;
	r = expression_evaluate(c->e, &names, &watch, result, err);
	d->breakpoints->asking = NULL;
	stand_back(d, &was);
	return r;
}

static int sql_holds(struct debugger *d, const struct condition *c, const struct question *q,
		     const struct moment *at, bool *holds, struct err *err)
{
	struct stand was = stand_at(d, q, at);
	int r = d->sql_truth(d, sql_of(c->text), holds, err);

	stand_back(d, &was);
	return r;
}

int condition_holds(struct debugger *d, const struct condition *c, const struct question *q, int i,
		    const struct moment *at, bool *holds, struct err *err)
{
	struct array_value v = { 0 };
	int r;

	*holds = false;
	if (!c->e)
		return sql_holds(d, c, q, at, holds, err);
	if (!condition_sees(c, i))
		return 0;
	r = condition_evaluate(d, c, q, i, at, &v, err);
	if (r == 0)
		r = expression_truth(&v, holds, err);
	array_value_release(&v);
	return r;
}

/* ---- values in a line ------------------------------------------------------------------------ */

#define LINE_ELEMENTS 4

static void add_array(const struct array *a, struct text *out)
{
	text_adds(out, "[");
	for (int i = 0; i < a->n_dims; i++)
		text_addf(out, "%s%lld", i ? ", " : "", (long long)a->shape[i]);
	text_adds(out, "] {");
	for (int64_t i = 0; i < a->numel && i < LINE_ELEMENTS; i++)
		text_addf(out, "%s%.6g", i ? ", " : "", printed((double)a->data[i]));
	text_adds(out, a->numel > LINE_ELEMENTS ? ", ...}" : "}");
}

void value_add_line(const struct array_value *v, struct text *out)
{
	switch (v->kind) {
	case ARRAY_NULL:
		text_adds(out, "none");
		return;
	case ARRAY_WHOLE:
		text_addf(out, "%lld", (long long)v->whole);
		return;
	case ARRAY_REAL:
		text_addf(out, "%.9g", printed(v->real));
		return;
	case ARRAY_TEXT:
		text_addc(out, '"');
		text_add_visible(out, array_value_text(v), v->text.len);
		text_addc(out, '"');
		return;
	case ARRAY_TENSOR:
		if (v->array->n_dims == 0)
			text_addf(out, "%.9g", printed((double)v->array->data[0]));
		else
			add_array(v->array, out);
		return;
	}
}

void say_clipped(struct debugger *d, const struct text *line)
{
	struct text t = { 0 };

	ui_add_clipped(&t, d->opt.ui, line->data, line->len, say_width(d));
	say(d, "%s\n", t.data ? t.data : "");
	text_release(&t);
}
