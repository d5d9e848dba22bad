/*
 * cmd_print.c -- printing values: print, output, x, display, whatis, ptype, set $x, info values.
 */
#include "../debug_impl.h"

#include "torchless/expression.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>

/* ---- print --------------------------------------------------------------------------------- */

/* What reads a tensor wants a program that runs; 1 + 1 does not. */
static int begin_for(struct debugger *d, const char *text, struct err *err)
{
	static const char *const of_a_run[] = { "token", "pos", "tokens", "prompt" };
	struct err ignored = { 0 };
	struct expression *e;
	bool reads;

	if (d->target->has_begun)
		return 0;
	e = expression_parse(text, debugger_names_ahead(d), &ignored);
	reads = e && (expression_n_paths(e) > 0 || strstr(text, "lens"));
	for (size_t i = 0; e && i < sizeof(of_a_run) / sizeof(of_a_run[0]); i++)
		reads |= expression_uses(e, of_a_run[i]);
	expression_free(e);
	return reads ? debugger_begin(d, err) : 0;
}

static void say_value(struct debugger *d, const struct array_value *v, const struct print_format *f)
{
	struct text t = { 0 };

	show_value(d, v, f, &t);
	say(d, "%s", t.data ? t.data : "");
	text_release(&t);
}

int cmd_print(struct debugger *d, const char *args, struct err *err)
{
	struct print_format f;
	struct array_value v;
	int number = 0;

	if (print_format_parse(&args, false, &f, err))
		return err->code;
	args = *args ? args : "$";
	if (begin_for(d, args, err) || evaluate(d, args, &v, err))
		return err->code;
	if (v.kind != ARRAY_NULL)
		number = values_keep(d->values, &v, err);
	if (number > 0)
		say(d, "$%d = ", number);
	if (number >= 0)
		say_value(d, &v, &f);
	array_value_release(&v);
	return number < 0 ? number : 0;
}

int cmd_output(struct debugger *d, const char *args, struct err *err)
{
	struct print_format f;
	struct array_value v;

	if (print_format_parse(&args, false, &f, err))
		return err->code;
	if (!*args)
		return err_set(err, ERR_USAGE, "output wants an expression");
	if (begin_for(d, args, err) || evaluate(d, args, &v, err))
		return err->code;
	say_value(d, &v, &f);
	array_value_release(&v);
	return 0;
}

int cmd_x(struct debugger *d, const char *args, struct err *err)
{
	struct print_format f;
	struct array_value last = { .kind = ARRAY_REAL };

	if (print_format_parse(&args, true, &f, err))
		return err->code;
	if (d->is_repeat)
		args = "";
	if (examine(d, args, &f, err))
		return err->code;
	if (examined_last(d, &last.real) >= 0)
		values_set(d->values, "_", &last, err);
	return 0;
}

/* ---- what is it ---------------------------------------------------------------------------- */

int cmd_whatis(struct debugger *d, const char *args, struct err *err)
{
	return say_what_is(d, *args ? args : "$", false, err);
}

int cmd_ptype(struct debugger *d, const char *args, struct err *err)
{
	return say_what_is(d, *args ? args : "$", true, err);
}

/* ---- variables ----------------------------------------------------------------------------- */

/* "$x = " at *s: past it, and the name; false when it is something else. */
static bool take_name(const char **s, struct text *name)
{
	const char *at = *s;

	if (*at++ != '$' || (!isalpha((unsigned char)*at) && *at != '_'))
		return false;
	while (isalnum((unsigned char)*at) || *at == '_')
		text_addc(name, *at++);
	at += strspn(at, " \t");
	if (at[0] != '=' || at[1] == '=')
		return false;
	*s = at + 1 + strspn(at + 1, " \t");
	return true;
}

int set_variable(struct debugger *d, const char *args, struct err *err)
{
	struct text name = { 0 };
	struct array_value v;
	int r;

	if (!take_name(&args, &name) || name.len > 60) {
		text_release(&name);
		return err_set(
			err, ERR_USAGE,
			"a variable is set by `set $name = EXPRESSION`; values $1, $2, ... stay");
	}
	r = begin_for(d, args, err);
	if (r == 0)
		r = evaluate(d, args, &v, err);
	if (r == 0) {
		r = values_set(d->values, name.data, &v, err);
		array_value_release(&v);
	}
	text_release(&name);
	return r;
}

