/*
 * recorded_load.c -- a run of a recording, read and checked.
 *
 * The tables are asked within the limits that hold for somebody's file (recording_ask()).  The
 * program is made of the config that the recording keeps of its model, so that names, ops and lines
 * are those of a live session; points of the recording are then values of that program.
 */
#include "recorded.h"

#include "torchless/outline.h"
#include "torchless/trace.h"

#include <limits.h>
#include <math.h>

#define MAX_POSITION  ((int64_t)1 << 40)
#define SAMPLER_STEPS 16 /* behind a pass, at most */

/* ---- asking -------------------------------------------------------------------------------- */

/* Rows on their way into a run. */
struct loader {
	struct recorded *r;
	struct recorded_run *run;
	int pass; /* where the steps of the sampler have come to */
	struct recording_run found;
	struct value_names *names;
	struct recorded_value *values;
	struct err *err;
};

typedef int row_fn(void *ctx, const struct rows *rows, const struct cell *cells);

static int ask(struct loader *l, row_fn *row, const char *fmt, int64_t n)
{
	struct query q = { .row = row, .ctx = l, .interrupted = l->r->opt.interrupted };
	struct text sql = { 0 };
	int ret;

	text_addf(&sql, fmt, (long long)n);
	ret = recording_ask(l->r->rec, sql.data, &q, l->err);
	text_release(&sql);
	return ret;
}

static int damaged(struct loader *l, const char *what, int64_t n)
{
	return err_set(l->err, ERR_FORMAT, "%s is damaged: %s %lld of run %lld is none",
		       l->r->opt.recording, what, (long long)n, (long long)l->run->id);
}

static bool is_in(const struct cell *c, int64_t min, int64_t max)
{
	return c->type == CELL_INT && c->i >= min && c->i <= max;
}

static char *cell_text(const struct cell *c)
{
	return mem_memdup(c->s.data ? c->s.data : "", c->s.len);
}

static bool cell_is(const struct cell *c, const char *text)
{
	return c->s.len == strlen(text) && !memcmp(c->s.data, text, c->s.len);
}

/* ---- the model ----------------------------------------------------------------------------- */

/* The values of the program by their names. */
struct value_names {
	struct value_name {
		const char *name;
		value_id value;
	} * sorted;
	int n;
};

static int compare_names(const void *a, const void *b)
{
	return strcmp(((const struct value_name *)a)->name, ((const struct value_name *)b)->name);
}

static void names_make(struct value_names *n, const struct program *p)
{
	n->n = p->n_values;
	n->sorted = mem_calloc((size_t)n->n + 1, sizeof(*n->sorted));
	for (int v = 0; v < n->n; v++)
		n->sorted[v] = (struct value_name){ p->values[v].name, v };
	qsort(n->sorted, (size_t)n->n, sizeof(*n->sorted), compare_names);
}

static value_id names_find(const struct value_names *n, const struct cell *name)
{
	char *text = cell_text(name);
	const struct value_name key = { text, 0 };
	const struct value_name *found =
		bsearch(&key, n->sorted, (size_t)n->n, sizeof(*n->sorted), compare_names);

	free(text);
	return found ? found->value : -1;
}

/* A point that the program does not have is none of its values. */
static int take_point(void *ctx, const struct rows *rows, const struct cell *cells)
{
	struct loader *l = ctx;
	struct recorded *r = l->r;
	value_id v;

	(void)rows;
	if (cells[0].type != CELL_INT || cells[1].type != CELL_TEXT)
		return 0;
	v = names_find(l->names, &cells[1]);
	if (v < 0 || !r->model.program.values[v].point)
		return 0;
	r->points = mem_grow(r->points, r->n_points, &r->cap_points, sizeof(*r->points));
	r->points[r->n_points++] = (struct recorded_point){ cells[0].i, v };
	return 0;
}

static int load_points(struct loader *l)
{
	struct value_names names;
	int ret;

	names_make(&names, &l->r->model.program);
	l->names = &names;
	ret = ask(l, take_point,
		  "SELECT p.id, p.fqn FROM point p JOIN module m ON m.id = p.module_id "
		  "WHERE m.model_id = %lld ORDER BY p.id",
		  l->found.model_id);
	free(names.sorted);
	if (ret || l->r->n_points)
		return ret;
	return err_set(l->err, ERR_FORMAT, "%s holds no point of its model, %s",
		       l->r->opt.recording, l->r->model.config->arch);
}

