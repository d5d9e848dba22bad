/*
 * wrong.c -- the wrong answers of a lesson, and which of them a learner's is.
 *
 * They are files as a learner would hand them in.  Run on the same inputs, the one that gives the
 * same numbers names what was believed.
 */
#include "../comment.h"
#include "kernel.h"

#include "torchless/mem.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* Wrong in the same way: their own rounding is all that may differ. */
#define SAME 1e-4

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

static int compile(const struct classroom *room, const struct wrong *w, struct compiled *made,
		   struct err *err)
{
	struct compile c = { .name = w->file->path,
			     .source = w->file->data,
			     .len = w->file->size,
			     .cache = room->cache,
			     .interrupted = room->interrupted };

	return sandbox_compile(&c, made, err);
}

/* ---- many in one library ---------------------------------------------------------------------
 *
 * Of a small file a compiler's start and the linker take nearly all of the time, so half of the
 * files are one source, in which whatever a file calls by name has the file's number in it.  Where
 * that does not compile, each is compiled by itself.
 */

#define N_SHARES 2

static bool is_of_name(char c)
{
	return isalnum((unsigned char)c) || c == '_';
}

static void rename_as(struct text *out, const char *name, size_t len, int i)
{
	if (len > 0)
		text_addf(out, "#define %.*s %.*s__%d\n", (int)len, name, (int)len, name, i);
}

static bool begins(const char *line, const char *word)
{
	return strncmp(line, word, strlen(word)) == 0;
}

/* Whether a line at the left edge begins a function, declared or defined: "int compare(". */
static bool is_function(const char *line, size_t len)
{
	return (isalpha((unsigned char)*line) || *line == '_') && !begins(line, "typedef ") &&
	       memchr(line, '(', len);
}

/* What a line at the left edge of a file defines: a function, a static, or a type with a name. */
static void rename_defined(struct text *out, const char *line, size_t len, int i)
{
	const char *end = line, *stop = line + len, *at;

	if (begins(line, "static ") || is_function(line, len)) {
		while (end < stop && !strchr("([=;", *end))
			end++;
	} else if (begins(line, "struct ") || begins(line, "enum ") || begins(line, "union ")) {
		while (end < stop && *end != '{')
			end++;
	}
	if (end == stop)
		return;
	while (end > line && !is_of_name(end[-1]))
		end--;
	for (at = end; at > line && is_of_name(at[-1]);)
		at--;
	rename_as(out, at, (size_t)(end - at), i);
}

static void add_file(struct text *out, const struct wrong *w, const char *symbol, int i)
{
	rename_as(out, symbol, strlen(symbol), i);
	for (const char *line = w->file->data; *line;) {
		size_t len = strcspn(line, "\n");

		rename_defined(out, line, len, i);
		line += len + (line[len] == '\n');
	}
	text_add(out, w->file->data, w->file->size);
	text_addf(out, "#undef %s\n", symbol);
}

/* Those of number `share`, `share` + N_SHARES, … */
static int compile_share(const struct classroom *room, const struct wrong *w, int n,
			 const char *symbol, int share, struct compiled *made, struct err *err)
{
	struct text source = { 0 };
	struct compile c = { .name = "wrong answers",
			     .flags = "-O2 -w",
			     .cache = room->cache,
			     .interrupted = room->interrupted };
	int rc;

	for (int i = share; i < n; i += N_SHARES)
		add_file(&source, &w[i], symbol, i);
	c.source = source.data;
	c.len = source.len;
	rc = sandbox_compile(&c, made, err);
	text_release(&source);
	return rc;
}

/* A process that compiles the second share into the cache meanwhile; 0: there is none. */
static pid_t begin_second(const struct classroom *room, const struct wrong *w, int n,
			  const char *symbol)
{
	pid_t pid;

	if (n < 3 || threads_available() < 2)
		return 0;
	fflush(NULL);
	pid = fork();
	if (pid == 0) {
		struct compiled made;
		struct err err;

		if (compile_share(room, w, n, symbol, 1, &made, &err) == 0)
			compiled_release(&made);
		_exit(EXIT_SUCCESS);
	}
	return pid > 0 ? pid : 0;
}

static int compile_shares(const struct classroom *room, const struct wrong *w, int n,
			  const char *symbol, struct compiled *made, struct err *err)
{
	pid_t second = begin_second(room, w, n, symbol);
	int rc = compile_share(room, w, n, symbol, 0, &made[0], err);

	while (second && waitpid(second, NULL, 0) < 0 && errno == EINTR)
		;
	return rc || n < 2 ? rc : compile_share(room, w, n, symbol, 1, &made[1], err);
}

/* ---- which it is -------------------------------------------------------------------------------
 */

/* How far the learner's trial is from that of wrong answer i, in the library of its share. */
static int try_wrong(const struct classroom *room, const struct wrong *w, int i,
		     const struct compiled *share, struct battery *b, const struct trial *got,
		     double *far, struct err *err)
{
	struct text symbol = { 0 };
	struct trial_of of = { .file = w->file->path,
			       .library = share->library,
			       .interrupted = room->interrupted };
	struct compiled made = { 0 };
	struct trial t = { 0 };
	int rc = 0;

	text_addf(&symbol, "%s__%d", b->kernel->symbol, i);
	of.symbol = symbol.data;
	if (!of.library) {
		rc = compile(room, w, &made, err);
		of.library = made.library;
		of.symbol = b->kernel->symbol;
	}
	*far = INFINITY;
	if (!rc && of.library) {
		rc = trial_run(&t, b, &of, err);
		*far = rc ? INFINITY : distance(got, &t);
	}
	if (t.battery)
		trial_release(&t);
	compiled_release(&made);
	text_release(&symbol);
	return rc;
}

int wrong_meant(const struct classroom *room, const struct wrong *w, int n, struct battery *b,
		const struct trial *got, int *meant, struct err *err)
{
	struct compiled shares[N_SHARES] = { 0 };
	double nearest = SAME;
	int rc = n > 0 ? compile_shares(room, w, n, b->kernel->symbol, shares, err) : 0;

	*meant = -1;
	for (int i = 0; i < n && nearest > 0 && !rc; i++) {
		double far;

		rc = try_wrong(room, &w[i], i, &shares[i % N_SHARES], b, got, &far, err);
		if (!rc && far < nearest) {
			nearest = far;
			*meant = i;
		}
	}
	for (int i = 0; i < N_SHARES; i++)
		compiled_release(&shares[i]);
	return rc;
}
