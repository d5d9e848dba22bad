/*
 * help_markdown.c -- the manual as Markdown: docs/cli.md.
 */
#include "help.h"

#include <string.h>

/* Angle brackets and pipes mean something in Markdown tables. */
static void print_markdown(FILE *out, const char *text)
{
	for (; *text; text++) {
		if (strchr("<>|*_", *text))
			fputc('\\', out);
		fputc(*text, out);
	}
}

/* Those that a command adds, NULL: those that every command has. */
static void markdown_options(FILE *out, const struct command *c)
{
	fprintf(out, "| option | meaning |\n|---|---|\n");
	for (int id = 0; id < OPT_COUNT; id++) {
		const struct option *o = &option_table[id];
		const char *arg = o->kind == OPTION_CHOICE ? o->choices : o->arg;

		if (!(c ? command_adds(c, (enum option_id)id)
			: option_is_everywhere((enum option_id)id)))
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

static void markdown_shell(FILE *out, const struct inner_command *c)
{
	fprintf(out, "| %s | meaning |\n|---|---|\n", help_inner_title(c));
	for (; c->name; c++) {
		fprintf(out, "| `%s%s", c->name, *c->args ? " " : "");
		for (const char *arg = c->args; *arg; arg++)
			fprintf(out, "%s%c", *arg == '|' ? "\\" : "", *arg);
		fprintf(out, "` | ");
		print_markdown(out, c->doc);
		fprintf(out, " |\n");
	}
	fputc('\n', out);
}

static void markdown_facts(FILE *out, const char *heading, const struct help_fact *f,
			   const char *quote)
{
	fprintf(out, "| %s | meaning |\n|---|---|\n", heading);
	for (; f->name; f++)
		fprintf(out, "| %s%s%s | %s |\n", quote, f->name, quote, f->meaning);
	fputc('\n', out);
}

static void markdown_command(FILE *out, const struct command *c)
{
	fprintf(out, "## torchless %s\n\n%s.\n\n```\n", c->name, c->help->summary);
	fprintf(out, "torchless %s [OPTIONS]%s%s\n", c->name, *c->help->args ? " " : "",
		c->help->args);
	fprintf(out, "```\n\n");
	print_markdown(out, c->help->details);
	fprintf(out, "\n\n");
	if (*c->options != OPT_COUNT)
		markdown_options(out, c);
	if (c->shell)
		markdown_shell(out, c->shell);
	fprintf(out, "```sh\n%s\n```\n\n", c->help->examples);
}

void help_markdown(FILE *out)
{
	fprintf(out,
		"# The command line\n\n"
		"Made by `make docs` from the texts in `src/cli/help`, the list of commands in\n"
		"`include/torchless/commands.def` and the table of options in `src/cli/options.c`.\n"
		"The same as pages for `man`: `make man`. Commands are those of an installed program: in\n"
		"the project's folder a path stands before the name, as in README.md.\n\n"
		"%s\n\n",
		help_output);
	markdown_facts(out, "exit status", help_exits, "");
	markdown_facts(out, "variable", help_variables, "`");
	fprintf(out, "Every command has these options:\n\n");
	markdown_options(out, NULL);
	for (int i = 0; i < command_table_len; i++)
		markdown_command(out, &command_table[i]);
}
