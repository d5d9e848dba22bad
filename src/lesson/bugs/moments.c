/*
 * moments.c -- bugs of a moment: what an op made is overwritten when it has run, or what it is
 * about to read before it does.
 *
 * Whoever records listens behind the bug, so that the recording has what the bug made.
 */
#include "bugs_impl.h"

#include <math.h>
#include <string.h>

static float *floats(const struct executor *ex, value_id v)
{
	return executor_tensor(ex, v).data;
}

/* Copy the op's input i to its output. */
static void pass_on(const struct executor *ex, const struct op *op, int i)
{
	struct tensor from = executor_tensor(ex, op->in[i]), to = executor_tensor(ex, op->out[0]);

	memcpy(to.data, from.data, (size_t)tensor_numel(&to) * sizeof(float));
}

/* ---- positions ------------------------------------------------------------------------------ */

/* The angles of a pass whose first position is called pos0: MistralRotaryEmbedding. */
static void set_angles(const struct planted *p, const struct executor *ex, const struct op *op,
		       int64_t pos0)
{
	struct tensor cos = executor_tensor(ex, op->out[0]), sin = executor_tensor(ex, op->out[1]);
	int64_t E = cos.shape[1], F = E / 2;

	for (int64_t t = 0; t < cos.shape[0]; t++)
		for (int64_t i = 0; i < E; i++) {
			float angle = (float)(pos0 + t) * p->model->inv_freq[i % F];

			((float *)cos.data)[t * E + i] = cosf(angle);
			((float *)sin.data)[t * E + i] = sinf(angle);
		}
}

int bug_rope_pos1(const struct planted *p, struct executor *ex, const struct op *op,
		  struct err *err)
{
	(void)err;
	set_angles(p, ex, op, ex->pos0 + 1);
	return 0;
}

int bug_cache_restart(const struct planted *p, struct executor *ex, const struct op *op,
		      struct err *err)
{
	(void)err;
	if (ex->pos0 > 0)
		set_angles(p, ex, op, 0);
	return 0;
}

int bug_rope_q_only(const struct planted *p, struct executor *ex, const struct op *op,
		    struct err *err)
{
	(void)p, (void)err;
	pass_on(ex, op, 0);
	return 0;
}

int bug_rope_rotates_v(const struct planted *p, struct executor *ex, const struct op *op,
		       struct err *err)
{
	struct tensor v = executor_tensor(ex, op->in[0]);
	int64_t H = v.shape[1], E = v.shape[2], F = E / 2;

	(void)err;
	for (int64_t row = 0; row < v.shape[0] * H; row++) {
		float *x = (float *)v.data + row * E;
		int64_t pos = ex->pos0 + row / H;

		for (int64_t i = 0; i < F; i++) {
			float angle = (float)pos * p->model->inv_freq[i];
			float a = x[i], b = x[i + F];

			x[i] = a * cosf(angle) - b * sinf(angle);
			x[i + F] = b * cosf(angle) + a * sinf(angle);
		}
	}
	return 0;
}

/* ---- the residual stream -------------------------------------------------------------------- */

int bug_resid_dropped(const struct planted *p, struct executor *ex, const struct op *op,
		      struct err *err)
{
	(void)p, (void)err;
	pass_on(ex, op, 1);
	return 0;
}

int bug_resid_doubled(const struct planted *p, struct executor *ex, const struct op *op,
		      struct err *err)
{
	const float *x = floats(ex, op->in[0]);
	struct tensor y = executor_tensor(ex, op->out[0]);

	(void)p, (void)err;
	for (int64_t i = 0; i < tensor_numel(&y); i++)
		((float *)y.data)[i] += x[i];
	return 0;
}

/* ---- lenses --------------------------------------------------------------------------------- */

int bug_lens_no_norm(const struct planted *p, struct executor *ex, const struct op *op,
		     struct err *err)
{
	struct tensor x = executor_tensor(ex, op->in[0]);
	size_t bytes = (size_t)tensor_numel(&x) * sizeof(float);

	(void)p, (void)err;
	for (int64_t t = 0; t < x.shape[0]; t++)
		floats(ex, op->out[0])[t] = 1;
	memcpy(floats(ex, op->out[1]), x.data, bytes);
	memcpy(floats(ex, op->out[2]), x.data, bytes);
	return 0;
}

int bug_lens_cached_norm(const struct planted *p, struct executor *ex, const struct op *op,
			 struct err *err)
{
	struct tensor x = executor_tensor(ex, op->in[0]), w = executor_tensor(ex, op->in[1]);
	float *rms = floats(ex, op->out[0]);
	int64_t D = x.shape[1];

	(void)err;
	for (int64_t t = 0; t < x.shape[0] && ex->pos0 + t < p->n_rms; t++) {
		if (p->learns) {
			p->rms[ex->pos0 + t] = (double)rms[t];
			continue;
		}
		rms[t] = (float)p->rms[ex->pos0 + t];
		for (int64_t i = 0; i < D; i++) {
			float y = ((const float *)x.data)[t * D + i] / rms[t];

			floats(ex, op->out[1])[t * D + i] = y;
			floats(ex, op->out[2])[t * D + i] = y * (float)tensor_get(&w, i);
		}
	}
	return 0;
}
