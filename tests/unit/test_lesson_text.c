/*
 * The text of lessons: what a reader understands of Markdown, that nothing is lost of what it does
 * not, marks, and what is compared with what is computed.
 */
#include "lesson/text/text_impl.h"

#include <criterion/criterion.h>
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

static void read_text(struct lesson_text *t, const char *s)
{
	lesson_text_read(t, s, strlen(s));
}

static const char *words_of(const struct lesson_text *t, struct lesson_runs runs)
{
	static struct text words;

	text_clear(&words);
	text_adds(&words, "");
	lesson_text_words(t, runs, &words);
	return words.data;
}

/* Blocks as one line: "h1 'Title' p 'words' ( item p 'a' )". */
static const char *shape(const char *markdown)
{
	static const char *const names[] = { "h", "p", "code", "table", "rule", "quote", "item" };
	static struct text out;
	struct lesson_text t;

	text_clear(&out);
	text_adds(&out, "");
	read_text(&t, markdown);
	for (int i = 0; i < t.n_blocks; i++) {
		const struct lesson_block *b = &t.blocks[i];
		int depth = 0;

		for (int k = b->parent; k >= 0; k = t.blocks[k].parent)
			depth++;
		text_addf(&out, "%s%.*s%s", i ? " " : "", depth, ">>>>>>>>", names[b->kind]);
		if (b->kind == BLOCK_HEADING)
			text_addf(&out, "%d", b->level);
		if (b->kind == BLOCK_ITEM && b->marker >= 0)
			text_addf(&out, "%d", b->marker);
		if (b->kind == BLOCK_HEADING || b->kind == BLOCK_PARAGRAPH)
			text_addf(&out, "'%s'", words_of(&t, b->runs));
		if (b->kind == BLOCK_CODE)
			text_addf(&out, "[%s|%s]", b->info, b->code);
		for (int k = 0; k < b->rows * b->columns; k++)
			text_addf(&out, "%s%s", k % b->columns ? "," : ";",
				  words_of(&t, b->cells[k]));
	}
	lesson_text_release(&t);
	return out.data;
}

#define SHAPE(markdown, want) cr_assert_str_eq(shape(markdown), want)

Test(blocks, of_every_kind)
{
	SHAPE("# A *b* ##\n\nc\nd\n", "h1'A b' p'c d'");
	SHAPE("a\n# b\nc\n", "p'a' h1'b' p'c'");
	SHAPE("#no\n####### seven\n", "p'#no ####### seven'");
	SHAPE("***\n- - -\n___\n", "rule rule rule");
	SHAPE("```sh step=x\na\n\n  b\n```\nc\n", "code[sh step=x|a\n\n  b\n] p'c'");
	SHAPE("~~~\n```\n~~~\n", "code[|```\n]");
	SHAPE("````\n```\n````\n", "code[|```\n]");
	SHAPE("```x\nnever closed\n", "code[x|never closed\n]");
	SHAPE("", "");
	SHAPE("\n \n\t\n", "");
}

Test(blocks, lists_and_quotes)
{
	SHAPE("- a\n- b\n  c\nd\n", "item >p'a' item >p'b c d'");
	SHAPE("- a\n\n  b\n\nc\n", "item >p'a' >p'b' p'c'");
	SHAPE("1. a\n2. b\n   - c\n     1. d\n",
	      "item1 >p'a' item2 >p'b' >item >>p'c' >>item1 >>>p'd'");
	SHAPE("- a\n1. b\n", "item >p'a' item1 >p'b'");
	SHAPE("in 2026\n3. is no list\n", "p'in 2026 3. is no list'");
	SHAPE("- ```\n  x\n  ```\n- y\n", "item >code[|x\n] item >p'y'");
	SHAPE("- ```\nx\n", "item >code[|] p'x'");
	SHAPE("-\n- \n-a\n", "item item p'-a'");
	SHAPE("> a\nb\n>\n> > c\n", "quote >p'a b' >quote >>p'c'");
	SHAPE("> a\n\nb\n", "quote >p'a' p'b'");
	SHAPE("> - a\n>   b\n", "quote >item >>p'a b'");
}

Test(blocks, tables)
{
	SHAPE("| a | b |\n|:-:|--:|\n| 1 | `x\\|y` |\n| 2 |\nc\n", "table;a,b;1,x|y;2, p'c'");
	SHAPE("a | b\n- | -\n1 | 2\n", "table;a,b;1,2");
	SHAPE("| a | b |\n|---|\n", "p'| a | b | |---|'");
	SHAPE("| a |\n| b |\n", "p'| a | | b |'");
}

