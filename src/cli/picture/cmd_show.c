/*
 * cmd_show.c -- `torchless show`.
 */
#include "torchless/cli.h"

int cmd_show(struct invocation *in, struct err *err)
{
	(void)in;
	return err_set(err, ERR_USAGE, "show is being built");
}
