/*
 * saved_look.c -- the columns that a narrow screen does without, of each saved query that is wide.
 *
 * What another column implies goes first.  A recording has its queries from whoever wrote it, so
 * that one may have other columns: those that it has not, nobody leaves out.
 */
#include "torchless/saved_query.h"

#include <string.h>

static const struct {
	const char *name, *columns; /* in the order in which they go */
} drops[] = {
	{ "merges", "step" },
	{ "bytes", "byte_end,token_id" },
	{ "tokens", "token_id" },
	{ "next", "logit,token_id,position" },
	{ "cuts", "position" },
	{ "lens", "second_percent,second" },
	{ "layer-knows", "before_it" },
	{ "residual", "growth,absmax" },
	{ "norms", "pos" },
	{ "massive", "pos" },
	{ "quiet-layers", "pos,stream_l2" },
	{ "big-values", "std,shape" },
	{ "units", "in_std" },
	{ "attention-entropy", "most_percent" },
	{ "looked-at", "heads_over_half" },
	{ "time", "gb_s,gflops,calls" },
	{ "roofline", "roof_gb_s,roof_gflops,intensity" },
	{ "slow", "gb_s" },
	{ "passes", "first_position,gb_s,gflops" },
	{ "cost", "intensity,calls,bytes_percent" },
	{ "cache", "bytes_a_position" },
	{ "first-bad", "numel" },
	{ "bad", "numel" },
	{ "first-divergence", "later,unknown,agree,pass" },
	{ "differ", "mean_b,mean_a,shape_b" },
	{ "runs", "n_generated,n_prompt,ms" },
	{ "dumps", "chunks,first_position" },
};

const char *query_drops(const char *name)
{
	for (size_t i = 0; i < sizeof(drops) / sizeof(*drops); i++)
		if (!strcmp(drops[i].name, name))
			return drops[i].columns;
	return NULL;
}
