/*
 * faults.c -- a library to preload: one system call, or one allocation, of a program goes wrong.
 *
 *	FAULT_CALL=write FAULT_AT=17 FAULT_DO=ENOSPC LD_PRELOAD=faults.so torchless trace ...
 *
 * The calls are caught where the kernel takes them, not where the C library is entered: a filter
 * (seccomp) has the kernel answer the calls of one kind with a signal, and the handler makes the
 * call itself, lets it fail, cuts it short, or kills the process before or after it.  So nothing
 * escapes: stdio inside the C library, SQLite's own table of calls and every name of a call
 * (open, open64, openat) are one kind.  Allocations do not reach the kernel; those are caught by
 * functions of the same names, which the loader prefers.  The sanitizers' runtime is left alone.
 *
 *	FAULT_CALL   read write sync open map anon rename link unlink stat truncate lock
 *	             close folder change (what can change a file or a folder) alloc every
 *	FAULT_AT     which call of that kind, from 1 on; 0: none, they are only counted
 *	FAULT_DO     the name of an error, as EIO; short (half of a read or write); kill;
 *	             killed (after it)
 *	FAULT_ON     1: every call from FAULT_AT on fails, after a short one with ENOSPC or EIO
 *	FAULT_FILE   where "fault at N: call" is written; of "every", at the end, "N calls: kind"
 *
 * What the program writes to stderr is not touched: a sentence needs somewhere to go.
 */
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

/* ---- a system call from an address that the filter lets pass -----------------------------------
 */

long fault_pass(long nr, long a, long b, long c, long d, long e, long f);
extern const char fault_passed[]; /* the address after the instruction, which the filter sees */

#if defined(__x86_64__)
#define ARCH AUDIT_ARCH_X86_64
__asm__(".text\n.globl fault_pass\n.hidden fault_pass\n.globl fault_passed\n.hidden fault_passed\n"
	".type fault_pass, @function\n"
	"fault_pass:\n\tmov %rdi, %rax\n\tmov %rsi, %rdi\n\tmov %rdx, %rsi\n\tmov %rcx, %rdx\n"
	"\tmov %r8, %r10\n\tmov %r9, %r8\n\tmov 8(%rsp), %r9\n\tsyscall\n"
	"fault_passed:\n\tret\n.size fault_pass, . - fault_pass\n");

static long *result_of(ucontext_t *context)
{
	return (long *)&context->uc_mcontext.gregs[REG_RAX];
}

static void arguments_of(const ucontext_t *context, long a[6])
{
	static const int regs[6] = { REG_RDI, REG_RSI, REG_RDX, REG_R10, REG_R8, REG_R9 };

	for (int i = 0; i < 6; i++)
		a[i] = (long)context->uc_mcontext.gregs[regs[i]];
}
#elif defined(__aarch64__)
#define ARCH AUDIT_ARCH_AARCH64
__asm__(".text\n.globl fault_pass\n.hidden fault_pass\n.globl fault_passed\n.hidden fault_passed\n"
	".type fault_pass, %function\n"
	"fault_pass:\n\tmov x8, x0\n\tmov x0, x1\n\tmov x1, x2\n\tmov x2, x3\n\tmov x3, x4\n"
	"\tmov x4, x5\n\tmov x5, x6\n\tsvc #0\n"
	"fault_passed:\n\tret\n.size fault_pass, . - fault_pass\n");

static long *result_of(ucontext_t *context)
{
	return (long *)&context->uc_mcontext.regs[0];
}

static void arguments_of(const ucontext_t *context, long a[6])
{
	for (int i = 0; i < 6; i++)
		a[i] = (long)context->uc_mcontext.regs[i];
}
#else
#error "faults.c knows the system calls of x86-64 and of AArch64"
#endif

/* ---- what goes wrong ---------------------------------------------------------------------------
 */

enum kind {
	READ = 1 << 0,
	WRITE = 1 << 1,
	SYNC = 1 << 2,
	OPEN = 1 << 3,
	MAP = 1 << 4,  /* a file */
	ANON = 1 << 5, /* memory */
	RENAME = 1 << 6,
	LINK = 1 << 7,
	UNLINK = 1 << 8,
	STAT = 1 << 9,
	TRUNCATE = 1 << 10,
	LOCK = 1 << 11,
	CLOSE = 1 << 12,
	FOLDER = 1 << 13,
	ALLOC = 1 << 14,
};

