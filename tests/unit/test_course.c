/* test_course.c -- a course read from a folder: what it holds, and what is said of what is wrong.
 */
#include "lesson/conf.h"
#include "torchless/course.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SMALL "tests/support/course"

static struct course course;
static struct err err;

static void open_small(void)
{
	cr_assert_eq(course_open(&course, SMALL, &err), 0, "%s", err.message);
}

Test(course, a_folder_is_read_in_the_order_of_its_conf)
{
	open_small();
	cr_assert_eq(course.n_lessons, 2);
	cr_expect_str_eq(course.lessons[0].number, "00");
	cr_expect_str_eq(course.lessons[0].id, "first");
	cr_expect_str_eq(course.lessons[0].title, "What a recording holds");
	cr_expect_eq(course.lessons[0].minutes, 5);
	cr_expect_eq(course.lessons[0].n_traces, 2);
	cr_expect_eq(course_n_exercises(&course), 7);
	cr_expect(course_file(&course, "01-second/wrong/no_max.c"));
	cr_expect_not(course_file(&course, "02-third/lesson.md"));
	course_close(&course);
}

Test(course, lessons_and_exercises_are_found_by_their_names)
{
	open_small();
	for (int i = 0; i < 4; i++) {
		static const char *const names[] = { "01", "1", "second", "01-second" };

		cr_expect_eq(course_lesson(&course, names[i]), &course.lessons[1], "%s", names[i]);
	}
	cr_expect_not(course_lesson(&course, "2"));
	cr_expect_not(course_lesson(&course, ""));
	cr_expect_not(course_lesson(&course, "001"));
	cr_expect_eq(course_exercise(&course, "softmax")->lesson, &course.lessons[1]);
	cr_expect_not(course_exercise(&course, "nothing"));
	course_close(&course);
}

Test(course, exercises_have_their_question_hints_and_file)
{
	const struct exercise *e;

	open_small();
	e = course_exercise(&course, "heads-guess");
	cr_expect_eq(e, &course.lessons[0].exercises[0]);
	cr_expect_str_eq(e->title, "How many heads are there?");
	cr_expect_str_eq(e->question, "Query heads of a layer:\n\n- a: 2\n- b: 4\n- c: 8");
	cr_expect_null(e->file);
	e = course_exercise(&course, "calls");
	cr_expect_str_eq(e->title, "Count the layers", "checks.conf goes before the heading");
	cr_expect(e->is_hardest);
	cr_expect_str_eq(e->hints[1], "The configuration has a count\n   of layers.");
	cr_expect(strstr(e->question, "# Exercise in a fence: is none"));
	cr_expect_str_eq(course_exercise(&course, "positions")->file, "positions.sql");
	cr_expect_str_eq(course_exercise(&course, "softmax")->file, "softmax.c");
	cr_expect_not(course_exercise(&course, "fast")->is_blocking);
	course_close(&course);
}

Test(course, steps_are_the_named_fences)
{
	const struct lesson_step *step;

	open_small();
	cr_expect_eq(course.lessons[0].n_steps, 1);
	step = lesson_step(&course.lessons[0], "info");
	cr_expect_str_eq(step->commands, "torchless info --config");
	cr_expect_not(step->needs_smollm2);
	cr_expect(lesson_step(&course.lessons[1], "big")->needs_smollm2);
	course_close(&course);
}

Test(course, a_hash_is_of_what_decides)
{
	struct course again;

	open_small();
	cr_assert_eq(course_open(&again, SMALL, &err), 0);
	for (int i = 0; i < course.lessons[0].n_exercises; i++) {
		cr_expect_eq(course.lessons[0].exercises[i].hash,
			     again.lessons[0].exercises[i].hash);
		cr_expect_neq(course.lessons[0].exercises[i].hash,
			      course.lessons[1].exercises[0].hash);
	}
	course_close(&again);
	course_close(&course);
}

Test(course, what_is_carried_is_sorted_text)
{
	for (size_t i = 0; i < course_n_carried; i++) {
		cr_expect_eq(strlen(course_carried[i].data), course_carried[i].size);
		if (i > 0)
			cr_expect_lt(strcmp(course_carried[i - 1].path, course_carried[i].path), 0);
	}
	cr_assert_eq(course_open(&course, NULL, &err), 0, "%s", err.message);
	course_close(&course);
}

/* ---- a course that is not as it has to be -------------------------------------------------- */

static char copy[] = "/tmp/torchless-course-XXXXXX";

static void copy_small(void)
{
	char command[256];

	cr_assert(mkdtemp(copy));
	snprintf(command, sizeof(command), "cp -r " SMALL "/. %s", copy);
	cr_assert_eq(system(command), 0);
}

static void remove_copy(void)
{
	char command[256];

	snprintf(command, sizeof(command), "rm -rf %s", copy);
	cr_assert_eq(system(command), 0);
}

