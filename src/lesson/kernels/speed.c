/*
 * speed.c -- a fast linear layer against the plain loop, in one process and in turns, so that
 * whatever else the machine does meets both.
 */
#include "kernel.h"
#include "reference.h"

#include "../draw.h"
#include "torchless/clock.h"
#include "torchless/mem.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define N_IN   1000
#define N_OUT  700
#define ROUNDS 9

/* What everybody writes first. */
static void plain(float *y, const float *x, const float *w, int n_in, int n_out)
{
	for (int o = 0; o < n_out; o++) {
		float sum = 0;

		for (int i = 0; i < n_in; i++)
			sum += w[(int64_t)o * n_in + i] * x[i];
		y[o] = sum;
	}
}

struct race {
	float *x, *w;
	uint64_t seed;
	float *y;   /* shared with the child, as the times are */
	double *ns; /* [2]: the best of each */
};

static double once(__typeof__(&reference_linear_fast) f, const struct race *r)
{
	int64_t began = clock_ns();

	f(r->y, r->x, r->w, N_IN, N_OUT);
	return (double)(clock_ns() - began);
}

static void fill(float *x, int64_t n, uint64_t seed)
{
	for (int64_t i = 0; i < n; i++)
		x[i] = draw_unit(&seed) - 0.3f;
}

static int play(void *ctx, sandbox_fn *const *fn)
{
	struct race *r = ctx;
	__typeof__(&reference_linear_fast) f;

	memcpy(&f, fn, sizeof(f));
	for (int i = 0; i < ROUNDS; i++) {
		/* Other inputs each time: who keeps an answer has to compute all the same. */
		fill(r->x, N_IN, r->seed + 1 + (uint64_t)i);
		r->ns[0] = fmin(r->ns[0], once(plain, r));
		r->ns[1] = fmin(r->ns[1], once(f, r));
	}
	/* Right after timing too: the last run is what is looked at. */
	fill(r->x, N_IN, r->seed);
	memset(r->y, 0xff, N_OUT * sizeof(*r->y));
	f(r->y, r->x, r->w, N_IN, N_OUT);
	return 0;
}

/* ---- from outside ---------------------------------------------------------------------------- */

static void judge(struct speed *s, const struct race *r, const struct sandbox *box)
{
	float *want = mem_calloc(N_OUT, sizeof(*want));

	reference_linear_fast(want, r->x, r->w, N_IN, N_OUT);
	s->is_done = box->is_done;
	snprintf(s->says, sizeof(s->says), "%s", box->says);
	s->times = r->ns[0] / r->ns[1];
	s->is_right = difference_of(want, r->y, N_OUT, N_OUT, 1).error <=
		      kernel_table[KERNEL_linear_fast].tolerance;
	free(want);
}

static int run(struct speed *s, struct race *r, struct sandbox *box, struct err *err)
{
	int rc;

	r->ns[0] = r->ns[1] = INFINITY;
	r->x = mem_calloc(N_IN, sizeof(*r->x));
	r->w = mem_calloc((size_t)N_IN * N_OUT, sizeof(*r->w));
	fill(r->x, N_IN, r->seed);
	fill(r->w, (int64_t)N_IN * N_OUT, ~r->seed);
	rc = sandbox_run(box, err);
	if (!rc)
		judge(s, r, box);
	free(r->x);
	free(r->w);
	return rc;
}

int speed_run(struct speed *s, const char *file, const char *library, const struct classroom *room,
	      struct err *err)
{
	struct sandbox_buffer y = {
		.name = "y", .n = N_OUT, .size = sizeof(float), .access = SANDBOX_OUT
	};
	struct sandbox_buffer ns = {
		.name = "ns", .n = 2, .size = sizeof(double), .access = SANDBOX_OUT
	};
	struct race race = { .seed = room->seed };
	struct sandbox box = { .file = file,
			       .library = library,
			       .symbol = "tl_linear_fast",
			       .body = play,
			       .ctx = &race,
			       .cpu_seconds = 10,
			       .wall_seconds = 60,
			       .interrupted = room->interrupted };
	int rc = sandbox_map(&y, true, err);

	rc = rc ? rc : sandbox_map(&ns, true, err);
	if (!rc) {
		race.y = (float *)(void *)y.data;
		race.ns = (double *)(void *)ns.data;
		rc = run(s, &race, &box, err);
	}
	sandbox_unmap(&y);
	sandbox_unmap(&ns);
	sandbox_release(&box);
	return rc;
}
