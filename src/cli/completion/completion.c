/*
 * completion.c -- completion scripts for bash, zsh and fish.
 *
 * A script is a template with @PLACEHOLDERS@ for what the tables know: commands, options, words to
 * choose from.  What only a file knows, saved queries and points, the scripts ask for when Tab is
 * pressed (names.c).
 */
#include "completion.h"
#include "../query/query.h"

#include <string.h>

/* The templates bash.in, zsh.in and fish.in beside this file. */
extern const char bash_in[], zsh_in[], fish_in[];

/* ---- words and phrases --------------------------------------------------------------------- */

/* The words of "a|b|c". */
static void print_words(const char *choices)
{
	for (; *choices; choices++)
		putchar(*choices == '|' ? ' ' : *choices);
}

/* The inside of single quotes, in which zsh and bash know no escape. */
static void print_inside(const char *s, const char *escaped)
{
	for (; *s; s++) {
		if (strchr(escaped, *s))
			putchar('\\');
		if (*s == '\'')
			printf("'\\''");
		else
			putchar(*s);
	}
}

/* A phrase as a fish string: single quotes, with ' and \ escaped. */
static void print_fish(const char *s)
{
	putchar('\'');
	for (; *s; s++) {
		if (*s == '\'' || *s == '\\')
			putchar('\\');
		putchar(*s);
	}
	putchar('\'');
}

/* ---- kinds of values ----------------------------------------------------------------------- */

/*
 * What each kind stands for: what `torchless completion` is asked for, and the endings of the files
 * that fit, separated by spaces ("": of any).  NULL: none.  Those without either are nobody's to
 * know, or are told by a function of their own.
 */
static const struct value_kind {
	const char *asks, *endings;
} value_kinds[COMPLETE_COUNT] = {
	[COMPLETE_FILE] = { NULL, "" },
	[COMPLETE_MODEL] = { NULL, ".safetensors .gguf" },
	[COMPLETE_RECORDING] = { NULL, ".db" },
	[COMPLETE_JSONL] = { NULL, ".jsonl" },
	[COMPLETE_NPY] = { NULL, ".npy" },
	[COMPLETE_PNG] = { NULL, ".png" },
	[COMPLETE_CSV] = { NULL, ".csv" },
	[COMPLETE_COMPARED] = { NULL, ".db .safetensors .gguf" },
	[COMPLETE_POINT] = { "points", NULL },
	[COMPLETE_POINT_OR_RECORDING] = { "points", ".db" },
	[COMPLETE_CAPTURE] = { "captures", NULL },
	[COMPLETE_MODULE] = { "modules", NULL },
	[COMPLETE_LAYER] = { "layers", NULL },
	[COMPLETE_DEBUGGER] = { "debugger", NULL },
};

static void print_file_keys(const char *between)
{
	for (int i = 0; query_file_keys[i]; i++)
		printf("%s%s", i ? between : "", query_file_keys[i]);
}

static void recording_parameters(void)
{
	print_file_keys("|");
}

static void recording_parameter_words(void)
{
	print_file_keys(" ");
}

/* ---- sets of options ----------------------------------------------------------------------- */

static bool completes(const struct option *o, int how)
{
	return (int)o->complete == how;
}

static bool is_option(const struct option *o, int id)
{
	return o == &option_table[id];
}

static bool takes_value(const struct option *o, int expected)
{
	return (o->kind != OPTION_FLAG) == expected;
}

/* Whether another command has a flag of that name: its command tells whether a value follows. */
static bool is_ambiguous(const struct option *o)
{
	for (int id = 0; id < OPT_COUNT; id++)
		if (o->kind != OPTION_FLAG && option_table[id].kind == OPTION_FLAG && o->name &&
		    option_table[id].name && !strcmp(option_table[id].name, o->name))
			return true;
	return false;
}

/* Whether an option before it has its name, and takes a value as well: said once is enough. */
static bool is_said(const struct option *o)
{
	for (const struct option *before = option_table; before < o; before++)
		if (before->kind != OPTION_FLAG && before->name && o->name &&
		    !strcmp(before->name, o->name))
			return true;
	return false;
}

