/*
 * paths.c -- which modules and points a path means.
 *
 * A path is read in the first of these ways that finds something: a module, below `model.` or not;
 * the same with the short words of points ("L3.attn"); a glob over all of a path; a point under any
 * of its names; a name inside the module of `.`, then outside of it; the end of a path that only
 * one thing has.  A `*` stands for a part of a path first ("layers.*" is the layers), and for any
 * run of parts where nothing is found so.
 */
#include "../debug_impl.h"

#include "torchless/point.h"

#include <ctype.h>
#include <limits.h>

/* Longer than any name; what is longer is none. */
#define MAX_PATH 512

struct search {
	struct debugger *d;
	const struct program *p;
	struct location *l;
};

/* ---- spots ----------------------------------------------------------------------------------- */

static void add_spot(struct location *l, struct spot spot)
{
	for (int i = 0; i < l->n_spots; i++)
		if (l->spots[i].op == spot.op && l->spots[i].module == spot.module) {
			if (spot.module < 0 && spot.out < l->spots[i].out)
				l->spots[i].out = spot.out;
			return;
		}
	l->spots = mem_grow(l->spots, (size_t)l->n_spots, &l->cap_spots, sizeof(*l->spots));
	l->spots[l->n_spots++] = spot;
}

void location_add_module(struct location *l, const struct program *p, int module)
{
	add_spot(l, (struct spot){ p->modules[module].op_first, module, p->modules[module].depth,
				   module_output(p, module) });
}

void location_add_op(struct location *l, const struct program *p, int op)
{
	const struct op *o = &p->ops[op];

	add_spot(l, (struct spot){ op, -1, op_depth_max(p, op), o->out[o->n_out - 1] });
}

static void add_value(struct location *l, const struct program *p, value_id v)
{
	int op = p->values[v].op;

	if (op >= 0)
		add_spot(l, (struct spot){ op, -1, op_depth_max(p, op), v });
}

/* ---- a pattern against a path ---------------------------------------------------------------- */

/* The part of a path at *s, up to a dot outside of brackets; *s moves behind the dot. */
static bool next_part(const char **s, char *part, size_t size)
{
	const char *at = *s;
	bool in_class = false;

	if (!at)
		return false;
	while (*at && (*at != '.' || in_class)) {
		in_class = *at == '[' || (in_class && *at != ']');
		at++;
	}
	snprintf(part, size, "%.*s", (int)(at - *s), *s);
	*s = *at ? at + 1 : NULL;
	return true;
}

/* "[4-7]" over a number: between them, not a class of characters. */
static bool is_range(const char *part, long *first, long *last)
{
	char *end;

	if (part[0] != '[' || !isdigit((unsigned char)part[1]))
		return false;
	*first = *last = strtol(part + 1, &end, 10);
	if (*end == '-' && isdigit((unsigned char)end[1]))
		*last = strtol(end + 1, &end, 10);
	return !strcmp(end, "]");
}

static bool part_matches(const char *pattern, const char *part)
{
	long first, last;

	if (is_range(pattern, &first, &last) && isdigit((unsigned char)*part)) {
		long n = strtol(part, NULL, 10);

		return n >= first && n <= last;
	}
	return text_glob(pattern, part);
}

static bool path_matches(const char *pattern, const char *path)
{
	char want[MAX_PATH], have[MAX_PATH];

	while (pattern && path) {
		next_part(&pattern, want, sizeof(want));
		next_part(&path, have, sizeof(have));
		if (!part_matches(want, have))
			return false;
	}
	return !pattern && !path;
}

/* Paths may be said without `model.`, which all but the head stands in. */
static const char *without_model(const char *path)
{
	return strncmp(path, "model.", 6) != 0 ? path : path + 6;
}

typedef bool match_fn(const char *pattern, const char *path);

static int match_modules(struct search *s, const char *pattern, match_fn *matches)
{
	int n = 0;

	for (int m = 1; m < s->p->n_modules; m++) {
		const char *path = s->p->modules[m].path;

		if (!matches(pattern, path) && !matches(pattern, without_model(path)))
			continue;
		location_add_module(s->l, s->p, m);
		n++;
	}
	return n;
}

