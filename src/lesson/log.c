/*
 * log.c -- the log of what a learner has done: lines that are added, and never taken back.
 *
 * A line is an event, written by one append and ended by a checksum, so that two terminals do not
 * mix theirs, and what a crash or a full disk left of a line is known for what it is: it is
 * ignored, and the next line begins behind it.  Events are applied in the order of their time: two
 * logs become one by putting their lines together.
 *
 *	version time event lesson exercise hash verdict attempts hints text checksum
 *
 * separated by tabs; "-" stands where there is nothing.
 */
#include "log.h"

#include "torchless/clock.h"
#include "torchless/folders.h"
#include "torchless/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <xxhash.h>

#define VERSION  "1"
#define MAX_TEXT 4096 /* bytes of an answer that are kept */

static const char *const event_names[EVENT_COUNT] = {
	[EVENT_START] = "start",     [EVENT_AT] = "at",       [EVENT_LOCK] = "lock",
	[EVENT_VOID] = "void",       [EVENT_CHECK] = "check", [EVENT_HINT] = "hint",
	[EVENT_GIVE_UP] = "give-up", [EVENT_RESET] = "reset", [EVENT_TEST_OUT] = "test-out",
	[EVENT_SEED] = "seed",
};

enum field {
	F_VERSION,
	F_TIME,
	F_EVENT,
	F_LESSON,
	F_EXERCISE,
	F_HASH,
	F_VERDICT,
	F_ATTEMPTS,
	F_HINTS,
	F_TEXT,
	F_CHECKSUM,
	N_FIELDS
};

/* ---- a line ---------------------------------------------------------------------------------- */

/* Of an answer that was typed: a tab or a line end would be one of the log. */
static void add_text(struct text *t, const char *s)
{
	size_t len = s ? strlen(s) : 0;

	if (!s)
		text_addc(t, '-');
	else
		text_addc(t, '=');
	for (size_t i = 0; i < len && i < MAX_TEXT; i++)
		if ((unsigned char)s[i] < 0x20 || s[i] == '%' || s[i] == 0x7f)
			text_addf(t, "%%%02x", (unsigned char)s[i]);
		else
			text_addc(t, s[i]);
}

/* What add_text() wrote; NULL: nothing. */
static char *read_text(const char *s, size_t len)
{
	struct text t = { 0 };

	if (len == 0 || *s != '=')
		return NULL;
	text_add(&t, "", 0);
	for (size_t i = 1; i < len; i++) {
		unsigned byte;

		if (s[i] == '%' && i + 2 < len && sscanf(s + i + 1, "%2x", &byte) == 1) {
			text_addc(&t, (char)byte);
			i += 2;
		} else {
			text_addc(&t, s[i]);
		}
	}
	return t.data;
}

static void add_time(struct text *t)
{
	int64_t ns = clock_unix_ns();
	time_t seconds = (time_t)(ns / 1000000000);
	struct tm utc;
	char buf[32];

	gmtime_r(&seconds, &utc);
	strftime(buf, sizeof(buf), "%Y-%m-%dT%H:%M:%S", &utc);
	text_addf(t, "%s.%06dZ", buf, (int)(ns % 1000000000 / 1000));
}

static uint32_t checksum(const char *s, size_t len)
{
	return (uint32_t)XXH3_64bits(s, len);
}

/* The fields of a line; whether it is one, whole. */
static bool split(struct bytes line, struct bytes field[N_FIELDS])
{
	const char *at = line.data, *end = line.data + line.len;
	char sum[9];
	int n = 0;

	for (; n < N_FIELDS; n++) {
		const char *tab = memchr(at, '\t', (size_t)(end - at));

		if ((n + 1 < N_FIELDS) != (tab != NULL))
			return false;
		field[n] = (struct bytes){ at, (size_t)((tab ? tab : end) - at) };
		at = tab ? tab + 1 : end;
	}
	snprintf(sum, sizeof(sum), "%08x",
		 checksum(line.data, (size_t)(field[F_CHECKSUM].data - line.data)));
	return field[F_CHECKSUM].len == 8 && !memcmp(field[F_CHECKSUM].data, sum, 8);
}

static bool is(struct bytes field, const char *s)
{
	return field.len == strlen(s) && !memcmp(field.data, s, field.len);
}

