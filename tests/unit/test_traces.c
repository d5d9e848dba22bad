/*
 * test_traces.c -- the engine against Hugging Face's recordings of traces/, without Python; and the
 * bugs that people plant in it, each of which has to show at its point in one of them.
 */
#include "lesson/recording/diverge.h"
#include "lesson/recording/recordings.h"
#include "lesson/recording/sheet.h"
#include "torchless/mem.h"
#include "torchless/point.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* What ships; scripts/make_traces.py makes them and says what each is for. */
static const struct {
	const char *reference, *model;
} traces[] = {
	{ "traces/teaching.db", "lessons/model" },
	{ "traces/window.db", "traces/models/window" },
	{ "traces/big-logits.db", "traces/models/big-logits" },
	{ "traces/llama3-rope.db", "traces/models/llama3-rope" },
};
#define N_TRACES ((int)(sizeof(traces) / sizeof(*traces)))

/* What no recording of a healthy run can tell, and why. */
static const struct {
	const char *bug, *why;
} elsewhere[] = {
	{ "lens_no_norm", "a lens is no part of a pass" },
	{ "lens_cached_norm", "a lens is no part of a pass" },
	{ "noise", "is no bug" },
};

static char home[64];
static struct classroom room;
static struct err err;

static void setup(void)
{
	snprintf(home, sizeof(home), "%s/traces-XXXXXX",
		 access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
	cr_assert(mkdtemp(home));
	room = (struct classroom){
		.home = home, .cache = home, .kernels = kernels_select(NULL), .seed = 1
	};
}

static void teardown(void)
{
	char command[100];

	snprintf(command, sizeof(command), "rm -rf %s", home);
	cr_expect_eq(system(command), 0);
}

TestSuite(traces, .init = setup, .fini = teardown);

/* A section of checks.conf that asks for the run of a reference. */
struct asked {
	struct course_entry entries[8];
	struct course_section section;
	struct sheet told;
};

static void add_entry(struct asked *a, const char *key, const char *value)
{
	a->entries[a->section.n++] = (struct course_entry){ (char *)key, (char *)value, 0 };
}

static void ask_reference(struct asked *a, int trace)
{
	struct recording *rec = recording_to_ask(&room, traces[trace].reference,
						 traces[trace].model, SHEET_MAX_NS, &err);

	cr_assert(rec, "%s", err.message);
	cr_assert_eq(
		sheet_ask(rec,
			  "SELECT group_concat(token_id, ' ') FILTER (WHERE source IN ('bos', "
			  "'prompt')), CAST(count(*) FILTER (WHERE source = 'generated') AS TEXT), "
			  "CAST((SELECT n_tok FROM pass WHERE idx = 0) AS TEXT) "
			  "FROM (SELECT * FROM token ORDER BY pos)",
			  &a->told, &err),
		0, "%s", err.message);
	cr_assert_eq(a->told.n_rows, 1);
	recording_close(rec);
}

static void ask(struct asked *a, int trace, const char *bug, const char *kernels)
{
	*a = (struct asked){ .section = { .name = (char *)"traces", .entries = a->entries } };
	room.model = traces[trace].model;
	ask_reference(a, trace);
	add_entry(a, "ids", sheet_cell(&a->told, 0, 0)->s);
	add_entry(a, "n", sheet_cell(&a->told, 0, 1)->s);
	add_entry(a, "chunk", sheet_cell(&a->told, 0, 2)->s);
	add_entry(a, "capture", "*");
	if (bug)
		add_entry(a, "bug", bug);
	if (kernels)
		add_entry(a, "kernels", kernels);
}

/* Where the engine, with the bug, first differs from Hugging Face. */
static struct divergence held_to(int trace, const char *bug, const char *kernels)
{
	struct asked a;
	struct text path = { 0 };
	struct divergence d;

	ask(&a, trace, bug, kernels);
	cr_assert_eq(recording_of_section(&room, &a.section, false, &path, &err), 0, "%s",
		     err.message);
	cr_assert_eq(recordings_diverge(&room, traces[trace].reference, path.data, &d, &err), 0,
		     "%s", err.message);
	text_release(&path);
	sheet_release(&a.told);
	return d;
}

/* How many values of the reference the engine has too, and how many of them agree. */
static void count_values(int trace, const char *kernels, int64_t n[3])
{
	struct asked a;
	struct text path = { 0 }, sql = { 0 };
	struct sheet s = { 0 };
	struct recording *rec;

	ask(&a, trace, NULL, kernels);
	cr_assert_eq(recording_of_section(&room, &a.section, false, &path, &err), 0, "%s",
		     err.message);
	rec = recording_to_ask(&room, path.data, NULL, SHEET_MAX_NS, &err);
	cr_assert(rec, "%s", err.message);
	text_addf(&sql,
		  "SELECT count(*), count(*) FILTER (WHERE within), count(DISTINCT pass) FROM "
		  "trace_diff('%s[run=1]', 1)",
		  traces[trace].reference);
	cr_assert_eq(sheet_ask(rec, sql.data, &s, &err), 0, "%s", err.message);
	for (int i = 0; i < 3; i++)
		n[i] = sheet_cell(&s, 0, i)->i;
	recording_close(rec);
	sheet_release(&s);
	sheet_release(&a.told);
	text_release(&sql);
	text_release(&path);
}

Test(traces, every_value_of_every_pass_is_hugging_faces_with_every_set_of_kernels)
{
	for (int i = 0; kernels_all[i]; i++)
		for (int t = 0; t < N_TRACES && kernels_all[i]->supported(); t++) {
			struct divergence d = held_to(t, NULL, kernels_all[i]->isa);
			int64_t n[3];

			cr_expect(!d.is_there, "%s with %s: pass %lld %s: %s at %s",
				  traces[t].reference, kernels_all[i]->isa, (long long)d.pass,
				  d.fqn, d.problem, d.place);
			count_values(t, kernels_all[i]->isa, n);
			cr_expect_gt(n[0], 50, "%s: %lld values", traces[t].reference,
				     (long long)n[0]);
			cr_expect_eq(n[1], n[0], "%s: %lld of %lld agree", traces[t].reference,
				     (long long)n[1], (long long)n[0]);
			cr_expect_geq(n[2], 1, "%s: no pass", traces[t].reference);
		}
}

static const char *why_elsewhere(const char *bug)
{
	for (size_t i = 0; i < sizeof(elsewhere) / sizeof(*elsewhere); i++)
		if (!strcmp(elsewhere[i].bug, bug))
			return elsewhere[i].why;
	return NULL;
}

/* The name of the point that a bug says it shows at, of the program of a model. */
static void name_of_point(int trace, const char *at, char name[160])
{
	struct model m;
	value_id v;

	cr_assert_eq(
		model_open(&m, traces[trace].model, CHECKPOINT_CONFIG | CHECKPOINT_WEIGHTS, &err),
		0, "%s", err.message);
	v = points_find(&m.program, at, &err);
	cr_assert_geq(v, 0, "%s", err.message);
	snprintf(name, 160, "%s", m.program.values[v].name);
	model_close(&m);
}

static void find_bug(const struct bug *b)
{
	for (int t = 0; t < N_TRACES; t++) {
		struct divergence d = held_to(t, b->name, NULL);
		char name[160];

		if (!d.is_there)
			continue;
		name_of_point(t, b->at, name);
		cr_expect_str_eq(d.fqn, name, "%s in %s: shows first at %s, not at %s", b->name,
				 traces[t].reference, d.fqn, name);
		if (getenv("SHOW"))
			printf("%-18s %-22s %s\n", b->name, traces[t].reference, d.fqn);
		return;
	}
	cr_expect(false, "%s: no recording shows it", b->name);
}

Test(traces, every_bug_is_found_at_its_point)
{
	int n = 0;

	for (int i = 0; i < bug_table_len; i++) {
		const struct bug *b = &bug_table[i];

		if (b->kind == BUG_TOKENIZER || why_elsewhere(b->name))
			continue;
		find_bug(b);
		n++;
	}
	cr_expect_geq(n, 12);
}
