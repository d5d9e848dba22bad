/*
 * fuzz_course.c -- libFuzzer over the files of a course that `torchless lesson --course DIR` reads.
 *
 * Form feeds separate course.conf, the checks.conf, lesson.md and hints.md of a lesson, and the
 * solution of its kernel, fast.c.  What is accepted is one course whose parts find each other; its
 * text, and what is cut from its files, are shown
 * without control bytes.
 */
#include "shown.h"
#include "torchless/learner.h"

#include "cli/lesson/show.h"
#include "lesson/cut.h"

#include <sys/stat.h>

static const char *const names[] = {
	"course/course.conf",       "course/00-first/checks.conf", "course/00-first/lesson.md",
	"course/00-first/hints.md", "course/00-first/fast.c",
};

static void put_text(const char *name, const char *text)
{
	fuzz_put(name, text, strlen(text));
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	static const char *const folders[] = { "course", "course/00-first", "course/01-second" };

	(void)argc, (void)argv;
	fuzz_make_folder();
	for (int i = 0; i < 3; i++) {
		char path[128];

		snprintf(path, sizeof(path), "%s/%s", fuzz_folder, folders[i]);
		if (mkdir(path, 0700))
			abort();
	}
	put_text("course/01-second/checks.conf",
		 "title = \"Second\"\nminutes = \"5\"\n[trace main]\nprompt = \"Once\"\n"
		 "[second]\nkind = \"value\"\nanswer = \"SELECT 1\"\n");
	put_text("course/01-second/lesson.md", "# 01 Second\n\n### Exercise second: One\n\nOne?\n");
	return 0;
}

/* ---- what is shown -------------------------------------------------------------------------- */

static void show_at(const struct course *c, const struct lesson *l, enum ui_color color, int width)
{
	const struct ui ui = a_terminal(color, width);
	struct show s = { .ui = &ui, .course = c, .lesson = l, .width = width };
	struct text part = { 0 };

	text_add(&part, "", 0);
	show_text(&s, l->text->data, l->text->size);
	if (s.out.data)
		require_gated(&ui, s.out.data, s.out.len);
	show_release(&s);
	for (int i = 0; i < l->n_exercises; i++) {
		const struct exercise *e = &l->exercises[i];

		lesson_show_markdown(&part, &ui, l, e->question, 2);
		for (int k = 0; k < 3 && e->hints[k]; k++)
			lesson_show_markdown(&part, &ui, l, e->hints[k], 2);
	}
	require_gated(&ui, part.data, part.len);
	text_release(&part);
}

/* ---- the text ------------------------------------------------------------------------------- */

static void check_runs(const struct lesson_text *t, struct lesson_runs runs)
{
	require(runs.n >= 0 && runs.from >= 0 && runs.from + runs.n <= t->n_runs,
		"runs are those of the text");
}

static void check_block(const struct lesson_text *t, int i)
{
	const struct lesson_block *b = &t->blocks[i];

	require(b->parent < i && b->parent >= -1, "a block stands behind what holds it");
	require(b->line >= 1, "a block has a line");
	check_runs(t, b->runs);
	for (int k = 0; k < b->rows * b->columns; k++)
		check_runs(t, b->cells[k]);
	if (b->kind == BLOCK_CODE)
		require(b->info && b->code, "code is there");
}

static void check_text(const struct course_file *f)
{
	struct lesson_text t;

	lesson_text_read(&t, f->data, f->size);
	for (int i = 0; i < t.n_blocks; i++)
		check_block(&t, i);
	for (int i = 0; i < t.n_marks; i++) {
		const struct lesson_mark *m = &t.marks[i];

		require(m->at + m->len <= f->size && m->what, "a mark lies in the text");
		require(m->is_command || m->trace, "SQL has a recording");
	}
	lesson_text_release(&t);
}

/* ---- a course that was accepted ------------------------------------------------------------- */

static void check_file(const struct course *c, const struct exercise *e)
{
	struct text starter = { 0 }, shown = { 0 };
	struct err err = { 0 };

	require(!strchr(e->file, '/') && e->file[0] != '.', "a learner's file lies in its folder");
	if (succeeded(exercise_starter(c, e, &starter, &err), &err))
		require(starter.len == 0 || (!strstr(starter.data, "BEGIN SOLUTION: ") &&
					     starter.data[starter.len - 1] == '\n'),
			"a starter holds no solution and ends its lines");
	err = (struct err){ 0 };
	succeeded(exercise_shown_solution(c, e, &shown, &err), &err);
	text_release(&starter);
	text_release(&shown);
}

static void check_exercise(const struct course *c, const struct lesson *l, const struct exercise *e)
{
	require(e->lesson == l && course_exercise(c, e->id) == e, "an id finds its exercise");
	require(course_exercise_at(c, course_index(c, e)) == e, "and so does its number");
	require(e->title && e->question && e->heading, "an exercise asks something");
	require(e->kind >= 0 && e->kind < EXERCISE_KINDS, "it is of a kind");
	require(!e->hints[0] == !e->hints[1] && !e->hints[0] == !e->hints[2],
		"there are three hints or none");
	if (e->file)
		check_file(c, e);
}

static void check_values(const struct course_section *sections, int n)
{
	for (int i = 0; i < n; i++)
		for (int k = 0; k < sections[i].n; k++) {
			const struct course_entry *e = &sections[i].entries[k];

			require(e->line > 0, "a key has a line");
			require_shown(e->key, strlen(e->key));
			require(e->value != NULL, "and a value");
		}
}

static void check_lesson(const struct course *c, const struct lesson *l)
{
	struct lesson_findings found = { 0 };

	require(course_lesson(c, l->dir) == l, "a lesson is found by its name");
	require(l->minutes > 0 && l->title && l->text, "a lesson says what it is");
	check_values(l->sections, l->n_sections);
	for (int i = 0; i < l->n_exercises; i++)
		check_exercise(c, l, &l->exercises[i]);
	for (int i = 0; i < l->n_steps; i++)
		require(lesson_step(l, l->steps[i].name) == &l->steps[i] && l->steps[i].commands,
			"a step is found by its name");
	for (int i = 0; i < l->n_traces; i++)
		require(lesson_trace(l, l->traces[i].name) == &l->traces[i],
			"a recording is found by its name");
	check_text(l->text);
	show_at(c, l, UI_COLOR_NEVER, 80);
	show_at(c, l, UI_COLOR_ALWAYS, 20);
	show_at(c, l, UI_COLOR_NEVER, 0);
	lesson_lint(c, l, NULL, &found);
	require_lines(found.lines.data);
	lesson_findings_release(&found);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = { data, size };
	struct course c;
	struct err err = { 0 };
	char path[128];

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		size_t len;
		char *part = input_until(&in, '\f', &len);

		fuzz_put(names[i], part, len);
		free(part);
	}
	snprintf(path, sizeof(path), "%s/course", fuzz_folder);
	if (succeeded(course_open(&c, path, &err), &err)) {
		check_values(c.sections, c.n_sections);
		for (int i = 0; i < c.n_lessons; i++)
			check_lesson(&c, &c.lessons[i]);
	}
	course_close(&c);
	return 0;
}