static const struct {
	const char *name;
	int kinds;
} kind_table[] = {
	{ "read", READ },
	{ "write", WRITE },
	{ "sync", SYNC },
	{ "open", OPEN },
	{ "map", MAP },
	{ "anon", ANON },
	{ "rename", RENAME },
	{ "link", LINK },
	{ "unlink", UNLINK },
	{ "stat", STAT },
	{ "lock", LOCK },
	{ "truncate", TRUNCATE },
	{ "close", CLOSE },
	{ "folder", FOLDER },
	{ "alloc", ALLOC },
	{ "every", (ALLOC << 1) - 1 },
	{ "change", WRITE | SYNC | OPEN | RENAME | LINK | UNLINK | TRUNCATE | FOLDER },
};

static const struct {
	int nr;
	int kinds;
	const char *name;
} call_table[] = {
#ifdef SYS_open /* what AArch64 does not have */
	{ SYS_open, OPEN, "open" },
	{ SYS_stat, STAT, "stat" },
	{ SYS_lstat, STAT, "lstat" },
	{ SYS_access, STAT, "access" },
	{ SYS_rename, RENAME, "rename" },
	{ SYS_link, LINK, "link" },
	{ SYS_unlink, UNLINK, "unlink" },
	{ SYS_mkdir, FOLDER, "mkdir" },
#endif
#ifdef SYS_renameat
	{ SYS_renameat, RENAME, "renameat" },
#endif
#ifdef SYS_faccessat2
	{ SYS_faccessat2, STAT, "faccessat2" },
#endif
	{ SYS_read, READ, "read" },
	{ SYS_pread64, READ, "pread" },
	{ SYS_readv, READ, "readv" },
	{ SYS_preadv, READ, "preadv" },
	{ SYS_getdents64, FOLDER, "getdents" },
	{ SYS_write, WRITE, "write" },
	{ SYS_pwrite64, WRITE, "pwrite" },
	{ SYS_writev, WRITE, "writev" },
	{ SYS_pwritev, WRITE, "pwritev" },
	{ SYS_fallocate, WRITE, "fallocate" },
	{ SYS_fsync, SYNC, "fsync" },
	{ SYS_fdatasync, SYNC, "fdatasync" },
	{ SYS_openat, OPEN, "openat" },
	{ SYS_mmap, MAP | ANON, "mmap" },
	{ SYS_mremap, ANON, "mremap" },
	{ SYS_renameat2, RENAME, "renameat2" },
	{ SYS_linkat, LINK, "linkat" },
	{ SYS_unlinkat, UNLINK, "unlinkat" },
	{ SYS_newfstatat, STAT, "newfstatat" },
	{ SYS_fstat, STAT, "fstat" },
	{ SYS_statx, STAT, "statx" },
	{ SYS_faccessat, STAT, "faccessat" },
	{ SYS_ftruncate, TRUNCATE, "ftruncate" },
	{ SYS_fcntl, LOCK, "fcntl" },
	{ SYS_flock, LOCK, "flock" },
	{ SYS_close, CLOSE, "close" },
	{ SYS_mkdirat, FOLDER, "mkdirat" },
};

#define N_CALLS ((int)(sizeof(call_table) / sizeof(call_table[0])))

static const struct {
	const char *name;
	int code;
} error_table[] = {
	{ "EIO", EIO },       { "ENOSPC", ENOSPC }, { "EMFILE", EMFILE }, { "ENFILE", ENFILE },
	{ "EACCES", EACCES }, { "EPERM", EPERM },   { "ENOMEM", ENOMEM }, { "ENOLCK", ENOLCK },
	{ "EROFS", EROFS },   { "EINTR", EINTR },   { "EDQUOT", EDQUOT }, { "EBUSY", EBUSY },
	{ "EAGAIN", EAGAIN }, { "EXDEV", EXDEV },   { "ENOENT", ENOENT }, { "ELOOP", ELOOP },
	{ "EFBIG", EFBIG },   { "EINVAL", EINVAL }, { "EEXIST", EEXIST }, { "ESTALE", ESTALE },
};

