/*
 * completion.c -- completion scripts for bash, zsh and fish, written from the tables.
 *
 * Commands, options and words to choose from are in the script; points and saved queries are asked
 * of torchless itself when they are needed, since they depend on the model and the recording.
 */
#include "torchless/cli.h"

#include <string.h>

static const char points_command[] = "torchless info --points 2>/dev/null | cut -f1";
/* The saved queries of the recording $file, and the parameters of the one called $name, as KEY=. */
#define SAVED "torchless query -t \"$file\" --list 2>/dev/null | "
static const char names_command[] = SAVED "cut -f1";
static const char questions_command[] = SAVED "cut -f1,2";
static const char parameters_command[] =
	SAVED "awk -F'\\t' -v n=\"$name\" "
	      "'$1 == n { gsub(/=[^ ]*/, \"=\", $3); gsub(/ /, \"\\n\", $3); print $3 }'";

static void print_options(const struct command *c)
{
	for (int id = 0; id < OPT_COUNT; id++) {
		const struct option *o = &option_table[id];

		if (!command_has(c, (enum option_id)id))
			continue;
		if (o->letter)
			printf(" -%c", o->letter);
		if (o->name)
			printf(" --%s", o->name);
	}
}

static bool completes(const struct option *o, int how)
{
	return (int)o->complete == how;
}

static bool is_option(const struct option *o, int id)
{
	return o == &option_table[id];
}

static bool takes_value(const struct option *o, int unused)
{
	(void)unused;
	return o->arg || o->kind == OPTION_CHOICE;
}

/* "-m|--model|-o": the case pattern of the options that match. */
static bool print_pattern(bool (*matches)(const struct option *o, int x), int x)
{
	bool any = false;

	for (int id = 0; id < OPT_COUNT; id++) {
		const struct option *o = &option_table[id];

		if (!matches(o, x))
			continue;
		if (o->letter)
			printf("%s-%c", any ? "|" : "", o->letter), any = true;
		if (o->name)
			printf("%s--%s", any ? "|" : "", o->name), any = true;
	}
	return any;
}

static void print_words(const char *choices)
{
	for (; *choices; choices++)
		putchar(*choices == '|' ? ' ' : *choices);
}

/* ---- bash, and zsh through bashcompinit ---------------------------------------------------- */

static void bash_values(void)
{
	printf("\tcase $prev in\n\t");
	print_pattern(completes, COMPLETE_FILE);
	printf(")\n\t\tlocal IFS=$'\\n'\n"
	       "\t\tCOMPREPLY=($(compgen -f -- \"$cur\"))\n"
	       "\t\tcompopt -o filenames 2>/dev/null\n"
	       "\t\treturn ;;\n\t");
	print_pattern(completes, COMPLETE_POINT);
	printf(")\n\t\tCOMPREPLY=($(compgen -W \"$(%s)\" -- \"$cur\")); return ;;\n",
	       points_command);
	for (int id = 0; id < OPT_COUNT; id++) {
		if (option_table[id].kind != OPTION_CHOICE)
			continue;
		printf("\t");
		print_pattern(is_option, id);
		printf(")\n\t\tCOMPREPLY=($(compgen -W \"");
		print_words(option_table[id].choices);
		printf("\" -- \"$cur\")); return ;;\n");
	}
	printf("\tesac\n");
}

/* $cmd, the first word that is no option or its value, $name, the second, and $file of -t. */
static void bash_words(void)
{
	printf("\tfor ((i = 1; i < COMP_CWORD; i++)); do\n"
	       "\t\tcase ${COMP_WORDS[i]} in\n\t\t");
	print_pattern(is_option, OPT_TRACE);
	printf(")\n\t\t\t((i++))\n"
	       "\t\t\t[[ ${COMP_WORDS[i]} == = ]] && ((i++))\n"
	       "\t\t\tfile=${COMP_WORDS[i]/#~\\//$HOME/} ;;\n\t\t");
	print_pattern(takes_value, 0);
	printf(")\n\t\t\t((i++))\n"
	       "\t\t\t[[ ${COMP_WORDS[i]} == = ]] && ((i++)) ;;\n"
	       "\t\t-*) ;;\n"
	       "\t\t*)\n\t\t\tif [[ -z $cmd ]]; then cmd=${COMP_WORDS[i]}\n"
	       "\t\t\telif [[ -z $name ]]; then name=${COMP_WORDS[i]}; fi ;;\n"
	       "\t\tesac\n\tdone\n");
}

/* A saved query of the recording, then its parameters, behind which no space goes. */
static void bash_query(void)
{
	printf("\t\telif [[ -z $name ]]; then COMPREPLY=($(compgen -W \"$(%s)\" -- \"$cur\"))\n"
	       "\t\telif [[ $cur != = && $prev != = ]]; then\n"
	       "\t\t\tCOMPREPLY=($(compgen -W \"$(%s)\" -- \"$cur\"))\n"
	       "\t\t\tcompopt -o nospace 2>/dev/null\n",
	       names_command, parameters_command);
}

