/*
 * folders.h -- making folders.
 */
#ifndef TORCHLESS_FOLDERS_H
#define TORCHLESS_FOLDERS_H

#include "torchless/err.h"

/*
 * Make the folder and those above it that are not there, as umask says; `path` may end with a
 * slash.  ERR_IO, with the name of the folder, as well where a file stands in the way.
 */
int folders_make(const char *path, struct err *err);

#endif
