/* test_recording_file.c -- how a recording takes its name, and what lies beside one. */
#include "trace/recording_file.h"
#include "trace/schema_check.h"

#include "torchless/database.h"
#include "torchless/open_files.h"
#include "torchless/side_files.h"
#include "torchless/trace.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

extern const char schema_sql[], schema_before_sql[], indexes_sql[];

static char dir[64], path[128];

static void setup(void)
{
	strcpy(dir, "/tmp/torchless-file-XXXXXX");
	cr_assert(mkdtemp(dir) != NULL);
	snprintf(path, sizeof(path), "%s/t.db", dir);
}

static void teardown(void)
{
	char command[128];

	snprintf(command, sizeof(command), "rm -rf %s", dir);
	cr_assert(system(command) == 0);
}

TestSuite(recording_file, .init = setup, .fini = teardown);

/* ---- a file system without second names ---------------------------------------------------- */

int __real_link(const char *from, const char *to);
int __wrap_link(const char *from, const char *to);

static bool has_no_links;

int __wrap_link(const char *from, const char *to)
{
	if (!has_no_links)
		return __real_link(from, to);
	errno = EPERM;
	return -1;
}

/* ---- help ---------------------------------------------------------------------------------- */

static const char *beside(const char *suffix)
{
	static char name[160];

	snprintf(name, sizeof(name), "%s%s", path, suffix);
	return name;
}

static void write_beside(const char *suffix, const void *bytes, size_t n)
{
	FILE *f = fopen(beside(suffix), "wb");

	cr_assert(f != NULL);
	cr_assert(fwrite(bytes, 1, n, f) == n);
	cr_assert(fclose(f) == 0);
}

static bool exists(const char *suffix)
{
	struct stat st;

	return !lstat(beside(suffix), &st);
}

static ino_t inode(const char *suffix)
{
	struct stat st;

	cr_assert(lstat(beside(suffix), &st) == 0);
	return st.st_ino;
}

/* The lock, or -1 and err. */
static int create(const struct trace_target *seen, struct err *err)
{
	static const char *const scripts[] = { schema_sql, NULL };
	struct trace_target target = { 0 };
	int fd = -1, ret;

	*err = (struct err){ 0 };
	ret = recording_file_create(path, seen ? seen : &target, scripts, &fd, err);
	cr_assert(eq(int, ret, err->code));
	cr_assert(eq(int, fd < 0, ret != 0));
	return fd;
}

static void expect_busy(const struct trace_target *seen)
{
	struct err err;

	cr_assert(eq(int, create(seen, &err), -1));
	cr_assert(eq(int, err.code, ERR_IO));
	cr_assert(strstr(err.message, "is being written by ") != NULL, "%s", err.message);
}

/* ---- the name ------------------------------------------------------------------------------ */

/* A row of a run, so that the file is worth keeping. */
static ino_t record_run(void)
{
	struct db db = { 0 };
	struct err err = { 0 };

	cr_assert(db_open(&db, path, SQLITE_OPEN_READWRITE, &err) == 0);
	cr_assert(
		db_exec(&db,
			"PRAGMA foreign_keys = OFF; INSERT INTO run(uuid, model_id, role, engine, "
			"started_ns) VALUES(randomblob(16), 1, 'engine', 'test', 0)",
			&err) == 0,
		"%s", err.message);
	db_close(&db);
	return inode("");
}

static void take_and_replace(void)
{
	struct err err;
	int fd = create(NULL, &err);
	ino_t first;

	cr_assert(fd >= 0, "%s", err.message);
	cr_assert(open_files_has_lock(path));
	cr_assert(trace_target_look(path).is_busy);
	expect_busy(NULL);
	open_files_unlock(fd);
	cr_assert(not(trace_target_look(path).is_busy));
	first = record_run();
	fd = create(NULL, &err);
	cr_assert(fd >= 0, "%s", err.message);
	cr_assert(first == inode(".old") && first != inode(""));
	cr_assert(recording_file_check(path, &err) == 0);
	open_files_unlock(fd);
}

Test(recording_file, a_name_is_taken_and_replaced)
{
	take_and_replace();
}

/* Killed between taking the name and the first run: what is kept stays. */
Test(recording_file, a_recording_of_nothing_is_not_kept)
{
	struct err err;
	int fd = create(NULL, &err);
	ino_t first;

	open_files_unlock(fd);
	write_beside(".old", "a poem", 6);
	first = inode("");
	fd = create(NULL, &err);
	cr_assert(fd >= 0, "%s", err.message);
	open_files_unlock(fd);
	cr_assert(first != inode(""));
	cr_assert(recording_file_check(beside(".old"), &err) == ERR_FORMAT);
	record_run();
	fd = create(NULL, &err);
	open_files_unlock(fd);
	cr_assert(recording_file_check(beside(".old"), &err) == 0);
}

Test(recording_file, a_name_is_taken_and_replaced_where_files_have_one)
{
	has_no_links = true;
	take_and_replace();
}

