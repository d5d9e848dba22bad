/*
 * change.c -- what is changed: which part of which value, and what time does about it.
 *
 * An edit is a fact about the generation, not a moment of it.  One of a value that somebody has
 * read already takes one back to before the first reader; where nobody has, the op is run again and
 * one stands where one stood.
 */
#include "change.h"

#include <ctype.h>

/* ---- which part ---------------------------------------------------------------------------- */

/* The bracket that ends `text` and is a selection, not the number of a layer; NULL: there is none.
 */
static const char *find_selection(const char *text, size_t len)
{
	size_t at = len;
	int depth = 0;

	if (len == 0 || text[len - 1] != ']')
		return NULL;
	while (at > 0) {
		at--;
		depth += text[at] == ']';
		depth -= text[at] == '[';
		if (depth == 0)
			break;
	}
	if (text[at] != '[' || (at >= 6 && !strncmp(text + at - 6, "layers", 6)) ||
	    (at == 1 && text[0] == 'L') || at == 0)
		return NULL;
	return text + at;
}

static char *trimmed(const char *s, size_t len)
{
	while (len > 0 && isspace((unsigned char)s[len - 1]))
		len--;
	return mem_memdup(s, len);
}

int part_parse(struct debugger *d, const char *text, size_t len, struct part *part, struct err *err)
{
	char *whole = trimmed(text, len);
	const char *bracket = find_selection(whole, strlen(whole));
	char *path = trimmed(whole, bracket ? (size_t)(bracket - whole) : strlen(whole));
	const struct value *v;
	int r = 0;

	*part = (struct part){ 0 };
	if (!*path)
		r = err_set(err, ERR_USAGE, "what is to be changed? zero .z[head=2]");
	else
		r = name_resolve(d, path, &part->value, err);
	if (r == 0) {
		v = &d->program->values[part->value];
		if (selection_parse(&part->sel, bracket, value_axes(v), err) ||
		    selection_check(&part->sel, v, err))
			r = err_wrap(err, "%.120s", whole);
	}
	free(path);
	free(whole);
	return r;
}

/* The sizes of a value in the pass that is there. */
static bool bind_shape(const struct debugger *d, value_id v, int64_t shape[TENSOR_MAX_DIMS],
		       int64_t *pos0)
{
	const struct value *value = &d->program->values[v];
	struct pass_info info = { 0 };

	*pos0 = 0;
	if (value->storage != STORAGE_WEIGHT &&
	    !d->target->class->pass(d->target, d->target->now.pass, &info))
		return false;
	for (int i = 0; i < value->t.n_dims; i++) {
		int64_t n = value->t.shape[i];

		shape[i] = n >= 0 ? n : n == DIM_S ? info.pos0 + info.T : info.T;
		if (n == DIM_R && !(info.is_prefill && d->opt.record.generation.session.all_logits))
			shape[i] = 1;
	}
	if (value->storage == STORAGE_CACHE)
		shape[0] = info.T;
	*pos0 = info.pos0;
	if (value->t.n_dims > 0 && value->t.shape[0] == DIM_R)
		*pos0 += info.T - shape[0];
	return true;
}

int part_shape(struct debugger *d, const struct part *part, int64_t n[TENSOR_MAX_DIMS],
	       int64_t *numel, struct err *err)
{
	const struct value *v = &d->program->values[part->value];
	int64_t shape[TENSOR_MAX_DIMS], start[TENSOR_MAX_DIMS], stop[TENSOR_MAX_DIMS], pos0;
	struct pass_info info;

	if (!bind_shape(d, part->value, shape, &pos0))
		return err_set(err, ERR_USAGE, "no pass has begun");
	if (!selection_resolve(&part->sel, value_axes(v), shape, v->t.n_dims, pos0, start, stop)) {
		d->target->class->pass(d->target, d->target->now.pass, &info);
		return err_set(
			err, ERR_USAGE,
			"nothing of that part of %s is in this pass, which has positions %lld to %lld",
			v->name, (long long)info.pos0, (long long)(info.pos0 + info.T - 1));
	}
	*numel = 1;
	for (int i = 0; i < v->t.n_dims; i++) {
		n[i] = stop[i] - start[i];
		*numel *= n[i];
	}
	return 0;
}

void part_format(const struct debugger *d, value_id v, const struct selection *sel,
		 struct text *out)
{
	text_adds(out, d->program->values[v].name);
	selection_format(sel, value_axes(&d->program->values[v]), out);
}

/* ---- time ---------------------------------------------------------------------------------- */

static struct session *session_of(struct debugger *d)
{
	return &live_recorder(d->target)->generation.session;
}

/* The first op that reads a value; n_ops when none does. */
static int first_reader(const struct program *p, value_id v)
{
	for (int i = 0; i < p->n_ops; i++)
		for (int k = 0; k < p->ops[i].n_in; k++) {
			value_id in = p->ops[i].in[k];

			if (in == v || (p->values[in].tied_to >= 0 && p->values[in].tied_to == v) ||
			    (p->values[v].tied_to >= 0 && p->values[v].tied_to == in))
				return i;
		}
	return p->n_ops;
}

/* Stand at `was` again, or before what had read the value, which now is another. */
static int land(struct debugger *d, value_id v, int pass, const struct moment *was, struct err *err)
{
	const struct program *p = d->program;
	struct moment read = { pass > 0 ? pass : 0, first_reader(p, v), 0, 0 };
	char buf[48];

	read.depth = op_depth_max(p, read.op);
	if (moment_compare(was, &read) <= 0)
		return d->target->class->go(d->target, was, err);
	say(d, "%s was read already: going back to %s, before its first reader.\n",
	    p->values[v].name, moment_format(&read, buf, sizeof(buf)));
	return travel_to(d, &read, err);
}

static void forget_from(struct debugger *d, value_id v, int pass)
{
	struct moment from = { pass > 0 ? pass : 0, d->program->values[v].op, 0, 0 };

	if (from.op < 0)
		from.op = 0;
	breakpoints_forget(d, &from);
}

int change_add(struct debugger *d, const struct edit *e, struct err *err)
{
	const struct moment was = d->target->now;
	struct text what = { 0 };
	int id = session_add_edit(session_of(d), e, err);

	if (id < 0) {
		struct err ignored = { 0 };

		if (e->release)
			e->release(e->ctx);
		d->target->class->go(d->target, &was, &ignored);
		return id;
	}
	forget_from(d, e->value, e->pass_from);
	part_format(d, e->value, &e->sel, &what);
	if (e->kind == EDIT_COMPUTE)
		say(d, "Edit %d: hook %s = %s.\n", id, what.data, e->source);
	else
		say(d, "Edit %d: %s.\n", id, e->source ? e->source : what.data);
	text_release(&what);
	return land(d, e->value, e->pass_from, &was, err);
}

int change_remove(struct debugger *d, int id, struct err *err)
{
	const struct moment was = d->target->now;
	const struct edit *e = executor_edit(&session_of(d)->executor, id);
	struct edit gone;

	if (!e)
		return err_set(err, ERR_USAGE, "there is no edit %d; `info edits` lists them", id);
	gone = *e;
	if (session_remove_edit(session_of(d), id, err))
		return err->code;
	forget_from(d, gone.value, gone.pass_from);
	say(d, "Edit %d is no more.\n", id);
	return land(d, gone.value, gone.pass_from, &was, err);
}
