/*
 * load.h -- what recording will take, before anything runs.
 *
 * A run is known by its shape: how many tokens, how large a chunk.  From that follow the passes,
 * from a pass the sizes of its values, and from the capture rules what of each is kept.  The budget
 * and the estimate are two readers of the same sums.
 */
#ifndef TORCHLESS_TRACE_LOAD_H
#define TORCHLESS_TRACE_LOAD_H

#include "policy.h"

/* One pass, standing for `times` that hardly differ. */
struct pass_shape {
	int64_t pos0, T, S, R;
	int64_t times;
};

typedef void pass_fn(void *ctx, const struct pass_shape *pass);

/* Runs whose passes have the same shapes: a million short prompts are a few dozen kinds. */
struct run_kind {
	const struct trace_shape *shape; /* of one of them; what is beside the passes may differ */
	bool is_repeated;                /* they compute what an earlier run did */
	int64_t times;
};

/*
 * The kinds of opt->shapes.  What is repeated takes no room for its dumps; a budget counts it all
 * the same, so that there is none where it is planned.  The caller frees.
 */
struct run_kind *run_kinds(const struct trace_options *opt, int *n);

/* Every pass of the runs of a kind, long generations in segments. */
void each_pass(const struct run_kind *kind, pass_fn *fn, void *ctx);

/* What one value is in one pass. */
struct value_load {
	bool is_recorded;
	int64_t n_pos;      /* rows of the axis of positions */
	int64_t dump_bytes; /* 0: none of it is dumped */
};
struct value_load value_load(const struct program *p, const struct capture *captures,
			     int64_t pattern_keys, value_id id, const struct pass_shape *pass);

/*
 * The value whose bytes v repeats, -1 for none: a cache shows the rows that were put into it, and
 * masked scores are scores.  Payloads are stored once, so v then takes no room.
 */
value_id repeats_value(const struct program *p, const struct capture *captures, value_id v);

/* Points of one kind under the same rule, in every pass of every run. */
struct capture_group {
	const struct point_info *point;
	int rule;
	value_id first; /* one of its values */
	int n_points;
	int64_t n_values, n_dumps, dump_bytes;
	bool is_repeated; /* repeats_value() for all of them */
	bool is_dropped;  /* by the budget */
};

/* Allocates *groups, in execution order; how many. */
int capture_groups(const struct program *p, const struct capture *captures,
		   const struct trace_options *opt, struct capture_group **groups);

/* Whether v is one of the group's. */
bool group_has(const struct program *p, const struct capture *captures,
	       const struct capture_group *g, value_id v);

/*
 * Drop groups until the rest fits opt->budget, and their dumps from captures.  Kept first: what a
 * rule that names fewer points asks for, of two such rules the later one, of one rule the smallest
 * group; the defaults last.
 */
void budget_apply(const struct program *p, struct capture *captures,
		  const struct trace_options *opt, struct capture_group *groups, int n_groups);

/* What was dropped, added up. */
void budget_describe(const struct program *p, const struct capture *captures,
		     const struct capture_group *groups, int n_groups, struct trace_dropped *out);

#endif