static bool takes_value_anywhere(const struct option *o, int expected)
{
	return takes_value(o, expected) && !is_ambiguous(o) && !is_said(o);
}

/* "-m|--model|-o": the options that match, with what stands between them. */
static void print_options(bool (*matches)(const struct option *o, int x), int x,
			  const char *between)
{
	const char *before = "";

	for (int id = 0; id < OPT_COUNT; id++) {
		const struct option *o = &option_table[id];

		if (!matches(o, x))
			continue;
		if (o->letter)
			printf("%s-%c", before, o->letter), before = between;
		if (o->single_dash)
			printf("%s-%s", before, o->name), before = between;
		if (o->name)
			printf("%s--%s", before, o->name), before = between;
	}
}

/* "mton": the letters of the options with a value, or without. */
static void print_letters(bool with_value)
{
	for (int id = 0; id < OPT_COUNT; id++)
		if (option_table[id].letter && takes_value(&option_table[id], with_value))
			putchar(option_table[id].letter);
}

static void value_options(void)
{
	print_options(takes_value_anywhere, true, "|");
}

static void value_words(void)
{
	print_options(takes_value_anywhere, true, " ");
}

/* "show:--csv": a command, and an option that takes a value there and nowhere else. */
static void print_own_options(const char *between)
{
	const char *before = "";

	for (int i = 0; i < command_table_len; i++)
		for (int id = 0; id < OPT_COUNT; id++) {
			if (!command_has(&command_table[i], (enum option_id)id) ||
			    !is_ambiguous(&option_table[id]))
				continue;
			printf("%s%s:--%s", before, command_table[i].name, option_table[id].name);
			before = between;
		}
}

static void own_options(void)
{
	print_own_options("|");
}

static void own_words(void)
{
	print_own_options(" ");
}

static void value_letters(void)
{
	print_letters(true);
}

static void flag_letters(void)
{
	print_letters(false);
}

static void trace_options(void)
{
	print_options(is_option, OPT_TRACE, "|");
}

static void trace_words(void)
{
	print_options(is_option, OPT_TRACE, " ");
}

static void model_options(void)
{
	print_options(is_option, OPT_MODEL, "|");
}

static void model_words(void)
{
	print_options(is_option, OPT_MODEL, " ");
}

static void commands(void)
{
	for (int i = 0; i < command_table_len; i++)
		printf("%s%s", i ? " " : "", command_table[i].name);
}

/* ---- bash ---------------------------------------------------------------------------------- */

/* A kind's names and files. */
static void bash_kind(enum complete kind)
{
	const struct value_kind *k = &value_kinds[kind];

	if (k->asks)
		printf("_torchless_model_names %s", k->asks);
	if (k->endings)
		printf("%s_torchless_files_of%s%s", k->asks ? "; " : "", *k->endings ? " " : "",
		       k->endings);
}

/* "--png) _torchless_files_of .png ;;": a line a kind that an option has. */
static void bash_values(void)
{
	for (int kind = COMPLETE_TEXT + 1; kind < COMPLETE_COUNT; kind++) {
		bool any = false;

		for (int id = 0; id < OPT_COUNT; id++)
			any = any || completes(&option_table[id], kind);
		if (!any || kind == COMPLETE_CHOICE)
			continue;
		printf("\t");
		print_options(completes, kind, "|");
		printf(") ");
		if (kind == COMPLETE_PARAMETER)
			printf("_torchless_parameter");
		else
			bash_kind((enum complete)kind);
		printf(" ;;\n");
	}
	for (int id = 0; id < OPT_COUNT; id++) {
		if (!completes(&option_table[id], COMPLETE_CHOICE))
			continue;
		printf("\t");
		print_options(is_option, id, "|");
		printf(") _torchless_offer ");
		print_words(option_table[id].choices);
		printf(" ;;\n");
	}
}

