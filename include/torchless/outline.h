/*
 * outline.h -- the program that a recording was made of.
 */
#ifndef TORCHLESS_OUTLINE_H
#define TORCHLESS_OUTLINE_H

#include "torchless/inspect.h"
#include "torchless/model.h"

/* A run of a recording as its tables say it. */
struct recording_run {
	int64_t id, model_id;
	bool is_whole; /* it ended as it should: status ok */
	char status[16];
	char *config; /* of its model, JSON; to be freed */
};

/*
 * The run of that number, 0: the newest.  `path` is the recording's, for sentences.  ERR_USAGE when
 * there is none.
 */
int recording_find_run(struct recording *rec, const char *path, int64_t run,
		       struct recording_run *found, struct err *err);

/*
 * The program of the model that a run was made with, by the config that the recording keeps: no
 * weights.  ERR_FORMAT as model_outline() for an architecture that torchless does not run.
 * model_close() it.
 */
int recording_outline(const char *path, const struct recording_run *run, struct model *m,
		      struct err *err);

#endif
