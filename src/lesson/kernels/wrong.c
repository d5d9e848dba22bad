/*
 * wrong.c -- the wrong answers of a lesson, and which of them a learner's is.
 *
 * They are files as a learner would hand them in.  Run on the same inputs, the one that gives the
 * same numbers names what was believed.
 */
/* For anonymous mappings.  NOLINTNEXTLINE(bugprone-reserved-identifier) */
#define _DEFAULT_SOURCE

#include "kernel.h"

#include "torchless/mem.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

/* Wrong in the same way: their own rounding is all that may differ. */
#define SAME 1e-4

/* The value of `key: ` in the comment that the file begins with, its further lines joined; NULL. */
static char *comment_value(const struct course_file *f, const char *key)
{
	const char *end = strstr(f->data, "*/"), *at = f->data;
	struct text out = { 0 };
	bool inside = false;

	while (end && at < end) {
		size_t len = strcspn(at, "\n"), skip = strspn(at, " \t*/"), n = strlen(key);
		const char *line = at + skip;
		size_t left = len > skip ? len - skip : 0;

		if (left > n && strncmp(line, key, n) == 0 && line[n] == ':') {
			inside = true;
			line += n + 1;
			left -= n + 1;
		} else if (inside && (left == 0 || skip < 4 || line >= end)) {
			break;
		}
		while (inside && left > 0 && isspace((unsigned char)*line))
			line++, left--;
		if (inside && left > 0 && line < end) {
			if (out.len > 0)
				text_addc(&out, ' ');
			text_add(&out, line, line + left > end ? (size_t)(end - line) : left);
		}
		at += len + (at[len] == '\n');
	}
	while (out.len > 0 && isspace((unsigned char)out.data[out.len - 1]))
		out.data[--out.len] = '\0';
	return out.data;
}

/* "05-rope/wrong/adjacent.c" of folder "wrong" of lesson 05-rope: its key. */
static char *key_of(const struct course_file *f, const char *dir, const char *folder)
{
	size_t n = strlen(dir), m = strlen(folder), len = strlen(f->path);

	if (strncmp(f->path, dir, n) != 0 || f->path[n] != '/' ||
	    strncmp(f->path + n + 1, folder, m) != 0 || f->path[n + 1 + m] != '/' || len < 3 ||
	    strcmp(f->path + len - 2, ".c") != 0)
		return NULL;
	return mem_memdup(f->path + n + m + 2, len - (n + m + 2) - 2);
}

int wrong_list(const struct classroom *room, const struct exercise *e, const char *folder,
	       struct wrong **out)
{
	const struct course *c = room->course;
	size_t cap = 0;
	int n = 0;

	*out = NULL;
	for (size_t i = 0; i < c->n_files; i++) {
		char *key = key_of(&c->files[i], e->lesson->dir, folder), *exercise;

		exercise = key ? comment_value(&c->files[i], "exercise") : NULL;
		if (exercise && strcmp(exercise, e->id) == 0) {
			*out = mem_grow(*out, (size_t)n, &cap, sizeof(**out));
			(*out)[n++] = (struct wrong){ &c->files[i], key,
						      comment_value(&c->files[i], "says") };
			key = NULL;
		}
		free(exercise);
		free(key);
	}
	return n;
}

void wrong_release(struct wrong *w, int n)
{
	for (int i = 0; i < n; i++) {
		free(w[i].key);
		free(w[i].says);
	}
	free(w);
}

/* How far two trials are from each other; INFINITY where they did not end alike. */
static double distance(const struct trial *a, const struct trial *b)
{
	double worst = 0;
	int array;

	if (a->is_done != b->is_done || a->n_done != b->n_done)
		return INFINITY;
	if (!a->is_done && (a->at != b->at || strcmp(a->says, b->says) != 0))
		return INFINITY;
	for (int i = 0; i < a->n_done; i++) {
		double error = trial_difference(a, b, i, &array).error;

		worst = error > worst ? error : worst;
	}
	return worst;
}

static int compile(const struct classroom *room, const struct wrong *w,
		   const volatile sig_atomic_t *interrupted, struct compiled *made, struct err *err)
{
	struct compile c = { .name = w->file->path,
			     .source = w->file->data,
			     .len = w->file->size,
			     .cache = room->cache,
			     .interrupted = interrupted };

	return sandbox_compile(&c, made, err);
}

/* A process that compiles into the cache from the other end of the list, until it is stopped. */
struct ahead {
	pid_t pid; /* 0: there is none */
	volatile sig_atomic_t *stop;
};

static void begin_ahead(struct ahead *a, const struct classroom *room, const struct wrong *w, int n)
{
	*a = (struct ahead){ 0 };
	if (n < 3 || threads_available() < 2)
		return;
	a->stop = mmap(NULL, sizeof(*a->stop), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
		       -1, 0);
	if (a->stop == MAP_FAILED)
		return;
	fflush(NULL);
	a->pid = fork();
	if (a->pid == 0) {
		for (int i = n - 1; i > 0 && !*a->stop; i--) {
			struct compiled made;
			struct err err;

			if (compile(room, &w[i], a->stop, &made, &err) == 0)
				compiled_release(&made);
		}
		_exit(EXIT_SUCCESS);
	}
	if (a->pid < 0) {
		munmap((void *)a->stop, sizeof(*a->stop));
		a->pid = 0;
	}
}

static void end_ahead(const struct ahead *a)
{
	if (!a->pid)
		return;
	*a->stop = 1;
	while (waitpid(a->pid, NULL, 0) < 0 && errno == EINTR)
		;
	munmap((void *)a->stop, sizeof(*a->stop));
}

/* How far the learner's trial is from that of a wrong answer. */
static int try_wrong(const struct classroom *room, const struct wrong *w, struct battery *b,
		     const struct trial *got, double *far, struct err *err)
{
	struct trial_of of = { .file = w->file->path,
			       .symbol = b->kernel->symbol,
			       .interrupted = room->interrupted };
	struct compiled made;
	struct trial t = { 0 };
	int rc = compile(room, w, room->interrupted, &made, err);

	*far = INFINITY;
	if (!rc && made.library) {
		of.library = made.library;
		rc = trial_run(&t, b, &of, err);
		*far = rc ? INFINITY : distance(got, &t);
	}
	if (t.battery)
		trial_release(&t);
	compiled_release(&made);
	return rc;
}

int wrong_meant(const struct classroom *room, const struct wrong *w, int n, struct battery *b,
		const struct trial *got, int *meant, struct err *err)
{
	double nearest = SAME;
	struct ahead ahead;
	int rc = 0;

	*meant = -1;

	begin_ahead(&ahead, room, w, n);
	for (int i = 0; i < n && nearest > 0 && !rc; i++) {
		double far;

		rc = try_wrong(room, &w[i], b, got, &far, err);
		if (!rc && far < nearest) {
			nearest = far;
			*meant = i;
		}
	}
	end_ahead(&ahead);
	return rc;
}
