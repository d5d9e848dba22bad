/*
 * recorded.h -- what the files of a recorded target share.
 *
 * A recording is somebody else's file: what is read of it is checked against itself and against the
 * model that it says it was made with, before anything is stepped through.
 */
#ifndef DEBUG_RECORDED_H
#define DEBUG_RECORDED_H

#include "../debug_impl.h"

#include "torchless/inspect.h"
#include "torchless/stats.h"

/* Steps of a stage; their texts are theirs. */
struct recorded_steps {
	struct stage_step *steps;
	int n;
	size_t cap;
};

struct recorded_pass {
	int64_t id, pos0, T;
	bool is_prefill, has_ended;
	struct recorded_steps sampler; /* behind it; none where nothing was picked */
};

struct recorded_run {
	int64_t id;
	bool is_whole; /* it ended as it should: status ok */
	int32_t *ids;  /* tokens, the prompt first */
	int64_t n_tokens, n_prompt;
	size_t cap_ids;
	struct recorded_pass *passes;
	int n_passes;
	size_t cap_passes;
	int n_last; /* ops of the last pass that are recorded: all of them, or where it broke off */
	struct recorded_steps tokenizer;
	struct recorded_piece {
		int32_t id;
		struct text bytes;
	} * pieces; /* the tokens whose text is known, by id */
	int n_pieces;
	size_t cap_pieces;
};

/* What a pass has of a value. */
struct recorded_value {
	int64_t id; /* its row; 0: none */
	bool has_dump;
	struct stats stats;
};

struct recorded {
	struct target target;
	struct debugger_options opt;
	struct recording *rec;
	struct recording_tensors *tensors;
	struct model model; /* without weights */
	bool has_model;
	int64_t model_id;
	struct recorded_point {
		int64_t id;
		value_id value;
	} * points; /* by id */
	size_t n_points, cap_points;
	struct recorded_run run;

	struct moment at;              /* as of when values are asked for */
	struct recorded_value *values; /* [n_values] of the pass `values_pass` */
	int values_pass;               /* -1: none was read */
};

/* ---- recorded_load.c ----------------------------------------------------------------------- */

/*
 * Read a run, 0 for the newest, in place of the one that is there, which stays when this fails:
 * ERR_USAGE when there is no such run, or another model made it; ERR_FORMAT for a recording that
 * contradicts itself.
 */
int recorded_load(struct recorded *r, int64_t run, struct err *err);
void recorded_run_release(struct recorded_run *run);

/* Have r->values hold what pass `pass` has. */
int recorded_load_values(struct recorded *r, int pass, struct err *err);

/* ---- recorded_source.c --------------------------------------------------------------------- */

/* Whether a value was computed by r->at. */
bool recorded_is_computed(const struct recorded *r, value_id v);

/* The values of the pass that is there, as of r->at. */
struct array_source recorded_source(struct recorded *r);

#endif
