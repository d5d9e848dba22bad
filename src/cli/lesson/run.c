/*
 * run.c -- `run STEP`: the commands of a step, by a shell, in the lesson's folder.
 *
 * `torchless` is this program there and the model the course's, whatever the environment says.
 */
#include "school.h"
#include "torchless/called.h"

#include <errno.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

/* ---- a program that has our streams -------------------------------------------------------- */

static int wait_for(pid_t pid, int *status, struct err *err)
{
	while (waitpid(pid, status, 0) < 0)
		if (errno != EINTR)
			return err_set(err, ERR_IO, "cannot wait for a program: %s",
				       strerror(errno));
	if (interrupted || (WIFSIGNALED(*status) && WTERMSIG(*status) == SIGINT))
		return err_set(err, ERR_INTERRUPTED, "interrupted");
	*status = WIFEXITED(*status) ? WEXITSTATUS(*status) : 128 + WTERMSIG(*status);
	return 0;
}

int school_spawn(char *const *argv, int *status, struct err *err)
{
	posix_spawnattr_t attributes;
	sigset_t usual;
	pid_t pid;
	int rc;

	sigemptyset(&usual);
	sigaddset(&usual, SIGINT);
	sigaddset(&usual, SIGPIPE);
	sigaddset(&usual, SIGXFSZ);
	posix_spawnattr_init(&attributes);
	posix_spawnattr_setsigdefault(&attributes, &usual);
	posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF);
	rc = posix_spawnp(&pid, argv[0], NULL, &attributes, argv, environ);
	posix_spawnattr_destroy(&attributes);
	if (rc)
		return err_set(err, ERR_TOOL, "cannot run %s: %s", argv[0], strerror(rc));
	return wait_for(pid, status, err);
}

/* ---- a step -------------------------------------------------------------------------------- */

static int set_variable(void *ctx, const char *variable, const char *path)
{
	(void)ctx;
	setenv(variable, path, 1);
	return 0;
}

/* The engine is opened only for a step that wants a variant of the model. */
static int set_variants(struct school *d, const char *commands, struct err *err)
{
	if (!strstr(commands, "VARIANT_"))
		return 0;
	if (school_open_engine(d, err))
		return err->code;
	return lesson_step_variants(&d->room, commands, set_variable, NULL, err);
}

/* The program is in PATH by the name that it was called by, or a function stands for it. */
static void add_script(const struct school *d, const struct lesson_step *step, struct text *script)
{
	text_adds(script, "cd ");
	text_add_shell_word(script, d->places.home);
	text_adds(script, "/\"$0\" || exit 3\n");
	if (strchr(called_name(), '/') || strcmp(called_name(), "torchless") != 0) {
		text_adds(script, "torchless() { ");
		text_add_shell_word(script, d->program.data);
		text_adds(script, " \"$@\"; }\n");
	}
	text_addf(script, "%s\n", step->commands);
}

static void set_environment(const struct school *d)
{
	if (d->room.model)
		setenv("TORCHLESS_MODEL", d->room.model, 1);
	if (d->room.smollm2)
		setenv("SMOLLM2", d->room.smollm2, 1);
}

static void say_commands(struct school *d, const struct lesson_step *step)
{
	bool goes_on = false;
	char quote = 0;

	for (const char *s = step->commands; *s;) {
		size_t len = strcspn(s, "\n");
		struct text line = { 0 };

		text_add_called_line(&line, s, len);
		school_styled(d, UI_DIM, "%s %s", goes_on ? ">" : "$", line.data ? line.data : "");
		text_addc(&d->out, '\n');
		quote = ui_shell_quote(quote, s, len);
		goes_on = quote || (len && s[len - 1] == '\\');
		text_release(&line);
		s += len + (s[len] == '\n');
	}
}

static int run_step(struct school *d, const struct lesson *l, const struct lesson_step *step,
		    struct err *err)
{
	struct text script = { 0 };
	char *argv[] = { (char *)"sh", (char *)"-c", NULL, l->dir, NULL };
	int status = 0, r;

	if (step->needs_smollm2 && !d->room.smollm2)
		return err_set(
			err, ERR_TOOL,
			"%s runs on SmolLM2, which is not here: `make smollm2` in torchless's source "
			"tree fetches it, and $SMOLLM2 may name where it lies",
			step->name);
	if (school_make_files(d, l, !learner_lesson(&d->learner, l)->started, err) ||
	    set_variants(d, step->commands, err))
		return err->code;
	text_clear(&d->out);
	if (d->in->out.is_terminal)
		say_commands(d, step);
	if (school_flush(d, err))
		return err->code;
	set_environment(d);
	add_script(d, step, &script);
	argv[2] = script.data;
	r = school_spawn(argv, &status, err);
	text_release(&script);
	d->in->exit_status = r == 0 ? status : 0;
	return r;
}

static int list_steps(struct school *d, const struct lesson *l, struct err *err)
{
	struct listing list;

	listing_init(&list, d->in, "step,commands");
	for (int i = 0; i < l->n_steps; i++) {
		const char *commands = l->steps[i].commands;

		listing_string(&list, l->steps[i].name);
		if (list.for_people)
			listing_text(&list, commands, strcspn(commands, "\n"));
		else
			listing_string(&list, commands);
	}
	return listing_print(&list, err);
}

int lesson_run(struct school *d, int n, const char *const *args, struct err *err)
{
	const struct lesson *l =
		n == 1 && !d->learner.at ? course_lesson(&d->course, args[0]) : NULL;
	const struct lesson_step *step;
	struct text_nearest near = { 0 };

	if (!l && school_lesson(d, n == 2 ? args[0] : NULL, &l, err))
		return err->code;
	if (n == 0)
		return list_steps(d, l, err);
	step = lesson_step(l, args[n - 1]);
	if (step)
		return run_step(d, l, step, err);
	if (n == 1 && course_lesson(&d->course, args[0]))
		return list_steps(d, course_lesson(&d->course, args[0]), err);
	near = (struct text_nearest){ .name = args[n - 1], .distance = text_too_far(args[n - 1]) };
	for (int i = 0; i < l->n_steps; i++)
		text_nearest_offer(&near, l->steps[i].name);
	return err_set(err, ERR_USAGE, "lesson %s has no step '%s'%s%s%s", l->number, args[n - 1],
		       near.best ? "; did you mean " : "; `torchless lesson run` lists them",
		       near.best ? near.best : "", near.best ? "?" : "");
}
