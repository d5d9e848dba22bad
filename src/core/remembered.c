/* remembered.c -- small files in $XDG_CACHE_HOME/torchless or ~/.cache/torchless. */
#include "torchless/remembered.h"
#include "torchless/err.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAX_BYTES 65536

/* The user's cache directory for this program in *dir, made if needed; false when there is none. */
static bool cache_directory(struct text *dir)
{
	const char *base = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");

	/* The XDG specification: a relative path is to be ignored. */
	if (base && base[0] == '/')
		text_adds(dir, base);
	else if (home && home[0] == '/')
		text_addf(dir, "%s/.cache", home);
	else
		return false;
	if (mkdir(dir->data, 0700) && errno != EEXIST)
		return false;
	text_adds(dir, "/torchless");
	return mkdir(dir->data, 0700) == 0 || errno == EEXIST;
}

bool remembered_get(const char *name, struct text *answer)
{
	struct text path = { 0 };
	struct err ignored;
	bool found = cache_directory(&path);

	if (found) {
		text_addf(&path, "/%s", name);
		found = access(path.data, R_OK) == 0 &&
			text_read_file(answer, path.data, MAX_BYTES, &ignored) == 0;
	}
	text_release(&path);
	return found;
}

void remembered_put(const char *name, const char *answer)
{
	struct text path = { 0 }, beside = { 0 };

	if (cache_directory(&path)) {
		text_addf(&path, "/%s", name);
		text_addf(&beside, "%s.%ld", path.data, (long)getpid());
		FILE *f = fopen(beside.data, "wxe");
		bool written = f && fputs(answer, f) >= 0;

		if (f && (fclose(f) || !written || rename(beside.data, path.data)))
			unlink(beside.data);
	}
	text_release(&path);
	text_release(&beside);
}
