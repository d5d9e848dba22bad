/*
 * view.c -- the program in rows, and where one stands in it: what a screen shows.
 */
#include "view.h"
#include "../stops/break_impl.h"

/* Elements that are looked at for NaN after a command, at most: a millisecond or two. */
#define FAULT_BUDGET (4 << 20)

enum { FAULT_UNKNOWN, FAULT_NO, FAULT_YES };

/* ---- rows --------------------------------------------------------------------------------- */

static void add_row(struct debugger_view *v, enum debugger_row_kind kind, int op, int module)
{
	v->rows = mem_grow(v->rows, (size_t)v->n_rows, &v->cap_rows, sizeof(*v->rows));
	v->rows[v->n_rows++] = (struct view_row){ kind, op, module };
}

/* The modules of several ops that begin with an op, the outermost first; the root is not shown. */
static void add_modules(struct debugger_view *v, int op)
{
	const struct program *p = v->d->program;
	int inner = p->ops[op].module;

	for (int depth = 1; depth <= p->modules[inner].depth; depth++) {
		int m = inner;

		while (p->modules[m].depth > depth)
			m = p->modules[m].parent;
		if (p->modules[m].op_first == op && !module_is_op(p, m))
			add_row(v, ROW_MODULE, op, m);
	}
}

struct debugger_view *debugger_view_new(struct debugger *d)
{
	struct debugger_view *v = mem_calloc(1, sizeof(*v));
	int n = d->program->n_ops;

	v->d = d;
	v->candidates_pass = -1;
	v->faults = mem_calloc((size_t)n + 1, 1);
	v->budget = FAULT_BUDGET;
	add_row(v, ROW_TOKENIZER, -1, -1);
	for (int i = 0; i < n; i++) {
		add_modules(v, i);
		add_row(v, ROW_OP, i, d->program->ops[i].module);
	}
	add_row(v, ROW_SAMPLER, -1, -1);
	return v;
}

void debugger_view_free(struct debugger_view *v)
{
	if (!v)
		return;
	free(v->rows);
	free(v->faults);
	free(v);
}

static const struct executor *executor_of(const struct debugger *d)
{
	return target_is_live(d->target) ? &live_recorder(d->target)->generation.session.executor
					 : NULL;
}

void debugger_view_refresh(struct debugger_view *v)
{
	const struct executor *ex = executor_of(v->d);
	int last_edit = ex ? ex->last_edit_id : 0, n_edits = ex ? ex->n_edits : 0;

	v->budget = FAULT_BUDGET;
	if (last_edit != v->last_edit || n_edits != v->n_edits)
		v->candidates_pass = -1;
	if (moment_compare(&v->moment, &v->d->target->now) != 0 || v->candidates_pass < 0)
		memset(v->faults, FAULT_UNKNOWN, (size_t)v->d->program->n_ops);
	v->moment = v->d->target->now;
	v->last_edit = last_edit;
	v->n_edits = n_edits;
}

int debugger_view_n_rows(const struct debugger_view *v)
{
	return v->n_rows;
}

value_id view_output(const struct debugger_view *v, int row)
{
	const struct program *p = v->d->program;
	const struct view_row *r = &v->rows[row];

	if (r->kind == ROW_MODULE)
		return module_output(p, r->module);
	if (r->kind == ROW_OP)
		return p->ops[r->op].out[p->ops[r->op].n_out - 1];
	return -1;
}

/* ---- where one stands --------------------------------------------------------------------- */

static bool is_among_ops(const struct debugger *d)
{
	const struct moment *m = &d->target->now;

	return d->target->has_begun && m->pass >= 0 && m->op < d->program->n_ops;
}

static int current_row(const struct debugger_view *v)
{
	const struct debugger *d = v->d;
	const struct moment *m = &d->target->now;
	int call;

	if (!d->target->has_begun)
		return -1;
	if (!is_among_ops(d))
		return m->pass < 0 ? 0 : v->n_rows - 1;
	call = moment_call(d->program, m);
	for (int i = 0; i < v->n_rows; i++)
		if (v->rows[i].op == m->op &&
		    (v->rows[i].kind == ROW_OP || v->rows[i].module == call))
			return i;
	return -1;
}

