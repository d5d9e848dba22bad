/*
 * test_lesson_kernels.c -- right answers pass, wrong ones fail as what they are, alone and in the
 * model; what does nothing fails; what cannot be an answer has its own sentence.
 *
 * The course of tests/support/kernels has a solution and wrong answers of every kernel.
 */
#define _DEFAULT_SOURCE

#include "lesson/cut.h"
#include "lesson/kernels/kernel.h"
#include "lesson/kernels/reference.h"
#include "torchless/lesson_proof.h"
#include "torchless/mem.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char home[] = "/tmp/torchless-kernels-XXXXXX";
static char cache[200];
static struct course course;
static struct classroom room;
static struct err err;

static void begin(void)
{
	cr_assert(mkdtemp(home));
	snprintf(cache, sizeof(cache), "%s/cache", home);
	cr_assert(course_open(&course, "tests/support/kernels", &err) == 0, "%s", err.message);
	room = (struct classroom){ .course = &course,
				   .home = home,
				   .cache = cache,
				   .model = "lessons/model",
				   .kernels = kernels_select(NULL),
				   .seed = 7 };
}

static void end(void)
{
	char command[100];

	course_close(&course);
	snprintf(command, sizeof(command), "rm -rf %s", home);
	cr_assert(system(command) == 0);
}
TestSuite(lesson_kernels, .init = begin, .fini = end, .timeout = 400);

static struct verdict check(const struct exercise *e, const char *text, size_t len)
{
	struct answer a = { .text = text, .len = len };
	struct verdict v = { 0 };

	cr_assert(exercise_check(&room, e, &a, &v, &err) == 0, "%s: %s", e->id, err.message);
	return v;
}

/* The first line that failed, "what: detail"; "" when none did. */
static const char *failure(const struct verdict *v)
{
	static char buf[1000];

	buf[0] = '\0';
	for (int i = v->n_lines - 1; i >= 0; i--)
		if (v->lines[i].mark == CHECK_FAILED)
			snprintf(buf, sizeof(buf), "%s: %s", v->lines[i].what, v->lines[i].detail);
	return buf;
}

static bool has_line(const struct verdict *v, const char *what)
{
	for (int i = 0; i < v->n_lines; i++)
		if (strcmp(v->lines[i].what, what) == 0)
			return true;
	return false;
}

static void solution(const struct exercise *e, struct text *out)
{
	cr_assert(exercise_shown_solution(&course, e, out, &err) == 0, "%s", err.message);
}

static const struct exercise *kernels(int *at)
{
	const struct lesson *l = &course.lessons[0];

	while (*at < l->n_exercises) {
		const struct exercise *e = &l->exercises[(*at)++];

		if (e->kind == EXERCISE_KERNEL)
			return e;
	}
	return NULL;
}

#define FOR_EACH_KERNEL(e)                                                                         \
	for (int at_ = 0, once_ = 1; once_; once_ = 0)                                             \
		for (const struct exercise *e; (e = kernels(&at_));)

/* ---- right and wrong ------------------------------------------------------------------------- */

Test(lesson_kernels, every_kernel_is_in_the_course)
{
	int n = 0;

	FOR_EACH_KERNEL(e)
	{
		cr_assert(kernel_find(section_value(e->conf, "kernel")), "%s", e->id);
		n++;
	}
	cr_assert_eq(n, KERNEL_COUNT);
}

Test(lesson_kernels, solutions_pass_alone_and_in_the_model)
{
	FOR_EACH_KERNEL(e)
	{
		struct text text = { 0 };
		struct verdict v;

		solution(e, &text);
		v = check(e, text.data, text.len);
		cr_assert(v.passed, "%s: %s", e->id, failure(&v));
		cr_assert_str_eq(v.says.data, "it matters");
		cr_assert(has_line(&v, "swapped into the model"));
		cr_assert_null(v.key);
		verdict_release(&v);
		text_release(&text);
	}
}

