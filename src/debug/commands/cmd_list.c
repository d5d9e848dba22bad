/*
 * cmd_list.c -- list: the modeling source around where one stands, or the ops.
 *
 * Source lines tell what the model does once for all of its layers; the listing of ops is the
 * program as it runs, a line an op.
 */
#include "../debug_impl.h"

#include <errno.h>
#include <limits.h>

#define TAB 4 /* columns: a terminal of 80 is narrow for code that is indented by 8 */

/* ---- where one stands ---------------------------------------------------------------------- */

static bool is_in_pass(const struct debugger *d)
{
	const struct moment *m = &d->target->now;

	return d->target->has_begun && m->pass >= 0 && m->op < d->program->n_ops;
}

/* The op that comes next, or in a stage the first one of the pass. */
static int current_op(const struct debugger *d)
{
	return is_in_pass(d) ? d->target->now.op : 0;
}

/* In an outer frame what is current is the module that one came from: ops tell that, lines do not.
 */
static bool prefers_ops(const struct debugger *d)
{
	return d->frames_up > 0 || !source_text(d->program->ops[current_op(d)].file);
}

static int size_of(const struct debugger *d)
{
	return d->list_size > 0 ? d->list_size : INT_MAX / 2;
}

static bool is_fresh(const struct debugger *d)
{
	const struct list_at *l = &d->list;

	return l->to == 0 || moment_compare(&l->moment, &d->target->now) != 0 ||
	       l->frames_up != d->frames_up;
}

/* ---- source -------------------------------------------------------------------------------- */

static void say_line(struct debugger *d, const char *text, int n, int current)
{
	bool is_current = n == current, utf8 = d->opt.ui->utf8;
	struct text line = { 0 }, shown = { 0 };
	size_t len = 0;
	const char *s = source_line(text, n, &len);

	text_addf(&line, "%4d %s  ", n, !is_current ? " " : utf8 ? "→" : ">");
	for (size_t i = 0, column = 0; i < len; i++) {
		int spaces = s[i] == '\t' ? (int)(TAB - column % TAB) : 0;

		if (spaces)
			text_addf(&line, "%*s", spaces, "");
		else
			text_addc(&line, s[i]);
		column += spaces ? (size_t)spaces : 1;
	}
	ui_add_clipped(&shown, d->opt.ui, line.data, line.len, say_width(d));
	say_styled(d, is_current ? UI_BOLD : UI_PLAIN, "%s", shown.data);
	say(d, "\n");
	text_release(&line);
	text_release(&shown);
}

static int list_source(struct debugger *d, const char *file, int from, int to, struct err *err)
{
	const char *text = source_text(file);
	int n = source_n_lines(text);
	int current = is_in_pass(d) && d->frames_up == 0 &&
				      !strcmp(d->program->ops[d->target->now.op].file, file)
			      ? d->program->ops[d->target->now.op].line
			      : 0;

	from = from < 1 ? 1 : from;
	to = to > n + 1 ? n + 1 : to;
	if (from > n)
		return err_set(err, ERR_USAGE, "%s has %d %s", source_name(file), n,
			       plural(n, "line", "lines"));
	for (int i = from; i < to; i++)
		say_line(d, text, i, current);
	d->list = (struct list_at){ d->target->now, d->frames_up, false, from, to };
	return 0;
}

/* ---- ops ----------------------------------------------------------------------------------- */

static void say_op(struct debugger *d, int i, int current)
{
	const struct program *p = d->program;
	const struct op *op = &p->ops[i];
	const char *path = p->modules[op->module].path;
	struct text line = { 0 }, shown = { 0 };

	text_addf(&line, "%s %4d  %-*s %-9s", i == current ? "-->" : "   ", i,
		  say_width(d) > 90 ? 48 : 38, *path ? path : p->modules[op->module].type,
		  op_table[op->code].name);
	for (int k = 0; k < op->n_out; k++) {
		text_adds(&line, k ? ", " : " ");
		place_add_shape(d, op->out[k], &line);
	}
	ui_add_clipped(&shown, d->opt.ui, line.data, line.len, say_width(d));
	say_styled(d, i == current ? UI_BOLD : UI_PLAIN, "%s", shown.data);
	say(d, "\n");
	text_release(&line);
	text_release(&shown);
}

