/*
 * test_sandbox_odd.c -- what learners do not write by accident every day: odd calls, odd addresses,
 * odd files.  Each is one sentence, or makes no difference, as whoever runs this and, where that is
 * root, as another user too.
 */
#define _DEFAULT_SOURCE

#include "lesson/sandbox/sandbox.h"

#include "torchless/clock.h"

#include <criterion/criterion.h>
#include <grp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static char cache[] = "/tmp/torchless-odd-XXXXXX";
static struct err err;

static void begin(void)
{
	cr_assert(mkdtemp(cache));
	chmod(cache, 0777);
}

static void end(void)
{
	char command[100];

	snprintf(command, sizeof(command), "rm -rf %s", cache);
	cr_assert(system(command) == 0);
}
TestSuite(sandbox_odd, .init = begin, .fini = end, .timeout = 400);

/* In a child of ours Criterion must not speak: it ends with what is wrong. */
static bool in_child;
#define must(is_so, ...)                                                                           \
	do {                                                                                       \
		if (in_child && !(is_so)) {                                                        \
			fprintf(stderr, __VA_ARGS__);                                              \
			_exit(2);                                                                  \
		}                                                                                  \
		cr_assert(is_so, __VA_ARGS__);                                                     \
	} while (0)

/* By the system's compiler: what others than gcc make of odd bytes is not written down here. */
static void compile(const char *source, size_t len, struct compiled *out)
{
	struct compile c = { .name = "k.c", .source = source, .len = len, .cache = cache };

	unsetenv("CC");
	must(sandbox_compile(&c, out, &err) == 0, "%s", err.message);
}

/* out[1000] is an output, x[1000] an input. */
static int body(void *ctx, sandbox_fn *const *fn)
{
	struct sandbox_buffer *b = ctx;
	void (*f)(float *out, const float *x, int n);

	memcpy(&f, fn, sizeof(f));
	sandbox_protect(b, 2);
	sandbox_at(1, b, 2);
	f((float *)(void *)b[0].data, (const float *)(const void *)b[1].data, 1000);
	return 0;
}

/* What is said of a library, "" where it came to its end with out[0] = 1. */
static void run(const char *library, char *says, size_t size, struct text *printed)
{
	struct sandbox_buffer b[2] = {
		{ .name = "out", .n = 1000, .size = 4, .access = SANDBOX_OUT },
		{ .name = "x", .n = 1000, .size = 4, .access = SANDBOX_IN },
	};
	struct sandbox s = { .file = "k.c",
			     .library = library,
			     .symbol = "f",
			     .body = body,
			     .ctx = b,
			     .cpu_seconds = 1,
			     .wall_seconds = 60 };
	float first;

	for (int i = 0; i < 2; i++)
		must(sandbox_map(&b[i], true, &err) == 0, "%s", err.message);
	memset(b[1].data, 0, 4000);
	must(sandbox_run(&s, &err) == 0, "%s", err.message);
	memcpy(&first, b[0].data, 4);
	snprintf(says, size, "%s", s.is_done ? first == 1 ? "" : "something else" : s.says);
	if (printed && s.printed.data)
		text_add(printed, s.printed.data, s.printed.len);
	for (int i = 0; i < 2; i++)
		sandbox_unmap(&b[i]);
	sandbox_release(&s);
}

static const char headers[] =
	"#define _GNU_SOURCE\n#include <fenv.h>\n#include <fcntl.h>\n#include <pthread.h>\n"
	"#include <setjmp.h>\n#include <signal.h>\n#include <stdio.h>\n#include <stdlib.h>\n"
	"#include <string.h>\n#include <sys/mman.h>\n#include <sys/stat.h>\n#include <sys/syscall.h>\n"
	"#include <unistd.h>\n";

#define F(body)                                                                                    \
	"void f(float *out, const float *x, int n) { (void)out; (void)x; (void)n; " body " }"
