/*
 * cache.h -- what may be deleted at any time: recordings and models that lessons ask for.
 *
 * Things are made under another name beside the one that is meant and renamed when they are whole,
 * so that two processes, a kill or a full disk leave nothing half.
 */
#ifndef LESSON_CACHE_H
#define LESSON_CACHE_H

#include "torchless/lesson.h"

/* Set *path to room->cache/kind, which is made when it is not there.  ERR_IO. */
int cache_folder(const struct classroom *room, const char *kind, struct text *path,
		 struct err *err);

/* Set *path to folder/.new-PID-name, where something is made. */
void cache_aside(const char *folder, const char *name, struct text *path);

/* Remove a file, or a folder and what is in it; nothing there is fine. */
void cache_remove(const char *path);

/*
 * Remove what is of no use any more: what was left half made a day ago, what nobody has asked for
 * in a month, and of what is left the files and folders that were asked for longest ago, until the
 * rest takes `most` bytes.  What was asked for in the last hour stays: somebody may be reading it.
 * cache_use() says that it was asked for.
 */
void cache_sweep(const char *folder, int64_t most);
void cache_use(const char *path);

#define CACHE_LARGE ((int64_t)1 << 30)  /* of recordings, and of models: several courses */
#define CACHE_SMALL ((int64_t)64 << 20) /* of compiled functions, and of answers: thousands */

/* Put a whole file at `path`, or nothing; whether it is there is nobody's concern. */
void cache_put(const char *folder, const char *name, const void *data, size_t len);

#endif
