/*
 * test_lesson_state.c -- the log of a learner: what is derived from it, and that nothing which
 * happens to the file loses more than the line that was being written; and what is cut for whom.
 */
#include "lesson/cut.h"
#include "torchless/folders.h"
#include "torchless/learner.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static struct course course;
static struct learner learner;
static struct err err;
static char dir[64], log_path[128];

static void begin(void)
{
	strcpy(dir, "/tmp/torchless-state-XXXXXX");
	cr_assert_not_null(mkdtemp(dir));
	snprintf(log_path, sizeof(log_path), "%s/deep/er/course.log", dir);
	cr_assert_eq(course_open(&course, "tests/support/course", &err), 0, "%s", err.message);
}

static void end(void)
{
	char command[128];

	learner_close(&learner);
	course_close(&course);
	snprintf(command, sizeof(command), "rm -rf %s", dir);
	cr_assert_eq(system(command), 0);
}

TestSuite(state, .init = begin, .fini = end);

static void open_log(void)
{
	learner_close(&learner);
	cr_assert_eq(learner_open(&learner, &course, log_path, &err), 0, "%s", err.message);
}

static const struct exercise *find(const char *id)
{
	const struct exercise *e = course_exercise(&course, id);

	cr_assert_not_null(e, "%s", id);
	return e;
}

static struct exercise_state *state_of(const char *id)
{
	return learner_exercise(&learner, find(id));
}

static void note(enum learner_event event, const char *id, bool passed, const char *text)
{
	cr_assert_eq(learner_note(&learner, event, NULL, find(id), passed, text, &err), 0, "%s",
		     err.message);
}

static void read_log(struct text *t)
{
	cr_assert_eq(text_read_file(t, log_path, 1 << 20, &err), 0, "%s", err.message);
}

static void write_log(const char *data, size_t len)
{
	cr_assert_eq(text_write_file(log_path, data, len, &err), 0, "%s", err.message);
}

Test(state, what_was_noted_is_there_again)
{
	open_log();
	cr_expect(learner.is_new);
	note(EVENT_AT, "calls", false, NULL);
	note(EVENT_CHECK, "calls", false, "4");
	note(EVENT_HINT, "calls", false, NULL);
	note(EVENT_CHECK, "calls", true, "5\t6\n%7\x7f\xc3\xa4");
	for (int again = 0; again < 2; again++) {
		cr_expect_not(learner.is_new);
		cr_expect_eq(learner.at, find("calls"));
		cr_expect(state_of("calls")->passed);
		cr_expect_eq(state_of("calls")->attempts, 2);
		cr_expect_eq(state_of("calls")->hints, 1);
		cr_expect_str_eq(state_of("calls")->last, "5\t6\n%7\x7f\xc3\xa4");
		cr_expect_not(state_of("calls")->changed);
		cr_expect_eq(learner_n_done(&learner, NULL), 1);
		open_log();
	}
	cr_expect_eq(learner.n_ignored, 0);
}

Test(state, the_first_prediction_counts)
{
	open_log();
	note(EVENT_LOCK, "heads-guess", false, "not one of them");
	note(EVENT_VOID, "heads-guess", false, NULL);
	cr_expect_null(state_of("heads-guess")->predicted);
	note(EVENT_LOCK, "heads-guess", false, "a");
	note(EVENT_CHECK, "heads-guess", false, "a");
	note(EVENT_LOCK, "heads-guess", false, "b");
	note(EVENT_CHECK, "heads-guess", true, "b");
	open_log();
	cr_expect_str_eq(state_of("heads-guess")->predicted, "a");
	cr_expect(state_of("heads-guess")->is_judged);
	cr_expect_not(state_of("heads-guess")->was_right);
	cr_expect(state_of("heads-guess")->passed);
}

Test(state, a_lesson_is_done_by_all_of_it_or_by_the_hardest)
{
	const struct lesson *first = &course.lessons[0], *second = &course.lessons[1];

	open_log();
	note(EVENT_CHECK, "calls", true, "5");
	cr_expect_not(lesson_is_done(&learner, first));
	cr_assert_eq(learner_note(&learner, EVENT_TEST_OUT, first, NULL, false, NULL, &err), 0);
	cr_expect(lesson_is_done(&learner, first));
	cr_expect_eq(learner_n_done(&learner, first), 3);
	note(EVENT_CHECK, "softmax", true, NULL);
	note(EVENT_GIVE_UP, "where", false, NULL);
	cr_expect_not(lesson_is_done(&learner, second));
	note(EVENT_CHECK, "together", true, NULL);
	cr_expect(lesson_is_done(&learner, second), "a bench does not block");
	cr_expect_eq(learner_n_done(&learner, second), 2, "what was given up is not done");
}

