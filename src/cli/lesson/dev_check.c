/*
 * dev_check.c -- `dev render` and `dev check`: is what a course says true, and is all of it there.
 */
#include "dev_proofs.h"
#include "dev_text.h"
#include "school.h"

#include "torchless/clock.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* The lesson that is named, NULL: all of them; with the engine open. */
static int begin(struct school *d, int n, const char *const *args, const struct lesson **only,
		 struct err *err)
{
	*only = NULL;
	if (n > 1)
		return err_set(err, ERR_USAGE, "one lesson, or none for all; '%s' is one more",
			       args[1]);
	if (n > 0 && school_lesson(d, args[0], only, err))
		return err->code;
	return school_open_engine(d, err);
}

int lesson_dev_render(struct school *d, int n, const char *const *args, struct err *err)
{
	const struct lesson *only;

	if (begin(d, n, args, &only, err))
		return err->code;
	return dev_render(d->in, &d->room, d->course_dir, only, option_on(d->in, OPT_WRITE), err);
}

/* What is looked at now, for who waits at a terminal; the next line is written over it. */
static void tell(const char *what)
{
	if (isatty(STDOUT_FILENO) && isatty(STDERR_FILENO))
		fprintf(stderr, *what ? "%s ...\r" : "\033[K", what);
}

static int check_texts(struct school *d, const struct lesson *only, int *n_bad, int *n_left_out,
		       struct err *err)
{
	for (int i = 0; i < d->course.n_lessons; i++) {
		const struct lesson *l = &d->course.lessons[i];
		int found;

		if (only && only != l)
			continue;
		tell(l->dir);
		found = dev_check_text(&d->room, d->course_dir, l, n_left_out, err);
		if (found < 0)
			return found;
		*n_bad += found;
	}
	return 0;
}

static int check_bugs(struct school *d, int *n_bad, struct err *err)
{
	struct text report = { 0 };
	int rc = dev_check_bugs(&d->room, &report, err), written;

	if (rc == ERR_NO) {
		++*n_bad;
		text_addf(&report, "%s\n", err->message);
		rc = 0;
	}
	written = report.len ? write_shown(report.data, report.len, err) : 0;
	text_release(&report);
	return rc ? rc : written;
}

/* Folders of lessons that course.conf does not name: nobody sees them. */
static int check_folders(struct school *d, int *n_bad, struct err *err)
{
	const struct course *c = &d->course;
	const char *last = "";

	for (size_t i = 0; i < c->n_files; i++) {
		const char *path = c->files[i].path;
		size_t n = strcspn(path, "/");
		bool is_known = !path[n] || !strncmp(path, last, n + 1);

		for (int l = 0; l < c->n_lessons && !is_known; l++)
			is_known = strlen(c->lessons[l].dir) == n &&
				   !strncmp(c->lessons[l].dir, path, n);
		if (is_known)
			continue;
		last = path;
		++*n_bad;
		school_say(d, 0, "course.conf: %.*s stands in no order", (int)n, path);
	}
	return school_flush(d, err);
}

/* What nobody looked at is no finding, and is not to be taken for looked at. */
static void say_left_out(struct school *d, int n)
{
	if (n)
		school_say(
			d, 0,
			"NOT CHECKED: %d %s of the texts, whose models are not here; `torchless "
			"lesson dev check --all` makes the large ones (340 MB in the cache), and "
			"`make smollm2` fetches SmolLM2",
			n, plural(n, "step or number", "steps and numbers"));
}

/* "3 findings · 17 lessons, 85 exercises · 140 s" */
static int sum_up(struct school *d, const struct lesson *only, int n_bad, int n_left_out,
		  int64_t began, struct err *err)
{
	int lessons = only ? 1 : d->course.n_lessons;
	int exercises = only ? only->n_exercises : course_n_exercises(&d->course);

	tell("");
	say_left_out(d, n_left_out);
	school_say(d, 0, "%d %s · %d %s, %d %s · %.0f s", n_bad,
		   plural(n_bad, "finding", "findings"), lessons,
		   plural(lessons, "lesson", "lessons"), exercises,
		   plural(exercises, "exercise", "exercises"), (double)(clock_ns() - began) / 1e9);
	if (n_bad)
		d->in->exit_status = 1;
	return school_flush(d, err);
}

int lesson_dev_check(struct school *d, int n, const char *const *args, struct err *err)
{
	const struct lesson *only;
	int n_bad = 0, n_left_out = 0, rc;
	int64_t began = clock_ns();

	if (begin(d, n, args, &only, err))
		return err->code;
	d->room.makes_large = option_on(d->in, OPT_ALL);
	rc = check_folders(d, &n_bad, err);
	if (!rc)
		rc = check_texts(d, only, &n_bad, &n_left_out, err);
	if (!rc)
		tell("exercises");
	if (!rc)
		rc = dev_check_proofs(&d->room, only, &n_bad, err);
	if (!rc && !only) {
		tell("planted bugs");
		rc = check_bugs(d, &n_bad, err);
	}
	if (!rc)
		rc = flush_out(err);
	return rc ? rc : sum_up(d, only, n_bad, n_left_out, began, err);
}
