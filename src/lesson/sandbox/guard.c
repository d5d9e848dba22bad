/*
 * guard.c -- in the child: what a fault, a signal or an exit means, said in words of arrays.
 *
 * Handlers run on a stack of their own, because what overflows may be the stack.
 */
/* For on_exit() and registers of a signal.  NOLINTNEXTLINE(bugprone-reserved-identifier) */
#define _GNU_SOURCE

#include "report.h"

#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <ucontext.h>
#include <unistd.h>

#define STACK_BYTES 65536
#define STACK_LIMIT ((size_t)8 << 20)
#define STACK_FAR   ((size_t)64 << 30) /* a stack pointer further away is no stack's */

struct report *sandbox_report;

static struct sandbox_buffer *watched;
static int n_watched;
static const char *stack_top;
static char handler_stack[STACK_BYTES] __attribute__((aligned(16)));

void sandbox_at(int at, struct sandbox_buffer *buffers, int n)
{
	watched = buffers;
	n_watched = n;
	if (sandbox_report)
		sandbox_report->at = at;
}

void sandbox_end(struct report *r, enum report_end end, long number)
{
	if (r->end != END_NONE)
		return;
	r->end = end;
	r->number = number;
}

/* The array that has the address, or whose guard does. */
static const struct sandbox_buffer *array_at(const char *address)
{
	for (int i = 0; i < n_watched; i++)
		if (address >= watched[i].map && address < watched[i].map + watched[i].map_bytes)
			return &watched[i];
	return NULL;
}

static void tell_array(struct report *r, const struct sandbox_buffer *b, const char *address)
{
	long long bytes = address - b->data, size = (long long)b->size;
	long long index = bytes >= 0 ? bytes / size : -((-bytes + size - 1) / size);

	r->index = index;
	r->n = b->n;
	for (size_t i = 0; i + 1 < sizeof(r->name) && b->name[i]; i++)
		r->name[i] = b->name[i];
	if (index < 0 || index >= b->n)
		sandbox_end(r, END_TOUCHED, 0);
	else
		/* Of its own outputs it may have unmapped one. */
		sandbox_end(r, b->access == SANDBOX_IN ? END_WROTE : END_ELSEWHERE, 0);
}

/* Whether the stack has grown beyond its end: one large array steps over the page that guards it.
 */
static bool is_stack_spent(const ucontext_t *context)
{
	const uintptr_t top = (uintptr_t)stack_top;
#if defined(__x86_64__)
	const uintptr_t sp = (uintptr_t)context->uc_mcontext.gregs[REG_RSP];
#elif defined(__aarch64__)
	const uintptr_t sp = (uintptr_t)context->uc_mcontext.sp;
#else
	const uintptr_t sp = top;

	(void)context;
#endif
	return sp < top - STACK_LIMIT && sp > top - STACK_FAR;
}

static void on_fault(int sig, siginfo_t *info, void *context)
{
	const char *address = info->si_addr;
	const struct sandbox_buffer *b = array_at(address);

	if (info->si_code == SI_KERNEL || (sig == SIGBUS && info->si_code == BUS_ADRALN))
		/* The system does not say where. */
		sandbox_end(sandbox_report, END_CROOKED, sig);
	else if (b)
		tell_array(sandbox_report, b, address);
	else if (address < (const char *)65536)
		sandbox_end(sandbox_report, END_NULL, sig);
	else if ((address < stack_top && address > stack_top - STACK_LIMIT - 65536) ||
		 is_stack_spent(context))
		sandbox_end(sandbox_report, END_STACK, sig);
	else
		sandbox_end(sandbox_report, END_ELSEWHERE, sig);
	_exit(EXIT_FAILURE);
}

static void on_signal(int sig, siginfo_t *info, void *context)
{
	(void)context;
	if (sig == SIGSYS)
		sandbox_end(sandbox_report, END_FORBIDDEN, info->si_syscall);
	else if (sig == SIGXCPU)
		sandbox_end(sandbox_report, END_CPU, 0);
	else if (sig == SIGXFSZ)
		sandbox_end(sandbox_report, END_FILE_SIZE, 0);
	else if (sig == SIGFPE && info->si_code != FPE_INTDIV && info->si_code != FPE_INTOVF)
		sandbox_end(sandbox_report, END_FLOATING, 0);
	else
		sandbox_end(sandbox_report, END_SIGNAL, sig);
	_exit(EXIT_FAILURE);
}

/* An exit runs what was registered last first: this is the last of ours, and nothing of the rest of
 * the program is run in the copy. */
static void on_end(int status, void *ctx)
{
	(void)ctx;
	sandbox_end(sandbox_report, END_EXIT, status);
	_exit(EXIT_FAILURE);
}

void guard_install(struct report *r)
{
	static const int faults[] = { SIGSEGV, SIGBUS };
	static const int others[] = { SIGSYS,  SIGXCPU, SIGXFSZ, SIGFPE, SIGILL,
				      SIGABRT, SIGTRAP, SIGTERM, SIGALRM };
	struct sigaction on = { .sa_flags = SA_SIGINFO | SA_ONSTACK };
	stack_t stack = { .ss_sp = handler_stack, .ss_size = sizeof(handler_stack) };
	struct rlimit limit;

	sandbox_report = r;
	stack_top = (const char *)__builtin_frame_address(0) + 65536;
	if (getrlimit(RLIMIT_STACK, &limit) == 0 && limit.rlim_cur > STACK_LIMIT) {
		limit.rlim_cur = STACK_LIMIT;
		setrlimit(RLIMIT_STACK, &limit);
	}
	sigaltstack(&stack, NULL);
	sigemptyset(&on.sa_mask);
	on.sa_sigaction = on_fault;
	for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++)
		sigaction(faults[i], &on, NULL);
	on.sa_sigaction = on_signal;
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		sigaction(others[i], &on, NULL);
	on_exit(on_end, NULL);
}
