/*
 * policy.h -- what is recorded of each value: the capture rules applied to one program.
 */
#ifndef TORCHLESS_TRACE_POLICY_H
#define TORCHLESS_TRACE_POLICY_H

#include "torchless/trace.h"

struct capture {
	bool stats;
	bool named; /* by a rule: statistics of a lazy value whatever its size */
	bool dump;
	bool whole;          /* every position */
	enum dtype dtype;    /* of the dump */
	int64_t first, last; /* positions to dump, inclusive, negative from the end of the pass */
	int rule;            /* which said so; -1: none, these are the defaults */
};

/*
 * Fill captures[p->n_values] for a program: statistics of every point, one dump of the last
 * position's resid_post and, with `keeps_attention`, queries and keys, unless the policy says none;
 * then the rules in order.  ERR_USAGE when a pattern matches nothing.
 */
int capture_policy_apply(const struct capture_policy *policy, bool keeps_attention,
			 const struct program *p, struct capture *captures, struct err *err);

/* Whether it is a rotated query or key. */
bool capture_is_attention(const struct value *v);

/* Mark in wanted[p->n_values] what a rule names, a set or points: how many, or ERR_USAGE. */
int capture_rule_match(const struct capture_rule *r, const struct program *p, bool *wanted,
		       struct err *err);

/* Append what a rule picks: "@last", "@3", "@3:7", "@-2:"; nothing for every position. */
void capture_rule_positions(const struct capture_rule *r, struct text *t);

/*
 * The rows [*begin, *end) to dump of a value whose n rows begin at position pos0; false when the
 * rule asks for none of them.
 */
bool capture_rows(const struct capture *c, int64_t pos0, int64_t n, int64_t *begin, int64_t *end);

#endif
