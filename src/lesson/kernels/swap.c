/*
 * swap.c -- the twin runs in the sandbox; what it found lies in memory that we share.
 */
/* For anonymous mappings.  NOLINTNEXTLINE(bugprone-reserved-identifier) */
#define _DEFAULT_SOURCE

#include "kernel.h"

#include "torchless/mem.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

struct shared {
	const struct swap *swap;
	struct divergence *found;
};

static int play(void *ctx, sandbox_fn *const *fn)
{
	const struct shared *shared = ctx;
	struct err err = { 0 };

	if (twin_run(shared->swap, fn, shared->found, &err) == 0)
		return 0;
	snprintf(shared->found->failed, sizeof(shared->found->failed), "%.299s", err.message);
	return 1;
}

static int run(struct swap *s, struct err *err)
{
	const char **symbols = mem_calloc((size_t)s->n, sizeof(*symbols));
	struct shared shared = { s, NULL };
	struct sandbox box = { .file = s->files[0],
			       .library = s->libraries[0],
			       .symbol = s->kernels[0]->symbol,
			       .libraries = s->libraries + 1,
			       .symbols = symbols,
			       .n_more = s->n - 1,
			       .body = play,
			       .ctx = &shared,
			       .cpu_seconds = s->cpu_seconds > 0 ? s->cpu_seconds : 20,
			       .wall_seconds = s->wall_seconds > 0 ? s->wall_seconds : 60,
			       .interrupted = s->interrupted };
	int rc;

	for (int i = 1; i < s->n; i++)
		symbols[i - 1] = s->kernels[i]->symbol;
	shared.found = mmap(NULL, sizeof(*shared.found), PROT_READ | PROT_WRITE,
			    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (shared.found == MAP_FAILED) {
		free(symbols);
		return err_set(err, ERR_MEMORY, "no memory for what a child finds: %s",
			       strerror(errno));
	}
	rc = sandbox_run(&box, err);
	s->found = *shared.found;
	s->is_done = box.is_done;
	snprintf(s->says, sizeof(s->says), "%s", box.says);
	if (box.printed.len > 0)
		text_add(&s->printed, box.printed.data, box.printed.len);
	if (!rc && s->is_done && s->found.failed[0])
		rc = err_set(err, ERR_IO, "the model cannot be run: %s", s->found.failed);
	munmap(shared.found, sizeof(*shared.found));
	sandbox_release(&box);
	free(symbols);
	return rc;
}

int swap_run(struct swap *s, struct err *err)
{
	struct model m;
	bool opens = !s->opened;
	int rc;

	if (opens) {
		rc = model_open(&m, s->model, CHECKPOINT_CONFIG | CHECKPOINT_WEIGHTS, err);
		if (rc)
			return rc;
		s->opened = &m;
	}
	rc = run(s, err);
	if (opens) {
		model_close(&m);
		s->opened = NULL;
	}
	return rc;
}

void divergence_say(const struct divergence *d, struct text *out)
{
	text_addf(out,
		  d->before[0] ? "identical until `%s`" : "different from the first point on, `%s`",
		  d->point);
	text_addf(out, "%s: %s: want %.6g, got %.6g", d->is_prefill ? "" : " of a decoded token",
		  d->index, d->want, d->got);
	if (isfinite(d->error))
		text_addf(out, " (error %.1e, allowed %.1e)", d->error, d->allowed);
}

void swap_release(struct swap *s)
{
	text_release(&s->printed);
}
