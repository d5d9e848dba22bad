/*
 * help.c -- help on the terminal, and `torchless help`.
 */
#include "help.h"
#include "torchless/called.h"

#include <string.h>

#define WRAP     92 /* columns of a line, where there are so many */
#define OPTIONS  28 /* where the explanations of options begin */
#define NARROW   60 /* columns below which they begin below their options instead */
#define BELOW    6
#define COMMANDS 14 /* where those of commands do */

/* Help under way: a text, and how wide its lines are. */
struct page {
	struct text text;
	int width, screen; /* of text, at most WRAP; of the terminal, 0: none */
};

/* Paragraphs (lines of text without a limit), all but the first line `indent` columns in. */
static void add_paragraphs(struct page *p, const char *paragraphs, int indent, int at)
{
	struct text called = { 0 };
	const char *s;

	text_add_called(&called, paragraphs);
	for (s = called.data; *s;) {
		size_t len = strcspn(s, "\n");

		ui_add_wrapped(&p->text, s, len, p->width, indent, at);
		s += len;
		if (!*s)
			break;
		s++;
		text_addf(&p->text, "\n%*s", *s && *s != '\n' ? indent : 0, "");
		at = indent;
	}
	text_addc(&p->text, '\n');
	text_release(&called);
}

/* What stands beside a name that is `n` columns wide, or below it. */
static void add_beside(struct page *p, int n, const char *s)
{
	int column = p->width < NARROW ? BELOW : OPTIONS;

	if (n + 2 > column) {
		text_addc(&p->text, '\n');
		n = 0;
	}
	text_addf(&p->text, "%*s", column - n, "");
	add_paragraphs(p, s, column, column);
}

static void add_option(struct page *p, const struct option *o)
{
	size_t from = p->text.len;

	text_adds(&p->text, "  ");
	text_addf(&p->text, o->letter ? "-%c" : "    ", o->letter);
	if (o->letter && o->name)
		text_adds(&p->text, ", ");
	if (o->name)
		text_addf(&p->text, "--%s", o->name);
	if (o->kind == OPTION_CHOICE)
		text_addf(&p->text, " %s", o->choices);
	else if (o->arg)
		text_addf(&p->text, " %s", o->arg);
	add_beside(p, (int)(p->text.len - from), o->help);
}

static void add_shell(struct page *p, const struct inner_command *c)
{
	text_addf(&p->text, "\n%s:\n", help_inner_title(c));
	for (; c->name; c++) {
		size_t from = p->text.len;

		text_addf(&p->text, "  %s %s", c->name, c->args);
		add_beside(p, (int)(p->text.len - from), c->doc);
	}
}

static void add_usage(struct page *p, const struct command *c)
{
	struct text usage = { 0 };

	text_addf(&usage, "usage: %s %s [OPTIONS]%s%s\n\n", called_name(), c->name,
		  *c->help->args ? " " : "", c->help->args);
	ui_add_wrapped(&p->text, usage.data, usage.len, p->width, 7, 0);
	text_release(&usage);
}

static void add_summary(struct page *p, const char *summary)
{
	struct text line = { 0 };

	text_addf(&line, "%s.\n", summary);
	add_paragraphs(p, line.data, 0, 0);
	text_release(&line);
}

/* A command as it is typed. */
static void add_typed(struct page *p, const char *s, size_t len)
{
	struct text line = { 0 };

	text_add_called_line(&line, s, len);
	text_adds(&p->text, "  ");
	ui_add_command(&p->text, line.data ? line.data : "", line.len, p->screen, 6, 2);
	text_addc(&p->text, '\n');
	text_release(&line);
}

static void add_command(struct page *p, const struct command *c)
{
	add_summary(p, c->help->summary);
	add_usage(p, c);
	add_paragraphs(p, c->help->details, 0, 0);
	text_adds(&p->text, "\noptions:\n");
	for (int id = 0; id < OPT_COUNT; id++)
		if (command_has(c, (enum option_id)id))
			add_option(p, &option_table[id]);
	if (c->shell)
		add_shell(p, c->shell);
	text_adds(&p->text, "\nexamples:\n");
	for (const char *e = c->help->examples; *e;) {
		size_t len = strcspn(e, "\n");

		add_typed(p, e, len);
		e += len + (e[len] == '\n');
	}
}

static void add_overview(struct page *p)
{
	static const char more[] =
		"\n`torchless COMMAND --help` explains one, with examples.  To begin:\n";
	struct text usage = { 0 };

	add_summary(p, help_summary);
	text_addf(&usage, "usage: %s COMMAND [OPTIONS] [ARGUMENTS]\n\n", called_name());
	ui_add_wrapped(&p->text, usage.data, usage.len, p->width, 7, 0);
	text_release(&usage);
	for (int i = 0; i < command_table_len; i++) {
		text_addf(&p->text, "  %-*s", COMMANDS - 2, command_table[i].name);
		add_paragraphs(p, command_table[i].help->summary, COMMANDS, COMMANDS);
	}
	add_paragraphs(p, more, 0, 0);
	add_typed(p, help_first, strlen(help_first));
}

void help_print(const struct ui *ui, const struct command *c)
{
	struct page page = { .width = ui->width > 0 && ui->width < WRAP ? ui->width : WRAP,
			     .screen = ui->width };
	struct ui_pager pager;

	if (c)
		add_command(&page, c);
	else
		add_overview(&page);
	ui_pager_open(&pager, ui);
	ui_write(&pager.ui, page.text.data, page.text.len);
	ui_pager_close(&pager);
	text_release(&page.text);
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
