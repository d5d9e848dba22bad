/*
 * milestone.c -- all functions that a learner has written so far compute the model together.
 */
#include "../kernels/kernel.h"
#include "check.h"
#include "look.h"

#include "torchless/mem.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MOST      16
#define PROMPT    80 /* behind the window of the teaching model */
#define DECODED   4
#define FEW       8 /* of a large model */
#define TOLERANCE 2e-4

/* The learner's files, compiled, and what they are. */
struct parts {
	const struct exercise *exercises[MOST];
	const struct kernel *kernels[MOST];
	const char *files[MOST], *libraries[MOST];
	struct compiled made[MOST];
	int n;
};

static int bad_conf(const struct check *c, const char *word, size_t len, struct err *err)
{
	return err_set(err, ERR_FORMAT, "milestone %s: `%.*s` is no kernel exercise",
		       c->exercise->id, (int)len, word);
}

/* The exercises that `kernels = "…"` names. */
static int list_parts(const struct check *c, struct parts *p, struct err *err)
{
	const char *at = section_value(c->exercise->conf, "kernels");

	for (at = at ? at : ""; *(at += strspn(at, " \t\n")); at += strcspn(at, " \t\n")) {
		size_t len = strcspn(at, " \t\n");
		char *id = mem_memdup(at, len);
		const struct exercise *e = course_exercise(c->room->course, id);
		const char *symbol = e ? section_value(e->conf, "kernel") : NULL;

		free(id);
		if (!symbol || !kernel_find(symbol) || p->n == MOST)
			return bad_conf(c, at, len, err);
		p->exercises[p->n] = e;
		p->kernels[p->n] = kernel_find(symbol);
		p->files[p->n++] = e->file;
	}
	return p->n > 0 ? 0 : bad_conf(c, "", 0, err);
}

/* Compile part i of the learner's folder; what keeps it from that is a line of the verdict. */
static int make_part(const struct check *c, struct parts *p, int i, struct verdict *v,
		     struct err *err)
{
	const struct exercise *e = p->exercises[i];
	struct text path = { 0 }, source = { 0 }, why = { 0 };
	const char *what = NULL;
	bool is_there;
	int rc = 0;

	text_addf(&path, "%s/%s/%s", c->room->home, e->lesson->dir, e->file);
	is_there = access(path.data, F_OK) == 0;
	if (is_there) {
		rc = text_read_regular(&source, path.data, (size_t)1 << 30, err);
		text_adds(&source, "");
	}
	if (!rc)
		rc = look_at_file(c->room, e, is_there ? source.data : NULL, source.len, &what,
				  &why, err);
	if (!rc && !what) {
		struct compile compile = { .name = e->file,
					   .path = path.data,
					   .source = source.data,
					   .len = source.len,
					   .cache = c->room->cache,
					   .interrupted = c->room->interrupted };

		rc = sandbox_compile(&compile, &p->made[i], err);
		p->libraries[i] = p->made[i].library;
		if (!rc && !p->libraries[i]) {
			what = "compiles";
			text_adds(&why, p->made[i].said.data);
		}
	}
	if (!rc && what)
		verdict_line(v, CHECK_FAILED, e->file, "%s", why.data);
	text_release(&path);
	text_release(&source);
	text_release(&why);
	return rc;
}

/* Parts [first, first + n) in a model; n of all: together. */
static int run_parts(const struct check *c, const struct parts *p, int first, int n,
		     const char *model, bool is_large, struct swap *s, struct err *err)
{
	*s = (struct swap){
		.model = model,
		.engine = c->room->kernels,
		.files = p->files + first,
		.libraries = p->libraries + first,
		.kernels = p->kernels + first,
		.n = n,
		.n_prompt = is_large ? FEW : PROMPT,
		.n_decode = is_large ? 1 : DECODED,
		.tolerance = TOLERANCE,
		.cpu_seconds = is_large ? 300 : 30,
		.wall_seconds = is_large ? 600 : 90,
		.seed = c->room->seed,
		.interrupted = c->room->interrupted,
	};
	return swap_run(s, err);
}

/* Which of the files alone makes the difference, "" where none does. */
static int blame(const struct check *c, const struct parts *p, const char *model, bool is_large,
		 struct text *out, struct err *err)
{
	for (int i = 0; i < p->n; i++) {
		struct swap s;
		int rc = run_parts(c, p, i, 1, model, is_large, &s, err);
		bool differs = !rc && (!s.is_done || s.found.found);

		swap_release(&s);
		if (rc)
			return rc;
		if (differs) {
			text_addf(out, "; it is %s that makes it: `torchless lesson check %s`",
				  p->files[i], p->exercises[i]->id);
			return 0;
		}
	}
	return 0;
}

static int run_model(const struct check *c, const struct parts *p, const char *model, bool is_large,
		     const char *what, struct verdict *v, struct err *err)
{
	struct text detail = { 0 };
	struct swap s;
	int rc = run_parts(c, p, 0, p->n, model, is_large, &s, err);

	if (!rc && s.is_done && !s.found.found) {
		verdict_line(v, CHECK_PASSED, what, "%lld points are the same",
			     (long long)s.found.n_points);
	} else if (!rc) {
		if (s.is_done)
			divergence_say(&s.found, &detail);
		else
			text_addf(&detail, "your code %s", s.says);
		rc = blame(c, p, model, is_large, &detail, err);
		verdict_line(v, CHECK_FAILED, what, "%s", detail.data);
	}
	swap_release(&s);
	text_release(&detail);
	return rc;
}

int check_milestone(const struct check *c, struct verdict *v, struct err *err)
{
	struct parts p = { .n = 0 };
	struct text what = { 0 };
	int rc = list_parts(c, &p, err), made = 0;

	for (int i = 0; i < p.n && !rc; i++) {
		rc = make_part(c, &p, i, v, err);
		made += p.libraries[i] != NULL;
	}
	if (!rc && made == p.n) {
		verdict_line(v, CHECK_PASSED, "all files compile", "%d of %d", made, p.n);
		text_addf(&what, "%d of your functions compute the model", p.n);
		rc = run_model(c, &p, c->room->model, false, what.data, v, err);
		if (!rc && v->passed && c->room->smollm2)
			rc = run_model(c, &p, c->room->smollm2, true, "and SmolLM2", v, err);
	}
	for (int i = 0; i < p.n; i++)
		compiled_release(&p.made[i]);
	text_release(&what);
	return rc;
}

int solution_milestone(const struct check *c, struct text *out, struct err *err)
{
	struct parts p = { .n = 0 };
	int rc = list_parts(c, &p, err);

	if (rc)
		return rc;
	text_adds(out, "It has no code of its own. It runs your functions, and each of these "
		       "exercises has its solution:\n");
	for (int i = 0; i < p.n; i++)
		text_addf(out, "%s  %s/%s\n", p.exercises[i]->id, p.exercises[i]->lesson->dir,
			  p.files[i]);
	return 0;
}
