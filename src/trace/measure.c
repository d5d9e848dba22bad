/*
 * measure.c -- one look at one value: statistics, per-position statistics, hash and dump.
 *
 * A value is read in slabs: one for what is kept whole, one a head for the O(T^2) values that are
 * recomputed for whoever reads them.  Within a slab every row is summed by itself, in parallel, and
 * the sums are merged in order, so the numbers do not depend on the number of threads.  The rows
 * are those of one position, so the same sums give the per-position statistics.  Scores and
 * patterns that are not dumped either have attention see them while it computes them, where that
 * can be.
 */
#include "writer.h"

#include "torchless/mem.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Fewer elements than this are summed faster than a thread wakes up. */
#define PARALLEL_MIN ((int64_t)1 << 16)
/* Elements of one item of work. */
#define ITEM_ELEMENTS ((int64_t)1 << 14)

/* How a value is laid out by position. */
struct layout {
	struct tensor t;
	bool lazy;     /* [head, q, k]: a slab a head */
	int pos_axis;  /* 1 for lazy values, else 0 */
	int64_t pos0;  /* absolute position of its first row */
	int64_t n_pos; /* rows of a slab */
	int64_t row;   /* elements of a row */
	int64_t n_slabs;
};

static struct layout layout_of(const struct executor *ex, value_id v)
{
	const struct value *value = &ex->program->values[v];
	struct layout l = { .t = executor_tensor(ex, v), .lazy = value->storage == STORAGE_LAZY };

	l.pos_axis = l.lazy;
	l.n_slabs = l.lazy ? l.t.shape[0] : 1;
	l.n_pos = l.t.n_dims > l.pos_axis ? l.t.shape[l.pos_axis] : 1;
	l.row = tensor_numel(&l.t) / (l.n_slabs * l.n_pos);
	/* The last R rows may be all there is of a pass's T. */
	l.pos0 = executor_pos0(ex, v);
	return l;
}

/* ---- statistics ---------------------------------------------------------------------------- */

struct summing {
	const struct kernels *kernels;
	const float *x;
	int64_t rows, row, rows_per_item, at; /* `at`: flat index of x[0] */
	struct stats_sum *sums;
	XXH3_state_t *hash;
};

static void sum_rows(void *ctx, int64_t item, int worker)
{
	const struct summing *s = ctx;
	int64_t r = (item - 1) * s->rows_per_item, end = r + s->rows_per_item;

	(void)worker;
	/* A hash has one order, so it is an item of its own beside the sums. */
	if (item == 0) {
		hash_update(s->hash, s->x, (size_t)(s->rows * s->row) * sizeof(*s->x));
		return;
	}
	for (; r < end && r < s->rows; r++) {
		stats_sum_init(&s->sums[r]);
		s->kernels->sum(&s->sums[r], s->x + r * s->row, s->row, s->at + r * s->row);
	}
}

static struct stats_sum *room_for(struct stats_sum **sums, size_t *cap, int64_t n)
{
	if ((size_t)n > *cap) {
		*sums = mem_realloc(*sums, (size_t)n, sizeof(**sums));
		*cap = (size_t)n;
	}
	return *sums;
}

/* Hash a slab and sum its rows, and merge them into the total and into their positions. */
static void sum_slab(struct trace_writer *w, const struct executor *ex, const struct layout *l,
		     const float *x, int64_t slab, struct stats_sum *total)
{
	int64_t i, elements = l->n_pos * l->row, per_item = l->row ? ITEM_ELEMENTS / l->row : 1;
	struct summing s = {
		.kernels = ex->opt.kernels,
		.x = x,
		.rows = l->n_pos,
		.row = l->row,
		.rows_per_item = per_item ? per_item : 1,
		.at = slab * elements,
		.hash = w->hash,
	};

	s.sums = room_for(&w->row_sums, &w->cap_row_sums, l->n_pos);
	threads_for(elements < PARALLEL_MIN ? NULL : ex->opt.pool,
		    1 + (s.rows + s.rows_per_item - 1) / s.rows_per_item, sum_rows, &s);
	for (i = 0; i < l->n_pos; i++) {
		stats_sum_merge(total, &s.sums[i]);
		stats_sum_merge(&w->pos_sums[i], &s.sums[i]);
	}
}

