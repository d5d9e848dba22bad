/*
 * copy.c -- a recording and its log, copied to where both can be read; see recording_file.h.
 *
 * Nobody may be writing them meanwhile: whoever copies has asked for the writer's lock.  What
 * SQLite has open stays readable when its name is gone, so that the copy leaves no trace however
 * the process ends.
 */
#include "recording_file.h"

#include "torchless/mem.h"
#include "torchless/open_files.h"
#include "torchless/out_file.h"
#include "torchless/side_files.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define COPY_NAME "/recording.db"

static int write_part(void *ctx, const void *data, size_t len, struct err *err)
{
	return out_file_write(ctx, data, len, err);
}

static int copy_file(const char *from, const char *to, struct err *err)
{
	struct out_file f;

	if (out_file_open(&f, to, err))
		return err->code;
	if (!recording_file_read(from, write_part, &f, err))
		return out_file_keep(&f, err);
	out_file_drop(&f);
	return err->code;
}

static int copy_both(const char *path, const char *copy, struct err *err)
{
	struct text log = { 0 }, log_copy = { 0 };
	int ret = copy_file(path, copy, err);

	text_addf(&log, "%s-wal", path);
	text_addf(&log_copy, "%s-wal", copy);
	if (!ret)
		ret = copy_file(log.data, log_copy.data, err);
	text_release(&log);
	text_release(&log_copy);
	return ret;
}

/* The log lies beside what a link leads to. */
static int copy_resolved(const char *path, const char *copy, struct err *err)
{
	char *full = realpath(path, NULL);
	int ret = full ? copy_both(full, copy, err)
		       : err_set(err, ERR_IO, "%s: %s", path, strerror(errno));

	free(full);
	return ret;
}

char *recording_copy(const char *path, struct err *err)
{
	const char *folder = getenv("TMPDIR");
	struct text copy = { 0 };
	struct err why = { 0 };

	if (open_files_is_locked(path)) {
		err_set(err, ERR_IO,
			"%s is being written, in a folder that cannot be written from here: read "
			"it when it is finished",
			path);
		return NULL;
	}
	folder = folder && *folder ? folder : "/tmp";
	text_addf(&copy, "%s/torchless-XXXXXX", folder);
	if (!mkdtemp(copy.data)) {
		err_set(&why, ERR_IO, "%s: %s", folder, strerror(errno));
	} else {
		text_adds(&copy, COPY_NAME);
		if (!copy_resolved(path, copy.data, &why))
			return copy.data;
		recording_copy_drop(copy.data);
	}
	err_set(err, why.code,
		"%s has a log, %s-wal, which cannot be read in a folder that cannot be written, and "
		"copying both failed: %s",
		path, path, why.message);
	text_release(&copy);
	return NULL;
}

void recording_copy_drop(const char *copy)
{
	char *folder = mem_strdup(copy);

	unlink(copy);
	side_files_remove(copy);
	folder[strlen(folder) - strlen(COPY_NAME)] = '\0';
	rmdir(folder);
	free(folder);
}
