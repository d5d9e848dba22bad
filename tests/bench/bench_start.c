/*
 * bench_start.c -- how long one waits for the model that comes with the program: from the shell's
 * fork to the last byte, as the median of many, commands taking turns.
 *
 *	bench_start [--json] [ROUNDS]
 *
 * The floor is the start of a program that does nothing (`true`), and the weights and the bytes of
 * the recording at the speed that memory is read with, once: what lies in a cache costs less.  A
 * shared machine makes everyone wait: beside the wall clock stands the processor time, which waits
 * for nobody.  $TORCHLESS is the program (default: the one this was built with).
 */
#define _DEFAULT_SOURCE /* wait4 */
#include "torchless/clock.h"
#include "torchless/mem.h"
#include "torchless/model.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define ROUNDS      41
#define MAX_ROUNDS  1000
#define PROBE_BYTES ((size_t)128 << 20) /* more than caches hold */

static char torchless[4096], recording[64];

struct job {
	const char *name;
	const char *argv[8];
	bool reads;    /* the weights */
	bool writes;   /* a recording */
	double within; /* milliseconds that were promised; 0: nothing was */
	double wall[MAX_ROUNDS], cpu[MAX_ROUNDS];
};

/* 20 tokens, <s> among them: main() checks it. */
#define TWENTY "Lily put the ball in the box. Tom asked where the ball was. Lily said it was"

static struct job jobs[] = {
	{ "true", { "true" }, false, false, 0, { 0 }, { 0 } },
	{ "torchless --version", { torchless, "--version" }, false, false, 0, { 0 }, { 0 } },
	{ "run, one token",
	  { torchless, "run", "-q", "-n", "1", "Once upon a time" },
	  true,
	  false,
	  50,
	  { 0 },
	  { 0 } },
	{ "run, 32 tokens",
	  { torchless, "run", "-q", "-n", "32", "Once upon a time" },
	  true,
	  false,
	  50,
	  { 0 },
	  { 0 } },
	{ "trace, prompt of 20 tokens",
	  { torchless, "trace", "-q", "-o", recording, TWENTY },
	  true,
	  true,
	  150,
	  { 0 },
	  { 0 } },
};
#define N_JOBS (sizeof(jobs) / sizeof(jobs[0]))

static double seconds(void)
{
	return 1e-9 * (double)clock_ns();
}

static void die(const char *what)
{
	fprintf(stderr, "bench_start: %s\n", what);
	exit(2);
}

static double of_timeval(struct timeval t)
{
	return (double)t.tv_sec + (double)t.tv_usec * 1e-6;
}

/* Runs it once, silent; a failure ends everything. */
static void run_once(struct job *job, int round)
{
	double begin;
	struct rusage used;
	int status = 0;
	pid_t pid;

	if (job->writes) /* nothing is put aside for it, and nothing said of that */
		unlink(recording);
	begin = seconds();
	pid = fork();
	if (pid == 0) {
		int null = open("/dev/null", O_RDWR);

		dup2(null, 0);
		dup2(null, 1);
		execvp(job->argv[0], (char *const *)job->argv);
		_exit(127);
	}
	if (pid < 0 || wait4(pid, &status, 0, &used) != pid || status != 0) {
		fprintf(stderr, "bench_start: %s fails with status %d\n", job->name, status);
		exit(2);
	}
	job->wall[round] = 1e3 * (seconds() - begin);
	job->cpu[round] = 1e3 * (of_timeval(used.ru_utime) + of_timeval(used.ru_stime));
}

