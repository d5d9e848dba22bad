/*
 * catch.c -- stops at what is wrong with a value, wherever it is, and at a token.
 *
 * What is wrong goes on being wrong in all that is computed from it.  So an op is a catch only when
 * none of its inputs, of those that are looked at, is wrong as well.  Values that are computed when
 * they are read (scores, patterns) are not looked at: what reads them is.
 */
#include "break_impl.h"

#include "torchless/point.h"
#include "torchless/record.h"

#include <ctype.h>
#include <math.h>

enum fault { FAULT_NAN, FAULT_INF, FAULT_ABSMAX, CATCH_TOKEN };

struct catch
{
	enum fault fault;
	double limit;   /* FAULT_ABSMAX */
	int32_t token;  /* CATCH_TOKEN */
	char *text;     /* as it was said */
	bool *looks_at; /* [n_values] */
	bool is_guard;  /* the one that is there by itself: one stop a generation */
};

/* ---- is it wrong? ---------------------------------------------------------------------------- */

/* The bits of |x|, which are ordered as the magnitudes are: above infinity are the NaNs. */
#define BITS_INF 0x7f800000u

/* The largest of them: one loop without a branch, so that looking at every value is cheap. */
static uint32_t largest_bits(const float *x, int64_t n)
{
	uint32_t most = 0;

	for (int64_t i = 0; i < n; i++) {
		uint32_t bits;

		memcpy(&bits, &x[i], sizeof(bits));
		bits &= 0x7fffffffu;
		most = bits > most ? bits : most;
	}
	return most;
}

static bool is_wrong_element(const struct catch *c, float x)
{
	switch (c->fault) {
	case FAULT_NAN:
		return isnan(x);
	case FAULT_INF:
		return isinf(x);
	default:
		return fabs((double)x) > c->limit;
	}
}

static bool is_wrong(const struct catch *c, const float *x, int64_t n)
{
	uint32_t most = largest_bits(x, n);
	float largest;

	if (c->fault == FAULT_NAN || most < BITS_INF) {
		memcpy(&largest, &most, sizeof(largest));
		return c->fault == FAULT_NAN
			       ? most > BITS_INF
			       : c->fault == FAULT_ABSMAX && (double)largest > c->limit;
	}
	for (int64_t i = 0; i < n; i++) /* a NaN may hide what is looked for */
		if (is_wrong_element(c, x[i]))
			return true;
	return false;
}

/* ---- values ---------------------------------------------------------------------------------- */

/* The elements of a value that is there, in one run; *a is to be released.  False: none. */
static bool read_value(const struct debugger *d, value_id v, struct tensor *t, struct array **a)
{
	const struct value *value = &d->program->values[v];
	struct err ignored = { 0 };

	*a = NULL;
	if (value->storage == STORAGE_LAZY || !d->target->has(d->target, v))
		return false;
	if (target_is_live(d->target)) {
		*t = executor_tensor(&live_recorder(d->target)->generation.session.executor, v);
		if (t->data && t->dtype == DTYPE_F32 && tensor_is_contiguous(t))
			return true;
	}
	*a = d->target->source.read(d->target->source.ctx, value->name, &ignored);
	if (!*a)
		return false;
	*t = tensor_make(DTYPE_F32, (*a)->n_dims, (*a)->shape, (*a)->data);
	return true;
}

static bool value_is_wrong(const struct debugger *d, const struct catch *c, value_id v)
{
	struct array *a;
	struct tensor t;
	bool wrong;

	if (!c->looks_at[v] || !read_value(d, v, &t, &a))
		return false;
	wrong = is_wrong(c, t.data, tensor_numel(&t));
	array_release(a);
	return wrong;
}

/* The first output of an op that is wrong where no input is; -1: none. */
static value_id wrong_output(const struct debugger *d, const struct catch *c, int op)
{
	const struct op *o = &d->program->ops[op];
	value_id wrong = -1;

	for (int k = o->n_out - 1; k >= 0; k--)
		if (value_is_wrong(d, c, o->out[k]))
			wrong = o->out[k];
	for (int k = 0; wrong >= 0 && k < o->n_in; k++)
		if (d->program->values[o->in[k]].op >= 0 && value_is_wrong(d, c, o->in[k]))
			return -1;
	return wrong;
}

