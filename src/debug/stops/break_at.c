/*
 * break_at.c -- breakpoints that lie at a location: break, tbreak, rbreak, dprintf.
 */
#include "break_impl.h"

#include <ctype.h>

/* ---- asking ---------------------------------------------------------------------------------- */

static void mark(struct debugger *d, const struct breakpoint *b, struct stopper *s)
{
	const struct location *l = &b->location;
	bool is_step = l->kind == LOCATION_MOMENT && l->moment.step > 0;

	(void)d;
	s->sampler |= is_step && l->moment.pass >= 0;
	for (int i = 0; i < b->n_questions; i++)
		if (b->questions[i].op < 0)
			s->tokenizer = true;
		else
			s->ops[b->questions[i].op] = 1;
}

/* Whether the moment is one that the location names; of spots, the questions tell. */
static bool lies_there(const struct debugger *d, const struct breakpoint *b,
		       const struct moment *at)
{
	struct moment m = *at;

	if (b->location.n_spots > 0)
		return at->pass >= 0 && at->step == 0;
	return location_has(d, &b->location, &m);
}

static int ask(struct debugger *d, struct breakpoint *b, const struct moment *at, bool is_back,
	       struct answer *a, struct err *err)
{
	int first = 0, n = breakpoint_questions(b, at, &first);

	(void)is_back;
	if (n == 0 || !lies_there(d, b, at))
		return 0;
	for (int i = first; i < first + n; i++) {
		const struct question *q = &b->questions[i];
		bool holds = true;

		if (b->condition && condition_holds(d, b->condition, q, i, at, &holds, err))
			return err->code;
		if (!holds)
			continue;
		a->hit = true;
		a->depth = q->depth;
		a->left_module = q->left_module;
		if (b->location.kind == LOCATION_MOMENT)
			a->depth = b->location.moment.depth;
		return 0;
	}
	return 0;
}

/* ---- saying ---------------------------------------------------------------------------------- */

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

static void what(const struct debugger *d, const struct breakpoint *b, struct text *out)
{
	const struct location *l = &b->location;

	text_add_visible(out, l->text.data, l->text.len);
	if (l->n_spots == 1 && !strchr(l->text.data, '/')) {
		const struct op *op = &d->program->ops[l->spots[0].op];

		text_addf(out, " at %s:%d", base_name(op->file), op->line);
	} else if (l->n_spots > 1) {
		text_addf(out, ", %d places", l->n_spots);
	}
}

static void line(const struct breakpoint *b, struct text *out)
{
	text_addf(out, "%s %s", b->disposition == DELETE_WHEN_HIT ? "tbreak" : "break",
		  b->location.text.data);
	if (b->condition)
		text_addf(out, " if %s", b->condition->text);
}

const struct break_class break_at_location = {
	.type = "breakpoint",
	.title = "Breakpoint",
	.mark = mark,
	.ask = ask,
	.what = what,
	.line = line,
};

/* Set up at a location with the class and a condition; NULL and nothing is left on failure. */
static struct breakpoint *add_at(struct debugger *d, const struct break_class *class,
				 struct location *l, const char *condition, struct err *err)
{
	struct breakpoint *b = breakpoint_add(d, class);

	b->location = *l;
	*l = (struct location){ 0 };
	if (breakpoint_set_condition(d, b, condition, err)) {
		d->breakpoints->last_number--;
		breakpoint_delete(d, b);
		return NULL;
	}
	return b;
}

struct breakpoint *break_at(struct debugger *d, struct location *l, const char *condition,
			    struct err *err)
{
	return add_at(d, &break_at_location, l, condition, err);
}

/* ---- dprintf --------------------------------------------------------------------------------- */

#define MAX_ARGS 16

struct print {
	char *said; /* as it was given: "fmt", expressions */
	char *format;
	struct condition *args[MAX_ARGS];
	int n_args;
	bool behind;      /* an argument asks for `out` */
	struct text made; /* the line, where it was asked last */
};

/* Append the bytes of a format that stands in quotes at *s, which moves behind them. */
static int read_format(const char **s, struct text *out, struct err *err)
{
	const char *at = *s;

	text_adds(out, "");
	if (*at++ != '"')
		return err_set(err, ERR_USAGE,
			       "dprintf LOCATION,\"FORMAT\",EXPRESSION...: the format "
			       "stands in quotes");
	for (; *at && *at != '"'; at++) {
		static const char named[] = "n\nt\t\\\\\"\"";
		const char *c = NULL;

		if (*at == '\\' && at[1]) {
			at++;
			for (size_t i = 0; named[i] && !c; i += 2)
				c = named[i] == *at ? &named[i + 1] : NULL;
			if (!c)
				return err_set(err, ERR_USAGE, "the format has no escape \\%c",
					       *at);
			text_addc(out, *c);
		} else {
			text_addc(out, *at);
		}
	}
	if (*at != '"')
		return err_set(err, ERR_USAGE, "the format has no closing quote");
	*s = at + 1;
	return 0;
}

