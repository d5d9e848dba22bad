/*
 * check.c -- checking an exercise: a table by its kind.
 */
#include "check.h"

#include "../cut.h"

#include "torchless/mem.h"

#include <string.h>
#include <xxhash.h>

static const struct {
	int (*check)(const struct check *c, struct verdict *v, struct err *err);
	int (*solution)(const struct check *c, struct text *out, struct err *err);
	int (*prepare)(const struct check *c, struct err *err); /* NULL: it asks no recording */
} kinds[EXERCISE_KINDS] = {
	[EXERCISE_PREDICT] = { check_predict, solution_words, prepare_words },
	[EXERCISE_VALUE] = { check_value, solution_words, prepare_words },
	[EXERCISE_SQL] = { check_sql, solution_sql, prepare_sql },
	[EXERCISE_KERNEL] = { check_kernel, NULL, NULL },
	[EXERCISE_LOCATE] = { check_locate, solution_locate, prepare_locate },
	[EXERCISE_BENCH] = { check_bench, solution_bench, NULL },
	[EXERCISE_MILESTONE] = { check_milestone, solution_milestone, NULL },
};

/* What was checked, so that nobody wonders whether the right file was read. */
static void note_file(struct verdict *v, const struct answer *a)
{
	if (!a->path || v->file)
		return;
	v->file = mem_strdup(a->path);
	v->file_hash = XXH3_64bits(a->text, a->len);
}

int exercise_check(const struct classroom *room, const struct exercise *e, const struct answer *a,
		   struct verdict *v, struct err *err)
{
	struct check c = { room, e, a };
	const char *why = section_value(e->conf, "why");
	int r;

	note_file(v, a);
	r = kinds[e->kind].check(&c, v, err);
	if (r == 0 && v->passed && !v->says.len && why)
		text_adds(&v->says, why);
	return r;
}

int exercise_solution(const struct classroom *room, const struct exercise *e, struct text *out,
		      struct err *err)
{
	struct check c = { room, e, NULL };

	if (e->file)
		return exercise_shown_solution(room->course, e, out, err);
	if (!kinds[e->kind].solution)
		return err_set(err, ERR_USAGE, "%s has no solution that could be shown", e->id);
	return kinds[e->kind].solution(&c, out, err);
}

int exercise_prepare(const struct classroom *room, const struct exercise *e, struct err *err)
{
	struct check c = { room, e, NULL };

	return kinds[e->kind].prepare ? kinds[e->kind].prepare(&c, err) : 0;
}
