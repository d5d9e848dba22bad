/*
 * cache.c -- the folder of what may be deleted; see cache.h.
 */
#include "cache.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define A_DAY (24L * 60 * 60)

/* The folder and those above it. */
static int make_folders(char *path, struct err *err)
{
	for (char *slash = path + 1;; slash++) {
		char c = *slash;
		int failed = 0;

		if (c && c != '/')
			continue;
		*slash = '\0';
		if (mkdir(path, 0777) && errno != EEXIST)
			failed = errno;
		if (failed)
			return err_set(
				err, err_of_errno(failed),
				"cannot make the folder %s, where lessons keep recordings: %s",
				path, strerror(failed));
		*slash = c;
		if (!c)
			return 0;
	}
}

int cache_folder(const struct classroom *room, const char *kind, struct text *path, struct err *err)
{
	struct stat st;

	text_clear(path);
	text_addf(path, "%s/%s", room->cache, kind);
	if (stat(path->data, &st) == 0 && S_ISDIR(st.st_mode))
		return 0;
	if (make_folders(path->data, err))
		return err->code;
	if (stat(path->data, &st) == 0 && S_ISDIR(st.st_mode))
		return 0;
	return err_set(err, ERR_IO, "%s, where lessons keep recordings, is no folder", path->data);
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