void log_add(struct text *out, const struct log_event *e)
{
	size_t begun = out->len;

	text_adds(out, VERSION "\t");
	add_time(out);
	text_addf(out, "\t%s\t%s\t%s\t%s\t%s\t%d\t%d\t", event_names[e->event], e->lesson,
		  e->exercise, e->hash,
		  e->event != EVENT_CHECK ? "-"
		  : e->passed             ? "pass"
					  : "fail",
		  e->attempts, e->hints);
	add_text(out, e->text);
	text_addc(out, '\t');
	text_addf(out, "%08x\n", checksum(out->data + begun, out->len - begun));
}

bool log_read(struct bytes line, struct log_event *e)
{
	struct bytes f[N_FIELDS];
	int event = 0;

	*e = (struct log_event){ 0 };
	/* What a later torchless may write is kept and means nothing here. */
	if (!split(line, f) || !is(f[F_VERSION], VERSION))
		return false;
	while (event < EVENT_COUNT && !is(f[F_EVENT], event_names[event]))
		event++;
	if (event == EVENT_COUNT)
		return false;
	*e = (struct log_event){
		.event = (enum learner_event)event,
		.lesson = mem_memdup(f[F_LESSON].data, f[F_LESSON].len),
		.exercise = mem_memdup(f[F_EXERCISE].data, f[F_EXERCISE].len),
		.hash = mem_memdup(f[F_HASH].data, f[F_HASH].len),
		.passed = is(f[F_VERDICT], "pass"),
		.text = read_text(f[F_TEXT].data, f[F_TEXT].len),
	};
	return true;
}

void log_event_release(struct log_event *e)
{
	free(e->lesson);
	free(e->exercise);
	free(e->hash);
	free(e->text);
	*e = (struct log_event){ 0 };
}

/* ---- lines ----------------------------------------------------------------------------------- */

int log_by_time(const void *a, const void *b)
{
	const struct bytes *x = a, *y = b;
	size_t n = x->len < y->len ? x->len : y->len;
	int d = memcmp(x->data, y->data, n);

	return d ? d : (x->len > y->len) - (x->len < y->len);
}

size_t log_sort(const char *data, size_t len, struct bytes **lines, int *n_ignored)
{
	const char *end = data + len, *next;
	struct bytes f[N_FIELDS];
	size_t n = 0, cap = 0, kept = 0;

	*lines = NULL;
	for (const char *at = data; at < end; at = next + 1) {
		struct bytes line;

		next = memchr(at, '\n', (size_t)(end - at));
		next = next ? next : end;
		line = (struct bytes){ at, (size_t)(next - at) };
		if (line.len == 0)
			continue;
		if (!split(line, f)) {
			++*n_ignored;
			continue;
		}
		*lines = mem_grow(*lines, n, &cap, sizeof(**lines));
		(*lines)[n++] = line;
	}
	if (n > 0)
		qsort(*lines, n, sizeof(**lines), log_by_time);
	for (size_t i = 0; i < n; i++)
		if (kept == 0 || log_by_time(&(*lines)[kept - 1], &(*lines)[i]) != 0)
			(*lines)[kept++] = (*lines)[i];
	return kept;
}

/* ---- the file -------------------------------------------------------------------------------- */

static int not_kept(const char *path, int failed, struct err *err)
{
	return err_set(err, err_of_errno(failed), "cannot keep what you did in %s: %s", path,
		       strerror(failed));
}

static int make_folder_of(const char *path, struct err *err)
{
	char *folder = mem_strdup(path), *slash = strrchr(folder, '/');
	int r = 0;

	if (slash && slash > folder) {
		*slash = '\0';
		r = folders_make(folder, err);
	}
	free(folder);
	return r;
}

/* Whether a crash or a full disk has left the last line without its end. */
static bool is_torn(int fd)
{
	off_t end = lseek(fd, 0, SEEK_END);
	char last = '\n';

	return end > 0 && pread(fd, &last, 1, end - 1) == 1 && last != '\n';
}

int log_append(const char *path, const struct text *lines, struct err *err)
{
	struct text all = { 0 };
	int fd, failed;
	ssize_t n;

	if (make_folder_of(path, err))
		return err->code;
	fd = open(path, O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0)
		return not_kept(path, errno, err);
	if (is_torn(fd))
		text_addc(&all, '\n');
	text_add(&all, lines->data, lines->len);
	do {
		n = write(fd, all.data, all.len);
	} while (n < 0 && errno == EINTR);
	failed = n < 0 ? errno : (size_t)n < all.len ? ENOSPC : 0;
	if (!failed && fsync(fd) != 0 && errno != EINVAL && errno != ENOTSUP)
		failed = errno;
	if (close(fd) && !failed)
		failed = errno;
	text_release(&all);
	return failed ? not_kept(path, failed, err) : 0;
}
