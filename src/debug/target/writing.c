/*
 * writing.c -- the recording that a session writes as it goes.
 *
 * It follows time as every recording does: what is taken back is no longer in it, and what happens
 * again is written again.  So a recording that begins in the middle is made by going back to the
 * beginning and coming here again, and holds the whole way.
 */
#include "writing.h"

static struct session *session_of(struct writing *w)
{
	return &w->recorder->generation.session;
}

bool writing_is_on(const struct writing *w)
{
	return w->recorder->writer != NULL;
}

static struct record_prompt prompt_of(const struct writing *w)
{
	return (struct record_prompt){ .prompt = *w->prompt };
}

int writing_begin_run(struct writing *w, struct err *err)
{
	const struct record_prompt p = prompt_of(w);
	int r = recorder_begin_run(w->recorder, &p, err);

	w->in_run = r == 0;
	w->is_flushed = false;
	return r;
}

int writing_end_run(struct writing *w, bool has_ended, struct err *err)
{
	if (!w->in_run)
		return 0;
	w->in_run = false;
	return has_ended ? recorder_end_run(w->recorder, 0, err)
			 : recorder_stop_run(w->recorder, err);
}

int writing_open(struct writing *w, const char *path, struct err *err)
{
	struct recorder *r = w->recorder;

	free(w->path);
	w->path = mem_strdup(path);
	r->opt.path = w->path;
	recorder_listen(r);
	r->n_shapes = 0;
	recorder_expect(r);
	if (recorder_create(r, err) == 0)
		return 0;
	recorder_unlisten(r);
	return err->code;
}

int writing_close(struct writing *w, bool has_ended, struct err *err)
{
	int r;

	if (!writing_is_on(w))
		return 0;
	r = writing_end_run(w, has_ended, err);
	r = recorder_close(w->recorder, r, err);
	recorder_unlisten(w->recorder);
	return r;
}

void writing_release(struct writing *w)
{
	free(w->path);
	w->path = NULL;
}

int writing_restart(struct writing *w, bool is_same, bool has_ended, struct err *err)
{
	if (!writing_is_on(w) || (is_same && w->in_run))
		return 0;
	return writing_end_run(w, has_ended, err);
}

int writing_restarted(struct writing *w, struct err *err)
{
	struct session *s = session_of(w);

	w->is_flushed = false;
	if (!writing_is_on(w))
		return 0;
	if (!w->in_run)
		return writing_begin_run(w, err);
	return hook_rewind(s->hooks, &s->executor, -1, -1, err);
}

int writing_branch(struct writing *w, const struct moment *at, struct err *err)
{
	const struct record_prompt p = prompt_of(w);
	int r = recorder_begin_branch(w->recorder, &p, at->pass < 0 ? 0 : at->pass,
				      at->pass < 0 ? 0 : at->op, err);

	w->in_run = r == 0;
	w->is_flushed = false;
	return r;
}

int writing_flush(struct writing *w, const struct moment *now, struct err *err)
{
	if (!writing_is_on(w) || (w->is_flushed && !moment_compare(&w->flushed, now)))
		return 0;
	w->flushed = *now;
	w->is_flushed = true;
	return trace_writer_flush(w->recorder->writer, err);
}
