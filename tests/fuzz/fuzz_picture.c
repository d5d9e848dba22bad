/*
 * fuzz_picture.c -- libFuzzer over what draws a recording whose cells were changed.
 *
 * An input is which picture and edits of cells, see cells.h: the graph with what the recording
 * knows, two recordings' graph, tensors as text and data, the data of a report, and the timeline.
 * What is drawn is JSON or dot, whatever the names are, or there is a sentence.
 */
#include "cells.h"
#include "torchless/graph_measure.h"
#include "torchless/json.h"
#include "torchless/show.h"
#include "torchless/timeline.h"
#include "torchless/ui.h"

#include <math.h>

/* ---- promises ------------------------------------------------------------------------------ */

static void require_json(const struct text *t)
{
	struct err err = { 0 };
	cJSON *json = json_parse(t->data ? t->data : "", t->len, "picture", &err);

	require(json != NULL, "what is written is JSON");
	cJSON_Delete(json);
	for (size_t i = 0; i < t->len; i++)
		require((unsigned char)t->data[i] >= 0x20 || strchr("\n\t", t->data[i]),
			"JSON holds no control bytes");
}

/* Strings are closed, brackets match, and nothing but them holds what a name may. */
static void require_dot(const struct text *t)
{
	int depth = 0;

	require(t->len > 0, "there is a graph");
	for (size_t i = 0; i < t->len; i++) {
		char c = t->data[i];

		require((unsigned char)c >= 0x20 || c == '\n' || c == '\t', "dot is text");
		if (c == '"') {
			for (i++; i < t->len && t->data[i] != '"'; i++)
				i += t->data[i] == '\\';
			require(i < t->len, "a string of dot ends");
		}
		depth += (c == '{' || c == '[') - (c == '}' || c == ']');
		require(depth >= 0 && depth < 50, "what was closed was open");
	}
	require(depth == 0, "what was opened is closed");
}

/* ---- graphs -------------------------------------------------------------------------------- */

struct side {
	struct recording *rec;
	struct recording_run run;
	struct model model;
	struct graph_record *record;
};

static bool open_side(struct side *s, const char *path)
{
	const struct recording_limits limits = { .max_ns = 20 * QUERY_NS };
	const struct graph_record_options o = { .path = path, .run = &s->run, .pass = -1 };
	struct err err = { 0 };

	s->rec = recording_open_within(path, &limits, &err);
	if (!succeeded(s->rec ? 0 : err.code, &err))
		return false;
	if (!succeeded(recording_find_run(s->rec, path, 0, &s->run, &err), &err) ||
	    !succeeded(recording_outline(path, &s->run, &s->model, &err), &err))
		return false;
	s->record = graph_record_new(s->rec, &s->model.program, &o, &err);
	return succeeded(s->record ? 0 : err.code, &err);
}

static void close_side(struct side *s)
{
	graph_record_free(s->record);
	free(s->run.config);
	model_close(&s->model);
	recording_close(s->rec);
}

static bool build(struct graph *g, const struct side *s, unsigned how)
{
	const struct graph_options o = { .level = (enum graph_level)(how % 3),
					 .title = "title",
					 .max_nodes = how & 8 ? 40 : 0,
					 .until = how & 16 ? graph_record_ops(s->record) : 0 };
	struct err err = { 0 };

	return succeeded(graph_build(g, &s->model.program, &o, &err), &err);
}

static void draw(const struct graph *g)
{
	struct text t = { 0 };

	graph_add_dot(&t, g);
	require_dot(&t);
	text_clear(&t);
	graph_add_json(&t, g);
	require_json(&t);
	text_release(&t);
}

static void require_measures(const struct graph *g)
{
	for (int i = 0; i < g->n_nodes; i++) {
		const struct graph_measures *m = &g->nodes[i].measures;

		require(!(m->heat < 0 || m->heat > 1), "a heat has its place on the scale");
		require(!(m->share < 0 || m->share > 1.001), "a share is one");
		require(!(m->l2 < 0) && !isinf(m->l2), "a length is finite");
	}
}

static void draw_one(unsigned how)
{
	struct side s = { 0 };
	struct graph g = { 0 };

	if (open_side(&s, recorded.path)) {
		if (build(&g, &s, how)) {
			graph_measure(&g, &s.model.program, s.record,
				      (enum graph_color)(how / 3 % (GRAPH_BY_BYTES + 1)));
			require_measures(&g);
			draw(&g);
		}
		graph_release(&g);
	}
	close_side(&s);
}

static void pair(const struct side *a, const struct side *b, unsigned how)
{
	struct graph g = { 0 }, first = { 0 }, second = { 0 };

	if (build(&first, a, how) && build(&second, b, how)) {
		graph_pair(&g, &first, &second);
		draw(&g);
	}
	graph_release(&first);
	graph_release(&second);
	graph_release(&g);
}

