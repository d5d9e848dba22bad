/*
 * test_show.c -- what `show` makes of a tensor: text at every depth, two beside one another, data.
 */
#include "torchless/show.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static const char *word(void *ctx, int axis, int64_t index)
{
	static const char *const words[] = { "<s>", " a", ",\"\n", " girl" };

	(void)ctx;
	return axis == 0 && index >= 0 && index < 4 ? words[index] : NULL;
}

/* f32[rows, columns] of [pos, d], positions from 1. */
static struct shown shown_of(const char *title, int64_t rows, int64_t columns, const float *data)
{
	const int64_t shape[] = { rows, columns };
	struct err err;
	struct shown s = { .array = array_new(2, shape, &err), .labels = { word, NULL } };

	cr_assert(s.array);
	strcpy(s.array->axes, "pos,d");
	s.array->base[0] = 1;
	if (s.array->numel)
		memcpy(s.array->data, data, (size_t)s.array->numel * sizeof(*data));
	s.title = strdup(title);
	s.tokens = calloc(1, sizeof(*s.tokens));
	return s;
}

static const float some[] = { 0, 1, -2, 3, 4, NAN, INFINITY, 0.5f };
static const float others[] = { 0, 1, -2, 3.5f, 4, NAN, INFINITY, 0.5f };

static struct ui terminal(enum ui_depth depth, bool utf8, int width)
{
	return (struct ui){ .is_terminal = true,
			    .color = depth != UI_DEPTH_NONE,
			    .utf8 = utf8,
			    .width = width,
			    .depth = depth };
}

static void expect(const char *what, struct text *t, const char *expected)
{
	cr_expect_str_eq(t->data ? t->data : "", expected, "%s:\n%s", what, t->data);
	text_release(t);
}

Test(show, looks_the_same_at_every_depth_but_for_its_colours)
{
	static const struct {
		enum ui_depth depth;
		bool utf8;
		const char *first_row;
	} streams[] = {
		{ UI_DEPTH_24BIT, true, "\033[48;2;" }, { UI_DEPTH_256, true, "\033[48;5;" },
		{ UI_DEPTH_16, true, "\033[33m" },      { UI_DEPTH_NONE, true, "≡" },
		{ UI_DEPTH_NONE, false, "=" },
	};
	struct shown s = shown_of("x", 2, 4, some);
	struct err err;

	for (size_t i = 0; i < sizeof(streams) / sizeof(*streams); i++) {
		struct ui ui = terminal(streams[i].depth, streams[i].utf8, 80);
		struct text t = { 0 };

		cr_assert_eq(
			show_add(&t, &ui, &s, &(struct show_options){ .how = SHOW_HEAT }, &err), 0);
		cr_expect(strstr(t.data, streams[i].first_row), "%zu:\n%s", i, t.data);
		cr_expect(strstr(t.data, "1 NaN !  1 +inf ^"), "%zu:\n%s", i, t.data);
		cr_expect(strstr(t.data, "rows pos, columns d"), "%zu:\n%s", i, t.data);
		cr_expect_eq(ui.color, strchr(t.data, '\033') != NULL);
		text_release(&t);
	}
	shown_release(&s);
}

Test(show, few_are_numbers_and_a_pipe_gets_all_of_them)
{
	struct shown s = shown_of("x", 2, 4, some);
	struct ui ascii = terminal(UI_DEPTH_NONE, false, 80), pipe = { 0 };
	struct text t = { 0 };
	struct err err;

	cr_assert_eq(show_add(&t, &ascii, &s, &(struct show_options){ 0 }, &err), 0);
	expect("numbers", &t,
	       "x\n"
	       "f32[2,4] mean 1.083 std 1.967 absmax 4 at [2,0], 1 NaN, 1 +inf # ### ##\n"
	       "       0   1   2   3\n"
	       "   a   0   1  -2   3\n"
	       ",\"\\n   4 nan inf 0.5\n");
	cr_assert_eq(show_add(&t, &pipe, &s, &(struct show_options){ 0 }, &err), 0);
	expect("piped", &t, "1\t a\t0\t1\t-2\t3\n2\t,\"\\n\t4\tnan\tinf\t0.5\n");
	shown_release(&s);
}

