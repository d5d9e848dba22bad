/*
 * help_man.c -- the manual as pages for man(1): torchless(1) and torchless-<command>(1).
 *
 * The macros of man(7), which groff and mandoc both read.  Whatever is text goes through
 * add_text(): in roff a backslash, a dot or a quote at the beginning of a line, and a hyphen that a
 * person wants to copy, are not themselves.
 */
#include "help.h"

#include <ctype.h>
#include <string.h>

/* What stands for a character that roff reads as something else; NULL: itself. */
static const char *escape(char c)
{
	static const struct {
		char c;
		const char *roff;
	} escapes[] = {
		{ '\\', "\\e" },  { '-', "\\-" },   { '\'', "\\(aq" }, { '"', "\\(dq" },
		{ '`', "\\(ga" }, { '^', "\\(ha" }, { '~', "\\(ti" },
	};

	for (size_t i = 0; i < sizeof(escapes) / sizeof(escapes[0]); i++)
		if (escapes[i].c == c)
			return escapes[i].roff;
	return NULL;
}

/* Characters as they are; at the beginning of a line "\&" keeps a dot from being a request. */
static void add_text(FILE *out, const char *s, size_t len)
{
	if (len > 0 && *s == '.')
		fputs("\\&", out);
	for (size_t i = 0; i < len; i++) {
		const char *roff = escape(s[i]);

		if (roff)
			fputs(roff, out);
		else
			fputc(s[i], out);
	}
}

static void add_font(FILE *out, char font, const char *s, size_t len)
{
	fprintf(out, "\\f%c", font);
	add_text(out, s, len);
	fprintf(out, "\\fR");
}

static void add_bold(FILE *out, const char *s)
{
	add_font(out, 'B', s, strlen(s));
}

/* A line of running text; what stands in backquotes is bold. */
static void add_line(FILE *out, const char *s, size_t len)
{
	for (size_t i = 0, n; i < len; i += n) {
		const char *close = s[i] == '`' ? memchr(s + i + 1, '`', len - i - 1) : NULL;

		if (close) {
			n = (size_t)(close - (s + i)) + 1;
			add_font(out, 'B', s + i + 1, n - 2);
			continue;
		}
		for (n = 1; i + n < len && s[i + n] != '`';)
			n++;
		add_text(out, s + i, n);
	}
	fputc('\n', out);
}

/* Lines that are not empty, as paragraphs behind a heading. */
static void add_paragraphs(FILE *out, const char *s)
{
	for (bool first = true; *s; first = false) {
		size_t len = strcspn(s, "\n");

		if (!first)
			fprintf(out, ".PP\n");
		add_line(out, s, len);
		s += len + strspn(s + len, "\n");
	}
}

/* Lines that one types. */
static void add_example(FILE *out, const char *s)
{
	fprintf(out, ".EX\n");
	while (*s) {
		size_t len = strcspn(s, "\n");

		add_text(out, s, len);
		fputc('\n', out);
		s += len + (s[len] == '\n');
	}
	fprintf(out, ".EE\n");
}

/* ---- sections ----------------------------------------------------------------------------- */

/* The command is NULL on the page of torchless itself. */
static void add_title(FILE *out, const struct command *c, const char *summary)
{
	fprintf(out, ".TH \"TORCHLESS");
	for (const char *s = c ? c->name : ""; *s; s++)
		fprintf(out, "%s%c", s == c->name ? "\\-" : "", toupper((unsigned char)*s));
	fprintf(out, "\" 1 \"\" \"torchless %s\" \"torchless manual\"\n", version_number);
	/* Neither hyphens that were not written nor spaces to fill a line. */
	fprintf(out, ".nh\n.ad l\n.SH NAME\ntorchless%s%s \\- ", c ? "\\-" : "", c ? c->name : "");
	fputc(islower((unsigned char)summary[1]) ? tolower((unsigned char)*summary) : *summary,
	      out);
	add_line(out, summary + 1, strlen(summary + 1));
}

