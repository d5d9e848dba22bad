/*
 * estimate.c -- `trace --estimate`: what a recording would take, for people and for programs.
 */
#include "torchless/mem.h"
#include "trace.h"

static void add_table(struct listing *l, const struct trace_estimate *e)
{
	char bytes[32], count[32];

	for (int i = 0; i < e->n_rows; i++) {
		const struct trace_estimate_row *row = &e->rows[i];

		listing_string(l, row->points.data);
		listing_string(l, row->is_dropped ? "stats" : row->keep);
		listing_string(l, row->positions.data);
		listing_shown(l, row->n_values,
			      ui_format_count(row->n_values, count, sizeof(count)));
		listing_shown(
			l, row->is_dropped ? 0 : row->n_dumps,
			ui_format_count(row->is_dropped ? 0 : row->n_dumps, count, sizeof(count)));
		listing_shown(l, row->is_dropped ? 0 : row->dump_bytes,
			      mem_format_bytes(row->is_dropped ? 0 : row->dump_bytes, bytes,
					       sizeof(bytes)));
		listing_shown(l, row->is_dropped ? row->dump_bytes : 0,
			      mem_format_bytes(row->is_dropped ? row->dump_bytes : 0, bytes,
					       sizeof(bytes)));
	}
}

static int print_table(struct invocation *in, const struct record_estimate *estimate,
		       struct err *err)
{
	const struct trace_estimate *e = &estimate->trace;
	char n[5][32], bytes[2][32], time[2][32], limit[32];
	struct text t = { 0 };
	struct listing l;
	int result;

	listing_init(&l, in, "points,keep,positions,>values,>dumps,>bytes,>dropped");
	listing_drops(&l, "dropped,positions,dumps,values");
	add_table(&l, e);
	result = listing_print(&l, err);
	text_addf(&t, "rows       %s: %s %s, %s %s, %s %s, %s %s of %s\n",
		  ui_format_count(e->n_all_rows, n[0], sizeof(n[0])),
		  ui_format_count(e->n_passes, n[1], sizeof(n[1])),
		  plural(e->n_passes, "pass", "passes"),
		  ui_format_count(e->n_calls, n[2], sizeof(n[2])),
		  plural(e->n_calls, "call", "calls"),
		  ui_format_count(e->n_values, n[3], sizeof(n[3])),
		  plural(e->n_values, "value", "values"),
		  ui_format_count(e->n_dumps, n[4], sizeof(n[4])),
		  plural(e->n_dumps, "dump", "dumps"),
		  mem_format_bytes(e->dump_bytes, bytes[0], sizeof(bytes[0])));
	if (estimate->attention_bytes > 0)
		text_addf(
			&t,
			"attention  %s of queries and keys, %s: up to %s are kept without --capture attention\n",
			mem_format_bytes(estimate->attention_bytes, bytes[0], sizeof(bytes[0])),
			estimate->keeps_attention ? "kept" : "not kept",
			mem_format_bytes(CAPTURE_ATTENTION_BYTES, limit, sizeof(limit)));
	text_addf(&t, "file       about %s\n",
		  mem_format_bytes(e->file_bytes, bytes[1], sizeof(bytes[1])));
	text_addf(&t, "time       between %s and %s\n",
		  ui_format_time((int64_t)(estimate->min_seconds * 1e9), time[0], sizeof(time[0])),
		  ui_format_time((int64_t)(estimate->max_seconds * 1e9), time[1], sizeof(time[1])));
	if (result == 0)
		result = flush_out(err);
	summary_wrap(&t, in->out.is_terminal ? &in->out : &in->err);
	if (in->out.is_terminal)
		ui_write(&in->out, t.data, t.len);
	else if (!option_on(in, OPT_QUIET))
		ui_write(&in->err, t.data, t.len);
	text_release(&t);
	return result;
}

static void add_json_points(struct text *t, const struct trace_estimate *e)
{
	for (int i = 0; i < e->n_rows; i++) {
		const struct trace_estimate_row *row = &e->rows[i];

		text_addf(t, "%s{\"points\": ", i ? ", " : "");
		text_add_json(t, row->points.data ? row->points.data : "", row->points.len);
		text_addf(t, ", \"n_points\": %d, \"keep\": \"%s\", \"positions\": ", row->n_points,
			  row->is_dropped ? "stats" : row->keep);
		text_add_json(t, row->positions.data ? row->positions.data : "",
			      row->positions.len);
		text_adds(t, ", ");
		text_addf(
			t,
			"\"values\": %lld, \"dumps\": %lld, \"bytes\": %lld, \"dropped_bytes\": %lld}",
			(long long)row->n_values, (long long)(row->is_dropped ? 0 : row->n_dumps),
			(long long)(row->is_dropped ? 0 : row->dump_bytes),
			(long long)(row->is_dropped ? row->dump_bytes : 0));
	}
}

static int print_json(const struct record_estimate *estimate, struct err *err)
{
	const struct trace_estimate *e = &estimate->trace;
	struct text t = { 0 };
	int result;

	text_addf(&t,
		  "{\"rows\": %lld, \"passes\": %lld, \"calls\": %lld, \"values\": %lld, "
		  "\"dumps\": %lld, \"dump_bytes\": %lld, \"file_bytes\": %lld, \"seconds\": [",
		  (long long)e->n_all_rows, (long long)e->n_passes, (long long)e->n_calls,
		  (long long)e->n_values, (long long)e->n_dumps, (long long)e->dump_bytes,
		  (long long)e->file_bytes);
	text_add_json_number(&t, estimate->min_seconds);
	text_adds(&t, ", ");
	text_add_json_number(&t, estimate->max_seconds);
	text_addf(&t, "], \"attention\": {\"kept\": %s, \"bytes\": %lld, \"limit\": %d}",
		  estimate->keeps_attention ? "true" : "false",
		  (long long)estimate->attention_bytes, CAPTURE_ATTENTION_BYTES);
	text_adds(&t, ", \"points\": [");
	add_json_points(&t, e);
	text_adds(&t, "]}\n");
	result = write_out(t.data, t.len, err);
	text_release(&t);
	return result;
}

int estimate_print(struct trace_command *c, struct err *err)
{
	struct record_estimate e;
	int result = recorder_estimate(&c->recorder, c->began_ns, &e, err);

	if (result == 0)
		result = option_on(c->in, OPT_JSON) ? print_json(&e, err)
						    : print_table(c->in, &e, err);
	record_estimate_release(&e);
	return result;
}