/* ---- asking ---------------------------------------------------------------------------------- */

/* Whether it was there before in this generation. */
static bool was_caught(const struct breakpoint *b, int pass)
{
	return b->n_hits > 0 && b->hits[0].pass < pass;
}

static int ask_token(const struct debugger *d, const struct catch *c, const struct moment *at,
		     struct answer *a)
{
	const struct target_class *t = d->target->class;
	struct pass_info info;
	const int32_t *ids;
	int64_t n_prompt, n = t->tokens(d->target, &ids, &n_prompt);

	if (at->op != 0 || at->step != 0 || !t->pass(d->target, at->pass, &info))
		return 0;
	for (int64_t i = info.pos0; i < info.pos0 + info.T && i < n; i++)
		a->hit |= i >= n_prompt && ids[i] == c->token;
	a->depth = op_depth_max(d->program, 0);
	return 0;
}

static int ask(struct debugger *d, struct breakpoint *b, const struct moment *at, bool is_back,
	       struct answer *a, struct err *err)
{
	const struct catch *c = b->own;
	int first = 0, n = breakpoint_questions(b, at, &first);
	bool holds = true;

	(void)is_back;
	if (n == 0 || at->pass < 0 || at->step != 0)
		return 0;
	a->depth = b->questions[first].depth;
	a->left_module = b->questions[first].left_module;
	if (c->fault == CATCH_TOKEN)
		ask_token(d, c, at, a);
	else if (!c->is_guard || !was_caught(b, at->pass))
		a->hit = wrong_output(d, c, at->op - 1) >= 0;
	if (a->hit && b->condition &&
	    condition_holds(d, b->condition, &b->questions[first], first, at, &holds, err))
		return err->code;
	a->hit &= holds;
	return 0;
}

static void mark(struct debugger *d, const struct breakpoint *b, struct stopper *s)
{
	(void)d;
	for (int i = 0; i < b->n_questions; i++)
		s->ops[b->questions[i].op] = 1;
}

/* ---- saying ---------------------------------------------------------------------------------- */

/* "head 2, q 0, k 1": where element `at` is. */
static void add_index(const struct debugger *d, value_id v, const struct tensor *t, int64_t at,
		      struct text *out)
{
	const char *axes = value_axes(&d->program->values[v]);
	int64_t inner = tensor_numel(t);

	for (int i = 0; i < t->n_dims; i++) {
		size_t len = strcspn(axes, ",");

		inner /= t->shape[i];
		text_addf(out, "%s%.*s%s%lld", i ? ", " : "", (int)len, axes, len ? " " : "",
			  (long long)(at / inner % t->shape[i]));
		axes += len + (axes[len] == ',');
	}
}

static void say_tensor(struct debugger *d, const char *what, value_id v)
{
	struct text line = { 0 };
	struct array *a;
	struct tensor t;

	text_addf(&line, "  %s %s  ", what, d->program->values[v].name);
	if (read_value(d, v, &t, &a)) {
		ui_add_tensor(&line, d->opt.ui, &t);
		array_release(a);
	} else {
		text_adds(&line, "(computed when it is read)");
	}
	say_clipped(d, &line);
	text_release(&line);
}

static const char *fault_name(const struct catch *c)
{
	return c->fault == FAULT_NAN ? "NaN" : c->fault == FAULT_INF ? "infinite" : "too large";
}

static void say_wrong(struct debugger *d, const struct catch *c, int op)
{
	const struct op *o = &d->program->ops[op];
	value_id v = wrong_output(d, c, op);
	int64_t n = 0, first = -1, numel;
	struct text index = { 0 };
	struct array *a;
	struct tensor t;

	if (v < 0 || !read_value(d, v, &t, &a))
		return;
	numel = tensor_numel(&t);
	for (int64_t i = 0; i < numel; i++)
		if (is_wrong_element(c, ((const float *)t.data)[i]) && n++ == 0)
			first = i;
	text_adds(&index, "");
	add_index(d, v, &t, first, &index);
	say(d, "  %s: %lld of %lld are %s, the first at %s: %g\n", d->program->values[v].name,
	    (long long)n, (long long)numel, fault_name(c), index.data,
	    printed((double)((const float *)t.data)[first]));
	array_release(a);
	text_release(&index);
	for (int k = 0; k < o->n_in; k++) {
		char name[16];

		snprintf(name, sizeof(name), "in[%d]", k);
		if (d->program->values[o->in[k]].storage != STORAGE_WEIGHT)
			say_tensor(d, name, o->in[k]);
	}
}

