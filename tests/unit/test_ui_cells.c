/* Painted text as cells, and a line that is being typed. */
#include "torchless/edit.h"
#include "torchless/ui_cells.h"
#include "torchless/ui_tensor.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- cells -------------------------------------------------------------------------------- */

static struct ui_cell cells[256];
static struct ui_pen pen;
static size_t used;

static int read_cells(const char *s, int n)
{
	pen = UI_PEN;
	return ui_cells(s, strlen(s), true, &pen, cells, n, &used);
}

/* What stands in them, of ASCII. */
static const char *text_of(int n)
{
	static char text[257];

	for (int i = 0; i < n; i++)
		text[i] = (char)cells[i].ch[0];
	text[n] = '\0';
	return text;
}

Test(cells, plain_text_up_to_its_line_feed)
{
	cr_assert_eq(read_cells("one two\nthree", 256), 7);
	cr_assert_str_eq(text_of(7), "one two");
	cr_assert_eq(used, 7);
	cr_assert_eq(cells[0].pen.fg, UI_CELL_NONE);
	cr_assert_eq(read_cells("one two", 3), 3);
	cr_assert_eq(used, 3);
	cr_assert_eq(read_cells("", 3), 0);
	cr_assert_eq(read_cells("x", 0), 0);
	cr_assert_eq(used, 0);
}

Test(cells, styles_and_colours)
{
	int n = read_cells("\033[1ma\033[2mb\033[32mc\033[0md\033[38;5;200me\033[48;2;1;2;3mf"
			   "\033[39mg\033[49mh",
			   256);

	cr_assert_eq(n, 8);
	cr_assert_str_eq(text_of(8), "abcdefgh");
	cr_assert(cells[0].pen.bold && !cells[0].pen.dim);
	cr_assert(cells[1].pen.bold && cells[1].pen.dim);
	cr_assert_eq(cells[2].pen.fg, 2);
	cr_assert(!cells[3].pen.bold && cells[3].pen.fg == UI_CELL_NONE);
	cr_assert_eq(cells[4].pen.fg, UI_CELL_256 + 200);
	cr_assert_eq(cells[5].pen.bg, UI_CELL_RGB + 0x010203);
	cr_assert_eq(cells[6].pen.fg, UI_CELL_NONE);
	cr_assert_eq(cells[7].pen.bg, UI_CELL_NONE);
}

Test(cells, the_pen_goes_on)
{
	pen = UI_PEN;
	ui_cells("\033[1mbold", 8, true, &pen, cells, 256, NULL);
	cr_assert(pen.bold);
	ui_cells("still\033[0m", 9, true, &pen, cells, 256, NULL);
	cr_assert(cells[4].pen.bold);
	cr_assert_not(pen.bold);
}

Test(cells, nothing_else_comes_through)
{
	static const char *const hostile[] = { "\033[2J",
					       "\033]0;title\007",
					       "\033[31m",
					       "\033",
					       "\033[38;5;m",
					       ("\xc2\x9b"
						"2J"),
					       "\xff",
					       "\r",
					       "\xe2\x80\xae",
					       "\033[38;2;1;2;999m" };

	for (size_t i = 0; i < sizeof(hostile) / sizeof(hostile[0]); i++) {
		int n = read_cells(hostile[i], 256);

		cr_assert_gt(n, 0, "%zu", i);
		for (int k = 0; k < n; k++)
			cr_assert(cells[k].ch[0] >= 0x20 && cells[k].ch[0] < 0x7f, "%zu: %x", i,
				  (unsigned)cells[k].ch[0]);
		cr_assert_eq(pen.fg, UI_CELL_NONE);
	}
}

Test(cells, wide_characters_marks_and_tabs)
{
	cr_assert_eq(read_cells("日本x", 256), 5);
	cr_assert(cells[0].width == 2 && cells[1].width == 0 && cells[4].ch[0] == 'x');
	cr_assert_eq(read_cells("日本", 3), 2);
	cr_assert_eq(used, 3, "half of a character is not drawn");
	cr_assert_eq(read_cells("e\xcc\x81x", 256), 2);
	cr_assert_eq(cells[0].ch[1], 0x301);
	cr_assert_eq(read_cells("e\xcc\x81\xcc\x82\xcc\x83\xcc\x84\xcc\x85x", 256), 2);
	cr_assert_eq(cells[1].ch[0], 'x', "more marks than are kept are dropped");
	cr_assert_eq(read_cells("ab\tc", 256), 9);
	cr_assert_eq(cells[8].ch[0], 'c');
	cr_assert_eq(read_cells("ab\tc", 5), 5);
}

Test(cells, without_utf8)
{
	pen = UI_PEN;
	cr_assert_eq(ui_cells("a→b·日", strlen("a→b·日"), false, &pen, cells, 256, NULL), 5);
	cr_assert_str_eq(text_of(5), "a>b.?");
}

/* Whatever bytes there are: no more cells than asked for, and no byte twice. */
Test(cells, random_bytes_are_bounded)
{
	unsigned seed = 1;
	char bytes[64];

	for (int i = 0; i < 20000; i++) {
		size_t len = (size_t)(rand_r(&seed) % 64);
		int size = rand_r(&seed) % 32, n;

		for (size_t k = 0; k < len; k++)
			bytes[k] =
				(char)(rand_r(&seed) % 3 ? "\033[38;25m01;\t\n"[rand_r(&seed) % 14]
							 : rand_r(&seed));
		pen = UI_PEN;
		n = ui_cells(bytes, len, true, &pen, cells, size, &used);
		cr_assert(n >= 0 && n <= size && used <= len);
	}
}

