/*
 * run.c -- the child from its beginning to its end, and what is said of that.
 */
/* For syscall() and anonymous mappings.  NOLINTNEXTLINE(bugprone-reserved-identifier) */
#define _GNU_SOURCE

#include "report.h"

#include "torchless/child.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#define MAX_PRINTED 65536
#define MAX_FN      16

struct start {
	struct sandbox *s;
	struct report *report;
};

/* ---- in the child ---------------------------------------------------------------------------- */

/* What our process had open is none of a kernel's business. */
static void close_descriptors(void)
{
#ifdef SYS_close_range
	if (syscall(SYS_close_range, 3U, ~0U, 0U) == 0)
		return;
#endif
	for (int fd = 3; fd < 4096; fd++)
		close(fd);
}

/* Open the library; where this process became nobody, by what it had opened before. */
static void *load(const char *path, int fd, bool by_fd)
{
	char name[64];

	if (!by_fd)
		return dlopen(path, RTLD_NOW | RTLD_LOCAL);
	snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
	return dlopen(name, RTLD_NOW | RTLD_LOCAL);
}

static const char *library_at(const struct sandbox *s, int i)
{
	return i == 0 ? s->library : s->libraries[i - 1];
}

static const char *symbol_at(const struct sandbox *s, int i)
{
	return i == 0 ? s->symbol : s->symbols[i - 1];
}

/* A variable that has the name of the function. */
static bool is_object(void *symbol)
{
	ElfW(Sym) *entry = NULL;
	Dl_info info;

	return dladdr1(symbol, &info, (void **)&entry, RTLD_DL_SYMENT) && entry &&
	       info.dli_saddr == symbol && ELF64_ST_TYPE(entry->st_info) == STT_OBJECT;
}

/* fn[0 .. n_more]: 0, or how it ended is in the report. */
static int load_all(const struct sandbox *s, struct report *r, const int *fd, bool by_fd,
		    sandbox_fn **fn)
{
	for (int i = 0; i <= s->n_more; i++) {
		void *library = load(library_at(s, i), fd[i], by_fd), *symbol;

		if (!library) {
			snprintf(r->text, sizeof(r->text), "%s", dlerror());
			sandbox_end(r, END_LOAD, 0);
			return -1;
		}
		symbol = dlsym(library, symbol_at(s, i));
		if (!symbol || is_object(symbol)) {
			snprintf(r->text, sizeof(r->text), "%s", symbol_at(s, i));
			sandbox_end(r, symbol ? END_OBJECT : END_SYMBOL, 0);
			return -1;
		}
		memcpy(&fn[i], &symbol, sizeof(symbol));
	}
	return 0;
}

static int run_child(void *ctx)
{
	const struct start *start = ctx;
	const struct sandbox *s = start->s;
	struct report *r = start->report;
	sandbox_fn *fn[MAX_FN] = { 0 };
	int fd[MAX_FN] = { 0 };
	uid_t who = geteuid();

	close_descriptors();
	/* One stream, in the order of what is said, with one end. */
	dup2(STDOUT_FILENO, STDERR_FILENO);
	for (int i = 0; i <= s->n_more; i++)
		fd[i] = open(library_at(s, i), O_RDONLY | O_CLOEXEC);
	/* What was printed before a crash is what one wants to see. */
	setvbuf(stdout, NULL, _IONBF, 0);
	guard_install(r);
	confine_install(s);
	r->phase = REPORT_LOADING;
	if (load_all(s, r, fd, geteuid() != who, fn))
		return EXIT_FAILURE;
	r->phase = REPORT_CALLING;
	r->status = s->body(s->ctx, fn);
	r->phase = REPORT_DONE;
	return EXIT_SUCCESS;
}

/* ---- what is said ---------------------------------------------------------------------------- */

/* dlerror() names the library, by a path of the cache. */
static void say_load(struct sandbox *s, const struct report *r)
{
	const char *undefined = strstr(r->text, "undefined symbol: ");

	if (undefined) {
		undefined += strlen("undefined symbol: ");
		snprintf(s->says, sizeof(s->says),
			 "calls `%.*s`, which is in no library that it is linked with",
			 (int)strcspn(undefined, " ,("), undefined);
	} else {
		snprintf(s->says, sizeof(s->says), "cannot be loaded: %s", r->text);
	}
}

static void say_signal(struct sandbox *s, int number)
{
	static const struct {
		int number;
		const char *says;
	} known[] = {
		{ SIGFPE, "divided an integer by zero" },
		{ SIGILL, "ran an instruction that this processor does not have, or reached what "
			  "was declared unreachable" },
		{ SIGABRT, "gave up by abort(): a failed assert(), or memory that was freed twice "
			   "or written beyond its end" },
		{ SIGTRAP, "stopped at a trap" },
		{ SIGSEGV, "touched memory that is none of its arrays" },
		{ SIGKILL, "was ended by the system: out of memory or of time" },
	};

	snprintf(s->says, sizeof(s->says), "was ended by signal %d (%s)", number,
		 strsignal(number));
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (known[i].number == number)
			snprintf(s->says, sizeof(s->says), "%s", known[i].says);
}

static void say_plain(struct sandbox *s, const char *what)
{
	snprintf(s->says, sizeof(s->says), "%s", what);
}

/* Endings of which there is nothing to say but what they are. */
static const char *const plain[] = {
	[END_NULL] = "used a null pointer, or one that was never set",
	[END_STACK] = "ran out of stack: a function that calls itself without end, or arrays of "
		      "megabytes on it",
	[END_CROOKED] = "used an address that is none: one that was never set, or that is not a "
			"multiple of what is read or written there",
	[END_FLOATING] = "asked for a signal at a floating-point exception (feenableexcept), and "
			 "met one",
};
enum { N_PLAIN = sizeof(plain) / sizeof(plain[0]) };

