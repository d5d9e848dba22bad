/*
 * err.h -- how torchless reports failure.
 *
 * A function that can fail returns 0 (or another non-negative result) or a negative ERR_* code
 * and takes a `struct err *` as its LAST parameter.  On failure it writes one complete sentence
 * there, without a final full stop; on success it leaves it alone, so calls chain:
 *
 *	if (safetensors_open(&st, path, err) || model_bind(&m, &st, err))
 *		return err->code;
 *
 * Only main() prints an error and only main() exits: the same code runs inside a debugger and a
 * server, which must survive a bad command.  A broken invariant of our own is not an error but
 * a bug: assert() it.
 */
#ifndef TORCHLESS_ERR_H
#define TORCHLESS_ERR_H

/* The exit status that main() gives for each is in err_exit_status(). */
enum err_code {
	ERR_NO = -1,          /* the answer is no: diverged, stopped on a condition      exit 1   */
	ERR_USAGE = -2,       /* the user asked for something that does not exist        exit 2   */
	ERR_FORMAT = -3,      /* a file is not what it claims to be, or not supported    exit 2   */
	ERR_SHAPE = -4,       /* tensors that do not fit together                        exit 2   */
	ERR_IO = -5,          /* the operating system or SQLite refused                  exit 3   */
	ERR_MEMORY = -6,      /* not enough memory, said with the numbers                exit 3   */
	ERR_TOOL = -7,        /* a program or library feature that is not there          exit 3   */
	ERR_INTERRUPTED = -8, /* Ctrl-C                                                  exit 130 */
};

struct err {
	int code;
	char message[1024];
};

/*
 * Record a failure and return `code`, so callers can write `return err_set(...)`.
 * Control bytes in the message (file names and keys are untrusted) become '?'.  Commands in
 * backquotes are named as they work here: called.h.
 */
int err_set(struct err *err, int code, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* Put "context: " before the message already in `err`; return its code. */
int err_wrap(struct err *err, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* The code for a value of errno: ERR_MEMORY when that was what the system had too little of. */
int err_of_errno(int errnum);

/* The exit status of the program for an error code: 1, 2, 3 or 130; 0 for 0. */
int err_exit_status(int code);

#endif
