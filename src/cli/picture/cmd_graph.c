/*
 * cmd_graph.c -- `torchless graph`.
 */
#include "torchless/cli.h"

int cmd_graph(struct invocation *in, struct err *err)
{
	(void)in;
	return err_set(err, ERR_USAGE, "graph is being built");
}
