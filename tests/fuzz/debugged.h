/*
 * debugged.h -- a debugger of the small recording's model, or of the recording itself, for fuzzers.
 *
 * What it says goes to a screen that believes nothing: UTF-8, lines, tabs, and colours where they
 * were asked for.  A line that takes long is interrupted as by Ctrl-C, so that inputs stay small
 * work; what does not look at that is seen as a hang.
 */
#ifndef TESTS_FUZZ_DEBUGGED_H
#define TESTS_FUZZ_DEBUGGED_H

#include "recording.h"

#include "debug/debug_impl.h"

#include <signal.h>
#include <sys/time.h>

enum { LINE_MS = 300 };

struct debugged {
	struct model model;
	struct ui ui;
	struct text said; /* by the last line */
	struct debugger_options opt;
	struct debugger *d;
	int home, work; /* folders */
};

static volatile sig_atomic_t debugged_interrupted;

static inline void debugged_interrupt(int number)
{
	(void)number;
	debugged_interrupted = 1;
}

static inline void debugged_write(void *ctx, const char *data, size_t len)
{
	text_add(&((struct debugged *)ctx)->said, data, len);
}

/* The model is read once. */
static inline void debugged_begin(struct debugged *g)
{
	char work[128];
	struct err err = { 0 };

	make_recorded();
	fuzz_must(model_open(&g->model, fuzz_folder, CHECKPOINT_ALL, &err), &err);
	signal(SIGVTALRM, debugged_interrupt);
	snprintf(work, sizeof(work), "%s/work", fuzz_folder);
	g->home = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (mkdir(work, 0700) || g->home < 0)
		abort();
	g->work = open(work, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

/* An input is debugged in a folder where files may be written; they are not there for the next. */
static inline void debugged_enter(const struct debugged *g)
{
	if (fchdir(g->work))
		abort();
}

static inline void debugged_leave(const struct debugged *g)
{
	nftw(".", fuzz_remove, 8, FTW_DEPTH | FTW_PHYS);
	if (fchdir(g->home))
		abort();
}

/* How: bits that choose target, prompt, sampler, chunks and screen. */
static inline void debugged_open(struct debugged *g, unsigned how)
{
	static const int widths[] = { 0, 80, 20, 200 };
	static const int32_t ids[] = { 1, 17, 42, 9, 33 };
	struct err err = { 0 };

	g->ui = (struct ui){ .out = stdout,
			     .width = widths[how >> 4 & 3],
			     .color = (how & 64) != 0,
			     .utf8 = (how & 128) != 0 };
	g->opt = (struct debugger_options){
		.record.generation.session = { .executor = { .kernels = &kernels_ref,
							     .chunk = how & 8 ? 3 : 0 },
					       .sampler = { .temp = how & 4 ? 1 : 0,
							    .top_k = 9,
							    .top_p = 0.9,
							    .seed = 5 },
					       .n = 2,
					       .all_logits = true,
					       .ignore_eos = (how & 8) == 0 },
		.record.path = "trace.db",
		.record.engine = "fuzz",
		.recording = how & 1 ? recorded.path : NULL,
		.recording_model = how & 1 ? fuzz_folder : NULL,
		.ui = &g->ui,
		.write = debugged_write,
		.ctx = g,
		.interrupted = &debugged_interrupted,
	};
	if (!(how & 1) && how & 2)
		g->opt.prompt = (struct prompt){ .ids = ids, .n_ids = 5, .n = -1 };
	else if (!(how & 1))
		g->opt.prompt = (struct prompt){ .text = { "ab aab", 6 }, .n = -1 };
	g->d = debugger_new(how & 1 ? NULL : &g->model, &g->opt, &err);
	if (!g->d)
		fuzz_must(err.code, &err);
}

static inline void debugged_close(struct debugged *g)
{
	debugger_free(g->d);
	g->d = NULL;
	text_release(&g->said);
}

/* The length of "ESC [ ... m" at s, 0: something else. */
static inline size_t debugged_color(const char *s, size_t len)
{
	size_t n = 2;

	if (len < 3 || s[0] != '\x1b' || s[1] != '[')
		return 0;
	while (n < len && ((s[n] >= '0' && s[n] <= '9') || s[n] == ';'))
		n++;
	return n < len && s[n] == 'm' ? n + 1 : 0;
}

/* What a terminal was shown; `set color on` is anybody's right. */
static inline void debugged_check_said(const struct debugged *g)
{
	size_t from = 0;

	for (size_t i = 0, n; i < g->said.len; i += n) {
		const char *s = g->said.data + i;

		n = *s == '\n' || *s == '\t' ? 1
		    : *s == '\x1b'           ? debugged_color(s, g->said.len - i)
					     : 0;
		if (n > 0) {
			require_shown(g->said.data + from, i - from);
			from = i + n;
		}
		n = n ? n : 1;
	}
	if (g->said.len > from)
		require_shown(g->said.data + from, g->said.len - from);
}

/* Run a line, for so long; DEBUGGER_QUIT, DEBUGGER_READY or a failure that explained itself. */
static inline int debugged_line(struct debugged *g, const char *line, enum line_origin origin)
{
	const struct itimerval limit = { .it_value = { .tv_usec = LINE_MS * 1000 } };
	const struct itimerval none = { 0 };
	struct err err = { 0 };
	char prompt[64];
	int r;

	text_clear(&g->said);
	debugged_interrupted = 0;
	setitimer(ITIMER_VIRTUAL, &limit, NULL);
	r = debugger_line(g->d, line, origin, &err);
	setitimer(ITIMER_VIRTUAL, &none, NULL);
	debugged_interrupted = 0;
	succeeded(r, &err);
	debugged_check_said(g);
	debugger_prompt(g->d, prompt, sizeof(prompt));
	require_shown(prompt, strlen(prompt));
	return r;
}

/* Candidates at the end of a line. */
static inline void debugged_complete(struct debugged *g, const char *line)
{
	struct candidates found = { 0 };

	debugger_complete(g->d, line, "", &found);
	require(found.start <= strlen(line), "candidates begin in the line");
	for (int i = 0; i < found.n; i++)
		require_shown(found.list[i], strlen(found.list[i]));
	candidates_release(&found);
}

/*
 * Files are written in the working directory alone: a line that could write gets no path.  What
 * `source` reads was written by such lines.
 */
static inline void debugged_tame(char *line)
{
	const char *s = line + strspn(line, " \t");
	struct err err = { 0 };
	const struct debug_command *c = command_lookup(&s, &err);

	if (!c || (c->class != CLASS_FILES && strncmp(c->name, "record", 6) != 0))
		return;
	for (char *at = line; *at; at++)
		if (*at == '/')
			*at = '_';
}

#endif