static int match_points(struct search *s, const char *pattern)
{
	bool *wanted = mem_calloc((size_t)s->p->n_values, sizeof(*wanted));
	int n = points_match(s->p, pattern, wanted, NULL);

	for (int v = 0; n > 0 && v < s->p->n_values; v++)
		if (wanted[v])
			add_value(s->l, s->p, v);
	free(wanted);
	return n > 0 ? n : 0;
}

/* ---- spellings ------------------------------------------------------------------------------- */

/* "layers[3].mlp" as "layers.3.mlp": brackets behind a name are one of its parts. */
static void add_plain(const char *path, struct text *out)
{
	for (const char *s = path; *s; s++) {
		size_t len = strcspn(s, "]");
		bool is_layer = s == path + 1 && *path == 'L'; /* "L[4-7].mlp" */
		bool is_part = *s == '[' && s > path && isalnum((unsigned char)s[-1]) &&
			       !is_layer && s[len];

		if (!is_part) {
			text_addc(out, *s);
			continue;
		}
		text_addc(out, '.');
		if (strspn(s + 1, "0123456789*") == len - 1)
			text_add(out, s + 1, len - 1);
		else
			text_add(out, s, len + 1);
		s += len;
	}
}

static const struct {
	const char *brief, *part;
} parts[] = {
	{ "attn", "self_attn" },
	{ "ln1", "input_layernorm" },
	{ "ln2", "post_attention_layernorm" },
};

/* "L3.attn" as "layers.3.self_attn". */
static void add_long(const char *path, struct text *out)
{
	char part[MAX_PATH];
	bool is_layer = *path == 'L' && path[1] &&
			(isdigit((unsigned char)path[1]) || strchr("*[?", path[1]) != NULL);

	if (is_layer) {
		text_adds(out, "layers.");
		path++;
	}
	for (bool is_first = true; next_part(&path, part, sizeof(part)); is_first = false) {
		const char *said = part;

		for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
			if (!strcmp(part, parts[i].brief))
				said = parts[i].part;
		text_addf(out, "%s%s", is_first ? "" : ".", said);
	}
}

/* ---- from where one stands ------------------------------------------------------------------- */

/* "name" in a module: one inside of it, or a point of its own. */
static int match_in(struct search *s, int module, const char *name)
{
	const char *path = s->p->modules[module].path;
	struct text t = { 0 };
	int n;

	text_addf(&t, "%s%s%s", path, *path ? "." : "", name);
	n = match_modules(s, t.data, path_matches);
	if (n == 0) {
		text_clear(&t);
		text_addf(&t, "%s:%s", path, name);
		n = match_points(s, t.data);
	}
	if (n > 0)
		text_add(&s->l->text, t.data, t.len);
	text_release(&t);
	return n;
}

static int match_outward(struct search *s, const char *name)
{
	int m = s->d->target->has_begun ? debugger_here(s->d) : -1;
	int n = 0;

	for (; m >= 0 && n == 0; m = s->p->modules[m].parent)
		n = match_in(s, m, name);
	return n;
}

/* Whether a name ends with this, beginning at one of its parts. */
static bool ends_with(const char *name, const char *end)
{
	size_t n = strlen(name), len = strlen(end);

	return n > len && !strcmp(name + n - len, end) && strchr(".:", name[n - len - 1]);
}

/* "self_attn" when only one is called so: else ERR_USAGE with those that are. */
static int match_end(struct search *s, const char *name, struct err *err)
{
	const struct program *p = s->p;
	const char *first = NULL, *last = NULL;
	const char *layer;
	int n = 0;

	for (int m = 1; m < p->n_modules; m++)
		if (ends_with(p->modules[m].path, name)) {
			first = first ? first : p->modules[m].path;
			last = p->modules[m].path;
			if (n++ == 0)
				location_add_module(s->l, p, m);
		}
	for (int v = 0; first == NULL && v < p->n_values; v++)
		if (p->values[v].point && ends_with(p->values[v].name, name)) {
			last = p->values[v].name;
			if (n++ == 0)
				add_value(s->l, p, v);
		}
	if (n <= 1 || !last)
		return n;
	layer = last ? strstr(last, "layers.") : NULL;
	if (!layer)
		return err_set(err, ERR_USAGE, "'%.100s' means %d things: %s is one of them", name,
			       n, without_model(last));
	return err_set(err, ERR_USAGE,
		       "'%.100s' means %d things, the last is %s: `layers.*%s` means all of them",
		       name, n, without_model(last), layer + 7 + strspn(layer + 7, "0123456789"));
}

