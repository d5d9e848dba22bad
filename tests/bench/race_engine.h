/*
 * race_engine.h -- what both engines of scripts/race are asked, and how they answer.
 *
 * A driver opens its model once, says who it is in a line of JSON, and obeys a line at a time:
 *
 *	prefill T [R]    read T tokens from an empty context, R times: what one of them took
 *	decode P N       N passes of one token, the first at position P (what is before it is read
 *	                 untimed, or still there)
 *	logits T FILE    read T tokens, write the last row's logits to FILE as f32
 *	memory           what the process holds beside its files
 *	probe            what the machine can do now (where the driver knows how)
 *
 * An answer is a line of JSON: wall and processor nanoseconds of one, processor nanoseconds of all,
 * or {"error": "…"}.  Both engines include this file, so that they get the same tokens and the same
 * clock.
 */
#ifndef TORCHLESS_BENCH_RACE_ENGINE_H
#define TORCHLESS_BENCH_RACE_ENGINE_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define RACE_CHUNK 512 /* tokens of a pass, in both */

struct race_engine {
	void *ctx;
	int32_t n_vocab;
	int64_t position; /* tokens in the context */
	/* Read n <= RACE_CHUNK tokens behind `position`, with the logits of the last one. */
	bool (*feed)(void *ctx, int32_t *ids, int64_t n);
	/* Forget what is at `position` and behind it. */
	bool (*forget)(void *ctx, int64_t position);
	const float *(*logits)(void *ctx);
	void (*probe)(void *ctx); /* prints a line; NULL: it cannot */
	const char *(*error)(void *ctx);
};

static int64_t race_clock(clockid_t id)
{
	struct timespec t;

	clock_gettime(id, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* Any tokens do, but the first must not be one that a model treats in its own way. */
static int32_t race_token(const struct race_engine *e, int64_t position)
{
	return (int32_t)(300 + (1000 + 37 * position) % (e->n_vocab - 300));
}

static bool race_read(struct race_engine *e, int64_t n, int64_t chunk)
{
	int32_t ids[RACE_CHUNK];

	while (n > 0) {
		int64_t T = n < chunk ? n : chunk;

		for (int64_t i = 0; i < T; i++)
			ids[i] = race_token(e, e->position + i);
		if (!e->feed(e->ctx, ids, T))
			return false;
		e->position += T;
		n -= T;
	}
	return true;
}

static bool race_go_to(struct race_engine *e, int64_t position)
{
	if (e->position > position) {
		if (!e->forget(e->ctx, position))
			return false;
		e->position = position;
	}
	return race_read(e, position - e->position, RACE_CHUNK);
}

/* `repeat` times N tokens from `position` on, in passes of at most `chunk`. */
static bool race_timed(struct race_engine *e, int64_t position, int64_t n, int64_t chunk,
		       int64_t repeat)
{
	int64_t wall = 0, cpu = race_clock(CLOCK_PROCESS_CPUTIME_ID);

	for (int64_t i = 0; i < repeat; i++) {
		int64_t begin;

		if (!race_go_to(e, position))
			return false;
		if (i == 0)
			cpu = race_clock(CLOCK_PROCESS_CPUTIME_ID);
		begin = race_clock(CLOCK_MONOTONIC);
		if (!race_read(e, n, chunk))
			return false;
		wall += race_clock(CLOCK_MONOTONIC) - begin;
	}
	cpu = race_clock(CLOCK_PROCESS_CPUTIME_ID) - cpu;
	printf("{\"ns\":%lld,\"cpu_ns\":%lld,\"all_cpu_ns\":%lld}\n", (long long)(wall / repeat),
	       (long long)(cpu / repeat), (long long)cpu);
	return true;
}

static bool race_logits(struct race_engine *e, int64_t n, const char *path)
{
	FILE *f;
	bool ok;

	if (!race_go_to(e, 0) || !race_read(e, n, RACE_CHUNK))
		return false;
	f = fopen(path, "wb");
	ok = f &&
	     fwrite(e->logits(e->ctx), sizeof(float), (size_t)e->n_vocab, f) == (size_t)e->n_vocab;
	if (f)
		ok = fclose(f) == 0 && ok;
	printf(ok ? "{}\n" : "{\"error\":\"the logits cannot be written\"}\n");
	return true;
}

static void race_memory(void)
{
	FILE *f = fopen("/proc/self/status", "r");
	char line[256];
	long long kb = 0;

	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "RssAnon: %lld kB", &kb) == 1)
			break;
	if (f)
		fclose(f);
	printf("{\"bytes\":%lld}\n", 1024 * kb);
}

static bool race_obey(struct race_engine *e, const char *line)
{
	long long a = 0, b = 0;
	char path[4096];

	if (sscanf(line, "prefill %lld %lld", &a, &b) >= 1 && a > 0)
		return race_timed(e, 0, a, RACE_CHUNK, b > 0 ? b : 1);
	if (sscanf(line, "decode %lld %lld", &a, &b) == 2 && a >= 0 && b > 0)
		return race_timed(e, a, b, 1, 1);
	if (sscanf(line, "logits %lld %4095s", &a, path) == 2 && a > 0)
		return race_logits(e, a, path);
	if (strncmp(line, "memory", 6) == 0)
		race_memory();
	else if (strncmp(line, "probe", 5) == 0 && e->probe)
		e->probe(e->ctx);
	else
		printf("{\"error\":\"no such command\"}\n");
	return true;
}

/* Until stdin ends. */
static void race_serve(struct race_engine *e)
{
	char line[4200];

	fflush(stdout);
	while (fgets(line, sizeof(line), stdin)) {
		if (!race_obey(e, line))
			printf("{\"error\":\"%s\"}\n", e->error(e->ctx));
		fflush(stdout);
	}
}

#endif
