/*
 * bugs.h -- planted bugs: what people get wrong in a transformer, put into the engine on purpose.
 *
 * The engine has no code for them: a bug is other kernels, a changed program, a hook that
 * overwrites what an op made, or an edit of a relation that is computed when it is read.  A
 * recording with a bug is the engine with it.  bugs.def has them all; bugs.c plants them;
 * kernels.c, program.c, moments.c and relations.c hold what each kind does, tokenizers.c the
 * tokenizers that are wrong.
 */
#ifndef LESSON_BUGS_H
#define LESSON_BUGS_H

#include "torchless/course.h"
#include "torchless/session.h"

struct planted;

/* What a bug changes; how its function is called. */
enum bug_kind {
	BUG_KERNELS,   /* void f(struct kernels *): functions that take the place of others */
	BUG_PROGRAM,   /* void f(struct model *): the ops, or the frequencies of the rotation */
	BUG_BEFORE,    /* bug_moment *f: whenever the op that makes ...`on` is about to run */
	BUG_AFTER,     /* bug_moment *f: and when it has run */
	BUG_RELATION,  /* edit_fn *f: whenever scores_masked or pattern (`on`) is computed */
	BUG_TOKENIZER, /* tokenizers.c: which symbols become one */
	BUG_NONE,      /* nothing that would be wrong */
};

typedef int bug_moment(const struct planted *p, struct executor *ex, const struct op *op,
		       struct err *err);

struct bug {
	const char *name; /* "rope_pairs" */
	enum bug_kind kind;
	const char *at; /* the point that differs first, "L0.q_rot"; of a tokenizer "" */
	const char *on;
	const char *says; /* one sentence */
	void (*kernels)(struct kernels *k);
	void (*program)(struct model *m);
	bug_moment *moment;
	edit_fn *relation;
};
extern const struct bug bug_table[];
extern const int bug_table_len;

/* NULL: there is none of that name. */
const struct bug *bug_find(const char *name);

/*
 * A bug in a model that was opened for it, and is closed with it.  It must not move while a session
 * runs; bug NULL plants nothing.
 */
struct planted {
	const struct bug *bug;
	struct model *model;
	struct kernels kernels; /* to compute with */
	struct hook hook;
	double *rms; /* [n_rms]: of the final norm by position, which a lens took from another run
		      */
	int64_t n_rms;
	bool learns; /* that other run is going on */
};
void bug_plant(struct planted *p, const struct bug *bug, struct model *m,
	       const struct kernels *kernels);

/* Put hook and edits into its session, before anybody else listens.  ERR_* as session_add_edit().
 */
int bug_plant_session(struct planted *p, struct session *s, struct err *err);
void planted_release(struct planted *p);

/*
 * The bug of a recording: `bug = "NAME"`, or the one of `bugs = "a b c"` that `draw` has when the
 * seed shuffles them.  *bug is NULL where there is neither.  ERR_FORMAT.
 */
int bug_of_section(const struct course_section *s, uint64_t seed, const struct bug **bug,
		   struct err *err);

/* Append the ids that a text has by a tokenizer with the bug; bug NULL: by the right one. */
int bug_tokenize(const struct model *m, const struct bug *bug, const char *text, struct text *json,
		 struct err *err);

#endif
