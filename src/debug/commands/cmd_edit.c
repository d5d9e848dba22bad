/*
 * cmd_edit.c -- changing: set, zero, scale, add, mean, patch, hook, revert; forced and banned
 * tokens.
 */
#include "../change/change.h"
#include "../look/look.h"

#include "torchless/expression.h"

#include <ctype.h>
#include <limits.h>

/* ---- texts --------------------------------------------------------------------------------- */

/* The `=` of an assignment: outside of brackets and strings, and no comparison; NULL: none. */
static const char *find_assignment(const char *s)
{
	int depth = 0;
	char quote = 0;

	for (; *s; s++) {
		if (quote) {
			quote = *s == quote ? 0 : quote;
			continue;
		}
		if (*s == '"' || *s == '\'')
			quote = *s;
		depth += *s == '[' || *s == '(';
		depth -= *s == ']' || *s == ')';
		if (*s == '=' && depth == 0 && s[1] != '=')
			return s;
		if (strchr("=!<>", *s) && s[1] == '=')
			s++;
	}
	return NULL;
}

/* The last word of args, which begins behind a space outside of brackets; NULL: there is none. */
static const char *last_word(const char *args)
{
	const char *s = args + strlen(args);
	int depth = 0;

	while (s > args) {
		s--;
		depth += *s == ']' || *s == ')';
		depth -= *s == '[' || *s == '(';
		if (depth == 0 && isspace((unsigned char)*s))
			return s + 1;
	}
	return NULL;
}

static int pass_of(const struct debugger *d, value_id v)
{
	return d->program->values[v].storage == STORAGE_WEIGHT || d->target->now.pass < 0
		       ? 0
		       : d->target->now.pass;
}

/* A change of this pass alone; of a weight, of all of them. */
static struct edit edit_now(const struct debugger *d, const struct part *part)
{
	bool is_weight = d->program->values[part->value].storage == STORAGE_WEIGHT;
	int pass = pass_of(d, part->value);

	return (struct edit){ .value = part->value,
			      .sel = part->sel,
			      .pass_from = pass,
			      .pass_to = is_weight ? -1 : pass };
}

static int add_edit(struct debugger *d, struct edit *e, const char *how, struct err *err)
{
	struct text source = { 0 };
	int r;

	text_adds(&source, how);
	e->source = source.data;
	r = change_add(d, e, err);
	text_release(&source);
	return r < 0 ? r : 0;
}

/* ---- set ----------------------------------------------------------------------------------- */

/* "[6, 64]" */
static void add_sizes(struct text *t, const int64_t *n, int n_dims)
{
	text_addc(t, '[');
	for (int i = 0; i < n_dims; i++)
		text_addf(t, "%s%lld", i ? ", " : "", (long long)n[i]);
	text_addc(t, ']');
}

static int no_fit(const struct debugger *d, const struct part *part, const int64_t *n,
		  const struct array *a, struct err *err)
{
	int n_dims = d->program->values[part->value].t.n_dims;
	struct text left = { 0 }, right = { 0 };

	add_sizes(&left, n, n_dims);
	add_sizes(&right, a->shape, a->n_dims);
	err_set(err, ERR_SHAPE, "%s%s is %s, what it is set to is %s: they do not fit together",
		part->sel.n_axes ? "that part of " : "", d->program->values[part->value].name,
		left.data, right.data);
	text_release(&left);
	text_release(&right);
	return err->code;
}

static int set_tensor(struct debugger *d, const struct part *part, const struct array *a,
		      const char *how, struct err *err)
{
	struct edit e = edit_now(d, part);
	int64_t n[TENSOR_MAX_DIMS], numel;
	float *data;
	int r;

	if (part_shape(d, part, n, &numel, err))
		return err->code;
	if (!array_fits(n, d->program->values[part->value].t.n_dims, a) || a->numel == 0)
		return no_fit(d, part, n, a, err);
	data = array_numbers(numel, err);
	if (!data)
		return err->code;
	for (int64_t i = 0; i < numel; i++)
		data[i] = a->data[i % a->numel];
	e.kind = EDIT_REPLACE;
	e.data = data;
	e.n_data = numel;
	r = add_edit(d, &e, how, err);
	free(data);
	return r;
}