Test(lesson_kernels, wrong_answers_fail_as_what_they_are)
{
	FOR_EACH_KERNEL(e)
	{
		struct wrong *w;
		int n = wrong_list(&room, e, "wrong", &w);

		cr_assert_geq(n, 2, "%s", e->id);
		for (int i = 0; i < n; i++) {
			struct verdict v = check(e, w[i].file->data, w[i].file->size);

			cr_assert_not(v.passed, "%s", w[i].key);
			cr_assert(v.key && strcmp(v.key, w[i].key) == 0, "%s is told as %s: %s",
				  w[i].key, v.key ? v.key : "nothing", failure(&v));
			cr_assert_str_eq(v.says.data, w[i].says);
			verdict_release(&v);
		}
		wrong_release(w, n);
	}
}

Test(lesson_kernels, what_does_nothing_fails)
{
	FOR_EACH_KERNEL(e)
	{
		const struct kernel *k = kernel_find(section_value(e->conf, "kernel"));

		for (int i = 0; i < STUB_COUNT; i++) {
			struct text text = { 0 };
			struct verdict v;

			stub_write(k, i, &text);
			v = check(e, text.data, text.len);
			cr_assert(has_line(&v, "compiles") && !v.passed, "%s: %s: %s", e->id,
				  stub_names[i], failure(&v));
			verdict_release(&v);
			text_release(&text);
		}
	}
}

/* What is allowed lies far from what is right and from what is wrong, for many seeds. */
Test(lesson_kernels, tolerances_have_room_on_both_sides)
{
	FOR_EACH_KERNEL(e)
	{
		const struct kernel *k = kernel_find(section_value(e->conf, "kernel"));
		struct text text = { 0 };
		struct compile c = { .name = e->file, .cache = cache };
		struct compiled made;

		solution(e, &text);
		c.source = text.data;
		c.len = text.len;
		cr_assert(sandbox_compile(&c, &made, &err) == 0 && made.library);
		for (uint64_t seed = 1; seed <= 12; seed++) {
			struct battery b;
			struct trial want, got;
			struct trial_of of = { .file = e->file,
					       .library = made.library,
					       .symbol = k->symbol };

			battery_make(&b, k, seed);
			trial_reference(&want, &b);
			cr_assert(trial_run(&got, &b, &of, &err) == 0);
			cr_assert(got.is_done && !got.remembers);
			cr_assert_lt(trial_error(&want, &got), 0.2, "%s, seed %d", e->id,
				     (int)seed);
			trial_release(&want);
			trial_release(&got);
			battery_release(&b);
		}
		compiled_release(&made);
		text_release(&text);
	}
}

Test(lesson_kernels, a_proof_finds_what_is_not_as_it_has_to_be)
{
	const struct exercise *e = course_exercise(&course, "window");
	struct proof p;

	cr_assert(proof_run(&p, &room, e, &err) == 0, "%s", err.message);
	cr_assert_eq(p.n_flaws, 0, "%s", p.flaws.data);
	cr_assert_eq(p.n_wrong, 2);
	proof_release(&p);
}

/* ---- sentences ------------------------------------------------------------------------------- */

static void expect(const char *id, const char *code, const char *says)
{
	const struct exercise *e = course_exercise(&course, id);
	struct verdict v = check(e, code, code ? strlen(code) : 0);

	cr_assert_not(v.passed);
	cr_assert(strstr(failure(&v), says), "%s: %s", says, failure(&v));
	verdict_release(&v);
}

#define H "#include \"torchless/lesson_kernels.h\"\n#include <stdlib.h>\n"

Test(lesson_kernels, what_cannot_be_an_answer_has_its_own_sentence)
{
	const struct exercise *e = course_exercise(&course, "softmax");
	struct text starter = { 0 };

	cr_assert(exercise_starter(&course, e, &starter, &err) == 0);
	expect("softmax", NULL, "is there: softmax.c is not there");
	expect("softmax", "", "has code in it: softmax.c is empty");
	expect("softmax", " \n\n", "has code in it: softmax.c is empty");
	expect("softmax", starter.data, "is edited: softmax.c is as it was given out");
	expect("softmax", "void tl_softmax(float *x, int n) { x[0] = ; }\n", "softmax.c:1:");
	expect("softmax", "int other;\n", "has no function `tl_softmax`");
	text_release(&starter);
}