/* ---- nothing --------------------------------------------------------------------------------- */

/* The layer that a path names and that is not there, -1: it is something else. */
static long missing_layer(const struct program *p, const char *path)
{
	const char *at = strstr(path, "layers.");
	long layer;

	if (!at || !isdigit((unsigned char)at[7]))
		return -1;
	layer = strtol(at + 7, NULL, 10);
	return layer >= p->n_layers ? layer : -1;
}

static int found_nothing(const struct program *p, const char *said, const char *path,
			 struct err *err)
{
	struct text_near near = { .name = said };
	char buf[160], names[TEXT_NEAR * 160 + 16];

	if (missing_layer(p, path) >= 0)
		return err_set(err, ERR_USAGE, "there is no layer %ld: the layers are 0 to %d",
			       missing_layer(p, path), p->n_layers - 1);
	for (int m = 1; m < p->n_modules; m++)
		text_near_offer(&near, without_model(p->modules[m].path), -1);
	for (int v = 0; v < p->n_values; v++)
		if (p->values[v].point && strchr(p->values[v].name, ':') &&
		    !ends_with(p->values[v].name, "out"))
			text_near_offer(&near, point_short_name(&p->values[v], buf, sizeof(buf)),
					-1);
	text_near_drop_far(&near);
	text_near_format(&near, names, sizeof(names));
	return err_set(err, ERR_USAGE, "no module, point or place is called '%.100s'%s%s", said,
		       near.n ? plural(near.n, "; the nearest is ", "; the nearest are ") : "",
		       names);
}

/* ---- all of it ------------------------------------------------------------------------------- */

/* "." and ".mlp". */
static int match_here(struct search *s, const char *path, struct err *err)
{
	int here = debugger_here(s->d);
	const char *name = s->p->modules[here].path;

	if (!path[1]) {
		location_add_module(s->l, s->p, here);
		return 0;
	}
	if (match_in(s, here, path + (path[1] == ':' ? 2 : 1)))
		return 0;
	return err_set(err, ERR_USAGE, "there is no '%.100s' in %s, where one stands", path,
		       *name ? name : s->p->modules[here].type);
}

static int match_all(struct search *s, const char *said, const char *plain, const char *full,
		     struct err *err)
{
	bool is_glob = strpbrk(plain, "*?[") != NULL;
	int n = match_modules(s, plain, path_matches);

	if (n == 0)
		n = match_modules(s, full, path_matches);
	if (n == 0 && is_glob)
		n = match_modules(s, full, text_glob);
	if (n == 0)
		n = match_points(s, plain);
	if (n == 0 && !is_glob)
		n = match_outward(s, full);
	if (n == 0 && !is_glob)
		n = match_end(s, full, err);
	if (n < 0)
		return n;
	return n > 0 ? 0 : found_nothing(s->p, said, full, err);
}

int paths_find(struct debugger *d, const char *path, struct location *l, struct err *err)
{
	struct search s = { .d = d, .p = d->program, .l = l };
	struct text plain = { 0 }, full = { 0 };
	int r;

	if (strlen(path) >= MAX_PATH)
		return err_set(err, ERR_USAGE, "'%.60s...' is longer than any name", path);
	if (*path == '.')
		return match_here(&s, path, err);
	if (!strcmp(path, d->program->modules[0].type)) {
		location_add_module(l, d->program, 0);
		return 0;
	}
	text_adds(&plain, "");
	text_adds(&full, "");
	add_plain(path, &plain);
	add_long(plain.data, &full);
	r = match_all(&s, path, plain.data, full.data, err);
	text_release(&plain);
	text_release(&full);
	return r;
}
