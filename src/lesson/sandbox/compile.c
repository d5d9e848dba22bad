/*
 * compile.c -- from a source to a library in the cache, named by all that decides what it is.
 *
 * The source goes in by stdin, so that what is compiled is what was read, whatever an editor saves
 * meanwhile; a #line says where it lies, and the messages show its lines.
 */
#include "../cache/cache.h"
#include "../given.h"
#include "sandbox.h"

#include "torchless/child.h"
#include "torchless/clock.h"
#include "torchless/folders.h"
#include "torchless/mem.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

#define SECONDS    30
#define MAX_SAID   20000
#define SAID_LINES 16 /* of that are shown */
/* Of the compiler, in bytes: what it may take, and how large what it writes may be. */
#define MAX_MEMORY ((rlim_t)2 << 30)
#define MAX_FILE   ((rlim_t)64 << 20)

static const char usual_flags[] =
	"-std=gnu11 -fPIC -shared -g -ffp-contract=off -Wall -Wextra -Wno-unknown-pragmas";

void compiled_release(struct compiled *c)
{
	free(c->library);
	text_release(&c->said);
	*c = (struct compiled){ 0 };
}

/* What is loaded lies in a folder that only its owner reads; those above it are there. */
static int make_private(const char *path, struct err *err)
{
	if (mkdir(path, 0700) == 0 || errno == EEXIST)
		return 0;
	return err_set(err, err_of_errno(errno), "cannot make the folder %s: %s", path,
		       strerror(errno));
}

/* Give `said` the name of the file instead of where it lies. */
static void shorten(const struct compile *c, struct text *said)
{
	const char *slash = c->path ? strrchr(c->path, '/') : NULL;
	size_t dir = slash ? (size_t)(slash - c->path) + 1 : 0;
	struct text out = { 0 };
	const char *at = said->data, *hit;

	if (!dir || !at)
		return;
	while ((hit = strstr(at, c->path))) {
		text_add(&out, at, (size_t)(hit - at));
		at = hit + dir;
	}
	text_adds(&out, at);
	text_release(said);
	*said = out;
}

/* A bracket that is missing before an #include makes pages of complaints; the first ones tell. */
static void abridge(struct text *said)
{
	size_t kept = 0;
	int n = 0;

	for (size_t at = 0; at < said->len; at += strcspn(said->data + at, "\n") + 1)
		if (++n == SAID_LINES + 1)
			kept = at;
	if (n <= SAID_LINES + 1)
		return;
	said->len = kept;
	text_addf(said, "(%d more lines)\n", n - SAID_LINES);
}

/*
 * In the child: become the compiler, which an #include of /dev/zero or an array of gigabytes must
 * not let take all memory, or all of a disk.
 */
static int become_compiler(void *ctx)
{
	char *const *argv = ctx;
	const struct rlimit memory = { MAX_MEMORY, MAX_MEMORY }, file = { MAX_FILE, MAX_FILE };

	setrlimit(RLIMIT_AS, &memory);
	setrlimit(RLIMIT_FSIZE, &file);
	execvp(argv[0], argv);
	dprintf(STDERR_FILENO, "%s cannot be run: %s\n", argv[0], strerror(errno));
	return EXIT_FAILURE;
}

/* Why the compiler gave no answer; 0 when it gave one. */
static int unanswered(enum child_end end, const struct child *child, const char *name,
		      const char *command, struct err *err)
{
	switch (end) {
	case CHILD_DONE:
		return 0;
	case CHILD_TIMEOUT:
		return err_set(err, ERR_TOOL,
			       "the compiler (%s) did not end within %d s: does %s include a file "
			       "that has no end?",
			       command, SECONDS, name);
	case CHILD_INTERRUPTED:
		return err_set(err, ERR_INTERRUPTED, "interrupted");
	case CHILD_TOO_MUCH:
		return err_set(err, ERR_TOOL, "the compiler (%s) wrote more than %d bytes", command,
			       MAX_SAID);
	case CHILD_MISSING:
	case CHILD_UNHEARD:
		break;
	}
	return err_set(err, ERR_TOOL, "the compiler (%s) cannot be run: %s", command,
		       strerror(child->error));
}

/* The path is a string literal there. */
static void add_line_directive(const char *path, struct text *out)
{
	text_adds(out, "#line 1 \"");
	for (const char *c = path; *c; c++)
		if (*c == '"' || *c == '\\' || (unsigned char)*c < 0x20)
			text_addf(out, "\\%03o", (unsigned char)*c);
		else
			text_addc(out, *c);
	text_adds(out, "\"\n");
}

/* Compile into `made`; *is_good says whether the source was. */
static int run_compiler(const struct compile *c, const char *command, const char *flags,
			const char *made, struct text *said, bool *is_good, struct err *err)
{
	const char *argv[COMPILER_WORDS + 16];
	char *words[3] = { mem_strdup(command), mem_strdup(usual_flags), mem_strdup(flags) };
	struct text include = { 0 }, source = { 0 };
	struct child child = { .call = become_compiler,
			       .ctx = argv,
			       .seconds = SECONDS,
			       .max_bytes = MAX_SAID,
			       .max_said = MAX_SAID,
			       .interrupted = c->interrupted };
	size_t bom;
	int n = 0, rc;

	for (int i = 0; i < 3; i++)
		n = compiler_words(argv, n, words[i]);
	text_addf(&include, "%s/include", c->cache);
	argv[n++] = "-I";
	argv[n++] = include.data;
	argv[n++] = "-o";
	argv[n++] = made;
	argv[n++] = "-xc";
	argv[n++] = "-";
	argv[n++] = "-lm";
	argv[n] = NULL;
	add_line_directive(c->path ? c->path : c->name, &source);
	/* The mark of UTF-8 that some editors leave stands at the beginning of a file or is an
	 * error. */
	bom = c->len >= 3 && !memcmp(c->source, "\xef\xbb\xbf", 3) ? 3 : 0;
	text_add(&source, c->source + bom, c->len - bom);
	child.input = source.data;
	child.input_len = source.len;
	rc = unanswered(child_run(&child), &child, c->name, command, err);
	*is_good = rc == 0 && child.status == 0 && access(made, R_OK) == 0;
	if (child.said.len > 0)
		text_add(said, child.said.data, child.said.len);
	shorten(c, said);
	abridge(said);
	child_release(&child);
	text_release(&include);
	text_release(&source);
	for (int i = 0; i < 3; i++)
		free(words[i]);
	return rc;
}

