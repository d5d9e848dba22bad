/*
 * sections.c -- the parts that a lesson has, and what stands in each.
 */
#include "text_impl.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_MINUTES  70
#define FULL_LESSONS 13 /* 00 to 12 have every part */
#define READINGS     3

/* In their order; those of a full lesson. */
static const struct part {
	const char *heading;
	bool is_full;
} parts[] = {
	{ "What it is", true },        { "Predict", true },
	{ "See it run", true },        { "Step through it", true },
	{ "Ask the recording", true }, { "Write it", false },
	{ "On SmolLM2", true },        { "What people believe", true },
	{ "Further reading", true },
};
#define N_PARTS ((int)(sizeof(parts) / sizeof(parts[0])))

static bool is_full(const struct lesson *l)
{
	return atoi(l->number) < FULL_LESSONS;
}

static bool has_kind(const struct lesson *l, enum exercise_kind kind)
{
	for (int i = 0; i < l->n_exercises; i++)
		if (l->exercises[i].kind == kind)
			return true;
	return false;
}

/* ---- the first lines ------------------------------------------------------------------------ */

static void check_title(struct linted *l)
{
	const struct lesson_block *b = l->text->blocks;
	struct text want = { 0 }, words = { 0 };

	text_addf(&want, "%s %s", l->lesson->number, l->lesson->title);
	if (l->text->n_blocks > 0 && b->kind == BLOCK_HEADING && b->level == 1)
		lesson_text_words(l->text, b->runs, &words);
	if (!words.len)
		lint_says(l, 1, "the first line is not `# %s`", want.data);
	else if (strcmp(words.data, want.data) != 0)
		lint_says(l, 1, "the title is \"%s\", and checks.conf has \"%s\"", words.data,
			  want.data);
	text_release(&want);
	text_release(&words);
}

/* "About 45 minutes. Before it: 03, 04." */
static void check_minutes(struct linted *l)
{
	const struct course_section *head =
		section_find(l->lesson->sections, l->lesson->n_sections, "");
	const char *needs = head ? section_value(head, "needs") : NULL;
	/* A text without blocks has no array of them, and no element of one may be named. */
	const struct lesson_block *b = l->text->n_blocks > 1 ? &l->text->blocks[1] : NULL;
	struct text want = { 0 }, words = { 0 };

	text_addf(&want, "About %d minutes. Before it: ", l->lesson->minutes);
	for (const char *s = needs ? needs : ""; *s;) {
		size_t n = strcspn(s, " ");

		text_addf(&want, "%.*s", (int)n, s);
		s += n + strspn(s + n, " ");
		text_adds(&want, *s ? ", " : "");
	}
	text_adds(&want, needs && *needs ? "." : "nothing.");
	if (b && b->kind == BLOCK_PARAGRAPH)
		lesson_text_words(l->text, b->runs, &words);
	if (!words.data || strcmp(words.data, want.data) != 0)
		lint_says(l, b ? b->line : 1,
			  "below the title stands `*%s*`, as checks.conf has it", want.data);
	if (l->lesson->minutes > MAX_MINUTES)
		lint_says(l, 1, "it takes %d minutes, and %d is the most", l->lesson->minutes,
			  MAX_MINUTES);
	text_release(&want);
	text_release(&words);
}

/* ---- headings ------------------------------------------------------------------------------- */

static int part_of(const char *heading)
{
	for (int i = 0; i < N_PARTS; i++)
		if (!strcmp(parts[i].heading, heading))
			return i;
	return -1;
}

static void check_headings(struct linted *l)
{
	bool there[sizeof(parts) / sizeof(parts[0])] = { false };
	int last = -1;

	for (int i = 0; i < l->text->n_blocks; i++) {
		const struct lesson_block *b = &l->text->blocks[i];
		struct text words = { 0 };
		int part;

		if (b->kind != BLOCK_HEADING || b->level != 2)
			continue;
		lesson_text_words(l->text, b->runs, &words);
		part = part_of(words.data ? words.data : "");
		if (part >= 0 && there[part])
			lint_says(l, b->line, "## %s stands above already", words.data);
		else if (part >= 0 && part < last)
			lint_says(l, b->line, "## %s stands behind ## %s", words.data,
				  parts[last].heading);
		if (part >= 0) {
			there[part] = true;
			last = part > last ? part : last;
		}
		text_release(&words);
	}
	for (int i = 0; i < N_PARTS; i++)
		if (!there[i] && parts[i].is_full && is_full(l->lesson))
			lint_says(l, 0, "there is no part ## %s", parts[i].heading);
	if (!there[part_of("Write it")] && has_kind(l->lesson, EXERCISE_KERNEL))
		lint_says(l, 0, "there is a kernel to write, and no part ## Write it");
}

