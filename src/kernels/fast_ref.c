/*
 * fast_ref.c -- products with rounded activations in plain loops: the definition of fast.h.
 */
#include "blocks.h"
#include "fast.h"

#include <float.h>
#include <math.h>

/* A group of x. */
struct rounded {
	float d;
	int16_t q[GROUP];
};

static void round_group(struct rounded *r, const float *x)
{
	float a = 0, inverse;
	bool finite = true;

	for (int i = 0; i < GROUP; i++) {
		finite = finite && isfinite(x[i]);
		if (fabsf(x[i]) > a)
			a = fabsf(x[i]);
	}
	r->d = finite ? a / FAST_MOST : NAN;
	if (r->d < FLT_MIN)
		r->d = 0;
	inverse = r->d > 0 ? FAST_MOST / a : 0;
	for (int i = 0; i < GROUP; i++)
		r->q[i] = (int16_t)(finite ? rintf(x[i] * inverse) : 0);
}

/* y = fma(sum(qw qx), dw dx, y), and the minimum's share, for n elements from `i` on. */
static float add_part(float y, const struct group *w, const struct rounded *x, int i, int n,
		      bool adds)
{
	int32_t sum = 0, of_x = 0;

	for (int j = i; j < i + n; j++) {
		sum += w->q[j] * x->q[j];
		of_x += x->q[j];
	}
	y = fmaf((float)sum, w->d[i / 16] * x->d, y);
	return adds ? fmaf((float)of_x, w->m[i / 16] * x->d, y) : y;
}

struct fast_args {
	float *y;
	const struct rounded *x; /* [T, K / GROUP] */
	const struct tensor *w;
	int64_t T;
};

/* y[:, n] */
static void fast_output(void *ctx, int64_t n, int worker)
{
	const struct fast_args *a = ctx;
	enum dtype dtype = a->w->dtype;
	group_reader read = reader_of(dtype);
	int64_t in_block = dtype_table[dtype].block_elements / GROUP;
	int64_t groups = a->w->shape[1] / GROUP;
	int part = type_scales_sixteens(dtype) ? 16 : GROUP;

	(void)worker;
	for (int64_t t = 0; t < a->T; t++) {
		const unsigned char *block = tensor_row(a->w, n);
		float y = 0;

		for (int64_t g = 0; g < groups; g++) {
			struct group w;

			read(&w, block, g % in_block);
			for (int i = 0; i < GROUP; i += part)
				y = add_part(y, &w, &a->x[t * groups + g], i, part,
					     type_has_minima(dtype));
			if ((g + 1) % in_block == 0)
				block += dtype_table[dtype].block_bytes;
		}
		a->y[t * a->w->shape[0] + n] = y;
	}
}

void ref_linear_fast(struct threads *pool, float *y, const float *x, const struct tensor *w,
		     int64_t T, void *scratch)
{
	struct rounded *r = scratch;
	struct fast_args args = { y, r, w, T };

	for (int64_t i = 0; i < T * w->shape[1] / GROUP; i++)
		round_group(&r[i], x + i * GROUP);
	threads_for(pool, w->shape[0], fast_output, &args);
}

/* Of a group: two bytes an element, its scale, and of each half what is known of it (fast_body.h).
 */
size_t fast_scratch(enum dtype w, int64_t T, int64_t K)
{
	const size_t a_group = 2 * (size_t)GROUP + 5 * sizeof(float);

	return dtype_is_block(w) ? (size_t)(T * (K / GROUP)) * a_group : 0;
}

const char *fast_dtype(enum dtype w)
{
	return dtype_is_block(w) ? "int16" : "f32";
}
