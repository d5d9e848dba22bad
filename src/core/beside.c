/*
 * beside.c -- see beside.h.
 */
#include "torchless/beside.h"
#include "torchless/mem.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define MARK     ".new-"
#define N_RANDOM 6
#define MAX_OURS 32 /* bytes of MARK, a number, and what mkstemp() draws */
#define TRIES    16

static const char *base_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

/* How much of a name stands in ours: behind a long one there would be no room. */
static size_t kept_of(const char *base)
{
	size_t len = strlen(base), most = NAME_MAX - MAX_OURS;

	return len < most ? len : most;
}

/* ---- what is left -------------------------------------------------------------------------- */

/* Where ours begins in "NAME.new-12-AbCdEf"; NULL: it is no such name. */
static const char *mark_in(const char *name)
{
	size_t len = strlen(name), mark = strlen(MARK), at = len;

	while (at > 0 && len - at < N_RANDOM && isalnum((unsigned char)name[at - 1]))
		at--;
	if (len - at != N_RANDOM || at == 0 || name[--at] != '-')
		return NULL;
	len = at;
	while (at > 0 && name[at - 1] >= '0' && name[at - 1] <= '9')
		at--;
	return at < len && at > mark && !memcmp(name + at - mark, MARK, mark) ? name + at - mark
									      : NULL;
}

static bool is_of(const char *name, const char *base)
{
	const char *mark = mark_in(name);

	return mark && (!base || ((size_t)(mark - name) == kept_of(base) &&
				  !memcmp(name, base, kept_of(base))));
}

/* Whoever makes it has the lock; where there are no locks nobody can tell. */
static void sweep_one(int dir, const char *name)
{
	int fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	struct stat st;

	if (fd < 0)
		return;
	if (!fstat(fd, &st) && S_ISREG(st.st_mode) && st.st_uid == geteuid() && st.st_nlink == 1 &&
	    !flock(fd, LOCK_EX | LOCK_NB))
		unlinkat(dir, name, 0);
	close(fd);
}

void beside_sweep(const char *folder, const char *base)
{
	DIR *dir = opendir(folder);
	const struct dirent *e;

	while (dir && (e = readdir(dir)))
		if (is_of(e->d_name, base))
			sweep_one(dirfd(dir), e->d_name);
	if (dir)
		closedir(dir);
}

static void sweep_beside(const char *target)
{
	size_t n = (size_t)(base_of(target) - target);
	char *folder = n > 0 ? mem_memdup(target, n) : mem_strdup(".");

	beside_sweep(folder, base_of(target));
	free(folder);
}

/* ---- a new one ----------------------------------------------------------------------------- */

/* Nobody who is run meanwhile inherits the lock. */
static int make_one(char *name)
{
	int fd = mkstemp(name);

	if (fd >= 0)
		fcntl(fd, F_SETFD, FD_CLOEXEC);
	return fd;
}

/* Whether the file is locked and still has its name: who swept in that moment took it away. */
static bool is_held(int fd)
{
	struct stat st;

	if (flock(fd, LOCK_EX | LOCK_NB) && errno == EWOULDBLOCK)
		return false;
	return fstat(fd, &st) || st.st_nlink > 0;
}

int beside_make(const char *target, char **name)
{
	const char *base = base_of(target);
	size_t size = strlen(target) + MAX_OURS + 1;
	int fd = -1;

	sweep_beside(target);
	*name = mem_calloc(size, 1);
	for (int i = 0; fd < 0 && i < TRIES; i++) {
		snprintf(*name, size, "%.*s%.*s" MARK "%ld-XXXXXX", (int)(base - target), target,
			 (int)kept_of(base), base, (long)getpid());
		fd = make_one(*name);
		if (fd < 0)
			return -1;
		if (!is_held(fd)) {
			unlink(*name); /* nobody else has this name */
			close(fd);
			fd = -1;
			errno = EBUSY;
		}
	}
	return fd;
}
