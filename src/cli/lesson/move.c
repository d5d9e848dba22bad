/*
 * move.c -- `start`, `next`, `prev`, `show`: from exercise to exercise, by nothing but these words.
 */
#include "school.h"
#include "show.h"

#include <string.h>

/* The exercise of a lesson to begin with. */
static const struct exercise *first_of(const struct school *d, const struct lesson *l)
{
	for (int i = 0; i < l->n_exercises; i++)
		if (!exercise_is_done(&d->learner, &l->exercises[i]))
			return &l->exercises[i];
	return l->n_exercises > 0 ? &l->exercises[0] : NULL;
}

static void say_question(struct school *d, const struct exercise *e)
{
	school_place(d, e);
	text_addc(&d->out, '\n');
	school_styled(d, UI_BOLD, "%s\n\n", e->title);
	school_markdown(d, e->lesson, e->question ? e->question : "", 0);
}

/* Files first: who is told of a lesson finds them. */
static int begin(struct school *d, const struct lesson *l, const struct exercise *e,
		 struct err *err)
{
	bool is_new = !learner_lesson(&d->learner, l)->started;
	int r;

	if (is_new)
		school_say(d, 0, "Your files of this lesson lie in %s/%s.", d->places.home, l->dir);
	r = school_make_files(d, l, is_new, err);
	if (r == 0 && is_new)
		r = school_note(d, EVENT_START, l, NULL, false, NULL, err);
	if (r == 0 && e && e != d->learner.at)
		r = school_note(d, EVENT_AT, NULL, e, false, NULL, err);
	return r;
}

int lesson_start(struct school *d, int n, const char *const *args, struct err *err)
{
	const struct exercise *e = n > 0 ? course_exercise(&d->course, args[0]) : NULL;
	const struct lesson *l;

	if (d->course.n_lessons == 0)
		return err_set(err, ERR_USAGE, "this course has no lessons yet");
	if (n == 0 && !d->learner.at)
		l = &d->course.lessons[0];
	else if (school_lesson(d, n > 0 ? args[0] : NULL, &l, err))
		return err->code;
	if (!e)
		e = first_of(d, l);
	school_styled(d, UI_BOLD, "lesson %s %s", l->number, l->title);
	school_say(d, 0, ": about %d minutes, %d %s.", l->minutes, l->n_exercises,
		   plural(l->n_exercises, "exercise", "exercises"));
	if (begin(d, l, e, err)) {
		text_clear(&d->out);
		return err->code;
	}
	school_next(d, "show");
	return school_flush(d, err);
}

/* Go to an exercise, and ask its question. */
static int go_to(struct school *d, const struct exercise *e, struct err *err)
{
	bool is_new = !learner_lesson(&d->learner, e->lesson)->started;

	if (is_new) {
		const char *const args[] = { e->id };

		return lesson_start(d, 1, args, err);
	}
	if (begin(d, e->lesson, e, err))
		return err->code;
	say_question(d, e);
	school_what_next(d, e);
	return school_flush(d, err);
}

int lesson_next(struct school *d, int n, const char *const *args, struct err *err)
{
	const struct exercise *e = learner_next(&d->learner, d->learner.at);

	(void)n;
	(void)args;
	if (d->course.n_lessons == 0)
		return err_set(err, ERR_USAGE, "this course has no lessons yet");
	if (e)
		return go_to(d, e, err);
	/* The one that one is at may be the last that is left. */
	if (d->learner.at && !exercise_is_done(&d->learner, d->learner.at)) {
		school_say(d, 0, "This is the last exercise that is not done.");
		school_what_next(d, d->learner.at);
	} else {
		school_say(d, 0, "All exercises are done.");
		school_next(d, "progress");
	}
	return school_flush(d, err);
}

int lesson_prev(struct school *d, int n, const char *const *args, struct err *err)
{
	int at = d->learner.at ? course_index(&d->course, d->learner.at) : 0;

	(void)n;
	(void)args;
	if (at == 0)
		return err_set(err, ERR_USAGE, "there is no exercise before the first");
	return go_to(d, course_exercise_at(&d->course, at - 1), err);
}

int lesson_show_text(struct school *d, int n, const char *const *args, struct err *err)
{
	const struct exercise *e = n > 0 && !course_lesson(&d->course, args[0])
					   ? course_exercise(&d->course, args[0])
					   : NULL;
	struct text folder = { 0 };
	const struct lesson *l;
	int r;

	if (e) {
		say_question(d, e);
		school_what_next(d, e);
		return school_flush(d, err);
	}
	if (school_lesson(d, n > 0 ? args[0] : NULL, &l, err))
		return err->code;
	text_addf(&folder, "%s/%s", d->places.home, l->dir);
	r = lesson_show(d->in, &d->course, l, folder.data, err);
	text_release(&folder);
	return r;
}
