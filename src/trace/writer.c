/*
 * writer.c -- the file, its runs, and what became of them; see writer.h.
 *
 * While recording: write-ahead log, one transaction a pass, no indexes.  Whatever was committed is
 * readable by others at once and after a kill.  Closing makes the indexes and folds the log into
 * the file, so that a finished recording is one file to copy.
 */
#include "writer.h"

#include "load.h"
#include "recording_file.h"

#include "torchless/clock.h"
#include "torchless/mem.h"
#include "torchless/open_files.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>

extern const char schema_sql[], indexes_sql[], schema_doc_sql[], saved_queries_sql[];

/* How long a reader of the file may be in the way, in milliseconds. */
enum { READER_MS = 2000 };

/* Pages of log before SQLite copies them into the file: 32 MB. */
static const char recording_pragmas[] =
	"PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;"
	"PRAGMA foreign_keys = OFF; PRAGMA wal_autocheckpoint = 4000;"
	"PRAGMA temp_store = MEMORY;";

/* ---- the file ------------------------------------------------------------------------------ */

static int insert_meta(struct trace_writer *w, struct err *err)
{
	return db_exec(&w->db,
		       "INSERT INTO meta VALUES('schema_version', '1.0'),"
		       "('created', strftime('%Y-%m-%dT%H:%M:%SZ', 'now')),"
		       "('documentation', 'SELECT obj, col, unit, doc FROM schema_doc')",
		       err);
}

int writer_open(struct trace_writer *w, const char *path, struct err *err)
{
	assert(w->lock_fd >= 0 && "only who has the lock opens a recording for writing");
	/* One thread at a time writes: no lock around every call. */
	if (db_open(&w->db, path, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, err))
		return err->code;
	/* Somebody may look at the file as soon as it has its name: that takes but a moment. */
	sqlite3_busy_timeout(w->db.handle, READER_MS);
	return 0;
}

int writer_start(struct trace_writer *w, struct err *err)
{
	/* It is this program's by now, whose CHECKs call functions. */
	db_trust(&w->db, true);
	return db_exec(&w->db, recording_pragmas, err);
}

static int create_file(struct trace_writer *w, const char *path, struct err *err)
{
	static const char *const scripts[] = { schema_sql, schema_doc_sql, saved_queries_sql,
					       NULL };

	/* A log without a run need not reach the disk; once it is folded in, all of it has to. */
	if (recording_file_create(path, &w->opt.target, scripts, &w->lock_fd, err) ||
	    writer_open(w, path, err) || writer_start(w, err) ||
	    db_exec(&w->db, "PRAGMA synchronous = OFF", err) || writer_begin(w, err) ||
	    insert_meta(w, err) || writer_insert_settings(w, err) ||
	    writer_dictionary(w, &w->model, err) || writer_commit(w, err))
		return err->code;
	return db_exec(&w->db, "PRAGMA synchronous = NORMAL", err);
}

void writer_free(struct trace_writer *w)
{
	if (!w)
		return;
	pass_clear(w);
	db_close(&w->db);
	open_files_unlock(w->lock_fd);
	measure_release(w);
	payload_release(w);
	text_release(&w->dropped.patterns);
	text_release(&w->cut.patterns);
	free(w->captures);
	free(w->point_ids);
	free(w->times);
	free(w->marks);
	free(w->edits);
	free(w->spans);
	free(w->open);
	free(w->values);
	free(w->watched);
	free(w);
}

int writer_plan(struct trace_writer *w, struct err *err)
{
	const struct trace_options *o = &w->opt;
	struct capture_group *groups = NULL;
	int n;

	text_release(&w->dropped.patterns);
	w->dropped = (struct trace_dropped){ 0 };
	if (capture_policy_apply(o->capture, o->keeps_attention, w->program, w->captures, err))
		return err->code;
	if (!o->budget || !o->n_shapes)
		return 0;
	n = capture_groups(w->program, w->captures, o, &groups);
	budget_apply(w->program, w->captures, o, groups, n);
	budget_describe(w->program, w->captures, groups, n, &w->dropped);
	free(groups);
	return 0;
}

