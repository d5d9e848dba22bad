/*
 * out_file.c -- see out_file.h.
 */
#include "torchless/out_file.h"
#include "torchless/beside.h"
#include "torchless/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define BUFFER_BYTES 65536

static void release(struct out_file *f)
{
	free(f->path);
	free(f->target);
	free(f->beside);
	free(f->buffer);
	*f = (struct out_file){ .fd = -1 };
}

static int fail(const struct out_file *f, int failed, struct err *err)
{
	return err_set(err, err_of_errno(failed), "%s: %s", f->path, strerror(failed));
}

/* A link that means nothing yet is replaced itself. */
static char *target_of(const char *path)
{
	struct stat sb;
	char *real = NULL;

	if (lstat(path, &sb) == 0 && S_ISLNK(sb.st_mode))
		real = realpath(path, NULL);
	return real ? real : mem_strdup(path);
}

static bool is_replaced(const char *target)
{
	struct stat sb;

	return stat(target, &sb) != 0 || S_ISREG(sb.st_mode) || S_ISDIR(sb.st_mode);
}

/* Who may read it: as before, or as of any new file of this user. */
static mode_t mode_of(const char *target)
{
	struct stat sb;
	mode_t mask;

	if (stat(target, &sb) == 0)
		return sb.st_mode & 0777;
	mask = umask(077); /* there is no other way to ask */
	umask(mask);
	return 0666 & ~mask;
}

int out_file_open(struct out_file *f, const char *path, struct err *err)
{
	int failed;

	*f = (struct out_file){ .path = mem_strdup(path), .target = target_of(path) };
	if (is_replaced(f->target)) {
		f->fd = beside_make(f->target, &f->beside);
	} else {
		f->fd = open(f->target, O_WRONLY | O_CLOEXEC);
	}
	failed = errno;
	if (f->fd >= 0) {
		f->buffer = mem_calloc(1, BUFFER_BYTES);
		return 0;
	}
	fail(f, failed, err);
	release(f);
	return err->code;
}

static int write_all(const struct out_file *f, const char *data, size_t len, struct err *err)
{
	while (len > 0) {
		ssize_t n = write(f->fd, data, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return fail(f, errno, err);
		data += n;
		len -= (size_t)n;
	}
	return 0;
}

static int flush(struct out_file *f, struct err *err)
{
	size_t n = f->n_buffer;

	f->n_buffer = 0;
	return write_all(f, f->buffer, n, err);
}

int out_file_write(struct out_file *f, const void *data, size_t len, struct err *err)
{
	f->n_bytes += (int64_t)len;
	if (len > BUFFER_BYTES - f->n_buffer && flush(f, err))
		return err->code;
	if (len > BUFFER_BYTES)
		return write_all(f, data, len, err);
	if (len)
		memcpy(f->buffer + f->n_buffer, data, len);
	f->n_buffer += len;
	return 0;
}

/* 0, or errno.  With its descriptor goes its lock: until then it has the name that it is to have.
 */
static int keep_beside(struct out_file *f)
{
	if (fchmod(f->fd, mode_of(f->target)) || fsync(f->fd) || rename(f->beside, f->target))
		return errno;
	/* All of it is on the disk. */
	close(f->fd);
	f->fd = -1;
	return 0;
}

/* 0, or errno. */
static int end_stream(struct out_file *f)
{
	int failed = close(f->fd) ? errno : 0;

	f->fd = -1;
	return failed;
}

int out_file_keep(struct out_file *f, struct err *err)
{
	int failed;

	if (flush(f, err)) {
		out_file_drop(f);
		return err->code;
	}
	failed = f->beside ? keep_beside(f) : end_stream(f);
	if (failed) {
		fail(f, failed, err);
		out_file_drop(f);
		return err->code;
	}
	release(f);
	return 0;
}

void out_file_drop(struct out_file *f)
{
	if (f->fd >= 0)
		close(f->fd);
	if (f->beside)
		unlink(f->beside);
	release(f);
}