static void add_option(FILE *out, const struct option *o)
{
	const char *arg = o->kind == OPTION_CHOICE ? o->choices : o->arg;
	char name[64];

	fprintf(out, ".TP\n");
	snprintf(name, sizeof(name), "-%c", o->letter);
	if (o->letter)
		add_bold(out, name);
	snprintf(name, sizeof(name), "--%s", o->name ? o->name : "");
	if (o->letter && o->name)
		fprintf(out, ", ");
	if (o->name)
		add_bold(out, name);
	if (arg) {
		fputc(' ', out);
		add_font(out, 'I', arg, strlen(arg));
	}
	fputc('\n', out);
	add_line(out, o->help, strlen(o->help));
}

/* Those of a command, NULL: those that every command has. */
static void add_options(FILE *out, const struct command *c)
{
	fprintf(out, ".SH OPTIONS\n");
	for (int id = 0; id < OPT_COUNT; id++)
		if (c ? command_has(c, (enum option_id)id)
		      : option_is_everywhere((enum option_id)id))
			add_option(out, &option_table[id]);
}

static void add_facts(FILE *out, const char *heading, const struct help_fact *f)
{
	fprintf(out, ".SH %s\n", heading);
	for (; f->name; f++) {
		fprintf(out, ".TP\n");
		add_bold(out, f->name);
		fputc('\n', out);
		add_line(out, f->meaning, strlen(f->meaning));
	}
}

static void add_shell(FILE *out, const struct inner_command *c)
{
	fprintf(out, ".SH ");
	for (const char *s = help_inner_title(c); *s; s++)
		fputc(*s >= 'a' && *s <= 'z' ? *s - 'a' + 'A' : *s, out);
	fputc('\n', out);
	for (; c->name; c++) {
		fprintf(out, ".TP\n");
		add_bold(out, c->name);
		fprintf(out, "%s", *c->args ? " " : "");
		add_text(out, c->args, strlen(c->args));
		fputc('\n', out);
		add_line(out, c->doc, strlen(c->doc));
	}
}

/* ---- pages -------------------------------------------------------------------------------- */

static void print_command(FILE *out, const struct command *c)
{
	add_title(out, c, c->help->summary);
	fprintf(out, ".SH SYNOPSIS\n\\fBtorchless %s\\fR [\\fIOPTIONS\\fR]", c->name);
	fprintf(out, "%s", *c->help->args ? " " : "");
	add_text(out, c->help->args, strlen(c->help->args));
	fprintf(out, "\n.SH DESCRIPTION\n");
	add_paragraphs(out, c->help->details);
	add_options(out, c);
	if (c->shell)
		add_shell(out, c->shell);
	fprintf(out, ".SH EXAMPLES\n");
	add_example(out, c->help->examples);
	fprintf(out, ".SH SEE ALSO\n\\fBtorchless\\fR(1)\n");
}

static void print_overview(FILE *out)
{
	add_title(out, NULL, help_summary);
	fprintf(out,
		".SH SYNOPSIS\n\\fBtorchless\\fR \\fICOMMAND\\fR [\\fIOPTIONS\\fR] [\\fIARGUMENTS\\fR]\n"
		".SH DESCRIPTION\n");
	add_paragraphs(out, help_output);
	fprintf(out, ".SH COMMANDS\n");
	for (int i = 0; i < command_table_len; i++) {
		const struct command *c = &command_table[i];

		fprintf(out, ".TP\n\\fBtorchless\\-%s\\fR(1)\n", c->name);
		add_line(out, c->help->summary, strlen(c->help->summary));
	}
	add_options(out, NULL);
	add_facts(out, "EXIT STATUS", help_exits);
	add_facts(out, "ENVIRONMENT", help_variables);
	fprintf(out, ".SH EXAMPLES\n");
	add_example(out, help_first);
}

void help_man(FILE *out, const struct command *c)
{
	if (c)
		print_command(out, c);
	else
		print_overview(out);
}