static const char *phase_of(const struct debugger *d, const struct pass_info *info)
{
	const struct moment *m = &d->target->now;

	if (!d->target->has_begun)
		return "";
	if (d->target->has_ended)
		return "end";
	if (m->pass < 0)
		return "tokenizer";
	if (m->op >= d->program->n_ops)
		return "sampler";
	return info->is_prefill ? "prefill" : "decode";
}

static int count_breakpoints(const struct debugger *d)
{
	int n = 0;

	for (int i = 0; i < d->breakpoints->n; i++)
		n += d->breakpoints->list[i]->number > 0 && d->breakpoints->list[i]->enabled;
	return n;
}

void debugger_view_state(const struct debugger_view *v, struct debugger_state *s)
{
	const struct debugger *d = v->d;
	const struct target *t = d->target;
	const struct program *p = d->program;
	struct pass_info info = { 0 };
	const int32_t *ids;

	*s = (struct debugger_state){ .now = t->now,
				      .has_begun = t->has_begun,
				      .has_ended = t->has_ended,
				      .is_live = target_is_live(t),
				      .n_ops = p->n_ops,
				      .n_layers = p->n_layers,
				      .layer = -1,
				      .n_breakpoints = count_breakpoints(d),
				      .n_edits = v->n_edits,
				      .row = current_row(v) };
	if (t->has_begun && t->class->pass(t, t->now.pass, &info)) {
		s->pos0 = info.pos0;
		s->T = info.T;
	}
	s->phase = phase_of(d, &info);
	s->n_tokens = t->class->tokens(t, &ids, &s->n_prompt);
	if (is_among_ops(d)) {
		const struct op *op = &p->ops[t->now.op];

		s->layer = p->modules[op->module].layer;
		s->line = op->line;
		s->file = source_text(op->file) ? source_name(op->file) : NULL;
	}
}

void debugger_view_name(const struct debugger_view *v, struct text *out)
{
	const struct debugger *d = v->d;
	const char *path = d->opt.recording, *end, *from;

	if (target_is_live(d->target))
		path = live_recorder(d->target)->generation.session.model->checkpoint.path;
	end = path + strlen(path);
	while (end > path + 1 && end[-1] == '/')
		end--;
	for (from = end; from > path && from[-1] != '/'; from--)
		;
	text_add_visible(out, from, (size_t)(end - from));
}

/* ---- marks -------------------------------------------------------------------------------- */

static bool holds_fault(struct debugger_view *v, value_id value)
{
	struct debugger *d = v->d;
	struct err ignored = { 0 };
	struct stats stats;
	struct array *a;

	if (d->target->class->stats && d->target->class->stats(d->target, value, &stats))
		return stats.n_nan > 0 || stats.n_pinf > 0;
	a = look_read(d, value, "", &ignored);
	if (!a)
		return false;
	v->budget -= a->numel;
	stats = stats_of(a->data, a->numel);
	array_release(a);
	return stats.n_nan > 0 || stats.n_pinf > 0;
}

/* A relation is computed when somebody reads it: nobody does because it is on the screen. */
static bool has_fault(struct debugger_view *v, int op)
{
	const struct program *p = v->d->program;
	value_id out = p->ops[op].out[p->ops[op].n_out - 1];

	if (v->faults[op] == FAULT_UNKNOWN && v->budget > 0 &&
	    p->values[out].storage != STORAGE_LAZY)
		v->faults[op] = holds_fault(v, out) ? FAULT_YES : FAULT_NO;
	return v->faults[op] == FAULT_YES;
}

static enum debugger_mark mark_of_op(struct debugger_view *v, int op)
{
	const struct debugger *d = v->d;
	const struct program *p = d->program;
	value_id out = p->ops[op].out[p->ops[op].n_out - 1];
	struct stats stats;

	if (d->target->now.pass < 0 || op >= d->target->now.op)
		return MARK_AHEAD;
	/* A recording may know statistics of what it does not hold. */
	if (!d->target->has(d->target, out) &&
	    !(d->target->class->stats && d->target->class->stats(d->target, out, &stats)))
		return MARK_NONE;
	return has_fault(v, op) ? MARK_FAULT : MARK_COMPUTED;
}

/* Of a module the ops that are known by now. */
static enum debugger_mark mark_of_module(const struct debugger_view *v, int module)
{
	const struct module *m = &v->d->program->modules[module];
	const struct moment *now = &v->d->target->now;

