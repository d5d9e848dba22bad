/*
 * names.c -- what a name means at a stop: scope.h, where one stands, and what depends on the
 * moment.
 */
#include "../debug_impl.h"
#define NAME_SIZE    SCOPE_NAME_SIZE
#define MAX_INPUTS   32
#define N_REMEMBERED 64

/* Names that were resolved: a condition asks for the same ones at every op. */
struct names {
	struct {
		char *path;
		int here;
		value_id v;
	} memory[N_REMEMBERED];
	int next;
};

struct names *names_new(void)
{
	return mem_calloc(1, sizeof(struct names));
}

void names_free(struct names *n)
{
	if (!n)
		return;
	for (int i = 0; i < N_REMEMBERED; i++)
		free(n->memory[i].path);
	free(n);
}

static value_id recall(const struct names *n, const char *path, int here)
{
	for (int i = 0; i < N_REMEMBERED; i++)
		if (n->memory[i].path && n->memory[i].here == here &&
		    !strcmp(n->memory[i].path, path))
			return n->memory[i].v;
	return -1;
}

static void remember(struct names *n, const char *path, int here, value_id v)
{
	free(n->memory[n->next].path);
	n->memory[n->next].path = mem_strdup(path);
	n->memory[n->next].here = here;
	n->memory[n->next].v = v;
	n->next = (n->next + 1) % N_REMEMBERED;
}

/* ---- what goes in and out ------------------------------------------------------------------ */

static int op_inputs(const struct program *p, int op, value_id *out, int n)
{
	int found = 0;

	for (int weights = 0; weights < 2; weights++)
		for (int k = 0; k < p->ops[op].n_in && found < n; k++) {
			value_id v = p->ops[op].in[k];

			if ((p->values[v].storage == STORAGE_WEIGHT) == (weights != 0))
				out[found++] = v;
		}
	return found;
}

int name_inputs(const struct debugger *d, value_id *out, int n)
{
	const struct program *p = d->program;
	const struct moment *now = &d->target->now;
	int module = debugger_here(d), call;

	if (d->left_module >= 0 || d->frames_up > 0)
		return module_inputs(p, module, out, n);
	if (now->pass < 0 || now->op >= p->n_ops)
		return 0;
	if (p->modules[module].op_first == now->op)
		return module_inputs(p, module, out, n);
	call = moment_call(p, now);
	return call >= 0 ? module_inputs(p, call, out, n) : op_inputs(p, now->op, out, n);
}

value_id name_output(const struct debugger *d)
{
	const struct moment *now = &d->target->now;
	const struct op *last;

	if (d->left_module >= 0)
		return module_output(d->program, d->left_module);
	if (now->pass < 0 || now->op == 0)
		return -1;
	last = &d->program->ops[now->op - 1];
	return last->out[last->n_out - 1];
}

/* ---- a name -------------------------------------------------------------------------------- */

/* What depends on more than the module: "in", "in.2", "out"; -1: something else. */
static int resolve_here(struct debugger *d, const char *path, struct err *err)
{
	value_id in[MAX_INPUTS];
	int k;

	if (scope_is_input(path, &k))
		return scope_input(d->program, in, name_inputs(d, in, MAX_INPUTS), k, err);
	if (strcmp(path, "out") != 0)
		return -1;
	if (name_output(d) >= 0)
		return name_output(d);
	return err_set(err, ERR_USAGE, "nothing has run in this pass yet, which `out` could be of");
}

/* The value, -1: nothing is called so, ERR_USAGE: several things are. */
static int find_name(struct debugger *d, const char *name, struct err *err)
{
	int here = debugger_here(d), r = resolve_here(d, name, err);

	if (r != -1)
		return r;
	r = recall(d->names, name, here);
	if (r >= 0)
		return r;
	r = scope_find(d->program, here, name, err);
	if (r >= 0)
		remember(d->names, name, here, r);
	return r;
}

static int spell_name(const char *path, char *name, size_t size, struct err *err)
{
	if (scope_spell(path, name, size) && *name)
		return 0;
	return err_set(err, ERR_USAGE, "'%.40s%s' is no name", path,
		       strlen(path) > 40 ? "..." : "");
}

int name_resolve(struct debugger *d, const char *path, value_id *v, struct err *err)
{
	char name[NAME_SIZE] = "";
	int r;

	*v = -1;
	if (spell_name(path, name, sizeof(name), err))
		return err->code;
	r = find_name(d, name, err);
	if (r == -1)
		return scope_unknown(d->program, name, err);
	*v = r < 0 ? -1 : r;
	return r < 0 ? r : 0;
}

bool name_exists(struct debugger *d, const char *path, struct err *err)
{
	char name[NAME_SIZE] = "";
	struct err ignored = { 0 };

	if (spell_name(path, name, sizeof(name), err))
		return false;
	if (*name == '.' || *name == ':' || find_name(d, name, &ignored) != -1)
		return true;
	scope_unknown(d->program, name, err);
	return false;
}

/* ---- a value that is not there ------------------------------------------------------------- */

int name_missing(const struct debugger *d, value_id v, struct err *err)
{
	const struct value *value = &d->program->values[v];
	const struct moment *now = &d->target->now;
	struct moment at = { now->pass < 0 ? 0 : now->pass, value->op + 1, 0, 0 };
	char buf[48];

	if (value->op < 0)
		return err_set(err, ERR_USAGE, "%s is not there: no pass has begun", value->name);
	return err_set(err, ERR_USAGE, "%s was not computed yet: it is op %d, `advance %s` runs it",
		       value->name, value->op, moment_format(&at, buf, sizeof(buf)));
}
