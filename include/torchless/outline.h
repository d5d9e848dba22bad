/*
 * outline.h -- the program that a recording was made of, and the values of its passes by its names.
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
	char name[128];     /* of its model */
	enum dtype weights; /* the type of most; bf16 where the recording does not say */
	char *config;       /* of its model, JSON; to be freed */
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

/* A pass of a run, by its number; everything is borrowed. */
struct recording_pass {
	struct recording_tensors *tensors;
	const struct program *program;
	int64_t run, pass;
};

/*
 * What the pass kept of its values, by any name that the program has for them, and the weights of
 * the checkpoint by theirs; run= and pass= in a name ask for another pass.  Beside what
 * recording_tensors_source() says: ERR_USAGE for an input of the program.  `p` must outlive it.
 */
struct array_source recording_pass_source(struct recording_pass *p);

/*
 * The tensor of a checkpoint by its name, with or without ".weight".  ERR_USAGE naming the nearest,
 * or what a head reads that has none of its own; ERR_FORMAT as tensor_file_usable().
 */
const struct file_tensor *inspect_find_weight(const struct checkpoint *ck, const char *name,
					      struct err *err);

/* Append how recording_tensors_source() calls a value of a pass; `sel` is "[...]" or "". */
void recording_pass_name(struct text *out, const struct value *v, int64_t run, int64_t pass,
			 const char *sel);

#endif
