/*
 * cmd_report.c -- `torchless report`.
 */
#include "torchless/cli.h"

int cmd_report(struct invocation *in, struct err *err)
{
	(void)in;
	return err_set(err, ERR_USAGE, "report is being built");
}