static struct {
	int kinds;
	long at;
	int code; /* of the error; 0: it is one of the others */
	bool is_short, kill_before, kill_after;
	bool on; /* as are the calls that follow */
	char file[4096];
	bool armed;
} fault;

/* A process that the program copies itself into counts on, and so does the program after it. */
static struct counts {
	atomic_long calls, of_kind[sizeof(kind_table) / sizeof(kind_table[0])];
} * counts;

static void say(const char *format, long n, const char *name)
{
	char line[128];
	int len;
	long fd;

	if (!fault.file[0])
		return;
	len = snprintf(line, sizeof(line), format, n, name);
	fd = fault_pass(SYS_openat, AT_FDCWD, (long)fault.file,
			O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666, 0, 0);
	fault_pass(SYS_write, fd, (long)line, len, 0, 0, 0);
	fault_pass(SYS_close, fd, 0, 0, 0, 0, 0);
}

/* How many of each kind there were, so that one run tells. */
static void count(int kinds)
{
	for (size_t i = 0; i < sizeof(kind_table) / sizeof(kind_table[0]); i++) {
		if (kind_table[i].kinds & kinds)
			atomic_fetch_add(&counts->of_kind[i], 1);
	}
}

static void say_counts(void)
{
	for (size_t i = 0; i < sizeof(kind_table) / sizeof(kind_table[0]); i++)
		say("%ld calls: %s\n", atomic_load(&counts->of_kind[i]), kind_table[i].name);
}

/* Count a call; whether it is to go wrong, and whether it is the first that does. */
static bool is_hit(const char *name, int kinds, bool *first)
{
	long n = atomic_fetch_add(&counts->calls, 1) + 1;

	if (!fault.at)
		count(kinds);
	*first = n == fault.at;
	if (*first)
		say("fault at %ld: %s\n", n, name);
	return fault.at && (n == fault.at || (fault.on && n > fault.at));
}

static void end_here(void)
{
	fault_pass(SYS_kill, getpid(), SIGKILL, 0, 0, 0, 0);
	for (;;)
		;
}

/* ---- system calls ------------------------------------------------------------------------------
 */

/* The kind of a call of the table, which is a matter of its arguments too; 0: it is left alone. */
static int kind_of(int call, const long a[6])
{
	switch (call_table[call].nr) {
	case SYS_mmap:
		return a[3] & MAP_ANONYMOUS ? ANON : MAP;
	case SYS_write:
	case SYS_writev:
		return a[0] != STDERR_FILENO ? WRITE : 0;
	case SYS_close:
		return a[0] > STDERR_FILENO ? CLOSE : 0;
	case SYS_fcntl:
		return a[1] == F_SETLK || a[1] == F_SETLKW || a[1] == F_GETLK ? LOCK : 0;
	default:
		return call_table[call].kinds;
	}
}

static long make_call(int nr, const long a[6])
{
	return fault_pass(nr, a[0], a[1], a[2], a[3], a[4], a[5]);
}

/* Half of it; what follows a short one fails. */
static long cut_call(int call, const long a[6], bool first)
{
	bool reads = call_table[call].kinds & READ;
	long cut[6];

	if (!first)
		return reads ? -EIO : -ENOSPC;
	memcpy(cut, a, sizeof(cut));
	if (cut[2] > 1)
		cut[2] /= 2;
	return make_call(call_table[call].nr, cut);
}

static long answer(int call, const long a[6])
{
	int kinds = kind_of(call, a);
	bool first;
	long result;

	if (!(kinds & fault.kinds) || !is_hit(call_table[call].name, kinds, &first))
		return make_call(call_table[call].nr, a);
	if (fault.kill_before)
		end_here();
	if (fault.is_short)
		return cut_call(call, a, first);
	if (fault.code) {
		/* The descriptor of a close that fails is closed all the same. */
		if (call_table[call].nr == SYS_close)
			make_call(SYS_close, a);
		return -fault.code;
	}
	result = make_call(call_table[call].nr, a);
	end_here();
	return result;
}