#define CROOKED                                                                                    \
	"used an address that is none: one that was never set, or that is not a multiple of what " \
	"is read or written there"
#define FILES "tried to write, make or remove a file"
#define STACK                                                                                      \
	"ran out of stack: a function that calls itself without end, or arrays of megabytes on it"

static const struct {
	const char *code, *says;
} odd[] = {
	/* Signals. */
	{ F("for (int i = 1; i < 65; i++) signal(i, SIG_IGN); out[1000] = 1;"),
	  "touched memory that is none of its arrays" },
	{ F("raise(SIGTERM);"), "was ended by signal 15 (Terminated)" },
	{ F("abort();"), "gave up by abort(): a failed assert(), or memory that was freed twice or "
			 "written beyond its end" },
	{ F("syscall(SYS_tgkill, getppid(), getppid(), 9);"), "tried to send a signal" },
	{ F("union sigval v = { 0 }; sigqueue(getppid(), SIGTERM, v);"), "tried to send a signal" },
	{ "static void *g(void *p) { return p; }\n" F(
		  "pthread_t t; pthread_create(&t, 0, g, 0); pthread_join(t, 0);"),
	  "tried to start a process or a thread" },
	/* Addresses. */
	{ F("volatile char *p = __builtin_alloca(1 << 30); p[0] = 1; out[0] = p[0];"), STACK },
	{ F("volatile char p[(size_t)n << 20]; p[0] = 1; out[0] = p[0];"), STACK },
	{ F("munmap((void *)((size_t)out & ~4095ul), 8192); out[0] = 1;"),
	  "touched memory that is none of its arrays" },
#ifdef __x86_64__
	{ F("__asm__ volatile(\"movaps %%xmm0, (%0)\" : : \"r\"((char *)out + 4) : \"memory\");"),
	  CROOKED },
	{ F("*(volatile float *)0x8000000000000000 = 1;"), CROOKED },
#endif
	{ "int f = 3;\n", "has a `f` that is no function" },
	{ "__attribute__((weak)) int missing(void);\n" F("out[0] = (float)missing();"),
	  "used a null pointer, or one that was never set" },
/* Numbers. */
#ifdef __x86_64__
	{ F("volatile float z = 0; feenableexcept(FE_DIVBYZERO); out[0] = 1 / z;"),
	  "asked for a signal at a floating-point exception (feenableexcept), and met one" },
#endif
	{ F("fesetround(FE_UPWARD); out[0] = 1;"), "" },
	/* Files. */
	{ F("mknod(\"/tmp/torchless-odd-file\", 0100644, 0);"), FILES },
	{ F("renameat(-100, \"/tmp/torchless-a\", -100, \"/tmp/torchless-b\");"), FILES },
	{ F("if (chown(\"/tmp/torchless-a\", 0, 0)) out[0] = 1;"), FILES },
	{ F("for (;;) fputs(\"again\", stderr);"), "printed more than 64 kB" },
	{ F("for (int i = 0; i < 64; i++) close(i); out[0] = 1;"), "" },
	/* Names of ours and of the library of C. */
	{ "void *malloc(size_t n) { (void)n; return NULL; }\n"
	  "void *memcpy(void *d, const void *s, size_t n) { (void)s; (void)n; return d; }\n"
	  "void _exit(int s) { for (;;) (void)s; }\n"
	  "int main(void) { return 7; }\n"
	  "void sandbox_end(void *r, int e, long n) { (void)r; (void)e; (void)n; }\n" F(
		  "out[1000] = 1;"),
	  "touched out[1000]; out has 1000 elements" },
	{ "__attribute__((destructor)) static void d(void) { for (;;) ; }\n"
	  "static void h(void) { _exit(0); }\n" F("atexit(h); out[0] = 1;"),
	  "" },
	{ "void f(float *out, const float *x, int n) __asm__(\"g\");\n" F("out[0] = 1;"),
	  "has no function `f`" },
};