	for (int i = m->op_first; i < m->op_end; i++)
		if (v->faults[i] == FAULT_YES && now->pass >= 0 && i < now->op)
			return MARK_FAULT;
	if (now->pass < 0 || m->op_first >= now->op)
		return MARK_AHEAD;
	return m->op_end <= now->op ? MARK_COMPUTED : MARK_NONE;
}

static enum debugger_mark mark_of(struct debugger_view *v, const struct view_row *r)
{
	const struct target *t = v->d->target;

	if (!t->has_begun)
		return MARK_NONE;
	switch (r->kind) {
	case ROW_TOKENIZER:
		return t->now.pass >= 0 ? MARK_COMPUTED : MARK_NONE;
	case ROW_SAMPLER:
		return t->has_ended ? MARK_COMPUTED : MARK_AHEAD;
	case ROW_MODULE:
		return mark_of_module(v, r->module);
	case ROW_OP:
		return mark_of_op(v, r->op);
	}
	return MARK_NONE;
}

static bool touches(const struct op *op, value_id value)
{
	for (int i = 0; i < op->n_out; i++)
		if (op->out[i] == value)
			return true;
	for (int i = 0; i < op->n_in; i++)
		if (op->in[i] == value)
			return true;
	return false;
}

/* Edits of what it makes in this pass, and of its weights. */
static bool is_edited(const struct debugger_view *v, int op)
{
	const struct executor *ex = executor_of(v->d);
	const struct program *p = v->d->program;
	int pass = v->d->target->now.pass;

	for (int i = 0; ex && i < ex->n_edits; i++) {
		const struct edit *e = &ex->edits[i];
		bool is_weight = p->values[e->value].storage == STORAGE_WEIGHT;
		bool is_now = is_weight ||
			      (e->pass_from <= pass && (e->pass_to < 0 || pass <= e->pass_to));

		if (is_now && (is_weight || p->values[e->value].op == op) &&
		    touches(&p->ops[op], e->value))
			return true;
	}
	return false;
}

/* ---- breakpoints -------------------------------------------------------------------------- */

static bool lies_at(const struct debugger_view *v, const struct location *l,
		    const struct view_row *r)
{
	const struct program *p = v->d->program;

	if (r->kind == ROW_TOKENIZER || r->kind == ROW_SAMPLER)
		return l->kind ==
		       (r->kind == ROW_TOKENIZER ? LOCATION_TOKENIZER : LOCATION_SAMPLER);
	if (l->kind != LOCATION_OPS)
		return false;
	for (int i = 0; i < l->n_spots; i++) {
		const struct spot *s = &l->spots[i];
		bool is_op = s->module < 0 || module_is_op(p, s->module);

		if (r->kind == ROW_OP ? is_op && s->op == r->op : !is_op && s->module == r->module)
			return true;
	}
	return false;
}

static void set_breakpoint(const struct breakpoint *b, struct debugger_row *row)
{
	if (row->breakpoint && (row->breakpoint_is_enabled || !b->enabled))
		return;
	row->breakpoint = b->number;
	row->breakpoint_is_enabled = b->enabled;
}

/* Where several lie, one that is enabled. */
static void find_breakpoint(const struct debugger_view *v, const struct view_row *r,
			    struct debugger_row *row)
{
	const struct breakpoints *all = v->d->breakpoints;

	for (int i = 0; i < all->n; i++)
		if (all->list[i]->number > 0 && lies_at(v, &all->list[i]->location, r))
			set_breakpoint(all->list[i], row);
}

/* ---- a row -------------------------------------------------------------------------------- */

static void clear_row(struct debugger_row *row)
{
	text_clear(&row->name);
	text_clear(&row->what);
	text_clear(&row->location);
	*row = (struct debugger_row){
		.op = -1, .name = row->name, .what = row->what, .location = row->location
	};
	text_adds(&row->name, "");
	text_adds(&row->what, "");
	text_adds(&row->location, "");
}

void debugger_row_release(struct debugger_row *row)
{
	text_release(&row->name);
	text_release(&row->what);
	text_release(&row->location);
}

