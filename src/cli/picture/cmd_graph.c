/*
 * cmd_graph.c -- `torchless graph`: a program as dot, as JSON, or as the picture that Graphviz
 * makes of it.
 */
#include "torchless/cli.h"

#include "torchless/graph.h"
#include "torchless/layout.h"
#include "torchless/mem.h"
#include "torchless/outline.h"

#include <stdlib.h>
#include <string.h>

/* More than these, and dot takes too long or nobody can read it. */
#define MAX_NODES 1000

struct drawing {
	struct invocation *in;
	struct graph graph;
	struct graph_options options;
	struct graph_layers *expand;
	struct model recorded; /* with -t: its program, without weights */
	const struct program *program;
	struct text title;
};

/* ---- what is drawn -------------------------------------------------------------------------- */

static void set_title(struct drawing *d, const struct config *c)
{
	const char *name = *c->name ? c->name : c->arch;

	text_addf(&d->title, "%s · %lld layers", name, (long long)c->n_layers);
	if (d->options.module)
		text_addf(&d->title, " · %s", d->options.module);
	d->options.title = d->title.data;
}

static int read_recording(struct drawing *d, const char *path, struct err *err)
{
	struct recording *rec = recording_open(path, err);
	struct recording_run run;
	int r = rec ? recording_outline(rec, path, option_int(d->in, OPT_RUN, 0), &run,
					&d->recorded, err)
		    : err->code;

	recording_close(rec);
	if (r)
		return r;
	d->program = &d->recorded.program;
	set_title(d, d->recorded.config);
	return 0;
}

static int read_model(struct drawing *d, struct err *err)
{
	int r = invocation_open_model(d->in, CHECKPOINT_WEIGHTS, err);

	if (r)
		return r;
	d->program = &d->in->model.program;
	set_title(d, d->in->model.config);
	return 0;
}

static int read_options(struct drawing *d, struct err *err)
{
	const struct option_value *expand = &d->in->option[OPT_EXPAND];
	const struct option_value *collapse = &d->in->option[OPT_COLLAPSE];
	struct graph_options *o = &d->options;

	o->level = (enum graph_level)option_int(d->in, OPT_LEVEL, GRAPH_MODULE);
	o->max_nodes = MAX_NODES;
	d->expand = mem_calloc((size_t)expand->n + 1, sizeof(*d->expand));
	for (int i = 0; i < expand->n; i++)
		if (graph_layers_parse(expand->list[i], d->program->n_layers, &d->expand[i], err))
			return err->code;
	o->expand = d->expand;
	o->n_expand = expand->n;
	o->collapse = collapse->list;
	o->n_collapse = collapse->n;
	return 0;
}

/* ---- where it goes -------------------------------------------------------------------------- */

static int write_file(const char *path, const struct text *t, struct err *err)
{
	if (!path)
		return write_out(t->data, t->len, err);
	return text_write_file(path, t->data, t->len, err);
}

static int write_picture(struct drawing *d, const char *path, struct err *err)
{
	const char *dot = path ? strrchr(path, '.') : NULL;
	struct text t = { 0 };
	int r = 0;

	if (option_on(d->in, OPT_JSON))
		graph_add_json(&t, &d->graph);
	else if (path && (!dot || strcmp(dot, ".dot") != 0))
		r = err_set(err, ERR_TOOL, "%s: only dot is written so far", path);
	else
		graph_add_dot(&t, &d->graph);
	if (!r)
		r = write_file(path, &t, err);
	text_release(&t);
	return r;
}

int cmd_graph(struct invocation *in, struct err *err)
{
	const char *trace = option_text(in, OPT_TRACE, NULL);
	struct drawing d = { .in = in, .options.module = option_text(in, OPT_MODULE, NULL) };
	int r = trace ? read_recording(&d, trace, err) : read_model(&d, err);

	if (!r)
		r = read_options(&d, err);
	if (!r)
		r = graph_build(&d.graph, d.program, &d.options, err);
	if (!r && d.graph.folded && !option_on(in, OPT_QUIET))
		warn("%s", d.graph.folded);
	if (!r)
		r = write_picture(&d, option_text(in, OPT_OUTPUT, NULL), err);
	graph_release(&d.graph);
	free(d.expand);
	text_release(&d.title);
	model_close(&d.recorded);
	return r;
}
