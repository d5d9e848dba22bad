/*
 * estimate.c -- `trace --estimate`: what a recording would take, without making it.
 *
 * Rows and bytes follow from shapes (trace_estimate()).  Time does not: a few of the model's own
 * matrices are multiplied for some 50 ms, opening the model and making a file without a run are
 * timed while they are done, and a range is said around what follows from that.
 */
#include "torchless/record.h"
#include "torchless/clock.h"
#include "torchless/mem.h"
#include "torchless/stats.h"

#include <stdlib.h>
#include <string.h>

#define PROBE_NS     25000000
#define PROBE_TOKENS 64
#define PROBE_FLOATS ((int64_t)1 << 18)

/* What the machine does else, and what the probe does not see: attention's caches. */
#define FAST 0.7
#define SLOW 2.0
/* Closing a recording waits for the disk three times: a hard disk's head comes round in 10 ms. */
#define DISK 0.1

/* ---- the probe ---------------------------------------------------------------------------- */

static const struct tensor *weight_of(const struct program *p, const struct op *op)
{
	return op->code == OP_LINEAR ? &p->values[op->in[1]].t : NULL;
}

/* Multiply-adds a second of the model's matrices with T rows. */
static double probe_linear(const struct invocation *in, int64_t T)
{
	const struct program *p = &in->model.program;
	int64_t widest = 0, started, ns, done = 0;
	float *x, *y;

	for (int i = 0; i < p->n_ops; i++) {
		const struct tensor *w = weight_of(p, &p->ops[i]);

		for (int k = 0; w && k < w->n_dims; k++)
			widest = w->shape[k] > widest ? w->shape[k] : widest;
	}
	x = mem_calloc((size_t)(T * widest + 1), sizeof(*x));
	y = mem_calloc((size_t)(T * widest + 1), sizeof(*y));
	started = clock_ns();
	for (int i = 0; (ns = clock_ns() - started) < PROBE_NS || done == 0; i++) {
		const struct tensor *w = weight_of(p, &p->ops[i % p->n_ops]);

		if (!w)
			continue;
		in->kernels->linear(in->pool, y, x, w, T);
		done += tensor_numel(w) * T;
	}
	free(x);
	free(y);
	return (double)done * 1e9 / (double)ns;
}

/* Bytes of activations that are summed and hashed a second. */
static double probe_statistics(void)
{
	float *x = mem_calloc((size_t)PROBE_FLOATS, sizeof(*x));
	int64_t started, ns, done = 0;
	volatile double sink = 0;

	for (int64_t i = 0; i < PROBE_FLOATS; i++)
		x[i] = (float)(i % 1000) - 500.5f;
	started = clock_ns();
	do {
		sink = sink + stats_of(x, PROBE_FLOATS).l2;
		done += PROBE_FLOATS * (int64_t)sizeof(*x);
		ns = clock_ns() - started;
	} while (ns < PROBE_NS / 5);
	free(x);
	return (double)done * 1e9 / (double)ns;
}

/* Multiply-adds of a run: its matrices for every row of the prompt, and for one of each token. */
static void add_work(const struct program *p, const struct trace_shape *shape, double *prefill,
		     double *decode)
{
	double n = (double)shape->n_prompt;
	double n_decode = shape->n_generate > 1 ? (double)(shape->n_generate - 1) : 0;

	for (int i = 0; i < p->n_ops; i++) {
		const struct tensor *w = weight_of(p, &p->ops[i]);
		const struct value *out = &p->values[p->ops[i].out[0]];
		bool is_last_only = out->t.shape[0] == DIM_R && !shape->all_logits;

		if (w) {
			*prefill += (double)tensor_numel(w) * (is_last_only ? 1 : n);
			*decode += (double)tensor_numel(w) * n_decode;
		}
		if (p->ops[i].code == OP_MIX) /* scores and mix, half of the pairs being masked */
			*prefill += n * n * (double)(out->t.shape[1] * out->t.shape[2]);
	}
}

/* Logits that are looked through for the likeliest and for their probabilities. */
static double scored_bytes(const struct recorder *r)
{
	int64_t n = 0;

	for (int i = 0; i < r->n_shapes; i++) {
		const struct trace_shape *s = &r->shapes[i];

		n += (s->all_logits ? s->n_prompt : 1) + s->n_generate;
	}
	return (double)(n * r->in->model.config->n_vocab) * sizeof(float);
}

/* Seconds, on an idle machine, without opening and closing. */
static double guess_seconds(const struct recorder *r, const struct trace_estimate *e)
{
	const struct program *p = &r->in->model.program;
	int threads = threads_count(r->in->pool);
	double prefill = 0, decode = 0, statistics = probe_statistics();

	for (int i = 0; i < r->n_shapes; i++)
		add_work(p, &r->shapes[i], &prefill, &decode);
	return prefill / probe_linear(r->in, PROBE_TOKENS) +
	       (decode > 0 ? decode / probe_linear(r->in, 1) : 0) +
	       (double)e->read_bytes / statistics / threads + 4 * scored_bytes(r) / statistics +
	       (double)e->n_all_rows * 2e-6 + (double)e->file_bytes / 1e9;
}

