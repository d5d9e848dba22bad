/*
 * keys.c -- which keys a section may have, so that one that is mistyped is not one that is ignored.
 */
#include "keys.h"

#include <string.h>

const char *const keys_of_course[] = { "format", "title", "model", "order", "short", NULL };

const char *const keys_of_lesson[] = { "title", "minutes", "needs", NULL };

const char *const keys_of_trace[] = { "prompt",   "ids",     "prompts", "n",    "capture",
				      "zero",     "chunk",   "bug",     "bug.", "variant",
				      "variant.", "window",  "config.", "seed", "given",
				      "on",       "bugs",    "draw",    "temp", "top_p",
				      "logits",   "kernels", "lens",    NULL };

#define OF_ALL    "kind", "title", "trace", "why", "hardest"
#define OF_ANSWER "answer", "answer.run", "tolerance", "wrong."
#define OF_WORDS  "form", "unit", "items", "choices", "reveal", "reveal.run"

static const char *const of_predict[] = { OF_ALL, OF_ANSWER, OF_WORDS, NULL };
static const char *const of_value[] = { OF_ALL, OF_ANSWER, OF_WORDS, NULL };
static const char *const of_sql[] = { OF_ALL,    OF_ANSWER,     "hidden", "ordered",
				      "columns", "equivalent.", NULL };
static const char *const of_kernel[] = { OF_ALL, "kernel", "file", NULL };
static const char *const of_locate[] = { OF_ALL,   "patients", "choices", "choice.", "wrong.",
					 "answer", "key",      "place",   "bomb",    NULL };
static const char *const of_bench[] = { OF_ALL, OF_ANSWER, OF_WORDS,  "what", "kernel", "kernel.",
					"file", "bench.",  "variant", "n",    "step",   NULL };
static const char *const of_milestone[] = { OF_ALL, "kernels", NULL };

const char *exercise_kind_name(enum exercise_kind kind)
{
	static const char *const names[EXERCISE_KINDS] = {
		[EXERCISE_PREDICT] = "predict",
		[EXERCISE_VALUE] = "value",
		[EXERCISE_SQL] = "sql",
		[EXERCISE_KERNEL] = "kernel",
		[EXERCISE_LOCATE] = "locate",
		[EXERCISE_BENCH] = "bench",
		[EXERCISE_MILESTONE] = "milestone",
	};

	return names[kind];
}

const char *const *keys_of_exercise(enum exercise_kind kind)
{
	static const char *const *const all[EXERCISE_KINDS] = {
		[EXERCISE_PREDICT] = of_predict,
		[EXERCISE_VALUE] = of_value,
		[EXERCISE_SQL] = of_sql,
		[EXERCISE_KERNEL] = of_kernel,
		[EXERCISE_LOCATE] = of_locate,
		[EXERCISE_BENCH] = of_bench,
		[EXERCISE_MILESTONE] = of_milestone,
	};

	return all[kind];
}

bool key_is_allowed(const char *key, const char *const *allowed)
{
	for (; *allowed; allowed++) {
		size_t n = strlen(*allowed);
		bool begins = (*allowed)[n - 1] == '.';

		if (begins ? !strncmp(key, *allowed, n) && key[n] : !strcmp(key, *allowed))
			return true;
	}
	return false;
}
