/*
 * meant.c -- what is meant by the name of a saved query that there is none of: a view, a function,
 * a point, a command.
 *
 * The recording suggests names of saved queries (recording_saved_query()); here is the rest of what
 * people ask for.
 */
#include "shell.h"

#include <string.h>

/* Shell commands that the command line has as well. */
static const char *const dot_names[] = {
#define DOT(name, ...) name,
#include "../dot.def"
};

/* `.functions NAME` in the shell, `torchless query --functions NAME` outside of it. */
static void add_typed(struct text *t, bool in_shell, const char *here, const char *there,
		      const char *name)
{
	text_addf(t, "`%s%s %s`", in_shell ? "" : "torchless ", in_shell ? here : there, name);
}

static bool add_dot_command(struct text *t, bool in_shell, const char *word)
{
	for (size_t i = 0; i < sizeof(dot_names) / sizeof(dot_names[0]); i++) {
		if (strcmp(dot_names[i], word) != 0)
			continue;
		if (in_shell)
			text_addf(t, "`.%s`", word);
		else if (!strcmp(word, "functions"))
			text_adds(t, "`torchless query --functions`");
		else if (!strcmp(word, "saved"))
			text_adds(t, "`torchless query --list`");
		else
			text_addf(t, "`.%s` in the shell that `torchless query` opens", word);
		return true;
	}
	return false;
}

/* What has exactly this name. */
static bool add_exact(struct text *t, bool in_shell, const struct sql_names *n, const char *word)
{
	int table = name_list_find(&n->tables, word);

	if (table >= 0)
		text_addf(t,
			  in_shell ? "`SELECT * FROM %s;`"
				   : "`torchless query \"SELECT * FROM %s\"`",
			  n->tables.list[table]);
	else if (name_list_find(&n->functions, word) >= 0)
		add_typed(t, in_shell, ".functions", "query --functions", word);
	else if (name_list_find(&n->points, word) >= 0)
		add_typed(t, in_shell, ".points", "show", word);
	else if (!in_shell && !strcmp(word, "list"))
		text_adds(t, "`torchless query --list`");
	else if (!in_shell && command_find(word))
		text_addf(t, "`torchless %s`", word);
	else
		return add_dot_command(t, in_shell, word);
	return true;
}

static bool add_nearest(struct text *t, bool in_shell, const struct sql_names *n, const char *word)
{
	const char *near = name_nearest(word, (const struct name_list *[]){ &n->points, NULL });

	if (near)
		add_typed(t, in_shell, ".points", "show", near);
	else if ((near = name_nearest(word, (const struct name_list *[]){ &n->tables, NULL })))
		return add_exact(t, in_shell, n, near);
	else if ((near = name_nearest(word, (const struct name_list *[]){ &n->functions, NULL })))
		add_typed(t, in_shell, ".functions", "query --functions", near);
	return near != NULL;
}

int query_meant(struct recording *rec, const char *word, bool in_shell, struct err *err)
{
	static const char did_you[] = "did you mean ";
	const char *near = strstr(err->message, did_you);
	struct sql_names names = { 0 };
	struct text meant = { 0 };
	struct err ignored;

	/* A saved query of nearly this name comes before what else has it. */
	if (near) {
		near += strlen(did_you);
		text_addf(&meant, "%.*s or ", (int)strcspn(near, "?"), near);
	}
	if (sql_names_read(&names, rec, &ignored) == 0 &&
	    (add_exact(&meant, in_shell, &names, word) ||
	     (!near && add_nearest(&meant, in_shell, &names, word))))
		err_set(err, ERR_USAGE, "there is no saved query \"%s\"; did you mean %s?", word,
			meant.data);
	sql_names_release(&names);
	text_release(&meant);
	return err->code;
}
