/*
 * cmd_graph.c -- `torchless graph`: a program as dot, as JSON, or as the picture that Graphviz
 * makes of it.
 */
#include "graph_output.h"
#include "graph_side.h"

#include "torchless/mem.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* More than these, and dot takes too long or nobody can read it. */
#define MAX_NODES 1200

struct drawing {
	struct invocation *in;
	struct graph graph;
	struct graph_options options;
	struct graph_layers *expand;
	struct graph_side recorded; /* with -t: its program, without weights, and what it knows */
	struct graph_side other;    /* with --diff: the second of two */
	const struct program *program;
	struct text title;
};

/* ---- what is drawn -------------------------------------------------------------------------- */

static void set_title(struct drawing *d, const char *name, const struct config *c)
{
	graph_add_title(&d->title, name, c);
	if (d->options.module)
		text_addf(&d->title, " · %s", d->options.module);
	d->options.title = d->title.data;
}

static int read_recording(struct drawing *d, const char *path, struct err *err)
{
	if (graph_side_recording(&d->recorded, d->in, path, err))
		return err->code;
	d->program = &d->recorded.model.program;
	d->options.until = graph_record_ops(d->recorded.record);
	set_title(d, d->recorded.run.name, d->recorded.model.config);
	return 0;
}

static int read_two(struct drawing *d, const char *a, struct err *err)
{
	if (d->in->n_args != 1)
		return err_set(err, ERR_USAGE,
			       "--diff takes two recordings or models: `torchless "
			       "graph --diff A B`");
	if (graph_side_open(&d->recorded, d->in, a, err) ||
	    graph_side_open(&d->other, d->in, d->in->args[0], err))
		return err->code;
	d->program = &d->recorded.model.program;
	return 0;
}

static int read_model(struct drawing *d, struct err *err)
{
	int r = invocation_open_model(d->in, CHECKPOINT_WEIGHTS, err);

	if (r)
		return r;
	d->program = &d->in->model.program;
	set_title(d, d->in->model.config->name, d->in->model.config);
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

static int check_output(struct invocation *in, struct err *err)
{
	if (options_exclusive(in, err, OPT_JSON, OPT_VIEW))
		return err->code;
	if (check_target(option_text(in, OPT_OUTPUT, NULL), err))
		return err->code;
	return option_on(in, OPT_JSON) ? 0 : graph_output_check(in, err);
}

static int write_json(const struct drawing *d, struct text *t, const char *path, struct err *err)
{
	graph_add_json(t, &d->graph);
	return path ? text_write_file(path, t->data, t->len, err) : write_out(t->data, t->len, err);
}

static int write_dot(const struct drawing *d, struct text *t, struct err *err)
{
	graph_add_dot(t, &d->graph);
	return graph_output_write(d->in, t, err);
}

static int write_picture(const struct drawing *d, struct err *err)
{
	struct text t = { 0 };
	int r = option_on(d->in, OPT_JSON)
			? write_json(d, &t, option_text(d->in, OPT_OUTPUT, NULL), err)
			: write_dot(d, &t, err);

	text_release(&t);
	return r;
}

/* The graph, with what a recording knows of it, or two disagree about. */
static int make(struct drawing *d, struct err *err)
{
	int color = (int)option_int(d->in, OPT_COLOR_BY, 0);
	struct graph_layers bad;
	int r;

	if (option_on(d->in, OPT_DIFF))
		return graph_of_two(&d->graph, &d->recorded, &d->other, &d->options, err);
	if (d->recorded.record)
		graph_open_layer(&d->options, graph_record_bad_layer(d->recorded.record), &bad);
	r = graph_build(&d->graph, d->program, &d->options, err);
	if (!r && d->recorded.record)
		graph_measure(&d->graph, d->program, d->recorded.record,
			      (enum graph_color)(GRAPH_BY_TIME + color));
	return r;
}

/* What means something of a recording only, or of one graph. */
static int check_options(const struct invocation *in, struct err *err)
{
	static const enum option_id of_recording[] = { OPT_RUN, OPT_PASS, OPT_COLOR_BY };

	if (options_exclusive(in, err, OPT_DIFF, OPT_TRACE) ||
	    options_exclusive(in, err, OPT_DIFF, OPT_COLOR_BY) ||
	    options_exclusive(in, err, OPT_DIFF, OPT_MODEL))
		return err->code;
	if (in->n_args && !option_on(in, OPT_DIFF) && !option_on(in, OPT_TRACE) &&
	    access(in->args[0], F_OK) == 0)
		return err_set(err, ERR_USAGE,
			       "'%s' is no argument of graph: -t %s draws a recording", in->args[0],
			       in->args[0]);
	if (in->n_args && !option_on(in, OPT_DIFF))
		return err_set(err, ERR_USAGE,
			       "'%s' is one too many: graph takes an argument with "
			       "--diff only",
			       in->args[0]);
	for (size_t i = 0; i < sizeof(of_recording) / sizeof(*of_recording); i++)
		if (option_on(in, of_recording[i]) && !option_on(in, OPT_TRACE) &&
		    !option_on(in, OPT_DIFF))
			return err_set(err, ERR_USAGE, "--%s is about a recording: name it by -t",
				       option_table[of_recording[i]].name);
	return 0;
}

int cmd_graph(struct invocation *in, struct err *err)
{
	const char *trace = option_text(in, OPT_TRACE, NULL);
	const char *diff = option_text(in, OPT_DIFF, NULL);
	struct drawing d = { .in = in, .options.module = option_text(in, OPT_MODULE, NULL) };
	int r = check_options(in, err);

	if (!r)
		r = check_output(in, err);
	if (!r)
		r = diff    ? read_two(&d, diff, err)
		    : trace ? read_recording(&d, trace, err)
			    : read_model(&d, err);
	if (!r)
		r = read_options(&d, err);
	if (!r)
		r = make(&d, err);
	if (!r && d.graph.folded && !option_on(in, OPT_QUIET))
		warn("%s", d.graph.folded);
	if (!r)
		r = write_picture(&d, err);
	graph_release(&d.graph);
	free(d.expand);
	text_release(&d.title);
	graph_side_close(&d.recorded);
	graph_side_close(&d.other);
	return r;
}
