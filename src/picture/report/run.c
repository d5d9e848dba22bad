/*
 * run.c -- the run, its model, how it was made, what was changed, what happened.
 */
#include "report_impl.h"

#include "torchless/json.h"

/* ---- which run ----------------------------------------------------------------------------- */

static int take_run(void *ctx, const struct rows *rows, const struct cell *cells)
{
	struct report_writer *w = ctx;

	(void)rows;
	if (!cell_in(&cells[0], 1, INT64_MAX))
		return 0;
	w->run = cells[0].i;
	w->model_id = cell_int(&cells[1], 0);
	w->is_redacted = cell_int(&cells[2], 1) != 0;
	w->n_layers = cell_in(&cells[3], 0, MODEL_OUTLINE_LAYERS) ? cells[3].i : 0;
	w->d_model = cell_in(&cells[4], 0, INT32_MAX) ? cells[4].i : 0;
	w->n_heads = cell_in(&cells[5], 0, 65536) ? cells[5].i : 0;
	w->n_vocab = cell_in(&cells[6], 0, INT32_MAX) ? cells[6].i : 0;
	w->window = cell_in(&cells[7], 0, INT32_MAX) ? cells[7].i : 0;
	w->n_pos = cell_in(&cells[8], 0, REPORT_POSITIONS) ? cells[8].i : 0;
	w->changes_weights = cell_int(&cells[9], 0) != 0;
	return 1;
}

int report_read_run(struct report_writer *w, struct err *err)
{
	int64_t asked = w->of->run;
	int r;

	w->run = asked;
	r = report_ask(
		w,
		"SELECT r.id, r.model_id, r.prompt_redacted, m.n_layers, m.d_model, m.n_heads, "
		"m.n_vocab, m.sliding_window, "
		"(SELECT max(pos0 + n_tok) FROM pass p WHERE p.run_id = r.id "
		"AND p.idx IS NOT NULL), "
		"(SELECT count(*) FROM edit e WHERE e.run_id = r.id AND e.weight IS NOT NULL) "
		"FROM run r JOIN model m ON m.id = r.model_id WHERE r.id = "
		"CASE %lld WHEN 0 THEN (SELECT max(id) FROM run) ELSE %lld END",
		take_run, w, err);
	if (r || w->model_id)
		return r;
	if (asked)
		return err_set(err, ERR_USAGE, "%s has no run %lld", w->of->path, (long long)asked);
	return err_set(err, ERR_USAGE, "%s holds no run", w->of->path);
}

/* ---- its members --------------------------------------------------------------------------- */

static int take_members(void *ctx, const struct rows *rows, const struct cell *cells)
{
	struct report_writer *w = ctx;

	(void)rows;
	report_add_cell(w, "status", 's', &cells[0]);
	report_add_cell(w, "prompt", 'b', &cells[1]);
	report_add_cell(w, "completion", 'b', &cells[2]);
	report_add_cell(w, "started", 's', &cells[3]);
	report_add_cell(w, "duration_ns", 'i', &cells[4]);
	report_add_cell(w, "redacted", 'f', &cells[5]);
	report_add_cell(w, "runs", 'i', &cells[6]);
	report_add_cell(w, "line", 'i', &cells[7]);
	return 1;
}

int report_add_run(struct report_writer *w, struct err *err)
{
	report_add_text(w, "file", w->name, strlen(w->name), 4096);
	json_add_int(w->out, "run", w->run);
	return report_ask(w,
			  "SELECT r.status, r.prompt, v.completion, "
			  "strftime('%Y-%m-%dT%H:%M:%SZ', r.started_ns / 1000000000, 'unixepoch'), "
			  "r.ended_ns - r.started_ns, r.prompt_redacted, "
			  "(SELECT count(*) FROM run), r.line "
			  "FROM run r JOIN v_run v ON v.run_id = r.id WHERE r.id = %lld",
			  take_members, w, err);
}

