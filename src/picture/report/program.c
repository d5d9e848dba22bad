/*
 * program.c -- the program that ran, op by op: the addresses of its moments.
 */
#include "report_impl.h"

static void add_op(struct report_writer *w, const struct op *op)
{
	const struct program *p = &w->outline.program;
	struct text *out = w->out;
	char line[160];

	json_add_key(out, NULL);
	text_addc(out, '{');
	json_add_string(out, "module", p->modules[op->module].path);
	json_add_string(out, "op", op_table[op->code].name);
	json_add_string(out, "formula", op_table[op->code].formula);
	snprintf(line, sizeof(line), "%s:%d", op->file, op->line);
	json_add_string(out, "line", line);
	json_add_key(out, "points");
	text_addc(out, '[');
	for (int i = 0; i < op->n_out; i++) {
		const struct value *v = &p->values[op->out[i]];
		int at = v->point ? report_point_named(w, v->name) : -1;

		if (at >= 0)
			json_add_int(out, NULL, at);
	}
	text_adds(out, "]}");
}

int report_add_ops(struct report_writer *w, struct err *err)
{
	(void)err;
	if (!w->has_outline) {
		text_adds(w->out, "null");
		report_leave_out(w, "its ops: %s", w->no_outline);
		return 0;
	}
	text_addc(w->out, '[');
	for (int i = 0; i < w->outline.program.n_ops; i++)
		add_op(w, &w->outline.program.ops[i]);
	text_addc(w->out, ']');
	return 0;
}
