/*
 * where.c -- `torchless lesson` without a word, and `list`.
 */
#include "school.h"

#include <string.h>

/* ---- where am I ---------------------------------------------------------------------------- */

static void say_welcome(struct school *d)
{
	const struct lesson *first = &d->course.lessons[0];

	school_styled(d, UI_BOLD, "%s", section_value(&d->course.sections[0], "title"));
	school_say(
		d, 0,
		"\n\n%d %s in which you predict, step through, query, break and rewrite every part of a "
		"transformer's inference, on a small trained model that came with this program. "
		"Whatever you answer is checked against what the model computes.\n",
		d->course.n_lessons, plural(d->course.n_lessons, "lesson", "lessons"));
	school_say(
		d, 0,
		"Nothing is sent anywhere and nothing is fetched. Your files will lie in %s. Kernels are "
		"written in C, which needs a compiler: `torchless lesson doctor` says whether all is there.",
		d->places.home);
	school_next(d, "start %s", first->number);
}

/* Whether the question has been read, as far as one can tell. */
static bool is_begun(const struct exercise_state *s)
{
	return s->attempts > 0 || s->hints > 0 || s->passed || s->gave_up;
}

static void say_state(struct school *d, const struct exercise *e)
{
	const struct exercise_state *s = learner_exercise(&d->learner, e);

	school_styled(d, UI_BOLD, "%s\n", e->title);
	if (s->passed && s->changed)
		school_say(d, 0, "Passed, and changed since you passed it.");
	else if (s->passed)
		school_say(d, 0, "Passed.");
	else if (s->gave_up)
		school_say(d, 0, "You have seen the solution.");
	else if (s->attempts > 0)
		school_say(d, 0, "Not passed yet: %d %s, %d of 3 hints.", s->attempts,
			   plural(s->attempts, "try", "tries"), s->hints);
	else
		school_say(d, 0, "Not tried yet. The text before it: `torchless lesson show %s`.",
			   e->lesson->number);
}

int lesson_where(struct school *d, int n, const char *const *args, struct err *err)
{
	const struct exercise *at = d->learner.at;

	(void)n;
	(void)args;
	if (d->course.n_lessons == 0) {
		school_say(d, 0, "This course has no lessons yet.");
	} else if (!at) {
		say_welcome(d);
	} else {
		school_place(d, at);
		say_state(d, at);
		if (!learner_next(&d->learner, NULL))
			school_say(d, 0, "All exercises are done.");
		if (is_begun(learner_exercise(&d->learner, at)) ||
		    exercise_is_done(&d->learner, at))
			school_what_next(d, at);
		else
			school_next(d, "show %s", at->id);
	}
	return school_flush(d, err);
}

/* ---- list ---------------------------------------------------------------------------------- */

static const char *lesson_words(const struct school *d, const struct lesson *l)
{
	const struct exercise *at = d->learner.at;

	if (lesson_is_done(&d->learner, l))
		return "done";
	if (at && at->lesson == l)
		return "here";
	return learner_lesson(&d->learner, l)->started ? "begun" : "";
}

static int list_lessons(struct school *d, struct err *err)
{
	struct listing list;

	listing_init(&list, d->in, "lesson,title,>minutes,>done,>of,state");
	listing_drops(&list, "minutes");
	for (int i = 0; i < d->course.n_lessons; i++) {
		const struct lesson *l = &d->course.lessons[i];

		listing_string(&list, l->dir);
		listing_string(&list, l->title);
		listing_int(&list, l->minutes);
		listing_int(&list, learner_n_done(&d->learner, l));
		listing_int(&list, l->n_exercises);
		listing_string(&list, lesson_words(d, l));
	}
	return listing_print(&list, err);
}

static const char *exercise_words(const struct school *d, const struct exercise *e)
{
	const struct exercise_state *s = learner_exercise(&d->learner, e);

	if (s->passed)
		return s->changed ? "passed, changed since" : "passed";
	if (s->is_judged && e->kind == EXERCISE_PREDICT)
		return "predicted otherwise";
	if (exercise_counts(&d->learner, e))
		return "tested out";
	if (s->gave_up)
		return "given up";
	if (e == d->learner.at)
		return "here";
	return s->attempts > 0 ? "not yet" : "";
}

static int list_exercises(struct school *d, const struct lesson *l, struct err *err)
{
	struct listing list;

	bool has_files = false;

	for (int i = 0; i < l->n_exercises; i++)
		has_files = has_files || l->exercises[i].file;
	/* A column that would be empty is for programs. */
	has_files = has_files || !d->in->out.is_terminal;
	listing_init(&list, d->in,
		     has_files ? "exercise,title,kind,file,>tries,>hints,state"
			       : "exercise,title,kind,>tries,>hints,state");
	listing_drops(&list, has_files ? "file,title" : "title");
	for (int i = 0; i < l->n_exercises; i++) {
		const struct exercise *e = &l->exercises[i];
		const struct exercise_state *s = learner_exercise(&d->learner, e);
		struct text file = { 0 };

		school_add_file(e, &file);
		listing_string(&list, e->id);
		listing_string(&list, e->title);
		listing_string(&list, exercise_kind_name(e->kind));
		if (has_files)
			listing_string(&list, file.data);
		listing_int(&list, s->attempts);
		listing_int(&list, s->hints);
		listing_string(&list, exercise_words(d, e));
		text_release(&file);
	}
	return listing_print(&list, err);
}

int lesson_list(struct school *d, int n, const char *const *args, struct err *err)
{
	const struct lesson *l;

	if (n == 0)
		return list_lessons(d, err);
	if (school_lesson(d, args[0], &l, err))
		return err->code;
	return list_exercises(d, l, err);
}