static int list_ops(struct debugger *d, int from, int to, struct err *err)
{
	int n = d->program->n_ops;

	from = from < 0 ? 0 : from;
	to = to > n ? n : to;
	if (from >= n)
		return err_set(err, ERR_USAGE, "the program has %d %s: 0 to %d", n,
			       plural(n, "op", "ops"), n - 1);
	for (int i = from; i < to; i++)
		say_op(d, i, is_in_pass(d) ? d->target->now.op : -1);
	d->list = (struct list_at){ d->target->now, d->frames_up, true, from, to };
	return 0;
}

static int list_around_op(struct debugger *d, int op, struct err *err)
{
	int size = size_of(d), from = size > d->program->n_ops ? 0 : op - size / 2;

	from = from < 0 ? 0 : from;
	return list_ops(d, from, from + size, err);
}

/* ---- what is asked for --------------------------------------------------------------------- */

static int list_around_line(struct debugger *d, const char *file, int line, struct err *err)
{
	int size = size_of(d), from = size == INT_MAX / 2 ? 1 : line - size / 2;

	from = from < 1 ? 1 : from;
	return list_source(d, file, from, from + size, err);
}

static int list_here(struct debugger *d, struct err *err)
{
	const struct op *op = &d->program->ops[current_op(d)];

	if (!is_in_pass(d) && d->target->has_begun)
		say(d, "One stands outside of the ops; this is where a pass begins.\n");
	return prefers_ops(d) ? list_around_op(d, current_op(d), err)
			      : list_around_line(d, op->file, op->line, err);
}

static const char *current_file(const struct debugger *d)
{
	return d->program->ops[current_op(d)].file;
}

static int go_on(struct debugger *d, struct err *err)
{
	int from = d->list.to, n = d->program->n_ops;

	if (d->list.is_ops)
		return from < n ? list_ops(d, from, from + size_of(d), err)
				: err_set(err, ERR_USAGE, "the last op was listed");
	if (from > source_n_lines(source_text(current_file(d))))
		return err_set(err, ERR_USAGE, "the last line of %s was listed",
			       source_name(current_file(d)));
	return list_source(d, current_file(d), from, from + size_of(d), err);
}

static int go_back(struct debugger *d, struct err *err)
{
	int to = d->list.from, from = to - size_of(d);

	if (d->list.is_ops)
		return to > 0 ? list_ops(d, from, to, err)
			      : err_set(err, ERR_USAGE, "the first op was listed");
	if (to <= 1)
		return err_set(err, ERR_USAGE, "the first line of %s was listed",
			       source_name(current_file(d)));
	return list_source(d, current_file(d), from, to, err);
}

/* Digits that *s begins with, and moves behind; -1: none, or too many. */
static long read_digits(const char **s)
{
	char *end;
	long n;

	if (**s < '0' || **s > '9')
		return -1;
	errno = 0;
	n = strtol(*s, &end, 10);
	*s = end;
	return errno || n > INT_MAX / 4 ? -1 : n;
}

/* "N", "N,", "N,M", ",M": 1 when that is what it is. */
static bool read_range(const char *s, long *from, long *to)
{
	*from = read_digits(&s);
	*to = -1;
	s += strspn(s, " ");
	if (*s != ',')
		return *from >= 0 && !*s;
	s++;
	s += strspn(s, " ");
	if (*s)
		*to = read_digits(&s);
	if (*from < 0 && *to < 0)
		return false;
	return !*s;
}

static int list_range(struct debugger *d, const char *file, long from, long to, bool is_range,
		      struct err *err)
{
	int size = size_of(d);

	if (!is_range)
		return list_around_line(d, file, (int)from, err);
	if (from < 0)
		from = to - size + 1;
	if (to < 0)
		return list_source(d, file, (int)from, (int)from + size, err);
	if (to < from)
		return err_set(err, ERR_USAGE, "lines %ld to %ld: the end is before the beginning",
			       from, to);
	return list_source(d, file, (int)from, (int)to + 1, err);
}

static int list_ops_at(struct debugger *d, const char *args, struct err *err)
{
	long from, to;

	args += strspn(args, " ");
	if (!*args)
		return list_around_op(d, current_op(d), err);
	if (!read_range(args, &from, &to))
		return err_set(err, ERR_USAGE, "list ops takes N or N,M, not '%.60s'", args);
	if (!strchr(args, ','))
		return list_around_op(d, (int)from, err);
	if (from < 0)
		from = to - size_of(d) + 1;
	return list_ops(d, (int)from, to < 0 ? (int)from + size_of(d) : (int)to + 1, err);
}

