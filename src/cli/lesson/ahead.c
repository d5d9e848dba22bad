/*
 * ahead.c -- what a lesson will need is made while its text is read.
 *
 * Who begins a lesson at a terminal reads first, for minutes.  A process that nobody waits for
 * makes the recordings meanwhile, and asks them what the checks will ask: `dev prepare`, nice,
 * apart from the terminal.  It holds a lock on a file of the cache as long as it lives, so that
 * there is one for a lesson, and writes into it when all is done.  Nothing depends on it: what it
 * has not made is made where it is needed, and whatever it makes appears whole.  A script does not
 * read, and finds all files when `start` ends.
 */
#include "school.h"

#include "torchless/folders.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <xxhash.h>

#define MAX_SECONDS 120 /* of a processor, for a lesson */
#define NICE        10

static const char done[] = "done\n";

/* ---- who does it ---------------------------------------------------------------------------- */

/* The file that stands for all of a lesson in this home, by this program: its path. */
static bool add_lock(const struct school *d, const struct lesson *l, struct text *path)
{
	struct text key = { 0 };
	struct err ignored = { 0 };
	struct stat st = { 0 };
	bool ok;

	stat(d->program.data, &st);
	text_addf(&key, "%s\n%s\n%s\n%" PRIu64 "\n%lld %lld.%09ld", d->places.home,
		  d->course_dir ? d->course_dir : "", l->dir, d->room.seed, (long long)st.st_size,
		  (long long)st.st_mtim.tv_sec, st.st_mtim.tv_nsec);
	text_addf(path, "%s/ahead", d->places.cache);
	ok = folders_make(path->data, &ignored) == 0;
	text_addf(path, "/%016llx", (unsigned long long)XXH3_64bits(key.data, key.len));
	text_release(&key);
	return ok;
}

/* Open and lock it: -1 when another process has it, or there can be none (*is_busy false). */
static int take_lock(const struct school *d, const struct lesson *l, bool *is_busy)
{
	struct text path = { 0 };
	int fd = -1;

	*is_busy = false;
	if (add_lock(d, l, &path))
		fd = open(path.data, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0666);
	text_release(&path);
	if (fd < 0 || flock(fd, LOCK_EX | LOCK_NB) == 0)
		return fd;
	*is_busy = true;
	close(fd);
	return -1;
}

static bool is_done(int lock)
{
	char said[sizeof(done)] = "";

	return pread(lock, said, sizeof(done) - 1, 0) == (ssize_t)sizeof(done) - 1 &&
	       !strcmp(said, done);
}

/* ---- a process of its own ------------------------------------------------------------------- */

#define LOCK_FD 3 /* of the process: it lasts as long as it does */

/* In the copy, which has one thread: only what a signal handler may call. */
static void become(char *const *argv, int lock)
{
	const struct rlimit seconds = { MAX_SECONDS, MAX_SECONDS };
	int null;

	/* The first copy ends at once, so that nobody has to wait for the second. */
	if (setsid() < 0 || fork() != 0)
		_exit(0);
	null = open("/dev/null", O_RDWR);
	if (null < 0 || (lock != LOCK_FD && dup2(lock, LOCK_FD) < 0) ||
	    fcntl(LOCK_FD, F_SETFD, 0) < 0)
		_exit(1);
	for (int i = 0; i < 3; i++)
		if (dup2(null, i) < 0)
			_exit(1);
	for (long i = LOCK_FD + 1, n = sysconf(_SC_OPEN_MAX); i < n && i < 1024; i++)
		close((int)i);
	setrlimit(RLIMIT_CPU, &seconds);
	if (chdir("/") || setpriority(PRIO_PROCESS, 0, NICE))
		_exit(1);
	execv(argv[0], argv);
	_exit(1);
}

static bool start_process(char *const *argv, int lock)
{
	pid_t pid = fork();

	if (pid < 0)
		return false;
	if (pid == 0)
		become(argv, lock);
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
	return true;
}

