/*
 * shell.h -- what the files of the interactive `torchless query` share.
 *
 *	shell.c     reads lines, tells SQL from names and commands, goes on after errors
 *	state.c     how rows are shown, the values of parameters and the recording, for all of them
 *	dot_settings.c, dot_files.c, dot.c
 *	            what the dot commands of dot.def do
 *	explain.c   one of them, which draws
 *	names.c     every name that a recording knows
 *	meant.c     what else a name is, that is no saved query's
 *	complete.c  which of them may stand at the cursor
 */
#ifndef TORCHLESS_QUERY_SHELL_H
#define TORCHLESS_QUERY_SHELL_H

#include "query.h"
#include "torchless/line.h"

/* ---- names ----------------------------------------------------------------------------- */

struct name_list {
	char **list;
	int n;
	size_t cap;
};

/* Read once, when the first is asked for.  Lists on one line are parallel. */
struct sql_names {
	struct name_list tables;                         /* views, table functions, tables */
	struct name_list columns, column_of;             /* and the table of each */
	struct name_list functions;                      /* ours, then SQLite's */
	struct name_list saved, saved_doc, saved_params; /* "pos=-1 run=0" */
	struct name_list points,
		point_of; /* every spelling, and the canonical name it stands for */
	bool is_read;
};
int sql_names_read(struct sql_names *n, struct recording *rec, struct err *err);
void sql_names_release(struct sql_names *n);

void name_list_add(struct name_list *l, const char *s, size_t len);
void name_list_release(struct name_list *l);
int name_list_find(const struct name_list *l, const char *name); /* in any case; -1: not there */

/* The name nearest to `name` in the lists given, ended by NULL; NULL when none is near. */
const char *name_nearest(const char *name, const struct name_list *const *lists);

/*
 * Each column of the rows of `sql` as text into lists[column]; the first hundred thousand rows.
 * What takes more than two seconds is an error.
 */
int name_lists_read(struct recording *rec, const char *sql, struct name_list *const *lists,
		    struct err *err);

/* ---- the shell ------------------------------------------------------------------------- */

struct shell {
	struct invocation *in;
	struct recording *rec;
	const char *path;
	struct recording *opened; /* by .open: ours, as its path is; NULL: rec is the caller's */
	char *opened_path;
	bool is_new;               /* .open brought another, and nobody was told yet */
	struct query_watch *watch; /* where nobody is there to end it */
	bool is_watched;
	struct line_reader *reader;
	struct ui screen; /* in->out is this, unless .output says otherwise */
	struct {
		FILE *file; /* NULL: the screen */
		char *path;
		bool once;
	} output;
	int depth;      /* files that .read one another */
	bool is_placed; /* the error on its way up says where it was */
	struct sql_names names;
	struct query_settings set;
	int64_t limit;  /* -1: what suits the form */
	bool is_person; /* reads from a terminal */
	bool quit, is_timed;
	struct text statement;   /* the lines of SQL so far */
	struct name_list values; /* KEY=VALUE, each key once */
	/* shell.c's, for .read: a line; what is left of a statement at the end of a file. */
	int (*take_line)(struct shell *s, char *line, struct err *err);
	int (*end_statement)(struct shell *s, struct err *err);
};

/* Ask another recording, which the shell closes, from now on. */
void shell_use(struct shell *s, struct recording *rec, const char *path);

/* Close what .output or .once opened; ERR_IO when it could not be written. */
int shell_output_end(struct shell *s, struct err *err);

/* Give the parameter :KEY of statements a value: KEY=VALUE. */
void shell_set(struct shell *s, const char *param);

/* Of the values that were given, those of parameters that the SQL has. */
struct query_params shell_params(const struct shell *s, const char *sql);

/* How rows are shown now. */
struct query_settings shell_settings(const struct shell *s);

/* A line in words; quotes keep spaces in one and go. */
struct words {
	struct name_list list;
	bool is_open; /* a quote does not end */
};
struct words words_split(const char *line);

/* ---- dot commands ---------------------------------------------------------------------- */

/* What may stand after a command. */
enum dot_argument {
	DOT_NOTHING,
	DOT_COMMAND,
	DOT_SCHEMA,
	DOT_SAVED,
	DOT_SQL,
	DOT_FUNCTION,
	DOT_POINT,
	DOT_MODE,
	DOT_FILE,
	DOT_RECORDING,
	DOT_VALUE,
	DOT_SWITCH
};

struct dot_command {
	const char *name, *args;
	enum dot_argument argument;
	int min_args, max_args; /* in words; -1: any number */
	/* words are the arguments, rest the line behind the command's name */
	int (*run)(struct shell *s, const struct words *words, const char *rest, struct err *err);
	const char *doc;
};
extern const struct dot_command dot_commands[];
extern const int dot_commands_len;

/* By its name without the dot, or a beginning that only one has; NULL with an error. */
const struct dot_command *dot_find(const char *name, struct err *err);

typedef int dot_fn(struct shell *s, const struct words *words, const char *rest, struct err *err);
dot_fn dot_explain;
dot_fn dot_output, dot_once, dot_read, dot_open;
dot_fn dot_mode, dot_headers, dot_width, dot_limit, dot_timeout, dot_timer;

/* Run a line that begins with a dot. */
int dot_run(struct shell *s, const char *line, struct err *err);

/* ---- completion ------------------------------------------------------------------------ */

/* For line_options; ctx is the shell. */
void query_complete(void *ctx, const char *before, const char *after, struct candidates *out);

#endif