/* f32[n_pos][4] = l2, absmax, mean, std; freed with the row. */
static float *pack_positions(const struct stats_sum *sums, int64_t n)
{
	float *packed = mem_calloc((size_t)n, 4 * sizeof(*packed));
	int64_t i;

	for (i = 0; i < n; i++) {
		struct stats s = stats_finish(&sums[i]);

		packed[4 * i] = (float)s.l2;
		packed[4 * i + 1] = (float)s.absmax;
		packed[4 * i + 2] = (float)s.mean;
		packed[4 * i + 3] = (float)s.std;
	}
	return packed;
}

static void set_positions(struct value_row *row, float *packed, int64_t n)
{
	row->positions = packed;
	row->pos_stats.data = (const char *)packed;
	row->pos_stats.len = (size_t)n * 4 * sizeof(*packed);
}

/* ---- reading ------------------------------------------------------------------------------- */

/* Slab `i` of the value: rows of n_pos, contiguous. */
static const float *read_slab(struct trace_writer *w, struct executor *ex, value_id v,
			      const struct layout *l, int64_t i, struct err *err)
{
	int64_t elements = l->n_pos * l->row;

	if (!l->lazy && l->t.data && l->t.dtype == DTYPE_F32)
		return l->t.data;
	if (elements > w->cap_head) {
		free(w->head);
		w->head = mem_try_aligned((size_t)elements * sizeof(*w->head));
		w->cap_head = w->head ? elements : 0;
	}
	if (!w->head) {
		err_set(err, ERR_MEMORY, "%s: one head needs %lld bytes to be recorded",
			ex->program->values[v].name, (long long)elements * (int64_t)sizeof(float));
		return NULL;
	}
	/* Of what is not lazy and not there it says why. */
	return executor_fetch(ex, v, i, l->lazy ? i + 1 : l->t.shape[0], w->head, err) ? NULL
										       : w->head;
}

/* Begin the dump of rows [from, to) of the axis of positions. */
static int begin_dump(struct trace_writer *w, const struct layout *l, enum dtype dtype,
		      int64_t n_rows, struct err *err)
{
	int64_t shape[TENSOR_MAX_DIMS];

	memcpy(shape, l->t.shape, sizeof(shape));
	shape[l->pos_axis] = n_rows;
	return payload_begin(w, dtype, shape, l->t.n_dims, err);
}

struct rows_wanted {
	bool any;
	int64_t from, to;
};

/* What the rule wants of the value, unless the budget ends before it. */
static struct rows_wanted rows_to_dump(struct trace_writer *w, const struct capture *c,
				       const struct layout *l)
{
	struct rows_wanted r = { 0 };
	int64_t bytes;

	r.any = c->dump && capture_rows(c, l->pos0, l->n_pos, &r.from, &r.to);
	if (!r.any || !w->opt.budget)
		return r;
	bytes = (r.to - r.from) * l->row * l->n_slabs * dtype_table[c->dtype].block_bytes;
	if (bytes <= w->opt.budget - w->totals.dump_bytes)
		return r;
	w->cut.n_dumps++;
	w->cut.bytes += bytes;
	r.any = false;
	return r;
}

static int read_value(struct trace_writer *w, struct executor *ex, value_id v,
		      const struct layout *l, const struct rows_wanted *dump,
		      struct stats_sum *total, struct err *err)
{
	int64_t i;

	for (i = 0; i < l->n_slabs; i++) {
		const float *x = read_slab(w, ex, v, l, i, err);

		if (!x)
			return err->code;
		sum_slab(w, ex, l, x, i, total);
		if (dump->any &&
		    payload_add(w, x + dump->from * l->row, (dump->to - dump->from) * l->row, err))
			return err->code;
	}
	return 0;
}

/* ---- one value ----------------------------------------------------------------------------- */

/* For the event of the first bad value: masked scores hold -inf rightly. */
static bool is_inf_expected(const struct value *v)
{
	return !strcmp(v->point->role, "scores") || !strcmp(v->point->role, "scores_masked");
}

static int note_bad(struct trace_writer *w, const struct value *v, const struct value_row *row,
		    struct err *err)
{
	bool nan = row->stats.n_nan > 0;
	bool inf = row->stats.n_pinf + row->stats.n_ninf > 0 && !is_inf_expected(v);

	if ((!nan && !inf) || w->saw_bad)
		return 0;
	w->saw_bad = true;
	return writer_event(w, nan ? "first_nan" : "first_inf", 2, row->id, NULL, err);
}