Test(blocks, of_a_file_with_returns)
{
	SHAPE("# A\r\n\r\n- b\r\n", "h1'A' item >p'b'");
}

Test(blocks, deeper_than_anybody_writes)
{
	struct text deep = { 0 };
	struct lesson_text t;

	for (int i = 0; i < 3000; i++)
		text_adds(&deep, "> ");
	text_adds(&deep, "x\n");
	read_text(&t, deep.data);
	cr_assert_gt(t.n_blocks, 0);
	lesson_text_release(&t);
	text_clear(&deep);
	for (int i = 0; i < 3000; i++)
		text_adds(&deep, "*[");
	read_text(&t, deep.data);
	cr_assert_gt(t.n_blocks, 0);
	lesson_text_release(&t);
	text_release(&deep);
}

/* Runs as one line: styles as letters before each. */
static const char *styles(const char *markdown)
{
	static struct text out;
	struct lesson_text t;

	text_clear(&out);
	read_text(&t, markdown);
	for (int i = 0; i < t.n_runs; i++) {
		const struct lesson_run *r = &t.runs[i];

		text_addf(&out, "%s", i ? "|" : "");
		for (int k = 0; k < 7; k++)
			if (r->style & 1u << k)
				text_addc(&out, "SECLIBM"[k]);
		text_addf(&out, ":%s", r->text);
		if (r->target)
			text_addf(&out, ">%s", r->target);
	}
	lesson_text_release(&t);
	return out.data;
}

#define STYLES(markdown, want) cr_assert_str_eq(styles(markdown), want)

Test(runs, styles)
{
	STYLES("a **b** *c* `d` _e_ f", ":a |S:b|: |E:c|: |C:d|: |E:e|: f");
	STYLES("**a *b* c**", "S:a |SE:b|S: c");
	STYLES("***a***", "SE:a");
	STYLES("*a `*` b*", "E:a |EC:*|E: b");
	STYLES("`` a ` b ``", "C:a ` b");
	STYLES("` a`", "C: a");
	STYLES("a  \nb\\\nc", ":a|B:|:b|B:|:c");
	STYLES("a &lt;b&gt; &amp;c &nope;", ":a <b> &c &nope;");
}

Test(runs, links_and_pictures)
{
	STYLES("[a](b)", "L:a>b");
	STYLES("[a `b`](c.md#d \"title\") e", "L:a >c.md#d|CL:b>c.md#d|: e");
	STYLES("[a](x_(y))", "L:a>x_(y)");
	STYLES("![what it shows](p.svg)", "I:what it shows>p.svg");
	STYLES("<https://a.b/c>", "L:https://a.b/c>https://a.b/c");
}

Test(runs, what_is_no_sign_is_text)
{
	STYLES("2 * 3 * 4", ":2 * 3 * 4");
	STYLES("snake_case_name", ":snake_case_name");
	STYLES("a*", ":a*");
	STYLES("**a", ":**a");
	STYLES("`a", ":`a");
	STYLES("[a] (b) [c][d] [e]", ":[a] (b) [c][d] [e]");
	STYLES("<b>raw</b> \\*not\\* \\d", ":<b>raw</b> *not* \\d");
	STYLES("![a", ":![a");
}

Test(runs, comments_are_dropped)
{
	STYLES("a <!-- b --> c", ":a c");
	STYLES("a<!-- b\nc -->d", ":a|:d");
	STYLES("`<!-- kept -->`", "C:<!-- kept -->");
	SHAPE("a\n<!-- b -->\nc\n", "p'a' p'c'");
	SHAPE("<!-- a\n\n- b\n-->\n", "");
	SHAPE("```\n<!-- kept -->\n```\n", "code[|<!-- kept -->\n]");
	STYLES("a <!-- never closed", ":a <!-- never closed");
}

