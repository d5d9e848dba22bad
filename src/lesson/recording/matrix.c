/*
 * matrix.c -- the bugs that people plant, against the prompts that catch them.
 *
 * The matrix is what a course that trusts its checks has to know: one token catches few bugs, a
 * prefill none of the cache's, a short prompt none of the window's.
 */
#include "diverge.h"
#include "recordings.h"
#include "torchless/point.h"

#include <stdio.h>
#include <string.h>

/* Kinds of prompts, the weakest first. */
static const struct {
	const char *name, *ids, *n, *chunk, *lens;
} prompts[] = {
	{ "one token", "1", "0", NULL, NULL },
	{ "a few tokens", "1 433 263 701 24", "0", NULL, NULL },
	{ "beyond the window, in chunks, and decoding", NULL, "3", "48", NULL },
	{ "a lens", "1 433 263 701 24", "0", NULL, "yes" },
};
#define N_PROMPTS ((int)(sizeof(prompts) / sizeof(*prompts)))

/* What no prompt of the matrix can catch, and why. */
static const struct {
	const char *bug, *why;
} harmless[] = {
	{ "softmax_no_max", "needs scores near 88, where exp overflows; the model's are below 50" },
	{ "noise", "is no bug" },
};

/* A section as checks.conf would have it. */
struct asked {
	struct course_entry entries[8];
	struct course_section section;
	char ids[800];
};

static void add_entry(struct asked *a, const char *key, const char *value)
{
	if (value)
		a->entries[a->section.n++] = (struct course_entry){ (char *)key, (char *)value, 0 };
}

/* 70 tokens: more than the window, and all different enough. */
static const char *long_ids(struct asked *a)
{
	size_t len = (size_t)snprintf(a->ids, sizeof(a->ids), "1");

	for (int i = 0; i < 69; i++)
		len += (size_t)snprintf(a->ids + len, sizeof(a->ids) - len, " %d",
					300 + i * 37 % 900);
	return a->ids;
}

static void ask(struct asked *a, const char *bug, int prompt)
{
	*a = (struct asked){ .section = { .name = (char *)"matrix", .entries = a->entries } };
	add_entry(a, "bug", bug);
	add_entry(a, "ids", prompts[prompt].ids ? prompts[prompt].ids : long_ids(a));
	add_entry(a, "n", prompts[prompt].n);
	add_entry(a, "chunk", prompts[prompt].chunk);
	add_entry(a, "lens", prompts[prompt].lens);
	add_entry(a, "capture", "*");
}

static bool is_of_lens(const struct bug *b)
{
	return !strncmp(b->name, "lens_", 5);
}

static const char *why_harmless(const struct bug *b)
{
	for (size_t i = 0; i < sizeof(harmless) / sizeof(*harmless); i++)
		if (!strcmp(harmless[i].bug, b->name))
			return harmless[i].why;
	return NULL;
}

struct matrix {
	const struct classroom *room;
	struct model model; /* for its names */
	struct text healthy[N_PROMPTS];
	struct text *report;
	int n_wrong;
	char wrong[160]; /* the first that is */
};

static bool is_at(const struct matrix *m, const struct bug *b, const char *fqn)
{
	struct err ignored = { 0 };
	value_id v = points_find(&m->model.program, b->at, &ignored);

	return v >= 0 && !strcmp(m->model.program.values[v].name, fqn);
}

static void note_wrong(struct matrix *m, const struct bug *b, const char *what)
{
	text_addf(m->report, " WRONG: %s", what);
	if (m->n_wrong++ == 0)
		snprintf(m->wrong, sizeof(m->wrong), "%s: %s", b->name, what);
}

/* Where the bug shows with a prompt. */
static int try(const struct matrix *m, const struct bug *b, int prompt, struct divergence *d,
	       struct err *err)
{
	struct asked a;
	struct text path = { 0 };
	int result;

	ask(&a, b->name, prompt);
	result = recording_of_section(m->room, &a.section, false, &path, err);
	if (result == 0)
		result = recordings_diverge(m->room, m->healthy[prompt].data, path.data, d, err);
	text_release(&path);
	return result;
}

static int add_bug(struct matrix *m, const struct bug *b, struct err *err)
{
	struct divergence first = { 0 };
	const char *why = why_harmless(b);

	text_addf(m->report, "%-18s", b->name);
	for (int p = 0; p < N_PROMPTS; p++) {
		struct divergence d = { 0 };

		if (is_of_lens(b) != (prompts[p].lens != NULL)) {
			text_adds(m->report, "  ");
			continue;
		}
		if (try(m, b, p, &d, err))
			return err_wrap(err, "%s, %s", b->name, prompts[p].name);
		text_adds(m->report, d.is_there ? " x" : " .");
		if (!first.is_there)
			first = d;
	}
	text_addf(m->report, "  %s", first.is_there ? first.fqn : why ? why : "");
	if (!first.is_there && !why)
		note_wrong(m, b, "no prompt catches it");
	else if (first.is_there && why)
		note_wrong(m, b, "it was said to be harmless, and is caught");
	else if (first.is_there && !is_at(m, b, first.fqn))
		note_wrong(m, b, "it shows in another place than bugs.def says");
	text_addc(m->report, '\n');
	return 0;
}

static int make_healthy(struct matrix *m, struct err *err)
{
	struct asked a;

	for (int p = 0; p < N_PROMPTS; p++) {
		ask(&a, NULL, p);
		if (recording_of_section(m->room, &a.section, false, &m->healthy[p], err))
			return err->code;
	}
	return 0;
}

static void add_prompts(struct text *report)
{
	text_adds(report, "columns:");
	for (int p = 0; p < N_PROMPTS; p++)
		text_addf(report, "%s %s", p ? "," : "", prompts[p].name);
	text_adds(report, "; x: caught, and then where it shows first\n");
}

int dev_check_bugs(const struct classroom *room, struct text *report, struct err *err)
{
	struct matrix m = { .room = room, .report = report };
	int result = model_open(&m.model, room->model, CHECKPOINT_CONFIG | CHECKPOINT_WEIGHTS, err);

	if (result == 0)
		result = make_healthy(&m, err);
	add_prompts(report);
	for (int i = 0; i < bug_table_len && result == 0; i++)
		if (bug_table[i].kind != BUG_TOKENIZER)
			result = add_bug(&m, &bug_table[i], err);
	for (int p = 0; p < N_PROMPTS; p++)
		text_release(&m.healthy[p]);
	model_close(&m.model);
	if (result == 0 && m.n_wrong)
		result = err_set(err, ERR_NO, "%d of %d planted bugs: %s", m.n_wrong, bug_table_len,
				 m.wrong);
	return result;
}
