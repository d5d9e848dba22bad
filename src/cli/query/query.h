/*
 * query.h -- what the files of `torchless query` share: forms of output, parameters.
 *
 *	open.c      a recording, with the functions over tensors
 *	watch.c     a thread that ends the program where a statement cannot be stopped
 *	tensors.c   parameters that hold the tensor of a file
 *	print.c     rows in each form
 *	about.c     what is said of an answer beside its rows
 *	values.c    what a parameter may be, for completion
 *	saved.c     a saved query: its parameters, its rows, and what is said of them
 *	functions.c, list.c  the lists that --functions and --list print
 *	query.c     the command: which of these was asked for
 *
 * The shell has a header of its own, shell.h; meant.c, which says what a name is that no saved
 *query has, reads the shell's names.
 */
#ifndef TORCHLESS_QUERY_H
#define TORCHLESS_QUERY_H

#include "torchless/cli.h"
#include "torchless/saved_query.h"
#include "torchless/trace.h"

/* ---- output ------------------------------------------------------------------------------- */

enum query_form { QUERY_TABS, QUERY_BOX, QUERY_CSV, QUERY_JSON, QUERY_RECORDS };

#define QUERY_WIDTHS 32

/* How a query is run and shown. */
struct query_settings {
	enum query_form form;
	enum { HEADERS_OF_FORM, HEADERS_ON, HEADERS_OFF } headers; /* of tabs, CSV and boxes */
	int widths[QUERY_WIDTHS], n_widths; /* of a box's columns; 0: its own, < 0: right-aligned */
	const char *drops;   /* columns that a narrow screen does without: ui_table_drops(); NULL */
	int64_t max_rows;    /* of a statement; 0: all */
	int64_t max_ns;      /* 0: any time */
	int64_t max_wait_ns; /* until the next row; 0: any time */
	bool footer;         /* rows and time below a box */
	bool is_own;         /* a question of the program's own: see recording_ask() */
	const char *more;    /* how to see more rows: "--limit 0" */
	/* Each KEY=VALUE that .set of a shell gave, for the saved queries that have the parameter.
	 */
	const char *const *standing;
	int n_standing;
};

extern const char *const query_form_names[]; /* by enum query_form, ended by NULL */

/* What the options and the terminal ask for. */
struct query_settings query_settings_of(const struct invocation *in);

/* Open a recording with the functions of inspect, for max_ns in all; the caller closes it. */
int query_open(struct invocation *in, const char *path, int64_t max_ns, struct recording **rec,
	       struct err *err);

/* Run SQL over the recording and print its rows; params are KEY=VALUE. */
int query_print(struct invocation *in, struct recording *rec, const struct query_settings *set,
		const char *sql, const char *const *params, int n_params, struct err *err);

/*
 * Run and print the saved query `name` with KEY=VALUE parameters; with set->footer also how to read
 * its answer.
 */
int query_saved(struct invocation *in, struct recording *rec, const struct query_settings *set,
		const char *name, const char *const *given, int n_given, struct err *err);

/*
 * Append sentences about the answer of the saved query `name`, whose SQL it is: what was asked
 * about, `pair` (of query_add_pair), what the run lacks, what its times are, how many rows were cut
 * off.  Each ends in a space.
 */
void query_add_about(struct text *out, struct recording *rec, const char *name, const char *sql,
		     const struct query_params *p, const struct text *pair);

/*
 * Why `differ` and `same` tell nothing of two runs, without a full stop; nothing where they do.
 * True when there is one run only.
 */
bool query_add_pair(struct text *out, struct recording *rec, const char *name,
		    const struct query_params *p);

/* What parameters of the form KEY=@FILE.npy hold, beside the list of parameters. */
struct query_tensors {
	struct text *texts;
	struct bytes *blobs; /* for struct query; without data where the value is no file */
	int n;
};

/* Read the files of n parameters.  ERR_IO, ERR_FORMAT; release it whatever happens. */
int query_tensors_read(struct query_tensors *q, const char *const *params, int n, struct err *err);
void query_tensors_release(struct query_tensors *q);

/* The same, to know whether they can be read now. */
int query_tensors_check(const char *const *params, int n, struct err *err);

/* Print the saved queries: for people by topic, with what the parameters are. */
int query_list(struct invocation *in, struct recording *rec, const struct query_settings *set,
	       struct err *err);

/* Print rows of texts (NULL: an empty cell) in the same forms: texts[n_rows][n_columns]. */
int query_print_texts(struct invocation *in, const struct query_settings *set,
		      const char *const *columns, int n_columns, const char *const *texts,
		      int n_rows, struct err *err);

/* Print the SQL functions that torchless adds, or the one called `name`; ERR_USAGE: nearest. */
int query_functions(struct invocation *in, const struct query_settings *set, const char *name,
		    struct err *err);

/*
 * Read statements and dot commands until their end, with values that parameters have from the
 * start; a person goes on after an error.  `watched`: a command that is deaf to its limit ends the
 * process, where no person is there.
 */
int query_shell(struct invocation *in, struct recording *rec, const char *path,
		const struct query_params *params, bool watched, struct err *err);

/*
 * While there is one, a command ends with the sentence and status of its limit, or of Ctrl-C, even
 * where SQLite is inside of one function and asks nobody.  Not for a person's shell: there a second
 * Ctrl-C ends it.
 */
struct query_watch;
struct query_watch *query_watch_new(struct recording *rec);
void query_watch_free(struct query_watch *w); /* NULL is fine */

/* name, doc and params of every saved query */
extern const char query_list_sql[];

/*
 * A sentence that there is no saved query `word`, which err has, with what the word is the name of
 * instead, or nearly; as it is typed in the shell, or on the command line.  ERR_USAGE.
 */
int query_meant(struct recording *rec, const char *word, bool in_shell, struct err *err);

/*
 * SQL for the values that the parameter `key` may have and, each in its second column, what it is;
 * NULL for one of which a recording tells none.
 */
const char *query_values_sql(const char *key);

#endif
