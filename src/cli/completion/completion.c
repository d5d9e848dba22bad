/*
 * completion.c -- completion scripts for bash, zsh and fish.
 *
 * A script is a template with @PLACEHOLDERS@ for what the tables know: commands, options, words to
 * choose from.  What only a file knows, saved queries and points, the scripts ask for when Tab is
 * pressed (names.c).
 */
#include "completion.h"

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

static bool takes_value_anywhere(const struct option *o, int expected)
{
	return takes_value(o, expected) && !is_ambiguous(o);
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

static void file_options(void)
{
	print_options(completes, COMPLETE_FILE, "|");
}

static void point_options(void)
{
	print_options(completes, COMPLETE_POINT, "|");
}

static void capture_options(void)
{
	print_options(completes, COMPLETE_CAPTURE, "|");
}

static void module_options(void)
{
	print_options(completes, COMPLETE_MODULE, "|");
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

static void bash_choices(void)
{
	for (int id = 0; id < OPT_COUNT; id++) {
		if (option_table[id].kind != OPTION_CHOICE)
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
			printf(" --%s", o->name);
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
		if (c->complete == COMPLETE_POINT)
			printf("\n\t\telif [[ $count == 1 ]]; then\n\t\t\t_torchless_model_names points");
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

/* What completes a value; of files that fit _files offers all where there is none. */
static const char *const zsh_completes[] = {
	[COMPLETE_FILE] = "_files",
	[COMPLETE_MODEL] = "_files -g \"*.safetensors\"",
	[COMPLETE_RECORDING] = "_files -g \"*.db\"",
	[COMPLETE_DIRECTORY] = "_files -/",
	[COMPLETE_POINT] = "_torchless_model_names points",
	[COMPLETE_CAPTURE] = "_torchless_model_names captures",
	[COMPLETE_MODULE] = "_torchless_model_names modules",
	[COMPLETE_ARGS] = NULL,
};

/* ":FILE:_files": what _arguments is told of a value. */
static void zsh_value(const struct option *o)
{
	if (o->kind == OPTION_FLAG)
		return;
	putchar(':');
	print_inside(o->arg, ":\\");
	putchar(':');
	if (o->kind == OPTION_CHOICE) {
		putchar('(');
		print_words(o->choices);
		putchar(')');
	} else {
		printf("%s", zsh_completes[o->complete] ? zsh_completes[o->complete] : " ");
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
		} else if (c->complete == COMPLETE_POINT) {
			printf("\t\t'1:point:_torchless_model_names points'");
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

/* What __torchless_ask is asked for. */
static const char *const fish_asks[] = {
	[COMPLETE_POINT] = "points",
	[COMPLETE_CAPTURE] = "captures",
	[COMPLETE_MODULE] = "modules",
	[COMPLETE_ARGS] = NULL,
};

static void fish_option(const struct command *c, const struct option *o)
{
	printf("complete -c torchless -n '__fish_seen_subcommand_from %s'", c->name);
	if (o->letter)
		printf(" -s %c", o->letter);
	if (o->name)
		printf(" -l %s", o->name);
	if (o->kind != OPTION_FLAG)
		printf(" -r");
	if (o->complete == COMPLETE_FILE || o->complete == COMPLETE_MODEL ||
	    o->complete == COMPLETE_RECORDING)
		printf(" -F");
	if (fish_asks[o->complete])
		printf(" -a '(__torchless_ask %s)'", fish_asks[o->complete]);
	if (o->kind == OPTION_CHOICE) {
		printf(" -a '");
		print_words(o->choices);
		printf("'");
	}
	printf(" -d ");
	print_fish(o->help);
	putchar('\n');
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
		if (c->complete != COMPLETE_QUERY && c->complete != COMPLETE_POINT &&
		    c->complete != COMPLETE_ARGS && c->complete != COMPLETE_COMMAND)
			continue;
		printf("complete -c torchless -n '__fish_seen_subcommand_from %s' -a '", c->name);
		if (c->complete == COMPLETE_QUERY)
			printf("(__torchless_ask)");
		else if (c->complete == COMPLETE_POINT)
			printf("(__torchless_ask points)");
		else if (c->complete == COMPLETE_COMMAND)
			commands();
		else
			print_words(c->help->args);
		printf("'\n");
	}
}

/* ---- templates ----------------------------------------------------------------------------- */

static const struct slot {
	const char *name;
	void (*print)(void);
} slots[] = {
	{ "bash_choices", bash_choices },       { "bash_commands", bash_commands },
	{ "capture_options", capture_options }, { "commands", commands },
	{ "file_options", file_options },       { "fish_commands", fish_commands },
	{ "flag_letters", flag_letters },       { "model", model_options },
	{ "model_words", model_words },         { "module_options", module_options },
	{ "own_options", own_options },         { "own_words", own_words },
	{ "point_options", point_options },     { "trace", trace_options },
	{ "trace_words", trace_words },         { "value_letters", value_letters },
	{ "value_options", value_options },     { "value_words", value_words },
	{ "zsh_arguments", zsh_arguments },     { "zsh_commands", zsh_commands },
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