/* The next conversion at or behind *s: its letter, where it begins and ends; 0: there is none. */
static char next_conversion(const char *s, const char **from, const char **end)
{
	while ((s = strchr(s, '%')) != NULL) {
		const char *e = s + 1;

		if (*e == '%') {
			s += 2;
			continue;
		}
		e += strspn(e, "-+ #0");
		e += strspn(e, "0123456789");
		if (*e == '.')
			e += 1 + strspn(e + 1, "0123456789");
		e += strspn(e, "hlqjzt");
		*from = s;
		*end = *e ? e + 1 : e;
		return *e ? *e : '%';
	}
	return 0;
}

static int check_format(const struct print *p, struct err *err)
{
	const char *s = p->format, *from, *end = s;
	char c;
	int n = 0;

	while ((c = next_conversion(s, &from, &end)) != 0) {
		if (!strchr("dioxXufFeEgGscp", c) || end - from > 24)
			return err_set(err, ERR_USAGE, "the format has no conversion '%.24s'",
				       from);
		n++;
		s = end;
	}
	return n == p->n_args
		       ? 0
		       : err_set(err, ERR_USAGE,
				 "the format wants %d expressions, and there are %d", n, p->n_args);
}

size_t argument_length(const char *s)
{
	int depth = 0;
	char quote = 0;
	size_t i;

	for (i = 0; s[i]; i++) {
		if (quote) {
			if (s[i] == '\\' && s[i + 1])
				i++;
			else if (s[i] == quote)
				quote = 0;
		} else if (s[i] == '"' || s[i] == '\'') {
			quote = s[i];
		} else if (strchr("([", s[i])) {
			depth++;
		} else if (strchr(")]", s[i])) {
			depth--;
		} else if (s[i] == ',' && depth <= 0) {
			break;
		}
	}
	return i;
}

/* The expressions behind the format, as texts; how many, or ERR_USAGE. */
static int split_arguments(const char *s, char *args[MAX_ARGS], struct err *err)
{
	int n = 0;

	while (*(s += strspn(s, " \t")) == ',') {
		size_t len;

		s++;
		s += strspn(s, " \t");
		len = argument_length(s);
		if (n == MAX_ARGS)
			return err_set(err, ERR_USAGE, "dprintf takes at most %d expressions",
				       MAX_ARGS);
		args[n++] = mem_memdup(s, len);
		s += len;
	}
	if (*s)
		return err_set(err, ERR_USAGE, "a comma is due before '%.60s'", s);
	return n;
}

static void release_print(struct breakpoint *b)
{
	struct print *p = b->own;

	for (int i = 0; p && i < p->n_args; i++)
		condition_free(p->args[i]);
	if (p) {
		free(p->said);
		free(p->format);
		text_release(&p->made);
	}
	free(p);
}

static int parse_arguments(struct debugger *d, struct breakpoint *b, char **args, int n,
			   struct err *err)
{
	struct print *p = b->own;
	struct question *q;
	int n_questions;

	for (int i = 0; i < n; i++)
		p->behind |= condition_uses_out(args[i]);
	q = location_questions(d, &b->location, p->behind, &n_questions);
	breakpoint_set_questions(d, b, q, n_questions);
	for (int i = 0; i < n; i++) {
		if (condition_new(d, args[i], q, n_questions, &p->args[i], err))
			return err->code;
		p->n_args++;
	}
	return check_format(p, err);
}

static int read_print(struct debugger *d, struct breakpoint *b, const char *said, struct err *err)
{
	struct print *p = b->own = mem_calloc(1, sizeof(*p));
	char *args[MAX_ARGS] = { 0 };
	struct text format = { 0 };
	int n, r = read_format(&said, &format, err);

	p->format = format.data;
	if (r)
		return r;
	n = split_arguments(said, args, err);
	r = n < 0 ? n : parse_arguments(d, b, args, n, err);
	for (int i = 0; i < MAX_ARGS; i++)
		free(args[i]);
	return r;
}