/* "mistral.c:104", or a function of it; 1 when it was one. */
static int list_source_place(struct debugger *d, const char *args, struct err *err)
{
	const char *colon = strrchr(args, ':'), *file = current_file(d);
	int line = source_text(file) ? source_function(source_text(file), args) : 0, r;
	long from, to;

	if (line > 0) {
		r = list_around_line(d, file, line, err);
		return r ? r : 1;
	}
	if (!colon || !read_range(colon + 1, &from, &to))
		return 0;
	if (strlen(source_name(file)) != (size_t)(colon - args) ||
	    strncmp(args, source_name(file), (size_t)(colon - args)) != 0)
		return err_set(err, ERR_USAGE, "no source file is called '%.*s'",
			       (int)(colon - args), args);
	r = list_range(d, file, from, to, strchr(colon, ',') != NULL, err);
	return r ? r : 1;
}

static int list_location(struct debugger *d, const char *args, struct err *err)
{
	struct location l;
	int op = -1;

	if (location_parse(d, args, &l, err))
		return err->code;
	if (l.kind == LOCATION_MOMENT && l.moment.pass >= 0)
		op = l.moment.op;
	else if (l.kind == LOCATION_OPS)
		for (int i = d->program->n_ops - 1; i >= 0; i--)
			if (l.depth[i] >= 0)
				op = i;
	location_release(&l);
	if (op < 0 || op >= d->program->n_ops)
		return err_set(err, ERR_USAGE, "'%.60s' has no source", args);
	if (!source_text(d->program->ops[op].file))
		return list_around_op(d, op, err);
	return list_around_line(d, d->program->ops[op].file, d->program->ops[op].line, err);
}

int cmd_list(struct debugger *d, const char *args, struct err *err)
{
	long from, to;
	int r;

	if (!strncmp(args, "ops", 3) && (!args[3] || args[3] == ' ') && !d->is_repeat)
		return list_ops_at(d, args + 3, err);
	if (!*args || d->is_repeat)
		return is_fresh(d) ? list_here(d, err) : go_on(d, err);
	if (!strcmp(args, "-") || !strcmp(args, "+")) {
		if (is_fresh(d))
			return list_here(d, err);
		return *args == '-' ? go_back(d, err) : go_on(d, err);
	}
	if (read_range(args, &from, &to)) {
		if (!source_text(current_file(d)))
			return list_ops_at(d, args, err);
		return list_range(d, current_file(d), from, to, strchr(args, ',') != NULL, err);
	}
	r = list_source_place(d, args, err);
	if (r != 0)
		return r < 0 ? r : 0;
	return list_location(d, args, err);
}

/* ---- about source -------------------------------------------------------------------------- */

int cmd_info_source(struct debugger *d, const char *args, struct err *err)
{
	const char *file = current_file(d), *text = source_text(file);

	(void)args;
	(void)err;
	say(d, "The modeling code is %s", source_name(file));
	if (text)
		say(d, ", %d %s, as it was compiled in.\n", source_n_lines(text),
		    plural(source_n_lines(text), "line", "lines"));
	else
		say(d, ", whose text this program does not carry; \"list ops\" lists the ops.\n");
	return 0;
}

/* The ops that a line of the modeling code is: one, or one a layer. */
int cmd_info_line(struct debugger *d, const char *args, struct err *err)
{
	const char *colon = strrchr(args, ':'), *digits = colon ? colon + 1 : args;
	long line = *args ? read_digits(&digits) : d->program->ops[current_op(d)].line;
	int n = 0, first = -1, last = -1;

	if (line < 0 || (*args && *digits))
		return err_set(err, ERR_USAGE, "info line takes a line of %s, not '%.60s'",
			       source_name(current_file(d)), args);
	for (int i = 0; i < d->program->n_ops; i++)
		if (d->program->ops[i].line == line) {
			first = first < 0 ? i : first;
			last = i;
			n++;
		}
	say(d, "Line %ld of %s ", line, source_name(current_file(d)));
	if (n == 0)
		say(d, "emits no op.\n");
	else if (n == 1)
		say(d, "emits op %d, in %s.\n", first,
		    d->program->modules[d->program->ops[first].module].path);
	else
		say(d, "emits %d %s, from op %d in %s to op %d in %s.\n", n, plural(n, "op", "ops"),
		    first, d->program->modules[d->program->ops[first].module].path, last,
		    d->program->modules[d->program->ops[last].module].path);
	return 0;
}
