/*
 * report.h -- what the child leaves behind, in memory that it shares with us.
 */
#ifndef LESSON_SANDBOX_REPORT_H
#define LESSON_SANDBOX_REPORT_H

#include "sandbox.h"

enum report_phase { REPORT_BEGUN, REPORT_LOADING, REPORT_CALLING, REPORT_DONE };

enum report_end {
	END_NONE,
	END_TOUCHED,   /* a guard of an array */
	END_WROTE,     /* an element of an input */
	END_NULL,      /* an address near 0 */
	END_STACK,     /* beyond the end of the stack */
	END_ELSEWHERE, /* any other address */
	END_CROOKED,   /* an address that none can be, or not of what was asked for there */
	END_FLOATING,  /* a floating-point exception that was made a signal */
	END_SIGNAL,    /* `number`: SIGFPE, SIGABRT, … */
	END_CPU,
	END_FILE_SIZE,
	END_EXIT,      /* by itself, with the status `number` */
	END_FORBIDDEN, /* a call of the system, by its number */
	END_LOAD,      /* the library: `text` says why */
	END_SYMBOL,    /* `text` is not in it */
	END_OBJECT,    /* `text` is in it, and is no function */
};

struct report {
	volatile enum report_phase phase;
	enum report_end end;
	int at, status;
	long number;
	char name[32];
	long long index, n; /* of an array */
	char text[400];
};

/* Of this process, once it is the child. */
extern struct report *sandbox_report;

/* Say how it ended, once: what comes later is a consequence. */
void sandbox_end(struct report *r, enum report_end end, long number);

/* guard.c: handlers of signals and of an exit. */
void guard_install(struct report *r);

/* confine.c: from now on nothing but computing.  May fail quietly: it is a net, not a wall. */
void confine_install(const struct sandbox *s);
const char *confine_what(long number);

#endif
