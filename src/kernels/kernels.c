/*
 * kernels.c -- the sets of kernels in this binary, and the choice among them.
 *
 * Wider registers are no promise: with AVX-512 some CPUs multiply and add twice as fast as with
 * AVX2, others not at all.  So where the first two sets can run they are timed once, for half a
 * millisecond, and the faster one is remembered by the CPU's kind.  Which of them it is changes no
 * bit of any result.
 */
#include "torchless/kernels.h"
#include "torchless/clock.h"
#include "torchless/mem.h"
#include "torchless/remembered.h"
#include "torchless/text.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#ifdef __x86_64__
#include <cpuid.h>
#endif

const struct kernels *const kernels_all[] = {
#ifdef __x86_64__
	&kernels_avx512,
	&kernels_avx2,
#elif defined(__aarch64__)
	&kernels_neon,
#endif
	&kernels_ref,
	NULL,
};

#ifdef __x86_64__

/* A product that stays in the second cache and keeps the multiply-adds busy. */
#define TRIAL_T      96
#define TRIAL_N      64
#define TRIAL_K      256
#define TRIAL_ROUNDS 8
#define TRIALS       4

/* Wider registers are taken when they need this share of the time at most. */
#define WORTH_IT 0.9

struct trial {
	float x[TRIAL_T * TRIAL_K], w[TRIAL_N * TRIAL_K], y[TRIAL_T * TRIAL_N];
};

static int64_t time_linear(const struct kernels *k, struct trial *t)
{
	const int64_t shape[2] = { TRIAL_N, TRIAL_K };
	struct tensor w = tensor_make(DTYPE_F32, 2, shape, t->w);
	int64_t start = clock_ns();

	k->linear(NULL, t->y, t->x, &w, TRIAL_T);
	return clock_ns() - start;
}

/* Whether `wide` is, by the least of several times, taken in turn: what else happens only adds. */
static bool is_faster(const struct kernels *wide, const struct kernels *narrow, struct trial *t)
{
	int64_t least[2] = { INT64_MAX, INT64_MAX };

	for (int i = 0; i < 2 * TRIAL_ROUNDS; i++) {
		int64_t ns = time_linear(i % 2 ? wide : narrow, t);

		if (ns < least[i % 2])
			least[i % 2] = ns;
	}
	return (double)least[1] <= WORTH_IT * (double)least[0];
}

/*
 * The faster of them; NULL without memory.  To take the narrow one by mistake costs half of the
 * speed from then on, the wide one hardly anything, so it has to lose several times.
 */
static const struct kernels *faster(const struct kernels *wide, const struct kernels *narrow)
{
	struct trial *t = mem_try_aligned(sizeof(*t));
	bool won = false;

	if (!t)
		return NULL;
	memset(t, 0, sizeof(*t));
	for (int i = 0; i < TRIALS && !won; i++)
		won = is_faster(wide, narrow, t);
	free(t);
	return won ? wide : narrow;
}

/* "kernels-GenuineIntel-c06f2": who made the CPU; family, model and stepping. */
static void name_cpu(struct text *name)
{
	unsigned eax = 0, maker[3] = { 0 }, ebx, ecx, edx;
	char letters[sizeof(maker) + 1] = { 0 };

	__get_cpuid(0, &eax, &maker[0], &maker[2], &maker[1]);
	__get_cpuid(1, &eax, &ebx, &ecx, &edx);
	memcpy(letters, maker, sizeof(maker));
	for (char *c = letters; *c; c++)
		if (!((*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z')))
			*c = '_';
	text_addf(name, "kernels-%s-%x", letters, eax);
}

static const struct kernels *choose_width(const struct kernels *wide, const struct kernels *narrow)
{
	struct text name = { 0 }, answer = { 0 };
	const struct kernels *best = NULL;

	name_cpu(&name);
	if (remembered_get(name.data, &answer) && answer.len)
		best = !strcmp(answer.data, wide->isa)     ? wide
		       : !strcmp(answer.data, narrow->isa) ? narrow
							   : NULL;
	if (!best) {
		best = faster(wide, narrow);
		if (best)
			remembered_put(name.data, best->isa);
	}
	text_release(&name);
	text_release(&answer);
	return best ? best : narrow;
}

#endif

static const struct kernels *choose(void)
{
	int i = 0;

	while (kernels_all[i + 1] && !kernels_all[i]->supported())
		i++;
#ifdef __x86_64__
	if (kernels_all[i] == &kernels_avx512)
		return choose_width(&kernels_avx512, &kernels_avx2);
#endif
	return kernels_all[i];
}

const struct kernels *kernels_select(const char *isa)
{
	/* Two threads that ask at once may both choose, and mean the same bits. */
	static const struct kernels *_Atomic chosen;
	const struct kernels *k = atomic_load(&chosen);

	for (int i = 0; isa && kernels_all[i]; i++)
		if (strcmp(isa, kernels_all[i]->isa) == 0)
			return kernels_all[i]->supported() ? kernels_all[i] : NULL;
	if (isa)
		return NULL;
	if (!k)
		atomic_store(&chosen, k = choose());
	return k;
}

void kernels_add_names(struct text *t, const char *between)
{
	size_t before = t->len;

	for (int i = 0; kernels_all[i]; i++)
		if (kernels_all[i]->supported())
			text_addf(t, "%s%s", t->len > before ? between : "", kernels_all[i]->isa);
}