static void on_call(int signal_number, siginfo_t *info, void *context)
{
	int saved = errno, call = 0;
	long a[6];

	(void)signal_number;
	arguments_of(context, a);
	if (info->si_syscall == SYS_exit_group) {
		if (!fault.at)
			say_counts();
		make_call(SYS_exit_group, a);
	}
	while (call < N_CALLS && call_table[call].nr != info->si_syscall)
		call++;
	*result_of(context) = call < N_CALLS ? answer(call, a) : -ENOSYS;
	errno = saved;
}

struct filter {
	struct sock_filter ops[64 + 12 * 8];
	unsigned short n;
};

static void add(struct filter *f, struct sock_filter op)
{
	f->ops[f->n++] = op;
}

static void load(struct filter *f, size_t offset)
{
	add(f, (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (unsigned)offset));
}

/* Let pass what is called from [begin, end). */
static void pass_range(struct filter *f, uint64_t begin, uint64_t end)
{
	const size_t ip = offsetof(struct seccomp_data, instruction_pointer);
	const bool little = *(const char *)&(const int){ 1 };

	while (begin < end) {
		uint64_t last = begin | 0xffffffff;
		uint64_t stop = last < end - 1 ? last : end - 1;

		load(f, ip + (little ? 4 : 0));
		add(f, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, begin >> 32, 0, 4));
		load(f, ip + (little ? 0 : 4));
		add(f,
		    (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, (uint32_t)begin, 0, 2));
		add(f,
		    (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, (uint32_t)stop, 1, 0));
		add(f, (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW));
		begin = stop + 1;
	}
}

/* Its threads look for leaks with every signal blocked. */
static int pass_sanitizer(struct dl_phdr_info *info, size_t size, void *filter)
{
	(void)size;
	if (!info->dlpi_name || !strstr(info->dlpi_name, "san.so"))
		return 0;
	for (int i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *p = &info->dlpi_phdr[i];

		if (p->p_type == PT_LOAD && p->p_flags & PF_X)
			pass_range(filter, info->dlpi_addr + p->p_vaddr,
				   info->dlpi_addr + p->p_vaddr + p->p_memsz);
	}
	return 0;
}

static void trap(struct filter *f, int nr)
{
	add(f, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)nr, 0, 1));
	add(f, (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRAP));
}

static void catch_calls(void)
{
	struct sigaction action = { .sa_sigaction = on_call, .sa_flags = SA_SIGINFO | SA_NODEFER };
	struct filter f = { .n = 0 };
	struct sock_fprog program = { .filter = f.ops };

	load(&f, offsetof(struct seccomp_data, arch));
	add(&f, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ARCH, 1, 0));
	add(&f, (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW));
	pass_range(&f, (uintptr_t)fault_passed, (uintptr_t)fault_passed + 1);
	dl_iterate_phdr(pass_sanitizer, &f);
	load(&f, offsetof(struct seccomp_data, nr));
	for (int i = 0; i < N_CALLS; i++) {
		if (call_table[i].kinds & fault.kinds)
			trap(&f, call_table[i].nr);
	}
	trap(&f, SYS_exit_group);
	add(&f, (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW));
	program.len = f.n;
	sigaction(SIGSYS, &action, NULL);
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
	    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program)) {
		perror("faults.so: seccomp");
		_exit(125);
	}
}

/* ---- allocations -------------------------------------------------------------------------------
 */

/* The C library's, and those of the address sanitizer where that is there. */
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *p, size_t size);
void *__libc_memalign(size_t align, size_t size);
void *__interceptor_malloc(size_t size) __attribute__((weak));
void *__interceptor_calloc(size_t n, size_t size) __attribute__((weak));
void *__interceptor_realloc(void *p, size_t size) __attribute__((weak));
void *__interceptor_aligned_alloc(size_t align, size_t size) __attribute__((weak));
int __interceptor_posix_memalign(void **p, size_t align, size_t size) __attribute__((weak));

static bool no_memory(const char *name)
{
	bool first;

	if (!fault.armed || !(fault.kinds & ALLOC) || !is_hit(name, ALLOC, &first))
		return false;
	if (fault.kill_before || fault.kill_after)
		end_here();
	errno = ENOMEM;
	return true;
}

