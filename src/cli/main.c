/*
 * main.c -- parses, runs one command, prints the error, chooses the exit status.
 *
 * The only place that exits.  Output that could not be written is an error like any other: stdout
 * is flushed and checked here, after the command.
 */
#include "torchless/called.h"
#include "torchless/cli.h"

#include <stdio.h>

static void on_interrupt(int signal_number)
{
	(void)signal_number;
	interrupted = 1;
}

/* The first Ctrl-C asks the work to end; a second one ends the program. */
static void install_signals(void)
{
	struct sigaction action = { .sa_handler = on_interrupt, .sa_flags = (int)SA_RESETHAND };
	struct sigaction quiet = { .sa_handler = SIG_DFL };

	sigaction(SIGINT, &action, NULL);
	sigaction(SIGPIPE, &quiet, NULL);
	/* A limit on the size of files is a full disk: a sentence, not a signal. */
	quiet.sa_handler = SIG_IGN;
	sigaction(SIGXFSZ, &quiet, NULL);
	tensor_file_report_truncation();
}

static int (*const command_run[])(struct invocation *in, struct err *err) = {
#define COMMAND(name, ...) cmd_##name,
#include "torchless/commands.def"
};

static int dispatch(struct invocation *in, struct err *err)
{
	static const enum ui_color colors[] = { UI_COLOR_AUTO, UI_COLOR_ALWAYS, UI_COLOR_NEVER };
	enum ui_color color = colors[option_int(in, OPT_COLOR, 0)];

	ui_init(&in->out, stdout, color);
	ui_init(&in->err, stderr, color);
	if (option_on(in, OPT_VERSION))
		printf("torchless %s%s%s%s\n", version_number, *version_commit ? " (" : "",
		       version_commit, *version_commit ? ")" : "");
	else if (!in->command || option_on(in, OPT_HELP))
		help_print(&in->out, in->command);
	else
		return command_run[in->command - command_table](in, err);
	return 0;
}

/* The first word of a login shell has a dash of its own. */
static void tell_name(const char *argv0)
{
	struct text word = { 0 };

	if (*argv0 && *argv0 != '-') {
		text_add_shell_word(&word, argv0);
		called_as(word.data);
	}
	text_release(&word);
}

int main(int argc, char **argv)
{
	struct err err = { 0 };
	struct invocation in;
	int r, status;

	install_signals();
	tell_name(argc > 0 ? argv[0] : "");
	r = invocation_parse(&in, argc, argv, &err);
	if (r == 0)
		r = dispatch(&in, &err);
	if (r == 0)
		r = flush_out(&err);
	else
		fflush(stdout); /* what was printed before the failure comes before its sentence */
	status = r ? err_exit_status(r) : in.exit_status;
	invocation_release(&in);
	if (r)
		report_error(&err);
	return status;
}
