/*
 * scope.c -- see scope.h.
 *
 * A name that is whole means itself wherever one stands.  Any other is looked for from the inside
 * out: in a module, in what lies inside of it, then in the module around, and so on.  It is found
 * when one value has it there; when several have it, one must say more.
 */
#include "torchless/scope.h"

#include "torchless/mem.h"
#include "torchless/point.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NAME_SIZE  SCOPE_NAME_SIZE
#define MAX_INPUTS 32

/* ---- modules ------------------------------------------------------------------------------- */

static bool is_outside(const struct program *p, int module, value_id v)
{
	int op = p->values[v].op;

	return op < p->modules[module].op_first || op >= p->modules[module].op_end;
}

int module_inputs(const struct program *p, int module, value_id *out, int n)
{
	const struct module *m = &p->modules[module];
	int found = 0;

	for (int i = m->op_first; i < m->op_end; i++)
		for (int k = 0; k < p->ops[i].n_in; k++) {
			value_id v = p->ops[i].in[k];
			bool known =
				p->values[v].storage == STORAGE_WEIGHT || !is_outside(p, module, v);

			for (int j = 0; j < found && !known; j++)
				known = out[j] == v;
			if (!known && found < n)
				out[found++] = v;
		}
	return found;
}

value_id module_output(const struct program *p, int module)
{
	const struct op *last = &p->ops[p->modules[module].op_end - 1];

	return last->out[last->n_out - 1];
}

/* ---- spelling ------------------------------------------------------------------------------ */

bool scope_spell(const char *path, char *out, size_t size)
{
	size_t at = 0;

	for (; *path; path++) {
		size_t digits = *path == '[' ? strspn(path + 1, "0123456789") : 0;

		if (at + digits + 2 > size)
			return false;
		if (digits > 0 && path[1 + digits] == ']') {
			out[at++] = '.';
			memcpy(out + at, path + 1, digits);
			at += digits;
			path += 1 + digits;
		} else {
			out[at++] = *path;
		}
	}
	out[at] = '\0';
	return true;
}

/* What parts of a path are called for short, as in L3.attn.z. */
static const char *const brief_parts[][2] = {
	{ "attn", "self_attn" },
	{ "ln1", "input_layernorm" },
	{ "ln2", "post_attention_layernorm" },
};

/* The same with whole words for short ones; false when it has none, or becomes too long. */
static bool unfold(const char *path, char *out, size_t size)
{
	bool has_any = false;
	size_t at = 0;

	while (*path) {
		size_t n = strcspn(path, ".:");
		const char *word = path;
		size_t len = n;

		for (size_t i = 0; i < sizeof(brief_parts) / sizeof(brief_parts[0]); i++)
			if (strlen(brief_parts[i][0]) == n &&
			    !strncmp(path, brief_parts[i][0], n)) {
				word = brief_parts[i][1];
				len = strlen(word);
				has_any = true;
			}
		if (at + len + 2 > size)
			return false;
		memcpy(out + at, word, len);
		at += len;
		path += n;
		if (*path)
			out[at++] = *path++;
	}
	out[at] = '\0';
	return has_any;
}

/* Whether they are the same but for `:`, for which one may say `.` */
static bool is_spelled(const char *name, const char *as)
{
	for (; *name && *as; name++, as++)
		if (*name != *as && !(*name == ':' && *as == '.'))
			return false;
	return !*name && !*as;
}

/* ---- looking in a module ------------------------------------------------------------------- */

struct search {
	const struct program *program;
	const char *base; /* the path of a module, "" of the root */
	const char *name; /* what something in it is called */
	bool *found;      /* [n_values] */
	value_id direct, first;
	int n;
};

enum fit { FITS_NOT, FITS_DEEP, FITS_DIRECT };

/* Whether a whole name lies in the module and ends in what one looks for, or right behind its path.
 */
static enum fit fit(const struct search *s, const char *whole)
{
	size_t base = strlen(s->base), n = strlen(whole), len = strlen(s->name);
	const char *tail;

	if (n < len || strncmp(whole, s->base, base) != 0)
		return FITS_NOT;
	tail = whole + n - len;
	if (!is_spelled(tail, s->name))
		return FITS_NOT;
	if (base == 0 && tail == whole)
		return FITS_DIRECT;
	if (tail == whole || (tail[-1] != '.' && tail[-1] != ':') || tail - 1 < whole + base)
		return FITS_NOT;
	if (base > 0 && whole[base] != '.' && whole[base] != ':')
		return FITS_NOT;
	return tail - 1 == whole + base ? FITS_DIRECT : FITS_DEEP;
}

static void offer(struct search *s, enum fit how, value_id v)
{
	if (how == FITS_NOT)
		return;
	if (how == FITS_DIRECT && s->direct < 0)
		s->direct = v;
	if (s->found[v])
		return;
	s->found[v] = true;
	if (s->n++ == 0)
		s->first = v;
}

