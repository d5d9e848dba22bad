/*
 * out_file.h -- a file that is written whole or not at all, however long it becomes.
 *
 * The bytes go to a file beside the one that is meant, which takes its name when all of them are on
 * the disk: whoever reads the name meanwhile, and whoever comes after a full disk, finds what was
 * there before.  A link stays one, and what it means is replaced;
 * who may read and write the file stays as it was, or is as umask says.  What is no regular file (a
 * pipe, /dev/null) cannot be replaced and gets the bytes as they come.
 */
#ifndef TORCHLESS_OUT_FILE_H
#define TORCHLESS_OUT_FILE_H

#include "torchless/err.h"

#include <stddef.h>
#include <stdint.h>

struct out_file {
	char *path;   /* as it was given, for sentences */
	char *target; /* what takes the place: `path`, or what a link means */
	char *beside; /* where the bytes go meanwhile; NULL: to the target itself */
	char *buffer;
	size_t n_buffer;
	int64_t n_bytes; /* that were given so far */
	int fd;
};

/* Begin to write `path`.  ERR_IO, and there is nothing to release. */
int out_file_open(struct out_file *f, const char *path, struct err *err);

/* ERR_IO names the file; the file is still to be dropped. */
int out_file_write(struct out_file *f, const void *data, size_t len, struct err *err);

/* Give the file its name, or drop it and say why: ERR_IO.  Releases it whatever happens. */
int out_file_keep(struct out_file *f, struct err *err);

/* Leave what was there before; releases it. */
void out_file_drop(struct out_file *f);

#endif
