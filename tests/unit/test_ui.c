/*
 * test_ui.c -- the gate before a terminal: what passes, what is escaped, and that a pipe is exact.
 */
#include "torchless/ui.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

/* What ui_write() makes of bytes. */
static void check_written(bool is_terminal, bool utf8, const char *data, size_t len,
			  const char *expected, size_t expected_len)
{
	char *written = NULL;
	size_t n = 0;
	struct ui ui = { .out = open_memstream(&written, &n),
			 .is_terminal = is_terminal,
			 .utf8 = utf8 };

	cr_assert(ui_write(&ui, data, len));
	fclose(ui.out);
	cr_assert_eq(n, expected_len, "%zu bytes: %s", n, written);
	cr_assert_arr_eq(written, expected, n);
	free(written);
}

#define CHECK(terminal, in, out)                                                                   \
	check_written(terminal, true, in, sizeof(in) - 1, out, sizeof(out) - 1)
#define CHECK_ASCII(in, out) check_written(true, false, in, sizeof(in) - 1, out, sizeof(out) - 1)

Test(ui, a_terminal_gets_text_and_our_own_sequences)
{
	CHECK(true, "", "");
	CHECK(true, "a\tb\n\xc3\xa9\xe2\x94\x82", "a\tb\n\xc3\xa9\xe2\x94\x82");
	CHECK(true, "\033[1mbold\033[0m \033[2m\033[32m\033[33m",
	      "\033[1mbold\033[0m \033[2m\033[32m\033[33m");
}

Test(ui, a_terminal_gets_nothing_else_that_it_obeys)
{
	CHECK(true, "a\033[31mb\033", "a\\x1B[31mb\\x1B");
	CHECK(true, "\033]0;x\007\r\b\v\f\177", "\\x1B]0;x\\x07\\x0D\\x08\\x0B\\x0C\\x7F");
	CHECK(true, "\033[2Jx\033[1;31m\033[", "\\x1B[2Jx\\x1B[1;31m\\x1B[");
	CHECK(true, "\xc2\x9b\x9b\xff\0x", "\\xC2\\x9B\\x9B\\xFF\\x00x");
	CHECK(true, "\u202ea\u2066\u200f\u2028\u061c",
	      "\\xE2\\x80\\xAEa\\xE2\\x81\\xA6\\xE2\\x80\\x8F\\xE2\\x80\\xA8\\xD8\\x9C");
}

Test(ui, a_terminal_without_utf8_gets_ascii)
{
	CHECK_ASCII("a\tb\n\033[1mbold\033[0m", "a\tb\n\033[1mbold\033[0m");
	CHECK_ASCII("5 µs · 3 … 4 → ± ≈", "5 us - 3 .. 4 -> +- ~");
	CHECK_ASCII("├─ └─ │ ▁▂█░ ⏎", "|- `- | _.#. \\n");
	CHECK_ASCII("é 日\xff", "\\xC3\\xA9 \\xE6\\x97\\xA5\\xFF");
	/* Piped as well: it is for people. */
	check_written(false, false, "é \033", 4, "\\xC3\\xA9 \033", 10);
}

Test(ui, what_programs_read_is_exact)
{
	const char bytes[] = "é\xff\033[31m\0\u202e";
	char *written = NULL;
	size_t n = 0;
	struct ui ui = { .out = open_memstream(&written, &n) };

	cr_assert(ui_write_exact(&ui, bytes, sizeof(bytes)));
	fclose(ui.out);
	cr_assert_eq(n, sizeof(bytes));
	cr_assert_arr_eq(written, bytes, n);
	free(written);
}

Test(ui, a_program_gets_every_byte)
{
	CHECK(false, "a\033[31m\177\xc2\x9b\x9b\xff\0\r\u202e",
	      "a\033[31m\177\xc2\x9b\x9b\xff\0\r\u202e");
}