/* CACHE/kernels/HASH: the compiler, its flags, the header, the file and its name. */
static void name_library(const struct compile *c, const char *command, const char *flags,
			 struct text *out)
{
	struct text all = { 0 };
	XXH128_hash_t hash;

	text_addf(&all, "%s\n%s\n%s\n%s\n%s\n", command, usual_flags, flags,
		  c->path ? c->path : c->name, lesson_kernels_header);
	text_add(&all, c->source, c->len);
	hash = XXH3_128bits(all.data, all.len);
	text_addf(out, "%s/kernels/%016llx%016llx", c->cache, (unsigned long long)hash.high64,
		  (unsigned long long)hash.low64);
	text_release(&all);
}

/* Compile to the side, and put both files in place: the warnings first, so that who finds the
 * library finds them too. */
static int make_library(const struct compile *c, const char *command, const char *flags,
			const char *base, struct compiled *out, struct err *err)
{
	struct text made = { 0 }, path = { 0 };
	bool is_good = false;
	int rc;

	text_addf(&made, "%s.%ld.so", base, (long)getpid());
	rc = run_compiler(c, command, flags, made.data, &out->said, &is_good, err);
	if (!rc && is_good) {
		text_addf(&path, "%s.txt", base);
		rc = text_write_file(path.data, out->said.data ? out->said.data : "", out->said.len,
				     err);
		text_clear(&path);
		text_addf(&path, "%s.so", base);
		/* So that is_ours() knows it again, whatever the umask. */
		if (!rc && (chmod(made.data, 0700) || rename(made.data, path.data)))
			rc = err_set(err, err_of_errno(errno), "%s cannot be written: %s",
				     path.data, strerror(errno));
		if (!rc)
			out->library = mem_strdup(path.data);
	}
	unlink(made.data);
	text_release(&made);
	text_release(&path);
	return rc;
}

/* Code is loaded from there: what somebody else has put or can change is as good as absent. */
static bool is_ours(const char *path)
{
	struct stat sb;

	return lstat(path, &sb) == 0 && S_ISREG(sb.st_mode) && sb.st_uid == geteuid() &&
	       (sb.st_mode & (S_IWGRP | S_IWOTH)) == 0;
}

/* Whether the cache has it; then its warnings are read too. */
static bool is_cached(const char *base, struct compiled *out)
{
	struct text path = { 0 };
	struct err none;
	bool found;

	text_addf(&path, "%s.so", base);
	found = is_ours(path.data) && access(path.data, R_OK) == 0;
	if (found) {
		cache_use(path.data);
		out->library = mem_strdup(path.data);
	}
	text_clear(&path);
	text_addf(&path, "%s.txt", base);
	if (found && text_read_regular(&out->said, path.data, MAX_SAID, &none) == 0) {
		cache_use(path.data);
	} else if (found) {
		/* Without its warnings it would be told otherwise than the first time. */
		text_clear(&out->said);
		free(out->library);
		out->library = NULL;
		found = false;
	}
	text_release(&path);
	return found;
}

/* Whether the source can be one; else why not is said. */
static bool is_source(const struct compile *c, struct text *said)
{
	const char *nul = c->len > 0 ? memchr(c->source, '\0', c->len) : NULL;
	int line = 1;

	if (c->len > SANDBOX_MAX_SOURCE)
		text_addf(said, "%s is %.1f MB: nothing above %d MB is compiled", c->name,
			  (double)c->len / 1e6, SANDBOX_MAX_SOURCE / 1000000);
	else if (nul) {
		for (const char *at = c->source; at < nul; at++)
			line += *at == '\n';
		text_addf(said,
			  "%s:%d: a byte that is 0, so this is no text: save the file as UTF-8",
			  c->name, line);
	}
	return !said->len;
}

int sandbox_compile(const struct compile *c, struct compiled *out, struct err *err)
{
	const char *flags = c->flags ? c->flags : "-O2";
	struct text command = { 0 }, base = { 0 };
	int64_t began = clock_ns();
	int rc = 0;

	*out = (struct compiled){ 0 };
	if (!is_source(c, &out->said))
		return 0;
	if (c->compiler)
		text_adds(&command, c->compiler);
	else
		rc = sandbox_compiler(&command, err);
	if (!rc) {
		name_library(c, command.data, flags, &base);
		if (!is_cached(base.data, out)) {
			struct text folder = { 0 };

			text_addf(&folder, "%s/include", c->cache);
			rc = given_header(folder.data, err);
			text_clear(&folder);
			text_addf(&folder, "%s/kernels", c->cache);
			rc = rc ? rc : make_private(folder.data, err);
			cache_sweep(folder.data, CACHE_SMALL);
			rc = rc ? rc : make_library(c, command.data, flags, base.data, out, err);
			text_release(&folder);
		}
	}
	out->ns = clock_ns() - began;
	text_release(&command);
	text_release(&base);
	if (rc)
		compiled_release(out);
	return rc;
}
