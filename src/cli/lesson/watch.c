/*
 * watch.c -- `watch`: checks again whenever the file of an exercise is saved.
 *
 * The folder is watched by inotify, since editors save by renaming, and the file is looked at
 * several times a second besides: not every file system tells.  It never goes on by itself: who
 * has passed presses a key.
 */
#include "school.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>
#ifdef __linux__
#include <sys/inotify.h>
#endif

#define LOOK_MS   150 /* how often a file system that does not tell is asked */
#define SETTLE_MS 40  /* an editor may save in several steps */

struct watch {
	struct school *d;
	const struct exercise *e;
	struct text path;
	struct stat seen; /* the file when it was checked last */
	int notes;        /* of inotify; -1: there is none */
	bool has_keys;    /* somebody may press them */
	bool is_terminal; /* whose mode is to be put back */
	struct termios mode;
	bool quits;
};

/* ---- the terminal -------------------------------------------------------------------------- */

/* Keys come as they are pressed; Ctrl-C stays what it is. */
static void begin_keys(struct watch *w)
{
	struct termios mode;

	w->has_keys = true;
	w->is_terminal = isatty(STDIN_FILENO) && tcgetattr(STDIN_FILENO, &w->mode) == 0;
	if (!w->is_terminal)
		return;
	mode = w->mode;
	mode.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
	mode.c_cc[VMIN] = 1;
	mode.c_cc[VTIME] = 0;
	tcsetattr(STDIN_FILENO, TCSANOW, &mode);
}

static void end_keys(const struct watch *w)
{
	if (w->is_terminal)
		tcsetattr(STDIN_FILENO, TCSANOW, &w->mode);
}

/* ---- the file ------------------------------------------------------------------------------ */

static void begin_notes(struct watch *w)
{
	w->notes = -1;
#ifdef __linux__
	struct text folder = { 0 };

	text_addf(&folder, "%s/%s", w->d->places.home, w->e->lesson->dir);
	w->notes = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	if (w->notes >= 0 &&
	    inotify_add_watch(w->notes, folder.data,
			      IN_CLOSE_WRITE | IN_MOVED_TO | IN_CREATE | IN_DELETE) < 0) {
		close(w->notes);
		w->notes = -1;
	}
	text_release(&folder);
#endif
}

static void drop_notes(const struct watch *w)
{
	char buffer[4096];

	while (w->notes >= 0 && read(w->notes, buffer, sizeof(buffer)) > 0)
		;
}

/* A file that is gone for a moment is being saved. */
static bool has_changed(const struct watch *w)
{
	struct stat sb;

	if (stat(w->path.data, &sb) != 0)
		return false;
	return sb.st_ino != w->seen.st_ino || sb.st_size != w->seen.st_size ||
	       sb.st_mtim.tv_sec != w->seen.st_mtim.tv_sec ||
	       sb.st_mtim.tv_nsec != w->seen.st_mtim.tv_nsec;
}

static void remember(struct watch *w)
{
	if (stat(w->path.data, &w->seen) != 0)
		memset(&w->seen, 0, sizeof(w->seen));
}

/* ---- what it does -------------------------------------------------------------------------- */

static int say_keys(struct watch *w, struct err *err)
{
	const struct exercise_state *s = learner_exercise(&w->d->learner, w->e);
	struct text line = { 0 };

	text_addc(&line, '\n');
	if (s->hints < 3 && w->e->hints[s->hints])
		text_addf(&line, "h hint %d of 3   ", s->hints + 1);
	if (w->e->kind == EXERCISE_KERNEL)
		text_adds(&line, "d diff   ");
	text_adds(&line, "r run again   l list   ");
	if (exercise_is_done(&w->d->learner, w->e))
		text_adds(&line, "n next   ");
	text_adds(&line, "q quit\n");
	if (w->has_keys)
		ui_add_styled(&w->d->out, &w->d->in->out, UI_DIM, line.data, line.len);
	text_release(&line);
	return school_flush(w->d, err);
}

/* What is wrong with the file is said, and watching goes on; what the machine lacks ends it. */
static int check(struct watch *w, struct err *err)
{
	struct err why = { 0 };
	bool passed;
	int r;

	remember(w);
	if (w->d->in->out.is_terminal)
		text_addc(&w->d->out, '\n');
	r = school_try(w->d, w->e, NULL, true, &passed, &why);
	if (r && why.code != ERR_USAGE && why.code != ERR_FORMAT && why.code != ERR_NO) {
		*err = why;
		return r;
	}
	if (r)
		report_error(&why);
	w->d->in->exit_status = passed ? 0 : 1;
	return say_keys(w, err);
}

