/*
 * mine.c -- the same prompt twice as a recording, with the learner's function and without, for who
 * wants to ask both.
 */
#include "kernel.h"

#include "torchless/mem.h"
#include "torchless/record.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char usual_prompt[] = "Once upon a time there was a little cat.";

/* A recording that is made: by whom is said in `sites`. */
struct making {
	const struct classroom *room;
	const char *path, *prompt;
	int64_t n;
	struct sites sites;
	const struct kernel *kernel;
};

static int drive(struct making *m, struct recorder *r, struct err *err)
{
	struct record_prompt p = { .prompt = { .text = { m->prompt, strlen(m->prompt) },
					       .n = m->n } };
	struct session *s = &r->generation.session;
	int before = s->executor.n_edits, rc;

	sites_use(&m->sites);
	if (sites_attach(&m->sites, &s->executor, &s->hooks, err))
		return err->code;
	/* They stand in every run, as those that options ask for. */
	r->n_standing_edits += s->executor.n_edits - before;
	recorder_listen(r);
	if (recorder_set_prompt(r, &p.prompt, err))
		return err->code;
	recorder_expect(r);
	if (recorder_create(r, err))
		return err->code;
	rc = recorder_run(r, &p, err);
	return recorder_close(r, rc, err);
}

/* With fn, or NULL: as the engine computes. */
static int record(struct making *m, sandbox_fn *fn, struct err *err)
{
	static const char *const all[] = { "*" };
	struct model model;
	struct recorder r;
	struct record_options o = {
		.path = m->path, .capture = all, .n_capture = 1, .engine = "torchless"
	};
	int rc = model_open(&model, m->room->model, CHECKPOINT_ALL, err);

	if (rc)
		return rc;
	m->sites.fn[m->kernel->id] = fn;
	sites_init(&m->sites, &model, m->room->kernels);
	o.generation.session = (struct session_options){
		.executor = { .kernels = &m->sites.kernels, .plan = PLAN_DEBUG, .chunk = 512 },
		.sampler = { .top_p = 1 },
		.n = m->n,
	};
	rc = recorder_open(&r, &model, &o, err);
	rc = rc ? rc : drive(m, &r, err);
	recorder_release(&r);
	sites_release(&m->sites);
	model_close(&model);
	return rc;
}

static int play(void *ctx, sandbox_fn *const *fn)
{
	struct making *m = ctx;
	struct err err = { 0 };

	if (record(m, fn[0], &err) == 0)
		return 0;
	fprintf(stderr, "%s", err.message);
	return 1;
}

/* In a child, for it is a learner's code that runs. */
static int record_mine(struct making *m, const char *file, const char *library, struct text *why,
		       struct err *err)
{
	struct sandbox s = { .file = file,
			     .library = library,
			     .symbol = m->kernel->symbol,
			     .body = play,
			     .ctx = m,
			     .cpu_seconds = 30,
			     .wall_seconds = 60,
			     .may_write_files = true,
			     .interrupted = m->room->interrupted };
	int rc = sandbox_run(&s, err);

	if (!rc && !s.is_done)
		text_addf(why, "%s %s", file, s.says);
	else if (!rc && s.status)
		rc = err_set(err, ERR_IO, "%s cannot be recorded: %s", m->path,
			     s.printed.data ? s.printed.data : "");
	sandbox_release(&s);
	return rc;
}

int kernel_record(const struct classroom *room, const struct exercise *e, const char *library,
		  const char *mine, const char *reference, struct text *why, struct err *err)
{
	const struct course_trace *t = lesson_trace(e->lesson, "main");
	const char *symbol = section_value(e->conf, "kernel");
	const char *prompt = t ? section_value(t->conf, "prompt") : NULL;
	struct making m = { .room = room,
			    .path = mine,
			    .prompt = prompt ? prompt : usual_prompt,
			    .n = 4,
			    .kernel = kernel_find(symbol) };
	int rc = record_mine(&m, e->file, library, why, err);

	if (rc || why->len > 0)
		return rc;
	m = (struct making){
		.room = room, .path = reference, .prompt = m.prompt, .n = m.n, .kernel = m.kernel
	};
	return record(&m, NULL, err);
}