static void lose_to_another(void)
{
	struct trace_target nothing = trace_target_look(path), first;
	struct err err;
	int fd;

	write_beside("", "a poem", 6);
	expect_busy(&nothing);
	cr_assert(not(exists(".old")));
	first = trace_target_look(path);
	fd = create(&first, &err);
	cr_assert(fd >= 0, "%s", err.message);
	open_files_unlock(fd);
	/* Though nobody writes it any more. */
	expect_busy(&first);
	expect_busy(&nothing);
}

Test(recording_file, what_came_meanwhile_is_not_replaced)
{
	lose_to_another();
}

Test(recording_file, what_came_meanwhile_is_not_replaced_where_files_have_one)
{
	has_no_links = true;
	lose_to_another();
}

/* What was busy when somebody looked is not his, whatever became of it. */
Test(recording_file, what_was_being_written_is_not_replaced)
{
	struct trace_target seen;
	struct err err;
	int fd = create(NULL, &err);

	seen = trace_target_look(path);
	open_files_unlock(fd);
	expect_busy(&seen);
	cr_assert(not(exists(".old")));
}

enum { N_WRITERS = 4, N_ROUNDS = 10 };

/* All begin at once; each that has the name keeps it until all are done. */
static void writer(int begin, int end)
{
	struct trace_target seen = trace_target_look(path);
	struct err err;
	char byte;
	int fd;

	if (read(begin, &byte, 1) != 0)
		_exit(2);
	fd = create(&seen, &err);
	if (fd >= 0 && (inode("") == 0 || read(end, &byte, 1) != 0))
		_exit(2);
	_exit(fd >= 0 ? 0 : err.code == ERR_IO ? 1 : 2);
}

static int race(void)
{
	int begin[2], end[2], i, status, n_won = 0;
	pid_t children[N_WRITERS];

	cr_assert(pipe(begin) == 0 && pipe(end) == 0);
	for (i = 0; i < N_WRITERS; i++) {
		children[i] = fork();
		if (!children[i]) {
			close(begin[1]);
			close(end[1]);
			writer(begin[0], end[0]);
		}
	}
	close(begin[1]);
	/* The losers end by themselves; the winner when it is let go. */
	for (i = 0; i < N_WRITERS - 1; i++) {
		pid_t pid = waitpid(-1, &status, 0);

		cr_assert(pid > 0 && WIFEXITED(status) && WEXITSTATUS(status) == 1);
	}
	close(end[1]);
	cr_assert(waitpid(-1, &status, 0) > 0 && WIFEXITED(status));
	n_won = WEXITSTATUS(status) == 0;
	close(begin[0]);
	close(end[0]);
	return n_won;
}

static void race_often(void)
{
	int i;

	for (i = 0; i < N_ROUNDS; i++) {
		unlink(path);
		cr_assert(eq(int, race(), 1));
		cr_assert(eq(int, race(), 1)); /* and onto what the first left */
	}
}

Test(recording_file, one_of_many_gets_the_name)
{
	race_often();
}

Test(recording_file, one_of_many_gets_the_name_where_files_have_one)
{
	has_no_links = true;
	race_often();
}

/* ---- what a kill left ---------------------------------------------------------------------- */

Test(recording_file, what_a_killed_process_left_goes)
{
	struct err err;
	int fd;

	fd = create(NULL, &err);
	open_files_unlock(fd);
	cr_assert(rename(path, beside(".new-77")) == 0);
	write_beside(".new-77-wal", "", 0);
	write_beside(".new-78-1", "", 0);
	write_beside(".new-79", "somebody's", 10);
	fd = create(NULL, &err);
	cr_assert(fd >= 0, "%s", err.message);
	cr_assert(not(exists(".new-77")));
	cr_assert(not(exists(".new-77-wal")));
	cr_assert(not(exists(".new-78-1")));
	cr_assert(exists(".new-79"));
	open_files_unlock(fd);
}

Test(recording_file, what_a_process_still_writes_stays)
{
	struct err err;
	char kept[160];
	int fd, held;

	write_beside(".new-77", "", 0);
	held = open(beside(".new-77"), O_RDWR);
	cr_assert(flock(held, LOCK_EX | LOCK_NB) == 0);
	fd = create(NULL, &err);
	cr_assert(exists(".new-77"));
	open_files_unlock(fd);
	close(held);
	fd = create(NULL, &err);
	cr_assert(not(exists(".new-77")));
	open_files_unlock(fd);
	/* The second name of what is kept, and a copy that is called so. */
	cr_assert(__real_link(path, beside(".new-80-old")) == 0);
	write_beside(".new-81-old", "a poem", 6);
	/* Who keeps a file under another name has its lock meanwhile. */
	write_beside(".kept", "a poem", 6);
	snprintf(kept, sizeof(kept), "%s", beside(".kept"));
	cr_assert(__real_link(kept, beside(".new-82-old")) == 0);
	held = open(beside(".new-82-old"), O_RDWR);
	cr_assert(flock(held, LOCK_EX | LOCK_NB) == 0);
	fd = create(NULL, &err);
	cr_assert(exists(".new-82-old"));
	close(held);
	cr_assert(not(exists(".new-80-old")));
	cr_assert(exists(".new-81-old"));
	open_files_unlock(fd);
}

