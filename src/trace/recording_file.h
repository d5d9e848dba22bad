/*
 * recording_file.h -- putting a new recording where an old one may be.
 */
#ifndef TORCHLESS_TRACE_RECORDING_FILE_H
#define TORCHLESS_TRACE_RECORDING_FILE_H

#include "torchless/err.h"

/*
 * Make the file `path` an empty recording: `scripts` (SQL, ended by NULL) run in a new file beside
 * it, which then takes its name.  A file that was there is kept as `path`.old, its write-ahead log
 * folded in.  On failure `path` is as it was.  ERR_IO.
 */
int recording_file_create(const char *path, const char *const *scripts, struct err *err);

#endif
