/*
 * dev_proofs.c -- part of `torchless lesson dev check`: the proof of every exercise.
 *
 * Exercises know nothing of each other, so each is proved in a process of its own, as many at a
 * time as there are processors; their lines come in the order in which they began.
 */
#include "dev_proofs.h"

#include "torchless/lesson_proof.h"
#include "torchless/mem.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

struct worker {
	pid_t pid;
	int from; /* what it says */
	const struct exercise *exercise;
};

/* A status of a worker from here on is an error of the environment: BROKEN - ERR_*. */
#define BROKEN 128

/* The line of an exercise, and its flaws. */
static void write_proof(const struct proof *p, FILE *out)
{
	fprintf(out, "%s %s: %d checks, %d wrong, %d equivalent", p->n_flaws ? "FAIL" : "ok  ",
		p->exercise->id, p->n_checks, p->n_wrong, p->n_equivalent);
	if (p->kernel)
		fprintf(out, "; %d trials, right answers are off by %.2g of what is allowed",
			p->n_trials, p->noise);
	if (p->kernel && isfinite(p->weakest))
		fprintf(out, ", the nearest wrong answer by %.3g x (%s)", p->weakest,
			p->weakest_name);
	fputc('\n', out);
	if (p->flaws.len)
		fwrite(p->flaws.data, 1, p->flaws.len, out);
}

/* In the worker: how many flaws it has, or that something is BROKEN. */
static int prove(const struct classroom *room, const struct exercise *e, int to)
{
	struct err err = { 0 };
	struct proof p = { 0 };
	FILE *out = fdopen(to, "w");
	int rc, n;

	if (!out)
		return BROKEN - ERR_IO;
	rc = proof_is_of_words(e) ? proof_run_words(&p, room, e, &err)
				  : proof_run(&p, room, e, &err);
	if (rc)
		fprintf(out, "FAIL %s: %s\n", e->id, err.message);
	else
		write_proof(&p, out);
	n = p.n_flaws < BROKEN ? p.n_flaws : BROKEN - 1;
	proof_release(&p);
	return fclose(out) ? BROKEN - ERR_IO : rc ? BROKEN - rc : n;
}

static int start(struct worker *w, const struct classroom *room, struct err *err)
{
	int ends[2];

	if (pipe(ends))
		return err_set(err, ERR_IO, "no pipe: %s", strerror(errno));
	fflush(NULL);
	w->from = ends[0];
	w->pid = fork();
	if (w->pid == 0) {
		close(ends[0]);
		_exit(prove(room, w->exercise, ends[1]));
	}
	close(ends[1]);
	if (w->pid > 0)
		return 0;
	close(ends[0]);
	return err_set(err, err_of_errno(errno), "no process can be started: %s", strerror(errno));
}

/* Print what it says to its end; 0 or ERR_*. */
static int finish(struct worker *w, int *n_found, struct err *err)
{
	char buf[4096];
	ssize_t n;
	int status = 0;

	while ((n = read(w->from, buf, sizeof(buf))) > 0 || (n < 0 && errno == EINTR))
		if (n > 0)
			fwrite(buf, 1, (size_t)n, stdout);
	fflush(stdout);
	close(w->from);
	while (waitpid(w->pid, &status, 0) < 0 && errno == EINTR)
		;
	if (WIFEXITED(status) && WEXITSTATUS(status) < BROKEN) {
		*n_found += WEXITSTATUS(status);
		return 0;
	}
	return err_set(err, WIFEXITED(status) ? BROKEN - WEXITSTATUS(status) : ERR_IO,
		       "the exercise %s could not be proved", w->exercise->id);
}

/* The exercises that have something to prove; those that take long, kernels, come first. */
static int choose(const struct course *c, const struct lesson *only, struct worker *out)
{
	int n = 0;

	for (int pass = 0; pass < 2; pass++)
		for (int l = 0; l < c->n_lessons; l++)
			for (int e = 0; e < c->lessons[l].n_exercises; e++) {
				const struct exercise *at = &c->lessons[l].exercises[e];
				bool fits =
					pass ? proof_is_of_words(at) : at->kind == EXERCISE_KERNEL;

				if (fits && (!only || only == at->lesson))
					out[n++].exercise = at;
			}
	return n;
}

int dev_check_proofs(const struct classroom *room, const struct lesson *only, int *n_found,
		     struct err *err)
{
	int most = course_n_exercises(room->course), at_once = threads_available();
	struct worker *workers = mem_calloc((size_t)most + 1, sizeof(*workers));
	int n = choose(room->course, only, workers), started = 0, rc = 0;
	struct classroom alone = *room;
	struct err ignored;
	bool may_start = true;

	/* A pool has threads that a copy of the process has not. */
	alone.pool = NULL;
	for (int i = 0; i < n; i++) {
		while (started < n && started < i + at_once && may_start) {
			int r = start(&workers[started], &alone, err);

			may_start = r == 0;
			started += may_start;
			rc = rc ? rc : r;
		}
		/* Those that were started are heard to their end, whatever became of the others. */
		if (i < started) {
			int r = finish(&workers[i], n_found, rc ? &ignored : err);

			rc = rc ? rc : r;
		}
	}
	free(workers);
	return rc;
}
