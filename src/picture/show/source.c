/*
 * source.c -- what `show` has open: a recording, the program it was made of, the tokens of its
 * runs.
 */
#include "show_impl.h"

#include "torchless/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_TOKENS ((int64_t)1 << 24)

static bool is_over(void *ctx)
{
	const struct show_source *s = ctx;

	return s->opt.interrupted && *s->opt.interrupted;
}

struct show_source *source_new(const struct show_source_options *o)
{
	struct show_source *s = mem_calloc(1, sizeof(*s));

	s->opt = *o;
	s->path = o->recording ? mem_strdup(o->recording) : NULL;
	s->watch = (struct array_watch){ is_over, s };
	return s;
}

static void close_recording(struct show_source *s)
{
	if (s->has_outline)
		model_close(&s->outline);
	s->has_outline = false;
	free(s->run.config);
	s->run = (struct recording_run){ 0 };
	recording_tensors_free(s->tensors);
	s->tensors = NULL;
	recording_close(s->rec);
	s->rec = NULL;
}

static void tokens_free(struct run_tokens *t)
{
	for (size_t i = 0; i < t->n; i++)
		text_release(&t->tokens[i].bytes);
	free(t->tokens);
	free(t);
}

static void close_all(struct show_source *s)
{
	while (s->tokens) {
		struct run_tokens *t = s->tokens;

		s->tokens = t->next;
		tokens_free(t);
	}
	close_recording(s);
	free(s->path);
	s->path = NULL;
}

void show_source_free(struct show_source *s)
{
	if (!s)
		return;
	close_all(s);
	free(s);
}

void source_take(struct show_source *s, const char *path)
{
	close_all(s);
	s->path = mem_strdup(path);
}

/* ---- the recording -------------------------------------------------------------------------- */

static int take_count(void *ctx, const struct rows *rows, const struct cell *cells)
{
	(void)rows;
	*(int64_t *)ctx = cells[0].i;
	return 0;
}

static int read_run(struct show_source *s, struct err *err)
{
	struct query q = { .row = take_count, .ctx = &s->n_runs };
	struct err why = { 0 };
	int r = recording_find_run(s->rec, s->path, 0, &s->run, err);

	if (r)
		return r;
	r = recording_outline(s->path, &s->run, &s->outline, &why);
	s->has_outline = r == 0;
	/* An architecture that torchless does not run has names all the same: the recording's. */
	if (r && r != ERR_FORMAT) {
		*err = why;
		return r;
	}
	return recording_ask(s->rec, "SELECT count(*) FROM run", &q, err);
}

int source_open(struct show_source *s, struct err *err)
{
	const struct recording_limits limits = { .interrupted = s->opt.interrupted,
						 .warn = s->opt.warn };
	const struct inspect_options o = { .model = s->opt.model,
					   .pool = s->opt.pool,
					   .kernels = s->opt.kernels };

	if (s->tensors)
		return 0;
	if (!s->path)
		return err_set(err, ERR_IO,
			       "trace.db: there is no recording here; `torchless trace PROMPT` "
			       "makes one, -t FILE reads another");
	s->rec = recording_open_within(s->path, &limits, err);
	if (!s->rec)
		return err->code;
	if (read_run(s, err)) {
		close_recording(s); /* who asks again finds nothing half open */
		return err->code;
	}
	s->tensors = recording_tensors_new(s->rec, &o);
	return 0;
}

/* ---- tokens --------------------------------------------------------------------------------- */

static int take_token(void *ctx, const struct rows *rows, const struct cell *cells)
{
	struct run_tokens *t = ctx;
	const struct cell *piece = &cells[2];

	(void)rows;
	if (cells[0].type != CELL_INT || cells[0].i < (int64_t)t->n || cells[0].i > MAX_TOKENS)
		return 0;
	while ((int64_t)t->n <= cells[0].i) {
		t->tokens = mem_grow(t->tokens, t->n, &t->cap, sizeof(*t->tokens));
		t->tokens[t->n++] = (struct show_token){ .id = -1 };
	}
	t->tokens[t->n - 1].id = cells[1].type == CELL_INT ? cells[1].i : -1;
	if (piece->type == CELL_TEXT || piece->type == CELL_BLOB)
		text_add(&t->tokens[t->n - 1].bytes, piece->s.data ? piece->s.data : "",
			 piece->s.len);
	return 0;
}

static int read_tokens(struct show_source *s, struct run_tokens *t, struct err *err)
{
	struct query q = { .row = take_token, .ctx = t, .interrupted = s->opt.interrupted };
	struct text sql = { 0 };
	int r;

	text_addf(&sql, "SELECT pos, token_id, piece FROM token WHERE run_id = %lld ORDER BY pos",
		  (long long)t->run);
	r = recording_ask(s->rec, sql.data, &q, err);
	text_release(&sql);
	return r;
}

int source_tokens(struct show_source *s, int64_t run, struct run_tokens **tokens, struct err *err)
{
	struct run_tokens *t = s->tokens;
	int r;

	while (t && t->run != run)
		t = t->next;
	*tokens = t;
	if (t || !s->rec)
		return 0;
	t = mem_calloc(1, sizeof(*t));
	*t = (struct run_tokens){ .source = s, .run = run, .next = s->tokens };
	r = read_tokens(s, t, err);
	if (r) {
		tokens_free(t);
		return r;
	}
	*tokens = s->tokens = t;
	return 0;
}
