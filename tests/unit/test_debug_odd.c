/*
 * test_debug_odd.c -- what fuzzers and people who break things have found in the debugger.
 */
#include "support/stopped.h"

static struct stopped s;

static void open_it(void)
{
	stopped_open(&s);
}

static void close_it(void)
{
	stopped_close(&s);
}

TestSuite(debug_odd, .init = open_it, .fini = close_it, .timeout = 120);

static bool is_shown(const char *text)
{
	for (; *text; text++)
		if ((unsigned char)*text < ' ' && *text != '\n' && *text != '\t')
			return false;
	return true;
}

Test(debug_odd, nothing_that_was_typed_reaches_a_terminal_raw)
{
	static const char *const lines[] = { "echo \033[31mred\\n", "apropos \033]0;title\007",
					     "echo \xff\xc2\x9b" };

	for (int i = 0; i < 2; i++) {
		s.ui.color = i == 1;
		for (size_t k = 0; k < sizeof(lines) / sizeof(lines[0]); k++) {
			const char *said = stopped_do(&s, lines[k]);

			/* A colour by itself does no harm where there are colours. */
			if (i == 0 || k != 0)
				cr_expect(is_shown(said), "%s", lines[k]);
			cr_expect(!strstr(said, "\xc2\x9b") && !strchr(said, '\xff'));
		}
	}
	s.ui.color = false;
	cr_expect_str_eq(stopped_do(&s, "echo \\tä → b\\n"), "\tä → b\n");
}

Test(debug_odd, a_word_without_end_is_not_repeated_whole)
{
	char *line = mem_calloc(1 << 20, 1);

	memset(line, 'x', (1 << 20) - 1);
	cr_expect_lt(strlen(stopped_fail(&s, line)), 200u);
	memset(line, '(', (1 << 20) - 1);
	cr_expect_lt(strlen(stopped_fail(&s, line)), 200u);
	memcpy(line, "apropos ", 8);
	cr_expect_lt(strlen(stopped_do(&s, line)), 200u);
	memcpy(line, " record ", 8); /* compares it with no name of points */
	cr_expect_lt(strlen(stopped_fail(&s, line)), 400u);
	free(line);
}

Test(debug_odd, what_a_display_was_told_is_no_failure_of_the_line)
{
	stopped_do(&s, "display/s out");
	stopped_do(&s, "stepi");
	cr_expect_eq(s.err.code, 0);
	cr_expect_str_empty(s.err.message);
}

/* The lines of places. */
static void walk(const char *line, int n, struct text *places)
{
	for (int i = 0; i < n; i++)
		text_adds(places, stopped_do(&s, line));
}

Test(debug_odd, back_by_ops_stands_where_forward_by_ops_stood)
{
	struct text forward = { 0 }, back = { 0 };
	const char *at, *end;
	int n = 3 * s.d->program->n_ops;

	stopped_do(&s, "start");
	walk("stepi", n, &forward);
	stopped_do(&s, "stepi");
	walk("reverse-stepi", n, &back);
	/* Each place of the way back is the one before it of the way forward. */
	at = forward.data + forward.len - 1;
	for (const char *line = back.data; at > forward.data; line = end + 1) {
		const char *begin = at;

		while (*line == 'R') /* "Running pass 1 again" */
			line = strchr(line, '\n') + 1;
		end = strchr(line, '\n');
		while (begin > forward.data && begin[-1] != '\n')
			begin--;
		cr_assert(end - line == at - begin && !strncmp(line, begin, (size_t)(end - line)),
			  "%.*s and %.*s", (int)(end - line), line, (int)(at - begin), begin);
		at = begin - 1;
	}
	text_release(&forward);
	text_release(&back);
}

Test(debug_odd, going_to_the_sampler_is_going_to_the_next_one)
{
	stopped_do(&s, "start ab aab");
	cr_expect(strstr(stopped_do(&s, "goto sampler"), "sampler, step 0"));
	stopped_do(&s, "goto tokenizer");
	cr_expect(strstr(stopped_fail(&s, "goto sampler"), "`advance sampler`"));
}
