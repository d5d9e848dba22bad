/*
 * sandbox.h -- a learner's C is compiled, and run in a child that cannot do much else.
 *
 * It guards against accidents, not against malice: a loop without an end, a pointer that runs off,
 * an exit, a fork, a file written by mistake.  Each becomes one sentence.  The child is a copy of
 * this process, made anew for every check, so that nothing of an earlier one is left, neither code
 * nor memory; what it computes lies in memory that both see, where we read it once it is gone.
 *
 * From the ground up: compiler.c, compile.c; buffer.c, report.h, guard.c, confine.c, run.c.
 */
#ifndef LESSON_SANDBOX_H
#define LESSON_SANDBOX_H

#include "torchless/text.h"

#include <signal.h>
#include <stdint.h>

/* ---- compiling ------------------------------------------------------------------------------- */

#define SANDBOX_MAX_SOURCE 1000000 /* bytes */

/*
 * Append the command that compiles C: $CC when it can be run, else the first of cc, gcc and clang
 * in PATH.  ERR_TOOL with the line that installs one.
 */
int sandbox_compiler(struct text *command, struct err *err);

/* Whether the first word of a command can be run. */
bool sandbox_can_run(const char *command);

#define COMPILER_WORDS 32

/*
 * Cut the words of a command in place and put them behind the n of argv, of which there are now as
 * many as is returned: COMPILER_WORDS at the most, what is beyond is left out.
 */
int compiler_words(const char **argv, int n, char *words);

struct compile {
	const char *name; /* as messages call it: "rope.c" */
	const char *path; /* where it lies, so that messages show its lines; NULL: nowhere */
	const char *source;
	size_t len;
	const char *cache;    /* a folder, made when it is not there */
	const char *compiler; /* words of a command; NULL: sandbox_compiler() */
	const char *flags;    /* beside the usual ones; NULL: "-O2" */
	const volatile sig_atomic_t *interrupted;
};

struct compiled {
	char *library;    /* a file of the cache; NULL: it does not compile */
	struct text said; /* warnings, or why it does not compile */
	int64_t ns;       /* that it took */
};

/*
 * 0 also where the source is at fault: then there is no library, and `said` holds why.  The
 * environment is an error: no compiler, one that does not end, no space.
 */
int sandbox_compile(const struct compile *c, struct compiled *out, struct err *err);
void compiled_release(struct compiled *c);

/* ---- arrays between guards ------------------------------------------------------------------- */

enum sandbox_access { SANDBOX_IN, SANDBOX_OUT, SANDBOX_INOUT };

/* n elements, with pages before and behind them that nobody may touch; shared with the child. */
struct sandbox_buffer {
	const char *name;
	int64_t n;
	size_t size; /* bytes of an element */
	enum sandbox_access access;
	char *data;
	char *map; /* all of it, guards included */
	size_t map_bytes;
};

/*
 * Map it: its end stands at the guard, or its beginning does.  ERR_MEMORY.  What stands in an
 * output and was not written is sandbox_unwritten of every 4 bytes.
 */
int sandbox_map(struct sandbox_buffer *b, bool at_end, struct err *err);
void sandbox_unmap(struct sandbox_buffer *b);

/* In the body: from now on inputs can only be read. */
void sandbox_protect(const struct sandbox_buffer *buffers, int n);

/* A NaN that no arithmetic makes: its bits, in outputs before a call. */
#define SANDBOX_UNWRITTEN 0x7fbadbad

/* ---- running --------------------------------------------------------------------------------- */

/* Whatever was found in the library; the body knows its type. */
typedef void sandbox_fn(void);

struct sandbox {
	const char *file;    /* the learner's, as sentences call it */
	const char *library; /* of sandbox_compile(); several for a milestone */
	const char *symbol;
	/* More of both, behind the first: `libraries[i]` has `symbols[i]`. */
	const char *const *libraries, *const *symbols;
	int n_more;
	/* What is done with fn[0] .. fn[n_more], in the child: 0, or another number that ends it.
	 */
	int (*body)(void *ctx, sandbox_fn *const *fn);
	void *ctx;
	double cpu_seconds, wall_seconds; /* 0: 2 and 10 */
	bool may_write_files;             /* ours do: a recording */
	bool is_sanitized; /* the library's sanitizer maps terabytes: no limit of memory */
	const volatile sig_atomic_t *interrupted;

	/* The result. */
	bool is_done;        /* the body came to its end */
	int status;          /* what it returned */
	int at;              /* the call that was going on: of sandbox_at() */
	char says[600];      /* why it did not: "touched x[1000]; x has 1000 elements" */
	struct text printed; /* what the code wrote for people */
};

/* Run it.  0 whatever the code did, is_done says how it went; ERR_IO, ERR_INTERRUPTED. */
int sandbox_run(struct sandbox *s, struct err *err);
void sandbox_release(struct sandbox *s);

/* In the body: call `at` comes next, and these are its arrays. */
void sandbox_at(int at, struct sandbox_buffer *buffers, int n);

#endif
