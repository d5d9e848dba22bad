/*
 * cmd_gdb.c -- what users of gdb ask by other words: kill, info args, info locals, info stack, and
 * info alone.
 */
#include "../debug_impl.h"

int cmd_kill(struct debugger *d, const char *args, struct err *err)
{
	if (*args)
		return err_set(err, ERR_USAGE, "kill takes nothing behind it");
	if (!d->target->has_begun)
		return err_set(err, ERR_USAGE, "The program is not being run.");
	if (!say_ask(d, "End the generation?"))
		return err_set(err, ERR_USAGE, "Not confirmed.");
	if (d->target->class->restart(d->target, err))
		return err->code;
	say(d, "The generation is ended; `run` begins it anew.\n");
	return 0;
}

int cmd_info_alone(struct debugger *d, const char *args, struct err *err)
{
	if (*args)
		return err_set(err, ERR_USAGE, "there is no info %.60s; `info` lists what there is",
			       args);
	return cmd_help_on(d, "info", err);
}

/* ---- a module as a function ------------------------------------------------------------------ */

/* "L0.ln1 = f32[6,128] mean ..." */
static void say_value(struct debugger *d, value_id v)
{
	const struct value *value = &d->program->values[v];
	struct err ignored = { 0 };
	struct text t = { 0 };
	char name[192];

	text_addf(&t, "%s = ", point_short_name(value, name, sizeof(name)));
	if (!place_add_value(d, v, &t, &ignored)) {
		place_add_shape(d, v, &t);
		text_adds(&t, value->op < 0 || value->op < d->target->now.op ? ""
									     : " not computed yet");
	}
	say(d, "%s\n", t.data);
	text_release(&t);
}

#define MAX_SHOWN 64

int cmd_info_args(struct debugger *d, const char *args, struct err *err)
{
	value_id in[MAX_SHOWN];
	int n;

	if (*args)
		return err_set(err, ERR_USAGE, "info args takes nothing behind it");
	n = module_inputs(d->program, debugger_here(d), in, MAX_SHOWN);
	for (int i = 0; i < n && i < MAX_SHOWN; i++)
		say_value(d, in[i]);
	return 0;
}

int cmd_info_locals(struct debugger *d, const char *args, struct err *err)
{
	const struct program *p = d->program;
	int module = debugger_here(d), shown = 0, calls = 0;

	if (*args)
		return err_set(err, ERR_USAGE, "info locals takes nothing behind it");
	for (int i = p->modules[module].op_first; i < p->modules[module].op_end; i++) {
		int of = p->ops[i].module;

		if (of != module && !(module_is_op(p, of) && p->modules[of].parent == module)) {
			calls++;
			continue;
		}
		for (int k = 0; k < p->ops[i].n_out && shown < MAX_SHOWN; k++, shown++)
			say_value(d, p->ops[i].out[k]);
	}
	if (calls)
		say(d, "… %d %s of the modules that it calls: `tensors` lists all values\n", calls,
		    plural(calls, "op", "ops"));
	return 0;
}
