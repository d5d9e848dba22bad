/*
 * dev_new.c -- `dev new`: the files that a lesson begins with.
 */
#include "school.h"

#include "torchless/lesson_new.h"

int lesson_dev_new(struct school *d, int n, const char *const *args, struct err *err)
{
	struct text command = { 0 };
	int rc;

	if (n < 1 || n > 2)
		return err_set(err, ERR_USAGE,
			       "lesson dev new wants a name such as 17-cache, and for a function "
			       "in C its symbol, tl_softmax");
	if (!d->course_dir)
		return err_set(err, ERR_USAGE,
			       "the lessons that the program carries cannot be added to: name a "
			       "folder with --course");
	rc = lesson_new(&d->course, d->course_dir, args[0], n > 1 ? args[1] : NULL, err);
	if (rc)
		return rc;
	school_say(d, 0, "%s/%s is there, and in the order of %s/course.conf.", d->course_dir,
		   args[0], d->course_dir);
	text_addf(&command, "dev check %.2s", args[0]);
	school_next(d, "%s", command.data);
	text_release(&command);
	return school_flush(d, err);
}
