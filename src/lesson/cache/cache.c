/*
 * cache.c -- the folder of what may be deleted; see cache.h.
 */
#include "cache.h"

#include "torchless/folders.h"
#include "torchless/mem.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define AN_HOUR (60L * 60)
#define A_DAY   (24 * AN_HOUR)

int cache_folder(const struct classroom *room, const char *kind, struct text *path, struct err *err)
{
	text_clear(path);
	text_addf(path, "%s/%s", room->cache, kind);
	return folders_make(path->data, err) ? err_wrap(err, "lessons keep recordings there") : 0;
}

void cache_aside(const char *folder, const char *name, struct text *path)
{
	text_clear(path);
	text_addf(path, "%s/.new-%ld-%s", folder, (long)getpid(), name);
}

void cache_remove(const char *path)
{
	/* What a link leads to is not ours. */
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
	struct dirent *e;
	struct text file = { 0 };

	while (dir && (e = readdir(dir))) {
		if (!strcmp(e->d_name, ".") || !strcmp(e->d_name, ".."))
			continue;
		text_clear(&file);
		text_addf(&file, "%s/%s", path, e->d_name);
		cache_remove(file.data);
	}
	if (dir)
		closedir(dir);
	else if (fd >= 0)
		close(fd);
	text_release(&file);
	remove(path);
}

/* ---- sweeping ------------------------------------------------------------------------------- */

/* Something of the cache: a file, or a folder of files. */
struct entry {
	char *path;
	time_t used;
	int64_t bytes;
};

struct entries {
	struct entry *at;
	size_t n, cap;
	int64_t bytes;
};

/* What a file takes, or the files of a folder. */
static int64_t bytes_of(const char *path, const struct stat *st)
{
	DIR *dir = S_ISDIR(st->st_mode) ? opendir(path) : NULL;
	int64_t bytes = dir ? 0 : (int64_t)st->st_size;
	struct dirent *e;
	struct stat in;

	while (dir && (e = readdir(dir)))
		if (fstatat(dirfd(dir), e->d_name, &in, AT_SYMLINK_NOFOLLOW) == 0 &&
		    S_ISREG(in.st_mode))
			bytes += (int64_t)in.st_size;
	if (dir)
		closedir(dir);
	return bytes;
}

/* Remove what is too old, and note the rest. */
static void sweep_old(DIR *dir, const char *folder, struct entries *kept)
{
	time_t now = time(NULL);
	struct dirent *e;

	while ((e = readdir(dir))) {
		time_t age = !strncmp(e->d_name, ".new-", 5) ? A_DAY : 30 * A_DAY;
		struct text path = { 0 };
		struct stat st;

		if (!strcmp(e->d_name, ".") || !strcmp(e->d_name, ".."))
			continue;
		text_addf(&path, "%s/%s", folder, e->d_name);
		if (lstat(path.data, &st) != 0) {
			/* Somebody else has removed it. */
		} else if (now - st.st_mtime > age) {
			cache_remove(path.data);
		} else if (now - st.st_mtime > AN_HOUR) {
			kept->at = mem_grow(kept->at, kept->n, &kept->cap, sizeof(*kept->at));
			kept->at[kept->n++] = (struct entry){ mem_strdup(path.data), st.st_mtime,
							      bytes_of(path.data, &st) };
			kept->bytes += kept->at[kept->n - 1].bytes;
		} else {
			kept->bytes += bytes_of(path.data, &st);
		}
		text_release(&path);
	}
}

static int oldest_first(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;

	return (x->used > y->used) - (x->used < y->used);
}

void cache_sweep(const char *folder, int64_t most)
{
	DIR *dir = opendir(folder);
	struct entries kept = { 0 };

	if (!dir)
		return;
	sweep_old(dir, folder, &kept);
	closedir(dir);
	if (kept.n)
		qsort(kept.at, kept.n, sizeof(*kept.at), oldest_first);
	for (size_t i = 0; i < kept.n; i++) {
		if (kept.bytes > most) {
			cache_remove(kept.at[i].path);
			kept.bytes -= kept.at[i].bytes;
		}
		free(kept.at[i].path);
	}
	free(kept.at);
}

void cache_use(const char *path)
{
	struct stat st;

	if (stat(path, &st) == 0 && time(NULL) - st.st_mtime > AN_HOUR / 2)
		utimensat(AT_FDCWD, path, NULL, 0);
}

void cache_put(const char *folder, const char *name, const void *data, size_t len)
{
	struct text path = { 0 }, aside = { 0 };
	FILE *f;

	text_addf(&path, "%s/%s", folder, name);
	cache_aside(folder, name, &aside);
	f = fopen(aside.data, "wbe");
	if (f) {
		bool ok = fwrite(data, 1, len, f) == len;

		ok &= fclose(f) == 0;
		if (!ok || rename(aside.data, path.data))
			unlink(aside.data);
	}
	text_release(&path);
	text_release(&aside);
}
