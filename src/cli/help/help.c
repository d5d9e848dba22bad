/*
 * help.c -- help on the terminal and docs/cli.md, both from the tables.
 */
#include "../query/shell.h"
#include "torchless/cli.h"
#include "torchless/utf8.h"

#include <string.h>

#define WRAP 92

/* Print paragraphs (lines of text without a limit) wrapped, with `indent` spaces before each line.
 */
static void print_wrapped(FILE *out, const char *text, int indent, int column)
{
	while (*text) {
		size_t len = strcspn(text, " \n");

		if (column > indent && column + 1 + (int)len > WRAP) {
			fprintf(out, "\n%*s", indent, "");
			column = indent;
		} else if (column > indent) {
			fputc(' ', out);
			column++;
		}
		fwrite(text, 1, len, out);
		column += utf8_width(text, len);
		text += len;
		if (*text == '\n') {
			fprintf(out, "\n%*s", indent, "");
			column = indent;
		}
		text += *text != '\0';
	}
	fputc('\n', out);
}

static int print_name(FILE *out, const struct option *o)
{
	int n = fprintf(out, o->letter ? "-%c" : "    ", o->letter);

	if (o->letter && o->name)
		n += fprintf(out, ", ");
	if (o->name)
		n += fprintf(out, "--%s", o->name);
	if (o->kind == OPTION_CHOICE)
		n += fprintf(out, " %s", o->choices);
	else if (o->arg)
		n += fprintf(out, " %s", o->arg);
	return n;
}

static void print_option(FILE *out, const struct option *o)
{
	const int column = 28;
	int n = fprintf(out, "  ") + print_name(out, o);

	if (n + 2 > column) {
		fputc('\n', out);
		n = 0;
	}
	fprintf(out, "%*s", column - n, "");
	print_wrapped(out, o->help, column, column);
}

static void print_usage(FILE *out, const struct command *c)
{
	fprintf(out, "torchless %s [OPTIONS]%s%s\n", c->name, *c->args ? " " : "", c->args);
}

static void print_dot_commands(FILE *out)
{
	const int column = 28;

	fprintf(out, "\nin the shell:\n");
	for (int i = 0; i < dot_commands_len; i++) {
		const struct dot_command *d = &dot_commands[i];
		int n = fprintf(out, "  .%s %s", d->name, d->args);

		if (n + 2 > column) {
			fputc('\n', out);
			n = 0;
		}
		fprintf(out, "%*s", column - n, "");
		print_wrapped(out, d->doc, column, column);
	}
}

void help_command(FILE *out, const struct command *c)
{
	fprintf(out, "%s.\n\nusage: ", c->summary);
	print_usage(out, c);
	fputc('\n', out);
	print_wrapped(out, c->details, 0, 0);
	fprintf(out, "\noptions:\n");
	for (int id = 0; id < OPT_COUNT; id++)
		if (command_has(c, (enum option_id)id))
			print_option(out, &option_table[id]);
	if (c->run == cmd_query)
		print_dot_commands(out);
	fprintf(out, "\nexamples:\n");
	for (const char *e = c->examples; *e;) {
		size_t len = strcspn(e, "\n");

		fprintf(out, "  %.*s\n", (int)len, e);
		e += len + (e[len] == '\n');
	}
}

void help_overview(FILE *out)
{
	fprintf(out,
		"Run a language model, record every step of its forward pass, and look inside.\n\n"
		"usage: torchless COMMAND [OPTIONS] [ARGUMENTS]\n\n");
	for (int i = 0; i < command_table_len; i++)
		fprintf(out, "  %-12s%s\n", command_table[i].name, command_table[i].summary);
	fprintf(out, "\n`torchless COMMAND --help` explains one, with examples.  To begin:\n\n"
		     "  torchless trace \"The capital of France is\"\n");
}

/* ---- docs/cli.md -------------------------------------------------------------------------- */

/* Angle brackets and pipes mean something in Markdown tables. */
static void print_markdown(FILE *out, const char *text)
{
	for (; *text; text++) {
		if (strchr("<>|*_", *text))
			fputc('\\', out);
		fputc(*text, out);
	}
}

