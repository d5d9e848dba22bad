/*
 * trial.c -- a library over a battery, in the sandbox.
 *
 * Two rounds, each in a child of its own: once every array ends at its guard, once it begins there,
 * and then the calls come in the opposite order.  A function of its arguments gives the same both
 * times.
 */
#include "kernel.h"

#include "torchless/mem.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* All of one round; `picked` is shared with the child. */
struct round {
	struct battery *battery;
	struct sandbox_buffer *buffers; /* [n][KERNEL_ARRAYS] */
	struct sandbox_buffer picked;
	bool is_second;
};

static bool is_output(const struct kernel_array *a)
{
	return a->access != SANDBOX_IN;
}

static int64_t n_outputs(const struct kernel_call *c)
{
	int64_t n = 0;

	for (int a = 0; a < c->n_arrays; a++)
		n += is_output(&c->arrays[a]) ? c->arrays[a].n : 0;
	return n;
}

/* In the child. */
static int play(void *ctx, sandbox_fn *const *fn)
{
	struct round *r = ctx;
	const struct battery *b = r->battery;
	int *picked = (int *)(void *)r->picked.data;

	for (int k = 0; k < b->n; k++) {
		int i = r->is_second ? b->n - 1 - k : k;
		struct kernel_call call = b->calls[i];
		struct sandbox_buffer *buffers = r->buffers + (size_t)i * KERNEL_ARRAYS;

		for (int a = 0; a < call.n_arrays; a++)
			call.arrays[a].data = buffers[a].data;
		sandbox_protect(buffers, call.n_arrays);
		sandbox_at(i, buffers, call.n_arrays);
		b->kernel->call(fn[0], &call);
		picked[i] = call.picked;
	}
	return 0;
}

static void unmap(struct round *r)
{
	for (int i = 0; r->buffers && i < r->battery->n * KERNEL_ARRAYS; i++)
		sandbox_unmap(&r->buffers[i]);
	free(r->buffers);
	sandbox_unmap(&r->picked);
}

static int map(struct round *r, struct err *err)
{
	const struct battery *b = r->battery;

	r->buffers = mem_calloc((size_t)b->n * KERNEL_ARRAYS, sizeof(*r->buffers));
	r->picked = (struct sandbox_buffer){ .name = "picked", .n = b->n, .size = sizeof(int) };
	if (sandbox_map(&r->picked, true, err))
		return err->code;
	for (int i = 0; i < b->n; i++)
		for (int a = 0; a < b->calls[i].n_arrays; a++) {
			const struct kernel_array *from = &b->calls[i].arrays[a];
			struct sandbox_buffer *to = &r->buffers[(size_t)i * KERNEL_ARRAYS + a];

			*to = (struct sandbox_buffer){ .name = from->name,
						       .n = from->n,
						       .size = from->size,
						       .access = from->access };
			if (sandbox_map(to, !r->is_second, err))
				return err->code;
			if (from->access != SANDBOX_OUT)
				memcpy(to->data, from->data, (size_t)from->n * from->size);
		}
	return 0;
}

/* The outputs of call i, one behind the other. */
static void take_outputs(const struct round *r, int i, float *out)
{
	const struct kernel_call *c = &r->battery->calls[i];

	for (int a = 0; a < c->n_arrays; a++)
		if (is_output(&c->arrays[a])) {
			size_t bytes = (size_t)c->arrays[a].n * sizeof(float);

			memcpy(out, r->buffers[(size_t)i * KERNEL_ARRAYS + a].data, bytes);
			out += c->arrays[a].n;
		}
}

/* The outputs of a call against what they are to be: the worst of all arrays, `array` is which. */
static struct difference compare(const struct kernel *k, const struct kernel_call *c,
				 const float *want, const float *got, int *array)
{
	struct difference worst = { .at = -1 };

	*array = 0;
	for (int a = 0; a < c->n_arrays; a++) {
		const struct kernel_array *of = &c->arrays[a];
		int64_t row = of->dims[of->n_dims - 1];
		struct difference d;

		if (!is_output(of))
			continue;
		/* A row of sums may be a single one that cancels. */
		d = difference_of(want, got, of->n, k->floor < 1 ? row : of->n, k->floor);
		if (d.error > worst.error || d.n_unwritten) {
			worst = d;
			*array = a;
		}
		want += of->n;
		got += of->n;
	}
	worst.allowed = k->tolerance * c->loose;
	return worst;
}

/* What sums of floats may differ by, as a share of what they are measured against, where their
 * order is another. */
#define REORDERED 5e-6

/*
 * Whether call i gave something else in this round than before.  Its arrays lie otherwise, so that
 * a loop that is unrolled by where they lie adds in another order.
 */
