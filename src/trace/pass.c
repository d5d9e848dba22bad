/*
 * pass.c -- passes and stages: their rows, and when the values of a pass are read.
 *
 * With the plan that reuses memory a value is read right after its op, or it is gone.  With the one
 * that keeps every value all are read when the pass ends: so going back inside it leaves nothing to
 * take back.
 */
#include "writer.h"

#include "torchless/mem.h"

#include <string.h>

/* ---- passes -------------------------------------------------------------------------------- */

/* A pass that begins inside the prompt is prefill, however few tokens its last chunk has. */
const char *pass_phase(const struct trace_writer *w, int64_t pos0, int64_t n_tok)
{
	bool decode = w->n_prompt ? pos0 >= w->n_prompt : pos0 > 0 && n_tok == 1;

	return decode ? "decode" : "prefill";
}

int pass_insert(struct trace_writer *w, int idx, const char *phase, int64_t pos0, int64_t n_tok,
		int64_t ts, struct err *err)
{
	struct stmt *s = &w->sql.pass;

	if (writer_begin(w, err) ||
	    stmt_ready(&w->db, s,
		       "INSERT INTO pass(id, run_id, idx, phase, pos0, n_tok, kv_len, ts) "
		       "VALUES(:id, :run, nullif(:idx, -1), :phase, :pos0, :n_tok, :kv_len, :ts)",
		       err))
		return err->code;
	w->pass_id = w->next_pass++;
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

static void keep_mark(struct trace_writer *w, const struct executor *ex)
{
	while (w->n_marks > 0 && w->marks[w->n_marks - 1].pass >= ex->pass)
		w->n_marks--;
	w->marks = mem_grow(w->marks, (size_t)w->n_marks, &w->cap_marks, sizeof(*w->marks));
	w->marks[w->n_marks++] = (struct pass_mark){ .pass = ex->pass,
						     .pos0 = ex->pos0,
						     .n_tok = ex->T,
						     .kv_len = w->kv_len,
						     .ts = ex->model_ns,
						     .begin = writer_now(w) };
}

int pass_begin(struct trace_writer *w, struct executor *ex, struct err *err)
{
	/* The tokens that were picked since the last pass. */
	int ret = writer_commit(w, err);

	pass_clear(w);
	w->stage = -1;
	w->kv_len = ex->pos0 + ex->T;
	w->model_ns = ex->model_ns;
	keep_mark(w, ex);
	if (!ret)
		ret = trace_writer_edits(w, ex, err);
	if (!ret)
		ret = pass_insert(w, ex->pass, pass_phase(w, ex->pos0, ex->T), ex->pos0, ex->T,
				  ex->model_ns, err);
	w->ex = ex;
	w->in_pass = !ret;
	return ret;
}

/* Whether the executor is still in the pass, or at its end. */
static bool is_there(const struct trace_writer *w)
{
	return w->ex->state != EX_EMPTY && w->ex->bound_pass == w->marks[w->n_marks - 1].pass;
}

static int read_op(struct trace_writer *w, int index, struct err *err)
{
	const struct op *op = &w->program->ops[index];
	int i;

	for (i = 0; i < op->n_out; i++) {
		value_id v = op->out[i];

		if (w->point_ids[v] &&
		    writer_measure(w, w->ex, v, index, edits_row(w, w->ex, v), err))
			return err->code;
	}
	return 0;
}

/* Nothing is left to be seen later: what was watched has its numbers, or is not there any more. */
static int end_watching(struct trace_writer *w, struct err *err)
{
	if (!w->n_watched)
		return 0;
	if (is_there(w))
		return measure_watched(w, w->ex, err);
	rows_take_back(w, w->watched[0].row);
	return 0;
}

/* The values of ops [n_read, n_done): all of an op's, or none where one of them cannot be read. */
static int read_values(struct trace_writer *w, struct err *err)
{
	if (!is_there(w))
		return 0;
	if (trace_writer_edits(w, w->ex, err))
		return err->code;
	for (; w->n_read < w->n_done; w->n_read++) {
		size_t before;

		/* What attention was watched for stands before what comes of it. */
		if (w->program->ops[w->n_read].code == OP_MIX && end_watching(w, err))
			return err->code;
		before = w->n_values;
		if (read_op(w, w->n_read, err)) {
			if (w->n_values > before)
				rows_take_back(w, before);
			return err->code;
		}
	}
	return 0;
}

/* The same, and nothing is left to be seen later. */
static int read_all(struct trace_writer *w, struct err *err)
{
	return read_values(w, err) ? err->code : end_watching(w, err);
}

int pass_op(struct trace_writer *w, struct executor *ex, int op, struct err *err)
{
	w->times[op].end = w->model_ns = ex->model_ns;
	w->n_done = op + 1;
	return ex->opt.plan == PLAN_RUN ? read_values(w, err) : 0;
}

int pass_keep(struct trace_writer *w, bool may_read, struct err *err)
{
	struct err ignored = { 0 };

	if (!w->in_pass)
		return 0;
	if (may_read)
		read_all(w, &ignored);
	if (w->n_watched)
		rows_take_back(w, w->watched[0].row);
	calls_make(w, w->ex);
	return rows_store(w, err);
}

int pass_store(struct trace_writer *w, struct err *err)
{
	if (!w->in_pass)
		return 0;
	if (read_all(w, err))
		return err->code;
	calls_make(w, w->ex);
	return rows_store(w, err);
}

static int64_t computing_ns(const struct trace_writer *w)
{
	int64_t ns = 0;
	int i;

	for (i = 0; i < w->n_done; i++)
		ns += w->times[i].end - w->times[i].begin;
	return ns;
}

int pass_end(struct trace_writer *w, struct err *err)
{
	struct stmt *s = &w->sql.pass_end;
	struct pass_mark *mark = &w->marks[w->n_marks - 1];

	if (pass_store(w, err) ||
	    stmt_ready(&w->db, s, "UPDATE pass SET dur = :dur WHERE id = :id", err))
		return err->code;
	stmt_int(s, ":dur", computing_ns(w));
	stmt_int(s, ":id", w->pass_id);
	if (stmt_run(&w->db, s, err))
		return err->code;
	mark->has_ended = true;
	mark->end = writer_now(w);
	pass_clear(w);
	return writer_commit(w, err);
}

void pass_clear(struct trace_writer *w)
{
	rows_drop_values(w, 0);
	rows_drop_spans(w);
	w->n_done = w->n_read = 0;
	w->in_pass = w->is_stored = false;
}

/* ---- stages -------------------------------------------------------------------------------- */

/*
 * A stage is a pass without a number.  Its steps are announced after it ran, so its duration is
 * not known; the sampler's row stands at the position whose logits it read.
 */
static int begin_stage(struct trace_writer *w, enum stage stage, struct err *err)
{
	if (w->stage == (int)stage)
		return 0;
	w->stage = (int)stage;
	if (stage == STAGE_TOKENIZER)
		return pass_insert(w, -1, "tokenize", 0, w->n_prompt, w->model_ns, err);
	return pass_insert(w, -1, "sample", w->kv_len ? w->kv_len - 1 : 0, 1, w->model_ns, err);
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

/*
 * {"rule": "top_k", "pos": 4, "rank": 40}: candidates left after a cut, and what was picked.  With
 * a pick that was drawn, "draw" and "mass" as struct stage_step has them.
 */
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
	if (step->mass > 0) {
		text_adds(&json, ",\"draw\":");
		text_add_json_number(&json, step->draw);
		text_adds(&json, ",\"mass\":");
		text_add_json_number(&json, step->mass);
	}
	text_addc(&json, '}');
	ret = writer_event(w, "sampler", 0, -1, json.data, err);
	text_release(&json);
	return ret;
}

int stage_step(struct trace_writer *w, const struct stage_step *step, struct err *err)
{
	if (begin_stage(w, step->stage, err))
		return err->code;
	return step->stage == STAGE_TOKENIZER ? record_tok_step(w, step, err)
					      : record_sampler_step(w, step, err);
}