struct trace_writer *writer_make(const struct program *p, const struct trace_model *model,
				 const struct trace_options *opt, struct err *err)
{
	struct trace_writer *w = mem_calloc(1, sizeof(*w));
	size_t n = (size_t)p->n_values;

	w->lock_fd = -1;
	w->program = p;
	w->model = *model;
	w->opt = *opt;
	w->captures = mem_calloc(n + 1, sizeof(*w->captures));
	w->point_ids = mem_calloc(n + 1, sizeof(*w->point_ids));
	w->times = mem_calloc((size_t)p->n_ops + 1, sizeof(*w->times));
	w->next_pass = w->next_span = w->next_value = w->next_tensor = 1;
	writer_hook_init(w);
	rows_init(w);
	if (writer_plan(w, err)) {
		writer_free(w);
		return NULL;
	}
	return w;
}

void writer_forget_shapes(struct trace_writer *w)
{
	w->opt.shapes = NULL;
}

struct trace_writer *trace_writer_new(const char *path, const struct program *p,
				      const struct trace_model *model,
				      const struct trace_options *opt, struct err *err)
{
	struct trace_writer *w = writer_make(p, model, opt, err);

	if (w && create_file(w, path, err)) {
		writer_free(w);
		return NULL;
	}
	if (w)
		writer_forget_shapes(w);
	return w;
}

struct hook *trace_writer_hook(struct trace_writer *w)
{
	return &w->hook;
}

/*
 * Fold the log into the file and leave the log's mode.  While a reader holds the log neither can
 * be done: then the last to close the file does it.
 */
static int leave_log(struct trace_writer *w, struct err *err)
{
	struct err busy = { 0 };
	int64_t held = 0; /* a checkpoint that has to give up says so in its row */

	if (!db_int(&w->db, "PRAGMA wal_checkpoint(TRUNCATE)", &held, &busy))
		/*
		 * Once all is on the disk, what is left changes a few bytes of one sector: that
		 * need not be waited for.
		 */
		db_exec(&w->db,
			held ? "PRAGMA journal_mode = DELETE"
			     : "PRAGMA synchronous = OFF; PRAGMA journal_mode = DELETE",
			&busy);
	if (busy.code && db_code(&w->db) != SQLITE_BUSY && db_code(&w->db) != SQLITE_LOCKED)
		return err_set(err, busy.code, "%s", busy.message);
	return 0;
}

static int finish_file(struct trace_writer *w, struct err *err)
{
	/* What was recorded is kept even where there is no room for its indexes. */
	if (writer_commit(w, err) || writer_begin(w, err) || db_exec(&w->db, indexes_sql, err) ||
	    db_exec(&w->db,
		    "INSERT OR REPLACE INTO meta VALUES('closed', strftime('%Y-%m-%dT%H:%M:%SZ', 'now'))",
		    err) ||
	    writer_commit(w, err))
		return err->code;
	return leave_log(w, err);
}

int trace_writer_close(struct trace_writer *w, struct err *err)
{
	struct err second = { 0 };
	int ret = 0;

	if (!w)
		return 0;
	if (w->in_run)
		ret = trace_writer_end_run(w, "error", err);
	w->failed = (struct err){ 0 };
	/* Even after a failure what was recorded is worth its indexes. */
	if (finish_file(w, ret ? &second : err) && !ret)
		ret = err->code;
	writer_free(w);
	return ret;
}

/* ---- runs ---------------------------------------------------------------------------------- */

/* "Linux 6.1.0 x86_64": what the machine is, not whose it is. */
static const char *describe_host(char *buf, size_t size)
{
	struct utsname u;

	if (uname(&u))
		return NULL;
	snprintf(buf, size, "%s %s %s", u.sysname, u.release, u.machine);
	return buf;
}

/* The point that is computed first from an op on; 0 when there is none. */
static int64_t first_point(const struct trace_writer *w, int op)
{
	for (int v = 0; v < w->program->n_values; v++)
		if (w->point_ids[v] && w->program->values[v].op >= op)
			return w->point_ids[v];
	return 0;
}