static struct value_row *append_row(struct trace_writer *w, value_id v, const struct layout *l,
				    int op, int64_t edit_id)
{
	struct value_row *row;
	int i;

	w->values = mem_grow(w->values, w->n_values, &w->cap_values, sizeof(*w->values));
	row = &w->values[w->n_values++];
	*row = (struct value_row){
		.op = op,
		.id = w->next_value++,
		.pass_id = w->pass_id,
		.point_id = w->point_ids[v],
		.dtype = l->t.dtype,
		.numel = tensor_numel(&l->t),
		.tensor_id = -1,
		.dump_from = -1,
		.edit_id = edit_id,
	};
	for (i = 0; i < TENSOR_MAX_DIMS; i++)
		row->d[i] = i < l->t.n_dims ? l->t.shape[i] : -1;
	w->totals.n_values++;
	return row;
}

/* With =hash only the counts, which a look for NaN needs, stand beside the hash. */
static void keep_counts_only(struct stats *s)
{
	s->min = s->max = s->mean = s->std = s->l2 = s->absmax = NAN;
	s->absmax_at = -1;
}

static void begin_reading(struct trace_writer *w, const struct layout *l, struct stats_sum *total)
{
	int64_t i;

	if (!w->hash)
		w->hash = hash_new();
	XXH3_64bits_reset(w->hash);
	stats_sum_init(total);
	room_for(&w->pos_sums, &w->cap_pos_sums, l->n_pos);
	for (i = 0; i < l->n_pos; i++)
		stats_sum_init(&w->pos_sums[i]);
}

/* Whether the last row's dump is of the same rows, in the same type. */
static bool is_dumped_alike(const struct trace_writer *w, const struct capture *theirs,
			    const struct capture *mine, const struct layout *l,
			    const struct rows_wanted *dump)
{
	int64_t from, to;

	return w->values[w->n_values - 1].tensor_id >= 0 && theirs->dtype == mine->dtype &&
	       theirs->whole == mine->whole &&
	       capture_rows(theirs, l->pos0, l->n_pos, &from, &to) && from == dump->from &&
	       to == dump->to;
}

/*
 * Without edits the masked scores are the scores, in which -inf stands for what a query may not see
 * already.  Then the row of the scores, the last one made, serves both, and so does its dump, which
 * would be stored once anyway: a third of the work on O(T^2) values.
 */
static bool is_row_of_scores(const struct trace_writer *w, const struct executor *ex, value_id v,
			     const struct layout *l, const struct rows_wanted *dump)
{
	const struct op *op = &ex->program->ops[ex->program->values[v].op];
	const struct capture *mine = &w->captures[v], *theirs;

	if (op->code != OP_MASK || ex->n_edits || !w->n_values)
		return false;
	theirs = &w->captures[op->in[0]];
	return w->values[w->n_values - 1].point_id == w->point_ids[op->in[0]] &&
	       mine->stats == theirs->stats &&
	       (!dump->any || is_dumped_alike(w, theirs, mine, l, dump));
}

static void copy_last_row(struct trace_writer *w, value_id v, const struct layout *l,
			  bool is_dumped, int op)
{
	struct value_row *row = append_row(w, v, l, op, -1);
	const struct value_row *from = row - 1;

	row->stats = from->stats;
	row->hash = from->hash;
	if (is_dumped) {
		row->tensor_id = from->tensor_id;
		row->dump_from = from->dump_from;
		w->totals.n_dumps++;
	}
	if (from->positions)
		set_positions(row,
			      memcpy(mem_calloc(1, from->pos_stats.len), from->positions,
				     from->pos_stats.len),
			      l->n_pos);
}

/* Read the value once, for its sums and, where rows of it are wanted, for its dump. */
static int read_and_dump(struct trace_writer *w, struct executor *ex, value_id v,
			 const struct layout *l, const struct rows_wanted *dump,
			 struct stats_sum *total, int64_t *tensor_id, struct err *err)
{
	if (dump->any && begin_dump(w, l, w->captures[v].dtype, dump->to - dump->from, err))
		return err->code;
	begin_reading(w, l, total);
	if (!read_value(w, ex, v, l, dump, total, err) &&
	    (!dump->any || !payload_end(w, tensor_id, err)))
		return 0;
	if (dump->any)
		payload_abandon(w);
	return err->code;
}