const char *lint_part(const struct lesson_text *t, int block, char *buf, size_t size)
{
	struct text words = { 0 };

	for (; block >= 0; block--)
		if (t->blocks[block].kind == BLOCK_HEADING && t->blocks[block].level <= 2)
			break;
	if (block >= 0 && t->blocks[block].level == 2)
		lesson_text_words(t, t->blocks[block].runs, &words);
	snprintf(buf, size, "%s", words.data ? words.data : "");
	text_release(&words);
	return buf;
}

/* ---- what each part has --------------------------------------------------------------------- */

static bool has_step_with(const struct lesson *l, const char *word)
{
	for (int i = 0; i < l->n_steps; i++)
		if (strstr(l->steps[i].commands, word))
			return true;
	return false;
}

static bool has_smollm2_step(const struct lesson *l)
{
	for (int i = 0; i < l->n_steps; i++)
		if (l->steps[i].needs_smollm2)
			return true;
	return false;
}

/* A picture of the text that the step `picture` writes. */
static void check_picture(struct linted *l)
{
	const struct lesson_step *step = lesson_step(l->lesson, "picture");

	if (!step) {
		lint_says(
			l, 0,
			"no step is called picture: ```sh step=picture, which writes the picture");
		return;
	}
	for (int i = 0; i < l->text->n_runs; i++) {
		const struct lesson_run *r = &l->text->runs[i];

		if ((r->style & RUN_IMAGE) && strstr(step->commands, r->target))
			return;
	}
	lint_says(l, 0, "no ![…](FILE) shows the file that the step picture writes");
}

static void check_parts(struct linted *l)
{
	check_picture(l);
	if (!has_kind(l->lesson, EXERCISE_PREDICT))
		lint_says(l, 0, "nothing is predicted: there is no exercise of kind predict");
	if (!has_step_with(l->lesson, "torchless debug"))
		lint_says(l, 0, "nothing is stepped through: no step runs torchless debug");
	if (!has_step_with(l->lesson, "torchless query") && !has_kind(l->lesson, EXERCISE_SQL))
		lint_says(l, 0, "nothing is asked in SQL: no step runs torchless query");
	if (!has_smollm2_step(l->lesson))
		lint_says(l, 0,
			  "nothing runs on SmolLM2: ```sh step=NAME smollm2, with -m \"$SMOLLM2\"");
}

/* ---- beliefs -------------------------------------------------------------------------------- */

/* Whether a block shows something: a step, a mark, a link to what stands above, or a command, a
 * query, a step or an exercise by its name in a code span. */
static bool shows(const struct linted *l, const struct lesson_block *b)
{
	char name[64];

	if (b->kind == BLOCK_CODE)
		return lesson_info(b->info, "step", name, sizeof(name)) != NULL;
	for (int i = b->runs.from; i < b->runs.from + b->runs.n; i++) {
		const struct lesson_run *r = &l->text->runs[i];

		if ((r->style & RUN_MARKED) || (r->target && r->target[0] == '#'))
			return true;
		if ((r->style & RUN_CODE) &&
		    (!strncmp(r->text, "torchless ", 10) || !strncmp(r->text, "SELECT ", 7) ||
		     lesson_step(l->lesson, r->text) || course_exercise(l->course, r->text)))
			return true;
	}
	return false;
}

/* A belief begins with what is believed, in **. */
static bool is_belief(const struct linted *l, const struct lesson_block *b)
{
	return b->kind == BLOCK_PARAGRAPH && b->runs.n > 0 &&
	       (l->text->runs[b->runs.from].style & RUN_STRONG);
}

static void check_beliefs(struct linted *l)
{
	int belief = -1, n = 0, first = 0;
	bool shown = false;
	char part[64];

	for (int i = 0; i <= l->text->n_blocks; i++) {
		const struct lesson_block *b = i < l->text->n_blocks ? &l->text->blocks[i] : NULL;
		bool inside = b && !strcmp(lint_part(l->text, i, part, sizeof(part)),
					   "What people believe");

		if (belief >= 0 && (!inside || is_belief(l, b)) && !shown)
			lint_says(
				l, l->text->blocks[belief].line,
				"nothing shows that this belief is wrong: give it a step, a mark, a link to where it was seen, or in backquotes a command or the name of a step or an exercise");
		if (!inside) {
			belief = -1;
			continue;
		}
		first = first ? first : b->line;
		if (is_belief(l, b)) {
			belief = i;
			shown = false;
			n++;
		}
		shown = shown || shows(l, b);
	}
	if (first && n == 0)
		lint_says(l, first,
			  "no belief stands here: each begins with what is believed, in **…**");
}