/* ---- what is kept -------------------------------------------------------------------------- */

#define N_SHOWN 10

/* On one line, tensors by their statistics. */
static void say_short(struct debugger *d, const char *name, const struct array_value *v)
{
	int width = d->opt.ui && d->opt.ui->width > 0 ? d->opt.ui->width : 80;
	struct text t = { 0 };

	text_addf(&t, "%s = ", name);
	show_value(d, v, &(struct print_format){ .letter = v->array ? 's' : 0 }, &t);
	if (v->kind == ARRAY_TEXT) {
		struct text clipped = { 0 };

		ui_add_clipped(&clipped, d->opt.ui, t.data, t.len - 1, width);
		say(d, "%s\n", clipped.data);
		text_release(&clipped);
	} else {
		say(d, "%s", t.data);
	}
	text_release(&t);
}

int cmd_info_values(struct debugger *d, const char *args, struct err *err)
{
	int last = values_last(d->values), first = values_first(d->values), from;
	const struct array_value *v;
	const char *name;
	int64_t n = last;
	char buf[80];

	if (*args && parse_count(args, &n, err))
		return err->code;
	from = (int)n - N_SHOWN + 1 < first ? first : (int)n - N_SHOWN + 1;
	if (last == 0)
		say(d, "Nothing was printed yet.\n");
	if (first > 1)
		say(d, "Values before $%d were dropped.\n", first);
	if (from > first)
		say(d, "… %d before: `info values %d`\n", from - first, from - 1);
	for (int i = from; i <= last && i < from + N_SHOWN; i++) {
		snprintf(buf, sizeof(buf), "$%d", i);
		say_short(d, buf, values_at(d->values, i));
	}
	for (int i = 0; (name = values_name(d->values, i, &v)) != NULL; i++) {
		snprintf(buf, sizeof(buf), "$%s", name);
		say_short(d, buf, v);
	}
	return 0;
}

/* ---- displays ------------------------------------------------------------------------------ */

int cmd_display(struct debugger *d, const char *args, struct err *err)
{
	struct print_format f;
	int number;

	if (print_format_parse(&args, false, &f, err))
		return err->code;
	if (!*args)
		return displays_show(d, err);
	if (begin_for(d, args, err))
		return err->code;
	number = displays_add(d, args, &f, err);
	if (number < 0)
		return number;
	if (d->target->has_begun && displays_show_one(d, number, err)) {
		struct err ignored = { 0 };

		displays_change(d, number, DISPLAY_DELETE, &ignored);
		return err->code;
	}
	return 0;
}

/* Each of "1 3 5-7", or all of them. */
static int change_displays(struct debugger *d, const char *args, enum display_change what,
			   struct err *err)
{
	if (!*args) {
		int number;

		if (what == DISPLAY_DELETE && !say_ask(d, "Delete all displays?"))
			return 0;
		for (int i = 0; (number = displays_number(d->displays, i)) > 0;
		     i += what != DISPLAY_DELETE)
			displays_change(d, number, what, err);
		return 0;
	}
	while (*args) {
		char *end;
		long first, last;

		errno = 0;
		first = last = strtol(args, &end, 10);
		if (end != args && *end == '-')
			last = strtol(args = end + 1, &end, 10);
		if (end == args || errno || first < 1 || last > INT_MAX || last < first ||
		    (*end && !isspace((unsigned char)*end)))
			return err_set(err, ERR_USAGE, "'%.60s' is no number of a display", args);
		for (long i = first; i <= last; i++)
			if (displays_change(d, (int)i, what, err))
				return err->code;
		args = end + strspn(end, " \t");
	}
	return 0;
}

int cmd_undisplay(struct debugger *d, const char *args, struct err *err)
{
	return change_displays(d, args, DISPLAY_DELETE, err);
}

int cmd_enable_display(struct debugger *d, const char *args, struct err *err)
{
	return change_displays(d, args, DISPLAY_ENABLE, err);
}

int cmd_disable_display(struct debugger *d, const char *args, struct err *err)
{
	return change_displays(d, args, DISPLAY_DISABLE, err);
}

int cmd_info_display(struct debugger *d, const char *args, struct err *err)
{
	if (*args)
		return err_set(err, ERR_USAGE, "info display takes nothing behind it");
	displays_list(d);
	return 0;
}
