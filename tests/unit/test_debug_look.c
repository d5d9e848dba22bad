/* Commands that look: everywhere, with NaN, in every width, and what they leave alone. */
#include "debug/look/look.h"
#include "support/stopped.h"
#include "torchless/utf8.h"

#include <math.h>

static struct stopped s;

static void setup(void)
{
	stopped_open(&s);
}

static void teardown(void)
{
	stopped_close(&s);
}

TestSuite(debug_look, .init = setup, .fini = teardown);

static void says(const char *line, const char *part)
{
	const char *said = stopped_do(&s, line);

	cr_assert(strstr(said, part), "%s: \"%s\" lacks \"%s\"", line, said, part);
}

static void fails(const char *line, const char *part)
{
	const char *said = stopped_fail(&s, line);

	cr_assert(strstr(said, part), "%s: \"%s\" lacks \"%s\"", line, said, part);
}

static const char *const commands[] = {
	"stats L0.resid_mid",
	"hist L0.resid_mid 5 -1:1 --log",
	"heat L0.resid_mid --map seq --range 0:2",
	"heat L0.attn.pattern",
	"topk 3 L0.resid_mid --abs",
	"topk L0.attn.pattern[head=0]",
	"lens",
	"lens all 1 mid",
	"lens 0 4 pos 1 mid",
	"lens embed",
	"logits",
	"logits 3 1",
	"logits --diff",
	"attn",
	"attn 1",
	"attn 1.5",
	"attn L1.H5 -1",
	"attn 0.2 --keys",
	"attn 0 --keys",
	"attrib",
	"attrib 17 vs 4 pos 0 --layers --top 3",
	"tokens",
	"tokens -2:",
	"kv",
	"kv 1",
	"tensors",
	"tensors -n resid -s absmax -r",
	"tensors -f 'absmax(x) > 3' -k 3",
	"tensors -f inf",
	"inputs -r lm_head",
	"inputs L0.attn.z",
	"outputs -r embed_tokens",
	"origin L1.resid_post[pos=-1]",
	"origin L1.attn.pattern",
};
#define N_COMMANDS (sizeof(commands) / sizeof(commands[0]))

/* No line is longer than the screen, and none ends in spaces. */
static void check_lines(const char *command, const char *said)
{
	while (*said) {
		size_t len = strcspn(said, "\n");
		int width = utf8_width(said, len);

		cr_assert_leq(width, 80, "%s: %d columns in '%.*s'", command, width, (int)len,
			      said);
		cr_assert(len == 0 || said[len - 1] != ' ', "%s: '%.*s'", command, (int)len, said);
		cr_assert_eq(said[len], '\n', "%s: the last line has no end", command);
		said += len + 1;
	}
}

Test(debug_look, lines_fit_and_time_stands)
{
	static const char *const marks[] = { "…", "→", "←", "█", "░", "│", "├", "▸", "·" };
	struct moment at;

	stopped_do(&s, "start");
	stopped_do(&s, "goto 0.47");
	at = s.d->target->now;
	for (size_t i = 0; i < N_COMMANDS; i++)
		for (int utf8 = 0; utf8 < 2; utf8++) {
			const char *said;

			s.ui.utf8 = utf8 != 0;
			said = stopped_do(&s, commands[i]);
			cr_assert(*said || strstr(commands[i], "tensors"), "%s says nothing",
				  commands[i]);
			check_lines(commands[i], said);
			for (size_t k = 0; k < sizeof(marks) / sizeof(marks[0]) && !utf8; k++)
				cr_assert(!strstr(said, marks[k]), "%s: %s", commands[i], said);
			cr_assert_eq(moment_compare(&at, &s.d->target->now), 0, "%s moved",
				     commands[i]);
		}
}

/* Whatever there is where one stands, a command answers or says what is missing. */
Test(debug_look, everywhere_an_answer_or_a_sentence)
{
	static const char *const places[] = { "start",    "goto 0.12", "goto 0.30",
					      "goto 1.0", "goto 2.25", "continue" };

	for (size_t i = 0; i < N_COMMANDS; i++) {
		struct err err = { 0 };
		int r = debugger_line(s.d, commands[i], LINE_TYPED, &err);

		cr_assert(r >= 0 || (r == ERR_USAGE && *err.message), "%s: %d %s", commands[i], r,
			  err.message);
	}
	for (size_t p = 0; p < sizeof(places) / sizeof(places[0]); p++) {
		stopped_do(&s, places[p]);
		for (size_t i = 0; i < N_COMMANDS; i++) {
			struct err err = { 0 };
			int r = debugger_line(s.d, commands[i], LINE_TYPED, &err);

			cr_assert(r >= 0 || (r == ERR_USAGE && *err.message), "%s at %s: %d %s",
				  commands[i], places[p], r, err.message);
		}
	}
}

