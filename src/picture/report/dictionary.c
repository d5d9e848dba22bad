/*
 * dictionary.c -- points, modules, shapes and pieces: what the rest of a document calls by a
 * number.
 */
#include "report_impl.h"

/* ---- places -------------------------------------------------------------------------------- */

static int compare_ids(const void *a, const void *b)
{
	int64_t x = ((const struct report_place *)a)->id, y = ((const struct report_place *)b)->id;

	return x < y ? -1 : x > y;
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(((const struct report_place *)a)->name,
		      ((const struct report_place *)b)->name);
}

static int place_of(const struct report_place *places, size_t n, const struct cell *id)
{
	const struct report_place key = { .id = id->i };
	const struct report_place *found =
		id->type == CELL_INT && n ? bsearch(&key, places, n, sizeof(key), compare_ids)
					  : NULL;

	return found ? found->index : -1;
}

/* ---- points -------------------------------------------------------------------------------- */

static int take_point(void *ctx, const struct rows *rows, const struct cell *cells)
{
	struct report_writer *w = ctx;
	const struct cell *fqn = &cells[1];

	(void)rows;
	if (!cell_in(&cells[0], 0, INT64_MAX) || fqn->type != CELL_TEXT || fqn->s.len > 512)
		return 0;
	if (w->n_points == REPORT_POINTS)
		return 1;
	w->points = mem_grow(w->points, w->n_points, &w->cap_points, sizeof(*w->points));
	w->points[w->n_points++] = (struct report_point){
		.id = cells[0].i,
		.fqn = mem_memdup(fqn->s.data, fqn->s.len),
		.layer = cell_in(&cells[3], 0, REPORT_POINTS) ? (int)cells[3].i : -1,
		.is_stream = cell_is(&cells[4], "embed") || cell_is(&cells[4], "resid_post"),
	};
	report_add_object(w, "fqn:s short:s layer:i role:s axes:s doc:s", fqn);
	return 0;
}

static void sort_points(struct report_writer *w)
{
	w->point_places = mem_calloc(w->n_points + 1, sizeof(*w->point_places));
	w->point_names = mem_calloc(w->n_points + 1, sizeof(*w->point_names));
	for (size_t i = 0; i < w->n_points; i++) {
		w->point_places[i] =
			(struct report_place){ .id = w->points[i].id, .index = (int)i };
		w->point_names[i] =
			(struct report_place){ .name = w->points[i].fqn, .index = (int)i };
	}
	qsort(w->point_places, w->n_points, sizeof(*w->point_places), compare_ids);
	qsort(w->point_names, w->n_points, sizeof(*w->point_names), compare_names);
}

int report_add_points(struct report_writer *w, struct err *err)
{
	int r;

	text_addc(w->out, '[');
	/* The least of "0004L3.q", "0017model.layers.3:q": length, then the alphabet. */
	r = report_ask(w,
		       "SELECT p.id, p.fqn, coalesce(substr(a.short, 5), p.fqn), p.layer, p.role, "
		       "p.axes, p.doc FROM point p JOIN module m ON m.id = p.module_id LEFT JOIN "
		       "(SELECT point_id, min(substr(10000 + length(alias), 2) || alias) short "
		       "FROM point_alias GROUP BY point_id) a ON a.point_id = p.id "
		       "WHERE m.model_id = (SELECT model_id FROM run WHERE id = %lld) "
		       "ORDER BY p.ord, p.id",
		       take_point, w, err);
	text_addc(w->out, ']');
	sort_points(w);
	if (!r && w->n_points == REPORT_POINTS)
		report_leave_out(w, "only the first %d points are here", REPORT_POINTS);
	return r;
}

int report_point_at(const struct report_writer *w, const struct cell *id)
{
	return place_of(w->point_places, w->n_points, id);
}

int report_point_named(const struct report_writer *w, const char *fqn)
{
	const struct report_place key = { .name = fqn };
	const struct report_place *found =
		w->n_points ? bsearch(&key, w->point_names, w->n_points, sizeof(key), compare_names)
			    : NULL;

	return found ? found->index : -1;
}