/* Letters of any bytes at all are shown: those that are not in a comment, an address or a fence. */
Test(runs, nothing_is_lost)
{
	static const char signs[] = "ab  \n\n`*_[]()!<>|-#:.1\\&~\t";
	unsigned seed = 1;

	for (int round = 0; round < 20000; round++) {
		char s[64];
		struct lesson_text t;
		size_t letters = 0, shown = 0;

		for (size_t i = 0; i < sizeof(s) - 1; i++) {
			seed = seed * 1103515245u + 12345u;
			s[i] = signs[(seed >> 16) % (sizeof(signs) - 1)];
		}
		s[sizeof(s) - 1] = '\0';
		read_text(&t, s);
		for (size_t i = 0; s[i]; i++)
			letters += s[i] == 'a' || s[i] == 'b';
		for (int i = 0; i < t.n_runs; i++) {
			for (const char *c = t.runs[i].text; *c; c++)
				shown += *c == 'a' || *c == 'b';
			for (const char *c = t.runs[i].target; c && *c; c++)
				shown += *c == 'a' || *c == 'b';
		}
		for (int i = 0; i < t.n_blocks; i++) {
			for (const char *c = t.blocks[i].code; c && *c; c++)
				shown += *c == 'a' || *c == 'b';
			for (const char *c = t.blocks[i].info; c && *c; c++)
				shown += *c == 'a' || *c == 'b';
		}
		cr_assert_geq(shown, letters, "%zu of %zu letters of:\n%s", shown, letters, s);
		lesson_text_release(&t);
	}
}

Test(words, anchors_are_those_of_git_hosts)
{
	struct lesson_text t;
	struct text a = { 0 };

	read_text(&t, "## What `tl_rope` does, in 2 steps!\n");
	lesson_text_anchor(&t, t.blocks, &a);
	cr_assert_str_eq(a.data, "what-tl_rope-does-in-2-steps");
	text_release(&a);
	lesson_text_release(&t);
}

Test(words, info_strings)
{
	char buf[16];

	cr_assert_str_eq(lesson_info("sh step=see smollm2", "step", buf, sizeof(buf)), "see");
	cr_assert_str_eq(lesson_info("sh step=see smollm2", "smollm2", buf, sizeof(buf)), "");
	cr_assert_null(lesson_info("sh stepper=see", "step", buf, sizeof(buf)));
	cr_assert_null(lesson_info("", "step", buf, sizeof(buf)));
}

/* ---- marks ---------------------------------------------------------------------------------- */

Test(marks, mark_the_word_before)
{
	const char *s =
		"It has 71<!--= SELECT count(*)\nFROM v_span --> calls,\n(**0.50**<!--= sick: SELECT .5 -->), "
		"`L1.h0`<!--$ torchless info -->.\n| 2<!--= SELECT 'a' \\|\\| 'b' --> |\n"
		"`5<!--= no -->`\n```\n6<!--= no -->\n```\n";
	static const struct {
		const char *marked, *trace, *what;
		int line;
		bool is_command;
	} want[] = { { "71", "main", "SELECT count(*)\nFROM v_span", 1, false },
		     { "0.50", "sick", "SELECT .5", 3, false },
		     { "L1.h0", "", "torchless info", 3, true },
		     { "2", "main", "SELECT 'a' || 'b'", 4, false } };
	struct lesson_text t;

	read_text(&t, s);
	cr_assert_eq(t.n_marks, 4);
	for (int i = 0; i < t.n_marks; i++) {
		const struct lesson_mark *m = &t.marks[i];

		cr_assert_eq(m->len, strlen(want[i].marked));
		cr_assert(!memcmp(s + m->at, want[i].marked, m->len));
		cr_assert_str_eq(m->trace, want[i].trace);
		cr_assert_str_eq(m->what, want[i].what);
		cr_assert_eq(m->line, want[i].line);
		cr_assert_eq(m->is_command, want[i].is_command);
	}
	cr_assert_str_eq(words_of(&t, t.blocks[0].runs),
			 "It has 71 calls, (0.50), L1.h0. | 2 | 5<!--= no -->");
	lesson_text_release(&t);
}

/* "" where the text is right, else what it should say. */
static const char *said(const char *shown, const char *value)
{
	static struct text want;

	text_clear(&want);
	text_adds(&want, "");
	return said_is(shown, value, &want) ? "" : want.data;
}

Test(marks, are_numbers_to_the_digits_that_the_text_shows)
{
	cr_assert_str_eq(said("71", "71"), "");
	cr_assert_str_eq(said("71", "72"), "72");
	cr_assert_str_eq(said("99.96", "99.9573"), "");
	cr_assert_str_eq(said("99.96", "99.9773"), "99.98");
	cr_assert_str_eq(said("0.5", "0.25"), "0.2");
	cr_assert_str_eq(said("1,201,536", "1201536"), "");
	cr_assert_str_eq(said("1,201,536", "999"), "999");
	cr_assert_str_eq(said("1,024", "1234567"), "1,234,567");
	cr_assert_str_eq(said("\xe2\x88\x92"
			      "0.50",
			      "-0.25"),
			 "\xe2\x88\x92"
			 "0.25");
	cr_assert_str_eq(said("-0.50", "-0.25"), "-0.25");
	cr_assert_str_eq(said("99.9%", "12.34"), "12.3%");
	cr_assert_str_eq(said("2.6e-04", "0.000261"), "");
	cr_assert_str_eq(said("2.6e-04", "0.0031"), "3.1e-03");
	cr_assert_str_eq(said("~3", "4"), "~4");
}

