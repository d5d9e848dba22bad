/*
 * place.c -- words for where one stands and what is there.
 *
 * The same moment is told in the same words, whatever way led to it.
 */
#include "debug_impl.h"

#include "torchless/utf8.h"

#include <limits.h>

/* ---- values -------------------------------------------------------------------------------- */

static int64_t bind_dim(int64_t dim, const struct pass_info *info)
{
	switch (dim) {
	case DIM_T:
		return info->T;
	case DIM_S:
		return info->pos0 + info->T;
	default:
		return dim;
	}
}

void place_add_shape(const struct debugger *d, value_id v, struct text *out)
{
	const struct value *value = &d->program->values[v];
	struct pass_info info;
	char buf[128];

	if (!d->target->class->pass(d->target, d->target->now.pass, &info)) {
		text_adds(out, program_format_shape(value, buf, sizeof(buf)));
		return;
	}
	text_addf(out, "%s[", dtype_table[value->t.dtype].name);
	for (int i = 0; i < value->t.n_dims; i++)
		if (value->t.shape[i] == DIM_R)
			text_addf(out, "%sR", i ? ", " : "");
		else
			text_addf(out, "%s%lld", i ? ", " : "",
				  (long long)bind_dim(value->t.shape[i], &info));
	text_addc(out, ']');
}

void place_add_token(const struct debugger *d, int32_t id, struct text *out)
{
	struct text piece = { 0 };

	d->target->class->piece(d->target, id, &piece);
	text_addc(out, '\'');
	ui_add_visible(out, d->opt.ui, piece.data ? piece.data : "", piece.len);
	text_addc(out, '\'');
	text_release(&piece);
}

static int64_t token_at(void *ctx, int64_t pos)
{
	const struct debugger *d = ctx;
	const int32_t *ids;
	int64_t n_prompt, n = d->target->class->tokens(d->target, &ids, &n_prompt);

	return pos >= 0 && pos < n ? ids[pos] : -1;
}

static void add_piece(void *ctx, int64_t id, struct text *out)
{
	const struct debugger *d = ctx;

	if (id <= INT32_MAX)
		d->target->class->piece(d->target, (int32_t)id, out);
}

struct ui_token_labels place_labels(const struct debugger *d, const struct array *a, bool quoted)
{
	return (struct ui_token_labels){ .array = a,
					 .token = token_at,
					 .piece = add_piece,
					 .ctx = (void *)d,
					 .quoted = quoted };
}

/* ---- where one stands ---------------------------------------------------------------------- */

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

static const char *module_path(const struct program *p, int module)
{
	return *p->modules[module].path ? p->modules[module].path : p->modules[module].type;
}

/* "→" and "·" where they can be shown; what is piped is UTF-8. */
static const char *arrow(const struct debugger *d)
{
	return d->opt.ui->utf8 || !d->opt.ui->is_terminal ? "→" : "->";
}

static const char *dot(const struct debugger *d)
{
	return d->opt.ui->utf8 || !d->opt.ui->is_terminal ? "·" : "-";
}

/* "out[4,128]": activations are f32. */
static void add_output(const struct debugger *d, value_id v, struct text *out)
{
	const char *name = d->program->values[v].name, *colon = strrchr(name, ':');
	struct text shape = { 0 };

	place_add_shape(d, v, &shape);
	text_adds(out, colon ? colon + 1 : name);
	for (const char *c = strchr(shape.data, '['); c && *c; c++)
		if (*c != ' ')
			text_addc(out, *c);
	text_release(&shape);
}

/* All that an op makes, or the last of it, which is what the others lead to. */
static void add_op(const struct debugger *d, const struct op *op, bool whole, struct text *out)
{
	text_addf(out, "%s  %s %s ", module_path(d->program, op->module), op_table[op->code].name,
		  arrow(d));
	for (int i = whole ? 0 : op->n_out - 1; i < op->n_out; i++) {
		add_output(d, op->out[i], out);
		text_adds(out, i + 1 < op->n_out ? ", " : "");
	}
}

static void add_call(const struct debugger *d, int call, struct text *out)
{
	const struct module *m = &d->program->modules[call];

	text_addf(out, "%s  %s, %d %s", module_path(d->program, call), m->type,
		  m->op_end - m->op_first, plural(m->op_end - m->op_first, "op", "ops"));
}

static void say_bytes(struct debugger *d, struct bytes b)
{
	struct text t = { 0 };

	ui_add_visible(&t, d->opt.ui, b.data ? b.data : "", b.len);
	say(d, "'%s'", t.data ? t.data : "");
	text_release(&t);
}

/* "merge 't' + 'he' → 'the'", "pick 278 'the'". */
static void say_step(struct debugger *d, const struct stage_step *s)
{
	say(d, "%s", s->rule);
	if (s->stage == STAGE_SAMPLER && s->token_id >= 0) {
		struct text t = { 0 };

		place_add_token(d, (int32_t)s->token_id, &t);
		say(d, " %lld %s", (long long)s->token_id, t.data);
		text_release(&t);
	} else if (s->stage == STAGE_SAMPLER) {
		say(d, ", %lld left", (long long)s->rank);
	} else {
		if (s->left.data) {
			say(d, " ");
			say_bytes(d, s->left);
		}
		if (s->right.data) {
			say(d, " + ");
			say_bytes(d, s->right);
		}
		if (s->merged.data) {
			say(d, " → ");
			say_bytes(d, s->merged);
		}
	}
}

