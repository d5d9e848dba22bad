/*
 * attempt.c -- `answer`, `check`, `hint`, `solution`, `why`, `diff`, `reset`, `test-out`: what one
 * does at an exercise.
 */
#include "school.h"

#include <string.h>

/* ---- answer and check ---------------------------------------------------------------------- */

/* The words behind the exercise, with a space between. */
static void join(int n, const char *const *args, struct text *out)
{
	text_add(out, "", 0);
	for (int i = 0; i < n; i++)
		text_addf(out, "%s%s", i ? " " : "", args[i]);
}

static int is_answered_by_file(const struct exercise *e, struct err *err)
{
	if (e->file)
		return err_set(
			err, ERR_USAGE,
			"%s is answered in %s/%s: edit that, then `torchless lesson check %s`",
			e->id, e->lesson->dir, e->file, e->id);
	return err_set(err, ERR_USAGE, "%s is not answered in words: `torchless lesson check %s`",
		       e->id, e->id);
}

static int is_no_answer(const struct exercise *e, struct err *err)
{
	struct text form = { 0 };

	if (e->file || e->kind == EXERCISE_MILESTONE)
		return is_answered_by_file(e, err);
	school_add_form(e, &form);
	err_set(err, ERR_USAGE, "what is your answer? `torchless lesson answer %s %s`", e->id,
		form.data);
	text_release(&form);
	return err->code;
}

static int end_try(struct school *d, bool passed)
{
	if (!passed)
		d->in->exit_status = 1;
	return 0;
}

int lesson_answer(struct school *d, int n, const char *const *args, struct err *err)
{
	const struct exercise *e = course_exercise(&d->course, args[0]);
	int named = e ? 1 : 0, r;
	struct text words = { 0 };
	bool passed;

	/* Words alone are an answer to the exercise that one is at; a slip of its name is not. */
	if (!e && n > 1 && (school_nearest(d, args[0]) || !d->learner.at))
		return school_exercise(d, args[0], &e, err);
	if (e && n == 1)
		return is_no_answer(e, err);
	if (!e && school_exercise(d, NULL, &e, err))
		return err->code;
	if (e->file || e->kind == EXERCISE_MILESTONE)
		return is_answered_by_file(e, err);
	join(n - named, args + named, &words);
	r = school_try(d, e, words.data, true, &passed, err);
	text_release(&words);
	return r ? r : end_try(d, passed);
}

static void say_one(struct school *d, const struct exercise *e, const struct verdict *v,
		    bool is_missing)
{
	if (option_on(d->in, OPT_JSON)) {
		school_add_json(d, e, v, &d->out);
		text_addc(&d->out, '\n');
		return;
	}
	school_say(d, 0, "%s %s %s%s%s%s%s",
		   ui_sign(&d->in->out, v->passed ? "✓" : "✗", v->passed ? "+" : "x"),
		   e->lesson->number, e->id,
		   v->passed    ? ""
		   : is_missing ? ": not answered yet"
				: ": not yet",
		   v->key ? " (" : "", v->key ? v->key : "", v->key ? ")" : "");
}

/* One of many: what is passed now is noted. */
static int check_one(struct school *d, const struct exercise *e, bool *passed, struct err *err)
{
	struct verdict v = { 0 };
	struct attempt a;
	int r = attempt_read(d, e, NULL, &a, err);

	if (r == 0 && !a.is_missing)
		r = school_check(d, e, &a, false, &v, err);
	if (r == 0 && v.passed && !learner_exercise(&d->learner, e)->passed)
		r = school_note(d, EVENT_CHECK, NULL, e, true, e->file ? NULL : a.text.data, err);
	if (r == 0)
		say_one(d, e, &v, a.is_missing);
	*passed = v.passed;
	attempt_release(&a);
	verdict_release(&v);
	return r ? r : school_flush(d, err);
}

/* Those of a lesson, or with NULL of all lessons that were begun; one line each. */
static int check_many(struct school *d, const struct lesson *only, struct err *err)
{
	int n = course_n_exercises(&d->course), n_passed = 0, n_checked = 0;

	for (int i = 0; i < n && !interrupted; i++) {
		const struct exercise *e = course_exercise_at(&d->course, i);
		bool passed;

		if (only ? e->lesson != only : !learner_lesson(&d->learner, e->lesson)->started)
			continue;
		if (check_one(d, e, &passed, err))
			return err->code;
		n_checked++;
		n_passed += passed;
	}
	if (interrupted)
		return err_set(err, ERR_INTERRUPTED, "interrupted");
	if (!option_on(d->in, OPT_JSON))
		school_say(d, 0, "%d of %d passed", n_passed, n_checked);
	return school_flush(d, err) ? err->code
				    : end_try(d, n_checked > 0 && n_passed == n_checked);
}

