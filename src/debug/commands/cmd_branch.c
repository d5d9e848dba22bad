/*
 * cmd_branch.c -- what was before: fork, switch, baseline, diff; edits kept in a file.
 */
#include "../change/change.h"

#include "torchless/called.h"
#include "torchless/recipe.h"

#include <assert.h>
#include <ctype.h>
#include <limits.h>

struct changes {
	struct branch *branches;
	size_t n_branches, cap_branches;
	struct baseline *baselines;
	size_t n_baselines, cap_baselines;
	char *current; /* the branch one is on; NULL: none was named */
	int n_values;
};

static struct changes *changes_of(struct debugger *d)
{
	if (!d->changes) {
		d->changes = mem_calloc(1, sizeof(*d->changes));
		d->changes->n_values = d->program->n_values;
	}
	return d->changes;
}

void changes_free(struct changes *c)
{
	if (!c)
		return;
	for (size_t i = 0; i < c->n_branches; i++)
		branch_release(&c->branches[i]);
	for (size_t i = 0; i < c->n_baselines; i++)
		baseline_release(&c->baselines[i], c->n_values);
	free(c->branches);
	free(c->baselines);
	free(c->current);
	free(c);
}

/* A name of letters, digits, - and _. */
static int check_name(const char *s, const char *example, struct err *err)
{
	const char *c = s;

	while (isalnum((unsigned char)*c) || *c == '_' || *c == '-')
		c++;
	if (c == s || *c || strlen(s) > 60)
		return err_set(err, ERR_USAGE, "a name of letters, digits, - and _ is wanted: %s",
			       example);
	return 0;
}

/* ---- branches ------------------------------------------------------------------------------ */

static struct branch *find_branch(struct changes *c, const char *name)
{
	for (size_t i = 0; i < c->n_branches; i++)
		if (!strcmp(c->branches[i].name, name))
			return &c->branches[i];
	return NULL;
}

/* Keep what the session is now as a branch, instead of one of that name. */
static void keep_branch(struct debugger *d, const char *name)
{
	struct changes *c = changes_of(d);
	struct branch *b;

	assert(name); /* whoever has branches is on one */
	b = find_branch(c, name);
	if (b) {
		branch_release(b);
	} else {
		c->branches = mem_grow(c->branches, c->n_branches, &c->cap_branches,
				       sizeof(*c->branches));
		b = &c->branches[c->n_branches++];
	}
	branch_take(d, name, b);
}

static void set_current(struct changes *c, const char *name)
{
	free(c->current);
	c->current = mem_strdup(name);
}

static void choose_name(struct changes *c, char *buf, size_t size)
{
	for (int i = 1; i < INT_MAX; i++) {
		snprintf(buf, size, "branch-%d", i);
		if (!find_branch(c, buf) && (!c->current || strcmp(c->current, buf) != 0))
			return;
	}
}

int cmd_fork(struct debugger *d, const char *args, struct err *err)
{
	const struct moment now = d->target->now;
	struct changes *c = changes_of(d);
	char name[80], buf[48];

	if (*args && check_name(args, "fork without-head-2", err))
		return err->code;
	if (*args && (find_branch(c, args) || (c->current && !strcmp(c->current, args))))
		return err_set(err, ERR_USAGE,
			       "there is a branch %s already; `switch %s` goes there", args, args);
	if (!c->current)
		set_current(c, "main");
	keep_branch(d, c->current);
	snprintf(name, sizeof(name), "%s", args);
	if (!*args)
		choose_name(c, name, sizeof(name));
	/* What is recorded of it stays, and another run begins with the way here. */
	if (live_branch(d->target, &now, err))
		return err->code;
	say(d, "%s is kept; from %s on this is %s.\n", c->current,
	    moment_format(&d->target->now, buf, sizeof(buf)), name);
	set_current(c, name);
	return 0;
}

