/*
 * graph_side.c -- what a graph is of, and the graph of two of those.
 */
#include "graph_side.h"

#include "torchless/mem.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

void graph_add_title(struct text *title, const char *name, const struct config *c)
{
	text_addf(title, "%s · %lld %s", *name ? name : c->arch, (long long)c->n_layers,
		  plural(c->n_layers, "layer", "layers"));
}

int graph_side_recording(struct graph_side *s, const struct invocation *in, const char *path,
			 struct err *err)
{
	const struct recording_limits limits = { .interrupted = &interrupted,
						 .warn = warn_sentence };
	struct graph_record_options o = { .path = path,
					  .run = &s->run,
					  .pass = (int)option_int(in, OPT_PASS, -1) };

	recorded_tell(in, path, option_int(in, OPT_RUN, 0));
	s->rec = recording_open_within(path, &limits, err);
	if (!s->rec || recording_find_run(s->rec, path, option_int(in, OPT_RUN, 0), &s->run, err) ||
	    recording_outline(path, &s->run, &s->model, err))
		return err->code;
	graph_add_title(&s->title, s->run.name, s->model.config);
	s->record = graph_record_new(s->rec, &s->model.program, &o, err);
	return s->record ? 0 : err->code;
}

/* A folder is a model, whatever is in it: 1, 0 or an error. */
static int is_recording(const char *path, struct err *err)
{
	static const char magic[16] = "SQLite format 3";
	char head[sizeof(magic)];
	struct stat st;
	FILE *f;
	size_t n;
	int failed;

	if (stat(path, &st) != 0)
		return err_set(err, err_of_errno(errno), "%s: %s", path, strerror(errno));
	if (!S_ISREG(st.st_mode))
		return 0;
	f = fopen(path, "rb");
	if (!f)
		return err_set(err, err_of_errno(errno), "%s: %s", path, strerror(errno));
	n = fread(head, 1, sizeof(head), f);
	failed = ferror(f) ? errno : 0;
	fclose(f);
	if (failed)
		return err_set(err, err_of_errno(failed), "%s: %s", path, strerror(failed));
	return n == sizeof(head) && !memcmp(head, magic, sizeof(magic));
}

int graph_side_open(struct graph_side *s, const struct invocation *in, const char *path,
		    struct err *err)
{
	int is = is_recording(path, err);

	s->path = path;
	if (is < 0)
		return err->code;
	if (is)
		return graph_side_recording(s, in, path, err);
	if (model_open(&s->model, path, CHECKPOINT_WEIGHTS, err))
		return err->code;
	graph_add_title(&s->title, s->model.config->name, s->model.config);
	return 0;
}

void graph_side_close(struct graph_side *s)
{
	graph_record_free(s->record);
	model_close(&s->model);
	recording_close(s->rec);
	text_release(&s->title);
	free(s->run.config);
	*s = (struct graph_side){ 0 };
}

void graph_open_layer(struct graph_options *o, int layer, struct graph_layers *room)
{
	if (layer < 0 || o->level == GRAPH_MODEL || o->module || o->n_expand || o->n_collapse)
		return;
	*room = (struct graph_layers){ layer, layer, 0 };
	o->expand = room;
	o->n_expand = 1;
}

/* ---- two ------------------------------------------------------------------------------------ */

static int build(struct graph *g, const struct graph_side *s, const struct graph_options *o,
		 const char *title, struct err *err)
{
	struct graph_options own = *o;

	own.title = title;
	return graph_build(g, &s->model.program, &own, err);
}

static int pair(struct graph *g, const struct graph_side *a, const struct graph_side *b,
		const struct graph_options *o, struct err *err)
{
	struct graph first = { 0 }, second = { 0 };
	int r = build(&first, a, o, a->title.data, err);

	if (!r)
		r = build(&second, b, o, b->title.data, err);
	if (!r)
		graph_pair(g, &first, &second);
	graph_release(&first);
	graph_release(&second);
	return r;
}

/* What stands first in "l2 3 and 4", and what second. */
static void add_names(struct text *title, const char *a, const char *b)
{
	const char *first = strrchr(a, '/'), *second = strrchr(b, '/');

	first = first && first[1] ? first + 1 : a;
	second = second && second[1] ? second + 1 : b;
	if (strcmp(first, second) != 0)
		text_addf(title, " · %s and %s", first, second);
}

int graph_of_two(struct graph *g, const struct graph_side *a, const struct graph_side *b,
		 const struct graph_options *o, struct err *err)
{
	struct graph_comparison *c = NULL;
	struct graph_options own = *o;
	struct graph_layers layer;
	struct text title = { 0 };
	int r;

	if (!graph_same_structure(&a->model.program, &b->model.program))
		return pair(g, a, b, o, err);
	if (a->record && b->record) {
		c = graph_comparison_new(a->record, b->record, err);
		if (!c)
			return err->code;
		graph_open_layer(&own, graph_comparison_layer(c), &layer);
	}
	text_adds(&title, a->title.data);
	add_names(&title, a->path, b->path);
	r = build(g, a, &own, title.data, err);
	text_release(&title);
	if (!r && c)
		graph_compare(g, c);
	else if (!r)
		graph_compare_weights(g, &a->model.program, &b->model.program);
	graph_comparison_free(c);
	return r;
}