/* What the sums of a value say, as far as it is asked for. */
static int finish_row(struct trace_writer *w, struct value_row *row, value_id v,
		      const struct stats_sum *total, const struct stats_sum *positions, int64_t n,
		      struct err *err)
{
	row->stats = stats_finish(total);
	if (w->captures[v].stats)
		set_positions(row, pack_positions(positions, n), n);
	else
		keep_counts_only(&row->stats);
	return note_bad(w, &w->program->values[v], row, err);
}

/* ---- what attention sees ------------------------------------------------------------------- */

static void watch_row(struct trace_writer *w, value_id v, const struct layout *l, int op,
		      int64_t edit_id)
{
	append_row(w, v, l, op, edit_id);
	w->watched = mem_grow(w->watched, w->n_watched, &w->cap_watched, sizeof(*w->watched));
	w->watched[w->n_watched++] = (struct watched_row){ w->n_values - 1, v };
}

static int finish_watched(struct trace_writer *w, struct executor *ex, struct watched_row r,
			  struct err *err)
{
	const struct attention_seen *seen = executor_watched(ex, r.value);
	const struct rows_wanted nothing = { 0 };
	struct value_row *row = &w->values[r.row];
	struct layout l = layout_of(ex, r.value);
	struct stats_sum total;

	if (seen) {
		row->hash = (int64_t)seen->hash;
		return finish_row(w, row, r.value, &seen->total, seen->positions, l.n_pos, err);
	}
	begin_reading(w, &l, &total);
	if (read_value(w, ex, r.value, &l, &nothing, &total, err))
		return err->code;
	row->hash = (int64_t)XXH3_64bits_digest(w->hash);
	return finish_row(w, row, r.value, &total, w->pos_sums, l.n_pos, err);
}

int measure_watched(struct trace_writer *w, struct executor *ex, struct err *err)
{
	int64_t now = w->model_ns;
	size_t i;
	int ret = 0;

	for (i = 0; i < w->n_watched && !ret; i++) {
		struct watched_row r = w->watched[i];
		int op = w->values[r.row].op;

		w->model_ns = w->times[op].end; /* what there is to say happened then */
		ret = finish_watched(w, ex, r, err);
		if (ret) {
			w->n_read = op;
			rows_take_back(w, r.row);
		}
	}
	w->n_watched = 0;
	w->model_ns = now;
	return ret;
}

/* ---- any value ------------------------------------------------------------------------------ */

/* Leave the value to be watched, or make what was watched so far come before it. */
static int begin_lazy(struct trace_writer *w, struct executor *ex, value_id v, bool is_dumped,
		      bool *is_watched, struct err *err)
{
	*is_watched = !is_dumped && executor_watch(ex, v);
	return *is_watched ? 0 : measure_watched(w, ex, err);
}

int writer_measure(struct trace_writer *w, struct executor *ex, value_id v, int op, int64_t edit_id,
		   struct err *err)
{
	const struct capture *c = &w->captures[v];
	struct layout l = layout_of(ex, v);
	struct rows_wanted dump;
	struct stats_sum total;
	struct value_row *row;
	int64_t tensor_id = -1;
	bool is_watched = false;

	if (l.lazy && l.row > w->opt.pattern_keys && !c->named)
		return 0;
	dump = rows_to_dump(w, c, &l);
	if (l.lazy && begin_lazy(w, ex, v, dump.any, &is_watched, err))
		return err->code;
	if (is_watched) {
		watch_row(w, v, &l, op, edit_id);
		return 0;
	}
	if (is_row_of_scores(w, ex, v, &l, &dump)) {
		copy_last_row(w, v, &l, dump.any, op);
		return note_bad(w, &ex->program->values[v], &w->values[w->n_values - 1], err);
	}
	if (read_and_dump(w, ex, v, &l, &dump, &total, &tensor_id, err))
		return err->code;
	row = append_row(w, v, &l, op, edit_id);
	row->hash = (int64_t)XXH3_64bits_digest(w->hash);
	row->tensor_id = tensor_id;
	if (dump.any && !c->whole)
		row->dump_from = l.pos0 + dump.from;
	return finish_row(w, row, v, &total, w->pos_sums, l.n_pos, err);
}

void measure_release(struct trace_writer *w)
{
	XXH3_freeState(w->hash);
	free(w->row_sums);
	free(w->pos_sums);
	free(w->head);
}
