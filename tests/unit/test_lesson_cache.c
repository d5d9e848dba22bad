/*
 * What lessons keep to be faster: bounded, and never the reason for another verdict.
 */
#include "lesson/cache/cache.h"

#include <criterion/criterion.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static char home[80];
static struct course course;
static struct classroom room;
static struct err err;

static void setup(void)
{
	snprintf(home, sizeof(home), "%s/lesson-cache-XXXXXX",
		 getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp");
	cr_assert(mkdtemp(home));
	cr_assert_eq(course_open(&course, "tests/support/checks", &err), 0, "%s", err.message);
	room = (struct classroom){ .course = &course,
				   .home = home,
				   .cache = home,
				   .program = realpath("torchless", NULL),
				   .model = realpath("lessons/model", NULL),
				   .kernels = kernels_select(NULL),
				   .seed = 1 };
}

static void teardown(void)
{
	char command[100];

	course_close(&course);
	free((char *)room.program);
	free((char *)room.model);
	snprintf(command, sizeof(command), "rm -rf %s", home);
	cr_expect_eq(system(command), 0);
}

TestSuite(lesson_cache, .init = setup, .fini = teardown);

/* ---- sweeping ------------------------------------------------------------------------------- */

#define HOUR 3600

static void age(const char *name, long seconds)
{
	struct timespec times[2] = { { .tv_sec = time(NULL) - seconds },
				     { .tv_sec = time(NULL) - seconds } };
	char path[200];

	snprintf(path, sizeof(path), "%s/%s", home, name);
	cr_assert_eq(utimensat(AT_FDCWD, path, times, 0), 0, "%s", path);
}

static void make(const char *name, off_t bytes, long seconds)
{
	char path[200];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", home, name);
	fd = open(path, O_WRONLY | O_CREAT, 0600);
	cr_assert(fd >= 0 && ftruncate(fd, bytes) == 0);
	close(fd);
	age(name, seconds);
}

static bool has(const char *name)
{
	char path[200];

	snprintf(path, sizeof(path), "%s/%s", home, name);
	return access(path, F_OK) == 0;
}

Test(lesson_cache, what_nobody_asked_for_longest_goes_first)
{
	char folder[200];

	make("fresh", 60, 0);
	make("three-hours", 60, 3 * HOUR);
	make("two-hours", 60, 2 * HOUR);
	snprintf(folder, sizeof(folder), "%s/model", home);
	cr_assert_eq(mkdir(folder, 0700), 0);
	make("model/weights", 60, 0);
	make("model/config", 60, 0);
	age("model", 4 * HOUR);

	cache_sweep(home, 300);
	cr_expect(has("fresh") && has("two-hours") && has("three-hours") && has("model/weights"));
	cache_sweep(home, 299);
	cr_expect(!has("model"), "120 bytes in a folder, used longest ago");
	cr_expect(has("three-hours") && has("two-hours") && has("fresh"));
	cache_sweep(home, 130);
	cr_expect(!has("three-hours") && has("two-hours") && has("fresh"));
	cache_sweep(home, 0);
	cr_expect(!has("two-hours"));
	cr_expect(has("fresh"), "somebody may be reading what was just asked for");
}

Test(lesson_cache, what_is_used_stays)
{
	char path[200];

	make("old", 60, 20 * HOUR);
	make("newer", 60, 10 * HOUR);
	snprintf(path, sizeof(path), "%s/old", home);
	cache_use(path);
	cache_sweep(home, 60);
	cr_expect(has("old") && !has("newer"));
}

Test(lesson_cache, what_is_half_or_a_month_old_goes)
{
	make(".new-1-x", 1, 25 * HOUR);
	make(".new-2-x", 1, 23 * HOUR);
	make("a-month", 1, 31 * 24 * HOUR);
	cache_sweep(home, 1000);
	cr_expect(!has(".new-1-x") && has(".new-2-x") && !has("a-month"));
	cache_sweep("/dev/null/no-such-folder", 0);
}

/* ---- answers that are kept ------------------------------------------------------------------ */

/* All that a verdict says, as one text. */
static void check(const char *id, const char *words, struct text *said)
{
	const struct exercise *e = course_exercise(&course, id);
	struct answer a = { .text = words, .len = strlen(words) };
	struct verdict v = { 0 };

	cr_assert(e, "%s", id);
	text_clear(said);
	cr_assert_eq(exercise_check(&room, e, &a, &v, &err), 0, "%s: %s", id, err.message);
	text_addf(said, "%d %s %s\n", v.passed, v.key ? v.key : "", v.says.data ? v.says.data : "");
	for (int i = 0; i < v.n_lines; i++)
		text_addf(said, "%d %s: %s\n", v.lines[i].mark, v.lines[i].what,
			  v.lines[i].detail ? v.lines[i].detail : "");
	verdict_release(&v);
}

/* Its files, NAME a line; how many there are. */
static int list(const char *kind, struct text *names)
{
	char path[200];
	struct dirent *e;
	DIR *dir;
	int n = 0;

	snprintf(path, sizeof(path), "%s/%s", home, kind);
	dir = opendir(path);
	while (dir && (e = readdir(dir)))
		if (e->d_name[0] != '.') {
			n++;
			if (names)
				text_addf(names, "%s\n", e->d_name);
		}
	if (dir)
		closedir(dir);
	return n;
}

/* What is done to every file of answers. */
typedef void harm(struct text *bytes, size_t n);

static void flip(struct text *bytes, size_t n)
{
	bytes->data[n * 7 % bytes->len] ^= 0x10;
}

static void cut(struct text *bytes, size_t n)
{
	bytes->len = n * 11 % bytes->len;
}

static void empty(struct text *bytes, size_t n)
{
	(void)n;
	bytes->len = 0;
}

static void lengthen(struct text *bytes, size_t n)
{
	text_addf(bytes, "%zu", n);
}

/* The whole answer to another question, in its place. */
static void exchange(struct text *bytes, size_t n)
{
	static char first[1 << 16];
	static size_t len;

	if (n == 0 && bytes->len < sizeof(first)) {
		memcpy(first, bytes->data, bytes->len);
		len = bytes->len;
	} else if (n) {
		text_clear(bytes);
		text_add(bytes, first, len);
	}
}

static void harm_all(harm *how)
{
	struct text names = { 0 };
	char *rest, *name;
	size_t n = 0;

	list("answers", &names);
	rest = names.data;
	while (rest && (name = strtok_r(rest, "\n", &rest))) {
		struct text bytes = { 0 };
		char path[300];

		snprintf(path, sizeof(path), "%s/answers/%s", home, name);
		cr_assert_eq(text_read_file(&bytes, path, 1 << 20, &err), 0, "%s", err.message);
		how(&bytes, n++);
		cr_assert_eq(text_write_file(path, bytes.data ? bytes.data : "", bytes.len, &err),
			     0);
		text_release(&bytes);
	}
	text_release(&names);
}

static const char *const asked[][2] = {
	{ "layers", "5" },
	{ "layers", "6" },
	{ "layers", "-3" },
	{ "decoded", "pass=0 model.rotary_emb cache_restart" },
	{ "decoded", "pass=1 model.rotary_emb cache_restart" },
};
#define N_ASKED (sizeof(asked) / sizeof(asked[0]))

Test(lesson_cache, a_damaged_answer_is_asked_again)
{
	harm *const harms[] = { flip, cut, empty, lengthen, exchange };
	struct text first[N_ASKED] = { 0 }, again = { 0 };
	int n;

	for (size_t i = 0; i < N_ASKED; i++)
		check(asked[i][0], asked[i][1], &first[i]);
	n = list("answers", NULL);
	cr_assert_gt(n, 2);
	for (size_t h = 0; h < sizeof(harms) / sizeof(harms[0]); h++) {
		harm_all(harms[h]);
		for (int twice = 0; twice < 2; twice++)
			for (size_t i = 0; i < N_ASKED; i++) {
				check(asked[i][0], asked[i][1], &again);
				cr_expect_str_eq(first[i].data, again.data, "harm %zu, %s", h,
						 asked[i][0]);
			}
		cr_expect_eq(list("answers", NULL), n);
	}
	for (size_t i = 0; i < N_ASKED; i++)
		text_release(&first[i]);
	text_release(&again);
}

Test(lesson_cache, answers_that_cannot_be_kept_are_given)
{
	struct text first = { 0 }, again = { 0 };
	char path[200];

	snprintf(path, sizeof(path), "%s/answers", home);
	cr_assert_eq(text_write_file(path, "", 0, &err), 0); /* a file where the folder would be */
	check("layers", "6", &first);
	check("layers", "6", &again);
	cr_expect_str_eq(first.data, again.data);
	text_release(&first);
	text_release(&again);
}

/* Every exercise of the course: what was prepared leaves nothing to make. */
Test(lesson_cache, what_is_prepared_is_not_made_again)
{
	struct text said = { 0 };
	int answers, recordings;

	for (size_t i = 0; i < N_ASKED; i++)
		cr_assert_eq(exercise_prepare(&room, course_exercise(&course, asked[i][0]), &err),
			     0, "%s", err.message);
	answers = list("answers", NULL);
	recordings = list("recordings", NULL);
	cr_expect_gt(answers, 0);
	cr_expect_gt(recordings, 0);
	for (size_t i = 0; i < N_ASKED; i++)
		check(asked[i][0], asked[i][1], &said);
	cr_expect_eq(list("answers", NULL), answers);
	cr_expect_eq(list("recordings", NULL), recordings);
	text_release(&said);
}
