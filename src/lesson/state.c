/*
 * state.c -- what follows from the log of what a learner has done.
 *
 * Nothing of it is kept: events are applied in the order of their time whenever it is asked for.
 */
#include "log.h"
#include "torchless/mem.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define MAX_LOG (64 << 20) /* bytes */

/* ---- the course by number ------------------------------------------------------------------ */

const struct exercise *course_exercise_at(const struct course *c, int i)
{
	for (int k = 0; k < c->n_lessons && i >= 0; k++) {
		if (i < c->lessons[k].n_exercises)
			return &c->lessons[k].exercises[i];
		i -= c->lessons[k].n_exercises;
	}
	return NULL;
}

int course_index(const struct course *c, const struct exercise *e)
{
	int i = (int)(e - e->lesson->exercises);

	for (const struct lesson *l = c->lessons; l < e->lesson; l++)
		i += l->n_exercises;
	return i;
}

struct exercise_state *learner_exercise(const struct learner *l, const struct exercise *e)
{
	return &l->exercises[course_index(l->course, e)];
}

struct lesson_state *learner_lesson(const struct learner *l, const struct lesson *lesson)
{
	return &l->lessons[lesson - l->course->lessons];
}

/* ---- what an event means ------------------------------------------------------------------- */

static void replace(char **s, const char *by)
{
	char *copy = by ? mem_strdup(by) : NULL;

	free(*s);
	*s = copy;
}

static void apply_check(struct exercise_state *s, const struct exercise *e, bool passed,
			const char *hash, const char *text)
{
	char now[17];

	snprintf(now, sizeof(now), "%016" PRIx64, e->hash);
	s->attempts++;
	s->last_passed = passed;
	replace(&s->last, text);
	if (passed) {
		s->changed = strcmp(hash, now) != 0;
		s->passed = true;
	}
	/* The first prediction is judged by the first check behind it. */
	if (s->predicted && !s->is_judged) {
		s->is_judged = true;
		s->was_right = passed;
	}
}

static void apply(struct learner *l, enum learner_event event, const struct lesson *lesson,
		  const struct exercise *e, bool passed, const char *hash, const char *text)
{
	struct exercise_state *s = e ? learner_exercise(l, e) : NULL;

	if (event == EVENT_START && lesson)
		learner_lesson(l, lesson)->started = true;
	if (event == EVENT_SEED && text && !l->has_seed) {
		l->has_seed = true;
		l->seed = strtoull(text, NULL, 10);
	}
	if (event == EVENT_TEST_OUT && lesson)
		learner_lesson(l, lesson)->tests_out = true;
	if (!s)
		return;
	if (event == EVENT_AT)
		l->at = e;
	else if (event == EVENT_LOCK && !s->predicted)
		replace(&s->predicted, text ? text : "");
	else if (event == EVENT_VOID && !s->is_judged)
		replace(&s->predicted, NULL);
	else if (event == EVENT_CHECK)
		apply_check(s, e, passed, hash, text);
	else if (event == EVENT_HINT)
		s->hints += s->hints < 3;
	else if (event == EVENT_GIVE_UP)
		s->gave_up = true;
}

static void apply_line(struct learner *l, struct bytes line)
{
	struct log_event e;

	if (!log_read(line, &e))
		return;
	/* An exercise is known by its id: the lesson may have another number by now. */
	apply(l, e.event, course_lesson(l->course, e.lesson),
	      course_exercise(l->course, e.exercise), e.passed, e.hash, e.text);
	log_event_release(&e);
}

/* ---- the log ------------------------------------------------------------------------------- */

static int read_log(struct learner *l, struct err *err)
{
	struct stat sb;

	if (stat(l->log, &sb) < 0 && (errno == ENOENT || errno == ENOTDIR)) {
		l->is_new = true;
		return 0;
	}
	if (text_read_regular(&l->text, l->log, MAX_LOG, err) == 0)
		return 0;
	/* It is nobody's argument. */
	if (err->code == ERR_FORMAT)
		err_set(err, ERR_IO,
			"%s is larger than the %d MB that a learner's log can be: move it away",
			l->log, MAX_LOG >> 20);
	return err->code;
}

int learner_open(struct learner *l, const struct course *c, const char *log, struct err *err)
{
	int n = course_n_exercises(c);

	*l = (struct learner){ .course = c, .log = mem_strdup(log) };
	l->exercises = mem_calloc(n ? (size_t)n : 1, sizeof(*l->exercises));
	l->lessons = mem_calloc(c->n_lessons ? (size_t)c->n_lessons : 1, sizeof(*l->lessons));
	if (read_log(l, err))
		return err->code;
	if (l->text.data)
		l->n_lines = log_sort(l->text.data, l->text.len, &l->lines, &l->n_ignored);
	for (size_t i = 0; i < l->n_lines; i++)
		apply_line(l, l->lines[i]);
	return 0;
}

void learner_close(struct learner *l)
{
	for (int i = l->exercises ? course_n_exercises(l->course) : 0; i-- > 0;) {
		free(l->exercises[i].predicted);
		free(l->exercises[i].last);
	}
	free(l->exercises);
	free(l->lessons);
	free(l->lines);
	free(l->log);
	text_release(&l->text);
	*l = (struct learner){ 0 };
}

