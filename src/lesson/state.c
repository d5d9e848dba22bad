/*
 * state.c -- the log of what a learner has done, and what follows from it.
 *
 * A line is an event, written by one append and ended by a checksum, so that two terminals do not
 * mix theirs, and what a crash or a full disk left of a line is known for what it is: it is
 * ignored, and the next line begins behind it.  Nothing is ever taken back or rewritten, and events
 * are applied in the order of their time: two logs become one by putting their lines together.
 *
 *	version time event lesson exercise hash verdict attempts hints text checksum
 *
 * separated by tabs; "-" stands where there is nothing.
 */
#include "torchless/clock.h"
#include "torchless/learner.h"
#include "torchless/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <xxhash.h>

#define VERSION  "1"
#define MAX_LOG  (64 << 20) /* bytes */
#define MAX_TEXT 4096       /* bytes of an answer that are kept */

static const char *const event_names[EVENT_COUNT] = {
	[EVENT_START] = "start",     [EVENT_AT] = "at",       [EVENT_LOCK] = "lock",
	[EVENT_VOID] = "void",       [EVENT_CHECK] = "check", [EVENT_HINT] = "hint",
	[EVENT_GIVE_UP] = "give-up", [EVENT_RESET] = "reset", [EVENT_TEST_OUT] = "test-out",
	[EVENT_SEED] = "seed",
};

enum field {
	F_VERSION,
	F_TIME,
	F_EVENT,
	F_LESSON,
	F_EXERCISE,
	F_HASH,
	F_VERDICT,
	F_ATTEMPTS,
	F_HINTS,
	F_TEXT,
	F_CHECKSUM,
	N_FIELDS
};

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

/* ---- a line -------------------------------------------------------------------------------- */

/* Of an answer that was typed: a tab or a line end would be one of the log. */
static void add_text(struct text *t, const char *s)
{
	size_t len = s ? strlen(s) : 0;

	if (!s)
		text_addc(t, '-');
	else
		text_addc(t, '=');
	for (size_t i = 0; i < len && i < MAX_TEXT; i++)
		if ((unsigned char)s[i] < 0x20 || s[i] == '%' || s[i] == 0x7f)
			text_addf(t, "%%%02x", (unsigned char)s[i]);
		else
			text_addc(t, s[i]);
}

/* What add_text() wrote; NULL: nothing. */
static char *read_text(const char *s, size_t len)
{
	struct text t = { 0 };

	if (len == 0 || *s != '=')
		return NULL;
	text_add(&t, "", 0);
	for (size_t i = 1; i < len; i++) {
		unsigned byte;

		if (s[i] == '%' && i + 2 < len && sscanf(s + i + 1, "%2x", &byte) == 1) {
			text_addc(&t, (char)byte);
			i += 2;
		} else {
			text_addc(&t, s[i]);
		}
	}
	return t.data;
}

static void add_time(struct text *t)
{
	int64_t ns = clock_unix_ns();
	time_t seconds = (time_t)(ns / 1000000000);
	struct tm utc;
	char buf[32];

	gmtime_r(&seconds, &utc);
	strftime(buf, sizeof(buf), "%Y-%m-%dT%H:%M:%S", &utc);
	text_addf(t, "%s.%06dZ", buf, (int)(ns % 1000000000 / 1000));
}

static uint32_t checksum(const char *s, size_t len)
{
	return (uint32_t)XXH3_64bits(s, len);
}

/* The fields of a line; whether it is one, whole. */
static bool split(struct bytes line, struct bytes field[N_FIELDS])
{
	const char *at = line.data, *end = line.data + line.len;
	char sum[9];
	int n = 0;

	for (; n < N_FIELDS; n++) {
		const char *tab = memchr(at, '\t', (size_t)(end - at));

		if ((n + 1 < N_FIELDS) != (tab != NULL))
			return false;
		field[n] = (struct bytes){ at, (size_t)((tab ? tab : end) - at) };
		at = tab ? tab + 1 : end;
	}
	snprintf(sum, sizeof(sum), "%08x",
		 checksum(line.data, (size_t)(field[F_CHECKSUM].data - line.data)));
	return field[F_CHECKSUM].len == 8 && !memcmp(field[F_CHECKSUM].data, sum, 8);
}

static bool is(struct bytes field, const char *s)
{
	return field.len == strlen(s) && !memcmp(field.data, s, field.len);
}

static void apply_line(struct learner *l, struct bytes line)
{
	struct bytes f[N_FIELDS];
	char *lesson, *exercise, *hash, *text;
	int event = 0;

	/* What a later torchless may write is kept and means nothing here. */
	if (!split(line, f) || !is(f[F_VERSION], VERSION))
		return;
	while (event < EVENT_COUNT && !is(f[F_EVENT], event_names[event]))
		event++;
	if (event == EVENT_COUNT)
		return;
	lesson = mem_memdup(f[F_LESSON].data, f[F_LESSON].len);
	exercise = mem_memdup(f[F_EXERCISE].data, f[F_EXERCISE].len);
	hash = mem_memdup(f[F_HASH].data, f[F_HASH].len);
	text = read_text(f[F_TEXT].data, f[F_TEXT].len);
	/* An exercise is known by its id: the lesson may have another number by now. */
	apply(l, (enum learner_event)event, course_lesson(l->course, lesson),
	      course_exercise(l->course, exercise), is(f[F_VERDICT], "pass"), hash, text);
	free(lesson);
	free(exercise);
	free(hash);
	free(text);
}

