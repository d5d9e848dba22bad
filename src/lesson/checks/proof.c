/*
 * proof.c -- what a kernel exercise promises of its own files, for who writes lessons.
 *
 * The starter compiles and fails, the solution passes with every compiler and seed, wrong answers
 * fail and are told by their own names, equivalents pass, and answers that do nothing fail.
 */
#include "proof.h"
#include "../cut.h"
#include "../kernels/kernel.h"

#include "torchless/mem.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SEEDS     20
#define FEW_SEEDS 3
#define MARGIN    5 /* between what is allowed and what is right, or wrong */

void proof_flaw(struct proof *p, const char *what, const char *fmt, ...)
{
	char detail[1500];
	va_list args;

	va_start(args, fmt);
	vsnprintf(detail, sizeof(detail), fmt, args);
	va_end(args);
	text_addf(&p->flaws, "%s: %s: %s\n", p->exercise->id, what, detail);
	p->n_flaws++;
}

/* How a file is compiled to be tried; `options` stands behind its source. */
struct build {
	const char *name, *compiler, *flags, *options;
	bool is_sanitized;
	int seeds;
};

static int compile(struct proof *p, const struct build *b, const char *source, size_t len,
		   struct compiled *out, struct err *err)
{
	struct text all = { 0 };
	struct compile c = { .name = p->exercise->file,
			     .cache = p->room->cache,
			     .compiler = b ? b->compiler : NULL,
			     .flags = b ? b->flags : NULL,
			     .interrupted = p->room->interrupted };
	int rc;

	text_add(&all, source, len);
	text_adds(&all, b && b->options ? b->options : "");
	c.source = all.data;
	c.len = all.len;
	rc = sandbox_compile(&c, out, err);
	text_release(&all);
	return rc;
}

/* What it is off by as a share of what is allowed, for one seed. */
static int try_seed(struct proof *p, const struct compiled *made, bool is_sanitized, uint64_t seed,
		    double *share, char *says, size_t size, struct err *err)
{
	struct battery b;
	struct trial want, got = { 0 };
	int rc;

	battery_make(&b, p->kernel, seed);
	trial_reference(&want, &b);
	rc = trial_run(&got, &b,
		       &(struct trial_of){ .file = p->exercise->file,
					   .library = made->library,
					   .symbol = p->kernel->symbol,
					   .is_sanitized = is_sanitized,
					   .interrupted = p->room->interrupted },
		       err);
	if (!rc) {
		*share = got.remembers ? INFINITY : trial_error(&want, &got);
		snprintf(says, size, "%s %.300s", got.remembers ? "it remembers" : got.says,
			 got.printed.len > 0 ? got.printed.data : "");
	}
	trial_release(&got);
	trial_release(&want);
	battery_release(&b);
	return rc;
}

/* ---- right answers --------------------------------------------------------------------------- */

static const char asan_options[] =
	"\nconst char *__asan_default_options(void);\n"
	"const char *__asan_default_options(void)\n"
	"{\n\treturn \"verify_asan_link_order=0:detect_leaks=0:handle_segv=0:handle_sigbus=0\";\n}\n";

static int prove_build(struct proof *p, const struct build *b, const char *what,
		       const struct text *source, struct err *err)
{
	struct compiled made;
	char says[1000];
	int rc = compile(p, b, source->data, source->len, &made, err);

	if (rc)
		return rc;
	if (!made.library)
		proof_flaw(p, what, "%s: does not compile: %s", b->name, made.said.data);
	else if (made.said.len > 0)
		proof_flaw(p, what, "%s: warnings: %s", b->name, made.said.data);
	/* One seed says it: a line for each of them would hide the others. */
	for (int i = 0, n = p->n_flaws; made.library && i < b->seeds && !rc && p->n_flaws == n;
	     i++) {
		double share = 0;

		rc = try_seed(p, &made, b->is_sanitized, p->room->seed + (uint64_t)i, &share, says,
			      sizeof(says), err);
		if (!rc && share > 1.0 / MARGIN)
			proof_flaw(p, what, "%s: seed %llu: off by %.2g of what is allowed: %s",
				   b->name, (unsigned long long)p->room->seed + (unsigned)i, share,
				   says);
		p->noise = !rc && isfinite(share) && share > p->noise ? share : p->noise;
		p->n_trials++;
	}
	compiled_release(&made);
	return rc;
}