static void say_stage(struct debugger *d, const struct moment *m)
{
	enum stage stage = m->pass < 0 ? STAGE_TOKENIZER : STAGE_SAMPLER;
	struct stage_step step;
	int n = d->target->class->n_steps(d->target, stage, m->pass);

	say(d, "%s", stage == STAGE_TOKENIZER ? "tokenizer" : "sampler");
	if (n > 0 && d->target->class->step(d->target, stage, m->pass, m->step, &step)) {
		say(d, ", step %d of %d: ", m->step, n);
		say_step(d, &step);
	} else if (m->step < n) {
		say(d, ", step %d of %d", m->step, n);
	}
}

/* What is known of an op besides, the first and last for the widest screens only. */
static void add_besides(const struct debugger *d, const struct moment *m, int how_much,
			struct text *out)
{
	const struct op *op = &d->program->ops[m->op];
	struct pass_info info;

	text_clear(out);
	if (how_much == 0 || !d->target->class->pass(d->target, m->pass, &info))
		return;
	text_addf(out, "   %s", info.is_prefill ? "prefill" : "decode");
	if (how_much > 2)
		text_addf(out, " %s op %d of %d", dot(d), m->op, d->program->n_ops);
	if (how_much > 1)
		text_addf(out, " %s %s:%d", dot(d), base_name(op->file), op->line);
}

/* The op or call that comes next, as much of it as one line has room for behind `used` columns. */
static void say_site(struct debugger *d, const struct moment *m, int used)
{
	int width = d->opt.ui->width > 0 ? d->opt.ui->width - used : INT_MAX;
	int call = moment_call(d->program, m), how_much = 3;
	struct text site = { 0 }, besides = { 0 };

	if (call >= 0)
		add_call(d, call, &site);
	else
		add_op(d, &d->program->ops[m->op], true, &site);
	if (call < 0 && utf8_width(site.data, site.len) > width) {
		text_clear(&site);
		add_op(d, &d->program->ops[m->op], false, &site);
	}
	do
		add_besides(d, m, how_much, &besides);
	while (how_much-- > 0 &&
	       utf8_width(site.data, site.len) +
			       utf8_width(besides.data ? besides.data : "", besides.len) >
		       width);
	say(d, "%s", site.data);
	say_styled(d, UI_DIM, "%s", besides.data ? besides.data : "");
	say(d, "\n");
	text_release(&site);
	text_release(&besides);
}

void place_say(struct debugger *d)
{
	const struct moment *m = &d->target->now;
	char buf[48];

	if (!d->target->has_begun) {
		say(d, "The program is not being run.\n");
		return;
	}
	say_styled(d, UI_BOLD, "%s", moment_format(m, buf, sizeof(buf)));
	say(d, "  ");
	if (d->target->has_ended) {
		say(d, "the end of the generation\n");
		return;
	}
	if (m->pass < 0 || m->op == d->program->n_ops) {
		say_stage(d, m);
		say(d, "\n");
		return;
	}
	say_site(d, m, (int)strlen(buf) + 2);
}

static void add_count(struct text *out, int64_t n, const char *what)
{
	if (n)
		text_addf(out, ", %lld %s", (long long)n, what);
}

void place_add_stats(const struct stats *s, struct text *out)
{
	char mean[32], std[32], absmax[32];

	text_addf(out, "mean %s std %s absmax %s", ui_format_number(s->mean, mean, sizeof(mean)),
		  ui_format_number(s->std, std, sizeof(std)),
		  ui_format_number(s->absmax, absmax, sizeof(absmax)));
	add_count(out, s->n_nan, "NaN");
	add_count(out, s->n_pinf, "+inf");
	add_count(out, s->n_ninf, "-inf");
}

bool place_add_value(struct debugger *d, value_id v, struct text *out, struct err *err)
{
	struct array *a =
		d->target->source.read(d->target->source.ctx, d->program->values[v].name, err);
	struct stats stats;
	bool has_stats = d->target->class->stats && d->target->class->stats(d->target, v, &stats) &&
			 (!a || a->numel != stats.numel);

	if (has_stats) {
		place_add_shape(d, v, out);
		text_addc(out, ' ');
		place_add_stats(&stats, out);
	} else if (a && a->numel > 0) {
		struct tensor tensor = tensor_make(DTYPE_F32, a->n_dims, a->shape, a->data);

		ui_add_tensor(out, d->opt.ui, &tensor);
	}
	array_release(a);
	if (has_stats)
		*err = (struct err){ 0 };
	return a || has_stats;
}

int place_say_output(struct debugger *d, int module, struct err *err)
{
	struct err why = { 0 };
	struct text t = { 0 };

	text_addf(&t, "%s %s ", module_path(d->program, module), arrow(d));
	if (place_add_value(d, module_output(d->program, module), &t, &why))
		say(d, "%s\n", t.data);
	else if (why.code != ERR_USAGE)
		*err = why;
	text_release(&t);
	return why.code == ERR_USAGE ? 0 : why.code;
}

int debugger_frame(const struct debugger *d)
{
	int m = moment_module(d->program, &d->target->now);

	for (int i = 0; i < d->frames_up && d->program->modules[m].parent >= 0; i++)
		m = d->program->modules[m].parent;
	return m;
}

int debugger_here(const struct debugger *d)
{
	return d->left_module >= 0 ? d->left_module : debugger_frame(d);
}