/* What stands on a line of options. */
static void bash_options(const struct command *c)
{
	for (int id = 0; id < OPT_COUNT; id++) {
		const struct option *o = &option_table[id];

		if (!command_has(c, (enum option_id)id))
			continue;
		if (o->letter)
			printf(" -%c", o->letter);
		if (o->name)
			printf(" %s%s", o->single_dash ? "-" : "--", o->name);
	}
}

static void bash_commands(void)
{
	for (int i = 0; i < command_table_len; i++) {
		const struct command *c = &command_table[i];

		printf("\t%s)\n\t\tif [[ -z $only_words && $value == -* ]]; then\n"
		       "\t\t\t_torchless_offer",
		       c->name);
		bash_options(c);
		if (c->complete == COMPLETE_QUERY)
			printf("\n\t\telse\n\t\t\t_torchless_query");
		if (c->complete == COMPLETE_LESSON)
			printf("\n\t\telse\n\t\t\t_torchless_lesson");
		if (value_kinds[c->complete].asks || value_kinds[c->complete].endings) {
			printf("\n\t\telif [[ $count == 1 ]]; then\n\t\t\t");
			bash_kind(c->complete);
		}
		if (c->complete == COMPLETE_COMMAND) {
			printf("\n\t\telif [[ $count == 1 ]]; then\n\t\t\t_torchless_offer ");
			commands();
		}
		if (c->complete == COMPLETE_ARGS) {
			printf("\n\t\telif [[ $count == 1 ]]; then\n\t\t\t_torchless_offer ");
			print_words(c->help->args);
		}
		printf("\n\t\tfi ;;\n");
	}
}

/* ---- zsh ----------------------------------------------------------------------------------- */

/* "*.db", or "*.(db|safetensors)". */
static void zsh_glob(const char *endings)
{
	if (!strchr(endings, ' ')) {
		printf("*%s", endings);
		return;
	}
	printf("*.(");
	for (; *endings; endings++)
		if (*endings != '.')
			putchar(*endings == ' ' ? '|' : *endings);
	putchar(')');
}

/* A kind's names and files; of files that fit _files offers all where there is none. */
static void zsh_kind(enum complete kind)
{
	const struct value_kind *k = &value_kinds[kind];

	if (k->asks)
		printf("_torchless_model_names %s", k->asks);
	if (k->asks && k->endings)
		printf(" -- ");
	else if (k->endings)
		printf("_files");
	if (k->endings && *k->endings) {
		printf(k->asks ? "\"" : " -g \"");
		zsh_glob(k->endings);
		putchar('"');
	}
	if (kind == COMPLETE_PARAMETER)
		printf("_torchless_parameters");
	else if (!k->asks && !k->endings)
		putchar(' ');
}

/* ":FILE:_files": what _arguments is told of a value. */
static void zsh_value(const struct option *o)
{
	if (o->kind == OPTION_FLAG)
		return;
	putchar(':');
	print_inside(o->arg, ":\\");
	putchar(':');
	if (o->complete == COMPLETE_CHOICE) {
		putchar('(');
		print_words(o->choices);
		putchar(')');
	} else {
		zsh_kind(o->complete);
	}
}

/* '(-t --trace)'{-t+,--trace=}'[the recording to read]:FILE:_files' */
static void zsh_option(const struct option *o)
{
	bool takes = o->kind != OPTION_FLAG;
	const char *many = o->kind == OPTION_LIST ? "*" : "";

	printf("\t\t'");
	if (o->letter && o->name)
		printf("(-%c --%s)'{-%c%s,--%s%s}'", o->letter, o->name, o->letter,
		       takes ? "+" : "", o->name, takes ? "=" : "");
	else if (o->letter)
		printf("%s-%c%s", many, o->letter, takes ? "+" : "");
	else if (o->single_dash)
		printf("%s-%s", many, o->name);
	else
		printf("%s--%s%s", many, o->name, takes ? "=" : "");
	putchar('[');
	print_inside(o->help, "[]\\");
	putchar(']');
	zsh_value(o);
	printf("' \\\n");
}

static void zsh_everywhere(void)
{
	for (int id = 0; id < OPT_COUNT; id++)
		if (option_is_everywhere((enum option_id)id))
			zsh_option(&option_table[id]);
}

