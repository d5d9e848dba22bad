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

static void say_lesson(struct school *d, const struct lesson *l)
{
	const char *dot = ui_sign(&d->in->out, "·", "-");
	struct text line = { 0 }, wrapped = { 0 };

	text_addf(&line, "lesson %s %s", l->number, l->title);
	ui_add_wrapped(&wrapped, line.data, line.len, d->in->out.width, 2, 0);
	ui_add_styled(&d->out, &d->in->out, UI_BOLD, wrapped.data, wrapped.len);
	school_say(d, 0, "\nabout %d minutes %s %d %s, %d done", l->minutes, dot, l->n_exercises,
		   plural(l->n_exercises, "exercise", "exercises"), learner_n_done(&d->learner, l));
	text_release(&line);
	text_release(&wrapped);
}

static void say_question(struct school *d, const struct exercise *e)
{
	school_place(d, e);
	text_addc(&d->out, '\n');
	school_styled(d, UI_BOLD, "%s\n\n", e->title);
	school_markdown(d, e->lesson, e->question ? e->question : "", 0);
	school_say_folder(d, e);
}

/* Files first: who is told of a lesson finds them. */
static int begin(struct school *d, const struct lesson *l, const struct exercise *e,
		 struct err *err)
{
	bool is_new = !learner_lesson(&d->learner, l)->started;
	int r;

	if (is_new)
		school_say(d, 0, "\nYour files of this lesson lie in %s/%s.", d->places.home,
			   l->dir);
	r = school_begin_files(d, l, is_new, err);
	if (r == 0 && is_new)
		r = school_note(d, EVENT_START, l, NULL, false, NULL, err);
	if (r == 0 && e && e != d->learner.at)
		r = school_note(d, EVENT_AT, NULL, e, false, NULL, err);
	return r ? r : school_look_ahead(d, l, err);
}

int lesson_start(struct school *d, int n, const char *const *args, struct err *err)
{
	/* A lesson may be called as one of its exercises is. */
	const struct exercise *e = n > 0 && !course_lesson(&d->course, args[0])
					   ? course_exercise(&d->course, args[0])
					   : NULL;
	const struct lesson *l;
	bool is_new;

	if (d->course.n_lessons == 0)
		return err_set(err, ERR_USAGE, "this course has no lessons yet");
	if (n == 0 && !d->learner.at)
		l = &d->course.lessons[0];
	else if (school_lesson(d, n > 0 ? args[0] : NULL, &l, err))
		return err->code;
	if (!e)
		e = first_of(d, l);
	is_new = !learner_lesson(&d->learner, l)->started;
	say_lesson(d, l);
	if (begin(d, l, e, err)) {
		text_clear(&d->out);
		return err->code;
	}
	if (is_new) {
		school_say(
			d, 0,
			"\nRead its text first. Where it asks you something, leave it (q) and "
			"answer; `torchless lesson next` goes on from there. What it has you type is "
			"typed in that folder.");
		school_next(d, "show");
	} else {
		school_next(d, e ? "show %s" : "show", e ? e->id : "");
	}
	return school_flush(d, err);
}

/* The text that leads to an exercise from the one before, when one comes there first. */
static int show_passage(struct school *d, const struct exercise *e, struct err *err)
{
	const struct exercise_state *s = learner_exercise(&d->learner, e);
	struct text folder = { 0 };
	int r;

	if (s->attempts > 0 || s->hints > 0)
		return 0;
	text_addf(&folder, "%s/%s", d->places.home, e->lesson->dir);
	r = lesson_show(d->in, &d->course, e->lesson, e, folder.data, err);
	text_release(&folder);
	text_addc(&d->out, '\n');
	return r;
}

/* Go to an exercise, and ask its question. */
static int go_to(struct school *d, const struct exercise *e, bool is_onward, struct err *err)
{
	bool is_new = !learner_lesson(&d->learner, e->lesson)->started;

	if (is_new) {
		const char *const args[] = { e->id };

		return lesson_start(d, 1, args, err);
	}
	if (begin(d, e->lesson, e, err) || school_flush(d, err) ||
	    (is_onward && show_passage(d, e, err)))
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
		return go_to(d, e, true, err);
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
	return go_to(d, course_exercise_at(&d->course, at - 1), false, err);
}

int lesson_show_text(struct school *d, int n, const char *const *args, struct err *err)
{
	/* Where a lesson is called as an exercise is, its number names the lesson. */
	const struct exercise *e = n > 0 ? course_exercise(&d->course, args[0]) : NULL;
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
	r = lesson_show(d->in, &d->course, l, NULL, folder.data, err);
	text_release(&folder);
	if (r || !d->in->out.is_terminal)
		return r;
	/* Who comes out of the pager is told where it goes on. */
	if (d->learner.at && d->learner.at->lesson == l)
		school_what_next(d, d->learner.at);
	else
		school_next(d, "start %s", l->number);
	return school_flush(d, err);
}
