/*
 * test_layout.c -- dot as a process: what it may do to us, and what may be left of it.
 *
 * The programs that stand in for dot are scripts of a folder of the test's own.  Each test runs in
 * a process of its own, so that its environment, descriptors and signals are its own, too.
 */
#include "torchless/layout.h"

#include <criterion/criterion.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static char folder[] = "/tmp/torchless-layout-XXXXXX";
static struct text dot, out;
static struct layout_result result;
static struct err err;

#define WHOLE "printf '<?xml version=\"1.0\"?>\\n<!DOCTYPE svg>\\n<svg><g/></svg>\\n'"

static void setup(void)
{
	cr_assert(mkdtemp(folder));
	text_adds(&dot, "digraph { a -> b }\n");
}

static void teardown(void)
{
	char line[128];

	snprintf(line, sizeof(line), "/bin/rm -rf '%s'", folder);
	cr_assert_eq(system(line), 0);
	text_release(&dot);
	text_release(&out);
	text_release(&result.said);
}

TestSuite(layout, .init = setup, .fini = teardown, .timeout = 120);

/* What the script is from now on. */
static void fake(const char *script)
{
	char path[128];
	FILE *f;

	snprintf(path, sizeof(path), "%s/dot", folder);
	f = fopen(path, "w");
	cr_assert(f);
	fprintf(f, "#!/bin/sh\ncd '%s'\n%s\n", folder, script);
	cr_assert_eq(fclose(f), 0);
	chmod(path, 0755);
	setenv("TORCHLESS_DOT", path, 1);
}

static int run_for(double seconds)
{
	const struct layout_options o = { .format = "svg", .seconds = seconds };

	text_clear(&out);
	text_release(&result.said);
	err = (struct err){ 0 };
	return layout_run(&out, &dot, &o, &result, &err);
}

static int run(void)
{
	return run_for(60);
}

static void expect(int code, const char *sentence)
{
	int rc = run();

	cr_assert_eq(rc, code, "%d: %s", rc, err.message);
	cr_assert_str_eq(err.message, sentence);
	cr_assert_eq(out.len, 0);
}

static int descriptors(void)
{
	DIR *d = opendir("/proc/self/fd");
	int n = 0;

	while (readdir(d))
		n++;
	closedir(d);
	return n;
}

static void pause_ms(int ms)
{
	nanosleep(&(struct timespec){ .tv_nsec = ms * 1000000L }, NULL);
}

static bool is_there(const char *name)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	return access(path, R_OK) == 0;
}

/* Whether the process whose number the script left in `name` is gone. */
static bool is_gone(const char *name)
{
	char path[128];
	int pid = 0;
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	f = fopen(path, "r");
	cr_assert(f && fscanf(f, "%d", &pid) == 1, "%s", path);
	fclose(f);
	for (int i = 0; i < 3000; i++) { /* the system may take its time to bury it */
		if (kill(pid, 0) && errno == ESRCH)
			return true;
		pause_ms(10);
	}
	return false;
}

Test(layout, a_picture_is_appended)
{
	fake("cat >got; " WHOLE);
	text_adds(&out, "before ");
	cr_assert_eq(run(), 0, "%s", err.message);
	cr_assert_eq(strncmp(out.data, "<?xml", 5), 0);
	cr_assert(!result.straight);
	cr_assert_eq(result.said.len, 0);
}

Test(layout, it_gets_the_text_and_the_format)
{
	struct text got = { 0 };
	char path[128];

	fake("{ echo \"$@\"; cat; } >got; " WHOLE);
	cr_assert_eq(run(), 0, "%s", err.message);
	snprintf(path, sizeof(path), "%s/got", folder);
	cr_assert_eq(text_read_file(&got, path, 1000, &err), 0);
	cr_assert_str_eq(got.data, "-Tsvg\ndigraph { a -> b }\n");
	text_release(&got);
}

Test(layout, one_that_reads_nothing_is_no_harm)
{
	struct sigaction now;

	for (int i = 0; i < 200000; i++)
		text_adds(&dot, "a -> b;\n");
	fake(WHOLE);
	cr_assert_eq(run(), 0, "%s", err.message);
	sigaction(SIGPIPE, NULL, &now);
	cr_assert_eq(now.sa_handler, SIG_DFL);
}

Test(layout, one_that_answers_before_it_reads)
{
	for (int i = 0; i < 200000; i++)
		text_adds(&dot, "a -> b;\n");
	fake("printf '<?xml'; head -c 3000000 /dev/zero | tr '\\0' x; cat >/dev/null; echo '</svg>'");
	cr_assert_eq(run(), 0, "%s", err.message);
	cr_assert_eq(out.len, 5 + 3000000 + 7);
}