/* Whatever it is, it is computed now, and stays that. */
static int set_part(struct debugger *d, const struct part *part, const char *expression,
		    const char *how, struct err *err)
{
	struct array_value v = { 0 };
	struct edit e = edit_now(d, part);
	int64_t n[TENSOR_MAX_DIMS], numel;
	double x;
	int r = part_shape(d, part, n, &numel, err);

	if (r == 0)
		r = evaluate(d, expression, &v, err);
	if (r)
		return r;
	if (number_of_value(&v, &x)) {
		e.kind = EDIT_SET;
		e.arg = (float)x;
		r = add_edit(d, &e, how, err);
	} else if (v.kind == ARRAY_TENSOR) {
		r = set_tensor(d, part, v.array, how, err);
	} else {
		r = err_set(err, ERR_USAGE, "%.80s is no number and no tensor", expression);
	}
	array_value_release(&v);
	return r;
}

int cmd_set(struct debugger *d, const char *args, struct err *err)
{
	const char *eq = find_assignment(args);
	struct text how = { 0 };
	struct part part;
	int r;

	if (*args == '$')
		return set_variable(d, args, err);
	if (!target_is_live(d->target))
		return err_set(err, ERR_USAGE, "set wants a model: this is a recording");
	if (debugger_begin(d, err))
		return err->code;
	if (!eq)
		return err_set(
			err, ERR_USAGE,
			"set wants an assignment, as in set layers[0].mlp.act_fn[0:8] = 0, or a setting: `show` lists them");
	if (part_parse(d, args, (size_t)(eq - args), &part, err))
		return err->code;
	text_addf(&how, "set %s", args);
	r = set_part(d, &part, eq + 1, how.data, err);
	text_release(&how);
	return r;
}

/* ---- kinds --------------------------------------------------------------------------------- */

/* "zero .z[head=2]": the command's name is the edit's. */
static int add_kind(struct debugger *d, enum edit_kind kind, const char *args, struct err *err)
{
	struct text how = { 0 };
	struct part part;
	struct edit e;
	int64_t n[TENSOR_MAX_DIMS], numel;
	int r = part_parse(d, args, strlen(args), &part, err);

	if (r == 0)
		r = part_shape(d, &part, n, &numel, err);
	if (r)
		return r;
	e = edit_now(d, &part);
	e.kind = kind;
	text_addf(&how, "%s %s", edit_kind_names[kind], args);
	r = add_edit(d, &e, how.data, err);
	text_release(&how);
	return r;
}

int cmd_zero(struct debugger *d, const char *args, struct err *err)
{
	return add_kind(d, EDIT_ZERO, args, err);
}

int cmd_mean(struct debugger *d, const char *args, struct err *err)
{
	return add_kind(d, EDIT_MEAN, args, err);
}

/* "scale .z[head=2] 0.5" */
static int add_kind_by(struct debugger *d, enum edit_kind kind, const char *args, struct err *err)
{
	const char *by = last_word(args);
	struct array_value v = { 0 };
	struct text how = { 0 };
	struct part part;
	struct edit e;
	double x;
	int r;

	if (!by)
		return err_set(err, ERR_USAGE, "%s wants a part and a number: %s .z[head=2] 0.5",
			       edit_kind_names[kind], edit_kind_names[kind]);
	r = part_parse(d, args, (size_t)(by - args), &part, err);
	if (r == 0)
		r = evaluate(d, by, &v, err);
	if (r == 0 && !number_of_value(&v, &x))
		r = err_set(err, ERR_USAGE, "'%.60s' is no number", by);
	if (r == 0) {
		e = edit_now(d, &part);
		e.kind = kind;
		e.arg = (float)x;
		text_addf(&how, "%s %s", edit_kind_names[kind], args);
		r = add_edit(d, &e, how.data, err);
	}
	text_release(&how);
	array_value_release(&v);
	return r;
}

int cmd_scale(struct debugger *d, const char *args, struct err *err)
{
	return add_kind_by(d, EDIT_SCALE, args, err);
}

int cmd_add(struct debugger *d, const char *args, struct err *err)
{
	return add_kind_by(d, EDIT_ADD, args, err);
}

/* "patch .resid_mid[pos=5] from .resid_mid[pos=2]" */
int cmd_patch(struct debugger *d, const char *args, struct err *err)
{
	const char *from = strstr(args, " from ");
	struct text how = { 0 };
	struct part part;
	int r;

	if (!from)
		return err_set(err, ERR_USAGE,
			       "patch wants a part and where from: patch .z[pos=5] from .z[pos=2]");
	if (part_parse(d, args, (size_t)(from - args), &part, err))
		return err->code;
	text_addf(&how, "patch %s", args);
	r = set_part(d, &part, from + strlen(" from "), how.data, err);
	text_release(&how);
	return r;
}

