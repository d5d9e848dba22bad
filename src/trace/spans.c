/*
 * spans.c -- the hook: passes, stages, and the module calls of a pass.
 *
 * The program lists ops, and a module is a range of them; entering and leaving modules is derived
 * from that.  Time is CLOCK_MONOTONIC since the run began less the time spent in this hook, so
 * that a module's duration is the model's and not the recorder's.
 */
#include "writer.h"

#include "torchless/clock.h"
#include "torchless/mem.h"

#include <string.h>

/* What a callback returns; the time since `entered` was ours. */
static int leave(struct trace_writer *w, int64_t entered, int ret)
{
	w->recording_ns += clock_ns() - entered;
	return ret;
}

/* ---- module calls -------------------------------------------------------------------------- */

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

static void close_span(struct trace_writer *w, int64_t ts)
{
	struct span *s = innermost(w), *parent;

	s->last_id = w->next_span - 1;
	s->dur = ts - s->ts;
	s->changed = true;
	w->n_open--;
	parent = innermost(w);
	if (parent)
		cost_add(&parent->cost, &s->cost);
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

static int hook_before(void *ctx, struct executor *ex, const struct site *at, struct err *err)
{
	struct trace_writer *w = ctx;
	int64_t entered = clock_ns();

	(void)ex;
	(void)err;
	if (at->kind != SITE_OP || !w->in_pass)
		return leave(w, entered, HOOK_CONTINUE);
	while (w->n_open && !is_inside(w, at->op->module))
		close_span(w, writer_time(w, entered));
	open_path(w, at->op->module, writer_time(w, entered));
	return leave(w, entered, HOOK_CONTINUE);
}

/* Keep what there is when --stop-on was met: the run may end here. */
static int stop(struct trace_writer *w, struct executor *ex, struct err *err)
{
	w->stopped_pass = ex->pass;
	if (writer_event(w, "stopped", 2, w->next_value - 1, NULL, err) || writer_flush(w, err) ||
	    writer_commit(w, err))
		return err->code;
	return HOOK_PAUSE;
}

static int after_op(struct trace_writer *w, struct executor *ex, const struct site *at, int64_t ts,
		    struct err *err)
{
	bool was_stopped = w->stopped_fqn != NULL, stopping = false;
	struct cost cost = cost_of(ex, at->op);
	int64_t span_id = innermost(w)->id;
	int i;

	cost_add(&innermost(w)->cost, &cost);
	w->last_ts = ts;
	for (i = 0; i < at->op->n_out; i++) {
		if (w->point_ids[at->op->out[i]] &&
		    writer_measure(w, ex, at->op->out[i], span_id, &stopping, err))
			return err->code;
	}
	while (w->n_open && w->program->modules[innermost(w)->module].op_end <= at->op_index + 1)
		close_span(w, ts);
	return stopping && !was_stopped ? stop(w, ex, err) : HOOK_CONTINUE;
}

/* ---- stages -------------------------------------------------------------------------------- */

static int insert_pass(struct trace_writer *w, int idx, const char *phase, int64_t pos0,
		       int64_t n_tok, int64_t ts, struct err *err)
{
	struct stmt *s = &w->sql.pass;

	if (writer_begin(w, err) ||
	    stmt_ready(&w->db, s,
		       "INSERT INTO pass(id, run_id, idx, phase, pos0, n_tok, kv_len, ts) "
		       "VALUES(:id, :run, nullif(:idx, -1), :phase, :pos0, :n_tok, :kv_len, :ts)",
		       err))
		return err->code;
	w->pass_id = w->next_pass++;
	w->pass_ts = ts;
	stmt_int(s, ":id", w->pass_id);
	stmt_int(s, ":run", w->run_id);
	stmt_int(s, ":idx", idx);
	stmt_text(s, ":phase", phase);
	stmt_int(s, ":pos0", pos0);
	stmt_int(s, ":n_tok", n_tok);
	stmt_int(s, ":kv_len", w->kv_len);
	stmt_int(s, ":ts", ts);
	return stmt_run(&w->db, s, err);
}

/*
 * A stage is a pass without a number.  Its steps are announced after it ran, so its duration is
 * not known; the sampler's row stands at the position whose logits it read.
 */
static int begin_stage(struct trace_writer *w, enum stage stage, int64_t ts, struct err *err)
{
	if (w->stage == (int)stage)
		return 0;
	w->stage = (int)stage;
	if (stage == STAGE_TOKENIZER)
		return insert_pass(w, -1, "tokenize", 0, w->n_tokens, ts, err);
	return insert_pass(w, -1, "sample", w->kv_len ? w->kv_len - 1 : 0, 1, ts, err);
}

static int record_tok_step(struct trace_writer *w, const struct stage_step *step, struct err *err)
{
	struct stmt *s = &w->sql.tok_step;

	if (stmt_ready(&w->db, s,
		       "INSERT INTO tok_step(run_id, seq, rule, left_piece, right_piece, merged, "
		       "rank, at_byte) VALUES(:run, :seq, :rule, :left, :right, :merged, "
		       "nullif(:rank, -1), nullif(:at, -1))",
		       err))
		return err->code;
	stmt_int(s, ":run", w->run_id);
	stmt_int(s, ":seq", w->n_tok_steps++);
	stmt_text(s, ":rule", step->rule);
	stmt_int(s, ":rank", step->rank);
	stmt_int(s, ":at", step->at_byte);
	if (!w->redact) {
		stmt_blob(s, ":left", step->left.data, step->left.len);
		stmt_blob(s, ":right", step->right.data, step->right.len);
		stmt_blob(s, ":merged", step->merged.data, step->merged.len);
	}
	return stmt_run(&w->db, s, err);
}

/* {"rule": "top_k", "pos": 4, "rank": 40}: candidates left after a cut, and what was picked. */
static int record_sampler_step(struct trace_writer *w, const struct stage_step *step,
			       struct err *err)
{
	struct text json = { 0 };
	int ret;

	text_adds(&json, "{\"rule\":");
	text_add_json(&json, step->rule, strlen(step->rule));
	text_addf(&json, ",\"pos\":%lld", (long long)(w->kv_len ? w->kv_len - 1 : 0));
	if (step->rank >= 0)
		text_addf(&json, ",\"rank\":%lld", (long long)step->rank);
	if (step->token_id >= 0)
		text_addf(&json, ",\"token_id\":%lld", (long long)step->token_id);
	text_addc(&json, '}');
	ret = writer_event(w, "sampler", 0, -1, json.data, err);
	text_release(&json);
	return ret;
}

static int after_step(struct trace_writer *w, const struct stage_step *step, int64_t ts,
		      struct err *err)
{
	if (begin_stage(w, step->stage, ts, err))
		return err->code;
	return step->stage == STAGE_TOKENIZER ? record_tok_step(w, step, err)
					      : record_sampler_step(w, step, err);
}

/* ---- the hook ------------------------------------------------------------------------------ */

static bool hook_wants(void *ctx, const struct site *at)
{
	const struct trace_writer *w = ctx;

	(void)at;
	return w->in_run;
}

static int hook_after(void *ctx, struct executor *ex, const struct site *at, struct err *err)
{
	struct trace_writer *w = ctx;
	int64_t entered = clock_ns(), ts = writer_time(w, entered);
	int ret = HOOK_CONTINUE;

	if (at->kind == SITE_STAGE)
		ret = after_step(w, at->step, ts, err);
	else if (w->in_pass)
		ret = after_op(w, ex, at, ts, err);
	return leave(w, entered, ret);
}

/* A pass that begins inside the prompt is prefill, however few tokens its last chunk has. */
static const char *phase_of(const struct trace_writer *w, const struct executor *ex)
{
	bool decode = w->n_prompt ? ex->pos0 >= w->n_prompt : ex->pos0 > 0 && ex->T == 1;

	return decode ? "decode" : "prefill";
}

static int hook_pass_begin(void *ctx, struct executor *ex, struct err *err)
{
	struct trace_writer *w = ctx;
	int64_t entered = clock_ns();
	int ret;

	if (!w->in_run)
		return HOOK_CONTINUE;
	/* The tokens that were picked since the last pass. */
	ret = writer_commit(w, err);
	w->stage = -1;
	w->kv_len = ex->pos0 + ex->T;
	if (!ret)
		ret = insert_pass(w, ex->pass, phase_of(w, ex), ex->pos0, ex->T,
				  writer_time(w, entered), err);
	w->in_pass = !ret;
	return leave(w, entered, ret);
}

static int end_pass(struct trace_writer *w, int64_t ts, struct err *err)
{
	struct stmt *s = &w->sql.pass_end;

	while (w->n_open)
		close_span(w, ts);
	if (writer_flush(w, err) ||
	    stmt_ready(&w->db, s, "UPDATE pass SET dur = :dur WHERE id = :id", err))
		return err->code;
	stmt_int(s, ":dur", ts - w->pass_ts);
	stmt_int(s, ":id", w->pass_id);
	if (stmt_run(&w->db, s, err))
		return err->code;
	return writer_commit(w, err);
}

static int hook_pass_end(void *ctx, struct executor *ex, struct err *err)
{
	struct trace_writer *w = ctx;
	int64_t entered = clock_ns();
	int ret;

	(void)ex;
	if (!w->in_pass)
		return HOOK_CONTINUE;
	/* Other hooks may have worked since the last op: that is not the pass. */
	ret = end_pass(w, w->last_ts, err);
	writer_clear_pass(w);
	return leave(w, entered, ret);
}

void writer_hook_init(struct trace_writer *w)
{
	w->hook = (struct hook){
		.wants = hook_wants,
		.before = hook_before,
		.after = hook_after,
		.pass_begin = hook_pass_begin,
		.pass_end = hook_pass_end,
		.stages = STAGES_ALL,
		.ctx = w,
	};
}