Test(lesson_kernels, what_goes_wrong_is_told_in_words_of_arrays)
{
	expect("softmax", H "void tl_softmax(float *x, int n) { x[n] = 1; }\n",
	       "touched x[17]; x has 17 elements");
	expect("softmax", H "void tl_softmax(float *x, int n) { (void)x; (void)n; exit(0); }\n",
	       "ended the program by exit(0)");
	expect("swiglu",
	       H "void tl_swiglu(float *out, const float *gate, const float *up, int n)\n"
		 "{ for (int i = 0; i < n - 4; i++) out[i] = gate[i] / (1 + expf(-gate[i])) * "
		 "up[i]; }\n",
	       "4 of 320 outputs never written, the first is out[316]");
	expect("swiglu",
	       H "void tl_swiglu(float *out, const float *gate, const float *up, int n)\n"
		 "{ for (int i = 0; i < n; i++) ((float *)gate)[i] = out[i] = up[i]; }\n",
	       "wrote gate[0], but gate is an input");
	expect("rmsnorm",
	       H
	       "void tl_rmsnorm(float *out, const float *x, const float *w, int n, float eps)\n"
	       "{ static int calls; float sum = 0; for (int i = 0; i < n; i++) sum += x[i] * x[i];\n"
	       "calls++; for (int i = 0; i < n; i++)\n"
	       "out[i] = x[i] / sqrtf(sum / n + eps) * w[i] * (1 + 1e-5f * (calls > 5)); }\n",
	       "hangs on what an earlier call left behind");
}

Test(lesson_kernels, the_index_of_an_element_is_told_in_words)
{
	const struct exercise *e = course_exercise(&course, "rope");
	const struct course_file *f = course_file(&course, "01-kernels/wrong/rope_interleaved.c");
	struct verdict v = check(e, f->data, f->size);

	cr_assert(strstr(failure(&v), ", position 1, element "), "%s", failure(&v));
	cr_assert(strstr(v.lines[v.n_lines - 1].detail,
			 "identical until `model.layers.0.self_attn:q_rot`"),
		  "%s", v.lines[v.n_lines - 1].detail);
	verdict_release(&v);
}

/* ---- together -------------------------------------------------------------------------------- */

static void hand_in(const char *name, const char *from)
{
	char path[300];

	snprintf(path, sizeof(path), "%s/01-kernels", home);
	mkdir(path, 0777);
	snprintf(path, sizeof(path), "%s/01-kernels/%s", home, name);
	cr_assert(text_write_file(path, from, strlen(from), &err) == 0, "%s", err.message);
}

static void hand_in_all(void)
{
	FOR_EACH_KERNEL(e)
	{
		struct text text = { 0 };

		solution(e, &text);
		hand_in(e->file, text.data);
		text_release(&text);
	}
}

Test(lesson_kernels, all_together_compute_the_model)
{
	const struct exercise *e = course_exercise(&course, "together");
	struct verdict v;

	hand_in_all();
	v = check(e, NULL, 0);
	cr_assert(v.passed, "%s", failure(&v));
	verdict_release(&v);

	hand_in("softmax.c", course_file(&course, "01-kernels/wrong/softmax_no_sum.c")->data);
	hand_in("rope.c", "");
	v = check(e, NULL, 0);
	cr_assert_not(v.passed);
	cr_assert(strstr(failure(&v), "rope.c: rope.c is empty"), "%s", failure(&v));
	verdict_release(&v);

	hand_in_all();
	hand_in("softmax.c", course_file(&course, "01-kernels/wrong/softmax_no_sum.c")->data);
	v = check(e, NULL, 0);
	cr_assert_not(v.passed);
	cr_assert(strstr(failure(&v), "model.layers.0.self_attn:pattern"), "%s", failure(&v));
	cr_assert(strstr(failure(&v), "it is softmax.c that makes it"), "%s", failure(&v));
	verdict_release(&v);
}