static void check_odd(void)
{
	for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++) {
		struct text source = { 0 };
		struct compiled c;
		char says[600];

		text_addf(&source, "%s%s\n", headers, odd[i].code);
		compile(source.data, source.len, &c);
		must(c.library, "%s: %s", odd[i].code, c.said.data);
		run(c.library, says, sizeof(says), NULL);
		must(strcmp(says, odd[i].says) == 0, "%s: '%s'", odd[i].code, says);
		compiled_release(&c);
		text_release(&source);
	}
}

Test(sandbox_odd, is_one_sentence_or_no_difference)
{
	check_odd();
}

Test(sandbox_odd, as_another_user_too)
{
	pid_t child;
	int status;

	if (geteuid() != 0)
		cr_skip_test("this is another user already");
	child = fork();
	if (child == 0) {
		in_child = true;
		if (setgroups(0, NULL) || setgid(65534) || setuid(65534))
			_exit(2);
		check_odd();
		_exit(0);
	}
	cr_assert(waitpid(child, &status, 0) == child);
	cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0, "status %#x", status);
}

Test(sandbox_odd, both_streams_are_one_in_their_order)
{
	struct text source = { 0 }, printed = { 0 };
	struct compiled c;
	char says[600];

	text_addf(&source, "%s%s", headers,
		  F("printf(\"a\"); fputs(\"b\", stderr); printf(\"c\"); out[0] = 1;"));
	compile(source.data, source.len, &c);
	run(c.library, says, sizeof(says), &printed);
	cr_assert_str_eq(says, "");
	cr_assert_str_eq(printed.data, "abc");
	compiled_release(&c);
	text_release(&source);
	text_release(&printed);
}

/* ---- files ---------------------------------------------------------------------------------- */

#define BYTES(s) s, sizeof(s) - 1
#define GOOD     "void f(float *out) { out[0] = 1; }"

static const struct {
	const char *source;
	size_t len;
	const char *says; /* why it does not compile; NULL: it does, and runs */
} files[] = {
	{ BYTES("\xef\xbb\xbf#define A 1\n" GOOD), NULL },
	{ BYTES("#define A(x) \\\r\n  x\r\nvoid f(float *out)\r\n{\r\n\tout[0] = A(1);\r\n}\r\n"),
	  NULL },
	{ BYTES("/* \xe9 */ " GOOD), NULL },
	{ BYTES("\xff\xfe#\0i\0f\0"), "k.c:1: a byte that is 0, so this is no text" },
	{ BYTES("\n\nint a\0b;\n" GOOD), "k.c:3: a byte that is 0, so this is no text" },
	{ BYTES("#include \"/dev/zero\"\n" GOOD), "" },
	{ BYTES("#include __FILE__\n" GOOD), "k.c" },
	{ BYTES("static char a[1 << 29] = { 1 };\nchar *g(void) { return a; }\n" GOOD), "" },
	{ BYTES("#error \"not yet\"\n" GOOD), "#error \"not yet\"" },
	{ BYTES("#pragma GCC poison f\n" GOOD), "poisoned" },
	{ BYTES(GOOD GOOD), "redefinition of" },
	{ BYTES("/* never closed\n" GOOD), "unterminated comment" },
};

Test(sandbox_odd, files_are_compiled_or_told_why_not)
{
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		struct compiled c;
		char says[600];

		compile(files[i].source, files[i].len, &c);
		cr_assert(!c.library == !!files[i].says, "%s: %s", files[i].source, c.said.data);
		if (c.library) {
			run(c.library, says, sizeof(says), NULL);
			cr_assert_str_eq(says, "", "%s", files[i].source);
		} else {
			cr_assert(c.said.data && *c.said.data && strstr(c.said.data, files[i].says),
				  "%s: %s", files[i].source, c.said.data);
		}
		compiled_release(&c);
	}
}
