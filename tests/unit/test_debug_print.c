/* Values at a stop: what is printed, kept, displayed and examined. */
#include "support/stopped.h"
#include "torchless/expression.h"

static struct stopped s;

static void setup(void)
{
	stopped_open(&s);
	stopped_do(&s, "start");
}

static void teardown(void)
{
	stopped_close(&s);
}

TestSuite(debug_print, .init = setup, .fini = teardown);

static void says(const char *line, const char *text)
{
	const char *said = stopped_do(&s, line);

	cr_assert_str_eq(said, text, "'%s' says \"%s\" and not \"%s\"", line, said, text);
}

static void has(const char *line, const char *text)
{
	const char *said = stopped_do(&s, line);

	cr_assert(strstr(said, text), "'%s' says \"%s\" without \"%s\"", line, said, text);
}

static void fails(const char *line, const char *text)
{
	const char *sentence = stopped_fail(&s, line);

	cr_assert(strstr(sentence, text), "'%s': \"%s\" lacks \"%s\"", line, sentence, text);
}

Test(debug_print, values_are_numbered_and_stay_what_they_were)
{
	says("print 1 + 2", "$1 = 3\n");
	says("p $ * 2", "$2 = 6\n");
	says("p $1", "$3 = 3\n");
	says("p $$", "$4 = 6\n");
	says("p $$3", "$5 = 3\n");
	says("p", "$6 = 3\n");
	says("output 1 / 4.0", "0.25\n");
	says("p in[0]", "$7 = i32[5] [1 17 42 9 33]\n");
	stopped_do(&s, "stepi 2");
	says("p $7", "$8 = i32[5] [1 17 42 9 33]\n");
	fails("p $99", "there is no value $99: the last is $8");
	fails("p $0", "there is no value $0");
	has("info values", "$2 = 6\n");
	has("info values 3", "$3 = 3\n");
}

Test(debug_print, an_old_value_that_made_room_says_so)
{
	struct values *v = values_new();
	struct array_value one = { .kind = ARRAY_WHOLE }, got;

	for (one.whole = 1; one.whole <= 10005; one.whole++)
		cr_assert_eq(values_keep(v, &one, &s.err), one.whole);
	cr_assert_eq(values_find(v, "$5", &got, &s.err), ERR_USAGE);
	cr_assert(strstr(s.err.message, "$5 was dropped"), "%s", s.err.message);
	cr_assert_eq(values_find(v, "$6", &got, &s.err), 1);
	cr_assert_eq(got.whole, 6);
	cr_assert_eq(values_find(v, "token", &got, &s.err), 0);
	values_free(v);
}

Test(debug_print, variables_are_set_and_read)
{
	says("set $x = 2 * 3", "");
	says("print $x + 1", "$1 = 7\n");
	says("set $x = input_ids", "");
	says("print $x[-1]", "$2 = 33\n");
	fails("print $y", "$y has no value: `set $y = EXPRESSION` gives one");
	fails("set $1 = 3", "values $1, $2, ... stay");
	fails("set $x == 3", "a variable is set by");
	fails("set $x = ", "an expression is expected");
	values_set_number(s.d->values, "bpnum", 4);
	says("p $bpnum", "$3 = 4\n");
	says("p token", "$4 = 4\n");
	says("p pos", "$5 = 0\n");
	says("p op", "$6 = 0\n");
	says("p pass", "$7 = 0\n");
	says("p layer", "$8 = -1\n");
	stopped_do(&s, "advance layers.1.mlp");
	says("p layer", "$9 = 1\n");
	says("p tokens", "$10 = i32[5] [1 17 42 9 33]\n");
}

Test(debug_print, letters_say_how)
{
	says("p/x 255", "$1 = 0xff\n");
	says("p/t 5", "$2 = 00000101\n");
	says("p/d 2.7", "$3 = 2\n");
	says("p/f 0.5", "$4 = 0.500000\n");
	has("p/s input_ids", "mean");
	has("p/k input_ids", "42");
	has("p/h input_ids", "max 42");
	fails("p/q 1", "'/q' is no format");
	fails("p/xd 1", "one letter says how");
	fails("p/99999999k 1", "a count is at most");
}