Test(state, next_goes_round_and_ends)
{
	open_log();
	cr_expect_eq(learner_next(&learner, NULL), find("heads-guess"));
	cr_expect_eq(learner_next(&learner, find("positions")), find("softmax"));
	cr_expect_eq(learner_next(&learner, find("together")), find("heads-guess"));
	for (int i = 0; i < course_n_exercises(&course); i++)
		note(EVENT_CHECK, course_exercise_at(&course, i)->id, true, NULL);
	cr_expect_null(learner_next(&learner, NULL));
	cr_expect_null(course_exercise_at(&course, 7));
}

Test(state, a_log_that_ends_anywhere_loses_its_last_line_alone)
{
	struct text whole = { 0 };
	size_t last;

	open_log();
	note(EVENT_CHECK, "calls", true, "5");
	note(EVENT_CHECK, "softmax", true, NULL);
	read_log(&whole);
	last = (size_t)(strchr(whole.data, '\n') - whole.data) + 1;
	for (size_t len = last; len < whole.len; len++) {
		write_log(whole.data, len);
		open_log();
		cr_assert(state_of("calls")->passed, "%zu bytes", len);
		/* Without its end of the line it is whole. */
		cr_assert_eq(state_of("softmax")->passed, len == whole.len - 1, "%zu bytes", len);
		cr_assert_eq(learner.n_ignored, len > last && len < whole.len - 1);
		note(EVENT_CHECK, "where", true, NULL);
		open_log();
		cr_assert(state_of("where")->passed, "what comes behind it is whole");
		cr_assert(state_of("calls")->passed);
	}
	text_release(&whole);
}

Test(state, a_damaged_byte_costs_its_line)
{
	struct text whole = { 0 };
	size_t first;

	open_log();
	note(EVENT_CHECK, "calls", true, "5");
	note(EVENT_CHECK, "softmax", true, NULL);
	read_log(&whole);
	first = (size_t)(strchr(whole.data, '\n') - whole.data);
	for (size_t i = 0; i < first; i++) {
		whole.data[i] ^= 1;
		write_log(whole.data, whole.len);
		open_log();
		cr_assert_not(state_of("calls")->passed, "byte %zu", i);
		cr_assert(state_of("softmax")->passed, "byte %zu", i);
		cr_assert_geq(learner.n_ignored, 1);
		whole.data[i] ^= 1;
	}
	text_release(&whole);
}

Test(state, garbage_and_bytes_of_any_kind_are_ignored)
{
	char bytes[4096];

	srand(1);
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (char)rand();
	open_log();
	note(EVENT_AT, "calls", false, NULL);
	write_log(bytes, sizeof(bytes));
	open_log();
	cr_expect_null(learner.at);
	cr_expect_geq(learner.n_ignored, 1);
	note(EVENT_CHECK, "calls", true, "5");
	open_log();
	cr_expect(state_of("calls")->passed);
}

Test(state, an_exercise_that_is_gone_or_has_changed)
{
	struct text whole = { 0 };

	open_log();
	note(EVENT_CHECK, "calls", true, "5");
	((struct exercise *)find("calls"))->hash ^= 1;
	((struct exercise *)find("softmax"))->id = "another";
	open_log();
	cr_expect(state_of("calls")->passed, "it counts still");
	cr_expect(state_of("calls")->changed);
	read_log(&whole);
	cr_expect_eq(learner.n_ignored, 0);
	text_release(&whole);
}

/* ---- several at once ----------------------------------------------------------------------- */

#define WRITERS 4
#define LINES   40

Test(state, terminals_do_not_mix_their_lines)
{
	open_log();
	for (int i = 0; i < WRITERS; i++) {
		if (fork() > 0)
			continue;
		for (int k = 0; k < LINES; k++)
			if (learner_note(&learner, EVENT_CHECK, NULL, find("calls"), k % 2, "5",
					 &err))
				_exit(1);
		_exit(0);
	}
	for (int i = 0; i < WRITERS; i++) {
		int status;

		cr_assert_gt(wait(&status), 0);
		cr_expect_eq(status, 0);
	}
	open_log();
	cr_expect_eq(learner.n_ignored, 0);
	cr_expect_eq(state_of("calls")->attempts, WRITERS * LINES);
}