static bool is_inside(const struct program *p, value_id v, const char *base)
{
	int m = p->values[v].op < 0 ? -1 : p->ops[p->values[v].op].module;

	while (m > 0 && strcmp(p->modules[m].path, base) != 0)
		m = p->modules[m].parent;
	return m > 0 || (m == 0 && !*base);
}

/* Everything of that name in the module at s->base. */
static void look(struct search *s)
{
	const struct program *p = s->program;

	s->direct = s->first = -1;
	s->n = 0;
	for (int i = 0; i < p->n_values; i++)
		offer(s, fit(s, p->values[i].name), i);
	for (int i = 0; i < p->n_aliases; i++)
		offer(s, fit(s, p->aliases[i].name), p->aliases[i].value);
	for (int i = 1; i < p->n_modules; i++)
		offer(s, fit(s, p->modules[i].path), module_output(p, i));
	for (int i = 0; i < p->n_values && s->n == 0; i++)
		if (p->values[i].point && !strcmp(p->values[i].point->role, s->name) &&
		    is_inside(p, i, s->base))
			offer(s, FITS_DEEP, i);
}

static int refuse_several(const struct search *s, struct err *err)
{
	struct text names = { 0 };
	char buf[NAME_SIZE];
	int shown = 0;

	for (int i = 0; i < s->program->n_values && shown < 5; i++)
		if (s->found[i])
			text_addf(&names, "%s%s", shown++ ? ", " : "",
				  point_short_name(&s->program->values[i], buf, sizeof(buf)));
	err_set(err, ERR_USAGE, "'%.80s' is one of %d: %s", s->name, s->n,
		names.data ? names.data : "");
	if (s->n > shown)
		err_set(err, ERR_USAGE, "'%.80s' is one of %d: %s, and %d more", s->name, s->n,
			names.data ? names.data : "", s->n - shown);
	text_release(&names);
	return ERR_USAGE;
}

/*
 * From module m outward, or in m alone: the value, -1 when there is none, and ERR_USAGE, which is
 * less, when there are several.
 */
static int look_from(const struct program *p, int m, bool outward, const char *name,
		     struct err *err)
{
	struct search s = { .program = p, .name = name };
	int r = -1;

	if (!*name)
		return -1;
	s.found = mem_calloc((size_t)p->n_values, sizeof(*s.found));
	for (; m >= 0 && r == -1; m = outward ? p->modules[m].parent : -1) {
		s.base = p->modules[m].path;
		look(&s);
		if (s.direct >= 0 || s.n == 1)
			r = s.direct >= 0 ? s.direct : s.first;
		else if (s.n > 1)
			r = refuse_several(&s, err);
	}
	free(s.found);
	return r;
}

/* ---- what goes in and out ------------------------------------------------------------------ */

int scope_input(const struct program *p, const value_id *in, int n, int k, struct err *err)
{
	struct text names = { 0 };

	if (n > 0 && ((k >= 0 && k < n) || (k < 0 && n == 1)))
		return in[k < 0 ? 0 : k];
	for (int i = 0; i < n && i < 5; i++)
		text_addf(&names, "%sin[%d] %s", i ? ", " : "", i, p->values[in[i]].name);
	if (n == 0)
		err_set(err, ERR_USAGE,
			"nothing goes in here: `in` is what the op or module that comes next reads");
	else if (k < 0)
		err_set(err, ERR_USAGE, "'in' is one of %d: %s", n, names.data);
	else
		err_set(err, ERR_USAGE, "there is no in[%d]: there %s %s", k,
			plural(n, "is", "are"), names.data);
	text_release(&names);
	return ERR_USAGE;
}

bool scope_is_input(const char *word, int *k)
{
	char *end;
	long n;

	*k = -1;
	if (strncmp(word, "in", 2) != 0)
		return false;
	if (word[2] == '\0')
		return true;
	if ((word[2] != '.' && word[2] != ':') || !isdigit((unsigned char)word[3]))
		return false;
	errno = 0;
	n = strtol(word + 3, &end, 10);
	*k = errno || n > INT_MAX ? INT_MAX : (int)n;
	return !*end;
}

/* The start of the last word, "in.2" counting as one. */
static const char *last_word(const char *path)
{
	const char *word = path + strlen(path), *before;

	while (word > path && word[-1] != '.' && word[-1] != ':')
		word--;
	if (!isdigit((unsigned char)*word) || word - path < 3)
		return word;
	before = word - 3;
	return !strncmp(before, "in", 2) &&
			       (before == path || before[-1] == '.' || before[-1] == ':')
		       ? before
		       : word;
}

/* The module whose path ends so, -1 when there is none or several. */
static int module_that_ends_in(const struct program *p, const char *path)
{
	size_t len = strlen(path);
	int found = -1;

	for (int i = 1; i < p->n_modules; i++) {
		const char *whole = p->modules[i].path;
		size_t n = strlen(whole);

		if (n <= len || whole[n - len - 1] != '.' || strcmp(whole + n - len, path) != 0)
			continue;
		if (found >= 0)
			return -1;
		found = i;
	}
	return found;
}

