/*
 * writing.h -- the recording that a session writes; between live.c and writing.c.
 */
#ifndef DEBUG_WRITING_H
#define DEBUG_WRITING_H

#include "../debug_impl.h"

struct writing {
	struct recorder *recorder;
	const struct prompt *prompt; /* of the session */
	char *path;
	bool in_run;
	bool is_flushed; /* all that had happened at `flushed` is in the file */
	struct moment flushed;
};

bool writing_is_on(const struct writing *w);

/* Create the file and have the session's hooks listen; a run is still to begin. */
int writing_open(struct writing *w, const char *path, struct err *err);
/* End the run and close the file, when there is one. */
int writing_close(struct writing *w, bool has_ended, struct err *err);
void writing_release(struct writing *w);

/* Begin a run of the session, which stands before its first pass; end it. */
int writing_begin_run(struct writing *w, struct err *err);
int writing_end_run(struct writing *w, bool has_ended, struct err *err);

/* Begin a branch of the run that ended, from before the moment; otherwise the same. */
int writing_branch(struct writing *w, const struct moment *at, struct err *err);

/*
 * The session is given a prompt, and was: the run of the same prompt is taken back, that of another
 * one ends and one begins.
 */
int writing_restart(struct writing *w, bool is_same, bool has_ended, struct err *err);
int writing_restarted(struct writing *w, struct err *err);

/* Have the file hold what happened by now. */
int writing_flush(struct writing *w, const struct moment *now, struct err *err);

#endif
