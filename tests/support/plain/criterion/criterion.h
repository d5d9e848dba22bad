/*
 * criterion.h -- as much of Criterion as our unit tests say, for where Criterion itself cannot run.
 *
 * Criterion starts each test in a process that it maps together by hand, which an emulator of
 * another machine does not survive.  Here a test is a fork, tests run one after the other, and time
 * is not limited.  Only tests/neon/check is built with it.
 *
 *	test_kernels [[!]PATTERN]   the tests whose "suite/name" fits the pattern of a shell, or
 *does not
 */
#ifndef PLAIN_CRITERION_H
#define PLAIN_CRITERION_H

#include <fnmatch.h>
#include <math.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

struct plain_options {
	void (*init)(void), (*fini)(void);
	bool is_set; /* nothing; something has to stand before what a test gives */
	int signal, exit_code;
	double timeout;
};

struct plain_test {
	const char *suite, *name;
	void (*run)(void); /* NULL: a suite */
	struct plain_options options;
	struct plain_test *next;
};

static struct plain_test *plain_tests, *plain_suites;
static const struct plain_test *plain_running; /* in the child, the test ... */
static const struct plain_test *plain_within;  /* ... and its suite, or NULL */
static int plain_failures;

static inline void plain_add(struct plain_test **list, struct plain_test *test)
{
	while (*list)
		list = &(*list)->next;
	*list = test;
}

