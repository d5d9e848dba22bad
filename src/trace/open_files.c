/*
 * open_files.c -- see open_files.h.
 *
 * A descriptor that cannot be closed yet is kept with its file, unlocked, until the last database
 * of that file is closed; whoever locks the file meanwhile is given it.
 */
#include "torchless/open_files.h"

#include "torchless/mem.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

struct open_file {
	struct open_file *next;
	dev_t dev;
	ino_t ino;
	int n_open;  /* databases */
	int lock_fd; /* -1: the lock is not ours */
	int *kept;   /* descriptors to close when n_open is 0 */
	size_t n_kept, cap_kept;
};

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static struct open_file *files;

static struct open_file *find(const struct stat *st)
{
	struct open_file *f = files;

	while (f && (f->dev != st->st_dev || f->ino != st->st_ino))
		f = f->next;
	return f;
}

static struct open_file *find_or_add(const struct stat *st)
{
	struct open_file *f = find(st);

	if (f)
		return f;
	f = mem_calloc(1, sizeof(*f));
	*f = (struct open_file){
		.next = files, .dev = st->st_dev, .ino = st->st_ino, .lock_fd = -1
	};
	files = f;
	return f;
}

/* Close what can be closed now, and forget a file that nobody has. */
static void settle(struct open_file *f)
{
	struct open_file **at = &files;

	if (f->n_open)
		return;
	while (f->n_kept)
		close(f->kept[--f->n_kept]);
	if (f->lock_fd >= 0)
		return;
	while (*at != f)
		at = &(*at)->next;
	*at = f->next;
	free(f->kept);
	free(f);
}

static void keep(struct open_file *f, int fd)
{
	f->kept = mem_grow(f->kept, f->n_kept, &f->cap_kept, sizeof(*f->kept));
	f->kept[f->n_kept++] = fd;
}

struct open_file *open_files_enter(const char *path)
{
	struct open_file *f = NULL;
	struct stat st;

	pthread_mutex_lock(&mutex);
	if (path && *path && !stat(path, &st)) {
		f = find_or_add(&st);
		f->n_open++;
	}
	pthread_mutex_unlock(&mutex);
	return f;
}

void open_files_leave(struct open_file *f)
{
	if (!f)
		return;
	pthread_mutex_lock(&mutex);
	f->n_open--;
	settle(f);
	pthread_mutex_unlock(&mutex);
}

bool open_files_has(const char *path)
{
	struct open_file *f;
	struct stat st;
	bool has;

	pthread_mutex_lock(&mutex);
	f = stat(path, &st) ? NULL : find(&st);
	has = f && f->n_open;
	pthread_mutex_unlock(&mutex);
	return has;
}

bool open_files_has_lock(const char *path)
{
	struct open_file *f;
	struct stat st;
	bool has;

	pthread_mutex_lock(&mutex);
	f = stat(path, &st) ? NULL : find(&st);
	has = f && f->lock_fd >= 0;
	pthread_mutex_unlock(&mutex);
	return has;
}

/* For writing, which some file systems want of who locks; a file that cannot be written is locked
 * too. */
static int open_to_lock(const char *path, struct stat *st)
{
	const int flags = O_CLOEXEC | O_NOCTTY | O_NONBLOCK;
	int fd = open(path, O_RDWR | flags);

	if (fd < 0 && (errno == EACCES || errno == EROFS || errno == EPERM || errno == ETXTBSY))
		fd = open(path, O_RDONLY | flags);
	if (fd >= 0 && fstat(fd, st)) {
		close(fd);
		fd = -1;
	}
	return fd;
}

/* The file and a descriptor of it, one that is kept if there is; NULL and why in *code. */
static struct open_file *take(const char *path, int *fd, int *code)
{
	struct open_file *f;
	struct stat st;

	if (stat(path, &st)) {
		*code = errno;
		return NULL;
	}
	f = find(&st);
	if (f && f->lock_fd >= 0) {
		*code = EWOULDBLOCK;
		return NULL;
	}
	if (f && f->n_kept) {
		*fd = f->kept[--f->n_kept];
		return f;
	}
	*fd = open_to_lock(path, &st);
	if (*fd < 0) {
		*code = errno;
		return NULL;
	}
	return find_or_add(&st);
}

/* Whether the name still means the file: who had the lock before may have given it another. */
static bool is_still(const char *path, const struct open_file *f)
{
	struct stat st;

	return !stat(path, &st) && st.st_dev == f->dev && st.st_ino == f->ino;
}

static int lock(const char *path, int *fd, bool *held)
{
	int code = 0;
	struct open_file *f = take(path, fd, &code);

	if (!f)
		return code;
	/*
	 * Another process may have given the name to a file that is locked here.  And where files
	 * cannot be locked, SQLite's own locks must do.
	 */
	*held = f->lock_fd < 0 && !flock(*fd, LOCK_EX | LOCK_NB);
	if (f->lock_fd < 0 && (*held || errno != EWOULDBLOCK) && is_still(path, f)) {
		f->lock_fd = *fd;
		return 0;
	}
	if (*held)
		flock(*fd, LOCK_UN);
	*held = false;
	keep(f, *fd);
	settle(f);
	return EWOULDBLOCK;
}

static int lock_file(const char *path, int *fd, bool *held)
{
	int code;

	*fd = -1;
	pthread_mutex_lock(&mutex);
	code = lock(path, fd, held);
	pthread_mutex_unlock(&mutex);
	if (code)
		*fd = -1;
	return code;
}

int open_files_lock(const char *path, int *fd)
{
	bool held = false;

	return lock_file(path, fd, &held);
}

bool open_files_lock_surely(const char *path, int *fd)
{
	bool held = false;

	if (!lock_file(path, fd, &held) && held)
		return true;
	open_files_unlock(*fd);
	*fd = -1;
	return false;
}

/* A file that this process has open is not opened again: closing that would drop locks. */
static bool is_locked(const char *path)
{
	struct stat st;
	struct open_file *f = stat(path, &st) ? NULL : find(&st);
	int fd = f ? -1 : open_to_lock(path, &st);
	bool locked = f && f->lock_fd >= 0;

	if (fd < 0)
		return locked;
	locked = flock(fd, LOCK_SH | LOCK_NB) && errno == EWOULDBLOCK;
	close(fd);
	return locked;
}

bool open_files_is_locked(const char *path)
{
	bool locked;

	pthread_mutex_lock(&mutex);
	locked = is_locked(path);
	pthread_mutex_unlock(&mutex);
	return locked;
}

void open_files_unlock(int fd)
{
	struct open_file *f;

	if (fd < 0)
		return;
	pthread_mutex_lock(&mutex);
	for (f = files; f && f->lock_fd != fd; f = f->next)
		;
	assert(f && "the lock was not taken here");
	f->lock_fd = -1;
	/* Closing it gives the lock back, but it may have to stay open. */
	if (f->n_open)
		flock(fd, LOCK_UN);
	keep(f, fd);
	settle(f);
	pthread_mutex_unlock(&mutex);
}
