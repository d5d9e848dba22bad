/*
 * calls.c -- the module calls of a pass, made of when its ops ran.
 *
 * The program lists ops, and a module is a range of them; entering and leaving modules is derived
 * from that.  A call lasts as long as its ops took, on the model's clock: neither what the recorder
 * and other hooks did between them nor how long somebody stood at a stop is part of it.
 */
#include "writer.h"

#include "torchless/mem.h"

static struct span *innermost(struct trace_writer *w)
{
	return w->n_open ? &w->spans[w->open[w->n_open - 1]] : NULL;
}

static void open_span(struct trace_writer *w, int module, int64_t ts)
{
	const struct span *parent = innermost(w);
	struct span s = {
		.id = w->next_span++,
		.last_id = -1,
		.pass_id = w->pass_id,
		.parent_id = parent ? parent->id : -1,
		.module_id = module + 1,
		.module = module,
		.depth = (int64_t)w->n_open,
		.ts = ts,
		.dur = -1,
	};

	w->open = mem_grow(w->open, w->n_open, &w->cap_open, sizeof(*w->open));
	w->open[w->n_open++] = w->n_spans;
	w->spans = mem_grow(w->spans, w->n_spans, &w->cap_spans, sizeof(*w->spans));
	w->spans[w->n_spans++] = s;
	w->totals.n_calls++;
}

static void close_span(struct trace_writer *w)
{
	struct span *s = innermost(w), *parent;

	s->last_id = w->next_span - 1;
	s->dur = s->model_ns;
	w->n_open--;
	parent = innermost(w);
	if (!parent)
		return;
	cost_add(&parent->cost, &s->cost);
	parent->model_ns += s->model_ns;
}

/* Open `module` and those of its ancestors that are not open. */
static void open_path(struct trace_writer *w, int module, int64_t ts)
{
	const struct span *top = innermost(w);

	if (module < 0 || (top && top->module == module))
		return;
	open_path(w, w->program->modules[module].parent, ts);
	open_span(w, module, ts);
}

static bool is_inside(struct trace_writer *w, int module)
{
	return program_module_inside(w->program, module, innermost(w)->module);
}

static void add_op(struct trace_writer *w, const struct executor *ex, int i)
{
	const struct op *op = &w->program->ops[i];
	struct op_time *time = &w->times[i];
	struct cost cost = cost_of(ex, op);

	while (w->n_open && !is_inside(w, op->module))
		close_span(w);
	open_path(w, op->module, time->begin);
	time->span_id = innermost(w)->id;
	innermost(w)->model_ns += time->end - time->begin;
	cost_add(&innermost(w)->cost, &cost);
	while (w->n_open && w->program->modules[innermost(w)->module].op_end <= i + 1)
		close_span(w);
}

void calls_make(struct trace_writer *w, const struct executor *ex)
{
	int64_t n_before = (int64_t)w->n_spans;
	size_t k;
	int i;

	w->next_span -= n_before; /* made again */
	w->totals.n_calls -= n_before;
	rows_drop_spans(w);
	for (i = 0; i < w->n_done; i++)
		add_op(w, ex, i);
	while (w->n_done == w->program->n_ops && w->n_open)
		close_span(w);
	for (k = 0; k < w->n_values; k++)
		w->values[k].span_id = w->times[w->values[k].op].span_id;
}