static void compare(const struct side *a, const struct side *b, unsigned how)
{
	struct err err = { 0 };
	struct graph_comparison *c = graph_comparison_new(a->record, b->record, &err);
	struct graph g = { 0 };

	if (succeeded(c ? 0 : err.code, &err) && build(&g, a, how)) {
		graph_compare(&g, c);
		draw(&g);
	}
	graph_release(&g);
	graph_comparison_free(c);
}

static void draw_two(unsigned how)
{
	struct side a = { 0 }, b = { 0 };
	struct text other = { 0 };

	text_addf(&other, "%s/other.db", fuzz_folder);
	if (open_side(&a, recorded.path) && open_side(&b, other.data)) {
		if (!graph_same_structure(&a.model.program, &b.model.program))
			pair(&a, &b, how);
		else if (how & 32)
			compare(&b, &a, how);
		else
			compare(&a, &b, how);
	}
	close_side(&a);
	close_side(&b);
	text_release(&other);
}

/* ---- tensors ------------------------------------------------------------------------------- */

static const char *const points[] = {
	"L0.attn.pattern",
	"L1.attn.pattern[head=1]",
	"L0.resid_post",
	"L1.mlp.act_mul[pos=-1]",
	"L0.attn.z[head=0]",
	"L1.attn.q_rot - L0.attn.q_rot",
	"lm_head:out",
	"mean(L0.attn.pattern, q)",
	"weight:model.layers.0.self_attn.q_proj.weight[0:4]",
	"L0.post_attention_layernorm:rms",
};
#define N_POINTS (sizeof(points) / sizeof(*points))

static void show_as_data(const struct shown *a, const struct shown *b)
{
	struct text t = { 0 };
	struct err err = { 0 };

	if (succeeded(show_add_json(&t, a, b, &err), &err))
		require_json(&t);
	text_clear(&t);
	succeeded(show_add_csv(&t, a, b, &err), &err);
	text_clear(&t);
	err = (struct err){ 0 };
	succeeded(show_add_npy(&t, a, b, &err), &err);
	text_release(&t);
}

static void show_as_text(const struct shown *a, const struct shown *b, unsigned how)
{
	const struct show_options o = { .how = (enum show_how)(how % (SHOW_SPARK + 1)), .k = 3 };
	struct text t = { 0 };
	struct err err = { 0 };
	struct ui ui;
	int r;

	ui_init(&ui, stdout, how & 64 ? UI_COLOR_ALWAYS : UI_COLOR_NEVER);
	ui.utf8 = how & 32;
	ui.width = how & 16 ? 20 : 80;
	r = b ? show_add_pair(&t, &ui, a, b, &o, &err) : show_add(&t, &ui, a, &o, &err);
	succeeded(r, &err);
	text_release(&t);
}

static void show(unsigned how)
{
	const struct show_source_options o = { .recording = recorded.path,
					       .model = fuzz_folder,
					       .kernels = &kernels_ref };
	struct show_source *s = show_source_new(&o), *other = show_source_new(&o);
	const char *what = points[how % N_POINTS], *vs = points[how / N_POINTS % N_POINTS];
	struct shown a = { 0 }, b = { 0 };
	struct err err = { 0 };
	bool has_b;

	if (succeeded(show_find(s, what, &a, &err), &err)) {
		show_as_text(&a, NULL, how);
		show_as_data(&a, NULL);
		has_b = succeeded(show_find_beside(s, other, what, vs, &b, &err), &err);
		if (has_b) {
			show_as_text(&a, &b, how);
			show_as_data(&a, &b);
		}
	}
	shown_release(&a);
	shown_release(&b);
	show_source_free(s);
	show_source_free(other);
}

/* ---- a timeline --------------------------------------------------------------------------- */

static int take(void *ctx, const void *data, size_t len, struct err *err)
{
	(void)err;
	text_add(ctx, data, len);
	return 0;
}

static void timeline(unsigned how)
{
	enum timeline_format format = how & 1 ? TIMELINE_CHROME : TIMELINE_PERFETTO;
	const struct recording_limits limits = { .max_ns = 20 * QUERY_NS };
	struct text t = { 0 };
	const struct timeline_target to = { .write = take, .ctx = &t };
	struct err err = { 0 };
	struct recording *rec = recording_open_within(recorded.path, &limits, &err);

	if (succeeded(rec ? 0 : err.code, &err) &&
	    succeeded(timeline_write(rec, recorded.path, format, &to, NULL, &err), &err) &&
	    format == TIMELINE_CHROME)
		require_json(&t);
	recording_close(rec);
	text_release(&t);
}

/* ---- an input ------------------------------------------------------------------------------ */

static void (*const pictures[])(unsigned how) = { draw_one, draw_two, show, timeline };

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc, (void)argv;
	make_recorded();
	cells_begin(true);
	return 0;
}

/* The first byte is which and how: cells.h changes it as a whole. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = { data, size };
	unsigned first = input_byte(&in);

	put_edited(&in);
	pictures[first % 4](first / 4 + (unsigned)size);
	return 0;
}