static void put(const char *name, const char *text)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/%s", copy, name);
	cr_assert_eq(text_write_file(path, text, strlen(text), &err), 0, "%s", err.message);
}

/* The file with one text in place of another. */
static void change(const char *name, const char *from, const char *to)
{
	struct text was = { 0 }, is = { 0 };
	char path[256], *at;

	snprintf(path, sizeof(path), "%s/%s", copy, name);
	cr_assert_eq(text_read_file(&was, path, 1 << 20, &err), 0);
	at = strstr(was.data, from);
	cr_assert(at, "%s has no %s", name, from);
	text_add(&is, was.data, (size_t)(at - was.data));
	text_adds(&is, to);
	text_adds(&is, at + strlen(from));
	put(name, is.data);
	text_release(&was);
	text_release(&is);
}

struct broken {
	const char *file, *from, *to;
	const char *says; /* what the sentence holds */
};

static const struct broken broken[] = {
	{ "course.conf", "01-second\"", "01-second 02-third\"",
	  "course.conf:5: there is no folder \"02-third\"" },
	{ "course.conf", "01-second\"", "01-second 02-third\"\nunwritten = \"left out\"",
	  "course.conf:6: nothing here is called \"unwritten\"" },
	/* A prediction is locked before anything is computed. */
	{ "00-first/checks.conf", "choices = \"a b c\"", "form = \"text\"",
	  "would lock in any text" },
	{ "00-first/checks.conf", "choices = \"a b c\"", "form = \"order\"",
	  "asks for an order, and has no items" },
	{ "course.conf", "format = \"1\"", "format = \"2\"",
	  "course.conf:2: this torchless reads courses" },
	{ "course.conf", "title =", "titel =", "course.conf:3: nothing here is called \"titel\"" },
	{ "course.conf", "01-second\"", "second\"", "not \"second\"" },
	{ "course.conf", "01-second\"", "01-second 01-other\"", "two lessons have the number" },
	{ "00-first/checks.conf", "minutes = \"5\"", "minutes = 5",
	  "checks.conf:1: a value stands in quotes" },
	{ "00-first/checks.conf", "minutes = \"5\"", "minutes = \"soon\"",
	  "checks.conf:1: minutes = \"soon\"" },
	{ "00-first/checks.conf", "[calls]", "[calls", "checks.conf:22: a section is written" },
	{ "00-first/checks.conf", "[calls]", "[Calls]", "checks.conf:22: the id \"Calls\"" },
	{ "00-first/checks.conf", "[positions]", "[calls]",
	  "checks.conf:31: [calls] begins in line 22 already" },
	{ "00-first/checks.conf", "kind = \"value\"", "kind = \"valeu\"",
	  "checks.conf:23: there is no kind \"valeu\"" },
	{ "00-first/checks.conf", "kind = \"value\"\n", "", "checks.conf:22: [calls] has no kind" },
	{ "00-first/checks.conf",
	  "ordered =", "odered =", "checks.conf:36: nothing is called \"odered\"" },
	{ "00-first/checks.conf", "          \"Tom", "          Tom",
	  "checks.conf:12: a value stands in quotes" },
	{ "00-first/checks.conf", "\"yes\"\n\n[trace hidden]", "\"yes\n\n[trace hidden]",
	  "checks.conf:8: the quote is not closed" },
	{ "00-first/checks.conf", "The heads", "\\The heads", "checks.conf:20: a backslash" },
	{ "00-first/lesson.md", "### Exercise calls:", "### Exercise cals:",
	  "lesson.md:29: checks.conf has no exercise [cals]" },
	{ "00-first/lesson.md", "### Exercise calls: ", "### Exercise calls ",
	  "lesson.md:29: the heading is written" },
	{ "00-first/lesson.md", "### Exercise positions:", "### Exercise calls:",
	  "lesson.md:40: the exercise calls stands above" },
	{ "01-second/lesson.md", "\"Once\"\n```", "\"Once\"\n``",
	  "lesson.md:27: the fenced block is not closed" },
	{ "01-second/lesson.md", "step=big", "step=Big", "lesson.md:27: the name \"Big\"" },
	{ "00-first/hints.md", "3. `SELECT n", "4. `SELECT n",
	  "hints.md:3: calls has not three hints" },
	{ "00-first/hints.md", "## positions", "## position",
	  "hints.md:10: checks.conf has no exercise [position]" },
	{ "01-second/checks.conf", "softmax.c", "sofmax.c",
	  "checks.conf:17: there is no sofmax.c beside" },
};

Test(course, what_is_wrong_is_named_by_file_and_line)
{
	for (size_t i = 0; i < sizeof(broken) / sizeof(broken[0]); i++) {
		const struct broken *b = &broken[i];

		strcpy(copy, "/tmp/torchless-course-XXXXXX");
		copy_small();
		change(b->file, b->from, b->to);
		cr_expect_eq(course_open(&course, copy, &err), ERR_FORMAT, "%s: %s", b->says,
			     err.message);
		cr_expect(strstr(err.message, b->says), "expected %s, said %s", b->says,
			  err.message);
		course_close(&course);
		remove_copy();
	}
}

