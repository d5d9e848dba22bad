/*
 * cmd_status.c -- where one stands: backtrace, frame, up, down, and info about the program.
 *
 * The frames are the modules around the op that comes next, the innermost first.
 */
#include "../debug_impl.h"

#include <errno.h>
#include <limits.h>

#define MAX_INPUTS 8 /* of a module that are named */

static const char *module_name(const struct program *p, int module)
{
	return *p->modules[module].path ? p->modules[module].path : p->modules[module].type;
}

/* Which stage one is in, NULL inside of a pass. */
static const char *stage_name(const struct debugger *d)
{
	const struct moment *m = &d->target->now;

	if (m->pass < 0)
		return "tokenizer";
	return m->op >= d->program->n_ops ? "sampler" : NULL;
}

/* ---- frames -------------------------------------------------------------------------------- */

static int n_frames(const struct debugger *d)
{
	return stage_name(d)
		       ? 1
		       : d->program->modules[moment_module(d->program, &d->target->now)].depth + 1;
}

static int module_of_frame(const struct debugger *d, int frame)
{
	int m = moment_module(d->program, &d->target->now);

	for (; frame > 0 && d->program->modules[m].parent >= 0; frame--)
		m = d->program->modules[m].parent;
	return m;
}

/* "resid_pre f32[9, 128]": what a module reads from outside, by the last part of its name. */
static void add_inputs(const struct debugger *d, int module, struct text *out)
{
	value_id in[MAX_INPUTS + 1];
	int n = module_inputs(d->program, module, in, MAX_INPUTS + 1);

	for (int i = 0; i < n && i < MAX_INPUTS; i++) {
		const struct value *v = &d->program->values[in[i]];
		char name[256];

		text_addf(out, "%s%s ", i ? ", " : "",
			  v->point ? point_short_name(v, name, sizeof(name)) : v->name);
		place_add_shape(d, in[i], out);
	}
	if (n > MAX_INPUTS)
		text_adds(out, ", …");
}

static void say_frame(struct debugger *d, int frame)
{
	int module = module_of_frame(d, frame);
	const struct module *m = &d->program->modules[module];
	const struct op *op = &d->program->ops[d->target->now.op];
	struct text line = { 0 };

	if (stage_name(d)) {
		say(d, "#0  %s\n",
		    d->target->has_ended ? "the end of the generation" : stage_name(d));
		return;
	}
	say(d, "#%-2d ", frame);
	text_addf(&line, "%s (", module_name(d->program, module));
	add_inputs(d, module, &line);
	text_adds(&line, ")");
	if (frame == 0)
		text_addf(&line, " at %s:%d", source_name(op->file), op->line);
	else
		text_addf(&line, " %s, ops %d to %d", m->type, m->op_first, m->op_end - 1);
	say_wrapped(d, line.data, 4, 4);
	text_release(&line);
}

static int say_frames(struct debugger *d, const char *args, struct err *err)
{
	int n = n_frames(d), from = 0, to = n;
	char *end;
	long asked;

	/* gdb's `full` shows what a frame holds, too: `info locals` does here. */
	if (!strncmp(args, "full", 4) && (!args[4] || args[4] == ' '))
		args += 4 + strspn(args + 4, " ");
	errno = 0;
	asked = *args ? strtol(args, &end, 10) : 0;
	if (*args && (errno || end == args || *end || asked == 0))
		return err_set(err, ERR_USAGE, "'%.60s' is no number of frames", args);
	if (asked > 0 && asked < n)
		to = (int)asked;
	if (asked < 0 && asked > -n)
		from = n + (int)asked;
	for (int i = from; i < to; i++)
		say_frame(d, i);
	if (to < n)
		say(d, "(%d more: backtrace)\n", n - to);
	return 0;
}

int cmd_backtrace(struct debugger *d, const char *args, struct err *err)
{
	return say_frames(d, args, err);
}

int cmd_where(struct debugger *d, const char *args, struct err *err)
{
	place_say(d);
	return say_frames(d, args, err);
}

static int select_frame(struct debugger *d, int frame)
{
	d->frames_up = frame;
	d->left_module = -1;
	say_frame(d, frame);
	return 0;
}

int cmd_frame(struct debugger *d, const char *args, struct err *err)
{
	char *end;
	long n = d->frames_up;

	errno = 0;
	if (*args)
		n = strtol(args, &end, 10);
	if (*args && (errno || end == args || *end || n < 0 || n >= n_frames(d)))
		return err_set(err, ERR_USAGE, "there is no frame %.60s: 0 to %d", args,
			       n_frames(d) - 1);
	return select_frame(d, (int)n);
}

