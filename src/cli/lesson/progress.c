/*
 * progress.c -- `progress`, and `grade` for who teaches.
 */
#include "school.h"
#include "torchless/json.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define MAX_IMPORT (64 << 20) /* bytes */
#define BAR        20

/* ---- progress ------------------------------------------------------------------------------ */

struct calibration {
	int right, all;
};

static struct calibration calibrate(const struct school *d)
{
	struct calibration c = { 0 };

	for (int i = 0; i < course_n_exercises(&d->course); i++) {
		const struct exercise_state *s = &d->learner.exercises[i];

		c.all += s->predicted && s->is_judged;
		c.right += s->predicted && s->is_judged && s->was_right;
	}
	return c;
}

/* What was expected first, and what it is, where that was found. */
static void say_predictions(struct school *d)
{
	struct calibration c = calibrate(d);

	if (c.all == 0)
		return;
	school_say(d, 0, "\n%d of %d %s right before it was run.", c.right, c.all,
		   plural(c.all, "prediction was", "predictions were"));
	for (int i = 0; i < course_n_exercises(&d->course); i++) {
		const struct exercise_state *s = &d->learner.exercises[i];
		const struct exercise *e = course_exercise_at(&d->course, i);

		if (!s->predicted || !s->is_judged || s->was_right)
			continue;
		if (s->passed && s->last_passed && s->last)
			school_say(d, 2, "%s: you expected %s first, it is %s", e->id, s->predicted,
				   s->last);
		else
			school_say(d, 2, "%s: you expected %s first", e->id, s->predicted);
	}
}

static int print_progress(struct school *d, struct err *err)
{
	struct text bar = { 0 };

	for (int i = 0; i < d->course.n_lessons; i++) {
		const struct lesson *l = &d->course.lessons[i];

		text_clear(&bar);
		school_add_bar(learner_n_done(&d->learner, l), l->n_exercises, BAR, &bar);
		text_addf(&d->out, "%s %-26s  %s\n", l->number, l->id, bar.data);
	}
	text_clear(&bar);
	school_add_bar(learner_n_done(&d->learner, NULL), course_n_exercises(&d->course), BAR,
		       &bar);
	text_addf(&d->out, "%-29s  %s\n", "all", bar.data);
	text_release(&bar);
	say_predictions(d);
	if (d->course.n_lessons > 0)
		school_what_next(d, d->learner.at);
	return school_flush(d, err);
}

static void add_exercise_json(const struct school *d, const struct exercise *e, struct text *out)
{
	const struct exercise_state *s = learner_exercise(&d->learner, e);

	text_addc(out, '{');
	json_add_string(out, "lesson", e->lesson->dir);
	json_add_string(out, "exercise", e->id);
	json_add_string(out, "kind", exercise_kind_name(e->kind));
	json_add_bool(out, "passed", s->passed);
	json_add_bool(out, "counts", exercise_counts(&d->learner, e));
	json_add_bool(out, "gave_up", s->gave_up);
	json_add_bool(out, "changed", s->changed);
	json_add_int(out, "attempts", s->attempts);
	json_add_int(out, "hints", s->hints);
	json_add_string(out, "predicted", s->predicted);
	if (s->predicted && s->is_judged)
		json_add_bool(out, "prediction_was_right", s->was_right);
	else
		json_add_string(out, "prediction_was_right", NULL);
	text_addc(out, '}');
}

static int progress_json(struct school *d, struct err *err)
{
	struct calibration c = calibrate(d);

	text_addc(&d->out, '{');
	json_add_string(&d->out, "course", section_value(&d->course.sections[0], "title"));
	json_add_int(&d->out, "done", learner_n_done(&d->learner, NULL));
	json_add_int(&d->out, "of", course_n_exercises(&d->course));
	json_add_int(&d->out, "predictions", c.all);
	json_add_int(&d->out, "right", c.right);
	json_add_string(&d->out, "at", d->learner.at ? d->learner.at->id : NULL);
	json_add_key(&d->out, "exercises");
	text_addc(&d->out, '[');
	for (int i = 0; i < course_n_exercises(&d->course); i++) {
		text_adds(&d->out, i ? "," : "");
		add_exercise_json(d, course_exercise_at(&d->course, i), &d->out);
	}
	text_adds(&d->out, "]}\n");
	return school_flush(d, err);
}

static int export_log(struct school *d, const char *path, struct err *err)
{
	struct text log = { 0 };
	int r;

	learner_export(&d->learner, &log);
	text_add(&log, "", 0);
	if (log.len == 0)
		r = err_set(err, ERR_NO, "there is no progress that could be exported yet");
	else if (!strcmp(path, "-"))
		r = write_out(log.data, log.len, err);
	else if ((r = check_target(path, err)) == 0)
		r = text_write_file(path, log.data, log.len, err);
	text_release(&log);
	return r;
}

