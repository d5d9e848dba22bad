/*
 * display.c -- expressions that are shown at every stop.
 *
 * Each is parsed once.  One whose names mean nothing where one stands, or whose value is not there
 * yet, says so and waits; one that fails otherwise is disabled, which is a failure of the command
 * that led there.
 */
#include "../debug_impl.h"

#include "torchless/expression.h"

struct display {
	int number;
	bool is_off;
	struct print_format format;
	struct expression *expression;
};

struct displays {
	struct display *list;
	int n, last;
	size_t cap;
};

struct displays *displays_new(void)
{
	return mem_calloc(1, sizeof(struct displays));
}

void displays_free(struct displays *s)
{
	if (!s)
		return;
	for (int i = 0; i < s->n; i++)
		expression_free(s->list[i].expression);
	free(s->list);
	free(s);
}

#define MAX_DISPLAYS 1000

int displays_add(struct debugger *d, const char *text, const struct print_format *f,
		 struct err *err)
{
	struct displays *s = d->displays;
	struct display one = { .format = *f };

	if (s->n >= MAX_DISPLAYS)
		return err_set(err, ERR_USAGE, "there are %d displays already: `undisplay`", s->n);
	one.expression = expression_parse(text, debugger_names_ahead(d), err);
	if (!one.expression)
		return err->code;
	one.number = ++s->last;
	s->list = mem_grow(s->list, (size_t)s->n, &s->cap, sizeof(*s->list));
	s->list[s->n++] = one;
	return s->last;
}

static struct display *find_display(struct displays *s, int number)
{
	for (int i = 0; i < s->n; i++)
		if (s->list[i].number == number)
			return &s->list[i];
	return NULL;
}

int displays_change(struct debugger *d, int number, enum display_change what, struct err *err)
{
	struct displays *s = d->displays;
	struct display *one = find_display(s, number);
	int at;

	if (!one)
		return err_set(err, ERR_USAGE, "there is no display %d: `info display` lists them",
			       number);
	if (what != DISPLAY_DELETE) {
		one->is_off = what == DISPLAY_DISABLE;
		return 0;
	}
	at = (int)(one - s->list);
	expression_free(one->expression);
	memmove(one, one + 1, (size_t)(s->n - at - 1) * sizeof(*one));
	s->n--;
	return 0;
}

int displays_number(const struct displays *s, int i)
{
	return i < s->n ? s->list[i].number : 0;
}

/* ---- showing ------------------------------------------------------------------------------- */

static void say_head(struct debugger *d, const struct display *one, const char *between)
{
	struct text t = { 0 };

	text_add_visible(&t, expression_text(one->expression),
			 strlen(expression_text(one->expression)));
	say(d, "%d: %s%s", one->number, t.data ? t.data : "", between);
	text_release(&t);
}

static int show_one(struct debugger *d, struct display *one, struct err *err)
{
	struct array_value v;
	struct text t = { 0 };
	size_t at;
	int r = evaluate_parsed(d, one->expression, &v, &at, err);

	if (r == 0) {
		struct print_format f = one->format;

		if (!f.letter && v.kind == ARRAY_TENSOR)
			f.letter = 's';
		say_head(d, one, " = ");
		show_value(d, &v, &f, &t);
		say(d, "%s", t.data);
		text_release(&t);
		array_value_release(&v);
		return 0;
	}
	if (evaluate_saw_nothing(d)) {
		say_head(d, one, ": ");
		say_styled(d, UI_DIM, "%s", err->message);
		say(d, "\n");
		return 0;
	}
	if (r == ERR_INTERRUPTED)
		return r;
	one->is_off = true;
	return r;
}

int displays_show_one(struct debugger *d, int number, struct err *err)
{
	struct display *one = find_display(d->displays, number);

	return one ? show_one(d, one, err) : 0;
}

int displays_show(struct debugger *d, struct err *err)
{
	struct err first = { 0 };

	for (int i = 0; i < d->displays->n; i++) {
		struct err e = { 0 };

		struct display *one = &d->displays->list[i];

		if (one->is_off || !show_one(d, one, &e) || first.code)
			continue;
		first = e;
		if (one->is_off)
			err_wrap(&first, "display %d, which is disabled now", one->number);
	}
	if (first.code)
		*err = first;
	return first.code;
}

void displays_list(struct debugger *d)
{
	if (d->displays->n == 0)
		say(d, "Nothing is displayed: `display EXPRESSION`.\n");
	for (int i = 0; i < d->displays->n; i++) {
		const struct display *one = &d->displays->list[i];
		struct print_format f = one->format;

		say_head(d, one, "");
		if (f.letter)
			say_styled(d, UI_DIM, "  /%c", f.letter);
		say(d, "%s\n", one->is_off ? "  (disabled)" : "");
	}
}