Test(state, whoever_is_killed_loses_nothing_that_was_kept)
{
	int kept[2], n = 0, seen;

	open_log();
	for (int round = 0; round < 10; round++) {
		pid_t child;

		cr_assert_eq(pipe(kept), 0);
		child = fork();
		if (child == 0) {
			while (!learner_note(&learner, EVENT_CHECK, NULL, find("calls"), true, "5",
					     &err))
				if (write(kept[1], "x", 1) != 1)
					break;
			_exit(1);
		}
		close(kept[1]);
		for (int i = 0; i < 3 + round; i++) {
			char x;

			cr_assert_eq(read(kept[0], &x, 1), 1);
			n++;
		}
		kill(child, SIGKILL);
		waitpid(child, NULL, 0);
		close(kept[0]);
	}
	open_log();
	seen = state_of("calls")->attempts;
	cr_expect_geq(seen, n);
	cr_expect_leq(learner.n_ignored, 10);
}

Test(state, two_logs_become_one)
{
	struct text here = { 0 }, there = { 0 };
	char other[128];
	int n_new;

	open_log();
	note(EVENT_CHECK, "calls", true, "5");
	note(EVENT_CHECK, "where", false, "a b");
	learner_close(&learner);
	snprintf(other, sizeof(other), "%s/other.log", dir);
	cr_assert_eq(learner_open(&learner, &course, other, &err), 0);
	note(EVENT_CHECK, "softmax", true, NULL);
	cr_assert_eq(text_read_file(&there, other, 1 << 20, &err), 0);
	open_log();
	for (int again = 0; again < 2; again++) {
		cr_assert_eq(learner_merge(&learner, other, there.data, there.len, &n_new, &err), 0,
			     "%s", err.message);
		cr_expect_eq(n_new, again ? 0 : 1);
		cr_expect(state_of("softmax")->passed);
		cr_expect(state_of("calls")->passed);
		cr_expect_eq(state_of("where")->attempts, 1);
	}
	learner_export(&learner, &here);
	cr_expect_eq(learner.n_lines, 3);
	cr_expect_eq(learner_merge(&learner, "x", here.data, here.len, &n_new, &err), 0);
	cr_expect_eq(n_new, 0);
	cr_expect_eq(learner_merge(&learner, "x", "no log\n", 7, &n_new, &err), ERR_FORMAT);
	cr_expect(strstr(err.message, "x holds no progress"));
	text_release(&here);
	text_release(&there);
}

Test(state, two_exports_sorted_together_are_one_log)
{
	struct text t = { 0 };

	open_log();
	note(EVENT_CHECK, "calls", true, "5");
	read_log(&t);
	text_add(&t, t.data, t.len);
	write_log(t.data, t.len);
	open_log();
	cr_expect_eq(state_of("calls")->attempts, 1, "a line that is there twice is one event");
	text_release(&t);
}

/* ---- where nothing can be written ---------------------------------------------------------- */

Test(state, no_room_is_one_sentence_and_loses_nothing)
{
	struct rlimit limit = { 0, RLIM_INFINITY };
	struct stat sb;

	open_log();
	note(EVENT_CHECK, "calls", true, "5");
	cr_assert_eq(stat(log_path, &sb), 0);
	signal(SIGXFSZ, SIG_IGN);
	for (rlim_t more = 0; more < 60; more += 7) {
		limit.rlim_cur = (rlim_t)sb.st_size + more;
		cr_assert_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
		cr_expect_eq(learner_note(&learner, EVENT_CHECK, NULL, find("softmax"), true, NULL,
					  &err),
			     ERR_IO);
		cr_expect(strstr(err.message, log_path), "%s", err.message);
		cr_expect_not(state_of("softmax")->passed);
	}
	limit.rlim_cur = RLIM_INFINITY;
	cr_assert_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
	note(EVENT_CHECK, "where", true, NULL);
	open_log();
	cr_expect(state_of("calls")->passed);
	cr_expect(state_of("where")->passed);
	cr_expect_not(state_of("softmax")->passed);
}

Test(state, a_folder_that_cannot_be)
{
	char in_the_way[128];

	snprintf(in_the_way, sizeof(in_the_way), "%s/deep", dir);
	cr_assert_eq(text_write_file(in_the_way, "x", 1, &err), 0);
	open_log();
	cr_expect_eq(learner_note(&learner, EVENT_CHECK, NULL, find("calls"), true, NULL, &err),
		     ERR_IO);
	cr_expect_not(state_of("calls")->passed);
}

