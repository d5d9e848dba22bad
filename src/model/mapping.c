/*
 * mapping.c -- a whole file mapped read-only, and a sentence when it shrinks under us.
 *
 * Reading a mapped page that lies beyond the end of its file raises SIGBUS.  No check at opening
 * can prevent it, so the mappings in use are kept in a small table that a signal handler, which
 * may neither allocate nor lock, can search for the address.
 */
#include "mapping.h"
#include "torchless/mem.h"
#include "torchless/utf8.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* Mappings beyond the table are reported without their name. */
#define N_WATCHED 256

static struct {
	_Atomic(const char *) path; /* NULL: free; written last, read first */
	const char *begin, *end;
} watched[N_WATCHED];
static pthread_mutex_t watched_lock = PTHREAD_MUTEX_INITIALIZER;

static void watch(const struct tensor_file *st)
{
	pthread_mutex_lock(&watched_lock);
	for (int i = 0; i < N_WATCHED; i++) {
		if (watched[i].path)
			continue;
		watched[i].begin = st->map;
		watched[i].end = watched[i].begin + st->map_bytes;
		watched[i].path = st->path;
		break;
	}
	pthread_mutex_unlock(&watched_lock);
}

static void unwatch(const struct tensor_file *st)
{
	pthread_mutex_lock(&watched_lock);
	for (int i = 0; i < N_WATCHED; i++) {
		if (watched[i].path == st->path)
			watched[i].path = NULL;
	}
	pthread_mutex_unlock(&watched_lock);
}

static void say(const char *s, size_t len)
{
	/* Nothing can be done about a stderr that is gone. */
	ssize_t ignored = write(STDERR_FILENO, s, len);
	(void)ignored;
}

/* A name as err_set() has it, without memory: the handler of a signal runs this. */
static void say_name(const char *s)
{
	for (size_t n = strlen(s); n > 0;) {
		uint32_t cp = 0;
		int len = utf8_decode(s, n, &cp);
		bool harmless = len && !utf8_is_control(cp) && !utf8_is_directing(cp);

		len = len ? len : 1;
		say(harmless ? s : "????", (size_t)len);
		s += len;
		n -= (size_t)len;
	}
}

static void on_sigbus(int signo, siginfo_t *info, void *context)
{
	static const char shorter[] = " was made shorter while it was in use\n";
	const char *at = info->si_addr;

	(void)context;
	for (int i = 0; i < N_WATCHED; i++) {
		const char *path = watched[i].path;
		if (path && at >= watched[i].begin && at < watched[i].end) {
			say("torchless: ", strlen("torchless: "));
			say_name(path);
			say(shorter, sizeof(shorter) - 1);
			_exit(3);
		}
	}
	/* None of ours: the default action follows when the faulting instruction runs again. */
	signal(signo, SIG_DFL);
}

void tensor_file_report_truncation(void)
{
	struct sigaction action = { .sa_sigaction = on_sigbus, .sa_flags = SA_SIGINFO };

	sigemptyset(&action.sa_mask);
	sigaction(SIGBUS, &action, NULL);
}

static int not_a_file(const char *path, const char *what, mode_t mode, struct err *err)
{
	return err_set(err, ERR_USAGE, "%s is %s where a %s is expected", path,
		       S_ISDIR(mode) ? "a directory" : "no regular file", what);
}

static int map_descriptor(struct tensor_file *st, int fd, const char *path, const char *what,
			  struct err *err)
{
	struct stat sb;

	if (fstat(fd, &sb))
		return err_set(err, ERR_IO, "cannot examine %s: %s", path, strerror(errno));
	if (!S_ISREG(sb.st_mode))
		return not_a_file(path, what, sb.st_mode, err);
	if (sb.st_size < 8)
		return err_set(err, ERR_FORMAT, "%s is %lld bytes long, too short for a %s", path,
			       (long long)sb.st_size, what);
	st->map_bytes = (size_t)sb.st_size;
	st->map = mmap(NULL, st->map_bytes, PROT_READ, MAP_PRIVATE, fd, 0);
	if (st->map == MAP_FAILED) {
		st->map = NULL;
		return err_set(err, err_of_errno(errno), "cannot map the %zu bytes of %s: %s",
			       st->map_bytes, path, strerror(errno));
	}
	st->id = (struct file_id){ .device = (uint64_t)sb.st_dev,
				   .inode = (uint64_t)sb.st_ino,
				   .bytes = (uint64_t)sb.st_size,
				   .mtime_s = sb.st_mtim.tv_sec,
				   .mtime_ns = sb.st_mtim.tv_nsec };
	return 0;
}

int mapping_open(struct tensor_file *st, const char *path, const char *what, struct err *err)
{
	/* O_NONBLOCK: a FIFO is refused, not waited for. */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

	if (fd < 0)
		return err_set(err, errno == ENOENT ? ERR_USAGE : err_of_errno(errno),
			       "cannot open %s: %s", path, strerror(errno));
	int rc = map_descriptor(st, fd, path, what, err);
	close(fd);
	if (rc)
		return rc;
	st->path = mem_strdup(path);
	watch(st);
	return 0;
}

void mapping_close(struct tensor_file *st)
{
	if (st->map) {
		unwatch(st);
		munmap(st->map, st->map_bytes);
	}
	free(st->path);
	st->map = NULL;
	st->path = NULL;
}
