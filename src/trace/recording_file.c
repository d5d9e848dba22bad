/* recording_file.c -- see recording_file.h. */
#include "recording_file.h"

#include "torchless/mem.h"
#include "torchless/open_files.h"
#include "torchless/trace.h"
#include "torchless/what_is.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Open the file by SQLite's own table of calls, because this process may have it open as a
 * database, see open_files.h, and let `use` do something with it; SQLite's code. */
typedef int use_fn(sqlite3_file *f, void *ctx);

static int with_file(sqlite3_vfs *vfs, const char *path, use_fn *use, void *ctx)
{
	sqlite3_file *f = mem_calloc(1, (size_t)vfs->szOsFile);
	char *full = mem_calloc(1, (size_t)vfs->mxPathname + 1);
	const char *name = NULL;
	int code = vfs->xFullPathname(vfs, path, vfs->mxPathname + 1, full);

	/* SQLITE_OK_SYMLINK is success too. */
	if (!db_failed(code)) {
		name = sqlite3_create_filename(full, "", "", 0, NULL);
		errno = 0;
		code = name ? vfs->xOpen(vfs, name, f, SQLITE_OPEN_READONLY | SQLITE_OPEN_MAIN_DB,
					 NULL)
			    : SQLITE_NOMEM;
	}
	if (!db_failed(code))
		code = use(f, ctx);
	if (f->pMethods)
		f->pMethods->xClose(f);
	sqlite3_free_filename((char *)name);
	free(full);
	free(f);
	return code;
}

static int use_file(const char *path, use_fn *use, void *ctx, struct err *err)
{
	sqlite3_vfs *vfs = sqlite3_vfs_find(NULL); /* NULL where memory is short */
	int code = vfs ? with_file(vfs, path, use, ctx) : SQLITE_NOMEM;

	if (!db_failed(code) || code == SQLITE_IOERR_SHORT_READ)
		return 0;
	if ((code & 0xff) == SQLITE_NOMEM || code == SQLITE_IOERR_NOMEM)
		return err_set(err, ERR_MEMORY, "%s: out of memory", path);
	return err_set(err, ERR_IO, "%s: %s", path, errno ? strerror(errno) : sqlite3_errstr(code));
}

struct head {
	char *bytes;
	int n;
};

static int read_head(sqlite3_file *f, void *ctx)
{
	const struct head *head = ctx;

	return f->pMethods->xRead(f, head->bytes, head->n, 0);
}

int recording_file_head(const char *path, char *head, int n, struct err *err)
{
	struct head h = { head, n };

	return use_file(path, read_head, &h, err);
}

struct reading {
	recording_bytes_fn *take;
	void *ctx;
	struct err *err;
};

static int read_all(sqlite3_file *f, void *ctx)
{
	const struct reading *r = ctx;
	enum { AT_ONCE = 1 << 16 };
	char *buffer = mem_calloc(1, AT_ONCE);
	sqlite3_int64 size = 0;
	int code = f->pMethods->xFileSize(f, &size);

	for (sqlite3_int64 at = 0; at < size && !db_failed(code); at += AT_ONCE) {
		int n = size - at < AT_ONCE ? (int)(size - at) : AT_ONCE;

		code = f->pMethods->xRead(f, buffer, n, at);
		if (!db_failed(code) && r->take(r->ctx, buffer, (size_t)n, r->err))
			break;
	}
	free(buffer);
	return code;
}

int recording_file_read(const char *path, recording_bytes_fn *take, void *ctx, struct err *err)
{
	struct reading r = { take, ctx, err };

	err->code = 0;
	return use_file(path, read_all, &r, err) || err->code ? err->code : 0;
}

/* A directory with the config of a model. */
static bool is_model(const char *path)
{
	struct text config = { 0 };
	bool is;

	text_addf(&config, "%s/config.json", path);
	is = access(config.data, F_OK) == 0;
	text_release(&config);
	return is;
}

int recording_file_check(const char *path, struct err *err)
{
	static const char magic[16] = "SQLite format 3";
	char head[sizeof(magic)];
	struct stat st;

	if (!*path)
		return err_set(err, ERR_USAGE, "\"\" is no name of a recording");
	if (stat(path, &st))
		return err_set(err, ERR_IO, "%s: %s", path, strerror(errno));
	if (!S_ISREG(st.st_mode))
		return err_set(err, ERR_IO, "%s is %s, not a recording%s", path,
			       S_ISDIR(st.st_mode) ? "a directory" : "no regular file",
			       is_model(path) ? ": a model is given with -m" : "");
	if (recording_file_head(path, head, sizeof(head), err))
		return err->code;
	if (!st.st_size)
		return err_set(err, ERR_FORMAT, "%s is empty, not a recording", path);
	if (memcmp(head, magic, sizeof(magic)) != 0 && what_is_refuse(path, WHAT_RECORDING, err))
		return err->code;
	if (memcmp(head, magic, sizeof(magic)) != 0)
		return err_set(err, ERR_FORMAT,
			       "%s is not a recording: it is not an SQLite database", path);
	return 0;
}

int recording_file_identify(struct db *db, const char *path, struct err *err)
{
	int64_t id = 0, version = 0, is_utf8 = 1;
	int ret = db_int(db, "PRAGMA application_id", &id, err);

	if (!ret)
		ret = db_int(db, "PRAGMA user_version", &version, err);
	if (!ret)
		ret = db_int(db, "SELECT encoding = 'UTF-8' FROM pragma_encoding", &is_utf8, err);
	if (ret)
		return ret;
	if (id != RECORDING_APPLICATION_ID)
		return err_set(err, ERR_FORMAT,
			       "%s is an SQLite database, but not a recording of torchless", path);
	if (version / 10000 != RECORDING_SCHEMA_MAJOR)
		return err_set(err, ERR_FORMAT,
			       "%s has schema version %lld.%lld; this torchless reads %d.x", path,
			       (long long)(version / 10000), (long long)(version % 10000),
			       RECORDING_SCHEMA_MAJOR);
	/* Pieces of tokens are blobs, which are cast to text: in UTF-16 that is another one. */
	if (!is_utf8)
		return err_set(err, ERR_FORMAT,
			       "%s is a recording copied into UTF-16; its text has to be UTF-8",
			       path);
	return 0;
}

int recording_file_lock(const char *path, int *fd, struct err *err)
{
	/* A file that cannot be written is locked as well, by who replaces it. */
	int code = access(path, W_OK) ? errno : open_files_lock(path, fd);

	if (code == EWOULDBLOCK)
		return err_set(err, ERR_IO, "%s is being written by %s process", path,
			       open_files_has_lock(path) ? "this" : "another");
	return code ? err_set(err, ERR_IO, "%s cannot be written: %s", path, strerror(code)) : 0;
}