static int import_log(struct school *d, const char *path, struct err *err)
{
	struct text read = { 0 };
	struct bytes log = { 0 };
	int n_new = 0, r;

	if (!strcmp(path, "-")) {
		r = invocation_stdin(d->in, &log, err);
	} else {
		r = text_read_file(&read, path, MAX_IMPORT, err);
		log = (struct bytes){ read.data, read.len };
	}
	if (r == 0)
		r = learner_merge(&d->learner, path, log.data, log.len, &n_new, err);
	if (r == 0) {
		school_say(d, 0, "%d %s new.", n_new, plural(n_new, "event was", "events were"));
		r = school_flush(d, err);
	}
	text_release(&read);
	return r;
}

int lesson_progress(struct school *d, int n, const char *const *args, struct err *err)
{
	(void)n;
	(void)args;
	if (options_exclusive(d->in, err, OPT_EXPORT, OPT_IMPORT, OPT_JSON))
		return err->code;
	if (d->in->option[OPT_EXPORT].is_set)
		return export_log(d, d->in->option[OPT_EXPORT].s, err);
	if (d->in->option[OPT_IMPORT].is_set)
		return import_log(d, d->in->option[OPT_IMPORT].s, err);
	return option_on(d->in, OPT_JSON) ? progress_json(d, err) : print_progress(d, err);
}

/* ---- grade --------------------------------------------------------------------------------- */

static bool same_file(const char *a, const char *b)
{
	struct stat x, y;

	return stat(a, &x) == 0 && stat(b, &y) == 0 && x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

/* Nothing is written where the learner's files lie: a file that is missing is not cut. */
static int grade_one(struct school *d, const struct exercise *e, struct verdict *v, bool *tried,
		     struct err *err)
{
	const struct exercise_state *s = learner_exercise(&d->learner, e);
	struct text path = { 0 }, text = { 0 };
	struct answer a = { 0 };
	struct err why = { 0 };
	int r = 0;

	text_add(&text, "", 0);
	if (e->file) {
		folder_path(&d->room, e->lesson, e->file, &path);
		*tried = text_read_regular(&text, path.data, 1 << 20, &why) == 0;
		a.path = path.data;
	} else {
		*tried = s->last || e->kind == EXERCISE_MILESTONE;
		text_adds(&text, s->last ? s->last : "");
	}
	a.text = text.data;
	a.len = text.len;
	/* What cannot be read or understood is not passed; an engine that fails is no verdict. */
	if (*tried && exercise_check(&d->room, e, &a, v, &why)) {
		if (why.code == ERR_USAGE || why.code == ERR_FORMAT)
			verdict_line(v, CHECK_FAILED, "it can be checked", "%s", why.message);
		else
			r = err_set(err, why.code, "%s", why.message);
	}
	text_release(&path);
	text_release(&text);
	return r;
}

static void add_grade(struct school *d, struct listing *list, const struct exercise *e,
		      const struct verdict *v, bool tried)
{
	const struct exercise_state *s = learner_exercise(&d->learner, e);

	listing_string(list, e->lesson->dir);
	listing_string(list, e->id);
	listing_string(list, exercise_kind_name(e->kind));
	listing_bool(list, tried);
	listing_bool(list, v->passed);
	listing_string(list, v->key);
	listing_int(list, s->attempts);
	listing_int(list, s->hints);
	listing_bool(list, s->gave_up);
	listing_string(list, s->predicted);
}

/* What was answered in words: the folder's own log, or what `progress --export` put there. */
static int open_log(struct school *d, const struct learner_places *places, struct err *err)
{
	struct text exported = { 0 }, log = { 0 };
	struct stat sb;
	int r;

	if (stat(places->home, &sb) != 0 || !S_ISDIR(sb.st_mode))
		return err_set(err, ERR_USAGE, "%s is no folder of a learner", places->home);
	if (same_file(places->home, d->places.home))
		return 0;
	text_addf(&exported, "%s/progress.log", places->home);
	text_adds(&log, stat(places->log, &sb) == 0 ? places->log : exported.data);
	learner_close(&d->learner);
	r = learner_open(&d->learner, &d->course, log.data, err);
	text_release(&exported);
	text_release(&log);
	return r;
}

int lesson_grade(struct school *d, int n, const char *const *args, struct err *err)
{
	struct learner_places places;
	struct listing list;
	int n_exercises = course_n_exercises(&d->course), r;

	(void)n;
	r = learner_places(&places, args[0], err);
	if (r == 0)
		r = open_log(d, &places, err);
	d->room.home = places.home;
	if (r == 0)
		r = school_open_engine(d, err);
	if (r == 0)
		listing_init(
			&list, d->in,
			"lesson,exercise,kind,tried,passed,key,>attempts,>hints,gave_up,predicted");
	for (int i = 0; r == 0 && i < n_exercises; i++) {
		const struct exercise *e = course_exercise_at(&d->course, i);
		struct verdict v = { 0 };
		bool tried = false;

		r = interrupted ? err_set(err, ERR_INTERRUPTED, "interrupted")
				: grade_one(d, e, &v, &tried, err);
		if (r == 0)
			add_grade(d, &list, e, &v, tried);
		verdict_release(&v);
	}
	if (r == 0)
		r = listing_print(&list, err);
	learner_places_release(&places);
	return r;
}
