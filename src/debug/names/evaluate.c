/*
 * evaluate.c -- expressions at a stop: names, variables and functions of the debugger given to the
 * room that knows the arithmetic.
 */
#include "../debug_impl.h"

#include "torchless/expression.h"

struct binding {
	struct expression_names now, ahead;
	bool is_out_of_sight; /* a name meant nothing here, or a value that is not there yet */
};

/* ---- tensors ------------------------------------------------------------------------------- */

static bool is_there(const struct debugger *d, value_id v)
{
	return !target_is_live(d->target) || d->target->has(d->target, v);
}

/* The canonical name of what a path means, if it is there. */
static const char *look_up(struct debugger *d, const char *path, struct err *err)
{
	value_id v;

	if (name_resolve(d, path, &v, err)) {
		d->binding->is_out_of_sight = true;
		return NULL;
	}
	if (!is_there(d, v)) {
		d->binding->is_out_of_sight = true;
		name_missing(d, v, err);
		return NULL;
	}
	return d->program->values[v].name;
}

static int find(void *ctx, const char *path, struct array *head, struct err *err)
{
	struct debugger *d = ctx;
	const char *name = look_up(d, path, err);

	return name ? d->target->source.find(d->target->source.ctx, name, head, err) : err->code;
}

static struct array *read(void *ctx, const char *path, const char *selection, struct err *err)
{
	struct debugger *d = ctx;
	const char *name = look_up(d, path, err);

	return name ? target_read(d->target, name, selection, err) : NULL;
}

/* What a name will mean somewhere: nothing is known of it but that something is called so. */
static int find_ahead(void *ctx, const char *path, struct array *head, struct err *err)
{
	*head = (struct array){ .n_dims = -1 };
	return name_exists(ctx, path, err) ? 0 : err->code;
}

/* ---- variables ----------------------------------------------------------------------------- */

static int whole(struct array_value *value, int64_t n)
{
	*value = (struct array_value){ .kind = ARRAY_WHOLE, .whole = n };
	return 1;
}

static int no_pass(const char *name, struct err *err)
{
	return err_set(err, ERR_USAGE, "%s has no value: no pass has begun", name);
}

static int var_token(struct debugger *d, struct array_value *value, struct err *err)
{
	struct pass_info info;

	if (!d->target->class->pass(d->target, d->target->now.pass, &info))
		return no_pass("token", err);
	return whole(value, info.pos0 + info.T - 1);
}

static int var_pos(struct debugger *d, struct array_value *value, struct err *err)
{
	struct pass_info info;

	if (!d->target->class->pass(d->target, d->target->now.pass, &info))
		return no_pass("pos", err);
	return whole(value, info.pos0);
}

static int var_pass(struct debugger *d, struct array_value *value, struct err *err)
{
	(void)err;
	return whole(value, d->target->now.pass);
}

static int var_op(struct debugger *d, struct array_value *value, struct err *err)
{
	(void)err;
	return whole(value, d->target->now.op);
}

/* Outside of the layers it is -1. */
static int var_layer(struct debugger *d, struct array_value *value, struct err *err)
{
	int m = debugger_here(d);
	const struct module *modules = d->program->modules;

	(void)err;
	while (m >= 0 && modules[m].layer < 0)
		m = modules[m].parent;
	return whole(value, m < 0 ? -1 : modules[m].layer);
}

static int var_tokens(struct debugger *d, struct array_value *value, struct err *err)
{
	const int32_t *ids;
	int64_t n_prompt, n = d->target->class->tokens(d->target, &ids, &n_prompt);
	struct array *a = array_new(1, &n, err);

	if (!a)
		return err->code;
	for (int64_t i = 0; i < n; i++)
		a->data[i] = (float)ids[i];
	a->dtype = DTYPE_I32;
	snprintf(a->axes, sizeof(a->axes), "pos");
	snprintf(a->name, sizeof(a->name), "tokens");
	*value = (struct array_value){ .kind = ARRAY_TENSOR, .array = a };
	return 1;
}

