/*
 * moment.c -- the order of moments.
 *
 * Ops of a module are a range, so the modules around an op are a chain, and those that begin at it
 * are the lower end of that chain: before the op one can stand in the caller of the first of them,
 * in that one before it calls the next, and so on to the innermost.  A module of one op is not
 * stood in, but where somebody asks for it by name.
 */
#include "../debug_impl.h"

#include <errno.h>
#include <limits.h>

int moment_compare(const struct moment *a, const struct moment *b)
{
	const int x[] = { a->pass, a->op, a->step, a->depth },
		  y[] = { b->pass, b->op, b->step, b->depth };

	for (int i = 0; i < 4; i++)
		if (x[i] != y[i])
			return x[i] < y[i] ? -1 : 1;
	return 0;
}

/* ---- modules ------------------------------------------------------------------------------- */

bool module_is_op(const struct program *p, int module)
{
	const struct module *m = &p->modules[module];

	return m->parent >= 0 && m->op_end - m->op_first == 1;
}

/* The innermost module around an op that one stands in. */
static int innermost(const struct program *p, int op)
{
	int m = p->ops[op].module;

	while (module_is_op(p, m))
		m = p->modules[m].parent;
	return m;
}

int op_depth_max(const struct program *p, int op)
{
	return op < p->n_ops ? p->modules[innermost(p, op)].depth : 0;
}

int op_depth_min(const struct program *p, int op)
{
	int m;

	if (op >= p->n_ops)
		return 0;
	m = innermost(p, op);
	while (p->modules[m].parent >= 0 && p->modules[m].op_first == op)
		m = p->modules[m].parent;
	return p->modules[m].depth;
}

/* The module at this depth around an op. */
static int module_at(const struct program *p, int op, int depth)
{
	int m = p->ops[op].module;

	while (p->modules[m].parent >= 0 && p->modules[m].depth > depth)
		m = p->modules[m].parent;
	return m;
}

static bool is_in_pass(const struct program *p, const struct moment *m)
{
	return m->pass >= 0 && m->op < p->n_ops;
}

int moment_module(const struct program *p, const struct moment *m)
{
	return is_in_pass(p, m) ? module_at(p, m->op, m->depth) : 0;
}

int moment_call(const struct program *p, const struct moment *m)
{
	if (!is_in_pass(p, m) || m->depth >= op_depth_max(p, m->op))
		return -1;
	return module_at(p, m->op, m->depth + 1);
}

/* ---- forward ------------------------------------------------------------------------------- */

static struct moment at_op(const struct program *p, const struct moment *m, int op)
{
	return (struct moment){ m->pass, op, 0, op_depth_min(p, op) };
}

/* The next step of a stage; when there is none, whatever comes behind it. */
static struct moment next_of_stage(const struct moment *m)
{
	return (struct moment){ m->pass, m->op, m->step + 1, 0 };
}

struct moment moment_step(const struct program *p, const struct moment *m)
{
	if (!is_in_pass(p, m))
		return next_of_stage(m);
	if (m->depth < op_depth_max(p, m->op))
		return (struct moment){ m->pass, m->op, 0, m->depth + 1 };
	return at_op(p, m, m->op + 1);
}

struct moment moment_next(const struct program *p, const struct moment *m)
{
	int call = moment_call(p, m);

	return call < 0 ? moment_step(p, m) : at_op(p, m, p->modules[call].op_end);
}

struct moment moment_stepi(const struct program *p, const struct moment *m)
{
	struct moment to;

	if (is_in_pass(p, m)) {
		to = at_op(p, m, m->op + 1);
		to.depth = op_depth_max(p, to.op);
	} else {
		to = next_of_stage(m);
		to.depth = INT_MAX; /* whatever op is behind the stage, one stands inside */
	}
	return to;
}

struct moment moment_finish(const struct program *p, const struct moment *m, int module)
{
	/* A stage is left for the pass behind it. */
	if (!is_in_pass(p, m))
		return (struct moment){ m->pass + 1, 0, 0, op_depth_min(p, 0) };
	return at_op(p, m, p->modules[module].op_end);
}

/* ---- back ---------------------------------------------------------------------------------- */

static bool back_in_stage(struct moment *m)
{
	if (m->step == 0)
		return false;
	m->step--;
	return true;
}

/* Whether m is behind the last op of its pass, from where the way back is into it. */
static bool is_at_end(const struct program *p, const struct moment *m)
{
	return m->pass >= 0 && m->op == p->n_ops && m->step == 0;
}

bool moment_back_step(const struct program *p, struct moment *m)
{
	if (!is_in_pass(p, m) && !is_at_end(p, m))
		return back_in_stage(m);
	if (m->op < p->n_ops && m->depth > op_depth_min(p, m->op)) {
		m->depth--;
		return true;
	}
	if (m->op == 0)
		return false;
	m->op--;
	m->depth = op_depth_max(p, m->op);
	return true;
}

bool moment_back_next(const struct program *p, struct moment *m)
{
	int depth = m->depth;

	if (is_in_pass(p, m) && depth > op_depth_min(p, m->op))
		return moment_back_step(p, m);
	if (!moment_back_step(p, m))
		return false;
	/* A module that was entered from behind is one call of the one that one stands in. */
	if (is_in_pass(p, m) && m->depth > depth) {
		m->op = p->modules[module_at(p, m->op, depth + 1)].op_first;
		m->depth = depth;
	}
	return true;
}

bool moment_back_stepi(const struct program *p, struct moment *m)
{
	if (!is_in_pass(p, m) && !is_at_end(p, m))
		return back_in_stage(m);
	if (m->op == 0)
		return false;
	m->op--;
	m->depth = op_depth_max(p, m->op);
	return true;
}

/* ---- words --------------------------------------------------------------------------------- */

const char *moment_format(const struct moment *m, char *buf, size_t size)
{
	if (m->pass < 0)
		snprintf(buf, size, "tokenizer.%d", m->step);
	else if (m->step > 0)
		snprintf(buf, size, "%d.%d+%d", m->pass, m->op, m->step);
	else
		snprintf(buf, size, "%d.%d", m->pass, m->op);
	return buf;
}

/* A number of digits alone at *s, which moves behind it; -1: there is none. */
static int read_number(const char **s)
{
	long n = 0;
	char *end;

	if (**s < '0' || **s > '9')
		return -1;
	errno = 0;
	n = strtol(*s, &end, 10);
	*s = end;
	return errno || n > INT_MAX ? -1 : (int)n;
}

bool moment_parse(const struct program *p, const char *text, struct moment *m)
{
	*m = (struct moment){ 0 };
	if (!strncmp(text, "tokenizer.", 10)) {
		text += 10;
		m->pass = -1;
		m->step = read_number(&text);
		return m->step >= 0 && !*text;
	}
	m->pass = read_number(&text);
	if (m->pass < 0 || *text++ != '.')
		return false;
	m->op = read_number(&text);
	if (m->op < 0)
		return false;
	m->depth = op_depth_max(p, m->op);
	if (*text == '+' && m->op == p->n_ops) {
		text++;
		m->step = read_number(&text);
	}
	return m->step >= 0 && !*text;
}
