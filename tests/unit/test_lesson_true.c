/*
 * Whether a lesson is true and whole: what is said of one that is not, and that what is written
 * anew is as it has to be.
 */
#include "torchless/lesson_text.h"
#include "torchless/mem.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char checks[] =
	"minutes = \"5\"\ntitle = \"A test\"\nneeds = \"\"\n\n"
	"[trace main]\nprompt = \"Once\"\n\n"
	"[trace far]\nprompt = \"x\"\non = \"smollm2\"\n\n"
	"[guess]\nkind = \"predict\"\nchoices = \"a b\"\nanswer = \"SELECT 'a'\"\n\n"
	"[write]\nkind = \"kernel\"\nkernel = \"tl_softmax\"\nfile = \"softmax.c\"\n";
static const char hints[] =
	"## guess\n\n1. a\n2. b\n3. [c](nowhere.md)\n\n## write\n\n1. a\n2. b\n3. c\n";
static const char solution[] =
	"/* it */\n#include \"torchless/lesson_kernels.h\"\n\nvoid tl_softmax(float *x, int n)\n{\n/* BEGIN SOLUTION: it */\n/* STARTER: (void)x, (void)n; */\n\tx[0] = n;\n/* END SOLUTION */\n}\n";
static const char exercises[] =
	"### Exercise guess: Which?\n\na or b?\n\n### Exercise write: It\n\nWrite it.\n";

/* A course of one lesson in a folder of its own. */
struct fixture {
	char dir[64];
	struct course course;
	struct lesson_findings found;
};

static void put(const struct fixture *f, const char *name, const char *text)
{
	struct text path = { 0 };
	struct err err;

	text_addf(&path, "%s/%s", f->dir, name);
	cr_assert_eq(text_write_file(path.data, text, strlen(text), &err), 0, "%s", err.message);
	text_release(&path);
}

static void make_folder(const struct fixture *f, const char *name)
{
	struct text path = { 0 };

	text_addf(&path, "%s/%s", f->dir, name);
	cr_assert_eq(mkdir(path.data, 0700), 0);
	text_release(&path);
}

static void open_course(struct fixture *f, const char *number, const char *text)
{
	struct text conf = { 0 }, path = { 0 }, whole = { 0 };
	struct err err;
	static const char *const files[][2] = { { "checks.conf", checks },
						{ "hints.md", hints },
						{ "softmax.c", solution } };

	strcpy(f->dir, "/tmp/torchless-true-XXXXXX");
	cr_assert(mkdtemp(f->dir));
	text_addf(
		&conf,
		"format = \"1\"\ntitle = \"T\"\nmodel = \"46ACE9481924B5037017791C2E47A052\"\norder = \"%s-test\"\nshort = \"%s\"\n",
		number, number);
	put(f, "course.conf", conf.data);
	text_addf(&path, "%s-test", number);
	make_folder(f, path.data);
	for (size_t i = 0; i < 3; i++) {
		text_clear(&path);
		text_addf(&path, "%s-test/%s", number, files[i][0]);
		put(f, path.data, files[i][1]);
	}
	text_clear(&path);
	text_addf(&path, "%s-test/lesson.md", number);
	text_addf(&whole, "%s\n%s", text, exercises);
	put(f, path.data, whole.data);
	f->found = (struct lesson_findings){ 0 };
	cr_assert_eq(course_open(&f->course, f->dir, &err), 0, "%s", err.message);
	text_release(&conf);
	text_release(&path);
	text_release(&whole);
}

static void close_course(struct fixture *f)
{
	struct text command = { 0 };

	lesson_findings_release(&f->found);
	course_close(&f->course);
	text_addf(&command, "rm -rf '%s'", f->dir);
	cr_assert_eq(system(command.data), 0);
	text_release(&command);
}

static bool says(const struct fixture *f, const char *words)
{
	return f->found.lines.data && strstr(f->found.lines.data, words);
}

#define SAYS(f, words) cr_assert(says(f, words), "%s is not in:\n%s", words, (f)->found.lines.data)