static void zsh_commands(void)
{
	for (int i = 0; i < command_table_len; i++) {
		printf("\t\t\t'%s:", command_table[i].name);
		print_inside(command_table[i].help->summary, "\\");
		printf("'\n");
	}
}

static void zsh_arguments(void)
{
	for (int i = 0; i < command_table_len; i++) {
		const struct command *c = &command_table[i];

		printf("\t%s)\n\t\t_arguments -s -S \\\n", c->name);
		for (int id = 0; id < OPT_COUNT; id++)
			if (command_has(c, (enum option_id)id))
				zsh_option(&option_table[id]);
		if (c->complete == COMPLETE_QUERY) {
			printf("\t\t'1:query:_torchless_queries' '*:parameter:_torchless_parameters'");
		} else if (c->complete == COMPLETE_LESSON) {
			printf("\t\t'1:what:_torchless_lessons' '2:name:_torchless_lessons' "
			       "'*:argument:_torchless_nothing'");
		} else if (value_kinds[c->complete].asks || value_kinds[c->complete].endings) {
			printf("\t\t'1:argument:");
			zsh_kind(c->complete);
			putchar('\'');
		} else if (c->complete == COMPLETE_COMMAND) {
			printf("\t\t'1:command:(");
			commands();
			printf(")'");
		} else if (c->complete == COMPLETE_ARGS) {
			printf("\t\t'1:argument:(");
			print_words(c->help->args);
			printf(")'");
		} else {
			printf("\t\t'*:argument:_torchless_nothing'");
		}
		printf(" && ret=0 ;;\n");
	}
}

/* ---- fish ---------------------------------------------------------------------------------- */

/*
 * "-a '(__torchless_ask points) (__torchless_files .db)'": what a kind offers.  Files that fit are
 * listed by the script, all files by fish.
 */
static void fish_kind(enum complete kind)
{
	const struct value_kind *k = &value_kinds[kind];
	bool fits = k->endings && *k->endings;

	/* No other files: for the value of an option fish has to be told each time. */
	printf(k->endings && !fits ? " -F" : " -f");
	if (kind == COMPLETE_PARAMETER)
		printf(" -k -a '(__torchless_parameters)'");
	if (!k->asks && !fits)
		return;
	printf(" -k -a '");
	if (k->asks)
		printf("(__torchless_ask %s)", k->asks);
	if (fits)
		printf("%s(__torchless_files %s)", k->asks ? " " : "", k->endings);
	printf("'");
}

/* Files whose names the script cannot tell, or of which none fits, are left to fish. */
static void fish_otherwise(const char *command, const char *when, const struct option *o,
			   enum complete kind)
{
	const char *endings = value_kinds[kind].endings;

	if (!endings || !*endings)
		return;
	printf("complete -c torchless -n '__fish_seen_subcommand_from %s; and not __torchless_fit %s%s'",
	       command, endings, when);
	if (o && o->letter)
		printf(" -s %c", o->letter);
	if (o && o->name)
		printf(" -l %s", o->name);
	printf("%s -F\n", o ? " -r" : "");
}

static void fish_option(const struct command *c, const struct option *o)
{
	printf("complete -c torchless -n '__fish_seen_subcommand_from %s'", c->name);
	if (o->letter)
		printf(" -s %c", o->letter);
	if (o->name)
		printf(" %s %s", o->single_dash ? "-o" : "-l", o->name);
	if (o->kind != OPTION_FLAG)
		printf(" -r");
	if (o->kind != OPTION_FLAG)
		fish_kind(o->complete);
	if (o->complete == COMPLETE_CHOICE) {
		printf(" -a '");
		print_words(o->choices);
		printf("'");
	}
	printf(" -d ");
	print_fish(o->help);
	putchar('\n');
	fish_otherwise(c->name, "", o, o->complete);
}

