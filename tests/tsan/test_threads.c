/*
 * test_threads.c -- the pool under ThreadSanitizer: a plain program, because Criterion aborts
 * there.
 *
 * Every item runs once, on a worker with a valid number, what it wrote is seen by the caller, and
 * the next loop may change what the last one read.  Loops follow each other closely (workers spin),
 * after a pause (workers sleep), and on more threads than CPUs (workers come late).
 */
#include "torchless/threads.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define MAX_ITEMS 5000

static int failures;

#define CHECK(condition)                                                                           \
	do {                                                                                       \
		if (!(condition)) {                                                                \
			fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition);            \
			failures++;                                                                \
		}                                                                                  \
	} while (0)

struct loop {
	int add; /* changed between loops */
	int threads;
	int count[MAX_ITEMS];   /* plain memory on purpose: TSan must find the pool's ordering */
	int per_worker[64][16]; /* one cache line each */
};

static void item(void *ctx, int64_t i, int worker)
{
	struct loop *loop = ctx;

	if (worker < 0 || worker >= loop->threads)
		abort();
	loop->count[i] += loop->add;
	loop->per_worker[worker][0]++;
}

static void check_loop(struct threads *pool, struct loop *loop, int64_t n, int add)
{
	int64_t sum = 0;

	for (int64_t i = 0; i < MAX_ITEMS; i++)
		loop->count[i] = 0;
	for (int w = 0; w < loop->threads; w++)
		loop->per_worker[w][0] = 0;
	loop->add = add;
	threads_for(pool, n, item, loop);
	for (int64_t i = 0; i < MAX_ITEMS; i++)
		CHECK(loop->count[i] == (i < n ? add : 0));
	for (int w = 0; w < loop->threads; w++)
		sum += loop->per_worker[w][0];
	CHECK(sum == n);
}

static void check_pool(int threads)
{
	static const int64_t sizes[] = { 0, 1, 2, 3, 64, MAX_ITEMS };
	const struct timespec nap = { 0, 2000000 };
	static struct loop loop;
	struct err err;
	struct threads *pool = threads_new(threads, &err);

	CHECK(pool && threads_count(pool) == threads);
	if (!pool)
		return;
	loop.threads = threads;
	for (int round = 1; round <= 200; round++) {
		check_loop(pool, &loop, sizes[round % 6], round);
		if (round % 40 == 0)
			nanosleep(&nap, NULL);
	}
	threads_free(pool);
}

int main(void)
{
	struct err err = { 0 };
	static struct loop alone = { .threads = 1 };

	for (int threads = 1; threads <= 7; threads += 2)
		check_pool(threads);
	check_loop(NULL, &alone, MAX_ITEMS, 3);
	CHECK(threads_count(NULL) == 1);
	CHECK(threads_available() >= 1);
	CHECK(!threads_new(0, &err) && err.code == ERR_USAGE);
	for (int i = 0; i < 50; i++) /* freed before the workers have begun to wait */
		threads_free(threads_new(4, &err));
	if (failures)
		fprintf(stderr, "%d checks failed\n", failures);
	return failures ? 1 : 0;
}
