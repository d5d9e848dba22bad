/*
 * cmd_export.c -- `torchless export`.
 */
#include "torchless/cli.h"

int cmd_export(struct invocation *in, struct err *err)
{
	(void)in;
	return err_set(err, ERR_USAGE, "export is being built");
}
