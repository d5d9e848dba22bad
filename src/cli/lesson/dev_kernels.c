/*
 * dev_kernels.c -- part of `torchless lesson dev check`: the proof of every kernel exercise.
 *
 * Exercises know nothing of each other, so each is proved in a process of its own, as many at a
 * time as there are processors; their lines come in the order of the course.
 */
#include "dev_kernels.h"

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

/* The line of an exercise, and its flaws. */
static void write_proof(const struct proof *p, FILE *out)
{
	char weakest[160] = "none is wrong in numbers";

	if (isfinite(p->weakest))
		snprintf(weakest, sizeof(weakest), "the nearest wrong answer is %.3g x (%s)",
			 p->weakest, p->weakest_name);
	fprintf(out,
		"%s %s: %d checks, %d trials, %d wrong, %d equivalent; right answers are off by "
		"%.2g of what is allowed, %s\n",
		p->n_flaws ? "FAIL" : "ok  ", p->exercise->id, p->n_checks, p->n_trials, p->n_wrong,
		p->n_equivalent, p->noise, weakest);
	fwrite(p->flaws.data, 1, p->flaws.len, out);
}

/* In the worker: the status says what dev_check_kernels() returns of it. */
static int prove(const struct classroom *room, const struct exercise *e, int to)
{
	struct err err = { 0 };
	struct proof p = { 0 };
	FILE *out = fdopen(to, "w");
	int rc = proof_run(&p, room, e, &err);

	if (!out)
		return -ERR_IO;
	if (rc)
		fprintf(out, "FAIL %s: %s\n", e->id, err.message);
	else
		write_proof(&p, out);
	rc = rc ? -rc : p.n_flaws ? -ERR_NO : 0;
	proof_release(&p);
	return fclose(out) ? -ERR_IO : rc;
}

static int start(struct worker *w, const struct classroom *room, const struct exercise *e,
		 struct err *err)
{
	int ends[2];

	if (pipe(ends))
		return err_set(err, ERR_IO, "no pipe: %s", strerror(errno));
	fflush(NULL);
	*w = (struct worker){ .pid = fork(), .from = ends[0], .exercise = e };
	if (w->pid == 0) {
		close(ends[0]);
		_exit(prove(room, e, ends[1]));
	}
	close(ends[1]);
	if (w->pid > 0)
		return 0;
	close(ends[0]);
	return err_set(err, err_of_errno(errno), "no process can be started: %s", strerror(errno));
}

/* Print what it says to its end; 0 or ERR_*. */
static int finish(struct worker *w, struct err *err)
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
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return 0;
	return err_set(err, WIFEXITED(status) ? -WEXITSTATUS(status) : ERR_IO,
		       "the exercise %s is not as it has to be", w->exercise->id);
}

static int n_kernels(const struct course *c, const char *only, const struct exercise **out)
{
	int n = 0;

	for (int l = 0; l < c->n_lessons; l++)
		for (int e = 0; e < c->lessons[l].n_exercises; e++) {
			const struct exercise *at = &c->lessons[l].exercises[e];

			if (at->kind == EXERCISE_KERNEL && (!only || strcmp(at->id, only) == 0))
				out[n++] = at;
		}
	return n;
}

int dev_check_kernels(const struct classroom *room, const char *only, struct err *err)
{
	int most = course_n_exercises(room->course), at_once = threads_available();
	const struct exercise **list = mem_calloc((size_t)most + 1, sizeof(*list));
	struct worker *workers = mem_calloc((size_t)most + 1, sizeof(*workers));
	int n = n_kernels(room->course, only, list), started = 0, rc = 0;
	struct classroom alone = *room;

	/* A pool has threads that a copy of the process has not. */
	alone.pool = NULL;
	for (int i = 0; i < n; i++) {
		int r = 0;

		while (started < n && started < i + at_once && r == 0) {
			r = start(&workers[started], &alone, list[started], err);
			started += r == 0;
		}
		if (r == 0)
			r = finish(&workers[i], err);
		rc = rc ? rc : r;
		if (started <= i)
			break;
	}
	free(list);
	free(workers);
	return rc;
}
