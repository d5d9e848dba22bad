/*
 * report.c -- the data of a report: the parts of a recording in their order, each of which may fail
 * for itself.
 */
#include "report_impl.h"

#include <assert.h>

/* ---- parts --------------------------------------------------------------------------------- */

struct part {
	const char *key;   /* NULL: members of the recording itself */
	const char *title; /* for whoever waits */
	int (*add)(struct report_writer *w, struct err *err);
	const char *empty; /* what stands there when it fails */
	double work;       /* of all, about */
};

static const struct part parts[] = {
	{ NULL, "run", report_add_run, "", 0 },
	{ "model", "model", report_add_model, "null", 0 },
	{ "settings", "settings", report_add_settings, "[]", 0 },
	{ "edits", "edits", report_add_edits, "[]", 0 },
	{ "events", "events", report_add_events, "[]", 0 },
	{ "points", "points", report_add_points, "[]", 1 },
	{ "modules", "modules", report_add_modules, "[]", 0 },
	{ "tokens", "tokens", report_add_tokens, "[]", 0 },
	{ "merges", "merges", report_add_merges, "[]", 1 },
	{ "candidates", "candidates", report_add_candidates, "{}", 2 },
	{ "sampler", "sampler", report_add_sampler, "{}", 1 },
	{ "passes", "passes", report_add_passes, "[]", 0 },
	{ "ops", "program", report_add_ops, "null", 0 },
	{ "values", "values", report_add_values, "{}", 4 },
	{ "shapes", "values", report_add_shapes, "[]", 0 },
	{ "spans", "time", report_add_spans, "{}", 3 },
	{ "residual", "residual", report_add_residual, "null", 2 },
	{ "lens", "lens", report_add_lens, "null", 60 },
	{ "pieces", "lens", report_add_pieces, "{}", 0 },
	{ "attention", "attention", report_add_attention, "null", 15 },
	{ "attribution", "the answer", report_add_attribution, "null", 5 },
	{ "bad", "values", report_add_bad, "null", 0 },
	{ "graph", "graph", report_add_graph, "null", 15 },
};
#define N_PARTS (int)(sizeof(parts) / sizeof(parts[0]))

/* What is wrong with the recording itself is said on the page; what is wrong around it ends it. */
static bool is_of_recording(int code)
{
	return code == ERR_FORMAT || code == ERR_USAGE || code == ERR_SHAPE;
}

static int add_part(struct report_writer *w, const struct part *p, struct err *err)
{
	struct err why = { 0 };
	size_t begin;
	int r;

	w->part = p->title;
	report_progress(w, 0);
	if (p->key)
		json_add_key(w->out, p->key);
	begin = w->out->len;
	r = p->add(w, &why);
	if (report_interrupted(w, err))
		return err->code;
	if (!r && w->out->len - begin > REPORT_PART)
		r = err_set(&why, ERR_FORMAT, "too much for a page");
	if (!r && w->out->len > begin)
		return 0;
	if (r && !is_of_recording(r)) {
		*err = why;
		return r;
	}
	w->out->len = begin;
	text_adds(w->out, p->empty);
	if (r)
		report_leave_out(w, "%s: %s", p->title, why.message);
	return 0;
}

static int add_parts(struct report_writer *w, double from, double to, struct err *err)
{
	double done = 0, all = 0;
	int r = 0;

	for (int i = 0; i < N_PARTS; i++)
		all += parts[i].work;
	for (int i = 0; i < N_PARTS && !r; i++) {
		w->part_from = from + (to - from) * done / all;
		done += parts[i].work;
		w->part_to = from + (to - from) * done / all;
		r = add_part(w, &parts[i], err);
	}
	return r;
}

/* ---- a recording --------------------------------------------------------------------------- */

static int open_outline(struct report_writer *w, struct err *err)
{
	struct err why = { 0 };
	int r = recording_find_run(w->of->rec, w->name, w->run, &w->found, &why);

	if (!r)
		r = recording_outline(w->name, &w->found, &w->outline, &why);
	w->has_outline = !r;
	if (!r)
		return 0;
	memcpy(w->no_outline, why.message, sizeof(w->no_outline));
	if (is_of_recording(r))
		return 0;
	*err = why;
	return r;
}

