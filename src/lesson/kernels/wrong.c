/*
 * wrong.c -- the wrong answers of a lesson, and which of them a learner's is.
 *
 * They are files as a learner would hand them in.  Run on the same inputs, the one that gives the
 * same numbers names what was believed.
 */
#include "kernel.h"

#include "torchless/mem.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

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

int wrong_meant(const struct classroom *room, const struct exercise *e, const struct wrong *w,
		int n, struct battery *b, const struct trial *got, struct err *err)
{
	double nearest = SAME;
	int best = -1;

	(void)e;
	for (int i = 0; i < n && nearest > 0; i++) {
		struct compile c = { .name = w[i].file->path,
				     .source = w[i].file->data,
				     .len = w[i].file->size,
				     .cache = room->cache,
				     .interrupted = room->interrupted };
		struct compiled made;
		struct trial t = { 0 };
		int rc = sandbox_compile(&c, &made, err);

		if (!rc && made.library)
			rc = trial_run(&t, b,
				       &(struct trial_of){ .file = w[i].file->path,
							   .library = made.library,
							   .symbol = b->kernel->symbol,
							   .interrupted = room->interrupted },
				       err);
		if (!rc && made.library) {
			double far = distance(got, &t);

			if (far < nearest) {
				nearest = far;
				best = i;
			}
		}
		if (t.battery)
			trial_release(&t);
		compiled_release(&made);
		if (rc)
			return rc;
	}
	return best;
}