static int move_frame(struct debugger *d, const char *args, int direction, struct err *err)
{
	int64_t n;
	int last = n_frames(d) - 1;

	if (parse_count(args, &n, err))
		return err->code;
	if (direction > 0 && d->frames_up >= last)
		return err_set(err, ERR_USAGE, "Initial frame selected; you can't go up");
	if (direction < 0 && d->frames_up == 0)
		return err_set(err, ERR_USAGE,
			       "Bottom (innermost) frame selected; you can't go down");
	n = d->frames_up + direction * n;
	return select_frame(d, (int)(n > last ? last : n < 0 ? 0 : n));
}

int cmd_up(struct debugger *d, const char *args, struct err *err)
{
	return move_frame(d, args, 1, err);
}

int cmd_down(struct debugger *d, const char *args, struct err *err)
{
	return move_frame(d, args, -1, err);
}

/* ---- the program --------------------------------------------------------------------------- */

static void say_tokens(struct debugger *d)
{
	const int32_t *ids;
	int64_t n_prompt, n = d->target->class->tokens(d->target, &ids, &n_prompt);
	struct pass_info pass;

	say(d, "The prompt has %lld %s", (long long)n_prompt, plural(n_prompt, "token", "tokens"));
	say(d, ", %lld more %s generated by now.\n", (long long)(n - n_prompt),
	    plural(n - n_prompt, "is", "are"));
	if (!d->target->class->pass(d->target, d->target->now.pass, &pass))
		return;
	say(d, "Pass %d, %s, reads ", d->target->now.pass, pass.is_prefill ? "prefill" : "decode");
	if (pass.T == 1)
		say(d, "position %lld.\n", (long long)pass.pos0);
	else
		say(d, "positions %lld to %lld.\n", (long long)pass.pos0,
		    (long long)(pass.pos0 + pass.T - 1));
}

int cmd_info_program(struct debugger *d, const char *args, struct err *err)
{
	char at[48];

	(void)args;
	(void)err;
	if (!d->target->has_begun) {
		say(d, "The program being debugged is not being run.\n");
		return 0;
	}
	say(d, "The program is stopped at %s%s:\n", moment_format(&d->target->now, at, sizeof(at)),
	    target_is_live(d->target) ? "" : " of a recording");
	place_say(d);
	say_tokens(d);
	if (d->has_stopped)
		say(d, "It was stopped on its way.\n");
	return 0;
}

/* ---- a module ------------------------------------------------------------------------------ */

static int find_module(struct debugger *d, const char *path, struct err *err)
{
	struct text_nearest near = { .name = path, .distance = text_too_far(path) };
	struct text full = { 0 };
	int m;

	if (!*path || !strcmp(path, "."))
		return debugger_here(d);
	text_addf(&full, "model.%s", path);
	m = program_find_module(d->program, path);
	if (m < 0)
		m = program_find_module(d->program, full.data);
	text_release(&full);
	for (int i = 0; m < 0 && i < d->program->n_modules; i++)
		text_nearest_offer(&near, d->program->modules[i].path);
	if (m < 0 && near.best)
		return err_set(err, ERR_USAGE,
			       "there is no module \"%.100s\"; did you mean \"%s\"?", path,
			       near.best);
	if (m < 0)
		return err_set(err, ERR_USAGE, "there is no module \"%.100s\"", path);
	return m;
}

static void say_children(struct debugger *d, int module)
{
	struct text line = { 0 };
	int n = 0, first = -1, last = -1;

	for (int i = 0; i < d->program->n_modules; i++) {
		const struct module *m = &d->program->modules[i];
		const char *name = m->path + strlen(d->program->modules[module].path);

		if (m->parent != module)
			continue;
		n++;
		name += *name == '.';
		if (!strncmp(name, "layers.", 7)) {
			first = first < 0 ? m->layer : first;
			last = m->layer;
			continue;
		}
		text_addf(&line, "%s%s", line.len ? ", " : "", name);
	}
	if (first >= 0)
		text_addf(&line, "%slayers.{%d..%d}", line.len ? ", " : "", first, last);
	if (n > 0) {
		say(d, "calls  ");
		say_wrapped(d, line.data, 7, 7);
	}
	text_release(&line);
}

