/*
 * saved_query.h -- the parameters of a recording's saved queries.
 */
#ifndef TORCHLESS_SAVED_QUERY_H
#define TORCHLESS_SAVED_QUERY_H

#include "torchless/trace.h"

/* KEY=VALUE strings: what the saved query says by default, then what was given. */
struct query_params {
	char **list;
	int n;
	bool takes_files; /* of a and b a path is taken, too: query_params_adapt() */
};

/*
 * The parameters of the saved query `name`: `defaults`, a JSON object, then `given`.  ERR_USAGE
 * for one that the query does not have.  Release them whatever happens.
 */
int query_params_read(struct query_params *p, const char *name, const char *defaults,
		      const char *const *given, int n_given, struct err *err);
void query_params_release(struct query_params *p);

/*
 * Put in place of the SQL of the saved query `name` what tells more on a connection that has the
 * functions of src/inspect; `defaults` as above.  So runs of two files are compared where a or b is
 * the path of another recording.  Anything else stays as it is.
 */
void query_params_adapt(struct query_params *p, const char *name, const char *defaults,
			struct text *sql);

/* The columns that a narrow screen does without, for ui_table_drops(); NULL: none. */
const char *query_drops(const char *name);

/* Parameters that take the path of another recording, ended by NULL. */
extern const char *const query_file_keys[];

/* Whether KEY, or KEY=VALUE, is one of them. */
bool query_takes_file(const char *param);

/*
 * Whether KEY=VALUE names a file that is there, FILE or FILE[run=2], and the SQL of the recording
 * wants a run: a or b.
 */
bool query_param_is_file(const char *param);

/* Append, in brackets, why the value of KEY=VALUE is no such file; nothing for a number. */
void query_param_no_file(struct text *t, const char *param);

/* The KEY=VALUE whose key it is, NULL when there is none. */
const char *query_params_find(const struct query_params *p, const char *key);

/*
 * Ask the recording about each given value, in its table saved_param; ERR_USAGE with what a
 * parameter takes for one that it does not.
 */
int query_params_refuse(const struct query_params *p, struct recording *rec,
			const char *const *given, int n_given, struct err *err);

/* ERR_USAGE for an argument that is no KEY=VALUE. */
int query_params_check(const char *const *given, int n_given, struct err *err);

/* Whether every recording has a saved query of that name. */
bool saved_query_is_known(const char *name);

/*
 * The one of them that `word` means, another word for it or the nearest that is less unlike than
 * *distance, which it then is; text.h.
 */
bool saved_query_nearest(const char *word, int *distance, char *best, size_t size);

/* A saved query is one word; SQL never is. */
bool query_is_name(const char *s);

#endif