Test(debug_print, errors_point_at_the_place)
{
	fails("print 1 + + (2", "");
	cr_assert(strstr(s.said.data, "  1 + + (2\n"), "%s", s.said.data);
	fails("print in[0][99]", "is not there");
	cr_assert_str_eq(s.said.data, "  in[0][99]\n        ^\n");
	fails("print 7 / 0", "division by zero");
	cr_assert_str_eq(s.said.data, "  7 / 0\n      ^\n");
	fails("print layers.1.mlp", "was not computed yet: it is op ");
}

Test(debug_print, elements_lie_one_after_the_other)
{
	says("x/3 in[0][1]", "[1]:              17              42               9\n");
	says("x", "[4]:              33\n");
	says("p $_", "$1 = 33\n");
	fails("x", "that was the last element: there are 5");
	says("x/2xw in[0]", "[0]:  0x00000001  0x00000011\n");
	text_clear(&s.said);
	cr_assert_eq(debugger_line(s.d, "", LINE_TYPED, &s.err), 0, "%s", s.err.message);
	cr_assert_str_eq(s.said.data, "[2]:  0x0000002a  0x00000009\n");
	fails("x/3s in[0]", "x shows elements");
	fails("x 'a'", "has no elements");
}

Test(debug_print, displays_are_shown_where_one_stops)
{
	says("display op", "1: op = 0\n");
	has("display layers.0.self_attn.pattern", "was not computed\n    yet");
	has("stepi", "1: op = 1\n");
	has("advance layers.0.mlp", "2: layers.0.self_attn.pattern = f32[6,5,5]");
	has("info display", "1: op\n");
	stopped_do(&s, "disable display 1");
	has("info display", "1: op  (disabled)\n");
	stopped_do(&s, "stepi");
	cr_assert(!strstr(s.said.data, "1: op"), "%s", s.said.data);
	stopped_do(&s, "undisplay 1-2");
	says("info display", "Nothing is displayed: `display EXPRESSION`.\n");
	fails("undisplay 1", "there is no display 1");
	fails("undisplay x", "is no number of a display");
	fails("display 1/0", "division by zero");
	fails("display foo", "nothing here is called 'foo'");
	says("info display", "Nothing is displayed: `display EXPRESSION`.\n");
}

Test(debug_print, a_display_that_fails_is_disabled_and_fails_the_command)
{
	stopped_do(&s, "display 6 / (2 - op)");
	stopped_do(&s, "stepi");
	fails("stepi", "which is disabled now: division by zero");
	cr_assert(strstr(s.said.data, "0.2  "), "it stands where it came to: %s", s.said.data);
	stopped_do(&s, "stepi");
	has("info display", "(disabled)");
}

Test(debug_print, types_say_where_a_value_comes_from)
{
	says("whatis layers.0.self_attn.pattern", "type = f32[6, 5, 5]  head, q, k\n");
	has("ptype layers.0.self_attn.pattern", "blocks.0.attn.hook_pattern");
	has("ptype layers.0.self_attn.pattern", "was not computed yet");
	has("ptype layers.0.mlp.up_proj.weight", "read by");
	says("whatis 1 + 1", "type = whole number\n");
	says("whatis 1.5", "type = number\n");
	says("whatis 'a'", "type = text\n");
}

Test(debug_print, a_name_may_lie_ahead_of_a_condition)
{
	static const char *const fine[] = { "absmax(out) > 1", "max(in[0]) > 2",
					    "any(.pattern > 1)", "absmax(pattern) > 2",
					    "lens(0)[3] > 1" };

	for (size_t i = 0; i < sizeof(fine) / sizeof(fine[0]); i++) {
		struct expression *e = expression_parse(fine[i], debugger_names_ahead(s.d), &s.err);

		cr_assert(e != NULL, "%s: %s", fine[i], s.err.message);
		expression_free(e);
	}
	cr_assert(!expression_parse("absmax(nonsense_here)", debugger_names_ahead(s.d), &s.err));
}