#define PLAIN_ADD(id, list, ...)                                                                   \
	static struct plain_test plain_##id = { __VA_ARGS__ };                                     \
	__attribute__((constructor)) static void plain_add_##id(void)                              \
	{                                                                                          \
		plain_add(&(list), &plain_##id);                                                   \
	}

#define TestSuite(suite_name, ...)                                                                 \
	PLAIN_ADD(suite_##suite_name, plain_suites, .suite = #suite_name,                          \
		  .options = { .is_set = true, __VA_ARGS__ })                                      \
	struct plain_test

#define Test(suite_name, test_name, ...)                                                           \
	static void suite_name##_##test_name##_impl(void);                                         \
	PLAIN_ADD(suite_name##_##test_name, plain_tests, .suite = #suite_name, .name = #test_name, \
		  .run = suite_name##_##test_name##_impl,                                          \
		  .options = { .is_set = true, __VA_ARGS__ })                                      \
	static void suite_name##_##test_name##_impl(void)

/* ---- what is asserted ----------------------------------------------------------------------- */

_Noreturn static inline void plain_leave(int status)
{
	if (plain_running->options.fini)
		plain_running->options.fini();
	if (plain_within && plain_within->options.fini)
		plain_within->options.fini();
	fflush(NULL);
	_Exit(status);
}

__attribute__((format(printf, 5, 6))) static inline void
plain_failed(bool stops, const char *file, int line, const char *what, const char *format, ...)
{
	va_list args;

	fprintf(stderr, "%s:%d: %s/%s: %s: ", file, line, plain_running->suite, plain_running->name,
		what);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
	plain_failures++;
	if (stops)
		plain_leave(1);
}

#define PLAIN_CHECK(stops, holds, ...)                                                             \
	do {                                                                                       \
		if (!(holds))                                                                      \
			plain_failed(stops, __FILE__, __LINE__, #holds, " " __VA_ARGS__);          \
	} while (0)
#define PLAIN_NEAR(a, b, by) (fabs((double)(a) - (double)(b)) <= (double)(by))

#define cr_assert(x, ...)                 PLAIN_CHECK(1, x, __VA_ARGS__)
#define cr_assert_not(x, ...)             PLAIN_CHECK(1, !(x), __VA_ARGS__)
#define cr_assert_null(x, ...)            PLAIN_CHECK(1, !(x), __VA_ARGS__)
#define cr_assert_not_null(x, ...)        PLAIN_CHECK(1, (x) != NULL, __VA_ARGS__)
#define cr_assert_eq(a, b, ...)           PLAIN_CHECK(1, (a) == (b), __VA_ARGS__)
#define cr_assert_neq(a, b, ...)          PLAIN_CHECK(1, (a) != (b), __VA_ARGS__)
#define cr_assert_lt(a, b, ...)           PLAIN_CHECK(1, (a) < (b), __VA_ARGS__)
#define cr_assert_leq(a, b, ...)          PLAIN_CHECK(1, (a) <= (b), __VA_ARGS__)
#define cr_assert_gt(a, b, ...)           PLAIN_CHECK(1, (a) > (b), __VA_ARGS__)
#define cr_assert_geq(a, b, ...)          PLAIN_CHECK(1, (a) >= (b), __VA_ARGS__)
#define cr_assert_str_eq(a, b, ...)       PLAIN_CHECK(1, !strcmp(a, b), __VA_ARGS__)
#define cr_assert_arr_eq(a, b, n, ...)    PLAIN_CHECK(1, !memcmp(a, b, n), __VA_ARGS__)
#define cr_assert_arr_neq(a, b, n, ...)   PLAIN_CHECK(1, memcmp(a, b, n), __VA_ARGS__)
#define cr_assert_float_eq(a, b, by, ...) PLAIN_CHECK(1, PLAIN_NEAR(a, b, by), __VA_ARGS__)
#define cr_assert_fail(...)               PLAIN_CHECK(1, false, __VA_ARGS__)

#define cr_expect(x, ...)                 PLAIN_CHECK(0, x, __VA_ARGS__)
#define cr_expect_not(x, ...)             PLAIN_CHECK(0, !(x), __VA_ARGS__)
#define cr_expect_null(x, ...)            PLAIN_CHECK(0, !(x), __VA_ARGS__)
#define cr_expect_not_null(x, ...)        PLAIN_CHECK(0, (x) != NULL, __VA_ARGS__)
#define cr_expect_eq(a, b, ...)           PLAIN_CHECK(0, (a) == (b), __VA_ARGS__)
#define cr_expect_neq(a, b, ...)          PLAIN_CHECK(0, (a) != (b), __VA_ARGS__)
#define cr_expect_lt(a, b, ...)           PLAIN_CHECK(0, (a) < (b), __VA_ARGS__)
#define cr_expect_leq(a, b, ...)          PLAIN_CHECK(0, (a) <= (b), __VA_ARGS__)
#define cr_expect_gt(a, b, ...)           PLAIN_CHECK(0, (a) > (b), __VA_ARGS__)
#define cr_expect_geq(a, b, ...)          PLAIN_CHECK(0, (a) >= (b), __VA_ARGS__)
#define cr_expect_str_eq(a, b, ...)       PLAIN_CHECK(0, !strcmp(a, b), __VA_ARGS__)
#define cr_expect_str_empty(a, ...)       PLAIN_CHECK(0, !*(a), __VA_ARGS__)
#define cr_expect_arr_eq(a, b, n, ...)    PLAIN_CHECK(0, !memcmp(a, b, n), __VA_ARGS__)
#define cr_expect_float_eq(a, b, by, ...) PLAIN_CHECK(0, PLAIN_NEAR(a, b, by), __VA_ARGS__)

/* A test that is not for here counts as one that passed, and says so. */
#define cr_skip_test(...)                                                                          \
	do {                                                                                       \
		fprintf(stderr, "skipped: " __VA_ARGS__);                                          \
		fputc('\n', stderr);                                                               \
		plain_leave(0);                                                                    \
	} while (0)

/* ---- how they are run ----------------------------------------------------------------------- */

_Noreturn static inline void plain_run(const struct plain_test *test)
{
	plain_running = test;
	if (plain_within && plain_within->options.init)
		plain_within->options.init();
	if (test->options.init)
		test->options.init();
	test->run();
	plain_leave(plain_failures > 0);
}

/* Whether a test ends as it should: with its signal, or its status. */
static inline bool plain_passes(const struct plain_test *test)
{
	int status;
	pid_t child;

	plain_within = plain_suites;
	while (plain_within && strcmp(plain_within->suite, test->suite) != 0)
		plain_within = plain_within->next;
	fflush(NULL);
	child = fork();
	if (child == 0)
		plain_run(test);
	if (child < 0 || waitpid(child, &status, 0) != child)
		return false;
	if (test->options.signal)
		return WIFSIGNALED(status) && WTERMSIG(status) == test->options.signal;
	if (WIFSIGNALED(status))
		fprintf(stderr, "signal %d: ", WTERMSIG(status));
	return WIFEXITED(status) && WEXITSTATUS(status) == test->options.exit_code;
}

int main(int argc, char **argv)
{
	int tested = 0, failed = 0;
	char name[256];

	for (const struct plain_test *test = plain_tests; test; test = test->next) {
		snprintf(name, sizeof(name), "%s/%s", test->suite, test->name);
		if (argc > 1 &&
		    (argv[1][0] == '!') == (fnmatch(argv[1] + (argv[1][0] == '!'), name, 0) == 0))
			continue;
		tested++;
		if (plain_passes(test))
			continue;
		failed++;
		fprintf(stderr, "FAILED %s\n", name);
	}
	fprintf(stderr, "Synthesis: Tested: %d | Passing: %d | Failing: %d\n", tested,
		tested - failed, failed);
	return failed > 0 || tested == 0;
}

#endif
