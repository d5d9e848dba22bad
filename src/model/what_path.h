/*
 * what_path.h -- what a path given as a model is, when it is no directory or file of one.
 *
 * From the ground up: hub_cache.c finds the snapshot in a cache of the Hugging Face hub;
 * what_path.c says what a directory lacks, and what a path that does not exist may have meant.
 */
#ifndef TORCHLESS_WHAT_PATH_H
#define TORCHLESS_WHAT_PATH_H

#include "torchless/err.h"
#include "torchless/text.h"

#include <stdbool.h>

/*
 * Append to *resolved the directory that holds the files of the model where `path` is a cache of
 * the Hugging Face hub or part of one: models--USER--NAME, its snapshots, the folder of all models.
 * refs/main decides, as in huggingface_hub; without it one snapshot is enough.  Any other path is
 * appended as it is.  ERR_USAGE with the choices where there are several, ERR_FORMAT where there is
 * none.
 */
int hub_cache_resolve(const char *path, struct text *resolved, struct err *err);

/* "USER/NAME" of the model in whose cache `path` (without links) lies; false when in none. */
bool hub_cache_model(const char *path, struct text *id);

/* The directory where the cache of this user has USER/NAME; false when it has not. */
bool hub_cache_find(const char *id, struct text *dir);

/* ERR_IO: there is no `path`; what it may have meant instead, a model of the hub or a URL. */
int what_missing_path(const char *path, struct err *err);

/* ERR_FORMAT: what the directory seems to be, which has no text of this name, or no weights. */
int what_lacks_text(const char *dir, const char *name, struct err *err);
int what_lacks_weights(const char *dir, struct err *err);

/* ERR_FORMAT: `name` is a link there whose file is gone, which looks like no file; else 0. */
int what_dangles(const char *dir, const char *name, struct err *err);

#endif