/* ---- hooks: an edit for every pass --------------------------------------------------------- */

static const char *skip_spaces(const char *s)
{
	return s + strspn(s, " \t");
}

static bool is_constant(const char *text, double *x)
{
	char *end;

	*x = strtod(text, &end);
	return end != text && !*skip_spaces(end);
}

int cmd_hook(struct debugger *d, const char *args, struct err *err)
{
	const char *eq = find_assignment(args);
	struct part part;
	struct edit e = { .kind = EDIT_SET, .pass_to = -1 };
	struct text how = { 0 };
	double x;
	int r;

	if (!eq)
		return err_set(err, ERR_USAGE,
			       "hook wants an assignment: hook L0.attn.z[head=2] = 0");
	if (part_parse(d, args, (size_t)(eq - args), &part, err))
		return err->code;
	if (d->program->values[part.value].op < 0)
		return err_set(err, ERR_USAGE,
			       "%s is computed by no op: `set` changes it for all passes",
			       d->program->values[part.value].name);
	e.value = part.value;
	e.sel = part.sel;
	if (is_constant(eq + 1, &x)) {
		e.arg = (float)x;
	} else {
		if (hooked_edit(d, eq + 1, &e, err))
			return err->code;
	}
	/* A recipe keeps the source of one that is computed as its expression. */
	if (e.kind == EDIT_COMPUTE)
		text_adds(&how, skip_spaces(eq + 1));
	else
		text_addf(&how, "hook %s", args);
	r = add_edit(d, &e, how.data, err);
	text_release(&how);
	return r;
}

/* ---- taking back --------------------------------------------------------------------------- */

static struct session *session_of(struct debugger *d)
{
	return &live_recorder(d->target)->generation.session;
}

static int revert_all(struct debugger *d, struct err *err)
{
	struct session *s = session_of(d);

	if (s->executor.n_edits == 0)
		return err_set(err, ERR_USAGE, "nothing was edited");
	while (s->executor.n_edits > 0)
		if (change_remove(d, s->executor.edits[s->executor.n_edits - 1].id, err))
			return err->code;
	return 0;
}

int cmd_revert(struct debugger *d, const char *args, struct err *err)
{
	const struct session *s = session_of(d);
	char *end;
	long id;

	if (!strcmp(args, "all"))
		return revert_all(d, err);
	if (!*args && s->executor.n_edits == 0)
		return err_set(err, ERR_USAGE, "nothing was edited");
	if (!*args)
		return change_remove(d, s->executor.edits[s->executor.n_edits - 1].id, err);
	id = strtol(args, &end, 10);
	if (*end || id < 1 || id > INT_MAX)
		return err_set(err, ERR_USAGE,
			       "'%.60s' is no edit: `revert` takes back the last one, `revert N`, "
			       "`revert all`",
			       args);
	return change_remove(d, (int)id, err);
}

/* ---- tokens -------------------------------------------------------------------------------- */

/* "[POS] TOKEN": the token that is picked next where no position is given. */
static int parse_where(struct debugger *d, const char *args, int64_t *pos, int32_t *id,
		       const char *usage, struct err *err)
{
	const int32_t *ids;
	int64_t n_prompt;
	char *end;
	long long n = strtoll(args, &end, 10);

	*pos = d->target->class->tokens(d->target, &ids, &n_prompt);
	if (!*args)
		return err_set(err, ERR_USAGE, "%s", usage);
	if (end != args && isspace((unsigned char)*end)) {
		*pos = n;
		args = end + strspn(end, " \t");
	}
	return look_token(d, args, id, err);
}

/* What depends on the token at `pos` is another now. */
static int stand_after_token(struct debugger *d, const struct moment *was, int64_t pos,
			     struct err *err)
{
	struct pass_info info;
	struct moment pick = { 0, d->program->n_ops, 0, 0 };

	for (int i = 0; d->target->class->pass(d->target, i, &info); i++)
		if (info.pos0 + info.T <= pos)
			pick.pass = i;
	breakpoints_forget(d, &pick);
	if (moment_compare(was, &pick) <= 0)
		return d->target->class->go(d->target, was, err);
	say(d, "Going back to where that token is picked.\n");
	return travel_to(d, &pick, err);
}