/* What of its path is behind that of the module around it: "layers.0". */
static const char *own_name(const struct program *p, int module)
{
	const struct module *m = &p->modules[module];
	size_t n = m->parent >= 0 ? strlen(p->modules[m->parent].path) : 0;

	if (!*m->path)
		return m->type;
	return n ? m->path + n + 1 : m->path;
}

static void describe_module(const struct debugger_view *v, int module, struct debugger_row *row)
{
	const struct module *m = &v->d->program->modules[module];

	row->depth = m->depth - 1;
	text_adds(&row->name, own_name(v->d->program, module));
	text_addf(&row->what, "%s, %d %s", m->type, m->op_end - m->op_first,
		  plural(m->op_end - m->op_first, "op", "ops"));
	text_adds(&row->location, m->path);
}

static void describe_op(const struct debugger_view *v, int i, struct debugger_row *row)
{
	const struct program *p = v->d->program;
	const struct op *op = &p->ops[i];
	const struct module *m = &p->modules[op->module];
	value_id out = op->out[op->n_out - 1];
	const char *colon = strrchr(p->values[out].name, ':');
	bool is_module = module_is_op(p, op->module);

	row->depth = is_module ? m->depth - 1 : m->depth;
	row->depth = row->depth < 0 ? 0 : row->depth;
	text_adds(&row->name, is_module ? own_name(p, op->module)
			      : colon   ? colon + 1
					: p->values[out].name);
	text_addf(&row->what, "%s ", op_table[op->code].name);
	place_add_shape(v->d, out, &row->what);
	if (is_module)
		text_adds(&row->location, m->path);
	else if (p->values[out].point)
		text_adds(&row->location, p->values[out].name);
	else
		text_addf(&row->location, "op %d", i);
	row->is_edited = is_edited(v, i);
}

void debugger_view_row(struct debugger_view *v, int i, struct debugger_row *row)
{
	const struct view_row *r = &v->rows[i];

	clear_row(row);
	row->kind = r->kind;
	row->op = r->op;
	row->is_current = i == current_row(v);
	row->mark = mark_of(v, r);
	find_breakpoint(v, r, row);
	if (r->kind == ROW_MODULE) {
		describe_module(v, r->module, row);
	} else if (r->kind == ROW_OP) {
		describe_op(v, r->op, row);
	} else {
		text_adds(&row->name, r->kind == ROW_TOKENIZER ? "tokenizer" : "sampler");
		text_adds(&row->location, row->name.data);
	}
}

/* ---- source ------------------------------------------------------------------------------- */

const char *debugger_view_source(const struct debugger_view *v)
{
	int op = is_among_ops(v->d) ? v->d->target->now.op : 0;

	return source_text(v->d->program->ops[op].file);
}

void debugger_view_source_row(struct debugger_view *v, int line, struct debugger_row *row)
{
	const struct program *p = v->d->program;
	int now = is_among_ops(v->d) ? v->d->target->now.op : -1;
	const struct breakpoints *all = v->d->breakpoints;

	clear_row(row);
	row->kind = ROW_OP;
	row->is_current = now >= 0 && p->ops[now].line == line;
	text_addf(&row->location, "%s:%d", source_name(p->ops[0].file), line);
	for (int i = 0; i < p->n_ops; i++)
		if (p->ops[i].line == line && row->op < 0)
			row->op = i;
	for (int i = 0; row->op >= 0 && i < all->n; i++) {
		const struct location *l = &all->list[i]->location;

		for (int k = 0; all->list[i]->number > 0 && k < l->n_spots; k++)
			if (p->ops[l->spots[k].op].line == line &&
			    (l->spots[k].module < 0 || module_is_op(p, l->spots[k].module)))
				set_breakpoint(all->list[i], row);
	}
}

/* ---- tokens ------------------------------------------------------------------------------- */

void debugger_view_piece(const struct debugger_view *v, int32_t id, struct text *out)
{
	struct text piece = { 0 };

	v->d->target->class->piece(v->d->target, id, &piece);
	ui_add_visible(out, v->d->opt.ui, piece.data ? piece.data : "", piece.len);
	text_release(&piece);
}

void debugger_view_token(const struct debugger_view *v, int64_t pos, struct text *out)
{
	int32_t id = look_token_at(v->d, pos);

	if (id >= 0)
		debugger_view_piece(v, id, out);
}
