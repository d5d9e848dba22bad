/*
 * confine.c -- in the child: limits of the system, and a filter of its calls.
 *
 * Limits of processes do not bind root, and those of files do not keep one from being made or
 * removed.  A seccomp filter does both, for everybody; a call that it forbids is told by name.
 * Where there is none, root becomes nobody, so that at least the limits bind.
 */
/* For setgroups() and syscall().  NOLINTNEXTLINE(bugprone-reserved-identifier) */
#define _GNU_SOURCE

#include "report.h"

#include <fcntl.h>
#include <grp.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#define MEMORY ((rlim_t)1 << 30) /* beside what is mapped already */
#define NOBODY 65534

/* What a call would do, and whether that is about files. */
struct forbidden {
	long number;
	const char *what;
	bool of_files;
};

static const char processes[] = "tried to start a process or a thread";
static const char signals[] = "tried to send a signal";
static const char files[] = "tried to write, make or remove a file";
static const char network[] = "tried to open a connection";

static const struct forbidden forbidden[] = {
#ifdef SYS_fork
	{ SYS_fork, processes, false },
	{ SYS_vfork, processes, false },
#endif
	{ SYS_clone, processes, false },
#ifdef SYS_clone3
	{ SYS_clone3, processes, false },
#endif
	{ SYS_execve, "tried to run a program", false },
	{ SYS_execveat, "tried to run a program", false },
	{ SYS_kill, signals, false },
	{ SYS_rt_sigqueueinfo, signals, false },
	{ SYS_rt_tgsigqueueinfo, signals, false },
#ifdef SYS_pidfd_send_signal
	{ SYS_pidfd_send_signal, signals, false },
#endif
	{ SYS_ptrace, "tried to trace a process", false },
	{ SYS_socket, network, false },
	{ SYS_connect, network, false },
#ifdef SYS_open
	{ SYS_creat, files, true },
	{ SYS_unlink, files, true },
	{ SYS_rename, files, true },
	{ SYS_mkdir, files, true },
	{ SYS_rmdir, files, true },
	{ SYS_link, files, true },
	{ SYS_symlink, files, true },
	{ SYS_chmod, files, true },
	{ SYS_chown, files, true },
	{ SYS_lchown, files, true },
	{ SYS_mknod, files, true },
#endif
#ifdef SYS_renameat
	{ SYS_renameat, files, true },
#endif
#ifdef SYS_openat2
	{ SYS_openat2, files, true },
#endif
	{ SYS_unlinkat, files, true },
	{ SYS_renameat2, files, true },
	{ SYS_mkdirat, files, true },
	{ SYS_linkat, files, true },
	{ SYS_symlinkat, files, true },
	{ SYS_fchmodat, files, true },
	{ SYS_fchownat, files, true },
	{ SYS_mknodat, files, true },
	{ SYS_truncate, files, true },
};
enum { N_FORBIDDEN = sizeof(forbidden) / sizeof(forbidden[0]) };

#if defined(__x86_64__)
#define MACHINE AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define MACHINE AUDIT_ARCH_AARCH64
#else
#define MACHINE 0
#endif

const char *confine_what(long number)
{
	for (int i = 0; i < N_FORBIDDEN; i++)
		if (forbidden[i].number == number)
			return forbidden[i].what;
	if (number == SYS_tgkill || number == SYS_tkill)
		return signals;
	return files; /* open() and openat(), by their flags */
}

#define LOAD(field)                                                                                \
	(struct sock_filter)                                                                       \
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field))
#define UNLESS(value, skip)                                                                        \
	(struct sock_filter) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)(value), 0, (skip))
#define RETURN(what) (struct sock_filter) BPF_STMT(BPF_RET | BPF_K, (what))

/* open() by its flags: to write or to make one.  Behind it the number of the call is there again.
 */
static int add_open(struct sock_filter *f, int n, long number, int argument)
{
	f[n++] = UNLESS(number, 3);
	f[n++] = LOAD(args[argument]);
	f[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K,
					      O_WRONLY | O_RDWR | O_CREAT | O_TRUNC, 0, 1);
	f[n++] = RETURN(SECCOMP_RET_TRAP);
	f[n++] = LOAD(nr);
	return n;
}

/* A signal to this process itself is what raise() and abort() are. */
static int add_signal(struct sock_filter *f, int n, long number)
{
	f[n++] = UNLESS(number, 4);
	f[n++] = LOAD(args[0]);
	f[n++] = UNLESS(getpid(), 1);
	f[n++] = RETURN(SECCOMP_RET_ALLOW);
	f[n++] = RETURN(SECCOMP_RET_TRAP);
	return n;
}

static bool filter_calls(bool may_write_files)
{
	struct sock_filter f[2 * N_FORBIDDEN + 40];
	struct sock_fprog program = { .filter = f };
	int n = 0;

	if (MACHINE == 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		return false;
	f[n++] = LOAD(arch);
	f[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, MACHINE, 1, 0);
	f[n++] = RETURN(SECCOMP_RET_KILL);
	f[n++] = LOAD(nr);
	for (int i = 0; i < N_FORBIDDEN; i++) {
		if (forbidden[i].of_files && may_write_files)
			continue;
		f[n++] = UNLESS(forbidden[i].number, 1);
		f[n++] = RETURN(SECCOMP_RET_TRAP);
	}
	n = add_signal(f, n, SYS_tgkill);
	n = add_signal(f, n, SYS_tkill);
	if (!may_write_files) {
#ifdef SYS_open
		n = add_open(f, n, SYS_open, 1);
#endif
		n = add_open(f, n, SYS_openat, 2);
	}
	f[n++] = RETURN(SECCOMP_RET_ALLOW);
	program.len = (unsigned short)n;
	return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0) == 0;
}

static void limit(int what, rlim_t soft, rlim_t hard)
{
	const struct rlimit l = { soft, hard };

	setrlimit(what, &l);
}

/* What this process has mapped: under a sanitizer it is terabytes. */
static rlim_t mapped_bytes(void)
{
	FILE *f = fopen("/proc/self/statm", "r");
	unsigned long long pages = 0;

	if (!f)
		return 0;
	if (fscanf(f, "%llu", &pages) != 1)
		pages = 0;
	fclose(f);
	return pages * (rlim_t)sysconf(_SC_PAGESIZE);
}

void confine_install(const struct sandbox *s)
{
	rlim_t cpu = (rlim_t)(s->cpu_seconds > 0 ? s->cpu_seconds : 2), mapped = mapped_bytes();

	limit(RLIMIT_CPU, cpu ? cpu : 1, (cpu ? cpu : 1) + 1);
	limit(RLIMIT_CORE, 0, 0);
	limit(RLIMIT_NPROC, 0, 0);
	if (!s->may_write_files)
		limit(RLIMIT_FSIZE, 0, 0);
	if (mapped > 0 && !s->is_sanitized)
		limit(RLIMIT_AS, mapped + MEMORY, mapped + MEMORY);
	if (!filter_calls(s->may_write_files) && geteuid() == 0 && !s->may_write_files) {
		if (setgroups(0, NULL) || setgid(NOBODY) || setuid(NOBODY))
			_exit(EXIT_FAILURE);
		prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
	}
}