static void say_catch(struct debugger *d, struct breakpoint *b, const struct moment *at)
{
	const struct catch *c = b->own;

	say(d, "Catchpoint %d (%s)", b->number, c->text);
	if (c->fault == CATCH_TOKEN) {
		say(d, "\n");
		return;
	}
	say(d, ", %s\n", op_table[d->program->ops[at->op - 1].code].name);
	say_wrong(d, c, at->op - 1);
}

static void what(const struct debugger *d, const struct breakpoint *b, struct text *out)
{
	const struct catch *c = b->own;

	text_add_visible(out, c->text, strlen(c->text));
	if (c->fault == CATCH_TOKEN) {
		text_addf(out, ", %d ", c->token);
		place_add_token(d, c->token, out);
	}
	if (c->is_guard)
		text_adds(out, ", the first of a generation");
}

static void line(const struct breakpoint *b, struct text *out)
{
	const struct catch *c = b->own;

	text_addf(out, "catch %s", c->text);
	if (b->condition)
		text_addf(out, " if %s", b->condition->text);
}

static void release(struct breakpoint *b)
{
	struct catch *c = b->own;

	if (!c)
		return;
	free(c->looks_at);
	free(c->text);
	free(c);
}

static void at_end(struct debugger *d, struct breakpoint *b)
{
	const struct catch *c = b->own;
	const int32_t *ids;
	int64_t n_prompt, n = d->target->class->tokens(d->target, &ids, &n_prompt);

	if (c->fault == CATCH_TOKEN && n > n_prompt && ids[n - 1] == c->token)
		say(d, "Catchpoint %d (%s): it is the last one\n", b->number, c->text);
}

static const struct break_class catch_class = {
	.type = "catchpoint",
	.title = "Catchpoint",
	.mark = mark,
	.ask = ask,
	.say = say_catch,
	.what = what,
	.line = line,
	.at_end = at_end,
	.release = release,
};

/* ---- setting one ----------------------------------------------------------------------------- */

static void set_questions(struct debugger *d, struct breakpoint *b)
{
	const struct program *p = d->program;
	const struct catch *c = b->own;
	struct question *q = mem_calloc((size_t)p->n_ops + 1, sizeof(*q));
	int n = 0;

	if (c->fault == CATCH_TOKEN)
		q[n++] = (struct question){ 0, op_depth_max(p, 0), -1, NULL, false };
	for (int op = 0; op < p->n_ops && c->fault != CATCH_TOKEN; op++) {
		bool is_looked_at = false;

		for (int k = 0; k < p->ops[op].n_out; k++)
			is_looked_at |= c->looks_at[p->ops[op].out[k]] &&
					p->values[p->ops[op].out[k]].storage != STORAGE_LAZY;
		if (is_looked_at)
			q[n++] = (struct question){ op + 1, op_depth_min(p, op + 1),
						    module_is_op(p, p->ops[op].module)
							    ? p->ops[op].module
							    : -1,
						    NULL, false };
	}
	breakpoint_set_questions(d, b, q, n);
}

/* "the" or 'the', with its escapes, as bytes; or the number of a token.  *s moves behind it. */
static int read_token(struct debugger *d, const char **s, int32_t *id, struct err *err)
{
	struct text bytes = { 0 };
	const char *at = *s;
	const char quote = *at;
	char *end;

	if (isdigit((unsigned char)*at)) {
		*id = (int32_t)strtol(at, &end, 10);
		*s = end;
		return 0;
	}
	if (quote != '"' && quote != '\'')
		return err_set(err, ERR_USAGE,
			       "catch token wants its text in quotes, or its number");
	text_adds(&bytes, "");
	for (at++; *at && *at != quote; at++) {
		if (*at == '\\' && at[1])
			at++;
		text_addc(&bytes, at[-1] == '\\' && *at == 'n' ? '\n' : *at);
	}
	*id = *at ? target_token_id(d->target, bytes.data, bytes.len) : -1;
	*s = at + (*at == quote);
	if (!*at)
		err_set(err, ERR_USAGE, "the text of the token has no closing quote");
	else if (*id < 0)
		err_set(err, ERR_USAGE,
			"'%.60s' is no token by itself: `tokenize` shows which it is", bytes.data);
	text_release(&bytes);
	return *id < 0 ? ERR_USAGE : 0;
}

