/*
 * test_walk.c -- random walks through time on the tiny and on the teaching model; see walk.h.
 *
 * WALK_SEED=N WALKS=1 walks one of them again.
 */
#include "support/walk.h"
#include "trace/writer.h"

#include <criterion/criterion.h>
#include <string.h>

#define WALKS 1000

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
	bool good = walks_hold(setup, (uint64_t)number("WALK_SEED", (long)first),
			       (int)number("WALKS", n), &failed, &why);

	cr_expect(good, "%s", why.data ? why.data : "");
	text_release(&why);
}

static void walk_tiny(uint64_t first, int n, struct tiny t)
{
	struct walk_setup setup = { .folder = folder };
	struct model m;
	char dir[64];

	tiny_write(&t, dir, sizeof(dir));
	open_model(&m, dir, CHECKPOINT_CONFIG | CHECKPOINT_WEIGHTS);
	setup.model = &m;
	expect_walks(&setup, first, n);
	model_close(&m);
	tiny_remove(dir);
}

/* In four parts, for as many cores. */
Test(walk, tiny_model_1)
{
	walk_tiny(1, WALKS / 4, tiny_default);
}

Test(walk, tiny_model_2)
{
	walk_tiny(1 + WALKS / 4, WALKS / 4, tiny_default);
}

Test(walk, tiny_model_with_tied_bf16_weights)
{
	struct tiny t = tiny_default;

	t.tied = true;
	t.dtype = DTYPE_BF16;
	walk_tiny(1 + WALKS / 2, WALKS / 4, t);
}

Test(walk, tiny_model_without_a_window)
{
	struct tiny t = tiny_default;

	t.window = 0;
	walk_tiny(1 + 3 * WALKS / 4, WALKS / 4, t);
}

Test(walk, teaching_model)
{
	static const char *const prompts[] = { "The day after Sunday is", "Lily",
					       "The secret word is Xqzv. Tom wrote" };
	struct walk_setup setup = { .folder = folder, .prompts = prompts, .n_prompts = 3 };
	struct model m;

	open_model(&m, "lessons/model", CHECKPOINT_ALL);
	setup.model = &m;
	expect_walks(&setup, 5001, 20);
	model_close(&m);
}
