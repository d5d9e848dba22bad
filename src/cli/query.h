/*
 * query.h -- what the files of `torchless query` share: forms of output, parameters.
 */
#ifndef TORCHLESS_QUERY_H
#define TORCHLESS_QUERY_H

#include "torchless/cli.h"
#include "torchless/trace.h"

/* ---- output ------------------------------------------------------------------------------- */

enum query_form { QUERY_TABS, QUERY_BOX, QUERY_CSV, QUERY_JSON };

/* What the options and the terminal ask for. */
enum query_form query_form_of(const struct invocation *in);

/* Run SQL over the recording and print its rows; params are KEY=VALUE. */
int query_print(struct invocation *in, struct recording *rec, enum query_form form, const char *sql,
		const char *const *params, int n_params, struct err *err);

/* ---- parameters of saved queries ----------------------------------------------------------- */

/* KEY=VALUE strings: what the saved query says by default, then what was given. */
struct query_params {
	char **list;
	int n;
};

/*
 * The parameters of the saved query `name`: `defaults`, a JSON object, then `given`.  ERR_USAGE
 * for one that the query does not have.  Release them whatever happens.
 */
int query_params_read(struct query_params *p, const char *name, const char *defaults,
		      const char *const *given, int n_given, struct err *err);
void query_params_release(struct query_params *p);

/* ERR_USAGE for an argument that is no KEY=VALUE. */
int query_params_check(const char *const *given, int n_given, struct err *err);

/* A saved query is one word; SQL never is. */
bool query_is_name(const char *s);

#endif
