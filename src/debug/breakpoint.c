/*
 * breakpoint.c -- breakpoints, watchpoints, catchpoints, and whether one is hit.
 */
#include "debug_impl.h"

struct breakpoints {
	int n;
};

struct breakpoints *breakpoints_new(void)
{
	return mem_calloc(1, sizeof(struct breakpoints));
}

void breakpoints_free(struct breakpoints *b)
{
	free(b);
}

void breakpoints_mark(struct debugger *d, struct stopper *s)
{
	(void)d;
	(void)s;
}

int breakpoints_ask(struct debugger *d, struct moment *at, bool at_goal, struct err *err)
{
	(void)d;
	(void)at;
	(void)at_goal;
	(void)err;
	return 0;
}

void breakpoints_turn(struct debugger *d)
{
	(void)d;
}

int breakpoints_ask_back(struct debugger *d, struct moment *at, struct err *err)
{
	return breakpoints_ask(d, at, false, err);
}

void breakpoints_forget(struct debugger *d, const struct moment *at)
{
	(void)d;
	(void)at;
}