static const char *behind(const char *s, const char *word)
{
	size_t n = strlen(word);

	if (strncmp(s, word, n) != 0 || (s[n] && !strchr(" \t>\"'", s[n])))
		return NULL;
	return s + n + strspn(s + n, " \t");
}

/* What is to be caught; *s moves behind it, to the glob. */
static int read_fault(struct debugger *d, struct catch *c, const char **s, struct err *err)
{
	const char *at;
	char *end;

	if ((at = behind(*s, "nan")) || (at = behind(*s, "inf"))) {
		c->fault = **s == 'n' ? FAULT_NAN : FAULT_INF;
	} else if ((at = behind(*s, "absmax"))) {
		c->fault = FAULT_ABSMAX;
		if (*at++ != '>')
			return err_set(err, ERR_USAGE, "catch absmax wants `> X` behind it");
		c->limit = strtod(at, &end);
		if (end == at || !(c->limit >= 0))
			return err_set(err, ERR_USAGE, "'%.60s' is no magnitude", at);
		at = end;
	} else if ((at = behind(*s, "token"))) {
		c->fault = CATCH_TOKEN;
		if (read_token(d, &at, &c->token, err))
			return err->code;
	} else {
		return err_set(err, ERR_USAGE,
			       "'%.40s' cannot be caught: nan, inf, absmax > X, token \"TEXT\"",
			       *s);
	}
	*s = at + strspn(at, " \t");
	return 0;
}

/* The values that a glob names, of modules all that is in them; all where there is no glob. */
static int read_glob(struct debugger *d, struct catch *c, const char *glob, struct err *err)
{
	const struct program *p = d->program;
	struct location l;

	c->looks_at = mem_calloc((size_t)p->n_values, sizeof(*c->looks_at));
	for (int v = 0; v < p->n_values; v++)
		c->looks_at[v] = !*glob && p->values[v].op >= 0;
	if (!*glob)
		return 0;
	if (c->fault == CATCH_TOKEN)
		return err_set(err, ERR_USAGE, "'%.60s' is too much: a token is in no module",
			       glob);
	if (location_parse(d, glob, &l, err))
		return err->code;
	for (int i = 0; i < l.n_spots; i++)
		for (int v = 0; v < p->n_values; v++) {
			const struct spot *s = &l.spots[i];
			int op = p->values[v].op;

			c->looks_at[v] |=
				op >= 0 &&
				(s->module >= 0 ? op >= p->modules[s->module].op_first &&
							  op < p->modules[s->module].op_end
						: op == s->op);
		}
	if (l.n_spots == 0)
		err_set(err, ERR_USAGE, "'%.60s' names no values", glob);
	location_release(&l);
	return err->code;
}

struct breakpoint *break_catch(struct debugger *d, const char *text, const char *condition,
			       struct err *err)
{
	struct breakpoint *b = breakpoint_add(d, &catch_class);
	struct catch *c = b->own = mem_calloc(1, sizeof(*c));
	const char *s = text;
	int r;

	c->text = mem_strdup(text);
	r = read_fault(d, c, &s, err);
	if (r == 0)
		r = read_glob(d, c, s, err);
	if (r == 0)
		set_questions(d, b);
	if (r == 0 && condition)
		r = breakpoint_set_condition(d, b, condition, err);
	if (r == 0)
		return b;
	d->breakpoints->last_number--;
	breakpoint_delete(d, b);
	return NULL;
}

void breakpoints_guard(struct debugger *d)
{
	struct err ignored = { 0 };
	struct breakpoint *b;

	d->breakpoints->last_number = -1;
	b = break_catch(d, "nan", NULL, &ignored);
	((struct catch *)b->own)->is_guard = true;
}