Test(course, an_exercise_that_two_lessons_have)
{
	copy_small();
	change("01-second/checks.conf", "[fast]", "[calls]");
	change("01-second/lesson.md", "Exercise fast:", "Exercise calls:");
	cr_expect_eq(course_open(&course, copy, &err), ERR_FORMAT);
	cr_expect(strstr(err.message, "01-second/checks.conf:29: 00-first has an exercise calls"),
		  "%s", err.message);
	course_close(&course);
	remove_copy();
}

Test(course, a_folder_that_is_none)
{
	cr_expect_eq(course_open(&course, "tests/no such folder", &err), ERR_USAGE);
	course_close(&course);
	cr_expect_eq(course_open(&course, "tests/unit", &err), ERR_USAGE);
	cr_expect(strstr(err.message, "no course.conf"), "%s", err.message);
	course_close(&course);
}

/* As `show` and Git hosts read them. */
Test(course, a_fence_is_of_either_sign_indented_and_closed_before_spaces)
{
	copy_small();
	change("00-first/lesson.md", "### Exercise calls:",
	       "~~~\n### Exercise none: code\n```\n~~~ \n\n### Exercise calls:");
	change("00-first/lesson.md", "```sh step=info", "   ```sh step=info");
	change("01-second/lesson.md", "\"Once\"\n```", "\"Once\"\n```` \t");
	cr_expect_eq(course_open(&course, copy, &err), 0, "%s", err.message);
	cr_expect_not_null(lesson_step(&course.lessons[0], "info"));
	cr_expect_not_null(lesson_step(&course.lessons[1], "big"));
	course_close(&course);
	remove_copy();
}

Test(course, a_file_of_bytes_is_no_text)
{
	char path[256];
	FILE *f;

	copy_small();
	snprintf(path, sizeof(path), "%s/00-first/odd.txt", copy);
	f = fopen(path, "w");
	cr_assert_eq(fwrite("a\0b", 1, 3, f), 3);
	fclose(f);
	cr_expect_eq(course_open(&course, copy, &err), ERR_FORMAT);
	cr_expect(strstr(err.message, "odd.txt is no text"), "%s", err.message);
	course_close(&course);
	remove_copy();
}

/* ---- .conf --------------------------------------------------------------------------------- */

static struct course_section *sections;
static int n_sections;

static int parse(const char *text)
{
	return conf_parse("x.conf", text, strlen(text), &sections, &n_sections, &err);
}

Test(conf, values_go_on_in_further_lines_and_have_three_escapes)
{
	static const char text[] =
		"# c\na = \"1\"\n  \"2\\n3\"\n\t\"\\\"\\\\\"\n\n[s]\nb.c-d_e = \"\"  \n";
	int at = 0;

	cr_assert_eq(parse(text), 0, "%s", err.message);
	cr_expect_eq(n_sections, 2);
	cr_expect_str_eq(section_value(&sections[0], "a"), "1\n2\n3\n\"\\");
	cr_expect_str_eq(section_value(section_find(sections, n_sections, "s"), "b.c-d_e"), "");
	cr_expect_eq(section_next(&sections[1], "b.", &at)->line, 7);
	cr_expect_null(section_next(&sections[1], "b.", &at));
	conf_release(sections, n_sections);
}

Test(conf, an_end_of_the_file_may_be_without_an_end_of_the_line)
{
	cr_assert_eq(parse("a = \"1\""), 0);
	cr_expect_str_eq(section_value(&sections[0], "a"), "1");
	conf_release(sections, n_sections);
	cr_assert_eq(parse(""), 0);
	cr_expect_eq(n_sections, 1);
	conf_release(sections, n_sections);
}

Test(conf, everything_else_is_an_error_with_its_line)
{
	static const char *const odd[] = {
		"a",
		"a =",
		"a = 1",
		"a = \"1",
		"a = \"1\" \"2\"",
		"a = \"\\t\"",
		"a = \"\\",
		"= \"1\"",
		" \"1\"",
		"# c\n \"1\"",
		"a = \"1\"\n\n \"2\"",
		"[",
		"[]",
		"[a b c]",
		"[a]x",
		"a b = \"1\"",
		"a = \"1\"\na = \"2\"",
		"[a]\n[a]",
		"a = \"1\"\r\n",
		"\xc3\xa4 = \"1\"",
	};

	for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++) {
		cr_expect_eq(parse(odd[i]), ERR_FORMAT, "%s", odd[i]);
		cr_expect_eq(strncmp(err.message, "x.conf:", 7), 0, "%s", err.message);
		conf_release(sections, n_sections);
	}
}
