/*
 * stream.c -- the residual stream: how it grows, and what the lens reads in it.
 */
#include "report_impl.h"

#include <math.h>

/* ---- growth -------------------------------------------------------------------------------- */

/* The lengths of one point at every position, on their way into a row. */
struct growth {
	struct report_writer *w;
	struct text points;
	int point;             /* -1: none yet */
	int64_t n_pos, n_left; /* numbers that a page may have */
	double *l2;
};

#define GROWTH_NUMBERS 500000

static void write_growth(struct growth *g)
{
	if (g->point < 0)
		return;
	json_add_string(&g->points, NULL, g->w->points[g->point].fqn);
	json_add_key(g->w->out, NULL);
	text_addc(g->w->out, '[');
	for (int64_t i = 0; i < g->n_pos; i++)
		json_add_real(g->w->out, NULL, g->l2[i]);
	text_addc(g->w->out, ']');
}

static void begin_growth(struct growth *g, int point)
{
	write_growth(g);
	g->point = point;
	for (int64_t i = 0; i < g->n_pos; i++)
		g->l2[i] = NAN;
}

/* pos_stats: f32[n][4], l2 first, of the last n positions of the pass. */
static int take_growth(void *ctx, const struct rows *rows, const struct cell *cells)
{
	struct growth *g = ctx;
	int point = report_point_at(g->w, &cells[0]);
	const struct bytes *b = &cells[3].s;
	int64_t end, first, n = (int64_t)(b->len / 16);

	(void)rows;
	if (point < 0 || cells[3].type != CELL_BLOB || cells[1].type != CELL_INT ||
	    cells[2].type != CELL_INT || !mem_add(cells[1].i, cells[2].i, &end))
		return 0;
	if (point != g->point) {
		g->n_left -= g->n_pos;
		if (g->n_left < 0)
			return 1;
		begin_growth(g, point);
	}
	first = end - n;
	for (int64_t i = 0; i < n; i++) {
		float l2;

		if (first + i < 0 || first + i >= g->n_pos)
			continue;
		memcpy(&l2, b->data + 16 * i, sizeof(l2));
		g->l2[first + i] = (double)l2;
	}
	return 0;
}

int report_add_residual(struct report_writer *w, struct err *err)
{
	struct growth g = { .w = w,
			    .point = -1,
			    .n_pos = int64_min(w->n_pos, REPORT_TOKENS),
			    .n_left = GROWTH_NUMBERS };
	int r;

	g.l2 = mem_calloc((size_t)g.n_pos + 1, sizeof(*g.l2));
	text_adds(w->out, "{\"l2\":[");
	r = report_ask(w,
		       "SELECT pt.id, p.pos0, p.n_tok, v.pos_stats FROM run r JOIN module m "
		       "ON m.model_id = r.model_id JOIN point pt ON pt.module_id = m.id "
		       "CROSS JOIN pass p ON p.run_id = r.id JOIN value v ON v.pass_id = p.id "
		       "AND v.point_id = pt.id WHERE r.id = %lld AND p.idx IS NOT NULL "
		       "AND pt.role IN ('embed', 'resid_post') ORDER BY pt.ord, pt.id, v.id",
		       take_growth, &g, err);
	write_growth(&g);
	text_adds(w->out, "],\"points\":[");
	text_add(w->out, g.points.data ? g.points.data : "", g.points.len);
	text_adds(w->out, "]}");
	if (!r && g.n_left < 0)
		report_leave_out(w, "the residual stream is here of the first layers only");
	if (!r && w->n_pos > g.n_pos)
		report_leave_out(w, "the residual stream is here up to position %lld",
				 (long long)g.n_pos - 1);
	free(g.l2);
	text_release(&g.points);
	return r;
}

/* ---- the lens ------------------------------------------------------------------------------ */

#define LENS_TOP   3
#define LENS_WORK  1e12 /* multiplications: some minutes of two cores at most */
#define LENS_CELLS 200000
#define NOT_THERE  "was not recorded" /* as lens() says of a position */