static int load_model(struct loader *l)
{
	struct recorded *r = l->r;
	int ret;

	if (r->has_model)
		return l->found.model_id == r->model_id
			       ? 0
			       : err_set(l->err, ERR_USAGE,
					 "run %lld is of another model: open %s anew for it",
					 (long long)l->run->id, r->opt.recording);
	ret = recording_outline(r->opt.recording, &l->found, &r->model, l->err);
	if (ret)
		return ret;
	r->has_model = true;
	r->model_id = l->found.model_id;
	return load_points(l);
}

/* ---- tokens -------------------------------------------------------------------------------- */

static int take_token(void *ctx, const struct rows *rows, const struct cell *cells)
{
	struct loader *l = ctx;
	struct recorded_run *run = l->run;
	bool is_prompt = cell_is(&cells[2], "prompt") || cell_is(&cells[2], "bos");

	(void)rows;
	if (!is_in(&cells[0], run->n_tokens, run->n_tokens) ||
	    !is_in(&cells[1], 0, l->r->model.config->n_vocab - 1) ||
	    (is_prompt && run->n_prompt < run->n_tokens))
		return damaged(l, "token", run->n_tokens);
	run->ids = mem_grow(run->ids, (size_t)run->n_tokens, &run->cap_ids, sizeof(*run->ids));
	run->ids[run->n_tokens++] = (int32_t)cells[1].i;
	run->n_prompt += is_prompt;
	return 0;
}

static int take_piece(void *ctx, const struct rows *rows, const struct cell *cells)
{
	struct loader *l = ctx;
	struct recorded_run *run = l->run;
	struct recorded_piece *piece;

	(void)rows;
	if (!is_in(&cells[0], 0, INT32_MAX) ||
	    (run->n_pieces && run->pieces[run->n_pieces - 1].id == cells[0].i))
		return 0;
	run->pieces = mem_grow(run->pieces, (size_t)run->n_pieces, &run->cap_pieces,
			       sizeof(*run->pieces));
	piece = &run->pieces[run->n_pieces++];
	*piece = (struct recorded_piece){ .id = (int32_t)cells[0].i };
	text_add(&piece->bytes, cells[1].s.data ? cells[1].s.data : "", cells[1].s.len);
	return 0;
}

static int load_tokens(struct loader *l)
{
	int ret = ask(l, take_token,
		      "SELECT pos, token_id, source FROM token WHERE run_id = %lld ORDER BY pos",
		      l->run->id);

	if (ret)
		return ret;
	return ask(l, take_piece,
		   "WITH r(id) AS (SELECT %lld) SELECT token_id, piece FROM ("
		   "SELECT token_id, piece FROM token, r WHERE run_id = r.id UNION "
		   "SELECT token_id, piece FROM cand, r WHERE run_id = r.id) "
		   "WHERE piece IS NOT NULL ORDER BY token_id",
		   l->run->id);
}

/* ---- passes -------------------------------------------------------------------------------- */

static int take_pass(void *ctx, const struct rows *rows, const struct cell *cells)
{
	struct loader *l = ctx;
	struct recorded_run *run = l->run;
	const struct recorded_pass *last = run->n_passes ? &run->passes[run->n_passes - 1] : NULL;
	int64_t pos0 = last ? last->pos0 + last->T : 0;

	(void)rows;
	if (run->n_passes == INT_MAX || !is_in(&cells[0], run->n_passes, run->n_passes) ||
	    !is_in(&cells[1], 1, INT64_MAX) || !is_in(&cells[3], pos0, pos0) ||
	    !is_in(&cells[4], 1, run->n_tokens - pos0) || pos0 > MAX_POSITION)
		return damaged(l, "pass", run->n_passes);
	run->passes = mem_grow(run->passes, (size_t)run->n_passes, &run->cap_passes,
			       sizeof(*run->passes));
	run->passes[run->n_passes++] =
		(struct recorded_pass){ .id = cells[1].i,
					.pos0 = pos0,
					.T = cells[4].i,
					.is_prefill = cell_is(&cells[2], "prefill"),
					.has_ended = cells[5].type != CELL_NULL };
	return 0;
}

static double real_of(const struct cell *c)
{
	return c->type == CELL_REAL ? c->d : c->type == CELL_INT ? (double)c->i : NAN;
}

static int64_t count_of(const struct cell *c)
{
	return is_in(c, 0, INT64_MAX) ? c->i : 0;
}

static int compare_points(const void *a, const void *b)
{
	int64_t x = ((const struct recorded_point *)a)->id,
		y = ((const struct recorded_point *)b)->id;

	return x < y ? -1 : x > y;
}

