/*
 * bench_machine.c -- what the machine can do, and whether it is quiet enough to measure on.
 *
 *	bench_machine [--json]
 *
 * `make bench` begins with it: who measures on a busy machine should know before ten minutes are
 * gone.  The exit status is 0 either way.
 */
#include "probe.h"
#include "torchless/kernels.h"

#include <stdio.h>
#include <string.h>

#define LOOKS 7

int main(int argc, char **argv)
{
	bool json = argc > 1 && strcmp(argv[1], "--json") == 0, quiet;
	struct err err = { 0 };
	struct threads *pool = threads_new(threads_available(), &err);
	struct probe *p = pool ? probe_new(pool) : NULL;
	double read[LOOKS], fma[LOOKS], latency[LOOKS];

	if (!p) {
		fprintf(stderr, "bench_machine: %s\n", pool ? "not enough memory" : err.message);
		return 3;
	}
	quiet = probe_machine_is_quiet(p, "bench_machine");
	for (int i = 0; i < LOOKS; i++) {
		struct probe_state s = probe_now(p);

		read[i] = s.rate[PROBE_READ];
		fma[i] = s.rate[PROBE_FMA];
		latency[i] = s.latency_ns;
	}
	printf(json ? "{\"case\":\"machine\",\"threads\":%d,\"read\":%.1f,\"fma\":%.0f,"
		      "\"fma_bits\":%d,\"latency_ns\":%.0f,\"kernels\":\"%s\",\"quiet\":%s}\n"
		    : "%d threads: read %.1f GB/s, multiply-add %.0f GF/s (%d bits), %.0f ns from "
		      "thread to thread; kernels %s; quiet: %s\n",
	       threads_count(pool), probe_median(read, LOOKS), probe_median(fma, LOOKS),
	       probe_fma_bits(p), probe_median(latency, LOOKS), kernels_select(NULL)->isa,
	       quiet ? "true" : "false");
	probe_free(p);
	threads_free(pool);
	return 0;
}
