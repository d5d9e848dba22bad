/* cmd_help.c -- leaving, and help. */
#include "debug_impl.h"

#include <errno.h>

int cmd_quit(struct debugger *d, const char *args, struct err *err)
{
	char *end;
	long status = 0;

	errno = 0;
	if (*args)
		status = strtol(args, &end, 10);
	if (*args && (errno || *end || status < 0 || status > 255))
		return err_set(err, ERR_USAGE, "'%.60s' is no exit status: 0 to 255", args);
	d->quit = true;
	d->exit_status = (int)status;
	return 0;
}