typedef int (*action)(struct school *d, int n, const char *const *args, struct err *err);

/* A subcommand about this exercise; what it refuses is said. */
static int act(struct watch *w, action what, const char *arg, struct err *err)
{
	struct err why = { 0 };
	int status = w->d->in->exit_status, r;

	r = what(w->d, arg ? 1 : 0, arg ? &arg : NULL, &why);
	w->d->in->exit_status = status;
	if (r == ERR_INTERRUPTED) {
		*err = why;
		return r;
	}
	if (r)
		report_error(&why);
	return say_keys(w, err);
}

static int go_on(struct watch *w, struct err *err)
{
	const struct exercise *e;
	int r;

	if (!exercise_is_done(&w->d->learner, w->e))
		return say_keys(w, err);
	w->d->is_watching = false; /* what is answered in words ends it */
	r = act(w, lesson_next, NULL, err);
	w->d->is_watching = w->has_keys;
	if (r)
		return r;
	e = w->d->learner.at;
	/* What is answered in words is answered by a command. */
	if (!e || !e->file) {
		w->quits = true;
		return 0;
	}
	w->e = e;
	text_clear(&w->path);
	folder_path(&w->d->room, e->lesson, e->file, &w->path);
	if (w->notes >= 0)
		close(w->notes);
	begin_notes(w);
	remember(w);
	return 0;
}

static int take_key(struct watch *w, char key, struct err *err)
{
	switch (key) {
	case 'h':
		return act(w, lesson_hint, w->e->id, err);
	case 'd':
		return act(w, lesson_diff_kernel, w->e->id, err);
	case 'l':
		return act(w, lesson_list, w->e->lesson->dir, err);
	case 'r':
		return check(w, err);
	case 'n':
		return go_on(w, err);
	case 'q':
		w->quits = true;
		return 0;
	default:
		return 0;
	}
}

/* Wait until a key is pressed, the file may have changed, or it is time to look. */
static int wait_once(struct watch *w, bool is_manual, struct err *err)
{
	struct pollfd fds[2] = { { .fd = w->has_keys ? STDIN_FILENO : -1, .events = POLLIN },
				 { .fd = is_manual ? -1 : w->notes, .events = POLLIN } };
	char key;
	int n = poll(fds, 2, LOOK_MS);

	if (interrupted)
		return err_set(err, ERR_INTERRUPTED, "interrupted");
	if (n < 0 && errno != EINTR)
		return err_set(err, ERR_IO, "cannot wait for a change: %s", strerror(errno));
	if (fds[0].revents) {
		ssize_t got = read(STDIN_FILENO, &key, 1);

		/* A terminal that is gone ends it; a pipe that ends has said all. */
		if (got == 0 || (got < 0 && errno != EINTR && errno != EAGAIN)) {
			w->has_keys = false;
			w->quits = is_manual || w->is_terminal;
		}
		if (got == 1)
			return take_key(w, key, err);
	}
	if (is_manual || !has_changed(w))
		return 0;
	poll(NULL, 0, SETTLE_MS);
	drop_notes(w);
	return check(w, err);
}

static int watch(struct watch *w, struct err *err)
{
	bool is_manual = option_on(w->d->in, OPT_MANUAL);
	int r = check(w, err);

	while (r == 0 && !w->quits)
		r = wait_once(w, is_manual, err);
	return r;
}

int lesson_watch(struct school *d, int n, const char *const *args, struct err *err)
{
	struct watch w = { .d = d };
	int r;

	if (school_exercise(d, n > 0 ? args[0] : NULL, &w.e, err))
		return err->code;
	if (!w.e->file)
		return err_set(
			err, ERR_USAGE,
			"%s is answered in words, so there is no file to watch: `torchless lesson "
			"answer %s VALUE`",
			w.e->id, w.e->id);
	folder_path(&d->room, w.e->lesson, w.e->file, &w.path);
	r = school_make_files(d, w.e->lesson, !learner_lesson(&d->learner, w.e->lesson)->started,
			      err);
	if (r == 0) {
		begin_notes(&w);
		begin_keys(&w);
		d->is_watching = w.has_keys;
		r = watch(&w, err);
		end_keys(&w);
	}
	if (w.notes >= 0)
		close(w.notes);
	text_release(&w.path);
	return r;
}
