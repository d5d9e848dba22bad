/*
 * dev_check.c -- `dev render` and `dev check`: is what a course says true, and is all of it there.
 */
#include "dev_kernels.h"
#include "dev_text.h"
#include "school.h"

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

/* The kernels of one lesson, or of all; *n_bad counts those that are not as they have to be. */
static int check_kernels(struct school *d, const struct lesson *only, int *n_bad, struct err *err)
{
	int rc = 0;

	for (int i = 0; only && i < only->n_exercises && !rc; i++)
		if (only->exercises[i].kind == EXERCISE_KERNEL) {
			rc = dev_check_kernels(&d->room, only->exercises[i].id, err);
			*n_bad += rc == ERR_NO;
			rc = rc == ERR_NO ? 0 : rc;
		}
	if (!only) {
		rc = dev_check_kernels(&d->room, NULL, err);
		*n_bad += rc == ERR_NO;
		rc = rc == ERR_NO ? 0 : rc;
	}
	return rc;
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

int lesson_dev_check(struct school *d, int n, const char *const *args, struct err *err)
{
	const struct lesson *only;
	int found, n_bad = 0, rc;

	if (begin(d, n, args, &only, err))
		return err->code;
	found = dev_check_text(&d->room, d->course_dir, only, err);
	if (found < 0)
		return found;
	n_bad += found;
	rc = check_kernels(d, only, &n_bad, err);
	if (!rc && !only)
		rc = check_bugs(d, &n_bad, err);
	if (!rc)
		rc = flush_out(err);
	if (!rc && n_bad)
		return err_set(err, ERR_NO, "%d %s wrong with the course", n_bad,
			       plural(n_bad, "thing is", "things are"));
	return rc;
}
