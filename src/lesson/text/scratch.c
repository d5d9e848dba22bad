/*
 * scratch.c -- the steps of a lesson, run as a learner runs them.
 *
 * `torchless` is this program, the model is the teaching model, the folder holds what a learner's
 * folder holds.  Nothing of the caller's terminal reaches what is run.
 */
#include "../variants/variants.h"
#include "text_impl.h"

#include "torchless/child.h"
#include "torchless/learner.h"
#include "torchless/mem.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define SECONDS   120 /* for one step, on a machine with much else to do */
#define MAX_BYTES (16u << 20)

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
	if (!rc && (!realpath(s->room.program, program) || symlink(program, link.data)))
		rc = err_set(err, err_of_errno(errno), "%s cannot be linked: %s", s->room.program,
			     strerror(errno));
	text_release(&link);
	return rc;
}

int scratch_open(struct scratch *s, const struct classroom *room, const struct lesson *l,
		 struct err *err)
{
	const char *tmp = getenv("TMPDIR");
	struct folder_report made = { 0 };
	int rc;

	*s = (struct scratch){ .room = *room, .lesson = l };
	text_addf(&s->path, "%s/torchless-lesson-XXXXXX", tmp && *tmp ? tmp : "/tmp");
	if (!mkdtemp(s->path.data)) {
		text_release(&s->path);
		return err_set(err, err_of_errno(errno),
			       "there is no place for a scratch folder: %s", strerror(errno));
	}
	s->room.home = s->path.data;
	rc = link_program(s, err);
	if (!rc)
		rc = folder_make(&s->room, l, false, &made, err);
	folder_report_release(&made);
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

bool scratch_can_run(const struct classroom *room, const char *commands)
{
	static const char variable[] = "$VARIANT_";

	if (strstr(commands, "$SMOLLM2") && !room->smollm2)
		return false;
	for (const char *s = commands; (s = strstr(s, variable)); s++) {
		struct text name = { 0 }, path = { 0 };
		const struct variant *v;
		size_t n = sizeof(variable) - 1;

		while (isalnum((unsigned char)s[n]) || s[n] == '_')
			n++;
		text_add(&name, s + sizeof(variable) - 1, n - sizeof(variable) + 1);
		v = name.len ? variant_find(name.data) : NULL;
		n = v && v->is_large && !room->makes_large &&
		    !lesson_variant_is_there(room, name.data, &path);
		text_release(&name);
		text_release(&path);
		if (n)
			return false;
	}
	return true;
}

/* Words of a command line, which are ours. */
struct words {
	char **word;
	int n;
	size_t cap;
};

static void add_word(struct words *w, const char *word)
{
	w->word = mem_grow(w->word, (size_t)w->n, &w->cap, sizeof(*w->word));
	w->word[w->n++] = word ? mem_strdup(word) : NULL;
}

static void add_variable(struct words *w, const char *name, const char *value)
{
	struct text t = { 0 };

	text_addf(&t, "%s=%s", name, value ? value : "");
	add_word(w, t.data);
	text_release(&t);
}

static int add_variant(void *ctx, const char *variable, const char *path)
{
	add_variable(ctx, variable, path);
	return 0;
}

/* `env` with the variables of a step, then a shell in the lesson's folder. */
static int add_command(const struct scratch *s, const char *commands, struct words *w,
		       struct err *err)
{
	static const char *const plain[] = {
		"env", "-u", "COLORTERM", "-u", "PAGER", "-u", "CDPATH"
	};
	const char *before = getenv("PATH");
	struct text path = { 0 };
	int rc;

	for (size_t i = 0; i < sizeof(plain) / sizeof(plain[0]); i++)
		add_word(w, plain[i]);
	text_addf(&path, "%s/.program:%s", s->path.data, before ? before : "/usr/bin:/bin");
	add_variable(w, "PATH", path.data);
	add_variable(w, "TORCHLESS_MODEL", s->room.model);
	add_variable(w, "SMOLLM2", s->room.smollm2);
	add_variable(w, "LC_ALL", "C.UTF-8");
	add_variable(w, "TERM", "dumb");
	add_variable(w, "COLUMNS", "80");
	rc = lesson_step_variants(&s->room, commands, add_variant, w, err);
	add_word(w, "sh");
	add_word(w, "-c");
	add_word(w, "cd \"$0\" && set -e && eval \"$1\"");
	text_clear(&path);
	text_addf(&path, "%s/%s", s->path.data, s->lesson->dir);
	add_word(w, path.data);
	add_word(w, commands);
	add_word(w, NULL);
	text_release(&path);
	return rc;
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
	struct words w = { 0 };
	struct child c = { .seconds = SECONDS,
			   .max_bytes = MAX_BYTES,
			   .max_said = 4096,
			   .interrupted = s->room.interrupted };
	int rc = add_command(s, commands, &w, err);

	*r = (struct scratch_run){ 0 };
	if (!rc) {
		c.argv = w.word;
		rc = ended(&c, child_run(&c), err);
		*r = (struct scratch_run){ .out = c.output, .said = c.said };
		r->status = WIFEXITED(c.status) ? WEXITSTATUS(c.status) : 128 + WTERMSIG(c.status);
		c.output = c.said = (struct text){ 0 };
		child_release(&c);
	}
	for (int i = 0; i < w.n; i++)
		free(w.word[i]);
	free(w.word);
	return rc;
}

void scratch_run_release(struct scratch_run *r)
{
	text_release(&r->out);
	text_release(&r->said);
}
