/*
 * test_sandbox.c -- each accident of a learner's code becomes one sentence, as whoever runs this
 * and, where that is root, as another user too.
 */
#define _DEFAULT_SOURCE

#include "lesson/sandbox/sandbox.h"

#include "torchless/clock.h"
#include "torchless/lesson.h"
#include "torchless/mem.h"

#include <criterion/criterion.h>
#include <grp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static char cache[] = "/tmp/torchless-sandbox-XXXXXX";
static struct err err;

static void begin(void)
{
	cr_assert(mkdtemp(cache));
	/* What runs as another user compiles here too. */
	chmod(cache, 0777);
}

static void end(void)
{
	char command[100];

	snprintf(command, sizeof(command), "rm -rf %s", cache);
	cr_assert(system(command) == 0);
}
TestSuite(sandbox, .init = begin, .fini = end, .timeout = 400);

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

static struct compiled compile(const char *source)
{
	struct compile c = {
		.name = "k.c", .source = source, .len = strlen(source), .cache = cache
	};
	struct compiled out;

	must(sandbox_compile(&c, &out, &err) == 0, "%s", err.message);
	return out;
}

/* x[1000] is an input, out[1000] an output. */
static int body(void *ctx, sandbox_fn *const *fn)
{
	struct sandbox_buffer *b = ctx;
	void (*f)(float *out, const float *x, int n);

	memcpy(&f, fn, sizeof(f));
	sandbox_protect(b, 2);
	sandbox_at(7, b, 2);
	f((float *)(void *)b[0].data, (const float *)(const void *)b[1].data, 1000);
	return 0;
}

struct outcome {
	bool done;
	char says[600];
	char printed[600];
	float out[1000];
};

static struct outcome run_at(const char *code, bool at_end, double wall)
{
	struct sandbox_buffer b[2] = {
		{ .name = "out", .n = 1000, .size = 4, .access = SANDBOX_OUT },
		{ .name = "x", .n = 1000, .size = 4, .access = SANDBOX_IN },
	};
	struct sandbox s = { .file = "k.c",
			     .symbol = "f",
			     .body = body,
			     .ctx = b,
			     .cpu_seconds = 1,
			     .wall_seconds = wall };
	struct outcome o = { 0 };
	struct text source = { 0 };
	struct compiled c;

	text_adds(&source, "#include <stdio.h>\n#include <stdlib.h>\n#include <string.h>\n"
			   "#include <unistd.h>\n#include <pthread.h>\n#include <signal.h>\n"
			   "#include <fcntl.h>\n#include <assert.h>\n"
			   "#include \"torchless/lesson_kernels.h\"\n");
	text_adds(&source, code);
	c = compile(source.data);
	must(c.library, "%s", c.said.data);
	s.library = c.library;
	for (int i = 0; i < 2; i++)
		must(sandbox_map(&b[i], at_end, &err) == 0, "%s", err.message);
	memset(b[1].data, 0, 4000);
	must(sandbox_run(&s, &err) == 0, "%s", err.message);
	o.done = s.is_done;
	snprintf(o.says, sizeof(o.says), "%s", s.says);
	snprintf(o.printed, sizeof(o.printed), "%s", s.printed.data ? s.printed.data : "");
	memcpy(o.out, b[0].data, 4000);
	for (int i = 0; i < 2; i++)
		sandbox_unmap(&b[i]);
	sandbox_release(&s);
	compiled_release(&c);
	text_release(&source);
	return o;
}

static struct outcome run(const char *code)
{
	return run_at(code, true, 20);
}

#define F(body)                                                                                    \
	"void f(float *out, const float *x, int n) { (void)out; (void)x; (void)n; " body " }"

static const struct {
	const char *code, *says;
} accidents[] = {
	{ F("volatile float v = x[1000]; (void)v;"), "touched x[1000]; x has 1000 elements" },
	{ F("out[1000] = 1;"), "touched out[1000]; out has 1000 elements" },
	{ F("out[6000] = 1;"), "touched out[6000]; out has 1000 elements" },
	{ F("((float *)x)[0] = 1;"), "wrote x[0], but x is an input" },
	{ F("exit(0);"), "ended the program by exit(0)" },
	{ F("exit(3);"), "ended the program by exit(3)" },
	{ F("puts(\"PASS\"); exit(0);"), "ended the program by exit(0)" },
	{ F("_exit(0);"), "ended the program by _exit(0)" },
	{ F("fork();"), "tried to start a process or a thread" },
	{ F("for (;;) fork();"), "tried to start a process or a thread" },
	{ F("system(\"true\");"), "tried to start a process or a thread" },
	{ F("execl(\"/bin/true\", \"true\", (char *)0);"), "tried to run a program" },
	{ F("kill(getppid(), 9);"), "tried to send a signal" },
	{ F("FILE *g = fopen(\"/tmp/torchless-sandbox-file\", \"w\"); if (g) fputs(\"x\", g);"),
	  "tried to write, make or remove a file" },
	{ F("remove(\"/tmp/torchless-sandbox-file\");"), "tried to write, make or remove a file" },
	{ F("float *p = 0; *(volatile float *)p = 1;"),
	  "used a null pointer, or one that was never set" },
	{ F("*(volatile float *)0x500000000000 = 1;"),
	  "touched memory that is none of its arrays" },
	{ F("for (volatile int i = 0;; i++) ;"),
	  "still ran after 1 s of computing: a loop without an end?" },
	{ "int g(volatile int *p) { volatile int a[64]; a[0] = *p; return g(a) + a[0]; }\n" F(
		  "volatile int a = 1; out[0] = g(&a);"),
	  "ran out of stack: a function that calls itself without end, or arrays of megabytes on "
	  "it" },
	{ F("volatile int zero = 0; out[0] = (float)(n / zero);"), "divided an integer by zero" },
	{ F("assert(n == 3);"), "gave up by abort(): a failed assert(), or memory that was freed "
				"twice or written beyond its end" },
	{ F("for (;;) puts(\"again\");"), "printed more than 64 kB" },
	{ "void g(float *out) { (void)out; }", "has no function `f`" },
	{ "static void f(void) { }\nvoid *p = f;", "has no function `f`" },
	{ "__attribute__((constructor)) static void before(void) { exit(0); }\n" F(""),
	  "ended the program by exit(0), before any function of it was called" },
	{ "__attribute__((constructor)) static void before(void) { fork(); }\n" F(""),
	  "tried to start a process or a thread, before any function of it was called" },
	{ "__attribute__((constructor)) static void before(void) { for (volatile int i = 0;; i++) "
	  "; }\n" F(""),
	  "still ran after 1 s of computing, before any function of it was called: a loop without "
	  "an end?" },
	{ "__attribute__((constructor)) static void before(void) { abort(); }\n" F(""),
	  "gave up by abort(), before any function of it was called: a failed assert(), or memory "
	  "that was freed twice or written beyond its end" },
	{ "void other(void);\n" F("other();"),
	  "calls `other`, which is in no library that it is linked with" },
};

