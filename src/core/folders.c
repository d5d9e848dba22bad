/*
 * folders.c -- a folder and those above it.
 */
#include "torchless/folders.h"
#include "torchless/mem.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static bool is_folder(const char *path)
{
	struct stat sb;

	return stat(path, &sb) == 0 && S_ISDIR(sb.st_mode);
}

/* 0, or errno.  One that is there may lie where nothing may be made, or be a link to one. */
static int make_one(const char *path)
{
	int failed = mkdir(path, 0777) == 0 ? 0 : errno;

	return failed && is_folder(path) ? 0 : failed == EEXIST ? ENOTDIR : failed;
}

int folders_make(const char *path, struct err *err)
{
	char *part = mem_strdup(path);
	int failed = 0;

	for (char *slash = part; !failed && slash;) {
		slash = strchr(slash + 1, '/');
		if (slash)
			*slash = '\0';
		failed = make_one(part);
		if (slash)
			*slash = '/';
	}
	free(part);
	return failed ? err_set(err, err_of_errno(failed), "cannot make the folder %s: %s", path,
				strerror(failed))
		      : 0;
}