static void markdown_options(FILE *out, uint64_t options)
{
	fprintf(out, "| option | meaning |\n|---|---|\n");
	for (int id = 0; id < OPT_COUNT; id++) {
		const struct option *o = &option_table[id];
		const char *arg = o->kind == OPTION_CHOICE ? o->choices : o->arg;

		if (!(options >> id & 1))
			continue;
		fprintf(out, "| `");
		if (o->letter)
			fprintf(out, "-%c", o->letter);
		if (o->name)
			fprintf(out, "%s--%s", o->letter ? ", " : "", o->name);
		for (fputs(arg ? " " : "", out); arg && *arg; arg++)
			fprintf(out, "%s%c", *arg == '|' ? "\\" : "", *arg);
		fprintf(out, "` | ");
		print_markdown(out, o->help);
		fprintf(out, " |\n");
	}
	fputc('\n', out);
}

static void markdown_dot_commands(FILE *out)
{
	fprintf(out, "| in the shell | meaning |\n|---|---|\n");
	for (int i = 0; i < dot_commands_len; i++) {
		const struct dot_command *d = &dot_commands[i];

		fprintf(out, "| `.%s%s", d->name, *d->args ? " " : "");
		for (const char *arg = d->args; *arg; arg++)
			fprintf(out, "%s%c", *arg == '|' ? "\\" : "", *arg);
		fprintf(out, "` | ");
		print_markdown(out, d->doc);
		fprintf(out, " |\n");
	}
	fputc('\n', out);
}

static void markdown_command(FILE *out, const struct command *c)
{
	fprintf(out, "## torchless %s\n\n%s.\n\n```\n", c->name, c->summary);
	print_usage(out, c);
	fprintf(out, "```\n\n");
	print_markdown(out, c->details);
	fprintf(out, "\n\n");
	if (c->options)
		markdown_options(out, c->options);
	if (c->run == cmd_query)
		markdown_dot_commands(out);
	fprintf(out, "```sh\n%s\n```\n\n", c->examples);
}

void help_markdown(FILE *out)
{
	fprintf(out,
		"# The command line\n\n"
		"Made by `make docs` from the table of commands in `src/cli/commands.c` and the "
		"table of options in\n`src/cli/options.c`.\n\n"
		"Results go to stdout, everything else to stderr; a stdout that is no terminal "
		"carries data only.\nAn error is one sentence that begins `torchless: `, a warning "
		"begins `torchless: warning: `.\n\n"
		"| exit status | meaning |\n|---|---|\n"
		"| 0 | done |\n"
		"| 1 | the answer is no: `trace --stop-on` was met |\n"
		"| 2 | usage, or input that is not what it claims to be |\n"
		"| 3 | environment: file, disk, memory, missing tool |\n"
		"| 130 | interrupted |\n\n"
		"| variable | meaning |\n|---|---|\n"
		"| `TORCHLESS_MODEL` | the model to open without `--model`, instead of the one that comes with torchless |\n"
		"| `TORCHLESS_KERNELS` | the kernels to compute with: `avx2`, or `ref`, the plain "
		"loops that define the rest |\n"
		"| `NO_COLOR` | no colour |\n\n"
		"Every command has these options:\n\n");
	markdown_options(out, OPTIONS_EVERYWHERE);
	for (int i = 0; i < command_table_len; i++)
		markdown_command(out, &command_table[i]);
}

int cmd_help(struct invocation *in, struct err *err)
{
	const struct command *c = in->n_args ? command_find(in->args[0]) : NULL;
	const char *near;

	if (option_on(in, OPT_MARKDOWN)) {
		help_markdown(stdout);
	} else if (c) {
		help_command(stdout, c);
	} else if (in->n_args) {
		near = nearest_command(in->args[0]);
		return err_set(err, ERR_USAGE, "there is no command '%s'%s%s%s", in->args[0],
			       near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
	} else {
		help_overview(stdout);
	}
	return 0;
}
