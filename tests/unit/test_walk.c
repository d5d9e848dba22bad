/*
 * test_walk.c -- random walks through time on the tiny and on the teaching model; see walk.h.
 *
 * WALKS=N walks N on each model, as `make walks` and `make asan` do; WALK_SEED=N WALKS=1 one of
 * them again.
 */
#include "support/walk.h"
#include "trace/writer.h"

#include <criterion/criterion.h>
#include <string.h>

enum { TINY = 240, TEACHING = 20 }; /* without WALKS: what `make check` has time for */

static char folder[64];

static void make_folder(void)
{
	snprintf(folder, sizeof(folder), "/tmp/torchless-walk-XXXXXX");
	cr_assert(mkdtemp(folder) != NULL);
}

static void remove_folder(void)
{
	rmdir(folder);
}

TestSuite(walk, .init = make_folder, .fini = remove_folder);

static long number(const char *name, long otherwise)
{
	const char *value = getenv(name);

	return value ? atol(value) : otherwise;
}

static void open_model(struct model *m, const char *dir, unsigned parts)
{
	struct err err = { 0 };

	cr_assert_eq(model_open(m, dir, parts, &err), 0, "%s", err.message);
}

static void expect_walks(const struct walk_setup *setup, uint64_t first, int n)
{
	struct text why = { 0 };
	struct walk failed;
	bool good = walks_hold(setup, (uint64_t)number("WALK_SEED", (long)first), n, &failed, &why);

	cr_expect(good, "%s", why.data ? why.data : "");
	text_release(&why);
}

/* Quarter number `part` of the walks: they share the cores. */
static void walk_tiny(int part, struct tiny t)
{
	struct walk_setup setup = { .folder = folder };
	int n = ((int)number("WALKS", TINY) + 3) / 4;
	struct model m;
	char dir[64];

	tiny_write(&t, dir, sizeof(dir));
	open_model(&m, dir, CHECKPOINT_CONFIG | CHECKPOINT_WEIGHTS);
	setup.model = &m;
	expect_walks(&setup, (uint64_t)part * 100000, n);
	model_close(&m);
	tiny_remove(dir);
}

Test(walk, tiny_model_1)
{
	walk_tiny(0, tiny_default);
}

Test(walk, tiny_model_2)
{
	walk_tiny(1, tiny_default);
}

Test(walk, tiny_model_with_tied_bf16_weights)
{
	struct tiny t = tiny_default;

	t.tied = true;
	t.dtype = DTYPE_BF16;
	walk_tiny(2, t);
}

Test(walk, tiny_model_without_a_window)
{
	struct tiny t = tiny_default;

	t.window = 0;
	walk_tiny(3, t);
}

Test(walk, teaching_model)
{
	static const char *const prompts[] = { "The day after Sunday is", "Lily",
					       "The secret word is Xqzv. Tom wrote" };
	struct walk_setup setup = { .folder = folder, .prompts = prompts, .n_prompts = 3 };
	struct model m;

	open_model(&m, "lessons/model", CHECKPOINT_ALL);
	setup.model = &m;
	expect_walks(&setup, 500000, (int)number("WALKS", TEACHING));
	model_close(&m);
}

/* ---- walks find what is planted ----------------------------------------------------------------
 */

/* A mark that forgets the random state its pass began with. */
static void forget_random_state(struct session *s, struct trace_writer *w)
{
	(void)w;
	for (int i = 0; i < s->n_marks; i++)
		memcpy(s->marks[i].rng, s->sampler.rng, sizeof(s->marks[i].rng));
}

/* A mark that says of its pass's tokens that there was one less. */
static void forget_a_token(struct session *s, struct trace_writer *w)
{
	(void)w;
	if (s->n_marks > 1 && s->marks[s->n_marks - 1].n_tokens > s->n_prompt + 1)
		s->marks[s->n_marks - 1].n_tokens--;
}

/* A recorder that keeps a row too many of what is taken back. */
static void keep_a_row(struct session *s, struct trace_writer *w)
{
	(void)s;
	if (w && w->n_marks > 0)
		w->marks[w->n_marks - 1].begin.next_value++;
}

/* One that keeps an event too many. */
static void keep_an_event(struct session *s, struct trace_writer *w)
{
	(void)s;
	if (w && w->n_marks > 0)
		w->marks[w->n_marks - 1].end.last_event++;
}

static void expect_found(void (*plant)(struct session *, struct trace_writer *), int most_moves)
{
	struct walk_setup setup = { .folder = folder, .plant = plant };
	struct text why = { 0 };
	struct walk failed = { 0 };
	struct model m;
	char dir[64];

	tiny_write(&tiny_default, dir, sizeof(dir));
	open_model(&m, dir, CHECKPOINT_CONFIG | CHECKPOINT_WEIGHTS);
	setup.model = &m;
	cr_assert(!walks_hold(&setup, 1, 200, &failed, &why));
	cr_assert(strstr(why.data, "a walk fails: seed ") && strstr(why.data, "are enough: "), "%s",
		  why.data);
	cr_assert_leq(failed.n_moves, most_moves, "%s", why.data);
	cr_assert(walk_holds(&(struct walk_setup){ .folder = folder, .model = &m }, &failed, &why),
		  "without the fault it holds: %s", why.data);
	text_release(&why);
	model_close(&m);
	tiny_remove(dir);
}

Test(walk, finds_a_mark_that_forgets_the_random_state)
{
	expect_found(forget_random_state, 4);
}

Test(walk, finds_a_mark_that_forgets_a_token)
{
	expect_found(forget_a_token, 6);
}

Test(walk, finds_a_recorder_that_keeps_a_row)
{
	expect_found(keep_a_row, 4);
}

Test(walk, finds_a_recorder_that_keeps_an_event)
{
	expect_found(keep_an_event, 4);
}