static int prove_right(struct proof *p, const char *what, const struct text *source, bool all,
		       struct err *err)
{
	static const struct build builds[] = {
		{ "gcc -O2", "gcc", "-O2", NULL, false, SEEDS },
		{ "gcc -O0", "gcc", "-O0", NULL, false, FEW_SEEDS },
		{ "clang -O2", "clang", "-O2", NULL, false, FEW_SEEDS },
		{ "clang -O0", "clang", "-O0", NULL, false, FEW_SEEDS },
		{ "gcc with sanitizers", "gcc",
		  "-O1 -fsanitize=address,undefined -fno-sanitize-recover=all", asan_options, true,
		  1 },
	};
	int n = all ? (int)(sizeof(builds) / sizeof(builds[0])) : 1, rc = 0;
	int n_flaws = p->n_flaws;

	for (int i = 0; i < n && !rc && p->n_flaws == n_flaws; i++)
		if (sandbox_can_run(builds[i].compiler))
			rc = prove_build(p, &builds[i], what, source, err);
	return rc;
}

/* The whole check, as a learner's file gets it. */
static int check(struct proof *p, const struct text *source, struct verdict *v, struct err *err)
{
	struct answer a = { .text = source->data, .len = source->len };

	p->n_checks++;
	return exercise_check(p->room, p->exercise, &a, v, err);
}

/* The first line that failed. */
static const char *failure(const struct verdict *v, char *buf, size_t size)
{
	snprintf(buf, size, "nothing failed");
	for (int i = v->n_lines - 1; i >= 0; i--)
		if (v->lines[i].mark == CHECK_FAILED)
			snprintf(buf, size, "%s: %s", v->lines[i].what,
				 v->lines[i].detail ? v->lines[i].detail : "");
	return buf;
}

/* The whole check, and then every way to compile it. */
static int must_pass(struct proof *p, const char *what, const struct text *source, bool all,
		     struct err *err)
{
	struct verdict v = { 0 };
	char buf[1200];
	int rc = check(p, source, &v, err);

	if (!rc && !v.passed)
		proof_flaw(p, what, "does not pass: %s", failure(&v, buf, sizeof(buf)));
	else if (!rc)
		rc = prove_right(p, what, source, all, err);
	verdict_release(&v);
	return rc;
}

/* ---- wrong answers --------------------------------------------------------------------------- */

/* `key`: what it is to be told as; NULL: it only has to fail, behind compiling. */
static int must_fail(struct proof *p, const char *what, const struct text *source, const char *key,
		     struct err *err)
{
	struct verdict v = { 0 };
	char buf[1200];
	int rc = check(p, source, &v, err);

	if (!rc && v.passed)
		proof_flaw(p, what, "passes");
	else if (!rc && v.n_lines > 0 && v.lines[0].mark == CHECK_FAILED)
		proof_flaw(p, what, "fails before it is tried: %s", failure(&v, buf, sizeof(buf)));
	else if (!rc && key && (!v.key || strcmp(v.key, key) != 0))
		proof_flaw(p, what, "fails, but as %s: %s", v.key ? v.key : "nothing that is known",
			   failure(&v, buf, sizeof(buf)));
	verdict_release(&v);
	return rc;
}

/* How far a wrong answer is from what is allowed, at least for one seed. */
static int measure_wrong(struct proof *p, const char *what, const struct text *source,
			 struct err *err)
{
	struct compiled made;
	char says[1000];
	double share = INFINITY;
	int rc = compile(p, NULL, source->data, source->len, &made, err);