static void check_accidents(void)
{
	for (size_t i = 0; i < sizeof(accidents) / sizeof(accidents[0]); i++) {
		struct outcome o = run(accidents[i].code);

		must(!o.done, "%s", accidents[i].code);
		must(strcmp(o.says, accidents[i].says) == 0, "%s: %s", accidents[i].code, o.says);
	}
}

Test(sandbox, each_accident_is_one_sentence)
{
	check_accidents();
}

Test(sandbox, as_another_user_too)
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
		check_accidents();
		_exit(0);
	}
	cr_assert(waitpid(child, &status, 0) == child);
	cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0, "status %#x", status);
}

Test(sandbox, what_waits_is_ended)
{
	int64_t began = clock_ns();
	struct outcome o = run_at(F("pause();"), true, 1);

	cr_assert_not(o.done);
	cr_assert_str_eq(o.says, "did not come to its end within 1 s: does it wait for something?");
	cr_assert_lt(clock_ns() - began, 60000000000);
}

Test(sandbox, before_an_array_is_seen_with_its_beginning_at_the_guard)
{
	struct outcome o = run_at(F("out[-1] = 1;"), false, 20);

	cr_assert_str_eq(o.says, "touched out[-1]; out has 1000 elements");
	o = run_at(F("volatile float v = x[-300]; (void)v;"), false, 20);
	cr_assert_str_eq(o.says, "touched x[-300]; x has 1000 elements");
}

Test(sandbox, what_is_computed_and_printed_arrives)
{
	const uint32_t unwritten = SANDBOX_UNWRITTEN;
	struct outcome o = run(F("for (int i = 0; i < 992; i++) out[i] = x[i] + i;"
				 "printf(\"n is %d\", n); fprintf(stderr, \"!\");"));

	cr_assert(o.done, "%s", o.says);
	cr_assert_eq(o.out[991], 991.0f);
	cr_assert(memcmp(&o.out[992], &unwritten, 4) == 0);
	cr_assert_str_eq(o.printed, "n is 1000!");
}

Test(sandbox, printing_before_a_crash_arrives)
{
	struct outcome o = run(F("printf(\"here\"); *(volatile int *)0 = 1;"));

	cr_assert_str_eq(o.printed, "here");
}

Test(sandbox, memory_has_an_end)
{
	struct outcome o = run(F("for (;;) { char *p = malloc(1 << 26); memset(p, 1, 1 << 26); }"));

	cr_assert_not(o.done);
}

Test(sandbox, what_does_not_compile_says_where)
{
	static const struct {
		const char *source, *says;
	} bad[] = {
		{ "void f(void) { return 1 +; }\n", "k.c:1:" },
		{ "#include \"not_there.h\"\n", "not_there.h" },
		{ "#include \"torchless/lesson_kernels.h\"\nint tl_rope(void) { return 0; }\n",
		  "conflicting types for" },
		{ "", "" },
	};

	for (size_t i = 0; i < 3; i++) {
		struct compiled c = compile(bad[i].source);

		cr_assert_null(c.library);
		cr_assert(strstr(c.said.data, bad[i].says), "%s", c.said.data);
		compiled_release(&c);
	}
}

Test(sandbox, warnings_are_kept_with_what_is_cached)
{
	const char *source = "int f(int n) { int unused; return n; }\n";

	for (int i = 0; i < 2; i++) {
		struct compiled c = compile(source);

		cr_assert(c.library && c.said.data && strstr(c.said.data, "unused"));
		compiled_release(&c);
	}
}

Test(sandbox, what_is_huge_is_not_compiled)
{
	struct compile c = { .name = "k.c", .len = 10000000, .cache = cache };
	struct compiled out;

	c.source = memset(malloc(c.len + 1), ' ', c.len);
	cr_assert(sandbox_compile(&c, &out, &err) == 0);
	cr_assert_null(out.library);
	cr_assert_str_eq(out.said.data, "k.c is 10.0 MB: nothing above 1 MB is compiled");
	free((char *)c.source);
	compiled_release(&out);
}

Test(sandbox, without_a_compiler_the_line_is_told_that_installs_one)
{
	struct text command = { 0 };

	char *path = mem_strdup(getenv("PATH"));

	setenv("PATH", "/nowhere", 1);
	unsetenv("CC");
	cr_assert_eq(sandbox_compiler(&command, &err), ERR_TOOL);
	cr_assert(strstr(err.message, lesson_install_line()));
	setenv("PATH", path, 1);
	free(path);
	text_release(&command);
}
