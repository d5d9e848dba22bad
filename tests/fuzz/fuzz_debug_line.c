/*
 * fuzz_debug_line.c -- libFuzzer over what stands in a line of the debugger: which command it is,
 * counts, formats, moments, locations, what sets breakpoints, and completion.
 *
 * A location that is shown reads back as the same; a moment too; and breakpoints that are saved are
 * set again by what was saved.  The program stands still, in the middle of its second pass.
 */
#include "debugged.h"

#define MAX_LINES 6
#define REOPEN    512 /* executions between two openings */

static struct debugged g;

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc, (void)argv;
	debugged_begin(&g);
	return 0;
}

static void begin_again(unsigned how)
{
	if (g.d)
		debugged_close(&g);
	debugged_open(&g, how);
	debugged_line(&g, "goto 1.20", LINE_SCRIPT);
}

static void check_location(const char *text)
{
	struct location a, b;
	struct err err = { 0 };
	int r = location_parse(g.d, text, &a, &err);

	if (!succeeded(r, &err))
		return;
	require(a.text.data && a.text.len, "a location has a text");
	require_shown(a.text.data, a.text.len);
	r = location_parse(g.d, a.text.data, &b, &err);
	require(r >= 0, "and it reads back");
	require(a.kind == b.kind && a.token == b.token, "as the same");
	require(!strcmp(a.text.data, b.text.data), "with the same text");
	if (a.kind == LOCATION_OPS)
		require(!memcmp(a.depth, b.depth,
				((size_t)g.d->program->n_ops + 1) * sizeof(*a.depth)),
			"at the same ops");
	location_release(&a);
	location_release(&b);
}

static void check_moment(const char *text)
{
	struct moment m, again;
	char buf[64];

	if (!moment_parse(g.d->program, text, &m))
		return;
	moment_format(&m, buf, sizeof(buf));
	require(moment_parse(g.d->program, buf, &again), "a moment reads back");
	require(moment_compare(&m, &again) == 0, "as the same");
}

static void check_parts(const char *args)
{
	struct print_format f;
	struct err err = { 0 };
	int64_t n = 0;

	if (succeeded(parse_count(args, &n, &err), &err))
		require(n >= 1, "a count counts");
	err = (struct err){ 0 };
	succeeded(print_format_parse(&args, true, &f, &err), &err);
	require(f.count >= 0 || err.code, "a format counts");
}

/* What sets stops and shows them, and moves nothing. */
static bool stands_still(const struct debug_command *c)
{
	return c->class == CLASS_STOPS || c->class == CLASS_SUPPORT || c->class == CLASS_STATUS ||
	       c->class == CLASS_FILES;
}

static void check_line(char *line)
{
	const char *s = line + strspn(line, " \t");
	struct err err = { 0 };
	const struct debug_command *c = command_lookup(&s, &err);

	require(!c == (err.code < 0), "what is no command is explained");
	check_location(line);
	check_moment(line);
	check_parts(line);
	debugged_complete(&g, line);
	if (!c) {
		require_sentence(&err);
		return;
	}
	require(s >= line && s <= line + strlen(line), "arguments stand in the line");
	check_location(s);
	check_parts(s);
	debugged_tame(line);
	if (stands_still(c) || lines_taken(g.d->queue))
		debugged_line(&g, line, LINE_SCRIPT);
}

/* What was saved sets as many again. */
static void check_saved(void)
{
	int n = breakpoints_last(g.d), again;

	debugged_line(&g, "info breakpoints", LINE_SCRIPT);
	if (debugged_line(&g, "save breakpoints saved", LINE_SCRIPT) < 0 || access("saved", R_OK))
		return; /* nothing to save */
	debugged_line(&g, "delete", LINE_SCRIPT);
	require(debugged_line(&g, "source saved", LINE_SCRIPT) >= 0, "what was saved can be read");
	again = breakpoints_last(g.d);
	require(again >= n, "and numbers go on");
	unlink("saved");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static unsigned n, last;
	struct input in = { data, size };
	unsigned how = input_byte(&in) & 0x81; /* the target, and signs */
	struct err err = { 0 };

	debugged_enter(&g);
	if (n++ % REOPEN == 0 || how != last)
		begin_again(how);
	last = how;
	for (int i = 0; i < MAX_LINES && in.left; i++) {
		char *line = input_string(&in, '\n');

		check_line(line);
		free(line);
	}
	succeeded(debugger_end_lines(g.d, &err), &err);
	check_saved();
	debugged_line(&g, "delete", LINE_SCRIPT);
	debugged_line(&g, "undisplay", LINE_SCRIPT);
	debugged_leave(&g);
	if (g.d->quit)
		n = 0;
	return 0;
}
