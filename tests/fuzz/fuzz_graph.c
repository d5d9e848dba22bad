/*
 * fuzz_graph.c -- libFuzzer over graphs of recordings whose cells were changed.
 *
 * An input is what to colour by and edits of cells, see cells.h.  What is made of it is measured,
 * compared with itself and written; shares and heats stay within their range.
 */
#include "cells.h"

#include "torchless/graph_measure.h"

#include <math.h>

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc, (void)argv;
	make_recorded();
	cells_begin(true);
	return 0;
}

static void check(const struct graph *g)
{
	for (int i = 0; i < g->n_nodes; i++) {
		const struct graph_measures *m = &g->nodes[i].measures;

		if (m->heat < 0 || m->heat > 1 || m->share < 0 || m->share > 1.001 || m->l2 < 0 ||
		    isinf(m->l2) || isinf(m->heat))
			abort();
	}
}

static void draw(const struct program *p, const struct graph_record *r, unsigned how)
{
	const struct graph_options o = { .level = (enum graph_level)(how % 3),
					 .until = graph_record_ops(r) };
	struct err err = { 0 };
	struct graph_comparison *c = graph_comparison_new(r, r, &err);
	struct text text = { 0 };
	struct graph g;

	if (!graph_build(&g, p, &o, &err)) {
		graph_measure(&g, p, r, (enum graph_color)(how / 3 % 5));
		check(&g);
		if (c)
			graph_compare(&g, c);
		graph_add_dot(&text, &g);
		graph_add_json(&text, &g);
	}
	graph_release(&g);
	graph_comparison_free(c);
	text_release(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = { data, size };
	unsigned how = input_byte(&in);
	struct graph_record *r = NULL;
	struct recording_run run;
	struct model m = { 0 };
	struct err err = { 0 };
	struct recording *rec;

	put_edited(&in);
	rec = open_recorded();
	if (!rec)
		return 0;
	if (!recording_outline(rec, "r.db", 0, &run, &m, &err)) {
		const struct graph_record_options o = { .path = "r.db", .run = &run, .pass = -1 };

		r = graph_record_new(rec, &m.program, &o, &err);
		if (r)
			draw(&m.program, r, how);
		graph_record_free(r);
		model_close(&m);
	}
	recording_close(rec);
	return 0;
}
