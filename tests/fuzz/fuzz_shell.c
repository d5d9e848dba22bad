/*
 * fuzz_shell.c -- libFuzzer over the lines of the interactive `torchless query`.
 *
 * An input is what a file of statements and dot commands holds.  It runs against a real recording,
 * with standard input and output of our own; each of its lines is completed too, at its end. Tokens
 * of SQL cover a line without gap or overlap, and no candidate begins behind the cursor.
 */
#include "recording.h"

#include "cli/query/shell.h"
#include "cli/query/sql_lex.h"

#define MAX_LINES 4
#define REOPEN    1024 /* executions between two openings */

static int input_fd;

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	char path[128];

	(void)argc, (void)argv;
	make_recorded();
	snprintf(path, sizeof(path), "%s/input", fuzz_folder);
	input_fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (input_fd < 0 || dup2(input_fd, STDIN_FILENO) < 0 || !freopen("/dev/null", "w", stdout))
		exit(1);
	return 0;
}

/* What the command line would have made. */
static struct invocation an_invocation(void)
{
	struct invocation in = { .command = command_find("query") };

	require(in.command != NULL, "there is a command");
	ui_init(&in.out, stdout, UI_COLOR_NEVER);
	ui_init(&in.err, stderr, UI_COLOR_NEVER);
	in.option[OPT_TIMEOUT] =
		(struct option_value){ .is_set = true, .i = 1, .d = 0.3, .s = "0.3" };
	in.option[OPT_LIMIT] = (struct option_value){ .is_set = true, .i = 50, .s = "50" };
	return in;
}

static void run_lines(struct recording *rec, const uint8_t *data, size_t size)
{
	struct invocation in = an_invocation();
	struct err err = { 0 };

	if (ftruncate(input_fd, 0) || pwrite(input_fd, data, size, 0) != (ssize_t)size ||
	    lseek(STDIN_FILENO, 0, SEEK_SET))
		abort();
	succeeded(query_shell(&in, rec, recorded.path, &(struct query_params){ 0 }, false, &err),
		  &err);
}

/* What names a file is not for a fuzzer, who would write it. */
static bool names_a_file(const uint8_t *data, size_t size)
{
	for (size_t i = 0; i + 1 < size; i++)
		if (data[i] == '.' && data[i + 1] && strchr("or", data[i + 1]))
			return true;
	return false;
}

static void check_tokens(const char *line)
{
	const char *at = line;

	for (struct sql_token t = sql_lex(at); t.type != SQL_END; t = sql_lex(at)) {
		require(t.s == at && t.len > 0 && t.len <= strlen(at), "tokens follow each other");
		at += t.len;
	}
	require(*at == '\0', "tokens cover a line");
	(void)sql_begins(line);
}

static void check_words(const char *line)
{
	struct words w = words_split(line);
	size_t len = 0;

	for (int i = 0; i < w.list.n; i++)
		len += strlen(w.list.list[i]);
	require(len <= strlen(line), "words are in the line");
	name_list_release(&w.list);
}

static void check_completion(struct shell *s, const char *line)
{
	struct candidates found = { 0 };

	query_complete(s, line, "", &found);
	require(found.start <= strlen(line), "candidates begin in the line");
	for (int i = 0; i < found.n; i++)
		require_shown(found.list[i], strlen(found.list[i]));
	candidates_release(&found);
}

/* Names are read once: the shell that completes stays for many inputs. */
static void complete_lines(struct shell *s, struct input in)
{
	for (int i = 0; i < MAX_LINES && in.left; i++) {
		char *line = input_string(&in, '\n');

		check_tokens(line);
		check_words(line);
		check_completion(s, line);
		free(line);
	}
}

static void begin_again(struct shell *s)
{
	static struct invocation in;

	in = an_invocation();
	sql_names_release(&s->names);
	recording_close(s->rec);
	*s = (struct shell){ .in = &in, .path = recorded.path, .limit = -1 };
	s->rec = open_recorded();
	require(s->rec != NULL, "the recording opens");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct shell s;
	static unsigned n;

	if (n++ % REOPEN == 0)
		begin_again(&s);
	if (!names_a_file(data, size))
		run_lines(s.rec, data, size);
	complete_lines(&s, (struct input){ data, size });
	return 0;
}