static bool start_preparing(const struct school *d, const struct lesson *l, int lock)
{
	char seed[24], course[PATH_MAX];
	char *argv[12] = { d->program.data, (char *)"lesson", (char *)"dev", (char *)"prepare",
			   l->dir,          (char *)"--seed", seed };
	int n = 7;

	snprintf(seed, sizeof(seed), "%" PRIu64, d->room.seed);
	if (d->places.is_named) {
		argv[n++] = (char *)"--home";
		argv[n++] = d->places.home;
	}
	if (d->course_dir) {
		if (!realpath(d->course_dir, course))
			return false;
		argv[n++] = (char *)"--course";
		argv[n++] = course;
	}
	return start_process(argv, lock);
}

int school_look_ahead(struct school *d, const struct lesson *l, struct err *err)
{
	struct text missing = { 0 };
	bool is_busy, begun = false;
	int lock;

	if (!d->in->out.is_terminal)
		return 0;
	lock = take_lock(d, l, &is_busy);
	folder_add_missing(&d->room, l, &missing);
	if (lock >= 0 && is_done(lock) && !missing.len)
		begun = true;
	else if (lock >= 0)
		begun = start_preparing(d, l, lock);
	if (lock >= 0)
		close(lock);
	text_release(&missing);
	return begun || is_busy ? 0 : school_make_files(d, l, true, err);
}

/* ---- the files ------------------------------------------------------------------------------ */

static void say_each(struct school *d, const char *fmt_new, const char *lines)
{
	for (const char *line = lines ? lines : ""; *line;) {
		size_t len = strcspn(line, "\n");

		school_say(d, 0, "%s%.*s%s", fmt_new ? "" : "  ", (int)len, line,
			   fmt_new ? fmt_new : "");
		line += len + 1;
	}
}

int school_begin_files(struct school *d, const struct lesson *l, bool is_new, struct err *err)
{
	struct folder_report report = { 0 };
	struct text missing = { 0 };
	bool is_busy;
	int lock, r = 0;

	if (!d->in->out.is_terminal)
		return school_make_files(d, l, is_new, err);
	folder_add_missing(&d->room, l, &missing);
	if (missing.len)
		r = school_open_engine(d, err);
	if (r == 0)
		r = folder_make_starters(&d->room, l, !is_new, &report, err);
	lock = take_lock(d, l, &is_busy);
	if (lock >= 0)
		close(lock);
	say_each(d, is_new ? NULL : " was missing and is there again",
		 is_new ? report.cut.data : report.again.data);
	if (r == 0 && is_new) {
		say_each(d, NULL, missing.data);
		if (missing.len)
			school_say(d, 0,
				   "Recordings are being made while you read: they are there in a "
				   "moment.");
	} else if (r == 0 && !is_busy) {
		say_each(d, " was missing and is being made again", missing.data);
	}
	folder_report_release(&report);
	text_release(&missing);
	return r;
}

/* ---- what it does --------------------------------------------------------------------------- */

/* The files of a lesson that was begun, then what its checks ask; the first error, at the end. */
static int prepare(struct school *d, const struct lesson *l, struct err *err)
{
	struct folder_report ignored = { 0 };
	int r = 0;

	if (learner_lesson(&d->learner, l)->started)
		r = folder_make(&d->room, l, true, &ignored, err);
	folder_report_release(&ignored);
	for (int i = 0; i < l->n_exercises && r != ERR_INTERRUPTED; i++) {
		struct err why = { 0 };
		int result = exercise_prepare(&d->room, &l->exercises[i], &why);

		if (result && !r) {
			*err = why;
			r = result;
		}
	}
	return r;
}

/* The process that was started for this has the lock as a descriptor; who typed it takes one. */
int lesson_dev_prepare(struct school *d, int n, const char *const *args, struct err *err)
{
	const struct lesson *only = NULL;
	int r = 0;

	if (n > 0 && school_lesson(d, args[0], &only, err))
		return err->code;
	r = school_open_engine(d, err);
	for (int i = 0; i < d->course.n_lessons && r == 0; i++) {
		const struct lesson *l = &d->course.lessons[i];
		struct text path = { 0 };
		int fd = -1;

		if (only && only != l)
			continue;
		r = prepare(d, l, err);
		if (r == 0 && add_lock(d, l, &path))
			fd = open(path.data, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0666);
		if (fd >= 0 && write(fd, done, sizeof(done) - 1) < 0)
			unlink(path.data);
		if (fd >= 0)
			close(fd);
		text_release(&path);
		if (r == 0)
			school_say(d, 0, "%s: what its checks ask is there", l->dir);
	}
	return r ? r : school_flush(d, err);
}
