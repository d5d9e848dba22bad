/*
 * transaction.c -- what every file of the writer stands on: its transaction, its events, its marks.
 *
 * A transaction is opened by whoever has a row to write and committed where a pass or a run ends,
 * so that a reader, or a kill, finds whole passes.
 */
#include "writer.h"

#include "torchless/clock.h"

#include <stdio.h>

/* ---- transactions ---------------------------------------------------------------------------- */

/* SQLite ends a transaction that it cannot write by taking it back. */
static void note_rollback(struct trace_writer *w)
{
	if (!w->in_transaction || !sqlite3_get_autocommit(w->db.handle))
		return;
	w->in_transaction = false;
	w->was_rolled_back = true;
}

int writer_result(struct trace_writer *w, int ret, struct err *err)
{
	if (ret >= 0 || w->failed.code)
		return ret;
	w->failed = *err;
	note_rollback(w);
	return ret;
}

bool writer_has_failed(const struct trace_writer *w, struct err *err)
{
	if (w->failed.code)
		err_set(err, w->failed.code, "%s", w->failed.message);
	return w->failed.code != 0;
}

int writer_begin(struct trace_writer *w, struct err *err)
{
	if (writer_has_failed(w, err))
		return err->code;
	if (w->in_transaction)
		return 0;
	w->in_transaction = true;
	return db_exec(&w->db, "BEGIN", err);
}

int writer_commit(struct trace_writer *w, struct err *err)
{
	int64_t started = clock_thread_ns();
	int ret;

	if (!w->in_transaction)
		return 0;
	w->transaction_bytes = 0;
	ret = db_exec(&w->db, "COMMIT", err);
	if (ret)
		note_rollback(w);
	else
		w->in_transaction = false;
	w->totals.writing_ns += clock_thread_ns() - started;
	return ret;
}

/* ---- what happened --------------------------------------------------------------------------- */

int writer_event(struct trace_writer *w, const char *kind, int severity, int64_t about,
		 const char *data, struct err *err)
{
	struct stmt *s = &w->sql.event;
	int ret;

	if (writer_begin(w, err) ||
	    stmt_ready(&w->db, s,
		       "INSERT INTO event(run_id, ts, kind, severity, value_id, data) "
		       "VALUES(:run, :ts, :kind, :severity, nullif(:value, -1), :data)",
		       err))
		return err->code;
	stmt_int(s, ":run", w->run_id);
	stmt_int(s, ":ts", w->model_ns);
	stmt_text(s, ":kind", kind);
	stmt_int(s, ":severity", severity);
	stmt_int(s, ":value", about);
	stmt_text(s, ":data", data);
	ret = stmt_run(&w->db, s, err);
	w->last_event = sqlite3_last_insert_rowid(w->db.handle);
	return ret;
}

/* ---- marks ----------------------------------------------------------------------------------- */

struct trace_mark writer_now(const struct trace_writer *w)
{
	return (struct trace_mark){
		.next_pass = w->next_pass,
		.next_span = w->next_span,
		.next_value = w->next_value,
		.next_tensor = w->next_tensor,
		.last_event = w->last_event,
		.n_calls = w->totals.n_calls,
		.n_values = w->totals.n_values,
		.n_dumps = w->totals.n_dumps,
		.dump_bytes = w->totals.dump_bytes,
		.n_cut = w->cut.n_dumps,
		.cut_bytes = w->cut.bytes,
		.n_tok_steps = w->n_tok_steps,
		.saw_bad = w->saw_bad,
	};
}

/* ---- where to resume ------------------------------------------------------------------------- */

static int put_meta(struct trace_writer *w, const char *key, const char *value, struct err *err)
{
	struct stmt *s = &w->sql.meta;

	if (stmt_ready(&w->db, s, "INSERT OR REPLACE INTO meta VALUES(:key, :value)", err))
		return err->code;
	stmt_text(s, ":key", key);
	stmt_text(s, ":value", value);
	return stmt_run(&w->db, s, err);
}

int writer_insert_settings(struct trace_writer *w, struct err *err)
{
	struct text key = { 0 };
	int i, ret = 0;

	for (i = 0; i < w->opt.n_settings && !ret; i++) {
		text_clear(&key);
		text_addf(&key, "resume %s", w->opt.settings[i].name);
		ret = put_meta(w, key.data, w->opt.settings[i].value, err);
	}
	text_release(&key);
	if (!ret)
		ret = put_meta(w, "attention_by_default", w->opt.keeps_attention ? "1" : "0", err);
	return ret;
}

int writer_mark(struct trace_writer *w, struct err *err)
{
	char mark[128];

	if (!w->opt.n_settings)
		return 0;
	snprintf(mark, sizeof(mark), "[%lld,%lld,%lld,%lld]", (long long)w->next_pass,
		 (long long)w->next_span, (long long)w->next_value, (long long)w->next_tensor);
	return put_meta(w, "last_run_begins", mark, err);
}
