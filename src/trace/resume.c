/*
 * resume.c -- continuing a recording whose writer was interrupted or killed; see writer.h.
 *
 * Runs are recorded one after the other and ids grow with time, so whatever an unfinished run left
 * are the rows from some id on.  Where they begin is kept in `meta` by the transaction that begins
 * the run.  They are removed before it is recorded again, so a resumed recording has the rows, and
 * the ids, of one that was never interrupted.
 */
#include "writer.h"

#include "leftovers.h"
#include "recording_file.h"
#include "schema_check.h"

#include "torchless/side_files.h"

#include <string.h>
#include <unistd.h>

extern const char indexes_sql[];

/* ---- is it the same? ----------------------------------------------------------------------- */

static int check_setting(struct trace_writer *w, struct stmt *s, const struct trace_setting *x,
			 struct err *err)
{
	const char *found;
	int ret;

	if (stmt_ready(&w->db, s, "SELECT value FROM meta WHERE key = 'resume ' || :name", err))
		return err->code;
	stmt_text(s, ":name", x->name);
	ret = stmt_step(&w->db, s, err);
	if (ret < 0)
		return ret;
	if (ret == 0)
		return err_set(err, ERR_FORMAT,
			       "%s is a recording of one prompt, or of another version of "
			       "torchless: there is nothing to resume",
			       w->db.path);
	if (stmt_get_text(s, 0, &found, err))
		return err->code;
	if (!found || strcmp(found, x->value) != 0)
		return err_set(
			err, ERR_USAGE,
			"%s was recorded with %s %.100s, not %.100s: it can be continued with the same only",
			w->db.path, x->name, found ? found : "unknown", x->value);
	return 0;
}

static int check_settings(struct trace_writer *w, struct err *err)
{
	struct stmt s = { 0 };
	int i, ret = 0;

	for (i = 0; i < w->opt.n_settings && !ret; i++)
		ret = check_setting(w, &s, &w->opt.settings[i], err);
	sqlite3_finalize(s.handle);
	return ret;
}

/* What is dumped without being asked for is the file's own: versions before kept no attention. */
static int take_defaults(struct trace_writer *w, struct err *err)
{
	int64_t keeps = 0;

	if (db_int(&w->db, "SELECT value = '1' FROM meta WHERE key = 'attention_by_default'",
		   &keeps, err))
		return err->code;
	if ((keeps == 1) == w->opt.keeps_attention)
		return 0;
	w->opt.keeps_attention = keeps == 1;
	return writer_plan(w, err);
}

/* ---- how far did it come? ------------------------------------------------------------------ */

struct progress {
	int64_t n_done;     /* runs that are finished: 1 to n_done */
	int64_t unfinished; /* the run after them; 0: there is none */
	int64_t closed;     /* the file was closed: it has its indexes and no log */
};

/* Killed while it was closed, a file has its indexes but still a log. */
static int check_closed(struct trace_writer *w, struct progress *p, struct err *err)
{
	struct stmt s = { 0 };
	const char *mode = NULL;
	int ret;

	if (db_int(&w->db, "SELECT 1 FROM meta WHERE key = 'closed'", &p->closed, err) ||
	    stmt_ready(&w->db, &s, "PRAGMA journal_mode", err))
		return err->code;
	ret = stmt_step(&w->db, &s, err);
	if (ret > 0)
		ret = stmt_get_text(&s, 0, &mode, err);
	if (mode && !strcmp(mode, "wal"))
		p->closed = 0;
	sqlite3_finalize(s.handle);
	return ret < 0 ? ret : 0;
}

static int find_progress(struct trace_writer *w, int64_t n_runs, struct progress *p,
			 struct err *err)
{
	int64_t n = 0, last = 0;

	if (db_int(&w->db, "SELECT count(*) FROM run", &n, err) ||
	    db_int(&w->db, "SELECT max(id) FROM run", &last, err) ||
	    db_int(&w->db, "SELECT count(*) FROM run WHERE status = 'ok'", &p->n_done, err) ||
	    db_int(&w->db, "SELECT id FROM run WHERE status <> 'ok'", &p->unfinished, err) ||
	    check_closed(w, p, err))
		return err->code;
	if (n != last || p->n_done > n_runs || n - p->n_done > 1 ||
	    (p->unfinished && p->unfinished != last))
		return err_set(
			err, ERR_FORMAT,
			"%s does not hold the first runs of these prompts: it cannot be continued",
			w->db.path);
	return 0;
}

/* ---- the rest of an unfinished run --------------------------------------------------------- */

