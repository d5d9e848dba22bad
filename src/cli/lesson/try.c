/*
 * try.c -- what a learner says is read, checked and noted.
 *
 * A prediction is on the disk before anything is computed.  A verdict that cannot be kept is shown
 * all the same, and that it is not kept is said.
 */
#include "school.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#define MAX_FILE (1 << 20) /* bytes of what is handed in */

static int read_file(struct school *d, const struct exercise *e, struct attempt *a, struct err *err)
{
	folder_path(&d->room, e->lesson, e->file, &a->path);
	/* What was lost is cut again, and said. */
	if (access(a->path.data, F_OK) != 0 && school_make_files(d, e->lesson, false, err))
		return err->code;
	if (text_read_regular(&a->text, a->path.data, MAX_FILE, err))
		return err->code;
	text_add(&a->text, "", 0);
	a->answer.path = a->path.data;
	return 0;
}

/* "@FILE" is what stands in the file. */
static int read_words(const char *words, struct attempt *a, struct err *err)
{
	if (words[0] != '@' || !words[1]) {
		text_adds(&a->text, words);
		return 0;
	}
	if (text_read_file(&a->text, words + 1, MAX_FILE, err))
		return err->code;
	while (a->text.len > 0 && strchr(" \t\r\n", a->text.data[a->text.len - 1]))
		a->text.data[--a->text.len] = '\0';
	return 0;
}

int attempt_read(struct school *d, const struct exercise *e, const char *words, struct attempt *a,
		 struct err *err)
{
	const char *last = learner_exercise(&d->learner, e)->last;
	int r = 0;

	*a = (struct attempt){ 0 };
	text_add(&a->text, "", 0);
	if (e->file)
		r = read_file(d, e, a, err);
	else if (words)
		r = read_words(words, a, err);
	else if (last)
		text_adds(&a->text, last);
	else
		a->is_missing = e->kind != EXERCISE_MILESTONE;
	a->answer.text = a->text.data;
	a->answer.len = a->text.len;
	return r;
}

void attempt_release(struct attempt *a)
{
	text_release(&a->text);
	text_release(&a->path);
}

int school_check(struct school *d, const struct exercise *e, const struct attempt *a, bool is_kept,
		 struct verdict *v, struct err *err)
{
	const char *words = e->file ? NULL : a->text.data;
	bool locks = is_kept && e->kind == EXERCISE_PREDICT;
	struct err ignored;
	int r;

	if (school_open_engine(d, err) ||
	    (locks && school_note(d, EVENT_LOCK, NULL, e, false, words, err)))
		return err->code;
	r = exercise_check(&d->room, e, &a->answer, v, err);
	if (r && locks)
		school_note(d, EVENT_VOID, NULL, e, false, NULL, &ignored);
	return r;
}

/* What to type when it is not passed yet; who has written nothing needs no hint. */
static void say_help(struct school *d, const struct exercise *e, const struct attempt *a)
{
	const struct exercise_state *s = learner_exercise(&d->learner, e);
	bool is_untouched = false;
	struct err ignored;

	if (e->file &&
	    !folder_is_untouched(&d->room, e, a->text.data, a->text.len, &is_untouched, &ignored) &&
	    is_untouched)
		school_what_next(d, e);
	else if (s->hints < 3 && e->hints[s->hints])
		school_next(d, "hint %s", e->id);
	else
		school_next(d, "solution %s --give-up", e->id);
}

/* Whoever has come to the end of a lesson is told so, and that its text goes on behind it. */
static void say_lesson_done(struct school *d, const struct lesson *l)
{
	school_say(
		d, 0,
		"\nLesson %s is done. Its text ends with what people believe and with what to read "
		"on: `torchless lesson show %s`.",
		l->number, l->number);
}

static void say_outcome(struct school *d, const struct exercise *e, const struct attempt *a,
			const struct verdict *v, bool ends_lesson)
{
	if (option_on(d->in, OPT_JSON)) {
		school_add_json(d, e, v, &d->out);
		text_addc(&d->out, '\n');
		return;
	}
	school_verdict(d, e, v);
	if (ends_lesson)
		say_lesson_done(d, e->lesson);
	if (v->passed || exercise_is_done(&d->learner, e))
		school_what_next(d, e);
	else
		say_help(d, e, a);
}

int school_try(struct school *d, const struct exercise *e, const char *words, bool is_kept,
	       bool *passed, struct err *err)
{
	bool was_done = lesson_is_done(&d->learner, e->lesson);
	struct verdict v = { 0 };
	struct attempt a;
	struct err unkept;
	int r = attempt_read(d, e, words, &a, err), kept = 0;

	*passed = false;
	if (r == 0 && a.is_missing) {
		school_place(d, e);
		school_say(d, 0, "This is answered in words, and you have not answered yet.");
		school_what_next(d, e);
	} else if (r == 0) {
		if (is_kept && e != d->learner.at)
			kept = school_note(d, EVENT_AT, NULL, e, false, NULL, &unkept);
		r = school_check(d, e, &a, is_kept, &v, err);
		if (r == 0 && is_kept && !kept)
			kept = school_note(d, EVENT_CHECK, NULL, e, v.passed,
					   e->file ? NULL : a.text.data, &unkept);
		*passed = r == 0 && v.passed;
		if (r == 0)
			say_outcome(d, e, &a, &v,
				    !was_done && lesson_is_done(&d->learner, e->lesson));
	}
	attempt_release(&a);
	verdict_release(&v);
	if (r == 0)
		r = school_flush(d, err);
	if (r == 0 && kept)
		*err = unkept;
	return r ? r : kept;
}