static void release(struct report_writer *w)
{
	for (size_t i = 0; i < w->n_points; i++)
		free(w->points[i].fqn);
	for (size_t i = 0; i < w->n_shapes; i++)
		text_release(&w->shapes[i]);
	if (w->has_outline)
		model_close(&w->outline);
	free(w->found.config);
	free(w->points);
	free(w->point_places);
	free(w->point_names);
	free(w->module_places);
	free(w->shapes);
	free(w->pieces);
	free(w->tokens);
	text_release(&w->piece_list);
	text_release(&w->left_out);
}

static int add_recording(struct report_writer *w, double from, double to, struct err *err)
{
	int r = report_read_run(w, err);

	if (!r)
		r = open_outline(w, err);
	if (r)
		return r;
	json_add_key(w->out, NULL);
	text_addc(w->out, '{');
	r = add_parts(w, from, to, err);
	if (w->n_cut)
		report_leave_out(w, "%d texts are longer than what is here of them", w->n_cut);
	json_add_key(w->out, "left_out");
	text_addc(w->out, '[');
	text_add(w->out, w->left_out.data ? w->left_out.data : "", w->left_out.len);
	text_adds(w->out, "]}");
	return r;
}

static int add_difference(struct report_writer *w, struct err *err)
{
	static const struct part part = { "difference", "difference", NULL, "null", 0 };
	struct text *json = w[1].out;
	struct err why = { 0 };
	size_t begin;
	int r;

	w[1].part = part.title;
	report_progress(&w[1], 1);
	json_add_key(json, part.key);
	begin = json->len;
	r = report_add_difference(&w[0], &w[1], &why);
	if (report_interrupted(&w[1], err))
		return err->code;
	if (!r)
		return 0;
	if (!is_of_recording(r)) {
		*err = why;
		return r;
	}
	json->len = begin;
	text_adds(json, "null");
	json_add_string(json, "difference_missing", why.message);
	return 0;
}

/* ---- the document -------------------------------------------------------------------------- */

/*
 * Nothing of a document can end the element of the page that it stands in: what is markup in HTML
 * is in no number or key, and a string may have it as an escape.
 */
static void shut(struct text *json, size_t from)
{
	struct text out = { 0 };

	for (size_t i = from; i < json->len; i++) {
		char c = json->data[i];

		if (c == '<' || c == '>' || c == '&')
			text_addf(&out, "\\u%04x", (unsigned)c);
		else
			text_addc(&out, c);
	}
	json->len = from;
	text_add(json, out.data ? out.data : "", out.len);
	text_release(&out);
}

int report_add_data(struct text *json, const struct report_recording *recordings, int n,
		    const struct report_options *o, struct report_missing *missing, struct err *err)
{
	struct report_writer w[2] = { 0 };
	size_t from = json->len;
	int r = 0;

	assert(n == 1 || n == 2);
	*missing = (struct report_missing){ .is_captured = true };
	text_adds(json, "{\"format\":1");
	json_add_string(json, "program", o->program);
	json_add_key(json, "recordings");
	text_addc(json, '[');
	for (int i = 0; i < n && !r; i++) {
		const char *slash = strrchr(recordings[i].path, '/');

		w[i] = (struct report_writer){ .out = json,
					       .of = &recordings[i],
					       .o = o,
					       .name = slash ? slash + 1 : recordings[i].path,
					       .is_captured = true };
		r = add_recording(&w[i], (double)i / n, (double)(i + 1) / n, err);
		missing->n_left_out += w[i].n_left_out;
		missing->is_captured = missing->is_captured && w[i].is_captured;
		missing->needs_model = missing->needs_model || w[i].needs_model;
		memcpy(missing->graph, w[i].no_graph, sizeof(missing->graph));
	}
	text_addc(json, ']');
	if (!r && n == 2)
		r = add_difference(w, err);
	text_adds(json, "}\n");
	if (!r)
		shut(json, from);
	for (int i = 0; i < n; i++)
		release(&w[i]);
	return r;
}
