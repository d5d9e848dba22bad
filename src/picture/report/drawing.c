/*
 * drawing.c -- the graph of the program with what the recording knows of it, laid out as SVG.
 */
#include "report_impl.h"

#include "torchless/graph_measure.h"
#include "torchless/layout.h"

#define MAX_NODES 60
#define MAX_BYTES ((size_t)4 << 20)

static void add_element(struct report_writer *w, const struct text *svg)
{
	size_t len;
	const char *element = layout_svg_element(svg, &len);

	if (element)
		text_add_json(w->out, element, len);
	else
		text_adds(w->out, "null");
}

static int lay_out(struct report_writer *w, const struct graph *g, struct err *err)
{
	const struct layout_options o = { .format = "svg",
					  .max_bytes = MAX_BYTES,
					  .interrupted = w->o->interrupted };
	struct text dot = { 0 }, svg = { 0 };
	struct layout_result how = { 0 };
	struct err why = { 0 };
	int r;

	graph_add_dot(&dot, g);
	r = layout_run(&svg, &dot, &o, &how, &why);
	if (!r)
		add_element(w, &svg);
	else if (how.system_failed || r == ERR_MEMORY || r == ERR_INTERRUPTED)
		*err = why;
	else /* Graphviz is not there, or fails: the page has everything else. */
		r = err_set(err, ERR_TOOL, "%s", why.message);
	text_release(&how.said);
	text_release(&dot);
	text_release(&svg);
	return r;
}

static void set_title(struct report_writer *w, struct text *title)
{
	const struct config *c = w->outline.config;

	text_addf(title, "%s · %d %s", *w->found.name ? w->found.name : c->arch,
		  w->outline.program.n_layers,
		  plural(w->outline.program.n_layers, "layer", "layers"));
}

static int draw(struct report_writer *w, struct err *err)
{
	const struct program *p = &w->outline.program;
	const struct graph_record_options of = { w->name, &w->found, -1 };
	struct graph_options o = { .level = GRAPH_MODULE, .max_nodes = MAX_NODES };
	struct graph_record *record = graph_record_new(w->of->rec, p, &of, err);
	struct text title = { 0 };
	struct graph g = { 0 };
	int r = record ? 0 : err->code;

	set_title(w, &title);
	o.title = title.data;
	if (!r)
		o.until = graph_record_ops(record);
	if (!r)
		r = graph_build(&g, p, &o, err);
	if (!r) {
		graph_measure(&g, p, record, GRAPH_BY_TIME);
		report_progress(w, 0.3);
		r = lay_out(w, &g, err);
	}
	graph_release(&g);
	graph_record_free(record);
	text_release(&title);
	return r;
}

/* Without Graphviz, or where it fails, the page has everything else. */
int report_add_graph(struct report_writer *w, struct err *err)
{
	size_t begin = w->out->len;
	struct err why = { 0 };
	int r = 0;

	if (w->has_outline)
		r = draw(w, &why);
	if (report_interrupted(w, err))
		return err->code;
	if (r == ERR_MEMORY || r == ERR_IO) {
		*err = why;
		return r;
	}
	if (r || !w->has_outline) {
		w->out->len = begin;
		text_adds(w->out, "null");
	}
	if (r)
		snprintf(w->no_graph, sizeof(w->no_graph), "%s", why.message);
	json_add_string(w->out, "graph_missing",
			w->has_outline ? r ? why.message : NULL : w->no_outline);
	return 0;
}
