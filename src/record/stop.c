/*
 * stop.c -- a hook that pauses at the first value that holds NaN, or infinity: --stop-on.
 *
 * It looks at what a recording has statistics of: every point, the O(T^2) ones up to a number of
 * keys.  Masked scores hold -inf rightly.
 */
#include "record_impl.h"
#include "torchless/mem.h"

#include <stdlib.h>
#include <string.h>

static bool is_bad(float x, bool on_nan, bool on_inf)
{
	uint32_t bits;

	memcpy(&bits, &x, sizeof(bits));
	bits &= 0x7fffffffu;
	return (on_nan && bits > 0x7f800000u) || (on_inf && bits == 0x7f800000u);
}

static bool any_bad(const float *x, int64_t n, bool on_nan, bool on_inf)
{
	for (int64_t i = 0; i < n; i++)
		if (is_bad(x[i], on_nan, on_inf))
			return true;
	return false;
}

/* Of a cache in f16, where what is too large for it is inf. */
static bool any_bad_half(const struct tensor *t, bool on_nan, bool on_inf)
{
	const uint16_t *x = t->data;

	for (int64_t i = 0; i < tensor_numel(t); i++)
		if (is_bad(f16_to_f32(x[i]), on_nan, on_inf))
			return true;
	return false;
}

/* Scores hold -inf where a query may not look. */
static bool looks_for_inf(const struct value_stop *s, const struct value *v)
{
	return s->on_inf && strcmp(v->point->role, "scores") != 0 &&
	       strcmp(v->point->role, "scores_masked") != 0;
}

/* A head at a time: 1 when one is bad. */
static int any_bad_head(const struct value_stop *s, struct executor *ex, value_id v,
			const struct tensor *t, struct err *err)
{
	bool on_inf = looks_for_inf(s, &ex->program->values[v]);
	int64_t n = t->shape[1] * t->shape[2];
	float *head = mem_try_aligned((size_t)n * sizeof(*head));
	int r = 0;

	if (!head)
		return err_set(err, ERR_MEMORY, "%s: one head needs %lld bytes to be looked at",
			       ex->program->values[v].name, (long long)n * (int64_t)sizeof(*head));
	for (int64_t h = 0; h < t->shape[0] && r == 0; h++) {
		r = executor_fetch(ex, v, h, h + 1, head, err);
		if (r == 0)
			r = any_bad(head, n, s->on_nan, on_inf);
	}
	free(head);
	return r;
}

static int look(const struct value_stop *s, struct executor *ex, value_id v, struct err *err)
{
	const struct value *value = &ex->program->values[v];
	struct tensor t = executor_tensor(ex, v);

	if (!value->point)
		return 0;
	if (value->storage == STORAGE_LAZY)
		return t.shape[2] > s->max_keys ? 0 : any_bad_head(s, ex, v, &t, err);
	if (!t.data)
		return 0;
	if (t.dtype == DTYPE_F16)
		return any_bad_half(&t, s->on_nan, looks_for_inf(s, value));
	return any_bad(t.data, tensor_numel(&t), s->on_nan, looks_for_inf(s, value));
}

static int stop_after(void *ctx, struct executor *ex, const struct site *at, struct err *err)
{
	struct value_stop *s = ctx;

	for (int i = 0; i < at->op->n_out && s->value < 0; i++) {
		int r = look(s, ex, at->op->out[i], err);

		if (r < 0)
			return r;
		if (r > 0) {
			s->value = at->op->out[i];
			s->pass = ex->pass;
			return HOOK_PAUSE;
		}
	}
	return HOOK_CONTINUE;
}

/* What was found has not happened, or will be found again. */
static int stop_rewound(void *ctx, struct executor *ex, int pass, int op, struct err *err)
{
	struct value_stop *s = ctx;

	(void)err;
	if (s->value >= 0 &&
	    (pass < s->pass || (pass == s->pass && op <= ex->program->values[s->value].op)))
		s->value = -1;
	return 0;
}

void value_stop_init(struct value_stop *s, bool on_nan, bool on_inf, int64_t max_keys)
{
	*s = (struct value_stop){
		.on_nan = on_nan, .on_inf = on_inf, .max_keys = max_keys, .value = -1
	};
	s->hook = (struct hook){ .after = stop_after, .rewound = stop_rewound, .ctx = s };
}