/* ---- side files ---------------------------------------------------------------------------- */

static const unsigned char magic[8] = { 0xd9, 0xd5, 0x05, 0xf9, 0x20, 0xa1, 0x63, 0xd7 };

/* A journal's header: of `pages` pages of 512 bytes. */
static void put_header(unsigned char *head, unsigned pages)
{
	memset(head, 0, 512);
	memcpy(head, magic, sizeof(magic));
	head[18] = (unsigned char)(pages >> 8);
	head[19] = (unsigned char)pages;
	head[22] = head[26] = 2;
}

static void expect_journal(const void *bytes, size_t n, int code, enum side_journal kind)
{
	enum side_journal found;
	struct err err = { 0 };

	write_beside("-journal", bytes, n);
	cr_assert(eq(int, side_files_check(path, &found, &err), code), "%s", err.message);
	cr_assert(code != 0 || found == kind);
}

Test(recording_file, a_journal_changes_its_file_and_no_other)
{
	unsigned char journal[2048] = { 0 };
	char database[2048] = "SQLite format 3";
	struct err err = { 0 };
	enum side_journal found;

	write_beside("", database, sizeof(database));
	cr_assert(side_files_check(path, &found, &err) == 0 && found == JOURNAL_NONE);
	expect_journal("", 0, 0, JOURNAL_COLD);
	expect_journal(journal, sizeof(journal), 0, JOURNAL_COLD);
	put_header(journal, 4);
	expect_journal(journal, sizeof(journal), 0, JOURNAL_HOT);
	expect_journal(journal, 512, 0, JOURNAL_HOT);
	expect_journal(journal, 5, 0, JOURNAL_HOT);
	put_header(journal, 5); /* longer than the file is */
	expect_journal(journal, sizeof(journal), ERR_FORMAT, JOURNAL_NONE);
	put_header(journal, 0); /* nothing would be left of it */
	expect_journal(journal, sizeof(journal), ERR_FORMAT, JOURNAL_NONE);
	put_header(journal, 4);
	journal[26] = 3; /* no size of a page */
	expect_journal(journal, sizeof(journal), ERR_FORMAT, JOURNAL_NONE);
	put_header(journal, 4);
	memcpy(journal + sizeof(journal) - sizeof(magic), magic, sizeof(magic));
	expect_journal(journal, sizeof(journal), ERR_FORMAT, JOURNAL_NONE);
	/* Wherever SQLite reads a name, whatever stands before it. */
	memset(journal, 0, sizeof(journal) - sizeof(magic));
	expect_journal(journal, sizeof(journal), ERR_FORMAT, JOURNAL_NONE);
	expect_journal(magic, sizeof(magic), ERR_FORMAT, JOURNAL_NONE);
	expect_journal("a poem", 6, ERR_FORMAT, JOURNAL_NONE);
}

Test(recording_file, a_name_means_its_file)
{
	static const struct {
		const char *path, *uri;
	} names[] = {
		{ ":memory:", "file:./:memory:?mode=ro" },
		{ "file:x", "file:./file:x?mode=ro" },
		{ "a?b#c%d", "file:./a%3Fb%23c%25d?mode=ro" },
		{ "/a/b", "file:/a/b?mode=ro" },
		{ "//a/b", "file://///a/b?mode=ro" },
	};
	size_t i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		struct text t = { 0 };

		database_uri(&t, names[i].path, "mode=ro");
		cr_assert(eq(str, t.data, (char *)names[i].uri));
		text_release(&t);
	}
}

/* ---- the schema ---------------------------------------------------------------------------- */

static int check_schema(const char *first, const char *second, struct err *err)
{
	struct db db = { 0 };
	int ret;

	*err = (struct err){ 0 };
	cr_assert(db_open(&db, "", SQLITE_OPEN_READWRITE | SQLITE_OPEN_MEMORY, err) == 0);
	cr_assert(db_exec(&db, first, err) == 0 && db_exec(&db, second, err) == 0, "%s",
		  err->message);
	ret = schema_check(&db, "t.db", err);
	db_close(&db);
	return ret;
}

Test(recording_file, a_schema_is_known_to_the_letter)
{
	struct err err;

	cr_assert(eq(int, check_schema(schema_sql, indexes_sql, &err), 0), "%s", err.message);
	cr_assert(eq(int, check_schema(schema_sql, "", &err), 0), "%s", err.message);
	cr_assert(eq(int,
		     check_schema(schema_sql, "DROP INDEX IF EXISTS x; CREATE INDEX x ON run(line)",
				  &err),
		     ERR_FORMAT));
	cr_assert(eq(str, err.message,
		     "t.db has a index \"x\" that is not a recording's: it can be read, not "
		     "continued"));
	cr_assert(eq(int,
		     check_schema(schema_sql, "ALTER TABLE note RENAME COLUMN text TO t", &err),
		     ERR_FORMAT));
}