int lesson_check(struct school *d, int n, const char *const *args, struct err *err)
{
	const struct exercise *e;
	const struct lesson *l;
	bool passed;

	if (n > 0 && option_on(d->in, OPT_ALL))
		return err_set(err, ERR_USAGE,
			       "--all checks everything that you began, and '%s' is one", args[0]);
	if (option_on(d->in, OPT_ALL))
		return check_many(d, NULL, err);
	if (n > 0 && !course_exercise(&d->course, args[0]) &&
	    (l = course_lesson(&d->course, args[0])) != NULL)
		return check_many(d, l, err);
	if (school_exercise(d, n > 0 ? args[0] : NULL, &e, err) ||
	    school_try(d, e, NULL, true, &passed, err))
		return err->code;
	return end_try(d, passed);
}

int lesson_why(struct school *d, int n, const char *const *args, struct err *err)
{
	const struct exercise *e;
	const char *why;
	bool passed;

	if (school_exercise(d, n > 0 ? args[0] : NULL, &e, err))
		return err->code;
	why = section_value(e->conf, "why");
	if (learner_exercise(&d->learner, e)->last_passed) {
		school_place(d, e);
		school_markdown(d, e->lesson, why ? why : "It is passed.", 0);
		school_what_next(d, e);
		return school_flush(d, err);
	}
	if (learner_exercise(&d->learner, e)->attempts == 0)
		return err_set(err, ERR_NO, "you have not tried %s yet", e->id);
	if (school_try(d, e, NULL, false, &passed, err))
		return err->code;
	return end_try(d, passed);
}

/* ---- hints and solutions ------------------------------------------------------------------- */

int lesson_hint(struct school *d, int n, const char *const *args, struct err *err)
{
	const struct exercise *e;
	struct exercise_state *s;

	if (school_exercise(d, n > 0 ? args[0] : NULL, &e, err))
		return err->code;
	if (!e->hints[0])
		return err_set(err, ERR_NO, "there are no hints to %s", e->id);
	s = learner_exercise(&d->learner, e);
	if (s->hints < 3 && school_note(d, EVENT_HINT, NULL, e, false, NULL, err))
		return err->code;
	school_place(d, e);
	for (int i = 0; i < s->hints; i++) {
		school_styled(d, UI_BOLD, "hint %d of 3", i + 1);
		text_addc(&d->out, '\n');
		school_markdown(d, e->lesson, e->hints[i], 3);
	}
	school_say_folder(d, e);
	if (s->hints == 3 && !exercise_is_done(&d->learner, e)) {
		school_say(
			d, 0,
			"There is no hint after this one; `torchless lesson solution %s --give-up` shows "
			"the solution.",
			e->id);
	}
	school_what_next(d, e);
	return school_flush(d, err);
}

static int add_solution(struct school *d, const struct exercise *e, struct err *err)
{
	struct text solution = { 0 };
	int r;

	if (e->file) {
		r = exercise_solution(&d->room, e, &solution, err);
		if (r == 0) {
			school_styled(d, UI_DIM, "%s/%s", e->lesson->dir, e->file);
			text_addc(&d->out, '\n');
		}
	} else {
		r = school_open_engine(d, err);
		if (r == 0)
			r = exercise_solution(&d->room, e, &solution, err);
	}
	if (r == 0) {
		text_add(&d->out, solution.data ? solution.data : "", solution.len);
		if (d->out.data[d->out.len - 1] != '\n')
			text_addc(&d->out, '\n');
	}
	text_release(&solution);
	return r;
}

int lesson_solution(struct school *d, int n, const char *const *args, struct err *err)
{
	const struct exercise *e;
	const char *why;

	if (school_exercise(d, n > 0 ? args[0] : NULL, &e, err))
		return err->code;
	if (!exercise_is_done(&d->learner, e) && !option_on(d->in, OPT_GIVE_UP))
		return err_set(
			err, ERR_NO,
			"%s is not passed yet: `torchless lesson solution %s --give-up` shows the "
			"solution all the same",
			e->id, e->id);
	school_place(d, e);
	if (add_solution(d, e, err))
		return err->code;
	if (!exercise_is_done(&d->learner, e) &&
	    school_note(d, EVENT_GIVE_UP, NULL, e, false, NULL, err))
		return err->code;
	why = section_value(e->conf, "why");
	if (why) {
		text_addc(&d->out, '\n');
		school_markdown(d, e->lesson, why, 0);
	}
	school_what_next(d, e);
	return school_flush(d, err);
}