Test(cells, a_heat_map)
{
	struct ui ui = {
		.out = stdout, .utf8 = true, .color = true, .width = 40, .depth = UI_DEPTH_24BIT
	};
	struct err err = { 0 };
	struct array *a = array_new(2, (int64_t[]){ 4, 4 }, &err);
	struct text t = { 0 };
	int painted = 0;

	for (int i = 0; i < 16; i++)
		a->data[i] = (float)i - 8;
	ui_add_heat(&t, &ui, a, NULL);
	for (char *line = t.data; *line;) {
		int n = read_cells(line, 256);

		cr_assert_leq(n, 40);
		for (int i = 0; i < n; i++)
			painted += cells[i].pen.fg >= UI_CELL_RGB || cells[i].pen.bg >= UI_CELL_RGB;
		line += strcspn(line, "\n");
		line += *line == '\n';
	}
	cr_assert_geq(painted, 8);
	text_release(&t);
	array_release(a);
}

Test(cells, nearest_of_256)
{
	cr_assert_eq(ui_cell_256(UI_CELL_RGB + 0xff0000), 196);
	cr_assert_eq(ui_cell_256(UI_CELL_RGB), 16);
	cr_assert_eq(ui_cell_256(UI_CELL_256 + 77), 77);
	cr_assert_eq(ui_cell_256(3), 3);
}

/* ---- editing ------------------------------------------------------------------------------ */

static void type(struct edit_line *e, const char *s)
{
	for (; *s; s++)
		edit_insert(e, (uint32_t)*s);
}

Test(edit, characters)
{
	struct edit_line e;

	edit_open(&e, NULL);
	type(&e, "print x");
	cr_assert(edit_key(&e, EDIT_LEFT));
	cr_assert(edit_insert(&e, 0xe9));
	cr_assert_str_eq(e.text.data, "print \xc3\xa9x");
	cr_assert(edit_key(&e, EDIT_BACKSPACE));
	cr_assert_str_eq(e.text.data, "print x");
	cr_assert(edit_key(&e, EDIT_DELETE));
	cr_assert_not(edit_key(&e, EDIT_DELETE));
	cr_assert_str_eq(e.text.data, "print ");
	cr_assert_not(edit_insert(&e, 0x1b));
	cr_assert_not(edit_insert(&e, 0x202e));
	cr_assert(edit_key(&e, EDIT_HOME));
	cr_assert_not(edit_key(&e, EDIT_LEFT));
	cr_assert_not(edit_key(&e, EDIT_BACKSPACE));
	cr_assert(edit_key(&e, EDIT_CUT_BEHIND));
	cr_assert_str_eq(e.text.data, "");
	edit_close(&e);
}

Test(edit, words)
{
	struct edit_line e;

	edit_open(&e, NULL);
	edit_set(&e, "break layers.3.self_attn if x");
	edit_key(&e, EDIT_HOME);
	edit_key(&e, EDIT_WORD_RIGHT);
	cr_assert_eq(e.cursor, 5);
	edit_key(&e, EDIT_WORD_RIGHT);
	cr_assert_eq(e.cursor, strlen("break layers"));
	edit_key(&e, EDIT_WORD_LEFT);
	cr_assert_eq(e.cursor, 6);
	edit_key(&e, EDIT_CUT_BEFORE);
	cr_assert_str_eq(e.text.data, "layers.3.self_attn if x");
	edit_key(&e, EDIT_END);
	edit_key(&e, EDIT_CUT_WORD);
	edit_key(&e, EDIT_CUT_WORD);
	cr_assert_str_eq(e.text.data, "layers.3.self_attn ");
	edit_close(&e);
}

Test(edit, history)
{
	struct edit_line e;

	edit_open(&e, NULL);
	edit_remember(&e, "one");
	edit_remember(&e, "two");
	edit_remember(&e, "two");
	edit_remember(&e, " a secret");
	edit_remember(&e, "bad \033[31m");
	type(&e, "half");
	cr_assert(edit_key(&e, EDIT_OLDER));
	cr_assert_str_eq(e.text.data, "two");
	cr_assert(edit_key(&e, EDIT_OLDER));
	cr_assert_str_eq(e.text.data, "one");
	cr_assert_not(edit_key(&e, EDIT_OLDER));
	edit_key(&e, EDIT_NEWER);
	cr_assert(edit_key(&e, EDIT_NEWER));
	cr_assert_str_eq(e.text.data, "half", "what was being typed is still there");
	cr_assert(edit_search(&e, "ne"));
	cr_assert_str_eq(e.text.data, "one");
	cr_assert_not(edit_search(&e, "nowhere"));
	for (int i = 0; i < 3000; i++) {
		char line[32];

		snprintf(line, sizeof(line), "line %d", i);
		edit_remember(&e, line);
	}
	cr_assert_leq(e.n_history, 1000);
	cr_assert_str_eq(e.history[e.n_history - 1], "line 2999");
	edit_close(&e);
}

Test(edit, completion)
{
	struct candidates c = { 0 };
	struct edit_line e;

	edit_open(&e, NULL);
	edit_set(&e, "rev tail");
	e.cursor = 3;
	candidates_add(&c, "reverse-step");
	candidates_add(&c, "reverse-next");
	cr_assert(edit_complete(&e, &c));
	cr_assert_str_eq(e.text.data, "reverse- tail");
	cr_assert_eq(e.cursor, 8);
	cr_assert_not(edit_complete(&e, &c), "they are to be shown");
	candidates_release(&c);
	cr_assert_not(edit_complete(&e, &c));
	edit_close(&e);
}