Test(ui, a_table_for_people_hides_direction_and_stays_aligned)
{
	char *written = NULL;
	size_t n = 0;
	struct ui ui = {
		.out = open_memstream(&written, &n), .is_terminal = true, .utf8 = true, .width = 80
	};
	struct ui_table t;

	ui_table_init(&t, "a\u202e,b");
	ui_table_cellf(&t, "x\u202e");
	ui_table_cellf(&t, "1");
	ui_table_cellf(&t, "y");
	ui_table_cellf(&t, "2");
	ui_table_print(&t, &ui, UI_TABLE_LINES);
	ui_table_release(&t);
	fclose(ui.out);
	cr_assert_str_eq(written, "a\\xE2\\x80\\xAE  b\n"
				  "x\\xE2\\x80\\xAE  1\n"
				  "y              2\n");
	free(written);
}

Test(ui, a_table_for_programs_keeps_it)
{
	char *written = NULL;
	size_t n = 0;
	struct ui ui = { .out = open_memstream(&written, &n) };
	struct ui_table t;

	ui_table_init(&t, "a,b");
	ui_table_cellf(&t, "x\u202e\033");
	ui_table_cellf(&t, "1");
	ui_table_print(&t, &ui, UI_TABLE_TABS);
	ui_table_release(&t);
	fclose(ui.out);
	cr_assert_str_eq(written, "x\u202e\\x1B\t1\n");
	free(written);
}

/* What a box of a terminal of 80 columns has of a table with one row of these cells. */
static char *boxed(const char *titles, const char *cell, size_t len, int n_cells)
{
	char *written = NULL;
	size_t n = 0;
	struct ui ui = {
		.out = open_memstream(&written, &n), .is_terminal = true, .utf8 = true, .width = 80
	};
	struct ui_table t;

	ui_table_init(&t, titles);
	for (int i = t.n_columns; i < n_cells; i++)
		ui_table_add_column(&t, "x", false);
	for (int i = 0; i < n_cells; i++)
		ui_table_cell(&t, cell, len);
	ui_table_print(&t, &ui, UI_TABLE_BOX);
	ui_table_release(&t);
	fclose(ui.out);
	return written;
}

/* Cells of somebody's recording: each took a time that grew by their square. */
Test(ui, huge_cells_are_shown_in_the_time_of_their_bytes, .timeout = 120)
{
	static const char *const parts[] = { "ab ", "a", "\n" };
	const size_t len = 3 << 20;
	struct text cell = { 0 };

	for (size_t i = 0; i < sizeof(parts) / sizeof(*parts); i++) {
		char *written;

		text_clear(&cell);
		while (cell.len < len)
			text_adds(&cell, parts[i]);
		written = boxed("a,b", cell.data, cell.len, 2);
		cr_expect_gt(strlen(written), 80);
		free(written);
	}
	text_release(&cell);
}

Test(ui, many_wide_columns_shrink_together, .timeout = 120)
{
	struct text cell = { 0 };
	char *written;

	while (cell.len < 20000)
		text_adds(&cell, "ab ");
	written = boxed("", cell.data, cell.len, 500);
	cr_expect_gt(strlen(written), 500);
	free(written);
	/* Those that have room keep it; the widest give, the first of them the last column. */
	written = boxed("name,of", "abc abc abc abc abc abc abc abc abc abc abc abc", 47, 2);
	cr_expect(strstr(written, "\u2502 abc abc abc abc abc abc abc abc abc  \u2502"), "%s",
		  written);
	free(written);
	text_release(&cell);
}

static void check_cut(const char *name, int width, int head, const char *expected)
{
	const struct ui ui = { .is_terminal = true, .utf8 = true };
	struct text t = { 0 };

	ui_add_cut(&t, &ui, name, strlen(name), width, head);
	cr_assert_str_eq(t.data, expected);
	text_release(&t);
}

Test(ui, a_name_is_cut_in_its_middle)
{
	check_cut("model.layers.3.self_attn.q_proj", 80, -1, "model.layers.3.self_attn.q_proj");
	check_cut("model.layers.3.self_attn.q_proj", 20, -1, "model.lay…ttn.q_proj");
	check_cut("model.layers.3.self_attn.q_proj", 20, 14, "model.layers.3…_proj");
	check_cut("model", 3, 9, "m…l");
	check_cut("model", 1, -1, "…");
}

