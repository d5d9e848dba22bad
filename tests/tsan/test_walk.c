/*
 * test_walk.c -- random walks of a recorded session with threads, for ThreadSanitizer: the kernels,
 * the statistics and the scores share a pool, and time goes back between their regions.
 */
#include "support/walk.h"

#include <stdio.h>

static int walk(struct model *m, const char *folder, int threads)
{
	struct err err = { 0 };
	struct text why = { 0 };
	struct walk failed;
	struct walk_setup setup = { .model = m, .folder = folder };
	bool good;

	setup.pool = threads_new(threads, &err);
	good = setup.pool && walks_hold(&setup, 7000, 40, &failed, &why);
	if (!good)
		fprintf(stderr, "%d threads: %s%s\n", threads, err.message,
			why.data ? why.data : "");
	text_release(&why);
	threads_free(setup.pool);
	return good ? 0 : 1;
}

int main(void)
{
	struct tiny t = tiny_default;
	char dir[64], folder[] = "/tmp/torchless-walk-XXXXXX";
	struct err err = { 0 };
	struct model m;
	int failures;

	tiny_write(&t, dir, sizeof(dir));
	if (!mkdtemp(folder) || model_open(&m, dir, CHECKPOINT_CONFIG | CHECKPOINT_WEIGHTS, &err)) {
		fprintf(stderr, "%s\n", err.message);
		return 1;
	}
	failures = walk(&m, folder, 2) + walk(&m, folder, 3);
	model_close(&m);
	tiny_remove(dir);
	rmdir(folder);
	return failures;
}