/* Where the rows of the last run that was begun begin, into the ids that come next. */
static int read_marks(struct trace_writer *w, struct err *err)
{
	int64_t *const ids[] = { &w->next_pass, &w->next_span, &w->next_value, &w->next_tensor };
	const int n = (int)(sizeof(ids) / sizeof(ids[0]));
	struct stmt s = { 0 };
	int i, n_good = 0, ret;

	if (stmt_ready(&w->db, &s,
		       "SELECT json_extract(value, '$[0]'), json_extract(value, '$[1]'), "
		       "json_extract(value, '$[2]'), json_extract(value, '$[3]') "
		       "FROM meta WHERE key = 'last_run_begins'",
		       err))
		return err->code;
	ret = stmt_step(&w->db, &s, err);
	for (i = 0; i < n && ret > 0; i++) {
		*ids[i] = sqlite3_column_int64(s.handle, i);
		n_good += *ids[i] > 0;
	}
	sqlite3_finalize(s.handle);
	if (ret >= 0 && n_good < n)
		return err_set(err, ERR_FORMAT, "%s does not say where its last run begins",
			       w->db.path);
	return ret < 0 ? ret : 0;
}

/* Nothing of a finished run lies behind the marks: a file may say anything. */
static int check_marks(struct trace_writer *w, int64_t run, struct err *err)
{
	struct text sql = { 0 };
	int64_t n = 0;
	int ret;

	text_addf(&sql, "SELECT (SELECT count(*) FROM pass WHERE id >= %lld AND run_id <> %lld)",
		  (long long)w->next_pass, (long long)run);
	text_addf(&sql, " + (SELECT count(*) FROM span WHERE id >= %lld AND pass_id < %lld)",
		  (long long)w->next_span, (long long)w->next_pass);
	text_addf(&sql, " + (SELECT count(*) FROM value WHERE id >= %lld AND pass_id < %lld)",
		  (long long)w->next_value, (long long)w->next_pass);
	ret = db_int(&w->db, sql.data, &n, err);
	text_release(&sql);
	if (!ret && n)
		return err_set(err, ERR_FORMAT, "%s says of its last run what cannot be",
			       w->db.path);
	return ret;
}

static int remove_run(struct trace_writer *w, int64_t run, struct err *err)
{
	static const char *const tables[] = { "token", "tok_step", "cand",  "edit",
					      "event", "counter",  "timing" };
	const struct {
		const char *table, *id;
		int64_t from;
	} ranges[] = {
		{ "value", "id", w->next_value },   { "span", "id", w->next_span },
		{ "pass", "id", w->next_pass },     { "tensor_chunk", "tensor_id", w->next_tensor },
		{ "tensor", "id", w->next_tensor }, { "run", "id", run },
	};
	struct text sql = { 0 };
	int64_t has_timing = 0; /* no earlier version wrote this table, the last one */
	size_t i, n = sizeof(tables) / sizeof(tables[0]);
	int ret = db_int(&w->db, "SELECT count(*) FROM sqlite_schema WHERE name = 'timing'",
			 &has_timing, err);

	if (ret)
		return ret;
	for (i = 0; i < n - !has_timing; i++)
		text_addf(&sql, "DELETE FROM %s WHERE run_id = %lld;", tables[i], (long long)run);
	for (i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++)
		text_addf(&sql, "DELETE FROM %s WHERE %s >= %lld;", ranges[i].table, ranges[i].id,
			  (long long)ranges[i].from);
	ret = db_exec(&w->db, sql.data, err);
	text_release(&sql);
	return ret;
}

/* ---- going on ------------------------------------------------------------------------------ */

/* Indexes only cost while recording; trace_writer_close() makes them again. */
static int drop_indexes(struct trace_writer *w, struct err *err)
{
	static const char before[] = "INDEX IF NOT EXISTS ";
	const char *at = indexes_sql;
	struct text sql = { 0 };
	int ret;

	while ((at = strstr(at, before))) {
		at += strlen(before);
		text_addf(&sql, "DROP INDEX IF EXISTS %.*s;", (int)strcspn(at, " \n"), at);
	}
	text_adds(&sql, "DELETE FROM meta WHERE key = 'closed'");
	ret = db_exec(&w->db, sql.data, err);
	text_release(&sql);
	return ret;
}

/* The ids that come after all there are. */
static int continue_ids(struct trace_writer *w, struct err *err)
{
	if (db_int(&w->db, "SELECT coalesce(max(id), 0) + 1 FROM pass", &w->next_pass, err) ||
	    db_int(&w->db, "SELECT coalesce(max(id), 0) + 1 FROM span", &w->next_span, err) ||
	    db_int(&w->db, "SELECT coalesce(max(id), 0) + 1 FROM value", &w->next_value, err) ||
	    db_int(&w->db, "SELECT coalesce(max(id), 0) + 1 FROM tensor", &w->next_tensor, err))
		return err->code;
	return 0;
}