static int take_value(void *ctx, const struct rows *rows, const struct cell *cells)
{
	struct loader *l = ctx;
	const struct recorded *r = l->r;
	const struct recorded_point key = { .id = cells[1].type == CELL_INT ? cells[1].i : -1 };
	const struct recorded_point *point =
		bsearch(&key, r->points, r->n_points, sizeof(key), compare_points);
	const struct cell *s = &cells[3];

	(void)rows;
	if (!point || !is_in(&cells[0], 1, INT64_MAX))
		return 0;
	l->values[point->value] = (struct recorded_value){
		.id = cells[0].i,
		.has_dump = cells[2].type == CELL_INT,
		.stats = { .min = real_of(&s[0]),
			   .max = real_of(&s[1]),
			   .mean = real_of(&s[2]),
			   .std = real_of(&s[3]),
			   .l2 = real_of(&s[4]),
			   .absmax = real_of(&s[5]),
			   .absmax_at = s[6].type == CELL_INT ? s[6].i : -1,
			   .numel = count_of(&s[7]),
			   .n_nan = count_of(&s[8]),
			   .n_pinf = count_of(&s[9]),
			   .n_ninf = count_of(&s[10]),
			   .n_zero = count_of(&s[11]),
			   .n_sub = count_of(&s[12]) },
	};
	return 0;
}

/* What the pass with this row has, [n_values]; to be freed. */
static struct recorded_value *read_values(struct recorded *r, int64_t pass_id, struct err *err)
{
	struct loader l = { .r = r, .err = err };

	l.values = mem_calloc((size_t)r->model.program.n_values + 1, sizeof(*l.values));
	if (!ask(&l, take_value,
		 "SELECT id, point_id, tensor_id, vmin, vmax, mean, std, l2, absmax, absmax_at, "
		 "numel, n_nan, n_pinf, n_ninf, n_zero, n_sub FROM value WHERE pass_id = %lld",
		 pass_id))
		return l.values;
	free(l.values);
	return NULL;
}

int recorded_load_values(struct recorded *r, int pass, struct err *err)
{
	struct recorded_value *values;

	if (r->values_pass == pass)
		return 0;
	values = read_values(r, r->run.passes[pass].id, err);
	if (!values)
		return err->code;
	free(r->values);
	r->values = values;
	r->values_pass = pass;
	return 0;
}

/* Where the last pass broke off: behind the last op that has a value. */
static int find_end(struct loader *l)
{
	struct recorded_run *run = l->run;
	const struct program *p = &l->r->model.program;
	const struct recorded_pass *last = &run->passes[run->n_passes - 1];
	struct recorded_value *values;

	run->n_last = p->n_ops;
	if (run->is_whole || last->has_ended)
		return 0;
	values = read_values(l->r, last->id, l->err);
	if (!values)
		return l->err->code;
	run->n_last = 0;
	for (int v = 0; v < p->n_values; v++)
		if (values[v].id && p->values[v].op >= run->n_last)
			run->n_last = p->values[v].op + 1;
	free(values);
	return 0;
}

static int load_passes(struct loader *l)
{
	int ret = ask(l, take_pass,
		      "SELECT idx, id, phase, pos0, n_tok, dur FROM pass WHERE run_id = %lld "
		      "AND idx IS NOT NULL ORDER BY idx",
		      l->run->id);

	if (ret || l->run->n_passes)
		return ret ? ret : find_end(l);
	return err_set(l->err, ERR_USAGE, "run %lld of %s has no pass: there is nothing to stop in",
		       (long long)l->run->id, l->r->opt.recording);
}

/* ---- stages -------------------------------------------------------------------------------- */

static void add_step(struct recorded_steps *s, const struct stage_step *step)
{
	s->steps = mem_grow(s->steps, (size_t)s->n, &s->cap, sizeof(*s->steps));
	s->steps[s->n++] = *step;
}

static struct bytes copy_bytes(const struct cell *c)
{
	if (c->type == CELL_NULL)
		return (struct bytes){ NULL, 0 };
	return (struct bytes){ cell_text(c), c->s.len };
}

static int take_tokenizer_step(void *ctx, const struct rows *rows, const struct cell *cells)
{
	struct loader *l = ctx;

	(void)rows;
	if (l->run->tokenizer.n == INT_MAX)
		return 0;
	add_step(&l->run->tokenizer, &(struct stage_step){
					     .stage = STAGE_TOKENIZER,
					     .rule = cell_text(&cells[0]),
					     .left = copy_bytes(&cells[1]),
					     .right = copy_bytes(&cells[2]),
					     .merged = copy_bytes(&cells[3]),
					     .rank = cells[4].type == CELL_INT ? cells[4].i : -1,
					     .at_byte = cells[5].type == CELL_INT ? cells[5].i : -1,
					     .token_id = -1,
				     });
	return 0;
}