static int ascending(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double median(double *x, int n)
{
	qsort(x, (size_t)n, sizeof(*x), ascending);
	return n % 2 ? x[n / 2] : (x[n / 2 - 1] + x[n / 2]) / 2;
}

/* Bytes a millisecond that one thread reads from memory: the best of a few. */
static double bandwidth(void)
{
	size_t n = PROBE_BYTES / sizeof(uint64_t);
	uint64_t *memory = mem_calloc(n, sizeof(*memory)), sum = 0;
	double best = 1e9;

	memset(memory, 1, PROBE_BYTES);
	for (int i = 0; i < 7; i++) {
		double begin = seconds(), t;

		for (size_t k = 0; k < n; k++)
			sum += memory[k];
		t = seconds() - begin;
		best = t < best ? t : best;
	}
	free(memory);
	if (sum == 0) /* keeps the loop */
		die("memory forgets");
	return (double)PROBE_BYTES / best / 1e3;
}

/* The bytes of the weights; ends everything unless the prompt has 20 tokens. */
static double weights_of_model(const char *path)
{
	struct encoding tokens = { 0 };
	struct err err = { 0 };
	struct model m;
	double bytes;

	if (model_open(&m, path, CHECKPOINT_ALL, &err) ||
	    tokenizer_encode(m.tokenizer, TWENTY, strlen(TWENTY), ENCODE_SPECIAL, &tokens, &err))
		die(err.message);
	if (tokens.n != 20)
		die("the prompt of 20 tokens has another number of them");
	bytes = (double)m.checkpoint.weight_bytes;
	encoding_release(&tokens);
	model_close(&m);
	return bytes;
}

static void report(struct job *job, bool json, int rounds, double true_ms, double weights,
		   double per_ms)
{
	double wall = median(job->wall, rounds), best = job->wall[0],
	       cpu = median(job->cpu, rounds);
	double floor = true_ms + (job->reads ? weights / per_ms : 0);
	struct stat file;
	char promise[32] = "";

	if (job->writes && stat(recording, &file) == 0)
		floor += (double)file.st_size / per_ms;
	if (json) {
		printf("{\"case\":\"%s\",\"median_ms\":%.3f,\"least_ms\":%.3f,\"cpu_ms\":%.3f,"
		       "\"floor_ms\":%.3f,\"ratio\":%.2f,\"within_ms\":%.0f}\n",
		       job->name, wall, best, cpu, floor, wall / floor, job->within);
		return;
	}
	if (job->within > 0)
		snprintf(promise, sizeof(promise), "%.0f%s", job->within,
			 wall < job->within ? "" : " missed");
	printf("%-28s%9.1f%9.1f%9.1f%9.2f%8.1f   %s\n", job->name, wall, best, cpu, floor,
	       wall / floor, promise);
}

static void measure(bool json, int rounds, const char *model)
{
	double weights = weights_of_model(model), per_ms = bandwidth(), true_ms;

	for (int round = -2; round < rounds; round++) /* two to warm up */
		for (size_t i = 0; i < N_JOBS; i++)
			run_once(&jobs[i], round < 0 ? 0 : round);
	true_ms = median(jobs[0].wall, rounds);
	if (!json)
		printf("%-28s%9s%9s%9s%9s%8s   %s\n", "ms, median of rounds", "wall", "least",
		       "cpu", "floor", "ratio", "promised");
	for (size_t i = 0; i < N_JOBS; i++)
		report(&jobs[i], json, rounds, true_ms, weights, per_ms);
}

int main(int argc, char **argv)
{
	bool json = argc > 1 && !strcmp(argv[1], "--json");
	int rounds = argc > 1 + json ? atoi(argv[1 + json]) : ROUNDS;
	const char *given = getenv("TORCHLESS"), *slash = strrchr(argv[0], '/');
	char folder[] = "/tmp/torchless-bench-XXXXXX";

	if (rounds < 1 || rounds > MAX_ROUNDS)
		die("usage: bench_start [--json] [ROUNDS]");
	if (given)
		snprintf(torchless, sizeof(torchless), "%s", given);
	else
		snprintf(torchless, sizeof(torchless), "%.*s../../torchless",
			 slash ? (int)(slash + 1 - argv[0]) : 0, argv[0]);
	if (!mkdtemp(folder))
		die("no temporary folder");
	snprintf(recording, sizeof(recording), "%s/trace.db", folder);
	unsetenv("TORCHLESS_MODEL");
	measure(json, rounds, "lessons/model");
	unlink(recording);
	rmdir(folder);
	return 0;
}