Test(show, nothing_is_said)
{
	struct shown s = shown_of("x", 0, 4, NULL);
	struct ui ui = terminal(UI_DEPTH_NONE, true, 80);
	struct text t = { 0 };
	struct err err;

	cr_assert_eq(show_add(&t, &ui, &s, &(struct show_options){ .how = SHOW_HIST }, &err), 0);
	expect("no elements", &t, "x\nf32[0,4]: no elements\n");
	shown_release(&s);
}

Test(show, two_say_what_they_differ_by)
{
	struct shown a = shown_of("x", 2, 4, some), b = shown_of("y", 2, 4, others),
		     c = shown_of("z", 1, 8, others);
	struct ui wide = terminal(UI_DEPTH_NONE, true, 120), narrow = wide;
	const struct show_options heat = { .how = SHOW_HEAT };
	struct text t = { 0 };
	struct err err;

	narrow.width = 20;
	a.array->data[5] = b.array->data[5] = 7;
	cr_assert_eq(show_add_pair(&t, &wide, &a, &b, &heat, &err), 0);
	cr_expect(strstr(t.data, "\ndifference b - a: largest 0.5 at [1,3], nmse "), "%s", t.data);
	cr_expect(strstr(t.data, "\na  ") && strstr(t.data, "  b  ") && strstr(t.data, "  b - a\n"),
		  "%s", t.data);
	text_release(&t);
	cr_assert_eq(show_add_pair(&t, &narrow, &a, &b, &heat, &err), 0);
	cr_expect(strstr(t.data, "\na\n") && strstr(t.data, "\nb\n") && strstr(t.data, "\nb - a\n"),
		  "%s", t.data);
	text_release(&t);
	cr_expect_eq(show_add_pair(&t, &wide, &a, &c, &heat, &err), ERR_SHAPE);
	cr_expect_str_eq(err.message,
			 "x is f32[2,4] and z is f32[1,8]: only equal shapes can be compared");
	cr_assert_eq(show_add_pair(&t, &wide, &a, &a, &heat, &err), 0);
	cr_expect(strstr(t.data, "difference b - a: none, all elements are equal"), "%s", t.data);
	text_release(&t);
	shown_release(&a);
	shown_release(&b);
	shown_release(&c);
}

Test(show, data_is_exact)
{
	struct shown a = shown_of("x", 1, 3, (const float[]){ 0.1f, NAN, -INFINITY }),
		     b = shown_of("y", 1, 3, (const float[]){ 0.2f, NAN, -INFINITY });
	struct text t = { 0 };
	struct err err;

	cr_assert_eq(show_add_csv(&t, &a, NULL, &err), 0);
	expect("CSV", &t,
	       "pos,d,value,pos_token\n"
	       "1,0,0.100000001,\" a\"\n"
	       "1,1,nan,\" a\"\n"
	       "1,2,-inf,\" a\"\n");
	cr_assert_eq(show_add_csv(&t, &a, &b, &err), 0);
	expect("CSV of two", &t,
	       "pos,d,value,other,difference,pos_token\n"
	       "1,0,0.100000001,0.200000003,0.100000001,\" a\"\n"
	       "1,1,nan,nan,nan,\" a\"\n"
	       "1,2,-inf,-inf,0,\" a\"\n");
	cr_assert_eq(show_add_json(&t, &a, NULL, &err), 0);
	cr_expect(strstr(t.data, "\"values\":[[0.100000001,null,-9e999]]}"), "%s", t.data);
	cr_expect(strstr(t.data, "\"base\":[1,0],"), "%s", t.data);
	cr_expect(strstr(t.data, "\"labels\":{\"pos\":[\" a\"]},"), "%s", t.data);
	text_release(&t);
	cr_assert_eq(show_add_npy(&t, &a, NULL, &err), 0);
	cr_expect(npy_is(t.data, t.len));
	cr_expect_eq(memcmp(t.data + t.len - 12, a.array->data, 12), 0);
	text_release(&t);
	shown_release(&a);
	shown_release(&b);
}