/* What the child reported itself. */
static void say_reported(struct sandbox *s, const struct report *r)
{
	/* A child may have written anything there. */
	if ((unsigned)r->end < N_PLAIN && plain[r->end]) {
		say_plain(s, plain[r->end]);
		return;
	}
	switch (r->end) {
	case END_TOUCHED:
		snprintf(s->says, sizeof(s->says), "touched %s[%lld]; %s has %lld element%s",
			 r->name, r->index, r->name, r->n, r->n == 1 ? "" : "s");
		return;
	case END_WROTE:
		snprintf(s->says, sizeof(s->says), "wrote %s[%lld], but %s is an input", r->name,
			 r->index, r->name);
		return;
	case END_CPU:
		snprintf(s->says, sizeof(s->says),
			 "still ran after %g s of computing: a loop without an end?",
			 s->cpu_seconds);
		return;
	case END_EXIT:
		snprintf(s->says, sizeof(s->says), "ended the program by %s(%ld)", "exit",
			 r->number);
		return;
	case END_SYMBOL:
		snprintf(s->says, sizeof(s->says), "has no function `%s`", r->text);
		return;
	case END_OBJECT:
		snprintf(s->says, sizeof(s->says), "has a `%s` that is no function", r->text);
		return;
	case END_LOAD:
		say_load(s, r);
		return;
	case END_FILE_SIZE:
	case END_FORBIDDEN:
		say_plain(s, confine_what(r->end == END_FORBIDDEN ? r->number : -1));
		return;
	default:
		say_signal(s, r->end == END_SIGNAL ? (int)r->number : SIGSEGV);
		return;
	}
}

/* How a child ended that did not come to its end and did not say why. */
static void say_status(struct sandbox *s, int status)
{
	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGXCPU)
		say_reported(s, &(struct report){ .end = END_CPU });
	else if (WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS)
		/* Who starts a process for one blocks signals meanwhile. */
		say_plain(s, confine_what(SYS_clone));
	else if (WIFSIGNALED(status))
		say_signal(s, WTERMSIG(status));
	else
		snprintf(s->says, sizeof(s->says), "ended the program by %s(%d)", "_exit",
			 WEXITSTATUS(status));
}

/* ---- from outside ---------------------------------------------------------------------------- */

/* That it was no function which did it, behind what happened and before what that may mean. */
static void say_early(struct sandbox *s)
{
	size_t n = strlen(s->says);
	const char *means = strstr(s->says, ": ");
	struct text t = { 0 };

	n = means ? (size_t)(means - s->says) : n;
	text_addf(&t, "%.*s, before any function of it was called%s", (int)n, s->says, s->says + n);
	say_plain(s, t.data);
	text_release(&t);
}

static void say(struct sandbox *s, enum child_end end, const struct child *c,
		const struct report *r)
{
	if (end == CHILD_DONE && r->phase == REPORT_DONE && r->end == END_NONE)
		s->is_done = true;
	else if (r->end != END_NONE)
		say_reported(s, r);
	else if (end == CHILD_TOO_MUCH)
		snprintf(s->says, sizeof(s->says), "printed more than %d kB", MAX_PRINTED / 1024);
	else if (end == CHILD_TIMEOUT)
		snprintf(s->says, sizeof(s->says),
			 "did not come to its end within %g s: does it wait for something?",
			 s->wall_seconds);
	else
		say_status(s, c->status);
	if (!s->is_done && r->phase <= REPORT_LOADING && r->end != END_LOAD &&
	    r->end != END_SYMBOL && r->end != END_OBJECT)
		say_early(s);
}

/* What was said on both streams, without the words of a sanitizer's runtime of ours. */
static void keep_printed(struct sandbox *s, const struct child *c)
{
	text_add(&s->printed, c->output.data ? c->output.data : "", c->output.len);
	if (c->said.len > 0)
		text_add(&s->printed, c->said.data, c->said.len);
}

static int failed(enum child_end end, const struct child *c, struct err *err)
{
	if (end == CHILD_INTERRUPTED)
		return err_set(err, ERR_INTERRUPTED, "interrupted");
	if (end == CHILD_MISSING || end == CHILD_UNHEARD)
		return err_set(err, err_of_errno(c->error), "no child can be started: %s",
			       strerror(c->error));
	return 0;
}

int sandbox_run(struct sandbox *s, struct err *err)
{
	struct start start = { s, NULL };
	struct child c = { .call = run_child,
			   .ctx = &start,
			   .max_bytes = MAX_PRINTED,
			   .max_said = MAX_PRINTED,
			   .interrupted = s->interrupted };
	enum child_end end;
	int rc;

	s->is_done = false;
	s->says[0] = '\0';
	s->at = 0;
	text_clear(&s->printed);
	s->cpu_seconds = s->cpu_seconds > 0 ? s->cpu_seconds : 2;
	s->wall_seconds = s->wall_seconds > 0 ? s->wall_seconds : 10;
	c.seconds = s->wall_seconds;
	start.report = mmap(NULL, sizeof(*start.report), PROT_READ | PROT_WRITE,
			    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (start.report == MAP_FAILED)
		return err_set(err, ERR_MEMORY, "no memory for a child's report: %s",
			       strerror(errno));
	/* What we have not printed yet is not to be printed by the copy too. */
	fflush(NULL);
	end = child_run(&c);
	rc = failed(end, &c, err);
	if (!rc) {
		say(s, end, &c, start.report);
		keep_printed(s, &c);
		s->at = start.report->at;
		s->status = start.report->status;
	}
	child_release(&c);
	munmap(start.report, sizeof(*start.report));
	return rc;
}

void sandbox_release(struct sandbox *s)
{
	text_release(&s->printed);
}
