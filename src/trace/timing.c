/*
 * timing.c -- the rows of table `timing`: passes of the run that were timed again (--repeat).
 *
 * A file that an earlier version made, and that is continued now, gets the table when there is
 * something to put into it.
 */
#include "writer.h"

#include "torchless/part.h"

#include <string.h>

extern const char schema_sql[];

static int make_table(struct trace_writer *w, struct err *err)
{
	static const char create[] = "CREATE TABLE timing(";
	const char *at = strstr(schema_sql, create);
	struct text sql = { 0 };
	int64_t n = 0;
	int ret =
		db_int(&w->db, "SELECT count(*) FROM sqlite_schema WHERE name = 'timing'", &n, err);

	if (ret || n)
		return ret;
	text_add(&sql, at, strcspn(at, ";"));
	ret = db_exec(&w->db, sql.data, err);
	text_release(&sql);
	return ret;
}

static int insert_timing(struct trace_writer *w, int repeat, const struct trace_timing *row,
			 struct err *err)
{
	struct stmt *s = &w->sql.timing;

	if (stmt_ready(&w->db, s,
		       "INSERT INTO timing(run_id, pass, repeat, layer, part, ns) "
		       "VALUES(:run, :pass, :repeat, :layer, :part, :ns)",
		       err))
		return err->code;
	stmt_int(s, ":run", w->run_id);
	stmt_int(s, ":pass", row->pass);
	stmt_int(s, ":repeat", repeat);
	stmt_int(s, ":layer", row->layer);
	stmt_text(s, ":part", model_parts[row->part].name);
	stmt_int(s, ":ns", row->ns);
	return stmt_run(&w->db, s, err);
}

int trace_writer_timings(struct trace_writer *w, int repeat, const struct trace_timing *rows,
			 int64_t n, struct err *err)
{
	int ret = writer_begin(w, err);

	if (!ret && repeat == 0)
		ret = make_table(w, err);
	for (int64_t i = 0; i < n && !ret; i++)
		ret = insert_timing(w, repeat, &rows[i], err);
	return writer_result(w, ret ? ret : writer_commit(w, err), err);
}