static int insert_run(struct trace_writer *w, const struct trace_run *run, struct err *err)
{
	struct stmt s = { 0 };
	unsigned char uuid[16];
	char host[256];
	int ret;

	sqlite3_randomness(sizeof(uuid), uuid);
	if (stmt_ready(
		    &w->db, &s,
		    "INSERT INTO run(uuid, model_id, role, engine, engine_commit, build, host, "
		    "dtype_weight, dtype_compute, dtype_kv, n_threads, seed, sampler, opts, "
		    "line, line_id, prompt, prompt_redacted, started_ns, parent_run_id, "
		    "fork_value_id) VALUES(:uuid, 1, 'engine', :engine, :commit, :build, :host, :weight, "
		    "(SELECT id FROM dtype WHERE name = :compute), :kv, "
		    ":threads, :seed, :sampler, :opts, nullif(:line, 0), "
		    "json_extract(:line_id, '$'), :prompt, :redacted, :started, "
		    "nullif(:parent, 0), (SELECT v.id FROM pass p JOIN value v ON v.pass_id = p.id "
		    "WHERE p.run_id = :parent AND p.idx = :fork_pass AND v.point_id = :fork_point))",
		    err))
		return err->code;
	stmt_blob(&s, ":uuid", uuid, sizeof(uuid));
	stmt_text(&s, ":engine", run->engine);
	stmt_text(&s, ":commit", run->commit);
	stmt_text(&s, ":build", run->build);
	stmt_text(&s, ":host", describe_host(host, sizeof(host)));
	stmt_int(&s, ":weight", w->model.weight_dtype);
	stmt_text(&s, ":compute", run->compute ? run->compute : "f32");
	stmt_int(&s, ":kv", run->kv_dtype);
	stmt_int(&s, ":threads", run->n_threads);
	stmt_int(&s, ":seed", run->seed);
	stmt_text(&s, ":sampler", run->sampler_json ? run->sampler_json : "{}");
	stmt_text(&s, ":opts", run->opts_json ? run->opts_json : "{}");
	stmt_int(&s, ":line", run->line);
	stmt_text(&s, ":line_id", run->line_id);
	if (run->prompt && !run->redact)
		stmt_text_len(&s, ":prompt", run->prompt, run->prompt_len);
	stmt_int(&s, ":redacted", run->redact);
	stmt_int(&s, ":started", clock_unix_ns());
	stmt_int(&s, ":parent", run->parent);
	stmt_int(&s, ":fork_pass", run->fork_pass);
	stmt_int(&s, ":fork_point", first_point(w, run->fork_op));
	ret = stmt_run(&w->db, &s, err);
	w->run_id = sqlite3_last_insert_rowid(w->db.handle);
	sqlite3_finalize(s.handle);
	return ret;
}

/* {"budget": 1000, "dumps": 12, "bytes": 2000, "points": [...]}: the run has not these dumps. */
static int note_dropped(struct trace_writer *w, const struct trace_dropped *d, struct err *err)
{
	struct text json = { 0 };
	const char *at = d->patterns.data ? d->patterns.data : "";
	int ret;

	text_addf(&json, "{\"budget\": %lld, \"dumps\": %lld, \"bytes\": %lld, \"points\": [",
		  (long long)w->opt.budget, (long long)d->n_dumps, (long long)d->bytes);
	while (*at) {
		size_t len = strcspn(at, "\n");

		text_add_json(&json, at, len);
		at += len + (at[len] == '\n');
		text_adds(&json, *at ? ", " : "");
	}
	text_adds(&json, "]}");
	ret = writer_event(w, "budget", 1, -1, json.data, err);
	text_release(&json);
	return ret;
}

/* What was there before: rows of this run come after it. */
static int find_newest(struct trace_writer *w, struct err *err)
{
	return db_int(&w->db, "SELECT coalesce(max(id), 0) FROM event", &w->last_event, err) ||
			       db_int(&w->db, "SELECT coalesce(max(id), 0) + 1 FROM edit",
				      &w->next_edit, err)
		       ? err->code
		       : 0;
}

int trace_writer_begin_run(struct trace_writer *w, const struct trace_run *run, struct err *err)
{
	if (writer_begin(w, err) || writer_mark(w, err) || insert_run(w, run, err) ||
	    find_newest(w, err) || writer_commit(w, err))
		return err->code;
	pass_clear(w);
	w->redact = run->redact;
	w->totals.saw_bad |= w->saw_bad;
	w->saw_bad = false;
	w->n_prompt = w->n_tok_steps = w->kv_len = 0;
	w->n_marks = w->n_edits = w->last_edit_id = 0;
	w->stage = -1;
	w->recording_ns = w->model_ns = 0;
	w->started_ns = clock_ns();
	if (w->dropped.n_points && note_dropped(w, &w->dropped, err))
		return err->code;
	w->begin = writer_now(w);
	w->in_run = true;
	return 0;
}

int64_t trace_writer_run(const struct trace_writer *w)
{
	return w->run_id;
}

static int update_options(struct trace_writer *w, const char *opts_json, struct err *err)
{
	struct stmt s = { 0 };
	int ret;

	if (writer_begin(w, err) ||
	    stmt_ready(&w->db, &s, "UPDATE run SET opts = :opts WHERE id = :id", err))
		return err->code;
	stmt_text(&s, ":opts", opts_json);
	stmt_int(&s, ":id", w->run_id);
	ret = stmt_run(&w->db, &s, err);
	sqlite3_finalize(s.handle);
	return ret;
}

