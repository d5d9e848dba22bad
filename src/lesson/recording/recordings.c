/*
 * recordings.c -- a recording as a section of checks.conf asks for it, made in the cache.
 *
 * Its name is a hash of what makes it (wanted.c) and a hash of what it holds: a file that is
 * damaged is not the one that was asked for, and is made again. It is written aside and renamed, so
 * that there is never half of one.
 */
#include "wanted.h"

#include "../cache/cache.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

#define MAX_BYTES ((size_t)512 << 20)

/* ---- its file ------------------------------------------------------------------------------- */

static void remove_aside(const char *path)
{
	static const char *const ends[] = { "", "-wal", "-shm", "-journal" };
	struct text t = { 0 };

	for (size_t i = 0; i < sizeof(ends) / sizeof(*ends); i++) {
		text_clear(&t);
		text_addf(&t, "%s%s", path, ends[i]);
		unlink(t.data);
	}
	text_release(&t);
}

static bool hash_file(const char *path, char hash[17])
{
	struct text bytes = { 0 };
	struct err ignored = { 0 };
	bool ok = text_read_regular(&bytes, path, MAX_BYTES, &ignored) == 0 && bytes.len > 0;

	if (ok)
		snprintf(hash, 17, "%016llx",
			 (unsigned long long)XXH3_64bits(bytes.data, bytes.len));
	text_release(&bytes);
	return ok;
}

/* Whether a file NAME.HASH.db is what its name says. */
static bool is_whole(const char *path, const char *name)
{
	char hash[17], said[32];

	if (!hash_file(path, hash))
		return false;
	snprintf(said, sizeof(said), ".%s.db", hash);
	return !strcmp(name + 16, said);
}

/* One that is there; one that is damaged is removed. */
static bool find_file(const struct wanted *w, const char *folder, struct text *path)
{
	DIR *dir = opendir(folder);
	struct dirent *e;
	bool found = false;

	while (dir && !found && (e = readdir(dir))) {
		size_t n = strlen(e->d_name);

		if (n != 36 || strncmp(e->d_name, w->name, 16) != 0)
			continue;
		text_clear(path);
		text_addf(path, "%s/%s", folder, e->d_name);
		found = is_whole(path->data, e->d_name);
		if (found)
			cache_use(path->data);
		else
			unlink(path->data);
	}
	if (dir)
		closedir(dir);
	return found;
}

static int name_file(const struct wanted *w, const char *folder, const char *aside,
		     struct text *path, struct err *err)
{
	char hash[17];

	if (!hash_file(aside, hash))
		return err_set(err, ERR_IO, "cannot read %s, which was just written", aside);
	text_clear(path);
	text_addf(path, "%s/%s.%s.db", folder, w->name, hash);
	if (rename(aside, path->data) == 0)
		return 0;
	return err_set(err, err_of_errno(errno), "cannot name %s: %s", path->data, strerror(errno));
}

static int make(const struct wanted *w, const char *folder, struct text *path, struct err *err)
{
	struct text aside = { 0 };
	int result;

	cache_sweep(folder, CACHE_LARGE);
	cache_aside(folder, w->name, &aside);
	remove_aside(aside.data);
	result = wanted_record(w, aside.data, err);
	if (result == 0)
		result = name_file(w, folder, aside.data, path, err);
	if (result)
		remove_aside(aside.data);
	/* A file that is gone again, and what could be kept of it, are nobody's concern. */
	if (result == ERR_IO && strstr(err->message, "the disk is full"))
		err_set(err, ERR_IO, "there is no room for a recording in %s: the disk is full",
			folder);
	text_release(&aside);
	return result;
}

int recording_of_section(const struct classroom *room, const struct course_section *s, bool healthy,
			 struct text *path, struct err *err)
{
	struct wanted w = { .room = room, .conf = s };
	struct text folder = { 0 };
	int result = wanted_find(&w, healthy, err);

	if (result == 0)
		result = cache_folder(room, "recordings", &folder, err);
	if (result == 0 && !find_file(&w, folder.data, path))
		result = make(&w, folder.data, path, err);
	text_release(&folder);
	wanted_release(&w);
	return result;
}