/* What is printed of a table, released. */
static void check_table(struct ui_table *t, int width, enum ui_table_style style,
			const char *expected)
{
	char *written = NULL;
	size_t n = 0;
	struct ui ui = { .out = open_memstream(&written, &n),
			 .is_terminal = true,
			 .utf8 = true,
			 .width = width };

	ui_table_print(t, &ui, style);
	fclose(ui.out);
	cr_assert_str_eq(written, expected);
	free(written);
	ui_table_release(t);
}

Test(ui, names_of_a_column_still_differ_when_they_are_cut)
{
	struct ui_table t;

	ui_table_init(&t, "name,>n");
	for (int i = 0; i < 2; i++)
		for (int j = 0; j < 2; j++) {
			ui_table_cellf(&t, "model.layers.1%d.mlp.%s_proj.weight", i,
				       j ? "up" : "down");
			ui_table_cellf(&t, "%d", 10 * i + j);
		}
	check_table(&t, 36, UI_TABLE_LINES,
		    "name                               n\n"
		    "model.layers.10…down_proj.weight   0\n"
		    "model.layers.10…p.up_proj.weight   1\n"
		    "model.layers.11…down_proj.weight  10\n"
		    "model.layers.11…p.up_proj.weight  11\n");
}

Test(ui, columns_that_have_no_room_are_left_out_and_named)
{
	struct ui_table t;

	ui_table_init(&t, "name,>n,doc,file");
	ui_table_drops(&t, "file,doc");
	ui_table_cellf(&t, "a.b");
	ui_table_cellf(&t, "1");
	ui_table_cellf(&t, "what it is in a few words");
	ui_table_cellf(&t, "/some/where");
	check_table(&t, 40, UI_TABLE_LINES,
		    "name  n  doc\n"
		    "a.b   1  what it is in a few words\n"
		    "not shown at this width: file; wider or\n"
		    "piped shows all\n");
}

/* Cells row by row, separated by '|'. */
static void add_cells(struct ui_table *t, const char *cells)
{
	for (size_t n; *cells; cells += n + (cells[n] == '|')) {
		n = strcspn(cells, "|");
		ui_table_cell(t, cells, n);
	}
}

Test(ui, a_box_loses_what_is_empty_then_what_may_go)
{
	static const char cells[] = "one|  1||22222|two|  2||44444|";
	struct ui_table t;

	ui_table_init(&t, "part,>ms,>ms_spread,>gflops");
	ui_table_drops(&t, "gflops,none_of_these");
	add_cells(&t, cells);
	check_table(&t, 30, UI_TABLE_BOX,
		    "┌──────┬─────┬────────┐\n"
		    "│ part │  ms │ gflops │\n"
		    "├──────┼─────┼────────┤\n"
		    "│ one  │   1 │  22222 │\n"
		    "│ two  │   2 │  44444 │\n"
		    "└──────┴─────┴────────┘\n"
		    "not shown, for they are empty:\n"
		    "ms_spread\n");
	ui_table_init(&t, "part,>ms,>ms_spread,>gflops");
	ui_table_drops(&t, "gflops");
	add_cells(&t, cells);
	check_table(&t, 20, UI_TABLE_BOX,
		    "┌──────┬─────┐\n"
		    "│ part │  ms │\n"
		    "├──────┼─────┤\n"
		    "│ one  │   1 │\n"
		    "│ two  │   2 │\n"
		    "└──────┴─────┘\n"
		    "not shown at this\n"
		    "width: gflops;\n"
		    "empty: ms_spread;\n"
		    "wider or piped shows\n"
		    "all\n");
}

