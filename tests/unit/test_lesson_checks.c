/* test_lesson_checks.c -- answers in words, queries and patients, held against recordings of the
 * teaching model; recordings and variants in the cache. */
#include "lesson/checks/form.h"
#include "lesson/recording/recordings.h"
#include "lesson/variants/variants.h"
#include "torchless/mem.h"

#include <criterion/criterion.h>
#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static char home[64];
static struct course course;
static struct classroom room;
static struct verdict verdict;
static struct err err;

static void setup(void)
{
	snprintf(home, sizeof(home), "%s/lesson-checks-XXXXXX",
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

	verdict_release(&verdict);
	course_close(&course);
	free((char *)room.program);
	free((char *)room.model);
	snprintf(command, sizeof(command), "rm -rf %s", home);
	cr_expect_eq(system(command), 0);
}

TestSuite(lesson_checks, .init = setup, .fini = teardown);

/* The result of a check, with the verdict of it. */
static int check(const char *id, const char *text)
{
	const struct exercise *e = course_exercise(&course, id);
	struct answer a = { .text = text, .len = strlen(text) };

	cr_assert(e, "%s", id);
	verdict_release(&verdict);
	err = (struct err){ 0 };
	return exercise_check(&room, e, &a, &verdict, &err);
}

static void passes(const char *id, const char *text)
{
	int result = check(id, text);

	cr_expect_eq(result, 0, "%s '%s': %s", id, text, err.message);
	cr_expect(verdict.passed, "%s '%s'", id, text);
	cr_expect_gt(verdict.n_lines, 0);
}

static bool has_line(enum check_mark mark, const char *part)
{
	for (int i = 0; i < verdict.n_lines; i++) {
		const struct check_line *l = &verdict.lines[i];

		if (l->mark == mark &&
		    (strstr(l->what, part) || (l->detail && strstr(l->detail, part))))
			return true;
	}
	return false;
}

static void fails(const char *id, const char *text, const char *part)
{
	int result = check(id, text);

	cr_expect_eq(result, 0, "%s '%s': %s", id, text, err.message);
	cr_expect_not(verdict.passed, "%s '%s'", id, text);
	cr_expect(has_line(CHECK_FAILED, part), "%s '%s': '%s', not '%s'", id, text,
		  verdict.n_lines ? verdict.lines[verdict.n_lines - 1].detail : "", part);
}

static void is_no_answer(const char *id, const char *text, const char *part)
{
	cr_expect_eq(check(id, text), ERR_USAGE, "%s '%s'", id, text);
	cr_expect(strstr(err.message, part), "%s", err.message);
}

/* ---- words --------------------------------------------------------------------------------- */

Test(lesson_checks, a_choice_is_right_wrong_with_its_meaning_or_none)
{
	passes("pick", "b");
	cr_expect_str_eq(verdict.says.data, "The heads share their keys.");
	cr_expect(has_line(CHECK_NOTE, "n_heads  n_kv_heads\n4        2"));
	passes("pick", "(B)");
	fails("pick", "a", "you said a, and it is b");
	cr_expect_str_eq(verdict.key, "a");
	cr_expect_str_eq(verdict.says.data, "That is the number of its key heads.");
	is_no_answer("pick", "d", "one of a, b, c");
	is_no_answer("pick", "", "one of a, b, c");
	is_no_answer("pick", "ab", "one of a, b, c");
}

Test(lesson_checks, a_number_is_what_the_recording_says)
{
	static const char *const right[] = { "5", " 5 ", "5.0", "10/2", "500 %", "0.5e1" };

	for (size_t i = 0; i < sizeof(right) / sizeof(*right); i++)
		passes("layers", right[i]);
	fails("layers", "4", "too small");
	cr_expect_str_eq(verdict.key, "heads");
	cr_expect_str_eq(verdict.says.data, "This is how many heads a layer has.");
	fails("layers", "7", "too large");
	cr_expect_not(verdict.key);
	fails("layers", "inf", "");
	fails("layers", "-5", "");
	fails("layers", "1/0", "");
	is_no_answer("layers", "five", "the answer is a number");
	is_no_answer("layers", "", "the answer is a number");
	is_no_answer("layers", "5 apples", "the answer is a number");
	is_no_answer("layers", "1,5", "the answer is a number");
	is_no_answer("layers", "0x5", "the answer is a number");
	is_no_answer("layers", "nan", "the answer is a number");
	is_no_answer("layers", "0/0", "the answer is a number");
}

Test(lesson_checks, bytes_are_written_in_many_ways)
{
	static const char *const right[] = {
		"3145728",  "3,145,728",       "3 MiB",       "3MB",       "3 M",
		"3072 KiB", "3 145 728 bytes", "3_145_728 B", "3.145728e6"
	};

	for (size_t i = 0; i < sizeof(right) / sizeof(*right); i++)
		passes("bytes", right[i]);
	fails("bytes", "3 GB", "too large");
	fails("bytes", "3145727", "near");
}

Test(lesson_checks, a_share_has_a_tolerance_and_may_be_a_percentage)
{
	passes("share", "0.3");
	passes("share", "30 %");
	passes("share", "30%");
	passes("share", "0.3001");
	fails("share", "0.302", "near");
	fails("share", "30", "too large");
}

Test(lesson_checks, texts_ids_and_sets)
{
	passes("word", "Once");
	passes("word", "  \"once\" ");
	fails("word", "one", "another text");
	is_no_answer("word", "  ", "a text");
	passes("ids", "1 807 809 265 598");
	passes("ids", "[1, 807, 809, 265, 598]");
	fails("ids", "807 1 809 265 598", "5 of your 5");
	fails("ids", "1 807", "more of them");
	is_no_answer("ids", "1 two", "a list of numbers");
	passes("layers-of", "L4 L3, l2 {L0} L1 L1");
	fails("layers-of", "L0 L1 L2", "there are more");
	fails("layers-of", "L0 L1 L2 L3 L4 L5", "1 of 6 is not in it");
	passes("positions-of", "2, 1 0");
	fails("positions-of", "1 2", "there are more");
	is_no_answer("positions-of", "xyzzy", "a set of numbers");
}

Test(lesson_checks, an_order_has_everything_once)
{
	passes("smallest-first", "heads layers width");
	passes("smallest-first", "Heads, layers, width");
	fails("smallest-first", "layers heads width", "you said layers heads width");
	cr_expect_str_eq(verdict.key, "layers-first");
	is_no_answer("smallest-first", "hello", "each of layers heads width once");
	is_no_answer("smallest-first", "heads layers", "each of layers heads width once");
	is_no_answer("smallest-first", "heads layers width heads", "each of layers heads width");
	is_no_answer("smallest-first", "heads heads width", "each of layers heads width once");
	is_no_answer("smallest-first", "", "each of layers heads width once");
	passes("as-letters", "cab");
	passes("as-letters", "C A B");
	fails("as-letters", "abc", "another order");
	is_no_answer("as-letters", "caab", "each of b c a once");
	is_no_answer("as-letters", "hello", "each of b c a once");
}

Test(lesson_checks, another_recording_is_named_in_braces)
{
	passes("apart", "1");
}

/* ---- queries ------------------------------------------------------------------------------- */

Test(lesson_checks, a_query_is_judged_by_its_rows)
{
	passes("rows", "SELECT pos, token_id FROM token ORDER BY token_id");
	passes("rows",
	       "-- a comment\nWITH t AS (SELECT * FROM token)\nSELECT pos, token_id FROM t;");
	passes("rows", "SELECT pos, token_id * 1.0 FROM v_token");
	fails("rows", "SELECT pos FROM token", "wanted 2 (pos id), got 1");
	fails("rows", "SELECT pos, token_id FROM token WHERE pos > 0", "wanted 5 rows, got 4");
	cr_expect_str_eq(verdict.key, "first");
	fails("rows", "SELECT pos, token_id + 1 FROM token", "is none of them");
	fails("rows", "SELECT pos, NULL FROM token", "NULL) is none of them");
	fails("rows", "SELECT pos, token_id FROM token UNION ALL SELECT 0, 1", "got 6");
	passes("in-order", "SELECT pos FROM token ORDER BY -pos");
	fails("in-order", "SELECT pos FROM token ORDER BY pos", "should not be in its place");
}

/* Near to two wrong answers it is told as the one whose numbers it has; as the first, if none's. */
Test(lesson_checks, of_two_wrong_queries_it_is_the_one_whose_numbers_it_has)
{
	fails("near", "SELECT sum(token_id) * 1.0 FROM token", "is none of them");
	cr_expect_str_eq(verdict.key, "before");
	fails("near", "SELECT sum(token_id) * 1.0001 FROM token", "is none of them");
	cr_expect_str_eq(verdict.key, "beside");
	fails("near", "SELECT sum(token_id) * 1.001 FROM token", "is none of them");
	cr_expect_str_eq(verdict.key, "before");
}

Test(lesson_checks, a_query_that_is_none_has_a_sentence)
{
	fails("rows", "", "there is none yet");
	fails("rows", "-- write it here\n\n/* or here */ ;\n", "there is none yet");
	fails("rows", "SELEC pos", "syntax error");
	fails("rows", "SELECT nothing FROM token", "nothing");
	fails("rows", "DELETE FROM token", "");
	fails("rows", "ATTACH 'x.db' AS x", "");
	fails("rows", "CREATE TABLE x(a)", "");
	fails("rows", "SELECT 1; SELECT 2", "there are 2");
	fails("rows",
	      "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i, i FROM n",
	      "");
}

Test(lesson_checks, an_answer_that_is_written_down_is_found_out)
{
	fails("rows", "VALUES (0, 1), (1, 807), (2, 809), (3, 265), (4, 598)", "is no question");
	cr_expect(has_line(CHECK_PASSED, "rows of the recording you see"));
	fails("rows", "SELECT pos, token_id FROM token WHERE pos < 5", "in this recording only");
}

/* ---- patients ------------------------------------------------------------------------------ */

Test(lesson_checks, a_patient_is_told_by_place_and_key)
{
	static const char *const right[] = { "L0.attn.q_rot rope_pairs",
					     "model.layers.0.self_attn:q_rot rope_pairs",
					     "pass=0 blocks.0.attn.hook_rot_q rope_pairs",
					     "L0.attn rope_pairs",
					     "L0.attn.q_rot[head=1,pos=2] rope_pairs",
					     "model.layers.0.self_attn, rope_pairs",
					     "layers.0.self_attn run=1 rope_pairs" };

	for (size_t i = 0; i < sizeof(right) / sizeof(*right); i++)
		passes("where", right[i]);
	cr_expect(has_line(CHECK_PASSED, "RoPE turns other pairs"));
	fails("where", "L0.attn.z rope_pairs", "another of its points differs first");
	cr_expect(has_line(CHECK_PASSED, "rope_pairs"));
	fails("where", "layers[1].self_attn.z rope_pairs", "something differs before it");
	fails("where", "L1.attn rope_pairs", "something differs before it");
	fails("where", "L0.ln1 rope_pairs", "nothing differs there yet");
	fails("where", "model.layers.0 rope_pairs", "it lies in there");
	fails("where", "L*.attn.q_rot rope_pairs", "it lies in there");
	fails("where", "pass=3 L0.attn.q_rot rope_pairs", "the pass is not");
	fails("where", "rope_pairs", "no place was named");
	fails("where", "L0.attn.q_rot gqa_tile", "gqa_tile is not what it suffers from");
	cr_expect(has_line(CHECK_PASSED, "L0.attn.q_rot"));
	cr_expect_str_eq(verdict.says.data, "Heads would show at the scores.");
	fails("where", "noise", "more than rounding");
}

Test(lesson_checks, what_is_no_place_or_no_key_has_a_sentence)
{
	is_no_answer("where", "", "PLACE KEY");
	is_no_answer("where", "L0.attn.q_rot", "none of the keys");
	is_no_answer("where", "L0.nowhere rope_pairs", "nowhere");
	is_no_answer("where", "L99.attn.z rope_pairs", "");
	is_no_answer("tokenizers", "broken-a=tok_longest", "broken-b");
	is_no_answer("tokenizers", "broken-a=x broken-b=y broken-c=z", "none of the keys");
}

Test(lesson_checks, patients_of_other_kinds)
{
	passes("converted", "L0.attn.q_proj rope_permuted");
	passes("windowed", "L0.attn.scores_masked window");
	passes("decoded", "pass=1 model.rotary_emb cache_restart");
	fails("decoded", "pass=0 model.rotary_emb cache_restart", "the pass is not");
	passes("lenses", "run=1 model.norm lens_cached_norm");
	passes("last", "noise");
	fails("last", "L4.mlp mlp_gelu", "within the tolerance");
	cr_expect(has_line(CHECK_NOTE, "BOOM"));
}

Test(lesson_checks, a_patient_that_is_not_ill_is_an_error_of_the_course)
{
	cr_expect_eq(check("healthy", "L0.attn softmax_no_max"), ERR_FORMAT);
	cr_expect(strstr(err.message, "differs nowhere"), "%s", err.message);
}

/* The solution of an exercise, of which only the first line is kept. */
static char *solution(const char *id)
{
	struct text t = { 0 };

	cr_assert_eq(exercise_solution(&room, course_exercise(&course, id), &t, &err), 0, "%s: %s",
		     id, err.message);
	t.data[strcspn(t.data, "\n")] = '\0';
	return t.data;
}

Test(lesson_checks, solutions_in_words_are_right)
{
	static const char *const ids[] = { "pick",         "layers",  "bytes",  "share",
					   "word",         "ids",     "apart",  "layers-of",
					   "where",        "bomb",    "last",   "converted",
					   "windowed",     "decoded", "lenses", "tokenizers",
					   "one-tokenizer" };

	for (size_t i = 0; i < sizeof(ids) / sizeof(*ids); i++) {
		char *right = solution(ids[i]);

		passes(ids[i], right);
		free(right);
	}
}

Test(lesson_checks, the_solution_of_a_query_is_a_query)
{
	char *sql = solution("rows");

	passes("rows", sql);
	free(sql);
}

Test(lesson_checks, the_seed_draws_the_bug)
{
	bool differs = false;
	char *first = solution("bomb"), *tokenizers;

	for (uint64_t seed = 2; seed < 12; seed++) {
		char *other;

		room.seed = seed;
		other = solution("bomb");
		differs |= strcmp(first, other) != 0;
		passes("bomb", other);
		free(other);
	}
	cr_expect(differs, "always %s", first);
	free(first);
	tokenizers = solution("tokenizers");
	cr_expect(strstr(tokenizers, "tok_longest") && strstr(tokenizers, "tok_no_prefix") &&
			  strstr(tokenizers, "tok_leftmost"),
		  "%s", tokenizers);
	free(tokenizers);
}

Test(lesson_checks, a_wrong_wire_is_told_as_an_explosion)
{
	fails("bomb", "noise", "more than rounding");
	cr_expect(has_line(CHECK_NOTE, "BOOM"));
	fails("tokenizers", "broken-a=tok_longest broken-b=tok_longest broken-c=tok_longest",
	      "1 of 3 is right");
	cr_expect_str_eq(verdict.key, "tok_longest");
}

/* ---- speed --------------------------------------------------------------------------------- */

Test(lesson_checks, a_prediction_of_speed_is_held_against_a_measurement)
{
	fails("fast", "0.001", "allowed 30 %");
	fails("fast", "1e12", "measured");
	is_no_answer("fast", "quick", "a number");
	fails("large", "10", "`torchless lesson run make-model` makes it");
}

/* ---- the cache ----------------------------------------------------------------------------- */

static char *recording(const char *name)
{
	struct text path = { 0 };

	err = (struct err){ 0 };
	cr_assert_eq(lesson_recording(&room, &course.lessons[0], name, &path, &err), 0, "%s: %s",
		     name, err.message);
	return path.data;
}

static int count_files(const char *folder)
{
	char path[128];
	int n = 0;
	DIR *dir;

	snprintf(path, sizeof(path), "%s/%s", home, folder);
	dir = opendir(path);
	for (struct dirent *e; dir && (e = readdir(dir));)
		n += strcmp(e->d_name, ".") && strcmp(e->d_name, "..");
	if (dir)
		closedir(dir);
	return n;
}

Test(lesson_checks, a_recording_is_made_once_and_a_damaged_one_again)
{
	char *first = recording("main"), *again = recording("main"), *mended;
	FILE *f;

	cr_expect_str_eq(first, again);
	cr_expect_eq(count_files("recordings"), 1);
	f = fopen(first, "r+");
	fseek(f, 5000, SEEK_SET);
	fwrite("damage", 1, 6, f);
	fclose(f);
	mended = recording("main");
	cr_expect_eq(count_files("recordings"), 1);
	passes("layers", "5");
	cr_assert_eq(truncate(mended, 100), 0);
	passes("layers", "5");
	cr_expect_eq(count_files("recordings"), 1);
	free(first);
	free(again);
	free(mended);
}

Test(lesson_checks, two_processes_make_a_recording_at_once)
{
	pid_t pids[4];

	for (int i = 0; i < 4; i++) {
		pids[i] = fork();
		if (pids[i] == 0) {
			struct text path = { 0 };

			_exit(lesson_recording(&room, &course.lessons[0], "main", &path, &err) !=
			      0);
		}
	}
	for (int i = 0; i < 4; i++) {
		int status;

		cr_assert_eq(waitpid(pids[i], &status, 0), pids[i]);
		cr_expect_eq(status, 0);
	}
	passes("layers", "5");
}

Test(lesson_checks, what_is_interrupted_leaves_nothing)
{
	volatile sig_atomic_t interrupted = 1;
	struct text path = { 0 };

	room.interrupted = &interrupted;
	cr_expect_eq(lesson_recording(&room, &course.lessons[0], "main", &path, &err),
		     ERR_INTERRUPTED);
	cr_expect_eq(count_files("recordings"), 0);
	text_release(&path);
}

/* As on a full disk: nothing larger than 50 kB can be written. */
static int without_space(const char *variant)
{
	struct rlimit limit = { 50000, 50000 };
	struct text path = { 0 };
	int result;

	signal(SIGXFSZ, SIG_IGN);
	setrlimit(RLIMIT_FSIZE, &limit);
	result = variant ? lesson_variant(&room, variant, &path, &err)
			 : lesson_recording(&room, &course.lessons[0], "main", &path, &err);
	return result == ERR_IO && *err.message ? 0 : 1;
}

Test(lesson_checks, no_space_leaves_nothing)
{
	static const char *const variants[] = { NULL, "f16" };

	for (int i = 0; i < 2; i++) {
		int status;
		pid_t pid = fork();

		if (pid == 0)
			_exit(without_space(variants[i]));
		cr_assert_eq(waitpid(pid, &status, 0), pid);
		cr_expect_eq(status, 0);
	}
	cr_expect_eq(count_files("recordings"), 0);
	cr_expect_eq(count_files("models"), 0);
	passes("layers", "5");
}

Test(lesson_checks, a_cache_that_cannot_be_is_a_sentence)
{
	const char *model = room.model;
	struct text path = { 0 };

	room.cache = "/dev/null/cache";
	cr_expect_eq(lesson_recording(&room, &course.lessons[0], "main", &path, &err), ERR_IO);
	cr_expect(strstr(err.message, "cannot make the folder"), "%s", err.message);
	room.cache = home;
	room.model = "/dev/null/model";
	cr_expect_neq(lesson_recording(&room, &course.lessons[0], "main", &path, &err), 0);
	room.model = model;
	cr_expect_eq(lesson_recording(&room, &course.lessons[0], "absent", &path, &err),
		     ERR_FORMAT);
	text_release(&path);
}

/* ---- variants ------------------------------------------------------------------------------ */

Test(lesson_checks, variants_are_models_that_open)
{
	for (int i = 0; i < variant_table_len; i++) {
		struct text path = { 0 };
		struct model m;

		if (variant_table[i].is_large)
			continue;
		cr_assert_eq(lesson_variant(&room, variant_table[i].name, &path, &err), 0, "%s: %s",
			     variant_table[i].name, err.message);
		cr_assert_eq(model_open(&m, path.data, CHECKPOINT_ALL, &err), 0, "%s: %s",
			     variant_table[i].name, err.message);
		cr_expect_eq(m.checkpoint.n_params, 1201536);
		model_close(&m);
		text_release(&path);
	}
}

Test(lesson_checks, a_damaged_variant_is_made_again)
{
	struct text path = { 0 }, weights = { 0 };
	struct model m;

	cr_assert_eq(lesson_variant(&room, "f16", &path, &err), 0, "%s", err.message);
	text_addf(&weights, "%s/model.safetensors", path.data);
	cr_assert_eq(truncate(weights.data, 5000), 0);
	cr_expect_not(lesson_variant_is_there(&room, "f16", &path));
	cr_assert_eq(lesson_variant(&room, "f16", &path, &err), 0, "%s", err.message);
	cr_assert_eq(model_open(&m, path.data, CHECKPOINT_ALL, &err), 0, "%s", err.message);
	cr_expect_eq(m.checkpoint.weight_dtype, DTYPE_F16);
	model_close(&m);
	cr_expect_eq(lesson_variant(&room, "f61", &path, &err), ERR_USAGE);
	cr_expect(strstr(err.message, "f16"), "%s", err.message);
	text_release(&path);
	text_release(&weights);
}

/* What a step is told, "VARIANT_f16 VARIANT_bf16 ". */
static int add_variable(void *ctx, const char *variable, const char *path)
{
	cr_expect_eq(access(path, R_OK), 0, "%s", path);
	text_addf(ctx, "%s ", variable);
	return 0;
}

Test(lesson_checks, a_step_names_variants)
{
	struct text said = { 0 };

	cr_expect_eq(lesson_step_variants(&room,
					  "torchless info -m \"$VARIANT_f16\"\n"
					  "torchless info -m ${VARIANT_bf16} -m $VARIANT_f16",
					  add_variable, &said, &err),
		     0, "%s", err.message);
	cr_expect_str_eq(said.data, "VARIANT_f16 VARIANT_bf16 ");
	cr_expect_eq(lesson_step_variants(&room, "echo $VARIANT_f17", add_variable, &said, &err),
		     ERR_USAGE);
	cr_expect_eq(lesson_step_variants(&room, "echo nothing", add_variable, &said, &err), 0);
	text_release(&said);
}
