/*
 * fuzz_debug_session.c -- libFuzzer over whole sessions of the debugger.
 *
 * The first byte chooses what is debugged and on what screen, the rest are lines as a person types
 * them or a script holds them.  Whatever they are, each is done or refused with a sentence, nothing
 * raw is said, the session stands, and where it stands is told the same way twice.
 *
 * Inputs are mutated by lines too: one moves, comes twice, goes, or is another one's arguments.
 */
#include "debugged.h"

#define MAX_LINES 40

static struct debugged g;

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc, (void)argv;
	debugged_begin(&g);
	return 0;
}

/* ---- mutation ------------------------------------------------------------------------------ */

/* The i-th line of a script, with its end; its length. */
static size_t nth_line(const uint8_t *data, size_t size, unsigned i, const uint8_t **line)
{
	size_t at = 0, len = 0;

	for (unsigned k = 0; k <= i && at + len < size; k++) {
		const uint8_t *end;

		at += len;
		end = memchr(data + at, '\n', size - at);
		len = end ? (size_t)(end - data) - at + 1 : size - at;
	}
	*line = data + at;
	return len;
}

static unsigned count_lines(const uint8_t *data, size_t size)
{
	unsigned n = 1;

	for (size_t i = 0; i + 1 < size; i++)
		n += data[i] == '\n';
	return n;
}

/* Lines that reach far, for where one is put in. */
static const char *any_command(unsigned seed)
{
	const char *example = debug_commands[seed % (unsigned)debug_commands_len].example;

	return example && *example ? example : "continue";
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed)
{
	struct text t = { 0 };
	const uint8_t *line, *other;
	size_t len, n, head, out;
	unsigned k;

	if (size < 2 || seed % 3 == 0)
		return LLVMFuzzerMutate(data, size, max_size);
	k = count_lines(data + 1, size - 1);
	len = nth_line(data + 1, size - 1, seed / 16 % k, &line);
	head = (size_t)(line - data);
	n = nth_line(data + 1, size - 1, seed / 4096 % k, &other);
	text_add(&t, data, head);
	switch (seed / 3 % 4) {
	case 0: /* another line before it */
		text_add(&t, other, n);
		text_add(&t, line, size - head);
		break;
	case 1: /* without it */
		text_add(&t, line + len, size - head - len);
		break;
	case 2: /* a command before it */
		text_addf(&t, "%s\n", any_command(seed / 64));
		text_add(&t, line, size - head);
		break;
	default: /* its command with another one's arguments */
		while (len > 0 && *line != ' ' && *line != '\n') {
			text_addc(&t, (char)*line++);
			len--;
		}
		while (n > 0 && *other != ' ' && *other != '\n') {
			other++;
			n--;
		}
		text_add(&t, other, n);
		text_add(&t, line + len, size - (size_t)(line - data) - len);
	}
	out = t.len < max_size ? t.len : max_size;
	memcpy(data, t.data, out);
	text_release(&t);
	return out;
}

/* ---- a session ----------------------------------------------------------------------------- */

/* The place is a function of the moment: said twice, it is the same. */
static void check_place(void)
{
	struct text first = { 0 };

	if (!g.d->target->has_begun || lines_taken(g.d->queue))
		return;
	if (debugged_line(&g, "where 1", LINE_SCRIPT) < 0)
		return;
	text_add(&first, g.said.data ? g.said.data : "", g.said.len);
	debugged_line(&g, "where 1", LINE_SCRIPT);
	require(first.len == g.said.len && !memcmp(first.data, g.said.data, first.len),
		"a place is told the same way twice");
	text_release(&first);
}

static void run_lines(struct input *in)
{
	for (int i = 0; i < MAX_LINES && in->left; i++) {
		char *line = input_string(in, '\n');

		debugged_tame(line);
		if (i % 8 == 0)
			debugged_complete(&g, line);
		if (debugged_line(&g, line, i % 2 ? LINE_TYPED : LINE_SCRIPT) == DEBUGGER_QUIT)
			in->left = 0;
		free(line);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = { data, size };
	struct err err = { 0 };

	debugged_enter(&g);
	debugged_open(&g, input_byte(&in));
	run_lines(&in);
	succeeded(debugger_end_lines(g.d, &err), &err);
	check_place();
	debugged_close(&g);
	debugged_leave(&g);
	return 0;
}
