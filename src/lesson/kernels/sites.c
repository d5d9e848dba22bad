/*
 * sites.c -- a learner's function in every place where the engine has its own.
 *
 * Most places are a pointer of struct kernels: an adapter gives the arrays of the pass, row by row,
 * the shape that the learner's function has.  Three are none: the embedding is a table of many
 * types (a hook behind the op), silu and its product are two ops (a hook behind the second), and
 * the scores of attention and their mask are made in tiles (an edit that computes the relation).
 * Adapters have no room for a context, so one set of sites of a process is in force at a time.
 */
#include "kernel.h"
#include "reference.h"

#include "torchless/mem.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static struct sites *current;

#define LEARNERS(name)                                                                             \
	__typeof__(&reference_##name) f;                                                           \
                                                                                                   \
	memcpy(&f, &current->fn[KERNEL_##name], sizeof(f))

static void spoil(float *out, int64_t n)
{
	const uint32_t bits = SANDBOX_UNWRITTEN;

	for (int64_t i = 0; i < n; i++)
		memcpy(&out[i], &bits, sizeof(bits));
}

/* ---- adapters of struct kernels -------------------------------------------------------------- */

/* The weight as floats, from free(). */
static float *widened(const struct tensor *w)
{
	int64_t n = tensor_numel(w);
	float *out = mem_calloc((size_t)n + 1, sizeof(*out));

	for (int64_t r = 0; r < w->shape[0]; r++) {
		int64_t cols = n / w->shape[0];

		current->engine->convert(out + r * cols, tensor_row(w, r), w->dtype, cols);
	}
	return out;
}

static void site_rmsnorm(struct threads *pool, float *rms, float *normed, float *out,
			 const float *x, const struct tensor *w, float eps, int64_t T)
{
	int64_t D = w->shape[0];
	struct tensor row = tensor_make(w->dtype, 2, (const int64_t[]){ 1, D }, w->data);
	float *weight;
	LEARNERS(rmsnorm);

	current->engine->rmsnorm(pool, rms, normed, out, x, w, eps, T);
	weight = widened(&row);
	spoil(out, T * D);
	for (int64_t t = 0; t < T; t++)
		f(out + t * D, x + t * D, weight, (int)D, eps);
	free(weight);
}

/* Rows of int8, each with the scale that its largest element needs. */
static void quantize(const float *w, int64_t n_out, int64_t n_in, int8_t *q, float *scale)
{
	for (int64_t o = 0; o < n_out; o++) {
		float max = 0;

		for (int64_t i = 0; i < n_in; i++)
			max = fmaxf(max, fabsf(w[o * n_in + i]));
		scale[o] = max > 0 ? max / 127 : 1;
		for (int64_t i = 0; i < n_in; i++)
			q[o * n_in + i] = (int8_t)lrintf(w[o * n_in + i] / scale[o]);
	}
}

/* What a weight becomes is kept, for a model has few and passes are many. */
struct prepared {
	const void *data;
	float *floats, *scale;
	int8_t *q8;
};
static struct prepared *prepared;
static int n_prepared;
static size_t cap_prepared;

static const struct prepared *prepare(const struct tensor *w)
{
	int64_t n = tensor_numel(w);
	struct prepared *p;

	for (int i = 0; i < n_prepared; i++)
		if (prepared[i].data == w->data)
			return &prepared[i];
	prepared = mem_grow(prepared, (size_t)n_prepared, &cap_prepared, sizeof(*prepared));
	p = &prepared[n_prepared++];
	*p = (struct prepared){ .data = w->data, .floats = widened(w) };
	if (current->fn[KERNEL_linear_q8]) {
		p->q8 = mem_calloc((size_t)n, 1);
		p->scale = mem_calloc((size_t)w->shape[0], sizeof(*p->scale));
		quantize(p->floats, w->shape[0], w->shape[1], p->q8, p->scale);
	}
	return p;
}

static void linear_row(const struct tensor *w, float *y, const float *x)
{
	int n_in = (int)w->shape[1], n_out = (int)w->shape[0];

	if (current->fn[KERNEL_linear_q8]) {
		LEARNERS(linear_q8);
		const struct prepared *p = prepare(w);

		f(y, x, p->q8, p->scale, n_in, n_out);
	} else if (current->fn[KERNEL_linear_fast]) {
		LEARNERS(linear_fast);
		f(y, x, prepare(w)->floats, n_in, n_out);
	} else {
		LEARNERS(linear_bf16);
		f(y, x, w->data, n_in, n_out);
	}
}

/* A weight of another type than the function reads stays with the engine. */
static void site_linear(struct threads *pool, float *y, const float *x, const struct tensor *w,
			int64_t T)
{
	bool reads_bf16 = !current->fn[KERNEL_linear_q8] && !current->fn[KERNEL_linear_fast];

	if (reads_bf16 && (w->dtype != DTYPE_BF16 || !tensor_is_contiguous(w))) {
		current->engine->linear(pool, y, x, w, T);
		return;
	}
	spoil(y, T * w->shape[0]);
	for (int64_t t = 0; t < T; t++)
		linear_row(w, y + t * w->shape[0], x + t * w->shape[1]);
}

static void site_rope(struct threads *pool, float *y, const float *x, const float *cos,
		      const float *sin, int64_t T, int64_t H, int64_t E)
{
	LEARNERS(rope);

	(void)pool;
	(void)cos;
	(void)sin;
	if (y != x)
		memcpy(y, x, (size_t)(T * H * E) * sizeof(*y));
	for (int64_t t = 0; t < T; t++)
		f(y + t * H * E, (int)H, (int)E, (int)(current->executor->pos0 + t),
		  (float)current->model->config->rope_theta);
}

static void site_softmax(float *x, int64_t n)
{
	LEARNERS(softmax);

	if (n > 0)
		f(x, (int)n);
}

/* ---- hooks ----------------------------------------------------------------------------------- */

static bool is_point(const struct executor *ex, const struct op *op, const char *name)
{
	const struct point_info *p = ex->program->values[op->out[op->n_out - 1]].point;

	return p && strcmp(p->name, name) == 0;
}

static bool wants(void *ctx, const struct site *at)
{
	const struct sites *s = ctx;

	return at->kind == SITE_OP && ((s->fn[KERNEL_embed] && at->op->code == OP_EMBEDDING) ||
				       (s->fn[KERNEL_swiglu] && at->op->code == OP_MUL));
}

static int after_op(void *ctx, struct executor *ex, const struct site *at, struct err *err)
{
	struct sites *s = ctx;
	const struct op *op = at->op;
	struct tensor y = executor_tensor(ex, op->out[0]);

	(void)err;
	current = s;
	if (op->code == OP_EMBEDDING) {
		struct tensor w = executor_tensor(ex, op->in[0]),
			      ids = executor_tensor(ex, op->in[1]);
		LEARNERS(embed);

		if (w.dtype != DTYPE_BF16 || !tensor_is_contiguous(&w))
			return HOOK_CONTINUE;
		spoil(y.data, tensor_numel(&y));
		f(y.data, w.data, ids.data, (int)y.shape[0], (int)y.shape[1]);
	} else if (is_point(ex, op, "act_mul")) {
		const struct op *silu = &ex->program->ops[ex->program->values[op->in[0]].op];
		struct tensor gate = executor_tensor(ex, silu->in[0]);
		struct tensor up = executor_tensor(ex, op->in[1]);
		LEARNERS(swiglu);

		spoil(y.data, tensor_numel(&y));
		for (int64_t t = 0; t < y.shape[0]; t++)
			f(tensor_row(&y, t), tensor_row(&gate, t), tensor_row(&up, t),
			  (int)y.shape[1]);
	}
	return HOOK_CONTINUE;
}

/* ---- edits ----------------------------------------------------------------------------------- */

/* The op that makes the scores of the layer whose relation this is. */
static const struct op *scores_of(const struct executor *ex, value_id relation)
{
	const struct op *op = &ex->program->ops[ex->program->values[relation].op];

	while (op->code != OP_SCORES)
		op = &ex->program->ops[ex->program->values[op->in[0]].op];
	return op;
}

static int compute_scores(void *ctx, struct executor *ex, const struct edit *e,
			  const struct edit_part *part, float *x, int64_t n, struct err *err)
{
	const struct op *op = scores_of(ex, e->value);
	struct tensor q = executor_tensor(ex, op->in[0]);
	struct kv_view k = executor_cache(ex, op->in[1]);
	int64_t H = q.shape[1], E = q.shape[2], T = ex->T, S = ex->S;
	float *rows = mem_calloc((size_t)(H * S), sizeof(*rows));

	(void)part;
	(void)n;
	(void)err;
	current = ctx;
	assert(k.first == 0 && k.dtype == DTYPE_F32 && n == H * T * S);
	for (int64_t t = 0; t < T; t++) {
		LEARNERS(attn_scores);

		spoil(rows, H * S);
		f(rows, tensor_row(&q, t), k.rows, (int)H, (int)k.n_kv_heads, (int)E,
		  (int)(ex->pos0 + t), (int)S);
		for (int64_t h = 0; h < H; h++)
			memcpy(x + (h * T + t) * S, rows + h * S, (size_t)S * sizeof(*x));
	}
	free(rows);
	return 0;
}

/* The scores as they were before any mask. */
static void unmasked(const struct sites *s, struct executor *ex, const struct op *op, int64_t head,
		     float *x)
{
	struct tensor q = executor_tensor(ex, op->in[0]);
	struct attention a = { .q = q.data,
			       .k = executor_cache(ex, op->in[1]),
			       .n_heads = q.shape[1],
			       .pos0 = ex->pos0,
			       .T = ex->T,
			       .scale = op->scale };

	s->engine->scores(x, ex->S, &a, (struct attention_tile){ head, 0, ex->T, 0, ex->S });
}

static int compute_mask(void *ctx, struct executor *ex, const struct edit *e,
			const struct edit_part *part, float *x, int64_t n, struct err *err)
{
	const struct op *op = &ex->program->ops[ex->program->values[e->value].op];
	struct sites *s = ctx;
	int64_t T = ex->T, S = ex->S, H = n / (T * S);

	(void)part;
	(void)err;
	current = s;
	/* Where the learner's scores are there, they are what is masked. */
	if (s->fn[KERNEL_attn_scores] && compute_scores(ctx, ex, e, part, x, n, err))
		return err->code;
	for (int64_t h = 0; h < H && !s->fn[KERNEL_attn_scores]; h++)
		unmasked(s, ex, scores_of(ex, e->value), h, x + h * T * S);
	for (int64_t i = 0; i < H * T; i++) {
		LEARNERS(window);

		f(x + i * S, (int)(ex->pos0 + i % T), (int)S,
		  (int)(op->window > 0 ? op->window : ex->pos0 + T + 1));
	}
	return 0;
}

/* ---- all of it ------------------------------------------------------------------------------- */

void sites_init(struct sites *s, const struct model *m, const struct kernels *engine)
{
	s->model = m;
	s->engine = engine;
	s->kernels = *engine;
	if (s->fn[KERNEL_rmsnorm])
		s->kernels.rmsnorm = site_rmsnorm;
	if (s->fn[KERNEL_linear_bf16] || s->fn[KERNEL_linear_q8] || s->fn[KERNEL_linear_fast])
		s->kernels.linear = site_linear;
	if (s->fn[KERNEL_rope])
		s->kernels.rope = site_rope;
	if (s->fn[KERNEL_softmax])
		s->kernels.softmax = site_softmax;
	s->hook = (struct hook){ .wants = wants, .after = after_op, .ctx = s };
}

void sites_use(struct sites *s)
{
	current = s;
}

static int add_edits(struct sites *s, const char *point, edit_fn *compute, const char *source,
		     struct err *err)
{
	const struct program *p = s->executor->program;

	for (int v = 0; v < p->n_values; v++) {
		struct edit e = { .value = v,
				  .kind = EDIT_COMPUTE,
				  .pass_to = -1,
				  .compute = compute,
				  .ctx = s,
				  .source = source };
		const struct point_info *info = p->values[v].point;

		if (info && strcmp(info->name, point) == 0 &&
		    executor_add_edit(s->executor, &e, err) < 0)
			return err->code;
	}
	return 0;
}

int sites_attach(struct sites *s, struct executor *ex, struct hook **hooks, struct err *err)
{
	s->executor = ex;
	if (s->fn[KERNEL_embed] || s->fn[KERNEL_swiglu])
		hook_add(hooks, &s->hook);
	if (s->fn[KERNEL_attn_scores] &&
	    add_edits(s, "scores", compute_scores, "tl_attn_scores", err))
		return err->code;
	if (s->fn[KERNEL_window] && add_edits(s, "scores_masked", compute_mask, "tl_window", err))
		return err->code;
	return 0;
}

void sites_release(struct sites *s)
{
	for (int i = 0; i < n_prepared; i++) {
		free(prepared[i].floats);
		free(prepared[i].scale);
		free(prepared[i].q8);
	}
	free(prepared);
	prepared = NULL;
	n_prepared = 0;
	cap_prepared = 0;
	if (current == s)
		current = NULL;
}
