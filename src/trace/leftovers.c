/* leftovers.c -- see leftovers.h. */
#include "leftovers.h"

#include "recording_file.h"
#include "schema_check.h"

#include "torchless/open_files.h"
#include "torchless/side_files.h"
#include "torchless/text.h"
#include "torchless/trace.h"

#include <dirent.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* In the header of a database. */
enum { APPLICATION_ID_AT = 68, PAGE_COUNT_AT = 28, PAGE_BYTES = 8192, MOST_BYTES = 1 << 20 };

static int64_t number_at(const char *head, int at)
{
	const unsigned char *b = (const unsigned char *)head + at;

	return (int64_t)b[0] << 24 | (int64_t)b[1] << 16 | (int64_t)b[2] << 8 | b[3];
}

static bool has_no_run(const char *path)
{
	struct db db = { 0 };
	struct err ignored = { 0 };
	int64_t n = 1;

	if (db_open_with(&db, path, SQLITE_OPEN_READONLY, "mode=ro&immutable=1", &ignored) ||
	    schema_check(&db, path, &ignored) ||
	    db_int(&db, "SELECT EXISTS(SELECT 1 FROM run)", &n, &ignored))
		n = 1;
	db_close(&db);
	return n == 0;
}

bool leftovers_is_blank(const char *path)
{
	struct err ignored = { 0 };
	enum side_journal journal;
	struct stat st;

	return !lstat(path, &st) && S_ISREG(st.st_mode) && st.st_size <= MOST_BYTES &&
	       !side_files_check(path, &journal, &ignored) && journal == JOURNAL_NONE &&
	       !side_files_has_log(path) && !recording_file_check(path, &ignored) &&
	       has_no_run(path);
}

/* Nothing that somebody could miss: no byte, the beginning of a recording, one without a run. */
static bool is_leftover(const char *path, const struct stat *st)
{
	struct err ignored = { 0 };
	char head[RECORDING_HEAD];

	if (!st->st_size)
		return true;
	if (st->st_size > MOST_BYTES || recording_file_check(path, &ignored) ||
	    recording_file_head(path, head, sizeof(head), &ignored) ||
	    number_at(head, APPLICATION_ID_AT) != RECORDING_APPLICATION_ID)
		return false;
	return number_at(head, PAGE_COUNT_AT) * PAGE_BYTES > st->st_size || has_no_run(path);
}

static void sweep_file(const char *path)
{
	struct stat st;
	int fd = -1;

	if (lstat(path, &st) || !S_ISREG(st.st_mode) || !open_files_lock_surely(path, &fd))
		return;
	if (is_leftover(path, &st)) {
		unlink(path);
		side_files_remove(path);
	}
	open_files_unlock(fd);
}

/* "-12" or "-12-3" */
static bool is_number(const char *s)
{
	int n;

	for (n = 0; n < 2 && *s == '-' && s[1] >= '0' && s[1] <= '9'; n++)
		s += 1 + strspn(s + 1, "0123456789");
	return n > 0 && !*s;
}

/*
 * The second name of a file that was about to be kept, or of one that has its own name by now; who
 * is at it still has its lock.
 */
static bool sweep_second(const char *path)
{
	struct stat st;
	int fd = -1;
	bool swept;

	if (lstat(path, &st) || !S_ISREG(st.st_mode) || st.st_nlink < 2 ||
	    !open_files_lock_surely(path, &fd))
		return false;
	swept = !unlink(path);
	open_files_unlock(fd);
	return swept;
}

static void sweep_entry(const char *path, const char *behind)
{
	static const char second[] = "-old";
	struct text number = { 0 };
	size_t len = strlen(behind), cut = sizeof(second) - 1;

	if (len > cut && !strcmp(behind + len - cut, second)) {
		text_add(&number, behind, len - cut);
		if (is_number(number.data))
			sweep_second(path);
		text_release(&number);
	} else if (is_number(behind) && !sweep_second(path)) {
		sweep_file(path);
	}
}

void leftovers_sweep(const char *path)
{
	const char *slash = strrchr(path, '/');
	size_t dir_len = slash ? (size_t)(slash - path) + 1 : 0;
	struct text start = { 0 }, entry = { 0 };
	const struct dirent *e;
	DIR *dir;

	text_addf(&start, "%s.new", path + dir_len);
	text_add(&entry, dir_len ? path : ".", dir_len ? dir_len : 1);
	dir = opendir(entry.data);
	while (dir && (e = readdir(dir))) {
		if (strncmp(e->d_name, start.data, start.len) != 0)
			continue;
		text_clear(&entry);
		text_add(&entry, path, dir_len);
		text_adds(&entry, e->d_name);
		sweep_entry(entry.data, e->d_name + start.len);
	}
	if (dir)
		closedir(dir);
	text_release(&entry);
	text_release(&start);
}
