/*
 * executor_source.h -- the values of the pass an executor is in, as arrays by name.
 */
#ifndef TORCHLESS_EXECUTOR_SOURCE_H
#define TORCHLESS_EXECUTOR_SOURCE_H

#include "torchless/array.h"
#include "torchless/executor.h"

/*
 * What stands in the executor's memory now, under every name that a point has (point.h) and under
 * the names of weights and inputs: "L3.attn.pattern[head=2, q=-1]".  Shapes are those of this pass
 * and positions are absolute, as a recording of it has them.  Elements are copied, so that they
 * stay when the executor goes on; of a lazy value only the heads asked for are recomputed.
 *
 * ERR_USAGE when the value was not computed yet or its memory was reused, and for run= and pass=,
 * which ask for what is recorded.  The executor must outlive the source and stand still while it
 * is asked.
 */
struct array_source executor_source(struct executor *ex);

#endif