Test(rules, name_what_a_lesson_lacks)
{
	struct fixture f;

	open_course(
		&f, "03",
		"# 03 Another title\n\n*About 6 minutes.*\n\n## Predict\n\nIt has 12 heads, 3 layers, "
		"0.5 of it, 29<!--= SELECT 29 --> more, `77`, 16-bit, lesson 14 and lessons 05 and 12.\n"
		"Two<!--= SELECT 2 -- two -->.\n\n## What it is\n\n[x](#nothing) [y](../gone.md) [z](http://a.b)\n\n"
		"```sh\nls\n```\n\n```text output=see\nx\n```\n\n## What people believe\n\n**One.** No.\n\n**Two.** `torchless info`.\n\n"
		"## Further reading\n\n- [a](https://a.b) 2017\n");
	lesson_lint(&f.course, f.course.lessons, f.dir, &f.found);
	SAYS(&f,
	     "03-test/lesson.md:1: the title is \"03 Another title\", and checks.conf has \"03 A test\"");
	SAYS(&f,
	     "03-test/lesson.md:3: below the title stands `*About 5 minutes. Before it: nothing.*`");
	SAYS(&f, "03-test/lesson.md:7: 12 has no mark");
	SAYS(&f, "03-test/lesson.md:7: 0.5 has no mark");
	SAYS(&f, "03-test/lesson.md:8: a comment with -- in it");
	SAYS(&f, "03-test/lesson.md:10: ## What it is stands behind ## Predict");
	SAYS(&f, "there is no part ## See it run");
	SAYS(&f, "there is a kernel to write, and no part ## Write it");
	SAYS(&f, "there is no heading for #nothing");
	SAYS(&f, "there is no ../gone.md");
	SAYS(&f, "http://a.b is not https:");
	SAYS(&f, "03-test/hints.md:5: there is no nowhere.md");
	SAYS(&f, "commands that nobody runs");
	SAYS(&f, "output=see does not stand below the step of that name");
	SAYS(&f, "no step is called picture");
	SAYS(&f, "no step runs torchless debug");
	SAYS(&f, "nothing runs on SmolLM2");
	SAYS(&f, "03-test/lesson.md:24: nothing shows that this belief is wrong");
	SAYS(&f, "1 items of a list have a link, and 3 are asked for");
	SAYS(&f, "the kernel write has 0 known wrong answers, and 2 are asked for");
	for (const char *const *none =
		     (const char *const[]){ ": 3 has", ": 29 has", ": 77 has", ": 16", ": 14 has",
					    ": 05 has", ": 2017", ":26:", NULL };
	     *none; none++)
		cr_assert(!says(&f, *none), "%s is in:\n%s", *none, f.found.lines.data);
	close_course(&f);
}

/* Where there is no array there is none of its elements either, as UBSan has it (`make clang`). */
Test(rules, stand_before_a_text_without_blocks)
{
	static const char *const texts[] = { "", "\n", "# 20 A test\n" };

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct fixture f;
		struct err err;

		open_course(&f, "20", "");
		course_close(&f.course);
		put(&f, "20-test/checks.conf", "minutes = \"5\"\ntitle = \"A test\"\n");
		put(&f, "20-test/hints.md", "");
		put(&f, "20-test/lesson.md", texts[i]);
		cr_assert_eq(course_open(&f.course, f.dir, &err), 0, "%s", err.message);
		lesson_lint(&f.course, f.course.lessons, f.dir, &f.found);
		SAYS(&f, "below the title stands `*About 5 minutes. Before it: nothing.*`");
		close_course(&f);
	}
}

Test(rules, look_at_every_file)
{
	struct fixture f;
	struct err err;

	open_course(&f, "20", "# 20 A test\n\n*About 5 minutes. Before it: nothing.*\n");
	course_close(&f.course);
	make_folder(&f, "20-test/wrong");
	put(&f, "20-test/wrong/a.c",
	    "/*\n * exercise: write\n * says: this\n *   goes on\n * seen: somewhere\n */\n");
	put(&f, "20-test/wrong/b.c", "/* exercise: nobody\n   seen:\n*/\n");
	put(&f, "20-test/wrong/c.c", "int x;\n");
	put(&f, "20-test/lost.png", "x");
	cr_assert_eq(course_open(&f.course, f.dir, &err), 0, "%s", err.message);
	lesson_lint(&f.course, f.course.lessons, f.dir, &f.found);
	cr_assert(!says(&f, "wrong/a.c"));
	SAYS(&f, "20-test/wrong/b.c:1: this lesson has no kernel exercise nobody");
	SAYS(&f, "20-test/wrong/b.c:1: the comment it begins with has no `says: …`");
	SAYS(&f, "20-test/wrong/b.c:1: the comment it begins with has no `seen: …`");
	SAYS(&f, "20-test/wrong/c.c:1: the comment it begins with has no `exercise: …`");
	SAYS(&f, "20-test/lost.png: lesson.md does not show this picture");
	SAYS(&f, "the kernel write has 1 known wrong answers");
	close_course(&f);
}