/* ---- the log ------------------------------------------------------------------------------- */

static int by_time(const void *a, const void *b)
{
	const struct bytes *x = a, *y = b;
	size_t n = x->len < y->len ? x->len : y->len;
	int d = memcmp(x->data, y->data, n);

	return d ? d : (x->len > y->len) - (x->len < y->len);
}

/* The lines of `data` that are events, in the order of time, each once. */
static size_t sort_lines(const char *data, size_t len, struct bytes **lines, int *n_ignored)
{
	const char *end = data + len, *next;
	struct bytes f[N_FIELDS];
	size_t n = 0, cap = 0, kept = 0;

	*lines = NULL;
	for (const char *at = data; at < end; at = next + 1) {
		struct bytes line;

		next = memchr(at, '\n', (size_t)(end - at));
		next = next ? next : end;
		line = (struct bytes){ at, (size_t)(next - at) };
		if (line.len == 0)
			continue;
		if (!split(line, f)) {
			++*n_ignored;
			continue;
		}
		*lines = mem_grow(*lines, n, &cap, sizeof(**lines));
		(*lines)[n++] = line;
	}
	if (n > 0)
		qsort(*lines, n, sizeof(**lines), by_time);
	for (size_t i = 0; i < n; i++)
		if (kept == 0 || by_time(&(*lines)[kept - 1], &(*lines)[i]) != 0)
			(*lines)[kept++] = (*lines)[i];
	return kept;
}

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
		l->n_lines = sort_lines(l->text.data, l->text.len, &l->lines, &l->n_ignored);
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

static int not_kept(const struct learner *l, int failed, struct err *err)
{
	return err_set(err, err_of_errno(failed), "cannot keep what you did in %s: %s", l->log,
		       strerror(failed));
}

static int make_folder_of(const char *path, struct err *err)
{
	char *folder = mem_strdup(path), *slash = strrchr(folder, '/');
	int r = 0;

	if (slash && slash > folder) {
		*slash = '\0';
		r = learner_folder(folder, err);
	}
	free(folder);
	return r;
}

/* Whether a crash or a full disk has left the last line without its end. */
static bool is_torn(int fd)
{
	off_t end = lseek(fd, 0, SEEK_END);
	char last = '\n';

	return end > 0 && pread(fd, &last, 1, end - 1) == 1 && last != '\n';
}

/* One write, which the system puts behind whatever others have written. */
static int append(const struct learner *l, const struct text *lines, struct err *err)
{
	struct text all = { 0 };
	int fd, failed;
	ssize_t n;

	if (make_folder_of(l->log, err))
		return err->code;
	fd = open(l->log, O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0)
		return not_kept(l, errno, err);
	if (is_torn(fd))
		text_addc(&all, '\n');
	text_add(&all, lines->data, lines->len);
	do {
		n = write(fd, all.data, all.len);
	} while (n < 0 && errno == EINTR);
	failed = n < 0 ? errno : (size_t)n < all.len ? ENOSPC : 0;
	if (!failed && fsync(fd) != 0 && errno != EINVAL && errno != ENOTSUP)
		failed = errno;
	if (close(fd) && !failed)
		failed = errno;
	text_release(&all);
	return failed ? not_kept(l, failed, err) : 0;
}

int learner_note(struct learner *l, enum learner_event event, const struct lesson *lesson,
		 const struct exercise *e, bool passed, const char *text, struct err *err)
{
	const struct exercise_state *s = e ? learner_exercise(l, e) : NULL;
	char hash[17] = "-";
	struct text line = { 0 };
	int r;

	lesson = e ? e->lesson : lesson;
	if (e)
		snprintf(hash, sizeof(hash), "%016" PRIx64, e->hash);
	text_adds(&line, VERSION "\t");
	add_time(&line);
	text_addf(&line, "\t%s\t%s\t%s\t%s\t%s\t%d\t%d\t", event_names[event],
		  lesson ? lesson->dir : "-", e ? e->id : "-", hash,
		  event != EVENT_CHECK ? "-"
		  : passed             ? "pass"
				       : "fail",
		  s ? s->attempts + (event == EVENT_CHECK) : 0,
		  s ? s->hints + (event == EVENT_HINT) : 0);
	add_text(&line, text);
	text_addc(&line, '\t');
	text_addf(&line, "%08x\n", checksum(line.data, line.len));
	r = append(l, &line, err);
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
	       bsearch(line, l->lines, l->n_lines, sizeof(*l->lines), by_time) != NULL;
}

int learner_merge(struct learner *l, const char *from, const char *data, size_t len, int *n_new,
		  struct err *err)
{
	const struct course *c = l->course;
	struct bytes *lines;
	struct text added = { 0 };
	int n_ignored = 0, r = 0;
	size_t n = sort_lines(data, len, &lines, &n_ignored);
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
		r = append(l, &added, err);
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