	if (!rc && made.library)
		rc = try_seed(p, &made, false, p->room->seed, &share, says, sizeof(says), err);
	if (!rc && share < p->weakest) {
		p->weakest = share;
		snprintf(p->weakest_name, sizeof(p->weakest_name), "%s", what);
	}
	compiled_release(&made);
	return rc;
}

static int prove_wrongs(struct proof *p, struct err *err)
{
	struct wrong *w;
	int n = wrong_list(p->room, p->exercise, "wrong", &w), rc = 0;

	if (n < 2)
		proof_flaw(p, "wrong/", "%d wrong answers are known, two are the least", n);
	for (int i = 0; i < n && !rc; i++) {
		struct text source = { 0 };

		text_add(&source, w[i].file->data, w[i].file->size);
		if (!w[i].says)
			proof_flaw(p, w[i].file->path, "does not say what it means");
		rc = must_fail(p, w[i].file->path, &source, w[i].key, err);
		rc = rc ? rc : measure_wrong(p, w[i].key, &source, err);
		text_release(&source);
		p->n_wrong++;
	}
	if (!rc && p->weakest < MARGIN)
		proof_flaw(p, p->weakest_name, "is only %.2g times what is allowed", p->weakest);
	wrong_release(w, n);
	return rc;
}

static int prove_equivalents(struct proof *p, struct err *err)
{
	struct wrong *w;
	int n = wrong_list(p->room, p->exercise, "equivalent", &w), rc = 0;

	for (int i = 0; i < n && !rc; i++) {
		struct text source = { 0 };

		text_add(&source, w[i].file->data, w[i].file->size);
		rc = must_pass(p, w[i].file->path, &source, false, err);
		text_release(&source);
		p->n_equivalent++;
	}
	wrong_release(w, n);
	return rc;
}

static int prove_stubs(struct proof *p, struct err *err)
{
	int rc = 0;

	for (int i = 0; i < STUB_COUNT && !rc; i++) {
		struct text source = { 0 };

		stub_write(p->kernel, i, &source);
		rc = must_fail(p, stub_names[i], &source, NULL, err);
		text_release(&source);
	}
	return rc;
}

/* ---- the starter ----------------------------------------------------------------------------- */

static int prove_starter(struct proof *p, struct err *err)
{
	struct text starter = { 0 };
	struct verdict v = { 0 };
	struct compiled made = { 0 };
	int rc = exercise_starter(p->room->course, p->exercise, &starter, err);

	rc = rc ? rc : check(p, &starter, &v, err);
	if (!rc && v.passed)
		proof_flaw(p, "starter", "passes");
	rc = rc ? rc : compile(p, NULL, starter.data, starter.len, &made, err);
	if (!rc && (!made.library || made.said.len > 0))
		proof_flaw(p, "starter", "%s: %s", made.library ? "warnings" : "does not compile",
			   made.said.data);
	/* Edited, though not to the better. */
	text_adds(&starter, "\n");
	if (!rc)
		rc = must_fail(p, "starter", &starter, NULL, err);
	compiled_release(&made);
	verdict_release(&v);
	text_release(&starter);
	return rc;
}

int proof_run(struct proof *p, const struct classroom *room, const struct exercise *e,
	      struct err *err)
{
	const char *symbol = section_value(e->conf, "kernel");
	struct text solution = { 0 };
	int rc;

	*p = (struct proof){ .room = room, .exercise = e, .weakest = INFINITY };
	p->kernel = symbol ? kernel_find(symbol) : NULL;
	if (!p->kernel)
		return err_set(err, ERR_FORMAT, "exercise %s: there is no kernel of that name",
			       e->id);
	rc = prove_starter(p, err);
	rc = rc ? rc : exercise_shown_solution(room->course, e, &solution, err);
	rc = rc ? rc : must_pass(p, "solution", &solution, true, err);
	rc = rc ? rc : prove_equivalents(p, err);
	rc = rc ? rc : prove_wrongs(p, err);
	rc = rc ? rc : prove_stubs(p, err);
	text_release(&solution);
	return rc;
}

void proof_release(struct proof *p)
{
	text_release(&p->flaws);
}