/* ---- adding -------------------------------------------------------------------------------- */

int learner_note(struct learner *l, enum learner_event event, const struct lesson *lesson,
		 const struct exercise *e, bool passed, const char *text, struct err *err)
{
	const struct exercise_state *s = e ? learner_exercise(l, e) : NULL;
	char hash[17] = "-", nothing[] = "-";
	struct text line = { 0 };
	int r;

	lesson = e ? e->lesson : lesson;
	if (e)
		snprintf(hash, sizeof(hash), "%016" PRIx64, e->hash);
	log_add(&line, &(struct log_event){
			       .event = event,
			       .lesson = lesson ? lesson->dir : nothing,
			       .exercise = e ? (char *)e->id : nothing,
			       .hash = hash,
			       .passed = passed,
			       .attempts = s ? s->attempts + (event == EVENT_CHECK) : 0,
			       .hints = s ? s->hints + (event == EVENT_HINT) : 0,
			       .text = (char *)text,
		       });
	r = log_append(l->log, &line, err);
	text_release(&line);
	if (r == 0) {
		apply(l, event, lesson, e, passed, hash, text);
		l->is_new = false;
	}
	return r;
}

/* ---- from one machine to another ----------------------------------------------------------- */

void learner_export(const struct learner *l, struct text *out)
{
	for (size_t i = 0; i < l->n_lines; i++) {
		text_add(out, l->lines[i].data, l->lines[i].len);
		text_addc(out, '\n');
	}
}

static bool has_line(const struct learner *l, const struct bytes *line)
{
	return l->n_lines > 0 &&
	       bsearch(line, l->lines, l->n_lines, sizeof(*l->lines), log_by_time) != NULL;
}

int learner_merge(struct learner *l, const char *from, const char *data, size_t len, int *n_new,
		  struct err *err)
{
	const struct course *c = l->course;
	struct bytes *lines;
	struct text added = { 0 };
	int n_ignored = 0, r = 0;
	size_t n = log_sort(data, len, &lines, &n_ignored);
	char *log;

	*n_new = 0;
	for (size_t i = 0; i < n; i++)
		if (!has_line(l, &lines[i])) {
			text_add(&added, lines[i].data, lines[i].len);
			text_addc(&added, '\n');
			++*n_new;
		}
	free(lines);
	if (n == 0)
		r = err_set(err, ERR_FORMAT, "%s holds no progress of lessons", from);
	else if (*n_new > 0)
		r = log_append(l->log, &added, err);
	text_release(&added);
	if (r || *n_new == 0)
		return r;
	log = mem_strdup(l->log);
	learner_close(l);
	r = learner_open(l, c, log, err);
	free(log);
	return r;
}

/* ---- what follows -------------------------------------------------------------------------- */

static bool hardest_is_passed(const struct learner *l, const struct lesson *lesson)
{
	for (int i = 0; i < lesson->n_exercises; i++)
		if (lesson->exercises[i].is_hardest &&
		    learner_exercise(l, &lesson->exercises[i])->passed)
			return true;
	return false;
}

static bool is_tested_out(const struct learner *l, const struct lesson *lesson)
{
	return learner_lesson(l, lesson)->tests_out && hardest_is_passed(l, lesson);
}

bool exercise_counts(const struct learner *l, const struct exercise *e)
{
	const struct exercise_state *s = learner_exercise(l, e);

	/* A prediction is over when it is judged: what is right was shown. */
	return s->passed || (e->kind == EXERCISE_PREDICT && s->is_judged) ||
	       is_tested_out(l, e->lesson);
}

bool exercise_is_done(const struct learner *l, const struct exercise *e)
{
	return exercise_counts(l, e) || learner_exercise(l, e)->gave_up;
}

bool lesson_is_done(const struct learner *l, const struct lesson *lesson)
{
	for (int i = 0; i < lesson->n_exercises; i++)
		if (lesson->exercises[i].is_blocking && !exercise_is_done(l, &lesson->exercises[i]))
			return false;
	return true;
}

int learner_n_done(const struct learner *l, const struct lesson *lesson)
{
	int n = 0;

	for (int i = 0; i < l->course->n_lessons; i++) {
		const struct lesson *one = &l->course->lessons[i];

		for (int k = 0; k < one->n_exercises && (!lesson || lesson == one); k++)
			n += exercise_counts(l, &one->exercises[k]);
	}
	return n;
}

const struct exercise *learner_next(const struct learner *l, const struct exercise *e)
{
	int n = course_n_exercises(l->course), from = e ? course_index(l->course, e) + 1 : 0;

	for (int i = 0; i < n; i++) {
		const struct exercise *next = course_exercise_at(l->course, (from + i) % n);

		/* What nothing waits for is offered once. */
		if (next != e && !exercise_is_done(l, next) &&
		    (next->is_blocking || learner_exercise(l, next)->attempts == 0))
			return next;
	}
	return NULL;
}