static void bash_script(void)
{
	printf("# Completion of torchless for bash.\n"
	       "_torchless() {\n"
	       "\tlocal cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]}\n"
	       "\tlocal cmd='' name='' file=trace.db i\n");
	bash_words();
	bash_values();
	printf("\tcase $cmd in\n");
	for (int i = 0; i < command_table_len; i++) {
		const struct command *c = &command_table[i];

		printf("\t%s)\n\t\tif [[ $cur == -* ]]; then COMPREPLY=($(compgen -W \"", c->name);
		print_options(c);
		printf("\" -- \"$cur\"))\n");
		if (c->complete == COMPLETE_QUERY)
			bash_query();
		if (c->complete == COMPLETE_ARGS) {
			printf("\t\telse COMPREPLY=($(compgen -W \"");
			print_words(c->help->args);
			printf("\" -- \"$cur\"))\n");
		}
		printf("\t\tfi ;;\n");
	}
	printf("\t*)\n\t\tCOMPREPLY=($(compgen -W \"");
	for (int i = 0; i < command_table_len; i++)
		printf("%s ", command_table[i].name);
	printf("--help --version\" -- \"$cur\")) ;;\n\tesac\n}\n"
	       "complete -F _torchless torchless\n");
}

static void zsh_script(void)
{
	printf("#compdef torchless\n"
	       "autoload -U +X bashcompinit && bashcompinit\n");
	bash_script();
}

/* ---- fish ---------------------------------------------------------------------------------- */

/* A phrase as a fish string: single quotes, with ' and \ escaped. */
static void print_quoted(const char *s)
{
	putchar('\'');
	for (; *s; s++) {
		if (*s == '\'' || *s == '\\')
			putchar('\\');
		putchar(*s);
	}
	putchar('\'');
}

static void fish_option(const struct command *c, const struct option *o)
{
	printf("complete -c torchless -n '__fish_seen_subcommand_from %s'", c->name);
	if (o->letter)
		printf(" -s %c", o->letter);
	if (o->name)
		printf(" -l %s", o->name);
	if (o->arg)
		printf(" -r");
	if (o->complete == COMPLETE_FILE)
		printf(" -F");
	if (o->complete == COMPLETE_POINT)
		printf(" -a '(%s)'", points_command);
	if (o->kind == OPTION_CHOICE) {
		printf(" -a '");
		print_words(o->choices);
		printf("'");
	}
	printf(" -d ");
	print_quoted(o->help);
	putchar('\n');
}

/* Saved queries with their questions, or the parameters of the one that is there. */
static void fish_query(void)
{
	printf("function __torchless_query\n"
	       "\tset -l file trace.db\n\tset -l name ''\n\tset -l seen 0\n"
	       "\tset -l words (commandline -opc)\n"
	       "\tset -l i 2\n"
	       "\twhile test $i -le (count $words)\n"
	       "\t\tswitch $words[$i]\n"
	       "\t\t\tcase -t --trace\n"
	       "\t\t\t\tset i (math $i + 1)\n"
	       "\t\t\t\ttest $i -le (count $words); and set file $words[$i]\n"
	       "\t\t\tcase '--trace=*'\n"
	       "\t\t\t\tset file (string replace -- --trace= '' $words[$i])\n"
	       "\t\t\tcase");
	for (int id = 0; id < OPT_COUNT; id++) {
		const struct option *o = &option_table[id];

		if (id == OPT_TRACE || !takes_value(o, 0))
			continue;
		if (o->letter)
			printf(" -%c", o->letter);
		if (o->name)
			printf(" --%s", o->name);
	}
	printf("\n\t\t\t\tset i (math $i + 1)\n"
	       "\t\t\tcase '-*'\n"
	       "\t\t\tcase '*'\n"
	       "\t\t\t\tset seen (math $seen + 1)\n"
	       "\t\t\t\ttest $seen -eq 2; and set name $words[$i]\n"
	       "\t\tend\n"
	       "\t\tset i (math $i + 1)\n"
	       "\tend\n"
	       "\tif test -z \"$name\"\n\t\t%s\n\telse\n\t\t%s\n\tend\nend\n",
	       questions_command, parameters_command);
}

static void fish_script(void)
{
	printf("# Completion of torchless for fish.\ncomplete -c torchless -f\n");
	fish_query();
	for (int i = 0; i < command_table_len; i++) {
		const struct command *c = &command_table[i];

		printf("complete -c torchless -n __fish_use_subcommand -a %s -d ", c->name);
		print_quoted(c->help->summary);
		putchar('\n');
		for (int id = 0; id < OPT_COUNT; id++)
			if (command_has(c, (enum option_id)id))
				fish_option(c, &option_table[id]);
		if (c->complete == COMPLETE_QUERY)
			printf("complete -c torchless -n '__fish_seen_subcommand_from %s' -a '(__torchless_query)'\n",
			       c->name);
		if (c->complete == COMPLETE_ARGS) {
			printf("complete -c torchless -n '__fish_seen_subcommand_from %s' -a '",
			       c->name);
			print_words(c->help->args);
			printf("'\n");
		}
	}
}

int cmd_completion(struct invocation *in, struct err *err)
{
	static const struct {
		const char *shell;
		void (*print)(void);
	} scripts[] = { { "bash", bash_script }, { "zsh", zsh_script }, { "fish", fish_script } };

	for (size_t i = 0; i < sizeof(scripts) / sizeof(scripts[0]); i++)
		if (!strcmp(scripts[i].shell, in->args[0])) {
			scripts[i].print();
			return 0;
		}
	return err_set(err, ERR_USAGE,
		       "there is no completion for '%s': it is written for bash, zsh and fish",
		       in->args[0]);
}