static bool is_other(const struct trial *t, const struct round *r, int i)
{
	const struct kernel_call *c = &t->battery->calls[i];
	float *out = mem_calloc((size_t)n_outputs(c) + 1, sizeof(*out));
	struct difference d;
	int array;

	take_outputs(r, i, out);
	d = compare(t->battery->kernel, c, t->outputs[i], out, &array);
	free(out);
	return d.error > REORDERED || t->picked[i] != ((const int *)(void *)r->picked.data)[i];
}

static void keep(struct trial *t, const struct round *r, int n_done)
{
	for (int i = 0; i < n_done; i++) {
		take_outputs(r, i, t->outputs[i]);
		t->picked[i] = ((const int *)(void *)r->picked.data)[i];
	}
}

static int run_round(struct trial *t, const struct trial_of *of, bool is_second, struct err *err)
{
	struct round r = { .battery = t->battery, .is_second = is_second };
	struct sandbox s = { .file = of->file,
			     .library = of->library,
			     .symbol = of->symbol,
			     .body = play,
			     .ctx = &r,
			     .wall_seconds = of->wall_seconds,
			     .is_sanitized = of->is_sanitized,
			     .interrupted = of->interrupted };
	int rc = map(&r, err);

	rc = rc ? rc : sandbox_run(&s, err);
	if (!rc) {
		t->is_done = s.is_done;
		t->at = s.at;
		snprintf(t->says, sizeof(t->says), "%s", s.says);
		if (!is_second)
			keep(t, &r, t->n_done = s.is_done ? t->battery->n : s.at);
		for (int i = 0; is_second && s.is_done && i < t->battery->n; i++)
			t->remembers |= is_other(t, &r, i);
		if (!t->printed.len && s.printed.len > 0)
			text_add(&t->printed, s.printed.data, s.printed.len);
	}
	sandbox_release(&s);
	unmap(&r);
	return rc;
}

static void begin(struct trial *t, struct battery *b)
{
	*t = (struct trial){ .battery = b };
	t->outputs = mem_calloc((size_t)b->n, sizeof(*t->outputs));
	t->picked = mem_calloc((size_t)b->n, sizeof(*t->picked));
	for (int i = 0; i < b->n; i++)
		t->outputs[i] =
			mem_calloc((size_t)n_outputs(&b->calls[i]) + 1, sizeof(**t->outputs));
}

int trial_run(struct trial *t, struct battery *b, const struct trial_of *of, struct err *err)
{
	int rc;

	begin(t, b);
	rc = run_round(t, of, false, err);
	if (!rc && t->is_done)
		rc = run_round(t, of, true, err);
	return rc;
}

void trial_release(struct trial *t)
{
	for (int i = 0; t->outputs && i < t->battery->n; i++)
		free(t->outputs[i]);
	free(t->outputs);
	free(t->picked);
	text_release(&t->printed);
	*t = (struct trial){ 0 };
}

void trial_reference(struct trial *t, struct battery *b)
{
	begin(t, b);
	t->is_done = true;
	t->n_done = b->n;
	for (int i = 0; i < b->n; i++) {
		struct kernel_call call = b->calls[i];
		float *out = t->outputs[i];

		for (int a = 0; a < call.n_arrays; a++) {
			if (!is_output(&call.arrays[a]))
				continue;
			if (call.arrays[a].access == SANDBOX_INOUT)
				memcpy(out, call.arrays[a].data,
				       (size_t)call.arrays[a].n * sizeof(*out));
			call.arrays[a].data = out;
			out += call.arrays[a].n;
		}
		b->kernel->call(b->kernel->reference, &call);
		t->picked[i] = call.picked;
	}
}

struct difference trial_difference(const struct trial *want, const struct trial *got, int i,
				   int *array)
{
	struct difference worst = compare(want->battery->kernel, &want->battery->calls[i],
					  want->outputs[i], got->outputs[i], array);

	if (want->picked[i] != got->picked[i])
		worst = (struct difference){ .error = INFINITY,
					     .allowed = worst.allowed,
					     .at = -1,
					     .want = (float)want->picked[i],
					     .got = (float)got->picked[i] };
	return worst;
}

double trial_error(const struct trial *want, const struct trial *got)
{
	double worst = 0;
	int array;

	if (!got->is_done)
		return INFINITY;
	for (int i = 0; i < got->n_done; i++) {
		struct difference d = trial_difference(want, got, i, &array);
		double share = d.allowed > 0 ? d.error / d.allowed : d.error > 0 ? INFINITY : 0;

		worst = share > worst ? share : worst;
	}
	return worst;
}