struct lens_cell {
	int64_t id[LENS_TOP], rank;
	double logprob[LENS_TOP], of_token;
	int n;
	bool has_token;
};

struct lens {
	struct report_writer *w;
	int *points; /* of layer i - 1: the embedding first; -1: none */
	int64_t n_layers, first, n_pos, n_asked, n_known;
	struct lens_cell *cells; /* [n_layers][n_pos] */
	int64_t pos;
	char why[sizeof(((struct err *)0)->message)]; /* the first position that is not there */
};

static struct lens_cell *cell_at(struct lens *l, const struct cell *layer)
{
	if (!cell_in(layer, -1, l->n_layers - 2))
		return NULL;
	return &l->cells[(layer->i + 1) * l->n_pos + l->pos - l->first];
}

static int take_top(void *ctx, const struct rows *rows, const struct cell *cells)
{
	struct lens *l = ctx;
	struct lens_cell *c = cell_at(l, &cells[0]);

	(void)rows;
	if (!c || c->n == LENS_TOP || cells[1].type != CELL_INT)
		return 0;
	c->id[c->n] = cells[1].i;
	c->logprob[c->n++] = cell_real(&cells[2]);
	report_know_piece(l->w, cells[1].i, &cells[3]);
	return 0;
}

static int take_rank(void *ctx, const struct rows *rows, const struct cell *cells)
{
	struct lens *l = ctx;
	struct lens_cell *c = cell_at(l, &cells[0]);

	(void)rows;
	if (!c || cells[1].type != CELL_INT)
		return 0;
	c->has_token = true;
	c->rank = cells[1].i;
	c->of_token = cell_real(&cells[2]);
	return 0;
}

/* The token behind position pos, -1 where there is none. */
static int64_t token_behind(const struct report_writer *w, int64_t pos)
{
	for (size_t i = 0; i < w->n_tokens; i++)
		if (w->tokens[i].pos == pos + 1)
			return w->tokens[i].id;
	return -1;
}

/* Every layer of one position, which go through the head together. */
static int ask_lens(struct lens *l, struct err *err)
{
	int64_t token = token_behind(l->w, l->pos);
	struct text sql = { 0 };
	int r;

	text_addf(&sql,
		  "SELECT layer, token_id, logprob, %s FROM lens(%%lld, %lld) WHERE rank < %d",
		  l->w->is_redacted ? "NULL" : "piece", (long long)l->pos, LENS_TOP);
	r = report_compute(l->w, sql.data, take_top, l, err);
	text_clear(&sql);
	text_addf(&sql, "SELECT layer, rank, logprob FROM lens(%%lld, %lld) WHERE token_id = %lld",
		  (long long)l->pos, (long long)token);
	if (!r && token >= 0)
		r = report_compute(l->w, sql.data, take_rank, l, err);
	text_release(&sql);
	return r;
}

/* Positions that were not recorded are none of it; anything else ends it. */
static int read_lens(struct lens *l, struct err *err)
{
	for (l->pos = l->first; l->pos < l->first + l->n_pos; l->pos++) {
		struct err why = { 0 };
		int r = ask_lens(l, &why);

		if (report_interrupted(l->w, err))
			return err->code;
		if (r && (r != ERR_USAGE || !strstr(why.message, NOT_THERE))) {
			*err = why;
			return r;
		}
		if (r && !*l->why)
			memcpy(l->why, why.message, sizeof(l->why));
		l->n_known += !r;
		l->n_asked++;
		report_progress(l->w, (double)l->n_asked / (double)l->n_pos);
	}
	return 0;
}

static void write_cell(struct text *out, const struct lens_cell *c)
{
	json_add_key(out, NULL);
	if (!c->n) {
		text_adds(out, "null");
		return;
	}
	text_adds(out, "{\"top\":[");
	for (int i = 0; i < c->n; i++) {
		json_add_key(out, NULL);
		text_addf(out, "[%lld", (long long)c->id[i]);
		json_add_real(out, NULL, c->logprob[i]);
		text_addc(out, ']');
	}
	text_addc(out, ']');
	if (c->has_token) {
		json_add_int(out, "rank", c->rank);
		json_add_real(out, "logprob", c->of_token);
	}
	text_addc(out, '}');
}