int cmd_switch(struct debugger *d, const char *args, struct err *err)
{
	struct changes *c = changes_of(d);
	struct branch *b = find_branch(c, args), to;
	struct moment at;
	int r;

	if (c->current && !strcmp(c->current, args))
		return err_set(err, ERR_USAGE, "this is %s", args);
	if (!b)
		return err_set(
			err, ERR_USAGE,
			"there is no branch '%.60s'; `info branches` lists them, `fork` makes one",
			args);
	to = *b;
	*b = c->branches[--c->n_branches];
	at = to.at;
	keep_branch(d, c->current);
	r = live_branch(d->target, &d->target->now, err);
	if (r == 0)
		r = branch_apply(d, &to, &at, err);
	if (r == 0) {
		set_current(c, to.name);
		r = travel_stand(d, err);
	}
	branch_release(&to);
	return r;
}

/* The tokens that a branch generated, at most `width` columns of them. */
static void add_text(const struct debugger *d, const int32_t *ids, int64_t from, int64_t n,
		     struct text *out)
{
	struct text bytes = { 0 };

	for (int64_t i = from; i < n && bytes.len < 400; i++)
		d->target->class->piece(d->target, ids[i], &bytes);
	ui_add_clipped(out, d->opt.ui, bytes.data ? bytes.data : "", bytes.len, 40);
	text_release(&bytes);
}

static void add_branch(struct debugger *d, struct ui_table *table, const char *name,
		       const struct moment *at, int n_edits, int n_forced, const char *text)
{
	char buf[48];

	(void)d;
	ui_table_cellf(table, "%s", name);
	ui_table_cellf(table, "%s", moment_format(at, buf, sizeof(buf)));
	ui_table_cellf(table, "%d", n_edits);
	ui_table_cellf(table, "%d", n_forced);
	ui_table_cellf(table, "%s", text);
}

int cmd_info_branches(struct debugger *d, const char *args, struct err *err)
{
	struct changes *c = changes_of(d);
	const struct session *s = &live_recorder(d->target)->generation.session;
	struct text name = { 0 }, text = { 0 };
	struct ui_table table;

	(void)args;
	(void)err;
	if (!c->current) {
		say(d, "No branches: fork makes one.\n");
		return 0;
	}
	ui_table_init(&table, "Branch,At,>Edits,>Forced,Text");
	text_addf(&name, "* %s", c->current);
	add_text(d, s->tokens, s->n_prompt, s->n_tokens, &text);
	add_branch(d, &table, name.data, &d->target->now, s->executor.n_edits, s->n_forced,
		   text.data ? text.data : "");
	for (size_t i = 0; i < c->n_branches; i++) {
		const struct branch *b = &c->branches[i];

		text_clear(&name);
		text_clear(&text);
		text_addf(&name, "  %s", b->name);
		add_text(d, b->tokens, b->n_prompt, b->n_tokens, &text);
		add_branch(d, &table, name.data, &b->at, b->n_edits, b->n_forced,
			   text.data ? text.data : "");
	}
	say_table(d, &table);
	ui_table_release(&table);
	text_release(&name);
	text_release(&text);
	return 0;
}

/* ---- baselines ----------------------------------------------------------------------------- */

static struct baseline *find_baseline(struct changes *c, const char *name)
{
	for (size_t i = 0; i < c->n_baselines; i++)
		if (!strcmp(c->baselines[i].name, name))
			return &c->baselines[i];
	return NULL;
}

int cmd_baseline_save(struct debugger *d, const char *args, struct err *err)
{
	struct changes *c = changes_of(d);
	struct baseline *old = find_baseline(c, args), fresh;
	char buf[48];

	if (check_name(args, "baseline save before", err) || baseline_take(d, args, &fresh, err))
		return err->code;
	if (old) {
		baseline_release(old, c->n_values);
		*old = fresh;
	} else {
		c->baselines = mem_grow(c->baselines, c->n_baselines, &c->cap_baselines,
					sizeof(*c->baselines));
		c->baselines[c->n_baselines++] = fresh;
	}
	say(d, "%s is the values at %s.\n", args, moment_format(&d->target->now, buf, sizeof(buf)));
	return 0;
}

