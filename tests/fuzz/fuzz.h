/*
 * fuzz.h -- what the fuzzers share: promises, inputs of several parts, files in memory.
 *
 * A fuzzer is a C program that feeds bytes to one surface.  That nothing crashes, leaks or hangs is
 * seen by the sanitizers and by libFuzzer; what else is promised is said by require().
 */
#ifndef TESTS_FUZZ_H
#define TESTS_FUZZ_H

#include "torchless/err.h"
#include "torchless/text.h"
#include "torchless/utf8.h"

#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed);
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size);

/* ---- promises ------------------------------------------------------------------------------ */

static inline void require(bool condition, const char *what)
{
	if (!condition) {
		fprintf(stderr, "broken promise: %s\n", what);
		abort();
	}
}

/* Text that a terminal may be shown: UTF-8 without C0, DEL and C1. */
static inline void require_shown(const char *s, size_t len)
{
	for (size_t i = 0; i < len;) {
		uint32_t cp = 0;
		int n = utf8_decode(s + i, len - i, &cp);

		require(n > 0, "what is shown is UTF-8");
		require(cp >= 0x20 && !(cp >= 0x7f && cp < 0xa0), "no control bytes are shown");
		i += (size_t)n;
	}
}

/* A failure has a code and one sentence. */
static inline void require_sentence(const struct err *err)
{
	require(err->code < 0 && err_exit_status(err->code) > 0, "a failure has a code");
	require(err->message[0] != '\0', "a failure is explained");
	require_shown(err->message, strlen(err->message));
}

/* A call that returned `result`: it explained itself when, and only when, it failed. */
static inline bool succeeded(int result, const struct err *err)
{
	if (result < 0)
		require_sentence(err);
	else
		require(err->code == 0 && !err->message[0], "success leaves the error alone");
	return result >= 0;
}

/* ---- inputs -------------------------------------------------------------------------------- */

struct input {
	const uint8_t *at;
	size_t left;
};

static inline uint8_t input_byte(struct input *in)
{
	if (!in->left)
		return 0;
	in->left--;
	return *in->at++;
}

/* A little-endian number of n bytes. */
static inline uint64_t input_number(struct input *in, int n)
{
	uint64_t x = 0;

	for (int i = 0; i < n; i++)
		x |= (uint64_t)input_byte(in) << 8 * i;
	return x;
}

/* A copy of n bytes that is as large as it says, so that reading behind it is seen; free() it. */
static inline char *input_take(struct input *in, size_t n)
{
	char *copy = malloc(n ? n : 1);

	if (!copy)
		abort();
	if (n)
		memcpy(copy, in->at, n);
	in->at += n;
	in->left -= n;
	return copy;
}

/* All that is left; and what stands before the next `end`, which is passed over. */
static inline char *input_rest(struct input *in, size_t *len)
{
	*len = in->left;
	return input_take(in, *len);
}

static inline char *input_until(struct input *in, char end, size_t *len)
{
	const uint8_t *stop = in->left ? memchr(in->at, end, in->left) : NULL;
	char *copy;

	*len = stop ? (size_t)(stop - in->at) : in->left;
	copy = input_take(in, *len);
	if (stop)
		input_byte(in);
	return copy;
}

/* The same as a string; what stands behind a NUL is dropped. */
static inline char *input_string(struct input *in, char end)
{
	size_t len;
	char *bytes = input_until(in, end, &len), *s = strndup(bytes, len);

	free(bytes);
	if (!s)
		abort();
	return s;
}

/* ---- files --------------------------------------------------------------------------------- */

static char fuzz_folder[64];

static inline int fuzz_remove(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st, (void)type, (void)ftw;
	return remove(path);
}

static inline void fuzz_remove_folder(void)
{
	nftw(fuzz_folder, fuzz_remove, 8, FTW_DEPTH | FTW_PHYS);
}

/* A folder of this process, in memory where there is such a place; it goes when the process ends.
 */
static inline const char *fuzz_make_folder(void)
{
	const char *place = getenv("TMPDIR"); /* run.py removes what a crash leaves there */

	if (!place)
		place = access("/dev/shm", W_OK) ? "/tmp" : "/dev/shm";
	snprintf(fuzz_folder, sizeof(fuzz_folder), "%s/torchless-fuzz-XXXXXX", place);
	if (!mkdtemp(fuzz_folder))
		abort();
	/* What the program remembers between runs is kept there too. */
	setenv("XDG_CACHE_HOME", fuzz_folder, 1);
	setenv("XDG_STATE_HOME", fuzz_folder, 1);
	atexit(fuzz_remove_folder);
	return fuzz_folder;
}

/* Make `name` in the folder hold these bytes, and no others. */
static inline void fuzz_put(const char *name, const void *data, size_t len)
{
	char path[128];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", fuzz_folder, name);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0 || (len && write(fd, data, len) != (ssize_t)len) || close(fd))
		abort();
}

#endif