/* ---- printing ----------------------------------------------------------------------------- */

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

static int print_table(const struct recorder *r, const struct trace_estimate *e, double seconds,
		       struct err *err)
{
	char n[5][32], bytes[2][32], time[2][32];
	struct text t = { 0 };
	struct listing l;
	int result;

	listing_init(&l, r->in, "points,keep,positions,>values,>dumps,>bytes,>dropped");
	add_table(&l, e);
	result = listing_print(&l, err);
	text_addf(&t, "rows       %s: %s pass%s, %s calls, %s values, %s dumps of %s\n",
		  ui_format_count(e->n_all_rows, n[0], sizeof(n[0])),
		  ui_format_count(e->n_passes, n[1], sizeof(n[1])), e->n_passes == 1 ? "" : "es",
		  ui_format_count(e->n_calls, n[2], sizeof(n[2])),
		  ui_format_count(e->n_values, n[3], sizeof(n[3])),
		  ui_format_count(e->n_dumps, n[4], sizeof(n[4])),
		  mem_format_bytes(e->dump_bytes, bytes[0], sizeof(bytes[0])));
	text_addf(&t, "file       about %s\n",
		  mem_format_bytes(e->file_bytes, bytes[1], sizeof(bytes[1])));
	text_addf(
		&t, "time       between %s and %s\n",
		ui_format_time((int64_t)(seconds * FAST * 1e9), time[0], sizeof(time[0])),
		ui_format_time((int64_t)((seconds * SLOW + DISK) * 1e9), time[1], sizeof(time[1])));
	if (result == 0)
		result = flush_out(err);
	if (r->in->out.is_terminal)
		fwrite(t.data, 1, t.len, stdout);
	else if (!option_on(r->in, OPT_QUIET))
		fwrite(t.data, 1, t.len, stderr);
	text_release(&t);
	return result;
}

static void add_json_points(struct text *t, const struct trace_estimate *e)
{
	for (int i = 0; i < e->n_rows; i++) {
		const struct trace_estimate_row *row = &e->rows[i];

		text_addf(t, "%s{\"points\": \"%s\", \"n_points\": %d, \"keep\": \"%s\", ",
			  i ? ", " : "", row->points.data, row->n_points,
			  row->is_dropped ? "stats" : row->keep);
		text_addf(t, "\"positions\": \"%s\", ",
			  row->positions.data ? row->positions.data : "");
		text_addf(
			t,
			"\"values\": %lld, \"dumps\": %lld, \"bytes\": %lld, \"dropped_bytes\": %lld}",
			(long long)row->n_values, (long long)(row->is_dropped ? 0 : row->n_dumps),
			(long long)(row->is_dropped ? 0 : row->dump_bytes),
			(long long)(row->is_dropped ? row->dump_bytes : 0));
	}
}

static int print_json(const struct trace_estimate *e, double seconds, struct err *err)
{
	struct text t = { 0 };
	int result;

	text_addf(&t,
		  "{\"rows\": %lld, \"passes\": %lld, \"calls\": %lld, \"values\": %lld, "
		  "\"dumps\": %lld, \"dump_bytes\": %lld, \"file_bytes\": %lld, \"seconds\": [",
		  (long long)e->n_all_rows, (long long)e->n_passes, (long long)e->n_calls,
		  (long long)e->n_values, (long long)e->n_dumps, (long long)e->dump_bytes,
		  (long long)e->file_bytes);
	add_json_number(&t, seconds * FAST);
	text_adds(&t, ", ");
	add_json_number(&t, seconds * SLOW + DISK);
	text_adds(&t, "], \"points\": [");
	add_json_points(&t, e);
	text_adds(&t, "]}\n");
	result = write_out(t.data, t.len, err);
	text_release(&t);
	return result;
}

int recorder_estimate(struct recorder *r, struct err *err)
{
	struct trace_options o = recorder_trace_options(r);
	struct trace_estimate e;
	struct trace_model model;
	double seconds;
	int result;

	recorder_describe_model(r, &model);
	result = trace_estimate(&r->in->model.program, &model, &o, &e, err);
	if (result == 0) {
		/* Until now the command did what recording begins with, and made the file. */
		seconds = (double)(clock_ns() - r->began_ns) * 1e-9;
		seconds += guess_seconds(r, &e);
		result = option_on(r->in, OPT_JSON) ? print_json(&e, seconds, err)
						    : print_table(r, &e, seconds, err);
	}
	trace_estimate_release(&e);
	return result;
}