/* ---- files --------------------------------------------------------------------------------- */

int lesson_reset(struct school *d, int n, const char *const *args, struct err *err)
{
	const struct exercise *e;
	struct text kept = { 0 };
	int r;

	if (school_exercise(d, n > 0 ? args[0] : NULL, &e, err))
		return err->code;
	if (!e->file)
		return err_set(err, ERR_USAGE, "%s has no file that could be reset", e->id);
	r = folder_reset(&d->room, e, &kept, err);
	if (r == 0) {
		school_place(d, e);
		/* Said whatever follows: nobody else knows where it is. */
		if (kept.len)
			school_say(d, 0, "Your file is kept as %s.", kept.data);
		r = school_note(d, EVENT_RESET, NULL, e, false, NULL, err);
	}
	if (r == 0) {
		school_next(d, "show %s", e->id);
		r = school_flush(d, err);
	}
	text_release(&kept);
	return r;
}

static const struct exercise *hardest_of(const struct lesson *l)
{
	for (int i = 0; i < l->n_exercises; i++)
		if (l->exercises[i].is_hardest)
			return &l->exercises[i];
	return NULL;
}

int lesson_skip(struct school *d, int n, const char *const *args, struct err *err)
{
	const struct exercise *e;
	const struct lesson *l;

	(void)n;
	if (school_lesson(d, args[0], &l, err))
		return err->code;
	e = hardest_of(l);
	if (!e)
		return err_set(err, ERR_USAGE, "%s has no exercise that stands for all of it",
			       l->dir);
	if (school_make_files(d, l, !learner_lesson(&d->learner, l)->started, err) ||
	    school_note(d, EVENT_START, l, NULL, false, NULL, err) ||
	    school_note(d, EVENT_TEST_OUT, l, NULL, false, NULL, err) ||
	    school_note(d, EVENT_AT, NULL, e, false, NULL, err))
		return err->code;
	school_place(d, e);
	if (lesson_is_done(&d->learner, l))
		school_say(d, 0, "You have passed this lesson.");
	else
		school_say(d, 0, "Pass %s, and the lesson is done.", e->id);
	school_what_next(d, e);
	return school_flush(d, err);
}

/* ---- diff ---------------------------------------------------------------------------------- */

/* Where they first differ, as `query` says it. */
static int compare(struct school *d, char *mine, const char *reference, struct err *err)
{
	struct text other = { 0 };
	char *argv[] = { d->program.data,
			 (char *)"query",
			 (char *)"-t",
			 mine,
			 (char *)"first-divergence",
			 NULL,
			 NULL };
	int r;

	text_addf(&other, "reference=%s", reference);
	argv[5] = other.data;
	r = school_spawn(argv, &d->in->exit_status, err);
	text_release(&other);
	return r;
}

int lesson_diff_kernel(struct school *d, int n, const char *const *args, struct err *err)
{
	struct text mine = { 0 }, reference = { 0 };
	const struct exercise *e;
	int r;

	if (school_exercise(d, n > 0 ? args[0] : NULL, &e, err))
		return err->code;
	if (e->kind != EXERCISE_KERNEL)
		return err_set(err, ERR_USAGE, "%s has no kernel that the model could run on",
			       e->id);
	r = school_make_files(d, e->lesson, !learner_lesson(&d->learner, e->lesson)->started, err);
	if (r == 0)
		r = school_open_engine(d, err);
	if (r == 0)
		r = lesson_diff(&d->room, e, &mine, &reference, err);
	if (r == 0) {
		school_place(d, e);
		school_say(d, 0, "yours      %s", mine.data);
		school_say(d, 0, "reference  %s", reference.data);
		r = school_flush(d, err);
	}
	if (r == 0)
		r = compare(d, mine.data, reference.data, err);
	if (r == 0) {
		school_what_next(d, e);
		r = school_flush(d, err);
	}
	text_release(&mine);
	text_release(&reference);
	return r;
}