int trace_writer_capture(struct trace_writer *w, const struct capture_policy *policy,
			 const char *opts_json, struct err *err)
{
	struct capture *captures = mem_calloc((size_t)w->program->n_values + 1, sizeof(*captures));

	if (capture_policy_apply(policy, w->opt.keeps_attention, w->program, captures, err)) {
		free(captures);
		return err->code;
	}
	free(w->captures);
	w->captures = captures;
	w->opt.capture = policy;
	return w->in_run ? update_options(w, opts_json, err) : 0;
}

static int insert_recording_time(struct trace_writer *w, int64_t ts, struct err *err)
{
	struct stmt s = { 0 };
	int ret;

	if (stmt_ready(&w->db, &s, "INSERT INTO counter VALUES(:run, 'recording_ns', :ts, :value)",
		       err))
		return err->code;
	stmt_int(&s, ":run", w->run_id);
	stmt_int(&s, ":ts", ts);
	stmt_real(&s, ":value", (double)w->recording_ns);
	ret = stmt_run(&w->db, &s, err);
	sqlite3_finalize(s.handle);
	return ret;
}

static int update_run(struct trace_writer *w, const char *status, struct err *err)
{
	struct stmt s = { 0 };
	int ret;

	if (stmt_ready(&w->db, &s,
		       "UPDATE run SET status = :status, ended_ns = :ended WHERE id = :id", err))
		return err->code;
	stmt_text(&s, ":status", status);
	stmt_int(&s, ":ended", clock_unix_ns());
	stmt_int(&s, ":id", w->run_id);
	ret = stmt_run(&w->db, &s, err);
	sqlite3_finalize(s.handle);
	return ret;
}

/* What the run has, its times and its status. */
static int end_run(struct trace_writer *w, const char *status, bool failed, struct err *err)
{
	/* A pass that did not end keeps what it has: a summary up to the failure. */
	if (writer_begin(w, err) || (!w->was_rolled_back && pass_keep(w, !failed, err)))
		return err->code;
	if (w->cut.n_dumps > w->n_cut_told && note_dropped(w, &w->cut, err))
		return err->code;
	w->n_cut_told = w->cut.n_dumps;
	if (insert_recording_time(w, w->model_ns, err) || update_run(w, status, err))
		return err->code;
	return 0;
}

int trace_writer_end_run(struct trace_writer *w, const char *status, struct err *err)
{
	struct err failed = w->failed;
	int ret;

	w->failed = (struct err){ 0 }; /* what the file has is ended all the same */
	w->in_run = false;
	ret = end_run(w, status, failed.code != 0, err);
	pass_clear(w);
	if (!ret)
		ret = writer_commit(w, err);
	w->failed = failed;
	return ret;
}

int trace_writer_flush(struct trace_writer *w, struct err *err)
{
	if (writer_has_failed(w, err))
		return err->code;
	return writer_result(w, pass_store(w, err) ? err->code : writer_commit(w, err), err);
}

/* ---- what became of it --------------------------------------------------------------------- */

int trace_writer_stopped(struct trace_writer *w, value_id v, struct err *err)
{
	int64_t about = -1;
	size_t i;

	if (pass_store(w, err))
		return err->code;
	for (i = 0; i < w->n_values; i++)
		if (w->values[i].point_id == w->point_ids[v])
			about = w->values[i].id;
	return writer_event(w, "stopped", 2, about, NULL, err) ? err->code : writer_commit(w, err);
}

bool trace_writer_keeps_attention(const struct trace_writer *w)
{
	return w->opt.keeps_attention;
}

const struct trace_dropped *trace_writer_dropped(const struct trace_writer *w)
{
	return &w->dropped;
}

const struct trace_dropped *trace_writer_cut(const struct trace_writer *w)
{
	return &w->cut;
}

struct trace_totals trace_writer_totals(const struct trace_writer *w)
{
	struct trace_totals totals = w->totals;
	struct db db = w->db;
	struct err ignored;
	int64_t pages = 0, page_bytes = 0;

	totals.saw_bad |= w->saw_bad;
	if (!db_int(&db, "PRAGMA page_count", &pages, &ignored) &&
	    !db_int(&db, "PRAGMA page_size", &page_bytes, &ignored))
		totals.file_bytes = pages * page_bytes;
	return totals;
}