int cmd_baseline_delete(struct debugger *d, const char *args, struct err *err)
{
	struct changes *c = changes_of(d);
	struct baseline *b = find_baseline(c, args);

	if (!b)
		return err_set(err, ERR_USAGE, "there is no baseline '%.60s'", args);
	baseline_release(b, c->n_values);
	*b = c->baselines[--c->n_baselines];
	return 0;
}

int cmd_info_baselines(struct debugger *d, const char *args, struct err *err)
{
	struct changes *c = changes_of(d);
	char buf[48];

	(void)args;
	(void)err;
	if (c->n_baselines == 0)
		say(d, "No baselines: baseline save NAME makes one.\n");
	for (size_t i = 0; i < c->n_baselines; i++)
		say(d, "%-20s %s\n", c->baselines[i].name,
		    moment_format(&c->baselines[i].at, buf, sizeof(buf)));
	return 0;
}

/* ---- diff ---------------------------------------------------------------------------------- */

#define DIFF_ROWS 12

struct difference {
	value_id v;
	double nmse, max_abs;
	int64_t max_at;
	bool other_shape;
};

static bool same_sizes(const struct array *a, const struct array *b)
{
	return a->n_dims == b->n_dims &&
	       !memcmp(a->shape, b->shape, (size_t)a->n_dims * sizeof(a->shape[0]));
}

/* Whether two values differ in a bit, and by how much. */
static bool differs(const struct array *a, const struct array *b, struct difference *diff)
{
	struct pair_sums sums = { .max_at = -1 };

	if (!same_sizes(a, b)) {
		diff->other_shape = true;
		return true;
	}
	if (!memcmp(a->data, b->data, (size_t)a->numel * sizeof(float)))
		return false;
	pair_add(&sums, a->data, b->data, a->numel, 0);
	diff->nmse = pair_nmse(&sums);
	diff->max_abs = sums.max_abs;
	diff->max_at = sums.max_at;
	return true;
}

static void say_difference(struct debugger *d, struct ui_table *table, const struct difference *x,
			   const struct baseline *a)
{
	char buf[96], number[32];

	ui_table_cellf(table, "%d", d->program->values[x->v].op);
	ui_table_cellf(table, "%s", d->program->values[x->v].name);
	if (x->other_shape) {
		ui_table_cellf(table, "%s", "");
		ui_table_cellf(table, "%s", "");
		ui_table_cellf(table, "another shape");
		return;
	}
	ui_table_cellf(table, "%s", ui_format_number(x->nmse, number, sizeof(number)));
	ui_table_cellf(table, "%s", ui_format_number(x->max_abs, number, sizeof(number)));
	ui_table_cellf(table, "[%s]", array_index(a->values[x->v], x->max_at, buf, sizeof(buf)));
}

static void say_diff(struct debugger *d, const struct baseline *a, const struct baseline *b)
{
	struct ui_table table;
	int n_same = 0, n_differ = 0, n_missing = 0;

	ui_table_init(&table, ">Op,Value,>nmse,>max |a - b|,at");
	for (int v = 0; v < d->program->n_values; v++) {
		struct difference x = { .v = v };

		if (!a->values[v] || !b->values[v]) {
			n_missing += a->values[v] != b->values[v];
			continue;
		}
		if (!differs(a->values[v], b->values[v], &x)) {
			n_same++;
			continue;
		}
		if (n_differ++ < DIFF_ROWS)
			say_difference(d, &table, &x, a);
	}
	say(d, "%s and %s: %d %s equal, %d %s", a->name, b->name, n_same,
	    plural(n_same, "value", "values"), n_differ, plural(n_differ, "differs", "differ"));
	if (n_missing)
		say(d, ", %d in one of them only", n_missing);
	say(d, "%s\n", n_differ ? "; the first, in the order of the program:" : ".");
	if (n_differ)
		say_table(d, &table);
	if (n_differ > DIFF_ROWS)
		say(d, "… %d more behind them\n", n_differ - DIFF_ROWS);
	ui_table_release(&table);
}

/* What is called so: a baseline, or now. */
static const struct baseline *side(struct debugger *d, const char *name, struct baseline *now,
				   struct err *err)
{
	struct baseline *found = find_baseline(changes_of(d), name);

