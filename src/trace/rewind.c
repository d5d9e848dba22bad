/*
 * rewind.c -- taking back what has not happened any more.
 *
 * Ids grow with time, so what was written after some moment are the rows from some id on; where
 * that is, is kept of the beginning and of the end of every pass.  Rows without such an id (tokens,
 * candidates) have a position.
 */
#include "writer.h"

/*
 * All of it or nothing: what is deleted in part would be written again, at the end, by whoever
 * still has the rows of a pass and not the dumps they name.
 */
static int delete_from(struct trace_writer *w, const struct trace_mark *mark, struct err *err)
{
	const struct {
		const char *table, *id;
		int64_t from;
	} ranges[] = {
		{ "value", "id", mark->next_value },
		{ "span", "id", mark->next_span },
		{ "pass", "id", mark->next_pass },
		{ "tensor_chunk", "tensor_id", mark->next_tensor },
		{ "tensor", "id", mark->next_tensor },
		{ "event", "id", mark->last_event + 1 },
	};
	struct text sql = { 0 };
	struct err ignored = { 0 };
	size_t i;
	int ret;

	text_adds(&sql, "SAVEPOINT taking_back;");
	for (i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++)
		text_addf(&sql, "DELETE FROM %s WHERE %s >= %lld;", ranges[i].table, ranges[i].id,
			  (long long)ranges[i].from);
	text_addf(&sql,
		  "DELETE FROM tok_step WHERE run_id = %lld AND seq >= %lld;RELEASE taking_back",
		  (long long)w->run_id, (long long)mark->n_tok_steps);
	ret = db_exec(&w->db, sql.data, err);
	/* Without memory SQLite may have taken back the whole transaction already. */
	if (ret && !sqlite3_get_autocommit(w->db.handle))
		db_exec(&w->db, "ROLLBACK TO taking_back;RELEASE taking_back", &ignored);
	text_release(&sql);
	return ret;
}

int writer_return(struct trace_writer *w, const struct trace_mark *mark, struct err *err)
{
	if (writer_begin(w, err) || delete_from(w, mark, err))
		return err->code;
	if (mark->next_tensor < w->next_tensor)
		payload_forget(w, mark->next_tensor);
	w->next_pass = mark->next_pass;
	w->next_span = mark->next_span;
	w->next_value = mark->next_value;
	w->next_tensor = mark->next_tensor;
	w->last_event = mark->last_event;
	w->totals.n_calls = mark->n_calls;
	w->totals.n_values = mark->n_values;
	w->totals.n_dumps = mark->n_dumps;
	w->totals.dump_bytes = mark->dump_bytes;
	w->cut.n_dumps = mark->n_cut;
	w->cut.bytes = mark->cut_bytes;
	w->n_tok_steps = mark->n_tok_steps;
	w->saw_bad = mark->saw_bad;
	w->stage = -1;
	pass_clear(w);
	return 0;
}

/* Back to before the tokenizer's first step. */
static int rewind_run(struct trace_writer *w, struct err *err)
{
	w->n_marks = 0;
	w->kv_len = 0;
	return writer_return(w, &w->begin, err) ? err->code
						: tokens_take_back(w, w->n_prompt, 0, 0, err);
}

/* The pass, which was heard of, and those after it have not begun; returns its mark. */
static struct pass_mark forget_marks(struct trace_writer *w, int pass)
{
	while (w->marks[w->n_marks - 1].pass > pass)
		w->n_marks--;
	return w->marks[--w->n_marks];
}

/* Back to before the pass begins. */
static int rewind_pass(struct trace_writer *w, const struct pass_mark *mark, struct err *err)
{
	w->kv_len = mark->pos0;
	if (writer_return(w, &mark->begin, err))
		return err->code;
	return tokens_take_back(w, mark->pos0 + mark->n_tok, mark->pos0, mark->pos0 + 1, err);
}

/*
 * The pass goes on from `op`.  What was read of it, and the rows of one that had ended, are those
 * of other values now: the row of the pass is written again and its values are read again.
 */
static int reopen_pass(struct trace_writer *w, struct executor *ex, struct pass_mark mark, int op,
		       struct err *err)
{
	if (mark.has_ended || w->n_read > op) {
		if (rewind_pass(w, &mark, err))
			return err->code;
		w->kv_len = mark.kv_len;
		if (pass_insert(w, mark.pass, pass_phase(w, mark.pos0, mark.n_tok), mark.pos0,
				mark.n_tok, mark.ts, err))
			return err->code;
		mark.has_ended = false;
	}
	w->marks[w->n_marks++] = mark;
	w->ex = ex;
	w->n_done = op;
	w->in_pass = true;
	return 0;
}

/* The end of the pass: what was picked from its logits is taken back. */
static int rewind_to_end(struct trace_writer *w, struct pass_mark mark, struct err *err)
{
	int64_t end = mark.pos0 + mark.n_tok;

	w->marks[w->n_marks++] = mark;
	w->kv_len = mark.kv_len;
	/* A pass whose end was not heard of (a hook failed) has no mark of its end. */
	if (!mark.has_ended)
		return tokens_take_back(w, end, end - 1, end, err);
	return writer_return(w, &mark.end, err) ? err->code
						: tokens_take_back(w, end, end - 1, end, err);
}

/* The first mark of pass `pass` or a later one, -1 when there is none. */
static int first_from(const struct trace_writer *w, int pass)
{
	int i;

	for (i = 0; i < w->n_marks; i++)
		if (w->marks[i].pass >= pass)
			return i;
	return -1;
}

int writer_rewind(struct trace_writer *w, struct executor *ex, int pass, int op, struct err *err)
{
	struct pass_mark mark;
	int first;

	if (pass < 0)
		return rewind_run(w, err);
	first = first_from(w, pass);
	if (first < 0)
		return 0; /* nothing from there on was heard of */
	if (w->marks[first].pass > pass)
		op = -1; /* the recording begins later */
	mark = forget_marks(w, w->marks[first].pass);
	if (op < 0)
		return rewind_pass(w, &mark, err);
	if (op < w->program->n_ops)
		return reopen_pass(w, ex, mark, op, err);
	return rewind_to_end(w, mark, err);
}