/* ---- computing: `torchless` is echo --------------------------------------------------------- */

static const char told[] =
	"# 20 A test\n\n*About 5 minutes. Before it: nothing.*\n\n"
	"There are 5<!--= SELECT n_layers FROM model --> layers, 3<!--= SELECT n_heads FROM model --> heads,\n"
	"`yes`<!--$ torchless no --> and 2<!--= SELECT nonsense --> and 1<!--= far: SELECT 1 -->.\n\n"
	"```sh step=a\ntorchless one 1.24\ntorchless two\necho x > p.png\n```\n```text output=a\none 1.23\n…\n```\n\n"
	"```sh step=b\ntorchless changed\n```\n```text output=b\nas it was\n```\n\n"
	"```sh step=c exit=1\nfalse\n```\n\n```sh step=d\nfalse\ntrue\n```\n\n"
	"```sh step=e smollm2\nfalse\n```\n```text output=e\nanything\n```\n\n"
	"![what](p.png)\n\n![not made](q.png)\n";

static void compute(struct fixture *f, bool write)
{
	struct text cache = { 0 };
	struct classroom room = { .course = &f->course,
				  .program = "/bin/echo",
				  .model = "lessons/model",
				  .kernels = kernels_select(NULL),
				  .seed = 1 };
	struct err err;
	char *model = realpath("lessons/model", NULL);

	cr_assert(model);
	text_addf(&cache, "%s/.cache", f->dir);
	room.cache = cache.data;
	room.model = model;
	cr_assert_eq(lesson_compute(&room, f->course.lessons, f->dir, write, &f->found, &err), 0,
		     "%s", err.message);
	free(model);
	text_release(&cache);
}

Test(computing, names_place_want_and_what_the_text_says, .timeout = 300)
{
	struct fixture f;

	open_course(&f, "20", told);
	compute(&f, false);
	SAYS(&f, "20-test/lesson.md:5: want 4 (4), the text says 3: SELECT n_heads FROM model");
	SAYS(&f, "20-test/lesson.md:6: want no (no), the text says yes: torchless no");
	SAYS(&f, "20-test/lesson.md:6: the mark SELECT nonsense cannot be computed: ");
	SAYS(&f,
	     "20-test/lesson.md:22: step b prints other lines: want \"changed\", the text says \"as it was\"");
	SAYS(&f, "step d ends with status 1, want 0");
	SAYS(&f, "the picture p.png is not kept beside lesson.md");
	SAYS(&f, "no step makes the picture q.png");
	cr_assert_eq(f.found.n, 7, "%s", f.found.lines.data);
	cr_assert_eq(f.found.n_steps, 4);
	cr_assert_eq(f.found.n_outputs, 2);
	cr_assert_eq(f.found.n_marks, 4);
	cr_assert_eq(f.found.n_left_out, 2);
	close_course(&f);
}

Test(computing, writes_what_it_computed, .timeout = 300)
{
	struct fixture f;
	struct text path = { 0 }, now = { 0 };
	struct err err;

	open_course(&f, "20", told);
	compute(&f, true);
	cr_assert_eq(f.found.n_written, 4, "%s", f.found.lines.data);
	text_addf(&path, "%s/20-test/lesson.md", f.dir);
	cr_assert_eq(text_read_file(&now, path.data, 1 << 20, &err), 0);
	cr_assert(strstr(now.data, "4<!--= SELECT n_heads FROM model --> heads"));
	cr_assert(strstr(now.data, "`no`<!--$ torchless no -->"));
	cr_assert(strstr(now.data, "output=b\nchanged\n```\n"));
	cr_assert(strstr(now.data, "output=a\none 1.23\n…\n```\n"));
	cr_assert(strstr(now.data, "### Exercise guess: Which?"));
	text_clear(&path);
	text_addf(&path, "%s/20-test/p.png", f.dir);
	cr_assert_eq(access(path.data, R_OK), 0);
	/* Once more: nothing of it is left to write. */
	course_close(&f.course);
	lesson_findings_release(&f.found);
	cr_assert_eq(course_open(&f.course, f.dir, &err), 0);
	compute(&f, true);
	cr_assert_eq(f.found.n_written, 0, "%s", f.found.lines.data);
	cr_assert_eq(f.found.n, 3, "%s", f.found.lines.data);
	text_release(&path);
	text_release(&now);
	close_course(&f);
}
