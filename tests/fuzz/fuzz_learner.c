/*
 * fuzz_learner.c -- libFuzzer over the log of what a learner did, and what `progress --import`
 * reads.
 *
 * A form feed separates the log from what is imported.  A line that ends with a tab gets the
 * checksum that it lacks, so that what stands before it is believed.  Whatever the log holds, what
 * is noted is there when it is read again; two logs become one without losing an event of either,
 * in whichever order, and what is said of them as JSON is JSON.
 */
#include "fuzz.h"
#include "torchless/json.h"

#include "cli/lesson/school.h"

#include <xxhash.h>

static struct course course;
static char log_path[128], out_path[128];

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	struct err err = { 0 };

	(void)argc, (void)argv;
	if (course_open(&course, "tests/support/course", &err)) {
		fprintf(stderr, "cannot begin: %s\n", err.message);
		exit(1);
	}
	fuzz_make_folder();
	snprintf(log_path, sizeof(log_path), "%s/course.log", fuzz_folder);
	snprintf(out_path, sizeof(out_path), "%s/out", fuzz_folder);
	if (!freopen(out_path, "w+", stdout))
		abort();
	return 0;
}

/* The bytes with the checksums that are left to us. */
static void sign_lines(const char *data, size_t len, struct text *out)
{
	size_t from = 0;

	text_add(out, "", 0);
	for (size_t i = 0; i < len; i++) {
		text_addc(out, data[i]);
		if (data[i] == '\t' && (i + 1 == len || data[i + 1] == '\n'))
			text_addf(out, "%08x",
				  (uint32_t)XXH3_64bits(out->data + from, out->len - from));
		if (data[i] == '\n')
			from = out->len;
	}
}

static void put_log(const struct text *t)
{
	fuzz_put("course.log", t->data, t->len);
}

/* ---- what is derived ------------------------------------------------------------------------ */

/* All that is said of it goes to a file, in which the last of it is JSON. */
static void check_said(const struct learner *l)
{
	struct invocation in = { .command = command_find("lesson") };
	struct school d = { .in = &in, .course = course, .learner = *l };
	const char *const lesson = "00";
	struct text out = { 0 };
	struct err err = { 0 };
	cJSON *json;

	require(in.command != NULL, "there is a command");
	ui_init(&in.out, stdout, UI_COLOR_NEVER);
	require(lesson_where(&d, 0, NULL, &err) == 0, "where one is is said");
	require(lesson_list(&d, 1, &lesson, &err) == 0, "what is done is listed");
	require(lesson_progress(&d, 0, NULL, &err) == 0, "and how well");
	rewind(stdout);
	if (ftruncate(STDOUT_FILENO, 0))
		abort();
	in.option[OPT_JSON] = (struct option_value){ .is_set = true, .i = 1 };
	require(lesson_progress(&d, 0, NULL, &err) == 0, "it is JSON too");
	rewind(stdout);
	if (text_read_file(&out, out_path, 1 << 20, &err))
		abort();
	json = json_parse(out.data, out.len, "progress", &err);
	require(cJSON_IsObject(json), "which can be read");
	cJSON_Delete(json);
	text_release(&out);
	text_release(&d.out);
}

static void check_state(const struct learner *l)
{
	int n = course_n_exercises(&course);

	require(learner_n_done(l, NULL) >= 0 && learner_n_done(l, NULL) <= n, "no more than all");
	for (int i = 0; i < n; i++) {
		const struct exercise *e = course_exercise_at(&course, i);
		const struct exercise_state *s = learner_exercise(l, e);

		require(s->attempts >= 0 && s->hints >= 0 && s->hints <= 3, "counts are counts");
		require(!s->passed || s->attempts > 0, "what was passed was tried");
		require(!s->was_right || s->is_judged, "what was right is judged");
		require(learner_next(l, e) != e, "the next one is another one");
	}
	require(!l->at || course_exercise(&course, l->at->id) == l->at, "one is at an exercise");
	check_said(l);
}

/* Read the log as it is; its events are exported to *out. */
static void read_log(struct text *out)
{
	struct learner l;
	struct err err = { 0 };

	require(learner_open(&l, &course, log_path, &err) == 0, "a log is read, whatever it holds");
	check_state(&l);
	if (out)
		learner_export(&l, out);
	learner_close(&l);
}

/* ---- promises ------------------------------------------------------------------------------- */

/* What is noted behind it is there when it is read again. */
static void check_note(void)
{
	const struct exercise *e = course_exercise_at(&course, 1);
	struct learner l;
	struct err err = { 0 };
	int attempts;

	require(learner_open(&l, &course, log_path, &err) == 0, "a log is read");
	attempts = learner_exercise(&l, e)->attempts;
	require(learner_note(&l, EVENT_CHECK, NULL, e, true, "4\t%\n\x1b", &err) == 0,
		"an event is kept");
	learner_close(&l);
	require(learner_open(&l, &course, log_path, &err) == 0, "a log is read");
	require(learner_exercise(&l, e)->attempts == attempts + 1 &&
			learner_exercise(&l, e)->passed,
		"what was kept is there");
	check_state(&l);
	learner_close(&l);
}

/* Put `log` there and import `other`; what comes out is exported.  False: there was nothing. */
static bool merge(const struct text *log, const struct text *other, struct text *out)
{
	struct learner l;
	struct err err = { 0 };
	int n_new = -1, r;

	put_log(log);
	require(learner_open(&l, &course, log_path, &err) == 0, "a log is read");
	r = learner_merge(&l, "other\x1b.log", other->data, other->len, &n_new, &err);
	if (succeeded(r, &err)) {
		require(n_new >= 0, "events are counted");
		check_state(&l);
		learner_export(&l, out);
	}
	learner_close(&l);
	return r == 0;
}

static void check_merge(const struct text *a, const struct text *b)
{
	struct text one = { 0 }, other = { 0 }, again = { 0 };
	bool is_one = merge(a, b, &one);

	if (is_one) {
		/* It says the same when it is read again, and when it is imported once more. */
		read_log(&again);
		require(again.len == one.len && !memcmp(again.data, one.data, one.len),
			"what was imported is kept");
	}
	if (merge(b, a, &other) && is_one)
		require(one.len == other.len && !memcmp(one.data, other.data, one.len),
			"two logs become the same one");
	text_release(&one);
	text_release(&other);
	text_release(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = { data, size };
	size_t len, other_len;
	char *log = input_until(&in, '\f', &len), *other = input_rest(&in, &other_len);
	struct text a = { 0 }, b = { 0 };

	sign_lines(log, len, &a);
	sign_lines(other, other_len, &b);
	put_log(&a);
	read_log(NULL);
	check_note();
	check_merge(&a, &b);
	text_release(&a);
	text_release(&b);
	free(log);
	free(other);
	return 0;
}