Test(layout, what_it_complains_of_is_kept_within_bounds)
{
	fake("echo 'Warning: a label' >&2; printf 'evil\\033[31m\\n\\n' >&2; " WHOLE);
	cr_assert_eq(run(), 0);
	cr_assert_str_eq(result.said.data, "Warning: a label\nevil\\x1B[31m");
	fake("yes 'Warning: \303\251\303\251\303\251' | head -n 300000 >&2; " WHOLE);
	cr_assert_eq(run(), 0, "%s", err.message);
	cr_assert(result.said.len < 300);
	cr_assert(strstr(result.said.data, "\nand more"));
	fake("head -c 3000000 /dev/zero | tr '\\0' x >&2; " WHOLE);
	cr_assert_eq(run(), 0, "%s", err.message);
	cr_assert(result.said.len < 300);
}

Test(layout, failures_are_one_sentence)
{
	fake("cat >/dev/null; echo 'Error: <stdin>: syntax error in line 1.' >&2; exit 1");
	expect(ERR_IO, "dot failed with exit status 1: Error: <stdin>: syntax error in line 1");
	fake("exit 3");
	expect(ERR_IO, "dot failed with exit status 3");
	fake("cat >/dev/null; kill -SEGV $$");
	expect(ERR_IO, "dot was ended by signal 11 (Segmentation fault)");
	fake("printf '<?xml <svg><g>'");
	expect(ERR_IO, "dot ended before the svg was whole");
	fake("exit 0");
	expect(ERR_IO, "dot ended before the svg was whole");
	fake(WHOLE "; exit 1");
	expect(ERR_IO, "dot failed with exit status 1");
}

Test(layout, none_there)
{
	char sentence[256];

	setenv("TORCHLESS_DOT", "/nowhere/dot", 1);
	expect(ERR_TOOL, "TORCHLESS_DOT names /nowhere/dot, which cannot be run: No such file or "
			 "directory");
	snprintf(sentence, sizeof(sentence),
		 "TORCHLESS_DOT names %s, which cannot be run: Permission denied", folder);
	setenv("TORCHLESS_DOT", folder, 1);
	expect(ERR_TOOL, sentence);
	setenv("TORCHLESS_DOT", "", 1);
	setenv("PATH", folder, 1);
	expect(ERR_TOOL, "there is no dot: install Graphviz (apt-get install graphviz, dnf install "
			 "graphviz, pacman -S graphviz, brew install graphviz)");
}

Test(layout, it_is_looked_for_in_path)
{
	char path[1024];

	fake(WHOLE);
	unsetenv("TORCHLESS_DOT");
	snprintf(path, sizeof(path), "%s:%s", folder, getenv("PATH"));
	setenv("PATH", path, 1);
	cr_assert_eq(run(), 0, "%s", err.message);
	setenv("TORCHLESS_DOT", "dot", 1);
	cr_assert_eq(run(), 0, "%s", err.message);
}

Test(layout, slow_curves_become_straight_lines)
{
	fake("case $2 in -Gsplines=line) " WHOLE " ;; *) exec sleep 1000 ;; esac");
	cr_assert_eq(run_for(5), 0, "%s", err.message);
	cr_assert(result.straight);
}

Test(layout, too_slow_leaves_nothing_running)
{
	int before = descriptors(), seconds = 1;
	char sentence[128];

	fake("echo $$ >one.tmp; mv one.tmp one; sleep 1000 & echo $! >two.tmp; mv two.tmp two; wait");
	/* On a busy machine it may not even begin within a second. */
	do {
		cr_assert_eq(run_for(seconds), ERR_IO);
		snprintf(sentence, sizeof(sentence),
			 "dot needs longer than %d s for this graph, with straight lines too",
			 seconds);
		cr_assert_str_eq(err.message, sentence);
	} while (!is_there("two") && (seconds *= 4) < 100);
	cr_assert(is_gone("one"));
	cr_assert(is_gone("two"));
	cr_assert_eq(waitpid(-1, NULL, WNOHANG), -1);
	cr_assert_eq(errno, ECHILD);
	cr_assert_eq(descriptors(), before);
}

Test(layout, what_ends_leaves_nothing_running)
{
	fake("sleep 1000 >/dev/null 2>&1 & echo $! >two; " WHOLE);
	cr_assert_eq(run(), 0, "%s", err.message);
	cr_assert(is_gone("two"));
}

/* It closes what it writes to and goes on: the time counts. */
Test(layout, one_that_hides)
{
	fake("exec >&- 2>&-; exec sleep 1000");
	cr_assert_eq(run_for(1), ERR_IO);
	cr_assert(strstr(err.message, "longer than 1 s"), "%s", err.message);
}

