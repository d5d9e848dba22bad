/*
 * fuzz_answer.c -- libFuzzer over what a learner answers: words, numbers with units, lists, sets,
 * places, and SQL.
 *
 * The first byte chooses an exercise of tests/support/checks, whose recordings are made
 * before, or a form alone; the rest is the answer.  It is right, wrong with a
 * reason, or refused with what is asked for; what is told of it can be shown; what form_add()
 * writes of an answer is read as the same.
 */
#include "shown.h"
#include "torchless/lesson.h"
#include "torchless/mem.h"

#include "lesson/checks/form.h"

#include <math.h>

static struct course course;
static struct classroom room;

static const char *const asked[] = { "pick", "layers",   "bytes", "word",          "apart",
				     "rows", "in-order", "where", "one-tokenizer", "layers-of" };
enum { N_ASKED = sizeof(asked) / sizeof(asked[0]) };

/* ---- forms ---------------------------------------------------------------------------------- */

/* An answer as it is written is the same answer; of numbers as far as they are written. */
static void check_written(const struct form_of *f, const struct said *s)
{
	struct text written = { 0 };
	struct said again = { 0 };
	struct err err = { 0 };

	text_adds(&written, "");
	form_add(f, s, &written);
	if (f->form != FORM_NUMBER || isfinite(s->value)) {
		require(form_read(f, written.data, &again, &err) == 0,
			"an answer as it is written is one");
		require(form_is(f, s, &again), "and the same");
	}
	said_release(&again);
	text_release(&written);
}

static void check_form(unsigned which, const char *text)
{
	static const char *const units[] = { NULL, "bytes", "tokens", "%" };
	const struct form_of f = { (enum form)(which % 5), units[which / 5 % 4], -1, "a b c" };
	struct said s;
	struct err err = { 0 };

	if (succeeded(form_read(&f, text, &s, &err), &err)) {
		if (f.form != FORM_NUMBER || !isnan(s.value))
			require(form_is(&f, &s, &s), "an answer is itself");
		check_written(&f, &s);
	}
	said_release(&s);
}

/* ---- exercises ------------------------------------------------------------------------------ */

static void check_verdict(const struct verdict *v)
{
	bool failed = false;

	require(v->n_lines > 0, "a check says something");
	for (int i = 0; i < v->n_lines; i++) {
		failed |= v->lines[i].mark == CHECK_FAILED;
		require_lines(v->lines[i].what);
		require_lines(v->lines[i].detail);
	}
	require(v->passed != failed, "what fails does not pass");
	require_lines(v->says.data);
}

static void check_answer(const char *id, const char *text, size_t len)
{
	const struct exercise *e = course_exercise(&course, id);
	const struct answer a = { .text = text, .len = len };
	struct verdict v = { 0 };
	struct err err = { 0 };

	require(e != NULL, "there is the exercise");
	if (succeeded(exercise_check(&room, e, &a, &v, &err), &err))
		check_verdict(&v);
	else
		require(err.code == ERR_USAGE, "only an answer of another form is refused");
	verdict_release(&v);
}

/* None is made while an input is timed. */
static void make_recordings(void)
{
	static const char *const made[] = { "main", "hidden", "sick", "broken-b" };
	const struct lesson *l = &course.lessons[0];

	for (size_t i = 0; i < sizeof(made) / sizeof(made[0]); i++) {
		struct text path = { 0 };
		struct err err = { 0 };

		if (lesson_recording(&room, l, made[i], &path, &err)) {
			fprintf(stderr, "cannot begin: %s\n", err.message);
			exit(1);
		}
		text_release(&path);
	}
	check_answer("where", "noise", 5);
	check_answer("one-tokenizer", "tok_longest", 11);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	struct err err = { 0 };

	(void)argc, (void)argv;
	if (course_open(&course, "tests/support/checks", &err)) {
		fprintf(stderr, "cannot begin: %s\n", err.message);
		exit(1);
	}
	room = (struct classroom){ .course = &course,
				   .home = fuzz_make_folder(),
				   .cache = fuzz_folder,
				   .model = realpath("lessons/model", NULL),
				   .kernels = kernels_select(NULL),
				   .seed = 1 };
	make_recordings();
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = { data, size };
	unsigned which = input_byte(&in);
	char *text = input_string(&in, '\f');

	/* Forms are quick, what asks recordings is not. */
	if (which % 32 < N_ASKED)
		check_answer(asked[which % 32], text, strlen(text));
	else
		check_form(which, text);
	free(text);
	return 0;
}