/* What a command's arguments may be. */
static void fish_argument(const struct command *c)
{
	const struct value_kind *k = &value_kinds[c->complete];

	if (k->asks || k->endings) {
		printf("complete -c torchless -n '__fish_seen_subcommand_from %s; and __torchless_at 1'",
		       c->name);
		fish_kind(c->complete);
		putchar('\n');
		fish_otherwise(c->name, "; and __torchless_at 1", NULL, c->complete);
		return;
	}
	if (c->complete != COMPLETE_QUERY && c->complete != COMPLETE_LESSON &&
	    c->complete != COMPLETE_ARGS && c->complete != COMPLETE_COMMAND)
		return;
	printf("complete -c torchless -n '__fish_seen_subcommand_from %s' -a '", c->name);
	if (c->complete == COMPLETE_QUERY)
		printf("(__torchless_query)");
	else if (c->complete == COMPLETE_LESSON)
		printf("(__torchless_lesson)");
	else if (c->complete == COMPLETE_COMMAND)
		commands();
	else
		print_words(c->help->args);
	printf("'\n");
}

static void fish_commands(void)
{
	for (int i = 0; i < command_table_len; i++) {
		const struct command *c = &command_table[i];

		printf("complete -c torchless -n __fish_use_subcommand -a %s -d ", c->name);
		print_fish(c->help->summary);
		putchar('\n');
		for (int id = 0; id < OPT_COUNT; id++)
			if (command_has(c, (enum option_id)id))
				fish_option(c, &option_table[id]);
		fish_argument(c);
	}
}

/* ---- templates ----------------------------------------------------------------------------- */

static const struct slot {
	const char *name;
	void (*print)(void);
} slots[] = {
	{ "bash_commands", bash_commands },
	{ "bash_values", bash_values },
	{ "commands", commands },
	{ "fish_commands", fish_commands },
	{ "flag_letters", flag_letters },
	{ "model", model_options },
	{ "model_words", model_words },
	{ "own_options", own_options },
	{ "own_words", own_words },
	{ "recording_parameter_words", recording_parameter_words },
	{ "recording_parameters", recording_parameters },
	{ "trace", trace_options },
	{ "trace_words", trace_words },
	{ "value_letters", value_letters },
	{ "value_options", value_options },
	{ "value_words", value_words },
	{ "zsh_arguments", zsh_arguments },
	{ "zsh_commands", zsh_commands },
	{ "zsh_everywhere", zsh_everywhere },
};

/* The slot whose name and '@' stand at s; NULL: it is another '@'. */
static const struct slot *slot_at(const char *s)
{
	size_t len = strcspn(s, "@");

	for (size_t i = 0; s[len] && i < sizeof(slots) / sizeof(slots[0]); i++)
		if (strlen(slots[i].name) == len && !memcmp(slots[i].name, s, len))
			return &slots[i];
	return NULL;
}

/* What fills lines brings their ends. */
static void print_template(const char *s)
{
	for (; *s; s++) {
		const struct slot *p = *s == '@' ? slot_at(s + 1) : NULL;

		if (!p) {
			putchar(*s);
			continue;
		}
		p->print();
		s += strlen(p->name) + 1;
	}
}

int cmd_completion(struct invocation *in, struct err *err)
{
	static const struct {
		const char *shell, *script;
	} scripts[] = { { "bash", bash_in }, { "zsh", zsh_in }, { "fish", fish_in } };
	struct text_nearest near = { .distance = 2 };

	near.name = in->args[0];
	if (completion_names(in))
		return 0;
	if (in->n_args > 1)
		return err_set(err, ERR_USAGE,
			       "completion takes 1 argument but '%s' is one more: quote text that "
			       "holds spaces",
			       in->args[1]);
	for (size_t i = 0; i < sizeof(scripts) / sizeof(scripts[0]); i++) {
		text_nearest_offer(&near, scripts[i].shell);
		if (!strcmp(scripts[i].shell, in->args[0])) {
			print_template(scripts[i].script);
			return 0;
		}
	}
	return err_set(
		err, ERR_USAGE,
		"there is no completion for '%s': it is written for bash, zsh and fish%s%s%s",
		in->args[0], near.best ? "; did you mean " : "", near.best ? near.best : "",
		near.best ? "?" : "");
}