/* Dumps that are stored already, and what the file holds so far. */
static int load_tensors(struct trace_writer *w, struct err *err)
{
	struct stmt s = { 0 };
	int ret =
		stmt_ready(&w->db, &s,
			   "SELECT id, hash, dtype, shape, raw_bytes FROM tensor ORDER BY id", err);

	while (!ret && (ret = stmt_step(&w->db, &s, err)) > 0) {
		int64_t bytes = sqlite3_column_int64(s.handle, 4);
		const char *shape;

		ret = stmt_get_text(&s, 3, &shape, err);
		if (ret)
			break;
		payload_known(w,
			      payload_key(shape, (enum dtype)sqlite3_column_int(s.handle, 2),
					  sqlite3_column_int64(s.handle, 1)),
			      bytes, sqlite3_column_int64(s.handle, 0));
		w->totals.n_dumps++;
		w->totals.dump_bytes += bytes;
	}
	sqlite3_finalize(s.handle);
	w->totals.n_calls = w->next_span - 1;
	w->totals.n_values = w->next_value - 1;
	return ret;
}

static int take_up(struct trace_writer *w, const struct progress *p, struct err *err)
{
	/* Setting a journal mode writes: what can be refused is refused before. */
	if (p->unfinished ? read_marks(w, err) || check_marks(w, p->unfinished, err)
			  : continue_ids(w, err))
		return err->code;
	if (writer_start(w, err) || writer_begin(w, err))
		return err->code;
	if (p->unfinished && remove_run(w, p->unfinished, err))
		return err->code;
	if (drop_indexes(w, err) || load_tensors(w, err))
		return err->code;
	return writer_commit(w, err);
}

/* Killed before the file said what it records: it is as good as none. */
static bool is_blank(struct trace_writer *w)
{
	struct err ignored = { 0 };
	int64_t n = 1;

	return !db_int(&w->db, "SELECT (SELECT count(*) FROM model) + (SELECT count(*) FROM run)",
		       &n, &ignored) &&
	       n == 0;
}

static int resume(struct trace_writer *w, const char *path, int64_t n_runs, struct progress *p,
		  struct err *err)
{
	int64_t n;

	/* Before the schema is known to be a recording's, nothing runs that could use it. */
	if (recording_file_check(path, err))
		return err->code;
	/* Before the lock: a leftover may be a second name of this very file. */
	leftovers_sweep(path);
	if (recording_file_lock(path, &w->lock_fd, err) || side_files_check(path, NULL, err) ||
	    writer_open(w, path, err) || recording_file_identify(&w->db, path, err) ||
	    db_int(&w->db, "SELECT count(*) FROM sqlite_schema", &n, err))
		return err->code;
	db_trust(&w->db, false);
	if (schema_check(&w->db, path, err))
		return err->code;
	if (sqlite3_db_readonly(w->db.handle, "main") == 1)
		return err_set(err, ERR_IO, "%s cannot be written: it is read-only", path);
	if (is_blank(w))
		return 0;
	if (check_settings(w, err) || take_defaults(w, err) ||
	    writer_check_dictionary(w, &w->model, err) || find_progress(w, n_runs, p, err))
		return err->code;
	return p->n_done == n_runs && p->closed ? 0 : take_up(w, p, err);
}

/* Nothing is lost with it, and nobody wants it kept as FILE.old.  It goes while the lock is held.
 */
static struct trace_writer *begin_again(struct trace_writer *blank, const char *path,
					const struct program *p, const struct trace_model *model,
					const struct trace_options *opt, struct err *err)
{
	struct trace_options again = *opt;

	db_close(&blank->db);
	unlink(path);
	side_files_remove(path);
	writer_free(blank);
	again.target = (struct trace_target){ .is_known = true };
	return trace_writer_new(path, p, model, &again, err);
}

int trace_writer_resume(const char *path, const struct program *p, const struct trace_model *model,
			const struct trace_options *opt, int64_t n_runs, int64_t *n_done,
			struct trace_writer **w, struct err *err)
{
	struct progress progress = { 0 };
	struct trace_writer *made = writer_make(p, model, opt, err);

	*w = NULL;
	*n_done = 0;
	if (!made)
		return err->code;
	if (resume(made, path, n_runs, &progress, err)) {
		writer_free(made);
		return err->code;
	}
	*n_done = progress.n_done;
	if (is_blank(made)) {
		*w = begin_again(made, path, p, model, opt, err);
		return *w ? 0 : err->code;
	}
	if (progress.n_done == n_runs && progress.closed)
		writer_free(made);
	else
		*w = made;
	if (*w)
		writer_forget_shapes(*w);
	return 0;
}