static void edit(const char *point, enum edit_kind kind, float arg)
{
	struct session *session = &live_recorder(s.d->target)->generation.session;
	struct edit e = {
		.value = program_find(s.d->program, point), .kind = kind, .arg = arg, .pass_to = -1
	};

	cr_assert_geq(e.value, 0, "%s", point);
	cr_assert_eq(
		selection_parse(&e.sel, "", value_axes(&s.d->program->values[e.value]), &s.err), 0);
	cr_assert_gt(session_add_edit(session, &e, &s.err), 0, "%s", s.err.message);
}

Test(debug_look, what_is_not_a_number_is_said_and_shown)
{
	edit("model.layers.0:resid_mid", EDIT_SET, NAN);
	stopped_do(&s, "start");
	stopped_do(&s, "goto 0.47");
	for (size_t i = 0; i < N_COMMANDS; i++) {
		struct err err = { 0 };
		int r = debugger_line(s.d, commands[i], LINE_TYPED, &err);

		cr_assert(r >= 0 || r == ERR_USAGE, "%s: %d %s", commands[i], r, err.message);
	}
	says("stats L0.resid_mid", "165 NaN");
	says("lens", "every logit is NaN");
	says("logits", "101 of 101 logits are NaN");
	says("tensors -f nan", "L0.resid_mid");
	says("attrib 5", "nan");
	fails("attrib", "every logit is NaN: name a token");
	says("origin L1.resid_post", "NaN");
}

Test(debug_look, an_edit_is_seen_by_all)
{
	stopped_do(&s, "start");
	stopped_do(&s, "goto 0.47");
	says("logits --diff", "The logits are the same, bit for bit.");
	edit("lm_head.weight", EDIT_SCALE, 3);
	stopped_do(&s, "goto 0.47");
	says("logits --diff", "→");
	says("logits --diff", "nats");
	says("attrib", "rounding                 +0.000");
	edit("model.layers.1:resid_mid", EDIT_ADD, 1);
	stopped_do(&s, "goto 0.47");
	says("attrib 7 --top 100", "edited: L1.resid_mid");
	says("attrib 7 --top 100", "rounding                 +0.000");
	says("last L1.resid_mid", "Edit 2 (add) changes what this op makes.");
}

static double number_behind(const char *said, const char *word)
{
	const char *at = strstr(said, word);

	cr_assert(at != NULL, "no '%s' in %s", word, said);
	return strtod(at + strlen(word), NULL);
}

/* The answer that the lens gives of the last layer is that of the logits. */
Test(debug_look, the_last_layer_answers_as_the_logits)
{
	double by_lens, by_logits;

	stopped_do(&s, "start");
	stopped_do(&s, "goto 0.47");
	for (int pos = 0; pos < 5; pos++) {
		char line[48];

		snprintf(line, sizeof(line), "lens 1 1 pos %d", pos);
		by_lens = number_behind(stopped_do(&s, line), "\n   1");
		snprintf(line, sizeof(line), "logits 1 %d", pos);
		by_logits = number_behind(stopped_do(&s, line), "\n   1");
		cr_assert_eq(by_lens, by_logits);
	}
}

Test(debug_look, what_is_interrupted_says_so)
{
	static const char *const long_ones[] = { "lens",           "attrib", "tensors -s std",
						 "origin lm_head", "tokens", "logits --diff" };
	volatile sig_atomic_t interrupted = 0;

	stopped_do(&s, "start");
	stopped_do(&s, "goto 0.47");
	s.d->opt.interrupted = &interrupted;
	interrupted = 1;
	for (size_t i = 0; i < sizeof(long_ones) / sizeof(long_ones[0]); i++) {
		struct err err = { 0 };

		cr_assert_eq(debugger_line(s.d, long_ones[i], LINE_TYPED, &err), ERR_INTERRUPTED,
			     "%s: %s", long_ones[i], err.message);
	}
	interrupted = 0;
	says("lens", "rank");
}

