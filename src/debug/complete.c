/* complete.c -- what may stand at the cursor. */
#include "debug_impl.h"

void debugger_complete(struct debugger *d, const char *before, const char *after,
		       struct candidates *c)
{
	(void)d;
	(void)before;
	(void)after;
	(void)c;
}