static int find_module(const struct program *p, int m, bool outward, const char *path)
{
	char whole[2 * NAME_SIZE];

	if (!*path)
		return m;
	for (; m >= 0; m = outward ? p->modules[m].parent : -1) {
		const char *base = p->modules[m].path;
		int found;

		snprintf(whole, sizeof(whole), "%s%s%s", base, *base ? "." : "", path);
		found = program_find_module(p, whole);
		if (found >= 0)
			return found;
	}
	return outward ? module_that_ends_in(p, path) : -1;
}

/* "mlp.out", "mlp.in", "mlp.in.1": of a module that is not called so itself. */
static int of_module(const struct program *p, int m, bool outward, const char *path,
		     struct err *err)
{
	const char *word = last_word(path);
	value_id in[MAX_INPUTS];
	char stem[NAME_SIZE] = "", whole[2 * NAME_SIZE];
	int module, k;

	if (!scope_is_input(word, &k) && strcmp(word, "out") != 0)
		return -1;
	snprintf(stem, sizeof(stem), "%.*s", (int)(word > path ? word - path - 1 : 0), path);
	module = find_module(p, m, outward, stem);
	if (module < 0)
		return -1;
	snprintf(whole, sizeof(whole), "%s:%s", p->modules[module].path, word);
	if (program_find(p, whole) >= 0)
		return program_find(p, whole);
	if (!strcmp(word, "out"))
		return module_output(p, module);
	return scope_input(p, in, module_inputs(p, module, in, MAX_INPUTS), k, err);
}

/* ---- nothing is called so ------------------------------------------------------------------ */

static const char *leaf(const char *name)
{
	const char *colon = strrchr(name, ':');
	const char *dot = strrchr(name, '.');

	return colon ? colon + 1 : dot ? dot + 1 : name;
}

int scope_unknown(const struct program *p, const char *path, struct err *err)
{
	const char *word = path + strspn(path, ".:");
	bool is_leaf = !strpbrk(word, ".:");
	struct text_nearest best = { .name = word, .distance = text_too_far(word) };

	if (points_lack_layer(p, path))
		return err_set(err, ERR_USAGE,
			       "'%.80s' names a layer that is not there: there are %d, 0 to %d",
			       path, p->n_layers, p->n_layers - 1);
	for (int i = 0; i < p->n_values; i++)
		text_nearest_offer(&best, is_leaf ? leaf(p->values[i].name) : p->values[i].name);
	for (int i = 1; i < p->n_modules; i++)
		text_nearest_offer(&best, is_leaf ? leaf(p->modules[i].path) : p->modules[i].path);
	if (best.best)
		return err_set(err, ERR_USAGE, "nothing here is called '%.80s'; did you mean '%s'?",
			       path, best.best);
	return err_set(err, ERR_USAGE, "nothing here is called '%.80s'", path);
}

/* ---- a name -------------------------------------------------------------------------------- */

/* What another tool, or a short name, calls it; -1: nothing. */
static int foreign(const struct program *p, const char *path)
{
	bool *wanted = mem_calloc((size_t)p->n_values, sizeof(*wanted));
	value_id v = 0;
	int n = strpbrk(path, "*?[") ? 0 : points_match(p, path, wanted, NULL);

	while (n == 1 && !wanted[v])
		v++;
	free(wanted);
	return n == 1 ? v : -1;
}

/* In the module of `.`, or with a dot more in one around it. */
static int resolve_relative(const struct program *p, int here, const char *path, struct err *err)
{
	char whole[NAME_SIZE] = "";
	int r;

	if (*path == '.')
		path++;
	for (; *path == '.' && here >= 0; path++)
		here = p->modules[here].parent;
	if (here < 0)
		return err_set(err, ERR_USAGE, "there is no module so far outside");
	path += *path == ':';
	if (!*path)
		return module_output(p, here);
	r = of_module(p, here, false, path, err);
	if (r == -1)
		r = look_from(p, here, false, path, err);
	if (r == -1 && unfold(path, whole, sizeof(whole)))
		r = look_from(p, here, false, whole, err);
	return r;
}

static int resolve_outward(const struct program *p, int here, const char *path, struct err *err)
{
	char whole[NAME_SIZE] = "";
	int m, r = program_find(p, path);

	if (r >= 0)
		return r;
	m = program_find_module(p, path);
	if (m >= 0)
		return module_output(p, m);
	if (!strcmp(path, "logits"))
		return p->logits;
	r = of_module(p, here, true, path, err);
	if (r == -1)
		r = look_from(p, here, true, path, err);
	if (r == -1)
		r = foreign(p, path);
	if (r == -1 && unfold(path, whole, sizeof(whole)))
		r = look_from(p, here, true, whole, err);
	return r;
}

int scope_find(const struct program *p, int module, const char *path, struct err *err)
{
	return *path == '.' || *path == ':' ? resolve_relative(p, module, path, err)
					    : resolve_outward(p, module, path, err);
}