struct breakpoint *break_printf_at(struct debugger *d, struct location *l, const char *args,
				   struct err *err)
{
	struct breakpoint *b = breakpoint_add(d, &break_printf);

	b->location = *l;
	*l = (struct location){ 0 };
	if (read_print(d, b, args, err)) {
		d->breakpoints->last_number--;
		breakpoint_delete(d, b);
		return NULL;
	}
	((struct print *)b->own)->said = mem_strdup(args);
	return b;
}

/* ---- dprintf: saying it ---------------------------------------------------------------------- */

/* One value as the conversion wants it; what is no number is shown as a text. */
static void add_value(const struct array_value *v, const char *from, const char *end,
		      struct text *out)
{
	struct text shown = { 0 };
	char spec[32], buf[512];
	int flags = (int)(end - from) - 1;
	char c = end[-1];
	double x = v->kind == ARRAY_WHOLE ? (double)v->whole : v->real;
	bool is_number = v->kind == ARRAY_WHOLE || v->kind == ARRAY_REAL;

	while (flags > 1 && strchr("hlqjzt", from[flags - 1]))
		flags--;
	if (v->kind == ARRAY_TENSOR && v->array->numel == 1) {
		x = (double)v->array->data[0];
		is_number = true;
	}
	if (is_number && strchr("fFeEgG", c)) {
		snprintf(spec, sizeof(spec), "%.*s%c", flags, from, c);
		snprintf(buf, sizeof(buf), spec, x);
	} else if (is_number && strchr("dioxXu", c) && x >= -9e18 && x <= 9e18) {
		snprintf(spec, sizeof(spec), "%.*sll%c", flags, from, c);
		snprintf(buf, sizeof(buf), spec,
			 v->kind == ARRAY_WHOLE ? (long long)v->whole : (long long)x);
	} else {
		if (v->kind == ARRAY_TEXT)
			text_add_visible(&shown, array_value_text(v), v->text.len);
		else
			value_add_line(v, &shown);
		text_add(out, shown.data, shown.len);
		text_release(&shown);
		return;
	}
	text_adds(out, buf);
}

static int format_line(struct debugger *d, struct breakpoint *b, const struct moment *at, int q,
		       struct text *out, struct err *err)
{
	const struct print *p = b->own;
	const char *s = p->format, *from, *end;
	int r = 0;

	for (int i = 0; i < p->n_args && r == 0; i++) {
		struct array_value v = { 0 };

		if (!next_conversion(s, &from, &end))
			break;
		for (; s < from; s++)
			if (*s != '%' || s[1] != '%' || ++s)
				text_addc(out, *s);
		if (!condition_sees(p->args[i], q))
			text_adds(out, "?");
		else
			r = condition_evaluate(d, p->args[i], &b->questions[q], q, at, &v, err);
		if (r == 0 && condition_sees(p->args[i], q))
			add_value(&v, from, end, out);
		array_value_release(&v);
		s = end;
	}
	for (; *s && r == 0; s++) {
		s += s[0] == '%' && s[1] == '%';
		text_addc(out, *s);
	}
	return r;
}

/* It is hit where it lies and its condition holds; then the line is made, while all is there. */
static int ask_print(struct debugger *d, struct breakpoint *b, const struct moment *at,
		     bool is_back, struct answer *a, struct err *err)
{
	struct print *p = b->own;
	int first = 0;
	int r = ask(d, b, at, is_back, a, err);

	if (r || !a->hit)
		return r;
	breakpoint_questions(b, at, &first);
	while (b->questions[first].depth != a->depth ||
	       b->questions[first].left_module != a->left_module)
		first++;
	text_clear(&p->made);
	return format_line(d, b, at, first, &p->made, err);
}

static void say_print(struct debugger *d, struct breakpoint *b, const struct moment *at)
{
	const struct print *p = b->own;

	(void)at;
	say(d, "%s", p->made.len ? p->made.data : "");
	say_flush(d);
}

static void what_print(const struct debugger *d, const struct breakpoint *b, struct text *out)
{
	const struct print *p = b->own;

	what(d, b, out);
	text_addc(out, ' ');
	text_add_visible(out, p->said, strlen(p->said));
}

static void line_print(const struct breakpoint *b, struct text *out)
{
	const struct print *p = b->own;

	text_addf(out, "dprintf %s,%s", b->location.text.data, p->said);
}

const struct break_class break_printf = {
	.type = "dprintf",
	.title = "Dprintf",
	.is_silent = true,
	.mark = mark,
	.ask = ask_print,
	.say = say_print,
	.what = what_print,
	.line = line_print,
	.release = release_print,
};
