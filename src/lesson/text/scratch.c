/*
 * scratch.c -- the steps of a lesson, run as a learner runs them.
 *
 * `torchless` is this program, the model is the teaching model, the folder holds what a learner's
 * folder holds.  Nothing of the caller's terminal reaches what is run.
 */
#include "text_impl.h"

#include "torchless/child.h"
#include "torchless/mem.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define SECONDS   120 /* for one step, on a machine with much else to do */
#define MAX_BYTES (16u << 20)

/* Give the learner's copy of a recording. */
static int give(struct scratch *s, const struct course_trace *t, struct err *err)
{
	struct text from = { 0 }, to = { 0 }, bytes = { 0 };
	int rc = lesson_recording(s->room, s->lesson, t->name, &from, err);

	text_addf(&to, "%s/%s.db", s->path.data, t->name);
	if (!rc)
		rc = text_read_file(&bytes, from.data, SIZE_MAX / 2, err);
	if (!rc)
		rc = text_write_file(to.data, bytes.data, bytes.len, err);
	text_release(&from);
	text_release(&to);
	text_release(&bytes);
	return rc;
}

/* This program by the name that lessons call it. */
static int link_program(struct scratch *s, struct err *err)
{
	char program[PATH_MAX];
	struct text link = { 0 };
	int rc = 0;

	text_addf(&link, "%s/.program", s->path.data);
	if (mkdir(link.data, 0700))
		rc = err_set(err, err_of_errno(errno), "%s cannot be made: %s", link.data,
			     strerror(errno));
	text_adds(&link, "/torchless");
	if (!rc && (!realpath(s->room->program, program) || symlink(program, link.data)))
		rc = err_set(err, err_of_errno(errno), "%s cannot be linked: %s", s->room->program,
			     strerror(errno));
	text_release(&link);
	return rc;
}

int scratch_open(struct scratch *s, const struct classroom *room, const struct lesson *l,
		 struct err *err)
{
	const char *tmp = getenv("TMPDIR");
	int rc = 0;

	*s = (struct scratch){ .room = room, .lesson = l };
	text_addf(&s->path, "%s/torchless-lesson-XXXXXX", tmp && *tmp ? tmp : "/tmp");
	if (!mkdtemp(s->path.data)) {
		text_release(&s->path);
		return err_set(err, err_of_errno(errno),
			       "there is no place for a scratch folder: %s", strerror(errno));
	}
	rc = link_program(s, err);
	for (int i = 0; i < l->n_traces && !rc; i++)
		if (l->traces[i].is_given &&
		    (!section_value(l->traces[i].conf, "on") || room->smollm2))
			rc = give(s, &l->traces[i], err);
	return rc;
}

void scratch_close(struct scratch *s)
{
	char rm[] = "rm", options[] = "-rf", end[] = "--";
	char *argv[] = { rm, options, end, s->path.data, NULL };
	struct child c = { .argv = argv, .seconds = 60, .max_bytes = 1024, .max_said = 1024 };

	if (s->path.len) {
		child_run(&c);
		child_release(&c);
	}
	text_release(&s->path);
}

/* The variables of a step, for `env`. */
static void add_variables(const struct scratch *s, struct text *path, struct text *model,
			  struct text *smollm2)
{
	const char *before = getenv("PATH");

	text_addf(path, "PATH=%s/.program:%s", s->path.data, before ? before : "/usr/bin:/bin");
	text_addf(model, "TORCHLESS_MODEL=%s", s->room->model);
	text_addf(smollm2, "SMOLLM2=%s", s->room->smollm2 ? s->room->smollm2 : "");
}

static int ended(const struct child *c, enum child_end end, struct err *err)
{
	switch (end) {
	case CHILD_DONE:
		return 0;
	case CHILD_INTERRUPTED:
		return err_set(err, ERR_INTERRUPTED, "interrupted");
	case CHILD_TIMEOUT:
		return err_set(err, ERR_TOOL, "it did not end within %d seconds", SECONDS);
	case CHILD_TOO_MUCH:
		return err_set(err, ERR_TOOL, "it wrote more than %u bytes", MAX_BYTES);
	case CHILD_MISSING:
	case CHILD_UNHEARD:
		break;
	}
	return err_set(err, err_of_errno(c->error), "the commands cannot be run: %s",
		       strerror(c->error));
}

int scratch_run(struct scratch *s, const char *commands, struct scratch_run *r, struct err *err)
{
	struct text path = { 0 }, model = { 0 }, smollm2 = { 0 };
	enum child_end end;
	struct child c = { .seconds = SECONDS,
			   .max_bytes = MAX_BYTES,
			   .max_said = 4096,
			   .interrupted = s->room->interrupted };
	int rc;

	add_variables(s, &path, &model, &smollm2);
	c.argv = (char *[]){ (char[]){ "env" },
			     (char[]){ "-u" },
			     (char[]){ "COLORTERM" },
			     (char[]){ "-u" },
			     (char[]){ "PAGER" },
			     path.data,
			     model.data,
			     smollm2.data,
			     (char[]){ "LC_ALL=C.UTF-8" },
			     (char[]){ "TERM=dumb" },
			     (char[]){ "COLUMNS=80" },
			     (char[]){ "sh" },
			     (char[]){ "-c" },
			     (char[]){ "cd \"$0\" && set -e && eval \"$1\"" },
			     s->path.data,
			     (char *)commands,
			     NULL };
	end = child_run(&c);
	rc = ended(&c, end, err);
	*r = (struct scratch_run){ .out = c.output, .said = c.said };
	r->status = WIFEXITED(c.status) ? WEXITSTATUS(c.status) : 128 + WTERMSIG(c.status);
	c.output = c.said = (struct text){ 0 };
	child_release(&c);
	text_release(&path);
	text_release(&model);
	text_release(&smollm2);
	return rc;
}

void scratch_run_release(struct scratch_run *r)
{
	text_release(&r->out);
	text_release(&r->said);
}