Test(layout, output_without_end)
{
	const struct layout_options o = { .format = "svg", .max_bytes = 100000 };

	fake("echo $$ >one; cat /dev/zero");
	cr_assert_eq(layout_run(&out, &dot, &o, NULL, &err), ERR_IO);
	cr_assert_str_eq(err.message, "dot wrote more than 100000 bytes of svg");
	cr_assert_eq(out.len, 0);
	cr_assert(is_gone("one"));
}

static volatile sig_atomic_t stop;

static void *set_stop(void *ctx)
{
	(void)ctx;
	while (!is_there("one"))
		pause_ms(1);
	stop = 1;
	return NULL;
}

Test(layout, ctrl_c_ends_it)
{
	const struct layout_options o = { .format = "svg", .seconds = 1000, .interrupted = &stop };
	pthread_t thread;

	fake("echo $$ >one.tmp; mv one.tmp one; exec sleep 1000");
	pthread_create(&thread, NULL, set_stop, NULL);
	cr_assert_eq(layout_run(&out, &dot, &o, NULL, &err), ERR_INTERRUPTED);
	pthread_join(thread, NULL);
	cr_assert_str_eq(err.message, "interrupted");
	cr_assert(is_gone("one"));
}

/* Beyond 9 lie those of the shell that reads the script. */
Test(layout, our_descriptors_do_not_reach_it)
{
	struct text listed = { 0 };
	char path[128];

	fake("ls /proc/$$/fd >listed; " WHOLE);
	cr_assert_eq(run(), 0, "%s", err.message);
	snprintf(path, sizeof(path), "%s/listed", folder);
	cr_assert_eq(text_read_file(&listed, path, 1000, &err), 0);
	for (int fd = 3; fd < 10; fd++) {
		char number[16];

		snprintf(number, sizeof(number), "\n%d\n", fd);
		if (strstr(listed.data, number))
			cr_assert_eq(fcntl(fd, F_GETFD), 0, "%d of %s is ours", fd, listed.data);
	}
	text_release(&listed);
}

/* Their numbers are taken by the pipes, then. */
Test(layout, standard_streams_may_be_closed)
{
	int kept[3];

	fake("cat >got; " WHOLE "; echo said >&2");
	for (int i = 0; i < 3; i++) {
		kept[i] = dup(i);
		close(i);
	}
	int rc = run();
	for (int i = 0; i < 3; i++)
		dup2(kept[i], i);
	cr_assert_eq(rc, 0, "%s", err.message);
	cr_assert_str_eq(result.said.data, "said");
}

Test(layout, a_parent_that_ignores_its_children)
{
	struct sigaction ignore = { .sa_handler = SIG_IGN }, now;

	sigaction(SIGCHLD, &ignore, NULL);
	fake("exit 3");
	expect(ERR_IO, "dot failed with exit status 3");
	sigaction(SIGCHLD, NULL, &now);
	cr_assert_eq(now.sa_handler, SIG_IGN);
}

/* ---- without processes ---------------------------------------------------------------------- */

Test(layout_names, formats)
{
	static const char *const names[][2] = {
		{ "a.svg", "svg" }, { "a/b.PNG", "png" }, { "a.b.pdf", "pdf" }, { "x.dot", "dot" },
		{ "a.jpg", NULL },  { "svg", NULL },      { ".svg", NULL },     { "a/.svg", NULL },
		{ "", NULL },       { "a.svg/b", NULL },  { "a.svg ", NULL },
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		const char *format = layout_format(names[i][0]);

		if (names[i][1])
			cr_assert_str_eq(format, names[i][1], "%s", names[i][0]);
		else
			cr_assert_null(format, "%s", names[i][0]);
	}
}

static void element(const char *document, const char *expected)
{
	struct text svg = { 0 };
	const char *found;
	size_t len;

	text_adds(&svg, document);
	found = layout_svg_element(&svg, &len);
	if (expected)
		cr_assert(found && len == strlen(expected) && !strncmp(found, expected, len), "%s",
			  document);
	else
		cr_assert(!found && len == 0, "%s", document);
	text_release(&svg);
}

Test(layout_names, the_element_of_a_page)
{
	element("<?xml?>\n<!DOCTYPE svg>\n<svg a=\"b\"><g/></svg>\n", "<svg a=\"b\"><g/></svg>");
	element("<svg><svg></svg></svg>\n", "<svg><svg></svg></svg>");
	element("<svg><g>", NULL);
	element("nothing", NULL);
	element("", NULL);
}