int cmd_info_module(struct debugger *d, const char *args, struct err *err)
{
	int module = find_module(d, args, err);
	const struct program *p = d->program;
	const struct module *m;
	struct text line = { 0 };
	char buf[32];

	if (module < 0)
		return module;
	m = &p->modules[module];
	say(d, "%s  %s, ops %d to %d\n", module_name(p, module), m->type, m->op_first,
	    m->op_end - 1);
	add_inputs(d, module, &line);
	say(d, "reads  ");
	say_wrapped(d, line.data ? line.data : "", 7, 7);
	text_clear(&line);
	place_add_shape(d, module_output(p, module), &line);
	say(d, "makes  %s\n", line.data);
	text_release(&line);
	if (m->n_params > 0)
		say(d, "holds  %s %s of its own, %s\n",
		    ui_format_params(m->n_params, buf, sizeof(buf)),
		    plural(m->n_params, "parameter", "parameters"),
		    mem_format_bytes(m->weight_bytes, (char[32]){ 0 }, 32));
	say_children(d, module);
	return 0;
}

/* ---- the session --------------------------------------------------------------------------- */

static void say_sampler(struct debugger *d, const struct sampler_options *s)
{
	if (s->temp <= 0) {
		say(d, "sampler   greedy\n");
		return;
	}
	say(d, "sampler   temperature %g", s->temp);
	if (s->top_k > 0)
		say(d, ", top-k %lld", (long long)s->top_k);
	if (s->top_p < 1)
		say(d, ", top-p %g", s->top_p);
	if (s->min_p > 0)
		say(d, ", min-p %g", s->min_p);
	say(d, ", seed %llu\n", (unsigned long long)s->seed);
}

static void say_prompt(struct debugger *d, const struct prompt *p)
{
	struct text line = { 0 };

	if (p->text.data) {
		text_add_visible(&line, p->text.data, p->text.len);
		say(d, "prompt    ");
		say_wrapped(d, line.data ? line.data : "", 10, 10);
	} else {
		say(d, "prompt    %s\n", p->ids ? "given as token ids" : "none yet: run PROMPT");
	}
	text_release(&line);
}

static void say_fast(struct debugger *d, const struct session *s)
{
	struct text t = { 0 };

	if (!s->opt.executor.fast)
		return;
	program_add_fast(&t, &s->model->program, s->executor.opt.kernels);
	say(d, "--fast    %s\n", t.data);
	text_release(&t);
}

int cmd_info_session(struct debugger *d, const char *args, struct err *err)
{
	const struct session *s;

	(void)args;
	if (!target_is_live(d->target))
		return err_set(err, ERR_USAGE, "there is no session: this is a recording");
	s = &live_recorder(d->target)->generation.session;
	say(d, "model     %s, %s, %lld %s\n", s->model->checkpoint.path, s->model->config->arch,
	    (long long)s->model->config->n_layers,
	    plural(s->model->config->n_layers, "layer", "layers"));
	say_prompt(d, live_prompt(d->target));
	say(d, "generates %lld %s at most\n", (long long)s->opt.n,
	    plural(s->opt.n, "token", "tokens"));
	say_sampler(d, &s->opt.sampler);
	say_fast(d, s);
	say(d, "computes  with %s kernels, %d %s, %lld %s a prefill pass\n",
	    s->executor.opt.kernels->isa, threads_count(s->opt.executor.pool),
	    plural(threads_count(s->opt.executor.pool), "thread", "threads"),
	    (long long)s->opt.executor.chunk,
	    plural(s->opt.executor.chunk, "position", "positions"));
	return 0;
}

int cmd_info_memory(struct debugger *d, const char *args, struct err *err)
{
	const struct session *s;
	char buf[32];

	(void)args;
	if (!target_is_live(d->target))
		return err_set(err, ERR_USAGE, "a recording keeps its values in its file");
	s = &live_recorder(d->target)->generation.session;
	say(d, "weights   %s, mapped from %s\n",
	    mem_format_bytes(s->model->checkpoint.weight_bytes, buf, sizeof(buf)),
	    s->model->checkpoint.path);
	if (s->model->checkpoint.copied_bytes)
		say(d, "          %s of them copied, since GGUF has q and k in another order\n",
		    mem_format_bytes(s->model->checkpoint.copied_bytes, buf, sizeof(buf)));
	say(d, "values    %s for those of a pass and the KV cache",
	    mem_format_bytes(executor_allocated_bytes(&s->executor), buf, sizeof(buf)));
	say(d, ", which holds %lld %s\n", (long long)executor_positions(&s->executor),
	    plural(executor_positions(&s->executor), "position", "positions"));
	say(d, "available %s\n", mem_format_bytes(mem_available_bytes(), buf, sizeof(buf)));
	return 0;
}
