/*
 * step.c -- the variants that the commands of a step name.
 */
#include "variants.h"

#include "torchless/mem.h"

#include <stdlib.h>
#include <string.h>

#define VARIABLE "VARIANT_"

/* Whether the variable at `at` is one that the commands named before. */
static bool is_said(const char *commands, const char *at, size_t n)
{
	for (const char *s = commands; (s = strstr(s, VARIABLE)) && s < at; s += n)
		if (!strncmp(s, at, n) && !strchr("abcdefghijklmnopqrstuvwxyz0123456789_", s[n]))
			return true;
	return false;
}

int lesson_step_variants(const struct classroom *room, const char *commands,
			 int (*set)(void *ctx, const char *variable, const char *path), void *ctx,
			 struct err *err)
{
	const char *at = commands;
	int result = 0;

	while (result == 0 && (at = strstr(at, VARIABLE))) {
		size_t n = strlen(VARIABLE);
		struct text path = { 0 };
		char *variable;

		n += strspn(at + n, "abcdefghijklmnopqrstuvwxyz0123456789_");
		variable = mem_memdup(at, n);
		if (at > commands && (at[-1] == '$' || at[-1] == '{') &&
		    !is_said(commands, at, n)) {
			result = lesson_variant(room, variable + strlen(VARIABLE), &path, err);
			if (result == 0)
				result = set(ctx, variable, path.data);
		}
		text_release(&path);
		free(variable);
		at += n;
	}
	return result;
}
