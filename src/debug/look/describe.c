/*
 * describe.c -- what a value is, where it comes from and what others call it: whatis, ptype.
 */
#include "../debug_impl.h"

#include "torchless/expression.h"
#include "torchless/point.h"

/* ---- a value of the program ---------------------------------------------------------------- */

static void say_axes(struct debugger *d, const char *axes)
{
	char name[32];

	for (int i = 0; axis_name(axes, i, name, sizeof(name)); i++)
		say(d, "%s%s", i ? ", " : "  ", name);
}

static void say_type(struct debugger *d, value_id v)
{
	struct text t = { 0 };

	place_add_shape(d, v, &t);
	say(d, "type = %s", t.data);
	say_axes(d, value_axes(&d->program->values[v]));
	say(d, "\n");
	text_release(&t);
}

static void say_fact(struct debugger *d, const char *what, const char *is)
{
	say_styled(d, UI_DIM, "  %-16s", what);
	say(d, "%s\n", is);
}

static void say_names(struct debugger *d, const struct value *value)
{
	const struct point_info *p = value->point;
	char buf[256];

	say_fact(d, "name", value->name);
	if (!p)
		return;
	say_fact(d, "short", point_short_name(value, buf, sizeof(buf)));
	say_fact(d, "is", p->doc);
	if (point_hf_source(d->program, value, buf, sizeof(buf)))
		say_fact(d, "Hugging Face", buf);
	if (point_format_name(p->tl_name, value->layer, buf, sizeof(buf)))
		say_fact(d, "TransformerLens", buf);
	if (point_format_name(p->ggml_name, value->layer, buf, sizeof(buf)))
		say_fact(d, "ggml", buf);
}

static void say_op_of(struct debugger *d, const struct value *value)
{
	const struct program *p = d->program;
	const struct op *op;
	const char *file;
	struct text t = { 0 };

	if (value->storage == STORAGE_WEIGHT)
		say_fact(d, "a weight", "of the checkpoint");
	if (value->op < 0)
		return;
	op = &p->ops[value->op];
	file = strrchr(op->file, '/');
	text_addf(&t, "op %d, %s in %s, %s:%d", value->op, op_table[op->code].name,
		  *p->modules[op->module].path ? p->modules[op->module].path
					       : p->modules[op->module].type,
		  file ? file + 1 : op->file, op->line);
	say_fact(d, "computed by", t.data);
	if (op_table[op->code].formula && *op_table[op->code].formula)
		say_fact(d, "as", op_table[op->code].formula);
	text_release(&t);
}

static void say_readers(struct debugger *d, value_id v)
{
	const struct program *p = d->program;
	struct text t = { 0 };
	int n = 0;

	for (int i = 0; i < p->n_ops; i++)
		for (int k = 0; k < p->ops[i].n_in; k++) {
			const struct module *m = &p->modules[p->ops[i].module];

			if (p->ops[i].in[k] != v)
				continue;
			if (n++ < 3)
				text_addf(&t, "%sop %d in %s", n > 1 ? ", " : "", i,
					  *m->path ? m->path : m->type);
		}
	if (n > 3)
		text_addf(&t, ", and %d more", n - 3);
	if (n)
		say_fact(d, "read by", t.data);
	text_release(&t);
}

static void say_presence(struct debugger *d, value_id v)
{
	struct err why = { 0 };

	if (target_is_live(d->target) && !d->target->has(d->target, v)) {
		name_missing(d, v, &why);
		say_fact(d, "now", why.message);
	}
}

void say_what_value_is(struct debugger *d, value_id v, bool in_full)
{
	say_type(d, v);
	if (!in_full)
		return;
	say_names(d, &d->program->values[v]);
	say_op_of(d, &d->program->values[v]);
	say_readers(d, v);
	say_presence(d, v);
}

/* ---- what an expression makes -------------------------------------------------------------- */

static void describe_result(struct debugger *d, const struct array_value *v)
{
	static const char *const kinds[] = { "void", "whole number", "number", "text" };
	const struct array *a = v->array;

	if (v->kind != ARRAY_TENSOR) {
		say(d, "type = %s\n", kinds[v->kind]);
		return;
	}
	say(d, "type = %s[", dtype_table[a->dtype].name);
	for (int i = 0; i < a->n_dims; i++)
		say(d, "%s%lld", i ? ", " : "", (long long)a->shape[i]);
	say(d, "]");
	say_axes(d, a->axes);
	say(d, "\n");
}

/* Whether it is a path and nothing else, by the look of it. */
static bool looks_like_a_path(const char *text)
{
	return strspn(text,
		      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.:[]") ==
	       strlen(text);
}

int say_what_is(struct debugger *d, const char *text, bool in_full, struct err *err)
{
	struct array_value value;
	struct err ignored = { 0 };
	value_id v;

	if (looks_like_a_path(text) && name_resolve(d, text, &v, &ignored) == 0) {
		say_what_value_is(d, v, in_full);
		return 0;
	}
	if (evaluate(d, text, &value, err))
		return err->code;
	describe_result(d, &value);
	array_value_release(&value);
	return 0;
}
