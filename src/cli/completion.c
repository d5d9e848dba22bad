/*
 * completion.c -- completion scripts for bash, zsh and fish, written from the tables.
 *
 * Commands, options and words to choose from are in the script; points and saved queries are asked
 * of torchless itself when they are needed, since they depend on the model and the recording.
 */
#include "torchless/cli.h"

#include <string.h>

static const char points_command[] = "torchless info --points 2>/dev/null | cut -f1";
static const char queries_command[] = "torchless query --list 2>/dev/null | cut -f1";

static void print_options(const struct command *c, bool with_value_only)
{
	for (int id = 0; id < OPT_COUNT; id++) {
		const struct option *o = &option_table[id];

		if ((c && !command_has(c, (enum option_id)id)) || (with_value_only && !o->arg))
			continue;
		if (o->letter)
			printf(" -%c", o->letter);
		if (o->name)
			printf(" --%s", o->name);
	}
}

/* "-m|--model|-o": the case pattern of every option that is completed in this way. */
static bool print_pattern(enum complete complete, int only)
{
	bool any = false;

	for (int id = 0; id < OPT_COUNT; id++) {
		const struct option *o = &option_table[id];

		if (only >= 0 ? id != only : o->complete != complete)
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
	print_pattern(COMPLETE_FILE, -1);
	printf(")\n\t\tCOMPREPLY=($(compgen -f -- \"$cur\")); return ;;\n\t");
	print_pattern(COMPLETE_POINT, -1);
	printf(")\n\t\tCOMPREPLY=($(compgen -W \"$(%s)\" -- \"$cur\")); return ;;\n",
	       points_command);
	for (int id = 0; id < OPT_COUNT; id++) {
		if (option_table[id].kind != OPTION_CHOICE)
			continue;
		printf("\t");
		print_pattern(COMPLETE_NONE, id);
		printf(")\n\t\tCOMPREPLY=($(compgen -W \"");
		print_words(option_table[id].choices);
		printf("\" -- \"$cur\")); return ;;\n");
	}
	printf("\tesac\n");
}

static void bash_script(void)
{
	printf("# Completion of torchless for bash.\n"
	       "_torchless() {\n"
	       "\tlocal cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} cmd= w\n"
	       "\tfor w in \"${COMP_WORDS[@]:1:COMP_CWORD-1}\"; do\n"
	       "\t\t[[ $w != -* ]] && { cmd=$w; break; }\n"
	       "\tdone\n");
	bash_values();
	printf("\tcase $cmd in\n");
	for (int i = 0; i < command_table_len; i++) {
		const struct command *c = &command_table[i];

		printf("\t%s)\n\t\tif [[ $cur == -* ]]; then COMPREPLY=($(compgen -W \"", c->name);
		print_options(c, false);
		printf("\" -- \"$cur\"))\n");
		if (c->complete == COMPLETE_QUERY)
			printf("\t\telse COMPREPLY=($(compgen -W \"$(%s)\" -- \"$cur\"))\n",
			       queries_command);
		if (c->run == cmd_completion)
			printf("\t\telse COMPREPLY=($(compgen -W \"bash zsh fish\" -- "
			       "\"$cur\"))\n");
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

static void fish_script(void)
{
	printf("# Completion of torchless for fish.\ncomplete -c torchless -f\n");
	for (int i = 0; i < command_table_len; i++) {
		const struct command *c = &command_table[i];

		printf("complete -c torchless -n __fish_use_subcommand -a %s -d ", c->name);
		print_quoted(c->summary);
		putchar('\n');
		for (int id = 0; id < OPT_COUNT; id++)
			if (command_has(c, (enum option_id)id))
				fish_option(c, &option_table[id]);
		if (c->complete == COMPLETE_QUERY)
			printf("complete -c torchless -n '__fish_seen_subcommand_from %s' -a "
			       "'(%s)'\n",
			       c->name, queries_command);
		if (c->run == cmd_completion)
			printf("complete -c torchless -n '__fish_seen_subcommand_from %s' "
			       "-a 'bash zsh fish'\n",
			       c->name);
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
		       "there is no completion for '%s': it is written for bash, zsh "
		       "and fish",
		       in->args[0]);
}