Test(lesson_kernels, recordings_with_and_without_are_made)
{
	const struct exercise *e = course_exercise(&course, "swiglu");
	struct text mine = { 0 }, reference = { 0 };

	hand_in_all();
	cr_assert(lesson_diff(&room, e, &mine, &reference, &err) == 0, "%s", err.message);
	cr_assert(access(mine.data, R_OK) == 0 && access(reference.data, R_OK) == 0);
	text_clear(&mine);
	text_clear(&reference);
	hand_in("swiglu.c", "int other;\n");
	cr_assert_eq(lesson_diff(&room, e, &mine, &reference, &err), ERR_NO);
	cr_assert(strstr(err.message, "has no function `tl_swiglu`"), "%s", err.message);
	text_release(&mine);
	text_release(&reference);
}

/* How fast a function is. */
static struct speed race(const struct text *text)
{
	struct speed s = { 0 };
	struct compile c = {
		.name = "linear_fast.c", .cache = cache, .source = text->data, .len = text->len
	};
	struct compiled made;

	cr_assert(sandbox_compile(&c, &made, &err) == 0 && made.library);
	cr_assert(speed_run(&s, c.name, made.library, &room, &err) == 0);
	cr_assert(s.is_done && s.is_right, "%s", s.says);
	compiled_release(&made);
	return s;
}

Test(lesson_kernels, what_is_right_is_fast_enough_to_wait_for)
{
	struct text text = { 0 };

	solution(course_exercise(&course, "linear-fast"), &text);
	cr_assert(race(&text).times > 0);
	text_release(&text);
}

Test(lesson_kernels, an_answer_that_is_kept_is_not_fast)
{
	struct text text = { 0 };

	text_adds(&text, "#include \"torchless/lesson_kernels.h\"\n#include <string.h>\n"
			 "void tl_linear_fast(float *y, const float *x, const float *w, int n_in, "
			 "int n_out)\n{\n"
			 "\tstatic float seen[1000], kept[700];\n"
			 "\tif (memcmp(seen, x, n_in * sizeof(*x)) != 0)\n"
			 "\t\tfor (int o = 0; o < n_out; o++) {\n"
			 "\t\t\tkept[o] = 0;\n"
			 "\t\t\tfor (int i = 0; i < n_in; i++)\n"
			 "\t\t\t\tkept[o] += w[o * n_in + i] * x[i];\n"
			 "\t\t}\n"
			 "\tmemcpy(seen, x, n_in * sizeof(*x));\n"
			 "\tmemcpy(y, kept, n_out * sizeof(*y));\n}\n");
	cr_expect_lt(race(&text).times, 20);
	text_release(&text);
}

/* The ends of arrays lie otherwise in the second round, and with them where a loop is unrolled. */
Test(lesson_kernels, another_order_of_a_sum_is_no_memory)
{
	static const char code[] =
		"#include \"torchless/lesson_kernels.h\"\n#include <stdint.h>\n"
		"void tl_linear_fast(float *y, const float *x, const float *w, int n_in, "
		"int n_out)\n{\n"
		"\tfor (int o = 0; o < n_out; o++) {\n"
		"\t\tfloat sum = 0;\n"
		"\t\tfor (int i = 0; i < n_in; i++) {\n"
		"\t\t\tint k = (uintptr_t)x & 16 ? i : n_in - 1 - i;\n"
		"\t\t\tsum += w[o * n_in + k] * x[k];\n"
		"\t\t}\n"
		"\t\ty[o] = sum;\n"
		"\t}\n}\n";
	struct verdict v = check(course_exercise(&course, "linear-fast"), code, sizeof(code) - 1);

	cr_assert(v.passed, "%s", failure(&v));
	verdict_release(&v);
}

/* Floats and doubles may not agree where a sum is just what it is held against. */
Test(lesson_kernels, a_draw_at_an_edge_is_not_clear)
{
	static const float even[4] = { 1, 1, 1, 1 };

	cr_expect(reference_top_p_is_clear(even, 4, 1, 1, 0.6f));
	cr_expect_not(reference_top_p_is_clear(even, 4, 1, 1, 0.5f));
	cr_expect(reference_top_p_is_clear(even, 4, 1, 0.5f, 0.1f));
	cr_expect_not(reference_top_p_is_clear(even, 4, 1, 0.5f, 0.9f));
	cr_expect(reference_top_p_is_clear(even, 4, 1, 0.6f, 0.9f));
}