static int var_prompt(struct debugger *d, struct array_value *value, struct err *err)
{
	const int32_t *ids;
	int64_t n_prompt;

	(void)err;
	d->target->class->tokens(d->target, &ids, &n_prompt);
	*value = (struct array_value){ .kind = ARRAY_TEXT, .whole = 1 };
	text_adds(&value->text, "");
	for (int64_t i = 0; i < n_prompt; i++)
		d->target->class->piece(d->target, ids[i], &value->text);
	return 1;
}

static const struct {
	const char *name;
	int (*get)(struct debugger *d, struct array_value *value, struct err *err);
} variables[] = {
	{ "token", var_token },   { "pos", var_pos },     { "pass", var_pass },
	{ "op", var_op },         { "layer", var_layer }, { "tokens", var_tokens },
	{ "prompt", var_prompt },
};

static int variable(void *ctx, const char *name, struct array_value *value, struct err *err)
{
	struct debugger *d = ctx;

	if (*name == '$')
		return values_find(d->values, name, value, err);
	for (size_t i = 0; i < sizeof(variables) / sizeof(variables[0]); i++)
		if (!strcmp(variables[i].name, name))
			return variables[i].get(d, value, err);
	return 0;
}

/* ---- evaluating ---------------------------------------------------------------------------- */

struct binding *binding_new(struct debugger *d)
{
	struct binding *b = mem_calloc(1, sizeof(*b));

	b->now = (struct expression_names){ .find = find,
					    .read = read,
					    .variable = variable,
					    .functions = debugger_functions(),
					    .ctx = d };
	b->ahead = b->now;
	b->ahead.find = find_ahead;
	return b;
}

void binding_free(struct binding *b)
{
	free(b);
}

const struct expression_names *debugger_names(struct debugger *d)
{
	return &d->binding->now;
}

const struct expression_names *debugger_names_ahead(struct debugger *d)
{
	return &d->binding->ahead;
}

static bool is_over(void *ctx)
{
	const struct debugger *d = ctx;

	return d->opt.interrupted && *d->opt.interrupted;
}

static int screen_width(const struct debugger *d)
{
	return d->opt.ui && d->opt.ui->width > 0 ? d->opt.ui->width : 80;
}

/* The text again and a caret, on lines before the sentence. */
static int point_at(struct debugger *d, const char *text, size_t at, struct err *err)
{
	struct text lines = { 0 };

	expression_caret(&lines, text, at, 2, screen_width(d));
	say(d, "%s", lines.data ? lines.data : "");
	text_release(&lines);
	return err->code;
}

int evaluate_parsed(struct debugger *d, const struct expression *e, struct array_value *result,
		    size_t *at, struct err *err)
{
	struct array_watch watch = { is_over, d };

	d->binding->is_out_of_sight = false;
	return expression_evaluate_at(e, &d->binding->now, &watch, result, at, err);
}

bool evaluate_saw_nothing(const struct debugger *d)
{
	return d->binding->is_out_of_sight;
}

int evaluate(struct debugger *d, const char *text, struct array_value *result, struct err *err)
{
	size_t at = 0;
	struct expression *e;
	int r;

	*result = (struct array_value){ 0 };
	d->binding->is_out_of_sight = false;
	e = expression_parse_at(text, &d->binding->now, &at, err);
	if (!e)
		return point_at(d, text, at, err);
	r = evaluate_parsed(d, e, result, &at, err);
	if (r < 0 && r != ERR_INTERRUPTED)
		point_at(d, text, at, err);
	expression_free(e);
	return r < 0 ? r : 0;
}

struct array *evaluate_tensor(struct debugger *d, const char *text, struct err *err)
{
	struct array_value v;
	struct array *a = NULL;

	if (evaluate(d, text, &v, err))
		return NULL;
	if (v.kind == ARRAY_TENSOR)
		a = array_ref(v.array);
	else
		err_set(err, ERR_USAGE, "'%.80s' is no tensor", text);
	array_value_release(&v);
	return a;
}