/* ---- further reading ------------------------------------------------------------------------ */

static bool has_link(const struct lesson_text *t, const struct lesson_block *b)
{
	for (int i = b->runs.from; i < b->runs.from + b->runs.n; i++)
		if (t->runs[i].style & RUN_LINK)
			return true;
	return false;
}

static bool links_to(const struct lesson_text *t, const struct lesson_block *b, const char *word)
{
	for (int i = b->runs.from; i < b->runs.from + b->runs.n; i++)
		if ((t->runs[i].style & RUN_LINK) && strstr(t->runs[i].target, word))
			return true;
	return false;
}

static void check_readings(struct linted *l)
{
	int n = 0, line = 0;
	bool hugging_face = false;
	char part[64];

	for (int i = 0; i < l->text->n_blocks; i++) {
		const struct lesson_block *b = &l->text->blocks[i];

		if (strcmp(lint_part(l->text, i, part, sizeof(part)), "Further reading") != 0)
			continue;
		line = line ? line : b->line;
		if (b->kind != BLOCK_PARAGRAPH || b->parent < 0)
			continue;
		n += has_link(l->text, b);
		hugging_face = hugging_face || links_to(l->text, b, "huggingface");
	}
	if (line && n < READINGS)
		lint_says(
			l, line,
			"%d items of a list have a link, and %d are asked for: the paper, the Hugging Face lines, one good text",
			n, READINGS);
	else if (line && !hugging_face)
		lint_says(l, line, "no reading is of the Hugging Face lines");
}

/* ---- fenced blocks -------------------------------------------------------------------------- */

static void check_fences(struct linted *l)
{
	char name[64], last[64] = "";

	for (int i = 0; i < l->text->n_blocks; i++) {
		const struct lesson_block *b = &l->text->blocks[i];
		bool step, output;

		if (b->kind != BLOCK_CODE)
			continue;
		step = lesson_info(b->info, "step", name, sizeof(name));
		output = !step && lesson_info(b->info, "output", name, sizeof(name));
		if (!step && (!strncmp(b->info, "sh", 2) || !strncmp(b->info, "bash", 4)))
			lint_says(
				l, b->line,
				"commands that nobody runs: give the block a name, ```sh step=NAME, or none of a shell");
		if (output && strcmp(name, last) != 0)
			lint_says(l, b->line,
				  "output=%s does not stand below the step of that name", name);
		if (step && b->parent >= 0)
			lint_says(l, b->line, "a step stands by itself, not in a list or a quote");
		snprintf(last, sizeof(last), "%s", step ? name : "");
	}
}

/* ---- what is not written yet ---------------------------------------------------------------- */

/* A part with nothing below it but comments; exercises that ask nothing or have no hints. */
static void check_written(struct linted *l)
{
	for (int i = 0; i < l->text->n_blocks; i++) {
		const struct lesson_block *b = &l->text->blocks[i], *next = b + 1;
		struct text words = { 0 };

		if (b->kind != BLOCK_HEADING || b->level != 2 ||
		    (i + 1 < l->text->n_blocks && (next->kind != BLOCK_HEADING || next->level > 2)))
			continue;
		lesson_text_words(l->text, b->runs, &words);
		lint_says(l, b->line, "nothing is written below ## %s", words.data);
		text_release(&words);
	}
	for (int i = 0; i < l->lesson->n_exercises; i++) {
		const struct exercise *e = &l->lesson->exercises[i];
		struct lesson_text t;

		lesson_text_read(&t, e->question, strlen(e->question));
		if (t.n_blocks == 0)
			lint_says(l, 0, "the exercise %s asks nothing yet", e->id);
		if (!e->hints[0])
			lint_says(l, 0, "the exercise %s has no hints in hints.md", e->id);
		lesson_text_release(&t);
	}
}

void lint_sections(struct linted *l)
{
	check_title(l);
	check_minutes(l);
	check_headings(l);
	check_written(l);
	check_fences(l);
	if (!is_full(l->lesson))
		return;
	check_parts(l);
	check_beliefs(l);
	check_readings(l);
}