Test(debug_look, refusals)
{
	static const char *const cases[][2] = {
		{ "lens 99", "'99' is no layer" },
		{ "lens 0 0", "'0' is no count" },
		{ "lens 1 2 3", "one word too many" },
		{ "lens pos", "pos takes a position" },
		{ "lens pos 4000", "no token at position 4000" },
		{ "lens --foo", "no option here: --matrix a file" },
		{ "lens --matrix", "--matrix takes a file" },
		{ "attn 9", "'9' is no layer" },
		{ "attn 0.9", "'9' is no head" },
		{ "attn .", "is no layer" },
		{ "attn 0.1 99", "no token at position 99" },
		{ "attrib 99999", "the vocabulary has 101" },
		{ "attrib 99999999999999999999", "the vocabulary has 101" },
		{ "attrib 1 2", "one word too many" },
		{ "attrib 1 vs", "vs takes a token" },
		{ "attrib zzzzzz", "no token alone" },
		{ "attrib ''", "no token alone" },
		{ "attrib '", "no token alone" },
		{ "attrib 1 --top 0", "'0' is no count" },
		{ "logits x", "'x' is no count" },
		{ "logits 1 2 3", "one word too many" },
		{ "tokens 99", "no tokens 99" },
		{ "tokens 3:1", "no tokens 3:1" },
		{ "tokens :", "" },
		{ "kv 7", "'7' is no layer" },
		{ "tensors -s size", "no key" },
		{ "tensors -n (", "regular expression" },
		{ "tensors -n ''", "regular expression" },
		{ "tensors -f x+", "expected" },
		{ "tensors -f x", "any(), all() or count()" },
		{ "tensors foo", "one word too many" },
		{ "hist L0.resid_mid 0", "1 to 1000 bins" },
		{ "heat L0.resid_mid --map jet", "div, seq or auto" },
		{ "heat L0.resid_mid --range 3:1", "no range" },
		{ "topk 0 L0.resid_mid", "1 to 1000 elements" },
		{ "last input_ids", "no op writes it" },
		{ "last model.norm.weight", "no op writes it" },
		{ "origin model.norm.weight", "no op writes it" },
		{ "inputs nothing", "nothing" },
	};

	stopped_do(&s, "start");
	stopped_do(&s, "goto 0.47");
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		if (*cases[i][1])
			fails(cases[i][0], cases[i][1]);
	stopped_do(&s, "goto 1.10");
	fails("attn 0.1 2", "position 2 is not in this pass, which holds 5 to 5: `token 2`");
}

/* ---- arguments ----------------------------------------------------------------------------- */

Test(debug_look, options_stand_anywhere_but_in_quotes_and_brackets)
{
	struct look_option o[] = { { .name = "--map", .takes = "a map" }, { .name = "-r" }, { 0 } };
	struct text rest = { 0 };

	cr_assert_eq(
		look_options("x[a -r] --map div - y '-r' \"--map\" -r (b --map)", o, &rest, &s.err),
		0);
	cr_assert_str_eq(rest.data, "x[a -r] - y '-r' \"--map\" (b --map)");
	cr_assert(o[0].given && o[1].given);
	cr_assert_str_eq(o[0].word.data, "div");
	look_options_release(o);
	text_release(&rest);
}

Test(debug_look, numbers_are_cut_off_expressions_only_where_they_are_none)
{
	static const struct {
		const char *text, *rest;
		int64_t n;
	} cases[] = {
		{ "x 10", "x", 10 },
		{ "x - 10", "x - 10", -1 },
		{ "x[0, 10]", "x[0, 10]", -1 },
		{ "x * 10", "x * 10", -1 },
		{ "10", "10", -1 },
		{ "x[1]  7", "x[1]", 7 },
		{ "x 1.5", "x 1.5", -1 },
		{ "max(x, 10)", "max(x, 10)", -1 },
		{ "x 'a 10", "x 'a 10", -1 },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct text t = { 0 };
		int64_t n = -1;

		text_adds(&t, cases[i].text);
		if (!look_cut_number(&t, &n))
			n = -1;
		cr_assert_eq(n, cases[i].n, "%s: %lld", cases[i].text, (long long)n);
		cr_assert_str_eq(t.data, cases[i].rest);
		text_release(&t);
	}
}

Test(debug_look, the_largest_of_what_may_be_nan)
{
	const float x[] = { 1, NAN, 3, 3, -INFINITY, INFINITY, 2 };
	int64_t at[8];
	double p[7];

	cr_assert_eq(largest(x, 7, 8, at), 6);
	cr_assert_eq(at[0], 5);
	cr_assert_eq(at[1], 2);
	cr_assert_eq(at[2], 3);
	cr_assert_eq(at[5], 4);
	cr_assert_eq(largest(x, 7, 2, at), 2);
	cr_assert_eq(rank_of(x, 7, 3), 3);
	cr_assert_eq(rank_of(x, 7, 1), 0);
	softmax_f64((const float[]){ 0, -INFINITY, 0 }, 3, p);
	cr_assert_float_eq(p[0], 0.5, 1e-12);
	cr_assert_eq(p[1], 0);
}