int cmd_force(struct debugger *d, const char *args, struct err *err)
{
	const struct moment was = d->target->now;
	struct text token = { 0 };
	int64_t pos;
	int32_t id = -1;

	if (parse_where(d, args, &pos, &id, "force wants a token: force ' the', force 12 ' the'",
			err) ||
	    session_force_at(session_of(d), pos, id, err))
		return err->code;
	place_add_token(d, id, &token);
	say(d, "The token at position %lld is %s.\n", (long long)pos, token.data);
	text_release(&token);
	return stand_after_token(d, &was, pos, err);
}

int cmd_unforce(struct debugger *d, const char *args, struct err *err)
{
	const struct moment was = d->target->now;
	struct session *s = session_of(d);
	int64_t first = INT64_MAX;
	char *end;
	long long pos = strtoll(args, &end, 10);

	if (*end || (*args && session_forced_at(s, pos) < 0))
		return err_set(err, ERR_USAGE, "no token is forced at position '%.60s'", args);
	if (s->n_forced == 0)
		return err_set(err, ERR_USAGE, "no token is forced");
	for (int i = s->n_forced - 1; i >= 0; i--) {
		int64_t at = s->forced[i].pos;

		if (*args && at != pos)
			continue;
		first = at < first ? at : first;
		if (session_force_at(s, at, -1, err))
			return err->code;
	}
	return stand_after_token(d, &was, first, err);
}

static int ban(struct debugger *d, const char *args, bool on, struct err *err)
{
	const struct moment was = d->target->now;
	struct text token = { 0 };
	int32_t id;
	int r;

	if (!*args)
		return err_set(err, ERR_USAGE, "ban wants a token: ban ' the'");
	if (look_token(d, args, &id, err))
		return err->code;
	r = session_ban(session_of(d), id, on, err);
	if (r < 0)
		return r;
	place_add_token(d, id, &token);
	say(d, "%s is %s picked.\n", token.data, on ? "never" : "again");
	text_release(&token);
	return stand_after_token(d, &was, 0, err);
}

int cmd_ban(struct debugger *d, const char *args, struct err *err)
{
	return ban(d, args, true, err);
}

int cmd_unban(struct debugger *d, const char *args, struct err *err)
{
	return ban(d, args, false, err);
}

/* ---- what was changed ---------------------------------------------------------------------- */

static void add_passes(struct text *t, const struct edit *e)
{
	if (e->pass_to < 0)
		text_addf(t, e->pass_from > 0 ? "from %d" : "all", e->pass_from);
	else if (e->pass_to == e->pass_from)
		text_addf(t, "%d", e->pass_from);
	else
		text_addf(t, "%d-%d", e->pass_from, e->pass_to);
}

int cmd_info_edits(struct debugger *d, const char *args, struct err *err)
{
	const struct session *s = session_of(d);
	struct ui_table table;

	(void)args;
	(void)err;
	if (s->executor.n_edits == 0 && s->n_forced == 0) {
		say(d, "Nothing was edited.\n");
		return 0;
	}
	ui_table_init(&table, ">Num,Passes,What,How");
	for (int i = 0; i < s->executor.n_edits; i++) {
		const struct edit *e = &s->executor.edits[i];
		struct text passes = { 0 }, what = { 0 };

		add_passes(&passes, e);
		part_format(d, e->value, &e->sel, &what);
		ui_table_cellf(&table, "%d", e->id);
		ui_table_cellf(&table, "%s", passes.data);
		ui_table_cellf(&table, "%s", what.data);
		ui_table_cellf(&table, "%s%s%s", e->kind == EDIT_COMPUTE ? "hook = " : "",
			       e->source ? e->source : edit_kind_names[e->kind],
			       hooked_is_disabled(e) ? " (disabled: it failed)" : "");
		text_release(&passes);
		text_release(&what);
	}
	for (int i = 0; i < s->n_forced; i++) {
		struct text token = { 0 };

		place_add_token(d, s->forced[i].id, &token);
		ui_table_cellf(&table, "-");
		ui_table_cellf(&table, "-");
		ui_table_cellf(&table, "token %lld", (long long)s->forced[i].pos);
		ui_table_cellf(&table, "force %s", token.data);
		text_release(&token);
	}
	say_table(d, &table);
	ui_table_release(&table);
	return 0;
}