/* ---- modules ------------------------------------------------------------------------------- */

static int take_module(void *ctx, const struct rows *rows, const struct cell *cells)
{
	struct report_writer *w = ctx;

	(void)rows;
	if (cells[0].type != CELL_INT)
		return 0;
	if (w->n_modules == REPORT_POINTS)
		return 1;
	w->module_places = mem_grow(w->module_places, w->n_modules, &w->cap_modules,
				    sizeof(*w->module_places));
	w->module_places[w->n_modules] =
		(struct report_place){ .id = cells[0].i, .index = (int)w->n_modules };
	w->n_modules++;
	json_add_key(w->out, NULL);
	text_addc(w->out, '[');
	report_add_cell(w, NULL, 's', &cells[1]);
	report_add_cell(w, NULL, 's', &cells[2]);
	report_add_cell(w, NULL, 'i', &cells[3]);
	text_addc(w->out, ']');
	return 0;
}

int report_add_modules(struct report_writer *w, struct err *err)
{
	int r;

	text_addc(w->out, '[');
	r = report_ask(w,
		       "SELECT id, path, type, layer FROM module WHERE model_id = "
		       "(SELECT model_id FROM run WHERE id = %lld) ORDER BY ord, id",
		       take_module, w, err);
	text_addc(w->out, ']');
	if (w->n_modules)
		qsort(w->module_places, w->n_modules, sizeof(*w->module_places), compare_ids);
	return r;
}

int report_module_at(const struct report_writer *w, const struct cell *id)
{
	return place_of(w->module_places, w->n_modules, id);
}

/* ---- shapes -------------------------------------------------------------------------------- */

/* The latest are the likeliest: a pass repeats those of the pass before it. */
int report_shape(struct report_writer *w, const struct text *shape)
{
	for (size_t i = w->n_shapes; i-- > 0;)
		if (w->shapes[i].len == shape->len &&
		    !memcmp(w->shapes[i].data, shape->data, shape->len))
			return (int)i;
	if (w->n_shapes == REPORT_SHAPES)
		return -1;
	w->shapes = mem_grow(w->shapes, w->n_shapes, &w->cap_shapes, sizeof(*w->shapes));
	w->shapes[w->n_shapes] = (struct text){ 0 };
	text_add(&w->shapes[w->n_shapes], shape->data, shape->len);
	return (int)w->n_shapes++;
}

int report_add_shapes(struct report_writer *w, struct err *err)
{
	(void)err;
	text_addc(w->out, '[');
	for (size_t i = 0; i < w->n_shapes; i++)
		json_add_string(w->out, NULL, w->shapes[i].data);
	text_addc(w->out, ']');
	return 0;
}

/* ---- pieces -------------------------------------------------------------------------------- */

/* Where the id is, or belongs. */
static size_t find_piece(const struct report_writer *w, int64_t id)
{
	size_t low = 0, high = w->n_pieces;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (w->pieces[middle].id < id)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

void report_know_piece(struct report_writer *w, int64_t id, const struct cell *piece)
{
	struct text *out = w->out;
	size_t at = find_piece(w, id);
	char key[32];

	if (w->is_redacted || (piece->type != CELL_TEXT && piece->type != CELL_BLOB) ||
	    (at < w->n_pieces && w->pieces[at].id == id) || w->n_pieces == REPORT_CANDIDATES)
		return;
	w->pieces = mem_grow(w->pieces, w->n_pieces, &w->cap_pieces, sizeof(*w->pieces));
	memmove(w->pieces + at + 1, w->pieces + at, (w->n_pieces - at) * sizeof(*w->pieces));
	w->pieces[at] = (struct report_place){ .id = id };
	w->n_pieces++;
	snprintf(key, sizeof(key), "%lld", (long long)id);
	w->out = &w->piece_list;
	report_add_text(w, key, piece->s.data, piece->s.len, 4096);
	w->out = out;
}