static int take_model(void *ctx, const struct rows *rows, const struct cell *cells)
{
	struct report_writer *w = ctx;

	(void)rows;
	report_add_object(
		w,
		"name:s arch:s n_layers:i d_model:i n_heads:i n_kv_heads:i d_head:i d_ff:i "
		"n_vocab:i rope_theta:r window:i weight_dtype:s file_bytes:i n_params:i "
		"config:j",
		cells);
	return 1;
}

int report_add_model(struct report_writer *w, struct err *err)
{
	return report_ask(
		w,
		"SELECT m.name, m.arch, m.n_layers, m.d_model, m.n_heads, m.n_kv_heads, "
		"m.d_head, m.d_ff, m.n_vocab, m.rope_theta, m.sliding_window, d.name, "
		"m.file_bytes, (SELECT sum(n_params) FROM module x WHERE x.model_id = m.id), "
		"m.config FROM run r JOIN model m ON m.id = r.model_id "
		"LEFT JOIN dtype d ON d.id = r.dtype_weight WHERE r.id = %lld",
		take_model, w, err);
}

/* ---- settings ------------------------------------------------------------------------------ */

/* A line of the page's table, where the run says it. */
static const struct setting {
	const char *name;
	char kind;
} settings[] = {
	{ "engine", 's' },        { "commit", 's' },  { "build", 's' },       { "host", 's' },
	{ "threads", 'i' },       { "weights", 's' }, { "computed in", 's' }, { "KV cache", 's' },
	{ "seed", 'i' },          { "sampler", 'j' }, { "options", 'j' },     { "made by", 's' },
	{ "branch of run", 'i' }, { "line", 'i' },
};

static int take_settings(void *ctx, const struct rows *rows, const struct cell *cells)
{
	struct report_writer *w = ctx;

	(void)rows;
	for (size_t i = 0; i < sizeof(settings) / sizeof(settings[0]); i++) {
		if (cells[i].type == CELL_NULL)
			continue;
		json_add_key(w->out, NULL);
		text_addc(w->out, '[');
		json_add_string(w->out, NULL, settings[i].name);
		report_add_cell(w, NULL, settings[i].kind, &cells[i]);
		text_addc(w->out, ']');
	}
	return 1;
}

int report_add_settings(struct report_writer *w, struct err *err)
{
	int r;

	text_addc(w->out, '[');
	r = report_ask(
		w,
		"SELECT r.engine, r.engine_commit, r.build, r.host, r.n_threads, a.name, b.name, "
		"c.name, r.seed, r.sampler, r.opts, r.role, r.parent_run_id, r.line FROM run r "
		"LEFT JOIN dtype a ON a.id = r.dtype_weight "
		"LEFT JOIN dtype b ON b.id = r.dtype_compute "
		"LEFT JOIN dtype c ON c.id = r.dtype_kv WHERE r.id = %lld",
		take_settings, w, err);
	text_addc(w->out, ']');
	return r;
}

/* ---- edits and events ---------------------------------------------------------------------- */

int report_add_edits(struct report_writer *w, struct err *err)
{
	return report_add_list(
		w,
		"SELECT e.id, p.fqn, e.weight, e.kind, e.sel, e.pass_from, e.pass_to, "
		"e.args FROM edit e LEFT JOIN point p ON p.id = e.point_id "
		"WHERE e.run_id = %lld ORDER BY e.id LIMIT 20001",
		"id:i point:s weight:s kind:s selection:s pass_from:i pass_to:i args:j",
		REPORT_LIST, "edits", err);
}

int report_add_events(struct report_writer *w, struct err *err)
{
	return report_add_list(
		w,
		"SELECT e.kind, e.severity, pt.fqn, p.idx, e.value_id, e.data FROM event e "
		"LEFT JOIN value v ON v.id = e.value_id "
		"LEFT JOIN pass p ON p.id = v.pass_id "
		"LEFT JOIN point pt ON pt.id = v.point_id "
		"WHERE e.run_id = %lld AND e.kind <> 'sampler' ORDER BY e.id LIMIT 201",
		"kind:s severity:i fqn:s pass:i value_id:i data:j", 200, "events", err);
}