Test(ui, text_in_a_box_goes_on_in_its_cell)
{
	struct ui_table t;

	ui_table_init(&t, "fact,value");
	add_cells(&t, "prompt|Lily put the ball in the box|hash|46ace9481924b5037017791c|"
		      "vocabulary|\u2581Lily\u2581put\u2581the\u2581balls|"
		      "name|model.layers.0.self_attn.q_proj|");
	check_table(&t, 35, UI_TABLE_BOX,
		    "┌────────────┬────────────────────┐\n"
		    "│ fact       │ value              │\n"
		    "├────────────┼────────────────────┤\n"
		    "│ prompt     │ Lily put the ball  │\n"
		    "│            │ in the box         │\n"
		    "│ hash       │ 46ace9481924b50370 │\n"
		    "│            │ 17791c             │\n"
		    "│ vocabulary │ ▁Lily▁put▁the      │\n"
		    "│            │ ▁balls             │\n"
		    "│ name       │ model.la…tn.q_proj │\n"
		    "└────────────┴────────────────────┘\n");
}

/* A list of many texts is still a list: each takes two lines at most. */
Test(ui, long_texts_of_a_long_list_are_cut)
{
	struct ui ui = { .is_terminal = true, .utf8 = true, .width = 30 };
	char *written = NULL;
	size_t n = 0, lines = 0;
	struct ui_table t;

	ui.out = open_memstream(&written, &n);
	ui_table_init(&t, ">n,text");
	for (int i = 0; i < 200; i++) {
		ui_table_cellf(&t, "%3d", i);
		ui_table_cellf(&t, "%s",
			       "the ball that was in the box that stood below the table is gone");
	}
	ui_table_print(&t, &ui, UI_TABLE_BOX);
	fclose(ui.out);
	for (size_t i = 0; i < n; i++)
		lines += written[i] == '\n';
	cr_assert_eq(lines, 400 + 4);
	cr_assert(strstr(written, "…"));
	free(written);
	ui_table_release(&t);
}

Test(ui, a_cell_of_several_lines)
{
	struct ui_table t;

	ui_table_init(&t, "sql,x");
	t.columns[0].wraps = true;
	ui_table_cellf(&t, "SELECT 1\n  FROM a");
	ui_table_cellf(&t, "a\n\tb");
	check_table(&t, 60, UI_TABLE_LINES,
		    "sql       x\n"
		    "SELECT 1  a⏎⇥b\n"
		    "  FROM a  \n");
}

static void check_wrapped(const char *text, int width, int indent, const char *expected)
{
	struct text t = { 0 };

	ui_add_wrapped(&t, text, strlen(text), width, indent, 0);
	cr_assert_str_eq(t.data, expected);
	text_release(&t);
}

Test(ui, text_is_broken_between_words)
{
	check_wrapped("one two three", 8, 0, "one two\nthree");
	check_wrapped("one two three\nfour", 8, 2, "one two\n  three\nfour");
	check_wrapped("a longerthanthat b", 6, 0, "a\nlongerthanthat\nb");
	check_wrapped("next  ' was' 12 %  ' is' 3 %", 20, 6, "next  ' was' 12 %\n      ' is' 3 %");
	check_wrapped("\033[2mone two\033[0m", 7, 0, "\033[2mone two\033[0m");
	check_wrapped("one two", 0, 0, "one two");
	check_wrapped("| a b c d |", 4, 0, "| a b c d |");
}

static void check_command(const char *command, int width, const char *expected)
{
	struct text t = { 0 };

	ui_add_command(&t, command, strlen(command), width, 4, 2);
	cr_assert_str_eq(t.data, expected);
	text_release(&t);
}

Test(ui, a_command_is_broken_so_that_it_can_be_pasted)
{
	check_command("run -n 3 \"a b c\" x", 0, "run -n 3 \"a b c\" x");
	check_command("run -n 3 \"a b c\" x", 40, "run -n 3 \"a b c\" x");
	check_command("run -n 3 \"a b c\" x", 16, "run -n 3 \\\n    \"a b c\" x");
	check_command("run 'a b'c\\ d $(e f g) h", 12,
		      "run \\\n    'a b'c\\ d \\\n    $(e f g) \\\n    h");
	check_command("ls # all of it", 8, "ls # all of it");
}