static bool has_layer(const struct lens *l, int64_t layer)
{
	for (int64_t i = 0; i < l->n_pos; i++)
		if (l->cells[layer * l->n_pos + i].n)
			return true;
	return false;
}

static void write_lens(struct lens *l)
{
	struct text *out = l->w->out;

	json_add_key(out, "points");
	text_addc(out, '[');
	for (int64_t i = 0; i < l->n_layers; i++)
		if (has_layer(l, i) && l->points[i] >= 0)
			json_add_string(out, NULL, l->w->points[l->points[i]].fqn);
	text_adds(out, "],\"cells\":[");
	for (int64_t i = 0; i < l->n_layers; i++) {
		if (!has_layer(l, i) || l->points[i] < 0)
			continue;
		json_add_key(out, NULL);
		text_addc(out, '[');
		for (int64_t pos = 0; pos < l->n_pos; pos++)
			write_cell(out, &l->cells[i * l->n_pos + pos]);
		text_addc(out, ']');
	}
	text_addc(out, ']');
}

/* As many of the last positions as can be computed in some time. */
static void choose_positions(struct lens *l)
{
	const struct report_writer *w = l->w;
	double each = (double)(l->n_layers * w->n_vocab) * (double)w->d_model;
	double most = fmin(each > 0 ? LENS_WORK / each : LENS_CELLS,
			   (double)LENS_CELLS / (double)l->n_layers);

	l->n_pos = int64_min(w->n_pos, int64_max((int64_t)most, 16));
	l->first = w->n_pos - l->n_pos;
	if (l->first)
		report_leave_out(l->w, "the lens is here from position %lld on",
				 (long long)l->first);
}

static void find_streams(struct lens *l)
{
	l->points = mem_calloc((size_t)l->n_layers, sizeof(*l->points));
	memset(l->points, 0xff, (size_t)l->n_layers * sizeof(*l->points));
	for (size_t i = 0; i < l->w->n_points; i++) {
		const struct report_point *p = &l->w->points[i];

		if (p->is_stream && p->layer + 1 < l->n_layers && l->points[p->layer + 1] < 0)
			l->points[p->layer + 1] = (int)i;
	}
}

static void say_missing(struct lens *l, int r, const struct err *why)
{
	struct text *out = l->w->out;
	char sentence[160];

	snprintf(sentence, sizeof(sentence),
		 "the residual stream was kept at %lld of %lld positions: record with --capture "
		 "report for the others",
		 (long long)l->n_known, (long long)l->n_asked);
	if (r)
		json_add_string(out, "missing", why->message);
	else if (!l->n_known)
		json_add_string(out, "missing", *l->why ? l->why : "no position was read");
	else
		json_add_string(out, "missing", *l->why ? sentence : NULL);
	l->w->needs_model = l->w->needs_model || r;
	l->w->is_captured = l->w->is_captured && !*l->why;
}

int report_add_lens(struct report_writer *w, struct err *err)
{
	struct lens l = { .w = w, .n_layers = w->n_layers + 1 };
	struct err why = { 0 };
	int r;

	choose_positions(&l);
	find_streams(&l);
	l.cells = mem_calloc((size_t)(l.n_layers * l.n_pos) + 1, sizeof(*l.cells));
	r = read_lens(&l, &why);
	if (r == ERR_INTERRUPTED || r == ERR_MEMORY || r == ERR_IO) {
		*err = why;
	} else {
		text_addf(w->out, "{\"k\":%d,\"first\":%lld", LENS_TOP, (long long)l.first);
		write_lens(&l);
		say_missing(&l, r, &why);
		text_addc(w->out, '}');
		r = 0;
	}
	free(l.points);
	free(l.cells);
	return r;
}