	if (found)
		return found;
	if (!strcmp(name, "now"))
		return baseline_take(d, "now", now, err) ? NULL : now;
	err_set(err, ERR_USAGE,
		"there is no baseline '%.60s'; `info baselines` lists them, `now` is one", name);
	return NULL;
}

static int diff_without_edits(struct debugger *d, struct err *err)
{
	struct baseline before, now;
	int r = baseline_take(d, "now", &now, err);

	if (r)
		return r;
	r = baseline_without_edits(d, &before, err);
	if (r == 0) {
		say_diff(d, &before, &now);
		baseline_release(&before, d->program->n_values);
	}
	baseline_release(&now, d->program->n_values);
	return r;
}

int cmd_diff(struct debugger *d, const char *args, struct err *err)
{
	struct baseline left = { 0 }, right = { 0 };
	const struct baseline *a, *b = NULL;
	char name[80] = "", other[80] = "now", rest[8] = "";
	int n = sscanf(args, "%79s %79s %7s", name, other, rest);

	if (!strncmp(args, "-t", 2))
		return diff_recording(d, args, err);
	if (!target_is_live(d->target))
		return err_set(err, ERR_USAGE,
			       "a recording is compared with another one: diff -t FILE");
	if (n < 1)
		return diff_without_edits(d, err);
	if (n > 2)
		return err_set(err, ERR_USAGE, "diff compares two baselines: diff before now");
	a = side(d, name, &left, err);
	if (a)
		b = side(d, other, &right, err);
	if (b)
		say_diff(d, a, b);
	baseline_release(&left, d->program->n_values);
	baseline_release(&right, d->program->n_values);
	return b ? 0 : err->code;
}

/* ---- files --------------------------------------------------------------------------------- */

static void say_saved(struct debugger *d, const struct session *s, const char *file)
{
	struct text command = { 0 };

	text_addf(&command, "%s trace --edits ", called_name());
	text_add_shell_word(&command, file);
	say(d, "%d %s and %d forced %s are in %s; `%s PROMPT` runs them anywhere.\n",
	    s->executor.n_edits, plural(s->executor.n_edits, "edit", "edits"), s->n_forced,
	    plural(s->n_forced, "token", "tokens"), file, command.data);
	text_release(&command);
}

int cmd_save_edits(struct debugger *d, const char *args, struct err *err)
{
	const struct session *s = &live_recorder(d->target)->generation.session;
	struct text recipe = { 0 };
	int r;

	if (!*args)
		return err_set(err, ERR_USAGE, "save edits wants a file: save edits edits.jsonl");
	recipe_write(s, &recipe);
	r = text_write_file(args, recipe.data ? recipe.data : "", recipe.len, err);
	text_release(&recipe);
	if (r == 0)
		say_saved(d, s, args);
	return r;
}

static int bind_expression(void *ctx, struct session *s, const char *text, struct edit *e,
			   struct err *err)
{
	(void)s;
	return hooked_edit(ctx, text, e, err);
}

int cmd_load_edits(struct debugger *d, const char *args, struct err *err)
{
	struct recipe_expressions expressions = { bind_expression, d };
	struct session *s = &live_recorder(d->target)->generation.session;
	const struct moment was = d->target->now, start = { 0, 0, 0, 0 };
	struct recipe recipe;
	int r;

	if (!*args)
		return err_set(err, ERR_USAGE, "load edits wants a file: load edits edits.jsonl");
	r = recipe_read(&recipe, d->program, args, err);
	if (r == 0)
		r = recipe_apply_edits(&recipe, s, &expressions, NULL, err);
	if (r == 0)
		r = recipe_apply_forced(&recipe, s, err);
	breakpoints_forget(d, &start);
	if (r == 0)
		r = d->target->class->go(d->target, &was, err);
	if (r == 0) {
		say(d, "%d %s from %s.\n", recipe.n, plural(recipe.n, "edit", "edits"), args);
		r = travel_stand(d, err);
	}
	recipe_release(&recipe);
	return r;
}