/* Steps come in the order of the passes whose last position they picked from. */
static int take_sampler_step(void *ctx, const struct rows *rows, const struct cell *cells)
{
	struct loader *l = ctx;
	struct recorded_run *run = l->run;
	int64_t n_vocab = l->r->model.config->n_vocab;
	struct recorded_pass *pass;

	(void)rows;
	while (l->pass < run->n_passes && cells[1].type == CELL_INT &&
	       run->passes[l->pass].pos0 + run->passes[l->pass].T - 1 < cells[1].i)
		l->pass++;
	pass = l->pass < run->n_passes ? &run->passes[l->pass] : NULL;
	if (!pass || !is_in(&cells[1], pass->pos0 + pass->T - 1, INT64_MAX) ||
	    pass->sampler.n == SAMPLER_STEPS)
		return 0;
	add_step(&pass->sampler,
		 &(struct stage_step){
			 .stage = STAGE_SAMPLER,
			 .rule = cell_text(&cells[0]),
			 .rank = cells[2].type == CELL_INT ? cells[2].i : -1,
			 .at_byte = -1,
			 .token_id = is_in(&cells[3], 0, n_vocab - 1) ? cells[3].i : -1,
		 });
	return 0;
}

/* Whoever recorded no steps recorded the token all the same. */
static void add_missing_picks(struct recorded_run *run)
{
	for (int i = 0; i < run->n_passes; i++) {
		struct recorded_pass *pass = &run->passes[i];
		int64_t pos = pass->pos0 + pass->T;

		if (pass->sampler.n || pos < run->n_prompt || pos >= run->n_tokens)
			continue;
		add_step(&pass->sampler, &(struct stage_step){ .stage = STAGE_SAMPLER,
							       .rule = mem_strdup("pick"),
							       .rank = -1,
							       .at_byte = -1,
							       .token_id = run->ids[pos] });
	}
}

static int load_stages(struct loader *l)
{
	int ret = ask(l, take_tokenizer_step,
		      "SELECT rule, left_piece, right_piece, merged, rank, at_byte FROM tok_step "
		      "WHERE run_id = %lld ORDER BY seq",
		      l->run->id);

	if (!ret)
		ret = ask(l, take_sampler_step,
			  "SELECT json_extract(data, '$.rule'), json_extract(data, '$.pos'), "
			  "json_extract(data, '$.rank'), json_extract(data, '$.token_id') "
			  "FROM event WHERE run_id = %lld AND kind = 'sampler' ORDER BY id",
			  l->run->id);
	if (!ret)
		add_missing_picks(l->run);
	return ret;
}

/* ---- a run --------------------------------------------------------------------------------- */

static void release_steps(struct recorded_steps *s)
{
	for (int i = 0; i < s->n; i++) {
		free((char *)s->steps[i].rule);
		free((char *)s->steps[i].left.data);
		free((char *)s->steps[i].right.data);
		free((char *)s->steps[i].merged.data);
	}
	free(s->steps);
}

void recorded_run_release(struct recorded_run *run)
{
	for (int i = 0; i < run->n_passes; i++)
		release_steps(&run->passes[i].sampler);
	for (int i = 0; i < run->n_pieces; i++)
		text_release(&run->pieces[i].bytes);
	release_steps(&run->tokenizer);
	free(run->passes);
	free(run->pieces);
	free(run->ids);
	*run = (struct recorded_run){ 0 };
}

int recorded_load(struct recorded *r, int64_t run, struct err *err)
{
	struct recorded_run loaded = { 0 };
	struct loader l = { .r = r, .run = &loaded, .err = err };
	int ret = recording_find_run(r->rec, r->opt.recording, run, &l.found, err);

	loaded.id = l.found.id;
	loaded.is_whole = l.found.is_whole;
	if (!ret)
		ret = load_model(&l);
	if (!ret)
		ret = load_tokens(&l);
	if (!ret)
		ret = load_passes(&l);
	if (!ret)
		ret = load_stages(&l);
	free(l.found.config);
	if (ret) {
		recorded_run_release(&loaded);
		return ret;
	}
	recorded_run_release(&r->run);
	r->run = loaded;
	r->values_pass = -1;
	return 0;
}
