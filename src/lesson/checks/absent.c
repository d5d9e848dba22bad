/*
 * absent.c -- the kinds of checks that this program does not have yet: a sentence each.
 *
 * They are weak symbols, so that the file of a kind takes the place of what stands here.
 */
#include "check.h"

#define ABSENT(kind)                                                                               \
	__attribute__((weak)) int check_##kind(const struct check *c, struct verdict *v,           \
					       struct err *err)                                    \
	{                                                                                          \
		(void)v;                                                                           \
		return err_set(err, ERR_TOOL, "%s: this program cannot check a " #kind,            \
			       c->exercise->id);                                                   \
	}

ABSENT(kernel)
ABSENT(milestone)
