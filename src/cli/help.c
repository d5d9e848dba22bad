/*
 * help.c -- help on the terminal, and `torchless help`.
 */
#include "help.h"
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
	fprintf(out, "torchless %s [OPTIONS]%s%s\n", c->name, *c->help->args ? " " : "",
		c->help->args);
}

static void print_shell(FILE *out, const struct inner_command *c)
{
	const int column = 28;

	fprintf(out, "\nin the shell:\n");
	for (; c->name; c++) {
		int n = fprintf(out, "  %s %s", c->name, c->args);

		if (n + 2 > column) {
			fputc('\n', out);
			n = 0;
		}
		fprintf(out, "%*s", column - n, "");
		print_wrapped(out, c->doc, column, column);
	}
}

static void print_command(FILE *out, const struct command *c)
{
	fprintf(out, "%s.\n\nusage: ", c->help->summary);
	print_usage(out, c);
	fputc('\n', out);
	print_wrapped(out, c->help->details, 0, 0);
	fprintf(out, "\noptions:\n");
	for (int id = 0; id < OPT_COUNT; id++)
		if (command_has(c, (enum option_id)id))
			print_option(out, &option_table[id]);
	if (c->shell)
		print_shell(out, c->shell);
	fprintf(out, "\nexamples:\n");
	for (const char *e = c->help->examples; *e;) {
		size_t len = strcspn(e, "\n");

		fprintf(out, "  %.*s\n", (int)len, e);
		e += len + (e[len] == '\n');
	}
}

static void print_overview(FILE *out)
{
	fprintf(out, "%s.\n\nusage: torchless COMMAND [OPTIONS] [ARGUMENTS]\n\n", help_summary);
	for (int i = 0; i < command_table_len; i++)
		fprintf(out, "  %-12s%s\n", command_table[i].name, command_table[i].help->summary);
	fprintf(out, "\n`torchless COMMAND --help` explains one, with examples.  To begin:\n\n");
	fprintf(out, "  %s\n", help_first);
}

void help_print(const struct ui *ui, const struct command *c)
{
	struct ui_pager p;

	ui_pager_open(&p, ui);
	if (c)
		print_command(p.ui.out, c);
	else
		print_overview(p.ui.out);
	ui_pager_close(&p);
}

int cmd_help(struct invocation *in, struct err *err)
{
	const struct command *c = in->n_args ? command_find(in->args[0]) : NULL;
	const char *near;

	if (options_exclusive(in, err, OPT_MARKDOWN, OPT_MAN))
		return err->code;
	if (in->n_args && !c && !option_on(in, OPT_MARKDOWN)) {
		near = nearest_command(in->args[0]);
		return err_set(err, ERR_USAGE, "there is no command '%s'%s%s%s", in->args[0],
			       near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
	}
	if (option_on(in, OPT_MARKDOWN))
		help_markdown(stdout);
	else if (option_on(in, OPT_MAN))
		help_man(stdout, c);
	else
		help_print(&in->out, c);
	return 0;
}
