/* side_files.c -- see side_files.h. */
#include "torchless/side_files.h"

#include "torchless/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *const suffixes[] = { "-journal", "-wal", "-shm" };
enum { N_SUFFIXES = sizeof(suffixes) / sizeof(suffixes[0]) };

static char *join(const char *path, const char *suffix)
{
	struct text t = { 0 };

	text_adds(&t, path);
	text_adds(&t, suffix);
	return t.data;
}

/* SQLite follows links to the database and takes the neighbours of where they lead. */
static char *resolve(const char *path)
{
	struct stat st;
	char *full = !lstat(path, &st) && S_ISLNK(st.st_mode) ? realpath(path, NULL) : NULL;

	return full ? full : mem_strdup(path);
}

static const char *describe(mode_t mode)
{
	return S_ISDIR(mode)    ? "a directory"
	       : S_ISLNK(mode)  ? "a link"
	       : S_ISFIFO(mode) ? "a pipe"
	       : S_ISSOCK(mode) ? "a socket"
				: "a device";
}

int side_files_regular(const char *path, struct err *err)
{
	int i, ret = 0;

	for (i = 0; i < N_SUFFIXES && !ret; i++) {
		char *side = join(path, suffixes[i]);
		struct stat st;

		/* What cannot be looked at cannot be opened either. */
		if (!lstat(side, &st) && !S_ISREG(st.st_mode))
			ret = err_set(err, ERR_FORMAT,
				      "%s is %s, where SQLite keeps a file of %s: remove it first",
				      side, describe(st.st_mode), path);
		free(side);
	}
	return ret;
}

/* ---- the rollback journal ------------------------------------------------------------------ */

static const unsigned char magic[8] = { 0xd9, 0xd5, 0x05, 0xf9, 0x20, 0xa1, 0x63, 0xd7 };

/* Its header: magic, records, checksum's seed, pages of the database, sector, page; big-endian. */
enum { AT_PAGES = 16, AT_SECTOR = 20, AT_PAGE = 24, HEADER_BYTES = 28, MAX_PAGE = 65536 };

static uint32_t big_endian(const unsigned char *b)
{
	return (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3];
}

static bool is_size(uint32_t n)
{
	return n >= 512 && n <= MAX_PAGE && (n & (n - 1)) == 0;
}

/*
 * Rolling it back writes pages that the database has, and makes it no longer.  Nor does it leave
 * nothing: a recording has pages before anything is written under its name.
 */
static bool is_sound(const unsigned char *head, size_t n, int64_t database_bytes)
{
	uint32_t page, pages;

	if (memcmp(head, magic, n < sizeof(magic) ? n : sizeof(magic)) != 0)
		return false;
	if (n < HEADER_BYTES)
		return true; /* SQLite finds no record in it */
	page = big_endian(head + AT_PAGE);
	pages = big_endian(head + AT_PAGES);
	return is_size(page) && is_size(big_endian(head + AT_SECTOR)) && pages &&
	       (int64_t)pages * page <= database_bytes;
}

/*
 * SQLite takes the name of a super-journal from the end of the file, whatever stands before it, and
 * knows it by the magic bytes behind it.  A transaction of this program has one file, so that its
 * journals never end so: a page's checksum ends them.
 */
static int read_journal(int fd, const char *name, const char *path, enum side_journal *kind,
			struct err *err)
{
	unsigned char head[HEADER_BYTES], tail[sizeof(magic)];
	struct stat st, database;
	ssize_t n;

	if (fstat(fd, &st) || stat(path, &database) || (n = pread(fd, head, sizeof(head), 0)) < 0)
		return err_set(err, ERR_IO, "%s: %s", name, strerror(errno));
	if (st.st_size >= (off_t)sizeof(tail) &&
	    pread(fd, tail, sizeof(tail), st.st_size - (off_t)sizeof(tail)) ==
		    (ssize_t)sizeof(tail) &&
	    !memcmp(tail, magic, sizeof(magic)))
		return err_set(err, ERR_FORMAT,
			       "%s is no journal of torchless: it names another file, which SQLite "
			       "would delete; remove the journal to open %s without it",
			       name, path);
	*kind = n > 0 && head[0] ? JOURNAL_HOT : JOURNAL_COLD;
	if (*kind == JOURNAL_COLD || is_sound(head, (size_t)n, database.st_size))
		return 0;
	return err_set(err, ERR_FORMAT,
		       "%s is no journal of %s; remove the journal to open it without", name, path);
}

static int check_journal(const char *full, const char *path, enum side_journal *kind,
			 struct err *err)
{
	char *name = join(full, suffixes[0]);
	int ret = 0, fd = open(name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);

	*kind = JOURNAL_NONE;
	if (fd >= 0) {
		ret = read_journal(fd, name, path, kind, err);
		close(fd);
	} else if (errno != ENOENT && errno != ENAMETOOLONG) {
		ret = err_set(err, ERR_IO, "%s: %s", name, strerror(errno));
	}
	free(name);
	return ret;
}

int side_files_check(const char *path, enum side_journal *journal, struct err *err)
{
	char *full = resolve(path);
	enum side_journal kind = JOURNAL_NONE;
	int ret;

	ret = side_files_regular(full, err) || check_journal(full, path, &kind, err) ? err->code
										     : 0;
	free(full);
	if (journal)
		*journal = kind;
	return ret;
}

bool side_files_has_log(const char *path)
{
	char *full = resolve(path), *log = join(full, "-wal");
	struct stat st;
	bool found = !lstat(log, &st) && st.st_size > 0;

	free(log);
	free(full);
	return found;
}

/* ---- with the database --------------------------------------------------------------------- */

void side_files_remove(const char *path)
{
	int i;

	for (i = 0; i < N_SUFFIXES; i++) {
		char *side = join(path, suffixes[i]);

		unlink(side);
		free(side);
	}
}

void side_files_move(const char *from, const char *to)
{
	int i;

	for (i = 0; i < N_SUFFIXES; i++) {
		char *old = join(from, suffixes[i]), *moved = join(to, suffixes[i]);

		rename(old, moved);
		free(old);
		free(moved);
	}
}
