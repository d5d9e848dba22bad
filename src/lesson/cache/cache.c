/*
 * cache.c -- the folder of what may be deleted; see cache.h.
 */
#include "cache.h"

#include "torchless/folders.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define A_DAY (24L * 60 * 60)

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
		unlink(file.data);
	}
	if (dir)
		closedir(dir);
	else if (fd >= 0)
		close(fd);
	text_release(&file);
	remove(path);
}

void cache_sweep(const char *folder)
{
	DIR *dir = opendir(folder);
	struct dirent *e;
	struct text path = { 0 };
	time_t now = time(NULL);

	while (dir && (e = readdir(dir))) {
		time_t age = !strncmp(e->d_name, ".new-", 5) ? A_DAY : 30 * A_DAY;
		struct stat st;

		if (!strcmp(e->d_name, ".") || !strcmp(e->d_name, ".."))
			continue;
		text_clear(&path);
		text_addf(&path, "%s/%s", folder, e->d_name);
		if (lstat(path.data, &st) == 0 && now - st.st_mtime > age)
			cache_remove(path.data);
	}
	if (dir)
		closedir(dir);
	text_release(&path);
}

void cache_use(const char *path)
{
	struct stat st;

	if (stat(path, &st) == 0 && time(NULL) - st.st_mtime > A_DAY)
		utimensat(AT_FDCWD, path, NULL, 0);
}