void *malloc(size_t size)
{
	if (no_memory("malloc"))
		return NULL;
	return __interceptor_malloc ? __interceptor_malloc(size) : __libc_malloc(size);
}

void *calloc(size_t n, size_t size)
{
	if (no_memory("calloc"))
		return NULL;
	return __interceptor_calloc ? __interceptor_calloc(n, size) : __libc_calloc(n, size);
}

void *realloc(void *p, size_t size)
{
	if (no_memory("realloc"))
		return NULL;
	return __interceptor_realloc ? __interceptor_realloc(p, size) : __libc_realloc(p, size);
}

void *aligned_alloc(size_t align, size_t size)
{
	if (no_memory("aligned_alloc"))
		return NULL;
	return __interceptor_aligned_alloc ? __interceptor_aligned_alloc(align, size)
					   : __libc_memalign(align, size);
}

int posix_memalign(void **p, size_t align, size_t size)
{
	int saved = errno;

	if (no_memory("posix_memalign")) {
		errno = saved;
		return ENOMEM;
	}
	if (__interceptor_posix_memalign)
		return __interceptor_posix_memalign(p, align, size);
	*p = __libc_memalign(align, size);
	return *p ? 0 : ENOMEM;
}

/* ---- time --------------------------------------------------------------------------------------
 */

/* Who waits for a lock that never comes need not be waited for: SQLite counts how long it slept. */
int usleep(useconds_t us)
{
	struct timespec t = { .tv_sec = us / 1000000, .tv_nsec = (long)(us % 1000000) * 1000 };

	if (!fault.armed || !(fault.kinds & LOCK))
		fault_pass(SYS_nanosleep, (long)&t, 0, 0, 0, 0, 0);
	return 0;
}

/* ---- signals -----------------------------------------------------------------------------------
 */

/* A thread that blocks the signal of the filter would be killed at its first call. */
int pthread_sigmask(int how, const sigset_t *set, sigset_t *old)
{
	sigset_t mask;

	if (set) {
		mask = *set;
		if (how != SIG_UNBLOCK)
			sigdelset(&mask, SIGSYS);
		set = &mask;
	}
	return -(int)fault_pass(SYS_rt_sigprocmask, how, (long)set, (long)old, _NSIG / 8, 0, 0);
}

/* ---- what is asked for -------------------------------------------------------------------------
 */

static const char *setting(const char *name, const char *otherwise)
{
	const char *value = getenv(name);

	return value && *value ? value : otherwise;
}

static void refuse(const char *name, const char *value)
{
	fprintf(stderr, "faults.so: %s cannot be %s\n", name, value);
	_exit(125);
}

static void read_action(const char *action)
{
	fault.is_short = !strcmp(action, "short");
	fault.kill_before = !strcmp(action, "kill");
	fault.kill_after = !strcmp(action, "killed");
	for (size_t i = 0; i < sizeof(error_table) / sizeof(error_table[0]); i++) {
		if (!strcmp(action, error_table[i].name))
			fault.code = error_table[i].code;
	}
	if (!fault.is_short && !fault.kill_before && !fault.kill_after && !fault.code)
		refuse("FAULT_DO", action);
}

__attribute__((constructor)) static void arm(void)
{
	const char *call = setting("FAULT_CALL", NULL);

	if (!call)
		return;
	for (size_t i = 0; i < sizeof(kind_table) / sizeof(kind_table[0]); i++) {
		if (!strcmp(call, kind_table[i].name))
			fault.kinds = kind_table[i].kinds;
	}
	if (!fault.kinds)
		refuse("FAULT_CALL", call);
	counts = mmap(NULL, sizeof(*counts), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
		      0);
	if (counts == MAP_FAILED)
		refuse("memory", "shared");
	fault.at = strtol(setting("FAULT_AT", "0"), NULL, 10);
	fault.on = !strcmp(setting("FAULT_ON", "0"), "1");
	read_action(setting("FAULT_DO", "EIO"));
	snprintf(fault.file, sizeof(fault.file), "%s", setting("FAULT_FILE", ""));
	if (fault.kinds != ALLOC)
		catch_calls();
	fault.armed = true;
}
