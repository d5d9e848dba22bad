/*
 * test_attention.c -- watched attention under ThreadSanitizer: heads that are computed while others
 * are hashed, on more threads than CPUs, say what one thread says.
 */
#include "torchless/attention_watch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { T = 300, H = 6, G = 2, E = 8, WINDOW = 200 };

static void fill(float *x, int64_t n, unsigned seed)
{
	for (int64_t i = 0; i < n; i++) {
		seed = seed * 1664525 + 1013904223;
		x[i] = (float)(seed >> 8) / 8388608.0f - 1;
	}
}

/* What several calls with one watch leave behind, as bytes. */
struct outcome {
	float z[T * H * E];
	struct stats_sum total[N_ATTENTION_PARTS], positions[N_ATTENTION_PARTS][T];
	uint64_t hash[N_ATTENTION_PARTS];
};

static void run(const struct kernels *k, int n_threads, const struct attention *a,
		struct outcome *out)
{
	struct err err;
	struct threads *pool = threads_new(n_threads, &err);
	struct attention_watch w = { .seen = { { .wanted = true }, { .wanted = true } } };

	for (int layer = 0; layer < 4; layer++)
		if (attention_run_watched(k, pool, out->z, a, T, &w))
			abort();
	for (int part = 0; part < N_ATTENTION_PARTS; part++) {
		out->total[part] = w.seen[part].total;
		out->hash[part] = w.seen[part].hash;
		memcpy(out->positions[part], w.seen[part].positions, sizeof(out->positions[part]));
	}
	attention_watch_release(&w);
	threads_free(pool);
}

int main(void)
{
	static float q[T * H * E], keys[T * G * E], values[T * G * E];
	static struct outcome one, many;
	struct attention a = { .q = q,
			       .k = { keys, T, G, E, 0, T },
			       .v = { values, T, G, E, 0, T },
			       .n_heads = H,
			       .T = T,
			       .window = WINDOW,
			       .scale = 0.35f };
	const struct kernels *k = kernels_select(NULL);

	fill(q, T * H * E, 1);
	fill(keys, T * G * E, 2);
	fill(values, T * G * E, 3);
	run(k, 1, &a, &one);
	for (int n = 2; n <= 6; n++) {
		run(k, n, &a, &many);
		if (memcmp(&one, &many, sizeof(one))) {
			fprintf(stderr, "%d threads see something else than one\n", n);
			return 1;
		}
	}
	return 0;
}
