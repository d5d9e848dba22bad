/*
 * stopped.h -- a debugger of a small model, for tests: lines go in, what it says is kept.
 */
#ifndef TESTS_STOPPED_H
#define TESTS_STOPPED_H

#include "debug/debug_impl.h"
#include "support/tiny.h"
#include "support/words.h"

#include <criterion/criterion.h>

static const int32_t stopped_ids[] = { 1, 17, 42, 9, 33 };

struct stopped {
	char dir[256];
	struct model model;
	struct debugger_options opt;
	struct debugger *d;
	struct ui ui;
	struct text said;
	struct err err;
};

static inline void stopped_write(void *ctx, const char *data, size_t len)
{
	text_add(&((struct stopped *)ctx)->said, data, len);
}

static inline void stopped_open(struct stopped *s)
{
	memset(s, 0, sizeof(*s));
	tiny_write(&tiny_default, s->dir, sizeof(s->dir));
	cr_assert_eq(model_open(&s->model, s->dir, CHECKPOINT_CONFIG | CHECKPOINT_WEIGHTS, &s->err),
		     0, "%s", s->err.message);
	s->model.tokenizer = tokenizer_new(words_tokenizer_json, strlen(words_tokenizer_json), NULL,
					   "test", &s->err);
	cr_assert(s->model.tokenizer != NULL, "%s", s->err.message);
	s->ui = (struct ui){ .out = stdout, .utf8 = true, .width = 80 };
	s->opt = (struct debugger_options){
		.record.generation.session = { .executor.kernels = &kernels_ref,
					       .sampler.top_p = 1,
					       .n = 4,
					       .all_logits = true,
					       .ignore_eos = true },
		.prompt = { .ids = stopped_ids, .n_ids = 5, .n = -1 },
		.ui = &s->ui,
		.write = stopped_write,
		.ctx = s,
	};
	s->d = debugger_new(&s->model, &s->opt, &s->err);
	cr_assert(s->d != NULL, "%s", s->err.message);
}

static inline void stopped_close(struct stopped *s)
{
	debugger_free(s->d);
	model_close(&s->model);
	tiny_remove(s->dir);
	text_release(&s->said);
}

/* Run a line, which succeeds: what it says. */
static inline const char *stopped_do(struct stopped *s, const char *line)
{
	text_clear(&s->said);
	cr_assert_geq(debugger_line(s->d, line, LINE_TYPED, &s->err), 0, "%s: %s", line,
		      s->err.message);
	return s->said.data ? s->said.data : "";
}

/* Run a line, which fails: the sentence. */
static inline const char *stopped_fail(struct stopped *s, const char *line)
{
	text_clear(&s->said);
	cr_assert_lt(debugger_line(s->d, line, LINE_TYPED, &s->err), 0, "'%.60s' should fail",
		     line);
	return s->err.message;
}

#endif
