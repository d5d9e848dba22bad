/*
 * dev_text.c -- `lesson dev render`, and what `lesson dev check` says of texts.
 */
#include "dev_text.h"

#include "torchless/lesson_text.h"

/* What was found, and how much was looked at. */
static int print_findings(const struct lesson *l, const struct lesson_findings *f, struct err *err)
{
	struct text line = { 0 };
	int rc;

	if (f->lines.len)
		text_add(&line, f->lines.data, f->lines.len);
	text_addf(&line, "%s: %d %s, %d %s, %d %s, %d %s", l->dir, f->n_steps,
		  plural(f->n_steps, "step", "steps"), f->n_outputs,
		  plural(f->n_outputs, "transcript", "transcripts"), f->n_marks,
		  plural(f->n_marks, "number", "numbers"), f->n_pictures,
		  plural(f->n_pictures, "picture", "pictures"));
	if (f->n_left_out)
		text_addf(&line, ", %d left out, whose model is not here", f->n_left_out);
	if (f->n_written)
		text_addf(&line, ", %d written anew", f->n_written);
	text_addf(&line, ": %d %s\n", f->n, plural(f->n, "finding", "findings"));
	rc = write_shown(line.data, line.len, err);
	text_release(&line);
	return rc ? rc : flush_out(err);
}

int dev_check_text(const struct classroom *room, const char *dir, const struct lesson *only,
		   int *n_left_out, struct err *err)
{
	int n = 0, rc = 0;

	for (int i = 0; i < room->course->n_lessons && !rc; i++) {
		const struct lesson *l = &room->course->lessons[i];
		struct lesson_findings f = { 0 };

		if (only && only != l)
			continue;
		lesson_lint(room->course, l, dir, &f);
		rc = lesson_compute(room, l, dir, false, &f, err);
		if (!rc)
			rc = print_findings(l, &f, err);
		n += f.n;
		*n_left_out += f.n_left_out;
		lesson_findings_release(&f);
	}
	return rc ? rc : n;
}

int dev_render(struct invocation *in, const struct classroom *room, const char *dir,
	       const struct lesson *only, bool write, struct err *err)
{
	int differ = 0, rc = 0;

	if (write && !dir)
		return err_set(err, ERR_USAGE,
			       "the lessons that the program carries cannot be written: name a "
			       "folder with --course");
	for (int i = 0; i < room->course->n_lessons && !rc; i++) {
		const struct lesson *l = &room->course->lessons[i];
		struct lesson_findings f = { 0 };

		if (only && only != l)
			continue;
		rc = lesson_compute(room, l, dir, write, &f, err);
		if (!rc)
			rc = print_findings(l, &f, err);
		differ += f.n - f.n_written;
		lesson_findings_release(&f);
	}
	if (!rc && differ > 0)
		in->exit_status = 1;
	return rc;
}
