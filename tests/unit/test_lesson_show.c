/*
 * A text on a terminal: the same words at every width, with and without colour, in any locale.
 */
#include "cli/lesson/show.h"
#include "torchless/utf8.h"

#include <criterion/criterion.h>
#include <string.h>

static const char lesson[] =
	"# 05 RoPE\n\n*About 5 minutes.*\n\n## What it is\n\n"
	"Pairs **turn** by an *angle*, see `torchless lesson show 05` and\n"
	"[the paper](https://example.org/paper) or [above](#what-it-is).\n\n"
	"- one item that is long enough to be broken at any width that a person may have, also at eighty columns\n"
	"  1. inner\n  2. second\n- two\n\n> quoted words that are long enough for two lines of a narrow screen\n\n"
	"| name | what it is |\n|---|--:|\n| `q_rot` | a rather long explanation of what stands in the first column of this table |\n"
	"| k | x |\n\n```sh step=see\ntorchless query --box \"SELECT 1\" && echo a b c d e f g h i j k l m n o p q r s t\n```\n"
	"```text output=see\n1\n…\n```\n\n![what one sees](p.svg)\n\nEnd, 29<!--= SELECT 29 --> θ → done.\n";

/* What is shown at a width (0: no terminal). */
static const char *shown(int width, bool color, bool utf8)
{
	static struct text out;
	struct ui ui = { .out = stdout,
			 .is_terminal = width > 0,
			 .color = color,
			 .utf8 = utf8,
			 .width = width,
			 .depth = color ? UI_DEPTH_256 : UI_DEPTH_NONE };
	struct show s = { .ui = &ui,
			  .width = width > 0 && width < SHOW_WIDTH ? width : SHOW_WIDTH };

	show_text(&s, lesson, strlen(lesson));
	text_clear(&out);
	if (utf8)
		text_add(&out, s.out.data, s.out.len);
	else
		ui_add_ascii(&out, s.out.data, s.out.len);
	show_release(&s);
	return out.data;
}

/* The letters and digits, without what only styles and breaks lines. */
static const char *letters(const char *s, struct text *out)
{
	text_clear(out);
	for (; *s; s++) {
		if (*s == '\033')
			s += strcspn(s, "m");
		else if ((*s >= 'a' && *s <= 'z') || (*s >= 'A' && *s <= 'Z') ||
			 (*s >= '0' && *s <= '9'))
			text_addc(out, *s);
	}
	return out->data;
}

Test(show, no_word_is_lost_at_any_width)
{
	static const char *const words[] = { "05 RoPE",
					     "About 5 minutes",
					     "turn",
					     "angle",
					     "torchless lesson show 05",
					     "the paper",
					     "[1]",
					     "https://example.org/paper",
					     "inner",
					     "quoted words",
					     "q_rot",
					     "lesson run see",
					     "what one sees",
					     "End, 29" };
	static const int widths[] = { 0, 20, 40, 80, 200 };
	struct text all = { 0 }, word = { 0 };

	for (size_t w = 0; w < sizeof(widths) / sizeof(widths[0]); w++)
		for (int color = 0; color < 2; color++) {
			letters(shown(widths[w], color, true), &all);
			for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
				cr_assert(strstr(all.data, letters(words[i], &word)),
					  "%s at %d columns: %s", words[i], widths[w], all.data);
			cr_assert(!strstr(all.data, "SELECT29"), "a mark is shown");
		}
	text_release(&all);
	text_release(&word);
}

Test(show, lines_fit)
{
	static const int widths[] = { 40, 80, 200 };

	for (size_t w = 0; w < 3; w++)
		for (const char *s = shown(widths[w], false, true); *s;) {
			size_t n = strcspn(s, "\n");

			cr_assert_leq(utf8_width(s, n), widths[w], "%.*s", (int)n, s);
			s += n + (s[n] == '\n');
		}
}

Test(show, without_colour_there_are_no_sequences)
{
	cr_assert(!strchr(shown(80, false, true), '\033'));
	cr_assert(strchr(shown(80, true, true), '\033'));
	cr_assert(strstr(shown(80, false, true), "`torchless lesson show 05`"));
}

Test(show, ascii_where_there_is_no_utf8)
{
	const char *s = shown(80, false, false);

	for (const char *c = s; *c; c++)
		cr_assert(!(*c & 0x80), "%s", s);
	cr_assert(strstr(s, "- one item") && strstr(s, "theta -> done"));
	cr_assert(!strstr(s, "\\x"));
}

Test(show, exercises_say_how_they_are_answered)
{
	struct course c;
	struct err err;
	struct ui ui = { .out = stdout, .utf8 = true };
	struct show s = { .ui = &ui, .width = 200 };

	cr_assert_eq(course_open(&c, "tests/support/course", &err), 0, "%s", err.message);
	s.course = &c;
	s.lesson = course_lesson(&c, "00");
	show_text(&s, s.lesson->text->data, s.lesson->text->size);
	cr_assert(strstr(s.out.data, "lesson answer heads-guess CHOICE`, CHOICE one of: a b c"));
	cr_assert(strstr(s.out.data, "lesson answer calls VALUE`"));
	cr_assert(strstr(s.out.data,
			 "Edit `00-first/positions.sql`, then `torchless lesson check positions`"));
	cr_assert(strstr(s.out.data, "`torchless lesson hint calls`"));
	show_release(&s);
	course_close(&c);
}
