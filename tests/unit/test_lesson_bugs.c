/* test_lesson_bugs.c -- planted bugs: each is caught where it says, in recordings of the teaching
 * model; tokenizers that are wrong. */
#include "lesson/recording/recordings.h"
#include "lesson/recording/sheet.h"
#include "torchless/mem.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char home[64];
static struct classroom room;
static struct err err;

static void setup(void)
{
	/* In memory where there is such a folder: a hundred recordings are waited for. */
	snprintf(home, sizeof(home), "%s/lesson-bugs-XXXXXX",
		 access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
	cr_assert(mkdtemp(home));
	room = (struct classroom){ .home = home,
				   .cache = home,
				   .model = "lessons/model",
				   .kernels = kernels_select(NULL),
				   .seed = 1 };
}

static void teardown(void)
{
	char command[100];

	snprintf(command, sizeof(command), "rm -rf %s", home);
	cr_expect_eq(system(command), 0);
}

TestSuite(lesson_bugs, .init = setup, .fini = teardown);

Test(lesson_bugs, every_one_is_caught_where_it_says)
{
	struct text report = { 0 };
	int result = dev_check_bugs(&room, &report, &err);

	cr_expect_eq(result, 0, "%s\n%s", err.message, report.data);
	if (getenv("SHOW"))
		puts(report.data);
	text_release(&report);
}

/* How many values differ by more than rounding. */
static int64_t count_different(const char *healthy, const char *sick, const char *where)
{
	struct recording *rec = recording_to_ask(&room, sick, NULL, SHEET_MAX_NS, &err);
	struct sheet s = { 0 };
	char sql[600];
	int64_t n;

	cr_assert(rec, "%s", err.message);
	snprintf(sql, sizeof(sql),
		 "SELECT count(*) FROM trace_diff('%s', 1) WHERE within = 0 AND fqn %s", healthy,
		 where);
	cr_assert_eq(sheet_ask(rec, sql, &s, &err), 0, "%s", err.message);
	n = sheet_cell(&s, 0, 0)->i;
	sheet_release(&s);
	recording_close(rec);
	return n;
}

Test(lesson_bugs, all_positions_plus_one_is_seen_and_changes_nothing)
{
	struct course_entry entries[] = { { (char *)"bug", (char *)"rope_pos1", 1 },
					  { (char *)"prompt", (char *)"Once upon a time", 2 },
					  { (char *)"capture", (char *)"*", 3 } };
	struct course_section s = { (char *)"pos1", entries, 3, 1 };
	struct text sick = { 0 }, healthy = { 0 };

	cr_assert_eq(recording_of_section(&room, &s, false, &sick, &err), 0, "%s", err.message);
	cr_assert_eq(recording_of_section(&room, &s, true, &healthy, &err), 0, "%s", err.message);
	cr_expect_gt(count_different(healthy.data, sick.data, "GLOB '*q_rot'"), 0);
	cr_expect_eq(
		count_different(healthy.data, sick.data,
				"NOT GLOB '*rotary_emb*' AND fqn NOT GLOB '*q_rot' AND fqn NOT "
				"GLOB '*k_rot' AND fqn NOT GLOB '*k_cache'"),
		0);
	text_release(&sick);
	text_release(&healthy);
}

/* ---- tokenizers ---------------------------------------------------------------------------- */

static const char *const texts[] = {
	"The cat sat on the mat.", "Hello  w\xc3\xb6rld \xf0\x9f\xa6\x99",
	"Once upon a time",        "nothing",
	"the ones that walked",    "reverse"
};

static char *ids_of(const struct model *m, const char *bug, const char *text)
{
	struct text t = { 0 };

	cr_assert_eq(bug_tokenize(m, bug ? bug_find(bug) : NULL, text, &t, &err), 0, "%s",
		     err.message);
	return t.data;
}

Test(lesson_bugs, the_plain_tokenizer_gives_what_the_engine_gives)
{
	struct model m;

	cr_assert_eq(model_open(&m, room.model, CHECKPOINT_CONFIG | CHECKPOINT_TOKENIZER, &err), 0);
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		struct encoding enc = { 0 };
		struct text want = { 0 };
		char *got = ids_of(&m, NULL, texts[i]);

		cr_assert_eq(tokenizer_encode(m.tokenizer, texts[i], strlen(texts[i]),
					      ENCODE_SPECIAL, &enc, &err),
			     0);
		for (int64_t k = 0; k < enc.n; k++)
			text_addf(&want, "%s%d", k ? ", " : "[", enc.tokens[k].id);
		text_adds(&want, "]");
		cr_expect_str_eq(got, want.data, "%s", texts[i]);
		encoding_release(&enc);
		text_release(&want);
		free(got);
	}
	model_close(&m);
}

Test(lesson_bugs, tokenizers_that_are_wrong_differ_from_each_other_and_from_the_right_one)
{
	static const char *const bugs[] = { NULL, "tok_longest", "tok_no_prefix", "tok_leftmost" };
	bool differ[4][4] = { 0 };
	struct model m;

	cr_assert_eq(model_open(&m, room.model, CHECKPOINT_CONFIG | CHECKPOINT_TOKENIZER, &err), 0);
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		char *ids[4];

		for (int b = 0; b < 4; b++) {
			ids[b] = ids_of(&m, bugs[b], texts[i]);
			if (getenv("SHOW"))
				printf("%-14s %s\n", bugs[b] ? bugs[b] : texts[i], ids[b]);
		}
		for (int a = 0; a < 4; a++)
			for (int b = 0; b < 4; b++)
				differ[a][b] |= strcmp(ids[a], ids[b]) != 0;
		for (int b = 0; b < 4; b++)
			free(ids[b]);
	}
	for (int a = 0; a < 4; a++)
		for (int b = 0; b < a; b++)
			cr_expect(differ[a][b], "%s and %s", bugs[a] ? bugs[a] : "right",
				  bugs[b] ? bugs[b] : "right");
	model_close(&m);
}
