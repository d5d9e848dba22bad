/*
 * place.c -- whether a name that was typed is where a patient first differs.
 */
#include "place.h"

#include "torchless/mem.h"
#include "torchless/point.h"
#include "torchless/scope.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

/* ---- modules -------------------------------------------------------------------------------- */

static const struct {
	const char *shorter, *name;
} modules[] = {
	{ "attn", "self_attn" },
	{ "ln1", "input_layernorm" },
	{ "ln2", "post_attention_layernorm" },
	{ "embed", "embed_tokens" },
};

/* "L0.attn.q_proj" as Hugging Face writes it. */
static void add_module(const char *name, struct text *path)
{
	bool is_layer = *name == 'L' && isdigit((unsigned char)name[1]);
	char *copy = mem_strdup(is_layer ? name + 1 : name), *rest = copy, *word;

	if (is_layer)
		text_adds(path, "model.layers");
	else if (!strncmp(name, "layers.", 7))
		text_adds(path, "model");
	while ((word = strtok_r(rest, ".", &rest))) {
		for (size_t i = 0; i < sizeof(modules) / sizeof(*modules); i++)
			if (!strcmp(word, modules[i].shorter))
				word = (char *)modules[i].name;
		text_addf(path, "%s%s", path->len ? "." : "", word);
	}
	free(copy);
}

/* The module that is called so, -1: none. */
static int find_module(const struct program *p, const char *name)
{
	struct text path = { 0 };
	int m;

	if (strchr(name, ':'))
		return -1;
	text_adds(&path, "");
	add_module(name, &path);
	m = program_find_module(p, path.data);
	text_release(&path);
	return *name ? m : -1;
}

/* The module of a point, and whether m is that or self_attn or mlp around it. */
static int module_of(const struct program *p, value_id v)
{
	return p->ops[p->values[v].op].module;
}

static bool is_its_module(const struct program *p, int m, value_id v)
{
	int own = module_of(p, v), above = p->modules[own].parent;

	if (m == own)
		return true;
	/* Above attention and MLP lie layers, which are too wide. */
	return m == above && above >= 0 && p->modules[above].depth > 3;
}

/* ---- points --------------------------------------------------------------------------------- */

static enum place_match compare_points(const struct program *p, value_id said, value_id right)
{
	if (said == right)
		return PLACE_RIGHT;
	if (is_its_module(p, module_of(p, said), right))
		return PLACE_MODULE;
	return p->values[said].op < p->values[right].op ? PLACE_EARLIER : PLACE_LATER;
}

static enum place_match compare_module(const struct program *p, int m, value_id right)
{
	int op = p->values[right].op;

	if (is_its_module(p, m, right))
		return PLACE_RIGHT;
	if (program_module_inside(p, module_of(p, right), m))
		return PLACE_WIDE;
	return p->modules[m].op_end <= op ? PLACE_EARLIER : PLACE_LATER;
}

int place_match(const struct program *p, const char *typed, const char *fqn,
		enum place_match *match, struct err *err)
{
	value_id right = program_find(p, fqn), said = -1;
	const char *selection;
	char part[200], name[SCOPE_NAME_SIZE];
	struct err none = { 0 };
	bool *wanted;
	int n, m;

	/* Which elements of it differ is not asked; layers[0] is layers.0, as in the debugger. */
	if (selection_split(typed, part, sizeof(part), &selection, err))
		return err->code;
	if (!scope_spell(part, name, sizeof(name)))
		return err_set(err, ERR_USAGE, "no name is as long as '%.60s'", part);
	wanted = mem_calloc((size_t)p->n_values, sizeof(*wanted));
	m = find_module(p, name);
	if (m >= 0 && right >= 0) {
		*match = compare_module(p, m, right);
		free(wanted);
		return 0;
	}
	said = scope_find(p, 0, name, &none);
	n = said >= 0 ? 1 : points_match(p, name, wanted, err);
	for (int i = 0; i < p->n_values && said < 0 && n == 1; i++)
		if (wanted[i])
			said = i;
	if (n == 1 && right >= 0)
		*match = compare_points(p, said, right);
	else if (n > 1)
		*match = right >= 0 && wanted[right] ? PLACE_WIDE : PLACE_LATER;
	free(wanted);
	return n < 0 ? n : 0;
}
