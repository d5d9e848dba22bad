/*
 * edits.c -- the edits of a run; values that are computed while one is in force name it.
 */
#include "writer.h"

int trace_writer_edit(struct trace_writer *w, value_id value, const char *sel, const char *kind,
		      struct err *err)
{
	struct stmt *s = &w->sql.edit;
	int ret;

	if (writer_begin(w, err) || stmt_ready(&w->db, s,
					       "INSERT INTO edit(run_id, point_id, sel, kind) "
					       "VALUES(:run, :point, :sel, :kind)",
					       err))
		return err->code;
	stmt_int(s, ":run", w->run_id);
	stmt_int(s, ":point", w->point_ids[value]);
	stmt_text(s, ":sel", sel);
	stmt_text(s, ":kind", kind);
	ret = stmt_run(&w->db, s, err);
	w->edit_ids[value] = sqlite3_last_insert_rowid(w->db.handle);
	return ret;
}