Test(marks, are_words_to_the_letter)
{
	cr_assert_str_eq(said("box", "box"), "");
	cr_assert_str_eq(said(" box", "box"), "box");
	cr_assert_str_eq(said("model.layers.1", "model.layers.2"), "model.layers.2");
	cr_assert_str_eq(said("null", "3"), "3");
	cr_assert_str_eq(said("3", "nan"), "nan");
}

/* ---- transcripts ---------------------------------------------------------------------------- */

static bool alike(const char *a, const char *b)
{
	return said_alike(a, strlen(a), b, strlen(b));
}

Test(transcripts, lines_within_tolerance)
{
	cr_assert(alike("a  1.234 b", "a 1.2341 b"));
	cr_assert(alike("0.0072", "0.0073"));
	cr_assert(!alike("0.72", "0.75"));
	cr_assert(!alike("count 71", "count 72"));
	cr_assert(!alike("L1", "L2"));
	cr_assert(!alike("a", "a b"));
	cr_assert(alike("a ", "a"));
	cr_assert(!alike("ab", "a b"));
	cr_assert(alike("", ""));
}

Test(transcripts, with_lines_left_out)
{
	cr_assert_eq(transcript_differs("a\nb\n", "a\nb\n"), -1);
	cr_assert_eq(transcript_differs("a\nb\n", "a\nc\n"), 1);
	cr_assert_eq(transcript_differs("a\n", "a\nb\n"), 0);
	cr_assert_eq(transcript_differs("a\nb\n", "a\n"), 1);
	cr_assert_eq(transcript_differs("a\n…\n", "a\nb\nc\n"), -1);
	cr_assert_eq(transcript_differs("…\n", ""), -1);
	cr_assert_eq(transcript_differs("…\nc\n", "a\nb\nc\n"), -1);
	cr_assert_eq(transcript_differs("…\nb\n", "a\nb\nc\n"), 1);
	cr_assert_eq(transcript_differs("a\n…\nc\n…\ne\n", "a\nb\nc\nd\ne\n"), -1);
	cr_assert_eq(transcript_differs("a\n…\nx\n…\ne\n", "a\nb\nc\nd\ne\n"), 2);
	cr_assert_eq(transcript_differs("a\n…\nb\n", "a\nb\n"), -1);
	cr_assert_eq(transcript_differs("", ""), -1);
}

static const char *renewed(const char *shown, const char *printed)
{
	static struct text out;

	text_clear(&out);
	text_adds(&out, "");
	return transcript_renew(shown, printed, &out) ? out.data : NULL;
}

Test(transcripts, are_written_with_the_same_lines_left_out)
{
	cr_assert_str_eq(renewed("a\n", "b\nc\n"), "b\nc\n");
	cr_assert_str_eq(renewed("a\n…\n", "b\nc\nd\n"), "b\n…\n");
	cr_assert_str_eq(renewed("a\n…\nz\n", "b\nc\nd\n"), "b\n…\nd\n");
	cr_assert_null(renewed("a\n…\nz\n", "b\n"));
	cr_assert_null(renewed("a\n…\nm\n…\nz\n", "b\nc\nd\n"));
}

/* ---- pictures ------------------------------------------------------------------------------- */

static bool same(const char *a, const char *b)
{
	struct text of_a = { 0 }, of_b = { 0 };
	bool alike_now;

	text_adds(&of_a, a);
	text_adds(&of_b, b);
	alike_now = pictures_alike(&of_a, &of_b);
	text_release(&of_a);
	text_release(&of_b);
	return alike_now;
}

Test(pictures, are_compared_by_bytes_but_for_times)
{
	cr_assert(same("\x89PNG1", "\x89PNG1"));
	cr_assert(!same("\x89PNG1", "\x89PNG2"));
	cr_assert(!same("<?xml?><g>a</g>", "<?xml?><g>b</g>"));
	cr_assert(same("<?xml?><g x='1'>1.2 % of time</g>", "<?xml?><g x='2'>0.03 % of time</g>"));
	cr_assert(!same("<?xml?><g>1 % of time</g>a", "<?xml?><g>1 % of time</g>b"));
	cr_assert(same("<?xml?><!-- Generated by graphviz version 2\n -->a",
		       "<?xml?><!-- Generated by graphviz version 3\n -->b"));
}