Test(state, a_log_that_is_a_folder)
{
	cr_assert_eq(folders_make(log_path, &err), 0);
	cr_expect_eq(learner_open(&learner, &course, log_path, &err), ERR_IO);
}

/* ---- where --------------------------------------------------------------------------------- */

Test(state, where_files_lie)
{
	struct learner_places p;

	setenv("HOME", "/home/x", 1);
	unsetenv("TORCHLESS_LESSON_HOME");
	unsetenv("XDG_CACHE_HOME");
	setenv("XDG_STATE_HOME", "/s", 1);
	cr_assert_eq(learner_places(&p, NULL, &err), 0);
	cr_expect_str_eq(p.home, "/home/x/torchless-lessons");
	cr_expect_str_eq(p.log, "/s/torchless/lessons/course.log");
	cr_expect_str_eq(p.cache, "/home/x/.cache/torchless/lessons");
	learner_places_release(&p);
	setenv("TORCHLESS_LESSON_HOME", "/h", 1);
	unsetenv("HOME");
	cr_assert_eq(learner_places(&p, NULL, &err), 0);
	cr_expect_str_eq(p.log, "/h/.torchless/course.log");
	learner_places_release(&p);
	cr_assert_eq(learner_places(&p, "/n", &err), 0);
	cr_expect_str_eq(p.home, "/n");
	cr_expect(p.is_named);
	learner_places_release(&p);
	unsetenv("TORCHLESS_LESSON_HOME");
	cr_expect_eq(learner_places(&p, NULL, &err), ERR_IO);
	cr_expect(strstr(err.message, "HOME is not set"));
	learner_places_release(&p);
}

/* ---- cutting ------------------------------------------------------------------------------- */

static const char *starter_of(struct text *t, const char *id)
{
	text_clear(t);
	cr_assert_eq(exercise_starter(&course, find(id), t, &err), 0, "%s", err.message);
	return t->data;
}

Test(state, starters_are_cut_from_solutions)
{
	struct text t = { 0 };

	starter_of(&t, "softmax");
	cr_expect(strstr(t.data,
			 "{\n\t/* TODO: take the largest away, then exp() and divide by the "
			 "sum */\n\t(void)x;\n\t(void)n;\n}\n"),
		  "%s", t.data);
	cr_expect_null(strstr(t.data, "expf"));
	text_clear(&t);
	cr_assert_eq(exercise_shown_solution(&course, find("softmax"), &t, &err), 0);
	cr_expect(strstr(t.data, "expf"));
	cr_expect_null(strstr(t.data, "SOLUTION"));
	cr_expect_null(strstr(t.data, "STARTER"));
	starter_of(&t, "positions");
	cr_expect_eq(strncmp(t.data, "-- Which token stands where?\n-- Columns: pos piece\n", 50),
		     0);
	text_clear(&t);
	cr_assert_eq(exercise_shown_solution(&course, find("positions"), &t, &err), 0);
	cr_expect_eq(strncmp(t.data, "SELECT pos, piece", 17), 0);
	text_release(&t);
}

Test(state, markers_that_do_not_fit)
{
	static const struct {
		const char *text, *says;
	} odd[] = {
		{ "int x;\n", "01-second/softmax.c:1: there is no BEGIN SOLUTION" },
		{ "/* BEGIN SOLUTION: x */\nint y;\n", ":1: the solution has no end" },
		{ "int y;\n/* END SOLUTION */\n", ":2: no solution has begun here" },
		{ "/* BEGIN SOLUTION: x */\n/* BEGIN SOLUTION: y */\n", ":2: a solution begins" },
		{ "/* BEGIN SOLUTION */\n/* END SOLUTION */\n", ":2: no solution has begun" },
	};
	struct course_file *files = (struct course_file *)course.files;
	struct text t = { 0 };

	for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++) {
		struct course_file *f =
			&files[course_file(&course, "01-second/softmax.c") - course.files];
		struct course_file was = *f;

		f->data = odd[i].text;
		f->size = strlen(odd[i].text);
		cr_expect_eq(exercise_starter(&course, find("softmax"), &t, &err), ERR_FORMAT);
		cr_expect(strstr(err.message, odd[i].says), "%s", err.message);
		*f = was;
	}
	text_release(&t);
}
